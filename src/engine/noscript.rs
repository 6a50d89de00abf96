//! Commands that Redis has and scripts may not call, and that this crate does not have: a script is told the former
//! and not the latter.

use crate::commands::Args;

const COMMANDS: &[&str] =
    &["BGREWRITEAOF", "BGSAVE", "FAILOVER", "PSYNC", "REPLCONF", "REPLICAOF", "SAVE", "SLAVEOF", "SYNC"];

/// Whether the arguments call such a command.
pub(super) fn names(args: Args<'_>) -> bool {
    COMMANDS.iter().any(|name| args.is(0, name)) || args.is(0, "CLUSTER") && args.is(1, "RESET")
}
