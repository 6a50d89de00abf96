//! [`Pending`]: the future of a typed method that waits.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::error::{Error, Result};
use crate::keyspace::Wait;
use crate::store::{Blocked, Started, Store};
use crate::value::FromValue;

/// A command that waits for a key, as a future of no particular runtime: [`Store::blpop_async`] and its relatives.
///
/// The command begins, and gets its place among those who wait, when the future is polled first. It waits as long as the
/// future is kept; for a time limit use the runtime's (`tokio::time::timeout` for example). Dropping the future ends the
/// wait without a trace: what it was served and did not hand out is put back.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Pending<T> {
    state: State,
    result: PhantomData<fn() -> T>,
}

enum State {
    New(Store, Wait),
    Waiting(Blocked),
    Failed(Error),
    Over,
}

impl<T> Pending<T> {
    pub(super) fn new(store: &Store, wait: Result<Wait>) -> Pending<T> {
        let state = match wait {
            Ok(_) if store.is_transaction() => State::Failed(Error::NOT_IN_TRANSACTION),
            Ok(wait) => State::New(store.clone(), wait),
            Err(error) => State::Failed(error),
        };
        Pending { state, result: PhantomData }
    }
}

impl<T> std::fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match &self.state {
            State::New(..) => "new",
            State::Waiting(_) => "waiting",
            State::Failed(_) | State::Over => "over",
        };
        f.debug_struct("Pending").field("state", &state).finish()
    }
}

impl<T: FromValue> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        // A future that has answered stays pending, as one that nobody serves.
        let reply = match std::mem::replace(&mut self.state, State::Over) {
            State::Over => return Poll::Pending,
            State::Failed(error) => return Poll::Ready(Err(error)),
            State::New(store, wait) => match store.start(wait)? {
                Started::Done(reply) => return Poll::Ready(T::from_value(reply)),
                Started::Blocked(blocked) => self.state.wait(blocked, context),
            },
            State::Waiting(blocked) => self.state.wait(blocked, context),
        };
        Poll::Ready(ready!(reply).and_then(T::from_value))
    }
}

impl State {
    fn wait(&mut self, mut blocked: Blocked, context: &mut Context<'_>) -> Poll<Result<crate::value::Value>> {
        let reply = Pin::new(&mut blocked).poll(context);
        if reply.is_pending() {
            *self = State::Waiting(blocked);
        }
        reply
    }
}
