//! The table `host`: values both ways, and each allocation of a call refused in turn.

use super::*;

const NAMES: [&str; 6] = ["echo", "fail", "panic", "answer_error", "deep", "pieces"];

/// A host with a function for each of [`NAMES`].
struct Program {
    long: Arc<Vec<u8>>,
}

impl Host for Program {
    fn call(&mut self, _: &[&[u8]], out: &mut dyn Reply, _: &mut Pace) -> Result<()> {
        out.shared(&self.long);
        Ok(())
    }

    fn function(&mut self, number: usize, args: &[Value]) -> Result<Value> {
        match NAMES[number] {
            "echo" => Ok(Value::Array(args.to_vec())),
            "fail" => Err(Error::new("NOPE it failed")),
            // A panic that says nothing on its way.
            "panic" => std::panic::resume_unwind(Box::new("a panic in a function of the program")),
            "answer_error" => Ok(Value::Error(Error::new("ANSWERED error"))),
            "deep" => {
                let Some(Value::Integer(depth)) = args.first() else { return Err(Error::INTERNAL) };
                Ok((0..*depth).fold(Value::Integer(7), |inner, _| Value::Array(vec![inner])))
            }
            _ => Ok(Value::Map(vec![
                (bulk("list"), Value::Array(vec![Value::Integer(1), Value::Nil, bulk("three")])),
                (Value::Integer(2), Value::Set(vec![bulk("m"), Value::Nil, Value::Double(f64::NAN)])),
                (Value::Nil, bulk("left out")),
                (Value::Double(f64::NAN), Value::Array(vec![bulk("left out")])),
                (Value::Boolean(true), Value::Map(vec![(bulk("inner"), Value::Map(Vec::new()))])),
                (bulk("error"), Value::Error(Error::new("E inside"))),
                (bulk("text"), Value::Verbatim { format: *b"txt", text: Blob::from("some") }),
                (bulk("status"), Value::Status(Blob::from("FINE"))),
                (bulk("big"), Value::BigNumber(Blob::from("123"))),
                (bulk("push"), Value::Push(vec![Value::Double(0.5), Value::NilArray])),
            ])),
        }
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
    fn knows(&mut self, _: &[&[u8]]) -> bool {
        true
    }
    fn random(&mut self) -> i32 {
        0
    }
    fn seed(&mut self, _: i32) {}
}

fn program() -> (Vm, Program) {
    let mut vm = vm();
    vm.add_host_functions(&NAMES).unwrap();
    (vm, Program { long: Arc::new(vec![b'L'; 3_000]) })
}

fn run(source: &str) -> Result<Value, Failure> {
    run_limited(source, NO_LIMITS)
}

fn run_limited(source: &str, limits: Limits) -> Result<Value, Failure> {
    let (mut vm, mut host) = program();
    let function = vm.compile(source.as_bytes()).unwrap();
    vm.run(function, &[], &[], &mut host, limits)
}

fn shown(call: &str) -> String {
    let value = run(&format!("{SHOW} return show({call})")).unwrap();
    String::from_utf8_lossy(value.as_bytes().unwrap()).into_owned()
}

#[test]
fn values_of_every_kind_arrive_in_lua() {
    let expected = "{\"big\"=\"123\" \"error\"={\"err\"=\"E inside\"} \"list\"={1=1 3=\"three\"} \
         \"push\"={1=0.5} \"status\"=\"FINE\" \"text\"=\"some\" 2={\"m\"=true} true={\"inner\"={}}}";
    assert_eq!(shown("host.pieces()"), expected);
    assert_eq!(shown("host.echo()"), "{}");
    assert_eq!(shown("host.echo(1, -2.5, 'a\\0b', true, false, 2^53, -2^63)"), {
        let (large, least) = match cfg!(feature = "lua54") {
            true => ("9007199254740992", "-9223372036854775808"),
            false => ("9.007199254741e+15", "-9.2233720368548e+18"),
        };
        format!("{{1=1 2=-2.5 3=\"a{ZERO}b\" 4=true 5=false 6={large} 7={least}}}")
    });
    assert_eq!(shown("host.echo({1, {x={2, 3}}}, {}, {[3]='c'})"), {
        "{1={1=1 2={\"x\"={1=2 2=3}}} 2={} 3={3=\"c\"}}"
    });
    assert_eq!(shown("#host.echo(nil, cjson.null, 1)"), "3");
}

#[test]
fn errors_are_raised_as_those_of_commands_are() {
    let (line, at) = raised(run("local a = 1\nreturn host.fail(a)"));
    assert_eq!((&*line, at), ("NOPE it failed", TAIL_CALL.unwrap_or(2)));
    assert_eq!(raised(run("return host.answer_error()")).0, "ANSWERED error");
    let caught = "local ok, e = pcall(host.fail) return {tostring(ok), e, host.echo('on')[1]}";
    assert_eq!(run(caught).unwrap(), Value::Array(vec![bulk("false"), bulk("NOPE it failed"), bulk("on")]));
    assert_eq!(raised(run("return host.panic(1)")).0, "ERR The host function 'panic' panicked");
    let caught = "local ok, e = pcall(host.panic) return {e, host.echo('on')[1]}";
    let expected = vec![bulk("ERR The host function 'panic' panicked"), bulk("on")];
    assert_eq!(run(caught).unwrap(), Value::Array(expected));
}

#[test]
fn arguments_that_have_no_value_in_rust_are_refused() {
    let refused =
        |arguments: &str| raised(run(&format!("local t = {{}} t.t = t return host.echo({arguments})"))).0;
    let line = |what: &str| format!("ERR The host function 'echo' {what}");
    let kinds = line("takes nil, booleans, numbers, strings and tables");
    for argument in ["tostring", "{function() end}", "coroutine.create(function() end)", "host.echo"] {
        assert_eq!(refused(argument), kinds, "{argument}");
    }
    assert_eq!(refused("{[{}]=1}"), line("takes tables whose keys are strings, numbers or booleans"));
    assert_eq!(refused("t"), line("got a table that is nested too deeply"));
    assert_eq!(refused("1, {t}"), line("got a table that is nested too deeply"));
    let nested = |depth: usize| format!("{}{}", "{".repeat(depth), "}".repeat(depth));
    assert!(run(&format!("return host.echo({})", nested(100))).is_ok());
    assert_eq!(refused(&nested(101)), line("got a table that is nested too deeply"));
    // Few tables that stand for many.
    let doubled = "local t = {1} for _ = 1, 60 do t = {t, t} end return host.echo(t)";
    let limits = Limits { time: None, reply: 100_000 };
    assert_eq!(raised(run_limited(doubled, limits)).0, line("got arguments that are too large"));
    let long = "local s = string.rep('x', 60000) local n = #host.echo(s)[1] return {n, host.echo(s, s)}";
    assert_eq!(raised(run_limited(long, limits)).0, line("got arguments that are too large"));
}

#[test]
fn results_nest_as_deep_as_the_stack_goes_and_are_an_error_beyond() {
    let depth =
        "local t, n = host.deep(700), 0 while type(t) == 'table' do t, n = t[1], n + 1 end return {t, n}";
    assert_eq!(run(depth).unwrap(), Value::Array(vec![Value::Integer(7), Value::Integer(700)]));
    let too_deep = "local ok, e = pcall(host.deep, 8200) return {e, host.echo(1)[1]}";
    let expected = vec![
        bulk("ERR The host function 'deep' answered a value that is nested too deeply"),
        Value::Integer(1),
    ];
    assert_eq!(run(too_deep).unwrap(), Value::Array(expected));
}

#[test]
fn the_table_is_read_only_and_missing_where_there_are_no_functions() {
    assert!(raised(run("host.echo = 1")).0.contains("Attempt to modify a readonly table"));
    assert!(raised(run("rawset(host, 'x', 1)")).0.contains("Attempt to modify a readonly table"));
    assert!(raised(run("host = 1")).0.contains("Attempt to modify a readonly table"));
    assert_eq!(run("return type(_G.host.echo) .. type(host.nosuch)").unwrap(), bulk("functionnil"));
    let names = "local names = {} for name in pairs(host) do names[#names + 1] = name end return #names";
    assert_eq!(run(names).unwrap(), Value::Integer(NAMES.len() as i64));
    let (line, _) = raised(super::run("return host"));
    assert!(line.contains("nonexistent global variable 'host'"), "{line}");
}

#[test]
fn loops_over_functions_end_at_the_time_limit() {
    for source in [
        "while true do host.echo() end",
        "while true do pcall(host.fail) end",
        "while true do pcall(host.panic, host) end",
        "while true do redis.call('x', host.echo(1)[1]) end",
        "while true do redis.call('x') host.deep(50) end",
    ] {
        let limits = Limits { time: Some(20_000_000), reply: usize::MAX };
        let result = run_limited(source, limits);
        assert!(matches!(result, Err(Failure::OutOfTime)), "{source}: {result:?}");
    }
}

#[test]
fn a_call_whose_memory_is_refused_anywhere_ends_in_a_result_and_harms_nothing() {
    let mut refusals = 0;
    for source in [
        "return host.echo(1, 'two', {3, x={y={true}}})",
        "local t = host.pieces() return {t.text, t.list, host.pieces().push}",
        "return {pcall(host.fail)}",
        "return host.fail()",
        "return host.answer_error()",
        "return {pcall(host.panic, {1, {2}})}",
        "return host.panic()",
        "return host.echo(redis.call('x'), string.rep('y', 2000))",
        "return #host.deep(60)",
        "return host.echo({[{}]=1})",
        "return coroutine.wrap(function() return host.echo({1}, 2) end)()",
    ] {
        let (mut vm, mut host) = program();
        let function = vm.compile(source.as_bytes()).unwrap();
        let right = describe(&vm.run(function, &[], &[], &mut host, NO_LIMITS));
        refusals += refuse_each_in_turn(&mut vm, |vm| {
            let result = vm.run(function, &[], &[], &mut host, NO_LIMITS);
            vm.fail_allocation_after(None);
            let is_right = describe(&result) == right;
            if !is_right {
                let again = describe(&vm.run(function, &[], &[], &mut host, NO_LIMITS));
                assert_eq!(again, right, "{source} after {result:?}");
            }
            // SAFETY: reason C of the layer's head.
            assert!(unsafe { (*vm.core.as_ptr()).host_room.result.is_none() }, "{source} leaves its result");
            is_right
        });
        let clean = vm.compile(b"collectgarbage() collectgarbage()").unwrap();
        vm.run(clean, &[], &[], &mut host, NO_LIMITS).unwrap();
        assert!(vm.memory() < 300_000, "{} bytes are left of {source}", vm.memory());
    }
    assert!(refusals > 100, "only {refusals} allocations were refused");
}

#[test]
fn a_state_whose_table_finds_no_memory_is_an_error() {
    let mut refusals = 0;
    for refused in 0..200 {
        let mut vm = vm();
        vm.fail_allocation_after(Some(refused));
        let made = vm.add_host_functions(&NAMES);
        vm.fail_allocation_after(None);
        refusals += u32::from(made.is_err());
        if made.is_ok() && refused > 60 {
            break;
        }
    }
    assert!(refusals > 5, "only {refusals} allocations were refused");
}
