//! [`Hash`]: fields with values, and deadlines of fields.
//!
//! Three forms, each turned into the next when it is outgrown or asked for what it cannot hold, and never back:
//!
//! * packed: field, value, field, value … in one [`Packed`];
//! * timed: field, value, deadline … in one [`Packed`], a field without a deadline having an empty text there. A hash
//!   becomes one with its first deadline;
//! * a table: [`Records`], and beside them the deadlines of the fields that have one.
//!
//! A hash turns into a table at 128 fields, because a look-up in a longer sequence takes too long, and at limits that
//! are lower. What it is *called* follows the limits alone, as on a server, where a table of fewer fields than
//! they allow is called a listpack still.
//!
//! A hash of which no field ever had a deadline pays nothing for them. A field is past its time when its deadline is
//! less than `now` (both in milliseconds since the epoch): it is then gone for every method that takes a `now`, and
//! takes memory until [`purge`](Hash::purge). Methods that change the hash take no `now`; they are for a hash that was
//! purged.
//!
//! # Invariants
//!
//! 1. A packed or timed hash has at most [`PACKED_FIELDS`] fields and no more than `Limits::hash_entries`, and none of
//!    its texts is longer than `Limits::hash_value` was when it was put there. A table is `called_small` as long as
//!    that holds for the limits alone, and never again afterwards.
//! 2. `Timed::first` and `Timed::end` are what a look at all its deadlines would give.
//! 3. Of a table with deadlines, `of` and `order` hold the same deadlines, at least one, of records that exist.
//!
//! # Costs
//!
//! A packed or timed hash is walked from its beginning. A table finds, adds and removes in expected O(1), and in O(log n) for n fields with deadlines where one is touched.
//! A clone is O(1); the first change of either copy then copies all.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::Limits;
use super::packed::{Item, MOST_ITEMS, Packed};
use super::records::{At, Records};
use crate::num;
use crate::rng::Rng;

#[derive(Clone)]
pub(crate) struct Hash(Form);

const _: () = assert!(size_of::<Hash>() <= 16);

#[derive(Clone)]
enum Form {
    Packed(Packed),
    Timed(Arc<Timed>),
    Table(Arc<Table>),
}

/// A field and its value.
pub(crate) type Pair<'a> = (Item<'a>, Item<'a>);

/// What becomes of a field's deadline when the field gets a new value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deadline {
    Kept,
    Cleared,
}

/// More fields than this are never packed.
const PACKED_FIELDS: usize = 128;
/// More bytes than this are never packed, texts of a quarter of them included: the lengths inside have 32 bits.
const MOST_BYTES: usize = 1 << 30;

const _: () = assert!((PACKED_FIELDS + 1) * 3 <= MOST_ITEMS);
/// How often a field that is not past its time is sought by chance before all fields are looked at.
const DRAWS: usize = 64;

impl Default for Hash {
    fn default() -> Hash {
        Hash(Form::Packed(Packed::new()))
    }
}

/// What a deadline stands for at a time.
#[inline]
fn is_due(deadline: Option<i64>, now: i64) -> bool {
    deadline.is_some_and(|deadline| deadline < now)
}

/// The position of a field of a packed hash. A function of its own, so that the walk by twos is compiled for changes
/// once.
#[inline(never)]
fn place(items: &Packed, field: &[u8]) -> Option<usize> {
    items.find(field, items.first(), 2)
}

