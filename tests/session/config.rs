//! CONFIG: the texts of a real server, and settings that act.

use redmoon::{Engine, Store, Value};

use super::{compare, session};

#[test]
fn settings_and_refusals_are_the_servers() {
    compare(&[
        "CONFIG",
        "CONFIG GET",
        "CONFIG SET a b",
        "CONFIG SET a b c",
        "CONFIG SET maxmemory 1 nope 3",
        "CONFIG SET maxmemory 1 maxmemory 2",
        "CONFIG SET maxmemory x",
        "CONFIG SET maxmemory -1",
        "CONFIG SET maxmemory 5%",
        "CONFIG SET maxmemory 10mb",
        "CONFIG GET maxmemory",
        "CONFIG SET maxmemory 1k",
        "CONFIG GET maxmemory",
        "CONFIG SET maxmemory 5 databases 3",
        "CONFIG GET maxmemory",
        "CONFIG SET maxmemory 6 hz x",
        "CONFIG GET maxmemory",
        "CONFIG SET maxmemory 0",
        "CONFIG SET maxmemory-policy foo",
        "CONFIG SET MAXMEMORY-policy ALLKEYS-LRU",
        "CONFIG GET maxmemory-policy",
        "CONFIG SET maxmemory-policy noeviction",
        "CONFIG SET hz abc",
        "CONFIG SET hz 0",
        "CONFIG GET hz",
        "CONFIG SET hz 10000",
        "CONFIG GET hz",
        "CONFIG SET appendonly maybe",
        "CONFIG SET appendonly no",
        "CONFIG SET databases 3",
        "CONFIG SET Databases x",
        "CONFIG SET list-max-listpack-size 4000000000",
        "CONFIG SET list-max-ziplist-size -6",
        "CONFIG GET list-max-ziplist-size",
        "CONFIG SET hash-max-ziplist-entries -1",
        "CONFIG SET hash-max-ziplist-entries 10 hash-max-listpack-entries 11",
        "CONFIG GET hash-max-listpack-entries",
        "CONFIG GET hash-max-ziplist-entries",
        "CONFIG SET save \"900 1 x\"",
        "CONFIG SET save \"900 1 300 10\"",
        "CONFIG GET save",
        "CONFIG SET save \"\"",
        "CONFIG GET save",
        "CONFIG SET save \"-1 0\"",
        "CONFIG SET notify-keyspace-events KEA",
        "CONFIG GET notify-keyspace-events",
        "CONFIG SET notify-keyspace-events KEQ",
        "CONFIG GET notify-keyspace-events",
        "CONFIG SET notify-keyspace-events \"\"",
        "CONFIG SET timeout -1",
        "CONFIG SET timeout 2147483648",
        "CONFIG SET slowlog-log-slower-than -2",
        "CONFIG SET slowlog-max-len -1",
        "CONFIG SET maxclients 0",
        "CONFIG SET proto-max-bulk-len 100",
        "CONFIG SET proto-max-bulk-len 1mb",
        "CONFIG GET proto-max-bulk-len",
        "CONFIG SET latency-tracking-info-percentiles \"50 x\"",
        "CONFIG SET latency-tracking-info-percentiles \"50 101\"",
        "CONFIG SET latency-tracking-info-percentiles \"50 60.5\"",
        "CONFIG GET latency-tracking-info-percentiles",
        "CONFIG SET client-output-buffer-limit \"normal 0 0\"",
        "CONFIG SET client-output-buffer-limit \"foo 0 0 0\"",
        "CONFIG SET client-output-buffer-limit \"normal 1mb 0 x\"",
        "CONFIG SET client-output-buffer-limit \"normal 1mb 0 5\"",
        "CONFIG GET client-output-buffer-limit",
        "CONFIG SET client-query-buffer-limit 1",
        "CONFIG SET loglevel x",
        "CONFIG SET lua-time-limit -1",
        "CONFIG SET busy-reply-threshold 100",
        "CONFIG GET lua-time-limit",
        "CONFIG SET list-compress-depth -1",
        "CONFIG SET lfu-log-factor x",
        "CONFIG SET maxmemory-samples 0",
        "CONFIG SET unixsocket x",
        "CONFIG SET daemonize yes",
        "CONFIG SET enable-debug-command no",
        "CONFIG GET enable-debug-command",
        "CONFIG GET nosuch",
        "CONFIG RESETSTAT x",
        "CONFIG RESETSTAT",
        "CONFIG REWRITE",
        "CONFIG NOPE",
        "CONFIG HELP",
    ]);
}

