//! INFO: what the store says of itself. Every figure is counted or read when it is asked for.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use super::memory::{Totals, totals};
use super::spec::{Group, category, flag::*};
use super::{Args, CommandSpec, table};
use crate::clock::processor_nanos;
use crate::error::Result;
use crate::keyspace::{Ctx, Shard};
use crate::protocol::REDIS_VERSION;
use crate::reply::Reply;
use crate::store::{LockMode, Store};

pub(super) const COMMANDS: &[CommandSpec] = &[CommandSpec::new("INFO", info_cmd)
    .summary("Gives figures about the store, by sections.")
    .since("1.0.0")
    .complexity("O(1); O(N) with the section memory, N being the number of keys.")
    .group(Group::Server)
    .syntax("[section [section ...]]")
    .arity(-1)
    // All shards: it may run inside a script that holds them, and then it looks through the script's own locks.
    .flags(LOADING | STALE | ALL_KEYS)
    .categories(category::DANGEROUS)
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])];

struct Section {
    title: &'static str,
    /// Whether it is shown when no section is named.
    is_default: bool,
    write: fn(&mut Ctx<'_>, &mut String),
}

/// In the order in which they are shown.
const SECTIONS: &[Section] = &[
    Section { title: "Server", is_default: true, write: server },
    Section { title: "Clients", is_default: true, write: clients },
    Section { title: "Memory", is_default: true, write: memory },
    Section { title: "Persistence", is_default: true, write: persistence },
    Section { title: "Stats", is_default: true, write: stats },
    Section { title: "Replication", is_default: true, write: replication },
    Section { title: "CPU", is_default: true, write: cpu },
    Section { title: "Modules", is_default: true, write: |_, _| {} },
    Section { title: "Commandstats", is_default: false, write: commandstats },
    Section { title: "Errorstats", is_default: true, write: errorstats },
    Section { title: "Cluster", is_default: true, write: cluster },
    Section { title: "Keyspace", is_default: true, write: keyspace },
];

fn info_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.verbatim(*b"txt", info(cx, args.from(1)).as_bytes());
    Ok(())
}

/// The sections named, each once; those that nobody knows are left out.
fn info(cx: &mut Ctx<'_>, wanted: &[impl AsRef<[u8]>]) -> String {
    let names = |word: &str| wanted.iter().any(|name| name.as_ref().eq_ignore_ascii_case(word.as_bytes()));
    let all = names("all") || names("everything");
    let default = wanted.is_empty() || names("default");
    let mut text = String::new();
    for section in SECTIONS {
        if all || (default && section.is_default) || names(section.title) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let _ = write!(text, "# {}\r\n", section.title);
            (section.write)(cx, &mut text);
        }
    }
    text
}

fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = write!(text, "{name}:{value}\r\n");
}

fn shards<'c>(cx: &'c Ctx<'_>) -> impl Iterator<Item = &'c Shard> {
    (0..cx.space.shards()).map(|index| cx.shard(index))
}

