//! [`RankTree`]: pairs of a score and an item in order, each of which is found by its rank too.
//!
//! A B+tree: the pairs stand in the leaves, and an inner node holds, for each of its children, the first pair below it
//! and the number of pairs below it. So a descent by score (and, among equal scores, by the order of the items) sums up
//! a rank on its way, and a descent by rank needs no comparison. Scores stand in an array of their own in every node:
//! a search reads those alone until it meets an equal score.
//!
//! The order of the items is the caller's. It is asked for as a closure that says how an item compares with the one
//! that is looked for, and only where scores are equal. No two pairs are equal, and no score is NaN; 0 and -0 are equal
//! scores.
//!
//! # Invariants
//!
//! 1. Leaves are all at the same depth, and their pairs in order.
//! 2. No node is empty, and an inner node has at least two children.
//! 3. An inner node's pair and count for a child are the first pair and the number of pairs below that child. The
//!    pairs are therefore pairs of the tree, so the items in them may be asked for their order at any time.
//!
//! # Costs
//!
//! Insert, remove, rank, and the first pair of a range O(log n); each further pair of a range O(1) on the average, as a
//! descent leads to a whole leaf of 8 to 64 pairs. A build from pairs in order is O(n). A pair of a score and an item
//! of 4 bytes takes 14 bytes after rising inserts or a build, 18 after inserts in any order.
//!
//! Keeping counts in the inner nodes is the order-statistic tree of Cormen, Leiserson, Rivest and Stein, "Introduction
//! to Algorithms", chapter 14, on a B+tree instead of a red-black tree.

use std::cmp::Ordering;
use std::ops;

/// The most pairs of a node.
const FULL: usize = 64;
/// A node that a removal leaves with fewer pairs takes some of its neighbour's, or all.
const SPARSE: usize = FULL * 3 / 8;
/// Two neighbours become one node if they have no more pairs together. Some room is left, so that the next insert
/// does not split the node again.
const JOINED: usize = FULL * 7 / 8;
/// How many pairs a node keeps when a pair behind its last one splits it: rising inserts leave nodes behind that are
/// nearly full.
const KEPT: usize = FULL * 7 / 8;

#[derive(Clone)]
pub(crate) struct RankTree<T> {
    root: Option<Node<T>>,
    len: usize,
}

#[derive(Clone)]
enum Node<T> {
    Leaf(Box<Pairs<T>>),
    Inner(Box<Inner<T>>),
}

/// Pairs in order; what is behind `len` means nothing.
#[derive(Clone)]
struct Pairs<T> {
    len: usize,
    scores: [f64; FULL],
    items: [T; FULL],
}

#[derive(Clone)]
struct Inner<T> {
    /// The first pair below each child.
    firsts: Pairs<T>,
    /// The number of pairs below each child.
    counts: [u32; FULL],
    children: Vec<Node<T>>,
}

impl<T: Copy> Pairs<T> {
    fn one(score: f64, item: T) -> Pairs<T> {
        Pairs { len: 1, scores: [score; FULL], items: [item; FULL] }
    }

    #[inline]
    fn scores(&self) -> &[f64] {
        &self.scores[..self.len.min(FULL)]
    }

    #[inline]
    fn items(&self) -> &[T] {
        &self.items[..self.len.min(FULL)]
    }

    #[inline]
    fn first(&self) -> (f64, T) {
        (self.scores[0], self.items[0])
    }

    #[inline]
    fn set(&mut self, at: usize, (score, item): (f64, T)) {
        self.scores[at] = score;
        self.items[at] = item;
    }

    /// How many pairs stand before a place among those of a score: those of lower scores, and those of equal scores
    /// for whose items `before` holds.
    #[inline]
    fn count_before(&self, score: f64, mut before: impl FnMut(T) -> bool) -> usize {
        let scores = self.scores();
        // Looking at the last of each eight, and then at eight, is quicker than a search by halves, whose steps wait for
        // one another's memory.
        let below =
            |scores: &[f64]| scores.iter().map(|other| u64::from(*other < score)).sum::<u64>() as usize;
        let start = 8 * scores.chunks_exact(8).map(|eight| u64::from(eight[7] < score)).sum::<u64>() as usize;
        let low = start + below(&scores[start..scores.len().min(start + 8)]);
        if scores.get(low) != Some(&score) {
            return low;
        }
        let equal = scores[low..].partition_point(|other| *other == score);
        low + self.items[low..low + equal].partition_point(|item| before(*item))
    }

