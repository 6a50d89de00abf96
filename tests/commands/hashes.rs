//! Hashes: fields and values, deadlines of fields, walking and drawing.

use std::collections::BTreeSet;
use std::time::Duration;

use redmoon::{
    Blob, ExpireTime, GetexOption, HsetexOptions, ManualClock, Picks, Protocol, Store, Ttl, Value,
    WalkOptions,
};

use super::expect;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const NO_FIELDS: &str = "ERR Mandatory argument FIELDS is missing or not at the right position";

/// A store whose clock stands at second 1,000, and the clock.
fn timed() -> (Store, ManualClock) {
    let clock = ManualClock::at_millis(1_000_000);
    (Store::builder().clock(clock.clone()).build(), clock)
}

/// A hash of so many fields `f0`, `f1` …, each with its number.
fn filled(store: &Store, key: &str, fields: usize) {
    let pairs: Vec<(String, String)> = (0..fields).map(|n| (format!("f{n}"), n.to_string())).collect();
    store.hset(key, &pairs).expect("HSET");
}

#[test]
fn hset_counts_the_new_fields_and_takes_pairs_only() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("HSET h a", "ERR wrong number of arguments for 'hset' command"),
            ("HSET h a 1 b", "ERR wrong number of arguments for 'hset' command"),
            ("HMSET h a 1 b", "ERR wrong number of arguments for 'hmset' command"),
            ("EXISTS h", ":0"),
            ("HSET h a 1 b 2", ":2"),
            ("HSET h a 1 c 3", ":1"),
            ("HSET h c 4 c 5 d 6 d 7", ":1"),
            ("HMSET h '' ''", "+OK"),
            ("HGETALL h", r#"{"a"="1" "b"="2" "c"="5" "d"="7" ""=""}"#),
            ("HKEYS h", r#"["a" "b" "c" "d" ""]"#),
            ("HVALS h", r#"["1" "2" "5" "7" ""]"#),
            ("HLEN h", ":5"),
            ("HGET h ''", r#""""#),
            ("HMGET h a nothing d", r#"["1" nil "7"]"#),
            ("HSTRLEN h a", ":1"),
            ("HSTRLEN h nothing", ":0"),
            ("HEXISTS h ''", ":1"),
            ("HEXISTS h nothing", ":0"),
            ("HSETNX h a 9", ":0"),
            ("HSETNX h e 9", ":1"),
            ("TYPE h", "+hash"),
        ],
    );
}

#[test]
fn a_missing_key_is_an_empty_hash() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("HGET k f", "nil"),
            ("HMGET k f g", "[nil nil]"),
            ("HGETALL k", "{}"),
            ("HKEYS k", "[]"),
            ("HVALS k", "[]"),
            ("HLEN k", ":0"),
            ("HSTRLEN k f", ":0"),
            ("HEXISTS k f", ":0"),
            ("HDEL k f", ":0"),
            ("HRANDFIELD k", "nil"),
            ("HRANDFIELD k 3", "[]"),
            ("HRANDFIELD k -3 WITHVALUES", "[]"),
            ("HSCAN k 0", r#"["0" []]"#),
            ("HTTL k FIELDS 2 f g", "[:-2 :-2]"),
            ("HEXPIRE k 10 FIELDS 1 f", "[:-2]"),
            ("HPERSIST k FIELDS 1 f", "[:-2]"),
            ("HGETDEL k FIELDS 1 f", "[nil]"),
            ("HGETEX k EX 10 FIELDS 1 f", "[nil]"),
            ("HSETEX k FXX FIELDS 1 f v", ":0"),
            ("EXISTS k", ":0"),
        ],
    );
}

