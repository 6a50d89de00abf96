//! Whole databases: KEYS, SCAN, DBSIZE, FLUSHALL and their relatives.

use crate::blob::Blob;
use crate::commands::spec::{Group, category, flag::*};
use crate::commands::walk::{self, WalkOptions, fits};
use crate::commands::{Args, CommandSpec};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Entry};
use crate::reply::Reply;
use crate::store::{LockMode, Store};

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("DBSIZE", dbsize_cmd)
        .summary("Counts the keys of the database.")
        .since("1.0.0")
        .group(Group::Server)
        .arity(1)
        .flags(READONLY | FAST | ALL_KEYS)
        .categories(category::KEYSPACE)
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    CommandSpec::new("FLUSHALL", flushall_cmd)
        .summary("Removes the keys of all databases.")
        .since("1.0.0")
        .complexity("O(N) for N keys")
        .group(Group::Server)
        .syntax("[ASYNC | SYNC]")
        .arity(-1)
        .flags(WRITE | ALL_KEYS)
        .categories(category::KEYSPACE | category::DANGEROUS)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    CommandSpec::new("FLUSHDB", flushdb_cmd)
        .summary("Removes the keys of the database.")
        .since("1.0.0")
        .complexity("O(N) for N keys")
        .group(Group::Server)
        .syntax("[ASYNC | SYNC]")
        .arity(-1)
        .flags(WRITE | ALL_KEYS)
        .categories(category::KEYSPACE | category::DANGEROUS)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    CommandSpec::new("KEYS", keys_cmd)
        .summary("Gives the keys whose names fit a pattern.")
        .since("1.0.0")
        .complexity("O(N) for a database of N keys; O(1) for a pattern without wildcards")
        .syntax("pattern")
        .arity(2)
        .flags(READONLY | ALL_KEYS)
        .categories(category::DANGEROUS)
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"]),
    CommandSpec::new("RANDOMKEY", randomkey_cmd)
        .summary("Gives a key by chance.")
        .since("1.0.0")
        .arity(1)
        .flags(READONLY | ALL_KEYS)
        .tips(&["request_policy:all_shards", "nondeterministic_output"]),
    CommandSpec::new("SCAN", scan_cmd)
        .summary("Gives some of the keys, and a cursor to go on from.")
        .since("2.8.0")
        .complexity("O(1) for a call, O(N) for all N keys of the database")
        .syntax("cursor [MATCH pattern] [COUNT count] [TYPE type]")
        .arity(-2)
        .flags(READONLY | ALL_KEYS)
        .tips(&["nondeterministic_output", "request_policy:special"]),
    CommandSpec::new("SWAPDB", swapdb_cmd)
        .summary("Swaps the keys of two databases.")
        .since("4.0.0")
        .group(Group::Server)
        .syntax("index1 index2")
        .arity(3)
        .flags(WRITE | FAST | ALL_KEYS)
        .categories(category::KEYSPACE | category::DANGEROUS),
];

/// The options of [`Store::scan`].
///
/// # Examples
///
/// ```
/// use redmoon::{ScanOptions, Store};
///
/// let store = Store::new();
/// store.mset(&[("user:1", "a"), ("user:2", "b"), ("other", "c")])?;
/// let options = ScanOptions::new().matching("user:*").count(1000);
/// let (cursor, keys) = store.scan(0, &options)?;
/// assert_eq!((cursor, keys.len()), (0, 2));
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ScanOptions {
    walk: WalkOptions,
    type_name: Option<Blob>,
}

impl ScanOptions {
    /// No options: every key, ten at a time.
    #[must_use]
    pub fn new() -> ScanOptions {
        ScanOptions::default()
    }

    /// Only keys whose names fit a glob pattern (MATCH): `*`, `?`, `[a-z]` and `\` as in [`Store::keys`].
    #[must_use]
    pub fn matching(mut self, pattern: impl AsRef<[u8]>) -> ScanOptions {
        self.walk = self.walk.matching(pattern);
        self
    }

