//! What HSCAN, SSCAN, ZSCAN and SCAN have in common: a cursor, a pattern and a count.

use super::Args;
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::glob;
use crate::num;
use crate::reply::Reply;

/// The options of [`Store::hscan`](crate::Store::hscan) and its kin, which walk through one collection.
///
/// # Examples
///
/// ```
/// use redmoon::{Store, WalkOptions};
///
/// let store = Store::new();
/// store.hset("user", &[("name", "Ann"), ("mail:home", "a@b.org"), ("mail:work", "a@c.org")])?;
/// let options = WalkOptions::new().matching("mail:*").count(1000);
/// let (cursor, found) = store.hscan("user", 0, &options)?;
/// assert_eq!((cursor, found.len()), (0, 2));
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WalkOptions {
    pattern: Option<Blob>,
    pub(super) count: usize,
}

impl Default for WalkOptions {
    fn default() -> WalkOptions {
        WalkOptions { pattern: None, count: 10 }
    }
}

impl WalkOptions {
    /// No options: every element, about ten at a time.
    #[must_use]
    pub fn new() -> WalkOptions {
        WalkOptions::default()
    }

    /// Only elements whose names fit a glob pattern (MATCH): `*`, `?`, `[a-z]` and `\` as in
    /// [`Store::keys`](crate::Store::keys).
    #[must_use]
    pub fn matching(mut self, pattern: impl AsRef<[u8]>) -> WalkOptions {
        self.pattern = Some(Blob::from(pattern.as_ref()));
        self
    }

    /// About how many elements one call looks at (COUNT), 0 being taken for 1; it gives those of them that fit the
    /// pattern. A small collection is looked at as a whole.
    #[must_use]
    pub fn count(mut self, count: usize) -> WalkOptions {
        self.count = count;
        self
    }

    /// Whether an element of this name is wanted.
    pub(super) fn wants(&self, name: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| fits(pattern, name))
    }

    /// The options from an argument on. `other` is asked about every one that is not MATCH or COUNT, and says how many
    /// arguments it takes up, or `None` if it does not know it either.
    pub(super) fn parse(
        args: Args<'_>,
        from: usize,
        mut other: impl FnMut(usize) -> Option<usize>,
    ) -> Result<WalkOptions> {
        let mut options = WalkOptions::new();
        let mut at = from;
        while at < args.len() {
            let has_value = at + 1 < args.len();
            at += if has_value && args.is(at, "COUNT") {
                let count = args.integer(at + 1)?;
                if count < 1 {
                    return Err(Error::SYNTAX);
                }
                options.count = usize::try_from(count).unwrap_or(usize::MAX);
                2
            } else if has_value && args.is(at, "MATCH") {
                options = options.matching(args.at(at + 1));
                2
            } else {
                other(at).ok_or(Error::SYNTAX)?
            };
        }
        Ok(options)
    }
}

/// Whether a name fits a pattern. A lone star asks nothing of the name, so it may be empty.
pub(super) fn fits(pattern: &[u8], name: &[u8]) -> bool {
    pattern == b"*" || glob::matches(pattern, name, false)
}

/// The argument that is a cursor.
pub(super) fn cursor(args: Args<'_>, at: usize) -> Result<u64> {
    num::parse_u64_prefixless(args.at(at)).ok_or(Error::INVALID_CURSOR)
}

/// The reply of a step of a walk: the next cursor, and so many elements, which follow.
pub(super) fn reply(cursor: u64, elements: usize, out: &mut dyn Reply) {
    out.array(2);
    out.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    out.array(elements);
}
