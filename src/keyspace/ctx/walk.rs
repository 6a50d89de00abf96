//! Going through the keys of a database.

use super::Ctx;
use crate::keyspace::Entry;
use crate::rng::Rng;

impl Ctx<'_> {
    /// How many keys the selected database has now.
    pub(crate) fn len(&mut self) -> usize {
        let mut len = 0;
        for index in 0..self.space.shards() {
            // A clock is read only where something may have expired.
            let db = self.db(index);
            len += if db.has_volatile() {
                let now = self.now();
                self.db(index).live(now)
            } else {
                db.len()
            };
        }
        len
    }

    /// Calls `visit` with every key of the selected database that exists now, in no order.
    pub(crate) fn for_each(&mut self, mut visit: impl FnMut(&Entry)) {
        let now = self.now();
        for index in 0..self.space.shards() {
            for entry in self.db(index).iter() {
                if entry.end().is_none_or(|end| end >= now) {
                    visit(entry);
                }
            }
        }
    }

    /// One step of a walk over the selected database: `cursor` is 0 at the start and is answered as 0 at the end.
    /// About `count` keys are visited. Keys that exist from the first step to the last are visited at least once.
    pub(crate) fn walk(&mut self, cursor: u64, count: usize, mut visit: impl FnMut(&Entry)) -> u64 {
        let now = self.now();
        let mut left = count.max(1);
        let mut tag = cursor as u32;
        for index in (cursor >> 32) as usize..self.space.shards() {
            let mut seen = 0;
            let next = self.db(index).walk(tag, left, |entry| {
                seen += 1;
                if entry.end().is_none_or(|end| end >= now) {
                    visit(entry);
                }
            });
            match next {
                Some(next) => return (index as u64) << 32 | u64::from(next),
                None if seen >= left => {
                    let next = index + 1;
                    return if next == self.space.shards() { 0 } else { (next as u64) << 32 };
                }
                None => left -= seen,
            }
            tag = 0;
        }
        0
    }

    /// A key of the selected database that exists now, each as likely as any other.
    pub(crate) fn random_key(&mut self, rng: &mut Rng) -> Option<&Entry> {
        let now = self.now();
        let len = self.len() as u64;
        if len == 0 {
            return None;
        }
        let live = |entry: &Entry| entry.end().is_none_or(|end| end >= now);
        // A shard by its share of the keys, then a slot; a key past its time means another try. When nearly all
        // keys are past their time, a walk finds one of the others.
        let total: usize = (0..self.space.shards()).map(|index| self.db(index).len()).sum();
        let mut found = None;
        for _ in 0..64 {
            let mut nth = rng.below(total as u64) as usize;
            let mut index = 0;
            while nth >= self.db(index).len() {
                nth -= self.db(index).len();
                index += 1;
            }
            let at = self.db(index).random(rng);
            if at.and_then(|at| self.db(index).get(at)).is_some_and(live) {
                found = at.map(|at| (index, at));
                break;
            }
        }
        match found {
            Some((index, at)) => self.db(index).get(at),
            None => {
                let nth = rng.below(len) as usize;
                let entries = (0..self.space.shards()).flat_map(|index| self.db(index).iter());
                entries.filter(|entry| live(entry)).nth(nth)
            }
        }
    }
}
