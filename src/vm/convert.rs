//! A script's result as a [`Value`].
//!
//! Tables are taken apart without recursion in Rust: unfinished ones stay on the Lua stack, and what is made of them
//! in the core. How deep they may nest follows from how much Lua stack each level takes, as in Redis.

use super::core::{Core, bytes_at, core};
use super::ffi;
use super::limit;
use super::stack::{self, Argument};
use crate::blob::Blob;
use crate::error::{Error, ErrorKind, one_line};
use crate::num;
use crate::protocol::Protocol;
use crate::value::Value;

/// The fields that make a table more than an array, in the order in which they are looked for: upvalues of
/// [`convert`].
pub(super) const FIELDS: [&[u8]; 9] =
    [b"err", b"ok", b"double", b"big_number", b"verbatim_string", b"map", b"set", b"format", b"string"];
const ERR: i32 = 1;
const OK: i32 = 2;
const DOUBLE: i32 = 3;
const BIG_NUMBER: i32 = 4;
const VERBATIM: i32 = 5;
const MAP: i32 = 6;
const SET: i32 = 7;
const FORMAT: i32 = 8;
const STRING: i32 = 9;

/// What a value without bytes of its own counts for in the size of a reply.
const SMALL: usize = 8;

/// Parts of a table between two looks at the limits.
const LOOK: usize = 4_096;

/// An unfinished table.
struct Frame {
    shape: Shape,
    items: Vec<Value>,
}

enum Shape {
    /// The table is on top; this is the index of its element that is being converted.
    Array(i32),
    /// The outer table, the inner one and a key of it are on top; whether the key's own conversion is done.
    Map {
        key_done: bool,
    },
    Set,
}

/// What is made so far, kept where a long jump cannot leak it.
#[derive(Default)]
pub(super) struct Building(Vec<Frame>);

