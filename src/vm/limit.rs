//! Stopping a script: the time limit and the kill switch.
//!
//! Lua calls [`hook`] every so many instructions, and the bridge looks too, every so many calls of commands, because
//! one command may take longer than many instructions. A script whose loops all pass through calls has no hook
//! ([`scan`](super::scan)). The clock is first read at the first look, so a short script
//! reads none. How many instructions pass between two looks adapts to how long they take: a loop over a slow
//! library function is looked at as often as a loop of additions.
//!
//! After the time limit the hook fires at every instruction: a script cannot catch the error and go on. After a
//! kill it fires at every new line, as in Redis.

use std::sync::atomic::{AtomicU64, Ordering};

use super::core::{Core, Place, caught, core, host};
use super::ffi;
use super::reply::push_error;
use super::setup::HANDLER_SOURCE;
use crate::clock::monotonic_nanos;
use crate::error::Error;

/// Instructions between two looks, at first, and at most: 1,000 cheap ones take some 5 microseconds, a look 30
/// nanoseconds. A loop over a library function that takes 50 microseconds is then looked at every 10 milliseconds.
const FEW: i32 = 200;
const MANY: i32 = 1_000;
/// What a script may take longer than its time limit before a step that takes long is refused, in nanoseconds.
const GRACE: u64 = 5_000_000;
/// How fast Lua fills new memory.
const BYTES_A_NANO: u64 = 8;
/// Calls of quick commands between two looks, at first and at most.
const FIRST_CALLS: u32 = 16;
const MOST_CALLS: u32 = 64;
/// Looks that are closer than this (nanoseconds) are made rarer, and more frequent when they are this much apart.
const CLOSE: u64 = 20_000;
const FAR: u64 = 500_000;

/// Why a script is being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    TimeLimit,
    Kill,
    /// A debugger's.
    Abort,
}

/// The switch between a running script and who may want to kill it: the number of the run, and some flags. A kill
/// and a first write race for it, and one of them wins.
#[derive(Default)]
pub(crate) struct Control(AtomicU64);

const RUNNING: u64 = 1;
const WROTE: u64 = 1 << 1;
const KILL: u64 = 1 << 2;
/// It has run out of time, and cannot be stopped.
const OVERDUE: u64 = 1 << 3;
/// What runs is a function of a library.
const FUNCTION: u64 = 1 << 4;
/// What runs is a library that is being loaded.
const LOAD: u64 = 1 << 5;
const RUN: u64 = 1 << 6;

/// What a state runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Script,
    Function,
    /// A library as it is loaded: only its time limit ends it.
    Load,
}

impl Sort {
    const fn bit(self) -> u64 {
        match self {
            Sort::Script => 0,
            Sort::Function => FUNCTION,
            Sort::Load => LOAD,
        }
    }
}

impl Control {
    /// A script begins.
    pub(crate) fn begin(&self, sort: Sort) {
        let run = (self.0.load(Ordering::Relaxed) & !(RUN - 1)).wrapping_add(RUN);
        self.0.store(run | RUNNING | sort.bit(), Ordering::Release);
    }

    pub(crate) fn end(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) & !(RUN - 1), Ordering::Release);
    }

    /// Marks the script as having written; false if it was killed first.
    pub(crate) fn begin_write(&self) -> bool {
        let free = self.0.load(Ordering::Acquire);
        if free & KILL != 0 {
            return false;
        }
        self.0.compare_exchange(free, free | WROTE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Kills the running script, or function, whichever is meant.
    ///
    /// # Errors
    ///
    /// There is none, it has written, or it is one of the other sort.
    pub(crate) fn kill(&self, sort: Sort) -> Result<(), Error> {
        self.end_by_kill(|seen| {
            if seen & LOAD != 0 {
                Err(Error::NOT_BUSY)
            } else if seen & WROTE != 0 {
                Err(Error::UNKILLABLE)
            } else if seen & FUNCTION != sort.bit() {
                Err(if seen & FUNCTION != 0 { Error::BUSY_FUNCTION } else { Error::BUSY })
            } else {
                Ok(())
            }
        })
    }

    /// Ends whatever runs, for its time limit. Fails if it has written.
    fn stop(&self) -> Result<(), Error> {
        self.end_by_kill(|seen| if seen & WROTE != 0 { Err(Error::UNKILLABLE) } else { Ok(()) })
    }

    fn end_by_kill(&self, may: impl Fn(u64) -> Result<(), Error>) -> Result<(), Error> {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            if seen & RUNNING == 0 {
                return Err(Error::NOT_BUSY);
            }
            may(seen)?;
            match self.0.compare_exchange_weak(seen, seen | KILL, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(()),
                Err(now) => seen = now,
            }
        }
    }

    /// The script has run out of time, and has written.
    fn mark_overdue(&self) {
        self.0.fetch_or(OVERDUE, Ordering::AcqRel);
    }

    /// Whether what runs has run out of time and cannot be stopped.
    pub(crate) fn is_overdue(&self) -> bool {
        self.0.load(Ordering::Acquire) & OVERDUE != 0
    }

    fn is_function(&self) -> bool {
        self.0.load(Ordering::Relaxed) & FUNCTION != 0
    }

    fn is_killed(&self) -> bool {
        self.0.load(Ordering::Relaxed) & KILL != 0
    }
}

