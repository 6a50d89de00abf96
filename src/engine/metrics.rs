//! Figures of an engine: what its scripts did, and how long they took.
//!
//! # What counting costs
//!
//! Each Lua state has a [`Meter`], which only the thread writes that has the state: counting a run is a plain load and
//! store. Who reads adds the meters up. What happens seldom is counted in one place for all ([`Tally`]).
//!
//! A reading of the clock costs a fifth of the shortest script, so runs are *sampled*: of each state's runs one in
//! [`SAMPLE`] is timed and stands for as many. Two sorts of runs are always timed and stand for themselves: the first of
//! each script, so that each has a figure, and those that take long ([`Run::slow_since`](super::host::Run)), which look
//! at the clock anyway, so that the end of the distribution is exact. `EngineBuilder::time_every_run` times all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::cache::Source;
use super::{Engine, Inner};
use crate::clock::monotonic_nanos;
use crate::error::{Error, ErrorKind};
use crate::keyspace::Counter;
use crate::value::Value;

/// One in so many runs is timed.
const SAMPLE: u64 = 64;

/// Where the buckets of durations end, in nanoseconds; another one follows that has no end.
const BOUNDS: [u64; 24] = [
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// What an engine's scripts have done so far, from [`Engine::metrics`].
///
/// The numbers only grow, but for those that say what is there now: `cached_scripts`, `cached_bytes`, `lua_states` and
/// `lua_memory`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineMetrics {
    /// Scripts that ran by their source (EVAL).
    pub evals: u64,
    /// Scripts that ran by their SHA-1 (EVALSHA, [`Script`](crate::Script)).
    pub evalshas: u64,
    /// Functions that ran (FCALL).
    pub fcalls: u64,
    /// Calls of scripts and functions that ended in an error, those included that never ran (`NOSCRIPT`, a source that
    /// does not compile).
    pub errors: u64,
    /// Scripts and functions that were ended by the time limit.
    pub timeouts: u64,
    /// Scripts and functions that were ended by SCRIPT KILL or FUNCTION KILL.
    pub kills: u64,
    /// Runs of scripts that were in the cache.
    pub cache_hits: u64,
    /// Look-ups of scripts that were not in the cache.
    pub cache_misses: u64,
    /// Those of them that a peer had ([`ScriptPeers::fetch`](crate::ScriptPeers::fetch)).
    pub peer_hits: u64,
    /// Scripts that went out of the cache because others came by EVAL.
    pub evictions: u64,
    /// Loads that were carried to peers. This and the next three belong to the cache, which engines may share.
    pub loads_sent: u64,
    /// Loads that peers carried here ([`ScriptCache::receive`](crate::ScriptCache::receive)).
    pub loads_received: u64,
    /// Flushes that were carried to peers.
    pub flushes_sent: u64,
    /// Flushes that peers carried here.
    pub flushes_received: u64,
    /// Scripts in the cache.
    pub cached_scripts: usize,
    /// Bytes of their sources.
    pub cached_bytes: usize,
    /// Lua states that there are.
    pub lua_states: usize,
    /// Bytes that they had allocated when each ended its last run.
    pub lua_memory: usize,
    /// How long scripts and functions took.
    pub durations: Durations,
}

/// A histogram of how long runs took, locks and commands included.
///
/// It is an estimate, as one in 64 runs is timed and stands for as many. The first run of each script and all that took
/// long (a millisecond in Lua, or in many calls) stand for themselves. With
/// [`EngineBuilder::time_every_run`](crate::EngineBuilder::time_every_run) every run is timed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    buckets: Vec<DurationBucket>,
}

/// A bucket of [`Durations`]: runs that took longer than the bucket before says, and not longer than this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DurationBucket {
    /// The longest duration that belongs here; the last bucket has no bound.
    pub up_to: Option<Duration>,
    /// How many runs there were.
    pub count: u64,
    /// How long they took together.
    pub sum: Duration,
}

impl Durations {
    /// The buckets, from the shortest to the longest.
    #[must_use]
    pub fn buckets(&self) -> &[DurationBucket] {
        &self.buckets
    }

