//! MEMORY: how many bytes keys take.

use super::spec::{Group, access::RO, flag::*, key};
use super::{Args, CommandSpec, reply_help};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Db, Entry, Key};
use crate::reply::Reply;
use crate::store::Store;

const TIPS: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

pub(super) const COMMANDS: &[CommandSpec] = &[CommandSpec::container("MEMORY", SUBCOMMANDS)
    .summary("Holds the commands about memory.")
    .since("4.0.0")
    .complexity("Depends on the subcommand.")
    .group(Group::Server)];

const SUBCOMMANDS: &[CommandSpec] = &[
    row("DOCTOR", doctor_cmd).summary("Judges the use of memory.").tips(TIPS),
    row("HELP", help_cmd).summary("Shows the list of subcommands.").flags(LOADING | STALE),
    row("MALLOC-STATS", malloc_stats_cmd)
        .summary("Gives figures of the allocator, which belongs to the program here.")
        .complexity("Depends on the allocator.")
        .tips(TIPS),
    row("PURGE", purge_cmd)
        .summary("Asks the allocator to give memory back, which is up to the program here.")
        .complexity("Depends on the allocator.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    CommandSpec::new("STATS", stats_cmd)
        .summary("Gives figures about the use of memory.")
        .since("4.0.0")
        .complexity("O(N), N being the number of keys.")
        .group(Group::Server)
        .arity(2)
        .flags(ALL_KEYS)
        .tips(TIPS),
    CommandSpec::new("USAGE", usage_cmd)
        .summary("Tells how many bytes a key and its value take.")
        .since("4.0.0")
        .complexity("O(N), N being the number of elements.")
        .group(Group::Server)
        .syntax("key [SAMPLES count:integer]")
        .arity(-3)
        .flags(READONLY)
        .keys(&[key(2, RO)]),
];

const fn row(name: &'static str, run: fn(&Store, Args<'_>, &mut dyn Reply) -> Result<()>) -> CommandSpec {
    CommandSpec::server(name, run).since("4.0.0").group(Group::Server).arity(2)
}

/// What clients of a real server read on their screens, line by line.
const HELP: &[&str] = &[
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
    "HELP",
    "    Prints this help.",
];

fn doctor_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.verbatim(
        *b"txt",
        b"The memory belongs to the program; INFO memory shows what the store takes of it.\n",
    );
    Ok(())
}

fn help_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(HELP, out);
    Ok(())
}

/// What a server answers that was not built with jemalloc.
fn malloc_stats_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.bulk(b"Stats not supported for the current allocator");
    Ok(())
}

fn purge_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.ok();
    Ok(())
}

/// Bytes in tables and in entries, and the number of keys.
pub(super) struct Totals {
    pub(super) tables: usize,
    pub(super) entries: usize,
    pub(super) keys: usize,
}

/// Walks all keys: nobody pays for a running count of bytes with every write.
pub(super) fn totals(cx: &Ctx<'_>) -> Totals {
    let dbs = || (0..cx.space.shards()).flat_map(|index| &cx.shard(index).dbs);
    Totals {
        tables: dbs().map(Db::memory).sum(),
        entries: dbs().flat_map(Db::iter).map(Entry::memory).sum(),
        keys: dbs().map(Db::len).sum(),
    }
}

fn stats_cmd(cx: &mut Ctx<'_>, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    use std::sync::atomic::Ordering::Relaxed;
    let Totals { tables, entries, keys } = totals(cx);
    let scripts = cx.space.stats.scripts.memory.load(Relaxed);
    let functions = cx.space.stats.scripts.library_memory.load(Relaxed);
    let overhead = tables + scripts + functions;
    let total = overhead + entries;
    let figures = [
        ("total.allocated", total),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("cluster.links", 0),
        ("aof.buffer", 0),
        ("lua.caches", scripts),
        ("functions.caches", functions),
        ("overhead.total", overhead),
        ("keys.count", keys),
        ("keys.bytes-per-key", entries.checked_div(keys).unwrap_or(0)),
        ("dataset.bytes", entries),
    ];
    out.map(figures.len() + 1);
    for (name, figure) in figures {
        out.bulk(name.as_bytes());
        out.length(figure);
    }
    out.bulk(b"dataset.percentage");
    out.double(if total == 0 { 0.0 } else { entries as f64 * 100.0 / total as f64 });
    Ok(())
}

fn usage_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    // No sample is taken: each collection is counted as a whole.
    match args.len() {
        3 => {}
        5 if args.is(3, "SAMPLES") => {
            if args.integer(4)? < 0 {
                return Err(Error::SYNTAX);
            }
        }
        _ => return Err(Error::SYNTAX),
    }
    match usage(cx, cx.key(args.at(2))) {
        Some(bytes) => out.length(bytes),
        None => out.null(),
    }
    Ok(())
}

/// What the table keeps of a key beside its entry.
const SLOT: usize = 16;

fn usage(cx: &mut Ctx<'_>, key: Key<'_>) -> Option<usize> {
    cx.find_untouched(key).map(|entry| entry.memory() + SLOT)
}

/// # Memory
impl Store {
    /// How many bytes a key and its value take (MEMORY USAGE), the allocator's own share aside; `None` if the key does
    /// not exist.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds the key.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "v".repeat(1000))?;
    /// assert!(store.memory_usage("key")?.is_some_and(|bytes| bytes > 1000));
    /// assert_eq!(store.memory_usage("nothing")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn memory_usage(&self, key: impl AsRef<[u8]>) -> Result<Option<usize>> {
        self.read_key(key.as_ref(), |cx, key| Ok(usage(cx, key)))
    }
}
