//! A soak: eight threads mix waiting, pushing, scripts, MULTI, moves, transactions and callers that go away. Every
//! element is a number that is pushed once; in the end each was received once or is still in a list, and nobody was
//! forgotten. Meanwhile they publish numbers that count up, and subscribe for a while: who does gets every number of
//! every publisher, in its order, from the first one on.
//!
//! `REDMOON_SOAK_SECONDS` sets how long it runs, `REDMOON_SEED` the seed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken harness must stop the test")]
#![allow(clippy::disallowed_methods, reason = "the test ends after some real time")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use redmoon::{Begun, Blob, Engine, ListSide, Session, Store, Subscription, Value};

use crate::blocking::{PATIENCE, block_on, blocked, poll_once};
use crate::support::{Rng, number_from_env};

const THREADS: usize = 8;
const LISTS: [&str; 5] = ["one", "two", "three", "four", "five"];
/// How many steps a thread makes between two moments at which everybody is counted.
const STEPS: u64 = 2000;

struct Soaker {
    store: Store,
    engine: Engine,
    session: Session,
    rng: Rng,
    next: Arc<AtomicU64>,
    pushed: Vec<u64>,
    received: Vec<u64>,
    thread: usize,
    published: u64,
    subscription: Option<(Subscription, HashMap<String, u64>)>,
}

fn number(blob: &Blob) -> u64 {
    std::str::from_utf8(blob).unwrap().parse().unwrap()
}

impl Soaker {
    fn element(&self) -> String {
        self.next.fetch_add(1, Ordering::Relaxed).to_string()
    }

    fn receive(&mut self, element: &Blob) {
        self.received.push(number(element));
    }

    /// What a waiting command by name took: `[key, element]` or `[key, [element ...]]`.
    fn receive_reply(&mut self, reply: &Value) {
        if let Value::Array(parts) = reply {
            match &parts[1] {
                Value::Bulk(element) => self.receive(element),
                Value::Array(elements) => {
                    for element in elements {
                        self.receive(&Blob::from(element.as_bytes().unwrap()));
                    }
                }
                other => panic!("not an element: {other:?}"),
            }
        }
    }

    fn push(&mut self, list: &str) {
        let element = self.element();
        match self.rng.below(7) {
            0 => assert!(self.store.rpush(list, &[&element]).unwrap() > 0),
            1 => assert!(self.store.lpush(list, &[&element]).unwrap() > 0),
            2 => drop(self.session.execute(&["RPUSH", list, &element]).unwrap()),
            3 => {
                let script = "return redis.call('RPUSH', KEYS[1], ARGV[1])";
                self.engine.eval(script, &[list], &[&element]).unwrap();
            }
            4 => {
                for command in [&["MULTI"][..], &["RPUSH", list, &element], &["PING"], &["EXEC"]] {
                    self.session.execute(command).unwrap();
                }
            }
            5 => {
                // Pushed by way of a key of its own.
                let own = format!("own:{element}");
                self.store.rpush(&own, &[&element]).unwrap();
                let moved = self.store.lmove(&own, list, ListSide::Left, ListSide::Left).unwrap();
                assert!(moved.is_some(), "nobody else knows the key");
            }
            _ => {
                self.store.transaction(&[list], |tx| tx.rpush(list, &[&element])).unwrap();
            }
        }
        self.pushed.push(element.parse().unwrap());
    }

    /// What leaves nothing behind: a push that is taken back at once, or rolled back.
    fn push_in_vain(&mut self, list: &str) {
        if self.rng.one_in(2) {
            let script = "redis.call('RPUSH', KEYS[1], 'x') redis.call('RPOP', KEYS[1])";
            self.engine.eval(script, &[list], &[""; 0]).unwrap();
        } else {
            let failed = self.store.transaction(&[list], |tx| {
                tx.rpush(list, &["x"])?;
                Err::<(), _>(redmoon::Error::new("NO thanks"))
            });
            failed.unwrap_err();
        }
    }

    fn wait(&mut self, lists: [&str; 2]) {
        // Not 0, which by name is for ever.
        let limit = Duration::from_micros(1 + self.rng.below(300) as u64);
        match self.rng.below(9) {
            0 => {
                if let Some((_, element)) = self.store.blpop(&lists, limit).unwrap() {
                    self.receive(&element);
                }
            }
            1 => {
                let count = 1 + self.rng.below(3);
                if let Some((_, elements)) = self.store.blmpop(&lists, ListSide::Right, count, limit).unwrap()
                {
                    elements.iter().for_each(|element| self.receive(element));
                }
            }
            2 => {
                let seconds = limit.as_secs_f64().to_string();
                let reply = self.session.execute(&["BRPOP", lists[0], lists[1], &seconds]).unwrap();
                self.receive_reply(&reply);
            }
            3 => drop(self.store.blmove(lists[0], lists[1], ListSide::Left, ListSide::Right, limit).unwrap()),
            4 => {
                // A future that is dropped after a while, served or not.
                let mut pending = self.store.blpop_async(&lists);
                for _ in 0..self.rng.below(4) {
                    if let std::task::Poll::Ready(taken) = poll_once(&mut pending) {
                        let (_, element) = taken.unwrap();
                        self.receive(&element);
                        break;
                    }
                    thread::yield_now();
                }
            }
            5 => {
                let mut pending = self.store.blmpop_async(&lists, ListSide::Left, 3);
                let polled = poll_once(&mut pending);
                thread::sleep(limit / 8);
                drop(pending);
                if let std::task::Poll::Ready(taken) = polled {
                    taken.unwrap().1.iter().for_each(|element| self.receive(element));
                }
            }
            6 => {
                // A conversation that ends while its command waits.
                let mut session = self.engine.session();
                let reply = match session.begin(&["BLPOP", lists[0], lists[1], "0"]).unwrap() {
                    Begun::Done(reply) => reply,
                    Begun::Waiting(waiting) if self.rng.one_in(2) => waiting.time_out().unwrap(),
                    _ => Value::Nil,
                };
                drop(session);
                self.receive_reply(&reply);
            }
            7 => {
                let mut moves = self.store.brpoplpush_async(lists[0], lists[1]);
                let _ = poll_once(&mut moves);
            }
            _ => {
                let sleep = |_| std::future::ready(());
                let command = ["BLMPOP", "0.001", "2", lists[0], lists[1], "LEFT", "COUNT", "2"];
                let reply = block_on(self.session.execute_async(&command, sleep)).unwrap();
                self.receive_reply(&reply);
            }
        }
    }

