//! Deadlines: EXPIRE, TTL and their relatives, and the expiry options of other commands.

use super::{Args, CommandSpec};
use crate::error::{Error, Result};
use crate::keyspace::Ctx;

pub(super) const COMMANDS: &[CommandSpec] = &[];

/// A point in time as commands take it: relative or absolute, in seconds or milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    In { amount: i64, millis: bool },
    At { amount: i64, millis: bool },
}

impl When {
    /// The deadline in milliseconds since the epoch, by the rule of SET and GETEX: the amount is positive and the
    /// deadline fits 64 bits.
    pub(crate) fn deadline(self, cx: &mut Ctx<'_>, command: &'static str) -> Result<i64> {
        let (When::In { amount, millis } | When::At { amount, millis }) = self;
        let bad = || Error::invalid_expire(command);
        if amount <= 0 {
            return Err(bad());
        }
        let amount = if millis { amount } else { amount.checked_mul(1000).ok_or_else(bad)? };
        match self {
            When::At { .. } => Ok(amount),
            When::In { .. } => amount.checked_add(cx.now()).ok_or_else(bad),
        }
    }
}

/// The word before an expiry option's amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Ex,
    Px,
    ExAt,
    PxAt,
}

impl Unit {
    /// The unit that a word names, in any case.
    pub(crate) fn of(word: &[u8]) -> Option<Unit> {
        let units = [("EX", Unit::Ex), ("PX", Unit::Px), ("EXAT", Unit::ExAt), ("PXAT", Unit::PxAt)];
        units.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|&(_, unit)| unit)
    }

    pub(crate) fn when(self, amount: i64) -> When {
        match self {
            Unit::Ex => When::In { amount, millis: false },
            Unit::Px => When::In { amount, millis: true },
            Unit::ExAt => When::At { amount, millis: false },
            Unit::PxAt => When::At { amount, millis: true },
        }
    }
}
