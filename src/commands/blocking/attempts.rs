//! What each waiting command does with a key that has got a value, and how it is undone for a caller that went away
//! before he had it.
//!
//! What is put back stands where it was taken, if nobody changed the key meanwhile. It is lost only if the key was made
//! another type's in between.

use crate::blob::Blob;
use crate::commands::items;
use crate::commands::lists::moves::lmove;
use crate::commands::lists::{blob, pop, pop_many, push, reply_items};
use crate::commands::zsets::pop::{self as zset, ZsetEnd};
use crate::commands::zsets::{ZaddOptions, reply_nested, reply_score, zadd};
use crate::ds::list::ListSide;
use crate::ds::{List, Zset};
use crate::error::Result;
use crate::keyspace::{Attempt, Ctx, Entry};
use crate::num::parse_f64;
use crate::protocol::Protocol;
use crate::reply::{Reply, ValueReply};
use crate::value::Value;

fn bulk(bytes: &[u8]) -> Value {
    Value::Bulk(Blob::from(bytes))
}

fn is_list(entry: &Entry) -> bool {
    entry.value::<List>().is_some()
}

fn is_zset(entry: &Entry) -> bool {
    entry.value::<Zset>().is_some()
}

fn parts(reply: &Value) -> &[Value] {
    if let Value::Array(parts) = reply { parts } else { &[] }
}

/// An element from an end of a list: `[key, element]`.
pub(super) struct Element {
    pub(super) side: ListSide,
}

impl Attempt for Element {
    fn suits(&self, entry: &Entry) -> bool {
        is_list(entry)
    }

    fn attempt(&self, cx: &mut Ctx<'_>, key: &[u8]) -> Result<Option<Value>> {
        let element = pop(cx, cx.key(key), self.side, blob)?;
        Ok(element.map(|element| Value::Array(vec![bulk(key), Value::Bulk(element)])))
    }

    fn put_back(&self, cx: &mut Ctx<'_>, reply: &Value) {
        if let [Value::Bulk(key), Value::Bulk(element)] = parts(reply) {
            let _ = push(cx, cx.key(key), self.side, &[element]);
        }
    }
}

/// Several elements from an end of a list: `[key, [element ...]]`.
pub(super) struct Elements {
    pub(super) side: ListSide,
    pub(super) count: usize,
}

impl Attempt for Elements {
    fn suits(&self, entry: &Entry) -> bool {
        is_list(entry)
    }

    fn attempt(&self, cx: &mut Ctx<'_>, key: &[u8]) -> Result<Option<Value>> {
        pop_many(cx, cx.key(key), self.side, self.count, |items| {
            let mut out = ValueReply::new(Protocol::Resp2);
            out.array(2);
            out.bulk(key);
            reply_items(items, &mut out);
            out.finish()
        })
    }

    fn put_back(&self, cx: &mut Ctx<'_>, reply: &Value) {
        if let [Value::Bulk(key), elements] = parts(reply) {
            // The last one that was taken goes back first.
            let elements: Vec<&[u8]> = parts(elements).iter().rev().filter_map(Value::as_bytes).collect();
            let _ = push(cx, cx.key(key), self.side, &elements);
        }
    }
}

/// An element from one list to another: the element.
pub(super) struct Moved {
    pub(super) destination: Blob,
    pub(super) from: ListSide,
    pub(super) to: ListSide,
}

impl Attempt for Moved {
    fn suits(&self, entry: &Entry) -> bool {
        is_list(entry)
    }

    fn attempt(&self, cx: &mut Ctx<'_>, key: &[u8]) -> Result<Option<Value>> {
        let moved = lmove(cx, cx.key(key), cx.key(&self.destination), self.from, self.to)?;
        Ok(moved.map(Value::Bulk))
    }

    /// The element stays where it is: whoever works on the destination may have seen it there.
    fn put_back(&self, _: &mut Ctx<'_>, _: &Value) {}
}

/// The member at an end of a sorted set: `[key, member, score]`.
pub(super) struct Member {
    pub(super) end: ZsetEnd,
    pub(super) protocol: Protocol,
}

impl Attempt for Member {
    fn suits(&self, entry: &Entry) -> bool {
        is_zset(entry)
    }

    fn attempt(&self, cx: &mut Ctx<'_>, key: &[u8]) -> Result<Option<Value>> {
        let taken = zset::pop(cx, cx.key(key), self.end, 1, |mut popped| {
            popped.next().map(|(member, score)| {
                let mut out = ValueReply::new(self.protocol);
                out.array(3);
                out.bulk(key);
                items::reply(member, &mut out);
                reply_score(score, &mut out);
                out.finish()
            })
        })?;
        Ok(taken.flatten())
    }

    fn put_back(&self, cx: &mut Ctx<'_>, reply: &Value) {
        if let [Value::Bulk(key), member, score] = parts(reply) {
            put_back_members(cx, key, &[[member, score]]);
        }
    }
}

/// Several members from an end of a sorted set: `[key, [[member, score] ...]]`.
pub(super) struct Members {
    pub(super) end: ZsetEnd,
    pub(super) count: usize,
    pub(super) protocol: Protocol,
}

impl Attempt for Members {
    fn suits(&self, entry: &Entry) -> bool {
        is_zset(entry)
    }

    fn attempt(&self, cx: &mut Ctx<'_>, key: &[u8]) -> Result<Option<Value>> {
        zset::pop(cx, cx.key(key), self.end, self.count, |popped| {
            let mut out = ValueReply::new(self.protocol);
            out.array(2);
            out.bulk(key);
            reply_nested(popped, &mut out);
            out.finish()
        })
    }

    fn put_back(&self, cx: &mut Ctx<'_>, reply: &Value) {
        if let [Value::Bulk(key), members] = parts(reply) {
            let pair = |pair| if let [member, score] = parts(pair) { Some([member, score]) } else { None };
            let members: Vec<[&Value; 2]> = parts(members).iter().filter_map(pair).collect();
            put_back_members(cx, key, &members);
        }
    }
}

/// A member that came back with another score meanwhile keeps that one.
fn put_back_members(cx: &mut Ctx<'_>, key: &[u8], members: &[[&Value; 2]]) {
    let pair = |[member, score]: &[&Value; 2]| {
        let member = (**member).as_bytes().map(Blob::from)?;
        let score = match score {
            Value::Double(score) => *score,
            text => parse_f64(text.as_bytes()?)?,
        };
        Some((score, member))
    };
    let members: Vec<(f64, Blob)> = members.iter().filter_map(pair).collect();
    let members = members.iter().map(|(score, member)| (*score, &**member));
    let _ = zadd(cx, cx.key(key), ZaddOptions::new().if_missing(), members);
}
