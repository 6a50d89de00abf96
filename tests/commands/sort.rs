//! SORT: orders of numbers and of texts, patterns, limits, destinations.

use std::collections::BTreeSet;

use redmoon::{Blob, Engine, Error, ErrorKind, SortOptions, Store, Value};

use super::expect;

const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const NOT_NUMBERS: &str = "ERR One or more scores can't be converted into double";
const SYNTAX: &str = "ERR syntax error";
const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// A list of bytes in the order that a command gives; `\0` may be in them.
fn sort(store: &Store, key: &str, options: &SortOptions) -> Vec<String> {
    let values = store.sort(key, options).unwrap();
    values.into_iter().map(|value| String::from_utf8_lossy(&value.unwrap()).into_owned()).collect()
}

#[test]
fn options_are_read_before_the_key_is_looked_at() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET str x", "+OK"),
            ("SORT", "ERR wrong number of arguments for 'sort' command"),
            ("SORT no", "[]"),
            ("SORT str", WRONG_TYPE),
            ("SORT str FOO", SYNTAX),
            ("SORT no LIMIT", SYNTAX),
            ("SORT no LIMIT 0", SYNTAX),
            ("SORT str LIMIT x 1", NOT_INTEGER),
            ("SORT no LIMIT 0 x", NOT_INTEGER),
            ("SORT no LIMIT x y FOO", NOT_INTEGER),
            ("SORT no FOO LIMIT x y", SYNTAX),
            ("SORT no BY", SYNTAX),
            ("SORT no GET", SYNTAX),
            ("SORT no STORE", SYNTAX),
            ("SORT_RO no STORE d", SYNTAX),
            ("SORT_RO no", "[]"),
        ],
    );
}

