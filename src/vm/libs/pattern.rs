//! Lua's patterns, matched as the stock library matches them, but within bounds: that one recurses for each
//! repetition in a pattern, until the thread's stack is full and the process ends, and nothing can stop it while it
//! tries the many ways in which a pattern may fit.
//!
//! Plain Rust on slices: no Lua function is called here.

use std::ffi::CStr;

use crate::vm::ffi;

/// Repetitions and captures that nest deeper than this are an error.
const DEEPEST: u32 = 1_000;
const MOST_CAPTURES: usize = 32;
const ESCAPE: u8 = b'%';
/// Steps before the first look at the limits and between two: a step takes some nanoseconds.
const FIRST_LOOK: u32 = 2_000;
const NEXT_LOOK: u32 = 20_000;

/// Why matching ended without an answer.
pub(super) enum Trouble {
    /// A mistake in the pattern.
    Text(&'static CStr),
    /// The script must stop.
    Stop,
}

/// Where a match ends, if there is one.
type Matched = Result<Option<usize>, Trouble>;

#[derive(Clone, Copy)]
struct Capture {
    start: usize,
    len: Length,
}

#[derive(Clone, Copy)]
enum Length {
    Unfinished,
    /// `()`: the position itself is captured.
    Position,
    Bytes(usize),
}

/// What a capture is to the script.
pub(super) enum Captured {
    Bytes {
        start: usize,
        end: usize,
    },
    /// Counted from 1.
    Position(usize),
}

pub(super) struct Matcher<'t> {
    source: &'t [u8],
    pattern: &'t [u8],
    captures: [Capture; MOST_CAPTURES],
    level: usize,
    depth: u32,
    /// Until the next look.
    steps: u32,
    /// Answers whether to stop.
    look: &'t mut dyn FnMut() -> bool,
}

