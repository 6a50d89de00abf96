//! The three forms against one map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::rng::Rng;

/// Low ones, so that few steps lead through all forms.
fn low() -> Limits {
    Limits { hash_entries: 6.into(), hash_value: 20.into(), ..Limits::default() }
}

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

#[derive(Clone, Debug)]
enum Step {
    Set(u8, Vec<u8>, bool),
    Change(u8, Vec<u8>),
    Remove(u8),
    Deadline(u8, Option<i64>),
    Purge(i64),
    Many(u8, u8),
    /// Removes most.
    Thin,
}

fn field(number: u8) -> Vec<u8> {
    match number {
        0 => Vec::new(),
        _ if number.is_multiple_of(3) => number.to_string().into_bytes(),
        _ => format!("field{number}").into_bytes(),
    }
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => "[a-c]{0,12}".prop_map(String::into_bytes),
        4 => any::<i32>().prop_map(|number| number.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_u8..12, value(), any::<bool>()).prop_map(|(field, value, keep)| Step::Set(field, value, keep)),
        3 => (0_u8..12, value()).prop_map(|(field, value)| Step::Change(field, value)),
        4 => (0_u8..12).prop_map(Step::Remove),
        4 => (0_u8..12, prop::option::of(-2_i64..20)).prop_map(|(field, at)| Step::Deadline(field, at)),
        2 => (-3_i64..20).prop_map(Step::Purge),
        1 => (0_u8..200, 0_u8..50).prop_map(|(first, count)| Step::Many(first, count)),
        1 => Just(Step::Thin),
    ]
}

struct Pair {
    hash: Hash,
    model: Model,
}

