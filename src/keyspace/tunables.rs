//! [`Tunables`]: settings that commands read while they hold shards, and that may change meanwhile (CONFIG SET).
//!
//! Each is one atomic; no two of them must change together.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::ds::Limit;

/// What a store does when it is full (`maxmemory-policy`), by the names that clients know.
pub(crate) const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
];

pub(crate) struct Tunables {
    /// Bytes; 0 is no limit. Nothing acts on it before there is eviction.
    pub(crate) max_memory: Limit,
    /// A place in [`POLICIES`].
    pub(crate) policy: Limit,
    /// How many sessions may be open before conversations over streams are refused.
    pub(crate) max_clients: Limit,
    pub(crate) hz: Limit,
    /// How long a script may run, in milliseconds, before others get BUSY; 0 or less leaves it to its engine's limit.
    script_millis: AtomicI64,
    /// Nanoseconds from which on a command counts as slow; negative notes none.
    slow_nanos: AtomicI64,
    /// Whether DEBUG is allowed.
    allows_debug: AtomicBool,
    /// Whether expired keys are removed before somebody asks for them.
    expires_actively: AtomicBool,
    /// Whether scripts may call commands that are not for scripts, for tests.
    denies_scripts: AtomicBool,
}

impl Default for Tunables {
    fn default() -> Tunables {
        Tunables {
            max_memory: 0usize.into(),
            policy: (POLICIES.len() - 1).into(),
            max_clients: 10_000usize.into(),
            hz: 10usize.into(),
            script_millis: AtomicI64::new(-1),
            slow_nanos: AtomicI64::new(10_000_000),
            allows_debug: AtomicBool::new(false),
            expires_actively: AtomicBool::new(true),
            denies_scripts: AtomicBool::new(true),
        }
    }
}

impl Tunables {
    pub(crate) fn policy(&self) -> &'static str {
        POLICIES.get(self.policy.get()).unwrap_or(&"noeviction")
    }

    /// From how many nanoseconds on a script makes others busy, where CONFIG SET said so.
    pub(crate) fn script_nanos(&self) -> Option<u64> {
        let millis = u64::try_from(self.script_millis.load(Ordering::Relaxed)).ok()?;
        (millis > 0).then(|| millis.saturating_mul(1_000_000))
    }

    pub(crate) fn set_script_millis(&self, millis: i64) {
        self.script_millis.store(millis, Ordering::Relaxed);
    }

    /// Whether a command that took so long is slow.
    #[inline]
    pub(crate) fn is_slow(&self, nanos: u64) -> bool {
        u64::try_from(self.slow_nanos.load(Ordering::Relaxed)).is_ok_and(|slow| nanos >= slow)
    }

    pub(crate) fn set_slow_micros(&self, micros: i64) {
        self.slow_nanos.store(micros.saturating_mul(1000), Ordering::Relaxed);
    }

    pub(crate) fn allows_debug(&self) -> bool {
        self.allows_debug.load(Ordering::Relaxed)
    }

    pub(crate) fn set_allows_debug(&self, allows: bool) {
        self.allows_debug.store(allows, Ordering::Relaxed);
    }

    pub(crate) fn expires_actively(&self) -> bool {
        self.expires_actively.load(Ordering::Relaxed)
    }

    pub(crate) fn set_expires_actively(&self, expires: bool) {
        self.expires_actively.store(expires, Ordering::Relaxed);
    }

    pub(crate) fn denies_scripts(&self) -> bool {
        self.denies_scripts.load(Ordering::Relaxed)
    }

    pub(crate) fn set_denies_scripts(&self, denies: bool) {
        self.denies_scripts.store(denies, Ordering::Relaxed);
    }
}
