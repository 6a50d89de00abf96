//! How fast are `cjson` and `cmsgpack` here, against the same scripts on a real redis-server?
//!
//! ```sh
//! cargo bench --bench libraries
//! ```
//!
//! A document of some 10 kB as applications have them (an array of small objects with numbers, texts, a list and a
//! boolean each) is encoded, decoded, packed and unpacked in a script's loop, and so are a document of numbers and
//! one of texts. The bench starts its own redis-server (its own process, on a Unix socket, saving nothing) and lets
//! both sides take turns; an empty loop is timed on both sides and taken off. It prints medians and ratios and
//! asserts nothing. `-- --quick` does a twentieth of the work, to see that the bench runs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot run must stop")]

mod common;
#[path = "../tests/support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::hint::black_box;

use common::{Arguments, ROUNDS, Table, in_turns, machine, nanos, per_operation, time, times};
use redmoon::{Engine, Store};
use support::{Oracle, Rng};

/// What a turn of the loop does; `d` is the value, `j` its JSON and `m` its MessagePack.
const WORK: &[(&str, &str)] = &[
    ("encode", "cjson.encode(d)"),
    ("decode", "cjson.decode(j)"),
    ("pack", "cmsgpack.pack(d)"),
    ("unpack", "cmsgpack.unpack(m)"),
];

fn main() {
    let arguments = Arguments::read();
    println!("libraries: {}", machine());
    let oracle = Oracle::start_with(&["--lua-time-limit", "600000"]);
    if let Some(oracle) = &oracle {
        println!(
            "against redis-server {} on a Unix socket, {ROUNDS} rounds in turns, medians",
            oracle.version()
        );
    }
    let mut redis = oracle.as_ref().map(Oracle::connect);
    let engine = Engine::builder(Store::new()).time_limit(Some(std::time::Duration::from_secs(600))).build();
    let turns = arguments.scaled(2_000);
    let title = format!("a script's loop of {turns} turns: time a turn, the empty loop taken off");
    let mut table =
        Table::new(title, &["document", "bytes", "function", "redis", "redmoon", "ratio", "target"]);
    for (name, document) in [("objects", objects()), ("numbers", numbers()), ("texts", texts())] {
        for (function, work) in WORK {
            let mut both = |work: &str| {
                let script = format!(
                    "local j=ARGV[2] local d=cjson.decode(j) local m=cmsgpack.pack(d) \
                     for i=1,tonumber(ARGV[1]) do {work} end"
                );
                let count = turns.to_string();
                let redis = RefCell::new(redis.as_mut());
                let theirs = &mut || {
                    let mut redis = redis.borrow_mut();
                    let Some(redis) = redis.as_mut() else { return f64::NAN };
                    let elapsed = time(|| {
                        let reply = redis.raw(&["EVAL", &script, "0", &count, &document]);
                        assert!(!reply.starts_with(b"-"), "{}", reply.escape_ascii());
                    });
                    per_operation(elapsed, turns)
                };
                let ours = &mut || {
                    let args = [&count, &document];
                    let none: &[&str] = &[];
                    let elapsed = time(|| drop(black_box(engine.eval(&script, none, &args).expect("EVAL"))));
                    per_operation(elapsed, turns)
                };
                let medians = in_turns(ROUNDS, &mut [theirs, ours]);
                (medians[0], medians[1])
            };
            let (their_loop, our_loop) = both("");
            let (theirs, ours) = both(work);
            let (theirs, ours) = (theirs - their_loop, ours - our_loop);
            table.row([
                name.to_owned(),
                document.len().to_string(),
                (*function).to_owned(),
                nanos(theirs),
                nanos(ours),
                times(theirs / ours),
                "1x".to_owned(),
            ]);
        }
    }
    table.print();
}

/// Orders of a shop.
fn objects() -> String {
    let mut text = "[".to_owned();
    for number in 0..64 {
        let comma = if number > 0 { "," } else { "" };
        let _ = write!(
            text,
            "{comma}{{\"id\":{},\"name\":\"customer {number}\",\"email\":\"someone.{number}@example.com\",\
             \"total\":{}.{:02},\"paid\":{},\"items\":[{number},{},{}],\"note\":\"two lines\\nof text\"}}",
            number * 7919 % 100_000,
            number * 31 % 900,
            number * 17 % 100,
            number % 3 == 0,
            number + 1,
            number * 2
        );
    }
    text + "]"
}

/// Half of them integers.
fn numbers() -> String {
    let numbers: Vec<String> =
        (0..1_300)
            .map(|number| {
                if number % 2 == 0 {
                    (number * 7919).to_string()
                } else {
                    format!("{}.25", number * 31 % 1000)
                }
            })
            .collect();
    format!("[{}]", numbers.join(","))
}

/// Words in an order that has no pattern.
fn texts() -> String {
    const WORDS: &[&str] =
        &["moon", "red", "shard", "quick", "brown", "fox", "lazy", "dog", "\\u00e9t\\u00e9", "on"];
    let mut rng = Rng::new(0x5EED_7E87);
    let mut text = || {
        let words: Vec<&str> = (0..17).map(|_| rng.pick(WORDS)).collect();
        format!("\"{}\"", words.join(" "))
    };
    let texts: Vec<String> = (0..100).map(|_| text()).collect();
    format!("[{}]", texts.join(","))
}
