//! Packed sequences against vectors of byte strings, and the encodings against the listpack specification.

use proptest::prelude::*;

use super::*;

fn text(item: Item<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    item.write(&mut text);
    let mut buffer = itoa::Buffer::new();
    assert_eq!(item.bytes(&mut buffer), text);
    assert_eq!(item.len(), text.len());
    text
}

fn packed(items: &[&[u8]]) -> Packed {
    let mut packed = Packed::new();
    for item in items {
        packed.push_back(item);
    }
    packed
}

fn pop_front(packed: &mut Packed) {
    if let Some(at) = packed.first() {
        packed.remove(at, 1);
    }
}

fn pop_back(packed: &mut Packed) {
    if let Some(at) = packed.last() {
        packed.remove(at, 1);
    }
}

/// Everything that can be asked.
fn check(packed: &Packed, model: &[Vec<u8>]) {
    assert_eq!((packed.len(), packed.is_empty()), (model.len(), model.is_empty()));
    let forward: Vec<_> = packed.iter().map(text).collect();
    assert_eq!(forward, model);
    let mut backward: Vec<_> = packed.iter().rev().map(text).collect();
    backward.reverse();
    assert_eq!(backward, model);
    assert_eq!(packed.iter().len(), model.len());
    assert_eq!(packed.bytes_len(), model.iter().map(|item| item_size(item)).sum::<usize>());
    let mut at = packed.first();
    let mut places = Vec::new();
    while let Some(place) = at {
        places.push(place);
        at = packed.next(place);
    }
    assert_eq!(places.len(), model.len());
    assert_eq!(packed.last(), places.last().copied());
    for (index, &place) in places.iter().enumerate() {
        assert_eq!(packed.seek(index), Some(place));
        assert_eq!(packed.prev(place), index.checked_sub(1).map(|index| places[index]));
        assert!(packed.at(place).is(&model[index]));
        assert_eq!(packed.at(place), Item::of(&model[index]));
        assert_eq!(packed.size(place), item_size(&model[index]));
        assert!(!packed.at(place).is(&[&model[index][..], b"0"].concat()));
    }
    assert_eq!(packed.seek(model.len()), None);
    for (from, to) in [(0, 1), (1, 3), (model.len() / 3, model.len() / 2), (2, usize::MAX), (3, 1)] {
        let expected = model.iter().take(to).skip(from);
        assert!(packed.range(from, to).map(text).eq(expected.clone().cloned()), "{from} to {to}");
        assert!(packed.range(from, to).rev().map(text).eq(expected.rev().cloned()), "{to} to {from}");
    }
    for (step, from) in [(1, 0), (2, 0), (2, 1), (3, 1)] {
        for wanted in model.iter().chain([&b"absent".to_vec(), &b"77777".to_vec(), &Vec::new()]) {
            let expected = (from..model.len()).step_by(step).find(|&index| model[index] == *wanted);
            let start = packed.seek(from);
            assert_eq!(packed.find(wanted, start, step), expected.map(|index| places[index]), "{wanted:?}");
        }
    }
    assert!(packed.memory() >= packed.bytes_len());
    if model.is_empty() {
        assert_eq!(packed.memory(), Packed::new().memory(), "an empty one keeps nothing");
    }
}

