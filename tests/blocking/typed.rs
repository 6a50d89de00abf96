//! The typed methods that wait, as methods that park and as futures.

use std::thread;
use std::time::{Duration, Instant};

use redmoon::{
    Begun, Blob, Engine, ErrorKind, ListSide, ManualClock, NONE, SetOptions, Store, Value, ZsetEnd,
};

use super::{PATIENCE, block_on, blocked, bulk, poll_once, until_blocked};

fn blob(text: &str) -> Blob {
    Blob::from(text)
}

/// Runs what waits on a thread, writes when it waits, and answers what it got.
fn served<T: Send + 'static>(
    store: &Store,
    wait: impl FnOnce(&Store) -> T + Send + 'static,
    write: impl FnOnce(&Store),
) -> T {
    let theirs = store.clone();
    let waiter = thread::spawn(move || wait(&theirs));
    until_blocked(store, 1);
    write(store);
    let got = waiter.join().unwrap();
    assert_eq!(blocked(store), 0);
    got
}

#[test]
fn each_method_that_parks_is_woken_by_a_write() {
    let store = Store::new();
    let push = |store: &Store| assert_eq!(store.rpush("l", &["1", "2", "3"]).unwrap(), 3);
    let add = |store: &Store| assert_eq!(store.zadd("z", &[(1.5, "a"), (2.5, "b"), (3.5, "c")]).unwrap(), 3);

    let got = served(&store, |store| store.blpop(&["x", "l"], None).unwrap(), push);
    assert_eq!(got, Some((blob("l"), blob("1"))));
    store.flushall().unwrap();
    let got = served(&store, |store| store.brpop(&["x", "l"], PATIENCE).unwrap(), push);
    assert_eq!(got, Some((blob("l"), blob("3"))));
    store.flushall().unwrap();
    let moves = |store: &Store| store.blmove("l", "to", ListSide::Left, ListSide::Left, None).unwrap();
    assert_eq!(served(&store, moves, push), Some(blob("1")));
    assert_eq!(store.lrange("to", 0, -1).unwrap(), ["1"]);
    store.flushall().unwrap();
    let got = served(&store, |store| store.brpoplpush("l", "l", None).unwrap(), push);
    assert_eq!(got, Some(blob("3")));
    assert_eq!(store.lrange("l", 0, -1).unwrap(), ["3", "1", "2"]);
    store.flushall().unwrap();
    let got = served(&store, |store| store.blmpop(&["l"], ListSide::Right, 2, None).unwrap(), push);
    assert_eq!(got, Some((blob("l"), vec![blob("3"), blob("2")])));
    store.flushall().unwrap();
    let got = served(&store, |store| store.bzpopmin(&["z", "x"], None).unwrap(), add);
    assert_eq!(got, Some((blob("z"), blob("a"), 1.5)));
    store.flushall().unwrap();
    let got = served(&store, |store| store.bzpopmax(&["z"], None).unwrap(), add);
    assert_eq!(got, Some((blob("z"), blob("c"), 3.5)));
    store.flushall().unwrap();
    let got = served(&store, |store| store.bzmpop(&["z"], ZsetEnd::Max, 2, None).unwrap(), add);
    assert_eq!(got, Some((blob("z"), vec![(blob("c"), 3.5), (blob("b"), 2.5)])));
}

#[test]
fn each_future_is_woken_by_a_write() {
    let store = Store::new();
    let push = |store: &Store| assert_eq!(store.rpush("l", &["1", "2", "3"]).unwrap(), 3);
    let add = |store: &Store| assert_eq!(store.zadd("z", &[(1.5, "a"), (2.5, "b")]).unwrap(), 2);

    let got = served(&store, |store| block_on(store.blpop_async(&["l"])).unwrap(), push);
    assert_eq!(got, (blob("l"), blob("1")));
    let got = block_on(store.brpop_async(&["l"])).unwrap();
    assert_eq!(got, (blob("l"), blob("3")));
    store.flushall().unwrap();
    let moves =
        |store: &Store| block_on(store.blmove_async("l", "to", ListSide::Left, ListSide::Left)).unwrap();
    assert_eq!(served(&store, moves, push), blob("1"));
    assert_eq!(block_on(store.brpoplpush_async("l", "to")).unwrap(), "3");
    store.flushall().unwrap();
    let got = served(&store, |store| block_on(store.blmpop_async(&["l"], ListSide::Left, 9)).unwrap(), push);
    assert_eq!(got, (blob("l"), vec![blob("1"), blob("2"), blob("3")]));
    let got = served(&store, |store| block_on(store.bzpopmin_async(&["z"])).unwrap(), add);
    assert_eq!(got, (blob("z"), blob("a"), 1.5));
    let got = block_on(store.bzpopmax_async(&["z"])).unwrap();
    assert_eq!(got, (blob("z"), blob("b"), 2.5));
    let got = served(&store, |store| block_on(store.bzmpop_async(&["z"], ZsetEnd::Min, 1)).unwrap(), add);
    assert_eq!(got, (blob("z"), vec![(blob("a"), 1.5)]));
}

