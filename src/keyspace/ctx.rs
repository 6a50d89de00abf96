//! [`Ctx`]: locked access to keys for the length of one command, and the one door for writes.
//!
//! A typed method, a command by name and a script's call each get a `Ctx` over the shards that they need, and every
//! operation takes one. What outlasts the command (the selected database, the frozen time of a script, the roll-back
//! records of a transaction) is in the [`Turn`] that the caller lends.
//!
//! All changes go through [`Ctx::write`]: it drops a key that is past its time, keeps the old value if a
//! roll-back may need it, counts the change and marks the turn as having written. The methods that operations call
//! (`put`, `update`, `delete` …) are thin forms of it.

use std::convert::Infallible;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::effects::{Effects, Event, News, audience};
use super::shard::{Interest, SWEPT_AT_MOST};
use super::undo::{Record, Undo};
use super::watch::Watch;
use super::{Collection, Content, Db, Entry, Served, Shard, Space, Text};
use crate::blob::Blob;
use crate::ds::hash_order::Note;
use crate::error::{Error, Result};
use crate::rng::Rng;

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
        *self.seconds.get_or_insert_with(|| space.clock.coarse_millis().div_euclid(1000) as u32)
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

/// Removes up to `limit` keys of a shard that are past their time, and says how many it removed.
#[inline(never)]
fn sweep(space: &Space, shard: &mut Shard, turn: &mut Turn, limit: usize) -> usize {
    let now = turn.millis(space);
    if shard.interest.is_none() && !space.has_audience() {
        return shard.purge(now, limit, |_, _| {});
    }
    let mut gone = Vec::new();
    let removed = shard.purge(now, limit, |db, entry| gone.push((db, Blob::from(entry.key()))));
    for (db, key) in gone {
        expired(space, shard, turn, db, &key);
    }
    removed
}

/// For a change whose event its command tells itself ([`Ctx::also`]), later than the change or in another order.
pub(crate) const UNTOLD: Event = "";

/// A key was written, and there is somebody who may want to know.
#[cold]
fn written(
    space: &Space,
    shard: &Shard,
    turn: &mut Turn,
    db: usize,
    key: Key<'_>,
    event: Event,
    was_there: bool,
) {
    let is_there = shard.dbs[db].find(key).is_some();
    if let Some(interest) = &shard.interest {
        // While a roll-back is possible, nobody is told before it is certain that there is none.
        if turn.undo.is_none() {
            interest.watched.touch(db, key.bytes, is_there);
        }
        if is_there && interest.waiting.waits(db, key.bytes) {
            turn.effects().note_ready(db, key.bytes);
        }
    }
    if space.hears(audience::EVENTS) {
        let mut tell = |event| {
            turn.effects().news.push(News::Event { db, key: Blob::from(key.bytes), event });
        };
        if is_there && !was_there {
            tell("new");
        }
        if event != UNTOLD {
            tell(event);
        }
        // The last element went, and the key with it.
        if was_there && !is_there && !matches!(event, UNTOLD | "del" | "evicted") {
            tell("del");
        }
    }
}

/// A key was removed because its time is over, and there is somebody who may want to know.
#[cold]
fn expired(space: &Space, shard: &Shard, turn: &mut Turn, db: usize, key: &[u8]) {
    if let Some(interest) = &shard.interest {
        interest.watched.touch(db, key, false);
    }
    if space.hears(audience::EVENTS) {
        turn.effects().news.push(News::Event { db, key: Blob::from(key), event: "expired" });
    }
}

/// A command that reads found nothing.
#[cold]
fn missed(space: &Space, turn: &mut Turn, key: Key<'_>) {
    if space.hears(audience::MISSES) {
        let (db, key) = (turn.db, Blob::from(key.bytes));
        turn.effects().news.push(News::Event { db, key, event: "keymiss" });
    }
}

