//! Libraries with each allocation in turn refused, and what counts as kept from call to call.

#![allow(clippy::result_large_err, reason = "failures are as large as `Vm::run` makes them")]

use super::*;
use crate::error::Result;
use crate::reply::Reply;
use crate::vm::{Pace, Server};

struct Fake;

impl Host for Fake {
    fn call(&mut self, _: &[&[u8]], out: &mut dyn Reply, _: &mut Pace) -> Result<()> {
        out.bulk(&[b'x'; 300]);
        Ok(())
    }
    fn has_written(&self) -> bool {
        false
    }
    fn waited(&mut self) -> bool {
        false
    }
    fn overdue(&mut self) {}
    fn freeze_time(&mut self) {}
    fn log(&mut self, _: u8, _: &[u8]) {}
    fn flag(&mut self, name: &[u8]) -> Option<u32> {
        (name == b"flag").then_some(4)
    }
    fn knows(&mut self, _: &[&[u8]]) -> bool {
        false
    }
    fn random(&mut self) -> i32 {
        0
    }
    fn seed(&mut self, _: i32) {}
}

const NO_LIMITS: Limits = Limits { time: None, reply: usize::MAX };

fn vm() -> Vm {
    Vm::new(64 * 1024 * 1024, Server::Any).unwrap()
}

fn load(vm: &mut Vm, text: &str) -> Loaded {
    vm.load_library(text.as_bytes(), &mut Fake, None).unwrap()
}

fn call(vm: &mut Vm, loaded: &Loaded, at: usize) -> Result<Value, Failure> {
    let keys: [&[u8]; 2] = [b"a key that is long enough to be no short string in any representation", b"k"];
    vm.run_function(loaded.functions[at].1, &keys, &[b"arg"], &mut Fake, NO_LIMITS)
}

#[test]
#[cfg_attr(
    not(feature = "lua51"),
    ignore = "the bytecode of other dialects is not read, and nothing is known of it"
)]
fn a_library_keeps_what_its_functions_can_write() {
    for (keeps, text) in [
        (false, "redis.register_function('f', function() return 1 end)"),
        (false, "local a = 5 redis.register_function('f', function() return a end)"),
        (false, "local function g(x) return x end redis.register_function('f', function() return g(1) end)"),
        (
            false,
            "local n = 0 local function up() n = n + 1 end up() redis.register_function('f', function() return n end)",
        ),
        (
            false,
            "redis.register_function('f', function() local n = 0 local function up() n = n + 1 end up() return n end)",
        ),
        (false, "local r = redis redis.register_function('f', function() return r.LOG_DEBUG end)"),
        (false, "local rep = ('x').rep redis.register_function('f', function() return rep('x', 3) end)"),
        (false, "redis.register_function('f', redis.log)"),
        (false, "local t = {} t.x = 1 redis.register_function('f', function() return 1 end)"),
        (true, "local n = 0 redis.register_function('f', function() n = n + 1 return n end)"),
        (
            true,
            "local n = 0 redis.register_function('f', function() local function up() n = n + 1 end up() return n end)",
        ),
        (
            true,
            "local function up() local n = 0 return function() n = n + 1 return n end end redis.register_function('f', up())",
        ),
        (true, "local t = {} redis.register_function('f', function() return t end)"),
        (
            true,
            "local t = {} local function g() return t end redis.register_function('f', function() return g() end)",
        ),
        (true, "local it = ('a b'):gmatch('%a') redis.register_function('f', function() return it() end)"),
        (true, "local f f = function() f = nil end redis.register_function('f', function() return f() end)"),
    ] {
        assert_eq!(load(&mut vm(), text).keeps, keeps, "{text}");
    }
}

