//! Requests, the server's half: an array of bulk strings, or a line of words.
//!
//! [`Parser`] reads one request from bytes that lie somewhere else and keeps its place, so that nothing is looked at
//! twice however small the pieces are in which the bytes come; [`Decoder`] holds those bytes, and has them copied
//! once: from where they are read into the buffer in which they stay. The result depends on the bytes alone, never
//! on how they were cut.

use std::fmt;
use std::ops::{Index, Range};

use super::inline::split_words;
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::num::parse_i64;

/// How far into a line its end must be: Redis's limit for an inline request and for the counts of an array.
const MAX_LINE: usize = 64 * 1024;
/// The longest argument, as Redis's `proto-max-bulk-len` has it by default.
const MAX_BULK: usize = 512 * 1024 * 1024;
/// What a sender may send that has yet to give a password: so many arguments, each of such a length.
const STRANGERS_ARGUMENTS: i64 = 10;
const STRANGERS_BULK: usize = 16 * 1024;
/// How much room there is to read into, at least.
const ROOM: usize = 16 * 1024;
/// As much room as is made at once because a peer announced a long argument.
const TRUSTED: usize = 1024 * 1024;
/// A buffer above this size is given back when it was not needed for a while.
const KEPT: usize = 128 * 1024;

/// Reads one request from the front of `input` as a server does: the arguments and how many bytes they took, or
/// `None` when the request is not whole yet.
///
/// A request is an array of bulk strings or, if it does not begin with `*`, a line of words, which may be quoted:
/// `"\x00\n"` with escapes, `'as it stands'` without. One of no arguments (an empty line, `*0`) is to be ignored.
/// Each call begins anew; a [`Decoder`] does not.
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
    let mut parser = Parser::new();
    if !parser.parse(input)? {
        return Ok(None);
    }
    let request = Request { bytes: parser.bytes(input), spans: &parser.spans };
    Ok(Some((request.iter().map(Blob::from).collect(), parser.at)))
}

/// The place in a request of which not everything has come, and what was found so far.
pub(super) struct Parser {
    /// How many bytes were used up, from the beginning of the request.
    at: usize,
    /// Where to go on with the search for the end of the line that begins at `at`.
    searched: usize,
    /// Arguments still to come; `None` before the request's first line was read.
    missing: Option<usize>,
    /// The length of the argument that begins at `at`, after its own line was read.
    bulk: Option<usize>,
    spans: Vec<Range<usize>>,
    /// The words of an inline request, without quotes and escapes. The spans point in here then.
    words: Vec<u8>,
    is_inline: bool,
    max_bulk: usize,
    /// Whether the sender has yet to give a password, and so is trusted less.
    is_stranger: bool,
}

impl Parser {
    pub(super) fn new() -> Parser {
        Parser {
            at: 0,
            searched: 0,
            missing: None,
            bulk: None,
            spans: Vec::new(),
            words: Vec::new(),
            is_inline: false,
            max_bulk: MAX_BULK,
            is_stranger: false,
        }
    }

    /// Forgets the request.
    fn clear(&mut self) {
        self.at = 0;
        self.searched = 0;
        self.missing = None;
        self.bulk = None;
        self.spans.clear();
        // A request of very many arguments, or a long line, is rare.
        self.spans.shrink_to(1024);
        if self.is_inline {
            self.is_inline = false;
            self.words.clear();
            self.words.shrink_to(1024);
        }
    }

    /// Goes on with the request that `input` begins with; whether it is whole now. `input` holds what it did at the
    /// last call, and perhaps more.
    #[inline]
    pub(super) fn parse(&mut self, input: &[u8]) -> Result<bool> {
        let mut missing = match self.missing {
            Some(missing) => missing,
            None => match input.first() {
                None => return Ok(false),
                Some(b'*') => match self.array(input)? {
                    Some(count) => count,
                    None => return Ok(false),
                },
                Some(_) => return self.inline(input),
            },
        };
        while missing > 0 {
            let len = match self.bulk {
                Some(len) => len,
                None => match self.bulk_len(input)? {
                    Some(len) => len,
                    None => {
                        self.missing = Some(missing);
                        return Ok(false);
                    }
                },
            };
            let end = self.at + len;
            // Like Redis, this trusts that CR LF follows, without looking.
            if input.len() < end + 2 {
                self.bulk = Some(len);
                self.missing = Some(missing);
                return Ok(false);
            }
            self.bulk = None;
            self.spans.push(self.at..end);
            self.at = end + 2;
            self.searched = self.at;
            missing -= 1;
        }
        Ok(true)
    }

