//! Commands about a server that clients send to find out where they are: ROLE, LASTSAVE, WAIT, LOLWUT, SHUTDOWN,
//! SLOWLOG, LATENCY, MODULE and those of a cluster.

use super::spec::{Group, flag::*};
use super::{Args, CommandSpec, reply_help};
use crate::error::{Error, Result};
use crate::keyspace::Ctx;
use crate::num::parse_i64;
use crate::protocol::REDIS_VERSION;
use crate::reply::Reply;
use crate::store::Store;

const ADMIN_LATENCY_TIPS: &[&str] =
    &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("LASTSAVE", lastsave_cmd)
        .summary("Tells when the data was saved last: when the store was made.")
        .since("1.0.0")
        .group(Group::Server)
        .flags(LOADING | STALE | FAST)
        .categories(super::spec::category::ADMIN | super::spec::category::DANGEROUS)
        .tips(&["nondeterministic_output"]),
    CommandSpec::container("LATENCY", LATENCY)
        .summary("Holds the commands about delays.")
        .since("2.8.13")
        .complexity("Depends on the subcommand.")
        .group(Group::Server),
    CommandSpec::server("LOLWUT", lolwut_cmd)
        .summary("Gives the version, and nothing to look at.")
        .since("5.0.0")
        .group(Group::Server)
        .syntax("[VERSION version:integer]")
        .arity(-1)
        .flags(READONLY | FAST),
    CommandSpec::container("MODULE", MODULE)
        .summary("Holds the commands about modules.")
        .since("4.0.0")
        .complexity("Depends on the subcommand.")
        .group(Group::Server),
    CommandSpec::server("ROLE", role_cmd)
        .summary("Tells the role in replication: a master without replicas.")
        .since("2.8.12")
        .group(Group::Server)
        .flags(NOSCRIPT | LOADING | STALE | FAST)
        .categories(super::spec::category::ADMIN | super::spec::category::DANGEROUS),
    CommandSpec::server("SHUTDOWN", shutdown_cmd)
        .summary("Ends a server: refused, for the store ends with its program.")
        .since("1.0.0")
        .group(Group::Server)
        .syntax("[nosave_save: NOSAVE | SAVE] [NOW] [FORCE] [ABORT]")
        .arity(-1)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY),
    CommandSpec::container("SLOWLOG", SLOWLOG)
        .summary("Holds the commands about those commands that took long.")
        .since("2.2.12")
        .complexity("Depends on the subcommand.")
        .group(Group::Server),
    CommandSpec::server("WAIT", wait_cmd)
        .summary("Tells how many replicas have the last write: there are none.")
        .since("3.0.0")
        .syntax("numreplicas:integer timeout:integer")
        .arity(3)
        .flags(NOSCRIPT)
        .categories(super::spec::category::CONNECTION)
        .tips(&["request_policy:all_shards", "response_policy:agg_min"]),
    CommandSpec::server("WAITAOF", waitaof_cmd)
        .summary("Tells who has the last write in an append only file: nobody.")
        .since("7.2.0")
        .syntax("numlocal:integer numreplicas:integer timeout:integer")
        .arity(4)
        .flags(NOSCRIPT)
        .categories(super::spec::category::CONNECTION)
        .tips(&["request_policy:all_shards", "response_policy:agg_min"]),
];

const LATENCY: &[CommandSpec] = &[
    latency("DOCTOR", latency_doctor_cmd)
        .summary("Judges the delays that were noted.")
        .tips(ADMIN_LATENCY_TIPS),
    latency("GRAPH", latency_graph_cmd)
        .summary("Draws the delays of an event.")
        .syntax("event")
        .arity(3)
        .tips(ADMIN_LATENCY_TIPS),
    latency("HELP", latency_help_cmd).summary("Shows the list of subcommands.").flags(LOADING | STALE),
    latency("HISTOGRAM", latency_histogram_cmd)
        .summary("Tells how long commands took, as far as that is tracked.")
        .since("7.0.0")
        .complexity("O(N), N being the number of commands asked for.")
        .syntax("[command [command ...]]")
        .arity(-2)
        .tips(ADMIN_LATENCY_TIPS),
    latency("HISTORY", latency_list_cmd)
        .summary("Gives the delays of an event.")
        .syntax("event")
        .arity(3)
        .tips(ADMIN_LATENCY_TIPS),
    latency("LATEST", latency_list_cmd)
        .summary("Gives the last delay of each event.")
        .tips(ADMIN_LATENCY_TIPS),
    latency("RESET", latency_reset_cmd)
        .summary("Forgets the delays of events.")
        .syntax("[event [event ...]]")
        .arity(-2)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
];

