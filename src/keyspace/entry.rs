//! [`Entry`]: a key, its value and its deadline in one allocation behind one thin pointer.
//!
//! ```text
//! head (8 bytes) | word (none, 8 or 16) | deadline (8, if it has one) | key | embedded bytes
//! ```
//!
//! The head holds the key's length, the kind of the value, two flags and the length of the embedded bytes. The word
//! is an integer, the `Arc` of a long string, or a collection, which takes two words: which of its forms it has, and
//! a pointer to it. A short string is embedded and needs no word.
//!
//! # Why `unsafe`
//!
//! In safe code an entry is a `Box<[u8]>` key beside an enum of values: a 48-byte slot in the table, whose empty
//! half costs 50 bytes a key when a table has just grown, or two allocations a key. A million keys of 16 bytes with
//! values of 100 bytes took 215 bytes a key that way (Redis: 200) and 177 this way, and a random read misses the
//! cache once less than with key and value apart.
//!
//! # Invariants
//!
//! 1. The pointer is to a block of `Shape::size` bytes, aligned to 8, that this entry alone owns.
//! 2. The head tells the true shape: all offsets come from it.
//! 3. For [`Kind::Shared`] the word is an `Arc<Vec<u8>>` that this entry owns; for the kind of a [`Collection`] it is
//!    a value of that type, and no two types have the same kind.
//!
//! # Costs
//!
//! Changing a value within its size class (multiples of 16 bytes) writes in place; any other change allocates a new
//! block and copies the key.
#![allow(unsafe_code, reason = "see above; each use carries its reason")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::blob::Blob;
use crate::ds::{Hash, List, Set, Zset};
use crate::error::{Error, Result};
use crate::reply::Reply;

/// The longest value that is embedded. Reading an embedded value copies it; a longer one is shared.
pub(crate) const EMBEDDED: usize = crate::blob::SHORT;

pub(crate) struct Entry(NonNull<u8>);

/// The word of an entry must hold an `Arc` or an `i64`, and a slot of the table must stay at 16 bytes.
const _: () = assert!(size_of::<Arc<Vec<u8>>>() <= 8 && align_of::<Arc<Vec<u8>>>() <= 8);

// SAFETY: (1) an entry owns its block, and what it holds (bytes, integers, `Arc<Vec<u8>>`, collections) is Send and
// Sync; for collections the trait asks for it.
unsafe impl Send for Entry {}
// SAFETY: (2) as 1; nothing in an entry changes through a shared reference.
unsafe impl Sync for Entry {}

/// A type of value that has elements. A key whose collection has become empty is removed.
///
/// # Safety
///
/// No other type has the same [`KIND`](Collection::KIND), and it is none of those of strings.
pub(crate) unsafe trait Collection: Clone + Default + Send + Sync {
    const KIND: Kind;
    /// What TYPE calls it.
    const TYPE: &'static str;
    fn is_empty(&self) -> bool;
    /// What OBJECT ENCODING calls the form that it has.
    fn encoding(&self) -> &'static str;
    /// Bytes that it has allocated.
    fn memory(&self) -> usize;
    fn into_content(self) -> Content<'static>;
}

/// Makes the types of collections known to entries, and runs code for the one that an entry holds.
macro_rules! collections {
    ($($kind:ident: $type:ty = $name:literal),*) => {
        $(
            const _: () = assert!(size_of::<$type>() <= WIDE && align_of::<$type>() <= 8);

            // SAFETY: (16) the macro is used once, below, with a kind of its own for each type.
            unsafe impl Collection for $type {
                const KIND: Kind = Kind::$kind;
                const TYPE: &'static str = $name;
                #[inline]
                fn is_empty(&self) -> bool {
                    <$type>::is_empty(self)
                }
                fn encoding(&self) -> &'static str {
                    <$type>::encoding(self)
                }
                fn memory(&self) -> usize {
                    <$type>::memory(self)
                }
                fn into_content(self) -> Content<'static> {
                    Content::$kind(self)
                }
            }
        )*

        /// Shows the collection of an entry to `$body` under a name; `$else` for strings.
        macro_rules! with_collection {
            ($entry:expr, $value:ident => $body:expr, $else:expr) => {
                match $entry.shape().kind {
                    $(Kind::$kind => match $entry.value::<$type>() {
                        Some($value) => $body,
                        None => $else,
                    },)*
                    Kind::Embedded | Kind::Int | Kind::Shared => $else,
                }
            };
        }
    };
}