#[test]
fn numbers_are_sorted_as_numbers_and_texts_as_bytes() {
    expect(
        &Store::new(),
        &[
            ("RPUSH l 3 1 2 10", ":4"),
            ("SORT l", r#"["1" "2" "3" "10"]"#),
            ("SORT l desc", r#"["10" "3" "2" "1"]"#),
            ("SORT l ASC DESC", r#"["10" "3" "2" "1"]"#),
            ("SORT l DESC ASC", r#"["1" "2" "3" "10"]"#),
            ("SORT l alpha", r#"["1" "10" "2" "3"]"#),
            ("SORT l ALPHA DESC", r#"["3" "2" "10" "1"]"#),
            ("SORT_RO l ALPHA LIMIT 0 1", r#"["1"]"#),
            ("RPUSH m a 1", ":2"),
            ("SORT m", NOT_NUMBERS),
            ("SORT m GET #", NOT_NUMBERS),
            ("SORT m ALPHA", r#"["1" "a"]"#),
            ("RPUSH n 9007199254740993 9007199254740992 1 01 1.0 -0 0 +1 -inf 0x10 1e2 inf", ":12"),
            // Equal numbers are in the order of their spellings.
            (
                "SORT n",
                r#"["-inf" "-0" "0" "+1" "01" "1" "1.0" "0x10" "1e2" "9007199254740992" "9007199254740993" "inf"]"#,
            ),
            ("SORT n DESC LIMIT 3 5", r#"["1e2" "0x10" "1.0" "1" "01"]"#),
        ],
    );
}

#[test]
fn what_is_no_number_is_refused_and_nothing_stored() {
    let store = Store::new();
    store.set("dst", "old").unwrap();
    for odd in [" ", "5 ", "1e400", "1e-310", "nan", "0x", "1e", "x", "9 9"] {
        store.del(&["l"]).unwrap();
        store.rpush("l", &["1", odd]).unwrap();
        let error = store.sort("l", &SortOptions::new()).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), (NOT_NUMBERS, ErrorKind::InvalidArgument));
        assert!(store.sort_store("l", &SortOptions::new(), "dst").is_err());
        assert_eq!(store.get("dst").unwrap().unwrap(), "old");
        assert_eq!(sort(&store, "l", &SortOptions::new().unsorted()), ["1", odd]);
    }
    store.del(&["l"]).unwrap();
    store.rpush("l", &["5\0abc", " 4", "", "\t6"]).unwrap();
    assert_eq!(sort(&store, "l", &SortOptions::new()), ["", " 4", "5\0abc", "\t6"]);
}

#[test]
fn limits_may_reach_beyond_both_ends() {
    let store = Store::new();
    expect(&store, &[("RPUSH l 3 1 2 10", ":4")]);
    for (limit, expected) in [
        ("1 2", r#"["2" "3"]"#),
        ("-1 2", r#"["1" "2"]"#),
        ("1 -1", r#"["2" "3" "10"]"#),
        ("-5 -1", r#"["1" "2" "3" "10"]"#),
        ("9223372036854775807 9223372036854775807", "[]"),
        ("1 9223372036854775807", r#"["2" "3" "10"]"#),
        ("10 2", "[]"),
        ("0 0", "[]"),
        ("0 1 LIMIT 2 1", r#"["3"]"#),
    ] {
        expect(&store, &[(&format!("SORT l LIMIT {limit}"), expected)]);
    }
}

#[test]
fn patterns_lead_to_strings_and_to_fields_of_hashes() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("RPUSH l c a b", ":3"),
            ("MSET w_a 2 w_b 1 w_a_* second h->a arrow", "+OK"),
            ("HSET h_a f 5 g x f->g both f* star", ":4"),
            ("HSET h_b f 4", ":1"),
            ("HSET h_c f 6", ":1"),
            ("HSET h_a_x f deep", ":1"),
            // What is missing counts as 0.
            ("SORT l BY w_*", r#"["c" "b" "a"]"#),
            ("SORT l BY nothing_*", r#"["a" "b" "c"]"#),
            ("SORT l BY nothing_* DESC", r#"["c" "b" "a"]"#),
            ("SORT l BY w_* GET w_* GET # GET nostar", r#"[nil "c" nil "1" "b" nil "2" "a" nil]"#),
            ("SORT l BY h_*->f", r#"["b" "a" "c"]"#),
            ("SORT l BY h_*->f DESC LIMIT 0 1 GET h_*->f", r#"["6"]"#),
            ("SORT l BY h_*->g", NOT_NUMBERS),
            ("SORT l BY h_*->g ALPHA", r#"["c" "b" "a"]"#),
            ("SORT l ALPHA GET h_*->g", r#"["x" nil nil]"#),
            ("SORT l ALPHA GET h_*->", "[nil nil nil]"),
            ("SORT l ALPHA GET h_*->nothing", "[nil nil nil]"),
            // A hash is no string, and a string has no fields.
            ("SORT l ALPHA GET h_* GET w_*->f LIMIT 0 1", "[nil nil]"),
            // Only the first star is one, and an arrow counts behind it.
            ("SORT l ALPHA GET w_*_* LIMIT 0 1", r#"["second"]"#),
            ("SORT l ALPHA GET h->* LIMIT 0 1", r#"["arrow"]"#),
            ("SORT l ALPHA GET h_*_x->f LIMIT 0 1", r#"["deep"]"#),
            ("SORT l ALPHA GET h_*->f->g LIMIT 0 1", r#"["both"]"#),
            ("SORT l ALPHA GET h_*->f* LIMIT 0 1", r#"["star"]"#),
            ("SORT l GET ''", NOT_NUMBERS),
        ],
    );
}

#[test]
fn a_pattern_without_a_star_leaves_the_order() {
    expect(
        &Store::new(),
        &[
            ("RPUSH l c a b", ":3"),
            ("SORT l BY nosort", r#"["c" "a" "b"]"#),
            ("SORT l BY # ALPHA", r#"["c" "a" "b"]"#),
            ("SORT l BY ''", r#"["c" "a" "b"]"#),
            ("SORT l BY nosort BY w_*", r#"["c" "a" "b"]"#),
            ("SORT l BY w_* BY nosort", r#"["c" "a" "b"]"#),
            ("SORT l BY nosort DESC", r#"["b" "a" "c"]"#),
            ("SORT l BY nosort DESC LIMIT 1 2", r#"["a" "c"]"#),
            ("SORT l BY nosort LIMIT -3 2", r#"["c" "a"]"#),
            ("SORT l BY nosort LIMIT 5 2", "[]"),
            ("ZADD z 3 c 1 a 2 b", ":3"),
            ("SORT z BY nosort", r#"["a" "b" "c"]"#),
            ("SORT z BY nosort DESC LIMIT 0 2", r#"["c" "b"]"#),
            ("SORT z BY nosort DESC LIMIT 1 1", r#"["b"]"#),
            ("SORT z BY nosort LIMIT 1 -4", r#"["b" "c"]"#),
            ("SORT z", NOT_NUMBERS),
            ("SORT z ALPHA DESC", r#"["c" "b" "a"]"#),
            ("SADD i 3 1 2 10", ":4"),
            ("SORT i BY nosort DESC", r#"["1" "2" "3" "10"]"#),
            ("SORT i DESC", r#"["10" "3" "2" "1"]"#),
        ],
    );
}

#[test]
fn equal_texts_stay_in_the_order_of_the_list() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("RPUSH l c a b x y x", ":6"),
            ("MSET v_a z v_c z", "+OK"),
            ("SORT l BY v_* ALPHA", r#"["b" "x" "y" "x" "c" "a"]"#),
            ("SORT l BY v_* ALPHA DESC", r#"["c" "a" "b" "x" "y" "x"]"#),
        ],
    );
    // A NUL ends a text, unless the result is stored.
    let alpha = SortOptions::new().alpha();
    store.rpush("nul", &["a\0c", "a\0b", "a\0a", "a"]).unwrap();
    assert_eq!(sort(&store, "nul", &alpha), ["a\0c", "a\0b", "a\0a", "a"]);
    assert_eq!(sort(&store, "nul", &alpha.clone().descending()), ["a\0c", "a\0b", "a\0a", "a"]);
    store.sort_store("nul", &alpha, "stored").unwrap();
    assert_eq!(store.lrange("stored", 0, -1).unwrap(), ["a", "a\0a", "a\0b", "a\0c"]);
    let bytes: [&[u8]; 7] = [b"\xff", b"\x7f", b"a", b"\xc3\xa9", b"e", b"E", b"_"];
    store.rpush("bytes", &bytes).unwrap();
    let values: Vec<Blob> = store.sort("bytes", &alpha).unwrap().into_iter().flatten().collect();
    let expected: [&[u8]; 7] = [b"E", b"_", b"a", b"e", b"\x7f", b"\xc3\xa9", b"\xff"];
    assert!(values.iter().map(Blob::as_bytes).eq(expected));
}

#[test]
fn the_result_is_stored_as_a_list_without_a_deadline() {
    expect(
        &Store::new(),
        &[
            ("RPUSH l 3 1 2", ":3"),
            ("SET dst x EX 100", "+OK"),
            ("SORT l STORE dst", ":3"),
            ("TTL dst", ":-1"),
            ("TYPE dst", "+list"),
            ("LRANGE dst 0 -1", r#"["1" "2" "3"]"#),
            ("SET w_1 one", "+OK"),
            ("SORT l GET w_* GET # STORE dst", ":6"),
            ("LRANGE dst 0 -1", r#"["one" "1" "" "2" "" "3"]"#),
            ("SORT l STORE other STORE l", ":3"),
            ("LRANGE l 0 -1", r#"["1" "2" "3"]"#),
            ("EXISTS other", ":0"),
            ("SORT l LIMIT 5 1 STORE dst", ":0"),
            ("EXISTS dst", ":0"),
            ("SET dst x", "+OK"),
            ("SORT no STORE dst", ":0"),
            ("EXISTS dst", ":0"),
            // A set in no order gets one.
            ("SADD s 2 c a 10 b", ":5"),
            ("SORT s BY nosort STORE dst", ":5"),
            ("LRANGE dst 0 -1", r#"["10" "2" "a" "b" "c"]"#),
            ("SORT s BY nosort DESC LIMIT 0 2 STORE dst", ":2"),
            ("LRANGE dst 0 -1", r#"["c" "b"]"#),
            ("SORT l STORE STORE", ":3"),
            ("LRANGE STORE 0 -1", r#"["1" "2" "3"]"#),
        ],
    );
}

#[test]
fn a_script_gets_a_set_in_order() {
    let store = Store::new();
    store.sadd("i", &["3", "1", "2", "10"]).unwrap();
    let engine = Engine::new(store);
    for (options, expected) in [
        ("'BY', 'nosort'", r#"["1" "10" "2" "3"]"#),
        ("'BY', 'nosort', 'DESC'", r#"["3" "2" "10" "1"]"#),
        ("'BY', 'nosort', 'GET', '#', 'LIMIT', 1, 5", r#"["10" "2" "3"]"#),
        ("", r#"["1" "2" "3" "10"]"#),
    ] {
        for name in ["SORT", "SORT_RO"] {
            let comma = if options.is_empty() { "" } else { ", " };
            let script = format!("return redis.call('{name}', KEYS[1]{comma}{options})");
            let reply: Value = engine.script(script.as_str()).key("i").invoke().unwrap();
            assert_eq!(super::show_value(&reply), expected, "{script}");
        }
    }
}

#[test]
fn patterns_need_the_right_to_touch_any_key() {
    let store = Store::new();
    store.rpush("l", &["2", "1"]).unwrap();
    let engine = Engine::builder(store.clone()).allow_undeclared_keys(false).build();
    let run = |command: &str| engine.eval(format!("return redis.call({command})"), &["l", "d"], &["x"]);
    assert!(run("'SORT', 'l'").is_ok());
    assert!(run("'SORT', 'l', 'BY', 'nosort', 'GET', '#'").is_ok());
    assert_eq!(run("'SORT', 'l', 'STORE', 'd'").unwrap(), Value::Integer(2));
    let refused = run("'SORT', 'l', 'STORE', 'other'").unwrap_err().to_string();
    let expected = "ERR script tried accessing undeclared key, key: other script: ";
    assert!(refused.starts_with(&crate::scripting::returned(expected.into())), "{refused}");
    for pattern in ["'SORT', 'l', 'BY', 'w_*'", "'SORT_RO', 'l', 'GET', 'w_*'"] {
        let refused = run(pattern).unwrap_err().to_string();
        assert!(refused.starts_with("ERR This Redis command is not allowed from script"), "{refused}");
    }
    let result: Result<(), Error> = store.transaction(&["l", "e"], |tx| {
        tx.execute(&["SORT", "l", "STORE", "e"])?;
        let refused = tx.execute(&["SORT", "l", "BY", "w_*"]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotAllowed);
        Ok(())
    });
    result.unwrap();
    assert_eq!(store.lrange("e", 0, -1).unwrap(), ["1", "2"]);
}

#[test]
fn command_getkeys_finds_the_last_destination() {
    expect(
        &Store::new(),
        &[
            ("COMMAND GETKEYS SORT a BY w_* GET x_* STORE b STORE c", r#"["a" "c"]"#),
            ("COMMAND GETKEYS SORT a LIMIT 0 1 STORE b", r#"["a" "b"]"#),
            ("COMMAND GETKEYS SORT a BY STORE b", r#"["a"]"#),
            ("COMMAND GETKEYS SORT a STORE", r#"["a"]"#),
            ("COMMAND GETKEYS SORT a ASC junk STORE b", r#"["a" "b"]"#),
            ("COMMAND GETKEYS SORT_RO a STORE b", r#"["a"]"#),
        ],
    );
}

/// The keys are in shards of their own; every sort locks what it needs, and nobody waits for ever.
#[test]
fn sorts_by_other_keys_run_beside_writes_to_them() {
    let store = Store::new();
    let members: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    store.sadd("s", &members).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4usize {
            let (store, members) = (&store, &members);
            scope.spawn(move || {
                for round in 0..200usize {
                    let weight = (round * 7 + thread).to_string();
                    store.set(format!("w_{}", round % 50), &weight).unwrap();
                    if round % 4 == thread {
                        let options = SortOptions::new().by("w_*").get("#");
                        let sorted = sort(store, "s", &options);
                        let all: BTreeSet<&String> = sorted.iter().collect();
                        assert_eq!(all.len(), members.len());
                        store.sort_store("s", &options, format!("sorted {thread}")).unwrap();
                    }
                }
            });
        }
    });
}

#[test]
fn a_part_of_many_is_the_part_of_the_whole_order() {
    let store = Store::new();
    let mut state = 12_345u32;
    let mut elements = Vec::new();
    for _ in 0..5_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        elements.push((state >> 12) as i32 % 3_000 - 1_000);
    }
    store.rpush("l", &elements.iter().map(i32::to_string).collect::<Vec<_>>()).unwrap();
    let mut numbers = elements.clone();
    numbers.sort_unstable();
    let mut texts: Vec<String> = elements.iter().map(i32::to_string).collect();
    texts.sort();
    for (offset, count) in [(0, 10), (4_990, 100), (2_000, 1), (1_234, 2_345), (0, 5_000)] {
        let part = offset..(offset + count).min(5_000);
        let limited = SortOptions::new().limit(offset, count);
        let spelled: Vec<String> = numbers[part.clone()].iter().map(i32::to_string).collect();
        assert_eq!(sort(&store, "l", &limited), spelled);
        assert_eq!(sort(&store, "l", &limited.clone().alpha()), texts[part.clone()]);
        let reversed: Vec<String> = texts.iter().rev().skip(offset).take(count).cloned().collect();
        assert_eq!(sort(&store, "l", &limited.alpha().descending()), reversed);
    }
}