const fn latency(name: &'static str, run: fn(&Store, Args<'_>, &mut dyn Reply) -> Result<()>) -> CommandSpec {
    CommandSpec::server(name, run)
        .since("2.8.13")
        .group(Group::Server)
        .arity(2)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE)
}

const MODULE: &[CommandSpec] = &[
    CommandSpec::server("HELP", module_help_cmd)
        .summary("Shows the list of subcommands.")
        .since("5.0.0")
        .group(Group::Server)
        .arity(2)
        .flags(LOADING | STALE),
    CommandSpec::server("LIST", module_list_cmd)
        .summary("Gives the modules that are loaded: there are none.")
        .since("4.0.0")
        .complexity("O(N), N being the number of modules.")
        .group(Group::Server)
        .arity(2)
        .flags(ADMIN | NOSCRIPT)
        .tips(&["nondeterministic_output_order"]),
    CommandSpec::server("LOAD", module_refused_cmd)
        .summary("Loads a module: refused.")
        .since("4.0.0")
        .group(Group::Server)
        .syntax("path [arg [arg ...]]")
        .arity(-3)
        .flags(ADMIN | NOSCRIPT | NO_ASYNC_LOADING),
    CommandSpec::server("UNLOAD", module_refused_cmd)
        .summary("Removes a module: refused.")
        .since("4.0.0")
        .group(Group::Server)
        .syntax("name")
        .arity(3)
        .flags(ADMIN | NOSCRIPT | NO_ASYNC_LOADING),
];

const SLOWLOG: &[CommandSpec] = &[
    CommandSpec::server("GET", slowlog_get_cmd)
        .summary("Gives the commands that took long, the newest first.")
        .since("2.2.12")
        .complexity("O(N), N being the number of commands given.")
        .group(Group::Server)
        .syntax("[count:integer]")
        .arity(-2)
        .flags(ADMIN | LOADING | STALE)
        .tips(&["request_policy:all_nodes", "nondeterministic_output"]),
    CommandSpec::server("HELP", slowlog_help_cmd)
        .summary("Shows the list of subcommands.")
        .since("6.2.0")
        .group(Group::Server)
        .arity(2)
        .flags(LOADING | STALE),
    CommandSpec::server("LEN", slowlog_len_cmd)
        .summary("Tells how many commands took long.")
        .since("2.2.12")
        .group(Group::Server)
        .arity(2)
        .flags(ADMIN | LOADING | STALE)
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]),
    CommandSpec::server("RESET", slowlog_reset_cmd)
        .summary("Forgets the commands that took long.")
        .since("2.2.12")
        .complexity("O(N), N being the number of commands.")
        .group(Group::Server)
        .arity(2)
        .flags(ADMIN | LOADING | STALE)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
];

// What clients of a real server read on their screens, line by line.
const LATENCY_HELP: &[&str] = &[
    "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
    "HELP",
    "    Prints this help.",
];
const MODULE_HELP: &[&str] = &[
    "MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LIST",
    "    Return a list of loaded modules.",
    "LOAD <path> [<arg> ...]",
    "    Load a module library from <path>, passing to it any optional arguments.",
    "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
    "    Load a module library from <path>, while passing it module configurations and optional arguments.",
    "UNLOAD <name>",
    "    Unload a module.",
    "HELP",
    "    Prints this help.",
];
const SLOWLOG_HELP: &[&str] = &[
    "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
    "HELP",
    "    Prints this help.",
];

/// There is nothing to save to. A server that has not saved either tells when it began.
fn lastsave_cmd(cx: &mut Ctx<'_>, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.integer(cx.space.stats.born.div_euclid(1_000_000));
    Ok(())
}

fn latency_doctor_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.verbatim(*b"txt", b"Delays are not monitored here. SLOWLOG GET shows the commands that took long.\n");
    Ok(())
}

