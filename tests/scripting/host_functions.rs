//! Rust functions that scripts call as `host.name(...)`.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use redmoon::{Blob, Engine, Error, ErrorKind, NONE, Store, Value};

use super::{returned, within};

/// An engine with a function that notes its arguments and answers what it is given.
fn engine(answer: impl Fn() -> Value + Send + Sync + 'static) -> (Engine, Arc<Mutex<Vec<Value>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let f = move |args: &[Value]| {
        *note.lock().unwrap() = args.to_vec();
        Ok(answer())
    };
    (Engine::builder(Store::new()).function("f", f).build(), seen)
}

fn bulk(text: &str) -> Value {
    Value::from(text)
}

/// Pairs of maps have no order; these tests give them one.
fn in_order(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(in_order).collect()),
        Value::Map(pairs) => {
            let mut pairs: Vec<_> = pairs.into_iter().map(|(key, value)| (key, in_order(value))).collect();
            pairs.sort_by_key(|(key, _)| format!("{key:?}"));
            Value::Map(pairs)
        }
        other => other,
    }
}

#[test]
fn arguments_come_as_the_values_that_say_the_same() {
    let (engine, seen) = engine(|| Value::Nil);
    for (arguments, expected) in [
        ("", vec![]),
        ("nil", vec![Value::Nil]),
        ("true, false", vec![Value::Boolean(true), Value::Boolean(false)]),
        ("1, -0, 2^53, -2^63", { [1, 0, 1 << 53, i64::MIN].map(Value::Integer).to_vec() }),
        ("2^63, 1.5, 1/0", [9_223_372_036_854_775_808.0, 1.5, f64::INFINITY].map(Value::Double).to_vec()),
        ("'', 'a\\0b', '12', KEYS[1]", ["", "a\0b", "12", "key"].map(bulk).to_vec()),
        ("{}, {1, {'two'}}", {
            let inner = Value::Array(vec![bulk("two")]);
            vec![Value::Array(vec![]), Value::Array(vec![Value::Integer(1), inner])]
        }),
        ("{a=1, [true]={b={}}, [2]='x'}", {
            let inner = Value::Map(vec![(bulk("b"), Value::Array(vec![]))]);
            let pairs = vec![
                (bulk("a"), Value::Integer(1)),
                (Value::Boolean(true), inner),
                (Value::Integer(2), bulk("x")),
            ];
            vec![Value::Map(pairs)]
        }),
        (
            "{1, nil, 3}",
            vec![Value::Map(vec![
                (Value::Integer(1), Value::Integer(1)),
                (Value::Integer(3), Value::Integer(3)),
            ])],
        ),
        ("{cjson.null}, redis.call('SET', KEYS[1], 1)", {
            vec![Value::Array(vec![Value::Nil]), Value::Map(vec![(bulk("ok"), bulk("OK"))])]
        }),
    ] {
        engine.eval(format!("return host.f({arguments})"), &["key"], NONE).unwrap();
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(in_order(Value::Array(seen)), in_order(Value::Array(expected)), "{arguments}");
    }
    engine.eval("return host.f(0/0)", NONE, NONE).unwrap();
    assert!(matches!(seen.lock().unwrap()[..], [Value::Double(number)] if number.is_nan()));
}

#[test]
fn results_are_what_lua_would_have() {
    for (answer, expression, expected) in [
        (Value::Nil, "type(v)", "nil"),
        (Value::NilArray, "type(v)", "nil"),
        (Value::Integer(-7), "type(v) .. v", "number-7"),
        (Value::Double(0.5), "type(v) .. v", "number0.5"),
        (Value::Boolean(false), "type(v) .. tostring(v)", "booleanfalse"),
        (bulk("text"), "v", "text"),
        (Value::Status(Blob::from("FINE")), "v", "FINE"),
        (Value::BigNumber(Blob::from("123")), "v", "123"),
        (Value::Verbatim { format: *b"txt", text: Blob::from("v") }, "v", "v"),
        (Value::Array(vec![bulk("a"), Value::Nil, bulk("c")]), "v[1] .. tostring(v[2]) .. v[3]", "anilc"),
        (Value::Push(vec![bulk("a")]), "v[1] .. #v", "a1"),
        (Value::Set(vec![bulk("m"), Value::Integer(2)]), "tostring(v.m) .. tostring(v[2])", "truetrue"),
        (Value::Map(vec![(bulk("k"), Value::Array(vec![Value::Integer(9)]))]), "v.k[1]", "9"),
        (Value::Array(vec![Value::Error(Error::new("E x"))]), "v[1].err", "E x"),
    ] {
        let name = format!("{answer:?}");
        let (engine, _) = engine(move || answer.clone());
        let script = format!("local v = host.f() return tostring({expression})");
        assert_eq!(engine.eval(script, NONE, NONE).unwrap(), bulk(expected), "{name}");
    }
}