impl Building {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The value at the top of the stack if it is no table, which needs no protection: nothing here allocates in Lua.
#[inline]
pub(super) unsafe fn scalar(lua: *mut ffi::lua_State, core: *mut Core) -> Option<Value> {
    // SAFETY: (1) reasons L and C of the layer's head.
    unsafe {
        if (*core).reads_stack
            && let Argument::Bytes(bytes) = stack::read(stack::last(lua))
        {
            spend(core, bytes.len());
            return Some(if (*core).too_large { Value::Nil } else { Value::Bulk(Blob::from(bytes)) });
        }
        Some(match ffi::lua_type(lua, -1) {
            ffi::LUA_TSTRING => {
                let bytes = bytes_at(lua, -1);
                spend(core, bytes.len());
                if (*core).too_large { Value::Nil } else { Value::Bulk(Blob::from(bytes)) }
            }
            ffi::LUA_TNUMBER => {
                spend(core, SMALL);
                let number = ffi::integer_at(lua, -1);
                Value::Integer(number.unwrap_or_else(|| num::f64_to_i64(ffi::lua_tonumber(lua, -1))))
            }
            ffi::LUA_TBOOLEAN => {
                spend(core, SMALL);
                match (ffi::lua_toboolean(lua, -1) != 0, (*core).protocol) {
                    (is, Protocol::Resp3) => Value::Boolean(is),
                    (true, _) => Value::Integer(1),
                    (false, _) => Value::Nil,
                }
            }
            ffi::LUA_TTABLE => return None,
            _ => {
                spend(core, SMALL);
                Value::Nil
            }
        })
    }
}

/// Takes from the room that the reply has left.
unsafe fn spend(core: *mut Core, bytes: usize) {
    // SAFETY: (2) reason C.
    unsafe {
        match (*core).reply_room.checked_sub(bytes) {
            Some(left) => (*core).reply_room = left,
            None => (*core).too_large = true,
        }
    }
}

/// Converts its argument, a table, into the core's `result`. Called in protected mode: it may run out of memory.
pub(super) unsafe extern "C-unwind" fn convert(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (3) reasons L and C. `Value`s and `Frame`s are moved into the core before any Lua function that may
    // jump is called; those are `lua_checkstack` and `lua_next` here.
    unsafe {
        let core = core(lua);
        (*core).building.0.clear();
        // Redis has one more value under the result.
        ffi::lua_settop(lua, 1);
        ffi::lua_pushnil(lua);
        ffi::lua_insert(lua, 1);
        let mut parts = 0_usize;
        loop {
            parts += 1;
            if parts.is_multiple_of(LOOK) {
                limit::check(lua);
            }
            // The value on top is the next one.
            if (*core).too_large {
                (*core).building.0.clear();
                return 0;
            }
            let done = if ffi::lua_checkstack(lua, 4) == 0 {
                spend(core, SMALL);
                Some(Value::Error(Error::LUA_STACK_LIMIT))
            } else {
                scalar(lua, core).or_else(|| open(lua, core))
            };
            if let Some(value) = done {
                ffi::lua_settop(lua, -2);
                if place(lua, core, value) {
                    return 0;
                }
            }
        }
    }
}

/// Begins with the table on top. A table that stands for one value answers it and stays on top; of any other, the
/// first part is pushed, or the whole is finished if there is none.
unsafe fn open(lua: *mut ffi::lua_State, core: *mut Core) -> Option<Value> {
    // SAFETY: (4) as 3; raw reads with strings that exist do not allocate.
    unsafe {
        spend(core, SMALL);
        if field(lua, ERR, ffi::LUA_TSTRING) {
            let line = reply_line(bytes_at(lua, -1));
            ffi::lua_settop(lua, -2);
            spend(core, line.len());
            return Some(Value::Error(Error::owned(ErrorKind::Other, line)));
        }
        if field(lua, OK, ffi::LUA_TSTRING) {
            let line = reply_line(bytes_at(lua, -1));
            ffi::lua_settop(lua, -2);
            spend(core, line.len());
            return Some(Value::Status(Blob::from(line)));
        }
        if field(lua, DOUBLE, ffi::LUA_TNUMBER) {
            let number = ffi::lua_tonumber(lua, -1);
            ffi::lua_settop(lua, -2);
            return Some(Value::Double(number));
        }
        if field(lua, BIG_NUMBER, ffi::LUA_TSTRING) {
            let digits = Blob::from(one_line(bytes_at(lua, -1).to_vec()));
            ffi::lua_settop(lua, -2);
            spend(core, digits.len());
            return Some(Value::BigNumber(digits));
        }
        if field(lua, VERBATIM, ffi::LUA_TTABLE) {
            let mut verbatim = None;
            if field(lua, FORMAT, ffi::LUA_TSTRING) {
                let mut format = [b' '; 3];
                for (to, from) in format.iter_mut().zip(bytes_at(lua, -1)) {
                    *to = *from;
                }
                ffi::lua_settop(lua, -2);
                if field(lua, STRING, ffi::LUA_TSTRING) {
                    let text = bytes_at(lua, -1);
                    spend(core, text.len());
                    verbatim = Some(Value::Verbatim { format, text: Blob::from(text) });
                    ffi::lua_settop(lua, -2);
                }
            }
            ffi::lua_settop(lua, -2);
            if verbatim.is_some() {
                return verbatim;
            }
        }
        if field(lua, MAP, ffi::LUA_TTABLE) {
            begin(core, Shape::Map { key_done: false });
            ffi::lua_pushnil(lua);
            return next_of_keyed(lua, core, true);
        }
        if field(lua, SET, ffi::LUA_TTABLE) {
            begin(core, Shape::Set);
            ffi::lua_pushnil(lua);
            return next_of_keyed(lua, core, false);
        }
        begin(core, Shape::Array(1));
        next_of_array(lua, core)
    }
}

/// Pushes a field of the table on top if it has that type.
unsafe fn field(lua: *mut ffi::lua_State, name: i32, is: i32) -> bool {
    // SAFETY: (5) reason L; the name is an upvalue of `convert`.
    unsafe {
        ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(name));
        ffi::lua_rawget_(lua, -2);
        let found = ffi::lua_type(lua, -1) == is;
        if !found {
            ffi::lua_settop(lua, -2);
        }
        found
    }
}

