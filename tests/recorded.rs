//! Script cases recorded from a real redis-server 7.0.15, replayed on a session and compared byte for byte.
//!
//! `data/scripting.jsonl` holds one case a line: a name, tags, commands and the bytes of their replies. Strings
//! there are Latin-1: one character is one byte. A case starts on an empty store; one tagged `resp3` says `HELLO 3`
//! first.
//!
//! [`NOT_YET`] names what cannot pass before a later family of commands exists. Such a case still
//! runs, and the test fails when it passes: the list cannot outlive its reasons.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken harness must stop the test")]

use std::fmt::Write as _;
use std::sync::LazyLock;

use redmoon::{Engine, Session, Store, resp};
use serde_json::Value as Json;

use crate::support::{show, show_command};

/// Which replies of a case differ from the recorded ones.
enum Differ {
    /// At least one of them: the case is about something that does not exist yet.
    Somewhere,
    /// Exactly these, counted from 0; the others are compared as usual.
    Only(&'static [usize]),
    /// None, or any: the language has no order of keys that repeats.
    #[cfg_attr(feature = "lua51", expect(dead_code, reason = "the order is the real server's"))]
    AtRandom,
}
use Differ::{AtRandom, Only, Somewhere};

const LATER_COMMANDS: &str = "needs commands of a later family";
const MEMORY_LIMIT: &str = "needs maxmemory to act";
const REPLICAS: &str = "needs replication, whose settings do not exist";

/// What does not pass yet, by name or by the beginning of one (`s05-*`), and why.
const NOT_YET: &[(&str, Differ, &str)] = &[
    ("s04-eval_ro-writes", Only(&[3]), LATER_COMMANDS),
    ("s07-no-writes", Only(&[4]), LATER_COMMANDS),
    ("s11-xread-block-in-script", Somewhere, LATER_COMMANDS),
    ("s11-acl-in-script-messages-70", Somewhere, LATER_COMMANDS),
    ("s07-oom-compat", Only(&[2, 3, 5]), MEMORY_LIMIT),
    ("s07-min-replicas", Only(&[0, 1, 2, 3, 5]), REPLICAS),
];

/// Replies for which this crate follows newer servers (Redis 7.4, Valkey 8) than the recorded one: numbers become
/// text in their shortest form, time stands still in a script, and SCRIPT SHOW exists.
const NEWER: &[(&str, usize, &str)] = &[
    ("s02-number-arguments-17g", 0, "$3\r\n0.1\r\n"),
    ("s02-number-arguments-17g", 1, "$18\r\n0.3333333333333333\r\n"),
    ("s02-number-arguments-17g", 2, "$18\r\n100000000000000000\r\n"),
    ("s02-number-arguments-17g", 3, "$19\r\n9223372036854776000\r\n"),
    ("s02-number-arguments-17g", 4, "$20\r\n-9223372036854776000\r\n"),
    ("s02-number-arguments-17g", 6, "$7\r\n0.00001\r\n"),
    ("s02-number-arguments-17g", 7, "$1\r\n0\r\n"),
    ("s02-number-arguments-17g", 10, "$19\r\n1000000000000000000\r\n"),
    ("s02-number-arguments-17g", 11, "$18\r\n123456789012345680\r\n"),
    ("s02-number-arguments-17g", 12, "$6\r\n5e-324\r\n"),
    ("s03-double-table-17g", 0, "$3\r\n0.1\r\n"),
    ("s03-double-table-17g", 1, "$18\r\n100000000000000000\r\n"),
    ("s03-double-table-17g", 3, "$4\r\n1e-7\r\n"),
    ("s04-script-show-unknown", 0, "-NOSCRIPT No matching script. Please use EVAL.\r\n"),
    ("s11-time-frozen-in-script", 0, "*1\r\n:1\r\n"),
];

#[cfg(not(feature = "lua51"))]
const TEXT: &str = "the language has other words for it";
#[cfg(feature = "lua54")]
const NUMBERS: &str = "the language has other numbers, or other rules for them";
#[cfg(feature = "lua54")]
const LIBRARY: &str = "the language's own library is another one";
#[cfg(not(feature = "lua51"))]
const LIMITS: &str = "the language has other limits of its own";
#[cfg(not(feature = "lua51"))]
const ORDER: &str = "the order of keys is another one in each state";

/// What differs because the language is another one than the recorded server's.
#[cfg(feature = "lua51")]
const LANGUAGE: &[(&str, Differ, &str)] = &[];
#[cfg(feature = "lua54")]
const LANGUAGE: &[(&str, Differ, &str)] = &[
    ("s01-argument-errors", Only(&[4, 10]), TEXT),
    ("s01-coroutines", Only(&[5]), TEXT),
    ("s01-gettable-loop", Only(&[0]), TEXT),
    ("s01-library-presence", Only(&[0]), LIBRARY),
    ("s01-loadstring", Only(&[2, 7]), TEXT),
    ("s01-math-lib-51", Only(&[1]), TEXT),
    ("s01-runtime-errors-arith-compare", Only(&[1, 7, 8]), TEXT),
    ("s01-string-byte-limit", Only(&[1]), LIMITS),
    ("s01-table-lib-51", Only(&[7]), LIBRARY),
    ("s01-version-and-type", Only(&[0]), TEXT),
    ("s02-number-arguments-17g", Only(&[11]), NUMBERS),
    ("s03-lua-number-extremes", Only(&[6, 7]), NUMBERS),
    ("s04-compile-errors", Only(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13]), TEXT),
    ("s04-compile-limits", Only(&[0, 1, 2]), LIMITS),
    ("s05-cjson-decode-lenient-numbers", Only(&[0, 2, 4]), NUMBERS),
    ("s05-cjson-encode-keys", Only(&[5]), NUMBERS),
    ("s08-fcall-environment", Only(&[3]), TEXT),
    ("s08-load-options-collisions", Only(&[6]), TEXT),
    ("s05-cjson-key-order-small", AtRandom, ORDER),
    ("s05-cjson-sparse-config", AtRandom, ORDER),
];
#[cfg(feature = "luajit")]
const LANGUAGE: &[(&str, Differ, &str)] = &[
    ("s01-argument-errors", Only(&[4, 5, 10]), TEXT),
    ("s01-c-stack-overflow", Only(&[0, 1]), LIMITS),
    ("s01-coroutines", Only(&[5]), TEXT),
    ("s01-loadstring", Only(&[7]), TEXT),
    ("s01-runtime-errors-arith-compare", Only(&[8]), TEXT),
    ("s01-string-byte-limit", Only(&[1]), LIMITS),
    ("s04-compile-errors", Only(&[9, 13]), TEXT),
    ("s04-error-in-call-has-location", Only(&[2]), TEXT),
    ("s04-error-in-handler", Only(&[0, 1]), TEXT),
    ("s05-cjson-key-order-small", AtRandom, ORDER),
    ("s05-cjson-sparse-config", AtRandom, ORDER),
];

