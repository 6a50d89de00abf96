//! [`IntSet`]: a set of integers, sorted, in one [`Block`].
//!
//! # Invariants
//!
//! 1. The block is a sequence of integers of 2, 4 or 8 bytes, lowest byte first; its spare byte tells the width.
//! 2. They rise strictly.
//! 3. The width is enough for every integer that was ever in the set; it never goes down, as in servers.
//!
//! # Costs
//!
//! Looking up O(log n), inserting and removing O(n) moves of bytes, by index and at random O(1).

use super::block::Block;
use crate::rng::Rng;

#[derive(Clone)]
pub(crate) struct IntSet(Block);

const _: () = assert!(size_of::<Option<IntSet>>() == 8);

/// The bytes that an integer needs.
fn width_of(number: i64) -> usize {
    if i16::try_from(number).is_ok() {
        2
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}

/// The integer with this index.
#[inline]
fn read(bytes: &[u8], width: usize, index: usize) -> Option<i64> {
    let bytes = bytes.get(index * width..)?;
    match width {
        2 => bytes.first_chunk().map(|bytes| i16::from_le_bytes(*bytes).into()),
        4 => bytes.first_chunk().map(|bytes| i32::from_le_bytes(*bytes).into()),
        _ => bytes.first_chunk().map(|bytes| i64::from_le_bytes(*bytes)),
    }
}

/// Writes an integer into bytes of its width.
fn write(place: &mut [u8], number: i64) {
    let width = place.len();
    place.copy_from_slice(&number.to_le_bytes()[..width]);
}

impl Default for IntSet {
    fn default() -> IntSet {
        IntSet::new()
    }
}

impl IntSet {
    pub(crate) fn new() -> IntSet {
        let mut block = Block::new();
        block.set_spare(2);
        IntSet(block)
    }

    #[inline]
    fn width(&self) -> usize {
        self.0.spare().into()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len() >> self.width().trailing_zeros()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes allocated.
    pub(crate) fn memory(&self) -> usize {
        self.0.memory()
    }

    /// The integer that is greater than `index` others.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<i64> {
        read(&self.0, self.width(), index)
    }

    /// The index of the number, or the one at which it would stand.
    #[inline]
    fn search(&self, number: i64) -> Result<usize, usize> {
        let (bytes, width) = (&*self.0, self.width());
        let (mut low, mut high) = (0, self.len());
        // Sets are often filled in rising order.
        if high > 0 && read(bytes, width, high - 1).is_some_and(|last| last < number) {
            return Err(high);
        }
        while low < high {
            let middle = (low + high) / 2;
            match read(bytes, width, middle) {
                Some(found) if found == number => return Ok(middle),
                Some(found) if found < number => low = middle + 1,
                _ => high = middle,
            }
        }
        Err(low)
    }

    #[inline]
    pub(crate) fn contains(&self, number: i64) -> bool {
        self.search(number).is_ok()
    }

    /// Whether the number is new.
    pub(crate) fn insert(&mut self, number: i64) -> bool {
        let Err(index) = self.search(number) else { return false };
        if width_of(number) > self.width() {
            self.widen(width_of(number));
        }
        let width = self.width();
        write(self.0.splice(index * width, 0, width), number);
        // A set is moved by every insert, and small: room for more would cost more than to move it once again.
        self.0.trim();
        true
    }

    /// Whether the number was there.
    pub(crate) fn remove(&mut self, number: i64) -> bool {
        let Ok(index) = self.search(number) else { return false };
        let width = self.width();
        self.0.splice(index * width, width, 0);
        true
    }

    #[cold]
    fn widen(&mut self, width: usize) {
        let mut block = Block::with_capacity((self.len() + 1) * width);
        let bytes = block.splice(0, 0, self.len() * width);
        for (place, number) in bytes.chunks_exact_mut(width).zip(self.iter()) {
            write(place, number);
        }
        block.set_spare(width as u8);
        self.0 = block;
    }

    /// The integers in rising order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + Clone + '_ {
        let (bytes, width) = (&*self.0, self.width());
        // Every index below the length has its integer.
        (0..self.len()).map(move |index| read(bytes, width, index).unwrap_or_default())
    }

    /// One of the integers, each as likely as the next.
    pub(crate) fn random(&self, rng: &mut Rng) -> Option<i64> {
        self.get(rng.below(self.len() as u64) as usize)
    }
}

#[cfg(test)]
#[path = "intset/tests.rs"]
mod tests;
