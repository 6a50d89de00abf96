//! [`Space`]: what all shards of a store have in common, and the counters.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use foldhash::fast::FixedState;

use super::stripe::{self, STRIPES};
use super::{Key, Receivers, Shard, Stats, Text, Tunables};
use crate::clock::StoreClock;
use crate::ds::{Limit, Limits};
use crate::rng::Rng;

/// Settings and sources that every shard and every [`Ctx`](super::Ctx) of one store shares.
pub(crate) struct Space {
    pub(crate) clock: StoreClock,
    pub(crate) databases: usize,
    /// The longest string that a command may make, in bytes (`proto-max-bulk-len`).
    pub(crate) max_string: Limit,
    /// How large collections may grow in their small forms.
    pub(crate) limits: Limits,
    /// Settings that may change while the store runs.
    pub(crate) tunables: Tunables,
    pub(crate) stats: Arc<Stats>,
    /// Look-ups under a lock that is shared with other readers; each shard counts those of its writers.
    pub(crate) hits: Striped,
    pub(crate) misses: Striped,
    hasher: FixedState,
    /// Who wants to be told of what happens: bits of [`audience`](super::audience).
    audience: AtomicU32,
    /// Who subscribes to channels.
    pub(crate) receivers: Option<Arc<dyn Receivers>>,
    /// How many generators were handed out, counted from the seed.
    draws: AtomicU64,
    /// Shards are a power of two; the hash's upper half is masked with this to find a key's.
    mask: usize,
}

impl Space {
    pub(crate) fn new(
        clock: StoreClock,
        databases: usize,
        shards: usize,
        max_string: usize,
        limits: Limits,
        seed: u64,
    ) -> Space {
        let stats = Arc::new(Stats::new(clock.now_micros()));
        let hasher = FixedState::with_seed(seed);
        Space {
            clock,
            databases,
            max_string: max_string.into(),
            limits,
            tunables: Tunables::default(),
            stats,
            hits: Striped::default(),
            misses: Striped::default(),
            hasher,
            audience: AtomicU32::new(0),
            receivers: None,
            draws: AtomicU64::new(seed),
            mask: shards - 1,
        }
    }

    /// Whether anybody wants to be told of anything.
    #[inline]
    pub(crate) fn has_audience(&self) -> bool {
        self.audience.load(Ordering::Relaxed) != 0
    }

    /// What the access times of keys are noted in: seconds of the coarse clock.
    #[inline]
    pub(super) fn access_seconds(&self) -> u32 {
        self.clock.coarse_seconds() as u32
    }

    /// The text of a key for a reader without a turn, while nobody is to be told of anything. `Some(None)` if there is no
    /// such key; `None`, and nothing counted, if it holds something else, or may be past its time: that is for
    /// [`Ctx::find`](super::Ctx::find), which counts and notes the same for the rest. The stripe is this thread's own.
    #[inline(always)]
    pub(crate) fn glance<'s>(
        &self,
        shard: &'s Shard,
        db: usize,
        key: Key<'_>,
        stripe: usize,
    ) -> Option<Option<Text<'s>>> {
        // The clock is read while the entry comes from memory. It may lag, but not by a second.
        let mut seconds = 0;
        let met = || seconds = self.clock.coarse_seconds();
        let Some((entry, accessed)) = shard.dbs.get(db)?.look_up_meeting(key, met) else {
            self.misses.add_in(stripe, 1);
            return Some(None);
        };
        if !entry.is_lasting_text(seconds) {
            return None;
        }
        self.hits.add_in(stripe, 1);
        accessed.set(seconds as u32);
        let text = entry.text().ok()?;
        Some(Some(text))
    }

    pub(crate) fn hears(&self, bit: u32) -> bool {
        self.audience.load(Ordering::Relaxed) & bit != 0
    }

    pub(crate) fn set_audience(&self, bit: u32, is_there: bool) {
        if is_there {
            self.audience.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.audience.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// A generator for one command. A shard's lock may be held for reading by many, so the store's randomness is a
    /// counter; mixing the count keeps the sequences of neighbours apart.
    pub(crate) fn rng(&self) -> Rng {
        let count = self.draws.fetch_add(1, Ordering::Relaxed);
        Rng::seeded(Rng::seeded(count).next_u64())
    }

    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.finish()
    }

    /// The shard of a key with this hash. The lower half of the hash orders the keys inside the shard, so the two
    /// do not depend on each other.
    #[inline]
    pub(crate) fn shard(&self, hash: u64) -> usize {
        (hash >> 32) as usize & self.mask
    }

    pub(crate) fn shards(&self) -> usize {
        self.mask + 1
    }
}

/// A counter that readers on many threads add to at the same time: each thread has a part of its own, so that the
/// threads do not take a cache line from each other at every read, and adding is no locked instruction.
pub(crate) struct Striped {
    own: Box<[Stripe; STRIPES]>,
    /// For threads that have no stripe.
    others: Stripe,
}

#[derive(Default)]
#[repr(align(128))]
struct Stripe(Counter);

impl Default for Striped {
    fn default() -> Striped {
        Striped { own: Box::new(std::array::from_fn(|_| Stripe::default())), others: Stripe::default() }
    }
}

impl Striped {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.add_in(stripe::own(), n);
    }

    /// Adds in the stripe that is this thread's own.
    #[inline]
    fn add_in(&self, stripe: usize, n: u64) {
        match self.own.get(stripe) {
            Some(Stripe(counter)) => counter.add_alone(n),
            None => self.others.0.add(n),
        }
    }

    /// Begins anew; a count at the same moment may be lost or kept.
    pub(crate) fn reset(&self) {
        self.own.iter().chain([&self.others]).for_each(|stripe| stripe.0.reset());
    }

    pub(crate) fn get(&self) -> u64 {
        self.own.iter().chain([&self.others]).map(|stripe| stripe.0.get()).sum()
    }
}

/// A counter that many threads may add to.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Adds without a locked instruction; only for a caller that no other adds beside.
    #[inline]
    pub(crate) fn add_alone(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub(crate) fn reset(&self) {
        self.set(0);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
