//! Functions: the rows of FCALL, FCALL_RO and FUNCTION. All operations but HELP are the engine's.

use super::spec::{Group, access::*, counted_keys, flag::*};
use super::{Args, CommandSpec, reply_help, spec::KeySpec};
use crate::error::Result;
use crate::keyspace::Ctx;
use crate::reply::Reply;

/// What a function does with its keys is not known before it runs, so the most is assumed.
const ANY_USE: &[KeySpec] = &[counted_keys(2, RW | ACCESS | UPDATE)];
const ANY_READ: &[KeySpec] = &[counted_keys(2, RO | ACCESS)];

const CALL: u32 = NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS | MOVABLEKEYS;

const TO_ALL: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::engine("FCALL")
        .summary("Calls a function.")
        .since("7.0.0")
        .complexity("That of the function.")
        .syntax("function numkeys [key [key ...]] [arg [arg ...]]")
        .arity(-3)
        .flags(CALL)
        .keys(ANY_USE),
    CommandSpec::engine("FCALL_RO")
        .summary("Calls a function that may not write.")
        .since("7.0.0")
        .complexity("That of the function.")
        .syntax("function numkeys [key [key ...]] [arg [arg ...]]")
        .arity(-3)
        .flags(CALL | READONLY)
        .keys(ANY_READ),
    CommandSpec::container("FUNCTION", FUNCTION)
        .summary("The libraries of functions, and the function that runs.")
        .since("7.0.0")
        .complexity("That of the subcommand.")
        .group(Group::Scripting),
];

const FUNCTION: &[CommandSpec] = &[
    CommandSpec::engine("DELETE")
        .summary("Deletes a library with all its functions.")
        .since("7.0.0")
        .syntax("library-name")
        .arity(3)
        .flags(NOSCRIPT | WRITE)
        .tips(TO_ALL),
    CommandSpec::engine("DUMP")
        .summary("Gives all libraries as one payload.")
        .since("7.0.0")
        .complexity("O(N), N being the number of libraries.")
        .arity(2)
        .flags(NOSCRIPT),
    CommandSpec::engine("FLUSH")
        .summary("Deletes all libraries.")
        .since("7.0.0")
        .complexity("O(N), N being the number of functions.")
        .syntax("[ASYNC | SYNC]")
        .arity(-2)
        .flags(NOSCRIPT | WRITE)
        .tips(TO_ALL),
    CommandSpec::new("HELP", help_cmd)
        .summary("Shows this list.")
        .since("7.0.0")
        .group(Group::Scripting)
        .arity(2)
        .flags(LOADING | STALE),
    CommandSpec::engine("KILL")
        .summary("Ends the function that runs, if it has not written yet.")
        .since("7.0.0")
        .arity(2)
        .flags(NOSCRIPT | ALLOW_BUSY)
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
    CommandSpec::engine("LIST")
        .summary("Lists the libraries and their functions.")
        .since("7.0.0")
        .complexity("O(N), N being the number of functions.")
        .syntax("[LIBRARYNAME library-name-pattern] [WITHCODE]")
        .arity(-2)
        .flags(NOSCRIPT)
        .tips(&["nondeterministic_output_order"]),
    CommandSpec::engine("LOAD")
        .summary("Loads a library of functions.")
        .since("7.0.0")
        .complexity("O(1), apart from what the library does as it loads.")
        .syntax("[REPLACE] function-code")
        .arity(-3)
        .flags(NOSCRIPT | WRITE | DENYOOM)
        .tips(TO_ALL),
    CommandSpec::engine("RESTORE")
        .summary("Loads the libraries of a payload.")
        .since("7.0.0")
        .complexity("O(N), N being the number of functions in the payload.")
        .syntax("serialized-value [policy: FLUSH | APPEND | REPLACE]")
        .arity(-3)
        .flags(NOSCRIPT | WRITE | DENYOOM)
        .tips(TO_ALL),
    CommandSpec::engine("STATS")
        .summary("Gives the function that runs, and how many there are.")
        .since("7.0.0")
        .arity(2)
        .flags(NOSCRIPT | ALLOW_BUSY)
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
];

/// What a 7.0 server answers, line for line.
const HELP: &[&str] = &[
    "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LOAD [REPLACE] <FUNCTION CODE>",
    "    Create a new library with the given library name and code.",
    "DELETE <LIBRARY NAME>",
    "    Delete the given library.",
    "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
    "    Return general information on all the libraries:",
    "    * Library name",
    "    * The engine used to run the Library",
    "    * Library description",
    "    * Functions list",
    "    * Library code (if WITHCODE is given)",
    "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
    "STATS",
    "    Return information about the current function running:",
    "    * Function name",
    "    * Command used to run the function",
    "    * Duration in MS that the function is running",
    "    If no function is running, return nil",
    "    In addition, returns a list of available engines.",
    "KILL",
    "    Kill the current running function.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all the libraries.",
    "    When called without the optional mode argument, the behavior is determined by the",
    "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
    "    * ASYNC: Asynchronously flush the libraries.",
    "    * SYNC: Synchronously flush the libraries.",
    "DUMP",
    "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
    "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
    "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
    "    control how to handle existing libraries (default APPEND):",
    "    * FLUSH: delete all existing libraries.",
    "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
    "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
    "      libraries with the new libraries (notice that even on this option there is a chance of failure",
    "      in case of functions name collision with another library).",
    "HELP",
    "    Prints this help.",
];

fn help_cmd(_: &mut Ctx<'_>, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(HELP, out);
    Ok(())
}
