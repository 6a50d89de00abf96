//! Random script calls: a fixed pool of bodies (newer servers keep only so many evaluated scripts, so there are few)
//! with random keys and arguments, called by body and by SHA.

use super::step::Step;
use crate::support::{Client, Rng};

/// What a body finds in ARGV.
#[derive(Clone, Copy)]
enum Arguments {
    /// Up to three values.
    Values,
    /// One integer.
    Integer,
    /// A whole command, to be passed on.
    Command,
    /// A number of a database and a value.
    Database,
}
use Arguments::{Command, Database, Integer, Values};

const BODIES: &[(&str, Arguments)] = &[
    // Any command at all, through the bridge and back.
    ("return redis.call(unpack(ARGV))", Command),
    ("return redis.pcall(unpack(ARGV))", Command),
    ("redis.setresp(3) return redis.call(unpack(ARGV))", Command),
    ("redis.setresp(3)\nreturn redis.pcall(unpack(ARGV))", Command),
    (
        "local r=redis.pcall(unpack(ARGV)) return {type(r),r,type(r)=='table' and (r.err or r.ok) or 0}",
        Command,
    ),
    ("local ok,e=pcall(redis.call,unpack(ARGV)) return {tostring(ok),type(e),e}", Command),
    ("local ok,e=pcall(redis.call,unpack(ARGV))\nif not ok then error(e) end\nreturn e", Command),
    ("return coroutine.wrap(function() return redis.call(unpack(ARGV)) end)()", Command),
    ("local function f()\n  return redis.call(unpack(ARGV))\nend\nlocal r = f()\nreturn r", Command),
    ("#!lua\nreturn redis.call(unpack(ARGV))", Command),
    ("#!lua flags=no-writes\nreturn redis.call(unpack(ARGV))", Command),
    // Commands that a script writes out itself.
    ("return redis.call('GET',KEYS[1])", Values),
    ("return redis.call('SET',KEYS[1],ARGV[1])", Values),
    ("return redis.call('set',KEYS[1],ARGV[1],'GET')", Values),
    ("return redis.call('INCR',KEYS[1])", Values),
    ("return redis.pcall('incrby',KEYS[1],ARGV[1])", Integer),
    ("local n=0 for i=1,10 do n=redis.call('INCRBY',KEYS[1],i) end return n", Values),
    ("return redis.call('INCRBYFLOAT',KEYS[1],0.5)", Values),
    ("return redis.call('SETRANGE',KEYS[1],3.0,ARGV[1])", Values),
    ("return redis.call('EXPIRE',KEYS[1],5000000)", Values),
    ("redis.call('SET',KEYS[1],ARGV[1],'EX',5000000) return redis.call('TTL',KEYS[1])", Values),
    (
        "redis.call('SET',KEYS[1],1) redis.call('PEXPIRE',KEYS[1],0) return redis.call('EXISTS',KEYS[1])",
        Values,
    ),
    ("local t={} for i,k in ipairs(KEYS) do t[i]=redis.call('GET',k) end return t", Values),
    ("return redis.call('MGET',unpack(KEYS))", Values),
    ("return redis.call('DEL',unpack(KEYS))", Values),
    ("redis.call('SELECT',ARGV[1]) redis.call('SET',KEYS[1],ARGV[2]) return redis.call('DBSIZE')", Database),
    ("redis.call('SET',KEYS[1],ARGV[1]) return redis.call('INCR',KEYS[1])", Values),
    ("redis.call('SET',KEYS[1],ARGV[1]) error('after the write')", Values),
    ("return redis.call('ECHO',ARGV[1])..redis.call('PING').ok", Values),
    ("return redis.call('TYPE',KEYS[1]).ok", Values),
    (
        "if redis.call('EXISTS',KEYS[1])==1 then return redis.call('STRLEN',KEYS[1]) else return false end",
        Values,
    ),
    // What a script is given, and what becomes of what it returns.
    ("return {KEYS,ARGV,#KEYS,#ARGV}", Values),
    ("return {KEYS[1],ARGV[1],'a',1.9,-1.9,true,false,{},{'n',{1}},'not seen'}", Values),
    ("return {1,2,nil,4}", Values),
    ("return tonumber(ARGV[1])", Integer),
    ("return {tonumber(ARGV[1]),tostring(tonumber(ARGV[1]))}", Integer),
    ("return string.format('%d %5.1f %q',#ARGV[1],1/3,ARGV[1])", Values),
    ("return redis.sha1hex(ARGV[1])", Values),
    ("return redis.error_reply(ARGV[1])", Values),
    ("return redis.status_reply(ARGV[1])", Values),
    ("return {err=ARGV[1]}", Values),
    ("return {ok=ARGV[1]}", Values),
    ("return {1,{err=ARGV[1]},{ok=ARGV[1]}}", Values),
    // A fraction of few digits: newer servers write others in their shortest form, the oracle with 17 digits.
    ("return {double=#ARGV[1]/4}", Values),
    ("return {big_number=ARGV[1]}", Values),
    ("return {verbatim_string={format='txt',string=ARGV[1]}}", Values),
    ("return {map={[ARGV[1]]=KEYS[1]}}", Values),
    ("return {set={[ARGV[1]]=true}}", Values),
    ("redis.setresp(3) return {true,false,ARGV[1]==nil}", Values),
    ("redis.setresp(3) return false", Values),
    ("return redis.setresp(4)", Values),
    ("return math.random(1000000)", Values),
    ("math.randomseed(tonumber(ARGV[1]) or 7) return tostring(math.random())", Integer),
    ("", Values),
    // Errors.
    ("error(ARGV[1])", Values),
    // Without `err` a table ends the real server; it is here where an argument was taken away.
    ("error({err=ARGV[1] or 'nothing given'})", Values),
    ("\n\nerror('line three',0)", Values),
    ("return undeclared", Values),
    ("undeclared=1", Values),
    ("return redis.call()", Values),
    ("return redis.call('GET')", Values),
    ("return redis.call('GET',{})", Values),
    ("return redis.call('nosuch',ARGV[1])", Values),
    ("return redis.call('EVAL','return 1',0)", Values),
    ("return ARGV[1].x.y", Values),
    ("return ARGV[1]+1", Integer),
    ("return KEYS[1] < 5", Values),
    ("return nosuch()", Values),
    ("return redis.nosuch()", Values),
    ("return 1 +", Values),
    ("local function", Values),
    ("return 'unfinished", Values),
    ("#!lua flags=nosuch\nreturn 1", Values),
    ("#!python\nreturn 1", Values),
    ("#!lua nosuch=1\nreturn 1", Values),
    ("#!lua", Values),
];

