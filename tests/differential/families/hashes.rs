//! Random commands on hashes. The deadlines of fields are not among them: the oracle does not know any.

use crate::differential::step::{Check, Step};
use crate::support::Rng;

/// Few, so that commands meet on the same fields.
const FIELDS: &[&[u8]] = &[b"f", b"g", b"h", b"F", b"1", b"007", b"-5", b"", b"bin\xff\x00ary", b"\r\n"];

fn key(rng: &mut Rng) -> Vec<u8> {
    rng.key_of("hash:")
}

fn field(rng: &mut Rng) -> Vec<u8> {
    // A name of 65 bytes ends the packed form of a hash.
    if rng.one_in(60) { vec![b'n'; 64 + rng.below(2)] } else { rng.pick(FIELDS).to_vec() }
}

fn fields(rng: &mut Rng, most: usize) -> Vec<Vec<u8>> {
    let count = 1 + rng.below(most);
    (0..count).map(|_| field(rng)).collect()
}

pub(super) fn hash(rng: &mut Rng) -> Step {
    match rng.below(40) {
        0..6 => set(rng),
        6..9 => Step::new("HGET").arg(key(rng)).arg(field(rng)),
        9..11 => Step::new("HMGET").arg(key(rng)).args(fields(rng, 4)),
        11..14 => Step::new("HGETALL").arg(key(rng)).check(Check::Pairs),
        14 => Step::new("HKEYS").arg(key(rng)).check(Check::AnyOrder),
        15 => Step::new("HVALS").arg(key(rng)).check(Check::AnyOrder),
        16..18 => Step::new("HLEN").arg(key(rng)),
        18 => Step::new("HEXISTS").arg(key(rng)).arg(field(rng)),
        19 => Step::new("HSTRLEN").arg(key(rng)).arg(field(rng)),
        20..22 => Step::new("HSETNX").arg(key(rng)).arg(field(rng)).arg(rng.value()),
        22..25 => Step::new("HDEL").arg(key(rng)).args(fields(rng, 4)),
        25..28 => Step::new("HINCRBY").arg(key(rng)).arg(field(rng)).arg(rng.integer()),
        28..31 => Step::new("HINCRBYFLOAT").arg(key(rng)).arg(field(rng)).arg(rng.float()),
        31..34 => draw(rng),
        34..37 => scan(rng),
        37 => Step::new("TYPE").arg(key(rng)),
        _ => Step::new("OBJECT").arg("ENCODING").arg(key(rng)),
    }
}

fn set(rng: &mut Rng) -> Step {
    let mut step = Step::new(rng.pick(&["HSET", "HSET", "HSET", "HMSET"])).arg(key(rng));
    if rng.one_in(30) {
        // Around the numbers of fields that end the packed forms of either side.
        for number in 0..rng.pick(&[124, 508]) + rng.below(8) {
            step = step.arg(format!("many:{number}")).arg(number.to_string());
        }
    }
    for _ in 0..1 + rng.below(3) {
        step = step.arg(field(rng)).arg(rng.value());
    }
    step
}

fn draw(rng: &mut Rng) -> Step {
    let step = Step::new("HRANDFIELD").arg(key(rng));
    let step = match rng.below(8) {
        0 => return step.check(Check::Type),
        1 => step.arg("0"),
        2..4 => step.arg(rng.between(-5, 5).to_string()),
        4 => step.arg("1000"),
        // No large negative number: a real server would try.
        5 => step.arg(rng.pick(&["x", "", "1.5", "-9223372036854775808", "9223372036854775807"])),
        _ => return all(rng, step),
    };
    match rng.below(4) {
        0..2 => step.check(Check::Length),
        2 => step.arg(rng.pick(&["WITHVALUES", "withvalues"])).check(Check::Length),
        _ => step.arg("WITHVALUES").arg("junk").check(Check::Length),
    }
}

/// More fields than there are: all, once.
fn all(rng: &mut Rng, step: Step) -> Step {
    let step = step.arg(rng.pick(&["1000", "99999999999"]));
    step.check(Check::AnyOrder)
}

fn scan(rng: &mut Rng) -> Step {
    let step = Step::new("HSCAN").arg(key(rng));
    if rng.one_in(5) {
        // Only errors here: where a cursor stands is each server's own affair.
        let word = rng.pick(&["junk", "COUNT", "MATCH", "TYPE"]);
        let number = rng.pick(&["0", "-5", "x"]);
        return match rng.below(3) {
            0 => step.arg(rng.pick(&["x", "1.5", " 1", "18446744073709551616"])).arg(word).arg(number),
            1 => step.arg("0").arg(word),
            _ => step.arg("0").arg("count").arg(number),
        };
    }
    let mut step = step.arg("0").check(Check::WholeScan);
    if rng.one_in(2) {
        step = step.arg("MATCH").arg(rng.pattern());
    }
    if rng.one_in(2) {
        step = step.arg("count").arg(rng.pick(&["1", "2", "10", "1000"]));
    }
    step
}
