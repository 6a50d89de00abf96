//! [`Value`], a reply, and [`FromValue`], its way into Rust types.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, Hash};

use crate::blob::Blob;
use crate::error::{Error, Result};

/// A reply: everything that RESP2 and RESP3 can say.
///
/// # Examples
///
/// ```
/// use redmoon::{Store, Value};
///
/// let store = Store::new();
/// assert_eq!(store.execute(&["INCR", "visits"])?, Value::Integer(1));
/// let visits: u64 = store.execute(&["GET", "visits"])?.convert()?;
/// assert_eq!(visits, 1);
/// # Ok::<(), redmoon::Error>(())
/// ```
///
/// A script may answer arrays within arrays some 8,000 deep. Copying, comparing and showing such a reply takes no more
/// stack than a flat one; dropping it takes up to 1.5 MiB in a debug build, 0.4 MiB in a release build.
#[non_exhaustive]
pub enum Value {
    /// No value: the null bulk string of RESP2, the null of RESP3.
    Nil,
    /// No value where an array would stand: RESP2 tells it from [`Nil`](Value::Nil), RESP3 does not.
    NilArray,
    /// A signed 64-bit integer.
    Integer(i64),
    /// A double (RESP3; RESP2 sends it as a bulk string).
    Double(f64),
    /// A boolean (RESP3; RESP2 sends 1 or 0).
    Boolean(bool),
    /// A byte string.
    Bulk(Blob),
    /// A status line such as `OK`.
    Status(Blob),
    /// An error inside a reply; an error that is the whole reply is an `Err`.
    Error(Error),
    /// An ordered list of replies.
    Array(Vec<Value>),
    /// Pairs of replies in the order in which they were sent (RESP3; RESP2 sends them flat).
    Map(Vec<(Value, Value)>),
    /// Replies without an order (RESP3; RESP2 sends an array).
    Set(Vec<Value>),
    /// A number of any size, as digits (RESP3; RESP2 sends a bulk string).
    BigNumber(Blob),
    /// Text with a three-letter format such as `txt` (RESP3; RESP2 sends a bulk string).
    Verbatim {
        /// The three letters of the format.
        format: [u8; 3],
        /// The text.
        text: Blob,
    },
    /// A message that nobody asked for (RESP3; RESP2 sends an array).
    Push(Vec<Value>),
}

impl Value {
    /// The status `OK`.
    #[must_use]
    pub fn ok() -> Value {
        Value::Status(Blob::from("OK"))
    }

