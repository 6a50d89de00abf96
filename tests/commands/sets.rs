//! Sets: members, several sets as one, drawing and walking.

use std::collections::BTreeSet;

use redmoon::{Blob, Error, ErrorKind, ManualClock, Picks, Store, Ttl, Value, WalkOptions};

use super::expect;

const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const NOT_POSITIVE: &str = "ERR value is out of range, must be positive";
const SYNTAX: &str = "ERR syntax error";
const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

fn sorted(mut members: Vec<Blob>) -> Vec<Blob> {
    members.sort();
    members
}

/// The members by the command itself, without the order that they have.
fn by_name(store: &Store, line: &str) -> BTreeSet<Blob> {
    let reply = store.execute(&line.split(' ').collect::<Vec<_>>()).unwrap();
    let (Value::Set(items) | Value::Array(items)) = reply else { panic!("{line}: {reply:?}") };
    let members: BTreeSet<Blob> =
        items.iter().map(|item| Blob::from(item.as_bytes().expect("a member"))).collect();
    assert_eq!(members.len(), items.len(), "{line} gives a member twice");
    members
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn words(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("word:{number}")).collect()
}

#[test]
fn members_are_added_and_removed_once() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SADD s", "ERR wrong number of arguments for 'sadd' command"),
            ("SADD s a a b", ":2"),
            ("SADD s b c ''", ":2"),
            ("SCARD s", ":4"),
            ("SISMEMBER s ''", ":1"),
            ("SISMEMBER s d", ":0"),
            ("SMISMEMBER s a z b a", "[:1 :0 :1 :1]"),
            ("SREM s z", ":0"),
            ("SREM s a b a", ":2"),
            ("TYPE s", "+set"),
            ("SREM s c ''", ":2"),
            ("EXISTS s", ":0"),
        ],
    );
}

