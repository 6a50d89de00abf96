//! Layer 6: a command by its name: look it up, check it, take its locks, run it.

use crate::clock::monotonic_nanos;
use crate::commands::{Args, Command, Handler, flag, table};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Turn, Wait, audience};
use crate::protocol::Protocol;
use crate::reply::{Reply, ValueReply};
use crate::store::{Held, LockMode, NO_ADDRESS, ShardSet, Store};
use crate::value::Value;

/// # Commands by name
impl Store {
    /// Runs any command by name, as a client that had just connected would. Commands that belong to a conversation
    /// (SELECT, HELLO …) or to an engine (EVAL …) are for [`Session::execute`](crate::Session::execute).
    ///
    /// # Errors
    ///
    /// The error that the command replies.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Store, Value};
    ///
    /// let store = Store::new();
    /// assert_eq!(store.execute(&["SET", "key", "value"])?, Value::ok());
    /// assert_eq!(store.execute(&["STRLEN", "key"])?, Value::Integer(5));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn execute<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<Value> {
        let args: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
        let mut out = ValueReply::new(Protocol::Resp2);
        self::execute(self, &mut self.turn(), Args::new(&args), &mut out)?;
        Ok(out.finish())
    }
}

/// The command that arguments call, with its name and arity checked.
pub(crate) fn look_up(store: &Store, args: Args<'_>) -> Result<Command> {
    let command = match table().resolve(args) {
        None => return Err(Error::unknown_command(args.all())),
        Some(Err(container)) => {
            return Err(Error::unknown_subcommand(args.at(1), container.spec.name));
        }
        Some(Ok(command)) => *command,
    };
    if command.spec.takes(args.len()) {
        Ok(command)
    } else {
        store.inner.stats.of(command.id).rejected.add(1);
        Err(Error::wrong_arity(&command.full_name()))
    }
}

/// Runs a command of the store's own, for a caller that holds no lock.
pub(crate) fn execute(store: &Store, turn: &mut Turn, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let result = look_up(store, args).and_then(|command| {
        let result = if store.is_transaction() {
            timed(store, command, (turn.client, args), || run_within(store, command, args, out))
        } else {
            run(store, turn, command, args, out)
        };
        let inner = &store.inner;
        if inner.space.hears(audience::COMMANDS) && !command.spec.is(flag::ADMIN | flag::SKIP_MONITOR) {
            inner.observe(turn.db, Some(NO_ADDRESS), args.all());
        }
        result
    });
    if let Err(error) = &result {
        store.inner.stats.count_error(error);
    }
    result
}

/// Runs a command that was looked up: takes its locks, counts and times it.
pub(crate) fn run(
    store: &Store,
    turn: &mut Turn,
    command: Command,
    args: Args<'_>,
    out: &mut dyn Reply,
) -> Result<()> {
    if !command.spec.is(flag::ALLOW_BUSY)
        && let Some(holder) = store.inner.overdue()
    {
        store.inner.stats.of(command.id).rejected.add(1);
        return Err(holder.error());
    }
    turn.begin();
    timed(store, command, (turn.client, args), || match command.spec.handler {
        Handler::Store(run) => {
            let (set, mode) = locks(store, command, args);
            store.inner.with_set(set, mode, turn, |cx| run(cx, args, out))
        }
        Handler::Waiting(read) => {
            let wait = read(args, out.protocol())?;
            let set = store.inner.shards_of(&wait);
            store.inner.with_set(set, LockMode::Write, turn, |cx| attempt(cx, &wait, out))
        }
        Handler::Server(run) => run(store, args, out),
        Handler::Engine => Err(Error::ENGINE_NEEDED),
        Handler::Session => Err(Error::SESSION_NEEDED),
        Handler::Container => Err(Error::wrong_arity(&command.full_name())),
    })
}

/// Runs a command on the keys that a transaction declared.
fn run_within(store: &Store, command: Command, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let mut keys = Vec::new();
    for at in command.spec.keys.iter().filter_map(|keys| keys.positions(args)).flatten() {
        keys.push(args.at(at));
    }
    match command.spec.handler {
        Handler::Store(run) if !command.spec.reaches_all_keys(args) => {
            store.with_keys(keys, LockMode::Write, |cx| run(cx, args, out))
        }
        Handler::Waiting(read) => {
            let wait = read(args, out.protocol())?;
            store.with_keys(keys, LockMode::Write, |cx| attempt(cx, &wait, out))
        }
        Handler::Server(run) => run(store, args, out),
        _ => Err(Error::NOT_IN_TRANSACTION),
    }
}

/// Runs a command that may wait for a caller that cannot: as if its time were over at once.
pub(crate) fn attempt(cx: &mut Ctx<'_>, wait: &Wait, out: &mut dyn Reply) -> Result<()> {
    let reply = cx.attempt(wait)?;
    out.value(reply.unwrap_or_else(|| wait.at_once.clone()));
    Ok(())
}

/// Runs `work` as a call of the command in the statistics. The session and the arguments are for the log of slow
/// commands.
pub(crate) fn timed<R>(
    store: &Store,
    command: Command,
    (client, args): (u64, Args<'_>),
    work: impl FnOnce() -> Result<R>,
) -> Result<R> {
    let stats = store.inner.stats.of(command.id);
    let start = monotonic_nanos();
    let result = work();
    let nanos = monotonic_nanos().saturating_sub(start);
    stats.nanos.add(nanos);
    stats.calls.add(1);
    if result.is_err() {
        stats.failed.add(1);
    }
    if store.inner.space.tunables.is_slow(nanos) && !command.spec.is(flag::SKIP_SLOWLOG) {
        store.inner.note_slow(client, args.all(), nanos);
    }
    result
}

/// Which shards a command needs, and how.
pub(crate) fn locks(store: &Store, command: Command, args: Args<'_>) -> (ShardSet, LockMode) {
    let mode = if command.spec.is(flag::WRITE | flag::EXCLUSIVE) { LockMode::Write } else { LockMode::Read };
    if command.spec.reaches_all_keys(args) {
        return (store.inner.all(), mode);
    }
    let keys = command.spec.keys.iter().filter_map(|keys| keys.positions(args)).flatten();
    (keys.map(|at| store.inner.shard_of(args.at(at))).collect(), mode)
}

/// Calls `visit` with each key among the arguments until it fails.
pub(crate) fn each_key(
    command: Command,
    args: Args<'_>,
    mut visit: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    for at in command.spec.keys.iter().filter_map(|keys| keys.positions(args)).flatten() {
        visit(args.at(at))?;
    }
    Ok(())
}

/// Runs a command of the store's on shards that the caller holds.
pub(crate) fn run_held(
    store: &Store,
    held: &mut Held<'_>,
    turn: &mut Turn,
    command: Command,
    args: Args<'_>,
    out: &mut dyn Reply,
) -> Result<()> {
    let space = &store.inner.space;
    match command.spec.handler {
        Handler::Store(run) => run(&mut Ctx::new(space, held.access(), turn), args, out),
        Handler::Waiting(read) => {
            let wait = read(args, out.protocol())?;
            attempt(&mut Ctx::new(space, held.access(), turn), &wait, out)
        }
        Handler::Server(run) => run(store, args, out),
        Handler::Engine => Err(Error::ENGINE_NEEDED),
        Handler::Session => Err(Error::SESSION_NEEDED),
        Handler::Container => Err(Error::wrong_arity(&command.full_name())),
    }
}