#[test]
fn other_types_are_refused_after_the_arguments_were_read() {
    let store = Store::new();
    store.set("s", "v").expect("SET");
    let refused = [
        "HSET s f v",
        "HSETNX s f v",
        "HGET s f",
        "HMGET s f",
        "HGETALL s",
        "HKEYS s",
        "HVALS s",
        "HLEN s",
        "HSTRLEN s f",
        "HEXISTS s f",
        "HDEL s f",
        "HINCRBY s f 1",
        "HINCRBYFLOAT s f 1",
        "HRANDFIELD s",
        "HRANDFIELD s 0",
        "HSCAN s 0 junk",
        "HEXPIRE s 10 FIELDS 1 f",
        "HTTL s FIELDS 1 f",
        "HEXPIRETIME s FIELDS 1 f",
        "HPERSIST s FIELDS 1 f",
        "HGETDEL s FIELDS 1 f",
        "HGETEX s FIELDS 1 f",
        "HGETEX s PERSIST FIELDS 1 f",
        "HSETEX s FIELDS 1 f v",
    ];
    expect(&store, &refused.map(|line| (line, WRONG_TYPE)));
    expect(
        &store,
        &[
            ("HSET s f", "ERR wrong number of arguments for 'hset' command"),
            ("HINCRBY s f x", NOT_INTEGER),
            ("HINCRBYFLOAT s f x", "ERR value is not a valid float"),
            ("HINCRBYFLOAT s f inf", "ERR value is NaN or Infinity"),
            ("HRANDFIELD s x", NOT_INTEGER),
            ("HRANDFIELD s 1 junk", "ERR syntax error"),
            ("HSCAN s x", "ERR invalid cursor"),
            ("GET s", "\"v\""),
        ],
    );
}

#[test]
fn the_key_goes_with_its_last_field() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("HSET h a 1 b 2 c 3", ":3"),
            ("HDEL h a nothing a", ":1"),
            ("HGETDEL h FIELDS 2 b nothing", r#"["2" nil]"#),
            ("HLEN h", ":1"),
            ("HDEL h c", ":1"),
            ("EXISTS h", ":0"),
            ("DBSIZE", ":0"),
            ("HSET h a 1", ":1"),
            ("HGETDEL h FIELDS 2 a a", r#"["1" nil]"#),
            ("EXISTS h", ":0"),
        ],
    );
}

#[test]
fn hincrby_adds_to_integers_only_and_changes_nothing_otherwise() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("HINCRBY h f 5", ":5"),
            ("HINCRBY h f -7", ":-2"),
            ("HSET h text abc top 9223372036854775807 spaced 01", ":3"),
            ("HINCRBY h text 1", "ERR hash value is not an integer"),
            ("HINCRBY h spaced 1", "ERR hash value is not an integer"),
            ("HINCRBY h top 1", "ERR increment or decrement would overflow"),
            ("HINCRBY h f 1.5", NOT_INTEGER),
            ("HINCRBY new f 9223372036854775808", NOT_INTEGER),
            ("EXISTS new", ":0"),
            ("HMGET h f text top", r#"["-2" "abc" "9223372036854775807"]"#),
        ],
    );
}

#[test]
fn hincrbyfloat_reckons_as_incrbyfloat_does() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("HINCRBYFLOAT h f 10.50", "\"10.5\""),
            ("HINCRBYFLOAT h f 0.1", "\"10.6\""),
            ("HINCRBYFLOAT h f -10.6", "\"0\""),
            ("HSET h i 3 e 5.0e3 t abc inf inf", ":4"),
            ("HINCRBYFLOAT h i 1", "\"4\""),
            ("HINCRBYFLOAT h e 2.0e2", "\"5200\""),
            ("HINCRBYFLOAT h t 1", "ERR hash value is not a float"),
            ("HINCRBYFLOAT h t x", "ERR value is not a valid float"),
            ("HINCRBYFLOAT h f nan", "ERR value is not a valid float"),
            ("HINCRBYFLOAT h f inf", "ERR value is NaN or Infinity"),
            ("HINCRBYFLOAT h inf 1", "ERR increment would produce NaN or Infinity"),
            ("HINCRBYFLOAT new f x", "ERR value is not a valid float"),
            ("EXISTS new", ":0"),
        ],
    );
    let mut sum = 0.0;
    for _ in 0..10 {
        sum = store.hincrbyfloat("h", "tenths", 0.1).expect("a number");
    }
    assert_eq!(sum, 1.0);
    assert!(store.hincrbyfloat("h", "tenths", f64::NAN).is_err());
    assert!(store.hincrbyfloat("h", "tenths", f64::INFINITY).is_err());
}

