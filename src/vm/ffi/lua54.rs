//! Lua 5.4: its API under the names of 5.1's, and what scripts written for 5.1 know.

#![allow(non_snake_case, reason = "the names are those of the API")]

use std::ffi::{CStr, c_char, c_int, c_void};

use super::base::setn;
use super::{Continuation, Resumed};
use crate::num;
use crate::vm::core::core;
use crate::vm::libs::{is_suspended, table54};
use crate::vm::protect::behind;

pub(in crate::vm) use mlua::ffi::*;

pub(in crate::vm) const READS_BYTECODE: bool = false;
pub(in crate::vm) const READS_STACK: bool = false;
pub(in crate::vm) const ALLOCATES_AS_5_4: bool = true;
pub(in crate::vm) const LEAKS_WHEN_REFUSED: bool = false;
pub(in crate::vm) const SHARES_HOOKS: bool = false;
pub(in crate::vm) const WALKS_TO_SET_HOOKS: bool = true;
pub(in crate::vm) const HANDLES_ONE_ERROR: bool = false;
pub(in crate::vm) const FINALIZES_TABLES: bool = true;
pub(in crate::vm) const HAS_INTEGERS: bool = true;
pub(in crate::vm) const HANDS_ON_ARGUMENTS: bool = true;
pub(in crate::vm) const PATTERNS_KNOW_GRAPHIC: bool = true;
pub(in crate::vm) const HAS_PAIRS: bool = true;
pub(in crate::vm) const LOADS_TEXT: bool = true;
pub(in crate::vm) const CONTROL_BYTES: (&[u8], &[u8]) = (b"<\\1>'", b"<\\27>'");
pub(in crate::vm) const TEMPORARIES: &[&[u8]] = &[b"(temporary)", b"(C temporary)"];
pub(in crate::vm) const HIDDEN: &[&CStr] = &[c"warn"];

pub(in crate::vm) const ALIASES: &[(&CStr, &CStr, &CStr)] = &[(c"math", c"mod", c"fmod")];

/// Names of 5.1 that scripts use (`math` has its own still), and what loops without bounds.
pub(in crate::vm) const POLYFILLS: &[(&CStr, &CStr, lua_CFunction)] = &[
    (c"_G", c"gcinfo", gcinfo),
    (c"coroutine", c"close", close),
    (c"table", c"foreach", foreach),
    (c"table", c"foreachi", foreachi),
    (c"table", c"getn", getn),
    (c"table", c"insert", table54::insert),
    (c"table", c"maxn", maxn),
    (c"table", c"move", table54::move_),
    (c"table", c"remove", table54::remove),
    (c"table", c"setn", setn),
];

pub(in crate::vm) unsafe fn open_libraries(lua: *mut lua_State) {
    // SAFETY: (1) each function answers its library's table.
    unsafe {
        for (name, library) in [
            (c"_G", luaopen_base as lua_CFunction),
            (c"coroutine", luaopen_coroutine),
            (c"table", luaopen_table),
            (c"string", luaopen_string),
            (c"math", luaopen_math),
            (c"debug", luaopen_debug),
        ] {
            lua_pushcclosure(lua, library, 0);
            lua_call(lua, 0, 1);
            lua_setglobal(lua, name.as_ptr());
        }
        lua_settop(lua, 0);
    }
}

#[inline(always)]
pub(in crate::vm) unsafe fn push_globals(lua: *mut lua_State) {
    // SAFETY: (2) as `lua_rawgeti`.
    unsafe { lua_rawgeti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS) };
}

#[inline(always)]
pub(in crate::vm) unsafe fn set_globals(lua: *mut lua_State) {
    // SAFETY: (3) as `lua_rawseti`; the place exists, so that this takes no memory.
    unsafe { lua_rawseti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS) }
}

/// A chunk's environment is a variable, which the functions in it share. One that is the script's own, a local
/// variable of this name with a table that can be written, is left to the script.
pub(in crate::vm) unsafe fn set_environment(lua: *mut lua_State) {
    // SAFETY: (4) reason L of the layer's head: the function is under the table.
    unsafe {
        let function = lua_gettop(lua) - 1;
        let mut number = 1;
        loop {
            let name = lua_getupvalue(lua, function, number);
            if name.is_null() {
                break;
            }
            let is_environment = CStr::from_ptr(name) == c"_ENV" && behind(lua, -1).is_some();
            lua_settop(lua, -2);
            if is_environment {
                lua_setupvalue(lua, function, number);
                break;
            }
            number += 1;
        }
        lua_settop(lua, function);
    }
}

