//! Random commands of every family that exists: valid ones for the most part, then wrong options, wrong arity,
//! unknown names and mixed case.
//!
//! Never generated are: what newer servers than the oracle do differently on purpose (SCRIPT SHOW, the text of
//! fractions that a script passes to a command); options with a NUL inside, which C code reads up to the NUL; and
//! times to live that could end while the test runs.

use super::families;
use super::scripts::Scripts;
use super::step::{Check, Step};
use crate::support::Rng;

pub(crate) struct Generator {
    rng: Rng,
    scripts: Scripts,
}

impl Generator {
    pub(crate) fn new(seed: u64, scripts: Scripts) -> Generator {
        Generator { rng: Rng::new(seed), scripts }
    }

    /// The next step, and those that must stand right before and behind it.
    pub(crate) fn next(&mut self) -> Vec<Step> {
        let mut step = match families::any(&mut self.rng) {
            Some(step) => step,
            None => self.scripts.step(&mut self.rng, for_script),
        };
        spell(&mut self.rng, &mut step);
        let (prepared, settled) = (preparing(&step), settling(&step));
        prepared.into_iter().chain([step]).chain(settled).collect()
    }
}

/// A command for `redis.call`: one whose reply is compared exactly, and that does not turn a fraction into text.
fn for_script(rng: &mut Rng) -> Step {
    loop {
        let step = families::for_script(rng);
        if step.check == Check::Exact && !names_the_server(&step) {
            return step;
        }
    }
}

/// SORT of real Redis takes it for an error of its own when any number before was out of range; reading a score makes
/// it forget.
fn preparing(step: &Step) -> Option<Step> {
    sorted(step).map(|_| Step::new("ZINCRBY").arg("a").arg("x").arg("m"))
}

/// What a SORT, in a script or not, has behind its name: mostly a key.
fn sorted(step: &Step) -> Option<&[u8]> {
    let sorts = |arg: &Vec<u8>| [&b"SORT"[..], b"SORT_RO"].iter().any(|name| arg.eq_ignore_ascii_case(name));
    let at = step.args.iter().position(sorts)?;
    Some(step.args.get(at + 1).map_or(b"", Vec::as_slice))
}

/// Real Redis counts a key that SET gave a time in the past until somebody looks at it; look at once. And a set of which
/// each side popped other members must go, and so must a sorted set that was sorted: in real Redis it leaves its small
/// form for good then.
fn settling(step: &Step) -> Option<Step> {
    if step.name().eq_ignore_ascii_case(b"SPOP") && matches!(step.check, Check::Length | Check::Type) {
        return Some(Step::new("DEL").args(step.args.get(1)));
    }
    if let Some(key) = sorted(step) {
        let script = "return redis.call('TYPE',KEYS[1]).ok=='zset' and redis.call('DEL',KEYS[1])";
        return Some(Step::new("EVAL").arg(script).arg("1").arg(key));
    }
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
    let is_scan = |arg: &Vec<u8>| arg.to_ascii_uppercase().ends_with(b"SCAN");
    let scans = step.args.iter().any(is_scan);
    if step.check != Check::Exact || names_the_server(step) || scans || !rng.one_in(40) {
        return;
    }
    if rng.one_in(2) && step.args.len() > 1 {
        step.args.pop();
    } else {
        step.args.push(b"junk".to_vec());
    }
}
