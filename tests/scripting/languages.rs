//! What holds in each language that the crate can be built with, and what is particular to one.

use std::time::Duration;

use redmoon::{Engine, Error, Store, Value};

#[cfg(feature = "lua54")]
use super::within;

fn eval(source: &str) -> Result<Value, Error> {
    let none: [&str; 0] = [];
    Engine::new(Store::new()).eval(source, &none, &none)
}

fn text(source: &str) -> String {
    match eval(source) {
        Ok(value) => String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_loop_without_end_is_stopped() {
    let none: [&str; 0] = [];
    let engine = Engine::builder(Store::new()).time_limit(Some(Duration::from_millis(50))).build();
    let finalizer = "setmetatable({}, {__gc = function() while true do end end}) collectgarbage() ";
    for source in [
        "while true do end",
        "pcall(function() while true do end end) while true do end",
        "while true do pcall(function() while true do end end) end",
        "coroutine.wrap(function() while true do end end)()",
        "while true do coroutine.wrap(function() pcall(function() while true do end end) end)() end",
        "local f f = function() return f() end return f()",
        "while true do xpcall(function() error('x') end, function(e) return e end) end",
        &format!("{finalizer} while true do end"),
    ] {
        let error = engine.eval(source, &none, &none).unwrap_err();
        assert!(error.to_string().contains("time"), "{source}: {error}");
        assert_eq!(engine.eval("return 1", &none, &none).unwrap(), Value::Integer(1));
    }
}

#[test]
fn bytecode_is_refused_however_it_is_loaded() {
    for load in [
        "loadstring(code)",
        "loadstring(code, 'name')",
        "load(function() local c = code code = nil return c end)",
        "load(function() local c = code:sub(1, 1) code = code:sub(2) return #c > 0 and c or nil end)",
        #[cfg(not(feature = "lua51"))]
        "load(code)",
        #[cfg(not(feature = "lua51"))]
        "load(code, 'name', 'b')",
        #[cfg(not(feature = "lua51"))]
        "load(code, 'name', 'bt', {})",
    ] {
        let source = format!(
            "local code = string.dump(function() return 1 end) local f, e = {load} return tostring(f) .. tostring(e)"
        );
        let answer = text(&source);
        assert!(answer.starts_with("nil"), "{load}: {answer}");
        assert!(answer.contains("27") || answer.contains("text chunk"), "{load}: {answer}");
    }
    assert!(text("\u{1b}Lua").contains("27"));
}

#[test]
fn what_reaches_out_of_the_sandbox_is_hidden() {
    for name in [
        "debug", "dofile", "ffi", "getfenv", "io", "jit", "loadfile", "module", "newproxy", "package",
        "print", "require", "setfenv", "utf8", "warn",
    ] {
        let answer = text(&format!("return type({name})"));
        assert!(answer.contains(&format!("nonexistent global variable '{name}'")), "{name}: {answer}");
        assert_eq!(text(&format!("return tostring(rawget(_G, '{name}'))")), "nil", "{name}");
    }
    assert_eq!(
        text(
            "local names = {} for name in pairs(os) do names[#names + 1] = name end return names[1] .. #names"
        ),
        "clock1"
    );
}

#[test]
fn globals_and_libraries_are_protected() {
    for source in [
        "x = 1",
        "_G.x = 1",
        "rawset(_G, 'x', 1)",
        "string.rep = nil",
        "rawset(redis, 'call', 1)",
        "table.insert(math, 1)",
        "setmetatable(_G, {})",
        "setmetatable(string, {})",
        "getmetatable('').__index = 1",
        "loadstring('x = 1')()",
        "coroutine.wrap(function() x = 1 end)()",
    ] {
        let answer = text(source);
        assert!(answer.contains("readonly table"), "{source}: {answer}");
    }
}

#[test]
fn a_finalizer_never_runs() {
    let source = "local ran = 0
        for _ = 1, 100 do
          local meta = {__gc = function() ran = ran + 1 end}
          local t = setmetatable({}, meta)
          if getmetatable(t) ~= meta or type(meta.__gc) ~= 'function' then return -1 end
          setmetatable(t, nil)
          setmetatable(t, meta)
        end
        collectgarbage() collectgarbage()
        return ran";
    assert_eq!(eval(source).unwrap(), Value::Integer(0));
}

#[test]
fn numbers_that_are_whole_are_spelled_without_a_point() {
    let store = Store::new();
    let engine = Engine::new(store.clone());
    let none: [&str; 0] = [];
    let source = "redis.call('SET', 'k', 3) redis.call('INCRBY', 'k', 4)
        return {redis.call('GET', 'k'), redis.call('INCR', 'k') .. '', tostring(redis.call('STRLEN', 'k')),
          cjson.encode({1, 10}), tostring(cjson.decode('[7]')[1]), tostring(cmsgpack.unpack(cmsgpack.pack(5))),
          tostring((struct.unpack('i', struct.pack('i', 9)))), tostring(bit.band(7, 3)), tostring(math.random(1, 1)),
          tostring(redis.LOG_WARNING), tostring(#'abc'), tostring((string.find('abc', 'b')))}";
    let spelled = ["7", "8", "1", "[1,10]", "7", "5", "9", "3", "1", "3", "3", "2"];
    assert_eq!(engine.eval(source, &none, &none).unwrap(), Value::from(spelled.map(Value::from).to_vec()));
    assert_eq!(eval("return {3.99, -3.99, 7}").unwrap(), eval("return {3, -3, 7}").unwrap());
}

#[test]
fn names_of_lua_5_1_work() {
    for (source, expected) in [
        ("return table.concat({unpack({1, 2, 3}, 2)}, ',')", "2,3"),
        ("return tostring(loadstring('return 4')())", "4"),
        ("return tostring(table.getn({1, 2})) .. tostring(table.maxn({[7]=1, x=2}))", "27"),
        ("local s = '' table.foreachi({5, 6}, function(i, v) s = s .. i .. v end) return s", "1526"),
        ("return table.foreach({x=1}, function(k) return k end)", "x"),
        ("return tostring(math.pow(2, 3) == 8) .. tostring(math.mod(7, 4) == 3)", "truetrue"),
        ("return string.gfind('ab', 'b')()", "b"),
        ("return tostring(string.rep('ab', 2.9))", "abab"),
        ("return ('%d'):format(3)", "3"),
    ] {
        assert_eq!(text(source), expected, "{source}");
    }
}

#[test]
fn calls_of_c_that_nest_for_ever_end_in_an_error() {
    for source in [
        "local function f() return (string.gsub('a', 'a', f)) end return f()",
        "local function f() return pcall(f) end return tostring(f())",
        "local function f() table.sort({1, 2, 3}, f) end f()",
        "local function f() return coroutine.wrap(f)() end f()",
        "local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return string.format('%s', t) end
         return string.format('%s', t)",
        "local t = setmetatable({}, {}) getmetatable(t).__index = function() return string.gsub('a', 'a', t) end
         return string.gsub('a', 'a', t)",
        "local f f = function() return xpcall(f, f) end f()",
    ] {
        // An answer, whichever it is, and not the end of the process.
        drop(eval(source));
        assert_eq!(eval("return 1").unwrap(), Value::Integer(1), "{source}");
    }
}

#[test]
fn memory_is_limited() {
    let none: [&str; 0] = [];
    let engine = Engine::builder(Store::new()).memory_limit(4 << 20).build();
    for source in [
        "local t = {} while true do t[#t + 1] = {} end",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t = {t, function() return t end} end",
        "return string.rep('x', 1e9)",
    ] {
        let error = engine.eval(source, &none, &none).unwrap_err();
        assert!(error.to_string().contains("not enough memory"), "{source}: {error}");
        assert_eq!(engine.eval("return 1", &none, &none).unwrap(), Value::Integer(1));
    }
    // What is garbage does not count.
    let churn = "local n = 0 for i = 1, 200000 do n = n + #{i, i + 1, i + 2} end return n";
    assert_eq!(engine.eval(churn, &none, &none).unwrap(), Value::Integer(600_000));
}

#[cfg(not(feature = "lua51"))]
#[test]
fn newer_syntax_and_functions_are_there() {
    for (source, expected) in [
        ("do goto done end error('x') ::done:: return 'after'", "after"),
        ("return '\\x41\\z   B'", "AB"),
        ("return load('return ...')('x')", "x"),
        ("return load('return x', 'name', 't', {x = 'mine'})()", "mine"),
        ("return string.rep('a', 3, ',')", "a,a,a"),
        ("return tostring(select(2, xpcall(function(a) return a end, error, 'handed')))", "handed"),
        ("return (string.gsub('a b', '%g', 'x'))", "x x"),
        (
            "local f, e = load('return 1', 'name', 'b') return tostring(f) .. e",
            "nilattempt to load a text chunk (mode is 'b')",
        ),
    ] {
        assert_eq!(text(source), expected, "{source}");
    }
}

#[cfg(feature = "lua54")]
mod lua54 {
    use super::*;

    #[test]
    fn integers_keep_their_64_bits() {
        let store = Store::new();
        let engine = Engine::new(store.clone());
        let none: [&str; 0] = [];
        let source = "redis.call('SET', 'k', math.maxinteger) redis.call('SET', 'least', math.mininteger)
            redis.call('SET', 'float', 2^53)
            return {math.maxinteger, math.mininteger, redis.call('DECR', 'k'), 2^53, 7 // 2, 7.5 // 2}";
        let expected = [i64::MAX, i64::MIN, i64::MAX - 1, 1 << 53, 3, 3].map(Value::Integer).to_vec();
        assert_eq!(engine.eval(source, &none, &none).unwrap(), Value::from(expected));
        assert_eq!(store.get("least").unwrap().unwrap().as_ref(), b"-9223372036854775808");
        for (source, expected) in [
            ("return tostring(redis.call('DBSIZE') + 1)", "1"),
            ("return cjson.encode({9007199254740993, 1.5, 2.0})", "[9007199254740993,1.5,2]"),
            ("return tostring(cjson.decode('9007199254740993'))", "9007199254740993"),
            ("return tostring(cjson.decode('1e2'))", "100.0"),
            ("return tostring(cmsgpack.unpack(cmsgpack.pack(math.mininteger)))", "-9223372036854775808"),
            (
                "return tostring((struct.unpack('l', struct.pack('l', math.maxinteger))))",
                "9223372036854775807",
            ),
            ("return tostring(bit.band(0xffffffff, -2))", "-2"),
            ("return math.type(math.random(5)) .. math.type(math.random())", "integerfloat"),
        ] {
            assert_eq!(text(source), expected, "{source}");
        }
    }

    #[test]
    fn variables_are_closed_and_coroutines_too() {
        let source = "local log = ''
            local function closing(name) return setmetatable({}, {__close = function() log = log .. name end}) end
            do local a <close> = closing('a') local b <close> = closing('b') end
            local co = coroutine.create(function() local c <close> = closing('c') coroutine.yield() end)
            coroutine.resume(co)
            local closed = coroutine.close(co)
            pcall(coroutine.wrap(function() local d <close> = closing('d') error('x') end))
            local e = coroutine.create(function() local e <close> = setmetatable({}, {__close = error}) coroutine.yield() end)
            coroutine.resume(e)
            return log .. tostring(closed) .. tostring(coroutine.close(e)) .. coroutine.status(co)";
        assert_eq!(text(source), "bacdtruefalsedead");
    }

    #[test]
    fn functions_of_table_do_what_they_should_and_end() {
        for (source, expected) in [
            (
                "local t = {1, 2, 3} table.insert(t, 2, 'x') table.insert(t, 4) return table.concat(t, '-')",
                "1-x-2-3-4",
            ),
            (
                "local t = {1, 2, 3} return table.remove(t, 1) .. table.remove(t) .. #t .. tostring(table.remove({}))",
                "131nil",
            ),
            (
                "return table.concat(table.move({1, 2, 3}, 1, 3, 2), ',') .. #table.move({1, 2}, 1, 2, 1, {})",
                "1,1,2,32",
            ),
            ("return table.concat(table.move({1, 2, 3, 4}, 2, 4, 1), ',')", "2,3,4,4"),
            ("return table.concat({1, 2.5, 'x'}, ', ', 2)", "2.5, x"),
            (
                "return select(2, pcall(table.concat, {1, {}, 3}))",
                "invalid value (table) at index 2 in table for 'concat'",
            ),
            (
                "return select(2, pcall(table.insert, {}, 5, 1))",
                "bad argument #2 to '?' (position out of bounds)",
            ),
            ("return select(2, pcall(table.insert, {}, 1, 1, 1))", "wrong number of arguments to 'insert'"),
        ] {
            assert_eq!(text(source), expected, "{source}");
        }
        assert!(text("table.move({1}, 1, 1, 1, redis)").contains("readonly table"));
        assert!(text("table.remove(redis, 1)").contains("readonly table"));
        let none: [&str; 0] = [];
        let engine = Engine::builder(Store::new()).time_limit(Some(Duration::from_millis(50))).build();
        let long = "local t = setmetatable({}, {__len = function() return 1 << 60 end, __newindex = function() end})";
        for call in ["table.move({}, 1, 1 << 60, 2)", "table.insert(t, 1, 'x')", "table.remove(t, 1)"] {
            let error = engine.eval(format!("{long} {call}"), &none, &none).unwrap_err();
            assert!(error.to_string().contains("time"), "{call}: {error}");
        }
    }

    #[test]
    fn closing_without_end_is_stopped() {
        let none: [&str; 0] = [];
        let engine = Engine::builder(Store::new()).time_limit(Some(Duration::from_millis(50))).build();
        for source in [
            "local a <close> = setmetatable({}, {__close = function() while true do end end})",
            "local co = coroutine.create(function()
               local a <close> = setmetatable({}, {__close = function() while true do end end}) coroutine.yield() end)
             coroutine.resume(co) coroutine.close(co)",
            "while true do local a <close> = setmetatable({}, {__close = function() while true do end end}) end",
        ] {
            let error = engine.eval(source, &none, &none).unwrap_err();
            assert!(error.to_string().contains("time"), "{source}: {error}");
            assert_eq!(engine.eval("return 1", &none, &none).unwrap(), Value::Integer(1));
        }
    }

    #[test]
    fn a_protected_call_can_be_left_by_a_yield() {
        let source = "local co = coroutine.wrap(function()
              local ok, x = pcall(function() return coroutine.yield(1) + 1 end)
              local ok2, y = xpcall(function() error(coroutine.yield(x)) end, function(e) return e + 10 end)
              return tostring(ok) .. tostring(ok2) .. y
            end)
            co() return co(4) .. co(7)";
        assert_eq!(text(source), "5truefalse17");
    }

    #[test]
    fn a_chunk_may_have_an_environment_of_its_own() {
        assert_eq!(text("local _ENV = {x = 'mine'} return x"), "mine");
        assert_eq!(
            text("local t = {} local function f() local _ENV = t x = 1 end f() return tostring(t.x)"),
            "1"
        );
        assert!(text("local _ENV = _G x = 1").contains("readonly table"));
        let engine = Engine::new(Store::new());
        let source = "local seen = type(redis) .. #KEYS _ENV = {KEYS = {}} return seen";
        for keys in [&["a"][..], &["a", "b"], &[]] {
            let expected = format!("table{}", keys.len());
            assert_eq!(engine.eval(source, keys, &[""; 0]).unwrap(), Value::from(expected));
        }
    }

    #[test]
    fn a_script_just_below_the_memory_limit_is_stopped_in_time() {
        let none: [&str; 0] = [];
        let engine = Engine::builder(Store::new())
            .memory_limit(16 << 20)
            .time_limit(Some(Duration::from_millis(100)))
            .build();
        let source = "local keep = {} for i = 1, 100000 do keep[i] = {i} end
            while true do pcall(function() while true do keep[#keep + 1] = {} end end) end";
        within(Duration::from_secs(10), move || assert!(engine.eval(source, &none, &none).is_err()));
    }
}
