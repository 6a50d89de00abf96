//! Several sorted sets, or plain sets, as one: ZUNION, ZINTER, ZDIFF, ZINTERCARD, and the forms that store.

use super::range::store;
use super::{owned, reply_members, reply_pairs};
use crate::blob::Blob;
use crate::commands::spec::{Group, access::*, counted_keys, flag::*, key};
use crate::commands::{Args, CommandSpec};
use crate::ds::packed::Item;
use crate::ds::zset::Gathered;
use crate::ds::{Set, Zset};
use crate::error::{Error, Result};
use crate::keyspace::Ctx;
use crate::num::{parse_f64, parse_i64};
use crate::reply::Reply;
use crate::store::{LockMode, Store};

const UNION: &str = "O(N) + O(M log M) for N members of all sets, and M of the result";
const INTERSECTION: &str = "O(NK) + O(M log M) for N members of the smallest of K sets, and M of the result";
const DIFFERENCE: &str = "O(NK) + O(M log M) for N members of the first of K sets, and M of the result";

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("ZDIFF", zdiff_cmd)
        .summary("Gives the members of the first sorted set that no other one has.")
        .since("6.2.0")
        .complexity(DIFFERENCE)
        .group(Group::SortedSet)
        .syntax("numkeys key [key ...] [WITHSCORES]")
        .arity(-3)
        .flags(READONLY | MOVABLEKEYS)
        .keys(&[counted_keys(1, RO | ACCESS)]),
    CommandSpec::new("ZDIFFSTORE", zdiffstore_cmd)
        .summary("Sets a key to the members of the first sorted set that no other one has.")
        .since("6.2.0")
        .complexity(DIFFERENCE)
        .group(Group::SortedSet)
        .syntax("destination numkeys key [key ...]")
        .arity(-4)
        .flags(WRITE | DENYOOM | MOVABLEKEYS)
        .keys(&[key(1, OW | UPDATE), counted_keys(2, RO | ACCESS)]),
    CommandSpec::new("ZINTER", zinter_cmd)
        .summary("Gives the members that all of several sorted sets have.")
        .since("6.2.0")
        .complexity(INTERSECTION)
        .group(Group::SortedSet)
        .syntax("numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]")
        .arity(-3)
        .flags(READONLY | MOVABLEKEYS)
        .keys(&[counted_keys(1, RO | ACCESS)]),
    CommandSpec::new("ZINTERCARD", zintercard_cmd)
        .summary("Counts the members that all of several sorted sets have.")
        .since("7.0.0")
        .complexity("O(NK) for N members of the smallest of K sets")
        .group(Group::SortedSet)
        .syntax("numkeys key [key ...] [LIMIT limit]")
        .arity(-3)
        .flags(READONLY | MOVABLEKEYS)
        .keys(&[counted_keys(1, RO | ACCESS)]),
    CommandSpec::new("ZINTERSTORE", zinterstore_cmd)
        .summary("Sets a key to the members that all of several sorted sets have.")
        .since("2.0.0")
        .complexity(INTERSECTION)
        .group(Group::SortedSet)
        .syntax("destination numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE <SUM | MIN | MAX>]")
        .arity(-4)
        .flags(WRITE | DENYOOM | MOVABLEKEYS)
        .keys(&[key(1, OW | UPDATE), counted_keys(2, RO | ACCESS)]),
    CommandSpec::new("ZUNION", zunion_cmd)
        .summary("Gives the members that any of several sorted sets has.")
        .since("6.2.0")
        .complexity(UNION)
        .group(Group::SortedSet)
        .syntax("numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]")
        .arity(-3)
        .flags(READONLY | MOVABLEKEYS)
        .keys(&[counted_keys(1, RO | ACCESS)]),
    CommandSpec::new("ZUNIONSTORE", zunionstore_cmd)
        .summary("Sets a key to the members that any of several sorted sets has.")
        .since("2.0.0")
        .complexity(UNION)
        .group(Group::SortedSet)
        .syntax("destination numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE <SUM | MIN | MAX>]")
        .arity(-4)
        .flags(WRITE | DENYOOM | MOVABLEKEYS)
        .keys(&[key(1, OW | UPDATE), counted_keys(2, RO | ACCESS)]),
];

