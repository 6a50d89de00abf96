//! A sorted set in both forms against a sorted list.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::rng::Rng;

static LIMITS: LazyLock<Limits> =
    LazyLock::new(|| Limits { zset_entries: 12.into(), zset_value: 10.into(), seed: 5, ..Limits::default() });

/// A set and the sorted list of what is in it.
#[derive(Clone, Default)]
struct Pair {
    set: Zset,
    model: Vec<(Vec<u8>, f64)>,
    /// Whether the set must be large by now.
    is_large: bool,
}

fn text(item: Item<'_>) -> Vec<u8> {
    item.bytes(&mut itoa::Buffer::new()).to_vec()
}

impl Pair {
    fn add(&mut self, member: &[u8], score: f64) {
        let changed = self.set.change(member, &LIMITS, |_| Ok::<_, Infallible>(Some(score)));
        let Ok(changed) = changed;
        let old = self.model.iter().position(|(other, _)| other == member);
        match old.map(|at| self.model[at].1) {
            Some(same) if same == score => return assert!(!changed, "an equal score is no change"),
            Some(_) => drop(self.model.remove(old.unwrap())),
            None => {
                self.is_large |= self.model.len() + 1 > LIMITS.zset_entries.get()
                    || member.len() > LIMITS.zset_value.get();
            }
        }
        assert!(changed);
        self.put(member, score);
    }

    fn put(&mut self, member: &[u8], score: f64) {
        let at = self.model.partition_point(|(other, own)| {
            order(*own, score).then_with(|| other.as_slice().cmp(member)).is_lt()
        });
        // A small set forgets the sign of a zero.
        let score = if self.is_large { score } else { score + 0.0 };
        self.model.insert(at, (member.to_vec(), score));
    }

    fn remove(&mut self, member: &[u8]) {
        let at = self.model.iter().position(|(other, _)| other == member);
        assert_eq!(self.set.remove(member), at.is_some());
        at.map(|at| self.model.remove(at));
    }

    fn remove_range(&mut self, start: usize, count: usize) {
        self.set.remove_range(start..start + count);
        let end = (start + count).min(self.model.len());
        self.model.drain(start.min(end)..end);
    }

    /// Everything that can be asked.
    fn compare(&self) {
        let len = self.model.len();
        assert_eq!((self.set.len(), self.set.is_empty()), (len, len == 0));
        assert_eq!(self.set.encoding(), if self.is_large { "skiplist" } else { "listpack" });
        let pair = |(member, score): (Item<'_>, f64)| (text(member), score.to_bits());
        let own = |(member, score): &(Vec<u8>, f64)| (member.clone(), score.to_bits());
        let expected: Vec<_> = self.model.iter().map(own).collect();
        assert_eq!(self.set.iter().map(pair).collect::<Vec<_>>(), expected);
        assert!(self.set.iter().rev().map(pair).eq(expected.iter().rev().cloned()), "backwards");
        for (rank, (member, score)) in self.model.iter().enumerate() {
            assert_eq!(self.set.score(member).map(f64::to_bits), Some(score.to_bits()));
            assert_eq!(self.set.rank(member), Some((rank, *score)));
            assert_eq!(self.set.get(rank).map(pair), Some(own(&self.model[rank])));
        }
        assert_eq!(self.set.get(len), None);
        assert_eq!((self.set.score(b"absent"), self.set.rank(b"absent")), (None, None));
        for (start, end) in [(0, 3), (2, len), (len / 2, len + 9), (len, len + 1), (3, 1)] {
            let slice = &expected[start.min(end).min(len)..end.min(len)];
            assert!(self.set.range(start..end).map(pair).eq(slice.iter().cloned()), "{start}..{end}");
            assert_eq!(self.set.range(start..end).len(), slice.len());
        }
        for bound in [f64::NEG_INFINITY, -0.0, 1.0, 2.5, f64::INFINITY] {
            let below = self.model.iter().filter(|(_, score)| *score < bound).count();
            assert_eq!(self.set.count_scores(|score| score < bound), below);
        }
        let mut walked = BTreeSet::new();
        let mut cursor = 0;
        loop {
            cursor = self.set.walk(cursor, 3, |found| walked.extend([pair(found)]));
            if cursor == 0 {
                break;
            }
        }
        assert!(walked.into_iter().eq(expected.iter().cloned().collect::<BTreeSet<_>>()), "a walk");
        let drawn = self.set.random(&mut Rng::seeded(len as u64)).map(pair);
        assert_eq!(drawn.is_some(), len > 0);
        assert!(drawn.is_none_or(|drawn| expected.contains(&drawn)));
        for count in [0, 1, len / 4, len / 2, len, len + 1] {
            let sample = self.set.sample(count, &mut Rng::seeded(count as u64));
            let sample: BTreeSet<_> = sample.into_iter().map(pair).collect();
            assert_eq!(sample.len(), count.min(len), "so many different ones");
            assert!(sample.iter().all(|drawn| expected.contains(drawn)));
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>, f64),
    Remove(Vec<u8>),
    RemoveRange(usize, usize),
    /// So many members with rising scores.
    Run(u32),
    Copy,
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0_u32..20).prop_map(|number| number.to_string().into_bytes()),
        4 => (0_u8..20).prop_map(|letter| vec![b'a' + letter, b'x']),
        1 => Just(Vec::new()),
        1 => Just(b"-7".to_vec()),
        1 => Just(b"01".to_vec()),
        1 => Just(b"ten bytes!".to_vec()),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3_i32..4).prop_map(f64::from),
        2 => (-30_i32..40).prop_map(|tenth| f64::from(tenth) / 10.0),
        1 => Just(-0.0),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(1e300),
        1 => Just((1_u64 << 62) as f64),
        1 => Just((1_u64 << 63) as f64),
        // Its bytes spell an integer.
        1 => Just(f64::from_le_bytes(*b"12345678")),
    ]
}

