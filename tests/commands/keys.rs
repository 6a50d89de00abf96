//! Keys of any type, whole databases, OBJECT.

use std::collections::HashSet;
use std::time::Duration;

use redmoon::{CopyOptions, ManualClock, ScanOptions, Store, Ttl};

use super::expect;

const OUT_OF_RANGE: &str = "ERR DB index is out of range";
const NOT_INT: &str = "ERR value is out of range, value must between -2147483648 and 2147483647";
const SAME: &str = "ERR source and destination objects are the same";

#[test]
fn keys_are_counted_as_often_as_they_are_named_and_removed_once() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("MSET a 1 b 2 c 3", "+OK"),
            ("EXISTS a a nothing", ":2"),
            ("TOUCH a b nothing", ":2"),
            ("DEL a a nothing", ":1"),
            ("UNLINK b c b", ":2"),
            ("DBSIZE", ":0"),
            ("DEL", "ERR wrong number of arguments for 'del' command"),
            ("TYPE a", "+none"),
            ("SET a 1", "+OK"),
            ("TYPE a", "+string"),
        ],
    );
    assert_eq!(store.del::<&str>(&[]), Ok(0));
    assert_eq!(store.key_type("a"), Ok(Some("string")));
}

#[test]
fn a_renamed_key_takes_its_deadline_along_and_leaves_that_of_its_victim() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("RENAME a b", "ERR no such key"),
            ("RENAME a a", "ERR no such key"),
            ("RENAMENX a a", "ERR no such key"),
            ("SET a 1 EX 100", "+OK"),
            ("SET b 2", "+OK"),
            ("RENAME a a", "+OK"),
            ("RENAMENX a a", ":0"),
            ("RENAMENX a b", ":0"),
            ("RENAME a b", "+OK"),
            ("TTL b", ":100"),
            ("GET b", "\"1\""),
            ("EXISTS a", ":0"),
            ("SET a 3", "+OK"),
            ("RENAME a b", "+OK"),
            ("TTL b", ":-1"),
            ("RENAMENX b c", ":1"),
        ],
    );
}

#[test]
fn copy_shares_nothing_with_its_source() {
    let store = Store::new();
    let long = "x".repeat(500);
    store.setex("a", 100, &long).expect("setex");
    assert_eq!(store.copy("a", "b"), Ok(true));
    store.append("b", "more").expect("append");
    assert_eq!(store.strlen("a"), Ok(500));
    assert_eq!(store.strlen("b"), Ok(504));
    assert!(matches!(store.ttl("b"), Ok(Ttl::Left(_))));
    expect(
        &store,
        &[
            ("COPY a a", SAME),
            ("COPY a a DB 0", SAME),
            ("COPY a b", ":0"),
            ("COPY nothing b REPLACE", ":0"),
            ("COPY a b REPLACE", ":1"),
            ("STRLEN b", ":500"),
            ("COPY a a DB 1", ":1"),
            ("COPY a a DB 16", OUT_OF_RANGE),
            ("COPY a a DB -1", OUT_OF_RANGE),
            ("COPY a a DB x", "ERR value is not an integer or out of range"),
            ("COPY a a DB 99999999999", NOT_INT),
            ("COPY a b DB", "ERR syntax error"),
            ("COPY a b foo", "ERR syntax error"),
            // The last database named counts.
            ("COPY a b DB 1 DB 2 REPLACE REPLACE", ":1"),
        ],
    );
    assert_eq!(store.database(2).expect("it exists").strlen("b"), Ok(500));
    let error = store.copy_with("a", "b", CopyOptions::new().to_database(99)).expect_err("no such database");
    assert_eq!(error.to_string(), OUT_OF_RANGE);
}

