//! [`Args`]: the arguments of a command, the name being argument 0.

use std::ops::Index;

use crate::error::{Error, Result};
use crate::num;

/// The arguments of a command. Indexing past the end gives empty bytes: a row's arity is checked before its parser
/// runs, so that is no case to handle.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a>(&'a [&'a [u8]]);

impl<'a> Args<'a> {
    #[inline]
    pub(crate) fn new(args: &'a [&'a [u8]]) -> Args<'a> {
        Args(args)
    }

    #[inline]
    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(crate) fn get(self, at: usize) -> Option<&'a [u8]> {
        self.0.get(at).copied()
    }

    /// The argument, empty bytes past the end.
    #[inline]
    pub(crate) fn at(self, at: usize) -> &'a [u8] {
        self.0.get(at).copied().unwrap_or_default()
    }

    /// The arguments from `at` on.
    pub(crate) fn from(self, at: usize) -> &'a [&'a [u8]] {
        self.0.get(at..).unwrap_or_default()
    }

    pub(crate) fn all(self) -> &'a [&'a [u8]] {
        self.0
    }

    /// An integer, `ERR value is not an integer or out of range` otherwise.
    #[inline]
    pub(crate) fn integer(self, at: usize) -> Result<i64> {
        num::parse_i64(self.at(at)).ok_or(Error::NOT_INTEGER)
    }

    /// Whether the argument is this word, in any case.
    #[inline]
    pub(crate) fn is(self, at: usize, word: &str) -> bool {
        self.at(at).eq_ignore_ascii_case(word.as_bytes())
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];
    #[inline]
    fn index(&self, at: usize) -> &[u8] {
        self.at(at)
    }
}