/// How the scores of a member in several sets become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// Their sum; 0 where infinities of both signs meet.
    #[default]
    Sum,
    /// The lowest of them.
    Min,
    /// The highest of them.
    Max,
}

impl Aggregate {
    fn join(self, score: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum => number_or_zero(score + other),
            // NaN, which a weight of 0 makes of an infinity, is neither less nor greater.
            Aggregate::Min if other < score => other,
            Aggregate::Max if other > score => other,
            Aggregate::Min | Aggregate::Max => score,
        }
    }
}

fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// What a key holds for these commands. The members of a plain set have scores of 1.
enum Source {
    Missing,
    Sorted(Zset),
    Plain(Set),
}

impl Source {
    fn len(&self) -> usize {
        match self {
            Source::Missing => 0,
            Source::Sorted(set) => set.len(),
            Source::Plain(set) => set.len(),
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Source::Missing => None,
            Source::Sorted(set) => set.score(member),
            Source::Plain(set) => set.contains(member).then_some(1.0),
        }
    }

    /// Calls `visit` with each member and its score, until it answers false.
    fn each(&self, mut visit: impl FnMut(&[u8], f64) -> bool) {
        let mut buffer = itoa::Buffer::new();
        let mut visit = |member: Item<'_>, score| visit(member.bytes(&mut buffer), score);
        match self {
            Source::Missing => {}
            Source::Sorted(set) => drop(set.iter().all(|(member, score)| visit(member, score))),
            Source::Plain(set) => drop(set.iter().all(|member| visit(member, 1.0))),
        }
    }
}

/// Sets with the factors of their scores.
type Weighted = Vec<(Source, f64)>;

/// The sets behind keys; a copy of a set is only a count.
fn sources(cx: &mut Ctx<'_>, keys: &[impl AsRef<[u8]>]) -> Result<Vec<Source>> {
    let source = |key: &[u8]| match cx.find(cx.key(key)) {
        None => Ok(Source::Missing),
        Some(entry) => match (entry.value::<Zset>(), entry.value::<Set>()) {
            (Some(set), _) => Ok(Source::Sorted(set.clone())),
            (_, Some(set)) => Ok(Source::Plain(set.clone())),
            _ => Err(Error::WRONG_TYPE),
        },
    };
    keys.iter().map(AsRef::as_ref).map(source).collect()
}

/// Sums are made from the smallest set up, which shows in their last digits.
fn smallest_first(mut sets: Weighted) -> Weighted {
    sets.sort_by_key(|(set, _)| set.len());
    sets
}

fn union(cx: &Ctx<'_>, sets: Weighted, aggregate: Aggregate) -> Zset {
    let mut gathered = Gathered::new(&cx.space.limits);
    for (set, weight) in smallest_first(sets) {
        set.each(|member, score| {
            let score = number_or_zero(score * weight);
            gathered.add(member, score, |old, new| aggregate.join(old, new));
            true
        });
    }
    gathered.into_zset()
}

fn intersection(cx: &Ctx<'_>, sets: Weighted, aggregate: Aggregate) -> Zset {
    let mut gathered = Gathered::new(&cx.space.limits);
    let sets = smallest_first(sets);
    if let Some(((smallest, weight), others)) = sets.split_first() {
        smallest.each(|member, score| {
            let start = number_or_zero(score * weight);
            let sum = others
                .iter()
                .try_fold(start, |sum, (set, weight)| Some(aggregate.join(sum, set.score(member)? * weight)));
            if let Some(sum) = sum {
                gathered.add(member, sum, |_, sum| sum);
            }
            true
        });
    }
    gathered.into_zset()
}

/// The number of members that all sets have, counted up to a limit unless that is 0.
fn count_intersection(mut sets: Vec<Source>, limit: usize) -> usize {
    sets.sort_by_key(Source::len);
    let mut count = 0;
    if let Some((smallest, others)) = sets.split_first() {
        smallest.each(|member, _| {
            count += usize::from(others.iter().all(|set| set.score(member).is_some()));
            limit == 0 || count < limit
        });
    }
    count
}

