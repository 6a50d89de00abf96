//! The command table, audited through `COMMAND`: that each row is whole and agrees with itself, and that it says what
//! a real server says of the command.

use std::collections::{BTreeMap, BTreeSet};

use redmoon::resp::{Protocol, encode};
use redmoon::{Blob, Store, Value};

use crate::support::Oracle;

/// Commands that neither write nor read keys by a flag: they have no keys, or a script decides.
const NEITHER_WRITE_NOR_READ: &[&str] = &[
    "acl",
    "acl|cat",
    "acl|genpass",
    "acl|getuser",
    "acl|help",
    "acl|list",
    "acl|load",
    "acl|log",
    "acl|save",
    "acl|users",
    "acl|whoami",
    "asking",
    "auth",
    "client",
    "client|caching",
    "client|getname",
    "client|getredir",
    "client|help",
    "client|id",
    "client|info",
    "client|kill",
    "client|list",
    "client|no-evict",
    "client|no-touch",
    "client|pause",
    "client|reply",
    "client|setinfo",
    "client|setname",
    "client|tracking",
    "client|trackinginfo",
    "client|unblock",
    "client|unpause",
    "cluster",
    "cluster|info",
    "cluster|myid",
    "cluster|nodes",
    "cluster|shards",
    "cluster|slots",
    "command",
    "command|count",
    "command|docs",
    "command|getkeys",
    "command|getkeysandflags",
    "command|help",
    "command|info",
    "command|list",
    "config",
    "config|get",
    "config|help",
    "config|resetstat",
    "config|rewrite",
    "config|set",
    "debug",
    "discard",
    "echo",
    "eval",
    "evalsha",
    "exec",
    "fcall",
    "function",
    "function|dump",
    "function|help",
    "function|kill",
    "function|list",
    "function|stats",
    "hello",
    "info",
    "lastsave",
    "latency",
    "latency|doctor",
    "latency|graph",
    "latency|help",
    "latency|histogram",
    "latency|history",
    "latency|latest",
    "latency|reset",
    "memory",
    "memory|doctor",
    "memory|help",
    "memory|malloc-stats",
    "memory|purge",
    "memory|stats",
    "module",
    "module|help",
    "module|list",
    "module|load",
    "module|unload",
    "monitor",
    "multi",
    "object",
    "object|help",
    "ping",
    "psubscribe",
    "publish",
    "pubsub",
    "pubsub|channels",
    "pubsub|help",
    "pubsub|numpat",
    "pubsub|numsub",
    "pubsub|shardchannels",
    "pubsub|shardnumsub",
    "punsubscribe",
    "quit",
    "readonly",
    "readwrite",
    "reset",
    "role",
    "script",
    "script|exists",
    "script|flags",
    "script|flush",
    "script|help",
    "script|kill",
    "script|latency",
    "script|list",
    "script|load",
    "script|show",
    "select",
    "shutdown",
    "slowlog",
    "slowlog|get",
    "slowlog|help",
    "slowlog|len",
    "slowlog|reset",
    "spublish",
    "ssubscribe",
    "subscribe",
    "sunsubscribe",
    "time",
    "unsubscribe",
    "unwatch",
    "wait",
    "waitaof",
    "watch",
];

/// What `COMMAND INFO` says of one command, subcommands apart.
#[derive(Debug, PartialEq)]
struct Row {
    arity: i64,
    flags: BTreeSet<String>,
    /// First, last, step.
    range: [i64; 3],
    categories: BTreeSet<String>,
    tips: Vec<String>,
    keys: Vec<Map>,
}

/// A map of a reply, written out; the free text in a key specification's `notes` is left out.
type Map = BTreeMap<String, String>;

fn text(value: &Value) -> String {
    String::from_utf8_lossy(value.as_bytes().expect("a string")).into_owned()
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        other => panic!("not a list: {other:?}"),
    }
}

fn texts<C: FromIterator<String>>(value: &Value) -> C {
    items(value).iter().map(text).collect()
}

fn pairs(value: &Value) -> impl Iterator<Item = (String, &Value)> {
    let Value::Map(pairs) = value else { panic!("not a map: {value:?}") };
    pairs.iter().map(|(name, value)| (text(name), value))
}

fn integer(value: &Value) -> i64 {
    let Value::Integer(number) = value else { panic!("not an integer: {value:?}") };
    *number
}

