//! How fast are scripts here, against the same scripts on a real redis-server?
//!
//! ```sh
//! cargo bench --bench scripting
//! ```
//!
//! The bench starts its own redis-server (its own process, on a Unix socket, saving nothing) and lets both sides
//! take turns. It prints medians and ratios and asserts nothing.
//!
//! * (a) `redis.call` in a script loop of a million calls. An empty loop is timed on both sides and taken off, so
//!   that the figure is the price of one call. Redis pays the trip over its socket once for the million.
//!   Calls that read keep their reply (`local v = redis.call(…)`), and so does SET in a row of its own: the reply of a
//!   call that stands as a statement is never made here.
//!   GET, HGET and RPOP answer the same ten bytes at every turn, which the bridge keeps as a Lua string; for replies
//!   that differ each time add some 15 ns a call.
//! * (b) One cached script called from Rust, against EVALSHA in pipelines of 100 and in sequential round trips.
//! * (c) Two threads that run scripts on different declared keys, against one thread.
//!
//! `-- --quick` does a twentieth of the work, to see that the bench runs.
//!
//! # Counting instructions
//!
//! Where a machine is too noisy for times, callgrind counts instructions. `--only redmoon:WORKLOAD:N` runs one
//! workload N times on the Redmoon side alone, without a server. The workloads are `empty` and those of `LOOPS` (N is
//! the number of turns of one script's loop), and `return1`, `get1` (N is the number of `eval_sha` calls).
//! Two runs with different N cancel the start-up: (I(200000) − I(100000)) / 100000 is the price of one.
//!
//! ```sh
//! cargo bench --bench scripting --no-run     # prints the path of the executable
//! valgrind --tool=callgrind target/release/deps/scripting-… --only redmoon:get:100000
//! valgrind --tool=callgrind target/release/deps/scripting-… --only redmoon:get:200000
//! ```
//!
//! For Redis the server runs under callgrind, and the same scripts are sent to it; the difference of two runs with
//! different N is again the price of one call:
//!
//! ```sh
//! valgrind --tool=callgrind redis-server --port 0 --unixsocket /tmp/redis.sock --save '' --lua-time-limit 600000
//! redis-cli -s /tmp/redis.sock SET bench:key 0123456789
//! redis-cli -s /tmp/redis.sock EVAL "local n=tonumber(ARGV[1]) for i=1,n do redis.call('GET',KEYS[1]) end" 1 bench:key 100000
//! redis-cli -s /tmp/redis.sock SHUTDOWN NOSAVE
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot run must stop")]

mod common;
#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use common::{Arguments, ROUNDS, Table, in_turns, machine, nanos, per_operation, time, times};
use redmoon::{Engine, Store};
use support::{Client, Oracle, client};

const KEY: &str = "bench:key";
const NUMBER: &str = "bench:number";
const HASH: &str = "bench:hash";
const LARGE_HASH: &str = "bench:hash:50";
const LIST: &str = "bench:list";
const QUEUE: &str = "bench:queue";
const ZSET: &str = "bench:zset";
const FIELDS: usize = 50;
const ELEMENTS: usize = 100;
const MEMBERS: usize = 10_000;
const VALUE: &str = "0123456789";
const NO_ARGS: &[&str] = &[];

/// One kind of call in a loop, or a pair of calls.
struct Loop {
    name: &'static str,
    key: &'static str,
    script: &'static str,
    /// One of how many turns is taken, where a turn takes long.
    one_in: usize,
    /// How many times as fast as Redis it has to be.
    target: f64,
}

const EMPTY_LOOP: &str = "local n=tonumber(ARGV[1]) for i=1,n do end";

