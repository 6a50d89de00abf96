//! `cmsgpack`: MessagePack to and from tables, as version 0.4.0 of the library does it in Redis.

use std::ffi::{CStr, c_int};

use super::output::{Level, Output, check_stack, raise, raise_text, register, see_through, set_texts};
use crate::vm::core::{bytes_at, push_bytes};
use crate::vm::ffi;

/// In the order of Redis, on which the order of the table depends.
const FUNCTIONS: &[(&CStr, ffi::lua_CFunction)] =
    &[(c"pack", pack), (c"unpack", unpack), (c"unpack_one", unpack_one), (c"unpack_limit", unpack_limit)];

const TEXTS: &[(&CStr, &CStr)] = &[
    (c"_NAME", c"cmsgpack"),
    (c"_VERSION", c"lua-cmsgpack 0.4.0"),
    (c"_COPYRIGHT", c"Copyright (C) 2012, Salvatore Sanfilippo"),
    (c"_DESCRIPTION", c"MessagePack C implementation for Lua"),
];

/// Tables deeper than this are packed as nil.
const DEEPEST: u32 = 16;

/// Pushes the library.
pub(in crate::vm) unsafe fn open(lua: *mut ffi::lua_State) {
    // SAFETY: (1) reason L of the layer's head.
    unsafe {
        ffi::lua_createtable(lua, 0, 0);
        ffi::lua_pushboolean(lua, 0);
        register(lua, FUNCTIONS);
        set_texts(lua, TEXTS);
    }
}

struct Packer {
    lua: *mut ffi::lua_State,
    out: Output,
}

/// `cmsgpack.pack(value, ...)`: the values one behind the other.
unsafe extern "C-unwind" fn pack(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (2) reasons L and C; the frames hold plain data only.
    unsafe {
        let count = ffi::lua_gettop(lua);
        if count == 0 {
            ffi::luaL_argerror(lua, 0, c"MessagePack pack needs input.".as_ptr());
        }
        if ffi::lua_checkstack(lua, count) == 0 {
            ffi::lua_settop(lua, 0);
            ffi::luaL_argerror(lua, 0, c"Too many arguments for MessagePack pack.".as_ptr());
        }
        // A level of nesting takes up to three places, and looking behind a proxy one.
        check_stack(lua, 3 * DEEPEST as c_int + 4, c"in function pack");
        let mut packer = Packer { lua, out: Output::begin(lua) };
        for index in 1..=count {
            ffi::lua_pushvalue(lua, index);
            packer.value(0);
        }
        push_bytes(lua, packer.out.bytes());
        1
    }
}

impl Packer {
    /// Packs the value on top, and takes it off.
    unsafe fn value(&mut self, level: u32) {
        let lua = self.lua;
        // SAFETY: (3) as 2.
        unsafe {
            self.out.step(1);
            match ffi::lua_type(lua, -1) {
                ffi::LUA_TSTRING => {
                    let bytes = bytes_at(lua, -1);
                    self.out.step(bytes.len() / 1_024);
                    self.head(bytes.len(), Heads::STRING);
                    self.out.put(bytes);
                }
                ffi::LUA_TNUMBER => match ffi::integer_at(lua, -1) {
                    Some(integer) => self.integer(integer),
                    None => self.number(ffi::lua_tonumber(lua, -1)),
                },
                ffi::LUA_TBOOLEAN => self.out.byte(0xc2 + u8::from(ffi::lua_toboolean(lua, -1) != 0)),
                ffi::LUA_TTABLE if level < DEEPEST => {
                    see_through(lua);
                    self.table(level);
                }
                _ => self.out.byte(0xc0),
            }
            ffi::lua_settop(lua, -2);
        }
    }

    unsafe fn table(&mut self, level: u32) {
        let lua = self.lua;
        // SAFETY: (4) as 2; `lua_next` is given keys that it gave.
        unsafe {
            let (len, is_array) = self.count();
            if is_array {
                self.head(len, Heads::ARRAY);
                for index in 1..=len {
                    ffi::lua_rawgeti_(lua, -1, index as c_int);
                    self.value(level + 1);
                }
            } else {
                self.head(len, Heads::MAP);
                ffi::lua_pushnil(lua);
                while ffi::lua_next(lua, -2) != 0 {
                    ffi::lua_pushvalue(lua, -2);
                    self.value(level + 1);
                    self.value(level + 1);
                }
            }
        }
    }

