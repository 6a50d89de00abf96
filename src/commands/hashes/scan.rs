//! Walking through a hash, and drawing from it: HSCAN and HRANDFIELD.

use super::read;
use crate::blob::Blob;
use crate::commands::items::{self, blob};
use crate::commands::picks::Picks;
use crate::commands::spec::{Group, access::*, flag::*, key};
use crate::commands::walk::{self, WalkOptions};
use crate::commands::{Args, CommandSpec};
use crate::ds::Hash;
use crate::ds::hash::Pair;
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Key};
use crate::protocol::Protocol;
use crate::reply::Reply;
use crate::store::Store;

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("HRANDFIELD", hrandfield_cmd)
        .summary("Gives fields of a hash by chance.")
        .since("6.2.0")
        .complexity("O(N) for N fields given")
        .group(Group::Hash)
        .syntax("key [options: count [WITHVALUES]]")
        .arity(-2)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output"]),
    CommandSpec::new("HSCAN", hscan_cmd)
        .summary("Gives some of the fields of a hash, and a cursor to go on from.")
        .since("2.8.0")
        .complexity("O(1) for a call, O(N) for all N fields of the hash")
        .group(Group::Hash)
        .syntax("key cursor [MATCH pattern] [COUNT count] [NOVALUES]")
        .arity(-3)
        .flags(READONLY)
        .keys(&[key(1, RO | ACCESS)])
        .tips(&["nondeterministic_output"]),
];

fn hscan_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let cursor = walk::cursor(args, 2)?;
    let key = cx.key(args.at(1));
    let mut with_values = true;
    let options = WalkOptions::parse(args, 3, |at| {
        with_values = false;
        args.is(at, "NOVALUES").then_some(1)
    });
    // Redis looks at the options only if there is something to walk through.
    let found = read(cx, key, |hash, now| {
        let (next, pairs) = hscan(hash, cursor, &options?, now);
        walk::reply(next, pairs.len() * if with_values { 2 } else { 1 }, out);
        for (field, value) in pairs {
            items::reply(field, out);
            if with_values {
                items::reply(value, out);
            }
        }
        Ok(())
    })?;
    match found {
        Some(done) => done,
        None => {
            walk::reply(0, 0, out);
            Ok(())
        }
    }
}

fn hscan<'a>(hash: &'a Hash, cursor: u64, options: &WalkOptions, now: i64) -> (u64, Vec<Pair<'a>>) {
    let mut found = Vec::new();
    let mut buffer = itoa::Buffer::new();
    let next = hash.walk(cursor, options.count, now, |field, value| {
        if options.wants(field.bytes(&mut buffer)) {
            found.push((field, value));
        }
    });
    (next, found)
}

fn hrandfield_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let key = cx.key(args.at(1));
    let mut rng = cx.space.rng();
    if args.len() == 2 {
        let found = read(cx, key, |hash, now| match hash.random(&mut rng, now) {
            Some((field, _)) => items::reply(field, out),
            None => out.null(),
        })?;
        if found.is_none() {
            out.null();
        }
        return Ok(());
    }
    let picks = Picks::parse(args, 2)?;
    let with_values = match args.len() {
        3 => false,
        4 if args.is(3, "WITHVALUES") => true,
        _ => return Err(Error::SYNTAX),
    };
    if with_values {
        picks.check_pairs()?;
    }
    let in_pairs = with_values && out.protocol() == Protocol::Resp3;
    let mut put = |pick: Picked<'_>| match pick {
        Picked::Start(len) => out.array(if with_values && !in_pairs { len * 2 } else { len }),
        Picked::Pair((field, value)) => {
            if in_pairs {
                out.array(2);
            }
            items::reply(field, out);
            if with_values {
                items::reply(value, out);
            }
        }
    };
    hrandfield(cx, key, picks, &mut put)
}

/// What [`hrandfield`] shows: first how many there are, then each.
enum Picked<'a> {
    Start(usize),
    Pair(Pair<'a>),
}