/// A new store says what a new server says, as far as it has the setting and is not told otherwise at its start.
#[test]
fn defaults_are_the_servers() {
    let Some(oracle) = crate::support::Oracle::start() else { return };
    let mut client = oracle.connect();
    let differ = [
        "bind",
        "dir",
        "enable-debug-command",
        "latency-tracking",
        "logfile",
        "loglevel",
        "pidfile",
        "port",
        "protected-mode",
        "unixsocket",
    ];
    let mut compared = 0;
    for (name, value) in Store::new().config_get("*") {
        if differ.contains(&name) {
            continue;
        }
        if let Value::Array(theirs) = client.value(&["CONFIG", "GET", name])
            && let [_, theirs] = theirs.as_slice()
        {
            assert_eq!(&Value::Bulk(value), theirs, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared} settings were compared");
}

/// A test of Redis's own sets each setting to the value that it has.
#[test]
fn every_setting_that_can_be_set_takes_its_own_value() {
    let store = Store::new();
    let all = store.config_get("*");
    for (name, value) in &all {
        if let Err(error) = store.config_set(name, value) {
            assert!(error.to_string().ends_with("can't set immutable config"), "{name}: {error}");
        }
    }
    assert_eq!(store.config_get("*"), all);
    for (name, value) in [("port", "6379"), ("latency-tracking", "yes"), ("appendonly", "yes")] {
        assert!(store.config_set(name, value).is_err(), "{name} {value}");
    }
}

#[test]
fn limits_of_collections_change_at_runtime() {
    let mut session = session();
    session
        .execute(&["CONFIG", "SET", "zset-max-ziplist-entries", "1", "set-max-intset-entries", "2"])
        .unwrap();
    session.execute(&["ZADD", "zset", "1", "a", "2", "b"]).unwrap();
    assert_eq!(session.execute(&["OBJECT", "ENCODING", "zset"]).unwrap(), Value::from("skiplist"));
    session.execute(&["SADD", "set", "1", "2", "3"]).unwrap();
    assert_ne!(session.execute(&["OBJECT", "ENCODING", "set"]).unwrap(), Value::from("intset"));
    session.execute(&["CONFIG", "SET", "proto-max-bulk-len", "1mb"]).unwrap();
    let error = session.execute(&["SETRANGE", "string", "2000000", "x"]).unwrap_err();
    assert!(error.to_string().contains("proto-max-bulk-len"), "{error}");
}

#[test]
fn a_time_limit_of_scripts_may_be_set() {
    let mut session = session();
    session.execute(&["CONFIG", "SET", "lua-time-limit", "20"]).unwrap();
    let error = session.execute(&["EVAL", "while true do end", "0"]).unwrap_err();
    assert_eq!(error.kind(), redmoon::ErrorKind::ScriptLimit);
}

#[test]
fn counters_begin_anew() {
    let store = Store::new();
    let mut session = Engine::new(store.clone()).session();
    session.execute(&["GET", "nothing"]).unwrap();
    session.execute(&["INCR", "a", "b"]).unwrap_err();
    let info = store.info(&["stats", "commandstats", "errorstats"]).unwrap();
    assert!(info.contains("\r\nkeyspace_misses:1\r\n") && info.contains("\r\ntotal_error_replies:1\r\n"));
    assert!(info.contains("cmdstat_get:calls=1") && info.contains("errorstat_ERR:count=1"), "{info}");
    session.execute(&["CONFIG", "RESETSTAT"]).unwrap();
    let info = store.info(&["stats", "commandstats", "errorstats"]).unwrap();
    assert!(info.contains("\r\nkeyspace_misses:0\r\n") && info.contains("\r\ntotal_error_replies:0\r\n"));
    assert!(!info.contains("cmdstat_get") && !info.contains("errorstat_ERR"), "{info}");
}