/// A reader found a key past its time: it is removed when the turn's locks are released.
#[cold]
fn met_expired(turn: &mut Turn, key: Key<'_>) {
    let db = turn.db;
    let expired = &mut turn.effects().expired;
    let is_known = |(other, known): &(usize, Blob)| *other == db && **known == *key.bytes;
    // A long script may meet many; those past so many wait for the next reader.
    if expired.len() < MOST_MET && !expired.iter().any(is_known) {
        expired.push((db, Blob::from(key.bytes)));
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

    /// Empties a database; answers how many keys it had.
    pub(crate) fn clear(&mut self, db: usize) -> usize {
        let now = self.now();
        let mut removed = 0;
        for index in 0..self.space.shards() {
            let shard = self.access.shard_mut(index);
            let old = shard.dbs[db].empty();
            removed += old.live(now);
            shard.changes += old.len() as u64;
            self.turn.wrote |= old.len() > 0;
            if self.turn.undo.is_none()
                && let Some(interest) = &shard.interest
            {
                let space = self.space;
                let was_there = |key: &[u8]| old.find(Key { bytes: key, hash: space.hash(key) }).is_some();
                interest.watched.touch_all(db, was_there);
            }
            if let Some(undo) = &mut self.turn.undo {
                undo.keep(Record::Db { shard: index, db, old });
            }
        }
        removed
    }

    /// Swaps two databases.
    pub(crate) fn swap(&mut self, a: usize, b: usize) {
        self.swap_back(a, b);
        self.shard_mut(0).changes += 1;
        self.turn.wrote = true;
        for index in 0..self.space.shards() {
            self.swapped(index, a, b);
        }
        if let Some(undo) = &mut self.turn.undo {
            undo.keep(Record::Swapped(a, b));
        }
    }

    fn swap_back(&mut self, a: usize, b: usize) {
        for index in 0..self.space.shards() {
            self.shard_mut(index).dbs.swap(a, b);
        }
    }

    /// Tells those who watch or wait for keys of two databases that were swapped.
    fn swapped(&mut self, index: usize, a: usize, b: usize) {
        let now = self.now();
        let space = self.space;
        let shard = self.access.shard(index);
        let Some(interest) = &shard.interest else { return };
        for (here, there) in [(a, b), (b, a)] {
            let finds = |db: usize, key: &[u8]| {
                shard.dbs[db].find(Key { bytes: key, hash: space.hash(key) }).is_some()
            };
            if self.turn.undo.is_none() {
                let past = |key: &[u8]| {
                    let table = &shard.dbs[here];
                    let entry =
                        table.find(Key { bytes: key, hash: space.hash(key) }).and_then(|at| table.get(at))?;
                    Some(entry.end().is_some_and(|end| end < now))
                };
                interest.watched.exchange(here, |key| (finds(there, key), past(key)));
            }
            for key in interest.waiting.keys(here).filter(|key| finds(here, key)) {
                self.turn.effects().note_ready(here, key);
            }
        }
    }

    /// Begins to keep what a roll-back needs.
    pub(crate) fn begin_undo(turn: &mut Turn) {
        turn.undo = Some(Box::default());
    }

    /// The changes since the undo records began are certain: those who watch the keys are told.
    pub(crate) fn commit(&mut self) {
        let Some(undo) = self.turn.undo.take() else { return };
        for record in undo.records {
            match record {
                Record::Key { db, key, .. } => {
                    let key = self.key(&key);
                    let shard = self.access.shard(self.space.shard(key.hash));
                    if let Some(interest) = &shard.interest {
                        interest.watched.touch(db, key.bytes, shard.dbs[db].find(key).is_some());
                    }
                }
                Record::Db { shard, db, old } => {
                    let space = self.space;
                    if let Some(interest) = &self.access.shard(shard).interest {
                        let was_there =
                            |key: &[u8]| old.find(Key { bytes: key, hash: space.hash(key) }).is_some();
                        interest.watched.touch_all(db, was_there);
                    }
                }
                Record::Swapped(a, b) => {
                    for index in 0..self.space.shards() {
                        self.swapped(index, a, b);
                    }
                }
            }
        }
    }

    /// Puts everything back as it was when the turn's undo records began, and forgets what was caused meanwhile.
    pub(crate) fn roll_back(&mut self) {
        let Some(undo) = self.turn.undo.take() else { return };
        let seconds = self.access_seconds();
        for record in undo.records.into_iter().rev() {
            match record {
                Record::Key { db, key, old } => {
                    let key = self.key(&key);
                    let table = &mut self.shard_mut(self.space.shard(key.hash)).dbs[db];
                    if let Some(at) = table.find(key) {
                        table.remove(at, key.hash);
                    }
                    if let Some(entry) = old {
                        let at = table.insert(key.hash, entry);
                        table.set_accessed(at, seconds);
                    }
                }
                Record::Db { shard, db, old } => self.shard_mut(shard).dbs[db] = old,
                Record::Swapped(a, b) => self.swap_back(a, b),
            }
        }
        self.turn.effects = None;
    }

    /// Removes the keys of a shard that are past their time, and says how many there were.
    pub(crate) fn purge(&mut self, index: usize) -> usize {
        let Ctx { space, access, turn, .. } = self;
        sweep(space, access.shard_mut(index), turn, usize::MAX)
    }

    /// Before a look-up of a key, while somebody may want to know: that its time is over is told before what the
    /// look-up causes, if the caller may remove it at all.
    #[cold]
    pub(crate) fn tell_if_over(&mut self, key: Key<'_>) {
        let db = self.turn.db;
        let is_over = |entry: &Entry, now: i64| entry.end().is_some_and(|end| end < now);
        if self.space.hears(audience::EVENTS) && self.holds(key) {
            let now = self.now();
            let table = &self.shard(self.space.shard(key.hash)).dbs[db];
            let found = table.find(key).and_then(|at| table.get(at));
            if found.is_some_and(|entry| is_over(entry, now)) {
                self.purge_key(key, db);
            }
        }
    }

    /// Whether somebody is told of what happens to keys.
    pub(crate) fn is_heard(&self) -> bool {
        self.space.hears(audience::EVENTS)
    }

    /// Notes one more event of a key that was changed just now: SET with a time to live is two.
    #[inline]
    pub(crate) fn also(&mut self, key: Key<'_>, event: Event) {
        self.also_in(key, self.turn.db, event);
    }

    /// As [`also`](Ctx::also) for a key of any database.
    #[inline]
    pub(crate) fn also_in(&mut self, key: Key<'_>, db: usize, event: Event) {
        if self.space.hears(audience::EVENTS) {
            self.turn.effects().news.push(News::Event { db, key: Blob::from(key.bytes), event });
        }
    }

    /// Removes a key if it is past its time.
    pub(crate) fn purge_key(&mut self, key: Key<'_>, db: usize) {
        // The door does it.
        let nothing: Result<(), ()> = self.write(key, db, UNTOLD, |_, _| Err(()));
        debug_assert!(nothing.is_err());
    }

    /// Notes a message that is published when the turn is over, and answers how many would get it now.
    pub(crate) fn publish(&mut self, channel: &[u8], message: &[u8], is_sharded: bool) -> usize {
        let receivers = self.space.receivers.as_ref().map_or(0, |all| all.count(channel, is_sharded));
        if receivers == 0 {
            return 0;
        }
        let (channel, message) = (Blob::from(channel), Blob::from(message));
        self.turn.effects().news.push(News::Message { channel, message, is_sharded });
        receivers
    }

    /// Begins to watch a key of the selected database: a change of it sets `dirty`.
    pub(crate) fn watch(&mut self, key: &[u8], dirty: &Arc<AtomicBool>) -> Arc<Watch> {
        let found = self.key(key);
        let db = self.turn.db;
        let now = self.now();
        let table = &self.shard(self.space.shard(found.hash)).dbs[db];
        let deadline = table.find(found).and_then(|at| table.get(at)).and_then(Entry::end);
        let was_expired = deadline.is_some_and(|end| end < now);
        let watch = Arc::new(Watch::new(db, key, deadline, was_expired, dirty));
        self.interest_of(key).watched.add(Arc::clone(&watch));
        watch
    }

    pub(crate) fn unwatch(&mut self, watch: &Arc<Watch>) {
        self.forget_interest(&watch.key, |interest| interest.watched.remove(watch));
    }

    /// Who watches or waits for keys of a key's shard.
    pub(super) fn interest_of(&mut self, key: &[u8]) -> &mut Interest {
        let index = self.space.shard(self.key(key).hash);
        self.shard_mut(index).interest.get_or_insert_default()
    }

    /// As [`interest_of`](Ctx::interest_of), for less interest: the writers of a shard that nobody is interested in do
    /// not look.
    pub(super) fn forget_interest(&mut self, key: &[u8], forget: impl FnOnce(&mut Interest)) {
        let index = self.space.shard(self.key(key).hash);
        let interest = &mut self.shard_mut(index).interest;
        if let Some(some) = interest {
            forget(some);
            if some.is_empty() {
                *interest = None;
            }
        }
    }

    /// Whether the shard of a key is held for writing.
    pub(super) fn holds(&self, key: Key<'_>) -> bool {
        let index = self.space.shard(key.hash);
        match &self.access {
            Access::Write(held, _) => *held == index,
            Access::Many { shards, is_exclusive } => *is_exclusive && shards.shard(index).is_some(),
            Access::None | Access::Read(..) => false,
        }
    }

    pub(super) fn try_reach(&mut self, index: usize) -> bool {
        match &mut self.access {
            Access::Many { shards, is_exclusive: true } => shards.try_reach(index),
            _ => false,
        }
    }

    /// Serves those who wait for keys that the turn has written, until there is nothing more for anybody; what cannot be
    /// done under these locks stays among the effects.
    pub(crate) fn serve_ready(&mut self) {
        let mut later = Vec::new();
        while let Some(effects) = &mut self.turn.effects
            && !effects.ready.is_empty()
        {
            let (db, key) = effects.ready.remove(0);
            if self.serve(db, &key) == Served::NotYet {
                later.push((db, key));
            }
        }
        if !later.is_empty() {
            self.turn.effects().ready = later;
        }
    }

    /// How many keys the selected database has now.
    pub(crate) fn len(&mut self) -> usize {
        let mut len = 0;
        for index in 0..self.space.shards() {
            // A clock is read only where something may have expired.
            let db = self.db(index);
            len += if db.has_volatile() {
                let now = self.now();
                self.db(index).live(now)
            } else {
                db.len()
            };
        }
        len
    }

    /// Calls `visit` with every key of the selected database that exists now, in no order.
    pub(crate) fn for_each(&mut self, mut visit: impl FnMut(&Entry)) {
        let now = self.now();
        for index in 0..self.space.shards() {
            for entry in self.db(index).iter() {
                if entry.end().is_none_or(|end| end >= now) {
                    visit(entry);
                }
            }
        }
    }

    /// One step of a walk over the selected database: `cursor` is 0 at the start and is answered as 0 at the end.
    /// About `count` keys are visited. Keys that exist from the first step to the last are visited at least once.
    pub(crate) fn walk(&mut self, cursor: u64, count: usize, mut visit: impl FnMut(&Entry)) -> u64 {
        let now = self.now();
        let mut left = count.max(1);
        let mut tag = cursor as u32;
        for index in (cursor >> 32) as usize..self.space.shards() {
            let mut seen = 0;
            let next = self.db(index).walk(tag, left, |entry| {
                seen += 1;
                if entry.end().is_none_or(|end| end >= now) {
                    visit(entry);
                }
            });
            match next {
                Some(next) => return (index as u64) << 32 | u64::from(next),
                None if seen >= left => {
                    let next = index + 1;
                    return if next == self.space.shards() { 0 } else { (next as u64) << 32 };
                }
                None => left -= seen,
            }
            tag = 0;
        }
        0
    }

    /// A key of the selected database that exists now, each as likely as any other.
    pub(crate) fn random_key(&mut self, rng: &mut Rng) -> Option<&Entry> {
        let now = self.now();
        let len = self.len() as u64;
        if len == 0 {
            return None;
        }
        let live = |entry: &Entry| entry.end().is_none_or(|end| end >= now);
        // A shard by its share of the keys, then a slot; a key past its time means another try. When nearly all
        // keys are past their time, a walk finds one of the others.
        let total: usize = (0..self.space.shards()).map(|index| self.db(index).len()).sum();
        let mut found = None;
        for _ in 0..64 {
            let mut nth = rng.below(total as u64) as usize;
            let mut index = 0;
            while nth >= self.db(index).len() {
                nth -= self.db(index).len();
                index += 1;
            }
            let at = self.db(index).random(rng);
            if at.and_then(|at| self.db(index).get(at)).is_some_and(live) {
                found = at.map(|at| (index, at));
                break;
            }
        }
        match found {
            Some((index, at)) => self.db(index).get(at),
            None => {
                let nth = rng.below(len) as usize;
                let entries = (0..self.space.shards()).flat_map(|index| self.db(index).iter());
                entries.filter(|entry| live(entry)).nth(nth)
            }
        }
    }
}
