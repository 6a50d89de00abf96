//! [`Ctx`]: locked access to keys for the length of one command, and the one door for writes.
//!
//! A typed method, a command by name and a script's call each get a `Ctx` over the shards that they need, and every
//! operation takes one. What outlasts the command (the selected database, the frozen time of a script, the roll-back
//! records of a transaction) is in the [`Turn`] that the caller lends.
//!
//! All changes go through [`Ctx::write`]: it drops a key that is past its time, keeps the old value if a
//! roll-back may need it, counts the change and marks the turn as having written. The methods that operations call
//! (`put`, `update`, `delete` …) are thin forms of it.

mod news;
mod walk;
mod whole;

pub(crate) use news::UNTOLD;
use news::{expired, met_expired, missed, sweep, written};

use std::convert::Infallible;

use super::effects::{Effects, Event, audience};
use super::shard::SWEPT_AT_MOST;
use super::undo::Undo;
use super::{Collection, Content, Db, Entry, Shard, Space, Text};
use crate::ds::hash_order::Note;
use crate::error::{Error, Result};

/// How many expired keys a turn notes that it met as it read.
const MOST_MET: usize = 64;

/// A key and its hash, computed once.
#[derive(Clone, Copy)]
pub(crate) struct Key<'k> {
    pub(crate) bytes: &'k [u8],
    pub(crate) hash: u64,
}

/// What a change of a collection came to.
pub(crate) enum Edit<R> {
    Changed(R),
    /// Nothing was changed.
    Same(R),
}

/// Why a change through the write door did not happen.
enum Unchanged<R> {
    Missing,
    Same(R),
    Failed(Error),
}

impl<R> From<Error> for Unchanged<R> {
    fn from(error: Error) -> Unchanged<R> {
        Unchanged::Failed(error)
    }
}

/// Several shards that the caller holds locked.
pub(crate) trait Shards {
    fn shard(&self, index: usize) -> Option<&Shard>;
    /// `None` also when the shard is held for reading only.
    fn shard_mut(&mut self, index: usize) -> Option<&mut Shard>;
    /// Locks one more, if that is possible at once.
    fn try_reach(&mut self, index: usize) -> bool;
}

/// The shards that a [`Ctx`] may touch.
pub(crate) enum Access<'a> {
    /// No key at all.
    None,
    /// One shard, for reading.
    Read(usize, &'a Shard),
    /// One shard.
    Write(usize, &'a mut Shard),
    Many {
        shards: &'a mut dyn Shards,
        /// Whether they are held for writing.
        is_exclusive: bool,
    },
}

/// What lasts from one command to the next of a caller, and what lasts for a whole script or transaction.
#[derive(Default)]
pub(crate) struct Turn {
    /// The number of the session that has the turn; 0 is none.
    pub(crate) client: u64,
    /// The selected database.
    pub(crate) db: usize,
    /// Microseconds since the epoch, once they were read.
    pub(crate) now: Option<i64>,
    /// The access time that keys get, once it was read.
    seconds: Option<u32>,
    /// Whether anything was changed.
    pub(crate) wrote: bool,
    /// Whether a script calls, which gets in an order what others get in none, where Redis does so (SORT).
    pub(crate) in_script: bool,
    /// Set while the changes may have to be rolled back.
    pub(crate) undo: Option<Box<Undo>>,
    /// What was caused beside the changes, if anything was: rarely, for somebody must want to know.
    pub(crate) effects: Option<Box<Effects>>,
}

pub(crate) struct Ctx<'a> {
    pub(crate) space: &'a Space,
    access: Access<'a>,
    pub(crate) turn: &'a mut Turn,
    known: Known,
}

/// A key whose hash the caller has computed already, told by where its bytes stand.
#[derive(Clone, Copy)]
struct Known {
    first: *const u8,
    len: usize,
    hash: u64,
}

impl Turn {
    pub(crate) fn new(db: usize) -> Turn {
        Turn { db, ..Turn::default() }
    }

    pub(crate) fn of_script(db: usize) -> Turn {
        Turn { in_script: true, ..Turn::new(db) }
    }

