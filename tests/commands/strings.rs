//! Strings: GET, SET, the counters, parts of strings, LCS.

use std::time::Duration;

use redmoon::{ErrorKind, GetexOption, ManualClock, SetOptions, Store, Ttl};

use super::expect;

const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const TOO_LARGE: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

#[test]
fn set_takes_each_option_once_and_no_two_that_contradict() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET k v NX XX", "ERR syntax error"),
            ("SET k v EX 10 PX 10", "ERR syntax error"),
            ("SET k v EX 10 KEEPTTL", "ERR syntax error"),
            ("SET k v KEEPTTL EX 10", "ERR syntax error"),
            ("SET k v EX", "ERR syntax error"),
            ("SET k v PERSIST", "ERR syntax error"),
            ("SET k", "ERR wrong number of arguments for 'set' command"),
            ("EXISTS k", ":0"),
            // The same one may be repeated, and the last amount counts.
            ("SET k v nx NX", "+OK"),
            ("SET k v EX 5 EX 600 xx", "+OK"),
            ("TTL k", ":600"),
            ("SET k v KEEPTTL KEEPTTL", "+OK"),
            ("TTL k", ":600"),
            ("SET k v", "+OK"),
            ("TTL k", ":-1"),
        ],
    );
}

#[test]
fn set_reads_its_options_before_the_amount_and_changes_nothing_for_a_bad_one() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET k v EX abc NX XX", "ERR syntax error"),
            ("SET k v EX abc", NOT_INTEGER),
            ("SET k v EX 0", "ERR invalid expire time in 'set' command"),
            ("SET k v PX -1", "ERR invalid expire time in 'set' command"),
            ("SET k v EX 9223372036854775807", "ERR invalid expire time in 'set' command"),
            ("SET k v EX 9223372036854775", "ERR invalid expire time in 'set' command"),
            ("SET k v PX 9223372036854775807", "ERR invalid expire time in 'set' command"),
            ("SETEX k 0 v", "ERR invalid expire time in 'setex' command"),
            ("PSETEX k 0 v", "ERR invalid expire time in 'psetex' command"),
            ("SETEX k abc v", NOT_INTEGER),
            ("EXISTS k", ":0"),
            ("SET k v PXAT 9223372036854775807", "+OK"),
        ],
    );
}

#[test]
fn set_with_get_answers_the_old_value_whether_or_not_it_applies() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET k 1 GET", "nil"),
            ("SET k 2 GET NX", "\"1\""),
            ("SET k 3 XX GET", "\"1\""),
            ("SET k 4 NX", "nil"),
            ("GETSET k 5", "\"3\""),
            ("GETSET new 6", "nil"),
            ("SETNX k 7", ":0"),
            ("SETNX other 8", ":1"),
            ("MGET k new other nothing k", "[\"5\" \"6\" \"8\" nil \"5\"]"),
        ],
    );
    let outcome = store.set_with("k", "9", SetOptions::new().if_missing().get_previous());
    let outcome = outcome.expect("a string");
    assert!(!outcome.applied);
    assert_eq!(outcome.previous.expect("it exists"), "5");
}

#[test]
fn a_string_set_with_a_past_deadline_is_gone_at_once() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET k v", "+OK"),
            ("SET k w EXAT 1", "+OK"),
            ("EXISTS k", ":0"),
            ("DBSIZE", ":0"),
            ("SET k v", "+OK"),
            ("SET k w PXAT 1 GET", "\"v\""),
            ("EXISTS k", ":0"),
        ],
    );
}

#[test]
fn getex_tells_a_bad_amount_only_if_the_key_exists() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("GETEX k EX abc", "nil"),
            ("GETEX k EX 0", "nil"),
            ("GETEX k foo", "ERR syntax error"),
            ("SET k v", "+OK"),
            ("GETEX k EX abc", NOT_INTEGER),
            ("GETEX k EX 0", "ERR invalid expire time in 'getex' command"),
            ("GETEX k EX 10 PERSIST", "ERR syntax error"),
            ("GETEX k PERSIST EX 10", "ERR syntax error"),
            ("GETEX k NX", "ERR syntax error"),
            ("GETEX k EX 100", "\"v\""),
            ("TTL k", ":100"),
            ("GETEX k", "\"v\""),
            ("TTL k", ":100"),
            ("GETEX k PERSIST", "\"v\""),
            ("TTL k", ":-1"),
            ("GETEX k PXAT 1", "\"v\""),
            ("EXISTS k", ":0"),
        ],
    );
}

#[test]
fn getex_and_getdel_answer_what_the_key_held() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    store.set("k", "value").expect("set");
    assert_eq!(store.getex("k", GetexOption::Px(1500)).expect("string").expect("it exists"), "value");
    assert_eq!(store.ttl("k").expect("ttl"), Ttl::Left(Duration::from_millis(1500)));
    clock.advance(Duration::from_millis(1600));
    assert_eq!(store.getdel("k").expect("string"), None);
    store.set("k", "again").expect("set");
    assert_eq!(store.getdel("k").expect("string").expect("it exists"), "again");
    assert_eq!(store.dbsize().expect("dbsize"), 0);
}

