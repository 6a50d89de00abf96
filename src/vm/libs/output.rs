//! What the functions that put bytes together, or take tables apart, share: the core's buffer under the script's
//! memory limit, the levels of nesting, and a look at the time limit now and then.
//!
//! The buffer and the levels are the core's own, so that no jump leaks them. One function uses them at a time: none
//! of those that do runs code of the script meanwhile.

use std::ffi::CStr;

use crate::vm::core::{Core, core};
use crate::vm::ffi;
use crate::vm::{limit, protect};

/// Steps between two looks at the time limit; one takes up to some 100 nanoseconds.
const LOOK: u32 = 4_096;

/// How far a function has come with a table or with an array that it reads.
#[derive(Clone, Copy, Default)]
pub(in crate::vm) struct Level {
    /// The index of the array's element at hand; 0 in what has keys.
    pub(super) index: u32,
    /// Whether the array had room for elements before they were there.
    pub(super) is_roomy: bool,
    /// Whatever the function counts.
    pub(super) count: u64,
}

/// Bytes that become one string of the script.
pub(super) struct Output {
    lua: *mut ffi::lua_State,
    core: *mut Core,
    steps: u32,
}

impl Output {
    /// Begins with the buffer and the levels empty.
    pub(super) unsafe fn begin(lua: *mut ffi::lua_State) -> Output {
        // SAFETY: (1) reason C of the layer's head.
        unsafe {
            let core = core(lua);
            (*core).text.clear();
            (*core).levels.clear();
            Output { lua, core, steps: LOOK }
        }
    }

    /// Makes room, or raises what Lua raises where memory is refused.
    #[inline]
    pub(super) unsafe fn reserve(&mut self, more: usize) {
        // SAFETY: (2) reason C.
        unsafe {
            let text = &(*self.core).text;
            if text.capacity() - text.len() < more {
                self.grow(more);
            }
        }
    }

    #[cold]
    unsafe fn grow(&mut self, more: usize) {
        // SAFETY: (3) reasons L and C; the reference to the buffer is gone before Lua is called.
        unsafe {
            let old = (*self.core).text.capacity();
            let needed = (*self.core).text.len().saturating_add(more);
            let wanted = needed.max(old.saturating_mul(2)).max(512);
            // The memory that Lua counts is not more for this buffer, so it is looked at as a whole.
            let wanted = if (*self.core).memory.refuses(wanted) { needed } else { wanted };
            if (*self.core).memory.refuses(wanted) || !reserve(&mut (*self.core).text, wanted) {
                refuse_memory(self.lua);
            }
        }
    }

    #[inline]
    pub(super) unsafe fn put(&mut self, bytes: &[u8]) {
        // SAFETY: (4) reason C.
        unsafe {
            self.reserve(bytes.len());
            (*self.core).text.extend_from_slice(bytes);
        }
    }

    #[inline]
    pub(super) unsafe fn byte(&mut self, byte: u8) {
        // SAFETY: (5) reason C.
        unsafe {
            self.reserve(1);
            (*self.core).text.push(byte);
        }
    }

    pub(super) unsafe fn zeros(&mut self, count: usize) {
        // SAFETY: (6) reason C.
        unsafe {
            self.reserve(count);
            let len = (*self.core).text.len();
            (*self.core).text.resize(len + count, 0);
        }
    }

    /// The buffer itself, for those who write no more than what they reserved.
    #[inline]
    pub(super) unsafe fn buffer<'c>(&mut self) -> &'c mut Vec<u8> {
        // SAFETY: (7) reason C; the callers are done with it before they use `self` again.
        unsafe { &mut (*self.core).text }
    }

    /// What was put so far.
    #[inline]
    pub(super) unsafe fn bytes<'c>(&self) -> &'c [u8] {
        // SAFETY: (8) as 7.
        unsafe { &(*self.core).text }
    }

    /// Counts work, and raises if it is time for the script to stop.
    #[inline]
    pub(super) unsafe fn step(&mut self, cost: usize) {
        match self.steps.checked_sub(cost.min(LOOK as usize) as u32) {
            Some(left) => self.steps = left,
            None => {
                self.steps = LOOK;
                // SAFETY: (9) reason L; the callers' frames hold plain data.
                unsafe { limit::check(self.lua) };
            }
        }
    }

