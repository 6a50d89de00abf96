//! Hashes: their fields and values. The deadlines of fields, and what walks through a hash or draws from it, are in
//! files of their own.

pub(super) mod expiry;
pub(super) mod scan;

use super::items::{self, blob};
use super::spec::{Group, access::*, flag::*, key};
use super::strings::check_length;
use super::{Args, CommandSpec};
use crate::blob::Blob;
use crate::ds::hash::Deadline;
use crate::ds::packed::Item;
use crate::ds::{Hash, Limits};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Edit, Key, Space};
use crate::num::{self, LongDouble};
use crate::reply::Reply;
use crate::store::Store;

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("HDEL", hdel_cmd)
        .summary("Removes fields of a hash.")
        .since("2.0.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key field [field ...]")
        .arity(-3)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | DELETE)]),
    CommandSpec::new("HEXISTS", hexists_cmd)
        .summary("Says whether a hash has a field.")
        .since("2.0.0")
        .group(Group::Hash)
        .syntax("key field")
        .arity(3)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO)]),
    CommandSpec::new("HGET", hget_cmd)
        .summary("Gives the value of a field of a hash.")
        .since("2.0.0")
        .group(Group::Hash)
        .syntax("key field")
        .arity(3)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("HGETALL", hgetall_cmd)
        .summary("Gives all fields of a hash and their values.")
        .since("2.0.0")
        .complexity("O(N) for N fields of the hash")
        .group(Group::Hash)
        .syntax("key")
        .arity(2)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output_order"]),
    CommandSpec::new("HINCRBY", hincrby_cmd)
        .summary("Adds a number to an integer in a hash, which is 0 if there is no such field.")
        .since("2.0.0")
        .group(Group::Hash)
        .syntax("key field increment")
        .arity(4)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
    CommandSpec::new("HINCRBYFLOAT", hincrbyfloat_cmd)
        .summary("Adds a number with a fraction to a number in a hash, which is 0 if there is no such field.")
        .since("2.6.0")
        .group(Group::Hash)
        .syntax("key field increment:double")
        .arity(4)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
    CommandSpec::new("HKEYS", hkeys_cmd)
        .summary("Gives all fields of a hash.")
        .since("2.0.0")
        .complexity("O(N) for N fields of the hash")
        .group(Group::Hash)
        .syntax("key")
        .arity(2)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output_order"]),
    CommandSpec::new("HLEN", hlen_cmd)
        .summary("Counts the fields of a hash.")
        .since("2.0.0")
        .group(Group::Hash)
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO)]),
    CommandSpec::new("HMGET", hmget_cmd)
        .summary("Gives the values of several fields of a hash.")
        .since("2.0.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key field [field ...]")
        .arity(-3)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("HMSET", hmset_cmd)
        .summary("Sets several fields of a hash; HSET does the same and counts the new ones.")
        .since("2.0.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key field value [field value ...]")
        .arity(-4)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("HSET", hset_cmd)
        .summary("Sets fields of a hash, and counts the new ones.")
        .since("2.0.0")
        .complexity("O(N) for N fields")
        .group(Group::Hash)
        .syntax("key field value [field value ...]")
        .arity(-4)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("HSETNX", hsetnx_cmd)
        .summary("Sets a field of a hash if it does not exist.")
        .since("2.0.0")
        .group(Group::Hash)
        .syntax("key field value")
        .arity(4)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | INSERT)]),
    CommandSpec::new("HSTRLEN", hstrlen_cmd)
        .summary("Gives the length of the value of a field of a hash.")
        .since("3.2.0")
        .group(Group::Hash)
        .syntax("key field")
        .arity(3)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO)]),
    CommandSpec::new("HVALS", hvals_cmd)
        .summary("Gives the values of all fields of a hash.")
        .since("2.0.0")
        .complexity("O(N) for N fields of the hash")
        .group(Group::Hash)
        .syntax("key")
        .arity(2)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output_order"]),
];

/// A time for hashes to which no time matters: they have no deadlines, or what is past its time was removed.
const ANY_TIME: i64 = i64::MIN;

/// Shows a hash to `read`, with the time if fields of it have deadlines; `None` if there is no such key.
#[inline]
fn read<R>(cx: &mut Ctx<'_>, key: Key<'_>, read: impl FnOnce(&Hash, i64) -> R) -> Result<Option<R>> {
    let Some(hash) = cx.find_as::<Hash>(key)? else { return Ok(None) };
    if !hash.has_deadlines() {
        return Ok(Some(read(hash, ANY_TIME)));
    }
    let now = cx.now();
    Ok(cx.peek(key).and_then(|entry| entry.value::<Hash>()).map(|hash| read(hash, now)))
}

