//! Layer 1': a sandboxed Lua that runs Redis scripts against a [`Host`]: Lua 5.1, or what the crate is built with in its
//! place ([`ffi`]).
//!
//! Everything here works on the raw Lua API: through `mlua`'s own types a call from a script costs 427 ns for GET,
//! more than Redis takes (227), and 59 this way. `mlua` is used for what its `ffi` module gives: a vendored Lua and
//! its declarations.
//!
//! # The rule that keeps it sound
//!
//! Lua reports errors, running out of memory included, by a long jump. A jump over a Rust frame that still has
//! something to drop would leak it or worse, and a panic that leaves a C function would run past Lua's `pcall`.
//! Therefore every C function that reaches into Rust goes in three steps:
//!
//! 1. **Read** the arguments: plain data only (pointers into strings that stay on the Lua stack, numbers).
//! 2. **Run** Rust code inside one `catch_unwind`. It calls no Lua function that can raise, and leaves what it made
//!    in the [`Core`], which outlives the script.
//! 3. **Push** the result, or raise. Whatever jumps from here on, the frame holds plain data only.
//!
//! With LuaJIT the jump is an unwinding of the stack that is no panic of Rust's: a `catch_unwind` that it comes to ends the
//! process, and so does a program that is built to abort. The three steps keep it away from the first.
//!
//! Outside such functions Lua is entered through protected calls only ([`Vm::run`] and the set-up), since an error
//! with no protected call around it ends the process. One thing is done without: short elements of KEYS and ARGV become
//! Lua strings while the allocator does not fail (`run::fill`). Locks are held by the `Host`, above the protected call.
//!
//! Each `unsafe` block below either calls the Lua API with a state that [`Vm`] owns and stack indices that the
//! lines around it put there (reason L), or reaches the `Core` through the pointer that the state's allocator
//! carries (reason C: the `Core` lives as long as the state, is used by one thread at a time, and no reference to
//! the whole of it exists, only to single fields). Any other reason is written where it applies.
#![allow(unsafe_code, reason = "the Lua API is C; see the rule above")]

mod alloc;
mod call;
mod convert;
mod core;
mod debug;
mod ffi;
mod library;
mod libs;
mod limit;
mod load;
mod protect;
mod recent;
mod reply;
mod run;
mod scan;
mod server;
mod setup;
mod stack;

pub(crate) use self::core::Place;
pub(crate) use debug::{Pause, Reason, Request, Told, quote};
pub(crate) use library::{LibraryFunction, LoadFailure, Registration};
pub(crate) use libs::JsonSettings;
pub(crate) use limit::{Control, Sort};
pub(crate) use run::{Failure, Function, Limits, Raised, Vm};
pub(crate) use server::Server;

use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::value::Value;

/// How long a command takes, as far as that is known without a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At most some microseconds.
    Quick,
    /// That depends on the data.
    Any,
}

/// What a script may ask of the world.
pub(crate) trait Host {
    /// `redis.call` and `redis.pcall`. Leaves `pace` alone if the command was a quick one.
    fn call(&mut self, args: &[&[u8]], out: &mut dyn Reply, pace: &mut Pace) -> Result<()>;
    /// Whether the script has called a command that writes.
    fn has_written(&self) -> bool;
    /// Whether the script waited for other scripts since this was last asked: that time does not count.
    fn waited(&mut self) -> bool;
    /// The script ran out of time and cannot be stopped because it has written.
    fn overdue(&mut self);
    /// A look at the time limit, so many nanoseconds after the first one.
    fn looked(&mut self, _nanos: u64) {}
    /// The first look at the time limit: a clock that stands still for the script is read now at the latest.
    fn freeze_time(&mut self);
    /// `redis.log`.
    fn log(&mut self, level: u8, message: &[u8]);
    /// The bit of a flag of `redis.register_function`, whose name is in any case; `None` if there is no such flag.
    fn flag(&mut self, _name: &[u8]) -> Option<u32> {
        None
    }
    /// `host.name(...)`: the function of this number.
    fn function(&mut self, _number: usize, _args: &[Value]) -> Result<Value> {
        Err(Error::INTERNAL)
    }
    /// `redis.acl_check_cmd`: whether the command is known.
    fn knows(&mut self, args: &[&[u8]]) -> bool;
    /// The next 31 bits of the generator behind `math.random`.
    fn random(&mut self) -> i32;
    /// `math.randomseed`.
    fn seed(&mut self, seed: i32);
    /// A script that is being debugged stands at a line: what now? What the request is about goes into the buffer.
    fn stopped(&mut self, _pause: Pause, _about: &mut Vec<u8>) -> Request {
        Request::Abort
    }
    /// Whether a script that is being debugged must stop at this line.
    fn has_breakpoint(&mut self, _line: i64) -> bool {
        false
    }
    /// What a script that is being debugged has to say, or what was asked of it.
    fn told(&mut self, _told: Told<'_>) {}
}

#[cfg(test)]
mod tests;