#[test]
fn a_moved_key_takes_its_deadline_along_and_replaces_nothing() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("MOVE a 0", SAME),
            ("MOVE a 16", OUT_OF_RANGE),
            ("MOVE a -1", OUT_OF_RANGE),
            ("MOVE a x", "ERR value is not an integer or out of range"),
            ("MOVE a 99999999999", NOT_INT),
            ("MOVE a 1", ":0"),
            ("SET a 1 EX 100", "+OK"),
            ("MOVE a 1", ":1"),
            ("EXISTS a", ":0"),
            ("SET a 2", "+OK"),
            ("MOVE a 1", ":0"),
            ("GET a", "\"2\""),
        ],
    );
    let other = store.database(1).expect("it exists");
    expect(&other, &[("GET a", "\"1\""), ("TTL a", ":100")]);
}

#[test]
fn databases_are_swapped_and_emptied_whole() {
    let store = Store::new();
    let other = store.database(1).expect("it exists");
    expect(&store, &[("SET a 0", "+OK"), ("SWAPDB 0 1", "+OK"), ("GET a", "nil")]);
    expect(&other, &[("GET a", "\"0\""), ("SET b 1", "+OK"), ("DBSIZE", ":2")]);
    expect(
        &store,
        &[
            ("SWAPDB a b", "ERR invalid first DB index"),
            ("SWAPDB 0 99999999999", "ERR invalid second DB index"),
            ("SWAPDB 0 16", OUT_OF_RANGE),
            ("SWAPDB 16 16", OUT_OF_RANGE),
            ("SWAPDB 0 0", "+OK"),
            ("SET a 0", "+OK"),
            ("FLUSHDB foo", "ERR syntax error"),
            ("FLUSHDB ASYNC SYNC", "ERR syntax error"),
            ("FLUSHDB async", "+OK"),
            ("DBSIZE", ":0"),
        ],
    );
    expect(&other, &[("DBSIZE", ":2")]);
    expect(&store, &[("FLUSHALL SYNC", "+OK")]);
    expect(&other, &[("DBSIZE", ":0")]);
}

#[test]
fn keys_fits_names_to_a_pattern() {
    let store = Store::new();
    store.mset(&[("", "0"), ("a", "1"), ("ab", "2"), ("a*", "3")]).expect("mset");
    let found = |pattern: &str| {
        let mut keys = store.keys(pattern).expect("keys");
        keys.sort();
        keys.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(found("*"), ["", "a", "a*", "ab"]);
    assert_eq!(found("a"), ["a"]);
    assert_eq!(found("a?"), ["a*", "ab"]);
    assert_eq!(found("a\\*"), ["a*"]);
    assert_eq!(found("[^a]*"), [""; 0]);
    assert_eq!(found(""), [""]);
    assert_eq!(found("nothing"), [""; 0]);
}

#[test]
fn keys_past_their_time_are_gone_for_every_command() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    store.psetex("a", 100, "1").expect("psetex");
    store.set("b", "2").expect("set");
    clock.advance(Duration::from_millis(101));
    expect(
        &store,
        &[
            ("DBSIZE", ":1"),
            ("KEYS *", "[\"b\"]"),
            ("KEYS a", "[]"),
            ("SCAN 0 COUNT 1000", "[\"0\" [\"b\"]]"),
            ("RANDOMKEY", "\"b\""),
            ("TYPE a", "+none"),
            ("OBJECT ENCODING a", "nil"),
            ("RENAME a c", "ERR no such key"),
            ("COPY a c", ":0"),
            ("MOVE a 1", ":0"),
            ("DEL a", ":0"),
            ("RENAMENX b a", ":1"),
            ("TTL a", ":-1"),
        ],
    );
}

