//! LCS: the longest common subsequence of two strings.

use std::ops::Range;

use crate::blob::Blob;
use crate::commands::spec::{Group, access::*, flag::*, keys};
use crate::commands::{Args, CommandSpec};
use crate::ds::lcs::{Lcs, lcs as find_lcs, lcs_length};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Text};
use crate::reply::Reply;
use crate::store::{LockMode, Store};

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[CommandSpec::new("LCS", lcs_cmd)
    .summary("Finds the longest sequence of bytes that two strings have in common, gaps allowed.")
    .since("7.0.0")
    .complexity("O(N*M) for strings of N and M bytes")
    .group(Group::String)
    .syntax("key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]")
    .arity(-3)
    .flags(READONLY)
    .keys(&[keys(1, 1, 1, RO | ACCESS)])];

/// What [`Store::lcs_matches`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LcsMatches {
    /// How many bytes the longest common subsequence has.
    pub len: usize,
    /// The runs of it that are unbroken in both strings, the last ones in the strings first.
    pub matches: Vec<LcsMatch>,
}

/// A run of bytes that two strings have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LcsMatch {
    /// Where it stands in the first string, the end excluded.
    pub first: Range<usize>,
    /// Where it stands in the second string, the end excluded.
    pub second: Range<usize>,
}

/// What is asked of a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Text,
    Length,
    Matches { min_len: usize },
}

fn lcs_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    // What the keys hold is looked at before the options are.
    let (a, b) = texts(cx, args.at(1), args.at(2))?;
    let (wanted, with_len) = parse(args)?;
    let found = lcs(cx, &a, &b, wanted)?;
    match wanted {
        Wanted::Text => out.bulk(&found.text),
        Wanted::Length => out.length(found.length),
        Wanted::Matches { .. } => {
            out.map(2);
            out.bulk(b"matches");
            out.array(found.matches.len());
            for run in &found.matches {
                out.array(if with_len { 3 } else { 2 });
                for (first, last) in [run.a, run.b] {
                    out.array(2);
                    out.length(first);
                    out.length(last);
                }
                if with_len {
                    out.length(run.len);
                }
            }
            out.bulk(b"len");
            out.length(found.length);
        }
    }
    Ok(())
}

/// What is wanted, and whether the runs' lengths are.
fn parse(args: Args<'_>) -> Result<(Wanted, bool)> {
    let (mut len, mut idx, mut with_len, mut min_len) = (false, false, false, 0);
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "IDX") {
            idx = true;
        } else if args.is(at, "LEN") {
            len = true;
        } else if args.is(at, "WITHMATCHLEN") {
            with_len = true;
        } else if args.is(at, "MINMATCHLEN") && at + 1 < args.len() {
            at += 1;
            min_len = usize::try_from(args.integer(at)?.max(0)).unwrap_or(usize::MAX);
        } else {
            return Err(Error::SYNTAX);
        }
        at += 1;
    }
    match (len, idx) {
        (true, true) => Err(Error::LCS_IDX_AND_LEN),
        (true, false) => Ok((Wanted::Length, with_len)),
        (false, true) => Ok((Wanted::Matches { min_len }, with_len)),
        (false, false) => Ok((Wanted::Text, with_len)),
    }
}

/// The strings to compare; a key that does not exist counts as empty.
fn texts(cx: &mut Ctx<'_>, a: &[u8], b: &[u8]) -> Result<(Blob, Blob)> {
    let mut text = |key| match super::get(cx, cx.key(key)) {
        Ok(text) => Ok(text.map(Text::to_blob).unwrap_or_default()),
        Err(_) => Err(Error::LCS_NOT_STRINGS),
    };
    // Both are looked up before either is judged.
    let (a, b) = (text(a), text(b));
    Ok((a?, b?))
}