    /// How many runs there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.count).sum()
    }

    /// How long they took together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        self.buckets.iter().map(|bucket| bucket.sum).sum()
    }

    /// How long one took on average; `None` if there was none.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        Some(Duration::from_nanos(nanos(self.sum()).checked_div(self.count())?))
    }

    /// What this share of the runs (0.5 is the median) did not exceed, rounded up to the end of a bucket, or to the
    /// mean of the last one, which has no end. `None` if there was no run.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (share.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0);
        let mut seen = 0;
        let bucket = self.buckets.iter().find(|bucket| {
            seen += bucket.count;
            seen as f64 >= wanted
        })?;
        let mean = nanos(bucket.sum).checked_div(bucket.count)?;
        Some(bucket.up_to.unwrap_or(Duration::from_nanos(mean)))
    }

    /// As SCRIPT LATENCY shows it: microseconds, and only the buckets that have runs.
    fn spell(&self) -> String {
        let micros = |duration: Duration| duration.as_nanos() as f64 / 1_000.0;
        let count = self.count();
        let quantile = |share| micros(self.quantile(share).unwrap_or_default());
        let mut text = format!(
            "Count: {count} Average: {:.2} Median: {:.2} P99: {:.2}\n",
            micros(self.mean().unwrap_or_default()),
            quantile(0.5),
            quantile(0.99),
        );
        let (mut from, mut seen) = (0.0, 0);
        for bucket in &self.buckets {
            let to = bucket.up_to.map_or(f64::INFINITY, micros);
            seen += bucket.count;
            if bucket.count > 0 {
                let share = |part: u64| part as f64 * 100.0 / count as f64;
                let (own, all) = (share(bucket.count), share(seen));
                text.push_str(&format!("( {from}, {to} ] {} {own:.3}% {all:.3}%\n", bucket.count));
            }
            from = to;
        }
        text
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Durations as they are counted, by any number of threads.
pub(super) struct Histogram([Bucket; BOUNDS.len() + 1]);

#[derive(Default)]
struct Bucket {
    count: Counter,
    nanos: Counter,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram(std::array::from_fn(|_| Bucket::default()))
    }
}

impl Histogram {
    /// Counts a run that stands for so many.
    fn record(&self, nanos: u64, weight: u64) {
        let bucket = &self.0[BOUNDS.partition_point(|&bound| bound < nanos)];
        bucket.count.add(weight);
        bucket.nanos.add(nanos.saturating_mul(weight));
    }

    fn read(&self) -> Durations {
        let bounds = BOUNDS.into_iter().map(|bound| Some(Duration::from_nanos(bound))).chain([None]);
        let bucket = |(up_to, bucket): (Option<Duration>, &Bucket)| DurationBucket {
            up_to,
            count: bucket.count.get(),
            sum: Duration::from_nanos(bucket.nanos.get()),
        };
        Durations { buckets: bounds.zip(&self.0).map(bucket).collect() }
    }
}

/// How a script or function was called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Eval,
    EvalSha,
    Fcall,
}

/// What one Lua state counts. It outlives the state, and the next one goes on with it.
#[derive(Default)]
pub(super) struct Meter {
    /// Runs by their sort.
    runs: [Counter; 3],
    /// Bytes that the state has allocated.
    memory: AtomicUsize,
}

/// Whether a run is timed, from which reading of the clock on, and how many runs it stands for.
#[derive(Clone, Copy)]
pub(super) enum Timing {
    Untimed,
    Since { start: u64, weight: u64 },
}

impl Meter {
    /// Counts a run that begins; one that `counts_alone` is timed in any case.
    #[inline]
    pub(super) fn begin(&self, sort: Sort, counts_alone: bool) -> Timing {
        let runs = &self.runs[sort as usize];
        runs.add_alone(1);
        if counts_alone {
            Timing::start(1)
        } else if runs.get().is_multiple_of(SAMPLE) {
            Timing::start(SAMPLE)
        } else {
            Timing::Untimed
        }
    }

    #[inline]
    pub(super) fn note_memory(&self, bytes: usize) {
        self.memory.store(bytes, Ordering::Relaxed);
    }
}

impl Timing {
    #[cold]
    fn start(weight: u64) -> Timing {
        Timing::Since { start: monotonic_nanos(), weight }
    }

    fn is_untimed(self) -> bool {
        matches!(self, Timing::Untimed)
    }
}

/// The meters of all states of an engine.
#[derive(Default)]
pub(super) struct Meters(Mutex<Vec<Arc<Meter>>>);

impl Meters {
    /// For a new state: one whose state is gone, or a new one.
    pub(super) fn take(&self) -> Arc<Meter> {
        let mut all = self.0.lock();
        // Having it alone also means to see all that its last user counted.
        let free = all.iter_mut().find_map(|meter| Arc::get_mut(meter).is_some().then(|| Arc::clone(meter)));
        free.unwrap_or_else(|| {
            let meter = Arc::<Meter>::default();
            all.push(Arc::clone(&meter));
            meter
        })
    }

    fn read(&self, metrics: &mut EngineMetrics) {
        for meter in &mut *self.0.lock() {
            let [evals, evalshas, fcalls] = meter.runs.each_ref().map(Counter::get);
            metrics.evals += evals;
            metrics.evalshas += evalshas;
            metrics.fcalls += fcalls;
            // Else the state is gone.
            if Arc::get_mut(meter).is_none() {
                metrics.lua_states += 1;
                metrics.lua_memory += meter.memory.load(Ordering::Relaxed);
            }
        }
    }
}

/// What happens seldom, counted for all states together.
#[derive(Default)]
pub(super) struct Tally {
    errors: Counter,
    timeouts: Counter,
    kills: Counter,
    pub(super) misses: Counter,
    /// Runs of scripts that were not in the cache.
    pub(super) unknown_runs: Counter,
    pub(super) peer_hits: Counter,
    pub(super) evictions: Counter,
    durations: Histogram,
}

