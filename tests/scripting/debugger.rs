//! What a debugger does to a script, and what it leaves alone.

use std::time::Duration;

use redmoon::{DebugMode, Debugger, Dialect, Engine, ErrorKind, NONE, Stop, StopReason, Store, Value};

use super::{sha, within};

const PATIENCE: Duration = Duration::from_secs(60);

fn stops(debugger: &mut Debugger) -> Vec<(usize, StopReason)> {
    debugger.map(|stop| (stop.line, stop.reason)).collect()
}

#[test]
fn stepping_visits_each_line_that_runs_and_ends_with_the_result() {
    let engine = Engine::new(Store::new());
    let mut debugger =
        engine.debug("local a = 1\n\n-- no code\nlocal b = 2\nreturn a + b", NONE, NONE).unwrap();
    assert!(matches!(debugger.stop(), Some(Stop { line: 1, reason: StopReason::Step, .. })));
    assert_eq!(debugger.result(), None);
    assert_eq!(stops(&mut debugger), [(4, StopReason::Step), (5, StopReason::Step)]);
    assert_eq!(debugger.stop(), None);
    assert_eq!(debugger.result(), Some(&Ok(Value::Integer(3))));
    // From then on there is nothing to ask.
    assert_eq!(debugger.step(), None);
    assert_eq!(debugger.print("a"), None);
    assert_eq!(debugger.eval("1").unwrap_err().to_string(), "ERR The script has ended");
    assert_eq!(debugger.redis(&["PING"]).unwrap_err().to_string(), "ERR The script has ended");
    assert_eq!(debugger.command(&["s"]), ["<error> The script has ended."]);
    assert_eq!(debugger.finish(), Ok(Value::Integer(3)));
}

#[test]
fn breakpoints_stop_a_script_that_runs_on() {
    let engine = Engine::new(Store::new());
    let script = "local sum = 0\nfor i = 1, 3 do\n  sum = sum + i\n  if i == 3 then redis.breakpoint() end\nend\nreturn sum";
    let mut debugger = engine.debug(script, NONE, NONE).unwrap();
    assert!(debugger.break_at(3));
    assert!(!debugger.break_at(3), "it is there already");
    assert!(!debugger.break_at(0) && !debugger.break_at(7), "no such line");
    assert_eq!(debugger.continue_().map(|stop| stop.line), Some(3));
    assert_eq!(debugger.locals().iter().filter(|(name, _)| name == "i").count(), 1);
    assert_eq!(debugger.print("i").as_deref(), Some("1"));
    assert!(debugger.clear_breakpoint(3) && !debugger.clear_breakpoint(3));
    let stop = debugger.continue_().unwrap();
    assert_eq!(stop.reason, StopReason::Called);
    assert_eq!(debugger.print("sum").as_deref(), Some("6"));
    assert_eq!(debugger.finish(), Ok(Value::Integer(6)));
}

#[test]
fn a_script_that_takes_much_memory_still_stops() {
    let engine = Engine::new(Store::new());
    let script = "local s = ('x'):rep(50000)\nlocal all = {}\nfor i = 1, 1000 do\n  all[i] = s .. i\nend\nlocal n = #all\nreturn n";
    let mut debugger = engine.debug(script, NONE, NONE).unwrap();
    debugger.break_at(6);
    assert_eq!(debugger.continue_().map(|stop| stop.line), Some(6));
    assert_eq!(debugger.step().map(|stop| stop.line), Some(7));
    assert_eq!(debugger.finish(), Ok(Value::Integer(1000)));
}

#[test]
fn breakpoint_and_debug_do_nothing_without_a_debugger() {
    let engine = Engine::new(Store::new());
    let script = "redis.debug('x') return {tostring(redis.breakpoint()), select('#', redis.debug(1))}";
    let told = engine.eval(script, NONE, NONE).unwrap();
    assert_eq!(told, Value::Array(vec![Value::from("false"), Value::Integer(0)]));
    let told = engine.debug(script, NONE, NONE).unwrap().finish().unwrap();
    assert_eq!(told, Value::Array(vec![Value::from("true"), Value::Integer(0)]));
    let told = engine.eval(script, NONE, NONE).unwrap();
    assert_eq!(
        told,
        Value::Array(vec![Value::from("false"), Value::Integer(0)]),
        "and nothing is left of one"
    );
}

#[test]
fn what_does_not_compile_is_not_debugged() {
    let engine = Engine::new(Store::new());
    for script in ["x y", "#!lua flags=nosuch\nreturn 1", "#!python\nreturn 1"] {
        let error = engine.debug(script, NONE, NONE).unwrap_err();
        assert_eq!(error, engine.eval(script, NONE, NONE).unwrap_err());
    }
    assert!(!engine.script_exists(&[sha("x y")])[0]);
}

