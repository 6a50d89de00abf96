//! Fuzzing: mutated inputs for what reads bytes that a program may have from anywhere. Whatever comes, the process does
//! not crash, the engine works on, no lock is left, and Lua's memory comes back.
//!
//! A target has a corpus of valid inputs, which are mutated by bytes, by pieces of each other and by words of a
//! dictionary. Input `n` of a seed is always the same, whatever came before: a failure says which it was, and
//!
//! ```text
//! REDMOON_FUZZ_SEED=… REDMOON_FUZZ_FROM=… cargo test --test main fuzz::TARGET -- --nocapture
//! ```
//!
//! begins there. Each target runs for `REDMOON_FUZZ_SECONDS`, one by default. With that variable set, a run tells how far it
//! is, and the memory of the process is looked at too; with `REDMOON_FUZZ_FILE` set, each input is written to that file
//! (its name followed by the target's) before it is used, for what ends the process at once. `docs/fuzzing.md` has the
//! recorded runs.

#![allow(clippy::disallowed_methods, reason = "a run takes so much real time")]

mod libraries;
mod mutate;
mod restore;
mod scripts;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redmoon::{Dialect, Engine, Store, Value};

use crate::support::rng::mix;
use crate::support::{Rng, number_from_env, show};

/// How long an input may take; a script is ended after [`TIME_LIMIT`].
const PATIENCE: Duration = Duration::from_secs(60);
const TIME_LIMIT: Duration = Duration::from_millis(50);
/// What Lua may hold on to after an input, above what it had before the first.
const SLACK: i64 = 64 * 1024;
/// What the process may have grown by when a long run ends.
const GROWTH: i64 = 256 * 1024 * 1024;

const MEMORY: &str = "collectgarbage() collectgarbage() return collectgarbage('count')*1024";

/// An engine on a store with a thread that looks for locks left behind.
struct Bench {
    engine: Engine,
    ask: Sender<()>,
    answer: Receiver<()>,
}

impl Bench {
    fn new(dialect: Dialect) -> Bench {
        let engine = Engine::builder(Store::builder().shards(8).build())
            .dialect(dialect)
            .time_limit(TIME_LIMIT)
            .memory_limit(16 << 20)
            .reply_limit(1 << 20)
            .build();
        let (ask, asked) = channel();
        let (reply, answer) = channel();
        let store = engine.store().clone();
        std::thread::spawn(move || {
            while asked.recv().is_ok() {
                // Keys enough for every shard, and one operation on all of them.
                for key in 0..32 {
                    store.set(format!("lock:{key}"), "free").expect("nothing is busy");
                }
                store.flushall().expect("nothing is busy");
                if reply.send(()).is_err() {
                    return;
                }
            }
        });
        Bench { engine, ask, answer }
    }

    /// The engine works, and another thread can write every key. Leaves the store empty.
    fn check(&mut self) {
        let reply = self.surely("return redis.call('INCRBY',KEYS[1],ARGV[1])");
        assert_eq!(reply, Value::Integer(7), "the engine works on");
        self.ask.send(()).expect("the other thread lives");
        self.answer.recv_timeout(PATIENCE).expect("another thread can write every key");
    }

    /// Bytes that the Lua state of this thread holds after a collection.
    fn memory(&self) -> i64 {
        self.surely(MEMORY).convert().expect("a number")
    }

    /// The reply of a script that ends well, if the machine lets it run for the length of its time limit.
    fn surely(&self, script: &str) -> Value {
        for _ in 0..100 {
            match self.engine.eval(script, &["works"], &["7"]) {
                Ok(reply) => return reply,
                Err(error) => assert_eq!(error.to_string(), "BUSY Script exceeded time limit"),
            }
        }
        panic!("{script} does not end in its time");
    }
}

/// What a target does with an input. Panics if something is wrong.
trait Target {
    /// Makes an input.
    fn make(&mut self, rng: &mut Rng) -> Vec<Vec<u8>>;
    /// Uses it.
    fn take(&mut self, input: &[Vec<u8>]);
    /// Counts that tell whether a run reached anything, for its last line.
    fn figures(&self) -> String;
}