/// Bytes of the word of a collection.
const WIDE: usize = 16;

collections!(Hash: Hash = "hash", List: List = "list", Set: Set = "set", Zset: Zset = "zset");

/// A value on its way into an entry.
pub(crate) enum Content<'a> {
    Int(i64),
    /// Up to [`EMBEDDED`] bytes; `raw` is what OBJECT ENCODING says of a short string that was changed in place.
    Bytes {
        bytes: &'a [u8],
        raw: bool,
    },
    Shared(Arc<Vec<u8>>),
    Hash(Hash),
    List(List),
    Set(Set),
    Zset(Zset),
}

impl<'a> Content<'a> {
    /// The form in which a string is kept: an integer if it spells one, else embedded or shared by its length.
    pub(crate) fn of(bytes: &'a [u8]) -> Content<'a> {
        // The longest integer has 20 digits and sign; most strings are told apart by their first byte.
        if bytes.len() <= 20
            && bytes.first().is_some_and(|&first| first.is_ascii_digit() || first == b'-')
            && let Some(number) = crate::num::parse_i64(bytes)
        {
            return Content::Int(number);
        }
        Content::bytes(bytes, false)
    }

    /// A string that stays text even if it spells an integer.
    pub(crate) fn bytes(bytes: &'a [u8], raw: bool) -> Content<'a> {
        if bytes.len() <= EMBEDDED {
            Content::Bytes { bytes, raw }
        } else {
            Content::Shared(Arc::new(bytes.to_vec()))
        }
    }

    fn shape(&self, key: usize, has_deadline: bool) -> Shape {
        let (kind, embedded, raw) = match self {
            Content::Int(_) => (Kind::Int, 0, false),
            Content::Bytes { bytes, raw } => {
                assert!(bytes.len() <= EMBEDDED, "a long value is not embedded");
                (Kind::Embedded, bytes.len(), *raw)
            }
            Content::Shared(_) => (Kind::Shared, 0, true),
            Content::Hash(_) => (Kind::Hash, 0, false),
            Content::List(_) => (Kind::List, 0, false),
            Content::Set(_) => (Kind::Set, 0, false),
            Content::Zset(_) => (Kind::Zset, 0, false),
        };
        Shape { key, kind, embedded, has_deadline, raw }
    }
}

/// A string value as it is kept, for reading.
#[derive(Clone, Copy)]
pub(crate) enum Text<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Shared(&'a Arc<Vec<u8>>),
}

impl<'a> Text<'a> {
    #[inline]
    pub(crate) fn to_blob(self) -> Blob {
        self.copy_into(|blob| blob)
    }

    /// Hands a copy to `wrap`, which is made in its last place ([`Blob::copy_into`]).
    #[inline(always)]
    pub(crate) fn copy_into<R>(self, wrap: impl FnOnce(Blob) -> R) -> R {
        match self {
            Text::Bytes(bytes) => Blob::copy_into(bytes, wrap),
            Text::Int(number) => wrap(spelled(number)),
            Text::Shared(bytes) => wrap(Blob::shared(Arc::clone(bytes))),
        }
    }

    pub(crate) fn reply(self, out: &mut dyn Reply) {
        match self {
            Text::Int(number) => out.bulk(itoa::Buffer::new().format(number).as_bytes()),
            Text::Bytes(bytes) => out.bulk(bytes),
            Text::Shared(bytes) => out.shared(bytes),
        }
    }

    /// The bytes; an integer is spelled into `buffer`.
    pub(crate) fn bytes(self, buffer: &'a mut itoa::Buffer) -> &'a [u8] {
        match self {
            Text::Int(number) => buffer.format(number).as_bytes(),
            Text::Bytes(bytes) => bytes,
            Text::Shared(bytes) => bytes,
        }
    }

    pub(crate) fn len(self) -> usize {
        match self {
            Text::Int(number) => itoa::Buffer::new().format(number).len(),
            Text::Bytes(bytes) => bytes.len(),
            Text::Shared(bytes) => bytes.len(),
        }
    }
}

#[inline(never)]
fn spelled(number: i64) -> Blob {
    Blob::from(itoa::Buffer::new().format(number))
}

/// What the word of an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Embedded = 0,
    Int = 1,
    Shared = 2,
    Hash = 3,
    List = 4,
    Set = 5,
    Zset = 6,
}

impl Kind {
    /// Bytes of the word.
    #[inline]
    fn width(self) -> usize {
        match self {
            Kind::Embedded => 0,
            Kind::Int | Kind::Shared => 8,
            Kind::Hash | Kind::List | Kind::Set | Kind::Zset => WIDE,
        }
    }
}

const KIND: u32 = 0b1111;
const EMBEDDED_KIND: u32 = Kind::Embedded as u32;
const INT_KIND: u32 = Kind::Int as u32;
const SHARED_KIND: u32 = Kind::Shared as u32;
const HAS_DEADLINE: u32 = 1 << 4;
const RAW: u32 = 1 << 5;
const _: () = assert!((Kind::Hash as u32) > SHARED_KIND && SHARED_KIND < HAS_DEADLINE, "strings come first");
/// Where the key stands, in words behind the head: two bits, so that a look-up need not know the kind.
const KEY_SHIFT: u32 = 6;
const KEY_WORDS: u32 = 0b11;
const EMBEDDED_SHIFT: u32 = 8;

/// What the head says, and where the parts stand.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    key: usize,
    kind: Kind,
    embedded: usize,
    has_deadline: bool,
    raw: bool,
}

impl Shape {
    #[inline]
    fn word(self) -> usize {
        8
    }
    #[inline]
    fn deadline(self) -> usize {
        8 + self.kind.width()
    }
    #[inline]
    fn key_at(self) -> usize {
        self.deadline() + if self.has_deadline { 8 } else { 0 }
    }
    #[inline]
    fn bytes_at(self) -> usize {
        self.key_at() + self.key
    }

