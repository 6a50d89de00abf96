//! Compiling source text. Lua 5.1 would load bytecode through the same door, and bytecode can break the VM: here
//! only text passes, with the error that Redis gives for the rest.

use std::ffi::{CStr, c_char, c_void};

use super::core::{bytes_at, push_bytes};
use super::ffi;
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
        let (one, bytecode) = ffi::CONTROL_BYTES;
        if let Some(start) = message.strip_suffix(one) {
            push_bytes(lua, start);
            push_bytes(lua, bytecode);
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

/// Where `load` keeps the present piece on the stack.
const PIECE: i32 = 5;

/// `load(reader [, name])`, and in newer dialects `load(reader or text [, name [, mode [, environment]]])`.
pub(super) unsafe extern "C-unwind" fn load(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (4) reason L; `Pieces` is plain data, and Lua uses it only until `lua_load` returns.
    unsafe {
        let has_environment = ffi::LOADS_TEXT && ffi::lua_gettop(lua) >= 4;
        if ffi::LOADS_TEXT && is_binary_only(lua) {
            return answer(lua, ffi::LUA_ERRSYNTAX);
        }
        if ffi::LOADS_TEXT && ffi::lua_isstring(lua, 1) != 0 {
            ffi::lua_settop(lua, 4);
            let mut len = 0;
            let first = ffi::lua_tolstring(lua, 1, &mut len);
            let name = ffi::luaL_optlstring(lua, 2, first, std::ptr::null_mut());
            let source = std::slice::from_raw_parts(first.cast::<u8>(), len);
            let status = load_text(lua, source, CStr::from_ptr(name));
            return answer_with_environment(lua, status, has_environment);
        }
        let name = ffi::luaL_optlstring(lua, 2, c"=(load)".as_ptr(), std::ptr::null_mut());
        ffi::luaL_checktype(lua, 1, ffi::LUA_TFUNCTION);
        // The arguments, a place that keeps the present piece alive, and the name as the compiler makes it: until a
        // function has it, the compiler holds it where the collector does not look, and the reader may collect.
        ffi::lua_settop(lua, PIECE);
        ffi::lua_pushstring_(lua, name);
        let mut pieces = Pieces { started: false, bytecode: false };
        let data = (&raw mut pieces).cast::<c_void>();
        let mut status = ffi::lua_load(lua, next_piece, data, name);
        if pieces.bytecode {
            ffi::lua_settop(lua, PIECE);
            status = refuse_bytecode(lua, CStr::from_ptr(name));
        }
        answer_with_environment(lua, status, has_environment)
    }
}

/// Whether the third argument of `load` is a mode without text; then the message is on the stack.
unsafe fn is_binary_only(lua: *mut ffi::lua_State) -> bool {
    // SAFETY: (7) reason L; the mode stays on the stack.
    unsafe {
        let mode = ffi::luaL_optlstring(lua, 3, c"t".as_ptr(), std::ptr::null_mut());
        let is = !CStr::from_ptr(mode).to_bytes().contains(&b't');
        if is {
            ffi::lua_pushfstring(lua, c"attempt to load a text chunk (mode is '%s')".as_ptr(), mode);
        }
        is
    }
}

/// As [`answer`], with the fourth argument of `load` as the function's environment.
unsafe fn answer_with_environment(lua: *mut ffi::lua_State, status: i32, has_environment: bool) -> i32 {
    // SAFETY: (8) reason L.
    unsafe {
        if status == 0 && has_environment {
            ffi::lua_pushvalue(lua, 4);
            ffi::set_environment(lua);
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
    // which keeps the piece.
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
        ffi::lua_replace(lua, PIECE);
        let piece = ffi::lua_tolstring(lua, PIECE, size);
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
