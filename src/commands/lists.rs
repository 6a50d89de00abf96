//! Lists: what adds to them, takes from them, reads and changes them in place. What moves elements between lists, and
//! the search for positions, are in files of their own.

pub(super) mod moves;
pub(super) mod positions;

use super::spec::{Group, access::*, flag::*, key};
use super::strings::check_length;
use super::{Args, CommandSpec};
use crate::blob::Blob;
use crate::ds::List;
use crate::ds::list::{ListSide, Walk};
use crate::ds::packed::{Item, LONGEST};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Edit, Key};
use crate::num::parse_i64;
use crate::reply::Reply;
use crate::store::Store;

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("LINDEX", lindex_cmd)
        .summary("Gives the element of a list that has an index.")
        .since("1.0.0")
        .complexity("O(N) for N nodes up to the element from the nearer end")
        .group(Group::List)
        .syntax("key index")
        .arity(3)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("LINSERT", linsert_cmd)
        .summary("Adds an element to a list before or after another one.")
        .since("2.2.0")
        .complexity("O(N) for N elements up to the other one")
        .group(Group::List)
        .syntax("key <where: BEFORE | AFTER> pivot element")
        .arity(5)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, RW | INSERT)]),
    CommandSpec::new("LLEN", llen_cmd)
        .summary("Gives the number of elements of a list.")
        .since("1.0.0")
        .group(Group::List)
        .syntax("key")
        .arity(2)
        .flags(READONLY | FAST)
        .keys(&[key(1, RO)]),
    CommandSpec::new("LPOP", lpop_cmd)
        .summary("Takes elements from the head of a list.")
        .since("1.0.0")
        .complexity("O(N) for N elements taken")
        .group(Group::List)
        .syntax("key [count]")
        .arity(-2)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | DELETE)]),
    CommandSpec::new("LPUSH", lpush_cmd)
        .summary("Adds elements to the head of a list, one after the other.")
        .since("1.0.0")
        .complexity("O(N) for N elements added")
        .group(Group::List)
        .syntax("key element [element ...]")
        .arity(-3)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | INSERT)]),
    CommandSpec::new("LPUSHX", lpushx_cmd)
        .summary("Adds elements to the head of a list if it exists.")
        .since("2.2.0")
        .complexity("O(N) for N elements added")
        .group(Group::List)
        .syntax("key element [element ...]")
        .arity(-3)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | INSERT)]),
    CommandSpec::new("LRANGE", lrange_cmd)
        .summary("Gives a range of the elements of a list.")
        .since("1.0.0")
        .complexity("O(S+N) for S nodes up to the range from the nearer end and N elements in it")
        .group(Group::List)
        .syntax("key start stop")
        .arity(4)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)]),
    CommandSpec::new("LREM", lrem_cmd)
        .summary("Removes elements that are equal to a value from a list.")
        .since("1.0.0")
        .complexity("O(N+M) for N elements in the list and M removed")
        .group(Group::List)
        .syntax("key count element")
        .arity(4)
        .flags(WRITE)
        .keys(&[key(1, RW | DELETE)]),
    CommandSpec::new("LSET", lset_cmd)
        .summary("Replaces the element of a list that has an index.")
        .since("1.0.0")
        .complexity("O(N) for N nodes up to the element from the nearer end")
        .group(Group::List)
        .syntax("key index element")
        .arity(4)
        .flags(WRITE | DENYOOM)
        .keys(&[key(1, RW | UPDATE)]),
    CommandSpec::new("LTRIM", ltrim_cmd)
        .summary("Removes all elements of a list that are outside of a range.")
        .since("1.0.0")
        .complexity("O(N) for N elements removed")
        .group(Group::List)
        .syntax("key start stop")
        .arity(4)
        .flags(WRITE)
        .keys(&[key(1, RW | DELETE)]),
    CommandSpec::new("RPOP", rpop_cmd)
        .summary("Takes elements from the tail of a list.")
        .since("1.0.0")
        .complexity("O(N) for N elements taken")
        .group(Group::List)
        .syntax("key [count]")
        .arity(-2)
        .flags(WRITE | FAST)
        .keys(&[key(1, RW | ACCESS | DELETE)]),
    CommandSpec::new("RPUSH", rpush_cmd)
        .summary("Adds elements to the tail of a list, one after the other.")
        .since("1.0.0")
        .complexity("O(N) for N elements added")
        .group(Group::List)
        .syntax("key element [element ...]")
        .arity(-3)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | INSERT)]),
    CommandSpec::new("RPUSHX", rpushx_cmd)
        .summary("Adds elements to the tail of a list if it exists.")
        .since("2.2.0")
        .complexity("O(N) for N elements added")
        .group(Group::List)
        .syntax("key element [element ...]")
        .arity(-3)
        .flags(WRITE | DENYOOM | FAST)
        .keys(&[key(1, RW | INSERT)]),
];

