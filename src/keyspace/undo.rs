//! [`Undo`]: what a roll-back needs, kept by the write door while a transaction asks for it.
//!
//! Each key is kept once, as it was before its first change: O(1), because a long value is shared and copied only
//! when it is changed. Whole databases that were emptied are kept as they were, at no cost. Putting back goes from
//! the last record to the first.

use std::collections::HashSet;

use super::{Db, Entry};

#[derive(Default)]
pub(crate) struct Undo {
    pub(crate) records: Vec<Record>,
    touched: HashSet<(usize, Box<[u8]>)>,
}

pub(crate) enum Record {
    /// A key before its first change, `None` if it did not exist.
    Key { db: usize, key: Box<[u8]>, old: Option<Entry> },
    /// A database of one shard before it was emptied.
    Db { shard: usize, db: usize, old: Db },
    /// Two databases were swapped.
    Swapped(usize, usize),
}

impl Undo {
    /// Keeps a key as it is before its first change.
    pub(crate) fn remember(&mut self, db: usize, key: &[u8], old: Option<&Entry>) {
        if self.touched.insert((db, key.into())) {
            self.records.push(Record::Key { db, key: key.into(), old: old.cloned() });
        }
    }

    /// Records a change of whole databases; keys touched after it are kept anew, because the records are put back
    /// in reverse order.
    pub(crate) fn keep(&mut self, record: Record) {
        self.touched.clear();
        self.records.push(record);
    }
}
