//! CONFIG: the store's settings by the names that a server gives them.

use super::spec::{Group, flag::*};
use super::{Args, CommandSpec, reply_help};
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::glob;
use crate::keyspace::Ctx;
use crate::reply::Reply;
use crate::store::{LockMode, Store};

pub(super) const COMMANDS: &[CommandSpec] = &[CommandSpec::container("CONFIG", SUBCOMMANDS)
    .summary("Holds the commands about settings.")
    .since("2.0.0")
    .complexity("Depends on the subcommand.")
    .group(Group::Server)];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec::server("GET", get_cmd)
        .summary("Gives the settings whose names match patterns.")
        .since("2.0.0")
        .complexity("O(N), N being the number of patterns.")
        .group(Group::Server)
        .syntax("parameter [parameter ...]")
        .arity(-3)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE),
    CommandSpec::server("HELP", help_cmd)
        .summary("Shows the list of subcommands.")
        .since("5.0.0")
        .group(Group::Server)
        .arity(2)
        .flags(LOADING | STALE),
    CommandSpec::new("RESETSTAT", resetstat_cmd)
        .summary("Makes the counters that INFO shows begin anew.")
        .since("2.0.0")
        .group(Group::Server)
        .arity(2)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE | ALL_KEYS),
    CommandSpec::server("REWRITE", rewrite_cmd)
        .summary("Writes the settings into the configuration file: there is none.")
        .since("2.8.0")
        .group(Group::Server)
        .arity(2)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE),
    CommandSpec::server("SET", set_cmd)
        .summary("Changes settings, all of them or none.")
        .since("2.0.0")
        .complexity("O(N), N being the number of settings.")
        .group(Group::Server)
        .syntax("parameter value [parameter value ...]")
        .arity(-4)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE)
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
];

/// What clients of a real server read on their screens, line by line.
const HELP: &[&str] = &[
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
    "HELP",
    "    Prints this help.",
];

fn help_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(HELP, out);
    Ok(())
}

fn get_cmd(store: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let patterns = args.from(2);
    let found =
        store.settings(|name| patterns.iter().any(|pattern| glob::matches(pattern, name.as_bytes(), true)));
    out.map(found.len());
    for (name, value) in found {
        out.bulk(name.as_bytes());
        out.bulk(&value);
    }
    Ok(())
}

fn set_cmd(store: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (pairs, rest) = args.from(2).as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::SYNTAX);
    }
    let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|&[name, value]| (name, value)).collect();
    store.change_settings(&pairs)?;
    out.ok();
    Ok(())
}

fn rewrite_cmd(_: &Store, _: Args<'_>, _: &mut dyn Reply) -> Result<()> {
    Err(Error::NO_CONFIG_FILE)
}

fn resetstat_cmd(cx: &mut Ctx<'_>, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    resetstat(cx);
    out.ok();
    Ok(())
}

fn resetstat(cx: &mut Ctx<'_>) {
    cx.space.stats.reset();
    cx.space.hits.reset();
    cx.space.misses.reset();
    for index in 0..cx.space.shards() {
        let shard = cx.shard(index);
        for counter in [&shard.expired, &shard.hits, &shard.misses] {
            counter.reset();
        }
    }
}

/// # Settings
impl Store {
    /// The settings whose names match a pattern, and their values as text (CONFIG GET).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::builder().databases(4).build();
    /// assert_eq!(store.config_get("data*"), [("databases", "4".into())]);
    /// ```
    #[must_use]
    pub fn config_get(&self, pattern: impl AsRef<[u8]>) -> Vec<(&'static str, Blob)> {
        let found = self.settings(|name| glob::matches(pattern.as_ref(), name.as_bytes(), true));
        found.into_iter().map(|(name, value)| (name, Blob::from(value))).collect()
    }

    /// Changes a setting (CONFIG SET).
    ///
    /// # Errors
    ///
    /// Unknown names, values that the setting does not take, and settings that cannot be changed at runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.config_set("hash-max-listpack-entries", "2")?;
    /// store.hset("hash", &[("a", "1"), ("b", "2"), ("c", "3")])?;
    /// assert_eq!(store.object_encoding("hash")?, Some("hashtable"));
    /// assert!(store.config_set("databases", "99").is_err());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn config_set(&self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.change_settings(&[(name.as_ref(), value.as_ref())])
    }

    /// Makes the counters that [`info`](Store::info) shows begin anew (CONFIG RESETSTAT).
    ///
    /// # Errors
    ///
    /// `BUSY` while a script that ran out of time after it had written holds keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.execute(&["GET", "key"])?;
    /// store.config_resetstat()?;
    /// assert!(store.info(&["stats"])?.contains("\r\nkeyspace_misses:0\r\n"));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn config_resetstat(&self) -> Result<()> {
        self.with_all(LockMode::Read, |cx| {
            resetstat(cx);
            Ok(())
        })
    }
}
