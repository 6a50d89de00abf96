//! Lists against vectors of byte strings, with nodes of every kind of limit.

use proptest::prelude::*;

use super::*;

fn text(item: Item<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    item.write(&mut text);
    text
}

fn limits(list_size: i32) -> Limits {
    Limits { list_size: list_size.into(), ..Limits::default() }
}

fn nodes(list: &List) -> Vec<&Packed> {
    (0..).map_while(|index| list.node(index)).collect()
}

/// The invariants of the file's head, and everything that can be asked.
fn check(list: &List, model: &[Vec<u8>], limits: &Limits) {
    assert_eq!((list.len(), list.is_empty()), (model.len(), model.is_empty()));
    let room = Room::of(limits);
    let nodes = nodes(list);
    assert_eq!(nodes.iter().map(|node| node.len()).sum::<usize>(), model.len(), "3: the length");
    for node in &nodes {
        assert!(!node.is_empty() || model.is_empty(), "1: an empty node");
        assert!(node.len() == 1 || room.has(node, 0, 0) || model.is_empty(), "2: {} bytes", node.bytes_len());
    }
    assert!(list.walk_from(ListSide::Left, usize::MAX).map(text).eq(model.iter().cloned()));
    let last = model.len().wrapping_sub(1);
    assert!(list.walk_from(ListSide::Right, usize::MAX).map(text).eq(model.iter().rev().cloned()));
    for index in [0, 1, model.len() / 3, model.len() / 2, last, model.len()] {
        assert_eq!(list.get(index).map(text), model.get(index).cloned());
        let from = model.iter().skip(index);
        assert!(list.walk(index, usize::MAX, ListSide::Left).map(text).eq(from.clone().cloned()));
        assert!(list.walk(index, 3, ListSide::Left).map(text).eq(from.take(3).cloned()));
        let down = model.iter().take(index.saturating_add(1)).rev();
        let down = if index < model.len() { down.cloned().collect() } else { Vec::new() };
        assert_eq!(list.walk(index, usize::MAX, ListSide::Right).len(), down.len());
        assert!(list.walk(index, usize::MAX, ListSide::Right).map(text).eq(down.iter().cloned()));
        assert!(list.walk(index, 300, ListSide::Right).map(text).eq(down.into_iter().take(300)));
    }
    assert_eq!(list.end(ListSide::Left).map(text), model.first().cloned());
    assert_eq!(list.end(ListSide::Right).map(text), model.last().cloned());
    for wanted in model.iter().step_by(7).chain([&b"absent".to_vec()]) {
        let place = model.iter().position(|item| item == wanted).and_then(|index| list.place(index));
        assert_eq!(list.find(wanted), place);
    }
    assert!(list.memory() >= nodes.iter().map(|node| node.bytes_len()).sum());
}

#[derive(Clone, Debug)]
enum Step {
    Push(ListSide, Vec<u8>),
    /// Many of one text with a number behind it.
    Fill(ListSide, usize),
    Pop(ListSide, usize),
    Set(usize, Vec<u8>),
    InsertBefore(usize, Vec<u8>),
    InsertAfter(usize, Vec<u8>),
    /// Removes some that are equal to the one with this index.
    Remove(usize, usize, ListSide),
    Share,
    Return,
}

