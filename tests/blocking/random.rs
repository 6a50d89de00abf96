//! Random commands of several callers, some of which wait: a real server and this crate answer the same to the same
//! callers at the same time.

use super::stage::Stage;
use crate::support::{Oracle, Rng, number_from_env};

const KEYS: [&str; 3] = ["k", "l", "m"];

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// A script that makes the key `new` and gives it the name of its second key.
fn by_a_new_key(make: &str, keys: &[&str]) -> Vec<String> {
    let script = format!("{make} return redis.pcall('rename','new',KEYS[2])");
    let mut words = vec!["EVAL".to_owned(), script, (keys.len() + 1).to_string()];
    words.extend(keys.iter().map(|key| (*key).to_owned()));
    words.push("new".to_owned());
    words
}

fn command(rng: &mut Rng, number: u64) -> Vec<String> {
    let [a, b, c] = [rng.pick(&KEYS), rng.pick(&KEYS), rng.pick(&KEYS)];
    let side = rng.pick(&["LEFT", "RIGHT"]);
    let other = rng.pick(&["LEFT", "RIGHT"]);
    let count = 1 + rng.below(3);
    match rng.below(30) {
        0 | 1 => words(&format!("BLPOP {a} {b} 0")),
        2 => words(&format!("BRPOP {a} 0")),
        3 => words(&format!("BLPOP {a} {b} {c} 0")),
        4 | 5 => words(&format!("BLMOVE {a} {b} {side} {other} 0")),
        6 => words(&format!("BRPOPLPUSH {a} {b} 0")),
        7 | 8 => words(&format!("BLMPOP 0 2 {a} {b} {side} COUNT {count}")),
        9 => words(&format!("BZPOPMIN {a} {b} 0")),
        10 => words(&format!("BZPOPMAX {a} 0")),
        11 => words(&format!("BZMPOP 0 2 {a} {b} MIN COUNT {count}")),
        12..=14 => words(&format!("RPUSH {a} e{number} f{number}")),
        15 => words(&format!("LPUSH {a} e{number}")),
        16 | 17 => words(&format!("ZADD {a} {number} e{number} {count} f{number}")),
        18 => words(&format!("RENAME {a} {b}")),
        19 => words(&format!("COPY {a} {b} REPLACE")),
        20 => words(&format!("DEL {a} {b}")),
        21 => words(&format!("SET {a} text")),
        22 => words(&format!("LMOVE {a} {b} {side} {other}")),
        // By way of a new key: what STORE puts over another type's key serves nobody on the real server, for which
        // who waits there is forgotten. Here he is served.
        23 => by_a_new_key("redis.pcall('sort',KEYS[1],'by','nosort','store','new')", &[a, b]),
        24 => {
            let script = format!(
                "redis.call('del',KEYS[1]) redis.call('rpush',KEYS[1],'{number}') redis.pcall('rpush',KEYS[2],'x') \
                 return redis.pcall('lpop',KEYS[1])"
            );
            let mut words = vec!["EVAL".to_owned(), script, "2".to_owned()];
            words.extend([a.to_owned(), b.to_owned()]);
            words
        }
        25 => words("FLUSHALL"),
        // Not SWAPDB: of several keys that it makes ready, the server takes any first.
        26 => words(&format!("COPY {a} {b} DB 1")),
        27 => words(&format!("MOVE {a} 1")),
        28 => by_a_new_key("redis.pcall('zunionstore','new',2,KEYS[1],KEYS[3])", &[b, a, c]),
        _ => words(&format!("LINSERT {a} BEFORE e{number} x")),
    }
}

#[test]
fn random_callers_get_the_replies_of_a_real_server() {
    const CALLERS: usize = 4;
    let Some(oracle) = Oracle::start() else { return };
    let seed = number_from_env("REDMOON_SEED", 7);
    let steps = number_from_env("REDMOON_BLOCKING_STEPS", 1500);
    eprintln!("blocking: REDMOON_SEED={seed}, {steps} steps");
    let mut rng = Rng::new(seed);
    let mut done = 0;
    while done < steps {
        // A fresh stage now and then: everybody but one may wait for ever.
        let mut stage = Stage::new(&oracle, CALLERS);
        stage.step(2, &["SELECT", "1"]);
        for _ in 0..60 {
            let free: Vec<usize> = (0..CALLERS).filter(|caller| !stage.waits(*caller)).collect();
            let caller = rng.pick(&free);
            done += 1;
            if rng.one_in(12) {
                stage.step(caller, &["MULTI"]);
                for _ in 0..1 + rng.below(4) {
                    stage.step(caller, &command(&mut rng, done));
                }
                stage.step(caller, &["EXEC"]);
                continue;
            }
            let command = command(&mut rng, done);
            // Somebody must be left who can do something.
            let waits = command[0].starts_with('B');
            if !waits || free.len() > 1 {
                stage.step(caller, &command);
            }
        }
        stage.compare_keys(&KEYS);
    }
}
