//! Entries against what they should hold, over every kind of value and the lengths around which the form changes.

use proptest::prelude::*;

use super::*;

/// A value as the model has it.
#[derive(Clone, Debug)]
enum Held {
    Int(i64),
    Bytes(Vec<u8>, bool),
    Shared(Arc<Vec<u8>>),
}

impl Held {
    fn content(&self) -> Content<'_> {
        match self {
            Held::Int(number) => Content::Int(*number),
            Held::Bytes(bytes, raw) => Content::Bytes { bytes, raw: *raw },
            Held::Shared(bytes) => Content::Shared(Arc::clone(bytes)),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Held::Int(number) => number.to_string().into_bytes(),
            Held::Bytes(bytes, _) => bytes.clone(),
            Held::Shared(bytes) => bytes.to_vec(),
        }
    }

    fn encoding(&self) -> &'static str {
        match self {
            Held::Int(_) => "int",
            Held::Bytes(bytes, false) if bytes.len() <= 44 => "embstr",
            _ => "raw",
        }
    }
}

/// Everything that can be asked of an entry.
fn check(entry: &Entry, key: &[u8], value: &Held, deadline: Option<i64>) {
    assert_eq!(entry.key(), key);
    assert!(entry.is_key(key));
    assert!(!entry.is_key(&[key, b"x"].concat()));
    if let Some((last, rest)) = key.split_last() {
        assert!(!entry.is_key(rest));
        assert!(!entry.is_key(&[rest, &[last ^ 1]].concat()));
        assert!(!entry.is_key(&[&[key[0] ^ 1], &key[1..]].concat()));
    }
    assert_eq!(entry.deadline(), deadline);
    assert_eq!(entry.encoding(), value.encoding());
    assert_eq!(entry.type_name(), "string");
    let text = entry.text().unwrap();
    match (value, text) {
        (Held::Int(number), Text::Int(kept)) => assert_eq!(kept, *number),
        (Held::Bytes(bytes, _), Text::Bytes(kept)) => assert_eq!(kept, bytes),
        (Held::Shared(bytes), Text::Shared(kept)) => assert!(Arc::ptr_eq(kept, bytes)),
        _ => panic!("{value:?} is kept in another form"),
    }
    assert_eq!(text.bytes(&mut itoa::Buffer::new()), value.bytes());
    assert_eq!(text.len(), value.bytes().len());
    assert_eq!(text.to_blob(), value.bytes());
    assert!(entry.memory() >= key.len() + 8);
}

fn bytes_of(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed)).collect()
}

/// Lengths at which a block changes its size class, and at which a value changes its form.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=34).chain([43, 44, 45, 63, 64, 65, 127, 128, EMBEDDED - 1, EMBEDDED])
}

fn all_values() -> Vec<Held> {
    let mut values = vec![Held::Int(0), Held::Int(i64::MIN), Held::Int(i64::MAX)];
    for len in lengths() {
        values.push(Held::Bytes(bytes_of(len, 1), len % 2 == 0));
    }
    for len in [0, 1, EMBEDDED + 1, 5_000] {
        values.push(Held::Shared(Arc::new(bytes_of(len, 2))));
    }
    values
}

const DEADLINES: [Option<i64>; 3] = [None, Some(1_700_000_000_000), Some(i64::MIN)];

#[test]
fn an_entry_holds_every_kind_of_value_beside_every_length_of_key() {
    for key_len in (0..=40).chain([255, 256, 70_000]) {
        let key = bytes_of(key_len, 7);
        for value in all_values() {
            for deadline in DEADLINES {
                check(&Entry::new(&key, value.content(), deadline), &key, &value, deadline);
            }
        }
    }
}

#[test]
fn any_value_can_take_the_place_of_any_other() {
    let values = all_values();
    for key_len in [0, 1, 7, 8, 15, 16, 17] {
        let key = bytes_of(key_len, 3);
        for first in &values {
            for second in &values {
                for (before, after) in DEADLINES.iter().flat_map(|a| DEADLINES.iter().map(move |b| (a, b))) {
                    let mut entry = Entry::new(&key, first.content(), *before);
                    entry.set(second.content(), *after);
                    check(&entry, &key, second, *after);
                }
            }
        }
    }
    for value in &values {
        if let Held::Shared(bytes) = value {
            assert_eq!(Arc::strong_count(bytes), 1, "a buffer was leaked");
        }
    }
}

#[test]
fn a_deadline_comes_moves_and_goes_and_leaves_the_value() {
    for value in all_values() {
        let mut entry = Entry::new(b"key", value.content(), None);
        for deadline in [Some(5), Some(-6), None, None, Some(i64::MAX), None] {
            entry.set_deadline(deadline);
            check(&entry, b"key", &value, deadline);
        }
    }
}

#[test]
fn a_long_value_is_shared_by_clones_and_freed_with_the_last() {
    let bytes = Arc::new(bytes_of(1_000, 9));
    let value = Held::Shared(Arc::clone(&bytes));
    let mut first = Entry::new(b"first", value.content(), None);
    let second = first.clone();
    let third = second.with(b"a longer name than before", Some(3));
    assert_eq!(Arc::strong_count(&bytes), 5);
    check(&second, b"first", &value, None);
    check(&third, b"a longer name than before", &value, Some(3));
    first.shared_mut().unwrap().push(b'!');
    assert_eq!(Arc::strong_count(&bytes), 4, "a write to a shared value copies it first");
    assert_eq!(first.text().unwrap().len(), 1_001);
    assert_eq!(third.text().unwrap().len(), 1_000);
    first.set(Content::Int(1), None);
    drop((first, second));
    assert_eq!(Arc::strong_count(&bytes), 3);
    drop(third);
    drop(value);
    assert_eq!(Arc::strong_count(&bytes), 1);
}

