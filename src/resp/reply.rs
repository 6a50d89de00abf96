//! [`RespReply`], the sink that writes a command's reply as the bytes that go over the wire.

use std::sync::Arc;

use super::encode::{encode, push_bulk, push_double, push_header, push_integer, push_line, push_verbatim};
use crate::error::Error;
use crate::protocol::Protocol;
use crate::reply::Reply;
use crate::value::Value;

/// Appends replies to a buffer, in the protocol that the caller speaks.
pub(super) struct RespReply<'a> {
    protocol: Protocol,
    out: &'a mut Vec<u8>,
}

impl<'a> RespReply<'a> {
    pub(super) fn new(protocol: Protocol, out: &'a mut Vec<u8>) -> RespReply<'a> {
        RespReply { protocol, out }
    }

    fn is_resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }
}

impl Reply for RespReply<'_> {
    fn protocol(&self) -> Protocol {
        self.protocol
    }
    #[inline]
    fn null(&mut self) {
        self.out.extend_from_slice(if self.is_resp3() { b"_\r\n" } else { b"$-1\r\n" });
    }
    fn null_array(&mut self) {
        self.out.extend_from_slice(if self.is_resp3() { b"_\r\n" } else { b"*-1\r\n" });
    }
    #[inline]
    fn integer(&mut self, number: i64) {
        push_integer(number, self.out);
    }
    #[inline]
    fn bulk(&mut self, bytes: &[u8]) {
        push_bulk(bytes, self.out);
    }
    fn shared(&mut self, bytes: &Arc<Vec<u8>>) {
        push_bulk(bytes, self.out);
    }
    #[inline]
    fn status(&mut self, line: &str) {
        push_line(b'+', line.as_bytes(), self.out);
    }
    fn error(&mut self, error: Error) {
        push_line(b'-', error.as_bytes(), self.out);
    }
    fn double(&mut self, number: f64) {
        push_double(number, self.protocol, self.out);
    }
    fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        push_verbatim(format, text, self.protocol, self.out);
    }
    fn array(&mut self, len: usize) {
        push_header(b'*', len, self.out);
    }
    fn map(&mut self, len: usize) {
        if self.is_resp3() {
            push_header(b'%', len, self.out);
        } else {
            push_header(b'*', len * 2, self.out);
        }
    }
    fn set(&mut self, len: usize) {
        push_header(if self.is_resp3() { b'~' } else { b'*' }, len, self.out);
    }
    fn is_wire(&self) -> bool {
        self.is_resp3()
    }
    fn attribute(&mut self, len: usize) {
        push_header(b'|', len, self.out);
    }
    fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }
    fn value(&mut self, value: Value) {
        encode(&value, self.protocol, self.out);
    }
    fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }
}
