//! [`Vm`]: compiling scripts and running them.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::NonNull;
use std::sync::Arc;

use super::alloc::Memory;
use super::convert;
use super::core::{
    Core, FEW_ARGS, Input, Inputs, Kept, Place, RawFailure, SLOTS, SharedTable, Slots, bytes_at, core,
    push_bytes,
};
use super::ffi;
use super::library::LibraryRoom;
use super::libs::{HostRoom, Json, JsonSettings, Level};
use super::limit::{self, Control, Sort, Stop, Watch};
use super::load::load_text;
use super::reply::Tokens;
use super::scan::{ELEMENTS, Elements, Environment, MOST_UPVALUES, Needs, Upvalue, Use, rewrite};
use super::server::Server;
use super::setup::{self, BASE_TOP, CONVERT, DESCRIBE, FILL, HANDLER, LOAD, PREPARE};
use super::{Host, core::PROTECTED, stack};
use crate::error::Error;
use crate::protocol::Protocol;
use crate::value::Value;

pub(super) const HANDLER_NAME: &CStr = c"redmoon.handler";
pub(super) const PREPARE_NAME: &CStr = c"redmoon.prepare";
pub(super) const CONVERT_NAME: &CStr = c"redmoon.convert";
pub(super) const DESCRIBE_NAME: &CStr = c"redmoon.describe";
pub(super) const LOAD_NAME: &CStr = c"redmoon.load";
pub(super) const FILL_NAME: &CStr = c"redmoon.fill";

/// Bytes of a buffer that are kept from one script to the next.
pub(super) const KEPT: usize = 64 * 1024;

/// Bytes of an element of KEYS or ARGV that a script may keep.
const KEPT_ELEMENT: usize = 1024;

/// The chunk name of every script.
pub(super) const SCRIPT: &CStr = c"@user_script";

/// A Lua state, used by one thread at a time.
pub(crate) struct Vm {
    pub(super) lua: NonNull<ffi::lua_State>,
    pub(super) core: NonNull<Core>,
}

// SAFETY: (1) a state has no ties to a thread, and all that the core points to is owned or lent for one `run`.
unsafe impl Send for Vm {}

/// A compiled script in one state.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    /// Its place in the registry.
    pub(super) reference: i32,
    pub(super) needs: Needs,
    pub(super) slots: Slots,
    /// Whether it fills KEYS and ARGV itself.
    pub(super) prepares: bool,
}

impl Function {
    /// Whether it certainly calls no more than one command, and nothing that may take long.
    #[inline]
    pub(crate) fn calls_once(self) -> bool {
        self.needs.calls_once
    }
}

#[cfg(all(test, feature = "lua51"))]
impl Function {
    pub(super) fn is_counted(self) -> bool {
        self.needs.counting
    }

    pub(super) fn is_written_anew(self) -> bool {
        self.prepares || !self.slots.is_empty()
    }
}

/// How far one script may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Nanoseconds; `None` is no limit.
    pub(crate) time: Option<u64>,
    /// Bytes of the reply.
    pub(crate) reply: usize,
}

/// An error that a script raised.
#[derive(Debug)]
pub(crate) struct Raised {
    pub(crate) line: Vec<u8>,
    /// Where it happened, if that is known.
    pub(crate) place: Option<Place>,
    /// Whether the statistics have counted the error already.
    pub(crate) counted: bool,
}

/// How a script failed.
#[derive(Debug)]
pub(crate) enum Failure {
    Raised(Box<Raised>),
    /// The handler of its error failed too.
    InHandler,
    /// It ran out of time, and had not written.
    OutOfTime,
    /// Its reply is too large.
    TooLarge,
}

