//! [`Zset`]: the value of a sorted set, members with scores in the order of scores and then of members.
//!
//! A small one is a [`Packed`] sequence of members and scores in that order. A large one is a table of members with
//! their scores ([`Records`]), and a [`RankTree`] over the addresses of those records.
//!
//! # Invariants
//!
//! 1. No score is NaN.
//! 2. A packed set has at most `zset_entries` members of at most `zset_value` bytes, in order. A large set is never
//!    packed again.
//! 3. A large set's tree has a pair for each record, of the score that is the record's value, bit by bit.
//!
//! # Costs
//!
//! Packed, all operations are O(n). Large, the score of a member is O(1), all that regards order O(log n), and each
//! further member of a range O(1). A copy shares everything until one of the two is changed. A member of a large set
//! takes 10 bytes more than its text in the record, 10 to 20 in the table and 14 to 18 in the tree.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::Limits;
use super::packed::{Item, Items, MOST_ITEMS, Packed};
use super::rank_tree::{self, RankTree};
use super::records::{At, Records};
use crate::num;
use crate::rng::Rng;

#[derive(Clone)]
pub(crate) enum Zset {
    Packed(Packed),
    Ranked(Arc<Ranked>),
}

const _: () = assert!(size_of::<Zset>() <= 16);

#[derive(Clone)]
pub(crate) struct Ranked {
    records: Records,
    tree: RankTree<At>,
}

/// A score as a packed set keeps it: an integer as such, any other as its eight bytes, behind another byte where those
/// happen to spell an integer. The sign of a zero is lost, as it is in Redis's small sorted sets.
struct Coded {
    bytes: [u8; 20],
    len: usize,
}

impl Coded {
    fn of(score: f64) -> Coded {
        /// The largest magnitude that is kept as an integer.
        const INTEGER: f64 = (1_u64 << 62) as f64;
        let mut coded = Coded { bytes: [0; 20], len: 0 };
        let integer = score as i64;
        if score.abs() <= INTEGER && integer as f64 == score {
            coded.put(0, itoa::Buffer::new().format(integer).as_bytes());
        } else {
            let raw = score.to_le_bytes();
            coded.put(usize::from(num::parse_i64(&raw).is_some()), &raw);
        }
        coded
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.len = at + bytes.len();
        self.bytes[at..self.len].copy_from_slice(bytes);
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline]
    fn read(item: Item<'_>) -> f64 {
        match item {
            Item::Int(number) => number as f64,
            Item::Bytes(bytes) => f64::from_le_bytes(bytes.last_chunk().copied().unwrap_or_default()),
        }
    }
}

/// The order of scores, which are no NaN; zeros of both signs are equal.
fn order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

/// How a packed member compares with a text.
fn compare(item: Item<'_>, text: &[u8]) -> Ordering {
    item.bytes(&mut itoa::Buffer::new()).cmp(text)
}

/// Whether a pair stands before the place of another score and member.
fn is_before(item: Item<'_>, own: f64, member: &[u8], score: f64) -> bool {
    own < score || (own == score && compare(item, member).is_lt())
}

/// The score behind a packed member, and the position of that score.
#[inline]
fn score_behind(packed: &Packed, member: usize) -> (f64, usize) {
    let at = packed.next(member).unwrap_or(member);
    (Coded::read(packed.at(at)), at)
}

/// The position of the first member that does not stand before a place: the end if there is none.
fn place(packed: &Packed, member: &[u8], score: f64) -> usize {
    let stands_before = |at: usize| is_before(packed.at(at), score_behind(packed, at).0, member, score);
    // Rising scores are common, and so is a place behind all.
    let last = packed.last().and_then(|score| packed.prev(score));
    if last.is_none_or(stands_before) {
        return packed.end();
    }
    let mut at = packed.first();
    while let Some(found) = at {
        let (own, score_at) = score_behind(packed, found);
        if !is_before(packed.at(found), own, member, score) {
            return found;
        }
        at = packed.next(score_at);
    }
    packed.end()
}

fn insert_packed(packed: &mut Packed, member: &[u8], score: f64) {
    let at = place(packed, member, score);
    let coded = Coded::of(score);
    if at == packed.end() {
        packed.push_back(member);
        packed.push_back(coded.bytes());
    } else {
        let at = packed.insert(at, coded.bytes());
        packed.insert(at, member);
    }
}

