//! `Store::transaction` and atomic pipelines: all typed methods, all or nothing, and nobody in between.

use std::time::Duration;

use redmoon::{Engine, Error, SetOptions, Store, Value, ZaddOptions};

#[test]
fn all_families_work_in_a_transaction_and_stay() {
    let store = Store::new();
    let keys = ["text", "hash", "list", "set", "zset"];
    let sum = store.transaction(&keys, |tx| {
        tx.set_with("text", "1", SetOptions::new().ex(100))?;
        tx.hset("hash", &[("field", "value")])?;
        tx.rpush("list", &["a", "b"])?;
        tx.sadd("set", &["member"])?;
        tx.zadd_with("zset", ZaddOptions::new(), &[(1.5, "member")])?;
        assert_eq!(tx.zcount("zset", 1.0, 2.0)?, 1);
        assert_eq!(tx.execute(&["LLEN", "list"])?, Value::Integer(2));
        tx.incr("text")
    });
    assert_eq!(sum, Ok(2));
    assert_eq!(store.exists(&keys), Ok(5));
}

#[test]
fn a_key_that_was_not_declared_is_refused_by_typed_methods_and_by_name() {
    let store = Store::new();
    store.set("other", "as it was").unwrap();
    let refused = store.transaction(&["key"], |tx| {
        tx.set("key", "value")?;
        assert!(tx.execute(&["SET", "other", "x"]).is_err());
        assert!(tx.flushall().is_err());
        assert!(tx.execute(&["FLUSHALL"]).is_err());
        tx.set("other", "x")
    });
    assert!(refused.unwrap_err().to_string().contains("other"));
    assert_eq!(store.get("other").unwrap().unwrap(), "as it was");
    assert_eq!(store.get("key"), Ok(None));
}

#[test]
fn a_handle_that_outlives_its_transaction_answers_an_error() {
    let store = Store::new();
    let handle = store.transaction(&["key"], |tx| Ok(Store::clone(tx))).unwrap();
    assert_eq!(handle.get("key").unwrap_err().to_string(), "ERR this transaction is over");
    assert_eq!(store.get("key"), Ok(None));
}

#[test]
fn a_transaction_within_a_transaction_is_refused_and_takes_the_outer_one_back() {
    let store = Store::new();
    let nested = store.transaction(&["a", "b"], |tx| {
        tx.set("a", "1")?;
        tx.transaction(&["b"], |_| Ok(()))
    });
    assert_eq!(nested.unwrap_err().to_string(), "ERR transactions can not be nested");
    assert_eq!(store.get("a"), Ok(None));
}

#[test]
fn another_database_of_the_store_is_reached_by_the_same_transaction() {
    let store = Store::new();
    let failed: Result<(), Error> = store.transaction(&["key"], |tx| {
        tx.database(3)?.set("key", "there")?;
        tx.set("key", "here")?;
        Err(Error::new("NO thanks"))
    });
    assert!(failed.is_err());
    store.transaction(&["key"], |tx| tx.database(4)?.set("key", "there")).unwrap();
    assert_eq!(store.get("key"), Ok(None));
    assert_eq!(store.database(3).unwrap().get("key"), Ok(None));
    assert_eq!(store.database(4).unwrap().get("key").unwrap().unwrap(), "there");
}

#[test]
fn who_waits_is_served_by_a_transaction_that_succeeds_and_not_by_one_that_fails() {
    let store = Store::new();
    let waiting = {
        let store = store.clone();
        std::thread::spawn(move || store.blpop(&["list"], Duration::from_secs(20)))
    };
    while !store.info(&["clients"]).unwrap().contains("blocked_clients:1") {
        std::thread::yield_now();
    }
    let failed: Result<(), Error> = store.transaction(&["list"], |tx| {
        tx.rpush("list", &["in vain"])?;
        Err(Error::new("NO thanks"))
    });
    assert!(failed.is_err());
    store.transaction(&["list"], |tx| tx.rpush("list", &["taken", "left"])).unwrap();
    let (key, element) = waiting.join().unwrap().unwrap().unwrap();
    assert_eq!((key, element), ("list".into(), "taken".into()));
    assert_eq!(store.llen("list"), Ok(1));
}

#[test]
fn a_watch_sees_a_transaction_that_succeeds_and_not_one_that_fails() {
    let store = Store::new();
    let engine = Engine::new(store.clone());
    for (fails, runs) in [(true, true), (false, false)] {
        let mut session = engine.session();
        session.execute(&["WATCH", "key"]).unwrap();
        let result = store.transaction(&["key"], |tx| {
            tx.set("key", "value")?;
            if fails { Err(Error::new("NO thanks")) } else { Ok(()) }
        });
        assert_eq!(result.is_err(), fails);
        session.execute(&["MULTI"]).unwrap();
        assert_eq!(session.execute(&["EXEC"]).unwrap().is_nil(), !runs);
    }
}

#[test]
fn an_atomic_pipeline_answers_each_step_and_nobody_comes_between() {
    let engine = Engine::new(Store::new());
    let script = engine.script("return redis.call('INCR', KEYS[1])");
    let pipeline = engine
        .pipeline()
        .atomic()
        .incr("n")
        .script(&script, &["n"], redmoon::NONE)
        .lpush("n", &["x"])
        .incr("n");
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..200 {
                    let replies = pipeline.execute_each().unwrap();
                    let first: i64 = replies[0].clone().unwrap().convert().unwrap();
                    assert_eq!(replies[1], Ok(Value::Integer(first + 1)));
                    assert!(replies[2].as_ref().unwrap_err().to_string().starts_with("WRONGTYPE"));
                    assert_eq!(replies[3], Ok(Value::Integer(first + 2)));
                }
            });
        }
    });
    assert_eq!(engine.store().get("n").unwrap().unwrap(), "2400");
}

#[test]
fn an_atomic_pipeline_with_a_step_that_is_no_command_runs_nothing() {
    let engine = Engine::new(Store::new());
    let error = engine.pipeline().atomic().incr("n").command(&["NOSUCH"]).execute_each().unwrap_err();
    assert_eq!(error.to_string(), "EXECABORT Transaction discarded because of previous errors.");
    assert_eq!(engine.store().get("n"), Ok(None));
}