    /// About how many keys one call looks at (COUNT), 0 being taken for 1; it gives as many of them as fit the other
    /// options.
    #[must_use]
    pub fn count(mut self, count: usize) -> ScanOptions {
        self.walk = self.walk.count(count);
        self
    }

    /// Only keys with values of a type (TYPE), by the name that [`Store::key_type`] has for it, in any case.
    #[must_use]
    pub fn of_type(mut self, name: impl AsRef<[u8]>) -> ScanOptions {
        self.type_name = Some(Blob::from(name.as_ref()));
        self
    }

    fn wants(&self, entry: &Entry) -> bool {
        let is_type = |name: &Blob| name.eq_ignore_ascii_case(entry.type_name().as_bytes());
        self.walk.wants(entry.key()) && self.type_name.as_ref().is_none_or(is_type)
    }
}

fn dbsize_cmd(cx: &mut Ctx<'_>, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(cx.len());
    Ok(())
}

fn flushall_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    check_flush_mode(args)?;
    flushall(cx);
    out.ok();
    Ok(())
}

fn flushall(cx: &mut Ctx<'_>) {
    for db in 0..cx.space.databases {
        cx.clear(db);
    }
}

fn flushdb_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    check_flush_mode(args)?;
    flushdb(cx);
    out.ok();
    Ok(())
}

fn flushdb(cx: &mut Ctx<'_>) {
    cx.clear(cx.turn.db);
}

/// ASYNC and SYNC are understood, and make no difference.
fn check_flush_mode(args: Args<'_>) -> Result<()> {
    match args.len() {
        1 => Ok(()),
        2 if args.is(1, "ASYNC") || args.is(1, "SYNC") => Ok(()),
        _ => Err(Error::SYNTAX),
    }
}

fn keys_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let found = keys(cx, args.at(1));
    out.array(found.len());
    found.iter().for_each(|key| out.blob(key));
    Ok(())
}

fn keys(cx: &mut Ctx<'_>, pattern: &[u8]) -> Vec<Blob> {
    let is_wild = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
    if !pattern.iter().any(is_wild) {
        let found = cx.peek(cx.key(pattern)).is_some();
        return found.then(|| Blob::from(pattern)).into_iter().collect();
    }
    let mut found = Vec::new();
    cx.for_each(|entry| {
        if fits(pattern, entry.key()) {
            found.push(Blob::from(entry.key()));
        }
    });
    found
}

fn randomkey_cmd(cx: &mut Ctx<'_>, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    match randomkey(cx) {
        Some(entry) => out.bulk(entry.key()),
        None => out.null(),
    }
    Ok(())
}

fn randomkey<'c>(cx: &'c mut Ctx<'_>) -> Option<&'c Entry> {
    let mut rng = cx.space.rng();
    cx.random_key(&mut rng)
}

fn scan_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let cursor = walk::cursor(args, 1)?;
    let mut type_name = None;
    let walk = WalkOptions::parse(args, 2, |at| {
        type_name = Some(Blob::from(args.is(at, "TYPE").then(|| args.get(at + 1))??));
        Some(2)
    })?;
    let options = ScanOptions { walk, type_name };
    let (cursor, found) = scan(cx, cursor, &options);
    walk::reply(cursor, found.len(), out);
    found.iter().for_each(|key| out.blob(key));
    Ok(())
}

fn scan(cx: &mut Ctx<'_>, cursor: u64, options: &ScanOptions) -> (u64, Vec<Blob>) {
    let mut found = Vec::new();
    let next = cx.walk(cursor, options.walk.count, |entry| {
        if options.wants(entry) {
            found.push(Blob::from(entry.key()));
        }
    });
    (next, found)
}

fn swapdb_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let index = |at, error: Error| {
        let index = args.integer(at).ok().and_then(|index| i32::try_from(index).ok()).ok_or(error)?;
        Ok(usize::try_from(index).unwrap_or(usize::MAX))
    };
    let (first, second) = (index(1, Error::INVALID_FIRST_DB)?, index(2, Error::INVALID_SECOND_DB)?);
    swapdb(cx, first, second)?;
    out.ok();
    Ok(())
}

