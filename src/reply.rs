//! [`Reply`], where an operation writes its answer, and [`ValueReply`], which makes a [`Value`] of it.

use std::sync::Arc;

use crate::blob::Blob;
use crate::error::Error;
use crate::protocol::Protocol;
use crate::value::Value;

/// Where a command writes its reply, as flat tokens: an aggregate is announced with its size, and that many
/// replies follow.
///
/// The sinks are two: [`ValueReply`] for Rust callers and the one of the Lua bridge. A command writes exactly one
/// reply, or none and returns an error.
#[allow(dead_code, reason = "commands on strings need only some of the shapes; the bridge's tests use all")]
pub(crate) trait Reply {
    /// Which protocol the caller speaks; some commands answer in another shape in RESP3.
    fn protocol(&self) -> Protocol;
    fn null(&mut self);
    fn null_array(&mut self);
    fn integer(&mut self, number: i64);
    /// Bytes that are copied.
    fn bulk(&mut self, bytes: &[u8]);
    /// A long value that is shared instead.
    fn shared(&mut self, bytes: &Arc<Vec<u8>>);
    fn status(&mut self, line: &str);
    fn error(&mut self, error: Error);
    fn double(&mut self, number: f64);
    fn verbatim(&mut self, format: [u8; 3], text: &[u8]);
    fn array(&mut self, len: usize);
    /// `len` pairs.
    fn map(&mut self, len: usize);
    fn set(&mut self, len: usize);

    /// A reply that was made before. It is not nested deeply, or the sink has a way of its own.
    fn value(&mut self, value: Value) {
        match value {
            Value::Nil => self.null(),
            Value::NilArray => self.null_array(),
            Value::Integer(number) => self.integer(number),
            Value::Double(number) => self.double(number),
            Value::Boolean(is) => self.boolean(is),
            Value::Bulk(bytes) => self.blob(&bytes),
            Value::BigNumber(digits) => self.big_number(&digits),
            Value::Status(line) => self.status(&String::from_utf8_lossy(&line)),
            Value::Error(error) => self.error(error),
            Value::Verbatim { format, text } => self.verbatim(format, &text),
            Value::Array(items) | Value::Push(items) => {
                self.array(items.len());
                items.into_iter().for_each(|item| self.value(item));
            }
            Value::Set(items) => {
                self.set(items.len());
                items.into_iter().for_each(|item| self.value(item));
            }
            Value::Map(pairs) => {
                self.map(pairs.len());
                for (key, value) in pairs {
                    self.value(key);
                    self.value(value);
                }
            }
        }
    }

    /// The caller has chosen another protocol, which holds from this reply on (HELLO).
    fn speak(&mut self, _: Protocol) {}

    fn ok(&mut self) {
        self.status("OK");
    }

    /// Whether what is written goes over a wire as it is: there, and nowhere else, a reply may have an attribute or a push
    /// message before it.
    fn is_wire(&self) -> bool {
        false
    }

    /// Announces an attribute of `len` pairs before the reply proper; only for a wire that speaks RESP3.
    fn attribute(&mut self, _len: usize) {}

    /// RESP2 has no booleans, and neither has a sink that does not say so.
    fn boolean(&mut self, is: bool) {
        self.integer(is.into());
    }

    /// As for [`boolean`](Reply::boolean).
    fn big_number(&mut self, digits: &[u8]) {
        self.bulk(digits);
    }

    fn boolean_integer(&mut self, is: bool) {
        self.integer(is.into());
    }

    fn blob(&mut self, blob: &Blob) {
        self.bulk(blob);
    }

    fn length(&mut self, len: usize) {
        self.integer(i64::try_from(len).unwrap_or(i64::MAX));
    }
}

/// Builds a [`Value`].
pub(crate) struct ValueReply {
    protocol: Protocol,
    open: Vec<Open>,
    done: Option<Value>,
}

struct Open {
    shape: Shape,
    missing: usize,
    items: Vec<Value>,
}

#[derive(Clone, Copy)]
enum Shape {
    Array,
    Map,
    Set,
}

impl ValueReply {
    pub(crate) fn new(protocol: Protocol) -> ValueReply {
        ValueReply { protocol, open: Vec::new(), done: None }
    }

    /// The reply, nil when the command wrote none.
    pub(crate) fn finish(self) -> Value {
        self.done.unwrap_or(Value::Nil)
    }

    #[inline]
    pub(crate) fn put(&mut self, value: Value) {
        let mut value = value;
        while let Some(mut open) = self.open.pop() {
            open.items.push(value);
            open.missing -= 1;
            if open.missing > 0 {
                self.open.push(open);
                return;
            }
            value = open.close();
        }
        self.done = Some(match (self.done.take(), value) {
            // SUBSCRIBE with several channels sends as many messages.
            (Some(first @ Value::Push(_)), next @ Value::Push(_)) => Value::Array(vec![first, next]),
            (Some(Value::Array(mut messages)), next @ Value::Push(_)) => {
                messages.push(next);
                Value::Array(messages)
            }
            (_, value) => value,
        });
    }

    fn open(&mut self, shape: Shape, len: usize) {
        let open = Open { shape, missing: len, items: Vec::with_capacity(len.min(1 << 16)) };
        if len == 0 {
            self.put(open.close());
        } else {
            self.open.push(open);
        }
    }
}

impl Open {
    fn close(self) -> Value {
        match self.shape {
            Shape::Array => Value::Array(self.items),
            Shape::Set => Value::Set(self.items),
            Shape::Map => {
                let mut items = self.items.into_iter();
                let mut pairs = Vec::with_capacity(items.len() / 2);
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    pairs.push((key, value));
                }
                Value::Map(pairs)
            }
        }
    }
}

impl Reply for ValueReply {
    fn protocol(&self) -> Protocol {
        self.protocol
    }
    fn value(&mut self, value: Value) {
        self.put(value);
    }
    fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }
    fn null(&mut self) {
        self.put(Value::Nil);
    }
    fn null_array(&mut self) {
        self.put(Value::NilArray);
    }
    fn integer(&mut self, number: i64) {
        self.put(Value::Integer(number));
    }
    fn bulk(&mut self, bytes: &[u8]) {
        self.put(Value::Bulk(Blob::from(bytes)));
    }
    fn shared(&mut self, bytes: &Arc<Vec<u8>>) {
        self.put(Value::Bulk(Blob::shared(Arc::clone(bytes))));
    }
    fn status(&mut self, line: &str) {
        self.put(Value::Status(Blob::from(line)));
    }
    fn error(&mut self, error: Error) {
        self.put(Value::Error(error));
    }
    fn double(&mut self, number: f64) {
        self.put(Value::Double(number));
    }
    fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        self.put(Value::Verbatim { format, text: Blob::from(text) });
    }
    fn array(&mut self, len: usize) {
        self.open(Shape::Array, len);
    }
    fn map(&mut self, len: usize) {
        self.open(Shape::Map, len * 2);
    }
    fn set(&mut self, len: usize) {
        self.open(Shape::Set, len);
    }
    fn blob(&mut self, blob: &Blob) {
        self.put(Value::Bulk(blob.clone()));
    }
}
