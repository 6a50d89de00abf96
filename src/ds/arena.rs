//! [`Arena`]: many small records, a key and a value each, in few large blocks of memory.
//!
//! A record of its own would cost an allocation, its length and its slack; here it costs two bytes, and its address
//! [`At`] four instead of eight. Records stand one behind the other in *pages* of up to 64 KiB; the last page grows
//! with what is in it, so that a small arena is a small one. A copy of an arena is a copy of its pages.
//!
//! # Layout
//!
//! A page is divided into *units* of 4 bytes. A record is `[key length, value length, key, value]`, filled up to
//! whole units; lengths past a byte are written as `[255, key length: 2, value length: 2]`. A free block holds the
//! address of the next free block of the same size, in units, or 0. Records past [`MOST_UNITS`] are kept apart, each
//! in an allocation of its own, and so are all when the pages are full (8 GiB); their addresses have the
//! highest bit set.
//!
//! # Invariants
//!
//! 1. Unit 0 belongs to nobody, so that no address is 0.
//! 2. Every page but the last is full to 64 KiB, and only the last one's capacity is used up in order.
//! 3. Bytes of a page are records, free blocks that stand in the list of their size, or unit 0.
//! 4. Bit `n` of `sizes` is set just if the list of blocks of `n` units is not empty.
//! 5. An address is valid from [`add`](Arena::add) until [`remove`](Arena::remove), or until
//!    [`set_value`](Arena::set_value) answers another one.
//!
//! # Costs
//!
//! All operations O(1), and O(bytes of the record) to write one. Blocks that are free are not joined again: an arena
//! of which much is free is to be copied record by record into a new one, see [`is_sparse`](Arena::is_sparse).

use std::num::NonZeroU32;
use std::sync::Arc;

const UNIT: usize = 4;
/// Units of a page, as a power of two.
const PAGE_BITS: u32 = 14;
const PAGE: usize = UNIT << PAGE_BITS;
/// The longest record in a page.
const MOST_UNITS: usize = 1023;
/// The highest bit of the address of a record apart.
const APART: u32 = 1 << 31;
/// The first byte of a record whose lengths take two bytes each.
const LONG: u8 = u8::MAX;

/// The address of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct At(NonZeroU32);

#[derive(Clone, Default)]
pub(crate) struct Arena {
    pages: Vec<Vec<u8>>,
    /// The first free block of each size, by units.
    free: Vec<u32>,
    sizes: [u64; (MOST_UNITS + 1) / 64],
    free_units: usize,
    apart: Vec<Apart>,
    free_apart: Vec<u32>,
}

/// A record with an allocation of its own; a copy of the arena shares it until it is changed.
#[derive(Clone, Default)]
struct Apart {
    key_len: usize,
    bytes: Arc<[u8]>,
}

/// Where the parts of a record in a page are, from its start.
#[derive(Clone, Copy)]
struct Parts {
    key: usize,
    value: usize,
    end: usize,
}

impl Parts {
    #[inline]
    fn of(record: &[u8]) -> Parts {
        let (key, key_len, value_len) = match *record {
            [LONG, k0, k1, v0, v1, ..] => {
                (5, u16::from_le_bytes([k0, k1]).into(), u16::from_le_bytes([v0, v1]).into())
            }
            [key_len, value_len, ..] => (2, usize::from(key_len), usize::from(value_len)),
            _ => (0, 0, 0),
        };
        Parts { key, value: key + key_len, end: key + key_len + value_len }
    }

    /// Writes the head of a record.
    fn write(record: &mut [u8], key_len: usize, value_len: usize) -> Parts {
        let key = head_len(key_len, value_len);
        if key == 2 {
            record[..2].copy_from_slice(&[key_len as u8, value_len as u8]);
        } else {
            let ([k0, k1], [v0, v1]) = ((key_len as u16).to_le_bytes(), (value_len as u16).to_le_bytes());
            record[..5].copy_from_slice(&[LONG, k0, k1, v0, v1]);
        }
        Parts { key, value: key + key_len, end: key + key_len + value_len }
    }
}

/// Bytes before the key of a record in a page.
fn head_len(key: usize, value: usize) -> usize {
    if key < LONG.into() && value <= u8::MAX.into() { 2 } else { 5 }
}

/// The units that a record takes in a page; `None` if it goes apart.
fn units_of(key: usize, value: usize) -> Option<usize> {
    if key >= PAGE || value >= PAGE {
        return None;
    }
    let units = (head_len(key, value) + key + value).div_ceil(UNIT);
    (units <= MOST_UNITS).then_some(units)
}

impl Arena {
    pub(crate) fn new() -> Arena {
        Arena::default()
    }

