//! EVAL, SCRIPT and their relatives by name; their rows are in `commands/scripting.rs`.

use super::cache::Sha;
use super::eval::{Call, Failed, Mode};
use super::{Engine, Inner};
use crate::commands::{Args, Command};
use crate::error::{Error, Result};
use crate::keyspace::Turn;
use crate::protocol::Protocol;
use crate::reply::{Reply, ValueReply};
use crate::value::Value;

impl Engine {
    /// Runs one of the engine's commands. The error is counted in the statistics.
    pub(crate) fn execute(
        &self,
        command: Command,
        args: Args<'_>,
        turn: &mut Turn,
        protocol: Protocol,
    ) -> Result<Value> {
        let inner = &self.inner;
        let result = match (command.parent, command.spec.name) {
            (None, "EVAL") => inner.eval_command(args, turn, Mode::ReadWrite),
            (None, "EVAL_RO") => inner.eval_command(args, turn, Mode::ReadOnly),
            (None, "EVALSHA") => inner.eval_sha_command(args, turn, Mode::ReadWrite),
            (None, "EVALSHA_RO") => inner.eval_sha_command(args, turn, Mode::ReadOnly),
            (Some("SCRIPT"), name) => self.script_command(name, args, protocol).map_err(Failed::from),
            _ => Err(Error::unknown_command(args.all()).into()),
        };
        result.map_err(|failed| failed.count(inner))
    }

    fn script_command(&self, name: &str, args: Args<'_>, protocol: Protocol) -> Result<Value> {
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
            "KILL" => self.script_kill().map(|()| Value::ok()),
            _ => {
                let mut out = ValueReply::new(protocol);
                help(&mut out)?;
                Ok(out.finish())
            }
        }
    }
}

impl Inner {
    fn eval_command(&self, args: Args<'_>, turn: &mut Turn, mode: Mode) -> Result<Value, Failed> {
        let (keys, rest) = keys_and_args(args)?;
        self.eval(args.at(1), Call { keys, args: rest, mode }, turn)
    }

    fn eval_sha_command(&self, args: Args<'_>, turn: &mut Turn, mode: Mode) -> Result<Value, Failed> {
        let sha = Sha::parse(args.at(1)).ok_or(Error::NO_SCRIPT)?;
        let (keys, rest) = keys_and_args(args)?;
        let script = self.cache.find(sha).ok_or(Error::NO_SCRIPT)?;
        self.run(&script, Call { keys, args: rest, mode }, turn)
    }
}

/// What stands behind the number of keys, parted by it.
fn keys_and_args<'a>(args: Args<'a>) -> Result<(&'a [&'a [u8]], &'a [&'a [u8]])> {
    let count = args.integer(2)?;
    let rest = args.from(3);
    if count < 0 {
        return Err(Error::NEGATIVE_KEYS);
    }
    let count = usize::try_from(count).ok().filter(|&count| count <= rest.len());
    Ok(rest.split_at(count.ok_or(Error::TOO_MANY_KEYS)?))
}

/// SCRIPT HELP, line for line what clients of a 7.0 server read.
pub(super) fn help(out: &mut dyn Reply) -> Result<()> {
    const LINES: &[&str] = &[
        "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DEBUG (YES|SYNC|NO)",
        "    Set the debug mode for subsequent scripts executed.",
        "EXISTS <sha1> [<sha1> ...]",
        "    Return information about the existence of the scripts in the script cache.",
        "FLUSH [ASYNC|SYNC]",
        "    Flush the Lua scripts cache. Very dangerous on replicas.",
        "    When called without the optional mode argument, the behavior is determined by the",
        "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
        "    * ASYNC: Asynchronously flush the scripts cache.",
        "    * SYNC: Synchronously flush the scripts cache.",
        "KILL",
        "    Kill the currently executing Lua script.",
        "LOAD <script>",
        "    Load a script into the scripts cache without executing it.",
        "HELP",
        "    Prints this help.",
    ];
    out.array(LINES.len());
    for line in LINES {
        out.status(line);
    }
    Ok(())
}
