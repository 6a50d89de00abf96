//! EVAL, SCRIPT and their relatives by name; their rows are in `commands/scripting.rs`.

use super::cache::Sha;
use super::eval::{Call, Failed, Mode};
use super::flags::ScriptFlag;
use super::{Engine, Inner};
use crate::commands::{Args, Command};
use crate::error::{Error, Result};
use crate::keyspace::Turn;
use crate::value::Value;

impl Engine {
    /// Runs one of the engine's commands. The error is counted in the statistics.
    pub(crate) fn execute(&self, command: Command, args: Args<'_>, turn: &mut Turn) -> Result<Value> {
        let inner = &self.inner;
        let result = match (command.parent, command.spec.name) {
            (None, "EVAL") => inner.eval_command(args, turn, Mode::ReadWrite),
            (None, "EVAL_RO") => inner.eval_command(args, turn, Mode::ReadOnly),
            (None, "EVALSHA") => inner.eval_sha_command(args, turn, Mode::ReadWrite),
            (None, "EVALSHA_RO") => inner.eval_sha_command(args, turn, Mode::ReadOnly),
            (None, "FCALL") => inner.fcall_command(args, turn, Mode::ReadWrite),
            (None, "FCALL_RO") => inner.fcall_command(args, turn, Mode::ReadOnly),
            (Some("FUNCTION"), name) => self.function_command(name, args).map_err(Failed::from),
            (Some("SCRIPT"), name) => self.script_command(name, args).map_err(Failed::from),
            _ => Err(Error::unknown_command(args.all()).into()),
        };
        result.map_err(|failed| failed.count(inner))
    }

    fn script_command(&self, name: &str, args: Args<'_>) -> Result<Value> {
        match name {
            "LOAD" => self.script_load(args.at(2)).map(Value::from),
            "EXISTS" => {
                let exists = self.script_exists(args.from(2));
                Ok(Value::Array(exists.into_iter().map(|is| Value::Integer(is.into())).collect()))
            }
            "FLUSH" => {
                let plain = args.len() == 2;
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
            _ => Err(Error::unknown_subcommand(args.at(1), "SCRIPT")),
        }
    }
}

impl Inner {
    fn eval_command(&self, args: Args<'_>, turn: &mut Turn, mode: Mode) -> Result<Value, Failed> {
        let (keys, rest) = keys_and_args(args, 2)?;
        self.eval(args.at(1), Call { keys, args: rest, mode }, turn)
    }

    fn eval_sha_command(&self, args: Args<'_>, turn: &mut Turn, mode: Mode) -> Result<Value, Failed> {
        let sha = Sha::parse(args.at(1)).ok_or(Error::NO_SCRIPT)?;
        let (keys, rest) = keys_and_args(args, 2)?;
        let call = Call { keys, args: rest, mode };
        self.eval_sha(sha, call, turn).unwrap_or_else(|| Err(Error::NO_SCRIPT.into()))
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