    /// Adds a record.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) -> At {
        match units_of(key.len(), value.len()).and_then(|units| self.allocate(units)) {
            Some(unit) => {
                self.write(unit, key, value);
                At(unit)
            }
            None => self.add_apart(key, value),
        }
    }

    fn write(&mut self, unit: NonZeroU32, key: &[u8], value: &[u8]) {
        let record = self.block_mut(unit);
        let parts = Parts::write(record, key.len(), value.len());
        record[parts.key..parts.value].copy_from_slice(key);
        record[parts.value..parts.end].copy_from_slice(value);
    }

    /// The units of a record in a page.
    fn units(&self, unit: NonZeroU32) -> usize {
        Parts::of(self.block(unit)).end.div_ceil(UNIT)
    }

    fn add_apart(&mut self, key: &[u8], value: &[u8]) -> At {
        let record = Apart::new(key, value);
        let index = match self.free_apart.pop() {
            Some(index) => {
                self.apart[index as usize] = record;
                index
            }
            None => {
                self.apart.push(record);
                (self.apart.len() - 1) as u32
            }
        };
        // More than 2^31 of them would not fit a machine's memory.
        assert!(index < APART, "an arena holds fewer than 2^31 records apart");
        At::of_apart(index)
    }

    /// Takes a record away.
    pub(crate) fn remove(&mut self, at: At) {
        match at.apart() {
            Some(index) => {
                self.apart[index] = Apart::default();
                self.free_apart.push(index as u32);
            }
            None => {
                let units = self.units(at.0);
                self.release(at.0, units);
            }
        }
    }

    #[inline]
    pub(crate) fn key(&self, at: At) -> &[u8] {
        self.record(at).0
    }

    #[inline]
    pub(crate) fn value(&self, at: At) -> &[u8] {
        self.record(at).1
    }

    /// The key and the value.
    #[inline]
    pub(crate) fn record(&self, at: At) -> (&[u8], &[u8]) {
        match at.apart() {
            Some(index) => self.apart[index].record(),
            None => {
                let record = self.block(at.0);
                let parts = Parts::of(record);
                record[parts.key..parts.end].split_at(parts.value - parts.key)
            }
        }
    }

    /// Whether the record has this key.
    #[inline]
    pub(crate) fn is(&self, at: At, key: &[u8]) -> bool {
        if at.apart().is_none()
            && let [key_len, _, rest @ ..] = self.block(at.0)
            && *key_len != LONG
        {
            return usize::from(*key_len) == key.len() && rest.get(..key.len()) == Some(key);
        }
        self.key(at) == key
    }

    /// The value, to be changed in place.
    pub(crate) fn value_mut(&mut self, at: At) -> &mut [u8] {
        match at.apart() {
            Some(index) => {
                let Apart { key_len, bytes } = &mut self.apart[index];
                &mut Arc::make_mut(bytes)[*key_len..]
            }
            None => {
                let record = self.block_mut(at.0);
                let parts = Parts::of(record);
                &mut record[parts.value..parts.end]
            }
        }
    }

    /// Replaces the value. The record stays where it is if the value keeps its length.
    pub(crate) fn set_value(&mut self, at: At, value: &[u8]) -> At {
        let (key, old) = self.record(at);
        if old.len() == value.len() {
            self.value_mut(at).copy_from_slice(value);
            return at;
        }
        let mut short = [0; 64];
        let long;
        let key: &[u8] = match short.get_mut(..key.len()) {
            Some(copy) => {
                copy.copy_from_slice(key);
                copy
            }
            None => {
                long = key.to_vec();
                &long
            }
        };
        if at.apart().is_none() && units_of(key.len(), value.len()) == Some(self.units(at.0)) {
            self.write(at.0, key, value);
            return at;
        }
        self.remove(at);
        self.add(key, value)
    }

    /// Bytes that the arena has allocated.
    pub(crate) fn memory(&self) -> usize {
        self.pages.iter().map(Vec::capacity).sum::<usize>()
            + self.pages.capacity() * size_of::<Vec<u8>>()
            + (self.free.capacity() + self.free_apart.capacity()) * size_of::<u32>()
            + self.apart.capacity() * size_of::<Apart>()
            + self.apart.iter().map(Apart::memory).sum::<usize>()
    }

    /// Whether three quarters of the pages are free, and it is worth while to copy the rest into a new arena.
    pub(crate) fn is_sparse(&self) -> bool {
        let units = self.pages.len() << PAGE_BITS;
        self.free_units * UNIT > 1024 && self.free_units * 4 > (units - self.room()) * 3
    }

    /// Units of the last page that were never used.
    fn room(&self) -> usize {
        self.pages.last().map_or(0, |page| (PAGE - page.len()) / UNIT)
    }

    /// What stands from a unit to the end of its page.
    #[inline]
    fn block(&self, unit: NonZeroU32) -> &[u8] {
        let unit = unit.get() as usize;
        &self.pages[unit >> PAGE_BITS][unit % (1 << PAGE_BITS) * UNIT..]
    }

    #[inline]
    fn block_mut(&mut self, unit: NonZeroU32) -> &mut [u8] {
        let unit = unit.get() as usize;
        &mut self.pages[unit >> PAGE_BITS][unit % (1 << PAGE_BITS) * UNIT..]
    }

    /// A block of so many units; `None` if the pages are full.
    fn allocate(&mut self, units: usize) -> Option<NonZeroU32> {
        if let Some(unit) = self.take(units) {
            return Some(unit);
        }
        let bytes = units * UNIT;
        let fits = self.pages.last().is_some_and(|page| page.capacity() - page.len() >= bytes);
        if !fits {
            if let Some(unit) = self.take_part(units) {
                return Some(unit);
            }
            self.grow(bytes)?;
        }
        let number = (self.pages.len() - 1) << PAGE_BITS;
        let page = self.pages.last_mut()?;
        let unit = number + page.len() / UNIT;
        page.resize(page.len() + bytes, 0);
        NonZeroU32::new(unit as u32)
    }

    /// The first free block of exactly this size.
    fn take(&mut self, units: usize) -> Option<NonZeroU32> {
        let unit = NonZeroU32::new(*self.free.get(units)?)?;
        let next = self.block(unit).first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        self.free[units] = next;
        if next == 0 {
            self.sizes[units / 64] &= !(1 << (units % 64));
        }
        self.free_units -= units;
        Some(unit)
    }

    /// The front of the smallest free block that is larger.
    fn take_part(&mut self, units: usize) -> Option<NonZeroU32> {
        let first = units + 1;
        let mut words = self.sizes.iter().copied().enumerate().skip(first / 64);
        let larger = words.find_map(|(number, word)| {
            let word = if number == first / 64 { word >> (first % 64) << (first % 64) } else { word };
            (word != 0).then(|| number * 64 + word.trailing_zeros() as usize)
        })?;
        let unit = self.take(larger)?;
        // The rest is inside the same page.
        self.release(unit.saturating_add(units as u32), larger - units);
        Some(unit)
    }

    /// Puts a block in the list of its size.
    fn release(&mut self, unit: NonZeroU32, units: usize) {
        if self.free.len() <= units {
            self.free.resize(units + 1, 0);
        }
        let next = std::mem::replace(&mut self.free[units], unit.get());
        self.block_mut(unit)[..UNIT].copy_from_slice(&next.to_le_bytes());
        self.sizes[units / 64] |= 1 << (units % 64);
        self.free_units += units;
    }

    /// Makes room for so many bytes at the end of the last page, or in a new one.
    fn grow(&mut self, bytes: usize) -> Option<()> {
        let number = self.pages.len();
        if let Some(page) = self.pages.last_mut() {
            let len = page.len();
            if len + bytes <= PAGE {
                // By half, in a long arena by an eighth of it: its slack is at most an eighth.
                let step = (len / 2).max((number - 1) * (PAGE / 8));
                page.reserve_exact((len + step).clamp(len + bytes, PAGE) - len);
                return Some(());
            }
            page.reserve_exact(PAGE - len);
            page.resize(PAGE, 0);
            if len < PAGE {
                let unit = (number - 1) << PAGE_BITS | (len / UNIT);
                self.release(NonZeroU32::new(unit as u32)?, (PAGE - len) / UNIT);
            }
        }
        if (number + 1) << PAGE_BITS > APART as usize {
            return None;
        }
        let mut page = Vec::with_capacity((number * (PAGE / 8)).max(bytes + UNIT).clamp(256, PAGE));
        if number == 0 {
            page.resize(UNIT, 0);
        }
        self.pages.push(page);
        Some(())
    }
}

impl At {
    /// The address of a record apart.
    fn of_apart(index: u32) -> At {
        // One less and one more: a sum that cannot be 0.
        At(NonZeroU32::MIN.saturating_add(APART - 1 + index))
    }

    /// The number of a record apart; `None` for one in a page.
    #[inline]
    fn apart(self) -> Option<usize> {
        let at = self.0.get();
        (at >= APART).then_some((at ^ APART) as usize)
    }
}

impl Apart {
    fn new(key: &[u8], value: &[u8]) -> Apart {
        Apart { key_len: key.len(), bytes: [key, value].concat().into() }
    }

    fn record(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(self.key_len)
    }

    fn memory(&self) -> usize {
        // The two counts of an `Arc` stand before the bytes.
        self.bytes.len() + 2 * size_of::<usize>()
    }
}

#[cfg(test)]
#[path = "arena/tests.rs"]
mod tests;
