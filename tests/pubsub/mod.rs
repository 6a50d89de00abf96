//! Publish and subscribe, events of keys, and MONITOR.

mod events;
mod messages;
mod monitor;
mod sessions;
