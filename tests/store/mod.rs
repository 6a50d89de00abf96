//! The store as a whole: many threads, time, byte strings and replies as Rust types, and input that means no good.

mod bad_input;
mod bias;
mod blob;
mod expiry;
mod threads;
mod transaction;
mod value;
