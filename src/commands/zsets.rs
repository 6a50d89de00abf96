//! Sorted sets, member by member: ZADD, ZSCORE and their relatives. Ranges, what is made of several sets, what is
//! popped or drawn by chance, and ZSCAN are in files of their own.

pub(super) mod pop;
pub(super) mod query;
pub(super) mod range;
pub(super) mod scan;
pub(super) mod set_operations;

use std::cmp::Ordering;

use super::spec::{Group, access::*, flag::*, key};
use super::strings::check_length;
use super::{Args, CommandSpec, items};
use crate::blob::Blob;
use crate::ds::Zset;
use crate::ds::packed::Item;
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Edit, Key};
use crate::num;
use crate::protocol::Protocol;
use crate::reply::Reply;
use crate::store::Store;

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("ZADD", zadd_cmd)
        .summary("Adds members to a sorted set, or gives them other scores.")
        .since("1.2.0")
        .complexity("O(log N) for each member, in a set of N")
        .group(Group::SortedSet)
        .syntax(
            "key [NX | XX] [comparison: GT | LT] [change: CH] [increment: INCR] \
             score:double member [score member ...]",
        )
        .arity(-4)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("ZCARD", zcard_cmd)
        .summary("Counts the members of a sorted set.")
        .since("1.2.0")
        .group(Group::SortedSet)
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO)]),
    CommandSpec::new("ZINCRBY", zincrby_cmd)
        .summary("Adds a number to the score of a member, which is 0 if it is not in the sorted set.")
        .since("1.2.0")
        .complexity("O(log N) for a set of N members")
        .group(Group::SortedSet)
        .syntax("key increment member")
        .arity(4)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
    CommandSpec::new("ZMSCORE", zmscore_cmd)
        .summary("Gives the scores of several members of a sorted set.")
        .since("6.2.0")
        .complexity("O(N) for N members asked for")
        .group(Group::SortedSet)
        .syntax("key member [member ...]")
        .arity(-3)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("ZRANK", zrank_cmd)
        .summary("Gives the rank of a member of a sorted set, the lowest score being first.")
        .since("2.0.0")
        .complexity("O(log N) for a set of N members")
        .group(Group::SortedSet)
        .syntax("key member [WITHSCORE]")
        .arity(-3)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("ZREM", zrem_cmd)
        .summary("Removes members from a sorted set.")
        .since("1.2.0")
        .complexity("O(log N) for each member, in a set of N")
        .group(Group::SortedSet)
        .syntax("key member [member ...]")
        .arity(-3)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | DELETE)]),
    CommandSpec::new("ZREVRANK", zrevrank_cmd)
        .summary("Gives the rank of a member of a sorted set, the highest score being first.")
        .since("2.0.0")
        .complexity("O(log N) for a set of N members")
        .group(Group::SortedSet)
        .syntax("key member [WITHSCORE]")
        .arity(-3)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("ZSCORE", zscore_cmd)
        .summary("Gives the score of a member of a sorted set.")
        .since("1.2.0")
        .group(Group::SortedSet)
        .syntax("key member")
        .arity(3)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO | ACCESS)]),
];

/// The options of [`Store::zadd_with`] and [`Store::zincrby_with`]: which members get a score.
///
/// [`if_missing`](ZaddOptions::if_missing) goes with none of the others, and [`if_greater`](ZaddOptions::if_greater) not
/// with [`if_less`](ZaddOptions::if_less): of two that do not go together the later one counts.
///
/// # Examples
///
/// ```
/// use redmoon::{Store, ZaddOptions};
///
/// let store = Store::new();
/// store.zadd("best", &[(310.0, "ada"), (250.0, "bob")])?;
/// let only_better = ZaddOptions::new().if_greater();
/// let outcome = store.zadd_with("best", only_better, &[(290.0, "ada"), (270.0, "bob"), (100.0, "eve")])?;
/// assert_eq!((outcome.added, outcome.updated), (1, 1));
/// assert_eq!(store.zscore("best", "ada")?, Some(310.0));
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZaddOptions {
    rule: Rule,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// NX.
    IfMissing,
    Else {
        /// XX.
        only_existing: bool,
        /// How the new score of a member that exists must compare with the old one: GT, LT.
        comparison: Option<Ordering>,
    },
}

impl Default for ZaddOptions {
    fn default() -> ZaddOptions {
        ZaddOptions { rule: Rule::Else { only_existing: false, comparison: None } }
    }
}

impl ZaddOptions {
    /// No options: every member gets its score.
    #[must_use]
    pub fn new() -> ZaddOptions {
        ZaddOptions::default()
    }

