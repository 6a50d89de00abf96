//! Sets: what adds to them, takes from them and asks them. What combines several sets, and what draws members by chance
//! or walks through them, are in files of their own.

pub(super) mod combine;
pub(super) mod draw;

use super::spec::{Group, access::*, flag::*, key};
use super::strings::check_length;
use super::{Args, CommandSpec, items};
use crate::blob::Blob;
use crate::ds::Set;
use crate::ds::packed::Item;
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Edit, Entry, Key};
use crate::reply::Reply;
use crate::store::{LockMode, Store};

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("SADD", sadd_cmd)
        .summary("Adds members to a set.")
        .since("1.0.0")
        .complexity("O(N) for N members given")
        .group(Group::Set)
        .syntax("key member [member ...]")
        .arity(-3)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | INSERT)]),
    CommandSpec::new("SCARD", scard_cmd)
        .summary("Gives the number of members of a set.")
        .since("1.0.0")
        .group(Group::Set)
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO)]),
    CommandSpec::new("SISMEMBER", sismember_cmd)
        .summary("Tells whether something is a member of a set.")
        .since("1.0.0")
        .group(Group::Set)
        .syntax("key member")
        .arity(3)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO)]),
    CommandSpec::new("SMEMBERS", smembers_cmd)
        .summary("Gives all members of a set.")
        .since("1.0.0")
        .complexity("O(N) for N members")
        .group(Group::Set)
        .syntax("key")
        .arity(2)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output_order"]),
    CommandSpec::new("SMISMEMBER", smismember_cmd)
        .summary("Tells of several things whether they are members of a set.")
        .since("6.2.0")
        .complexity("O(N) for N members given")
        .group(Group::Set)
        .syntax("key member [member ...]")
        .arity(-3)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("SMOVE", smove_cmd)
        .summary("Moves a member from one set to another.")
        .since("1.0.0")
        .group(Group::Set)
        .syntax("source destination member")
        .arity(4)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)]),
    CommandSpec::new("SREM", srem_cmd)
        .summary("Removes members from a set.")
        .since("1.0.0")
        .complexity("O(N) for N members given")
        .group(Group::Set)
        .syntax("key member [member ...]")
        .arity(-3)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | DELETE)]),
];

/// Where members go: first their number, then each.
trait Sink {
    fn start(&mut self, len: usize);
    fn put(&mut self, member: Item<'_>);
}

impl Sink for Vec<Blob> {
    fn start(&mut self, len: usize) {
        self.reserve(len);
    }
    fn put(&mut self, member: Item<'_>) {
        self.push(items::blob(member));
    }
}

/// A reply that is a set in RESP3.
struct SetReply<'r>(&'r mut dyn Reply);

impl Sink for SetReply<'_> {
    fn start(&mut self, len: usize) {
        self.0.set(len);
    }
    fn put(&mut self, member: Item<'_>) {
        items::reply(member, self.0);
    }
}

fn sadd_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(sadd(cx, cx.key(args.at(1)), args.from(2))?);
    Ok(())
}

fn sadd<M: AsRef<[u8]>>(cx: &mut Ctx<'_>, key: Key<'_>, members: &[M]) -> Result<usize> {
    for member in members {
        check_length(cx, member.as_ref().len())?;
    }
    let limits = &cx.space.limits;
    cx.edit_or_new(key, "sadd", |set: &mut Set| {
        let added = members.iter().filter(|member| set.insert(member.as_ref(), limits)).count();
        Ok(if added > 0 { Edit::Changed(added) } else { Edit::Same(0) })
    })
}

fn srem_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(srem(cx, cx.key(args.at(1)), args.from(2))?);
    Ok(())
}

fn srem<M: AsRef<[u8]>>(cx: &mut Ctx<'_>, key: Key<'_>, members: &[M]) -> Result<usize> {
    let removed = cx.edit(key, "srem", |set: &mut Set| {
        let removed = members.iter().filter(|member| set.remove(member.as_ref())).count();
        Ok(if removed > 0 { Edit::Changed(removed) } else { Edit::Same(0) })
    })?;
    Ok(removed.unwrap_or(0))
}

fn scard_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(scard(cx, cx.key(args.at(1)))?);
    Ok(())
}

fn scard(cx: &mut Ctx<'_>, key: Key<'_>) -> Result<usize> {
    Ok(cx.find_as::<Set>(key)?.map_or(0, Set::len))
}

fn sismember_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.boolean_integer(sismember(cx, cx.key(args.at(1)), args.at(2))?);
    Ok(())
}

fn sismember(cx: &mut Ctx<'_>, key: Key<'_>, member: &[u8]) -> Result<bool> {
    Ok(cx.find_as::<Set>(key)?.is_some_and(|set| set.contains(member)))
}

fn smismember_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let members = args.from(2);
    let answers = smismember(cx, cx.key(args.at(1)), members)?;
    out.array(members.len());
    answers.for_each(|is| out.boolean_integer(is));
    Ok(())
}