/// The contract with the key space.
impl Hash {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Packed(items) => items.is_empty(),
            Form::Timed(timed) => timed.items.is_empty(),
            Form::Table(table) => table.records.is_empty(),
        }
    }

    /// What OBJECT ENCODING calls the form that it has.
    pub(crate) fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Packed(_) => "listpack",
            Form::Timed(_) => "listpackex",
            Form::Table(table) if !table.called_small => "hashtable",
            Form::Table(table) if table.had_deadlines => "listpackex",
            Form::Table(_) => "listpack",
        }
    }

    /// Bytes that it has allocated.
    pub(crate) fn memory(&self) -> usize {
        match &self.0 {
            Form::Packed(items) => items.memory(),
            Form::Timed(timed) => size_of::<Timed>() + 16 + timed.items.memory(),
            Form::Table(table) => size_of::<Table>() + 16 + table.memory(),
        }
    }

    /// When the last field is gone, in milliseconds since the epoch; `None` if some field has no deadline.
    #[inline]
    pub(crate) fn end(&self) -> Option<i64> {
        match &self.0 {
            Form::Packed(_) => None,
            Form::Timed(timed) => timed.end,
            Form::Table(table) => table.end(),
        }
    }

    /// Whether some field has a deadline: only then does it matter what `now` the other methods get.
    #[inline]
    pub(crate) fn has_deadlines(&self) -> bool {
        match &self.0 {
            Form::Packed(_) => false,
            Form::Timed(timed) => timed.first.is_some(),
            Form::Table(table) => table.deadlines.is_some(),
        }
    }

    /// Removes the fields that are past their time, and says how many they were.
    pub(crate) fn purge(&mut self, now: i64) -> usize {
        match &mut self.0 {
            Form::Timed(timed) if is_due(timed.first, now) => Arc::make_mut(timed).purge(now),
            Form::Table(table) if is_due(table.first_deadline(), now) => Arc::make_mut(table).purge(now),
            _ => 0,
        }
    }
}

/// Reading.
impl Hash {
    /// The number of fields.
    pub(crate) fn len(&self, now: i64) -> usize {
        match &self.0 {
            Form::Packed(items) => items.len() / 2,
            Form::Timed(timed) if is_due(timed.first, now) => timed.live(now).count(),
            Form::Timed(timed) => timed.items.len() / 3,
            Form::Table(table) => table.records.len() - table.due(now).count(),
        }
    }

    /// The value of a field.
    #[inline]
    pub(crate) fn get(&self, field: &[u8], now: i64) -> Option<Item<'_>> {
        match &self.0 {
            Form::Packed(items) => {
                let at = place(items, field)?;
                Some(items.at(items.next(at)?))
            }
            Form::Timed(timed) => {
                let found = timed.find(field)?;
                (!is_due(timed.deadline(found), now)).then(|| timed.items.at(found.value))
            }
            Form::Table(table) => {
                let at = table.find(field, now)?;
                Some(Item::Bytes(table.records.value(at)))
            }
        }
    }

    pub(crate) fn contains(&self, field: &[u8], now: i64) -> bool {
        self.get(field, now).is_some()
    }

    /// The deadline of a field, `None` in `Some` if it has none.
    pub(crate) fn deadline(&self, field: &[u8], now: i64) -> Option<Option<i64>> {
        let deadline = match &self.0 {
            Form::Packed(_) => return self.contains(field, now).then_some(None),
            Form::Timed(timed) => timed.deadline(timed.find(field)?),
            Form::Table(table) => table.deadline(table.records.find(field)?),
        };
        (!is_due(deadline, now)).then_some(deadline)
    }

    /// Calls `visit` with every field and its value.
    pub(crate) fn for_each<'a>(&'a self, now: i64, mut visit: impl FnMut(Item<'a>, Item<'a>)) {
        match &self.0 {
            Form::Packed(items) => {
                let mut items = items.iter();
                while let (Some(field), Some(value)) = (items.next(), items.next()) {
                    visit(field, value);
                }
            }
            Form::Timed(timed) => timed.live(now).for_each(|(field, value)| visit(field, value)),
            Form::Table(table) => {
                table.live(now).for_each(|at| {
                    let (field, value) = table.pair(at);
                    visit(field, value);
                });
            }
        }
    }

    /// Visits about `count` fields from a cursor on, and answers the cursor to go on from: 0 at the end, and 0 to
    /// begin with. A field that is there from the first call to the last is visited at least once, whatever happens
    /// to others meanwhile. Small hashes are visited at once.
    pub(crate) fn walk<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        now: i64,
        mut visit: impl FnMut(Item<'a>, Item<'a>),
    ) -> u64 {
        let Form::Table(table) = &self.0 else {
            self.for_each(now, visit);
            return 0;
        };
        table.records.walk_addresses(cursor, count, |at| {
            if !is_due(table.deadline(at), now) {
                let (field, value) = table.pair(at);
                visit(field, value);
            }
        })
    }

    /// A field and its value, each as likely as any other.
    pub(crate) fn random(&self, rng: &mut Rng, now: i64) -> Option<Pair<'_>> {
        let below = |rng: &mut Rng, len: usize| rng.below(len as u64) as usize;
        match &self.0 {
            Form::Packed(items) => {
                let field = items.seek(below(rng, items.len() / 2) * 2)?;
                Some((items.at(field), items.at(items.next(field)?)))
            }
            Form::Timed(timed) => timed.live(now).nth(below(rng, self.len(now))),
            Form::Table(table) => {
                for _ in 0..DRAWS {
                    let at = table.records.random(rng)?;
                    if !is_due(table.deadline(at), now) {
                        return Some(table.pair(at));
                    }
                }
                table.live(now).nth(below(rng, self.len(now))).map(|at| table.pair(at))
            }
        }
    }

    /// Up to `count` different fields with their values, each as likely as any other; all if there are not as many.
    pub(crate) fn sample(&self, count: usize, rng: &mut Rng, now: i64) -> Vec<Pair<'_>> {
        let len = self.len(now);
        if count < len / 3
            && let Form::Table(table) = &self.0
        {
            let mut drawn = HashSet::with_capacity_and_hasher(count, FixedState::default());
            let mut sample = Vec::with_capacity(count);
            for _ in 0..count.saturating_mul(DRAWS) {
                if sample.len() == count {
                    break;
                }
                if let Some(at) = table.records.random(rng)
                    && !is_due(table.deadline(at), now)
                    && drawn.insert(at)
                {
                    sample.push(table.pair(at));
                }
            }
            // Too few only if most fields are past their time.
            if sample.len() == count {
                return sample;
            }
        }
        // Each is taken with the chance that the rest of the sample needs of the rest of the fields: Donald Knuth,
        // "The Art of Computer Programming", volume 2, 3.4.2, algorithm S.
        let (mut left, mut wanted) = (len, count.min(len));
        let mut sample = Vec::with_capacity(wanted);
        self.for_each(now, |field, value| {
            if (rng.below(left as u64) as usize) < wanted {
                sample.push((field, value));
                wanted -= 1;
            }
            left -= 1;
        });
        sample
    }
}

