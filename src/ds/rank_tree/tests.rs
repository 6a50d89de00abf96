//! The tree against a sorted list of the same pairs.

use proptest::prelude::*;

use super::*;
use crate::rng::Rng;

/// The invariants of the file's head.
fn check(tree: &RankTree<u32>) {
    fn walk(node: &Node<u32>, is_root: bool, leaves: &mut Vec<usize>, depth: usize) -> (u32, (f64, u32)) {
        assert!(node.width() > 0 && node.width() <= FULL, "2: a node of width {}", node.width());
        match node {
            Node::Leaf(leaf) => {
                leaves.push(depth);
                (leaf.len as u32, leaf.first())
            }
            Node::Inner(inner) => {
                assert!(inner.children.len() > 1, "2: an inner node with one child, root: {is_root}");
                assert_eq!(inner.firsts.len, inner.children.len());
                let mut sum = 0;
                for (at, child) in inner.children.iter().enumerate() {
                    let (count, (score, item)) = walk(child, false, leaves, depth + 1);
                    assert_eq!(inner.counts[at], count, "3: the count of child {at}");
                    assert_eq!(inner.firsts.items[at], item, "3: the first item of child {at}");
                    assert_eq!(inner.firsts.scores[at].to_bits(), score.to_bits(), "3: the first score");
                    sum += count;
                }
                (sum, inner.firsts.first())
            }
        }
    }
    let mut leaves = Vec::new();
    let count = tree.root.as_ref().map_or(0, |root| walk(root, true, &mut leaves, 0).0);
    assert_eq!(count as usize, tree.len());
    assert!(leaves.windows(2).all(|pair| pair[0] == pair[1]), "1: leaves at depths {leaves:?}");
}

/// A tree and the sorted list of what is in it. Items are in the order of their numbers, turned around, so that a
/// tree that compares numbers itself fails.
#[derive(Clone)]
struct Pair {
    tree: RankTree<u32>,
    model: Vec<(f64, u32)>,
}

fn item_order(item: u32) -> impl Fn(u32) -> Ordering {
    move |other| item.cmp(&other)
}

impl Pair {
    fn new() -> Pair {
        Pair { tree: RankTree::new(), model: Vec::new() }
    }

    fn place(&self, score: f64, item: u32) -> usize {
        self.model.partition_point(|&(other, of)| other < score || (other == score && of > item))
    }

    fn score_of(&self, item: u32) -> Option<f64> {
        self.model.iter().find(|(_, other)| *other == item).map(|(score, _)| *score)
    }

    /// Adds the item or gives it another score.
    fn set(&mut self, score: f64, item: u32) {
        match self.score_of(item) {
            Some(old) => {
                self.tree.rescore(old, score, item, item_order(item));
                let at = self.place(old, item);
                self.model.remove(at);
            }
            None => self.tree.insert(score, item, item_order(item)),
        }
        let at = self.place(score, item);
        self.model.insert(at, (score, item));
    }

    fn remove(&mut self, item: u32) {
        if let Some(score) = self.score_of(item) {
            self.tree.remove(score, item_order(item));
            let at = self.place(score, item);
            self.model.remove(at);
        }
    }

    fn remove_range(&mut self, start: usize, end: usize) {
        self.tree.remove_range(start..end);
        let end = end.min(self.model.len());
        self.model.drain(start.min(end)..end);
    }