/// What a running script is watched with.
pub(super) struct Watch {
    pub(super) control: std::sync::Arc<Control>,
    /// Nanoseconds; `None` is no limit.
    pub(super) limit: Option<u64>,
    started: Option<u64>,
    pub(super) last_look: u64,
    /// Instructions between two looks.
    interval: i32,
    /// Whether the main thread may have a hook.
    is_hooked: bool,
    /// Calls of commands until the next look, and between two looks.
    calls: u32,
    calls_between: u32,
    pub(super) stop: Option<Stop>,
    overdue: bool,
    /// Bytes that [`ends_within`] refused last: Lua 5.4 asks for the same again after a collection.
    refused: usize,
}

impl Watch {
    pub(super) fn new() -> Watch {
        Watch {
            control: std::sync::Arc::default(),
            limit: None,
            started: None,
            last_look: 0,
            interval: FEW,
            is_hooked: false,
            calls: FIRST_CALLS,
            calls_between: FIRST_CALLS,
            stop: None,
            overdue: false,
            refused: 0,
        }
    }

    /// Forgets the script before.
    #[inline]
    pub(super) fn reset(&mut self, limit: Option<u64>) {
        self.limit = limit;
        self.started = None;
        self.calls = FIRST_CALLS;
        self.calls_between = FIRST_CALLS;
        self.stop = None;
        self.overdue = false;
        self.refused = 0;
    }

    /// Whether this call of a command should look at the clock.
    #[inline]
    pub(super) fn wants_look(&mut self) -> bool {
        self.calls = self.calls.saturating_sub(1);
        self.calls == 0
    }

    /// The next call looks, whatever it is.
    #[inline]
    pub(super) fn look_soon(&mut self) {
        self.calls = 1;
    }

    /// Sets the next look of the calls by how long it was since the last one.
    pub(super) fn pace_calls(&mut self, before: u64) {
        let passed = self.last_look.saturating_sub(before);
        self.calls_between = match passed {
            0..CLOSE => (self.calls_between * 2).min(MOST_CALLS),
            FAR.. => (self.calls_between / 4).max(1),
            _ => self.calls_between,
        };
        self.calls = self.calls_between;
    }
}

/// Installs the hook on the main thread of a state.
pub(super) unsafe fn install(lua: *mut ffi::lua_State, core: *mut Core) {
    // SAFETY: (1) reasons L and C.
    unsafe {
        (*core).watch.interval = FEW;
        (*core).watch.is_hooked = true;
        ffi::lua_sethook(lua, Some(hook), ffi::LUA_MASKCOUNT, FEW);
    }
}

/// Installs another hook on the main thread of a state, which goes when the script ends as this one would.
pub(super) unsafe fn install_other(
    lua: *mut ffi::lua_State,
    core: *mut Core,
    hook: ffi::lua_Hook,
    mask: i32,
    count: i32,
) {
    // SAFETY: (10) reasons L and C.
    unsafe {
        (*core).watch.is_hooked = true;
        ffi::lua_sethook(lua, Some(hook), mask, count);
    }
}

/// Lets the script end for its debugger.
pub(super) unsafe fn abort(core: *mut Core) -> Stop {
    // SAFETY: (11) reason C.
    unsafe { (*core).watch.stop = Some(Stop::Abort) };
    Stop::Abort
}

/// Takes the hook away, if there may be one.
#[inline]
pub(super) unsafe fn uninstall(lua: *mut ffi::lua_State, core: *mut Core) {
    // SAFETY: (8) reasons L and C.
    unsafe {
        if (*core).watch.is_hooked {
            (*core).watch.is_hooked = false;
            ffi::lua_sethook(lua, None, 0, 0);
        }
    }
}

