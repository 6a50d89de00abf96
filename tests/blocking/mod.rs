//! Commands that wait: the same scenes on a real server and here (`scenes.rs`, `random.rs`), the typed methods and
//! their futures (`typed.rs`), callers that go away (`dropped.rs`), and the model of the waiting and waking paths.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken harness must stop the test")]
#![allow(clippy::disallowed_methods, reason = "waiting for other threads takes real time")]

mod dropped;
mod model;
mod random;
mod scenes;
mod stage;
mod typed;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use redmoon::{Store, Value};

/// Longer than anything here takes: what waits longer was forgotten.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How many callers wait, as INFO says it.
pub(crate) fn blocked(store: &Store) -> usize {
    let info = store.info(&["clients"]).unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("blocked_clients:")).unwrap();
    line.trim().parse().unwrap()
}

/// Waits until this many callers wait.
pub(crate) fn until_blocked(store: &Store, callers: usize) {
    let start = std::time::Instant::now();
    while blocked(store) != callers {
        assert!(start.elapsed() < PATIENCE, "{} callers wait, not {callers}", blocked(store));
        std::thread::yield_now();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, with no runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Polls a future once, for a task that nobody wakes.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

pub(crate) fn bulk(text: &str) -> Value {
    Value::from(text)
}