#[test]
fn a_key_that_does_not_exist_is_an_empty_set() {
    expect(
        &Store::new(),
        &[
            ("SCARD no", ":0"),
            ("SISMEMBER no a", ":0"),
            ("SMISMEMBER no a z", "[:0 :0]"),
            ("SMEMBERS no", "~[]"),
            ("SREM no a", ":0"),
            ("SMOVE no other a", ":0"),
            ("SPOP no", "nil"),
            ("SPOP no 3", "~[]"),
            ("SRANDMEMBER no", "nil"),
            ("SRANDMEMBER no 3", "[]"),
            ("SRANDMEMBER no -9223372036854775807", "[]"),
            ("SSCAN no 0 FOO", r#"["0" []]"#),
            ("SUNION no other", "~[]"),
            ("SINTER no other", "~[]"),
            ("SDIFF no other", "~[]"),
            ("SINTERCARD 1 no", ":0"),
        ],
    );
}

#[test]
fn other_types_are_refused_and_stay_as_they_are() {
    let store = Store::new();
    expect(&store, &[("SET str x", "+OK"), ("SADD s a", ":1"), ("SET dst y", "+OK")]);
    let refused = [
        "SADD str a",
        "SREM str a",
        "SCARD str",
        "SISMEMBER str a",
        "SMISMEMBER str a",
        "SMEMBERS str",
        "SMOVE str s a",
        "SMOVE s str a",
        "SMOVE s str nothing",
        "SPOP str",
        "SPOP str 0",
        "SRANDMEMBER str",
        "SRANDMEMBER str 0",
        "SSCAN str 0 FOO",
        "SINTER s str",
        "SINTER no str",
        "SINTER str no",
        "SUNION s str",
        "SDIFF no str",
        "SINTERCARD 2 no str",
        "SINTERSTORE dst no str",
        "SUNIONSTORE dst s str",
        "SDIFFSTORE dst s str",
    ];
    for line in refused {
        expect(&store, &[(line, WRONG_TYPE)]);
    }
    expect(
        &store,
        &[
            ("SMOVE no str a", ":0"),
            ("GET str", r#""x""#),
            ("GET dst", r#""y""#),
            ("SMEMBERS s", r#"~["a"]"#),
            ("GET s", WRONG_TYPE),
            ("LPUSH s a", WRONG_TYPE),
        ],
    );
    assert_eq!(store.sadd("str", &["a"]).unwrap_err().kind(), ErrorKind::WrongType);
}

#[test]
fn the_form_follows_the_members() {
    let store = Store::new();
    let encoding = |key: &str| store.execute(&["OBJECT", "ENCODING", key]).unwrap();
    let [intset, hashtable] = ["intset", "hashtable"].map(Value::from);
    store.sadd("few", &numbers(0..512)).unwrap();
    assert_eq!(encoding("few"), intset);
    store.sadd("few", &["512"]).unwrap();
    assert_eq!(encoding("few"), hashtable);
    store.srem("few", &numbers(5..513)).unwrap();
    assert_eq!(encoding("few"), hashtable, "no way back");
    store.sadd("word", &["1", "2", "word"]).unwrap();
    store.srem("word", &["word"]).unwrap();
    assert_eq!(encoding("word"), hashtable);
    for odd in ["01", "-0", "+1", " 1", "1.0", "", "9223372036854775808"] {
        store.del(&["odd"]).unwrap();
        store.sadd("odd", &["-9223372036854775808", "9223372036854775807"]).unwrap();
        assert_eq!(encoding("odd"), intset);
        store.sadd("odd", &[odd]).unwrap();
        assert_eq!(encoding("odd"), hashtable, "{odd:?}");
    }
    // A set of results has the form that its members have when they are added.
    store.sunionstore("union", &["few", "word"]).unwrap();
    assert_eq!(encoding("union"), intset);
    store.sdiffstore("rest", &["word", "nothing"]).unwrap();
    assert_eq!(encoding("rest"), intset);
    store.sinterstore("both", &["few", "word"]).unwrap();
    assert_eq!(encoding("both"), intset);
    // What is left after most were popped is a new set, and a part of it keeps its form.
    for (count, expected) in [(499, &hashtable), (500, &intset)] {
        store.del(&["large"]).unwrap();
        store.sadd("large", &numbers(0..600)).unwrap();
        assert_eq!(store.spop_count("large", count).unwrap().len(), count);
        assert_eq!(encoding("large"), *expected);
    }
}

#[test]
fn smove_moves_a_member_once() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SADD s1 a b c", ":3"),
            ("SADD s2 c d", ":2"),
            ("SMOVE s1 s2 zz", ":0"),
            ("SMOVE s1 s1 a", ":1"),
            ("SMOVE s1 s1 zz", ":0"),
            ("SMOVE s1 s2 c", ":1"),
            ("SCARD s2", ":2"),
            ("SMOVE s1 new a", ":1"),
            ("SMEMBERS new", r#"~["a"]"#),
            ("SMOVE s1 new b", ":1"),
            ("EXISTS s1", ":0"),
        ],
    );
}

#[test]
fn several_sets_combine() {
    let store = Store::new();
    store.sadd("a", &["1", "2", "3", "x"]).unwrap();
    store.sadd("b", &["2", "3", "4"]).unwrap();
    store.sadd("c", &["3", "x"]).unwrap();
    let set = |members: &[&str]| members.iter().copied().map(Blob::from).collect::<BTreeSet<Blob>>();
    assert_eq!(by_name(&store, "SINTER a b"), set(&["2", "3"]));
    assert_eq!(by_name(&store, "SINTER a b c"), set(&["3"]));
    assert_eq!(by_name(&store, "SINTER a a"), set(&["1", "2", "3", "x"]));
    assert_eq!(by_name(&store, "SINTER a no"), set(&[]));
    assert_eq!(by_name(&store, "SUNION a b no"), set(&["1", "2", "3", "4", "x"]));
    assert_eq!(by_name(&store, "SDIFF a b"), set(&["1", "x"]));
    assert_eq!(by_name(&store, "SDIFF a no b c"), set(&["1"]));
    assert_eq!(by_name(&store, "SDIFF a a"), set(&[]));
    assert_eq!(by_name(&store, "SDIFF no a"), set(&[]));
    assert_eq!(sorted(store.sinter(&["a", "b"]).unwrap()), ["2", "3"]);
    assert_eq!(sorted(store.sunion(&["c", "b"]).unwrap()), ["2", "3", "4", "x"]);
    assert_eq!(sorted(store.sdiff(&["c", "b"]).unwrap()), ["x"]);
    assert_eq!(store.sinter::<&str>(&[]).unwrap(), Vec::<Blob>::new());
}

#[test]
fn large_sets_combine_as_the_standard_librarys_do() {
    let store = Store::new();
    let parts = [words(0..3_000), words(1_000..5_000), words(2_500..2_600), numbers(0..700)];
    for (at, part) in parts.iter().enumerate() {
        store.sadd(format!("s{at}"), part).unwrap();
    }
    store.sadd("s3", &words(2_550..3_500)).unwrap();
    let sets: Vec<BTreeSet<Blob>> =
        (0..4).map(|at| store.smembers(format!("s{at}")).unwrap().into_iter().collect()).collect();
    let keys = ["s0", "s1", "s2", "s3"];
    for chosen in [&[0, 1][..], &[1, 0], &[0, 2], &[2, 3], &[3, 2, 1, 0], &[0, 1, 2, 3], &[1]] {
        let names: Vec<&str> = chosen.iter().map(|&at| keys[at]).collect();
        let first = &sets[chosen[0]];
        let others = || chosen[1..].iter().map(|&at| &sets[at]);
        let common: BTreeSet<_> =
            first.iter().filter(|member| others().all(|set| set.contains(*member))).cloned().collect();
        let left: BTreeSet<_> =
            first.iter().filter(|member| !others().any(|set| set.contains(*member))).cloned().collect();
        let all: BTreeSet<_> = chosen.iter().flat_map(|&at| &sets[at]).cloned().collect();
        let line = names.join(" ");
        assert_eq!(by_name(&store, &format!("SINTER {line}")), common);
        assert_eq!(by_name(&store, &format!("SDIFF {line}")), left);
        assert_eq!(by_name(&store, &format!("SUNION {line}")), all);
        assert_eq!(store.sintercard(&names, None).unwrap(), common.len());
        assert_eq!(store.sintercard(&names, Some(7)).unwrap(), common.len().min(7));
        for (stored, expected) in [
            (store.sinterstore("to", &names).unwrap(), &common),
            (store.sdiffstore("to", &names).unwrap(), &left),
            (store.sunionstore("to", &names).unwrap(), &all),
        ] {
            assert_eq!(stored, expected.len());
        }
        assert_eq!(store.smembers("to").unwrap().into_iter().collect::<BTreeSet<_>>(), all);
    }
}

#[test]
fn what_is_stored_replaces_the_destination_and_its_deadline() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock).build();
    expect(
        &store,
        &[
            ("SADD a 1 2 3", ":3"),
            ("SADD b 2 3 4", ":3"),
            ("SET dst x EX 100", "+OK"),
            ("SINTERSTORE dst a b", ":2"),
            ("TTL dst", ":-1"),
            ("SMEMBERS dst", r#"~["2" "3"]"#),
            ("SDIFFSTORE dst a b", ":1"),
            ("SMEMBERS dst", r#"~["1"]"#),
            ("SUNIONSTORE a a b", ":4"),
            ("SMEMBERS a", r#"~["1" "2" "3" "4"]"#),
            ("SDIFFSTORE b b b", ":0"),
            ("EXISTS b", ":0"),
            ("SINTERSTORE dst no a", ":0"),
            ("EXISTS dst", ":0"),
            ("SET dst x", "+OK"),
            ("SUNIONSTORE dst no", ":0"),
            ("EXISTS dst", ":0"),
        ],
    );
    // The copy that was stored is not the source.
    store.sunionstore("copy", &["a"]).unwrap();
    store.sadd("copy", &["5"]).unwrap();
    assert_eq!((store.scard("a").unwrap(), store.scard("copy").unwrap()), (4, 5));
    assert_eq!(store.ttl("copy").unwrap(), Ttl::Persistent);
}

#[test]
fn sintercard_reads_its_numbers_first() {
    let store = Store::new();
    const NUMKEYS: &str = "ERR numkeys should be greater than 0";
    const TOO_MANY: &str = "ERR Number of keys can't be greater than number of args";
    const LIMIT: &str = "ERR LIMIT can't be negative";
    expect(
        &store,
        &[
            ("SADD a 1 2 3 4", ":4"),
            ("SADD b 2 3 4 5", ":4"),
            ("SET str x", "+OK"),
            ("SINTERCARD 1", "ERR wrong number of arguments for 'sintercard' command"),
            ("SINTERCARD x a", NUMKEYS),
            ("SINTERCARD 0 a", NUMKEYS),
            ("SINTERCARD -1 a", NUMKEYS),
            ("SINTERCARD 99999999999999999999 a", NUMKEYS),
            ("SINTERCARD 2 a", TOO_MANY),
            ("SINTERCARD 9223372036854775807 a b", TOO_MANY),
            ("SINTERCARD 1 a b", SYNTAX),
            ("SINTERCARD 2 a b LIMIT", SYNTAX),
            ("SINTERCARD 2 a b LIMIT 2 foo", SYNTAX),
            ("SINTERCARD 2 a str LIMIT x", LIMIT),
            ("SINTERCARD 2 a b LIMIT -1", LIMIT),
            ("SINTERCARD 2 a b LIMIT 99999999999999999999", LIMIT),
            ("SINTERCARD 2 a b", ":3"),
            ("SINTERCARD 2 a b LIMIT 0", ":3"),
            ("SINTERCARD 2 a b LIMIT 2", ":2"),
            ("SINTERCARD 2 a b limit 2 limit 1", ":1"),
        ],
    );
}

#[test]
fn spop_takes_each_member_once() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SADD s a b c d e", ":5"),
            ("SPOP s x", NOT_POSITIVE),
            ("SPOP s -1", NOT_POSITIVE),
            ("SPOP s 9223372036854775808", NOT_POSITIVE),
            ("SPOP s 2 3", SYNTAX),
            ("SPOP s 0", "~[]"),
            ("SCARD s", ":5"),
        ],
    );
    let all: BTreeSet<Blob> = store.smembers("s").unwrap().into_iter().collect();
    let mut taken = by_name(&store, "SPOP s 2");
    assert_eq!(taken.len(), 2);
    taken.insert(store.spop("s").unwrap().unwrap());
    assert!(taken.is_disjoint(&store.smembers("s").unwrap().into_iter().collect()));
    taken.extend(by_name(&store, "SPOP s 9223372036854775807"));
    assert_eq!((taken, store.exists(&["s"]).unwrap()), (all, 0));
}

