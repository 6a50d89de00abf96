//! [`HashOrder`]: a hash table whose slots stand in the order of their hashes.
//!
//! Linear probing in one array, where an item stands at or after its *home* (the top bits of its 32-bit tag) and the
//! array as a whole is sorted by tag. That order is what the key space needs and what other tables do not give:
//!
//! * a cursor is a tag, so a walk that was interrupted goes on at the same place although the table has grown,
//!   shrunk or moved its items meanwhile: nothing that stays is missed (the guarantee of SCAN);
//! * a look-up stops at the first greater tag, also when the item is absent;
//! * growing is one pass over both arrays, without hashing.
//!
//! # Invariants
//!
//! 1. Occupied slots are sorted by tag, and each stands at or after its home.
//! 2. No empty slot stands between an item's home and the item.
//! 3. The array does not wrap: it ends with a spare tail for items displaced past the last home. An insert that
//!    would run past the tail makes the tail longer: more homes would not help a crowd whose tags are all alike.
//! 4. `len <= capacity * 13 / 16`.
//!
//! # Costs
//!
//! Look-up, insert and remove expected O(1): 1.5 probes on the average at half fill, 3 at the fullest. A random
//! item O(1) expected while the table is at least an eighth full, which shrinking keeps. A slot takes 16 bytes for a
//! pointer-sized item with a [`Note`], and 8 for an item of 4 bytes without.
//!
//! The idea of keeping probe sequences sorted is Amble and Knuth's ("Ordered hash tables", The Computer Journal
//! 17(2), 1974).

use std::sync::atomic::{AtomicU32, Ordering};

use crate::rng::Rng;

/// Fewest homes of a table that is not empty.
const LEAST_HOMES: usize = 8;
/// Slots by which a tail that is full grows.
const MORE_TAIL: usize = 64;

/// A table of `T`s, each with an `N` beside it: a [`Note`], or `()` for none.
#[derive(Clone)]
pub(crate) struct HashOrder<T, N = Note> {
    slots: Vec<Slot<T, N>>,
    len: usize,
    /// The number of homes is `1 << bits`, when `slots` is not empty.
    bits: u32,
}

#[derive(Clone, Copy)]
struct Slot<T, N> {
    tag: u32,
    note: N,
    item: Option<T>,
}

/// A word beside an item that its owner may set through a shared reference.
#[derive(Default)]
pub(crate) struct Note(AtomicU32);

impl<T, N: Default> Slot<T, N> {
    fn empty() -> Slot<T, N> {
        Slot { tag: 0, note: N::default(), item: None }
    }
}

impl<T, N: Default> Default for HashOrder<T, N> {
    fn default() -> HashOrder<T, N> {
        HashOrder::new()
    }
}

impl<T> HashOrder<T, Note> {
    /// The word beside an item, 0 until it is set.
    #[inline]
    pub(crate) fn note(&self, at: usize) -> u32 {
        self.slots.get(at).map_or(0, |slot| slot.note.0.load(Ordering::Relaxed))
    }

    /// Sets the word beside the item.
    #[inline]
    pub(crate) fn set_note(&self, at: usize, note: u32) {
        if let Some(slot) = self.slots.get(at) {
            slot.note.set(note);
        }
    }

    /// The item with this tag for which `is` holds, and the word beside it.
    #[inline(always)]
    pub(crate) fn find_noted(&self, tag: u32, is: impl FnMut(&T) -> bool) -> Option<(&T, &Note)> {
        let (_, slot, item) = self.probe(tag, is)?;
        Some((item, &slot.note))
    }
}

impl Note {
    /// A store of the same value is left out: it would take the cache line from other readers.
    #[inline]
    pub(crate) fn set(&self, note: u32) {
        if self.0.load(Ordering::Relaxed) != note {
            self.0.store(note, Ordering::Relaxed);
        }
    }
}

impl<T, N: Default> HashOrder<T, N> {
    /// An empty table, which owns no memory.
    pub(crate) const fn new() -> HashOrder<T, N> {
        HashOrder { slots: Vec::new(), len: 0, bits: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that the table itself has allocated, those of the items left out.
    pub(crate) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<T, N>>()
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        (u64::from(tag) >> (32 - self.bits)) as usize
    }

    /// The position of the item with this tag for which `is` holds.
    ///
    /// Positions are valid until the next insert or remove.
    #[inline]
    pub(crate) fn find(&self, tag: u32, is: impl FnMut(&T) -> bool) -> Option<usize> {
        self.probe(tag, is).map(|(at, ..)| at)
    }

    #[inline(always)]
    fn probe(&self, tag: u32, mut is: impl FnMut(&T) -> bool) -> Option<(usize, &Slot<T, N>, &T)> {
        let home = self.home(tag);
        for (past, slot) in self.slots.get(home..)?.iter().enumerate() {
            let item = slot.item.as_ref()?;
            if slot.tag >= tag {
                if slot.tag > tag {
                    return None;
                }
                if is(item) {
                    return Some((home + past, slot, item));
                }
            }
        }
        None
    }

    /// The item at a position that [`find`](HashOrder::find) or [`seek`](HashOrder::seek) gave.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.slots.get(at)?.item.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.slots.get_mut(at)?.item.as_mut()
    }

