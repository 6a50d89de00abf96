//! Everything that a debugger asks of a state, with each allocation in turn refused, and with a host that panics.

use super::*;
use crate::error::Result;
use crate::reply::Reply;
use crate::vm::{Pace, Server};

/// A host that asks the same at each line.
struct Fake {
    requests: Vec<(Request, &'static str)>,
    next: usize,
    panics: bool,
    /// At which stop, counted from 1.
    aborts_at: usize,
    stops: usize,
    told: Vec<String>,
}

impl Fake {
    fn new(requests: &[(Request, &'static str)]) -> Fake {
        Fake { requests: requests.to_vec(), next: 0, panics: false, aborts_at: 0, stops: 0, told: Vec::new() }
    }
}

impl Host for Fake {
    fn call(&mut self, args: &[&[u8]], out: &mut dyn Reply, _: &mut Pace) -> Result<()> {
        out.bulk(args[0]);
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
    fn knows(&mut self, _: &[&[u8]]) -> bool {
        true
    }
    fn random(&mut self) -> i32 {
        0
    }
    fn seed(&mut self, _: i32) {}

    fn stopped(&mut self, pause: Pause, about: &mut Vec<u8>) -> Request {
        assert!(!self.panics, "a panic in a debugger");
        if pause.reason.is_some() {
            self.stops += 1;
            self.next = 0;
        }
        if self.stops == self.aborts_at {
            return Request::Abort;
        }
        let Some((request, text)) = self.requests.get(self.next).copied() else { return Request::Step };
        self.next += 1;
        *about = text.into();
        request
    }

    fn told(&mut self, told: Told<'_>) {
        let text = match told {
            Told::Value(value) => String::from_utf8_lossy(value).into_owned(),
            Told::Local { name, value } => format!("{}={}", name.escape_ascii(), value.escape_ascii()),
            Told::Frame { name, line } => {
                format!("{:?} {line}", name.map(|name| name.escape_ascii().to_string()))
            }
            Told::Failed(message) | Told::Error { line: message, .. } => message.escape_ascii().to_string(),
            Told::Debug { line, values } => format!("{line}: {}", values.escape_ascii()),
        };
        // Addresses differ from run to run.
        self.told.push(text.split("@0x").next().unwrap_or_default().to_owned());
    }
}

const SCRIPT: &[u8] = b"local a, t = 1, {x = {1, 2, 'three'}, KEYS}
local function f(n)
  redis.debug(n, t)
  return coroutine.wrap(function() local inner = n
    return pcall(error, {err = inner}) end)()
end
f(a)
redis.breakpoint()
return redis.call('end')";

const REQUESTS: &[(Request, &str)] = &[
    (Request::Locals, ""),
    (Request::Variable, "n"),
    (Request::Variable, "KEYS"),
    (Request::Variable, "nosuch"),
    (Request::Trace, ""),
    (Request::Eval, "{redis.call('said'), #KEYS, ('x'):rep(100)}"),
    (Request::Eval, "local a = {} for i = 1, 20 do a[i] = {i} end return a"),
    (Request::Eval, "redis.call()"),
    (Request::Eval, "not Lua"),
];

fn vm() -> Vm {
    Vm::new(usize::MAX, Server::Any).unwrap()
}

/// Whether the script ended as it should.
fn run(vm: &mut Vm, host: &mut Fake) -> bool {
    let Ok(function) = vm.compile_to_debug(SCRIPT) else { return false };
    let result = vm.debug(function, &[b"a key"], &[], host, 1_000, 5_000_000_000);
    vm.forget(function);
    matches!(&result, Ok(value) if *value == Value::from("end"))
}

fn is_unharmed(vm: &mut Vm) -> bool {
    let function = vm.compile(b"return {KEYS[1], tostring(redis.breakpoint())}").unwrap();
    let limits = Limits { time: None, reply: 1_000 };
    let result = vm.run(function, &[b"key"], &[], &mut Fake::new(&[]), limits).unwrap();
    vm.forget(function);
    result == Value::Array(vec![Value::from("key"), Value::from("false")])
}

#[test]
fn whatever_is_asked_of_a_state_without_memory_harms_nothing() {
    let mut vm = vm();
    let mut host = Fake::new(REQUESTS);
    assert!(run(&mut vm, &mut host));
    let right = std::mem::take(&mut host.told);
    assert!(host.stops >= 9 && right.len() > 80, "{} stops, {right:?}", host.stops);
    let (mut disturbed, mut last) = (0, 0);
    for refused in 0.. {
        let mut host = Fake::new(REQUESTS);
        vm.fail_allocation_after(Some(refused));
        let is_right = run(&mut vm, &mut host);
        vm.fail_allocation_after(None);
        if is_right && host.told == right {
            // Some allocations are tried again in another way.
            if refused > last + 40 {
                break;
            }
            continue;
        }
        last = refused;
        disturbed += 1;
        assert!(is_unharmed(&mut vm), "after allocation {refused} was refused");
        assert!(refused < 50_000, "it never succeeds");
    }
    assert!(disturbed > 150, "only {disturbed} allocations were refused");
    let clean = vm.compile(b"collectgarbage() collectgarbage()").unwrap();
    vm.run(clean, &[], &[], &mut Fake::new(&[]), Limits { time: None, reply: 1_000 }).unwrap();
    assert!(vm.memory() < 300_000, "{} bytes are left", vm.memory());
}

#[test]
fn a_debugger_that_panics_or_aborts_ends_the_script() {
    let mut vm = vm();
    let mut host = Fake::new(&[]);
    host.panics = true;
    assert!(!run(&mut vm, &mut host));
    assert!(is_unharmed(&mut vm));
    for stops in 1..9 {
        let mut host = Fake::new(&[]);
        host.aborts_at = stops;
        assert!(!run(&mut vm, &mut host));
        assert_eq!(host.stops, stops);
        assert!(is_unharmed(&mut vm));
    }
}
