//! The Lua API under one set of names, whichever language the crate is built with: those of Lua 5.1, and a few of its
//! own for what the dialects do in ways of their own. Nothing outside this module asks which one it is, but for
//! constants here.
//!
//! Where a dialect has another function for the same thing, its module defines one with the name of 5.1, which takes
//! the place of what `mlua` declares. Every function has the safety rules of the one that it stands for.

#[cfg(not(feature = "lua51"))]
mod base;
#[cfg(any(feature = "lua51", feature = "luajit"))]
mod lua51;
#[cfg(feature = "lua54")]
mod lua54;
#[cfg(feature = "luajit")]
mod luajit;

/// As `stock`, for a function that is written in C and calls metamethods.
#[cfg(feature = "lua54")]
pub(super) use base::stock as stock_that_calls;
#[cfg(not(feature = "lua51"))]
pub(super) use base::{getmetatable, rawget, rawset, setmetatable, stock};
#[cfg(feature = "lua51")]
pub(super) use lua51::stock as stock_that_calls;
#[cfg(feature = "lua51")]
pub(super) use lua51::*;
#[cfg(feature = "lua54")]
pub(super) use lua54::*;
#[cfg(feature = "luajit")]
pub(super) use luajit::*;

/// What goes on with a protected call that has ended, by its status.
pub(super) type Continuation = unsafe extern "C-unwind" fn(*mut lua_State, i32, isize) -> i32;

/// How a thread that was resumed came back.
pub(super) struct Resumed {
    pub(super) status: i32,
    /// How many values it left on its stack.
    pub(super) results: i32,
}
