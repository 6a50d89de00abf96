//! MULTI, EXEC, DISCARD, WATCH and UNWATCH: several conversations, command by command, beside a real server.

use std::time::Duration;

use redmoon::{Engine, Session, Store, resp};

use crate::support::{Client, Oracle, Rng, show};

/// Some conversations here, and as many with the server.
struct Both {
    sessions: Vec<Session>,
    clients: Vec<Client>,
    past: Vec<String>,
}

impl Both {
    fn new(oracle: &Oracle, count: usize) -> Both {
        let engine = Engine::new(Store::new());
        let mut clients: Vec<Client> = (0..count).map(|_| oracle.connect()).collect();
        clients[0].raw(&["FLUSHALL"]);
        clients[0].raw(&["SCRIPT", "FLUSH"]);
        Both { sessions: (0..count).map(|_| engine.session()).collect(), clients, past: Vec::new() }
    }

    /// Says one command in a conversation, here and there.
    fn say(&mut self, who: usize, command: &[&str]) {
        self.past.push(format!("{who}: {}", command.join(" ")));
        let result = self.sessions[who].execute(command);
        let mut here = Vec::new();
        resp::encode_result(&result, self.sessions[who].protocol(), &mut here);
        let there = self.clients[who].raw(command);
        // HELLO tells the number of the client.
        if command[0] != "HELLO" {
            assert_eq!(show(&here), show(&there), "{:#?}", self.past);
        }
    }

