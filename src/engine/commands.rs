//! EVAL, SCRIPT and their relatives by name; their rows are in `commands/scripting.rs`.

use super::cache::{Sha, Source};
use super::eval::{Call, Caller, Failed, Mode, Reach, Scope};
use super::flags::{Dialect, ScriptFlag};
use super::{Engine, Inner};
use crate::commands::{Args, Command, Handler};
use crate::dispatch;
use crate::error::{Error, Result};
use crate::store::{LockMode, ShardSet};
use crate::value::Value;

impl Engine {
    /// Runs one of the engine's commands. The error is counted in the statistics.
    pub(crate) fn execute<'e>(
        &'e self,
        command: Command,
        args: Args<'_>,
        caller: &mut Caller<'_, 'e>,
    ) -> Result<Value> {
        let inner = &self.inner;
        let result = match (command.parent, command.spec.name) {
            (None, "EVAL") => inner.eval_command(args, caller, Mode::ReadWrite),
            (None, "EVAL_RO") => inner.eval_command(args, caller, Mode::ReadOnly),
            (None, "EVALSHA") => inner.eval_sha_command(args, caller, Mode::ReadWrite),
            (None, "EVALSHA_RO") => inner.eval_sha_command(args, caller, Mode::ReadOnly),
            (None, "FCALL") => inner.fcall_command(args, caller, Mode::ReadWrite),
            (None, "FCALL_RO") => inner.fcall_command(args, caller, Mode::ReadOnly),
            (Some("FUNCTION"), name) => self.function_command(name, args).map_err(Failed::from),
            (Some("SCRIPT"), name) => self.script_command(name, args).map_err(Failed::from),
            _ => Err(Error::unknown_command(args.all()).into()),
        };
        result.map_err(|failed| failed.count(inner))
    }

    /// What one of the engine's commands may touch of the store.
    fn reach(&self, command: Command, args: Args<'_>) -> Reach {
        let nothing = Reach::Shards(ShardSet::default());
        let inner = &self.inner;
        let name = match (command.parent, command.spec.name) {
            (None, name) => name,
            _ => return nothing,
        };
        // What is wrong with the arguments is said when the command runs.
        let Ok((keys, _)) = keys_and_args(args, 2) else { return nothing };
        match name {
            "EVAL" | "EVAL_RO" => match Source::new(Sha::of(args.at(1)), args.at(1), inner.dialect) {
                Ok(script) => inner.reach(script.flags(inner.default_flags), keys),
                Err(_) => nothing,
            },
            "EVALSHA" | "EVALSHA_RO" => {
                match Sha::parse(args.at(1)).and_then(|sha| inner.cache.get(sha)) {
                    Some(script) => inner.reach(script.flags(inner.default_flags), keys),
                    // It may be loaded before it is called.
                    None => Reach::Any,
                }
            }
            _ => inner.reach_of_function(args.at(1), keys),
        }
    }

    /// What an EXEC holds while this queue runs: the shards that it needs and no more.
    ///
    /// # Errors
    ///
    /// `BUSY` if something past its time holds what the queue needs.
    pub(crate) fn scope<'e>(&'e self, queue: &[(Option<Command>, Args<'_>)]) -> Result<Scope<'e>> {
        let store = &self.inner.store.inner;
        let mut shards = ShardSet::default();
        let mut any = false;
        for &(command, args) in queue {
            let reach = match command {
                None => self.reach_of_defined(args),
                Some(command) => match command.spec.handler {
                    Handler::Engine => self.reach(command, args),
                    _ => Reach::Shards(dispatch::locks(&self.inner.store, command, args).0),
                },
            };
            match reach {
                Reach::Shards(more) => shards = shards.with(more),
                Reach::Any => any = true,
            }
        }
        let is_call = |command: Command| matches!(command.spec.name, "FCALL" | "FCALL_RO");
        let functions = queue.iter().filter(|(command, _)| command.is_some_and(is_call));
        let homes = self.inner.enter_homes(functions.map(|(_, args)| args.at(1)))?;
        let held = if any {
            let mut held = store.hold_as_needed()?;
            held.extend(shards)?;
            held
        } else {
            store.hold(shards, LockMode::Write)?
        };
        Ok(Scope { held: Some(held), homes })
    }

    fn script_command(&self, name: &str, args: Args<'_>) -> Result<Value> {
        let dialect = self.inner.dialect;
        if !dialect.has_script_command(name) {
            return Err(dialect.unknown_script_command(args));
        }
        match name {
            "LOAD" => self.script_load(args.at(2)).map(Value::from),
            "EXISTS" => {
                let exists = self.script_exists(args.from(2));
                Ok(Value::Array(exists.into_iter().map(|is| Value::Integer(is.into())).collect()))
            }
            "FLUSH" => {
                let plain = args.len() == 2 || dialect == Dialect::Dragonfly;
                if !plain && (args.len() > 3 || !(args.is(2, "SYNC") || args.is(2, "ASYNC"))) {
                    return Err(Error::SCRIPT_FLUSH_OPTION);
                }
                self.script_flush();
                Ok(Value::ok())
            }
            "SHOW" => self.script_show(args.at(2)).map(Value::from),
            "FLAGS" => {
                let flag = |name: &&[u8]| ScriptFlag::named(name).ok_or_else(|| Error::invalid_flag(name));
                let flags: Vec<ScriptFlag> = args.from(3).iter().map(flag).collect::<Result<_>>()?;
                if Sha::parse(args.at(2)).is_none() {
                    return Err(Error::SYNTAX);
                }
                self.script_flags(args.at(2), &flags).map(|()| Value::ok())
            }
            "LIST" => {
                let pair = |(sha, body)| Value::Array(vec![Value::from(sha), Value::from(body)]);
                Ok(Value::Array(self.script_list().into_iter().map(pair).collect()))
            }
            "KILL" => self.script_kill().map(|()| Value::ok()),
            "LATENCY" => Ok(self.latency_command()),
            _ => Err(Error::unknown_subcommand(args.at(1), "SCRIPT")),
        }
    }
}

impl Inner {
    fn eval_command<'e>(
        &'e self,
        args: Args<'_>,
        caller: &mut Caller<'_, 'e>,
        mode: Mode,
    ) -> Result<Value, Failed> {
        let (keys, rest) = keys_and_args(args, 2).map_err(|error| self.dialect.reword(error))?;
        self.eval(args.at(1), Call { keys, args: rest, mode }, caller)
    }

    fn eval_sha_command<'e>(
        &'e self,
        args: Args<'_>,
        caller: &mut Caller<'_, 'e>,
        mode: Mode,
    ) -> Result<Value, Failed> {
        let sha = Sha::parse(args.at(1)).ok_or_else(|| self.no_script())?;
        let (keys, rest) = keys_and_args(args, 2).map_err(|error| self.dialect.reword(error))?;
        let call = Call { keys, args: rest, mode };
        self.eval_sha(sha, call, caller).unwrap_or_else(|| Err(self.no_script().into()))
    }
}

type Slices<'a> = &'a [&'a [u8]];

/// What stands behind the number of keys, which is argument `at`, parted by it.
pub(super) fn keys_and_args(args: Args<'_>, at: usize) -> Result<(Slices<'_>, Slices<'_>)> {
    let count = args.integer(at)?;
    let rest = args.from(at + 1);
    if count < 0 {
        return Err(Error::NEGATIVE_KEYS);
    }
    let count = usize::try_from(count).ok().filter(|&count| count <= rest.len());
    Ok(rest.split_at(count.ok_or(Error::TOO_MANY_KEYS)?))
}
