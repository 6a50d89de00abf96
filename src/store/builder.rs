//! [`StoreBuilder`]: the settings of a store.

use std::sync::Arc;
use std::time::Duration;

use super::events::Classes;
use super::inbox::MOST_BYTES;
use super::{Inner, Store};
use crate::clock::{Clock, StoreClock};
use crate::ds::Limits;
use crate::error::Result;
use crate::keyspace::Space;
use crate::rng::Rng;

/// Settings of a new store, from [`Store::builder`].
///
/// # Examples
///
/// ```
/// use redmoon::Store;
///
/// let store = Store::builder().databases(1).shards(8).build();
/// assert!(store.database(1).is_err());
/// ```
#[must_use]
pub struct StoreBuilder {
    clock: StoreClock,
    databases: usize,
    shards: Option<usize>,
    seed: Option<u64>,
    max_string: usize,
    limits: Limits,
    purge_every: Option<Duration>,
    reader_buffer: usize,
    event_classes: Classes,
    password: Vec<u8>,
    allows_debug: bool,
}

impl std::fmt::Debug for StoreBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreBuilder")
            .field("databases", &self.databases)
            .field("shards", &self.shards)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl Default for StoreBuilder {
    fn default() -> StoreBuilder {
        StoreBuilder {
            clock: StoreClock::System,
            databases: 16,
            shards: None,
            seed: None,
            max_string: 512 * 1024 * 1024,
            limits: Limits::default(),
            purge_every: None,
            reader_buffer: MOST_BYTES,
            event_classes: Classes::default(),
            password: Vec::new(),
            allows_debug: false,
        }
    }
}

impl StoreBuilder {
    /// Where the store takes its time from; the system's clock by default.
    pub fn clock(mut self, clock: impl Clock) -> StoreBuilder {
        self.clock = StoreClock::Other(Arc::new(clock));
        self
    }

    /// How many databases SELECT can choose from: 16 by default, at least 1.
    pub fn databases(mut self, databases: usize) -> StoreBuilder {
        self.databases = databases.max(1);
        self
    }

    /// How many parts, each with its own lock, the key space is split into: rounded up to a power of two, at most
    /// 64. By default four for each processor.
    pub fn shards(mut self, shards: usize) -> StoreBuilder {
        self.shards = Some(shards);
        self
    }

    /// Makes everything random (RANDOMKEY, the order of KEYS …) repeat itself from run to run. By default it differs.
    pub fn seed(mut self, seed: u64) -> StoreBuilder {
        self.seed = Some(seed);
        self
    }

    /// The longest string that a command may make, in bytes: 512 MiB by default (`proto-max-bulk-len`).
    pub fn max_string_len(mut self, bytes: usize) -> StoreBuilder {
        self.max_string = bytes;
        self
    }

    /// The most fields of a hash that counts as small: 512 by default (`hash-max-listpack-entries`). From 128 fields on
    /// it is kept in its large form all the same, which is faster by far.
    pub fn hash_max_listpack_entries(self, fields: usize) -> StoreBuilder {
        self.limits.hash_entries.set(fields);
        self
    }

    /// The longest field or value, in bytes, of a hash in its small form: 64 by default (`hash-max-listpack-value`).
    pub fn hash_max_listpack_value(self, bytes: usize) -> StoreBuilder {
        self.limits.hash_value.set(bytes);
        self
    }

    /// How large one node of a list may be: elements if positive; -1 to -5 stand for 4, 8, 16, 32 and 64 KiB. -2 by
    /// default (`list-max-listpack-size`).
    pub fn list_max_listpack_size(self, size: i32) -> StoreBuilder {
        self.limits.list_size.set(size);
        self
    }

    /// The most members of a set of integers that is kept as such: 512 by default (`set-max-intset-entries`).
    pub fn set_max_intset_entries(self, members: usize) -> StoreBuilder {
        self.limits.intset_entries.set(members);
        self
    }

    /// The most members of a set that is kept in its small form: 128 by default (`set-max-listpack-entries`).
    pub fn set_max_listpack_entries(self, members: usize) -> StoreBuilder {
        self.limits.set_entries.set(members);
        self
    }

    /// The longest member, in bytes, of a set in its small form: 64 by default (`set-max-listpack-value`).
    pub fn set_max_listpack_value(self, bytes: usize) -> StoreBuilder {
        self.limits.set_value.set(bytes);
        self
    }