/// A reply as LuaJIT has it where a call is all that a function returns: of such a call it keeps neither the caller
/// nor the name.
#[cfg(feature = "luajit")]
fn without_caller(reply: &[u8]) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(reply).into_owned();
    if let Some(place) = text.find(" script: ") {
        text.truncate(place);
        text.push_str("\r\n");
    }
    for source in ["-ERR user_script:", "-ERR user_function:"] {
        if let Some(rest) = text.strip_prefix(source) {
            text =
                format!("-ERR{}", rest.trim_start_matches(|byte: char| byte.is_ascii_digit() || byte == ':'));
        }
    }
    if let Some((start, rest)) = text.split_once(" to '")
        && let Some((_, end)) = rest.split_once('\'')
    {
        text = format!("{start} to '?'{end}");
    }
    text.into_bytes()
}

struct Case {
    name: String,
    resp3: bool,
    commands: Vec<Vec<Vec<u8>>>,
    replies: Vec<Vec<u8>>,
}

/// What a session answered to a case.
struct Replay {
    case: Case,
    got: Vec<Vec<u8>>,
}

impl Replay {
    fn differs(&self, index: usize) -> bool {
        let (got, want) = (&self.got[index], &self.case.replies[index]);
        #[cfg(feature = "luajit")]
        if *got == without_caller(want) {
            return false;
        }
        got != want
    }

    fn describe(&self, index: usize, report: &mut String) {
        let Case { name, commands, replies, .. } = &self.case;
        let command = show_command(&commands[index]);
        let (want, got) = (show(&replies[index]), show(&self.got[index]));
        let _ = writeln!(report, "{name} #{index}: {command}\n    want {want}\n    got  {got}");
    }
}

/// Every case is replayed once, for all the tests below.
static REPLAYS: LazyLock<Vec<Replay>> = LazyLock::new(|| {
    cases()
        .into_iter()
        .map(|case| {
            let got = replay(&case);
            Replay { case, got }
        })
        .collect()
});