/// Looks whether the script must stop. Raises nothing.
pub(super) unsafe fn look(core: *mut Core) -> Option<Stop> {
    // SAFETY: (2) reason C.
    unsafe {
        let watch = &raw mut (*core).watch;
        if (*watch).stop.is_some() {
            return (*watch).stop;
        }
        if (*watch).control.is_killed() {
            (*watch).stop = Some(Stop::Kill);
            return Some(Stop::Kill);
        }
        let now = monotonic_nanos();
        (*watch).last_look = now;
        let Some(started) = (*watch).started else {
            (*watch).started = Some(now);
            if let Some(host) = host(core) {
                host.freeze_time();
            }
            return None;
        };
        if let Some(host) = host(core) {
            host.looked(now.saturating_sub(started));
        }
        let limit = (*watch).limit?;
        if host(core).is_some_and(|host| host.waited()) {
            (*watch).started = Some(now);
            return None;
        }
        if now.saturating_sub(started) < limit || (*watch).overdue {
            return None;
        }
        let host = host(core)?;
        if host.has_written() {
            (*watch).overdue = true;
            (*watch).control.mark_overdue();
            host.overdue();
            return None;
        }
        // What runs on in spite of the error (a coroutine that handles errors has a hook of its own) must not write:
        // the caller is told that the script had no effect.
        if (*watch).control.stop().is_err() {
            return None;
        }
        (*watch).stop = Some(Stop::TimeLimit);
        Some(Stop::TimeLimit)
    }
}

/// Whether a step that fills so many bytes takes the script past its time limit by more than [`GRACE`]. Then it is being
/// stopped: a table of millions of elements grows in one instruction, which nothing could end.
pub(super) unsafe fn ends_within(core: *mut Core, bytes: usize) -> bool {
    // SAFETY: (16) reason C; nothing here calls Lua.
    unsafe {
        let watch = &raw mut (*core).watch;
        if (*watch).limit.is_none() || (*watch).stop.is_some() {
            return (*watch).refused == bytes;
        }
        // What the script waited for others does not count; that is known after a look.
        if caught(|| look(core)).flatten().is_some() {
            (*watch).refused = bytes;
            return true;
        }
        let (Some(limit), Some(started)) = ((*watch).limit, (*watch).started) else { return false };
        let end = monotonic_nanos().saturating_add(bytes as u64 / BYTES_A_NANO);
        if (*watch).overdue
            || end.saturating_sub(started) < limit.saturating_add(GRACE)
            || host(core).is_none_or(|host| host.has_written())
            || (*watch).control.stop().is_err()
        {
            return false;
        }
        (*watch).stop = Some(Stop::TimeLimit);
        (*watch).refused = bytes;
        true
    }
}

/// Lets the hook fire at the next instruction, for a reason that was found outside it: raised from there, the error
/// names the script's own line and not one of the error handler, which the hook would enter first.
pub(super) unsafe fn arm(lua: *mut ffi::lua_State) {
    // SAFETY: (5) reasons L and C.
    unsafe {
        (*core(lua)).watch.is_hooked = true;
        if (*core(lua)).debug.is_some()
            && let Some(debugger) = ffi::lua_gethook(lua)
        {
            // Its hook looks too, and counts as it did before.
            ffi::lua_sethook(lua, Some(debugger), ffi::lua_gethookmask(lua), 1);
            return;
        }
        ffi::lua_sethook(lua, Some(hook), ffi::LUA_MASKCOUNT, 1);
    }
}

/// Raises the error that ends the script, and sees to it that it cannot go on.
pub(super) unsafe fn raise(lua: *mut ffi::lua_State, stop: Stop) -> ! {
    // SAFETY: (3) reason L; nothing in this frame needs dropping.
    unsafe {
        (*core(lua)).watch.is_hooked = true;
        match stop {
            Stop::TimeLimit | Stop::Abort => {
                ffi::lua_sethook(lua, Some(hook), ffi::LUA_MASKCOUNT, 1);
                let main = (*core(lua)).main;
                ffi::lua_sethook(main, Some(hook), ffi::LUA_MASKCOUNT, 1);
                push_stop(lua, stop);
            }
            Stop::Kill => {
                ffi::lua_sethook(lua, Some(hook), ffi::LUA_MASKLINE, 0);
                let main = (*core(lua)).main;
                ffi::lua_sethook(main, Some(hook), ffi::LUA_MASKLINE, 0);
                push_stop(lua, stop);
            }
        }
        ffi::lua_error(lua)
    }
}

