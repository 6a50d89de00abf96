//! A guided tour: what scripts and typed methods do on one store, said and proved step by step.
//!
//! ```sh
//! cargo run --release --example tour
//! ```
//!
//! Each step prints what it does and the reply that came. Where that is not the reply that must come, the tour ends
//! with an error.

use std::error::Error;
use std::fmt::Debug;
use std::thread;
use std::time::Duration;

use redmoon::{Blob, Engine, ErrorKind, ManualClock, NONE, SetOptions, Store, Ttl, Value};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    // Time stands still unless the tour moves it, so nothing here sleeps.
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    let engine = Engine::new(store.clone());

    multiply(&engine)?;
    lock(&engine, &clock)?;
    rate_limiter(&engine, &clock)?;
    insert_if_missing(&engine, &clock)?;
    sliding_counter(&engine, &clock)?;
    typed_methods(&engine)?;
    four_threads(&engine)?;

    println!("\nEvery reply was the one expected.");
    Ok(())
}

fn multiply(engine: &Engine) -> Outcome {
    chapter("1. A script that survives a flush of the script cache");
    let multiply = engine.script(show(
        "local product = redis.call('GET', KEYS[1]) * ARGV[1]  -- Lua reads both strings as numbers
         redis.call('SET', KEYS[1], product)
         return product                                        -- a Lua number is an integer reply",
    ));
    step("store.set(\"answer\", \"6\")", engine.store().set("answer", "6")?, ())?;
    step("multiply.key(\"answer\").arg(7).invoke()", multiply.key("answer").arg(7).invoke()?, 42)?;
    step("the key holds the product", engine.store().get("answer")?, Some(Blob::from("42")))?;

    say("SCRIPT FLUSH empties the cache: the SHA-1 alone is worth nothing now.");
    engine.script_flush();
    step("is the script cached?", engine.script_exists(&[multiply.sha()]), vec![false])?;
    let by_sha = engine.eval_sha(multiply.sha(), &["answer"], &["2"]);
    step("engine.eval_sha(…)", by_sha.map_err(|error| error.kind()), Err(ErrorKind::NoScript))?;
    say("The script object knows its source, and loads itself again.");
    step("multiply.key(\"answer\").arg(2).invoke()", multiply.key("answer").arg(2).invoke()?, 84)?;
    step("is the script cached?", engine.script_exists(&[multiply.sha()]), vec![true])
}

fn lock(engine: &Engine, clock: &ManualClock) -> Outcome {
    chapter("2. A lock that only its owner releases");
    say("Taking it is one command, SET lock TOKEN NX PX 10000. As a typed method:");
    say("store.set_with(\"lock\", token, SetOptions::new().if_missing().px(10_000))");
    let once = SetOptions::new().if_missing().px(10_000);
    let take = |token: &str| engine.store().set_with("lock", token, once).map(|outcome| outcome.applied);
    say("Releasing it takes two, GET and DEL. A script makes them one step:");
    let release = engine.script(show(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end  -- the token of somebody else, or no lock
         return redis.call('DEL', KEYS[1])                           -- 1: released",
    ));
    let release = |token: &str| release.key("lock").arg(token).invoke::<bool>();

    step("Ada takes the lock", take("token of Ada")?, true)?;
    step("Bob cannot take it", take("token of Bob")?, false)?;
    step("Bob cannot release it either", release("token of Bob")?, false)?;
    step("Ada releases it", release("token of Ada")?, true)?;
    step("now Bob takes it", take("token of Bob")?, true)?;
    say("Bob forgets about it. Eleven seconds pass.");
    clock.advance(Duration::from_secs(11));
    step("Ada takes the lock", take("token of Ada")?, true)?;
    step("Bob comes too late to release it", release("token of Bob")?, false)
}

fn rate_limiter(engine: &Engine, clock: &ManualClock) -> Outcome {
    chapter("3. A rate limiter: 3 requests a minute");
    say("The reply: whether the request is allowed, and the seconds until the window ends.");
    let limiter = engine.script(show(
        "local hits = redis.call('INCR', KEYS[1])
         if hits == 1 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end  -- the first hit starts the window
         local allowed = hits <= tonumber(ARGV[1])
         return {allowed and 1 or 0, redis.call('TTL', KEYS[1])}       -- an array reply: a tuple in Rust",
    ));
    let hit = || limiter.key("hits:ada").arg(3).arg(60).invoke::<(bool, u32)>();

    step("first request", hit()?, (true, 60))?;
    clock.advance(Duration::from_secs(10));
    step("second, 10 seconds later", hit()?, (true, 50))?;
    step("third", hit()?, (true, 50))?;
    step("fourth: one too many", hit()?, (false, 50))?;
    clock.advance(Duration::from_secs(51));
    step("51 seconds later a new window begins", hit()?, (true, 60))
}