impl Pair {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Set(number, value, keep) => {
                let deadline = if *keep { Deadline::Kept } else { Deadline::Cleared };
                let is_new = self.hash.set(&field(*number), value, deadline, &low());
                let old = self.model.get(&field(*number)).map(|(_, deadline)| *deadline);
                assert_eq!(is_new, old.is_none());
                let deadline = old.flatten().filter(|_| *keep);
                self.model.insert(field(*number), (value.clone(), deadline));
            }
            Step::Change(number, value) => {
                let old = self.model.get(&field(*number)).cloned();
                let changed = self.hash.change(&field(*number), &low(), |found| {
                    assert_eq!(found.is_some(), old.is_some());
                    assert!(found.is_none_or(|found| found.is(&old.as_ref().unwrap().0)));
                    if value.is_empty() { Err(()) } else { Ok(value) }
                });
                assert_eq!(changed.is_err(), value.is_empty());
                if changed.is_ok() {
                    self.model
                        .insert(field(*number), (value.clone(), old.and_then(|(_, deadline)| deadline)));
                }
            }
            Step::Remove(number) => {
                assert_eq!(self.hash.remove(&field(*number)), self.model.remove(&field(*number)).is_some());
            }
            Step::Deadline(number, deadline) => {
                let found = self.model.get_mut(&field(*number));
                assert_eq!(self.hash.set_deadline(&field(*number), *deadline), found.is_some());
                if let Some((_, old)) = found {
                    *old = *deadline;
                }
            }
            Step::Purge(now) => {
                let before = self.model.len();
                self.model.retain(|_, (_, deadline)| deadline.is_none_or(|deadline| deadline >= *now));
                assert_eq!(self.hash.purge(*now), before - self.model.len());
            }
            Step::Many(first, count) => {
                for number in *first..first.saturating_add(*count) {
                    self.take(&Step::Set(number, vec![b'v'; 15], false));
                    if number % 4 == 1 {
                        self.take(&Step::Deadline(number, Some(i64::from(number % 16))));
                    }
                }
            }
            Step::Thin => (0..=u8::MAX).filter(|number| number % 9 != 0).for_each(|number| {
                self.take(&Step::Remove(number));
            }),
        }
    }

    fn compare(&self, now: i64, rng: &mut Rng) {
        let text = |item: Item<'_>| {
            let mut text = Vec::new();
            item.write(&mut text);
            text
        };
        let live: BTreeMap<&Vec<u8>, &Vec<u8>> = self
            .model
            .iter()
            .filter(|(_, (_, deadline))| deadline.is_none_or(|deadline| deadline >= now))
            .map(|(field, (value, _))| (field, value))
            .collect();
        let hash = &self.hash;
        assert_eq!(hash.is_empty(), self.model.is_empty());
        assert_eq!(hash.len(now), live.len());
        assert_eq!(hash.has_deadlines(), self.model.values().any(|(_, deadline)| deadline.is_some()));
        let deadlines: Option<Vec<i64>> = self.model.values().map(|(_, deadline)| *deadline).collect();
        assert_eq!(hash.end(), deadlines.and_then(|deadlines| deadlines.into_iter().max()));
        assert_eq!(hash.end().is_some_and(|end| end < now), live.is_empty() && !self.model.is_empty());

        let mut found = BTreeMap::new();
        hash.for_each(now, |field, value| assert_eq!(found.insert(text(field), text(value)), None));
        assert!(found.iter().eq(live.iter().map(|(&field, &value)| (field, value))));
        let (mut cursor, mut walked) = (0, BTreeMap::new());
        loop {
            cursor = hash.walk(cursor, 3, now, |field, value| {
                assert_eq!(walked.insert(text(field), text(value)), None);
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(walked, found);
        for number in 0..40 {
            let field = field(number);
            assert_eq!(hash.get(&field, now).map(text).as_ref(), live.get(&field).copied());
            let deadline = live.get(&field).map(|_| self.model[&field].1);
            assert_eq!(hash.deadline(&field, now), deadline);
        }
        match hash.random(rng, now) {
            Some((field, value)) => assert_eq!(live.get(&text(field)), Some(&&text(value))),
            None => assert!(live.is_empty()),
        }
        for count in [0, 1, 2, live.len(), live.len() + 3] {
            let sample: BTreeMap<_, _> = hash
                .sample(count, rng, now)
                .into_iter()
                .map(|(field, value)| (text(field), text(value)))
                .collect();
            assert_eq!(sample.len(), count.min(live.len()));
            assert!(sample.iter().all(|(field, value)| live.get(field) == Some(&value)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_form_holds_what_a_map_holds(steps in prop::collection::vec(step(), 1..60), now in -3_i64..20, seed: u64) {
        let mut pair = Pair { hash: Hash::default(), model: Model::new() };
        let mut rng = Rng::seeded(seed);
        let half = steps.len() / 2;
        let mut copy = None;
        for (number, step) in steps.iter().enumerate() {
            if number == half {
                copy = Some(Pair { hash: pair.hash.clone(), model: pair.model.clone() });
            }
            pair.take(step);
            pair.compare(now, &mut rng);
        }
        if let Some(copy) = copy {
            copy.compare(now, &mut rng);
        }
    }
}

fn filled(count: usize, limits: &Limits) -> Hash {
    let mut hash = Hash::default();
    for number in 0..count {
        hash.set(format!("field{number}").as_bytes(), b"1", Deadline::Cleared, limits);
    }
    hash
}

#[test]
fn a_hash_is_called_a_table_past_the_limits_and_stays_one() {
    let limits = Limits::default();
    let mut hash = filled(128, &limits);
    assert!(matches!(hash.0, Form::Packed(_)));
    hash.set(b"field0", b"2", Deadline::Cleared, &limits);
    assert!(matches!(hash.0, Form::Packed(_)));
    hash.set(b"one more", b"", Deadline::Cleared, &limits);
    assert!(matches!(hash.0, Form::Table(_)));
    assert_eq!((hash.encoding(), hash.len(0)), ("listpack", 129));

    let mut hash = filled(512, &limits);
    assert_eq!(hash.encoding(), "listpack");
    hash.set(b"field0", b"2", Deadline::Cleared, &limits);
    assert_eq!(hash.encoding(), "listpack");
    hash.set(b"one more", b"", Deadline::Cleared, &limits);
    assert_eq!(hash.encoding(), "hashtable");
    hash.remove(b"one more");
    assert_eq!((hash.encoding(), hash.len(0)), ("hashtable", 512));

    for fields in [3, 200] {
        for (field, value, encoding) in [(64, 64, "listpack"), (65, 1, "hashtable"), (1, 65, "hashtable")] {
            let mut hash = filled(fields, &limits);
            hash.set(&vec![b'f'; field], &vec![b'v'; value], Deadline::Cleared, &limits);
            assert_eq!(hash.encoding(), encoding, "{field} {value}");
            assert_eq!(hash.get(&vec![b'f'; field], 0).map(Item::len), Some(value));
        }
    }
    let hash = filled(5, &Limits { hash_entries: 4.into(), ..limits.clone() });
    assert_eq!(hash.encoding(), "hashtable");
}

#[test]
fn a_hash_with_deadlines_goes_the_same_way() {
    let limits = Limits::default();
    let mut hash = filled(128, &limits);
    assert!(hash.set_deadline(b"field7", Some(50)));
    assert_eq!(hash.encoding(), "listpackex");
    assert!(hash.set_deadline(b"field7", None));
    assert_eq!((hash.encoding(), hash.has_deadlines()), ("listpackex", false));
    assert!(hash.set_deadline(b"field9", Some(70)));
    hash.set(b"one more", b"x", Deadline::Cleared, &limits);
    assert!(matches!(hash.0, Form::Table(_)));
    assert_eq!(hash.encoding(), "listpackex");
    assert_eq!(hash.deadline(b"field9", 70), Some(Some(70)));
    assert_eq!(hash.deadline(b"field9", 71), None);
    assert_eq!((hash.len(70), hash.len(71), hash.purge(71), hash.len(0)), (129, 128, 1, 128));
    assert_eq!((hash.encoding(), hash.has_deadlines()), ("listpackex", false));
    assert!(!hash.set_deadline(b"no such field", Some(5)));

    let mut hash = filled(200, &limits);
    assert!(hash.set_deadline(b"field7", Some(50)));
    assert_eq!(hash.encoding(), "listpackex");
    hash.set(&[b'f'; 65], b"", Deadline::Cleared, &limits);
    assert_eq!((hash.encoding(), hash.deadline(b"field7", 0)), ("hashtable", Some(Some(50))));
}

#[test]
fn limits_without_bound_do_not_break_the_packed_form() {
    let limits =
        Limits { hash_entries: usize::MAX.into(), hash_value: usize::MAX.into(), ..Limits::default() };
    let mut hash = filled(20_000, &limits);
    assert!(hash.set_deadline(b"field5", Some(9)));
    assert_eq!((hash.len(9), hash.len(10), hash.deadline(b"field5", 0)), (20_000, 19_999, Some(Some(9))));
    let mut hash = filled(20, &limits);
    hash.set(b"long", &vec![b'v'; 100_000], Deadline::Cleared, &limits);
    assert_eq!((hash.encoding(), hash.get(b"long", 0).map(Item::len)), ("listpack", Some(100_000)));
}

#[test]
fn fields_with_deadlines_survive_a_table_that_becomes_sparse() {
    let limits = Limits::default();
    let mut hash = filled(5_000, &limits);
    for number in 0..100 {
        hash.set_deadline(format!("field{number}").as_bytes(), Some(number));
    }
    for number in 50..5_000 {
        assert!(hash.remove(format!("field{number}").as_bytes()));
    }
    assert_eq!((hash.len(0), hash.end()), (50, Some(49)));
    for number in 0..50 {
        assert_eq!(hash.deadline(format!("field{number}").as_bytes(), 0), Some(Some(number)));
    }
    assert_eq!(hash.purge(40), 40);
    assert!(hash.memory() < 20_000, "{} bytes for ten fields", hash.memory());
}

#[test]
fn picks_are_fair_also_where_most_fields_are_past_their_time() {
    let limits = Limits { hash_entries: 4.into(), ..Limits::default() };
    for (fields, due) in [(4, 0), (4, 2), (20, 0), (20, 16), (1_000, 996)] {
        let mut hash = filled(fields, &limits);
        for number in 0..due {
            hash.set_deadline(format!("field{number}").as_bytes(), Some(5));
        }
        let mut rng = Rng::seeded(3);
        let (mut one, mut two) = (BTreeMap::new(), BTreeMap::new());
        let rounds = 300 * (fields - due);
        for _ in 0..rounds {
            let number = |(field, _): super::Pair<'_>| field.bytes(&mut itoa::Buffer::new()).to_vec();
            *one.entry(hash.random(&mut rng, 6).map(number).unwrap()).or_insert(0) += 1;
            for pair in hash.sample(2, &mut rng, 6) {
                *two.entry(number(pair)).or_insert(0) += 1;
            }
        }
        assert_eq!((one.len(), two.len()), (fields - due, fields - due));
        assert!(one.values().all(|count| (225..375).contains(count)), "{fields} {due}: {one:?}");
        assert!(two.values().all(|count| (500..700).contains(count)), "{fields} {due}: {two:?}");
    }
}
