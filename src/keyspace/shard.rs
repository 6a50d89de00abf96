//! [`Shard`]: one part of the key space, and [`Db`], one database's keys in it.
//!
//! Nothing here locks; a shard is changed through `&mut`. Only [`Ctx`](super::Ctx) calls what changes keys, so that
//! every write passes its door.

use super::expiry::ExpiryIndex;
use super::space::Counter;
use super::wait::Waiting;
use super::watch::Watched;
use super::{Content, Entry, Key};
use crate::ds::hash_order::{HashOrder, Note};
use crate::rng::Rng;

/// Writes between two looks at the expired keys of a shard, and how many go at most each time.
const WRITES_A_SWEEP: u32 = 8;
pub(super) const SWEPT_AT_MOST: usize = 16;

pub(crate) struct Shard {
    pub(crate) dbs: Vec<Db>,
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) expired: Counter,
    /// Changes of keys (`rdb_changes_since_last_save` in INFO).
    pub(crate) changes: u64,
    /// Who watches or waits for keys; `None` when nobody does.
    pub(super) interest: Option<Box<Interest>>,
    writes: u32,
}

/// Who is to be told of changes of a shard's keys.
#[derive(Default)]
pub(crate) struct Interest {
    pub(super) watched: Watched,
    pub(super) waiting: Waiting,
}

impl Interest {
    pub(super) fn is_empty(&self) -> bool {
        self.watched.is_empty() && self.waiting.is_empty()
    }
}

impl Shard {
    pub(crate) fn new(databases: usize) -> Shard {
        Shard {
            dbs: (0..databases).map(Db::new).collect(),
            hits: Counter::default(),
            misses: Counter::default(),
            expired: Counter::default(),
            changes: 0,
            interest: None,
            writes: 0,
        }
    }

    /// Whether this write is one that should also sweep expired keys away.
    #[inline]
    pub(crate) fn wants_sweep(&mut self) -> bool {
        self.writes = self.writes.wrapping_add(1);
        self.writes.is_multiple_of(WRITES_A_SWEEP) && self.dbs.iter().any(|db| db.expiry.len() > 0)
    }

    /// Removes up to `limit` keys that ended before `now`, shows each, and says how many it removed.
    pub(super) fn purge(&mut self, now: i64, limit: usize, mut show: impl FnMut(usize, &Entry)) -> usize {
        let mut removed = 0;
        for (index, db) in self.dbs.iter_mut().enumerate() {
            while removed < limit
                && let Some(entry) = db.remove_due(now)
            {
                if let Some(entry) = entry {
                    show(index, &entry);
                }
                removed += 1;
            }
        }
        self.expired.add_alone(removed as u64);
        removed
    }
}

/// One database's keys in one shard.
pub(crate) struct Db {
    keys: HashOrder<Entry>,
    expiry: ExpiryIndex,
    /// Makes the order of the keys another one in each database: a table that is filled in the order of another one
    /// would fill from one end, at a cost of O(n²). Odd, so that no two hashes become the same.
    salt: u32,
}

impl Db {
    fn new(database: usize) -> Db {
        // The golden ratio's multiples are far apart.
        let salt = (database as u32).wrapping_mul(0x9E37_79B9).wrapping_mul(2) | 1;
        Db { keys: HashOrder::new(), expiry: ExpiryIndex::default(), salt }
    }

    /// Takes everything out.
    pub(super) fn empty(&mut self) -> Db {
        let empty = Db { keys: HashOrder::new(), expiry: ExpiryIndex::default(), salt: self.salt };
        std::mem::replace(self, empty)
    }

    /// The 32 bits that order the keys of a database.
    #[inline(always)]
    fn tag(&self, hash: u64) -> u32 {
        (hash as u32).wrapping_mul(self.salt)
    }

    /// Keys in the table, those past their time but not yet removed included.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Keys that exist at `now`.
    pub(crate) fn live(&self, now: i64) -> usize {
        self.keys.len() - self.expiry.due(now)
    }

    /// Keys with a deadline that exist at `now`.
    pub(crate) fn volatile(&self, now: i64) -> usize {
        self.expiry.len() - self.expiry.due(now)
    }

    pub(crate) fn has_volatile(&self) -> bool {
        self.expiry.len() > 0
    }

    pub(crate) fn total_ttl(&self, now: i64) -> i128 {
        self.expiry.total_ttl(now)
    }

    pub(crate) fn memory(&self) -> usize {
        self.keys.memory()
    }

    #[inline]
    pub(crate) fn find(&self, key: Key<'_>) -> Option<usize> {
        self.keys.find(self.tag(key.hash), |entry| entry.is_key(key.bytes))
    }