    /// Whether this is [`Nil`](Value::Nil) or [`NilArray`](Value::NilArray).
    #[must_use]
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil | Value::NilArray)
    }

    /// The bytes of a bulk string, a status, a verbatim text or a big number.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bulk(bytes) | Value::Status(bytes) | Value::BigNumber(bytes) => Some(bytes),
            Value::Verbatim { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The reply as a Rust type.
    ///
    /// # Errors
    ///
    /// An error of kind [`Conversion`](crate::ErrorKind::Conversion) when the reply does not fit the type, and the error
    /// itself when the reply is one.
    pub fn convert<T: FromValue>(self) -> Result<T> {
        T::from_value(self)
    }

    /// The parts of an aggregate by their numbers; a pair of a map is two of them.
    fn part(&self, at: usize) -> Option<&Value> {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => items.get(at),
            Value::Map(pairs) => {
                let (key, value) = pairs.get(at / 2)?;
                Some(if at.is_multiple_of(2) { key } else { value })
            }
            _ => None,
        }
    }

    fn part_count(&self) -> usize {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => items.len(),
            Value::Map(pairs) => pairs.len() * 2,
            _ => 0,
        }
    }

    /// A copy of a value that is no aggregate.
    fn copy_scalar(&self) -> Option<Value> {
        Some(match self {
            Value::Nil => Value::Nil,
            Value::NilArray => Value::NilArray,
            Value::Integer(number) => Value::Integer(*number),
            Value::Double(number) => Value::Double(*number),
            Value::Boolean(is) => Value::Boolean(*is),
            Value::Bulk(bytes) => Value::Bulk(bytes.clone()),
            Value::Status(line) => Value::Status(line.clone()),
            Value::Error(error) => Value::Error(error.clone()),
            Value::BigNumber(digits) => Value::BigNumber(digits.clone()),
            Value::Verbatim { format, text } => Value::Verbatim { format: *format, text: text.clone() },
            Value::Array(_) | Value::Map(_) | Value::Set(_) | Value::Push(_) => return None,
        })
    }

    /// An aggregate of this one's kind.
    fn with_parts(&self, parts: Vec<Value>) -> Value {
        match self {
            Value::Set(_) => Value::Set(parts),
            Value::Push(_) => Value::Push(parts),
            Value::Map(_) => {
                let mut pairs = Vec::with_capacity(parts.len() / 2);
                let mut parts = parts.into_iter();
                while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
                    pairs.push((key, value));
                }
                Value::Map(pairs)
            }
            _ => Value::Array(parts),
        }
    }

    /// Whether two values are equal as far as they have no parts; aggregates need as many parts.
    fn is_alike(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Nil, Value::Nil) | (Value::NilArray, Value::NilArray) => true,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::Double(a), Value::Double(b)) => a == b,
            (Value::Boolean(a), Value::Boolean(b)) => a == b,
            (Value::Bulk(a), Value::Bulk(b))
            | (Value::Status(a), Value::Status(b))
            | (Value::BigNumber(a), Value::BigNumber(b)) => a == b,
            (Value::Error(a), Value::Error(b)) => a == b,
            (Value::Verbatim { format: a, text: b }, Value::Verbatim { format: c, text: d }) => {
                a == c && b == d
            }
            (Value::Array(_), Value::Array(_))
            | (Value::Map(_), Value::Map(_))
            | (Value::Set(_), Value::Set(_))
            | (Value::Push(_), Value::Push(_)) => self.part_count() == other.part_count(),
            _ => false,
        }
    }

    fn describe(&self) -> &'static str {
        match self {
            Value::Nil | Value::NilArray => "nil",
            Value::Integer(_) => "an integer",
            Value::Double(_) => "a double",
            Value::Boolean(_) => "a boolean",
            Value::Bulk(_) => "a bulk string",
            Value::Status(_) => "a status",
            Value::Error(_) => "an error",
            Value::Array(_) => "an array",
            Value::Map(_) => "a map",
            Value::Set(_) => "a set",
            Value::BigNumber(_) => "a big number",
            Value::Verbatim { .. } => "a verbatim string",
            Value::Push(_) => "a push message",
        }
    }

    fn items(self, wanted: &str) -> Result<Vec<Value>> {
        match self {
            Value::Array(items) | Value::Set(items) | Value::Push(items) => Ok(items),
            Value::Map(pairs) => Ok(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()),
            Value::Nil | Value::NilArray => Ok(Vec::new()),
            other => Err(other.mismatch(wanted)),
        }
    }

    fn pairs(self, wanted: &str) -> Result<Vec<(Value, Value)>> {
        match self {
            Value::Map(pairs) => Ok(pairs),
            other => {
                let mut items = other.items(wanted)?.into_iter();
                let mut pairs = Vec::with_capacity(items.len() / 2);
                while let Some(first) = items.next() {
                    match (first, items.next()) {
                        // RESP3 nests what RESP2 sends flat.
                        (Value::Array(pair), None) if pair.len() == 2 => {
                            let mut pair = pair.into_iter();
                            pairs.extend(pair.next().zip(pair.next()));
                        }
                        (Value::Array(first), Some(Value::Array(second)))
                            if first.len() == 2 && second.len() == 2 =>
                        {
                            for pair in [first, second] {
                                let mut pair = pair.into_iter();
                                pairs.extend(pair.next().zip(pair.next()));
                            }
                        }
                        (key, Some(value)) => pairs.push((key, value)),
                        (_, None) => return Err(Error::conversion("an array of odd length", wanted)),
                    }
                }
                Ok(pairs)
            }
        }
    }

    fn mismatch(self, wanted: &str) -> Error {
        match self {
            Value::Error(error) => error,
            other => Error::conversion(other.describe(), wanted),
        }
    }
}

