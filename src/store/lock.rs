//! Which shards a caller locks, in which order, and for how long it waits. Nothing else in the crate takes a lock of
//! a shard. A reader of one shard may come in without its lock (see `cell.rs`), which to others is the same as a lock for
//! reading.
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

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::blocked::Leftover;
use super::cell::{Borrowed, Cell, Locked, Reading};
use super::events::Events;
use super::inbox::{Inbox, MOST_BYTES};
use super::monitor::Monitors;
use super::pubsub::Pubsub;
use super::{Clients, Settings, SlowLog};
use crate::error::{Error, Result};
use crate::keyspace::{Access, Ctx, Effects, Key, Served, Shard, Space, Stats, Text, Turn, audience};

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
    pub(super) cells: Arc<[Cell]>,
    gate: Gate,
    pub(crate) space: Space,
    /// The same as the space's: figures that are counted here and shown by a command (INFO).
    pub(crate) stats: Arc<Stats>,
    /// What could not be done on shards that something past its time held, for the end of that.
    pub(super) leftovers: Mutex<Vec<Leftover>>,
    pub(crate) pubsub: Arc<Pubsub>,
    pub(crate) events: Events,
    pub(crate) monitors: Monitors,
    pub(crate) settings: Settings,
    pub(crate) clients: Clients,
    pub(crate) slow_log: SlowLog,
    /// How many bytes of messages a reader may leave unread.
    reader_buffer: AtomicUsize,
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
    /// Of an engine that has Valkey's texts.
    ValkeyScript,
    ValkeyFunction,
}

impl Overdue {
    pub(super) fn bits(overdue: Option<Overdue>) -> u8 {
        match overdue {
            None => 0,
            Some(Overdue::Script) => 1,
            Some(Overdue::Function) => 2,
            Some(Overdue::ValkeyScript) => 3,
            Some(Overdue::ValkeyFunction) => 4,
        }
    }

    pub(super) fn from_bits(bits: u8) -> Option<Overdue> {
        match bits {
            0 => None,
            1 => Some(Overdue::Script),
            2 => Some(Overdue::Function),
            3 => Some(Overdue::ValkeyScript),
            _ => Some(Overdue::ValkeyFunction),
        }
    }

