//! The shards' locks. Nothing else in the crate takes one.
//!
//! Locks are always taken in rising order of the shards' numbers, so no two callers can wait for each other. A
//! caller that waits for a script which ran out of time after it had written does not wait for ever: it gets `BUSY`.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::error::{Error, Result};
use crate::keyspace::{Access, Ctx, Shard, Shards, Space, Stats, Turn};

/// How long a waiting caller sleeps before it looks whether the holder is overdue.
const PATIENCE: Duration = Duration::from_millis(5);

/// How often a caller tries before it sleeps. Most operations hold a shard for less than a microsecond, and a sleep
/// costs several.
const SPINS: u32 = 100;

/// What all handles of a store share.
pub(crate) struct Inner {
    shards: Box<[Cell]>,
    pub(crate) space: Space,
    /// The same as the space's: figures that are counted here and shown by a command (INFO).
    pub(crate) stats: Arc<Stats>,
}

/// A shard and its lock, on cache lines of its own.
#[repr(align(128))]
struct Cell {
    lock: RwLock<Shard>,
    /// Whether the holder is a script past its time that cannot be stopped.
    overdue: AtomicBool,
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
    fn contains(self, index: usize) -> bool {
        self.0 >> index & 1 != 0
    }

    /// The only shard, if it is one.
    fn single(self) -> Option<usize> {
        self.0.is_power_of_two().then(|| self.0.trailing_zeros() as usize)
    }
}

impl Inner {
    pub(super) fn new(space: Space) -> Inner {
        let cell =
            |_| Cell { lock: RwLock::new(Shard::new(space.databases)), overdue: AtomicBool::new(false) };
        let shards = (0..space.shards()).map(cell).collect();
        Inner { shards, stats: Arc::clone(&space.stats), space }
    }

    pub(crate) fn shard_of(&self, key: &[u8]) -> usize {
        self.space.shard(self.space.hash(key))
    }

    /// Every shard.
    pub(crate) fn all(&self) -> ShardSet {
        ShardSet(u64::MAX >> (64 - self.shards.len()))
    }

    #[inline]
    fn read(&self, index: usize) -> Result<RwLockReadGuard<'_, Shard>> {
        let cell = &self.shards[index];
        match cell.lock.try_read() {
            Some(guard) => Ok(guard),
            None => cell.wait(|| cell.lock.try_read(), || cell.lock.try_read_for(PATIENCE)),
        }
    }

    #[inline]
    fn write(&self, index: usize) -> Result<RwLockWriteGuard<'_, Shard>> {
        let cell = &self.shards[index];
        match cell.lock.try_write() {
            Some(guard) => Ok(guard),
            None => cell.wait(|| cell.lock.try_write(), || cell.lock.try_write_for(PATIENCE)),
        }
    }

    #[inline]
    pub(crate) fn with_read<R>(
        &self,
        hash: u64,
        turn: &mut Turn,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        let index = self.space.shard(hash);
        let shard = self.read(index)?;
        op(&mut Ctx::new(&self.space, Access::Read(index, &shard), turn))
    }

    #[inline]
    pub(crate) fn with_write<R>(
        &self,
        hash: u64,
        turn: &mut Turn,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        let index = self.space.shard(hash);
        let mut shard = self.write(index)?;
        op(&mut Ctx::new(&self.space, Access::Write(index, &mut shard), turn))
    }

    /// Runs an operation on a set of shards.
    pub(crate) fn with_set<R>(
        &self,
        set: ShardSet,
        mode: LockMode,
        turn: &mut Turn,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        match (set.single(), mode) {
            (Some(index), LockMode::Read) => {
                let shard = self.read(index)?;
                op(&mut Ctx::new(&self.space, Access::Read(index, &shard), turn))
            }
            (Some(index), LockMode::Write) => {
                let mut shard = self.write(index)?;
                op(&mut Ctx::new(&self.space, Access::Write(index, &mut shard), turn))
            }
            (None, _) if set.0 == 0 => op(&mut Ctx::new(&self.space, Access::None, turn)),
            (None, _) => {
                let mut held = self.hold(set, mode)?;
                op(&mut Ctx::new(&self.space, held.access(), turn))
            }
        }
    }

    /// Locks a set of shards until the answer is dropped.
    pub(crate) fn hold(&self, set: ShardSet, mode: LockMode) -> Result<Held<'_>> {
        let mut guards = Vec::with_capacity(self.shards.len());
        for index in 0..self.shards.len() {
            guards.push(match mode {
                _ if !set.contains(index) => None,
                LockMode::Read => Some(Guard::Read(self.read(index)?)),
                LockMode::Write => Some(Guard::Write(self.write(index)?)),
            });
        }
        Ok(Held { inner: self, guards, mode, overdue: false })
    }

    pub(super) fn purge_shard(&self, index: usize, now: i64) -> Result<usize> {
        Ok(self.write(index)?.purge(now, usize::MAX))
    }

    /// Whether some script is past its time, holds every shard and cannot be stopped: then even a command without
    /// keys is refused, as Redis does.
    pub(crate) fn is_overdue(&self) -> bool {
        self.shards.iter().all(|cell| cell.overdue.load(Ordering::Relaxed))
    }
}

impl Cell {
    #[cold]
    fn wait<G>(&self, try_now: impl Fn() -> Option<G>, try_for: impl Fn() -> Option<G>) -> Result<G> {
        for spins in 0..SPINS {
            for _ in 0..spins.min(4) {
                std::hint::spin_loop();
            }
            if let Some(guard) = try_now() {
                return Ok(guard);
            }
        }
        loop {
            if self.overdue.load(Ordering::Acquire) {
                return Err(Error::BUSY);
            }
            if let Some(guard) = try_for() {
                return Ok(guard);
            }
        }
    }
}

enum Guard<'s> {
    Read(RwLockReadGuard<'s, Shard>),
    Write(RwLockWriteGuard<'s, Shard>),
}

/// Locked shards.
pub(crate) struct Held<'s> {
    inner: &'s Inner,
    guards: Vec<Option<Guard<'s>>>,
    mode: LockMode,
    overdue: bool,
}

impl Held<'_> {
    pub(crate) fn access(&mut self) -> Access<'_> {
        Access::Many { is_exclusive: self.mode == LockMode::Write, shards: self }
    }

    /// Tells callers that wait for these shards not to: the holder is past its time and cannot be stopped.
    #[cold]
    pub(crate) fn mark_overdue(&mut self) {
        if !self.overdue {
            self.overdue = true;
            self.flag(true);
        }
    }

    fn flag(&self, overdue: bool) {
        for (index, guard) in self.guards.iter().enumerate() {
            if guard.is_some() {
                self.inner.shards[index].overdue.store(overdue, Ordering::Release);
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.overdue {
            self.flag(false);
        }
    }
}

impl Shards for Held<'_> {
    #[inline]
    fn shard(&self, index: usize) -> Option<&Shard> {
        match self.guards.get(index)?.as_ref()? {
            Guard::Read(guard) => Some(guard.deref()),
            Guard::Write(guard) => Some(guard.deref()),
        }
    }

    #[inline]
    fn shard_mut(&mut self, index: usize) -> Option<&mut Shard> {
        match self.guards.get_mut(index)?.as_mut()? {
            Guard::Read(_) => None,
            Guard::Write(guard) => Some(guard.deref_mut()),
        }
    }
}
