//! [`Core`]: what a Lua state and the Rust side share. It owns every buffer that a call needs, so that a long jump
//! out of a C function has nothing to leak.

use std::any::Any;
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use super::Host;
use super::alloc::Memory;
use super::convert::Building;
use super::debug::Room;
use super::ffi;
use super::library::LibraryRoom;
use super::libs::{HostRoom, Json, Level};
use super::limit::Watch;
use super::reply::Tokens;
use super::run::Function;
use super::scan::ELEMENTS;
use super::server::Server;
use crate::error::ScriptTexts;
use crate::protocol::Protocol;
use crate::value::Value;

/// The tables of a state that scripts see but cannot change.
pub(super) const PROTECTED: usize = 24;

/// Arguments of a call that need no vector.
pub(super) const FEW_ARGS: usize = 8;

pub(super) struct Core {
    pub(super) memory: Memory,
    /// The main thread of the state; null until it exists.
    pub(super) main: *mut ffi::lua_State,
    /// The thread of the state that runs: the main one, or a coroutine.
    pub(super) running: *mut ffi::lua_State,
    /// Whose tables and texts the state has.
    pub(super) server: Server,
    pub(super) texts: &'static ScriptTexts,
    /// The host of the running script.
    pub(super) host: Option<NonNull<dyn Host>>,
    /// The arguments of the call that is being made. They point into Lua strings of that call's frame, or into
    /// `numbers`.
    pub(super) args: [&'static [u8]; FEW_ARGS],
    /// All of them, if they are more.
    pub(super) more_args: Vec<&'static [u8]>,
    /// Numbers among the arguments, spelled out.
    pub(super) numbers: Vec<u8>,
    pub(super) reply: Tokens,
    /// What a function of a library puts together, and how deep it is in what it reads.
    pub(super) text: Vec<u8>,
    pub(super) levels: Vec<Level>,
    /// The settings of `cjson`.
    pub(super) json: Json,
    /// The line of the error that is being pushed.
    pub(super) error: Vec<u8>,
    /// The protocol that `redis.setresp` chose.
    pub(super) protocol: Protocol,
    /// Whether numbers become arguments by Redis 7.0's rule (`%.17g`).
    pub(super) numbers_as_g17: bool,
    pub(super) watch: Watch,
    /// What KEYS and ARGV of the coming script hold.
    pub(super) inputs: Inputs,
    /// Whether the script that runs is still to fill them.
    pub(super) is_preparing: bool,
    /// What the slots of each script hold.
    pub(super) kept: Vec<[Kept; SLOTS]>,
    /// Places in `kept` that no script has.
    pub(super) free_kept: Vec<u32>,
    /// Whether compiled scripts are written anew.
    pub(super) rewrites: bool,
    pub(super) shared_tables: [SharedTable; 2],
    /// The script's result while it is being converted, and then as a whole.
    pub(super) building: Building,
    pub(super) result: Option<Value>,
    pub(super) reply_room: usize,
    pub(super) too_large: bool,
    pub(super) failure: RawFailure,
    /// The chunk that was compiled last.
    pub(super) dump: Vec<u8>,
    /// The source that is being compiled.
    pub(super) source: (*const u8, usize),
    /// The script that it became; `None` if it did not compile.
    pub(super) compiled: Option<Function>,
    /// Proxies, and the registry references of the tables that they stand for.
    pub(super) protected: [(*const c_void, i32); PROTECTED],
    pub(super) protected_len: usize,
    /// What libraries of functions need.
    pub(super) library: LibraryRoom,
    /// What a function of `host` answered.
    pub(super) host_room: HostRoom,
    /// Set when a script touched the collector's settings.
    pub(super) tuned_gc: bool,
    /// Whether arguments are read straight off the stack ([`stack`](super::stack)).
    pub(super) reads_stack: bool,
    /// There is one while a script is debugged.
    pub(super) debug: Option<NonNull<Room>>,
    /// Calls of Lua from C that are under way ([`ffi`]).
    #[cfg(feature = "luajit")]
    pub(super) nesting: u32,
}

/// KEYS and ARGV: borrowed from the caller of [`Vm::run`](super::Vm::run) for the length of the preparation; `None`
/// where the script has no use for them.
#[derive(Clone, Copy, Default)]
pub(super) struct Inputs {
    pub(super) lists: [Option<Input>; 2],
    /// Whether the script's environment is the plain one.
    pub(super) is_plain: bool,
}

/// The upvalues of a script that hold elements of KEYS and ARGV.
#[derive(Clone, Copy, Default)]
pub(super) struct Slots {
    /// The number of the first one, from 1.
    pub(super) first: u8,
    /// Which elements of each, a bit for each one; they follow one another in this order.
    pub(super) elements: [u8; 2],
    /// What they hold: a place in the core's `kept`.
    pub(super) kept: u32,
}

/// No script has more slots.
pub(super) const SLOTS: usize = 2 * ELEMENTS as usize;

/// What a slot holds: a Lua string, which lives as long as it is there, or nil. Many scripts are called with the same
/// arguments again and again, and to make a string of one costs more than to see that it is the same.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    /// Null for nil.
    first: *const u8,
    len: usize,
}

impl Kept {
    pub(super) const NIL: Kept = Kept { first: std::ptr::null(), len: 0 };

