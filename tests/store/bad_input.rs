//! Garbage for every command: no panic, and a command that fails has changed nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use redmoon::{Engine, ManualClock, Store, Value};

use crate::support::{Rng, show_command};

/// Everything that is in the store: databases, keys, values, deadlines.
fn dump(store: &Store) -> Vec<String> {
    let mut all = Vec::new();
    for database in 0..DATABASES {
        let store = store.database(database).unwrap();
        for key in store.execute(&["KEYS", "*"]).unwrap().convert::<Vec<redmoon::Blob>>().unwrap() {
            let value = value(&store, &key);
            let deadline = store.execute(&[b"PEXPIRETIME".as_slice(), &key]).unwrap();
            let encoding = store.execute(&[b"OBJECT".as_slice(), b"ENCODING", &key]).unwrap();
            all.push(format!("{database} {key:?} {value:?} {deadline:?} {encoding:?}"));
        }
    }
    all.sort_unstable();
    all
}

/// The value of a key, whatever it is; what has no order is sorted.
fn value(store: &Store, key: &redmoon::Blob) -> Vec<redmoon::Blob> {
    let read = |command: &[&[u8]]| {
        let value = store.execute(command).unwrap();
        value.convert::<Vec<redmoon::Blob>>().unwrap()
    };
    let kind: String = store.execute(&[b"TYPE".as_slice(), key]).unwrap().convert().unwrap();
    match kind.as_str() {
        "string" => store.get(key).unwrap().into_iter().collect(),
        "list" => read(&[b"LRANGE", key, b"0", b"-1"]),
        "zset" => read(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]),
        "set" => {
            let mut members = read(&[b"SMEMBERS", key]);
            members.sort_unstable();
            members
        }
        "hash" => {
            let pairs = read(&[b"HGETALL", key]);
            let mut fields: Vec<redmoon::Blob> = pairs
                .chunks_exact(2)
                .map(|pair| {
                    let ends = store.execute(&[b"HPEXPIRETIME".as_slice(), key, b"FIELDS", b"1", &pair[0]]);
                    redmoon::Blob::from(format!("{:?} {:?} {:?}", pair[0], pair[1], ends.unwrap()))
                })
                .collect();
            fields.sort_unstable();
            fields
        }
        other => panic!("a key of type {other}"),
    }
}

const DATABASES: usize = 4;
/// No string may grow past this here, so that garbage cannot ask for gigabytes.
const LONGEST: usize = 4_096;

fn store() -> (Store, ManualClock) {
    let clock = ManualClock::at_millis(1_700_000_000_000);
    let store =
        Store::builder().clock(clock.clone()).databases(DATABASES).shards(4).max_string_len(LONGEST).build();
    (store, clock)
}

fn fill(store: &Store) {
    for words in [
        &["SET", "a", "10"][..],
        &["SET", "b", "some text"],
        &["SET", "c", "3.5"],
        &["SET", "", "empty key"],
        &["SET", "d", "9223372036854775807"],
        &["SETRANGE", "e", "1000", "long"],
        &["SET", "f", "deadline", "EX", "100"],
        &["RPUSH", "list", "a", "1", "b"],
        &["SADD", "integers", "1", "2", "3"],
        &["SADD", "set", "a", "b", "1"],
        &["ZADD", "zset", "1", "a", "2.5", "b"],
        &["HSET", "hash", "a", "1", "b", "text"],
        &["HPEXPIRE", "hash", "100000", "FIELDS", "1", "a"],
    ] {
        store.execute(words).unwrap();
    }
    store.database(1).unwrap().set("a", "elsewhere").unwrap();
}

const KEYS: [&str; 13] =
    ["a", "b", "c", "d", "e", "f", "list", "integers", "set", "zset", "hash", "", "nosuch"];

const WORDS: &[&[u8]] = &[
    b"",
    b"a",
    b"b",
    b"c",
    b"d",
    b"e",
    b"f",
    b"nosuch",
    b"0",
    b"1",
    b"2",
    b"-1",
    b"3",
    b"100",
    b"-0",
    b"+1",
    b"01",
    b" 1",
    b"1 ",
    b"1.5",
    b"nan",
    b"inf",
    b"-inf",
    b"1e400",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"18446744073709551616",
    b"4294967296",
    b"2147483648",
    b"-2147483649",
    b"536870912",
    b"\0",
    b"\xff\xfe",
    b"a\r\nb",
    b"*",
    b"[",
    b"\\",
    b"EX",
    b"PX",
    b"EXAT",
    b"PXAT",
    b"NX",
    b"XX",
    b"GT",
    b"LT",
    b"GET",
    b"KEEPTTL",
    b"PERSIST",
    b"REPLACE",
    b"DB",
    b"COUNT",
    b"MATCH",
    b"TYPE",
    b"string",
    b"ASYNC",
    b"SYNC",
    b"LEN",
    b"IDX",
    b"MINMATCHLEN",
    b"WITHMATCHLEN",
    b"HELP",
    b"ex",
    b"return 1",
    b"return redis.call(ARGV[1])",
    b"AUTH",
    b"SETNAME",
    b"FILTERBY",
    b"MODULE",
    b"ACLCAT",
    b"PATTERN",
    b"set",
    b"GETKEYS",
    b"INFO",
    b"EVAL",
];

fn garbage(rng: &mut Rng) -> Vec<u8> {
    match rng.below(15) {
        0 => (0..rng.below(30)).map(|_| rng.below(256) as u8).collect(),
        1 => vec![b'9'; rng.below(400)],
        2 => vec![b'x'; LONGEST - 2 + rng.below(4)],
        3 => rng.next().to_string().into_bytes(),
        4 => (rng.next() as i64).to_string().into_bytes(),
        5..=7 => rng.pick(&KEYS).as_bytes().to_vec(),
        _ => rng.pick(WORDS).to_vec(),
    }
}

