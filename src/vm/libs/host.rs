//! The table `host`: functions of the program around the engine, as scripts call them.
//!
//! Reading arguments needs no Lua function that can raise, once the stack has room, so a call is read and run in one
//! step. What it answers stays in the core until it is pushed; a jump out of pushing leaves it there for
//! [`Vm::tidy`](Vm).

use std::ffi::c_void;

use crate::blob::Blob;
use crate::error::{Error, HostComplaint};
use crate::value::Value;
use crate::vm::Vm;
use crate::vm::call::{must_stop, stopped};
use crate::vm::core::{Core, bytes_at, caught, core, host, push_bytes};
use crate::vm::debug::note_error;
use crate::vm::ffi;
use crate::vm::protect::protect;
use crate::vm::reply::push_error;
use crate::vm::run::PREPARE_NAME;
use crate::vm::setup::BASE_TOP;

/// How deep tables may nest in an argument: deep enough for data, and a table within itself is found soon.
const DEEPEST: usize = 100;

/// Stack places that reading the arguments takes: a key and a value for each level.
const READING: i32 = 2 * DEEPEST as i32 + 8;

/// Stack places that one level of a result takes: the table, a key, and a value with what `rawset` needs.
const PUSHING: i32 = 8;

/// What a value counts for beside its bytes, when the size of arguments is limited.
const SMALL: usize = 8;

/// 2 to the power of 63: numbers from here on are no `i64`.
const TOO_GREAT: f64 = 9_223_372_036_854_775_808.0;

/// What a call answers while it is being pushed.
#[derive(Default)]
pub(in crate::vm) struct HostRoom {
    pub(in crate::vm) result: Option<Value>,
    /// The aggregates of the result that are being pushed, from the outside in.
    open: Vec<Open>,
}

/// An aggregate whose table is on the Lua stack.
#[derive(Clone, Copy)]
struct Open {
    /// Points into the result, which stays as it is meanwhile.
    value: *const Value,
    /// How many of its parts have been pushed; a pair of a map has two.
    done: usize,
}

impl Vm {
    /// Gives scripts and functions a table `host` with functions of these names. For a state that has run nothing yet.
    ///
    /// # Errors
    ///
    /// Memory was refused.
    pub(crate) fn add_host_functions(&mut self, names: &[&str]) -> Result<(), Error> {
        let lua = self.lua.as_ptr();
        let request: (*const &str, usize) = (names.as_ptr(), names.len());
        // SAFETY: (1) reason L of the layer's head; the request and the names outlive the protected call.
        unsafe {
            let status = ffi::lua_cpcall(lua, open, (&raw const request).cast_mut().cast::<c_void>());
            ffi::lua_settop(lua, BASE_TOP);
            if status == 0 { Ok(()) } else { Err(Error::VM_MEMORY) }
        }
    }
}

/// Builds the table and puts it where scripts of every kind find it. Functions of libraries take what is there.
unsafe extern "C-unwind" fn open(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (2) reason L; all is plain data. `prepare` has the table of globals and the plain environment among its
    // upvalues.
    unsafe {
        let request = ffi::lua_touserdata(lua, 1).cast::<(*const &str, usize)>();
        let names = std::slice::from_raw_parts((*request).0, (*request).1);
        ffi::lua_settop(lua, 0);
        ffi::lua_getfield_(lua, ffi::LUA_REGISTRYINDEX, PREPARE_NAME.as_ptr());
        ffi::lua_getupvalue(lua, 1, 1);
        ffi::lua_getupvalue(lua, 1, 4);
        let (globals, plain) = (2, 3);
        push_bytes(lua, b"host");
        let name_of_table = 4;
        ffi::lua_createtable(lua, 0, names.len() as i32);
        for (number, name) in names.iter().enumerate() {
            push_bytes(lua, name.as_bytes());
            ffi::lua_pushnumber(lua, number as f64);
            ffi::lua_pushvalue(lua, -2);
            ffi::lua_pushcclosure(lua, call, 2);
            ffi::lua_rawset(lua, -3);
        }
        ffi::lua_pushvalue(lua, name_of_table);
        ffi::lua_pushvalue(lua, -2);
        ffi::lua_rawset(lua, plain);
        protect(lua);
        ffi::lua_pushvalue(lua, name_of_table);
        ffi::lua_insert(lua, -2);
        ffi::lua_rawset(lua, globals);
        0
    }
}

