//! Keys of any type: DEL, EXISTS, RENAME, COPY, SCAN and their relatives.

use super::CommandSpec;

pub(super) const COMMANDS: &[CommandSpec] = &[];
