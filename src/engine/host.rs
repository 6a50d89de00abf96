//! [`Run`]: one run of a script as the VM's [`Host`]: checks, locks and runs the commands that it calls.

use super::functions::{About, Shown};
use super::{Inner, LogLevel, noscript};
use crate::clock::monotonic_nanos;
use crate::commands::{Args, Command, Handler, Quick, flag, table};
use crate::dispatch;
use crate::error::{Error, ErrorKind, Result};
use crate::keyspace::{Access, Ctx, Key, Tally, Turn};
use crate::reply::Reply;
use crate::store::{Held, LockMode, Overdue, ShardSet};
use crate::vm::{Control, Host, KILLED};

/// What must be looked at before a command runs: a command with one of these flags, as long as it was not allowed
/// once for this run.
const CHECKED: u32 = flag::NOSCRIPT | flag::WRITE | flag::MAY_REPLICATE;

pub(super) struct Run<'e> {
    engine: &'e Inner,
    /// The shards of the keys that the script may touch, from its first call of a command that has keys to its end.
    /// Before that call it cannot be told from one that begins later.
    held: Option<Held<'e>>,
    pub(super) turn: Turn,
    /// Read-only scripts run beside each other.
    lock: LockMode,
    /// The only keys that the script may touch; `None` is any.
    declared: Option<&'e [&'e [u8]]>,
    control: &'e Control,
    tally: &'e mut Tally,
    /// Whether each command locks for itself, at its own time (`disable-atomicity`).
    is_parted: bool,
    /// Flags of commands that are looked at closely: fewer once the script has written.
    checked: u32,
    /// Whether a command that writes was called: it need not have changed anything.
    writes: bool,
    /// Whether locks were waited for since the time limit was last looked at.
    waited: bool,
    /// The function that runs, if it is one, and its entry among those that run.
    about: Option<About<'e>>,
    shown: Option<Shown<'e>>,
}

/// From how many nanoseconds on a call is shown: before that nobody can look.
const LONG: u64 = 1_000_000;

