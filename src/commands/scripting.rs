//! Scripts: the rows of EVAL, its relatives, and SCRIPT. All operations but HELP are the engine's.

use super::spec::{Group, access::*, counted_keys, flag::*};
use super::{Args, CommandSpec, reply_help, spec::KeySpec};
use crate::error::Result;
use crate::keyspace::Ctx;
use crate::reply::Reply;

/// What a script does with its keys is not known before it runs, so the most is assumed.
const ANY_USE: &[KeySpec] = &[counted_keys(2, RW | ACCESS | UPDATE)];
const ANY_READ: &[KeySpec] = &[counted_keys(2, RO | ACCESS)];

const CALL: u32 = NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS | MOVABLEKEYS;

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::engine("EVAL")
        .summary("Runs a script.")
        .since("2.6.0")
        .complexity("That of the script.")
        .syntax("script numkeys [key [key ...]] [arg [arg ...]]")
        .arity(-3)
        .flags(CALL)
        .keys(ANY_USE),
    CommandSpec::engine("EVALSHA")
        .summary("Runs a script from the cache, by its SHA1.")
        .since("2.6.0")
        .complexity("That of the script.")
        .syntax("sha1 numkeys [key [key ...]] [arg [arg ...]]")
        .arity(-3)
        .flags(CALL)
        .keys(ANY_USE),
    CommandSpec::engine("EVAL_RO")
        .summary("Runs a script that may not write.")
        .since("7.0.0")
        .complexity("That of the script.")
        .syntax("script numkeys [key [key ...]] [arg [arg ...]]")
        .arity(-3)
        .flags(CALL | READONLY)
        .keys(ANY_READ),
    CommandSpec::engine("EVALSHA_RO")
        .summary("Runs a script from the cache, by its SHA1, that may not write.")
        .since("7.0.0")
        .complexity("That of the script.")
        .syntax("sha1 numkeys [key [key ...]] [arg [arg ...]]")
        .arity(-3)
        .flags(CALL | READONLY)
        .keys(ANY_READ),
    CommandSpec::container("SCRIPT", SCRIPT)
        .summary("The cache of scripts, and the script that runs.")
        .since("2.6.0")
        .complexity("That of the subcommand.")
        .group(Group::Scripting),
];

const SCRIPT: &[CommandSpec] = &[
    CommandSpec::engine("EXISTS")
        .summary("Says for each SHA1 whether its script is in the cache.")
        .since("2.6.0")
        .complexity("O(N), N being the number of SHA1s.")
        .syntax("sha1 [sha1 ...]")
        .arity(-3)
        .flags(NOSCRIPT)
        .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"]),
    CommandSpec::engine("FLAGS")
        .summary("Says what a script may do, loaded or not (as Dragonfly has it).")
        .since("7.0.0")
        .syntax("sha1 flag [flag ...]")
        .arity(-4)
        .flags(NOSCRIPT),
    CommandSpec::engine("FLUSH")
        .summary("Empties the cache of scripts.")
        .since("2.6.0")
        .complexity("O(N), N being the number of scripts in the cache.")
        .syntax("[ASYNC | SYNC]")
        .arity(-2)
        .flags(NOSCRIPT)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    CommandSpec::new("HELP", help_cmd)
        .summary("Shows this list.")
        .since("5.0.0")
        .group(Group::Scripting)
        .arity(2)
        .flags(LOADING | STALE),
    CommandSpec::engine("KILL")
        .summary("Ends the script that runs, if it has not written yet.")
        .since("2.6.0")
        .arity(2)
        .flags(NOSCRIPT | ALLOW_BUSY)
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
    CommandSpec::engine("LATENCY")
        .summary("Shows for each script how long its runs took (as Dragonfly has it).")
        .since("7.0.0")
        .complexity("O(N), N being the number of scripts in the cache.")
        .arity(2)
        .flags(NOSCRIPT),
    CommandSpec::engine("LIST")
        .summary("Lists the scripts in the cache with their sources (as Dragonfly has it).")
        .since("7.0.0")
        .complexity("O(N), N being the number of scripts in the cache.")
        .arity(2)
        .flags(NOSCRIPT),
    CommandSpec::engine("LOAD")
        .summary("Puts a script into the cache without running it.")
        .since("2.6.0")
        .complexity("O(N), N being the length of the script.")
        .syntax("script")
        .arity(3)
        .flags(NOSCRIPT | STALE)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    CommandSpec::engine("SHOW")
        .summary("Gives the source of a script in the cache.")
        .since("8.0.0")
        .syntax("sha1")
        .arity(3)
        .flags(NOSCRIPT),
];

/// What a 7.0 server answers, line for line.
const HELP: &[&str] = &[
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

fn help_cmd(_: &mut Ctx<'_>, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(HELP, out);
    Ok(())
}
