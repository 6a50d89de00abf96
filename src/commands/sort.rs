//! SORT: the elements of a list, set or sorted set in the order of their values, or of what other keys hold for each.

use std::cmp::Ordering;
use std::ops::Range;

use super::spec::{access::*, category, derived_keys, flag::*, found_key, key};
use super::{Args, CommandSpec, items};
use crate::blob::Blob;
use crate::ds::list::ListSide;
use crate::ds::packed::{Item, LONGEST};
use crate::ds::{Hash, Limits, List, Set, Zset};
use crate::error::{Error, Result};
use crate::keyspace::{Content, Ctx, Entry, Key, Text};
use crate::num;
use crate::reply::Reply;
use crate::store::{LockMode, Store};

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("SORT", sort_cmd)
        .summary("Sorts the elements of a list, set or sorted set.")
        .since("1.0.0")
        .complexity("O(N+M*log(M)) for N elements, M of which are given")
        .syntax(
            "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [order: ASC | DESC] \
             [sorting: ALPHA] [STORE destination]",
        )
        .arity(-2)
        .flags(WRITE | DENYOOM | MOVABLEKEYS)
        .categories(category::SET | category::SORTED_SET | category::LIST | category::DANGEROUS)
        .keys(&[
            key(1, RO | ACCESS),
            derived_keys(names_other_keys, "pattern", RO | ACCESS),
            found_key(destination, "destination", OW | UPDATE),
        ]),
    CommandSpec::new("SORT_RO", sort_ro_cmd)
        .summary("Sorts the elements of a list, set or sorted set, without STORE.")
        .since("7.0.0")
        .complexity("O(N+M*log(M)) for N elements, M of which are given")
        .syntax(
            "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [order: ASC | DESC] \
             [sorting: ALPHA]",
        )
        .arity(-2)
        .flags(READONLY | MOVABLEKEYS)
        .categories(category::SET | category::SORTED_SET | category::LIST | category::DANGEROUS)
        .keys(&[key(1, RO | ACCESS), derived_keys(names_other_keys, "pattern", RO | ACCESS)]),
];

/// Whether BY or GET may lead to other keys; it does no harm to say so when they do not.
fn names_other_keys(args: Args<'_>) -> bool {
    let leads = |at| (args.is(at, "BY") || args.is(at, "GET")) && has_star(args.at(at + 1));
    (2..args.len()).any(leads)
}

/// The position of the key that STORE names; the last one counts.
fn destination(args: Args<'_>) -> Option<usize> {
    let (mut at, mut found) = (2, None);
    while at < args.len() {
        at += if args.is(at, "LIMIT") {
            3
        } else if args.is(at, "BY") || args.is(at, "GET") {
            2
        } else if args.is(at, "STORE") && at + 1 < args.len() {
            found = Some(at + 1);
            2
        } else {
            1
        };
    }
    found
}

/// The options of [`Store::sort`] and [`Store::sort_store`].
///
/// # Examples
///
/// ```
/// use redmoon::{SortOptions, Store};
///
/// let store = Store::new();
/// store.rpush("players", &["ann", "bob", "eve"])?;
/// store.mset(&[("score:ann", "7"), ("score:bob", "12"), ("score:eve", "9")])?;
/// let best = SortOptions::new().by("score:*").descending().limit(0, 2).get("#").get("score:*");
/// let best: Vec<_> = store.sort("players", &best)?.into_iter().flatten().collect();
/// assert_eq!(best, ["bob", "12", "eve", "9"]);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SortOptions {
    by: By,
    alpha: bool,
    descending: bool,
    offset: usize,
    /// `None` is all.
    count: Option<usize>,
    get: Vec<Blob>,
}

/// What decides the order.
#[derive(Clone, Debug, Default)]
enum By {
    #[default]
    Element,
    Pattern(Blob),
    Nothing,
}

impl SortOptions {
    /// No options: all elements, by the numbers that they spell, the least first.
    #[must_use]
    pub fn new() -> SortOptions {
        SortOptions::default()
    }

