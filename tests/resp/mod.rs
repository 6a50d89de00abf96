//! RESP: the decoder, conversations over several kinds of streams, and the same bytes sent to a real server.

mod conversations;
mod decoder;
mod oracle;
mod peer;
mod pipes;
mod streams;
