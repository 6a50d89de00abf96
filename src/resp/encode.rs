//! From replies and commands to bytes. Nothing in here calls itself, so no reply is nested too deeply to be written.

use std::slice;

use crate::error::Result;
use crate::num::format_double_reply;
use crate::protocol::Protocol;
use crate::value::Value;

/// Appends the reply as it goes over the wire.
///
/// To RESP2 a map is a flat array, a set or a push message an array, a boolean 1 or 0, and a double, a big number or
/// a verbatim text a bulk string. To RESP3 both nils are one. Line breaks in what is a line by nature (errors,
/// statuses, big numbers) become spaces.
///
/// # Examples
///
/// ```
/// use redmoon::Value;
/// use redmoon::resp::{Protocol, encode};
///
/// let reply = Value::Map(vec![("a".into(), true.into()), ("b".into(), Value::Nil)]);
/// let mut out = Vec::new();
/// encode(&reply, Protocol::Resp2, &mut out);
/// assert_eq!(out, b"*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n$-1\r\n");
///
/// out.clear();
/// encode(&reply, Protocol::Resp3, &mut out);
/// assert_eq!(out, b"%2\r\n$1\r\na\r\n#t\r\n$1\r\nb\r\n_\r\n");
/// ```
pub fn encode(value: &Value, protocol: Protocol, out: &mut Vec<u8>) {
    let mut open = Vec::new();
    let mut next = Some(value);
    while let Some(value) = next {
        match value {
            Value::Map(pairs) => {
                match protocol {
                    Protocol::Resp2 => push_header(b'*', pairs.len() * 2, out),
                    Protocol::Resp3 => push_header(b'%', pairs.len(), out),
                }
                open.push(Rest::Pairs(pairs.iter(), None));
            }
            Value::Array(items) => {
                push_header(b'*', items.len(), out);
                open.push(Rest::Items(items.iter()));
            }
            Value::Set(items) => {
                push_header(if protocol == Protocol::Resp3 { b'~' } else { b'*' }, items.len(), out);
                open.push(Rest::Items(items.iter()));
            }
            Value::Push(items) => {
                push_header(if protocol == Protocol::Resp3 { b'>' } else { b'*' }, items.len(), out);
                open.push(Rest::Items(items.iter()));
            }
            scalar => encode_scalar(scalar, protocol, out),
        }
        next = loop {
            let Some(last) = open.last_mut() else { break None };
            if let Some(value) = last.next() {
                break Some(value);
            }
            open.pop();
        };
    }
}

/// What is still to be written of an aggregate.
enum Rest<'a> {
    Items(slice::Iter<'a, Value>),
    /// The value of the pair whose key was the last to be handed out comes before the other pairs.
    Pairs(slice::Iter<'a, (Value, Value)>, Option<&'a Value>),
}

impl<'a> Iterator for Rest<'a> {
    type Item = &'a Value;
    fn next(&mut self) -> Option<&'a Value> {
        match self {
            Rest::Items(items) => items.next(),
            Rest::Pairs(pairs, held) => held.take().or_else(|| {
                let (key, value) = pairs.next()?;
                *held = Some(value);
                Some(key)
            }),
        }
    }
}

fn encode_scalar(value: &Value, protocol: Protocol, out: &mut Vec<u8>) {
    let resp3 = protocol == Protocol::Resp3;
    match value {
        Value::Nil | Value::NilArray if resp3 => out.extend_from_slice(b"_\r\n"),
        Value::Nil => out.extend_from_slice(b"$-1\r\n"),
        Value::NilArray => out.extend_from_slice(b"*-1\r\n"),
        Value::Integer(number) => push_integer(*number, out),
        Value::Double(number) => push_double(*number, protocol, out),
        Value::Boolean(is) => out.extend_from_slice(match (resp3, is) {
            (true, true) => b"#t\r\n",
            (true, false) => b"#f\r\n",
            (false, true) => b":1\r\n",
            (false, false) => b":0\r\n",
        }),
        Value::Bulk(bytes) => push_bulk(bytes, out),
        Value::Status(line) => push_line(b'+', line, out),
        Value::Error(error) => push_line(b'-', error.as_bytes(), out),
        Value::BigNumber(digits) if resp3 => push_line(b'(', digits, out),
        Value::BigNumber(digits) => {
            push_header(b'$', digits.len(), out);
            push_unbroken(digits, out);
        }
        Value::Verbatim { format, text } => push_verbatim(*format, text, protocol, out),
        // Aggregates are the caller's.
        Value::Array(_) | Value::Map(_) | Value::Set(_) | Value::Push(_) => {}
    }
}

#[inline]
pub(super) fn push_header(mark: u8, len: usize, out: &mut Vec<u8>) {
    // Most lengths have one digit.
    if len < 10 {
        out.extend_from_slice(&[mark, b'0' + len as u8, b'\r', b'\n']);
        return;
    }
    out.push(mark);
    out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[inline]
pub(super) fn push_bulk(bytes: &[u8], out: &mut Vec<u8>) {
    push_header(b'$', bytes.len(), out);
    out.reserve(bytes.len() + 2);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn push_line(mark: u8, line: &[u8], out: &mut Vec<u8>) {
    out.push(mark);
    push_unbroken(line, out);
}

fn push_unbroken(line: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(line);
    for byte in &mut out[start..] {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\r\n");
}

pub(super) fn push_integer(number: i64, out: &mut Vec<u8>) {
    out.push(b':');
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

pub(super) fn push_double(number: f64, protocol: Protocol, out: &mut Vec<u8>) {
    let mut text = Vec::with_capacity(32);
    format_double_reply(number, &mut text);
    match protocol {
        Protocol::Resp3 => push_line(b',', &text, out),
        Protocol::Resp2 => push_bulk(&text, out),
    }
}

pub(super) fn push_verbatim(format: [u8; 3], text: &[u8], protocol: Protocol, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Resp3 => {
            push_header(b'=', text.len() + 4, out);
            out.extend_from_slice(&format);
            out.push(b':');
            out.extend_from_slice(text);
            out.extend_from_slice(b"\r\n");
        }
        Protocol::Resp2 => push_bulk(text, out),
    }
}

/// Appends the outcome of a command: the reply, or the error as an error reply.
///
/// # Examples
///
/// ```
/// use redmoon::resp::{Protocol, encode_result};
/// use redmoon::{Error, Value};
///
/// let mut out = Vec::new();
/// encode_result(&Ok(Value::ok()), Protocol::Resp2, &mut out);
/// encode_result(&Err(Error::new("ERR no")), Protocol::Resp2, &mut out);
/// assert_eq!(out, b"+OK\r\n-ERR no\r\n");
/// ```
pub fn encode_result(result: &Result<Value>, protocol: Protocol, out: &mut Vec<u8>) {
    match result {
        Ok(value) => encode(value, protocol, out),
        Err(error) => push_line(b'-', error.as_bytes(), out),
    }
}

/// Appends a command as clients send it: an array of bulk strings, in either version of the protocol.
///
/// # Examples
///
/// ```
/// let mut out = Vec::new();
/// redmoon::resp::encode_command(&["GET", "name"], &mut out);
/// assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$4\r\nname\r\n");
/// ```
pub fn encode_command<A: AsRef<[u8]>>(args: &[A], out: &mut Vec<u8>) {
    push_header(b'*', args.len(), out);
    for arg in args {
        push_bulk(arg.as_ref(), out);
    }
}