impl Vm {
    /// A new state with a server's libraries and no script, whose memory may grow to `memory` bytes.
    ///
    /// # Errors
    ///
    /// Memory for it was refused.
    pub(crate) fn new(memory: usize, server: Server) -> Result<Vm, Error> {
        let core = Box::new(Core {
            memory: Memory::new(),
            main: std::ptr::null_mut(),
            running: std::ptr::null_mut(),
            server,
            texts: server.texts(),
            host: None,
            args: [&[]; FEW_ARGS],
            more_args: Vec::new(),
            numbers: Vec::new(),
            reply: Tokens::default(),
            text: Vec::new(),
            levels: Vec::new(),
            json: Json::new(),
            error: Vec::new(),
            protocol: Protocol::Resp2,
            numbers_as_g17: false,
            watch: Watch::new(),
            inputs: Inputs::default(),
            is_preparing: false,
            kept: Vec::new(),
            free_kept: Vec::new(),
            rewrites: true,
            shared_tables: [SharedTable::default(); 2],
            building: convert::Building::default(),
            result: None,
            reply_room: 0,
            too_large: false,
            failure: RawFailure::default(),
            dump: Vec::new(),
            source: (std::ptr::null(), 0),
            compiled: None,
            protected: [(std::ptr::null(), 0); PROTECTED],
            protected_len: 0,
            library: LibraryRoom::default(),
            host_room: HostRoom::default(),
            tuned_gc: false,
            reads_stack: false,
            debug: None,
            #[cfg(feature = "luajit")]
            nesting: 0,
        });
        let core = NonNull::from(Box::leak(core));
        // SAFETY: (2) reasons L and C of the layer's head; set-up runs in protected mode, and the names under which it
        // left its functions are interned strings by then, so that reading them does not allocate.
        unsafe {
            let Some(lua) = NonNull::new(setup::new_state(core.as_ptr())) else {
                drop(Box::from_raw(core.as_ptr()));
                return Err(Error::VM_MEMORY);
            };
            let mut vm = Vm { lua, core };
            let lua = vm.lua.as_ptr();
            if ffi::lua_cpcall(lua, setup::open, std::ptr::null_mut()) != 0 {
                return Err(Error::VM_MEMORY);
            }
            // If memory for this is refused, arguments are read the long way.
            if ffi::READS_STACK {
                ffi::lua_cpcall(lua, stack::probe, std::ptr::null_mut());
            }
            ffi::lua_settop(lua, 0);
            for name in [HANDLER_NAME, PREPARE_NAME, CONVERT_NAME, DESCRIBE_NAME, LOAD_NAME, FILL_NAME] {
                ffi::lua_getfield_(lua, ffi::LUA_REGISTRYINDEX, name.as_ptr());
            }
            (*core.as_ptr()).main = lua;
            (*core.as_ptr()).running = lua;
            vm.set_memory_limit(memory);
            Ok(vm)
        }
    }

    pub(crate) fn set_memory_limit(&mut self, bytes: usize) {
        // SAFETY: (3) reason C.
        unsafe { (*self.core.as_ptr()).memory.limit = bytes };
    }

    /// Whether the state keeps far more memory for small blocks than its scripts use: better make a new one.
    pub(crate) fn is_bloated(&self) -> bool {
        const ALWAYS_FINE: usize = 1024 * 1024;
        // SAFETY: (21) reason C.
        let (used, slabs) = unsafe {
            let memory = &(*self.core.as_ptr()).memory;
            (memory.used, memory.slab_bytes())
        };
        slabs > ALWAYS_FINE + 4 * used
    }

    /// Bytes that the state has allocated.
    #[inline]
    pub(crate) fn memory(&self) -> usize {
        // SAFETY: (4) reason C.
        unsafe { (*self.core.as_ptr()).memory.used }
    }

    /// Lets the allocation after `count` more fail, once; for tests.
    #[cfg(test)]
    pub(crate) fn fail_allocation_after(&mut self, count: Option<u64>) {
        // SAFETY: (5) reason C.
        unsafe { (*self.core.as_ptr()).memory.fail_after(count) };
    }

    /// Lets arguments be read off the stack or through the API, and says which way it was; for tests.
    #[cfg(test)]
    pub(crate) fn set_reads_stack(&mut self, reads: bool) -> bool {
        // SAFETY: (25) reason C.
        unsafe { std::mem::replace(&mut (*self.core.as_ptr()).reads_stack, reads) }
    }

