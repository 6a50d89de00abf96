//! [`Packed`]: a short sequence of byte strings and integers, one behind the other in one [`Block`].
//!
//! ```text
//! items (2 bytes) | where the first item begins (2) | unused | item | item | …
//! ```
//!
//! An item is written as in a listpack (Salvatore Sanfilippo's "Listpack specification", 2017), so that a dump can
//! copy it: a head that tells type and length, the bytes, and the length of both once more to be read backwards. A
//! string that spells an integer in the one canonical way is kept as that integer.
//!
//! # Invariants
//!
//! 1. From the first item on there are exactly `items` items and nothing else, up to the end of the block.
//! 2. Every item has the shortest encoding of its value, so that equal items are equal bytes.
//! 3. There are at most 32,767 items.
//!
//! # Costs
//!
//! An item of up to 63 bytes takes two bytes more than its text, an integer 2 to 10 bytes. Reading at either end, and
//! adding and removing there, O(1) amortized: what is unused in front makes room for the next item there. All else
//! takes time in proportion to the items walked over and the bytes moved.

use super::block::Block;
use crate::num;

#[derive(Clone)]
pub(crate) struct Packed(Block);

const _: () = assert!(size_of::<Option<Packed>>() == 8);

/// The most items that one can hold; one more would panic, so whoever adds has a limit below it.
pub(crate) const MOST_ITEMS: usize = 32_767;

/// The longest text that an item can have.
pub(crate) const LONGEST: usize = u32::MAX as usize - 64;

/// The bytes in front of the items.
const HEAD: usize = 4;
/// Fewer bytes than this are moved rather than left unused in front.
const WORTH_A_GAP: usize = 128;

/// One item of a [`Packed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> Item<'a> {
    /// The item that this text would be kept as, to be compared with many.
    pub(crate) fn of(text: &'a [u8]) -> Item<'a> {
        integer(text).map_or(Item::Bytes(text), Item::Int)
    }

    /// Whether the item's text is this.
    pub(crate) fn is(self, bytes: &[u8]) -> bool {
        match self {
            Item::Int(number) => integer(bytes) == Some(number),
            Item::Bytes(own) => own == bytes,
        }
    }

    /// The length of the text.
    pub(crate) fn len(self) -> usize {
        match self {
            Item::Int(number) => {
                let digits = number.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
                digits + usize::from(number < 0)
            }
            Item::Bytes(bytes) => bytes.len(),
        }
    }

    /// Appends the text.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Item::Int(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
            Item::Bytes(bytes) => out.extend_from_slice(bytes),
        }
    }

    /// The text; an integer's is spelled into `buffer`.
    #[inline]
    pub(crate) fn bytes<'b>(self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Item::Int(number) => buffer.format(number).as_bytes(),
            Item::Bytes(bytes) => bytes,
        }
    }
}

/// The integer that a string spells in the one canonical way.
#[inline]
fn integer(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [b'0'..=b'9' | b'-', ..] if bytes.len() <= 20 => num::parse_i64(bytes),
        _ => None,
    }
}

/// The bytes that an item takes, for limits in bytes.
pub(crate) fn item_size(bytes: &[u8]) -> usize {
    Coded::of(bytes).size()
}

/// An item on its way into the block.
struct Coded<'a> {
    head: [u8; 9],
    head_len: usize,
    body: &'a [u8],
}

// The first byte of an item tells its kind: the high bits up to the first that is 0, and the value or the length's
// highest bits below; from 0xf0 on it is a kind alone.
const STR_6: u8 = 0x80;
/// A shorter text has one byte of head.
const SHORT: usize = 1 << 6;
const INT_13: u8 = 0xc0;
const STR_12: u8 = 0xe0;
const STR_32: u8 = 0xf0;
const INT_16: u8 = 0xf1;
const INT_24: u8 = 0xf2;
const INT_32: u8 = 0xf3;
const INT_64: u8 = 0xf4;