    /// The string at the top of the stack.
    pub(super) unsafe fn top(lua: *mut ffi::lua_State) -> Kept {
        let mut len = 0;
        // SAFETY: (6) reason L.
        let first = unsafe { ffi::lua_tolstring(lua, -1, &mut len) };
        Kept { first: first.cast::<u8>(), len }
    }

    /// Whether it is this element of KEYS or ARGV; `None` is one that was not passed.
    #[inline]
    pub(super) unsafe fn is(self, element: Option<&[u8]>) -> bool {
        match element {
            None => self.first.is_null(),
            // SAFETY: (7) the string is in its slot, and Lua's strings do not move.
            Some(element) => unsafe {
                self.len == element.len()
                    && !self.first.is_null()
                    && std::slice::from_raw_parts(self.first, self.len) == element
            },
        }
    }
}

impl Slots {
    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.elements == [0, 0]
    }
}

/// The strings of KEYS or ARGV.
#[derive(Clone, Copy)]
pub(super) struct Input {
    pub(super) first: *const &'static [u8],
    pub(super) len: usize,
    /// Whether the table can be the one that the scripts before had.
    pub(super) is_shared: bool,
}

/// A table that one script after the other has as KEYS, or as ARGV.
#[derive(Clone, Copy, Default)]
pub(super) struct SharedTable {
    /// Elements that it may hold.
    pub(super) len: usize,
    /// Whether the plain environment has it.
    pub(super) is_set: bool,
}

/// What is known of a script's error.
#[derive(Default)]
pub(super) struct RawFailure {
    pub(super) line: Vec<u8>,
    pub(super) place: Option<Place>,
    pub(super) counted: bool,
}

/// A line of a chunk.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    source: [u8; Place::SOURCE],
    source_len: usize,
    pub(crate) line: i64,
}

impl Place {
    /// A longer source is cut.
    const SOURCE: usize = 256;

    pub(crate) fn new(source: &[u8], line: i64) -> Place {
        let len = source.len().min(Place::SOURCE);
        let mut bytes = [0; Place::SOURCE];
        bytes[..len].copy_from_slice(&source[..len]);
        Place { source: bytes, source_len: len, line }
    }

    pub(crate) fn source(&self) -> &[u8] {
        &self.source[..self.source_len]
    }

    /// Where the innermost Lua function at or above `level` stands. Allocates nothing.
    pub(super) unsafe fn current(lua: *mut ffi::lua_State, level: i32) -> Option<Place> {
        if lua.is_null() {
            return None;
        }
        // SAFETY: (1) reason L; an all-zero `lua_Debug` is what the API fills in, and `Sl` fills in `source`, a C
        // string that lives as long as the function.
        unsafe {
            let mut frame: ffi::lua_Debug = std::mem::zeroed();
            for level in level..level + 3 {
                if ffi::lua_getstack(lua, level, &mut frame) == 0 {
                    return None;
                }
                ffi::lua_getinfo(lua, c"Sl".as_ptr(), &mut frame);
                if frame.currentline >= 0 {
                    let source = CStr::from_ptr(frame.source);
                    return Some(Place::new(source.to_bytes(), frame.currentline.into()));
                }
            }
            None
        }
    }
}

/// The core of a state.
#[inline]
pub(super) unsafe fn core(lua: *mut ffi::lua_State) -> *mut Core {
    let mut user: *mut c_void = std::ptr::null_mut();
    // SAFETY: (2) every state here was made with its `Core` as the allocator's user data.
    unsafe { ffi::lua_getallocf(lua, &mut user) };
    user.cast()
}

/// The host of the running script. A C function that a script can reach runs only while there is one.
#[inline]
pub(super) unsafe fn host<'h>(core: *mut Core) -> Option<&'h mut dyn Host> {
    // SAFETY: (3) reason C; `Vm::run` lends the host for the length of the script and is its only user meanwhile,
    // and C functions do not nest around a call of the host.
    unsafe { (*core).host.map(|mut host| host.as_mut()) }
}

/// Runs Rust code that may panic; `None` if it did. The panic ends here with all that it carried, so that the caller's
/// frame holds plain data.
#[inline(always)]
pub(super) fn caught<R>(work: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Some(result),
        Err(panic) => {
            bury(panic);
            None
        }
    }
}

/// Drops what a panic carried. If that panics too, what the second one carried is left alone.
#[cold]
fn bury(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

/// Pushes bytes as a string.
#[inline]
pub(super) unsafe fn push_bytes(lua: *mut ffi::lua_State, bytes: &[u8]) {
    // SAFETY: (4) reason L; Lua copies the bytes.
    unsafe { ffi::lua_pushlstring_(lua, bytes.as_ptr().cast::<c_char>(), bytes.len()) };
}

/// The bytes of the string at an index, which must hold one and keep it while they are used.
#[inline]
pub(super) unsafe fn bytes_at<'l>(lua: *mut ffi::lua_State, index: i32) -> &'l [u8] {
    let mut len = 0;
    // SAFETY: (5) reason L; the pointer is valid for `len` bytes as long as the string is reachable.
    unsafe {
        let first = ffi::lua_tolstring(lua, index, &mut len);
        if first.is_null() { &[] } else { std::slice::from_raw_parts(first.cast::<u8>(), len) }
    }
}
