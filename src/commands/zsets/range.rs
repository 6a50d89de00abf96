//! Ranges of sorted sets: ZRANGE and its older forms, ZCOUNT, ZREMRANGEBYSCORE and their relatives.

use super::query::{
    Form, Kind, LexBound, LexRange, Query, RankRange, ScoreBound, ScoreRange, Span, ZrangeQuery,
};
use super::{owned, reply_members, reply_pairs};
use crate::blob::Blob;
use crate::commands::spec::{Group, access::*, flag::*, key};
use crate::commands::{Args, CommandSpec};
use crate::ds::Zset;
use crate::ds::packed::Item;
use crate::ds::zset::Pairs;
use crate::error::Result;
use crate::keyspace::{Collection, Ctx, Edit, Key};
use crate::reply::Reply;
use crate::store::{LockMode, Store};

/// What finding a range and giving it costs.
const COMPLEXITY: &str = "O(log N + M) for a set of N members and M of them given";

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("ZCOUNT", zcount_cmd)
        .summary("Counts the members of a sorted set that have scores in a range.")
        .since("2.0.0")
        .complexity("O(log N) for a set of N members")
        .group(Group::SortedSet)
        .syntax("key min:double max:double")
        .arity(4)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("ZLEXCOUNT", zlexcount_cmd)
        .summary("Counts the members of a sorted set, all of equal scores, that are in a range of bytes.")
        .since("2.8.9")
        .complexity("O(log N) for a set of N members")
        .group(Group::SortedSet)
        .syntax("key min max")
        .arity(4)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("ZRANGE", zrange_cmd)
        .summary("Gives the members of a sorted set in a range of ranks, scores or bytes.")
        .since("1.2.0")
        .complexity(COMPLEXITY)
        .group(Group::SortedSet)
        .syntax(
            "key start:string stop:string [sortby: BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
        )
        .arity(-4)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("ZRANGEBYLEX", zrangebylex_cmd)
        .summary("Gives the members of a sorted set, all of equal scores, in a range of bytes.")
        .since("2.8.9")
        .complexity(COMPLEXITY)
        .group(Group::SortedSet)
        .syntax("key min max [LIMIT offset count]")
        .arity(-4)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("ZRANGEBYSCORE", zrangebyscore_cmd)
        .summary("Gives the members of a sorted set in a range of scores.")
        .since("1.0.5")
        .complexity(COMPLEXITY)
        .group(Group::SortedSet)
        .syntax("key min:double max:double [WITHSCORES] [LIMIT offset count]")
        .arity(-4)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("ZRANGESTORE", zrangestore_cmd)
        .summary("Sets a key to a sorted set of the members in a range of another one.")
        .since("6.2.0")
        .complexity("O(log N + M) for a set of N members and M of them stored")
        .group(Group::SortedSet)
        .syntax("dst src min max [sortby: BYSCORE | BYLEX] [REV] [LIMIT offset count]")
        .arity(-5)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, OW | UPDATE), key(2, RO | ACCESS)]),
    CommandSpec::new("ZREMRANGEBYLEX", zremrangebylex_cmd)
        .summary("Removes the members of a sorted set, all of equal scores, that are in a range of bytes.")
        .since("2.8.9")
        .complexity("O(log N + M) for a set of N members and M of them removed")
        .group(Group::SortedSet)
        .syntax("key min max")
        .arity(4)
        .flags(WRITE)
        .keys(&[key(1, RW | DELETE)]),
    CommandSpec::new("ZREMRANGEBYRANK", zremrangebyrank_cmd)
        .summary("Removes the members of a sorted set that are in a range of ranks.")
        .since("2.0.0")
        .complexity("O(log N + M) for a set of N members and M of them removed")
        .group(Group::SortedSet)
        .syntax("key start stop")
        .arity(4)
        .flags(WRITE)
        .keys(&[key(1, RW | DELETE)]),
    CommandSpec::new("ZREMRANGEBYSCORE", zremrangebyscore_cmd)
        .summary("Removes the members of a sorted set that have scores in a range.")
        .since("1.2.0")
        .complexity("O(log N + M) for a set of N members and M of them removed")
        .group(Group::SortedSet)
        .syntax("key min:double max:double")
        .arity(4)
        .flags(WRITE)
        .keys(&[key(1, RW | DELETE)]),
    CommandSpec::new("ZREVRANGE", zrevrange_cmd)
        .summary("Gives the members of a sorted set in a range of ranks, from the highest score down.")
        .since("1.2.0")
        .complexity(COMPLEXITY)
        .group(Group::SortedSet)
        .syntax("key start stop [WITHSCORES]")
        .arity(-4)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("ZREVRANGEBYLEX", zrevrangebylex_cmd)
        .summary("Gives the members of a sorted set, all of equal scores, in a range of bytes, the last one first.")
        .since("2.8.9")
        .complexity(COMPLEXITY)
        .group(Group::SortedSet)
        .syntax("key max min [LIMIT offset count]")
        .arity(-4)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("ZREVRANGEBYSCORE", zrevrangebyscore_cmd)
        .summary("Gives the members of a sorted set in a range of scores, from the highest score down.")
        .since("2.2.0")
        .complexity(COMPLEXITY)
        .group(Group::SortedSet)
        .syntax("key max:double min:double [WITHSCORES] [LIMIT offset count]")
        .arity(-4)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)]),
];