fn side() -> impl Strategy<Value = ListSide> + Clone {
    prop_oneof![Just(ListSide::Left), Just(ListSide::Right)]
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[ab]{0,3}".prop_map(String::into_bytes),
        3 => (-9_i64..400).prop_map(|number| number.to_string().into_bytes()),
        2 => prop::collection::vec(any::<u8>(), 0..300),
        1 => (1_000_usize..9_000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let place = any::<usize>;
    prop_oneof![
        6 => (side(), any_text()).prop_map(|(side, text)| Step::Push(side, text)),
        3 => (side(), 1_usize..400).prop_map(|(side, count)| Step::Fill(side, count)),
        3 => (side(), prop_oneof![3 => 0_usize..4, 1 => 0_usize..500]).prop_map(|(side, count)| Step::Pop(side, count)),
        4 => (place(), any_text()).prop_map(|(at, text)| Step::Set(at, text)),
        4 => (place(), any_text()).prop_map(|(at, text)| Step::InsertBefore(at, text)),
        4 => (place(), any_text()).prop_map(|(at, text)| Step::InsertAfter(at, text)),
        4 => (place(), 0_usize..5, side()).prop_map(|(at, count, side)| Step::Remove(at, count, side)),
        1 => (place(), Just(usize::MAX), side()).prop_map(|(at, count, side)| Step::Remove(at, count, side)),
        1 => Just(Step::Share),
        1 => Just(Step::Return),
    ]
}

fn take(list: &mut List, model: &mut Vec<Vec<u8>>, step: Step, limits: &Limits) {
    let len = model.len().max(1);
    match step {
        Step::Push(side, text) => {
            list.push(side, &text, limits);
            match side {
                ListSide::Left => model.insert(0, text),
                ListSide::Right => model.push(text),
            }
        }
        Step::Fill(side, count) => {
            for number in 0..count {
                let text = format!("text {}", number % 50).into_bytes();
                take(list, model, Step::Push(side, text), limits);
            }
        }
        Step::Pop(side, count) => {
            list.pop(side, count, limits);
            let count = count.min(model.len());
            match side {
                ListSide::Left => drop(model.drain(..count)),
                ListSide::Right => model.truncate(model.len() - count),
            }
        }
        Step::Set(at, text) => {
            assert_eq!(list.set(at % len, &text, limits), !model.is_empty());
            if !model.is_empty() {
                model[at % len] = text;
            }
        }
        Step::InsertBefore(at, text) => {
            if let Some(place) = list.place(at % len) {
                list.insert_before(place, &text, limits);
                model.insert(at % len, text);
            }
        }
        Step::InsertAfter(at, text) => {
            if let Some(place) = list.place(at % len) {
                list.insert_after(place, &text, limits);
                model.insert(at % len + 1, text);
            }
        }
        Step::Remove(at, count, side) => {
            let wanted = model.get(at % len).cloned().unwrap_or_default();
            let mut places: Vec<_> = (0..model.len()).filter(|&index| model[index] == wanted).collect();
            if side == ListSide::Right {
                places.reverse();
            }
            places.truncate(count);
            assert_eq!(list.remove(&wanted, count, side, limits), places.len());
            let mut index = 0;
            model.retain(|_| {
                index += 1;
                !places.contains(&(index - 1))
            });
        }
        Step::Share | Step::Return => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_vector_of_strings_holds(
        steps in prop::collection::vec(step(), 1..50),
        list_size in prop::sample::select(vec![-5, -2, -1, 0, 1, 2, 5, 128, i32::MAX]),
    ) {
        let limits = limits(list_size);
        let (mut list, mut model) = (List::default(), Vec::new());
        let mut clones: Vec<(List, Vec<Vec<u8>>)> = Vec::new();
        for step in steps {
            match step {
                Step::Share => clones.push((list.clone(), model.clone())),
                Step::Return if !clones.is_empty() => (list, model) = clones.remove(0),
                step => take(&mut list, &mut model, step, &limits),
            }
            check(&list, &model, &limits);
        }
        for (list, model) in clones {
            check(&list, &model, &limits);
        }
    }
}

#[test]
fn nodes_are_as_large_as_the_limit_says() {
    for (list_size, most_bytes, most_items) in
        [(-1, 4096, 32_767), (-2, 8192, 32_767), (-5, 65_536, 32_767), (100, 8192, 100), (1, 8192, 1)]
    {
        for side in [ListSide::Left, ListSide::Right] {
            let mut list = List::default();
            for number in 0..30_000 {
                list.push(side, format!("item {number}").as_bytes(), &limits(list_size));
            }
            let nodes = nodes(&list);
            let inner = &nodes[1..nodes.len() - 1];
            for node in inner {
                assert!(node.bytes_len() + 22 <= most_bytes && node.len() <= most_items);
                assert!(
                    node.bytes_len() + 40 > most_bytes || node.len() == most_items,
                    "{list_size}: not full"
                );
                assert!(node.memory() <= node.bytes_len() * 9 / 8 + 40, "{} bytes", node.memory());
            }
        }
    }
}

#[test]
fn a_list_that_shrinks_gives_its_memory_back() {
    for side in [ListSide::Left, ListSide::Right] {
        let (mut list, limits) = (List::default(), Limits::default());
        let item = [b'x'; 20];
        for _ in 0..100_000 {
            list.push(ListSide::Right, &item, &limits);
        }
        assert!(list.memory() < 100_000 * 23, "{} bytes", list.memory());
        for left in (0..100_000).rev() {
            list.pop(side, 1, &limits);
            assert!(list.memory() < left * 24 + 24_000, "{} bytes for {left}", list.memory());
        }
        assert!(matches!(list, List::One(_)));
        assert_eq!(list.memory(), 24);
    }
}

#[test]
fn a_large_item_has_a_node_of_its_own() {
    let (mut list, limits) = (List::default(), Limits::default());
    let large = vec![b'x'; 100_000];
    for text in [&b"a"[..], b"b", b"c", b"d"] {
        list.push(ListSide::Right, text, &limits);
    }
    let place = list.find(b"c").unwrap();
    list.insert_before(place, &large, &limits);
    assert_eq!(nodes(&list).iter().map(|node| node.len()).collect::<Vec<_>>(), [2, 1, 2]);
    assert!(list.set(0, &large, &limits));
    assert_eq!(nodes(&list).iter().map(|node| node.len()).collect::<Vec<_>>(), [1, 1, 1, 2]);
    assert_eq!(list.remove(&large, 5, ListSide::Right, &limits), 2);
    assert!(list.walk_from(ListSide::Left, usize::MAX).map(text).eq([b"b", b"c", b"d"]));
    assert_eq!(nodes(&list).len(), 1, "what is left is one node again");
}

#[test]
fn a_clone_shares_all_nodes_but_those_that_are_written_to() {
    let (mut list, limits) = (List::default(), Limits::default());
    for number in 0..5_000 {
        list.push(ListSide::Right, format!("item {number}").as_bytes(), &limits);
    }
    let clone = list.clone();
    list.push(ListSide::Left, b"new", &limits);
    let shared = nodes(&list)
        .iter()
        .filter(|node| {
            nodes(&clone).iter().any(|other| other.as_entries().as_ptr() == node.as_entries().as_ptr())
        })
        .count();
    assert_eq!(clone.len(), 5_000);
    assert_eq!(shared, nodes(&clone).len() - usize::from(nodes(&list).len() == nodes(&clone).len()));
}
