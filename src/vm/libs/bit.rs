//! `bit`: operations on integers of 32 bits, as the BitOp library has them in Redis.

use std::ffi::CStr;

use super::output::register;
use crate::vm::core::push_bytes;
use crate::vm::ffi;

/// In the order of Redis, on which the order of the table depends.
const FUNCTIONS: &[(&CStr, ffi::lua_CFunction)] = &[
    (c"tobit", tobit),
    (c"bnot", bnot),
    (c"band", band),
    (c"bor", bor),
    (c"bxor", bxor),
    (c"lshift", lshift),
    (c"rshift", rshift),
    (c"arshift", arshift),
    (c"rol", rol),
    (c"ror", ror),
    (c"bswap", bswap),
    (c"tohex", tohex),
];

/// 2^52 + 2^51: added to a number, it leaves the integer part, rounded to even and modulo 2^32, in the lowest bits.
const MAGIC: f64 = 6_755_399_441_055_744.0;

/// Pushes the library.
pub(in crate::vm) unsafe fn open(lua: *mut ffi::lua_State) {
    // SAFETY: (1) reason L of the layer's head.
    unsafe {
        ffi::lua_createtable(lua, 0, FUNCTIONS.len() as i32);
        ffi::lua_pushboolean(lua, 0);
        register(lua, FUNCTIONS);
    }
}

/// An argument as 32 bits.
unsafe fn bits(lua: *mut ffi::lua_State, index: i32) -> u32 {
    // SAFETY: (2) reason L.
    unsafe {
        if let Some(integer) = ffi::integer_at(lua, index) {
            return integer as u32;
        }
        let number = ffi::lua_tonumber(lua, index);
        if number == 0.0 {
            // Not a number, perhaps; if so, this raises.
            ffi::luaL_checknumber(lua, index);
        }
        (number + MAGIC).to_bits() as u32
    }
}

unsafe fn push(lua: *mut ffi::lua_State, bits: u32) -> i32 {
    // SAFETY: (3) reason L.
    unsafe { ffi::push_integer(lua, i64::from(bits as i32)) };
    1
}

unsafe extern "C-unwind" fn tobit(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (4) reason L.
    unsafe { push(lua, bits(lua, 1)) }
}

unsafe extern "C-unwind" fn bnot(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (5) reason L.
    unsafe { push(lua, !bits(lua, 1)) }
}

unsafe extern "C-unwind" fn bswap(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (6) reason L.
    unsafe { push(lua, bits(lua, 1).swap_bytes()) }
}

/// The first argument, with all others from the last to the second: so they are checked.
#[inline(always)]
unsafe fn fold(lua: *mut ffi::lua_State, with: fn(u32, u32) -> u32) -> i32 {
    // SAFETY: (7) reason L.
    unsafe {
        let mut result = bits(lua, 1);
        for index in (2..=ffi::lua_gettop(lua)).rev() {
            result = with(result, bits(lua, index));
        }
        push(lua, result)
    }
}

unsafe extern "C-unwind" fn band(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (8) reason L.
    unsafe { fold(lua, |a, b| a & b) }
}

unsafe extern "C-unwind" fn bor(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (9) reason L.
    unsafe { fold(lua, |a, b| a | b) }
}

unsafe extern "C-unwind" fn bxor(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (10) reason L.
    unsafe { fold(lua, |a, b| a ^ b) }
}

/// Shifts the first argument by the lowest five bits of the second.
#[inline(always)]
unsafe fn shift(lua: *mut ffi::lua_State, by: fn(u32, u32) -> u32) -> i32 {
    // SAFETY: (11) reason L.
    unsafe {
        let number = bits(lua, 1);
        push(lua, by(number, bits(lua, 2) & 31))
    }
}

unsafe extern "C-unwind" fn lshift(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (12) reason L.
    unsafe { shift(lua, |number, count| number << count) }
}

unsafe extern "C-unwind" fn rshift(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (13) reason L.
    unsafe { shift(lua, |number, count| number >> count) }
}

unsafe extern "C-unwind" fn arshift(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (14) reason L.
    unsafe { shift(lua, |number, count| (number as i32 >> count) as u32) }
}

unsafe extern "C-unwind" fn rol(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (15) reason L.
    unsafe { shift(lua, u32::rotate_left) }
}

unsafe extern "C-unwind" fn ror(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (16) reason L.
    unsafe { shift(lua, u32::rotate_right) }
}

/// `bit.tohex(x[, digits])`: in capitals if the number of digits is negative.
unsafe extern "C-unwind" fn tohex(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (17) reason L.
    unsafe {
        let mut number = bits(lua, 1);
        let count = if ffi::lua_type(lua, 2) == ffi::LUA_TNONE { 8 } else { bits(lua, 2) as i32 };
        let digits = if count < 0 { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
        let count = (count.unsigned_abs() as usize).min(8);
        let mut text = [0; 8];
        for place in text[..count].iter_mut().rev() {
            *place = digits[(number & 15) as usize];
            number >>= 4;
        }
        push_bytes(lua, &text[..count]);
        1
    }
}