    /// The next command begins: its time is read anew.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.now = None;
        self.seconds = None;
    }

    #[cold]
    pub(crate) fn effects(&mut self) -> &mut Effects {
        self.effects.get_or_insert_default()
    }

    #[inline]
    fn micros(&mut self, space: &Space) -> i64 {
        *self.now.get_or_insert_with(|| space.clock.now_micros())
    }

    #[inline]
    fn millis(&mut self, space: &Space) -> i64 {
        self.micros(space).div_euclid(1000)
    }

    #[inline]
    fn access_seconds(&mut self, space: &Space) -> u32 {
        *self.seconds.get_or_insert_with(|| space.access_seconds())
    }
}

impl Access<'_> {
    /// Which shards a caller locks is decided before an operation starts, by the key positions of the command's
    /// row, so an operation that reaches another shard is a mistake in that row.
    #[inline]
    fn shard(&self, index: usize) -> &Shard {
        let shard = match self {
            Access::Read(held, shard) if *held == index => Some(*shard),
            Access::Write(held, shard) if *held == index => Some(&**shard),
            Access::Many { shards, .. } => shards.shard(index),
            _ => None,
        };
        shard.unwrap_or_else(|| unreachable!("a command reached shard {index}, which its row does not name"))
    }

    #[inline]
    fn shard_mut(&mut self, index: usize) -> &mut Shard {
        let shard = match self {
            Access::Write(held, shard) if *held == index => Some(&mut **shard),
            Access::Many { shards, .. } => shards.shard_mut(index),
            _ => None,
        };
        shard.unwrap_or_else(|| unreachable!("a command wrote to shard {index}, which its row does not name"))
    }

    /// A shard, and whether no other thread can look at it meanwhile.
    #[inline(always)]
    fn reach(&self, index: usize) -> (&Shard, bool) {
        match self {
            Access::Write(held, shard) if *held == index => (shard, true),
            Access::Many { is_exclusive, .. } => (self.shard(index), *is_exclusive),
            _ => (self.shard(index), false),
        }
    }
}

impl Db {
    /// Changes the collection at a position, and removes its key if nothing is left in it.
    #[inline]
    fn edit<T: Collection, R>(
        &mut self,
        at: usize,
        hash: u64,
        seconds: u32,
        change: impl FnOnce(&mut T) -> Result<Edit<R>>,
    ) -> Result<R, Unchanged<R>> {
        let entry = self.get_mut(at).ok_or(Unchanged::Missing)?;
        let end = entry.end();
        let value = entry.value_mut::<T>().ok_or(Error::WRONG_TYPE)?;
        match change(value)? {
            Edit::Same(result) => Err(Unchanged::Same(result)),
            Edit::Changed(result) if value.is_empty() => {
                self.remove_ending(at, end, hash);
                Ok(result)
            }
            Edit::Changed(result) => {
                let new = entry.end();
                self.move_end(end, new, hash);
                self.set_accessed(at, seconds);
                Ok(result)
            }
        }
    }
}

impl<'a> Ctx<'a> {
    #[inline]
    pub(crate) fn new(space: &'a Space, access: Access<'a>, turn: &'a mut Turn) -> Ctx<'a> {
        let known = Known { first: std::ptr::null(), len: 0, hash: 0 };
        Ctx { space, access, turn, known }
    }

    /// For a caller that needed the hash of the command's key: it is not computed again.
    #[inline]
    pub(crate) fn with_key(
        space: &'a Space,
        access: Access<'a>,
        turn: &'a mut Turn,
        key: Key<'_>,
    ) -> Ctx<'a> {
        let known = Known { first: key.bytes.as_ptr(), len: key.bytes.len(), hash: key.hash };
        Ctx { space, access, turn, known }
    }

