//! Several sets as one: what they have in common, what any of them has, what only the first one has.

use super::{SetReply, Sink, put_all};
use crate::blob::Blob;
use crate::commands::spec::{Group, access::*, counted_keys, flag::*, key, keys};
use crate::commands::{Args, CommandSpec};
use crate::ds::Set;
use crate::ds::packed::Item;
use crate::error::{Error, Result};
use crate::keyspace::{Content, Ctx, Key};
use crate::num::parse_i64;
use crate::reply::Reply;
use crate::store::{LockMode, Store};

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("SDIFF", sdiff_cmd)
        .summary("Gives the members of a set that none of the other sets has.")
        .since("1.0.0")
        .complexity("O(N) for N members of all the sets")
        .group(Group::Set)
        .syntax("key [key ...]")
        .arity(-2)
        .flags(READONLY)
        .keys(&[keys(1, -1, 1, RO | ACCESS)])
        .tips(&["nondeterministic_output_order"]),
    CommandSpec::new("SDIFFSTORE", sdiffstore_cmd)
        .summary("Sets a key to the members of a set that none of the other sets has.")
        .since("1.0.0")
        .complexity("O(N) for N members of all the sets")
        .group(Group::Set)
        .syntax("destination key [key ...]")
        .arity(-3)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, OW | UPDATE), keys(2, -1, 1, RO | ACCESS)]),
    CommandSpec::new("SINTER", sinter_cmd)
        .summary("Gives the members that all of the sets have.")
        .since("1.0.0")
        .complexity("O(N*M) for N members of the smallest of M sets")
        .group(Group::Set)
        .syntax("key [key ...]")
        .arity(-2)
        .flags(READONLY)
        .keys(&[keys(1, -1, 1, RO | ACCESS)])
        .tips(&["nondeterministic_output_order"]),
    CommandSpec::new("SINTERCARD", sintercard_cmd)
        .summary("Counts the members that all of the sets have.")
        .since("7.0.0")
        .complexity("O(N*M) for N members of the smallest of M sets")
        .group(Group::Set)
        .syntax("numkeys key [key ...] [LIMIT limit]")
        .arity(-3)
        .flags(READONLY | MOVABLEKEYS)
        .keys(&[counted_keys(1, RO | ACCESS)]),
    CommandSpec::new("SINTERSTORE", sinterstore_cmd)
        .summary("Sets a key to the members that all of the sets have.")
        .since("1.0.0")
        .complexity("O(N*M) for N members of the smallest of M sets")
        .group(Group::Set)
        .syntax("destination key [key ...]")
        .arity(-3)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, RW | UPDATE), keys(2, -1, 1, RO | ACCESS)]),
    CommandSpec::new("SUNION", sunion_cmd)
        .summary("Gives the members that any of the sets has.")
        .since("1.0.0")
        .complexity("O(N) for N members of all the sets")
        .group(Group::Set)
        .syntax("key [key ...]")
        .arity(-2)
        .flags(READONLY)
        .keys(&[keys(1, -1, 1, RO | ACCESS)])
        .tips(&["nondeterministic_output_order"]),
    CommandSpec::new("SUNIONSTORE", sunionstore_cmd)
        .summary("Sets a key to the members that any of the sets has.")
        .since("1.0.0")
        .complexity("O(N) for N members of all the sets")
        .group(Group::Set)
        .syntax("destination key [key ...]")
        .arity(-3)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, OW | UPDATE), keys(2, -1, 1, RO | ACCESS)]),
];

/// Up to so many sets it is faster to ask the others about each member than to make their union.
const ASKED: usize = 3;

/// The sets of the keys, empty ones for keys that do not exist.
fn sets_of<K: AsRef<[u8]>>(cx: &mut Ctx<'_>, keys: &[K]) -> Result<Vec<Set>> {
    let set_of = |key: &K| Ok(cx.find_as::<Set>(cx.key(key.as_ref()))?.cloned().unwrap_or_default());
    keys.iter().map(set_of).collect()
}

fn put_items(members: &[Item<'_>], out: &mut impl Sink) {
    out.start(members.len());
    members.iter().for_each(|&member| out.put(member));
}

/// Sets a key to a set, or removes it if the set is empty; answers the number of members.
fn store(cx: &mut Ctx<'_>, key: Key<'_>, set: Set, event: &'static str) -> usize {
    let len = set.len();
    if len == 0 {
        cx.delete(key, "del");
    } else {
        cx.put(key, Content::Set(set), None, event);
    }
    len
}

fn sinter_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    sinter(cx, args.from(1), &mut SetReply(out))
}

