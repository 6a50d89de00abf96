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

    /// The next step, and one that must follow it at once.
    pub(crate) fn next(&mut self) -> Vec<Step> {
        let mut step = match families::any(&mut self.rng) {
            Some(step) => step,
            None => self.scripts.step(&mut self.rng, for_script),
        };
        spell(&mut self.rng, &mut step);
        let settled = settling(&step);
        std::iter::once(step).chain(settled).collect()
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
