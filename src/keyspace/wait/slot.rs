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
//! 3. Whoever waits listens first and looks then; whoever finishes changes the state first and notifies then. So
//!    either the one sees the state or the other the listener.
//!
//! What it is made of comes from the module above, so that a model checker can run this file on its own parts.

use std::time::Duration;

use super::sync::{AtomicU8, Event, EventListener, Listener as _, Mutex, Ordering, yield_now};

const WAITING: u8 = 0;
const CLAIMED: u8 = 1;
const DONE: u8 = 2;
const TAKEN: u8 = 3;

/// A place for one result.
pub(crate) struct Slot<R> {
    state: AtomicU8,
    result: Mutex<Option<R>>,
    event: Event,
}

/// The right to give the result. Dropping it gives the right back.
pub(crate) struct Claim<'s, R> {
    slot: &'s Slot<R>,
    is_finished: bool,
}

impl<R> Slot<R> {
    pub(crate) fn new() -> Slot<R> {
        Slot { state: AtomicU8::new(WAITING), result: Mutex::new(None), event: Event::new() }
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
        self.event.notify(usize::MAX);
    }

    /// Is told when there is a result.
    pub(crate) fn listen(&self) -> EventListener {
        self.event.listen()
    }

    /// Parks the thread until there is a result, at most for `timeout`.
    pub(crate) fn park(&self, timeout: Option<Duration>) {
        let listener = self.listen();
        if self.is_done() {
            return;
        }
        match timeout {
            Some(timeout) => drop(listener.wait_timeout(timeout)),
            None => listener.wait(),
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
