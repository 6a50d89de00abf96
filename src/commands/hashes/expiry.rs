//! Deadlines of fields: HEXPIRE, HTTL and their relatives, and HGETDEL, HGETEX and HSETEX.
//!
//! These are commands of Redis 7.4 and 8.0.

use std::time::Duration;

use super::{ANY_TIME, Values, borrowed, edit, edit_or_new, longest, read};
use crate::blob::Blob;
use crate::commands::expiry::{ExpireCondition, ExpireTime, Ttl, Unit, When};
use crate::commands::spec::{Group, access::*, flag::*, key};
use crate::commands::strings::GetexOption;
use crate::commands::{Args, CommandSpec};
use crate::ds::Hash;
use crate::ds::hash::Deadline;
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Edit, Key};
use crate::reply::Reply;
use crate::store::Store;

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("HEXPIRE", hexpire_cmd)
        .summary("Lets fields of a hash end after a number of seconds.")
        .since("7.4.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key seconds [NX | XX | GT | LT] <FIELDS numfields field [field ...]>")
        .arity(-6)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("HEXPIREAT", hexpireat_cmd)
        .summary("Lets fields of a hash end at a Unix time in seconds.")
        .since("7.4.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key unix-time-seconds [NX | XX | GT | LT] <FIELDS numfields field [field ...]>")
        .arity(-6)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("HEXPIRETIME", hexpiretime_cmd)
        .summary("Gives the Unix times in seconds at which fields of a hash end.")
        .since("7.4.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key <FIELDS numfields field [field ...]>")
        .arity(-5)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("HGETDEL", hgetdel_cmd)
        .summary("Gives the values of fields of a hash and removes the fields.")
        .since("8.0.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key <FIELDS numfields field [field ...]>")
        .arity(-5)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | DELETE)]),
    CommandSpec::new("HGETEX", hgetex_cmd)
        .summary("Gives the values of fields of a hash and changes their deadlines.")
        .since("8.0.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax(
            "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] \
             <FIELDS numfields field [field ...]>",
        )
        .arity(-5)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
    CommandSpec::new("HPERSIST", hpersist_cmd)
        .summary("Takes the deadlines of fields of a hash away.")
        .since("7.4.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key <FIELDS numfields field [field ...]>")
        .arity(-5)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("HPEXPIRE", hpexpire_cmd)
        .summary("Lets fields of a hash end after a number of milliseconds.")
        .since("7.4.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key milliseconds [NX | XX | GT | LT] <FIELDS numfields field [field ...]>")
        .arity(-6)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("HPEXPIREAT", hpexpireat_cmd)
        .summary("Lets fields of a hash end at a Unix time in milliseconds.")
        .since("7.4.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key unix-time-milliseconds [NX | XX | GT | LT] <FIELDS numfields field [field ...]>")
        .arity(-6)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("HPEXPIRETIME", hpexpiretime_cmd)
        .summary("Gives the Unix times in milliseconds at which fields of a hash end.")
        .since("7.4.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key <FIELDS numfields field [field ...]>")
        .arity(-5)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("HPTTL", hpttl_cmd)
        .summary("Gives the milliseconds that fields of a hash have left.")
        .since("7.4.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key <FIELDS numfields field [field ...]>")
        .arity(-5)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output"]),
    CommandSpec::new("HSETEX", hsetex_cmd)
        .summary("Sets fields of a hash and their deadlines.")
        .since("8.0.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax(
            "key [condition: FNX | FXX] \
             [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL] \
             <FIELDS numfields field value [field value ...]>",
        )
        .arity(-6)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("HTTL", httl_cmd)
        .summary("Gives the seconds that fields of a hash have left.")
        .since("7.4.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key <FIELDS numfields field [field ...]>")
        .arity(-5)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output"]),
];

/// The latest deadline that a field may have: Redis keeps them in 46 bits.
const LAST_DEADLINE: i64 = (1 << 46) - 1;

