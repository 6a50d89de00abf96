//! Elements from one list to another, and from the first of several lists: LMOVE, RPOPLPUSH, LMPOP.

use super::{blob, pop_many, push_event, reply_items};
use crate::blob::Blob;
use crate::commands::multi_pop::MultiPop;
use crate::commands::spec::{Group, access::*, counted_keys, flag::*, key};
use crate::commands::{Args, CommandSpec};
use crate::ds::List;
use crate::ds::list::{ListSide, Walk};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Edit, Key, UNTOLD};
use crate::reply::Reply;
use crate::store::{LockMode, Store};

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("LMOVE", lmove_cmd)
        .summary("Moves an element from one end of a list to one end of another list.")
        .since("6.2.0")
        .group(Group::List)
        .syntax("source destination <wherefrom: LEFT | RIGHT> <whereto: LEFT | RIGHT>")
        .arity(5)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)]),
    CommandSpec::new("LMPOP", lmpop_cmd)
        .summary("Takes elements from one end of the first list that exists.")
        .since("7.0.0")
        .complexity("O(N+M) for N keys and M elements taken")
        .group(Group::List)
        .syntax("numkeys key [key ...] <where: LEFT | RIGHT> [COUNT count]")
        .arity(-4)
        .flags(WRITE | MOVABLEKEYS)
        .keys(&[counted_keys(1, RW | ACCESS | DELETE)]),
    CommandSpec::new("RPOPLPUSH", rpoplpush_cmd)
        .summary("Moves the tail of a list to the head of another list.")
        .since("1.2.0")
        .group(Group::List)
        .syntax("source destination")
        .arity(3)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)]),
];

/// `LEFT` or `RIGHT`.
pub(in crate::commands) fn side(args: Args<'_>, at: usize) -> Result<ListSide> {
    if args.is(at, "LEFT") {
        Ok(ListSide::Left)
    } else if args.is(at, "RIGHT") {
        Ok(ListSide::Right)
    } else {
        Err(Error::SYNTAX)
    }
}

fn lmove_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (from, to) = (side(args, 3)?, side(args, 4)?);
    reply_moved(lmove(cx, cx.key(args.at(1)), cx.key(args.at(2)), from, to)?, out)
}

fn rpoplpush_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_moved(lmove(cx, cx.key(args.at(1)), cx.key(args.at(2)), ListSide::Right, ListSide::Left)?, out)
}

fn reply_moved(moved: Option<Blob>, out: &mut dyn Reply) -> Result<()> {
    match moved {
        Some(element) => out.blob(&element),
        None => out.null(),
    }
    Ok(())
}

/// The destination matters only if there is something to move.
pub(in crate::commands) fn lmove(
    cx: &mut Ctx<'_>,
    source: Key<'_>,
    destination: Key<'_>,
    from: ListSide,
    to: ListSide,
) -> Result<Option<Blob>> {
    let limits = &cx.space.limits;
    let Some(entry) = cx.find_to_write(source) else { return Ok(None) };
    let list = entry.value::<List>().ok_or(Error::WRONG_TYPE)?;
    let element = blob(list.end(from).ok_or(Error::INTERNAL)?);
    if source.bytes == destination.bytes {
        cx.edit(source, UNTOLD, |list: &mut List| {
            list.pop(from, 1, limits);
            list.push(to, &element, limits);
            Ok(Edit::Changed(()))
        })?;
        cx.also(source, push_event(to));
        cx.also(source, super::pop_event(from));
        return Ok(Some(element));
    }
    cx.edit_or_new(destination, push_event(to), |list: &mut List| {
        list.push(to, &element, limits);
        Ok(Edit::Changed(()))
    })?;
    cx.edit(source, super::pop_event(from), |list: &mut List| {
        list.pop(from, 1, limits);
        Ok(Edit::Changed(()))
    })?;
    Ok(Some(element))
}

