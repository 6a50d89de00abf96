//! What the examples with a prompt have in common: reading a line of arguments, and printing replies, both as redis-cli
//! does.

#![allow(dead_code, reason = "each example uses a part of it")]

use std::io::{self, Write};

use redmoon::{Protocol, Value, resp};

/// The reply as a client of a server would get it: in RESP2 a map is a flat array, a double is a string …
pub(crate) fn over_the_wire(reply: &Value, protocol: Protocol) -> redmoon::Result<Value> {
    let mut bytes = Vec::new();
    resp::encode(reply, protocol, &mut bytes);
    let decoded = resp::decode(&bytes)?;
    Ok(decoded.map_or(Value::Nil, |(value, _)| value))
}

/// Splits a line into arguments by redis-cli's rules; `None` if a quoted part has no end, or no space behind it.
pub(crate) fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut args = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let (arg, behind) = split_first(rest)?;
        args.push(arg);
        rest = behind.trim_ascii_start();
    }
    Some(args)
}

fn split_first(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut arg = Vec::new();
    loop {
        match *rest {
            [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => return Some((arg, rest)),
            [quote @ (b'"' | b'\''), ref quoted @ ..] => {
                rest = unquote(quote, quoted, &mut arg)?;
                return rest.first().is_none_or(u8::is_ascii_whitespace).then_some((arg, rest));
            }
            [byte, ref behind @ ..] => {
                arg.push(byte);
                rest = behind;
            }
        }
    }
}

/// Reads up to the closing quote, and answers what stands behind it.
fn unquote<'l>(quote: u8, mut rest: &'l [u8], arg: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        let (byte, length) = match (quote, rest) {
            (_, []) => return None,
            (_, [byte, behind @ ..]) if *byte == quote => return Some(behind),
            (b'\'', [b'\\', b'\'', ..]) => (b'\'', 2),
            (b'"', [b'\\', b'x', high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), 4)
            }
            (b'"', [b'\\', escaped, ..]) => (unescape(*escaped), 2),
            (_, [byte, ..]) => (*byte, 1),
        };
        arg.push(byte);
        rest = &rest[length..];
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

fn unescape(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 0x07,
        b'b' => 0x08,
        other => other,
    }
}

/// A reply for a reader, without the line feed at its end. Lines after the first begin with `indent` spaces.
pub(crate) fn print_pretty(reply: &Value, indent: usize, out: &mut dyn Write) -> io::Result<()> {
    match reply {
        Value::Nil | Value::NilArray => write!(out, "(nil)"),
        Value::Integer(number) => write!(out, "(integer) {number}"),
        Value::Double(number) => write!(out, "(double) {}", digits(*number)),
        Value::Boolean(is) => write!(out, "({is})"),
        Value::Bulk(bytes) => print_quoted(bytes, out),
        Value::Status(text) | Value::BigNumber(text) | Value::Verbatim { text, .. } => out.write_all(text),
        Value::Error(error) => {
            write!(out, "(error) ")?;
            out.write_all(error.as_bytes())
        }
        Value::Array(items) if items.is_empty() => write!(out, "(empty array)"),
        Value::Set(items) if items.is_empty() => write!(out, "(empty set)"),
        Value::Push(items) if items.is_empty() => write!(out, "(empty push)"),
        Value::Map(pairs) if pairs.is_empty() => write!(out, "(empty hash)"),
        Value::Array(items) | Value::Push(items) => print_numbered(items, ')', indent, out, print_pretty),
        Value::Set(items) => print_numbered(items, '~', indent, out, print_pretty),
        Value::Map(pairs) => print_numbered(pairs, '#', indent, out, |(key, value), indent, out| {
            print_pretty(key, indent, out)?;
            write!(out, " => ")?;
            if has_items(value) {
                write!(out, "\n{:indent$}", "")?;
            }
            print_pretty(value, indent, out)
        }),
        other => write!(out, "{other:?}"),
    }
}

fn print_numbered<T>(
    items: &[T],
    mark: char,
    indent: usize,
    out: &mut dyn Write,
    print: impl Fn(&T, usize, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let width = items.len().to_string().len();
    for (number, item) in (1..).zip(items) {
        if number > 1 {
            write!(out, "\n{:indent$}", "")?;
        }
        write!(out, "{number:width$}{mark} ")?;
        print(item, indent + width + 2, out)?;
    }
    Ok(())
}

fn has_items(value: &Value) -> bool {
    match value {
        Value::Array(items) | Value::Set(items) | Value::Push(items) => !items.is_empty(),
        Value::Map(pairs) => !pairs.is_empty(),
        _ => false,
    }
}

fn print_quoted(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    write!(out, "\"")?;
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => write!(out, "\\{}", char::from(byte)),
            b'\n' => write!(out, "\\n"),
            b'\r' => write!(out, "\\r"),
            b'\t' => write!(out, "\\t"),
            0x07 => write!(out, "\\a"),
            0x08 => write!(out, "\\b"),
            b' '..=b'~' => out.write_all(&[byte]),
            _ => write!(out, "\\x{byte:02x}"),
        }?;
    }
    write!(out, "\"")
}

/// A reply for a program: the bytes alone, one element a line.
pub(crate) fn print_raw(reply: &Value, out: &mut dyn Write) -> io::Result<()> {
    match reply {
        Value::Nil | Value::NilArray => Ok(()),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Double(number) => write!(out, "{}", digits(*number)),
        Value::Boolean(is) => write!(out, "({is})"),
        Value::Bulk(text) | Value::Status(text) | Value::BigNumber(text) | Value::Verbatim { text, .. } => {
            out.write_all(text)
        }
        Value::Error(error) => {
            out.write_all(error.as_bytes())?;
            writeln!(out)
        }
        Value::Array(items) | Value::Set(items) | Value::Push(items) => print_lines(items, out, print_raw),
        Value::Map(pairs) => print_lines(pairs, out, |(key, value), out| {
            print_raw(key, out)?;
            write!(out, " ")?;
            print_raw(value, out)
        }),
        other => write!(out, "{other:?}"),
    }
}

fn print_lines<T>(
    items: &[T],
    out: &mut dyn Write,
    print: impl Fn(&T, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        print(item, out)?;
    }
    Ok(())
}

/// The digits that a double has on the wire, where it stands between a comma and CR LF.
fn digits(number: f64) -> String {
    let mut line = Vec::new();
    resp::encode(&Value::Double(number), Protocol::Resp3, &mut line);
    String::from_utf8_lossy(&line).trim_matches([',', '\r', '\n']).to_owned()
}
