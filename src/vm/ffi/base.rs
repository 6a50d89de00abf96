//! Functions of the base library as the stock ones are, for dialects whose own cannot be called in the frame of
//! another function, or do more than scripts may.

use std::ffi::CStr;

use super::*;

/// `getmetatable(value)`.
pub(in crate::vm) unsafe fn getmetatable(lua: *mut lua_State) -> i32 {
    // SAFETY: (1) reason L of the layer's head.
    unsafe {
        luaL_checkany(lua, 1);
        if lua_getmetatable(lua, 1) == 0 {
            lua_pushnil(lua);
        } else {
            push_field(lua, c"__metatable");
        }
        1
    }
}

/// `setmetatable(table, metatable)`. A field `__gc` has no effect, as in Lua 5.1: a finalizer would run where no limit
/// holds. Where it would have one, it is not there while the metatable is set.
pub(in crate::vm) unsafe fn setmetatable(lua: *mut lua_State) -> i32 {
    // SAFETY: (2) reason L. The field has its place in the table still when it comes back, so that this takes no memory.
    unsafe {
        luaL_checktype(lua, 1, LUA_TTABLE);
        if !matches!(lua_type(lua, 2), LUA_TNIL | LUA_TTABLE) {
            luaL_argerror(lua, 2, c"nil or table expected".as_ptr());
        }
        lua_settop(lua, 2);
        if lua_getmetatable(lua, 1) != 0 {
            if push_field(lua, c"__metatable") {
                luaL_error(lua, c"cannot change a protected metatable".as_ptr());
            }
            lua_settop(lua, 2);
        }
        let finalizes = FINALIZES_TABLES && lua_type(lua, 2) == LUA_TTABLE && {
            lua_pushvalue(lua, 2);
            push_field(lua, c"__gc")
        };
        if finalizes {
            // The metatable and the finalizer are on top.
            lua_pushstring_(lua, c"__gc".as_ptr());
            lua_pushnil(lua);
            lua_rawset(lua, 3);
            lua_pushvalue(lua, 2);
            lua_setmetatable(lua, 1);
            lua_pushstring_(lua, c"__gc".as_ptr());
            lua_pushvalue(lua, 4);
            lua_rawset(lua, 3);
        } else {
            lua_settop(lua, 2);
            lua_setmetatable(lua, 1);
        }
        lua_settop(lua, 1);
        1
    }
}

/// `rawget(table, key)`.
pub(in crate::vm) unsafe fn rawget(lua: *mut lua_State) -> i32 {
    // SAFETY: (3) reason L.
    unsafe {
        luaL_checktype(lua, 1, LUA_TTABLE);
        luaL_checkany(lua, 2);
        lua_settop(lua, 2);
        lua_rawget_(lua, 1);
        1
    }
}

/// `rawset(table, key, value)`.
pub(in crate::vm) unsafe fn rawset(lua: *mut lua_State) -> i32 {
    // SAFETY: (4) reason L.
    unsafe {
        luaL_checktype(lua, 1, LUA_TTABLE);
        luaL_checkany(lua, 2);
        luaL_checkany(lua, 3);
        lua_settop(lua, 3);
        lua_rawset(lua, 1);
        1
    }
}

/// `table.setn`, which is an error in 5.1, too.
pub(super) unsafe extern "C-unwind" fn setn(lua: *mut lua_State) -> i32 {
    // SAFETY: (7) reason L.
    unsafe { luaL_error(lua, c"'setn' is obsolete".as_ptr()) }
}

/// The stock function that a wrapper stands for, its first upvalue: in the wrapper's own frame if that can be, so that
/// errors name the wrapper's caller.
pub(in crate::vm) unsafe fn stock(lua: *mut lua_State) -> i32 {
    // SAFETY: (5) reason L.
    unsafe {
        if let Some(function) = lua_tocfunction(lua, lua_upvalueindex(1)) {
            return function(lua);
        }
        lua_pushvalue(lua, lua_upvalueindex(1));
        lua_insert(lua, 1);
        lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
        lua_gettop(lua)
    }
}

/// Pushes a field of the table on top of the stack, read raw; if there is none, nothing.
unsafe fn push_field(lua: *mut lua_State, name: &CStr) -> bool {
    // SAFETY: (6) reason L.
    unsafe {
        lua_pushstring_(lua, name.as_ptr());
        lua_rawget_(lua, -2);
        let is = lua_isnil(lua, -1) == 0;
        if !is {
            lua_settop(lua, -2);
        }
        is
    }
}
