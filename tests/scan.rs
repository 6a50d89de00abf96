//! SCAN's promise: a key that is there from the first call to the last is returned, whatever comes and goes between
//! the calls, mass growth and mass removal included.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken harness must stop the test")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use redmoon::{Store, Value};

/// What happens between two calls of SCAN. The numbers name passing keys.
#[derive(Clone, Debug)]
enum Change {
    /// One key comes, or is written again.
    Insert(u16),
    /// One key goes.
    Delete(u16),
    /// So many keys come at once: tables grow.
    Grow(u16),
    /// All passing keys go at once: tables shrink, and positions move.
    Shrink,
    /// A passing key takes the name of another.
    Rename(u16, u16),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => any::<u16>().prop_map(|number| Change::Insert(number % 500)),
        6 => any::<u16>().prop_map(|number| Change::Delete(number % 500)),
        1 => (1u16..600).prop_map(Change::Grow),
        1 => Just(Change::Shrink),
        2 => (0u16..500, 0u16..500).prop_map(|(from, to)| Change::Rename(from, to)),
    ]
}

fn passing(number: u16) -> String {
    format!("passing:{number}")
}

fn staying(number: usize) -> String {
    format!("staying:{number}")
}

/// A store and the passing keys that it must hold.
struct Model {
    store: Store,
    passing: BTreeSet<String>,
}

impl Model {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Insert(number) => self.insert(*number),
            Change::Delete(number) => {
                let key = passing(*number);
                self.store.execute(&["DEL", &key]).expect("DEL");
                self.passing.remove(&key);
            }
            Change::Grow(count) => (0..*count).for_each(|number| self.insert(1000 + number)),
            Change::Shrink => {
                for key in std::mem::take(&mut self.passing) {
                    self.store.execute(&["UNLINK", &key]).expect("UNLINK");
                }
            }
            Change::Rename(from, to) => {
                let (from, to) = (passing(*from), passing(*to));
                if self.passing.contains(&from) {
                    self.store.execute(&["RENAME", &from, &to]).expect("RENAME");
                    self.passing.remove(&from);
                    self.passing.insert(to);
                }
            }
        }
    }

    fn insert(&mut self, number: u16) {
        let key = passing(number);
        self.store.set(&key, "value").expect("SET");
        self.passing.insert(key);
    }
}

/// One call: the next cursor and the keys found.
fn scan(store: &Store, cursor: &str, count: usize) -> (String, Vec<String>) {
    let count = count.to_string();
    let reply = store.execute(&["SCAN", cursor, "COUNT", &count]).expect("SCAN");
    let Value::Array(parts) = reply else { panic!("SCAN answers {reply:?}") };
    let [cursor, Value::Array(keys)] = parts.as_slice() else { panic!("SCAN answers {parts:?}") };
    let text = |value: &Value| {
        String::from_utf8(value.as_bytes().expect("a string").to_vec()).expect("names here are text")
    };
    (text(cursor), keys.iter().map(text).collect())
}

proptest! {
    // No file of past failures: the seeds of a failing run are printed, and the tree stays clean.
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scan_returns_every_key_that_stays(
        shards in prop_oneof![Just(1usize), Just(2), Just(8), Just(64)],
        stays in 0usize..400,
        passes in 0u16..400,
        count in prop_oneof![Just(1usize), Just(3), Just(10), Just(100)],
        // The changes between one call and the next.
        changes in prop::collection::vec(prop::collection::vec(change(), 0..4), 0..60),
    ) {
        let store = Store::builder().shards(shards).build();
        let mut model = Model { store: store.clone(), passing: BTreeSet::new() };
        // Passing and staying keys take turns, so that a removal moves both kinds.
        for number in 0..stays.max(usize::from(passes)) {
            if number < stays {
                store.set(staying(number), "value").expect("SET");
            }
            if number < usize::from(passes) {
                model.insert(number as u16);
            }
        }

        let mut ever: BTreeSet<String> = (0..stays).map(staying).chain(model.passing.iter().cloned()).collect();
        let mut seen = BTreeSet::new();
        let mut cursor = "0".to_owned();
        let mut between = changes.iter();
        let mut calls = 0;
        loop {
            let (next, found) = scan(&store, &cursor, count);
            seen.extend(found);
            cursor = next;
            if cursor == "0" {
                break;
            }
            for change in between.next().into_iter().flatten() {
                model.apply(change);
                ever.extend(model.passing.iter().cloned());
            }
            calls += 1;
            // Each call walks on; 20 times as many calls as there ever were keys is a scan that does not end.
            prop_assert!(calls < 1000 + 20 * (ever.len() + shards), "SCAN does not end");
        }

        let missed: Vec<String> = (0..stays).map(staying).filter(|key| !seen.contains(key)).collect();
        prop_assert!(missed.is_empty(), "SCAN missed keys that stayed: {missed:?}");
        let invented: Vec<&String> = seen.difference(&ever).collect();
        prop_assert!(invented.is_empty(), "SCAN returned keys that never were: {invented:?}");
    }
}

#[test]
fn scan_of_a_store_at_rest_returns_every_key_exactly_once() {
    for shards in [1, 4, 64] {
        let store = Store::builder().shards(shards).build();
        for number in 0..1000 {
            store.set(staying(number), "value").expect("SET");
        }
        let mut found = Vec::new();
        let mut cursor = "0".to_owned();
        loop {
            let (next, keys) = scan(&store, &cursor, 7);
            found.extend(keys);
            cursor = next;
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(found.len(), 1000, "with {shards} shards");
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 1000, "with {shards} shards");
    }
}
