//! Arguments read straight off Lua's stack, and whether the caller wants a result.
//!
//! Through the API an argument takes two calls, one for its type and one for its bytes: 55 instructions, of which
//! finding the value is most. A script's call has two to four arguments, so that was a tenth of a `redis.call`. That
//! a call stands as a statement, so that its reply goes nowhere, the API does not tell at all: to make the table of a
//! status for nobody took a third of a SET. Lua 5.1
//! is a finished program: 5.1.5, the version that is built in, is its last one. Still nothing here takes the layout of
//! its structures on trust.
//!
//! # Invariants
//!
//! 1. [`is_as_expected`] compares each field that is read here with what the API says of the same values. Where it
//!    says no, and on machines with other widths, every caller goes the way of the API.
//! 2. Nothing is written, and a pointer is read no longer than the C function runs whose arguments it points to.

use std::ffi::{c_int, c_void};

use super::core::{bytes_at, push_bytes};
use super::ffi;

/// The beginning of a thread. As every object that is collected it starts with a link, its sort and a mark.
#[repr(C)]
struct Thread {
    next: *const c_void,
    sort: u8,
    mark: u8,
    status: u8,
    /// Behind the last argument.
    top: *const Slot,
    /// The first argument of the function that runs.
    base: *const Slot,
    state: *const c_void,
    /// The call that runs.
    call: *const CallInfo,
}

/// A call.
#[repr(C)]
struct CallInfo {
    base: *const Slot,
    function: *const Slot,
    top: *const Slot,
    instruction: *const u32,
    /// Results that the caller takes; -1 is all.
    results: c_int,
}

/// A value on the stack.
#[repr(C)]
pub(super) struct Slot {
    /// An object, or the bits of a number.
    value: u64,
    sort: c_int,
}

/// A string; its bytes follow.
#[repr(C)]
struct Text {
    next: *const c_void,
    sort: u8,
    mark: u8,
    reserved: u8,
    hash: u32,
    len: usize,
}

/// An argument of a call.
pub(super) enum Argument<'l> {
    Bytes(&'l [u8]),
    Number(f64),
    Other,
}

/// The arguments of the C function that runs, and how many they are.
#[inline(always)]
pub(super) unsafe fn arguments(lua: *mut ffi::lua_State) -> (*const Slot, usize) {
    // SAFETY: (1) invariant 1: the two fields are those of a thread, and delimit its arguments.
    unsafe {
        let thread = lua.cast::<Thread>();
        let (base, top) = ((*thread).base, (*thread).top);
        (base, (top as usize).wrapping_sub(base as usize) / size_of::<Slot>())
    }
}

/// What is on top of the stack.
#[inline(always)]
pub(super) unsafe fn last(lua: *mut ffi::lua_State) -> *const Slot {
    // SAFETY: (5) invariant 1; the stack is not empty.
    unsafe { (*lua.cast::<Thread>()).top.sub(1) }
}

/// Whether the caller of the C function that runs takes no result.
#[inline(always)]
pub(super) unsafe fn is_statement(lua: *mut ffi::lua_State) -> bool {
    // SAFETY: (6) invariant 1; a thread that runs a function has a call.
    unsafe { (*(*lua.cast::<Thread>()).call).results == 0 }
}

/// Reads an argument.
#[inline(always)]
pub(super) unsafe fn read<'l>(slot: *const Slot) -> Argument<'l> {
    // SAFETY: (2) invariant 1: the sort says what the value is; a string that is an argument stays where it is.
    unsafe {
        match (*slot).sort {
            ffi::LUA_TSTRING => {
                let text = (*slot).value as usize as *const Text;
                Argument::Bytes(std::slice::from_raw_parts(text.add(1).cast::<u8>(), (*text).len))
            }
            ffi::LUA_TNUMBER => Argument::Number(f64::from_bits((*slot).value)),
            _ => Argument::Other,
        }
    }
}

