//! [`Run`]: one run of a script as the VM's [`Host`]: checks, locks and runs the commands that it calls.

use super::eval::Caller;
use super::functions::{About, Shown};
use super::{Inner, LogLevel, noscript};
use crate::clock::monotonic_nanos;
use crate::commands::{Args, Command, Handler, Quick, flag, table};
use crate::dispatch;
use crate::error::{Error, Result};
use crate::keyspace::{Access, Ctx, Key, Tally, Turn, audience};
use crate::reply::Reply;
use crate::store::{Held, LockMode, ShardSet};
use crate::value::Value;
use crate::vm::{Control, Host, Pace};

/// What must be looked at before a command runs: a command with one of these flags, as long as it was not allowed
/// once for this run.
const CHECKED: u32 = flag::NOSCRIPT | flag::WRITE | flag::MAY_REPLICATE;

pub(super) struct Run<'r, 'e> {
    engine: &'e Inner,
    /// The shards of the keys that the script may touch, from its first call of a command that has keys to its end.
    /// Before that call it cannot be told from one that begins later.
    held: Option<Held<'e>>,
    pub(super) turn: Turn,
    /// Read-only scripts run beside each other.
    lock: LockMode,
    /// The only keys that the script may touch; `None` is any.
    declared: Option<&'r [&'r [u8]]>,
    control: &'r Control,
    tally: &'r mut Tally,
    /// Whether each command locks for itself, at its own time (`disable-atomicity`).
    is_parted: bool,
    /// Whether what was written is taken back if the script fails.
    rolls_back: bool,
    /// Whether the script calls no more than one command: then it never waits for a shard while it has one.
    calls_once: bool,
    /// Flags of commands that are looked at closely: fewer once the script has written.
    checked: u32,
    /// Whether a command that writes was called: it need not have changed anything.
    writes: bool,
    /// Whether locks were waited for since the time limit was last looked at.
    waited: bool,
    /// The function that runs, if it is one, and its entry among those that run.
    about: Option<About<'r>>,
    shown: Option<Shown<'e>>,
    /// Whether others get BUSY because the script takes so long.
    is_busy: bool,
    /// When the run began, if it looked at the clock and had taken long by then.
    slow_since: Option<u64>,
}

/// From how many nanoseconds on a call is shown: before that nobody can look.
const LONG: u64 = 1_000_000;

