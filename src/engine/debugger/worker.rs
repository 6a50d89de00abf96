//! The thread of a [`Debugger`](super::Debugger): it runs the script, and waits for orders where the script stands.
//!
//! Orders and events alternate. The script stands from an event that says so to an order to go on; each question
//! meanwhile gets one answer. When the debugger is gone, its end of the channels is, and the script is aborted.

use std::sync::mpsc::{Receiver, Sender};

use super::text::{Entry, one_row, show_command, show_reply};
use super::{DebugMode, StopReason};
use crate::commands::{Args, table};
use crate::engine::cache::Source;
use crate::engine::eval::{Caller, describe};
use crate::engine::host::Run;
use crate::engine::pool::{Runner, State};
use crate::engine::{Dialect, Engine, Inner};
use crate::error::Result;
use crate::reply::{Reply, ValueReply};
use crate::store::LockMode;
use crate::value::Value;
use crate::vm::{Function, Host, Pace, Pause, Reason, Request, Told};

/// How long a script of an engine without a time limit runs before it is stopped, nanoseconds: Redis's default.
const PATIENCE: u64 = 5_000_000_000;

pub(super) enum Order {
    /// With the lines that have breakpoints.
    Step(Vec<usize>),
    Continue(Vec<usize>),
    Abort,
    Locals,
    Variable(Vec<u8>),
    Trace,
    Eval(Vec<u8>),
    Redis(Vec<Vec<u8>>),
}

pub(super) enum Event {
    Stopped { line: usize, reason: StopReason, log: Vec<Entry> },
    Answered { answers: Vec<Answer>, log: Vec<Entry> },
    Ended { result: Result<Value>, log: Vec<Entry> },
}

pub(super) enum Answer {
    Value(String),
    Local(String, String),
    Frame(Option<String>, usize),
    Failed(Vec<u8>),
    Reply(Result<Value>),
}

/// What the thread is started with.
pub(super) struct Job {
    pub(super) engine: Engine,
    pub(super) script: Source,
    pub(super) state: Box<State>,
    pub(super) function: Function,
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) args: Vec<Vec<u8>>,
    pub(super) mode: DebugMode,
    pub(super) orders: Receiver<Order>,
    pub(super) events: Sender<Event>,
}

impl Job {
    pub(super) fn run(mut self) {
        let inner = self.engine.inner.clone();
        let (result, log) = self.run_on(&inner);
        // Before the debugger hears of the end: the state is the engine's memory.
        drop(self.state);
        let _ = self.events.send(Event::Ended { result, log });
    }

    fn run_on(&mut self, engine: &Inner) -> (Result<Value>, Vec<Entry>) {
        let flags = self.script.flags(engine.default_flags);
        let any_key = flags.disable_atomicity || flags.undeclared_keys.unwrap_or(engine.undeclared_keys);
        let lock = if flags.no_writes { LockMode::Read } else { LockMode::Write };
        let keys: Vec<&[u8]> = self.keys.iter().map(Vec::as_slice).collect();
        let args: Vec<&[u8]> = self.args.iter().map(Vec::as_slice).collect();
        let declared = if any_key { None } else { Some(keys.as_slice()) };
        let mut turn = engine.store.turn();
        let mut caller = Caller::alone(&mut turn);
        let Runner { vm, control, tally, .. } = &mut self.state.runner;
        let mut run = Run::new(engine, &mut caller, lock, declared, control, tally);
        let keeps = self.mode == DebugMode::Keep;
        if flags.disable_atomicity && keeps {
            run.part();
        } else if flags.rollback || engine.rollback || !keeps {
            run.roll_back_on_failure();
        }
        let mut traced = Traced {
            run,
            orders: &self.orders,
            events: &self.events,
            breakpoints: Vec::new(),
            is_valkey: engine.dialect == Dialect::Valkey,
            is_stepping: true,
            answers: Vec::new(),
            log: Vec::new(),
        };
        let patience = engine.time_limit().unwrap_or(PATIENCE);
        let result = vm.debug(self.function, &keys, &args, &mut traced, engine.limits.reply, patience);
        let Traced { mut run, log, .. } = traced;
        let is_ok = matches!(&result, Ok(value) if !matches!(value, Value::Error(_)));
        run.end(&mut caller, is_ok && keeps);
        drop(run);
        let result = match result {
            Ok(Value::Error(error)) => Err(error),
            Ok(value) => Ok(value),
            Err(failure) => Err(describe(engine.dialect, self.script.sha.as_str(), failure).into_error()),
        };
        (result, log)
    }
}

/// A script's host that notes what the script does, and takes orders where it stands.
struct Traced<'r, 'e> {
    run: Run<'r, 'e>,
    orders: &'r Receiver<Order>,
    events: &'r Sender<Event>,
    breakpoints: Vec<usize>,
    is_valkey: bool,
    /// Whether commands and their replies are noted.
    is_stepping: bool,
    answers: Vec<Answer>,
    log: Vec<Entry>,
}

impl Traced<'_, '_> {
    fn note(&mut self, line: String) {
        self.log.push(Entry::whole(line));
    }

