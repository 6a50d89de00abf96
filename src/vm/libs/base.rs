//! Functions of the base library that differ from the stock ones. The stock function is the first upvalue.

use mlua::ffi;

use crate::vm::core::core;
use crate::vm::protect::stock;

pub(in crate::vm) const FUNCTIONS: &[(&std::ffi::CStr, ffi::lua_CFunction)] =
    &[(c"collectgarbage", collectgarbage), (c"pcall", pcall), (c"unpack", unpack), (c"xpcall", xpcall)];

/// The stock function, with a note that the collector's settings may need to be put back.
unsafe extern "C-unwind" fn collectgarbage(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY 1: reasons L and C of the layer's head.
    unsafe {
        (*core(lua)).tuned_gc = true;
        stock(lua)
    }
}

/// Redis's `pcall`: an error table with a field `err` is answered as that field's text.
unsafe extern "C-unwind" fn pcall(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY 2: reason L.
    unsafe {
        let count = ffi::lua_gettop(lua);
        if count == 0 {
            ffi::lua_pushboolean(lua, 0);
            ffi::lua_pushstring_(lua, c"attempt to call a boolean value".as_ptr());
            return 2;
        }
        let status = ffi::lua_pcall(lua, count - 1, ffi::LUA_MULTRET, 0);
        if ffi::lua_checkstack(lua, 1) == 0 {
            return too_many_results(lua);
        }
        ffi::lua_pushboolean(lua, i32::from(status == 0));
        ffi::lua_insert(lua, 1);
        if status != 0 && ffi::lua_istable(lua, 2) != 0 {
            ffi::lua_getfield_(lua, 2, c"err".as_ptr());
            // A field that is no text stays as a third result, as in Redis.
            if ffi::lua_isstring(lua, -1) != 0 {
                ffi::lua_replace(lua, 2);
            }
        }
        ffi::lua_gettop(lua)
    }
}

/// The stock function relies on a spare place of the stack for its first result, which may be in no frame: a Lua built
/// with its own checks, as in debug builds, ends the process there.
unsafe extern "C-unwind" fn xpcall(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY 4: reason L.
    unsafe {
        ffi::luaL_checkany(lua, 2);
        ffi::lua_settop(lua, 2);
        ffi::lua_insert(lua, 1);
        let status = ffi::lua_pcall(lua, 0, ffi::LUA_MULTRET, 1);
        if ffi::lua_checkstack(lua, 1) == 0 {
            return too_many_results(lua);
        }
        ffi::lua_pushboolean(lua, i32::from(status == 0));
        ffi::lua_replace(lua, 1);
        ffi::lua_gettop(lua)
    }
}

/// What a protected call answers whose results leave no room on the stack.
unsafe fn too_many_results(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY 5: reason L.
    unsafe {
        ffi::lua_settop(lua, 0);
        ffi::lua_pushboolean(lua, 0);
        ffi::lua_pushstring_(lua, c"stack overflow".as_ptr());
    }
    2
}

/// The stock function counts the range's elements in a C `int`, where the count of a range as long as the type
/// overflows and the check behind it is compiled away.
unsafe extern "C-unwind" fn unpack(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY 3: reason L.
    unsafe {
        ffi::luaL_checktype(lua, 1, ffi::LUA_TTABLE);
        let first = ffi::luaL_optinteger(lua, 2, 1) as i32;
        if ffi::lua_isnoneornil(lua, 3) == 0 {
            let last = ffi::luaL_checkinteger(lua, 3) as i32;
            if i64::from(last) - i64::from(first) >= i64::from(i32::MAX) {
                ffi::luaL_error(lua, c"too many results to unpack".as_ptr());
            }
        }
        stock(lua)
    }
}