/// Where [`Store::linsert`] adds an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListPosition {
    /// On the other element's side of the head (BEFORE).
    Before,
    /// On the other element's side of the tail (AFTER).
    After,
}

#[inline]
fn reply_item(item: Item<'_>, out: &mut dyn Reply) {
    out.bulk(item.bytes(&mut itoa::Buffer::new()));
}

#[inline]
pub(super) fn blob(item: Item<'_>) -> Blob {
    Blob::from(item.bytes(&mut itoa::Buffer::new()))
}

pub(super) fn reply_items(items: Walk<'_>, out: &mut dyn Reply) {
    out.array(items.len());
    for item in items {
        reply_item(item, out);
    }
}

/// None of the elements is too long.
fn check_elements<T: AsRef<[u8]>>(cx: &Ctx<'_>, elements: &[T]) -> Result<()> {
    for element in elements {
        let len = element.as_ref().len();
        check_length(cx, len)?;
        if len > LONGEST {
            return Err(Error::STRING_TOO_LARGE);
        }
    }
    Ok(())
}

fn push_event(side: ListSide) -> &'static str {
    match side {
        ListSide::Left => "lpush",
        ListSide::Right => "rpush",
    }
}

fn lpush_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(push(cx, cx.key(args.at(1)), ListSide::Left, args.from(2))?);
    Ok(())
}

fn rpush_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(push(cx, cx.key(args.at(1)), ListSide::Right, args.from(2))?);
    Ok(())
}

pub(super) fn push<T: AsRef<[u8]>>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    side: ListSide,
    elements: &[T],
) -> Result<usize> {
    check_elements(cx, elements)?;
    let limits = &cx.space.limits;
    cx.edit_or_new(key, push_event(side), |list: &mut List| {
        for element in elements {
            list.push(side, element.as_ref(), limits);
        }
        let len = list.len();
        Ok(if elements.is_empty() { Edit::Same(len) } else { Edit::Changed(len) })
    })
}

fn lpushx_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(push_to_existing(cx, cx.key(args.at(1)), ListSide::Left, args.from(2))?);
    Ok(())
}

fn rpushx_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(push_to_existing(cx, cx.key(args.at(1)), ListSide::Right, args.from(2))?);
    Ok(())
}

/// 0 if the list does not exist.
fn push_to_existing<T: AsRef<[u8]>>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    side: ListSide,
    elements: &[T],
) -> Result<usize> {
    check_elements(cx, elements)?;
    let limits = &cx.space.limits;
    let len = cx.edit(key, push_event(side), |list: &mut List| {
        for element in elements {
            list.push(side, element.as_ref(), limits);
        }
        let len = list.len();
        Ok(if elements.is_empty() { Edit::Same(len) } else { Edit::Changed(len) })
    })?;
    Ok(len.unwrap_or(0))
}

fn pop_event(side: ListSide) -> &'static str {
    match side {
        ListSide::Left => "lpop",
        ListSide::Right => "rpop",
    }
}

fn lpop_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    pop_cmd(cx, args, out, "lpop", ListSide::Left)
}

fn rpop_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    pop_cmd(cx, args, out, "rpop", ListSide::Right)
}

