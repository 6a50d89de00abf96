//! DEBUG DIGEST: a number for what a store holds, whatever the order and the form in which it is kept. It is computed
//! as a server computes it, so that the two can be compared.

use crate::ds::list::ListSide;
use crate::ds::{Hash, List, Set, Zset};
use crate::keyspace::{Ctx, Entry, Text};
use crate::num::format_g17;

/// 20 bytes that data is added to.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Digest([u8; 20]);

impl Digest {
    fn of(data: &[u8]) -> Digest {
        Digest(sha1_smol::Sha1::from(data).digest().bytes())
    }

    /// Adds data whose place among the others does not matter.
    fn add(&mut self, data: &[u8]) {
        let Digest(more) = Digest::of(data);
        self.0.iter_mut().zip(more).for_each(|(byte, more)| *byte ^= more);
    }

    /// Adds data whose place matters.
    fn append(&mut self, data: &[u8]) {
        self.add(data);
        *self = Digest::of(&self.0);
    }

    pub(super) fn hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Of one value, with the key's deadline as far as that there is one.
    pub(super) fn of_value(entry: &Entry, now: i64) -> Digest {
        let mut digest = Digest::default();
        digest.append_value(entry, now);
        digest
    }

    fn append_value(&mut self, entry: &Entry, now: i64) {
        let buffer = &mut itoa::Buffer::new();
        let kind = |kind: u32| kind.to_be_bytes();
        if let Ok(text) = entry.text() {
            self.append(&kind(0));
            let spelled = Text::bytes(text, buffer);
            self.append(spelled);
        } else if let Some(list) = entry.value::<List>() {
            self.append(&kind(1));
            for item in list.walk_from(ListSide::Left, list.len()) {
                self.append(item.bytes(buffer));
            }
        } else if let Some(set) = entry.value::<Set>() {
            self.append(&kind(2));
            for member in set.iter() {
                self.add(member.bytes(buffer));
            }
        } else if let Some(set) = entry.value::<Zset>() {
            self.append(&kind(3));
            for (member, score) in set.iter() {
                let mut pair = Digest::default();
                pair.append(member.bytes(buffer));
                let mut text = Vec::new();
                format_g17(score, &mut text);
                pair.append(&text);
                self.add(&pair.0);
            }
        } else if let Some(hash) = entry.value::<Hash>() {
            self.append(&kind(4));
            hash.for_each(now, |field, value| {
                let mut pair = Digest::default();
                pair.append(field.bytes(&mut itoa::Buffer::new()));
                pair.append(value.bytes(&mut itoa::Buffer::new()));
                self.add(&pair.0);
            });
        }
        if entry.deadline().is_some() {
            self.add(b"!!expire!!");
        }
    }

    /// Of all databases.
    pub(super) fn of_all(cx: &mut Ctx<'_>) -> Digest {
        let now = cx.now();
        let selected = cx.turn.db;
        let mut all = Digest::default();
        for db in 0..cx.space.databases {
            cx.turn.db = db;
            if cx.len() == 0 {
                continue;
            }
            all.append(&u32::try_from(db).unwrap_or(u32::MAX).to_be_bytes());
            cx.for_each(|entry| {
                let mut digest = Digest::default();
                digest.append(entry.key());
                digest.append_value(entry, now);
                all.add(&digest.0);
            });
        }
        cx.turn.db = selected;
        all
    }
}
