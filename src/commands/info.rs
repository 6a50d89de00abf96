//! placeholder
use super::CommandSpec;
pub(super) const COMMANDS: &[CommandSpec] = &[];
