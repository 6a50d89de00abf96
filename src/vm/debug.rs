//! The debugger's side of a state: a hook that stops the script at a line, asks the [`Host`](super::Host) what to do
//! there, and looks at variables, at the stack, or runs code for it.
//!
//! Nothing here runs unless [`Vm::debug`] runs the script: the core has a [`Room`] only then.
//!
//! The hook keeps the layer's rule by taking turns with the host. What the host wants is a plain [`Request`], with the
//! text that it is about in the room; the hook then does it in a protected call, with no Rust code on the stack that
//! has something to drop, and tells the host what it found piece by piece. So the host is never called while it is
//! being called, though code that is evaluated may come to `redis.call`.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

use super::Host;
use super::core::{Core, bytes_at, caught, core, host};
use super::ffi;
use super::limit;
use super::load::load_text;
use super::protect::behind;
use super::reply::push_error;
use super::run::{Failure, Function, Limits, SCRIPT, Vm};
use super::scan::Needs;
use crate::clock::monotonic_nanos;
use crate::error::Error;
use crate::num;
use crate::protocol::Protocol;
use crate::value::Value;

/// The chunk name of code that is evaluated while the script stands.
const EVAL: &CStr = c"@ldb_eval";

/// Instructions between two looks at the clock, and when else the hook is called.
const INTERVAL: i32 = 1_000;
const MASK: i32 = ffi::LUA_MASKLINE | ffi::LUA_MASKCOUNT;

/// Values in tables deeper than this are not shown, and no more bytes of one value than the other: a table may hold
/// itself many times.
const DEEPEST: usize = 10;
const LONGEST: usize = 4 * 1024 * 1024;

/// Why a script was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Step,
    Breakpoint,
    /// `redis.breakpoint()`.
    Called,
    /// It has run for too long since it was let go.
    TimedOut,
}

/// A script that stands at a line, counted from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    pub(crate) line: i64,
    /// `None` if it has not moved: what was asked before is done.
    pub(crate) reason: Option<Reason>,
    /// The protocol that the script chose.
    pub(crate) protocol: Protocol,
}

/// What the host wants of a script that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Go on to the next line.
    Step,
    /// Go on to the next breakpoint.
    Continue,
    /// End with an error.
    Abort,
    /// The local variables of the function that stands.
    Locals,
    /// The variable with the name that the host gave.
    Variable,
    Trace,
    /// Run the code that the host gave.
    Eval,
}

/// What the host is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told<'t> {
    Value(&'t [u8]),
    Local {
        name: &'t [u8],
        value: &'t [u8],
    },
    /// A function that runs, the innermost first.
    Frame {
        name: Option<&'t [u8]>,
        line: i64,
    },
    /// What was asked for failed.
    Failed(&'t [u8]),
    /// A function of the table `redis` pushed or raised this error; whether it is one that the script made.
    Error {
        line: &'t [u8],
        is_reply: bool,
    },
    /// `redis.debug()`.
    Debug {
        line: i64,
        values: &'t [u8],
    },
}

/// What a state keeps while its script is debugged.
pub(super) struct Room {
    /// Where Lua is, in whatever chunk.
    line: i64,
    /// Lines before the script's first one.
    before: i64,
    step: bool,
    /// `redis.breakpoint()` was called.
    called: bool,
    /// When the script was let go, and how long it may run until it is stopped (nanoseconds).
    since: u64,
    patience: u64,
    /// When code that is evaluated must end.
    deadline: u64,
    /// The error that comes says that code was evaluated.
    is_done: bool,
    /// What the host's request is about.
    about: Vec<u8>,
    /// A value as it is being spelled.
    out: Vec<u8>,
}

impl Vm {
    /// Compiles a script as it stands, so that its lines and variables are where its author sees them.
    ///
    /// # Errors
    ///
    /// The compiler's message.
    pub(crate) fn compile_to_debug(&mut self, source: &[u8]) -> Result<Function, Vec<u8>> {
        let core = self.core.as_ptr();
        // SAFETY: (20) reason C.
        unsafe {
            let rewrites = std::mem::replace(&mut (*core).rewrites, false);
            let function = self.compile(source);
            (*core).rewrites = rewrites;
            function
        }
    }

    /// Runs a script that was compiled for this, and stops it at its first line. It has no time limit: having run for
    /// `patience` nanoseconds it is stopped again.
    ///
    /// # Errors
    ///
    /// How it failed.
    pub(crate) fn debug(
        &mut self,
        function: Function,
        keys: &[&[u8]],
        args: &[&[u8]],
        host: &mut dyn Host,
        reply: usize,
        patience: u64,
    ) -> Result<Value, Failure> {
        let lua = self.lua.as_ptr();
        let core = self.core.as_ptr();
        // Code that is evaluated must find KEYS and ARGV, and nothing that it could change.
        let function =
            Function { needs: Needs { counting: false, ..Needs::ALL }, prepares: false, ..function };
        // SAFETY: (1) reasons L and C of the layer's head; what is pushed exists, and setting an environment allocates
        // nothing. The hook goes with the end of the run.
        unsafe {
            let before = (*core).server.prologue().iter().filter(|&&byte| byte == b'\n').count();
            let lodged = Lodged::new(
                core,
                Room {
                    line: 0,
                    before: before as i64,
                    step: true,
                    called: false,
                    since: monotonic_nanos(),
                    patience,
                    deadline: 0,
                    is_done: false,
                    about: Vec::new(),
                    out: Vec::new(),
                },
            );
            ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, function.reference);
            ffi::push_globals(lua);
            ffi::set_environment(lua);
            ffi::lua_settop(lua, -2);
            limit::install_other(lua, core, hook, MASK, INTERVAL);
            let result = self.run(function, keys, args, host, Limits { time: None, reply });
            drop(lodged);
            result
        }
    }
}