/// A script may write to `_ENV`, and the next one with the same text must not see that.
pub(in crate::vm) unsafe fn renew_environment(lua: *mut lua_State) {
    // SAFETY: (33) reason L; a chunk has this one variable from outside, and nothing here takes memory.
    unsafe {
        push_globals(lua);
        lua_setupvalue(lua, -2, 1);
    }
}

#[inline(always)]
pub(in crate::vm) unsafe fn push_integer(lua: *mut lua_State, number: i64) {
    // SAFETY: (5) as `lua_pushinteger`.
    unsafe { lua_pushinteger(lua, number) }
}

#[inline(always)]
pub(in crate::vm) unsafe fn integer_at(lua: *mut lua_State, index: c_int) -> Option<i64> {
    // SAFETY: (6) as the functions that are called.
    unsafe { if lua_isinteger(lua, index) != 0 { Some(lua_tointeger(lua, index)) } else { None } }
}

pub(in crate::vm) unsafe fn resume(
    from: *mut lua_State,
    to: *mut lua_State,
    count: c_int,
) -> Option<Resumed> {
    let mut results = 0;
    // SAFETY: (7) as `lua_resume`.
    let status = unsafe { mlua::ffi::lua_resume(to, from, count, &raw mut results) };
    Some(Resumed { status, results })
}

/// Closes the variables of a thread that are to be closed; the error stays on top of its stack.
pub(in crate::vm) unsafe fn close_failed(lua: *mut lua_State, thread: *mut lua_State) {
    // SAFETY: (8) as `lua_closethread`, which leaves an error in any case.
    unsafe {
        if !matches!(lua_status(thread), LUA_OK | LUA_YIELD) {
            lua_closethread(thread, lua);
        }
    }
}

pub(in crate::vm) unsafe fn allow_hooks(_: *mut lua_State) {}

/// What comes then comes later if the call yields.
pub(in crate::vm) unsafe fn pcall_then(
    lua: *mut lua_State,
    count: c_int,
    handler: c_int,
    then: Continuation,
) -> c_int {
    // SAFETY: (9) as `lua_pcallk`.
    unsafe {
        let status = lua_pcallk(lua, count, LUA_MULTRET, handler, 0, Some(then));
        then(lua, status, 0)
    }
}

pub(in crate::vm) unsafe fn reset_collector(lua: *mut lua_State) {
    // SAFETY: (10) as `lua_gc`; the incremental mode, with the settings of a new state.
    unsafe {
        mlua::ffi::lua_gc(lua, LUA_GCINC, 200, 100, 13);
        mlua::ffi::lua_gc(lua, LUA_GCRESTART);
    }
}

// Functions of 5.1 by their names there.

pub(in crate::vm) unsafe fn lua_gc(lua: *mut lua_State, what: c_int, data: c_int) -> c_int {
    // SAFETY: (11) as the function of this name.
    unsafe { mlua::ffi::lua_gc(lua, what, data) }
}

pub(in crate::vm) unsafe fn lua_cpcall(
    lua: *mut lua_State,
    function: lua_CFunction,
    data: *mut c_void,
) -> c_int {
    // SAFETY: (12) reason L; a function without upvalues and light user data take no memory.
    unsafe {
        lua_pushcclosure(lua, function, 0);
        lua_pushlightuserdata(lua, data);
        lua_pcall(lua, 1, 0, 0)
    }
}

pub(in crate::vm) unsafe fn lua_load(
    lua: *mut lua_State,
    reader: lua_Reader,
    data: *mut c_void,
    name: *const c_char,
) -> c_int {
    // SAFETY: (13) as the function of this name.
    unsafe { mlua::ffi::lua_load(lua, reader, data, name, c"t".as_ptr()) }
}

