//! Callers that go away: what they waited for, and what they were served and did not take.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use redmoon::{Begun, Engine, ErrorKind, ListSide, NONE, Store, ZsetEnd};

use super::{PATIENCE, block_on, blocked, poll_once, until_blocked};

#[test]
fn a_future_that_is_dropped_before_it_is_served_leaves_no_trace() {
    let store = Store::new();
    let mut pending = store.blpop_async(&["k", "l"]);
    assert_eq!(blocked(&store), 0, "it does not begin before it is polled");
    assert!(poll_once(&mut pending).is_pending());
    assert_eq!(blocked(&store), 1);
    drop(pending);
    assert_eq!(blocked(&store), 0);
    for key in ["k", "l"] {
        store.rpush(key, &["1"]).unwrap();
        assert_eq!(store.llen(key).unwrap(), 1);
    }
    drop(store.blpop_async(&["k"]));
    assert_eq!(store.llen("k").unwrap(), 1);
}

#[test]
fn what_a_dropped_future_was_served_is_put_back_where_it_was() {
    let store = Store::new();
    let mut left = store.blpop_async(&["k"]);
    let mut right = store.brpop_async(&["k"]);
    assert!(poll_once(&mut left).is_pending() && poll_once(&mut right).is_pending());
    store.rpush("k", &["1", "2", "3"]).unwrap();
    assert_eq!(store.lrange("k", 0, -1).unwrap(), ["2"]);
    assert_eq!(blocked(&store), 0);
    drop(left);
    drop(right);
    assert_eq!(store.lrange("k", 0, -1).unwrap(), ["1", "2", "3"]);

    let mut many = store.blmpop_async(&["j"], ListSide::Right, 2);
    assert!(poll_once(&mut many).is_pending());
    store.rpush("j", &["1", "2", "3"]).unwrap();
    assert_eq!(store.lrange("j", 0, -1).unwrap(), ["1"]);
    drop(many);
    assert_eq!(store.lrange("j", 0, -1).unwrap(), ["1", "2", "3"]);

    let mut least = store.bzpopmin_async(&["z"]);
    let mut most = store.bzmpop_async(&["z"], ZsetEnd::Max, 2);
    assert!(poll_once(&mut least).is_pending() && poll_once(&mut most).is_pending());
    store.zadd("z", &[(0.1, "a"), (2.0, "b"), (f64::INFINITY, "c"), (1e-300, "d")]).unwrap();
    assert_eq!(store.zcard("z").unwrap(), 1);
    // A member that is there again keeps its new score.
    store.zadd("z", &[(7.0, "b")]).unwrap();
    drop(least);
    drop(most);
    for (member, score) in [("a", 0.1), ("b", 7.0), ("c", f64::INFINITY), ("d", 1e-300)] {
        assert_eq!(store.zscore("z", member).unwrap(), Some(score), "{member}");
    }
}

#[test]
fn a_session_that_goes_puts_back_what_it_did_not_take() {
    let store = Store::new();
    let engine = Engine::new(store.clone());
    for hello in ["2", "3"] {
        let mut session = engine.session();
        session.execute(&["HELLO", hello]).unwrap();
        let Ok(Begun::Waiting(waiting)) = session.begin(&["BZPOPMAX", "z", "0"]) else {
            panic!("it is empty")
        };
        store.zadd("z", &[(0.1, "a")]).unwrap();
        assert_eq!(store.zcard("z").unwrap(), 0);
        drop(waiting);
        drop(session);
        assert_eq!(store.zpopmin("z").unwrap(), Some(("a".into(), 0.1)));
    }
    let mut session = engine.session();
    let Ok(Begun::Waiting(waiting)) = session.begin(&["BLPOP", "k", "0"]) else { panic!("it is empty") };
    assert_eq!(blocked(&store), 1);
    drop(waiting);
    drop(session);
    assert_eq!(blocked(&store), 0);
    store.rpush("k", &["1"]).unwrap();
    assert_eq!(store.llen("k").unwrap(), 1);
}

#[test]
fn what_is_put_back_serves_the_next_who_waits() {
    let store = Store::new();
    let mut first = store.blpop_async(&["k"]);
    let mut second = store.blpop_async(&["k"]);
    assert!(poll_once(&mut first).is_pending() && poll_once(&mut second).is_pending());
    store.rpush("k", &["1"]).unwrap();
    assert!(poll_once(&mut second).is_pending());
    drop(first);
    assert_eq!(block_on(second).unwrap(), ("k".into(), "1".into()));
}

#[test]
fn what_was_moved_for_a_caller_who_has_gone_stays_where_it_is() {
    let store = Store::new();
    let mut pending = store.blmove_async("from", "to", ListSide::Left, ListSide::Right);
    assert!(poll_once(&mut pending).is_pending());
    store.rpush("from", &["1"]).unwrap();
    drop(pending);
    assert_eq!(store.lrange("to", 0, -1).unwrap(), ["1"]);
    assert_eq!(store.exists(&["from"]).unwrap(), 0);
}