    /// Whether scripts that are compiled from now on are written anew, so that what cannot change is not looked up.
    #[cfg(all(test, feature = "lua51"))]
    pub(crate) fn set_rewrites(&mut self, rewrites: bool) {
        // SAFETY: (27) reason C.
        unsafe { (*self.core.as_ptr()).rewrites = rewrites };
    }

    /// Numbers become arguments of commands by Redis 7.0's rule (`%.17g`) or by the one of 7.4.
    pub(crate) fn set_numbers_as_g17(&mut self, as_g17: bool) {
        // SAFETY: (6) reason C.
        unsafe { (*self.core.as_ptr()).numbers_as_g17 = as_g17 };
    }

    /// Lets scripts have the settings of `cjson` in common with those of other states.
    pub(crate) fn share_json_settings(&mut self, shared: Arc<JsonSettings>) {
        // SAFETY: (23) reason C.
        unsafe { (*self.core.as_ptr()).json.shared = shared };
    }

    /// The switch by which another thread kills the running script.
    pub(crate) fn control(&self) -> Arc<Control> {
        // SAFETY: (7) reason C.
        unsafe { Arc::clone(&(*self.core.as_ptr()).watch.control) }
    }

    /// Compiles a script.
    ///
    /// # Errors
    ///
    /// The compiler's message.
    pub(crate) fn compile(&mut self, source: &[u8]) -> Result<Function, Vec<u8>> {
        let lua = self.lua.as_ptr();
        // SAFETY: (24) reason C.
        let prologue = unsafe { (*self.core.as_ptr()).server.prologue() };
        let with_prologue;
        let source = if prologue.is_empty() {
            source
        } else {
            with_prologue = [prologue, source].concat();
            &with_prologue
        };
        // SAFETY: (8) reasons L and C; the source outlives the call, values that are on the stack already need no
        // memory, and the stack has room for them (`LUA_MINSTACK`).
        unsafe {
            (*self.core.as_ptr()).source = (source.as_ptr(), source.len());
            ffi::lua_pushvalue(lua, LOAD);
            let status = ffi::lua_pcall(lua, 0, 1, 0);
            let result = match (*self.core.as_ptr()).compiled {
                Some(function) if status == 0 => Ok(function),
                _ => Err(bytes_at(lua, -1).to_vec()),
            };
            ffi::lua_settop(lua, BASE_TOP);
            result
        }
    }

