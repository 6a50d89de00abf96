//! [`Waiter`]: a caller that waits for a key to get a value (BLPOP and its relatives), and [`Waiting`]: those of one
//! shard.
//!
//! Whoever writes the key serves the waiter: when its turn ends, and before its locks are released, it runs the waiting
//! command in the waiter's place and hands over the reply. So nobody can take the element in between, and who waited
//! first is served first. A waiter is in the queue of each of its keys; its [`Slot`] makes sure that it is served once.
//!
//! # Invariants
//!
//! 1. A waiter that waits is in the queue of each of its keys. It gets there under the locks under which its command
//!    found nothing.
//! 2. When a turn ends, nobody waits for a key that it wrote and that suits him, except one who needs another shard (a
//!    destination) which somebody else has at that moment. The turn's caller serves that one before its call returns,
//!    and so does every caller who would wait for the same key behind him.

mod slot;
mod sync;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Duration;

use slot::Slot;

use super::{Ctx, Entry, Key, Stats};
use crate::blob::Blob;
use crate::error::Result;
use crate::value::Value;

/// What a waiting command does with a key that has got a value.
pub(crate) trait Attempt: Send + Sync {
    /// Whether a key with this value has what the command waits for.
    fn suits(&self, entry: &Entry) -> bool;

    /// Takes it. `None` if there is nothing to be had after all.
    ///
    /// # Errors
    ///
    /// What the command replies, `WRONGTYPE` for example.
    fn attempt(&self, cx: &mut Ctx<'_>, key: &[u8]) -> Result<Option<Value>>;

    /// Puts back what was taken for a caller that went away meanwhile.
    fn put_back(&self, cx: &mut Ctx<'_>, reply: &Value);
}

/// A command that waits, with its arguments read.
pub(crate) struct Wait {
    /// The keys that it waits for; the first that suits is taken.
    pub(crate) keys: Vec<Blob>,
    /// Another key that the attempt writes to.
    pub(crate) destination: Option<Blob>,
    /// `None` waits for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) attempt: Arc<dyn Attempt>,
    /// The reply when the time is over.
    pub(crate) nothing: Value,
    /// The reply to a caller that cannot wait (a script, EXEC) when there is nothing.
    pub(crate) at_once: Value,
}

/// A caller that waits.
pub(crate) struct Waiter {
    pub(crate) db: usize,
    pub(crate) wait: Wait,
    slot: Slot<Result<Value>>,
    /// Whether it may be in some queue.
    is_queued: AtomicBool,
    /// Where those who wait are counted.
    stats: Arc<Stats>,
}

impl Waiter {
    fn new(db: usize, wait: Wait, stats: &Arc<Stats>) -> Waiter {
        stats.blocked.add(1);
        let (slot, stats) = (Slot::new(), Arc::clone(stats));
        Waiter { db, wait, slot, is_queued: AtomicBool::new(true), stats }
    }

    /// Ends the wait with a reply, if it was not over yet.
    pub(crate) fn end(&self, reply: Result<Value>) -> bool {
        let is_mine = self.slot.end(reply);
        if is_mine {
            self.stats.blocked.sub(1);
        }
        is_mine
    }

    pub(crate) fn is_done(&self) -> bool {
        self.slot.is_done()
    }

    /// The reply, once, when there is one.
    pub(crate) fn take(&self) -> Option<Result<Value>> {
        self.slot.take()
    }

    /// Whether it has to be taken out of queues still. It is known once the wait is over.
    pub(crate) fn is_queued(&self) -> bool {
        self.is_queued.load(Ordering::Relaxed)
    }

    /// Tells the caller that the wait is over. This may run code of the program, which must not meet locks.
    pub(crate) fn wake(&self) {
        self.slot.wake();
    }

    /// The reply, once, if there is one; otherwise `waker` is woken when there is.
    pub(crate) fn take_or_wake(&self, waker: &Waker) -> Option<Result<Value>> {
        self.slot.take_or_wake(waker)
    }

    /// Parks the thread until the wait is over, at most for `timeout`.
    pub(crate) fn park(&self, timeout: Option<Duration>) {
        self.slot.park(timeout);
    }
}

/// The waiters of a shard, by key, those that came first in front.
#[derive(Default)]
pub(crate) struct Waiting(HashMap<Box<[u8]>, VecDeque<Arc<Waiter>>>);

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, key: &[u8], waiter: &Arc<Waiter>) {
        self.0.entry(key.into()).or_default().push_back(Arc::clone(waiter));
    }

    pub(super) fn remove(&mut self, key: &[u8], waiter: &Arc<Waiter>) {
        if let Some(waiters) = self.0.get_mut(key) {
            if let Some(at) = waiters.iter().position(|other| Arc::ptr_eq(other, waiter)) {
                waiters.remove(at);
            }
            if waiters.is_empty() {
                self.0.remove(key);
            }
        }
    }

    pub(super) fn waits(&self, db: usize, key: &[u8]) -> bool {
        self.0.get(key).is_some_and(|waiters| waiters.iter().any(|waiter| waiter.db == db))
    }

    /// The keys of a database that somebody waits for.
    pub(super) fn keys(&self, db: usize) -> impl Iterator<Item = &[u8]> {
        self.0
            .iter()
            .filter(move |(_, waiters)| waiters.iter().any(|waiter| waiter.db == db))
            .map(|(key, _)| &**key)
    }