    pub(crate) fn error(self) -> Error {
        match self {
            Overdue::Script => Error::BUSY,
            Overdue::Function => Error::BUSY_FUNCTION,
            Overdue::ValkeyScript => Error::BUSY_VALKEY,
            Overdue::ValkeyFunction => Error::BUSY_VALKEY_FUNCTION,
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
    pub(crate) fn with(self, other: ShardSet) -> ShardSet {
        ShardSet(self.0 | other.0)
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
    pub(super) fn new(mut space: Space) -> Inner {
        let pubsub = Arc::new(Pubsub::default());
        space.receivers = Some(Arc::<Pubsub>::clone(&pubsub));
        let cells = (0..space.shards()).map(|_| Cell::new(Shard::new(space.databases))).collect();
        Inner {
            cells,
            gate: Gate::default(),
            stats: Arc::clone(&space.stats),
            space,
            pubsub,
            events: Events::default(),
            monitors: Monitors::default(),
            settings: Settings::default(),
            clients: Clients::default(),
            slow_log: SlowLog::default(),
            reader_buffer: AtomicUsize::new(MOST_BYTES),
            leftovers: Mutex::default(),
        }
    }

    /// A place for messages to one reader.
    pub(crate) fn new_inbox(&self) -> Inbox {
        Inbox::new(self.reader_buffer.load(Ordering::Relaxed))
    }

    /// How much the readers that come from now on may leave unread.
    pub(crate) fn set_reader_buffer(&self, bytes: usize) {
        self.reader_buffer.store(bytes, Ordering::Relaxed);
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

    /// Locks one shard for a caller that has none. What holds it stays where it is: to hand it up and down costs more
    /// than the lock.
    #[inline]
    fn lock(&self, locked: &mut Borrowed<'_>, index: usize) -> Result<()> {
        if locked.try_add(index) { Ok(()) } else { wait_for(locked, index) }
    }

    #[inline]
    fn none_locked(&self, mode: LockMode) -> Borrowed<'_> {
        Locked::none(&*self.cells, mode)
    }

    /// While somebody wants to hear of changes, a reader that finds a key past its time has to remove it.
    #[inline]
    fn mode_of_readers(&self) -> LockMode {
        if self.space.hears(audience::EVENTS) { LockMode::Write } else { LockMode::Read }
    }

    #[inline]
    pub(crate) fn with_read<R>(
        &self,
        hash: u64,
        turn: &mut Turn,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        self.with_one(self.space.shard(hash), self.mode_of_readers(), turn, op)
    }

    /// Runs an operation on one shard.
    #[inline]
    fn with_one<R>(
        &self,
        index: usize,
        mode: LockMode,
        turn: &mut Turn,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        if mode == LockMode::Read
            && let Some(shard) = self.cells[index].try_read()
        {
            let result = op(&mut Ctx::new(&self.space, Access::Read(index, &shard), turn));
            if turn.effects.is_some() {
                // Who waits is served by writers: a reader's locks are not needed for that.
                self.settle(&mut self.none_locked(mode), turn);
                drop(shard);
                self.settle_unlocked(turn);
            }
            return result;
        }
        let mut locked = self.none_locked(mode);
        self.lock(&mut locked, index)?;
        let access = match mode {
            LockMode::Read => read(&locked, index),
            LockMode::Write => write(&mut locked, index),
        };
        let result = op(&mut Ctx::new(&self.space, access, turn));
        self.release(&mut locked, turn);
        result
    }

    /// The shard of a key to look into, if nobody writes to it and nobody is to be told of anything.
    #[inline(always)]
    pub(crate) fn glance(&self, db: usize, key: Key<'_>) -> Option<Glance<'_>> {
        if self.space.has_audience() {
            return None;
        }
        let shard = self.cells[self.space.shard(key.hash)].try_read()?;
        Some(Glance { space: &self.space, shard, db })
    }

    #[inline]
    pub(crate) fn with_write<R>(
        &self,
        hash: u64,
        turn: &mut Turn,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        self.with_one(self.space.shard(hash), LockMode::Write, turn, op)
    }

    /// Runs an operation on a set of shards.
    pub(crate) fn with_set<R>(
        &self,
        set: ShardSet,
        mode: LockMode,
        turn: &mut Turn,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        let mode = if mode == LockMode::Read { self.mode_of_readers() } else { mode };
        match set.single() {
            Some(index) => self.with_one(index, mode, turn, op),
            None if set.is_empty() => {
                let result = op(&mut Ctx::new(&self.space, Access::None, turn));
                self.release(&mut self.none_locked(LockMode::Read), turn);
                result
            }
            None => {
                let mut held = self.hold(set, mode)?;
                let result = op(&mut Ctx::new(&self.space, held.access(), turn));
                held.release(turn);
                result
            }
        }
    }

    /// The end of a turn: what it caused is settled around the release of its locks, which go with `locked` if there is
    /// nothing to settle.
    #[inline]
    fn release(&self, locked: &mut Borrowed<'_>, turn: &mut Turn) {
        if turn.effects.is_some() {
            self.settle(locked, turn);
            locked.release_all();
            self.settle_unlocked(turn);
        }
    }

    /// The end of a turn that holds no lock.
    #[cold]
    pub(crate) fn settle_without_locks(&self, turn: &mut Turn) {
        self.settle(&mut self.none_locked(LockMode::Read), turn);
        self.settle_unlocked(turn);
    }

    /// Serves those who wait for what the turn wrote, and hands out its messages. The turn's shards are still locked, so
    /// that nobody comes in between, and so that messages about a key come in the order of its changes.
    #[cold]
    pub(super) fn settle<C: Deref<Target = [Cell]>>(&self, locked: &mut Locked<C>, turn: &mut Turn) {
        let is_exclusive = locked.mode() == LockMode::Write;
        if is_exclusive {
            let access = Access::Many { shards: locked, is_exclusive };
            Ctx::new(&self.space, access, turn).serve_ready();
        }
        if let Some(effects) = &mut turn.effects {
            self.deliver(std::mem::take(&mut effects.news));
        }
    }

    /// What could not be done, or must not be, while the turn's shards were locked.
    #[cold]
    pub(super) fn settle_unlocked(&self, turn: &mut Turn) {
        if let Some(effects) = turn.effects.take() {
            let Effects { ready, expired, woken, .. } = *effects;
            for waiter in woken {
                waiter.wake();
            }
            for (db, key) in ready {
                self.settle_or_leave(Leftover::Serve(db, key));
            }
            for (db, key) in expired {
                let hash = self.space.hash(&key);
                let mut turn = Turn::new(db);
                // BUSY: the key is removed another time.
                let _ = self.with_write(hash, &mut turn, |cx| {
                    cx.purge_key(Key { bytes: &key, hash }, db);
                    Ok(())
                });
            }
        }
        self.call_listeners();
    }

    /// Serves those who wait for a key, one of whom needs a shard which somebody else had when his turn came.
    ///
    /// # Errors
    ///
    /// The shards that are needed, one of which something past its time holds.
    pub(super) fn serve_later(&self, db: usize, key: &[u8]) -> Result<(), ShardSet> {
        loop {
            let mut set = ShardSet::one(self.shard_of(key));
            let mut turn = Turn::new(db);
            let destinations =
                self.with_write(self.space.hash(key), &mut turn, |cx| Ok(cx.destinations(key)));
            for destination in destinations.map_err(|_| set)? {
                set.add(self.shard_of(&destination));
            }
            let mut held = self.hold(set, LockMode::Write).map_err(|_| set)?;
            let mut turn = Turn::new(db);
            let served = Ctx::new(&self.space, held.access(), &mut turn).serve(db, key);
            held.release(&mut turn);
            if served == Served::All {
                return Ok(());
            }
            // Another waiter came first meanwhile, with a destination of its own.
        }
    }

    /// Whether something past its time holds one of these shards, or all.
    pub(super) fn is_overdue(&self, mut set: ShardSet) -> bool {
        let mut is_overdue = self.gate.overdue.load(Ordering::Acquire) != 0;
        while let Some(index) = set.pop() {
            is_overdue |= self.cells[index].overdue().is_some();
        }
        is_overdue
    }

    /// Locks a set of shards until the answer is dropped.
    #[inline]
    pub(crate) fn hold(&self, set: ShardSet, mode: LockMode) -> Result<Held<'_>> {
        let mut held = self.hold_none(mode);
        if let Some(index) = set.single()
            && held.try_one(index)
        {
            return Ok(held);
        }
        self.hold_many(held, set)
    }

    /// Holds nothing yet.
    #[inline]
    pub(crate) fn hold_none(&self, mode: LockMode) -> Held<'_> {
        Held { inner: self, locked: self.none_locked(mode), gate: None, overdue: false }
    }

    #[inline(never)]
    fn hold_many<'s>(&'s self, mut held: Held<'s>, set: ShardSet) -> Result<Held<'s>> {
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
        let gate = self.gate.pass()?;
        let mut held = self.hold_none(LockMode::Write);
        held.gate = Some(gate);
        Ok(held)
    }

    pub(super) fn purge_shard(&self, index: usize, now: i64) -> Result<usize> {
        let mut turn = Turn::new(0);
        turn.now = Some(now);
        self.with_set(ShardSet::one(index), LockMode::Write, &mut turn, |cx| Ok(cx.purge(index)))
    }

    /// Whether some script is past its time, holds every shard and cannot be stopped: then even a command without
    /// keys is refused, as Redis does.
    pub(crate) fn overdue(&self) -> Option<Overdue> {
        let gate = Overdue::from_bits(self.gate.overdue.load(Ordering::Relaxed));
        gate.or_else(|| self.cells.iter().map(Cell::overdue).reduce(|first, cell| first.and(cell)).flatten())
    }
}

/// A shard to look into without a turn.
pub(crate) struct Glance<'s> {
    space: &'s Space,
    shard: Reading<'s>,
    db: usize,
}

impl Glance<'_> {
    /// The text of a key of the shard, if that is all there is to it ([`Space::glance`]).
    #[inline(always)]
    pub(crate) fn text(&self, key: Key<'_>) -> Option<Option<Text<'_>>> {
        self.space.glance(&self.shard, self.db, key, self.shard.stripe())
    }
}

#[inline]
fn read<'l>(locked: &'l Borrowed<'_>, index: usize) -> Access<'l> {
    locked.get(index).map_or(Access::None, |shard| Access::Read(index, shard))
}

#[inline]
fn write<'l>(locked: &'l mut Borrowed<'_>, index: usize) -> Access<'l> {
    locked.get_mut(index).map_or(Access::None, |shard| Access::Write(index, shard))
}

/// Waits for a shard and locks it. The caller holds no other, or has passed the gate.
#[cold]
fn wait_for(locked: &mut Borrowed<'_>, index: usize) -> Result<()> {
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
    locked: Borrowed<'s>,
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

    /// Locks one shard, for a holder of nothing, if nobody has it.
    #[inline]
    pub(crate) fn try_one(&mut self, index: usize) -> bool {
        self.locked.try_add(index)
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

    /// The end of a turn: what it caused is settled around the release of the locks.
    #[inline]
    pub(crate) fn release(mut self, turn: &mut Turn) {
        if turn.effects.is_some() {
            let inner = self.inner;
            inner.settle(&mut self.locked, turn);
            drop(self);
            inner.settle_unlocked(turn);
        }
    }

    /// The locks for an owner that shares the store; the gate stays here.
    pub(super) fn share(&mut self) -> Locked<Arc<[Cell]>> {
        self.locked.share(&self.inner.cells)
    }

    /// Whether more shards may be locked as they are needed.
    pub(crate) fn grows(&self) -> bool {
        self.gate.is_some()
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
            // Others left work behind that needs these shards.
            self.locked.release_all();
            self.gate = None;
            self.inner.pick_up();
        }
    }
}