    /// The block's size: 8 less than a multiple of 16, what common allocators hand out for that request anyway.
    #[inline]
    fn size(self) -> usize {
        (self.bytes_at() + self.embedded + 8).next_multiple_of(16).max(32) - 8
    }

    fn layout(self) -> Layout {
        // Sizes are sums of lengths of slices that exist, each at most 2^32, so they stay far below isize::MAX.
        Layout::from_size_align(self.size(), 8).unwrap_or(Layout::new::<u64>())
    }

    fn meta(self) -> u32 {
        self.kind as u32
            | if self.has_deadline { HAS_DEADLINE } else { 0 }
            | if self.raw { RAW } else { 0 }
            | ((self.key_at() as u32 / 8 - 1) & KEY_WORDS) << KEY_SHIFT
            | (self.embedded as u32) << EMBEDDED_SHIFT
    }
}

impl Entry {
    pub(crate) fn new(key: &[u8], content: Content<'_>, deadline: Option<i64>) -> Entry {
        // The head has 32 bits for one length and 24 for the other; a block whose head lies is freed as another.
        assert!(u32::try_from(key.len()).is_ok(), "a key is longer than 4 GiB");
        let shape = content.shape(key.len(), deadline.is_some());
        let layout = shape.layout();
        // SAFETY: (3) the layout's size is at least 24.
        let block = unsafe { alloc(layout) };
        let Some(block) = NonNull::new(block) else { handle_alloc_error(layout) };
        let mut entry = Entry(block);
        // SAFETY: (4) the block has `shape.size()` bytes, and the key ends where the embedded bytes begin, at most
        // `size` bytes from the start. The head and key are written before anything reads them.
        unsafe {
            block.cast::<u32>().write(key.len() as u32);
            block.as_ptr().add(shape.key_at()).copy_from_nonoverlapping(key.as_ptr(), key.len());
        }
        entry.fill(shape, content, deadline);
        entry
    }