/// The clock for a change that may find fields with deadlines: read at most once in a turn, and only if it is needed.
struct Now<'a> {
    space: &'a Space,
    micros: Option<i64>,
}

impl Now<'_> {
    /// Removes the fields that are past their time.
    #[inline]
    fn purge(&mut self, hash: &mut Hash) {
        if hash.has_deadlines() {
            let micros = *self.micros.get_or_insert_with(|| self.space.clock.now_micros());
            let now = micros.div_euclid(1000);
            // The write door found the hash not at its end; should that have come since, the door's reading counts.
            hash.purge(hash.end().map_or(now, |end| end.min(now)));
        }
    }
}

/// Changes a hash that exists, without the fields past their time; `None` if there is no such key.
#[inline]
fn edit<R>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    event: &'static str,
    change: impl FnOnce(&mut Hash, &Limits) -> Result<Edit<R>>,
) -> Result<Option<R>> {
    let space = cx.space;
    let mut now = Now { space, micros: cx.turn.now };
    let done = cx.edit(key, event, |hash: &mut Hash| {
        now.purge(hash);
        change(hash, &space.limits)
    });
    cx.turn.now = cx.turn.now.or(now.micros);
    done
}

/// As [`edit`]; a missing key is an empty hash.
#[inline]
fn edit_or_new<R>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    event: &'static str,
    change: impl FnOnce(&mut Hash, &Limits) -> Result<Edit<R>>,
) -> Result<R> {
    let space = cx.space;
    let mut now = Now { space, micros: cx.turn.now };
    let done = cx.edit_or_new(key, event, |hash: &mut Hash| {
        now.purge(hash);
        change(hash, &space.limits)
    });
    cx.turn.now = cx.turn.now.or(now.micros);
    done
}

/// Replies a value, nil if there is none.
#[inline]
fn reply_value(value: Option<Item<'_>>, out: &mut dyn Reply) {
    match value {
        Some(value) => items::reply(value, out),
        None => out.null(),
    }
}

fn hget_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let found = hget(cx, cx.key(args.at(1)), args.at(2), |value| reply_value(value, out))?;
    if found.is_none() {
        out.null();
    }
    Ok(())
}

/// Shows the value of a field to `view`; `None` if there is no such key.
#[inline]
fn hget<R>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    field: &[u8],
    view: impl FnOnce(Option<Item<'_>>) -> R,
) -> Result<Option<R>> {
    read(cx, key, |hash, now| view(hash.get(field, now)))
}

fn hmget_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    hmget(cx, cx.key(args.at(1)), args.from(2), &mut Values::Reply(out))
}

/// Where the values of fields go.
enum Values<'a, 'o> {
    Reply(&'o mut (dyn Reply + 'o)),
    Blobs(&'a mut Vec<Option<Blob>>),
}

impl Values<'_, '_> {
    fn start(&mut self, len: usize) {
        match self {
            Values::Reply(out) => out.array(len),
            Values::Blobs(blobs) => blobs.reserve(len),
        }
    }

    #[inline]
    fn put(&mut self, value: Option<Item<'_>>) {
        match self {
            Values::Reply(out) => reply_value(value, *out),
            Values::Blobs(blobs) => blobs.push(value.map(blob)),
        }
    }

    /// The values of fields of a hash that does not exist.
    fn nothing(&mut self, len: usize) {
        self.start(len);
        (0..len).for_each(|_| self.put(None));
    }
}

fn hmget<F: AsRef<[u8]>>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    fields: &[F],
    out: &mut Values<'_, '_>,
) -> Result<()> {
    let found = read(cx, key, |hash, now| {
        out.start(fields.len());
        fields.iter().for_each(|field| out.put(hash.get(field.as_ref(), now)));
    })?;
    if found.is_none() {
        out.nothing(fields.len());
    }
    Ok(())
}

fn hset_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(hset(cx, cx.key(args.at(1)), pairs(args, "hset")?)?);
    Ok(())
}

fn hmset_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    hset(cx, cx.key(args.at(1)), pairs(args, "hmset")?)?;
    out.ok();
    Ok(())
}

/// Fields and values by turns.
fn pairs<'a>(args: Args<'a>, command: &str) -> Result<impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone> {
    let (pairs, rest) = args.from(2).as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::wrong_arity(command));
    }
    Ok(pairs.iter().map(|&[field, value]| (field, value)))
}

