//! Deadlines: EXPIRE, TTL and their relatives, and the expiry options of other commands.

use std::time::Duration;

use super::spec::{access::*, flag::*, key};
use super::{Args, CommandSpec};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Key};
use crate::reply::Reply;
use crate::store::Store;

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("EXPIRE", expire_cmd)
        .summary("Lets a key end after a number of seconds.")
        .since("1.0.0")
        .syntax("key seconds [NX | XX | GT | LT]")
        .arity(-3)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("EXPIREAT", expireat_cmd)
        .summary("Lets a key end at a Unix time in seconds.")
        .since("1.2.0")
        .syntax("key unix-time-seconds [NX | XX | GT | LT]")
        .arity(-3)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("EXPIRETIME", expiretime_cmd)
        .summary("Gives the Unix time in seconds at which a key ends.")
        .since("7.0.0")
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("PERSIST", persist_cmd)
        .summary("Takes a key's deadline away.")
        .since("2.2.0")
        .syntax("key")
        .arity(2)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("PEXPIRE", pexpire_cmd)
        .summary("Lets a key end after a number of milliseconds.")
        .since("2.6.0")
        .syntax("key milliseconds [NX | XX | GT | LT]")
        .arity(-3)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("PEXPIREAT", pexpireat_cmd)
        .summary("Lets a key end at a Unix time in milliseconds.")
        .since("2.6.0")
        .syntax("key unix-time-milliseconds [NX | XX | GT | LT]")
        .arity(-3)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("PEXPIRETIME", pexpiretime_cmd)
        .summary("Gives the Unix time in milliseconds at which a key ends.")
        .since("7.0.0")
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("PTTL", pttl_cmd)
        .summary("Gives the milliseconds that a key has left.")
        .since("2.6.0")
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output"]),
    CommandSpec::new("TTL", ttl_cmd)
        .summary("Gives the seconds that a key has left.")
        .since("1.0.0")
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output"]),
];

/// A point in time as commands take it: relative or absolute, in seconds or milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    In { amount: i64, millis: bool },
    At { amount: i64, millis: bool },
}

impl When {
    /// The deadline in milliseconds since the epoch, by the rule of SET and GETEX: the amount is positive and the
    /// deadline fits 64 bits.
    pub(crate) fn deadline(self, cx: &mut Ctx<'_>, command: &'static str) -> Result<i64> {
        let (When::In { amount, .. } | When::At { amount, .. }) = self;
        if amount <= 0 {
            return Err(Error::invalid_expire(command));
        }
        self.any_deadline(cx, command)
    }

    /// The deadline by the rule of the EXPIRE family: it may be past, as long as it fits 64 bits.
    pub(super) fn any_deadline(self, cx: &mut Ctx<'_>, command: &'static str) -> Result<i64> {
        let (When::In { amount, millis } | When::At { amount, millis }) = self;
        let bad = || Error::invalid_expire(command);
        let amount = if millis { amount } else { amount.checked_mul(1000).ok_or_else(bad)? };
        match self {
            When::At { .. } => Ok(amount),
            When::In { .. } => amount.checked_add(cx.now()).ok_or_else(bad),
        }
    }
}

/// The word before an expiry option's amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Ex,
    Px,
    ExAt,
    PxAt,
}

impl Unit {
    /// The unit that a word names, in any case.
    pub(crate) fn of(word: &[u8]) -> Option<Unit> {
        let units = [("EX", Unit::Ex), ("PX", Unit::Px), ("EXAT", Unit::ExAt), ("PXAT", Unit::PxAt)];
        units.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|&(_, unit)| unit)
    }

    pub(crate) fn when(self, amount: i64) -> When {
        match self {
            Unit::Ex => When::In { amount, millis: false },
            Unit::Px => When::In { amount, millis: true },
            Unit::ExAt => When::At { amount, millis: false },
            Unit::PxAt => When::At { amount, millis: true },
        }
    }
}

/// When the EXPIRE and HEXPIRE families set a deadline.
///
/// A key (or field) without a deadline counts as one that ends later than all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpireCondition {
    /// Only if the key has no deadline (NX).
    IfNone,
    /// Only if the key has a deadline (XX).
    IfSome,
    /// Only if the new deadline is later (GT); never for a key without one.
    IfGreater,
    /// Only if the new deadline is earlier (LT); always for a key without one.
    IfLess,
    /// Only if the key has a deadline and the new one is earlier (XX LT).
    IfSomeAndLess,
}

impl ExpireCondition {
    pub(super) fn holds(self, old: Option<i64>, new: i64) -> bool {
        match self {
            ExpireCondition::IfNone => old.is_none(),
            ExpireCondition::IfSome => old.is_some(),
            ExpireCondition::IfGreater => old.is_some_and(|old| new > old),
            ExpireCondition::IfLess => old.is_none_or(|old| new < old),
            ExpireCondition::IfSomeAndLess => old.is_some_and(|old| new < old),
        }
    }

