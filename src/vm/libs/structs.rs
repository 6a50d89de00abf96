//! `struct`: numbers and strings to and from the bytes of C structures, as Redis has the library.

use std::ffi::{CStr, c_int};

use super::output::{Output, check_stack, raise, raise_text, register};
use crate::num;
use crate::vm::core::{bytes_at, push_bytes};
use crate::vm::ffi;

/// In the order of Redis, on which the order of the table depends.
const FUNCTIONS: &[(&CStr, ffi::lua_CFunction)] = &[(c"pack", pack), (c"unpack", unpack), (c"size", size)];

/// The largest integer, in bytes; it has 64 bits of value.
const LARGEST: i32 = 32;
/// What `!` alone aligns to.
const ALIGNMENT: i32 = 8;

/// Pushes the library.
pub(in crate::vm) unsafe fn open(lua: *mut ffi::lua_State) {
    // SAFETY: (1) reason L of the layer's head.
    unsafe {
        ffi::lua_createtable(lua, 0, FUNCTIONS.len() as i32);
        ffi::lua_pushboolean(lua, 0);
        register(lua, FUNCTIONS);
    }
}

/// A format that is being read, up to its first zero byte as a C string is.
struct Format<'l> {
    lua: *mut ffi::lua_State,
    rest: &'l [u8],
    is_big: bool,
    align: usize,
}

impl<'l> Format<'l> {
    /// The format that is the first argument.
    unsafe fn argument(lua: *mut ffi::lua_State) -> Format<'l> {
        // SAFETY: (2) reason L; the string stays on the stack.
        unsafe {
            let first = ffi::luaL_checklstring(lua, 1, std::ptr::null_mut());
            Format { lua, rest: CStr::from_ptr(first).to_bytes(), is_big: false, align: 1 }
        }
    }

    /// The next option and its size.
    unsafe fn next(&mut self) -> Option<(u8, usize)> {
        let (&option, rest) = self.rest.split_first()?;
        self.rest = rest;
        let size = match option {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'f' => 4,
            b'L' | b'l' | b'T' | b'd' => 8,
            // SAFETY: (3) reason L.
            b'c' => unsafe { self.number(1) },
            b'i' | b'I' => unsafe {
                let size = self.number(4);
                if size > LARGEST {
                    let text = c"integral size %d is larger than limit of %d";
                    ffi::lua_pushfstring(self.lua, text.as_ptr(), size, LARGEST);
                    raise(self.lua);
                }
                size
            },
            _ => 0,
        };
        Some((option, size as usize))
    }

    /// The number that stands here, or what goes without one.
    unsafe fn number(&mut self, default: i32) -> i32 {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return default;
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        let add = |sum: i32, digit: &u8| sum.checked_mul(10)?.checked_add((digit - b'0').into());
        match number.iter().try_fold(0, add) {
            Some(number) => number,
            // SAFETY: (4) reason L.
            None => unsafe { raise_text(self.lua, c"integral size overflow") },
        }
    }

    /// How many bytes fill the way from a position to where an element may stand. Sizes that are no powers of two
    /// go by the same formula.
    fn padding(&self, position: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let size = size.min(self.align);
        size.wrapping_sub(position & (size - 1)) & (size - 1)
    }

    /// Obeys an option that stands for no element.
    unsafe fn control(&mut self, option: u8) {
        // SAFETY: (5) reason L.
        unsafe {
            match option {
                b' ' => {}
                b'>' => self.is_big = true,
                b'<' => self.is_big = false,
                b'!' => {
                    let align = self.number(ALIGNMENT);
                    if align <= 0 || align & (align - 1) != 0 {
                        let text = c"alignment %d is not a power of 2";
                        ffi::lua_pushfstring(self.lua, text.as_ptr(), align);
                        raise(self.lua);
                    }
                    self.align = align as usize;
                }
                _ => {
                    let text = c"invalid format option '%c'";
                    let text = ffi::lua_pushfstring(self.lua, text.as_ptr(), c_int::from(option as i8));
                    ffi::luaL_argerror(self.lua, 1, text);
                }
            }
        }
    }
}