pub(in crate::vm) unsafe fn luaL_loadbuffer(
    lua: *mut lua_State,
    source: *const c_char,
    len: usize,
    name: *const c_char,
) -> c_int {
    // SAFETY: (14) as `luaL_loadbufferx`.
    unsafe { luaL_loadbufferx(lua, source, len, name, c"t".as_ptr()) }
}

pub(in crate::vm) unsafe fn lua_dump_(lua: *mut lua_State, writer: lua_Writer, data: *mut c_void) -> c_int {
    // SAFETY: (15) as the function of this name.
    unsafe { lua_dump(lua, writer, data, 0) }
}

pub(in crate::vm) unsafe fn lua_newuserdata(lua: *mut lua_State, size: usize) -> *mut c_void {
    // SAFETY: (16) as `lua_newuserdatauv`.
    unsafe { lua_newuserdatauv(lua, size, 0) }
}

pub(in crate::vm) unsafe fn lua_objlen(lua: *mut lua_State, index: c_int) -> usize {
    // SAFETY: (17) as `lua_rawlen`.
    unsafe { lua_rawlen(lua, index) }
}

pub(in crate::vm) unsafe fn lua_lessthan(lua: *mut lua_State, first: c_int, second: c_int) -> c_int {
    // SAFETY: (18) as `lua_compare`.
    unsafe { lua_compare(lua, first, second, LUA_OPLT) }
}

pub(in crate::vm) unsafe fn lua_tointeger(lua: *mut lua_State, index: c_int) -> lua_Integer {
    let mut is = 0;
    // SAFETY: (19) as the functions that are called.
    unsafe {
        let integer = lua_tointegerx(lua, index, &raw mut is);
        if is != 0 { integer } else { num::f64_to_i64(lua_tonumber(lua, index)) }
    }
}

/// As in 5.1, a C function has so much of the stack: how deep replies and results may nest follows from that, and they
/// are taken apart and dropped on the thread's own stack.
pub(in crate::vm) unsafe fn lua_checkstack(lua: *mut lua_State, more: c_int) -> c_int {
    const MOST: c_int = 8_000;
    // SAFETY: (30) as the function of this name.
    unsafe {
        if more > MOST || lua_gettop(lua) + more > MOST {
            return 0;
        }
        mlua::ffi::lua_checkstack(lua, more)
    }
}

pub(in crate::vm) unsafe fn luaL_checkstack_(lua: *mut lua_State, more: c_int, text: *const c_char) {
    // SAFETY: (31) as `luaL_checkstack`.
    unsafe {
        if lua_checkstack(lua, more) == 0 {
            luaL_error(lua, c"stack overflow (%s)".as_ptr(), text);
        }
    }
}

/// As in 5.1, a number with a fraction is cut and not refused.
pub(in crate::vm) unsafe fn luaL_checkinteger(lua: *mut lua_State, index: c_int) -> lua_Integer {
    let mut is = 0;
    // SAFETY: (20) as the functions that are called.
    unsafe {
        let integer = lua_tointegerx(lua, index, &raw mut is);
        if is != 0 { integer } else { num::f64_to_i64(luaL_checknumber(lua, index)) }
    }
}

pub(in crate::vm) unsafe fn luaL_optinteger(
    lua: *mut lua_State,
    index: c_int,
    default: lua_Integer,
) -> lua_Integer {
    // SAFETY: (21) as 20.
    unsafe { if lua_isnoneornil(lua, index) != 0 { default } else { luaL_checkinteger(lua, index) } }
}

/// Functions that answer more than those of 5.1, or take another sort of number.
macro_rules! as_in_5_1 {
    ($($name:ident = $real:ident($($argument:ident: $kind:ty),*);)*) => {
        $(
            #[inline(always)]
            pub(in crate::vm) unsafe fn $name(lua: *mut lua_State, $($argument: $kind),*) {
                // SAFETY: (22) as the function that is called.
                unsafe { mlua::ffi::$real(lua, $($argument.into()),*) };
            }
        )*
    };
}

as_in_5_1! {
    lua_getfield_ = lua_getfield(index: c_int, name: *const c_char);
    lua_gettable_ = lua_gettable(index: c_int);
    lua_rawget_ = lua_rawget(index: c_int);
    lua_rawgeti_ = lua_rawgeti(index: c_int, number: c_int);
    lua_rawseti_ = lua_rawseti(index: c_int, number: c_int);
    lua_pushstring_ = lua_pushstring(text: *const c_char);
    lua_pushlstring_ = lua_pushlstring(first: *const c_char, len: usize);
}