#[test]
fn functions_reached_in_any_way_have_the_environment_of_calls() {
    for text in [
        "redis.register_function('f', function() return type(cjson) .. type(redis.call) .. type(_G) end)",
        "local function g() return type(string) .. type(redis.call) .. type(_G) end
         redis.register_function('f', function() return g() end)",
        "local t = {x = {function() return type(string) .. type(redis.call) .. type(_G) end}}
         redis.register_function('f', function() return t.x[1]() end)",
        "local t = {[function() return type(string) .. type(redis.call) .. type(_G) end] = true}
         redis.register_function('f', function() return next(t)() end)",
        "redis.register_function('f', function()
             return loadstring('return type(string) .. type(redis.call) .. type(_G)')() end)",
    ] {
        let mut vm = vm();
        let loaded = load(&mut vm, text);
        assert_eq!(call(&mut vm, &loaded, 0).unwrap(), Value::from("tablefunctiontable"), "{text}");
        // Scripts have theirs back.
        let script = vm.compile(b"return loadstring('return type(redis.breakpoint)')()").unwrap();
        let result = vm.run(script, &[], &[], &mut Fake, NO_LIMITS).unwrap();
        assert_eq!(result, Value::from("function"));
    }
}

#[test]
fn arguments_are_made_as_far_as_they_are_seen() {
    let mut vm = vm();
    let loaded = load(
        &mut vm,
        "redis.register_function('a', function() return 0 end)
         redis.register_function('b', function(k) return #k end)
         redis.register_function('c', function(k, a) return #k * 10 + #a end)
         redis.register_function('d', function(k, a, more) return #k * 10 + #a + (more and 100 or 0) end)
         redis.register_function('e', function(...) return select('#', ...) end)
         redis.register_function('f', function(k) k[1] = 'x' return k[1] .. #k end)",
    );
    let answers = [Value::Integer(0), 2.into(), 21.into(), 21.into(), 2.into(), Value::from("x2")];
    for (at, answer) in answers.into_iter().enumerate() {
        assert_eq!(call(&mut vm, &loaded, at).unwrap(), answer);
    }
}

#[test]
fn a_library_whose_memory_is_refused_anywhere_harms_nothing() {
    let text = "local t = {1, 2, {x = function() return 1 end}}
        local function help(k) return k[1] .. #t end
        redis.register_function('f', function(k, a) return {help(k), redis.call('x'), a} end)
        redis.register_function{function_name = 'g', callback = function() return loadstring('return redis.call(1)')() end,
            description = 'what it does', flags = {'flag'}}";
    let mut loads = 0;
    let mut calls = 0;
    let mut vm = vm();
    for refused in 0..1_500 {
        // What the first library needs is made in a state of its own each time.
        let mut fresh = (refused < 500).then(self::vm);
        let vm = fresh.as_mut().unwrap_or(&mut vm);
        vm.fail_allocation_after(Some(refused));
        let loaded = vm.load_library(text.as_bytes(), &mut Fake, None);
        vm.fail_allocation_after(None);
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(failure) => {
                loads += 1;
                let memory = match &failure {
                    LoadFailure::Memory => true,
                    LoadFailure::Compile(line) | LoadFailure::Raised(line) => {
                        line.ends_with(b"not enough memory")
                    }
                    LoadFailure::OutOfTime => false,
                };
                assert!(memory, "{failure:?}");
                load(vm, text)
            }
        };
        assert_eq!(loaded.functions.len(), 2);
        assert_eq!(loaded.functions[1].0.flags, 4);
        assert_eq!(loaded.functions[1].0.description.as_deref(), Some(&b"what it does"[..]));
        for at in 0..2 {
            let right = call(vm, &loaded, at).unwrap();
            vm.fail_allocation_after(Some(refused % 200));
            let result = call(vm, &loaded, at);
            vm.fail_allocation_after(None);
            match result {
                Ok(value) => assert_eq!(value, right),
                Err(_) => calls += 1,
            }
            assert_eq!(call(vm, &loaded, at).unwrap(), right);
        }
        for (_, function) in loaded.functions {
            vm.forget_function(function);
        }
    }
    // LuaJIT and Lua 5.4 make fewer and larger blocks.
    let least = if cfg!(feature = "lua51") { 100 } else { 50 };
    assert!(loads > least && calls > least, "{loads} loads and {calls} calls failed");
    let clean = vm.compile(b"collectgarbage() collectgarbage()").unwrap();
    vm.run(clean, &[], &[], &mut Fake, NO_LIMITS).unwrap();
    assert!(vm.memory() < 300_000, "{} bytes are left", vm.memory());
}
