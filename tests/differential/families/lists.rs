//! Lists. Some get long, so that they are more than one node on both sides.

use crate::differential::step::Step;
use crate::support::Rng;

pub(super) fn list(rng: &mut Rng) -> Step {
    match rng.below(34) {
        0..6 => {
            let name = rng.pick(&["LPUSH", "RPUSH", "RPUSH", "LPUSHX", "RPUSHX"]);
            Step::new(name).arg(key(rng)).args(elements(rng))
        }
        6..9 => Step::new(rng.pick(&["LPOP", "RPOP"])).arg(key(rng)),
        9..11 => Step::new(rng.pick(&["LPOP", "RPOP"])).arg(key(rng)).arg(count(rng)),
        11 => Step::new("LLEN").arg(key(rng)),
        12..15 => Step::new("LINDEX").arg(key(rng)).arg(index(rng)),
        15..19 => Step::new("LRANGE").arg(key(rng)).arg(index(rng)).arg(index(rng)),
        19..21 => Step::new("LSET").arg(key(rng)).arg(index(rng)).arg(element(rng)),
        21..23 => {
            let place = rng.pick(&["BEFORE", "after", "AFTER", "before", "junk"]);
            Step::new("LINSERT").arg(key(rng)).arg(place).arg(element(rng)).arg(element(rng))
        }
        23..25 => Step::new("LREM").arg(key(rng)).arg(index(rng)).arg(element(rng)),
        25 => trim(rng),
        26..28 => Step::new("LMOVE").arg(key(rng)).arg(key(rng)).arg(side(rng)).arg(side(rng)),
        28 => Step::new("RPOPLPUSH").arg(key(rng)).arg(key(rng)),
        29..31 => lmpop(rng),
        _ => lpos(rng),
    }
}

fn key(rng: &mut Rng) -> Vec<u8> {
    rng.key_of("list:")
}

/// Few different ones, so that searches find several.
fn element(rng: &mut Rng) -> Vec<u8> {
    match rng.below(8) {
        0..4 => rng.pick(&["a", "b", "c", "1", "2", "007", "-5", "128", "5000", ""]).into(),
        4 => rng.pick(&["x", "y"]).repeat(rng.pick(&[63, 64, 300, 4090, 9000])).into(),
        _ => rng.value(),
    }
}

fn elements(rng: &mut Rng) -> Vec<Vec<u8>> {
    let count = match rng.below(12) {
        0 => 20 + rng.below(180),
        1..4 => 2 + rng.below(8),
        _ => 1,
    };
    (0..count).map(|_| element(rng)).collect()
}

/// Around the ends, anywhere, and what is no index.
fn index(rng: &mut Rng) -> Vec<u8> {
    match rng.below(10) {
        0 => rng.integer(),
        1..4 => rng.between(-300, 300).to_string().into_bytes(),
        _ => rng.between(-6, 6).to_string().into_bytes(),
    }
}

fn count(rng: &mut Rng) -> Vec<u8> {
    match rng.below(8) {
        0 => rng.integer(),
        1 => rng.between(10, 400).to_string().into_bytes(),
        _ => rng.below(5).to_string().into_bytes(),
    }
}

fn side(rng: &mut Rng) -> &'static str {
    rng.pick(&["LEFT", "RIGHT", "left", "Right", "LEFT", "RIGHT", "left", "Right", "junk"])
}

/// Mostly leaves something.
fn trim(rng: &mut Rng) -> Step {
    let step = Step::new("LTRIM").arg(key(rng));
    match rng.below(3) {
        0 => step.arg(index(rng)).arg(index(rng)),
        1 => step.arg("0").arg(rng.between(20, 400).to_string()),
        _ => step.arg(rng.between(-400, -20).to_string()).arg("-1"),
    }
}

fn lmpop(rng: &mut Rng) -> Step {
    let keys: Vec<_> = (0..1 + rng.below(3)).map(|_| key(rng)).collect();
    let number = match rng.below(12) {
        // Not what C's atoi reads as another number: COMMAND GETKEYS falls back to it.
        0 => rng.pick(&["0", "-1", "7", "x", "", "9223372036854775807"]).into(),
        _ => keys.len().to_string().into_bytes(),
    };
    let step = Step::new("LMPOP").arg(number).args(keys).arg(side(rng));
    match rng.below(8) {
        0..4 => step,
        4..7 => step.arg("Count").arg(count(rng)),
        _ => step.arg(rng.pick(&["junk", "COUNT", ""])),
    }
}

fn lpos(rng: &mut Rng) -> Step {
    let mut step = Step::new("LPOS").arg(key(rng)).arg(element(rng));
    for _ in 0..rng.below(4) {
        step = match rng.below(10) {
            0..3 => step.arg("RANK").arg(index(rng)),
            3..6 => step.arg("count").arg(count(rng)),
            6..9 => step.arg("MAXLEN").arg(count(rng)),
            _ => step.arg(rng.pick(&["junk", "RANK", "COUNT", "maxlen"])),
        };
    }
    step
}