#[test]
fn an_abort_cannot_be_caught() {
    within(PATIENCE, || {
        let engine = Engine::new(Store::new());
        let catching = "while true do\n  pcall(function()\n    redis.call('INCR', KEYS[1])\n  end)\nend";
        let in_coroutine = "local f = coroutine.wrap(function()\n  while true do\n    pcall(redis.call, 'INCR', KEYS[1])\n  end\nend)\nf()";
        for script in [catching, in_coroutine] {
            for mode in [DebugMode::RollBack, DebugMode::Keep] {
                let mut debugger = engine.debug_with(script, &["n"], NONE, mode).unwrap();
                for _ in 0..7 {
                    debugger.step();
                }
                debugger.abort();
                let error = debugger.result().unwrap().as_ref().unwrap_err();
                assert!(
                    error.to_string().starts_with("ERR script aborted for user request script: "),
                    "{error}"
                );
            }
            assert!(engine.store().del(&["n"]).unwrap() > 0);
        }
    });
}

#[test]
fn a_debugger_that_is_dropped_ends_its_script_and_lets_go_of_the_keys() {
    within(PATIENCE, || {
        let engine = Engine::new(Store::new());
        for steps in 0..5 {
            let script = "redis.call('SET', 'key', 'new')\nlocal a\nwhile true do\n  pcall(error)\nend";
            let mut debugger = engine.debug(script, NONE, NONE).unwrap();
            for _ in 0..steps {
                debugger.step();
            }
            drop(debugger);
            assert_eq!(engine.store().get("key").unwrap(), None);
            engine.store().set("key", "after").unwrap();
            assert_eq!(
                engine.eval("return redis.call('GETDEL', 'key')", NONE, NONE),
                Ok(Value::from("after"))
            );
        }
    });
}

#[test]
fn who_asks_for_a_key_of_a_script_that_stands_gets_busy() {
    within(PATIENCE, || {
        let engine = Engine::new(Store::new());
        engine.store().set("key", "old").unwrap();
        let script = "redis.call('SET', KEYS[1], 'new')\nreturn redis.call('GET', KEYS[1])";
        let mut debugger = engine.debug(script, &["key"], NONE).unwrap();
        assert_eq!(engine.store().get("key").unwrap().unwrap(), "old", "it has locked nothing yet");
        debugger.step();
        assert_eq!(engine.store().get("key").unwrap_err().kind(), ErrorKind::Busy);
        assert_eq!(
            engine.eval("return redis.call('GET', 'key')", NONE, NONE).unwrap_err().kind(),
            ErrorKind::Busy
        );
        assert_eq!(debugger.redis(&["GET", "key"]), Ok(Value::from("new")));
        assert_eq!(debugger.eval("redis.call('GET', 'key')"), Ok("\"new\"".to_owned()));
        assert_eq!(debugger.finish(), Ok(Value::from("new")));
        assert_eq!(engine.store().get("key").unwrap().unwrap(), "old");
    });
}

#[test]
fn a_script_with_declared_keys_holds_only_those() {
    within(PATIENCE, || {
        let engine =
            Engine::builder(Store::builder().shards(16).build()).allow_undeclared_keys(false).build();
        let others: Vec<String> = (0..100).map(|number| format!("other {number}")).collect();
        let mut debugger = engine.debug("redis.call('INCR', KEYS[1])\nreturn 1", &["key"], NONE).unwrap();
        debugger.step();
        let free = others.iter().filter(|key| engine.store().get(key).is_ok()).count();
        assert!(free > 50, "{free} of 100 keys can be read");
        assert!(debugger.redis(&["GET", "other 1"]).is_err(), "undeclared");
        assert_eq!(debugger.finish(), Ok(Value::Integer(1)));
    });
}

#[test]
fn code_that_never_ends_is_ended() {
    within(PATIENCE, || {
        let engine = Engine::builder(Store::new()).time_limit(Duration::from_millis(50)).build();
        let mut debugger =
            engine.debug_with("redis.call('SET', 'a', 1)\nreturn 1", NONE, NONE, DebugMode::Keep).unwrap();
        for _ in 0..2 {
            for code in [
                "while true do end",
                "while true do pcall(function() while true do end end) end",
                "coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()",
                "(function() local function f() return 1 + f() end return pcall(f) end)() while true do redis.pcall('get') end",
            ] {
                let error = debugger.eval(code).unwrap_err();
                assert_eq!(error.to_string(), "BUSY Script exceeded time limit", "{code}");
            }
            assert_eq!(debugger.eval("1 + 1"), Ok("2".to_owned()));
            debugger.step();
        }
        let endless = engine.debug("while true do pcall(error) end", NONE, NONE).unwrap();
        let error = endless.finish().unwrap_err();
        assert!(error.to_string().starts_with("ERR script aborted"), "{error}");
    });
}