/// `host.name(...)`. The closure's upvalues are the function's number and its name.
unsafe extern "C-unwind" fn call(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (3) reasons L and C. What owns memory stays in the core, or ends with step 2; in step 3 this frame holds
    // numbers and pointers only.
    unsafe {
        let core = core(lua);
        // Step 1.
        let count = ffi::lua_gettop(lua);
        let has_room = ffi::lua_checkstack(lua, READING) != 0;
        if (*core).watch.wants_look() && must_stop(core) {
            return stopped(lua);
        }
        // Step 2.
        let done = caught(|| run(lua, core, count, has_room));
        (*core).watch.look_soon();
        let done = match done {
            Some(done) => done,
            None => {
                caught(|| fail(lua, core, HostComplaint::Panicked));
                false
            }
        };
        // Step 3.
        if done && push(lua, core) {
            (*core).host_room.result = None;
            return 1;
        }
        note_error(lua, &(*core).error, false);
        push_error(lua, &(*core).error, false);
        ffi::lua_error(lua)
    }
}

/// Step 2: reads the arguments and calls the function. Leaves its result in the core, or the error's line; false is an
/// error. Calls no Lua function that can raise.
unsafe fn run(lua: *mut ffi::lua_State, core: *mut Core, count: i32, has_room: bool) -> bool {
    // SAFETY: (4) reasons L and C; the references are to different fields of the core.
    unsafe {
        (*core).error.clear();
        if !has_room {
            return fail(lua, core, HostComplaint::Large);
        }
        let mut reading = Reading { lua, room: (*core).reply_room };
        let args: Result<Vec<Value>, HostComplaint> =
            (1..=count).map(|index| reading.read(index, 0)).collect();
        let args = match args {
            Ok(args) => args,
            Err(complaint) => return fail(lua, core, complaint),
        };
        let number = ffi::lua_tonumber(lua, ffi::lua_upvalueindex(1)) as usize;
        let result = match host(core) {
            Some(host) => host.function(number, &args),
            None => Err(Error::INTERNAL),
        };
        match result {
            Ok(Value::Error(error)) | Err(error) => {
                (*core).error.extend_from_slice(error.as_bytes());
                false
            }
            Ok(value) => {
                (*core).host_room.result = Some(value);
                true
            }
        }
    }
}

/// Notes what is wrong with the call.
#[cold]
unsafe fn fail(lua: *mut ffi::lua_State, core: *mut Core, complaint: HostComplaint) -> bool {
    // SAFETY: (5) reasons L and C; the second upvalue is a string.
    unsafe {
        let error = Error::host_function(bytes_at(lua, ffi::lua_upvalueindex(2)), complaint);
        (*core).error.clear();
        (*core).error.extend_from_slice(error.as_bytes());
    }
    false
}

/// Reads arguments.
struct Reading {
    lua: *mut ffi::lua_State,
    /// How large they may still be.
    room: usize,
}

impl Reading {
    fn spend(&mut self, bytes: usize) -> Result<(), HostComplaint> {
        self.room = self.room.checked_sub(bytes).ok_or(HostComplaint::Large)?;
        Ok(())
    }

