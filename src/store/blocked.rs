//! [`Blocked`]: a command that waits until a key gets a value (BLPOP and its relatives).
//!
//! A wait begins under the locks under which the command found nothing, so no write is missed. Who writes the key
//! serves it (see [`Waiter`]). Dropping a wait ends it: its places in the queues go, and what it was given but did not
//! take is put back where it was.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::{Inner, LockMode, ShardSet, Store};
use crate::blob::Blob;
use crate::clock::{monotonic_instant, monotonic_nanos};
use crate::error::{Error, Result};
use crate::keyspace::{Turn, Wait, Waiter, Watch};
use crate::value::Value;

/// What became of a command that may have to wait.
pub(crate) enum Started {
    Done(Value),
    Blocked(Blocked),
}

/// A command that waits. It is a future, of no particular runtime, that ends with the command's reply.
///
/// The future does not look at the command's own time-out, for it has no timer: a caller that has one waits for
/// [`remaining`](Blocked::remaining) at most and calls [`time_out`](Blocked::time_out). [`wait`](Blocked::wait) parks the
/// thread and minds the time-out itself.
///
/// Dropping it ends the wait without a trace.
pub(crate) struct Blocked {
    inner: Arc<Inner>,
    waiter: Arc<Waiter>,
    /// Nanoseconds of the monotonic clock; `None` waits for ever.
    deadline: Option<u64>,
}

/// What could not be done because something past its time held the shards.
pub(super) enum Leftover {
    /// Serving those who wait for a key of a database.
    Serve(usize, Blob),
    /// Taking a waiter out of its queues, and putting back what it did not take.
    Forget(Arc<Waiter>, Option<Value>),
    /// Ending a watch.
    Unwatch(Arc<Watch>),
}

/// How often a caller serves those before him, who should have been served by now, before he tries his own luck.
const SERVED_FIRST: u32 = 8;

impl Inner {
    /// The shards of a waiting command's keys.
    pub(crate) fn shards_of(&self, wait: &Wait) -> ShardSet {
        wait.keys.iter().chain(&wait.destination).map(|key| self.shard_of(key)).collect()
    }

