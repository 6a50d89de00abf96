//! [`Blob`], the byte string of the crate.

mod spare;

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// How many bytes a [`Blob`] holds without an allocation.
pub(crate) const INLINE: usize = 22;

/// The longest byte string that is copied rather than shared: it has one owner, whose buffer is used again ([`spare`]).
pub(crate) const SHORT: usize = 192;

/// An immutable byte string: 24 bytes, up to 22 bytes inline, more than 192 and buffers that were taken over shared by
/// reference count.
///
/// Reading a small value never allocates, and reading or cloning a large one never copies. It dereferences to
/// `[u8]`, so every method of slices works on it.
///
/// # Examples
///
/// ```
/// use redmoon::Blob;
///
/// let blob = Blob::from("hello");
/// assert_eq!(blob, "hello");
/// assert_eq!(&blob[1..3], b"el");
/// assert_eq!(blob.to_string(), "hello");
/// ```
pub struct Blob(Repr);

enum Repr {
    Inline {
        len: u8,
        bytes: [u8; INLINE],
    },
    /// Up to [`SHORT`] bytes at the beginning of a buffer of its own.
    Short {
        len: u8,
        buffer: Box<[u8]>,
    },
    /// A longer one, which a store may share, or a buffer that was taken over.
    Shared(Arc<Vec<u8>>),
}

impl Blob {
    /// The empty byte string.
    #[must_use]
    pub const fn new() -> Blob {
        Blob(Repr::Inline { len: 0, bytes: [0; INLINE] })
    }

    /// The bytes.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..usize::from(*len).min(INLINE)],
            Repr::Short { len, buffer } => &buffer[..usize::from(*len).min(buffer.len())],
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The bytes as text, when they are UTF-8.
    ///
    /// # Errors
    ///
    /// The position of the first byte that is not UTF-8.
    pub fn to_str(&self) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(self)
    }

    /// Leaves it empty.
    fn take(&mut self) -> Repr {
        std::mem::replace(&mut self.0, Repr::Inline { len: 0, bytes: [0; INLINE] })
    }

    #[inline]
    pub(crate) fn shared(bytes: Arc<Vec<u8>>) -> Blob {
        Blob(Repr::Shared(bytes))
    }

    /// Hands a copy of the bytes to `wrap`. Each form of it is made in its last place then: what was just written would be
    /// moved there before it has left the store buffer, for which a processor waits.
    #[inline(always)]
    pub(crate) fn copy_into<R>(bytes: &[u8], wrap: impl FnOnce(Blob) -> R) -> R {
        match padded(bytes) {
            Some(padded) => wrap(Blob(Repr::Inline { len: bytes.len() as u8, bytes: padded })),
            None if bytes.len() <= SHORT => {
                wrap(Blob(Repr::Short { len: bytes.len() as u8, buffer: spare::copy(bytes) }))
            }
            None => wrap(Blob(Repr::Shared(Arc::new(bytes.to_vec())))),
        }
    }
}

impl Clone for Blob {
    fn clone(&self) -> Blob {
        match &self.0 {
            Repr::Inline { len, bytes } => Blob(Repr::Inline { len: *len, bytes: *bytes }),
            Repr::Short { .. } => Blob::from(self.as_bytes()),
            Repr::Shared(bytes) => Blob::shared(Arc::clone(bytes)),
        }
    }
}

impl Drop for Blob {
    #[inline]
    fn drop(&mut self) {
        if let Repr::Short { buffer, .. } = &mut self.0 {
            spare::give_back(std::mem::take(buffer));
        }
    }
}

impl Default for Blob {
    fn default() -> Blob {
        Blob::new()
    }
}