    /// Adds an item that is not in the table and returns its position.
    pub(crate) fn insert(&mut self, tag: u32, item: T) -> usize {
        if self.slots.is_empty() || (self.len + 1) * 16 > (1 << self.bits) * 13 {
            self.resize(if self.slots.is_empty() { LEAST_HOMES.trailing_zeros() } else { self.bits + 1 });
        }
        let (at, end) = self.gap_for(tag);
        if end == self.slots.len() {
            self.slots.reserve_exact(MORE_TAIL);
            self.slots.resize_with(end + MORE_TAIL, Slot::empty);
        }
        self.slots[at..=end].rotate_right(1);
        self.slots[at] = Slot { tag, note: N::default(), item: Some(item) };
        self.len += 1;
        at
    }

    /// Where an item of this tag goes, and the empty slot up to which the items there move one to the right: the
    /// end of the array if there is none.
    fn gap_for(&self, tag: u32) -> (usize, usize) {
        let mut at = self.home(tag);
        while self.slots.get(at).is_some_and(|slot| slot.item.is_some() && slot.tag <= tag) {
            at += 1;
        }
        let mut end = at;
        while self.slots.get(end).is_some_and(|slot| slot.item.is_some()) {
            end += 1;
        }
        (at, end)
    }

    /// Takes the item at a position out.
    pub(crate) fn remove(&mut self, at: usize) -> Option<T> {
        let item = self.slots.get_mut(at)?.item.take()?;
        let mut end = at + 1;
        while self.slots.get(end).is_some_and(|slot| slot.item.is_some() && self.home(slot.tag) < end) {
            end += 1;
        }
        self.slots[at..end].rotate_left(1);
        self.len -= 1;
        if self.bits > LEAST_HOMES.trailing_zeros() && self.len * 8 < 1 << self.bits {
            self.resize(self.bits - 1);
        }
        Some(item)
    }

    fn resize(&mut self, bits: u32) {
        let homes = 1_usize << bits;
        let old = std::mem::take(&mut self.slots);
        self.bits = bits;
        self.slots.reserve_exact(homes + homes.min(64));
        self.slots.resize_with(homes + homes.min(64), Slot::empty);
        // Tags come in rising order, so each item goes to its home or right behind the one before.
        let mut free = 0;
        for slot in old {
            if slot.item.is_some() {
                let at = self.home(slot.tag).max(free);
                free = at + 1;
                if at >= self.slots.len() {
                    // Only a crowd at the very end gets here; the tail is as long as it needs to be.
                    self.slots.resize_with(at + 1, Slot::empty);
                }
                self.slots[at] = slot;
            }
        }
    }

    /// The position and tag of the first item whose tag is not below `tag`.
    pub(crate) fn seek(&self, tag: u32) -> Option<(usize, u32)> {
        if self.slots.is_empty() {
            return None;
        }
        let start = self.home(tag);
        let found = self.slots[start..].iter().position(|slot| slot.item.is_some() && slot.tag >= tag)?;
        Some((start + found, self.slots[start + found].tag))
    }

    /// The position and tag of the next item after a position.
    pub(crate) fn after(&self, at: usize) -> Option<(usize, u32)> {
        let found = self.slots.get(at + 1..)?.iter().position(|slot| slot.item.is_some())?;
        Some((at + 1 + found, self.slots[at + 1 + found].tag))
    }

    /// All items, by rising tag.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.item.as_ref())
    }

    /// All items, by rising tag.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| slot.item.as_mut())
    }

    /// The position of an item, each as likely as any other.
    pub(crate) fn random(&self, rng: &mut Rng) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        loop {
            let at = rng.below(self.slots.len() as u64) as usize;
            if self.slots[at].item.is_some() {
                return Some(at);
            }
        }
    }
}

#[cfg(test)]
#[path = "hash_order/tests.rs"]
mod tests;
