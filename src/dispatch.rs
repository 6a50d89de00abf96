//! Layer 6: a command by its name: look it up, check it, take its locks, run it.

use crate::clock::monotonic_nanos;
use crate::commands::{Args, Command, Handler, flag, table};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Turn};
use crate::protocol::Protocol;
use crate::reply::{Reply, ValueReply};
use crate::store::{Held, LockMode, ShardSet, Store, Transaction};
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

impl Transaction<'_, '_> {
    /// Runs a command on the transaction's keys.
    ///
    /// # Errors
    ///
    /// The error that the command replies, or one that names a key which the transaction did not declare.
    pub fn execute<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Value> {
        let args: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
        let mut out = ValueReply::new(Protocol::Resp2);
        let declared = |key: &[u8]| self.keys.iter().any(|declared| **declared == *key);
        execute_held(self.store, self.held, self.turn, Args::new(&args), &declared, &mut out)?;
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
    let result = look_up(store, args).and_then(|command| run(store, turn, command, args, out));
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
    timed(store, command, || match command.spec.handler {
        Handler::Store(run) => {
            let (set, mode) = locks(store, command, args);
            store.inner.with_set(set, mode, turn, |cx| run(cx, args, out))
        }
        Handler::Server(run) => run(store, args, out),
        Handler::Engine => Err(Error::ENGINE_NEEDED),
        Handler::Session => Err(Error::SESSION_NEEDED),
        Handler::Container => Err(Error::wrong_arity(&command.full_name())),
    })
}

/// Runs `work` as a call of the command in the statistics.
pub(crate) fn timed<R>(store: &Store, command: Command, work: impl FnOnce() -> Result<R>) -> Result<R> {
    let stats = store.inner.stats.of(command.id);
    let start = monotonic_nanos();
    let result = work();
    stats.nanos.add(monotonic_nanos().saturating_sub(start));
    stats.calls.add(1);
    if result.is_err() {
        stats.failed.add(1);
    }
    result
}

/// Which shards a command needs, and how.
pub(crate) fn locks(store: &Store, command: Command, args: Args<'_>) -> (ShardSet, LockMode) {
    let mode = if command.spec.is(flag::WRITE) { LockMode::Write } else { LockMode::Read };
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

/// Runs a command on shards that the caller holds, and on keys that it declared only.
pub(crate) fn execute_held(
    store: &Store,
    held: &mut Held<'_>,
    turn: &mut Turn,
    args: Args<'_>,
    declared: &dyn Fn(&[u8]) -> bool,
    out: &mut dyn Reply,
) -> Result<()> {
    let command = look_up(store, args)?;
    each_key(command, args, |key| if declared(key) { Ok(()) } else { Err(Error::undeclared_key(key)) })?;
    match command.spec.handler {
        Handler::Store(run) if !command.spec.reaches_all_keys(args) => {
            timed(store, command, || run(&mut Ctx::new(&store.inner.space, held.access(), turn), args, out))
        }
        _ => Err(Error::NOT_IN_TRANSACTION),
    }
}
