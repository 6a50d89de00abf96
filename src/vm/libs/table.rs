//! `table.sort` and `table.concat`: the stock algorithms, element by element, with a look at the limits now and then.
//! Without that, a million elements in the worst order would take hours that nothing could end.

use std::ffi::CStr;

use super::output::Output;
use crate::vm::core::{bytes_at, push_bytes};
use crate::vm::ffi;
use crate::vm::limit;

pub(in crate::vm) const FUNCTIONS: &[(&CStr, ffi::lua_CFunction)] =
    &[(c"concat", concat), (c"remove", remove), (c"sort", sort)];

/// `table.concat(table [, separator [, first [, last]]])`, which reads the table as it is, without metamethods: they could
/// use the buffer, too.
unsafe extern "C-unwind" fn concat(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (9) reasons L and C of the layer's head.
    unsafe {
        ffi::luaL_optlstring(lua, 2, c"".as_ptr(), std::ptr::null_mut());
        ffi::luaL_checktype(lua, 1, ffi::LUA_TTABLE);
        let first = ffi::luaL_optinteger(lua, 3, 1) as i32;
        let last = ffi::luaL_optinteger(lua, 4, ffi::lua_objlen(lua, 1) as ffi::lua_Integer) as i32;
        if ffi::lua_isnoneornil(lua, 2) != 0 {
            ffi::lua_settop(lua, 1);
            ffi::lua_pushstring_(lua, c"".as_ptr());
        }
        ffi::lua_settop(lua, 2);
        let mut out = Output::begin(lua);
        for at in first..=last {
            out.step(1);
            ffi::lua_rawgeti_(lua, 1, at);
            if ffi::lua_isstring(lua, -1) == 0 {
                let kind = ffi::lua_typename(lua, ffi::lua_type(lua, -1));
                let text = c"invalid value (%s) at index %d in table for 'concat'";
                ffi::luaL_error(lua, text.as_ptr(), kind, at);
            }
            out.put(bytes_at(lua, -1));
            ffi::lua_settop(lua, 2);
            if at < last {
                out.put(bytes_at(lua, 2));
            }
        }
        push_bytes(lua, out.bytes());
        1
    }
}

/// From so many elements on it may take long to move them.
const MANY: usize = 10_000;

/// `table.remove`: the stock function, after a look at the limits where it may move many elements.
unsafe extern "C-unwind" fn remove(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (10) reason L.
    unsafe {
        if ffi::lua_istable(lua, 1) != 0 && ffi::lua_objlen(lua, 1) >= MANY {
            limit::check(lua);
        }
        ffi::stock(lua)
    }
}

/// Comparisons between two looks; one in C takes some 50 nanoseconds.
const LOOK: u32 = 1_000;

unsafe extern "C-unwind" fn sort(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (1) reason L of the layer's head; every jump finds plain data only.
    unsafe {
        ffi::luaL_checktype(lua, 1, ffi::LUA_TTABLE);
        let len = ffi::lua_objlen(lua, 1) as i32;
        ffi::luaL_checkstack_(lua, 40, c"".as_ptr());
        if ffi::lua_isnoneornil(lua, 2) == 0 {
            ffi::luaL_checktype(lua, 2, ffi::LUA_TFUNCTION);
        }
        ffi::lua_settop(lua, 2);
        Sorter { lua, comparisons: 0 }.sort(1, len);
        0
    }
}

/// The table is at index 1, the function that compares, or nil, at 2.
struct Sorter {
    lua: *mut ffi::lua_State,
    comparisons: u32,
}

impl Sorter {
    /// Whether the value at index `a` comes before the one at `b`, both counted from the top.
    unsafe fn less(&mut self, a: i32, b: i32) -> bool {
        let lua = self.lua;
        // SAFETY: (2) reason L.
        unsafe {
            self.comparisons += 1;
            if self.comparisons.is_multiple_of(LOOK) {
                limit::check(lua);
            }
            if ffi::lua_isnil(lua, 2) != 0 {
                return ffi::lua_lessthan(lua, a, b) != 0;
            }
            ffi::lua_pushvalue(lua, 2);
            // One and two more values are on the stack by then.
            ffi::lua_pushvalue(lua, a - 1);
            ffi::lua_pushvalue(lua, b - 2);
            ffi::lua_call(lua, 2, 1);
            let is = ffi::lua_toboolean(lua, -1) != 0;
            ffi::lua_settop(lua, -2);
            is
        }
    }

    unsafe fn get(&self, index: i32) {
        // SAFETY: (3) reason L.
        unsafe { ffi::lua_rawgeti_(self.lua, 1, index) };
    }

    /// Puts the value on top at `first`, and the one under it at `second`.
    unsafe fn put(&self, first: i32, second: i32) {
        // SAFETY: (4) reason L.
        unsafe {
            ffi::lua_rawseti_(self.lua, 1, first);
            ffi::lua_rawseti_(self.lua, 1, second);
        }
    }

    unsafe fn drop(&self, count: i32) {
        // SAFETY: (5) reason L.
        unsafe { ffi::lua_settop(self.lua, -count - 1) };
    }

    /// Sorts the elements from `low` to `high`. Recurses into the smaller part only, so never deeper than 31 times.
    unsafe fn sort(&mut self, mut low: i32, mut high: i32) {
        // SAFETY: (6) reason L; `sort` made room for 40 values, and a level leaves none.
        unsafe {
            while low < high {
                self.get(low);
                self.get(high);
                if self.less(-1, -2) {
                    self.put(low, high)
                } else {
                    self.drop(2)
                }
                if high - low == 1 {
                    return;
                }
                let mut i = low + (high - low) / 2;
                self.get(i);
                self.get(low);
                if self.less(-2, -1) {
                    self.put(i, low);
                } else {
                    self.drop(1);
                    self.get(high);
                    if self.less(-1, -2) { self.put(i, high) } else { self.drop(2) }
                }
                if high - low == 2 {
                    return;
                }
                // The pivot stays on the stack, and waits in the table next to the end.
                self.get(i);
                ffi::lua_pushvalue(self.lua, -1);
                self.get(high - 1);
                self.put(i, high - 1);
                i = self.part(low, high);
                self.get(high - 1);
                self.get(i);
                self.put(high - 1, i);
                if i - low < high - i {
                    self.sort(low, i - 1);
                    low = i + 1;
                } else {
                    self.sort(i + 1, high);
                    high = i - 1;
                }
            }
        }
    }

    /// Brings what is smaller than the pivot, which is on top and goes, to the front; answers where that ends.
    unsafe fn part(&mut self, low: i32, high: i32) -> i32 {
        // SAFETY: (7) reason L.
        unsafe {
            let (mut i, mut j) = (low, high - 1);
            loop {
                i += 1;
                self.get(i);
                while self.less(-1, -2) {
                    if i > high {
                        self.refuse();
                    }
                    self.drop(1);
                    i += 1;
                    self.get(i);
                }
                j -= 1;
                self.get(j);
                while self.less(-3, -1) {
                    if j < low {
                        self.refuse();
                    }
                    self.drop(1);
                    j -= 1;
                    self.get(j);
                }
                if j < i {
                    self.drop(3);
                    return i;
                }
                self.put(i, j);
            }
        }
    }

    unsafe fn refuse(&self) {
        // SAFETY: (8) reason L.
        unsafe { ffi::luaL_error(self.lua, c"invalid order function for sorting".as_ptr()) };
    }
}
