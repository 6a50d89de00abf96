//! Scripts that are ended at random moments, by a kill or by their time: no lock stays held, nothing is half done.
//!
//! A script that has written is never ended, so each script changes both counters or neither.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redmoon::{Engine, ErrorKind, Store};

use super::within;
use crate::support::{Rng, number_from_env};

const PATIENCE: Duration = Duration::from_secs(30);

/// What a script does; `ROUNDS` stands for their number. All of them get the keys `a` and `b`.
const BODIES: &[&str] = &[
    "redis.call('INCR',KEYS[1]) redis.call('INCR',KEYS[2]) return 1",
    "for i=1,ROUNDS do redis.call('GET',KEYS[1]) end redis.call('INCR',KEYS[1]) redis.call('INCR',KEYS[2]) return 1",
    "redis.call('INCR',KEYS[1]) for i=1,ROUNDS do redis.call('GET',KEYS[2]) end redis.call('INCR',KEYS[2]) return 1",
    "for i=1,ROUNDS do local x=i..'' end redis.call('INCR',KEYS[1]) for i=1,ROUNDS*20 do end redis.call('INCR',KEYS[2]) return 1",
    "pcall(function() for i=1,ROUNDS*10 do redis.call('GET',KEYS[1]) end end)\nredis.call('INCR',KEYS[1]) redis.call('INCR',KEYS[2])\nreturn 1",
    "coroutine.wrap(function() for i=1,ROUNDS do redis.call('GET',KEYS[2]) end redis.call('INCR',KEYS[1]) end)() redis.call('INCR',KEYS[2]) return 1",
    "while true do end",
    "while true do redis.call('GET',KEYS[1]) end",
    "while true do pcall(redis.call,'GET',KEYS[2]) end",
    "local s='' while true do s=s..'x' if #s>500 then s='' end end",
    "coroutine.wrap(function() while true do redis.pcall('GET',KEYS[1]) end end)()",
    "while true do pcall(error,{err='x'}) end",
    "while true do table.sort({5,3,1},function(x,y) return x<y end) end",
];

fn script(rng: &mut Rng) -> String {
    let body = rng.pick(BODIES).replace("ROUNDS", &(1 + rng.below(3000)).to_string());
    let flags = ["", "", "#!lua flags=deny-undeclared-keys\n"];
    format!("{}{body}", rng.pick(&flags))
}

/// Every shard can be written at once: nobody holds a lock.
fn all_shards_can_be_written(engine: &Engine, number: u64) {
    let store = engine.store().clone();
    within(PATIENCE, move || {
        for key in 0..64 {
            store.set(format!("shard:{key}"), number.to_string()).expect("nothing is busy");
        }
        store.dbsize().expect("nothing is busy");
    });
}

fn counter(engine: &Engine, key: &str) -> i64 {
    let value = engine.store().get(key).expect("nothing is busy");
    value.map_or(0, |value| value.to_str().unwrap().parse().unwrap())
}

/// Runs random scripts on two threads while a third one kills, if it does; then looks at what is left.
fn iterate(seed: u64, iterations: u64, limit: Duration, kills: bool) {
    println!("REDMOON_KILL_SEED={seed}");
    let mut rng = Rng::new(seed);
    let engine = Engine::builder(Store::builder().shards(16).build()).time_limit(limit).build();
    let mut finished = 0;
    let mut ended = 0;
    for number in 0..iterations {
        let scripts: Vec<String> = (0..2).map(|_| script(&mut rng)).collect();
        let pause = Duration::from_micros(rng.below(2_000) as u64);
        let runs = within(PATIENCE, {
            let engine = engine.clone();
            move || {
                let over = AtomicBool::new(false);
                std::thread::scope(|threads| {
                    let run = |script| move |engine: &Engine| engine.eval(script, &["a", "b"], &[""; 0]);
                    let runners: Vec<_> = scripts
                        .into_iter()
                        .map(|script| {
                            let engine = &engine;
                            threads.spawn(move || run(script)(engine))
                        })
                        .collect();
                    if kills {
                        let (engine, over) = (&engine, &over);
                        threads.spawn(move || {
                            while !over.load(Ordering::Relaxed) {
                                std::thread::sleep(pause);
                                let _ = engine.script_kill();
                            }
                        });
                    }
                    let runs: Vec<_> = runners.into_iter().map(|runner| runner.join().unwrap()).collect();
                    over.store(true, Ordering::Relaxed);
                    runs
                })
            }
        });
        for run in runs {
            match run {
                Ok(_) => finished += 1,
                Err(error) => {
                    ended += 1;
                    let kinds = [
                        ErrorKind::ScriptKilled,
                        ErrorKind::ScriptLimit,
                        ErrorKind::ScriptRuntime,
                        ErrorKind::Busy,
                    ];
                    let text = error.to_string();
                    assert!(kinds.contains(&error.kind()), "{error:?}");
                    assert!(text.contains("killed by user") || text.starts_with("BUSY"), "{text}");
                }
            }
        }
        all_shards_can_be_written(&engine, number);
        let counters = (counter(&engine, "a"), counter(&engine, "b"));
        assert_eq!(counters, (finished, finished), "iteration {number} of seed {seed}");
        assert_eq!(engine.script_kill().unwrap_err().kind(), ErrorKind::NotBusy);
    }
    assert!(finished > 0 && ended > 0, "{finished} finished, {ended} were ended");
}

fn seed() -> u64 {
    number_from_env("REDMOON_KILL_SEED", 0x1CE)
}

#[test]
fn kills_at_random_moments_leave_no_lock_and_nothing_half_done() {
    iterate(seed(), 150, Duration::from_secs(20), true);
}

#[test]
fn time_limits_at_random_moments_leave_no_lock_and_nothing_half_done() {
    iterate(seed() + 1, 150, Duration::from_millis(2), false);
}

#[test]
fn kills_and_time_limits_together_leave_no_lock_and_nothing_half_done() {
    iterate(seed() + 2, 100, Duration::from_millis(1), true);
}
