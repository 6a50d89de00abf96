//! `cjson`: JSON to and from tables, as version 2.1.0 of the library does it in Redis.
//!
//! # Settings
//!
//! A script's settings hold for all scripts after it until SCRIPT FLUSH: they are the engine's ([`JsonSettings`]),
//! whichever of its Lua states runs a script. A script that uses `cjson` begins with the settings as they are at its
//! first use of the library, and what it has changed counts for others when it ends. In Redis one script runs at a
//! time; where two run at once here, neither sees what the other is changing, so a script that changes a setting and
//! takes it back disturbs no other. `cjson.new` makes a library with settings of its own, which live in Lua.

mod decode;
mod encode;

use std::ffi::{CStr, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use super::output::{register, set_texts};
use crate::vm::core::core;
use crate::vm::ffi;

const FUNCTIONS: &[(&CStr, ffi::lua_CFunction)] = &[
    (c"encode", encode::encode),
    (c"decode", decode::decode),
    (c"encode_sparse_array", encode_sparse_array),
    (c"encode_max_depth", encode_max_depth),
    (c"decode_max_depth", decode_max_depth),
    (c"encode_number_precision", encode_number_precision),
    (c"encode_keep_buffer", encode_keep_buffer),
    (c"encode_invalid_numbers", encode_invalid_numbers),
    (c"decode_invalid_numbers", decode_invalid_numbers),
    (c"new", new),
];

const SETTINGS: usize = 9;
type Values = [i32; SETTINGS];

const SPARSE_CONVERT: usize = 0;
const SPARSE_RATIO: usize = 1;
const SPARSE_SAFE: usize = 2;
const ENCODE_DEPTH: usize = 3;
const DECODE_DEPTH: usize = 4;
const PRECISION: usize = 5;
const KEEP_BUFFER: usize = 6;
const ENCODE_INVALID: usize = 7;
const DECODE_INVALID: usize = 8;

const DEFAULTS: Values = [0, 2, 10, 1_000, 1_000, 14, 1, 0, 1];

/// What numbers that JSON lacks become.
const REFUSED: i32 = 0;
const AS_THEY_ARE: i32 = 1;

const OFF_ON: &[&CStr] = &[c"off", c"on"];
const OFF_ON_NULL: &[&CStr] = &[c"off", c"on", c"null"];

/// The settings that all states of an engine share.
pub(crate) struct JsonSettings([AtomicI32; SETTINGS]);

impl Default for JsonSettings {
    fn default() -> JsonSettings {
        JsonSettings(DEFAULTS.map(AtomicI32::new))
    }
}

/// The settings as one state has them.
pub(in crate::vm) struct Json {
    pub(in crate::vm) shared: Arc<JsonSettings>,
    values: Values,
    /// What the running script began with.
    before: Values,
    /// Whether the running script has used the library.
    is_used: bool,
}

impl Json {
    pub(in crate::vm) fn new() -> Json {
        Json { shared: Arc::default(), values: DEFAULTS, before: DEFAULTS, is_used: false }
    }

    #[inline]
    fn values(&mut self) -> *mut Values {
        if !self.is_used {
            self.is_used = true;
            for (value, shared) in self.values.iter_mut().zip(&self.shared.0) {
                *value = shared.load(Ordering::Relaxed);
            }
            self.before = self.values;
        }
        &raw mut self.values
    }

    /// The script ends: what it changed holds for all from now on.
    #[inline]
    pub(in crate::vm) fn end(&mut self) {
        if self.is_used {
            self.is_used = false;
            for ((value, before), shared) in self.values.iter().zip(&self.before).zip(&self.shared.0) {
                if value != before {
                    shared.store(*value, Ordering::Relaxed);
                }
            }
        }
    }
}

/// The settings of the library that the running function belongs to: its first upvalue has them, or is no userdata
/// in the library that everybody shares.
unsafe fn settings(lua: *mut ffi::lua_State) -> *mut Values {
    // SAFETY: (1) reasons L and C of the layer's head; `new` made the userdata of this type.
    unsafe {
        let own = ffi::lua_touserdata(lua, ffi::lua_upvalueindex(1));
        if own.is_null() { (*core(lua)).json.values() } else { own.cast() }
    }
}

/// Pushes the library.
pub(in crate::vm) unsafe fn open(lua: *mut ffi::lua_State) {
    // SAFETY: (2) reason L.
    unsafe {
        ffi::lua_createtable(lua, 0, 0);
        ffi::lua_pushboolean(lua, 0);
        fill(lua);
    }
}

/// Fills the table under the upvalue on top, which goes. The order is that of Redis, on which the order of the
/// table depends.
unsafe fn fill(lua: *mut ffi::lua_State) {
    // SAFETY: (3) reason L.
    unsafe {
        register(lua, FUNCTIONS);
        ffi::lua_pushlightuserdata(lua, std::ptr::null_mut::<c_void>());
        ffi::lua_setfield(lua, -2, c"null".as_ptr());
        set_texts(lua, &[(c"_NAME", c"cjson"), (c"_VERSION", c"2.1.0")]);
    }
}

/// `cjson.new()`: the library again, with settings of its own.
unsafe extern "C-unwind" fn new(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (4) reason L; a userdata is aligned for any type.
    unsafe {
        ffi::lua_createtable(lua, 0, 0);
        let own = ffi::lua_newuserdata(lua, size_of::<Values>()).cast::<Values>();
        own.write(DEFAULTS);
        fill(lua);
        1
    }
}

/// Checks that there are no more than `most` arguments, and adds nils for those that are missing.
unsafe fn take_arguments(lua: *mut ffi::lua_State, most: i32) -> *mut Values {
    // SAFETY: (5) reason L.
    unsafe {
        if ffi::lua_gettop(lua) > most {
            ffi::luaL_argerror(lua, most + 1, c"found too many arguments".as_ptr());
        }
        ffi::lua_settop(lua, most);
        settings(lua)
    }
}

/// Sets an integer if there is an argument for it, and pushes what it is then.
unsafe fn integer(lua: *mut ffi::lua_State, argument: i32, setting: *mut i32, least: i32, most: i32) {
    // SAFETY: (6) reason L; the settings outlive the call. The conversion to a C integer is modulo 2^32.
    unsafe {
        if ffi::lua_isnil(lua, argument) == 0 {
            let value = ffi::luaL_checkinteger(lua, argument) as i32;
            if value < least || value > most {
                let text = c"expected integer between %d and %d";
                let text = ffi::lua_pushfstring(lua, text.as_ptr(), least, most);
                // Whichever it is, the original names the first.
                ffi::luaL_argerror(lua, 1, text);
            }
            *setting = value;
        }
        ffi::lua_pushinteger(lua, (*setting).into());
    }
}

/// Sets a choice by a boolean or by its name if there is an argument for it, and pushes what it is then.
unsafe fn choice(lua: *mut ffi::lua_State, argument: i32, setting: *mut i32, names: &[&CStr]) {
    // SAFETY: (7) as 6; a string of Lua's ends in a zero.
    unsafe {
        if ffi::lua_type(lua, argument) == ffi::LUA_TBOOLEAN {
            *setting = ffi::lua_toboolean(lua, argument);
        } else if ffi::lua_isnil(lua, argument) == 0 {
            let given = ffi::luaL_checklstring(lua, argument, std::ptr::null_mut());
            match names.iter().position(|name| *name == CStr::from_ptr(given)) {
                Some(place) => *setting = place as i32,
                None => {
                    let text = ffi::lua_pushfstring(lua, c"invalid option '%s'".as_ptr(), given);
                    ffi::luaL_argerror(lua, argument, text);
                }
            }
        }
        match *setting {
            0 | 1 => ffi::lua_pushboolean(lua, *setting),
            other => ffi::lua_pushstring_(lua, names[other as usize % names.len()].as_ptr()),
        }
    }
}

/// `encode_sparse_array([convert[, ratio[, safe]]])`: each takes effect even if one behind it is wrong.
unsafe extern "C-unwind" fn encode_sparse_array(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (8) reason L.
    unsafe {
        let values = take_arguments(lua, 3);
        choice(lua, 1, &raw mut (*values)[SPARSE_CONVERT], OFF_ON);
        integer(lua, 2, &raw mut (*values)[SPARSE_RATIO], 0, i32::MAX);
        integer(lua, 3, &raw mut (*values)[SPARSE_SAFE], 0, i32::MAX);
        3
    }
}

unsafe fn one_integer(lua: *mut ffi::lua_State, which: usize, most: i32) -> i32 {
    // SAFETY: (9) reason L.
    unsafe {
        let values = take_arguments(lua, 1);
        integer(lua, 1, &raw mut (*values)[which], 1, most);
        1
    }
}

unsafe fn one_choice(lua: *mut ffi::lua_State, which: usize, names: &[&CStr]) -> i32 {
    // SAFETY: (10) reason L.
    unsafe {
        let values = take_arguments(lua, 1);
        choice(lua, 1, &raw mut (*values)[which], names);
        1
    }
}

unsafe extern "C-unwind" fn encode_max_depth(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (11) reason L.
    unsafe { one_integer(lua, ENCODE_DEPTH, i32::MAX) }
}

unsafe extern "C-unwind" fn decode_max_depth(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (12) reason L.
    unsafe { one_integer(lua, DECODE_DEPTH, i32::MAX) }
}

unsafe extern "C-unwind" fn encode_number_precision(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (13) reason L.
    unsafe { one_integer(lua, PRECISION, 14) }
}

/// `encode_keep_buffer([b])`: only remembered; how long the buffer lives cannot be seen.
unsafe extern "C-unwind" fn encode_keep_buffer(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (14) reason L.
    unsafe { one_choice(lua, KEEP_BUFFER, OFF_ON) }
}

unsafe extern "C-unwind" fn encode_invalid_numbers(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (15) reason L.
    unsafe { one_choice(lua, ENCODE_INVALID, OFF_ON_NULL) }
}

unsafe extern "C-unwind" fn decode_invalid_numbers(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (16) reason L.
    unsafe { one_choice(lua, DECODE_INVALID, OFF_ON) }
}
