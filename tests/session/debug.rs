//! DEBUG: off by default, and the replies of a real server where it is allowed.

use std::io::{Read, Write};

use redmoon::{Engine, ManualClock, Store, Value};
use std::time::Duration;

use super::{compare, compare_on, reply, session};
use crate::support::Oracle;

#[test]
fn it_is_refused_unless_the_builder_allows_it() {
    let Some(oracle) = Oracle::start() else { return };
    let mut session = Engine::new(Store::new()).session();
    compare_on(
        &mut session,
        &mut oracle.connect(),
        &["DEBUG", "DEBUG DIGEST", "DEBUG NOPE", "MULTI", "DEBUG SLEEP 0", "EXEC", "MODULE LOAD x"],
    );
    let error = Store::new().execute(&["DEBUG", "DIGEST"]).unwrap_err();
    assert!(error.to_string().starts_with("ERR DEBUG command not allowed."), "{error}");
}

#[test]
fn replies_are_the_servers() {
    compare(&[
        "DEBUG NOPE",
        "DEBUG NOPE a b",
        "DEBUG SLEEP 0.001",
        "DEBUG SLEEP x",
        "DEBUG SLEEP",
        "DEBUG OBJECT nokey",
        "DEBUG OBJECT",
        "SET s hello",
        "RPUSH l a b c",
        "HSET h f v",
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "DEBUG SET-ACTIVE-EXPIRE 1",
        "DEBUG SET-ACTIVE-EXPIRE",
        "DEBUG LISTPACK s",
        "DEBUG LISTPACK nokey",
        "DEBUG QUICKLIST s",
        "DEBUG QUICKLIST nokey",
        "DEBUG QUICKLIST-PACKED-THRESHOLD 100",
        "DEBUG QUICKLIST-PACKED-THRESHOLD 100b",
        "DEBUG QUICKLIST-PACKED-THRESHOLD x",
        "DEBUG QUICKLIST-PACKED-THRESHOLD 0",
        "DEBUG QUICKLIST-PACKED-THRESHOLD 5gb",
        "DEBUG CHANGE-REPL-ID",
        "DEBUG SET-DISABLE-DENY-SCRIPTS 0",
        "DEBUG ERROR \"FOO bar\"",
        "DEBUG LOG hello",
        "DEBUG POPULATE 5",
        "DEBUG POPULATE 5 prefix",
        "DEBUG POPULATE 5 sized 12",
        "DEBUG POPULATE x",
        "DEBUG POPULATE",
        "GET key:4",
        "GET prefix:0",
        "GET sized:3",
        "DBSIZE",
    ]);
}

#[test]
fn every_type_of_the_protocols_can_be_asked_for() {
    let types = [
        "string", "integer", "double", "bignum", "null", "array", "set", "map", "verbatim", "true", "false",
        "push", "x",
    ];
    let Some(oracle) = Oracle::start_with(&["--enable-debug-command", "yes"]) else { return };
    for hello in ["2", "3"] {
        let (mut session, mut client) = (session(), oracle.connect());
        session.execute(&["HELLO", hello]).unwrap();
        client.raw(&["HELLO", hello]);
        for name in types {
            // A push may come at any time, so a server sends no reply beside it.
            if (name, hello) != ("push", "3") {
                compare_on(&mut session, &mut client, &[&format!("DEBUG PROTOCOL {name}")]);
            }
        }
    }
}

#[test]
fn attributes_and_pushes_stand_before_their_replies_on_a_wire() {
    let Some(oracle) = Oracle::start_with(&["--enable-debug-command", "yes"]) else { return };
    let requests = b"HELLO 3\r\nDEBUG PROTOCOL attrib\r\nDEBUG PROTOCOL push\r\nPING the-end\r\n";
    let mut here = Vec::new();
    redmoon::resp::serve(session(), requests.as_slice(), &mut here).unwrap();
    let mut there = Vec::new();
    let mut stream = std::os::unix::net::UnixStream::connect(oracle.socket()).unwrap();
    stream.write_all(requests).unwrap();
    while !there.ends_with(b"the-end\r\n") {
        let mut chunk = [0; 1024];
        let read = stream.read(&mut chunk).unwrap();
        there.extend_from_slice(&chunk[..read]);
    }
    // HELLO tells the number of the client.
    let behind_hello = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text[text.find('|').unwrap()..].to_owned()
    };
    assert_eq!(behind_hello(&here), behind_hello(&there));
}