fn step(large: bool) -> impl Strategy<Value = Step> {
    let long = if large { 1 } else { 0 };
    prop_oneof![
        12 => (member(), score()).prop_map(|(member, score)| Step::Add(member, score)),
        long => (score(), 20_usize..30).prop_map(|(score, length)| Step::Add(vec![b'm'; length], score)),
        long => (1_u32..60).prop_map(Step::Run),
        6 => member().prop_map(Step::Remove),
        1 => (0_usize..20, 0_usize..20).prop_map(|(start, count)| Step::RemoveRange(start, count)),
        1 => Just(Step::Copy),
    ]
}

fn run(steps: Vec<Step>) {
    let mut pair = Pair::default();
    let mut copies = Vec::new();
    for step in steps {
        match step {
            Step::Add(member, score) => pair.add(&member, score),
            Step::Remove(member) => pair.remove(&member),
            Step::RemoveRange(start, count) => pair.remove_range(start, count),
            Step::Run(count) => {
                (0..count).for_each(|n| pair.add(format!("m{n}").as_bytes(), f64::from(n) / 3.0));
            }
            Step::Copy => copies.push(pair.clone()),
        }
        pair.compare();
    }
    // What was copied is as it was.
    copies.iter().for_each(Pair::compare);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_steps_on_a_small_set_leave_what_a_sorted_list_has(
        steps in prop::collection::vec(step(false), 1..30)
    ) {
        run(steps);
    }

    #[test]
    fn any_steps_through_both_forms_leave_what_a_sorted_list_has(
        steps in prop::collection::vec(step(true), 1..60)
    ) {
        run(steps);
    }
}

#[test]
fn what_was_gathered_in_any_order_has_the_form_that_its_size_asks_for() {
    for (count, length, encoding) in
        [(12, 10, "listpack"), (13, 3, "skiplist"), (3, 11, "skiplist"), (0, 0, "listpack")]
    {
        let mut pair = Pair { is_large: encoding == "skiplist", ..Pair::default() };
        let mut gathered = Gathered::new(&LIMITS);
        for n in 0..count {
            let member = format!("{:0length$}", n * 7 % count).into_bytes();
            gathered.add(&member, f64::from(n % 5), |_, _| unreachable!("each is new"));
            gathered.add(&member, -1.0, |old, new| old * 2.0 + new);
            pair.put(&member, f64::from(n % 5 * 2) - 1.0);
        }
        pair.set = gathered.into_zset().packed(&LIMITS);
        pair.compare();
        assert_eq!(pair.set.encoding(), encoding);
    }
}

#[test]
fn a_copied_range_has_the_form_that_its_size_asks_for() {
    let mut pair = Pair::default();
    (0..40).for_each(|n| pair.add(format!("{n}").as_bytes(), f64::from(n % 7)));
    for (start, end, encoding) in [(3, 15, "listpack"), (3, 16, "skiplist"), (5, 5, "listpack")] {
        let copy = Pair {
            set: pair.set.copy_range(start..end, &LIMITS),
            model: pair.model[start..end].to_vec(),
            is_large: encoding == "skiplist",
        };
        copy.compare();
    }
}

#[test]
fn a_decision_against_a_change_leaves_a_shared_set_shared() {
    let mut pair = Pair::default();
    (0..40).for_each(|n| pair.add(format!("{n}").as_bytes(), f64::from(n)));
    let copy = pair.set.clone();
    let declined = pair.set.change(b"7", &LIMITS, |old| {
        assert_eq!(old, Some(7.0));
        Ok::<_, Infallible>(None)
    });
    assert_eq!(declined, Ok(false));
    assert_eq!(pair.set.change(b"new", &LIMITS, Err), Err(None));
    assert!(!pair.set.remove(b"absent"));
    let (Zset::Ranked(own), Zset::Ranked(copied)) = (&pair.set, &copy) else { panic!("both are large") };
    assert!(Arc::ptr_eq(own, copied));
}

/// Removing most of a large set moves its records; what is left is as it was, and its memory is given back.
#[test]
fn a_set_that_shrank_gives_memory_back() {
    let mut pair = Pair::default();
    for n in 0..20_000_u32 {
        let Ok(true) = pair.set.change(format!("member:{n}").as_bytes(), &LIMITS, |_| {
            Ok::<_, Infallible>(Some(f64::from(n % 1000)))
        }) else {
            panic!("each is new")
        };
    }
    let before = pair.set.memory();
    for n in (0..20_000_u32).filter(|n| n % 100 != 0) {
        assert!(pair.set.remove(format!("member:{n}").as_bytes()));
    }
    pair.is_large = true;
    (0..200).for_each(|n| pair.put(format!("member:{}", n * 100).as_bytes(), f64::from(n * 100 % 1000)));
    pair.compare();
    assert!(pair.set.memory() * 4 < before, "{} of {before} bytes are left", pair.set.memory());
    pair.remove_range(0, 150);
    pair.compare();
}
