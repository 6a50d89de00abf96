//! Compiling source text. Lua 5.1 would load bytecode through the same door, and bytecode can break the VM: here
//! only text passes, with the error that Redis gives for the rest.

use std::ffi::{CStr, c_char, c_void};

use mlua::ffi;

use super::core::{bytes_at, push_bytes};
use super::limit;

/// The byte that bytecode begins with.
const BYTECODE: u8 = 0x1b;

/// Compiles `source` as a chunk of this name and pushes the function, or the message. May raise when memory runs
/// out. Answers Lua's status.
pub(super) unsafe fn load_text(lua: *mut ffi::lua_State, source: &[u8], name: &CStr) -> i32 {
    // SAFETY: (1) reason L; Lua copies the source as it reads.
    unsafe {
        if source.first() == Some(&BYTECODE) {
            return refuse_bytecode(lua, name);
        }
        ffi::luaL_loadbuffer(lua, source.as_ptr().cast::<c_char>(), source.len(), name.as_ptr())
    }
}

/// The message that a compiler without bytecode has for its first byte: another control byte in its place gives it,
/// all but the number.
unsafe fn refuse_bytecode(lua: *mut ffi::lua_State, name: &CStr) -> i32 {
    // SAFETY: (2) reason L; the message is text that Lua made, on the stack while it is read.
    unsafe {
        let status = ffi::luaL_loadbuffer(lua, c"\x01".as_ptr(), 1, name.as_ptr());
        let message = bytes_at(lua, -1);
        if let Some(start) = message.strip_suffix(b"char(1)'") {
            push_bytes(lua, start);
            push_bytes(lua, b"char(27)'");
            ffi::lua_concat(lua, 2);
            ffi::lua_remove(lua, -2);
        }
        status
    }
}

/// `loadstring(text [, name])`.
pub(super) unsafe extern "C-unwind" fn loadstring(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (3) reason L; text and name are strings in this frame.
    unsafe {
        let mut len = 0;
        let first = ffi::luaL_checklstring(lua, 1, &mut len);
        let name = ffi::luaL_optlstring(lua, 2, first, std::ptr::null_mut());
        let source = std::slice::from_raw_parts(first.cast::<u8>(), len);
        let status = load_text(lua, source, CStr::from_ptr(name));
        answer(lua, status)
    }
}

/// `load(reader [, name])`.
pub(super) unsafe extern "C-unwind" fn load(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (4) reason L; `Pieces` is plain data, and Lua uses it only until `lua_load` returns.
    unsafe {
        let name = ffi::luaL_optlstring(lua, 2, c"=(load)".as_ptr(), std::ptr::null_mut());
        ffi::luaL_checktype(lua, 1, ffi::LUA_TFUNCTION);
        // The function, the argument that is the name, a place that keeps the present piece alive, and the name as the
        // compiler makes it: until a function has it, the compiler holds it where the collector does not look, and
        // the reader may collect.
        ffi::lua_settop(lua, 3);
        ffi::lua_pushstring_(lua, name);
        let mut pieces = Pieces { started: false, bytecode: false };
        let data = (&raw mut pieces).cast::<c_void>();
        let mut status = ffi::lua_load(lua, next_piece, data, name);
        if pieces.bytecode {
            ffi::lua_settop(lua, 3);
            status = refuse_bytecode(lua, CStr::from_ptr(name));
        }
        answer(lua, status)
    }
}

struct Pieces {
    started: bool,
    bytecode: bool,
}

/// A `lua_Reader` over a Lua function. A Lua error in the function jumps over this frame, which is plain data.
unsafe extern "C-unwind" fn next_piece(
    lua: *mut ffi::lua_State,
    data: *mut c_void,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: (5) reason L; `data` is the `Pieces` of the running `load`. The reader sees the stack frame of `load`,
    // whose third place keeps the piece.
    unsafe {
        let pieces = data.cast::<Pieces>();
        // A reader written in C runs no instruction, and some never end: `load(collectgarbage)`.
        limit::check(lua);
        ffi::luaL_checkstack_(lua, 2, c"too many nested functions".as_ptr());
        ffi::lua_pushvalue(lua, 1);
        ffi::lua_call(lua, 0, 1);
        if ffi::lua_isnil(lua, -1) != 0 {
            *size = 0;
            return std::ptr::null();
        }
        if ffi::lua_isstring(lua, -1) == 0 {
            ffi::luaL_error(lua, c"reader function must return a string".as_ptr());
        }
        ffi::lua_replace(lua, 3);
        let piece = ffi::lua_tolstring(lua, 3, size);
        if !(*pieces).started && *size > 0 {
            (*pieces).started = true;
            if *piece.cast::<u8>() == BYTECODE {
                (*pieces).bytecode = true;
                *size = 0;
                return std::ptr::null();
            }
        }
        piece
    }
}

/// The function, or nil and the message.
unsafe fn answer(lua: *mut ffi::lua_State, status: i32) -> i32 {
    if status == 0 {
        return 1;
    }
    // SAFETY: (6) reason L.
    unsafe {
        ffi::lua_pushnil(lua);
        ffi::lua_insert(lua, -2);
    }
    2
}
