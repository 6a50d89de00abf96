//! CLIENT: the texts of a real server, the lines that describe clients, and how clients are ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redmoon::{Begun, Engine, ManualClock, Store, Value};

use super::{compare, session, text};
use crate::support::Oracle;

#[test]
fn texts_are_the_servers() {
    compare(&[
        "CLIENT",
        "CLIENT NOPE",
        "CLIENT ID x",
        "CLIENT LIST x",
        "CLIENT LIST TYPE nope",
        "CLIENT LIST TYPE",
        "CLIENT LIST TYPE master",
        "CLIENT LIST ID",
        "CLIENT LIST ID a",
        "CLIENT LIST ID 999 b",
        "CLIENT LIST ID 999",
        "CLIENT LIST TYPE normal ID 1",
        "CLIENT SETNAME \"a b\"",
        "CLIENT SETNAME ab",
        "CLIENT GETNAME",
        "CLIENT SETNAME \"\"",
        "CLIENT GETNAME",
        "CLIENT REPLY x",
        "CLIENT REPLY ON",
        "CLIENT REPLY",
        "CLIENT NO-EVICT x",
        "CLIENT NO-EVICT on",
        "CLIENT KILL",
        "CLIENT KILL 1.2.3.4:5",
        "CLIENT KILL ID",
        "CLIENT KILL ID x",
        "CLIENT KILL ID 0",
        "CLIENT KILL ID 99999",
        "CLIENT KILL ID 1 TYPE",
        "CLIENT KILL TYPE nope",
        "CLIENT KILL TYPE slave",
        "CLIENT KILL USER nope",
        "CLIENT KILL USER default",
        "CLIENT KILL SKIPME maybe",
        "CLIENT KILL ADDR 1.2.3.4:5",
        "CLIENT KILL LADDR 1.2.3.4:5",
        "CLIENT KILL FOO bar",
        "CLIENT KILL ID 1 FOO bar",
        "CLIENT UNBLOCK",
        "CLIENT UNBLOCK x",
        "CLIENT UNBLOCK 9999",
        "CLIENT UNBLOCK 9999 FOO",
        "CLIENT UNBLOCK 9999 ERROR",
        "CLIENT UNBLOCK 9999 ERROR x",
        "CLIENT PAUSE x",
        "CLIENT PAUSE -1",
        "CLIENT PAUSE 1 FOO",
        "CLIENT PAUSE 1 WRITE x",
        "CLIENT UNPAUSE",
        "CLIENT TRACKING x",
        "CLIENT TRACKING on FOO",
        "CLIENT TRACKING off",
        "CLIENT TRACKING off FOO",
        "CLIENT CACHING yes",
        "CLIENT CACHING x",
        "CLIENT GETREDIR",
        "CLIENT TRACKINGINFO",
        "CLIENT HELP",
        "HELLO 3 SETNAME \"a b\"",
        "CLIENT TRACKINGINFO",
    ]);
}

/// The names of a line's fields, in their order.
fn fields(line: &str) -> Vec<(String, String)> {
    let field = |field: &str| field.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    line.trim_end().split(' ').filter_map(field).collect()
}

fn value_of(line: &str, name: &str) -> String {
    let found = fields(line).into_iter().find(|(field, _)| field == name);
    found.unwrap_or_else(|| panic!("no {name} in {line}")).1
}

#[test]
fn a_line_has_the_servers_fields() {
    let Some(oracle) = Oracle::start() else { return };
    let mut client = oracle.connect();
    let mut session = session();
    for command in [["CLIENT", "LIST"], ["CLIENT", "INFO"]] {
        let theirs = fields(&text(&client.value(&command)));
        let ours = fields(&text(&session.execute(&command).unwrap()));
        let names =
            |fields: &[(String, String)]| fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&ours)[..theirs.len()], names(&theirs));
        assert_eq!(names(&ours)[theirs.len()..], ["lib-name", "lib-ver"], "which came with 7.2");
        let differ = ["id", "addr", "laddr", "fd", "flags", "rbs", "rbp", "tot-mem"];
        for (our, their) in ours.iter().zip(&theirs).filter(|(our, _)| !differ.contains(&our.0.as_str())) {
            assert_eq!(our, their);
        }
    }
}

