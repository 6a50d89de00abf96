//! Lua 5.1: what `mlua` declares, and most of LuaJIT's API too.

use std::ffi::c_int;

#[cfg(feature = "lua51")]
use super::{Continuation, Resumed};
pub(in crate::vm) use mlua::ffi::*;

/// Whether compiled code is read, to find out what a script needs, and written anew.
pub(in crate::vm) const READS_BYTECODE: bool = cfg!(feature = "lua51");
/// Whether arguments are read straight off the stack.
pub(in crate::vm) const READS_STACK: bool = cfg!(feature = "lua51");
/// Whether a refused allocation is tried again after a collection, a new object comes with its sort in the place of
/// its old size, and nothing but the allocator may be asked while a stack moves.
pub(in crate::vm) const ALLOCATES_AS_5_4: bool = false;
/// Whether a state to which memory was refused may have lost count of a block, so that it must not be closed: its
/// memory is freed as a whole. LuaJIT gives a closure back with too small a size whose upvalues found no memory, and
/// a build with assertions ends the process for that.
pub(in crate::vm) const LEAKS_WHEN_REFUSED: bool = cfg!(feature = "luajit");
/// Whether there is one hook for all threads.
pub(in crate::vm) const SHARES_HOOKS: bool = cfg!(feature = "luajit");
/// Whether to set a hook is to go through all calls that are under way.
pub(in crate::vm) const WALKS_TO_SET_HOOKS: bool = false;
/// Whether an error in the error handler is not handled by it again.
pub(in crate::vm) const HANDLES_ONE_ERROR: bool = cfg!(feature = "luajit");
/// Whether tables have finalizers.
#[cfg(feature = "luajit")]
pub(in crate::vm) const FINALIZES_TABLES: bool = false;
/// What the compiler says of control bytes in its messages: the end for byte 1, and for byte 27.
pub(in crate::vm) const CONTROL_BYTES: (&[u8], &[u8]) = (b"char(1)'", b"char(27)'");
/// What local variables without a name are called.
pub(in crate::vm) const TEMPORARIES: &[&[u8]] = &[b"(*temporary)"];
/// Whether scripts have integers beside floats.
pub(in crate::vm) const HAS_INTEGERS: bool = false;
/// Whether `xpcall` hands arguments on, and other functions take arguments that 5.1 does not know.
pub(in crate::vm) const HANDS_ON_ARGUMENTS: bool = cfg!(feature = "luajit");
/// Whether `%g` stands for what can be seen.
pub(in crate::vm) const PATTERNS_KNOW_GRAPHIC: bool = cfg!(feature = "luajit");
/// Globals of the stock libraries that a script must not reach, beside those that every dialect has.
pub(in crate::vm) const HIDDEN: &[&std::ffi::CStr] = &[];
/// Whether a metatable may say what `pairs` does.
pub(in crate::vm) const HAS_PAIRS: bool = false;
/// Whether a compiler of strings is called `load`, too.
pub(in crate::vm) const LOADS_TEXT: bool = cfg!(feature = "luajit");
/// Functions that scripts know by another name from 5.1: the library, that name, and the one that is there.
#[cfg(feature = "lua51")]
pub(in crate::vm) const ALIASES: &[(&std::ffi::CStr, &std::ffi::CStr, &std::ffi::CStr)] = &[];
/// Functions that are not as the stock libraries have them, by library. The first upvalue is the stock function, if
/// there is one.
#[cfg(feature = "lua51")]
pub(in crate::vm) const POLYFILLS: &[(&std::ffi::CStr, &std::ffi::CStr, lua_CFunction)] = &[];

/// Pushes the table of globals of a thread.
#[inline(always)]
pub(in crate::vm) unsafe fn push_globals(lua: *mut lua_State) {
    // SAFETY: (1) as `lua_pushvalue`.
    unsafe { lua_pushvalue(lua, LUA_GLOBALSINDEX) }
}

/// Makes the table on top of the stack, which goes, the environment of code that is compiled from now on.
#[inline(always)]
pub(in crate::vm) unsafe fn set_globals(lua: *mut lua_State) {
    // SAFETY: (2) as `lua_replace`.
    unsafe { lua_replace(lua, LUA_GLOBALSINDEX) }
}