fn difference(cx: &Ctx<'_>, sets: &[Source]) -> Zset {
    let mut gathered = Gathered::new(&cx.space.limits);
    if let Some((first, others)) = sets.split_first() {
        first.each(|member, score| {
            if !others.iter().any(|set| set.score(member).is_some()) {
                gathered.add(member, score, |_, score| score);
            }
            true
        });
    }
    gathered.into_zset()
}

/// The keys behind their number at `at`, and where they end.
fn counted<'a>(args: Args<'a>, at: usize, command: &str) -> Result<(&'a [&'a [u8]], usize)> {
    let count = args.integer(at)?;
    if count < 1 {
        return Err(Error::no_input_key(command));
    }
    let keys = usize::try_from(count).ok().and_then(|count| args.from(at + 1).get(..count));
    keys.map(|keys| (keys, at + 1 + keys.len())).ok_or(Error::SYNTAX)
}

/// What stands behind the keys of ZUNION and ZINTER.
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}

impl Options {
    fn parse(args: Args<'_>, from: usize, sets: usize, stores: bool) -> Result<Options> {
        let mut options = Options { weights: vec![1.0; sets], aggregate: Aggregate::Sum, with_scores: false };
        let mut at = from;
        while at < args.len() {
            at += if args.is(at, "WEIGHTS") && args.len() - at > sets {
                for (weight, text) in options.weights.iter_mut().zip(args.from(at + 1)) {
                    *weight = parse_f64(text).ok_or(Error::BAD_WEIGHT)?;
                }
                1 + sets
            } else if args.is(at, "AGGREGATE") && args.len() - at > 1 {
                options.aggregate = if args.is(at + 1, "SUM") {
                    Aggregate::Sum
                } else if args.is(at + 1, "MIN") {
                    Aggregate::Min
                } else if args.is(at + 1, "MAX") {
                    Aggregate::Max
                } else {
                    return Err(Error::SYNTAX);
                };
                2
            } else if !stores && args.is(at, "WITHSCORES") {
                options.with_scores = true;
                1
            } else {
                return Err(Error::SYNTAX);
            };
        }
        Ok(options)
    }
}

type Merge = fn(&Ctx<'_>, Weighted, Aggregate) -> Zset;

/// Reads keys and options from `at` on and merges the sets. The types of the keys are looked at before the options.
fn merged(cx: &mut Ctx<'_>, args: Args<'_>, at: usize, command: &str, merge: Merge) -> Result<(Zset, bool)> {
    let (keys, end) = counted(args, at, command)?;
    let sets = sources(cx, keys)?;
    let options = Options::parse(args, end, keys.len(), at == 2)?;
    let sets = sets.into_iter().zip(options.weights).collect();
    Ok((merge(cx, sets, options.aggregate), options.with_scores))
}

fn reply(set: &Zset, with_scores: bool, out: &mut dyn Reply) {
    if with_scores {
        reply_pairs(set.iter(), out);
    } else {
        reply_members(set.iter(), out);
    }
}

fn zunion_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (set, with_scores) = merged(cx, args, 1, "zunion", union)?;
    reply(&set, with_scores, out);
    Ok(())
}

fn zinter_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (set, with_scores) = merged(cx, args, 1, "zinter", intersection)?;
    reply(&set, with_scores, out);
    Ok(())
}

fn zunionstore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (set, _) = merged(cx, args, 2, "zunionstore", union)?;
    out.length(store(cx, cx.key(args.at(1)), set, "zunionstore"));
    Ok(())
}

fn zinterstore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (set, _) = merged(cx, args, 2, "zinterstore", intersection)?;
    out.length(store(cx, cx.key(args.at(1)), set, "zinterstore"));
    Ok(())
}