/// A room in its core. It is reached by a pointer only: what the hook calls has a use for it, too.
struct Lodged {
    core: *mut Core,
    room: NonNull<Room>,
}

impl Lodged {
    unsafe fn new(core: *mut Core, room: Room) -> Lodged {
        let room = NonNull::from(Box::leak(Box::new(room)));
        // SAFETY: (21) reason C.
        unsafe { (*core).debug = Some(room) };
        Lodged { core, room }
    }
}

impl Drop for Lodged {
    fn drop(&mut self) {
        // SAFETY: (22) reason C; the room was made by `new`, and nothing else has the pointer from here on.
        unsafe {
            (*self.core).debug = None;
            drop(Box::from_raw(self.room.as_ptr()));
        }
    }
}

/// The room of the script that is being debugged.
unsafe fn room(core: *mut Core) -> Option<*mut Room> {
    // SAFETY: (2) reason C; the room stays as long as the script runs, and no reference to the whole of it is kept.
    unsafe { (*core).debug.map(NonNull::as_ptr) }
}

unsafe fn tell(core: *mut Core, told: Told<'_>) {
    // SAFETY: (3) reason C; the host is not being called.
    unsafe {
        caught(|| {
            if let Some(host) = host(core) {
                host.told(told);
            }
        });
    }
}

/// A function of the table `redis` has made this error.
#[cold]
pub(super) unsafe fn note_error(lua: *mut ffi::lua_State, line: &[u8], is_reply: bool) {
    // SAFETY: (4) reason C.
    unsafe {
        let core = core(lua);
        if (*core).debug.is_some() {
            tell(core, Told::Error { line, is_reply });
        }
    }
}

/// `redis.breakpoint()`: whether a debugger will stop at the next line.
pub(super) unsafe extern "C-unwind" fn breakpoint(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (5) reasons L and C.
    unsafe {
        let room = room(core(lua));
        ffi::lua_pushboolean(lua, i32::from(room.is_some()));
        if let Some(room) = room {
            (*room).called = true;
        }
        1
    }
}

/// `redis.debug(...)`.
pub(super) unsafe extern "C-unwind" fn debug(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (6) reasons L and C; the text is in the room whenever Lua may jump.
    unsafe {
        let core = core(lua);
        let Some(room) = room(core) else { return 0 };
        (*room).out.clear();
        for index in 1..=ffi::lua_gettop(lua) {
            if index > 1 {
                (*room).out.extend_from_slice(b", ");
            }
            ffi::lua_pushvalue(lua, index);
            spell(lua, &raw mut (*room).out, 0);
            ffi::lua_settop(lua, -2);
        }
        tell(core, Told::Debug { line: (*room).line, values: &(*room).out });
        0
    }
}