const LOOPS: &[Loop] = &[
    Loop {
        name: "get",
        key: KEY,
        script: "local n=tonumber(ARGV[1]) for i=1,n do local v=redis.call('GET',KEYS[1]) end",
        one_in: 1,
        target: 3.0,
    },
    Loop {
        name: "set",
        key: KEY,
        script: "local n=tonumber(ARGV[1]) for i=1,n do redis.call('SET',KEYS[1],ARGV[2]) end",
        one_in: 1,
        target: 2.5,
    },
    Loop {
        name: "set, used",
        key: KEY,
        script: "local n=tonumber(ARGV[1]) for i=1,n do local v=redis.call('SET',KEYS[1],ARGV[2]) end",
        one_in: 1,
        target: 2.5,
    },
    Loop {
        name: "incr",
        key: NUMBER,
        script: "local n=tonumber(ARGV[1]) for i=1,n do local v=redis.call('INCR',KEYS[1]) end",
        one_in: 1,
        target: 4.0,
    },
    Loop {
        name: "hset",
        key: HASH,
        script: "local n=tonumber(ARGV[1]) for i=1,n do redis.call('HSET',KEYS[1],'field:3',ARGV[2]) end",
        one_in: 1,
        target: 4.0,
    },
    Loop {
        name: "hget",
        key: HASH,
        script: "local n=tonumber(ARGV[1]) for i=1,n do local v=redis.call('HGET',KEYS[1],'field:3') end",
        one_in: 1,
        target: 3.0,
    },
    Loop {
        name: "lpush+rpop",
        key: QUEUE,
        script: "local n=tonumber(ARGV[1]) \
                 for i=1,n do redis.call('LPUSH',KEYS[1],ARGV[2]) local v=redis.call('RPOP',KEYS[1]) end",
        one_in: 1,
        target: 4.0,
    },
    Loop {
        name: "zadd+zscore",
        key: ZSET,
        script: "local n=tonumber(ARGV[1]) for i=1,n do redis.call('ZADD',KEYS[1],i%1000,'member:5000') \
                 local v=redis.call('ZSCORE',KEYS[1],'member:5000') end",
        one_in: 2,
        target: 3.0,
    },
    Loop {
        name: "lrange 100",
        key: LIST,
        script: "local n=tonumber(ARGV[1]) for i=1,n do local v=redis.call('LRANGE',KEYS[1],0,99) end",
        one_in: 20,
        target: 2.5,
    },
    Loop {
        name: "hgetall 50",
        key: LARGE_HASH,
        script: "local n=tonumber(ARGV[1]) for i=1,n do local v=redis.call('HGETALL',KEYS[1]) end",
        one_in: 20,
        target: 2.5,
    },
];

/// Small scripts that a program calls often.
const SMALL: &[(&str, &str)] = &[("return1", "return 1"), ("get1", "return redis.call('GET',KEYS[1])")];
const SMALL_TARGET: f64 = 10.0;
const PIPELINE: usize = 100;

fn main() {
    let arguments = Arguments::read();
    if let Some(only) = arguments.value("--only") {
        return run_only(only);
    }
    println!("scripting: {}", machine());
    let oracle = Oracle::start_with(&["--lua-time-limit", "600000"]);
    if let Some(oracle) = &oracle {
        println!(
            "against redis-server {} on a Unix socket, {ROUNDS} rounds in turns, medians",
            oracle.version()
        );
    }
    let mut redis = oracle.as_ref().map(Oracle::connect);
    let engine = engine();
    if let Some(redis) = &mut redis {
        prepare(|args| drop(redis.raw(args)));
    }
    call_in_a_loop(&arguments, redis.as_mut(), &engine);
    small_scripts(&arguments, redis.as_mut(), &engine);
    two_threads(&arguments);
}

/// An engine as a program gets it by default, except that a slow machine's long loop is not stopped.
fn engine() -> Engine {
    let engine = Engine::builder(Store::new()).time_limit(Some(std::time::Duration::from_secs(600))).build();
    prepare(|args| drop(engine.store().execute(args).expect("a command")));
    engine
}

