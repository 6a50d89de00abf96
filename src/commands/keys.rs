//! Keys of any type: DEL, EXISTS, RENAME, COPY and their relatives. What is about a whole database, and OBJECT, are in
//! files of their own.

pub(super) mod database;
pub(super) mod object;

use super::spec::{access::*, flag::*, key, keys};
use super::{Args, CommandSpec};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Key, UNTOLD};
use crate::reply::Reply;
use crate::store::{LockMode, Store};

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("COPY", copy_cmd)
        .summary("Copies a key's value and deadline to another key.")
        .since("6.2.0")
        .complexity("O(1): the value is shared until one of the two changes")
        .syntax("source destination [DB destination-db] [REPLACE]")
        .arity(-3)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, RO | ACCESS), key(2, OW | UPDATE)]),
    CommandSpec::new("DEL", del_cmd)
        .summary("Removes keys.")
        .since("1.0.0")
        .complexity("O(N) for N keys")
        .syntax("key [key ...]")
        .arity(-2)
        .flags(WRITE)
        .keys(&[keys(1, -1, 1, RM | DELETE)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    CommandSpec::new("EXISTS", exists_cmd)
        .summary("Counts the keys that exist.")
        .since("1.0.0")
        .complexity("O(N) for N keys")
        .syntax("key [key ...]")
        .arity(-2)
        .flags(READONLY | FAST)
        .keys(&[keys(1, -1, 1, RO)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    CommandSpec::new("MOVE", move_cmd)
        .summary("Moves a key to another database.")
        .since("1.0.0")
        .syntax("key db")
        .arity(3)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | UPDATE)]),
    CommandSpec::new("RENAME", rename_cmd)
        .summary("Gives a key another name, in place of what has that name.")
        .since("1.0.0")
        .syntax("key newkey")
        .arity(3)
        .flags(WRITE)
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, OW | UPDATE)]),
    CommandSpec::new("RENAMENX", renamenx_cmd)
        .summary("Gives a key another name if nothing has that name.")
        .since("1.0.0")
        .syntax("key newkey")
        .arity(3)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, OW | INSERT)]),
    CommandSpec::new("TOUCH", touch_cmd)
        .summary("Counts the keys that exist, and takes that for an access of each.")
        .since("3.2.1")
        .complexity("O(N) for N keys")
        .syntax("key [key ...]")
        .arity(-2)
        .flags(READONLY | FAST)
        .keys(&[keys(1, -1, 1, RO)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
    CommandSpec::new("TYPE", type_cmd)
        .summary("Names the type of a key's value.")
        .since("1.0.0")
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO)]),
    CommandSpec::new("UNLINK", del_cmd)
        .summary("Removes keys; here the same as DEL.")
        .since("4.0.0")
        .complexity("O(N) for N keys")
        .syntax("key [key ...]")
        .arity(-2)
        .flags(WRITE | FAST)
        .keys(&[keys(1, -1, 1, RM | DELETE)])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"]),
];

/// The options of [`Store::copy_with`].
///
/// # Examples
///
/// ```
/// use redmoon::{CopyOptions, Store};
///
/// let store = Store::new();
/// store.set("key", "value")?;
/// assert!(store.copy_with("key", "key", CopyOptions::new().to_database(1))?);
/// assert_eq!(store.database(1)?.get("key")?.unwrap(), "value");
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CopyOptions {
    database: Option<usize>,
    replace: bool,
}

impl CopyOptions {
    /// No options: a copy in the same database that replaces nothing.
    #[must_use]
    pub fn new() -> CopyOptions {
        CopyOptions::default()
    }

    /// Copies to a key of another database (DB).
    #[must_use]
    pub fn to_database(mut self, index: usize) -> CopyOptions {
        self.database = Some(index);
        self
    }

    /// Replaces what the destination holds (REPLACE).
    #[must_use]
    pub fn replace(mut self) -> CopyOptions {
        self.replace = true;
        self
    }
}

/// The number of a database among the arguments.
fn database_index(cx: &Ctx<'_>, args: Args<'_>, at: usize) -> Result<usize> {
    let index = args.integer(at)?;
    if i32::try_from(index).is_err() {
        return Err(Error::not_in_range(i32::MIN.into(), i32::MAX.into()));
    }
    check_database(cx, usize::try_from(index).unwrap_or(usize::MAX))
}

fn check_database(cx: &Ctx<'_>, index: usize) -> Result<usize> {
    if index < cx.space.databases { Ok(index) } else { Err(Error::DB_OUT_OF_RANGE) }
}

