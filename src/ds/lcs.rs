//! The longest common subsequence of two byte strings, for the LCS command.
//!
//! The textbook dynamic programme (Robert Wagner and Michael Fischer, "The string-to-string correction problem",
//! 1974): `length[i][j]` is the answer for the first `i` bytes of one string and the first `j` of the other, and a
//! walk from the end of both finds the bytes. Where several subsequences are equally long, Redis's walk decides which
//! one is reported, and so does this one: a byte that both strings have here is always taken; else the first string
//! gives way only if that keeps strictly more than if the second did.
//!
//! The walk needs no lengths, only that last decision, so one bit per pair of positions is kept, and one row of
//! lengths at a time.
//!
//! Costs: time O(n·m); memory n·m bits for [`lcs`], O(min(n, m)) for [`lcs_length`].

/// A longest common subsequence and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lcs {
    /// How long it is.
    pub length: usize,
    /// Its bytes.
    pub text: Vec<u8>,
    /// The runs of it that are unbroken in both strings and long enough, the last in the strings first.
    pub matches: Vec<LcsMatch>,
}

/// A run of bytes that both strings have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LcsMatch {
    /// The first and the last position in the first string.
    pub a: (usize, usize),
    /// The first and the last position in the second string.
    pub b: (usize, usize),
    /// How long it is.
    pub len: usize,
}

/// The subsequence, its bytes and its runs of at least `min_match_len` bytes; `None` without memory for the table.
pub(crate) fn lcs(a: &[u8], b: &[u8], min_match_len: usize) -> Option<Lcs> {
    let decisions = Decisions::new(a, b)?;
    let mut found = Lcs { length: 0, text: Vec::new(), matches: Vec::new() };
    let (mut i, mut j) = (a.len(), b.len());
    while i > 0 && j > 0 {
        if a[i - 1] != b[j - 1] {
            if decisions.first_gives_way(i - 1, j - 1) {
                i -= 1
            } else {
                j -= 1
            }
            continue;
        }
        let end = (i, j);
        while i > 0 && j > 0 && a[i - 1] == b[j - 1] {
            (i, j) = (i - 1, j - 1);
        }
        let len = end.0 - i;
        found.length += len;
        found.text.try_reserve(len).ok()?;
        found.text.extend(a[i..end.0].iter().rev());
        if len >= min_match_len {
            found.matches.push(LcsMatch { a: (i, end.0 - 1), b: (j, end.1 - 1), len });
        }
    }
    found.text.reverse();
    Some(found)
}

/// How long the subsequence is.
pub(crate) fn lcs_length(a: &[u8], b: &[u8]) -> usize {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let mut lengths = vec![0u32; short.len()];
    for &byte in long {
        next_row(byte, short, &mut lengths, |_| {});
    }
    lengths.last().map_or(0, |&length| length as usize)
}

/// For every pair of positions, whether the walk leaves the first string's byte out rather than the second's.
struct Decisions {
    words: Vec<u64>,
    per_row: usize,
}

impl Decisions {
    fn new(a: &[u8], b: &[u8]) -> Option<Decisions> {
        let per_row = b.len().div_ceil(64);
        let size = per_row.checked_mul(a.len())?;
        let mut words = Vec::new();
        words.try_reserve_exact(size).ok()?;
        words.resize(size, 0u64);
        let mut lengths = Vec::new();
        lengths.try_reserve_exact(b.len()).ok()?;
        lengths.resize(b.len(), 0);
        for (&byte, row) in a.iter().zip(words.chunks_exact_mut(per_row.max(1))) {
            next_row(byte, b, &mut lengths, |j| row[j / 64] |= 1 << (j % 64));
        }
        Some(Decisions { words, per_row })
    }

    fn first_gives_way(&self, i: usize, j: usize) -> bool {
        self.words[i * self.per_row + j / 64] >> (j % 64) & 1 == 1
    }
}

/// Turns the row of lengths above one byte of the first string into the row below it. Reports the positions at which
/// the row above is the strictly better way.
#[inline]
fn next_row(byte: u8, other: &[u8], lengths: &mut [u32], mut above_wins: impl FnMut(usize)) {
    let (mut left, mut above_left) = (0, 0);
    for (j, (&there, length)) in other.iter().zip(lengths).enumerate() {
        let above = *length;
        left = if byte == there {
            above_left + 1
        } else if above > left {
            above_wins(j);
            above
        } else {
            left
        };
        *length = left;
        above_left = above;
    }
}

#[cfg(test)]
#[path = "lcs/tests.rs"]
mod tests;