    /// The condition that one word names, in any case.
    pub(super) fn of(word: &[u8]) -> Option<ExpireCondition> {
        let conditions = [
            ("NX", ExpireCondition::IfNone),
            ("XX", ExpireCondition::IfSome),
            ("GT", ExpireCondition::IfGreater),
            ("LT", ExpireCondition::IfLess),
        ];
        let found = conditions.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|&(_, condition)| condition)
    }

    /// The options behind the amount.
    fn parse(args: Args<'_>) -> Result<Option<ExpireCondition>> {
        let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
        for at in 3..args.len() {
            let options = [("NX", &mut nx), ("XX", &mut xx), ("GT", &mut gt), ("LT", &mut lt)];
            match options.into_iter().find(|(name, _)| args.is(at, name)) {
                Some((_, set)) => *set = true,
                None => return Err(Error::unsupported_option(args.at(at))),
            }
        }
        match (nx, xx, gt, lt) {
            (true, false, false, false) => Ok(Some(ExpireCondition::IfNone)),
            (true, ..) => Err(Error::NX_WITH_OTHERS),
            (_, _, true, true) => Err(Error::GT_WITH_LT),
            // GT alone leaves keys without a deadline out already.
            (_, _, true, false) => Ok(Some(ExpireCondition::IfGreater)),
            (_, true, _, true) => Ok(Some(ExpireCondition::IfSomeAndLess)),
            (_, false, _, true) => Ok(Some(ExpireCondition::IfLess)),
            (_, true, ..) => Ok(Some(ExpireCondition::IfSome)),
            (false, false, false, false) => Ok(None),
        }
    }
}

/// How long a key, or a field of a hash, has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ttl {
    /// There is no such key or field.
    Missing,
    /// It has no deadline.
    Persistent,
    /// It ends after this time, a whole number of milliseconds.
    Left(Duration),
}

impl Ttl {
    /// The time left, if there is a deadline.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        match self {
            Ttl::Left(left) => Some(left),
            Ttl::Missing | Ttl::Persistent => None,
        }
    }
}

/// When a key, or a field of a hash, ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpireTime {
    /// There is no such key or field.
    Missing,
    /// It has no deadline.
    Persistent,
    /// It ends at this many milliseconds after the Unix epoch.
    AtMillis(i64),
}

impl ExpireTime {
    /// As EXPIRETIME and its relatives reply: -2, -1, or the time after `read` had it.
    pub(super) fn reply(self, read: impl FnOnce(i64) -> i64, out: &mut dyn Reply) {
        out.integer(match self {
            ExpireTime::Missing => -2,
            ExpireTime::Persistent => -1,
            ExpireTime::AtMillis(deadline) => read(deadline),
        });
    }
}

/// Milliseconds as the nearest whole number of seconds. Deadlines of keys that exist are not negative, but close to
/// the largest number they may be.
fn to_seconds(millis: i64) -> i64 {
    ((millis.unsigned_abs() + 500) / 1000) as i64
}

fn expire_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    expire_generic(cx, args, Unit::Ex, "expire", out)
}

fn expireat_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    expire_generic(cx, args, Unit::ExAt, "expireat", out)
}

fn pexpire_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    expire_generic(cx, args, Unit::Px, "pexpire", out)
}

fn pexpireat_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    expire_generic(cx, args, Unit::PxAt, "pexpireat", out)
}

fn expire_generic(
    cx: &mut Ctx<'_>,
    args: Args<'_>,
    unit: Unit,
    command: &'static str,
    out: &mut dyn Reply,
) -> Result<()> {
    let condition = ExpireCondition::parse(args)?;
    let when = unit.when(args.integer(2)?);
    out.boolean_integer(expire(cx, cx.key(args.at(1)), when, condition, command)?);
    Ok(())
}

/// `command` names the command in the error text of a bad time.
fn expire(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    when: When,
    condition: Option<ExpireCondition>,
    command: &'static str,
) -> Result<bool> {
    let deadline = when.any_deadline(cx, command)?;
    if let Some(condition) = condition {
        let Some(entry) = cx.find_to_write(key) else { return Ok(false) };
        if !condition.holds(entry.deadline(), deadline) {
            return Ok(false);
        }
    }
    Ok(if deadline <= cx.now() {
        cx.delete(key, "del")
    } else {
        cx.set_deadline(key, Some(deadline), "expire")
    })
}

fn persist_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.boolean_integer(persist(cx, cx.key(args.at(1))));
    Ok(())
}

