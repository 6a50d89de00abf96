//! Keyspace notifications: the same commands here and on a real server, with every class on, and the same messages on
//! the same channels in the same order.
//!
//! [`every_write_command_tells_the_same_as_a_real_server`] goes through the commands that write, with keys made, changed,
//! emptied, overwritten, expired, renamed, copied and moved; a
//! third test draws random commands.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use redmoon::{Engine, Session, Store, Subscription, Value};

use super::SEED;
use super::generator::Generator;
use super::scripts::Scripts;
use crate::support::client::decode;
use crate::support::{Client, Oracle, number_from_env, show, show_command};

/// Commands by lines; each line starts on empty databases. A word of two quotes is an empty argument.
const SCENARIOS: &str = "
set k v; set k w; set k v EX 100; set k v PX 100000; set k v KEEPTTL; set k v NX; set n v NX; set k v XX; set n v GET; set k v XX GET; set m v NX GET
set k v EXAT 1; set k v; set k v PXAT 1; get k
set k v EX 100; set k w; set l v NX EX 100; set l v XX PX 5000 GET
set k v EXAT 99999999999; get k; set k v EX 0; set k v BAD
setnx k v; setnx k v; setex k 100 v; setex n 100 v; psetex k 1000 v; setex k 0 v
getset k v; getset k w; getset l v; rpush r a; getset r v
getdel k; set k v; getdel k; getdel k; rpush r a; getdel r
getex k; set k v; getex k; getex k EX 100; getex k PERSIST; getex k PERSIST; getex k PX 100000; getex k EXAT 1; getex k
append k v; append k w; append k \"\"; append e \"\"; strlen k; rpush r a; append r v
setrange k 3 abc; setrange k 0 x; setrange k 0 \"\"; setrange e 0 \"\"; getrange k 0 -1
incr k; incrby k 5; decr k; decrby k 5; incrbyfloat k 1.5; incrbyfloat n 1; incr k; decr m; incrby m 0; decrby o 0
mset a 1 b 2 a 3; msetnx c 1 d 2; msetnx d 1 e 2; mget a b nosuch; set t v EX 100; mset t w
del k; set k v; del k nosuch k; mset a 1 b 2; unlink a b a; unlink nosuch; exists a nosuch; touch a nosuch
set k v; expire k 100; expire k 100 NX; expire k 200 XX; expire k 50 GT; expire k 300 GT; expire k 50 LT; persist k; persist k; expire nosuch 10; pexpire k 1000000; expireat k 99999999999; pexpireat k 99999999999999; expire k -1; get k
set k v; expire k 0; set k v; pexpire k -5; set k v; expireat k 1; set k v; pexpireat k 1; set k v; expire k 100 XX; ttl k; ttl nosuch; pttl nosuch; expiretime nosuch; type nosuch
set k v; rename k l; rename nosuch x; set k v; rename k l; set k v; renamenx k l; renamenx k m; rename m m; renamenx m m
set k v EX 100; set l w EX 100; rename k l; ttl l; rpush r a; rename r l; type l
set k v; copy k l; copy k l; copy k l REPLACE; copy k k DB 1; copy nosuch l REPLACE; copy k l DB 1; copy k l DB 1 REPLACE; copy k l DB 1
set k v; move k 1; move k 1; set k v; move k 1; select 1; get k; move k 0; del k; move k 0; move nosuch 2; select 0
set k v; dump nosuch; object encoding nosuch; object encoding k; randomkey; scan 0; dbsize; keys *
lpush l a b; rpush l c; lpushx l z; lpushx n z; rpushx l z; rpushx n z; lpop l; rpop l; lpop l 2; lpop l 0; rpop l 5; lpop l; lpop nosuch; rpop nosuch 2; rpop nosuch 0
rpush l a; lpop l; rpush l a; rpop l; rpush l a b; lpop l 2; rpush l a b; rpop l 3
rpush l a b c a b c; lset l 0 x; lset l 99 x; lset nosuch 0 x; linsert l before b y; linsert l after nosuch y; linsert nosuch before a b; lrem l 1 a; lrem l 0 nosuch; lrem l 0 b; lrem nosuch 0 b; ltrim l 0 1; ltrim l 0 -1; ltrim l 5 1; ltrim nosuch 0 1; lrange l 0 -1; llen nosuch; lindex nosuch 0; lpos nosuch a
rpush l a a; lrem l 0 a; rpush l a; lset l 0 a; ltrim l 1 0
rpush s a b c; rpoplpush s d; rpoplpush s s; lmove s d left right; lmove s s left right; lmove s d right left; lmove s d left left; rpoplpush nosuch d; lmove nosuch d left left; set str v; rpoplpush d str; lmove d d left left
rpush s a; rpoplpush s s; lmove s s left left; rpoplpush s t; lmove t s left right
rpush s a b c d; lmpop 1 s left; lmpop 2 nosuch s right count 2; lmpop 1 s left count 10; lmpop 1 nosuch left
rpush s a b c d; blmpop 0.01 1 s left; blpop s 0.01; brpop nosuch s 0.01; blpop nosuch 0.01; rpush s x y; brpoplpush s d 0.01; blmove s d left left 0.01; blpop s d 1; blpop d 1
zadd s 1 a 2 b 3 c 4 d; bzpopmin s 0.01; bzpopmax nosuch s 0.01; bzmpop 0.01 1 s min; bzpopmin nosuch 0.01; bzpopmin s 1
sadd s a b; sadd s a; srem s nosuch; srem s a; srem s b; srem s b; srem nosuch a; sismember nosuch a; smembers nosuch; scard nosuch; smismember nosuch a; srandmember nosuch; srandmember nosuch 2
sadd s a b c; spop s; spop s 0; spop s 1; spop s; spop s; sadd s a b; spop s 5; spop s 5; sadd s a b; spop s 2; spop nosuch 0
sadd s a b; sadd d b; smove s d a; smove s d nosuch; smove s d b; smove nosuch d b; sadd s a; smove s s a; smove s new a; set str v; smove d str a
sadd a 1 2; sadd b 2 3; sadd c 9; sinterstore d a b; sinterstore d a c; sinterstore d a c; sunionstore d a b; sunionstore d nosuch; sunionstore d nosuch; sdiffstore d a b; sdiffstore d a a; sdiffstore d a a; sinterstore d a nosuch; sinterstore a a b; set str v; sunionstore str a; sunionstore str nosuch; sinter a nosuch; sunion a nosuch; sdiff nosuch a; sintercard 2 a nosuch; sinter nosuch a
hset h f v; hset h f v; hset h f w g x; hmset h f v; hsetnx h f v; hsetnx h n v; hincrby h i 5; hincrbyfloat h x2 1.5; hdel h nosuch; hdel h f g; hdel h n i x2; hdel h n; hdel nosuch f; hget nosuch f; hgetall nosuch; hlen nosuch; hrandfield nosuch; hmget nosuch f; hexists nosuch f; hstrlen nosuch f; hkeys nosuch; hvals nosuch; hscan nosuch 0
hset h f v; hdel h f; hincrby h i 0; hincrby h i 0; hincrbyfloat h i 0; hsetnx i f v
zadd z 1 a 2 b; zadd z 1 a; zadd z 3 a; zadd z NX 4 a; zadd z XX 5 nosuch; zadd z XX 5 a; zadd z CH 6 a 7 c; zadd z INCR 1 a; zadd z INCR NX 1 a; zadd z GT 1 a; zincrby z 1 a; zincrby z 0 a; zincrby z 1 new; zadd nosuch XX 1 a; zadd z XX INCR 1 nosuch; zincrby n 1 a; zadd m INCR 1 a
zadd z 1 a 2 b 3 c 4 d 5 e 6 f; zrem z nosuch; zrem z a b; zremrangebyscore z 3 3; zremrangebyscore z 100 200; zremrangebyrank z 0 0; zremrangebyrank z 50 60; zremrangebylex z - +; zremrangebylex z - +; zrem z a; zremrangebyscore z 0 1; zremrangebyrank z 0 -1
zadd z 1 a; zrem z a; zadd z 1 a; zremrangebyscore z 0 5; zadd z 1 a; zremrangebyrank z 0 0; zadd z 1 a; zremrangebylex z - +
zadd z 1 a 2 b 3 c 4 d; zpopmin z; zpopmax z; zpopmin z 0; zpopmax z 10; zpopmin z; zpopmin nosuch 2; zpopmax nosuch 0
zadd z 1 a 2 b 3 c 4 d; zmpop 1 z min; zmpop 2 nosuch z max count 2; zmpop 1 z min count 5; zmpop 1 nosuch min
zadd a 1 x 2 y; zadd b 1 y 2 z; zunionstore d 2 a b; zunionstore d 1 nosuch; zunionstore d 1 nosuch; zinterstore d 2 a b; zinterstore d 2 a nosuch; zinterstore d 2 a nosuch; zdiffstore d 2 a b; zdiffstore d 2 a a; zdiffstore d 2 a a; zunionstore a 2 a b; set str v; zunionstore str 1 a; zunionstore str 1 nosuch; zunion 2 a nosuch; zinter 2 nosuch a; zdiff 2 nosuch a; zintercard 2 a nosuch
zadd z 1 a 2 b; zrangestore d z 0 -1; zrangestore d z 5 9; zrangestore d z 5 9; zrangestore d nosuch 0 -1; zrangestore d z 0 -1; zrangestore d nosuch 0 -1; zrangestore z z 0 0; zrangestore d z (1 +inf byscore; zscore nosuch a; zrank nosuch a; zrange nosuch 0 -1; zcard nosuch; zcount nosuch 0 1; zmscore nosuch a; zrandmember nosuch; zrangebyscore nosuch 0 1; zlexcount nosuch - +
rpush l 3 1 2; sort l; sort l store d; sort nosuch store d; sort nosuch store d; sort l limit 5 5 store d; sort l store l; sort nosuch; set str v; sort l store str; sort_ro nosuch; sort l by w_* get g_*; sort l by w_* get # get g_* store d; sort l by nosort get h_*->f
set k v PX 1; sleep; get k; get k; set k v PX 1; sleep; set k w; set k v PX 1; sleep; del k; rpush k a; pexpire k 1; sleep; lpush k b; hset h f v; pexpire h 1; sleep; hset h f v; set r v PX 1; sleep; rename r s; set r v PX 1; sleep; exists r; set s v PX 1; set t w; sleep; rename t s
set k v PX 1; sleep; setnx k v; set k v PX 1; sleep; append k v; set k 1 PX 1; sleep; incr k; set k v PX 1; sleep; set k v XX; set k v PX 1; sleep; getdel k; set k v PX 1; sleep; persist k; set k v PX 1; sleep; expire k 5; set k v PX 1; set l w; sleep; copy l k; set k v PX 1; sleep; move k 1; set k v PX 1; sleep; getex k PERSIST; set k v PX 1; sleep; touch k; set k v PX 1; sleep; type k; set k v PX 1; sleep; ttl k; set k v PX 1; sleep; object encoding k; set k v PX 1; sleep; unlink k
sadd k v; pexpire k 1; sleep; sadd l x; sinterstore d k l; sadd k v; pexpire k 1; sleep; smove l k x; rpush q a; pexpire q 1; sleep; lpop q; rpush q a; pexpire q 1; sleep; rpushx q b; zadd z 1 a; pexpire z 1; sleep; zadd z XX 1 a; hset h f v; pexpire h 1; sleep; hdel h f; set k v PX 1; sleep; mget k nosuch; set k v PX 1; sleep; strlen k; set k v PX 1; sleep; dbsize; get k
set a 1; set b 2; flushdb; set a 1; flushall; set a 1; swapdb 0 1; get a; select 1; get a
multi; set k v; incr n; del k; lpush l a; lpop l; exec; multi; set k v; discard; watch k; multi; get k; exec
eval _ 0; eval _x 1 k; set k v; eval _d 1 k; evalsha nosuch 0; get k
eval _m 0; setbit b 5 1; getbit nosuch 0
publish __keyspace@0__:k fake; publish other message; set k v
";

/// The scripts of [`SCENARIOS`], which have spaces.
const SCRIPTS: &[(&str, &str)] = &[
    ("_", "redis.call('set','a','1') redis.call('incr','a') return redis.call('get','nosuch')"),
    ("_x", "redis.call('set',KEYS[1],'v','EX',100) redis.call('nosuch')"),
    ("_d", "redis.call('rpush','l','1') redis.call('lpop','l') return redis.call('del',KEYS[1])"),
    ("_m", "redis.call('select','3') redis.call('set','k','v') redis.call('publish','__keyspace@0__:x','y')"),
];

/// Commands of scenarios that only one side has are left out on both.
fn is_known(session: &mut Session, name: &str) -> bool {
    let known = session.execute(&["COMMAND", "INFO", name]).unwrap();
    !matches!(known, Value::Array(found) if found.first().is_none_or(Value::is_nil))
}

/// A server and a store with every class of events on, and who hears them.
struct Ears {
    oracle: Client,
    subscriber: Client,
    engine: Engine,
    session: Session,
    subscription: Subscription,
}

type Event = (Vec<u8>, Vec<u8>);

impl Ears {
    fn new(oracle: &Oracle) -> Ears {
        let mut client = oracle.connect();
        client.raw(&["CONFIG", "SET", "notify-keyspace-events", "AKEmn"]);
        // What is past its time goes when a command finds it, as here.
        client.raw(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
        let mut subscriber = oracle.connect();
        subscriber.raw(&["PSUBSCRIBE", "__key*"]);
        let store = Store::builder().notify_keyspace_events("AKEmn").unwrap().build();
        let subscription = store.psubscribe(&["__key*"]);
        let engine = Engine::new(store);
        Ears { oracle: client, subscriber, session: engine.session(), engine, subscription }
    }

    fn both(&mut self, command: &str) {
        let args: Vec<&str> = command.split(' ').collect();
        self.oracle.raw(&args);
        let _ = self.session.execute(&args);
    }

    /// What each side published since the last time.
    fn heard(&mut self) -> (Vec<Event>, Vec<Event>) {
        const END: &str = "__key:end";
        let publisher = &mut self.oracle;
        publisher.raw(&["PUBLISH", END, "x"]);
        let mut theirs = Vec::new();
        loop {
            let frame = decode(&self.subscriber.read_many(1)[0]);
            let Value::Array(parts) = frame else { panic!("no message: {frame:?}") };
            let text = |at: usize| parts[at].as_bytes().unwrap().to_vec();
            if text(2) == END.as_bytes() {
                break;
            }
            theirs.push((text(2), text(3)));
        }
        let mut ours = Vec::new();
        while let Some(message) = self.subscription.try_next().unwrap() {
            ours.push((message.channel.to_vec(), message.payload.to_vec()));
        }
        (theirs, ours)
    }
}

/// For a report: the events without the channels of the keys, which say the same.
fn lines(events: &[Event]) -> String {
    let event = |(channel, payload): &Event| {
        let channel = String::from_utf8_lossy(channel).into_owned();
        let name = channel.strip_prefix("__keyevent@")?.replace("__:", " ");
        Some(format!("{name} {}", payload.escape_ascii()))
    };
    show(events.iter().filter_map(event).collect::<Vec<_>>().join(", ").as_bytes())
}

#[test]
fn every_write_command_tells_the_same_as_a_real_server() {
    let Some(oracle) = Oracle::start_with(&["--enable-debug-command", "yes"]) else { return };
    let mut ears = Ears::new(&oracle);
    let mut report = String::new();
    let mut seen = BTreeSet::new();
    let mut compared = 0;
    let mut is_open = false;
    for scenario in SCENARIOS.lines().filter(|line| !line.is_empty()) {
        // The whole scenario counts: a key that ends at once is removed now here, at the next look there.
        let (mut all, mut commands) = (Vec::new(), String::new());
        for command in ["SELECT 0", "FLUSHALL"].into_iter().chain(scenario.split(';')) {
            let word = |word: &str| match SCRIPTS.iter().find(|(name, _)| *name == word) {
                Some((_, body)) => (*body).to_owned(),
                None => word.replace("\"\"", ""),
            };
            let args: Vec<String> = command.split_whitespace().map(word).collect();
            if args[0] == "sleep" {
                std::thread::sleep(std::time::Duration::from_millis(3));
                continue;
            }
            if !is_open && !is_known(&mut ears.session, &args[0]) {
                continue;
            }
            seen.insert(args[0].to_ascii_lowercase());
            ears.oracle.raw(&args);
            let _ = ears.session.execute(&args);
            // Within MULTI the end could not be told from what is queued.
            is_open = match args[0].as_str() {
                "multi" => true,
                "exec" | "discard" => false,
                _ => is_open,
            };
            if is_open {
                continue;
            }
            let (theirs, ours) = ears.heard();
            compared += theirs.len();
            if theirs != ours {
                let (theirs, ours, command) = (lines(&theirs), lines(&ours), show_command(&args));
                let _ = writeln!(commands, "{command}\n    redis     {theirs}\n    redmoon   {ours}");
            }
            all.push((theirs, ours));
        }
        let (theirs, ours): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        if theirs.concat() != ours.concat() {
            let _ = writeln!(report, "of: {scenario}\n{commands}");
        }
    }
    eprintln!("events: {compared} messages compared");
    assert!(report.is_empty(), "events differ:\n{report}");
    assert_eq!(unheard(&seen), Vec::<String>::new(), "commands that write and are in no scenario");
}

/// The commands that write here and on the oracle, without those that were run.
fn unheard(seen: &BTreeSet<String>) -> Vec<String> {
    let store = Store::new();
    let Value::Array(rows) = store.execute(&["COMMAND"]).unwrap() else { panic!("COMMAND is no array") };
    let writes = |row: &Value| {
        let Value::Array(fields) = row else { return None };
        let flags = format!("{:?}", fields[2]);
        let name = String::from_utf8_lossy(fields[0].as_bytes().unwrap()).into_owned();
        flags.contains("\"write\"").then_some(name)
    };
    rows.iter()
        .filter_map(writes)
        .filter(|name| !seen.contains(name) && !NEWER.contains(&name.as_str()))
        .collect()
}

/// Commands that the oracle does not have.
const NEWER: &[&str] =
    &["hexpire", "hexpireat", "hgetdel", "hgetex", "hpersist", "hpexpire", "hpexpireat", "hsetex"];

/// A command that waits, and the commands of another caller that serve it.
const SERVED: &[(&str, &str)] = &[
    ("blpop l 5", "rpush l a"),
    ("brpop l 5", "rpush l a b"),
    ("brpoplpush l d 5", "lpush l a"),
    ("blmove l d left right 5", "rpush l a b"),
    ("blmove l l left right 5", "rpush l a b"),
    ("blmpop 5 2 k l left count 2", "rpush l a b c"),
    ("bzpopmin z 5", "zadd z 1 a 2 b"),
    ("bzpopmax z 5", "zadd z 1 a"),
    ("bzmpop 5 1 z max count 5", "zadd z 1 a 2 b"),
    ("blpop l 5", "rpush x a; rename x l"),
    ("blpop l 5", "rpush x 1; sort x store l"),
    ("blpop l 5", "multi; rpush l a; rpush l b; exec"),
];

#[test]
fn whoever_is_served_tells_the_same_as_on_a_real_server() {
    let Some(oracle) = Oracle::start_with(&["--enable-debug-command", "yes"]) else { return };
    let mut ears = Ears::new(&oracle);
    let engine = ears.engine.clone();
    let mut report = String::new();
    for (waiting, serving) in SERVED {
        ears.both("flushall");
        ears.heard();
        let words: Vec<String> = waiting.split(' ').map(str::to_owned).collect();
        if !is_known(&mut ears.session, &words[0]) {
            continue;
        }
        let mut waiter = oracle.connect();
        waiter.send_many(&[&words]);
        let mut session = engine.session();
        let ours = std::thread::spawn(move || session.execute(&words));
        let is_waiting = |info: &str| info.contains("blocked_clients:1");
        while !is_waiting(&String::from_utf8_lossy(&ears.oracle.raw(&["INFO", "clients"]))) {
            std::thread::yield_now();
        }
        // Long enough for a thread to begin its wait.
        std::thread::sleep(std::time::Duration::from_millis(30));
        serving.split(';').for_each(|command| ears.both(command.trim()));
        waiter.read_many(1);
        ours.join().unwrap().unwrap();
        let (theirs, ours) = ears.heard();
        assert!(!theirs.is_empty(), "{waiting}: nothing happened");
        if theirs != ours {
            let (theirs, ours) = (lines(&theirs), lines(&ours));
            let _ = writeln!(report, "{waiting} / {serving}\n    redis     {theirs}\n    redmoon   {ours}");
        }
    }
    assert!(report.is_empty(), "events differ:\n{report}");
}

#[test]
fn random_commands_tell_the_same_as_a_real_server() {
    let Some(oracle) = Oracle::start_with(&["--enable-debug-command", "yes"]) else { return };
    let seed = number_from_env("REDMOON_SEED", SEED);
    let commands = number_from_env("REDMOON_DIFFERENTIAL_COMMANDS", 30_000) / 3;
    let mut ears = Ears::new(&oracle);
    let mut generator = Generator::new(seed, Scripts::new(&mut ears.oracle));
    ears.heard();
    let (mut all, mut done) = (0, 0);
    // The events do not change what is there, so one difference does not bring others.
    let (mut report, mut different) = (String::new(), 0);
    while done < commands && different < 20 {
        // Together: a string that SET gave a time in the past is looked at by the next command.
        let steps = generator.next();
        for step in &steps {
            ears.oracle.raw(&step.args);
            let _ = ears.session.execute(&step.args);
            done += 1;
        }
        let (mut theirs, mut ours) = ears.heard();
        all += theirs.len();
        // Which keys of BY and GET patterns SORT looks for, and in which order, is a matter of how it is done.
        let sorts = |arg: &Vec<u8>| arg.to_ascii_uppercase().starts_with(b"SORT");
        if steps.iter().any(|step| step.args.iter().any(sorts)) {
            let is_miss =
                |(channel, payload): &Event| channel.ends_with(b":keymiss") || payload == b"keymiss";
            theirs.retain(|event| !is_miss(event));
            ours.retain(|event| !is_miss(event));
        }
        if theirs != ours {
            let steps: Vec<String> = steps.iter().map(|step| show_command(&step.args)).collect();
            let (theirs, ours) = (lines(&theirs), lines(&ours));
            let _ = writeln!(report, "{}\n    redis     {theirs}\n    redmoon   {ours}", steps.join("; "));
            different += 1;
        }
    }
    assert!(report.is_empty(), "REDMOON_SEED={seed}, events differ:\n{report}");
    eprintln!("events: {all} messages of {commands} random commands compared");
}