    /// Runs a compiled script.
    ///
    /// # Errors
    ///
    /// How it failed.
    // Always: else the host, a pointer of two words, would be read from the stack right after its words were put there.
    #[inline(always)]
    pub(crate) fn run(
        &mut self,
        function: Function,
        keys: &[&[u8]],
        args: &[&[u8]],
        host: &mut dyn Host,
        limits: Limits,
    ) -> Result<Value, Failure> {
        let lua = self.lua.as_ptr();
        let core = self.core.as_ptr();
        // SAFETY: (9) reasons L and C. The host and the inputs are lent: `Lent` takes them back before this function
        // returns or unwinds, so their lifetimes are only shortened. Values that are on the stack or in the registry
        // already are pushed without allocating; all else happens in protected calls.
        unsafe {
            let host: NonNull<dyn Host + '_> = NonNull::from(host);
            (*core).host = Some(std::mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host>>(host));
            let lent = Lent { core };
            let needs = function.needs;
            let is_plain = needs.environment == Environment::Plain;
            let lists = [lend(keys, needs.keys, is_plain), lend(args, needs.args, is_plain)];
            let has_lists = lists.iter().any(Option::is_some);
            if has_lists {
                (*core).inputs = Inputs { lists, is_plain };
                (*core).is_preparing = function.prepares;
            }
            (*core).protocol = Protocol::Resp2;
            (*core).reply_room = limits.reply;
            (*core).too_large = false;
            (*core).memory.refused_at = None;
            (*core).watch.reset(limits.time);
            if needs.counting {
                limit::install(lua, core);
            }
            (*core).watch.control.begin(Sort::Script);

            let mut status = 0;
            if !function.prepares && has_lists {
                ffi::lua_pushvalue(lua, PREPARE);
                status = ffi::lua_pcall(lua, 0, 0, 0);
            }
            let mut has_long = false;
            if status == 0 {
                ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, function.reference);
                ffi::renew_environment(lua);
                if !function.slots.is_empty() {
                    let elements = [keys, args];
                    has_long = elements.iter().any(|all| holds_long(all));
                    if has_long {
                        status = self.fill_protected(function.slots, elements);
                    } else {
                        (*core).memory.never_fails = true;
                        fill(lua, BASE_TOP + 1, function.slots, elements);
                        (*core).memory.never_fails = false;
                    }
                }
                if status == 0 {
                    status = ffi::lua_pcall(lua, 0, 1, HANDLER);
                }
            }
            let result = self.conclude(status);
            (*core).watch.control.end();
            if has_long {
                self.empty_slots(function);
            }
            drop(lent);
            self.tidy();
            result
        }
    }

    /// Fills the slots of the script on top of the stack with elements that may be too long for the memory there is.
    /// What failed stands above the script.
    #[cold]
    unsafe fn fill_protected(&mut self, slots: Slots, elements: [&[&[u8]]; 2]) -> i32 {
        let lua = self.lua.as_ptr();
        // SAFETY: (31) as 8: the request outlives the call.
        unsafe {
            let request: FillRequest = (slots, elements.map(|all| (all.as_ptr().cast(), all.len())));
            ffi::lua_pushvalue(lua, FILL);
            ffi::lua_pushvalue(lua, -2);
            ffi::lua_pushlightuserdata(lua, (&raw const request).cast_mut().cast::<c_void>());
            ffi::lua_pcall(lua, 2, 0, 0)
        }
    }

    /// Lets go of the elements that a script has in its upvalues, which would keep them until it runs again.
    #[cold]
    unsafe fn empty_slots(&mut self, function: Function) {
        let lua = self.lua.as_ptr();
        // SAFETY: (28) reason L; nothing here allocates.
        unsafe {
            ffi::lua_settop(lua, BASE_TOP);
            ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, function.reference);
            fill(lua, BASE_TOP + 1, function.slots, [&[], &[]]);
            ffi::lua_settop(lua, BASE_TOP);
        }
    }

    /// Turns what the script left on top of the stack into its result.
    #[inline]
    pub(super) unsafe fn conclude(&mut self, status: i32) -> Result<Value, Failure> {
        let lua = self.lua.as_ptr();
        let core = self.core.as_ptr();
        // SAFETY: (10) reasons L and C. Reading an error may run metamethods, so it is watched as the script was; then
        // the hook is off: conversion looks at the limits itself.
        unsafe {
            let failure = match status {
                _ if (*core).watch.stop == Some(Stop::TimeLimit) => Some(Failure::OutOfTime),
                0 => None,
                // What had to stop it came in the middle of its error handler, and is still what ended it.
                ffi::LUA_ERRERR if ffi::HANDLES_ONE_ERROR && (*core).watch.stop.is_some() => {
                    (*core).watch.stop.map(|stop| {
                        let line = limit::line(lua, stop);
                        Failure::Raised(Box::new(Raised { line, place: None, counted: false }))
                    })
                }
                _ => Some(self.failure(status)),
            };
            limit::uninstall(lua, core);
            if (*core).watch.stop == Some(Stop::TimeLimit) {
                return Err(Failure::OutOfTime);
            }
            if let Some(failure) = failure {
                return Err(failure);
            }
            if let Some(value) = convert::scalar(lua, core) {
                return if (*core).too_large { Err(Failure::TooLarge) } else { Ok(value) };
            }
            ffi::lua_pushvalue(lua, CONVERT);
            ffi::lua_insert(lua, -2);
            let status = ffi::lua_pcall(lua, 1, 0, 0);
            limit::uninstall(lua, core);
            if (*core).watch.stop == Some(Stop::TimeLimit) {
                return Err(Failure::OutOfTime);
            }
            let value = (*core).result.take();
            if (*core).too_large {
                return Err(Failure::TooLarge);
            }
            match value {
                Some(value) if status == 0 => Ok(value),
                _ => Err(self.failure(status)),
            }
        }
    }

    pub(super) unsafe fn failure(&mut self, status: i32) -> Failure {
        let lua = self.lua.as_ptr();
        let core = self.core.as_ptr();
        // SAFETY: (11) reasons L and C.
        unsafe {
            match status {
                ffi::LUA_ERRRUN => {
                    ffi::lua_pushvalue(lua, DESCRIBE);
                    ffi::lua_insert(lua, -2);
                    (*core).failure = RawFailure::default();
                    if ffi::lua_pcall(lua, 1, 0, 0) != 0 {
                        return Failure::InHandler;
                    }
                    let RawFailure { line, place, counted } = std::mem::take(&mut (*core).failure);
                    Failure::Raised(Box::new(Raised { line, place, counted }))
                }
                ffi::LUA_ERRMEM => Failure::Raised(Box::new(Raised {
                    line: b"ERR not enough memory".to_vec(),
                    // No line of the script is at fault if KEYS and ARGV find no room.
                    place: (*core).memory.refused_at.take().filter(|_| !(*core).is_preparing),
                    counted: false,
                })),
                _ => Failure::InHandler,
            }
        }
    }

    /// Leaves the state as the next script should find it.
    pub(super) unsafe fn tidy(&mut self) {
        let lua = self.lua.as_ptr();
        let core = self.core.as_ptr();
        // SAFETY: (12) reasons L and C; a collection may shrink Lua's string table, which allocates, so it is
        // protected. The other settings of the collector do not allocate.
        unsafe {
            ffi::lua_settop(lua, BASE_TOP);
            (*core).reply.shrink();
            (*core).building.clear();
            if (*core).host_room.result.is_some() {
                (*core).host_room = HostRoom::default();
            }
            (*core).json.end();
            for buffer in [&mut (*core).numbers, &mut (*core).text, &mut (*core).error, &mut (*core).dump] {
                if buffer.capacity() > KEPT {
                    *buffer = Vec::new();
                }
            }
            if (*core).more_args.capacity() > KEPT / size_of::<&[u8]>() {
                (*core).more_args = Vec::new();
            }
            if (*core).levels.capacity() > KEPT / size_of::<Level>() {
                (*core).levels = Vec::new();
            }
            if (*core).tuned_gc {
                (*core).tuned_gc = false;
                ffi::reset_collector(lua);
            }
            // Lua 5.1 does not collect when an allocation is refused: it must start with room.
            let limit = (*core).memory.limit;
            if limit != usize::MAX && (*core).memory.used > limit / 3 {
                // Not even the call that collects may find room below the limit.
                (*core).memory.limit = usize::MAX;
                ffi::lua_cpcall(lua, collect, std::ptr::null_mut());
                ffi::lua_settop(lua, BASE_TOP);
                (*core).memory.limit = limit;
            }
        }
    }

    /// Forgets a compiled script.
    pub(crate) fn forget(&mut self, function: Function) {
        let lua = self.lua.as_ptr();
        // SAFETY: (13) reason L; the list of free places begins in a place of the registry that may not exist yet, so
        // this is protected. If memory for that is refused, the place is lost.
        unsafe {
            if !function.slots.is_empty() {
                (*self.core.as_ptr()).free_kept.push(function.slots.kept);
            }
            ffi::lua_cpcall(lua, unref, function.reference as usize as *mut c_void);
            ffi::lua_settop(lua, BASE_TOP);
        }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // SAFETY: (14) reason C; the state goes first, as its allocator uses the core.
        unsafe {
            if !(ffi::LEAKS_WHEN_REFUSED && (*self.core.as_ptr()).memory.was_refused) {
                ffi::lua_close(self.lua.as_ptr());
                debug_assert_eq!((*self.core.as_ptr()).memory.used, 0, "Lua gave every block back");
            }
            drop(Box::from_raw(self.core.as_ptr()));
        }
    }
}

