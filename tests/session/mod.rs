//! What clients of a server say to it beside their commands on data: who they are, settings, figures, tests' aids.

mod client;
mod config;
mod connection;
mod debug;
mod no_deadlock;
mod server;

use redmoon::{Engine, Session, Store, Value, resp};

use crate::support::{Client, Oracle, show};

/// A line's words; a word in double quotes may have spaces, and may be empty.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (nth, part) in line.split('"').enumerate() {
        if nth % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// What a session answers to a line, as the bytes that a server would send.
fn reply(session: &mut Session, line: &str) -> String {
    let reply = session.execute(&words(line));
    let mut bytes = Vec::new();
    resp::encode_result(&reply, session.protocol(), &mut bytes);
    show(&bytes)
}

/// A session that may use DEBUG, as the server of [`compare`] may be.
fn session() -> Session {
    Engine::new(Store::builder().enable_debug_command(true).build()).session()
}

/// Runs each line on a session and on a server, and expects the same bytes.
fn compare(lines: &[&str]) {
    let Some(oracle) = Oracle::start_with(&["--enable-debug-command", "yes"]) else { return };
    compare_on(&mut session(), &mut oracle.connect(), lines);
}

fn compare_on(session: &mut Session, client: &mut Client, lines: &[&str]) {
    let mut different = Vec::new();
    for line in lines {
        let ours = reply(session, line);
        let theirs = show(&client.raw(&words(line)));
        if ours != theirs {
            different.push(format!("{line}\n    ours   {ours}\n    theirs {theirs}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn text(value: &Value) -> String {
    match value {
        Value::Verbatim { text, .. } => String::from_utf8_lossy(text).into_owned(),
        other => String::from_utf8_lossy(other.as_bytes().expect("a string")).into_owned(),
    }
}
