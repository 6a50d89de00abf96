//! The conversation itself, and names that no server knows.

use crate::differential::step::{Check, Step};
use crate::support::Rng;

pub(super) fn connection(rng: &mut Rng) -> Step {
    match rng.below(16) {
        0 => Step::new("PING"),
        1 | 2 => Step::new("PING").arg(rng.value()),
        3 | 4 => Step::new("ECHO").arg(rng.value()),
        5 => Step::new("TIME").check(Check::Time),
        // The reply names the server; from here on replies are in that version.
        6 | 7 => Step::new("HELLO").arg(rng.pick(&["2", "3"])).check(Check::Nothing),
        8 => Step::new("HELLO").arg(rng.pick(&["1", "4", "x", "", "-1"])),
        9 => Step::new("HELLO").arg("3").arg("junk"),
        10..13 => {
            let name = rng.pick(&["GETKEYS", "GETKEYSANDFLAGS"]);
            Step::new("COMMAND").arg(name).args(super::with_keys(rng).args)
        }
        13 => Step::new("COMMAND")
            .arg("LIST")
            .arg("FILTERBY")
            .arg("pattern")
            .arg("incr*")
            .check(Check::AnyOrder),
        14 => Step::new("COMMAND").arg(rng.pick(&["junk", "INFO", "LIST", "GETKEYS"])).arg("nosuch"),
        _ => Step::new("SELECT").arg(rng.database()),
    }
}

/// Names that no server knows, with arguments to quote.
pub(super) fn odd(rng: &mut Rng) -> Step {
    let mut step =
        Step::new(rng.pick(&["nosuch", "GETT", "", "GET\0", "a\r\nb", "\u{e9}", "object|encoding", "SE T"]));
    for _ in 0..rng.below(5) {
        step = step.arg(rng.value());
    }
    step
}