/// The length of the longest field or value, none of which is too long.
fn longest<'a>(cx: &Ctx<'_>, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<usize> {
    let longest = pairs.map(|(field, value)| field.len().max(value.len())).max().unwrap_or(0);
    check_length(cx, longest)?;
    Ok(longest)
}

/// Sets all fields and says how many are new.
fn hset<'a>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
) -> Result<usize> {
    let longest = longest(cx, pairs.clone())?;
    edit_or_new(cx, key, "hset", |hash, limits| {
        hash.make_room(longest, limits);
        let mut new = 0;
        for (field, value) in pairs {
            new += usize::from(hash.set(field, value, Deadline::Cleared, limits));
        }
        Ok(Edit::Changed(new))
    })
}

fn hsetnx_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.boolean_integer(hsetnx(cx, cx.key(args.at(1)), args.at(2), args.at(3))?);
    Ok(())
}

fn hsetnx(cx: &mut Ctx<'_>, key: Key<'_>, field: &[u8], value: &[u8]) -> Result<bool> {
    longest(cx, std::iter::once((field, value)))?;
    edit_or_new(cx, key, "hset", |hash, limits| {
        if hash.contains(field, ANY_TIME) {
            return Ok(Edit::Same(false));
        }
        hash.set(field, value, Deadline::Cleared, limits);
        Ok(Edit::Changed(true))
    })
}

fn hdel_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(hdel(cx, cx.key(args.at(1)), args.from(2))?);
    Ok(())
}

fn hdel<F: AsRef<[u8]>>(cx: &mut Ctx<'_>, key: Key<'_>, fields: &[F]) -> Result<usize> {
    let removed = edit(cx, key, "hdel", |hash, _| {
        let removed = fields.iter().filter(|field| hash.remove(field.as_ref())).count();
        Ok(if removed > 0 { Edit::Changed(removed) } else { Edit::Same(0) })
    })?;
    Ok(removed.unwrap_or(0))
}

fn hexists_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.boolean_integer(hexists(cx, cx.key(args.at(1)), args.at(2))?);
    Ok(())
}

fn hexists(cx: &mut Ctx<'_>, key: Key<'_>, field: &[u8]) -> Result<bool> {
    Ok(hget(cx, key, field, |value| value.is_some())?.unwrap_or(false))
}

fn hstrlen_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(hstrlen(cx, cx.key(args.at(1)), args.at(2))?);
    Ok(())
}

fn hstrlen(cx: &mut Ctx<'_>, key: Key<'_>, field: &[u8]) -> Result<usize> {
    Ok(hget(cx, key, field, |value| value.map_or(0, Item::len))?.unwrap_or(0))
}

fn hlen_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(hlen(cx, cx.key(args.at(1)))?);
    Ok(())
}

fn hlen(cx: &mut Ctx<'_>, key: Key<'_>) -> Result<usize> {
    Ok(read(cx, key, Hash::len)?.unwrap_or(0))
}

fn hgetall_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let found = read(cx, cx.key(args.at(1)), |hash, now| {
        out.map(hash.len(now));
        hash.for_each(now, |field, value| {
            items::reply(field, out);
            items::reply(value, out);
        });
    })?;
    if found.is_none() {
        out.map(0);
    }
    Ok(())
}

fn hkeys_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_all(cx, args, |field, _| field, out)
}

fn hvals_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_all(cx, args, |_, value| value, out)
}

/// Replies one thing of every field.
fn reply_all(
    cx: &mut Ctx<'_>,
    args: Args<'_>,
    part: impl for<'h> Fn(Item<'h>, Item<'h>) -> Item<'h>,
    out: &mut dyn Reply,
) -> Result<()> {
    let found = read(cx, cx.key(args.at(1)), |hash, now| {
        out.array(hash.len(now));
        hash.for_each(now, |field, value| items::reply(part(field, value), out));
    })?;
    if found.is_none() {
        out.array(0);
    }
    Ok(())
}

/// Collects what `part` makes of every field.
fn collect_all<R>(cx: &mut Ctx<'_>, key: Key<'_>, part: impl Fn(Item<'_>, Item<'_>) -> R) -> Result<Vec<R>> {
    let all = read(cx, key, |hash, now| {
        let mut all = Vec::with_capacity(hash.len(now));
        hash.for_each(now, |field, value| all.push(part(field, value)));
        all
    })?;
    Ok(all.unwrap_or_default())
}