/// Takes back what a script was lent.
pub(super) struct Lent {
    pub(super) core: *mut Core,
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: (15) reason C.
        unsafe {
            (*self.core).host = None;
            (*self.core).inputs = Inputs::default();
            (*self.core).is_preparing = false;
            (*self.core).more_args.clear();
        }
    }
}

/// Slices with their lifetime forgotten, if the script uses them; see the safety note in `run`.
#[inline]
pub(super) fn lend(slices: &[&[u8]], used: Use, is_plain: bool) -> Option<Input> {
    let is_shared = is_plain && used == Use::Elements;
    (used != Use::None).then(|| Input { first: slices.as_ptr().cast(), len: slices.len(), is_shared })
}

/// Whether some of the first elements are so long that nothing should keep them after the script.
#[inline]
fn holds_long(all: &[&[u8]]) -> bool {
    all.iter().take(ELEMENTS.into()).any(|element| element.len() > KEPT_ELEMENT)
}

/// Sets the upvalues of the script at an index that hold elements of KEYS and ARGV. Short strings go where there is no
/// protected call; then the allocator must not fail.
#[inline]
unsafe fn fill(lua: *mut ffi::lua_State, script: i32, slots: Slots, all: [&[&[u8]]; 2]) {
    // SAFETY: (29) reasons L and C; no reference into the core is held while Lua may jump. With an allocator that does
    // not fail nothing here can: a step of the collector that it may begin calls no function, since no value of a state
    // has a `__gc`.
    unsafe {
        let core = core(lua);
        let room = slots.kept as usize;
        let mut at = 0;
        for (all, mut elements) in all.into_iter().zip(slots.elements) {
            while elements != 0 {
                let element = all.get(elements.trailing_zeros() as usize).copied();
                let is_there = (&(*core).kept)[room][at].is(element);
                if !is_there {
                    (&mut (*core).kept)[room][at] = Kept::NIL;
                    let kept = match element {
                        Some(bytes) => {
                            push_bytes(lua, bytes);
                            Kept::top(lua)
                        }
                        None => {
                            ffi::lua_pushnil(lua);
                            Kept::NIL
                        }
                    };
                    ffi::lua_setupvalue(lua, script, i32::from(slots.first) + at as i32);
                    (&mut (*core).kept)[room][at] = kept;
                }
                at += 1;
                elements &= elements - 1;
            }
        }
    }
}