impl<'e> Run<'e> {
    pub(super) fn new(
        engine: &'e Inner,
        db: usize,
        lock: LockMode,
        declared: Option<&'e [&'e [u8]]>,
        control: &'e Control,
        tally: &'e mut Tally,
    ) -> Run<'e> {
        Run {
            engine,
            held: None,
            turn: Turn::of_script(db),
            lock,
            declared,
            control,
            tally,
            is_parted: false,
            checked: if declared.is_some() { u32::MAX } else { CHECKED },
            writes: false,
            waited: false,
            about: None,
            shown: None,
        }
    }

    /// What runs is a function.
    pub(super) fn show_as(&mut self, about: About<'e>) {
        self.about = Some(about);
    }

    /// From now on each command locks for itself, and others' commands run between them.
    pub(super) fn part(&mut self) {
        self.is_parted = true;
        // All commands go the long way, which knows of it.
        self.checked = u32::MAX;
    }

    /// Everything that is known of a command before it runs: whether the script may call it.
    fn check(&mut self, command: Option<&'static Command>, args: Args<'_>) -> Result<&'static Command> {
        let command = match command.and_then(|_| table().resolve(args)) {
            Some(Ok(command)) => command,
            Some(Err(_)) => return Err(Error::CALL_UNKNOWN),
            None if noscript::names(args) => return Err(Error::CALL_NOSCRIPT),
            None => return Err(Error::CALL_UNKNOWN),
        };
        let spec = command.spec;
        // A container's name alone never has the right number of arguments.
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
            if !self.is_parted {
                self.lock_keys(dispatch::locks(&self.engine.store, *command, args).0)?;
            }
            if !self.control.begin_write() {
                return Err(Error::owned(ErrorKind::ScriptKilled, KILLED));
            }
            self.writes = true;
            if self.declared.is_none() && !self.is_parted {
                self.checked = flag::NOSCRIPT;
            }
        }
        Ok(command)
    }

    #[cold]
    fn count_error(&self, error: Error) -> Error {
        self.engine.store.inner.space.stats.count_error(&error);
        error
    }

    /// Locks the shards that a command needs. A script with declared keys, or one that only reads, locks all that it
    /// may touch with its first command.
    #[inline(never)]
    fn lock_keys(&mut self, shards: ShardSet) -> Result<()> {
        let inner = &self.engine.store.inner;
        let as_needed = self.declared.is_none() && self.lock == LockMode::Write;
        if self.held.is_none() {
            self.waited = true;
            self.held = Some(match self.declared {
                Some(keys) => inner.hold(keys.iter().map(|key| inner.shard_of(key)).collect(), self.lock)?,
                None if as_needed => inner.hold_as_needed()?,
                None => inner.hold(inner.all(), self.lock)?,
            });
        }
        if as_needed && let Some(held) = &mut self.held {
            self.waited |= held.extend(shards)?;
        }
        Ok(())
    }

    /// Runs a command with one key on that key's shard.
    #[inline(always)]
    fn run_quick(&mut self, quick: Quick, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        let space = &self.engine.store.inner.space;
        let bytes = args.at(quick.key);
        let key = Key { bytes, hash: space.hash(bytes) };
        let shard = space.shard(key.hash);
        if !self.held.as_ref().is_some_and(|held| held.has(shard)) {
            self.lock_keys(ShardSet::one(shard))?;
        }
        let access = self.held.as_mut().map_or(Access::None, |held| held.access_one(shard));
        (quick.run)(&mut Ctx::with_key(space, access, &mut self.turn, key), args, out)
    }

    /// Runs a command that was checked.
    fn run(&mut self, command: &Command, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        if self.is_parted {
            self.turn.begin();
            if let Handler::Store(run) = command.spec.handler {
                let inner = &self.engine.store.inner;
                let (shards, mode) = dispatch::locks(&self.engine.store, *command, args);
                return inner.with_set(shards, mode, &mut self.turn, |cx| run(cx, args, out));
            }
        }
        if let Some(quick) = command.quick(args.len(), 0) {
            return self.run_quick(quick, args, out);
        }
        match command.spec.handler {
            Handler::Store(run) => {
                let space = &self.engine.store.inner.space;
                if command.spec.keys.is_empty() && !command.spec.is(flag::ALL_KEYS) {
                    return run(&mut Ctx::new(space, Access::None, &mut self.turn), args, out);
                }
                self.lock_keys(dispatch::locks(&self.engine.store, *command, args).0)?;
                let access = self.held.as_mut().map_or(Access::None, Held::access);
                run(&mut Ctx::new(space, access, &mut self.turn), args, out)
            }
            Handler::Server(run) => run(&self.engine.store, args, out),
            Handler::Engine | Handler::Session | Handler::Container => Err(Error::CALL_NOSCRIPT),
        }
    }

    /// A call that has to be checked or timed.
    #[inline(never)]
    fn call_closely(
        &mut self,
        found: Option<&'static Command>,
        args: Args<'_>,
        out: &mut dyn Reply,
    ) -> Result<()> {
        let command = self.check(found, args).map_err(|error| self.count_error(error))?;
        let start = self.tally.count(command.id).then(monotonic_nanos);
        let result = self.run(command, args, out);
        if let Some(start) = start {
            self.tally.time(command.id, monotonic_nanos().saturating_sub(start));
        }
        result.map_err(|error| self.failed(command, error))
    }

    #[cold]
    fn failed(&self, command: &Command, error: Error) -> Error {
        self.engine.store.inner.space.stats.of(command.id).failed.add(1);
        self.count_error(error)
    }
}

impl Inner {
    /// `redis.log`.
    pub(super) fn log_line(&self, level: u8, message: &[u8]) {
        if let Some(log) = &self.log {
            let level = match level {
                0 => LogLevel::Debug,
                1 => LogLevel::Verbose,
                2 => LogLevel::Notice,
                _ => LogLevel::Warning,
            };
            log(level, message);
        }
    }
}

#[cold]
fn check_declared(command: &Command, args: Args<'_>, declared: &[&[u8]]) -> Result<()> {
    if command.spec.reaches_all_keys(args) {
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
        let found = table().find(args.at(0));
        if let Some(command) = found
            && let Some(quick) = command.quick(args.len(), self.checked)
            && self.tally.count_untimed(command.id)
        {
            return match self.run_quick(quick, args, out) {
                Ok(()) => Ok(()),
                Err(error) => Err(self.failed(command, error)),
            };
        }
        self.call_closely(found, args, out)
    }

    fn has_written(&self) -> bool {
        self.writes
    }

    fn waited(&mut self) -> bool {
        std::mem::take(&mut self.waited)
    }

    fn overdue(&mut self) {
        if let Some(held) = &mut self.held {
            held.mark_overdue(if self.about.is_some() { Overdue::Function } else { Overdue::Script });
        }
    }

    fn looked(&mut self, nanos: u64) {
        if nanos > LONG
            && self.shown.is_none()
            && let Some(about) = self.about
        {
            self.shown = Some(self.engine.libraries.running.show(about, nanos));
        }
    }

    fn freeze_time(&mut self) {
        let clock = &self.engine.store.inner.space.clock;
        self.turn.now.get_or_insert_with(|| clock.now_micros());
    }

    fn log(&mut self, level: u8, message: &[u8]) {
        self.engine.log_line(level, message);
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