    /// Only members that are not in the set (NX).
    #[must_use]
    pub fn if_missing(mut self) -> ZaddOptions {
        self.rule = Rule::IfMissing;
        self
    }

    /// Only members that are in the set (XX).
    #[must_use]
    pub fn if_exists(mut self) -> ZaddOptions {
        self.rule = Rule::Else { only_existing: true, comparison: self.comparison() };
        self
    }

    /// Members that are in the set only if the new score is greater than the one that they have (GT).
    #[must_use]
    pub fn if_greater(self) -> ZaddOptions {
        self.compared(Ordering::Greater)
    }

    /// Members that are in the set only if the new score is less than the one that they have (LT).
    #[must_use]
    pub fn if_less(self) -> ZaddOptions {
        self.compared(Ordering::Less)
    }

    fn compared(mut self, comparison: Ordering) -> ZaddOptions {
        let only_existing = matches!(self.rule, Rule::Else { only_existing: true, .. });
        self.rule = Rule::Else { only_existing, comparison: Some(comparison) };
        self
    }

    fn comparison(self) -> Option<Ordering> {
        match self.rule {
            Rule::IfMissing => None,
            Rule::Else { comparison, .. } => comparison,
        }
    }

    /// Whether a member may get a score at all.
    #[inline]
    fn takes(self, old: Option<f64>) -> bool {
        match self.rule {
            Rule::IfMissing => old.is_none(),
            Rule::Else { only_existing, .. } => !only_existing || old.is_some(),
        }
    }

    /// Whether it may get this one.
    #[inline]
    fn allows(self, old: Option<f64>, new: f64) -> bool {
        match (self.comparison(), old) {
            (Some(comparison), Some(old)) => new.partial_cmp(&old) == Some(comparison),
            _ => true,
        }
    }
}

/// What [`Store::zadd_with`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZaddOutcome {
    /// How many members were added.
    pub added: usize,
    /// How many members that were in the set got another score.
    pub updated: usize,
}

/// The last integer whose 17 digits come without an exponent.
const LAST_PLAIN: f64 = 99_999_999_999_999_984.0;

/// Replies a score: a double in RESP3, its text in RESP2.
#[inline]
pub(super) fn reply_score(score: f64, out: &mut dyn Reply) {
    if out.protocol() == Protocol::Resp3 {
        out.double(score);
    } else {
        reply_text(score, LAST_PLAIN, out);
    }
}

/// Replies the text of a score: only the digits of an integer up to a limit, and 17 digits of any other number, as a
/// server of version 7.0 sends them.
#[inline]
fn reply_text(score: f64, plain: f64, out: &mut dyn Reply) {
    let integer = score as i64;
    if integer as f64 == score && score.abs() <= plain && (integer != 0 || score.is_sign_positive()) {
        out.bulk(itoa::Buffer::new().format(integer).as_bytes());
    } else {
        let mut digits = Vec::with_capacity(32);
        num::format_g17(score, &mut digits);
        out.bulk(&digits);
    }
}

fn reply_members<'m>(pairs: impl ExactSizeIterator<Item = (Item<'m>, f64)>, out: &mut dyn Reply) {
    out.array(pairs.len());
    pairs.for_each(|(member, _)| items::reply(member, out));
}

/// Members with their scores: pairs in RESP3, one after the other in RESP2.
fn reply_pairs<'m>(pairs: impl ExactSizeIterator<Item = (Item<'m>, f64)>, out: &mut dyn Reply) {
    if out.protocol() == Protocol::Resp3 {
        return reply_nested(pairs, out);
    }
    out.array(pairs.len() * 2);
    for (member, score) in pairs {
        items::reply(member, out);
        reply_score(score, out);
    }
}

/// Members with their scores as pairs.
pub(super) fn reply_nested<'m>(pairs: impl ExactSizeIterator<Item = (Item<'m>, f64)>, out: &mut dyn Reply) {
    out.array(pairs.len());
    for (member, score) in pairs {
        out.array(2);
        items::reply(member, out);
        reply_score(score, out);
    }
}

