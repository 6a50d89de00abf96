//! What do operations on large collections cost, and does the cost grow as each structure's head says?
//!
//! ```sh
//! cargo bench --bench collections
//! ```
//!
//! * (a) One call that does much, by name through `Store::execute`, its reply included, against the time that
//!   redis-server itself says it took for the same call (`usec_per_call` in `INFO commandstats`): no socket in it.
//! * (b) Operations that must not become slower with the size, or only as its logarithm: their time at three sizes.
//!
//! `-- --quick` takes a twentieth of the elements.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot run must stop")]

mod common;
#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use common::{Arguments, ROUNDS, Table, machine, median, nanos, per_operation, time, times};
use redmoon::Store;
use support::{Client, Oracle, Rng};

fn main() {
    let arguments = Arguments::read();
    println!("collections: {}", machine());
    large_calls(&arguments);
    growth(&arguments);
}

type Command = Vec<String>;

fn command(words: &[&str], more: impl IntoIterator<Item = String>) -> Command {
    words.iter().map(|&word| word.to_owned()).chain(more).collect()
}

/// The numbers below `count`, in an order that means nothing.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    Rng::new(seed).shuffle(&mut numbers);
    numbers
}

/// (a)
fn large_calls(arguments: &Arguments) {
    let (million, hundred) = (arguments.scaled(1_000_000), arguments.scaled(100_000));
    let store = Store::new();
    let oracle = Oracle::start();
    let mut redis = oracle.as_ref().map(Oracle::connect);
    let mut both = |command: &[String]| {
        store.execute(command).expect("a command");
        if let Some(redis) = &mut redis {
            redis.raw(command);
        }
    };
    for (name, seed) in [("set:a", 1), ("set:b", 2)] {
        let numbers = shuffled(hundred * 3 / 2, seed);
        for part in numbers[..hundred].chunks(1_000) {
            both(&command(&["SADD", name], part.iter().map(|number| format!("member:{number}"))));
        }
    }
    let numbers = shuffled(hundred, 3);
    for part in numbers.chunks(1_000) {
        both(&command(&["RPUSH", "numbers"], part.iter().map(usize::to_string)));
        both(&command(&["RPUSH", "words"], part.iter().map(|number| format!("word:{number}"))));
    }
    // Members in batches: one command may not have two million arguments everywhere.
    let scores = shuffled(million, 4);
    let zadd: Vec<Command> = scores
        .chunks(10_000)
        .map(|part| {
            let pairs = part
                .iter()
                .flat_map(|number| [number.to_string(), format!("member:{}", number * 7 % million)]);
            command(&["ZADD", "zset"], pairs)
        })
        .collect();
    let mut rng = Rng::new(5);
    let ranks = |rng: &mut Rng| -> Vec<Command> {
        (0..1_000).map(|_| command(&["ZRANK", "zset"], [format!("member:{}", rng.below(million))])).collect()
    };
    let ranges = |rng: &mut Rng| -> Vec<Command> {
        let from = |rng: &mut Rng| rng.below(million).to_string();
        let limit = ["+inf", "LIMIT", "0", "10"].map(str::to_owned);
        (0..1_000)
            .map(|_| command(&["ZRANGEBYSCORE", "zset"], [from(rng)].into_iter().chain(limit.clone())))
            .collect()
    };
    let cases: [(&str, &str, Vec<Command>); 6] = [
        ("ZADD of a million members", "zadd", zadd),
        ("ZRANK among a million", "zrank", ranks(&mut rng)),
        ("ZRANGEBYSCORE LIMIT 10 among a million", "zrangebyscore", ranges(&mut rng)),
        ("SINTER of two sets of 100,000", "sinter", vec![command(&["SINTER", "set:a", "set:b"], [])]),
        ("SORT of 100,000 numbers", "sort", vec![command(&["SORT", "numbers"], [])]),
        ("SORT ALPHA of 100,000 strings", "sort", vec![command(&["SORT", "words", "ALPHA"], [])]),
    ];
    let title = "(a) large calls: the time of one, against the server's own figure";
    let mut table = Table::new(title, &["call", "redis", "redmoon", "ratio", "target"]);
    for (name, word, commands) in cases {
        // Adding a million members is done once a round, on a key that is not there.
        let is_filling = word == "zadd";
        let per = if is_filling { 1 } else { commands.len() };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            if is_filling {
                store.execute(&["DEL", "zset"]).expect("DEL");
            }
            let elapsed = time(|| {
                for command in &commands {
                    black_box(store.execute(command).expect("a command"));
                }
            });
            ours.push(per_operation(elapsed, per));
            if let Some(redis) = &mut redis {
                if is_filling {
                    redis.raw(&["DEL", "zset"]);
                }
                redis.raw(&["CONFIG", "RESETSTAT"]);
                commands.iter().for_each(|command| drop(redis.raw(command)));
                theirs.push(own_time(redis, word) / per as f64);
            }
        }
        let (theirs, ours) = (median(theirs), median(ours));
        table.row([name.to_owned(), nanos(theirs), nanos(ours), times(theirs / ours), "1x".to_owned()]);
    }
    table.print();
}