fn copy_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let mut options = CopyOptions::new();
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "REPLACE") {
            options.replace = true;
        } else if args.is(at, "DB") && at + 1 < args.len() {
            at += 1;
            options.database = Some(database_index(cx, args, at)?);
        } else {
            return Err(Error::SYNTAX);
        }
        at += 1;
    }
    out.boolean_integer(copy(cx, cx.key(args.at(1)), cx.key(args.at(2)), options)?);
    Ok(())
}

fn copy(cx: &mut Ctx<'_>, source: Key<'_>, destination: Key<'_>, options: CopyOptions) -> Result<bool> {
    let here = cx.turn.db;
    let there = check_database(cx, options.database.unwrap_or(here))?;
    if here == there && source.bytes == destination.bytes {
        return Err(Error::SAME_OBJECT);
    }
    let Some(entry) = cx.find(source) else { return Ok(false) };
    let copy = entry.with(destination.bytes, entry.deadline());
    if !options.replace && cx.peek_in(destination, there).is_some() {
        return Ok(false);
    }
    cx.replace_entry(destination, there, copy);
    cx.also_in(destination, there, "copy_to");
    Ok(true)
}

fn del_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(del(cx, args.from(1)));
    Ok(())
}

fn del<K: AsRef<[u8]>>(cx: &mut Ctx<'_>, keys: &[K]) -> usize {
    keys.iter().filter(|key| cx.delete(cx.key(key.as_ref()), "del")).count()
}

fn exists_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(exists(cx, args.from(1)));
    Ok(())
}

fn exists<K: AsRef<[u8]>>(cx: &mut Ctx<'_>, keys: &[K]) -> usize {
    keys.iter().filter(|key| cx.find_untouched(cx.key(key.as_ref())).is_some()).count()
}

fn touch_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(touch(cx, args.from(1)));
    Ok(())
}

fn touch<K: AsRef<[u8]>>(cx: &mut Ctx<'_>, keys: &[K]) -> usize {
    keys.iter().filter(|key| cx.touch(cx.key(key.as_ref()))).count()
}

fn move_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let there = database_index(cx, args, 2)?;
    out.boolean_integer(move_key(cx, cx.key(args.at(1)), there)?);
    Ok(())
}

fn move_key(cx: &mut Ctx<'_>, key: Key<'_>, there: usize) -> Result<bool> {
    check_database(cx, there)?;
    if there == cx.turn.db {
        return Err(Error::SAME_OBJECT);
    }
    if cx.peek_in(key, there).is_some() {
        return Ok(false);
    }
    let Some(entry) = cx.take(key, UNTOLD) else { return Ok(false) };
    cx.replace_entry(key, there, entry);
    cx.also(key, "move_from");
    cx.also_in(key, there, "move_to");
    Ok(true)
}

fn rename_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    rename(cx, cx.key(args.at(1)), cx.key(args.at(2)), true)?;
    out.ok();
    Ok(())
}

fn renamenx_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.boolean_integer(rename(cx, cx.key(args.at(1)), cx.key(args.at(2)), false)?);
    Ok(())
}

/// Whether the key has the new name now; without `replace` it has not if that name was taken.
fn rename(cx: &mut Ctx<'_>, old: Key<'_>, new: Key<'_>, replace: bool) -> Result<bool> {
    if cx.find_to_write(old).is_none() {
        return Err(Error::NO_SUCH_KEY);
    }
    if old.bytes == new.bytes {
        return Ok(replace);
    }
    if !replace && cx.find_to_write(new).is_some() {
        return Ok(false);
    }
    let entry = cx.take(old, UNTOLD).ok_or(Error::NO_SUCH_KEY)?;
    cx.replace_entry(new, cx.turn.db, entry.with(new.bytes, entry.deadline()));
    cx.also(old, "rename_from");
    cx.also(new, "rename_to");
    Ok(true)
}

fn type_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.status(key_type(cx, cx.key(args.at(1))).unwrap_or("none"));
    Ok(())
}

fn key_type(cx: &mut Ctx<'_>, key: Key<'_>) -> Option<&'static str> {
    cx.find_untouched(key).map(|entry| entry.type_name())
}

