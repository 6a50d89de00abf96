//! [`Cell`]: a shard behind its lock, and [`Locked`]: the shards that a caller has locked, a bit each.
//!
//! # Why `unsafe`
//!
//! The guards of a safe lock must be kept somewhere, one for each shard: a vector that every script and transaction
//! allocates, fills and walks. Locking the 8 shards of a two-core machine took 284 instructions that way, releasing
//! them 116, and each call of a command 10 to find its guard. A bit in a word is the guard here.
//!
//! # Invariants
//!
//! 1. A bit of `Locked::set` is set from the moment at which its cell's lock was taken in `mode` until it is released,
//!    and by nobody else: `Locked` is not `Clone`, and its drop releases what is left.
//! 2. A shard is reached through a `Locked`, or a `Reading`, only: through `&self` if it is locked at all, through
//!    `&mut self` if it is locked for writing. Two of them never have the same shard unless both read.
//! 3. A `Reading` either has the lock for reading or is a visit; who locks for writing lets the visits end first and
//!    admits no more of them (invariant 2 of [`Bias`]).
#![allow(unsafe_code, reason = "see above; each use carries its reason")]

mod bias;
mod sync;

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::RawRwLock;
use parking_lot::lock_api::{RawRwLock as _, RawRwLockTimed as _};

use bias::{Bias, Visit};

use super::lock::{LockMode, Overdue, ShardSet};
use crate::keyspace::{Shard, Shards, stripe};

/// How long a caller who may hold other shards waits for readers without the lock, and one who has time: some
/// microseconds, and a millisecond, which it sleeps.
const TURNS: u32 = 100;
const PATIENT_TURNS: u32 = 215;

/// A shard and its lock, on cache lines of its own.
#[repr(align(128))]
pub(super) struct Cell {
    lock: RawRwLock,
    bias: Bias,
    /// Whether the holder is a script past its time that cannot be stopped, or a function.
    overdue: AtomicU8,
    shard: UnsafeCell<Shard>,
}

const _: () = {
    const fn is_sync<T: Send + Sync>() {}
    is_sync::<Shard>();
};

// SAFETY: (1) a shard may be used from any thread (see above), and by the invariants only under its lock, or while nobody
// has that for writing.
unsafe impl Sync for Cell {}

impl Cell {
    pub(super) fn new(shard: Shard) -> Cell {
        Cell {
            lock: RawRwLock::INIT,
            bias: Bias::new(),
            overdue: AtomicU8::new(0),
            shard: UnsafeCell::new(shard),
        }
    }

    /// The shard to read from, if nobody writes. Where nobody has written for a while, the lock is left alone.
    #[inline]
    pub(super) fn try_read(&self) -> Option<Reading<'_>> {
        let stripe = stripe::own();
        let visit = self.bias.visit(stripe);
        if visit.is_none() {
            if !self.lock.try_lock_shared() {
                return None;
            }
            self.bias.count_read();
        }
        Some(Reading { cell: self, visit, stripe, this_thread: PhantomData })
    }

    /// Lets the readers without the lock end, for a caller who has it for writing; it is gone if the answer is false.
    #[inline]
    fn admit_writer(&self, turns: u32) -> bool {
        let is_alone = self.bias.revoke(turns);
        if !is_alone {
            // SAFETY: (8) the caller has just locked it, and has not noted that anywhere.
            unsafe { self.lock.unlock_exclusive() }
        }
        is_alone
    }

    #[inline]
    pub(super) fn overdue(&self) -> Option<Overdue> {
        Overdue::from_bits(self.overdue.load(Ordering::Acquire))
    }

    pub(super) fn set_overdue(&self, holder: Option<Overdue>) {
        self.overdue.store(Overdue::bits(holder), Ordering::Release);
    }
}

/// One shard that is locked for reading until this is dropped, by the thread that locked it.
pub(super) struct Reading<'s> {
    cell: &'s Cell,
    /// `None` if the lock was taken.
    visit: Option<Visit>,
    stripe: usize,
    this_thread: PhantomData<*const ()>,
}

impl Reading<'_> {
    /// This thread's.
    #[inline]
    pub(super) fn stripe(&self) -> usize {
        self.stripe
    }
}

impl Deref for Reading<'_> {
    type Target = Shard;
    #[inline]
    fn deref(&self) -> &Shard {
        // SAFETY: (6) nobody writes until the drop: invariant 3.
        unsafe { &*self.cell.shard.get() }
    }
}

impl Drop for Reading<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.visit.is_none() {
            // SAFETY: (7) `try_read` took the lock, once.
            unsafe { self.cell.lock.unlock_shared() }
        }
    }
}

