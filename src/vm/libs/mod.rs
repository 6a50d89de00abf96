//! Libraries inside the VM. Each is written against the Lua API and the [`Host`](super::Host) only.

mod base;
mod bit;
mod cjson;
mod cmsgpack;
mod coroutine;
mod host;
mod os;
mod output;
mod pattern;
mod random;
mod redis;
mod string;
mod structs;
mod table;
#[cfg(feature = "lua54")]
pub(super) mod table54;

pub(super) use base::FUNCTIONS as BASE;
pub(super) use cjson::Json;
pub(crate) use cjson::JsonSettings;
pub(super) use coroutine::FUNCTIONS as COROUTINE;
#[cfg(feature = "lua54")]
pub(super) use coroutine::is_suspended;
pub(super) use host::HostRoom;
pub(super) use output::Level;
pub(super) use random::FUNCTIONS as RANDOM;
pub(super) use redis::open as open_redis;
pub(super) use string::FUNCTIONS as STRING;
pub(super) use table::FUNCTIONS as SORT;

/// What opens a library: it pushes the library's table.
type Open = unsafe fn(*mut super::ffi::lua_State);

/// The libraries that are not Lua's own, by the names of their globals.
pub(super) const ADDED: &[(&std::ffi::CStr, Open)] = &[
    (c"bit", bit::open),
    (c"cjson", cjson::open),
    (c"cmsgpack", cmsgpack::open),
    (c"os", os::open),
    (c"struct", structs::open),
];
