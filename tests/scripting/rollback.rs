//! Scripts that fail and leave every key as it was.

use std::time::Duration;

use redmoon::{Engine, ErrorKind, NONE, Session, Store, Value};

use crate::differential::families;
use crate::support::{Rng, show_command};

/// Runs commands that stand in ARGV, each behind its number of words, and fails in the way that ARGV[1] names once so
/// many have run as ARGV[2] says.
const RUN_SOME: &str = "#!lua flags=rollback
local way, left, at = ARGV[1], tonumber(ARGV[2]), 3
while true do
    if left == 0 then break end
    local words = tonumber(ARGV[at])
    redis.pcall(unpack(ARGV, at + 1, at + words))
    at, left = at + words + 1, left - 1
end
if way == 'error' then error('enough') end
if way == 'call' then return redis.call('nosuch') end
if way == 'reply' then return redis.error_reply('NO thanks') end
if way == 'time' then while true do end end
if way == 'caught' then while true do pcall(function() while true do end end) end end
if way == 'memory' then local all = {} while true do all[#all + 1] = ('x'):rep(100000) .. #all end end
if way == 'large' then return ('x'):rep(3000000) end
if way == 'deep' then local function f() return 1 + f() end return f() end
return 'fine'";

const WAYS: &[&str] = &[
    "error", "call", "reply", "time", "caught", "memory", "large", "deep", "error", "error", "call", "reply",
];

/// Everything that a reader can find out about every key of every database: type, encoding, end, and the value in its order.
fn dump(store: &Store) -> Vec<String> {
    let mut lines = Vec::new();
    for index in 0..16 {
        let store = store.database(index).unwrap();
        let ask = |words: &[&[u8]]| {
            store.execute(words).map_or_else(|error| error.to_string(), |reply| format!("{reply:?}"))
        };
        let Value::Array(mut keys) = store.execute(&["KEYS", "*"]).unwrap() else { panic!("KEYS") };
        keys.sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes()));
        for key in keys {
            let key = key.as_bytes().unwrap();
            let of = |words: &[&str]| {
                let mut all: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
                let place = all.iter().position(|word| *word == b"KEY").unwrap();
                all[place] = key;
                ask(&all)
            };
            let value = match store.execute(&[&b"TYPE"[..], key]).unwrap().as_bytes().unwrap() {
                b"string" => of(&["GET", "KEY"]),
                b"list" => of(&["LRANGE", "KEY", "0", "-1"]),
                b"set" => of(&["SMEMBERS", "KEY"]),
                b"zset" => of(&["ZRANGE", "KEY", "0", "-1", "WITHSCORES"]),
                b"hash" => {
                    let Value::Array(fields) = store.execute(&[&b"HKEYS"[..], key]).unwrap() else {
                        panic!("HKEYS")
                    };
                    let count = fields.len().to_string();
                    let mut ends: Vec<&[u8]> = vec![b"HPEXPIRETIME", key, b"FIELDS", count.as_bytes()];
                    ends.extend(fields.iter().map(|field| field.as_bytes().unwrap()));
                    of(&["HGETALL", "KEY"]) + &ask(&ends)
                }
                other => panic!("a key of type {}", other.escape_ascii()),
            };
            let (encoding, end) = (of(&["OBJECT", "ENCODING", "KEY"]), of(&["PEXPIRETIME", "KEY"]));
            lines.push(format!("{index} {} {encoding} {end} {value}", key.escape_ascii()));
        }
    }
    lines
}

/// A command that a script may call, and whose reply a script can take.
fn command(rng: &mut Rng) -> Vec<Vec<u8>> {
    families::for_script(rng).args
}

fn fill(store: &Store, rng: &mut Rng) {
    // Some values in their large forms.
    for (key, word) in [("a", "HSET"), ("b", "SADD"), ("c", "RPUSH"), ("d", "ZADD")] {
        for at in 0..rng.below(300) {
            let (at, text) = (at.to_string(), format!("member {at}"));
            let _ = match word {
                "HSET" | "ZADD" => store.execute(&[word, key, at.as_str(), text.as_str()]),
                _ => store.execute(&[word, key, text.as_str()]),
            };
        }
    }
    for _ in 0..60 {
        let _ = store.execute(&command(rng));
    }
}