    /// Sorts by what other keys hold (BY): the first `*` of the pattern stands for the element, and `->` with a name
    /// behind it takes that field of a hash. A key or field that does not exist counts as 0, or as before everything
    /// else with [`alpha`](SortOptions::alpha). A pattern without `*` leaves the elements
    /// [`unsorted`](SortOptions::unsorted).
    #[must_use]
    pub fn by(mut self, pattern: impl AsRef<[u8]>) -> SortOptions {
        let pattern = pattern.as_ref();
        if !has_star(pattern) {
            self.by = By::Nothing;
        } else if !matches!(self.by, By::Nothing) {
            self.by = By::Pattern(Blob::from(pattern));
        }
        self
    }

    /// Leaves the elements as they stand (BY nosort): those of a list and of a sorted set keep their order, or get the
    /// opposite one with [`descending`](SortOptions::descending).
    #[must_use]
    pub fn unsorted(mut self) -> SortOptions {
        self.by = By::Nothing;
        self
    }

    /// Compares bytes instead of numbers (ALPHA).
    #[must_use]
    pub fn alpha(mut self) -> SortOptions {
        self.alpha = true;
        self
    }

    /// The greatest first (DESC).
    #[must_use]
    pub fn descending(mut self) -> SortOptions {
        self.descending = true;
        self
    }

    /// Only up to `count` elements, from the one with index `offset` on (LIMIT).
    #[must_use]
    pub fn limit(mut self, offset: usize, count: usize) -> SortOptions {
        (self.offset, self.count) = (offset, Some(count));
        self
    }

    /// Gives, instead of each element, what the pattern leads to (GET): as in [`by`](SortOptions::by), and `#` is the
    /// element itself. Of several patterns each gives a value for each element.
    #[must_use]
    pub fn get(mut self, pattern: impl AsRef<[u8]>) -> SortOptions {
        self.get.push(Blob::from(pattern.as_ref()));
        self
    }

    /// The options by name, and the destination of STORE where that is allowed.
    fn parse<'a>(args: Args<'a>, may_store: bool) -> Result<(SortOptions, Option<&'a [u8]>)> {
        let (mut options, mut destination) = (SortOptions::new(), None);
        let mut at = 2;
        while at < args.len() {
            let left = args.len() - at - 1;
            if args.is(at, "ASC") {
                options.descending = false;
            } else if args.is(at, "DESC") {
                options.descending = true;
            } else if args.is(at, "ALPHA") {
                options.alpha = true;
            } else if args.is(at, "LIMIT") && left >= 2 {
                let (offset, count) = (args.integer(at + 1)?, args.integer(at + 2)?);
                options.offset = usize::try_from(offset).unwrap_or(0);
                options.count = usize::try_from(count).ok();
                at += 2;
            } else if may_store && args.is(at, "STORE") && left >= 1 {
                at += 1;
                destination = Some(args.at(at));
            } else if args.is(at, "BY") && left >= 1 {
                at += 1;
                options = options.by(args.at(at));
            } else if args.is(at, "GET") && left >= 1 {
                at += 1;
                options = options.get(args.at(at));
            } else {
                return Err(Error::SYNTAX);
            }
            at += 1;
        }
        Ok((options, destination))
    }

    /// Whether other keys are looked at.
    fn names_other_keys(&self) -> bool {
        matches!(self.by, By::Pattern(_)) || self.get.iter().any(|pattern| has_star(pattern))
    }

    /// The indices, in the sorted order, of the elements that are wanted of so many.
    fn window(&self, len: usize) -> Range<usize> {
        let start = self.offset.min(len);
        start..self.count.map_or(len, |count| start.saturating_add(count).min(len))
    }
}

/// What C code sees of a text: nothing from a NUL on.
fn until_nul(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    &text[..end]
}

fn has_star(pattern: &[u8]) -> bool {
    until_nul(pattern).contains(&b'*')
}

/// Where a pattern of BY or GET leads.
enum Pattern<'p> {
    /// To the element itself.
    Element,
    Nowhere,
    /// To a string, or to a field of a hash.
    Key {
        before: &'p [u8],
        behind: &'p [u8],
        field: Option<&'p [u8]>,
    },
}