fn cases() -> Vec<Case> {
    let lines = include_str!("data/scripting.jsonl").lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| parse(&serde_json::from_str(line).expect("a line of JSON"))).collect()
}

fn parse(json: &Json) -> Case {
    let name = json["name"].as_str().expect("a name").to_owned();
    let tags = json["tags"].as_array().cloned().unwrap_or_default();
    let list = |of: &Json| of.as_array().expect("a list").clone();
    let commands = list(&json["commands"]);
    let commands = commands.iter().map(|command| list(command).iter().map(latin1).collect()).collect();
    let mut replies: Vec<Vec<u8>> = list(&json["replies"]).iter().map(latin1).collect();
    for (_, index, reply) in NEWER.iter().filter(|(of, ..)| *of == name) {
        assert_ne!(replies[*index], reply.as_bytes(), "{name} #{index} was recorded so: no need to list it");
        replies[*index] = reply.as_bytes().to_vec();
    }
    Case { name, resp3: tags.iter().any(|tag| tag == "resp3"), commands, replies }
}

fn latin1(text: &Json) -> Vec<u8> {
    let text = text.as_str().expect("a string");
    text.chars().map(|character| u8::try_from(u32::from(character)).expect("one byte a character")).collect()
}

fn replay(case: &Case) -> Vec<Vec<u8>> {
    let engine = Engine::new(Store::new());
    let mut session = engine.session();
    if case.resp3 {
        session.execute(&["HELLO", "3"]).expect("HELLO 3");
    }
    case.commands.iter().map(|command| reply_of(&mut session, command)).collect()
}

fn reply_of(session: &mut Session, command: &[Vec<u8>]) -> Vec<u8> {
    let reply = session.execute(command);
    let mut bytes = Vec::new();
    resp::encode_result(&reply, session.protocol(), &mut bytes);
    bytes
}

fn not_yet(name: &str) -> Option<&'static (&'static str, Differ, &'static str)> {
    NOT_YET.iter().chain(LANGUAGE).find(|(listed, ..)| matches(listed, name))
}

fn matches(listed: &str, name: &str) -> bool {
    listed.strip_suffix('*').map_or(listed == name, |beginning| name.starts_with(beginning))
}

#[test]
fn recorded_cases_get_the_replies_of_the_real_server() {
    let mut report = String::new();
    let (mut compared, mut left_out) = (0, 0);
    for replay in &*REPLAYS {
        for index in 0..replay.got.len() {
            let listed = match not_yet(&replay.case.name) {
                Some((_, Somewhere | AtRandom, _)) => true,
                Some((_, Only(indices), _)) => indices.contains(&index),
                None => false,
            };
            if listed {
                left_out += 1;
                continue;
            }
            compared += 1;
            if replay.differs(index) {
                replay.describe(index, &mut report);
            }
        }
    }
    eprintln!("recorded cases: {compared} replies compared, {left_out} wait for what they need");
    assert!(report.is_empty(), "replies differ from the recorded ones:\n{report}");
}

#[test]
fn what_is_listed_as_not_passing_yet_does_not_pass() {
    let mut report = String::new();
    for replay in &*REPLAYS {
        let name = &replay.case.name;
        match not_yet(name) {
            None | Some((_, AtRandom, _)) => {}
            Some((listed, Somewhere, reason)) => {
                let passes = !(0..replay.got.len()).any(|index| replay.differs(index));
                if passes {
                    let _ = writeln!(report, "{name} passes in full ({listed}: {reason})");
                }
            }
            Some((listed, Only(indices), reason)) => {
                for index in indices.iter().filter(|index| !replay.differs(**index)) {
                    let _ = writeln!(report, "{name} #{index} passes ({listed}: {reason})");
                }
            }
        }
    }
    assert!(report.is_empty(), "take these off the list:\n{report}");
}

#[test]
fn the_lists_name_recorded_cases_only() {
    let names: Vec<&str> = REPLAYS.iter().map(|replay| replay.case.name.as_str()).collect();
    let listed = NOT_YET
        .iter()
        .chain(LANGUAGE)
        .map(|(listed, ..)| *listed)
        .chain(NEWER.iter().map(|(listed, ..)| *listed));
    for listed in listed {
        assert!(names.iter().any(|name| matches(listed, name)), "no recorded case is named {listed}");
    }
}
