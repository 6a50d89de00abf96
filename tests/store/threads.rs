//! Many threads on few keys: nothing is lost, nothing is seen half done, nobody waits for ever.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use redmoon::{Engine, Error, Session, Store, Value};

use crate::support::Rng;

/// Runs `work`, and fails if it has not ended after a minute: then some threads wait for each other.
fn within_a_minute(work: impl FnOnce() + Send + 'static) {
    let (done, ended) = channel();
    let worker = std::thread::spawn(move || {
        work();
        let _ = done.send(());
    });
    if ended.recv_timeout(Duration::from_secs(60)).is_err() && !worker.is_finished() {
        panic!("a deadlock, or a machine that stands still");
    }
    worker.join().unwrap();
}

/// Runs `work` on so many threads at the same time; each gets its number.
fn on_threads(count: u64, work: impl Fn(u64) + Sync) {
    let start = Barrier::new(count as usize);
    std::thread::scope(|scope| {
        for number in 0..count {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                work(number);
            });
        }
    });
}

const ACCOUNTS: usize = 12;
const EACH: i64 = 1_000;

fn account(number: usize) -> String {
    format!("account:{number}")
}

fn bank(shards: usize) -> Store {
    let store = Store::builder().shards(shards).build();
    for number in 0..ACCOUNTS {
        store.set(account(number), EACH.to_string()).unwrap();
    }
    store
}

/// The money of all accounts, read in one step.
fn total(store: &Store) -> i64 {
    let keys: Vec<String> = (0..ACCOUNTS).map(account).collect();
    let values = store.mget(&keys).unwrap();
    values.iter().map(|value| value.as_ref().unwrap().to_str().unwrap().parse::<i64>().unwrap()).sum()
}

const MOVE: &str = "local left = redis.call('DECRBY', KEYS[1], ARGV[1])
    redis.call('INCRBY', KEYS[2], ARGV[1])
    return left";

#[test]
fn money_moved_by_transactions_and_scripts_at_once_stays_the_same() {
    within_a_minute(|| {
        for shards in [1, 4, 64] {
            let store = bank(shards);
            let strict = Engine::builder(store.clone()).allow_undeclared_keys(false).build();
            let loose = Engine::new(store.clone());
            on_threads(8, |thread| {
                let mut rng = Rng::new(thread);
                for _ in 0..150 {
                    let from = account(rng.below(ACCOUNTS));
                    let to = account(rng.below(ACCOUNTS));
                    let amount = rng.below(50).to_string();
                    match rng.below(6) {
                        0 => {
                            let engine = if thread % 2 == 0 { &strict } else { &loose };
                            engine.eval(MOVE, &[&from, &to], &[&amount]).unwrap();
                        }
                        1 => assert_eq!(total(&store), EACH * ACCOUNTS as i64, "seen half done"),
                        2 => {
                            // Half of the work, and then none of it.
                            let failed = store.transaction(&[&from, &to], |tx| {
                                tx.execute(&["DECRBY", &from, &amount])?;
                                tx.execute(&["APPEND", &to, "rubbish"])?;
                                tx.execute(&["PEXPIRE", &from, "1"])?;
                                Err::<(), _>(Error::new("CHANGED my mind"))
                            });
                            assert_eq!(failed.unwrap_err().code(), "CHANGED");
                        }
                        _ => {
                            let moved = store.transaction(&[&from, &to], |tx| {
                                tx.execute(&["DECRBY", &from, &amount])?;
                                tx.execute(&["INCRBY", &to, &amount])
                            });
                            moved.unwrap();
                        }
                    }
                }
            });
            assert_eq!(total(&store), EACH * ACCOUNTS as i64, "{shards} shards");
            assert_eq!(store.dbsize().unwrap(), ACCOUNTS);
        }
    });
}

#[test]
fn a_transaction_that_panics_is_rolled_back_and_lets_its_locks_go() {
    within_a_minute(|| {
        let store = bank(4);
        on_threads(4, |thread| {
            for round in 0..40_usize {
                let (from, to) =
                    (account(round % ACCOUNTS), account((round * 5 + thread as usize) % ACCOUNTS));
                let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    store.transaction(&[&from, &to, &"new".to_owned()], |tx| {
                        tx.execute(&["SET", "new", "x"])?;
                        tx.execute(&["DEL", &from])?;
                        tx.execute(&["RENAME", &to, "new"])?;
                        assert!(round > 1_000, "in the middle of it");
                        Ok(())
                    })
                }));
                // RENAME finds no key where the two accounts are one.
                assert!(ended.is_err() || from == to);
                assert_eq!(total(&store), EACH * ACCOUNTS as i64);
                assert_eq!(store.exists(&["new"]).unwrap(), 0);
            }
        });
    });
}

