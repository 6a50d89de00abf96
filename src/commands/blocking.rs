//! Commands that wait for a list or a sorted set: BLPOP, BRPOP, BLMOVE, BRPOPLPUSH, BLMPOP, BZPOPMIN, BZPOPMAX, BZMPOP.
//!
//! Each is the command of the same name without the B, tried on its keys in their order, and tried again by whoever
//! writes one of them (`keyspace/wait.rs`).

mod attempts;
mod pending;
mod typed;

use std::sync::Arc;
use std::time::Duration;

use attempts::{Element, Elements, Member, Members, Moved};
pub use pending::Pending;

use super::lists::moves::side;
use super::multi_pop::MultiPop;
use super::spec::{Group, access::*, counted_keys, flag::*, key, keys};
use super::zsets::pop::{ZsetEnd, end};
use super::{Args, CommandSpec};
use crate::blob::Blob;
use crate::ds::list::ListSide;
use crate::error::{Error, Result};
use crate::keyspace::{Attempt, Wait};
use crate::num::LongDouble;
use crate::protocol::Protocol;
use crate::value::Value;

const TAKES: u32 = RW | ACCESS | DELETE;

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::waiting("BLMOVE", blmove_cmd)
        .summary("Moves an element from one end of a list to one end of another list, or waits for one.")
        .since("6.2.0")
        .group(Group::List)
        .syntax("source destination <wherefrom: LEFT | RIGHT> <whereto: LEFT | RIGHT> timeout:double")
        .arity(6)
        .flags(WRITE | DENYOOM | NOSCRIPT | BLOCKING)
        .keys(&[key(1, TAKES), key(2, RW | INSERT)]),
    CommandSpec::waiting("BLMPOP", blmpop_cmd)
        .summary("Takes elements from one end of the first list that exists, or waits for one.")
        .since("7.0.0")
        .complexity("O(N+M) for N keys and M elements taken")
        .group(Group::List)
        .syntax("timeout:double numkeys key [key ...] <where: LEFT | RIGHT> [COUNT count]")
        .arity(-5)
        .flags(WRITE | BLOCKING | MOVABLEKEYS)
        .keys(&[counted_keys(2, TAKES)]),
    CommandSpec::waiting("BLPOP", blpop_cmd)
        .summary("Takes the head of the first list that exists, or waits for one.")
        .since("2.0.0")
        .complexity("O(N) for N keys")
        .group(Group::List)
        .syntax("key [key ...] timeout:double")
        .arity(-3)
        .flags(WRITE | NOSCRIPT | BLOCKING)
        .keys(&[keys(1, -2, 1, TAKES)]),
    CommandSpec::waiting("BRPOP", brpop_cmd)
        .summary("Takes the tail of the first list that exists, or waits for one.")
        .since("2.0.0")
        .complexity("O(N) for N keys")
        .group(Group::List)
        .syntax("key [key ...] timeout:double")
        .arity(-3)
        .flags(WRITE | NOSCRIPT | BLOCKING)
        .keys(&[keys(1, -2, 1, TAKES)]),
    CommandSpec::waiting("BRPOPLPUSH", brpoplpush_cmd)
        .summary("Moves the tail of a list to the head of another list, or waits for one.")
        .since("2.2.0")
        .group(Group::List)
        .syntax("source destination timeout:double")
        .arity(4)
        .flags(WRITE | DENYOOM | NOSCRIPT | BLOCKING)
        .keys(&[key(1, TAKES), key(2, RW | INSERT)]),
    CommandSpec::waiting("BZMPOP", bzmpop_cmd)
        .summary(
            "Removes and gives members of the lowest or highest scores of the first sorted set that exists, or \
             waits for one.",
        )
        .since("7.0.0")
        .complexity("O(K) + O(M log N) for K keys, and M members removed from a set of N")
        .group(Group::SortedSet)
        .syntax("timeout:double numkeys key [key ...] <where: MIN | MAX> [COUNT count]")
        .arity(-5)
        .flags(WRITE | BLOCKING | MOVABLEKEYS)
        .keys(&[counted_keys(2, TAKES)]),
    CommandSpec::waiting("BZPOPMAX", bzpopmax_cmd)
        .summary(
            "Removes and gives the member of the highest score of the first sorted set that exists, or waits \
             for one.",
        )
        .since("5.0.0")
        .complexity("O(log N) for a set of N")
        .group(Group::SortedSet)
        .syntax("key [key ...] timeout:double")
        .arity(-3)
        .flags(WRITE | NOSCRIPT | BLOCKING | FAST)
        .keys(&[keys(1, -2, 1, TAKES)]),
    CommandSpec::waiting("BZPOPMIN", bzpopmin_cmd)
        .summary(
            "Removes and gives the member of the lowest score of the first sorted set that exists, or waits \
             for one.",
        )
        .since("5.0.0")
        .complexity("O(log N) for a set of N")
        .group(Group::SortedSet)
        .syntax("key [key ...] timeout:double")
        .arity(-3)
        .flags(WRITE | NOSCRIPT | BLOCKING | FAST)
        .keys(&[keys(1, -2, 1, TAKES)]),
];

