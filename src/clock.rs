//! Where time comes from: the one place in the crate that reads a clock.
//!
//! A store takes its time from a [`Clock`]: [`SystemClock`] in a program, [`ManualClock`] in a test that moves
//! time by hand. The limits of scripts use [`monotonic_nanos`], which no test can move.

#[cfg(target_os = "linux")]
mod seconds;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of wall-clock time for a store.
///
/// # Examples
///
/// ```
/// use redmoon::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::at_millis(1_000);
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.now_micros(), 3_000_000);
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since the Unix epoch.
    fn now_micros(&self) -> i64;

    /// Milliseconds since the Unix epoch, allowed to lag some milliseconds, but never a second, behind
    /// [`now_micros`](Clock::now_micros), and never to run ahead of it. It may be several times cheaper.
    fn coarse_millis(&self) -> i64 {
        self.now_micros().div_euclid(1000)
    }

    /// Seconds since the Unix epoch, with the same leave to lag. Every read of a key takes its access time from here, and
    /// is content with it while the key's deadline is seconds away.
    fn coarse_seconds(&self) -> i64 {
        self.coarse_millis().div_euclid(1000)
    }
}

/// The system's clock, the default of a store.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        match now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        }
    }

    #[cfg(target_os = "linux")]
    fn coarse_millis(&self) -> i64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
    }

    #[cfg(target_os = "linux")]
    #[inline]
    fn coarse_seconds(&self) -> i64 {
        seconds::coarse()
    }
}

/// The clock of a store. The usual one is called without a look into a table of functions.
#[derive(Clone)]
pub(crate) enum StoreClock {
    System,
    Other(Arc<dyn Clock>),
}

impl StoreClock {
    pub(crate) fn now_micros(&self) -> i64 {
        match self {
            StoreClock::System => SystemClock.now_micros(),
            StoreClock::Other(clock) => clock.now_micros(),
        }
    }

    pub(crate) fn coarse_millis(&self) -> i64 {
        match self {
            StoreClock::System => SystemClock.coarse_millis(),
            StoreClock::Other(clock) => clock.coarse_millis(),
        }
    }

    #[inline]
    pub(crate) fn coarse_seconds(&self) -> i64 {
        match self {
            StoreClock::System => SystemClock.coarse_seconds(),
            StoreClock::Other(clock) => clock.coarse_seconds(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
fn monotonic_start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Nanoseconds of a clock that only moves forward; its zero means nothing.
pub(crate) fn monotonic_nanos() -> u64 {
    u64::try_from(monotonic_start().elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// A reading of [`monotonic_nanos`] as timers want it.
pub(crate) fn monotonic_instant(nanos: u64) -> Option<Instant> {
    monotonic_start().checked_add(Duration::from_nanos(nanos))
}

/// Nanoseconds of processor time that the process has used. Where that cannot be asked, time that has passed.
pub(crate) fn processor_nanos() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let nanos = time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec);
        u64::try_from(nanos).unwrap_or(0)
    }
    #[cfg(not(target_os = "linux"))]
    monotonic_nanos()
}

/// A clock that stands still until it is moved: keys expire in a test without sleeping.
///
/// Clones share the same time.
///
/// # Examples
///
/// ```
/// use redmoon::{ManualClock, Store};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let store = Store::builder().clock(clock.clone()).build();
/// store.set("session", "42")?;
/// store.expire("session", 10)?;
/// clock.advance(Duration::from_secs(11));
/// assert_eq!(store.get("session")?, None);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    micros: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that stands at the system's present time.
    #[must_use]
    pub fn new() -> ManualClock {
        let clock = ManualClock::default();
        clock.micros.store(SystemClock.now_micros(), Ordering::Relaxed);
        clock
    }

    /// A clock that stands at this many milliseconds after the Unix epoch.
    #[must_use]
    pub fn at_millis(millis: i64) -> ManualClock {
        let clock = ManualClock::default();
        clock.set_millis(millis);
        clock
    }

    /// Moves time forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.micros.fetch_add(by, Ordering::SeqCst);
    }

    /// Moves time to this many milliseconds after the Unix epoch, also backwards.
    pub fn set_millis(&self, millis: i64) {
        self.micros.store(millis.saturating_mul(1000), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_micros(&self) -> i64 {
        self.micros.load(Ordering::SeqCst)
    }
}