/// Changes.
impl Hash {
    /// Makes ready for texts of up to so many bytes.
    #[inline]
    pub(crate) fn make_room(&mut self, longest: usize, limits: &Limits) {
        if longest > limits.hash_value.get() {
            self.outgrow(limits);
        } else if longest > MOST_BYTES / 4 {
            self.make_table(limits);
        }
    }

    /// Gives a field a value, and says whether the field is new.
    pub(crate) fn set(&mut self, field: &[u8], value: &[u8], deadline: Deadline, limits: &Limits) -> bool {
        self.make_room(field.len().max(value.len()), limits);
        let (is_new, fields, bytes) = match &mut self.0 {
            Form::Packed(items) => {
                let found = place(items, field);
                if let Some(at) = found {
                    let value_at = items.next(at).unwrap_or(items.end());
                    let fits = items.len() / 2 <= limits.hash_entries.get();
                    if fits && value_at < items.end() && items.overwrite(value_at, value) {
                        return false;
                    }
                    items.replace(value_at, value);
                } else {
                    items.push_back(field);
                    items.push_back(value);
                }
                (found.is_none(), items.len() / 2, items.bytes_len())
            }
            Form::Timed(timed) => {
                let timed = Arc::make_mut(timed);
                let is_new = timed.set(field, value, deadline);
                (is_new, timed.items.len() / 3, timed.items.bytes_len())
            }
            Form::Table(table) => {
                let table = Arc::make_mut(table);
                let is_new = table.set(field, value, deadline);
                table.called_small &= table.records.len() <= limits.hash_entries.get();
                return is_new;
            }
        };
        if fields > limits.hash_entries.get() {
            self.outgrow(limits);
        } else if fields > PACKED_FIELDS || bytes > MOST_BYTES / 2 {
            self.make_table(limits);
        }
        is_new
    }