impl<'p> Pattern<'p> {
    fn of(pattern: &'p [u8]) -> Pattern<'p> {
        let visible = until_nul(pattern);
        if visible == b"#" {
            return Pattern::Element;
        }
        let Some(star) = visible.iter().position(|&byte| byte == b'*') else { return Pattern::Nowhere };
        let (before, behind) = (&pattern[..star], &pattern[star + 1..]);
        let arrow = visible[star + 1..].windows(2).position(|pair| pair == b"->");
        match arrow {
            // An arrow at the end is a part of the name.
            Some(arrow) if star + 1 + arrow + 2 < visible.len() => {
                Pattern::Key { before, behind: &behind[..arrow], field: Some(&behind[arrow + 2..]) }
            }
            _ => Pattern::Key { before, behind, field: None },
        }
    }
}

/// What a pattern leads to.
enum Found<'f> {
    Nothing,
    Item(Item<'f>),
    Text(Text<'f>),
}

impl Found<'_> {
    /// The number that it spells, 0 if there is nothing.
    fn weight(self) -> Result<f64> {
        match self {
            Found::Nothing => Ok(0.0),
            Found::Item(item) => weight(item),
            Found::Text(Text::Int(number)) => weight(Item::Int(number)),
            Found::Text(Text::Bytes(text)) => weight(Item::Bytes(text)),
            Found::Text(Text::Shared(text)) => weight(Item::Bytes(text)),
        }
    }

    fn blob(self) -> Option<Blob> {
        match self {
            Found::Nothing => None,
            Found::Item(item) => Some(items::blob(item)),
            Found::Text(text) => Some(text.to_blob()),
        }
    }
}

fn weight(item: Item<'_>) -> Result<f64> {
    match item {
        Item::Int(number) => Ok(number as f64),
        Item::Bytes(text) => match num::parse_i64(text) {
            Some(number) => Ok(number as f64),
            None => num::parse_weight(text).ok_or(Error::SORT_NOT_NUMBERS),
        },
    }
}

/// Shows `take` what a pattern leads to for an element. `name` is a buffer for names of keys.
fn fetch<R>(
    cx: &mut Ctx<'_>,
    pattern: &Pattern<'_>,
    element: Item<'_>,
    name: &mut Vec<u8>,
    take: impl FnOnce(Found<'_>) -> R,
) -> R {
    let (before, behind, field) = match *pattern {
        Pattern::Element => return take(Found::Item(element)),
        Pattern::Nowhere => return take(Found::Nothing),
        Pattern::Key { before, behind, field } => (before, behind, field),
    };
    name.clear();
    name.extend_from_slice(before);
    element.write(name);
    name.extend_from_slice(behind);
    let key = cx.key(name);
    take(match field {
        None => match cx.find(key).map(Entry::text) {
            Some(Ok(text)) => Found::Text(text),
            _ => Found::Nothing,
        },
        Some(field) => {
            let now = cx.now();
            let hash = cx.find(key).and_then(Entry::value::<Hash>);
            hash.and_then(|hash| hash.get(field, now)).map_or(Found::Nothing, Found::Item)
        }
    })
}

/// Where the result goes: first how many values there are, then each.
trait Output {
    fn start(&mut self, len: usize);
    fn put(&mut self, value: Found<'_>);
}

struct SortReply<'r>(&'r mut dyn Reply);

impl Output for SortReply<'_> {
    fn start(&mut self, len: usize) {
        self.0.array(len);
    }
    fn put(&mut self, value: Found<'_>) {
        match value {
            Found::Nothing => self.0.null(),
            Found::Item(item) => items::reply(item, self.0),
            Found::Text(text) => text.reply(self.0),
        }
    }
}

impl Output for Vec<Option<Blob>> {
    fn start(&mut self, len: usize) {
        self.reserve(len);
    }
    fn put(&mut self, value: Found<'_>) {
        self.push(value.blob());
    }
}

/// A list for STORE.
struct Stored<'l> {
    list: List,
    limits: &'l Limits,
    is_too_long: bool,
}

impl Output for Stored<'_> {
    fn start(&mut self, _: usize) {}
    fn put(&mut self, value: Found<'_>) {
        let mut spelled = itoa::Buffer::new();
        let text = match value {
            Found::Nothing => b"",
            Found::Item(item) => item.bytes(&mut spelled),
            Found::Text(text) => text.bytes(&mut spelled),
        };
        if text.len() > LONGEST {
            self.is_too_long = true;
        } else {
            self.list.push(ListSide::Right, text, self.limits);
        }
    }
}

