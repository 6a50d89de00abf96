//! Members from the ends of sorted sets, and members by chance: ZPOPMIN, ZPOPMAX, ZMPOP and ZRANDMEMBER.

use super::{owned, reply_members, reply_nested, reply_pairs, reply_score};
use crate::blob::Blob;
use crate::commands::multi_pop::MultiPop;
use crate::commands::picks::Picks;
use crate::commands::spec::{Group, access::*, counted_keys, flag::*, key};
use crate::commands::{Args, CommandSpec, items};
use crate::ds::Zset;
use crate::ds::packed::Item;
use crate::ds::zset::Pairs;
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Edit, Key};
use crate::num::parse_i64;
use crate::reply::Reply;
use crate::rng::Rng;
use crate::store::{LockMode, Store};

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("ZMPOP", zmpop_cmd)
        .summary(
            "Removes and gives members of the lowest or highest scores of the first sorted set that exists.",
        )
        .since("7.0.0")
        .complexity("O(K) + O(M log N) for K keys, and M members removed from a set of N")
        .group(Group::SortedSet)
        .syntax("numkeys key [key ...] <where: MIN | MAX> [COUNT count]")
        .arity(-4)
        .flags(WRITE | MOVABLEKEYS)
        .keys(&[counted_keys(1, RW | ACCESS | DELETE)]),
    CommandSpec::new("ZPOPMAX", zpopmax_cmd)
        .summary("Removes and gives the members of the highest scores of a sorted set.")
        .since("5.0.0")
        .complexity("O(M log N) for M members removed from a set of N")
        .group(Group::SortedSet)
        .syntax("key [count]")
        .arity(-2)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | DELETE)]),
    CommandSpec::new("ZPOPMIN", zpopmin_cmd)
        .summary("Removes and gives the members of the lowest scores of a sorted set.")
        .since("5.0.0")
        .complexity("O(M log N) for M members removed from a set of N")
        .group(Group::SortedSet)
        .syntax("key [count]")
        .arity(-2)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | DELETE)]),
    CommandSpec::new("ZRANDMEMBER", zrandmember_cmd)
        .summary("Gives members of a sorted set by chance.")
        .since("6.2.0")
        .complexity("O(N) for N members given")
        .group(Group::SortedSet)
        .syntax("key [options: count [WITHSCORES]]")
        .arity(-2)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output"]),
];

/// An end of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ZsetEnd {
    /// Where the lowest score is (MIN).
    Min,
    /// Where the highest score is (MAX).
    Max,
}

impl ZsetEnd {
    fn event(self) -> &'static str {
        match self {
            ZsetEnd::Min => "zpopmin",
            ZsetEnd::Max => "zpopmax",
        }
    }
}

/// Members on their way out of a set, from one of its ends on.
pub(in crate::commands) struct Popped<'z> {
    pairs: Pairs<'z>,
    end: ZsetEnd,
}

impl<'z> Iterator for Popped<'z> {
    type Item = (Item<'z>, f64);

    fn next(&mut self) -> Option<(Item<'z>, f64)> {
        match self.end {
            ZsetEnd::Min => self.pairs.next(),
            ZsetEnd::Max => self.pairs.next_back(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pairs.size_hint()
    }
}

impl ExactSizeIterator for Popped<'_> {}

/// Shows up to `count` members to `take` before they go; `None` if the set does not exist.
pub(in crate::commands) fn pop<R>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    end: ZsetEnd,
    count: usize,
    take: impl FnOnce(Popped<'_>) -> R,
) -> Result<Option<R>> {
    cx.edit(key, end.event(), |set: &mut Zset| {
        let len = set.len();
        let count = count.min(len);
        let ranks = match end {
            ZsetEnd::Min => 0..count,
            ZsetEnd::Max => len - count..len,
        };
        let taken = take(Popped { pairs: set.range(ranks.clone()), end });
        if count == 0 {
            return Ok(Edit::Same(taken));
        }
        set.remove_range(ranks);
        Ok(Edit::Changed(taken))
    })
}

fn zpopmin_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    pop_cmd(cx, args, ZsetEnd::Min, out)
}

fn zpopmax_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    pop_cmd(cx, args, ZsetEnd::Max, out)
}

fn pop_cmd(cx: &mut Ctx<'_>, args: Args<'_>, end: ZsetEnd, out: &mut dyn Reply) -> Result<()> {
    let count = match args.from(2) {
        [] => None,
        [count] => {
            let count = parse_i64(count).and_then(|count| usize::try_from(count).ok());
            Some(count.ok_or(Error::NOT_POSITIVE)?)
        }
        _ => return Err(Error::SYNTAX),
    };
    let popped = pop(cx, cx.key(args.at(1)), end, count.unwrap_or(1), |mut popped| match count {
        Some(_) => reply_pairs(popped, out),
        // Without a count the one member is no pair in RESP3 either. A set that exists has one.
        None => {
            if let Some((member, score)) = popped.next() {
                out.array(2);
                items::reply(member, out);
                reply_score(score, out);
            }
        }
    })?;
    if popped.is_none() {
        out.array(0);
    }
    Ok(())
}

/// `MIN` or `MAX`.
pub(in crate::commands) fn end(args: Args<'_>, at: usize) -> Result<ZsetEnd> {
    if args.is(at, "MIN") {
        Ok(ZsetEnd::Min)
    } else if args.is(at, "MAX") {
        Ok(ZsetEnd::Max)
    } else {
        Err(Error::SYNTAX)
    }
}

fn zmpop_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let MultiPop { keys, end, count } = MultiPop::parse(args, |at| end(args, at))?;
    let popped = zmpop(cx, keys, end, count, |key, popped| {
        out.array(2);
        out.bulk(key);
        reply_nested(popped, out);
    })?;
    if popped.is_none() {
        out.null_array();
    }
    Ok(())
}

