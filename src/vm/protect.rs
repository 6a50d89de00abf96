//! Read-only tables on a Lua that has none: a script sees an empty *proxy* whose metatable reads from the real table
//! and refuses writes. Library functions that would see through it, or write past it, are wrapped here.
//!
//! A proxy's metatable has the real table itself as `__index`, so reading `redis.call` costs two more look-ups in
//! hash tables and no call. `_G` is such a proxy too and is the environment of every chunk; behind it the table of
//! globals has a guard that names an undeclared global in an error.

use std::ffi::c_void;

use super::core::{Core, PROTECTED, core};
use super::ffi;

const READ_ONLY: &std::ffi::CStr = c"Attempt to modify a readonly table";

/// Replaces the table on top of the stack by a proxy of it.
pub(super) unsafe fn protect(lua: *mut ffi::lua_State) {
    // SAFETY: (19) as 1.
    unsafe { protect_with(lua, refuse_write) }
}

/// Replaces a table of globals on top of the stack by a proxy of it.
pub(super) unsafe fn protect_globals(lua: *mut ffi::lua_State) {
    // SAFETY: (20) as 1.
    unsafe {
        let names = (*core(lua)).server.names_globals();
        protect_with(lua, if names { refuse_global } else { refuse_write });
    }
}

unsafe fn protect_with(lua: *mut ffi::lua_State, refuse_write: ffi::lua_CFunction) {
    // SAFETY: (1) reasons L and C.
    unsafe {
        let core = core(lua);
        ffi::lua_createtable(lua, 0, 0);
        ffi::lua_createtable(lua, 0, 2);
        ffi::lua_pushvalue(lua, -3);
        ffi::lua_setfield(lua, -2, c"__index".as_ptr());
        ffi::lua_pushcclosure(lua, refuse_write, 0);
        ffi::lua_setfield(lua, -2, c"__newindex".as_ptr());
        ffi::lua_setmetatable(lua, -2);
        let proxy = ffi::lua_topointer(lua, -1);
        ffi::lua_pushvalue(lua, -2);
        let real = ffi::luaL_ref(lua, ffi::LUA_REGISTRYINDEX);
        // A proxy must not be collected: another table could get its address.
        ffi::lua_pushvalue(lua, -1);
        ffi::luaL_ref(lua, ffi::LUA_REGISTRYINDEX);
        if (*core).protected_len < PROTECTED {
            (*core).protected[(*core).protected_len] = (proxy, real);
            (*core).protected_len += 1;
        }
        ffi::lua_remove(lua, -2);
    }
}

/// The registry reference of the table behind a proxy, if the value at the index is one.
#[inline]
pub(super) unsafe fn behind(lua: *mut ffi::lua_State, index: i32) -> Option<i32> {
    // SAFETY: (2) reasons L and C.
    unsafe {
        let core: *mut Core = core(lua);
        let table: *const c_void = ffi::lua_topointer(lua, index);
        let protected = &(&(*core).protected)[..(*core).protected_len];
        protected.iter().find(|(proxy, _)| *proxy == table).map(|&(_, real)| real)
    }
}

unsafe extern "C-unwind" fn refuse_write(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (3) reason L; adds the position of the function that wrote.
    unsafe { ffi::luaL_error(lua, READ_ONLY.as_ptr()) }
}

/// As [`refuse_write`], with the name of the global.
unsafe extern "C-unwind" fn refuse_global(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (21) reason L; a name that is no string becomes one in this function's own place for it.
    unsafe {
        let name = match ffi::lua_isstring(lua, 2) {
            0 => ffi::lua_typename(lua, ffi::lua_type(lua, 2)),
            _ => ffi::lua_tolstring(lua, 2, std::ptr::null_mut()),
        };
        ffi::luaL_error(lua, c"Script attempted to create global variable '%s'".as_ptr(), name)
    }
}

/// Raises that a function reached for a table of globals, if the server has a text for that: the value at the index is
/// a proxy.
unsafe fn refuse_globals(lua: *mut ffi::lua_State, index: i32, text: &std::ffi::CStr) {
    // SAFETY: (22) reasons L and C.
    unsafe {
        if (*core(lua)).server.names_globals() && is_globals(lua, index) {
            ffi::luaL_error(lua, text.as_ptr());
        }
    }
}

