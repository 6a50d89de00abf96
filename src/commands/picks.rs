//! [`Picks`]: how many elements HRANDFIELD, SRANDMEMBER and ZRANDMEMBER draw, and how.

use super::Args;
use crate::error::{Error, Result};

/// How many elements of a collection to draw by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Picks {
    /// Up to so many different ones; all if there are not as many.
    Distinct(usize),
    /// So many, each drawn from all anew, so that some may be drawn twice.
    Repeated(usize),
}

impl Picks {
    /// Picks whose reply would hardly fit in memory are refused: each takes some 32 bytes at least.
    const BYTES: usize = 32;

    /// The argument that says how many: negative for picks that may repeat.
    pub(super) fn parse(args: Args<'_>, at: usize) -> Result<Picks> {
        let count = args.integer(at)?;
        if count == i64::MIN {
            return Err(Error::not_in_range(-i64::MAX, i64::MAX));
        }
        let picks = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(if count < 0 { Picks::Repeated(picks) } else { Picks::Distinct(picks) })
    }

    /// Refuses what a reply of pairs cannot count.
    pub(super) fn check_pairs(self) -> Result<()> {
        let (Picks::Distinct(count) | Picks::Repeated(count)) = self;
        if count > i64::MAX as usize / 2 { Err(Error::OUT_OF_RANGE) } else { Ok(()) }
    }

    /// Refuses so many repeated picks that their reply would be longer than the longest string; a real server fills
    /// its memory and ends.
    pub(super) fn check_size(self, max_string: usize) -> Result<()> {
        let most = max_string / Picks::BYTES;
        match self {
            Picks::Repeated(count) if count > most => {
                let most = i64::try_from(most).unwrap_or(i64::MAX);
                Err(Error::not_in_range(-most, i64::MAX))
            }
            _ => Ok(()),
        }
    }
}
