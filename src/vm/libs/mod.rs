//! Libraries inside the VM. Each is written against the Lua API and the [`Host`](super::Host) only.

mod base;
mod random;
mod redis;

pub(super) use base::FUNCTIONS as BASE;
pub(super) use random::FUNCTIONS as RANDOM;
pub(super) use redis::open as open_redis;