unsafe fn begin(core: *mut Core, shape: Shape) {
    // SAFETY: (6) reason C.
    unsafe { (*core).building.0.push(Frame { shape, items: Vec::new() }) };
}

/// Ends the innermost frame; its table, made up to one stack place, stays on top for `convert` to drop.
unsafe fn end(lua: *mut ffi::lua_State, core: *mut Core, drop: i32) -> Option<Value> {
    // SAFETY: (7) reasons L and C.
    unsafe {
        ffi::lua_settop(lua, -drop - 1);
        let frame = (*core).building.0.pop()?;
        Some(match frame.shape {
            Shape::Array(_) => Value::Array(frame.items),
            Shape::Set => Value::Set(frame.items),
            Shape::Map { .. } => {
                let mut items = frame.items.into_iter();
                let mut pairs = Vec::with_capacity(items.len() / 2);
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    pairs.push((key, value));
                }
                Value::Map(pairs)
            }
        })
    }
}

/// Pushes the array's next element, or ends it at the first nil.
unsafe fn next_of_array(lua: *mut ffi::lua_State, core: *mut Core) -> Option<Value> {
    // SAFETY: (8) reasons L and C; the array is on top.
    unsafe {
        let Some(Frame { shape: Shape::Array(index), .. }) = (*core).building.0.last_mut() else {
            return None;
        };
        ffi::lua_rawgeti_(lua, -1, *index);
        *index += 1;
        if ffi::lua_isnil(lua, -1) != 0 { end(lua, core, 1) } else { None }
    }
}

/// Goes on from the key on top of a map or a set: pushes a copy of the next key, under which the key itself waits, and
/// for a map its value between the two, as in Redis.
unsafe fn next_of_keyed(lua: *mut ffi::lua_State, core: *mut Core, is_map: bool) -> Option<Value> {
    // SAFETY: (9) reasons L and C; the inner table is under the key. The key came from `lua_next`, so it is in the
    // table, and `lua_next` cannot fail.
    unsafe {
        if ffi::lua_next(lua, -2) == 0 {
            return end(lua, core, 1);
        }
        if is_map {
            ffi::lua_pushvalue(lua, -2);
        } else {
            ffi::lua_settop(lua, -2);
            ffi::lua_pushvalue(lua, -1);
        }
        None
    }
}

/// Puts a finished value, whose own place on the stack is gone, into the innermost frame, and pushes what comes
/// next; true if the value was the whole result.
unsafe fn place(lua: *mut ffi::lua_State, core: *mut Core, value: Value) -> bool {
    let mut value = value;
    // SAFETY: (11) as 3: the value is in the core before Lua is called.
    unsafe {
        loop {
            let Some(frame) = (*core).building.0.last_mut() else {
                (*core).result = Some(value);
                return true;
            };
            frame.items.push(value);
            let ended = match &mut frame.shape {
                Shape::Array(_) => next_of_array(lua, core),
                Shape::Set => next_of_keyed(lua, core, false),
                // Its value is on top already.
                Shape::Map { key_done } if !*key_done => {
                    *key_done = true;
                    None
                }
                Shape::Map { key_done } => {
                    *key_done = false;
                    next_of_keyed(lua, core, true)
                }
            };
            match ended {
                None => return false,
                Some(whole) => {
                    // The ended table (for maps and sets the outer one; `end` dropped the inner) goes too.
                    ffi::lua_settop(lua, -2);
                    value = whole;
                }
            }
        }
    }
}

/// A line of a reply: up to a NUL, without line ends at its end, and with spaces for those inside.
pub(super) fn reply_line(text: &[u8]) -> Vec<u8> {
    let text = &text[..text.iter().position(|&byte| byte == 0).unwrap_or(text.len())];
    let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    one_line(text[..end].to_vec())
}
