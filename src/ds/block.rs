//! [`Block`]: a reference-counted, growable run of bytes behind one thin pointer.
//!
//! ```text
//! count of references (4) | length (4) | size class (1) | spare (1) | bytes
//! ```
//!
//! # Why `unsafe`
//!
//! In safe code this is an `Arc<Vec<u8>>`: two allocations and 40 bytes of bookkeeping for a small hash of 60 bytes.
//! A million small collections are what a store like this one holds, so the count, the length and the bytes are one
//! allocation here, with ten bytes of bookkeeping.
//!
//! # Invariants
//!
//! 1. The pointer is to an allocation of `size(class)` bytes, aligned to 8, that begins with the ten bytes above.
//! 2. The count is the number of `Block`s that point to the allocation; the last one frees it.
//! 3. Nothing but the count is written while it is above one.
//! 4. All bytes up to the capacity are initialized, and the length is at most the capacity.
//!
//! # Costs
//!
//! A clone is one increment. A write to a shared block copies it first. Sizes are 8 less than a multiple of 16 (what
//! common allocators hand out anyway) up to 120 bytes, and go up in steps of an eighth of a power of two from there.
//! A block past 256 bytes grows by at least a quarter, and any block is cut when less than half is in use, so that
//! appending and cutting take amortized constant time.
#![allow(unsafe_code, reason = "see above; each use carries its reason")]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error, realloc};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

pub(crate) struct Block(NonNull<u8>);

/// Where the parts of the head stand, and how long it is.
const LEN: usize = 4;
const CLASS: usize = 8;
const SPARE: usize = 9;
const HEAD: usize = 10;

/// What an allocator adds to an allocation.
const OVERHEAD: usize = 8;
/// The size class up to which sizes go up in steps of 16.
const LAST_SMALL: usize = 6;
/// The length from which a block grows by more than it has to.
const GENEROUS: usize = 256;
/// Up to this size, zeroing by hand is faster than asking for zeroed memory.
const SMALL: usize = 1024;
/// More references than this are not counted; a clone copies the bytes instead.
const MOST_REFERENCES: u32 = 1 << 31;

const _: () = assert!(size_of::<Option<Block>>() == 8);

// SAFETY: (1) a block's bytes change only while one `Block` points to them, through `&mut`; the count is atomic.
unsafe impl Send for Block {}
// SAFETY: (2) as 1.
unsafe impl Sync for Block {}

/// The bytes of an allocation of this class: 24, 40 … 120, then 136, 152 … 248, 280, 312 …
#[inline]
const fn size(class: u8) -> usize {
    let class = class as usize;
    let whole = if class <= LAST_SMALL {
        32 + 16 * class
    } else {
        let step = class - LAST_SMALL;
        (128 + 16 * (step % 8)) << (step / 8)
    };
    whole - OVERHEAD
}

#[inline]
const fn capacity(class: u8) -> usize {
    size(class) - HEAD
}

/// The smallest class that holds so many bytes.
fn class_of(len: usize) -> u8 {
    assert!(u32::try_from(len).is_ok(), "a block is longer than 4 GiB");
    let whole = len + HEAD + OVERHEAD;
    let class = if whole <= 128 {
        whole.div_ceil(16).max(2) - 2
    } else {
        let doublings = (whole - 1).ilog2() as usize - 7;
        let steps = (whole - (128 << doublings)).div_ceil(16 << doublings);
        LAST_SMALL + 8 * doublings + steps
    };
    // At most 6 + 8 * 26, as the length is below 2^32.
    class as u8
}

fn layout(class: u8) -> Layout {
    // SAFETY: (3) 8 is a power of two, and a class comes from `class_of`, so its size is below 2^34.
    unsafe { Layout::from_size_align_unchecked(size(class), 8) }
}

impl Block {
    pub(crate) fn new() -> Block {
        Block::of_class(0)
    }

