//! What a debugger prints, line by line, compared with Redis's own in the same sessions.

use std::time::Duration;

use redmoon::{DebugMode, Engine, Store, Value};

use crate::support::client::decode;
use crate::support::{Oracle, Rng, number_from_env};

/// A session: the commands that come before it, the script with its keys and arguments, and the debugger's commands.
struct Scene<'s> {
    before: &'s [&'s [&'s str]],
    script: &'s str,
    keys: &'s [&'s str],
    args: &'s [&'s str],
    /// Words with spaces between them; behind `e ` all is one word.
    commands: Vec<String>,
}

impl<'s> Scene<'s> {
    fn new(script: &'s str, commands: &[&str]) -> Scene<'s> {
        let commands = commands.iter().map(|&command| command.to_owned()).collect();
        Scene { before: &[], script, keys: &[], args: &[], commands }
    }
}

fn words(command: &str) -> Vec<String> {
    match command.strip_prefix("e ") {
        Some(code) => vec!["e".to_owned(), code.to_owned()],
        None => command.split(' ').map(str::to_owned).collect(),
    }
}

/// Addresses are no two processes' the same.
fn without_addresses(line: &str) -> String {
    let mut parts = line.split("@0x");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str("@0x…");
        plain.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_hexdigit()));
    }
    plain
}

/// What the real debugger answers to each command, and the script's reply if it ended.
fn on_redis(oracle: &Oracle, scene: &Scene<'_>, mode: &str) -> (Vec<Vec<String>>, Option<Vec<u8>>) {
    let mut client = oracle.connect();
    client.raw(&["FLUSHALL"]);
    for command in scene.before {
        client.raw(command);
    }
    assert_eq!(client.raw(&["SCRIPT", "DEBUG", mode]), b"+OK\r\n");
    let count = scene.keys.len().to_string();
    let mut eval = vec!["EVAL", scene.script, &count];
    eval.extend(scene.keys);
    eval.extend(scene.args);
    let mut reports = Vec::new();
    let mut reply = client.raw(&eval);
    let mut commands = scene.commands.iter();
    loop {
        let Value::Array(lines) = decode(&reply) else { panic!("not lines: {}", reply.escape_ascii()) };
        let mut lines: Vec<String> = lines
            .iter()
            .map(|line| without_addresses(&String::from_utf8_lossy(line.as_bytes().unwrap())))
            .collect();
        let has_ended = lines.last().is_some_and(|line| line == "<endsession>");
        if has_ended {
            lines.pop();
        }
        reports.push(lines);
        if has_ended {
            return (reports, client.read_many(1).pop());
        }
        let Some(command) = commands.next() else { return (reports, None) };
        reply = client.raw(&words(command));
    }
}

/// The same of ours.
fn on_ours(engine: &Engine, scene: &Scene<'_>, mode: DebugMode) -> (Vec<Vec<String>>, Option<Vec<u8>>) {
    let mut session = engine.session();
    session.execute(&["FLUSHALL"]).unwrap();
    for command in scene.before {
        session.execute(command).unwrap();
    }
    let plain = |lines: Vec<String>| lines.iter().map(|line| without_addresses(line)).collect();
    let mut debugger = engine.debug_with(scene.script, scene.keys, scene.args, mode).unwrap();
    let mut reports = vec![plain(debugger.report())];
    for command in &scene.commands {
        if debugger.stop().is_none() {
            break;
        }
        reports.push(plain(debugger.command(&words(command))));
    }
    let result = debugger.result().map(|result| {
        let mut bytes = Vec::new();
        redmoon::resp::encode_result(result, redmoon::Protocol::Resp2, &mut bytes);
        bytes
    });
    (reports, result)
}

