//! The positions of an element in a list: LPOS.

use crate::commands::spec::{Group, access::*, flag::*, key};
use crate::commands::{Args, CommandSpec};
use crate::ds::List;
use crate::ds::list::ListSide;
use crate::ds::packed::Item;
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Key};
use crate::num::parse_i64;
use crate::reply::Reply;
use crate::store::Store;

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[CommandSpec::new("LPOS", lpos_cmd)
    .summary("Gives the indices of elements of a list that are equal to a value.")
    .since("6.0.6")
    .complexity("O(N) for N elements compared")
    .group(Group::List)
    .syntax("key element [RANK rank] [COUNT num-matches] [MAXLEN len]")
    .arity(-3)
    .flags(READONLY)
    .keys(&[key(1, RO | ACCESS)])];

/// The options of [`Store::lpos_with`].
///
/// # Examples
///
/// ```
/// use redmoon::{LposOptions, Store};
///
/// let store = Store::new();
/// store.rpush("letters", &["a", "b", "a", "c", "a"])?;
/// let last_two = LposOptions::new().rank(-1).count(2);
/// assert_eq!(store.lpos_with("letters", "a", last_two)?, [4, 2]);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LposOptions {
    rank: i64,
    /// How many matches are answered; 0 is all of them.
    count: usize,
    /// How many elements are compared; 0 is all of them.
    max_len: usize,
}

impl Default for LposOptions {
    fn default() -> LposOptions {
        LposOptions { rank: 1, count: 1, max_len: 0 }
    }
}

impl LposOptions {
    /// No options: the first match from the head.
    #[must_use]
    pub fn new() -> LposOptions {
        LposOptions::default()
    }

    /// Begins with this match (RANK): 1 is the first one from the head, -1 the first one from the tail, from where
    /// the search then goes on towards the head. 0 is an error.
    #[must_use]
    pub fn rank(mut self, rank: i64) -> LposOptions {
        self.rank = rank;
        self
    }

    /// Answers up to this many matches (COUNT); 0 stands for all of them.
    #[must_use]
    pub fn count(mut self, count: usize) -> LposOptions {
        self.count = count;
        self
    }

    /// Compares no more than this many elements (MAXLEN); 0 stands for all of them.
    #[must_use]
    pub fn max_len(mut self, elements: usize) -> LposOptions {
        self.max_len = elements;
        self
    }
}

fn lpos_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let mut options = LposOptions::new();
    let mut is_many = false;
    let natural = |at: usize| parse_i64(args.at(at)).and_then(|number| usize::try_from(number).ok());
    for at in (3..args.len()).step_by(2) {
        let has_amount = at + 1 < args.len();
        if has_amount && args.is(at, "RANK") {
            options.rank = args.integer(at + 1)?;
            check_rank(options)?;
        } else if has_amount && args.is(at, "COUNT") {
            options.count = natural(at + 1).ok_or(Error::LPOS_COUNT_NEGATIVE)?;
            is_many = true;
        } else if has_amount && args.is(at, "MAXLEN") {
            options.max_len = natural(at + 1).ok_or(Error::LPOS_MAXLEN_NEGATIVE)?;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    let found = lpos(cx, cx.key(args.at(1)), args.at(2), options)?;
    if is_many {
        out.array(found.len());
        found.iter().for_each(|index| out.length(*index));
    } else {
        match found.first() {
            Some(index) => out.length(*index),
            None => out.null(),
        }
    }
    Ok(())
}

fn check_rank(options: LposOptions) -> Result<()> {
    if options.rank == 0 { Err(Error::LPOS_RANK_ZERO) } else { Ok(()) }
}

fn lpos(cx: &mut Ctx<'_>, key: Key<'_>, element: &[u8], options: LposOptions) -> Result<Vec<usize>> {
    let Some(list) = cx.find_as::<List>(key)? else { return Ok(Vec::new()) };
    let side = if options.rank < 0 { ListSide::Right } else { ListSide::Left };
    // The smallest number has no opposite; a server counts every match as one past it.
    let rank = if options.rank < 0 { options.rank.wrapping_neg() } else { options.rank };
    let most = if options.max_len == 0 { usize::MAX } else { options.max_len };
    let wanted = Item::of(element);
    let mut matches = 0;
    let mut found = Vec::new();
    for (at, item) in list.walk_from(side, most).enumerate() {
        if item != wanted {
            continue;
        }
        matches += 1;
        if matches >= rank {
            found.push(match side {
                ListSide::Left => at,
                ListSide::Right => list.len() - 1 - at,
            });
            if found.len() == options.count {
                break;
            }
        }
    }
    Ok(found)
}

/// # Lists: positions
impl Store {
    /// The index of the first element that is equal to a value (LPOS); `None` if there is none.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.rpush("jobs", &["one", "two", "three"])?;
    /// assert_eq!(store.lpos("jobs", "two")?, Some(1));
    /// assert_eq!(store.lpos("jobs", "nine")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lpos(&self, key: impl AsRef<[u8]>, element: impl AsRef<[u8]>) -> Result<Option<usize>> {
        let found = self.lpos_with(key, element, LposOptions::new())?;
        Ok(found.first().copied())
    }

    /// The indices of elements that are equal to a value (LPOS with options), in the order in which they were found.
    ///
    /// # Errors
    ///
    /// `ERR RANK can't be zero …`, `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{LposOptions, Store};
    ///
    /// let store = Store::new();
    /// store.rpush("letters", &["a", "b", "a", "c", "a"])?;
    /// assert_eq!(store.lpos_with("letters", "a", LposOptions::new().count(0))?, [0, 2, 4]);
    /// assert_eq!(store.lpos_with("letters", "a", LposOptions::new().rank(2))?, [2]);
    /// assert_eq!(store.lpos_with("letters", "c", LposOptions::new().max_len(2))?, [0; 0]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lpos_with(
        &self,
        key: impl AsRef<[u8]>,
        element: impl AsRef<[u8]>,
        options: LposOptions,
    ) -> Result<Vec<usize>> {
        check_rank(options)?;
        self.read_key(key.as_ref(), |cx, key| lpos(cx, key, element.as_ref(), options))
    }
}
