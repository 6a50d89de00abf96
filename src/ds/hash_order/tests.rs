//! The table against a list of pairs, with tags as an attacker would choose them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::rng::Rng;

/// The invariants of the file's head.
fn check<T, N: Default>(table: &HashOrder<T, N>) {
    let occupied: Vec<(usize, u32)> = (0..table.slots.len())
        .filter(|&at| table.slots[at].item.is_some())
        .map(|at| (at, table.slots[at].tag))
        .collect();
    assert_eq!(occupied.len(), table.len(), "the count is true");
    assert!(occupied.windows(2).all(|pair| pair[0].1 <= pair[1].1), "1: sorted by tag");
    for &(at, tag) in &occupied {
        let home = table.home(tag);
        assert!(home <= at, "1: {at} is before its home {home}");
        assert!((home..at).all(|before| table.slots[before].item.is_some()), "2: a gap before {at}");
    }
    if table.slots.is_empty() {
        assert_eq!(table.len(), 0);
    } else {
        let homes = 1_usize << table.bits;
        assert!(homes >= LEAST_HOMES && table.slots.len() > homes, "3: homes and a tail");
        assert!(table.len() * 16 <= homes * 13, "4: {} items in {homes} homes", table.len());
    }
}

/// A table and the list of what is in it.
#[derive(Default)]
struct Pair {
    table: HashOrder<(u32, u16)>,
    model: Vec<(u32, u16)>,
}

impl Pair {
    fn insert(&mut self, tag: u32, value: u16) {
        if self.model.contains(&(tag, value)) {
            return;
        }
        let at = self.table.insert(tag, (tag, value));
        assert_eq!(self.table.get(at), Some(&(tag, value)), "insert answers the position");
        assert_eq!(self.table.note(at), 0, "a new item has no note of the old one");
        self.table.set_note(at, u32::from(value));
        self.model.push((tag, value));
    }

    fn remove(&mut self, tag: u32, value: u16) {
        let at = self.table.find(tag, |item| *item == (tag, value));
        let place = self.model.iter().position(|item| *item == (tag, value));
        assert_eq!(at.is_some(), place.is_some(), "find of {tag} {value}");
        if let (Some(at), Some(place)) = (at, place) {
            assert_eq!(self.table.note(at), u32::from(value), "the note moves with its item");
            assert_eq!(self.table.remove(at), Some((tag, value)));
            self.model.swap_remove(place);
        }
    }

    /// Everything that can be asked.
    fn compare(&self, rng: &mut Rng) {
        check(&self.table);
        let mut expected = self.model.clone();
        expected.sort_unstable();
        let mut found: Vec<_> = self.table.iter().copied().collect();
        assert!(found.is_sorted_by_key(|item| item.0), "iter goes by rising tag");
        found.sort_unstable();
        assert_eq!(found, expected);
        for &(tag, value) in &expected {
            let at = self.table.find(tag, |item| *item == (tag, value)).unwrap();
            assert_eq!(self.table.get(at), Some(&(tag, value)));
            assert_eq!(self.table.find(tag, |_| false), None);
        }
        for tag in [0, 1, 1 << 31, u32::MAX].into_iter().chain(expected.iter().map(|item| item.0)) {
            let first = self.table.seek(tag).map(|(at, tag)| (self.table.get(at).unwrap().0, tag));
            let next = expected.iter().map(|item| item.0).find(|other| *other >= tag);
            assert_eq!(first, next.map(|tag| (tag, tag)), "the first item from {tag} on");
        }
        let drawn = self.table.random(rng).map(|at| *self.table.get(at).unwrap());
        assert_eq!(drawn.is_some(), !expected.is_empty());
        assert!(drawn.is_none_or(|item| expected.contains(&item)));
        assert_eq!(self.table.memory(), self.table.slots.capacity() * size_of::<Slot<(u32, u16), Note>>());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u32, u16),
    Remove(u32, u16),
    /// So many items of neighbouring tags.
    Crowd(u32, u16),
    /// Removes all but every `n`th item.
    Thin(usize),
}

/// Few tags often, the ends of the range often, clusters, and anything.
fn tag() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0),
        Just(u32::MAX),
        (0_u32..4).prop_map(|low| u32::MAX - low),
        (0_u32..8).prop_map(|low| (1 << 31) + low),
        (0_u32..16).prop_map(|high| high << 28),
        any::<u32>(),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (tag(), 0_u16..6).prop_map(|(tag, value)| Step::Insert(tag, value)),
        5 => (tag(), 0_u16..6).prop_map(|(tag, value)| Step::Remove(tag, value)),
        1 => (tag(), 1_u16..120).prop_map(|(tag, count)| Step::Crowd(tag, count)),
        1 => (1_usize..40).prop_map(Step::Thin),
    ]
}

