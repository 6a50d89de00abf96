//! [`Effects`]: what a turn has caused beside the changes of keys, kept until the turn is over.
//!
//! The write door notes them while the shards are locked; `store/` settles them when the turn ends: who waits for a key
//! is served and messages are handed out under the turn's own locks, so that they come in the order of the changes;
//! listeners are called once the locks are released. A turn that is rolled back drops its effects unseen.

use std::sync::Arc;

use super::Waiter;
use crate::blob::Blob;

/// What happened to a key: the name that a keyspace notification has.
pub(crate) type Event = &'static str;

#[derive(Default)]
pub(crate) struct Effects {
    /// In the order in which they happened.
    pub(crate) news: Vec<News>,
    /// Databases and keys that somebody waits for and that were written.
    pub(crate) ready: Vec<(usize, Blob)>,
    /// Databases and keys that were found past their time by a reader, which cannot remove them.
    pub(crate) expired: Vec<(usize, Blob)>,
    /// Those who waited and were served, to be told once the locks are released.
    pub(crate) woken: Vec<Arc<Waiter>>,
}

impl Effects {
    /// Adds what came after.
    pub(crate) fn append(&mut self, later: Effects) {
        let Effects { news, ready, expired, woken } = later;
        self.news.extend(news);
        for (db, key) in ready {
            self.note_ready(db, &key);
        }
        self.expired.extend(expired);
        self.woken.extend(woken);
    }

    /// A key was written that somebody waits for.
    pub(super) fn note_ready(&mut self, db: usize, key: &[u8]) {
        if !self.ready.iter().any(|(other, ready)| *other == db && **ready == *key) {
            self.ready.push((db, Blob::from(key)));
        }
    }
}

/// What others may be told of.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// Something happened to a key.
    Event { db: usize, key: Blob, event: Event },
    /// A message was published.
    Message { channel: Blob, message: Blob, is_sharded: bool },
}

/// Who subscribes to channels; the store above knows.
pub(crate) trait Receivers: Send + Sync {
    /// How many would get a message on a channel now.
    fn count(&self, channel: &[u8], is_sharded: bool) -> usize;
    /// How many channels, patterns and shard channels somebody reads.
    fn names(&self) -> [usize; 3];
}

/// Who wants to be told of what happens: bits of [`Space::audience`](super::Space).
pub(crate) mod audience {
    /// Changes of keys, for keyspace notifications or a listener.
    pub(crate) const EVENTS: u32 = 1;
    /// Reads of keys that do not exist.
    pub(crate) const MISSES: u32 = 1 << 1;
    /// Commands, for MONITOR.
    pub(crate) const COMMANDS: u32 = 1 << 2;
}