/// The members of a range in the order that was asked for.
struct Found<'z> {
    pairs: Pairs<'z>,
    reversed: bool,
}

impl<'z> Iterator for Found<'z> {
    type Item = (Item<'z>, f64);

    #[inline]
    fn next(&mut self) -> Option<(Item<'z>, f64)> {
        if self.reversed { self.pairs.next_back() } else { self.pairs.next() }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pairs.size_hint()
    }
}

impl ExactSizeIterator for Found<'_> {}

/// `None` if the set does not exist.
fn zrange<'c>(cx: &'c mut Ctx<'_>, key: Key<'_>, query: &Query<'_>) -> Result<Option<Found<'c>>> {
    let Some(set) = cx.find_as::<Zset>(key)? else { return Ok(None) };
    Ok(Some(Found { pairs: set.range(query.ranks(set)), reversed: query.reversed }))
}

fn zrange_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    range_cmd(cx, args, None, None, out)
}

fn zrevrange_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    range_cmd(cx, args, Some(Kind::Rank), Some(true), out)
}

fn zrangebyscore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    range_cmd(cx, args, Some(Kind::Score), Some(false), out)
}

fn zrevrangebyscore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    range_cmd(cx, args, Some(Kind::Score), Some(true), out)
}

fn zrangebylex_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    range_cmd(cx, args, Some(Kind::Lex), Some(false), out)
}

fn zrevrangebylex_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    range_cmd(cx, args, Some(Kind::Lex), Some(true), out)
}

fn range_cmd(
    cx: &mut Ctx<'_>,
    args: Args<'_>,
    kind: Option<Kind>,
    reversed: Option<bool>,
    out: &mut dyn Reply,
) -> Result<()> {
    let (query, with_scores) = Query::parse(args, 2, Form { kind, reversed, with_scores: true })?;
    match zrange(cx, cx.key(args.at(1)), &query)? {
        None => out.array(0),
        Some(found) if with_scores => reply_pairs(found, out),
        Some(found) => reply_members(found, out),
    }
    Ok(())
}

fn zrangestore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (query, _) = Query::parse(args, 3, Form { kind: None, reversed: None, with_scores: false })?;
    out.length(zrangestore(cx, cx.key(args.at(1)), cx.key(args.at(2)), &query)?);
    Ok(())
}

fn zrangestore(cx: &mut Ctx<'_>, destination: Key<'_>, source: Key<'_>, query: &Query<'_>) -> Result<usize> {
    let limits = &cx.space.limits;
    let found = cx.find_as::<Zset>(source)?.map(|set| set.copy_range(query.ranks(set), limits));
    Ok(store(cx, destination, found.unwrap_or_default(), "zrangestore"))
}