/// Whether the value at the index is `_G`, of scripts or of functions.
unsafe fn is_globals(lua: *mut ffi::lua_State, index: i32) -> bool {
    // SAFETY: (14) reason L.
    unsafe {
        ffi::lua_getfield_(lua, ffi::LUA_REGISTRYINDEX, GLOBALS.as_ptr());
        ffi::lua_getfield_(lua, ffi::LUA_REGISTRYINDEX, FUNCTION_GLOBALS.as_ptr());
        let is = ffi::lua_rawequal(lua, index, -1) != 0 || ffi::lua_rawequal(lua, index, -2) != 0;
        ffi::lua_settop(lua, -3);
        is
    }
}

/// Raises the refusal as a C function of Redis's Lua does: without a position.
unsafe fn refuse(lua: *mut ffi::lua_State) -> ! {
    // SAFETY: (4) reason L.
    unsafe {
        ffi::lua_pushstring_(lua, READ_ONLY.as_ptr());
        ffi::lua_error(lua)
    }
}

/// The `__index` of the table of globals: what was not found is an error.
unsafe extern "C-unwind" fn undeclared(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (5) reason L; every jump finds plain data only.
    unsafe {
        if ffi::lua_gettop(lua) != 2 {
            ffi::luaL_error(lua, c"Wrong number of arguments to luaProtectedTableError".as_ptr());
        }
        if ffi::lua_isstring(lua, 2) == 0 {
            ffi::luaL_error(
                lua,
                c"Second argument to luaProtectedTableError must be a string or number".as_ptr(),
            );
        }
        let name = ffi::lua_tolstring(lua, 2, std::ptr::null_mut());
        ffi::luaL_error(lua, c"Script attempted to access nonexistent global variable '%s'".as_ptr(), name)
    }
}

/// Gives the table on top of the stack the guard that names what it does not have in an error. Leaves the guard on
/// the stack.
unsafe fn add_guard(lua: *mut ffi::lua_State) {
    // SAFETY: (17) reason L.
    unsafe {
        ffi::lua_createtable(lua, 0, 1);
        ffi::lua_pushcclosure(lua, undeclared, 0);
        ffi::lua_setfield(lua, -2, c"__index".as_ptr());
        ffi::lua_pushvalue(lua, -1);
        ffi::lua_setmetatable(lua, -3);
    }
}

/// Gives the table on top of the stack its guard.
pub(super) unsafe fn guard(lua: *mut ffi::lua_State) {
    // SAFETY: (18) reason L.
    unsafe {
        add_guard(lua);
        ffi::lua_settop(lua, -2);
    }
}

/// Gives the table of globals on top of the stack its guard, and keeps the metatable that scripts see of `_G`.
pub(super) unsafe fn guard_globals(lua: *mut ffi::lua_State) {
    // SAFETY: (6) reason L.
    unsafe {
        add_guard(lua);
        protect(lua);
        ffi::lua_setfield(lua, ffi::LUA_REGISTRYINDEX, GLOBALS_META.as_ptr());
    }
}

pub(super) const GLOBALS_META: &std::ffi::CStr = c"redmoon.globals.meta";
pub(super) const STRING_META: &std::ffi::CStr = c"redmoon.string.meta";
pub(super) const GLOBALS: &std::ffi::CStr = c"redmoon.globals";
/// `_G` of functions, once there are any.
pub(super) const FUNCTION_GLOBALS: &std::ffi::CStr = c"redmoon.function.globals";

/// Functions of the base library that know proxies.
pub(super) const BASE: &[(&std::ffi::CStr, ffi::lua_CFunction)] = &[
    (c"getmetatable", getmetatable),
    (c"next", next),
    (c"pairs", pairs),
    (c"rawget", rawget),
    (c"rawset", rawset),
    (c"setmetatable", setmetatable),
];

/// Functions of `table` that know proxies; the stock function is the closure's first upvalue. The others of that
/// library see a proxy as the empty array that a protected table is to them anyway.
pub(super) const TABLE: &[(&std::ffi::CStr, ffi::lua_CFunction)] =
    &[(c"foreach", foreach), (c"insert", insert)];

