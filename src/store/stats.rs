//! Figures of a store: how often each command ran, how long it took, and which errors were answered.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::error::Error;
use crate::keyspace::Counter;

/// What INFO says of one command.
#[derive(Default)]
pub(crate) struct CallStats {
    pub(crate) calls: Counter,
    /// Nanoseconds that the calls took.
    pub(crate) nanos: Counter,
    /// Calls refused before they ran (wrong arity, not allowed here).
    pub(crate) rejected: Counter,
    /// Calls that answered an error.
    pub(crate) failed: Counter,
}

/// The command table has no more rows than this; a test holds it to that.
pub(crate) const MOST_COMMANDS: usize = 512;

pub(crate) struct Stats {
    /// By the number of the command in the table.
    commands: Box<[CallStats]>,
    /// Replies with an error, by the error's code.
    errors: Mutex<BTreeMap<String, u64>>,
    pub(crate) evicted_scripts: Counter,
}

impl Stats {
    pub(super) fn new() -> Stats {
        let commands = (0..MOST_COMMANDS).map(|_| CallStats::default()).collect();
        Stats { commands, errors: Mutex::default(), evicted_scripts: Counter::default() }
    }

    pub(crate) fn of(&self, command: usize) -> &CallStats {
        &self.commands[command]
    }

    /// Counts an error that is answered to a caller.
    #[cold]
    pub(crate) fn count_error(&self, error: &Error) {
        *self.errors.lock().entry(error.code().to_owned()).or_default() += 1;
    }

    pub(crate) fn errors(&self) -> BTreeMap<String, u64> {
        self.errors.lock().clone()
    }

    /// All calls of all commands.
    pub(crate) fn total_calls(&self) -> u64 {
        self.commands.iter().map(|command| command.calls.get()).sum()
    }

    pub(crate) fn reset(&self) {
        for command in &self.commands {
            for counter in [&command.calls, &command.nanos, &command.rejected, &command.failed] {
                counter.reset();
            }
        }
        self.errors.lock().clear();
    }

    /// Adds what a script's calls came to.
    pub(crate) fn add(&self, tally: &mut Tally) {
        for id in tally.touched.drain(..) {
            let figures = std::mem::take(&mut tally.figures[id]);
            self.commands[id].calls.add(figures.calls);
            self.commands[id].nanos.add(figures.nanos);
        }
    }
}

/// One in this many calls of a script is timed, and stands for the others.
const TIMED: u64 = 64;

/// The calls of one script, counted without touching what other threads read.
#[derive(Default)]
pub(crate) struct Tally {
    figures: Vec<Figures>,
    touched: Vec<usize>,
    count: u64,
}

#[derive(Clone, Default)]
struct Figures {
    calls: u64,
    nanos: u64,
}

impl Tally {
    pub(crate) fn new() -> Tally {
        Tally { figures: vec![Figures::default(); MOST_COMMANDS], ..Tally::default() }
    }

    /// Counts a call; true if it should be timed.
    #[inline]
    pub(crate) fn count(&mut self, id: usize) -> bool {
        let figures = &mut self.figures[id];
        if figures.calls == 0 {
            self.touched.push(id);
        }
        figures.calls += 1;
        self.count += 1;
        self.count % TIMED == 1
    }

    pub(crate) fn time(&mut self, id: usize, nanos: u64) {
        self.figures[id].nanos += nanos.saturating_mul(TIMED);
    }
}
