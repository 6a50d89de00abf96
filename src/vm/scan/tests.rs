//! Which chunks Lua must count the instructions of.

use crate::vm::{Server, Vm};

fn is_counted(source: &str) -> bool {
    Vm::new(usize::MAX, Server::Any).unwrap().compile(source.as_bytes()).unwrap().is_counted()
}

#[test]
fn a_loop_that_cannot_avoid_redis_call_needs_no_counting() {
    for source in [
        "return 1",
        "return redis.call('GET', KEYS[1])",
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end",
        "for i = 1, 10 do redis.call('GET', KEYS[1]) end",
        "for i = 1, 10 do redis.call('SET', KEYS[i], ARGV[i] .. i * 2) end",
        "while true do redis.pcall('LPOP', KEYS[1]) end",
        "while redis.call('LLEN', KEYS[1]) > 0 do redis.pcall('LPOP', KEYS[1]) end",
        "repeat local x = redis.call('GET', 'a') until x",
        "for _, key in ipairs(KEYS) do redis.call('DEL', key) end",
        "for i = 1, 3 do if i > 1 then redis.call('PING') else server.call('PING') end end",
        "for i = 1, 3 do for j = 1, 3 do redis.call('PING') end redis.call('PING') end",
        // The inner call is certain, even if the outer one, whose argument jumps, is not.
        "for i = 1, 3 do redis.call('SET', 'x', redis.call('GET', 'y') or '') end",
    ] {
        assert!(!is_counted(source), "{source}");
    }
}

#[test]
fn a_loop_that_may_avoid_redis_call_needs_counting() {
    for source in [
        "while true do end",
        "repeat until false",
        "for i = 1, 1e9 do end",
        "for i = 1, 10 do if i > 5 then redis.call('GET', 'x') end end",
        "for i = 1, 3 do for j = 1, 1e9 do end redis.call('PING') end",
        "for i = 1, 1e9 do if false then redis.call('PING') end end",
        "while true do if redis.call('PING') then while true do end end end",
        // What is called is not certain.
        "for i = 1, 3 do local f = redis.call f('PING') end",
        "local redis = {call = tostring} for i = 1, 1e9 do redis.call('PING') end",
        "for i = 1, 3 do redis.sha1hex('x') end",
        "for i = 1, 3 do redis[ARGV[1]]('x') end",
        "for i = 1, 3 do (i > 1 and redis.call or tostring)('PING') end",
        // A function may call itself.
        "local function f() return f() end",
        "for i = 1, 3 do redis.call('PING', (function() end)()) end",
        // Not the plain environment: the names may mean anything.
        "redis = {call = tostring} while true do redis.call('x') end",
        "local t = {} t.x = 1 while true do redis.call('PING') end",
    ] {
        assert!(is_counted(source), "{source}");
    }
}

#[test]
fn a_script_that_calls_one_command_without_a_loop_is_known() {
    let calls_once = |source: &str| {
        Vm::new(usize::MAX, Server::Any).unwrap().compile(source.as_bytes()).unwrap().calls_once()
    };
    for source in [
        "return redis.call('GET', KEYS[1])",
        "redis.pcall('SET', KEYS[1], ARGV[1]) return 1",
        "local n = tonumber(redis.call('GET', KEYS[1])) if n then return n + 1 end return tostring(n)",
        "if ARGV[1] == 'x' then return redis.call('GET', KEYS[1]) end return type(ARGV[1])",
    ] {
        assert!(calls_once(source), "{source}");
    }
    for source in [
        "return 1",
        "redis.call('GET', 'a') return redis.call('GET', 'b')",
        "if ARGV[1] then return redis.call('GET', 'a') else return redis.call('GET', 'b') end",
        "for i = 1, 2 do redis.call('GET', KEYS[i]) end",
        "while redis.call('GET', 'a') do end",
        "local f = redis.call f('GET', 'a') return f('GET', 'b')",
        "local r = redis r.call('GET', 'a') return r.call('GET', 'b')",
        "redis.call('GET', 'a') return pcall(redis.call, 'GET', 'b')",
        "return pcall(redis.call, 'GET', 'b')",
        "local function f() return redis.call('GET', 'a') end f() return f()",
        "redis.call('GET', 'a') return string.rep('x', 1e8)",
        "return redis.call('GET', 'a'):rep(1e8)",
        "x = 1 return redis.call('GET', 'a')",
        "return loadstring('return redis.call(...)')('GET', redis.call('GET', 'a'))",
    ] {
        assert!(!calls_once(source), "{source}");
    }
}