    /// Gives a field the value that `make` makes of the old one; the field keeps its deadline. An error of `make` changes
    /// nothing.
    pub(crate) fn change<T: AsRef<[u8]>, E>(
        &mut self,
        field: &[u8],
        limits: &Limits,
        make: impl FnOnce(Option<Item<'_>>) -> Result<T, E>,
    ) -> Result<(), E> {
        // One look-up where the value stays in its place, as those of counters mostly do.
        match &mut self.0 {
            Form::Packed(items) => {
                let place = place(items, field).and_then(|at| items.next(at));
                let value = make(place.map(|at| items.at(at)))?;
                match place {
                    Some(at) if value.as_ref().len() <= limits.hash_value.get() => {
                        items.replace(at, value.as_ref());
                    }
                    _ => {
                        self.set(field, value.as_ref(), Deadline::Kept, limits);
                    }
                }
            }
            Form::Table(table) => {
                let at = table.records.find(field);
                let old = at.map(|at| table.records.value(at));
                let value = make(old.map(Item::Bytes))?;
                match (at, old) {
                    (Some(at), Some(old)) if old.len() == value.as_ref().len() => {
                        Arc::make_mut(table).records.value_mut(at).copy_from_slice(value.as_ref());
                    }
                    _ => {
                        self.set(field, value.as_ref(), Deadline::Kept, limits);
                    }
                }
            }
            Form::Timed(_) => {
                let value = make(self.get(field, i64::MIN))?;
                self.set(field, value.as_ref(), Deadline::Kept, limits);
            }
        }
        Ok(())
    }

    /// Removes a field; false if it is not there.
    pub(crate) fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Form::Packed(items) => match place(items, field) {
                Some(at) => {
                    items.remove(at, 2);
                    true
                }
                None => false,
            },
            Form::Timed(timed) => match timed.find(field) {
                Some(found) => {
                    let timed = Arc::make_mut(timed);
                    timed.items.remove(found.field, 3);
                    timed.settle();
                    true
                }
                None => false,
            },
            Form::Table(table) => match table.records.find(field) {
                Some(at) => {
                    let table = Arc::make_mut(table);
                    table.set_deadline(at, None);
                    table.remove(at);
                    true
                }
                None => false,
            },
        }
    }

    /// Sets or takes away the deadline of a field, in milliseconds since the epoch; false if the field is not there.
    pub(crate) fn set_deadline(&mut self, field: &[u8], deadline: Option<i64>) -> bool {
        if !self.contains(field, i64::MIN) {
            return false;
        }
        if deadline.is_some()
            && let Form::Packed(items) = &self.0
        {
            self.0 = Form::Timed(Arc::new(Timed::of(items)));
        }
        match &mut self.0 {
            Form::Packed(_) => {}
            Form::Timed(timed) => Arc::make_mut(timed).set_deadline(field, deadline),
            Form::Table(table) => {
                if let Some(at) = table.records.find(field) {
                    Arc::make_mut(table).set_deadline(at, deadline);
                }
            }
        }
        true
    }

    /// Makes a table of it that is called one.
    #[cold]
    fn outgrow(&mut self, limits: &Limits) {
        self.make_table(limits);
        if let Form::Table(table) = &mut self.0
            && table.called_small
        {
            Arc::make_mut(table).called_small = false;
        }
    }

    #[cold]
    fn make_table(&mut self, limits: &Limits) {
        let mut table = Table {
            records: Records::new(limits.seed),
            deadlines: None,
            called_small: true,
            had_deadlines: matches!(self.0, Form::Timed(_)),
        };
        let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
        match &self.0 {
            Form::Packed(items) => {
                let mut items = items.iter();
                while let (Some(field), Some(value)) = (items.next(), items.next()) {
                    table.records.insert(field.bytes(&mut first), value.bytes(&mut second));
                }
            }
            Form::Timed(timed) => {
                for (field, value, deadline) in timed.fields() {
                    let (at, _) = table.records.insert(field.bytes(&mut first), value.bytes(&mut second));
                    table.set_deadline(at, deadline);
                }
            }
            Form::Table(_) => return,
        }
        self.0 = Form::Table(Arc::new(table));
    }
}

/// A small hash with deadlines.
#[derive(Clone)]
struct Timed {
    items: Packed,
    /// The earliest deadline.
    first: Option<i64>,
    /// The last deadline, if all fields have one.
    end: Option<i64>,
}