/// Shows the first set that exists to `take`: its key and what goes.
fn zmpop<K: AsRef<[u8]>, R>(
    cx: &mut Ctx<'_>,
    keys: &[K],
    end: ZsetEnd,
    count: usize,
    mut take: impl FnMut(&[u8], Popped<'_>) -> R,
) -> Result<Option<R>> {
    for key in keys {
        let key = cx.key(key.as_ref());
        let popped = pop(cx, key, end, count, |popped| take(key.bytes, popped))?;
        if popped.is_some() {
            return Ok(popped);
        }
    }
    Ok(None)
}

fn zrandmember_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let key = cx.key(args.at(1));
    if args.len() == 2 {
        match zrandmember(cx, key)? {
            Some((member, _)) => items::reply(member, out),
            None => out.null(),
        }
        return Ok(());
    }
    let picks = Picks::parse(args, 2)?;
    let with_scores = match args.len() {
        3 => false,
        4 if args.is(3, "WITHSCORES") => true,
        _ => return Err(Error::SYNTAX),
    };
    if with_scores {
        picks.check_pairs()?;
    }
    let drawn = draw(cx, key, picks)?;
    if with_scores {
        reply_pairs(drawn, out);
    } else {
        reply_members(drawn, out);
    }
    Ok(())
}

fn zrandmember<'c>(cx: &'c mut Ctx<'_>, key: Key<'_>) -> Result<Option<(Item<'c>, f64)>> {
    let mut rng = cx.space.rng();
    Ok(cx.find_as::<Zset>(key)?.and_then(|set| set.random(&mut rng)))
}

/// Members drawn by chance.
enum Drawn<'z> {
    Distinct(std::vec::IntoIter<(Item<'z>, f64)>),
    /// So many still, each from the whole set.
    Repeated(&'z Zset, usize, Rng),
}

fn draw<'c>(cx: &'c mut Ctx<'_>, key: Key<'_>, picks: Picks) -> Result<Drawn<'c>> {
    let mut rng = cx.space.rng();
    let max_string = cx.space.max_string.get();
    let Some(set) = cx.find_as::<Zset>(key)? else {
        return Ok(Drawn::Distinct(Vec::new().into_iter()));
    };
    picks.check_size(max_string)?;
    Ok(match picks {
        Picks::Distinct(count) => Drawn::Distinct(set.sample(count, &mut rng).into_iter()),
        Picks::Repeated(count) => Drawn::Repeated(set, count, rng),
    })
}

impl<'z> Iterator for Drawn<'z> {
    type Item = (Item<'z>, f64);

    fn next(&mut self) -> Option<(Item<'z>, f64)> {
        match self {
            Drawn::Distinct(sample) => sample.next(),
            Drawn::Repeated(set, left, rng) => {
                *left = left.checked_sub(1)?;
                // A set that is found has a member.
                set.random(rng)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Drawn::Distinct(sample) => sample.size_hint(),
            Drawn::Repeated(_, left, _) => (*left, Some(*left)),
        }
    }
}

impl ExactSizeIterator for Drawn<'_> {}

/// # Sorted sets: the ends, and chance
impl Store {
    /// Removes the member of the lowest score from a sorted set, and gives it (ZPOPMIN); `None` if the set does not
    /// exist. A set that is empty then is removed.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("jobs", &[(2.0, "sweep"), (1.0, "cook")])?;
    /// assert_eq!(store.zpopmin("jobs")?, Some(("cook".into(), 1.0)));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zpopmin(&self, key: impl AsRef<[u8]>) -> Result<Option<(Blob, f64)>> {
        Ok(self.pop_from(key.as_ref(), ZsetEnd::Min, 1)?.pop())
    }

    /// As [`zpopmin`](Store::zpopmin) for up to `count` members, the lowest score first (ZPOPMIN with a count).
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("jobs", &[(2.0, "sweep"), (1.0, "cook"), (3.0, "eat")])?;
    /// assert_eq!(store.zpopmin_count("jobs", 2)?, [("cook".into(), 1.0), ("sweep".into(), 2.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zpopmin_count(&self, key: impl AsRef<[u8]>, count: usize) -> Result<Vec<(Blob, f64)>> {
        self.pop_from(key.as_ref(), ZsetEnd::Min, count)
    }

