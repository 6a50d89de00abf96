//! `redis.call` and `redis.pcall`: the bridge. See the rule in the layer's head; the three steps are marked.

use super::Pace;
use super::core::{Core, FEW_ARGS, bytes_at, caught, core, host};
use super::debug::note_error;
use super::ffi;
use super::limit;
use super::reply::{push, push_error};
use super::stack::{self, Argument};
use crate::error::Error;
use crate::num;

pub(super) unsafe extern "C-unwind" fn redis_call(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (1) reason L.
    unsafe { call::<true>(lua) }
}

pub(super) unsafe extern "C-unwind" fn redis_pcall(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (2) reason L.
    unsafe { call::<false>(lua) }
}

/// How step 2 ended: plain data, all else is in the core.
enum Outcome {
    Replied,
    Failed,
    Stopped,
}

/// `RAISE` tells `redis.call`, which raises errors, from `redis.pcall`.
#[inline(always)]
unsafe fn call<const RAISE: bool>(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (3) reasons L and C. Step 1 reads strings that stay in this function's stack frame, where nothing
    // moves or frees them until it returns. Step 2 is `run`. In step 3 this frame holds numbers and pointers only.
    unsafe {
        let core = core(lua);
        // Step 1.
        let Some(args) = read_args(lua, core) else {
            // Not even a loop of calls that never come to a command goes on for ever.
            if (*core).watch.wants_look() && must_stop(core) {
                return stopped(lua);
            }
            let complaint = complaint(lua, core).as_bytes();
            note_error(lua, complaint, false);
            push_error(lua, complaint, false);
            return if RAISE { ffi::lua_error(lua) } else { 1 };
        };
        // Step 2.
        let outcome = run(core, args);
        // Step 3.
        match outcome {
            Outcome::Replied => {
                if (*core).reads_stack && stack::is_statement(lua) {
                    return 0;
                }
                push(lua, core);
                1
            }
            Outcome::Failed => {
                push_error(lua, &(*core).error, true);
                if RAISE { ffi::lua_error(lua) } else { 1 }
            }
            Outcome::Stopped => stopped(lua),
        }
    }
}

/// The script must stop: its next instruction does.
#[cold]
pub(super) unsafe fn stopped(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (6) reason L.
    unsafe {
        limit::arm(lua);
        ffi::lua_pushnil(lua);
    }
    1
}

/// No number is spelled with more bytes than this.
const LONGEST_NUMBER: usize = 400;

/// What is wrong with arguments that cannot be read.
#[cold]
pub(super) unsafe fn complaint(lua: *mut ffi::lua_State, core: *mut Core) -> &'static str {
    // SAFETY: (12) reasons L and C.
    unsafe {
        if ffi::lua_gettop(lua) == 0 { (*core).texts.no_arguments } else { (*core).texts.argument_type }
    }
}

/// Notes the arguments of a call in the core. They are valid until the call ends or the next one is noted. `None` if
/// there are none, or one is neither string nor number.
#[inline(always)]
pub(super) unsafe fn read_args<'c>(lua: *mut ffi::lua_State, core: *mut Core) -> Option<&'c [&'c [u8]]> {
    // SAFETY: (4) reasons L and C; a few arguments fit `args`; what is read from the core's buffers is borrowed for no longer than they stay
    // unchanged.
    unsafe {
        if !(*core).reads_stack {
            return read_args_slowly(lua, core);
        }
        let (first, count) = stack::arguments(lua);
        if count.wrapping_sub(1) >= FEW_ARGS {
            return read_args_slowly(lua, core);
        }
        (*core).numbers.clear();
        let args = (&raw mut (*core).args).cast::<&'static [u8]>();
        for at in 0..count {
            let arg = match stack::read(first.add(at)) {
                Argument::Bytes(bytes) => bytes,
                Argument::Number(number) => spell(core, number, count - at),
                Argument::Other => return None,
            };
            args.add(at).write(arg);
        }
        Some(std::slice::from_raw_parts(args, count))
    }
}

