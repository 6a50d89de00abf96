//! How fast are typed GET and SET on a million keys, against the maps and caches that a Rust program would use
//! instead?
//!
//! ```sh
//! cargo bench --bench commands
//! ```
//!
//! The peers are dashmap (with the same hash function, foldhash; a GET clones the `Vec`), moka and quick_cache (sized
//! so that nothing is evicted). Keys are 16 bytes, values 10 and 100, in random order, so that every access misses the
//! processor's caches; a last table reads one hot key. The sides take turns; medians are printed, nothing is asserted.
//! As a landmark, one line gives GET on a real redis-server in pipelines of 100 over a Unix socket.
//!
//! `-- --keys N` takes another number of keys (a power of two of them just fills a hash table, a few more make it half
//! empty), `-- --only redmoon` or other names (`dashmap,redmoon`: in this order) leave the others out, `-- --quick` does a twentieth of the work.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot run must stop")]
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

mod common;
#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use common::{Arguments, ROUNDS, Table, machine, median, nanos, per_operation, time, times};
use dashmap::DashMap;
use redmoon::Store;
use support::{Oracle, Rng, client, rng::mix};

const KEY_LENGTH: usize = 16;
const PIPELINE: usize = 100;

type Key = [u8; KEY_LENGTH];

/// A store of byte strings. GET hands out an owned value and returns its length, so that nothing is left out.
trait Peer: Sync {
    fn get(&self, key: &Key) -> Option<usize>;
    fn set(&self, key: &Key, value: &[u8]);
}

impl Peer for Store {
    fn get(&self, key: &Key) -> Option<usize> {
        let value = black_box(Store::get(self, key).expect("GET"));
        value.map(|value| value.len())
    }
    fn set(&self, key: &Key, value: &[u8]) {
        Store::set(self, key, value).expect("SET");
    }
}

type Dash = DashMap<Vec<u8>, Vec<u8>, foldhash::fast::RandomState>;

impl Peer for Dash {
    fn get(&self, key: &Key) -> Option<usize> {
        let value = black_box(DashMap::get(self, key.as_slice()).map(|value| value.clone()));
        value.map(|value| value.len())
    }
    fn set(&self, key: &Key, value: &[u8]) {
        self.insert(key.to_vec(), value.to_vec());
    }
}

type Moka = moka::sync::Cache<Vec<u8>, Vec<u8>, foldhash::fast::RandomState>;

impl Peer for Moka {
    fn get(&self, key: &Key) -> Option<usize> {
        let value = black_box(moka::sync::Cache::get(self, key.as_slice()));
        value.map(|value| value.len())
    }
    fn set(&self, key: &Key, value: &[u8]) {
        self.insert(key.to_vec(), value.to_vec());
    }
}

type Quick = quick_cache::sync::Cache<
    Vec<u8>,
    Vec<u8>,
    quick_cache::UnitWeighter,
    foldhash::fast::RandomState,
    quick_cache::sync::DefaultLifecycle<Vec<u8>, Vec<u8>>,
>;

impl Peer for Quick {
    fn get(&self, key: &Key) -> Option<usize> {
        let value = black_box(quick_cache::sync::Cache::get(self, key.as_slice()));
        value.map(|value| value.len())
    }
    fn set(&self, key: &Key, value: &[u8]) {
        self.insert(key.to_vec(), value.to_vec());
    }
}

const NAMES: [&str; 4] = ["redmoon", "dashmap", "moka", "quick_cache"];

/// A fresh, empty peer that keeps all of `keys` keys.
fn peer(name: &str, keys: usize) -> Box<dyn Peer> {
    let hasher = foldhash::fast::RandomState::default;
    match name {
        "redmoon" => Box::new(Store::new()),
        "dashmap" => Box::new(Dash::with_hasher(hasher())),
        "moka" => {
            let builder = moka::sync::CacheBuilder::new(2 * keys as u64 + 1000);
            let cache: Moka = builder.build_with_hasher(hasher());
            Box::new(cache)
        }
        "quick_cache" => Box::new(Quick::with(
            2 * keys + 1000,
            2 * keys as u64 + 1000,
            quick_cache::UnitWeighter,
            hasher(),
            quick_cache::sync::DefaultLifecycle::default(),
        )),
        _ => unreachable!("a name of NAMES"),
    }
}

fn main() {
    let arguments = Arguments::read();
    let keys = arguments.number("--keys", arguments.scaled(1_000_000));
    let names: Vec<&str> = match arguments.value("--only") {
        Some(only) => {
            only.split(',').filter_map(|only| NAMES.into_iter().find(|name| *name == only)).collect()
        }
        None => NAMES.to_vec(),
    };
    println!("commands: {}", machine());
    println!("{keys} keys of {KEY_LENGTH} bytes in random order, {ROUNDS} rounds in turns, medians");
    for length in [10, 100] {
        by_size(&names, keys, length);
    }
    hot_key(&names, arguments.scaled(10_000_000));
    if arguments.value("--only").is_none() {
        redis_for_comparison(&arguments, keys);
    }
}

/// 16 characters, different for each number.
fn key(number: usize) -> Key {
    let mut key = [0; KEY_LENGTH];
    key.copy_from_slice(format!("{:016x}", mix(number as u64)).as_bytes());
    key
}

/// The keys `from..to` in an order that no prefetcher guesses.
fn shuffled(from: usize, to: usize, seed: u64) -> Vec<Key> {
    let mut keys: Vec<Key> = (from..to).map(key).collect();
    Rng::new(seed).shuffle(&mut keys);
    keys
}

