//! A key whose time has come is gone for every reader at once; its memory comes back a bounded share at a time.

use std::time::Duration;

use redmoon::{Clock, Engine, ManualClock, Store, Value};

/// The 14th of November 2023, a time like any other.
const START: i64 = 1_700_000_000_000;

fn store() -> (Store, ManualClock) {
    let clock = ManualClock::at_millis(START);
    (Store::builder().clock(clock.clone()).shards(4).build(), clock)
}

fn words(store: &Store, line: &str) -> Value {
    store.execute(&line.split(' ').collect::<Vec<_>>()).unwrap()
}

/// A figure of INFO.
fn figure(store: &Store, name: &str) -> u64 {
    let info = words(store, "INFO").convert::<String>().unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {info}")).trim().parse().unwrap()
}

/// A clock whose cheap readings lag as far behind as they may.
struct Lagging(ManualClock);

impl Clock for Lagging {
    fn now_micros(&self) -> i64 {
        self.0.now_micros()
    }
    fn coarse_millis(&self) -> i64 {
        self.0.now_micros() / 1000 - 999
    }
}

#[test]
fn a_typed_read_sees_a_key_to_its_last_millisecond_and_no_longer() {
    let clock = ManualClock::new();
    for store in [
        Store::builder().clock(clock.clone()).build(),
        Store::builder().clock(Lagging(clock.clone())).build(),
    ] {
        // Starts and times to live that are no whole seconds, each key looked at around seconds and around its end.
        for start in [0, 1, 500, 999] {
            for lives in [1, 700, 1000, 1999, 2000, 2001, 2500, 4000] {
                let start = START + start;
                for after in
                    [0, 1, 999, 1000, lives - 1000, lives - 999, lives - 1, lives, lives + 1, lives + 999]
                {
                    clock.set_millis(start);
                    store.psetex("key", lives, "value").unwrap();
                    let hits = figure(&store, "keyspace_hits");
                    clock.set_millis(start + after.max(0));
                    let is_there = after <= lives;
                    let value = is_there.then_some(b"value".as_slice());
                    assert_eq!(store.get("key").unwrap().as_deref(), value, "{start} {lives} {after}");
                    assert!(store.view("key", |seen| seen == value).unwrap(), "{start} {lives} {after}");
                    assert_eq!(figure(&store, "keyspace_hits") - hits, if is_there { 2 } else { 0 });
                }
            }
        }
    }
}

#[test]
fn an_expired_key_is_gone_for_every_reader_before_anything_removes_it() {
    let (store, clock) = store();
    let engine = Engine::new(store.clone());
    words(&store, "SET gone value PX 100");
    clock.set_millis(START + 100);
    assert_eq!(words(&store, "EXISTS gone"), Value::Integer(1), "at its last millisecond it is there");
    assert_eq!(words(&store, "PTTL gone"), Value::Integer(0));
    clock.set_millis(START + 101);

    for (line, reply) in [
        ("GET gone", Value::Nil),
        ("EXISTS gone", Value::Integer(0)),
        ("TTL gone", Value::Integer(-2)),
        ("PTTL gone", Value::Integer(-2)),
        ("EXPIRETIME gone", Value::Integer(-2)),
        ("PEXPIRETIME gone", Value::Integer(-2)),
        ("DBSIZE", Value::Integer(0)),
        ("KEYS *", Value::Array(vec![])),
        ("RANDOMKEY", Value::Nil),
        ("TYPE gone", Value::Status("none".into())),
        ("STRLEN gone", Value::Integer(0)),
        ("GETRANGE gone 0 -1", Value::Bulk("".into())),
        ("MGET gone", Value::Array(vec![Value::Nil])),
        ("TOUCH gone", Value::Integer(0)),
        ("OBJECT ENCODING gone", Value::Nil),
        ("LCS gone gone", Value::Bulk("".into())),
        ("SCAN 0", Value::Array(vec![Value::Bulk("0".into()), Value::Array(vec![])])),
    ] {
        // A reader that meets it has it removed, so each reader gets one of its own.
        clock.set_millis(START);
        words(&store, "SET gone value PX 100");
        clock.set_millis(START + 101);
        let reply_now = store.execute(&line.split(' ').collect::<Vec<_>>());
        match (line, reply_now) {
            // Redis answers this one with an error.
            ("OBJECT ENCODING gone", Err(error)) => assert_eq!(error.to_string(), "ERR no such key"),
            (_, reply_now) => assert_eq!(reply_now.unwrap(), reply, "{line}"),
        }
    }
    let script = "return {redis.call('GET', KEYS[1]), redis.call('DBSIZE'), #redis.call('KEYS', '*'),
        redis.call('TTL', KEYS[1]), redis.call('EXISTS', KEYS[1])}";
    let seen = engine.eval_ro(script, &["gone"], &[""; 0]).unwrap();
    let expected = [Value::Nil, Value::Integer(0), Value::Integer(0), Value::Integer(-2), Value::Integer(0)];
    assert_eq!(seen, Value::Array(expected.to_vec()));
    assert_eq!(store.get("gone").unwrap(), None);
    assert_eq!(store.purge_expired().unwrap(), 0, "the script had met it");

    // What nobody looks up is left to writes and to `purge_expired`.
    clock.set_millis(START);
    words(&store, "SET gone value PX 100");
    clock.set_millis(START + 101);
    assert!(!words(&store, "INFO keyspace").to_string_lossy().contains("db0"), "no database has keys");
    assert_eq!(store.purge_expired().unwrap(), 1);
    assert_eq!(store.purge_expired().unwrap(), 0);
}