fn hrandfield(cx: &mut Ctx<'_>, key: Key<'_>, picks: Picks, put: &mut dyn FnMut(Picked<'_>)) -> Result<()> {
    let mut rng = cx.space.rng();
    let max_string = cx.space.max_string.get();
    let found = read(cx, key, |hash, now| {
        picks.check_size(max_string)?;
        match picks {
            Picks::Distinct(count) => {
                let sample = hash.sample(count, &mut rng, now);
                put(Picked::Start(sample.len()));
                sample.into_iter().for_each(|pair| put(Picked::Pair(pair)));
            }
            Picks::Repeated(count) => {
                put(Picked::Start(count));
                // A hash that is found has a field.
                let drawn = std::iter::repeat_with(|| hash.random(&mut rng, now)).take(count);
                drawn.flatten().for_each(|pair| put(Picked::Pair(pair)));
            }
        }
        Ok(())
    })?;
    found.unwrap_or_else(|| {
        put(Picked::Start(0));
        Ok(())
    })
}

/// # Hashes: walking and drawing
impl Store {
    /// Gives some of the fields of a hash with their values and the cursor for the next call (HSCAN). The first call
    /// takes cursor 0, and an answered 0 is the end.
    ///
    /// A field that exists from the first call to the last is given, whatever else changes meanwhile; a field that comes
    /// or goes may be given or not. A call may give no field before the end, and a small hash is given as a whole.
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
    /// for n in 0..1000 {
    ///     store.hset("visits", &[(format!("page:{n}"), "1")])?;
    /// }
    /// let (mut cursor, mut seen) = (0, 0);
    /// loop {
    ///     let (next, found) = store.hscan("visits", cursor, &WalkOptions::new())?;
    ///     seen += found.len();
    ///     cursor = next;
    ///     if cursor == 0 {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(seen, 1000);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hscan(
        &self,
        key: impl AsRef<[u8]>,
        cursor: u64,
        options: &WalkOptions,
    ) -> Result<(u64, Vec<(Blob, Blob)>)> {
        self.hscan_parts(key.as_ref(), cursor, options, |(field, value)| (blob(field), blob(value)))
    }

    /// As [`hscan`](Store::hscan), without the values (HSCAN with NOVALUES).
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
    /// store.hset("user", &[("name", "Ann")])?;
    /// let (cursor, fields) = store.hscan_fields("user", 0, &WalkOptions::new())?;
    /// assert_eq!((cursor, fields), (0, vec!["name".into()]));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hscan_fields(
        &self,
        key: impl AsRef<[u8]>,
        cursor: u64,
        options: &WalkOptions,
    ) -> Result<(u64, Vec<Blob>)> {
        self.hscan_parts(key.as_ref(), cursor, options, |(field, _)| blob(field))
    }

    fn hscan_parts<R>(
        &self,
        key: &[u8],
        cursor: u64,
        options: &WalkOptions,
        part: impl Fn(Pair<'_>) -> R,
    ) -> Result<(u64, Vec<R>)> {
        self.read_key(key, |cx, key| {
            let found = read(cx, key, |hash, now| {
                let (next, pairs) = hscan(hash, cursor, options, now);
                (next, pairs.into_iter().map(part).collect())
            })?;
            Ok(found.unwrap_or_default())
        })
    }

    /// Gives a field of a hash, each as likely as any other (HRANDFIELD); `None` if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.hset("user", &[("name", "Ann")])?;
    /// assert_eq!(store.hrandfield("user")?.unwrap(), "name");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hrandfield(&self, key: impl AsRef<[u8]>) -> Result<Option<Blob>> {
        self.read_key(key.as_ref(), |cx, key| {
            let mut rng = cx.space.rng();
            let found = read(cx, key, |hash, now| Some(blob(hash.random(&mut rng, now)?.0)))?;
            Ok(found.flatten())
        })
    }

    /// Gives several fields of a hash by chance, with their values (HRANDFIELD with a count and WITHVALUES), in no order;
    /// none if the key does not exist.
    ///
    /// # Errors
    ///
    /// `WRONGTYPE` if the key holds another type; `ERR value is out of range …` for more repeated picks than memory
    /// is likely to hold, which depends on the longest string of the store (16 million by default).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Picks, Store};
    ///
    /// let store = Store::new();
    /// store.hset("user", &[("name", "Ann"), ("age", "41")])?;
    /// assert_eq!(store.hrandfield_with("user", Picks::Distinct(5))?.len(), 2);
    /// assert_eq!(store.hrandfield_with("user", Picks::Repeated(5))?.len(), 5);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn hrandfield_with(&self, key: impl AsRef<[u8]>, picks: Picks) -> Result<Vec<(Blob, Blob)>> {
        let mut drawn = Vec::new();
        let mut put = |pick: Picked<'_>| match pick {
            Picked::Start(len) => drawn.reserve(len),
            Picked::Pair((field, value)) => drawn.push((blob(field), blob(value))),
        };
        self.read_key(key.as_ref(), |cx, key| hrandfield(cx, key, picks, &mut put))?;
        Ok(drawn)
    }
}
