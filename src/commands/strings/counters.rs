//! Strings as numbers: INCR and its relatives.

use crate::commands::spec::{Group, access::*, flag::*, key};
use crate::commands::{Args, CommandSpec};
use crate::error::{Error, Result};
use crate::keyspace::{Content, Ctx, Key, Text};
use crate::num::{self, LongDouble, parse_i64};
use crate::reply::Reply;
use crate::store::Store;

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("DECR", decr_cmd)
        .summary("Takes one from an integer, which is 0 if the key does not exist.")
        .since("1.0.0")
        .group(Group::String)
        .syntax("key")
        .arity(2)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
    CommandSpec::new("DECRBY", decrby_cmd)
        .summary("Takes a number from an integer, which is 0 if the key does not exist.")
        .since("1.0.0")
        .group(Group::String)
        .syntax("key decrement")
        .arity(3)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
    CommandSpec::new("INCR", incr_cmd)
        .summary("Adds one to an integer, which is 0 if the key does not exist.")
        .since("1.0.0")
        .group(Group::String)
        .syntax("key")
        .arity(2)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
    CommandSpec::new("INCRBY", incrby_cmd)
        .summary("Adds a number to an integer, which is 0 if the key does not exist.")
        .since("1.0.0")
        .group(Group::String)
        .syntax("key increment")
        .arity(3)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
    CommandSpec::new("INCRBYFLOAT", incrbyfloat_cmd)
        .summary("Adds a number with a fraction to a number, which is 0 if the key does not exist.")
        .since("2.6.0")
        .group(Group::String)
        .syntax("key increment:double")
        .arity(3)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
];

fn incr_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.integer(incr_by(cx, cx.key(args.at(1)), 1)?);
    Ok(())
}

fn incrby_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let by = args.integer(2)?;
    out.integer(incr_by(cx, cx.key(args.at(1)), by)?);
    Ok(())
}

fn decr_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.integer(incr_by(cx, cx.key(args.at(1)), -1)?);
    Ok(())
}

fn decrby_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let by = negated(args.integer(2)?)?;
    out.integer(incr_by(cx, cx.key(args.at(1)), by)?);
    Ok(())
}

fn negated(by: i64) -> Result<i64> {
    by.checked_neg().ok_or(Error::DECREMENT_OVERFLOW)
}

fn incr_by(cx: &mut Ctx<'_>, key: Key<'_>, by: i64) -> Result<i64> {
    let sum = cx.update(key, "incrby", |entry| {
        let old = match entry.text()? {
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

fn incrbyfloat_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let sum = incrbyfloat(cx, cx.key(args.at(1)), args.at(2))?;
    out.bulk(&sum);
    Ok(())
}

/// The sum is kept as text, also when it is an integer. A bad increment is told after a bad value.
fn incrbyfloat(cx: &mut Ctx<'_>, key: Key<'_>, by: &[u8]) -> Result<Vec<u8>> {
    let by = LongDouble::parse(by);
    let add = |old: LongDouble| {
        let sum = old.add(by.ok_or(Error::NOT_FLOAT)?).ok_or(Error::NAN_OR_INFINITY)?;
        Ok(sum.format())
    };
    let sum = cx.update(key, "incrbyfloat", |entry| {
        let old = match entry.text()? {
            Text::Int(number) => LongDouble::from(number),
            text => LongDouble::parse(text.bytes(&mut itoa::Buffer::new())).ok_or(Error::NOT_FLOAT)?,
        };
        let sum = add(old)?;
        let deadline = entry.deadline();
        entry.set(Content::bytes(&sum, false), deadline);
        Ok(sum)
    })?;
    match sum {
        Some(sum) => Ok(sum),
        None => {
            let sum = add(LongDouble::from(0))?;
            cx.put(key, Content::bytes(&sum, false), None, "incrbyfloat");
            Ok(sum)
        }
    }
}

/// # Counters
impl Store {
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
        self.incrby(key, 1)
    }

    /// Adds a number to an integer (INCRBY) and answers the sum; a key that does not exist counts as 0.
    ///
    /// # Errors
    ///
    /// As [`incr`](Store::incr).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.incrby("stock", 12)?, 12);
    /// assert_eq!(store.incrby("stock", -2)?, 10);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn incrby(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64> {
        self.write_key(key.as_ref(), |cx, key| incr_by(cx, key, by))
    }

    /// Takes one from an integer (DECR) and answers the difference; a key that does not exist counts as 0.
    ///
    /// # Errors
    ///
    /// As [`incr`](Store::incr).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.decr("lives")?, -1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn decr(&self, key: impl AsRef<[u8]>) -> Result<i64> {
        self.incrby(key, -1)
    }

    /// Takes a number from an integer (DECRBY) and answers the difference; a key that does not exist counts as 0.
    ///
    /// # Errors
    ///
    /// `ERR decrement would overflow` for the smallest 64-bit number, which has no opposite; otherwise as
    /// [`incr`](Store::incr).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("stock", "12")?;
    /// assert_eq!(store.decrby("stock", 5)?, 7);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn decrby(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64> {
        self.incrby(key, negated(by)?)
    }

    /// Adds a number to a number that may have a fraction (INCRBYFLOAT) and answers the sum; a key that does not
    /// exist counts as 0.
    ///
    /// The sum is computed in 80 bits from the shortest decimal texts of both numbers and kept with up to 17 decimal
    /// places, so a tenth added ten times is 1; the answer is the `f64` nearest to it.
    ///
    /// # Errors
    ///
    /// `ERR value is not a valid float` if the value or the increment is no number, `ERR increment would produce NaN
    /// or Infinity`, `WRONGTYPE` if the key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("price", "10.5")?;
    /// assert_eq!(store.incrbyfloat("price", 0.1)?, 10.6);
    /// assert_eq!(store.get("price")?.unwrap(), "10.6");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn incrbyfloat(&self, key: impl AsRef<[u8]>, by: f64) -> Result<f64> {
        let mut text = Vec::new();
        num::format_shortest(by, &mut text);
        let sum = self.write_key(key.as_ref(), |cx, key| incrbyfloat(cx, key, &text))?;
        String::from_utf8_lossy(&sum).parse().map_err(|_| Error::NOT_FLOAT)
    }
}