/// For [`Wanted::Length`] only the length is filled in.
fn lcs(cx: &Ctx<'_>, a: &[u8], b: &[u8], wanted: Wanted) -> Result<Lcs> {
    check_size(a.len(), b.len(), cx.space.max_string.get())?;
    let min_len = match wanted {
        Wanted::Length => return Ok(Lcs { length: lcs_length(a, b), text: Vec::new(), matches: Vec::new() }),
        Wanted::Text => 0,
        Wanted::Matches { min_len } => min_len,
    };
    find_lcs(a, b, min_len).ok_or(Error::LCS_NO_MEMORY)
}

/// Redis's limit, which is on a table of four bytes for each pair of positions. A smaller table is built here, but the
/// time that such strings take is reason enough to keep it.
fn check_size(a: usize, b: usize, max: usize) -> Result<()> {
    const TOO_LONG: usize = u32::MAX as usize - 1;
    if a >= TOO_LONG || b >= TOO_LONG {
        return Err(Error::LCS_TOO_LONG);
    }
    let table = (a + 1).checked_mul(b + 1).and_then(|cells| cells.checked_mul(4));
    if table.is_none_or(|table| table > max) { Err(Error::LCS_NO_MEMORY) } else { Ok(()) }
}

/// # Comparing strings
impl Store {
    /// Gives the longest sequence of bytes that stand in both strings in this order, gaps allowed (LCS); a key that
    /// does not exist counts as empty.
    ///
    /// # Errors
    ///
    /// `ERR Insufficient memory …` for strings that are too long to compare (the product of their lengths is limited to
    /// a quarter of the longest string's), `ERR The specified keys must contain string values`.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.mset(&[("a", "ohmytext"), ("b", "mynewtext")])?;
    /// assert_eq!(store.lcs("a", "b")?, "mytext");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lcs(&self, first: impl AsRef<[u8]>, second: impl AsRef<[u8]>) -> Result<Blob> {
        Ok(Blob::from(self.compare(first.as_ref(), second.as_ref(), Wanted::Text)?.text))
    }

    /// Gives the length in bytes of what [`lcs`](Store::lcs) would give (LCS with LEN).
    ///
    /// # Errors
    ///
    /// As [`lcs`](Store::lcs).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.mset(&[("a", "ohmytext"), ("b", "mynewtext")])?;
    /// assert_eq!(store.lcs_len("a", "b")?, 6);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lcs_len(&self, first: impl AsRef<[u8]>, second: impl AsRef<[u8]>) -> Result<usize> {
        Ok(self.compare(first.as_ref(), second.as_ref(), Wanted::Length)?.length)
    }

    /// Says where in both strings the unbroken runs of at least `min_len` bytes stand that make up what
    /// [`lcs`](Store::lcs) would give (LCS with IDX and MINMATCHLEN).
    ///
    /// # Errors
    ///
    /// As [`lcs`](Store::lcs).
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.mset(&[("a", "ohmytext"), ("b", "mynewtext")])?;
    /// let found = store.lcs_matches("a", "b", 4)?;
    /// assert_eq!(found.len, 6);
    /// assert_eq!(found.matches[0].first, 4..8);
    /// assert_eq!(found.matches[0].second, 5..9);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn lcs_matches(
        &self,
        first: impl AsRef<[u8]>,
        second: impl AsRef<[u8]>,
        min_len: usize,
    ) -> Result<LcsMatches> {
        let found = self.compare(first.as_ref(), second.as_ref(), Wanted::Matches { min_len })?;
        let range = |(first, last): (usize, usize)| first..last + 1;
        let matches = found.matches.iter().map(|run| LcsMatch { first: range(run.a), second: range(run.b) });
        Ok(LcsMatches { len: found.length, matches: matches.collect() })
    }

    fn compare(&self, first: &[u8], second: &[u8], wanted: Wanted) -> Result<Lcs> {
        self.with_keys([first, second], LockMode::Read, |cx| {
            let (a, b) = texts(cx, first, second)?;
            lcs(cx, &a, &b, wanted)
        })
    }
}
