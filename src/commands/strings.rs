//! Strings as a whole: GET, SET and their relatives. Counters, parts of strings and LCS are in files of their own.

pub(super) mod counters;
pub(super) mod lcs;
pub(super) mod ranges;

use super::expiry::{self, Unit, When};
use super::spec::{Group, access::*, flag::*, key, keys};
use super::{Args, CommandSpec};
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::keyspace::{Content, Ctx, Entry, Key, Text};
use crate::reply::Reply;
use crate::store::{LockMode, Store};

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("GET", get_cmd)
        .summary("Gives the value of a string.")
        .since("1.0.0")
        .group(Group::String)
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("GETDEL", getdel_cmd)
        .summary("Gives the value of a string and removes the key.")
        .since("6.2.0")
        .group(Group::String)
        .syntax("key")
        .arity(2)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | DELETE)]),
    CommandSpec::new("GETEX", getex_cmd)
        .summary("Gives the value of a string and changes its deadline.")
        .since("6.2.0")
        .group(Group::String)
        .syntax("key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]")
        .arity(-2)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
    CommandSpec::new("GETSET", getset_cmd)
        .summary("Sets a key to a string and gives the string that it held.")
        .since("1.0.0")
        .group(Group::String)
        .syntax("key value")
        .arity(3)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
    CommandSpec::new("MGET", mget_cmd)
        .summary("Gives the values of several strings.")
        .since("1.0.0")
        .complexity("O(N) for N keys")
        .group(Group::String)
        .syntax("key [key ...]")
        .arity(-2)
        .flags(READONLY | FAST)
        .keys(&[keys(1, -1, 1, RO | ACCESS)])
        .tips(&["request_policy:multi_shard"]),
    CommandSpec::new("MSET", mset_cmd)
        .summary("Sets several keys to strings, all at once.")
        .since("1.0.1")
        .complexity("O(N) for N keys")
        .group(Group::String)
        .syntax("key value [key value ...]")
        .arity(-3)
        .flags(WRITE | DENYOOM)
        .keys(&[keys(1, -1, 2, OW | UPDATE)])
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]),
    CommandSpec::new("MSETNX", msetnx_cmd)
        .summary("Sets several keys to strings if none of them exists.")
        .since("1.0.1")
        .complexity("O(N) for N keys")
        .group(Group::String)
        .syntax("key value [key value ...]")
        .arity(-3)
        .flags(WRITE | DENYOOM)
        .keys(&[keys(1, -1, 2, OW | INSERT)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_min"]),
    CommandSpec::new("PSETEX", psetex_cmd)
        .summary("Sets a key to a string that ends after a number of milliseconds.")
        .since("2.6.0")
        .group(Group::String)
        .syntax("key milliseconds value")
        .arity(4)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, OW | UPDATE)]),
    CommandSpec::new("SET", set_cmd)
        .summary("Sets a key to a string, whatever it held before.")
        .since("1.0.0")
        .group(Group::String)
        .syntax(
            "key value [NX | XX] [GET] \
             [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
        )
        .arity(-3)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, RW | ACCESS | UPDATE | VARIABLE_FLAGS)]),
    CommandSpec::new("SETEX", setex_cmd)
        .summary("Sets a key to a string that ends after a number of seconds.")
        .since("2.0.0")
        .group(Group::String)
        .syntax("key seconds value")
        .arity(4)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, OW | UPDATE)]),
    CommandSpec::new("SETNX", setnx_cmd)
        .summary("Sets a key to a string if it does not exist.")
        .since("1.0.0")
        .group(Group::String)
        .syntax("key value")
        .arity(3)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, OW | INSERT)]),
];

/// When SET applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetCondition {
    /// Only if the key does not exist (NX).
    IfMissing,
    /// Only if the key exists (XX).
    IfExists,
}