/// Slots, and the elements of KEYS and ARGV as pointers and lengths.
type FillRequest = (Slots, [(*const &'static [u8], usize); 2]);

/// [`fill`] in a protected call: with a script and a pointer to the request.
pub(super) unsafe extern "C-unwind" fn fill_script(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (32) `Vm::fill_protected` passes them; what the request points to outlives the call.
    unsafe {
        let (slots, all) = *ffi::lua_touserdata(lua, 2).cast::<FillRequest>();
        fill(lua, 1, slots, all.map(|(first, len)| std::slice::from_raw_parts(first, len)));
        0
    }
}

/// Sets KEYS and ARGV where the script looks for them. Its upvalues are the table of globals, the two names, the
/// plain environment, and the two tables that are shared.
pub(super) unsafe extern "C-unwind" fn prepare(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (16) reasons L and C; the inputs are lent for the length of `run`, which calls this.
    unsafe {
        let core = core(lua);
        let inputs = (*core).inputs;
        let environment = ffi::lua_upvalueindex(if inputs.is_plain { 4 } else { 1 });
        for (list, name) in [(0, 2), (1, 3)] {
            let Some(input) = inputs.lists[list] else { continue };
            let shared = &raw mut (*core).shared_tables[list];
            let mut old = 0;
            if input.is_shared {
                ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(name + 3));
                // The greater of the two, until all is done: memory may run out meanwhile.
                old = (*shared).len;
                (*shared).len = old.max(input.len);
            } else {
                ffi::lua_createtable(lua, input.len as i32, 0);
            }
            for at in 0..input.len {
                push_bytes(lua, *input.first.add(at));
                ffi::lua_rawseti_(lua, -2, at as i32 + 1);
            }
            for at in input.len..old {
                ffi::lua_pushnil(lua);
                ffi::lua_rawseti_(lua, -2, at as i32 + 1);
            }
            if input.is_shared {
                (*shared).len = input.len;
                if (*shared).is_set {
                    continue;
                }
            }
            ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(name));
            ffi::lua_insert(lua, -2);
            ffi::lua_rawset(lua, environment);
            if inputs.is_plain {
                (*shared).is_set = input.is_shared;
            }
        }
        (*core).is_preparing = false;
        0
    }
}

/// Compiles the source that the core points to and leaves the function in the core; answers the message if that
/// fails. Its upvalues are the table of globals, the plain environment, and the closure of [`prepare`].
pub(super) unsafe extern "C-unwind" fn compile(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (17) reasons L and C; `Vm::compile` notes a pointer and a length that outlive the call.
    unsafe {
        let (first, len) = (*core(lua)).source;
        let source = std::slice::from_raw_parts(first, len);
        (*core(lua)).compiled = None;
        if load_text(lua, source, SCRIPT) == 0 {
            let dump = &raw mut (*core(lua)).dump;
            (*dump).clear();
            let complete = ffi::READS_BYTECODE && ffi::lua_dump_(lua, write_dump, dump.cast::<c_void>()) == 0;
            let needs = Needs::of(if complete { &*dump } else { &[] });
            let mut function = Function { reference: 0, needs, slots: Slots::default(), prepares: false };
            if complete && (*core(lua)).rewrites {
                write_anew(lua, &mut function);
            }
            let environment = match needs.environment {
                Environment::Proxy => None,
                Environment::Globals => Some(1),
                Environment::Plain => Some(2),
            };
            if let Some(upvalue) = environment {
                ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(upvalue));
                ffi::set_environment(lua);
            }
            function.reference = ffi::luaL_ref(lua, ffi::LUA_REGISTRYINDEX);
            (*core(lua)).compiled = Some(function);
            return 0;
        }
        1
    }
}

