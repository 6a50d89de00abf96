//! Functions of Lua 5.4's `table` that loop as often as a metamethod or an argument says: as the stock ones, with a look at
//! the limits now and then. Without that nothing could end `table.move({}, 1, 1e15, 2)`.

use std::ffi::c_int;

use crate::vm::ffi::*;
use crate::vm::limit;

/// Elements between two looks.
const LOOK: u64 = 1_000;

/// Counts elements.
struct Steps(u64);

impl Steps {
    unsafe fn step(&mut self, lua: *mut lua_State) {
        self.0 += 1;
        if self.0.is_multiple_of(LOOK) {
            // SAFETY: (1) reason L of the layer's head; the callers' frames hold plain data.
            unsafe { limit::check(lua) };
        }
    }
}

/// Pushes `t[from]` and takes it to `t[to]`, of the tables at two indices.
unsafe fn copy(lua: *mut lua_State, table: c_int, from: i64, other: c_int, to: i64) {
    // SAFETY: (2) reason L.
    unsafe {
        lua_geti(lua, table, from);
        lua_seti(lua, other, to);
    }
}

/// `table.insert(table, [position,] value)`.
pub(in crate::vm) unsafe extern "C-unwind" fn insert(lua: *mut lua_State) -> c_int {
    // SAFETY: (3) reason L.
    unsafe {
        luaL_checktype(lua, 1, LUA_TTABLE);
        let end = luaL_len(lua, 1).wrapping_add(1);
        let position = match lua_gettop(lua) {
            2 => end,
            3 => {
                let position = luaL_checkinteger(lua, 2);
                if (position as u64).wrapping_sub(1) >= end as u64 {
                    luaL_argerror(lua, 2, c"position out of bounds".as_ptr());
                }
                let mut steps = Steps(0);
                for at in (position..end).rev() {
                    steps.step(lua);
                    copy(lua, 1, at, 1, at + 1);
                }
                position
            }
            _ => return luaL_error(lua, c"wrong number of arguments to 'insert'".as_ptr()),
        };
        lua_seti(lua, 1, position);
        0
    }
}

/// `table.remove(table [, position])`.
pub(in crate::vm) unsafe extern "C-unwind" fn remove(lua: *mut lua_State) -> c_int {
    // SAFETY: (4) reason L.
    unsafe {
        luaL_checktype(lua, 1, LUA_TTABLE);
        let size = luaL_len(lua, 1);
        let mut position = luaL_optinteger(lua, 2, size);
        if lua_gettop(lua) > 1 && (position as u64).wrapping_sub(1) > size as u64 {
            luaL_argerror(lua, 2, c"position out of bounds".as_ptr());
        }
        lua_geti(lua, 1, position);
        let mut steps = Steps(0);
        while position < size {
            steps.step(lua);
            copy(lua, 1, position + 1, 1, position);
            position += 1;
        }
        lua_pushnil(lua);
        lua_seti(lua, 1, position);
        1
    }
}

/// `table.move(from, first, last, to [, table])`.
pub(in crate::vm) unsafe extern "C-unwind" fn move_(lua: *mut lua_State) -> c_int {
    // SAFETY: (5) reason L.
    unsafe {
        luaL_checktype(lua, 1, LUA_TTABLE);
        let (first, last) = (luaL_checkinteger(lua, 2), luaL_checkinteger(lua, 3));
        let to = luaL_checkinteger(lua, 4);
        let other = if lua_isnoneornil(lua, 5) == 0 { 5 } else { 1 };
        luaL_checktype(lua, other, LUA_TTABLE);
        if last >= first {
            if !(first > 0 || last < lua_Integer::MAX + first) {
                luaL_argerror(lua, 3, c"too many elements to move".as_ptr());
            }
            let count = last - first + 1;
            if to > lua_Integer::MAX - count + 1 {
                luaL_argerror(lua, 4, c"destination wrap around".as_ptr());
            }
            let mut steps = Steps(0);
            let is_same = other == 1 || lua_compare(lua, 1, other, LUA_OPEQ) != 0;
            if to > last || to <= first || !is_same {
                for at in 0..count {
                    steps.step(lua);
                    copy(lua, 1, first + at, other, to + at);
                }
            } else {
                for at in (0..count).rev() {
                    steps.step(lua);
                    copy(lua, 1, first + at, other, to + at);
                }
            }
        }
        lua_pushvalue(lua, other);
        1
    }
}
