//! [`List`]: a sequence of byte strings, added to and taken from mostly at its ends.
//!
//! Up to the size of one node it is a [`Packed`] sequence; from there on a double-ended queue of such nodes, each
//! about as large as `list-max-listpack-size` allows.
//!
//! # Invariants
//!
//! 1. No node is empty, except the one of a list that is empty itself.
//! 2. A node holds no more than the limit allows, except that an item beyond it has a node of its own. (A limit that
//!    is lowered later leaves the nodes as they are.)
//! 3. `len` is the number of items of all nodes.
//!
//! # Costs
//!
//! The ends O(1) amortized; by index O(nodes) for the way to the node, from the nearer end, and O(node) inside it. A
//! clone is O(1), and the first write after one copies the nodes that it changes and the queue's pointers.
//! An item takes about what it takes in a node: nodes that are full give back what they do not use.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Limits;
use super::packed::{Item, Items, MOST_ITEMS, Packed, item_size};

/// One end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListSide {
    /// The head, where index 0 is.
    Left,
    /// The tail, where index -1 is.
    Right,
}

#[derive(Clone)]
pub(crate) enum List {
    One(Packed),
    Many(Arc<Nodes>),
}

const _: () = assert!(size_of::<List>() <= 16);

#[derive(Clone, Default)]
pub(crate) struct Nodes {
    nodes: VecDeque<Packed>,
    len: usize,
}

/// What a node may hold.
#[derive(Clone, Copy)]
struct Room {
    bytes: usize,
    items: usize,
}

impl Room {
    /// What stands around the items of a node in its allocation: with it a full node takes a power of two.
    const AROUND: usize = 22;
    /// The bytes of a node that is limited by the number of items.
    const SAFE: usize = 8192;

    #[inline]
    fn of(limits: &Limits) -> Room {
        let bytes = match limits.list_size.signed() {
            0.. => return Room { bytes: Room::SAFE, items: limits.list_size.get().min(MOST_ITEMS) },
            -1 => 4 << 10,
            -2 => 8 << 10,
            -3 => 16 << 10,
            -4 => 32 << 10,
            _ => 64 << 10,
        };
        Room { bytes, items: MOST_ITEMS }
    }

    /// Whether so much more goes into a node.
    #[inline]
    fn has(self, node: &Packed, bytes: usize, items: usize) -> bool {
        node.bytes_len() + bytes + Room::AROUND <= self.bytes && node.len() + items <= self.items
    }

    fn takes(self, node: &Packed, text: &[u8]) -> bool {
        // Most nodes are far from full, and then the exact size does not matter.
        const MOST_AROUND: usize = 10;
        self.has(node, text.len() + MOST_AROUND, 1) || self.has(node, item_size(text), 1)
    }

    /// Whether this text can stand in the place of the item at `at`.
    fn takes_instead(self, node: &Packed, at: usize, text: &[u8]) -> bool {
        let (new, old) = (item_size(text), node.size(at));
        // An item that is alone may be larger than the limit.
        new <= old || node.len() == 1 || self.has(node, new - old, 0)
    }

    /// Whether it is worth while to put a node together with its neighbour.
    fn is_little(self, node: &Packed) -> bool {
        node.bytes_len() < self.bytes / 4 && node.len() < self.items / 4
    }

    fn fits(self, node: &Packed, other: &Packed) -> bool {
        self.has(node, other.bytes_len(), other.len())
    }
}

/// Where an item stands: its node, and the position in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    node: usize,
    at: usize,
}

impl Default for List {
    fn default() -> List {
        List::One(Packed::new())
    }
}

