//! What a range of a sorted set is: from rank to rank, from score to score, or from member to member.

use std::ops::Range;

use crate::blob::Blob;
use crate::commands::Args;
use crate::ds::Zset;
use crate::error::{Error, Result};
use crate::num;

/// One end of a range of scores.
///
/// # Examples
///
/// ```
/// use redmoon::{ScoreBound, Store};
///
/// let store = Store::new();
/// store.zadd("best", &[(310.0, "ada"), (250.0, "bob"), (180.0, "eve")])?;
/// assert_eq!(store.zcount("best", 250.0, ScoreBound::HIGHEST)?, 2);
/// assert_eq!(store.zcount("best", ScoreBound::Exclusive(250.0), ScoreBound::HIGHEST)?, 1);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScoreBound {
    /// The score itself is in the range. An `f64` converts to this.
    Inclusive(f64),
    /// The score itself is not in the range, as with an opening parenthesis in a command.
    Exclusive(f64),
}

impl ScoreBound {
    /// No score is lower.
    pub const LOWEST: ScoreBound = ScoreBound::Inclusive(f64::NEG_INFINITY);
    /// No score is higher.
    pub const HIGHEST: ScoreBound = ScoreBound::Inclusive(f64::INFINITY);

    fn parse(text: &[u8]) -> Result<ScoreBound> {
        let (text, bound): (_, fn(f64) -> ScoreBound) = match text {
            [b'(', text @ ..] => (text, ScoreBound::Exclusive),
            text => (text, ScoreBound::Inclusive),
        };
        num::parse_score_bound(text).map(bound).ok_or(Error::BAD_SCORE_BOUND)
    }

    fn checked(self) -> Result<ScoreBound> {
        let (ScoreBound::Inclusive(score) | ScoreBound::Exclusive(score)) = self;
        if score.is_nan() { Err(Error::BAD_SCORE_BOUND) } else { Ok(self) }
    }

    /// Whether a score is below this as a lower end.
    fn is_above(self, score: f64) -> bool {
        match self {
            ScoreBound::Inclusive(bound) => score < bound,
            ScoreBound::Exclusive(bound) => score <= bound,
        }
    }

    /// Whether a score is not above this as an upper end.
    fn reaches(self, score: f64) -> bool {
        match self {
            ScoreBound::Inclusive(bound) => score <= bound,
            ScoreBound::Exclusive(bound) => score < bound,
        }
    }
}

impl From<f64> for ScoreBound {
    fn from(score: f64) -> ScoreBound {
        ScoreBound::Inclusive(score)
    }
}

/// One end of a range of members in the order of their bytes.
///
/// # Examples
///
/// ```
/// use redmoon::{LexBound, Store};
///
/// let store = Store::new();
/// store.zadd("names", &[(0.0, "ada"), (0.0, "bob"), (0.0, "eve")])?;
/// let names = store.zrangebylex("names", LexBound::Lowest, LexBound::exclusive("eve"))?;
/// assert_eq!(names, ["ada", "bob"]);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LexBound {
    /// Before every member (`-` in a command).
    Lowest,
    /// Behind every member (`+`).
    Highest,
    /// The member itself is in the range (`[`).
    Inclusive(Blob),
    /// The member itself is not in the range (`(`).
    Exclusive(Blob),
}

impl LexBound {
    /// The member itself is in the range.
    #[must_use]
    pub fn inclusive(member: impl AsRef<[u8]>) -> LexBound {
        LexBound::Inclusive(Blob::from(member.as_ref()))
    }

    /// The member itself is not in the range.
    #[must_use]
    pub fn exclusive(member: impl AsRef<[u8]>) -> LexBound {
        LexBound::Exclusive(Blob::from(member.as_ref()))
    }

    fn lex(&self) -> Lex<'_> {
        match self {
            LexBound::Lowest => Lex::Lowest,
            LexBound::Highest => Lex::Highest,
            LexBound::Inclusive(member) => Lex::Inclusive(member),
            LexBound::Exclusive(member) => Lex::Exclusive(member),
        }
    }
}

