//! The `Script` object: it survives flushes, and its replies become Rust values.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redmoon::{Engine, ErrorKind, Store, Value};

use super::{returned, sha, within};

fn engine() -> Engine {
    Engine::new(Store::new())
}

#[test]
fn a_script_survives_a_flush_and_an_eviction() {
    let engine = engine();
    let source = "return redis.call('INCRBY',KEYS[1],ARGV[1])";
    let script = engine.script(source);
    assert_eq!(script.sha(), sha(source));
    assert_eq!(engine.script_exists(&[sha(source)]), [false]);
    for round in 1..=3 {
        assert_eq!(script.key("n").arg(5).invoke::<i64>().unwrap(), 5 * round);
        assert_eq!(engine.script_exists(&[sha(source)]), [true]);
        engine.script_flush();
    }
}

#[test]
fn flushes_from_another_thread_lose_no_call() {
    within(Duration::from_secs(60), || {
        let engine = engine();
        let over = AtomicBool::new(false);
        std::thread::scope(|threads| {
            let flusher = threads.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    engine.script_flush();
                }
            });
            let callers: Vec<_> = (0..3)
                .map(|_| {
                    let script = engine.script("return redis.call('INCR',KEYS[1])");
                    threads.spawn(move || {
                        for _ in 0..200 {
                            script.key("n").invoke::<()>().unwrap();
                        }
                    })
                })
                .collect();
            for caller in callers {
                caller.join().unwrap();
            }
            over.store(true, Ordering::Relaxed);
            flusher.join().unwrap();
        });
        assert_eq!(engine.store().get("n").unwrap().unwrap(), "600");
    });
}

#[test]
fn replies_become_rust_values() {
    let engine = engine();
    let run = |source: &str| engine.script(source);
    assert_eq!(
        run("return {1,'two',false}").invoke::<(i64, String, Option<String>)>().unwrap(),
        (1, "two".into(), None)
    );
    assert_eq!(run("return {1,2,3}").invoke::<Vec<u8>>().unwrap(), [1, 2, 3]);
    assert_eq!(run("return {'a','b'}").invoke::<Vec<String>>().unwrap(), ["a", "b"]);
    assert_eq!(run("return {}").invoke::<Vec<i64>>().unwrap(), [0; 0]);
    assert_eq!(
        run("return {{1,'x'},{2,'y'}}").invoke::<Vec<(i64, String)>>().unwrap(),
        [(1, "x".into()), (2, "y".into())]
    );
    assert_eq!(run("return false").invoke::<Option<i64>>().unwrap(), None);
    assert_eq!(run("return 7").invoke::<Option<i64>>().unwrap(), Some(7));
    assert_eq!(run("return nil").invoke::<Value>().unwrap(), Value::Nil);
    assert!(run("return true").invoke::<bool>().unwrap());
    assert!(!run("return false").invoke::<bool>().unwrap());
    assert!(!run("return 0").invoke::<bool>().unwrap());
    assert!(run("return redis.call('SET','k','v')").invoke::<bool>().unwrap());
    assert!((run("return '2.5'").invoke::<f64>().unwrap() - 2.5).abs() < f64::EPSILON);
    assert!((run("return {double=0.1}").invoke::<f64>().unwrap() - 0.1).abs() < f64::EPSILON);
    assert!(
        (run("return 3.9").invoke::<f64>().unwrap() - 3.0).abs() < f64::EPSILON,
        "a number is sent as an integer"
    );
    assert_eq!(run("return '42'").invoke::<u16>().unwrap(), 42);
    assert_eq!(run("return 5").invoke::<String>().unwrap(), "5");
    assert_eq!(run("return {ok='fine'}").invoke::<String>().unwrap(), "fine");
    let want = HashMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
    assert_eq!(run("return {'a',1,'b',2}").invoke::<HashMap<String, i64>>().unwrap(), want);
    assert_eq!(run("return {map={a=1,b=2}}").invoke::<HashMap<String, i64>>().unwrap(), want);
    run("return {1,2}").invoke::<()>().unwrap();
}