    /// How many entries the table on top has, and whether it is an array: its keys are the integers from 1 on.
    unsafe fn count(&mut self) -> (usize, bool) {
        let lua = self.lua;
        // SAFETY: (5) as 4.
        unsafe {
            let (mut count, mut most, mut is_array) = (0_usize, 0.0, true);
            ffi::lua_pushnil(lua);
            while ffi::lua_next(lua, -2) != 0 {
                ffi::lua_settop(lua, -2);
                count += 1;
                self.out.step(1);
                if is_array {
                    let is_number = ffi::lua_type(lua, -1) == ffi::LUA_TNUMBER;
                    let key = if is_number { ffi::lua_tonumber(lua, -1) } else { 0.0 };
                    is_array = key >= 1.0 && key.floor() == key;
                    most = f64::max(most, key);
                }
            }
            // No key comes twice, so these are all up to the greatest.
            (count, is_array && most == count as f64)
        }
    }

    unsafe fn head(&mut self, len: usize, heads: Heads) {
        // SAFETY: (6) reason C.
        unsafe {
            if len <= heads.most_in_one {
                self.out.byte(heads.one | len as u8);
            } else if let (Some(mark), Ok(len)) = (heads.byte, u8::try_from(len)) {
                self.out.put(&[mark, len]);
            } else if let Ok(len) = u16::try_from(len) {
                self.out.byte(heads.two);
                self.out.put(&len.to_be_bytes());
            } else {
                self.out.byte(heads.two + 1);
                self.out.put(&(len as u32).to_be_bytes());
            }
        }
    }

    /// An integer where the number is one of 64 bits, in the shortest form; a float of 4 bytes where that is exact.
    unsafe fn number(&mut self, number: f64) {
        const TOP: f64 = (1_u64 << 63) as f64;
        // SAFETY: (7) reason C.
        unsafe {
            let integer = number as i64;
            if integer as f64 == number && number < TOP {
                return self.integer(integer);
            }
            let short = number as f32;
            if f64::from(short) == number {
                self.out.byte(0xca);
                self.out.put(&short.to_be_bytes());
            } else {
                self.out.byte(0xcb);
                self.out.put(&number.to_be_bytes());
            }
        }
    }

    unsafe fn integer(&mut self, integer: i64) {
        let bytes = integer.to_be_bytes();
        // The mark and the bytes of the number.
        let (mark, len) = match integer {
            -32..=127 => (None, 1),
            128..=0xff => (Some(0xcc), 1),
            0x100..=0xffff => (Some(0xcd), 2),
            0x1_0000..=0xffff_ffff => (Some(0xce), 4),
            0x1_0000_0000.. => (Some(0xcf), 8),
            -0x80..=-33 => (Some(0xd0), 1),
            -0x8000..=-0x81 => (Some(0xd1), 2),
            -0x8000_0000..=-0x8001 => (Some(0xd2), 4),
            i64::MIN..=-0x8000_0001 => (Some(0xd3), 8),
        };
        // SAFETY: (8) reason C.
        unsafe {
            if let Some(mark) = mark {
                self.out.byte(mark);
            }
            self.out.put(&bytes[8 - len..]);
        }
    }
}

/// The marks of a type by length.
struct Heads {
    one: u8,
    most_in_one: usize,
    /// With a length of one byte, if there is such a form.
    byte: Option<u8>,
    /// With a length of two bytes; the next is that with four.
    two: u8,
}

impl Heads {
    const STRING: Heads = Heads { one: 0xa0, most_in_one: 31, byte: Some(0xd9), two: 0xda };
    const ARRAY: Heads = Heads { one: 0x90, most_in_one: 15, byte: None, two: 0xdc };
    const MAP: Heads = Heads { one: 0x80, most_in_one: 15, byte: None, two: 0xde };
}

/// `cmsgpack.unpack(text)`: all values in it.
unsafe extern "C-unwind" fn unpack(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (9) reason L.
    unsafe { unpack_values(lua, 0, 0) }
}

/// `cmsgpack.unpack_one(text[, offset])`: the next offset, and the value there.
unsafe extern "C-unwind" fn unpack_one(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (10) reason L.
    unsafe {
        let offset = ffi::luaL_optinteger(lua, 2, 0) as i64;
        ffi::lua_settop(lua, 1);
        unpack_values(lua, 1, offset)
    }
}

/// `cmsgpack.unpack_limit(text, limit[, offset])`: the next offset, and up to `limit` values.
unsafe extern "C-unwind" fn unpack_limit(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (11) reason L.
    unsafe {
        let limit = ffi::luaL_checkinteger(lua, 2) as i64;
        let offset = ffi::luaL_optinteger(lua, 3, 0) as i64;
        ffi::lua_settop(lua, 1);
        unpack_values(lua, limit, offset)
    }
}

