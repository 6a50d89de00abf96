//! Walking through a sorted set: ZSCAN.

use super::{LAST_PLAIN, owned, reply_text};
use crate::blob::Blob;
use crate::commands::spec::{Group, access::*, flag::*, key};
use crate::commands::walk::{self, WalkOptions};
use crate::commands::{Args, CommandSpec, items};
use crate::ds::Zset;
use crate::ds::packed::Item;
use crate::error::Result;
use crate::keyspace::Ctx;
use crate::reply::Reply;
use crate::store::Store;

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[CommandSpec::new("ZSCAN", zscan_cmd)
    .summary("Gives some of the members of a sorted set with their scores, and a cursor to go on from.")
    .since("2.8.0")
    .complexity("O(1) for a call, O(N) for all N members of the set")
    .group(Group::SortedSet)
    .syntax("key cursor [MATCH pattern] [COUNT count]")
    .arity(-3)
    .flags(READONLY)
    .keys(&[key(1, RO | ACCESS)])
    .tips(&["nondeterministic_output"])];

/// The largest integer that a small set keeps as such.
const PACKED_PLAIN: f64 = (1_u64 << 62) as f64;

fn zscan_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let cursor = walk::cursor(args, 2)?;
    // Redis looks at the options only if there is something to walk through.
    let Some(set) = cx.find_as::<Zset>(cx.key(args.at(1)))? else {
        walk::reply(0, 0, out);
        return Ok(());
    };
    let (next, found) = zscan(set, cursor, &WalkOptions::parse(args, 3, |_| None)?);
    // A real server sends the texts that it keeps, in either protocol.
    let plain = if set.is_packed() { PACKED_PLAIN } else { LAST_PLAIN };
    walk::reply(next, found.len() * 2, out);
    for (member, score) in found {
        items::reply(member, out);
        reply_text(score, plain, out);
    }
    Ok(())
}

fn zscan<'z>(set: &'z Zset, cursor: u64, options: &WalkOptions) -> (u64, Vec<(Item<'z>, f64)>) {
    let mut found = Vec::new();
    let mut buffer = itoa::Buffer::new();
    let next = set.walk(cursor, options.count, |(member, score)| {
        if options.wants(member.bytes(&mut buffer)) {
            found.push((member, score));
        }
    });
    (next, found)
}

/// # Sorted sets: walking through
impl Store {
    /// Gives some of the members of a sorted set with their scores, in no order, and the cursor for the next call
    /// (ZSCAN). The first call takes cursor 0, and an answered 0 is the end.
    ///
    /// A member that is in the set from the first call to the last is given, whatever else changes meanwhile; one that
    /// comes or goes may be given or not, and one whose score changes with either score.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Store, WalkOptions};
    ///
    /// let store = Store::new();
    /// store.zadd("best", &[(310.0, "ada"), (250.0, "bob"), (180.0, "eve")])?;
    /// let (cursor, found) = store.zscan("best", 0, &WalkOptions::new().matching("a*"))?;
    /// assert_eq!(cursor, 0);
    /// assert_eq!(found, [("ada".into(), 310.0)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn zscan(
        &self,
        key: impl AsRef<[u8]>,
        cursor: u64,
        options: &WalkOptions,
    ) -> Result<(u64, Vec<(Blob, f64)>)> {
        self.read_key(key.as_ref(), |cx, key| {
            let Some(set) = cx.find_as::<Zset>(key)? else { return Ok((0, Vec::new())) };
            let (next, found) = zscan(set, cursor, options);
            Ok((next, found.into_iter().map(owned).collect()))
        })
    }
}