fn zdiff_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (keys, end) = counted(args, 1, "zdiff")?;
    let sets = sources(cx, keys)?;
    let options = args.from(end);
    if !options.iter().all(|option| option.eq_ignore_ascii_case(b"WITHSCORES")) {
        return Err(Error::SYNTAX);
    }
    reply(&difference(cx, &sets), !options.is_empty(), out);
    Ok(())
}

fn zdiffstore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (keys, end) = counted(args, 2, "zdiffstore")?;
    let sets = sources(cx, keys)?;
    if end < args.len() {
        return Err(Error::SYNTAX);
    }
    let set = difference(cx, &sets);
    out.length(store(cx, cx.key(args.at(1)), set, "zdiffstore"));
    Ok(())
}

fn zintercard_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (keys, end) = counted(args, 1, "zintercard")?;
    let sets = sources(cx, keys)?;
    let mut limit = 0;
    for at in (end..args.len()).step_by(2) {
        if !args.is(at, "LIMIT") || at + 1 == args.len() {
            return Err(Error::SYNTAX);
        }
        let number = parse_i64(args.at(at + 1)).and_then(|limit| usize::try_from(limit).ok());
        limit = number.ok_or(Error::NEGATIVE_LIMIT)?;
    }
    out.length(count_intersection(sets, limit));
    Ok(())
}

/// Keys with the weight 1.
fn unweighted<K: AsRef<[u8]>>(keys: &[K]) -> Vec<(&[u8], f64)> {
    keys.iter().map(|key| (key.as_ref(), 1.0)).collect()
}

