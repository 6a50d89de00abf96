//! OBJECT: how a value is kept.

use std::time::Duration;

use crate::commands::spec::{access::*, flag::*, key};
use crate::commands::{Args, CommandSpec, reply_help};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Entry, Key, Text};
use crate::reply::Reply;
use crate::store::Store;

pub(in crate::commands) const COMMANDS: &[CommandSpec] = &[CommandSpec::container("OBJECT", SUBCOMMANDS)
    .summary("Holds the commands that look at how a value is kept.")
    .since("2.2.3")];

const SUBCOMMANDS: &[CommandSpec] = &[
    CommandSpec::new("ENCODING", encoding_cmd)
        .summary("Names the form in which a value is kept.")
        .since("2.2.3")
        .syntax("key")
        .arity(3)
        .flags(READONLY)
        .keys(&[key(2, RO)])
        .tips(&["nondeterministic_output"]),
    CommandSpec::new("FREQ", freq_cmd)
        .summary("Gives the access frequency of a key, under a policy that counts it.")
        .since("4.0.0")
        .syntax("key")
        .arity(3)
        .flags(READONLY)
        .keys(&[key(2, RO)])
        .tips(&["nondeterministic_output"]),
    CommandSpec::new("HELP", help_cmd)
        .summary("Lists the subcommands.")
        .since("6.2.0")
        .arity(2)
        .flags(LOADING | STALE),
    CommandSpec::new("IDLETIME", idletime_cmd)
        .summary("Gives the seconds since the last access of a key.")
        .since("2.2.3")
        .syntax("key")
        .arity(3)
        .flags(READONLY)
        .keys(&[key(2, RO)])
        .tips(&["nondeterministic_output"]),
    CommandSpec::new("REFCOUNT", refcount_cmd)
        .summary("Gives the number of references to a value, as a server would count them.")
        .since("2.2.3")
        .syntax("key")
        .arity(3)
        .flags(READONLY)
        .keys(&[key(2, RO)])
        .tips(&["nondeterministic_output"]),
];

/// What clients of a real server read on their screens, line by line.
const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];

fn help_cmd(_: &mut Ctx<'_>, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(HELP, out);
    Ok(())
}

fn encoding_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    match encoding(cx, cx.key(args.at(2))) {
        Some(name) => out.bulk(name.as_bytes()),
        None => out.null(),
    }
    Ok(())
}

fn encoding(cx: &mut Ctx<'_>, key: Key<'_>) -> Option<&'static str> {
    cx.find_unheard(key).map(Entry::encoding)
}

fn freq_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    match cx.find_unheard(cx.key(args.at(2))) {
        // No policy counts accesses.
        Some(_) => Err(Error::LFU_NOT_SELECTED),
        None => {
            out.null();
            Ok(())
        }
    }
}

fn idletime_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    match idletime(cx, cx.key(args.at(2))) {
        Some(seconds) => out.integer(seconds.into()),
        None => out.null(),
    }
    Ok(())
}

fn idletime(cx: &mut Ctx<'_>, key: Key<'_>) -> Option<u32> {
    cx.find_unheard(key)?;
    cx.idle_seconds(key)
}

fn refcount_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    match refcount(cx, cx.key(args.at(2))) {
        Some(count) => out.integer(count.into()),
        None => out.null(),
    }
    Ok(())
}

/// A server keeps one object for each small integer and tells an endless count for it. Here no value is an object; the
/// count is the one that a client would see there.
fn refcount(cx: &mut Ctx<'_>, key: Key<'_>) -> Option<i32> {
    Some(match cx.find_unheard(key)?.text() {
        Ok(Text::Int(0..10_000)) => i32::MAX,
        _ => 1,
    })
}

/// # How values are kept
impl Store {
    /// Names the form in which a value is kept (OBJECT ENCODING), for strings `"int"`, `"embstr"` or `"raw"`; `None`
    /// if the key does not exist.
    ///
    /// The names are those that a server would answer; what they stand for differs here.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds the key.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.mset(&[("number", "42"), ("text", "hello")])?;
    /// assert_eq!(store.object_encoding("number")?, Some("int"));
    /// assert_eq!(store.object_encoding("text")?, Some("embstr"));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn object_encoding(&self, key: impl AsRef<[u8]>) -> Result<Option<&'static str>> {
        self.read_key(key.as_ref(), |cx, key| Ok(encoding(cx, key)))
    }

    /// Gives the time since the last access of a key, in whole seconds (OBJECT IDLETIME), without being an access;
    /// `None` if the key does not exist.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds the key.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ManualClock, Store};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let store = Store::builder().clock(clock.clone()).build();
    /// store.set("key", "value")?;
    /// clock.advance(Duration::from_secs(90));
    /// assert_eq!(store.object_idletime("key")?, Some(Duration::from_secs(90)));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn object_idletime(&self, key: impl AsRef<[u8]>) -> Result<Option<Duration>> {
        self.read_key(key.as_ref(), |cx, key| {
            Ok(idletime(cx, key).map(|seconds| Duration::from_secs(seconds.into())))
        })
    }

    /// Gives the number of references to a value as a server would count them (OBJECT REFCOUNT): 2147483647 for the
    /// integers from 0 to 9999, else 1; `None` if the key does not exist.
    ///
    /// # Errors
    ///
    /// `BUSY` when a script that ran out of time holds the key.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.mset(&[("number", "42"), ("text", "hello")])?;
    /// assert_eq!(store.object_refcount("number")?, Some(i32::MAX));
    /// assert_eq!(store.object_refcount("text")?, Some(1));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn object_refcount(&self, key: impl AsRef<[u8]>) -> Result<Option<i32>> {
        self.read_key(key.as_ref(), |cx, key| Ok(refcount(cx, key)))
    }
}