/// A member with its score for a typed method.
fn owned((member, score): (Item<'_>, f64)) -> (Blob, f64) {
    (items::blob(member), score)
}

fn zadd_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let [mut nx, mut xx, mut gt, mut lt, mut ch, mut incr] = [false; 6];
    let mut at = 2;
    loop {
        match args.at(at) {
            word if word.eq_ignore_ascii_case(b"NX") => nx = true,
            word if word.eq_ignore_ascii_case(b"XX") => xx = true,
            word if word.eq_ignore_ascii_case(b"GT") => gt = true,
            word if word.eq_ignore_ascii_case(b"LT") => lt = true,
            word if word.eq_ignore_ascii_case(b"CH") => ch = true,
            word if word.eq_ignore_ascii_case(b"INCR") => incr = true,
            _ => break,
        }
        at += 1;
    }
    let pairs = args.from(at);
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(Error::SYNTAX);
    }
    if nx && xx {
        return Err(Error::ZADD_NX_WITH_XX);
    }
    if (gt && lt) || (nx && (gt || lt)) {
        return Err(Error::ZADD_COMPARISONS);
    }
    if incr && pairs.len() > 2 {
        return Err(Error::ZADD_INCR_PAIRS);
    }
    let comparison = if gt { Some(Ordering::Greater) } else { lt.then_some(Ordering::Less) };
    let rule = if nx { Rule::IfMissing } else { Rule::Else { only_existing: xx, comparison } };
    let options = ZaddOptions { rule };
    // Scores are read before anything is added; those of a short call need no memory of their own.
    let mut few = [0.0; 8];
    let mut many = Vec::new();
    let scores = match few.get_mut(..pairs.len() / 2) {
        Some(few) => few,
        None => {
            many.resize(pairs.len() / 2, 0.0);
            &mut many
        }
    };
    for (score, text) in scores.iter_mut().zip(pairs.iter().step_by(2)) {
        *score = num::parse_f64(text).ok_or(Error::NOT_FLOAT)?;
    }
    let key = cx.key(args.at(1));
    let members = pairs.iter().skip(1).step_by(2);
    if incr {
        match zincrby(cx, key, options, scores[0], pairs[1])? {
            Some(sum) => reply_score(sum, out),
            None => out.null(),
        }
        return Ok(());
    }
    let outcome = zadd(cx, key, options, scores.iter().copied().zip(members.copied()))?;
    out.length(outcome.added + if ch { outcome.updated } else { 0 });
    Ok(())
}

pub(super) fn zadd<'m>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    options: ZaddOptions,
    members: impl Iterator<Item = (f64, &'m [u8])> + Clone,
) -> Result<ZaddOutcome> {
    for (_, member) in members.clone() {
        check_length(cx, member.len())?;
    }
    let limits = &cx.space.limits;
    cx.edit_or_new(key, "zadd", |set: &mut Zset| {
        let mut outcome = ZaddOutcome::default();
        for (score, member) in members {
            let mut is_new = false;
            let changed = set.change(member, limits, |old| {
                is_new = old.is_none();
                Ok::<_, Error>((options.takes(old) && options.allows(old, score)).then_some(score))
            })?;
            if changed && is_new {
                outcome.added += 1;
            } else if changed {
                outcome.updated += 1;
            }
        }
        let is_same = outcome == ZaddOutcome::default();
        Ok(if is_same { Edit::Same(outcome) } else { Edit::Changed(outcome) })
    })
}

fn zincrby_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let by = num::parse_f64(args.at(2)).ok_or(Error::NOT_FLOAT)?;
    match zincrby(cx, cx.key(args.at(1)), ZaddOptions::new(), by, args.at(3))? {
        Some(sum) => reply_score(sum, out),
        None => out.null(),
    }
    Ok(())
}

/// The new score; `None` if the options did not allow it.
fn zincrby(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    options: ZaddOptions,
    by: f64,
    member: &[u8],
) -> Result<Option<f64>> {
    check_length(cx, member.len())?;
    let limits = &cx.space.limits;
    cx.edit_or_new(key, "zincr", |set: &mut Zset| {
        let mut sum = None;
        let changed = set.change(member, limits, |old| {
            if options.takes(old) {
                let new = old.map_or(by, |old| old + by);
                if new.is_nan() {
                    return Err(Error::SCORE_IS_NAN);
                }
                sum = options.allows(old, new).then_some(new);
            }
            Ok(sum)
        })?;
        Ok(if changed { Edit::Changed(sum) } else { Edit::Same(sum) })
    })
}

fn zcard_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(zcard(cx, cx.key(args.at(1)))?);
    Ok(())
}

fn zcard(cx: &mut Ctx<'_>, key: Key<'_>) -> Result<usize> {
    Ok(cx.find_as::<Zset>(key)?.map_or(0, Zset::len))
}

fn zscore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    match zscore(cx, cx.key(args.at(1)), args.at(2))? {
        Some(score) => reply_score(score, out),
        None => out.null(),
    }
    Ok(())
}

#[inline]
fn zscore(cx: &mut Ctx<'_>, key: Key<'_>, member: &[u8]) -> Result<Option<f64>> {
    Ok(cx.find_as::<Zset>(key)?.and_then(|set| set.score(member)))
}