/// All rows of a reply of `COMMAND`, by full name; a name that is there twice is an error.
fn rows(reply: &Value) -> BTreeMap<String, Row> {
    fn add(value: &Value, rows: &mut BTreeMap<String, Row>) {
        let [name, arity, flags, first, last, step, categories, tips, keys, subcommands] = items(value)
        else {
            panic!("a row has ten fields: {value:?}");
        };
        let specs = items(keys).iter().map(|keys| {
            pairs(keys)
                .filter(|(name, _)| name != "notes")
                .map(|(name, value)| (name, format!("{value:?}")))
                .collect()
        });
        let row = Row {
            arity: integer(arity),
            flags: texts(flags),
            range: [first, last, step].map(integer),
            categories: texts(categories),
            tips: texts(tips),
            keys: specs.collect(),
        };
        let name = text(name);
        assert!(rows.insert(name.clone(), row).is_none(), "{name} is in the table twice");
        items(subcommands).iter().for_each(|row| add(row, rows));
    }
    let mut found = BTreeMap::new();
    items(reply).iter().for_each(|row| add(row, &mut found));
    found
}

fn our_rows() -> BTreeMap<String, Row> {
    rows(&Store::new().execute(&["COMMAND"]).unwrap())
}

/// What `COMMAND DOCS` says, by full name.
fn docs(reply: &Value) -> BTreeMap<String, BTreeMap<String, &Value>> {
    let mut found = BTreeMap::new();
    for (name, entry) in pairs(reply) {
        let entry: BTreeMap<String, &Value> = pairs(entry).collect();
        if let Some(subcommands) = entry.get("subcommands") {
            found.extend(docs(subcommands));
        }
        found.insert(name, entry);
    }
    found
}

#[test]
fn every_row_is_whole() {
    let store = Store::new();
    let reply = store.execute(&["COMMAND", "DOCS"]).unwrap();
    let docs = docs(&reply);
    let rows = our_rows();
    assert!(rows.keys().eq(docs.keys()), "COMMAND and COMMAND DOCS name the same commands");
    for (name, entry) in docs {
        let field = |field: &str| text(entry.get(field).unwrap_or_else(|| panic!("{name} has no {field}")));
        let summary = field("summary");
        assert!(
            summary.len() > 10 && summary.ends_with('.'),
            "{name}: the summary is a sentence: {summary:?}"
        );
        assert!(field("since").split('.').all(|part| part.parse::<u32>().is_ok()), "{name}: since");
        assert!(!field("complexity").is_empty() && !field("group").is_empty(), "{name}");
    }
}

#[test]
fn commands_write_or_read_or_are_listed() {
    let neither = |row: &Row| match (row.flags.contains("write"), row.flags.contains("readonly")) {
        (true, true) => panic!("write and readonly: {row:?}"),
        (writes, reads) => !writes && !reads,
    };
    let rows = our_rows();
    let found: Vec<&str> =
        rows.iter().filter(|(_, row)| neither(row)).map(|(name, _)| name.as_str()).collect();
    assert_eq!(found, NEITHER_WRITE_NOR_READ);
}

#[test]
fn the_arity_covers_the_first_key() {
    for (name, row) in our_rows() {
        let [first, ..] = row.range;
        // The channels of SUNSUBSCRIBE may be left out; they are called keys for a cluster only.
        let is_key = name != "sunsubscribe";
        assert!(!is_key || row.arity.abs() > first, "{name}: arity {} and first key {first}", row.arity);
        assert_eq!(first > 0 || row.flags.contains("movablekeys"), !row.keys.is_empty(), "{name}: keys");
    }
}

#[test]
fn the_list_and_the_count_agree_with_the_rows() {
    let store = Store::new();
    let listed: BTreeSet<String> = texts(&store.execute(&["COMMAND", "LIST"]).unwrap());
    let rows = our_rows();
    assert!(listed.iter().eq(rows.keys()));
    let commands = rows.keys().filter(|name| !name.contains('|')).count();
    assert_eq!(store.execute(&["COMMAND", "COUNT"]).unwrap(), Value::Integer(commands as i64));
}

/// Commands that take more arguments than the real server's, because newer ones do.
const ARITIES_DIFFER: &[&str] = &["zrank", "zrevrank"];