/// Newer servers and their test-suites have these; 7.0 does not.
#[test]
fn patterns_can_be_matched_without_a_key() {
    let mut session = session();
    assert_eq!(session.execute(&["DEBUG", "STRINGMATCH-LEN", "a*[c-e]", "abcd"]), Ok(Value::Integer(1)));
    assert_eq!(session.execute(&["DEBUG", "STRINGMATCH-LEN", "a*[c-e]", "abcf"]), Ok(Value::Integer(0)));
    assert_eq!(session.execute(&["DEBUG", "JMAP"]), Ok(Value::ok()));
}

#[test]
fn digests_are_the_servers() {
    let mut lines: Vec<String> = [
        "SET s hello",
        "SET n 123",
        "RPUSH l a b 3 c",
        "HSET h f v number 17",
        "SADD st a b c 1",
        "SADD is 1 2 3",
        "ZADD z 1 a 2.5 b -inf c 0.1 d",
        "SET timed x EX 1000",
        "SELECT 3",
        "SET other database",
        "DEBUG DIGEST",
        "SELECT 0",
        "DEBUG DIGEST-VALUE s n l h st is z timed nokey",
        "DEBUG DIGEST-VALUE",
    ]
    .map(str::to_owned)
    .into();
    // Large forms too.
    for nth in 0..300 {
        lines.push(format!("SADD large member:{nth}"));
        lines.push(format!("HSET big field:{nth} {nth}"));
        lines.push(format!("ZADD ranked {nth}.5 member:{nth}"));
    }
    lines.extend(
        ["DEBUG DIGEST-VALUE large big ranked", "DEBUG DIGEST", "FLUSHALL", "DEBUG DIGEST"]
            .map(str::to_owned),
    );
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    compare(&lines);
}

#[test]
fn an_object_is_described_as_clients_parse_it() {
    let mut session = session();
    session.execute(&["SET", "s", "hello"]).unwrap();
    let line = reply(&mut session, "DEBUG OBJECT s");
    assert!(
        line.starts_with("+Value at:0x") && line.contains(" refcount:1 encoding:embstr serializedlength:")
    );
    assert!(line.contains(" lru_seconds_idle:0"), "{line}");
}

#[test]
fn the_replication_id_can_be_changed() {
    let store = Store::builder().enable_debug_command(true).build();
    let mut session = Engine::new(store.clone()).session();
    let id = |store: &Store| {
        let info = store.info(&["replication"]).unwrap();
        info.lines().find_map(|line| line.strip_prefix("master_replid:")).unwrap().to_owned()
    };
    let old = id(&store);
    assert_eq!((old.len(), id(&store)), (40, old.clone()));
    session.execute(&["DEBUG", "CHANGE-REPL-ID"]).unwrap();
    assert_ne!(id(&store), old);
}

#[test]
fn what_needs_persistence_says_that_there_is_none() {
    let mut session = session();
    for line in ["DEBUG RELOAD", "DEBUG RELOAD NOSAVE", "DEBUG LOADAOF"] {
        assert!(reply(&mut session, line).contains("there is no persistence"), "{line}");
    }
}

#[test]
fn expiry_can_be_left_to_those_who_ask() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).enable_debug_command(true).shards(1).build();
    let mut session = Engine::new(store.clone()).session();
    let expired = |store: &Store| store.info(&["stats"]).unwrap().contains("\r\nexpired_keys:0\r\n");
    session.execute(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]).unwrap();
    session.execute(&["SET", "gone", "soon", "EX", "1"]).unwrap();
    clock.advance(Duration::from_secs(2));
    for nth in 0..1000 {
        session.execute(&["SET", "other", &nth.to_string()]).unwrap();
    }
    assert!(expired(&store), "nobody asked for it");
    session.execute(&["DEBUG", "SET-ACTIVE-EXPIRE", "1"]).unwrap();
    for nth in 0..1000 {
        session.execute(&["SET", "other", &nth.to_string()]).unwrap();
    }
    assert!(!expired(&store), "writers removed it");
}

#[test]
fn scripts_can_be_let_call_what_is_not_for_them() {
    let mut session = session();
    let call = ["EVAL", "return redis.call('role')[1]", "0"];
    let error = session.execute(&call).unwrap_err().to_string();
    assert!(error.contains("not allowed from script"), "{error}");
    session.execute(&["DEBUG", "SET-DISABLE-DENY-SCRIPTS", "1"]).unwrap();
    assert_eq!(session.execute(&call).unwrap(), Value::from("master"));
    session.execute(&["DEBUG", "SET-DISABLE-DENY-SCRIPTS", "0"]).unwrap();
    assert!(session.execute(&call).is_err());
}