/// Takes the deadline of a key away, for GETEX too; false if there was none.
pub(super) fn persist(cx: &mut Ctx<'_>, key: Key<'_>) -> bool {
    let has_deadline = cx.find_to_write(key).is_some_and(|entry| entry.deadline().is_some());
    has_deadline && cx.set_deadline(key, None, "persist")
}

fn expiretime_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    expiretime(cx, cx.key(args.at(1))).reply(to_seconds, out);
    Ok(())
}

fn pexpiretime_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    expiretime(cx, cx.key(args.at(1))).reply(|millis| millis, out);
    Ok(())
}

fn ttl_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    expiretime(cx, cx.key(args.at(1))).reply(|deadline| to_seconds(left(cx, deadline)), out);
    Ok(())
}

fn pttl_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    expiretime(cx, cx.key(args.at(1))).reply(|deadline| left(cx, deadline), out);
    Ok(())
}

/// When a key ends; all four questions about deadlines are asked this way.
fn expiretime(cx: &mut Ctx<'_>, key: Key<'_>) -> ExpireTime {
    match cx.find_untouched(key).map(|entry| entry.deadline()) {
        None => ExpireTime::Missing,
        Some(None) => ExpireTime::Persistent,
        Some(Some(deadline)) => ExpireTime::AtMillis(deadline),
    }
}

/// Milliseconds until a deadline of a key that exists.
fn left(cx: &mut Ctx<'_>, deadline: i64) -> i64 {
    deadline.saturating_sub(cx.now()).max(0)
}

