//! The waiting and waking paths under a model checker, which tries every order in which threads can run: the crate's
//! own `Slot`, on loom's atomics, locks and threads.

use std::collections::VecDeque;
use std::task::{Wake, Waker};

use loom::sync::Arc;
use loom::thread;

use slot::Slot;

/// What the crate takes from the standard library.
mod sync {
    use std::time::Duration;

    use loom::sync::{Arc, Condvar, MutexGuard};

    pub(super) use loom::sync::atomic::{AtomicU8, Ordering};
    pub(super) use loom::thread::yield_now;

    pub(super) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(super) fn new(value: T) -> Mutex<T> {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(super) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }

    /// A thread's permit to go on. (Loom's own takes a late `unpark` for the end of any wait, of a `join` too.)
    #[derive(Clone)]
    pub(super) struct Thread(Arc<(loom::sync::Mutex<bool>, Condvar)>);

    loom::thread_local! {
        static CURRENT: Thread = Thread(Arc::new((loom::sync::Mutex::new(false), Condvar::new())));
    }

    pub(super) fn current() -> Thread {
        CURRENT.with(Thread::clone)
    }

    impl Thread {
        pub(super) fn unpark(&self) {
            *self.0.0.lock().unwrap() = true;
            self.0.1.notify_one();
        }
    }

    pub(super) fn park() {
        let thread = current();
        let mut may_go_on = thread.0.0.lock().unwrap();
        while !*may_go_on {
            may_go_on = thread.0.1.wait(may_go_on).unwrap();
        }
        *may_go_on = false;
    }

    /// The time may be over at any moment: at once, too.
    pub(super) fn park_timeout(_: Duration) {}
}

#[allow(dead_code, reason = "the crate's own file, of which each model needs a part")]
#[path = "../../src/keyspace/wait/slot.rs"]
mod slot;

fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// What a blocked caller does.
fn wait(slot: &Slot<u32>) -> u32 {
    loop {
        if let Some(result) = slot.take() {
            return result;
        }
        slot.park(None);
    }
}

/// What a task does that is woken, on an executor that parks its thread meanwhile.
fn poll(slot: &Slot<u32>) -> u32 {
    struct Unpark(sync::Thread);
    impl Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(std::sync::Arc::new(Unpark(sync::current())));
    loop {
        if let Some(result) = slot.take_or_wake(&waker) {
            return result;
        }
        sync::park();
    }
}

/// What a writer does for one waiter.
fn serve(slot: &Slot<u32>, element: u32) -> bool {
    slot.end(element)
}

#[test]
fn a_parked_caller_is_woken() {
    explore(|| {
        let slot = Arc::new(Slot::new());
        let writer = thread::spawn({
            let slot = Arc::clone(&slot);
            move || {
                slot.claim().unwrap().finish(7);
                slot.wake();
            }
        });
        assert_eq!(wait(&slot), 7);
        assert!(slot.is_done() && slot.take().is_none());
        writer.join().unwrap();
    });
}

#[test]
fn a_task_is_woken_also_if_it_changes_its_waker() {
    explore(|| {
        let slot = Arc::new(Slot::new());
        let writer = thread::spawn({
            let slot = Arc::clone(&slot);
            move || serve(&slot, 7)
        });
        let first = slot.take_or_wake(Waker::noop());
        assert_eq!(first.unwrap_or_else(|| poll(&slot)), 7);
        assert!(writer.join().unwrap());
    });
}

#[test]
fn one_of_two_writers_serves() {
    explore(|| {
        let slot = Arc::new(Slot::new());
        let writers = [1, 2].map(|element| {
            let slot = Arc::clone(&slot);
            thread::spawn(move || serve(&slot, element))
        });
        let got = wait(&slot);
        let served = writers.map(|writer| writer.join().unwrap());
        assert_eq!(served, [got == 1, got == 2]);
    });
}

