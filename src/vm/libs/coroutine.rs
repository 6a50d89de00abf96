//! `coroutine.resume` and `coroutine.wrap`. A coroutine has a hook of its own: what the stock functions leave open is
//! which one runs, so that the right hook can be armed, and whether a script that is being stopped may start another.

use std::ffi::CStr;

use crate::vm::core::core;
use crate::vm::ffi::{self, Resumed};
use crate::vm::limit;

pub(in crate::vm) const FUNCTIONS: &[(&CStr, ffi::lua_CFunction)] = &[(c"resume", resume), (c"wrap", wrap)];

/// How a coroutine can be when it is not the one that asks.
pub(in crate::vm) unsafe fn is_suspended(
    lua: *mut ffi::lua_State,
    other: *mut ffi::lua_State,
) -> Result<(), &'static CStr> {
    // SAFETY: (1) reason L of the layer's head, of both states; an all-zero `lua_Debug` is what the API fills in.
    unsafe {
        if lua == other {
            return Err(c"running");
        }
        match ffi::lua_status(other) {
            ffi::LUA_YIELD => Ok(()),
            0 => {
                let mut frame: ffi::lua_Debug = std::mem::zeroed();
                if ffi::lua_getstack(other, 0, &mut frame) > 0 {
                    // It has resumed another.
                    Err(c"normal")
                } else if ffi::lua_gettop(other) == 0 {
                    Err(c"dead")
                } else {
                    Ok(())
                }
            }
            _ => Err(c"dead"),
        }
    }
}

/// Runs a coroutine with the values on top; answers how many it left there, or `None` and an error. Nobody else has one
/// that `is_wrapped`: after an error it is closed.
unsafe fn run(
    lua: *mut ffi::lua_State,
    other: *mut ffi::lua_State,
    count: i32,
    is_wrapped: bool,
) -> Option<i32> {
    // SAFETY: (2) reasons L and C. To resume is a protected call, and to close, so `running` is put back before anything can jump.
    unsafe {
        if ffi::lua_checkstack(other, count) == 0 {
            ffi::luaL_error(lua, c"too many arguments to resume".as_ptr());
        }
        if let Err(state) = is_suspended(lua, other) {
            ffi::lua_pushfstring(lua, c"cannot resume %s coroutine".as_ptr(), state.as_ptr());
            return None;
        }
        ffi::lua_xmove(lua, other, count);
        let core = core(lua);
        let before = std::mem::replace(&mut (*core).running, other);
        let resumed = ffi::resume(lua, other, count);
        let failed = resumed.as_ref().is_some_and(|resumed| !matches!(resumed.status, 0 | ffi::LUA_YIELD));
        if failed && is_wrapped {
            ffi::close_failed(lua, other);
        }
        (*core).running = before;
        let Some(Resumed { results: count, .. }) = resumed else {
            ffi::lua_settop(other, -count - 1);
            ffi::lua_pushstring_(lua, c"C stack overflow".as_ptr());
            return None;
        };
        if failed {
            ffi::lua_xmove(other, lua, 1);
            return None;
        }
        if ffi::lua_checkstack(lua, count + 1) == 0 {
            ffi::luaL_error(lua, c"too many results to resume".as_ptr());
        }
        ffi::lua_xmove(other, lua, count);
        Some(count)
    }
}

/// Whether the script is being stopped: then nothing else is started, and the caller's next instruction ends it.
/// Its own hook may be a thousand instructions away, and each of them could start a coroutine that has as many.
unsafe fn is_over(lua: *mut ffi::lua_State) -> bool {
    // SAFETY: (3) reasons L and C.
    unsafe {
        let stopping = limit::is_stopping(lua);
        if stopping {
            limit::arm(lua);
        }
        stopping
    }
}

unsafe extern "C-unwind" fn resume(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (4) reason L.
    unsafe {
        let other = ffi::lua_tothread(lua, 1);
        if other.is_null() {
            ffi::luaL_argerror(lua, 1, c"coroutine expected".as_ptr());
        }
        if is_over(lua) {
            return 0;
        }
        let results = run(lua, other, ffi::lua_gettop(lua) - 1, false);
        let count = results.unwrap_or(1);
        ffi::lua_pushboolean(lua, i32::from(results.is_some()));
        ffi::lua_insert(lua, -(count + 1));
        count + 1
    }
}

unsafe extern "C-unwind" fn wrap(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (5) reason L.
    unsafe {
        if ffi::lua_type(lua, 1) != ffi::LUA_TFUNCTION || ffi::lua_iscfunction(lua, 1) != 0 {
            ffi::luaL_argerror(lua, 1, c"Lua function expected".as_ptr());
        }
        let other = ffi::lua_newthread(lua);
        ffi::lua_pushvalue(lua, 1);
        ffi::lua_xmove(lua, other, 1);
        ffi::lua_pushcclosure(lua, wrapped, 1);
        1
    }
}

/// Resumes the coroutine in its upvalue, and raises its errors: texts with the caller's position in front.
unsafe extern "C-unwind" fn wrapped(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (6) reason L.
    unsafe {
        if is_over(lua) {
            return 0;
        }
        let other = ffi::lua_tothread(lua, ffi::lua_upvalueindex(1));
        if let Some(count) = run(lua, other, ffi::lua_gettop(lua), true) {
            return count;
        }
        if ffi::lua_isstring(lua, -1) != 0 {
            ffi::luaL_where(lua, 1);
            ffi::lua_insert(lua, -2);
            ffi::lua_concat(lua, 2);
        }
        ffi::lua_error(lua)
    }
}