fn sinter<K: AsRef<[u8]>>(cx: &mut Ctx<'_>, keys: &[K], out: &mut impl Sink) -> Result<()> {
    let mut sets = sets_of(cx, keys)?;
    put_items(&Set::intersection(&mut sets).collect::<Vec<_>>(), out);
    Ok(())
}

fn sinterstore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(sinterstore(cx, cx.key(args.at(1)), args.from(2))?);
    Ok(())
}

fn sinterstore<K: AsRef<[u8]>>(cx: &mut Ctx<'_>, destination: Key<'_>, keys: &[K]) -> Result<usize> {
    let mut sets = sets_of(cx, keys)?;
    let common = Set::of(Set::intersection(&mut sets), &cx.space.limits);
    Ok(store(cx, destination, common, "sinterstore"))
}

fn sintercard_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let unsigned = |at| parse_i64(args.at(at)).and_then(|number| usize::try_from(number).ok());
    let keys = unsigned(1).filter(|&keys| keys > 0).ok_or(Error::NUMKEYS_NOT_POSITIVE)?;
    let mut at = keys.checked_add(2).filter(|&at| at <= args.len()).ok_or(Error::TOO_MANY_KEYS)?;
    let mut limit = None;
    while at < args.len() {
        if !args.is(at, "LIMIT") || at + 1 == args.len() {
            return Err(Error::SYNTAX);
        }
        limit = Some(unsigned(at + 1).ok_or(Error::NEGATIVE_LIMIT)?);
        at += 2;
    }
    let keys = args.from(2).get(..keys).unwrap_or_default();
    out.length(sintercard(cx, keys, limit.filter(|&limit| limit > 0))?);
    Ok(())
}

fn sintercard<K: AsRef<[u8]>>(cx: &mut Ctx<'_>, keys: &[K], limit: Option<usize>) -> Result<usize> {
    let mut sets = sets_of(cx, keys)?;
    Ok(Set::intersection(&mut sets).take(limit.unwrap_or(usize::MAX)).count())
}

fn sunion_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    sunion(cx, args.from(1), &mut SetReply(out))
}

fn sunion<K: AsRef<[u8]>>(cx: &mut Ctx<'_>, keys: &[K], out: &mut impl Sink) -> Result<()> {
    let mut sets = sets_of(cx, keys)?;
    sets.retain(|set| !set.is_empty());
    if sets.len() > ASKED {
        put_all(&Set::union(&sets, &cx.space.limits), out);
        return Ok(());
    }
    sets.sort_by_key(|set| std::cmp::Reverse(set.len()));
    let added: Vec<Item<'_>> = Set::additions(&sets).collect();
    out.start(sets.first().map_or(0, Set::len) + added.len());
    let largest = sets.first().into_iter().flat_map(Set::iter);
    largest.chain(added).for_each(|member| out.put(member));
    Ok(())
}

fn sunionstore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(sunionstore(cx, cx.key(args.at(1)), args.from(2))?);
    Ok(())
}

fn sunionstore<K: AsRef<[u8]>>(cx: &mut Ctx<'_>, destination: Key<'_>, keys: &[K]) -> Result<usize> {
    let union = Set::union(&sets_of(cx, keys)?, &cx.space.limits);
    Ok(store(cx, destination, union, "sunionstore"))
}

fn sdiff_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    sdiff(cx, args.from(1), &mut SetReply(out))
}

fn sdiff<K: AsRef<[u8]>>(cx: &mut Ctx<'_>, keys: &[K], out: &mut impl Sink) -> Result<()> {
    let sets = sets_of(cx, keys)?;
    match Set::difference(&sets) {
        Some(members) => put_items(&members.collect::<Vec<_>>(), out),
        None => put_all(&Set::without(&sets, &cx.space.limits), out),
    }
    Ok(())
}

fn sdiffstore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(sdiffstore(cx, cx.key(args.at(1)), args.from(2))?);
    Ok(())
}

fn sdiffstore<K: AsRef<[u8]>>(cx: &mut Ctx<'_>, destination: Key<'_>, keys: &[K]) -> Result<usize> {
    let sets = sets_of(cx, keys)?;
    let left = match Set::difference(&sets) {
        Some(members) => Set::of(members, &cx.space.limits),
        None => Set::without(&sets, &cx.space.limits),
    };
    Ok(store(cx, destination, left, "sdiffstore"))
}