#[test]
fn a_roll_back_puts_everything_back_however_often_it_was_changed() {
    let store = Store::new();
    store.set("a", "1").unwrap();
    store.set("long", "x".repeat(1_000)).unwrap();
    store.execute(&["SET", "deadline", "y", "PXAT", "99999999999999"]).unwrap();
    let failed = store.transaction(&["a", "long", "deadline", "new"], |tx| {
        for _ in 0..3 {
            tx.execute(&["INCR", "a"])?;
            tx.execute(&["APPEND", "long", "more"])?;
            tx.execute(&["SETRANGE", "long", "5", "over"])?;
            tx.execute(&["PERSIST", "deadline"])?;
            tx.execute(&["SET", "new", "1", "EX", "100"])?;
            tx.execute(&["DEL", "a", "deadline", "long"])?;
            tx.execute(&["COPY", "new", "a"])?;
            tx.execute(&["SET", "deadline", "z", "EX", "5"])?;
            tx.execute(&["SET", "a", "0"])?;
            tx.execute(&["SET", "long", ""])?;
        }
        Err::<(), _>(Error::new("NO"))
    });
    assert_eq!(failed.unwrap_err().to_string(), "NO");
    assert_eq!(store.get("a").unwrap().unwrap(), "1");
    assert_eq!(store.get("long").unwrap().unwrap(), "x".repeat(1_000));
    assert_eq!(store.execute(&["PEXPIRETIME", "deadline"]).unwrap(), Value::Integer(99_999_999_999_999));
    assert_eq!(store.dbsize().unwrap(), 3);
}

#[test]
fn a_transaction_touches_the_keys_that_it_named_and_no_other() {
    let store = Store::builder().shards(1).build();
    let result = store.transaction(&["mine"], |tx| {
        for words in [
            &["SET", "other", "1"][..],
            &["MSET", "mine", "1", "other", "1"],
            &["COPY", "mine", "other"],
            &["RENAME", "mine", "other"],
            &["FLUSHALL"],
            &["DBSIZE"],
            &["KEYS", "*"],
            &["SWAPDB", "0", "1"],
            &["EVAL", "return 1", "0"],
            &["HELLO"],
            &["NOSUCH"],
        ] {
            assert!(tx.execute(words).is_err(), "{words:?}");
        }
        tx.execute(&["SET", "mine", "1"])
    });
    assert_eq!(result.unwrap(), Value::ok());
    assert_eq!(store.execute(&["KEYS", "*"]).unwrap(), Value::Array(vec![Value::from("mine")]));
}

#[test]
fn counters_of_eight_threads_lose_no_step_whichever_way_they_count() {
    within_a_minute(|| {
        let store = Store::builder().shards(8).build();
        let engine = Engine::new(store.clone());
        on_threads(8, |thread| {
            let mut session = engine.session();
            for round in 0..200 {
                match (thread + round) % 4 {
                    0 => drop(store.incr("counter").unwrap()),
                    1 => drop(store.execute(&["INCR", "counter"]).unwrap()),
                    2 => drop(session.execute(&["INCRBY", "counter", "1"]).unwrap()),
                    _ => drop(
                        engine.eval("return redis.call('INCR', KEYS[1])", &["counter"], &[""; 0]).unwrap(),
                    ),
                }
            }
        });
        assert_eq!(store.get("counter").unwrap().unwrap(), "1600");
    });
}