/// Why a text cannot be unpacked.
enum Bad {
    Missing,
    Format,
}

/// With neither a limit nor an offset all values, and no offset among the results.
unsafe fn unpack_values(lua: *mut ffi::lua_State, limit: i64, offset: i64) -> i32 {
    // SAFETY: (12) reasons L and C; the text stays on the stack, and the frames hold plain data.
    unsafe {
        let mut len = 0;
        let first = ffi::luaL_checklstring(lua, 1, &mut len);
        let text = std::slice::from_raw_parts(first.cast::<u8>(), len);
        // What the original calls the limit in this message is the length.
        let start = match usize::try_from(offset) {
            Ok(start) if limit >= 0 => start,
            _ => {
                let text = c"Invalid request to unpack with offset of %d and limit of %d.";
                ffi::lua_pushfstring(lua, text.as_ptr(), offset as c_int, len as c_int);
                raise(lua)
            }
        };
        let Some(rest) = text.get(start..) else {
            let text = c"Start offset %d greater than input length %d.";
            ffi::lua_pushfstring(lua, text.as_ptr(), offset as c_int, len as c_int);
            raise(lua)
        };
        let all = limit == 0 && offset == 0;
        let mut unpacker = Unpacker { lua, out: Output::begin(lua), rest };
        let mut count = 0_i32;
        while !unpacker.rest.is_empty() && (all || i64::from(count) < limit) {
            match unpacker.value() {
                Ok(()) => count += 1,
                Err(Bad::Missing) => raise_text(lua, c"Missing bytes in input."),
                Err(Bad::Format) => raise_text(lua, c"Bad data format in input."),
            }
        }
        if all {
            return count;
        }
        check_stack(lua, 1, c"in function mp_unpack_full");
        let left = unpacker.rest.len();
        ffi::push_integer(lua, if left == 0 { -1 } else { (len - left) as i64 });
        ffi::lua_insert(lua, 2);
        count + 1
    }
}

/// Elements that an array gets room for before they are there, at most: a power of two.
const ROOM: u32 = 64;

struct Unpacker<'l> {
    lua: *mut ffi::lua_State,
    out: Output,
    rest: &'l [u8],
}

/// A value, or the beginning of one.
enum Token<'l> {
    Nil,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(&'l [u8]),
    Array(u32),
    Map(u32),
}

impl<'l> Unpacker<'l> {
    #[inline]
    fn take(&mut self, count: usize) -> Result<&'l [u8], Bad> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Bad::Missing)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Bad::Missing)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    fn token(&mut self) -> Result<Token<'l>, Bad> {
        let [mark] = self.bytes()?;
        Ok(match mark {
            0..=0x7f => Token::Integer(mark.into()),
            0x80..=0x8f => Token::Map((mark & 15).into()),
            0x90..=0x9f => Token::Array((mark & 15).into()),
            0xa0..=0xbf => Token::Text(self.take((mark & 31).into())?),
            0xc0 => Token::Nil,
            0xc2 | 0xc3 => Token::Boolean(mark == 0xc3),
            0xca => Token::Number(f32::from_be_bytes(self.bytes()?).into()),
            0xcb => Token::Number(f64::from_be_bytes(self.bytes()?)),
            0xcc => Token::Integer(self.bytes::<1>()?[0].into()),
            0xcd => Token::Integer(u16::from_be_bytes(self.bytes()?).into()),
            0xce => Token::Integer(u32::from_be_bytes(self.bytes()?).into()),
            // Both are signed.
            0xcf | 0xd3 => Token::Integer(i64::from_be_bytes(self.bytes()?)),
            0xd0 => Token::Integer(i8::from_be_bytes(self.bytes()?).into()),
            0xd1 => Token::Integer(i16::from_be_bytes(self.bytes()?).into()),
            0xd2 => Token::Integer(i32::from_be_bytes(self.bytes()?).into()),
            0xd9 => {
                let len = self.bytes::<1>()?[0];
                Token::Text(self.take(len.into())?)
            }
            0xda => {
                let len = u16::from_be_bytes(self.bytes()?);
                Token::Text(self.take(len.into())?)
            }
            0xdb => {
                let len = u32::from_be_bytes(self.bytes()?);
                Token::Text(self.take(len as usize)?)
            }
            0xdc => Token::Array(u16::from_be_bytes(self.bytes()?).into()),
            0xdd => Token::Array(u32::from_be_bytes(self.bytes()?)),
            0xde => Token::Map(u16::from_be_bytes(self.bytes()?).into()),
            0xdf => Token::Map(u32::from_be_bytes(self.bytes()?)),
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => return Err(Bad::Format),
            0xe0.. => Token::Integer((mark as i8).into()),
        })
    }