/// Where the items of a field are.
#[derive(Clone, Copy)]
struct Found {
    field: usize,
    value: usize,
    deadline: usize,
}

/// What stands in the place of a deadline.
fn read_deadline(item: Item<'_>) -> Option<i64> {
    match item {
        Item::Int(deadline) => Some(deadline),
        Item::Bytes(bytes) => num::parse_i64(bytes),
    }
}

impl Timed {
    /// The fields of a packed hash, none of them with a deadline.
    fn of(items: &Packed) -> Timed {
        let mut timed =
            Timed { items: Packed::with_capacity(items.bytes_len() + items.len()), first: None, end: None };
        let (mut buffer, mut is_value) = (itoa::Buffer::new(), false);
        for item in items.iter() {
            timed.items.push_back(item.bytes(&mut buffer));
            if is_value {
                timed.items.push_back(b"");
            }
            is_value = !is_value;
        }
        timed
    }

    fn find(&self, field: &[u8]) -> Option<Found> {
        let field = self.items.find(field, self.items.first(), 3)?;
        let value = self.items.next(field)?;
        Some(Found { field, value, deadline: self.items.next(value)? })
    }

    fn deadline(&self, found: Found) -> Option<i64> {
        read_deadline(self.items.at(found.deadline))
    }

    /// All fields, with their values and deadlines.
    fn fields(&self) -> impl Iterator<Item = (Item<'_>, Item<'_>, Option<i64>)> {
        let mut items = self.items.iter();
        std::iter::from_fn(move || Some((items.next()?, items.next()?, read_deadline(items.next()?))))
    }

    fn live(&self, now: i64) -> impl Iterator<Item = Pair<'_>> {
        let live = self.fields().filter(move |&(.., deadline)| !is_due(deadline, now));
        live.map(|(field, value, _)| (field, value))
    }

    fn set(&mut self, field: &[u8], value: &[u8], deadline: Deadline) -> bool {
        match self.find(field) {
            Some(found) => {
                // From the back, so that the positions in front stay true.
                if deadline == Deadline::Cleared && self.deadline(found).is_some() {
                    self.items.replace(found.deadline, b"");
                    self.items.replace(found.value, value);
                    self.settle();
                } else {
                    self.items.replace(found.value, value);
                }
                false
            }
            None => {
                self.items.push_back(field);
                self.items.push_back(value);
                self.items.push_back(b"");
                self.end = None;
                true
            }
        }
    }

    fn set_deadline(&mut self, field: &[u8], deadline: Option<i64>) {
        if let Some(found) = self.find(field) {
            let mut buffer = itoa::Buffer::new();
            let text = deadline.map_or("", |deadline| buffer.format(deadline));
            self.items.replace(found.deadline, text.as_bytes());
            self.settle();
        }
    }

    fn purge(&mut self, now: i64) -> usize {
        let before = self.items.len();
        let mut items = Packed::with_capacity(self.items.bytes_len());
        let mut buffer = itoa::Buffer::new();
        for (field, value, deadline) in self.fields().filter(|&(.., deadline)| !is_due(deadline, now)) {
            items.push_back(field.bytes(&mut buffer));
            items.push_back(value.bytes(&mut buffer));
            items.push_back(deadline.map_or("", |deadline| buffer.format(deadline)).as_bytes());
        }
        self.items = items;
        self.settle();
        (before - self.items.len()) / 3
    }

    /// Brings `first` and `end` up to date.
    fn settle(&mut self) {
        let mut first: Option<i64> = None;
        let mut end: Option<i64> = None;
        let mut all = true;
        for (.., deadline) in self.fields() {
            match deadline {
                Some(deadline) => {
                    first = Some(first.map_or(deadline, |first| first.min(deadline)));
                    end = end.max(Some(deadline));
                }
                None => all = false,
            }
        }
        (self.first, self.end) = (first, end.filter(|_| all));
    }
}

/// A large hash.
#[derive(Clone)]
struct Table {
    records: Records,
    deadlines: Option<Box<Deadlines>>,
    /// Whether it is within the limits of the packed form.
    called_small: bool,
    /// Whether a field has or had a deadline.
    had_deadlines: bool,
}