    /// Everything that can be asked.
    fn compare(&self) {
        check(&self.tree);
        let bits = |(score, item): (f64, u32)| (score.to_bits(), item);
        let len = self.model.len();
        assert_eq!(self.tree.len(), len);
        let all = || self.tree.range(0..len);
        assert!(all().map(bits).eq(self.model.iter().copied().map(bits)), "forwards");
        assert!(all().rev().map(bits).eq(self.model.iter().copied().rev().map(bits)), "backwards");
        for (rank, &(score, item)) in self.model.iter().enumerate() {
            assert_eq!(self.tree.rank(score, item_order(item)), rank);
            assert_eq!(self.tree.get(rank).map(bits), Some(bits((score, item))));
        }
        assert_eq!(self.tree.get(len), None);
        let scores = self.model.iter().map(|pair| pair.0);
        for bound in scores.chain([f64::NEG_INFINITY, -0.0, 0.5, f64::INFINITY]) {
            let below = self.model.partition_point(|pair| pair.0 < bound);
            assert_eq!(self.tree.count_scores(|score| score < bound), below, "scores below {bound}");
            let most = self.model.partition_point(|pair| pair.0 <= bound);
            assert_eq!(self.tree.count_scores(|score| score <= bound), most, "scores up to {bound}");
        }
        for (start, end) in [(0, 1), (len / 3, len * 2 / 3), (len.saturating_sub(70), len + 5), (len, len)] {
            let expected = &self.model[start.min(len)..end.min(len)];
            let range = self.tree.range(start..end);
            assert_eq!(range.len(), expected.len());
            assert!(range.clone().map(bits).eq(expected.iter().copied().map(bits)));
            // From both ends in turns.
            let (mut range, mut rest) = (range, expected.iter().copied());
            for turn in 0.. {
                let (ours, theirs) = match turn % 3 {
                    0 => (range.next(), rest.next()),
                    1 => (range.next_back(), rest.next_back()),
                    _ => (range.nth(turn), rest.nth(turn)),
                };
                assert_eq!(ours.map(bits), theirs.map(bits), "turn {turn} of {start}..{end}");
                if theirs.is_none() {
                    break;
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(f64, u32),
    Remove(u32),
    RemoveRange(usize, usize),
    /// So many items of rising (or falling) scores, from a number on.
    Run(u32, u32, bool),
    /// So many items of one score.
    Crowd(f64, u32, u32),
    Rebuild,
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        (-5_i32..5).prop_map(f64::from),
        (-1000.0..1000.0),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (score(), 0_u32..300).prop_map(|(score, item)| Step::Set(score, item)),
        6 => (0_u32..300).prop_map(Step::Remove),
        2 => (0_usize..2000, 0_usize..200).prop_map(|(start, count)| Step::RemoveRange(start, start + count)),
        2 => (0_u32..1000, 1_u32..300, any::<bool>()).prop_map(|(from, count, up)| Step::Run(from, count, up)),
        1 => (score(), 0_u32..1000, 1_u32..200).prop_map(|(score, from, count)| Step::Crowd(score, from, count)),
        1 => Just(Step::Rebuild),
    ]
}

fn take(pair: &mut Pair, step: Step) {
    match step {
        Step::Set(score, item) => pair.set(score, item),
        Step::Remove(item) => pair.remove(item),
        Step::RemoveRange(start, end) => pair.remove_range(start, end),
        Step::Run(from, count, up) => {
            for n in 0..count {
                let score = f64::from(from) + f64::from(n) / 1000.0;
                pair.set(if up { score } else { -score }, from + n);
            }
        }
        Step::Crowd(score, from, count) => (from..from + count).for_each(|item| pair.set(score, item)),
        Step::Rebuild => pair.tree = RankTree::from_sorted(pair.model.iter().copied()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn any_steps_leave_what_a_sorted_list_has(steps in prop::collection::vec(step(), 1..60)) {
        let mut pair = Pair::new();
        for step in steps {
            take(&mut pair, step);
            check(&pair.tree);
        }
        pair.compare();
    }
}

/// Several levels deep, which the short sequences above do not reach.
#[test]
fn a_large_tree_grows_and_shrinks_in_any_order() {
    let mut rng = Rng::seeded(7);
    let mut tree = RankTree::new();
    let mut scores: Vec<(f64, u32)> = (0..60_000).map(|item| (rng.below(20_000) as f64, item)).collect();
    for &(score, item) in &scores {
        tree.insert(score, item, item_order(item));
    }
    check(&tree);
    scores.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    assert!(tree.range(0..scores.len()).eq(scores.iter().copied()));
    while !scores.is_empty() {
        let rank = rng.below(scores.len() as u64) as usize;
        let count = (rng.below(3) as usize * 600 + 1).min(scores.len() - rank);
        if count == 1 {
            let (score, item) = scores.remove(rank);
            assert_eq!(tree.rank(score, item_order(item)), rank);
            tree.remove(score, item_order(item));
        } else {
            scores.drain(rank..rank + count);
            tree.remove_range(rank..rank + count);
        }
        assert_eq!(tree.get(rank), scores.get(rank).copied());
    }
    check(&tree);
    assert_eq!((tree.len(), tree.memory()), (0, 0), "an empty tree owns nothing");
}

#[test]
fn a_build_of_any_size_is_a_valid_tree() {
    for len in (0..300).chain([3_135, 3_136, 3_137, 20_000]) {
        let pairs: Vec<(f64, u32)> = (0..len).map(|n| (f64::from(n / 3), u32::MAX - n)).collect();
        let tree = RankTree::from_sorted(pairs.iter().copied());
        check(&tree);
        assert!(tree.range(0..pairs.len()).eq(pairs.iter().copied()), "{len} pairs");
    }
}

#[test]
fn a_clone_is_not_changed_with_the_original() {
    let mut pair = Pair::new();
    take(&mut pair, Step::Run(0, 1000, true));
    let copy = pair.clone();
    take(&mut pair, Step::RemoveRange(100, 900));
    copy.compare();
    pair.compare();
}

#[test]
fn a_pair_takes_no_more_memory_than_the_head_says() {
    let mut rng = Rng::seeded(3);
    let mut rising = RankTree::new();
    let mut random = RankTree::new();
    for item in 0..100_000_u32 {
        rising.insert(f64::from(item), item, item_order(item));
        random.insert(rng.next_u64() as f64, item, item_order(item));
    }
    assert!(rising.memory() < 100_000 * 15, "rising: {}", rising.memory());
    assert!(random.memory() < 100_000 * 19, "random: {}", random.memory());
    let built = RankTree::from_sorted(rising.range(0..rising.len()));
    assert!(built.memory() < 100_000 * 15, "built: {}", built.memory());
}
