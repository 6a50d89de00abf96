//! [`Debugger`]: a script that is run line by line.
//!
//! The script runs on a thread of its own ([`worker`]), so that the application has control whenever it stands; only
//! one of the two threads is ever at work. [`console`] reads the commands of `redis-cli --ldb`.

mod console;
mod text;
mod worker;

use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::cache::{Sha, Source};
use super::{Dialect, Engine};
use crate::error::{Error, ErrorKind, Result, one_line};
use crate::value::Value;
use text::{Entry, Trim, one_row};
use worker::{Answer, Event, Job, Order};

/// The stack of the thread that runs the script: as much as a program's main thread has.
const STACK: usize = 8 << 20;

/// What becomes of the changes that a debugged script makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DebugMode {
    /// They are taken back when the script ends (SCRIPT DEBUG YES).
    #[default]
    RollBack,
    /// They stay, as those of a script that is not debugged (SCRIPT DEBUG SYNC).
    Keep,
}

/// Where a script stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stop {
    /// The line that runs next, counted from 1.
    pub line: usize,
    /// Why the script was stopped.
    pub reason: StopReason,
}

/// Why a script was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The line before was stepped over, or it is the first one.
    Step,
    /// The line has a breakpoint.
    Breakpoint,
    /// The script called `redis.breakpoint()`.
    Called,
    /// The script has run for as long as the engine's time limit says: its loop may have no end.
    TimedOut,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StopReason::Step => "step over",
            StopReason::Breakpoint => "break point",
            StopReason::Called => "redis.breakpoint() called",
            StopReason::TimedOut => "timeout reached, infinite loop?",
        })
    }
}

/// A function that runs, in a [`Debugger::trace`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackFrame {
    /// The name that it was called by; `None` for the script itself, and for a function that was called without one.
    pub function: Option<String>,
    /// The line where it stands.
    pub line: usize,
}

/// A script that is run line by line, from [`Engine::debug`].
///
/// The script is always in one of two states: it stands at a line, which has not run yet and is where
/// [`stop`](Debugger::stop) says; or it has ended, and there is a [`result`](Debugger::result). A debugger is also an
/// iterator over the lines at which it stops, each reached by a [`step`](Debugger::step).
///
/// # What the script holds meanwhile
///
/// A script that stands keeps the locks that it has taken, as it does while it runs: for one that may touch any key
/// that is every key once it has called its first command. Whoever asks for such a key meanwhile, the application
/// that drives the debugger included, gets `BUSY`; [`redis`](Debugger::redis) is how to look at the store. There is
/// no limit to how long the script may stand. A debugger that is dropped before the script's end aborts it.
///
/// # Examples
///
/// ```
/// use redmoon::{Engine, NONE, Store, Value};
///
/// let engine = Engine::new(Store::new());
/// let script = "local sum = 0
/// for i = 1, 3 do
///     sum = sum + redis.call('INCRBY', KEYS[1], i)
/// end
/// return sum";
/// let mut debugger = engine.debug(script, &["total"], NONE)?;
/// assert_eq!(debugger.stop().map(|stop| stop.line), Some(1));
///
/// debugger.break_at(3);
/// debugger.continue_();
/// debugger.continue_();
/// assert_eq!(debugger.print("i").as_deref(), Some("2"));
/// assert_eq!(debugger.eval("redis.call('GET', KEYS[1])")?, "\"1\"");
/// assert_eq!(debugger.redis(&["INCRBY", "total", "10"])?, Value::Integer(11));
///
/// debugger.clear_breakpoints();
/// assert_eq!(debugger.finish()?, Value::Integer(1 + 13 + 16));
/// // It was only tried out.
/// assert_eq!(engine.store().get("total")?, None);
/// # Ok::<(), redmoon::Error>(())
/// ```
pub struct Debugger {
    /// Gone, with the script aborted, when this is dropped.
    orders: Option<Sender<Order>>,
    events: Receiver<Event>,
    thread: Option<JoinHandle<()>>,
    source: Vec<String>,
    /// Whose words it has.
    dialect: Dialect,
    /// Lines, in the order in which they were given.
    breakpoints: Vec<usize>,
    stop: Option<Stop>,
    result: Option<Result<Value>>,
    log: Vec<Entry>,
    trim: Trim,
}

