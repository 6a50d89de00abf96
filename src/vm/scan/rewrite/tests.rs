//! Scripts written anew against the same scripts as they were compiled: values, messages and lines are the same.

use std::fmt::Write;

use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::rng::Rng;
use crate::vm::{Failure, Function, Host, Limits, Pace, Server, Vm};

/// Answers the arguments, or an error.
struct Fake;

impl Host for Fake {
    fn call(&mut self, args: &[&[u8]], out: &mut dyn Reply, _: &mut Pace) -> Result<()> {
        match args[0] {
            b"fail" => return Err(Error::new("NOPE it failed")),
            b"null" => out.null(),
            _ => {
                out.array(args.len());
                args.iter().for_each(|arg| out.bulk(arg));
            }
        }
        Ok(())
    }
    fn has_written(&self) -> bool {
        false
    }
    fn waited(&mut self) -> bool {
        false
    }
    fn overdue(&mut self) {}
    fn freeze_time(&mut self) {}
    fn log(&mut self, _: u8, _: &[u8]) {}
    fn knows(&mut self, _: &[&[u8]]) -> bool {
        false
    }
    fn random(&mut self) -> i32 {
        0
    }
    fn seed(&mut self, _: i32) {}
}

/// KEYS and ARGV.
type Input = (&'static [&'static [u8]], &'static [&'static [u8]]);