    /// Runs a command that may have to wait; the turn's shards are not locked.
    ///
    /// # Errors
    ///
    /// What the command replies at once.
    pub(crate) fn start(self: &Arc<Inner>, wait: Wait, turn: &mut Turn) -> Result<Started> {
        let set = self.shards_of(&wait);
        let mut wait = Some(wait);
        for tries in 0.. {
            let owed = self.with_set(set, LockMode::Write, turn, |cx| {
                let Some(waits) = &wait else { return Err(Error::INTERNAL) };
                if tries < SERVED_FIRST
                    && let Some(key) = cx.owed(waits)
                {
                    return Ok(Err(key));
                }
                if let Some(reply) = cx.attempt(waits)? {
                    return Ok(Ok(Started::Done(reply)));
                }
                let timeout =
                    waits.timeout.map(|timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
                let deadline = timeout.map(|nanos| monotonic_nanos().saturating_add(nanos));
                let waiter = cx.add_waiter(wait.take().ok_or(Error::INTERNAL)?);
                Ok(Ok(Started::Blocked(Blocked { inner: Arc::clone(self), waiter, deadline })))
            });
            match owed? {
                Ok(started) => return Ok(started),
                Err(key) => drop(self.serve_later(turn.db, &key)),
            }
        }
        Err(Error::INTERNAL)
    }

    /// Does what needs shards, or leaves it to who holds them past his time.
    pub(super) fn settle_or_leave(&self, leftover: Leftover) {
        loop {
            let Err(busy) = self.finish(&leftover) else { return };
            let mut leftovers = self.leftovers.lock();
            // Who ends being overdue says so before he looks for leftovers.
            if self.is_overdue(busy) {
                return leftovers.push(leftover);
            }
        }
    }

    /// Something past its time has ended: others left to it what they could not do.
    pub(super) fn pick_up(&self) {
        let leftovers = std::mem::take(&mut *self.leftovers.lock());
        for leftover in leftovers {
            self.settle_or_leave(leftover);
        }
    }

    /// # Errors
    ///
    /// The shards that it needs, one of which something past its time holds.
    fn finish(&self, leftover: &Leftover) -> Result<(), ShardSet> {
        match leftover {
            Leftover::Serve(db, key) => self.serve_later(*db, key),
            Leftover::Forget(waiter, reply) => {
                let set = self.shards_of(&waiter.wait);
                let forgotten = self.with_set(set, LockMode::Write, &mut Turn::new(waiter.db), |cx| {
                    cx.remove_waiter(waiter);
                    if let Some(reply) = reply {
                        waiter.wait.attempt.put_back(cx, reply);
                    }
                    Ok(())
                });
                forgotten.map_err(|_| set)
            }
            Leftover::Unwatch(watch) => {
                let set = ShardSet::one(self.shard_of(&watch.key));
                let ended = self.with_set(set, LockMode::Write, &mut Turn::new(watch.db), |cx| {
                    cx.unwatch(watch);
                    Ok(())
                });
                ended.map_err(|_| set)
            }
        }
    }

    /// Ends the watch of a key, now or when what holds its shard past its time has ended.
    pub(crate) fn unwatch(&self, watch: Arc<Watch>) {
        self.settle_or_leave(Leftover::Unwatch(watch));
    }
}

impl Store {
    /// Runs a command that may have to wait. The handle of a transaction does not wait.
    ///
    /// # Errors
    ///
    /// What the command replies at once.
    pub(crate) fn start(&self, wait: Wait) -> Result<Started> {
        if self.is_transaction() {
            let keys = wait.keys.iter().chain(&wait.destination).map(|key| &**key);
            let reply = self.with_keys(keys, LockMode::Write, |cx| cx.attempt(&wait))?;
            return Ok(Started::Done(reply.unwrap_or(wait.at_once)));
        }
        self.inner.start(wait, &mut self.turn())
    }
}

impl Blocked {
    /// How long the command still waits by its own time-out; `None` is for ever.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| Duration::from_nanos(deadline.saturating_sub(monotonic_nanos())))
    }

    /// When the command's own time-out is; `None` is never.
    #[allow(dead_code, reason = "for those who have a timer: the feature `tokio`")]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline.and_then(monotonic_instant)
    }

    /// Parks the thread until the command is served or its time is over, and answers its reply.
    ///
    /// # Errors
    ///
    /// What the command replies, or `UNBLOCKED` after CLIENT UNBLOCK.
    pub(crate) fn wait(self) -> Result<Value> {
        loop {
            if let Some(reply) = self.waiter.take() {
                return reply;
            }
            let remaining = self.remaining();
            if remaining == Some(Duration::ZERO) {
                return self.time_out();
            }
            self.waiter.park(remaining);
        }
    }

    /// Ends the wait: the reply of a command whose time is over, or what it was served with just before.
    ///
    /// # Errors
    ///
    /// What the command replies.
    pub(crate) fn time_out(self) -> Result<Value> {
        self.waiter.end(Ok(self.waiter.wait.nothing.clone()));
        self.waiter.take().unwrap_or(Err(Error::INTERNAL))
    }

    /// For CLIENT UNBLOCK, from another thread.
    pub(crate) fn waiter(&self) -> &Arc<Waiter> {
        &self.waiter
    }
}

impl Future for Blocked {
    type Output = Result<Value>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Value>> {
        match self.waiter.take_or_wake(context.waker()) {
            Some(reply) => Poll::Ready(reply),
            None => Poll::Pending,
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let Blocked { inner, waiter, .. } = self;
        waiter.end(Err(Error::INTERNAL));
        // An error takes nothing, and neither does a nil.
        let untaken = waiter.take().and_then(Result::ok).filter(|reply| !reply.is_nil());
        if untaken.is_some() || waiter.is_queued() {
            inner.settle_or_leave(Leftover::Forget(Arc::clone(waiter), untaken));
        }
    }
}