impl fmt::Debug for Debugger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debugger")
            .field("stop", &self.stop)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Begins to debug a script, which stands at its first line then. Its changes are taken back when it ends (SCRIPT
    /// DEBUG YES and EVAL); [`debug_with`](Engine::debug_with) can keep them.
    ///
    /// # Errors
    ///
    /// The script does not compile, or its `#!` line is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// let debugger = engine.debug("local a = 1\nlocal b = a + 1\nreturn b", NONE, NONE)?;
    /// let lines: Vec<usize> = debugger.map(|stop| stop.line).collect();
    /// assert_eq!(lines, [2, 3]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn debug<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        script: impl AsRef<[u8]>,
        keys: &[K],
        args: &[A],
    ) -> Result<Debugger> {
        self.debug_with(script, keys, args, DebugMode::default())
    }

    /// Begins to debug a script whose changes stay, or are taken back (SCRIPT DEBUG SYNC or YES, and EVAL).
    ///
    /// # Errors
    ///
    /// As [`debug`](Engine::debug).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{DebugMode, Engine, NONE, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// let mut debugger = engine.debug_with("redis.call('INCR', KEYS[1])\nreturn 1", &["key"], NONE, DebugMode::Keep)?;
    /// debugger.step();
    /// assert_eq!(debugger.take_log(), ["<redis> INCR key", "<reply> 1"]);
    /// debugger.abort();
    /// assert_eq!(engine.store().get("key")?.unwrap(), "1");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn debug_with<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        script: impl AsRef<[u8]>,
        keys: &[K],
        args: &[A],
        mode: DebugMode,
    ) -> Result<Debugger> {
        let body = script.as_ref();
        let script = Source::new(Sha::of(body), body, self.inner.dialect)?;
        // A state of its own, which ends with the session: nothing of a debugger is left for other scripts.
        let mut state = self.inner.pool.take(&self.inner)?.keep().ok_or(Error::INTERNAL)?;
        let compiled = state.runner.vm.compile_to_debug(script.text());
        let function = compiled.map_err(|message| Error::compile(&message))?;
        let (orders, to_obey) = channel();
        let (to_tell, events) = channel();
        let job = Job {
            engine: self.clone(),
            script,
            state,
            function,
            keys: keys.iter().map(|key| key.as_ref().to_vec()).collect(),
            args: args.iter().map(|arg| arg.as_ref().to_vec()).collect(),
            mode,
            orders: to_obey,
            events: to_tell,
        };
        let builder = std::thread::Builder::new().name("redmoon-debugger".into()).stack_size(STACK);
        let thread = builder.spawn(move || job.run()).map_err(|_| Error::VM_MEMORY)?;
        let mut debugger = Debugger {
            orders: Some(orders),
            events,
            thread: Some(thread),
            source: lines(body),
            dialect: self.inner.dialect,
            breakpoints: Vec::new(),
            stop: None,
            result: None,
            log: Vec::new(),
            trim: Trim::new(),
        };
        debugger.hear();
        Ok(debugger)
    }
}

/// A script's lines, without empty ones at its end.
fn lines(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() { Vec::new() } else { text.split('\n').map(one_row).collect() }
}

impl Debugger {
    /// Where the script stands; `None` when it has ended.
    #[must_use]
    pub fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// What the script returned, once it has ended.
    #[must_use]
    pub fn result(&self) -> Option<&Result<Value>> {
        self.result.as_ref()
    }

    /// Runs the line where the script stands, and stops at the next one; `None` if the script ends. Commands that the
    /// line calls are in the [log](Debugger::take_log), with their replies.
    pub fn step(&mut self) -> Option<Stop> {
        self.go(Order::Step(self.breakpoints.clone()))
    }

    /// Runs the script up to the next breakpoint, or call of `redis.breakpoint()`; `None` if the script ends before
    /// it. A script that runs for longer than the engine's time limit is stopped too.
    pub fn continue_(&mut self) -> Option<Stop> {
        self.go(Order::Continue(self.breakpoints.clone()))
    }

    /// Ends the script with an error, which it cannot catch.
    pub fn abort(&mut self) {
        self.go(Order::Abort);
    }

    /// Runs the script to its end, past all breakpoints, and answers its result. A script that has no end is aborted
    /// at the engine's time limit.
    ///
    /// # Errors
    ///
    /// As [`Engine::eval`].
    pub fn finish(mut self) -> Result<Value> {
        self.breakpoints.clear();
        while let Some(stop) = self.continue_() {
            if stop.reason == StopReason::TimedOut {
                self.abort();
            }
        }
        self.result.take().unwrap_or(Err(Error::INTERNAL))
    }

    /// Sets a breakpoint; false if there is no such line, or it has one.
    pub fn break_at(&mut self, line: usize) -> bool {
        let is_new = (1..=self.source.len()).contains(&line) && !self.breakpoints.contains(&line);
        if is_new {
            self.breakpoints.push(line);
        }
        is_new
    }

    /// Removes a breakpoint; false if there is none at that line.
    pub fn clear_breakpoint(&mut self, line: usize) -> bool {
        let found = self.breakpoints.iter().position(|&breakpoint| breakpoint == line);
        found.map(|index| self.breakpoints.remove(index)).is_some()
    }

    /// Removes all breakpoints.
    pub fn clear_breakpoints(&mut self) {
        self.breakpoints.clear();
    }

    /// The lines that have breakpoints, in the order in which they were set.
    #[must_use]
    pub fn breakpoints(&self) -> &[usize] {
        &self.breakpoints
    }

    /// The script's lines around one of them, so many before and after it, each behind its number and marks: `->` for
    /// where the script stands, `#` for a breakpoint.
    #[must_use]
    pub fn list(&self, line: usize, context: usize) -> Vec<String> {
        let first = line.saturating_sub(context).max(1);
        let last = line.saturating_add(context).min(self.source.len());
        (first..=last).map(|line| self.source_line(line)).collect()
    }

