//! [`Slot`]: where a caller that waits gets its result: given once, by one of several, and taken once.
//!
//! ```text
//!            claim                    finish
//!   WAITING -------> CLAIMED (by one) -------> DONE --take--> TAKEN
//!      ^                |
//!      +--- given up ---+
//! ```
//!
//! # Invariants
//!
//! 1. Who has the [`Claim`] is alone: others that want it wait until it is given up or finished, so nobody passes a
//!    caller over who turns out to be waiting still. A claim is held for a moment only, and its holder waits for nothing.
//! 2. The result is set before the state becomes `DONE`, and is never changed afterwards.
//! 3. Whoever waits says first how he is woken and looks then; whoever finishes changes the state first and wakes then.
//!    So either the one sees the state or the other knows whom to wake.
//! 4. One caller waits at a time: the slot's owner.
//!
//! What it is made of comes from the module above, so that a model checker can run this file on its own parts.

use std::task::Waker;
use std::time::Duration;

use super::sync::{AtomicU8, Mutex, Ordering, Thread, current, park, park_timeout, yield_now};

const WAITING: u8 = 0;
const CLAIMED: u8 = 1;
const DONE: u8 = 2;
const TAKEN: u8 = 3;

/// A place for one result.
pub(crate) struct Slot<R> {
    state: AtomicU8,
    result: Mutex<Option<R>>,
    sleeper: Mutex<Option<Sleeper>>,
}

/// Who waits, and how he is woken.
enum Sleeper {
    Thread(Thread),
    Task(Waker),
}

/// The right to give the result. Dropping it gives the right back.
pub(crate) struct Claim<'s, R> {
    slot: &'s Slot<R>,
    is_finished: bool,
}

impl<R> Slot<R> {
    pub(crate) fn new() -> Slot<R> {
        Slot { state: AtomicU8::new(WAITING), result: Mutex::new(None), sleeper: Mutex::new(None) }
    }

    fn go(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// For who wants to give the result; `None` if there is one.
    pub(crate) fn claim(&self) -> Option<Claim<'_, R>> {
        while !self.is_done() {
            if self.go(WAITING, CLAIMED) {
                return Some(Claim { slot: self, is_finished: false });
            }
            yield_now();
        }
        None
    }

    /// Gives a result if there is none, and wakes who waits for it; answers whether it did.
    pub(crate) fn end(&self, result: R) -> bool {
        match self.claim() {
            Some(claim) => {
                claim.finish(result);
                self.wake();
                true
            }
            None => false,
        }
    }

    /// Whether there is a result, or was one.
    pub(crate) fn is_done(&self) -> bool {
        self.state.load(Ordering::Acquire) >= DONE
    }

    /// The result, once, when there is one.
    pub(crate) fn take(&self) -> Option<R> {
        if self.go(DONE, TAKEN) { self.result.lock().take() } else { None }
    }

    /// Wakes who waits, after the result was given. This may run code of the waiting program (a waker), so it is not
    /// for a moment at which locks are held.
    pub(crate) fn wake(&self) {
        let sleeper = self.sleeper.lock().take();
        match sleeper {
            Some(Sleeper::Thread(thread)) => thread.unpark(),
            Some(Sleeper::Task(waker)) => waker.wake(),
            None => {}
        }
    }

    /// The result, once, if there is one; otherwise `waker` is woken when there is.
    pub(crate) fn take_or_wake(&self, waker: &Waker) -> Option<R> {
        let old = self.sleeper.lock().replace(Sleeper::Task(waker.clone()));
        // Dropping a waker may run code of the program, so it is done without the lock.
        drop(old);
        self.take()
    }

    /// Parks the thread until there is a result, at most for `timeout`; it may end earlier.
    pub(crate) fn park(&self, timeout: Option<Duration>) {
        let old = self.sleeper.lock().replace(Sleeper::Thread(current()));
        drop(old);
        if self.is_done() {
            return;
        }
        match timeout {
            Some(timeout) => park_timeout(timeout),
            None => park(),
        }
    }
}

impl<R> Claim<'_, R> {
    /// Gives the result; [`wake`](Slot::wake) is to follow.
    pub(crate) fn finish(mut self, result: R) {
        *self.slot.result.lock() = Some(result);
        self.slot.state.store(DONE, Ordering::Release);
        self.is_finished = true;
    }
}

impl<R> Drop for Claim<'_, R> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.slot.state.store(WAITING, Ordering::Release);
        }
    }
}
