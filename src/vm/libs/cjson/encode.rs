//! `cjson.encode`: one walk over the value, without recursion in Rust. The tables that it is in lie on the Lua stack,
//! objects with the key at hand above them; how deep a value may nest follows from that where the setting lets it.

use std::ffi::CStr;

use super::{
    AS_THEY_ARE, ENCODE_DEPTH, ENCODE_INVALID, PRECISION, REFUSED, SPARSE_CONVERT, SPARSE_RATIO, SPARSE_SAFE,
    Values, settings,
};
use crate::num;
use crate::vm::core::{bytes_at, push_bytes};
use crate::vm::ffi;
use crate::vm::libs::output::{Level, Output, raise, see_through};

/// Room that any number fits into.
const NUMBER: usize = 32;

/// Bytes that are written in one go.
const PART: usize = 64 * 1024;

/// Whether a byte stands for itself in a string.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut byte = 0;
    while byte < 32 {
        plain[byte] = false;
        byte += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain[b'/' as usize] = false;
    plain[127] = false;
    plain
};

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// How many bytes at the front stand for themselves.
#[inline]
fn plain_bytes(bytes: &[u8]) -> usize {
    // Eight at a time: the lowest bit that is set is right, those above it may be set by a borrow.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let is = |word: u64, byte: u8| zeros(word ^ (ONES * u64::from(byte)));
    let mut at = 0;
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 32) & !word & HIGHS;
        let found = control | is(word, b'"') | is(word, b'\\') | is(word, b'/') | is(word, 127);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + bytes[at..].iter().take_while(|&&byte| PLAIN[usize::from(byte)]).count()
}

struct Encoder {
    lua: *mut ffi::lua_State,
    out: Output,
    settings: Values,
    depth: i32,
    /// Integers below this are written without an exponent.
    whole: u64,
}

pub(super) unsafe extern "C-unwind" fn encode(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (1) reasons L and C of the layer's head; the frames hold plain data only.
    unsafe {
        if ffi::lua_gettop(lua) != 1 {
            ffi::luaL_argerror(lua, 1, c"expected 1 argument".as_ptr());
        }
        let settings = *settings(lua);
        let whole = 10_u64.pow(settings[PRECISION].clamp(1, 15) as u32);
        let mut encoder = Encoder { lua, out: Output::begin(lua), settings, depth: 0, whole };
        encoder.run();
        push_bytes(lua, encoder.out.bytes());
        1
    }
}

impl Encoder {
    /// Writes the value on top of the stack, and takes it off.
    unsafe fn run(&mut self) {
        let lua = self.lua;
        // SAFETY: (2) as 1. `open` made room for three values above each table.
        unsafe {
            // The innermost table; the ones around it are with `out`.
            let mut level = Level::default();
            let mut is_inside = false;
            loop {
                self.out.step(1);
                if ffi::lua_type(lua, -1) == ffi::LUA_TTABLE {
                    if is_inside {
                        self.out.enter(level);
                    }
                    is_inside = true;
                    level = self.open();
                } else {
                    self.scalar();
                    ffi::lua_settop(lua, -2);
                }
                // The next value, from the innermost table that has one more.
                loop {
                    if !is_inside {
                        return;
                    }
                    if level.index == 0 {
                        if ffi::lua_next(lua, -2) != 0 {
                            if level.count > 0 {
                                self.out.byte(b',');
                            }
                            level.count = 1;
                            self.key();
                            break;
                        }
                        self.out.byte(b'}');
                    } else {
                        if u64::from(level.index) <= level.count {
                            if level.index > 1 {
                                self.out.byte(b',');
                            }
                            ffi::lua_rawgeti_(lua, -1, level.index as i32);
                            level.index += 1;
                            break;
                        }
                        self.out.byte(b']');
                    }
                    ffi::lua_settop(lua, -2);
                    self.depth -= 1;
                    match self.out.leave() {
                        Some(outer) => level = outer,
                        None => is_inside = false,
                    }
                }
            }
        }
    }

    /// Begins with the table on top: writes the bracket, and pushes nil as the key before an object's first.
    unsafe fn open(&mut self) -> Level {
        let lua = self.lua;
        // SAFETY: (3) reason L.
        unsafe {
            self.depth += 1;
            if self.depth > self.settings[ENCODE_DEPTH] || ffi::lua_checkstack(lua, 3) == 0 {
                let text = c"Cannot serialise, excessive nesting (%d)";
                ffi::lua_pushfstring(lua, text.as_ptr(), self.depth);
                raise(lua);
            }
            see_through(lua);
            let len = self.array_len();
            if len > 0 {
                self.out.byte(b'[');
                Level { index: 1, count: len as u64, ..Level::default() }
            } else {
                self.out.byte(b'{');
                ffi::lua_pushnil(lua);
                Level::default()
            }
        }
    }