fn hincrby_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let by = args.integer(3)?;
    out.integer(hincrby(cx, cx.key(args.at(1)), args.at(2), by)?);
    Ok(())
}

fn hincrby(cx: &mut Ctx<'_>, key: Key<'_>, field: &[u8], by: i64) -> Result<i64> {
    check_length(cx, field.len())?;
    edit_or_new(cx, key, "hincrby", |hash, limits| {
        let (mut buffer, mut sum) = (itoa::Buffer::new(), by);
        let (text, total) = (&mut buffer, &mut sum);
        hash.change(field, limits, move |old| {
            let old = match old {
                None => 0,
                Some(Item::Int(number)) => number,
                Some(Item::Bytes(text)) => num::parse_i64(text).ok_or(Error::HASH_NOT_INTEGER)?,
            };
            *total = old.checked_add(by).ok_or(Error::OVERFLOW)?;
            Ok::<_, Error>(text.format(*total))
        })?;
        Ok(Edit::Changed(sum))
    })
}

fn hincrbyfloat_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.bulk(&hincrbyfloat(cx, cx.key(args.at(1)), args.at(2), args.at(3))?);
    Ok(())
}

fn hincrbyfloat(cx: &mut Ctx<'_>, key: Key<'_>, field: &[u8], by: &[u8]) -> Result<Vec<u8>> {
    check_length(cx, field.len())?;
    let by = LongDouble::parse(by).ok_or(Error::NOT_FLOAT)?;
    if !by.is_finite() {
        return Err(Error::IS_NAN_OR_INFINITY);
    }
    edit_or_new(cx, key, "hincrbyfloat", |hash, limits| {
        let mut sum = Vec::new();
        let text = &mut sum;
        hash.change(field, limits, move |old| {
            let old = match old {
                None => LongDouble::from(0),
                Some(Item::Int(number)) => LongDouble::from(number),
                Some(Item::Bytes(text)) => LongDouble::parse(text).ok_or(Error::HASH_NOT_FLOAT)?,
            };
            *text = old.add(by).ok_or(Error::NAN_OR_INFINITY)?.format();
            Ok::<_, Error>(&*text)
        })?;
        Ok(Edit::Changed(sum))
    })
}

fn borrowed<F: AsRef<[u8]>, V: AsRef<[u8]>>(
    pairs: &[(F, V)],
) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    pairs.iter().map(|(field, value)| (field.as_ref(), value.as_ref()))
}

