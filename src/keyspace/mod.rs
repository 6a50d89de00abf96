//! Layer 2: keys and their values, locked access to them ([`Ctx`]), and the one door for writes.

mod ctx;
mod entry;
mod expiry;
mod shard;
mod space;
mod stats;
mod undo;

pub(crate) use ctx::{Access, Ctx, Edit, Key, Shards, Turn};
pub(crate) use entry::{Collection, Content, EMBEDDED, Entry, Text};
pub(crate) use shard::{Db, Shard};
pub(crate) use space::{Counter, Space};
pub(crate) use stats::{Stats, Tally};
