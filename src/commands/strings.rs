//! Strings: GET, SET, the counters and their relatives.

use super::expiry::{self, When};
use super::spec::{Group, access::*, flag::*, key};
use super::{Args, CommandSpec};
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::keyspace::{Content, Ctx, Key, Text};
use crate::num::parse_i64;
use crate::reply::Reply;
use crate::store::Store;

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("GET", get_cmd)
        .summary("Gives the value of a string.")
        .since("1.0.0")
        .group(Group::String)
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("INCR", incr_cmd)
        .summary("Adds one to an integer, which is 0 if the key does not exist.")
        .since("1.0.0")
        .group(Group::String)
        .syntax("key")
        .arity(2)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
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
    Ok(cx.find(key).map(|entry| entry.text()))
}

fn set_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let mut options = SetOptions::new();
    let mut at = 3;
    while at < args.len() {
        let has_expiry = !matches!(options.expiry, SetExpiry::Never);
        if args.is(at, "NX") && options.condition.is_none_or(|set| set == SetCondition::IfMissing) {
            options.condition = Some(SetCondition::IfMissing);
        } else if args.is(at, "XX") && options.condition.is_none_or(|set| set == SetCondition::IfExists) {
            options.condition = Some(SetCondition::IfExists);
        } else if args.is(at, "GET") {
            options.get = true;
        } else if args.is(at, "KEEPTTL") && matches!(options.expiry, SetExpiry::Never | SetExpiry::Keep) {
            options.expiry = SetExpiry::Keep;
        } else if let (false, Some(unit)) = (has_expiry, expiry::Unit::of(args.at(at)))
            && at + 1 < args.len()
        {
            at += 1;
            options.expiry = SetExpiry::At(unit.when(args.integer(at)?));
        } else {
            return Err(Error::SYNTAX);
        }
        at += 1;
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
        let found = if options.get { cx.find(key) } else { cx.peek(key) };
        let exists = found.is_some();
        if let Some(entry) = found {
            if options.get {
                previous = Some(entry.text().to_blob());
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
    cx.put(key, Content::of(value), deadline, "set");
    Ok(SetOutcome { applied: true, previous })
}

/// A string of this many bytes is not too long.
fn check_length(cx: &Ctx<'_>, len: usize) -> Result<()> {
    if len > cx.space.max_string { Err(Error::STRING_TOO_LARGE) } else { Ok(()) }
}

fn incr_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.integer(incr_by(cx, cx.key(args.at(1)), 1)?);
    Ok(())
}

fn incr_by(cx: &mut Ctx<'_>, key: Key<'_>, by: i64) -> Result<i64> {
    let sum = cx.update(key, "incrby", |entry| {
        let old = match entry.text() {
            Text::Int(number) => number,
            // An integer that APPEND or SETRANGE put together is kept as text until it is counted with.
            text => parse_i64(text.bytes(&mut itoa::Buffer::new())).ok_or(Error::NOT_INTEGER)?,
        };
        let sum = old.checked_add(by).ok_or(Error::OVERFLOW)?;
        if !entry.set_int(sum) {
            let deadline = entry.deadline();
            entry.set(Content::Int(sum), deadline);
        }
        Ok(sum)
    })?;
    Ok(sum.unwrap_or_else(|| {
        cx.put(key, Content::Int(by), None, "incrby");
        by
    }))
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
        self.read_key(key.as_ref(), |cx, key| Ok(get(cx, key)?.map(Text::to_blob)))
    }

    /// Shows the value of a string to `view` without copying it (GET); the key's shard stays locked for reading
    /// meanwhile, so `view` must not call the store.
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
        self.read_key(key.as_ref(), |cx, key| {
            let mut buffer = itoa::Buffer::new();
            Ok(match get(cx, key)? {
                Some(text) => view(Some(text.bytes(&mut buffer))),
                None => view(None),
            })
        })
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

    /// Adds one to an integer (INCR) and answers the sum; a key that does not exist counts as 0.
    ///
    /// # Errors
    ///
    /// `ERR value is not an integer or out of range` if the value is no integer, `ERR increment or decrement would
    /// overflow` past 64 bits, `WRONGTYPE` if the key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.incr("visits")?, 1);
    /// assert_eq!(store.incr("visits")?, 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn incr(&self, key: impl AsRef<[u8]>) -> Result<i64> {
        self.write_key(key.as_ref(), |cx, key| incr_by(cx, key, 1))
    }
}