impl Clone for Value {
    fn clone(&self) -> Value {
        // Aggregates that are being copied, and their parts so far.
        let mut open: Vec<(&Value, Vec<Value>)> = Vec::new();
        let mut next = self;
        loop {
            let mut done = next.copy_scalar();
            if done.is_none() {
                open.push((next, Vec::with_capacity(next.part_count())));
            }
            next = loop {
                if let Some(value) = done.take() {
                    match open.last_mut() {
                        None => return value,
                        Some((_, parts)) => parts.push(value),
                    }
                }
                if let Some(part) = open.last().and_then(|(of, parts)| of.part(parts.len())) {
                    break part;
                }
                done = open.pop().map(|(of, parts)| of.with_parts(parts));
            };
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        if !self.is_alike(other) {
            return false;
        }
        // Aggregates that are being compared, and how many of their parts were.
        let mut open = vec![(self, other, 0)];
        while let Some((a, b, at)) = open.last_mut() {
            let parts = a.part(*at).zip(b.part(*at));
            *at += 1;
            match parts {
                None => drop(open.pop()),
                Some((a, b)) if !a.is_alike(b) => return false,
                Some((a, b)) if a.part_count() > 0 => open.push((a, b, 0)),
                Some(_) => {}
            }
        }
        true
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown { value: self, depth: 0 }.fmt(f)
    }
}

/// A value to be shown, and how deep it is inside the whole.
struct Shown<'v> {
    value: &'v Value,
    depth: usize,
}

/// What is deeper is shown as three dots.
const DEEPEST_SHOWN: usize = 100;

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, scalar): (&str, &dyn fmt::Debug) = match self.value {
            Value::Nil => return f.write_str("Nil"),
            Value::NilArray => return f.write_str("NilArray"),
            Value::Integer(number) => ("Integer", number),
            Value::Double(number) => ("Double", number),
            Value::Boolean(is) => ("Boolean", is),
            Value::Bulk(bytes) => ("Bulk", bytes),
            Value::Status(line) => ("Status", line),
            Value::Error(error) => ("Error", error),
            Value::BigNumber(digits) => ("BigNumber", digits),
            Value::Verbatim { format, text } => {
                let format = Blob::from(format);
                return f.debug_struct("Verbatim").field("format", &format).field("text", text).finish();
            }
            Value::Array(_) => ("Array", &Parts(self)),
            Value::Map(_) => ("Map", &Parts(self)),
            Value::Set(_) => ("Set", &Parts(self)),
            Value::Push(_) => ("Push", &Parts(self)),
        };
        f.debug_tuple(name).field(scalar).finish()
    }
}

struct Parts<'s>(&'s Shown<'s>);

impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts(Shown { value, depth }) = self;
        let shown = |value| Shown { value, depth: depth + 1 };
        match value {
            _ if *depth >= DEEPEST_SHOWN => f.write_str("..."),
            Value::Map(pairs) => {
                f.debug_list().entries(pairs.iter().map(|(key, value)| (shown(key), shown(value)))).finish()
            }
            Value::Array(items) | Value::Set(items) | Value::Push(items) => {
                f.debug_list().entries(items.iter().map(shown)).finish()
            }
            _ => Ok(()),
        }
    }
}

/// A Rust type that a reply can become.
///
/// Integers, floats and booleans also come out of bulk strings that spell them; `Option<T>` is `None` for nil;
/// `Vec<T>`, sets and tuples come out of arrays; maps out of maps and flat arrays of pairs.
pub trait FromValue: Sized {
    /// Converts the reply.
    ///
    /// # Errors
    ///
    /// An error of kind [`Conversion`](crate::ErrorKind::Conversion) when the reply does not fit the type, and the error
    /// itself when the reply is one.
    fn from_value(value: Value) -> Result<Self>;
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Value> {
        Ok(value)
    }
}

impl FromValue for () {
    fn from_value(value: Value) -> Result<()> {
        match value {
            Value::Error(error) => Err(error),
            _ => Ok(()),
        }
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Result<bool> {
        match value {
            Value::Boolean(is) => Ok(is),
            Value::Integer(0) => Ok(false),
            Value::Integer(1) => Ok(true),
            Value::Nil => Ok(false),
            Value::Status(ref line) if line == "OK" => Ok(true),
            Value::Bulk(ref text) if text == "1" || text == "true" => Ok(true),
            Value::Bulk(ref text) if text == "0" || text == "false" => Ok(false),
            other => Err(other.mismatch("bool")),
        }
    }
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl FromValue for $int {
            fn from_value(value: Value) -> Result<$int> {
                let found = match &value {
                    Value::Integer(number) => <$int>::try_from(*number).ok(),
                    Value::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                        <$int>::try_from(*number as i64).ok()
                    }
                    other => other.as_bytes().and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()),
                };
                found.ok_or_else(|| value.mismatch(stringify!($int)))
            }
        }
    )*};
}
integers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

impl FromValue for f64 {
    fn from_value(value: Value) -> Result<f64> {
        let found = match &value {
            Value::Double(number) => Some(*number),
            Value::Integer(number) => Some(*number as f64),
            other => other.as_bytes().and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()),
        };
        found.ok_or_else(|| value.mismatch("f64"))
    }
}

