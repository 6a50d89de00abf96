//! Keys of any type, databases, the key space as a whole.

use crate::differential::step::{Check, Step};
use crate::support::Rng;

pub(super) fn key(rng: &mut Rng) -> Step {
    match rng.below(40) {
        0..4 => Step::new("DEL").args(rng.keys(2)),
        4 => Step::new("UNLINK").args(rng.keys(2)),
        5..8 => Step::new("EXISTS").args(rng.keys(4)),
        8 => Step::new("TOUCH").args(rng.keys(3)),
        9..11 => Step::new("TYPE").arg(rng.key()),
        11..14 => copy(rng),
        14..16 => Step::new("MOVE").arg(rng.key()).arg(rng.database()),
        16..18 => Step::new("RENAME").arg(rng.key()).arg(rng.key()),
        18..20 => Step::new("RENAMENX").arg(rng.key()).arg(rng.key()),
        20..25 => object(rng),
        25..28 => Step::new("KEYS").arg(rng.pattern()).check(Check::AnyOrder),
        28..32 => scan(rng),
        32..34 => Step::new("DBSIZE"),
        34..36 => Step::new("RANDOMKEY").check(Check::SomeKey),
        36 => Step::new("SWAPDB").arg(rng.database()).arg(rng.database()),
        37 if rng.one_in(4) => flush(rng),
        38 => Step::new("INFO").arg("keyspace").check(Check::Keyspace),
        _ => Step::new("SELECT").arg(rng.database()),
    }
}

fn copy(rng: &mut Rng) -> Step {
    let mut step = Step::new("COPY").arg(rng.key()).arg(rng.key());
    if rng.one_in(2) {
        step = step.arg("DB").arg(rng.database());
    }
    match rng.below(6) {
        0..3 => step.arg("REPLACE"),
        3 => step.arg(rng.pick(&["junk", "DB", "replace"])),
        _ => step,
    }
}

fn object(rng: &mut Rng) -> Step {
    match rng.below(12) {
        0..7 => Step::new("OBJECT").arg("ENCODING").arg(rng.key()),
        // A small integer is one shared object in Redis, which counts as very many; the number is its own affair.
        7 => Step::new("OBJECT").arg("refcount").arg(rng.key()).check(Check::Type),
        8 => Step::new("OBJECT").arg("IDLETIME").arg(rng.key()).check(Check::Type),
        9 => Step::new("OBJECT").arg("FREQ").arg(rng.key()),
        10 => Step::new("OBJECT").arg("HELP"),
        _ => Step::new("OBJECT").arg(rng.pick(&["junk", "", "ENCODING", "he\r\nlp"])),
    }
}

fn scan(rng: &mut Rng) -> Step {
    let mut step = Step::new("SCAN");
    if rng.one_in(5) {
        // Only errors here: where a cursor stands is each server's own affair.
        let word = rng.pick(&["junk", "COUNT", "MATCH"]);
        let number = rng.pick(&["0", "-5", "x"]);
        return match rng.below(3) {
            0 => step.arg(rng.pick(&["x", "1.5", " 1", "18446744073709551616"])).arg(word).arg(number),
            1 => step.arg(rng.pick(&["0", "", "7", "-1"])).arg(word),
            _ => step.arg(rng.pick(&["0", "", "7", "-1"])).arg("count").arg(number),
        };
    }
    step = step.arg("0").check(Check::WholeScan);
    if rng.one_in(2) {
        step = step.arg("MATCH").arg(rng.pattern());
    }
    if rng.one_in(2) {
        step = step.arg("count").arg(rng.pick(&["1", "2", "3", "10", "1000"]));
    }
    if rng.one_in(3) {
        step = step.arg("TYPE").arg(rng.pick(&["string", "STRING", "hash", "list"]));
    }
    step
}

fn flush(rng: &mut Rng) -> Step {
    let step = Step::new(rng.pick(&["FLUSHDB", "FLUSHDB", "FLUSHALL"]));
    match rng.below(4) {
        0 => step,
        1 => step.arg("ASYNC"),
        2 => step.arg("sync"),
        _ => step.arg("junk"),
    }
}