#[test]
fn bad_arguments_are_told_at_once() {
    let store = Store::new();
    store.set("text", "x").unwrap();
    let none: &[&str] = &[];
    let error = store.blpop(none, None).unwrap_err();
    assert_eq!(error.to_string(), "ERR numkeys should be greater than 0");
    let error = block_on(store.bzmpop_async(&["k"], ZsetEnd::Min, 0)).unwrap_err();
    assert_eq!(error.to_string(), "ERR count should be greater than 0");
    assert_eq!(store.bzpopmin(&["k", "text"], None).unwrap_err().kind(), ErrorKind::WrongType);
    assert_eq!(block_on(store.blpop_async(&["text"])).unwrap_err().kind(), ErrorKind::WrongType);
    assert_eq!(blocked(&store), 0);
}

#[test]
fn a_time_limit_holds_and_leaves_nobody_behind() {
    let store = Store::new();
    let start = Instant::now();
    assert_eq!(store.blpop(&["k", "l"], Duration::from_millis(60)).unwrap(), None);
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert_eq!(store.blpop(&["k", "l"], Duration::ZERO).unwrap(), None);
    assert_eq!(blocked(&store), 0);
    store.rpush("k", &["1"]).unwrap();
    assert_eq!(store.llen("k").unwrap(), 1);
}

#[test]
fn a_transaction_serves_when_it_succeeds_and_does_not_wait_itself() {
    let store = Store::new();
    let mut pending = store.blpop_async(&["k"]);
    assert!(poll_once(&mut pending).is_pending());
    let failed = store.transaction(&["k"], |tx| {
        tx.rpush("k", &["never"])?;
        Err::<(), _>(redmoon::Error::new("OOPS no"))
    });
    assert_eq!(failed.unwrap_err().code(), "OOPS");
    assert!(poll_once(&mut pending).is_pending());
    let inside = store.transaction(&["k", "other"], |tx| {
        assert_eq!(tx.blpop(&["k", "other"], None)?, None);
        assert!(tx.blpop(&["undeclared"], None).is_err());
        assert!(block_on(tx.blpop_async(&["k"])).is_err());
        tx.rpush("k", &["1", "2"])?;
        assert!(poll_once(&mut pending).is_pending());
        tx.blpop(&["other", "k"], PATIENCE)
    });
    assert_eq!(inside.unwrap(), Some((blob("k"), blob("1"))));
    assert_eq!(block_on(pending).unwrap(), (blob("k"), blob("2")));
}

#[test]
fn a_script_that_is_rolled_back_serves_nobody() {
    let store = Store::new();
    let engine = Engine::builder(store.clone()).rollback(true).build();
    let mut pending = store.blpop_async(&["k"]);
    assert!(poll_once(&mut pending).is_pending());
    let pushes = "redis.call('RPUSH', KEYS[1], ARGV[1])";
    engine.eval(format!("{pushes} error('no')"), &["k"], &["never"]).unwrap_err();
    assert!(poll_once(&mut pending).is_pending());
    engine.eval(pushes, &["k"], &["1"]).unwrap();
    assert_eq!(block_on(pending).unwrap(), (blob("k"), blob("1")));
}

#[test]
fn a_rolled_back_script_in_an_exec_takes_nothing_from_those_who_wait_for_the_rest() {
    let store = Store::new();
    let engine = Engine::builder(store.clone()).rollback(true).build();
    let mut session = engine.session();
    let mut pending = store.blpop_async(&["k"]);
    assert!(poll_once(&mut pending).is_pending());
    for command in [
        &["MULTI"][..],
        &["RPUSH", "k", "1"],
        &["EVAL", "redis.call('RPUSH', KEYS[1], 'never') error('no')", "1", "k"],
        &["EXEC"],
    ] {
        session.execute(command).unwrap();
    }
    assert_eq!(block_on(pending).unwrap(), (blob("k"), blob("1")));
    assert_eq!(store.llen("k").unwrap(), 0);
}