fn latency_graph_cmd(_: &Store, args: Args<'_>, _: &mut dyn Reply) -> Result<()> {
    Err(Error::no_latency_samples(args.at(2)))
}

fn latency_help_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(LATENCY_HELP, out);
    Ok(())
}

/// What a server answers whose `latency-tracking` is off.
fn latency_histogram_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.map(0);
    Ok(())
}

/// No event was noted.
fn latency_list_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.array(0);
    Ok(())
}

/// Tells how many events were forgotten.
fn latency_reset_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.integer(0);
    Ok(())
}

fn lolwut_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    if args.len() > 2 && args.is(1, "VERSION") {
        args.integer(2)?;
    }
    out.verbatim(*b"txt", format!("Redis ver. {REDIS_VERSION}\n").as_bytes());
    Ok(())
}

fn module_help_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(MODULE_HELP, out);
    Ok(())
}

fn module_list_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.array(0);
    Ok(())
}

fn module_refused_cmd(_: &Store, _: Args<'_>, _: &mut dyn Reply) -> Result<()> {
    Err(Error::MODULE_NOT_ALLOWED)
}

fn role_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.array(3);
    out.bulk(b"master");
    out.integer(0);
    out.array(0);
    Ok(())
}

fn shutdown_cmd(_: &Store, args: Args<'_>, _: &mut dyn Reply) -> Result<()> {
    let (mut saves, mut aborts, mut others) = (0, 0, 0);
    for at in 1..args.len() {
        match args.at(at).to_ascii_uppercase().as_slice() {
            b"SAVE" | b"NOSAVE" => saves += 1,
            b"NOW" | b"FORCE" => others += 1,
            b"ABORT" => aborts += 1,
            _ => return Err(Error::SYNTAX),
        }
    }
    match (saves, aborts, others) {
        (2.., ..) => Err(Error::SYNTAX),
        (_, 0, _) => Err(Error::NO_SHUTDOWN),
        (0, _, 0) => Err(Error::NO_SHUTDOWN_IN_PROGRESS),
        _ => Err(Error::SYNTAX),
    }
}

fn slowlog_get_cmd(store: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let count = match args.len() {
        2 => 10,
        3 => parse_i64(args.at(2)).filter(|&count| count >= -1).ok_or(Error::SLOWLOG_COUNT)?,
        _ => return Err(Error::wrong_subcommand(args.at(1), "SLOWLOG")),
    };
    // -1 is all.
    let commands = store.inner.slow_log.newest(usize::try_from(count).unwrap_or(usize::MAX));
    out.array(commands.len());
    for command in commands {
        out.array(6);
        out.integer(command.id as i64);
        out.integer(command.seconds);
        out.integer(i64::try_from(command.micros).unwrap_or(i64::MAX));
        out.array(command.args.len());
        command.args.iter().for_each(|arg| out.bulk(arg));
        out.bulk(command.address.as_bytes());
        out.bulk(&command.name);
    }
    Ok(())
}

fn slowlog_help_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(SLOWLOG_HELP, out);
    Ok(())
}

fn slowlog_len_cmd(store: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(store.inner.slow_log.len());
    Ok(())
}

fn slowlog_reset_cmd(store: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    store.inner.slow_log.clear();
    out.ok();
    Ok(())
}

/// A time-out that nobody waits for, as there is nobody to wait for.
fn check_timeout(timeout: &[u8]) -> Result<()> {
    match parse_i64(timeout) {
        None => Err(Error::TIMEOUT_NOT_INTEGER),
        Some(..0) => Err(Error::TIMEOUT_NEGATIVE),
        Some(_) => Ok(()),
    }
}

fn wait_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    args.integer(1)?;
    check_timeout(args.at(2))?;
    out.integer(0);
    Ok(())
}

fn waitaof_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let local = args.integer(1)?;
    if !(0..=1).contains(&local) {
        return Err(Error::not_in_range(0, 1));
    }
    if args.integer(2)? < 0 {
        return Err(Error::NOT_POSITIVE);
    }
    check_timeout(args.at(3))?;
    if local > 0 {
        return Err(Error::WAITAOF_NUMLOCAL);
    }
    out.array(2);
    out.integer(0);
    out.integer(0);
    Ok(())
}