/// Resident bytes of the process; 0 where that cannot be told.
fn resident() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<i64>().ok()).unwrap_or(0) * 4096
}

/// Ends the process when an input takes for ever: no panic would get through.
struct Watchdog {
    /// The input that is being used, counted from 1, and 0 at the end.
    number: AtomicU64,
    input: Mutex<Vec<Vec<u8>>>,
}

impl Watchdog {
    fn start(name: &'static str, seed: u64) -> Arc<Watchdog> {
        let dog = Arc::new(Watchdog { number: AtomicU64::new(1), input: Mutex::default() });
        let watched = Arc::clone(&dog);
        std::thread::spawn(move || {
            let (mut last, mut since) = (0, Instant::now());
            loop {
                std::thread::sleep(Duration::from_millis(500));
                let now = watched.number.load(Ordering::Relaxed);
                match now {
                    0 => return,
                    now if now != last => (last, since) = (now, Instant::now()),
                    // Later than a lock that is left is told of.
                    now if since.elapsed() > 2 * PATIENCE => {
                        let input = watched.input.lock().unwrap().clone();
                        eprintln!("{name}: input {} of seed {seed} does not end: {}", now - 1, spell(&input));
                        std::process::abort();
                    }
                    _ => {}
                }
            }
        });
        dog
    }
}

fn spell(input: &[Vec<u8>]) -> String {
    let words: Vec<String> = input.iter().map(|word| format!("\"{}\"", word.escape_ascii())).collect();
    words.join(" ")
}

/// Runs a target for its time.
fn run(name: &'static str, target: &mut dyn Target) {
    let is_long = std::env::var_os("REDMOON_FUZZ_SECONDS").is_some();
    let duration = Duration::from_secs(number_from_env("REDMOON_FUZZ_SECONDS", 1));
    let seed = number_from_env("REDMOON_FUZZ_SEED", 0xF022);
    let first = number_from_env("REDMOON_FUZZ_FROM", 0);
    let file = std::env::var_os("REDMOON_FUZZ_FILE").map(|mut file| {
        file.push(name);
        file
    });
    println!("{name}: REDMOON_FUZZ_SEED={seed}");
    let dog = Watchdog::start(name, seed);
    let started = Instant::now();
    let (mut before, mut told, mut slowest) = (0, Duration::ZERO, Duration::ZERO);
    let mut number = first;
    while started.elapsed() < duration {
        let mut rng = Rng::new(mix(seed) ^ mix(number));
        let input = target.make(&mut rng);
        if let Some(file) = &file {
            std::fs::write(file, format!("{name} {seed} {number}: {}\n", spell(&input))).unwrap();
        }
        dog.input.lock().unwrap().clone_from(&input);
        dog.number.store(number + 1, Ordering::Relaxed);
        let began = Instant::now();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target.take(&input)));
        slowest = slowest.max(began.elapsed());
        if let Err(panic) = result {
            dog.number.store(0, Ordering::Relaxed);
            println!("{name}: input {number} of seed {seed} fails: {}", spell(&input));
            std::panic::resume_unwind(panic);
        }
        number += 1;
        // What is kept on purpose is there by then.
        if before == 0 && (started.elapsed() > duration / 10) {
            before = resident();
        }
        if is_long && started.elapsed() - told > Duration::from_secs(60) {
            told = started.elapsed();
            println!(
                "{name}: {number} inputs, {} s, {} MiB, {}",
                told.as_secs(),
                resident() >> 20,
                target.figures()
            );
        }
    }
    dog.number.store(0, Ordering::Relaxed);
    let growth = resident() - before;
    println!(
        "{name}: seed {seed}, {} inputs in {:.0} s, the slowest {} ms; the process grew by {} KiB; {}",
        number - first,
        started.elapsed().as_secs_f64(),
        slowest.as_millis(),
        growth >> 10,
        target.figures()
    );
    assert!(number > first);
    assert!(!is_long || growth < GROWTH, "the process grew by {} MiB", growth >> 20);
}

/// Shows an input in a message of its own.
fn told(input: &[Vec<u8>]) -> String {
    input.iter().map(|word| show(word)).collect::<Vec<_>>().join(" | ")
}