impl List {
    pub(crate) fn len(&self) -> usize {
        match self {
            List::One(node) => node.len(),
            List::Many(nodes) => nodes.len,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes allocated; takes time in proportion to the nodes.
    pub(crate) fn memory(&self) -> usize {
        match self {
            List::One(node) => node.memory(),
            List::Many(nodes) => {
                let counts = 2 * size_of::<usize>();
                let queue = nodes.nodes.capacity() * size_of::<Packed>();
                counts + size_of::<Nodes>() + queue + nodes.nodes.iter().map(Packed::memory).sum::<usize>()
            }
        }
    }

    /// What OBJECT ENCODING says.
    pub(crate) fn encoding(&self) -> &'static str {
        "quicklist"
    }

    fn node(&self, index: usize) -> Option<&Packed> {
        match self {
            List::One(node) => (index == 0).then_some(node),
            List::Many(nodes) => nodes.nodes.get(index),
        }
    }

    /// The node of the item with this index, and the item's index in it.
    fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len() {
            return None;
        }
        let List::Many(nodes) = self else { return Some((0, index)) };
        if index < nodes.len / 2 {
            let mut left = index;
            for (at, node) in nodes.nodes.iter().enumerate() {
                match left.checked_sub(node.len()) {
                    Some(less) => left = less,
                    None => return Some((at, left)),
                }
            }
        } else {
            let mut end = nodes.len;
            for (at, node) in nodes.nodes.iter().enumerate().rev() {
                end -= node.len();
                if let Some(inside) = index.checked_sub(end) {
                    return Some((at, inside));
                }
            }
        }
        None
    }

    fn place(&self, index: usize) -> Option<Place> {
        let (node, inside) = self.locate(index)?;
        Some(Place { node, at: self.node(node)?.seek(inside)? })
    }

    pub(crate) fn get(&self, index: usize) -> Option<Item<'_>> {
        let (node, inside) = self.locate(index)?;
        self.node(node)?.get(inside)
    }

    /// The item at one end.
    #[inline]
    pub(crate) fn end(&self, side: ListSide) -> Option<Item<'_>> {
        let node = match (self, side) {
            (List::One(node), _) => node,
            (List::Many(nodes), ListSide::Left) => nodes.nodes.front()?,
            (List::Many(nodes), ListSide::Right) => nodes.nodes.back()?,
        };
        let at = match side {
            ListSide::Left => node.first(),
            ListSide::Right => node.last(),
        };
        at.map(|at| node.at(at))
    }

    /// Up to `count` items from the one with this index on: rising from the left, falling from the right.
    pub(crate) fn walk(&self, index: usize, count: usize, side: ListSide) -> Walk<'_> {
        let there = match side {
            ListSide::Left => self.len().saturating_sub(index),
            ListSide::Right if index < self.len() => index + 1,
            ListSide::Right => 0,
        };
        let left = count.min(there);
        let current = self.locate(index).filter(|_| left > 0).and_then(|(at, inside)| {
            let node = self.node(at)?;
            let items = match side {
                ListSide::Left => node.range(inside, usize::MAX),
                ListSide::Right => node.range(0, inside + 1),
            };
            Some((at, items))
        });
        let (node, items) = current.unzip();
        Walk { list: self, node: node.unwrap_or_default(), items: items.unwrap_or_default(), left, side }
    }

    /// Up to `count` items from one end on.
    pub(crate) fn walk_from(&self, side: ListSide, count: usize) -> Walk<'_> {
        let index = match side {
            ListSide::Left => 0,
            ListSide::Right => self.len().saturating_sub(1),
        };
        self.walk(index, count, side)
    }

    /// The first item with this text.
    pub(crate) fn find(&self, text: &[u8]) -> Option<Place> {
        match self {
            List::One(node) => node.find(text, node.first(), 1).map(|at| Place { node: 0, at }),
            List::Many(nodes) => nodes.nodes.iter().enumerate().find_map(|(index, node)| {
                node.find(text, node.first(), 1).map(|at| Place { node: index, at })
            }),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, side: ListSide, text: &[u8], limits: &Limits) {
        let room = Room::of(limits);
        match self {
            List::One(node) if node.is_empty() || room.takes(node, text) => push(node, side, text),
            _ => self.nodes_mut().push(side, text, room),
        }
    }

    /// Removes so many items from one end, or all that there are.
    #[inline]
    pub(crate) fn pop(&mut self, side: ListSide, count: usize, limits: &Limits) {
        match self {
            List::One(node) => pop(node, side, count),
            List::Many(nodes) => {
                Arc::make_mut(nodes).pop(side, count);
                self.settle(Room::of(limits));
            }
        }
    }

    /// Puts another text in the place of the item with this index; whether there is one.
    pub(crate) fn set(&mut self, index: usize, text: &[u8], limits: &Limits) -> bool {
        let room = Room::of(limits);
        let Some(place) = self.place(index) else { return false };
        match self {
            List::One(node) if room.takes_instead(node, place.at, text) => {
                node.replace(place.at, text);
            }
            _ => {
                self.nodes_mut().replace(place, text, room);
                self.settle(room);
            }
        }
        true
    }

    pub(crate) fn insert_before(&mut self, place: Place, text: &[u8], limits: &Limits) {
        let room = Room::of(limits);
        match self {
            List::One(node) if room.takes(node, text) => {
                node.insert(place.at, text);
            }
            _ => self.nodes_mut().insert(place, text, room),
        }
    }

    pub(crate) fn insert_after(&mut self, place: Place, text: &[u8], limits: &Limits) {
        if let Some(node) = self.node(place.node) {
            let at = node.next(place.at).unwrap_or(node.end());
            self.insert_before(Place { at, ..place }, text, limits);
        }
    }

    /// Removes up to `count` items with this text, the first ones from one side; how many there were.
    pub(crate) fn remove(&mut self, text: &[u8], count: usize, side: ListSide, limits: &Limits) -> usize {
        match self {
            List::One(node) => remove_from(node, text, count, side),
            // Without a first match nothing must be copied.
            List::Many(_) if self.find(text).is_none() => 0,
            List::Many(nodes) => {
                let room = Room::of(limits);
                let removed = Arc::make_mut(nodes).remove(text, count, side, room);
                self.settle(room);
                removed
            }
        }
    }

    /// The nodes, made of the one if need be.
    fn nodes_mut(&mut self) -> &mut Nodes {
        if let List::One(node) = self {
            let mut nodes = Nodes { len: node.len(), nodes: VecDeque::with_capacity(4) };
            nodes.nodes.push_back(std::mem::take(node));
            *self = List::Many(Arc::new(nodes));
        }
        match self {
            List::Many(nodes) => Arc::make_mut(nodes),
            List::One(_) => unreachable!("it was replaced above"),
        }
    }

    /// Becomes one node again when one is left, far enough from full that it will not soon be two again.
    #[inline]
    fn settle(&mut self, room: Room) {
        let List::Many(nodes) = self else { return };
        if nodes.nodes.len() > 1 {
            return;
        }
        match nodes.nodes.front() {
            Some(node) if !room.is_little(node) => {}
            node => *self = List::One(node.cloned().unwrap_or_default()),
        }
    }
}

