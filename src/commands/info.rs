//! INFO: what the store says of itself. Every figure is counted or read when it is asked for.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use super::spec::{Group, category, flag::*};
use super::{Args, CommandSpec, table};
use crate::error::Result;
use crate::keyspace::{Ctx, Db, Entry, Shard};
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
    Section { title: "Stats", is_default: true, write: stats },
    Section { title: "Commandstats", is_default: false, write: commandstats },
    Section { title: "Errorstats", is_default: true, write: errorstats },
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
    line(text, "run_id", &cx.space.stats.run_id);
    line(text, "server_time_usec", now);
    line(text, "uptime_in_seconds", uptime);
    line(text, "uptime_in_days", uptime.div_euclid(DAY));
}

fn clients(cx: &mut Ctx<'_>, text: &mut String) {
    line(text, "connected_clients", cx.space.stats.sessions.load(Relaxed));
}

/// Walks all keys: nobody pays for a running count of bytes with every write.
fn memory(cx: &mut Ctx<'_>, text: &mut String) {
    let dbs = || shards(cx).flat_map(|shard| &shard.dbs);
    let tables: usize = dbs().map(Db::memory).sum();
    let entries: usize = dbs().flat_map(Db::iter).map(Entry::memory).sum();
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

fn stats(cx: &mut Ctx<'_>, text: &mut String) {
    let sum = |counter: fn(&Shard) -> u64| shards(cx).map(counter).sum::<u64>();
    let figures = &cx.space.stats;
    line(text, "total_commands_processed", figures.total_calls());
    line(text, "expired_keys", sum(|shard| shard.expired.get()));
    line(text, "evicted_scripts", figures.evicted_scripts.get());
    line(text, "keyspace_hits", sum(|shard| shard.hits.get()) + cx.space.hits.get());
    line(text, "keyspace_misses", sum(|shard| shard.misses.get()) + cx.space.misses.get());
    line(text, "total_error_replies", figures.errors().values().sum::<u64>());
}

fn commandstats(cx: &mut Ctx<'_>, text: &mut String) {
    for command in table().commands() {
        let figures = cx.space.stats.of(command.id);
        let (calls, nanos) = (figures.calls.get(), figures.nanos.get());
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
    /// `stats`, `commandstats`, `errorstats`, `keyspace`; `default`, which is also what no name means, is all but
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
