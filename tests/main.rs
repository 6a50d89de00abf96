//! The integration tests, in one binary: each comes from a real server's replies, a specification or a model.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail")]

mod commands;
mod differential;
mod recorded;
mod scan;
mod scripting;
mod store;
mod support;
mod table;