    /// Removes the member of the highest score from a sorted set, and gives it (ZPOPMAX); `None` if the set does not
    /// exist. A set that is empty then is removed.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("best", &[(310.0, "ada"), (250.0, "bob")])?;
    /// assert_eq!(store.zpopmax("best")?, Some(("ada".into(), 310.0)));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zpopmax(&self, key: impl AsRef<[u8]>) -> Result<Option<(Blob, f64)>> {
        Ok(self.pop_from(key.as_ref(), ZsetEnd::Max, 1)?.pop())
    }

    /// As [`zpopmax`](Store::zpopmax) for up to `count` members, the highest score first (ZPOPMAX with a count).
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("best", &[(310.0, "ada"), (250.0, "bob"), (180.0, "eve")])?;
    /// assert_eq!(store.zpopmax_count("best", 2)?, [("ada".into(), 310.0), ("bob".into(), 250.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zpopmax_count(&self, key: impl AsRef<[u8]>, count: usize) -> Result<Vec<(Blob, f64)>> {
        self.pop_from(key.as_ref(), ZsetEnd::Max, count)
    }

    fn pop_from(&self, key: &[u8], end: ZsetEnd, count: usize) -> Result<Vec<(Blob, f64)>> {
        self.write_key(key, |cx, key| {
            Ok(pop(cx, key, end, count, |popped| popped.map(owned).collect())?.unwrap_or_default())
        })
    }

    /// Removes up to `count` members from one end of the first sorted set that exists (ZMPOP), and gives its key with
    /// them, in the order in which they were removed; `None` if none of the sets exists.
    ///
    /// # Errors
    ///
    /// `ERR numkeys should be greater than 0` without keys, `ERR count should be greater than 0`, `WRONGTYPE` if a key
    /// before the first sorted set holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Store, ZsetEnd};
    ///
    /// let store = Store::new();
    /// store.zadd("later", &[(2.0, "sweep"), (1.0, "cook")])?;
    /// let (key, jobs) = store.zmpop(&["now", "later"], ZsetEnd::Min, 10)?.unwrap();
    /// assert_eq!(key, "later");
    /// assert_eq!(jobs, [("cook".into(), 1.0), ("sweep".into(), 2.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[allow(clippy::type_complexity, reason = "a key, and members with their scores")]
    pub fn zmpop<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        end: ZsetEnd,
        count: usize,
    ) -> Result<Option<(Blob, Vec<(Blob, f64)>)>> {
        if keys.is_empty() {
            return Err(Error::NUMKEYS_NOT_POSITIVE);
        }
        if count == 0 {
            return Err(Error::COUNT_NOT_POSITIVE);
        }
        self.with_keys(keys.iter().map(AsRef::as_ref), LockMode::Write, |cx| {
            zmpop(cx, keys, end, count, |key, popped| (Blob::from(key), popped.map(owned).collect()))
        })
    }

    /// Gives a member of a sorted set, each as likely as any other (ZRANDMEMBER); `None` if the set does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("best", &[(310.0, "ada")])?;
    /// assert_eq!(store.zrandmember("best")?.unwrap(), "ada");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrandmember(&self, key: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        self.read_key(
            key.as_ref(),
            |cx, key| Ok(zrandmember(cx, key)?.map(|(member, _)| items::blob(member))),
        )
    }

    /// Gives members of a sorted set by chance, each as likely as any other, in no order (ZRANDMEMBER with a count).
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type, and an error for so many repeated picks that their reply would not
    /// fit in memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Picks, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("best", &[(310.0, "ada"), (250.0, "bob")])?;
    /// assert_eq!(store.zrandmember_with("best", Picks::Distinct(5))?.len(), 2);
    /// assert_eq!(store.zrandmember_with("best", Picks::Repeated(5))?.len(), 5);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrandmember_with(&self, key: impl AsRef<[u8]>, picks: Picks) -> Result<Vec<Blob>> {
        self.read_key(key.as_ref(), |cx, key| {
            Ok(draw(cx, key, picks)?.map(|(member, _)| items::blob(member)).collect())
        })
    }

    /// As [`zrandmember_with`](Store::zrandmember_with), each member with its score (ZRANDMEMBER with WITHSCORES).
    ///
    /// # Errors
    ///
    /// As [`zrandmember_with`](Store::zrandmember_with).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Picks, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("best", &[(310.0, "ada")])?;
    /// let drawn = store.zrandmember_with_scores("best", Picks::Distinct(1))?;
    /// assert_eq!(drawn, [("ada".into(), 310.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrandmember_with_scores(&self, key: impl AsRef<[u8]>, picks: Picks) -> Result<Vec<(Blob, f64)>> {
        self.read_key(key.as_ref(), |cx, key| Ok(draw(cx, key, picks)?.map(owned).collect()))
    }
}