/// `FIELDS numfields field [field ...]` up to the end; `bad_count` is the error of a number that is none.
fn fields<'a>(args: Args<'a>, at: usize, bad_count: Error) -> Result<&'a [&'a [u8]]> {
    if !args.is(at, "FIELDS") {
        return Err(Error::FIELDS_MISSING);
    }
    let count = args.integer(at + 1).ok().filter(|count| *count > 0).ok_or(bad_count)?;
    let fields = args.from(at + 2);
    if usize::try_from(count) != Ok(fields.len()) {
        return Err(Error::FIELDS_COUNT);
    }
    Ok(fields)
}

/// The deadline of a field in milliseconds since the epoch. `command` names the command in the error text.
fn deadline(cx: &mut Ctx<'_>, when: When, command: &'static str) -> Result<i64> {
    let (When::In { amount, .. } | When::At { amount, .. }) = when;
    if amount < 0 {
        return Err(Error::NEGATIVE_EXPIRE);
    }
    let deadline = when.any_deadline(cx, command)?;
    if deadline > LAST_DEADLINE { Err(Error::invalid_expire(command)) } else { Ok(deadline) }
}

/// What became of a field of [`Store::hexpire`] and its kin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldExpiry {
    /// There is no such field (-2).
    Missing,
    /// The condition did not hold, and nothing changed (0).
    Unchanged,
    /// The field has the new deadline (1).
    Set,
    /// The time is not in the future, and the field was removed (2).
    Removed,
}

impl FieldExpiry {
    fn code(self) -> i64 {
        match self {
            FieldExpiry::Missing => -2,
            FieldExpiry::Unchanged => 0,
            FieldExpiry::Set => 1,
            FieldExpiry::Removed => 2,
        }
    }
}

fn hexpire_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    hexpire_generic(cx, args, Unit::Ex, "hexpire", out)
}

fn hexpireat_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    hexpire_generic(cx, args, Unit::ExAt, "hexpireat", out)
}

fn hpexpire_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    hexpire_generic(cx, args, Unit::Px, "hpexpire", out)
}

fn hpexpireat_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    hexpire_generic(cx, args, Unit::PxAt, "hpexpireat", out)
}

fn hexpire_generic(
    cx: &mut Ctx<'_>,
    args: Args<'_>,
    unit: Unit,
    command: &'static str,
    out: &mut dyn Reply,
) -> Result<()> {
    let deadline = deadline(cx, unit.when(args.integer(2)?), command)?;
    let condition = ExpireCondition::of(args.at(3));
    let fields = fields(args, if condition.is_some() { 4 } else { 3 }, Error::FIELDS_NOT_POSITIVE)?;
    let outcomes = hexpire(cx, cx.key(args.at(1)), deadline, condition, fields)?;
    out.array(outcomes.len());
    outcomes.into_iter().for_each(|outcome| out.integer(outcome.code()));
    Ok(())
}

fn hexpire<F: AsRef<[u8]>>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    deadline: i64,
    condition: Option<ExpireCondition>,
    fields: &[F],
) -> Result<Vec<FieldExpiry>> {
    let now = cx.now();
    let outcomes = edit(cx, key, "hexpire", |hash, _| {
        let one = |field: &F| {
            let field = field.as_ref();
            let Some(old) = hash.deadline(field, ANY_TIME) else { return FieldExpiry::Missing };
            if condition.is_some_and(|condition| !condition.holds(old, deadline)) {
                return FieldExpiry::Unchanged;
            }
            put_deadline(hash, field, deadline, now)
        };
        let outcomes: Vec<FieldExpiry> = fields.iter().map(one).collect();
        let is_change = |outcome: &FieldExpiry| matches!(outcome, FieldExpiry::Set | FieldExpiry::Removed);
        Ok(if outcomes.iter().any(is_change) { Edit::Changed(outcomes) } else { Edit::Same(outcomes) })
    })?;
    Ok(outcomes.unwrap_or_else(|| vec![FieldExpiry::Missing; fields.len()]))
}

