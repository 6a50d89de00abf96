//! Libraries inside the VM. Each is written against the Lua API and the [`Host`](super::Host) only.

mod base;
mod coroutine;
mod pattern;
mod random;
mod redis;
mod string;
mod table;

pub(super) use base::FUNCTIONS as BASE;
pub(super) use coroutine::FUNCTIONS as COROUTINE;
pub(super) use random::FUNCTIONS as RANDOM;
pub(super) use redis::open as open_redis;
pub(super) use string::FUNCTIONS as STRING;
pub(super) use table::FUNCTIONS as SORT;