/// `coroutine.close(thread)`, in the way in which threads are resumed.
unsafe extern "C-unwind" fn close(lua: *mut lua_State) -> c_int {
    // SAFETY: (23) reasons L and C. Closing is protected, so `running` is put back before anything can jump.
    unsafe {
        let thread = lua_tothread(lua, 1);
        if thread.is_null() {
            luaL_argerror(lua, 1, c"coroutine expected".as_ptr());
        }
        if let Err(state) = is_suspended(lua, thread)
            && state != c"dead"
        {
            luaL_error(lua, c"cannot close a %s coroutine".as_ptr(), state.as_ptr());
        }
        let core = core(lua);
        let before = std::mem::replace(&mut (*core).running, thread);
        let status = lua_closethread(thread, lua);
        (*core).running = before;
        lua_pushboolean(lua, c_int::from(status == LUA_OK));
        if status == LUA_OK {
            return 1;
        }
        lua_xmove(thread, lua, 1);
        2
    }
}

/// `gcinfo()`: kilobytes that the state has allocated.
unsafe extern "C-unwind" fn gcinfo(lua: *mut lua_State) -> c_int {
    // SAFETY: (32) reason L.
    unsafe { lua_pushinteger(lua, lua_gc(lua, LUA_GCCOUNT, 0).into()) };
    1
}

/// `table.foreach(table, function)`.
unsafe extern "C-unwind" fn foreach(lua: *mut lua_State) -> c_int {
    // SAFETY: (25) reason L. A key that the function took from the table is an error of `lua_next`.
    unsafe {
        luaL_checktype(lua, 1, LUA_TTABLE);
        luaL_checktype(lua, 2, LUA_TFUNCTION);
        lua_settop(lua, 2);
        lua_pushnil(lua);
        while lua_next(lua, 1) != 0 {
            lua_pushvalue(lua, 2);
            lua_pushvalue(lua, -3);
            lua_pushvalue(lua, -3);
            lua_call(lua, 2, 1);
            if lua_isnil(lua, -1) == 0 {
                return 1;
            }
            lua_settop(lua, -3);
        }
        0
    }
}

/// `table.foreachi(table, function)`.
unsafe extern "C-unwind" fn foreachi(lua: *mut lua_State) -> c_int {
    // SAFETY: (26) reason L.
    unsafe {
        luaL_checktype(lua, 1, LUA_TTABLE);
        luaL_checktype(lua, 2, LUA_TFUNCTION);
        for number in 1..=lua_rawlen(lua, 1) as lua_Integer {
            lua_settop(lua, 2);
            lua_pushvalue(lua, 2);
            lua_pushinteger(lua, number);
            lua_rawgeti(lua, 1, number);
            lua_call(lua, 2, 1);
            if lua_isnil(lua, -1) == 0 {
                return 1;
            }
        }
        0
    }
}

/// `table.getn(table)`.
unsafe extern "C-unwind" fn getn(lua: *mut lua_State) -> c_int {
    // SAFETY: (27) reason L.
    unsafe {
        luaL_checktype(lua, 1, LUA_TTABLE);
        lua_pushinteger(lua, lua_rawlen(lua, 1) as lua_Integer);
    }
    1
}

/// `table.maxn(table)`: the greatest number among the keys.
unsafe extern "C-unwind" fn maxn(lua: *mut lua_State) -> c_int {
    // SAFETY: (28) reason L; the value on top of the stack under the key is the greatest so far.
    unsafe {
        luaL_checktype(lua, 1, LUA_TTABLE);
        lua_settop(lua, 1);
        lua_pushinteger(lua, 0);
        lua_pushnil(lua);
        while lua_next(lua, 1) != 0 {
            lua_settop(lua, -2);
            if lua_type(lua, -1) == LUA_TNUMBER && lua_compare(lua, 2, -1, LUA_OPLT) != 0 {
                lua_pushvalue(lua, -1);
                lua_replace(lua, 2);
            }
        }
        lua_settop(lua, 2);
    }
    1
}