    /// Empty, with room for so many bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Block {
        Block::of_class(class_of(capacity))
    }

    /// An empty block.
    fn of_class(class: u8) -> Block {
        let layout = layout(class);
        let is_small = layout.size() <= SMALL;
        // SAFETY: (4) a size is at least 24.
        let start = unsafe { if is_small { alloc(layout) } else { alloc_zeroed(layout) } };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        // SAFETY: (5) the head is inside the allocation, and its words are aligned because the allocation is.
        unsafe {
            if is_small {
                start.write_bytes(0, layout.size());
            }
            start.cast::<u32>().write(1);
            start.add(CLASS).write(class);
        }
        Block(start)
    }

    #[inline]
    fn references(&self) -> &AtomicU32 {
        // SAFETY: (6) the first word is the count, and nothing reads or writes it in another way once it is made.
        unsafe { self.0.cast::<AtomicU32>().as_ref() }
    }

    /// Whether a write would change the bytes where they are.
    #[inline]
    pub(crate) fn is_unique(&self) -> bool {
        // Acquire: the last owner but this one may have written before it let go.
        self.references().load(Ordering::Acquire) == 1
    }

    #[inline]
    fn class(&self) -> u8 {
        // SAFETY: (7) invariant 1.
        unsafe { self.0.add(CLASS).read() }
    }

    #[inline]
    fn start(&self) -> *mut u8 {
        // SAFETY: (8) every allocation is longer than its head.
        unsafe { self.0.as_ptr().add(HEAD) }
    }

    /// Callers have a block of their own with a capacity of at least `len`.
    #[inline]
    fn set_len(&mut self, len: usize) {
        debug_assert!(len <= capacity(self.class()) && self.is_unique());
        // SAFETY: (9) invariant 1; the length is aligned to 4.
        unsafe { self.0.add(LEN).cast::<u32>().write(len as u32) };
    }

    /// The bytes, to be changed; copied first if they are shared.
    #[inline]
    pub(crate) fn make_mut(&mut self) -> &mut [u8] {
        if !self.is_unique() {
            self.copy(self.len(), 0, 0);
        }
        // SAFETY: (10) invariants 1 and 4, and nobody else points to the block.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.len()) }
    }

    /// Puts `insert` bytes in the place of the `remove` bytes at `at`, and hands them out to be written: until then
    /// they are whatever stood there.
    #[inline]
    pub(crate) fn splice(&mut self, at: usize, remove: usize, insert: usize) -> &mut [u8] {
        let len = self.len();
        assert!(at <= len && remove <= len - at, "a splice past the end of a block");
        let new = len - remove + insert;
        let capacity = capacity(self.class());
        if !self.is_unique() {
            self.copy(at, remove, insert);
        } else if new > capacity {
            self.resize(class_of(if new > GENEROUS { new.max(capacity + capacity / 4) } else { new }));
            self.slide(at, remove, insert);
        } else {
            self.slide(at, remove, insert);
            if new < capacity / 2 && insert < remove && self.class() > 0 {
                self.resize(class_of(new));
            }
        }
        // SAFETY: (11) invariants 1 and 4, nobody else points to the block, and its length is at least `at + insert`.
        unsafe { std::slice::from_raw_parts_mut(self.start().add(at), insert) }
    }

    /// Moves what stands behind the removed bytes, in a block of one's own that has the room.
    #[inline]
    fn slide(&mut self, at: usize, remove: usize, insert: usize) {
        let len = self.len();
        let rest = len - at - remove;
        if rest > 0 && insert != remove {
            // SAFETY: (12) `at + remove + rest` is the old length and `at + insert + rest` the new one, both at most
            // the capacity.
            unsafe { self.start().add(at + remove).copy_to(self.start().add(at + insert), rest) };
        }
        self.set_len(at + insert + rest);
    }

    /// Gives a block of one's own another class, with room for at least its length.
    #[cold]
    fn resize(&mut self, class: u8) {
        let (old, len) = (self.class(), self.len());
        if class == old {
            return;
        }
        debug_assert!(len <= capacity(class) && self.is_unique());
        let wanted = layout(class);
        // SAFETY: (13) invariant 1: the allocation was made with the layout of its class.
        let start = unsafe { realloc(self.0.as_ptr(), layout(old), wanted.size()) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(wanted) };
        self.0 = start;
        // SAFETY: (14) the head is inside the allocation, as are the bytes from the old size up to the new one.
        unsafe {
            start.add(CLASS).write(class);
            if size(class) > size(old) {
                start.add(size(old)).write_bytes(0, size(class) - size(old));
            }
        }
    }

    /// Becomes a block of its own: a copy of this one with `insert` bytes in the place of `remove`.
    #[cold]
    fn copy(&mut self, at: usize, remove: usize, insert: usize) {
        let mut copy = Block::with_capacity(self.len() - remove + insert);
        copy.set_len(self.len() - remove + insert);
        let (before, behind) = (&self[..at], &self[at + remove..]);
        let bytes = copy.make_mut();
        bytes[..at].copy_from_slice(before);
        bytes[at + insert..].copy_from_slice(behind);
        copy.set_spare(self.spare());
        *self = copy;
    }

    /// Gives back what is allocated past the length, if the bytes are this block's own.
    pub(crate) fn trim(&mut self) {
        if self.is_unique() {
            self.resize(class_of(self.len()));
        }
    }

    /// A byte beside the others, for the owner's use; 0 at first.
    #[inline]
    pub(crate) fn spare(&self) -> u8 {
        // SAFETY: (15) invariant 1.
        unsafe { self.0.add(SPARE).read() }
    }

    pub(crate) fn set_spare(&mut self, spare: u8) {
        self.make_mut();
        // SAFETY: (16) invariant 1, and nobody else points to the block now.
        unsafe { self.0.add(SPARE).write(spare) };
    }

    /// Bytes allocated.
    pub(crate) fn memory(&self) -> usize {
        size(self.class())
    }
}

impl Deref for Block {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: (17) invariants 1 and 4.
        unsafe {
            let len = self.0.add(LEN).cast::<u32>().read() as usize;
            std::slice::from_raw_parts(self.start(), len)
        }
    }
}

impl From<&[u8]> for Block {
    fn from(bytes: &[u8]) -> Block {
        let mut block = Block::with_capacity(bytes.len());
        block.splice(0, 0, bytes.len()).copy_from_slice(bytes);
        block
    }
}

impl Clone for Block {
    #[inline]
    fn clone(&self) -> Block {
        if self.references().fetch_add(1, Ordering::Relaxed) >= MOST_REFERENCES {
            self.references().fetch_sub(1, Ordering::Relaxed);
            let mut copy = Block::from(&self[..]);
            copy.set_spare(self.spare());
            return copy;
        }
        Block(self.0)
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        // Release, and acquire for the last one: what others read must have been read before the memory goes.
        if self.references().fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            // SAFETY: (18) invariant 2, and invariant 1 for the layout.
            unsafe { dealloc(self.0.as_ptr(), layout(self.class())) };
        }
    }
}

#[cfg(test)]
#[path = "block/tests.rs"]
mod tests;