    fn run(&mut self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(millis) = line.strip_prefix("sleep ") {
                std::thread::sleep(Duration::from_millis(millis.parse().unwrap()));
                continue;
            }
            let (who, command) = line.split_once(' ').unwrap();
            let words: Vec<String> = command.split(' ').map(|word| word.replace('_', " ")).collect();
            self.say(who.parse().unwrap(), &words.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}

/// Each is a conversation of its own; a `_` stands for a space within an argument.
const SCENARIOS: &[&str] = &[
    // Plain.
    "0 MULTI
     0 SET a 1
     1 GET a
     0 INCR a
     0 LPUSH a x
     0 GET a
     0 EXEC
     1 GET a
     0 EXEC",
    // What is refused, and what it does to the transaction.
    "0 EXEC
     0 DISCARD
     0 MULTI
     0 MULTI
     0 SET a 1
     0 EXEC
     0 MULTI
     0 WATCH a
     0 SET a 2
     0 EXEC
     0 MULTI
     0 NOSUCH
     0 SET a 3
     0 EXEC
     0 GET a
     0 MULTI
     0 SET a
     0 EXEC
     0 MULTI x
     0 MULTI
     0 EXEC x
     0 EXEC
     0 EXEC x
     0 MULTI
     0 SET a 4
     0 DISCARD
     0 GET a
     0 MULTI
     0 OBJECT NOSUCH a
     0 EXEC
     0 MULTI
     0 EXEC
     0 WATCH
     0 UNWATCH x",
    // A watched key that is written, touched, or not.
    "0 SET a 1
     0 WATCH a
     1 SET a 2
     0 MULTI
     0 SET b 1
     0 EXEC
     0 EXISTS b
     0 MULTI
     0 SET b 1
     0 EXEC
     0 WATCH a
     1 GET a
     1 TYPE a
     1 TOUCH a
     0 MULTI
     0 SET b 2
     0 EXEC
     0 WATCH a b
     0 UNWATCH
     1 SET a 3
     0 MULTI
     0 EXEC
     0 WATCH a
     0 SET a 5
     0 MULTI
     0 GET a
     0 EXEC
     0 WATCH a
     1 APPEND a x
     0 DISCARD
     0 MULTI
     0 DISCARD
     0 MULTI
     0 GET a
     0 EXEC",
    // Written without a change.
    "0 SET a 1
     0 WATCH a
     1 SET a 1
     0 MULTI
     0 EXEC
     0 WATCH a
     1 DEL nosuch
     1 EXPIRE a 100
     0 MULTI
     0 EXEC
     0 SADD s x
     0 WATCH s
     1 SADD s x
     0 MULTI
     0 EXEC
     0 WATCH s
     1 SREM s y
     0 MULTI
     0 EXEC
     0 WATCH s
     1 PERSIST s
     0 MULTI
     0 EXEC
     0 ZADD z 1 m
     0 WATCH z
     1 ZADD z 1 m
     0 MULTI
     0 EXEC
     0 HSET h f v
     0 WATCH h
     1 HSET h f v
     0 MULTI
     0 EXEC
     0 RPUSH l a
     0 WATCH l
     1 LREM l 0 zz
     0 MULTI
     0 EXEC
     0 WATCH l
     1 LTRIM l 0 -1
     0 MULTI
     0 EXEC",
    // FLUSHALL, FLUSHDB, SWAPDB, and keys that do not exist.
    "0 SET a 1
     0 WATCH a
     1 FLUSHALL
     0 MULTI
     0 EXEC
     0 WATCH nosuch
     1 FLUSHALL
     0 MULTI
     0 EXEC
     0 WATCH nosuch
     1 FLUSHDB
     0 MULTI
     0 EXEC
     0 SET a 1
     0 WATCH a
     1 SELECT 1
     1 FLUSHDB
     0 MULTI
     0 EXEC
     0 WATCH a
     1 SWAPDB 0 1
     0 MULTI
     0 EXEC
     0 WATCH nosuch
     1 SWAPDB 0 1
     0 MULTI
     0 EXEC
     0 SELECT 1
     0 WATCH a
     0 SELECT 0
     1 SWAPDB 0 1
     0 MULTI
     0 EXEC
     0 SELECT 2
     0 SET a x
     0 SELECT 0
     0 SET b y
     0 WATCH a
     1 SWAPDB 0 2
     0 MULTI
     0 EXEC
     0 WATCH a
     1 SWAPDB 3 4
     0 MULTI
     0 EXEC",
    // Time.
    "0 SET a 1 PX 30
     0 WATCH a
     sleep 60
     0 MULTI
     0 PING
     0 EXEC
     0 SET a 1 PX 30
     sleep 60
     0 WATCH a
     0 MULTI
     0 PING
     0 EXEC
     0 SET a 1 PX 30
     sleep 60
     0 WATCH a
     1 GET a
     0 MULTI
     0 PING
     0 EXEC
     0 SET a 1 PX 30
     0 WATCH a
     sleep 60
     1 GET a
     0 MULTI
     0 PING
     0 EXEC
     0 SET a 1 PX 30
     sleep 60
     0 WATCH a
     1 SET a 2
     0 MULTI
     0 PING
     0 EXEC",
    // Scripts.
    "0 MULTI
     0 EVAL return_redis.call('incr',KEYS[1]) 1 n
     0 EVAL return_{1,redis.call('get','n')} 0
     0 EVAL return 0
     0 EVAL nonsense nonsense
     0 EVAL return_redis.call('nosuch') 0
     0 EVALSHA ffffffffffffffffffffffffffffffffffffffff 0
     0 SCRIPT LOAD return_1
     0 EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
     0 SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
     0 SCRIPT FLUSH
     0 EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
     0 EXEC
     0 WATCH n
     1 EVAL redis.call('incr','n') 0
     0 MULTI
     0 EXEC
     0 WATCH n
     0 EVAL redis.call('incr','n') 0
     0 MULTI
     0 EXEC
     0 WATCH n
     1 EVAL return_redis.call('get','n') 0
     0 MULTI
     0 GET n
     0 EXEC
     0 MULTI
     0 SELECT 3
     0 EVAL redis.call('set','k','v')_redis.call('select',5) 0
     0 SET k2 v2
     0 EXEC
     0 DBSIZE
     0 SELECT 5
     0 DBSIZE",
    // What a transaction answers in RESP3.
    "0 HELLO 3
     0 HSET h a 1
     0 ZADD z 1 m
     0 MULTI
     0 HGETALL h
     0 ZRANGE z 0 -1 WITHSCORES
     0 SMEMBERS nosuch
     0 GET nosuch
     0 EXEC",
    // Databases.
    "0 MULTI
     0 SELECT 1
     0 SET a 1
     0 SELECT 99
     0 SELECT 0
     0 EXISTS a
     0 MOVE a 2
     0 FLUSHALL
     0 DBSIZE
     0 KEYS *
     0 RENAME nosuch x
     0 EXEC
     0 GET a",
];

#[test]
#[cfg_attr(feature = "luajit", ignore = "the real server speaks Lua 5.1, and knows the lines of errors")]
fn transactions_of_several_conversations_are_the_servers() {
    let Some(oracle) = Oracle::start() else { return };
    for scenario in SCENARIOS {
        Both::new(&oracle, 2).run(scenario);
    }
}

#[test]
#[cfg_attr(feature = "luajit", ignore = "the real server speaks Lua 5.1, and knows the lines of errors")]
fn random_transactions_of_three_conversations_are_the_servers() {
    const COMMANDS: &[&str] = &[
        "MULTI",
        "MULTI",
        "EXEC",
        "EXEC",
        "EXEC",
        "DISCARD",
        "WATCH a",
        "WATCH b",
        "WATCH a b l",
        "UNWATCH",
        "SET a 1",
        "SET b x",
        "GET a",
        "INCR a",
        "DEL a",
        "DEL b",
        "DEL l",
        "LPUSH l x",
        "LPUSH l x y",
        "RPOP l",
        "LLEN l",
        "EXPIRE a 1000",
        "PERSIST a",
        "RENAME a b",
        "RENAME b l",
        "COPY a b",
        "SELECT 0",
        "SELECT 1",
        "SWAPDB 0 1",
        "FLUSHDB",
        "FLUSHALL",
        "MOVE a 1",
        "SADD s x",
        "SREM s x",
        "SMOVE s t x",
        "SUNIONSTORE a s t",
        "GETDEL b",
        "NOSUCH",
        "SET a",
        "EVAL return_redis.call('incr',KEYS[1]) 1 a",
        "EVAL return_redis.call('lpop','l') 0",
        "EXISTS a b l s",
        "RPOPLPUSH l l",
        "LTRIM l 0 0",
        "SORT l STORE b ALPHA",
        "SPOP s",
        "HSET h f v",
        "HDEL h f",
        "WATCH h s",
    ];
    let Some(oracle) = Oracle::start() else { return };
    let seed = crate::support::number_from_env("REDMOON_SEED", super::SEED);
    eprintln!("transactions: REDMOON_SEED={seed}");
    let mut rng = Rng::new(seed);
    for _ in 0..60 {
        let mut both = Both::new(&oracle, 3);
        for _ in 0..60 {
            let command = COMMANDS[rng.below(COMMANDS.len())];
            both.run(&format!("{} {command}", rng.below(3)));
        }
    }
}
