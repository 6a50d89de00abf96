//! Libraries of functions: texts and replies compared with a real server's, payloads exchanged with it, and what one
//! Lua state for all would do where there are many.

#![allow(clippy::disallowed_methods, reason = "how long it takes is what is tested")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use redmoon::{Blob, Engine, ErrorKind, NONE, RestorePolicy, ScriptFlag, Session, Store, Value};

use super::reply_of;
use crate::support::{Oracle, Rng, show, show_command};

fn session() -> Session {
    Engine::new(Store::new()).session()
}

/// An engine with one library of this text.
fn engine(text: &str) -> Engine {
    let engine = Engine::new(Store::new());
    load(&engine, text);
    engine
}

fn load(engine: &Engine, text: &str) {
    engine.function_load_replace(format!("#!lua name=library\n{text}")).unwrap();
}

/// Runs the same commands on a session and on a real server, and compares every reply.
fn compare(commands: impl IntoIterator<Item = Vec<String>>) {
    let Some(oracle) = Oracle::start() else { return };
    let mut client = oracle.connect();
    let mut session = session();
    let mut different = String::new();
    let mut compared = 0;
    for command in commands {
        let (theirs, ours) = (client.raw(&command), reply_of(&mut session, &command));
        compared += 1;
        if ours != theirs {
            let (command, theirs, ours) = (show_command(&command), show(&theirs), show(&ours));
            different.push_str(&format!("{command}\n    theirs {theirs}\n    ours   {ours}\n"));
        }
    }
    assert!(different.is_empty(), "{compared} replies were compared:\n{different}");
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn texts_that_are_loaded_get_the_replies_of_the_real_server() {
    let long =
        format!("redis.register_function{{function_name='{}',callback=function() end}}", "x".repeat(300));
    let texts = [
        "redis.register_function()",
        "redis.register_function('a')",
        "redis.register_function(1,2,3)",
        "redis.register_function({},function() end)",
        "redis.register_function('a',1)",
        "redis.register_function(5,function() end)",
        "redis.register_function('a-b',function() end)",
        "redis.register_function('',function() end)",
        "redis.register_function(1.5,function() end)",
        "redis.register_function{}",
        "redis.register_function{function_name='a'}",
        "redis.register_function{callback=function() end}",
        "redis.register_function{function_name={},callback=function() end}",
        "redis.register_function{function_name=7,callback=function() end}",
        "redis.register_function{function_name='a',callback=1}",
        "redis.register_function{function_name='a',callback=function() end,description={}}",
        "redis.register_function{function_name='a',callback=function() end,description=5}",
        "redis.register_function{function_name='a',callback=function() end,description='a\\0b'}",
        "redis.register_function{function_name='a',callback=function() end,flags=1}",
        "redis.register_function{function_name='a',callback=function() end,flags='no-writes'}",
        "redis.register_function{function_name='a',callback=function() end,flags={'x'}}",
        "redis.register_function{function_name='a',callback=function() end,flags={5}}",
        "redis.register_function{function_name='a',callback=function() end,flags={{}}}",
        "redis.register_function{function_name='a',callback=function() end,flags={x='y'}}",
        "redis.register_function{function_name='a',callback=function() end,flags={'NO-writes','no-writes','allow-oom'}}",
        "redis.register_function{function_name='a',callback=function() end,\
         flags={'allow-cross-slot-keys','no-cluster','allow-stale','allow-oom','no-writes'}}",
        "redis.register_function{function_name='a',callback=function() end,foo=1}",
        "redis.register_function{function_name='a',callback=function() end,[1]=1}",
        "redis.register_function{function_name='a',callback=function() end,[true]=1}",
        "redis.register_function{FUNCTION_NAME='a',Callback=function() end}",
        "redis.register_function{'a',function() end}",
        "redis.register_function{function_name='a\\0b',callback=function() end}",
        &long,
        "redis.register_function('a',function() end) redis.register_function('a',function() end)",
        "redis.register_function('a',string)",
        "redis.register_function('a',redis.log)",
        "redis.register_function('a',('x').rep)",
        "redis.register_function('a',function() end) error()",
        "x=1",
        "function x() end",
        "local a=b",
        "local a=redis.call",
        "redis.call('get','a')",
        "redis.pcall('get','a')",
        "redis.foo=1",
        "redis.register_function=1",
        "redis.setresp(3)",
        "redis.sha1hex('a')",
        "local a=KEYS",
        "local a=_G",
        "local a=getmetatable",
        "local a=cjson",
        "local a=redis['x']",
        "local a=redis[{}]",
        "error('x')",
        "redis.log(redis.LOG_DEBUG,'hi')",
        "redis.log()",
        "local a=1 a()",
        "local function f() return f()+1 end f()",
        "local t={} local u=t.x.y",
        "local x=('a'):foo()",
        "local x=('a'):rep(3):upper():len() redis.register_function('a',function() return x end)",
        "redis.register_function.x()",
        "local a=({})<({})",
        "local a=redis.REDIS_VERSION+1",
        "local a=redis.REDIS_VERSION_NUM+1",
        "return 1",
        "x y",
        "\n\nlocal",
    ];
    let mut commands = Vec::new();
    for text in texts {
        commands.push(words(&["FUNCTION", "LOAD", &format!("#!lua name=library\n{text}")]));
        commands.push(words(&["FUNCTION", "LIST", "WITHCODE"]));
        commands.push(words(&["FCALL", "a", "0"]));
        commands.push(words(&["FUNCTION", "FLUSH"]));
    }
    compare(commands);
}

#[test]
fn a_function_without_end_in_a_library_is_stopped_as_it_loads() {
    let engine = engine("redis.register_function('f', function() return 'old' end)");
    for text in ["while true do end", "local function f() return f() end f()", "for i = 1, 1e18 do end"] {
        let began = Instant::now();
        let error = engine.function_load_replace(format!("#!lua name=library\n{text}")).unwrap_err();
        assert_eq!(error.to_string(), "ERR Error registering functions: ERR FUNCTION LOAD timeout");
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(490) && took < Duration::from_secs(5), "{took:?}");
    }
    assert_eq!(engine.fcall("f", NONE, NONE).unwrap(), Value::from("old"));
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn first_lines_get_the_replies_of_the_real_server() {
    let lines = [
        "#!lua name=a\n",
        "#!lua Name=a\n",
        "#!LUA name=a\n",
        "#!lua name=\u{e9}\n",
        "#!lua name=\"a b\"\n",
        "#!lua name=\"a\"\n",
        "#!lua 'name=a'\n",
        "#! name=a\n",
        " #!lua name=a\n",
        "#!lua name=a\r\n",
        "#!lua name=a\0\n",
        "#!\0lua name=a\n",
        "#!foo\n",
        "#!foo name=a-b\n",
        "#!foo name=a\n",
        "#!lua name=a foo\n",
        "#!lua name\n",
        "#!lua name=\n",
        "#!lua  name=a   name=a\n",
        "#!\"lua\" name=a\n",
        "#!lua name=a \"b\n",
        "#!lua name=a \"\n",
        "#!lua name=a\"\"\n",
        "#!lua name=a\n\n\nx y z ",
        "#",
        "#!",
        "#x\n",
        "",
    ];
    let mut commands = Vec::new();
    for line in lines {
        let code = format!("{line}redis.register_function('f', function() return 1 end)");
        commands.push(words(&["FUNCTION", "LOAD", &code]));
        commands.push(words(&["FUNCTION", "LOAD", &code]));
        commands.push(words(&["FUNCTION", "LIST", "WITHCODE"]));
        commands.push(words(&["FUNCTION", "FLUSH"]));
    }
    compare(commands);
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn calls_get_the_replies_of_the_real_server() {
    let bodies = [
        "return {keys, args}",
        "return redis.status_reply('FINE')",
        "return redis.error_reply('NOT fine')",
        "return {double=1.5}",
        "redis.setresp(3) return true",
        "error('x')",
        "error({err='MY own'})",
        "error(redis)",
        "error()",
        "return redis.call('incr')",
        "return redis.call('nosuch')",
        "return redis.pcall('eval', 'return 1', '0')",
        "return redis.pcall('function', 'flush')",
        "return redis.pcall('fcall', 'f', '0')",
        "return redis.call('set', keys[1], args[1])",
        "return redis.call('lpush', keys[1], args[1])",
        "return redis.call('get', keys[1])",
        "return KEYS",
        "return ARGV[1]",
        "return nope",
        "return _G.nope",
        "return redis.nope",
        "a = 1",
        "_G.a = 1",
        "redis.a = 1",
        "string.a = 1",
        "rawset(_G, 'a', 1)",
        "setmetatable(_G, {})",
        "setmetatable(redis, {})",
        "getmetatable(_G).x = 1",
        "getmetatable(_G).__index = 1",
        "local names = {} for name in pairs(getmetatable(_G)) do names[#names + 1] = name end return names",
        "return {type(rawget(_G, 'redis')), type(rawget(_G, 'nope'))}",
        "return tostring(_G == _G._G)",
        "return tostring(getmetatable(redis))",
        "return tostring(getmetatable('').__index == string)",
        "local n = {} for k, v in pairs(redis) do n[#n + 1] = k .. type(v) end table.sort(n) return n",
        "return {type(redis.breakpoint), type(redis.debug), type(redis.replicate_commands), type(redis.register_function)}",
        "return __redis__err__handler",
        "return loadstring('return type(redis.call) .. type(redis.debug)')()",
        "return loadstring('return nope')()",
        "return loadstring('return KEYS')()",
        "return load(function() end)()",
        "return coroutine.wrap(function() return loadstring('return KEYS')() end)()",
        "keys[1] = 'x' args[5] = 'y' return {keys[1], #args}",
        "return select('#', keys, args)",
        "local t = setmetatable({}, {__index = function(t, k) return k .. '!' end}) return t.x",
        "return {pcall(error, {err = 'X y'})}",
        "return redis.sha1hex('')",
        "return math.random(0)",
        "return redis.REDIS_VERSION",
        "while true do local t = {} t = t.x.y end",
    ];
    let mut commands = Vec::new();
    for body in bodies {
        let code =
            format!("#!lua name=library\nredis.register_function('F_1', function(keys, args)\n{body} end)");
        commands.push(words(&["FUNCTION", "LOAD", "REPLACE", &code]));
        for name in ["F_1", "f_1"] {
            commands.push(words(&["FCALL", name, "1", "key", "one", "2"]));
        }
        commands.push(words(&["FCALL_RO", "F_1", "0"]));
        let code = code
            .replace("'F_1', function(keys, args)", "{function_name='F_1', callback=function(keys, args)");
        let code = code.strip_suffix(')').unwrap().replace("_function({", "_function{").to_owned();
        let code = format!("{code}, flags={{'no-writes'}}}}");
        commands.push(words(&["FUNCTION", "LOAD", "REPLACE", &code]));
        commands.push(words(&["FCALL", "F_1", "1", "key", "one", "2"]));
        commands.push(words(&["FCALL_RO", "F_1", "0"]));
    }
    compare(commands);
}

#[test]
fn wrong_arguments_get_the_replies_of_the_real_server() {
    let one = "#!lua name=one\nredis.register_function('f', function() return 1 end)";
    let mut commands = vec![words(&["FUNCTION", "LOAD", one])];
    for command in [
        &["FUNCTION"][..],
        &["FUNCTION", "HELP"],
        &["FUNCTION", "HELP", "x"],
        &["FUNCTION", "x"],
        &["FUNCTION", "LOAD"],
        &["FUNCTION", "LOAD", "x", "y"],
        &["FUNCTION", "LOAD", "x\r\n\0y", "z"],
        &["FUNCTION", "LOAD", "replace", "x", "y"],
        &["FUNCTION", "LOAD", "replace", "REPLACE", one],
        &["FUNCTION", "LIST", "x\r\n\0y"],
        &["FUNCTION", "LIST", "LIBRARYNAME"],
        &["FUNCTION", "LIST", "LIBRARYNAME", "a", "LIBRARYNAME", "b"],
        &["FUNCTION", "LIST", "WITHCODE", "libraryname", "O*"],
        &["FUNCTION", "LIST", "libraryname", "o?", "WITHCODE"],
        &["FUNCTION", "LIST", "WITHCODE", "WITHCODE"],
        &["FUNCTION", "DUMP", "x"],
        &["FUNCTION", "DELETE"],
        &["FUNCTION", "DELETE", "ONE"],
        &["FUNCTION", "DELETE", "one", "two"],
        &["FUNCTION", "RESTORE"],
        &["FUNCTION", "RESTORE", "x"],
        &["FUNCTION", "RESTORE", "x", "y"],
        &["FUNCTION", "RESTORE", "x", "FLUSH"],
        &["FUNCTION", "restore", "x", "y", "z"],
        &["FUNCTION", "FLUSH", "x"],
        &["FUNCTION", "flush", "SYNC", "z"],
        &["FUNCTION", "STATS", "x"],
        &["FUNCTION", "STATS"],
        &["FUNCTION", "KILL", "x"],
        &["FUNCTION", "KILL"],
        &["FCALL"],
        &["FCALL", "f"],
        &["FCALL", "f", "1.5"],
        &["FCALL", "f", "01"],
        &["FCALL", "f", "-1"],
        &["FCALL", "f", "1"],
        &["FCALL", "f", "99999999999999999999"],
        &["FCALL", "nosuch", "x"],
        &["FCALL", "", "0"],
        &["FCALL_RO", "f", "0"],
        &["FCALL_RO", "f", "x"],
        &["FCALL_RO", "nosuch", "0"],
        &["FCALL", "F", "0"],
    ] {
        commands.push(words(command));
    }
    compare(commands);
}

#[test]
fn a_failed_load_leaves_the_libraries_as_they_were() {
    let mut commands = Vec::new();
    let code = |name: &str, function: &str| {
        format!("#!lua name={name}\nredis.register_function('{function}', function() return '{name}' end)")
    };
    for (name, function) in [("a", "f"), ("b", "g"), ("c", "F"), ("a", "h"), ("A", "i")] {
        for replace in [false, true] {
            let mut load = words(&["FUNCTION", "LOAD"]);
            load.extend(replace.then(|| "REPLACE".to_owned()));
            load.push(code(name, function));
            commands.push(load);
            for function in ["f", "g", "h", "i"] {
                commands.push(words(&["FCALL", function, "0"]));
            }
        }
    }
    compare(commands);
}

/// Several functions, one of them long enough that a real server compresses its library.
fn library(name: &str, seed: u64) -> String {
    let mut rng = Rng::new(seed);
    let mut code = format!("#!lua name={name}\n");
    for function in 0..1 + rng.below(5) {
        let filling = "-- nothing but repetition ".repeat(rng.below(400));
        let number = rng.below(1_000_000);
        code.push_str(&format!(
            "{filling}\nredis.register_function{{function_name='{name}_{function}', \
             callback=function(keys, args) return {{keys, args, {number}}} end, flags={{'no-writes'}}}}\n"
        ));
    }
    code
}

#[test]
fn payloads_are_exchanged_with_a_real_server_in_both_directions() {
    let Some(oracle) = Oracle::start() else { return };
    let mut client = oracle.connect();
    for seed in 0..40 {
        client.raw(&["FUNCTION", "FLUSH"]);
        let engine = Engine::new(Store::new());
        let names: Vec<String> = (0..seed % 4).map(|number| format!("lib{number}")).collect();
        for name in &names {
            let code = library(name, seed * 10 + names.len() as u64);
            client.raw(&["FUNCTION", "LOAD", &code]);
            engine.function_load(&code).unwrap();
        }
        let Value::Bulk(theirs) = client.value(&["FUNCTION", "DUMP"]) else { panic!("a payload") };
        let ours = engine.function_dump();
        let before = engine.function_list();

        let restored = Engine::new(Store::new());
        restored.function_restore(&theirs, RestorePolicy::Append).unwrap();
        assert_eq!(restored.function_list(), before);

        client.raw(&["FUNCTION", "FLUSH"]);
        let restore: [&[u8]; 3] = [b"FUNCTION", b"RESTORE", &ours];
        assert_eq!(client.raw(&restore), b"+OK\r\n");
        for library in &before {
            for function in &library.functions {
                let call = ["FCALL_RO", &function.name, "1", "key", "arg"];
                let mut session = restored.session();
                assert_eq!(client.raw(&call), reply_of(&mut session, &call), "{}", function.name);
            }
        }
        // Any damage is noticed by both.
        let mut damaged = ours.clone();
        let at = Rng::new(seed).below(damaged.len());
        damaged[at] ^= 0x10;
        let restore: [&[u8]; 3] = [b"FUNCTION", b"RESTORE", &damaged];
        assert_eq!(client.raw(&restore), reply_of(&mut restored.session(), &restore));
    }
}

#[test]
fn a_payload_is_restored_as_a_whole_or_not_at_all() {
    let Some(oracle) = Oracle::start() else { return };
    let code = |name: &str, function: &str| {
        format!("#!lua name={name}\nredis.register_function('{function}', function() return '{name}' end)")
    };
    let payload = |libraries: &[(&str, &str)]| {
        let engine = Engine::new(Store::new());
        for (name, function) in libraries {
            engine.function_load(code(name, function)).unwrap();
        }
        engine.function_dump()
    };
    let present = [("a", "f"), ("b", "g")];
    for libraries in [
        &[][..],
        &[("c", "h")],
        &[("a", "f")],
        &[("a", "f2"), ("c", "h")],
        &[("a", "g"), ("b", "f")],
        &[("a", "G")],
        &[("c", "h"), ("d", "F")],
        &[("b", "h"), ("c", "g")],
    ] {
        for policy in ["", "APPEND", "replace", "FLUSH", "nosuch"] {
            let mut client = oracle.connect();
            let mut session = session();
            client.raw(&["FUNCTION", "FLUSH"]);
            for (name, function) in present {
                let load = ["FUNCTION", "LOAD", &code(name, function)];
                assert_eq!(client.raw(&load), reply_of(&mut session, &load));
            }
            let payload = payload(libraries);
            let mut restore: Vec<&[u8]> = vec![b"FUNCTION", b"RESTORE", &payload];
            if !policy.is_empty() {
                restore.push(policy.as_bytes());
            }
            let (theirs, ours) = (client.raw(&restore), reply_of(&mut session, &restore));
            // Which of several collisions is named depends on the server's order.
            assert_eq!(ours.first(), theirs.first(), "{libraries:?} {policy}: {}", show(&theirs));
            if libraries.len() < 2 {
                assert_eq!(show(&ours), show(&theirs), "{libraries:?} {policy}");
            }
            for function in ["f", "f2", "g", "h"] {
                let call = ["FCALL", function, "0"];
                assert_eq!(
                    reply_of(&mut session, &call),
                    client.raw(&call),
                    "{libraries:?} {policy} {function}"
                );
            }
        }
    }
}

#[test]
fn what_a_library_keeps_is_the_same_for_all_threads() {
    const THREADS: usize = 4;
    const CALLS: usize = 500;
    let engine = engine(
        "local n, t = 0, {}
         redis.register_function('next', function() n = n + 1 return n end)
         redis.register_function('push', function(keys, args) t[#t + 1] = args[1] return #t end)",
    );
    for function in ["next", "push"] {
        let seen: Vec<AtomicUsize> = (0..=THREADS * CALLS).map(|_| AtomicUsize::new(0)).collect();
        std::thread::scope(|threads| {
            for _ in 0..THREADS {
                threads.spawn(|| {
                    for _ in 0..CALLS {
                        let count: usize = engine.fcall(function, NONE, &["x"]).unwrap().convert().unwrap();
                        seen[count].fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert!(seen[1..].iter().all(|times| times.load(Ordering::Relaxed) == 1), "{function}");
    }
    // SCRIPT FLUSH does not reach libraries; FUNCTION LOAD REPLACE begins anew.
    engine.script_flush();
    engine.store().flushall().unwrap();
    assert_eq!(engine.fcall("NEXT", NONE, NONE).unwrap(), Value::from((THREADS * CALLS + 1) as i64));
    load(&engine, "local n = 0 redis.register_function('next', function() n = n + 1 return n end)");
    assert_eq!(engine.fcall("next", NONE, NONE).unwrap(), Value::Integer(1));
}

#[test]
#[cfg_attr(
    not(feature = "lua51"),
    ignore = "only in Lua 5.1 is it known that a function keeps nothing: its bytecode is read"
)]
fn functions_that_keep_nothing_run_at_the_same_time() {
    let engine = engine(
        "local function meet(keys, args)
             redis.call('INCR', keys[1])
             while redis.call('GET', keys[1]) ~= args[1] do end
             return 'met'
         end
         redis.register_function{function_name='meet', callback=meet, flags={'disable-atomicity'}}",
    );
    std::thread::scope(|threads| {
        let calls: Vec<_> =
            (0..2).map(|_| threads.spawn(|| engine.fcall("meet", &["place"], &["2"]))).collect();
        for call in calls {
            assert_eq!(call.join().unwrap().unwrap(), Value::from("met"));
        }
    });
}

#[test]
fn a_change_is_seen_by_every_thread() {
    const THREADS: usize = 4;
    let engine = Arc::new(Engine::new(Store::new()));
    let barrier = Arc::new(Barrier::new(THREADS + 1));
    const ROUNDS: usize = 60;
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                for round in 0..ROUNDS {
                    barrier.wait();
                    let result = engine.fcall("f", NONE, NONE);
                    match round % 3 {
                        2 => assert_eq!(result.unwrap_err().to_string(), "ERR Function not found"),
                        _ => assert_eq!(result.unwrap(), Value::from(round as i64)),
                    }
                    barrier.wait();
                }
            });
        }
        for round in 0..ROUNDS {
            let keeps = if round % 2 == 0 { "local t = {}" } else { "local t = 1" };
            match round % 6 {
                2 => engine.function_delete("library").unwrap(),
                5 => engine.function_flush(),
                _ => load(
                    &engine,
                    &format!(
                        "{keeps} redis.register_function('f', function() local u = t return {round} end)"
                    ),
                ),
            }
            barrier.wait();
            barrier.wait();
        }
    });
}

#[test]
fn a_library_logs_as_it_loads_only_once() {
    let lines = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lines);
    let engine = Engine::builder(Store::new())
        .log(move |_, line| {
            assert_eq!(line, b"loaded");
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .build();
    load(
        &engine,
        "redis.log(redis.LOG_WARNING, 'loaded') redis.register_function('f', function() return 1 end)",
    );
    for _ in 0..3 {
        // The states that knew it are gone.
        engine.script_flush();
        assert_eq!(engine.fcall("f", NONE, NONE).unwrap(), Value::Integer(1));
    }
    assert_eq!(lines.load(Ordering::Relaxed), 1);
}

/// Replies while something runs: a script or a function, that has written or not.
#[test]
fn scripts_and_functions_are_told_apart_by_kills_and_refusals() {
    const OTHERS: &[&[&str]] = &[&["GET", "a"], &["FCALL", "idle", "0"], &["FUNCTION", "LIST"], &["PING"]];
    for is_function in [false, true] {
        for writes in [false, true] {
            let write = if writes { "redis.call('SET', 'a', 1)" } else { "" };
            // What does not write is to be ended by a kill, so the limit must not come first.
            let limit = writes.then_some(Duration::from_millis(50));
            let engine = Engine::builder(Store::new()).time_limit(limit).build();
            load(
                &engine,
                &format!(
                    "redis.register_function('busy', function() {write} local n = 0 \
                         repeat n = n + 1 until n > 1.5e8 end)
                     redis.register_function('idle', function() end)"
                ),
            );
            let script = format!("{write} local n = 0 repeat n = n + 1 until n > 1.5e8");
            let mut other = engine.session();
            std::thread::scope(|threads| {
                let running = threads.spawn(|| match is_function {
                    true => engine.fcall("BUSY", &["k"], &["x"]),
                    false => engine.eval(&script, &["k"], &["x"]),
                });
                let own = if is_function { "FUNCTION" } else { "SCRIPT" };
                let foreign = if is_function { "SCRIPT" } else { "FUNCTION" };
                let busy = format!(
                    "BUSY Redis is busy running a script. You can only call {own} KILL or SHUTDOWN NOSAVE."
                );
                // Wait until it runs, and until it has written if it does.
                let killed_by_other = loop {
                    match other.execute(&[foreign, "KILL"]) {
                        Err(error) if error.kind() == ErrorKind::NotBusy => std::thread::yield_now(),
                        Err(error) if writes && error.kind() == ErrorKind::Busy => std::thread::yield_now(),
                        result => break result.unwrap_err(),
                    }
                };
                if writes {
                    assert_eq!(killed_by_other.kind(), ErrorKind::Unkillable);
                    while other.execute(&["GET", "a"]).is_ok() {}
                    for command in OTHERS {
                        assert_eq!(other.execute(command).unwrap_err().to_string(), busy, "{command:?}");
                    }
                    let error = other.execute(&[own, "KILL"]).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Unkillable);
                } else {
                    assert_eq!(killed_by_other.to_string(), busy);
                }
                if is_function {
                    while engine.function_stats().running.is_none() {}
                    let stats = engine.function_stats().running.unwrap();
                    assert_eq!(stats.name, "busy");
                    let command = ["FCALL", "BUSY", "1", "k", "x"].map(Blob::from);
                    assert_eq!(stats.command, command);
                    let reply = String::from_utf8(reply_of(&mut other, &["FUNCTION", "STATS"])).unwrap();
                    assert!(reply.contains("\r\nbusy\r\n") && reply.contains("duration_ms"), "{reply}");
                } else if writes {
                    assert_eq!(other.execute(&["FUNCTION", "STATS"]).unwrap_err().to_string(), busy);
                }
                if writes {
                    running.join().unwrap().unwrap();
                } else {
                    other.execute(&[own, "KILL"]).unwrap();
                    let error = running.join().unwrap().unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::ScriptKilled, "{error}");
                    let place = if is_function {
                        " script: busy, on @user_function:2."
                    } else {
                        ", on @user_script:1."
                    };
                    assert!(error.to_string().ends_with(place), "{error}");
                }
            });
            assert_eq!(engine.function_stats().running, None);
            assert!(other.execute(&["FUNCTION", "KILL"]).unwrap_err().kind() == ErrorKind::NotBusy);
        }
    }
}

#[test]
fn callers_of_a_library_that_keeps_something_wait_for_each_other_and_not_for_ever() {
    let engine = Engine::builder(Store::new())
        .allow_undeclared_keys(false)
        .time_limit(Duration::from_millis(30))
        .build();
    load(
        &engine,
        "local t = {}
         redis.register_function('busy', function(keys) redis.call('SET', keys[1], 1) local n = 0
             repeat n = n + 1 until n > 1.5e8 end)
         redis.register_function('idle', function() t.x = 1 end)",
    );
    std::thread::scope(|threads| {
        let running = threads.spawn(|| engine.fcall("busy", &["key"], NONE));
        while engine.function_stats().running.is_none() {}
        let error = engine.fcall("idle", NONE, NONE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(error.to_string().contains("FUNCTION KILL"), "{error}");
        running.join().unwrap().unwrap();
    });
    engine.fcall("idle", NONE, NONE).unwrap();
}

#[test]
fn names_that_differ_in_case_only_collide_in_one_library_too() {
    let text = "#!lua name=library\nredis.register_function('f', function() end) redis.register_function('F', function() end)";
    let error = Engine::new(Store::new()).function_load(text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ERR Error registering functions: ERR Function already exists in the library"
    );
}

#[test]
fn figures_count_libraries_functions_and_their_bytes() {
    let figure = |engine: &Engine, name: &str| {
        let info = engine.store().info(&["memory"]).unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name}")).parse::<usize>().unwrap()
    };
    let engine =
        engine("redis.register_function('f', function() end) redis.register_function('g', function() end)");
    let bytes = engine.function_list()[0].code.len();
    let other = Engine::new(engine.store().clone());
    load(&other, "redis.register_function('f', function() end)");
    assert_eq!(figure(&engine, "number_of_libraries"), 2);
    assert_eq!(figure(&engine, "number_of_functions"), 3);
    assert!(figure(&engine, "used_memory_functions") > bytes);
    drop(other);
    assert_eq!(figure(&engine, "number_of_functions"), 2);
    assert_eq!(figure(&engine, "used_memory_functions"), bytes);
    engine.function_flush();
    assert_eq!(figure(&engine, "number_of_libraries"), 0);
    assert_eq!(figure(&engine, "used_memory_functions"), 0);
}

#[test]
fn functions_of_declared_keys_touch_no_other() {
    let engine = engine(
        "redis.register_function{function_name='other', callback=function() return redis.call('GET', 'other') end,
             flags={'deny-undeclared-keys'}}",
    );
    assert_eq!(engine.function_list()[0].functions[0].flags, [ScriptFlag::DenyUndeclaredKeys]);
    let error = engine.fcall("other", &["key"], NONE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ScriptRuntime);
    assert!(error.to_string().starts_with("ERR script tried accessing undeclared key"), "{error}");
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn libraries_that_come_and_go_at_random_get_the_replies_of_the_real_server() {
    let Some(oracle) = Oracle::start() else { return };
    let seed = crate::support::number_from_env("REDMOON_SEED", 7);
    let mut rng = Rng::new(seed);
    let (mut client, mut session) = (oracle.connect(), session());
    const LIBRARIES: &[&str] = &["a", "b", "A", "lib"];
    const FUNCTIONS: &[&str] = &["f", "g", "h", "F2"];
    const BODIES: &[&str] = &[
        "n = n + 1 return n",
        "return {n, keys, args}",
        "return redis.call('INCR', 'counter')",
        "t[#t + 1] = args[1] return t",
        "error('no')",
        "return redis.call('GET', keys[1])",
    ];
    for step in 0..1_500 {
        let command = match rng.below(10) {
            0..=2 => {
                let mut code = format!("#!lua name={}\nlocal n, t = 0, {{}}\n", rng.pick(LIBRARIES));
                let first = rng.below(FUNCTIONS.len());
                for at in 0..rng.below(3) {
                    let name = FUNCTIONS[(first + at) % FUNCTIONS.len()];
                    let flags = rng.pick(&["", "'no-writes'", "'allow-oom', 'no-cluster'"]);
                    code.push_str(&format!(
                        "redis.register_function{{function_name='{name}', flags={{{flags}}}, \
                         callback=function(keys, args) {} end}}\n",
                        rng.pick(BODIES)
                    ));
                }
                let mut command = words(&["FUNCTION", "LOAD"]);
                command.extend((!rng.one_in(3)).then(|| "REPLACE".to_owned()));
                command.push(code);
                command
            }
            3 => words(&["FUNCTION", "DELETE", rng.pick(LIBRARIES)]),
            4 if rng.one_in(8) => words(&["FUNCTION", "FLUSH"]),
            4 => words(&["FUNCTION", "STATS"]),
            5 if rng.one_in(4) => words(&["SCRIPT", "FLUSH"]),
            6 => words(&["FCALL_RO", rng.pick(FUNCTIONS), "0"]),
            _ => words(&["FCALL", rng.pick(&["f", "G", "h", "f2", "F2"]), "1", "counter", "x"]),
        };
        let (theirs, ours) = (client.raw(&command), reply_of(&mut session, &command));
        // Which of several collisions is named depends on the server's order.
        let collides =
            |reply: &[u8]| reply.starts_with(b"-ERR Function ") && reply.ends_with(b" already exists\r\n");
        if !(collides(&ours) && collides(&theirs)) {
            assert_eq!(show(&ours), show(&theirs), "seed {seed}, step {step}: {}", show_command(&command));
        }
    }
}