/// Seconds, rounded up to milliseconds; 0 is for ever.
fn timeout(text: &[u8]) -> Result<Option<Duration>> {
    let seconds = LongDouble::parse(text).ok_or(Error::TIMEOUT_NOT_FLOAT)?;
    // More milliseconds than 64 bits hold become negative on the real server.
    let millis = seconds.millis_rounded_up().and_then(|millis| u64::try_from(millis).ok());
    let millis = millis.ok_or(Error::TIMEOUT_NEGATIVE)?;
    Ok((millis > 0).then(|| Duration::from_millis(millis)))
}

fn blobs<K: AsRef<[u8]>>(keys: &[K]) -> Vec<Blob> {
    keys.iter().map(|key| Blob::from(key.as_ref())).collect()
}

/// A command that takes something from one of its keys.
fn take(keys: Vec<Blob>, timeout: Option<Duration>, attempt: impl Attempt + 'static) -> Wait {
    let attempt = Arc::new(attempt);
    Wait { keys, destination: None, timeout, attempt, nothing: Value::NilArray, at_once: Value::NilArray }
}

/// A command that moves an element from one list to another.
fn shift(source: &[u8], timeout: Option<Duration>, moved: Moved) -> Wait {
    Wait {
        keys: vec![Blob::from(source)],
        destination: Some(moved.destination.clone()),
        timeout,
        attempt: Arc::new(moved),
        nothing: Value::NilArray,
        // As LMOVE.
        at_once: Value::Nil,
    }
}

/// `key [key ...] timeout`.
fn keys_and_timeout(args: Args<'_>) -> Result<(Vec<Blob>, Option<Duration>)> {
    let (last, keys) = args.from(1).split_last().ok_or(Error::SYNTAX)?;
    Ok((blobs(keys), timeout(last)?))
}

fn blpop_cmd(args: Args<'_>, _: Protocol) -> Result<Wait> {
    let (keys, timeout) = keys_and_timeout(args)?;
    Ok(take(keys, timeout, Element { side: ListSide::Left }))
}

fn brpop_cmd(args: Args<'_>, _: Protocol) -> Result<Wait> {
    let (keys, timeout) = keys_and_timeout(args)?;
    Ok(take(keys, timeout, Element { side: ListSide::Right }))
}

fn blmove_cmd(args: Args<'_>, _: Protocol) -> Result<Wait> {
    let (from, to) = (side(args, 3)?, side(args, 4)?);
    let destination = Blob::from(args.at(2));
    Ok(shift(args.at(1), timeout(args.at(5))?, Moved { destination, from, to }))
}

fn brpoplpush_cmd(args: Args<'_>, _: Protocol) -> Result<Wait> {
    let destination = Blob::from(args.at(2));
    let moved = Moved { destination, from: ListSide::Right, to: ListSide::Left };
    Ok(shift(args.at(1), timeout(args.at(3))?, moved))
}

fn blmpop_cmd(args: Args<'_>, _: Protocol) -> Result<Wait> {
    // The time-out stands first and is read last.
    let rest = Args::new(args.from(1));
    let MultiPop { keys, end: side, count } = MultiPop::parse(rest, |at| side(rest, at))?;
    Ok(take(blobs(keys), timeout(args.at(1))?, Elements { side, count }))
}

fn bzpopmin_cmd(args: Args<'_>, protocol: Protocol) -> Result<Wait> {
    let (keys, timeout) = keys_and_timeout(args)?;
    Ok(take(keys, timeout, Member { end: ZsetEnd::Min, protocol }))
}

fn bzpopmax_cmd(args: Args<'_>, protocol: Protocol) -> Result<Wait> {
    let (keys, timeout) = keys_and_timeout(args)?;
    Ok(take(keys, timeout, Member { end: ZsetEnd::Max, protocol }))
}

fn bzmpop_cmd(args: Args<'_>, protocol: Protocol) -> Result<Wait> {
    let rest = Args::new(args.from(1));
    let MultiPop { keys, end, count } = MultiPop::parse(rest, |at| end(rest, at))?;
    Ok(take(blobs(keys), timeout(args.at(1))?, Members { end, count, protocol }))
}
