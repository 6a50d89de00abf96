//! [`ExpiryIndex`]: which keys of one database of one shard end when.
//!
//! An ordered set of `(deadline, hash of the key)`. It answers three questions that a table alone cannot: how many
//! keys are past their time but not yet removed (DBSIZE leaves them out), which key ends next, and whether there is
//! anything to remove at all, without reading a clock.
//!
//! # Invariants
//!
//! Every entry with a deadline has its pair in the index and no other pair is there. Two keys with equal deadlines
//! and equal 64-bit hashes would share one pair; the second of them would then be removed when it is next touched.
//!
//! # Costs
//!
//! O(log n) to add and remove, about 25 bytes a key.

use std::collections::BTreeSet;

#[derive(Default)]
pub(crate) struct ExpiryIndex {
    deadlines: BTreeSet<(i64, u64)>,
}

impl ExpiryIndex {
    pub(crate) fn len(&self) -> usize {
        self.deadlines.len()
    }

    pub(crate) fn add(&mut self, deadline: i64, hash: u64) {
        self.deadlines.insert((deadline, hash));
    }

    pub(crate) fn remove(&mut self, deadline: i64, hash: u64) {
        self.deadlines.remove(&(deadline, hash));
    }

    /// How many keys ended before `now` (milliseconds): at its deadline itself a key still exists.
    pub(crate) fn due(&self, now: i64) -> usize {
        self.deadlines.range(..(now, 0)).count()
    }

    /// The first key that ended before `now` (milliseconds).
    pub(crate) fn first_due(&self, now: i64) -> Option<(i64, u64)> {
        self.deadlines.first().copied().filter(|&(deadline, _)| deadline < now)
    }

    /// The sum of all the times that the keys have left, in milliseconds, for their average.
    pub(crate) fn total_ttl(&self, now: i64) -> i128 {
        self.deadlines.iter().map(|&(deadline, _)| i128::from(deadline.saturating_sub(now).max(0))).sum()
    }
}
