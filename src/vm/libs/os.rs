//! `os`, of which scripts have `clock` alone, as in Redis 7.4 and Valkey.

use std::ffi::CStr;

use super::output::register;
use crate::clock;
use crate::vm::ffi;

const FUNCTIONS: &[(&CStr, ffi::lua_CFunction)] = &[(c"clock", clock)];

/// Pushes the library.
pub(in crate::vm) unsafe fn open(lua: *mut ffi::lua_State) {
    // SAFETY: (1) reason L of the layer's head.
    unsafe {
        ffi::lua_createtable(lua, 0, FUNCTIONS.len() as i32);
        ffi::lua_pushboolean(lua, 0);
        register(lua, FUNCTIONS);
    }
}

/// `os.clock()`: seconds of processor time that the process has used, in microseconds as C's `clock` counts.
unsafe extern "C-unwind" fn clock(lua: *mut ffi::lua_State) -> i32 {
    let micros = clock::processor_nanos() / 1_000;
    // SAFETY: (2) reason L.
    unsafe { ffi::lua_pushnumber(lua, micros as f64 / 1e6) };
    1
}
