//! [`Set`]: different byte strings, in no order.
//!
//! Three forms, each turned into the next when it is outgrown or asked for what it cannot hold, and never back:
//!
//! * integers only: an [`IntSet`];
//! * a few short strings: a [`Packed`] sequence;
//! * a table: [`Records`] without values.
//!
//! A set that is empty has none of them. Servers have no form for a few strings before 7.2, so that one is called
//! what they have instead, a hash table.
//!
//! # Invariants
//!
//! 1. A set of integers has at most `Limits::intset_entries` members. A packed one has at most
//!    `Limits::set_entries`, none longer than `Limits::set_value` was when it was put there.
//! 2. No member is there twice, and an integer is the string that spells it in the one canonical way.
//!
//! # Costs
//!
//! Integers are sought in O(log n) and inserted and removed in O(n) moves of bytes, packed members in O(n); n is at
//! most 512 and 128 unless the limits say otherwise. A table finds, adds and removes in expected O(1). A random pick is
//! O(1), or a walk over a few packed members. A clone is O(1), and the first change of either copy then copies all.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::Limits;
use super::intset::IntSet;
use super::packed::{Item, MOST_ITEMS, Packed};
use super::records::{At, Records};
use crate::rng::Rng;

#[derive(Clone, Default)]
pub(crate) enum Set {
    #[default]
    Empty,
    Ints(IntSet),
    Packed(Packed),
    Table(Arc<Records>),
}

const _: () = assert!(size_of::<Set>() <= 16);

/// More integers are never kept sorted in one block, whatever the limits are.
const MOST_INTS: usize = 1 << 20;
/// More bytes are never packed: the lengths inside have 32 bits.
const MOST_BYTES: usize = 1 << 30;
/// How much smaller than what goes what stays must be, for [`Set::pop_many`] to move that instead.
const WORTH_A_MOVE: usize = 5;

/// Whether so many members of up to `longest` bytes are to be packed.
fn fits_packed(len: usize, longest: usize, limits: &Limits) -> bool {
    len <= limits.set_entries.get().min(MOST_ITEMS)
        && longest <= limits.set_value.get()
        && len.saturating_mul(limits.set_value.get()) < MOST_BYTES
}

/// Reading.
impl Set {
    pub(crate) fn len(&self) -> usize {
        match self {
            Set::Empty => 0,
            Set::Ints(ints) => ints.len(),
            Set::Packed(packed) => packed.len(),
            Set::Table(table) => table.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Set::Empty => true,
            Set::Ints(ints) => ints.is_empty(),
            Set::Packed(packed) => packed.is_empty(),
            Set::Table(table) => table.is_empty(),
        }
    }