    /// Runs a command, and notes it and what it answered.
    fn call_noted(&mut self, args: &[&[u8]], out: &mut dyn Reply, pace: &mut Pace) -> Result<()> {
        self.note(show_command(args, self.is_valkey));
        let words = Args::new(args);
        if let Err(refusal) = self.run.check(table().find(words.at(0)), words) {
            self.note(show_error(refusal.as_bytes(), false));
            return Err(self.run.count_error(refusal));
        }
        let protocol = out.protocol();
        let mut reply = ValueReply::new(protocol);
        match self.run.call(args, &mut reply, pace) {
            Ok(()) => {
                let value = reply.finish();
                self.log.push(Entry::trimmed(show_reply(&value, protocol)));
                out.value(value);
                Ok(())
            }
            Err(error) => {
                self.note(show_error(error.as_bytes(), true));
                self.log.push(Entry::trimmed(show_reply(&Value::Error(error.clone()), protocol)));
                Err(error)
            }
        }
    }

    /// A command that the debugger runs between two lines.
    fn call_for_debugger(&mut self, args: &[Vec<u8>], pause: Pause) -> Answer {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let mut reply = ValueReply::new(pause.protocol);
        let result = self.call_noted(&args, &mut reply, &mut Pace::Any);
        // It may have been the first one that needed locks.
        self.run.overdue();
        Answer::Reply(result.map(|()| reply.finish()))
    }

    fn answer(&mut self) -> Event {
        Event::Answered { answers: std::mem::take(&mut self.answers), log: std::mem::take(&mut self.log) }
    }
}

/// An error that a command replied, or one of the script's side without its code, as Redis logs the two.
fn show_error(line: &[u8], is_reply: bool) -> String {
    let text = String::from_utf8_lossy(line);
    match text.strip_prefix("ERR ") {
        Some(text) if !is_reply => format!("<error> {text}"),
        _ => format!("<error> -{text}"),
    }
}

impl Host for Traced<'_, '_> {
    fn call(&mut self, args: &[&[u8]], out: &mut dyn Reply, pace: &mut Pace) -> Result<()> {
        *pace = Pace::Any;
        if self.is_stepping { self.call_noted(args, out, pace) } else { self.run.call(args, out, pace) }
    }

    fn has_written(&self) -> bool {
        self.run.has_written()
    }

    fn waited(&mut self) -> bool {
        self.run.waited()
    }

    fn overdue(&mut self) {
        self.run.overdue();
    }

    fn looked(&mut self, nanos: u64) {
        self.run.looked(nanos);
    }

    fn freeze_time(&mut self) {
        self.run.freeze_time();
    }

    fn log(&mut self, level: u8, message: &[u8]) {
        self.run.log(level, message);
    }

    fn function(&mut self, number: usize, args: &[Value]) -> Result<Value> {
        self.run.function(number, args)
    }

    fn knows(&mut self, args: &[&[u8]]) -> bool {
        self.run.knows(args)
    }

    fn random(&mut self) -> i32 {
        self.run.random()
    }

    fn seed(&mut self, seed: i32) {
        self.run.seed(seed);
    }

    fn stopped(&mut self, pause: Pause, about: &mut Vec<u8>) -> Request {
        let event = match pause.reason {
            Some(reason) => {
                // Who waits for the script's keys may be the one who would let it go on.
                self.run.overdue();
                let reason = match reason {
                    Reason::Step => StopReason::Step,
                    Reason::Breakpoint => StopReason::Breakpoint,
                    Reason::Called => StopReason::Called,
                    Reason::TimedOut => StopReason::TimedOut,
                };
                let line = usize::try_from(pause.line).unwrap_or(0);
                Event::Stopped { line, reason, log: std::mem::take(&mut self.log) }
            }
            None => self.answer(),
        };
        self.is_stepping = false;
        let mut sent = self.events.send(event);
        loop {
            if sent.is_err() {
                return Request::Abort;
            }
            match self.orders.recv() {
                Err(_) | Ok(Order::Abort) => return Request::Abort,
                Ok(Order::Step(breakpoints)) => {
                    self.breakpoints = breakpoints;
                    self.is_stepping = true;
                    return Request::Step;
                }
                Ok(Order::Continue(breakpoints)) => {
                    self.breakpoints = breakpoints;
                    return Request::Continue;
                }
                Ok(Order::Locals) => return Request::Locals,
                Ok(Order::Trace) => return Request::Trace,
                Ok(Order::Variable(name)) => {
                    *about = name;
                    return Request::Variable;
                }
                Ok(Order::Eval(code)) => {
                    *about = code;
                    return Request::Eval;
                }
                Ok(Order::Redis(args)) => {
                    let answer = self.call_for_debugger(&args, pause);
                    self.answers.push(answer);
                    sent = self.events.send(self.answer());
                }
            }
        }
    }

    fn has_breakpoint(&mut self, line: i64) -> bool {
        self.breakpoints.iter().any(|&breakpoint| usize::try_from(line) == Ok(breakpoint))
    }

    fn told(&mut self, told: Told<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match told {
            Told::Value(value) => self.answers.push(Answer::Value(text(value))),
            Told::Local { name, value } => self.answers.push(Answer::Local(text(name), text(value))),
            Told::Frame { name, line } => {
                self.answers.push(Answer::Frame(name.map(text), usize::try_from(line).unwrap_or(0)));
            }
            Told::Failed(message) => self.answers.push(Answer::Failed(message.to_vec())),
            Told::Error { line, is_reply } if self.is_stepping => {
                self.note(one_row(&show_error(line, is_reply)));
            }
            Told::Error { .. } => {}
            Told::Debug { line, values } => {
                self.note(format!("<debug> line {line}: {}", text(values)));
            }
        }
    }
}
