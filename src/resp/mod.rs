//! RESP2 and RESP3, the serialization protocols of Redis: a conversation over any stream, and its parts.
//!
//! There is no socket in here: a program that wants to serve a store to ordinary Redis clients passes its own stream
//! to [`serve`]. A program with another idea of a server reads requests with a [`Decoder`], runs them, and sends what
//! [`encode_result`] makes of the outcome. [`encode_command`] and [`decode`] are the client's half, and [`pipe`] is a
//! stream without a socket, for tests.
//!
//! Nothing in here calls itself, so no reply is nested too deeply to be written, and what a stranger sends cannot
//! exhaust the stack or, by announcing a length, the memory.

#[cfg(feature = "tokio")]
mod asynchronous;
mod conversation;
mod decode;
mod encode;
mod inline;
mod pipe;
mod reading;
mod reply;
mod request;
mod serve;

pub use crate::protocol::Protocol;
#[cfg(feature = "tokio")]
pub use asynchronous::serve_async;
pub use decode::decode;
pub use encode::{encode, encode_command, encode_result};
pub use pipe::{PipeCloser, PipeEnd, PipeReader, PipeWriter, pipe, pipe_with_capacity};
pub use request::{Decoder, Request, decode_command};
pub use serve::serve;

#[cfg(test)]
mod tests;