    /// What OBJECT ENCODING calls the form that it has.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Set::Empty | Set::Ints(_) => "intset",
            Set::Packed(_) | Set::Table(_) => "hashtable",
        }
    }

    /// Bytes that it has allocated.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Set::Empty => 0,
            Set::Ints(ints) => ints.memory(),
            Set::Packed(packed) => packed.memory(),
            Set::Table(table) => size_of::<Records>() + 2 * size_of::<usize>() + table.memory(),
        }
    }

    #[inline]
    pub(crate) fn contains(&self, member: &[u8]) -> bool {
        match self {
            Set::Empty => false,
            Set::Ints(ints) => matches!(Item::of(member), Item::Int(number) if ints.contains(number)),
            Set::Packed(packed) => packed.find(member, packed.first(), 1).is_some(),
            Set::Table(table) => table.find(member).is_some(),
        }
    }

    /// The same for a member of another set.
    #[inline]
    pub(crate) fn holds(&self, member: Item<'_>) -> bool {
        match (self, member) {
            (Set::Ints(ints), Item::Int(number)) => ints.contains(number),
            _ => self.contains(member.bytes(&mut itoa::Buffer::new())),
        }
    }

    /// All members: integers in rising order, others in any, which stays the same as long as nothing changes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        let (ints, packed, table) = match self {
            Set::Empty => (None, None, None),
            Set::Ints(ints) => (Some(ints), None, None),
            Set::Packed(packed) => (None, Some(packed), None),
            Set::Table(table) => (None, None, Some(table)),
        };
        let ints = ints.into_iter().flat_map(|ints| ints.iter().map(Item::Int));
        let packed = packed.into_iter().flat_map(Packed::iter);
        let table = table.into_iter().flat_map(|table| table.iter().map(|(member, _)| Item::Bytes(member)));
        ints.chain(packed).chain(table)
    }

    /// A member, each as likely as any other.
    pub(crate) fn random(&self, rng: &mut Rng) -> Option<Item<'_>> {
        match self {
            Set::Empty => None,
            Set::Ints(ints) => ints.random(rng).map(Item::Int),
            Set::Packed(packed) => packed.get(rng.below(packed.len() as u64) as usize),
            Set::Table(table) => table.random(rng).map(|at| Item::Bytes(table.key(at))),
        }
    }

    /// Up to `count` different members, each as likely as any other; all if there are not as many.
    pub(crate) fn sample(&self, count: usize, rng: &mut Rng) -> Vec<Item<'_>> {
        if let Set::Table(table) = self
            && count < table.len() / 3
        {
            return draw(table, count, rng).into_iter().map(|at| Item::Bytes(table.key(at))).collect();
        }
        // Each is taken with the chance that the rest of the sample needs of the rest of the members: Donald Knuth,
        // "The Art of Computer Programming", volume 2, 3.4.2, algorithm S.
        let (mut left, mut wanted) = (self.len(), count.min(self.len()));
        let mut sample = Vec::with_capacity(wanted);
        for member in self.iter() {
            if (rng.below(left as u64) as usize) < wanted {
                sample.push(member);
                wanted -= 1;
            }
            left -= 1;
        }
        sample
    }

    /// One step of a walk, as [`Records::walk`]. A small set is given as a whole.
    pub(crate) fn walk<'s>(&'s self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'s>)) -> u64 {
        match self {
            Set::Table(table) => table.walk_addresses(cursor, count, |at| visit(Item::Bytes(table.key(at)))),
            _ => {
                self.iter().for_each(visit);
                0
            }
        }
    }
}

/// The addresses of so many different members, fewer than there are.
fn draw(table: &Records, count: usize, rng: &mut Rng) -> HashSet<At, FixedState> {
    let mut drawn = HashSet::with_capacity_and_hasher(count, FixedState::default());
    while drawn.len() < count {
        let Some(at) = table.random(rng) else { break };
        drawn.insert(at);
    }
    drawn
}

/// Changes.
impl Set {
    /// Adds a member; false if it is there already.
    #[inline]
    pub(crate) fn insert(&mut self, member: &[u8], limits: &Limits) -> bool {
        match self {
            Set::Empty => self.insert_first(member, limits),
            Set::Ints(_) => self.add(Item::Bytes(member), limits),
            Set::Packed(packed) => {
                if packed.find(member, packed.first(), 1).is_some() {
                    return false;
                }
                if fits_packed(packed.len() + 1, member.len(), limits) {
                    packed.push_back(member);
                } else {
                    self.make_table(member, limits);
                }
                true
            }
            Set::Table(table) => match Arc::get_mut(table) {
                Some(own) => own.insert(member, b"").1,
                // What is shared is not copied for a member that is there.
                None => table.find(member).is_none() && Arc::make_mut(table).insert(member, b"").1,
            },
        }
    }

    /// The same with a member of another set.
    pub(crate) fn add(&mut self, member: Item<'_>, limits: &Limits) -> bool {
        let Set::Ints(ints) = self else {
            return self.insert(member.bytes(&mut itoa::Buffer::new()), limits);
        };
        let member = if let Item::Bytes(text) = member { Item::of(text) } else { member };
        match member {
            Item::Int(number) => {
                let is_new = ints.insert(number);
                if ints.len() > limits.intset_entries.get().min(MOST_INTS) {
                    self.leave_integers(member, limits);
                }
                is_new
            }
            Item::Bytes(_) => {
                self.leave_integers(member, limits);
                true
            }
        }
    }

