//! RESP2 and RESP3, the serialization protocols of Redis, from replies to bytes and back.
//!
//! There is no socket in here: a program that wants to serve a store to ordinary Redis clients passes its own stream
//! to [`serve`], or reads requests with [`decode_command`], runs them, and sends what [`encode_result`] makes of the
//! outcome. [`encode_command`] and [`decode`] are the client's half.
//!
//! Nothing in here calls itself, so no reply is nested too deeply to be written, and what a stranger sends cannot
//! exhaust the stack or, by announcing a length, the memory.

use std::slice;

use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::num::{format_double_reply, parse_f64, parse_i64};
use crate::value::Value;

mod serve;

pub use crate::protocol::Protocol;
pub use serve::serve;

/// How deeply replies may be nested that [`decode`] takes.
///
/// Dropping, cloning and comparing a [`Value`] take stack in proportion to its depth, up to a kilobyte per level:
/// this many fit well into the stack of a thread. What [`encode`] writes may be deeper.
const MAX_DEPTH: usize = 1_024;

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
        Value::Integer(number) => push_line(b':', itoa::Buffer::new().format(*number).as_bytes(), out),
        Value::Double(number) => {
            let mut text = Vec::with_capacity(32);
            format_double_reply(*number, &mut text);
            if resp3 { push_line(b',', &text, out) } else { push_bulk(&text, out) }
        }
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
        Value::Verbatim { format, text } if resp3 => {
            push_header(b'=', text.len() + 4, out);
            out.extend_from_slice(format);
            out.push(b':');
            out.extend_from_slice(text);
            out.extend_from_slice(b"\r\n");
        }
        Value::Verbatim { text, .. } => push_bulk(text, out),
        // Aggregates are the caller's.
        Value::Array(_) | Value::Map(_) | Value::Set(_) | Value::Push(_) => {}
    }
}

