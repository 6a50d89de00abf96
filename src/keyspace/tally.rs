//! [`Tally`]: how often a Lua state's scripts called each command.
//!
//! A counter that all threads add to costs each of them the wait for its cache line. So each state counts for itself,
//! with plain loads and stores, and who reads adds up what all states have counted. One in [`TIMED`] calls is timed, and
//! the first of each command; the others count with the average.
//!
//! # Invariants
//!
//! 1. Only the [`Tally`] that has a board counts on it, and a board has one at most (`is_taken`).
//! 2. Boards are never removed: when the state is gone, the next one goes on with its board. So the list only grows, at
//!    its end, and needs no lock.
//! 3. Who begins the counts anew writes the figures `…_before` and no others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::Counter;
use super::stats::MOST_COMMANDS;

/// One in so many calls is timed.
const TIMED: u64 = 64;

/// The calls of one script after the other.
pub(crate) struct Tally(Arc<Board>);

/// What all states have counted.
#[derive(Default)]
pub(super) struct Tallies(OnceLock<Box<Link>>);

struct Link {
    board: Arc<Board>,
    next: Tallies,
}

struct Board {
    /// By the number of the command in the table.
    figures: Box<[Figures]>,
    /// All calls.
    count: Counter,
    is_taken: AtomicBool,
}

#[derive(Default)]
struct Figures {
    calls: Counter,
    /// Calls that were timed, and nanoseconds that they took.
    timed: Counter,
    nanos: Counter,
    /// What others saw of the calls and their nanoseconds when all counts began anew.
    calls_before: Counter,
    nanos_before: Counter,
}

impl Tallies {
    /// For a new Lua state.
    pub(super) fn take(&self) -> Tally {
        let mut list = self;
        loop {
            let link = list.0.get_or_init(|| {
                let figures = (0..MOST_COMMANDS).map(|_| Figures::default()).collect();
                let board = Board { figures, count: Counter::default(), is_taken: AtomicBool::new(false) };
                Box::new(Link { board: Arc::new(board), next: Tallies::default() })
            });
            // Acquire: with it comes all that its last user counted.
            if !link.board.is_taken.swap(true, Ordering::Acquire) {
                return Tally(Arc::clone(&link.board));
            }
            list = &link.next;
        }
    }

    fn boards(&self) -> impl Iterator<Item = &Board> {
        let links = std::iter::successors(self.0.get(), |link| link.next.0.get());
        links.map(|link| &*link.board)
    }

    /// How often a command was called, and nanoseconds that the calls took.
    pub(super) fn calls_of(&self, command: usize) -> (u64, u64) {
        let all = self.boards().map(|board| board.figures[command].seen());
        all.fold((0, 0), |sum, (calls, nanos)| (sum.0 + calls, sum.1.saturating_add(nanos)))
    }

    /// All calls of all commands.
    pub(super) fn total_calls(&self) -> u64 {
        self.boards().flat_map(|board| &board.figures).map(|figures| figures.seen().0).sum()
    }

    /// Begins all counts anew.
    pub(super) fn reset(&self) {
        self.boards().flat_map(|board| &board.figures).for_each(Figures::reset);
    }
}

impl Figures {
    /// Nanoseconds of all calls, estimated by those that were timed.
    fn estimate(&self) -> u64 {
        let average = self.nanos.get() / self.timed.get().max(1);
        average.saturating_mul(self.calls.get())
    }

    fn seen(&self) -> (u64, u64) {
        let calls = self.calls.get().saturating_sub(self.calls_before.get());
        (calls, self.estimate().saturating_sub(self.nanos_before.get()))
    }

    fn reset(&self) {
        self.calls_before.set(self.calls.get());
        self.nanos_before.set(self.estimate());
    }
}

impl Board {
    #[inline(always)]
    fn times_next(&self, figures: &Figures) -> bool {
        (self.count.get() + 1).is_multiple_of(TIMED) || figures.timed.get() == 0
    }
}

impl Tally {
    /// Counts a call; true if it should be timed.
    pub(crate) fn count(&mut self, id: usize) -> bool {
        let Board { figures, count, .. } = &*self.0;
        let is_timed = self.0.times_next(&figures[id]);
        figures[id].calls.add_alone(1);
        count.add_alone(1);
        is_timed
    }

    /// Counts a call unless it is one that should be timed.
    #[inline(always)]
    pub(crate) fn count_untimed(&mut self, id: usize) -> bool {
        let Some(figures) = self.0.figures.get(id) else { return false };
        if self.0.times_next(figures) {
            return false;
        }
        figures.calls.add_alone(1);
        self.0.count.add_alone(1);
        true
    }

    pub(crate) fn time(&mut self, id: usize, nanos: u64) {
        let figures = &self.0.figures[id];
        figures.timed.add_alone(1);
        figures.nanos.add_alone(nanos);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.0.is_taken.store(false, Ordering::Release);
    }
}