/// Called by Lua at every new line, and every so many instructions.
unsafe extern "C-unwind" fn hook(lua: *mut ffi::lua_State, frame: *mut ffi::lua_Debug) {
    // SAFETY: (7) reasons L and C; `frame` is the one of the function that runs. All that is called here and has
    // something to drop is inside `caught`, or has returned before this raises.
    unsafe {
        let core = core(lua);
        let Some(room) = room(core) else { return };
        if limit::is_handling(lua) {
            return;
        }
        if let Some(stop) = (*core).watch.stop {
            limit::raise(lua, stop);
        }
        let is_line = (*frame).event == ffi::LUA_HOOKLINE;
        if !is_line {
            // For a kill. The watch has no time limit.
            if let Some(Some(stop)) = caught(|| limit::look(core)) {
                limit::raise(lua, stop);
            }
            // The hook may have been armed to fire earlier than usual.
            ffi::lua_sethook(lua, Some(hook), MASK, INTERVAL);
        }
        ffi::lua_getinfo(lua, c"Sl".as_ptr(), frame);
        let is_script = is_of_script(frame);
        (*room).line = line_of(room, frame);
        if !is_script {
            return;
        }
        let reason = if !is_line {
            if (*room).step || monotonic_nanos().saturating_sub((*room).since) < (*room).patience {
                return;
            }
            Reason::TimedOut
        } else if (*room).called {
            Reason::Called
        } else if caught(|| host(core).is_some_and(|host| host.has_breakpoint((*room).line))) == Some(true) {
            Reason::Breakpoint
        } else if (*room).step {
            Reason::Step
        } else {
            return;
        };
        (*room).step = false;
        (*room).called = false;
        let mut pause = Pause { line: (*room).line, reason: Some(reason), protocol: (*core).protocol };
        loop {
            let about = &raw mut (*room).about;
            let request =
                caught(|| host(core).map_or(Request::Abort, |host| host.stopped(pause, &mut *about)));
            let work = match request {
                Some(Request::Step) => {
                    (*room).step = true;
                    break;
                }
                Some(Request::Continue) => break,
                None | Some(Request::Abort) => limit::raise(lua, limit::abort(core)),
                Some(Request::Locals) => locals as ffi::lua_CFunction,
                Some(Request::Variable) => variable,
                Some(Request::Trace) => trace,
                Some(Request::Eval) => eval,
            };
            let top = ffi::lua_gettop(lua);
            let failed = ffi::lua_cpcall(lua, work, std::ptr::null_mut()) != 0;
            if failed && !std::mem::take(&mut (*room).is_done) {
                tell(core, Told::Failed(bytes_at(lua, -1)));
            }
            ffi::lua_settop(lua, top);
            pause = Pause { reason: None, protocol: (*core).protocol, ..pause };
        }
        (*room).since = monotonic_nanos();
    }
}

/// Whether a function belongs to the script's own text.
unsafe fn is_of_script(frame: *const ffi::lua_Debug) -> bool {
    // SAFETY: (8) `source` was filled in, a C string that lives as long as the function.
    unsafe { CStr::from_ptr((*frame).source) == SCRIPT }
}

/// Where a function stands, as the script's author counts lines.
unsafe fn line_of(room: *const Room, frame: *const ffi::lua_Debug) -> i64 {
    // SAFETY: (9) as 8.
    unsafe {
        let line = i64::from((*frame).currentline);
        if is_of_script(frame) { line - (*room).before } else { line }
    }
}

/// The function at a level of the stack below the one that asks; `None` if there is none.
unsafe fn frame_at(lua: *mut ffi::lua_State, level: i32, what: &CStr) -> Option<ffi::lua_Debug> {
    // SAFETY: (10) reason L; an all-zero `lua_Debug` is what the API fills in.
    unsafe {
        let mut frame: ffi::lua_Debug = std::mem::zeroed();
        if ffi::lua_getstack(lua, level + 1, &mut frame) == 0 {
            return None;
        }
        ffi::lua_getinfo(lua, what.as_ptr(), &mut frame);
        Some(frame)
    }
}