#[test]
fn srandmember_draws_and_removes_nothing() {
    let store = Store::new();
    let out_of_range =
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    expect(
        &store,
        &[
            ("SADD s a b c", ":3"),
            ("SRANDMEMBER s x", NOT_INTEGER),
            ("SRANDMEMBER s 9223372036854775808", NOT_INTEGER),
            ("SRANDMEMBER s -9223372036854775808", out_of_range),
            ("SRANDMEMBER no -9223372036854775808", out_of_range),
            ("SRANDMEMBER s x 2", SYNTAX),
            ("SRANDMEMBER s 0", "[]"),
        ],
    );
    for key in ["s", "ints", "large"] {
        match key {
            "ints" => store.sadd(key, &numbers(0..100)).map(drop).unwrap(),
            "large" => store.sadd(key, &words(0..1_000)).map(drop).unwrap(),
            _ => {}
        }
        let all: BTreeSet<Blob> = store.smembers(key).unwrap().into_iter().collect();
        for count in [1, 2, all.len() - 1, all.len(), 10_000] {
            let drawn = by_name(&store, &format!("SRANDMEMBER {key} {count}"));
            assert_eq!(drawn.len(), count.min(all.len()));
            assert!(drawn.is_subset(&all));
        }
        let drawn = store.srandmember_with(key, Picks::Repeated(50)).unwrap();
        assert!(drawn.len() == 50 && drawn.iter().all(|member| all.contains(member)));
        assert!(all.contains(&store.srandmember(key).unwrap().unwrap()));
        assert_eq!(store.scard(key).unwrap(), all.len());
    }
}

