//! Members of a set by chance (SPOP, SRANDMEMBER) and step by step (SSCAN).

use super::{SetReply, Sink};
use crate::blob::Blob;
use crate::commands::picks::Picks;
use crate::commands::spec::{Group, access::*, flag::*, key};
use crate::commands::walk::{self, WalkOptions};
use crate::commands::{Args, CommandSpec, items};
use crate::ds::Set;
use crate::ds::packed::Item;
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Edit, Key};
use crate::num::parse_i64;
use crate::reply::Reply;
use crate::store::Store;

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("SPOP", spop_cmd)
        .summary("Takes members out of a set by chance.")
        .since("1.0.0")
        .complexity("O(N) for N members taken")
        .group(Group::Set)
        .syntax("key [count]")
        .arity(-2)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | DELETE)])
        .tips(&["nondeterministic_output"]),
    CommandSpec::new("SRANDMEMBER", srandmember_cmd)
        .summary("Gives members of a set by chance.")
        .since("1.0.0")
        .complexity("O(N) for N members given")
        .group(Group::Set)
        .syntax("key [count]")
        .arity(-2)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output"]),
    CommandSpec::new("SSCAN", sscan_cmd)
        .summary("Gives some of the members of a set, and a cursor to go on from.")
        .since("2.8.0")
        .complexity("O(1) for a call, O(N) for all N members")
        .group(Group::Set)
        .syntax("key cursor [MATCH pattern] [COUNT count]")
        .arity(-3)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output"]),
];

/// A reply that is an array in RESP3 too, because a member may be in it twice.
struct ArrayReply<'r>(&'r mut dyn Reply);

impl Sink for ArrayReply<'_> {
    fn start(&mut self, len: usize) {
        self.0.array(len);
    }
    fn put(&mut self, member: Item<'_>) {
        items::reply(member, self.0);
    }
}

fn spop_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let key = cx.key(args.at(1));
    match args.from(2) {
        [] => {
            if spop(cx, key, |member| items::reply(member, out))?.is_none() {
                out.null();
            }
            Ok(())
        }
        [count] => {
            let count = parse_i64(count).and_then(|count| usize::try_from(count).ok());
            spop_count(cx, key, count.ok_or(Error::NOT_POSITIVE)?, &mut SetReply(out))
        }
        _ => Err(Error::SYNTAX),
    }
}

/// Shows the member to `take` before it goes; `None` if there is no set.
fn spop<R>(cx: &mut Ctx<'_>, key: Key<'_>, take: impl FnOnce(Item<'_>) -> R) -> Result<Option<R>> {
    let mut rng = cx.space.rng();
    let taken = cx.edit(key, "spop", |set: &mut Set| Ok(Edit::Changed(set.pop(&mut rng, take))))?;
    Ok(taken.flatten())
}

fn spop_count(cx: &mut Ctx<'_>, key: Key<'_>, count: usize, out: &mut impl Sink) -> Result<()> {
    let mut rng = cx.space.rng();
    let limits = &cx.space.limits;
    let found = cx.edit(key, "spop", |set: &mut Set| {
        out.start(count.min(set.len()));
        if count == 0 {
            return Ok(Edit::Same(()));
        }
        set.pop_many(count, &mut rng, limits, |member| out.put(member));
        Ok(Edit::Changed(()))
    })?;
    if found.is_none() {
        out.start(0);
    }
    Ok(())
}

fn srandmember_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let key = cx.key(args.at(1));
    match args.len() {
        2 => {
            match srandmember(cx, key)? {
                Some(member) => items::reply(member, out),
                None => out.null(),
            }
            Ok(())
        }
        3 => srandmember_with(cx, key, Picks::parse(args, 2)?, &mut ArrayReply(out)),
        _ => Err(Error::SYNTAX),
    }
}

fn srandmember<'c>(cx: &'c mut Ctx<'_>, key: Key<'_>) -> Result<Option<Item<'c>>> {
    let mut rng = cx.space.rng();
    Ok(cx.find_as::<Set>(key)?.and_then(|set| set.random(&mut rng)))
}

fn srandmember_with(cx: &mut Ctx<'_>, key: Key<'_>, picks: Picks, out: &mut impl Sink) -> Result<()> {
    let (mut rng, max_string) = (cx.space.rng(), cx.space.max_string.get());
    match (cx.find_as::<Set>(key)?, picks) {
        (None, _) => out.start(0),
        (Some(set), Picks::Distinct(count)) if count >= set.len() => super::put_all(set, out),
        (Some(set), Picks::Distinct(count)) => {
            let sample = set.sample(count, &mut rng);
            out.start(sample.len());
            sample.into_iter().for_each(|member| out.put(member));
        }
        (Some(set), Picks::Repeated(count)) => {
            picks.check_size(max_string)?;
            out.start(count);
            // A set that is found has a member.
            let drawn = std::iter::repeat_with(|| set.random(&mut rng)).take(count);
            drawn.flatten().for_each(|member| out.put(member));
        }
    }
    Ok(())
}

