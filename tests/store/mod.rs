//! The store as a whole: many threads, time, byte strings and replies as Rust types, and input that means no good.

mod bad_input;
mod blob;
mod expiry;
mod model;
mod threads;
mod transaction;
mod value;
