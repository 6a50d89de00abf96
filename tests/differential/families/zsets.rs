//! Sorted sets. Some get large, so that they are trees on both sides; others have members of equal scores.

use crate::differential::step::{Check, Step};
use crate::support::Rng;

/// A set whose scores are all equal. No other family knows the key: in any other set it is not said what a range of
/// members is.
const EQUAL: &str = "equal";

pub(super) fn zset(rng: &mut Rng) -> Step {
    match rng.below(60) {
        0..9 => zadd(rng),
        9..11 => equals(rng),
        11 => many(rng),
        12..15 => Step::new("ZINCRBY").arg(key(rng)).arg(score(rng)).arg(member(rng)).check(Check::Doubles),
        15 => Step::new("ZCARD").arg(key(rng)),
        16..19 => Step::new("ZSCORE").arg(key(rng)).arg(member(rng)).check(Check::Doubles),
        19 => Step::new("ZMSCORE").arg(key(rng)).args(members(rng)).check(Check::Doubles),
        20..23 => {
            let step = Step::new(rng.pick(&["ZRANK", "ZREVRANK"])).arg(key(rng)).arg(member(rng));
            // Without one argument more: the oracle does not know WITHSCORE.
            step.check(Check::Doubles)
        }
        23..25 => Step::new("ZREM").arg(key(rng)).args(members(rng)),
        25 => Step::new("ZCOUNT").arg(key(rng)).arg(bound(rng)).arg(bound(rng)),
        26 => lex("ZLEXCOUNT", rng),
        27..33 => zrange(rng),
        33..36 => by_score(rng),
        36..38 => by_lex(rng),
        38..40 => {
            let step = Step::new("ZREVRANGE").arg(key(rng)).arg(rank(rng)).arg(rank(rng));
            options(rng, step, &["WITHSCORES", "withscores", "junk", "REV"], 1).check(Check::Doubles)
        }
        40..42 => zrangestore(rng),
        42 => Step::new("ZREMRANGEBYRANK").arg(key(rng)).arg(rank(rng)).arg(rank(rng)),
        43 => Step::new("ZREMRANGEBYSCORE").arg(key(rng)).arg(bound(rng)).arg(bound(rng)),
        44 => lex("ZREMRANGEBYLEX", rng),
        45..47 => {
            let step = Step::new(rng.pick(&["ZPOPMIN", "ZPOPMAX"])).arg(key(rng));
            let step = if rng.one_in(2) { step.arg(count(rng)) } else { step };
            step.check(Check::Doubles)
        }
        47..49 => zmpop(rng),
        49..51 => zrandmember(rng),
        51..53 => operation(rng),
        53..56 => store(rng),
        56 => zintercard(rng),
        57..59 => {
            let step = Step::new("ZSCAN").arg(key(rng)).arg("0");
            let step = if rng.one_in(2) {
                step.arg("MATCH").arg(rng.pick(&["*", "m*", "[a-c]", "?"]))
            } else {
                step
            };
            step.arg("COUNT").arg(rng.pick(&["1", "10", "1000"])).check(Check::WholeScan)
        }
        _ => Step::new("OBJECT").arg("ENCODING").arg(key(rng)),
    }
}

fn key(rng: &mut Rng) -> Vec<u8> {
    rng.key_of("zset:")
}

/// Few different ones, so that commands find some.
fn member(rng: &mut Rng) -> Vec<u8> {
    match rng.below(10) {
        0..5 => rng.pick(&["a", "b", "c", "d", "aa", "B", "", "1", "2", "10", "-5", "007"]).into(),
        5..8 => format!("m{}", rng.below(200)).into_bytes(),
        // Around the length at which a small set becomes a large one.
        8 if rng.one_in(20) => rng.pick(&["x", "y"]).repeat(rng.pick(&[63, 64, 65, 300])).into(),
        _ => rng.value(),
    }
}

fn members(rng: &mut Rng) -> Vec<Vec<u8>> {
    (0..1 + rng.below(4)).map(|_| member(rng)).collect()
}

fn score(rng: &mut Rng) -> Vec<u8> {
    match rng.below(10) {
        0 => rng.float(),
        1 => rng
            .pick(&["inf", "-inf", "+inf", "-0", "0", "1e17", "1e16", "-1e19", "4611686018427387904"])
            .into(),
        2..4 => format!("{}.{}", rng.between(-20, 20), rng.below(100)).into_bytes(),
        _ => rng.between(-10, 10).to_string().into_bytes(),
    }
}

/// The end of a range of scores.
fn bound(rng: &mut Rng) -> Vec<u8> {
    match rng.below(12) {
        0 => rng
            .pick(&["-inf", "+inf", "(inf", "(-inf", "", "(", "nan", "[1", "1 ", " 1", "1e400", "x"])
            .into(),
        1 => b"-inf".to_vec(),
        2 => b"+inf".to_vec(),
        3..6 => [b"(", score(rng).as_slice()].concat(),
        _ => score(rng),
    }
}