fn prepare(mut run: impl FnMut(&[&str])) {
    run(&["SET", KEY, VALUE]);
    run(&["SET", NUMBER, "0"]);
    for field in 0..FIELDS {
        run(&["HSET", LARGE_HASH, &format!("field:{field}"), VALUE]);
    }
    for field in 0..5 {
        run(&["HSET", HASH, &format!("field:{field}"), VALUE]);
    }
    for element in 0..ELEMENTS {
        run(&["RPUSH", LIST, &format!("element:{element}")]);
    }
    for _ in 0..10 {
        run(&["RPUSH", QUEUE, VALUE]);
    }
    for member in 0..MEMBERS {
        run(&["ZADD", ZSET, &member.to_string(), &format!("member:{member}")]);
    }
}

/// (a)
fn call_in_a_loop(arguments: &Arguments, mut redis: Option<&mut Client>, engine: &Engine) {
    let calls = arguments.scaled(1_000_000);
    let title =
        format!("(a) redis.call in a script loop of {calls} calls: ns a call, the empty loop taken off");
    let mut table = Table::new(title, &["call", "redis", "redmoon", "ratio", "target"]);
    let ours = |script: &str, key: &str, calls: usize| {
        let args = [&calls.to_string(), VALUE];
        let elapsed = time(|| drop(black_box(engine.eval(script, &[key], &args).expect("EVAL"))));
        per_operation(elapsed, calls)
    };
    let mut theirs = |script: &str, key: &str, calls: usize| {
        let Some(redis) = redis.as_mut() else { return f64::NAN };
        let count = calls.to_string();
        let elapsed = time(|| {
            let reply = redis.raw(&["EVAL", script, "1", key, &count, VALUE]);
            assert!(!reply.starts_with(b"-"), "{}", reply.escape_ascii());
        });
        per_operation(elapsed, calls)
    };
    let mut both = |script: &str, key: &str, calls: usize| {
        let sides: &mut [&mut dyn FnMut() -> f64] =
            &mut [&mut || theirs(script, key, calls), &mut || ours(script, key, calls)];
        let medians = in_turns(ROUNDS, sides);
        (medians[0], medians[1])
    };
    let (their_loop, our_loop) = both(EMPTY_LOOP, KEY, calls);
    for Loop { name, key, script, one_in, target } in LOOPS {
        let (theirs, ours) = both(script, key, calls / one_in);
        let (theirs, ours) = (theirs - their_loop, ours - our_loop);
        let ratio = times(theirs / ours);
        table.row([name.to_uppercase(), nanos(theirs), nanos(ours), ratio, format!("{target}x")]);
    }
    table.row(["(empty loop)".to_owned(), nanos(their_loop), nanos(our_loop)]);
    table.print();
}

/// (b)
fn small_scripts(arguments: &Arguments, mut redis: Option<&mut Client>, engine: &Engine) {
    let (many, pipelines, trips) =
        (arguments.scaled(500_000), arguments.scaled(400), arguments.scaled(10_000));
    let title =
        format!("(b) one cached script called from Rust, against EVALSHA in pipelines of {PIPELINE}: a call");
    let header = &[
        "script",
        "redis, a trip each",
        "redis, pipelined",
        "eval_sha",
        "ratio",
        "Script",
        "ratio",
        "target",
    ];
    let mut table = Table::new(title, header);
    for (_, source) in SMALL {
        let sha = engine.script_load(source).expect("SCRIPT LOAD");
        let script = engine.script(*source);
        let call = ["EVALSHA", &sha, "1", KEY];
        let mut pipeline = Vec::new();
        for _ in 0..PIPELINE {
            client::encode(&call, &mut pipeline);
        }
        if let Some(redis) = &mut redis {
            redis.raw(&["SCRIPT", "LOAD", source]);
        }
        let redis = std::cell::RefCell::new(redis.as_mut());
        let medians = in_turns(
            ROUNDS,
            &mut [
                &mut || {
                    let mut redis = redis.borrow_mut();
                    let Some(redis) = redis.as_mut() else { return f64::NAN };
                    per_operation(time(|| (0..trips).for_each(|_| drop(redis.raw(&call)))), trips)
                },
                &mut || {
                    let mut redis = redis.borrow_mut();
                    let Some(redis) = redis.as_mut() else { return f64::NAN };
                    let elapsed = time(|| {
                        for _ in 0..pipelines {
                            redis.send_encoded(&pipeline);
                            redis.discard_many(PIPELINE);
                        }
                    });
                    per_operation(elapsed, pipelines * PIPELINE)
                },
                &mut || per_operation(time(|| eval_sha(engine, &sha, many)), many),
                &mut || {
                    let elapsed = time(|| {
                        for _ in 0..many {
                            let reply: redmoon::Value = script.key(KEY).invoke().expect("the script");
                            black_box(reply);
                        }
                    });
                    per_operation(elapsed, many)
                },
            ],
        );
        let [trip, pipelined, eval_sha, object] = medians[..] else { unreachable!("four sides") };
        table.row([
            (*source).to_owned(),
            nanos(trip),
            nanos(pipelined),
            nanos(eval_sha),
            times(pipelined / eval_sha),
            nanos(object),
            times(pipelined / object),
            format!("{SMALL_TARGET}x"),
        ]);
    }
    table.print();
}

