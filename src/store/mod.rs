//! Layer 4: the public handle, its builder, the shards and their locks. No commands.

mod builder;
mod cell;
mod lock;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Key, Turn};

pub use builder::StoreBuilder;
pub(crate) use lock::{Held, Inner, LockMode, Overdue, ShardSet};

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
        Ok(Store { inner: Arc::clone(&self.inner), db: index })
    }

    /// Runs several commands as one: nobody sees the store between them, and an `Err` puts every key back
    /// as it was.
    ///
    /// Only the keys named may be touched. The store is locked for them meanwhile: `work` must use the [`Transaction`],
    /// not the store, which would wait for itself.
    ///
    /// # Errors
    ///
    /// Whatever `work` answers, or `BUSY` when a script that ran out of time holds one of the keys.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Error, Store};
    ///
    /// let store = Store::new();
    /// store.set("alice", "10")?;
    /// let moved = store.transaction(&["alice", "bob"], |tx| {
    ///     tx.execute(&["INCRBY", "bob", "50"])?;
    ///     if tx.execute(&["DECRBY", "alice", "50"])?.convert::<i64>()? < 0 {
    ///         return Err(Error::new("POOR not enough money"));
    ///     }
    ///     Ok(())
    /// });
    /// assert_eq!(moved.unwrap_err().code(), "POOR");
    /// assert_eq!(store.get("alice")?.as_deref(), Some(b"10".as_slice()));
    /// assert_eq!(store.get("bob")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn transaction<K: AsRef<[u8]>, R>(
        &self,
        keys: &[K],
        work: impl FnOnce(&mut Transaction<'_, '_>) -> Result<R>,
    ) -> Result<R> {
        let set = keys.iter().map(|key| self.inner.shard_of(key.as_ref())).collect();
        let mut held = self.inner.hold(set, LockMode::Write)?;
        let mut turn = self.turn();
        turn.undo = Some(Box::default());
        let keys = keys.iter().map(|key| key.as_ref().into()).collect();
        let transaction = Transaction { store: self, held: &mut held, turn: &mut turn, keys };
        // A panic in `work` unwinds through the guard below, which rolls back before the locks are released.
        let mut open = RollBack { transaction };
        let result = work(&mut open.transaction);
        if result.is_ok() {
            open.transaction.turn.undo = None;
        }
        drop(open);
        result
    }

    pub(crate) fn turn(&self) -> Turn {
        Turn::new(self.db)
    }

    /// Runs an operation that reads one key.
    #[inline]
    pub(crate) fn read_key<R>(
        &self,
        key: &[u8],
        op: impl FnOnce(&mut Ctx<'_>, Key<'_>) -> Result<R>,
    ) -> Result<R> {
        let key = Key { bytes: key, hash: self.inner.space.hash(key) };
        let mut turn = self.turn();
        self.inner.with_read(key.hash, &mut turn, |cx| op(cx, key))
    }

    /// Runs an operation that may change one key.
    #[inline]
    pub(crate) fn write_key<R>(
        &self,
        key: &[u8],
        op: impl FnOnce(&mut Ctx<'_>, Key<'_>) -> Result<R>,
    ) -> Result<R> {
        let key = Key { bytes: key, hash: self.inner.space.hash(key) };
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
        let set = keys.into_iter().map(|key| self.inner.shard_of(key)).collect();
        self.inner.with_set(set, mode, &mut self.turn(), op)
    }

    /// Runs an operation on the key space as a whole.
    pub(crate) fn with_all<R>(
        &self,
        mode: LockMode,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
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
        let now = self.inner.space.clock.now_micros().div_euclid(1000);
        let mut removed = 0;
        for index in 0..self.inner.space.shards() {
            removed += self.inner.purge_shard(index, now)?;
        }
        Ok(removed)
    }
}

/// The operations of a [`Store::transaction`]: any command by name on the keys that it declared.
pub struct Transaction<'t, 's> {
    pub(crate) store: &'t Store,
    pub(crate) held: &'t mut Held<'s>,
    pub(crate) turn: &'t mut Turn,
    /// The declared keys; the locked shards hold others too.
    pub(crate) keys: Vec<Box<[u8]>>,
}

impl std::fmt::Debug for Transaction<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

struct RollBack<'t, 's> {
    transaction: Transaction<'t, 's>,
}

impl Drop for RollBack<'_, '_> {
    fn drop(&mut self) {
        let Transaction { store, held, turn, .. } = &mut self.transaction;
        if turn.undo.is_some() {
            Ctx::new(&store.inner.space, held.access(), turn).roll_back();
        }
    }
}