    /// The value at an index from the bottom, inside so many tables.
    unsafe fn read(&mut self, index: i32, depth: usize) -> Result<Value, HostComplaint> {
        let lua = self.lua;
        self.spend(SMALL)?;
        // SAFETY: (6) reason L; only strings are asked for their bytes, so that nothing is converted in place.
        unsafe {
            Ok(match ffi::lua_type(lua, index) {
                ffi::LUA_TNIL => Value::Nil,
                ffi::LUA_TBOOLEAN => Value::Boolean(ffi::lua_toboolean(lua, index) != 0),
                ffi::LUA_TNUMBER => match ffi::integer_at(lua, index) {
                    Some(integer) => Value::Integer(integer),
                    None => number(ffi::lua_tonumber(lua, index)),
                },
                ffi::LUA_TSTRING => {
                    let bytes = bytes_at(lua, index);
                    self.spend(bytes.len())?;
                    Value::Bulk(Blob::from(bytes))
                }
                // `cjson.null`.
                ffi::LUA_TLIGHTUSERDATA if ffi::lua_touserdata(lua, index).is_null() => Value::Nil,
                ffi::LUA_TTABLE if depth == DEEPEST => return Err(HostComplaint::Deep),
                ffi::LUA_TTABLE => self.read_table(index, depth)?,
                _ => return Err(HostComplaint::Argument),
            })
        }
    }

    unsafe fn read_table(&mut self, table: i32, depth: usize) -> Result<Value, HostComplaint> {
        let lua = self.lua;
        // SAFETY: (7) reason L; the stack has room for a key and a value of each level, and `lua_next` cannot fail with
        // a key that it gave. After a complaint the stack stays as it is: the call ends with an error.
        unsafe {
            let len = ffi::lua_objlen(lua, table);
            if is_list(lua, table, len) {
                let mut items = Vec::new();
                for at in 1..=len {
                    ffi::lua_rawgeti_(lua, table, at as i32);
                    items.push(self.read(ffi::lua_gettop(lua), depth + 1)?);
                    ffi::lua_settop(lua, -2);
                }
                return Ok(Value::Array(items));
            }
            let mut pairs = Vec::new();
            ffi::lua_pushnil(lua);
            while ffi::lua_next(lua, table) != 0 {
                let value = ffi::lua_gettop(lua);
                let key = match ffi::lua_type(lua, value - 1) {
                    ffi::LUA_TSTRING | ffi::LUA_TNUMBER | ffi::LUA_TBOOLEAN => {
                        self.read(value - 1, depth + 1)?
                    }
                    _ => return Err(HostComplaint::Key),
                };
                pairs.push((key, self.read(value, depth + 1)?));
                ffi::lua_settop(lua, -2);
            }
            Ok(Value::Map(pairs))
        }
    }
}

/// Whether the keys of a table are the numbers from 1 to its length, and no others.
unsafe fn is_list(lua: *mut ffi::lua_State, table: i32, len: usize) -> bool {
    // SAFETY: (8) as 7.
    unsafe {
        let mut found = 0;
        ffi::lua_pushnil(lua);
        while ffi::lua_next(lua, table) != 0 {
            ffi::lua_settop(lua, -2);
            let is_index = ffi::lua_type(lua, -1) == ffi::LUA_TNUMBER && {
                let key = ffi::lua_tonumber(lua, -1);
                key >= 1.0 && key <= len as f64 && key.fract() == 0.0
            };
            if !is_index {
                ffi::lua_settop(lua, -2);
                return false;
            }
            found += 1;
        }
        found == len
    }
}

/// An integer if that says the same.
fn number(number: f64) -> Value {
    if number.fract() == 0.0 && (-TOO_GREAT..TOO_GREAT).contains(&number) {
        Value::Integer(number as i64)
    } else {
        Value::Double(number)
    }
}

/// Pushes the result that is in the core. False if it nests too deeply: then the error's line is in the core. Step 3 of
/// the rule: it may jump at any allocation.
unsafe fn push(lua: *mut ffi::lua_State, core: *mut Core) -> bool {
    // SAFETY: (9) reasons L and C; the result is not changed while it is pushed, so that what `open` points to stays.
    unsafe {
        let open = &raw mut (*core).host_room.open;
        (*open).clear();
        let Some(result) = &(*core).host_room.result else {
            ffi::lua_pushnil(lua);
            return true;
        };
        if !push_scalar(lua, result) {
            begin(lua, open, result);
        }
        while let Some(top) = (*open).last_mut() {
            let aggregate = *top;
            let Some(part) = part(&*aggregate.value, aggregate.done) else {
                (*open).pop();
                if let Some(outer) = (*open).last().copied() {
                    settle(lua, outer);
                }
                continue;
            };
            top.done += 1;
            if push_scalar(lua, part) {
                let aggregate = *top;
                settle(lua, aggregate);
            } else if ffi::lua_checkstack(lua, PUSHING) != 0 {
                (*core).watch.look_soon();
                begin(lua, open, part);
            } else {
                caught(|| fail(lua, core, HostComplaint::DeepResult));
                return false;
            }
        }
        true
    }
}