fn pop_cmd(
    cx: &mut Ctx<'_>,
    args: Args<'_>,
    out: &mut dyn Reply,
    command: &str,
    side: ListSide,
) -> Result<()> {
    let key = cx.key(args.at(1));
    match args.from(2) {
        [] => {
            if pop(cx, key, side, |item| reply_item(item, out))?.is_none() {
                out.null();
            }
        }
        [count] => {
            let count = parse_i64(count).and_then(|count| usize::try_from(count).ok());
            let count = count.ok_or(Error::NOT_POSITIVE)?;
            if pop_many(cx, key, side, count, |items| reply_items(items, out))?.is_none() {
                out.null_array();
            }
        }
        _ => return Err(Error::wrong_arity(command)),
    }
    Ok(())
}

/// Takes the element at one end and shows it to `take` before it goes; `None` if the list does not exist.
#[inline]
pub(super) fn pop<R>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    side: ListSide,
    take: impl FnOnce(Item<'_>) -> R,
) -> Result<Option<R>> {
    let limits = &cx.space.limits;
    let taken = cx.edit(key, pop_event(side), |list: &mut List| {
        let taken = list.end(side).map(take);
        list.pop(side, 1, limits);
        Ok(Edit::Changed(taken))
    })?;
    Ok(taken.flatten())
}

/// Takes up to `count` elements from one end, as [`pop`] does.
pub(super) fn pop_many<R>(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    side: ListSide,
    count: usize,
    take: impl FnOnce(Walk<'_>) -> R,
) -> Result<Option<R>> {
    let limits = &cx.space.limits;
    cx.edit(key, pop_event(side), |list: &mut List| {
        let taken = take(list.walk_from(side, count));
        if count == 0 {
            return Ok(Edit::Same(taken));
        }
        list.pop(side, count, limits);
        Ok(Edit::Changed(taken))
    })
}

fn llen_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(llen(cx, cx.key(args.at(1)))?);
    Ok(())
}

fn llen(cx: &mut Ctx<'_>, key: Key<'_>) -> Result<usize> {
    Ok(cx.find_as::<List>(key)?.map_or(0, List::len))
}

/// The place in a list that an index means, which counts from the end when negative.
fn place(index: i64, len: usize) -> Option<usize> {
    let place = if index < 0 { index.checked_add_unsigned(len as u64)? } else { index };
    usize::try_from(place).ok().filter(|&place| place < len)
}

/// Where a range begins, and how many elements it has; both ends are inclusive.
fn range(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let end = i64::try_from(len).unwrap_or(i64::MAX);
    let from_start = |index: i64| if index < 0 { index.saturating_add(end) } else { index };
    let start = from_start(start).max(0);
    let stop = from_start(stop).min(end - 1);
    if start > stop {
        return (0, 0);
    }
    (start as usize, (stop - start + 1) as usize)
}

fn lindex_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    match lindex(cx, cx.key(args.at(1)), args.integer(2))? {
        Some(item) => reply_item(item, out),
        None => out.null(),
    }
    Ok(())
}

/// A bad index is told only if there is a list.
fn lindex<'c>(cx: &'c mut Ctx<'_>, key: Key<'_>, index: Result<i64>) -> Result<Option<Item<'c>>> {
    let Some(list) = cx.find_as::<List>(key)? else { return Ok(None) };
    Ok(place(index?, list.len()).and_then(|place| list.get(place)))
}

fn lrange_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    match lrange(cx, cx.key(args.at(1)), start, stop)? {
        Some(items) => reply_items(items, out),
        None => out.array(0),
    }
    Ok(())
}

fn lrange<'c>(cx: &'c mut Ctx<'_>, key: Key<'_>, start: i64, stop: i64) -> Result<Option<Walk<'c>>> {
    Ok(cx.find_as::<List>(key)?.map(|list| {
        let (from, count) = range(start, stop, list.len());
        list.walk(from, count, ListSide::Left)
    }))
}

fn lset_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    lset(cx, cx.key(args.at(1)), args.integer(2), args.at(3))?;
    out.ok();
    Ok(())
}

