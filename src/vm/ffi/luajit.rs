//! LuaJIT, which has the API of Lua 5.1.
//!
//! Its compiler stays off: compiled code calls no hook, so that nothing could end a loop in it. It is not turned on
//! (opening the library `jit` would), and turned off once more in case that changes.
//!
//! Lua 5.1 counts nested C calls, and so does everything here that may run code of the script: LuaJIT does not, and a
//! script could nest them until the thread's stack is full and the process ends.

use std::ffi::{CStr, c_char, c_int, c_void};

use super::base::setn;
use super::{Continuation, Resumed};
use crate::vm::core::core;

pub(in crate::vm) use super::lua51::*;

/// C calls nest no deeper, as in Lua 5.1.
const DEEPEST: u32 = 200;

unsafe extern "C" {
    fn luaJIT_setmode(lua: *mut lua_State, index: c_int, mode: c_int) -> c_int;
}

/// As with Lua 5.1; and the compiler is off from then on.
pub(in crate::vm) unsafe fn open_libraries(lua: *mut lua_State) {
    /// The whole engine is meant, to be turned off.
    const ENGINE_OFF: c_int = 0;
    // SAFETY: (1) as the function of this name.
    unsafe {
        super::lua51::open_libraries(lua);
        luaJIT_setmode(lua, 0, ENGINE_OFF);
    }
}

/// A function that is missing.
pub(in crate::vm) const POLYFILLS: &[(&CStr, &CStr, lua_CFunction)] = &[(c"table", c"setn", setn)];
pub(in crate::vm) const ALIASES: &[(&CStr, &CStr, &CStr)] = &[(c"math", c"mod", c"fmod")];

/// As `stock`, for a function that is written in C and calls metamethods.
pub(in crate::vm) unsafe fn stock_that_calls(lua: *mut lua_State) -> c_int {
    // SAFETY: (13) as 5.
    unsafe {
        enter_or_raise(lua);
        let results = super::stock(lua);
        leave(lua);
        results
    }
}

/// Counts one more C call; false if these are too many.
#[inline]
unsafe fn enter(lua: *mut lua_State) -> bool {
    // SAFETY: (2) reason C of the layer's head.
    unsafe {
        let core = core(lua);
        let fits = (*core).nesting < DEEPEST;
        (*core).nesting += u32::from(fits);
        fits
    }
}

/// The same, or raises as Lua 5.1 does.
#[inline]
unsafe fn enter_or_raise(lua: *mut lua_State) {
    // SAFETY: (3) as 2; raising finds plain data only.
    unsafe {
        if !enter(lua) {
            luaL_error(lua, c"C stack overflow".as_ptr());
        }
    }
}

/// A call has returned. After an error it is the protected call around it that puts the count back.
#[inline]
unsafe fn leave(lua: *mut lua_State) {
    // SAFETY: (4) as 2.
    unsafe { (*core(lua)).nesting -= 1 };
}

pub(in crate::vm) unsafe fn lua_call(lua: *mut lua_State, count: c_int, results: c_int) {
    // SAFETY: (5) as the function of this name.
    unsafe {
        enter_or_raise(lua);
        mlua::ffi::lua_call(lua, count, results);
        leave(lua);
    }
}

pub(in crate::vm) unsafe fn lua_pcall(
    lua: *mut lua_State,
    count: c_int,
    results: c_int,
    handler: c_int,
) -> c_int {
    // SAFETY: (6) as the function of this name. The outermost call is never too deep, so that its message is made in a
    // C function that may raise.
    unsafe {
        let before = (*core(lua)).nesting;
        if !enter(lua) {
            lua_settop(lua, -count - 2);
            lua_pushstring_(lua, c"C stack overflow".as_ptr());
            return LUA_ERRRUN;
        }
        let status = mlua::ffi::lua_pcall(lua, count, results, handler);
        (*core(lua)).nesting = before;
        status
    }
}

pub(in crate::vm) unsafe fn lua_cpcall(
    lua: *mut lua_State,
    function: lua_CFunction,
    data: *mut c_void,
) -> c_int {
    // SAFETY: (7) as the function of this name. Only functions of this crate are called like this, never one by way
    // of another again and again.
    unsafe {
        let before = (*core(lua)).nesting;
        let status = mlua::ffi::lua_cpcall(lua, function, data);
        (*core(lua)).nesting = before;
        status
    }
}

pub(in crate::vm) unsafe fn pcall_then(
    lua: *mut lua_State,
    count: c_int,
    handler: c_int,
    then: Continuation,
) -> c_int {
    // SAFETY: (8) as `lua_pcall`.
    unsafe { then(lua, lua_pcall(lua, count, LUA_MULTRET, handler), 0) }
}

/// Lets a thread go on with the arguments on top of its stack; `None` if C calls nest too deeply for that.
pub(in crate::vm) unsafe fn resume(
    from: *mut lua_State,
    to: *mut lua_State,
    count: c_int,
) -> Option<Resumed> {
    // SAFETY: (9) as `lua_resume`.
    unsafe {
        let before = (*core(from)).nesting;
        if !enter(from) {
            return None;
        }
        let status = lua_resume_(to, count);
        (*core(from)).nesting = before;
        Some(Resumed { status, results: lua_gettop(to) })
    }
}

/// Lets another thread have hooks while one is being called: an error that ends a coroutine takes LuaJIT's note away
/// that a hook is active, which is one for all threads.
pub(in crate::vm) unsafe fn allow_hooks(lua: *mut lua_State) {
    unsafe extern "C-unwind" fn fail(lua: *mut lua_State) -> c_int {
        // SAFETY: (15) reason L of the layer's head.
        unsafe {
            lua_pushnil(lua);
            lua_error(lua)
        }
    }
    // SAFETY: (14) reason L; nothing is allocated in the coroutine before it runs, protected.
    unsafe {
        let thread = lua_newthread(lua);
        lua_pushcclosure(lua, fail, 0);
        lua_xmove(lua, thread, 1);
        lua_resume_(thread, 0);
        lua_settop(lua, -2);
    }
}

// What may call a metamethod.

pub(in crate::vm) unsafe fn lua_gettable_(lua: *mut lua_State, index: c_int) {
    // SAFETY: (10) as the function of this name.
    unsafe {
        enter_or_raise(lua);
        mlua::ffi::lua_gettable_(lua, index);
        leave(lua);
    }
}

pub(in crate::vm) unsafe fn lua_getfield_(lua: *mut lua_State, index: c_int, name: *const c_char) {
    // SAFETY: (11) as the function of this name. Set-up reads a few fields outside protected calls, where the count is
    // 0.
    unsafe {
        enter_or_raise(lua);
        mlua::ffi::lua_getfield_(lua, index, name);
        leave(lua);
    }
}

pub(in crate::vm) unsafe fn lua_lessthan(lua: *mut lua_State, first: c_int, second: c_int) -> c_int {
    // SAFETY: (12) as the function of this name.
    unsafe {
        enter_or_raise(lua);
        let is = mlua::ffi::lua_lessthan(lua, first, second);
        leave(lua);
        is
    }
}