/// `struct.pack(format, ...)`.
unsafe extern "C-unwind" fn pack(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (6) reasons L and C; the frame holds plain data only. Numbers among the arguments that are packed as
    // strings become strings in place, each in its own place.
    unsafe {
        let mut format = Format::argument(lua);
        let mut out = Output::begin(lua);
        // What stands for all arguments that are missing.
        ffi::lua_pushnil(lua);
        let mut argument = 2;
        let mut position = 0_usize;
        while let Some((option, size)) = format.next() {
            out.step(1);
            let padding = format.padding(position, option, size);
            out.zeros(padding);
            position = position.wrapping_add(padding + size);
            match option {
                b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                    let bits = match ffi::integer_at(lua, argument) {
                        Some(integer) => integer as u64,
                        None => to_bits(ffi::luaL_checknumber(lua, argument)),
                    };
                    argument += 1;
                    put_integer(&mut out, bits, size, format.is_big);
                }
                b'x' => out.byte(0),
                b'f' => {
                    let number = ffi::luaL_checknumber(lua, argument) as f32;
                    argument += 1;
                    out.put(&if format.is_big { number.to_be_bytes() } else { number.to_le_bytes() });
                }
                b'd' => {
                    let number = ffi::luaL_checknumber(lua, argument);
                    argument += 1;
                    out.put(&if format.is_big { number.to_be_bytes() } else { number.to_le_bytes() });
                }
                b'c' | b's' => {
                    ffi::luaL_checklstring(lua, argument, std::ptr::null_mut());
                    let bytes = bytes_at(lua, argument);
                    argument += 1;
                    let Some(part) = bytes.get(..if size == 0 { bytes.len() } else { size }) else {
                        return ffi::luaL_argerror(lua, argument, c"string too short".as_ptr());
                    };
                    out.step(part.len() / 1_024);
                    out.put(part);
                    // An 's' has no size of its own, nor has 'c0'.
                    position = position.wrapping_add(part.len() - size);
                    if option == b's' {
                        out.byte(0);
                        position = position.wrapping_add(1);
                    }
                }
                _ => format.control(option),
            }
        }
        push_bytes(lua, out.bytes());
        1
    }
}

/// A number as 64 bits: towards zero, and what does not fit as a C compiler's code does it on x86-64, negative
/// numbers as signed ones and others as unsigned ones.
fn to_bits(number: f64) -> u64 {
    const TOP: f64 = (1_u64 << 63) as f64;
    if number >= TOP {
        num::f64_to_i64(number - TOP) as u64 ^ 1 << 63
    } else {
        num::f64_to_i64(number) as u64
    }
}

unsafe fn put_integer(out: &mut Output, mut bits: u64, size: usize, is_big: bool) {
    let mut bytes = [0; LARGEST as usize];
    for at in 0..size {
        bytes[if is_big { size - 1 - at } else { at }] = bits as u8;
        bits >>= 8;
    }
    // SAFETY: (7) reason C.
    unsafe { out.put(&bytes[..size]) };
}

/// The bits of the number of so many bytes; of more than 8 the lowest count.
fn get_integer(bytes: &[u8], is_big: bool, is_signed: bool) -> u64 {
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    let bits = if is_big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) };
    if !is_signed {
        return bits;
    }
    // The shift is by its lowest six bits, as in the machine: sizes past 8 take another bit for the sign.
    let sign = u64::MAX.wrapping_shl((bytes.len() as u32 * 8).wrapping_sub(1));
    if bits & sign != 0 { bits | sign } else { bits }
}