/// The pool with the SHA of each body.
pub(crate) struct Scripts {
    shas: Vec<String>,
}

impl Scripts {
    /// Has the oracle compute the SHAs, and leaves its cache empty.
    pub(crate) fn new(oracle: &mut Client) -> Scripts {
        let mut sha = |body: &str| {
            let reply = oracle.value(&["EVAL", "return redis.sha1hex(ARGV[1])", "0", body]);
            reply.convert::<String>().expect("a SHA")
        };
        let shas = BODIES.iter().map(|(body, _)| sha(body)).collect();
        oracle.raw(&["SCRIPT", "FLUSH"]);
        Scripts { shas }
    }

    /// A call of a script or, seldom, a command about scripts; `command` makes what a body passes on.
    pub(crate) fn step(&self, rng: &mut Rng, command: fn(&mut Rng) -> Step) -> Step {
        if rng.one_in(8) { self.about_scripts(rng) } else { self.call(rng, command) }
    }

    fn call(&self, rng: &mut Rng, command: fn(&mut Rng) -> Step) -> Step {
        // The first bodies pass any command on; they find the most, so they come most often.
        let index = if rng.one_in(2) { rng.below(11) } else { rng.below(BODIES.len()) };
        let (body, arguments) = BODIES[index];
        let sha = self.sha(rng, index);
        let step = match rng.below(20) {
            0..12 => Step::new("EVAL").arg(body),
            12..17 => Step::new("EVALSHA").arg(sha),
            17..19 => Step::new("EVAL_RO").arg(body),
            _ => Step::new("EVALSHA_RO").arg(sha),
        };
        let keys = rng.pick(&[0, 1, 1, 1, 1, 2, 3]);
        let step = match rng.below(40) {
            0 => step.arg(rng.pick(&["-1", "x", "1.5", "99", "", " 1", "01", "+1", "9223372036854775808"])),
            _ => step.arg(keys.to_string()),
        };
        let step = (0..keys).fold(step, |step, _| step.arg(rng.key()));
        match arguments {
            Values => (0..1 + rng.below(3)).fold(step, |step, _| step.arg(rng.value())),
            Integer => step.arg(rng.integer()),
            Command => step.args(command(rng).args),
            Database => step.arg(rng.database()).arg(rng.value()),
        }
    }

    fn about_scripts(&self, rng: &mut Rng) -> Step {
        let index = rng.below(BODIES.len());
        match rng.below(12) {
            0..6 => Step::new("SCRIPT").arg("load").arg(BODIES[index].0),
            6..9 => {
                let step = Step::new("SCRIPT").arg("EXISTS").arg(self.sha(rng, index));
                (0..rng.below(4)).fold(step, |step, _| {
                    let another = rng.below(BODIES.len());
                    step.arg(self.sha(rng, another))
                })
            }
            9 => Step::new("SCRIPT").arg("FLUSH").arg(rng.pick(&["SYNC", "async", "junk"])),
            10 => Step::new("SCRIPT").arg("KILL"),
            _ => Step::new("SCRIPT").arg(rng.pick(&["nosuch", "", "EXISTS", "LOAD", "flush", "a\r\nb"])),
        }
    }

    /// A body's SHA, seldom in capitals or wrong.
    fn sha(&self, rng: &mut Rng, index: usize) -> String {
        let sha = &self.shas[index];
        match rng.below(12) {
            0 => sha.to_uppercase(),
            1 => sha[1..].to_owned(),
            2 => format!("f{}", &sha[1..]),
            _ => sha.clone(),
        }
    }
}