/// Shards that are locked until this is dropped. It borrows the cells, or shares them.
pub(super) struct Locked<C: Deref<Target = [Cell]>> {
    cells: C,
    set: ShardSet,
    mode: LockMode,
    /// A lock is released by the thread that took it.
    this_thread: PhantomData<*const ()>,
}

/// Those of a caller that lasts no longer than the store.
pub(super) type Borrowed<'s> = Locked<&'s [Cell]>;

// SAFETY: (5) what is reached through it may be used from any thread (see 1). Only `within.rs` moves one, into a lock
// that other threads can look into; the thread that put it there takes it out, so it is that one which releases.
unsafe impl Send for Locked<Arc<[Cell]>> {}

impl<'s> Borrowed<'s> {
    #[inline]
    pub(super) fn cell(&self, index: usize) -> &'s Cell {
        &self.cells[index]
    }

    /// The same locks for an owner that shares the cells; this one has none afterwards.
    pub(super) fn share(&mut self, cells: &Arc<[Cell]>) -> Locked<Arc<[Cell]>> {
        assert!(std::ptr::eq(self.cells, &**cells), "the cells of one store are not those of another");
        let set = std::mem::take(&mut self.set);
        Locked { cells: Arc::clone(cells), set, mode: self.mode, this_thread: PhantomData }
    }
}

impl<C: Deref<Target = [Cell]>> Locked<C> {
    /// None yet.
    #[inline]
    pub(super) fn none(cells: C, mode: LockMode) -> Locked<C> {
        Locked { cells, set: ShardSet::default(), mode, this_thread: PhantomData }
    }

    #[inline]
    pub(super) fn set(&self) -> ShardSet {
        self.set
    }

    #[inline]
    pub(super) fn mode(&self) -> LockMode {
        self.mode
    }

    /// Locks one more shard if nobody holds it against that. The caller must not have it already, which answers false.
    #[inline]
    pub(super) fn try_add(&mut self, index: usize) -> bool {
        self.add(index, RawRwLock::try_lock_shared, RawRwLock::try_lock_exclusive, TURNS)
    }

    /// As [`try_add`](Locked::try_add), waiting for at most this long.
    pub(super) fn try_add_for(&mut self, index: usize, patience: Duration) -> bool {
        self.add(
            index,
            |lock| lock.try_lock_shared_for(patience),
            |lock| lock.try_lock_exclusive_for(patience),
            PATIENT_TURNS,
        )
    }

    #[inline(always)]
    fn add(
        &mut self,
        index: usize,
        try_shared: impl FnOnce(&RawRwLock) -> bool,
        try_exclusive: impl FnOnce(&RawRwLock) -> bool,
        turns: u32,
    ) -> bool {
        let cell = &self.cells[index];
        if self.set.contains(index) {
            return false;
        }
        let is_mine = match self.mode {
            LockMode::Read => try_shared(&cell.lock),
            LockMode::Write => try_exclusive(&cell.lock) && cell.admit_writer(turns),
        };
        if is_mine {
            self.set.add(index);
        }
        is_mine
    }

    #[inline]
    pub(super) fn release_all(&mut self) {
        while let Some(index) = self.set.pop() {
            let lock = &self.cells[index].lock;
            // SAFETY: (2) invariant 1: the bit was set, so the lock is this caller's, and the bit is gone now.
            unsafe {
                match self.mode {
                    LockMode::Read => lock.unlock_shared(),
                    LockMode::Write => lock.unlock_exclusive(),
                }
            }
        }
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&Shard> {
        if !self.set.contains(index) {
            return None;
        }
        // SAFETY: (3) the shard is locked (invariant 1) as long as `self` is borrowed, and a `&mut` to it borrows
        // `self` mutably (invariant 2).
        Some(unsafe { &*self.cells[index].shard.get() })
    }

    /// `None` also when the shard is locked for reading only.
    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Shard> {
        if !self.set.contains(index) || self.mode == LockMode::Read {
            return None;
        }
        // SAFETY: (4) as 3, locked for writing: nobody else reaches the shard, and `self` is borrowed mutably.
        Some(unsafe { &mut *self.cells[index].shard.get() })
    }
}

impl<C: Deref<Target = [Cell]>> Drop for Locked<C> {
    #[inline]
    fn drop(&mut self) {
        self.release_all();
    }
}

impl<C: Deref<Target = [Cell]>> Shards for Locked<C> {
    #[inline]
    fn shard(&self, index: usize) -> Option<&Shard> {
        self.get(index)
    }

    #[inline]
    fn shard_mut(&mut self, index: usize) -> Option<&mut Shard> {
        self.get_mut(index)
    }

    fn try_reach(&mut self, index: usize) -> bool {
        self.try_add(index)
    }
}