/// A [`LexBound`] that borrows its member.
#[derive(Clone, Copy)]
pub(super) enum Lex<'a> {
    Lowest,
    Highest,
    Inclusive(&'a [u8]),
    Exclusive(&'a [u8]),
}

impl<'a> Lex<'a> {
    fn parse(text: &'a [u8]) -> Result<Lex<'a>> {
        match text {
            // C code reads the signs up to a NUL.
            [b'-'] | [b'-', 0, ..] => Ok(Lex::Lowest),
            [b'+'] | [b'+', 0, ..] => Ok(Lex::Highest),
            [b'[', member @ ..] => Ok(Lex::Inclusive(member)),
            [b'(', member @ ..] => Ok(Lex::Exclusive(member)),
            _ => Err(Error::BAD_LEX_BOUND),
        }
    }

    /// Whether a member is below this as a lower end.
    fn is_above(self, member: &[u8]) -> bool {
        match self {
            Lex::Lowest => false,
            Lex::Highest => true,
            Lex::Inclusive(bound) => member < bound,
            Lex::Exclusive(bound) => member <= bound,
        }
    }

    /// Whether a member is not above this as an upper end.
    fn reaches(self, member: &[u8]) -> bool {
        match self {
            Lex::Lowest => false,
            Lex::Highest => true,
            Lex::Inclusive(bound) => member <= bound,
            Lex::Exclusive(bound) => member < bound,
        }
    }
}

/// From rank to rank, both included; negative ranks count from the end, -1 being the last.
///
/// # Examples
///
/// ```
/// use redmoon::{RankRange, Store};
///
/// let store = Store::new();
/// store.zadd("best", &[(310.0, "ada"), (250.0, "bob"), (180.0, "eve")])?;
/// let top = store.zrange_with("best", RankRange::new(0, 1).reversed())?;
/// assert_eq!(top, ["ada", "bob"]);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RankRange {
    start: i64,
    stop: i64,
    reversed: bool,
}

impl RankRange {
    /// The ranks from `start` to `stop`, counted from 0.
    #[must_use]
    pub fn new(start: i64, stop: i64) -> RankRange {
        RankRange { start, stop, reversed: false }
    }

    /// Counts the ranks from the highest score down, and gives the members in that order (REV).
    #[must_use]
    pub fn reversed(mut self) -> RankRange {
        self.reversed = true;
        self
    }
}

/// From score to score.
///
/// # Examples
///
/// ```
/// use redmoon::{ScoreBound, ScoreRange, Store};
///
/// let store = Store::new();
/// store.zadd("best", &[(310.0, "ada"), (250.0, "bob"), (180.0, "eve")])?;
/// let range = ScoreRange::new(200.0, ScoreBound::HIGHEST).reversed().limit(0, 1);
/// assert_eq!(store.zrange_with("best", range)?, ["ada"]);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScoreRange {
    min: ScoreBound,
    max: ScoreBound,
    reversed: bool,
    limit: Limit,
}

impl ScoreRange {
    /// The scores from `min` to `max`, in this order also when the members are given in reverse.
    #[must_use]
    pub fn new(min: impl Into<ScoreBound>, max: impl Into<ScoreBound>) -> ScoreRange {
        ScoreRange { min: min.into(), max: max.into(), reversed: false, limit: Limit::NONE }
    }

    /// Gives the members from the highest score down (REV).
    #[must_use]
    pub fn reversed(mut self) -> ScoreRange {
        self.reversed = true;
        self
    }

    /// Leaves the first `offset` members out and gives at most `count` (LIMIT).
    #[must_use]
    pub fn limit(mut self, offset: usize, count: usize) -> ScoreRange {
        self.limit = Limit::new(offset, count);
        self
    }
}

