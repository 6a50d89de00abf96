//! Layer 2: keys and their values, locked access to them ([`Ctx`]), and the one door for writes.

mod ctx;
pub(crate) mod effects;
mod entry;
mod expiry;
mod shard;
mod space;
mod stats;
pub(crate) mod stripe;
mod tally;
mod tunables;
mod undo;
mod wait;
mod watch;

pub(crate) use ctx::{Access, Ctx, Edit, Key, Shards, Turn, UNTOLD};
pub(crate) use effects::{Effects, News, Receivers, audience};
pub(crate) use entry::{Collection, Content, EMBEDDED, Entry, Text};
pub(crate) use shard::{Db, Shard};
pub(crate) use space::{Counter, Space};
pub(crate) use stats::Stats;
pub(crate) use tally::Tally;
pub(crate) use tunables::{POLICIES, Tunables};
pub(crate) use wait::{Attempt, Served, Wait, Waiter};
pub(crate) use watch::Watch;