#[test]
fn a_line_tells_what_the_client_does() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    let engine = Engine::new(store.clone());
    let mut session = engine.session();
    let own = |store: &Store| store.client_list().lines().next().unwrap().to_owned();
    assert_eq!(value_of(&own(&store), "cmd"), "NULL");
    session.set_address("192.0.2.7:5", "192.0.2.1:6379");
    clock.advance(Duration::from_secs(7));
    session.execute(&["SELECT", "4"]).unwrap();
    clock.advance(Duration::from_secs(5));
    let line = own(&store);
    for (name, value) in [
        ("addr", "192.0.2.7:5"),
        ("laddr", "192.0.2.1:6379"),
        ("age", "12"),
        ("idle", "5"),
        ("db", "4"),
        ("cmd", "select"),
        ("flags", "N"),
        ("multi", "-1"),
        ("resp", "2"),
    ] {
        assert_eq!(value_of(&line, name), value, "{name} in {line}");
    }
    session.execute(&["HELLO", "3"]).unwrap();
    session.execute(&["CLIENT", "SETINFO", "lib-name", "moonlib"]).unwrap();
    session.execute(&["CLIENT", "SETINFO", "LIB-VER", "1.2"]).unwrap();
    session.execute(&["SUBSCRIBE", "a", "b"]).unwrap();
    session.execute(&["PSUBSCRIBE", "c*"]).unwrap();
    session.execute(&["SSUBSCRIBE", "d"]).unwrap();
    session.execute(&["MULTI"]).unwrap();
    session.execute(&["SET", "key", "value"]).unwrap();
    let line = own(&store);
    for (name, value) in [
        ("sub", "2"),
        ("psub", "1"),
        ("ssub", "1"),
        ("multi", "1"),
        ("multi-mem", "11"),
        ("flags", "Px"),
        ("resp", "3"),
        ("lib-name", "moonlib"),
        ("lib-ver", "1.2"),
    ] {
        assert_eq!(value_of(&line, name), value, "{name} in {line}");
    }
    session.execute(&["DISCARD"]).unwrap();
    assert_eq!(value_of(&own(&store), "multi"), "-1");
    let pubsub = text(&session.execute(&["CLIENT", "LIST", "TYPE", "PUBSUB"]).unwrap());
    assert_eq!(pubsub.lines().count(), 1);
    drop(session);
    assert_eq!(store.client_list(), "");
}

