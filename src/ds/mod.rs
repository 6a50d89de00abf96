//! Layer 1: pure data structures. They know no locks, no clock, no key names and no replies.

mod arena;
mod block;
pub(crate) mod hash;
pub(crate) mod hash_order;
pub(crate) mod intset;
pub(crate) mod lcs;
pub(crate) mod list;
pub(crate) mod packed;
mod rank_tree;
pub(crate) mod records;
pub(crate) mod set;
pub(crate) mod zset;

use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use hash::Hash;
pub(crate) use list::List;
pub(crate) use set::Set;
pub(crate) use zset::Zset;

/// A number that is read at every write and may be changed meanwhile (CONFIG SET). Reading it is a plain load.
#[derive(Debug)]
pub(crate) struct Limit(AtomicUsize);

impl Limit {
    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Of a limit that may be negative.
    #[inline(always)]
    pub(crate) fn signed(&self) -> isize {
        self.get() as isize
    }

    pub(crate) fn set(&self, limit: impl Into<Limit>) {
        self.0.store(limit.into().get(), Ordering::Relaxed);
    }
}

impl From<usize> for Limit {
    fn from(limit: usize) -> Limit {
        Limit(AtomicUsize::new(limit))
    }
}

impl From<i32> for Limit {
    fn from(limit: i32) -> Limit {
        Limit::from(limit as isize as usize)
    }
}

impl Clone for Limit {
    fn clone(&self) -> Limit {
        Limit::from(self.get())
    }
}

/// How large a collection may grow before it leaves its packed form, and the seed of its large one.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Fields of a packed hash, and bytes of a field or value in one.
    pub(crate) hash_entries: Limit,
    pub(crate) hash_value: Limit,
    /// A node of a list: items if positive; -1 to -5 stand for 4, 8, 16, 32 and 64 KiB.
    pub(crate) list_size: Limit,
    /// Integers of a set that holds nothing else.
    pub(crate) intset_entries: Limit,
    /// Members of a packed set, and bytes of one.
    pub(crate) set_entries: Limit,
    pub(crate) set_value: Limit,
    /// Members of a packed sorted set, and bytes of one.
    pub(crate) zset_entries: Limit,
    pub(crate) zset_value: Limit,
    /// Where the hashes of large forms start from, so that nobody can choose members that collide.
    pub(crate) seed: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            hash_entries: 512.into(),
            hash_value: 64.into(),
            list_size: (-2).into(),
            intset_entries: 512.into(),
            set_entries: 128.into(),
            set_value: 64.into(),
            zset_entries: 128.into(),
            zset_value: 64.into(),
            seed: 0,
        }
    }
}
