//! Functions of the base library that differ from the stock ones. The first upvalue is the stock function; that of
//! `xpcall` is Redis's error handler.

use crate::vm::core::core;
use crate::vm::ffi;
use crate::vm::limit;

pub(in crate::vm) const FUNCTIONS: &[(&std::ffi::CStr, ffi::lua_CFunction)] =
    &[(c"collectgarbage", collectgarbage), (c"pcall", pcall), (c"unpack", unpack), (c"xpcall", xpcall)];

/// The stock function, with a note that the collector's settings may need to be put back. A collection may take
/// long.
unsafe extern "C-unwind" fn collectgarbage(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (1) reasons L and C of the layer's head.
    unsafe {
        limit::check(lua);
        (*core(lua)).tuned_gc = true;
        ffi::stock(lua)
    }
}

/// Redis's `pcall`: an error table with a field `err` is answered as that field's text.
unsafe extern "C-unwind" fn pcall(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (2) reason L.
    unsafe {
        let count = ffi::lua_gettop(lua);
        if count == 0 {
            ffi::lua_pushboolean(lua, 0);
            ffi::lua_pushstring_(lua, c"attempt to call a boolean value".as_ptr());
            return 2;
        }
        ffi::pcall_then(lua, count - 1, 0, after_pcall)
    }
}

unsafe extern "C-unwind" fn after_pcall(lua: *mut ffi::lua_State, status: i32, _: isize) -> i32 {
    let failed = !matches!(status, 0 | ffi::LUA_YIELD);
    // SAFETY: (7) reason L.
    unsafe {
        // The stock function relies on a spare place of the stack that may be in no frame: a Lua built with its own
        // checks, as in debug builds, ends the process there.
        if ffi::lua_checkstack(lua, 1) == 0 {
            return too_many_results(lua);
        }
        ffi::lua_pushboolean(lua, i32::from(!failed));
        ffi::lua_insert(lua, 1);
        if failed && ffi::lua_istable(lua, 2) != 0 {
            ffi::lua_getfield_(lua, 2, c"err".as_ptr());
            // A field that is no text stays as a third result, as in Redis.
            if ffi::lua_isstring(lua, -1) != 0 {
                ffi::lua_replace(lua, 2);
            }
        }
        ffi::lua_gettop(lua)
    }
}

/// What a protected call answers whose results leave no room on the stack.
unsafe fn too_many_results(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (6) reason L.
    unsafe {
        ffi::lua_settop(lua, 0);
        ffi::lua_pushboolean(lua, 0);
        ffi::lua_pushstring_(lua, c"stack overflow".as_ptr());
    }
    2
}

/// The stock function counts the range's elements in a C `int`, which overflows for ranges as long as the type, and
/// then writes past the end of its stack.
unsafe extern "C-unwind" fn unpack(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (3) reason L; `lua_checkstack` made the room for what is pushed.
    unsafe {
        ffi::luaL_checktype(lua, 1, ffi::LUA_TTABLE);
        let first = ffi::luaL_optinteger(lua, 2, 1) as i32;
        let last = if ffi::lua_isnoneornil(lua, 3) == 0 {
            ffi::luaL_checkinteger(lua, 3) as i32
        } else {
            ffi::lua_objlen(lua, 1) as i32
        };
        if first > last {
            return 0;
        }
        let count = i64::from(last) - i64::from(first) + 1;
        let fits = count < i64::from(i32::MAX) && ffi::lua_checkstack(lua, count as i32) != 0;
        if !fits {
            ffi::luaL_error(lua, c"too many results to unpack".as_ptr());
        }
        for index in first..=last {
            ffi::lua_rawgeti_(lua, 1, index);
        }
        count as i32
    }
}

/// As the stock function, but a handler written in Lua is not called for the error that stops the script: that one
/// is raised by the hook, Lua calls no hook while it handles an error of the hook, and so nothing could stop the
/// handler.
unsafe extern "C-unwind" fn xpcall(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (4) reason L.
    unsafe {
        ffi::luaL_checkany(lua, 2);
        let count = if ffi::HANDS_ON_ARGUMENTS { ffi::lua_gettop(lua) } else { 2 };
        ffi::lua_settop(lua, count);
        if ffi::lua_type(lua, 2) == ffi::LUA_TFUNCTION && ffi::lua_iscfunction(lua, 2) == 0 {
            // Redis's own handler ends by itself, and looks at who called it.
            ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(1));
            let is_own = ffi::lua_rawequal(lua, 2, -1) != 0;
            ffi::lua_settop(lua, count);
            if !is_own {
                ffi::lua_pushvalue(lua, 2);
                ffi::lua_pushcclosure(lua, handle, 1);
                ffi::lua_replace(lua, 2);
            }
        }
        // The handler under the function.
        ffi::lua_pushvalue(lua, 2);
        ffi::lua_remove(lua, 2);
        ffi::lua_insert(lua, 1);
        ffi::pcall_then(lua, count - 2, 1, after_xpcall)
    }
}

unsafe extern "C-unwind" fn after_xpcall(lua: *mut ffi::lua_State, status: i32, _: isize) -> i32 {
    // SAFETY: (8) reason L.
    unsafe {
        if ffi::lua_checkstack(lua, 1) == 0 {
            return too_many_results(lua);
        }
        ffi::lua_pushboolean(lua, i32::from(matches!(status, 0 | ffi::LUA_YIELD)));
        ffi::lua_replace(lua, 1);
        ffi::lua_gettop(lua)
    }
}

/// Calls the script's handler, its upvalue, for any other error.
unsafe extern "C-unwind" fn handle(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (5) reasons L and C.
    unsafe {
        ffi::lua_settop(lua, 1);
        if !limit::is_stopping(lua) {
            ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(1));
            ffi::lua_insert(lua, 1);
            ffi::lua_call(lua, 1, 1);
        }
        1
    }
}
