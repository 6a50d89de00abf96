//! Scripts beside each other: on different declared keys at the same time, on the same keys one after the other.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use redmoon::{Engine, NONE, Store};

use super::{returned, sha, within};
use crate::support::Rng;

const PATIENCE: Duration = Duration::from_secs(60);
const FLAG: &str = "#!lua flags=deny-undeclared-keys\n";
/// Two that are on different shards of the stores below; with 1,024 shards others would mostly be too.
const APART: [&str; 2] = ["left", "right"];

fn store() -> Store {
    Store::builder().shards(1024).seed(1).build()
}

/// Where scripts meet through `redis.log`: each waits until the other is there too, or gives up.
#[derive(Default)]
struct Meeting {
    present: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Meeting {
    fn wait(&self, patience: Duration) {
        let mut present = self.present.lock().unwrap();
        present.0 += 1;
        present.1 |= present.0 == 2;
        self.changed.notify_all();
        let (mut present, _) =
            self.changed.wait_timeout_while(present, patience, |present| !present.1).unwrap();
        present.0 -= 1;
    }

    fn took_place(&self) -> bool {
        self.present.lock().unwrap().1
    }
}

/// Whether two scripts with these keys are ever inside at the same time.
fn overlap(deny: bool, first_line: &'static str, keys: [&'static str; 2], patience: Duration) -> bool {
    within(PATIENCE, move || {
        let meeting = Arc::new(Meeting::default());
        let hook = Arc::clone(&meeting);
        let engine = Engine::builder(store())
            .allow_undeclared_keys(!deny)
            .time_limit(None)
            .log(move |_, _| hook.wait(patience))
            .build();
        let script = format!(
            "{first_line}redis.call('INCR',KEYS[1]) redis.log(3,'inside') return redis.call('INCR',KEYS[1])"
        );
        std::thread::scope(|threads| {
            let runs = keys.map(|key| {
                let (engine, script) = (&engine, &script);
                threads.spawn(move || engine.eval(script, &[key], NONE).unwrap())
            });
            for run in runs {
                run.join().unwrap();
            }
        });
        meeting.took_place()
    })
}

#[test]
fn scripts_on_different_declared_keys_run_at_the_same_time() {
    assert!(overlap(true, "", APART, Duration::from_secs(20)), "by the engine's setting");
    assert!(overlap(false, FLAG, APART, Duration::from_secs(20)), "by the script's flag");
}

#[test]
fn scripts_on_the_same_key_or_on_any_key_run_one_after_the_other() {
    let patience = Duration::from_millis(300);
    assert!(!overlap(true, "", ["left", "left"], patience), "the same key");
    assert!(!overlap(false, FLAG, ["left", "left"], patience), "the same key, by flag");
    assert!(!overlap(false, "", APART, patience), "any key");
    assert!(!overlap(true, "#!lua flags=allow-undeclared-keys\n", APART, patience), "any key, by flag");
}

#[test]
fn scripts_that_read_the_same_key_run_at_the_same_time() {
    within(PATIENCE, || {
        let meeting = Arc::new(Meeting::default());
        let hook = Arc::clone(&meeting);
        let engine = Engine::builder(store()).log(move |_, _| hook.wait(Duration::from_secs(3))).build();
        let script = "redis.call('GET',KEYS[1]) redis.log(3,'inside') return 1";
        std::thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| engine.eval_ro(script, &["key"], NONE).unwrap());
            }
        });
        assert!(meeting.took_place());
    });
}

#[test]
fn an_undeclared_key_is_refused_with_its_name_and_the_place() {
    let denying = Engine::builder(Store::new()).allow_undeclared_keys(false).build();
    let allowing = Engine::new(Store::new());
    for (engine, first_line, line) in [(&denying, "", 1), (&allowing, FLAG, 2)] {
        for (call, key) in [
            ("redis.call('GET','other')", "other"),
            ("redis.call('SET','other','x')", "other"),
            ("redis.call('MGET',KEYS[1],'other')", "other"),
            ("redis.call('MSET',KEYS[1],1,'other',2)", "other"),
            ("redis.call('RENAME',KEYS[1],'other')", "other"),
            ("redis.call('DEL','other',KEYS[1])", "other"),
            ("redis.call('GET','')", ""),
            ("redis.call('GET',ARGV[1])", "argument"),
        ] {
            let script = format!("{first_line}redis.call('SET',KEYS[1],'x') return {call}");
            let error = engine.eval(&script, &["mine"], &["argument"]).unwrap_err();
            let want = format!(
                "ERR script tried accessing undeclared key, key: {key} script: {}, on @user_script:{line}.",
                sha(&script)
            );
            assert_eq!(error.to_string(), returned(want));
            let script = format!("{first_line}local e={} return e.err", call.replace("call", "pcall"));
            let caught: String = engine.eval(&script, &["mine"], &["argument"]).unwrap().convert().unwrap();
            assert_eq!(caught, format!("ERR script tried accessing undeclared key, key: {key}"));
        }
        assert_eq!(engine.store().get("other").unwrap(), None);
        assert_eq!(engine.store().get("mine").unwrap().unwrap(), "x");
        let error = engine.eval(format!("{first_line}return redis.call('GET','x')"), NONE, NONE).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&returned("ERR script tried accessing undeclared key, key: x script: ".into())),
            "{error}"
        );
    }
}

