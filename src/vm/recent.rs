//! [`Recent`]: the short replies that scripts got lately, kept as Lua strings.
//!
//! Lua 5.1 has each string once: to push bytes is to hash them one after the other, to look for the string that has
//! them, and to compare. That is 200 instructions for ten bytes, a seventh of a call of GET, and the hash is one long
//! chain. Replies repeat: flags, counts, states, the fields of a configuration. What came twice in a row to a place
//! is kept in Lua's registry, and is pushed from there without a look at its bytes. A reply that came only once costs
//! the comparison of three words.
//!
//! # Invariants
//!
//! 1. [`Short`] is a bijection: two are equal only if their bytes are.
//! 2. Where a place `is_kept`, the registry has the string of its bytes under the place's
//!    [`reference`](Recent::reference).

use super::core::core;
use super::ffi;

/// Places for strings.
const PLACES: usize = 32;
/// The longest that is kept, in bytes.
const LONGEST: usize = 16;

/// Up to 16 bytes as two words: the first and the last eight, which may overlap. Of less than eight bytes the first
/// and the last four, or all of them, are one word.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Short {
    first: u64,
    last: u64,
    len: usize,
}

impl Short {
    #[inline(always)]
    pub(super) fn of(bytes: &[u8]) -> Option<Short> {
        let len = bytes.len();
        if len > LONGEST {
            return None;
        }
        if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            return Some(Short { first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last), len });
        }
        let first = match (bytes.first_chunk(), bytes.last_chunk(), bytes) {
            (Some(first), Some(last), _) => {
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
            }
            (.., &[a, b, c]) => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
            (.., &[a, b]) => u64::from(a) | u64::from(b) << 8,
            (.., &[a]) => u64::from(a),
            _ => 0,
        };
        Some(Short { first, last: 0, len })
    }

    #[inline(always)]
    fn place(self) -> usize {
        let folded = self.first ^ self.last.rotate_left(29) ^ self.len as u64;
        (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - PLACES.ilog2())) as usize
    }
}

#[derive(Clone, Copy, Default)]
struct Place {
    short: Short,
    is_kept: bool,
}

#[derive(Default)]
pub(super) struct Recent {
    places: [Place; PLACES],
    /// The reference of the first place's string; the others follow. 0 if there is no room for them.
    first: i32,
}

/// What is known of a reply.
#[derive(Clone, Copy)]
pub(super) enum Known {
    /// It is kept, at this place.
    Kept(u8),
    /// It came before, and may be kept at this place.
    Again(u8),
    New,
}

/// Takes places of the registry for the strings, so that setting one needs no memory. May raise.
pub(super) unsafe fn reserve(lua: *mut ffi::lua_State) {
    // SAFETY: (1) reasons L and C.
    unsafe {
        let mut first = 0;
        for at in 0..PLACES as i32 {
            ffi::lua_pushboolean(lua, 0);
            let reference = ffi::luaL_ref(lua, ffi::LUA_REGISTRYINDEX);
            if at == 0 {
                first = reference;
            } else if reference != first + at {
                return;
            }
        }
        (*core(lua)).reply.recent().first = first;
    }
}

impl Recent {
    /// Where the registry has the string of a place.
    #[inline(always)]
    pub(super) fn reference(&self, place: u8) -> i32 {
        self.first + i32::from(place)
    }

    /// Looks a reply up, and notes that it came.
    #[inline(always)]
    pub(super) fn note(&mut self, bytes: &[u8]) -> Known {
        let Some(short) = Short::of(bytes) else { return Known::New };
        let at = short.place();
        let place = &mut self.places[at % PLACES];
        if place.short != short {
            *place = Place { short, is_kept: false };
            Known::New
        } else if place.is_kept {
            Known::Kept(at as u8)
        } else {
            Known::Again(at as u8)
        }
    }

    /// The registry has the string of this place from now on.
    pub(super) fn keep(&mut self, place: u8) {
        self.places[usize::from(place) % PLACES].is_kept = self.first != 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_bytes_differ_from_all_others() {
        let mut seen: Vec<(Short, Vec<u8>)> = Vec::new();
        for len in 0..=LONGEST {
            for fill in [0, 1, b'a', 0xff] {
                for odd in 0..=len {
                    let mut bytes = vec![fill; len];
                    if let Some(byte) = bytes.get_mut(odd) {
                        *byte ^= 0x55;
                    }
                    let short = Short::of(&bytes).unwrap();
                    for (other, others_bytes) in &seen {
                        assert_eq!(*other == short, *others_bytes == bytes, "{bytes:?} {others_bytes:?}");
                    }
                    seen.push((short, bytes));
                }
            }
        }
        assert!(Short::of(&[0; LONGEST + 1]).is_none());
    }
}