    fn source_line(&self, line: usize) -> String {
        let text = line.checked_sub(1).and_then(|index| self.source.get(index));
        let text = text.map_or("<out of range source code line>", String::as_str);
        let is_here = self.stop.is_some_and(|stop| stop.line == line);
        let mark = match (is_here, self.breakpoints.contains(&line)) {
            (true, true) => "->#",
            (true, false) => "-> ",
            (false, true) => "  #",
            (false, false) => "   ",
        };
        format!("{mark}{line:<3} {text}")
    }

    /// The value of a local variable, or of KEYS or ARGV, as Redis's debugger shows it: a string in quotes, a table as
    /// `{1; "two"}` or `{["a"]=1}`. Functions that called the one where the script stands are searched too. `None` if
    /// there is no such variable.
    pub fn print(&mut self, name: &str) -> Option<String> {
        self.ask(Order::Variable(name.as_bytes().to_vec())).into_iter().find_map(|answer| match answer {
            Answer::Value(value) => Some(value),
            _ => None,
        })
    }

    /// The local variables of the function where the script stands, and their values as [`print`](Debugger::print)
    /// has them.
    pub fn locals(&mut self) -> Vec<(String, String)> {
        let answers = self.ask(Order::Locals).into_iter();
        answers
            .filter_map(|answer| match answer {
                Answer::Local(name, value) => Some((name, value)),
                _ => None,
            })
            .collect()
    }

    /// The functions that run, the innermost first.
    pub fn trace(&mut self) -> Vec<StackFrame> {
        let answers = self.ask(Order::Trace).into_iter();
        answers
            .filter_map(|answer| match answer {
                Answer::Frame(function, line) => Some(StackFrame { function, line }),
                _ => None,
            })
            .collect()
    }

    /// Runs Lua code, and answers its value as [`print`](Debugger::print) has it. The code sees what a script sees,
    /// `redis.call`, KEYS and ARGV included, but no local variables.
    ///
    /// # Errors
    ///
    /// The code does not compile, raised an error, or ran for longer than the engine's time limit.
    pub fn eval(&mut self, code: &str) -> Result<String> {
        match self.ask(Order::Eval(code.as_bytes().to_vec())).pop() {
            Some(Answer::Value(value)) => Ok(value),
            Some(Answer::Failed(message)) => Err(as_error(message)),
            _ => Err(Error::DEBUG_ENDED),
        }
    }

    /// Runs a command as if the script called it.
    ///
    /// # Errors
    ///
    /// Those of the command.
    pub fn redis<S: AsRef<[u8]>>(&mut self, command: &[S]) -> Result<Value> {
        if command.is_empty() {
            return Err(Error::CALL_UNKNOWN);
        }
        let words = command.iter().map(|word| word.as_ref().to_vec()).collect();
        match self.ask(Order::Redis(words)).pop() {
            Some(Answer::Reply(reply)) => reply,
            _ => Err(Error::DEBUG_ENDED),
        }
    }

    /// What has been logged since this was last called: `<debug>` lines of `redis.debug()`, and while the script is
    /// stepped through, its commands (`<redis>`), their replies (`<reply>`) and errors (`<error>`).
    pub fn take_log(&mut self) -> Vec<String> {
        self.log.drain(..).map(|entry| entry.line).collect()
    }

    /// Lets the script go on, and waits for it.
    fn go(&mut self, order: Order) -> Option<Stop> {
        if self.stop.take().is_some() {
            self.send(order);
            self.hear();
        }
        self.stop
    }

    fn ask(&mut self, order: Order) -> Vec<Answer> {
        if self.stop.is_none() {
            return Vec::new();
        }
        self.send(order);
        self.hear()
    }

    fn send(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // A thread that has ended is noticed when it is listened to.
            let _ = orders.send(order);
        }
    }

    /// Waits for what the script does next, or answers.
    fn hear(&mut self) -> Vec<Answer> {
        match self.events.recv() {
            Ok(Event::Answered { answers, log }) => {
                self.log.extend(log);
                return answers;
            }
            Ok(Event::Stopped { line, reason, log }) => {
                self.log.extend(log);
                self.stop = Some(Stop { line, reason });
            }
            Ok(Event::Ended { result, log }) => {
                self.log.extend(log);
                self.end(result);
            }
            Err(_) => self.end(Err(Error::INTERNAL)),
        }
        Vec::new()
    }

    /// The script has ended: so does its thread.
    fn end(&mut self, result: Result<Value>) {
        self.stop = None;
        self.result = Some(result);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Steps through the script.
impl Iterator for Debugger {
    type Item = Stop;

    /// As [`step`](Debugger::step).
    fn next(&mut self) -> Option<Stop> {
        self.step()
    }
}

impl Drop for Debugger {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The error of code that was evaluated: a line with a code, or Lua's message.
fn as_error(message: Vec<u8>) -> Error {
    let has_code = message
        .split(|&byte| byte == b' ')
        .next()
        .is_some_and(|word| word.len() > 1 && word.iter().all(u8::is_ascii_uppercase));
    let line = if has_code { message } else { [b"ERR ", message.as_slice()].concat() };
    Error::owned(ErrorKind::ScriptRuntime, one_line(line))
}
