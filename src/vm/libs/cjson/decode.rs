//! `cjson.decode`: one pass over the text, without recursion in Rust. Unfinished tables lie on the Lua stack, objects
//! with the key at hand above them; how deep a text may nest follows from that where the setting lets it.
//!
//! A text ends at its first zero byte: the original reads it as a C string.

use std::ffi::{CStr, c_int, c_void};

use super::{DECODE_DEPTH, DECODE_INVALID, settings};
use crate::num;
use crate::vm::core::push_bytes;
use crate::vm::ffi;
use crate::vm::libs::output::{Level, Output, raise, raise_text};

struct Decoder<'l> {
    lua: *mut ffi::lua_State,
    out: Output,
    text: &'l [u8],
    at: usize,
    depth: i32,
    deepest: i32,
    /// Whether numbers that JSON lacks are read.
    lenient: bool,
}

/// Bytes that are read in one go.
const PART: usize = 64 * 1024;

/// What cannot be read, and where.
type Bad = (&'static CStr, usize);

pub(super) unsafe extern "C-unwind" fn decode(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (1) reasons L and C of the layer's head; the text stays on the stack, and the frames hold plain data.
    unsafe {
        if ffi::lua_gettop(lua) != 1 {
            ffi::luaL_argerror(lua, 1, c"expected 1 argument".as_ptr());
        }
        let mut len = 0;
        let first = ffi::luaL_checklstring(lua, 1, &mut len);
        let text = std::slice::from_raw_parts(first.cast::<u8>(), len);
        if len >= 2 && (text[0] == 0 || text[1] == 0) {
            raise_text(lua, c"JSON parser does not support UTF-16 or UTF-32");
        }
        let values = settings(lua);
        let mut decoder = Decoder {
            lua,
            out: Output::begin(lua),
            text,
            at: 0,
            depth: 0,
            deepest: (*values)[DECODE_DEPTH],
            lenient: (*values)[DECODE_INVALID] != 0,
        };
        decoder.run();
        1
    }
}

impl Decoder<'_> {
    /// The byte at a place; zero is the end.
    #[inline]
    fn peek(&self, at: usize) -> u8 {
        peek(self.text, at)
    }

    /// The first byte of the next token.
    #[inline]
    unsafe fn next(&mut self) -> u8 {
        loop {
            match self.peek(self.at) {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return byte,
            }
            if self.at.is_multiple_of(PART) {
                // SAFETY: (10) reason L.
                unsafe { self.out.step(PART / 64) };
            }
        }
    }

    /// Reads the whole text and pushes its value.
    unsafe fn run(&mut self) {
        let lua = self.lua;
        // SAFETY: (2) as 1; `descend` made room for what is pushed above each table.
        unsafe {
            // The innermost table; the ones around it are with `out`.
            let mut level = Level::default();
            let mut is_inside = false;
            loop {
                self.out.step(1);
                let byte = self.next();
                let opened = match byte {
                    b'"' => {
                        self.string(c"value");
                        None
                    }
                    b'{' => {
                        self.descend(3);
                        ffi::lua_createtable(lua, 0, 0);
                        if self.next() == b'}' {
                            self.ascend();
                            None
                        } else {
                            Some(Level::default())
                        }
                    }
                    b'[' => {
                        self.descend(2);
                        ffi::lua_createtable(lua, 0, 0);
                        if self.next() == b']' {
                            self.ascend();
                            None
                        } else {
                            Some(Level { index: 1, ..Level::default() })
                        }
                    }
                    _ => {
                        self.word(byte);
                        None
                    }
                };
                if let Some(inner) = opened {
                    if is_inside {
                        self.out.enter(level);
                    }
                    is_inside = true;
                    level = inner;
                    if level.index == 0 {
                        self.key();
                    }
                    continue;
                }
                // A value is done: to its place in the innermost table, which it may complete.
                loop {
                    if !is_inside {
                        if self.next() != 0 {
                            self.refuse(c"the end");
                        }
                        return;
                    }
                    if level.index == 0 {
                        ffi::lua_rawset(lua, -3);
                        match self.next() {
                            b',' => {
                                self.at += 1;
                                self.key();
                                break;
                            }
                            b'}' => {}
                            _ => self.refuse(c"comma or object end"),
                        }
                    } else {
                        ffi::lua_rawseti_(lua, -2, level.index as c_int);
                        level.index += 1;
                        match self.next() {
                            b',' => {
                                self.at += 1;
                                break;
                            }
                            b']' => {}
                            _ => self.refuse(c"comma or array end"),
                        }
                    }
                    self.ascend();
                    match self.out.leave() {
                        Some(outer) => level = outer,
                        None => is_inside = false,
                    }
                }
            }
        }
    }

    /// Steps over an opening bracket.
    unsafe fn descend(&mut self, slots: c_int) {
        self.at += 1;
        self.depth += 1;
        // SAFETY: (3) reason L.
        unsafe {
            if self.depth > self.deepest || ffi::lua_checkstack(self.lua, slots) == 0 {
                let text = c"Found too many nested data structures (%d) at character %d";
                ffi::lua_pushfstring(self.lua, text.as_ptr(), self.depth, self.at as c_int);
                raise(self.lua);
            }
        }
    }

    /// Steps over a closing bracket.
    fn ascend(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Pushes an object's next key, and steps over the colon.
    unsafe fn key(&mut self) {
        // SAFETY: (4) reason L.
        unsafe {
            if self.next() != b'"' {
                self.refuse(c"object key string");
            }
            self.string(c"object key string");
            if self.next() != b':' {
                self.refuse(c"colon");
            }
            self.at += 1;
        }
    }

    /// Pushes a number, a boolean or null; the first byte is given.
    unsafe fn word(&mut self, byte: u8) {
        // SAFETY: (5) reason L.
        unsafe {
            match byte {
                b'-' | b'0'..=b'9' | b'+' | b'i' | b'I' | b'N' => {}
                b't' if self.text[self.at..].starts_with(b"true") => {
                    self.at += 4;
                    return ffi::lua_pushboolean(self.lua, 1);
                }
                b'f' if self.text[self.at..].starts_with(b"false") => {
                    self.at += 5;
                    return ffi::lua_pushboolean(self.lua, 0);
                }
                b'n' if self.text[self.at..].starts_with(b"null") => {
                    self.at += 4;
                    return ffi::lua_pushlightuserdata(self.lua, std::ptr::null_mut::<c_void>());
                }
                b'n' => {}
                _ => self.refuse(c"value"),
            }
            match self.number(byte) {
                Ok((number, end)) => {
                    self.out.step((end - self.at) / 256);
                    let integer = if ffi::HAS_INTEGERS { integer(&self.text[self.at..end]) } else { None };
                    self.at = end;
                    match integer {
                        Some(integer) => ffi::push_integer(self.lua, integer),
                        None => ffi::lua_pushnumber(self.lua, number),
                    }
                }
                Err(bad) => self.raise(c"value", bad),
            }
        }
    }

    /// A number, and where it ends.
    fn number(&self, byte: u8) -> Result<(f64, usize), Bad> {
        let is_usual = matches!(byte, b'-' | b'0'..=b'9');
        if is_usual {
            if !self.lenient && self.is_beyond_json() {
                return Err((c"invalid number", self.at));
            }
        } else if !self.lenient || !self.is_beyond_json() {
            return Err((c"invalid token", self.at));
        }
        read_number(self.text, self.at).ok_or((c"invalid number", self.at))
    }

    /// Whether what stands here is a number that JSON lacks: a plus in front, hexadecimal, with leading zeros, an
    /// infinity or NaN.
    fn is_beyond_json(&self) -> bool {
        let mut at = self.at;
        match self.peek(at) {
            b'+' => return true,
            b'-' => at += 1,
            _ => {}
        }
        match self.peek(at) {
            b'0' => matches!(self.peek(at + 1), b'x' | b'X' | b'0'..=b'9'),
            0..=b'9' => false,
            _ => has_name(self.text, at, b"inf") || has_name(self.text, at, b"nan"),
        }
    }

    /// Where what stands for itself in a string ends that begins here.
    #[inline]
    unsafe fn plain_end(&mut self, start: usize) -> usize {
        let mut at = start;
        loop {
            let part = &self.text[at..self.text.len().min(at + PART)];
            let plain = plain_bytes(part);
            at += plain;
            if plain < PART {
                return at;
            }
            // SAFETY: (11) reason L.
            unsafe { self.out.step(PART / 64) };
        }
    }

    /// Pushes the string whose opening quote is next.
    unsafe fn string(&mut self, expected: &CStr) {
        // SAFETY: (6) reasons L and C.
        unsafe {
            let start = self.at + 1;
            let end = self.plain_end(start);
            if self.peek(end) == b'"' {
                push_bytes(self.lua, &self.text[start..end]);
                self.at = end + 1;
                return;
            }
            match self.unquote() {
                Ok(()) => push_bytes(self.lua, self.out.bytes()),
                Err(bad) => self.raise(expected, bad),
            }
        }
    }

    /// Reads the string whose opening quote is next into the buffer.
    unsafe fn unquote(&mut self) -> Result<(), Bad> {
        // SAFETY: (7) reason C; what is written was reserved before.
        unsafe {
            self.out.buffer().clear();
            let mut at = self.at + 1;
            loop {
                let end = self.plain_end(at);
                self.out.put(&self.text[at..end]);
                self.out.step(1);
                at = end;
                match self.peek(at) {
                    b'"' => break,
                    b'\\' => {}
                    _ => return Err((c"unexpected end of string", at)),
                }
                let letter = match self.peek(at + 1) {
                    byte @ (b'"' | b'\\' | b'/') => byte,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'u' => {
                        let Some((character, end)) = self.unicode(at) else {
                            return Err((c"invalid unicode escape code", at));
                        };
                        let mut utf8 = [0; 4];
                        self.out.put(character.encode_utf8(&mut utf8).as_bytes());
                        at = end;
                        continue;
                    }
                    _ => return Err((c"invalid escape code", at)),
                };
                self.out.byte(letter);
                at += 2;
            }
            self.at = at + 1;
            Ok(())
        }
    }

    /// The character of the escape at a place, and where that ends; one outside the basic plane takes two.
    fn unicode(&self, at: usize) -> Option<(char, usize)> {
        let four = |at: usize| {
            let digits = self.text.get(at..at + 4)?;
            digits.iter().try_fold(0, |sum, &digit| Some(sum << 4 | char::from(digit).to_digit(16)?))
        };
        let unit: u32 = four(at + 2)?;
        if unit & 0xf800 != 0xd800 {
            return Some((char::from_u32(unit)?, at + 6));
        }
        if unit & 0x400 != 0 || self.peek(at + 6) != b'\\' || self.peek(at + 7) != b'u' {
            return None;
        }
        let low = four(at + 8)?;
        if low & 0xfc00 != 0xdc00 {
            return None;
        }
        let character = char::from_u32(0x1_0000 + ((unit & 0x3ff) << 10 | low & 0x3ff))?;
        Some((character, at + 12))
    }

    /// Raises that the token which is next should have been something else.
    #[cold]
    unsafe fn refuse(&mut self, expected: &CStr) -> ! {
        // SAFETY: (8) reasons L and C.
        unsafe {
            let start = self.at;
            let rest = &self.text[start..];
            let found = match self.peek(start) {
                0 => c"T_END",
                b'{' => c"T_OBJ_BEGIN",
                b'}' => c"T_OBJ_END",
                b'[' => c"T_ARR_BEGIN",
                b']' => c"T_ARR_END",
                b':' => c"T_COLON",
                b',' => c"T_COMMA",
                b'"' => match self.unquote() {
                    Ok(()) => c"T_STRING",
                    Err(bad) => self.raise(expected, bad),
                },
                b't' if rest.starts_with(b"true") => c"T_BOOLEAN",
                b'f' if rest.starts_with(b"false") => c"T_BOOLEAN",
                b'n' if rest.starts_with(b"null") => c"T_NULL",
                byte @ (b'-' | b'0'..=b'9' | b'+' | b'i' | b'I' | b'n' | b'N') => match self.number(byte) {
                    Ok(_) => c"T_NUMBER",
                    Err(bad) => self.raise(expected, bad),
                },
                _ => c"invalid token",
            };
            self.raise(expected, (found, start))
        }
    }

    unsafe fn raise(&self, expected: &CStr, (found, at): Bad) -> ! {
        // SAFETY: (9) reason L.
        unsafe {
            let text = c"Expected %s but found %s at character %d";
            let (expected, found) = (expected.as_ptr(), found.as_ptr());
            ffi::lua_pushfstring(self.lua, text.as_ptr(), expected, found, at as c_int + 1);
            raise(self.lua)
        }
    }
}

#[inline]
fn peek(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// How many bytes at the front of a string stand for themselves: up to a quote, a backslash or a zero.
#[inline]
fn plain_bytes(bytes: &[u8]) -> usize {
    // Eight at a time: the lowest bit that is set is right, those above it may be set by a borrow.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let is = |word: u64, byte: u8| zeros(word ^ (ONES * u64::from(byte)));
    let mut at = 0;
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word) | is(word, b'"') | is(word, b'\\');
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + bytes[at..].iter().take_while(|byte| !matches!(byte, 0 | b'"' | b'\\')).count()
}

fn has_name(text: &[u8], at: usize, name: &[u8]) -> bool {
    text.get(at..at + name.len()).is_some_and(|part| part.eq_ignore_ascii_case(name))
}

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The longest number at a place of a text, as C's `strtod` reads it, and where it ends. The text in the brackets of
/// a NaN, which would be bits of it, is read and has no effect.
fn read_number(text: &[u8], start: usize) -> Option<(f64, usize)> {
    let negative = peek(text, start) == b'-';
    let body = start + usize::from(matches!(peek(text, start), b'-' | b'+'));
    let signed = |magnitude: f64| if negative { -magnitude } else { magnitude };
    // Digits up to 19 fit the mantissa; with more of them it is not used.
    let mut mantissa = 0_u64;
    let mut digits = |mut at: usize| {
        while let digit @ b'0'..=b'9' = peek(text, at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            at += 1;
        }
        at
    };
    let point = digits(body);
    let integers = point - body;
    let (mut end, mut fractions) = (point, 0);
    match peek(text, point) {
        b'.' => {
            end = digits(point + 1);
            fractions = end - point - 1;
            if integers + fractions == 0 {
                return None;
            }
        }
        b'x' | b'X' if integers == 1 && peek(text, body) == b'0' => {
            let end = end_of_hexadecimal(text, point + 1).unwrap_or(point);
            return Some((num::parse_score_bound(&text[start..end])?, end));
        }
        _ if integers == 0 => return named_number(text, body).map(|(number, end)| (signed(number), end)),
        _ => {}
    }
    let is_short = integers + fractions <= 19;
    if let b'e' | b'E' = peek(text, end) {
        let sign = usize::from(matches!(peek(text, end + 1), b'-' | b'+'));
        let exponent = end + 1 + sign;
        let len = text[exponent.min(text.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if len > 0 {
            end = exponent + len;
            let number: f64 = std::str::from_utf8(&text[start..end]).ok()?.parse().ok()?;
            return Some((number, end));
        }
    }
    if is_short && fractions == 0 {
        return Some((signed(mantissa as f64), end));
    }
    // Both operands are exact, so the one operation rounds correctly.
    if is_short && mantissa <= 1 << 53 {
        return Some((signed(mantissa as f64 / POWERS[fractions]), end));
    }
    let number: f64 = std::str::from_utf8(&text[start..end]).ok()?.parse().ok()?;
    Some((number, end))
}

/// A number that is spelled as an integer and fits one; `-0` does not.
fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits == b"0" && digits.len() < text.len() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Where the hexadecimal number ends whose digits should begin here.
fn end_of_hexadecimal(text: &[u8], start: usize) -> Option<usize> {
    let digits = |at: usize| {
        at + text[at.min(text.len())..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count()
    };
    let point = digits(start);
    let mut end = point;
    let mut count = point - start;
    if peek(text, point) == b'.' {
        end = digits(point + 1);
        count += end - point - 1;
    }
    if count == 0 {
        return None;
    }
    if let b'p' | b'P' = peek(text, end) {
        let exponent = end + 1 + usize::from(matches!(peek(text, end + 1), b'-' | b'+'));
        let len = text[exponent.min(text.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if len > 0 {
            end = exponent + len;
        }
    }
    Some(end)
}

/// An infinity or NaN, and where it ends.
fn named_number(text: &[u8], at: usize) -> Option<(f64, usize)> {
    if has_name(text, at, b"infinity") {
        return Some((f64::INFINITY, at + 8));
    }
    if has_name(text, at, b"inf") {
        return Some((f64::INFINITY, at + 3));
    }
    if !has_name(text, at, b"nan") {
        return None;
    }
    let mut end = at + 3;
    if peek(text, end) == b'(' {
        let inner = &text[end + 1..];
        let len = inner.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        if inner.get(len) == Some(&b')') {
            end += len + 2;
        }
    }
    Some((f64::NAN, end))
}
