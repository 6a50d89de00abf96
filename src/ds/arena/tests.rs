//! The arena against a list of pairs.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The invariants of the file's head.
fn check(arena: &Arena, records: &BTreeMap<At, (Vec<u8>, Vec<u8>)>) {
    let mut blocks: Vec<(usize, usize)> = Vec::new();
    for (at, (key, value)) in records {
        assert_eq!(arena.record(*at), (&key[..], &value[..]));
        if at.apart().is_none() {
            blocks.push((at.0.get() as usize, arena.units(at.0)));
        }
    }
    let mut free = 0;
    for (units, &first) in arena.free.iter().enumerate() {
        let listed = arena.sizes[units / 64] >> (units % 64) & 1 == 1;
        assert_eq!(listed, first != 0, "4: the bit of {units}");
        let mut next = first;
        while let Some(unit) = NonZeroU32::new(next) {
            blocks.push((unit.get() as usize, units));
            free += units;
            next = u32::from_le_bytes(*arena.block(unit).first_chunk().unwrap());
        }
    }
    assert_eq!(free, arena.free_units);
    blocks.sort_unstable();
    let mut end = 1;
    for (unit, units) in blocks {
        assert_eq!(unit, end, "3: a block begins where the one before it ends");
        assert_eq!(unit >> PAGE_BITS, (unit + units - 1) >> PAGE_BITS, "a block is inside one page");
        end = unit + units;
    }
    if let Some((last, others)) = arena.pages.split_last() {
        assert!(others.iter().all(|page| page.len() == PAGE), "2: full pages");
        assert!(last.capacity() <= PAGE);
        assert_eq!((others.len() * PAGE + last.len()) / UNIT, end, "3: nothing else is in the pages");
    }
    assert_eq!(
        arena.apart.len(),
        arena.free_apart.len() + records.keys().filter(|at| at.apart().is_some()).count()
    );
}

#[derive(Clone, Debug)]
enum Step {
    Add(usize, usize),
    Remove(usize),
    Set(usize, usize),
    Write(usize),
    /// So many records of one length; all but every third of them go again.
    Crowd(usize, usize),
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        12 => 0_usize..40,
        2 => 250_usize..262,
        2 => 1_000_usize..4_200,
        1 => 4_080_usize..4_096,
        1 => Just(70_000),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (length(), length()).prop_map(|(key, value)| Step::Add(key, value)),
        4 => any::<usize>().prop_map(Step::Remove),
        4 => (any::<usize>(), length()).prop_map(|(which, value)| Step::Set(which, value)),
        2 => any::<usize>().prop_map(Step::Write),
        1 => (1_usize..300, 0_usize..400).prop_map(|(count, len)| Step::Crowd(count, len)),
    ]
}

#[derive(Default)]
struct Pair {
    arena: Arena,
    model: BTreeMap<At, (Vec<u8>, Vec<u8>)>,
    count: u8,
}

impl Pair {
    fn fill(&mut self, len: usize) -> Vec<u8> {
        self.count = self.count.wrapping_add(1);
        vec![self.count; len]
    }

    fn add(&mut self, key: usize, value: usize) -> At {
        let (key, value) = (self.fill(key), self.fill(value));
        let at = self.arena.add(&key, &value);
        assert!(self.arena.is(at, &key));
        assert!(!self.arena.is(at, &[&key[..], b"x"].concat()));
        assert_eq!(self.model.insert(at, (key, value)), None, "an address is not given twice");
        at
    }

    fn remove(&mut self, at: At) {
        self.model.remove(&at);
        self.arena.remove(at);
    }

    fn pick(&self, which: usize) -> Option<At> {
        self.model.keys().nth(which % self.model.len().max(1)).copied()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Add(key, value) => {
                self.add(key, value);
            }
            Step::Remove(which) => {
                if let Some(at) = self.pick(which) {
                    self.remove(at);
                }
            }
            Step::Set(which, len) => {
                if let Some(at) = self.pick(which) {
                    let value = self.fill(len);
                    let (key, old) = self.model.remove(&at).unwrap();
                    let now = self.arena.set_value(at, &value);
                    assert!(old.len() != len || now == at, "a value of the same length stays");
                    assert_eq!(self.model.insert(now, (key, value)), None);
                }
            }
            Step::Write(which) => {
                if let Some(at) = self.pick(which) {
                    let (_, value) = self.model.get_mut(&at).unwrap();
                    value.fill(7);
                    self.arena.value_mut(at).fill(7);
                }
            }
            Step::Crowd(count, len) => {
                let added: Vec<At> = (0..count).map(|_| self.add(len / 2, len)).collect();
                for (number, at) in added.into_iter().enumerate() {
                    if number % 3 != 0 {
                        self.remove(at);
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_map_holds_and_nothing_overlaps(steps in prop::collection::vec(step(), 1..120)) {
        let mut pair = Pair::default();
        let half = steps.len() / 2;
        let mut copy = None;
        for (number, step) in steps.into_iter().enumerate() {
            if number == half {
                copy = Some((pair.arena.clone(), pair.model.clone()));
            }
            pair.take(step);
            check(&pair.arena, &pair.model);
        }
        if let Some((arena, model)) = copy {
            check(&arena, &model);
            let mut copy = Pair { arena, model, count: 0 };
            (0..50).for_each(|len| { copy.add(len, len); });
            check(&copy.arena, &copy.model);
        }
        check(&pair.arena, &pair.model);
    }
}

#[test]
fn a_small_arena_takes_little_and_a_large_one_has_little_slack() {
    let mut arena = Arena::new();
    assert_eq!(arena.memory(), 0);
    arena.add(b"key", b"value");
    assert!(arena.memory() < 400, "{}", arena.memory());
    for (records, slack) in [(200, 2.0), (3_000, 1.6), (200_000, 1.2)] {
        let mut arena = Arena::new();
        for number in 0..records {
            arena.add(format!("{number:012}").as_bytes(), b"0123456789");
        }
        let each = arena.memory() as f64 / f64::from(records);
        assert!(each < 24.0 * slack, "{each} bytes a record of 22 bytes, of {records}");
    }
}

#[test]
fn what_is_freed_is_used_again() {
    let mut arena = Arena::new();
    let mut records: Vec<At> = (0..10_000).map(|_| arena.add(&[1; 100], &[2; 100])).collect();
    let before = arena.memory();
    for round in 0..20 {
        for at in records.drain(..) {
            arena.remove(at);
        }
        // Other lengths too, as long as they fit into what is free.
        let len = 100 - round * 5;
        records.extend((0..10_000).map(|_| arena.add(&[1; 100], &vec![2; len])));
    }
    assert!(arena.memory() < before + before / 4, "{} after {before}", arena.memory());
    assert!(!arena.is_sparse());
    for at in records.drain(500..) {
        arena.remove(at);
    }
    assert!(arena.is_sparse());
}

#[test]
fn a_record_apart_is_shared_with_a_copy_until_it_is_changed() {
    let mut arena = Arena::new();
    let at = arena.add(b"key", &[1; 100_000]);
    let mut copy = arena.clone();
    assert_eq!(arena.value(at).as_ptr(), copy.value(at).as_ptr());
    copy.value_mut(at)[5] = 2;
    assert_eq!((arena.value(at)[5], copy.value(at)[5]), (1, 2));
}
