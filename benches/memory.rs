//! How many bytes does a key take, against Redis's own figure?
//!
//! ```sh
//! cargo bench --bench memory
//! ```
//!
//! A million keys of 16 bytes, with values of 10 and 100 bytes, with and without a time to live; 100,000 small
//! collections of each type; and one collection of a million elements of each type.
//!
//! What is counted. On the Redmoon side a counting allocator adds, for every block that is alive, what the C library
//! really set aside: `malloc_usable_size` and the 8 bytes of its header, so rounding is paid for. On the Redis side it is
//! the growth of `used_memory` in `INFO memory`, which counts `malloc_usable_size` of jemalloc, whose blocks have no
//! header. Both leave out what the allocator holds back for later. The figures do not depend on time, so there are no
//! rounds: each cell is measured once, on a fresh store and a fresh server.
//!
//! A million is an unlucky number for a hash table that doubles at seven eighths: `-- --keys N` takes others, several
//! with commas between them (`--keys 900_000,1_000_000,1_800_000`); `--quick` takes a twentieth.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot run must stop")]
#![allow(
    unsafe_code,
    reason = "a global allocator is unsafe to implement; this one only counts what it passes on"
)]

mod common;
#[path = "../tests/support/mod.rs"]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Arguments, Table, machine, times};
use redmoon::{SetOptions, Store};
use support::{Client, Oracle, client, rng::mix};

/// Passes everything on to the system's allocator and keeps the sum of what is alive.
struct Counting;

static ALIVE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[cfg(target_os = "linux")]
unsafe extern "C" {
    fn malloc_usable_size(block: *mut std::ffi::c_void) -> usize;
}

/// What the C library set aside for a block: the usable part and a header of one word.
#[cfg(target_os = "linux")]
unsafe fn size(block: *mut u8, _: Layout) -> usize {
    // SAFETY: the caller passes a block that `System` handed out and that is alive; on Linux `System` is `malloc`.
    unsafe { malloc_usable_size(block.cast()) + size_of::<usize>() }
}

/// Elsewhere only what was asked for is known.
#[cfg(not(target_os = "linux"))]
unsafe fn size(_: *mut u8, layout: Layout) -> usize {
    layout.size()
}

// SAFETY: every call goes to `System` with the same arguments, and its result is returned unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises; the block is alive when its size is asked for.
        unsafe {
            let block = System.alloc(layout);
            if !block.is_null() {
                ALIVE.fetch_add(size(block, layout), Ordering::Relaxed);
            }
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises; the block is still alive when its size is asked for.
        unsafe {
            ALIVE.fetch_sub(size(block, layout), Ordering::Relaxed);
            System.dealloc(block, layout);
        }
    }

    // `realloc` and `alloc_zeroed` have to be passed on as well: their defaults would copy and touch every page.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as the caller promises; the size of the old block is read before it may go, that of the new one
        // after it exists.
        unsafe {
            let before = size(block, layout);
            let moved = System.realloc(block, layout, new_size);
            if !moved.is_null() {
                ALIVE.fetch_sub(before, Ordering::Relaxed);
                let layout = Layout::from_size_align_unchecked(new_size, layout.align());
                ALIVE.fetch_add(size(moved, layout), Ordering::Relaxed);
            }
            moved
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe {
            let block = System.alloc_zeroed(layout);
            if !block.is_null() {
                ALIVE.fetch_add(size(block, layout), Ordering::Relaxed);
            }
            block
        }
    }
}

/// Longer than the bench runs.
const LIFETIME_MILLIS: i64 = 100_000_000;
const BATCH: usize = 1000;

fn main() {
    let arguments = Arguments::read();
    println!("memory: {}", machine());
    let counts: Vec<usize> = match arguments.value("--keys") {
        Some(list) => {
            list.split(',').map(|count| count.replace('_', "").parse().expect("a number")).collect()
        }
        None => vec![arguments.scaled(1_000_000)],
    };
    for keys in counts {
        let title = format!("bytes a key, {keys} keys of 16 bytes");
        let mut table = Table::new(title, &["value", "redis", "redmoon", "redmoon / redis"]);
        for (length, expires) in [(10, false), (10, true), (100, false), (100, true)] {
            let theirs = redis(keys, length, expires);
            let ours = redmoon(keys, length, expires);
            let name = format!("{length} bytes{}", if expires { ", with a time to live" } else { "" });
            let redis = theirs.map_or("-".to_owned(), |theirs| format!("{theirs:.1}"));
            let ratio = times(ours / theirs.unwrap_or(f64::NAN));
            table.row([name, redis, format!("{ours:.1}"), ratio]);
        }
        table.print();
    }
    small_collections(arguments.scaled(100_000));
    large_collections(arguments.scaled(1_000_000));
}

/// The commands that make a collection of `elements` elements, no more than a batch in each.
type Fill = fn(key: &str, elements: std::ops::Range<usize>) -> Vec<String>;