#[test]
fn a_reply_that_does_not_fit_is_a_conversion_error() {
    let engine = engine();
    let run = |source: &str| engine.script(source);
    let errors = [
        run("return 'x'").invoke::<i64>().unwrap_err(),
        run("return 300").invoke::<u8>().unwrap_err(),
        run("return -1").invoke::<u64>().unwrap_err(),
        run("return nil").invoke::<i64>().unwrap_err(),
        run("return {1,2,3}").invoke::<(i64, i64)>().unwrap_err(),
        run("return {1,'x'}").invoke::<Vec<i64>>().unwrap_err(),
        run("return {'a'}").invoke::<HashMap<String, i64>>().unwrap_err(),
        run("return 2").invoke::<bool>().unwrap_err(),
        run("return '\\255'").invoke::<String>().unwrap_err(),
        run("return {}").invoke::<String>().unwrap_err(),
    ];
    for (index, error) in errors.iter().enumerate() {
        assert_eq!(error.kind(), ErrorKind::Conversion, "{index}: {error}");
    }
}

#[test]
fn errors_come_with_their_kind_and_text() {
    let engine = engine();
    engine.store().set("text", "x").unwrap();
    let kind = |source: &str| engine.script(source).invoke::<Value>().unwrap_err().kind();
    assert_eq!(kind("return 1 +"), ErrorKind::ScriptCompile);
    assert_eq!(kind("#!lua flags=nosuch\nreturn 1"), ErrorKind::ScriptCompile);
    assert_eq!(kind("error('x')"), ErrorKind::ScriptRuntime);
    assert_eq!(kind("return nosuch"), ErrorKind::ScriptRuntime);
    assert_eq!(kind("return {err='MINE is it'}"), ErrorKind::Other);
    let source = "return redis.call('INCR','text')";
    let error = engine.script(source).invoke::<i64>().unwrap_err();
    let want =
        format!("ERR value is not an integer or out of range script: {}, on @user_script:1.", sha(source));
    assert_eq!(error.to_string(), returned(want));
    let error = engine.script("return {err='MINE is it'}").invoke::<i64>().unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), ("MINE", "MINE is it"));
    let error = engine.script("return {1,{err='MINE is it'}}").invoke::<(i64, i64)>().unwrap_err();
    assert_eq!(error.to_string(), "MINE is it", "an error inside a reply is the error of its conversion");
}

#[test]
fn numbers_and_bytes_are_arguments() {
    let engine = engine();
    let script = engine.script("return ARGV");
    let call = script.arg(1).arg(-2_i8).arg(u64::MAX).arg(2.5).arg(1e17).arg(0.1_f32).arg(true).arg("text");
    let got: Vec<String> = call.arg(String::from("own")).arg(b"bytes").arg(3.0).invoke().unwrap();
    let want = [
        "1",
        "-2",
        "18446744073709551615",
        "2.5",
        "100000000000000000",
        "0.1",
        "1",
        "text",
        "own",
        "bytes",
        "3",
    ];
    assert_eq!(got, want);
    let keys: Vec<String> = engine.script("return KEYS").key("a").key(7).key("a").arg("x").invoke().unwrap();
    assert_eq!(keys, ["a", "7", "a"]);
    let binary: redmoon::Blob = engine.script("return ARGV[1]").arg(vec![0, 255, 10]).invoke().unwrap();
    assert_eq!(binary.as_bytes(), [0, 255, 10]);
}

#[test]
fn a_prepared_call_can_be_made_again() {
    let engine = engine();
    let script = engine.script("return redis.call('INCRBY',KEYS[1],ARGV[1])");
    let call = script.key("n").arg(2);
    assert_eq!((call.invoke::<i64>().unwrap(), call.invoke::<i64>().unwrap()), (2, 4));
    assert_eq!(call.clone().arg("more").invoke::<i64>().unwrap(), 6);
    assert_eq!(script.prepare().key("n").arg(1).invoke::<i64>().unwrap(), 7);
}
