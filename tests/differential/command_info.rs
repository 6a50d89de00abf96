//! `COMMAND INFO` of every command that Redmoon has says what a real server says.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use redmoon::Value;

use super::Pair;
use crate::support::client::decode;
use crate::support::{Oracle, show};

/// Commands and subcommands of newer servers that the oracle does not know.
const NEWER: &[&str] = &[
    "client|no-touch",
    "client|setinfo",
    "waitaof",
    "hexpire",
    "hexpireat",
    "hexpiretime",
    "hgetdel",
    "hgetex",
    "hpersist",
    "hpexpire",
    "hpexpireat",
    "hpexpiretime",
    "hpttl",
    "hsetex",
    "httl",
    "script|flags",
    "script|latency",
    "script|list",
    "script|show",
];

/// The fields of a `COMMAND INFO` entry that are compared, by their place, and whether their order means nothing.
const FIELDS: &[(usize, &str, bool)] = &[
    (0, "name", false),
    (1, "arity", false),
    (2, "flags", true),
    (3, "first key", false),
    (4, "last key", false),
    (5, "step", false),
    (6, "ACL categories", true),
    (7, "tips", true),
    (8, "key specifications", false),
];
const SUBCOMMANDS: usize = 9;

/// What Redmoon says otherwise on purpose: command, field, reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("zrank", "arity", "since 7.2 there is WITHSCORE"),
    ("zrevrank", "arity", "since 7.2 there is WITHSCORE"),
];

#[test]
fn command_info_describes_every_command_as_a_real_server_does() {
    let Some(oracle) = Oracle::start() else { return };
    let mut pair = Pair::new(&oracle);
    let Value::Array(names) = decode(&pair.ours(&["COMMAND", "LIST"])) else {
        panic!("COMMAND LIST is no array");
    };
    assert!(!names.is_empty(), "COMMAND LIST is empty");
    let mut report = String::new();
    for name in &names {
        let name = String::from_utf8_lossy(name.as_bytes().expect("a name")).into_owned();
        let (theirs, ours) = pair.both(&["COMMAND", "INFO", &name]);
        match (entry(&theirs), entry(&ours)) {
            (_, None) => {
                let _ = writeln!(report, "{name} is in COMMAND LIST, and COMMAND INFO says {}", show(&ours));
            }
            (None, _) if NEWER.contains(&name.as_str()) => {}
            (None, _) => {
                let _ = writeln!(report, "{name}: a real server has no such command");
            }
            (Some(theirs), Some(ours)) => compare(&theirs, &ours, &mut report),
        }
    }
    eprintln!("COMMAND INFO: {} commands compared", names.len());
    assert!(report.is_empty(), "COMMAND INFO differs:\n{report}");
}

/// The one entry of a `COMMAND INFO` reply.
fn entry(reply: &[u8]) -> Option<Vec<Value>> {
    let Value::Array(entries) = decode(reply) else { return None };
    match entries.into_iter().next() {
        Some(Value::Array(fields)) => Some(fields),
        _ => None,
    }
}

/// Compares two entries and the entries of their subcommands.
fn compare(theirs: &[Value], ours: &[Value], report: &mut String) {
    let name = theirs.first().and_then(Value::as_bytes).map(String::from_utf8_lossy).unwrap_or_default();
    for (place, field, unordered) in FIELDS {
        if EXCEPTIONS.iter().any(|(command, of, _)| *command == name && of == field) {
            continue;
        }
        let (theirs, ours) = (theirs.get(*place), ours.get(*place));
        let equal = match (theirs, ours) {
            (Some(theirs), Some(ours)) if *unordered => words(theirs) == words(ours),
            (Some(theirs), Some(ours)) => without_notes(theirs) == without_notes(ours),
            _ => theirs.is_none() && ours.is_none(),
        };
        if !equal {
            let _ = writeln!(report, "{name}, {field}:\n    redis    {theirs:?}\n    redmoon  {ours:?}");
        }
    }
    let Some(Value::Array(ours)) = ours.get(SUBCOMMANDS) else { return };
    let Some(Value::Array(theirs)) = theirs.get(SUBCOMMANDS) else { return };
    for ours in ours.iter().filter_map(fields) {
        let name = ours[0].as_bytes().expect("a name");
        // A container may have fewer subcommands than a real server's, not other ones.
        match theirs.iter().filter_map(fields).find(|theirs| theirs[0].as_bytes() == Some(name)) {
            Some(theirs) => compare(theirs, ours, report),
            None if NEWER.iter().any(|newer| newer.as_bytes() == name) => {}
            None => {
                let _ = writeln!(report, "{}: a real server has no such subcommand", show(name));
            }
        }
    }
}

fn fields(entry: &Value) -> Option<&[Value]> {
    match entry {
        Value::Array(fields) if !fields.is_empty() => Some(fields),
        _ => None,
    }
}

/// The same without the notes of key specifications: those are sentences of Redis's documentation, which this crate
/// does not repeat.
fn without_notes(value: &Value) -> Value {
    let Value::Array(items) = value else { return value.clone() };
    let noted = items.first().and_then(Value::as_bytes) == Some(b"notes");
    Value::Array(items[if noted { 2 } else { 0 }..].iter().map(without_notes).collect())
}

/// The words of a list whose order means nothing; RESP3 may send it as a set.
fn words(list: &Value) -> Option<BTreeSet<Vec<u8>>> {
    match list {
        Value::Array(words) | Value::Set(words) => {
            words.iter().map(|word| word.as_bytes().map(<[u8]>::to_vec)).collect()
        }
        _ => None,
    }
}
