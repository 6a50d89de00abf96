//! Random commands of every family that exists: valid ones for the most part, then wrong options, wrong arity,
//! unknown names and mixed case.
//!
//! Never generated are: what newer servers than the oracle do differently on purpose (SCRIPT SHOW, the text of
//! fractions that a script passes to a command); options with a NUL inside, which C code reads up to the NUL; and
//! times to live that could end while the test runs.

use super::scripts::Scripts;
use super::step::{Check, Step};
use crate::support::Rng;

pub(crate) struct Generator {
    rng: Rng,
    scripts: Scripts,
}

type Make = fn(&mut Rng) -> Step;

/// How often each family comes, of 100; scripts have the rest.
const FAMILIES: &[(usize, Make)] =
    &[(34, string), (8, integer), (5, float), (14, expiry), (16, key), (6, connection), (3, odd)];

impl Generator {
    pub(crate) fn new(seed: u64, scripts: Scripts) -> Generator {
        Generator { rng: Rng::new(seed), scripts }
    }

    /// The next step, and one that must follow it at once.
    pub(crate) fn next(&mut self) -> Vec<Step> {
        let mut step = match family(&mut self.rng) {
            Some(make) => make(&mut self.rng),
            None => self.scripts.step(&mut self.rng, for_script),
        };
        spell(&mut self.rng, &mut step);
        let settled = settling(&step);
        std::iter::once(step).chain(settled).collect()
    }
}

/// `None` for a script.
fn family(rng: &mut Rng) -> Option<Make> {
    let mut drawn = rng.below(100);
    for (weight, make) in FAMILIES {
        if drawn < *weight {
            return Some(*make);
        }
        drawn -= weight;
    }
    None
}

/// A command for `redis.call`: one whose reply is compared exactly, and that does not turn a fraction into text.
fn for_script(rng: &mut Rng) -> Step {
    loop {
        let make = rng.pick(&[string as Make, string, integer, float, expiry, key, connection, odd]);
        let step = make(rng);
        if step.check == Check::Exact && !names_the_server(&step) {
            return step;
        }
    }
}

/// Real Redis counts a key that SET gave a time in the past until somebody looks at it; look at once.
fn settling(step: &Step) -> Option<Step> {
    let past_is_possible =
        |arg: &Vec<u8>| arg.eq_ignore_ascii_case(b"EXAT") || arg.eq_ignore_ascii_case(b"PXAT");
    if !step.args.iter().any(past_is_possible) {
        return None;
    }
    Some(Step::new("EXISTS").args(super::values::KEYS))
}

/// Commands that list what a server is and has; only some of their forms give the same reply on both sides.
fn names_the_server(step: &Step) -> bool {
    ["COMMAND", "INFO", "HELLO"].iter().any(|name| step.name().eq_ignore_ascii_case(name.as_bytes()))
}

/// Names in any case; seldom an argument too few or too many.
fn spell(rng: &mut Rng, step: &mut Step) {
    match rng.below(10) {
        0..3 => step.args[0].make_ascii_lowercase(),
        3 => {
            for byte in step.args[0].iter_mut().step_by(2) {
                byte.make_ascii_lowercase();
            }
        }
        _ => {}
    }
    // An argument more or less must not make a SCAN valid that is here for its error.
    let scans = step.args.iter().any(|arg| arg.eq_ignore_ascii_case(b"SCAN"));
    if step.check != Check::Exact || names_the_server(step) || scans || !rng.one_in(40) {
        return;
    }
    if rng.one_in(2) && step.args.len() > 1 {
        step.args.pop();
    } else {
        step.args.push(b"junk".to_vec());
    }
}

fn string(rng: &mut Rng) -> Step {
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

fn integer(rng: &mut Rng) -> Step {
    match rng.below(6) {
        0 | 1 => Step::new("INCR").arg(rng.key()),
        2 => Step::new("DECR").arg(rng.key()),
        3 => Step::new("DECRBY").arg(rng.key()).arg(rng.integer()),
        _ => Step::new("INCRBY").arg(rng.key()).arg(rng.integer()),
    }
}

fn float(rng: &mut Rng) -> Step {
    Step::new("INCRBYFLOAT").arg(rng.key()).arg(rng.float())
}

fn expiry(rng: &mut Rng) -> Step {
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

fn key(rng: &mut Rng) -> Step {
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

fn connection(rng: &mut Rng) -> Step {
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
            let make = rng.pick(&[string as Make, integer, expiry, key, odd]);
            let name = rng.pick(&["GETKEYS", "GETKEYSANDFLAGS"]);
            Step::new("COMMAND").arg(name).args(make(rng).args)
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
fn odd(rng: &mut Rng) -> Step {
    let mut step =
        Step::new(rng.pick(&["nosuch", "GETT", "", "GET\0", "a\r\nb", "\u{e9}", "object|encoding", "SE T"]));
    for _ in 0..rng.below(5) {
        step = step.arg(rng.value());
    }
    step
}