#[test]
fn items_are_encoded_as_in_a_listpack() {
    let cases: [(&[u8], &[u8]); 17] = [
        (b"0", &[0, 1]),
        (b"127", &[127, 1]),
        (b"128", &[0xc0, 128, 2]),
        (b"4095", &[0xcf, 0xff, 2]),
        (b"-1", &[0xdf, 0xff, 2]),
        (b"-4096", &[0xd0, 0, 2]),
        (b"4096", &[0xf1, 0, 0x10, 3]),
        (b"-32768", &[0xf1, 0, 0x80, 3]),
        (b"32768", &[0xf2, 0, 0x80, 0, 4]),
        (b"-8388608", &[0xf2, 0, 0, 0x80, 4]),
        (b"8388608", &[0xf3, 0, 0, 0x80, 0, 5]),
        (b"-2147483648", &[0xf3, 0, 0, 0, 0x80, 5]),
        (b"2147483648", &[0xf4, 0, 0, 0, 0x80, 0, 0, 0, 0, 9]),
        (b"-9223372036854775808", &[0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80, 9]),
        (b"", &[0x80, 1]),
        (b"01", &[0x82, b'0', b'1', 3]),
        (b"-0", &[0x82, b'-', b'0', 3]),
    ];
    for (text, entry) in cases {
        assert_eq!(packed(&[text]).as_entries(), entry, "{}", text.escape_ascii());
        assert_eq!(item_size(text), entry.len());
    }
    let long = vec![b'x'; 0x3fff - 5];
    for (len, head, back) in [
        (63, &[0xbf][..], &[64][..]),
        (64, &[0xe0, 64], &[66]),
        (125, &[0xe0, 125], &[127]),
        (126, &[0xe0, 126], &[1, 0x80]),
        (4095, &[0xef, 0xff], &[0x20, 0x81]),
        (4096, &[0xf0, 0, 0x10, 0, 0], &[0x20, 0x85]),
        (0x3ffe - 5, &[0xf0, 0xf9, 0x3f, 0, 0], &[0x7f, 0xfe]),
        // One byte more than needed, as servers have it.
        (0x3fff - 5, &[0xf0, 0xfa, 0x3f, 0, 0], &[0, 0xff, 0xff]),
    ] {
        let one = packed(&[&long[..len]]);
        let entry = one.as_entries();
        assert!(entry.starts_with(head) && entry.ends_with(back), "{len}: {:x?}", &entry[entry.len() - 4..]);
        assert_eq!(entry.len(), head.len() + len + back.len());
    }
}

#[test]
fn very_long_items_can_be_walked_both_ways() {
    let texts: Vec<Vec<u8>> =
        [0x1f_fffe, 0x1f_ffff, 0x3fff, 3].map(|len| vec![b'y'; len - 5 * usize::from(len > 9)]).into();
    let mut all = Packed::new();
    for text in &texts {
        all.push_back(text);
    }
    assert!(all.iter().map(Item::len).eq(texts.iter().map(Vec::len)));
    assert!(all.iter().rev().map(Item::len).eq(texts.iter().rev().map(Vec::len)));
    pop_front(&mut all);
    assert_eq!(all.len(), 3);
    assert_eq!(all.iter().next().map(Item::len), Some(texts[1].len()));
}

#[test]
fn a_queue_moves_its_items_seldom() {
    for front in [false, true] {
        let mut packed = Packed::new();
        let mut most = 0;
        for number in 0..40_000_u32 {
            let text = format!("item {number}");
            if front {
                packed.push_front(text.as_bytes())
            } else {
                packed.push_back(text.as_bytes())
            }
            if packed.len() > 500 {
                if front { pop_back(&mut packed) } else { pop_front(&mut packed) }
            }
            most = most.max(packed.memory());
        }
        assert_eq!(packed.len(), 500);
        assert!(most < packed.bytes_len() * 2, "{most} bytes for {}", packed.bytes_len());
        packed.trim();
        assert!(packed.memory() < packed.bytes_len() * 9 / 8 + 32);
    }
}

#[test]
fn one_that_is_empty_takes_one_small_block() {
    assert_eq!(Packed::new().memory(), 24);
    assert_eq!(packed(&[b"a", b"b"]).memory(), 24);
}