fn insert_if_missing(engine: &Engine, clock: &ManualClock) -> Outcome {
    chapter("4. Insert if missing, else the time that is left");
    let insert = engine.script(show(
        "local inserted = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
         if inserted then return nil end     -- None in Rust
         return redis.call('PTTL', KEYS[1])  -- Some(milliseconds)",
    ));
    let insert = |value: &str| insert.key("job").arg(value).arg(30_000).invoke::<Option<u64>>();

    step("insert \"first\" for 30 seconds", insert("first")?, None)?;
    clock.advance(Duration::from_millis(12_500));
    step("insert \"second\" 12.5 seconds later", insert("second")?, Some(17_500))?;
    step("the first one stands", engine.store().get("job")?, Some(Blob::from("first")))?;
    clock.advance(Duration::from_secs(18));
    step("insert \"second\" once more, 18 seconds later", insert("second")?, None)
}

fn sliding_counter(engine: &Engine, clock: &ManualClock) -> Outcome {
    chapter("5. A counter that ends a minute after its last use");
    let count = engine.script(show(
        "local count = redis.call('INCR', KEYS[1])
         redis.call('EXPIRE', KEYS[1], ARGV[1])  -- every use starts the minute again
         return count",
    ));
    let count = || count.key("failed logins").arg(60).invoke::<u32>();

    step("count", count()?, 1)?;
    clock.advance(Duration::from_secs(40));
    step("again after 40 seconds: the minute begins anew", count()?, 2)?;
    clock.advance(Duration::from_secs(40));
    step("again after 40 seconds: still the same counter", count()?, 3)?;
    clock.advance(Duration::from_secs(61));
    step("a minute of silence: back to one", count()?, 1)
}

fn typed_methods(engine: &Engine) -> Outcome {
    chapter("6. Typed methods beside scripts, on the same store");
    let store = engine.store();
    store.mset(&[("stock:apples", "3"), ("stock:pears", "5")])?;
    say("store.mset(&[(\"stock:apples\", \"3\"), (\"stock:pears\", \"5\")])");
    let total = show(
        "local total = 0
         for _, key in ipairs(KEYS) do total = total + redis.call('GET', key) end
         return total",
    );
    let keys = ["stock:apples", "stock:pears"];
    step("engine.eval(script, &keys, NONE)", engine.eval(total, &keys, NONE)?, Value::Integer(8))?;
    step("store.incrby(\"stock:apples\", 10)", store.incrby("stock:apples", 10)?, 13)?;
    step("the script sees it", engine.eval(total, &keys, NONE)?.convert()?, 18)?;
    step("store.ttl(\"stock:apples\")", store.ttl("stock:apples")?, Ttl::Persistent)?;

    say("Without Lua: several commands as one, all undone when one of them fails.");
    let moved = store.transaction(&keys, |tx| {
        tx.execute(&["INCRBY", "stock:pears", "100"])?;
        match tx.execute(&["DECRBY", "stock:apples", "100"])?.convert()? {
            left @ ..0 => Err(redmoon::Error::new(format!("SOLDOUT {left} apples left"))),
            left => Ok(left),
        }
    });
    let refused = moved.map_err(|error| error.to_string());
    step("store.transaction(&keys, |tx| …)", refused, Err("SOLDOUT -87 apples left".to_owned()))?;
    step("nothing has moved", engine.eval(total, &keys, NONE)?.convert()?, 18)
}

fn four_threads(engine: &Engine) -> Outcome {
    const THREADS: u32 = 4;
    const TURNS: u32 = 25_000;

    chapter("7. One counter, four threads, nothing lost");
    say("GET and SET apart, on purpose: a thread that came between them would lose a count.");
    let count = engine.script(show(
        "local count = tonumber(redis.call('GET', KEYS[1]) or 0)
         redis.call('SET', KEYS[1], count + 1)",
    ));
    thread::scope(|scope| {
        let work = || (0..TURNS).try_for_each(|_| count.key("shared").invoke());
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| -> Outcome { Ok(thread.join().map_err(|_| "a panic")??) })
    })?;
    let total = engine.store().execute(&["GET", "shared"])?.convert()?;
    step("4 threads x 25,000 calls of the script", total, THREADS * TURNS)
}

fn chapter(title: &str) {
    println!("\n{title}\n{}", "=".repeat(title.chars().count()));
}

fn say(text: &str) {
    println!("\n  {text}");
}

/// Prints a script, and hands it on.
fn show(script: &str) -> &str {
    println!();
    for line in script.lines() {
        println!("    | {}", line.trim_start());
    }
    println!();
    script
}

/// Prints what was done and the reply that came; an error if it is not the one that must come.
fn step<T: PartialEq + Debug>(what: &str, reply: T, expected: T) -> Outcome {
    println!("  {what:<58} -> {reply:?}");
    if reply == expected { Ok(()) } else { Err(format!("{what}: {expected:?} was expected").into()) }
}