/// Whether this Lua's stack is what this file takes it for. Called with no argument, in a C function of its own.
pub(super) unsafe fn is_as_expected(lua: *mut ffi::lua_State) -> bool {
    const NUMBER: f64 = 1234.5;
    const BYTES: [&[u8]; 2] = [b"", b"KEYS"];
    if size_of::<usize>() != 8 || size_of::<Slot>() != 16 || size_of::<Text>() != 24 {
        return false;
    }
    // SAFETY: (3) reason L. A thread has far more fields than the first two pointers that are read here; they are
    // followed only if they are as far apart as they should be, and so is each object once its sort is right.
    unsafe {
        ffi::lua_settop(lua, 0);
        let (first, none) = arguments(lua);
        if none != 0 || first.is_null() {
            return false;
        }
        ffi::lua_pushnumber(lua, NUMBER);
        for bytes in BYTES {
            push_bytes(lua, bytes);
        }
        ffi::lua_pushboolean(lua, 1);
        let (base, count) = arguments(lua);
        let top = (*lua.cast::<Thread>()).top as usize;
        if base != first || count != 4 || top.wrapping_sub(base as usize) != 4 * size_of::<Slot>() {
            return false;
        }
        let is_number = matches!(read(base), Argument::Number(number) if number == NUMBER);
        let are_bytes = (2..4).zip(BYTES).all(|(index, bytes)| {
            let slot = base.add(index as usize - 1);
            let expected = bytes_at(lua, index);
            // Where its bytes are is known from the API: the object must end there before its length is read.
            (*slot).sort == ffi::LUA_TSTRING
                && (*slot).value as usize + size_of::<Text>() == expected.as_ptr() as usize
                && matches!(read(slot), Argument::Bytes(found) if found.len() == bytes.len() && found == expected)
        });
        are_bytes
            && last(lua) == base.add(3)
            && is_number
            && matches!(read(base.add(3)), Argument::Other)
            && knows_results(lua)
    }
}

/// Whether a call tells how many results its caller takes.
unsafe fn knows_results(lua: *mut ffi::lua_State) -> bool {
    /// Tells how many results are wanted, if its call is as expected.
    unsafe extern "C-unwind" fn tell(lua: *mut ffi::lua_State) -> c_int {
        // SAFETY: (7) as 8.
        unsafe {
            let is_mine = is_own_call(lua);
            let wanted = ffi::lua_touserdata(lua, 1).cast::<c_int>();
            *wanted = if is_mine { (*(*lua.cast::<Thread>()).call).results } else { c_int::MIN };
        }
        0
    }
    // SAFETY: (8) reason L; `told` outlives the call that it is passed to.
    unsafe {
        is_own_call(lua)
            && [0, 1, 3, ffi::LUA_MULTRET].into_iter().all(|wanted| {
                let mut told = c_int::MIN;
                ffi::lua_settop(lua, 0);
                ffi::lua_pushcclosure(lua, tell, 0);
                ffi::lua_pushlightuserdata(lua, (&raw mut told).cast());
                ffi::lua_call(lua, 1, wanted);
                told == wanted
            })
    }
}

/// Whether the thread's call is the one of the C function that runs.
unsafe fn is_own_call(lua: *mut ffi::lua_State) -> bool {
    // SAFETY: (9) the fields in front of the pointer were found to be right; what it points to is as large as a call.
    unsafe {
        let thread = lua.cast::<Thread>();
        let call = (*thread).call;
        !call.is_null()
            && call.is_aligned()
            && (*call).base == (*thread).base
            && (*call).function.wrapping_add(1) == (*thread).base
    }
}

/// Finds out whether the stack is as expected, and tells the core.
pub(super) unsafe extern "C-unwind" fn probe(lua: *mut ffi::lua_State) -> c_int {
    // SAFETY: (4) reasons L and C.
    unsafe {
        let core = super::core::core(lua);
        (*core).reads_stack = is_as_expected(lua);
        ffi::lua_settop(lua, 0);
    }
    0
}