#[derive(Clone, Debug)]
enum Step {
    PushBack(Vec<u8>),
    PushFront(Vec<u8>),
    Insert(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    Remove(usize, usize),
    PopFront,
    PopBack,
    /// Keeps the first or the second part.
    Split(usize, bool),
    /// Splits and puts together again.
    Append(usize),
    Share,
    Return,
    Trim,
    /// Many at once, at one end.
    Fill(bool, usize),
    Drain(bool, usize),
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let spelled = |number: i64| number.to_string().into_bytes();
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..12),
        2 => (0_i64..300).prop_map(spelled),
        2 => any::<i64>().prop_map(spelled),
        1 => (any::<i64>(), 0_u32..64).prop_map(move |(number, shift)| spelled(number >> shift)),
        1 => "-?[0-9]{1,22}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 55..140),
        1 => (4_000_usize..4_200, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let place = any::<usize>;
    prop_oneof![
        6 => any_text().prop_map(Step::PushBack),
        6 => any_text().prop_map(Step::PushFront),
        6 => (place(), any_text()).prop_map(|(at, text)| Step::Insert(at, text)),
        4 => (place(), any_text()).prop_map(|(at, text)| Step::Replace(at, text)),
        4 => (place(), 0_usize..4).prop_map(|(at, count)| Step::Remove(at, count)),
        2 => Just(Step::PopFront),
        2 => Just(Step::PopBack),
        1 => (place(), any::<bool>()).prop_map(|(at, first)| Step::Split(at, first)),
        2 => place().prop_map(Step::Append),
        1 => Just(Step::Share),
        1 => Just(Step::Return),
        1 => Just(Step::Trim),
        1 => (any::<bool>(), 1_usize..60).prop_map(|(front, count)| Step::Fill(front, count)),
        1 => (any::<bool>(), 1_usize..60).prop_map(|(front, count)| Step::Drain(front, count)),
    ]
}

/// A sequence and what it should hold.
#[derive(Clone, Default)]
struct Pair {
    packed: Packed,
    model: Vec<Vec<u8>>,
}

impl Pair {
    /// The position of a place modulo the length, which may be the end.
    fn place(&self, at: usize) -> (usize, usize) {
        let index = at % (self.model.len() + 1);
        (index, self.packed.seek(index).unwrap_or(self.packed.end()))
    }

    fn take(&mut self, step: Step) {
        let Pair { packed, model } = self;
        match step {
            Step::PushBack(text) => {
                packed.push_back(&text);
                model.push(text);
            }
            Step::PushFront(text) => {
                packed.push_front(&text);
                model.insert(0, text);
            }
            Step::Insert(at, text) => {
                let (index, at) = self.place(at);
                let at = self.packed.insert(at, &text);
                assert!(self.packed.at(at).is(&text));
                self.model.insert(index, text);
            }
            Step::Replace(at, text) if !model.is_empty() => {
                let index = at % model.len();
                let at = packed.replace(packed.seek(index).unwrap(), &text);
                assert!(packed.at(at).is(&text));
                model[index] = text;
            }
            Step::Replace(..) => {}
            Step::Remove(at, count) => {
                let (index, at) = self.place(at);
                let at = self.packed.remove(at, count);
                let end = (index + count).min(self.model.len());
                self.model.drain(index..end);
                assert_eq!(at, self.packed.seek(index).unwrap_or(self.packed.end()));
            }
            Step::PopFront => {
                pop_front(packed);
                model.drain(..1.min(model.len()));
            }
            Step::PopBack => {
                pop_back(packed);
                model.pop();
            }
            Step::Split(at, first) => {
                let (index, at) = self.place(at);
                let mut rest = Pair { packed: self.packed.split_off(at), model: self.model.split_off(index) };
                check(&self.packed, &self.model);
                check(&rest.packed, &rest.model);
                if !first {
                    std::mem::swap(self, &mut rest);
                }
            }
            Step::Append(at) => {
                let (_, at) = self.place(at);
                let rest = self.packed.split_off(at);
                self.packed.append(&rest);
            }
            Step::Trim => packed.trim(),
            Step::Fill(front, count) => {
                for number in 0..count {
                    let text = format!("number {number}").into_bytes();
                    self.take(if front { Step::PushFront(text) } else { Step::PushBack(text) });
                }
            }
            Step::Drain(front, count) => {
                for _ in 0..count {
                    self.take(if front { Step::PopFront } else { Step::PopBack });
                }
            }
            Step::Share | Step::Return => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_vector_of_strings_holds(steps in prop::collection::vec(step(), 1..60)) {
        let mut pair = Pair::default();
        let mut clones: Vec<Pair> = Vec::new();
        for step in steps {
            match step {
                Step::Share => clones.push(pair.clone()),
                Step::Return if !clones.is_empty() => pair = clones.remove(0),
                step => pair.take(step),
            }
            check(&pair.packed, &pair.model);
        }
        for clone in clones {
            check(&clone.packed, &clone.model);
        }
    }

    #[test]
    fn every_text_comes_back_as_it_was(texts in prop::collection::vec(any_text(), 1..20)) {
        let mut packed = Packed::new();
        for text in &texts {
            packed.push_back(text);
        }
        check(&packed, &texts);
    }
}