/// Gives the function under the table on top of the stack, which goes, that table as its environment.
#[inline(always)]
pub(in crate::vm) unsafe fn set_environment(lua: *mut lua_State) {
    // SAFETY: (3) as `lua_setfenv`.
    unsafe { lua_setfenv(lua, -2) };
}

/// Gives the chunk on top of the stack the environment that it was compiled with, if a script can take it away.
#[inline(always)]
pub(in crate::vm) unsafe fn renew_environment(_: *mut lua_State) {}

/// Pushes a whole number.
#[inline(always)]
pub(in crate::vm) unsafe fn push_integer(lua: *mut lua_State, number: i64) {
    // SAFETY: (4) as `lua_pushnumber`.
    unsafe { lua_pushnumber(lua, number as f64) }
}

/// The integer at an index, if numbers come in two sorts and it is one.
#[inline(always)]
pub(in crate::vm) unsafe fn integer_at(_: *mut lua_State, _: c_int) -> Option<i64> {
    None
}

/// Lets a thread go on with the arguments on top of its stack; `None` if C calls nest too deeply for that.
#[cfg(feature = "lua51")]
#[inline(always)]
pub(in crate::vm) unsafe fn resume(
    from: *mut lua_State,
    to: *mut lua_State,
    count: c_int,
) -> Option<Resumed> {
    unsafe extern "C" {
        /// Lets a coroutine count nested C calls from where its caller is; part of the API that `mlua` leaves out.
        fn lua_setlevel(from: *mut lua_State, to: *mut lua_State);
    }
    // SAFETY: (5) as `lua_resume`.
    unsafe {
        lua_setlevel(from, to);
        let status = lua_resume_(to, count);
        Some(Resumed { status, results: lua_gettop(to) })
    }
}

/// A thread that another resumed has ended in an error, which is on top of its stack.
#[inline(always)]
pub(in crate::vm) unsafe fn close_failed(_: *mut lua_State, _: *mut lua_State) {}

/// The stock function that a wrapper stands for, its first upvalue, called in the wrapper's own frame: errors name
/// the wrapper's caller and its arguments as if the stock function had been called.
#[cfg(feature = "lua51")]
pub(in crate::vm) unsafe fn stock(lua: *mut lua_State) -> c_int {
    // SAFETY: (9) reason L of the layer's head; set-up made the first upvalue a C function.
    unsafe {
        match lua_tocfunction(lua, lua_upvalueindex(1)) {
            Some(function) => function(lua),
            None => 0,
        }
    }
}

#[cfg(feature = "lua51")]
pub(in crate::vm) use {stock as getmetatable, stock as rawget, stock as rawset, stock as setmetatable};

/// Lets another thread have hooks while one is being called.
#[cfg(feature = "lua51")]
#[inline(always)]
pub(in crate::vm) unsafe fn allow_hooks(_: *mut lua_State) {}

/// `lua_pcall` with all results, and what comes then.
#[cfg(feature = "lua51")]
#[inline(always)]
pub(in crate::vm) unsafe fn pcall_then(
    lua: *mut lua_State,
    count: c_int,
    handler: c_int,
    then: Continuation,
) -> c_int {
    // SAFETY: (6) as `lua_pcall`.
    unsafe { then(lua, lua_pcall(lua, count, LUA_MULTRET, handler), 0) }
}

/// Opens the stock libraries that scripts see, and `debug`.
pub(in crate::vm) unsafe fn open_libraries(lua: *mut lua_State) {
    // SAFETY: (7) each function wants to be called from Lua, with its name.
    unsafe {
        for (name, library) in [
            (c"", luaopen_base as lua_CFunction),
            (c"table", luaopen_table),
            (c"string", luaopen_string),
            (c"math", luaopen_math),
            (c"debug", luaopen_debug),
        ] {
            lua_pushcclosure(lua, library, 0);
            lua_pushstring_(lua, name.as_ptr());
            lua_call(lua, 1, 0);
        }
        lua_settop(lua, 0);
    }
}

/// Gives the collector its usual settings.
pub(in crate::vm) unsafe fn reset_collector(lua: *mut lua_State) {
    // SAFETY: (8) as `lua_gc`; this allocates nothing.
    unsafe {
        lua_gc(lua, LUA_GCSETPAUSE, 200);
        lua_gc(lua, LUA_GCSETSTEPMUL, 200);
        lua_gc(lua, LUA_GCRESTART, 0);
    }
}
