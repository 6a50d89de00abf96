//! Layer 4: the public handle, its builder, the shards and their locks. No commands.

mod blocked;
mod builder;
mod cell;
mod clients;
mod events;
mod inbox;
mod lock;
mod monitor;
mod pubsub;
mod settings;
mod slow_log;
mod subscription;
mod within;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Key, Turn};

pub(crate) use blocked::{Blocked, Started};
pub use builder::StoreBuilder;
pub(crate) use clients::{Client, Clients};
pub use events::{Cause, KeyEvent, Listener};
pub(crate) use inbox::Inbox;
pub(crate) use lock::{Glance, Held, Inner, LockMode, Overdue, ShardSet};
pub(crate) use monitor::NO_ADDRESS;
pub use monitor::{Monitor, Observed};
pub(crate) use pubsub::Kind;
pub(crate) use settings::{Settings, parse_memory};
pub(crate) use slow_log::SlowLog;
pub(crate) use subscription::Subscriber;
pub use subscription::{Message, Messages, Subscription};
pub use within::Transaction;
use within::Within;

/// An in-process, Redis-like store.
///
/// A `Store` is a handle: clones share the same data, and any number of threads may use them at the same time.
/// Every method is atomic. A handle works on one of the store's databases, the first one unless
/// [`database`](Store::database) says otherwise.
///
/// # Examples
///
/// ```
/// use redmoon::Store;
///
/// let store = Store::new();
/// store.set("greeting", "hello")?;
/// assert_eq!(store.get("greeting")?.as_deref(), Some(b"hello".as_slice()));
/// assert_eq!(store.incr("visits")?, 1);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
    db: usize,
    /// For a handle of a transaction: what it holds.
    within: Option<Arc<Within>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("database", &self.db).finish_non_exhaustive()
    }
}

impl Default for Store {
    fn default() -> Store {
        Store::new()
    }
}

impl Store {
    /// An empty store with the default settings.
    #[must_use]
    pub fn new() -> Store {
        Store::builder().build()
    }

    /// An empty store with settings of your own.
    pub fn builder() -> StoreBuilder {
        StoreBuilder::default()
    }

    /// A handle that works on another database of the same store (0 to 15 unless the builder says otherwise).
    ///
    /// # Errors
    ///
    /// `ERR DB index is out of range`.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// store.database(1)?.set("key", "there")?;
    /// assert_eq!(store.get("key")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn database(&self, index: usize) -> Result<Store> {
        if index >= self.inner.space.databases {
            return Err(Error::DB_OUT_OF_RANGE);
        }
        Ok(Store { db: index, ..self.clone() })
    }

    /// Whether this is the handle of a transaction.
    pub(crate) fn is_transaction(&self) -> bool {
        self.within.is_some()
    }

    pub(crate) fn turn(&self) -> Turn {
        Turn::new(self.db)
    }

    /// A key with its hash.
    #[inline]
    pub(crate) fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        Key { bytes, hash: self.inner.space.hash(bytes) }
    }

    /// The shard of a key to look into without a turn, where nothing else is to be done. That is
    /// half the instructions of [`read`](Store::read), which is for all other cases.
    #[inline(always)]
    pub(crate) fn glance(&self, key: Key<'_>) -> Option<Glance<'_>> {
        if self.within.is_some() { None } else { self.inner.glance(self.db, key) }
    }

    /// Runs an operation that reads one key.
    #[inline]
    pub(crate) fn read_key<R>(
        &self,
        key: &[u8],
        op: impl FnOnce(&mut Ctx<'_>, Key<'_>) -> Result<R>,
    ) -> Result<R> {
        let key = self.key(key);
        self.read(key, |cx| op(cx, key))
    }

    /// Runs an operation that reads one key, the hash of which is there already.
    #[inline]
    pub(crate) fn read<R>(&self, key: Key<'_>, op: impl FnOnce(&mut Ctx<'_>) -> Result<R>) -> Result<R> {
        if let Some(within) = &self.within {
            return within.run(self, [key.bytes], op);
        }
        let mut turn = self.turn();
        self.inner.with_read(key.hash, &mut turn, op)
    }

    /// Runs an operation that may change one key.
    #[inline]
    pub(crate) fn write_key<R>(
        &self,
        key: &[u8],
        op: impl FnOnce(&mut Ctx<'_>, Key<'_>) -> Result<R>,
    ) -> Result<R> {
        let key = self.key(key);
        if let Some(within) = &self.within {
            return within.run(self, [key.bytes], |cx| op(cx, key));
        }
        let mut turn = self.turn();
        self.inner.with_write(key.hash, &mut turn, |cx| op(cx, key))
    }

    /// Runs an operation on several keys.
    pub(crate) fn with_keys<'k, R>(
        &self,
        keys: impl IntoIterator<Item = &'k [u8]>,
        mode: LockMode,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        if let Some(within) = &self.within {
            return within.run(self, keys, op);
        }
        let set = keys.into_iter().map(|key| self.inner.shard_of(key)).collect();
        self.inner.with_set(set, mode, &mut self.turn(), op)
    }

    /// Runs an operation on the key space as a whole.
    pub(crate) fn with_all<R>(
        &self,
        mode: LockMode,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        if self.within.is_some() {
            return Err(Error::NOT_IN_TRANSACTION);
        }
        self.inner.with_set(self.inner.all(), mode, &mut self.turn(), op)
    }

    /// Removes the keys that are past their time, and answers how many there were.
    ///
    /// Such keys are gone for every reader already; this gives their memory back. Writes do it too, a bounded
    /// share each time.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds keys.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ManualClock, SetOptions, Store};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let store = Store::builder().clock(clock.clone()).build();
    /// store.set_with("key", "value", SetOptions::new().ex(1))?;
    /// clock.advance(Duration::from_secs(2));
    /// assert_eq!(store.purge_expired()?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn purge_expired(&self) -> Result<usize> {
        if self.within.is_some() {
            return Err(Error::NOT_IN_TRANSACTION);
        }
        let now = self.inner.space.clock.now_micros();
        let mut removed = 0;
        for index in 0..self.inner.space.shards() {
            removed += self.inner.purge_shard(index, now)?;
        }
        Ok(removed)
    }
}
