//! Random commands on sets. What is drawn by chance differs from side to side, so the generator removes a set of which
//! only a part was popped.

use crate::differential::step::{Check, Step};
use crate::support::Rng;

/// Few, so that sets have some in common; none that another one begins with up to a NUL, which SORT would not tell
/// apart.
const MEMBERS: &[&[u8]] =
    &[b"a", b"b", b"c", b"A", b"1", b"2", b"10", b"-5", b"007", b"1.5", b"", b"bin\xff\x00ary", b"\r\n"];

pub(super) fn set(rng: &mut Rng) -> Step {
    match rng.below(44) {
        0..8 => add(rng),
        8..11 => Step::new("SREM").arg(key(rng)).args(members(rng, 4)),
        11 => Step::new("SCARD").arg(key(rng)),
        12..14 => Step::new("SISMEMBER").arg(key(rng)).arg(member(rng)),
        14 => Step::new("SMISMEMBER").arg(key(rng)).args(members(rng, 4)),
        15..18 => Step::new("SMEMBERS").arg(key(rng)).check(Check::AnyOrder),
        18..21 => Step::new("SMOVE").arg(key(rng)).arg(key(rng)).arg(member(rng)),
        21..27 => {
            let name = rng.pick(&["SINTER", "SUNION", "SDIFF", "SDIFF"]);
            Step::new(name).args(keys(rng)).check(Check::AnyOrder)
        }
        27..32 => {
            let name = rng.pick(&["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE", "SDIFFSTORE"]);
            Step::new(name).arg(key(rng)).args(keys(rng))
        }
        32..34 => sintercard(rng),
        34..36 => pop(rng),
        36..38 => draw(rng),
        38..41 => scan(rng),
        41 => Step::new("TYPE").arg(key(rng)),
        _ => Step::new("OBJECT").arg("ENCODING").arg(key(rng)),
    }
}

fn key(rng: &mut Rng) -> Vec<u8> {
    rng.key_of("set:")
}

fn keys(rng: &mut Rng) -> Vec<Vec<u8>> {
    let count = rng.pick(&[1, 2, 2, 2, 3, 4]);
    (0..count).map(|_| key(rng)).collect()
}

fn member(rng: &mut Rng) -> Vec<u8> {
    match rng.below(40) {
        0 => vec![b'n'; 64 + rng.below(2)],
        1..3 => rng.pick(&["9223372036854775807", "-9223372036854775808", "9223372036854775808"]).into(),
        3..20 => rng.between(-12, 12).to_string().into_bytes(),
        _ => rng.pick(MEMBERS).to_vec(),
    }
}

fn members(rng: &mut Rng, most: usize) -> Vec<Vec<u8>> {
    let count = 1 + rng.below(most);
    (0..count).map(|_| member(rng)).collect()
}

fn add(rng: &mut Rng) -> Step {
    let step = Step::new("SADD").arg(key(rng));
    let step = match rng.below(40) {
        // Around the numbers at which a set takes another form.
        0 => step.args((0..505 + rng.below(16)).map(|number| (number * 3).to_string())),
        1 => step.args((0..120 + rng.below(16)).map(|number| format!("many:{number}"))),
        2..8 => step.args((0..1 + rng.below(6)).map(|number| number.to_string())),
        _ => step,
    };
    if step.args.len() > 2 && rng.one_in(2) { step } else { step.args(members(rng, 4)) }
}

fn sintercard(rng: &mut Rng) -> Step {
    let keys = keys(rng);
    // Not what only begins with a number: COMMAND GETKEYS of real Redis would take that.
    let number = match rng.below(10) {
        0 => rng.pick(&["0", "-1", "x", "", "9", "9223372036854775808"]).to_owned(),
        _ => keys.len().to_string(),
    };
    let step = Step::new("SINTERCARD").arg(number).args(keys);
    match rng.below(8) {
        0..3 => step,
        3..6 => step.arg("LIMIT").arg(rng.below(4).to_string()),
        6 => step.arg("limit").arg(rng.integer()),
        _ => step.arg(rng.pick(&["junk", "LIMIT", ""])),
    }
}

fn pop(rng: &mut Rng) -> Step {
    let step = Step::new("SPOP").arg(key(rng));
    match rng.below(10) {
        0 => step.check(Check::Type),
        1..3 => step.arg(rng.pick(&["1", "3", "500"])).check(Check::Length),
        3..5 => step.arg(rng.pick(&["x", "", "-1", "1.5", "-9223372036854775808"])).check(Check::Length),
        5 => step.arg("0").check(Check::Length),
        6 => step.arg("1").arg("junk").check(Check::Length),
        _ => step.arg(rng.pick(&["100000", "9223372036854775807"])).check(Check::AnyOrder),
    }
}

fn draw(rng: &mut Rng) -> Step {
    let step = Step::new("SRANDMEMBER").arg(key(rng));
    match rng.below(8) {
        0 => step.check(Check::Type),
        1..4 => step.arg(rng.between(-5, 5).to_string()).check(Check::Length),
        4..6 => step.arg(rng.pick(&["1000", "9223372036854775807"])).check(Check::AnyOrder),
        // No large negative number: a real server would try.
        6 => step
            .arg(rng.pick(&["x", "", "1.5", "-9223372036854775808", "9223372036854775808"]))
            .check(Check::Length),
        _ => step.arg("1").arg("junk").check(Check::Length),
    }
}

fn scan(rng: &mut Rng) -> Step {
    let step = Step::new("SSCAN").arg(key(rng));
    if rng.one_in(4) {
        // Only errors here: where a cursor stands is each server's own affair.
        return step.arg(rng.pick(&["x", "1.5", " 1"])).arg("COUNT").arg("0");
    }
    let mut step = step.arg("0").check(Check::WholeScan);
    if rng.one_in(2) {
        step = step.arg("MATCH").arg(rng.pattern());
    }
    if rng.one_in(2) {
        step = step.arg("count").arg(rng.pick(&["1", "2", "3", "10", "1000", "0", "x"]));
    }
    if rng.one_in(8) {
        step = step.arg(rng.pick(&["junk", "TYPE", "NOVALUES", "COUNT"]));
    }
    step
}