fn smismember<'c, M: AsRef<[u8]>>(
    cx: &'c mut Ctx<'_>,
    key: Key<'_>,
    members: &'c [M],
) -> Result<impl Iterator<Item = bool> + use<'c, M>> {
    let set = cx.find_as::<Set>(key)?;
    Ok(members.iter().map(move |member| set.is_some_and(|set| set.contains(member.as_ref()))))
}

fn smembers_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    smembers(cx, cx.key(args.at(1)), &mut SetReply(out))
}

fn smembers(cx: &mut Ctx<'_>, key: Key<'_>, out: &mut impl Sink) -> Result<()> {
    match cx.find_as::<Set>(key)? {
        Some(set) => put_all(set, out),
        None => out.start(0),
    }
    Ok(())
}

fn put_all(set: &Set, out: &mut impl Sink) {
    out.start(set.len());
    set.iter().for_each(|member| out.put(member));
}

fn smove_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.boolean_integer(smove(cx, cx.key(args.at(1)), cx.key(args.at(2)), args.at(3))?);
    Ok(())
}

/// The destination matters only if the source exists, and then also if nothing is moved.
fn smove(cx: &mut Ctx<'_>, source: Key<'_>, destination: Key<'_>, member: &[u8]) -> Result<bool> {
    let Some(entry) = cx.find_to_write(source) else { return Ok(false) };
    let is_member = entry.value::<Set>().ok_or(Error::WRONG_TYPE)?.contains(member);
    let is_set = |entry: &Entry| entry.value::<Set>().is_some();
    if !cx.find_to_write(destination).is_none_or(is_set) {
        return Err(Error::WRONG_TYPE);
    }
    if is_member && source.bytes != destination.bytes {
        srem(cx, source, &[member])?;
        sadd(cx, destination, &[member])?;
    }
    Ok(is_member)
}

/// # Sets
impl Store {
    /// Adds members to a set (SADD) and answers how many of them are new. A key that does not exist counts as an empty
    /// set.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type, `ERR string exceeds maximum allowed size` if a member is longer than
    /// the store takes; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.sadd("tags", &["red", "moon", "red"])?, 2);
    /// assert_eq!(store.sadd("tags", &["moon", "night"])?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sadd<M: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, members: &[M]) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| sadd(cx, key, members))
    }

    /// Removes members from a set (SREM) and answers how many of them it had. The key is removed with the last one.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("tags", &["red", "moon"])?;
    /// assert_eq!(store.srem("tags", &["red", "green"])?, 1);
    /// assert_eq!(store.smembers("tags")?, ["moon"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn srem<M: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, members: &[M]) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| srem(cx, key, members))
    }

    /// Gives the number of members of a set (SCARD); 0 if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("tags", &["red", "moon"])?;
    /// assert_eq!(store.scard("tags")?, 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn scard(&self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.read_key(key.as_ref(), scard)
    }

    /// Whether something is a member of a set (SISMEMBER); a key that does not exist has none.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("tags", &["red", "moon"])?;
    /// assert!(store.sismember("tags", "moon")?);
    /// assert!(!store.sismember("tags", "sun")?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sismember(&self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<bool> {
        self.read_key(key.as_ref(), |cx, key| sismember(cx, key, member.as_ref()))
    }

    /// Tells of several things whether they are members of a set (SMISMEMBER), in the order given.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("tags", &["red", "moon"])?;
    /// assert_eq!(store.smismember("tags", &["sun", "moon"])?, [false, true]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn smismember<M: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, members: &[M]) -> Result<Vec<bool>> {
        self.read_key(key.as_ref(), |cx, key| Ok(smismember(cx, key, members)?.collect()))
    }

    /// Gives all members of a set (SMEMBERS), in no order; none if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("tags", &["red", "moon"])?;
    /// let mut members = store.smembers("tags")?;
    /// members.sort();
    /// assert_eq!(members, ["moon", "red"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn smembers(&self, key: impl AsRef<[u8]>) -> Result<Vec<Blob>> {
        let mut members = Vec::new();
        self.read_key(key.as_ref(), |cx, key| smembers(cx, key, &mut members))?;
        Ok(members)
    }

    /// Moves a member from one set to another (SMOVE); false if the first set does not have it. The destination may
    /// have it already, and is made if it does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if one of the keys holds another type; nothing changed then. If the source does not exist, the
    /// destination is not looked at.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("todo", &["wash", "cook"])?;
    /// assert!(store.smove("todo", "done", "cook")?);
    /// assert!(!store.smove("todo", "done", "cook")?);
    /// assert_eq!(store.smembers("done")?, ["cook"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn smove(
        &self,
        source: impl AsRef<[u8]>,
        destination: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
    ) -> Result<bool> {
        let (source, destination) = (source.as_ref(), destination.as_ref());
        self.with_keys([source, destination], LockMode::Write, |cx| {
            smove(cx, cx.key(source), cx.key(destination), member.as_ref())
        })
    }
}
