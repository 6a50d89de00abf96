//! Which shards a caller locks, in which order, and for how long it waits. Nothing else in the crate takes a lock of
//! a shard.
//!
//! # Why no two callers wait for each other for ever
//!
//! **Nobody waits for a shard while holding one, except the holder of the [`Gate`].** A caller that knows its shards
//! beforehand (a command, a transaction, a script with declared keys) tries them in rising order; when one is taken
//! it lets go of all, waits for that one with empty hands, and begins again. A script that may touch any key learns
//! its shards as it goes and cannot let go of what it has used, so it passes the gate first, which one caller at a
//! time does. A caller that was turned back several times passes the gate too, so that it cannot be turned back for
//! ever.
//!
//! A caller that waits for a script which ran out of time after it had written does not wait for ever either: it gets
//! `BUSY`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::cell::{Cell, Locked};
use crate::error::{Error, Result};
use crate::keyspace::{Access, Ctx, Shard, Space, Stats, Turn};

/// How long a waiting caller sleeps before it looks whether the holder is overdue.
const PATIENCE: Duration = Duration::from_millis(5);

/// How often a caller tries before it sleeps. Most operations hold a shard for less than a microsecond, and a sleep
/// costs several.
const SPINS: u32 = 100;

/// How often a caller that holds shards tries another one before it lets go of them.
const TRIES: u32 = 20;

/// How often a caller lets go before it passes the gate.
const TURNED_BACK: u32 = 4;

/// What all handles of a store share.
pub(crate) struct Inner {
    cells: Box<[Cell]>,
    gate: Gate,
    pub(crate) space: Space,
    /// The same as the space's: figures that are counted here and shown by a command (INFO).
    pub(crate) stats: Arc<Stats>,
}

/// The right to wait for a shard while holding others.
#[derive(Default)]
struct Gate {
    lock: Mutex<()>,
    /// Whether the holder is a script past its time that cannot be stopped, or a function. It holds every shard then.
    overdue: AtomicU8,
}

/// What has run out of time and cannot be stopped: the caller who waits for it is told how to end the one or the
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    Script,
    Function,
}

impl Overdue {
    pub(super) fn bits(overdue: Option<Overdue>) -> u8 {
        match overdue {
            None => 0,
            Some(Overdue::Script) => 1,
            Some(Overdue::Function) => 2,
        }
    }

    pub(super) fn from_bits(bits: u8) -> Option<Overdue> {
        match bits {
            0 => None,
            1 => Some(Overdue::Script),
            _ => Some(Overdue::Function),
        }
    }

    pub(crate) fn error(self) -> Error {
        match self {
            Overdue::Script => Error::BUSY,
            Overdue::Function => Error::BUSY_FUNCTION,
        }
    }
}

/// Whether shards are held for reading, beside other readers, or alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockMode {
    Read,
    Write,
}

/// A set of shards, a bit each: there are at most 64.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ShardSet(u64);

impl FromIterator<usize> for ShardSet {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> ShardSet {
        ShardSet(indices.into_iter().fold(0, |set, index| set | 1 << index))
    }
}

impl ShardSet {
    #[inline]
    pub(crate) fn one(index: usize) -> ShardSet {
        ShardSet(1 << index)
    }

    #[inline]
    pub(super) fn contains(self, index: usize) -> bool {
        self.0 >> index & 1 != 0
    }

    #[inline]
    pub(super) fn add(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    /// Takes the lowest out.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<usize> {
        let lowest = (self.0 != 0).then(|| self.0.trailing_zeros() as usize);
        self.0 &= self.0.wrapping_sub(1);
        lowest
    }

    #[inline]
    fn without(self, other: ShardSet) -> ShardSet {
        ShardSet(self.0 & !other.0)
    }

    #[inline]
    fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The only shard, if it is one.
    #[inline]
    fn single(self) -> Option<usize> {
        self.0.is_power_of_two().then(|| self.0.trailing_zeros() as usize)
    }
}

impl Inner {
    pub(super) fn new(space: Space) -> Inner {
        let cells = (0..space.shards()).map(|_| Cell::new(Shard::new(space.databases))).collect();
        Inner { cells, gate: Gate::default(), stats: Arc::clone(&space.stats), space }
    }