/// A real server fills its memory and ends.
#[test]
fn more_repeated_picks_than_memory_holds_are_refused() {
    let store = Store::new();
    store.sadd("s", &["a"]).unwrap();
    let error = store.execute(&["SRANDMEMBER", "s", "-9223372036854775807"]).unwrap_err();
    assert!(error.to_string().starts_with("ERR value is out of range, value must between -"), "{error}");
}

#[test]
fn sscan_looks_at_the_cursor_then_the_key_then_the_options() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SADD i 5 3 1 2 4", ":5"),
            ("SET str x", "+OK"),
            ("SSCAN i", "ERR wrong number of arguments for 'sscan' command"),
            ("SSCAN str x FOO", "ERR invalid cursor"),
            ("SSCAN no x FOO", "ERR invalid cursor"),
            ("SSCAN str 0 FOO", WRONG_TYPE),
            ("SSCAN i 0 FOO", SYNTAX),
            ("SSCAN i 0 COUNT", SYNTAX),
            ("SSCAN i 0 COUNT 0", SYNTAX),
            ("SSCAN i 0 COUNT x", NOT_INTEGER),
            ("SSCAN i 0 TYPE set", SYNTAX),
            ("SSCAN i 0 NOVALUES", SYNTAX),
            // A small set is given as a whole, whatever the cursor.
            ("SSCAN i 0 COUNT 1", r#"["0" ["1" "2" "3" "4" "5"]]"#),
            ("SSCAN i 77 COUNT 1 MATCH [12]", r#"["0" ["1" "2"]]"#),
        ],
    );
}