/// Gives the member at a position another score.
fn move_packed(packed: &mut Packed, at: usize, member: &[u8], score: f64) {
    let (_, score_at) = score_behind(packed, at);
    let stays_after = packed.prev(at).is_none_or(|score_before| {
        let before = packed.prev(score_before).unwrap_or(at);
        is_before(packed.at(before), Coded::read(packed.at(score_before)), member, score)
    });
    let stays_before = packed
        .next(score_at)
        .is_none_or(|after| !is_before(packed.at(after), score_behind(packed, after).0, member, score));
    if stays_after && stays_before {
        packed.replace(score_at, Coded::of(score).bytes());
    } else {
        packed.remove(at, 2);
        insert_packed(packed, member, score);
    }
}

impl Ranked {
    fn new(seed: u64) -> Ranked {
        Ranked { records: Records::new(seed), tree: RankTree::new() }
    }

    /// A set of records whose values are scores.
    fn of(records: Records) -> Ranked {
        let mut ranked = Ranked { records, tree: RankTree::new() };
        let mut pairs: Vec<(f64, At)> =
            ranked.records.addresses().map(|at| (ranked.score_at(at), at)).collect();
        let key = |at| ranked.records.key(at);
        pairs.sort_unstable_by(|a, b| order(a.0, b.0).then_with(|| key(a.1).cmp(key(b.1))));
        ranked.tree = RankTree::from_sorted(pairs.into_iter());
        ranked
    }

    #[inline]
    fn score_at(&self, at: At) -> f64 {
        f64::from_le_bytes(self.records.value(at).first_chunk().copied().unwrap_or_default())
    }

    fn pair(&self, at: At) -> (Item<'_>, f64) {
        (Item::Bytes(self.records.key(at)), self.score_at(at))
    }

    fn remove(&mut self, member: &[u8]) -> bool {
        let Some(at) = self.records.find(member) else { return false };
        let (score, records) = (self.score_at(at), &self.records);
        self.tree.remove(score, |other| records.key(other).cmp(member));
        self.records.remove_at(at);
        self.compact();
        true
    }

    fn remove_range(&mut self, ranks: Range<usize>) {
        let removed: Vec<At> = self.tree.range(ranks.clone()).map(|(_, at)| at).collect();
        self.tree.remove_range(ranks);
        removed.into_iter().for_each(|at| self.records.remove_at(at));
        self.compact();
    }

    /// Gives memory back if most of it became free.
    fn compact(&mut self) {
        if !self.records.is_sparse() {
            return;
        }
        let mut moves = Vec::with_capacity(self.records.len());
        self.records.compact(|old, new| moves.push((old, new)));
        moves.sort_unstable();
        let moved = |at: At| match moves.binary_search_by_key(&at, |(old, _)| *old) {
            Ok(found) => moves[found].1,
            Err(_) => at,
        };
        let pairs = self.tree.range(0..self.tree.len()).map(|(score, at)| (score, moved(at)));
        self.tree = RankTree::from_sorted(pairs);
    }
}

impl Default for Zset {
    fn default() -> Zset {
        Zset::Packed(Packed::new())
    }
}

impl Zset {
    pub(crate) fn len(&self) -> usize {
        match self {
            Zset::Packed(packed) => packed.len() / 2,
            Zset::Ranked(ranked) => ranked.tree.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What OBJECT ENCODING calls the form that it has.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Zset::Packed(_) => "listpack",
            Zset::Ranked(_) => "skiplist",
        }
    }

