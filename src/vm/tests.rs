//! The bridge: every shape of reply into Lua, every shape of result out of it, and both again with each allocation in
//! turn refused. Lua is built with its own checks here, as in every debug build.

#![allow(clippy::result_large_err, reason = "failures are as large as `Vm::run` makes them")]

mod host;

use std::fmt::Write;
use std::sync::Arc;

use super::*;
use crate::blob::Blob;
use crate::error::{Error, ScriptTexts};
use crate::value::Value;

/// How one host call ends in a panic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Panics {
    Never,
    Always,
}

/// A host whose first argument names the reply.
struct Fake {
    long: Arc<Vec<u8>>,
    panics: Panics,
    written: bool,
    overdue: u32,
    frozen: u32,
    seeded: i32,
    calls: u64,
    logged: Vec<(u8, Vec<u8>)>,
    /// The arguments of the last call.
    seen: Vec<Vec<u8>>,
}

impl Fake {
    fn new() -> Fake {
        Fake {
            long: Arc::new(vec![b'L'; 3_000]),
            panics: Panics::Never,
            written: false,
            overdue: 0,
            frozen: 0,
            seeded: 0,
            calls: 0,
            logged: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn may_panic(&self) {
        assert!(self.panics == Panics::Never, "a panic in the host");
    }
}

impl Host for Fake {
    fn waited(&mut self) -> bool {
        false
    }

    fn call(&mut self, args: &[&[u8]], out: &mut dyn Reply, pace: &mut Pace) -> Result<()> {
        self.calls += 1;
        self.seen = args.iter().map(|arg| arg.to_vec()).collect();
        let number =
            args.get(1).and_then(|arg| std::str::from_utf8(arg).ok()?.parse().ok()).unwrap_or(0_usize);
        match args[0] {
            b"null" => out.null(),
            b"nullarray" => out.null_array(),
            b"integer" => out.integer(-7),
            b"bulk" => out.bulk(b"sh\0rt"),
            b"empty" => out.bulk(b""),
            b"say" => out.bulk(args[1]),
            b"long" => out.bulk(&[b'b'; 2_000]),
            b"shared" => out.shared(&self.long),
            b"status" => out.status("FINE"),
            b"fail" => return Err(Error::new("NOPE it failed")),
            b"double" => out.double(2.5),
            b"verbatim" => out.verbatim(*b"txt", b"some text"),
            b"nothing" => {}
            b"panic" => panic!("a panic in a command"),
            b"halfway" => {
                out.array(3);
                out.shared(&self.long);
                panic!("a panic after half of a reply");
            }
            b"array" => {
                out.array(5);
                out.integer(1);
                out.array(2);
                out.shared(&self.long);
                out.array(0);
                out.error(Error::new("DEEP error"));
                out.null();
                out.status("END");
            }
            b"map" => {
                out.map(3);
                out.bulk(b"a");
                out.integer(1);
                out.bulk(b"b");
                out.map(1);
                out.integer(2);
                out.set(2);
                out.bulk(b"x");
                out.double(0.5);
                out.bulk(b"c");
                out.null();
            }
            b"set" => {
                out.set(4);
                out.bulk(b"m");
                out.integer(3);
                out.null();
                out.array(1);
                out.bulk(b"in");
            }
            b"emptyarray" => out.array(0),
            b"emptymap" => out.map(0),
            b"emptyset" => out.set(0),
            b"deep" => {
                for _ in 0..number {
                    out.array(1);
                }
                out.shared(&self.long);
            }
            b"deepmap" => {
                for _ in 0..number {
                    out.map(1);
                    out.bulk(b"k");
                }
                out.shared(&self.long);
            }
            b"many" => {
                out.array(number);
                for _ in 0..number {
                    out.bulk(b"one of many");
                }
            }
            b"huge" => out.array(usize::MAX / 4),
            b"count" => out.integer(args.len() as i64),
            b"echo" => {
                out.array(args.len() - 1);
                for arg in &args[1..] {
                    out.bulk(arg);
                }
            }
            _ => return Err(Error::new("ERR no such reply")),
        }
        *pace = Pace::Any;
        Ok(())
    }

    fn has_written(&self) -> bool {
        self.written
    }

    fn overdue(&mut self) {
        self.overdue += 1;
    }

    fn freeze_time(&mut self) {
        self.frozen += 1;
        self.may_panic();
    }

    fn log(&mut self, level: u8, message: &[u8]) {
        self.may_panic();
        self.logged.push((level, message.to_vec()));
    }

    fn knows(&mut self, args: &[&[u8]]) -> bool {
        self.may_panic();
        args[0] != b"nosuch"
    }

    fn random(&mut self) -> i32 {
        self.may_panic();
        1 << 30
    }

    fn seed(&mut self, seed: i32) {
        self.may_panic();
        self.seeded = seed;
    }
}

const NO_LIMITS: Limits = Limits { time: None, reply: usize::MAX };

/// Lua source of a function that spells a value, with the keys of tables in order.
const SHOW: &str = r#"
local function show(v)
  if type(v) ~= 'table' then return type(v) == 'string' and string.format('%q', v) or tostring(v) end
  local parts = {}
  for k, x in pairs(v) do parts[#parts + 1] = show(k) .. '=' .. show(x) end
  table.sort(parts)
  return '{' .. table.concat(parts, ' ') .. '}'
end
"#;

/// The line of an error in a call that is all that a function returns, where that is not known.
const TAIL_CALL: Option<i64> = if cfg!(feature = "luajit") { Some(-1) } else { None };

/// How `%q` spells a zero byte.
const ZERO: &str = if cfg!(feature = "lua51") { "\\000" } else { "\\0" };

fn vm() -> Vm {
    Vm::new(usize::MAX, Server::Any).unwrap()
}

fn run_with(vm: &mut Vm, host: &mut Fake, source: &str, limits: Limits) -> Result<Value, Failure> {
    let function = vm.compile(source.as_bytes()).unwrap();
    let result = vm.run(function, &[b"key"], &[b"one", b"two"], host, limits);
    vm.forget(function);
    result
}

fn run(source: &str) -> Result<Value, Failure> {
    run_with(&mut vm(), &mut Fake::new(), source, NO_LIMITS)
}

/// The line of a raised error, and the line of the script that it names.
fn raised(result: Result<Value, Failure>) -> (String, i64) {
    match result {
        Err(Failure::Raised(raised)) => {
            let Raised { line, place, .. } = *raised;
            (String::from_utf8(line).unwrap(), place.map_or(-1, |place| place.line))
        }
        other => panic!("no raised error but {other:?}"),
    }
}

fn bulk(text: impl AsRef<[u8]>) -> Value {
    Value::Bulk(Blob::from(text.as_ref()))
}

fn shown(command: &str, resp: u8) -> String {
    let source = format!("{SHOW} redis.setresp({resp}) return show(redis.pcall('{command}'))");
    let value = run(&source).unwrap();
    String::from_utf8_lossy(value.as_bytes().unwrap()).into_owned()
}

#[test]
fn replies_of_resp2_arrive_in_lua_as_the_contract_has_them() {
    let long = "b".repeat(2_000);
    let shared = "L".repeat(3_000);
    let error = |line: &str| format!("{{\"err\"=\"{line}\" \"ignore_error_stats_update\"=true}}");
    for (command, expected) in [
        ("null", "false".into()),
        ("nullarray", "false".into()),
        ("integer", "-7".into()),
        ("bulk", format!("\"sh{ZERO}rt\"")),
        ("empty", "\"\"".into()),
        ("long", format!("\"{long}\"")),
        ("shared", format!("\"{shared}\"")),
        ("status", "{\"ok\"=\"FINE\"}".into()),
        ("fail", error("NOPE it failed")),
        ("double", "\"2.5\"".into()),
        ("verbatim", "\"some text\"".into()),
        ("nothing", "nil".into()),
        (
            "array",
            format!(
                "{{1=1 2={{1=\"{shared}\" 2={{}}}} 3={} 4=false 5={{\"ok\"=\"END\"}}}}",
                error("DEEP error")
            ),
        ),
        ("map", "{1=\"a\" 2=1 3=\"b\" 4={1=2 2={1=\"x\" 2=\"0.5\"}} 5=\"c\" 6=false}".into()),
        ("set", "{1=\"m\" 2=3 3=false 4={1=\"in\"}}".into()),
        ("emptyarray", "{}".into()),
        ("emptymap", "{}".into()),
        ("emptyset", "{}".into()),
    ] {
        assert_eq!(shown(command, 2), expected, "{command}");
    }
}

#[test]
fn replies_of_resp3_arrive_in_lua_as_the_contract_has_them() {
    for (command, expected) in [
        ("null", "nil"),
        ("nullarray", "nil"),
        ("integer", "-7"),
        ("status", "{\"ok\"=\"FINE\"}"),
        ("double", "{\"double\"=2.5}"),
        ("verbatim", "{\"verbatim_string\"={\"format\"=\"txt\" \"string\"=\"some text\"}}"),
        ("map", "{\"map\"={\"a\"=1 \"b\"={\"map\"={2={\"set\"={\"x\"=true {\"double\"=0.5}=true}}}}}}"),
        ("set", "{\"set\"={\"m\"=true 3=true {1=\"in\"}=true}}"),
        ("emptyarray", "{}"),
        ("emptymap", "{\"map\"={}}"),
        ("emptyset", "{\"set\"={}}"),
    ] {
        assert_eq!(shown(command, 3), expected, "{command}");
    }
    let source = "redis.setresp(3) local t = redis.call('array') return {#t[2][1], t[3].err, t[5].ok}";
    let expected = vec![Value::Integer(3_000), bulk("DEEP error"), bulk("END")];
    assert_eq!(run(source).unwrap(), Value::Array(expected));
}

#[test]
fn an_error_of_a_command_is_raised_by_call_and_answered_by_pcall() {
    let mut host = Fake::new();
    let mut vm = vm();
    let (line, at) = raised(run_with(&mut vm, &mut host, "\nreturn redis.call('fail')", NO_LIMITS));
    assert_eq!((&*line, at), ("NOPE it failed", TAIL_CALL.unwrap_or(2)));
    let caught = "local ok, e = pcall(redis.call, 'fail') return {tostring(ok), e}";
    let value = run_with(&mut vm, &mut host, caught, NO_LIMITS).unwrap();
    assert_eq!(value, Value::Array(vec![bulk("false"), bulk("NOPE it failed")]));
    let answered = run_with(&mut vm, &mut host, "return redis.pcall('fail')", NO_LIMITS).unwrap();
    assert_eq!(answered, Value::Error(Error::new("NOPE it failed")));
}

#[test]
fn results_of_every_shape_come_out_as_the_contract_has_them() {
    let integer = Value::Integer;
    for (source, expected) in [
        ("", Value::Nil),
        ("return nil", Value::Nil),
        ("return print", Value::Nil),
        ("return function() end", Value::Nil),
        ("return coroutine.create(function() end)", Value::Nil),
        ("return 3.99", integer(3)),
        ("return -3.99", integer(-3)),
        ("return 0/0", integer(i64::MIN)),
        ("return 1e300", integer(i64::MIN)),
        ("return true", integer(1)),
        ("return false", Value::Nil),
        ("redis.setresp(3) return false", Value::Boolean(false)),
        ("return 'a\\0b'", bulk(b"a\0b")),
        ("return {}", Value::Array(vec![])),
        ("return {1, 'x', {2, {}}, nil, 5}", {
            let inner = Value::Array(vec![integer(2), Value::Array(vec![])]);
            Value::Array(vec![integer(1), bulk("x"), inner])
        }),
        ("return {ok='a\\r\\nb\\n'}", Value::Status(Blob::from("a  b"))),
        ("return {err='x\\ny\\0z'}", Value::Error(Error::new("x y"))),
        ("return {err=5, 1}", Value::Array(vec![integer(1)])),
        ("return {1, {err='deep'}}", Value::Array(vec![integer(1), Value::Error(Error::new("deep"))])),
        ("return {double=1.5}", Value::Double(1.5)),
        ("return {big_number='12\\r3'}", Value::BigNumber(Blob::from("12 3"))),
        (
            "return {verbatim_string={format='t', string='hi'}}",
            Value::Verbatim { format: *b"t  ", text: Blob::from("hi") },
        ),
        ("return {verbatim_string={format='txt'}, 7}", Value::Array(vec![integer(7)])),
        ("return {map={}}", Value::Map(vec![])),
        ("return {set={}}", Value::Set(vec![])),
        (
            "return {map={[{1}]={map={a={set={[2]=false}}}}}}",
            Value::Map(vec![(
                Value::Array(vec![integer(1)]),
                Value::Map(vec![(bulk("a"), Value::Set(vec![integer(2)]))]),
            )]),
        ),
        ("return {{}, {map={}}, {set={}}, {ok='k'}}", {
            let parts = vec![
                Value::Array(vec![]),
                Value::Map(vec![]),
                Value::Set(vec![]),
                Value::Status(Blob::from("k")),
            ];
            Value::Array(parts)
        }),
    ] {
        let expected = if source == "return print" { None } else { Some(expected) };
        match expected {
            Some(expected) => assert_eq!(run(source).unwrap(), expected, "{source}"),
            // Hidden globals are errors.
            None => drop(raised(run(source))),
        }
    }
}

#[test]
fn maps_and_sets_of_many_members_lose_none() {
    let source = "local m, s = {}, {}
        for i = 1, 3000 do m['k' .. i] = {i} s[i] = true end
        return {{map=m}, {set=s}}";
    let Value::Array(parts) = run(source).unwrap() else { panic!("no array") };
    let (Value::Map(pairs), Value::Set(members)) = (&parts[0], &parts[1]) else { panic!("other shapes") };
    assert_eq!((pairs.len(), members.len()), (3_000, 3_000));
    for (key, value) in pairs {
        let Value::Array(one) = value else { panic!("no array") };
        let Value::Integer(number) = one[0] else { panic!("no integer") };
        assert_eq!(*key, bulk(format!("k{number}")));
    }
}

/// How deep a value nests, by its first parts.
fn depth(mut value: &Value) -> (usize, &Value) {
    let mut depth = 0;
    loop {
        value = match value {
            Value::Array(items) | Value::Set(items) if !items.is_empty() => &items[0],
            Value::Map(pairs) if !pairs.is_empty() => &pairs[0].1,
            end => return (depth, end),
        };
        depth += 1;
    }
}

#[test]
fn results_nest_as_deep_as_redis_lets_them_and_end_in_an_error_there() {
    for (source, deepest) in [
        ("local t = {} t[1] = t return t", 7_995),
        ("local t = {} t.map = {a=t} return t", 2_665),
        ("local t = {} t.set = {[t]=true} return t", 2_665),
    ] {
        let value = run(source).unwrap();
        assert_eq!(depth(&value), (deepest, &Value::Error(Error::LUA_STACK_LIMIT)), "{source}");
    }
}

#[test]
fn the_deepest_results_fit_the_stack_of_an_ordinary_thread() {
    let work = || {
        for source in ["local t = {} t[1] = t return t", "local t = {} t.map = {a=t} return t"] {
            let value = run(source).unwrap();
            let copy = value.clone();
            assert!(copy == value);
            assert!(value != Value::Nil);
            assert!(format!("{value:?}").len() < 10_000);
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn replies_of_commands_nest_as_deep_as_the_stack_goes_and_are_an_error_beyond() {
    let descend = "local t = redis.call(ARGV[1] and KEYS[1] and 'deep', 7000)
        local n = 0 while type(t) == 'table' do t = t[1] n = n + 1 end return {n, #t}";
    assert_eq!(run(descend).unwrap(), Value::Array(vec![Value::Integer(7_000), Value::Integer(3_000)]));
    let mut host = Fake::new();
    let mut vm = vm();
    for command in ["deep", "deepmap"] {
        let source = format!("redis.setresp(3) return redis.call('{command}', 20000)");
        let (line, _) = raised(run_with(&mut vm, &mut host, &source, NO_LIMITS));
        assert!(line.contains("reply nested too deeply"), "{line}");
        let caught = format!("redis.setresp(3) return {{pcall(redis.call, '{command}', 20000)}}");
        let value = run_with(&mut vm, &mut host, &caught, NO_LIMITS).unwrap();
        assert_eq!(value, Value::Array(vec![Value::Boolean(false), bulk("reply nested too deeply")]));
    }
    assert_eq!(Arc::strong_count(&host.long), 1);
}

#[test]
fn a_size_that_no_table_can_have_is_an_error() {
    let (line, _) = raised(run("return redis.call('huge')"));
    let expected = if cfg!(feature = "luajit") { "table overflow" } else { "memory" };
    assert!(line.contains(expected), "{line}");
}

#[test]
fn a_call_takes_as_many_arguments_as_the_stack_holds() {
    let mut host = Fake::new();
    let mut vm = vm();
    let source = "local t = {'count'} for i = 2, 7990 do t[i] = i % 2 == 0 and i + 0.5 or 'x' .. i end
        return redis.call(unpack(t))";
    for as_g17 in [true, false] {
        vm.set_numbers_as_g17(as_g17);
        assert_eq!(run_with(&mut vm, &mut host, source, NO_LIMITS).unwrap(), Value::Integer(7_990));
        assert_eq!(host.seen.len(), 7_990);
        for (at, seen) in host.seen.iter().enumerate().skip(1) {
            let number = at + 1;
            let expected = if number % 2 == 0 { format!("{number}.5") } else { format!("x{number}") };
            assert_eq!(*seen, expected.as_bytes());
        }
    }
    let (line, _) = raised(run_with(
        &mut vm,
        &mut host,
        "local t = {} for i = 1, 9000 do t[i] = 1 end
            return redis.call(unpack(t))",
        NO_LIMITS,
    ));
    assert!(line.contains("too many results to unpack"), "{line}");
}

#[test]
fn numbers_of_every_size_are_spelled_for_commands() {
    let source = "return redis.call('echo', 1e308, -1e-308, 0.1, 1/0, -1/0, 2^53, 2^63, -0.0, 123456789012)";
    for as_g17 in [true, false] {
        let mut vm = vm();
        vm.set_numbers_as_g17(as_g17);
        let value = run_with(&mut vm, &mut Fake::new(), source, NO_LIMITS).unwrap();
        let Value::Array(parts) = value else { panic!("no array") };
        for (part, number) in parts.iter().zip([1e308, -1e-308, 0.1, f64::INFINITY, f64::NEG_INFINITY]) {
            let text = std::str::from_utf8(part.as_bytes().unwrap()).unwrap();
            assert_eq!(text.parse::<f64>().unwrap(), number, "{text}");
        }
        assert_eq!(parts.len(), 9);
        assert_eq!(parts[8], bulk("123456789012"));
    }
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the stack of other dialects is not read")]
fn arguments_are_the_same_off_the_stack_and_through_the_api() {
    let mut vm = vm();
    assert_eq!(vm.set_reads_stack(true), cfg!(target_pointer_width = "64"));
    for arguments in [
        "'null'",
        "'say', '', 'a\\0b', 1.5, -0, 2^60",
        "'say', 1, 2, 3, 4, 5, 6, 7",
        "'say', 1, '', 3, 4, 5, 6, 7, 8, 9",
    ] {
        let seen = [true, false].map(|reads| {
            vm.set_reads_stack(reads);
            let mut host = Fake::new();
            let source = format!("return redis.pcall({arguments})");
            drop(run_with(&mut vm, &mut host, &source, NO_LIMITS));
            host.seen
        });
        assert_eq!(seen[0].len(), arguments.split(',').count());
        assert_eq!(seen[0], seen[1], "{arguments}");
    }
    for arguments in ["", "'say', {}", "nil", "'say', true, 1"] {
        let errors = [true, false].map(|reads| {
            vm.set_reads_stack(reads);
            let source = format!("return redis.call({arguments})");
            raised(run_with(&mut vm, &mut Fake::new(), &source, NO_LIMITS))
        });
        assert_eq!(errors[0], errors[1], "{arguments}");
    }
}

#[test]
fn a_reply_that_comes_again_and_again_is_the_right_string_each_time() {
    let source = "for n = 0, 999 do
          local text = string.rep(string.char(65 + n % 7), n % 19) .. n % 13
          for _ = 1, 4 do if redis.call('say', text) ~= text then return text end end
        end
        for n = 0, 99 do
          local text = 'n' .. n % 40
          if redis.call('say', text) ~= text then return text end
          collectgarbage()
          if redis.call('say', text) ~= text then return text end
        end
        return 'all'";
    assert_eq!(run(source).unwrap(), bulk("all"));
}

#[test]
fn arguments_that_are_neither_text_nor_number_are_refused() {
    for call in ["call", "pcall"] {
        for (args, line) in [
            ("", ScriptTexts::REDIS.no_arguments),
            ("'echo', {}", ScriptTexts::REDIS.argument_type),
            ("nil", ScriptTexts::REDIS.argument_type),
        ] {
            let source = format!("return redis.{call}({args})");
            match run(&source) {
                Ok(Value::Error(error)) => assert_eq!(error.as_bytes(), line.as_bytes()),
                other => assert_eq!(raised(other).0, line),
            }
        }
    }
}

#[test]
fn protected_calls_hand_on_as_many_results_as_fit() {
    for source in [
        "return select('#', pcall(unpack, {}, 1, 7000))",
        "return select('#', xpcall(function() return unpack({}, 1, 7000) end, error))",
        "return select('#', coroutine.resume(coroutine.create(function() return unpack({}, 1, 7000) end)))",
    ] {
        assert_eq!(run(source).unwrap(), Value::Integer(7_001), "{source}");
    }
    // More results than a C function's frame may hold.
    let grow = "local function more(n, ...) if n == 0 then return 1, ... end return more(n - 1, 1, ...) end
        local function all() return more(300, unpack({}, 1, 7850)) end ";
    for source in
        ["local ok = pcall(all)", "local ok = xpcall(all, tostring)", "local ok = pcall(pcall, all)"]
    {
        let value = run(&format!("{grow} {source} return tostring(ok)")).unwrap();
        assert!(value == bulk("false") || value == bulk("true"), "{value:?}");
    }
}

#[test]
fn a_panic_of_the_host_is_an_error_and_the_script_goes_on() {
    let mut host = Fake::new();
    let mut vm = vm();
    let internal = String::from_utf8(Error::INTERNAL.as_bytes().to_vec()).unwrap();
    for command in ["panic", "halfway"] {
        let source = format!("return redis.call('{command}')");
        assert_eq!(raised(run_with(&mut vm, &mut host, &source, NO_LIMITS)).0, internal);
        let source = format!("local e = redis.pcall('{command}') return {{e.err, redis.call('integer')}}");
        let value = run_with(&mut vm, &mut host, &source, NO_LIMITS).unwrap();
        assert_eq!(value, Value::Array(vec![bulk(&internal), Value::Integer(-7)]));
    }
    host.panics = Panics::Always;
    let source = "math.randomseed(5) redis.log(3, 'text') local ok = pcall(redis.acl_check_cmd, 'get')
        return {math.random(5), tostring(ok), redis.call('integer')}";
    let value = run_with(&mut vm, &mut host, source, NO_LIMITS).unwrap();
    assert_eq!(value, Value::Array(vec![Value::Integer(1), bulk("false"), Value::Integer(-7)]));
    // The first look at the clock is in the hook here, and in the call of a command there.
    let spin = "for i = 1, 5000 do end return 1";
    assert_eq!(run_with(&mut vm, &mut host, spin, NO_LIMITS).unwrap(), Value::Integer(1));
    let calls = "for i = 1, 50 do redis.pcall('integer') end return 1";
    assert_eq!(run_with(&mut vm, &mut host, calls, NO_LIMITS).unwrap(), Value::Integer(1));
    assert!(host.frozen > 0);
    host.panics = Panics::Never;
    assert_eq!(
        run_with(&mut vm, &mut host, "return redis.call('integer')", NO_LIMITS).unwrap(),
        Value::Integer(-7)
    );
    assert_eq!(Arc::strong_count(&host.long), 1);
}

#[test]
fn the_host_hears_what_scripts_tell_it() {
    let mut host = Fake::new();
    let source = "redis.log(redis.LOG_WARNING, 'a', 1.5, {}, 'b') math.randomseed(-3.7)
        return {math.random(10), tostring(redis.acl_check_cmd('get', 1)),
            tostring(pcall(redis.acl_check_cmd, 'nosuch'))}";
    let value = run_with(&mut vm(), &mut host, source, NO_LIMITS).unwrap();
    assert_eq!(value, Value::Array(vec![Value::Integer(6), bulk("true"), bulk("false")]));
    assert_eq!(host.logged, [(3, b"a 1.5 b".to_vec())]);
    assert_eq!(host.seeded, -3);
}

#[test]
fn coroutines_that_are_abandoned_in_the_middle_leave_nothing_behind() {
    let mut host = Fake::new();
    let mut vm = vm();
    let source = "for i = 1, 200 do
          local co = coroutine.wrap(function()
            for j = 1, 3 do coroutine.yield(redis.call('array')) end
            error('never')
          end)
          co() co()
        end
        return redis.call('integer')";
    assert_eq!(run_with(&mut vm, &mut host, source, NO_LIMITS).unwrap(), Value::Integer(-7));
    assert_eq!(Arc::strong_count(&host.long), 1);
    let collected = "collectgarbage() return math.floor(collectgarbage('count'))";
    let Value::Integer(kilobytes) = run_with(&mut vm, &mut host, collected, NO_LIMITS).unwrap() else {
        panic!()
    };
    assert!(kilobytes < 100, "{kilobytes} KiB are left");
}

#[test]
fn an_error_of_a_command_passes_through_coroutines_and_protected_calls() {
    let source = "local co = coroutine.create(function()
          local ok, text = pcall(redis.call, 'fail')
          coroutine.yield(text)
          redis.call('fail')
        end)
        local a, first = coroutine.resume(co)
        local b, second = coroutine.resume(co)
        local c, third = coroutine.resume(co)
        local ok, last = pcall(coroutine.wrap(function() redis.call('panic') end))
        return {first, tostring(b), second.err, tostring(c), third, tostring(ok), type(last)}";
    let Value::Array(parts) = run(source).unwrap() else { panic!("no array") };
    let texts: Vec<_> = parts.iter().map(|part| String::from_utf8_lossy(part.as_bytes().unwrap())).collect();
    assert_eq!(texts[..4], ["NOPE it failed", "false", "NOPE it failed", "false"]);
    assert_eq!(texts[4], "cannot resume dead coroutine");
    assert_eq!(texts[5], "false");
}

#[test]
fn errors_of_every_kind_end_a_script_with_a_line() {
    for (source, line) in [
        ("error('text')", "ERR user_script:1: text"),
        ("error('text', 0)", "ERR text"),
        ("error()", "ERR nil"),
        ("error(true)", "ERR true"),
        ("error({err='E x'})", "E x"),
        ("error({err=5})", "5"),
        ("error({})", "ERR unknown error"),
        ("error({err={}})", "ERR unknown error"),
        ("error(setmetatable({}, {__index={err='X y'}}))", "X y"),
        ("local x = nil + 1", "ERR user_script:1: attempt to perform arithmetic on a nil value"),
        ("nosuch()", "ERR user_script:1: Script attempted to access nonexistent global variable 'nosuch'"),
        ("x = 1", "ERR user_script:1: Attempt to modify a readonly table"),
    ] {
        assert_eq!(raised(run(source)), (line.to_owned(), 1), "{source}");
    }
}

#[test]
fn an_error_whose_handling_fails_ends_the_script() {
    for source in [
        "local t t = setmetatable({}, {__newindex=function() error(t) end}) error(t)",
        "error(setmetatable({}, {__index=function() error('in index') end}))",
    ] {
        let mut vm = vm();
        let mut host = Fake::new();
        let result = run_with(&mut vm, &mut host, source, NO_LIMITS);
        let ends = match &result {
            Err(Failure::InHandler) => true,
            Err(Failure::Raised(raised)) => raised.line == b"ERR C stack overflow",
            _ => false,
        };
        assert!(ends, "{source}: {result:?}");
        assert_eq!(run_with(&mut vm, &mut host, "return 1", NO_LIMITS).unwrap(), Value::Integer(1));
    }
}

#[test]
fn a_script_out_of_stack_fails_and_the_state_goes_on() {
    let mut vm = vm();
    let mut host = Fake::new();
    for source in [
        "local function f() return 1 + f() end return f()",
        "local function f() return pcall(f) end return f()",
        "local function f() return (string.gsub('a', 'a', f)) end return f()",
        "local function f() return coroutine.wrap(f)() end return f()",
        "local s = string.rep('(', 300) .. string.rep(')', 300) return loadstring('return ' .. s)()",
    ] {
        let _ = run_with(&mut vm, &mut host, source, NO_LIMITS);
        assert_eq!(
            run_with(&mut vm, &mut host, "return 1", NO_LIMITS).unwrap(),
            Value::Integer(1),
            "{source}"
        );
    }
}

const SOON: Limits = Limits { time: Some(20_000_000), reply: usize::MAX };

#[test]
fn a_script_without_end_is_stopped_wherever_it_loops() {
    let mut vm = vm();
    let mut host = Fake::new();
    for source in [
        "while true do end",
        "while true do pcall(error) end",
        "while true do pcall(function() while true do end end) end",
        "while true do redis.pcall('integer') end",
        "while true do pcall(redis.call, 'fail') end",
        "coroutine.wrap(function() while true do end end)()",
        "while true do coroutine.wrap(function() while true do redis.call('array') end end)() end",
        "while true do xpcall(error, function() while true do end end) end",
        "error(setmetatable({}, {__index=function() while true do end end}))",
        "error(setmetatable({}, {__newindex=function() while true do end end}))",
        "error(setmetatable({}, {__index=function() while true do redis.pcall('integer') end end}))",
        "error(setmetatable({}, {__index=function() pcall(function() while true do end end) return 'x' end}))",
        "return #string.rep('x', 100000):gsub('.', function() while true do end end)",
        "table.sort({1, 2, 3}, function() while true do end end)",
    ] {
        let result = run_with(&mut vm, &mut host, source, SOON);
        assert!(matches!(result, Err(Failure::OutOfTime)), "{source}: {result:?}");
        assert_eq!(run_with(&mut vm, &mut host, "return 1", SOON).unwrap(), Value::Integer(1), "{source}");
    }
    assert_eq!(host.overdue, 0);
}

#[test]
fn a_script_that_has_written_is_reported_once_and_goes_on() {
    let mut host = Fake::new();
    host.written = true;
    let source = "for i = 1, 3000000 do end return redis.call('integer')";
    let limits = Limits { time: Some(1_000_000), reply: usize::MAX };
    assert_eq!(run_with(&mut vm(), &mut host, source, limits).unwrap(), Value::Integer(-7));
    assert_eq!(host.overdue, 1);
}

#[test]
fn a_kill_from_another_thread_ends_a_script_that_has_not_written() {
    let mut vm = vm();
    let control = vm.control();
    assert!(control.kill(Sort::Script).is_err(), "nothing runs");
    let killer = std::thread::spawn(move || while control.kill(Sort::Script).is_err() {});
    let endless = "while true do pcall(function() while true do end end) end";
    let (line, _) = raised(run_with(&mut vm, &mut Fake::new(), endless, NO_LIMITS));
    assert_eq!(line, ScriptTexts::REDIS.killed);
    killer.join().unwrap();
    assert_eq!(run_with(&mut vm, &mut Fake::new(), "return 1", NO_LIMITS).unwrap(), Value::Integer(1));
}

#[test]
fn a_result_past_its_limit_is_refused_and_one_below_it_is_not() {
    let limits = Limits { time: None, reply: 1_000 };
    for source in [
        "return string.rep('x', 1001)",
        "local t = {} for i = 1, 130 do t[i] = i end return t",
        "local t = {} t[1] = t return t",
        "return {string.rep('x', 600), {map={[string.rep('y', 600)]=1}}}",
        "return {ok=string.rep('x', 1001)}",
        "return {verbatim_string={format='txt', string=string.rep('x', 1001)}}",
        "return {big_number=string.rep('1', 1001)}",
    ] {
        let result = run_with(&mut vm(), &mut Fake::new(), source, limits);
        assert!(matches!(result, Err(Failure::TooLarge)), "{source}: {result:?}");
    }
    for source in
        ["return string.rep('x', 1000)", "return {string.rep('x', 900)}", "error(string.rep('x', 5000))"]
    {
        let result = run_with(&mut vm(), &mut Fake::new(), source, limits);
        assert!(!matches!(result, Err(Failure::TooLarge)), "{source}");
    }
}

#[test]
fn a_script_at_the_memory_limit_fails_and_the_next_one_has_room_again() {
    let mut vm = Vm::new(1 << 20, Server::Any).unwrap();
    let mut host = Fake::new();
    for source in [
        "local t = {} while true do t[#t + 1] = {} end",
        "local s = 'x' while true do s = s .. s end",
        "local function f(...) return f(1, ...) end return f()",
        "while true do local reply = redis.call('many', 100000) end",
        "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
        "return {string.rep('x', 400000), string.rep('y', 400000), string.rep('z', 400000)}",
    ] {
        let (line, _) = raised(run_with(&mut vm, &mut host, source, NO_LIMITS));
        assert!(line.contains("not enough memory") || line.contains("stack overflow"), "{source}: {line}");
        assert!(vm.memory() <= 1 << 20);
        assert_eq!(
            run_with(&mut vm, &mut host, "return redis.call('integer')", NO_LIMITS).unwrap(),
            Value::Integer(-7)
        );
    }
}

#[test]
fn a_step_that_fills_memory_past_the_time_limit_is_not_begun() {
    let mut vm = Vm::new(usize::MAX, Server::Any).unwrap();
    // To fill so much takes a quarter of a second by far; whoever begins it has the memory afterwards.
    let limits = Limits { time: Some(100_000_000), reply: usize::MAX };
    let source = "for i = 1, 10000 do end return #string.rep('x', 2^31 - 1024)";
    let result = run_with(&mut vm, &mut Fake::new(), source, limits);
    assert!(matches!(result, Err(Failure::OutOfTime)), "{result:?}");
    assert!(vm.memory() < 1 << 20, "{} bytes", vm.memory());
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the stack of other dialects is not read")]
fn a_reply_that_nobody_takes_is_not_made_and_its_errors_are_raised() {
    let mut vm = Vm::new(1 << 20, Server::Any).unwrap();
    let mut host = Fake::new();
    let mut run = |source| run_with(&mut vm, &mut host, source, NO_LIMITS);
    assert_eq!(run("redis.call('many', 100000) return 1").unwrap(), Value::Integer(1));
    assert_eq!(
        run("coroutine.wrap(function() redis.call('many', 100000) end)() return 2").unwrap(),
        Value::Integer(2)
    );
    assert_eq!(run("return select('#', redis.call('integer'))").unwrap(), Value::Integer(1));
    assert_eq!(run("return #{redis.call('integer'), redis.call('integer')}").unwrap(), Value::Integer(2));
    assert_eq!(run("return (redis.pcall('integer'))").unwrap(), Value::Integer(-7));
    assert_eq!(run("redis.pcall('fail') return 3").unwrap(), Value::Integer(3));
    assert_eq!(raised(run("redis.call('fail') return 4")).0, "NOPE it failed");
    assert!(raised(run("redis.call('many', 100000) redis.call(nil)")).0.starts_with("ERR "));
}

/// Runs `attempt` with the first allocation refused, then with the second, and so on, until no run in a row of many
/// was disturbed. Answers how many allocations there were.
fn refuse_each_in_turn(vm: &mut Vm, mut attempt: impl FnMut(&mut Vm) -> bool) -> u64 {
    const ENOUGH: u64 = 40;
    let mut last_failed = 0;
    for refused in 0.. {
        vm.fail_allocation_after(Some(refused));
        let undisturbed = attempt(vm);
        vm.fail_allocation_after(None);
        if !undisturbed {
            last_failed = refused + 1;
        } else if refused >= last_failed + ENOUGH {
            break;
        }
        assert!(refused < 50_000, "it never succeeds");
    }
    last_failed
}

/// Scripts of every shape of reply, result and error.
fn scripts() -> Vec<String> {
    let mut scripts = Vec::new();
    for command in [
        "null",
        "integer",
        "bulk",
        "long",
        "shared",
        "status",
        "fail",
        "double",
        "verbatim",
        "nothing",
        "panic",
        "halfway",
        "array",
        "map",
        "set",
        "emptyarray",
        "emptymap",
        "emptyset",
    ] {
        for resp in [2, 3] {
            for call in ["call", "pcall"] {
                // The value goes back as the result too.
                scripts.push(format!("redis.setresp({resp}) return redis.{call}('{command}')"));
            }
        }
        if !matches!(command, "panic" | "halfway") {
            scripts.push(format!("return coroutine.wrap(function() return redis.pcall('{command}') end)()"));
        }
    }
    for source in [
        "local say = redis.call for _ = 1, 3 do for n = 1, 9 do say('say', n .. ARGV[1]) end end return say('say', '1one')",
        "return {KEYS[1], ARGV[1], ARGV[2], #KEYS, #ARGV}",
        "return redis.call('echo', KEYS[1], 1.5, ARGV[1], 1e300, 7)",
        "return redis.call('deep', 60)",
        "redis.setresp(3) return redis.call('deepmap', 30)",
        "return redis.call('many', 50)",
        "local t = {} for i = 1, 30 do t[i] = {i, 'x' .. i, {ok='y'}} end return t",
        "return {map={a={map={b={set={c=true, d=1}}}}, e={double=1.5}, f={big_number='12'}}}",
        "return {{err='E one'}, {ok='two'}, {verbatim_string={format='txt', string='three'}}}",
        "local t = {1} for i = 1, 200 do t = {t} end return t",
        "return string.rep('big', 5000)",
        "error('text')",
        "error({err='E text'})",
        "error({err=5})",
        "error(setmetatable({}, {__index={err='X y'}}))",
        "error(setmetatable({}, {__index=function() error('in index') end}))",
        "local t t = setmetatable({}, {__newindex=function() error(t) end}) error(t)",
        "local function f() return 1 + f() end return f()",
        "local function f() return (string.gsub('a', 'a', f)) end return f()",
        "return nosuch",
        "x = 1",
        "return redis.call('echo', {})",
        "return redis.error_reply('My error') ",
        "return redis.status_reply('done')",
        "return redis.sha1hex('text')",
        "redis.log(3, 'some', 1, 'text') return redis.acl_check_cmd('get')",
        "return loadstring('return ' .. 5)()",
        "local n = 0 return load(function() n = n + 1 return n < 4 and 'return ' or nil end)",
        "return {rawget(_G, 'KEYS'), next(redis), type(getmetatable(''))}",
        "local co = coroutine.create(function() coroutine.yield(1) end) coroutine.resume(co) return 1",
        "local parts = {} for k in pairs(redis) do parts[#parts + 1] = k end table.sort(parts) return parts",
        "collectgarbage() collectgarbage('setpause', 50) return 1",
        "return cjson.encode({1, 'a\\n', {x={true, 1.5, cjson.null}}, string.rep('long', 300), 1e300})",
        "return #cjson.encode(string.rep('long', 20000))",
        "return cjson.encode(cjson.decode('[1, {\"a\": [true, null, \"x\\\\n\"]}, -2.5e3, \"plain\"]'))",
        "return cjson.decode('\"' .. string.rep('\\\\u20ac', 30) .. '\"')",
        "return {pcall(cjson.decode, '[1, {\"a\": tru')}",
        "local t = {} t[1] = t return cjson.encode(t)",
        "return cjson.encode({math.huge})",
        "local j = cjson.new() j.encode_max_depth(3) return {j.encode({{1}}), cjson.encode_sparse_array()}",
        "return cjson.encode_invalid_numbers('nonsense')",
        "return cmsgpack.pack({1, 2, {a='b', [2]=3}}, 3.5, 'x', string.rep('y', 600))",
        "return {cmsgpack.unpack(cmsgpack.pack({1, {a={}}}, 'x', nil, 2))}",
        "return {pcall(cmsgpack.unpack, '\\145'), pcall(cmsgpack.unpack_one, 'x', 7)}",
        "return cmsgpack.unpack(string.rep('\\145', 100))",
        "return {struct.unpack('>hsBc0', struct.pack('>hsBc0', -2, 'text', 3, 'abc'))}",
        "return {#struct.pack('i20c0', 1, string.rep('z', 900)), struct.size('!bi'), pcall(struct.size, 'i33')}",
        "return {bit.tohex(255), bit.band(7, 3), pcall(bit.bor, 'x')}",
    ] {
        // In Lua 5.4 each of 200,000 calls takes memory of its own.
        if !(cfg!(feature = "lua54") && source.contains("return 1 + f()")) {
            scripts.push(source.to_owned());
        }
    }
    scripts
}

/// A value whose maps and sets are in one order, where the language has none that repeats.
fn in_order(value: Value) -> Value {
    if cfg!(feature = "lua51") {
        return value;
    }
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(in_order).collect()),
        Value::Set(items) => {
            let mut items: Vec<_> = items.into_iter().map(in_order).collect();
            items.sort_by_key(|item| format!("{item:?}"));
            Value::Set(items)
        }
        Value::Map(pairs) => {
            let mut pairs: Vec<_> = pairs.into_iter().map(|(k, v)| (in_order(k), in_order(v))).collect();
            pairs.sort_by_key(|pair| format!("{pair:?}"));
            Value::Map(pairs)
        }
        other => other,
    }
}

/// A result in words, to compare.
fn describe(result: &Result<Value, Failure>) -> String {
    let mut text = String::new();
    match result {
        Ok(value) => write!(text, "{:?}", in_order(value.clone())).unwrap(),
        Err(Failure::Raised(raised)) => write!(text, "raised {}", raised.line.escape_ascii()).unwrap(),
        Err(other) => write!(text, "{other:?}").unwrap(),
    }
    text
}

#[test]
fn a_script_whose_memory_is_refused_anywhere_ends_in_a_result_and_harms_nothing() {
    let mut host = Fake::new();
    let mut refusals = 0;
    for source in scripts() {
        let mut vm = vm();
        let function = vm.compile(source.as_bytes()).unwrap();
        let keys: [&[u8]; 1] = [b"a key that is long enough to be no short string in any representation"];
        let args: [&[u8]; 2] = [b"one", b""];
        let right = describe(&vm.run(function, &keys, &args, &mut host, NO_LIMITS));
        let mut outcomes = 0;
        refusals += refuse_each_in_turn(&mut vm, |vm| {
            let result = vm.run(function, &keys, &args, &mut host, NO_LIMITS);
            vm.fail_allocation_after(None);
            let is_right = describe(&result) == right;
            if !is_right {
                outcomes += 1;
                // The next run on the same state is not harmed.
                let again = describe(&vm.run(function, &keys, &args, &mut host, NO_LIMITS));
                assert_eq!(again, right, "{source} after {result:?}");
            }
            drop(result);
            assert_eq!(Arc::strong_count(&host.long), 1, "{source} keeps a value alive");
            is_right
        });
        // Nothing stays behind: a state that has run the script hundreds of times is no larger than after one.
        let clean = vm.compile(b"collectgarbage() collectgarbage()").unwrap();
        vm.run(clean, &[], &[], &mut host, NO_LIMITS).unwrap();
        assert!(vm.memory() < 300_000, "{} bytes are left of {source}", vm.memory());
        assert_eq!(run_with(&mut vm, &mut host, "return {KEYS[1], #ARGV}", NO_LIMITS).unwrap(), {
            Value::Array(vec![bulk("key"), Value::Integer(2)])
        });
    }
    assert!(refusals > 1_000, "only {refusals} allocations were refused");
}

#[test]
fn a_source_whose_compiling_runs_out_of_memory_is_an_error_and_compiles_the_next_time() {
    let mut host = Fake::new();
    let mut vm = vm();
    let mut long = String::from("local t = {");
    for number in 0..60 {
        write!(long, "'constant {number}', function() return {number} end, ").unwrap();
    }
    long.push_str("} return #t");
    for (source, fine) in [
        (&*long, true),
        ("return KEYS[1] .. ARGV[1]", true),
        ("x = 5", true),
        ("return (", false),
        ("\x1bLua", false),
        ("return 'unfinished", false),
    ] {
        let count = refuse_each_in_turn(&mut vm, |vm| {
            let compiled = vm.compile(source.as_bytes());
            vm.fail_allocation_after(None);
            match compiled {
                Ok(function) => {
                    assert!(fine);
                    vm.forget(function);
                    true
                }
                Err(message) => !fine && !message.ends_with(b"not enough memory"),
            }
        });
        assert!(count > 2, "{source}: {count}");
        assert_eq!(run_with(&mut vm, &mut host, "return 1", NO_LIMITS).unwrap(), Value::Integer(1));
    }
}

#[test]
fn forgetting_a_script_needs_no_memory_that_is_there() {
    let mut vm = vm();
    let mut host = Fake::new();
    for refused in 0..12 {
        let functions: Vec<_> = (0..200).map(|_| vm.compile(b"return 1").unwrap()).collect();
        vm.fail_allocation_after(Some(refused));
        for function in functions {
            vm.forget(function);
        }
        vm.fail_allocation_after(None);
        assert_eq!(run_with(&mut vm, &mut host, "return 1", NO_LIMITS).unwrap(), Value::Integer(1));
    }
}

#[test]
fn states_come_and_go_and_give_everything_back() {
    // `Vm`'s own drop checks that Lua gave every block back.
    for _ in 0..20 {
        let mut vm = vm();
        let _ = run_with(&mut vm, &mut Fake::new(), "return redis.call('array')", NO_LIMITS);
    }
}