/// What is sorted, apart from the key space so that other keys can be looked at meanwhile.
enum Source {
    List(List),
    Set(Set),
    Zset(Zset),
}

impl Source {
    fn of(cx: &mut Ctx<'_>, key: Key<'_>) -> Result<Source> {
        let Some(entry) = cx.find(key) else { return Ok(Source::Set(Set::default())) };
        let list = entry.value::<List>().cloned().map(Source::List);
        let set = || entry.value::<Set>().cloned().map(Source::Set);
        let zset = || entry.value::<Zset>().cloned().map(Source::Zset);
        list.or_else(set).or_else(zset).ok_or(Error::WRONG_TYPE)
    }

    fn len(&self) -> usize {
        match self {
            Source::List(list) => list.len(),
            Source::Set(set) => set.len(),
            Source::Zset(zset) => zset.len(),
        }
    }

    /// All elements as they stand.
    fn elements(&self) -> Vec<Item<'_>> {
        match self {
            Source::List(list) => list.walk_from(ListSide::Left, usize::MAX).collect(),
            Source::Set(set) => set.iter().collect(),
            Source::Zset(zset) => zset.iter().map(|(member, _)| member).collect(),
        }
    }

    /// A part of the elements as they stand.
    fn part(&self, options: &SortOptions) -> Vec<Item<'_>> {
        let len = self.len();
        let Range { start, end } = options.window(len);
        match self {
            _ if start == end => Vec::new(),
            Source::List(list) if options.descending => {
                list.walk(len - 1 - start, end - start, ListSide::Right).collect()
            }
            Source::List(list) => list.walk(start, end - start, ListSide::Left).collect(),
            Source::Zset(zset) if options.descending => {
                zset.range(len - end..len - start).rev().map(|(member, _)| member).collect()
            }
            Source::Zset(zset) => zset.range(start..end).map(|(member, _)| member).collect(),
            Source::Set(set) => set.iter().skip(start).take(end - start).collect(),
        }
    }
}

/// Who gets the result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Caller,
    /// A script, which must find even a set in an order that does not depend on its form.
    Script,
    /// A key: as for a script, and bytes behind a NUL count.
    Key,
}

impl For {
    /// What is compared of a text.
    fn visible(self, text: &[u8]) -> &[u8] {
        if self == For::Key { text } else { until_nul(text) }
    }
}

/// The elements that are wanted, in their order.
fn arrange<'s>(
    cx: &mut Ctx<'_>,
    source: &'s Source,
    options: &SortOptions,
    whom: For,
) -> Result<Vec<Item<'s>>> {
    let elements = match options.by {
        By::Nothing if whom == For::Caller || !matches!(source, Source::Set(_)) => {
            return Ok(source.part(options));
        }
        _ => source.elements(),
    };
    let indices = match &options.by {
        By::Pattern(pattern) => {
            let (pattern, mut name) = (Pattern::of(pattern), Vec::new());
            if options.alpha {
                let weight = |&element| fetch(cx, &pattern, element, &mut name, |found| found.blob());
                let weights: Vec<Option<Blob>> = elements.iter().map(weight).collect();
                let texts = weights.iter().map(|text| text.as_ref().map(|text| whom.visible(text)));
                let texts: Vec<Option<&[u8]>> = texts.collect();
                sorted(text_ranks(&texts), options, |one, other| texts[one].cmp(&texts[other]))
            } else {
                let weight = |&element| fetch(cx, &pattern, element, &mut name, |found| found.weight());
                let weights = elements.iter().map(weight).collect::<Result<Vec<f64>>>()?;
                // Many may have the same weight, or none.
                let mut digits = Vec::new();
                let texts = texts_of(&elements, &mut digits);
                let ranks = weights.into_iter().map(number_rank).zip(text_ranks(&texts));
                sorted(ranks, options, |one, other| texts[one].cmp(&texts[other]))
            }
        }
        By::Element if !options.alpha => {
            let weights = elements.iter().map(|&element| weight(element)).collect::<Result<Vec<f64>>>()?;
            sorted(weights.into_iter().map(number_rank), options, |one, other| {
                let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
                elements[one].bytes(&mut first).cmp(elements[other].bytes(&mut second))
            })
        }
        By::Element | By::Nothing => {
            let mut digits = Vec::new();
            let mut texts = texts_of(&elements, &mut digits);
            texts.iter_mut().for_each(|text| *text = text.map(|text| whom.visible(text)));
            sorted(text_ranks(&texts), options, |one, other| texts[one].cmp(&texts[other]))
        }
    };
    Ok(indices.into_iter().map(|at| elements[at]).collect())
}