fn push_header(mark: u8, len: usize, out: &mut Vec<u8>) {
    out.push(mark);
    out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn push_bulk(bytes: &[u8], out: &mut Vec<u8>) {
    push_header(b'$', bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn push_line(mark: u8, line: &[u8], out: &mut Vec<u8>) {
    out.push(mark);
    push_unbroken(line, out);
}

fn push_unbroken(line: &[u8], out: &mut Vec<u8>) {
    out.extend(line.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    out.extend_from_slice(b"\r\n");
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

/// Reads one reply, of either version of the protocol, from the front of `input`: the reply and how many bytes it
/// took, or `None` when it is not whole yet. Attributes are skipped.
///
/// Each call begins anew, so a program that reads from a slow peer does well to wait for more than a few bytes before
/// it tries again.
///
/// # Errors
///
/// An error whose text begins with `ERR Protocol error` when the input is not RESP, or nested more than 1,024 deep.
/// What follows it cannot be made sense of.
///
/// # Examples
///
/// ```
/// use redmoon::Value;
/// use redmoon::resp::decode;
///
/// assert_eq!(decode(b"*2\r\n:1\r\n$1")?, None);
/// let (reply, used) = decode(b"*2\r\n:1\r\n$1\r\na\r\n+OK\r\n")?.expect("whole");
/// assert_eq!(reply, Value::Array(vec![1.into(), "a".into()]));
/// assert_eq!(used, 15);
/// assert!(decode(b"hello\r\n").is_err());
/// # Ok::<(), redmoon::Error>(())
/// ```
pub fn decode(input: &[u8]) -> Result<Option<(Value, usize)>> {
    let mut reader = Reader { input, at: 0 };
    let mut open: Vec<Frame> = Vec::new();
    loop {
        let Some(token) = reader.token()? else { return Ok(None) };
        let mut value = match token {
            Token::Whole(value) => value,
            Token::Open(kind, missing) => {
                if open.len() == MAX_DEPTH {
                    return Err(protocol_error("nested too deeply"));
                }
                // A peer can announce any length; room is made as the elements come.
                let room = missing.min(reader.left() / 3).min(64);
                let frame = Frame { kind, missing, items: Vec::with_capacity(room) };
                if missing > 0 {
                    open.push(frame);
                    continue;
                }
                match frame.close() {
                    Some(value) => value,
                    None => continue,
                }
            }
        };
        // Each aggregate that this value completes is a value in turn.
        loop {
            let Some(frame) = open.last_mut() else { return Ok(Some((value, reader.at))) };
            frame.items.push(value);
            frame.missing -= 1;
            if frame.missing > 0 {
                break;
            }
            match open.pop().and_then(Frame::close) {
                Some(whole) => value = whole,
                None => break,
            }
        }
    }
}

/// An aggregate of which not everything has been read.
struct Frame {
    kind: Kind,
    missing: usize,
    items: Vec<Value>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    Map,
    Set,
    Push,
    Attribute,
}

impl Frame {
    /// `None` for attributes: the reply that they belong to follows them.
    fn close(self) -> Option<Value> {
        match self.kind {
            Kind::Array => Some(Value::Array(self.items)),
            Kind::Set => Some(Value::Set(self.items)),
            Kind::Push => Some(Value::Push(self.items)),
            Kind::Map => {
                let mut pairs = Vec::with_capacity(self.items.len() / 2);
                let mut items = self.items.into_iter();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    pairs.push((key, value));
                }
                Some(Value::Map(pairs))
            }
            Kind::Attribute => None,
        }
    }
}

enum Token {
    Whole(Value),
    /// An aggregate of so many elements; a pair is two.
    Open(Kind, usize),
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn left(&self) -> usize {
        self.input.len() - self.at
    }

    /// The next reply, or the head of one that contains others. `None` when the input ends before it does.
    fn token(&mut self) -> Result<Option<Token>> {
        let Some(&mark) = self.input.get(self.at) else { return Ok(None) };
        if !b"+-:$*_,#(!=%~>|".contains(&mark) {
            return Err(unexpected("unknown type", mark));
        }
        let Some(line) = self.line()? else { return Ok(None) };
        let value = match mark {
            b'+' => Value::Status(Blob::from(line)),
            b'-' => Value::Error(Error::new(line)),
            b':' => parse_i64(line.strip_prefix(b"+").unwrap_or(line))
                .map(Value::Integer)
                .ok_or_else(|| protocol_error("invalid integer"))?,
            b',' => double(line).map(Value::Double).ok_or_else(|| protocol_error("invalid double"))?,
            b'#' => match line {
                b"t" => Value::Boolean(true),
                b"f" => Value::Boolean(false),
                _ => return Err(protocol_error("invalid boolean")),
            },
            b'_' if line.is_empty() => Value::Nil,
            b'_' => return Err(protocol_error("invalid null")),
            b'(' => match line.strip_prefix(b"-").or(line.strip_prefix(b"+")).unwrap_or(line) {
                [] => return Err(protocol_error("invalid big number")),
                digits if digits.iter().all(u8::is_ascii_digit) => Value::BigNumber(Blob::from(line)),
                _ => return Err(protocol_error("invalid big number")),
            },
            b'$' if line == b"-1" => Value::Nil,
            b'*' if line == b"-1" => Value::NilArray,
            b'$' | b'!' | b'=' => {
                let len = length(line).ok_or_else(|| protocol_error("invalid bulk length"))?;
                let Some(bytes) = self.bulk(len)? else { return Ok(None) };
                match (mark, bytes) {
                    (b'$', bytes) => Value::Bulk(Blob::from(bytes)),
                    (b'!', line) => Value::Error(Error::new(line)),
                    (_, &[a, b, c, b':', ref text @ ..]) => {
                        Value::Verbatim { format: [a, b, c], text: Blob::from(text) }
                    }
                    _ => return Err(protocol_error("invalid verbatim string")),
                }
            }
            aggregate => {
                let (kind, each) = match aggregate {
                    b'%' => (Kind::Map, 2),
                    b'~' => (Kind::Set, 1),
                    b'>' => (Kind::Push, 1),
                    b'|' => (Kind::Attribute, 2),
                    _ => (Kind::Array, 1),
                };
                let elements = length(line).and_then(|len| len.checked_mul(each));
                let elements = elements.ok_or_else(|| protocol_error("invalid multibulk length"))?;
                return Ok(Some(Token::Open(kind, elements)));
            }
        };
        Ok(Some(Token::Whole(value)))
    }

    /// The rest of the line after its first byte.
    fn line(&mut self) -> Result<Option<&'a [u8]>> {
        let rest = &self.input[self.at + 1..];
        match rest.iter().position(|&byte| matches!(byte, b'\r' | b'\n')) {
            Some(end) if rest[end..].starts_with(b"\r\n") => {
                self.at += end + 3;
                Ok(Some(&rest[..end]))
            }
            Some(end) if rest[end..] == *b"\r" => Ok(None),
            Some(_) => Err(protocol_error("a line does not end with CR LF")),
            None => Ok(None),
        }
    }

    fn bulk(&mut self, len: usize) -> Result<Option<&'a [u8]>> {
        let rest = &self.input[self.at..];
        match rest.get(len..).map(|end| end.get(..2)) {
            Some(Some(b"\r\n")) => {
                self.at += len + 2;
                Ok(Some(&rest[..len]))
            }
            Some(Some(_)) => Err(protocol_error("a bulk string does not end with CR LF")),
            Some(None) | None => Ok(None),
        }
    }
}

fn length(line: &[u8]) -> Option<usize> {
    usize::try_from(parse_i64(line)?).ok()
}

fn double(line: &[u8]) -> Option<f64> {
    let name = line.strip_prefix(b"-").unwrap_or(line);
    if name.eq_ignore_ascii_case(b"nan") { Some(f64::NAN) } else { parse_f64(line) }
}

fn protocol_error(what: &str) -> Error {
    Error::new(format!("ERR Protocol error: {what}"))
}

/// Quotes the byte as a line can hold it.
fn unexpected(what: &str, byte: u8) -> Error {
    let byte = if matches!(byte, b'\r' | b'\n') { b' ' } else { byte };
    let mut line = format!("ERR Protocol error: {what} '").into_bytes();
    line.extend_from_slice(&[byte, b'\'']);
    Error::new(line)
}

/// How much a server reads in search of the end of a line.
const MAX_LINE: usize = 64 * 1024;
/// The longest argument, as Redis's `proto-max-bulk-len` has it by default.
const MAX_BULK: i64 = 512 * 1024 * 1024;

/// Reads one request from the front of `input` as a server does: the arguments and how many bytes they took, or
/// `None` when the request is not whole yet.
///
/// A request is an array of bulk strings or, if it does not begin with `*`, a line of words, which may be quoted:
/// `"\x00\n"` with escapes, `'as it stands'` without. One of no arguments (an empty line, `*0`) is to be ignored.
///
/// # Errors
///
/// The errors that Redis sends before it closes the connection; each begins with `ERR Protocol error`.
///
/// # Examples
///
/// ```
/// use redmoon::resp::decode_command;
///
/// let (args, used) = decode_command(b"*1\r\n$4\r\nPING\r\n*1\r\n")?.expect("whole");
/// assert_eq!(args, ["PING"]);
/// assert_eq!(used, 14);
///
/// let (args, _) = decode_command(b"SET name \"a moon\"\r\n")?.expect("whole");
/// assert_eq!(args, ["SET", "name", "a moon"]);
/// assert_eq!(decode_command(b"SET name")?, None);
///
/// let error = decode_command(b"SET name \"a moon\r\n").unwrap_err();
/// assert_eq!(error.to_string(), "ERR Protocol error: unbalanced quotes in request");
/// # Ok::<(), redmoon::Error>(())
/// ```
pub fn decode_command(input: &[u8]) -> Result<Option<(Vec<Blob>, usize)>> {
    match input.first() {
        None => Ok(None),
        Some(b'*') => decode_array(input),
        Some(_) => decode_inline(input),
    }
}

/// Like Redis, this trusts that an LF follows each CR and that CR LF follows each argument, without looking.
fn decode_array(input: &[u8]) -> Result<Option<(Vec<Blob>, usize)>> {
    let Some((line, mut at)) = header(input, 0, "too big mbulk count string")? else { return Ok(None) };
    let count = parse_i64(&line[1..]).filter(|&count| count <= i32::MAX.into());
    let count = count.ok_or_else(|| protocol_error("invalid multibulk length"))?;
    // Redis takes a negative count for none.
    let count = usize::try_from(count).unwrap_or(0);
    // An argument takes at least five bytes.
    let mut args = Vec::with_capacity(count.min((input.len() - at) / 5));
    for _ in 0..count {
        let Some((line, next)) = header(input, at, "too big bulk count string")? else { return Ok(None) };
        let len = match line {
            [b'$', len @ ..] => parse_i64(len).filter(|len| (0..=MAX_BULK).contains(len)),
            // Of an empty line Redis quotes the CR that ends it.
            _ => return Err(unexpected("expected '$', got", line.first().copied().unwrap_or(b'\r'))),
        };
        let len = len.and_then(|len| usize::try_from(len).ok());
        let len = len.ok_or_else(|| protocol_error("invalid bulk length"))?;
        let Some([bytes @ .., _, _]) = input.get(next..next + len + 2) else { return Ok(None) };
        args.push(Blob::from(bytes));
        at = next + len + 2;
    }
    Ok(Some((args, at)))
}

/// The line that begins at `at`, and where the next one does.
///
/// Like Redis, this looks for the CR as C looks in a string: a NUL hides what is behind it, however much comes.
fn header<'a>(input: &'a [u8], at: usize, too_big: &str) -> Result<Option<(&'a [u8], usize)>> {
    let rest = &input[at..];
    match rest.iter().position(|&byte| matches!(byte, b'\r' | 0)) {
        Some(end) if rest[end] == b'\r' => Ok((end + 2 <= rest.len()).then(|| (&rest[..end], at + end + 2))),
        _ if rest.len() > MAX_LINE => Err(protocol_error(too_big)),
        _ => Ok(None),
    }
}

fn decode_inline(input: &[u8]) -> Result<Option<(Vec<Blob>, usize)>> {
    // As above, a NUL hides the end of the line.
    match input.iter().position(|&byte| matches!(byte, b'\n' | 0)) {
        Some(end) if input[end] == b'\n' => {
            let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
            let args = split_words(line).ok_or_else(|| protocol_error("unbalanced quotes in request"))?;
            Ok(Some((args, end + 1)))
        }
        _ if input.len() > MAX_LINE => Err(protocol_error("too big inline request")),
        _ => Ok(None),
    }
}

/// C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The words of an inline request; `None` when a quote is not closed, or is closed in the middle of a word.
fn split_words(line: &[u8]) -> Option<Vec<Blob>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = &rest[rest.iter().take_while(|&&byte| is_space(byte)).count()..];
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        loop {
            // Of the white space, these end a word; the others only stand between words.
            match rest {
                [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => break,
                [quote @ (b'"' | b'\''), quoted @ ..] => {
                    rest = unquote(quoted, *quote, &mut word)?;
                    if rest.first().is_some_and(|&byte| !is_space(byte)) {
                        return None;
                    }
                    break;
                }
                [byte, after @ ..] => {
                    word.push(*byte);
                    rest = after;
                }
            }
        }
        words.push(Blob::from(word));
    }
}

/// What follows the closing quote; what is before it is appended to the word.
fn unquote<'a>(mut rest: &'a [u8], quote: u8, word: &mut Vec<u8>) -> Option<&'a [u8]> {
    let hex = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
    loop {
        let byte;
        (byte, rest) = match rest {
            [] => return None,
            [end, after @ ..] if *end == quote => return Some(after),
            [b'\\', b'\'', after @ ..] if quote == b'\'' => (b'\'', after),
            [b'\\', b'x', high, low, after @ ..]
                if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex(*high)? << 4 | hex(*low)?, after)
            }
            [b'\\', escaped, after @ ..] if quote == b'"' => {
                let byte = match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                };
                (byte, after)
            }
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
    }
}

#[cfg(test)]
#[path = "resp/tests.rs"]
mod tests;
