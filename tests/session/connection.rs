//! HELLO, AUTH, RESET and QUIT.

use redmoon::{Engine, Protocol, Store, Value};

use super::{compare, compare_on, reply, session};
use crate::support::Oracle;

#[test]
fn without_a_password_the_texts_are_the_servers() {
    compare(&[
        "AUTH",
        "AUTH x",
        "AUTH default x",
        "AUTH nope x",
        "AUTH a b c",
        "HELLO x",
        "HELLO 4",
        "HELLO 2 FOO",
        "HELLO 3 AUTH",
        "HELLO 3 AUTH default",
        "HELLO 3 AUTH nope x",
        "HELLO 3 SETNAME",
        "HELLO 3 SETNAME \"a b\"",
        "HELLO 2 AUTH default x SETNAME \"a b\"",
        "CLIENT GETNAME",
        "RESET x",
        "RESET",
        "EXEC x",
        "MULTI",
        "SET a b c d e f",
        "RESET",
        "EXEC",
        "MULTI",
        "QUIT",
    ]);
}

#[test]
fn a_password_keeps_strangers_out_as_on_the_server() {
    let Some(oracle) = Oracle::start() else { return };
    oracle.connect().raw(&["CONFIG", "SET", "requirepass", "pw"]);
    let store = Store::builder().requirepass("pw").build();
    let mut session = Engine::new(store).session();
    compare_on(
        &mut session,
        &mut oracle.connect(),
        &[
            "PING",
            "NOPE",
            "GET",
            "HELLO",
            "HELLO 3",
            "HELLO 3 SETNAME x",
            "HELLO 3 AUTH default nope",
            "MULTI",
            "EXEC",
            "SUBSCRIBE x",
            "CLIENT ID",
            "COMMAND COUNT x",
            "AUTH nope",
            "AUTH nope pw",
            "AUTH default pw",
            "PING",
            "CONFIG GET requirepass",
            "ACL WHOAMI",
            "RESET",
            "PING",
            "AUTH pw",
            "CONFIG SET requirepass other",
            "PING",
            "RESET",
            "AUTH pw",
            "AUTH other",
            "CONFIG SET requirepass \"\"",
            "RESET",
            "PING",
        ],
    );
}

#[test]
fn hello_may_bring_the_password() {
    let engine = Engine::new(Store::builder().requirepass("pw").build());
    let mut session = engine.session();
    session.execute(&["HELLO", "3", "AUTH", "default", "pw", "SETNAME", "me"]).unwrap();
    assert_eq!(session.protocol(), Protocol::Resp3);
    assert_eq!(session.execute(&["CLIENT", "GETNAME"]).unwrap(), Value::from("me"));
    // A stranger of the time when there was no password may stay.
    let store = Store::new();
    let engine = Engine::new(store.clone());
    let mut early = engine.session();
    store.config_set("requirepass", "pw").unwrap();
    assert!(early.execute(&["PING"]).is_ok());
    let mut late = engine.session();
    assert_eq!(late.execute(&["PING"]).unwrap_err().code(), "NOAUTH");
    // One who came too early is let in when the password goes.
    store.config_set("requirepass", "").unwrap();
    assert!(late.execute(&["PING"]).is_ok());
}

#[test]
fn reset_makes_all_as_it_was() {
    let engine = Engine::new(Store::new());
    let (mut session, mut other) = (engine.session(), engine.session());
    for line in ["HELLO 3", "SELECT 3", "CLIENT SETNAME me", "SUBSCRIBE news", "WATCH key", "MULTI", "GET a"]
    {
        session.execute(&super::words(line)).unwrap();
    }
    assert_eq!(reply(&mut session, "RESET"), "+RESET\\r\\n");
    assert_eq!(session.database(), 0);
    assert_eq!(session.protocol(), Protocol::Resp2);
    assert_eq!(session.execute(&["CLIENT", "GETNAME"]).unwrap(), Value::Nil);
    assert_eq!(other.execute(&["PUBLISH", "news", "hello"]).unwrap(), Value::Integer(0));
    assert_eq!(reply(&mut session, "EXEC"), "-ERR EXEC without MULTI\\r\\n");
    // The watch is gone: a change does not stop what comes.
    other.execute(&["SELECT", "3"]).unwrap();
    other.execute(&["SET", "key", "changed"]).unwrap();
    session.execute(&["MULTI"]).unwrap();
    assert_eq!(session.execute(&["EXEC"]).unwrap(), Value::Array(vec![]));
}

#[test]
fn quit_ends_the_conversation_with_its_reply() {
    let mut session = session();
    assert!(!session.is_closing());
    assert_eq!(session.execute(&["QUIT", "now"]).unwrap(), Value::ok());
    assert!(session.is_closing());
}
