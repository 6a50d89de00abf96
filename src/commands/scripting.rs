//! Scripts: the rows of EVAL, its relatives, and SCRIPT. The operations are the engine's.

use super::meta::help_cmd;
use super::spec::{Group, access::*, counted_keys, flag::*};
use super::{CommandSpec, spec::KeySpec};

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
    CommandSpec::engine("FLUSH")
        .summary("Empties the cache of scripts.")
        .since("2.6.0")
        .complexity("O(N), N being the number of scripts in the cache.")
        .syntax("[ASYNC | SYNC]")
        .arity(-2)
        .flags(NOSCRIPT)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    CommandSpec::server("HELP", help_cmd)
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
