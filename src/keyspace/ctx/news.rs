//! Who is told of changes: watches, waiters, and those who listen to events. All of it is cold: the write door asks first
//! whether there is anybody.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Access, Ctx, Key, MOST_MET, Turn};
use crate::blob::Blob;
use crate::error::Result;
use crate::keyspace::effects::{Event, News, audience};
use crate::keyspace::shard::Interest;
use crate::keyspace::watch::Watch;
use crate::keyspace::{Entry, Served, Shard, Space};

/// Removes up to `limit` keys of a shard that are past their time, and says how many it removed.
#[inline(never)]
pub(super) fn sweep(space: &Space, shard: &mut Shard, turn: &mut Turn, limit: usize) -> usize {
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
pub(super) fn written(
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
pub(super) fn expired(space: &Space, shard: &Shard, turn: &mut Turn, db: usize, key: &[u8]) {
    if let Some(interest) = &shard.interest {
        interest.watched.touch(db, key, false);
    }
    if space.hears(audience::EVENTS) {
        turn.effects().news.push(News::Event { db, key: Blob::from(key), event: "expired" });
    }
}

/// A command that reads found nothing.
#[cold]
pub(super) fn missed(space: &Space, turn: &mut Turn, key: Key<'_>) {
    if space.hears(audience::MISSES) {
        let (db, key) = (turn.db, Blob::from(key.bytes));
        turn.effects().news.push(News::Event { db, key, event: "keymiss" });
    }
}

/// A reader found a key past its time: it is removed when the turn's locks are released.
#[cold]
pub(super) fn met_expired(turn: &mut Turn, key: Key<'_>) {
    let db = turn.db;
    let expired = &mut turn.effects().expired;
    let is_known = |(other, known): &(usize, Blob)| *other == db && **known == *key.bytes;
    // A long script may meet many; those past so many wait for the next reader.
    if expired.len() < MOST_MET && !expired.iter().any(is_known) {
        expired.push((db, Blob::from(key.bytes)));
    }
}

impl Ctx<'_> {
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
    pub(in crate::keyspace) fn interest_of(&mut self, key: &[u8]) -> &mut Interest {
        let index = self.space.shard(self.key(key).hash);
        self.shard_mut(index).interest.get_or_insert_default()
    }

    /// As [`interest_of`](Ctx::interest_of), for less interest: the writers of a shard that nobody is interested in do
    /// not look.
    pub(in crate::keyspace) fn forget_interest(&mut self, key: &[u8], forget: impl FnOnce(&mut Interest)) {
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
    pub(in crate::keyspace) fn holds(&self, key: Key<'_>) -> bool {
        let index = self.space.shard(key.hash);
        match &self.access {
            Access::Write(held, _) => *held == index,
            Access::Many { shards, is_exclusive } => *is_exclusive && shards.shard(index).is_some(),
            Access::None | Access::Read(..) => false,
        }
    }

    pub(in crate::keyspace) fn try_reach(&mut self, index: usize) -> bool {
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
}