/// The options of [`Store::set_with`].
///
/// # Examples
///
/// ```
/// use redmoon::{SetOptions, Store};
///
/// let store = Store::new();
/// let lock = SetOptions::new().if_missing().ex(30);
/// assert!(store.set_with("lock", "me", lock)?.applied);
/// assert!(!store.set_with("lock", "you", lock)?.applied);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SetOptions {
    condition: Option<SetCondition>,
    /// `None` is KEEPTTL's opposite: a plain SET takes the key's deadline away.
    expiry: SetExpiry,
    get: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum SetExpiry {
    #[default]
    Never,
    Keep,
    At(When),
}

impl SetOptions {
    /// No options: a plain SET.
    #[must_use]
    pub fn new() -> SetOptions {
        SetOptions::default()
    }

    /// Sets only if the key does not exist (NX).
    #[must_use]
    pub fn if_missing(mut self) -> SetOptions {
        self.condition = Some(SetCondition::IfMissing);
        self
    }

    /// Sets only if the key exists (XX).
    #[must_use]
    pub fn if_exists(mut self) -> SetOptions {
        self.condition = Some(SetCondition::IfExists);
        self
    }

    /// Answers the value that the key had (GET).
    #[must_use]
    pub fn get_previous(mut self) -> SetOptions {
        self.get = true;
        self
    }

    /// The key ends after this many seconds (EX).
    #[must_use]
    pub fn ex(self, seconds: i64) -> SetOptions {
        self.at(When::In { amount: seconds, millis: false })
    }

    /// The key ends after this many milliseconds (PX).
    #[must_use]
    pub fn px(self, millis: i64) -> SetOptions {
        self.at(When::In { amount: millis, millis: true })
    }

    /// The key ends at this many seconds after the Unix epoch (EXAT).
    #[must_use]
    pub fn ex_at(self, seconds: i64) -> SetOptions {
        self.at(When::At { amount: seconds, millis: false })
    }

    /// The key ends at this many milliseconds after the Unix epoch (PXAT).
    #[must_use]
    pub fn px_at(self, millis: i64) -> SetOptions {
        self.at(When::At { amount: millis, millis: true })
    }

    /// The key ends when it would have ended before (KEEPTTL).
    #[must_use]
    pub fn keep_ttl(mut self) -> SetOptions {
        self.expiry = SetExpiry::Keep;
        self
    }

    fn at(mut self, when: When) -> SetOptions {
        self.expiry = SetExpiry::At(when);
        self
    }
}

/// What [`Store::set_with`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetOutcome {
    /// Whether the value was set; false if the condition did not hold.
    pub applied: bool,
    /// The value that the key had, if it was asked for and there was one.
    pub previous: Option<Blob>,
}

fn get_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    match get(cx, cx.key(args.at(1)))? {
        Some(text) => text.reply(out),
        None => out.null(),
    }
    Ok(())
}

#[inline]
fn get<'c>(cx: &'c mut Ctx<'_>, key: Key<'_>) -> Result<Option<Text<'c>>> {
    cx.find_text(key)
}

fn set_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let mut options = SetOptions::new();
    let mut amount = None;
    let mut at = 3;
    while at < args.len() {
        let keeps = matches!(options.expiry, SetExpiry::Keep);
        if args.is(at, "NX") && options.condition.is_none_or(|set| set == SetCondition::IfMissing) {
            options.condition = Some(SetCondition::IfMissing);
        } else if args.is(at, "XX") && options.condition.is_none_or(|set| set == SetCondition::IfExists) {
            options.condition = Some(SetCondition::IfExists);
        } else if args.is(at, "GET") {
            options.get = true;
        } else if args.is(at, "KEEPTTL") && amount.is_none() {
            options.expiry = SetExpiry::Keep;
        } else if !keeps && let Some(unit) = expiry_option(args, at, amount) {
            at += 1;
            amount = Some((unit, at));
        } else {
            return Err(Error::SYNTAX);
        }
        at += 1;
    }
    if let Some((unit, at)) = amount {
        options.expiry = SetExpiry::At(unit.when(args.integer(at)?));
    }
    let outcome = set(cx, cx.key(args.at(1)), args.at(2), options, "set")?;
    match outcome {
        SetOutcome { previous: Some(value), .. } => out.blob(&value),
        _ if options.get => out.null(),
        SetOutcome { applied: true, .. } => out.ok(),
        _ => out.null(),
    }
    Ok(())
}