/// Replaces the script on top of the stack by the same one written anew, if there is something to gain. It is
/// compiled already: whatever fails here but the memory leaves it as it was.
unsafe fn write_anew(lua: *mut ffi::lua_State, function: &mut Function) {
    // SAFETY: (30) reasons L and C. A jump out of this frame passes over nothing that needs dropping: what was written
    // anew is in the core's buffer, and the list of upvalues in an array, before Lua is called.
    unsafe {
        let core = core(lua);
        let mut upvalues = [None; MOST_UPVALUES];
        let needs;
        {
            let names: Vec<&[u8]> = (*core).server.tables().iter().map(|name| name.to_bytes()).collect();
            let dump = &raw mut (*core).dump;
            let Some(rewritten) = rewrite(&*dump, function.needs, &names) else { return };
            for (place, upvalue) in upvalues.iter_mut().zip(&rewritten.upvalues) {
                *place = Some(*upvalue);
            }
            *dump = rewritten.dump;
            needs = rewritten.needs;
        }
        let (first, len) = ((*core).dump.as_ptr(), (*core).dump.len());
        match ffi::luaL_loadbuffer(lua, first.cast::<c_char>(), len, SCRIPT.as_ptr()) {
            0 => {}
            ffi::LUA_ERRMEM => {
                ffi::lua_error(lua);
            }
            _ => {
                debug_assert!(false, "Lua takes what was written anew");
                ffi::lua_settop(lua, -2);
                return;
            }
        }
        let script = ffi::lua_gettop(lua);
        let mut slots = Slots::default();
        let mut prepares = false;
        for (number, upvalue) in (1..).zip(upvalues.iter().map_while(|upvalue| *upvalue)) {
            match upvalue {
                Upvalue::Prepare => {
                    ffi::lua_pushvalue(lua, ffi::lua_upvalueindex(3));
                    prepares = true;
                }
                Upvalue::Call | Upvalue::Pcall => {
                    let name = if upvalue == Upvalue::Call { c"call" } else { c"pcall" };
                    ffi::lua_getfield_(lua, ffi::lua_upvalueindex(2), c"redis".as_ptr());
                    ffi::lua_getfield_(lua, -1, name.as_ptr());
                    ffi::lua_replace(lua, -2);
                }
                Upvalue::Element(elements, at) => {
                    if slots.is_empty() {
                        slots.first = number as u8;
                    }
                    slots.elements[usize::from(elements == Elements::Args)] |= 1 << at;
                    continue;
                }
            }
            ffi::lua_setupvalue(lua, script, number);
        }
        ffi::lua_replace(lua, -2);
        if !slots.is_empty() {
            slots.kept = (*core).free_kept.pop().unwrap_or((*core).kept.len() as u32);
            let rooms = &mut (*core).kept;
            match rooms.get_mut(slots.kept as usize) {
                Some(kept) => *kept = [Kept::NIL; SLOTS],
                None => rooms.push([Kept::NIL; SLOTS]),
            }
        }
        *function = Function { needs, slots, prepares, ..*function };
    }
}