#[test]
fn an_error_ends_the_script_with_its_line_or_is_caught() {
    let engine = Engine::builder(Store::new())
        .function("err", |_| Err::<i64, _>(Error::new("LIMIT too many")))
        .function("err_value", |_| Ok(Error::new("ANSWERED it")))
        .function("panics", |_| -> redmoon::Result<i64> { resume_unwind(Box::new("no")) })
        .build();
    let store = engine.store();
    for (name, code, line) in [
        ("err", "LIMIT", "LIMIT too many"),
        ("err_value", "ANSWERED", "ANSWERED it"),
        ("panics", "ERR", "ERR The host function 'panics' panicked"),
    ] {
        let source = format!("redis.call('SET', KEYS[1], 'x') return host.{name}()");
        let error = engine.eval(&source, &["key"], NONE).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::ScriptRuntime, code));
        assert!(error.to_string().starts_with(&returned(format!("{line} script: "))), "{error}");
        // Nothing is locked any more, and the state goes on.
        assert_eq!(store.getdel("key").unwrap().unwrap(), "x");
        let caught = format!("local ok, e = pcall(host.{name}) return {{tostring(ok), e}}");
        let expected = Value::Array(vec![bulk("false"), bulk(line)]);
        assert_eq!(engine.eval(caught, NONE, NONE).unwrap(), expected);
    }
    let stats = engine.session().execute(&["INFO", "errorstats"]).unwrap().convert::<String>().unwrap();
    assert!(
        stats.contains("errorstat_LIMIT:count=0") || !stats.contains("errorstat_LIMIT"),
        "typed calls: {stats}"
    );
    assert!(engine.command(&["EVAL", "return host.err()", "0"]).is_err());
    let stats = engine.session().execute(&["INFO", "errorstats"]).unwrap().convert::<String>().unwrap();
    assert!(stats.contains("errorstat_LIMIT:count=1"), "{stats}");
}

#[test]
fn what_a_failing_script_wrote_is_taken_back_as_ever() {
    let engine = Engine::builder(Store::new())
        .rollback(true)
        .function("panics", |_| -> redmoon::Result<i64> { resume_unwind(Box::new("no")) })
        .build();
    assert!(engine.eval("redis.call('SET', 'key', 1) host.panics()", NONE, NONE).is_err());
    assert_eq!(engine.store().get("key").unwrap(), None);
}

#[test]
fn functions_of_libraries_call_them_but_loading_does_not() {
    let (engine, seen) = engine(|| Value::Integer(2));
    let library =
        |body: &str| format!("#!lua name=l\nredis.register_function('g', function(keys, args) {body} end)");
    for body in ["return host.f(args[1]) * 2", "local t = {} t[1] = host.f(args[1]) return t[1] * 2"] {
        engine.function_load_replace(library(body)).unwrap();
        assert_eq!(engine.fcall("g", NONE, &["x"]).unwrap(), Value::Integer(4));
        assert_eq!(*seen.lock().unwrap(), [bulk("x")]);
    }
    for text in ["host.f()", "local kept = host", "local f = _G.host.f"] {
        seen.lock().unwrap().clear();
        let error = engine.function_load_replace(format!("#!lua name=l\n{text}")).unwrap_err();
        assert_eq!(error.code(), "ERR", "{error}");
        assert!(seen.lock().unwrap().is_empty());
    }
    // The library that was there is still there.
    assert_eq!(engine.fcall("g", NONE, &["x"]).unwrap(), Value::Integer(4));
}