    /// Opens a gap of `count` pairs, whose contents mean nothing yet.
    fn open(&mut self, at: usize, count: usize) {
        self.scores.copy_within(at..self.len, at + count);
        self.items.copy_within(at..self.len, at + count);
        self.len += count;
    }

    fn close(&mut self, at: usize, count: usize) {
        self.scores.copy_within(at + count..self.len, at);
        self.items.copy_within(at + count..self.len, at);
        self.len -= count;
    }

    fn insert(&mut self, at: usize, pair: (f64, T)) {
        self.open(at, 1);
        self.set(at, pair);
    }

    /// Copies pairs of another node in.
    fn insert_from(&mut self, at: usize, other: &Pairs<T>, range: ops::Range<usize>) {
        let count = range.len();
        self.open(at, count);
        self.scores[at..at + count].copy_from_slice(&other.scores[range.clone()]);
        self.items[at..at + count].copy_from_slice(&other.items[range]);
    }

    /// Cuts the pairs from `at` on off.
    fn split_off(&mut self, at: usize) -> Pairs<T> {
        let mut right = Pairs { len: 0, scores: self.scores, items: self.items };
        right.insert_from(0, self, at..self.len);
        self.len = at;
        right
    }
}

impl<T: Copy> Inner<T> {
    /// A node over children that are not empty, at least one.
    fn over(children: Vec<Node<T>>) -> Inner<T> {
        let (score, item) = children[0].first();
        let mut inner = Inner { firsts: Pairs::one(score, item), counts: [0; FULL], children };
        inner.firsts.len = inner.children.len();
        (0..inner.children.len()).for_each(|at| inner.refresh(at));
        inner
    }

    /// Reads a child's first pair and its count anew.
    fn refresh(&mut self, at: usize) {
        self.firsts.set(at, self.children[at].first());
        self.counts[at] = self.children[at].count();
    }

    fn count(&self) -> u32 {
        self.counts[..self.children.len()].iter().sum()
    }

    /// The child that holds the pair of a rank below this node, and the rank below that child. A rank past the last
    /// pair is one below the last child.
    #[inline]
    fn child_of(&self, rank: usize) -> (usize, usize) {
        let mut left = rank;
        let last = self.children.len() - 1;
        for (at, count) in self.counts[..last].iter().enumerate() {
            let count = *count as usize;
            if left < count {
                return (at, left);
            }
            left -= count;
        }
        (last, left)
    }

    /// Puts a child in that is not empty.
    fn insert(&mut self, at: usize, child: Node<T>) {
        self.counts.copy_within(at..self.children.len(), at + 1);
        self.counts[at] = child.count();
        self.firsts.insert(at, child.first());
        self.children.insert(at, child);
    }

    fn split_off(&mut self, at: usize) -> Inner<T> {
        let mut right = Inner {
            firsts: self.firsts.split_off(at),
            counts: self.counts,
            children: self.children.split_off(at),
        };
        right.counts.copy_within(at..at + right.children.len(), 0);
        right
    }

    /// Moves children of another node in, to the front or behind the last.
    fn take_from(&mut self, at: usize, other: &mut Inner<T>, range: ops::Range<usize>) {
        let count = range.len();
        self.firsts.insert_from(at, &other.firsts, range.clone());
        self.counts.copy_within(at..self.children.len(), at + count);
        self.counts[at..at + count].copy_from_slice(&other.counts[range.clone()]);
        other.firsts.close(range.start, count);
        other.counts.copy_within(range.end..other.children.len(), range.start);
        self.children.splice(at..at, other.children.drain(range));
    }

