//! MONITOR here and on a real server.

use std::time::Duration;

use redmoon::{Engine, ManualClock, Store, Value};

use crate::support::client::decode;
use crate::support::{Client, Oracle};

/// A line of MONITOR without what differs: the time and the caller's address.
fn essence(line: &str) -> String {
    let (time, rest) = line.split_once(' ').unwrap();
    let (seconds, micros) = time.split_once('.').unwrap();
    assert!(seconds.parse::<u64>().is_ok() && micros.len() == 6 && micros.parse::<u32>().is_ok(), "{line}");
    let (source, command) = rest.split_once("] ").unwrap();
    let (database, address) = source.trim_start_matches('[').split_once(' ').unwrap();
    let who = if address == "lua" { "lua" } else { "client" };
    format!("{database} {who} {command}")
}

fn line(value: &Value) -> String {
    let Value::Status(line) = value else { panic!("no status: {value:?}") };
    String::from_utf8(line.to_vec()).unwrap()
}

#[test]
fn monitor_shows_what_a_real_server_shows() {
    let Some(oracle) = Oracle::start() else { return };
    let mut watching = oracle.connect();
    assert_eq!(watching.raw(&["MONITOR"]), b"+OK\r\n");
    let mut client = oracle.connect();
    let engine = Engine::new(Store::new());
    let mut monitor = engine.session();
    assert_eq!(monitor.execute(&["MONITOR"]).unwrap(), Value::ok());
    let mut session = engine.session();
    let odd: &[u8] = b"a\x00\x01\x7f\xc3\"\\\n\r\t\x07\x08'";
    let script: &[u8] =
        b"redis.call('set',KEYS[1],1.5) redis.call('incrby',KEYS[1]..'x',3) redis.call('select',3)";
    let commands: &[&[&[u8]]] = &[
        &[b"set", b"k", odd],
        &[b"GET", b""],
        &[b"SELECT", b"2"],
        &[b"lpush", b"k", b"x"],
        &[b"SELECT", b"99"],
        &[b"nosuch", b"x"],
        &[b"GET"],
        &[b"SELECT", b"0"],
        &[b"LPUSH", b"k", b"x"],
        &[b"MULTI"],
        &[b"SET", b"a", b"1"],
        &[b"EVAL", script, b"1", b"q"],
        &[b"EXEC"],
        &[b"EVAL", script, b"1", b"q"],
        &[b"EVAL", b"return redis.call('nosuch')", b"0"],
        &[b"EVALSHA", b"nosuch", b"0"],
        &[b"SCRIPT", b"EXISTS", b"x"],
        &[b"SUBSCRIBE", b"c"],
        &[b"UNSUBSCRIBE"],
        &[b"PUBLISH", b"c", b"m"],
        &[b"OBJECT", b"HELP"],
        &[b"MONITOR"],
    ];
    for command in commands {
        client.raw(command);
        let _ = session.execute(command);
    }
    // The last word: until it comes everything has come.
    let mut last = oracle.connect();
    last.raw(&["ECHO", "the end"]);
    engine.session().execute(&["ECHO", "the end"]).unwrap();
    let ours: Vec<String> =
        std::iter::from_fn(|| monitor.try_message().unwrap()).map(|value| essence(&line(&value))).collect();
    let theirs = until_the_end(&mut watching);
    assert_eq!(ours, theirs);
    assert!(theirs.len() > 20);
}

fn until_the_end(watching: &mut Client) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| !line.contains("the end")) {
        lines.push(essence(&line(&decode(&watching.read_many(1)[0]))));
    }
    lines
}

#[test]
fn a_monitor_of_a_program_shows_time_database_and_arguments() {
    let clock = ManualClock::at_millis(1_690_000_000_123);
    let store = Store::builder().clock(clock).build();
    let mut monitor = store.monitor();
    store.set("typed", "methods do not show").unwrap();
    store.database(3).unwrap().execute(&["SET", "k", "v"]).unwrap();
    let seen = monitor.next_timeout(Duration::from_secs(10)).unwrap().unwrap();
    assert_eq!(seen.to_string(), r#"1690000000.123000 [3 127.0.0.1:0] "SET" "k" "v""#);
    assert_eq!((seen.database, seen.args.len()), (3, 3));
    assert!(monitor.try_next().unwrap().is_none());
}

#[test]
fn a_session_that_monitors_may_not_touch_keys_and_stops_with_its_end() {
    let engine = Engine::new(Store::new());
    let mut monitor = engine.session();
    monitor.execute(&["MONITOR"]).unwrap();
    let refused = monitor.execute(&["GET", "k"]).unwrap_err();
    assert_eq!(refused.to_string(), "ERR Replica can't interact with the keyspace");
    assert_eq!(monitor.execute(&["PING"]).unwrap(), Value::Status("PONG".into()));
    assert!(line(&monitor.try_message().unwrap().unwrap()).ends_with(r#""PING""#));
    let mut in_multi = engine.session();
    in_multi.execute(&["MULTI"]).unwrap();
    in_multi.execute(&["MONITOR"]).unwrap();
    let Value::Array(replies) = in_multi.execute(&["EXEC"]).unwrap() else { panic!("EXEC") };
    assert!(matches!(&replies[0], Value::Error(error) if error.to_string().contains("DENY BLOCKING")));
    drop(monitor);
    engine.session().execute(&["PING"]).unwrap();
}

#[test]
fn a_slow_monitor_is_cut_off_and_the_store_goes_on() {
    let store = Store::builder().reader_buffer(1_000).build();
    let mut monitor = store.monitor();
    for _ in 0..100 {
        store.execute(&["PING"]).unwrap();
    }
    let read = monitor.by_ref().take_while(Result::is_ok).count();
    assert!((1..100).contains(&read), "{read}");
    assert!(monitor.next().is_none());
}

#[test]
fn passwords_do_not_show() {
    let engine = Engine::new(Store::new());
    let mut monitor = engine.store().monitor();
    let _ = engine.session().execute(&["HELLO", "3", "AUTH", "me", "secret"]);
    let _ = engine.session().execute(&["AUTH", "secret"]);
    let _ = engine.session().execute(&["ECHO", "end"]);
    let seen: Vec<String> =
        std::iter::from_fn(|| monitor.try_next().unwrap()).map(|seen| seen.to_string()).collect();
    assert!(seen.last().is_some_and(|line| line.contains("end")));
    assert!(seen.iter().all(|line| !line.contains("secret")), "{seen:?}");
}