/// The end of a range of members.
fn lex_bound(rng: &mut Rng) -> Vec<u8> {
    match rng.below(12) {
        0 => rng.pick(&["", "a", "-a", "+a", "[", "("]).into(),
        1..3 => b"-".to_vec(),
        3..5 => b"+".to_vec(),
        _ => [rng.pick(&[&b"["[..], b"("]), member(rng).as_slice()].concat(),
    }
}

fn lex(name: &str, rng: &mut Rng) -> Step {
    Step::new(name).arg(EQUAL).arg(lex_bound(rng)).arg(lex_bound(rng))
}

fn rank(rng: &mut Rng) -> Vec<u8> {
    match rng.below(10) {
        0 => rng.integer(),
        1..3 => rng.between(-200, 200).to_string().into_bytes(),
        _ => rng.between(-6, 6).to_string().into_bytes(),
    }
}

fn count(rng: &mut Rng) -> Vec<u8> {
    match rng.below(10) {
        0 => rng.integer(),
        _ => rng.below(6).to_string().into_bytes(),
    }
}

/// Up to `most` of some options.
fn options(rng: &mut Rng, step: Step, from: &[&str], most: usize) -> Step {
    (0..rng.below(most + 1)).fold(step, |step, _| step.arg(rng.pick(from)))
}

fn limit(rng: &mut Rng, step: Step) -> Step {
    match rng.below(3) {
        0 => step,
        _ => step.arg("Limit").arg(rank(rng)).arg(rank(rng)),
    }
}

fn zadd(rng: &mut Rng) -> Step {
    let step = Step::new("ZADD").arg(key(rng));
    let step = match rng.below(8) {
        0..4 => step,
        4 => options(rng, step, &["NX", "XX", "GT", "LT", "CH", "INCR", "junk"], 3),
        5 => step.arg("CH").arg(rng.pick(&["GT", "lt", "NX", "xx"])),
        6 => step.arg(rng.pick(&["gt", "LT", "nx", "XX"])),
        _ => step.arg("INCR"),
    };
    let step = (0..rng.pick(&[1, 1, 1, 1, 2, 3, 5])).fold(step, |step, _| {
        let score = score(rng);
        step.arg(score).arg(member(rng))
    });
    // With INCR the reply is a score.
    if step.args.iter().any(|arg| arg == b"INCR") { step.check(Check::Doubles) } else { step }
}

/// Members of one score.
fn equals(rng: &mut Rng) -> Step {
    let step = Step::new("ZADD").arg(EQUAL);
    members(rng).into_iter().fold(step, |step, member| step.arg("0").arg(member))
}

/// Enough members for a tree, or nearly.
fn many(rng: &mut Rng) -> Step {
    let step = Step::new("ZADD").arg(key(rng));
    let from = rng.below(150);
    (from..from + 20 + rng.below(110)).fold(step, |step, n| step.arg(score(rng)).arg(format!("m{n}")))
}

fn zrange(rng: &mut Rng) -> Step {
    let step = Step::new("ZRANGE");
    match rng.below(8) {
        0..4 => {
            let step = step.arg(key(rng)).arg(rank(rng)).arg(rank(rng));
            let step = options(rng, step, &["WITHSCORES", "REV", "REV", "WITHSCORES", "LIMIT"], 2);
            let step = if rng.one_in(8) { limit(rng, step) } else { step };
            step.check(Check::Doubles)
        }
        4..6 => {
            let step = step.arg(key(rng)).arg(bound(rng)).arg(bound(rng)).arg("BYSCORE");
            let step = options(rng, step, &["WITHSCORES", "REV", "rev", "withscores", "BYLEX"], 2);
            limit(rng, step).check(Check::Doubles)
        }
        _ => {
            let step = step.arg(EQUAL).arg(lex_bound(rng)).arg(lex_bound(rng)).arg("BYLEX");
            let step = options(rng, step, &["REV", "REV", "REV", "WITHSCORES", "BYSCORE"], 1);
            limit(rng, step)
        }
    }
}