#[test]
fn rows_equal_the_real_servers() {
    let Some(oracle) = Oracle::start() else { return };
    let mut client = oracle.connect();
    client.raw(&["HELLO", "3"]);
    let theirs = rows(&client.value(&["COMMAND"]));
    let mut different = Vec::new();
    for (name, row) in our_rows() {
        if let Some(their) = theirs.get(&name)
            && (*their != row) != ARITIES_DIFFER.contains(&name.as_str())
        {
            different.push(format!("{name}\n    ours:   {row:?}\n    theirs: {their:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Also the order inside sets, and which shapes the protocols have for maps and sets.
#[test]
fn rows_have_the_real_servers_bytes() {
    let Some(oracle) = Oracle::start() else { return };
    let store = Store::new();
    let mut compared = 0;
    for (protocol, hello) in [(Protocol::Resp2, "2"), (Protocol::Resp3, "3")] {
        let mut client = oracle.connect();
        client.raw(&["HELLO", hello]);
        for name in our_rows().keys() {
            let request = ["COMMAND", "INFO", name];
            let theirs = String::from_utf8(client.raw(&request)).unwrap();
            // Containers give their subcommands in no order, and notes are free text.
            let is_known = theirs.len() > 10 && !theirs.contains(&format!("{name}|"));
            if is_known && !theirs.contains("notes") && !ARITIES_DIFFER.contains(&name.as_str()) {
                let mut ours = Vec::new();
                encode(&store.execute(&request).unwrap(), protocol, &mut ours);
                assert_eq!(String::from_utf8(ours).unwrap(), theirs, "{name}");
                compared += 1;
            }
        }
    }
    assert!(compared > 20, "{compared} rows were compared");
}

/// Arguments that are documented as newer servers do, or more plainly.
const ARGUMENTS_DIFFER: &[(&str, &str)] = &[
    ("config|get", "a block of one argument is that argument"),
    ("hscan", "NOVALUES came with 7.4"),
    ("psubscribe", "the server has its patterns in a block of one"),
    ("lcs", "since 7.2 the argument of MINMATCHLEN is called min-match-len"),
    ("zrank", "WITHSCORE came with 7.2"),
    ("zrevrank", "WITHSCORE came with 7.2"),
];

/// A tree of arguments line by line. When an argument came into being is not part of it: the rows do not say.
fn tree(arguments: &Value, indent: usize, lines: &mut Vec<String>) {
    for argument in items(arguments) {
        let fields: BTreeMap<String, &Value> = pairs(argument).collect();
        let mut line = " ".repeat(indent);
        for field in ["name", "type", "token"] {
            line.push_str(&fields.get(field).map_or(" -".to_owned(), |value| format!(" {}", text(value))));
        }
        if let Some(flags) = fields.get("flags") {
            line.push_str(&format!(" {:?}", texts::<BTreeSet<String>>(flags)));
        }
        if let Some(index) = fields.get("key_spec_index") {
            line.push_str(&format!(" key {}", integer(index)));
        }
        lines.push(line);
        if let Some(parts) = fields.get("arguments") {
            tree(parts, indent + 4, lines);
        }
    }
}

#[test]
fn documentation_equals_the_real_servers() {
    let Some(oracle) = Oracle::start() else { return };
    let mut client = oracle.connect();
    client.raw(&["HELLO", "3"]);
    let reply = client.value(&["COMMAND", "DOCS"]);
    let theirs = docs(&reply);
    let reply = Store::new().execute(&["COMMAND", "DOCS"]).unwrap();
    let mut different = Vec::new();
    for (name, our) in docs(&reply) {
        let Some(their) = theirs.get(&name) else { continue };
        for field in ["since", "group"] {
            if our[field] != their[field] {
                different.push(format!("{name}: {field} {:?}, theirs {:?}", our[field], their[field]));
            }
        }
        let [ours, theirs] = [&our, their].map(|entry| {
            let mut lines = Vec::new();
            if let Some(arguments) = entry.get("arguments") {
                tree(arguments, 6, &mut lines);
            }
            lines.join("\n")
        });
        let is_listed = ARGUMENTS_DIFFER.iter().any(|(listed, _)| *listed == name);
        if (ours != theirs) != is_listed {
            different.push(format!(
                "{name}: listed as different: {is_listed}\n    ours\n{ours}\n    theirs\n{theirs}"
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn names_are_found_in_any_case() {
    let store = Store::new();
    for name in our_rows().keys() {
        for name in [name.clone(), name.to_uppercase()] {
            let reply = store.execute(&["COMMAND", "INFO", &name]).unwrap();
            let row = items(&reply)[0].clone();
            assert_eq!(items(&row)[0], Value::Bulk(Blob::from(name.to_lowercase())));
        }
    }
}
