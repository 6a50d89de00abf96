//! Text of scripts, and their first lines.

use std::sync::LazyLock;

use redmoon::{Dialect, ErrorKind, NONE, resp};

use super::mutate::mutated;
use super::{Bench, Target, run};
use crate::support::Rng;

/// The scripts of the cases that were recorded from a real server, but those that make strings of any length that they
/// like: the store has no limit here.
static SCRIPTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut scripts = Vec::new();
    for line in include_str!("../data/scripting.jsonl").lines().filter(|line| !line.trim().is_empty()) {
        let case: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        for command in case["commands"].as_array().expect("a list") {
            let words: Vec<&str> =
                command.as_array().expect("a list").iter().filter_map(|word| word.as_str()).collect();
            if words.len() > 1 && words[0].to_ascii_uppercase().starts_with("EVAL") {
                let bytes: Vec<u8> = words[1].chars().map(|sign| sign as u8).collect();
                let upper = words[1].to_ascii_uppercase();
                if !["SETRANGE", "SETBIT", "BITFIELD"].iter().any(|name| upper.contains(name))
                    && bytes.len() < 2000
                {
                    scripts.push(bytes);
                }
            }
        }
    }
    scripts
});

const WORDS: &[&[u8]] = &[
    b" and ",
    b" break ",
    b" do ",
    b" else ",
    b" elseif ",
    b" end ",
    b" false ",
    b" for ",
    b" function ",
    b" if ",
    b" in ",
    b" local ",
    b" nil ",
    b" not ",
    b" or ",
    b" repeat ",
    b" return ",
    b" then ",
    b" true ",
    b" until ",
    b" while ",
    b"KEYS",
    b"ARGV",
    b"_G",
    b"redis.call(",
    b"redis.pcall(",
    b"pcall(",
    b"error(",
    b"xpcall(",
    b"coroutine.wrap(function() ",
    b"coroutine.yield(",
    b"setmetatable({},{__index=",
    b"getmetatable(",
    b"loadstring(",
    b"load(",
    b"string.rep(",
    b"string.format(",
    b"string.gsub(",
    b"table.concat(",
    b"table.sort(",
    b"unpack(",
    b"select('#',",
    b"...",
    b"{",
    b"}",
    b"(",
    b")",
    b"[[",
    b"]]",
    b"--[[",
    b"--",
    b"\n",
    b"'",
    b"\"",
    b"\\",
    b"#",
    b"..",
    b"==",
    b"~=",
    b"1e308",
    b"2^53",
    b"-1",
    b"0/0",
    b"'\\0'",
    b"collectgarbage()",
    b"redis.setresp(3)",
    b"{err=",
    b"{ok=",
    b"{map={",
    b"{double=",
    b"cjson.encode(",
    b"cmsgpack.unpack(",
    b"struct.pack(",
    b"bit.tohex(",
    b"redis.register_function('f',function() ",
    b"'SET','k',",
    b"'GET','k'",
    b"'LPUSH','l',",
    b"'HGETALL','h'",
    b"'SELECT',1",
    b"\x1bLua",
    b"goto",
    b"__gc",
    b"tostring(",
    b"rawset(",
    b"math.random(",
];

/// Scripts, run as EVAL, EVAL_RO, in a session, and as libraries of functions.
struct Texts {
    bench: Bench,
    taken: u64,
    through: u64,
    libraries: u64,
}

impl Target for Texts {
    fn make(&mut self, rng: &mut Rng) -> Vec<Vec<u8>> {
        vec![mutated(rng, &SCRIPTS, WORDS), vec![rng.below(16) as u8]]
    }

    fn take(&mut self, input: &[Vec<u8>]) {
        let (text, way) = (&input[0], input[1][0]);
        self.taken += 1;
        let engine = self.bench.engine.clone();
        let (keys, args) = (["k", "l"], ["3", "text"]);
        let run = |through: &mut u64| {
            let result = match way {
                0..10 => engine.eval(text, &keys, &args),
                10 | 11 => engine.eval_ro(text, &keys, &args),
                12 | 13 => {
                    let mut session = engine.session();
                    let hello = if way == 12 { "2" } else { "3" };
                    session.execute(&["HELLO", hello]).expect("both are there");
                    let command: [&[u8]; 6] = [b"EVAL", text, b"2", b"k", b"l", b"3"];
                    let reply = session.execute(&command);
                    let mut bytes = Vec::new();
                    resp::encode_result(&reply, session.protocol(), &mut bytes);
                    assert!(bytes.ends_with(b"\r\n"));
                    reply
                }
                _ => {
                    let body = if way == 14 { &text[..] } else { b"" };
                    let inside = if way == 14 { &b""[..] } else { text };
                    let code = [
                        b"#!lua name=l\n",
                        body,
                        b"\nredis.register_function('f',function(KEYS,ARGV) ",
                        inside,
                        b"\nend)",
                    ]
                    .concat();
                    engine.function_load_replace(code).and_then(|_| engine.fcall("f", &keys, &args))
                }
            };
            *through += u64::from(result.is_ok());
        };
        run(&mut self.through);
        self.bench.check();
        // What the first two runs leave is kept on purpose: the compiled script, a name that was interned.
        if self.taken.is_multiple_of(8) {
            run(&mut 0);
            let before = self.bench.memory();
            run(&mut 0);
            let after = self.bench.memory();
            // LuaJIT halves a large stack at each collection, and not at once.
            let slack = if cfg!(feature = "luajit") { 512 * 1024 } else { 4096 };
            assert!(after <= before + slack, "a third run leaves {} bytes more", after - before);
        }
        if way >= 14 {
            self.libraries += u64::from(!engine.function_list().is_empty());
            engine.function_flush();
        }
        // States are dropped now and then, where a debug build makes sure that each gives back all that it took.
        if self.taken.is_multiple_of(256) {
            engine.script_flush();
        }
    }