/// Sets the deadline of a field that exists, or removes it if that is not in the future.
fn put_deadline(hash: &mut Hash, field: &[u8], deadline: i64, now: i64) -> FieldExpiry {
    if deadline <= now {
        hash.remove(field);
        FieldExpiry::Removed
    } else {
        hash.set_deadline(field, Some(deadline));
        FieldExpiry::Set
    }
}

fn httl_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_times(cx, args, |deadline, now| to_seconds(deadline - now), out)
}

fn hpttl_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_times(cx, args, |deadline, now| deadline - now, out)
}

fn hexpiretime_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_times(cx, args, |deadline, _| to_seconds(deadline), out)
}

fn hpexpiretime_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_times(cx, args, |deadline, _| deadline, out)
}

/// Milliseconds as seconds. Unlike those of keys, they are rounded up.
fn to_seconds(millis: i64) -> i64 {
    (millis + 999) / 1000
}

/// `show` makes what is replied of a deadline and the time.
fn reply_times(
    cx: &mut Ctx<'_>,
    args: Args<'_>,
    show: impl Fn(i64, i64) -> i64,
    out: &mut dyn Reply,
) -> Result<()> {
    let fields = fields(args, 2, Error::FIELDS_NOT_INTEGER)?;
    let times = hexpiretime(cx, cx.key(args.at(1)), fields)?;
    out.array(times.len());
    for time in times {
        time.reply(|deadline| show(deadline, cx.now()), out);
    }
    Ok(())
}

/// When fields end; all questions about deadlines are asked this way.
fn hexpiretime<F: AsRef<[u8]>>(cx: &mut Ctx<'_>, key: Key<'_>, fields: &[F]) -> Result<Vec<ExpireTime>> {
    let times = read(cx, key, |hash, now| {
        let one = |field: &F| match hash.deadline(field.as_ref(), now) {
            None => ExpireTime::Missing,
            Some(None) => ExpireTime::Persistent,
            Some(Some(deadline)) => ExpireTime::AtMillis(deadline),
        };
        fields.iter().map(one).collect()
    })?;
    Ok(times.unwrap_or_else(|| vec![ExpireTime::Missing; fields.len()]))
}

/// What became of a field of [`Store::hpersist`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldPersistence {
    /// There is no such field (-2).
    Missing,
    /// The field had no deadline (-1).
    Unchanged,
    /// The deadline was taken away (1).
    Persisted,
}

fn hpersist_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let fields = fields(args, 2, Error::FIELDS_NOT_INTEGER)?;
    let outcomes = hpersist(cx, cx.key(args.at(1)), fields)?;
    out.array(outcomes.len());
    for outcome in outcomes {
        out.integer(match outcome {
            FieldPersistence::Missing => -2,
            FieldPersistence::Unchanged => -1,
            FieldPersistence::Persisted => 1,
        });
    }
    Ok(())
}

fn hpersist<F: AsRef<[u8]>>(cx: &mut Ctx<'_>, key: Key<'_>, fields: &[F]) -> Result<Vec<FieldPersistence>> {
    let outcomes = edit(cx, key, "hpersist", |hash, _| {
        let one = |field: &F| match hash.deadline(field.as_ref(), ANY_TIME) {
            None => FieldPersistence::Missing,
            Some(None) => FieldPersistence::Unchanged,
            Some(Some(_)) => {
                hash.set_deadline(field.as_ref(), None);
                FieldPersistence::Persisted
            }
        };
        let outcomes: Vec<FieldPersistence> = fields.iter().map(one).collect();
        Ok(if outcomes.contains(&FieldPersistence::Persisted) {
            Edit::Changed(outcomes)
        } else {
            Edit::Same(outcomes)
        })
    })?;
    Ok(outcomes.unwrap_or_else(|| vec![FieldPersistence::Missing; fields.len()]))
}

fn hgetdel_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let fields = fields(args, 2, Error::FIELDS_NOT_INTEGER)?;
    hgetdel(cx, cx.key(args.at(1)), fields, &mut Values::Reply(out))
}