/// A `lua_Writer` into a buffer of the core.
pub(super) unsafe extern "C-unwind" fn write_dump(
    _: *mut ffi::lua_State,
    bytes: *const c_void,
    len: usize,
    buffer: *mut c_void,
) -> i32 {
    // SAFETY: (20) `compile` passes the core's buffer; Lua passes bytes of its own.
    unsafe {
        let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), len);
        (*buffer.cast::<Vec<u8>>()).extend_from_slice(bytes);
    }
    0
}

/// Reads an error table into the core's `failure`. Fields are read through metatables, so this may raise.
pub(super) unsafe extern "C-unwind" fn describe(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (18) reasons L and C; what is read goes into the core's buffers at once, and no value that needs
    // dropping is in this frame when Lua is called again.
    unsafe {
        let failure = &raw mut (*core(lua)).failure;
        ffi::lua_settop(lua, 1);
        if ffi::lua_istable(lua, 1) == 0 {
            (*failure).line.extend_from_slice(b"ERR ");
            (*failure).line.extend_from_slice(bytes_at(lua, 1));
            return 0;
        }
        ffi::lua_getfield_(lua, 1, c"source".as_ptr());
        ffi::lua_getfield_(lua, 1, c"line".as_ptr());
        if ffi::lua_isstring(lua, 2) != 0 && ffi::lua_isnumber(lua, 3) != 0 {
            let line = ffi::lua_tonumber(lua, 3) as i64;
            (*failure).place = Some(Place::new(bytes_at(lua, 2), line));
        }
        ffi::lua_getfield_(lua, 1, c"ignore_error_stats_update".as_ptr());
        (*failure).counted = ffi::lua_toboolean(lua, 4) != 0;
        ffi::lua_getfield_(lua, 1, c"err".as_ptr());
        if ffi::lua_isstring(lua, 5) != 0 {
            ffi::lua_tolstring(lua, 5, std::ptr::null_mut());
            (*failure).line.extend_from_slice(bytes_at(lua, 5));
        } else {
            // Redis crashes on such an error; it has no text of its own.
            (*failure).line.extend_from_slice(b"ERR unknown error");
        }
        0
    }
}

pub(super) unsafe extern "C-unwind" fn unref(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (22) reason L; `Vm::forget` passes the number as the pointer.
    unsafe { ffi::luaL_unref(lua, ffi::LUA_REGISTRYINDEX, ffi::lua_touserdata(lua, 1) as usize as i32) };
    0
}

unsafe extern "C-unwind" fn collect(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (19) reason L.
    unsafe { ffi::lua_gc(lua, ffi::LUA_GCCOLLECT, 0) };
    0
}