fn zmscore_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let members = args.from(2);
    let set = cx.find_as::<Zset>(cx.key(args.at(1)))?;
    out.array(members.len());
    for score in zmscore(set, members) {
        match score {
            Some(score) => reply_score(score, out),
            None => out.null(),
        }
    }
    Ok(())
}

fn zmscore(set: Option<&Zset>, members: &[impl AsRef<[u8]>]) -> impl Iterator<Item = Option<f64>> {
    members.iter().map(move |member| set?.score(member.as_ref()))
}

fn zrank_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    rank_cmd(cx, args, "zrank", false, out)
}

fn zrevrank_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    rank_cmd(cx, args, "zrevrank", true, out)
}

fn rank_cmd(
    cx: &mut Ctx<'_>,
    args: Args<'_>,
    command: &str,
    reversed: bool,
    out: &mut dyn Reply,
) -> Result<()> {
    let with_score = match args.from(3) {
        [] => false,
        [option] if option.eq_ignore_ascii_case(b"WITHSCORE") => true,
        [_] => return Err(Error::SYNTAX),
        _ => return Err(Error::wrong_arity(command)),
    };
    match zrank(cx, cx.key(args.at(1)), args.at(2), reversed)? {
        Some((rank, score)) if with_score => {
            out.array(2);
            out.length(rank);
            reply_score(score, out);
        }
        Some((rank, _)) => out.length(rank),
        None if with_score => out.null_array(),
        None => out.null(),
    }
    Ok(())
}

fn zrank(cx: &mut Ctx<'_>, key: Key<'_>, member: &[u8], reversed: bool) -> Result<Option<(usize, f64)>> {
    let Some(set) = cx.find_as::<Zset>(key)? else { return Ok(None) };
    let found = set.rank(member);
    Ok(found.map(|(rank, score)| (if reversed { set.len() - 1 - rank } else { rank }, score)))
}

fn zrem_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(zrem(cx, cx.key(args.at(1)), args.from(2))?);
    Ok(())
}

fn zrem<M: AsRef<[u8]>>(cx: &mut Ctx<'_>, key: Key<'_>, members: &[M]) -> Result<usize> {
    let removed = cx.edit(key, "zrem", |set: &mut Zset| {
        let removed = members.iter().filter(|member| set.remove(member.as_ref())).count();
        Ok(if removed > 0 { Edit::Changed(removed) } else { Edit::Same(0) })
    })?;
    Ok(removed.unwrap_or(0))
}

/// A score that is a number.
fn checked(score: f64) -> Result<f64> {
    if score.is_nan() { Err(Error::NOT_FLOAT) } else { Ok(score) }
}