fn by_score(rng: &mut Rng) -> Step {
    let step = Step::new(rng.pick(&["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]));
    let step = step.arg(key(rng)).arg(bound(rng)).arg(bound(rng));
    let step = options(rng, step, &["WITHSCORES", "withscores", "WITHSCORES", "REV", "junk"], 1);
    limit(rng, step).check(Check::Doubles)
}

fn by_lex(rng: &mut Rng) -> Step {
    let name = rng.pick(&["ZRANGEBYLEX", "ZREVRANGEBYLEX"]);
    let step = lex(name, rng);
    limit(rng, step)
}

/// Of other sets only what is above 0: the oracle takes the sign from a negative zero if it stores it early enough for
/// the new set to be a small one still.
fn zrangestore(rng: &mut Rng) -> Step {
    let step = Step::new("ZRANGESTORE").arg(key(rng));
    match rng.below(4) {
        0 => {
            let step = step.arg(EQUAL).arg(rank(rng)).arg(rank(rng));
            options(rng, step, &["REV", "REV", "WITHSCORES", "junk"], 1)
        }
        1 => {
            let step = step.arg(key(rng)).arg("(0").arg(bound(rng)).arg("byscore");
            limit(rng, step)
        }
        2 => {
            let step = step.arg(key(rng)).arg(bound(rng)).arg("(0").arg("BYSCORE").arg("Rev");
            limit(rng, step)
        }
        _ => step.arg(EQUAL).arg(lex_bound(rng)).arg(lex_bound(rng)).arg("BYLEX"),
    }
}

/// A number of keys, mostly the right one, and the keys; some of plain sets.
fn keys(rng: &mut Rng, step: Step) -> (Step, usize) {
    let keys: Vec<_> =
        (0..1 + rng.below(3)).map(|_| if rng.one_in(5) { rng.key_of("set:") } else { key(rng) }).collect();
    let number = match rng.below(14) {
        // Not what C's atoi reads as another number: COMMAND GETKEYS falls back to it.
        0 => rng.pick(&["0", "-1", "7", "x", "", "9223372036854775807"]).into(),
        _ => keys.len().to_string().into_bytes(),
    };
    let count = keys.len();
    (step.arg(number).args(keys), count)
}

fn zmpop(rng: &mut Rng) -> Step {
    let (step, _) = keys(rng, Step::new("ZMPOP"));
    let step = step.arg(rng.pick(&["MIN", "max", "MAX", "min", "MIN", "junk"]));
    let step = match rng.below(8) {
        0..4 => step,
        4..7 => step.arg("Count").arg(count(rng)),
        _ => step.arg(rng.pick(&["junk", "COUNT", ""])),
    };
    step.check(Check::Doubles)
}

fn zrandmember(rng: &mut Rng) -> Step {
    let step = Step::new("ZRANDMEMBER").arg(key(rng));
    match rng.below(6) {
        // More than any set has: then all of them, in an order that can be told.
        0..3 => {
            let step = step.arg("5000");
            options(rng, step, &["WITHSCORES", "withscores", "junk"], 1).check(Check::Doubles)
        }
        // Not compared exactly, or the count might be left out.
        3 => step
            .arg(rng.pick(&["0", "x", "", "9223372036854775808", "-9223372036854775808"]))
            .check(Check::Doubles),
        4 => step.arg(rng.between(-5, 5).to_string()).check(Check::Length),
        _ => step.check(Check::Type),
    }
}

fn weights(rng: &mut Rng, mut step: Step, keys: usize, others: &[&str]) -> Step {
    if rng.one_in(2) {
        step = step.arg("WEIGHTS");
        // Seldom too few or too many.
        let count = if rng.one_in(12) { 1 + rng.below(4) } else { keys };
        step = (0..count).fold(step, |step, _| step.arg(score(rng)));
    }
    if rng.one_in(2) {
        step = step.arg("Aggregate").arg(rng.pick(&["SUM", "min", "MAX", "Min", "max", "junk"]));
    }
    options(rng, step, others, 1)
}

fn operation(rng: &mut Rng) -> Step {
    let name = rng.pick(&["ZUNION", "ZINTER", "ZDIFF"]);
    let (step, count) = keys(rng, Step::new(name));
    let step = if name == "ZDIFF" {
        options(rng, step, &["WITHSCORES", "withscores", "WITHSCORES", "WEIGHTS", "junk"], 1)
    } else {
        weights(rng, step, count, &["WITHSCORES", "withscores", "WITHSCORES", "junk"])
    };
    step.check(Check::Doubles)
}

fn store(rng: &mut Rng) -> Step {
    let name = rng.pick(&["ZUNIONSTORE", "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"]);
    let destination = key(rng);
    let (step, count) = keys(rng, Step::new(name).arg(destination));
    if name == "ZDIFFSTORE" {
        let most = usize::from(rng.one_in(10));
        options(rng, step, &["WITHSCORES", "AGGREGATE", "junk"], most)
    } else {
        weights(rng, step, count, &["WITHSCORES", "WEIGHTS", "AGGREGATE"])
    }
}

fn zintercard(rng: &mut Rng) -> Step {
    let (step, _) = keys(rng, Step::new("ZINTERCARD"));
    match rng.below(4) {
        0..2 => step,
        2 => step.arg("Limit").arg(count(rng)),
        _ => step.arg(rng.pick(&["LIMIT", "junk", "WITHSCORES"])),
    }
}