/// The texts of elements; `digits` holds those of integers.
fn texts_of<'t>(elements: &[Item<'t>], digits: &'t mut Vec<u8>) -> Vec<Option<&'t [u8]>> {
    let is_integer = |element: &&Item<'_>| matches!(element, Item::Int(_));
    elements.iter().filter(is_integer).for_each(|element| element.write(digits));
    let mut rest = digits.as_slice();
    let text = |element: &Item<'t>| match element {
        Item::Bytes(text) => Some(*text),
        Item::Int(_) => rest.split_off(..element.len()),
    };
    elements.iter().map(text).collect()
}

/// Numbers that are in the order of the texts, those that are missing before all others; they are equal for some
/// texts that are not.
fn text_ranks(texts: &[Option<&[u8]>]) -> impl Iterator<Item = u64> {
    // Eight bytes tell most texts apart, if they are not those that all of them begin with.
    let mut given = texts.iter().flatten();
    let first = given.next().copied().unwrap_or_default();
    let common = given.fold(first.len(), |common, text| {
        first[..common].iter().zip(*text).take_while(|(one, other)| one == other).count()
    });
    texts.iter().map(move |text| {
        let mut bytes = [0; 8];
        let behind = text.map_or(&[][..], |text| &text[common..]);
        bytes.iter_mut().zip(behind).for_each(|(byte, own)| *byte = *own);
        u64::from_be_bytes(bytes)
    })
}

/// Numbers that are in the order of doubles: their bits are, negative ones the other way round; there is one zero.
fn number_rank(weight: f64) -> u64 {
    let bits = (weight + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The indices that are wanted, in the order of ranks, and of `tie` where two ranks are equal; what is equal in that too
/// stays as it stands.
fn sorted<R: Copy + Ord>(
    ranks: impl Iterator<Item = R>,
    options: &SortOptions,
    tie: impl Fn(usize, usize) -> Ordering,
) -> Vec<usize> {
    let mut ranked: Vec<(R, usize)> = ranks.zip(0..).collect();
    let compare = |one: &(R, usize), other: &(R, usize)| {
        let order = one.0.cmp(&other.0).then_with(|| tie(one.1, other.1));
        let order = if options.descending { order.reverse() } else { order };
        order.then(one.1.cmp(&other.1))
    };
    let window = options.window(ranked.len());
    if window.is_empty() {
        return Vec::new();
    }
    // What is not wanted is only put aside.
    if window.end < ranked.len() {
        ranked.select_nth_unstable_by(window.end, compare);
        ranked.truncate(window.end);
    }
    if window.start > 0 {
        ranked.select_nth_unstable_by(window.start, compare);
    }
    let wanted = &mut ranked[window];
    wanted.sort_unstable_by(compare);
    wanted.iter().map(|&(_, at)| at).collect()
}

fn sort_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (options, destination) = SortOptions::parse(args, true)?;
    let key = cx.key(args.at(1));
    match destination {
        Some(destination) => out.length(sort_store(cx, key, &options, cx.key(destination))?),
        None => sort(cx, key, &options, &mut SortReply(out))?,
    }
    Ok(())
}

fn sort_ro_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (options, _) = SortOptions::parse(args, false)?;
    sort(cx, cx.key(args.at(1)), &options, &mut SortReply(out))
}

fn sort(cx: &mut Ctx<'_>, key: Key<'_>, options: &SortOptions, out: &mut impl Output) -> Result<()> {
    let source = Source::of(cx, key)?;
    let whom = if cx.turn.in_script { For::Script } else { For::Caller };
    let elements = arrange(cx, &source, options, whom)?;
    put_values(cx, &elements, options, out);
    Ok(())
}