/// # Deadlines
impl Store {
    /// Lets a key end after a number of seconds (EXPIRE); false if the key does not exist. A time that is not
    /// positive removes the key at once.
    ///
    /// # Errors
    ///
    /// `ERR invalid expire time in 'expire' command` if the deadline is past what 64 bits of milliseconds hold.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("session", "42")?;
    /// assert!(store.expire("session", 60)?);
    /// assert!(!store.expire("nothing", 60)?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn expire(&self, key: impl AsRef<[u8]>, seconds: i64) -> Result<bool> {
        self.expire_when(key.as_ref(), Unit::Ex.when(seconds), None, "expire")
    }

    /// Lets a key end after a number of seconds under a condition (EXPIRE with NX, XX, GT, LT); false if the key does
    /// not exist or the condition does not hold.
    ///
    /// # Errors
    ///
    /// As [`expire`](Store::expire).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ExpireCondition, Store};
    ///
    /// let store = Store::new();
    /// store.incr("hits")?;
    /// assert!(store.expire_with("hits", 60, ExpireCondition::IfNone)?);
    /// assert!(!store.expire_with("hits", 60, ExpireCondition::IfNone)?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn expire_with(
        &self,
        key: impl AsRef<[u8]>,
        seconds: i64,
        condition: ExpireCondition,
    ) -> Result<bool> {
        self.expire_when(key.as_ref(), Unit::Ex.when(seconds), Some(condition), "expire")
    }

    /// Lets a key end after a number of milliseconds (PEXPIRE); false if the key does not exist. A time that is not
    /// positive removes the key at once.
    ///
    /// # Errors
    ///
    /// `ERR invalid expire time in 'pexpire' command` if the deadline is past what 64 bits of milliseconds hold.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// assert!(store.pexpire("key", 1500)?);
    /// assert!(store.pexpire("key", 0)?);
    /// assert_eq!(store.get("key")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn pexpire(&self, key: impl AsRef<[u8]>, millis: i64) -> Result<bool> {
        self.expire_when(key.as_ref(), Unit::Px.when(millis), None, "pexpire")
    }

    /// Lets a key end after a number of milliseconds under a condition (PEXPIRE with NX, XX, GT, LT); false if the
    /// key does not exist or the condition does not hold.
    ///
    /// # Errors
    ///
    /// As [`pexpire`](Store::pexpire).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ExpireCondition, Store};
    ///
    /// let store = Store::new();
    /// store.psetex("key", 1500, "value")?;
    /// assert!(store.pexpire_with("key", 2500, ExpireCondition::IfGreater)?);
    /// assert!(!store.pexpire_with("key", 500, ExpireCondition::IfGreater)?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn pexpire_with(
        &self,
        key: impl AsRef<[u8]>,
        millis: i64,
        condition: ExpireCondition,
    ) -> Result<bool> {
        self.expire_when(key.as_ref(), Unit::Px.when(millis), Some(condition), "pexpire")
    }

    /// Lets a key end at a number of seconds after the Unix epoch (EXPIREAT); false if the key does not exist. A time
    /// that is past removes the key at once.
    ///
    /// # Errors
    ///
    /// `ERR invalid expire time in 'expireat' command` if the time is past what 64 bits of milliseconds hold.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// assert!(store.expireat("key", 4_102_444_800)?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn expireat(&self, key: impl AsRef<[u8]>, unix_seconds: i64) -> Result<bool> {
        self.expire_when(key.as_ref(), Unit::ExAt.when(unix_seconds), None, "expireat")
    }

    /// Lets a key end at a number of seconds after the Unix epoch under a condition (EXPIREAT with NX, XX, GT, LT);
    /// false if the key does not exist or the condition does not hold.
    ///
    /// # Errors
    ///
    /// As [`expireat`](Store::expireat).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ExpireCondition, Store};
    ///
    /// let store = Store::new();
    /// store.set("key", "value")?;
    /// assert!(!store.expireat_with("key", 4_102_444_800, ExpireCondition::IfSome)?);
    /// assert!(store.expireat_with("key", 4_102_444_800, ExpireCondition::IfLess)?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn expireat_with(
        &self,
        key: impl AsRef<[u8]>,
        unix_seconds: i64,
        condition: ExpireCondition,
    ) -> Result<bool> {
        self.expire_when(key.as_ref(), Unit::ExAt.when(unix_seconds), Some(condition), "expireat")
    }

    /// Lets a key end at a number of milliseconds after the Unix epoch (PEXPIREAT); false if the key does not exist. A
    /// time that is past removes the key at once.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds the key.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// assert!(store.pexpireat("key", 4_102_444_800_000)?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn pexpireat(&self, key: impl AsRef<[u8]>, unix_millis: i64) -> Result<bool> {
        self.expire_when(key.as_ref(), Unit::PxAt.when(unix_millis), None, "pexpireat")
    }

    /// Lets a key end at a number of milliseconds after the Unix epoch under a condition (PEXPIREAT with NX, XX, GT,
    /// LT); false if the key does not exist or the condition does not hold.
    ///
    /// # Errors
    ///
    /// As [`pexpireat`](Store::pexpireat).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ExpireCondition, Store};
    ///
    /// let store = Store::new();
    /// store.set("key", "value")?;
    /// assert!(!store.pexpireat_with("key", 4_102_444_800_000, ExpireCondition::IfSomeAndLess)?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn pexpireat_with(
        &self,
        key: impl AsRef<[u8]>,
        unix_millis: i64,
        condition: ExpireCondition,
    ) -> Result<bool> {
        self.expire_when(key.as_ref(), Unit::PxAt.when(unix_millis), Some(condition), "pexpireat")
    }

    fn expire_when(
        &self,
        key: &[u8],
        when: When,
        condition: Option<ExpireCondition>,
        command: &'static str,
    ) -> Result<bool> {
        self.write_key(key, |cx, key| expire(cx, key, when, condition, command))
    }

    /// Takes a key's deadline away (PERSIST); false if the key does not exist or has none.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds the key.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Store, Ttl};
    ///
    /// let store = Store::new();
    /// store.setex("key", 60, "value")?;
    /// assert!(store.persist("key")?);
    /// assert_eq!(store.ttl("key")?, Ttl::Persistent);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn persist(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.write_key(key.as_ref(), |cx, key| Ok(persist(cx, key)))
    }

    /// Says how long a key has left, in whole milliseconds (TTL and PTTL in one).
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds the key.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ManualClock, Store, Ttl};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let store = Store::builder().clock(clock.clone()).build();
    /// store.setex("key", 60, "value")?;
    /// clock.advance(Duration::from_millis(500));
    /// assert_eq!(store.ttl("key")?, Ttl::Left(Duration::from_millis(59_500)));
    /// assert_eq!(store.ttl("nothing")?, Ttl::Missing);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn ttl(&self, key: impl AsRef<[u8]>) -> Result<Ttl> {
        self.read_key(key.as_ref(), |cx, key| {
            Ok(match expiretime(cx, key) {
                ExpireTime::Missing => Ttl::Missing,
                ExpireTime::Persistent => Ttl::Persistent,
                ExpireTime::AtMillis(deadline) => {
                    Ttl::Left(Duration::from_millis(left(cx, deadline).unsigned_abs()))
                }
            })
        })
    }

    /// Says when a key ends, in milliseconds after the Unix epoch (EXPIRETIME and PEXPIRETIME in one).
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds the key.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ExpireTime, Store};
    ///
    /// let store = Store::new();
    /// store.set("key", "value")?;
    /// assert_eq!(store.expiretime("key")?, ExpireTime::Persistent);
    /// store.expireat("key", 4_102_444_800)?;
    /// assert_eq!(store.expiretime("key")?, ExpireTime::AtMillis(4_102_444_800_000));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn expiretime(&self, key: impl AsRef<[u8]>) -> Result<ExpireTime> {
        self.read_key(key.as_ref(), |cx, key| Ok(expiretime(cx, key)))
    }
}