#[test]
fn the_encoding_is_the_real_servers() {
    let store = Store::new();
    let long = "v".repeat(65);
    let encoding = |key: &str| {
        let reply = store.execute(&["OBJECT", "ENCODING", key]).expect("a key");
        reply.convert::<String>().expect("a name")
    };
    filled(&store, "h", 512);
    assert_eq!(encoding("h"), "listpack");
    store.hset("h", &[("f0", "again")]).expect("HSET");
    assert_eq!(encoding("h"), "listpack");
    store.hset("h", &[("one more", "")]).expect("HSET");
    assert_eq!(encoding("h"), "hashtable");

    store.hset("value", &[("f", &long[1..])]).expect("HSET");
    assert_eq!(encoding("value"), "listpack");
    // A field that is there already is not set, and leaves the form alone.
    store.hsetnx("value", "f", &long).expect("HSETNX");
    assert_eq!(encoding("value"), "listpack");
    // What HSET is given decides, whether or not it is overwritten in the same call.
    store.hset("value", &[("f", long.as_str()), ("f", "short")]).expect("HSET");
    assert_eq!(encoding("value"), "hashtable");
    store.hset("field", &[(&long, "")]).expect("HSET");
    assert_eq!(encoding("field"), "hashtable");
    store.hincrby("counted", &long, 1).expect("HINCRBY");
    assert_eq!(encoding("counted"), "hashtable");
    expect(
        &store,
        &[
            ("HSET ends a 1 b 2", ":2"),
            ("HEXPIRE ends 100 FIELDS 1 a", "[:1]"),
            ("OBJECT ENCODING ends", "\"listpackex\""),
        ],
    );
}