/// # Sorted sets: several as one
impl Store {
    /// Gives the members that any of several sorted sets has, in order, with the sums of their scores (ZUNION). Plain
    /// sets may be among them; their members have scores of 1.
    ///
    /// # Errors
    ///
    /// `ERR at least 1 input key is needed for 'zunion' command`, `WRONGTYPE` if a key holds no set.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// store.zadd("june", &[(7.0, "ada")])?;
    /// assert_eq!(store.zunion(&["may", "june"])?, [("bob".into(), 5.0), ("ada".into(), 8.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zunion<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<(Blob, f64)>> {
        self.zunion_with(&unweighted(keys), Aggregate::Sum)
    }

    /// As [`zunion`](Store::zunion), with a factor for the scores of each set, and another way to join the scores
    /// (ZUNION with WEIGHTS and AGGREGATE). An infinity times 0 is 0.
    ///
    /// # Errors
    ///
    /// `ERR weight value is not a float` for a weight that is NaN; otherwise as [`zunion`](Store::zunion).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Aggregate, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// store.zadd("june", &[(7.0, "ada")])?;
    /// let best = store.zunion_with(&[("may", 2.0), ("june", 1.0)], Aggregate::Max)?;
    /// assert_eq!(best, [("ada".into(), 7.0), ("bob".into(), 10.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zunion_with<K: AsRef<[u8]>>(
        &self,
        keys: &[(K, f64)],
        aggregate: Aggregate,
    ) -> Result<Vec<(Blob, f64)>> {
        self.merge(None, keys, aggregate, "zunion", |_, set| set.iter().map(owned).collect(), union)
    }

    /// Sets a key to the union of several sorted sets (ZUNIONSTORE), as [`zunion`](Store::zunion) gives it, and answers
    /// how many members it has; without any, the key is removed.
    ///
    /// # Errors
    ///
    /// As [`zunion`](Store::zunion); nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// store.zadd("june", &[(7.0, "ada")])?;
    /// assert_eq!(store.zunionstore("year", &["may", "june"])?, 2);
    /// assert_eq!(store.zscore("year", "ada")?, Some(8.0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zunionstore<K: AsRef<[u8]>>(&self, destination: impl AsRef<[u8]>, keys: &[K]) -> Result<usize> {
        self.zunionstore_with(destination, &unweighted(keys), Aggregate::Sum)
    }

    /// As [`zunionstore`](Store::zunionstore), with weights and an aggregate as [`zunion_with`](Store::zunion_with).
    ///
    /// # Errors
    ///
    /// As [`zunion_with`](Store::zunion_with); nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Aggregate, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// assert_eq!(store.zunionstore_with("double", &[("may", 2.0)], Aggregate::Sum)?, 2);
    /// assert_eq!(store.zscore("double", "bob")?, Some(10.0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zunionstore_with<K: AsRef<[u8]>>(
        &self,
        destination: impl AsRef<[u8]>,
        keys: &[(K, f64)],
        aggregate: Aggregate,
    ) -> Result<usize> {
        let destination = destination.as_ref();
        let put = |cx: &mut Ctx<'_>, set| store(cx, cx.key(destination), set, "zunionstore");
        self.merge(Some(destination), keys, aggregate, "zunionstore", put, union)
    }

    /// Gives the members that all of several sorted sets have, in order, with the sums of their scores (ZINTER). Plain
    /// sets may be among them; their members have scores of 1.
    ///
    /// # Errors
    ///
    /// `ERR at least 1 input key is needed for 'zinter' command`, `WRONGTYPE` if a key holds no set.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// store.zadd("june", &[(7.0, "ada")])?;
    /// assert_eq!(store.zinter(&["may", "june"])?, [("ada".into(), 8.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zinter<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<(Blob, f64)>> {
        self.zinter_with(&unweighted(keys), Aggregate::Sum)
    }

    /// As [`zinter`](Store::zinter), with a factor for the scores of each set, and another way to join the scores
    /// (ZINTER with WEIGHTS and AGGREGATE). An infinity times 0 is 0.
    ///
    /// # Errors
    ///
    /// `ERR weight value is not a float` for a weight that is NaN; otherwise as [`zinter`](Store::zinter).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Aggregate, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// store.zadd("june", &[(7.0, "ada")])?;
    /// let both = store.zinter_with(&[("may", 10.0), ("june", 1.0)], Aggregate::Min)?;
    /// assert_eq!(both, [("ada".into(), 7.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zinter_with<K: AsRef<[u8]>>(
        &self,
        keys: &[(K, f64)],
        aggregate: Aggregate,
    ) -> Result<Vec<(Blob, f64)>> {
        self.merge(None, keys, aggregate, "zinter", |_, set| set.iter().map(owned).collect(), intersection)
    }

    /// Sets a key to the intersection of several sorted sets (ZINTERSTORE), as [`zinter`](Store::zinter) gives it, and
    /// answers how many members it has; without any, the key is removed.
    ///
    /// # Errors
    ///
    /// As [`zinter`](Store::zinter); nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// store.zadd("june", &[(7.0, "ada")])?;
    /// assert_eq!(store.zinterstore("both", &["may", "june"])?, 1);
    /// assert_eq!(store.zscore("both", "ada")?, Some(8.0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zinterstore<K: AsRef<[u8]>>(&self, destination: impl AsRef<[u8]>, keys: &[K]) -> Result<usize> {
        self.zinterstore_with(destination, &unweighted(keys), Aggregate::Sum)
    }

    /// As [`zinterstore`](Store::zinterstore), with weights and an aggregate as [`zinter_with`](Store::zinter_with).
    ///
    /// # Errors
    ///
    /// As [`zinter_with`](Store::zinter_with); nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Aggregate, Store};
    ///
    /// let store = Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// store.zadd("june", &[(7.0, "ada")])?;
    /// let keys = [("may", 1.0), ("june", 1.0)];
    /// assert_eq!(store.zinterstore_with("both", &keys, Aggregate::Max)?, 1);
    /// assert_eq!(store.zscore("both", "ada")?, Some(7.0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zinterstore_with<K: AsRef<[u8]>>(
        &self,
        destination: impl AsRef<[u8]>,
        keys: &[(K, f64)],
        aggregate: Aggregate,
    ) -> Result<usize> {
        let destination = destination.as_ref();
        let put = |cx: &mut Ctx<'_>, set| store(cx, cx.key(destination), set, "zinterstore");
        self.merge(Some(destination), keys, aggregate, "zinterstore", put, intersection)
    }

    fn merge<K: AsRef<[u8]>, R>(
        &self,
        destination: Option<&[u8]>,
        keys: &[(K, f64)],
        aggregate: Aggregate,
        command: &str,
        take: impl FnOnce(&mut Ctx<'_>, Zset) -> R,
        merge: Merge,
    ) -> Result<R> {
        if keys.is_empty() {
            return Err(Error::no_input_key(command));
        }
        if keys.iter().any(|(_, weight)| weight.is_nan()) {
            return Err(Error::BAD_WEIGHT);
        }
        let mode = if destination.is_some() { LockMode::Write } else { LockMode::Read };
        let names: Vec<&[u8]> = keys.iter().map(|(key, _)| key.as_ref()).collect();
        self.with_keys(names.iter().copied().chain(destination), mode, |cx| {
            let sets = sources(cx, &names)?;
            let sets = sets.into_iter().zip(keys).map(|(set, (_, weight))| (set, *weight)).collect();
            let merged = merge(cx, sets, aggregate);
            Ok(take(cx, merged))
        })
    }

    /// Counts the members that all of several sorted sets have (ZINTERCARD); plain sets may be among them.
    ///
    /// # Errors
    ///
    /// `ERR at least 1 input key is needed for 'zintercard' command`, `WRONGTYPE` if a key holds no set.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// store.zadd("june", &[(7.0, "ada")])?;
    /// assert_eq!(store.zintercard(&["may", "june"])?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zintercard<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<usize> {
        self.zintercard_with(keys, 0)
    }

    /// As [`zintercard`](Store::zintercard), but stops counting at a limit, unless that is 0 (ZINTERCARD with LIMIT).
    ///
    /// # Errors
    ///
    /// As [`zintercard`](Store::zintercard).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// assert_eq!(store.zintercard_with(&["may", "may"], 1)?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zintercard_with<K: AsRef<[u8]>>(&self, keys: &[K], limit: usize) -> Result<usize> {
        if keys.is_empty() {
            return Err(Error::no_input_key("zintercard"));
        }
        self.with_keys(keys.iter().map(AsRef::as_ref), LockMode::Read, |cx| {
            Ok(count_intersection(sources(cx, keys)?, limit))
        })
    }

    /// Gives the members of the first of several sorted sets that none of the others has, in order, with their scores
    /// (ZDIFF). Plain sets may be among them; their members have scores of 1.
    ///
    /// # Errors
    ///
    /// `ERR at least 1 input key is needed for 'zdiff' command`, `WRONGTYPE` if a key holds no set.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// store.zadd("june", &[(7.0, "ada")])?;
    /// assert_eq!(store.zdiff(&["may", "june"])?, [("bob".into(), 5.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zdiff<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<(Blob, f64)>> {
        if keys.is_empty() {
            return Err(Error::no_input_key("zdiff"));
        }
        self.with_keys(keys.iter().map(AsRef::as_ref), LockMode::Read, |cx| {
            let sets = sources(cx, keys)?;
            Ok(difference(cx, &sets).iter().map(owned).collect())
        })
    }

    /// Sets a key to what the first of several sorted sets has and none of the others (ZDIFFSTORE), as
    /// [`zdiff`](Store::zdiff) gives it, and answers how many members it has; without any, the key is removed.
    ///
    /// # Errors
    ///
    /// As [`zdiff`](Store::zdiff); nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.zadd("may", &[(1.0, "ada"), (5.0, "bob")])?;
    /// store.zadd("june", &[(7.0, "ada")])?;
    /// assert_eq!(store.zdiffstore("left", &["may", "june"])?, 1);
    /// assert_eq!(store.zscore("left", "bob")?, Some(5.0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zdiffstore<K: AsRef<[u8]>>(&self, destination: impl AsRef<[u8]>, keys: &[K]) -> Result<usize> {
        if keys.is_empty() {
            return Err(Error::no_input_key("zdiffstore"));
        }
        let destination = destination.as_ref();
        let names = keys.iter().map(AsRef::as_ref).chain(Some(destination));
        self.with_keys(names, LockMode::Write, |cx| {
            let sets = sources(cx, keys)?;
            let set = difference(cx, &sets);
            Ok(store(cx, cx.key(destination), set, "zdiffstore"))
        })
    }
}