    /// Writes head, word, deadline and embedded bytes; the block must have the shape's size and hold its key where
    /// the shape has it.
    fn fill(&mut self, shape: Shape, content: Content<'_>, deadline: Option<i64>) {
        let block = self.0;
        // SAFETY: (5) the offsets are inside the block by the shape, head, word and deadline are aligned to 8 as the
        // block is, and the embedded bytes come from outside the block.
        unsafe {
            block.cast::<u32>().add(1).write(shape.meta());
            match content {
                Content::Int(number) => block.add(shape.word()).cast::<i64>().write(number),
                Content::Shared(bytes) => {
                    block.add(shape.word()).cast::<Arc<Vec<u8>>>().write(bytes);
                }
                Content::Hash(hash) => block.add(shape.word()).cast().write(hash),
                Content::List(list) => block.add(shape.word()).cast().write(list),
                Content::Set(set) => block.add(shape.word()).cast().write(set),
                Content::Zset(zset) => block.add(shape.word()).cast().write(zset),
                Content::Bytes { bytes, .. } => {
                    let at = block.as_ptr().add(shape.bytes_at());
                    at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                }
            }
            if let Some(deadline) = deadline {
                block.add(shape.deadline()).cast::<i64>().write(deadline);
            }
        }
    }

    #[inline]
    fn head(&self) -> (usize, u32) {
        // SAFETY: (6) every block begins with its head, two u32.
        unsafe { (self.0.cast::<u32>().read() as usize, self.0.cast::<u32>().add(1).read()) }
    }

    #[inline]
    fn shape(&self) -> Shape {
        let (key, meta) = self.head();
        let kind = match meta & KIND {
            0 => Kind::Embedded,
            1 => Kind::Int,
            2 => Kind::Shared,
            3 => Kind::Hash,
            4 => Kind::List,
            5 => Kind::Set,
            _ => Kind::Zset,
        };
        Shape {
            key,
            kind,
            embedded: (meta >> EMBEDDED_SHIFT) as usize,
            has_deadline: meta & HAS_DEADLINE != 0,
            raw: meta & RAW != 0,
        }
    }

    #[inline]
    fn slice(&self, at: usize, len: usize) -> &[u8] {
        // SAFETY: (7) callers pass offsets of the block's own shape, whose bytes `new` and `fill` wrote.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(at), len) }
    }

    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        let (len, meta) = self.head();
        self.slice(8 + (meta >> KEY_SHIFT & KEY_WORDS) as usize * 8, len)
    }

    /// Whether the entry has this key. Keys are mostly short: two overlapping words spare the call of `memcmp`.
    #[inline(always)]
    pub(crate) fn is_key(&self, key: &[u8]) -> bool {
        let own = self.key();
        if own.len() != key.len() {
            return false;
        }
        match (own.first_chunk::<8>(), key.first_chunk::<8>(), own.last_chunk::<8>(), key.last_chunk::<8>()) {
            (Some(first), Some(others_first), Some(last), Some(others_last)) if key.len() <= 16 => {
                first == others_first && last == others_last
            }
            _ => own == key,
        }
    }

