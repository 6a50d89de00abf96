//! Redmoon against a real redis-server: the same commands to both, and the same replies from both.
//!
//! * Random sequences over all families, scripts included. `REDMOON_SEED` sets the seed, which is fixed by default
//!   and printed, and `REDMOON_DIFFERENTIAL_COMMANDS` the number of commands.
//! * Every command with every number of junk arguments: the texts of errors (`differential/texts.rs`).
//! * What `COMMAND INFO` says of every command (`differential/command_info.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken harness must stop the test")]

mod command_info;
mod compare;
mod events;
pub(crate) mod families;
mod generator;
mod scripts;
mod step;
mod texts;
mod transactions;
mod values;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use redmoon::{Engine, Session, Store, Value, resp};

use crate::support::client::decode;
use crate::support::{Client, Oracle, number_from_env, show, show_command};
use compare::{is_nil, same};
use generator::Generator;
use scripts::Scripts;
use step::{Check, Step};
use values::KEYS;

pub(crate) const SEED: u64 = 20_240_611;
const COMMANDS: u64 = 30_000;
/// How many earlier commands a failure shows.
const SHOWN: usize = 20;

/// A connection to the oracle and a session here, which are given the same commands.
pub(crate) struct Pair {
    oracle: Client,
    session: Session,
}

impl Pair {
    pub(crate) fn new(oracle: &Oracle) -> Pair {
        Pair { oracle: oracle.connect(), session: Engine::new(Store::new()).session() }
    }

    /// The bytes that each side answers: the oracle's, then ours.
    pub(crate) fn both(&mut self, args: &[impl AsRef<[u8]>]) -> (Vec<u8>, Vec<u8>) {
        let theirs = self.oracle.raw(args);
        (theirs, self.ours(args))
    }

    pub(crate) fn ours(&mut self, args: &[impl AsRef<[u8]>]) -> Vec<u8> {
        let reply = self.session.execute(args);
        let mut bytes = Vec::new();
        resp::encode_result(&reply, self.session.protocol(), &mut bytes);
        bytes
    }

    /// Runs a step on both sides; `Err` describes the two replies when they differ.
    fn run(&mut self, step: &Step) -> Result<(), String> {
        let (theirs, ours) = self.both(&step.args);
        let equal = match step.check {
            Check::WholeScan => self.scans_agree(step, &theirs, &ours),
            Check::SomeKey => self.each_key_exists(&theirs, &ours),
            check => same(check, &theirs, &ours),
        };
        if equal { Ok(()) } else { Err(format!("redis    {}\n  redmoon  {}", show(&theirs), show(&ours))) }
    }

    fn scans_agree(&mut self, step: &Step, theirs: &[u8], ours: &[u8]) -> bool {
        if theirs.starts_with(b"-") {
            return theirs == ours;
        }
        let oracle = &mut self.oracle;
        let Some(theirs) = whole_scan(step, theirs, |args| oracle.raw(args)) else { return false };
        let Some(ours) = whole_scan(step, ours, |args| self.ours(args)) else { return false };
        theirs == ours
    }

    fn each_key_exists(&mut self, theirs: &[u8], ours: &[u8]) -> bool {
        if is_nil(theirs) || is_nil(ours) {
            return theirs == ours;
        }
        let (theirs, ours) = (decode(theirs), decode(ours));
        let (Some(theirs), Some(ours)) = (theirs.as_bytes(), ours.as_bytes()) else { return false };
        self.oracle.raw(&[b"EXISTS", ours]) == b":1\r\n" && self.ours(&[b"EXISTS", theirs]) == b":1\r\n"
    }
}

/// All keys that a SCAN finds whose first call was answered with `first`; `None` when a reply has another shape.
fn whole_scan(
    step: &Step,
    first: &[u8],
    mut call: impl FnMut(&[Vec<u8>]) -> Vec<u8>,
) -> Option<BTreeSet<Vec<u8>>> {
    let mut keys = BTreeSet::new();
    let mut reply = first.to_vec();
    // A dozen keys: a scan that needs more calls than this does not end.
    for _ in 0..1000 {
        let Value::Array(parts) = decode(&reply) else { return None };
        let [cursor, Value::Array(found)] = parts.as_slice() else { return None };
        for key in found {
            keys.insert(key.as_bytes()?.to_vec());
        }
        let cursor = cursor.as_bytes()?;
        if cursor == b"0" {
            return Some(keys);
        }
        let mut args = step.args.clone();
        // A walk through one collection names its key before the cursor.
        let at = if step.name().eq_ignore_ascii_case(b"SCAN") { 1 } else { 2 };
        args[at] = cursor.to_vec();
        reply = call(&args);
    }
    None
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn random_commands_get_the_replies_of_a_real_server() {
    let Some(oracle) = Oracle::start() else { return };
    let seed = number_from_env("REDMOON_SEED", SEED);
    let commands = number_from_env("REDMOON_DIFFERENTIAL_COMMANDS", COMMANDS);
    eprintln!("differential: REDMOON_SEED={seed}, {commands} commands, redis-server {}", oracle.version());
    let mut pair = Pair::new(&oracle);
    let scripts = Scripts::new(&mut pair.oracle);
    let mut generator = Generator::new(seed, scripts);
    let mut history: Vec<Step> = Vec::new();
    while (history.len() as u64) < commands {
        for step in generator.next() {
            let witness = Witness { seed, history: &history, step: &step };
            if let Err(replies) = pair.run(witness.step) {
                panic!("replies differ:\n  {replies}");
            }
            drop(witness);
            history.push(step);
        }
    }
}

/// Says what was going on when a step fails, also when a side panics or a server goes away.
struct Witness<'a> {
    seed: u64,
    history: &'a [Step],
    step: &'a Step,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("REDMOON_SEED={}, step {}", self.seed, self.history.len());
            eprintln!("{}", describe(self.history, self.step));
        }
    }
}

/// The failing command, after the last ones that touched the same keys or all keys.
fn describe(history: &[Step], failed: &Step) -> String {
    let keys: Vec<&Vec<u8>> = failed.args.iter().filter(|arg| KEYS.contains(&arg.as_slice())).collect();
    let related = |step: &Step| {
        let name = step.name().to_ascii_uppercase();
        let about_all = [&b"SELECT"[..], b"SWAPDB", b"FLUSHDB", b"FLUSHALL", b"HELLO", b"SCRIPT"];
        keys.is_empty()
            || about_all.contains(&name.as_slice())
            || step.args.iter().any(|arg| keys.contains(&arg))
    };
    let numbered = history.iter().enumerate().filter(|(_, step)| related(step));
    let mut last: Vec<(usize, &Step)> = numbered.rev().take(SHOWN).collect();
    last.reverse();
    let mut report = String::from("the last commands on the same keys:\n");
    for (number, step) in last {
        let _ = writeln!(report, "  {number:>6}  {}", show_command(&step.args));
    }
    let _ = write!(report, "then, compared as {:?}:\n  {}", failed.check, show_command(&failed.args));
    report
}