    /// Goes a level down.
    #[inline]
    pub(super) unsafe fn enter(&mut self, level: Level) {
        // SAFETY: (10) reason C; as 3 about memory.
        unsafe {
            let levels = &mut (*self.core).levels;
            if levels.len() == levels.capacity() && levels.try_reserve(1).is_err() {
                refuse_memory(self.lua);
            }
            (*self.core).levels.push(level);
        }
    }

    /// Comes back up.
    #[inline]
    pub(super) unsafe fn leave(&mut self) -> Option<Level> {
        // SAFETY: (11) reason C.
        unsafe { (*self.core).levels.pop() }
    }
}

/// Reserves, for the buffer to hold `wanted` bytes in all.
fn reserve(buffer: &mut Vec<u8>, wanted: usize) -> bool {
    buffer.try_reserve_exact(wanted.saturating_sub(buffer.len())).is_ok()
}

/// Raises "not enough memory" as Lua does: by an allocation that is refused.
unsafe fn refuse_memory(lua: *mut ffi::lua_State) {
    // SAFETY: (12) reasons L and C.
    unsafe {
        (*core(lua)).memory.fail_after = Some(0);
        ffi::lua_newuserdata(lua, 1);
    }
}

/// Raises a message with the place of the call in front, as `luaL_error` does. The message is on top of the stack;
/// what is under it goes first, as there may be no room for more.
pub(super) unsafe fn raise(lua: *mut ffi::lua_State) -> ! {
    // SAFETY: (13) reason L; the callers' frames hold plain data.
    unsafe {
        ffi::lua_insert(lua, 1);
        ffi::lua_settop(lua, 1);
        ffi::luaL_where(lua, 1);
        ffi::lua_insert(lua, -2);
        ffi::lua_concat(lua, 2);
        ffi::lua_error(lua)
    }
}

/// The same with a text.
pub(super) unsafe fn raise_text(lua: *mut ffi::lua_State, text: &CStr) -> ! {
    // SAFETY: (14) reason L.
    unsafe {
        ffi::lua_settop(lua, 0);
        ffi::lua_pushstring_(lua, text.as_ptr());
        raise(lua)
    }
}

/// Makes room on the stack, or raises as `luaL_checkstack` does.
#[inline]
pub(super) unsafe fn check_stack(lua: *mut ffi::lua_State, more: i32, text: &CStr) {
    // SAFETY: (18) reason L; making a message needs no room that is checked.
    unsafe {
        if ffi::lua_checkstack(lua, more) == 0 {
            ffi::lua_pushfstring(lua, c"stack overflow (%s)".as_ptr(), text.as_ptr());
            raise(lua);
        }
    }
}

/// Puts the real table in the place of a proxy on top of the stack. Needs room for one value.
#[inline]
pub(super) unsafe fn see_through(lua: *mut ffi::lua_State) {
    // SAFETY: (15) reason L; a proxy has a metatable, so most tables are known by having none.
    unsafe {
        if ffi::lua_getmetatable(lua, -1) != 0 {
            ffi::lua_settop(lua, -2);
            if let Some(real) = protect::behind(lua, -1) {
                ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, real);
                ffi::lua_replace(lua, -2);
            }
        }
    }
}

/// A table's functions, with the first upvalue that is on top of the stack and goes; the table is under it.
pub(super) unsafe fn register(lua: *mut ffi::lua_State, functions: &[(&CStr, ffi::lua_CFunction)]) {
    // SAFETY: (16) reason L.
    unsafe {
        for (name, function) in functions {
            ffi::lua_pushvalue(lua, -1);
            ffi::lua_pushcclosure(lua, *function, 1);
            ffi::lua_setfield(lua, -3, name.as_ptr());
        }
        ffi::lua_settop(lua, -2);
    }
}

/// Texts of a table that is on top of the stack.
pub(super) unsafe fn set_texts(lua: *mut ffi::lua_State, texts: &[(&CStr, &CStr)]) {
    // SAFETY: (17) reason L.
    unsafe {
        for (name, text) in texts {
            ffi::lua_pushstring_(lua, text.as_ptr());
            ffi::lua_setfield(lua, -2, name.as_ptr());
        }
    }
}