/// `struct.unpack(format, data[, position])`: the values, and the position behind them.
unsafe extern "C-unwind" fn unpack(lua: *mut ffi::lua_State) -> i32 {
    const SHORT: &CStr = c"data string too short";
    // SAFETY: (8) reasons L and C; format and data stay on the stack, and the frame holds plain data.
    unsafe {
        let mut format = Format::argument(lua);
        let mut len = 0;
        let first = ffi::luaL_checklstring(lua, 2, &mut len);
        let data = std::slice::from_raw_parts(first.cast::<u8>(), len);
        let mut position = ffi::luaL_optinteger(lua, 3, 1) as usize;
        if position == 0 {
            ffi::luaL_argerror(lua, 3, c"offset must be 1 or greater".as_ptr());
        }
        position -= 1;
        // Only its look at the limits is needed here.
        let mut out = Output::begin(lua);
        let mut count = 0;
        while let Some((option, size)) = format.next() {
            out.step(1);
            position = position.wrapping_add(format.padding(position, option, size));
            let part = |size: usize| data.get(position..position.checked_add(size)?);
            let Some(bytes) = part(size) else { return ffi::luaL_argerror(lua, 2, SHORT.as_ptr()) };
            check_stack(lua, 2, c"too many results");
            let mut taken = size;
            match option {
                b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                    let is_signed = option.is_ascii_lowercase();
                    let bits = get_integer(bytes, format.is_big, is_signed);
                    match i64::try_from(bits) {
                        _ if is_signed => ffi::push_integer(lua, bits as i64),
                        Ok(integer) => ffi::push_integer(lua, integer),
                        Err(_) => ffi::lua_pushnumber(lua, bits as f64),
                    }
                    count += 1;
                }
                b'x' => {}
                b'f' => {
                    let mut number = [0; 4];
                    number.copy_from_slice(bytes);
                    let number =
                        if format.is_big { f32::from_be_bytes(number) } else { f32::from_le_bytes(number) };
                    ffi::lua_pushnumber(lua, number.into());
                    count += 1;
                }
                b'd' => {
                    let mut number = [0; 8];
                    number.copy_from_slice(bytes);
                    let number =
                        if format.is_big { f64::from_be_bytes(number) } else { f64::from_le_bytes(number) };
                    ffi::lua_pushnumber(lua, number);
                    count += 1;
                }
                b'c' if size == 0 => {
                    if count == 0 || ffi::lua_isnumber(lua, -1) == 0 {
                        raise_text(lua, c"format 'c0' needs a previous size");
                    }
                    taken = to_bits(ffi::lua_tonumber(lua, -1)) as usize;
                    ffi::lua_settop(lua, -2);
                    let Some(bytes) = part(taken) else {
                        return ffi::luaL_argerror(lua, 2, SHORT.as_ptr());
                    };
                    push_bytes(lua, bytes);
                }
                b'c' => {
                    push_bytes(lua, bytes);
                    count += 1;
                }
                b's' => {
                    let rest = &data[position..];
                    let Some(end) = rest.iter().position(|&byte| byte == 0) else {
                        raise_text(lua, c"unfinished string in data")
                    };
                    out.step(end / 1_024);
                    push_bytes(lua, &rest[..end]);
                    taken = end + 1;
                    count += 1;
                }
                _ => format.control(option),
            }
            position += taken;
        }
        ffi::push_integer(lua, (position as i64).wrapping_add(1));
        count + 1
    }
}

/// `struct.size(format)`: of a format whose elements all have a size.
unsafe extern "C-unwind" fn size(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (9) reasons L and C.
    unsafe {
        let mut format = Format::argument(lua);
        let mut out = Output::begin(lua);
        let mut position = 0_usize;
        while let Some((option, size)) = format.next() {
            out.step(1);
            position = position.wrapping_add(format.padding(position, option, size) + size);
            if option == b's' {
                ffi::luaL_argerror(lua, 1, c"option 's' has no fixed size".as_ptr());
            } else if option == b'c' && size == 0 {
                ffi::luaL_argerror(lua, 1, c"option 'c0' has no fixed size".as_ptr());
            }
            // Letters that mean nothing are passed over.
            if !option.is_ascii_alphanumeric() {
                format.control(option);
            }
        }
        ffi::push_integer(lua, position as i64);
        1
    }
}