/// # Sorted sets
impl Store {
    /// Adds members to a sorted set, or gives them other scores (ZADD), and answers how many were added. Of two pairs
    /// with the same member the later one counts.
    ///
    /// # Errors
    ///
    /// `ERR value is not a valid float` for a score that is NaN, `WRONGTYPE` if the key holds another type; nothing
    /// changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.zadd("best", &[(310.0, "ada"), (250.0, "bob")])?, 2);
    /// assert_eq!(store.zadd("best", &[(270.0, "bob")])?, 0);
    /// assert_eq!(store.zscore("best", "bob")?, Some(270.0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zadd<M: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, members: &[(f64, M)]) -> Result<usize> {
        Ok(self.zadd_with(key, ZaddOptions::new(), members)?.added)
    }

    /// As [`zadd`](Store::zadd), with options (ZADD with NX, XX, GT, LT), and answers how many members were added and
    /// how many got another score (CH).
    ///
    /// # Errors
    ///
    /// As [`zadd`](Store::zadd).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Store, ZaddOptions};
    ///
    /// let store = Store::new();
    /// store.zadd("best", &[(310.0, "ada")])?;
    /// let outcome = store.zadd_with("best", ZaddOptions::new().if_missing(), &[(1.0, "ada"), (2.0, "bob")])?;
    /// assert_eq!((outcome.added, outcome.updated), (1, 0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zadd_with<M: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        options: ZaddOptions,
        members: &[(f64, M)],
    ) -> Result<ZaddOutcome> {
        for (score, _) in members {
            checked(*score)?;
        }
        let members = members.iter().map(|(score, member)| (*score, member.as_ref()));
        self.write_key(key.as_ref(), |cx, key| zadd(cx, key, options, members))
    }

    /// Adds a number to the score of a member (ZINCRBY) and answers the sum; a member that is not in the set counts as
    /// 0 and is added.
    ///
    /// # Errors
    ///
    /// `ERR value is not a valid float` for an increment that is NaN, `ERR resulting score is not a number (NaN)` where
    /// infinities of both signs meet, `WRONGTYPE` if the key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.zincrby("visits", 1.0, "/index")?, 1.0);
    /// assert_eq!(store.zincrby("visits", 1.5, "/index")?, 2.5);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zincrby(&self, key: impl AsRef<[u8]>, by: f64, member: impl AsRef<[u8]>) -> Result<f64> {
        let sum = self.zincrby_with(key, ZaddOptions::new(), by, member)?;
        Ok(sum.unwrap_or(by))
    }

    /// As [`zincrby`](Store::zincrby), with options (ZADD with INCR); `None` if they did not allow the new score.
    ///
    /// # Errors
    ///
    /// As [`zincrby`](Store::zincrby).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Store, ZaddOptions};
    ///
    /// let store = Store::new();
    /// store.zadd("visits", &[(1.0, "/index")])?;
    /// let known = ZaddOptions::new().if_exists();
    /// assert_eq!(store.zincrby_with("visits", known, 1.0, "/index")?, Some(2.0));
    /// assert_eq!(store.zincrby_with("visits", known, 1.0, "/other")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zincrby_with(
        &self,
        key: impl AsRef<[u8]>,
        options: ZaddOptions,
        by: f64,
        member: impl AsRef<[u8]>,
    ) -> Result<Option<f64>> {
        let by = checked(by)?;
        self.write_key(key.as_ref(), |cx, key| zincrby(cx, key, options, by, member.as_ref()))
    }

    /// Counts the members of a sorted set (ZCARD); 0 if it does not exist.
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
    /// assert_eq!(store.zcard("best")?, 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zcard(&self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.read_key(key.as_ref(), zcard)
    }

    /// Gives the score of a member of a sorted set (ZSCORE); `None` if there is no such member or no such set.
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
    /// assert_eq!(store.zscore("best", "ada")?, Some(310.0));
    /// assert_eq!(store.zscore("best", "eve")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zscore(&self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<Option<f64>> {
        self.read_key(key.as_ref(), |cx, key| zscore(cx, key, member.as_ref()))
    }

    /// Gives the scores of several members of a sorted set in their order (ZMSCORE); `None` for one that is not there.
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
    /// assert_eq!(store.zmscore("best", &["bob", "eve"])?, [Some(250.0), None]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zmscore<M: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, members: &[M]) -> Result<Vec<Option<f64>>> {
        self.read_key(key.as_ref(), |cx, key| Ok(zmscore(cx.find_as(key)?, members).collect()))
    }

    /// Gives the rank of a member of a sorted set (ZRANK): 0 for the lowest score, members of equal scores being in the
    /// order of their bytes. `None` if there is no such member or no such set.
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
    /// assert_eq!(store.zrank("best", "ada")?, Some(1));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrank(&self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<Option<usize>> {
        Ok(self.zrank_with_score(key, member)?.map(|(rank, _)| rank))
    }

    /// As [`zrank`](Store::zrank), with the member's score (ZRANK with WITHSCORE).
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
    /// assert_eq!(store.zrank_with_score("best", "ada")?, Some((1, 310.0)));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrank_with_score(
        &self,
        key: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
    ) -> Result<Option<(usize, f64)>> {
        self.read_key(key.as_ref(), |cx, key| zrank(cx, key, member.as_ref(), false))
    }

    /// Gives the rank of a member of a sorted set from the other end (ZREVRANK): 0 for the highest score, members of
    /// equal scores being in the reverse order of their bytes. `None` if there is no such member or no such set.
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
    /// assert_eq!(store.zrevrank("best", "ada")?, Some(0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrevrank(&self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<Option<usize>> {
        Ok(self.zrevrank_with_score(key, member)?.map(|(rank, _)| rank))
    }

    /// As [`zrevrank`](Store::zrevrank), with the member's score (ZREVRANK with WITHSCORE).
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
    /// assert_eq!(store.zrevrank_with_score("best", "bob")?, Some((1, 250.0)));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrevrank_with_score(
        &self,
        key: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
    ) -> Result<Option<(usize, f64)>> {
        self.read_key(key.as_ref(), |cx, key| zrank(cx, key, member.as_ref(), true))
    }

    /// Removes members from a sorted set (ZREM), and answers how many it had.
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
    /// assert_eq!(store.zrem("best", &["bob", "eve"])?, 1);
    /// assert_eq!(store.zcard("best")?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zrem<M: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, members: &[M]) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| zrem(cx, key, members))
    }
}