    #[inline]
    pub(crate) fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        let Known { first, len, hash } = self.known;
        let is_known = std::ptr::eq(bytes.as_ptr(), first) && bytes.len() == len;
        Key { bytes, hash: if is_known { hash } else { self.space.hash(bytes) } }
    }

    /// The time of this turn in microseconds since the epoch: read once, then the same until the turn ends.
    #[inline]
    pub(crate) fn now_micros(&mut self) -> i64 {
        self.turn.micros(self.space)
    }

    /// The time of this turn in milliseconds since the epoch.
    #[inline]
    pub(crate) fn now(&mut self) -> i64 {
        self.turn.millis(self.space)
    }

    #[inline]
    pub(crate) fn shard(&self, index: usize) -> &Shard {
        self.access.shard(index)
    }

    #[inline]
    fn shard_mut(&mut self, index: usize) -> &mut Shard {
        self.access.shard_mut(index)
    }

    fn db(&self, index: usize) -> &Db {
        &self.shard(index).dbs[self.turn.db]
    }

    /// The position of a key that exists now.
    #[inline]
    fn locate(&mut self, key: Key<'_>, db: usize) -> Option<usize> {
        let index = self.space.shard(key.hash);
        let table = &self.shard(index).dbs[db];
        let at = table.find(key)?;
        match table.get(at)?.end() {
            Some(end) if end < self.now() => None,
            _ => Some(at),
        }
    }

    /// Looks a key up as a command that reads does: counted as hit or miss, and its access time noted.
    #[inline(always)]
    pub(crate) fn find(&mut self, key: Key<'_>) -> Option<&Entry> {
        let seconds = self.access_seconds();
        let (entry, accessed) = self.look_up(key)?;
        accessed.set(seconds);
        Some(entry)
    }

    /// The value of a string, looked up as a command that reads does.
    #[inline]
    pub(crate) fn find_text(&mut self, key: Key<'_>) -> Result<Option<Text<'_>>> {
        self.find(key).map(Entry::text).transpose()
    }

    /// A collection of this type, looked up as a command that reads does.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    #[inline]
    pub(crate) fn find_as<T: Collection>(&mut self, key: Key<'_>) -> Result<Option<&T>> {
        match self.find(key) {
            Some(entry) => entry.value().map(Some).ok_or(Error::WRONG_TYPE),
            None => Ok(None),
        }
    }

    /// As [`find`](Ctx::find) for a command that asks about the key without reading its value: counted, but no access.
    pub(crate) fn find_untouched(&mut self, key: Key<'_>) -> Option<&Entry> {
        self.look_up(key).map(|(entry, _)| entry)
    }

    /// A key's entry and the note of its access time, the look-up being counted as hit or miss.
    #[inline(always)]
    fn look_up(&mut self, key: Key<'_>) -> Option<(&Entry, &Note)> {
        if self.space.has_audience() {
            self.tell_if_over(key);
        }
        let Ctx { space, access, turn, .. } = self;
        let (shard, is_alone) = access.reach(space.shard(key.hash));
        let mut found = shard.dbs[turn.db].look_up(key);
        if let Some((entry, _)) = found
            && entry.end().is_some_and(|end| end < turn.millis(space))
        {
            met_expired(turn, key);
            found = None;
        }
        if found.is_none() && space.has_audience() {
            missed(space, turn, key);
        }
        let (alone, shared) =
            if found.is_some() { (&shard.hits, &space.hits) } else { (&shard.misses, &space.misses) };
        if is_alone {
            alone.add_alone(1);
        } else {
            shared.add(1);
        }
        found
    }

    /// As [`find_untouched`](Ctx::find_untouched), but that there is no such key is no event.
    pub(crate) fn find_unheard(&mut self, key: Key<'_>) -> Option<&Entry> {
        if self.space.hears(audience::EVENTS | audience::MISSES) && self.find_to_write(key).is_none() {
            self.space.misses.add(1);
            return None;
        }
        self.find_untouched(key)
    }

    /// Looks a key up as a command that writes does, before it writes: not counted, and no access.
    pub(crate) fn find_to_write(&mut self, key: Key<'_>) -> Option<&Entry> {
        if self.space.has_audience() {
            self.tell_if_over(key);
        }
        self.peek(key)
    }

    /// Looks a key up without a trace, also one that is past its time and not removed yet.
    pub(crate) fn peek_stale(&self, key: Key<'_>) -> Option<&Entry> {
        let table = self.db(self.space.shard(key.hash));
        table.find(key).and_then(|at| table.get(at))
    }

    /// Looks a key up without a trace.
    pub(crate) fn peek(&mut self, key: Key<'_>) -> Option<&Entry> {
        let db = self.turn.db;
        self.peek_in(key, db)
    }

    /// Looks a key of any database up without a trace.
    pub(crate) fn peek_in(&mut self, key: Key<'_>, db: usize) -> Option<&Entry> {
        let at = self.locate(key, db)?;
        self.shard(self.space.shard(key.hash)).dbs[db].get(at)
    }

    /// Notes an access of a key without reading it (TOUCH).
    pub(crate) fn touch(&mut self, key: Key<'_>) -> bool {
        self.find(key).is_some()
    }

    /// Seconds since the last access of a key, without being one.
    pub(crate) fn idle_seconds(&mut self, key: Key<'_>) -> Option<u32> {
        let at = self.locate(key, self.turn.db)?;
        let now = self.access_seconds();
        Some(now.saturating_sub(self.db(self.space.shard(key.hash)).accessed(at)))
    }

    #[inline]
    fn access_seconds(&mut self) -> u32 {
        self.turn.access_seconds(self.space)
    }

    /// The door for writes. `change` gets the database and the position of the key if it exists; an `Err` means
    /// that it changed nothing.
    #[inline]
    fn write<R, E>(
        &mut self,
        key: Key<'_>,
        db: usize,
        event: Event,
        change: impl FnOnce(&mut Db, Option<usize>) -> Result<R, E>,
    ) -> Result<R, E> {
        let Ctx { space, access, turn, .. } = self;
        let shard = access.shard_mut(space.shard(key.hash));
        let table = &mut shard.dbs[db];
        let mut at = table.find(key);
        if let Some(found) = at
            && let Some(end) = table.get(found).and_then(Entry::end)
            && end < turn.millis(space)
        {
            table.remove(found, key.hash);
            shard.expired.add_alone(1);
            at = None;
            if shard.interest.is_some() || space.has_audience() {
                expired(space, shard, turn, db, key.bytes);
            }
        }
        let table = &mut shard.dbs[db];
        if let Some(undo) = &mut turn.undo {
            undo.remember(db, key.bytes, at.and_then(|at| table.get(at)));
        }
        let result = change(table, at)?;
        shard.changes += 1;
        turn.wrote = true;
        if shard.interest.is_some() || space.has_audience() {
            written(space, shard, turn, db, key, event, at.is_some());
        }
        if shard.wants_sweep() && space.tunables.expires_actively() {
            sweep(space, shard, turn, SWEPT_AT_MOST);
        }
        Ok(result)
    }

    /// Sets a key, whatever it held.
    #[inline]
    pub(crate) fn put(&mut self, key: Key<'_>, content: Content<'_>, deadline: Option<i64>, event: Event) {
        self.put_hashed(key.bytes, key.hash, content, deadline, event);
    }

    /// The parts of the key come in registers: as a whole it would be read right after it was written, in other pieces.
    fn put_hashed(
        &mut self,
        bytes: &[u8],
        hash: u64,
        content: Content<'_>,
        deadline: Option<i64>,
        event: Event,
    ) {
        let key = Key { bytes, hash };
        let seconds = self.access_seconds();
        let done: Result<(), Infallible> = self.write(key, self.turn.db, event, |db, at| {
            let at = db.put(at, key, content, deadline);
            db.set_accessed(at, seconds);
            Ok(())
        });
        let Ok(()) = done;
    }

    /// Changes the value of a key that exists and keeps its deadline; `None` if there is no such key. `change`
    /// answers an error if it changed nothing.
    #[inline]
    pub(crate) fn update<R>(
        &mut self,
        key: Key<'_>,
        event: Event,
        change: impl FnOnce(&mut Entry) -> Result<R>,
    ) -> Result<Option<R>> {
        let seconds = self.access_seconds();
        let done = self.write(key, self.turn.db, event, |db, at| {
            let at = at.ok_or(None)?;
            db.set_accessed(at, seconds);
            change(db.get_mut(at).ok_or(None)?).map_err(Some)
        });
        match done {
            Ok(result) => Ok(Some(result)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }

    /// Changes a collection that exists; `None` if there is no such key. The key is removed with its last element.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type, and whatever `change` answers, which then has changed nothing.
    #[inline]
    pub(crate) fn edit<T: Collection, R>(
        &mut self,
        key: Key<'_>,
        event: Event,
        change: impl FnOnce(&mut T) -> Result<Edit<R>>,
    ) -> Result<Option<R>> {
        let seconds = self.access_seconds();
        let done = self.write(key, self.turn.db, event, |db, at| {
            db.edit(at.ok_or(Unchanged::Missing)?, key.hash, seconds, change)
        });
        match done {
            Ok(result) | Err(Unchanged::Same(result)) => Ok(Some(result)),
            Err(Unchanged::Missing) => Ok(None),
            Err(Unchanged::Failed(error)) => Err(error),
        }
    }

    /// As [`edit`](Ctx::edit); a missing key is one whose collection is empty.
    #[inline]
    pub(crate) fn edit_or_new<T: Collection, R>(
        &mut self,
        key: Key<'_>,
        event: Event,
        change: impl FnOnce(&mut T) -> Result<Edit<R>>,
    ) -> Result<R> {
        let seconds = self.access_seconds();
        let done = self.write(key, self.turn.db, event, |db, at| {
            if let Some(at) = at {
                return db.edit(at, key.hash, seconds, change);
            }
            let mut value = T::default();
            match change(&mut value)? {
                Edit::Changed(result) if !value.is_empty() => {
                    let at = db.put(None, key, value.into_content(), None);
                    db.set_accessed(at, seconds);
                    Ok(result)
                }
                Edit::Changed(result) | Edit::Same(result) => Err(Unchanged::Same(result)),
            }
        });
        match done {
            Ok(result) | Err(Unchanged::Same(result)) => Ok(result),
            Err(Unchanged::Failed(error)) => Err(error),
            // `db.edit` and the branch for a missing key answer no such thing.
            Err(Unchanged::Missing) => Err(Error::INTERNAL),
        }
    }

    /// Sets or removes the deadline (milliseconds since the epoch) of a key; false if the key does not exist.
    pub(crate) fn set_deadline(&mut self, key: Key<'_>, deadline: Option<i64>, event: Event) -> bool {
        let seconds = self.access_seconds();
        let done = self.write(key, self.turn.db, event, |db, at| {
            let at = at.ok_or(())?;
            db.set_accessed(at, seconds);
            db.set_deadline(at, deadline, key.hash);
            Ok::<(), ()>(())
        });
        done.is_ok()
    }

    /// Removes a key; false if it does not exist.
    #[inline]
    pub(crate) fn delete(&mut self, key: Key<'_>, event: Event) -> bool {
        self.take(key, event).is_some()
    }

    /// Removes a key and gives its entry.
    pub(crate) fn take(&mut self, key: Key<'_>, event: Event) -> Option<Entry> {
        let done = self
            .write(key, self.turn.db, event, |db, at| at.and_then(|at| db.remove(at, key.hash)).ok_or(()));
        done.ok()
    }

    /// Puts an entry under its key into a database, in place of what is there, as a new key. Its command tells what that
    /// was.
    pub(crate) fn replace_entry(&mut self, key: Key<'_>, db: usize, entry: Entry) {
        let seconds = self.access_seconds();
        let mut was_there = false;
        let done: Result<(), Infallible> = self.write(key, db, UNTOLD, |table, at| {
            if let Some(at) = at {
                table.remove(at, key.hash);
                was_there = true;
            }
            let at = table.insert(key.hash, entry);
            table.set_accessed(at, seconds);
            Ok(())
        });
        let Ok(()) = done;
        if was_there {
            self.also_in(key, db, "new");
        }
    }

    /// Removes the keys of a shard that are past their time, and says how many there were.
    pub(crate) fn purge(&mut self, index: usize) -> usize {
        let Ctx { space, access, turn, .. } = self;
        sweep(space, access.shard_mut(index), turn, usize::MAX)
    }
}