#[test]
fn a_killed_client_is_told_and_closed() {
    let store = Store::new();
    let engine = Engine::new(store.clone());
    let (mut killer, victim, bystander) = (engine.session(), engine.session(), engine.session());
    victim.set_address("192.0.2.7:1", "192.0.2.1:6379");
    let told = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&told);
    victim.on_close(move || flag.store(true, Ordering::SeqCst));
    assert_eq!(killer.execute(&["CLIENT", "KILL", "ADDR", "192.0.2.7:1"]).unwrap(), Value::Integer(1));
    assert!(told.load(Ordering::SeqCst) && victim.is_closing());
    assert!(!killer.is_closing() && !bystander.is_closing());
    // A filter lets all through that it does not name, but not the caller.
    let by_type = ["CLIENT", "KILL", "TYPE", "normal", "ID", &bystander.id().to_string()];
    assert_eq!(killer.execute(&by_type).unwrap(), Value::Integer(1));
    assert!(bystander.is_closing());
    drop((victim, bystander));
    assert_eq!(killer.execute(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap(), Value::Integer(0));
    // The caller itself gets its reply yet.
    assert_eq!(
        killer.execute(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"]).unwrap(),
        Value::Integer(1)
    );
    assert!(killer.is_closing());
}

/// As on a real server: from the reply on, though the victim's own thread may take a moment to notice.
#[test]
fn a_killed_client_is_seen_by_nobody_any_more() {
    let store = Store::new();
    let engine = Engine::new(store.clone());
    let (mut killer, mut victim) = (engine.session(), engine.session());
    let id = victim.id().to_string();
    victim.execute(&["SUBSCRIBE", "news"]).unwrap();
    victim.execute(&["PSUBSCRIBE", "n*"]).unwrap();
    victim.execute(&["SSUBSCRIBE", "shard"]).unwrap();
    let mut integer = |request: &[&str]| killer.execute(request).unwrap();
    assert_eq!(integer(&["PUBLISH", "news", "x"]), Value::Integer(2));
    assert_eq!(integer(&["SPUBLISH", "shard", "x"]), Value::Integer(1));
    assert_eq!(integer(&["CLIENT", "KILL", "ID", &id]), Value::Integer(1));
    assert_eq!(integer(&["CLIENT", "KILL", "ID", &id]), Value::Integer(0));
    assert_eq!(integer(&["PUBLISH", "news", "x"]), Value::Integer(0));
    assert_eq!(integer(&["SPUBLISH", "shard", "x"]), Value::Integer(0));
    assert_eq!(integer(&["PUBSUB", "NUMPAT"]), Value::Integer(0));
    assert_eq!(integer(&["PUBSUB", "CHANNELS"]), Value::Array(Vec::new()));
    let ids: Vec<_> = store.client_list().lines().map(|line| value_of(line, "id").to_owned()).collect();
    assert_eq!(ids, [killer.id().to_string()]);
    assert!(victim.is_closing());
}

#[test]
fn the_old_form_kills_by_address() {
    let engine = Engine::new(Store::new());
    let (mut killer, victim) = (engine.session(), engine.session());
    victim.set_address("192.0.2.7:1", "192.0.2.1:6379");
    assert_eq!(killer.execute(&["CLIENT", "KILL", "192.0.2.7:1"]).unwrap(), Value::ok());
    assert!(victim.is_closing());
}

#[test]
fn a_wait_is_ended_from_elsewhere() {
    let store = Store::new();
    let engine = Engine::new(store.clone());
    let (mut waiter, mut other) = (engine.session(), engine.session());
    let id = waiter.id().to_string();
    assert_eq!(other.execute(&["CLIENT", "UNBLOCK", &id]).unwrap(), Value::Integer(0));
    for (how, expected) in [
        (None, Ok(Value::NilArray)),
        (Some("TIMEOUT"), Ok(Value::NilArray)),
        (Some("ERROR"), Err("UNBLOCKED client unblocked via CLIENT UNBLOCK".to_owned())),
    ] {
        let Begun::Waiting(command) = waiter.begin(&["BLPOP", "list", "0"]).unwrap() else {
            panic!("it waits")
        };
        assert_eq!(value_of(store.client_list().lines().next().unwrap(), "flags"), "b");
        let mut request = vec!["CLIENT", "UNBLOCK", &id];
        request.extend(how);
        assert_eq!(other.execute(&request).unwrap(), Value::Integer(1));
        assert_eq!(command.wait().map_err(|error| error.to_string()), expected);
        assert_eq!(value_of(store.client_list().lines().next().unwrap(), "flags"), "N");
    }
    // Who is killed waits no longer.
    let Begun::Waiting(command) = waiter.begin(&["BLPOP", "list", "0"]).unwrap() else { panic!("it waits") };
    assert!(store.client_kill(id.parse().unwrap()));
    assert!(command.wait().is_err());
    assert!(waiter.is_closing());
}

/// Which of the replies to these lines are wanted.
#[test]
fn replies_can_be_left_out() {
    let requests = "ECHO 1\nCLIENT REPLY SKIP\nECHO 2\nECHO 3\nCLIENT REPLY OFF\nECHO 4\nCLIENT REPLY SKIP\nECHO 5\n\
                    ECHO 6\nCLIENT REPLY ON\nECHO 7\nQUIT\n";
    let mut replies = Vec::new();
    redmoon::resp::serve(session(), requests.as_bytes(), &mut replies).unwrap();
    assert_eq!(String::from_utf8(replies).unwrap(), "$1\r\n1\r\n$1\r\n3\r\n+OK\r\n$1\r\n7\r\n+OK\r\n");
}

#[test]
fn library_names_have_no_spaces() {
    let mut session = session();
    for (name, value, error) in [
        ("lib-name", "a b", "ERR lib-name cannot contain spaces, newlines or special characters."),
        ("lib-ver", "a\n", "ERR lib-ver cannot contain spaces, newlines or special characters."),
        ("nope", "x", "ERR Unrecognized option 'nope'"),
    ] {
        let refused = session.execute(&["CLIENT", "SETINFO", name, value]).unwrap_err();
        assert_eq!(refused.to_string(), error);
    }
}