/// The same through the API, and for any number of arguments.
#[cold]
unsafe fn read_args_slowly<'c>(lua: *mut ffi::lua_State, core: *mut Core) -> Option<&'c [&'c [u8]]> {
    // SAFETY: (11) as 4.
    unsafe {
        let count = ffi::lua_gettop(lua) as usize;
        if count == 0 {
            return None;
        }
        (*core).numbers.clear();
        let args = &mut (*core).more_args;
        args.clear();
        args.resize(count, &[]);
        for (place, index) in args.iter_mut().zip(1..) {
            *place = match ffi::lua_type(lua, index) {
                ffi::LUA_TSTRING => bytes_at(lua, index),
                ffi::LUA_TNUMBER => {
                    let left = count + 1 - index.unsigned_abs() as usize;
                    match ffi::integer_at(lua, index) {
                        Some(integer) => spell_integer(core, integer, left),
                        None => spell(core, ffi::lua_tonumber(lua, index), left),
                    }
                }
                _ => return None,
            };
        }
        Some(args)
    }
}

/// Spells a number by the rule that is set; `left` arguments, this one included, are still to come.
#[inline(never)]
unsafe fn spell(core: *mut Core, number: f64, left: usize) -> &'static [u8] {
    // SAFETY: (5) reasons L and C; `numbers` has its room before anything points into it, so it does not move.
    unsafe {
        let numbers = &mut (*core).numbers;
        if numbers.is_empty() {
            numbers.reserve(left * LONGEST_NUMBER);
        }
        let start = numbers.len();
        if (*core).numbers_as_g17 {
            num::format_g17(number, numbers);
        } else {
            num::format_lua_number(number, numbers);
        }
        let spelled = &numbers[start..];
        std::slice::from_raw_parts(spelled.as_ptr(), spelled.len())
    }
}

/// The same with all the digits of an integer.
unsafe fn spell_integer(core: *mut Core, integer: i64, left: usize) -> &'static [u8] {
    // SAFETY: (13) as 5.
    unsafe {
        let numbers = &mut (*core).numbers;
        if numbers.is_empty() {
            numbers.reserve(left * LONGEST_NUMBER);
        }
        let start = numbers.len();
        numbers.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
        let spelled = &numbers[start..];
        std::slice::from_raw_parts(spelled.as_ptr(), spelled.len())
    }
}

/// Step 2: runs the command in the host. Calls no Lua function.
#[inline(always)]
unsafe fn run(core: *mut Core, args: &[&[u8]]) -> Outcome {
    // SAFETY: (7) reason C; the references are to different fields of the core.
    unsafe {
        let reply = &mut (*core).reply;
        if (*core).watch.wants_look() && must_stop(core) {
            return Outcome::Stopped;
        }
        reply.clear((*core).protocol);
        let Some(host) = host(core) else { return fail(core, &Error::INTERNAL) };
        let mut pace = Pace::Quick;
        let result = caught(|| host.call(args, reply, &mut pace));
        if pace == Pace::Any {
            (*core).watch.look_soon();
        }
        match result {
            Some(Ok(())) => Outcome::Replied,
            Some(Err(error)) => fail_with(core, error),
            None => fail(core, &Error::INTERNAL),
        }
    }
}

/// A program's own clock may panic; then the script goes on until it is looked at again.
#[cold]
pub(super) unsafe fn must_stop(core: *mut Core) -> bool {
    // SAFETY: (8) reason C.
    unsafe {
        let before = (*core).watch.last_look;
        let stop = caught(|| limit::look(core)).flatten();
        (*core).watch.pace_calls(before);
        stop.is_some()
    }
}

#[cold]
unsafe fn fail_with(core: *mut Core, error: Error) -> Outcome {
    // SAFETY: (10) reason C.
    unsafe { fail(core, &error) }
}

#[cold]
unsafe fn fail(core: *mut Core, error: &Error) -> Outcome {
    // SAFETY: (9) reason C.
    unsafe {
        let line = &mut (*core).error;
        line.clear();
        line.extend_from_slice(error.as_bytes());
    }
    Outcome::Failed
}
