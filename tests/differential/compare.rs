//! Whether two replies are the same in the sense of a [`Check`].

use redmoon::Value;

use super::step::Check;
use crate::support::client::decode;

/// Compares what needs nothing but the two replies; [`Check::WholeScan`] and [`Check::SomeKey`] ask the servers more
/// and are the caller's.
pub(crate) fn same(check: Check, oracle: &[u8], ours: &[u8]) -> bool {
    if oracle == ours {
        return true;
    }
    // An error is an error in every way of comparing, and its text is the point.
    if check == Check::Exact || oracle.starts_with(b"-") || ours.starts_with(b"-") {
        return check == Check::Nothing && oracle.starts_with(b"-") == ours.starts_with(b"-");
    }
    match check {
        Check::Nothing => true,
        Check::Type => oracle[0] == ours[0] && is_nil(oracle) == is_nil(ours),
        Check::AnyOrder => oracle[0] == ours[0] && sorted(oracle) == sorted(ours),
        Check::Pairs => oracle[0] == ours[0] && pairs(oracle) == pairs(ours),
        Check::Length => oracle[0] == ours[0] && length(oracle) == length(ours),
        Check::Doubles => decode(oracle) == decode(ours),
        Check::Within(tolerance) => within(tolerance, oracle, ours),
        Check::Time => times_are_close(oracle, ours),
        Check::Keyspace => oracle[0] == ours[0] && keyspace(oracle) == keyspace(ours),
        Check::Exact | Check::WholeScan | Check::SomeKey => false,
    }
}

pub(crate) fn is_nil(reply: &[u8]) -> bool {
    matches!(reply, b"$-1\r\n" | b"*-1\r\n" | b"_\r\n")
}

/// The byte strings of an array or a set in order; what is no such thing has none.
pub(crate) fn sorted(reply: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (Value::Array(items) | Value::Set(items)) = decode(reply) else {
        return None;
    };
    let mut items: Vec<Vec<u8>> =
        items.iter().map(|item| item.as_bytes().map(<[u8]>::to_vec)).collect::<Option<_>>()?;
    items.sort();
    Some(items)
}

/// The pairs of a map, or of an array in which they stand flat, in order.
fn pairs(reply: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let bytes = |value: &Value| value.as_bytes().map(<[u8]>::to_vec);
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = match decode(reply) {
        Value::Map(pairs) => pairs
            .iter()
            .map(|(first, second)| Some((bytes(first)?, bytes(second)?)))
            .collect::<Option<_>>()?,
        Value::Array(items) if items.len() % 2 == 0 => {
            items.chunks(2).map(|pair| Some((bytes(&pair[0])?, bytes(&pair[1])?))).collect::<Option<_>>()?
        }
        _ => return None,
    };
    pairs.sort();
    Some(pairs)
}

fn length(reply: &[u8]) -> Option<usize> {
    match decode(reply) {
        Value::Array(items) | Value::Set(items) => Some(items.len()),
        _ => None,
    }
}

fn integer(reply: &[u8]) -> Option<i64> {
    let digits = reply.strip_prefix(b":")?.strip_suffix(b"\r\n")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn within(tolerance: i64, oracle: &[u8], ours: &[u8]) -> bool {
    match (integer(oracle), integer(ours)) {
        // -1 and -2 say that there is no time to live or no key.
        (Some(oracle), Some(ours)) if oracle >= 0 && ours >= 0 => {
            oracle.abs_diff(ours) <= tolerance.unsigned_abs()
        }
        _ => false,
    }
}

fn times_are_close(oracle: &[u8], ours: &[u8]) -> bool {
    let seconds = |reply: &[u8]| -> Option<i64> {
        let Value::Array(parts) = decode(reply) else { return None };
        let [seconds, micros] = parts.as_slice() else { return None };
        let number = |part: &Value| std::str::from_utf8(part.as_bytes()?).ok()?.parse::<i64>().ok();
        number(micros).filter(|micros| (0..1_000_000).contains(micros))?;
        number(seconds)
    };
    match (seconds(oracle), seconds(ours)) {
        (Some(oracle), Some(ours)) => oracle.abs_diff(ours) <= 3,
        _ => false,
    }
}

/// The lines of `INFO keyspace`, each up to its number of expiring keys.
fn keyspace(reply: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8(decode(reply).as_bytes()?.to_vec()).ok()?;
    Some(text.lines().map(|line| line.split(",avg_ttl").next().unwrap_or(line).to_owned()).collect())
}