fn take(pair: &mut Pair, step: Step) {
    match step {
        Step::Insert(tag, value) => pair.insert(tag, value),
        Step::Remove(tag, value) => pair.remove(tag, value),
        Step::Crowd(tag, count) => {
            for value in 0..count {
                pair.insert(tag.saturating_add(u32::from(value % 3)), value);
            }
        }
        Step::Thin(keep) => {
            for (at, (tag, value)) in pair.model.clone().into_iter().enumerate() {
                if at % keep != 0 {
                    pair.remove(tag, value);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_list_holds_whatever_the_tags(
        steps in prop::collection::vec(step(), 1..60),
        seed: u64,
    ) {
        let mut pair = Pair::default();
        let mut rng = Rng::seeded(seed);
        for step in steps {
            take(&mut pair, step);
            pair.compare(&mut rng);
        }
    }

    #[test]
    fn a_walk_by_tags_misses_nothing_that_stays(
        staying in prop::collection::vec((tag(), 100_u16..104), 0..150),
        steps in prop::collection::vec(step(), 0..80),
        batch in 1_usize..9,
    ) {
        let mut pair = Pair::default();
        let staying: BTreeSet<(u32, u16)> = staying.into_iter().collect();
        for &(tag, value) in &staying {
            pair.insert(tag, value);
        }
        let mut seen = BTreeSet::new();
        let mut steps = steps.into_iter();
        let mut cursor = Some(0);
        while let Some(from) = cursor {
            let mut next = pair.table.seek(from);
            let mut count = 0;
            let mut last = None;
            cursor = None;
            while let Some((at, tag)) = next {
                if count >= batch && last != Some(tag) {
                    cursor = Some(tag);
                    break;
                }
                seen.insert(*pair.table.get(at).unwrap());
                count += 1;
                last = Some(tag);
                next = pair.table.after(at);
            }
            for step in steps.by_ref().take(3) {
                match step {
                    Step::Thin(_) => {
                        let going = pair.model.iter().filter(|item| !staying.contains(item));
                        for (tag, value) in going.copied().collect::<Vec<_>>() {
                            pair.remove(tag, value);
                        }
                    }
                    Step::Remove(tag, value) if staying.contains(&(tag, value)) => {}
                    step => take(&mut pair, step),
                }
                check(&pair.table);
            }
        }
        prop_assert!(staying.is_subset(&seen), "missed {:?}", staying.difference(&seen));
    }
}

#[test]
fn a_crowd_at_the_end_of_the_range_makes_the_table_no_larger_than_its_items_need() {
    for tag in [u32::MAX, u32::MAX - 1, 0, 1 << 31] {
        let mut table = HashOrder::<_>::new();
        for value in 0..2_000_u32 {
            table.insert(tag, value);
        }
        check(&table);
        assert_eq!(table.len(), 2_000);
        assert!(table.slots.len() < 8_192, "{} slots for 2,000 items of tag {tag}", table.slots.len());
        for value in 0..2_000 {
            let at = table.find(tag, |item| *item == value).unwrap();
            table.remove(at);
        }
        check(&table);
        assert!(table.slots.len() < 200, "{} slots for none", table.slots.len());
    }
}

#[test]
fn it_grows_and_shrinks_with_its_items() {
    let mut table = HashOrder::<_>::new();
    assert_eq!(table.memory(), 0);
    let tag = |number: u32| number.wrapping_mul(0x9e37_79b9);
    for number in 0..10_000 {
        table.insert(tag(number), number);
    }
    check(&table);
    let most = table.memory();
    for number in 0..10_000 {
        let at = table.find(tag(number), |item| *item == number).unwrap();
        assert_eq!(table.remove(at), Some(number));
        if number % 97 == 0 {
            check(&table);
        }
    }
    check(&table);
    assert!(table.memory() * 50 < most, "{} bytes of {most} are left", table.memory());
}

#[test]
fn a_random_item_is_any_item_and_each_about_as_often() {
    let mut table = HashOrder::<_>::new();
    for number in 0..20_u32 {
        table.insert(number << 27, number);
    }
    let mut rng = Rng::seeded(7);
    let mut drawn = [0_u32; 20];
    for _ in 0..20_000 {
        let at = table.random(&mut rng).unwrap();
        drawn[*table.get(at).unwrap() as usize] += 1;
    }
    assert!(drawn.iter().all(|count| (800..1_200).contains(count)), "{drawn:?}");
    assert_eq!(HashOrder::<u8>::new().random(&mut rng), None);
}

#[test]
fn positions_that_hold_nothing_answer_nothing() {
    let mut table = HashOrder::<_>::new();
    assert_eq!(table.find(5, |_: &u8| true), None);
    assert_eq!(table.seek(0), None);
    assert_eq!(table.after(0), None);
    assert_eq!(table.remove(0), None);
    table.set_note(3, 1);
    let at = table.insert(5, 1_u8);
    assert_eq!(table.get(at + 1), None);
    assert_eq!(table.get_mut(1_000), None);
    assert_eq!(table.remove(at + 1), None);
    assert_eq!(table.after(usize::MAX - 1), None);
    assert_eq!(table.len(), 1);
}