    /// Sees to a child from which pairs were removed: a sparse one gets pairs of a neighbour, or becomes one with it.
    fn mend(&mut self, at: usize) {
        if self.children[at].width() >= SPARSE || self.children.len() < 2 {
            self.refresh(at);
            return;
        }
        let left = at.saturating_sub(1);
        let (before, after) = self.children.split_at_mut(left + 1);
        let (first, second) = (&mut before[left], &mut after[0]);
        let (widths, total) = ((first.width(), second.width()), first.width() + second.width());
        if total <= JOINED {
            first.take_from(widths.0, second, 0..widths.1);
            self.firsts.close(left + 1, 1);
            self.counts.copy_within(left + 2..self.children.len(), left + 1);
            self.children.remove(left + 1);
        } else {
            if widths.0 < widths.1 {
                first.take_from(widths.0, second, 0..total / 2 - widths.0);
            } else {
                second.take_from(0, first, total / 2..widths.0);
            }
            self.refresh(left + 1);
        }
        self.refresh(left);
    }
}

impl<T: Copy> Node<T> {
    #[inline]
    fn first(&self) -> (f64, T) {
        match self {
            Node::Leaf(pairs) => pairs.first(),
            Node::Inner(inner) => inner.firsts.first(),
        }
    }

    /// The number of pairs below this node.
    fn count(&self) -> u32 {
        match self {
            Node::Leaf(pairs) => pairs.len as u32,
            Node::Inner(inner) => inner.count(),
        }
    }

    /// The number of pairs or children in this node.
    fn width(&self) -> usize {
        match self {
            Node::Leaf(pairs) => pairs.len,
            Node::Inner(inner) => inner.children.len(),
        }
    }

    /// Moves pairs or children of a neighbour in.
    fn take_from(&mut self, at: usize, other: &mut Node<T>, range: ops::Range<usize>) {
        match (self, other) {
            (Node::Leaf(own), Node::Leaf(other)) => {
                own.insert_from(at, other, range.clone());
                other.close(range.start, range.len());
            }
            (Node::Inner(own), Node::Inner(other)) => own.take_from(at, other, range),
            _ => unreachable!("neighbours are at the same depth (1)"),
        }
    }

    /// Adds a pair where `seek` finds its place, and answers the right half of this node if it had to be split.
    fn insert(&mut self, pair: (f64, T), seek: &mut impl FnMut(&Pairs<T>) -> usize) -> Option<Node<T>> {
        match self {
            Node::Leaf(leaf) => {
                let at = seek(leaf);
                if leaf.len < FULL {
                    leaf.insert(at, pair);
                    return None;
                }
                let kept = if at == FULL { KEPT } else { FULL / 2 };
                let mut right = Box::new(leaf.split_off(kept));
                if at <= kept {
                    leaf.insert(at, pair);
                } else {
                    right.insert(at - kept, pair);
                }
                Some(Node::Leaf(right))
            }
            Node::Inner(inner) => {
                let at = seek(&inner.firsts).saturating_sub(1);
                let split = inner.children[at].insert(pair, seek);
                let Some(split) = split else {
                    inner.counts[at] += 1;
                    inner.firsts.set(at, inner.children[at].first());
                    return None;
                };
                inner.refresh(at);
                let at = at + 1;
                if inner.children.len() < FULL {
                    inner.insert(at, split);
                    return None;
                }
                let kept = if at == FULL { KEPT } else { FULL / 2 };
                let mut right = Box::new(inner.split_off(kept));
                if at <= kept {
                    inner.insert(at, split);
                } else {
                    right.insert(at - kept, split);
                }
                Some(Node::Inner(right))
            }
        }
    }