/// The unit of an expiry option with its amount behind it. The same one may stand twice, and the last one counts, but
/// not another one beside it.
fn expiry_option(args: Args<'_>, at: usize, before: Option<(Unit, usize)>) -> Option<Unit> {
    let unit = Unit::of(args.at(at))?;
    (at + 1 < args.len() && before.is_none_or(|(before, _)| before == unit)).then_some(unit)
}

/// `command` names the command in the error text of a bad expiry.
fn set(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    value: &[u8],
    options: SetOptions,
    command: &'static str,
) -> Result<SetOutcome> {
    let mut deadline = match options.expiry {
        SetExpiry::At(when) => Some(when.deadline(cx, command)?),
        SetExpiry::Never | SetExpiry::Keep => None,
    };
    let mut previous = None;
    if options.get || options.condition.is_some() || matches!(options.expiry, SetExpiry::Keep) {
        let found = if options.get { cx.find(key) } else { cx.find_to_write(key) };
        let exists = found.is_some();
        if let Some(entry) = found {
            if options.get {
                previous = Some(entry.text()?.to_blob());
            }
            if matches!(options.expiry, SetExpiry::Keep) {
                deadline = entry.deadline();
            }
        }
        let applies = match options.condition {
            None => true,
            Some(SetCondition::IfMissing) => !exists,
            Some(SetCondition::IfExists) => exists,
        };
        if !applies {
            return Ok(SetOutcome { applied: false, previous });
        }
    }
    check_length(cx, value.len())?;
    if deadline.is_some_and(|deadline| deadline <= cx.now()) && !cx.is_heard() {
        // The string would have ended before anybody saw it.
        cx.delete(key, "del");
    } else if matches!(options.expiry, SetExpiry::At(_)) && cx.is_heard() {
        cx.put(key, Content::of(value), None, "set");
        cx.set_deadline(key, deadline, "expire");
    } else {
        cx.put(key, Content::of(value), deadline, "set");
    }
    Ok(SetOutcome { applied: true, previous })
}

/// A string of this many bytes is not too long.
pub(super) fn check_length(cx: &Ctx<'_>, len: usize) -> Result<()> {
    if len > cx.space.max_string.get() { Err(Error::STRING_TOO_LARGE) } else { Ok(()) }
}

fn setnx_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let options = SetOptions::new().if_missing();
    out.boolean_integer(set(cx, cx.key(args.at(1)), args.at(2), options, "setnx")?.applied);
    Ok(())
}

fn setex_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let options = SetOptions::new().ex(args.integer(2)?);
    set(cx, cx.key(args.at(1)), args.at(3), options, "setex")?;
    out.ok();
    Ok(())
}

fn psetex_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let options = SetOptions::new().px(args.integer(2)?);
    set(cx, cx.key(args.at(1)), args.at(3), options, "psetex")?;
    out.ok();
    Ok(())
}

fn getset_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let options = SetOptions::new().get_previous();
    match set(cx, cx.key(args.at(1)), args.at(2), options, "getset")?.previous {
        Some(previous) => out.blob(&previous),
        None => out.null(),
    }
    Ok(())
}

fn getdel_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    match getdel(cx, cx.key(args.at(1)))? {
        Some(entry) => entry.text()?.reply(out),
        None => out.null(),
    }
    Ok(())
}

fn getdel(cx: &mut Ctx<'_>, key: Key<'_>) -> Result<Option<Entry>> {
    Ok(if get(cx, key)?.is_some() { cx.take(key, "del") } else { None })
}

/// What [`Store::getex`] does with the key's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GetexOption {
    /// The key ends after this many seconds (EX).
    Ex(i64),
    /// The key ends after this many milliseconds (PX).
    Px(i64),
    /// The key ends at this many seconds after the Unix epoch (EXAT).
    ExAt(i64),
    /// The key ends at this many milliseconds after the Unix epoch (PXAT).
    PxAt(i64),
    /// The key has no deadline any more (PERSIST).
    Persist,
}