const INPUTS: &[Input] = &[
    (&[b"k1", b"k2"], &[b"7", b"x", b""]),
    (&[], &[]),
    (&[b"k1"], &[b"1"]),
    (
        &[b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"],
        &[b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h", b"9"],
    ),
];

/// Value, or message and line.
fn run(vm: &mut Vm, function: Function, (keys, args): (&[&[u8]], &[&[u8]])) -> String {
    match vm.run(function, keys, args, &mut Fake, Limits { time: Some(2_000_000_000), reply: usize::MAX }) {
        Ok(value) => format!("{value:?}"),
        Err(Failure::Raised(raised)) => {
            let line = raised.place.as_ref().map(|place| place.line);
            format!("{} at {line:?}", raised.line.escape_ascii())
        }
        Err(other) => format!("{other:?}"),
    }
}

struct Pair {
    plain: Vm,
    anew: Vm,
}

impl Pair {
    fn new() -> Pair {
        let mut plain = Vm::new(usize::MAX, Server::Any).unwrap();
        plain.set_rewrites(false);
        Pair { plain, anew: Vm::new(usize::MAX, Server::Any).unwrap() }
    }

    /// Compares, and answers whether the script was written anew.
    fn compare(&mut self, source: &str) -> bool {
        let (plain, anew) =
            match (self.plain.compile(source.as_bytes()), self.anew.compile(source.as_bytes())) {
                (Ok(plain), Ok(anew)) => (plain, anew),
                // A call on a line of its own is ambiguous.
                (Err(plain), Err(anew)) if plain == anew => return false,
                _ => panic!("one of them does not compile: {source}"),
            };
        for &input in INPUTS {
            let expected = run(&mut self.plain, plain, input);
            assert_eq!(run(&mut self.anew, anew, input), expected, "{source} with {input:?}");
        }
        self.plain.forget(plain);
        self.anew.forget(anew);
        anew.is_written_anew()
    }
}

#[test]
fn a_script_written_anew_gives_the_same_values_and_errors() {
    let mut pair = Pair::new();
    for source in [
        "return redis.call('GET', KEYS[1])",
        "return server.pcall('GET', KEYS[1], ARGV[3], KEYS[9], ARGV[9])",
        "for i = 1, 3 do redis.call('SET', KEYS[1], ARGV[1]) end return KEYS",
        "local n = 0 while n < 3 do n = n + #redis.call('a', KEYS[1]) end return n",
        "local n = 0 repeat n = n + 1 redis.call('a', n) until n > 2 return n",
        "local a, b = KEYS[1], ARGV[2] return {a, b, KEYS[8], ARGV[8]}",
        "local a = KEYS[5] return a.x",
        "local a = KEYS[5] return a .. 'x'",
        "local a = ARGV[1] return a + 1",
        "return KEYS[1] .. ':x'",
        "return redis.call('a', KEYS[1] .. ':x', #KEYS, #ARGV[1])",
        "return ARGV[1] + 1",
        "return KEYS[1].x.y",
        "return KEYS[5].x",
        "return KEYS[1]()",
        "return KEYS[1]:upper()",
        "return -KEYS[1]",
        "return #KEYS[1]",
        "return KEYS[1] < 5",
        "return KEYS[1] < KEYS[2]",
        "return KEYS[1] == 'k1'",
        "return 'k1' == KEYS[1]",
        "if KEYS[1] == 'k1' then return ARGV[1] end return KEYS[2]",
        "return KEYS[1] or 'none'",
        "return KEYS[1] and redis.call('a', KEYS[1] or 'none') or ARGV[1]",
        "return not KEYS[1]",
        "return tonumber(ARGV[1])",
        "return tonumber(ARGV[2]) + 1",
        "return string.rep(KEYS[1], ARGV[1])",
        "return math.floor(ARGV[2])",
        "return {KEYS[1], ARGV[1], {KEYS[2], x = KEYS[1]}, redis.call('a', ARGV[1])}",
        "return {KEYS[1], unpack(KEYS)}",
        "return redis.call(unpack(ARGV))",
        "return redis.call('a', unpack(KEYS))",
        "return redis.call()",
        "return redis.call(nil)",
        "return redis.call({})",
        "return redis.call('fail')",
        "return redis.pcall('fail')",
        "return\nredis\n.call(\n'fail',\nKEYS[1])",
        "local x = 1\nredis.call('a')\n\nerror('here')",
        "local x = 1\nredis.call('a', KEYS[1])\n\nreturn x.y.z",
        "return redis.call.x",
        "return redis.call + 1",
        "return redis.call .. ''",
        "return #redis.call",
        "return redis.nosuch('x')",
        "return redis.call('a')('b')",
        "return redis.call('a').x.y",
        "return redis.call('a', redis.call('b', KEYS[1])[1], ARGV[1])",
        "local f = redis.call return f('a', KEYS[1])",
        "return type(redis.call) .. type(KEYS) .. type(KEYS[1])",
        "return pcall(redis.call, 'fail')",
        "return KEYS.x.y",
        "return KEYS()",
        "return KEYS + 1",
        "return KEYS[0]",
        "return KEYS[1.5]",
        "return KEYS['1']",
        "return KEYS[ARGV[1]]",
        "return KEYS[tonumber(ARGV[1])]",
        "local KEYS = {'mine'} return KEYS[1]",
        "local redis = {call = tostring} return redis.call(5)",
        "KEYS = 5 return KEYS[1]",
        "redis = nil return redis.call('a')",
        "KEYS[1] = 'mine' return KEYS[1]",
        "KEYS[1] = 'mine' return redis.call('a', KEYS[1])",
        "table.insert(KEYS, 1, 'mine') return redis.call('a', KEYS[1])",
        "rawset(KEYS, 1, 'mine') return redis.call('a', KEYS[1])",
        "local function f() KEYS[1] = 'mine' end f() return redis.call('a', KEYS[1])",
        "local function f() return redis.call('a', KEYS[1]) end return f()",
        "local function f() return KEYS[5].x end return f()",
        "loadstring('KEYS[1] = 5')() return redis.call('a', KEYS[1])",
        "_G.KEYS[1] = 5 return redis.call('a', KEYS[1])",
        "redis.call = tostring return redis.call(5)",
        "rawset(redis, 'call', tostring) return redis.call(5)",
        "setmetatable(_G, {}) return redis.call(5)",
        "local t = {} for i, key in ipairs(KEYS) do t[i] = redis.call('a', key, KEYS[1], ARGV[i]) end return t",
        "return (function(...) return redis.call('a', ...) end)(KEYS[1], KEYS[2])",
        "local t = {} t.x = redis.call('a', KEYS[1]) return t.x",
        "do local a = KEYS[1] end do local b = 5 return b .. KEYS[1] end",
        "if ARGV[1] == '7' then redis.call('x') else redis.call('y') end return redis.call(ARGV[1] == '7' and 'a' or 'b')",
        "return redis.call(KEYS[1] == 'k1', 'x')",
        "return select('#', redis.call('a'), KEYS[1], nil)",
        "return ...",
        "return {...}",
        "local a, b, c = ..., KEYS[1] return {b, c}",
    ] {
        pair.compare(source);
    }
}

/// Draws expressions and statements in which the names stand in every position.
struct Author(Rng);

impl Author {
    fn below(&mut self, count: usize) -> usize {
        self.0.below(count as u64) as usize
    }

    fn one_of(&mut self, choices: &[&str]) -> String {
        choices[self.below(choices.len())].to_owned()
    }

    fn expression(&mut self, depth: usize) -> String {
        let kind = if depth == 0 { self.below(3) } else { self.below(14) };
        let inner = depth.saturating_sub(1);
        match kind {
            0 => self.one_of(&["KEYS[1]", "KEYS[2]", "KEYS[9]", "ARGV[1]", "ARGV[2]", "ARGV[8]"]),
            1 => self.one_of(&["1", "'x'", "nil", "true", "2.5", "a", "b"]),
            2 => self.one_of(&["KEYS", "redis.call", "redis", "ARGV[a]", "#KEYS", "ARGV"]),
            3..=5 => {
                let name = self.one_of(&["redis.call", "redis.pcall", "server.call"]);
                format!("{name}({})", self.list(inner))
            }
            6 => format!("{} {} {}", self.expression(inner), self.operator(), self.expression(inner)),
            7 => format!("({} {} {})", self.expression(inner), self.operator(), self.expression(inner)),
            8 => format!("{{{}}}", self.list(inner)),
            9 => format!("{}({})", self.one_of(&["tonumber", "assert", "type", "a"]), self.list(inner)),
            10 => format!("({}){}", self.expression(inner), self.one_of(&[".x", "[1]", "()", ":len()"])),
            11 => format!("{}{}", self.one_of(&["-", "not ", "#"]), self.expression(inner)),
            12 => format!("select('#', {})", self.list(inner)),
            _ => format!("(function() return {} end)()", self.expression(inner)),
        }
    }

    fn operator(&mut self) -> String {
        self.one_of(&["..", "+", "==", "~=", "<", "and", "or", "and", "or", "*"])
    }

    fn list(&mut self, depth: usize) -> String {
        let items: Vec<_> = (0..1 + self.below(3)).map(|_| self.expression(depth)).collect();
        items.join(", ")
    }

    fn statement(&mut self, depth: usize) -> String {
        let inner = depth.saturating_sub(1);
        match self.below(if depth == 0 { 3 } else { 8 }) {
            0 => format!("local a = {}\n", self.expression(2)),
            1 => format!("b = {}\n", self.expression(2)),
            2 => format!("redis.call({})\n", self.list(1)),
            3 => format!(
                "if {} then\n{}else\n{}end\n",
                self.expression(1),
                self.block(inner),
                self.block(inner)
            ),
            4 => format!("for i = 1, 3 do\n{}end\n", self.block(inner)),
            5 => format!("repeat local c = {}\n{}until true\n", self.expression(1), self.block(inner)),
            6 => format!("do local b, c = {}\n{}end\n", self.list(1), self.block(inner)),
            _ => format!("n = n + 1 while n < 4 do n = n + 1\n{}end\n", self.block(inner)),
        }
    }

    fn block(&mut self, depth: usize) -> String {
        (0..self.below(3)).map(|_| self.statement(depth)).collect()
    }

    fn script(&mut self) -> String {
        let mut script = "local a, b, n = 1, 'b', 0\n".to_owned();
        for _ in 0..1 + self.below(4) {
            script += &self.statement(2);
        }
        writeln!(script, "return {}", self.expression(2)).unwrap();
        script
    }
}

#[test]
fn random_scripts_written_anew_give_the_same_values_and_errors() {
    let mut pair = Pair::new();
    let mut author = Author(Rng::seeded(7));
    let mut anew = 0;
    for _ in 0..4_000 {
        anew += usize::from(pair.compare(&author.script()));
    }
    assert!(anew > 3_000, "only {anew} scripts were written anew");
}

#[test]
fn a_long_element_is_not_kept_after_the_script() {
    let mut vm = Vm::new(usize::MAX, Server::Any).unwrap();
    let function = vm.compile(b"return redis.call('null', KEYS[1])").unwrap();
    let collect = vm.compile(b"collectgarbage() collectgarbage()").unwrap();
    let long = vec![b'x'; 1_000_000];
    run(&mut vm, function, (&[&long], &[]));
    run(&mut vm, collect, (&[], &[]));
    assert!(vm.memory() < 300_000, "{} bytes are kept", vm.memory());
}
