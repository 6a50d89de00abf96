//! Byte strings: how they are kept cannot be seen, but for their size.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use redmoon::{Blob, Store};

#[test]
fn a_blob_takes_24_bytes_and_so_does_one_that_may_be_missing() {
    assert_eq!(size_of::<Blob>(), 24);
    assert_eq!(size_of::<Option<Blob>>(), 24);
}

#[test]
fn bytes_of_any_length_go_in_and_come_out_by_every_way() {
    for len in (0..=60).chain(180..=220).chain([255, 256, 257, 65_536]) {
        let bytes: Vec<u8> = (0..len).map(|at| b'a' + (at % 26) as u8).collect();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let blobs = [
            Blob::from(bytes.as_slice()),
            Blob::from(bytes.clone()),
            Blob::from(text.as_str()),
            Blob::from(text.clone()),
            Blob::from(bytes::Bytes::from(bytes.clone())),
            Blob::from(bytes.as_slice()).clone(),
        ];
        for blob in &blobs {
            assert_eq!(blob.as_bytes(), bytes);
            assert_eq!(blob.len(), len);
            assert_eq!(*blob, bytes);
            assert_eq!(*blob, *text.as_str());
            assert_eq!(*blob, blobs[0]);
            assert_eq!(bytes, *blob);
            assert_eq!(blob.to_str(), Ok(text.as_str()));
            assert_eq!(blob.to_string(), text);
            assert_eq!(Vec::from(blob.clone()), bytes);
            assert_eq!(String::try_from(blob.clone()).unwrap(), text);
            assert_eq!(bytes::Bytes::from(blob.clone()), bytes);
        }
    }
    assert_eq!(Blob::new(), "");
    assert_eq!(Blob::default(), Blob::new());
    assert_eq!(Blob::from(b"abc"), b"abc");
}

#[test]
fn what_is_no_text_says_so() {
    let blob = Blob::from(b"a\xff\0b");
    assert!(blob.to_str().is_err());
    assert!(String::try_from(blob.clone()).is_err());
    assert_eq!(blob.to_string(), "a\u{fffd}\0b");
    assert_eq!(format!("{blob:?}"), r#""a\xff\x00b""#);
    assert_eq!(format!("[{:>4}]", Blob::from("ab")), "[  ab]");
}

#[test]
fn a_blob_is_found_in_a_map_by_its_bytes() {
    let short = HashMap::from([(Blob::from("key"), 1), (Blob::from("k".repeat(40)), 2)]);
    assert_eq!(short.get(b"key".as_slice()), Some(&1));
    assert_eq!(short.get("k".repeat(40).as_bytes()), Some(&2));
    let sorted = BTreeMap::from([(Blob::from("b"), 1), (Blob::from("a".repeat(40)), 2)]);
    assert_eq!(sorted.get(b"b".as_slice()), Some(&1));
    assert_eq!(*sorted.keys().next().unwrap(), "a".repeat(40));
}

#[test]
fn a_value_that_was_read_does_not_change_when_its_key_does() {
    let store = Store::new();
    for len in [5, 100, 5_000] {
        let before = "x".repeat(len);
        store.set("key", &before).unwrap();
        let read = store.get("key").unwrap().unwrap();
        store.append("key", "more").unwrap();
        store.setrange("key", 0, "over").unwrap();
        assert_eq!(read, before);
        store.del(&["key"]).unwrap();
        assert_eq!(read, before);
    }
}

#[test]
fn blobs_go_from_thread_to_thread_and_last_until_a_thread_has_ended() {
    thread_local! {
        static KEPT: RefCell<Vec<Blob>> = const { RefCell::new(Vec::new()) };
    }
    let texts: Vec<String> = (0..300).map(|len| "x".repeat(len)).collect();
    for keeps_first in [true, false] {
        let made = std::thread::scope(|scope| {
            let make = || {
                let blobs = || -> Vec<Blob> { texts.iter().map(|text| text.as_str().into()).collect() };
                // What a thread has of its own ends in the order in which it was first used, or the other way round.
                if keeps_first {
                    KEPT.with(|_| ());
                }
                drop(blobs());
                KEPT.with_borrow_mut(|kept| kept.extend(blobs()));
                blobs()
            };
            scope.spawn(make).join().unwrap()
        });
        assert_eq!(made, texts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_blob_holds_its_own_bytes_whatever_others_came_and_went(
        lens in prop::collection::vec((0..260_usize, 0..8_usize), 1..100),
    ) {
        let mut kept: [(Blob, Vec<u8>); 8] = Default::default();
        for (step, (len, place)) in lens.into_iter().enumerate() {
            let bytes = vec![step as u8; len];
            kept[place] = (Blob::from(bytes.as_slice()), bytes);
            for (blob, bytes) in &kept {
                prop_assert_eq!(blob, bytes);
                prop_assert_eq!(&Vec::from(blob.clone()), bytes);
            }
        }
    }

    #[test]
    fn blobs_are_ordered_and_hashed_as_slices_are(
        a in prop::collection::vec(any::<u8>(), 0..60),
        b in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let (x, y) = (Blob::from(a.clone()), Blob::from(b.as_slice()));
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        prop_assert_eq!(x == y, a == b);
        let set = std::collections::HashSet::from([x]);
        prop_assert!(set.contains(a.as_slice()));
    }
}
