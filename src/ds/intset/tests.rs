//! Sets of integers against the standard library's.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::rng::Rng;

fn check(set: &IntSet, model: &BTreeSet<i64>) {
    assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
    assert!(set.iter().eq(model.iter().copied()));
    assert!(set.iter().rev().eq(model.iter().rev().copied()));
    for (index, number) in model.iter().enumerate() {
        assert_eq!(set.get(index), Some(*number));
        assert!(set.contains(*number));
        for near in [number.wrapping_add(1), number.wrapping_sub(1)] {
            assert_eq!(set.contains(near), model.contains(&near));
        }
    }
    assert_eq!(set.get(model.len()), None);
    assert!(set.memory() >= set.len() * set.width());
}

#[test]
fn the_width_follows_the_widest_number_and_never_goes_down() {
    let mut set = IntSet::new();
    let mut model = BTreeSet::new();
    for (number, width) in [
        (0, 2),
        (i64::from(i16::MIN), 2),
        (i64::from(i16::MAX), 2),
        (i64::from(i16::MIN) - 1, 4),
        (i64::from(i32::MAX), 4),
        (i64::from(i32::MAX) + 1, 8),
        (i64::MIN, 8),
    ] {
        assert!(set.insert(number));
        assert!(!set.insert(number));
        model.insert(number);
        assert_eq!(set.width(), width, "with {number}");
        check(&set, &model);
    }
    for number in model.iter().rev() {
        assert!(set.remove(*number));
        assert!(!set.remove(*number));
    }
    assert_eq!((set.len(), set.width(), set.memory()), (0, 8, 24));
}

#[test]
fn a_random_number_is_any_and_each_about_as_often() {
    let mut rng = Rng::seeded(3);
    let mut set = IntSet::new();
    assert_eq!(set.random(&mut rng), None);
    for number in 0..10 {
        set.insert(number);
    }
    let mut drawn = [0; 10];
    for _ in 0..10_000 {
        drawn[set.random(&mut rng).unwrap() as usize] += 1;
    }
    assert!(drawn.iter().all(|count| (850..1_150).contains(count)), "{drawn:?}");
}

#[test]
fn a_clone_does_not_see_what_the_other_one_gets() {
    let mut one = IntSet::new();
    one.insert(5);
    let two = one.clone();
    one.insert(70_000);
    assert!(two.iter().eq([5]));
    assert!(one.iter().eq([5, 70_000]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_set_holds(
        steps in prop::collection::vec((any::<bool>(), any::<i64>(), 0_u32..64), 1..200),
    ) {
        let mut set = IntSet::new();
        let mut model = BTreeSet::new();
        for (adds, number, shift) in steps {
            // Shifted numbers are of all widths, and often the same.
            let number = number >> shift;
            if adds {
                prop_assert_eq!(set.insert(number), model.insert(number));
            } else {
                prop_assert_eq!(set.remove(number), model.remove(&number));
            }
        }
        check(&set, &model);
    }
}