impl FromValue for f32 {
    fn from_value(value: Value) -> Result<f32> {
        f64::from_value(value).map(|number| number as f32)
    }
}

impl FromValue for Blob {
    fn from_value(value: Value) -> Result<Blob> {
        match value {
            Value::Bulk(bytes) | Value::Status(bytes) | Value::BigNumber(bytes) => Ok(bytes),
            Value::Verbatim { text, .. } => Ok(text),
            Value::Integer(number) => Ok(Blob::from(number.to_string())),
            Value::Double(number) => {
                let mut digits = Vec::new();
                crate::num::format_double_reply(number, &mut digits);
                Ok(Blob::from(digits))
            }
            other => Err(other.mismatch("bytes")),
        }
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Result<String> {
        String::try_from(Blob::from_value(value)?)
            .map_err(|_| Error::conversion("a string that is not UTF-8", "String"))
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Option<T>> {
        if value.is_nil() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

/// Elements of an array; a byte string becomes its bytes where `T` is `u8`.
impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Vec<T>> {
        if let Value::Bulk(bytes) | Value::Status(bytes) = &value {
            return bytes.iter().map(|&byte| T::from_value(Value::Integer(byte.into()))).collect();
        }
        value.items("Vec")?.into_iter().map(T::from_value).collect()
    }
}

impl<T: FromValue + Eq + Hash, S: BuildHasher + Default> FromValue for HashSet<T, S> {
    fn from_value(value: Value) -> Result<HashSet<T, S>> {
        value.items("HashSet")?.into_iter().map(T::from_value).collect()
    }
}

impl<T: FromValue + Ord> FromValue for BTreeSet<T> {
    fn from_value(value: Value) -> Result<BTreeSet<T>> {
        value.items("BTreeSet")?.into_iter().map(T::from_value).collect()
    }
}

fn convert_pairs<K: FromValue, V: FromValue, M: FromIterator<(K, V)>>(
    value: Value,
    wanted: &str,
) -> Result<M> {
    let pairs = value.pairs(wanted)?.into_iter();
    pairs.map(|(key, value)| Ok((K::from_value(key)?, V::from_value(value)?))).collect()
}

impl<K: FromValue + Eq + Hash, V: FromValue, S: BuildHasher + Default> FromValue for HashMap<K, V, S> {
    fn from_value(value: Value) -> Result<HashMap<K, V, S>> {
        convert_pairs(value, "HashMap")
    }
}

impl<K: FromValue + Ord, V: FromValue> FromValue for BTreeMap<K, V> {
    fn from_value(value: Value) -> Result<BTreeMap<K, V>> {
        convert_pairs(value, "BTreeMap")
    }
}

impl<K: FromValue + Eq + Hash, V: FromValue, S: BuildHasher + Default> FromValue
    for indexmap::IndexMap<K, V, S>
{
    fn from_value(value: Value) -> Result<indexmap::IndexMap<K, V, S>> {
        convert_pairs(value, "IndexMap")
    }
}

macro_rules! tuples {
    ($(($($name:ident),+) $count:literal;)*) => {$(
        impl<$($name: FromValue),+> FromValue for ($($name,)+) {
            fn from_value(value: Value) -> Result<($($name,)+)> {
                let items = value.items("a tuple")?;
                if items.len() != $count {
                    return Err(Error::conversion("an array of another length", "a tuple"));
                }
                let mut items = items.into_iter();
                Ok(($($name::from_value(items.next().unwrap_or(Value::Nil))?,)+))
            }
        }
    )*};
}
tuples! {
    (A) 1; (A, B) 2; (A, B, C) 3; (A, B, C, D) 4; (A, B, C, D, E) 5; (A, B, C, D, E, F) 6;
}

macro_rules! from {
    ($($type:ty => |$name:ident| $make:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($name: $type) -> Value {
                $make
            }
        }
    )*};
}
from! {
    i64 => |number| Value::Integer(number);
    f64 => |number| Value::Double(number);
    bool => |is| Value::Boolean(is);
    Blob => |bytes| Value::Bulk(bytes);
    &str => |text| Value::Bulk(Blob::from(text));
    String => |text| Value::Bulk(Blob::from(text));
    Vec<u8> => |bytes| Value::Bulk(Blob::from(bytes));
    Vec<Value> => |items| Value::Array(items);
    Error => |error| Value::Error(error);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Nil, Into::into)
    }
}