#[test]
fn a_value_that_nobody_else_holds_is_changed_where_it_is() {
    let mut entry = Entry::new(b"key", Content::Shared(Arc::new(vec![7; 500])), Some(1));
    let before = entry.shared_mut().unwrap().as_ptr();
    entry.shared_mut().unwrap()[3] = 1;
    assert_eq!(entry.shared_mut().unwrap().as_ptr(), before);
    assert_eq!(entry.shared_mut().unwrap().len(), 500);
}

#[test]
fn only_the_right_kind_is_changed_in_place() {
    let mut entry = Entry::new(b"key", Content::Int(5), Some(1));
    assert!(entry.set_int(-9));
    assert!(entry.shared_mut().is_none());
    check(&entry, b"key", &Held::Int(-9), Some(1));
    let mut entry = Entry::new(b"key", Content::bytes(b"5", true), None);
    assert!(!entry.set_int(1));
    assert!(entry.shared_mut().is_none());
    check(&entry, b"key", &Held::Bytes(b"5".to_vec(), true), None);
}

#[test]
fn a_string_is_kept_in_the_form_that_fits() {
    for (text, encoding) in [
        ("0", "int"),
        ("-1", "int"),
        ("9223372036854775807", "int"),
        ("-9223372036854775808", "int"),
        ("9223372036854775808", "embstr"),
        ("01", "embstr"),
        ("-0", "embstr"),
        ("-", "embstr"),
        ("", "embstr"),
        ("1.5", "embstr"),
    ] {
        assert_eq!(Entry::new(b"key", Content::of(text.as_bytes()), None).encoding(), encoding, "{text:?}");
    }
    for len in [EMBEDDED, EMBEDDED + 1] {
        let text = vec![b'1'; len];
        let entry = Entry::new(b"key", Content::of(&text), None);
        assert_eq!(matches!(entry.text().unwrap(), Text::Shared(_)), len > EMBEDDED);
        assert_eq!(entry.text().unwrap().bytes(&mut itoa::Buffer::new()), text);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(Held, Option<i64>),
    SetDeadline(Option<i64>),
    /// Under a key of this length.
    With(usize, Option<i64>),
    Clone,
    Push(u8),
    SetInt(i64),
}

fn held() -> impl Strategy<Value = Held> {
    prop_oneof![
        any::<i64>().prop_map(Held::Int),
        (0..=EMBEDDED, any::<u8>(), any::<bool>())
            .prop_map(|(len, seed, raw)| Held::Bytes(bytes_of(len, seed), raw)),
        (0_usize..400, any::<u8>()).prop_map(|(len, seed)| Held::Shared(Arc::new(bytes_of(len, seed)))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (held(), any::<Option<i64>>()).prop_map(|(value, deadline)| Step::Set(value, deadline)),
        2 => any::<Option<i64>>().prop_map(Step::SetDeadline),
        1 => (0_usize..50, any::<Option<i64>>()).prop_map(|(len, deadline)| Step::With(len, deadline)),
        1 => Just(Step::Clone),
        2 => any::<u8>().prop_map(Step::Push),
        1 => any::<i64>().prop_map(Step::SetInt),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_entry_follows_its_model_through_any_changes(
        key in prop::collection::vec(any::<u8>(), 0..40),
        first in held(),
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let (mut key, mut value, mut deadline) = (key, first, None);
        let mut entry = Entry::new(&key, value.content(), deadline);
        let mut kept = Vec::new();
        for step in steps {
            match step {
                Step::Set(next, at) => {
                    entry.set(next.content(), at);
                    (value, deadline) = (next, at);
                }
                Step::SetDeadline(at) => {
                    entry.set_deadline(at);
                    deadline = at;
                }
                Step::With(len, at) => {
                    key = bytes_of(len, 11);
                    entry = entry.with(&key, at);
                    deadline = at;
                }
                Step::Clone => {
                    let copy = entry.clone();
                    check(&copy, &key, &value, deadline);
                    kept.push((std::mem::replace(&mut entry, copy), key.clone(), value.clone(), deadline));
                }
                Step::Push(byte) => match (&mut value, entry.shared_mut()) {
                    (Held::Shared(bytes), Some(buffer)) => {
                        buffer.push(byte);
                        let mut longer = bytes.to_vec();
                        longer.push(byte);
                        assert_eq!(*buffer, longer);
                        let Text::Shared(now) = entry.text().unwrap() else { panic!("another form") };
                        *bytes = Arc::clone(now);
                    }
                    (Held::Shared(_), None) => panic!("a shared value has a buffer"),
                    (_, buffer) => assert!(buffer.is_none()),
                },
                Step::SetInt(number) => {
                    if entry.set_int(number) {
                        assert!(matches!(value, Held::Int(_)));
                        value = Held::Int(number);
                    }
                }
            }
            check(&entry, &key, &value, deadline);
        }
        for (entry, key, value, deadline) in &kept {
            check(entry, key, value, *deadline);
        }
        drop((entry, kept));
        if let Held::Shared(bytes) = value {
            prop_assert_eq!(Arc::strong_count(&bytes), 1);
        }
    }
}