/// Runs `meanwhile` while a script that has written is past its time and holds these keys, or all.
fn while_overdue(store: &Store, keys: &[&'static str], meanwhile: impl FnOnce()) {
    let (release, released) = channel::<()>();
    let (reach, reached) = channel();
    let gate = Mutex::new((reach, released));
    let engine = Engine::builder(store.clone())
        .time_limit(Duration::from_millis(20))
        .allow_undeclared_keys(keys.is_empty())
        .log(move |_, _| {
            let gate = gate.lock().unwrap();
            gate.0.send(()).unwrap();
            let _ = gate.1.recv_timeout(PATIENCE);
        })
        .build();
    let script = "redis.call('RPUSH', KEYS[1] or 'held', 'x') for i=1,2e7 do end redis.log(3, 'overdue')";
    let keys = keys.to_vec();
    let writer = thread::spawn(move || engine.eval(script, &keys, NONE));
    reached.recv_timeout(PATIENCE).expect("the script runs to its call of redis.log");
    meanwhile();
    release.send(()).unwrap();
    writer.join().unwrap().unwrap();
}

#[test]
fn what_goes_while_a_script_is_overdue_is_put_back_after_it() {
    let store = Store::new();
    for keys in [&[][..], &["k"]] {
        let mut served = store.blpop_async(&["k", "other"]);
        let mut waiting = store.blpop_async(&["l", "k"]);
        assert!(poll_once(&mut served).is_pending() && poll_once(&mut waiting).is_pending());
        store.rpush("other", &["1"]).unwrap();
        while_overdue(&store, keys, || {
            drop(served);
            drop(waiting);
            let busy = store.blpop(&["k"], None).unwrap_err();
            assert_eq!(busy.kind(), ErrorKind::Busy);
        });
        assert_eq!(store.lrange("other", 0, -1).unwrap(), ["1"], "{keys:?}");
        store.rpush("l", &["1"]).unwrap();
        assert_eq!(store.llen("l").unwrap(), 1);
        assert_eq!(blocked(&store), 0);
        store.flushall().unwrap();
    }
}

#[test]
fn who_waits_to_move_to_a_key_of_an_overdue_script_is_served_after_it() {
    let store = Store::new();
    let mut moved = store.blmove_async("from", "to", ListSide::Left, ListSide::Right);
    let mut next = store.blpop_async(&["from"]);
    assert!(poll_once(&mut moved).is_pending() && poll_once(&mut next).is_pending());
    while_overdue(&store, &["to"], || {
        // The keys are likely on different shards; on the same one the push is refused, and nothing is to be seen.
        if store.rpush("from", &["1", "2"]).is_ok() {
            assert!(poll_once(&mut moved).is_pending());
            // First come, first served: also if the second could be served at once.
            assert!(poll_once(&mut next).is_pending());
        }
    });
    if store.exists(&["to"]).unwrap() == 1 && store.llen("to").unwrap() == 1 {
        store.rpush("from", &["1", "2"]).unwrap();
    }
    assert_eq!(block_on(moved).unwrap(), "1");
    assert_eq!(block_on(next).unwrap(), ("from".into(), "2".into()));
    assert_eq!(store.lrange("to", 0, -1).unwrap(), ["x", "1"]);
}

/// A program whose waker drops the task, and the future in it, while the waker is called.
#[test]
fn a_future_may_be_dropped_by_its_own_waker() {
    use std::sync::Arc;
    use std::task::{Context, Wake, Waker};

    type Task = Mutex<Option<redmoon::Pending<(redmoon::Blob, redmoon::Blob)>>>;
    struct Dropper(Arc<Task>);
    impl Wake for Dropper {
        fn wake(self: Arc<Self>) {
            let task = self.0.lock().unwrap().take();
            drop(task);
        }
    }
    let store = Store::new();
    let task: Arc<Task> = Arc::new(Mutex::new(Some(store.blpop_async(&["k"]))));
    let waker = Waker::from(Arc::new(Dropper(Arc::clone(&task))));
    let polled =
        std::pin::Pin::new(task.lock().unwrap().as_mut().unwrap()).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    store.rpush("k", &["1"]).unwrap();
    assert_eq!(store.lrange("k", 0, -1).unwrap(), ["1"]);
    assert_eq!(blocked(&store), 0);
}

#[test]
fn many_who_wait_and_go_leave_only_those_who_stay() {
    let store = Store::new();
    let mut pending: Vec<_> = (0..100).map(|_| store.blpop_async(&["k", "l"])).collect();
    pending.iter_mut().for_each(|future| assert!(poll_once(future).is_pending()));
    until_blocked(&store, 100);
    let mut nth = 0;
    pending.retain(|_| {
        nth += 1;
        nth % 3 == 0
    });
    assert_eq!(blocked(&store), pending.len());
    let elements: Vec<String> = (0..pending.len()).map(|n| n.to_string()).collect();
    store.rpush("l", &elements).unwrap();
    for (future, element) in pending.into_iter().zip(elements) {
        assert_eq!(block_on(future).unwrap(), ("l".into(), element.into()));
    }
    assert_eq!((blocked(&store), store.exists(&["l"]).unwrap()), (0, 0));
}
