//! [`Protocol`], the two versions of the serialization protocol that a caller may speak.

/// A version of RESP, the Redis serialization protocol.
///
/// It decides more than bytes: what [`Value`](crate::Value) some commands reply with depends on the version that the
/// caller has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// Strings, integers, errors and arrays: what a connection speaks until it says otherwise.
    #[default]
    Resp2,
    /// RESP2 with maps, sets, doubles, booleans and more, chosen with `HELLO 3`.
    Resp3,
}

/// The server version that scripts, HELLO and INFO are told: the one whose behaviour this crate was compared with.
pub(crate) const REDIS_VERSION: &str = "7.0.15";

/// What scripts are told by an engine that looks like Valkey: its version, and the one of Redis that it stands for.
pub(crate) const VALKEY_VERSION: &str = "8.0.1";
pub(crate) const REDIS_VERSION_OF_VALKEY: &str = "7.2.4";

/// A version as a number, a byte a part.
pub(crate) fn version_number(version: &str) -> u32 {
    version
        .split('.')
        .filter_map(|part| part.parse::<u32>().ok())
        .fold(0, |number, part| number << 8 | part & 255)
}
