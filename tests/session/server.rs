//! Questions that clients put to a server: its role, its figures, its slow commands.

use redmoon::{Engine, Store, Value};

use super::{compare, reply, session, text};
use crate::support::Oracle;

#[test]
fn replies_are_the_servers() {
    compare(&[
        "ROLE",
        "ROLE x",
        "LASTSAVE x",
        "LOLWUT",
        "LOLWUT VERSION x",
        "LOLWUT x",
        "SHUTDOWN x",
        "SHUTDOWN ABORT",
        "SHUTDOWN ABORT SAVE",
        "SHUTDOWN SAVE NOSAVE",
        "MULTI",
        "SHUTDOWN",
        "DISCARD",
        "WAIT",
        "WAIT 0 0",
        "WAIT 1 10",
        "WAIT x 1",
        "WAIT 1 x",
        "WAIT 1 -1",
        "SLOWLOG GET",
        "SLOWLOG GET x",
        "SLOWLOG GET -1",
        "SLOWLOG GET -2",
        "SLOWLOG LEN",
        "SLOWLOG RESET",
        "SLOWLOG NOPE",
        "SLOWLOG HELP",
        "LATENCY RESET",
        "LATENCY RESET a b",
        "LATENCY HISTORY x",
        "LATENCY GRAPH x",
        "LATENCY LATEST",
        "LATENCY HISTOGRAM nope",
        "LATENCY HELP",
        "ACL WHOAMI",
        "ACL LIST",
        "ACL USERS",
        "ACL GETUSER default",
        "ACL GETUSER nobody",
        "ACL CAT nope",
        "ACL GENPASS 0",
        "ACL GENPASS x",
        "ACL GENPASS 4097",
        "ACL LOG",
        "ACL LOG x",
        "ACL LOG RESET",
        "ACL LOAD",
        "ACL SAVE",
        "ACL NOPE",
        "ACL HELP",
        "MODULE LIST",
        "MODULE LOAD x",
        "MODULE UNLOAD x",
        "MODULE HELP",
        "CLUSTER NODES",
        "CLUSTER SLOTS",
        "READONLY",
        "READWRITE",
        "ASKING",
        "MEMORY USAGE nokey",
        "SET key value",
        "MEMORY USAGE key SAMPLES -1",
        "MEMORY USAGE key SAMPLES x",
        "MEMORY USAGE key FOO",
        "MEMORY USAGE key SAMPLES",
        "MEMORY USAGE key FOO 1",
        "MEMORY NOPE",
        "MEMORY PURGE",
        "MEMORY HELP",
        "INFO nope",
    ]);
}

/// A server gives the commands of a category in no order.
#[test]
fn categories_hold_the_servers_commands() {
    let Some(oracle) = Oracle::start() else { return };
    let (mut session, mut client) = (session(), oracle.connect());
    let mut names = |category: &str| {
        [client.value(&["ACL", "CAT", category]), session.execute(&["ACL", "CAT", category]).unwrap()].map(
            |reply| {
                let Value::Array(names) = reply else { panic!("a list") };
                names.iter().map(text).collect::<std::collections::BTreeSet<_>>()
            },
        )
    };
    for category in ["transaction", "connection", "pubsub", "list"] {
        let newer = ["waitaof", "client|no-touch", "client|setinfo"];
        let [theirs, ours] = names(category);
        let missing: Vec<_> = theirs.difference(&ours).collect();
        let more: Vec<_> = ours.difference(&theirs).filter(|name| !newer.contains(&name.as_str())).collect();
        assert!(missing.is_empty() && more.is_empty(), "{category}: missing {missing:?}, more {more:?}");
    }
}

#[test]
fn a_store_is_not_shut_down_by_a_command() {
    assert!(reply(&mut session(), "SHUTDOWN NOSAVE").starts_with("-ERR Errors trying to SHUTDOWN."));
}

#[test]
fn waiting_for_a_file_that_is_not_there_answers_at_once() {
    let mut session = session();
    assert_eq!(
        session.execute(&["WAITAOF", "0", "1", "100"]).unwrap(),
        Value::Array(vec![0.into(), 0.into()])
    );
    for line in ["WAITAOF 1 0 0", "WAITAOF 2 0 0", "WAITAOF 0 -1 0", "WAITAOF 0 0 -1"] {
        assert!(reply(&mut session, line).starts_with("-ERR "), "{line}");
    }
}

