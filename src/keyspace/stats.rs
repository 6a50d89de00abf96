//! Figures of a store: how often each command ran, how long it took, and which errors were answered.
//!
//! Everything here is counted without a lock, by callers that may hold any.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::Counter;
use super::tally::{Tallies, Tally};
use crate::error::Error;
use crate::rng::Rng;

/// What INFO says of one command; calls by scripts are counted apart ([`Tally`]).
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

/// Replies with an error are told apart by this many codes, as in Redis: scripts may make up any number of them.
const MOST_CODES: usize = 128;
/// What stands for all codes past that.
const OTHER_CODES: &str = "ERRORSTATS_OVERFLOW";
/// A first word longer than this is no code.
const LONGEST_CODE: usize = 30;

pub(crate) struct Stats {
    /// By the number of the command in the table.
    commands: Box<[CallStats]>,
    scripted: Tallies,
    /// Replies with an error, by the error's code; filled from the front.
    errors: Box<[OnceLock<CodeCount>]>,
    other_errors: Counter,
    pub(crate) evicted_scripts: Counter,
    pub(crate) scripts: ScriptFigures,
    /// Commands that wait.
    pub(crate) blocked: Gauge,
    /// Conversations that were ever opened.
    pub(crate) connections: Counter,
    /// Conversations that are open.
    pub(crate) sessions: AtomicUsize,
    /// The clock's reading when the store was made, in microseconds.
    pub(crate) born: i64,
    /// 40 hexadecimal digits that no other store has, whatever its seed.
    pub(crate) run_id: String,
    /// The same for replication, which a test may change (DEBUG CHANGE-REPL-ID).
    replication_id: [AtomicU64; 3],
}

/// How many there are of something that comes and goes.
#[derive(Default)]
pub(crate) struct Gauge(AtomicUsize);

impl Gauge {
    pub(crate) fn add(&self, n: usize) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, n: usize) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many errors of one code were answered.
struct CodeCount {
    code: Box<str>,
    count: Counter,
}

/// What the script engines of a store say of their caches; each adds and takes away its own share.
#[derive(Default)]
pub(crate) struct ScriptFigures {
    pub(crate) cached: AtomicUsize,
    /// Bytes of the cached scripts.
    pub(crate) memory: AtomicUsize,
    pub(crate) libraries: AtomicUsize,
    pub(crate) functions: AtomicUsize,
    /// Bytes of the libraries' sources.
    pub(crate) library_memory: AtomicUsize,
}

/// What nobody else has, to be spelled.
fn new_words() -> [u64; 3] {
    let mut rng = Rng::from_entropy();
    std::array::from_fn(|_| rng.next_u64())
}

/// The first 40 hexadecimal digits.
fn spelled(words: [u64; 3]) -> String {
    let digits: String = words.iter().map(|word| format!("{word:016x}")).collect();
    digits.chars().take(40).collect()
}

impl Stats {
    pub(super) fn new(born: i64) -> Stats {
        Stats {
            commands: (0..MOST_COMMANDS).map(|_| CallStats::default()).collect(),
            scripted: Tallies::default(),
            errors: (0..MOST_CODES).map(|_| OnceLock::new()).collect(),
            other_errors: Counter::default(),
            evicted_scripts: Counter::default(),
            scripts: ScriptFigures::default(),
            blocked: Gauge::default(),
            connections: Counter::default(),
            sessions: AtomicUsize::new(0),
            born,
            run_id: spelled(new_words()),
            replication_id: new_words().map(AtomicU64::new),
        }
    }

    pub(crate) fn replication_id(&self) -> String {
        spelled(self.replication_id.each_ref().map(|word| word.load(Ordering::Relaxed)))
    }

    pub(crate) fn change_replication_id(&self) {
        for (word, new) in self.replication_id.iter().zip(new_words()) {
            word.store(new, Ordering::Relaxed);
        }
    }

    pub(crate) fn of(&self, command: usize) -> &CallStats {
        &self.commands[command]
    }

    /// How often a command was called, scripts' calls among them, and nanoseconds that the calls took.
    pub(crate) fn calls_of(&self, command: usize) -> (u64, u64) {
        let direct = &self.commands[command];
        let (calls, nanos) = self.scripted.calls_of(command);
        (direct.calls.get() + calls, direct.nanos.get().saturating_add(nanos))
    }

    /// Counts an error that is answered to a caller.
    #[cold]
    pub(crate) fn count_error(&self, error: &Error) {
        let code = match error.code() {
            "" => "ERR",
            code if code.len() > LONGEST_CODE => "ERR",
            code => code,
        };
        for place in &self.errors {
            let counted = place.get_or_init(|| CodeCount { code: code.into(), count: Counter::default() });
            if *counted.code == *code {
                return counted.count.add(1);
            }
        }
        self.other_errors.add(1);
    }

    /// How many errors of each code were answered.
    pub(crate) fn errors(&self) -> BTreeMap<&str, u64> {
        let counted = self.errors.iter().map_while(OnceLock::get);
        let all =
            counted.map(|of| (&*of.code, of.count.get())).chain([(OTHER_CODES, self.other_errors.get())]);
        all.filter(|&(_, count)| count > 0).collect()
    }

    /// Begins all counts anew (CONFIG RESETSTAT).
    pub(crate) fn reset(&self) {
        for command in &self.commands {
            for counter in [&command.calls, &command.nanos, &command.rejected, &command.failed] {
                counter.reset();
            }
        }
        self.scripted.reset();
        self.errors.iter().map_while(OnceLock::get).for_each(|of| of.count.reset());
        self.other_errors.reset();
        self.evicted_scripts.reset();
        self.connections.reset();
    }

    /// All calls of all commands.
    pub(crate) fn total_calls(&self) -> u64 {
        let direct: u64 = self.commands.iter().map(|command| command.calls.get()).sum();
        direct + self.scripted.total_calls()
    }

    /// What a Lua state counts its scripts' calls with.
    pub(crate) fn tally(&self) -> Tally {
        self.scripted.take()
    }
}