fn by_size(names: &[&str], keys: usize, length: usize) {
    let value = vec![b'v'; length];
    let peers: Vec<Box<dyn Peer>> = names.iter().map(|name| peer(name, keys)).collect();
    // Not the order in which the keys are set at first: a peer that allocates as it goes would lie in memory in that
    // order, and reading it so would be reading ahead.
    let inserted = shuffled(0, keys, 1);
    let all = shuffled(0, keys, 4);
    // Two threads: each its own half, so that no key is shared.
    let halves = [shuffled(0, keys / 2, 2), shuffled(keys / 2, keys, 3)];
    for peer in &peers {
        for key in &inserted {
            peer.set(key, &value);
        }
        let present = all.iter().filter(|key| peer.get(key).is_some()).count();
        assert_eq!(present, keys, "a peer lost keys; its figures would be those of misses");
    }

    // [peer][get one, get two, set one, set two]
    let mut results = vec![[const { Vec::new() }; 4]; peers.len()];
    for _ in 0..ROUNDS {
        for (peer, results) in peers.iter().zip(&mut results) {
            let get = |keys: &[Key]| {
                let found: usize = keys.iter().filter_map(|key| peer.get(key)).sum();
                assert_eq!(found, keys.len() * length);
            };
            let set = |keys: &[Key]| keys.iter().for_each(|key| peer.set(key, &value));
            results[0].push(per_operation(time(|| get(&all)), keys));
            results[1].push(per_operation(in_two_threads(&halves, get), keys));
            results[2].push(per_operation(time(|| set(&all)), keys));
            results[3].push(per_operation(in_two_threads(&halves, set), keys));
        }
    }

    let medians: Vec<[f64; 4]> = results.into_iter().map(|of| of.map(median)).collect();
    let redmoon = names.iter().position(|name| *name == NAMES[0]).map(|place| medians[place]);
    for (place, command) in [(0, "GET"), (2, "SET")] {
        let title =
            format!("{command}, values of {length} bytes: time for one, and how many times Redmoon's");
        let header = &["", "one thread", "ratio", "two threads", "ratio", "two threads scale"];
        let mut table = Table::new(title, header);
        for (name, medians) in names.iter().zip(&medians) {
            let (one, two) = (medians[place], medians[place + 1]);
            let [our_one, our_two] = redmoon.map_or([f64::NAN; 2], |ours| [ours[place], ours[place + 1]]);
            table.row([
                (*name).to_owned(),
                nanos(one),
                times(one / our_one),
                nanos(two),
                times(two / our_two),
                times(one / two),
            ]);
        }
        table.print();
    }
}

/// The time from the start of the first thread to the end of the last, by their own clocks: on a machine of two
/// cores a third thread that watches them would be woken late.
fn in_two_threads(halves: &[Vec<Key>; 2], work: impl Fn(&[Key]) + Sync) -> Duration {
    let ready = Barrier::new(2);
    let spans = std::thread::scope(|scope| {
        let threads = halves.each_ref().map(|half| {
            scope.spawn(|| {
                ready.wait();
                let started = Instant::now();
                work(half);
                (started, Instant::now())
            })
        });
        threads.map(|thread| thread.join().expect("a thread"))
    });
    let [(first, first_end), (second, second_end)] = spans;
    first_end.max(second_end) - first.min(second)
}

fn hot_key(names: &[&str], reads: usize) {
    let hot = key(0);
    let peers: Vec<Box<dyn Peer>> = names.iter().map(|name| peer(name, 1000)).collect();
    let mut table = Table::new("GET of one hot key, one thread", &["", "10 bytes", "100 bytes"]);
    let mut results = vec![[const { Vec::new() }; 2]; peers.len()];
    for (size, length) in [10, 100].into_iter().enumerate() {
        let value = vec![b'v'; length];
        peers.iter().for_each(|peer| peer.set(&hot, &value));
        for _ in 0..ROUNDS {
            for (peer, results) in peers.iter().zip(&mut results) {
                let read = || {
                    let found: usize = (0..reads).filter_map(|_| peer.get(black_box(&hot))).sum();
                    assert_eq!(found, reads * length);
                };
                results[size].push(per_operation(time(read), reads));
            }
        }
    }
    for (name, [small, large]) in names.iter().zip(results) {
        table.row([(*name).to_owned(), nanos(median(small)), nanos(median(large))]);
    }
    table.print();
}

fn redis_for_comparison(arguments: &Arguments, keys: usize) {
    let Some(oracle) = Oracle::start() else { return };
    let mut redis = oracle.connect();
    let order = shuffled(0, keys, 1);
    let batches = |command: fn(&Key) -> Vec<Vec<u8>>, count: usize| -> Vec<(Vec<u8>, usize)> {
        let encode = |batch: &[Key]| {
            let mut bytes = Vec::new();
            batch.iter().for_each(|key| client::encode(&command(key), &mut bytes));
            (bytes, batch.len())
        };
        order[..count].chunks(PIPELINE).map(encode).collect()
    };
    let sets = batches(|key| vec![b"SET".to_vec(), key.to_vec(), b"0123456789".to_vec()], keys);
    let gets = batches(|key| vec![b"GET".to_vec(), key.to_vec()], arguments.scaled(200_000).min(keys));
    let mut send = |batches: &[(Vec<u8>, usize)]| {
        for (bytes, count) in batches {
            redis.send_encoded(bytes);
            redis.discard_many(*count);
        }
    };
    send(&sets);
    let count = gets.iter().map(|(_, count)| count).sum();
    let rounds = (0..ROUNDS).map(|_| per_operation(time(|| send(&gets)), count)).collect();
    let version = oracle.version();
    println!(
        "\nGET on redis-server {version}, pipelines of {PIPELINE} on a Unix socket: {}",
        nanos(median(rounds))
    );
}
