//! How a debugger shows things: the lines that redis-cli prints for Redis's debugger.

use crate::num;
use crate::protocol::Protocol;
use crate::value::Value;
use crate::vm::quote;

/// Words of a command that are shown.
const MOST_WORDS: usize = 10;

/// Bytes of a value or a reply that are shown, unless said otherwise, and the fewest that can be asked for.
const LENGTH: usize = 256;
const LEAST_LENGTH: usize = 60;

const TRIMMED: &str = "<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.";

/// A line of the log.
pub(super) struct Entry {
    pub(super) line: String,
    /// Whether a debugger that shortens things shortens this.
    is_long: bool,
}

impl Entry {
    pub(super) fn whole(line: String) -> Entry {
        Entry { line: one_row(&line), is_long: false }
    }

    pub(super) fn trimmed(line: String) -> Entry {
        Entry { line: one_row(&line), is_long: true }
    }
}

/// How much of a value is shown.
pub(super) struct Trim {
    /// 0 is all.
    length: usize,
    /// Whether it is known how to see the rest.
    is_known: bool,
}

impl Trim {
    pub(super) fn new() -> Trim {
        Trim { length: LENGTH, is_known: false }
    }

    pub(super) fn set(&mut self, length: usize) {
        self.is_known = true;
        self.length = if length == 0 { 0 } else { length.max(LEAST_LENGTH) };
    }

    pub(super) fn show(&self) -> String {
        match self.length {
            0 => "<value> replies are unlimited.".to_owned(),
            length => format!("<value> replies are truncated at {length} bytes."),
        }
    }

    /// Adds an entry, shortened, to lines.
    pub(super) fn push(&mut self, entry: Entry, lines: &mut Vec<String>) {
        let Entry { mut line, is_long } = entry;
        if !is_long || self.length == 0 || line.len() <= self.length {
            return lines.push(line);
        }
        let mut end = self.length;
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
        line.push_str(" ...");
        lines.push(line);
        if !self.is_known {
            self.is_known = true;
            lines.push(TRIMMED.to_owned());
        }
    }
}

/// A text with spaces for line ends.
pub(super) fn one_row(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

pub(super) fn show_command(args: &[&[u8]], is_valkey: bool) -> String {
    let mut line = if is_valkey { "<command>" } else { "<redis>" }.to_owned();
    for arg in args.iter().take(MOST_WORDS) {
        line.push(' ');
        line.push_str(&String::from_utf8_lossy(arg));
    }
    if args.len() > MOST_WORDS {
        // Redis counts one less than there are.
        line.push_str(&format!(" ... ({} more)", args.len() - MOST_WORDS - 1));
    }
    line
}

pub(super) fn show_reply(reply: &Value, protocol: Protocol) -> String {
    let mut line = b"<reply> ".to_vec();
    push_reply(reply, protocol, &mut line);
    String::from_utf8_lossy(&line).into_owned()
}

fn push_reply(reply: &Value, protocol: Protocol, out: &mut Vec<u8>) {
    let is_resp3 = protocol == Protocol::Resp3;
    match reply {
        Value::Nil | Value::NilArray => out.extend_from_slice(if is_resp3 { b"(null)" } else { b"NULL" }),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Boolean(is) => out.extend_from_slice(format!("#{is}").as_bytes()),
        Value::Double(number) => {
            let mut digits = Vec::new();
            num::format_double_reply(*number, &mut digits);
            if is_resp3 {
                out.extend_from_slice(b"(double) ");
                out.extend_from_slice(&digits);
            } else {
                quote(&digits, out);
            }
        }
        Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => quote(bytes, out),
        Value::BigNumber(digits) => out.extend_from_slice(digits),
        Value::Status(line) => quote(&[b"+", &line[..]].concat(), out),
        Value::Error(error) => quote(&[b"-", error.as_bytes()].concat(), out),
        Value::Set(items) if is_resp3 => push_all(b"~(", items, b')', protocol, out),
        Value::Array(items) | Value::Push(items) | Value::Set(items) => {
            push_all(b"[", items, b']', protocol, out)
        }
        Value::Map(pairs) => {
            let (open, arrow, close) =
                if is_resp3 { (b'{', b" => ".as_slice(), b'}') } else { (b'[', b",".as_slice(), b']') };
            out.push(open);
            for (index, (key, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_reply(key, protocol, out);
                out.extend_from_slice(arrow);
                push_reply(value, protocol, out);
            }
            out.push(close);
        }
    }
}

fn push_all(open: &[u8], items: &[Value], close: u8, protocol: Protocol, out: &mut Vec<u8>) {
    out.extend_from_slice(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_reply(item, protocol, out);
    }
    out.push(close);
}