impl<'a> Coded<'a> {
    #[inline]
    fn of(bytes: &'a [u8]) -> Coded<'a> {
        match integer(bytes) {
            Some(number) => Coded::of_integer(number),
            None => Coded::of_text(bytes),
        }
    }

    fn of_integer(number: i64) -> Coded<'a> {
        let mut head = [0; 9];
        let wide = number.to_le_bytes();
        let (kind, width) = match number {
            0..=0x7f => (number as u8, 0),
            -0x1000..=0xfff => {
                head[1] = number as u8;
                return Coded {
                    head: with_first(head, INT_13 | (number >> 8) as u8 & 0x1f),
                    head_len: 2,
                    body: &[],
                };
            }
            -0x8000..=0x7fff => (INT_16, 2),
            -0x80_0000..=0x7f_ffff => (INT_24, 3),
            -0x8000_0000..=0x7fff_ffff => (INT_32, 4),
            _ => (INT_64, 8),
        };
        head[1..=width].copy_from_slice(&wide[..width]);
        Coded { head: with_first(head, kind), head_len: 1 + width, body: &[] }
    }

    #[inline]
    fn of_text(body: &'a [u8]) -> Coded<'a> {
        let mut head = [0; 9];
        let len = body.len();
        let head_len = if len < 1 << 6 {
            head[0] = STR_6 | len as u8;
            1
        } else if len < 1 << 12 {
            head[0] = STR_12 | (len >> 8) as u8;
            head[1] = len as u8;
            2
        } else {
            head[0] = STR_32;
            head[1..5].copy_from_slice(&(len as u32).to_le_bytes());
            5
        };
        Coded { head, head_len, body }
    }

    /// Without the length at the end.
    #[inline]
    fn inner(&self) -> usize {
        self.head_len + self.body.len()
    }

    #[inline]
    fn size(&self) -> usize {
        self.inner() + back_size(self.inner())
    }

    /// Writes the item; the gap has its size.
    #[inline]
    fn write(&self, gap: &mut [u8]) {
        let inner = self.inner();
        if self.head_len == 1 {
            gap[0] = self.head[0];
        } else {
            gap[..self.head_len].copy_from_slice(&self.head[..self.head_len]);
        }
        gap[self.head_len..inner].copy_from_slice(self.body);
        if inner < 0x80 {
            gap[inner] = inner as u8;
        } else {
            // The lowest seven bits stand last; every byte but the first says that there is more in front of it.
            let mut rest = inner;
            for byte in gap[inner + 1..].iter_mut().rev() {
                *byte = rest as u8 | 0x80;
                rest >>= 7;
            }
            gap[inner] = rest as u8;
        }
    }

    #[inline]
    fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        bytes[at..].strip_prefix(&self.head[..self.head_len]).is_some_and(|rest| rest.starts_with(self.body))
    }
}

fn with_first(mut head: [u8; 9], first: u8) -> [u8; 9] {
    head[0] = first;
    head
}

/// The bytes that the length at the end of an item takes. The greatest value of each width is written one byte
/// longer than it need be, as servers do: they find the next item by the same reckoning.
#[inline]
fn back_size(inner: usize) -> usize {
    match inner {
        0..=0x7f => 1,
        0x80..=0x3ffe => 2,
        0x3fff..=0x1f_fffe => 3,
        0x1f_ffff..=0xfff_fffe => 4,
        _ => 5,
    }
}

/// The size of the item at `at`.
#[inline]
fn size_at(bytes: &[u8], at: usize) -> usize {
    let first = bytes[at];
    if first.wrapping_sub(STR_6) < INT_13 - STR_6 {
        usize::from(first - STR_6) + 2
    } else if first < STR_6 {
        2
    } else {
        let inner = match first {
            INT_13..STR_12 => 2,
            INT_16 => 3,
            INT_24 => 4,
            INT_32 => 5,
            INT_64 => 9,
            _ => {
                let (head, len) = long_text(bytes, at);
                head + len
            }
        };
        inner + back_size(inner)
    }
}

/// The lengths of head and text of the string of more than 63 bytes at `at`.
#[inline]
fn long_text(bytes: &[u8], at: usize) -> (usize, usize) {
    if bytes[at] < STR_32 {
        (2, usize::from(bytes[at] & 0xf) << 8 | usize::from(bytes[at + 1]))
    } else {
        let len = bytes[at + 1..].first_chunk().copied().unwrap_or_default();
        (5, u32::from_le_bytes(len) as usize)
    }
}