#[test]
fn scan_reads_its_options_and_its_cursor_as_a_server_does() {
    let store = Store::new();
    store.set("a", "1").expect("set");
    expect(
        &store,
        &[
            ("SCAN abc", "ERR invalid cursor"),
            ("SCAN 18446744073709551616", "ERR invalid cursor"),
            ("SCAN 18446744073709551615", "[\"0\" []]"),
            ("SCAN 0 COUNT 0", "ERR syntax error"),
            ("SCAN 0 COUNT x", "ERR value is not an integer or out of range"),
            ("SCAN 0 COUNT", "ERR syntax error"),
            ("SCAN 0 foo bar", "ERR syntax error"),
            ("SCAN 0 COUNT 9223372036854775807", "[\"0\" [\"a\"]]"),
            ("SCAN 0 MATCH b COUNT 100", "[\"0\" []]"),
            ("SCAN 0 COUNT 100 MATCH b MATCH a", "[\"0\" [\"a\"]]"),
            ("SCAN 0 COUNT 100 TYPE String", "[\"0\" [\"a\"]]"),
            ("SCAN 0 COUNT 100 TYPE foo", "[\"0\" []]"),
        ],
    );
}

#[test]
fn scan_gives_what_stays_from_start_to_end() {
    let store = Store::builder().shards(4).build();
    for n in 0..500 {
        store.set(format!("stay:{n}"), "1").expect("set");
        store.set(format!("go:{n}"), "1").expect("set");
    }
    let options = ScanOptions::new().matching("stay:*").count(7).of_type("string");
    let (mut cursor, mut seen, mut steps) = (0, HashSet::new(), 0);
    loop {
        let (next, keys) = store.scan(cursor, &options).expect("scan");
        seen.extend(keys);
        cursor = next;
        if cursor == 0 {
            break;
        }
        store.del(&[format!("go:{steps}")]).expect("del");
        store.mset(&[(format!("come:{steps}"), "1"), (format!("come:x{steps}"), "1")]).expect("mset");
        steps += 1;
    }
    assert_eq!(seen.len(), 500);
}

#[test]
fn randomkey_reaches_every_key_and_repeats_itself_with_a_seed() {
    let picks = |seed| {
        let store = Store::builder().seed(seed).shards(4).build();
        for n in 0..20 {
            store.set(format!("key:{n}"), "1").expect("set");
        }
        (0..400).map(|_| store.randomkey().expect("read").expect("a key")).collect::<Vec<_>>()
    };
    assert_eq!(picks(7).iter().collect::<HashSet<_>>().len(), 20);
    assert_eq!(picks(7), picks(7));
    expect(&Store::new(), &[("RANDOMKEY", "nil")]);
}

#[test]
fn object_answers_as_a_server_would() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    expect(
        &store,
        &[
            ("OBJECT", "ERR wrong number of arguments for 'object' command"),
            ("OBJECT foo a", "ERR unknown subcommand 'foo'. Try OBJECT HELP."),
            ("OBJECT ENCODING", "ERR wrong number of arguments for 'object|encoding' command"),
            ("OBJECT ENCODING a", "nil"),
            ("OBJECT REFCOUNT a", "nil"),
            ("OBJECT IDLETIME a", "nil"),
            ("OBJECT FREQ a", "nil"),
            ("MSET a 9999 b 10000 c text", "+OK"),
            ("OBJECT REFCOUNT a", ":2147483647"),
            ("OBJECT REFCOUNT b", ":1"),
            ("object refcount c", ":1"),
            (
                "OBJECT FREQ a",
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
                 switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ),
        ],
    );
    let help = store.execute(&["OBJECT", "HELP"]).and_then(|lines| lines.convert::<Vec<String>>());
    assert_eq!(help.expect("lines").len(), 15);
}

#[test]
fn the_idle_time_begins_anew_with_each_access() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    let idle = || store.object_idletime("k").expect("read").expect("it exists").as_secs();
    store.set("k", "v").expect("set");
    clock.advance(Duration::from_secs(100));
    expect(
        &store,
        &[("TTL k", ":-1"), ("EXISTS k", ":1"), ("TYPE k", "+string"), ("OBJECT IDLETIME k", ":100")],
    );
    assert_eq!(idle(), 100);
    store.get("k").expect("get");
    assert_eq!(idle(), 0);
    clock.advance(Duration::from_secs(50));
    store.touch(&["k"]).expect("touch");
    assert_eq!(idle(), 0);
}