#[test]
fn a_walk_gives_what_stays_while_other_members_come_and_go() {
    let store = Store::new();
    store.sadd("s", &words(0..2_000)).unwrap();
    let (mut cursor, mut seen, mut steps) = (0, BTreeSet::new(), 0);
    loop {
        let (next, members) = store.sscan("s", cursor, &WalkOptions::new().count(20)).unwrap();
        seen.extend(members);
        if next == 0 {
            break;
        }
        cursor = next;
        store.srem("s", &words(1_000 + steps * 10..1_010 + steps * 10)).unwrap();
        store.sadd("s", &numbers(steps * 40..steps * 40 + 40)).unwrap();
        steps += 1;
    }
    assert!(steps > 20, "{steps} steps");
    assert!(words(0..1_000).into_iter().all(|word| seen.contains(&Blob::from(word))));
    let options = WalkOptions::new().matching("word:1?").count(100_000);
    let (end, found) = store.sscan("s", 0, &options).unwrap();
    assert_eq!((end, sorted(found)), (0, words(10..20).into_iter().map(Blob::from).collect()));
}

#[test]
fn a_transaction_that_fails_leaves_sets_as_they_were() {
    let store = Store::new();
    store.sadd("large", &words(0..500)).unwrap();
    store.sadd("small", &["1", "2"]).unwrap();
    let failed: Result<(), Error> = store.transaction(&["large", "small", "new"], |tx| {
        tx.execute(&["SADD", "large", "more"])?;
        tx.execute(&["SPOP", "large", "400"])?;
        tx.execute(&["SREM", "small", "1", "2"])?;
        tx.execute(&["SUNIONSTORE", "new", "large", "small"])?;
        Err(Error::new("NO not today"))
    });
    assert_eq!(failed.unwrap_err().code(), "NO");
    let members: BTreeSet<Blob> = store.smembers("large").unwrap().into_iter().collect();
    assert_eq!(members, words(0..500).into_iter().map(Blob::from).collect());
    assert_eq!(sorted(store.smembers("small").unwrap()), ["1", "2"]);
    assert_eq!(store.exists(&["new"]).unwrap(), 0);
}

#[test]
fn scripts_see_sets_as_tables() {
    let engine = redmoon::Engine::new(Store::new());
    let script = engine.script(
        "redis.call('SADD', KEYS[1], 3, 1, 2)
         redis.call('SADD', KEYS[2], 2, 3, 4)
         local both = redis.call('SINTER', KEYS[1], KEYS[2])
         redis.setresp(3)
         local typed = redis.call('SMEMBERS', KEYS[1])
         return {#both, both[1], both[2], redis.call('SISMEMBER', KEYS[1], 9), typed.set['3'] and 1 or 0}",
    );
    let reply: Value = script.key("a").key("b").invoke().unwrap();
    assert_eq!(super::show_value(&reply), r#"[:2 "2" "3" :0 :1]"#);
}