/// Sets a key to a set that was just made, or removes the key if the set is empty.
pub(super) fn store(cx: &mut Ctx<'_>, key: Key<'_>, set: Zset, event: &'static str) -> usize {
    let len = set.len();
    if len > 0 {
        let set = set.packed(&cx.space.limits);
        cx.put(key, set.into_content(), None, event);
    } else {
        cx.delete(key, "del");
    }
    len
}

fn zcount_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let span = Span::parse(Kind::Score, args, 2, 3)?;
    out.length(count(cx, cx.key(args.at(1)), &span)?);
    Ok(())
}

fn zlexcount_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let span = Span::parse(Kind::Lex, args, 2, 3)?;
    out.length(count(cx, cx.key(args.at(1)), &span)?);
    Ok(())
}

fn count(cx: &mut Ctx<'_>, key: Key<'_>, span: &Span<'_>) -> Result<usize> {
    Ok(cx.find_as::<Zset>(key)?.map_or(0, |set| span.ranks(set, false).len()))
}

fn zremrangebyrank_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let span = Span::parse(Kind::Rank, args, 2, 3)?;
    out.length(remove(cx, cx.key(args.at(1)), &span, "zremrangebyrank")?);
    Ok(())
}

fn zremrangebyscore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let span = Span::parse(Kind::Score, args, 2, 3)?;
    out.length(remove(cx, cx.key(args.at(1)), &span, "zremrangebyscore")?);
    Ok(())
}

fn zremrangebylex_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let span = Span::parse(Kind::Lex, args, 2, 3)?;
    out.length(remove(cx, cx.key(args.at(1)), &span, "zremrangebylex")?);
    Ok(())
}

fn remove(cx: &mut Ctx<'_>, key: Key<'_>, span: &Span<'_>, event: &'static str) -> Result<usize> {
    let removed = cx.edit(key, event, |set: &mut Zset| {
        let ranks = span.ranks(set, false);
        let count = ranks.len();
        if count == 0 {
            return Ok(Edit::Same(0));
        }
        set.remove_range(ranks);
        Ok(Edit::Changed(count))
    })?;
    Ok(removed.unwrap_or(0))
}

