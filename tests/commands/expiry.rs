//! Deadlines: EXPIRE, TTL and their relatives.

use std::time::Duration;

use redmoon::{ExpireCondition, ExpireTime, ManualClock, Store, Ttl};

use super::expect;

const NX_WITH_OTHERS: &str = "ERR NX and XX, GT or LT options at the same time are not compatible";

/// A store whose clock stands at 1,000,000 seconds.
fn store() -> (Store, ManualClock) {
    let clock = ManualClock::at_millis(1_000_000_000);
    (Store::builder().clock(clock.clone()).build(), clock)
}

#[test]
fn a_deadline_is_answered_in_the_unit_that_was_asked_for() {
    let (store, clock) = store();
    expect(
        &store,
        &[
            ("TTL k", ":-2"),
            ("PTTL k", ":-2"),
            ("EXPIRETIME k", ":-2"),
            ("PEXPIRETIME k", ":-2"),
            ("SET k v", "+OK"),
            ("TTL k", ":-1"),
            ("PTTL k", ":-1"),
            ("EXPIRETIME k", ":-1"),
            ("PEXPIRETIME k", ":-1"),
            ("EXPIRE k 100", ":1"),
            ("TTL k", ":100"),
            ("PTTL k", ":100000"),
            ("EXPIRETIME k", ":1000100"),
            ("PEXPIRETIME k", ":1000100000"),
        ],
    );
    // Seconds are rounded to the nearest.
    clock.advance(Duration::from_millis(500));
    expect(&store, &[("TTL k", ":100"), ("PTTL k", ":99500")]);
    clock.advance(Duration::from_millis(1));
    expect(&store, &[("TTL k", ":99"), ("PTTL k", ":99499")]);
    assert_eq!(store.ttl("k"), Ok(Ttl::Left(Duration::from_millis(99_499))));
    assert_eq!(store.expiretime("k"), Ok(ExpireTime::AtMillis(1_000_100_000)));
    assert_eq!(store.ttl("nothing"), Ok(Ttl::Missing));
}

#[test]
fn the_four_commands_set_the_same_deadline() {
    let (store, _) = store();
    for line in ["EXPIRE k 10", "PEXPIRE k 10000", "EXPIREAT k 1000010", "PEXPIREAT k 1000010000"] {
        expect(&store, &[("SET k v", "+OK"), (line, ":1"), ("PEXPIRETIME k", ":1000010000")]);
    }
    store.expireat("k", 1_000_020).expect("expireat");
    assert_eq!(store.ttl("k").map(Ttl::left), Ok(Some(Duration::from_secs(20))));
    store.pexpireat("k", 1_000_020_001).expect("pexpireat");
    assert_eq!(store.ttl("k").map(Ttl::left), Ok(Some(Duration::from_millis(20_001))));
}

#[test]
fn a_deadline_that_is_past_removes_the_key_at_once() {
    let (store, _) = store();
    for line in [
        "EXPIRE k 0",
        "EXPIRE k -1",
        "PEXPIRE k 0",
        "PEXPIRE k -9223372036854775808",
        "EXPIREAT k 1",
        "EXPIREAT k 1000000",
        "PEXPIREAT k 1000000000",
        "PEXPIREAT k -9223372036854775808",
    ] {
        expect(
            &store,
            &[("SET k v", "+OK"), (line, ":1"), ("EXISTS k", ":0"), (line, ":0"), ("DBSIZE", ":0")],
        );
    }
}

#[test]
fn a_key_ends_when_its_time_has_come() {
    let (store, clock) = store();
    store.set("k", "v").expect("set");
    assert_eq!(store.pexpire("k", 100), Ok(true));
    clock.advance(Duration::from_millis(99));
    assert_eq!(store.exists(&["k"]), Ok(1));
    clock.advance(Duration::from_millis(2));
    assert_eq!(store.exists(&["k"]), Ok(0));
    assert_eq!(store.expire("k", 100), Ok(false));
    assert_eq!(store.persist("k"), Ok(false));
    // A new value under the same name is a new key.
    store.append("k", "new").expect("append");
    assert_eq!(store.ttl("k"), Ok(Ttl::Persistent));
    assert_eq!(store.strlen("k"), Ok(3));
}

#[test]
fn times_past_sixty_four_bits_are_refused_and_the_largest_are_not() {
    let (store, _) = store();
    expect(
        &store,
        &[
            ("EXPIRE k 9223372036854775807", "ERR invalid expire time in 'expire' command"),
            ("EXPIRE k -9223372036854775808", "ERR invalid expire time in 'expire' command"),
            ("EXPIRE k 9223372036854775", "ERR invalid expire time in 'expire' command"),
            ("PEXPIRE k 9223372036854775807", "ERR invalid expire time in 'pexpire' command"),
            ("EXPIREAT k 9223372036854775807", "ERR invalid expire time in 'expireat' command"),
            ("EXPIREAT k -9223372036854775808", "ERR invalid expire time in 'expireat' command"),
            ("PEXPIREAT k 9223372036854775808", "ERR value is not an integer or out of range"),
            ("SET k v", "+OK"),
            ("PEXPIREAT k 9223372036854775807", ":1"),
            ("PEXPIRETIME k", ":9223372036854775807"),
            ("EXPIRETIME k", ":9223372036854776"),
            ("PTTL k", ":9223372035854775807"),
            ("EXPIREAT k 9223372036854775", ":1"),
            ("EXPIRETIME k", ":9223372036854775"),
        ],
    );
}