    /// Removes up to `most` pairs that follow one another in one leaf, from the one that `seek` leads to on. `seek`
    /// answers a position in a leaf, and the child to go on to in an inner node.
    fn remove(&mut self, most: usize, seek: &mut impl FnMut(Part<'_, T>) -> usize) -> usize {
        match self {
            Node::Leaf(leaf) => {
                let at = seek(Part::Leaf(leaf));
                let count = most.min(leaf.len - at);
                leaf.close(at, count);
                count
            }
            Node::Inner(inner) => {
                let at = seek(Part::Inner(inner));
                let count = inner.children[at].remove(most, seek);
                inner.mend(at);
                count
            }
        }
    }

    /// Gives the pair that `seek` leads to another score, if it keeps its place in its leaf whatever is in the
    /// neighbouring ones. Otherwise takes it out, if that leaves its leaf as it should be.
    fn rescore(
        &mut self,
        new: f64,
        seek: &mut impl FnMut(Part<'_, T>) -> usize,
        order: &impl Fn(T) -> Ordering,
    ) -> Rescored {
        match self {
            Node::Leaf(leaf) => {
                let at = seek(Part::Leaf(leaf));
                let old = leaf.scores[at];
                let keeps_before = match at.checked_sub(1) {
                    Some(before) => leaf.compare(before, new, order).is_lt(),
                    None => new >= old,
                };
                let keeps_after =
                    if at + 1 < leaf.len { leaf.compare(at + 1, new, order).is_gt() } else { new <= old };
                if keeps_before && keeps_after {
                    leaf.scores[at] = new;
                    Rescored::Done
                } else if leaf.len > SPARSE {
                    leaf.close(at, 1);
                    Rescored::Out
                } else {
                    Rescored::Same
                }
            }
            Node::Inner(inner) => {
                let at = seek(Part::Inner(inner));
                let done = inner.children[at].rescore(new, seek, order);
                if let Rescored::Out = done {
                    inner.counts[at] -= 1;
                }
                inner.firsts.set(at, inner.children[at].first());
                done
            }
        }
    }

    /// Bytes of this node and all below it.
    fn memory(&self) -> usize {
        let Node::Inner(inner) = self else { return size_of::<Pairs<T>>() };
        let own = size_of::<Inner<T>>() + inner.children.capacity() * size_of::<Node<T>>();
        let below = match inner.children.first() {
            Some(Node::Leaf(_)) => inner.children.len() * size_of::<Pairs<T>>(),
            _ => inner.children.iter().map(Node::memory).sum(),
        };
        own + below
    }
}

/// What became of a pair that was to have another score.
enum Rescored {
    /// It has it.
    Done,
    /// It is not in the tree any more.
    Out,
    /// It is where and what it was.
    Same,
}

/// A node on the way down to a pair that exists.
enum Part<'n, T> {
    Leaf(&'n Pairs<T>),
    Inner(&'n Inner<T>),
}

impl<T: Copy> Pairs<T> {
    /// How the pair at a position compares with one of this score, whose item `order` compares with others.
    fn compare(&self, at: usize, score: f64, order: &impl Fn(T) -> Ordering) -> Ordering {
        let by_score = self.scores[at].partial_cmp(&score).unwrap_or(Ordering::Equal);
        by_score.then_with(|| order(self.items[at]))
    }
}

/// A way down to the pair of this score and item.
fn to_pair<T: Copy>(score: f64, order: &impl Fn(T) -> Ordering) -> impl FnMut(Part<'_, T>) -> usize {
    move |part| {
        let pairs = match part {
            Part::Leaf(leaf) => leaf,
            Part::Inner(inner) => &inner.firsts,
        };
        // The last pair that is not past the one looked for.
        pairs.count_before(score, |item| order(item).is_le()).saturating_sub(1)
    }
}

/// A way down to the pair of a rank.
fn to_rank<T: Copy>(mut rank: usize) -> impl FnMut(Part<'_, T>) -> usize {
    move |part| match part {
        Part::Leaf(_) => rank,
        Part::Inner(inner) => {
            let at;
            (at, rank) = inner.child_of(rank);
            at
        }
    }
}

impl<T: Copy> RankTree<T> {
    pub(crate) const fn new() -> RankTree<T> {
        RankTree { root: None, len: 0 }
    }

    /// A tree of pairs that come in order.
    pub(crate) fn from_sorted(pairs: impl ExactSizeIterator<Item = (f64, T)>) -> RankTree<T> {
        let mut pairs = pairs.peekable();
        let mut sizes = even(pairs.len());
        let mut nodes = Vec::with_capacity(sizes.len());
        let mut len = 0;
        while let (Some(size), Some(&(score, item))) = (sizes.next(), pairs.peek()) {
            let mut leaf = Box::new(Pairs::one(score, item));
            leaf.len = 0;
            for pair in pairs.by_ref().take(size) {
                leaf.insert(leaf.len, pair);
            }
            len += leaf.len;
            nodes.push(Node::Leaf(leaf));
        }
        while nodes.len() > 1 {
            let sizes = even(nodes.len());
            let mut children = nodes.into_iter();
            nodes = sizes
                .map(|size| Node::Inner(Box::new(Inner::over(children.by_ref().take(size).collect()))))
                .collect();
        }
        RankTree { root: nodes.pop(), len }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that the tree has allocated.
    pub(crate) fn memory(&self) -> usize {
        self.root.as_ref().map_or(0, Node::memory)
    }

    /// Adds a pair that is not in the tree. `order` says how an item of the same score compares with the new one.
    pub(crate) fn insert(&mut self, score: f64, item: T, order: impl Fn(T) -> Ordering) {
        self.len += 1;
        let Some(root) = &mut self.root else {
            self.root = Some(Node::Leaf(Box::new(Pairs::one(score, item))));
            return;
        };
        let mut seek = |pairs: &Pairs<T>| pairs.count_before(score, |other| order(other).is_lt());
        if let Some(right) = root.insert((score, item), &mut seek)
            && let Some(left) = self.root.take()
        {
            self.root = Some(Node::Inner(Box::new(Inner::over(vec![left, right]))));
        }
    }

    /// Removes a pair that is in the tree. `order` says how an item of the same score compares with the pair's.
    pub(crate) fn remove(&mut self, score: f64, order: impl Fn(T) -> Ordering) {
        self.remove_run(1, &mut to_pair(score, &order));
    }

    /// Removes the pairs of a range of ranks.
    pub(crate) fn remove_range(&mut self, range: ops::Range<usize>) {
        let mut left = range.end.min(self.len).saturating_sub(range.start);
        while left > 0 {
            left -= self.remove_run(left, &mut to_rank(range.start));
        }
    }

    fn remove_run(&mut self, most: usize, seek: &mut impl FnMut(Part<'_, T>) -> usize) -> usize {
        let Some(root) = &mut self.root else { return 0 };
        let removed = root.remove(most, seek);
        self.len -= removed;
        if self.len == 0 {
            self.root = None;
        }
        while let Some(Node::Inner(inner)) = &mut self.root
            && inner.children.len() == 1
        {
            self.root = inner.children.pop();
        }
        removed
    }

    /// Gives a pair that is in the tree another score. `order` says how another item of the old or the new score
    /// compares with the pair's.
    pub(crate) fn rescore(&mut self, old: f64, new: f64, item: T, order: impl Fn(T) -> Ordering) {
        let Some(root) = &mut self.root else { return };
        match root.rescore(new, &mut to_pair(old, &order), &order) {
            Rescored::Done => return,
            Rescored::Out => self.len -= 1,
            Rescored::Same => self.remove(old, &order),
        }
        self.insert(new, item, &order);
    }

    /// The rank of a pair, counted from 0; of one that is not in the tree, the rank that it would have.
    pub(crate) fn rank(&self, score: f64, order: impl Fn(T) -> Ordering) -> usize {
        self.descend(|pairs| pairs.count_before(score, |other| order(other).is_lt()))
    }

    /// How many pairs have scores for which `before` holds. It must hold for none behind one for which it does not.
    pub(crate) fn count_scores(&self, mut before: impl FnMut(f64) -> bool) -> usize {
        self.descend(|pairs| pairs.scores().partition_point(|score| before(*score)))
    }

    /// How many pairs have items for which `before` holds. It must hold for none behind one for which it does not.
    pub(crate) fn count_items(&self, mut before: impl FnMut(T) -> bool) -> usize {
        self.descend(|pairs| pairs.items().partition_point(|item| before(*item)))
    }

    /// The rank of a place that `seek` finds among the pairs of a node as the number of pairs before it.
    #[inline]
    fn descend(&self, mut seek: impl FnMut(&Pairs<T>) -> usize) -> usize {
        let mut rank = 0;
        let mut next = self.root.as_ref();
        while let Some(node) = next {
            match node {
                Node::Leaf(leaf) => return rank + seek(leaf),
                Node::Inner(inner) => {
                    let at = seek(&inner.firsts).saturating_sub(1);
                    rank += inner.counts[..at].iter().sum::<u32>() as usize;
                    next = inner.children.get(at);
                }
            }
        }
        rank
    }

    /// The pair of a rank.
    #[inline]
    pub(crate) fn get(&self, rank: usize) -> Option<(f64, T)> {
        let (leaf, at) = self.leaf_of(rank)?;
        Some((leaf.scores[at], leaf.items[at]))
    }

    /// The leaf of the pair of a rank, and the pair's position in it.
    fn leaf_of(&self, rank: usize) -> Option<(&Pairs<T>, usize)> {
        if rank >= self.len {
            return None;
        }
        let (mut node, mut left) = (self.root.as_ref()?, rank);
        loop {
            match node {
                Node::Leaf(leaf) => return Some((leaf, left)),
                Node::Inner(inner) => {
                    let at;
                    (at, left) = inner.child_of(left);
                    node = inner.children.get(at)?;
                }
            }
        }
    }

    /// The pairs of a range of ranks.
    pub(crate) fn range(&self, range: ops::Range<usize>) -> Range<'_, T> {
        let end = range.end.min(self.len);
        Range { tree: self, ranks: range.start.min(end)..end, ahead: (&[], &[]), behind: (&[], &[]) }
    }
}

/// Sizes of groups that differ by one at most, for `count` things, none larger than a node that was just joined.
fn even(count: usize) -> impl ExactSizeIterator<Item = usize> {
    let groups = count.div_ceil(JOINED);
    (0..groups).map(move |group| count * (group + 1) / groups - count * group / groups)
}

/// The pairs of a range of ranks, from both ends.
#[derive(Clone)]
pub(crate) struct Range<'t, T> {
    tree: &'t RankTree<T>,
    ranks: ops::Range<usize>,
    /// What is left of the leaf at the front.
    ahead: (&'t [f64], &'t [T]),
    /// What is left of the leaf at the back.
    behind: (&'t [f64], &'t [T]),
}

impl<T: Copy> Iterator for Range<'_, T> {
    type Item = (f64, T);

    #[inline]
    fn next(&mut self) -> Option<(f64, T)> {
        let rank = self.ranks.next()?;
        if self.ahead.0.is_empty() {
            let (leaf, at) = self.tree.leaf_of(rank)?;
            self.ahead = (&leaf.scores()[at..], &leaf.items()[at..]);
        }
        let ((score, scores), (item, items)) = (self.ahead.0.split_first()?, self.ahead.1.split_first()?);
        self.ahead = (scores, items);
        Some((*score, *item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<(f64, T)> {
        if n >= self.ahead.0.len() {
            self.ahead = (&[], &[]);
            self.ranks.start = self.ranks.end.min(self.ranks.start.saturating_add(n));
        } else {
            self.ranks.start = self.ranks.end.min(self.ranks.start + n);
            self.ahead = (&self.ahead.0[n..], &self.ahead.1[n..]);
        }
        self.next()
    }
}

impl<T: Copy> DoubleEndedIterator for Range<'_, T> {
    #[inline]
    fn next_back(&mut self) -> Option<(f64, T)> {
        let rank = self.ranks.next_back()?;
        if self.behind.0.is_empty() {
            let (leaf, at) = self.tree.leaf_of(rank)?;
            self.behind = (&leaf.scores()[..=at], &leaf.items()[..=at]);
        }
        let ((score, scores), (item, items)) = (self.behind.0.split_last()?, self.behind.1.split_last()?);
        self.behind = (scores, items);
        Some((*score, *item))
    }
}

impl<T: Copy> ExactSizeIterator for Range<'_, T> {}

#[cfg(test)]
#[path = "rank_tree/tests.rs"]
mod tests;