/// Whether the error handler runs and must not be disturbed, as an error in it is the last word in some dialects. It ends
/// by itself.
pub(super) unsafe fn is_handling(lua: *mut ffi::lua_State) -> bool {
    // SAFETY: (13) reason L.
    unsafe {
        ffi::HANDLES_ONE_ERROR
            && Place::current(lua, 0).is_some_and(|place| place.source() == HANDLER_SOURCE.to_bytes())
    }
}

/// Pushes the error that ends the script.
unsafe fn push_stop(lua: *mut ffi::lua_State, stop: Stop) {
    // SAFETY: (12) reason L.
    unsafe {
        match stop {
            Stop::TimeLimit => push_error(lua, Error::SCRIPT_TIMED_OUT.as_bytes(), true),
            Stop::Kill => push_error(lua, killed(lua), false),
            Stop::Abort => push_error(lua, Error::SCRIPT_ABORTED.as_bytes(), false),
        }
    }
}

/// The line of the error that ends the script.
pub(super) unsafe fn line(lua: *mut ffi::lua_State, stop: Stop) -> Vec<u8> {
    match stop {
        Stop::TimeLimit => Error::SCRIPT_TIMED_OUT.as_bytes().to_vec(),
        // SAFETY: (14) reason C.
        Stop::Kill => unsafe { killed(lua).to_vec() },
        Stop::Abort => Error::SCRIPT_ABORTED.as_bytes().to_vec(),
    }
}

/// The line of a killed script's error.
unsafe fn killed(lua: *mut ffi::lua_State) -> &'static [u8] {
    // SAFETY: (9) reason C.
    unsafe {
        let core = core(lua);
        let texts = (*core).texts;
        let is_function = (*core).watch.control.is_function();
        if is_function { texts.function_killed } else { texts.killed }.as_bytes()
    }
}

/// Raises if the script must stop: for C functions that take long, or that another C function may call again and
/// again, so that no instruction runs between.
pub(super) unsafe fn check(lua: *mut ffi::lua_State) {
    // SAFETY: (6) as 4.
    unsafe {
        let core = core(lua);
        let was_stopping = (*core).watch.stop.is_some();
        if let Some(Some(stop)) = caught(|| look(core)) {
            // The error handler runs first, and the hook must not fire in it; from then on it ends what goes on. To set it
            // again would begin its count again, and a loop that catches this error would never come to its end.
            if !was_stopping || ffi::lua_gethook(lua).is_none() {
                (*core).watch.is_hooked = true;
                ffi::lua_sethook(lua, Some(hook), ffi::LUA_MASKCOUNT, MANY);
            }
            push_stop(lua, stop);
            ffi::lua_error(lua);
        }
    }
}

/// Whether the script is being stopped.
pub(super) unsafe fn is_stopping(lua: *mut ffi::lua_State) -> bool {
    // SAFETY: (7) reason C.
    unsafe { (*core(lua)).watch.stop.is_some() }
}

/// Called by Lua every `interval` instructions.
unsafe extern "C-unwind" fn hook(lua: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: (4) reasons L and C; `look` calls no Lua function, a panic in it (a program's own clock may have one)
    // stops here, and `raise` finds nothing to drop in this frame.
    unsafe {
        let core = core(lua);
        let watch = &raw mut (*core).watch;
        let before = (*watch).last_look;
        if let Some(Some(stop)) = caught(|| look(core))
            && !is_handling(lua)
        {
            raise(lua, stop);
        }
        let passed = (*watch).last_look.saturating_sub(before);
        let interval = (*watch).interval;
        let next = match passed {
            0..CLOSE => (interval * 2).min(MANY),
            FAR.. => (interval / 4).max(1),
            _ => interval,
        };
        // In any case: the hook may have been armed to fire earlier than usual.
        (*watch).interval = next;
        if !ffi::WALKS_TO_SET_HOOKS {
            ffi::lua_sethook(lua, Some(hook), ffi::LUA_MASKCOUNT, next);
        } else if ffi::lua_gethookcount(lua) != next {
            ffi::lua_sethook(lua, Some(hook), ffi::LUA_MASKCOUNT, next);
            // That may take long, and says nothing about the script's instructions.
            (*watch).last_look = monotonic_nanos();
        }
    }
}