#[test]
fn mset_sets_all_pairs_or_none() {
    let store = Store::builder().max_string_len(8).build();
    expect(
        &store,
        &[
            ("MSET a", "ERR wrong number of arguments for 'mset' command"),
            ("MSET a 1 b", "ERR wrong number of arguments for 'mset' command"),
            ("MSETNX a 1 b", "ERR wrong number of arguments for 'msetnx' command"),
            ("MSET a 1 b 123456789", TOO_LARGE),
            ("EXISTS a b", ":0"),
            ("MSET a 1 b 2 a 3", "+OK"),
            ("MGET a b", "[\"3\" \"2\"]"),
            ("MSETNX c 4 b 5", ":0"),
            ("MSETNX c 4 d 5", ":1"),
            ("MGET b c d", "[\"2\" \"4\" \"5\"]"),
        ],
    );
    assert_eq!(store.mset::<&str, &str>(&[]), Ok(()));
}

#[test]
fn counters_refuse_what_is_no_integer_and_what_overflows() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET k 9223372036854775807", "+OK"),
            ("INCR k", "ERR increment or decrement would overflow"),
            ("GET k", "\"9223372036854775807\""),
            ("DECRBY k -1", "ERR increment or decrement would overflow"),
            ("DECRBY k -9223372036854775808", "ERR decrement would overflow"),
            ("DECRBY nothing -9223372036854775808", "ERR decrement would overflow"),
            ("INCRBY k abc", NOT_INTEGER),
            ("INCRBY k 1.0", NOT_INTEGER),
            ("SET k 01", "+OK"),
            ("INCR k", NOT_INTEGER),
            ("SET k ''", "+OK"),
            ("INCR k", NOT_INTEGER),
            ("SET k 10 EX 100", "+OK"),
            ("DECR k", ":9"),
            ("DECRBY k 19", ":-10"),
            ("TTL k", ":100"),
            ("INCRBY n -9223372036854775808", ":-9223372036854775808"),
            ("DECR n", "ERR increment or decrement would overflow"),
            // An integer that was put together from parts is one.
            ("APPEND p 1", ":1"),
            ("APPEND p 0", ":2"),
            ("INCR p", ":11"),
        ],
    );
    assert_eq!(store.incrby("n", 8), Ok(i64::MIN + 8));
    assert_eq!(store.decrby("n", i64::MIN).expect_err("overflow").kind(), ErrorKind::InvalidArgument);
}

#[test]
fn incrbyfloat_computes_in_eighty_bits() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("INCRBYFLOAT f 0.1", "\"0.1\""),
            ("INCRBYFLOAT f 0.2", "\"0.3\""),
            ("SET f 10.50", "+OK"),
            ("INCRBYFLOAT f 0.1", "\"10.6\""),
            ("INCRBYFLOAT f -5", "\"5.6\""),
            ("SET f 5.0e3", "+OK"),
            ("INCRBYFLOAT f 2.0e2", "\"5200\""),
            ("OBJECT ENCODING f", "\"embstr\""),
            ("INCRBYFLOAT f abc", "ERR value is not a valid float"),
            ("INCRBYFLOAT f inf", "ERR increment would produce NaN or Infinity"),
            ("INCRBYFLOAT nothing nan", "ERR value is not a valid float"),
            ("GET f", "\"5200\""),
            ("SET f text", "+OK"),
            ("INCRBYFLOAT f 1", "ERR value is not a valid float"),
            ("EXISTS nothing", ":0"),
        ],
    );
    for _ in 0..10 {
        store.incrbyfloat("tenths", 0.1).expect("a number");
    }
    assert_eq!(store.get("tenths").expect("a string").expect("it exists"), "1");
    assert_eq!(store.incrbyfloat("tenths", f64::NAN).expect_err("NaN").code(), "ERR");
}

#[test]
fn append_and_setrange_grow_a_string_and_fill_gaps_with_zeros() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("APPEND k abc", ":3"),
            ("APPEND k ''", ":3"),
            ("SETRANGE k 5 xy", ":7"),
            ("GET k", r#""abc\x00\x00xy""#),
            ("SETRANGE k 0 ABC", ":7"),
            ("STRLEN k", ":7"),
            ("SETRANGE nothing 10 ''", ":0"),
            ("EXISTS nothing", ":0"),
            ("SETRANGE k 100 ''", ":7"),
            ("SETRANGE k -1 x", "ERR offset is out of range"),
            ("SETRANGE k abc x", NOT_INTEGER),
            ("SETRANGE new 3 x", ":4"),
            ("GET new", r#""\x00\x00\x00x""#),
        ],
    );
    let mut expected = Vec::new();
    for piece in 0..200_u32 {
        let text = format!("<{piece}>");
        expected.extend_from_slice(text.as_bytes());
        assert_eq!(store.append("long", text), Ok(expected.len()));
    }
    let seen = store.get("long").expect("a string").expect("it exists");
    assert_eq!(seen, expected);
    store.append("long", "more").expect("room");
    assert_eq!(seen, expected, "what a reader holds does not change under it");
}