/// What is asked for of each element.
fn put_values(cx: &mut Ctx<'_>, elements: &[Item<'_>], options: &SortOptions, out: &mut impl Output) {
    out.start(elements.len() * options.get.len().max(1));
    if options.get.is_empty() {
        return elements.iter().for_each(|&element| out.put(Found::Item(element)));
    }
    let patterns: Vec<Pattern<'_>> = options.get.iter().map(|pattern| Pattern::of(pattern)).collect();
    let mut name = Vec::new();
    for &element in elements {
        for pattern in &patterns {
            fetch(cx, pattern, element, &mut name, |value| out.put(value));
        }
    }
}

/// Answers how many values the list has; without any the destination is removed.
fn sort_store(cx: &mut Ctx<'_>, key: Key<'_>, options: &SortOptions, destination: Key<'_>) -> Result<usize> {
    let source = Source::of(cx, key)?;
    let elements = arrange(cx, &source, options, For::Key)?;
    let mut stored = Stored { list: List::default(), limits: &cx.space.limits, is_too_long: false };
    put_values(cx, &elements, options, &mut stored);
    if stored.is_too_long {
        return Err(Error::STRING_TOO_LARGE);
    }
    let len = stored.list.len();
    if len == 0 {
        cx.delete(destination, "del");
    } else {
        cx.put(destination, Content::List(stored.list), None, "sortstore");
    }
    Ok(len)
}

/// # Sorting
impl Store {
    /// Gives the elements of a list, set or sorted set in the order of the numbers that they spell, or as the options
    /// say (SORT); none if the key does not exist. `None` is a value that [`SortOptions::get`] asked for and that does
    /// not exist.
    ///
    /// # Errors
    ///
    /// `ERR One or more scores can't be converted into double` if the order is one of numbers and an element (or what
    /// it is sorted by) does not spell one, `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{SortOptions, Store};
    ///
    /// let store = Store::new();
    /// store.rpush("numbers", &["10", "9", "-1"])?;
    /// let sorted = |options: &SortOptions| -> redmoon::Result<Vec<_>> {
    ///     Ok(store.sort("numbers", options)?.into_iter().flatten().collect())
    /// };
    /// assert_eq!(sorted(&SortOptions::new())?, ["-1", "9", "10"]);
    /// assert_eq!(sorted(&SortOptions::new().alpha())?, ["-1", "10", "9"]);
    /// assert_eq!(sorted(&SortOptions::new().descending().limit(0, 1))?, ["10"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sort(&self, key: impl AsRef<[u8]>, options: &SortOptions) -> Result<Vec<Option<Blob>>> {
        let key = key.as_ref();
        let mut values = Vec::new();
        self.sorting(options, LockMode::Read, [key], |cx| sort(cx, cx.key(key), options, &mut values))?;
        Ok(values)
    }

    /// Sets a key to a list of what [`sort`](Store::sort) gives (SORT with STORE), whatever it held before, and answers
    /// how many elements the list has; if there are none, the key is removed. What does not exist becomes an empty
    /// string.
    ///
    /// # Errors
    ///
    /// As for [`sort`](Store::sort); nothing changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{SortOptions, Store};
    ///
    /// let store = Store::new();
    /// store.sadd("numbers", &["10", "9", "-1"])?;
    /// assert_eq!(store.sort_store("numbers", &SortOptions::new(), "sorted")?, 3);
    /// assert_eq!(store.lrange("sorted", 0, -1)?, ["-1", "9", "10"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn sort_store(
        &self,
        key: impl AsRef<[u8]>,
        options: &SortOptions,
        destination: impl AsRef<[u8]>,
    ) -> Result<usize> {
        let (key, destination) = (key.as_ref(), destination.as_ref());
        self.sorting(options, LockMode::Write, [key, destination], |cx| {
            sort_store(cx, cx.key(key), options, cx.key(destination))
        })
    }

    fn sorting<'k, R>(
        &self,
        options: &SortOptions,
        mode: LockMode,
        keys: impl IntoIterator<Item = &'k [u8]>,
        op: impl FnOnce(&mut Ctx<'_>) -> Result<R>,
    ) -> Result<R> {
        if options.names_other_keys() { self.with_all(mode, op) } else { self.with_keys(keys, mode, op) }
    }
}