fn eval_sha(engine: &Engine, sha: &str, calls: usize) {
    for _ in 0..calls {
        black_box(engine.eval_sha(sha, &[KEY], NO_ARGS).expect("EVALSHA"));
    }
}

/// (c) Two threads that run scripts on different declared keys, on an engine that denies undeclared ones, against
/// one thread that does as much as one of them.
fn two_threads(arguments: &Arguments) {
    let runs = arguments.scaled(200_000);
    let store = Store::builder().shards(16).build();
    let engine = Engine::builder(store).allow_undeclared_keys(false).build();
    let script = engine.script("for i = 1, 10 do redis.call('INCR', KEYS[1]) end return 1");
    let work = |key: &str| {
        for _ in 0..runs {
            black_box(script.key(key).invoke::<i64>().expect("a script"));
        }
    };
    // Two keys of different shards: the first two that an engine lets run at the same time would do; names that
    // differ in many bits nearly always are.
    let keys = ["bench:left", "bench:right:0"];
    let mut one = || per_operation(time(|| work(keys[0])), runs);
    let mut two = || {
        let elapsed = time(|| {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| work(keys[1]));
                work(keys[0]);
                other.join().expect("a thread");
            });
        });
        per_operation(elapsed, runs * 2)
    };
    let results = in_turns(ROUNDS, &mut [&mut one, &mut two]);
    let title = "(c) scripts of ten INCRs on different declared keys: time a script, over all threads";
    let mut table = Table::new(title, &["one thread", "two threads", "throughput", "target"]);
    table.row([nanos(results[0]), nanos(results[1]), times(results[0] / results[1]), "1.8x".to_owned()]);
    table.print();
}

/// `redmoon:WORKLOAD:N`, for callgrind.
fn run_only(only: &str) {
    let parts: Vec<&str> = only.split(':').collect();
    let ["redmoon", workload, count] = parts[..] else {
        panic!("--only {only}: expected redmoon:WORKLOAD:N");
    };
    let calls: usize = count.replace('_', "").parse().expect("N is a number");
    let engine = engine();
    if let Some((_, source)) = SMALL.iter().find(|(name, _)| *name == workload) {
        let sha = engine.script_load(source).expect("SCRIPT LOAD");
        return eval_sha(&engine, &sha, calls);
    }
    let named = LOOPS.iter().find(|candidate| candidate.name == workload);
    let (script, key) = match (workload, named) {
        ("empty", _) => (EMPTY_LOOP, KEY),
        (_, Some(named)) => (named.script, named.key),
        _ => panic!("--only {only}: no workload {workload}"),
    };
    black_box(engine.eval(script, &[key], &[&calls.to_string(), VALUE]).expect("EVAL"));
}