impl<'r, 'e> Run<'r, 'e> {
    /// A run inside an EXEC is on the shards that the EXEC holds, and at its time.
    #[inline]
    pub(super) fn new(
        engine: &'e Inner,
        caller: &mut Caller<'_, 'e>,
        lock: LockMode,
        declared: Option<&'r [&'r [u8]]>,
        control: &'r Control,
        tally: &'r mut Tally,
    ) -> Run<'r, 'e> {
        let is_observed = engine.store.inner.space.hears(audience::COMMANDS);
        let mut turn = Turn::of_script(caller.turn.db);
        let mut held = None;
        if let Some(scope) = &mut caller.scope {
            held = scope.held.take();
            turn.now = caller.turn.now;
        }
        Run {
            engine,
            held,
            turn,
            lock,
            declared,
            control,
            tally,
            is_parted: false,
            rolls_back: false,
            calls_once: false,
            checked: if declared.is_some() || is_observed { u32::MAX } else { CHECKED },
            writes: false,
            waited: false,
            about: None,
            shown: None,
            is_busy: false,
            slow_since: None,
        }
    }

    /// The end of the run: what it caused is settled, or left to the EXEC around it.
    #[inline]
    pub(super) fn end(&mut self, caller: &mut Caller<'_, 'e>, is_ok: bool) {
        if self.rolls_back {
            self.end_undo(is_ok);
        }
        caller.turn.wrote |= self.turn.wrote;
        if let Some(scope) = &mut caller.scope {
            scope.held = self.held.take();
            if let Some(effects) = self.turn.effects.take() {
                caller.turn.effects.get_or_insert_default().append(*effects);
            }
        } else if self.turn.effects.is_some() {
            match self.held.take() {
                Some(held) => held.release(&mut self.turn),
                None => self.engine.store.inner.settle_without_locks(&mut self.turn),
            }
        }
    }

    #[cold]
    fn end_undo(&mut self, is_ok: bool) {
        // Nothing is written without shards.
        let access = self.held.as_mut().map_or(Access::None, Held::access);
        let mut cx = Ctx::new(&self.engine.store.inner.space, access, &mut self.turn);
        if is_ok {
            cx.commit();
        } else {
            cx.roll_back();
            // What it published without a write.
            self.turn.effects = None;
        }
    }

    /// A script that has touched nothing yet could touch anything: it locks what it may now, so that there is something
    /// for others to be busy about.
    #[cold]
    fn make_others_busy(&mut self) {
        self.is_busy = true;
        if self.held.is_none() && !self.is_parted {
            // BUSY: then another script makes others busy already.
            let _ = self.lock_keys(ShardSet::default());
        }
        self.overdue();
    }

    /// What the script writes is taken back if it fails.
    pub(super) fn roll_back_on_failure(&mut self) {
        self.rolls_back = true;
    }

    /// The script calls no more than one command.
    #[inline]
    pub(super) fn call_once(&mut self) {
        self.calls_once = true;
    }

    /// When a run that takes long began.
    #[inline]
    pub(super) fn slow_since(&self) -> Option<u64> {
        self.slow_since
    }

    /// What runs is a function.
    pub(super) fn show_as(&mut self, about: About<'r>) {
        self.about = Some(about);
    }

    /// From now on each command locks for itself, and others' commands run between them.
    pub(super) fn part(&mut self) {
        self.is_parted = true;
        // All commands go the long way, which knows of it.
        self.checked = u32::MAX;
    }

    /// Everything that is known of a command before it runs: whether the script may call it.
    pub(super) fn check(
        &mut self,
        command: Option<&'static Command>,
        args: Args<'_>,
    ) -> Result<&'static Command> {
        let command = match command.and_then(|_| table().resolve(args)) {
            Some(Ok(command)) => command,
            _ if noscript::names(args) => return Err(Error::CALL_NOSCRIPT),
            _ => return Err(self.engine.dialect.texts().unknown_command(args.at(0))),
        };
        let spec = command.spec;
        // A container's name alone never has the right number of arguments.
        let refusal = if !spec.takes(args.len()) || matches!(spec.handler, Handler::Container) {
            Some(self.engine.dialect.texts().wrong_arity(&command.full_name()))
        } else if self.engine.dialect.bars(command) && self.engine.store.inner.space.tunables.denies_scripts()
        {
            Some(Error::CALL_NOSCRIPT)
        } else if self.lock == LockMode::Read && spec.is(flag::WRITE | flag::MAY_REPLICATE) {
            Some(self.engine.dialect.texts().read_only())
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.engine.store.inner.space.stats.of(command.id).rejected.add(1);
            return Err(refusal);
        }
        if let Some(declared) = self.declared {
            self.engine.dialect.check_select(command, args, self.turn.db)?;
            check_declared(command, args, declared)?;
        }
        if spec.is(flag::WRITE) && !self.writes {
            // A script that gets BUSY here has not written: it is stopped at its own time, not called overdue.
            if !self.is_parted {
                match command.quick(args.len(), 0) {
                    Some(quick) => self.lock_one(self.engine.store.inner.shard_of(args.at(quick.key)))?,
                    None => self.lock_keys(dispatch::locks(&self.engine.store, *command, args).0)?,
                }
            }
            if self.rolls_back {
                // It can be stopped as long as it runs.
                Ctx::begin_undo(&mut self.turn);
            } else if !self.control.begin_write() {
                return Err(self.engine.dialect.texts().killed(self.about.is_some()));
            }
            self.writes = true;
            let is_observed = self.engine.store.inner.space.hears(audience::COMMANDS);
            if self.declared.is_none() && !self.is_parted && !is_observed {
                self.checked = flag::NOSCRIPT;
            }
        }
        Ok(command)
    }

    #[cold]
    pub(super) fn count_error(&self, error: Error) -> Error {
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
        // An EXEC has what its scripts may touch, or grows.
        if let Some(held) = &mut self.held
            && held.grows()
        {
            self.waited |= held.extend(shards)?;
        }
        Ok(())
    }

    /// Locks the shard of a command with one key. Where that is all that the script ever locks, it holds nothing when
    /// it waits, and need not pass the gate.
    #[inline(never)]
    fn lock_one(&mut self, shard: usize) -> Result<()> {
        if self.calls_once && self.held.is_none() {
            let inner = &self.engine.store.inner;
            // In place: to move what holds a lock takes longer than to take it.
            if self.held.insert(inner.hold_none(self.lock)).try_one(shard) {
                return Ok(());
            }
            self.held = None;
            self.waited = true;
            self.held = Some(inner.hold(ShardSet::one(shard), self.lock)?);
            return Ok(());
        }
        self.lock_keys(ShardSet::one(shard))
    }

    /// Runs a command with one key on that key's shard.
    #[inline(always)]
    fn run_quick(&mut self, quick: Quick, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        let space = &self.engine.store.inner.space;
        let bytes = args.at(quick.key);
        let key = Key { bytes, hash: space.hash(bytes) };
        let shard = space.shard(key.hash);
        if !self.held.as_ref().is_some_and(|held| held.has(shard)) {
            self.lock_one(shard)?;
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
            Handler::Waiting(read) => {
                let wait = read(args, out.protocol())?;
                let inner = &self.engine.store.inner;
                if self.is_parted {
                    let set = inner.shards_of(&wait);
                    let attempt = |cx: &mut Ctx<'_>| dispatch::attempt(cx, &wait, out);
                    return inner.with_set(set, LockMode::Write, &mut self.turn, attempt);
                }
                self.lock_keys(inner.shards_of(&wait))?;
                let access = self.held.as_mut().map_or(Access::None, Held::access);
                dispatch::attempt(&mut Ctx::new(&inner.space, access, &mut self.turn), &wait, out)
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
        let inner = &self.engine.store.inner;
        if inner.space.hears(audience::COMMANDS) && !command.spec.is(flag::ADMIN | flag::SKIP_MONITOR) {
            inner.observe(self.turn.db, None, args.all());
        }
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

impl Host for Run<'_, '_> {
    #[inline]
    fn call(&mut self, args: &[&[u8]], out: &mut dyn Reply, pace: &mut Pace) -> Result<()> {
        let args = Args::new(args);
        let found = table().find(args.at(0));
        if let Some(command) = found
            && let Some(quick) = command.quick(args.len(), self.checked)
            && self.tally.count_untimed(command.id)
        {
            if !quick.is_fast(args.len()) {
                *pace = Pace::Any;
            }
            return match self.run_quick(quick, args, out) {
                Ok(()) => Ok(()),
                Err(error) => Err(self.failed(command, error)),
            };
        }
        *pace = Pace::Any;
        self.call_closely(found, args, out)
    }

    fn has_written(&self) -> bool {
        self.writes && !self.rolls_back
    }

    fn waited(&mut self) -> bool {
        std::mem::take(&mut self.waited)
    }

    fn overdue(&mut self) {
        if let Some(held) = &mut self.held {
            held.mark_overdue(self.engine.dialect.overdue(self.about.is_some()));
        }
    }

    fn looked(&mut self, nanos: u64) {
        if nanos > LONG && self.slow_since.is_none() {
            self.slow_since = Some(monotonic_nanos().saturating_sub(nanos));
        }
        if nanos > LONG
            && self.shown.is_none()
            && let Some(about) = self.about
        {
            self.shown = Some(self.engine.libraries.running.show(about, nanos));
        }
        let busy = self.engine.store.inner.space.tunables.script_nanos();
        if !self.is_busy && busy.is_some_and(|busy| nanos >= busy) {
            self.make_others_busy();
        }
    }

    fn freeze_time(&mut self) {
        let clock = &self.engine.store.inner.space.clock;
        self.turn.now.get_or_insert_with(|| clock.now_micros());
    }

    fn log(&mut self, level: u8, message: &[u8]) {
        self.engine.log_line(level, message);
    }

    fn function(&mut self, number: usize, args: &[Value]) -> Result<Value> {
        match self.engine.functions.get(number) {
            Some(function) => (function.call)(args),
            None => Err(Error::INTERNAL),
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