/// What a script cache and its peers told each other.
#[derive(Default)]
pub(crate) struct Carried {
    pub(super) loads_sent: Counter,
    pub(super) loads_received: Counter,
    pub(super) flushes_sent: Counter,
    pub(super) flushes_received: Counter,
}

/// How long the runs of one script took.
#[derive(Default)]
pub(super) struct Latency(Histogram);

impl Inner {
    /// Counts a call that ends in an error.
    #[cold]
    pub(super) fn count_failure(&self, error: &Error) {
        self.tally.errors.add(1);
        if error.kind() == ErrorKind::ScriptKilled {
            self.tally.kills.add(1);
        } else if *error == Error::SCRIPT_TIMED_OUT {
            self.tally.timeouts.add(1);
        }
    }

    /// `NOSCRIPT`, counted.
    #[cold]
    pub(super) fn no_script(&self) -> Error {
        self.count_failure(&Error::NO_SCRIPT);
        Error::NO_SCRIPT
    }

    /// The end of a run. `slow_since` is when it began, if it has looked at the clock and took long.
    #[inline]
    pub(super) fn end_timing(&self, timing: Timing, slow_since: Option<u64>, script: Option<&Source>) {
        if !timing.is_untimed() || slow_since.is_some() {
            self.note_duration(timing, slow_since, script);
        }
    }

    #[cold]
    fn note_duration(&self, timing: Timing, slow_since: Option<u64>, script: Option<&Source>) {
        let now = monotonic_nanos();
        let (start, weight) = match (timing, slow_since) {
            (Timing::Since { start, .. }, Some(_)) => (start, 1),
            (Timing::Since { start, weight }, None) => (start, weight),
            (Timing::Untimed, Some(start)) => (start, 1),
            (Timing::Untimed, None) => return,
        };
        let nanos = now.saturating_sub(start);
        self.tally.durations.record(nanos, weight);
        if let Some(script) = script {
            script.latency.0.record(nanos, weight);
            script.is_timed.store(true, Ordering::Relaxed);
        }
    }
}

/// # Figures
impl Engine {
    /// What the engine's scripts have done so far. Runs at the same moment may be counted or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// engine.eval("return 1", NONE, NONE)?;
    /// engine.eval("return 1", NONE, NONE)?;
    /// assert!(engine.eval("return nosuch", NONE, NONE).is_err());
    /// let metrics = engine.metrics();
    /// assert_eq!((metrics.evals, metrics.errors), (3, 1));
    /// assert_eq!((metrics.cache_hits, metrics.cache_misses), (1, 2));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> EngineMetrics {
        let Inner { tally, cache, pool, .. } = &*self.inner;
        let (cached_scripts, cached_bytes) = cache.figures();
        let unknown_runs = tally.unknown_runs.get();
        let mut metrics = EngineMetrics {
            errors: tally.errors.get(),
            timeouts: tally.timeouts.get(),
            kills: tally.kills.get(),
            cache_misses: tally.misses.get(),
            peer_hits: tally.peer_hits.get(),
            evictions: tally.evictions.get(),
            loads_sent: cache.carried.loads_sent.get(),
            loads_received: cache.carried.loads_received.get(),
            flushes_sent: cache.carried.flushes_sent.get(),
            flushes_received: cache.carried.flushes_received.get(),
            cached_scripts,
            cached_bytes,
            durations: tally.durations.read(),
            ..EngineMetrics::default()
        };
        pool.meters.read(&mut metrics);
        metrics.cache_hits = (metrics.evals + metrics.evalshas).saturating_sub(unknown_runs);
        metrics
    }

    /// How long the cached scripts took that have run, each by its SHA-1 (SCRIPT LATENCY). Engines that share a cache
    /// share these figures.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store};
    ///
    /// let engine = Engine::builder(Store::new()).time_every_run(true).build();
    /// let sha = engine.script_load("return 1")?;
    /// for _ in 0..10 {
    ///     engine.eval_sha(&sha, NONE, NONE)?;
    /// }
    /// let latency = engine.script_latency();
    /// assert_eq!((latency[0].0.as_str(), latency[0].1.count()), (sha.as_str(), 10));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn script_latency(&self) -> Vec<(String, Durations)> {
        let mut scripts = self.inner.cache.list();
        scripts.retain(|script| script.is_timed.load(Ordering::Relaxed));
        scripts.iter().map(|script| (script.sha.as_str().to_owned(), script.latency.0.read())).collect()
    }

    /// SCRIPT LATENCY.
    pub(super) fn latency_command(&self) -> Value {
        let pair = |(sha, durations): (String, Durations)| {
            let text = durations.spell().into();
            Value::Array(vec![Value::from(sha), Value::Verbatim { format: *b"txt", text }])
        };
        Value::Array(self.script_latency().into_iter().map(pair).collect())
    }
}
