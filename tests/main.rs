//! The integration tests, in one binary: each comes from a real server's replies, a specification or a model.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail")]

mod blocking;
mod commands;
mod differential;
mod fuzz;
mod pubsub;
mod recorded;
mod resp;
mod scan;
mod scripting;
mod session;
mod soak;
mod store;
mod support;
mod table;