    /// Makes the array that is being filled anew, with the elements before `index`, as if it had never had room for
    /// more. It is to have a nil: while an array without nils has the same room whether it grew or was made with it,
    /// one with nils has not, and where its end is found depends on that.
    unsafe fn regrow(&mut self, index: u32) {
        let lua = self.lua;
        // SAFETY: (14) reason L; there is room for two values, the array is under the place of the index.
        unsafe {
            ffi::lua_createtable(lua, 0, 0);
            for index in 1..index as c_int {
                self.out.step(1);
                ffi::lua_rawgeti_(lua, -3, index);
                ffi::lua_rawseti_(lua, -2, index);
            }
            ffi::lua_replace(lua, -3);
        }
    }

    /// Unpacks a value and pushes it, without recursion. As in the original, an unfinished table has a second place
    /// on the stack above it, for a key or an index: how deep a text may nest follows from that.
    unsafe fn value(&mut self) -> Result<(), Bad> {
        let lua = self.lua;
        // SAFETY: (13) as 12. A key that no table can have raises.
        unsafe {
            // The innermost table; the ones around it are with `out`. Of an array `index` is the element at hand,
            // and `count` how many are left with it; of a map `count` is that of its keys and values.
            let mut level = Level::default();
            let mut depth = 0_u32;
            // How many of the next values may stand higher on the stack than any before.
            let mut higher = 1;
            loop {
                self.out.step(1);
                if self.rest.is_empty() {
                    return Err(Bad::Missing);
                }
                if higher > 0 {
                    higher -= 1;
                    let text = c"too many return values at once; use unpack_one or unpack_limit instead.";
                    check_stack(lua, 1, text);
                }
                let inner = match self.token()? {
                    Token::Nil => {
                        if level.is_roomy {
                            level.is_roomy = false;
                            self.regrow(level.index);
                        }
                        ffi::lua_pushnil(lua);
                        None
                    }
                    Token::Boolean(is) => {
                        ffi::lua_pushboolean(lua, is.into());
                        None
                    }
                    Token::Integer(number) => {
                        ffi::push_integer(lua, number);
                        None
                    }
                    Token::Number(number) => {
                        ffi::lua_pushnumber(lua, number);
                        None
                    }
                    Token::Text(text) => {
                        self.out.step(text.len() / 1_024);
                        push_bytes(lua, text);
                        None
                    }
                    Token::Array(len) => {
                        let is_roomy = len > 0 && ffi::lua_checkstack(lua, 4) != 0;
                        let room = if is_roomy { len.min(ROOM).next_power_of_two() } else { 0 };
                        ffi::lua_createtable(lua, room as c_int, 0);
                        check_stack(lua, 1, c"in function mp_decode_to_lua_array");
                        if len > 0 {
                            // The place of the index.
                            ffi::lua_pushnil(lua);
                        }
                        higher = 1;
                        Some(Level { index: 1, is_roomy, count: len.into() })
                    }
                    Token::Map(len) => {
                        ffi::lua_createtable(lua, 0, 0);
                        higher = 2;
                        Some(Level { index: 0, is_roomy: false, count: 2 * u64::from(len) })
                    }
                };
                match inner {
                    Some(inner) if inner.count > 0 => {
                        if depth > 0 {
                            self.out.enter(level);
                        }
                        level = inner;
                        depth += 1;
                        continue;
                    }
                    _ => {}
                }
                // A value is done: to its place in the innermost table, which it may complete.
                loop {
                    if depth == 0 {
                        return Ok(());
                    }
                    level.count -= 1;
                    if level.index > 0 {
                        ffi::lua_rawseti_(lua, -3, level.index as c_int);
                        level.index = level.index.wrapping_add(1);
                        if level.count > 0 {
                            break;
                        }
                        // The place of the index.
                        ffi::lua_settop(lua, -2);
                    } else {
                        if level.count % 2 == 0 {
                            ffi::lua_rawset(lua, -3);
                        }
                        if level.count > 0 {
                            break;
                        }
                    }
                    depth -= 1;
                    if let Some(outer) = self.out.leave() {
                        level = outer;
                    }
                }
            }
        }
    }
}
