//! COMMAND, INFO, TIME and the commands of a connection.

use std::time::Duration;

use redmoon::resp::{Protocol, encode_result};
use redmoon::{Engine, ManualClock, SetOptions, Store, Value};

use crate::support::Oracle;

/// Requests, their words parted by spaces, and the bytes that redis-server 7.0.15 replies.
const RECORDED: &[(&str, &str)] = &[
    ("COMMAND FOO", "-ERR unknown subcommand 'FOO'. Try COMMAND HELP.\r\n"),
    ("COMMAND COUNT x", "-ERR wrong number of arguments for 'command|count' command\r\n"),
    ("COMMAND HELP x", "-ERR wrong number of arguments for 'command|help' command\r\n"),
    ("COMMAND GETKEYS", "-ERR wrong number of arguments for 'command|getkeys' command\r\n"),
    ("COMMAND GETKEYS a", "-ERR wrong number of arguments for 'command|getkeys' command\r\n"),
    ("COMMAND GETKEYS get a", "*1\r\n$1\r\na\r\n"),
    ("COMMAND GETKEYS get a b", "-ERR Invalid number of arguments specified for command\r\n"),
    ("COMMAND GETKEYS nosuch a", "-ERR Invalid command specified\r\n"),
    ("COMMAND GETKEYS ping a", "-ERR The command has no key arguments\r\n"),
    ("COMMAND GETKEYS mset a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
    ("COMMAND GETKEYS mset a 1 b", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
    ("COMMAND GETKEYS eval x 0", "*0\r\n"),
    ("COMMAND GETKEYS eval x 2 a b c", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
    ("COMMAND GETKEYS eval x 3 a b", "*0\r\n"),
    ("COMMAND GETKEYS eval x y a", "*0\r\n"),
    ("COMMAND GETKEYS eval x -1 a", "*0\r\n"),
    ("COMMAND GETKEYS object encoding k", "*1\r\n$1\r\nk\r\n"),
    ("COMMAND GETKEYS object foo k", "-ERR Invalid command specified\r\n"),
    ("COMMAND GETKEYS object help", "-ERR The command has no key arguments\r\n"),
    ("COMMAND GETKEYS object encoding", "-ERR Invalid number of arguments specified for command\r\n"),
    ("COMMAND GETKEYS lcs a b LEN", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
    ("COMMAND GETKEYS script load x", "-ERR The command has no key arguments\r\n"),
    ("COMMAND GETKEYSANDFLAGS a", "-ERR wrong number of arguments for 'command|getkeysandflags' command\r\n"),
    ("COMMAND GETKEYSANDFLAGS set a b", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n"),
    ("COMMAND GETKEYSANDFLAGS set a get", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n"),
    ("COMMAND GETKEYSANDFLAGS set a b GET", "*1\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+update\r\n"),
    (
        "COMMAND GETKEYSANDFLAGS set a b c d e get",
        "*1\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+update\r\n",
    ),
    (
        "COMMAND GETKEYSANDFLAGS rename a b",
        "*2\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+delete\r\n*2\r\n$1\r\nb\r\n*2\r\n+OW\r\n+update\r\n",
    ),
    (
        "COMMAND GETKEYSANDFLAGS eval_ro x 2 a b",
        "*2\r\n*2\r\n$1\r\na\r\n*2\r\n+RO\r\n+access\r\n*2\r\n$1\r\nb\r\n*2\r\n+RO\r\n+access\r\n",
    ),
    ("COMMAND GETKEYSANDFLAGS ping a", "-ERR The command has no key arguments\r\n"),
    ("COMMAND INFO nosuch", "*1\r\n$-1\r\n"),
    ("COMMAND INFO nosuch|get object|foo get|x object|encoding|x", "*4\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"),
    (
        "COMMAND INFO echo",
        "*1\r\n*10\r\n$4\r\necho\r\n:2\r\n*3\r\n+loading\r\n+stale\r\n+fast\r\n:0\r\n:0\r\n:0\r\n*2\r\n+@fast\r\n+@connection\r\n*0\r\n*0\r\n*0\r\n",
    ),
    (
        "COMMAND INFO GET",
        "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n",
    ),
    ("COMMAND DOCS nosuch", "*0\r\n"),
    ("COMMAND LIST x", "-ERR syntax error\r\n"),
    ("COMMAND LIST FILTERBY PATTERN", "-ERR syntax error\r\n"),
    ("COMMAND LIST FILTERBY FOO x", "-ERR syntax error\r\n"),
    ("COMMAND LIST FILTERBY PATTERN a b", "-ERR syntax error\r\n"),
    ("COMMAND LIST FILTERBY PATTERN GETR*", "*1\r\n$8\r\ngetrange\r\n"),
    ("COMMAND LIST FILTERBY MODULE x", "*0\r\n"),
    ("COMMAND LIST FILTERBY ACLCAT nosuch", "*0\r\n"),
    ("COMMAND LIST FILTERBY ACLCAT @string", "*0\r\n"),
    ("SCRIPT", "-ERR wrong number of arguments for 'script' command\r\n"),
    ("SCRIPT FOO", "-ERR unknown subcommand 'FOO'. Try SCRIPT HELP.\r\n"),
    ("SCRIPT KILL x", "-ERR wrong number of arguments for 'script|kill' command\r\n"),
    ("SCRIPT LOAD", "-ERR wrong number of arguments for 'script|load' command\r\n"),
    ("SCRIPT EXISTS", "-ERR wrong number of arguments for 'script|exists' command\r\n"),
    ("SCRIPT HELP x", "-ERR wrong number of arguments for 'script|help' command\r\n"),
    ("PING", "+PONG\r\n"),
    ("PING a", "$1\r\na\r\n"),
    ("PING a b", "-ERR wrong number of arguments for 'ping' command\r\n"),
    ("ECHO", "-ERR wrong number of arguments for 'echo' command\r\n"),
    ("ECHO a", "$1\r\na\r\n"),
    ("ECHO a b", "-ERR wrong number of arguments for 'echo' command\r\n"),
    ("TIME x", "-ERR wrong number of arguments for 'time' command\r\n"),
    ("SELECT", "-ERR wrong number of arguments for 'select' command\r\n"),
    ("SELECT a", "-ERR value is not an integer or out of range\r\n"),
    ("SELECT -1", "-ERR DB index is out of range\r\n"),
    ("SELECT 15", "+OK\r\n"),
    ("SELECT 16", "-ERR DB index is out of range\r\n"),
    ("SELECT 1.0", "-ERR value is not an integer or out of range\r\n"),
    ("SELECT 3000000000", "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n"),
    ("SELECT -3000000000", "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n"),
    ("SELECT 99999999999999999999", "-ERR value is not an integer or out of range\r\n"),
    ("INFO nosuch", "$0\r\n\r\n"),
    ("INFO KEYSPACE nosuch", "$12\r\n# Keyspace\r\n\r\n"),
];

fn reply(store: &Store, request: &str) -> String {
    let words: Vec<&str> = request.split(' ').collect();
    let mut out = Vec::new();
    encode_result(&store.execute(&words), Protocol::Resp2, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn replies_equal_the_recorded_ones() {
    let store = Store::new();
    let different = |&&(request, recorded): &&(&str, &str)| reply(&store, request) != recorded;
    let found: Vec<String> = RECORDED
        .iter()
        .filter(different)
        .map(|(request, recorded)| {
            format!("{request}\n    ours     {:?}\n    recorded {recorded:?}", reply(&store, request))
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_real_server_still_says_what_was_recorded() {
    let Some(oracle) = Oracle::start() else { return };
    let mut client = oracle.connect();
    for (request, recorded) in RECORDED {
        let words: Vec<&str> = request.split(' ').collect();
        assert_eq!(String::from_utf8_lossy(&client.raw(&words)), *recorded, "{request}");
    }
}

/// The value of a line of INFO.
fn figure(store: &Store, section: &str, name: &str) -> Option<String> {
    let info = store.info(&[section]).unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.map(str::to_owned)
}

fn number(store: &Store, section: &str, name: &str) -> u64 {
    let figure = figure(store, section, name).unwrap_or_else(|| panic!("no {name} in {section}"));
    figure.parse().unwrap_or_else(|_| panic!("{name} is no number: {figure}"))
}

fn titles(store: &Store, sections: &[&str]) -> Vec<String> {
    let info = store.info(sections).unwrap();
    info.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned).collect()
}

#[test]
fn info_shows_the_sections_that_are_asked_for() {
    let store = Store::new();
    let before = ["Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules"];
    let default = [&before[..], &["Errorstats", "Cluster", "Keyspace"]].concat();
    let all = [&before[..], &["Commandstats", "Errorstats", "Cluster", "Keyspace"]].concat();
    assert_eq!(titles(&store, &[]), default);
    assert_eq!(titles(&store, &["DEFAULT"]), default);
    assert_eq!(titles(&store, &["default", "commandstats"]), all);
    assert_eq!(titles(&store, &["all"]), all);
    assert_eq!(titles(&store, &["Everything", "nosuch"]), all);
    assert_eq!(titles(&store, &["keyspace", "SERVER", "keyspace"]), ["Server", "Keyspace"]);
    assert_eq!(titles(&store, &["nosuch"]), [""; 0]);
}

#[test]
fn info_is_a_verbatim_text_with_an_empty_line_between_sections() {
    let store = Store::new();
    store.set("key", "value").unwrap();
    let Ok(Value::Verbatim { format, text }) = store.execute(&["INFO", "errorstats", "keyspace"]) else {
        panic!("INFO replies a verbatim text");
    };
    assert_eq!(format, *b"txt");
    assert_eq!(text, "# Errorstats\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n");
}

#[test]
fn info_server_tells_the_time_of_the_stores_clock() {
    let clock = ManualClock::at_millis(1_700_000_000_000);
    let store = Store::builder().clock(clock.clone()).seed(7).build();
    assert_eq!(number(&store, "server", "uptime_in_seconds"), 0);
    clock.advance(Duration::from_secs(90_061));
    assert_eq!(number(&store, "server", "uptime_in_seconds"), 90_061);
    assert_eq!(number(&store, "server", "uptime_in_days"), 1);
    assert_eq!(number(&store, "server", "server_time_usec"), 1_700_090_061_000_000);
    assert_eq!(number(&store, "server", "process_id"), u64::from(std::process::id()));
    let run_id = figure(&store, "server", "run_id").unwrap();
    assert!(run_id.len() == 40 && run_id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{run_id}");
    let other = Store::builder().seed(7).build();
    assert_ne!(figure(&other, "server", "run_id").unwrap(), run_id, "equal seeds are not the same run");
}

#[test]
fn info_keyspace_leaves_out_what_has_expired() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    assert_eq!(store.info(&["keyspace"]).unwrap(), "# Keyspace\r\n");
    store.set("stays", "").unwrap();
    store.set_with("short", "", SetOptions::new().px(1_000)).unwrap();
    store.set_with("long", "", SetOptions::new().px(3_000)).unwrap();
    store.database(3).unwrap().set("there", "").unwrap();
    let lines = |first: &str| format!("# Keyspace\r\ndb0:{first}\r\ndb3:keys=1,expires=0,avg_ttl=0\r\n");
    assert_eq!(store.info(&["keyspace"]).unwrap(), lines("keys=3,expires=2,avg_ttl=2000"));
    clock.advance(Duration::from_millis(1_500));
    assert_eq!(store.info(&["keyspace"]).unwrap(), lines("keys=2,expires=1,avg_ttl=1500"));
}

#[test]
fn info_memory_follows_the_data() {
    let store = Store::new();
    let empty = number(&store, "memory", "used_memory");
    store.set("key", vec![b'x'; 1_000_000]).unwrap();
    let full = number(&store, "memory", "used_memory");
    assert!((1_000_000..1_100_000).contains(&(full - empty)), "{empty} and then {full}");
    assert!(number(&store, "memory", "used_memory_dataset") >= 1_000_000);
    assert!(figure(&store, "memory", "used_memory_human").unwrap().ends_with(['K', 'M']));
    store.execute(&["GETDEL", "key"]).unwrap();
    assert!(number(&store, "memory", "used_memory") < full - 1_000_000);
}

#[test]
fn info_stats_counts_hits_misses_and_expired_keys() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    store.set_with("key", "value", SetOptions::new().ex(1)).unwrap();
    store.get("key").unwrap();
    clock.advance(Duration::from_secs(2));
    store.get("key").unwrap();
    store.get("nosuch").unwrap();
    assert_eq!(number(&store, "stats", "keyspace_hits"), 1);
    assert_eq!(number(&store, "stats", "keyspace_misses"), 2);
    // Who read it had it removed.
    assert_eq!(number(&store, "stats", "expired_keys"), 1);
    store.set_with("key", "value", SetOptions::new().ex(1)).unwrap();
    clock.advance(Duration::from_secs(2));
    assert_eq!(store.purge_expired().unwrap(), 1);
    assert_eq!(number(&store, "stats", "expired_keys"), 2);
}

#[test]
fn info_commandstats_tells_calls_from_refusals_and_failures() {
    let store = Store::new();
    assert_eq!(store.info(&["commandstats"]).unwrap(), "# Commandstats\r\n");
    for request in ["SET key value", "GET key", "GET key", "INCR key", "GET", "COMMAND COUNT", "nosuch"] {
        let _ = store.execute(&request.split(' ').collect::<Vec<_>>());
    }
    let counts = |name: &str| {
        let line = figure(&store, "commandstats", &format!("cmdstat_{name}")).unwrap();
        let fields: Vec<&str> = line.split(',').collect();
        let names = fields.iter().map(|field| field.split_once('=').unwrap().0);
        assert!(names.eq(["calls", "usec", "usec_per_call", "rejected_calls", "failed_calls"]), "{line}");
        [0, 3, 4].map(|at: usize| fields[at].split_once('=').unwrap().1.parse::<u64>().unwrap())
    };
    assert_eq!(counts("set"), [1, 0, 0]);
    assert_eq!(counts("get"), [2, 1, 0]);
    assert_eq!(counts("incr"), [1, 0, 1]);
    assert_eq!(counts("command|count"), [1, 0, 0]);
    assert_eq!(number(&store, "stats", "total_commands_processed"), 5);
}

#[test]
fn info_errorstats_counts_by_code() {
    let store = Store::new();
    for request in ["GET", "nosuch", "SELECT x"] {
        store.execute(&request.split(' ').collect::<Vec<_>>()).unwrap_err();
    }
    assert_eq!(store.info(&["errorstats"]).unwrap(), "# Errorstats\r\nerrorstat_ERR:count=3\r\n");
    assert_eq!(number(&store, "stats", "total_error_replies"), 3);
}

#[test]
fn info_and_command_run_inside_a_script() {
    let store = Store::new();
    store.set("key", "value").unwrap();
    let engine = Engine::new(store);
    let none: [&str; 0] = [];
    let eval = |script: &str| engine.eval(script, &none, &none).unwrap().convert::<String>().unwrap();
    let keyspace = "# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n";
    assert_eq!(eval("return redis.call('INFO', 'keyspace')"), keyspace);
    assert_eq!(eval("redis.call('SET', 'key', 'new') return redis.call('INFO', 'keyspace')"), keyspace);
    assert_eq!(eval("return redis.call('COMMAND', 'INFO', 'get')[1][1]"), "get");
}

#[test]
fn info_counts_sessions_and_cached_scripts() {
    let store = Store::new();
    let engine = Engine::new(store.clone());
    assert_eq!(number(&store, "clients", "connected_clients"), 0);
    let session = engine.session();
    assert_eq!(number(&store, "clients", "connected_clients"), 1);
    drop(session);
    assert_eq!(number(&store, "clients", "connected_clients"), 0);
    engine.script_load("return 1").unwrap();
    engine.script_load("return 2").unwrap();
    assert_eq!(number(&store, "memory", "number_of_cached_scripts"), 2);
    assert!(number(&store, "memory", "used_memory_scripts_eval") >= 16);
}

#[test]
fn time_is_the_stores_clock() {
    let clock = ManualClock::at_millis(1_700_000_000_012);
    let store = Store::builder().clock(clock.clone()).build();
    assert_eq!(reply(&store, "TIME"), "*2\r\n$10\r\n1700000000\r\n$5\r\n12000\r\n");
    clock.advance(Duration::from_micros(999_999));
    assert_eq!(store.time(), (1_700_000_001, 11_999));
    clock.set_millis(-1);
    assert_eq!(store.time(), (-1, 999_000));
}

#[test]
fn help_is_the_real_servers_line_for_line() {
    let Some(oracle) = Oracle::start() else { return };
    let mut client = oracle.connect();
    let store = Store::new();
    for container in ["COMMAND", "OBJECT", "SCRIPT"] {
        let ours = store.execute(&[container, "help"]).unwrap();
        assert_eq!(ours, client.value(&[container, "help"]), "{container}");
    }
}