/// Every command by its words, subcommands included.
fn commands(store: &Store) -> Vec<Vec<String>> {
    let names = store.execute(&["COMMAND", "LIST"]).unwrap().convert::<Vec<String>>().unwrap();
    let mut all: Vec<Vec<String>> = names.iter().map(|name| vec![name.clone()]).collect();
    for container in ["OBJECT", "SCRIPT", "COMMAND"] {
        for sub in [
            "ENCODING",
            "FREQ",
            "HELP",
            "IDLETIME",
            "REFCOUNT",
            "LOAD",
            "EXISTS",
            "FLUSH",
            "SHOW",
            "KILL",
            "COUNT",
            "DOCS",
            "GETKEYS",
            "GETKEYSANDFLAGS",
            "INFO",
            "LIST",
            "NOSUCH",
        ] {
            all.push(vec![container.to_owned(), sub.to_owned()]);
        }
    }
    all.push(vec!["NOSUCH".to_owned()]);
    all
}

/// Runs `run` for many commands with garbage, and holds the store against itself after each error.
fn bombard(
    seed: u64,
    mut run: impl FnMut(&[Vec<u8>]) -> redmoon::Result<Value>,
    store: &Store,
    clock: &ManualClock,
) {
    let rounds = crate::support::number_from_env("REDMOON_GARBAGE_ROUNDS", 40);
    let mut rng = Rng::new(seed);
    let commands = commands(store);
    let (mut failed, mut answered) = (0, 0);
    for round in 0..rounds {
        for words in &commands {
            if store.dbsize().unwrap() < 4 {
                fill(store);
            }
            let mut args: Vec<Vec<u8>> = words.iter().map(|word| word.clone().into_bytes()).collect();
            let count = if round % 10 == 9 { rng.below(60) } else { rng.below(7) };
            args.extend((0..count).map(|_| garbage(&mut rng)));
            let before = dump(store);
            let reply = catch_unwind(AssertUnwindSafe(|| run(&args)));
            let Ok(reply) = reply else { panic!("a panic in {}", show_command(&args)) };
            match reply {
                Ok(_) => answered += 1,
                Err(error) => {
                    failed += 1;
                    assert_eq!(
                        before,
                        dump(store),
                        "{} failed with {error} and changed the store",
                        show_command(&args)
                    );
                }
            }
            clock.advance(Duration::from_millis(rng.below(3) as u64));
        }
    }
    assert!(failed > 100 && answered > 50, "{failed} errors and {answered} replies are no test");
}

#[test]
fn garbage_by_name_never_panics_and_changes_nothing_when_it_fails() {
    let (store, clock) = store();
    bombard(1, |args| store.execute(args), &store, &clock);
}

#[test]
fn garbage_in_a_session_never_panics_and_changes_nothing_when_it_fails() {
    let (store, clock) = store();
    let engine = Engine::new(store.clone());
    let mut session = engine.session();
    bombard(2, |args| session.execute(args), &store, &clock);
}

#[test]
fn garbage_from_a_script_never_panics_and_changes_nothing_when_it_fails() {
    let (store, clock) = store();
    let engine = Engine::new(store.clone());
    let call = |args: &[Vec<u8>]| engine.eval("return redis.call(unpack(ARGV))", &[""; 0], args);
    bombard(3, call, &store, &clock);
    let strict = Engine::builder(store.clone()).allow_undeclared_keys(false).build();
    let call = |args: &[Vec<u8>]| strict.eval("return redis.call(unpack(ARGV))", &KEYS, args);
    bombard(4, call, &store, &clock);
    let call = |args: &[Vec<u8>]| engine.eval_ro("return redis.call(unpack(ARGV))", &[""; 0], args);
    bombard(5, call, &store, &clock);
}

#[test]
fn garbage_in_a_transaction_never_panics_and_changes_nothing_when_it_fails() {
    let (store, clock) = store();
    let call = |args: &[Vec<u8>]| store.transaction(&KEYS, |tx| tx.execute(args));
    bombard(6, call, &store, &clock);
}

#[test]
fn sizes_past_the_limit_are_refused_before_anything_is_allocated() {
    let store = Store::new();
    for words in [
        &["SETRANGE", "key", "536870912", "x"][..],
        &["SETRANGE", "key", "9223372036854775807", "x"],
        &["SETRANGE", "key", "-1", "x"],
        &["GETRANGE", "key", "x", "1"],
    ] {
        assert!(store.execute(words).is_err(), "{words:?}");
        assert_eq!(store.dbsize().unwrap(), 0);
    }
    store.set("key", "value").unwrap();
    for (start, end) in [(i64::MIN, i64::MAX), (i64::MIN, i64::MIN), (i64::MAX, i64::MIN), (0, i64::MAX)] {
        let reply = store.execute(&["GETRANGE", "key", &start.to_string(), &end.to_string()]);
        assert!(reply.is_ok());
    }
    let (small, _) = self::store();
    small.set("key", "x".repeat(LONGEST)).unwrap();
    for words in [&["APPEND", "key", "x"][..], &["SETRANGE", "key", "4096", "x"]] {
        assert_eq!(small.execute(words).unwrap_err().kind(), redmoon::ErrorKind::TooLarge, "{words:?}");
        assert_eq!(small.strlen("key").unwrap(), LONGEST);
    }
}