fn getex_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let mut amount = None;
    let mut persist = false;
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "PERSIST") && amount.is_none() {
            persist = true;
        } else if !persist && let Some(unit) = expiry_option(args, at, amount) {
            at += 1;
            amount = Some((unit, at));
        } else {
            return Err(Error::SYNTAX);
        }
        at += 1;
    }
    let option = match amount {
        Some((unit, at)) => args.integer(at).map(|amount| GetexChange::Expire(unit.when(amount))),
        None if persist => Ok(GetexChange::Persist),
        None => Ok(GetexChange::Nothing),
    };
    match getex(cx, cx.key(args.at(1)), option)? {
        Some(value) => out.blob(&value),
        None => out.null(),
    }
    Ok(())
}

enum GetexChange {
    Nothing,
    Persist,
    Expire(When),
}

/// `change` may be the error of an amount that is no number: Redis tells it only if the key exists.
fn getex(cx: &mut Ctx<'_>, key: Key<'_>, change: Result<GetexChange>) -> Result<Option<Blob>> {
    let Some(text) = get(cx, key)? else { return Ok(None) };
    let value = text.to_blob();
    match change? {
        GetexChange::Nothing => {}
        GetexChange::Persist => {
            expiry::persist(cx, key);
        }
        GetexChange::Expire(when) => {
            let deadline = when.deadline(cx, "getex")?;
            if deadline <= cx.now() {
                cx.delete(key, "del");
            } else {
                cx.set_deadline(key, Some(deadline), "expire");
            }
        }
    }
    Ok(Some(value))
}

fn mget_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let keys = args.from(1);
    out.array(keys.len());
    for key in keys {
        match mget_one(cx, cx.key(key)) {
            Some(text) => text.reply(out),
            None => out.null(),
        }
    }
    Ok(())
}

/// One value of MGET: a key that holds no string counts as missing.
fn mget_one<'c>(cx: &'c mut Ctx<'_>, key: Key<'_>) -> Option<Text<'c>> {
    get(cx, key).ok().flatten()
}

fn mset_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    mset(cx, pairs(args, "mset")?, false)?;
    out.ok();
    Ok(())
}

fn msetnx_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.boolean_integer(mset(cx, pairs(args, "msetnx")?, true)?);
    Ok(())
}

/// Keys and values by turns.
fn pairs<'a>(args: Args<'a>, command: &str) -> Result<impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone> {
    let (pairs, rest) = args.from(1).as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::wrong_arity(command));
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)))
}

/// Sets all pairs, or none of them: with `if_missing` only where no key exists, which the answer says.
fn mset<'a>(
    cx: &mut Ctx<'_>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    if_missing: bool,
) -> Result<bool> {
    for (_, value) in pairs.clone() {
        check_length(cx, value.len())?;
    }
    if if_missing && pairs.clone().any(|(key, _)| cx.find_to_write(cx.key(key)).is_some()) {
        return Ok(false);
    }
    for (key, value) in pairs {
        cx.put(cx.key(key), Content::of(value), None, "set");
    }
    Ok(true)
}