    fn figures(&self) -> String {
        format!("{} ran to their end, {} libraries loaded", self.through, self.libraries)
    }
}

const LINES: &[&[u8]] = &[
    b"#!lua flags=no-writes\n",
    b"#!lua flags=allow-oom,allow-stale,no-cluster,allow-cross-slot-keys\n",
    b"#!lua flags=allow-undeclared-keys,disable-atomicity,deny-undeclared-keys\r\n",
    b"#!lua\n",
    b"#!\"lua\" 'flags=no-writes' flags=\"allow-oom\"\n",
    b"#!\"l\\x75a\" \"flags=\\n\\r\\t\\a\\b\\\\\\\"\" '\\'x'\n",
    b"--!df flags=allow-undeclared-keys,disable-atomicity;no-writes legacy-float\n",
    b"  \n--!df flags=legacy-float,no-writes\n",
    b"#!lua name=library\n",
    b"#!LUA NAME=\"library\"\n",
    b"#!lua name=library_2 name=x\n",
];
const LINE_WORDS: &[&[u8]] = &[
    b"#!",
    b"lua",
    b" flags=",
    b" name=",
    b",",
    b";",
    b"'",
    b"\"",
    b"\\x",
    b"\\",
    b"\n",
    b"\r\n",
    b"\0",
    b" ",
    b"\t",
    b"\x0b",
    b"no-writes",
    b"allow-oom",
    b"--!df flags=",
    b"disable-atomicity",
    b"legacy-float",
    b"=",
];

/// First lines, in front of a script that ends well and one that is a library.
struct FirstLines {
    benches: Vec<Bench>,
    taken: u64,
    scripts: u64,
    libraries: u64,
    base: i64,
}

impl Target for FirstLines {
    fn make(&mut self, rng: &mut Rng) -> Vec<Vec<u8>> {
        let corpus: Vec<Vec<u8>> = LINES.iter().map(|line| line.to_vec()).collect();
        vec![mutated(rng, &corpus, LINE_WORDS), vec![rng.below(self.benches.len()) as u8]]
    }

    fn take(&mut self, input: &[Vec<u8>]) {
        let bench = &mut self.benches[usize::from(input[1][0])];
        let engine = bench.engine.clone();
        self.taken += 1;
        let script = [&input[0][..], b"return redis.call('GET',KEYS[1])"].concat();
        self.scripts += u64::from(engine.eval(&script, &["k"], NONE).is_ok());
        let _ = engine.eval_ro(&script, &["k"], NONE);
        if let Ok(sha) = engine.script_load(&script) {
            // What was a line may be code by now, and fail.
            let result = engine.eval_sha(&sha, &["k"], NONE);
            assert_ne!(result.map_err(|error| error.kind()).err(), Some(ErrorKind::NoScript));
            assert_eq!(engine.script_show(&sha).expect("it is cached"), script);
        }
        let code = [
            &input[0][..],
            b"redis.register_function('f',function(keys) return redis.call('GET',keys[1]) end)",
        ];
        if engine.function_load(code.concat()).is_ok() {
            self.libraries += 1;
            let result = engine.fcall("f", &["k"], NONE);
            assert_ne!(result.map_err(|error| error.kind()).err(), Some(ErrorKind::NoScript));
            engine.function_flush();
        }
        bench.check();
        if self.taken.is_multiple_of(64) {
            engine.script_flush();
            let memory = bench.memory();
            if self.base == 0 {
                self.base = memory;
            }
            assert!(memory < self.base + super::SLACK, "Lua holds {memory} bytes, at first {}", self.base);
        }
    }

    fn figures(&self) -> String {
        format!("{} scripts ran, {} libraries loaded", self.scripts, self.libraries)
    }
}

#[test]
fn any_text_can_be_a_script() {
    let bench = Bench::new(Dialect::Any);
    run("script", &mut Texts { bench, taken: 0, through: 0, libraries: 0 });
}

#[test]
fn any_line_can_be_the_first() {
    let dialects = [Dialect::Any, Dialect::Redis, Dialect::Valkey, Dialect::Dragonfly];
    let benches = dialects.into_iter().map(Bench::new).collect();
    run("shebang", &mut FirstLines { benches, taken: 0, scripts: 0, libraries: 0, base: 0 });
}