/// # Hashes
impl Store {
    /// Gives the value of a field of a hash (HGET); `None` if the key or the field does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("user", &[("name", "Ann")])?;
    /// assert_eq!(store.hget("user", "name")?.unwrap(), "Ann");
    /// assert_eq!(store.hget("user", "age")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hget(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        self.read_key(key.as_ref(), |cx, key| {
            Ok(hget(cx, key, field.as_ref(), |value| value.map(blob))?.flatten())
        })
    }

    /// Gives the values of several fields of a hash in their order (HMGET); `None` for a field that does not exist, and
    /// for all if the key does not.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("user", &[("name", "Ann"), ("age", "41")])?;
    /// assert_eq!(store.hmget("user", &["age", "mail"])?, [Some("41".into()), None]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hmget<F: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, fields: &[F]) -> Result<Vec<Option<Blob>>> {
        let mut values = Vec::new();
        self.read_key(key.as_ref(), |cx, key| hmget(cx, key, fields, &mut Values::Blobs(&mut values)))?;
        Ok(values)
    }

    /// Gives all fields of a hash and their values, in no order (HGETALL); nothing if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("user", &[("name", "Ann")])?;
    /// assert_eq!(store.hgetall("user")?, [("name".into(), "Ann".into())]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hgetall(&self, key: impl AsRef<[u8]>) -> Result<Vec<(Blob, Blob)>> {
        self.read_key(key.as_ref(), |cx, key| collect_all(cx, key, |field, value| (blob(field), blob(value))))
    }

    /// Gives all fields of a hash, in no order (HKEYS); nothing if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("user", &[("name", "Ann")])?;
    /// assert_eq!(store.hkeys("user")?, ["name"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hkeys(&self, key: impl AsRef<[u8]>) -> Result<Vec<Blob>> {
        self.read_key(key.as_ref(), |cx, key| collect_all(cx, key, |field, _| blob(field)))
    }

    /// Gives the values of all fields of a hash, in no order (HVALS); nothing if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("user", &[("name", "Ann")])?;
    /// assert_eq!(store.hvals("user")?, ["Ann"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hvals(&self, key: impl AsRef<[u8]>) -> Result<Vec<Blob>> {
        self.read_key(key.as_ref(), |cx, key| collect_all(cx, key, |_, value| blob(value)))
    }

    /// Counts the fields of a hash (HLEN); 0 if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("user", &[("name", "Ann"), ("age", "41")])?;
    /// assert_eq!(store.hlen("user")?, 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hlen(&self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.read_key(key.as_ref(), hlen)
    }

    /// Says whether a hash has a field (HEXISTS).
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("user", &[("name", "Ann")])?;
    /// assert!(store.hexists("user", "name")?);
    /// assert!(!store.hexists("user", "age")?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hexists(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>) -> Result<bool> {
        self.read_key(key.as_ref(), |cx, key| hexists(cx, key, field.as_ref()))
    }

    /// Gives the length in bytes of the value of a field of a hash (HSTRLEN); 0 if the key or the field does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("user", &[("name", "Ann")])?;
    /// assert_eq!(store.hstrlen("user", "name")?, 3);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hstrlen(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>) -> Result<usize> {
        self.read_key(key.as_ref(), |cx, key| hstrlen(cx, key, field.as_ref()))
    }

    /// Sets fields of a hash, which is made if the key does not exist, and says how many of the fields are new (HSET,
    /// HMSET). The fields have no deadlines then.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type; `ERR string exceeds maximum allowed size` for a field or value longer
    /// than the store takes. Nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.hset("user", &[("name", "Ann"), ("age", "41")])?, 2);
    /// assert_eq!(store.hset("user", &[("age", "42")])?, 0);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hset<F: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        pairs: &[(F, V)],
    ) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| hset(cx, key, borrowed(pairs)))
    }

    /// Sets a field of a hash if it does not exist (HSETNX); false if it does.
    ///
    /// # Errors
    ///
    /// As [`hset`](Store::hset).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert!(store.hsetnx("user", "name", "Ann")?);
    /// assert!(!store.hsetnx("user", "name", "Bob")?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hsetnx(
        &self,
        key: impl AsRef<[u8]>,
        field: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<bool> {
        self.write_key(key.as_ref(), |cx, key| hsetnx(cx, key, field.as_ref(), value.as_ref()))
    }

    /// Removes fields of a hash and says how many there were (HDEL). A hash without fields does not exist any more.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("user", &[("name", "Ann")])?;
    /// assert_eq!(store.hdel("user", &["name", "age"])?, 1);
    /// assert_eq!(store.exists(&["user"])?, 0);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hdel<F: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, fields: &[F]) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| hdel(cx, key, fields))
    }

    /// Adds a number to an integer in a hash (HINCRBY) and answers the sum; a field that does not exist counts as 0. The
    /// field keeps its deadline.
    ///
    /// # Errors
    ///
    /// `ERR hash value is not an integer`, `ERR increment or decrement would overflow` past 64 bits, `WRONGTYPE` if the
    /// key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.hincrby("stock", "apples", 12)?, 12);
    /// assert_eq!(store.hincrby("stock", "apples", -2)?, 10);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hincrby(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>, by: i64) -> Result<i64> {
        self.write_key(key.as_ref(), |cx, key| hincrby(cx, key, field.as_ref(), by))
    }

    /// Adds a number to a number in a hash that may have a fraction (HINCRBYFLOAT) and answers the sum; a field that
    /// does not exist counts as 0. The field keeps its deadline.
    ///
    /// It is computed as [`incrbyfloat`](Store::incrbyfloat) does; the answer is the `f64` nearest to it.
    ///
    /// # Errors
    ///
    /// `ERR hash value is not a float`, `ERR value is NaN or Infinity` for an infinite number to add, `ERR increment
    /// would produce NaN or Infinity`, `WRONGTYPE` if the key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("price", &[("apples", "10.5")])?;
    /// assert_eq!(store.hincrbyfloat("price", "apples", 0.1)?, 10.6);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hincrbyfloat(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>, by: f64) -> Result<f64> {
        let mut text = Vec::new();
        num::format_shortest(by, &mut text);
        let sum = self.write_key(key.as_ref(), |cx, key| hincrbyfloat(cx, key, field.as_ref(), &text))?;
        String::from_utf8_lossy(&sum).parse().map_err(|_| Error::NOT_FLOAT)
    }
}