#[test]
fn every_state_has_them_also_after_a_flush() {
    let calls = Arc::new(AtomicUsize::new(0));
    let together = Arc::new(Barrier::new(4));
    let (count, all) = (Arc::clone(&calls), Arc::clone(&together));
    let engine = Engine::builder(Store::new())
        .function("f", move |_| {
            // Four scripts are in the function at once.
            all.wait();
            Ok(count.fetch_add(1, Ordering::Relaxed) as i64)
        })
        .build();
    within(Duration::from_secs(60), move || {
        for _ in 0..3 {
            std::thread::scope(|threads| {
                for _ in 0..4 {
                    threads.spawn(|| engine.eval("return host.f()", NONE, NONE).unwrap());
                }
            });
            engine.script_flush();
        }
    });
    assert_eq!(calls.load(Ordering::Relaxed), 12);
}

#[test]
fn the_last_function_of_a_name_counts_and_any_name_will_do() {
    let engine = Engine::builder(Store::new())
        .function("f", |_| Ok(1))
        .function("two words", |args| Ok(args.len() as i64))
        .function("f", |_| Ok("second"))
        .build();
    assert_eq!(engine.eval("return host.f()", NONE, NONE).unwrap(), bulk("second"));
    assert_eq!(engine.eval("return host['two words'](1, 2)", NONE, NONE).unwrap(), Value::Integer(2));
    let unknown = engine.eval("return host.nosuch()", NONE, NONE).unwrap_err();
    let expected = match cfg!(feature = "lua54") {
        true => "attempt to call a nil value (field 'nosuch')",
        false => "attempt to call field 'nosuch'",
    };
    assert!(unknown.to_string().contains(expected), "{unknown}");
}

#[test]
fn arguments_are_limited_as_replies_are() {
    let engine = Engine::builder(Store::new())
        .reply_limit(10_000)
        .function("len", |args| Ok(args[0].as_bytes().map_or(-1, |bytes| bytes.len() as i64)))
        .build();
    let call = |len: usize| engine.eval(format!("return host.len(string.rep('x', {len}))"), NONE, NONE);
    assert_eq!(call(9_000).unwrap(), Value::Integer(9_000));
    assert!(call(10_000).unwrap_err().to_string().contains("'len' got arguments that are too large"));
}

#[test]
fn a_result_that_fits_no_lua_memory_is_an_error() {
    let engine = Engine::builder(Store::new())
        .memory_limit(1 << 20)
        .function("large", |_| Ok(vec![b'x'; 4 << 20]))
        .function("many", |_| Ok(vec![Value::from(1.5); 1 << 20]))
        .build();
    for name in ["large", "many"] {
        let error = engine.eval(format!("return host.{name}()"), NONE, NONE).unwrap_err();
        assert!(error.to_string().contains("not enough memory"), "{error}");
        assert_eq!(engine.eval("return 1", NONE, NONE).unwrap(), Value::Integer(1));
    }
}

#[test]
fn a_script_is_killed_and_timed_out_between_two_calls() {
    let slow = |_: &[Value]| {
        std::thread::sleep(Duration::from_millis(1));
        Ok(())
    };
    let slow = move |args: &[Value]| slow(args).map(|()| Value::Nil);
    let engine =
        Engine::builder(Store::new()).time_limit(Duration::from_millis(30)).function("slow", slow).build();
    let result = within(Duration::from_secs(60), move || {
        engine.eval("while true do pcall(host.slow) end", NONE, NONE).unwrap_err()
    });
    assert_eq!(result.kind(), ErrorKind::ScriptLimit);
    let engine = Engine::builder(Store::new()).time_limit(None).function("slow", slow).build();
    let result = within(Duration::from_secs(60), move || {
        std::thread::scope(|threads| {
            let endless = threads.spawn(|| engine.eval("while true do host.slow() end", NONE, NONE));
            while engine.script_kill().is_err() {
                std::thread::yield_now();
            }
            endless.join().unwrap().unwrap_err()
        })
    });
    assert_eq!(result.kind(), ErrorKind::ScriptKilled);
}