    /// The number of arguments, from the line that begins a request.
    #[inline]
    fn array(&mut self, input: &[u8]) -> Result<Option<usize>> {
        if let Some((count, used)) = short_count(&input[1..])
            && !self.is_stranger
        {
            self.at = 1 + used;
            self.searched = self.at;
            return Ok(Some(count));
        }
        let Some(line) = self.line(input, "too big mbulk count string")? else { return Ok(None) };
        let count = parse_i64(&line[1..]).filter(|&count| count <= i32::MAX.into());
        let count = count.ok_or_else(|| Error::protocol("invalid multibulk length"))?;
        if self.is_stranger && count > STRANGERS_ARGUMENTS {
            return Err(Error::protocol("unauthenticated multibulk length"));
        }
        // Redis takes a negative count for none.
        Ok(Some(usize::try_from(count).unwrap_or(0)))
    }

    /// The length of an argument, from the line before it.
    #[inline]
    fn bulk_len(&mut self, input: &[u8]) -> Result<Option<usize>> {
        if let [b'$', rest @ ..] = &input[self.at..]
            && let Some((len, used)) = short_count(rest)
            && len <= self.max_bulk
            && !self.is_stranger
        {
            self.at += 1 + used;
            self.searched = self.at;
            return Ok(Some(len));
        }
        let (max_bulk, is_stranger) = (self.max_bulk, self.is_stranger);
        let Some(line) = self.line(input, "too big bulk count string")? else { return Ok(None) };
        let [b'$', len @ ..] = line else {
            // Of an empty line Redis quotes the CR that ends it.
            return Err(Error::protocol_byte("expected '$', got", line.first().copied().unwrap_or(b'\r')));
        };
        let len = parse_i64(len).and_then(|len| usize::try_from(len).ok()).filter(|&len| len <= max_bulk);
        let len = len.ok_or_else(|| Error::protocol("invalid bulk length"))?;
        if is_stranger && len > STRANGERS_BULK {
            return Err(Error::protocol("unauthenticated bulk length"));
        }
        Ok(Some(len))
    }

    /// The line that begins at `at`, which is behind it then.
    ///
    /// Like Redis, this looks for the CR as C looks in a string: a NUL hides what is behind it, however much comes.
    /// That an LF follows is trusted.
    #[cold]
    fn line<'a>(&mut self, input: &'a [u8], too_big: &str) -> Result<Option<&'a [u8]>> {
        match self.find(input, b'\r', too_big)? {
            Some(end) if end + 2 <= input.len() => {
                let line = &input[self.at..end];
                self.at = end + 2;
                self.searched = self.at;
                Ok(Some(line))
            }
            _ => Ok(None),
        }
    }

    /// Where the line that begins at `at` ends. `searched` stays on a NUL that was met, for nothing behind it counts.
    fn find(&mut self, input: &[u8], end: u8, too_big: &str) -> Result<Option<usize>> {
        let limit = input.len().min(self.at + MAX_LINE + 1);
        let found = input[self.searched..limit].iter().position(|&byte| byte == end || byte == 0);
        self.searched = found.map_or(limit, |found| self.searched + found);
        if input.get(self.searched) == Some(&end) && found.is_some() {
            return Ok(Some(self.searched));
        }
        if input.len() - self.at > MAX_LINE { Err(Error::protocol(too_big)) } else { Ok(None) }
    }

    fn inline(&mut self, input: &[u8]) -> Result<bool> {
        let Some(end) = self.find(input, b'\n', "too big inline request")? else { return Ok(false) };
        let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
        self.is_inline = true;
        split_words(line, &mut self.words, &mut self.spans)
            .ok_or_else(|| Error::protocol("unbalanced quotes in request"))?;
        self.at = end + 1;
        Ok(true)
    }

    /// What the spans point into.
    fn bytes<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        if self.is_inline { &self.words } else { input }
    }

    /// How long the request will be at least, as far as is known.
    fn needed(&self) -> usize {
        self.bulk.map_or(0, |len| self.at + len + 2)
    }
}