    /// When the key ends, in milliseconds since the epoch.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<i64> {
        let shape = self.shape();
        // SAFETY: (8) the flag says that the deadline was written.
        shape.has_deadline.then(|| unsafe { self.0.add(shape.deadline()).cast::<i64>().read() })
    }

    /// When the key is gone: at its deadline, or when the last field of a hash is. In milliseconds since the epoch.
    #[inline(always)]
    pub(crate) fn end(&self) -> Option<i64> {
        let (_, meta) = self.head();
        match (meta & HAS_DEADLINE != 0, meta & KIND == Kind::Hash as u32) {
            (false, false) => None,
            (true, false) => self.deadline(),
            (_, true) => self.end_of_hash(),
        }
    }

    #[inline]
    fn end_of_hash(&self) -> Option<i64> {
        let last = self.value::<Hash>().and_then(Hash::end);
        match (self.deadline(), last) {
            (Some(deadline), Some(last)) => Some(deadline.min(last)),
            (deadline, last) => deadline.or(last),
        }
    }

    /// The value of a string.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if it is none.
    #[inline]
    pub(crate) fn text(&self) -> Result<Text<'_>> {
        let (key, meta) = self.head();
        match meta & KIND {
            EMBEDDED_KIND => {
                let at = 8 + if meta & HAS_DEADLINE != 0 { 8 } else { 0 } + key;
                Ok(Text::Bytes(self.slice(at, (meta >> EMBEDDED_SHIFT) as usize)))
            }
            // SAFETY: (9) an integer's word holds it.
            INT_KIND => Ok(Text::Int(unsafe { self.0.add(8).cast::<i64>().read() })),
            SHARED_KIND => Ok(Text::Shared(self.arc())),
            _ => Err(Error::WRONG_TYPE),
        }
    }

    /// Whether it is a string that does not end in this second, counted since the epoch, nor in the next.
    #[inline]
    pub(crate) fn is_lasting_text(&self, second: i64) -> bool {
        let (_, meta) = self.head();
        meta & (KIND | HAS_DEADLINE) <= SHARED_KIND || meta & KIND <= SHARED_KIND && self.ends_after(second)
    }

    #[inline(never)]
    fn ends_after(&self, second: i64) -> bool {
        self.deadline().is_none_or(|deadline| deadline.div_euclid(1000) > second.saturating_add(1))
    }

    /// The collection, if it is one of this type.
    #[inline]
    pub(crate) fn value<T: Collection>(&self) -> Option<&T> {
        // SAFETY: (17) invariant 3.
        (self.shape().kind == T::KIND).then(|| unsafe { self.0.add(8).cast::<T>().as_ref() })
    }

    #[inline]
    pub(crate) fn value_mut<T: Collection>(&mut self) -> Option<&mut T> {
        // SAFETY: (18) as 17, and `&mut self` makes the access exclusive.
        (self.shape().kind == T::KIND).then(|| unsafe { self.0.add(8).cast::<T>().as_mut() })
    }

    /// Whether a short string was changed in place.
    fn is_raw(&self) -> bool {
        self.shape().raw
    }

    /// What TYPE calls the value.
    pub(crate) fn type_name(&self) -> &'static str {
        fn name_of<T: Collection>(_: &T) -> &'static str {
            T::TYPE
        }
        with_collection!(self, value => name_of(value), "string")
    }

    /// What OBJECT ENCODING calls the form in which a value of this type would be kept.
    pub(crate) fn encoding(&self) -> &'static str {
        /// The longest string that Redis keeps in one block with its header.
        const EMBSTR: usize = 44;
        match self.text() {
            Ok(Text::Int(_)) => "int",
            Ok(Text::Bytes(bytes)) if bytes.len() <= EMBSTR && !self.is_raw() => "embstr",
            Ok(Text::Bytes(_) | Text::Shared(_)) => "raw",
            Err(_) => with_collection!(self, value => Collection::encoding(value), "raw"),
        }
    }

    /// The shared buffer, for [`Kind::Shared`] only.
    fn arc(&self) -> &Arc<Vec<u8>> {
        // SAFETY: (10) invariant 3; the word is 8 bytes aligned to 8, as an `Arc` is.
        unsafe { self.0.add(8).cast::<Arc<Vec<u8>>>().as_ref() }
    }

    /// The buffer of a long string, copied first if somebody else holds it too. The caller must not leave it
    /// shorter than makes sense as a long one; a short one in it is legal, only larger than it need be.
    pub(crate) fn shared_mut(&mut self) -> Option<&mut Vec<u8>> {
        if self.shape().kind != Kind::Shared {
            return None;
        }
        // SAFETY: (11) as 10, and `&mut self` makes the access exclusive.
        Some(Arc::make_mut(unsafe { self.0.add(8).cast::<Arc<Vec<u8>>>().as_mut() }))
    }

    /// Replaces an integer in place; the entry must hold one.
    #[inline]
    pub(crate) fn set_int(&mut self, number: i64) -> bool {
        if self.shape().kind != Kind::Int {
            return false;
        }
        // SAFETY: (12) an integer's word is 8 aligned bytes of the block.
        unsafe { self.0.add(8).cast::<i64>().write(number) };
        true
    }

    /// Replaces the value and the deadline.
    pub(crate) fn set(&mut self, content: Content<'_>, deadline: Option<i64>) {
        let old = self.shape();
        let new = content.shape(old.key, deadline.is_some());
        if old.key_at() == new.key_at() && old.size() == new.size() {
            self.drop_content(old);
            self.fill(new, content, deadline);
        } else {
            *self = Entry::new(self.key(), content, deadline);
        }
    }

    /// Replaces the deadline and keeps the value.
    pub(crate) fn set_deadline(&mut self, deadline: Option<i64>) {
        let shape = self.shape();
        if let (true, Some(deadline)) = (shape.has_deadline, deadline) {
            // SAFETY: (13) the flag says that the block has room for a deadline.
            unsafe { self.0.add(shape.deadline()).cast::<i64>().write(deadline) };
        } else if shape.has_deadline != deadline.is_some() {
            *self = self.with(self.key(), deadline);
        }
    }

    /// The same value under another key and deadline; a long value or a collection is shared, not copied.
    pub(crate) fn with(&self, key: &[u8], deadline: Option<i64>) -> Entry {
        let content = match self.text() {
            Ok(Text::Int(number)) => Content::Int(number),
            Ok(Text::Bytes(bytes)) => Content::Bytes { bytes, raw: self.is_raw() },
            Ok(Text::Shared(bytes)) => Content::Shared(Arc::clone(bytes)),
            Err(_) => with_collection!(self, value => value.clone().into_content(), Content::Int(0)),
        };
        Entry::new(key, content, deadline)
    }

    /// Bytes that this entry has allocated, its shared buffer or collection included.
    pub(crate) fn memory(&self) -> usize {
        self.shape().size()
            + match self.text() {
                Ok(Text::Shared(bytes)) => bytes.capacity() + size_of::<Vec<u8>>() + 16,
                Ok(_) => 0,
                Err(_) => with_collection!(self, value => Collection::memory(value), 0),
            }
    }

    #[inline]
    fn drop_content(&mut self, shape: Shape) {
        let word = self.0.as_ptr().wrapping_add(8);
        // SAFETY: (14) invariant 3; the caller overwrites the word or frees the block right after.
        unsafe {
            match shape.kind {
                Kind::Embedded | Kind::Int => {}
                Kind::Shared => word.cast::<Arc<Vec<u8>>>().drop_in_place(),
                Kind::Hash => word.cast::<Hash>().drop_in_place(),
                Kind::List => word.cast::<List>().drop_in_place(),
                Kind::Set => word.cast::<Set>().drop_in_place(),
                Kind::Zset => word.cast::<Zset>().drop_in_place(),
            }
        }
    }
}

impl Clone for Entry {
    fn clone(&self) -> Entry {
        self.with(self.key(), self.deadline())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let shape = self.shape();
        self.drop_content(shape);
        // SAFETY: (15) invariant 1; the layout is the one of the allocation because `set` keeps the size.
        unsafe { dealloc(self.0.as_ptr(), shape.layout()) };
    }
}

#[cfg(test)]
#[path = "entry/tests.rs"]
mod tests;
