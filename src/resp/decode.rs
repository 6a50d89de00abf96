//! From bytes to replies, the client's half. Nothing in here calls itself, and room is made for elements only as they
//! come: what a stranger sends cannot exhaust the stack or, by announcing a length, the memory.

use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::num::{parse_f64, parse_i64};
use crate::value::Value;

/// How deeply replies may be nested that [`decode`] takes.
///
/// Dropping, cloning and comparing a [`Value`] take stack in proportion to its depth, up to a kilobyte per level:
/// this many fit well into the stack of a thread. What [`encode`] writes may be deeper.
pub(super) const MAX_DEPTH: usize = 1_024;

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
                    return Err(Error::protocol("nested too deeply"));
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
            return Err(Error::protocol_byte("unknown type", mark));
        }
        let Some(line) = self.line()? else { return Ok(None) };
        let value = match mark {
            b'+' => Value::Status(Blob::from(line)),
            b'-' => Value::Error(Error::new(line)),
            b':' => parse_i64(line.strip_prefix(b"+").unwrap_or(line))
                .map(Value::Integer)
                .ok_or_else(|| Error::protocol("invalid integer"))?,
            b',' => double(line).map(Value::Double).ok_or_else(|| Error::protocol("invalid double"))?,
            b'#' => match line {
                b"t" => Value::Boolean(true),
                b"f" => Value::Boolean(false),
                _ => return Err(Error::protocol("invalid boolean")),
            },
            b'_' if line.is_empty() => Value::Nil,
            b'_' => return Err(Error::protocol("invalid null")),
            b'(' => match line.strip_prefix(b"-").or(line.strip_prefix(b"+")).unwrap_or(line) {
                [] => return Err(Error::protocol("invalid big number")),
                digits if digits.iter().all(u8::is_ascii_digit) => Value::BigNumber(Blob::from(line)),
                _ => return Err(Error::protocol("invalid big number")),
            },
            b'$' if line == b"-1" => Value::Nil,
            b'*' if line == b"-1" => Value::NilArray,
            b'$' | b'!' | b'=' => {
                let len = length(line).ok_or_else(|| Error::protocol("invalid bulk length"))?;
                let Some(bytes) = self.bulk(len)? else { return Ok(None) };
                match (mark, bytes) {
                    (b'$', bytes) => Value::Bulk(Blob::from(bytes)),
                    (b'!', line) => Value::Error(Error::new(line)),
                    (_, &[a, b, c, b':', ref text @ ..]) => {
                        Value::Verbatim { format: [a, b, c], text: Blob::from(text) }
                    }
                    _ => return Err(Error::protocol("invalid verbatim string")),
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
                let elements = elements.ok_or_else(|| Error::protocol("invalid multibulk length"))?;
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
            Some(_) => Err(Error::protocol("a line does not end with CR LF")),
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
            Some(Some(_)) => Err(Error::protocol("a bulk string does not end with CR LF")),
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