/// The item at `at`.
#[inline]
fn item_at(bytes: &[u8], at: usize) -> Item<'_> {
    let first = bytes[at];
    match first {
        0..STR_6 => Item::Int(i64::from(first)),
        STR_6..INT_13 => Item::Bytes(&bytes[at + 1..][..usize::from(first - STR_6)]),
        INT_13..STR_12 => {
            // The five bits below the kind are the highest; shifting them up and back spreads the sign.
            let high = (first << 3) as i8 >> 3;
            Item::Int(i64::from(high) << 8 | i64::from(bytes[at + 1]))
        }
        INT_16 => Item::Int(wide(&bytes[at + 1..][..2])),
        INT_24 => Item::Int(wide(&bytes[at + 1..][..3])),
        INT_32 => Item::Int(wide(&bytes[at + 1..][..4])),
        INT_64 => Item::Int(wide(&bytes[at + 1..][..8])),
        _ => {
            let (head, len) = long_text(bytes, at);
            Item::Bytes(&bytes[at + head..][..len])
        }
    }
}

/// A signed integer of up to eight bytes, lowest first.
fn wide(bytes: &[u8]) -> i64 {
    let mut word = [0; 8];
    word[8 - bytes.len()..].copy_from_slice(bytes);
    i64::from_le_bytes(word) >> (64 - 8 * bytes.len())
}

/// The size of the item that ends at `end`.
#[inline]
fn size_before(bytes: &[u8], end: usize) -> usize {
    let mut at = end - 1;
    let mut inner = usize::from(bytes[at] & 0x7f);
    let mut shift = 7;
    while bytes[at] & 0x80 != 0 {
        at -= 1;
        inner |= usize::from(bytes[at] & 0x7f) << shift;
        shift += 7;
    }
    end - at + inner
}

impl Default for Packed {
    fn default() -> Packed {
        Packed::new()
    }
}

impl Packed {
    pub(crate) fn new() -> Packed {
        Packed(Block::from(&[0, 0, HEAD as u8, 0][..]))
    }

    /// Empty, with room for so many bytes of items.
    pub(crate) fn with_capacity(bytes: usize) -> Packed {
        let mut block = Block::with_capacity(HEAD + bytes);
        block.splice(0, 0, HEAD).copy_from_slice(&[0, 0, HEAD as u8, 0]);
        Packed(block)
    }

    /// The number of items, and where the first one begins.
    #[inline]
    fn head(&self) -> (usize, usize) {
        match *self.0 {
            [items, more_items, start, more_start, ..] => (
                u16::from_le_bytes([items, more_items]).into(),
                u16::from_le_bytes([start, more_start]).into(),
            ),
            _ => (0, HEAD),
        }
    }

    #[inline]
    fn set_head(&mut self, items: usize, start: usize) {
        assert!(items <= MOST_ITEMS, "a packed sequence outgrows its count");
        debug_assert!(u16::try_from(start).is_ok());
        let [items, more_items] = (items as u16).to_le_bytes();
        let [start, more_start] = (start as u16).to_le_bytes();
        if let Some(head) = self.0.make_mut().first_chunk_mut() {
            *head = [items, more_items, start, more_start];
        }
    }

    /// The number of items.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.head().0
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that the items take.
    pub(crate) fn bytes_len(&self) -> usize {
        self.0.len() - self.start()
    }

    /// The items as they are written in a listpack, one behind the other.
    pub(crate) fn as_entries(&self) -> &[u8] {
        &self.0[self.start()..]
    }

    /// Bytes allocated.
    pub(crate) fn memory(&self) -> usize {
        self.0.memory()
    }

    #[inline]
    fn start(&self) -> usize {
        self.head().1
    }

    /// The position behind the last item, for [`Packed::insert`].
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<usize> {
        let (items, start) = self.head();
        (items > 0).then_some(start)
    }

    #[inline]
    pub(crate) fn last(&self) -> Option<usize> {
        self.prev(self.end())
    }

    #[inline]
    pub(crate) fn next(&self, at: usize) -> Option<usize> {
        let next = at + size_at(&self.0, at);
        (next < self.end()).then_some(next)
    }

    /// The item before the one at `at`, which may be the end.
    #[inline]
    pub(crate) fn prev(&self, at: usize) -> Option<usize> {
        (at > self.start()).then(|| at - size_before(&self.0, at))
    }