/// From member to member, in a set whose scores are all equal; in any other set it is not said what is in the range.
///
/// # Examples
///
/// ```
/// use redmoon::{LexBound, LexRange, Store};
///
/// let store = Store::new();
/// store.zadd("names", &[(0.0, "ada"), (0.0, "bob"), (0.0, "eve")])?;
/// let from_b = LexRange::new(LexBound::inclusive("b"), LexBound::Highest);
/// assert_eq!(store.zrange_with("names", from_b)?, ["bob", "eve"]);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LexRange {
    min: LexBound,
    max: LexBound,
    reversed: bool,
    limit: Limit,
}

impl LexRange {
    /// The members from `min` to `max`, in this order also when they are given in reverse.
    #[must_use]
    pub fn new(min: LexBound, max: LexBound) -> LexRange {
        LexRange { min, max, reversed: false, limit: Limit::NONE }
    }

    /// Gives the members from the last one back (REV).
    #[must_use]
    pub fn reversed(mut self) -> LexRange {
        self.reversed = true;
        self
    }

    /// Leaves the first `offset` members out and gives at most `count` (LIMIT).
    #[must_use]
    pub fn limit(mut self, offset: usize, count: usize) -> LexRange {
        self.limit = Limit::new(offset, count);
        self
    }
}

/// A range of a sorted set: each of the three sorts of range converts to it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ZrangeQuery {
    /// From rank to rank.
    Rank(RankRange),
    /// From score to score (BYSCORE).
    Score(ScoreRange),
    /// From member to member (BYLEX).
    Lex(LexRange),
}

impl From<RankRange> for ZrangeQuery {
    fn from(range: RankRange) -> ZrangeQuery {
        ZrangeQuery::Rank(range)
    }
}

impl From<ScoreRange> for ZrangeQuery {
    fn from(range: ScoreRange) -> ZrangeQuery {
        ZrangeQuery::Score(range)
    }
}

impl From<LexRange> for ZrangeQuery {
    fn from(range: LexRange) -> ZrangeQuery {
        ZrangeQuery::Lex(range)
    }
}

impl ZrangeQuery {
    pub(super) fn query(&self) -> Result<Query<'_>> {
        Ok(match self {
            ZrangeQuery::Rank(RankRange { start, stop, reversed }) => {
                Query { span: Span::Ranks(*start, *stop), reversed: *reversed, limit: Limit::NONE }
            }
            ZrangeQuery::Score(range) => Query {
                span: Span::scores(range.min, range.max)?,
                reversed: range.reversed,
                limit: range.limit,
            },
            ZrangeQuery::Lex(range) => Query {
                span: Span::members(&range.min, &range.max),
                reversed: range.reversed,
                limit: range.limit,
            },
        })
    }
}

/// What LIMIT says; a negative count is none at all, and behind a negative offset there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    offset: i64,
    count: i64,
}

impl Limit {
    const NONE: Limit = Limit { offset: 0, count: -1 };

    fn new(offset: usize, count: usize) -> Limit {
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        Limit { offset: number(offset), count: number(count) }
    }
}

/// What is between two ends, the lower one first.
pub(super) enum Span<'a> {
    Ranks(i64, i64),
    Scores(ScoreBound, ScoreBound),
    Members(Lex<'a>, Lex<'a>),
}

