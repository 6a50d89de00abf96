//! Changes of whole databases, and what a roll-back does.

use super::{Ctx, Key, Turn};
use crate::keyspace::undo::Record;

impl Ctx<'_> {
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
}