#[test]
fn code_that_fails_in_any_way_leaves_the_script_as_it_is() {
    within(PATIENCE, || {
        let engine = Engine::builder(Store::new()).memory_limit(8 << 20).build();
        let script = "local a = 1\nlocal t = {}\nfor i = 1, 3 do t[i] = i end\nreturn #t + a";
        let mut debugger = engine.debug(script, NONE, NONE).unwrap();
        let deep = format!("{}1{}", "{".repeat(150), "}".repeat(150));
        let yielded = match cfg!(feature = "lua51") {
            true => "ERR attempt to yield across metamethod/C-call boundary",
            false if cfg!(feature = "luajit") => "ERR attempt to yield across C-call boundary",
            false => "ERR attempt to yield across a C-call boundary",
        };
        let bytecode = match cfg!(feature = "lua54") {
            true => "ERR ldb_eval:1: unexpected symbol near '<\\27>'",
            false => "ERR ldb_eval:1: unexpected symbol near 'char(27)'",
        };
        for (code, expected) in [
            ("error()", "ERR unknown error"),
            ("error(nil)", "ERR unknown error"),
            ("error({})", "ERR unknown error"),
            ("error({err = 'MY fault'})", "MY fault"),
            ("redis.call('nosuch')", "ERR Unknown Redis command called from script"),
            ("redis.call('lpush', 'a')", "ERR Wrong number of args calling Redis command from script"),
            ("('x'):rep(100000000)", "ERR not enough memory"),
            ("coroutine.yield(1)", yielded),
            ("\x1bLua", bytecode),
        ] {
            let error = debugger.eval(code).unwrap_err();
            assert_eq!(error.to_string(), expected, "{code}");
        }
        assert!(debugger.eval(&deep).unwrap().contains("max recursion level"));
        assert!(
            debugger
                .eval("(function() local t = {} for i = 1, 12 do t[i] = t end return t end)()")
                .unwrap()
                .len()
                > 1000
        );
        assert_eq!(
            debugger.eval("setmetatable({}, {__index = error, __tostring = error, __pairs = error})"),
            Ok("{}".to_owned())
        );
        assert_eq!(debugger.finish(), Ok(Value::Integer(4)));
    });
}

#[test]
fn a_debugged_script_can_be_killed_as_any_other() {
    within(PATIENCE, || {
        let engine = Engine::new(Store::new());
        let mut debugger =
            engine.debug("redis.call('SET', 'a', 1)\nwhile true do pcall(error) end", NONE, NONE).unwrap();
        let killer = std::thread::spawn({
            let engine = engine.clone();
            move || {
                std::thread::sleep(Duration::from_millis(50));
                engine.script_kill()
            }
        });
        assert_eq!(debugger.continue_(), None);
        killer.join().unwrap().unwrap();
        assert_eq!(debugger.result().unwrap().as_ref().unwrap_err().kind(), ErrorKind::ScriptKilled);
    });
}

#[test]
fn several_scripts_can_be_debugged_beside_each_other() {
    within(PATIENCE, || {
        let engine = Engine::new(Store::new());
        let script = "local a = ARGV[1]\nlocal b = a * 2\nreturn b";
        let mut debuggers: Vec<Debugger> =
            (0..20).map(|number| engine.debug(script, NONE, &[number.to_string()]).unwrap()).collect();
        for debugger in &mut debuggers {
            debugger.step();
        }
        for (number, mut debugger) in debuggers.into_iter().enumerate() {
            assert_eq!(debugger.print("a"), Some(format!("\"{number}\"")));
            assert_eq!(engine.eval("return 1", NONE, NONE), Ok(Value::Integer(1)));
            assert_eq!(debugger.finish(), Ok(Value::Integer(2 * number as i64)));
        }
    });
}

#[test]
fn each_dialect_has_its_own_words() {
    let script = "redis.call('ping')\nredis.breakpoint()\nreturn 1";
    let session = |dialect| {
        let engine = Engine::builder(Store::new()).dialect(dialect).build();
        let mut debugger = engine.debug(script, NONE, NONE).unwrap();
        let mut lines = debugger.report();
        lines.extend(debugger.command(&["s"]));
        lines.extend(debugger.command(&["c"]));
        lines
    };
    let redis = [
        "* Stopped at 1, stop reason = step over",
        "-> 1   redis.call('ping')",
        "<redis> ping",
        "<reply> \"+PONG\"",
        "* Stopped at 2, stop reason = step over",
        "-> 2   redis.breakpoint()",
        "* Stopped at 3, stop reason = redis.breakpoint() called",
        "-> 3   return 1",
    ];
    assert_eq!(session(Dialect::Any), redis);
    assert_eq!(session(Dialect::Redis), redis);
    let mut valkey = redis;
    valkey[2] = "<command> ping";
    valkey[6] = "* Stopped at 3, stop reason = server.breakpoint() called";
    assert_eq!(session(Dialect::Valkey), valkey);
    // It counts lines from the author's first one there too, and has no `redis.breakpoint`.
    assert_eq!(session(Dialect::Dragonfly)[..6], redis[..6]);
}

#[test]
fn functions_of_the_program_can_be_called_from_a_debugged_script() {
    let engine = Engine::builder(Store::new()).function("double", |args: &[Value]| match args {
        [number] => Ok(2 * number.clone().convert::<i64>()?),
        other => panic!("{other:?}"),
    });
    let engine = engine.build();
    let mut debugger = engine.debug("local a = host.double(ARGV[1])\nreturn a", NONE, &["4"]).unwrap();
    debugger.step();
    assert_eq!(debugger.print("a").as_deref(), Some("8"));
    assert_eq!(debugger.eval("host.double('5')"), Ok("10".to_owned()));
}