#[test]
fn options_are_read_before_the_time_and_both_before_the_key() {
    let (store, _) = store();
    expect(
        &store,
        &[
            ("EXPIRE k abc foo", "ERR Unsupported option foo"),
            ("EXPIRE k abc NX XX", NX_WITH_OTHERS),
            ("EXPIRE k abc NX", "ERR value is not an integer or out of range"),
            ("EXPIRE k 10 NX GT", NX_WITH_OTHERS),
            ("EXPIRE k 10 NX LT", NX_WITH_OTHERS),
            ("EXPIRE k 10 NX GT LT", NX_WITH_OTHERS),
            ("EXPIRE k 10 GT LT", "ERR GT and LT options at the same time are not compatible"),
            ("EXPIRE k 10 XX LT GT", "ERR GT and LT options at the same time are not compatible"),
            ("EXPIRE k 10 nx NX", ":0"),
            ("EXPIRE k", "ERR wrong number of arguments for 'expire' command"),
        ],
    );
}

#[test]
fn each_condition_holds_for_the_deadlines_that_it_names() {
    // The deadlines that a key has, none being -1, and the conditions under which 50 seconds replace them.
    for (seconds, holding) in
        [(-1, &["NX", "LT"][..]), (10, &["XX", "GT", "XX GT"]), (50, &["XX"]), (100, &["XX", "LT", "LT XX"])]
    {
        for options in ["NX", "XX", "GT", "LT", "XX GT", "LT XX"] {
            let (store, _) = store();
            store.set("k", "v").expect("set");
            if seconds > 0 {
                store.expire("k", seconds).expect("expire");
            }
            let holds = holding.contains(&options);
            let left = if holds { 50 } else { seconds };
            expect(
                &store,
                &[
                    (&format!("EXPIRE k 50 {options}"), if holds { ":1" } else { ":0" }),
                    ("TTL k", &format!(":{left}")),
                ],
            );
        }
    }
}

#[test]
fn a_condition_also_guards_a_deadline_that_is_past() {
    let (store, _) = store();
    expect(
        &store,
        &[
            ("SET k v EX 100", "+OK"),
            ("EXPIRE k -1 NX", ":0"),
            ("EXPIRE k -1 GT", ":0"),
            ("EXISTS k", ":1"),
            ("EXPIRE k -1 LT", ":1"),
            ("EXISTS k", ":0"),
        ],
    );
}

#[test]
fn typed_conditions_are_those_of_the_commands() {
    let (store, _) = store();
    store.set("k", "v").expect("set");
    assert_eq!(store.expire_with("k", 10, ExpireCondition::IfSome), Ok(false));
    assert_eq!(store.expire_with("k", 10, ExpireCondition::IfGreater), Ok(false));
    assert_eq!(store.pexpire_with("k", 10_000, ExpireCondition::IfSomeAndLess), Ok(false));
    assert_eq!(store.expire_with("k", 10, ExpireCondition::IfNone), Ok(true));
    assert_eq!(store.expireat_with("k", 1_000_005, ExpireCondition::IfSomeAndLess), Ok(true));
    assert_eq!(store.pexpireat_with("k", 1_000_006_000, ExpireCondition::IfLess), Ok(false));
    assert_eq!(store.ttl("k"), Ok(Ttl::Left(Duration::from_secs(5))));
    assert_eq!(store.expire_with("nothing", 10, ExpireCondition::IfNone), Ok(false));
    let error = store.expire("k", i64::MAX).expect_err("too far away");
    assert_eq!(error.to_string(), "ERR invalid expire time in 'expire' command");
}

#[test]
fn persist_takes_the_deadline_away_once() {
    let (store, clock) = store();
    expect(
        &store,
        &[
            ("PERSIST k", ":0"),
            ("SET k v PX 100", "+OK"),
            ("PERSIST k", ":1"),
            ("PERSIST k", ":0"),
            ("TTL k", ":-1"),
        ],
    );
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.exists(&["k"]), Ok(1));
}

#[test]
fn writes_keep_a_deadline_and_a_new_value_drops_it() {
    let (store, _) = store();
    for (line, left) in [
        ("INCR k", ":100"),
        ("APPEND k 1", ":100"),
        ("SETRANGE k 0 1", ":100"),
        ("INCRBYFLOAT k 1", ":100"),
        ("SET k 1 KEEPTTL", ":100"),
        ("SET k 1", ":-1"),
        ("GETSET k 1", ":-1"),
        ("MSET k 1", ":-1"),
    ] {
        expect(&store, &[("SETEX k 100 5", "+OK")]);
        store.execute(&line.split(' ').collect::<Vec<_>>()).expect(line);
        expect(&store, &[("TTL k", left)]);
    }
}
