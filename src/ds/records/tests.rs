//! The table against the standard library's.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::rng::Rng;

type Model = HashMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, usize),
    Remove(u16),
    Write(u16),
    Crowd(u16, u16),
    Thin(u16),
    Compact,
}

fn key(number: u16) -> Vec<u8> {
    // Some keys are long, one is empty.
    match number {
        0 => Vec::new(),
        _ if number.is_multiple_of(37) => vec![number as u8; usize::from(number)],
        _ => format!("key:{number}").into_bytes(),
    }
}

fn value(number: u16, len: usize) -> Vec<u8> {
    vec![number as u8; len]
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![10 => 0_usize..30, 2 => Just(8), 1 => 250_usize..260, 1 => 4_000_usize..5_000]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_u16..200, length()).prop_map(|(key, len)| Step::Insert(key, len)),
        5 => (0_u16..200).prop_map(Step::Remove),
        2 => (0_u16..200).prop_map(Step::Write),
        1 => (0_u16..1_000, 1_u16..400).prop_map(|(first, count)| Step::Crowd(first, count)),
        1 => (2_u16..20).prop_map(Step::Thin),
        1 => Just(Step::Compact),
    ]
}

struct Pair {
    records: Records,
    model: Model,
}

impl Pair {
    fn new(seed: u64) -> Pair {
        Pair { records: Records::new(seed), model: Model::new() }
    }

    fn insert(&mut self, number: u16, len: usize) {
        let (key, value) = (key(number), value(number, len));
        let (at, new) = self.records.insert(&key, &value);
        assert_eq!(self.records.record(at), (&key[..], &value[..]));
        assert_eq!(self.model.insert(key, value).is_none(), new);
    }

    fn remove(&mut self, key: &[u8], by_address: bool) {
        let was_there = self.model.remove(key).is_some();
        match self.records.find(key) {
            Some(at) if by_address => self.records.remove_at(at),
            found => {
                assert_eq!(found.is_some(), was_there);
                assert_eq!(self.records.remove(key), was_there);
            }
        }
    }

    fn take(&mut self, step: &Step, keeps: impl Fn(&[u8]) -> bool) {
        match *step {
            Step::Insert(number, len) => self.insert(number, len),
            Step::Remove(number) if keeps(&key(number)) => {}
            Step::Remove(number) => self.remove(&key(number), number.is_multiple_of(2)),
            Step::Write(number) => {
                if let Some(at) = self.records.find(&key(number)) {
                    self.records.value_mut(at).fill(3);
                    self.model.get_mut(&key(number)).unwrap().fill(3);
                }
            }
            Step::Crowd(first, count) => (first..first + count).for_each(|number| self.insert(number, 8)),
            Step::Thin(keep) => {
                let keys: Vec<Vec<u8>> = self.model.keys().cloned().collect();
                for (number, key) in keys.iter().enumerate() {
                    if number % usize::from(keep) != 0 && !keeps(key) {
                        self.remove(key, false);
                    }
                }
            }
            Step::Compact => {
                let before: HashMap<At, Vec<u8>> =
                    self.records.addresses().map(|at| (at, self.records.key(at).to_vec())).collect();
                let mut moves = Vec::new();
                self.records.compact(|old, new| moves.push((old, new)));
                assert_eq!(moves.len(), before.len());
                for (old, new) in moves {
                    assert_eq!(self.records.key(new), before[&old]);
                }
            }
        }
    }