/// A part of an aggregate; a pair of a map is two.
fn part(value: &Value, at: usize) -> Option<&Value> {
    match value {
        Value::Array(items) | Value::Set(items) | Value::Push(items) => items.get(at),
        Value::Map(pairs) => {
            let (key, value) = pairs.get(at / 2)?;
            Some(if at.is_multiple_of(2) { key } else { value })
        }
        _ => None,
    }
}

/// Pushes the table of an aggregate.
unsafe fn begin(lua: *mut ffi::lua_State, open: *mut Vec<Open>, value: &Value) {
    let size = |len: usize| i32::try_from(len).unwrap_or(i32::MAX);
    // SAFETY: (10) reasons L and C.
    unsafe {
        match value {
            Value::Array(items) | Value::Push(items) => ffi::lua_createtable(lua, size(items.len()), 0),
            Value::Set(items) => ffi::lua_createtable(lua, 0, size(items.len())),
            Value::Map(pairs) => ffi::lua_createtable(lua, 0, size(pairs.len())),
            _ => ffi::lua_createtable(lua, 0, 0),
        }
        (*open).push(Open { value, done: 0 });
    }
}

/// Puts the part on top of the stack, the last of those that are done, into the table of its aggregate.
unsafe fn settle(lua: *mut ffi::lua_State, Open { value, done }: Open) {
    // SAFETY: (11) as 9; under the part stands the table, or the key of the pair and the table.
    unsafe {
        match &*value {
            // The key waits for its value.
            Value::Map(_) if done % 2 == 1 => {}
            Value::Map(_) if is_key(lua, -2) => ffi::lua_rawset(lua, -3),
            Value::Map(_) => ffi::lua_settop(lua, -3),
            Value::Set(_) if is_key(lua, -1) => {
                ffi::lua_pushboolean(lua, 1);
                ffi::lua_rawset(lua, -3);
            }
            Value::Set(_) => ffi::lua_settop(lua, -2),
            _ => ffi::lua_rawseti_(lua, -2, done as i32),
        }
    }
}

/// Whether a table can have the value at the index as a key.
unsafe fn is_key(lua: *mut ffi::lua_State, index: i32) -> bool {
    // SAFETY: (12) reason L.
    unsafe {
        match ffi::lua_type(lua, index) {
            ffi::LUA_TNIL => false,
            ffi::LUA_TNUMBER => !ffi::lua_tonumber(lua, index).is_nan(),
            _ => true,
        }
    }
}

/// Pushes a value that is no aggregate.
unsafe fn push_scalar(lua: *mut ffi::lua_State, value: &Value) -> bool {
    // SAFETY: (13) as 9.
    unsafe {
        match value {
            Value::Nil | Value::NilArray => ffi::lua_pushnil(lua),
            Value::Integer(number) => ffi::push_integer(lua, *number),
            Value::Double(number) => ffi::lua_pushnumber(lua, *number),
            Value::Boolean(is) => ffi::lua_pushboolean(lua, i32::from(*is)),
            Value::Bulk(bytes)
            | Value::Status(bytes)
            | Value::BigNumber(bytes)
            | Value::Verbatim { text: bytes, .. } => push_bytes(lua, bytes),
            Value::Error(error) => push_error(lua, error.as_bytes(), false),
            Value::Array(_) | Value::Map(_) | Value::Set(_) | Value::Push(_) => return false,
        }
    }
    true
}