/// # Strings
impl Store {
    /// Gives the value of a string (GET); `None` if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// assert_eq!(store.get("key")?.as_deref(), Some(b"value".as_slice()));
    /// assert_eq!(store.get("nothing")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        let bytes = key.as_ref();
        let key = self.key(bytes);
        if let Some(shard) = self.glance(key)
            && let Some(value) = shard.text(key)
        {
            return match value {
                Some(text) => text.copy_into(|blob| Ok(Some(blob))),
                None => Ok(None),
            };
        }
        self.get_in_turn(bytes)
    }

    #[inline(never)]
    fn get_in_turn(&self, key: &[u8]) -> Result<Option<Blob>> {
        self.read_key(key, |cx, key| Ok(get(cx, key)?.map(Text::to_blob)))
    }

    /// Shows the value of a string to `view` without copying it (GET). Nobody can write to the key's shard meanwhile, so
    /// `view` must neither call the store nor wait for somebody who does, and should be short.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// assert_eq!(store.view("key", |value| value.map(<[u8]>::len))?, Some(5));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn view<R>(&self, key: impl AsRef<[u8]>, view: impl FnOnce(Option<&[u8]>) -> R) -> Result<R> {
        let key = self.key(key.as_ref());
        let mut buffer = itoa::Buffer::new();
        if let Some(shard) = self.glance(key)
            && let Some(text) = shard.text(key)
        {
            return Ok(view(text.map(|text| text.bytes(&mut buffer))));
        }
        self.read(key, |cx| Ok(view(get(cx, key)?.map(|text| text.bytes(&mut buffer)))))
    }

    /// Sets a key to a string, whatever it held before (SET); the key has no deadline then.
    ///
    /// # Errors
    ///
    /// `ERR string exceeds maximum allowed size` for a value longer than the store takes.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.set_with(key, value, SetOptions::new()).map(|_| ())
    }

    /// Sets a key to a string under conditions, with a deadline, or for the old value (SET with options).
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the old value was asked for and is no string; `ERR invalid expire time in 'set' command` for
    /// a time that is not positive or too far away.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{SetOptions, Store};
    ///
    /// let store = Store::new();
    /// store.set("key", "old")?;
    /// let outcome = store.set_with("key", "new", SetOptions::new().get_previous().px(1500))?;
    /// assert!(outcome.applied);
    /// assert_eq!(outcome.previous.unwrap(), "old");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn set_with(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: SetOptions,
    ) -> Result<SetOutcome> {
        self.write_key(key.as_ref(), |cx, key| set(cx, key, value.as_ref(), options, "set"))
    }

    /// Sets a key to a string if it does not exist (SETNX); false if it does.
    ///
    /// # Errors
    ///
    /// As [`set`](Store::set).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert!(store.setnx("key", "first")?);
    /// assert!(!store.setnx("key", "second")?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn setnx(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<bool> {
        Ok(self.set_as(key.as_ref(), value.as_ref(), SetOptions::new().if_missing(), "setnx")?.applied)
    }

    /// Sets a key to a string that ends after a number of seconds (SETEX).
    ///
    /// # Errors
    ///
    /// `ERR invalid expire time in 'setex' command` for a time that is not positive or too far away; otherwise as
    /// [`set`](Store::set).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Store, Ttl};
    ///
    /// let store = Store::new();
    /// store.setex("session", 60, "42")?;
    /// assert!(matches!(store.ttl("session")?, Ttl::Left(_)));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn setex(&self, key: impl AsRef<[u8]>, seconds: i64, value: impl AsRef<[u8]>) -> Result<()> {
        self.set_as(key.as_ref(), value.as_ref(), SetOptions::new().ex(seconds), "setex").map(drop)
    }

    /// Sets a key to a string that ends after a number of milliseconds (PSETEX).
    ///
    /// # Errors
    ///
    /// `ERR invalid expire time in 'psetex' command` for a time that is not positive or too far away; otherwise as
    /// [`set`](Store::set).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.psetex("session", 1500, "42")?;
    /// assert!(store.psetex("session", 0, "42").is_err());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn psetex(&self, key: impl AsRef<[u8]>, millis: i64, value: impl AsRef<[u8]>) -> Result<()> {
        self.set_as(key.as_ref(), value.as_ref(), SetOptions::new().px(millis), "psetex").map(drop)
    }

    fn set_as(
        &self,
        key: &[u8],
        value: &[u8],
        options: SetOptions,
        command: &'static str,
    ) -> Result<SetOutcome> {
        self.write_key(key, |cx, key| set(cx, key, value, options, command))
    }

    /// Sets a key to a string and gives the one that it held (GETSET), `None` if it did not exist. The key has no
    /// deadline then.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type, and nothing changed then; otherwise as [`set`](Store::set).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.getset("key", "new")?, None);
    /// assert_eq!(store.getset("key", "newer")?.unwrap(), "new");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn getset(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        let options = SetOptions::new().get_previous();
        Ok(self.set_as(key.as_ref(), value.as_ref(), options, "getset")?.previous)
    }

    /// Gives the value of a string and removes the key (GETDEL); `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type; it stays then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("token", "abc")?;
    /// assert_eq!(store.getdel("token")?.unwrap(), "abc");
    /// assert_eq!(store.getdel("token")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn getdel(&self, key: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        self.write_key(key.as_ref(), |cx, key| {
            getdel(cx, key)?.map(|entry| Ok(entry.text()?.to_blob())).transpose()
        })
    }

    /// Gives the value of a string and changes its deadline (GETEX); `None` if the key does not exist. A Unix time
    /// that is past removes the key.
    ///
    /// # Errors
    ///
    /// `ERR invalid expire time in 'getex' command` for a time that is not positive or too far away, `WRONGTYPE` if
    /// the key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{GetexOption, Store, Ttl};
    ///
    /// let store = Store::new();
    /// store.setex("session", 60, "42")?;
    /// assert_eq!(store.getex("session", GetexOption::Persist)?.unwrap(), "42");
    /// assert_eq!(store.ttl("session")?, Ttl::Persistent);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn getex(&self, key: impl AsRef<[u8]>, option: GetexOption) -> Result<Option<Blob>> {
        let change = match option {
            GetexOption::Ex(seconds) => GetexChange::Expire(Unit::Ex.when(seconds)),
            GetexOption::Px(millis) => GetexChange::Expire(Unit::Px.when(millis)),
            GetexOption::ExAt(seconds) => GetexChange::Expire(Unit::ExAt.when(seconds)),
            GetexOption::PxAt(millis) => GetexChange::Expire(Unit::PxAt.when(millis)),
            GetexOption::Persist => GetexChange::Persist,
        };
        self.write_key(key.as_ref(), |cx, key| getex(cx, key, Ok(change)))
    }

    /// Gives the values of several keys in their order (MGET); `None` for a key that does not exist or holds another
    /// type.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds one of the keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.mset(&[("a", "1"), ("b", "2")])?;
    /// let values = store.mget(&["a", "nothing", "b"])?;
    /// assert_eq!(values, [Some("1".into()), None, Some("2".into())]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn mget<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Option<Blob>>> {
        self.with_keys(keys.iter().map(AsRef::as_ref), LockMode::Read, |cx| {
            Ok(keys.iter().map(|key| mget_one(cx, cx.key(key.as_ref())).map(Text::to_blob)).collect())
        })
    }

    /// Sets several keys to strings, all at once (MSET); they have no deadlines then. Of two pairs with the same key
    /// the later one counts.
    ///
    /// # Errors
    ///
    /// `ERR string exceeds maximum allowed size` for a value longer than the store takes; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.mset(&[("a", "1"), ("b", "2")])?;
    /// assert_eq!(store.get("b")?.unwrap(), "2");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn mset<K: AsRef<[u8]>, V: AsRef<[u8]>>(&self, pairs: &[(K, V)]) -> Result<()> {
        self.mset_pairs(pairs, false).map(drop)
    }

    /// Sets several keys to strings if none of them exists (MSETNX); false if one does, and nothing changed then.
    ///
    /// # Errors
    ///
    /// As [`mset`](Store::mset).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert!(store.msetnx(&[("a", "1"), ("b", "2")])?);
    /// assert!(!store.msetnx(&[("b", "3"), ("c", "4")])?);
    /// assert_eq!(store.get("c")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn msetnx<K: AsRef<[u8]>, V: AsRef<[u8]>>(&self, pairs: &[(K, V)]) -> Result<bool> {
        self.mset_pairs(pairs, true)
    }

    fn mset_pairs<K: AsRef<[u8]>, V: AsRef<[u8]>>(&self, pairs: &[(K, V)], if_missing: bool) -> Result<bool> {
        let pairs = pairs.iter().map(|(key, value)| (key.as_ref(), value.as_ref()));
        self.with_keys(pairs.clone().map(|(key, _)| key), LockMode::Write, |cx| mset(cx, pairs, if_missing))
    }
}