    /// Bytes that it has allocated.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Zset::Packed(packed) => packed.memory(),
            Zset::Ranked(ranked) => {
                size_of::<Ranked>() + 2 * size_of::<usize>() + ranked.records.memory() + ranked.tree.memory()
            }
        }
    }

    /// The score of a member.
    #[inline]
    pub(crate) fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Zset::Packed(packed) => {
                let at = packed.find(member, packed.first(), 2)?;
                Some(score_behind(packed, at).0)
            }
            Zset::Ranked(ranked) => Some(ranked.score_at(ranked.records.find(member)?)),
        }
    }

    /// Gives a member the score that `decide` answers, who is told the one that it has. `None` changes nothing, and a
    /// member that was not there is added otherwise. An equal score is left as it is, also if its zero has another
    /// sign. The answer is whether the set was changed.
    pub(crate) fn change<E>(
        &mut self,
        member: &[u8],
        limits: &Limits,
        decide: impl FnOnce(Option<f64>) -> Result<Option<f64>, E>,
    ) -> Result<bool, E> {
        match self {
            Zset::Packed(packed) => match packed.find(member, packed.first(), 2) {
                Some(at) => {
                    let old = score_behind(packed, at).0;
                    match decide(Some(old))? {
                        Some(score) if score != old => move_packed(packed, at, member, score),
                        _ => return Ok(false),
                    }
                }
                None => {
                    let Some(score) = decide(None)? else { return Ok(false) };
                    if packed.len() / 2 < most_packed(limits)
                        && member.len() <= limits.zset_value.get()
                        && packed.bytes_len() + member.len() < MOST_BYTES
                    {
                        insert_packed(packed, member, score);
                    } else {
                        self.unpack(limits.seed).insert(member, score);
                    }
                }
            },
            Zset::Ranked(ranked) => match ranked.records.find(member) {
                Some(at) => {
                    let old = ranked.score_at(at);
                    match decide(Some(old))? {
                        Some(score) if score != old => Arc::make_mut(ranked).rescore(at, member, old, score),
                        _ => return Ok(false),
                    }
                }
                None => {
                    let Some(score) = decide(None)? else { return Ok(false) };
                    Arc::make_mut(ranked).insert(member, score);
                }
            },
        }
        Ok(true)
    }

    /// Changes to the large form, and lends it out.
    fn unpack(&mut self, seed: u64) -> &mut Ranked {
        if let Zset::Packed(packed) = self {
            let mut ranked = Ranked::new(seed);
            ranked.append(Pairs::Packed(packed.iter()));
            *self = Zset::Ranked(Arc::new(ranked));
        }
        match self {
            Zset::Ranked(ranked) => Arc::make_mut(ranked),
            Zset::Packed(_) => unreachable!("the set was made large above"),
        }
    }

    /// A set of the members of a range of ranks, packed if they fit.
    pub(crate) fn copy_range(&self, ranks: Range<usize>, limits: &Limits) -> Zset {
        let pairs = self.range(ranks);
        if let Some(packed) = pack(pairs.clone(), limits) {
            return Zset::Packed(packed);
        }
        let mut ranked = Ranked::new(limits.seed);
        ranked.append(pairs);
        Zset::Ranked(Arc::new(ranked))
    }

    /// The same set, packed if it fits: for one that was just made.
    pub(crate) fn packed(self, limits: &Limits) -> Zset {
        match &self {
            Zset::Packed(_) => self,
            Zset::Ranked(_) => pack(self.iter(), limits).map_or(self, Zset::Packed),
        }
    }

    pub(crate) fn is_packed(&self) -> bool {
        matches!(self, Zset::Packed(_))
    }

    /// Removes a member; false if it is not there.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Zset::Packed(packed) => {
                let Some(at) = packed.find(member, packed.first(), 2) else { return false };
                packed.remove(at, 2);
                true
            }
            Zset::Ranked(ranked) => {
                // A shared set is not copied for a member that it does not have.
                ranked.records.find(member).is_some() && Arc::make_mut(ranked).remove(member)
            }
        }
    }

    /// Removes the members of a range of ranks.
    pub(crate) fn remove_range(&mut self, ranks: Range<usize>) {
        let ranks = self.within(ranks);
        match self {
            _ if ranks.is_empty() => {}
            Zset::Packed(packed) => {
                if let Some(at) = packed.seek(ranks.start * 2) {
                    packed.remove(at, ranks.len() * 2);
                }
            }
            Zset::Ranked(ranked) => Arc::make_mut(ranked).remove_range(ranks),
        }
    }

    /// The rank of a member, counted from 0, and its score.
    pub(crate) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            Zset::Packed(packed) => {
                let mut at = packed.first();
                let mut rank = 0;
                while let Some(found) = at {
                    let (score, score_at) = score_behind(packed, found);
                    if packed.at(found).is(member) {
                        return Some((rank, score));
                    }
                    rank += 1;
                    at = packed.next(score_at);
                }
                None
            }
            Zset::Ranked(ranked) => {
                let score = ranked.score_at(ranked.records.find(member)?);
                let rank = ranked.tree.rank(score, |other| ranked.records.key(other).cmp(member));
                Some((rank, score))
            }
        }
    }

    /// How many members have scores for which `before` holds: those up to the first for which it does not.
    pub(crate) fn count_scores(&self, mut before: impl FnMut(f64) -> bool) -> usize {
        match self {
            Zset::Packed(_) => self.range(0..self.len()).take_while(|(_, score)| before(*score)).count(),
            Zset::Ranked(ranked) => ranked.tree.count_scores(before),
        }
    }

    /// How many members there are for which `before` holds: those up to the first for which it does not. Meant for
    /// members of equal scores, which stand in the order of their bytes.
    pub(crate) fn count_members(&self, mut before: impl FnMut(&[u8]) -> bool) -> usize {
        match self {
            Zset::Packed(_) => self
                .range(0..self.len())
                .take_while(|(member, _)| before(member.bytes(&mut itoa::Buffer::new())))
                .count(),
            Zset::Ranked(ranked) => ranked.tree.count_items(|at| before(ranked.records.key(at))),
        }
    }

    /// The members and scores of a range of ranks, which may reach past the end.
    pub(crate) fn range(&self, ranks: Range<usize>) -> Pairs<'_> {
        let ranks = self.within(ranks);
        match self {
            Zset::Packed(packed) => {
                let mut items = packed.iter();
                if ranks.start > 0 {
                    items.nth(ranks.start * 2 - 1);
                }
                if ranks.end < packed.len() / 2 {
                    items.nth_back((packed.len() / 2 - ranks.end) * 2 - 1);
                }
                Pairs::Packed(items)
            }
            Zset::Ranked(ranked) => Pairs::Ranked(ranked.tree.range(ranks), &ranked.records),
        }
    }

    /// All members and scores, in order.
    pub(crate) fn iter(&self) -> Pairs<'_> {
        self.range(0..self.len())
    }

    fn within(&self, ranks: Range<usize>) -> Range<usize> {
        let end = ranks.end.min(self.len());
        ranks.start.min(end)..end
    }

    /// The member of a rank.
    pub(crate) fn get(&self, rank: usize) -> Option<(Item<'_>, f64)> {
        match self {
            Zset::Packed(packed) => {
                let at = packed.seek(rank.checked_mul(2)?)?;
                Some((packed.at(at), score_behind(packed, at).0))
            }
            Zset::Ranked(ranked) => {
                let (score, at) = ranked.tree.get(rank)?;
                Some((Item::Bytes(ranked.records.key(at)), score))
            }
        }
    }

    /// Any member, each as likely as any other.
    pub(crate) fn random(&self, rng: &mut Rng) -> Option<(Item<'_>, f64)> {
        match self {
            Zset::Packed(_) => self.get(rng.below(self.len() as u64) as usize),
            Zset::Ranked(ranked) => Some(ranked.pair(ranked.records.random(rng)?)),
        }
    }

    /// Up to `count` different members, each as likely as any other; all if there are not as many.
    pub(crate) fn sample(&self, count: usize, rng: &mut Rng) -> Vec<(Item<'_>, f64)> {
        if let Zset::Ranked(ranked) = self
            && count < self.len() / 3
        {
            let mut drawn = HashSet::with_capacity_and_hasher(count, FixedState::default());
            let draws = std::iter::from_fn(|| ranked.records.random(rng)).filter(|at| drawn.insert(*at));
            return draws.take(count).map(|at| ranked.pair(at)).collect();
        }
        // Each is taken with the chance that the rest of the sample needs of the rest of the members: Donald Knuth,
        // "The Art of Computer Programming", volume 2, 3.4.2, algorithm S.
        let (mut left, mut wanted) = (self.len(), count.min(self.len()));
        let mut sample = Vec::with_capacity(wanted);
        for pair in self.iter().rev() {
            if (rng.below(left as u64) as usize) < wanted {
                sample.push(pair);
                wanted -= 1;
            }
            left -= 1;
        }
        sample
    }

    /// One step of a walk, as [`Records::walk`]. A packed set is given as a whole.
    pub(crate) fn walk<'z>(
        &'z self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut((Item<'z>, f64)),
    ) -> u64 {
        match self {
            Zset::Packed(_) => {
                self.iter().for_each(visit);
                0
            }
            Zset::Ranked(ranked) => ranked.records.walk_addresses(cursor, count, |at| visit(ranked.pair(at))),
        }
    }
}