/// What tests need of a reply here and there.
trait Lossy {
    fn to_string_lossy(&self) -> String;
}

impl Lossy for Value {
    fn to_string_lossy(&self) -> String {
        String::from_utf8_lossy(self.as_bytes().unwrap_or_default()).into_owned()
    }
}

#[test]
fn a_write_on_an_expired_key_begins_with_no_key() {
    let (store, clock) = store();
    for (line, reply, then) in [
        ("INCR key", Value::Integer(1), Some("1")),
        ("APPEND key x", Value::Integer(1), Some("x")),
        ("SETNX key new", Value::Integer(1), Some("new")),
        ("SET key new XX", Value::Nil, None),
        ("SET key new KEEPTTL", Value::ok(), Some("new")),
        ("SET key new GET", Value::Nil, Some("new")),
        ("GETSET key new", Value::Nil, Some("new")),
        ("GETDEL key", Value::Nil, None),
        ("GETEX key PERSIST", Value::Nil, None),
        ("SETRANGE key 1 x", Value::Integer(2), Some("\0x")),
        ("DEL key", Value::Integer(0), None),
        ("PERSIST key", Value::Integer(0), None),
        ("EXPIRE key 100", Value::Integer(0), None),
        ("MSETNX key a other b", Value::Integer(1), Some("a")),
    ] {
        words(&store, "FLUSHALL");
        words(&store, "SET key 41 PX 10");
        clock.advance(Duration::from_millis(11));
        assert_eq!(words(&store, line), reply, "{line}");
        assert_eq!(store.get("key").unwrap().map(|value| value.to_string()).as_deref(), then, "{line}");
        assert!(matches!(words(&store, "PTTL key"), Value::Integer(-1 | -2)), "{line}");
    }
}

#[test]
fn an_expired_key_makes_room_for_a_rename_a_copy_and_a_move() {
    let (store, clock) = store();
    words(&store, "SET old 1 PX 10");
    words(&store, "SET source 2");
    clock.advance(Duration::from_millis(11));
    assert_eq!(words(&store, "COPY source old"), Value::Integer(1));
    words(&store, "PEXPIRE old 10");
    clock.advance(Duration::from_millis(11));
    assert_eq!(words(&store, "RENAMENX source old"), Value::Integer(1));
    store.database(1).unwrap().execute(&["SET", "old", "3", "PX", "10"]).unwrap();
    clock.advance(Duration::from_millis(11));
    assert_eq!(words(&store, "MOVE old 1"), Value::Integer(1));
    assert!(store.execute(&["RENAME", "old", "any"]).is_err());
}

#[test]
fn writes_remove_a_bounded_share_of_what_has_expired() {
    let (store, clock) = store();
    for number in 0..5_000 {
        words(&store, &format!("SET key:{number} value PX 50"));
    }
    clock.advance(Duration::from_millis(51));
    assert_eq!(store.dbsize().unwrap(), 0);
    let before = figure(&store, "expired_keys");
    for number in 0..200 {
        words(&store, &format!("SET other:{number} value"));
    }
    let removed = figure(&store, "expired_keys") - before;
    assert!((100..2_000).contains(&removed), "200 writes removed {removed} keys");
    assert_eq!(store.purge_expired().unwrap() as u64, 5_000 - removed);
    assert_eq!(figure(&store, "expired_keys"), before + 5_000);
    assert_eq!(store.dbsize().unwrap(), 200);
}