/// Nanoseconds that the server says it spent in a command since its figures were reset.
fn own_time(redis: &mut Client, command: &str) -> f64 {
    let info = redis.raw(&["INFO", "commandstats"]);
    let info = String::from_utf8_lossy(&info).into_owned();
    let line = info.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:"))).expect("its line");
    let field = line.split([':', ',']).find_map(|field| field.strip_prefix("usec=")).expect("usec");
    field.parse::<f64>().expect("a number") * 1000.0
}

/// (b)
fn growth(arguments: &Arguments) {
    let sizes = [1_000, 30_000, 1_000_000].map(|size| arguments.scaled(size));
    let title = "(b) time of one operation at three sizes";
    let header: Vec<String> = sizes.iter().map(|size| format!("{size} elements")).collect();
    let header: Vec<&str> =
        ["operation", "cost"].into_iter().chain(header.iter().map(String::as_str)).collect();
    let mut table = Table::new(title, &header);
    let stores = sizes.map(filled);
    for (name, cost, words) in GROWTH {
        let mut cells = vec![(*name).to_owned(), (*cost).to_owned()];
        for (store, size) in stores.iter().zip(sizes) {
            let mut rng = Rng::new(6);
            let commands: Vec<Command> = (0..1_000)
                .map(|_| {
                    let number = rng.below(size).to_string();
                    words.iter().map(|word| word.replace('#', &number)).collect()
                })
                .collect();
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                let elapsed = time(|| {
                    for command in &commands {
                        black_box(store.execute(command).expect("a command"));
                    }
                });
                rounds.push(per_operation(elapsed, commands.len()));
            }
            cells.push(nanos(median(rounds)));
        }
        table.row(cells);
    }
    table.print();
}

/// `#` stands for a number below the size.
const GROWTH: &[(&str, &str, &[&str])] = &[
    ("ZRANK", "log n", &["ZRANK", "zset", "member:#"]),
    ("ZRANGE of 10", "log n", &["ZRANGEBYSCORE", "zset", "#", "inf", "LIMIT", "0", "10"]),
    ("ZRANGE by rank", "log n", &["ZRANGE", "zset", "#", "#"]),
    ("ZADD", "log n", &["ZADD", "zset", "#", "member:#"]),
    ("LINDEX", "n / node", &["LINDEX", "list", "#"]),
    ("LINDEX 0", "1", &["LINDEX", "list", "0"]),
    ("LMOVE to the other end", "1", &["LMOVE", "list", "list", "LEFT", "RIGHT"]),
    ("SRANDMEMBER", "1", &["SRANDMEMBER", "set"]),
    ("SPOP", "1", &["SPOP", "set"]),
    ("SADD", "1", &["SADD", "set", "member:#"]),
    ("HRANDFIELD", "1", &["HRANDFIELD", "hash"]),
    ("HGET", "1", &["HGET", "hash", "field:#"]),
];

fn filled(size: usize) -> Store {
    let store = Store::new();
    let run = |command: Command| drop(store.execute(&command).expect("a command"));
    for part in shuffled(size, 7).chunks(1_000) {
        let members = || part.iter().map(|number| format!("member:{number}"));
        run(command(&["SADD", "set"], members()));
        run(command(&["RPUSH", "list"], members()));
        run(command(
            &["ZADD", "zset"],
            part.iter().flat_map(|number| [number.to_string(), format!("member:{number}")]),
        ));
        run(command(
            &["HSET", "hash"],
            part.iter().flat_map(|number| [format!("field:{number}"), number.to_string()]),
        ));
    }
    store
}