/// # Several sets
impl Store {
    /// Gives the members that all of the sets have (SINTER), in no order. A key that does not exist is an empty set.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if one of the keys holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("ann", &["tea", "milk"])?;
    /// store.sadd("bob", &["beer", "tea"])?;
    /// assert_eq!(store.sinter(&["ann", "bob"])?, ["tea"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sinter<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Blob>> {
        self.read_sets(keys, |cx, out| sinter(cx, keys, out))
    }

    /// Counts the members that all of the sets have (SINTERCARD), and no further than `limit`. A key that does not
    /// exist is an empty set.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if one of the keys holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("ann", &["tea", "milk", "water"])?;
    /// store.sadd("bob", &["beer", "tea", "milk"])?;
    /// assert_eq!(store.sintercard(&["ann", "bob"], None)?, 2);
    /// assert_eq!(store.sintercard(&["ann", "bob"], Some(1))?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sintercard<K: AsRef<[u8]>>(&self, keys: &[K], limit: Option<usize>) -> Result<usize> {
        self.with_keys(keys.iter().map(AsRef::as_ref), LockMode::Read, |cx| sintercard(cx, keys, limit))
    }

    /// Sets a key to the members that all of the sets have (SINTERSTORE), whatever it held before, and answers how many
    /// there are; if there are none, the key is removed. A key that does not exist is an empty set.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if one of the keys holds another type, the destination aside; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("ann", &["tea", "milk"])?;
    /// store.sadd("bob", &["beer", "tea"])?;
    /// assert_eq!(store.sinterstore("both", &["ann", "bob"])?, 1);
    /// assert_eq!(store.smembers("both")?, ["tea"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sinterstore<K: AsRef<[u8]>>(&self, destination: impl AsRef<[u8]>, keys: &[K]) -> Result<usize> {
        self.store_sets(destination.as_ref(), keys, |cx, key| sinterstore(cx, key, keys))
    }

    /// Gives the members that any of the sets has (SUNION), each once and in no order. A key that does not exist is an
    /// empty set.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if one of the keys holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("ann", &["tea", "milk"])?;
    /// store.sadd("bob", &["beer", "tea"])?;
    /// assert_eq!(store.sunion(&["ann", "bob"])?.len(), 3);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sunion<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Blob>> {
        self.read_sets(keys, |cx, out| sunion(cx, keys, out))
    }

    /// Sets a key to the members that any of the sets has (SUNIONSTORE), whatever it held before, and answers how many
    /// there are; if there are none, the key is removed. A key that does not exist is an empty set.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if one of the keys holds another type, the destination aside; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("ann", &["tea", "milk"])?;
    /// store.sadd("bob", &["beer", "tea"])?;
    /// assert_eq!(store.sunionstore("drinks", &["ann", "bob"])?, 3);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sunionstore<K: AsRef<[u8]>>(&self, destination: impl AsRef<[u8]>, keys: &[K]) -> Result<usize> {
        self.store_sets(destination.as_ref(), keys, |cx, key| sunionstore(cx, key, keys))
    }

    /// Gives the members of the first set that none of the others has (SDIFF), in no order. A key that does not exist
    /// is an empty set.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if one of the keys holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("ann", &["tea", "milk"])?;
    /// store.sadd("bob", &["beer", "tea"])?;
    /// assert_eq!(store.sdiff(&["ann", "bob"])?, ["milk"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sdiff<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Blob>> {
        self.read_sets(keys, |cx, out| sdiff(cx, keys, out))
    }

    /// Sets a key to the members of the first set that none of the others has (SDIFFSTORE), whatever it held before,
    /// and answers how many there are; if there are none, the key is removed. A key that does not exist is an empty
    /// set.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if one of the keys holds another type, the destination aside; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("ann", &["tea", "milk"])?;
    /// store.sadd("bob", &["beer", "tea"])?;
    /// assert_eq!(store.sdiffstore("only-ann", &["ann", "bob"])?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sdiffstore<K: AsRef<[u8]>>(&self, destination: impl AsRef<[u8]>, keys: &[K]) -> Result<usize> {
        self.store_sets(destination.as_ref(), keys, |cx, key| sdiffstore(cx, key, keys))
    }

    fn read_sets<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        op: impl FnOnce(&mut Ctx<'_>, &mut Vec<Blob>) -> Result<()>,
    ) -> Result<Vec<Blob>> {
        let mut members = Vec::new();
        self.with_keys(keys.iter().map(AsRef::as_ref), LockMode::Read, |cx| op(cx, &mut members))?;
        Ok(members)
    }

    fn store_sets<K: AsRef<[u8]>>(
        &self,
        destination: &[u8],
        keys: &[K],
        op: impl FnOnce(&mut Ctx<'_>, Key<'_>) -> Result<usize>,
    ) -> Result<usize> {
        let all = keys.iter().map(AsRef::as_ref).chain([destination]);
        self.with_keys(all, LockMode::Write, |cx| op(cx, cx.key(destination)))
    }
}
