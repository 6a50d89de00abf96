//! [`MultiPop`]: the arguments that LMPOP and ZMPOP share.

use super::Args;
use crate::error::{Error, Result};
use crate::num::parse_i64;

/// `numkeys key [key ...] end [COUNT count]`.
pub(super) struct MultiPop<'a, E> {
    pub(super) keys: &'a [&'a [u8]],
    pub(super) end: E,
    pub(super) count: usize,
}

impl<'a, E> MultiPop<'a, E> {
    /// `end` reads the argument that says from which end.
    pub(super) fn parse(args: Args<'a>, end: impl FnOnce(usize) -> Result<E>) -> Result<MultiPop<'a, E>> {
        let positive =
            |at: usize| parse_i64(args.at(at)).and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
        let keys = positive(1).ok_or(Error::NUMKEYS_NOT_POSITIVE)?;
        let at = keys.checked_add(2).filter(|&at| at < args.len()).ok_or(Error::SYNTAX)?;
        let end = end(at)?;
        let count = match args.len() - at {
            1 => 1,
            // The amount is read before what stands behind it.
            3.. if args.is(at + 1, "COUNT") => positive(at + 2).ok_or(Error::COUNT_NOT_POSITIVE)?,
            _ => return Err(Error::SYNTAX),
        };
        if args.len() - at > 3 {
            return Err(Error::SYNTAX);
        }
        Ok(MultiPop { keys: args.from(2).get(..keys).unwrap_or_default(), end, count })
    }
}
