//! [`Watch`]: a key that a conversation watches (WATCH), and [`Watched`]: those of one shard.
//!
//! The write door marks a watch dirty while it holds the key's shard, so that who locks the shard afterwards sees the
//! mark. A key whose time comes is not written by anybody: the deadline that it had is kept with the watch.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// One watched key of one conversation.
pub(crate) struct Watch {
    pub(crate) db: usize,
    pub(crate) key: Box<[u8]>,
    /// When the key that was there ends; [`NEVER`] if it does not, or is gone.
    deadline: AtomicI64,
    /// The key was past its time, but not yet removed: its removal is no change.
    is_stale: AtomicBool,
    /// Shared by all keys that the conversation watches.
    dirty: Arc<AtomicBool>,
}

const NEVER: i64 = i64::MAX;

impl Watch {
    pub(super) fn new(
        db: usize,
        key: &[u8],
        deadline: Option<i64>,
        is_stale: bool,
        dirty: &Arc<AtomicBool>,
    ) -> Watch {
        Watch {
            db,
            key: key.into(),
            deadline: AtomicI64::new(deadline.unwrap_or(NEVER)),
            is_stale: AtomicBool::new(is_stale),
            dirty: Arc::clone(dirty),
        }
    }

    /// Whether the key is another one now than when the watch began: it was written, or its time has come.
    pub(crate) fn is_dirty(&self, now: i64) -> bool {
        let is_over = self.deadline.load(Ordering::Relaxed) < now && !self.is_stale.load(Ordering::Relaxed);
        is_over || self.dirty.load(Ordering::Acquire)
    }

    /// The key was changed, or removed if it does not exist any more.
    fn touch(&self, exists: bool) {
        if !exists && self.is_stale.load(Ordering::Relaxed) {
            self.forget_stale();
        } else {
            self.dirty.store(true, Ordering::Release);
        }
    }

    fn forget_stale(&self) {
        self.deadline.store(NEVER, Ordering::Relaxed);
        self.is_stale.store(false, Ordering::Relaxed);
    }

    /// Another database took the place of the key's. `now` is the key there, if there is one: whether it is past its time.
    fn exchange(&self, was_there: bool, now: Option<bool>) {
        match (self.is_stale.load(Ordering::Relaxed), now) {
            (true, None) => self.forget_stale(),
            (true, Some(true)) => {}
            (false, Some(true)) if !was_there => self.is_stale.store(true, Ordering::Relaxed),
            (false, None) if !was_there => {}
            _ => self.dirty.store(true, Ordering::Release),
        }
    }
}

/// The watches of a shard, by key.
#[derive(Default)]
pub(crate) struct Watched(HashMap<Box<[u8]>, Vec<Arc<Watch>>>);

impl Watched {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, watch: Arc<Watch>) {
        self.0.entry(watch.key.clone()).or_default().push(watch);
    }

    pub(super) fn remove(&mut self, watch: &Arc<Watch>) {
        if let Some(watches) = self.0.get_mut(&watch.key) {
            watches.retain(|other| !Arc::ptr_eq(other, watch));
            if watches.is_empty() {
                self.0.remove(&watch.key);
            }
        }
    }

    /// A key was written; `exists` says whether there is one now.
    pub(super) fn touch(&self, db: usize, key: &[u8], exists: bool) {
        for watch in self.0.get(key).into_iter().flatten().filter(|watch| watch.db == db) {
            watch.touch(exists);
        }
    }

    /// A database was emptied; `was_there` says which keys it had.
    pub(super) fn touch_all(&self, db: usize, was_there: impl Fn(&[u8]) -> bool) {
        for watch in self.0.values().flatten().filter(|watch| watch.db == db && was_there(&watch.key)) {
            watch.touch(false);
        }
    }

    /// Another database took the place of this one. `find` says of a key whether it was there before, and of the key that is
    /// there now whether it is past its time.
    pub(super) fn exchange(&self, db: usize, find: impl Fn(&[u8]) -> (bool, Option<bool>)) {
        for watch in self.0.values().flatten().filter(|watch| watch.db == db) {
            let (was_there, now) = find(&watch.key);
            watch.exchange(was_there, now);
        }
    }
}