impl<'a> Span<'a> {
    pub(super) fn scores(min: ScoreBound, max: ScoreBound) -> Result<Span<'a>> {
        Ok(Span::Scores(min.checked()?, max.checked()?))
    }

    pub(super) fn members(min: &'a LexBound, max: &'a LexBound) -> Span<'a> {
        Span::Members(min.lex(), max.lex())
    }

    pub(super) fn parse(kind: Kind, args: Args<'a>, min: usize, max: usize) -> Result<Span<'a>> {
        Ok(match kind {
            Kind::Rank => Span::Ranks(args.integer(min)?, args.integer(max)?),
            Kind::Score => Span::Scores(ScoreBound::parse(args.at(min))?, ScoreBound::parse(args.at(max))?),
            Kind::Lex => Span::Members(Lex::parse(args.at(min))?, Lex::parse(args.at(max))?),
        })
    }

    /// The ranks of the members between the two ends, which count from the other end where they are ranks and
    /// `reversed`.
    pub(super) fn ranks(&self, set: &Zset, reversed: bool) -> Range<usize> {
        let (start, end) = match self {
            Span::Ranks(start, stop) => {
                let len = set.len();
                // Below 0 is what is before the first, which a range may include.
                let place = |rank: i64| {
                    let rank = if rank < 0 { rank.saturating_add_unsigned(len as u64) } else { rank };
                    usize::try_from(rank).ok()
                };
                let start = place(*start).unwrap_or(0).min(len);
                let end = place(*stop).map_or(0, |stop| stop.saturating_add(1)).min(len);
                if reversed { (len - end, len - start) } else { (start, end) }
            }
            Span::Scores(min, max) => {
                (set.count_scores(|score| min.is_above(score)), set.count_scores(|score| max.reaches(score)))
            }
            Span::Members(min, max) => (
                set.count_members(|member| min.is_above(member)),
                set.count_members(|member| max.reaches(member)),
            ),
        };
        start.min(end)..end
    }
}

/// What the ends of a range are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rank,
    Score,
    Lex,
}

/// What a command that gives a range leaves open to its options.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// `None` where BYSCORE and BYLEX say it.
    pub(super) kind: Option<Kind>,
    /// `None` where REV says it.
    pub(super) reversed: Option<bool>,
    /// Whether there is WITHSCORES.
    pub(super) with_scores: bool,
}

/// A range in one direction, and which part of it.
pub(super) struct Query<'a> {
    pub(super) span: Span<'a>,
    pub(super) reversed: bool,
    limit: Limit,
}

impl<'a> Query<'a> {
    /// Reads the ends of a range at `at` and the options behind them, and whether the scores are wanted.
    pub(super) fn parse(args: Args<'a>, at: usize, form: Form) -> Result<(Query<'a>, bool)> {
        let Form { mut kind, mut reversed, .. } = form;
        let mut limit = Limit::NONE;
        let mut with_scores = false;
        let mut option = at + 2;
        while option < args.len() {
            if form.with_scores && args.is(option, "WITHSCORES") {
                with_scores = true;
            } else if args.is(option, "LIMIT") && option + 2 < args.len() {
                limit = Limit { offset: args.integer(option + 1)?, count: args.integer(option + 2)? };
                option += 2;
            } else if reversed.is_none() && args.is(option, "REV") {
                reversed = Some(true);
            } else if kind.is_none() && args.is(option, "BYLEX") {
                kind = Some(Kind::Lex);
            } else if kind.is_none() && args.is(option, "BYSCORE") {
                kind = Some(Kind::Score);
            } else {
                return Err(Error::SYNTAX);
            }
            option += 1;
        }
        let (kind, reversed) = (kind.unwrap_or(Kind::Rank), reversed.unwrap_or(false));
        // A limit of -1, which is none, may stand there.
        if kind == Kind::Rank && limit.count != -1 {
            return Err(Error::ZRANGE_LIMIT_BY_RANK);
        }
        if kind == Kind::Lex && with_scores {
            return Err(Error::ZRANGE_SCORES_BY_LEX);
        }
        // In reverse the upper end is written first, but ranks count from the other end.
        let (min, max) = if reversed && kind != Kind::Rank { (at + 1, at) } else { (at, at + 1) };
        let span = Span::parse(kind, args, min, max)?;
        let limit = if kind == Kind::Rank { Limit::NONE } else { limit };
        Ok((Query { span, reversed, limit }, with_scores))
    }

    /// The ranks of the members that are asked for.
    pub(super) fn ranks(&self, set: &Zset) -> Range<usize> {
        let Range { start, end } = self.span.ranks(set, self.reversed);
        let len = end - start;
        let offset = usize::try_from(self.limit.offset).unwrap_or(usize::MAX).min(len);
        let count = usize::try_from(self.limit.count).unwrap_or(usize::MAX).min(len - offset);
        if self.reversed {
            end - offset - count..end - offset
        } else {
            start + offset..start + offset + count
        }
    }
}