impl<'t> Matcher<'t> {
    /// As in the stock library, a pattern ends at a zero.
    pub(super) fn new(source: &'t [u8], pattern: &'t [u8], look: &'t mut dyn FnMut() -> bool) -> Matcher<'t> {
        let end = pattern.iter().position(|&byte| byte == 0).unwrap_or(pattern.len());
        let none = Capture { start: 0, len: Length::Unfinished };
        Matcher {
            source,
            pattern: &pattern[..end],
            captures: [none; MOST_CAPTURES],
            level: 0,
            depth: 0,
            steps: FIRST_LOOK,
            look,
        }
    }

    /// Matches the pattern without its first `skip` bytes at one place of the source.
    pub(super) fn at(&mut self, start: usize, skip: usize) -> Matched {
        self.level = 0;
        self.depth = 0;
        self.run(start, skip)
    }

    /// How many values a match has: its captures, or else the whole if `whole` says so.
    pub(super) fn values(&self, whole: bool) -> usize {
        if self.level == 0 && whole { 1 } else { self.level }
    }

    /// A capture of the match from `start` to `end`, counted from 0; without any, the first is the whole.
    pub(super) fn value(&self, index: usize, start: usize, end: usize) -> Result<Captured, Trouble> {
        if index >= self.level {
            return match index {
                0 => Ok(Captured::Bytes { start, end }),
                _ => Err(Trouble::Text(c"invalid capture index")),
            };
        }
        let Capture { start, len } = self.captures[index];
        match len {
            Length::Unfinished => Err(Trouble::Text(c"unfinished capture")),
            Length::Position => Ok(Captured::Position(start + 1)),
            Length::Bytes(len) => Ok(Captured::Bytes { start, end: start + len }),
        }
    }

    /// Counts work, and looks at the limits now and then.
    #[inline]
    fn step(&mut self, count: usize) -> Result<(), Trouble> {
        self.steps = self.steps.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        if self.steps > 0 { Ok(()) } else { self.look() }
    }

    #[cold]
    fn look(&mut self) -> Result<(), Trouble> {
        self.steps = NEXT_LOOK;
        if (self.look)() { Err(Trouble::Stop) } else { Ok(()) }
    }

    /// A byte of the pattern; zero behind its end.
    #[inline]
    fn item(&self, at: usize) -> u8 {
        self.pattern.get(at).copied().unwrap_or(0)
    }

    fn run(&mut self, s: usize, p: usize) -> Matched {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Trouble::Text(c"pattern too complex"));
        }
        let matched = self.items(s, p);
        self.depth -= 1;
        matched
    }

    /// Matches from item to item; what must be tried in several ways recurses through [`run`](Matcher::run).
    fn items(&mut self, mut s: usize, mut p: usize) -> Matched {
        loop {
            self.step(1)?;
            match self.item(p) {
                b'(' if self.item(p + 1) == b')' => return self.open(s, p + 2, Length::Position),
                b'(' => return self.open(s, p + 1, Length::Unfinished),
                b')' => return self.close(s, p + 1),
                0 => return Ok(Some(s)),
                b'$' if self.item(p + 1) == 0 => {
                    return Ok(if s == self.source.len() { Some(s) } else { None });
                }
                ESCAPE if self.item(p + 1) == b'b' => {
                    let Some(end) = self.balanced(s, p + 2)? else { return Ok(None) };
                    s = end;
                    p += 4;
                }
                ESCAPE if self.item(p + 1) == b'f' => {
                    p += 2;
                    if self.item(p) != b'[' {
                        return Err(Trouble::Text(c"missing '[' after '%f' in pattern"));
                    }
                    let end = self.item_end(p)?;
                    let before = if s == 0 { 0 } else { self.source[s - 1] };
                    let here = self.source.get(s).copied().unwrap_or(0);
                    if self.in_set(before, p, end - 1) || !self.in_set(here, p, end - 1) {
                        return Ok(None);
                    }
                    p = end;
                }
                ESCAPE if self.item(p + 1).is_ascii_digit() => {
                    let Some(end) = self.captured_again(s, self.item(p + 1))? else { return Ok(None) };
                    s = end;
                    p += 2;
                }
                _ => {
                    let end = self.item_end(p)?;
                    let fits = self.fits(s, p, end);
                    match self.item(end) {
                        b'?' => {
                            if fits && let Some(matched) = self.run(s + 1, end + 1)? {
                                return Ok(Some(matched));
                            }
                            p = end + 1;
                        }
                        b'*' => return self.most(s, p, end),
                        b'+' => return if fits { self.most(s + 1, p, end) } else { Ok(None) },
                        b'-' => return self.least(s, p, end),
                        _ if !fits => return Ok(None),
                        _ => {
                            s += 1;
                            p = end;
                        }
                    }
                }
            }
        }
    }

    /// Where the item that begins at `p` ends.
    fn item_end(&self, p: usize) -> Result<usize, Trouble> {
        let mut end = p + 1;
        match self.item(p) {
            ESCAPE if self.item(end) == 0 => Err(Trouble::Text(c"malformed pattern (ends with '%')")),
            ESCAPE => Ok(end + 1),
            b'[' => {
                if self.item(end) == b'^' {
                    end += 1;
                }
                loop {
                    let byte = self.item(end);
                    if byte == 0 {
                        return Err(Trouble::Text(c"malformed pattern (missing ']')"));
                    }
                    end += 1;
                    if byte == ESCAPE && self.item(end) != 0 {
                        end += 1;
                    }
                    if self.item(end) == b']' {
                        return Ok(end + 1);
                    }
                }
            }
            _ => Ok(end),
        }
    }

    /// Whether the source has a byte at `s` that the item from `p` to `end` stands for.
    #[inline]
    fn fits(&self, s: usize, p: usize, end: usize) -> bool {
        let Some(&byte) = self.source.get(s) else { return false };
        match self.item(p) {
            b'.' => true,
            ESCAPE => in_class(byte, self.item(p + 1)),
            b'[' => self.in_set(byte, p, end - 1),
            own => own == byte,
        }
    }

    /// Whether a byte is in the set between the bracket at `p` and the one at `end`.
    fn in_set(&self, byte: u8, mut p: usize, end: usize) -> bool {
        let mut inside = true;
        if self.item(p + 1) == b'^' {
            inside = false;
            p += 1;
        }
        loop {
            p += 1;
            if p >= end {
                return !inside;
            }
            if self.item(p) == ESCAPE {
                p += 1;
                if in_class(byte, self.item(p)) {
                    return inside;
                }
            } else if self.item(p + 1) == b'-' && p + 2 < end {
                p += 2;
                if self.item(p - 2) <= byte && byte <= self.item(p) {
                    return inside;
                }
            } else if self.item(p) == byte {
                return inside;
            }
        }
    }

    fn balanced(&mut self, s: usize, p: usize) -> Matched {
        let (open, close) = (self.item(p), self.item(p + 1));
        if open == 0 || close == 0 {
            return Err(Trouble::Text(c"unbalanced pattern"));
        }
        if self.source.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut unclosed = 1;
        for at in s + 1..self.source.len() {
            let byte = self.source[at];
            if byte == close {
                unclosed -= 1;
                if unclosed == 0 {
                    self.step(at - s)?;
                    return Ok(Some(at + 1));
                }
            } else if byte == open {
                unclosed += 1;
            }
        }
        self.step(self.source.len() - s)?;
        Ok(None)
    }

    /// As many repetitions as there are, and fewer while the rest does not match.
    fn most(&mut self, s: usize, p: usize, end: usize) -> Matched {
        let mut count = 0;
        while self.fits(s + count, p, end) {
            count += 1;
        }
        self.step(count)?;
        loop {
            if let Some(matched) = self.run(s + count, end + 1)? {
                return Ok(Some(matched));
            }
            if count == 0 {
                return Ok(None);
            }
            count -= 1;
        }
    }

    /// As few repetitions as the rest allows.
    fn least(&mut self, mut s: usize, p: usize, end: usize) -> Matched {
        loop {
            if let Some(matched) = self.run(s, end + 1)? {
                return Ok(Some(matched));
            }
            if !self.fits(s, p, end) {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn open(&mut self, s: usize, p: usize, len: Length) -> Matched {
        let Some(capture) = self.captures.get_mut(self.level) else {
            return Err(Trouble::Text(c"too many captures"));
        };
        *capture = Capture { start: s, len };
        self.level += 1;
        let matched = self.run(s, p)?;
        if matched.is_none() {
            self.level -= 1;
        }
        Ok(matched)
    }

    fn close(&mut self, s: usize, p: usize) -> Matched {
        let open = &self.captures[..self.level];
        let innermost = open.iter().rposition(|capture| matches!(capture.len, Length::Unfinished));
        let Some(index) = innermost else { return Err(Trouble::Text(c"invalid pattern capture")) };
        self.captures[index].len = Length::Bytes(s - self.captures[index].start);
        let matched = self.run(s, p)?;
        if matched.is_none() {
            self.captures[index].len = Length::Unfinished;
        }
        Ok(matched)
    }

    /// `%1`: what was captured must come again.
    fn captured_again(&mut self, s: usize, digit: u8) -> Matched {
        let index = usize::from(digit).wrapping_sub(usize::from(b'1'));
        let Capture { start, len } = match self.captures[..self.level].get(index) {
            Some(capture) if !matches!(capture.len, Length::Unfinished) => *capture,
            _ => return Err(Trouble::Text(c"invalid capture index")),
        };
        // A position has no text that could come again.
        let Length::Bytes(len) = len else { return Ok(None) };
        self.step(len / 16)?;
        let again = self.source[s..].starts_with(&self.source[start..start + len]);
        Ok(if again { Some(s + len) } else { None })
    }
}

fn in_class(byte: u8, class: u8) -> bool {
    let is = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'g' if ffi::PATTERNS_KNOW_GRAPHIC => byte.is_ascii_graphic(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        // With the vertical tab, which Rust's own test leaves out.
        b's' => matches!(byte, b' ' | b'\t'..=b'\r'),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    is == class.is_ascii_lowercase()
}

/// The first place of `needle` in `source` at or behind `from`. A needle may fit nearly everywhere: then this takes
/// long, and looks at the limits.
pub(super) fn plain(source: &[u8], needle: &[u8], from: usize, look: &mut dyn FnMut() -> bool) -> Matched {
    let Some((&first, rest)) = needle.split_first() else { return Ok(Some(from)) };
    let mut steps = 0;
    let mut at = from;
    // Where the needle can begin.
    let end = (source.len() + 1).saturating_sub(needle.len());
    while at < end {
        let part = &source[at..end.min(at + PART)];
        let Some(found) = part.iter().position(|&byte| byte == first) else {
            steps += part.len() / 16;
            at += part.len();
            if steps > NEXT_LOOK as usize {
                steps = 0;
                if look() {
                    return Err(Trouble::Stop);
                }
            }
            continue;
        };
        at += found;
        if source[at + 1..].starts_with(rest) {
            return Ok(Some(at));
        }
        at += 1;
        steps += 1 + (found + rest.len()) / 16;
        if steps > NEXT_LOOK as usize {
            steps = 0;
            if look() {
                return Err(Trouble::Stop);
            }
        }
    }
    Ok(None)
}

/// Bytes that are searched in one go.
const PART: usize = 64 * 1024;