fn sscan_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let cursor = walk::cursor(args, 2)?;
    let Some(set) = cx.find_as::<Set>(cx.key(args.at(1)))? else {
        walk::reply(0, 0, out);
        return Ok(());
    };
    let options = WalkOptions::parse(args, 3, |_| None)?;
    let (cursor, members) = walk_set(set, cursor, &options);
    walk::reply(cursor, members.len(), out);
    members.into_iter().for_each(|member| items::reply(member, out));
    Ok(())
}

/// One step through a set: the next cursor and the members that are wanted.
fn walk_set<'s>(set: &'s Set, cursor: u64, options: &WalkOptions) -> (u64, Vec<Item<'s>>) {
    let mut members = Vec::new();
    let next = set.walk(cursor, options.count, |member| {
        if options.wants(member.bytes(&mut itoa::Buffer::new())) {
            members.push(member);
        }
    });
    (next, members)
}

/// # Sets: drawing and walking
impl Store {
    /// Takes a member out of a set, each as likely as any other (SPOP); `None` if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("hat", &["white rabbit"])?;
    /// assert_eq!(store.spop("hat")?.unwrap(), "white rabbit");
    /// assert_eq!(store.spop("hat")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn spop(&self, key: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        self.write_key(key.as_ref(), |cx, key| spop(cx, key, items::blob))
    }

    /// Takes up to `count` members out of a set by chance (SPOP with a count); none if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("deck", &["queen", "king", "ace"])?;
    /// assert_eq!(store.spop_count("deck", 2)?.len(), 2);
    /// assert_eq!(store.spop_count("deck", 2)?.len(), 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn spop_count(&self, key: impl AsRef<[u8]>, count: usize) -> Result<Vec<Blob>> {
        let mut taken = Vec::new();
        self.write_key(key.as_ref(), |cx, key| spop_count(cx, key, count, &mut taken))?;
        Ok(taken)
    }

    /// Gives a member of a set, each as likely as any other (SRANDMEMBER); `None` if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.sadd("deck", &["queen", "king", "ace"])?;
    /// let card = store.srandmember("deck")?.unwrap();
    /// assert!(store.sismember("deck", card)?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn srandmember(&self, key: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        self.read_key(key.as_ref(), |cx, key| Ok(srandmember(cx, key)?.map(items::blob)))
    }

    /// Gives several members of a set by chance (SRANDMEMBER with a count), in no order; none if the key does not
    /// exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type; `ERR value is out of range …` for more repeated picks than memory
    /// is likely to hold, which depends on the longest string of the store (16 million by default).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Picks, Store};
    ///
    /// let store = Store::new();
    /// store.sadd("deck", &["queen", "king", "ace"])?;
    /// assert_eq!(store.srandmember_with("deck", Picks::Distinct(5))?.len(), 3);
    /// assert_eq!(store.srandmember_with("deck", Picks::Repeated(5))?.len(), 5);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn srandmember_with(&self, key: impl AsRef<[u8]>, picks: Picks) -> Result<Vec<Blob>> {
        let mut members = Vec::new();
        self.read_key(key.as_ref(), |cx, key| srandmember_with(cx, key, picks, &mut members))?;
        Ok(members)
    }

    /// Gives some of the members of a set and the cursor for the next call (SSCAN). The first call takes cursor 0, and
    /// an answered 0 is the end.
    ///
    /// A member that is there from the first call to the last is given, whatever else changes meanwhile; a member that
    /// comes or goes may be given or not. A call may give no member before the end, and a small set is given as a
    /// whole.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Store, WalkOptions};
    ///
    /// let store = Store::new();
    /// store.sadd("tags", &["red", "moon", "rose"])?;
    /// let (cursor, members) = store.sscan("tags", 0, &WalkOptions::new().matching("r*"))?;
    /// assert_eq!((cursor, members.len()), (0, 2));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sscan(
        &self,
        key: impl AsRef<[u8]>,
        cursor: u64,
        options: &WalkOptions,
    ) -> Result<(u64, Vec<Blob>)> {
        self.read_key(key.as_ref(), |cx, key| {
            let Some(set) = cx.find_as::<Set>(key)? else { return Ok((0, Vec::new())) };
            let (cursor, members) = walk_set(set, cursor, options);
            Ok((cursor, members.into_iter().map(items::blob).collect()))
        })
    }
}