#[test]
fn a_key_that_is_past_its_time_is_not_there() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    store.set_with("k", "text", SetOptions::new().ex(1)).unwrap();
    assert_eq!(store.blpop(&["k"], None).unwrap_err().kind(), ErrorKind::WrongType);
    clock.advance(Duration::from_secs(2));
    let got = served(
        &store,
        |store| store.blpop(&["k"], None).unwrap(),
        |store| {
            store.rpush("k", &["1"]).unwrap();
        },
    );
    assert_eq!(got, Some((blob("k"), blob("1"))));
    store.rpush("k", &["1"]).unwrap();
    store.expire("k", 1).unwrap();
    clock.advance(Duration::from_secs(2));
    assert_eq!(store.blpop(&["k"], Duration::from_millis(1)).unwrap(), None);
}

#[test]
fn a_session_parks_and_hands_out_what_waits() {
    let store = Store::new();
    let engine = Engine::new(store.clone());
    let waiting = thread::spawn({
        let mut session = engine.session();
        move || session.execute(&["BLPOP", "k", "0"]).unwrap()
    });
    until_blocked(&store, 1);
    store.rpush("k", &["1"]).unwrap();
    assert_eq!(waiting.join().unwrap(), Value::Array(vec![bulk("k"), bulk("1")]));

    let mut session = engine.session();
    let Ok(Begun::Waiting(waiting)) = session.begin(&["BLMOVE", "k", "l", "LEFT", "RIGHT", "1.5"]) else {
        panic!()
    };
    assert!(waiting.remaining().unwrap() <= Duration::from_millis(1500));
    assert_eq!(waiting.time_out().unwrap(), Value::NilArray);
    assert!(matches!(session.begin(&["PING"]), Ok(Begun::Done(_))));
    assert!(session.begin(&["BLPOP", "k", "x"]).is_err());
    assert_eq!(blocked(&store), 0);
}

#[test]
fn a_sessions_future_minds_the_commands_time_limit_by_the_callers_timer() {
    let store = Store::new();
    let mut session = Engine::new(store.clone()).session();
    let never = |_| std::future::pending::<()>();
    let mut asked = None;
    let at_once = |time: Duration| {
        asked = Some(time);
        std::future::ready(())
    };
    let reply = block_on(session.execute_async(&["BLPOP", "k", "7"], at_once)).unwrap();
    assert_eq!(reply, Value::NilArray);
    assert!(asked.unwrap() <= Duration::from_secs(7) && asked.unwrap() > Duration::from_secs(5));
    assert_eq!(blocked(&store), 0);
    let pusher = thread::spawn({
        let store = store.clone();
        move || {
            until_blocked(&store, 1);
            store.rpush("k", &["1"]).unwrap();
        }
    });
    let reply = block_on(session.execute_async(&["BLPOP", "k", "1000"], never)).unwrap();
    assert_eq!(reply, Value::Array(vec![bulk("k"), bulk("1")]));
    pusher.join().unwrap();
    let reply = block_on(session.execute_async(&["EVAL", "return 1", "0"], never)).unwrap();
    assert_eq!(reply, Value::Integer(1));
    let error = block_on(session.execute_async(&["BLPOP", "k", "-1"], never)).unwrap_err();
    assert_eq!(error.to_string(), "ERR timeout is negative");
}

#[test]
fn futures_go_to_other_threads() {
    fn is_send<T: Send>(_: &T) {}
    let store = Store::new();
    is_send(&store.blpop_async(&["k"]));
    let mut session = Engine::new(store).session();
    is_send(&session.execute_async(&["BLPOP", "k", "0"], |_| std::future::ready(())));
}

#[test]
fn a_store_without_a_session_does_not_wait_for_commands_by_name() {
    let store = Store::new();
    assert_eq!(store.execute(&["BLPOP", "k", "0"]).unwrap(), Value::NilArray);
    assert_eq!(store.execute(&["BLMOVE", "k", "l", "LEFT", "LEFT", "0"]).unwrap(), Value::Nil);
    store.rpush("k", &["1"]).unwrap();
    let got = store.execute(&["BLPOP", "k", "0"]).unwrap();
    assert_eq!(got, Value::Array(vec![bulk("k"), bulk("1")]));
    let engine = Engine::new(store);
    let nothing = engine.eval("return redis.call('BLMPOP', 0, 1, 'k', 'LEFT')", NONE, NONE).unwrap();
    assert_eq!(nothing, Value::Nil);
}
