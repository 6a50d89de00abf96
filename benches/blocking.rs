//! How long does it take from a push until the caller who waits for it has the element?
//!
//! ```sh
//! cargo bench --bench blocking
//! ```
//!
//! One thread waits with BLPOP, and another one pushes once the first is parked. The time is from just before the push
//! until the waiting call has returned, on one clock. Beside it the same with a real redis-server: two connections over
//! a Unix socket, one on each thread. The bench prints medians and 99th percentiles and asserts nothing. `-- --quick`
//! does a twentieth of the work, to see that it runs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot run must stop")]
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

mod common;
#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use common::{Arguments, Table, machine, nanos};
use redmoon::{Engine, Store};
use support::Oracle;

/// Until the waiting thread is parked for sure.
const PARKED: Duration = Duration::from_micros(200);

/// The times from a push to the end of the waiting call, `count` times. `wait` answers when the push began.
fn hand_over(
    count: usize,
    mut wait: impl FnMut() -> Duration + Send + 'static,
    mut push: impl FnMut(Duration),
) -> Vec<f64> {
    let start = Instant::now();
    let (ready, is_ready) = channel();
    let waiter = thread::spawn(move || {
        let times = (0..count).map(|_| {
            ready.send(()).unwrap();
            let pushed = wait();
            (start.elapsed() - pushed).as_nanos() as f64
        });
        times.collect::<Vec<f64>>()
    });
    for _ in 0..count {
        is_ready.recv().unwrap();
        thread::sleep(PARKED);
        push(start.elapsed());
    }
    let mut times = waiter.join().unwrap();
    times.sort_by(f64::total_cmp);
    times
}

fn moment(element: &[u8]) -> Duration {
    Duration::from_nanos(std::str::from_utf8(element).unwrap().parse().unwrap())
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::task::Waker::from(std::sync::Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            std::task::Poll::Ready(result) => return result,
            std::task::Poll::Pending => thread::park(),
        }
    }
}

fn main() {
    let arguments = Arguments::read();
    let count = arguments.scaled(10_000);
    println!("blocking: {}", machine());
    let mut table =
        Table::new(format!("BLPOP: from the push to the element, {count} times"), &["", "median", "99 %"]);
    let mut show = |name: &str, times: &[f64]| {
        let at = |share: f64| nanos(times[((times.len() - 1) as f64 * share) as usize]);
        table.row([name.to_owned(), at(0.5), at(0.99)]);
    };

    let store = Store::new();
    let push = |at: Duration| assert!(store.rpush("jobs", &[at.as_nanos().to_string()]).unwrap() > 0);
    let theirs = store.clone();
    let wait = move || moment(&theirs.blpop(&["jobs"], None).unwrap().unwrap().1);
    show("a method that parks", &hand_over(count, wait, push));
    let theirs = store.clone();
    let wait = move || moment(&block_on(theirs.blpop_async(&["jobs"])).unwrap().1);
    show("a future", &hand_over(count, wait, push));
    let mut session = Engine::new(store.clone()).session();
    let wait = move || {
        let (_, element): (String, String) =
            session.execute(&["BLPOP", "jobs", "0"]).unwrap().convert().unwrap();
        moment(element.as_bytes())
    };
    show("a session", &hand_over(count, wait, push));

    if let Some(oracle) = Oracle::start() {
        let (mut waits, mut pushes) = (oracle.connect(), oracle.connect());
        let wait = move || {
            let (_, element): (String, String) = waits.value(&["BLPOP", "jobs", "0"]).convert().unwrap();
            moment(element.as_bytes())
        };
        let push = |at: Duration| drop(pushes.raw(&["RPUSH", "jobs", &at.as_nanos().to_string()]));
        show(&format!("redis-server {}", oracle.version()), &hand_over(count, wait, push));
    }
    table.print();
}