#[derive(Clone, Default)]
struct Deadlines {
    of: HashMap<At, i64, FixedState>,
    order: BTreeSet<(i64, At)>,
}

impl Table {
    #[inline]
    fn find(&self, field: &[u8], now: i64) -> Option<At> {
        self.records.find(field).filter(|&at| !is_due(self.deadline(at), now))
    }

    #[inline]
    fn deadline(&self, at: At) -> Option<i64> {
        self.deadlines.as_ref()?.of.get(&at).copied()
    }

    fn pair(&self, at: At) -> Pair<'_> {
        let (field, value) = self.records.record(at);
        (Item::Bytes(field), Item::Bytes(value))
    }

    fn live(&self, now: i64) -> impl Iterator<Item = At> + '_ {
        self.records.addresses().filter(move |&at| !is_due(self.deadline(at), now))
    }

    /// The fields that are past their time, the earliest first.
    fn due(&self, now: i64) -> impl Iterator<Item = At> + '_ {
        let order = self.deadlines.iter().flat_map(|deadlines| &deadlines.order);
        order.take_while(move |&&(deadline, _)| deadline < now).map(|&(_, at)| at)
    }

    fn first_deadline(&self) -> Option<i64> {
        Some(self.deadlines.as_ref()?.order.first()?.0)
    }

    fn end(&self) -> Option<i64> {
        let order = &self.deadlines.as_ref()?.order;
        if order.len() < self.records.len() { None } else { order.last().map(|&(deadline, _)| deadline) }
    }

    fn memory(&self) -> usize {
        let deadlines = self.deadlines.as_ref().map_or(0, |deadlines| {
            // A slot of the map with its byte of hash, and a place in a node of the tree that is two thirds full.
            size_of::<Deadlines>() + deadlines.of.capacity() * 17 + deadlines.order.len() * 26
        });
        self.records.memory() + deadlines
    }

    fn set(&mut self, field: &[u8], value: &[u8], deadline: Deadline) -> bool {
        // With its value a record may move, and its deadline goes by its address.
        let old = if self.deadlines.is_some() { self.records.find(field) } else { None };
        let kept = old.and_then(|at| self.deadline(at));
        if let (Some(at), Some(_)) = (old, kept) {
            self.set_deadline(at, None);
        }
        let (at, is_new) = self.records.insert(field, value);
        if deadline == Deadline::Kept && kept.is_some() {
            self.set_deadline(at, kept);
        }
        self.compact_if_sparse();
        is_new
    }

    fn set_deadline(&mut self, at: At, deadline: Option<i64>) {
        if deadline.is_none() && self.deadlines.is_none() {
            return;
        }
        self.had_deadlines = true;
        let deadlines = self.deadlines.get_or_insert_default();
        let old = match deadline {
            Some(deadline) => deadlines.of.insert(at, deadline),
            None => deadlines.of.remove(&at),
        };
        if let Some(old) = old {
            deadlines.order.remove(&(old, at));
        }
        if let Some(deadline) = deadline {
            deadlines.order.insert((deadline, at));
        }
        if deadlines.order.is_empty() {
            self.deadlines = None;
        }
    }

    /// Removes a record that has no deadline (any more).
    fn remove(&mut self, at: At) {
        self.records.remove_at(at);
        self.compact_if_sparse();
    }

    fn purge(&mut self, now: i64) -> usize {
        let due: Vec<At> = self.due(now).collect();
        for &at in &due {
            self.set_deadline(at, None);
            self.records.remove_at(at);
        }
        self.compact_if_sparse();
        due.len()
    }

    fn compact_if_sparse(&mut self) {
        if !self.records.is_sparse() {
            return;
        }
        let old = self.deadlines.take();
        let mut new = Deadlines::default();
        self.records.compact(|from, to| {
            if let Some(&deadline) = old.as_ref().and_then(|old| old.of.get(&from)) {
                new.of.insert(to, deadline);
                new.order.insert((deadline, to));
            }
        });
        self.deadlines = (!new.order.is_empty()).then(|| Box::new(new));
    }
}

#[cfg(test)]
#[path = "hash/tests.rs"]
mod tests;
