//! Replies as Rust types: which reply becomes which type.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;

use redmoon::{Blob, Error, ErrorKind, FromValue, Result, Value};

fn bulk(text: &str) -> Value {
    Value::Bulk(Blob::from(text))
}

fn verbatim(text: &str) -> Value {
    Value::Verbatim { format: *b"txt", text: Blob::from(text) }
}

#[track_caller]
fn becomes<T: FromValue + PartialEq + Debug>(value: Value, expected: T) {
    assert_eq!(value.clone().convert::<T>().unwrap(), expected, "{value:?}");
}

#[track_caller]
fn becomes_nothing<T: FromValue + Debug>(values: &[Value]) {
    for value in values {
        let error = value.clone().convert::<T>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conversion, "{value:?}: {error}");
    }
}

#[test]
fn integers_come_out_of_whatever_spells_one_that_fits() {
    becomes(Value::Integer(-5), -5_i64);
    becomes(Value::Integer(255), 255_u8);
    becomes(Value::Integer(i64::MAX), i64::MAX as u64);
    becomes(Value::Integer(-1), -1_i128);
    becomes(Value::Double(3.0), 3_usize);
    becomes(bulk("-12"), -12_i16);
    becomes(Value::Status(Blob::from("7")), 7_u32);
    becomes(Value::BigNumber(Blob::from("170141183460469231731687303715884105727")), i128::MAX);
    becomes(verbatim("4"), 4_isize);
    becomes_nothing::<u8>(&[Value::Integer(256), Value::Integer(-1), bulk("256"), bulk("x"), bulk("")]);
    becomes_nothing::<i64>(&[
        Value::Double(1.5),
        Value::Double(f64::NAN),
        Value::Double(1e300),
        Value::Nil,
        Value::NilArray,
        Value::Array(vec![]),
        bulk("9223372036854775808"),
        bulk("1.0"),
        bulk(" 1"),
    ]);
}

#[test]
fn floats_come_out_of_numbers_and_what_spells_them() {
    becomes(Value::Double(2.5), 2.5_f64);
    becomes(Value::Integer(2), 2.0_f64);
    becomes(bulk("-0.25"), -0.25_f64);
    becomes(bulk("inf"), f64::INFINITY);
    becomes(bulk("1.5"), 1.5_f32);
    becomes_nothing::<f64>(&[Value::Nil, bulk("x"), Value::Boolean(true), Value::Map(vec![])]);
}

#[test]
fn truths_come_out_of_every_way_in_which_commands_say_them() {
    for yes in [Value::Boolean(true), Value::Integer(1), Value::ok(), bulk("1"), bulk("true")] {
        becomes(yes, true);
    }
    for no in [Value::Boolean(false), Value::Integer(0), Value::Nil, bulk("0"), bulk("false")] {
        becomes(no, false);
    }
    becomes_nothing::<bool>(&[
        Value::Integer(2),
        bulk("yes"),
        Value::Status(Blob::from("NO")),
        Value::Double(1.0),
    ]);
}

#[test]
fn bytes_and_texts_come_out_of_scalars() {
    for (value, text) in [
        (bulk("x"), "x"),
        (Value::ok(), "OK"),
        (verbatim("v"), "v"),
        (Value::BigNumber(Blob::from("12")), "12"),
        (Value::Integer(-3), "-3"),
        (Value::Double(1.5), "1.5"),
    ] {
        becomes(value.clone(), Blob::from(text));
        becomes(value.clone(), text.to_owned());
        becomes(value, Some(text.to_owned()));
    }
    becomes_nothing::<String>(&[Value::Bulk(Blob::from(b"\xff")), Value::Nil, Value::Array(vec![bulk("x")])]);
    becomes(bulk("bytes"), b"bytes".to_vec());
    becomes(Value::Nil, None::<Blob>);
    becomes(Value::NilArray, None::<Vec<i64>>);
}

#[test]
fn lists_and_sets_come_out_of_aggregates() {
    let items = vec![bulk("1"), Value::Integer(2), bulk("2")];
    for aggregate in [Value::Array(items.clone()), Value::Set(items.clone()), Value::Push(items)] {
        becomes(aggregate.clone(), vec![1_i64, 2, 2]);
        becomes(aggregate.clone(), BTreeSet::from([1_i64, 2]));
        becomes(aggregate.clone(), HashSet::<i64>::from([1, 2]));
        becomes(aggregate.clone(), (1_u8, "2".to_owned(), 2_i64));
        becomes(aggregate, vec![Some(1_i64), Some(2), Some(2)]);
    }
    becomes(Value::Nil, Vec::<i64>::new());
    becomes(Value::Array(vec![Value::Nil, bulk("x")]), vec![None, Some("x".to_owned())]);
    becomes(Value::Array(vec![Value::Array(vec![bulk("3")])]), vec![vec![3_i64]]);
    becomes_nothing::<(i64, i64)>(&[Value::Array(vec![Value::Integer(1)]), Value::Integer(1), Value::Nil]);
    becomes_nothing::<Vec<i64>>(&[Value::Integer(1), Value::Array(vec![bulk("x")])]);
}