#[inline]
fn push(node: &mut Packed, side: ListSide, text: &[u8]) {
    match side {
        ListSide::Left => node.push_front(text),
        ListSide::Right => node.push_back(text),
    }
}

/// Removes so many items from one end of a node, or all that there are.
#[inline]
fn pop(node: &mut Packed, side: ListSide, count: usize) {
    let at = match (side, count) {
        (_, 0) => None,
        (ListSide::Left, _) => node.first(),
        (ListSide::Right, 1) => node.last(),
        (ListSide::Right, _) => node.seek(node.len().saturating_sub(count)),
    };
    if let Some(at) = at {
        node.remove(at, count);
    }
}

/// As [`List::remove`], in one node.
fn remove_from(node: &mut Packed, text: &[u8], count: usize, side: ListSide) -> usize {
    let mut removed = 0;
    match side {
        ListSide::Left => {
            let mut from = node.first();
            while removed < count
                && let Some(at) = node.find(text, from, 1)
            {
                from = Some(node.remove(at, 1));
                removed += 1;
            }
        }
        ListSide::Right => {
            let wanted = Item::of(text);
            let mut next = node.last();
            while removed < count
                && let Some(at) = next
            {
                next = node.prev(at);
                if node.at(at) == wanted {
                    node.remove(at, 1);
                    removed += 1;
                }
            }
        }
    }
    removed
}

impl Nodes {
    fn push(&mut self, side: ListSide, text: &[u8], room: Room) {
        self.len += 1;
        let end = match side {
            ListSide::Left => self.nodes.front_mut(),
            ListSide::Right => self.nodes.back_mut(),
        };
        if let Some(node) = end {
            if room.takes(node, text) {
                return push(node, side, text);
            }
            // It is an inner node from now on.
            node.trim();
        }
        let node = single(text);
        match side {
            ListSide::Left => self.nodes.push_front(node),
            ListSide::Right => self.nodes.push_back(node),
        }
    }

    fn pop(&mut self, side: ListSide, mut count: usize) {
        count = count.min(self.len);
        self.len -= count;
        while count > 0 {
            let end = match side {
                ListSide::Left => self.nodes.front_mut(),
                ListSide::Right => self.nodes.back_mut(),
            };
            let Some(node) = end else { return };
            if node.len() > count {
                return pop(node, side, count);
            }
            count -= node.len();
            match side {
                ListSide::Left => self.nodes.pop_front(),
                ListSide::Right => self.nodes.pop_back(),
            };
            if self.nodes.len() < self.nodes.capacity() / 4 {
                self.nodes.shrink_to(self.nodes.len() * 2);
            }
        }
    }