    #[inline]
    pub(crate) fn shard_of(&self, key: &[u8]) -> usize {
        self.space.shard(self.space.hash(key))
    }

    /// Every shard.
    #[inline]
    pub(crate) fn all(&self) -> ShardSet {
        ShardSet(u64::MAX >> (64 - self.cells.len()))
    }

    /// Locks one shard.
    #[inline]
    fn lock(&self, index: usize, mode: LockMode) -> Result<Locked<'_>> {
        let mut locked = Locked::none(&self.cells, mode);
        if !locked.try_add(index) {
            wait_for(&mut locked, index)?;
        }
        Ok(locked)
    }

    #[inline]
    pub(crate) fn with_read<R>(
        &self,
        hash: u64,
        turn: &mut Turn,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        let index = self.space.shard(hash);
        let locked = self.lock(index, LockMode::Read)?;
        op(&mut Ctx::new(&self.space, read(&locked, index), turn))
    }

    #[inline]
    pub(crate) fn with_write<R>(
        &self,
        hash: u64,
        turn: &mut Turn,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        let index = self.space.shard(hash);
        let mut locked = self.lock(index, LockMode::Write)?;
        op(&mut Ctx::new(&self.space, write(&mut locked, index), turn))
    }

    /// Runs an operation on a set of shards.
    pub(crate) fn with_set<R>(
        &self,
        set: ShardSet,
        mode: LockMode,
        turn: &mut Turn,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        match set.single() {
            Some(index) => {
                let mut locked = self.lock(index, mode)?;
                let access = match mode {
                    LockMode::Read => read(&locked, index),
                    LockMode::Write => write(&mut locked, index),
                };
                op(&mut Ctx::new(&self.space, access, turn))
            }
            None if set.is_empty() => op(&mut Ctx::new(&self.space, Access::None, turn)),
            None => {
                let mut held = self.hold(set, mode)?;
                op(&mut Ctx::new(&self.space, held.access(), turn))
            }
        }
    }

    /// Locks a set of shards until the answer is dropped.
    pub(crate) fn hold(&self, set: ShardSet, mode: LockMode) -> Result<Held<'_>> {
        let mut held =
            Held { inner: self, locked: Locked::none(&self.cells, mode), gate: None, overdue: false };
        for _ in 0..TURNED_BACK {
            let Some(taken) = held.try_set(set) else { return Ok(held) };
            held.locked.release_all();
            wait_for(&mut held.locked, taken)?;
        }
        // With empty hands through the gate.
        held.locked.release_all();
        held.gate = Some(self.gate.pass()?);
        held.extend(set)?;
        Ok(held)
    }

    /// Passes the gate and locks nothing: the caller [`extend`](Held::extend)s what it holds as it goes.
    pub(crate) fn hold_as_needed(&self) -> Result<Held<'_>> {
        let gate = Some(self.gate.pass()?);
        Ok(Held { inner: self, locked: Locked::none(&self.cells, LockMode::Write), gate, overdue: false })
    }

    pub(super) fn purge_shard(&self, index: usize, now: i64) -> Result<usize> {
        let mut locked = self.lock(index, LockMode::Write)?;
        Ok(locked.get_mut(index).map_or(0, |shard| shard.purge(now, usize::MAX)))
    }

    /// Whether some script is past its time, holds every shard and cannot be stopped: then even a command without
    /// keys is refused, as Redis does.
    pub(crate) fn overdue(&self) -> Option<Overdue> {
        let gate = Overdue::from_bits(self.gate.overdue.load(Ordering::Relaxed));
        gate.or_else(|| self.cells.iter().map(Cell::overdue).reduce(|first, cell| first.and(cell)).flatten())
    }
}

#[inline]
fn read<'l>(locked: &'l Locked<'_>, index: usize) -> Access<'l> {
    locked.get(index).map_or(Access::None, |shard| Access::Read(index, shard))
}

#[inline]
fn write<'l>(locked: &'l mut Locked<'_>, index: usize) -> Access<'l> {
    locked.get_mut(index).map_or(Access::None, |shard| Access::Write(index, shard))
}