#[test]
fn commands_on_all_keys_are_refused_where_undeclared_keys_are() {
    let engine = Engine::builder(Store::new()).allow_undeclared_keys(false).build();
    engine.store().set("key", "value").unwrap();
    for call in
        ["'FLUSHALL'", "'FLUSHDB'", "'KEYS','*'", "'SCAN','0'", "'DBSIZE'", "'RANDOMKEY'", "'SWAPDB',0,1"]
    {
        let script = format!("return redis.call({call})");
        let error = engine.eval(&script, &["key"], NONE).expect_err(call);
        let want = format!(
            "ERR This Redis command is not allowed from script script: {}, on @user_script:1.",
            sha(&script)
        );
        assert_eq!(error.to_string(), returned(want), "{call}");
        assert!(
            engine.eval(format!("#!lua flags=allow-undeclared-keys\n{script}"), &["key"], NONE).is_ok(),
            "{call}"
        );
        engine.store().set("key", "value").unwrap();
    }
    assert!(engine.eval("return redis.call('PING')", NONE, NONE).is_ok());
}

#[test]
fn a_counter_from_eight_threads_loses_nothing() {
    for deny in [false, true] {
        within(PATIENCE, move || {
            let engine = Engine::builder(Store::new()).allow_undeclared_keys(!deny).build();
            let script = "local n=redis.call('GET',KEYS[1]) or 0 redis.call('SET',KEYS[1],n+1) return n+1";
            std::thread::scope(|threads| {
                for thread in 0..8 {
                    let engine = &engine;
                    threads.spawn(move || {
                        for round in 0..200 {
                            if (round + thread) % 4 == 0 {
                                engine.store().incr("n").unwrap();
                            } else {
                                engine.eval(script, &["n"], NONE).unwrap();
                            }
                        }
                    });
                }
            });
            assert_eq!(engine.store().get("n").unwrap().unwrap(), "1600");
        });
    }
}

#[test]
fn money_is_conserved_whenever_a_script_looks() {
    const ACCOUNTS: usize = 8;
    for deny in [false, true] {
        within(PATIENCE, move || {
            let engine =
                Engine::builder(Store::builder().shards(16).build()).allow_undeclared_keys(!deny).build();
            let accounts: Vec<String> = (0..ACCOUNTS).map(|number| format!("account:{number}")).collect();
            for account in &accounts {
                engine.store().set(account, "100").unwrap();
            }
            let sum = "local sum=0 for i,k in ipairs(KEYS) do sum=sum+redis.call('GET',k) end return sum";
            let transfer = "redis.call('DECRBY',KEYS[1],ARGV[1]) redis.call('INCRBY',KEYS[2],ARGV[1])";
            std::thread::scope(|threads| {
                for thread in 0..4 {
                    let (engine, accounts) = (&engine, &accounts);
                    threads.spawn(move || {
                        let mut rng = Rng::new(thread);
                        for _ in 0..200 {
                            let from = rng.below(ACCOUNTS);
                            let to = (from + 1 + rng.below(ACCOUNTS - 1)) % ACCOUNTS;
                            let (from, to, amount) =
                                (&accounts[from], &accounts[to], rng.below(50).to_string());
                            if thread % 2 == 0 {
                                engine.eval(transfer, &[from, to], &[amount]).unwrap();
                            } else {
                                let moved = engine.store().transaction(&[from, to], |tx| {
                                    tx.execute(&["DECRBY", from, &amount])?;
                                    tx.execute(&["INCRBY", to, &amount])
                                });
                                moved.unwrap();
                            }
                        }
                    });
                }
                for _ in 0..2 {
                    let (engine, accounts) = (&engine, &accounts);
                    threads.spawn(move || {
                        for round in 0..200 {
                            let seen = if round % 2 == 0 {
                                engine.eval(sum, accounts, NONE)
                            } else {
                                engine.eval_ro(sum, accounts, NONE)
                            };
                            assert_eq!(seen.unwrap().convert::<i64>().unwrap(), 100 * ACCOUNTS as i64);
                        }
                    });
                }
            });
        });
    }
}