fn compare(oracle: &Oracle, engine: &Engine, scene: &Scene<'_>) {
    let redis = on_redis(oracle, scene, "YES");
    let ours = on_ours(engine, scene, DebugMode::RollBack);
    for (number, (redis, ours)) in redis.0.iter().zip(&ours.0).enumerate() {
        let command = if number == 0 { "(start)" } else { &scene.commands[number - 1] };
        assert_eq!(ours, redis, "{command} (number {number} of {:#?}) in\n{}", scene.commands, scene.script);
    }
    assert_eq!(ours.0.len(), redis.0.len(), "{:#?} in\n{}", scene.commands, scene.script);
    assert_eq!(ours.1, redis.1, "{:#?} in\n{}", scene.commands, scene.script);
}

const VALUES: &str = r#"local n = {1, 1.5, 1e15, 1e17, 2^53, 123456789012, 0.1, 1e-7, 100000, 1000000}
local s = 'a\n\t\r\\"\1\200z\a\b'
local t = {x = 1, [2.5] = 4, [true] = 5}
local d = {} local e = d for i = 1, 12 do e[1] = {i} e = e[1] end
local f, g, h = function() end, redis.call, nil
local c = coroutine.create(f)
local u = cjson.null
local em, ho = {}, {nil, 2}
local cyc = {} cyc.me = cyc
local big = {} for i = 1, 100 do big[i] = i end
local y, no = true, false
local inf, nan, neg = 1 / 0, 0 / 0, -0.5
local long = ('x'):rep(300)
do local a = 1 do local a = 2
local b = a end end
for i = 1, 1 do
local z = i end
for k, v in pairs({q = 1}) do
local z = k end
local function va(...)
  local q = ...
  return q
end
va(1, 2, 3)
return 1"#;

const FUNCTIONS: &str = "local up = 5
local function mk(n)
  local inner = n
  return function(x)
    local w = inner + up + x
    redis.breakpoint()
    return w
  end
end
local g = mk(3)
local function f(x)
  local y = g(x)
  redis.debug('f', y, {y})
  return y
end
local ok, r = pcall(function()
  local z = f(1)
  error({err = 'My fault'})
end)
local co = coroutine.wrap(function(a)
  local x = a
  coroutine.yield(x)
  return 2
end)
co(5)
local t = setmetatable({}, {__index = function(t, k)
  return k
end})
local v = t.x .. loadstring('local q = 1\\nredis.debug(q)\\nreturn q')()
table.sort({3, 1, 2}, function(a, b)
  return a < b
end)
return f(tonumber('7'))";