fn swapdb(cx: &mut Ctx<'_>, first: usize, second: usize) -> Result<()> {
    super::check_database(cx, first)?;
    super::check_database(cx, second)?;
    if first != second {
        cx.swap(first, second);
    }
    Ok(())
}

/// # Whole databases
impl Store {
    /// Counts the keys of this handle's database (DBSIZE), without those past their time.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.mset(&[("a", "1"), ("b", "2")])?;
    /// assert_eq!(store.dbsize()?, 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn dbsize(&self) -> Result<usize> {
        self.with_all(LockMode::Read, |cx| Ok(cx.len()))
    }

    /// Removes the keys of all databases (FLUSHALL).
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.database(3)?.set("key", "value")?;
    /// store.flushall()?;
    /// assert_eq!(store.database(3)?.dbsize()?, 0);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn flushall(&self) -> Result<()> {
        self.with_all(LockMode::Write, |cx| {
            flushall(cx);
            Ok(())
        })
    }

    /// Removes the keys of this handle's database (FLUSHDB).
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// store.flushdb()?;
    /// assert_eq!(store.dbsize()?, 0);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn flushdb(&self) -> Result<()> {
        self.with_all(LockMode::Write, |cx| {
            flushdb(cx);
            Ok(())
        })
    }

    /// Gives all keys whose names fit a glob pattern, in no order (KEYS).
    ///
    /// `*` is any run of bytes, `?` any byte, `[abc]`, `[a-z]` and `[^a]` a byte of (or not of) a class, and a
    /// backslash takes the byte after it literally. The store stands still meanwhile; [`scan`](Store::scan) goes in
    /// steps.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.mset(&[("user:1", "a"), ("user:2", "b"), ("other", "c")])?;
    /// assert_eq!(store.keys("user:*")?.len(), 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn keys(&self, pattern: impl AsRef<[u8]>) -> Result<Vec<Blob>> {
        self.with_all(LockMode::Read, |cx| Ok(keys(cx, pattern.as_ref())))
    }

    /// Gives a key of this handle's database, each as likely as any other (RANDOMKEY); `None` if there is none.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.randomkey()?, None);
    /// store.set("only", "one")?;
    /// assert_eq!(store.randomkey()?.unwrap(), "only");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn randomkey(&self) -> Result<Option<Blob>> {
        self.with_all(LockMode::Read, |cx| Ok(randomkey(cx).map(|entry| Blob::from(entry.key()))))
    }

    /// Gives some of the keys and the cursor for the next call (SCAN). The first call takes cursor 0, and an answered
    /// 0 is the end.
    ///
    /// A key that exists from the first call to the last is given, whatever else changes meanwhile; a key that comes
    /// or goes may be given or not. A call may give no key before the end.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds keys.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ScanOptions, Store};
    ///
    /// let store = Store::new();
    /// for n in 0..100 {
    ///     store.set(format!("key:{n}"), "value")?;
    /// }
    /// let (mut cursor, mut seen) = (0, 0);
    /// loop {
    ///     let (next, keys) = store.scan(cursor, &ScanOptions::new())?;
    ///     seen += keys.len();
    ///     cursor = next;
    ///     if cursor == 0 {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(seen, 100);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn scan(&self, cursor: u64, options: &ScanOptions) -> Result<(u64, Vec<Blob>)> {
        self.with_all(LockMode::Read, |cx| Ok(scan(cx, cursor, options)))
    }

    /// Swaps the keys of two databases (SWAPDB); handles keep the numbers of theirs.
    ///
    /// # Errors
    ///
    /// `ERR DB index is out of range`.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// store.swapdb(0, 1)?;
    /// assert_eq!(store.get("key")?, None);
    /// assert_eq!(store.database(1)?.get("key")?.unwrap(), "value");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn swapdb(&self, first: usize, second: usize) -> Result<()> {
        self.with_all(LockMode::Write, |cx| swapdb(cx, first, second))
    }
}