unsafe extern "C-unwind" fn getmetatable(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (8) reason L.
    unsafe {
        ffi::luaL_checkany(lua, 1);
        if ffi::lua_type(lua, 1) == ffi::LUA_TSTRING {
            ffi::lua_getfield_(lua, ffi::LUA_REGISTRYINDEX, STRING_META.as_ptr());
            return 1;
        }
        if behind(lua, 1).is_none() {
            return ffi::getmetatable(lua);
        }
        refuse_globals(lua, 1, c"Script attempted to access metatable of global environment");
        if is_globals(lua, 1) {
            ffi::lua_getfield_(lua, ffi::LUA_REGISTRYINDEX, GLOBALS_META.as_ptr());
        } else {
            ffi::lua_pushnil(lua);
        }
        1
    }
}

unsafe extern "C-unwind" fn setmetatable(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (9) reason L.
    unsafe {
        if behind(lua, 1).is_some() && matches!(ffi::lua_type(lua, 2), ffi::LUA_TNIL | ffi::LUA_TTABLE) {
            refuse_globals(lua, 1, c"Script attempted to set metatable of global environment");
            refuse(lua);
        }
        ffi::setmetatable(lua)
    }
}

unsafe extern "C-unwind" fn rawget(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (10) reason L.
    unsafe {
        if let Some(real) = behind(lua, 1) {
            ffi::luaL_checkany(lua, 2);
            ffi::lua_settop(lua, 2);
            ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, real);
            ffi::lua_replace(lua, 1);
            ffi::lua_rawget_(lua, 1);
            return 1;
        }
        ffi::rawget(lua)
    }
}

unsafe extern "C-unwind" fn rawset(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (11) reason L.
    unsafe {
        if behind(lua, 1).is_some() {
            ffi::luaL_checkany(lua, 2);
            ffi::luaL_checkany(lua, 3);
            refuse_globals(lua, 1, c"Script attempted to access rawset with global environment");
            refuse(lua);
        }
        ffi::rawset(lua)
    }
}

pub(super) unsafe extern "C-unwind" fn next(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (12) reason L; `lua_next` is given a table.
    unsafe {
        ffi::luaL_checktype(lua, 1, ffi::LUA_TTABLE);
        ffi::lua_settop(lua, 2);
        // A proxy has a metatable: a plain table is known by having none.
        if ffi::lua_getmetatable(lua, 1) != 0 {
            ffi::lua_settop(lua, 2);
            if let Some(real) = behind(lua, 1) {
                ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, real);
                ffi::lua_replace(lua, 1);
            }
        }
        if ffi::lua_next(lua, 1) != 0 {
            return 2;
        }
        ffi::lua_pushnil(lua);
        1
    }
}

/// The upvalue is the `next` that loops get.
unsafe extern "C-unwind" fn pairs(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (13) reason L.
    unsafe {
        if ffi::HAS_PAIRS && ffi::luaL_getmetafield(lua, 1, c"__pairs".as_ptr()) != ffi::LUA_TNIL {
            ffi::lua_pushvalue(lua, 1);
            ffi::lua_call(lua, 1, 3);
            return 3;
        }
        ffi::luaL_checktype(lua, 1, ffi::LUA_TTABLE);
        ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(1));
        ffi::lua_pushvalue(lua, 1);
        ffi::lua_pushnil(lua);
        3
    }
}

unsafe extern "C-unwind" fn insert(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (15) reason L. A wrong number of arguments and a position that is no number are the stock function's
    // errors.
    unsafe {
        let count = ffi::lua_gettop(lua);
        if matches!(count, 2 | 3) && behind(lua, 1).is_some() {
            if count == 3 {
                ffi::luaL_checkinteger(lua, 2);
            }
            refuse(lua);
        }
        ffi::stock(lua)
    }
}

unsafe extern "C-unwind" fn foreach(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (16) reason L; the stock function only reads.
    unsafe {
        if let Some(real) = behind(lua, 1) {
            ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, real);
            ffi::lua_replace(lua, 1);
        }
        ffi::stock(lua)
    }
}