fn hgetdel<F: AsRef<[u8]>>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    fields: &[F],
    out: &mut Values<'_, '_>,
) -> Result<()> {
    let found = edit(cx, key, "hdel", |hash, _| {
        out.start(fields.len());
        let mut removed = false;
        for field in fields {
            out.put(hash.get(field.as_ref(), ANY_TIME));
            removed |= hash.remove(field.as_ref());
        }
        Ok(if removed { Edit::Changed(()) } else { Edit::Same(()) })
    })?;
    if found.is_none() {
        out.nothing(fields.len());
    }
    Ok(())
}

/// What HGETEX does with the deadlines.
#[derive(Clone, Copy)]
enum Change {
    Nothing,
    Persist,
    Expire(i64),
}

fn hgetex_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (change, at) = match Unit::of(args.at(2)) {
        Some(unit) => (Change::Expire(deadline(cx, unit.when(args.integer(3)?), "hgetex")?), 4),
        None if args.is(2, "PERSIST") => (Change::Persist, 3),
        None => (Change::Nothing, 2),
    };
    let fields = fields(args, at, Error::FIELDS_NOT_INTEGER)?;
    hgetex(cx, cx.key(args.at(1)), change, fields, &mut Values::Reply(out))
}

fn hgetex<F: AsRef<[u8]>>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    change: Change,
    fields: &[F],
    out: &mut Values<'_, '_>,
) -> Result<()> {
    if let Change::Nothing = change {
        return super::hmget(cx, key, fields, out);
    }
    let now = cx.now();
    let event = if let Change::Persist = change { "hpersist" } else { "hexpire" };
    let found = edit(cx, key, event, |hash, _| {
        out.start(fields.len());
        fields.iter().for_each(|field| out.put(hash.get(field.as_ref(), ANY_TIME)));
        let mut changed = false;
        for field in fields.iter().map(AsRef::as_ref) {
            let Some(old) = hash.deadline(field, ANY_TIME) else { continue };
            match change {
                Change::Nothing => {}
                Change::Persist => {
                    changed |= old.is_some();
                    hash.set_deadline(field, None);
                }
                Change::Expire(deadline) => {
                    changed = true;
                    put_deadline(hash, field, deadline, now);
                }
            }
        }
        Ok(if changed { Edit::Changed(()) } else { Edit::Same(()) })
    })?;
    if found.is_none() {
        out.nothing(fields.len());
    }
    Ok(())
}

/// The options of [`Store::hsetex`].
///
/// # Examples
///
/// ```
/// use redmoon::{HsetexOptions, Store};
///
/// let store = Store::new();
/// let options = HsetexOptions::new().if_none_exists().ex(60);
/// assert!(store.hsetex("session", &[("user", "ann")], options)?);
/// assert!(!store.hsetex("session", &[("user", "bob"), ("role", "guest")], options)?);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HsetexOptions {
    condition: Option<FieldCondition>,
    expiry: FieldTime,
}

/// When HSETEX applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldCondition {
    NoneExists,
    AllExist,
}

#[derive(Clone, Copy, Debug, Default)]
enum FieldTime {
    #[default]
    Never,
    Keep,
    At(When),
}

impl HsetexOptions {
    /// No options: the fields are set and have no deadlines.
    #[must_use]
    pub fn new() -> HsetexOptions {
        HsetexOptions::default()
    }

    /// Sets the fields only if none of them exists (FNX).
    #[must_use]
    pub fn if_none_exists(mut self) -> HsetexOptions {
        self.condition = Some(FieldCondition::NoneExists);
        self
    }

    /// Sets the fields only if all of them exist (FXX).
    #[must_use]
    pub fn if_all_exist(mut self) -> HsetexOptions {
        self.condition = Some(FieldCondition::AllExist);
        self
    }

    /// The fields end after this many seconds (EX).
    #[must_use]
    pub fn ex(self, seconds: i64) -> HsetexOptions {
        self.at(Unit::Ex.when(seconds))
    }

    /// The fields end after this many milliseconds (PX).
    #[must_use]
    pub fn px(self, millis: i64) -> HsetexOptions {
        self.at(Unit::Px.when(millis))
    }

