//! [`Run`]: one run of a script as the VM's [`Host`]: checks, locks and runs the commands that it calls.

use super::{Inner, LogLevel, noscript};
use crate::clock::monotonic_nanos;
use crate::commands::{Args, Command, Handler, flag, table};
use crate::dispatch;
use crate::error::{Error, ErrorKind, Result};
use crate::keyspace::{Access, Ctx, Tally, Turn};
use crate::reply::Reply;
use crate::store::{Held, LockMode};
use crate::vm::{Control, Host, KILLED};

/// Commands with one of these flags are looked at more closely than others.
const CHECKED: u32 = flag::NOSCRIPT | flag::WRITE | flag::MAY_REPLICATE;

pub(super) struct Run<'e> {
    pub(super) engine: &'e Inner,
    /// The shards of the keys that the script may touch, from its first call of a command that has keys to its end.
    /// Before that call it cannot be told from one that begins later.
    pub(super) held: Option<Held<'e>>,
    pub(super) turn: Turn,
    /// Read-only scripts run beside each other.
    pub(super) lock: LockMode,
    /// The only keys that the script may touch; `None` is any.
    pub(super) declared: Option<&'e [&'e [u8]]>,
    pub(super) control: &'e Control,
    pub(super) tally: &'e mut Tally,
    /// Whether a command that writes was called: it need not have changed anything.
    pub(super) writes: bool,
    /// Whether locks were taken since the time limit was last looked at.
    pub(super) waited: bool,
}

impl Run<'_> {
    /// The command, if the script may call it.
    #[inline]
    fn check(&mut self, args: Args<'_>) -> Result<&'static Command> {
        let command = match table().resolve(args) {
            Some(Ok(command)) => command,
            Some(Err(_)) => return Err(Error::CALL_UNKNOWN),
            None if noscript::names(args) => return Err(Error::CALL_NOSCRIPT),
            None => return Err(Error::CALL_UNKNOWN),
        };
        if command.spec.takes(args.len()) && !command.spec.is(CHECKED) && self.declared.is_none() {
            return Ok(command);
        }
        self.check_all(command, args)
    }

    /// The checks that a command which only reads passes anyway where any key is allowed. A container's name alone
    /// never has the right number of arguments.
    fn check_all(&mut self, command: &'static Command, args: Args<'_>) -> Result<&'static Command> {
        let spec = command.spec;
        let refusal = if !spec.takes(args.len()) || matches!(spec.handler, Handler::Container) {
            Some(Error::CALL_ARITY)
        } else if spec.is(flag::NOSCRIPT) {
            Some(Error::CALL_NOSCRIPT)
        } else if self.lock == LockMode::Read && spec.is(flag::WRITE | flag::MAY_REPLICATE) {
            Some(Error::CALL_WRITES)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.engine.store.inner.space.stats.of(command.id).rejected.add(1);
            return Err(refusal);
        }
        if let Some(declared) = self.declared {
            check_declared(command, args, declared)?;
        }
        if spec.is(flag::WRITE) && !self.writes {
            // A script that gets BUSY here has not written: it is stopped at its own time, not called overdue.
            if self.held.is_none() {
                self.take_locks()?;
            }
            if !self.control.begin_write() {
                return Err(Error::owned(ErrorKind::ScriptKilled, KILLED));
            }
            self.writes = true;
        }
        Ok(command)
    }

    #[cold]
    fn count_error(&self, error: Error) -> Error {
        self.engine.store.inner.space.stats.count_error(&error);
        error
    }

    /// Takes the script's locks, if this is its first call that needs them.
    #[cold]
    fn take_locks(&mut self) -> Result<()> {
        let inner = &self.engine.store.inner;
        let set = match self.declared {
            None => inner.all(),
            Some(keys) => keys.iter().map(|key| inner.shard_of(key)).collect(),
        };
        self.held = Some(inner.hold(set, self.lock)?);
        self.waited = true;
        Ok(())
    }

    #[inline]
    fn run(&mut self, command: &Command, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        match command.spec.handler {
            Handler::Store(run) => {
                let space = &self.engine.store.inner.space;
                if command.spec.keys.is_empty() && !command.spec.is(flag::ALL_KEYS) {
                    return run(&mut Ctx::new(space, Access::None, &mut self.turn), args, out);
                }
                if self.held.is_none() {
                    self.take_locks()?;
                }
                let access = self.held.as_mut().map_or(Access::None, Held::access);
                run(&mut Ctx::new(space, access, &mut self.turn), args, out)
            }
            Handler::Server(run) => run(&self.engine.store, args, out),
            Handler::Engine | Handler::Session | Handler::Container => Err(Error::CALL_NOSCRIPT),
        }
    }
}

#[cold]
fn check_declared(command: &Command, args: Args<'_>, declared: &[&[u8]]) -> Result<()> {
    if command.spec.is(flag::ALL_KEYS) {
        return Err(Error::CALL_NOSCRIPT);
    }
    dispatch::each_key(*command, args, |key| {
        if declared.contains(&key) { Ok(()) } else { Err(Error::undeclared_key(key)) }
    })
}

impl Host for Run<'_> {
    #[inline]
    fn call(&mut self, args: &[&[u8]], out: &mut dyn Reply) -> Result<()> {
        let args = Args::new(args);
        let command = match self.check(args) {
            Ok(command) => command,
            Err(error) => return Err(self.count_error(error)),
        };
        let start = if self.tally.count(command.id) { Some(monotonic_nanos()) } else { None };
        let result = self.run(command, args, out);
        if let Some(start) = start {
            self.tally.time(command.id, monotonic_nanos().saturating_sub(start));
        }
        match result {
            Ok(()) => Ok(()),
            Err(error) => {
                self.engine.store.inner.space.stats.of(command.id).failed.add(1);
                Err(self.count_error(error))
            }
        }
    }

    fn has_written(&self) -> bool {
        self.writes
    }

    fn waited(&mut self) -> bool {
        std::mem::take(&mut self.waited)
    }

    fn overdue(&mut self) {
        if let Some(held) = &mut self.held {
            held.mark_overdue();
        }
    }

    fn freeze_time(&mut self) {
        let clock = &self.engine.store.inner.space.clock;
        self.turn.now.get_or_insert_with(|| clock.now_micros());
    }

    fn log(&mut self, level: u8, message: &[u8]) {
        if let Some(log) = &self.engine.log {
            let level = match level {
                0 => LogLevel::Debug,
                1 => LogLevel::Verbose,
                2 => LogLevel::Notice,
                _ => LogLevel::Warning,
            };
            log(level, message);
        }
    }

    fn knows(&mut self, args: &[&[u8]]) -> bool {
        let args = Args::new(args);
        matches!(table().resolve(args), Some(Ok(_))) || noscript::names(args)
    }

    fn random(&mut self) -> i32 {
        self.engine.random.lock().next_i31()
    }

    fn seed(&mut self, seed: i32) {
        self.engine.random.lock().seed(seed);
    }
}