#[test]
fn a_store_that_is_written_to_does_not_grow_with_what_expires() {
    let (store, clock) = store();
    let mut most = 0;
    for round in 0..40 {
        for number in 0..500 {
            store.execute(&["SET", &format!("{round}:{number}"), "value", "PX", "5"]).unwrap();
            clock.advance(Duration::from_micros(100));
        }
        most = most.max(figure(&store, "used_memory"));
        if round == 4 {
            most = most.max(1);
            let early = figure(&store, "used_memory");
            assert!(early < 2_000_000, "{early} bytes after five rounds");
        }
    }
    let late = figure(&store, "used_memory");
    assert!(late < 2_000_000 && most < 2_000_000, "{late} bytes at the end, {most} at most");
}

#[test]
fn purging_gives_the_memory_back_and_leaves_the_others() {
    let (store, clock) = store();
    let empty = figure(&store, "used_memory");
    for number in 0..3_000 {
        words(&store, &format!("SET key:{number} {} PX {}", "x".repeat(300), 10 + number % 3));
    }
    words(&store, "SET stays value");
    words(&store, "SET later value PX 100000");
    clock.advance(Duration::from_millis(11));
    assert_eq!(store.purge_expired().unwrap(), 1_000);
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.purge_expired().unwrap(), 2_000);
    assert_eq!(store.dbsize().unwrap(), 2);
    let now = figure(&store, "used_memory");
    assert!(now < empty + 100_000, "{now} bytes are left of {empty}");
}

#[test]
fn a_clock_that_goes_back_and_forth_leaves_the_books_in_order() {
    let (store, clock) = store();
    for round in 0..6 {
        for number in 0..60 {
            words(&store, &format!("SET key:{number} {round} PX {}", 10 + number));
        }
        words(&store, "PERSIST key:0");
        clock.set_millis(START + 1_000 * (round % 2) + 40);
        let live = store.dbsize().unwrap();
        let keys = words(&store, "KEYS *").convert::<Vec<String>>().unwrap();
        assert_eq!(keys.len(), live);
        for key in &keys {
            assert!(store.get(key).unwrap().is_some(), "{key} is listed and not there");
        }
        store.purge_expired().unwrap();
        assert_eq!(store.dbsize().unwrap(), live, "purging changes nothing that can be seen");
        clock.set_millis(START);
        assert_eq!(store.dbsize().unwrap(), words(&store, "KEYS *").convert::<Vec<String>>().unwrap().len());
    }
    clock.set_millis(START + 1_000_000);
    assert_eq!(words(&store, "KEYS *"), Value::Array(vec![Value::from("key:0")]));
    assert_eq!(words(&store, "RANDOMKEY"), Value::from("key:0"));
    assert_eq!(store.dbsize().unwrap(), 1);
}

#[test]
fn time_stands_still_for_a_script_but_not_between_two() {
    let (store, clock) = store();
    let engine = Engine::new(store.clone());
    words(&store, "SET key value PX 100");
    let twice = "local a = redis.call('PTTL', KEYS[1]) for i = 1, 1000 do end
        return {a, redis.call('PTTL', KEYS[1]), redis.call('TIME')[1]}";
    let run = || engine.eval(twice, &["key"], &[""; 0]).unwrap().convert::<(i64, i64, i64)>().unwrap();
    assert_eq!(run(), (100, 100, START / 1_000));
    clock.advance(Duration::from_millis(60));
    assert_eq!(run(), (40, 40, START / 1_000));
    clock.advance(Duration::from_millis(60));
    assert_eq!(run().0, -2);
}

#[test]
fn the_thread_that_purges_ends_with_the_store() {
    let store = Store::builder().purge_every(Duration::from_millis(5)).build();
    for number in 0..100 {
        store.execute(&["SET", &format!("key:{number}"), "value", "PX", "1"]).unwrap();
    }
    for _ in 0..400 {
        if figure(&store, "expired_keys") == 100 {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} of 100 keys were removed in two seconds", figure(&store, "expired_keys"));
}