fn lmpop_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let MultiPop { keys, end, count } = MultiPop::parse(args, |at| side(args, at))?;
    let taken = lmpop(cx, keys, end, count, |key, items| {
        out.array(2);
        out.bulk(key);
        reply_items(items, out);
    })?;
    if taken.is_none() {
        out.null_array();
    }
    Ok(())
}

/// Shows the first list that exists to `take`: its key and what goes.
fn lmpop<K: AsRef<[u8]>, R>(
    cx: &mut Ctx<'_>,
    keys: &[K],
    side: ListSide,
    count: usize,
    mut take: impl FnMut(&[u8], Walk<'_>) -> R,
) -> Result<Option<R>> {
    for key in keys {
        let key = cx.key(key.as_ref());
        let taken = pop_many(cx, key, side, count, |items| take(key.bytes, items))?;
        if taken.is_some() {
            return Ok(taken);
        }
    }
    Ok(None)
}

/// # Lists: from one to another
impl Store {
    /// Moves an element from one end of a list to one end of another list, which may be the same (LMOVE), and
    /// answers it; `None` if the source does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if one of the keys holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ListSide, Store};
    ///
    /// let store = Store::new();
    /// store.rpush("waiting", &["one", "two"])?;
    /// let job = store.lmove("waiting", "working", ListSide::Left, ListSide::Right)?;
    /// assert_eq!(job.as_deref(), Some(&b"one"[..]));
    /// assert_eq!(store.lrange("waiting", 0, -1)?, ["two"]);
    /// assert_eq!(store.lrange("working", 0, -1)?, ["one"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lmove(
        &self,
        source: impl AsRef<[u8]>,
        destination: impl AsRef<[u8]>,
        from: ListSide,
        to: ListSide,
    ) -> Result<Option<Blob>> {
        let (source, destination) = (source.as_ref(), destination.as_ref());
        self.with_keys([source, destination], LockMode::Write, |cx| {
            lmove(cx, cx.key(source), cx.key(destination), from, to)
        })
    }

    /// Moves the tail of a list to the head of another list, which may be the same (RPOPLPUSH), and answers it;
    /// `None` if the source does not exist.
    ///
    /// # Errors
    ///
    /// As [`lmove`](Store::lmove).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.rpush("ring", &["one", "two", "three"])?;
    /// assert_eq!(store.rpoplpush("ring", "ring")?.as_deref(), Some(&b"three"[..]));
    /// assert_eq!(store.lrange("ring", 0, -1)?, ["three", "one", "two"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn rpoplpush(&self, source: impl AsRef<[u8]>, destination: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        self.lmove(source, destination, ListSide::Right, ListSide::Left)
    }

    /// Takes up to `count` elements from one end of the first list that exists (LMPOP), and answers its key with them,
    /// in the order in which they were taken; `None` if none of the lists exists.
    ///
    /// # Errors
    ///
    /// `ERR numkeys should be greater than 0` without keys, `ERR count should be greater than 0`, `WRONGTYPE` if a
    /// key before the first list holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ListSide, Store};
    ///
    /// let store = Store::new();
    /// store.rpush("low", &["a", "b", "c"])?;
    /// let (key, jobs) = store.lmpop(&["high", "low"], ListSide::Left, 2)?.unwrap();
    /// assert_eq!(key, "low");
    /// assert_eq!(jobs, ["a", "b"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lmpop(
        &self,
        keys: &[impl AsRef<[u8]>],
        side: ListSide,
        count: usize,
    ) -> Result<Option<(Blob, Vec<Blob>)>> {
        if keys.is_empty() {
            return Err(Error::NUMKEYS_NOT_POSITIVE);
        }
        if count == 0 {
            return Err(Error::COUNT_NOT_POSITIVE);
        }
        self.with_keys(keys.iter().map(AsRef::as_ref), LockMode::Write, |cx| {
            lmpop(cx, keys, side, count, |key, items| (Blob::from(key), items.map(blob).collect()))
        })
    }
}