    /// The fields end at this many seconds after the Unix epoch (EXAT).
    #[must_use]
    pub fn ex_at(self, seconds: i64) -> HsetexOptions {
        self.at(Unit::ExAt.when(seconds))
    }

    /// The fields end at this many milliseconds after the Unix epoch (PXAT).
    #[must_use]
    pub fn px_at(self, millis: i64) -> HsetexOptions {
        self.at(Unit::PxAt.when(millis))
    }

    /// The fields end when they would have ended before (KEEPTTL).
    #[must_use]
    pub fn keep_ttl(mut self) -> HsetexOptions {
        self.expiry = FieldTime::Keep;
        self
    }

    fn at(mut self, when: When) -> HsetexOptions {
        self.expiry = FieldTime::At(when);
        self
    }
}

fn hsetex_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let mut options = HsetexOptions::new();
    let mut at = 2;
    while !args.is(at, "FIELDS") {
        let has_time = !matches!(options.expiry, FieldTime::Never);
        if let Some(unit) = Unit::of(args.at(at)) {
            if has_time {
                return Err(Error::HSETEX_TIMES);
            }
            at += 1;
            if at == args.len() {
                return Err(Error::EXPIRE_MISSING);
            }
            options = options.at(unit.when(args.integer(at)?));
        } else if args.is(at, "KEEPTTL") {
            if has_time {
                return Err(Error::HSETEX_TIMES);
            }
            options = options.keep_ttl();
        } else if args.is(at, "FNX") || args.is(at, "FXX") {
            if options.condition.is_some() {
                return Err(Error::HSETEX_CONDITIONS);
            }
            options = if args.is(at, "FNX") { options.if_none_exists() } else { options.if_all_exist() };
        } else if at < args.len() {
            return Err(Error::unknown_argument(args.at(at)));
        } else {
            return Err(Error::FIELDS_MISSING);
        }
        at += 1;
    }
    let count = args.integer(at + 1).ok().filter(|count| *count > 0).ok_or(Error::FIELDS_INVALID)?;
    let (pairs, rest) = args.from(at + 2).as_chunks::<2>();
    if !rest.is_empty() || usize::try_from(count) != Ok(pairs.len()) {
        return Err(Error::wrong_arity("hsetex"));
    }
    let pairs = pairs.iter().map(|&[field, value]| (field, value));
    out.boolean_integer(hsetex(cx, cx.key(args.at(1)), pairs, options)?);
    Ok(())
}

/// Sets all pairs, or none if the condition does not hold, which the answer says.
fn hsetex<'a>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    options: HsetexOptions,
) -> Result<bool> {
    let deadline = match options.expiry {
        FieldTime::At(when) => Some(deadline(cx, when, "hsetex")?),
        FieldTime::Never | FieldTime::Keep => None,
    };
    let now = if deadline.is_some() { cx.now() } else { ANY_TIME };
    let old = if let FieldTime::Keep = options.expiry { Deadline::Kept } else { Deadline::Cleared };
    let longest = longest(cx, pairs.clone())?;
    edit_or_new(cx, key, "hset", |hash, limits| {
        let wanted = options.condition.map(|condition| condition == FieldCondition::AllExist);
        let fits = |field| wanted.is_none_or(|exists| hash.contains(field, ANY_TIME) == exists);
        if !pairs.clone().all(|(field, _)| fits(field)) {
            return Ok(Edit::Same(false));
        }
        hash.make_room(longest, limits);
        for (field, value) in pairs {
            hash.set(field, value, old, limits);
            if let Some(deadline) = deadline {
                put_deadline(hash, field, deadline, now);
            }
        }
        Ok(Edit::Changed(true))
    })
}

