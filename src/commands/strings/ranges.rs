//! Parts of strings: APPEND, GETRANGE, SETRANGE, STRLEN.

use std::ops::Range;
use std::sync::Arc;

use super::check_length;
use crate::blob::Blob;
use crate::commands::spec::{Group, access::*, flag::*, key};
use crate::commands::{Args, CommandSpec};
use crate::error::{Error, Result};
use crate::keyspace::{Content, Ctx, EMBEDDED, Entry, Key, Text};
use crate::reply::Reply;
use crate::store::Store;

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("APPEND", append_cmd)
        .summary("Adds bytes to the end of a string, which is empty if the key does not exist.")
        .since("2.0.0")
        .complexity("O(N) for N bytes added, on the average over many")
        .group(Group::String)
        .syntax("key value")
        .arity(3)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | INSERT)]),
    CommandSpec::new("GETRANGE", getrange_cmd)
        .summary("Gives a part of a string.")
        .since("2.4.0")
        .complexity("O(N) for N bytes given")
        .group(Group::String)
        .syntax("key start end")
        .arity(4)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("SETRANGE", setrange_cmd)
        .summary("Overwrites a part of a string, which grows as far as it has to.")
        .since("2.2.0")
        .complexity("O(N) for N bytes written or added")
        .group(Group::String)
        .syntax("key offset value")
        .arity(4)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("STRLEN", strlen_cmd)
        .summary("Gives the length of a string in bytes.")
        .since("2.2.0")
        .group(Group::String)
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO)]),
    CommandSpec::new("SUBSTR", getrange_cmd)
        .summary("Gives a part of a string; the old name of GETRANGE.")
        .since("1.0.0")
        .complexity("O(N) for N bytes given")
        .group(Group::String)
        .syntax("key start end")
        .arity(4)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)]),
];

fn strlen_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(strlen(cx, cx.key(args.at(1)))?);
    Ok(())
}

fn strlen(cx: &mut Ctx<'_>, key: Key<'_>) -> Result<usize> {
    Ok(super::get(cx, key)?.map_or(0, Text::len))
}

fn getrange_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (start, end) = (args.integer(2)?, args.integer(3)?);
    getrange(cx, cx.key(args.at(1)), start, end, |part| part.reply(out))
}

/// Shows the part to `take`: the value itself when that is all of it, so that a long one is shared.
fn getrange<R>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    start: i64,
    end: i64,
    take: impl FnOnce(Text<'_>) -> R,
) -> Result<R> {
    let Some(text) = super::get(cx, key)? else { return Ok(take(Text::Bytes(b""))) };
    let range = resolve(text.len(), start, end);
    if range == (0..text.len()) {
        return Ok(take(text));
    }
    let mut buffer = itoa::Buffer::new();
    Ok(take(Text::Bytes(text.bytes(&mut buffer).get(range).unwrap_or_default())))
}

/// The positions from `start` to `end`, both included and negative ones counted from the end, of what has `len`.
fn resolve(len: usize, start: i64, end: i64) -> Range<usize> {
    let from_start = |position: i64| {
        let distance = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
        if position < 0 { len.saturating_sub(distance) } else { distance }
    };
    // Two positions before the first byte both become 0, but what was the wrong way round stays so.
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let (start, end) = (from_start(start), from_start(end).saturating_add(1).min(len));
    if start < end { start..end } else { 0..0 }
}

fn append_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(append(cx, cx.key(args.at(1)), args.at(2))?);
    Ok(())
}

/// Answers the new length.
fn append(cx: &mut Ctx<'_>, key: Key<'_>, value: &[u8]) -> Result<usize> {
    let max = cx.space.max_string.get();
    let grown = cx.update(key, "append", |entry| {
        let offset = entry.text()?.len();
        let len = end_of(offset, value, max)?;
        write_at(entry, offset, value, len)?;
        Ok(len)
    })?;
    if let Some(len) = grown {
        return Ok(len);
    }
    check_length(cx, value.len())?;
    cx.put(key, Content::of(value), None, "append");
    Ok(value.len())
}

fn setrange_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let offset = usize::try_from(args.integer(2)?).map_err(|_| Error::OFFSET_OUT_OF_RANGE)?;
    out.length(setrange(cx, cx.key(args.at(1)), offset, args.at(3))?);
    Ok(())
}

