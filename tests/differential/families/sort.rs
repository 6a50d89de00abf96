//! SORT and SORT_RO of whatever the other families leave behind.

use crate::differential::step::{Check, Step};
use crate::support::Rng;

/// Keys and fields that other families use are among those that these lead to.
const PATTERNS: &[&str] = &[
    "key:*",
    "*",
    "hash:*->f",
    "hash:1->*",
    "*->f",
    "set:*",
    "nosuch:*",
    "#",
    "#*",
    "nostar",
    "",
    "*->",
    "k*->1->",
];

pub(super) fn sort(rng: &mut Rng) -> Step {
    let family = rng.pick(&["list:", "set:", "zset:"]);
    let name = rng.pick(&["SORT", "SORT", "SORT_RO"]);
    let mut step = Step::new(name).arg(rng.key_of(family));
    let (mut unsorted, mut derived, mut alpha, mut limited) = (false, false, false, false);
    for _ in 0..rng.below(5) {
        step = match rng.below(14) {
            0..3 => {
                alpha = true;
                step.arg("ALPHA")
            }
            3..5 => step.arg(rng.pick(&["ASC", "DESC", "desc"])),
            5..8 => {
                let pattern = if rng.one_in(3) { "nosort" } else { rng.pick(PATTERNS) };
                *(if pattern.contains('*') { &mut derived } else { &mut unsorted }) = true;
                step.arg("BY").arg(pattern)
            }
            8..10 => {
                limited = true;
                step.arg("LIMIT").arg(number(rng)).arg(number(rng))
            }
            10..13 => step.arg("GET").arg(rng.pick(PATTERNS)),
            _ => return step.arg(rng.pick(&["junk", "BY", "GET", "LIMIT", "STORE"])).check(Check::Length),
        };
    }
    // A set without an order gets one when it is stored.
    let has_ties = alpha && derived && !unsorted;
    if rng.one_in(4) && !has_ties {
        return step.arg("STORE").arg(rng.key());
    }
    // What compares as equal may come in any order, and then a part may be any part.
    match (has_ties || unsorted, limited) {
        (false, _) => step,
        (true, false) => step.check(Check::AnyOrder),
        (true, true) => step.check(Check::Length),
    }
}

fn number(rng: &mut Rng) -> Vec<u8> {
    match rng.below(12) {
        0 => rng.integer(),
        1 => rng.between(-3, 0).to_string().into_bytes(),
        _ => rng.below(6).to_string().into_bytes(),
    }
}
