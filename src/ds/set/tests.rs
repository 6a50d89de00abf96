//! Sets against the standard library's, and their forms at the limits.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::rng::Rng;

type Model = BTreeSet<Vec<u8>>;

fn text(member: Item<'_>) -> Vec<u8> {
    member.bytes(&mut itoa::Buffer::new()).to_vec()
}

fn model(set: &Set) -> Model {
    let model: Model = set.iter().map(text).collect();
    assert_eq!(model.len(), set.len(), "a member is there twice");
    model
}

fn form(set: &Set) -> &'static str {
    match set {
        Set::Empty => "empty",
        Set::Ints(_) => "ints",
        Set::Packed(_) => "packed",
        Set::Table(_) => "table",
    }
}

fn of(members: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Set {
    within(&Limits::default(), members)
}

fn within(limits: &Limits, members: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Set {
    let mut set = Set::default();
    for member in members {
        set.insert(member.as_ref(), limits);
    }
    set
}

fn numbers(range: std::ops::Range<i32>) -> Set {
    of(range.map(|number| number.to_string()))
}

fn words(range: std::ops::Range<i32>) -> Set {
    of(range.map(|number| format!("word {number}")))
}

#[test]
fn integers_stay_integers_up_to_the_limit() {
    let limits = Limits::default();
    let mut set = numbers(0..512);
    assert_eq!((form(&set), set.encoding(), set.len()), ("ints", "intset", 512));
    assert!(!set.insert(b"511", &limits));
    assert_eq!(form(&set), "ints");
    assert!(set.insert(b"512", &limits));
    assert_eq!((form(&set), set.encoding(), set.len()), ("table", "hashtable", 513));
    assert!(set.remove(b"512"));
    assert_eq!(form(&set), "table", "no way back");
}

#[test]
fn what_is_no_canonical_integer_is_a_string() {
    for other in ["01", "-0", "+1", "", "9223372036854775808", "1.0", " 1"] {
        let set = of(["1", other]);
        assert_eq!((form(&set), set.encoding(), set.len()), ("packed", "hashtable", 2), "{other:?}");
        assert!(set.contains(other.as_bytes()) && set.contains(b"1"));
    }
    assert_eq!(form(&of(["-9223372036854775808", "9223372036854775807"])), "ints");
}

#[test]
fn strings_are_packed_up_to_the_limits() {
    let limits = Limits::default();
    let mut set = words(0..128);
    assert_eq!((form(&set), set.encoding()), ("packed", "hashtable"));
    assert!(!set.insert(b"word 5", &limits));
    let mut grown = set.clone();
    assert!(grown.insert(b"one more", &limits));
    assert_eq!((form(&grown), grown.len()), ("table", 129));
    assert!(set.remove(b"word 5"));
    assert!(set.insert(&[b'x'; 64], &limits));
    assert_eq!(form(&set), "packed");
    assert!(set.remove(b"word 6"));
    assert!(set.insert(&[b'x'; 65], &limits));
    assert_eq!((form(&set), set.len()), ("table", 128));
    assert_eq!(form(&of([[b'x'; 65]])), "table");
}

#[test]
fn a_string_among_many_integers_makes_a_table() {
    let limits = Limits::default();
    let (mut few, mut many) = (numbers(0..127), numbers(0..128));
    assert!(few.insert(b"word", &limits) && many.insert(b"word", &limits));
    assert_eq!((form(&few), few.len()), ("packed", 128));
    assert_eq!((form(&many), many.len()), ("table", 129));
    assert!((0..128).all(|number| many.contains(number.to_string().as_bytes())));
}

#[test]
fn limits_of_nothing_make_tables_at_once() {
    let limits = Limits { intset_entries: 0.into(), set_entries: 0.into(), ..Limits::default() };
    for member in ["1", "word"] {
        let mut set = Set::default();
        assert!(set.insert(member.as_bytes(), &limits));
        assert_eq!((form(&set), set.len()), ("table", 1));
    }
    let limits = Limits { intset_entries: 3.into(), ..Limits::default() };
    let mut set = Set::default();
    for (member, expected) in [("1", "ints"), ("2", "ints"), ("3", "ints"), ("4", "packed")] {
        assert!(set.insert(member.as_bytes(), &limits));
        assert_eq!(form(&set), expected);
    }
}

#[test]
fn a_clone_does_not_see_what_the_other_one_gets() {
    let limits = Limits::default();
    for one in [numbers(0..5), words(0..5), words(0..500)] {
        let (mut other, before) = (one.clone(), model(&one));
        assert!(other.insert(b"new", &limits));
        let mut third = one.clone();
        assert!(third.remove(&text(one.iter().next().unwrap())));
        third.pop(&mut Rng::seeded(1), |_| ());
        assert_eq!(model(&one), before);
        assert_eq!((other.len(), third.len()), (before.len() + 1, before.len() - 2));
    }
}

#[test]
fn a_shared_table_is_not_copied_for_what_changes_nothing() {
    let set = words(0..500);
    let mut other = set.clone();
    assert!(!other.insert(b"word 7", &Limits::default()) && !other.remove(b"nothing"));
    let (Set::Table(one), Set::Table(other)) = (&set, &other) else { panic!("tables") };
    assert!(Arc::ptr_eq(one, other));
}

#[test]
fn a_table_filled_in_the_order_of_another_one_takes_linear_time() {
    let count = 200_000;
    let source = words(0..count);
    // Each insert moves what stands in its way; in the same order with the same seed that would be half of all.
    let copy = Set::of(source.iter(), &Limits::default());
    assert_eq!(copy.len(), count as usize);
    let (Set::Table(source), Set::Table(copy)) = (&source, &copy) else { panic!("tables") };
    let order = |table: &Records| table.iter().take(10).map(|(key, _)| key.to_vec()).collect::<Vec<_>>();
    assert_ne!(order(source), order(copy));
}

#[test]
fn random_members_are_any_and_each_about_as_often() {
    let mut rng = Rng::seeded(5);
    assert!(Set::Empty.random(&mut rng).is_none());
    let mut table = words(0..300);
    (10..300).for_each(|number| assert!(table.remove(format!("word {number}").as_bytes())));
    for set in [numbers(0..10), words(0..10), table] {
        let mut drawn = std::collections::BTreeMap::new();
        for _ in 0..10_000 {
            *drawn.entry(text(set.random(&mut rng).unwrap())).or_insert(0) += 1;
        }
        assert_eq!(drawn.len(), 10);
        assert!(drawn.values().all(|count| (850..1_150).contains(count)), "{}: {drawn:?}", form(&set));
    }
}

#[test]
fn a_sample_has_different_members_each_about_as_often() {
    let mut rng = Rng::seeded(6);
    for set in [numbers(0..200), words(0..100), words(0..500)] {
        for count in [0, 1, 5, set.len() / 3, set.len() - 1, set.len(), 10_000] {
            let sample: Model = set.sample(count, &mut rng).into_iter().map(text).collect();
            assert_eq!(sample.len(), count.min(set.len()), "{} of {}", count, form(&set));
            assert!(sample.is_subset(&model(&set)));
        }
        let mut drawn = std::collections::BTreeMap::new();
        for _ in 0..2_000 {
            for member in set.sample(set.len() / 5, &mut rng) {
                *drawn.entry(text(member)).or_insert(0) += 1;
            }
        }
        assert_eq!(drawn.len(), set.len());
        assert!(drawn.values().all(|count| (280..520).contains(count)), "{}", form(&set));
    }
}

#[test]
fn pops_take_every_member_once() {
    let limits = Limits::default();
    let mut rng = Rng::seeded(7);
    for set in [numbers(0..100), words(0..100), words(0..500)] {
        let whole = model(&set);
        let mut one_by_one = set.clone();
        let mut taken = Model::new();
        while let Some(member) = one_by_one.pop(&mut rng, text) {
            assert!(taken.insert(member));
        }
        assert_eq!((&taken, one_by_one.is_empty()), (&whole, true));
        for count in [0, 1, set.len() / 2, set.len() - 3, set.len(), usize::MAX] {
            let mut set = set.clone();
            let mut taken = Model::new();
            set.pop_many(count, &mut rng, &limits, |member| assert!(taken.insert(text(member))));
            assert_eq!(taken.len(), count.min(whole.len()));
            assert!(taken.is_disjoint(&model(&set)));
            taken.append(&mut model(&set));
            assert_eq!(taken, whole);
        }
    }
}

#[test]
fn what_stays_after_a_large_pop_is_a_new_set() {
    let mut rng = Rng::seeded(8);
    let mut pop = |count| {
        let mut set = numbers(0..600);
        set.pop_many(count, &mut rng, &Limits::default(), |_| ());
        set.encoding()
    };
    assert_eq!((pop(500), pop(499)), ("intset", "hashtable"));
}

#[test]
fn a_walk_gives_every_member_that_stays() {
    let limits = Limits::default();
    let mut set = words(0..5_000);
    let (mut cursor, mut seen, mut step) = (0, Model::new(), 0);
    loop {
        cursor = set.walk(cursor, 10, |member| seen.extend([text(member)]));
        if cursor == 0 {
            break;
        }
        // Words from 1000 on come and go; the others must all be seen.
        for number in step * 5..step * 5 + 5 {
            set.remove(format!("word {}", 1_000 + number).as_bytes());
            set.insert(format!("more {number}").as_bytes(), &limits);
        }
        step += 1;
    }
    assert!((0..1_000).all(|number| seen.contains(format!("word {number}").as_bytes())));
    for small in [numbers(0..500), words(0..128), Set::Empty] {
        let mut seen = Model::new();
        assert_eq!(small.walk(77, 1, |member| seen.extend([text(member)])), 0);
        assert_eq!(seen, model(&small));
    }
}

#[test]
fn removing_gives_memory_back() {
    let mut set = words(0..50_000);
    let full = set.memory();
    (100..50_000).for_each(|number| assert!(set.remove(format!("word {number}").as_bytes())));
    assert!(set.memory() < full / 50, "{} of {full} bytes", set.memory());
    assert_eq!(set.len(), 100);
    assert!((0..100).all(|number| set.contains(format!("word {number}").as_bytes())));
}

#[test]
fn sets_of_results_have_the_form_that_their_members_have_when_added() {
    let limits = Limits::default();
    // Hash tables by what they once held.
    let mut once_large = numbers(0..600);
    (5..600).for_each(|number| assert!(once_large.remove(number.to_string().as_bytes())));
    let mut once_mixed = of(["1", "2", "3", "word"]);
    once_mixed.remove(b"word");
    assert_eq!((once_large.encoding(), once_mixed.encoding()), ("hashtable", "hashtable"));
    assert_eq!(Set::union(&[once_large.clone()], &limits).encoding(), "intset");
    assert_eq!(Set::union(&[once_mixed.clone(), once_large.clone()], &limits).encoding(), "intset");
    assert_eq!(Set::without(&[once_mixed, numbers(1..2)], &limits).encoding(), "intset");
    assert_eq!(Set::union(&[numbers(0..400), numbers(300..512)], &limits).encoding(), "intset");
    assert_eq!(Set::union(&[numbers(0..400), numbers(300..513)], &limits).encoding(), "hashtable");
    // Members that are added and removed again leave their trace.
    assert_eq!(Set::without(&[numbers(0..513), numbers(0..500)], &limits).encoding(), "hashtable");
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-40i64..40).prop_map(|number| number.to_string().into_bytes()),
        3 => (0u32..200).prop_map(|number| format!("w{number}").into_bytes()),
        1 => (0u32..5).prop_map(|number| vec![b'x'; 62 + number as usize]),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    (0usize..20, 0usize..20, 1usize..70).prop_map(|(intset_entries, set_entries, set_value)| Limits {
        intset_entries: intset_entries.into(),
        set_entries: set_entries.into(),
        set_value: set_value.into(),
        ..Limits::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_set_holds(
        limits in limits(),
        steps in prop::collection::vec((0u8..10, member()), 0..150),
    ) {
        let (mut set, mut expected) = (Set::default(), Model::new());
        for (choice, member) in steps {
            match choice {
                0..6 => prop_assert_eq!(set.insert(&member, &limits), expected.insert(member)),
                6..9 => prop_assert_eq!(set.remove(&member), expected.remove(&member)),
                _ => {
                    prop_assert_eq!(set.contains(&member), expected.contains(&member));
                    prop_assert_eq!(set.holds(Item::of(&member)), expected.contains(&member));
                }
            }
            prop_assert_eq!((set.len(), set.is_empty()), (expected.len(), expected.is_empty()));
            let is_small = set.len() <= limits.intset_entries.get() || !matches!(set, Set::Ints(_));
            prop_assert!(is_small);
        }
        prop_assert_eq!(model(&set), expected);
    }

    #[test]
    fn several_sets_combine_as_the_standard_librarys_do(
        limits in limits(),
        lists in prop::collection::vec(prop::collection::vec(member(), 0..60), 1..5),
    ) {
        let models: Vec<Model> = lists.iter().map(|list| list.iter().cloned().collect()).collect();
        let sets: Vec<Set> = lists.iter().map(|list| within(&limits, list)).collect();
        let joined = models.iter().flatten().cloned().collect::<Model>();
        prop_assert_eq!(&model(&Set::union(&sets, &limits)), &joined);
        let added: Vec<Vec<u8>> = Set::additions(&sets).map(text).collect();
        prop_assert_eq!(added.len() + sets[0].len(), joined.len());
        prop_assert_eq!(added.into_iter().chain(model(&sets[0])).collect::<Model>(), joined);
        let rest = |member: &&Vec<u8>| !models[1..].iter().any(|model| model.contains(*member));
        let left = models[0].iter().filter(rest).cloned().collect::<Model>();
        prop_assert_eq!(&model(&Set::without(&sets, &limits)), &left);
        if let Some(members) = Set::difference(&sets) {
            prop_assert_eq!(&model(&Set::of(members, &limits)), &left);
        }
        let in_all = |member: &&Vec<u8>| models.iter().all(|model| model.contains(*member));
        let common = models[0].iter().filter(in_all).cloned().collect::<Model>();
        prop_assert_eq!(Set::intersection(&mut sets.clone()).map(text).collect::<Model>(), common);
    }
}
