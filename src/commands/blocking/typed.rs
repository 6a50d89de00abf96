//! The typed methods of the commands that wait: each as one that parks the thread and as a future.

use std::time::Duration;

use super::attempts::{Element, Elements, Member, Members, Moved};
use super::{Pending, blobs, shift, take};
use crate::blob::Blob;
use crate::commands::zsets::pop::ZsetEnd;
use crate::ds::list::ListSide;
use crate::error::{Error, Result};
use crate::keyspace::{Attempt, Wait};
use crate::protocol::Protocol;
use crate::store::{Started, Store};
use crate::value::FromValue;

/// Scores come as numbers.
const PROTOCOL: Protocol = Protocol::Resp3;

/// A wait for one of several keys.
fn first_of<K: AsRef<[u8]>>(
    keys: &[K],
    timeout: Option<Duration>,
    attempt: impl Attempt + 'static,
) -> Result<Wait> {
    if keys.is_empty() { Err(Error::NUMKEYS_NOT_POSITIVE) } else { Ok(take(blobs(keys), timeout, attempt)) }
}

fn some(count: usize) -> Result<()> {
    if count == 0 { Err(Error::COUNT_NOT_POSITIVE) } else { Ok(()) }
}

/// # Waiting for lists and sorted sets
///
/// A method parks the thread until a key has something for it, at most for its time limit; `None` waits for ever. It is
/// served by whoever writes the key, in the order in which callers came. The time limit is real time, whatever clock
/// the store has. In a [transaction](Store::transaction) nothing waits, as if the time were over at once.
///
/// Each has a form that ends in `_async`: a [`Pending`] future, of no particular runtime, which waits as long as it is
/// kept. Those answer an error in a transaction.
impl Store {
    fn wait<T: FromValue>(&self, wait: Wait) -> Result<Option<T>> {
        let reply = match self.start(wait)? {
            Started::Done(reply) => reply,
            Started::Blocked(blocked) => blocked.wait()?,
        };
        Option::from_value(reply)
    }

    /// Takes the element at the head of the first list that exists and answers the list's key with it (BLPOP), or waits
    /// for one; `None` when the time is over.
    ///
    /// # Errors
    ///
    /// `ERR numkeys should be greater than 0` without keys, `WRONGTYPE` if a key of another type comes before the first
    /// list.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    /// use std::time::Duration;
    ///
    /// let store = Store::new();
    /// let worker = std::thread::spawn({
    ///     let store = store.clone();
    ///     move || store.blpop(&["urgent", "jobs"], Duration::from_secs(10))
    /// });
    /// store.rpush("jobs", &["sweep"])?;
    /// assert_eq!(worker.join().unwrap()?, Some(("jobs".into(), "sweep".into())));
    /// assert_eq!(store.blpop(&["jobs"], Duration::from_millis(1))?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn blpop(
        &self,
        keys: &[impl AsRef<[u8]>],
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Option<(Blob, Blob)>> {
        self.wait(first_of(keys, timeout.into(), Element { side: ListSide::Left })?)
    }

