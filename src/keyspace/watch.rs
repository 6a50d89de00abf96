//! [`Watch`]: a key that a conversation watches (WATCH), and [`Watched`]: those of one shard.
//!
//! The write door marks a watch dirty while it holds the key's shard, so that who locks the shard afterwards sees the
//! mark. A key whose time comes is not written by anybody: the deadline that it had is kept with the watch.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One watched key of one conversation.
pub(crate) struct Watch {
    pub(crate) db: usize,
    pub(crate) key: Box<[u8]>,
    /// When the key ends, if it exists and will.
    deadline: Option<i64>,
    /// The key was past its time, but not yet removed: its removal is no change.
    was_expired: AtomicBool,
    /// Shared by all keys that the conversation watches.
    dirty: Arc<AtomicBool>,
}

impl Watch {
    pub(super) fn new(
        db: usize,
        key: &[u8],
        deadline: Option<i64>,
        was_expired: bool,
        dirty: &Arc<AtomicBool>,
    ) -> Watch {
        let dirty = Arc::clone(dirty);
        Watch { db, key: key.into(), deadline, was_expired: AtomicBool::new(was_expired), dirty }
    }

    /// Whether the key is another one now than when the watch began: it was written, or its time has come.
    pub(crate) fn is_dirty(&self, now: i64) -> bool {
        let is_over = self.deadline.is_some_and(|end| end < now) && !self.was_expired.load(Ordering::Relaxed);
        is_over || self.dirty.load(Ordering::Acquire)
    }

    /// The key was changed, or removed if it does not exist any more.
    fn touch(&self, exists: bool) {
        if !exists && self.was_expired.swap(false, Ordering::Relaxed) {
            return;
        }
        self.dirty.store(true, Ordering::Release);
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

    /// Many keys of a database were written: those that `changed` says.
    pub(super) fn touch_where(&self, db: usize, exists: bool, changed: impl Fn(&[u8]) -> bool) {
        for watch in self.0.values().flatten().filter(|watch| watch.db == db && changed(&watch.key)) {
            watch.touch(exists);
        }
    }
}