fn server(cx: &mut Ctx<'_>, text: &mut String) {
    const DAY: i64 = 24 * 60 * 60;
    let now = cx.now_micros();
    let uptime = now.saturating_sub(cx.space.stats.born).div_euclid(1_000_000);
    line(text, "redis_version", REDIS_VERSION);
    line(text, "redmoon_version", env!("CARGO_PKG_VERSION"));
    line(text, "redis_mode", "standalone");
    line(text, "os", format_args!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    line(text, "arch_bits", usize::BITS);
    line(text, "process_id", std::process::id());
    line(text, "tcp_port", 0);
    line(text, "run_id", &cx.space.stats.run_id);
    line(text, "server_time_usec", now);
    line(text, "uptime_in_seconds", uptime);
    line(text, "uptime_in_days", uptime.div_euclid(DAY));
    line(text, "hz", cx.space.tunables.hz.get());
    line(text, "configured_hz", cx.space.tunables.hz.get());
    line(text, "config_file", "");
}

fn clients(cx: &mut Ctx<'_>, text: &mut String) {
    let stats = &cx.space.stats;
    line(text, "connected_clients", stats.sessions.load(Relaxed));
    line(text, "cluster_connections", 0);
    line(text, "maxclients", cx.space.tunables.max_clients.get());
    line(text, "blocked_clients", stats.blocked.get());
    line(text, "tracking_clients", 0);
}

fn memory(cx: &mut Ctx<'_>, text: &mut String) {
    let Totals { tables, entries, .. } = totals(cx);
    let scripts = &cx.space.stats.scripts;
    let (cached, script_bytes) = (scripts.cached.load(Relaxed), scripts.memory.load(Relaxed));
    let library_bytes = scripts.library_memory.load(Relaxed);
    let used = tables + entries + script_bytes + library_bytes;
    line(text, "used_memory", used);
    line(text, "used_memory_human", human(used));
    line(text, "used_memory_overhead", tables + script_bytes + library_bytes);
    line(text, "used_memory_dataset", entries);
    line(text, "used_memory_scripts_eval", script_bytes);
    line(text, "number_of_cached_scripts", cached);
    line(text, "number_of_functions", scripts.functions.load(Relaxed));
    line(text, "number_of_libraries", scripts.libraries.load(Relaxed));
    line(text, "used_memory_functions", library_bytes);
    line(text, "used_memory_scripts", script_bytes + library_bytes);
    let tunables = &cx.space.tunables;
    line(text, "maxmemory", tunables.max_memory.get());
    line(text, "maxmemory_human", human(tunables.max_memory.get()));
    line(text, "maxmemory_policy", tunables.policy());
    line(text, "mem_allocator", "libc");
}

/// Bytes with a unit, as Redis rounds them.
fn human(bytes: usize) -> String {
    const UNITS: &[&str] = &["K", "M", "G", "T", "P", "E"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while amount >= 1024.0 {
        let Some(next) = units.next() else { break };
        amount /= 1024.0;
        unit = Some(next);
    }
    format!("{amount:.2}{}", unit.unwrap_or(&""))
}

/// There is none; these are the figures by which clients see that nothing is being loaded.
fn persistence(cx: &mut Ctx<'_>, text: &mut String) {
    line(text, "loading", 0);
    line(text, "async_loading", 0);
    line(text, "rdb_bgsave_in_progress", 0);
    line(text, "rdb_last_save_time", cx.space.stats.born.div_euclid(1_000_000));
    line(text, "rdb_last_bgsave_status", "ok");
    line(text, "aof_enabled", 0);
    line(text, "aof_rewrite_in_progress", 0);
}

fn replication(cx: &mut Ctx<'_>, text: &mut String) {
    line(text, "role", "master");
    line(text, "connected_slaves", 0);
    line(text, "master_failover_state", "no-failover");
    line(text, "master_replid", cx.space.stats.replication_id());
    line(text, "master_replid2", "0".repeat(40));
    line(text, "master_repl_offset", 0);
    line(text, "second_repl_offset", -1);
}

/// Of the whole program: the store has no threads of its own.
fn cpu(_: &mut Ctx<'_>, text: &mut String) {
    line(text, "used_cpu_user", format_args!("{:.6}", processor_nanos() as f64 / 1e9));
}

fn cluster(_: &mut Ctx<'_>, text: &mut String) {
    line(text, "cluster_enabled", 0);
}

fn stats(cx: &mut Ctx<'_>, text: &mut String) {
    let sum = |counter: fn(&Shard) -> u64| shards(cx).map(counter).sum::<u64>();
    let figures = &cx.space.stats;
    line(text, "total_connections_received", figures.connections.get());
    line(text, "total_commands_processed", figures.total_calls());
    line(text, "expired_keys", sum(|shard| shard.expired.get()));
    line(text, "evicted_keys", 0);
    line(text, "evicted_scripts", figures.evicted_scripts.get());
    line(text, "keyspace_hits", sum(|shard| shard.hits.get()) + cx.space.hits.get());
    line(text, "keyspace_misses", sum(|shard| shard.misses.get()) + cx.space.misses.get());
    let [channels, patterns, shard_channels] = cx.space.receivers.as_ref().map_or([0; 3], |all| all.names());
    line(text, "pubsub_channels", channels);
    line(text, "pubsub_patterns", patterns);
    line(text, "pubsubshard_channels", shard_channels);
    line(text, "total_error_replies", figures.errors().values().sum::<u64>());
}

fn commandstats(cx: &mut Ctx<'_>, text: &mut String) {
    for command in table().commands() {
        let figures = cx.space.stats.of(command.id);
        let (calls, nanos) = cx.space.stats.calls_of(command.id);
        let (rejected, failed) = (figures.rejected.get(), figures.failed.get());
        if calls + rejected + failed == 0 {
            continue;
        }
        let usec_per_call = if calls == 0 { 0.0 } else { nanos as f64 / 1000.0 / calls as f64 };
        let _ = write!(
            text,
            "cmdstat_{}:calls={calls},usec={},usec_per_call={usec_per_call:.2},rejected_calls={rejected},\
             failed_calls={failed}\r\n",
            command.full_name(),
            nanos / 1000,
        );
    }
}

fn errorstats(cx: &mut Ctx<'_>, text: &mut String) {
    for (code, count) in cx.space.stats.errors() {
        let _ = write!(text, "errorstat_{code}:count={count}\r\n");
    }
}

fn keyspace(cx: &mut Ctx<'_>, text: &mut String) {
    let now = cx.now();
    for index in 0..cx.space.databases {
        let dbs = || shards(cx).filter_map(|shard| shard.dbs.get(index));
        let keys: usize = dbs().map(|db| db.live(now)).sum();
        if keys == 0 {
            continue;
        }
        let expires: usize = dbs().map(|db| db.volatile(now)).sum();
        let ttl: i128 = dbs().map(|db| db.total_ttl(now)).sum();
        let average = ttl.checked_div(expires as i128).unwrap_or(0);
        let _ = write!(text, "db{index}:keys={keys},expires={expires},avg_ttl={average}\r\n");
    }
}

/// # Figures
impl Store {
    /// Figures about the store as lines of `name:value` (INFO), in the sections named: `server`, `clients`, `memory`,
    /// `persistence`, `stats`, `replication`, `cpu`, `modules`, `commandstats`, `errorstats`, `cluster`, `keyspace`; `default`, which is also what no name means, is all but
    /// `commandstats`.
    ///
    /// Figures are counted when they are asked for: `memory` looks at every key.
    ///
    /// # Errors
    ///
    /// `BUSY` while a script that ran out of time after it had written holds keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// assert_eq!(store.info(&["keyspace"])?, "# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn info(&self, sections: &[impl AsRef<[u8]>]) -> Result<String> {
        self.with_all(LockMode::Read, |cx| Ok(info(cx, sections)))
    }
}