/// A bad index is told only if there is a list.
fn lset(cx: &mut Ctx<'_>, key: Key<'_>, index: Result<i64>, element: &[u8]) -> Result<()> {
    check_elements(cx, &[element])?;
    let limits = &cx.space.limits;
    let set = cx.edit(key, "lset", |list: &mut List| {
        let place = place(index?, list.len()).ok_or(Error::INDEX_OUT_OF_RANGE)?;
        list.set(place, element, limits);
        Ok(Edit::Changed(()))
    })?;
    set.ok_or(Error::NO_SUCH_KEY)
}

fn linsert_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let position = if args.is(2, "AFTER") {
        ListPosition::After
    } else if args.is(2, "BEFORE") {
        ListPosition::Before
    } else {
        return Err(Error::SYNTAX);
    };
    match linsert(cx, cx.key(args.at(1)), position, args.at(3), args.at(4))? {
        Some(Some(len)) => out.length(len),
        Some(None) => out.integer(-1),
        None => out.integer(0),
    }
    Ok(())
}

/// The new length; `None` if there is no list, `Some(None)` if the pivot is not in it.
fn linsert(
    cx: &mut Ctx<'_>,
    key: Key<'_>,
    position: ListPosition,
    pivot: &[u8],
    element: &[u8],
) -> Result<Option<Option<usize>>> {
    check_elements(cx, &[element])?;
    let limits = &cx.space.limits;
    cx.edit(key, "linsert", |list: &mut List| {
        let Some(place) = list.find(pivot) else { return Ok(Edit::Same(None)) };
        match position {
            ListPosition::Before => list.insert_before(place, element, limits),
            ListPosition::After => list.insert_after(place, element, limits),
        }
        Ok(Edit::Changed(Some(list.len())))
    })
}

fn lrem_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let count = args.integer(2)?;
    out.length(lrem(cx, cx.key(args.at(1)), count, args.at(3))?);
    Ok(())
}

/// The first `count` from the head, from the tail when negative, all when 0.
fn lrem(cx: &mut Ctx<'_>, key: Key<'_>, count: i64, element: &[u8]) -> Result<usize> {
    let side = if count < 0 { ListSide::Right } else { ListSide::Left };
    let most =
        if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
    let limits = &cx.space.limits;
    let removed = cx.edit(key, "lrem", |list: &mut List| match list.remove(element, most, side, limits) {
        0 => Ok(Edit::Same(0)),
        removed => Ok(Edit::Changed(removed)),
    })?;
    Ok(removed.unwrap_or(0))
}

fn ltrim_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (start, stop) = (args.integer(2)?, args.integer(3)?);
    ltrim(cx, cx.key(args.at(1)), start, stop)?;
    out.ok();
    Ok(())
}

fn ltrim(cx: &mut Ctx<'_>, key: Key<'_>, start: i64, stop: i64) -> Result<()> {
    let limits = &cx.space.limits;
    cx.edit(key, "ltrim", |list: &mut List| {
        let (from, count) = range(start, stop, list.len());
        list.pop(ListSide::Right, list.len() - from - count, limits);
        list.pop(ListSide::Left, from, limits);
        Ok(Edit::Changed(()))
    })?;
    Ok(())
}