    /// As [`blpop`](Store::blpop), as a future (BLPOP).
    ///
    /// # Errors
    ///
    /// The future answers what [`blpop`](Store::blpop) does.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    /// #         if let std::task::Poll::Ready(result) = future.as_mut().poll(context) {
    /// #             return result;
    /// #         }
    /// #     }
    /// # }
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["sweep"])?;
    /// let (key, job) = block_on(async { store.blpop_async(&["jobs"]).await })?;
    /// assert_eq!((&*key, &*job), (&b"jobs"[..], &b"sweep"[..]));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn blpop_async(&self, keys: &[impl AsRef<[u8]>]) -> Pending<(Blob, Blob)> {
        Pending::new(self, first_of(keys, None, Element { side: ListSide::Left }))
    }

    /// Takes the element at the tail of the first list that exists and answers the list's key with it (BRPOP), or waits
    /// for one; `None` when the time is over.
    ///
    /// # Errors
    ///
    /// `ERR numkeys should be greater than 0` without keys, `WRONGTYPE` if a key of another type comes before the first
    /// list.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["sweep", "cook"])?;
    /// assert_eq!(store.brpop(&["jobs"], Duration::from_secs(1))?, Some(("jobs".into(), "cook".into())));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn brpop(
        &self,
        keys: &[impl AsRef<[u8]>],
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Option<(Blob, Blob)>> {
        self.wait(first_of(keys, timeout.into(), Element { side: ListSide::Right })?)
    }

    /// As [`brpop`](Store::brpop), as a future (BRPOP).
    ///
    /// # Errors
    ///
    /// The future answers what [`brpop`](Store::brpop) does.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    /// #         if let std::task::Poll::Ready(result) = future.as_mut().poll(context) {
    /// #             return result;
    /// #         }
    /// #     }
    /// # }
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["sweep", "cook"])?;
    /// assert_eq!(block_on(store.brpop_async(&["jobs"]))?.1, "cook");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn brpop_async(&self, keys: &[impl AsRef<[u8]>]) -> Pending<(Blob, Blob)> {
        Pending::new(self, first_of(keys, None, Element { side: ListSide::Right }))
    }

    /// Moves an element from one end of a list to one end of another list, which may be the same, and answers it (BLMOVE),
    /// or waits for one; `None` when the time is over.
    ///
    /// An element that was moved for a caller that has gone (a future that was dropped) stays in the destination.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if one of the keys holds another type when there is something to move; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ListSide, Store};
    /// use std::time::Duration;
    ///
    /// let store = Store::new();
    /// store.rpush("waiting", &["one", "two"])?;
    /// let job = store.blmove("waiting", "working", ListSide::Left, ListSide::Right, Duration::from_secs(1))?;
    /// assert_eq!(job.unwrap(), "one");
    /// assert_eq!(store.lrange("working", 0, -1)?, ["one"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn blmove(
        &self,
        source: impl AsRef<[u8]>,
        destination: impl AsRef<[u8]>,
        from: ListSide,
        to: ListSide,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Option<Blob>> {
        self.wait(move_wait(source.as_ref(), destination.as_ref(), from, to, timeout.into()))
    }

    /// As [`blmove`](Store::blmove), as a future (BLMOVE).
    ///
    /// # Errors
    ///
    /// The future answers what [`blmove`](Store::blmove) does.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    /// #         if let std::task::Poll::Ready(result) = future.as_mut().poll(context) {
    /// #             return result;
    /// #         }
    /// #     }
    /// # }
    /// use redmoon::{ListSide, Store};
    ///
    /// let store = Store::new();
    /// store.rpush("waiting", &["one", "two"])?;
    /// let moved = store.blmove_async("waiting", "working", ListSide::Right, ListSide::Left);
    /// assert_eq!(block_on(moved)?, "two");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn blmove_async(
        &self,
        source: impl AsRef<[u8]>,
        destination: impl AsRef<[u8]>,
        from: ListSide,
        to: ListSide,
    ) -> Pending<Blob> {
        Pending::new(self, Ok(move_wait(source.as_ref(), destination.as_ref(), from, to, None)))
    }

    /// Moves the tail of a list to the head of another list, which may be the same, and answers it (BRPOPLPUSH), or waits
    /// for one; `None` when the time is over.
    ///
    /// # Errors
    ///
    /// As [`blmove`](Store::blmove).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let store = redmoon::Store::new();
    /// store.rpush("ring", &["one", "two", "three"])?;
    /// assert_eq!(store.brpoplpush("ring", "ring", Duration::from_secs(1))?.unwrap(), "three");
    /// assert_eq!(store.lrange("ring", 0, -1)?, ["three", "one", "two"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn brpoplpush(
        &self,
        source: impl AsRef<[u8]>,
        destination: impl AsRef<[u8]>,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Option<Blob>> {
        self.wait(move_wait(
            source.as_ref(),
            destination.as_ref(),
            ListSide::Right,
            ListSide::Left,
            timeout.into(),
        ))
    }

    /// As [`brpoplpush`](Store::brpoplpush), as a future (BRPOPLPUSH).
    ///
    /// # Errors
    ///
    /// The future answers what [`brpoplpush`](Store::brpoplpush) does.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    /// #         if let std::task::Poll::Ready(result) = future.as_mut().poll(context) {
    /// #             return result;
    /// #         }
    /// #     }
    /// # }
    /// let store = redmoon::Store::new();
    /// store.rpush("from", &["one", "two"])?;
    /// assert_eq!(block_on(store.brpoplpush_async("from", "to"))?, "two");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn brpoplpush_async(&self, source: impl AsRef<[u8]>, destination: impl AsRef<[u8]>) -> Pending<Blob> {
        Pending::new(
            self,
            Ok(move_wait(source.as_ref(), destination.as_ref(), ListSide::Right, ListSide::Left, None)),
        )
    }

    /// Takes up to `count` elements from one end of the first list that exists and answers the list's key with them
    /// (BLMPOP), or waits for one; `None` when the time is over.
    ///
    /// # Errors
    ///
    /// `ERR numkeys should be greater than 0` without keys, `ERR count should be greater than 0`, `WRONGTYPE` if a key of
    /// another type comes before the first list.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ListSide, Store};
    /// use std::time::Duration;
    ///
    /// let store = Store::new();
    /// store.rpush("low", &["a", "b", "c"])?;
    /// let taken = store.blmpop(&["high", "low"], ListSide::Left, 2, Duration::from_secs(1))?;
    /// assert_eq!(taken, Some(("low".into(), vec!["a".into(), "b".into()])));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn blmpop(
        &self,
        keys: &[impl AsRef<[u8]>],
        side: ListSide,
        count: usize,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Option<(Blob, Vec<Blob>)>> {
        self.wait(some(count).and_then(|()| first_of(keys, timeout.into(), Elements { side, count }))?)
    }

    /// As [`blmpop`](Store::blmpop), as a future (BLMPOP).
    ///
    /// # Errors
    ///
    /// The future answers what [`blmpop`](Store::blmpop) does.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    /// #         if let std::task::Poll::Ready(result) = future.as_mut().poll(context) {
    /// #             return result;
    /// #         }
    /// #     }
    /// # }
    /// use redmoon::{ListSide, Store};
    ///
    /// let store = Store::new();
    /// store.rpush("low", &["a", "b", "c"])?;
    /// let (_, taken) = block_on(store.blmpop_async(&["high", "low"], ListSide::Left, 2))?;
    /// assert_eq!(taken, ["a", "b"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn blmpop_async(
        &self,
        keys: &[impl AsRef<[u8]>],
        side: ListSide,
        count: usize,
    ) -> Pending<(Blob, Vec<Blob>)> {
        Pending::new(self, some(count).and_then(|()| first_of(keys, None, Elements { side, count })))
    }

    /// Removes the member of the lowest score from the first sorted set that exists and answers the set's key with it and
    /// its score (BZPOPMIN), or waits for one; `None` when the time is over.
    ///
    /// # Errors
    ///
    /// `ERR numkeys should be greater than 0` without keys, `WRONGTYPE` if a key of another type comes before the first
    /// sorted set.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let store = redmoon::Store::new();
    /// store.zadd("jobs", &[(2.0, "cook"), (1.0, "sweep")])?;
    /// let taken = store.bzpopmin(&["urgent", "jobs"], Duration::from_secs(1))?;
    /// assert_eq!(taken, Some(("jobs".into(), "sweep".into(), 1.0)));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn bzpopmin(
        &self,
        keys: &[impl AsRef<[u8]>],
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Option<(Blob, Blob, f64)>> {
        self.wait(first_of(keys, timeout.into(), Member { end: ZsetEnd::Min, protocol: PROTOCOL })?)
    }

    /// As [`bzpopmin`](Store::bzpopmin), as a future (BZPOPMIN).
    ///
    /// # Errors
    ///
    /// The future answers what [`bzpopmin`](Store::bzpopmin) does.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    /// #         if let std::task::Poll::Ready(result) = future.as_mut().poll(context) {
    /// #             return result;
    /// #         }
    /// #     }
    /// # }
    /// let store = redmoon::Store::new();
    /// store.zadd("jobs", &[(2.0, "cook"), (1.0, "sweep")])?;
    /// let (_, job, score) = block_on(store.bzpopmin_async(&["jobs"]))?;
    /// assert_eq!((job, score), ("sweep".into(), 1.0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn bzpopmin_async(&self, keys: &[impl AsRef<[u8]>]) -> Pending<(Blob, Blob, f64)> {
        Pending::new(self, first_of(keys, None, Member { end: ZsetEnd::Min, protocol: PROTOCOL }))
    }

    /// Removes the member of the highest score from the first sorted set that exists and answers the set's key with it and
    /// its score (BZPOPMAX), or waits for one; `None` when the time is over.
    ///
    /// # Errors
    ///
    /// `ERR numkeys should be greater than 0` without keys, `WRONGTYPE` if a key of another type comes before the first
    /// sorted set.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let store = redmoon::Store::new();
    /// store.zadd("jobs", &[(2.0, "cook"), (1.0, "sweep")])?;
    /// let taken = store.bzpopmax(&["urgent", "jobs"], Duration::from_secs(1))?;
    /// assert_eq!(taken, Some(("jobs".into(), "cook".into(), 2.0)));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn bzpopmax(
        &self,
        keys: &[impl AsRef<[u8]>],
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Option<(Blob, Blob, f64)>> {
        self.wait(first_of(keys, timeout.into(), Member { end: ZsetEnd::Max, protocol: PROTOCOL })?)
    }

    /// As [`bzpopmax`](Store::bzpopmax), as a future (BZPOPMAX).
    ///
    /// # Errors
    ///
    /// The future answers what [`bzpopmax`](Store::bzpopmax) does.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    /// #         if let std::task::Poll::Ready(result) = future.as_mut().poll(context) {
    /// #             return result;
    /// #         }
    /// #     }
    /// # }
    /// let store = redmoon::Store::new();
    /// store.zadd("jobs", &[(2.0, "cook"), (1.0, "sweep")])?;
    /// let (_, job, score) = block_on(store.bzpopmax_async(&["jobs"]))?;
    /// assert_eq!((job, score), ("cook".into(), 2.0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn bzpopmax_async(&self, keys: &[impl AsRef<[u8]>]) -> Pending<(Blob, Blob, f64)> {
        Pending::new(self, first_of(keys, None, Member { end: ZsetEnd::Max, protocol: PROTOCOL }))
    }

    /// Removes up to `count` members from one end of the first sorted set that exists and answers the set's key with them
    /// and their scores (BZMPOP), or waits for one; `None` when the time is over.
    ///
    /// # Errors
    ///
    /// `ERR numkeys should be greater than 0` without keys, `ERR count should be greater than 0`, `WRONGTYPE` if a key of
    /// another type comes before the first sorted set.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Store, ZsetEnd};
    /// use std::time::Duration;
    ///
    /// let store = Store::new();
    /// store.zadd("jobs", &[(2.0, "cook"), (1.0, "sweep")])?;
    /// let (key, jobs) = store.bzmpop(&["urgent", "jobs"], ZsetEnd::Max, 10, Duration::from_secs(1))?.unwrap();
    /// assert_eq!(key, "jobs");
    /// assert_eq!(jobs, [("cook".into(), 2.0), ("sweep".into(), 1.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[allow(clippy::type_complexity, reason = "a key, and members with their scores")]
    pub fn bzmpop(
        &self,
        keys: &[impl AsRef<[u8]>],
        end: ZsetEnd,
        count: usize,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Option<(Blob, Vec<(Blob, f64)>)>> {
        self.wait(
            some(count)
                .and_then(|()| first_of(keys, timeout.into(), Members { end, count, protocol: PROTOCOL }))?,
        )
    }

    /// As [`bzmpop`](Store::bzmpop), as a future (BZMPOP).
    ///
    /// # Errors
    ///
    /// The future answers what [`bzmpop`](Store::bzmpop) does.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    /// #         if let std::task::Poll::Ready(result) = future.as_mut().poll(context) {
    /// #             return result;
    /// #         }
    /// #     }
    /// # }
    /// use redmoon::{Store, ZsetEnd};
    ///
    /// let store = Store::new();
    /// store.zadd("jobs", &[(2.0, "cook"), (1.0, "sweep")])?;
    /// let (_, jobs) = block_on(store.bzmpop_async(&["urgent", "jobs"], ZsetEnd::Min, 1))?;
    /// assert_eq!(jobs, [("sweep".into(), 1.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn bzmpop_async(
        &self,
        keys: &[impl AsRef<[u8]>],
        end: ZsetEnd,
        count: usize,
    ) -> Pending<(Blob, Vec<(Blob, f64)>)> {
        Pending::new(
            self,
            some(count).and_then(|()| first_of(keys, None, Members { end, count, protocol: PROTOCOL })),
        )
    }
}

fn move_wait(
    source: &[u8],
    destination: &[u8],
    from: ListSide,
    to: ListSide,
    timeout: Option<Duration>,
) -> Wait {
    shift(source, timeout, Moved { destination: Blob::from(destination), from, to })
}