/// # Deadlines of fields
impl Store {
    /// Lets fields of a hash end after a number of seconds (HEXPIRE), and says for each what became of it. Zero seconds
    /// remove the fields at once.
    ///
    /// # Errors
    ///
    /// `ERR invalid expire time, must be >= 0`; `ERR invalid expire time in 'hexpire' command` for a time past the year
    /// 4199; `WRONGTYPE` if the key holds another type. Nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{FieldExpiry, Store};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("name", "Ann"), ("token", "x1")])?;
    /// let outcomes = store.hexpire("user", 60, &["token", "nothing"])?;
    /// assert_eq!(outcomes, [FieldExpiry::Set, FieldExpiry::Missing]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hexpire<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        seconds: i64,
        fields: &[F],
    ) -> Result<Vec<FieldExpiry>> {
        self.hexpire_when(key.as_ref(), Unit::Ex.when(seconds), None, fields, "hexpire")
    }

    /// Lets fields of a hash end after a number of seconds under a condition (HEXPIRE with NX, XX, GT, LT), which is
    /// held against each field's own deadline.
    ///
    /// # Errors
    ///
    /// As [`hexpire`](Store::hexpire).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ExpireCondition, FieldExpiry, Store};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("token", "x1")])?;
    /// let first = store.hexpire_with("user", 60, ExpireCondition::IfNone, &["token"])?;
    /// let again = store.hexpire_with("user", 60, ExpireCondition::IfNone, &["token"])?;
    /// assert_eq!((first[0], again[0]), (FieldExpiry::Set, FieldExpiry::Unchanged));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hexpire_with<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        seconds: i64,
        condition: ExpireCondition,
        fields: &[F],
    ) -> Result<Vec<FieldExpiry>> {
        self.hexpire_when(key.as_ref(), Unit::Ex.when(seconds), Some(condition), fields, "hexpire")
    }

    /// Lets fields of a hash end after a number of milliseconds (HPEXPIRE), and says for each what became of it. Zero
    /// milliseconds remove the fields at once.
    ///
    /// # Errors
    ///
    /// As [`hexpire`](Store::hexpire).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{FieldExpiry, Store};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("name", "Ann"), ("token", "x1")])?;
    /// assert_eq!(store.hpexpire("user", 1500, &["token"])?, [FieldExpiry::Set]);
    /// assert_eq!(store.hpexpire("user", 0, &["token"])?, [FieldExpiry::Removed]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hpexpire<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        millis: i64,
        fields: &[F],
    ) -> Result<Vec<FieldExpiry>> {
        self.hexpire_when(key.as_ref(), Unit::Px.when(millis), None, fields, "hpexpire")
    }

    /// Lets fields of a hash end after a number of milliseconds under a condition (HPEXPIRE with NX, XX, GT, LT), which
    /// is held against each field's own deadline.
    ///
    /// # Errors
    ///
    /// As [`hexpire`](Store::hexpire).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ExpireCondition, FieldExpiry, Store};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("token", "x1")])?;
    /// let outcomes = store.hpexpire_with("user", 1500, ExpireCondition::IfSome, &["token"])?;
    /// assert_eq!(outcomes, [FieldExpiry::Unchanged]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hpexpire_with<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        millis: i64,
        condition: ExpireCondition,
        fields: &[F],
    ) -> Result<Vec<FieldExpiry>> {
        self.hexpire_when(key.as_ref(), Unit::Px.when(millis), Some(condition), fields, "hpexpire")
    }

    /// Lets fields of a hash end at a Unix time in seconds (HEXPIREAT), and says for each what became of it. A time that
    /// is past removes the fields at once.
    ///
    /// # Errors
    ///
    /// As [`hexpire`](Store::hexpire).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{FieldExpiry, Store};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("name", "Ann"), ("token", "x1")])?;
    /// assert_eq!(store.hexpireat("user", 4_000_000_000, &["token"])?, [FieldExpiry::Set]);
    /// assert_eq!(store.hexpireat("user", 1, &["token"])?, [FieldExpiry::Removed]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hexpireat<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        seconds: i64,
        fields: &[F],
    ) -> Result<Vec<FieldExpiry>> {
        self.hexpire_when(key.as_ref(), Unit::ExAt.when(seconds), None, fields, "hexpireat")
    }

    /// Lets fields of a hash end at a Unix time in seconds under a condition (HEXPIREAT with NX, XX, GT, LT), which is
    /// held against each field's own deadline.
    ///
    /// # Errors
    ///
    /// As [`hexpire`](Store::hexpire).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ExpireCondition, FieldExpiry, Store};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("token", "x1")])?;
    /// store.hexpireat("user", 4_000_000_000, &["token"])?;
    /// let outcomes = store.hexpireat_with("user", 4_100_000_000, ExpireCondition::IfLess, &["token"])?;
    /// assert_eq!(outcomes, [FieldExpiry::Unchanged]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hexpireat_with<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        seconds: i64,
        condition: ExpireCondition,
        fields: &[F],
    ) -> Result<Vec<FieldExpiry>> {
        self.hexpire_when(key.as_ref(), Unit::ExAt.when(seconds), Some(condition), fields, "hexpireat")
    }

    /// Lets fields of a hash end at a Unix time in milliseconds (HPEXPIREAT), and says for each what became of it. A time
    /// that is past removes the fields at once.
    ///
    /// # Errors
    ///
    /// As [`hexpire`](Store::hexpire).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{FieldExpiry, Store};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("token", "x1")])?;
    /// assert_eq!(store.hpexpireat("user", 4_000_000_000_000, &["token"])?, [FieldExpiry::Set]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hpexpireat<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        millis: i64,
        fields: &[F],
    ) -> Result<Vec<FieldExpiry>> {
        self.hexpire_when(key.as_ref(), Unit::PxAt.when(millis), None, fields, "hpexpireat")
    }

    /// Lets fields of a hash end at a Unix time in milliseconds under a condition (HPEXPIREAT with NX, XX, GT, LT), which
    /// is held against each field's own deadline.
    ///
    /// # Errors
    ///
    /// As [`hexpire`](Store::hexpire).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ExpireCondition, FieldExpiry, Store};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("token", "x1")])?;
    /// let outcomes = store.hpexpireat_with("user", 4_000_000_000_000, ExpireCondition::IfGreater, &["token"])?;
    /// assert_eq!(outcomes, [FieldExpiry::Unchanged]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hpexpireat_with<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        millis: i64,
        condition: ExpireCondition,
        fields: &[F],
    ) -> Result<Vec<FieldExpiry>> {
        self.hexpire_when(key.as_ref(), Unit::PxAt.when(millis), Some(condition), fields, "hpexpireat")
    }

    fn hexpire_when<F: AsRef<[u8]>>(
        &self,
        key: &[u8],
        when: When,
        condition: Option<ExpireCondition>,
        fields: &[F],
        command: &'static str,
    ) -> Result<Vec<FieldExpiry>> {
        self.write_key(key, |cx, key| {
            let deadline = deadline(cx, when, command)?;
            hexpire(cx, key, deadline, condition, fields)
        })
    }

    /// Takes the deadlines of fields of a hash away (HPERSIST), and says for each what became of it.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{FieldPersistence, Store};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("token", "x1")])?;
    /// store.hexpire("user", 60, &["token"])?;
    /// assert_eq!(store.hpersist("user", &["token"])?, [FieldPersistence::Persisted]);
    /// assert_eq!(store.hpersist("user", &["token"])?, [FieldPersistence::Unchanged]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hpersist<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
    ) -> Result<Vec<FieldPersistence>> {
        self.write_key(key.as_ref(), |cx, key| hpersist(cx, key, fields))
    }

    /// Says how long fields of a hash have left, to the millisecond (HPTTL, HTTL).
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Store, Ttl};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("name", "Ann"), ("token", "x1")])?;
    /// store.hexpire("user", 60, &["token"])?;
    /// let left = store.httl("user", &["name", "token", "nothing"])?;
    /// assert!(matches!(left[..], [Ttl::Persistent, Ttl::Left(_), Ttl::Missing]));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn httl<F: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, fields: &[F]) -> Result<Vec<Ttl>> {
        self.read_key(key.as_ref(), |cx, key| {
            let times = hexpiretime(cx, key, fields)?;
            let left = |time| match time {
                ExpireTime::Missing => Ttl::Missing,
                ExpireTime::Persistent => Ttl::Persistent,
                ExpireTime::AtMillis(deadline) => {
                    let left = deadline.saturating_sub(cx.now());
                    Ttl::Left(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
                }
            };
            Ok(times.into_iter().map(left).collect())
        })
    }

    /// Says when fields of a hash end, to the millisecond (HPEXPIRETIME, HEXPIRETIME).
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ExpireTime, Store};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("token", "x1")])?;
    /// store.hexpireat("user", 4_000_000_000, &["token"])?;
    /// assert_eq!(store.hexpiretime("user", &["token"])?, [ExpireTime::AtMillis(4_000_000_000_000)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hexpiretime<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
    ) -> Result<Vec<ExpireTime>> {
        self.read_key(key.as_ref(), |cx, key| hexpiretime(cx, key, fields))
    }

    /// Gives the values of fields of a hash in their order and removes the fields (HGETDEL); `None` for a field that
    /// does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("user", &[("name", "Ann"), ("token", "x1")])?;
    /// assert_eq!(store.hgetdel("user", &["token"])?, [Some("x1".into())]);
    /// assert_eq!(store.hgetdel("user", &["token"])?, [None]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hgetdel<F: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, fields: &[F]) -> Result<Vec<Option<Blob>>> {
        let mut values = Vec::new();
        self.write_key(key.as_ref(), |cx, key| hgetdel(cx, key, fields, &mut Values::Blobs(&mut values)))?;
        Ok(values)
    }

    /// Gives the values of fields of a hash in their order and changes their deadlines (HGETEX); `None` for a field that
    /// does not exist. A time that is not in the future removes the fields.
    ///
    /// # Errors
    ///
    /// As [`hexpire`](Store::hexpire).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{GetexOption, Store, Ttl};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("token", "x1")])?;
    /// assert_eq!(store.hgetex("user", &["token"], GetexOption::Ex(60))?, [Some("x1".into())]);
    /// assert!(matches!(store.httl("user", &["token"])?[..], [Ttl::Left(_)]));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hgetex<F: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[F],
        option: GetexOption,
    ) -> Result<Vec<Option<Blob>>> {
        let when = match option {
            GetexOption::Ex(seconds) => Some(Unit::Ex.when(seconds)),
            GetexOption::Px(millis) => Some(Unit::Px.when(millis)),
            GetexOption::ExAt(seconds) => Some(Unit::ExAt.when(seconds)),
            GetexOption::PxAt(millis) => Some(Unit::PxAt.when(millis)),
            GetexOption::Persist => None,
        };
        let mut values = Vec::new();
        self.write_key(key.as_ref(), |cx, key| {
            let change = match when {
                Some(when) => Change::Expire(deadline(cx, when, "hgetex")?),
                None => Change::Persist,
            };
            hgetex(cx, key, change, fields, &mut Values::Blobs(&mut values))
        })?;
        Ok(values)
    }

    /// Sets fields of a hash with deadlines or under a condition (HSETEX); false if the condition did not hold, and
    /// nothing changed then. Without a time, deadlines that the fields had are taken away. A time that is not in the
    /// future leaves none of the fields.
    ///
    /// # Errors
    ///
    /// As [`hexpire`](Store::hexpire) and [`hset`](Store::hset).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{HsetexOptions, Store};
    ///
    /// let store = Store::new();
    /// assert!(store.hsetex("session", &[("user", "ann")], HsetexOptions::new().ex(60))?);
    /// let both = [("user", "bob"), ("role", "guest")];
    /// assert!(!store.hsetex("session", &both, HsetexOptions::new().if_all_exist())?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hsetex<F: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        pairs: &[(F, V)],
        options: HsetexOptions,
    ) -> Result<bool> {
        self.write_key(key.as_ref(), |cx, key| hsetex(cx, key, borrowed(pairs), options))
    }
}