const TYPES: [(&str, usize, Fill); 4] = [
    ("hash", 5, |key, elements| {
        let pairs = elements.flat_map(|number| [format!("field:{number}"), format!("value:{number}")]);
        ["HSET".to_owned(), key.to_owned()].into_iter().chain(pairs).collect()
    }),
    ("set of integers", 10, |key, elements| {
        let members = elements.map(|number| (number * 3).to_string());
        ["SADD".to_owned(), key.to_owned()].into_iter().chain(members).collect()
    }),
    ("sorted set", 10, |key, elements| {
        let members = elements.flat_map(|number| [number.to_string(), format!("member:{number}")]);
        ["ZADD".to_owned(), key.to_owned()].into_iter().chain(members).collect()
    }),
    ("list", 10, |key, elements| {
        let elements = elements.map(|number| format!("element:{number}"));
        ["RPUSH".to_owned(), key.to_owned()].into_iter().chain(elements).collect()
    }),
];

/// Bytes that commands make the store grow by, and Redis.
fn grown_by(commands: impl Fn() -> Box<dyn Iterator<Item = Vec<String>>>) -> (Option<f64>, f64) {
    let store = Store::new();
    store.execute(&["SADD", "first", "x"]).expect("SADD");
    let before = ALIVE.load(Ordering::Relaxed);
    for command in commands() {
        store.execute(&command).expect("a command");
    }
    let ours = ALIVE.load(Ordering::Relaxed) - before;
    let theirs = Oracle::start().map(|oracle| {
        let mut redis = oracle.connect();
        redis.raw(&["SADD", "first", "x"]);
        let before = used_memory(&mut redis);
        for command in commands() {
            redis.raw(&command);
        }
        (used_memory(&mut redis) - before) as f64
    });
    (theirs, ours as f64)
}

fn small_collections(keys: usize) {
    let title = format!("bytes a key, {keys} keys of 16 bytes");
    let mut table = Table::new(title, &["value", "redis", "redmoon", "redmoon / redis"]);
    for (name, elements, fill) in TYPES {
        let (theirs, ours) =
            grown_by(move || Box::new((0..keys).map(move |number| fill(&key(number), 0..elements))));
        let per_key = |bytes: f64| format!("{:.1}", bytes / keys as f64);
        let redis = theirs.map_or("-".to_owned(), per_key);
        let ratio = times(ours / theirs.unwrap_or(f64::NAN));
        table.row([format!("{name} of {elements}"), redis, per_key(ours), ratio]);
    }
    table.print();
}

fn large_collections(elements: usize) {
    let title = format!("bytes an element, one collection of {elements} elements");
    let mut table = Table::new(title, &["value", "redis", "redmoon", "redmoon / redis"]);
    let strings: Fill = |key, elements| {
        let members = elements.map(|number| format!("member:{number}"));
        ["SADD".to_owned(), key.to_owned()].into_iter().chain(members).collect()
    };
    let types = TYPES.iter().map(|&(name, _, fill)| (name, fill)).chain([("set of strings", strings)]);
    for (name, fill) in types {
        let (theirs, ours) = grown_by(move || {
            let firsts = (0..elements).step_by(BATCH);
            Box::new(firsts.map(move |first| fill("large", first..elements.min(first + BATCH))))
        });
        let each = |bytes: f64| format!("{:.1}", bytes / elements as f64);
        let redis = theirs.map_or("-".to_owned(), each);
        table.row([name.to_owned(), redis, each(ours), times(ours / theirs.unwrap_or(f64::NAN))]);
    }
    table.print();
}

fn key(number: usize) -> String {
    format!("{:016x}", mix(number as u64))
}

/// Text that is no number, which both sides would store in less.
fn value(length: usize) -> Vec<u8> {
    vec![b'v'; length]
}

fn redmoon(keys: usize, length: usize, expires: bool) -> f64 {
    let value = value(length);
    let store = Store::new();
    // What the store keeps once, such as its table of commands, belongs to no key.
    store.set("first", &value).expect("SET");
    let before = ALIVE.load(Ordering::Relaxed);
    for number in 0..keys {
        if expires {
            let options = SetOptions::new().px(LIFETIME_MILLIS);
            store.set_with(key(number), &value, options).expect("SET");
        } else {
            store.set(key(number), &value).expect("SET");
        }
    }
    let grown = ALIVE.load(Ordering::Relaxed) - before;
    assert_eq!(store.dbsize().expect("DBSIZE"), keys + 1);
    grown as f64 / keys as f64
}

fn redis(keys: usize, length: usize, expires: bool) -> Option<f64> {
    let oracle = Oracle::start()?;
    let mut redis = oracle.connect();
    let (value, lifetime) = (value(length), LIFETIME_MILLIS.to_string());
    redis.raw(&[b"SET", "first".as_bytes(), &value]);
    let before = used_memory(&mut redis);
    let mut batch = Vec::new();
    for first in (0..keys).step_by(BATCH) {
        batch.clear();
        let last = keys.min(first + BATCH);
        for number in first..last {
            let key = key(number);
            let mut set = vec![b"SET", key.as_bytes(), &value];
            if expires {
                set.extend([b"PX", lifetime.as_bytes()]);
            }
            client::encode(&set, &mut batch);
        }
        redis.send_encoded(&batch);
        redis.discard_many(last - first);
    }
    let grown = used_memory(&mut redis) - before;
    Some(grown as f64 / keys as f64)
}

fn used_memory(redis: &mut Client) -> u64 {
    let info = redis.raw(&["INFO", "memory"]);
    let info = String::from_utf8_lossy(&info).into_owned();
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("used_memory");
    line.trim().parse().expect("a number")
}
