//! Money moved between accounts by every kind of caller at once: it is conserved at every observation, and nobody waits
//! for ever. This is what the locks' order is for: scripts that learn their keys as they go lock them in any order,
//! all others know theirs beforehand.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redmoon::{Engine, NONE, Store};

use super::within;
use crate::support::Rng;

const ACCOUNTS: usize = 24;
const EACH: i64 = 1_000;
const TIME: Duration = Duration::from_millis(500);

const MOVE: &str = "redis.call('DECRBY',KEYS[1],ARGV[1]) return redis.call('INCRBY',KEYS[2],ARGV[1])";
/// The names come as arguments, so that no caller could know them.
const MOVE_UNDECLARED: &str =
    "redis.call('DECRBY',ARGV[1],ARGV[3]) return redis.call('INCRBY',ARGV[2],ARGV[3])";
const SUM: &str =
    "local sum = 0 for i = 0, ARGV[1] - 1 do sum = sum + redis.call('GET', 'account' .. i) end return sum";

fn name(account: usize) -> String {
    format!("account{account}")
}

fn two(rng: &mut Rng) -> [String; 2] {
    let first = rng.below(ACCOUNTS);
    [name(first), name((first + 1 + rng.below(ACCOUNTS - 1)) % ACCOUNTS)]
}

/// One of the callers: moves money, or looks whether the sum is right.
fn act(kind: usize, store: &Store, any: &Engine, declared: &Engine, rng: &mut Rng) {
    let all: Vec<String> = (0..ACCOUNTS).map(name).collect();
    let count = ACCOUNTS.to_string();
    let total = EACH * ACCOUNTS as i64;
    let [from, to] = two(rng);
    let amount = rng.between(1, 50).to_string();
    match kind {
        0 => drop(any.eval(MOVE_UNDECLARED, NONE, &[&from, &to, &amount]).unwrap()),
        1 => drop(declared.eval(MOVE, &[&from, &to], &[&amount]).unwrap()),
        2 => drop(any.eval(MOVE, &[&from, &to], &[&amount]).unwrap()),
        3 => store
            .transaction(&[&from, &to], |tx| {
                tx.execute(&["DECRBY", &from, &amount])?;
                tx.execute(&["INCRBY", &to, &amount])?;
                Ok(())
            })
            .unwrap(),
        4 => {
            // Fails after the first half, and must leave no trace.
            let failed: redmoon::Result<()> = store.transaction(&[&from, &to], |tx| {
                tx.execute(&["DECRBY", &from, &amount])?;
                tx.execute(&["INCRBY", &to, "not a number"]).map(drop)
            });
            failed.unwrap_err();
        }
        5 => {
            let found = store.mget(&all).unwrap();
            let sum = found.iter().flatten().map(|text| text.to_string().parse::<i64>().unwrap());
            assert_eq!(sum.sum::<i64>(), total);
        }
        6 => assert_eq!(any.eval(SUM, NONE, &[&count]).unwrap().convert::<i64>().unwrap(), total),
        7 => assert_eq!(any.eval_ro(SUM, NONE, &[&count]).unwrap().convert::<i64>().unwrap(), total),
        8 => assert_eq!(store.dbsize().unwrap(), ACCOUNTS),
        _ => {
            store.touch(&[&from, &to]).unwrap();
            store.get(&from).unwrap();
        }
    }
}

#[test]
fn money_is_conserved_whoever_moves_it_and_nobody_waits_for_ever() {
    for shards in [1, 2, 8, 64] {
        within(Duration::from_secs(60), move || {
            let store = Store::builder().shards(shards).seed(3).build();
            let any = Engine::new(store.clone());
            let declared = Engine::builder(store.clone()).allow_undeclared_keys(false).build();
            for account in 0..ACCOUNTS {
                store.set(name(account), EACH.to_string()).unwrap();
            }
            let (stop, acts) = (AtomicBool::new(false), AtomicU64::new(0));
            std::thread::scope(|threads| {
                for thread in 0..8 {
                    let (store, any, declared) = (&store, &any, &declared);
                    let (stop, acts) = (&stop, &acts);
                    threads.spawn(move || {
                        let mut rng = Rng::new(thread);
                        while !stop.load(Ordering::Relaxed) {
                            act(rng.below(10), store, any, declared, &mut rng);
                            acts.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
                std::thread::sleep(TIME);
                stop.store(true, Ordering::Relaxed);
            });
            assert!(acts.into_inner() > 100, "with {shards} shards hardly anybody came to act");
        });
    }
}