    fn replace(&mut self, place: Place, text: &[u8], room: Room) {
        let Some(node) = self.nodes.get_mut(place.node) else { return };
        if room.takes_instead(node, place.at, text) {
            node.replace(place.at, text);
            return;
        }
        let at = node.remove(place.at, 1);
        self.len -= 1;
        self.insert(Place { at, ..place }, text, room);
    }

    /// Adds an item in front of a place, which may be the end of a node.
    fn insert(&mut self, place: Place, text: &[u8], room: Room) {
        let Place { node: index, at } = place;
        let Some(node) = self.nodes.get_mut(index) else { return };
        self.len += 1;
        if room.takes(node, text) {
            node.insert(at, text);
            return;
        }
        let (is_first, is_end) = (Some(at) == node.first(), at == node.end());
        if is_first
            && let Some(before) = index.checked_sub(1).and_then(|before| self.nodes.get_mut(before))
            && room.takes(before, text)
        {
            return before.push_back(text);
        }
        if is_end
            && let Some(behind) = self.nodes.get_mut(index + 1)
            && room.takes(behind, text)
        {
            return behind.push_front(text);
        }
        if is_first || is_end {
            self.nodes.insert(index + usize::from(is_end), single(text));
            return;
        }
        let Some(node) = self.nodes.get_mut(index) else { return };
        let mut rest = node.split_off(at);
        if room.takes(node, text) {
            node.push_back(text);
            self.nodes.insert(index + 1, rest);
        } else if room.takes(&rest, text) {
            rest.push_front(text);
            self.nodes.insert(index + 1, rest);
        } else {
            self.nodes.insert(index + 1, rest);
            self.nodes.insert(index + 1, single(text));
        }
        self.merge(index.saturating_sub(1), index + 4, room);
    }

    fn remove(&mut self, text: &[u8], count: usize, side: ListSide, room: Room) -> usize {
        let mut removed = 0;
        let mut touched = self.nodes.len()..0;
        for step in 0..self.nodes.len() {
            let index = match side {
                ListSide::Left => step,
                ListSide::Right => self.nodes.len() - 1 - step,
            };
            let Some(node) = self.nodes.get_mut(index) else { break };
            if removed == count {
                break;
            }
            let here = remove_from(node, text, count - removed, side);
            if here > 0 {
                removed += here;
                touched = touched.start.min(index)..touched.end.max(index + 1);
            }
        }
        self.len -= removed;
        self.merge(touched.start.saturating_sub(1), touched.end + 1, room);
        removed
    }

    /// Puts neighbours together, from one node up to another, where one of them holds little and both fit in one;
    /// and drops those that are empty.
    fn merge(&mut self, from: usize, end: usize, room: Room) {
        let nodes = std::mem::take(&mut self.nodes);
        self.nodes.reserve(nodes.len());
        for (index, node) in nodes.into_iter().enumerate() {
            if node.is_empty() {
                continue;
            }
            if index > from
                && index < end
                && let Some(before) = self.nodes.back_mut()
                && (room.is_little(before) || room.is_little(&node))
                && room.fits(before, &node)
            {
                before.append(&node);
            } else {
                self.nodes.push_back(node);
            }
        }
    }
}

/// A node of one item.
fn single(text: &[u8]) -> Packed {
    let mut node = Packed::with_capacity(item_size(text));
    node.push_back(text);
    node
}

/// What [`List::walk`] gives.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    list: &'a List,
    /// The number of the node, and what is left of it.
    node: usize,
    items: Items<'a>,
    left: usize,
    side: ListSide,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        self.left = self.left.checked_sub(1)?;
        loop {
            let (item, after) = match self.side {
                ListSide::Left => (self.items.next(), self.node.checked_add(1)),
                ListSide::Right => (self.items.next_back(), self.node.checked_sub(1)),
            };
            if item.is_some() {
                return item;
            }
            self.node = after?;
            self.items = self.list.node(self.node)?.iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Walk<'_> {}

#[cfg(test)]
#[path = "list/tests.rs"]
mod tests;