    /// The item at a position that one of the other methods gave.
    #[inline]
    pub(crate) fn at(&self, at: usize) -> Item<'_> {
        item_at(&self.0, at)
    }

    /// The bytes that the item at `at` takes.
    pub(crate) fn size(&self, at: usize) -> usize {
        size_at(&self.0, at)
    }

    /// The position of the item with this index, walking from the nearer end.
    pub(crate) fn seek(&self, index: usize) -> Option<usize> {
        let (items, start) = self.head();
        if index >= items {
            return None;
        }
        let bytes = &*self.0;
        let mut at;
        if index <= items / 2 {
            at = start;
            for _ in 0..index {
                at += size_at(bytes, at);
            }
        } else {
            at = bytes.len();
            for _ in index..items {
                at -= size_before(bytes, at);
            }
        }
        Some(at)
    }

    pub(crate) fn get(&self, index: usize) -> Option<Item<'_>> {
        self.seek(index).map(|at| self.at(at))
    }

    /// The first item with this text, of those that stand 0, `step`, `2 * step` … items behind `from`; the step is
    /// not 0.
    #[inline(always)]
    pub(crate) fn find(&self, text: &[u8], from: Option<usize>, step: usize) -> Option<usize> {
        let from = from?;
        let bytes = &*self.0;
        if let (Some(first), Some(last), 4..SHORT, None) =
            (text.first_chunk(), text.last_chunk(), text.len(), integer(text))
        {
            // The one byte of head tells nearly all others apart, and two overlapping words spare the call of `memcmp`.
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            let head = STR_6 | text.len() as u8;
            return walk(bytes, from, step, |at| {
                bytes[at] == head
                    && bytes.get(at + 1..at + 1 + text.len()).is_some_and(|own| {
                        own.last_chunk().is_some_and(|own| u32::from_le_bytes(*own) == last)
                            && own.first_chunk().is_some_and(|own| u32::from_le_bytes(*own) == first)
                            && (own.len() <= 8 || own == text)
                    })
            });
        }
        let coded = Coded::of(text);
        walk(bytes, from, step, |at| coded.is_at(bytes, at))
    }

    #[inline]
    pub(crate) fn push_back(&mut self, text: &[u8]) {
        let coded = Coded::of(text);
        let end = self.end();
        coded.write(self.0.splice(end, 0, coded.size()));
        let (items, start) = self.head();
        self.set_head(items + 1, start);
    }

    #[inline]
    pub(crate) fn push_front(&mut self, text: &[u8]) {
        let start = self.start();
        self.insert(start, text);
    }

    /// Adds an item in front of the one at `before`, which may be the end; the answer is where it stands now.
    pub(crate) fn insert(&mut self, before: usize, text: &[u8]) -> usize {
        let coded = Coded::of(text);
        let size = coded.size();
        let (items, mut start) = self.head();
        let at = if before == start && start - HEAD < size {
            // The more there is to move, the more room is made for the next item in front.
            let bytes = self.0.len() - start;
            let room = if bytes < WORTH_A_GAP { 0 } else { (bytes / 8).min(u16::MAX as usize / 2) };
            let gap = start - HEAD;
            self.0.splice(HEAD, gap, room + size);
            start = HEAD + room;
            start
        } else if before == start {
            start -= size;
            start
        } else {
            self.0.splice(before, 0, size);
            before
        };
        coded.write(&mut self.0.make_mut()[at..at + size]);
        self.set_head(items + 1, start);
        at
    }

    /// Puts a text in the place of a short text of the same length at `at`, which moves nothing; false if the item is
    /// another.
    #[inline]
    pub(crate) fn overwrite(&mut self, at: usize, text: &[u8]) -> bool {
        let is_alike =
            text.len() < SHORT && self.0[at] == STR_6 | text.len() as u8 && integer(text).is_none();
        if is_alike && let Some(own) = self.0.make_mut().get_mut(at + 1..at + 1 + text.len()) {
            copy_short(own, text);
        }
        is_alike
    }

    /// Puts another text in the place of the item at `at`; the answer is where it stands, which is `at`.
    pub(crate) fn replace(&mut self, at: usize, text: &[u8]) -> usize {
        let coded = Coded::of(text);
        let old = size_at(&self.0, at);
        coded.write(self.0.splice(at, old, coded.size()));
        at
    }

    /// Removes `count` items from the one at `at` on, or all up to the end; the answer is where the next one stands
    /// now, which may be the end.
    pub(crate) fn remove(&mut self, at: usize, count: usize) -> usize {
        let (items, start) = self.head();
        let (mut end, mut removed) = (at, 0);
        while removed < count && end < self.0.len() {
            end += size_at(&self.0, end);
            removed += 1;
        }
        self.cut(at, end, items - removed, start);
        if at == start { self.start() } else { at }
    }

    /// Takes the bytes from `at` to `end` out, after which there are so many items.
    #[inline]
    fn cut(&mut self, at: usize, end: usize, items: usize, start: usize) {
        let behind = self.0.len() - end;
        if at > start {
            self.0.splice(at, end - at, 0);
            self.set_head(items, start);
        } else if behind < WORTH_A_GAP || end - HEAD > behind / 2 || u16::try_from(end).is_err() {
            self.0.splice(HEAD, end - HEAD, 0);
            self.set_head(items, HEAD);
        } else {
            self.set_head(items, end);
        }
    }

    fn close_gap(&mut self) {
        let (items, start) = self.head();
        if start > HEAD {
            self.0.splice(HEAD, start - HEAD, 0);
            self.set_head(items, HEAD);
        }
    }

    /// Gives back what is allocated and not used, for one that will not change soon; one that is shared stays.
    pub(crate) fn trim(&mut self) {
        if self.0.is_unique() {
            self.close_gap();
            self.0.trim();
        }
    }

    /// Takes the items from the one at `at` on away; the answer holds them.
    pub(crate) fn split_off(&mut self, at: usize) -> Packed {
        let (items, start) = self.head();
        let mut before = 0;
        let mut walk = start;
        while walk < at {
            walk += size_at(&self.0, walk);
            before += 1;
        }
        let mut rest = Packed::with_capacity(self.0.len() - at);
        rest.0.splice(HEAD, 0, self.0.len() - at).copy_from_slice(&self.0[at..]);
        rest.set_head(items - before, HEAD);
        let end = self.0.len();
        self.cut(at, end, before, start);
        rest
    }

    /// Adds the items of another one behind its own.
    pub(crate) fn append(&mut self, other: &Packed) {
        let end = self.end();
        self.0.splice(end, 0, other.bytes_len()).copy_from_slice(other.as_entries());
        let (items, start) = self.head();
        self.set_head(items + other.len(), start);
    }

    #[inline]
    pub(crate) fn iter(&self) -> Items<'_> {
        let (items, start) = self.head();
        Items { bytes: &self.0, front: start, back: self.0.len(), left: items }
    }

    /// The items with the indices from `from` up to, but not including, `to`.
    pub(crate) fn range(&self, from: usize, to: usize) -> Items<'_> {
        let (from, to) = (from.min(self.len()), to.min(self.len()));
        let place = |index| self.seek(index).unwrap_or(self.end());
        Items { bytes: &self.0, front: place(from), back: place(to), left: to.saturating_sub(from) }
    }
}