/// The most bytes that a packed set may take, whatever the limits are.
const MOST_BYTES: usize = 1 << 30;

/// The most members that a packed set may have.
fn most_packed(limits: &Limits) -> usize {
    limits.zset_entries.get().min(MOST_ITEMS / 2)
}

/// The packed form of members in order, if they fit.
fn pack(pairs: Pairs<'_>, limits: &Limits) -> Option<Packed> {
    let mut bytes = 0;
    let mut fits = |(member, _): (Item<'_>, f64)| {
        bytes += member.len();
        member.len() <= limits.zset_value.get() && bytes < MOST_BYTES
    };
    if pairs.len() > most_packed(limits) || !pairs.clone().all(&mut fits) {
        return None;
    }
    let mut packed = Packed::new();
    for (member, score) in pairs {
        packed.push_back(member.bytes(&mut itoa::Buffer::new()));
        packed.push_back(Coded::of(score).bytes());
    }
    Some(packed)
}

/// Members with scores on their way into a set, in any order.
pub(crate) struct Gathered(Records);

impl Gathered {
    pub(crate) fn new(limits: &Limits) -> Gathered {
        Gathered(Records::new(limits.seed))
    }

    /// Adds a member, or gives the one that is there what `join` makes of its score and this one.
    pub(crate) fn add(&mut self, member: &[u8], score: f64, join: impl FnOnce(f64, f64) -> f64) {
        match self.0.find(member) {
            Some(at) => {
                let old = f64::from_le_bytes(self.0.value(at).first_chunk().copied().unwrap_or_default());
                self.0.value_mut(at).copy_from_slice(&join(old, score).to_le_bytes());
            }
            None => drop(self.0.insert(member, &score.to_le_bytes())),
        }
    }

