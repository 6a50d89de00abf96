//! [`Transaction`]: a store handle whose operations run on shards that a transaction holds.
//!
//! The typed methods of [`Store`] reach keys by five ways (`read`, `read_key`, `write_key`, `with_keys`, `with_all`). The handle
//! of a transaction sends these to the shards that it holds, so all typed methods work in it and none is written twice.
//! The locks are shared with the handle because a handle may be cloned and outlive the transaction; afterwards it answers
//! an error.

use std::ops::Deref;
use std::sync::Arc;

use parking_lot::Mutex;

use super::cell::{Cell, Locked};
use super::{Held, LockMode, Store};
use crate::error::{Error, Result};
use crate::keyspace::{Access, Ctx, Turn};

/// A [`Store`] handle for [`Store::transaction`]: its operations, the typed ones and [`execute`](Store::execute), work on
/// the keys that the transaction declared, and on no others.
///
/// It must not leave the transaction: afterwards its operations answer an error.
pub struct Transaction {
    store: Store,
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("database", &self.store.db).finish_non_exhaustive()
    }
}

impl Deref for Transaction {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// A transaction that is going on, or is over.
pub(super) struct Within(Mutex<Option<Open>>);

struct Open {
    locked: Locked<Arc<[Cell]>>,
    turn: Turn,
    /// The declared keys; the locked shards hold others too.
    keys: Vec<Box<[u8]>>,
}

impl Open {
    fn context<'o>(&'o mut self, store: &'o Store) -> Ctx<'o> {
        let access = Access::Many { shards: &mut self.locked, is_exclusive: true };
        Ctx::new(&store.inner.space, access, &mut self.turn)
    }
}

impl Within {
    /// Runs an operation on these keys.
    pub(super) fn run<'k, R>(
        &self,
        store: &Store,
        keys: impl IntoIterator<Item = &'k [u8]>,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        let mut open = self.0.lock();
        let open = open.as_mut().ok_or(Error::TRANSACTION_OVER)?;
        for key in keys {
            if !open.keys.iter().any(|declared| **declared == *key) {
                return Err(Error::undeclared_key(key));
            }
        }
        open.turn.db = store.db;
        op(&mut open.context(store))
    }
}

impl Store {
    /// Runs several operations as one: nobody sees the store between them, and an `Err` puts every key back
    /// as it was.
    ///
    /// Only the keys named may be touched. The store is locked for them meanwhile: `work` must use the [`Transaction`],
    /// not the store, which would wait for itself. What waits for a key, listens or subscribes is served when the
    /// transaction has succeeded.
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
    ///     tx.incrby("bob", 50)?;
    ///     if tx.decrby("alice", 50)? < 0 {
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
        work: impl FnOnce(&Transaction) -> Result<R>,
    ) -> Result<R> {
        if self.within.is_some() {
            return Err(Error::NESTED_TRANSACTION);
        }
        let set = keys.iter().map(|key| self.inner.shard_of(key.as_ref())).collect();
        let mut held = self.inner.hold(set, LockMode::Write)?;
        let mut turn = self.turn();
        Ctx::begin_undo(&mut turn);
        let keys = keys.iter().map(|key| key.as_ref().into()).collect();
        let within = Arc::new(Within(Mutex::new(Some(Open { locked: held.share(), turn, keys }))));
        let store = Store { within: Some(Arc::clone(&within)), ..self.clone() };
        // A panic in `work` unwinds through this guard, which rolls back before the locks are released.
        let mut ending = Ending { store: self, within: &within, held: Some(held) };
        let result = work(&Transaction { store });
        ending.end(result.is_ok());
        result
    }
}

/// The end of a transaction, whichever way it comes.
struct Ending<'t> {
    store: &'t Store,
    within: &'t Within,
    /// What is left of it: the gate, if it was passed.
    held: Option<Held<'t>>,
}

impl Ending<'_> {
    fn end(&mut self, is_ok: bool) {
        let Some(mut open) = self.within.0.lock().take() else { return };
        let inner = &self.store.inner;
        let mut context = open.context(self.store);
        if is_ok {
            context.commit();
        } else {
            context.roll_back();
        }
        let Open { mut locked, mut turn, .. } = open;
        if turn.effects.is_some() {
            inner.settle(&mut locked, &mut turn);
            drop(locked);
            // What follows may have to pass the gate.
            self.held = None;
            inner.settle_unlocked(&mut turn);
        }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        // Nothing, after an orderly end.
        self.end(false);
    }
}