    fn compare(&self, rng: &mut Rng) {
        assert_eq!(self.records.len(), self.model.len());
        let found: Model = self.records.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        assert_eq!(found, self.model);
        for (key, value) in &self.model {
            assert_eq!(self.records.find(key).map(|at| self.records.value(at)), Some(&value[..]));
        }
        assert_eq!(self.records.find(b"no such key"), None);
        let drawn = self.records.random(rng).map(|at| self.records.key(at).to_vec());
        assert_eq!(drawn.is_some(), !self.model.is_empty());
        assert!(drawn.is_none_or(|key| self.model.contains_key(&key)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_map_holds(steps in prop::collection::vec(step(), 1..100), seed: u64) {
        let mut pair = Pair::new(seed);
        let mut rng = Rng::seeded(seed);
        let half = steps.len() / 2;
        let mut copy = None;
        for (number, step) in steps.iter().enumerate() {
            if number == half {
                copy = Some(Pair { records: pair.records.clone(), model: pair.model.clone() });
            }
            pair.take(step, |_| false);
            pair.compare(&mut rng);
        }
        if let Some(mut copy) = copy {
            copy.compare(&mut rng);
            copy.take(&Step::Crowd(0, 300), |_| false);
            copy.compare(&mut rng);
        }
        pair.compare(&mut rng);
    }

    #[test]
    fn a_walk_misses_nothing_that_stays(
        staying in prop::collection::hash_set(0_u16..2_000, 0..300),
        steps in prop::collection::vec(step(), 0..120),
        count in 0_usize..20,
        seed: u64,
    ) {
        let mut pair = Pair::new(seed);
        let staying: HashSet<Vec<u8>> = staying.into_iter().map(|number| { pair.insert(number, 4); key(number) }).collect();
        let mut seen = HashSet::new();
        let mut steps = steps.iter();
        let mut cursor = 0;
        loop {
            cursor = pair.records.walk_addresses(cursor, count, |at| { seen.insert(pair.records.key(at).to_vec()); });
            if cursor == 0 {
                break;
            }
            for step in steps.by_ref().take(2) {
                pair.take(step, |key| staying.contains(key));
            }
        }
        prop_assert!(staying.is_subset(&seen));
    }
}

#[test]
fn a_walk_of_a_table_at_rest_sees_each_record_once() {
    let mut records = Records::new(9);
    for number in 0..1_000_u32 {
        records.insert(&number.to_le_bytes(), b"");
    }
    let (mut cursor, mut seen, mut calls) = (0, Vec::new(), 0);
    loop {
        cursor = records.walk_addresses(cursor, 10, |at| seen.push(records.key(at).to_vec()));
        calls += 1;
        if cursor == 0 {
            break;
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 1_000);
    assert!((95..=101).contains(&calls), "{calls} calls");
    assert_eq!(records.walk_addresses(u64::MAX, 10, |_| panic!("nothing is past the end")), 0);
    assert_eq!(Records::new(1).walk_addresses(0, 10, |_| panic!("nothing is there")), 0);
}

#[test]
fn a_record_takes_less_than_a_server_takes() {
    let mut records = Records::new(3);
    for number in 0..500_000_u32 {
        records.insert(format!("key:{number:08}").as_bytes(), b"0123456789");
    }
    let each = records.memory() as f64 / 5e5;
    assert!(each < 48.0, "{each} bytes a record");
    for number in 20_000..500_000_u32 {
        assert!(records.remove(format!("key:{number:08}").as_bytes()));
    }
    assert!(records.is_sparse());
    records.compact(|_, _| {});
    assert!(!records.is_sparse());
    assert!(records.memory() < 1_800_000, "{} bytes for 20,000 records", records.memory());
    for number in 0..20_000_u32 {
        assert!(records.remove(format!("key:{number:08}").as_bytes()));
    }
    assert!(records.memory() < 1_000, "{} bytes for none", records.memory());
}

#[test]
fn each_record_is_drawn_about_as_often() {
    let mut records = Records::new(5);
    for number in 0..16_u8 {
        records.insert(&[number], b"");
    }
    let mut rng = Rng::seeded(1);
    let mut drawn = [0_u32; 16];
    for _ in 0..16_000 {
        let at = records.random(&mut rng).unwrap();
        drawn[usize::from(records.key(at)[0])] += 1;
    }
    assert!(drawn.iter().all(|count| (800..1_200).contains(count)), "{drawn:?}");
    assert_eq!(Records::new(5).random(&mut rng), None);
}