    /// A set of them, which is large whatever its size. No score may be NaN.
    pub(crate) fn into_zset(self) -> Zset {
        Zset::Ranked(Arc::new(Ranked::of(self.0)))
    }
}

impl Ranked {
    /// Fills an empty set with members in order.
    fn append(&mut self, pairs: Pairs<'_>) {
        let records = &mut self.records;
        let mut spelled = itoa::Buffer::new();
        self.tree = RankTree::from_sorted(pairs.map(|(member, score)| {
            let member = member.bytes(&mut spelled);
            (score, records.insert(member, &score.to_le_bytes()).0)
        }));
    }

    /// Adds a member that is not there.
    fn insert(&mut self, member: &[u8], score: f64) {
        let (at, _) = self.records.insert(member, &score.to_le_bytes());
        let records = &self.records;
        self.tree.insert(score, at, |other| records.key(other).cmp(member));
    }

    fn rescore(&mut self, at: At, member: &[u8], old: f64, new: f64) {
        self.records.value_mut(at).copy_from_slice(&new.to_le_bytes());
        let records = &self.records;
        self.tree.rescore(old, new, at, |other| {
            if other == at { Ordering::Equal } else { records.key(other).cmp(member) }
        });
    }
}

/// Members and scores of a range, from both ends.
#[derive(Clone)]
pub(crate) enum Pairs<'z> {
    Packed(Items<'z>),
    Ranked(rank_tree::Range<'z, At>, &'z Records),
}

impl<'z> Iterator for Pairs<'z> {
    type Item = (Item<'z>, f64);

    #[inline]
    fn next(&mut self) -> Option<(Item<'z>, f64)> {
        match self {
            Pairs::Packed(items) => {
                let member = items.next()?;
                Some((member, Coded::read(items.next()?)))
            }
            Pairs::Ranked(range, records) => {
                let (score, at) = range.next()?;
                Some((Item::Bytes(records.key(at)), score))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = match self {
            Pairs::Packed(items) => items.len() / 2,
            Pairs::Ranked(range, _) => range.len(),
        };
        (len, Some(len))
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Pairs::Packed(items) => {
                let score = Coded::read(items.next_back()?);
                Some((items.next_back()?, score))
            }
            Pairs::Ranked(range, records) => {
                let (score, at) = range.next_back()?;
                Some((Item::Bytes(records.key(at)), score))
            }
        }
    }
}

impl ExactSizeIterator for Pairs<'_> {}

#[cfg(test)]
#[path = "zset/tests.rs"]
mod tests;