#[test]
fn maps_come_out_of_maps_pairs_and_flat_arrays() {
    let pair = |key: &str, value| (bulk(key), Value::Integer(value));
    let map = Value::Map(vec![pair("a", 1), pair("b", 2)]);
    let flat = Value::Array(vec![bulk("a"), Value::Integer(1), bulk("b"), Value::Integer(2)]);
    let nested = Value::Array(vec![
        Value::Array(vec![bulk("a"), Value::Integer(1)]),
        Value::Array(vec![bulk("b"), Value::Integer(2)]),
    ]);
    for value in [map.clone(), flat, nested] {
        becomes(value.clone(), BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]));
        becomes(value.clone(), HashMap::<String, i64>::from([("a".to_owned(), 1), ("b".to_owned(), 2)]));
        let ordered: indexmap::IndexMap<String, i64> = value.convert().unwrap();
        assert_eq!(ordered.into_iter().collect::<Vec<_>>(), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    }
    let one = Value::Array(vec![Value::Array(vec![bulk("a"), Value::Integer(1)])]);
    becomes(one, BTreeMap::from([("a".to_owned(), 1)]));
    becomes(map, vec!["a".to_owned(), "1".into(), "b".into(), "2".into()]);
    becomes(Value::Nil, BTreeMap::<String, i64>::new());
    becomes_nothing::<BTreeMap<String, i64>>(&[Value::Array(vec![bulk("a")]), Value::Integer(1)]);
}

#[test]
fn an_error_in_a_reply_is_the_error_of_the_conversion() {
    fn check<T: FromValue + Debug>() {
        let error = Value::Error(Error::new("WRONG thing")).convert::<T>().unwrap_err();
        assert_eq!(error.to_string(), "WRONG thing");
    }
    check::<i64>();
    check::<f64>();
    check::<bool>();
    check::<String>();
    check::<Blob>();
    check::<Option<String>>();
    check::<Vec<String>>();
    check::<HashSet<String>>();
    check::<HashMap<String, String>>();
    check::<(i64,)>();
    check::<()>();
    let inside: Result<Vec<i64>> = Value::Array(vec![Value::Error(Error::new("IN side"))]).convert();
    assert_eq!(inside.unwrap_err().to_string(), "IN side");
    assert!(Value::Error(Error::new("kept")).convert::<Value>().is_ok());
    becomes(Value::Integer(1), ());
}

#[test]
fn rust_types_become_replies() {
    assert_eq!(Value::from(5), Value::Integer(5));
    assert_eq!(Value::from(2.5), Value::Double(2.5));
    assert_eq!(Value::from(true), Value::Boolean(true));
    assert_eq!(Value::from("x"), bulk("x"));
    assert_eq!(Value::from("x".to_owned()), bulk("x"));
    assert_eq!(Value::from(b"x".to_vec()), bulk("x"));
    assert_eq!(Value::from(Blob::from("x")), bulk("x"));
    assert_eq!(Value::from(None::<i64>), Value::Nil);
    assert_eq!(Value::from(Some("x")), bulk("x"));
    assert_eq!(Value::from(vec![Value::Nil]), Value::Array(vec![Value::Nil]));
    assert_eq!(Value::from(Error::new("E")), Value::Error(Error::new("E")));
}

/// One of each, nested once.
fn samples() -> Vec<Value> {
    let scalars = vec![
        Value::Nil,
        Value::NilArray,
        Value::Integer(1),
        Value::Double(1.0),
        Value::Boolean(true),
        bulk("1"),
        Value::Status(Blob::from("1")),
        Value::BigNumber(Blob::from("1")),
        Value::Error(Error::new("1")),
        verbatim("1"),
        Value::Verbatim { format: *b"mkd", text: Blob::from("1") },
        bulk(&"long".repeat(20)),
    ];
    let pairs = scalars.iter().cloned().zip(scalars.iter().rev().cloned()).collect::<Vec<_>>();
    let mut all = vec![
        Value::Array(vec![]),
        Value::Set(vec![]),
        Value::Push(vec![]),
        Value::Map(vec![]),
        Value::Array(vec![Value::Array(vec![]), Value::Nil]),
        Value::Array(vec![Value::Array(vec![Value::Nil])]),
        Value::Array(scalars.clone()),
        Value::Set(scalars.clone()),
        Value::Push(scalars.clone()),
        Value::Map(pairs.clone()),
        Value::Map(vec![
            (Value::Map(pairs.clone()), Value::Array(scalars.clone())),
            (Value::Nil, Value::Set(vec![])),
        ]),
    ];
    all.extend(scalars);
    all
}

#[test]
fn a_copy_equals_its_original_and_nothing_else() {
    let samples = samples();
    for (number, a) in samples.iter().enumerate() {
        for (other, b) in samples.iter().enumerate() {
            assert_eq!(a.clone() == *b, number == other, "{a:?} and {b:?}");
        }
    }
    assert_ne!(Value::Double(f64::NAN), Value::Double(f64::NAN));
    assert_ne!(
        Value::Array(vec![Value::Integer(1), bulk("x")]),
        Value::Array(vec![Value::Integer(1), bulk("y")])
    );
    assert_ne!(Value::Map(vec![(Value::Nil, bulk("x"))]), Value::Map(vec![(Value::Nil, bulk("y"))]));
}

#[test]
fn a_value_is_shown_as_rust_would_write_it() {
    assert_eq!(format!("{:?}", Value::Nil), "Nil");
    let map = Value::Map(vec![(bulk("a"), Value::Set(vec![Value::Integer(1), Value::Double(0.5)]))]);
    let value = Value::Array(vec![map, Value::ok(), Value::Boolean(true)]);
    let text = r#"Array([Map([(Bulk("a"), Set([Integer(1), Double(0.5)]))]), Status("OK"), Boolean(true)])"#;
    assert_eq!(format!("{value:?}"), text);
    assert!(format!("{value:#?}").lines().count() > 10);
}