/// # Sorted sets: ranges
impl Store {
    /// Gives the members of a sorted set from one rank to another, both included (ZRANGE); negative ranks count from
    /// the end, -1 being the last. Empty if the set does not exist.
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
    /// assert_eq!(store.zrange("best", 0, -1)?, ["eve", "bob", "ada"]);
    /// assert_eq!(store.zrange("best", -2, -1)?, ["bob", "ada"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrange(&self, key: impl AsRef<[u8]>, start: i64, stop: i64) -> Result<Vec<Blob>> {
        self.zrange_with(key, RankRange::new(start, stop))
    }

    /// Gives the members of a sorted set in a range of ranks, scores or bytes (ZRANGE with BYSCORE, BYLEX, REV and
    /// LIMIT). Empty if the set does not exist.
    ///
    /// # Errors
    ///
    /// `ERR min or max is not a float` for a score that is NaN, `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ScoreBound, ScoreRange, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("best", &[(310.0, "ada"), (250.0, "bob"), (180.0, "eve")])?;
    /// let range = ScoreRange::new(ScoreBound::LOWEST, 300.0).reversed().limit(0, 1);
    /// assert_eq!(store.zrange_with("best", range)?, ["bob"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrange_with(&self, key: impl AsRef<[u8]>, query: impl Into<ZrangeQuery>) -> Result<Vec<Blob>> {
        Ok(self.zrange_with_scores(key, query)?.into_iter().map(|(member, _)| member).collect())
    }

    /// As [`zrange_with`](Store::zrange_with), each member with its score (ZRANGE with WITHSCORES).
    ///
    /// # Errors
    ///
    /// As [`zrange_with`](Store::zrange_with).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{RankRange, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("best", &[(310.0, "ada"), (250.0, "bob"), (180.0, "eve")])?;
    /// let top = store.zrange_with_scores("best", RankRange::new(0, 1).reversed())?;
    /// assert_eq!(top, [("ada".into(), 310.0), ("bob".into(), 250.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrange_with_scores(
        &self,
        key: impl AsRef<[u8]>,
        query: impl Into<ZrangeQuery>,
    ) -> Result<Vec<(Blob, f64)>> {
        let query = query.into();
        let query = query.query()?;
        self.read_key(key.as_ref(), |cx, key| {
            Ok(zrange(cx, key, &query)?.map(|found| found.map(owned).collect()).unwrap_or_default())
        })
    }

    /// Sets a key to a sorted set of the members in a range of another one (ZRANGESTORE), and answers how many there
    /// are; without any, the key is removed.
    ///
    /// # Errors
    ///
    /// `ERR min or max is not a float` for a score that is NaN, `WRONGTYPE` if the source holds another type; nothing
    /// changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{RankRange, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("best", &[(310.0, "ada"), (250.0, "bob"), (180.0, "eve")])?;
    /// assert_eq!(store.zrangestore("top", "best", RankRange::new(0, 1).reversed())?, 2);
    /// assert_eq!(store.zrange("top", 0, -1)?, ["bob", "ada"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrangestore(
        &self,
        destination: impl AsRef<[u8]>,
        source: impl AsRef<[u8]>,
        query: impl Into<ZrangeQuery>,
    ) -> Result<usize> {
        let query = query.into();
        let query = query.query()?;
        let (destination, source) = (destination.as_ref(), source.as_ref());
        self.with_keys([destination, source], LockMode::Write, |cx| {
            zrangestore(cx, cx.key(destination), cx.key(source), &query)
        })
    }

    /// Gives the members of a sorted set from one rank to another, both included, ranks being counted from the highest
    /// score down (ZREVRANGE). Empty if the set does not exist.
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
    /// assert_eq!(store.zrevrange("best", 0, 1)?, ["ada", "bob"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrevrange(&self, key: impl AsRef<[u8]>, start: i64, stop: i64) -> Result<Vec<Blob>> {
        self.zrange_with(key, RankRange::new(start, stop).reversed())
    }

    /// Gives the members of a sorted set in a range of scores, from the lowest score up (ZRANGEBYSCORE).
    ///
    /// # Errors
    ///
    /// As [`zrange_with`](Store::zrange_with), which also takes a limit.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("best", &[(310.0, "ada"), (250.0, "bob"), (180.0, "eve")])?;
    /// assert_eq!(store.zrangebyscore("best", 100.0, 250.0)?, ["eve", "bob"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrangebyscore(
        &self,
        key: impl AsRef<[u8]>,
        min: impl Into<ScoreBound>,
        max: impl Into<ScoreBound>,
    ) -> Result<Vec<Blob>> {
        self.zrange_with(key, ScoreRange::new(min, max))
    }

    /// Gives the members of a sorted set in a range of scores, from the highest score down (ZREVRANGEBYSCORE); the
    /// upper end comes first.
    ///
    /// # Errors
    ///
    /// As [`zrange_with`](Store::zrange_with), which also takes a limit.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("best", &[(310.0, "ada"), (250.0, "bob"), (180.0, "eve")])?;
    /// assert_eq!(store.zrevrangebyscore("best", 250.0, 100.0)?, ["bob", "eve"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrevrangebyscore(
        &self,
        key: impl AsRef<[u8]>,
        max: impl Into<ScoreBound>,
        min: impl Into<ScoreBound>,
    ) -> Result<Vec<Blob>> {
        self.zrange_with(key, ScoreRange::new(min, max).reversed())
    }

    /// Gives the members of a sorted set, all of equal scores, in a range of bytes (ZRANGEBYLEX).
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{LexBound, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("names", &[(0.0, "ada"), (0.0, "bob"), (0.0, "eve")])?;
    /// let names = store.zrangebylex("names", LexBound::inclusive("b"), LexBound::Highest)?;
    /// assert_eq!(names, ["bob", "eve"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrangebylex(&self, key: impl AsRef<[u8]>, min: LexBound, max: LexBound) -> Result<Vec<Blob>> {
        self.zrange_with(key, LexRange::new(min, max))
    }

    /// Gives the members of a sorted set, all of equal scores, in a range of bytes, the last one first
    /// (ZREVRANGEBYLEX); the upper end comes first.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{LexBound, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("names", &[(0.0, "ada"), (0.0, "bob"), (0.0, "eve")])?;
    /// let names = store.zrevrangebylex("names", LexBound::Highest, LexBound::inclusive("b"))?;
    /// assert_eq!(names, ["eve", "bob"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrevrangebylex(&self, key: impl AsRef<[u8]>, max: LexBound, min: LexBound) -> Result<Vec<Blob>> {
        self.zrange_with(key, LexRange::new(min, max).reversed())
    }

    /// Counts the members of a sorted set that have scores in a range (ZCOUNT).
    ///
    /// # Errors
    ///
    /// `ERR min or max is not a float` for a score that is NaN, `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ScoreBound, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("best", &[(310.0, "ada"), (250.0, "bob"), (180.0, "eve")])?;
    /// assert_eq!(store.zcount("best", ScoreBound::Exclusive(180.0), ScoreBound::HIGHEST)?, 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zcount(
        &self,
        key: impl AsRef<[u8]>,
        min: impl Into<ScoreBound>,
        max: impl Into<ScoreBound>,
    ) -> Result<usize> {
        let span = Span::scores(min.into(), max.into())?;
        self.read_key(key.as_ref(), |cx, key| count(cx, key, &span))
    }

    /// Counts the members of a sorted set, all of equal scores, that are in a range of bytes (ZLEXCOUNT).
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{LexBound, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("names", &[(0.0, "ada"), (0.0, "bob"), (0.0, "eve")])?;
    /// assert_eq!(store.zlexcount("names", LexBound::Lowest, LexBound::exclusive("bob"))?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zlexcount(&self, key: impl AsRef<[u8]>, min: LexBound, max: LexBound) -> Result<usize> {
        self.read_key(key.as_ref(), |cx, key| count(cx, key, &Span::members(&min, &max)))
    }

    /// Removes the members of a sorted set from one rank to another, both included (ZREMRANGEBYRANK), and answers how
    /// many; negative ranks count from the end, -1 being the last.
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
    /// assert_eq!(store.zremrangebyrank("best", 0, -3)?, 1);
    /// assert_eq!(store.zrange("best", 0, -1)?, ["bob", "ada"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zremrangebyrank(&self, key: impl AsRef<[u8]>, start: i64, stop: i64) -> Result<usize> {
        let span = Span::Ranks(start, stop);
        self.write_key(key.as_ref(), |cx, key| remove(cx, key, &span, "zremrangebyrank"))
    }

    /// Removes the members of a sorted set that have scores in a range (ZREMRANGEBYSCORE), and answers how many.
    ///
    /// # Errors
    ///
    /// `ERR min or max is not a float` for a score that is NaN, `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ScoreBound, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("seen", &[(1000.0, "ada"), (2000.0, "bob")])?;
    /// let before = ScoreBound::Exclusive(1500.0);
    /// assert_eq!(store.zremrangebyscore("seen", ScoreBound::LOWEST, before)?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zremrangebyscore(
        &self,
        key: impl AsRef<[u8]>,
        min: impl Into<ScoreBound>,
        max: impl Into<ScoreBound>,
    ) -> Result<usize> {
        let span = Span::scores(min.into(), max.into())?;
        self.write_key(key.as_ref(), |cx, key| remove(cx, key, &span, "zremrangebyscore"))
    }

    /// Removes the members of a sorted set, all of equal scores, that are in a range of bytes (ZREMRANGEBYLEX), and
    /// answers how many.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{LexBound, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("names", &[(0.0, "ada"), (0.0, "bob"), (0.0, "eve")])?;
    /// assert_eq!(store.zremrangebylex("names", LexBound::Lowest, LexBound::exclusive("eve"))?, 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zremrangebylex(&self, key: impl AsRef<[u8]>, min: LexBound, max: LexBound) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| remove(cx, key, &Span::members(&min, &max), "zremrangebylex"))
    }
}