/// Calls `each` with the name of each local variable of a function, the variable on top of the stack, until it answers
/// true.
unsafe fn each_local(
    lua: *mut ffi::lua_State,
    frame: &ffi::lua_Debug,
    mut each: impl FnMut(&'static [u8]) -> bool,
) -> bool {
    // SAFETY: (11) reason L; the name lives as long as the function. `each` has nothing to drop.
    unsafe {
        for number in 1.. {
            let name = ffi::lua_getlocal(lua, frame, number);
            if name.is_null() {
                break;
            }
            let is_done = each(CStr::from_ptr(name).to_bytes());
            ffi::lua_settop(lua, -2);
            if is_done {
                return true;
            }
        }
        false
    }
}

unsafe extern "C-unwind" fn locals(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (12) reasons L and C; the frame and the closure are plain data.
    unsafe {
        let core = core(lua);
        let (Some(room), Some(frame)) = (room(core), frame_at(lua, 0, c"l")) else { return 0 };
        each_local(lua, &frame, |name| {
            if !ffi::TEMPORARIES.contains(&name) {
                (*room).out.clear();
                spell(lua, &raw mut (*room).out, 0);
                tell(core, Told::Local { name, value: &(*room).out });
            }
            false
        });
        0
    }
}

/// A local variable of the innermost function that has one of this name, or KEYS or ARGV.
unsafe extern "C-unwind" fn variable(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (13) as 12.
    unsafe {
        let core = core(lua);
        let Some(room) = room(core) else { return 0 };
        let about = &raw const (*room).about;
        let out = &raw mut (*room).out;
        (*out).clear();
        let mut level = 0;
        while let Some(frame) = frame_at(lua, level, c"l") {
            level += 1;
            if each_local(lua, &frame, |name| {
                let is_it = name == (*about).as_slice();
                if is_it {
                    spell(lua, out, 0);
                    tell(core, Told::Value(&*out));
                }
                is_it
            }) {
                return 0;
            }
        }
        for name in [c"KEYS", c"ARGV"] {
            if name.to_bytes() == (*about).as_slice() {
                ffi::push_globals(lua);
                ffi::lua_getfield_(lua, -1, name.as_ptr());
                spell(lua, out, 0);
                tell(core, Told::Value(&*out));
            }
        }
        0
    }
}

unsafe extern "C-unwind" fn trace(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (14) as 12; the name is valid while the frame runs.
    unsafe {
        let core = core(lua);
        let Some(room) = room(core) else { return 0 };
        let mut level = 0;
        while let Some(frame) = frame_at(lua, level, c"Snl") {
            level += 1;
            if is_of_script(&frame) {
                let name = (!frame.name.is_null()).then(|| CStr::from_ptr(frame.name).to_bytes());
                tell(core, Told::Frame { name, line: line_of(room, &frame) });
            }
        }
        0
    }
}

/// Runs code in a thread of its own: hooks are off in the one that stands, and code that never ends must be ended.
unsafe extern "C-unwind" fn eval(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (15) reasons L and C. The thread is on the stack while it is used; all that may raise in it is inside a
    // protected call of its own, so `running` is put back.
    unsafe {
        let core = core(lua);
        let Some(room) = room(core) else { return 0 };
        let thread = ffi::lua_newthread(lua);
        ffi::allow_hooks(lua);
        (*room).deadline = monotonic_nanos().saturating_add((*room).patience);
        ffi::lua_sethook(thread, Some(eval_hook), ffi::LUA_MASKCOUNT, INTERVAL);
        let before = std::mem::replace(&mut (*core).running, thread);
        if ffi::lua_cpcall(thread, eval_there, std::ptr::null_mut()) != 0 {
            tell(core, Told::Failed(bytes_at(thread, -1)));
        }
        (*core).running = before;
        if ffi::SHARES_HOOKS {
            if (*core).watch.stop.is_none() {
                ffi::lua_sethook(lua, Some(hook), MASK, INTERVAL);
            }
            // An error is what brings the note back that a hook is active.
            (*room).is_done = true;
            ffi::lua_pushnil(lua);
            ffi::lua_error(lua);
        }
        0
    }
}

unsafe extern "C-unwind" fn eval_there(lua: *mut ffi::lua_State) -> i32 {
    // SAFETY: (16) reasons L and C; the code and the value's text are in the room.
    unsafe {
        let core = core(lua);
        let Some(room) = room(core) else { return 0 };
        (*room).out.clear();
        (*room).out.extend_from_slice(b"return ");
        (*room).out.extend_from_slice(&(*room).about);
        if load_text(lua, &(*room).out, EVAL) != 0 {
            ffi::lua_settop(lua, 0);
            if load_text(lua, &(*room).about, EVAL) != 0 {
                tell(core, Told::Failed(bytes_at(lua, -1)));
                return 0;
            }
        }
        if ffi::lua_pcall(lua, 0, 1, 0) == 0 {
            (*room).out.clear();
            spell(lua, &raw mut (*room).out, 0);
            tell(core, Told::Value(&(*room).out));
            return 0;
        }
        if ffi::lua_istable(lua, -1) != 0 {
            ffi::lua_pushstring_(lua, c"err".as_ptr());
            ffi::lua_rawget_(lua, -2);
        }
        let message =
            if ffi::lua_type(lua, -1) == ffi::LUA_TSTRING { bytes_at(lua, -1) } else { b"unknown error" };
        tell(core, Told::Failed(message));
        0
    }
}

/// Ends code that takes too long. At every instruction from then on, so that it cannot catch the error and go on.
unsafe extern "C-unwind" fn eval_hook(lua: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: (17) as 7.
    unsafe {
        let core = core(lua);
        if let Some(Some(stop)) = caught(|| limit::look(core)) {
            limit::raise(lua, stop);
        }
        if room(core).is_some_and(|room| monotonic_nanos() >= (*room).deadline) {
            ffi::lua_sethook(lua, Some(eval_hook), ffi::LUA_MASKCOUNT, 1);
            push_error(lua, Error::SCRIPT_TIMED_OUT.as_bytes(), false);
            ffi::lua_error(lua);
        }
        ffi::lua_sethook(lua, Some(eval_hook), ffi::LUA_MASKCOUNT, INTERVAL);
    }
}

/// Spells the value on top of the stack, which stays there.
unsafe fn spell(lua: *mut ffi::lua_State, out: *mut Vec<u8>, depth: usize) {
    // SAFETY: (18) reason L; `out` is a buffer of the room, so a jump leaks nothing. Strings are not converted in place,
    // which would disturb `lua_next`.
    unsafe {
        if depth == DEEPEST {
            return (*out).extend_from_slice(b"<max recursion level reached! Nested table?>");
        }
        let kind = match ffi::lua_type(lua, -1) {
            ffi::LUA_TNIL => return (*out).extend_from_slice(b"nil"),
            ffi::LUA_TBOOLEAN => {
                let is = ffi::lua_toboolean(lua, -1) != 0;
                return (*out).extend_from_slice(if is { b"true" } else { b"false" });
            }
            ffi::LUA_TNUMBER => {
                return match ffi::integer_at(lua, -1) {
                    Some(integer) => {
                        (*out).extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
                    }
                    None => num::format_g(ffi::lua_tonumber(lua, -1), 6, &mut *out),
                };
            }
            ffi::LUA_TSTRING => return quote(bytes_at(lua, -1), &mut *out),
            ffi::LUA_TTABLE => return spell_table(lua, out, depth),
            ffi::LUA_TFUNCTION => "function",
            ffi::LUA_TUSERDATA => "userdata",
            ffi::LUA_TTHREAD => "thread",
            ffi::LUA_TLIGHTUSERDATA => "light-userdata",
            _ => return (*out).extend_from_slice(b"\"<unknown-lua-type>\""),
        };
        let mut pointer = ffi::lua_topointer(lua, -1);
        if kind == "light-userdata" {
            pointer = ffi::lua_touserdata(lua, -1);
        }
        spell_pointer(kind, pointer, &mut *out);
    }
}

fn spell_pointer(kind: &str, pointer: *const c_void, out: &mut Vec<u8>) {
    let place = if pointer.is_null() { "(nil)".to_owned() } else { format!("{pointer:p}") };
    out.extend_from_slice(format!("\"{kind}@{place}\"").as_bytes());
}

unsafe fn spell_table(lua: *mut ffi::lua_State, out: *mut Vec<u8>, depth: usize) {
    // SAFETY: (19) as 18; the table is on top, or in its place what it stands for.
    unsafe {
        if ffi::lua_checkstack(lua, 8) == 0 {
            return (*out).extend_from_slice(b"{...}");
        }
        ffi::lua_pushvalue(lua, -1);
        if let Some(real) = behind(lua, -1) {
            ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, real);
            ffi::lua_replace(lua, -2);
        }
        let mut count = 0.0;
        let mut is_array = true;
        ffi::lua_pushnil(lua);
        while ffi::lua_next(lua, -2) != 0 {
            count += 1.0;
            is_array &= ffi::lua_type(lua, -2) == ffi::LUA_TNUMBER && ffi::lua_tonumber(lua, -2) == count;
            ffi::lua_settop(lua, -2);
        }
        (*out).push(b'{');
        let mut is_first = true;
        ffi::lua_pushnil(lua);
        while ffi::lua_next(lua, -2) != 0 {
            if !is_first {
                (*out).extend_from_slice(b"; ");
            }
            is_first = false;
            if (*out).len() > LONGEST {
                (*out).extend_from_slice(b"...");
                ffi::lua_settop(lua, -3);
                break;
            }
            if !is_array {
                (*out).push(b'[');
                ffi::lua_pushvalue(lua, -2);
                spell(lua, out, depth + 1);
                ffi::lua_settop(lua, -2);
                (*out).extend_from_slice(b"]=");
            }
            spell(lua, out, depth + 1);
            ffi::lua_settop(lua, -2);
        }
        (*out).push(b'}');
        ffi::lua_settop(lua, -2);
    }
}

/// Quotes a string as Redis does: printable ASCII, and escapes for the rest.
pub(crate) fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
