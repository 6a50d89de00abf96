//! [`Records`]: a hash table of records, key bytes with value bytes, for the large forms of hashes, sets and sorted
//! sets.
//!
//! A [`HashOrder`] of addresses in an [`Arena`]: a look-up is one probe of slots of 8 bytes, which compares 32 bits
//! of the hash, and one read of the record.
//!
//! # Invariants
//!
//! The table holds the address of every record in the arena once, under the lower half of its key's hash. No two
//! records have the same key.
//!
//! # Costs
//!
//! Finding, adding, removing and a random pick expected O(1). A record takes its bytes, 2 more, filled up to 4, and
//! 10 to 20 bytes of slots. A copy is a copy of the slots and the pages, without a look at the records.
//!
//! A table that is filled in the order of another one with the same seed would fill from one end, at a cost of O(n²).
//! So the first record that comes has a part in the seed.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::arena::Arena;
pub(crate) use super::arena::At;
use super::hash_order::HashOrder;
use crate::rng::Rng;

#[derive(Clone)]
pub(crate) struct Records {
    table: HashOrder<At, ()>,
    arena: Arena,
    hasher: FixedState,
}

impl Records {
    /// No records. Whoever does not know the seed cannot choose keys that collide.
    pub(crate) fn new(seed: u64) -> Records {
        Records { table: HashOrder::new(), arena: Arena::new(), hasher: FixedState::with_seed(seed) }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// Bytes that the table and the records have allocated.
    pub(crate) fn memory(&self) -> usize {
        self.table.memory() + self.arena.memory()
    }

    #[inline]
    fn tag(&self, key: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.finish() as u32
    }

    #[inline]
    fn place(&self, tag: u32, key: &[u8]) -> Option<usize> {
        self.table.find(tag, |&at| self.arena.is(at, key))
    }

    /// The address of the record with this key. It is valid until the record is removed or its value changes its
    /// length, or until [`compact`](Records::compact).
    #[inline]
    pub(crate) fn find(&self, key: &[u8]) -> Option<At> {
        self.table.get(self.place(self.tag(key), key)?).copied()
    }

    #[inline]
    pub(crate) fn key(&self, at: At) -> &[u8] {
        self.arena.key(at)
    }

    #[inline]
    pub(crate) fn value(&self, at: At) -> &[u8] {
        self.arena.value(at)
    }

    /// The key and the value.
    #[inline]
    pub(crate) fn record(&self, at: At) -> (&[u8], &[u8]) {
        self.arena.record(at)
    }

    /// Adds a record or replaces its value, and says whether it is new.
    pub(crate) fn insert(&mut self, key: &[u8], value: &[u8]) -> (At, bool) {
        if self.is_empty() {
            self.hasher = FixedState::with_seed(self.hasher.hash_one(key));
        }
        let tag = self.tag(key);
        match self.place(tag, key) {
            Some(place) => (self.replace(place, value), false),
            None => {
                let at = self.arena.add(key, value);
                self.table.insert(tag, at);
                (at, true)
            }
        }
    }

    /// Replaces the value of the record at a place of the table.
    fn replace(&mut self, place: usize, value: &[u8]) -> At {
        let Some(slot) = self.table.get_mut(place) else {
            unreachable!("a place that was found has a record")
        };
        *slot = self.arena.set_value(*slot, value);
        *slot
    }

    /// The value, to be changed in place.
    #[inline]
    pub(crate) fn value_mut(&mut self, at: At) -> &mut [u8] {
        self.arena.value_mut(at)
    }

    /// Removes the record with this key; false if there is none.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let place = self.place(self.tag(key), key);
        self.remove_place(place)
    }

    /// Removes a record.
    pub(crate) fn remove_at(&mut self, at: At) {
        let place = self.table.find(self.tag(self.key(at)), |&other| other == at);
        self.remove_place(place);
    }

    fn remove_place(&mut self, place: Option<usize>) -> bool {
        let Some(at) = place.and_then(|place| self.table.remove(place)) else { return false };
        if self.is_empty() {
            self.arena = Arena::new();
        } else {
            self.arena.remove(at);
        }
        true
    }

    /// Whether so many records were removed that [`compact`](Records::compact) would free three quarters of the
    /// memory of all.
    #[inline]
    pub(crate) fn is_sparse(&self) -> bool {
        self.arena.is_sparse()
    }

    /// Copies the records into new memory. Every record gets a new address, which `moved` is told after the old one.
    pub(crate) fn compact(&mut self, mut moved: impl FnMut(At, At)) {
        let old = std::mem::take(&mut self.arena);
        for slot in self.table.iter_mut() {
            let at = *slot;
            let (key, value) = old.record(at);
            *slot = self.arena.add(key, value);
            moved(at, *slot);
        }
    }

    /// All addresses, in the order of the keys' hashes.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = At> + '_ {
        self.table.iter().copied()
    }

    /// All keys and values, in the order of the keys' hashes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + '_ {
        self.table.iter().map(|&at| self.arena.record(at))
    }

    /// Any record, each as likely as any other.
    pub(crate) fn random(&self, rng: &mut Rng) -> Option<At> {
        self.table.get(self.table.random(rng)?).copied()
    }

    /// Visits about `count` records from a cursor on, and answers the cursor to go on from: 0 at the end, and 0 to
    /// begin with. A record that is there from the first call to the last is visited at least once, whatever
    /// happens to others meanwhile.
    pub(crate) fn walk_addresses(&self, cursor: u64, count: usize, mut visit: impl FnMut(At)) -> u64 {
        let Ok(from) = u32::try_from(cursor) else { return 0 };
        let mut seen = 0;
        let mut last = None;
        let mut next = self.table.seek(from);
        while let Some((place, tag)) = next {
            // Records of equal tags are never parted, so that the tag is a sound cursor.
            if seen >= count.max(1) && last != Some(tag) {
                return tag.into();
            }
            if let Some(&at) = self.table.get(place) {
                visit(at);
            }
            seen += 1;
            last = Some(tag);
            next = self.table.after(place);
        }
        0
    }
}

#[cfg(test)]
#[path = "records/tests.rs"]
mod tests;