/// A count of a few digits, as nearly all are, and how many bytes its line takes; `None` leaves it to the slow way.
#[inline]
fn short_count(rest: &[u8]) -> Option<(usize, usize)> {
    let mut count = 0;
    for (place, &byte) in rest.iter().enumerate().take(8) {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            count = count * 10 + usize::from(digit);
        } else {
            let is_plain = place == 1 || place > 1 && rest[0] != b'0';
            return (byte == b'\r' && is_plain && rest.len() > place + 1).then_some((count, place + 2));
        }
    }
    None
}

/// Requests out of bytes that come in pieces: it keeps its place, so that nothing is looked at or copied twice.
///
/// # Examples
///
/// ```
/// use redmoon::resp::Decoder;
///
/// let mut decoder = Decoder::new();
/// decoder.feed(b"*2\r\n$4\r\nECHO\r\n$5\r\nhel");
/// assert!(decoder.next_request()?.is_none());
/// decoder.feed(b"lo\r\nPING\r\n*x\r\n");
///
/// let request = decoder.next_request()?.expect("whole");
/// assert_eq!(request.len(), 2);
/// assert_eq!(&request[1], b"hello");
///
/// let request = decoder.next_request()?.expect("whole");
/// assert_eq!(request.iter().collect::<Vec<_>>(), [b"PING"]);
///
/// let error = decoder.next_request().unwrap_err();
/// assert_eq!(error.to_string(), "ERR Protocol error: invalid multibulk length");
/// # Ok::<(), redmoon::Error>(())
/// ```
pub struct Decoder {
    /// All of it has been written to; what was received is in `start..end`.
    buffer: Vec<u8>,
    /// Where the request that is being read begins.
    start: usize,
    end: usize,
    parser: Parser,
    /// Whether the parser holds a request that was handed out.
    is_handed_out: bool,
    /// The longest that the buffer was needed since `idle` was 0.
    peak: usize,
    /// How often the buffer has run empty since it was last needed.
    idle: u32,
    /// The error after which nothing can be made sense of.
    broken: Option<Error>,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("buffered", &self.buffered()).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder that has received nothing, with Redis's limits.
    #[must_use]
    pub fn new() -> Decoder {
        Decoder {
            buffer: Vec::new(),
            start: 0,
            end: 0,
            parser: Parser::new(),
            is_handed_out: false,
            peak: 0,
            idle: 0,
            broken: None,
        }
    }

    /// Another limit for the length of an argument than Redis's 512 MiB (`proto-max-bulk-len`).
    #[must_use]
    pub fn with_max_bulk(mut self, bytes: usize) -> Decoder {
        self.parser.max_bulk = bytes;
        self
    }

    /// Whether the requests to come are those of a sender that has yet to give a password: Redis takes no more than ten
    /// arguments from it, of 16 KiB each.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::resp::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// decoder.set_stranger(true);
    /// decoder.feed(b"*1\r\n$100000\r\n");
    /// let error = decoder.next_request().unwrap_err();
    /// assert_eq!(error.to_string(), "ERR Protocol error: unauthenticated bulk length");
    /// ```
    pub fn set_stranger(&mut self, is_stranger: bool) {
        self.parser.is_stranger = is_stranger;
    }

