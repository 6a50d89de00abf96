//! The integration tests, in one binary: each comes from a real server's replies, a specification or a model.

mod differential;
mod recorded;
mod scan;
mod support;
