//! What a [`Slot`](super::slot::Slot) is made of. A model checker runs it on parts of its own.

pub(super) use std::sync::atomic::{AtomicU8, Ordering};
pub(super) use std::thread::{Thread, current, park, park_timeout, yield_now};

pub(super) use parking_lot::Mutex;