impl Deref for Blob {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Borrow<[u8]> for Blob {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl From<&[u8]> for Blob {
    #[inline]
    fn from(from: &[u8]) -> Blob {
        Blob::copy_into(from, |blob| blob)
    }
}

/// Up to 22 bytes with zeros behind them. They are put together in registers: a copy of so many bytes as there are would
/// be read again before it has left the store buffer.
#[inline(always)]
fn padded(from: &[u8]) -> Option<[u8; INLINE]> {
    fn word(bytes: &[u8; 8]) -> u64 {
        u64::from_le_bytes(*bytes)
    }
    /// The last bytes of a word that ends the string, moved to where the word begins that they belong to.
    fn rest(end: &[u8; 8], len: usize) -> u64 {
        word(end).checked_shr(64 - 8 * len as u32).unwrap_or(0)
    }
    let len = from.len();
    let words = match (from.first_chunk(), from.last_chunk()) {
        (Some(first), Some(last)) => match (from.get(8..).and_then(<[u8]>::first_chunk), len) {
            (_, 8..=16) => [word(first), rest(last, len - 8), 0],
            (Some(second), 17..=INLINE) => [word(first), word(second), rest(last, len - 16)],
            _ => return None,
        },
        _ => match (from.first_chunk::<4>(), from.last_chunk::<4>(), from) {
            (Some(first), Some(last), _) => {
                let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
                [u64::from(first) | u64::from(last) << (8 * (len - 4)), 0, 0]
            }
            (.., &[first, .., last]) => {
                let middle = u64::from(from[len / 2]) << (8 * (len / 2));
                [u64::from(first) | middle | u64::from(last) << (8 * (len - 1)), 0, 0]
            }
            (.., &[only]) => [only.into(), 0, 0],
            _ => [0; 3],
        },
    };
    let mut bytes = [0; INLINE];
    bytes[..8].copy_from_slice(&words[0].to_le_bytes());
    bytes[8..16].copy_from_slice(&words[1].to_le_bytes());
    bytes[16..].copy_from_slice(&words[2].to_le_bytes()[..INLINE - 16]);
    Some(bytes)
}

impl<const N: usize> From<&[u8; N]> for Blob {
    fn from(from: &[u8; N]) -> Blob {
        Blob::from(from.as_slice())
    }
}

impl From<&str> for Blob {
    fn from(from: &str) -> Blob {
        Blob::from(from.as_bytes())
    }
}

impl From<String> for Blob {
    fn from(from: String) -> Blob {
        Blob::from(from.into_bytes())
    }
}

impl From<Vec<u8>> for Blob {
    fn from(from: Vec<u8>) -> Blob {
        if from.len() <= INLINE { Blob::from(from.as_slice()) } else { Blob(Repr::Shared(Arc::new(from))) }
    }
}

impl From<Blob> for Vec<u8> {
    fn from(mut from: Blob) -> Vec<u8> {
        match from.take() {
            Repr::Shared(bytes) => Arc::try_unwrap(bytes).unwrap_or_else(|shared| shared.to_vec()),
            Repr::Short { len, buffer } => {
                let mut bytes = buffer.into_vec();
                bytes.truncate(len.into());
                bytes
            }
            inline @ Repr::Inline { .. } => Blob(inline).to_vec(),
        }
    }
}

impl TryFrom<Blob> for String {
    type Error = std::string::FromUtf8Error;
    fn try_from(from: Blob) -> Result<String, Self::Error> {
        String::from_utf8(from.into())
    }
}

#[cfg(feature = "bytes")]
impl From<Blob> for bytes::Bytes {
    fn from(from: Blob) -> bytes::Bytes {
        match &from.0 {
            Repr::Inline { .. } | Repr::Short { .. } => bytes::Bytes::copy_from_slice(&from),
            Repr::Shared(_) => bytes::Bytes::from_owner(from),
        }
    }
}

#[cfg(feature = "bytes")]
impl From<bytes::Bytes> for Blob {
    fn from(from: bytes::Bytes) -> Blob {
        Blob::from(Vec::from(from))
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Blob) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Blob {}

impl PartialOrd for Blob {
    fn partial_cmp(&self, other: &Blob) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Blob {
    fn cmp(&self, other: &Blob) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Blob {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

macro_rules! equals {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for Blob {
            fn eq(&self, other: &$other) -> bool {
                let other: &[u8] = other.as_ref();
                self.as_bytes() == other
            }
        }
        impl PartialEq<Blob> for $other {
            fn eq(&self, other: &Blob) -> bool {
                other == self
            }
        }
    )*};
}
equals!([u8], &[u8], str, &str, String, Vec<u8>);

impl<const N: usize> PartialEq<&[u8; N]> for Blob {
    fn eq(&self, other: &&[u8; N]) -> bool {
        self.as_bytes() == other.as_slice()
    }
}

/// The bytes as text; what is not UTF-8 becomes the replacement character.
impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(self))
    }
}

/// The bytes as a quoted string, with escapes for what is not printable ASCII.
impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}
