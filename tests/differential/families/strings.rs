//! Strings, counters, parts of strings.

use crate::differential::step::Step;
use crate::support::Rng;

pub(super) fn string(rng: &mut Rng) -> Step {
    match rng.below(32) {
        0..4 => Step::new("GET").arg(rng.key()),
        4..7 => Step::new("SET").arg(rng.key()).arg(rng.value()),
        7..12 => set(rng),
        12 => Step::new("GETSET").arg(rng.key()).arg(rng.value()),
        13 => Step::new("GETDEL").arg(rng.key()),
        14..16 => getex(rng),
        16..18 => Step::new("APPEND").arg(rng.key()).arg(rng.value()),
        18 => Step::new("STRLEN").arg(rng.key()),
        19..21 => {
            let name = rng.pick(&["GETRANGE", "GETRANGE", "SUBSTR"]);
            let step = Step::new(name).arg(rng.key());
            if rng.one_in(4) {
                step.arg(rng.integer()).arg(rng.integer())
            } else {
                step.arg(rng.between(-12, 12).to_string()).arg(rng.between(-12, 12).to_string())
            }
        }
        21..23 => Step::new("SETRANGE").arg(rng.key()).arg(rng.offset()).arg(rng.value()),
        23..25 => Step::new("MGET").args(rng.keys(5)),
        25 => pairs(rng, "MSET"),
        26 => pairs(rng, "MSETNX"),
        27 => Step::new("SETNX").arg(rng.key()).arg(rng.value()),
        28 => Step::new("SETEX").arg(rng.key()).arg(rng.seconds()).arg(rng.value()),
        29 => Step::new("PSETEX").arg(rng.key()).arg(rng.millis()).arg(rng.value()),
        // LCS costs the product of two lengths; it need not come often.
        30 if rng.one_in(3) => lcs(rng),
        _ => Step::new("GET").arg(rng.key()),
    }
}

fn set(rng: &mut Rng) -> Step {
    let mut step = Step::new("SET").arg(rng.key()).arg(rng.value());
    for _ in 0..1 + rng.below(3) {
        step = match rng.below(11) {
            0..2 => step.arg("NX"),
            2 => step.arg("xx"),
            3..5 => step.arg("GET"),
            5 => step.arg("KEEPTTL"),
            6 => step.arg("Ex").arg(rng.seconds()),
            7 => step.arg("PX").arg(rng.millis()),
            8 => step.arg("EXAT").arg(rng.at_seconds()),
            9 => step.arg("PXAT").arg(rng.at_millis()),
            _ => step.arg(rng.pick(&["junk", "EX", "PX", "PERSIST", ""])),
        };
    }
    step
}

fn getex(rng: &mut Rng) -> Step {
    let mut step = Step::new("GETEX").arg(rng.key());
    for _ in 0..rng.pick(&[0, 1, 1, 1, 1, 2]) {
        step = match rng.below(6) {
            0 => step.arg("EX").arg(rng.seconds()),
            1 => step.arg("PX").arg(rng.millis()),
            2 => step.arg("exat").arg(rng.at_seconds()),
            3 => step.arg("PXAT").arg(rng.at_millis()),
            4 => step.arg("PERSIST"),
            _ => step.arg(rng.pick(&["junk", "EX", "KEEPTTL", "NX", "GET"])),
        };
    }
    step
}

fn pairs(rng: &mut Rng, name: &str) -> Step {
    let mut step = Step::new(name);
    for key in rng.keys(4) {
        step = step.arg(key).arg(rng.value());
    }
    step
}

fn lcs(rng: &mut Rng) -> Step {
    let mut step = Step::new("LCS").arg(rng.key()).arg(rng.key());
    for _ in 0..rng.below(4) {
        step = match rng.below(5) {
            0 => step.arg("LEN"),
            1 | 2 => step.arg("IDX"),
            3 => step.arg("WITHMATCHLEN"),
            _ => step.arg("MINMATCHLEN").arg(rng.pick(&["0", "1", "2", "4", "-1", "x"])),
        };
    }
    step
}

pub(super) fn integer(rng: &mut Rng) -> Step {
    match rng.below(6) {
        0 | 1 => Step::new("INCR").arg(rng.key()),
        2 => Step::new("DECR").arg(rng.key()),
        3 => Step::new("DECRBY").arg(rng.key()).arg(rng.integer()),
        _ => Step::new("INCRBY").arg(rng.key()).arg(rng.integer()),
    }
}

pub(super) fn float(rng: &mut Rng) -> Step {
    Step::new("INCRBYFLOAT").arg(rng.key()).arg(rng.float())
}