/// Waits for a shard and locks it. The caller holds no other, or has passed the gate.
#[cold]
fn wait_for(locked: &mut Locked<'_>, index: usize) -> Result<()> {
    if spin(SPINS, || locked.try_add(index)) {
        return Ok(());
    }
    let cell = locked.cell(index);
    wait(|| cell.overdue(), || locked.try_add_for(index, PATIENCE))
}

/// Tries until it succeeds, so many times.
fn spin(tries: u32, mut attempt: impl FnMut() -> bool) -> bool {
    for spins in 0..tries {
        for _ in 0..spins.min(4) {
            std::hint::spin_loop();
        }
        if attempt() {
            return true;
        }
    }
    false
}

/// Sleeps until an attempt succeeds or the holder is overdue.
fn wait(overdue: impl Fn() -> Option<Overdue>, mut attempt: impl FnMut() -> bool) -> Result<()> {
    loop {
        if let Some(holder) = overdue() {
            return Err(holder.error());
        }
        if attempt() {
            return Ok(());
        }
    }
}

impl Gate {
    #[inline]
    fn pass(&self) -> Result<MutexGuard<'_, ()>> {
        match self.lock.try_lock() {
            Some(guard) => Ok(guard),
            None => self.queue(),
        }
    }

    #[cold]
    fn queue(&self) -> Result<MutexGuard<'_, ()>> {
        let mut guard = None;
        wait(
            || Overdue::from_bits(self.overdue.load(Ordering::Acquire)),
            || {
                guard = self.lock.try_lock_for(PATIENCE);
                guard.is_some()
            },
        )?;
        guard.ok_or(Error::INTERNAL)
    }
}

/// Locked shards.
pub(crate) struct Held<'s> {
    inner: &'s Inner,
    locked: Locked<'s>,
    /// Dropped after the shards are released.
    gate: Option<MutexGuard<'s, ()>>,
    overdue: bool,
}

impl Held<'_> {
    #[inline]
    pub(crate) fn access(&mut self) -> Access<'_> {
        Access::Many { is_exclusive: self.locked.mode() == LockMode::Write, shards: &mut self.locked }
    }

    /// Access to one of the shards, for a command that needs no other.
    #[inline]
    pub(crate) fn access_one(&mut self, index: usize) -> Access<'_> {
        match self.locked.mode() {
            LockMode::Read => read(&self.locked, index),
            LockMode::Write => write(&mut self.locked, index),
        }
    }

    /// Tries to lock a set in rising order; answers the first shard that somebody else has.
    fn try_set(&mut self, set: ShardSet) -> Option<usize> {
        let mut missing = set.without(self.locked.set());
        while let Some(index) = missing.pop() {
            if !self.locked.try_add(index) && !spin(TRIES, || self.locked.try_add(index)) {
                return Some(index);
            }
        }
        None
    }

    #[inline]
    pub(crate) fn has(&self, index: usize) -> bool {
        self.locked.set().contains(index)
    }

    /// Locks what is missing of a set, for a caller that has passed the gate; answers whether it had to wait.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script past its time holds one of them; what was locked stays so.
    pub(crate) fn extend(&mut self, set: ShardSet) -> Result<bool> {
        debug_assert!(self.gate.is_some(), "waiting while holding shards is for those who passed the gate");
        let mut missing = set.without(self.locked.set());
        let mut waited = false;
        while let Some(index) = missing.pop() {
            if !self.locked.try_add(index) {
                waited = true;
                wait_for(&mut self.locked, index)?;
            }
        }
        Ok(waited)
    }

    /// Tells callers that wait for these shards not to: the holder is past its time and cannot be stopped. One that
    /// may touch any key locks them all now, so that nobody goes on beside it.
    #[cold]
    pub(crate) fn mark_overdue(&mut self, holder: Overdue) {
        if !self.overdue {
            self.overdue = true;
            if self.gate.is_some() {
                // What another script past its time holds is flagged as overdue by that one.
                let _ = self.extend(self.inner.all());
            }
            self.flag(Some(holder));
        }
    }

    fn flag(&self, overdue: Option<Overdue>) {
        if self.gate.is_some() {
            self.inner.gate.overdue.store(Overdue::bits(overdue), Ordering::Release);
        }
        let mut set = self.locked.set();
        while let Some(index) = set.pop() {
            self.locked.cell(index).set_overdue(overdue);
        }
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.overdue {
            self.flag(None);
        }
    }
}