/// # Keys
impl Store {
    /// Removes keys (DEL) and answers how many there were.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds one of the keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("a", "1")?;
    /// assert_eq!(store.del(&["a", "nothing"])?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn del<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<usize> {
        self.with_keys(keys.iter().map(AsRef::as_ref), LockMode::Write, |cx| Ok(del(cx, keys)))
    }

    /// Removes keys (UNLINK) and answers how many there were; the same as [`del`](Store::del), kept for programs that
    /// run on a server too.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds one of the keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("a", "1")?;
    /// assert_eq!(store.unlink(&["a"])?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn unlink<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<usize> {
        self.del(keys)
    }

    /// Counts the keys that exist (EXISTS); one that is named twice counts twice.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds one of the keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("a", "1")?;
    /// assert_eq!(store.exists(&["a", "b", "a"])?, 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn exists<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<usize> {
        self.with_keys(keys.iter().map(AsRef::as_ref), LockMode::Read, |cx| Ok(exists(cx, keys)))
    }

    /// Counts the keys that exist (TOUCH) and takes that for an access of each: their idle times begin anew.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds one of the keys.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("a", "1")?;
    /// assert_eq!(store.touch(&["a", "b"])?, 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn touch<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<usize> {
        self.with_keys(keys.iter().map(AsRef::as_ref), LockMode::Read, |cx| Ok(touch(cx, keys)))
    }

    /// Names the type of a key's value as Redis does (TYPE), `"string"` for example; `None` if the key does not exist.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds the key.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// assert_eq!(store.key_type("key")?, Some("string"));
    /// assert_eq!(store.key_type("nothing")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn key_type(&self, key: impl AsRef<[u8]>) -> Result<Option<&'static str>> {
        self.read_key(key.as_ref(), |cx, key| Ok(key_type(cx, key)))
    }

    /// Gives a key another name, in place of what has that name (RENAME); its deadline goes with it.
    ///
    /// # Errors
    ///
    /// `ERR no such key`.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("draft", "text")?;
    /// store.rename("draft", "final")?;
    /// assert_eq!(store.get("final")?.unwrap(), "text");
    /// assert!(store.rename("draft", "final").is_err());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn rename(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> Result<()> {
        self.rename_key(old.as_ref(), new.as_ref(), true).map(drop)
    }

    /// Gives a key another name if nothing has that name (RENAMENX), its own included; false if something has.
    ///
    /// # Errors
    ///
    /// `ERR no such key`.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.mset(&[("a", "1"), ("b", "2")])?;
    /// assert!(!store.renamenx("a", "b")?);
    /// assert!(store.renamenx("a", "c")?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn renamenx(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> Result<bool> {
        self.rename_key(old.as_ref(), new.as_ref(), false)
    }

    fn rename_key(&self, old: &[u8], new: &[u8], replace: bool) -> Result<bool> {
        self.with_keys([old, new], LockMode::Write, |cx| rename(cx, cx.key(old), cx.key(new), replace))
    }

    /// Copies a key's value and deadline to another key (COPY); false if the source does not exist or the destination
    /// does.
    ///
    /// # Errors
    ///
    /// `ERR source and destination objects are the same`.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("a", "1")?;
    /// assert!(store.copy("a", "b")?);
    /// assert!(!store.copy("a", "b")?);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn copy(&self, source: impl AsRef<[u8]>, destination: impl AsRef<[u8]>) -> Result<bool> {
        self.copy_with(source, destination, CopyOptions::new())
    }

    /// Copies a key's value and deadline to a key of any database, or over what is there (COPY with DB and REPLACE);
    /// false if the source does not exist, or the destination does and is not to be replaced.
    ///
    /// # Errors
    ///
    /// `ERR source and destination objects are the same`, `ERR DB index is out of range`.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{CopyOptions, Store};
    ///
    /// let store = Store::new();
    /// store.mset(&[("a", "1"), ("b", "2")])?;
    /// assert!(store.copy_with("a", "b", CopyOptions::new().replace())?);
    /// assert_eq!(store.get("b")?.unwrap(), "1");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn copy_with(
        &self,
        source: impl AsRef<[u8]>,
        destination: impl AsRef<[u8]>,
        options: CopyOptions,
    ) -> Result<bool> {
        let (source, destination) = (source.as_ref(), destination.as_ref());
        self.with_keys([source, destination], LockMode::Write, |cx| {
            copy(cx, cx.key(source), cx.key(destination), options)
        })
    }

    /// Moves a key with its deadline from this handle's database to another one (MOVE); false if it does not exist
    /// here or exists there.
    ///
    /// # Errors
    ///
    /// `ERR DB index is out of range`, `ERR source and destination objects are the same` for the handle's own
    /// database.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// assert!(store.move_key("key", 1)?);
    /// assert_eq!(store.database(1)?.get("key")?.unwrap(), "value");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn move_key(&self, key: impl AsRef<[u8]>, database: usize) -> Result<bool> {
        self.write_key(key.as_ref(), |cx, key| move_key(cx, key, database))
    }
}