    /// The most members of a sorted set that is kept in its small form: 128 by default (`zset-max-listpack-entries`).
    pub fn zset_max_listpack_entries(self, members: usize) -> StoreBuilder {
        self.limits.zset_entries.set(members);
        self
    }

    /// The longest member, in bytes, of a sorted set in its small form: 64 by default (`zset-max-listpack-value`).
    pub fn zset_max_listpack_value(self, bytes: usize) -> StoreBuilder {
        self.limits.zset_value.set(bytes);
        self
    }

    /// Starts a thread that removes expired keys at this interval, until the last handle of the store is dropped.
    /// Without it the crate starts no thread.
    pub fn purge_every(mut self, interval: Duration) -> StoreBuilder {
        self.purge_every = Some(interval);
        self
    }

    /// How many bytes of messages a subscription, a monitor or a session may leave unread: 32 MiB by default, the
    /// limit of a server (`client-output-buffer-limit pubsub`). A reader that leaves more is cut off: it reads what
    /// came until then, and an error.
    pub fn reader_buffer(mut self, bytes: usize) -> StoreBuilder {
        self.reader_buffer = bytes;
        self
    }

    /// Which events of keys are published on channels, as
    /// [`Store::set_notify_keyspace_events`] takes it: none by default (`notify-keyspace-events`).
    ///
    /// # Errors
    ///
    /// `ERR Invalid event class character` …
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::builder().notify_keyspace_events("KEA")?.build();
    /// assert_eq!(store.notify_keyspace_events(), "AKE");
    /// assert!(Store::builder().notify_keyspace_events("?").is_err());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn notify_keyspace_events(mut self, classes: &str) -> Result<StoreBuilder> {
        self.event_classes = Classes::parse(classes)?;
        Ok(self)
    }

    /// The password that a session has to give (AUTH, HELLO) before it may run commands; none by default
    /// (`requirepass`). The methods of [`Store`] and of the engine ask for none.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store};
    ///
    /// let mut session = Engine::new(Store::builder().requirepass("secret").build()).session();
    /// assert_eq!(session.execute(&["PING"]).unwrap_err().code(), "NOAUTH");
    /// session.execute(&["AUTH", "secret"])?;
    /// assert!(session.execute(&["PING"]).is_ok());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn requirepass(mut self, password: impl Into<Vec<u8>>) -> StoreBuilder {
        self.password = password.into();
        self
    }

    /// Whether DEBUG is allowed: no by default (`enable-debug-command`). It is for tests; DEBUG SLEEP stops everybody.
    pub fn enable_debug_command(mut self, is_allowed: bool) -> StoreBuilder {
        self.allows_debug = is_allowed;
        self
    }

    /// Makes the store.
    #[must_use]
    pub fn build(self) -> Store {
        let shards = self
            .shards
            .unwrap_or_else(|| 4 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
        let shards = shards.clamp(1, 64).next_power_of_two();
        let mut rng = self.seed.map_or_else(Rng::from_entropy, Rng::seeded);
        let seed = rng.next_u64();
        let limits = Limits { seed: rng.next_u64(), ..self.limits };
        let space = Space::new(self.clock, self.databases, shards, self.max_string, limits, seed);
        let inner = Inner::new(space);
        inner.set_reader_buffer(self.reader_buffer);
        inner.notify_events(self.event_classes);
        inner.settings.set_password(self.password);
        inner.space.tunables.set_allows_debug(self.allows_debug);
        let store = Store { inner: Arc::new(inner), db: 0, within: None };
        if let Some(interval) = self.purge_every {
            purge_in_background(&store, interval);
        }
        store
    }
}

fn purge_in_background(store: &Store, interval: Duration) {
    let inner = Arc::downgrade(&store.inner);
    // If no thread can be started, keys are still purged as writes happen.
    let _ = std::thread::Builder::new().name("redmoon-purge".into()).spawn(move || {
        loop {
            std::thread::sleep(interval);
            let Some(inner) = inner.upgrade() else { return };
            if !inner.space.tunables.expires_actively() {
                continue;
            }
            // BUSY means that a script holds keys; the next round comes.
            let _ = Store { inner, db: 0, within: None }.purge_expired();
        }
    });
}