const CALLS: &str = "local v
v = redis.call('set', KEYS[1], ARGV[1])
v = redis.call('get', KEYS[1])
v = redis.pcall('lpush', KEYS[1], 1)
v = redis.pcall('nosuch', 'a')
v = redis.pcall('get')
v = redis.pcall('subscribe', 'x')
v = redis.pcall()
v = redis.pcall({})
v = redis.pcall('rpush', 'l', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
v = redis.call('lrange', 'l', 0, -1)
v = redis.call('mget', 'none', KEYS[1])
v = redis.call('set', 'long', ('y'):rep(300))
v = redis.call('get', 'long')
v = redis.call('get', 'long')
v = redis.call('hset', 'h', 'f', 'v')
v = redis.call('hgetall', 'h')
v = redis.call('zadd', 'z', 1.5, 'm')
v = redis.call('zscore', 'z', 'm')
v = redis.error_reply(1)
v = redis.error_reply('oh no')
v = redis.error_reply('-x')
v = redis.status_reply('x')
v = pcall(redis.sha1hex)
v = pcall(redis.setresp, 9)
v = pcall(redis.log, 1)
v = pcall(redis.acl_check_cmd, 'nosuch')
v = redis.debug()
v = redis.debug(nil, true, 1.25, 'a\\nb\\0\"')
redis.setresp(3)
v = redis.call('hgetall', 'h')
v = redis.call('zscore', 'z', 'm')
v = redis.call('get', 'none')
v = redis.call('sadd', 's', 'a')
v = redis.call('smembers', 's')
v = redis.call('ping')
v = redis.call('zrange', 'z', 0, -1, 'withscores')
v = redis.call('set', 'a\\nb', 'c\\r\\nd')
return redis.call('lpush', KEYS[1], 1)";

/// Scripts for random sessions.
const SCRIPTS: &[&str] = &[
    VALUES,
    FUNCTIONS,
    CALLS,
    "",
    "\n\n-- nothing\n\n",
    "return 1",
    "#!lua\nlocal a = KEYS[1]\n\nreturn {a, #ARGV}",
    "#!lua flags=no-writes\nlocal v = redis.pcall('set', 'a', 'b')\nreturn redis.call('get', KEYS[1])",
    "local a = 1 local b = 2\nlocal c = 3 return a + b + c",
    "for i = 1, 3 do\n\n  redis.call('incrby', KEYS[1], i)\n\n  if i == 2 then redis.breakpoint() end\nend\r\nreturn nil + 1",
    "local function fact(n)\n  if n <= 1 then\n    return 1\n  end\n  return n * fact(n - 1)\nend\nreturn fact(5)",
    "local function down(n)\n  if n == 0 then return 'done' end\n  return down(n - 1)\nend\nreturn down(3)",
];

fn with_keys<'s>(script: &'s str, commands: Vec<String>) -> Scene<'s> {
    Scene {
        before: &[&["SET", "number", "5"], &["RPUSH", "list", "a", "b"]],
        script,
        keys: &["key"],
        args: &["7", "a value"],
        commands,
    }
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn each_line_of_a_session_is_what_the_real_debugger_prints() {
    let Some(oracle) = Oracle::start() else { return };
    let engine = Engine::new(Store::new());
    let many = |command: &str, count: usize| vec![command.to_owned(); count];
    let every = [
        "p",
        "p a",
        "p nosuch",
        "p KEYS",
        "p ARGV",
        "print",
        "p a b",
        "t",
        "t x",
        "l",
        "l 3",
        "l 3 1",
        "l 0 1",
        "l abc",
        "l 100",
        "l -1",
        "l 14 2",
        "l 2 0",
        "l 2 x 5",
        "w",
        "w 1",
        "b",
        "b 1 2 3",
        "b",
        "b 2 -2 x 0",
        "b -0",
        "b 3x",
        "b 3 3",
        "b -99",
        "b 99",
        "b +3",
        "b 03",
        "b 0 4",
        "b 7 5 6",
        "b",
        "b -5",
        "b",
        "w",
        "m",
        "m 70 80",
        "m 10",
        "m",
        "m abc",
        "m",
        "m 70",
        "m 0",
        "e",
        "e 1+1",
        "e a",
        "e KEYS[1]",
        "e local x = 1",
        "e x y",
        "e error('x')",
        "e {1,nil,3}",
        "e _G.x",
        "e x = 1",
        "e function f() end",
        "e (function() return 1, 2 end)()",
        "e return 1;",
        "e redis.pcall('set', 'q', '1')",
        "e redis.pcall('get', 'q')",
        "e redis.breakpoint()",
        "e redis.debug(1, 'a')",
        "e ('x'):rep(400)",
        "r",
        "r get q",
        "redis",
        "r set q v",
        "r nosuch",
        "r lpush q 1",
        "redis get",
        "r rpush l 1 2 3 4 5 6 7 8 9 10",
        "r subscribe x",
        "foo",
        "restart",
        "S",
        "STEP",
        "s 3",
        "n 1",
        "next",
        "c 5",
    ];
    let every: Vec<String> = every.iter().map(|&command| command.to_owned()).collect();
    for script in SCRIPTS {
        compare(&oracle, &engine, &with_keys(script, every.clone()));
        compare(&oracle, &engine, &with_keys(script, many("s", 200)));
        compare(&oracle, &engine, &with_keys(script, many("c", 20)));
        let looking = (0..200).flat_map(|_| ["s", "p", "t", "l"]).map(str::to_owned).collect();
        compare(&oracle, &engine, &with_keys(script, looking));
        let without_limit =
            [many("m 0", 1), (0..200).flat_map(|_| ["s", "p"]).map(str::to_owned).collect()].concat();
        compare(&oracle, &engine, &with_keys(script, without_limit));
    }
    let full: Vec<String> = (1..=70).map(|line| format!("b {line}")).chain(["b".to_owned()]).collect();
    let long = "local a = 1\n".repeat(70);
    compare(&oracle, &engine, &with_keys(&long, full));
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn a_random_session_prints_what_the_real_debugger_prints() {
    let Some(oracle) = Oracle::start() else { return };
    let seed = number_from_env("REDMOON_SEED", 7);
    eprintln!("debugger: REDMOON_SEED={seed}");
    let mut rng = Rng::new(seed);
    let engine = Engine::new(Store::new());
    const COMMANDS: &[&str] = &[
        "s",
        "s",
        "s",
        "s",
        "n",
        "c",
        "p",
        "p v",
        "p x",
        "p t",
        "p KEYS",
        "t",
        "l",
        "w",
        "b",
        "b 0",
        "b -3",
        "m 0",
        "m 100",
        "m",
        "e #KEYS",
        "e redis.pcall('incr', 'number')",
        "r incr number",
        "r lpush number x",
        "r get number",
        "e redis.breakpoint()",
        "r set key 1",
        "r lrange list 0 -1",
        "foo",
        "a",
    ];
    for _ in 0..150 {
        let script = rng.pick(SCRIPTS);
        let commands = (0..rng.below(40)).map(|_| match rng.below(6) {
            0 => format!("b {}", rng.below(30)),
            1 => format!("l {} {}", rng.below(30), rng.below(4)),
            // An abort can be caught in Redis.
            _ => match rng.pick(COMMANDS) {
                "a" if script == FUNCTIONS => "c".to_owned(),
                command => command.to_owned(),
            },
        });
        let scene = with_keys(script, commands.collect());
        compare(&oracle, &engine, &scene);
    }
}

#[test]
fn changes_stay_or_go_as_in_redis() {
    let Some(oracle) = Oracle::start() else { return };
    let engine = Engine::new(Store::new());
    let script = "redis.call('set', KEYS[1], 'new')\nredis.call('rpush', 'list', 'c')\nredis.call('publish', 'c', 'm')\nreturn 1";
    for (mode, name) in [(DebugMode::RollBack, "YES"), (DebugMode::Keep, "SYNC")] {
        for commands in [
            vec!["c"],
            vec!["s", "a"],
            vec!["s", "r set other 1", "e redis.call('del', 'number')", "s", "s", "s"],
        ] {
            let commands = commands.iter().map(|&command| command.to_owned()).collect();
            let scene = with_keys(script, commands);
            let redis = on_redis(&oracle, &scene, name);
            let ours = on_ours(&engine, &scene, mode);
            assert_eq!(ours, redis, "{name} {:?}", scene.commands);
            let mut client = oracle.connect();
            let mut session = engine.session();
            for command in
                [&["MGET", "key", "number", "other"][..], &["LRANGE", "list", "0", "-1"], &["DBSIZE"]]
            {
                assert_eq!(
                    session.execute(command).unwrap(),
                    client.value(command),
                    "{name} {:?}",
                    scene.commands
                );
            }
        }
    }
}

#[test]
fn a_script_that_runs_for_too_long_is_stopped_as_in_redis() {
    let Some(oracle) = Oracle::start_with(&["--busy-reply-threshold", "100"]) else { return };
    let engine = Engine::builder(Store::new()).time_limit(Duration::from_millis(100)).build();
    // One line, so that it is known where it is stopped.
    for script in ["while true do end", "local i = 0\nrepeat i = i + 1 until false"] {
        let scene = Scene::new(script, &["c", "l", "s", "c", "b 1", "b 2", "a"]);
        compare(&oracle, &engine, &scene);
    }
}
