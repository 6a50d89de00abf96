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

pub(crate) use hash::Hash;
pub(crate) use list::List;
pub(crate) use set::Set;
pub(crate) use zset::Zset;

/// How large a collection may grow before it leaves its packed form, and the seed of its large one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Fields of a packed hash, and bytes of a field or value in one.
    pub(crate) hash_entries: usize,
    pub(crate) hash_value: usize,
    /// A node of a list: items if positive; -1 to -5 stand for 4, 8, 16, 32 and 64 KiB.
    pub(crate) list_size: i32,
    /// Integers of a set that holds nothing else.
    pub(crate) intset_entries: usize,
    /// Members of a packed set, and bytes of one.
    pub(crate) set_entries: usize,
    pub(crate) set_value: usize,
    /// Members of a packed sorted set, and bytes of one.
    pub(crate) zset_entries: usize,
    pub(crate) zset_value: usize,
    /// Where the hashes of large forms start from, so that nobody can choose members that collide.
    pub(crate) seed: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            hash_entries: 512,
            hash_value: 64,
            list_size: -2,
            intset_entries: 512,
            set_entries: 128,
            set_value: 64,
            zset_entries: 128,
            zset_value: 64,
            seed: 0,
        }
    }
}
