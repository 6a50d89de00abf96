//! Every command within MULTI, from a script, and in a transaction: none waits for shards that its own caller holds.

use std::sync::mpsc::channel;
use std::time::Duration;

use redmoon::{Engine, Store, Value};

/// Much longer than all of it takes; what hangs is a deadlock.
const PATIENCE: Duration = Duration::from_secs(60);

/// The names of all commands, a container's subcommands as two words.
fn names(store: &Store) -> Vec<Vec<String>> {
    let Value::Array(names) = store.execute(&["COMMAND", "LIST"]).unwrap() else { panic!("COMMAND LIST") };
    let words = |name: &Value| {
        let name = String::from_utf8(name.as_bytes().unwrap().to_vec()).unwrap();
        name.split('|').map(str::to_owned).collect()
    };
    names.iter().map(words).collect()
}

/// A command with so many arguments. Of those that end the test, or that stop everybody, none.
fn with_arguments(name: &[String], count: usize) -> Option<Vec<String>> {
    let ends = ["quit", "reset", "shutdown", "debug", "exec", "multi", "discard", "monitor"];
    let arguments = ["key", "1", "key", "1", "x"].map(str::to_owned);
    (!ends.contains(&name[0].as_str())).then(|| [name, &arguments[..count]].concat())
}

fn within_a_minute(what: &'static str, work: impl FnOnce() + Send + 'static) {
    let (done, ended) = channel();
    std::thread::spawn(move || {
        work();
        done.send(()).unwrap();
    });
    ended.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{what} waits for itself, or failed"));
}

fn each_command(store: &Store, mut call: impl FnMut(&[String])) {
    for name in names(store) {
        for count in 0..=5 {
            if let Some(command) = with_arguments(&name, count) {
                call(&command);
            }
        }
    }
}

#[test]
fn no_command_waits_for_itself_within_a_transaction_of_a_session() {
    within_a_minute("EXEC", || {
        let store = Store::new();
        let engine = Engine::new(store.clone());
        each_command(&store, |command| {
            let mut session = engine.session();
            session.execute(&["WATCH", "key", "other", "1"]).unwrap();
            session.execute(&["MULTI"]).unwrap();
            let _ = session.execute(&["SET", "key", "1"]);
            let _ = session.execute(command);
            let _ = session.execute(&["EXEC"]);
        });
        assert!(store.ping().is_ok());
        assert!(store.flushall().is_ok());
    });
}

#[test]
fn no_command_waits_for_itself_in_a_script_or_a_typed_transaction() {
    within_a_minute("a script", || {
        let store = Store::new();
        let engine = Engine::new(store.clone());
        each_command(&store, |command| {
            let script = "redis.call('SET', 'key', '1') return redis.pcall(unpack(ARGV))";
            let _ = engine.eval(script, &["key"], command);
            let _ = store.transaction(&["key", "1"], |tx| {
                let _ = tx.execute(command);
                tx.set("key", "1")
            });
        });
        assert!(store.flushall().is_ok());
    });
}