    /// Those who wait for a key of a database, from the `at`-th of its queue on, with their places there. The wait of
    /// one may be over: who ended it comes to take him out.
    fn of(&self, db: usize, key: &[u8], at: usize) -> impl Iterator<Item = (usize, &Arc<Waiter>)> {
        let waiters = self.0.get(key).into_iter().flat_map(VecDeque::iter).enumerate().skip(at);
        waiters.filter(move |(_, waiter)| waiter.db == db && !waiter.is_done())
    }
}

/// What became of the waiters of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    All,
    /// Somebody needs a shard that another caller has at the moment.
    NotYet,
}

impl Ctx<'_> {
    /// Tries the keys of a waiting command in their order.
    ///
    /// # Errors
    ///
    /// What the command replies, `WRONGTYPE` if a key of another type comes first.
    pub(crate) fn attempt(&mut self, wait: &Wait) -> Result<Option<Value>> {
        for key in &wait.keys {
            if let Some(reply) = wait.attempt.attempt(self, key)? {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// Puts a new waiter into the queues of its keys.
    pub(crate) fn add_waiter(&mut self, wait: Wait) -> Arc<Waiter> {
        let waiter = Arc::new(Waiter::new(self.turn.db, wait, &self.space.stats));
        for (nth, key) in waiter.wait.keys.iter().enumerate() {
            // BLPOP a a: one place in the queue is enough.
            if !waiter.wait.keys[..nth].contains(key) {
                self.interest_of(key).waiting.add(key, &waiter);
            }
        }
        waiter
    }

    /// Takes a waiter out of the queues of its keys, as far as their shards are held; who ended the wait does the rest.
    pub(crate) fn remove_waiter(&mut self, waiter: &Arc<Waiter>) {
        let mut is_queued = false;
        for key in &waiter.wait.keys {
            if self.holds(self.key(key)) {
                self.forget_interest(key, |interest| interest.waiting.remove(key, waiter));
            } else {
                is_queued = true;
            }
        }
        waiter.is_queued.store(is_queued, Ordering::Relaxed);
    }

    /// The first of a waiter's keys for which somebody waits who should have been served by now.
    pub(crate) fn owed(&mut self, wait: &Wait) -> Option<Blob> {
        let db = self.turn.db;
        let is_owed = |key: &&Blob| {
            if self.peek(self.key(key)).is_none() {
                return false;
            }
            let waiting = self.waiting_of(key).into_iter();
            let waiters = waiting.flat_map(|waiting| waiting.of(db, key, 0));
            let waiters: Vec<Arc<Waiter>> = waiters.map(|(_, waiter)| Arc::clone(waiter)).collect();
            let entry = self.peek(self.key(key));
            entry.is_some_and(|entry| waiters.iter().any(|waiter| waiter.wait.attempt.suits(entry)))
        };
        wait.keys.iter().find(is_owed).cloned()
    }

    /// Those who wait for keys of a key's shard.
    fn waiting_of(&self, key: &[u8]) -> Option<&Waiting> {
        let shard = self.shard(self.space.shard(self.key(key).hash));
        shard.interest.as_ref().map(|interest| &interest.waiting)
    }

    /// Serves those who wait for a key that was written, in the order in which they came.
    pub(crate) fn serve(&mut self, db: usize, key: &[u8]) -> Served {
        let caller = std::mem::replace(&mut self.turn.db, db);
        let served = self.serve_queue(db, key);
        self.turn.db = caller;
        served
    }

    fn serve_queue(&mut self, db: usize, key: &[u8]) -> Served {
        let mut from = 0;
        loop {
            let next = self.waiting_of(key).and_then(|waiting| waiting.of(db, key, from).next());
            let Some((at, waiter)) = next.map(|(at, waiter)| (at, Arc::clone(waiter))) else { break };
            let Some(entry) = self.peek(self.key(key)) else { break };
            // Once he is served, the next one has his place.
            from = at + 1;
            let Waiter { wait, slot, .. } = &*waiter;
            if !wait.attempt.suits(entry) {
                continue;
            }
            if let Some(destination) = &wait.destination
                && !self.reach_for(self.key(destination))
            {
                return Served::NotYet;
            }
            let Some(claim) = slot.claim() else { continue };
            let Some(reply) = wait.attempt.attempt(self, key).transpose() else { continue };
            self.remove_waiter(&waiter);
            claim.finish(reply);
            waiter.stats.blocked.sub(1);
            self.turn.effects().woken.push(waiter);
            from = at;
        }
        Served::All
    }

    /// The keys that the waiters for a key write to.
    pub(crate) fn destinations(&mut self, key: &[u8]) -> Vec<Blob> {
        let waiting = self.waiting_of(key).into_iter();
        let waiters = waiting.flat_map(|waiting| waiting.of(self.turn.db, key, 0));
        waiters.filter_map(|(_, waiter)| waiter.wait.destination.clone()).collect()
    }

    /// Whether the shard of a key is held, or could be locked at once.
    fn reach_for(&mut self, key: Key<'_>) -> bool {
        let index = self.space.shard(key.hash);
        self.holds(key) || self.try_reach(index)
    }
}