/// The position of the first item for which `is` holds, of those that stand 0, `step`, `2 * step` … items behind `at`.
#[inline(always)]
fn walk(bytes: &[u8], mut at: usize, step: usize, is: impl Fn(usize) -> bool) -> Option<usize> {
    while at < bytes.len() {
        if is(at) {
            return Some(at);
        }
        for _ in 0..step {
            if at >= bytes.len() {
                return None;
            }
            at += size_at(bytes, at);
        }
    }
    None
}

/// Copies bytes to a place of the same length. Most are few: two overlapping words spare the call of `memcpy`.
#[inline]
fn copy_short(own: &mut [u8], text: &[u8]) {
    if let (8..=16, Some(first), Some(last)) = (own.len(), text.first_chunk::<8>(), text.last_chunk::<8>()) {
        if let Some(own) = own.first_chunk_mut() {
            *own = *first;
        }
        if let Some(own) = own.last_chunk_mut() {
            *own = *last;
        }
    } else {
        own.copy_from_slice(text);
    }
}

/// What [`Packed::iter`] gives: the items from both ends.
#[derive(Clone, Default)]
pub(crate) struct Items<'a> {
    bytes: &'a [u8],
    front: usize,
    back: usize,
    left: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        self.left = self.left.checked_sub(1)?;
        let at = self.front;
        self.front += size_at(self.bytes, at);
        Some(item_at(self.bytes, at))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Items<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        self.back -= size_before(self.bytes, self.back);
        Some(item_at(self.bytes, self.back))
    }
}

impl ExactSizeIterator for Items<'_> {}

#[cfg(test)]
#[path = "packed/tests.rs"]
mod tests;