    /// The entry of a key, and where its access time is noted.
    #[inline(always)]
    pub(crate) fn look_up(&self, key: Key<'_>) -> Option<(&Entry, &Note)> {
        self.keys.find_noted(self.tag(key.hash), |entry| entry.is_key(key.bytes))
    }

    /// As [`look_up`](Db::look_up); `met` is called before each look at an entry.
    #[inline(always)]
    pub(crate) fn look_up_meeting(&self, key: Key<'_>, mut met: impl FnMut()) -> Option<(&Entry, &Note)> {
        self.keys.find_noted(self.tag(key.hash), |entry| {
            met();
            entry.is_key(key.bytes)
        })
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&Entry> {
        self.keys.get(at)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut Entry> {
        self.keys.get_mut(at)
    }

    /// When the entry was last accessed, in seconds of the coarse clock.
    #[inline]
    pub(crate) fn accessed(&self, at: usize) -> u32 {
        self.keys.note(at)
    }

    #[inline]
    pub(crate) fn set_accessed(&self, at: usize, seconds: u32) {
        self.keys.set_note(at, seconds);
    }

    /// Puts a value at a position that [`find`](Db::find) gave, or adds the key.
    #[inline]
    pub(super) fn put(
        &mut self,
        at: Option<usize>,
        key: Key<'_>,
        content: Content<'_>,
        deadline: Option<i64>,
    ) -> usize {
        match at.and_then(|at| Some((at, self.keys.get_mut(at)?))) {
            Some((at, entry)) => {
                let old = entry.end();
                entry.set(content, deadline);
                let new = entry.end();
                self.move_end(old, new, key.hash);
                at
            }
            None => self.insert(key.hash, Entry::new(key.bytes, content, deadline)),
        }
    }

    /// Adds an entry whose key is not there.
    pub(super) fn insert(&mut self, hash: u64, entry: Entry) -> usize {
        self.move_end(None, entry.end(), hash);
        self.keys.insert(self.tag(hash), entry)
    }

    pub(super) fn set_deadline(&mut self, at: usize, deadline: Option<i64>, hash: u64) {
        if let Some(entry) = self.keys.get_mut(at) {
            let old = entry.end();
            entry.set_deadline(deadline);
            let new = entry.end();
            self.move_end(old, new, hash);
        }
    }

    /// Keeps the index right when the end of an entry (its deadline, or that of the last field of a hash) changed.
    #[inline]
    pub(super) fn move_end(&mut self, old: Option<i64>, new: Option<i64>, hash: u64) {
        if old != new {
            if let Some(old) = old {
                self.expiry.remove(old, hash);
            }
            if let Some(new) = new {
                self.expiry.add(new, hash);
            }
        }
    }

    pub(super) fn remove(&mut self, at: usize, hash: u64) -> Option<Entry> {
        let entry = self.keys.remove(at)?;
        self.move_end(entry.end(), None, hash);
        Some(entry)
    }

    /// Removes an entry that the index has under `end`.
    pub(super) fn remove_ending(&mut self, at: usize, end: Option<i64>, hash: u64) {
        self.keys.remove(at);
        self.move_end(end, None, hash);
    }

    /// Removes the key that ended first, if it ended before `now`.
    fn remove_due(&mut self, now: i64) -> Option<Option<Entry>> {
        let (deadline, hash) = self.expiry.first_due(now)?;
        // None is there if two keys shared the pair and the other one went first.
        let at = self.keys.find(self.tag(hash), |entry| entry.end() == Some(deadline));
        let removed = at.and_then(|at| self.keys.remove(at));
        self.expiry.remove(deadline, hash);
        Some(removed)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.keys.iter()
    }

    pub(crate) fn random(&self, rng: &mut Rng) -> Option<usize> {
        self.keys.random(rng)
    }

    /// Calls `visit` with entries from a tag onward until `count` slots were seen; answers the tag to go on from,
    /// `None` at the end. Entries of equal tags are never parted, so that the tag is a sound cursor.
    pub(crate) fn walk(&self, from: u32, count: usize, mut visit: impl FnMut(&Entry)) -> Option<u32> {
        let mut seen = 0;
        let mut last = None;
        let mut next = self.keys.seek(from);
        while let Some((at, tag)) = next {
            if seen >= count && last != Some(tag) {
                return Some(tag);
            }
            if let Some(entry) = self.keys.get(at) {
                visit(entry);
            }
            seen += 1;
            last = Some(tag);
            next = self.keys.after(at);
        }
        None
    }
}