    fn insert_first(&mut self, member: &[u8], limits: &Limits) -> bool {
        match Item::of(member) {
            Item::Int(number) if limits.intset_entries.get() > 0 => {
                let mut ints = IntSet::new();
                ints.insert(number);
                *self = Set::Ints(ints);
            }
            _ if fits_packed(1, member.len(), limits) => {
                let mut packed = Packed::new();
                packed.push_back(member);
                *self = Set::Packed(packed);
            }
            _ => self.make_table(member, limits),
        }
        true
    }

    /// Is no set of integers any more because of the last member, which may be there already.
    fn leave_integers(&mut self, last: Item<'_>, limits: &Limits) {
        let longest = self.iter().chain([last]).map(Item::len).max().unwrap_or(0);
        let mut spelled = itoa::Buffer::new();
        if fits_packed(self.len() + 1, longest, limits) {
            let mut packed = Packed::new();
            self.iter().for_each(|member| packed.push_back(member.bytes(&mut spelled)));
            *self = Set::Packed(packed);
            self.add(last, limits);
        } else {
            self.make_table(last.bytes(&mut spelled), limits);
        }
    }

    /// Becomes a table with one more member, which may be there.
    ///
    #[cold]
    fn make_table(&mut self, member: &[u8], limits: &Limits) {
        let mut table = Records::new(limits.seed);
        let mut spelled = itoa::Buffer::new();
        for member in self.iter() {
            table.insert(member.bytes(&mut spelled), b"");
        }
        table.insert(member, b"");
        *self = Set::Table(Arc::new(table));
    }

    /// Removes a member; false if it is not there.
    #[inline]
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Set::Empty => false,
            Set::Ints(ints) => matches!(Item::of(member), Item::Int(number) if ints.remove(number)),
            Set::Packed(packed) => match packed.find(member, packed.first(), 1) {
                Some(at) => {
                    packed.remove(at, 1);
                    true
                }
                None => false,
            },
            Set::Table(table) => {
                if Arc::get_mut(table).is_none() && table.find(member).is_none() {
                    return false;
                }
                let own = Arc::make_mut(table);
                let was_there = own.remove(member);
                tidy(own);
                was_there
            }
        }
    }

    /// Removes a member, each as likely as any other, and shows it to `take` before it goes.
    pub(crate) fn pop<R>(&mut self, rng: &mut Rng, take: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        match self {
            Set::Empty => None,
            Set::Ints(ints) => {
                let number = ints.random(rng)?;
                ints.remove(number);
                Some(take(Item::Int(number)))
            }
            Set::Packed(packed) => {
                let at = packed.seek(rng.below(packed.len() as u64) as usize)?;
                let taken = take(packed.at(at));
                packed.remove(at, 1);
                Some(taken)
            }
            Set::Table(table) => {
                let own = Arc::make_mut(table);
                let at = own.random(rng)?;
                let taken = take(Item::Bytes(own.key(at)));
                own.remove_at(at);
                tidy(own);
                Some(taken)
            }
        }
    }

    /// Removes up to `count` members, as [`pop`](Set::pop). When few stay, they are put into a new set, as servers do:
    /// it may have an earlier form than the old one.
    pub(crate) fn pop_many(
        &mut self,
        count: usize,
        rng: &mut Rng,
        limits: &Limits,
        mut take: impl FnMut(Item<'_>),
    ) {
        let stay = self.len().saturating_sub(count);
        if stay.saturating_mul(WORTH_A_MOVE) > count {
            for _ in 0..count {
                self.pop(rng, &mut take);
            }
        } else {
            let mut kept = Set::Empty;
            for _ in 0..stay {
                self.pop(rng, |member| kept.add(member, limits));
            }
            self.iter().for_each(take);
            *self = kept;
        }
    }
}