#[test]
fn slow_commands_are_noted() {
    let store = Store::new();
    let mut session = Engine::new(store.clone()).session();
    session.set_address("192.0.2.7:5", "192.0.2.1:6379");
    session.execute(&["CLIENT", "SETNAME", "me"]).unwrap();
    session.execute(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]).unwrap();
    session.execute(&["SLOWLOG", "RESET"]).unwrap();
    session.execute(&["CONFIG", "SET", "hz", "20", "requirepass", "secret"]).unwrap();
    let long = "x".repeat(200);
    session.execute(&["SET", "key", &long]).unwrap();
    session.execute(&["AUTH", "default", "secret"]).unwrap();
    let many: Vec<String> =
        std::iter::once("DEL".to_owned()).chain((0..40).map(|nth| nth.to_string())).collect();
    session.execute(&many).unwrap();
    session.execute(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"]).unwrap();
    let Value::Array(commands) = session.execute(&["SLOWLOG", "GET", "-1"]).unwrap() else {
        panic!("a list")
    };
    let fields = |command: &Value| match command {
        Value::Array(fields) => fields.clone(),
        other => panic!("not a list: {other:?}"),
    };
    let arguments: Vec<Vec<String>> = commands
        .iter()
        .map(|command| match &fields(command)[3] {
            Value::Array(args) => args.iter().map(text).collect(),
            other => panic!("not a list: {other:?}"),
        })
        .collect();
    // The newest first; the CONFIG SET that ended it was none of them any more, the RESET forgot itself or not.
    let [del, auth, set, config, ..] = arguments.as_slice() else { panic!("{arguments:?}") };
    assert_eq!(config[2..], ["hz", "20", "requirepass", "(redacted)"]);
    assert_eq!(del.len(), 32);
    assert_eq!(del[31], "... (10 more arguments)");
    assert_eq!(auth, &["AUTH", "(redacted)", "(redacted)"]);
    assert_eq!(set[2], format!("{}... (72 more bytes)", "x".repeat(128)));
    let first = fields(&commands[0]);
    assert_eq!((text(&first[4]), text(&first[5])), ("192.0.2.7:5".to_owned(), "me".to_owned()));
    session.execute(&["CONFIG", "SET", "slowlog-max-len", "1"]).unwrap();
    assert_eq!(session.execute(&["SLOWLOG", "LEN"]).unwrap(), Value::Integer(1));
}

/// Lines that clients look for: each stands in the same section as on a server.
#[test]
fn figures_stand_where_the_server_has_them() {
    let Some(oracle) = Oracle::start() else { return };
    let mut client = oracle.connect();
    let own_lines = ["redmoon_version", "evicted_scripts"];
    for section in
        ["server", "clients", "memory", "persistence", "stats", "replication", "cpu", "cluster", "errorstats"]
    {
        let names = |info: String| -> Vec<String> {
            info.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
        };
        let theirs = names(text(&client.value(&["INFO", section])));
        let ours = names(Store::new().info(&[section]).unwrap());
        for name in ours.iter().filter(|name| !own_lines.contains(&name.as_str())) {
            assert!(theirs.contains(name), "{name} in {section}");
        }
    }
    let sections = |info: String| -> Vec<String> {
        info.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(sections(Store::new().info(&[""; 0]).unwrap()), sections(text(&client.value(&["INFO"]))));
}

#[test]
fn clients_are_counted() {
    let store = Store::new();
    let engine = Engine::new(store.clone());
    let mut session = engine.session();
    drop(engine.session());
    let mut waiting = engine.session();
    let blocked = waiting.begin(&["BLPOP", "list", "0"]).unwrap();
    session.execute(&["SUBSCRIBE", "a"]).unwrap();
    session.execute(&["PSUBSCRIBE", "b", "c"]).unwrap();
    let info = store.info(&["clients", "stats"]).unwrap();
    for line in [
        "connected_clients:2",
        "blocked_clients:1",
        "total_connections_received:3",
        "pubsub_channels:1",
        "pubsub_patterns:2",
    ] {
        assert!(info.contains(&format!("\r\n{line}\r\n")), "{line} in {info}");
    }
    drop(blocked);
    assert!(store.info(&["clients"]).unwrap().contains("\r\nblocked_clients:0\r\n"));
}
