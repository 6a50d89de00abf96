//! Transactions: the rows of MULTI and its relatives. Their operations are the session's.

use super::CommandSpec;
use super::spec::KeySpec;
use super::spec::{Group, access::RO, flag::*, keys};

const ANY_KEYS: &[KeySpec] = &[keys(1, -1, 1, RO)];

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::session("DISCARD")
        .summary("Forgets the commands that were queued since MULTI.")
        .since("2.0.0")
        .complexity("O(N), N being the number of queued commands.")
        .group(Group::Transactions)
        .arity(1)
        .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY),
    CommandSpec::session("EXEC")
        .summary("Runs the commands that were queued since MULTI, with no other between them.")
        .since("1.2.0")
        .complexity("That of the commands.")
        .group(Group::Transactions)
        .arity(1)
        .flags(NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG),
    CommandSpec::session("MULTI")
        .summary("Begins to queue commands for EXEC.")
        .since("1.2.0")
        .group(Group::Transactions)
        .arity(1)
        .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY),
    CommandSpec::session("UNWATCH")
        .summary("Forgets the watched keys.")
        .since("2.2.0")
        .group(Group::Transactions)
        .arity(1)
        .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY),
    CommandSpec::session("WATCH")
        .summary("Makes the next EXEC depend on keys: it does nothing if one of them was changed.")
        .since("2.2.0")
        .complexity("O(1) a key.")
        .group(Group::Transactions)
        .syntax("key [key ...]")
        .arity(-2)
        .flags(NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY)
        .keys(ANY_KEYS),
];