/// Gives back memory when most of it is not in use any more.
fn tidy(table: &mut Records) {
    if table.is_sparse() {
        table.compact(|_, _| {});
    }
}

/// Several sets.
impl Set {
    /// The same members in the form that they have when they are added to an empty set: this one may have had other
    /// members.
    fn renewed(&self, limits: &Limits) -> Set {
        let might_be_smaller = match self {
            Set::Empty | Set::Ints(_) => false,
            Set::Packed(packed) => packed.iter().all(|member| matches!(member, Item::Int(_))),
            Set::Table(table) => table.len() <= limits.intset_entries.get().max(limits.set_entries.get()),
        };
        if !might_be_smaller {
            return self.clone();
        }
        Set::of(self.iter(), limits)
    }

    /// The members that all of the sets have, in the order of the smallest; brings the sets into the order of their
    /// sizes.
    pub(crate) fn intersection(sets: &mut [Set]) -> impl Iterator<Item = Item<'_>> {
        sets.sort_by_key(Set::len);
        let (smallest, others) = sets.split_first().unwrap_or((&Set::Empty, &[]));
        smallest.iter().filter(|&member| others.iter().all(|other| other.holds(member)))
    }

    /// Each set's members that none of the sets before it has, from the second set on.
    pub(crate) fn additions(sets: &[Set]) -> impl Iterator<Item = Item<'_>> {
        sets.iter().enumerate().skip(1).flat_map(move |(at, set)| {
            set.iter().filter(move |&member| !sets[..at].iter().any(|before| before.holds(member)))
        })
    }

    /// The members that any of the sets has.
    pub(crate) fn union(sets: &[Set], limits: &Limits) -> Set {
        let Some(largest) = (0..sets.len()).max_by_key(|&at| sets[at].len()) else { return Set::Empty };
        let mut union = sets[largest].renewed(limits);
        for (at, set) in sets.iter().enumerate() {
            if at != largest {
                for member in set.iter() {
                    union.add(member, limits);
                }
            }
        }
        union
    }

    /// The members that the first of the sets has and none of the others, found by asking the others about each;
    /// `None` where it costs less to remove theirs. Which way it goes can be seen by the form of a set that is made of
    /// them, so the reckoning is that of servers.
    pub(crate) fn difference(sets: &[Set]) -> Option<impl Iterator<Item = Item<'_>>> {
        let (first, others) = sets.split_first().unwrap_or((&Set::Empty, &[]));
        let mut others: Vec<&Set> = others.iter().filter(|other| !other.is_empty()).collect();
        let by_asking = first.len() * (others.len() + 1) / 2;
        let by_removing = first.len() + others.iter().map(|other| other.len()).sum::<usize>();
        // The larger a set, the likelier it has the member.
        others.sort_by_key(|other| std::cmp::Reverse(other.len()));
        (by_asking <= by_removing)
            .then(|| first.iter().filter(move |&member| !others.iter().any(|other| other.holds(member))))
    }

    /// A copy of the first of the sets without the members of the others.
    pub(crate) fn without(sets: &[Set], limits: &Limits) -> Set {
        let (first, others) = sets.split_first().unwrap_or((&Set::Empty, &[]));
        let mut left = first.renewed(limits);
        let mut spelled = itoa::Buffer::new();
        for member in others.iter().flat_map(Set::iter) {
            left.remove(member.bytes(&mut spelled));
        }
        left
    }

    /// A set of members of other sets.
    pub(crate) fn of<'i>(members: impl Iterator<Item = Item<'i>>, limits: &Limits) -> Set {
        let mut set = Set::Empty;
        for member in members {
            set.add(member, limits);
        }
        set
    }
}

#[cfg(test)]
#[path = "set/tests.rs"]
mod tests;
