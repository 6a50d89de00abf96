//! Deadlines.

use crate::differential::step::{Check, Step};
use crate::support::Rng;

pub(super) fn expiry(rng: &mut Rng) -> Step {
    let step = match rng.below(13) {
        0..2 => Step::new("EXPIRE").arg(rng.key()).arg(rng.seconds()),
        2..4 => Step::new("PEXPIRE").arg(rng.key()).arg(rng.millis()),
        4 => Step::new("EXPIREAT").arg(rng.key()).arg(rng.at_seconds()),
        5 => Step::new("PEXPIREAT").arg(rng.key()).arg(rng.at_millis()),
        6 => return Step::new("PERSIST").arg(rng.key()),
        7 => return Step::new("TTL").arg(rng.key()).check(Check::Within(3)),
        8..10 => return Step::new("PTTL").arg(rng.key()).check(Check::Within(3000)),
        10 => return Step::new("EXPIRETIME").arg(rng.key()).check(Check::Within(3)),
        _ => return Step::new("PEXPIRETIME").arg(rng.key()).check(Check::Within(3000)),
    };
    match rng.below(5) {
        0..2 => step,
        2..4 => step.arg(rng.pick(&["NX", "xx", "GT", "LT"])),
        _ => {
            let option = |rng: &mut Rng| rng.pick(&["NX", "XX", "gt", "LT", "junk"]);
            let first = option(rng);
            step.arg(first).arg(option(rng))
        }
    }
}