#[test]
fn a_large_hash_answers_as_a_small_one_does() {
    let store = Store::new();
    filled(&store, "h", 1_000);
    assert_eq!(store.hlen("h").unwrap(), 1_000);
    assert_eq!(store.hget("h", "f512").unwrap().unwrap(), "512");
    let all = store.hgetall("h").unwrap();
    assert_eq!(all.len(), 1_000);
    assert!(all.iter().all(|(field, value)| field.ends_with(value.as_bytes())));
    expect(
        &store,
        &[
            ("HINCRBY h f7 3", ":10"),
            ("HINCRBYFLOAT h f8 0.5", "\"8.5\""),
            ("HSETNX h f9 x", ":0"),
            ("HDEL h f1 f2 f3 nothing", ":3"),
            ("HLEN h", ":997"),
            ("HMGET h f1 f7 f8 f9", r#"[nil "10" "8.5" "9"]"#),
            ("HSTRLEN h f999", ":3"),
        ],
    );
    let value = "x".repeat(100_000);
    store.hset("h", &[("long", &value)]).expect("HSET");
    assert_eq!(store.hget("h", "long").unwrap().unwrap(), value.as_str());
    let fields: Vec<Blob> = store.hkeys("h").unwrap();
    assert_eq!(store.hdel("h", &fields).unwrap(), 998);
    assert_eq!(store.exists(&["h"]).unwrap(), 0);
}

#[test]
fn a_copy_and_a_transaction_that_fails_leave_the_hash_as_it_was() {
    let store = Store::new();
    for fields in [3, 500] {
        filled(&store, "h", fields);
        store.execute(&["COPY", "h", "copy", "REPLACE"]).expect("COPY");
        store.hset("copy", &[("f1", "changed"), ("more", "")]).expect("HSET");
        assert_eq!(store.hget("h", "f1").unwrap().unwrap(), "1");
        let failed = store.transaction(&["h"], |tx| {
            tx.execute(&["HSET", "h", "f1", "changed", "more", ""])?;
            tx.execute(&["HDEL", "h", "f2"])?;
            tx.execute(&["HEXPIRE", "h", "100", "FIELDS", "1", "f0"])?;
            Err::<(), _>(redmoon::Error::new("STOP here"))
        });
        assert_eq!(failed.unwrap_err().code(), "STOP");
        assert_eq!(store.hlen("h").unwrap(), fields);
        assert_eq!(store.hmget("h", &["f1", "f2"]).unwrap(), [Some("1".into()), Some("2".into())]);
        assert_eq!(store.httl("h", &["f0"]).unwrap(), [Ttl::Persistent]);
        store.execute(&["DEL", "h"]).expect("DEL");
    }
}

#[test]
fn hrandfield_reads_its_count_before_all_else() {
    let store = Store::new();
    let at_least =
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    expect(
        &store,
        &[
            ("HRANDFIELD h x junk", NOT_INTEGER),
            ("HRANDFIELD h 3 junk", "ERR syntax error"),
            ("HRANDFIELD h 3 WITHVALUES x", "ERR syntax error"),
            ("HRANDFIELD h -9223372036854775808 junk", at_least),
            ("HRANDFIELD h -9223372036854775807", "[]"),
            ("HRANDFIELD h 4611686018427387904 WITHVALUES", "ERR value is out of range"),
            ("HRANDFIELD h -4611686018427387904 WITHVALUES", "ERR value is out of range"),
            ("HSET h a 1 b 2 c 3", ":3"),
            ("HRANDFIELD h 0", "[]"),
            ("HRANDFIELD h 9223372036854775807", r#"["a" "b" "c"]"#),
            ("HRANDFIELD h 4611686018427387903 WITHVALUES", r#"["a" "1" "b" "2" "c" "3"]"#),
        ],
    );
    // A real server fills its memory with this one until the system ends it.
    let refused = store.execute(&["HRANDFIELD", "h", "-9223372036854775807"]).unwrap_err();
    assert!(refused.to_string().starts_with("ERR value is out of range, value must between -"), "{refused}");
    assert!(store.hrandfield_with("h", Picks::Repeated(usize::MAX)).is_err());
    assert_eq!(store.hrandfield_with("h", Picks::Distinct(usize::MAX)).unwrap().len(), 3);
}

#[test]
fn hrandfield_draws_what_is_there_in_every_form() {
    let store = Store::new();
    for fields in [1, 7, 128, 129, 5_000] {
        filled(&store, "h", fields);
        let is_there = |(field, value): &(Blob, Blob)| {
            assert!(field.strip_prefix(b"f") == Some(value.as_bytes()), "{field:?} {value:?}");
        };
        for count in [0, 1, fields / 4, fields / 2, fields, fields + 9] {
            let drawn = store.hrandfield_with("h", Picks::Distinct(count)).unwrap();
            drawn.iter().for_each(is_there);
            let different: BTreeSet<&[u8]> = drawn.iter().map(|(field, _)| field.as_bytes()).collect();
            assert_eq!(different.len(), count.min(fields), "{count} of {fields}");
        }
        let drawn = store.hrandfield_with("h", Picks::Repeated(50)).unwrap();
        assert_eq!(drawn.len(), 50);
        drawn.iter().for_each(is_there);
        assert!(store.hexists("h", store.hrandfield("h").unwrap().unwrap()).unwrap());
        store.execute(&["DEL", "h"]).expect("DEL");
    }
}

#[test]
fn in_resp3_maps_are_maps_and_drawn_pairs_are_arrays() {
    let store = Store::new();
    let mut session = redmoon::Engine::new(store).session();
    let run = |session: &mut redmoon::Session, line: &str| {
        super::show(&session.execute(&line.split(' ').collect::<Vec<_>>()))
    };
    run(&mut session, "HSET h a 1 b 2");
    assert_eq!(run(&mut session, "HRANDFIELD h 2 WITHVALUES"), r#"["a" "1" "b" "2"]"#);
    run(&mut session, "HELLO 3");
    assert_eq!(session.protocol(), Protocol::Resp3);
    assert_eq!(run(&mut session, "HGETALL h"), r#"{"a"="1" "b"="2"}"#);
    assert_eq!(run(&mut session, "HRANDFIELD h 2 WITHVALUES"), r#"[["a" "1"] ["b" "2"]]"#);
    assert_eq!(run(&mut session, "HRANDFIELD h 2"), r#"["a" "b"]"#);
    assert_eq!(run(&mut session, "HSCAN h 0"), r#"["0" ["a" "1" "b" "2"]]"#);
    assert_eq!(run(&mut session, "HINCRBYFLOAT h a 0.5"), "\"1.5\"");
}

#[test]
fn hscan_reads_options_only_if_there_is_a_hash() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("HSCAN h x", "ERR invalid cursor"),
            ("HSCAN h 0 junk", r#"["0" []]"#),
            ("HSCAN h 0 COUNT", r#"["0" []]"#),
            ("HSET h a 1 b 2 22 3", ":3"),
            ("HSCAN h 0", r#"["0" ["a" "1" "b" "2" "22" "3"]]"#),
            ("HSCAN h 77", r#"["0" ["a" "1" "b" "2" "22" "3"]]"#),
            ("HSCAN h ''", r#"["0" ["a" "1" "b" "2" "22" "3"]]"#),
            ("HSCAN h 0 junk", "ERR syntax error"),
            ("HSCAN h 0 COUNT", "ERR syntax error"),
            ("HSCAN h 0 COUNT 0", "ERR syntax error"),
            ("HSCAN h 0 COUNT x", NOT_INTEGER),
            ("HSCAN h 0 MATCH", "ERR syntax error"),
            ("HSCAN h 0 TYPE hash", "ERR syntax error"),
            ("HSCAN h 0 MATCH [b2]*", r#"["0" ["b" "2" "22" "3"]]"#),
            ("HSCAN h 0 match b count 1", r#"["0" ["b" "2"]]"#),
            ("HSCAN h 0 NOVALUES", r#"["0" ["a" "b" "22"]]"#),
            ("HSCAN h 0 COUNT 5 novalues MATCH 2*", r#"["0" ["22"]]"#),
        ],
    );
}

#[test]
fn hscan_goes_through_a_large_hash_in_steps_and_misses_nothing_that_stays() {
    let store = Store::new();
    filled(&store, "h", 2_000);
    let (mut cursor, mut seen, mut calls) = (0, BTreeSet::new(), 0);
    loop {
        let (next, found) = store.hscan("h", cursor, &WalkOptions::new().count(20)).unwrap();
        assert!(found.len() < 40, "{} fields in one step", found.len());
        seen.extend(found.into_iter().map(|(field, _)| field.to_vec()));
        cursor = next;
        calls += 1;
        if cursor == 0 {
            break;
        }
        // Meanwhile others come and go, and the table grows and shrinks.
        let passing: Vec<(String, &str)> = (0..calls * 20).map(|n| (format!("passing{n}"), "")).collect();
        store.hset("h", &passing).unwrap();
        if calls % 5 == 0 {
            let gone: Vec<&String> = passing.iter().map(|(field, _)| field).collect();
            store.hdel("h", &gone).unwrap();
        }
        assert!(calls < 10_000, "HSCAN does not end");
    }
    assert!((0..2_000).all(|n| seen.contains(format!("f{n}").as_bytes())));
}

#[test]
fn a_field_past_its_time_is_gone_for_every_reader() {
    // In a small hash and in a large one, where the other fields are not asked about.
    for others in [0, 300] {
        let (store, clock) = timed();
        expect(
            &store,
            &[
                ("HSET h a 1 b 2 c 3", ":3"),
                ("HPEXPIRE h 500 FIELDS 1 a", "[:1]"),
                ("HEXPIRE h 10 FIELDS 1 b", "[:1]"),
            ],
        );
        filled(&store, "h", others);
        clock.set_millis(1_000_500);
        expect(&store, &[("HGET h a", "\"1\""), ("HPTTL h FIELDS 1 a", "[:0]")]);
        clock.set_millis(1_000_501);
        expect(
            &store,
            &[
                ("HGET h a", "nil"),
                ("HMGET h a b", r#"[nil "2"]"#),
                ("HEXISTS h a", ":0"),
                ("HSTRLEN h a", ":0"),
                ("HTTL h FIELDS 3 a b c", "[:-2 :10 :-1]"),
                ("HEXPIRE h 10 FIELDS 1 a", "[:-2]"),
                ("HPERSIST h FIELDS 1 a", "[:-2]"),
                ("HGETDEL h FIELDS 1 a", "[nil]"),
                ("HGETEX h FIELDS 2 a b", r#"[nil "2"]"#),
            ],
        );
        assert_eq!(store.hlen("h").unwrap(), others + 2);
        assert_eq!(store.hgetall("h").unwrap().len(), others + 2);
        assert_eq!(store.hrandfield_with("h", Picks::Distinct(1_000)).unwrap().len(), others + 2);
        let (_, found) = store.hscan("h", 0, &WalkOptions::new().count(1_000)).unwrap();
        assert_eq!(found.len(), others + 2);
        // Whoever writes begins anew.
        expect(&store, &[("HDEL h a", ":0"), ("HINCRBY h a 5", ":5"), ("HTTL h FIELDS 1 a", "[:-1]")]);
    }
}

#[test]
fn a_hash_goes_with_the_last_of_its_times() {
    for others in [0, 300] {
        let (store, clock) = timed();
        filled(&store, "h", others);
        let fields: Vec<Blob> = store.hkeys("h").unwrap();
        if others > 0 {
            store.hpexpire("h", 700, &fields).unwrap();
        }
        expect(
            &store,
            &[
                ("HSET h a 1 b 2", ":2"),
                ("HPEXPIRE h 500 FIELDS 1 a", "[:1]"),
                ("HPEXPIRE h 900 FIELDS 1 b", "[:1]"),
            ],
        );
        clock.set_millis(1_000_900);
        expect(
            &store,
            &[("EXISTS h", ":1"), ("HLEN h", ":1"), ("TYPE h", "+hash"), ("HGETALL h", r#"{"b"="2"}"#)],
        );
        clock.set_millis(1_000_901);
        expect(
            &store,
            &[
                ("EXISTS h", ":0"),
                ("DBSIZE", ":0"),
                ("TYPE h", "+none"),
                ("HLEN h", ":0"),
                ("HGETALL h", "{}"),
                ("HSETEX h FXX FIELDS 1 a 1", ":0"),
                ("HRANDFIELD h", "nil"),
                ("SET h string NX", "+OK"),
            ],
        );
    }
}

#[test]
fn a_new_value_takes_the_deadline_away_and_a_sum_does_not() {
    for others in [0, 300] {
        let (store, _) = timed();
        filled(&store, "h", others);
        expect(
            &store,
            &[
                ("HSET h a 1 b 2 c 3 d 4 e 5", ":5"),
                ("HEXPIRE h 100 FIELDS 5 a b c d e", "[:1 :1 :1 :1 :1]"),
                ("HSET h a 1000000", ":0"),
                ("HINCRBY h b 1000000", ":1000002"),
                ("HINCRBYFLOAT h c 0.25", "\"3.25\""),
                ("HSETNX h d 9", ":0"),
                ("HSETEX h KEEPTTL FIELDS 1 e 5000000", ":1"),
                ("HTTL h FIELDS 5 a b c d e", "[:-1 :100 :100 :100 :100]"),
                ("HSETEX h FIELDS 1 e 5", ":1"),
                ("HTTL h FIELDS 1 e", "[:-1]"),
            ],
        );
    }
}

#[test]
fn hexpire_holds_its_condition_against_each_field() {
    for others in [0, 300] {
        let (store, _) = timed();
        filled(&store, "h", others);
        expect(
            &store,
            &[
                ("HSET h a 1 b 2 c 3 d 4", ":4"),
                ("HEXPIRE h 100 FIELDS 1 a", "[:1]"),
                ("HEXPIRE h 200 nx FIELDS 3 a b z", "[:0 :1 :-2]"),
                ("HEXPIRE h 300 XX FIELDS 2 a c", "[:1 :0]"),
                ("HEXPIRE h 250 GT FIELDS 3 a b c", "[:0 :1 :0]"),
                ("HEXPIRE h 260 LT FIELDS 3 a b c", "[:1 :0 :1]"),
                ("HTTL h FIELDS 5 a b c d z", "[:260 :250 :260 :-1 :-2]"),
                ("HPEXPIRETIME h FIELDS 2 a d", "[:1260000 :-1]"),
                ("HEXPIRETIME h FIELDS 2 a z", "[:1260 :-2]"),
                ("HPEXPIREAT h 1500001 FIELDS 1 a", "[:1]"),
                // Seconds are rounded up.
                ("HTTL h FIELDS 1 a", "[:501]"),
                ("HEXPIRETIME h FIELDS 1 a", "[:1501]"),
                ("HPTTL h FIELDS 1 a", "[:500001]"),
                // The condition comes before the time, which is past.
                ("HPEXPIREAT h 1 NX FIELDS 4 a c d z", "[:0 :0 :2 :-2]"),
                ("HEXPIRE h 0 FIELDS 1 c", "[:2]"),
                ("HEXISTS h c", ":0"),
                ("HPERSIST h FIELDS 3 a c z", "[:1 :-2 :-2]"),
                ("HPERSIST h FIELDS 1 a", "[:-1]"),
                ("HDEL h a b", ":2"),
            ],
        );
    }
}

#[test]
fn the_fields_are_counted_and_stand_at_the_end() {
    let store = Store::new();
    let counted = "ERR The `numfields` parameter must match the number of arguments";
    let positive = "ERR Number of fields must be a positive integer";
    let greater = "ERR Parameter `numFields` should be greater than 0";
    expect(
        &store,
        &[
            ("HEXPIRE h 10 FIELDS 1", "ERR wrong number of arguments for 'hexpire' command"),
            ("HEXPIRE h x FIELDS 1 a", NOT_INTEGER),
            ("HEXPIRE h 10 FIELDS x a", greater),
            ("HEXPIRE h 10 FIELDS 0 a", greater),
            ("HEXPIRE h 10 FIELDS 2 a", counted),
            ("HEXPIRE h 10 FIELDS 1 a b", counted),
            ("HEXPIRE h 10 NX XX FIELDS 1 a", NO_FIELDS),
            ("HEXPIRE h 10 junk FIELDS 1 a", NO_FIELDS),
            ("HEXPIRE h -1 FIELDS 1 a", "ERR invalid expire time, must be >= 0"),
            ("HEXPIRE h 9223372036854775807 FIELDS 1 a", "ERR invalid expire time in 'hexpire' command"),
            ("HPEXPIREAT h 70368744177663 FIELDS 1 a", "[:-2]"),
            ("HPEXPIREAT h 70368744177664 FIELDS 1 a", "ERR invalid expire time in 'hpexpireat' command"),
            ("HTTL h 1 1 a", NO_FIELDS),
            ("HTTL h FIELDS 0 a", positive),
            ("HTTL h FIELDS 9223372036854775808 a", positive),
            ("HPTTL h FIELDS 3 a b", counted),
            ("HPERSIST h FIELDS -1 a", positive),
            ("HGETDEL h FIELDS 2 a", counted),
            ("HGETDEL h FIELDS x a", positive),
            ("HGETEX h FIELDS 0 a", positive),
            ("HGETEX h PERSIST 1 FIELDS 1 a", NO_FIELDS),
            ("HGETEX h EX x FIELDS 1 a", NOT_INTEGER),
            ("HGETEX h EX -1 FIELDS 1 a", "ERR invalid expire time, must be >= 0"),
            ("HGETEX h EX 9223372036854775807 FIELDS 1 a", "ERR invalid expire time in 'hgetex' command"),
        ],
    );
}

#[test]
fn hgetex_answers_before_it_changes() {
    let (store, _) = timed();
    expect(
        &store,
        &[
            ("HSET h a 1 b 2 c 3", ":3"),
            ("HGETEX h EX 100 FIELDS 2 a z", r#"["1" nil]"#),
            ("HTTL h FIELDS 2 a b", "[:100 :-1]"),
            ("HGETEX h FIELDS 1 a", r#"["1"]"#),
            ("HGETEX h PXAT 2000000 FIELDS 1 b", r#"["2"]"#),
            ("HTTL h FIELDS 2 a b", "[:100 :1000]"),
            ("HGETEX h PERSIST FIELDS 2 a b", r#"["1" "2"]"#),
            ("HTTL h FIELDS 2 a b", "[:-1 :-1]"),
            ("HGETEX h EXAT 1 FIELDS 3 a b a", r#"["1" "2" "1"]"#),
            ("HGETALL h", r#"{"c"="3"}"#),
            ("HGETEX h PX 0 FIELDS 1 c", r#"["3"]"#),
            ("EXISTS h", ":0"),
        ],
    );
    store.hset("h", &[("a", "1")]).unwrap();
    assert_eq!(store.hgetex("h", &["a"], GetexOption::Px(10)).unwrap(), [Some("1".into())]);
    assert_eq!(store.hexpiretime("h", &["a"]).unwrap(), [ExpireTime::AtMillis(1_000_010)]);
}

#[test]
fn hsetex_sets_all_fields_or_none() {
    let (store, clock) = timed();
    let times = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
    let conditions = "ERR Only one of FXX or FNX arguments can be specified";
    let arity = "ERR wrong number of arguments for 'hsetex' command";
    expect(
        &store,
        &[
            ("HSETEX h FXX FIELDS 2 a 1 b 2", ":0"),
            ("EXISTS h", ":0"),
            ("HSETEX h FNX EX 100 FIELDS 2 a 1 b 2", ":1"),
            ("HTTL h FIELDS 2 a b", "[:100 :100]"),
            ("HSETEX h FNX FIELDS 2 b 3 c 3", ":0"),
            ("HSETEX h FXX FIELDS 2 b 3 c 3", ":0"),
            ("HSETEX h PX 5000 fxx FIELDS 2 a 5 b 6", ":1"),
            ("HGETALL h", r#"{"a"="5" "b"="6"}"#),
            ("HPTTL h FIELDS 2 a b", "[:5000 :5000]"),
            ("HSETEX h EXAT 1 FIELDS 2 b 7 c 8", ":1"),
            ("HGETALL h", r#"{"a"="5"}"#),
            ("HSETEX h FNX FXX FIELDS 1 a 1", conditions),
            ("HSETEX h EX 1 PX 1 FIELDS 1 a 1", times),
            ("HSETEX h KEEPTTL EX 1 FIELDS 1 a 1", times),
            ("HSETEX h EX FIELDS 1 a 1", NOT_INTEGER),
            ("HSETEX h NX FIELDS 1 a 1", "ERR unknown argument: NX"),
            ("HSETEX h EX -1 FIELDS 1 a 1", "ERR invalid expire time, must be >= 0"),
            ("HSETEX h FIELDS x a 1", "ERR invalid number of fields"),
            ("HSETEX h FIELDS 0 a 1", "ERR invalid number of fields"),
            ("HSETEX h FIELDS 2 a 1", arity),
            ("HSETEX h FIELDS 1 a 1 b", arity),
            ("HSETEX h FIELDS 1 a", arity),
        ],
    );
    let options = HsetexOptions::new().if_all_exist().keep_ttl();
    assert!(store.hsetex("h", &[("a", "9")], options).unwrap());
    clock.advance(Duration::from_secs(6));
    assert_eq!(store.hget("h", "a").unwrap(), None);
    assert_eq!(store.exists(&["h"]).unwrap(), 0);
}

#[test]
fn deadlines_of_fields_go_where_the_hash_goes() {
    let (store, clock) = timed();
    expect(
        &store,
        &[
            ("HSET h a 1 b 2", ":2"),
            ("HEXPIRE h 10 FIELDS 1 a", "[:1]"),
            ("RENAME h other", "+OK"),
            ("COPY other copy", ":1"),
            ("HTTL copy FIELDS 2 a b", "[:10 :-1]"),
            ("EXPIRE copy 5", ":1"),
            ("HPERSIST other FIELDS 1 a", "[:1]"),
            ("HTTL copy FIELDS 1 a", "[:10]"),
        ],
    );
    clock.advance(Duration::from_secs(6));
    expect(&store, &[("EXISTS copy", ":0"), ("HGETALL other", r#"{"a"="1" "b"="2"}"#)]);
}

#[test]
fn a_script_sees_hashes_as_flat_tables_and_time_stands_still() {
    let (store, _) = timed();
    let engine = redmoon::Engine::new(store);
    let script = engine.script(
        "redis.call('HSET', KEYS[1], 'a', 1, 'b', 2)
         redis.call('HPEXPIRE', KEYS[1], 5, 'FIELDS', 1, 'a')
         local all = redis.call('HGETALL', KEYS[1])
         return {#all, all[1], all[2], redis.call('HGET', KEYS[1], 'nothing'), redis.call('HPTTL', KEYS[1], 'FIELDS', 1, 'a')[1]}",
    );
    let reply: Value = script.key("h").invoke().expect("it runs");
    assert_eq!(super::show_value(&reply), r#"[:4 "a" "1" nil :5]"#);
}