#[test]
fn whole_keyspace_operations_beside_everything_else_neither_wait_for_ever_nor_lose_a_key() {
    within_a_minute(|| {
        let store = bank(16);
        let engine = Engine::new(store.clone());
        let stop = AtomicBool::new(false);
        let steps = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..6 {
                let (store, engine, stop, steps) = (&store, &engine, &stop, &steps);
                scope.spawn(move || {
                    let mut rng = Rng::new(thread);
                    let mut session = engine.session();
                    while !stop.load(Ordering::Relaxed) {
                        let key = format!("passing:{}", rng.below(100));
                        let other = format!("passing:{}", rng.below(100));
                        let _ = store.execute(&["SET", &key, "v", "PX", "3"]);
                        let _ = store.execute(&["RENAME", &key, &other]);
                        let _ = store.execute(&["COPY", &other, &key, "REPLACE"]);
                        let _ = store.execute(&["MSETNX", &key, "1", &other, "2"]);
                        let _ = session.execute(&["DEL", &key, &other]);
                        steps.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let mut session: Session = engine.session();
            for round in 0..300 {
                let seen = store.execute(&["KEYS", "account:*"]).unwrap().convert::<Vec<String>>().unwrap();
                assert_eq!(seen.len(), ACCOUNTS);
                assert!(store.dbsize().unwrap() >= ACCOUNTS);
                assert!(!session.execute(&["RANDOMKEY"]).unwrap().is_nil());
                assert!(session.execute(&["INFO"]).is_ok());
                store.purge_expired().unwrap();
                let count =
                    engine.eval("return #redis.call('KEYS', 'account:*')", &[""; 0], &[""; 0]).unwrap();
                assert_eq!(count, Value::Integer(ACCOUNTS as i64));
                if round % 50 == 0 {
                    // There and back: nobody may see the accounts in database 9.
                    let swapped = "redis.call('SWAPDB', 0, 9) redis.call('SWAPDB', 0, 9) return 1";
                    engine.eval(swapped, &[""; 0], &[""; 0]).unwrap();
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert!(steps.into_inner() > 0);
        assert_eq!(total(&store), EACH * ACCOUNTS as i64);
    });
}

#[test]
fn handles_sessions_and_engines_go_from_thread_to_thread() {
    fn anywhere<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    anywhere::<Store>();
    anywhere::<Engine>();
    anywhere::<Value>();
    anywhere::<Error>();
    sent::<Session>();
    let store = Store::new();
    let mut session = Engine::new(store.clone()).session();
    std::thread::spawn(move || session.execute(&["SET", "key", "value"]).unwrap()).join().unwrap();
    assert_eq!(store.get("key").unwrap().unwrap(), "value");
}

/// After many reads without a write, readers come in without the lock (`model.rs` has the model of that): rare writes are
/// what they must not meet.
#[test]
fn many_reads_between_rare_writes_see_whole_values() {
    within_a_minute(|| {
        let store = Store::builder().shards(1).build();
        let ended = AtomicBool::new(false);
        // The byte tells the length, so that a value of two writes is none of both.
        let value = |number: usize| vec![number as u8; number];
        store.set("key", value(0)).unwrap();
        on_threads(3, |thread| {
            if thread == 0 {
                for number in 0..250_usize {
                    std::thread::sleep(Duration::from_micros(200));
                    if number % 3 == 0 {
                        store.del(&["key"]).unwrap();
                    }
                    store.set("key", value(number)).unwrap();
                }
                ended.store(true, Ordering::Relaxed);
            }
            while !ended.load(Ordering::Relaxed) {
                for _ in 0..1_000 {
                    let read = store.get("key").unwrap();
                    let is_whole = |read: &[u8]| read.iter().all(|byte| usize::from(*byte) == read.len());
                    assert!(read.is_none_or(|read| is_whole(&read)));
                    assert!(store.view("key", |read| read.is_none_or(&is_whole)).unwrap());
                }
            }
        });
    });
}

#[test]
fn a_view_that_waits_for_readers_ends_though_writers_wait_for_it() {
    within_a_minute(|| {
        let store = Store::builder().shards(64).build();
        let keys: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        let values: Vec<_> = keys.iter().map(|key| (key, "value")).collect();
        store.mset(&values).unwrap();
        for _ in 0..5_000 {
            store.get(&keys[0]).unwrap();
        }
        let (go_on, may_go_on) = channel();
        std::thread::scope(|scope| {
            let seen = store.view(&keys[0], |seen| {
                // The writer must keep neither this shard nor the others from readers while it waits for this one.
                scope.spawn(|| store.mset(&values).unwrap());
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(20));
                    assert!(keys.iter().all(|key| store.get(key).unwrap().is_some()));
                    go_on.send(()).unwrap();
                });
                may_go_on.recv().unwrap();
                seen.is_some()
            });
            assert!(seen.unwrap());
        });
    });
}

#[test]
fn a_writer_waits_until_a_view_is_over() {
    within_a_minute(|| {
        let store = Store::builder().shards(1).build();
        store.set("key", "before").unwrap();
        for _ in 0..5_000 {
            store.get("key").unwrap();
        }
        let written = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let seen = store.view("key", |value| {
                scope.spawn(|| {
                    store.set("key", "after").unwrap();
                    written.store(true, Ordering::SeqCst);
                });
                std::thread::sleep(Duration::from_millis(50));
                assert!(!written.load(Ordering::SeqCst), "written under the reader");
                value.map(<[u8]>::to_vec)
            });
            assert_eq!(seen.unwrap().as_deref(), Some(b"before".as_slice()));
        });
        assert_eq!(store.get("key").unwrap().as_deref(), Some(b"after".as_slice()));
    });
}