#[test]
fn a_string_past_the_limit_is_refused_and_nothing_changes() {
    let store = Store::builder().max_string_len(10).build();
    expect(
        &store,
        &[
            ("SET k 12345678901", TOO_LARGE),
            ("SET k 12345", "+OK"),
            ("APPEND k 678901", TOO_LARGE),
            ("SETRANGE k 10 x", TOO_LARGE),
            ("SETRANGE k 9223372036854775807 x", TOO_LARGE),
            ("SETRANGE new 10 x", TOO_LARGE),
            ("APPEND new 12345678901", TOO_LARGE),
            ("GET k", "\"12345\""),
            ("EXISTS new", ":0"),
            ("SETRANGE k 9 x", ":10"),
            ("APPEND k ''", ":10"),
        ],
    );
}

#[test]
fn getrange_takes_positions_from_both_ends() {
    let store = Store::new();
    store.set("k", "This is a string").expect("set");
    store.set("n", "12345").expect("set");
    expect(
        &store,
        &[
            ("GETRANGE k 0 3", "\"This\""),
            ("GETRANGE k -3 -1", "\"ing\""),
            ("GETRANGE k 0 -1", "\"This is a string\""),
            ("GETRANGE k 10 100", "\"string\""),
            ("GETRANGE k 5 4", "\"\""),
            ("GETRANGE k -1 -5", "\"\""),
            ("GETRANGE k -100 -90", "\"T\""),
            ("GETRANGE k -90 -100", "\"\""),
            ("GETRANGE k 0 -100", "\"T\""),
            ("GETRANGE k 16 20", "\"\""),
            ("GETRANGE k -9223372036854775808 9223372036854775807", "\"This is a string\""),
            ("GETRANGE n 1 2", "\"23\""),
            ("GETRANGE nothing 0 -1", "\"\""),
            ("GETRANGE nothing a 0", NOT_INTEGER),
            ("SUBSTR k 0 3", "\"This\""),
        ],
    );
}

#[test]
fn the_encoding_is_the_one_that_a_server_names() {
    let store = Store::new();
    let long = "x".repeat(45);
    store.set("long", &long).expect("set");
    store.set("short", &long[..44]).expect("set");
    expect(
        &store,
        &[
            ("OBJECT ENCODING long", "\"raw\""),
            ("OBJECT ENCODING short", "\"embstr\""),
            ("SET k 20000", "+OK"),
            ("OBJECT ENCODING k", "\"int\""),
            ("APPEND k ''", ":5"),
            ("OBJECT ENCODING k", "\"raw\""),
            ("INCR k", ":20001"),
            ("OBJECT ENCODING k", "\"int\""),
            ("SETRANGE k 0 3", ":5"),
            ("OBJECT ENCODING k", "\"raw\""),
            ("COPY k c", ":1"),
            ("OBJECT ENCODING c", "\"raw\""),
            ("GETSET k 5", "\"30001\""),
            ("OBJECT ENCODING k", "\"int\""),
            ("INCRBYFLOAT k 1", "\"6\""),
            ("OBJECT ENCODING k", "\"embstr\""),
            ("APPEND new 7", ":1"),
            ("OBJECT ENCODING new", "\"int\""),
            ("SET k 9223372036854775808", "+OK"),
            ("OBJECT ENCODING k", "\"embstr\""),
        ],
    );
}

#[test]
fn lcs_finds_the_text_its_length_or_its_places() {
    let store = Store::new();
    store.mset(&[("a", "ohmytext"), ("b", "mynewtext")]).expect("mset");
    expect(
        &store,
        &[
            ("LCS a b", "\"mytext\""),
            ("LCS a b LEN", ":6"),
            ("LCS a nothing", "\"\""),
            ("LCS a b IDX", "{\"matches\"=[[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] \"len\"=:6}"),
            ("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN", "{\"matches\"=[[[:4 :7] [:5 :8] :4]] \"len\"=:6}"),
            ("LCS a b IDX MINMATCHLEN -5 MINMATCHLEN 9", "{\"matches\"=[] \"len\"=:6}"),
            ("LCS a b WITHMATCHLEN", "\"mytext\""),
            ("LCS a b LEN IDX", "ERR If you want both the length and indexes, please just use IDX."),
            ("LCS a b MINMATCHLEN", "ERR syntax error"),
            ("LCS a b MINMATCHLEN x", NOT_INTEGER),
        ],
    );
    assert_eq!(store.lcs_len("a", "b"), Ok(6));
    let places = store.lcs_matches("a", "b", 0).expect("strings");
    assert_eq!((places.matches[1].first.clone(), places.matches[1].second.clone()), (2..4, 0..2));
    let small = Store::builder().max_string_len(16).build();
    small.mset(&[("a", "abc"), ("b", "abc")]).expect("mset");
    let error = small.lcs("a", "b").expect_err("too large a table");
    assert!(error.to_string().starts_with("ERR Insufficient memory"), "{error}");
}