#[test]
fn a_claim_that_is_given_up_hides_the_caller_from_nobody() {
    explore(|| {
        let slot = Arc::new(Slot::new());
        let others = thread::spawn({
            let slot = Arc::clone(&slot);
            move || drop(slot.claim())
        });
        // This writer has something, so he must serve, whatever the other one does.
        assert!(serve(&slot, 5));
        others.join().unwrap();
        assert_eq!(slot.take(), Some(5));
    });
}

#[test]
fn a_caller_whose_time_is_over_has_either_the_element_or_nothing() {
    const NOTHING: u32 = 0;
    explore(|| {
        let slot = Arc::new(Slot::new());
        let writer = thread::spawn({
            let slot = Arc::clone(&slot);
            move || serve(&slot, 1)
        });
        slot.park(Some(std::time::Duration::ZERO));
        let timed_out = slot.end(NOTHING);
        let got = slot.take().unwrap();
        let served = writer.join().unwrap();
        assert_eq!((timed_out, got), if served { (false, 1) } else { (true, NOTHING) });
    });
}

/// A shard as far as waiting goes: a list, and who waits for it.
#[derive(Default)]
struct Shard {
    list: VecDeque<u32>,
    waiting: VecDeque<Arc<Slot<u32>>>,
}

type Shards = loom::sync::Mutex<Shard>;

impl Shard {
    /// The end of a writer's turn: those to wake once the lock is released.
    fn settle(&mut self) -> Vec<Arc<Slot<u32>>> {
        let mut woken = Vec::new();
        let mut at = 0;
        while at < self.waiting.len() && !self.list.is_empty() {
            let waiter = Arc::clone(&self.waiting[at]);
            let Some(claim) = waiter.claim() else {
                at += 1;
                continue;
            };
            self.waiting.remove(at);
            claim.finish(self.list.pop_front().unwrap());
            woken.push(waiter);
        }
        woken
    }
}

fn push(shard: &Shards, element: u32) {
    let woken = {
        let mut shard = shard.lock().unwrap();
        shard.list.push_front(element);
        shard.settle()
    };
    woken.iter().for_each(|waiter| waiter.wake());
}

/// A command that waits, up to its place in the queue.
fn begin(shard: &Shards) -> Result<u32, Arc<Slot<u32>>> {
    let mut shard = shard.lock().unwrap();
    if let Some(element) = shard.list.pop_front() {
        return Ok(element);
    }
    let slot = Arc::new(Slot::new());
    shard.waiting.push_back(Arc::clone(&slot));
    Err(slot)
}

/// A future that is dropped.
fn forget(shard: &Shards, slot: &Arc<Slot<u32>>) {
    slot.end(u32::MAX);
    let untaken = slot.take().filter(|&element| element != u32::MAX);
    shard.lock().unwrap().waiting.retain(|other| !Arc::ptr_eq(other, slot));
    if let Some(element) = untaken {
        push(shard, element);
    }
}

#[test]
fn what_is_pushed_while_a_caller_begins_to_wait_reaches_him() {
    explore(|| {
        let shard = Arc::new(Shards::new(Shard::default()));
        let pusher = thread::spawn({
            let shard = Arc::clone(&shard);
            move || push(&shard, 3)
        });
        let got = match begin(&shard) {
            Ok(element) => element,
            Err(slot) => wait(&slot),
        };
        assert_eq!(got, 3);
        pusher.join().unwrap();
        assert!(shard.lock().unwrap().waiting.is_empty());
    });
}

#[test]
fn what_a_dropped_wait_was_served_goes_to_the_next_in_the_queue() {
    explore(|| {
        let shard = Arc::new(Shards::new(Shard::default()));
        let (Err(dropped), Err(next)) = (begin(&shard), begin(&shard)) else {
            panic!("there is nothing yet")
        };
        let pusher = thread::spawn({
            let shard = Arc::clone(&shard);
            move || push(&shard, 3)
        });
        let dropper = thread::spawn({
            let shard = Arc::clone(&shard);
            move || forget(&shard, &dropped)
        });
        assert_eq!(wait(&next), 3);
        pusher.join().unwrap();
        dropper.join().unwrap();
        let shard = shard.lock().unwrap();
        assert!(shard.list.is_empty() && shard.waiting.is_empty());
    });
}
