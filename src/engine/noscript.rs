//! Commands that Redis has and scripts may not call, and that this crate does not have: a script is told the former
//! and not the latter.

use crate::commands::Args;

/// Names of whole commands.
const COMMANDS: &[&str] = &[
    "AUTH",
    "BGREWRITEAOF",
    "BGSAVE",
    "BLMOVE",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZPOPMAX",
    "BZPOPMIN",
    "DEBUG",
    "DISCARD",
    "EXEC",
    "FAILOVER",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "PUNSUBSCRIBE",
    "QUIT",
    "REPLCONF",
    "REPLICAOF",
    "RESET",
    "ROLE",
    "SAVE",
    "SHUTDOWN",
    "SLAVEOF",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "SYNC",
    "UNSUBSCRIBE",
    "UNWATCH",
    "WAIT",
    "WATCH",
];

/// Containers, all of whose subcommands but HELP are refused.
const CONTAINERS: &[&str] = &["ACL", "CLIENT", "CONFIG", "LATENCY", "MODULE"];

/// Whether the arguments call such a command.
pub(super) fn names(args: Args<'_>) -> bool {
    COMMANDS.iter().any(|name| args.is(0, name))
        || args.len() > 1 && !args.is(1, "HELP") && CONTAINERS.iter().any(|name| args.is(0, name))
}