fn watch_all(store: &Store, engine: &Engine) -> Session {
    let mut session = engine.session();
    for index in 0..16 {
        session.execute(&["SELECT", &index.to_string()]).unwrap();
        let Value::Array(keys) = store.database(index).unwrap().execute(&["KEYS", "*"]).unwrap() else {
            panic!()
        };
        for key in keys.iter().map(|key| key.as_bytes().unwrap()).chain([&b"nosuch"[..]]) {
            session.execute(&[&b"WATCH"[..], key]).unwrap();
        }
    }
    session
}

#[test]
fn a_script_that_fails_at_a_random_call_changes_nothing() {
    let seed = crate::support::number_from_env("REDMOON_SEED", crate::differential::SEED);
    eprintln!("rollback: REDMOON_SEED={seed}");
    let mut rng = Rng::new(seed);
    let store = Store::new();
    let engine = Engine::builder(store.clone())
        .time_limit(Duration::from_millis(10))
        .memory_limit(3_000_000)
        .reply_limit(1_000_000)
        .build();
    for round in 0..400 {
        if round % 20 == 0 {
            fill(&store, &mut rng);
        }
        let calls = rng.below(20);
        let way = rng.pick(WAYS);
        let mut args: Vec<Vec<u8>> = vec![way.into(), calls.to_string().into()];
        let mut told = Vec::new();
        for _ in 0..calls {
            let words = command(&mut rng);
            told.push(show_command(&words));
            args.push(words.len().to_string().into());
            args.extend(words);
        }
        let before = dump(&store);
        let mut watcher = watch_all(&store, &engine);
        let result = engine.eval(RUN_SOME, NONE, &args);
        assert!(result.is_err(), "{way}: {result:?}");
        let after = dump(&store);
        assert_eq!(before, after, "seed {seed}, round {round}: {way} after {told:#?}");
        watcher.execute(&["MULTI"]).unwrap();
        let exec = watcher.execute(&["EXEC"]).unwrap();
        assert_eq!(
            exec,
            Value::Array(Vec::new()),
            "seed {seed}, round {round}: a watched key was touched by {told:#?}"
        );
    }
}

#[test]
fn a_script_that_succeeds_stays_and_is_seen_by_who_watches() {
    let engine = Engine::builder(Store::new()).rollback(true).build();
    let mut watcher = engine.session();
    watcher.execute(&["WATCH", "key"]).unwrap();
    engine.eval("redis.call('SET', 'key', 'value')", NONE, NONE).unwrap();
    watcher.execute(&["MULTI"]).unwrap();
    assert!(watcher.execute(&["EXEC"]).unwrap().is_nil());
    assert_eq!(engine.store().get("key").unwrap().unwrap(), "value");
}

#[test]
fn a_script_with_rollback_may_be_killed_after_it_has_written() {
    let engine = Engine::builder(Store::new()).rollback(true).build();
    engine.store().set("key", "old").unwrap();
    std::thread::scope(|threads| {
        let endless =
            threads.spawn(|| engine.eval("redis.call('SET', 'key', 'new') while true do end", NONE, NONE));
        std::thread::sleep(Duration::from_millis(20));
        while engine.script_kill().is_err() {
            std::thread::yield_now();
        }
        assert_eq!(endless.join().unwrap().unwrap_err().kind(), ErrorKind::ScriptKilled);
    });
    assert_eq!(engine.store().get("key").unwrap().unwrap(), "old");
}

#[test]
fn only_the_failed_script_of_a_transaction_is_taken_back() {
    let engine = Engine::new(Store::new());
    let mut session = engine.session();
    let failing =
        "#!lua flags=rollback\nredis.call('SET', 'b', 'script') redis.call('INCR', 'a') error('no')";
    session.execute(&["MULTI"]).unwrap();
    session.execute(&["SET", "a", "1"]).unwrap();
    session.execute(&["EVAL", failing, "0"]).unwrap();
    session.execute(&["APPEND", "a", "0"]).unwrap();
    let Value::Array(replies) = session.execute(&["EXEC"]).unwrap() else { panic!("EXEC") };
    assert!(matches!(replies[1], Value::Error(_)));
    assert_eq!(engine.store().get("a").unwrap().unwrap(), "10");
    assert_eq!(engine.store().get("b").unwrap(), None);
}

#[test]
fn rollback_and_parts_exclude_each_other() {
    let engine = Engine::new(Store::new());
    let error = engine.eval("#!lua flags=rollback,disable-atomicity\nreturn 1", NONE, NONE).unwrap_err();
    assert_eq!(error.to_string(), "ERR The script flags rollback and disable-atomicity exclude each other");
}