    /// Says the next number of this thread to everybody.
    fn publish(&mut self) {
        self.published += 1;
        let message = format!("{} {}", self.thread, self.published);
        match self.rng.below(3) {
            0 => drop(self.store.publish("news", &message)),
            1 => drop(self.session.execute(&["PUBLISH", "news", &message]).unwrap()),
            _ => drop(
                self.engine
                    .eval("return redis.call('PUBLISH', 'news', ARGV[1])", &[""; 0], &[&message])
                    .unwrap(),
            ),
        }
    }

    /// Begins to listen, reads what there is, or goes away.
    fn listen(&mut self) {
        let is_leaving = self.rng.one_in(20);
        let Some((subscription, last)) = &mut self.subscription else {
            self.subscription = Some((self.store.subscribe(&["news"]), HashMap::new()));
            return;
        };
        while let Some(message) = subscription.try_next().unwrap() {
            let text = String::from_utf8(message.payload.to_vec()).unwrap();
            let (publisher, number) = text.split_once(' ').unwrap();
            let number: u64 = number.parse().unwrap();
            if let Some(before) = last.insert(publisher.to_owned(), number) {
                assert_eq!(number, before + 1, "thread {publisher} publishes in order");
            }
        }
        if is_leaving {
            self.subscription = None;
        }
    }

    fn step(&mut self) {
        let lists = [self.rng.pick(&LISTS), self.rng.pick(&LISTS)];
        match self.rng.below(14) {
            12 => self.publish(),
            13 => self.listen(),
            0..=4 => self.push(lists[0]),
            5 => self.push_in_vain(lists[0]),
            6 => drop(self.store.lmove(lists[0], lists[1], ListSide::Left, ListSide::Left).unwrap()),
            _ => self.wait(lists),
        }
    }
}

#[test]
fn nothing_is_lost_nothing_served_twice_and_nobody_forgotten() {
    let seed = number_from_env("REDMOON_SEED", 11);
    let time = Duration::from_secs(number_from_env("REDMOON_SOAK_SECONDS", 2));
    let store = Store::new();
    let next = Arc::new(AtomicU64::new(1));
    let barrier = Arc::new(Barrier::new(THREADS));
    let is_over = Arc::new(AtomicBool::new(false));
    let (done, ends) = std::sync::mpsc::channel();
    let start = Instant::now();
    for thread in 0..THREADS {
        let engine = Engine::new(store.clone());
        let mut soaker = Soaker {
            session: engine.session(),
            engine,
            store: store.clone(),
            rng: Rng::new(seed + thread as u64),
            next: Arc::clone(&next),
            pushed: Vec::new(),
            received: Vec::new(),
            thread,
            published: 0,
            subscription: None,
        };
        let (barrier, is_over, done) = (Arc::clone(&barrier), Arc::clone(&is_over), done.clone());
        thread::spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                for _ in 0..STEPS {
                    soaker.step();
                }
                barrier.wait();
                if thread == 0 {
                    // Nobody waits now, so nothing takes this away: no one was left in a queue.
                    assert_eq!(blocked(&soaker.store), 0);
                    for list in LISTS {
                        let before = soaker.store.llen(list).unwrap();
                        soaker.push(list);
                        assert_eq!(soaker.store.llen(list).unwrap(), before + 1, "{list}");
                    }
                    while let Some((_, element)) = soaker.store.blpop(&LISTS, Duration::ZERO).unwrap() {
                        soaker.receive(&element);
                    }
                }
                barrier.wait();
                // Half of them wait for ever, the others push as many elements: everybody must be served.
                let lists = [soaker.rng.pick(&LISTS), soaker.rng.pick(&LISTS)];
                if thread % 2 == 0 {
                    let got = if soaker.rng.one_in(2) {
                        soaker.store.blpop(&LISTS, None).unwrap()
                    } else {
                        Some(block_on(soaker.store.brpop_async(&LISTS)).unwrap())
                    };
                    soaker.receive(&got.unwrap().1);
                } else {
                    soaker.push(lists[0]);
                }
                barrier.wait();
                is_over.fetch_or(start.elapsed() >= time, Ordering::SeqCst);
                barrier.wait();
            }
            done.send((soaker.pushed, soaker.received)).unwrap();
        });
    }
    drop(done);
    let (mut pushed, mut received): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    for _ in 0..THREADS {
        let (some, others) = ends.recv_timeout(time + PATIENCE).expect("every thread comes to its end");
        pushed.extend(some);
        received.extend(others);
    }
    eprintln!("soak: REDMOON_SEED={seed}, {:?}, {} elements", start.elapsed(), pushed.len());
    for list in LISTS {
        received.extend(store.lrange(list, 0, -1).unwrap().iter().map(number));
    }
    pushed.sort_unstable();
    received.sort_unstable();
    assert_eq!(pushed.len(), received.len());
    assert_eq!(pushed, received);
    assert_eq!(blocked(&store), 0);
}