    /// The length of the table on top as an array: its greatest key if all are positive integers. Not positive if
    /// it is to be an object. Counts in C integers, as the original does: a key past them makes an object.
    unsafe fn array_len(&mut self) -> i32 {
        let lua = self.lua;
        // SAFETY: (4) reason L; `lua_next` is given keys that it gave.
        unsafe {
            let (mut most, mut count) = (0_i32, 0_i32);
            ffi::lua_pushnil(lua);
            while ffi::lua_next(lua, -2) != 0 {
                let key =
                    if ffi::lua_type(lua, -2) == ffi::LUA_TNUMBER { ffi::lua_tonumber(lua, -2) } else { 0.0 };
                if key < 1.0 || key.floor() != key {
                    ffi::lua_settop(lua, -3);
                    return -1;
                }
                if key > f64::from(most) {
                    most = if key <= f64::from(i32::MAX) { key as i32 } else { i32::MIN };
                }
                count = count.wrapping_add(1);
                self.out.step(1);
                ffi::lua_settop(lua, -2);
            }
            let ratio = self.settings[SPARSE_RATIO];
            if ratio > 0 && most > count.wrapping_mul(ratio) && most > self.settings[SPARSE_SAFE] {
                if self.settings[SPARSE_CONVERT] == 0 {
                    self.refuse(-1, c"excessively sparse array");
                }
                return -1;
            }
            most
        }
    }

    /// Writes the key that is under the value on top.
    unsafe fn key(&mut self) {
        let lua = self.lua;
        // SAFETY: (5) reason L; a number is not turned into a string in place, which `lua_next` would stumble over.
        unsafe {
            match ffi::lua_type(lua, -2) {
                ffi::LUA_TSTRING => self.string(bytes_at(lua, -2)),
                ffi::LUA_TNUMBER => {
                    self.out.byte(b'"');
                    self.number(-2);
                    self.out.byte(b'"');
                }
                _ => self.refuse(-2, c"table key must be a number or string"),
            }
            self.out.byte(b':');
        }
    }

    /// Writes the value on top, which is no table.
    unsafe fn scalar(&mut self) {
        let lua = self.lua;
        // SAFETY: (6) reason L.
        unsafe {
            match ffi::lua_type(lua, -1) {
                ffi::LUA_TSTRING => self.string(bytes_at(lua, -1)),
                ffi::LUA_TNUMBER => self.number(-1),
                ffi::LUA_TBOOLEAN if ffi::lua_toboolean(lua, -1) != 0 => self.out.put(b"true"),
                ffi::LUA_TBOOLEAN => self.out.put(b"false"),
                ffi::LUA_TNIL => self.out.put(b"null"),
                ffi::LUA_TLIGHTUSERDATA if ffi::lua_touserdata(lua, -1).is_null() => self.out.put(b"null"),
                _ => self.refuse(-1, c"type not supported"),
            }
        }
    }

    unsafe fn number(&mut self, index: i32) {
        // SAFETY: (7) reason L; no more is written than was reserved.
        unsafe {
            if let Some(integer) = ffi::integer_at(self.lua, index) {
                return self.out.put(itoa::Buffer::new().format(integer).as_bytes());
            }
            let number = ffi::lua_tonumber(self.lua, index);
            let integer = number as i64;
            let is_whole = integer as f64 == number && integer.unsigned_abs() < self.whole;
            if is_whole && (integer != 0 || number.is_sign_positive()) {
                return self.out.put(itoa::Buffer::new().format(integer).as_bytes());
            }
            if !number.is_finite() {
                match self.settings[ENCODE_INVALID] {
                    REFUSED => self.refuse(index, c"must not be NaN or Inf"),
                    AS_THEY_ARE if number.is_nan() => return self.out.put(b"nan"),
                    AS_THEY_ARE => {}
                    _ => return self.out.put(b"null"),
                }
            }
            self.out.reserve(NUMBER);
            num::format_g(number, self.settings[PRECISION] as usize, self.out.buffer());
        }
    }

    unsafe fn string(&mut self, bytes: &[u8]) {
        // SAFETY: (8) reason C; as 7.
        unsafe {
            let plain = plain_bytes(&bytes[..bytes.len().min(PART)]);
            self.out.reserve(plain + 2);
            let buffer = self.out.buffer();
            buffer.push(b'"');
            buffer.extend_from_slice(&bytes[..plain]);
            let mut rest = &bytes[plain..];
            while let Some((&byte, mut after)) = rest.split_first() {
                if PLAIN[usize::from(byte)] {
                    // Only the part was at its end.
                    after = rest;
                    self.out.step(PART / 64);
                } else {
                    self.escape(byte);
                    self.out.step(1);
                }
                let plain = plain_bytes(&after[..after.len().min(PART)]);
                self.out.put(&after[..plain]);
                rest = &after[plain..];
            }
            self.out.byte(b'"');
        }
    }

    unsafe fn escape(&mut self, byte: u8) {
        let letter = match byte {
            b'"' | b'\\' | b'/' => byte,
            8 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            12 => b'f',
            b'\r' => b'r',
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
                // SAFETY: (9) reason C.
                return unsafe { self.out.put(&[b'\\', b'u', b'0', b'0', digits[0], digits[1]]) };
            }
        };
        // SAFETY: (10) reason C.
        unsafe { self.out.put(&[b'\\', letter]) };
    }

    /// Raises that the value at an index cannot be written.
    unsafe fn refuse(&self, index: i32, why: &CStr) -> ! {
        // SAFETY: (11) reason L.
        unsafe {
            let name = ffi::lua_typename(self.lua, ffi::lua_type(self.lua, index));
            ffi::lua_pushfstring(self.lua, c"Cannot serialise %s: %s".as_ptr(), name, why.as_ptr());
            raise(self.lua)
        }
    }
}