    /// The same and the longest argument in one.
    #[inline]
    pub(super) fn set_limits(&mut self, (max_bulk, is_stranger): (usize, bool)) {
        self.parser.max_bulk = max_bulk;
        self.parser.is_stranger = is_stranger;
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.buffer[self.end..][..bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Where the next bytes can be read into, without a copy: 16 KiB or more. [`filled`](Decoder::filled) says how
    /// many were.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    ///
    /// use redmoon::resp::Decoder;
    ///
    /// let mut stream: &[u8] = b"PING\r\n";
    /// let mut decoder = Decoder::new();
    /// let read = stream.read(decoder.space())?;
    /// decoder.filled(read);
    /// assert_eq!(&decoder.next_request().unwrap().unwrap()[0], b"PING");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn space(&mut self) -> &mut [u8] {
        let missing = (self.start + self.next_start() + self.parser.needed()).saturating_sub(self.end);
        self.make_room(missing.clamp(ROOM, TRUSTED));
        &mut self.buffer[self.end..]
    }

    /// So many bytes of [`space`](Decoder::space) were filled.
    pub fn filled(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.buffer.len());
    }

    /// The next request, or `None` until more bytes come. One without arguments (an empty line, `*0`) is handed out,
    /// too; a server ignores it.
    ///
    /// # Errors
    ///
    /// As [`decode_command`]. Nothing that follows can be made sense of, so the same error comes again.
    pub fn next_request(&mut self) -> Result<Option<Request<'_>>> {
        Ok(if self.advance()? { Some(self.request()) } else { None })
    }

    /// The request that is handed out.
    #[inline]
    pub(super) fn request(&self) -> Request<'_> {
        let input = &self.buffer[self.start..self.end];
        Request { bytes: self.parser.bytes(input), spans: &self.parser.spans }
    }

    /// How many bytes were received and are not part of a request that was handed out.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.end - self.start - self.next_start()
    }

    /// Goes on to the next request; whether there is one.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<bool> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.let_go();
        match self.parser.parse(&self.buffer[self.start..self.end]) {
            Ok(whole) => {
                self.is_handed_out = whole;
                Ok(whole)
            }
            Err(error) => {
                self.broken = Some(error.clone());
                Err(error)
            }
        }
    }

    /// How much of the bytes behind `start` was handed out.
    fn next_start(&self) -> usize {
        if self.is_handed_out { self.parser.at } else { 0 }
    }

    /// Forgets the request that was handed out.
    #[inline]
    fn let_go(&mut self) {
        if self.is_handed_out {
            self.is_handed_out = false;
            self.start += self.parser.at;
            self.parser.clear();
            if self.start == self.end {
                self.run_empty();
            }
        }
    }

    /// Every byte was used: begin at the front again, and give a large buffer back that stays unused.
    fn run_empty(&mut self) {
        const PATIENCE: u32 = 32;
        self.peak = self.peak.max(self.end);
        self.start = 0;
        self.end = 0;
        if self.buffer.len() <= KEPT {
            return;
        }
        self.idle += 1;
        if self.idle > PATIENCE {
            if self.peak < self.buffer.len() / 4 {
                self.buffer.truncate(self.buffer.len() / 2);
                self.buffer.shrink_to_fit();
            }
            self.peak = 0;
            self.idle = 0;
        }
    }

    /// Sees to it that so many bytes fit behind `end`.
    fn make_room(&mut self, room: usize) {
        self.let_go();
        if self.buffer.len() - self.end >= room {
            return;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < room {
            // Doubling, so that a long argument is moved rarely, if the allocator moves it at all.
            let size = (self.end + room).max(self.buffer.len() * 2);
            self.buffer.resize(size, 0);
        }
    }
}

/// One request: the name of a command and its arguments.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    bytes: &'a [u8],
    spans: &'a [Range<usize>],
}

impl<'a> Request<'a> {
    /// How many arguments there are, the command's name among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it is an empty line or an array of none, to be ignored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The arguments, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.spans.iter().map(move |span| &bytes[span.clone()])
    }
}

impl Index<usize> for Request<'_> {
    type Output = [u8];
    fn index(&self, index: usize) -> &[u8] {
        &self.bytes[self.spans[index].clone()]
    }
}

/// As a list of byte strings.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Blob::from)).finish()
    }
}