/// # Lists
impl Store {
    /// Adds elements to the head of a list (LPUSH), which is made if it does not exist, and answers its new length.
    ///
    /// They are added one after the other, so the last one is the new head.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.lpush("news", &["first", "second"])?, 2);
    /// assert_eq!(store.lrange("news", 0, -1)?, ["second", "first"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lpush(&self, key: impl AsRef<[u8]>, elements: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| push(cx, key, ListSide::Left, elements))
    }

    /// Adds elements to the tail of a list (RPUSH), which is made if it does not exist, and answers its new length.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.rpush("jobs", &["one", "two"])?, 2);
    /// assert_eq!(store.rpush("jobs", &["three"])?, 3);
    /// assert_eq!(store.lrange("jobs", 0, -1)?, ["one", "two", "three"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn rpush(&self, key: impl AsRef<[u8]>, elements: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| push(cx, key, ListSide::Right, elements))
    }

    /// Adds elements to the head of a list if it exists (LPUSHX), and answers its length: 0 if it does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.lpushx("news", &["nobody reads it"])?, 0);
    /// store.lpush("news", &["first"])?;
    /// assert_eq!(store.lpushx("news", &["second"])?, 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lpushx(&self, key: impl AsRef<[u8]>, elements: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| push_to_existing(cx, key, ListSide::Left, elements))
    }

    /// Adds elements to the tail of a list if it exists (RPUSHX), and answers its length: 0 if it does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type; nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// assert_eq!(store.rpushx("jobs", &["nobody does it"])?, 0);
    /// assert_eq!(store.exists(&["jobs"])?, 0);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn rpushx(&self, key: impl AsRef<[u8]>, elements: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| push_to_existing(cx, key, ListSide::Right, elements))
    }

    /// Takes the element at the head of a list and answers it (LPOP); `None` if the list does not exist.
    ///
    /// The key is removed with its last element.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["one", "two"])?;
    /// assert_eq!(store.lpop("jobs")?.as_deref(), Some(&b"one"[..]));
    /// assert_eq!(store.lpop("jobs")?.as_deref(), Some(&b"two"[..]));
    /// assert_eq!(store.lpop("jobs")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lpop(&self, key: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        self.pop_blob(key.as_ref(), ListSide::Left)
    }

    /// Takes the element at the tail of a list and answers it (RPOP); `None` if the list does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["one", "two"])?;
    /// assert_eq!(store.rpop("jobs")?.as_deref(), Some(&b"two"[..]));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn rpop(&self, key: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        self.pop_blob(key.as_ref(), ListSide::Right)
    }

    /// Takes up to `count` elements from the head of a list (LPOP with a count) and answers them, the old head first;
    /// none if the list does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["one", "two", "three"])?;
    /// assert_eq!(store.lpop_count("jobs", 2)?, ["one", "two"]);
    /// assert_eq!(store.lpop_count("jobs", 2)?, ["three"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lpop_count(&self, key: impl AsRef<[u8]>, count: usize) -> Result<Vec<Blob>> {
        self.pop_blobs(key.as_ref(), ListSide::Left, count)
    }

    /// Takes up to `count` elements from the tail of a list (RPOP with a count) and answers them, the old tail first;
    /// none if the list does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["one", "two", "three"])?;
    /// assert_eq!(store.rpop_count("jobs", 2)?, ["three", "two"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn rpop_count(&self, key: impl AsRef<[u8]>, count: usize) -> Result<Vec<Blob>> {
        self.pop_blobs(key.as_ref(), ListSide::Right, count)
    }

    /// The element is written to where it will stay: handing it from layer to layer takes longer than the pop.
    fn pop_blob(&self, key: &[u8], side: ListSide) -> Result<Option<Blob>> {
        let mut taken = None;
        self.write_key(key, |cx, key| pop(cx, key, side, |item| taken = Some(blob(item))))?;
        Ok(taken)
    }

    fn pop_blobs(&self, key: &[u8], side: ListSide, count: usize) -> Result<Vec<Blob>> {
        let taken =
            self.write_key(key, |cx, key| pop_many(cx, key, side, count, |items| items.map(blob).collect()))?;
        Ok(taken.unwrap_or_default())
    }

    /// The number of elements of a list (LLEN), 0 if it does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["one", "two"])?;
    /// assert_eq!(store.llen("jobs")?, 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn llen(&self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.read_key(key.as_ref(), llen)
    }

    /// The element with an index (LINDEX): 0 is the head, -1 the tail; `None` if there is none.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["one", "two", "three"])?;
    /// assert_eq!(store.lindex("jobs", 1)?.as_deref(), Some(&b"two"[..]));
    /// assert_eq!(store.lindex("jobs", -1)?.as_deref(), Some(&b"three"[..]));
    /// assert_eq!(store.lindex("jobs", 7)?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lindex(&self, key: impl AsRef<[u8]>, index: i64) -> Result<Option<Blob>> {
        let mut found = None;
        self.read_key(key.as_ref(), |cx, key| {
            found = lindex(cx, key, Ok(index))?.map(blob);
            Ok(())
        })?;
        Ok(found)
    }

    /// The elements from index `start` to index `stop`, both inclusive (LRANGE); negative ones count from the tail.
    ///
    /// What is outside of the list is left out, so the answer may be empty.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["one", "two", "three"])?;
    /// assert_eq!(store.lrange("jobs", 0, 1)?, ["one", "two"]);
    /// assert_eq!(store.lrange("jobs", -2, 100)?, ["two", "three"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lrange(&self, key: impl AsRef<[u8]>, start: i64, stop: i64) -> Result<Vec<Blob>> {
        self.read_key(key.as_ref(), |cx, key| {
            Ok(lrange(cx, key, start, stop)?.map_or_else(Vec::new, |items| items.map(blob).collect()))
        })
    }

    /// Replaces the element with an index (LSET): 0 is the head, -1 the tail.
    ///
    /// # Errors
    ///
    /// `ERR no such key` if the list does not exist, `ERR index out of range`, `WRONGTYPE` if the key holds another
    /// type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["one", "two"])?;
    /// store.lset("jobs", -1, "zwei")?;
    /// assert_eq!(store.lrange("jobs", 0, -1)?, ["one", "zwei"]);
    /// assert_eq!(store.lset("jobs", 2, "three").unwrap_err().to_string(), "ERR index out of range");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lset(&self, key: impl AsRef<[u8]>, index: i64, element: impl AsRef<[u8]>) -> Result<()> {
        self.write_key(key.as_ref(), |cx, key| lset(cx, key, Ok(index), element.as_ref()))
    }

    /// Adds an element before or after the first one that is equal to `pivot` (LINSERT), and answers the new length;
    /// `None` if there is no such one, or no list.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ListPosition, Store};
    ///
    /// let store = Store::new();
    /// store.rpush("jobs", &["one", "three"])?;
    /// assert_eq!(store.linsert("jobs", ListPosition::Before, "three", "two")?, Some(3));
    /// assert_eq!(store.linsert("jobs", ListPosition::After, "nine", "ten")?, None);
    /// assert_eq!(store.lrange("jobs", 0, -1)?, ["one", "two", "three"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn linsert(
        &self,
        key: impl AsRef<[u8]>,
        position: ListPosition,
        pivot: impl AsRef<[u8]>,
        element: impl AsRef<[u8]>,
    ) -> Result<Option<usize>> {
        self.write_key(key.as_ref(), |cx, key| {
            Ok(linsert(cx, key, position, pivot.as_ref(), element.as_ref())?.flatten())
        })
    }

    /// Removes elements that are equal to a value (LREM) and answers how many: the first `count` from the head, from
    /// the tail when it is negative, all when it is 0.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.rpush("letters", &["a", "b", "a", "c", "a"])?;
    /// assert_eq!(store.lrem("letters", -1, "a")?, 1);
    /// assert_eq!(store.lrange("letters", 0, -1)?, ["a", "b", "a", "c"]);
    /// assert_eq!(store.lrem("letters", 0, "a")?, 2);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lrem(&self, key: impl AsRef<[u8]>, count: i64, element: impl AsRef<[u8]>) -> Result<usize> {
        self.write_key(key.as_ref(), |cx, key| lrem(cx, key, count, element.as_ref()))
    }

    /// Removes all elements but those from index `start` to index `stop`, both inclusive (LTRIM); negative ones count
    /// from the tail.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// for number in 0..10 {
    ///     store.lpush("latest", &[number.to_string()])?;
    ///     store.ltrim("latest", 0, 2)?;
    /// }
    /// assert_eq!(store.lrange("latest", 0, -1)?, ["9", "8", "7"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn ltrim(&self, key: impl AsRef<[u8]>, start: i64, stop: i64) -> Result<()> {
        self.write_key(key.as_ref(), |cx, key| ltrim(cx, key, start, stop))
    }
}
