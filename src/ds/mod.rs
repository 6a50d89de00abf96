//! Layer 1: pure data structures. They know no locks, no clock, no key names and no replies.

pub(crate) mod hash_order;
pub(crate) mod lcs;
