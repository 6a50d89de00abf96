//! The commands, family by family. What is expected was answered by Redis 7.0.15.

mod expiry;
mod hashes;
mod keys;
mod lists;
mod server;
mod sets;
mod sort;
mod strings;
mod zsets;

use redmoon::{Result, Store, Value};

/// Runs lines of words one after the other and holds each reply against the text that is beside it.
fn expect(store: &Store, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let words: Vec<&str> = line.split(' ').map(|word| if word == "''" { "" } else { word }).collect();
        assert_eq!(show(&store.execute(&words)), *expected, "the reply to {line}");
    }
}

/// A reply in one line: `:1`, `+OK`, `"bytes"`, `nil`, `[:1 :2]`, a set `~[:1]`, `{key=value}`, and an error as it is.
fn show(reply: &Result<Value>) -> String {
    reply.as_ref().map_or_else(ToString::to_string, show_value)
}

fn show_value(value: &Value) -> String {
    match value {
        Value::Nil | Value::NilArray => "nil".into(),
        Value::Integer(number) => format!(":{number}"),
        Value::Status(line) => format!("+{line}"),
        Value::Bulk(bytes) => format!("{bytes:?}"),
        Value::Array(items) => format!("[{}]", items.iter().map(show_value).collect::<Vec<_>>().join(" ")),
        Value::Set(items) => format!("~[{}]", items.iter().map(show_value).collect::<Vec<_>>().join(" ")),
        Value::Map(pairs) => {
            let pair = |(key, value): &(Value, Value)| format!("{}={}", show_value(key), show_value(value));
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(" "))
        }
        other => format!("{other:?}"),
    }
}