/// Answers the new length.
fn setrange(cx: &mut Ctx<'_>, key: Key<'_>, offset: usize, value: &[u8]) -> Result<usize> {
    if value.is_empty() {
        // Nothing is written then, not even the zeros up to the offset.
        return Ok(cx.find_to_write(key).map(Entry::text).transpose()?.map_or(0, Text::len));
    }
    let max = cx.space.max_string.get();
    let grown = cx.update(key, "setrange", |entry| {
        let len = entry.text()?.len().max(end_of(offset, value, max)?);
        write_at(entry, offset, value, len)?;
        Ok(len)
    })?;
    if let Some(len) = grown {
        return Ok(len);
    }
    let end = end_of(offset, value, max)?;
    if end <= EMBEDDED {
        let mut buffer = [0; EMBEDDED];
        overlay(&mut buffer, offset, value);
        let bytes = buffer.get(..end).unwrap_or_default();
        cx.put(key, Content::Bytes { bytes, raw: true }, None, "setrange");
    } else {
        // Zeros from the system cost nothing until they are touched.
        let mut bytes = vec![0; end];
        overlay(&mut bytes, offset, value);
        cx.put(key, Content::Shared(Arc::new(bytes)), None, "setrange");
    }
    Ok(end)
}

/// Where `value` at an offset ends, if a string may be that long.
fn end_of(offset: usize, value: &[u8], max: usize) -> Result<usize> {
    offset.checked_add(value.len()).filter(|&end| end <= max).ok_or(Error::STRING_TOO_LARGE)
}

/// Writes `value` over the bytes at an offset of a string, which has `len` bytes afterwards: zeros fill what was
/// beyond its end. The string is a raw one from then on.
fn write_at(entry: &mut Entry, offset: usize, value: &[u8], len: usize) -> Result<()> {
    if let Some(bytes) = entry.shared_mut() {
        if offset == bytes.len() {
            bytes.extend_from_slice(value);
        } else {
            bytes.resize(len, 0);
            overlay(bytes, offset, value);
        }
        return Ok(());
    }
    let deadline = entry.deadline();
    let mut spelled = itoa::Buffer::new();
    let old = entry.text()?.bytes(&mut spelled);
    if len <= EMBEDDED {
        let mut buffer = [0; EMBEDDED];
        overlay(&mut buffer, 0, old);
        overlay(&mut buffer, offset, value);
        let bytes = buffer.get(..len).unwrap_or_default();
        entry.set(Content::Bytes { bytes, raw: true }, deadline);
    } else {
        let mut bytes = vec![0; len];
        overlay(&mut bytes, 0, old);
        overlay(&mut bytes, offset, value);
        entry.set(Content::Shared(Arc::new(bytes)), deadline);
    }
    Ok(())
}

/// Copies `value` to its place in `bytes`, which callers have made long enough.
fn overlay(bytes: &mut [u8], offset: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(offset..).and_then(|rest| rest.get_mut(..value.len())) {
        place.copy_from_slice(value);
    }
}

/// # Parts of strings
impl Store {
    /// Gives the length of a string in bytes (STRLEN); 0 if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "value")?;
    /// assert_eq!(store.strlen("key")?, 5);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn strlen(&self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.read_key(key.as_ref(), strlen)
    }

    /// Adds bytes to the end of a string (APPEND) and answers its new length in bytes; a key that does not exist
    /// counts as empty.
    ///
    /// # Errors
    ///
    /// `ERR string exceeds maximum allowed size` if the string became longer than the store takes, `WRONGTYPE` if the
    /// key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.append("log", "one,")?, 4);
    /// assert_eq!(store.append("log", "two,")?, 8);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn append(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| append(cx, key, value.as_ref()))
    }

    /// Gives the bytes from `start` to `end`, both included (GETRANGE); negative positions count from the end, -1
    /// being the last byte. What lies outside the string, or a key that does not exist, gives nothing.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "redmoon")?;
    /// assert_eq!(store.getrange("key", 0, 2)?, "red");
    /// assert_eq!(store.getrange("key", -4, -1)?, "moon");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn getrange(&self, key: impl AsRef<[u8]>, start: i64, end: i64) -> Result<Blob> {
        self.read_key(key.as_ref(), |cx, key| getrange(cx, key, start, end, |part| part.to_blob()))
    }

    /// Overwrites the bytes from `offset` on (SETRANGE) and answers the string's new length in bytes. The string grows
    /// as far as it has to, with zeros before the offset; a key that does not exist counts as empty. An empty value
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// `ERR string exceeds maximum allowed size` if the string became longer than the store takes, `WRONGTYPE` if the
    /// key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set("key", "redmoon")?;
    /// assert_eq!(store.setrange("key", 3, "wood!")?, 8);
    /// assert_eq!(store.get("key")?.unwrap(), "redwood!");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn setrange(&self, key: impl AsRef<[u8]>, offset: usize, value: impl AsRef<[u8]>) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| setrange(cx, key, offset, value.as_ref()))
    }
}
