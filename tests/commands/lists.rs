//! Lists: pushing, popping, ranges, changes in place, moves, positions.

use redmoon::{ErrorKind, ListPosition, ListSide, LposOptions, ManualClock, Store, Ttl};

use super::expect;

const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const NOT_POSITIVE: &str = "ERR value is out of range, must be positive";
const SYNTAX: &str = "ERR syntax error";
const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn elements_are_pushed_one_after_the_other() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("LPUSH l a b c", ":3"),
            ("RPUSH l d '' 12", ":6"),
            ("LRANGE l 0 -1", r#"["c" "b" "a" "d" "" "12"]"#),
            ("LPUSHX l x", ":7"),
            ("RPUSHX l y z", ":9"),
            ("LPUSHX none x", ":0"),
            ("RPUSHX none x y", ":0"),
            ("EXISTS none", ":0"),
            ("LLEN l", ":9"),
            ("LLEN none", ":0"),
            ("TYPE l", "+list"),
            ("OBJECT ENCODING l", r#""quicklist""#),
            ("LPUSH l", "ERR wrong number of arguments for 'lpush' command"),
        ],
    );
}

#[test]
fn elements_that_spell_numbers_come_back_as_they_were_spelled() {
    let store = Store::new();
    let words = ["007", "+1", "-0", "0", "-1", "127", "128", "4096", "99999", "-8388609", "1e3", " 1", "1 "];
    let large = ["9223372036854775807", "-9223372036854775808", "9223372036854775808", "2147483648"];
    store.rpush("l", &words).unwrap();
    store.rpush("l", &large).unwrap();
    let expected: Vec<&str> = words.into_iter().chain(large).collect();
    assert_eq!(store.lrange("l", 0, -1).unwrap(), expected);
    for (index, word) in expected.iter().enumerate() {
        assert_eq!(store.lpos("l", word).unwrap(), Some(index));
    }
}

#[test]
fn a_pop_answers_nil_without_a_list_and_tells_a_bad_count_before_it_looks() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET s v", "+OK"),
            ("LPOP l", "nil"),
            ("RPOP l 3", "nil"),
            ("LPOP l 0", "nil"),
            ("LPOP l -1", NOT_POSITIVE),
            ("RPOP l abc", NOT_POSITIVE),
            ("LPOP l 9223372036854775808", NOT_POSITIVE),
            ("LPOP l 1 2", "ERR wrong number of arguments for 'lpop' command"),
            ("RPOP s 1 2", "ERR wrong number of arguments for 'rpop' command"),
            ("LPOP s", WRONG_TYPE),
            ("LPOP s 0", WRONG_TYPE),
            ("LPOP s -1", NOT_POSITIVE),
            ("RPUSH l a b c d", ":4"),
            ("LPOP l 0", "[]"),
            ("LPOP l", r#""a""#),
            ("RPOP l 2", r#"["d" "c"]"#),
            ("LPOP l 9223372036854775807", r#"["b"]"#),
            ("EXISTS l", ":0"),
        ],
    );
}

#[test]
fn a_list_is_gone_with_its_last_element_and_so_is_its_deadline() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock).build();
    let empties: [&[&str]; 6] = [
        &["LPOP", "l"],
        &["RPOP", "l", "5"],
        &["LREM", "l", "0", "a"],
        &["LTRIM", "l", "5", "9"],
        &["LMOVE", "l", "other", "LEFT", "RIGHT"],
        &["LMPOP", "1", "l", "LEFT"],
    ];
    for command in empties {
        store.rpush("l", &["a"]).unwrap();
        store.expire("l", 100).unwrap();
        store.execute(command).unwrap();
        assert!(store.exists(&["l"]).unwrap() == 0, "{command:?}");
        store.rpush("l", &["b"]).unwrap();
        assert_eq!(store.ttl("l").unwrap(), Ttl::Persistent, "{command:?}");
        store.del(&["l"]).unwrap();
    }
}

#[test]
fn indices_count_from_both_ends() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("RPUSH l a b c d", ":4"),
            ("LINDEX l 0", r#""a""#),
            ("LINDEX l -1", r#""d""#),
            ("LINDEX l -4", r#""a""#),
            ("LINDEX l -5", "nil"),
            ("LINDEX l 4", "nil"),
            ("LINDEX l 9223372036854775807", "nil"),
            ("LINDEX l -9223372036854775808", "nil"),
            ("LRANGE l 1 2", r#"["b" "c"]"#),
            ("LRANGE l -3 -2", r#"["b" "c"]"#),
            ("LRANGE l -100 100", r#"["a" "b" "c" "d"]"#),
            ("LRANGE l 2 1", "[]"),
            ("LRANGE l 4 10", "[]"),
            ("LRANGE l 0 -5", "[]"),
            ("LRANGE l -9223372036854775808 9223372036854775807", r#"["a" "b" "c" "d"]"#),
            ("LRANGE l 9223372036854775807 -9223372036854775808", "[]"),
            ("LSET l -1 D", "+OK"),
            ("LSET l 0 10", "+OK"),
            ("LSET l 4 x", "ERR index out of range"),
            ("LSET l -5 x", "ERR index out of range"),
            ("LRANGE l 0 -1", r#"["10" "b" "c" "D"]"#),
        ],
    );
}

#[test]
fn a_bad_index_is_told_by_some_commands_before_the_key_is_looked_at_and_by_some_after() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET s v", "+OK"),
            ("RPUSH l a", ":1"),
            ("LINDEX none abc", "nil"),
            ("LINDEX s abc", WRONG_TYPE),
            ("LINDEX l abc", NOT_INTEGER),
            ("LSET none abc x", "ERR no such key"),
            ("LSET s abc x", WRONG_TYPE),
            ("LSET l abc x", NOT_INTEGER),
            ("LRANGE none abc 1", NOT_INTEGER),
            ("LRANGE s 0 abc", NOT_INTEGER),
            ("LTRIM none abc 1", NOT_INTEGER),
            ("LTRIM s 0 abc", NOT_INTEGER),
            ("LREM none abc x", NOT_INTEGER),
            ("LREM s abc x", NOT_INTEGER),
            ("LINSERT none junk a x", SYNTAX),
            ("LINSERT s junk a x", SYNTAX),
            ("LMOVE s none junk LEFT", SYNTAX),
            ("LMOVE s none LEFT junk", SYNTAX),
            ("LPOS s a RANK 0 junk", RANK_ZERO),
            ("LPOS s a junk RANK", SYNTAX),
        ],
    );
}

const RANK_ZERO: &str = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                         negative to start from the end of the list";

#[test]
fn a_key_of_another_type_is_refused_and_left_as_it_was() {
    let store = Store::new();
    expect(&store, &[("SET s v", "+OK"), ("RPUSH l a b", ":2")]);
    for line in [
        "LPUSH s x",
        "RPUSH s x",
        "LPUSHX s x",
        "RPUSHX s x",
        "LPOP s",
        "RPOP s 2",
        "LLEN s",
        "LINDEX s 0",
        "LRANGE s 0 -1",
        "LSET s 0 x",
        "LINSERT s BEFORE v x",
        "LREM s 0 v",
        "LTRIM s 1 0",
        "LPOS s v",
        "LMOVE s l LEFT LEFT",
        "LMOVE l s LEFT LEFT",
        "LMOVE s s LEFT LEFT",
        "RPOPLPUSH s none",
        "RPOPLPUSH l s",
        "LMPOP 2 none s LEFT",
        "LMPOP 2 s l LEFT",
    ] {
        expect(
            &store,
            &[(line, WRONG_TYPE), ("GET s", r#""v""#), ("LRANGE l 0 -1", r#"["a" "b"]"#), ("DBSIZE", ":2")],
        );
    }
    expect(
        &store,
        &[("GET l", WRONG_TYPE), ("APPEND l x", WRONG_TYPE), ("SET l x", "+OK"), ("TYPE l", "+string")],
    );
}

#[test]
fn linsert_finds_the_first_pivot() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("LINSERT l BEFORE a x", ":0"),
            ("RPUSH l a b a 5", ":4"),
            ("LINSERT l before a x", ":5"),
            ("LINSERT l AfTeR a y", ":6"),
            ("LINSERT l AFTER 5 6", ":7"),
            ("LINSERT l AFTER 05 6", ":-1"),
            ("LINSERT l BEFORE none x", ":-1"),
            ("LRANGE l 0 -1", r#"["x" "a" "y" "b" "a" "5" "6"]"#),
        ],
    );
    assert_eq!(store.linsert("none", ListPosition::Before, "a", "b").unwrap(), None);
}

#[test]
fn lrem_goes_from_the_side_that_the_sign_says() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("RPUSH l a b a c a b a", ":7"),
            ("LREM l 1 a", ":1"),
            ("LREM l -2 a", ":2"),
            ("LRANGE l 0 -1", r#"["b" "a" "c" "b"]"#),
            ("LREM l 5 none", ":0"),
            ("LREM l -9223372036854775808 b", ":2"),
            ("LRANGE l 0 -1", r#"["a" "c"]"#),
            ("LREM none 0 a", ":0"),
        ],
    );
}

#[test]
fn ltrim_keeps_what_lrange_would_answer() {
    let words: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    for start in -12..12 {
        for stop in -12..12 {
            let store = Store::new();
            store.rpush("l", &words).unwrap();
            let kept = store.lrange("l", start, stop).unwrap();
            store.ltrim("l", start, stop).unwrap();
            assert_eq!(store.lrange("l", 0, -1).unwrap(), kept, "{start} to {stop}");
            assert_eq!(store.exists(&["l"]).unwrap() == 1, !kept.is_empty());
        }
    }
    expect(&Store::new(), &[("LTRIM none 0 1", "+OK"), ("EXISTS none", ":0")]);
}

#[test]
fn a_move_looks_at_the_destination_only_if_there_is_something_to_move() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET s v", "+OK"),
            ("LMOVE none s LEFT LEFT", "nil"),
            ("RPOPLPUSH none s", "nil"),
            ("RPUSH a 1 2 3", ":3"),
            ("LMOVE a b left RIGHT", r#""1""#),
            ("LMOVE a b RIGHT RIGHT", r#""3""#),
            ("LMOVE a b LEFT LEFT", r#""2""#),
            ("EXISTS a", ":0"),
            ("LRANGE b 0 -1", r#"["2" "1" "3"]"#),
            ("RPOPLPUSH b a", r#""3""#),
            ("LRANGE a 0 -1", r#"["3"]"#),
        ],
    );
}

#[test]
fn a_list_may_be_moved_into_itself() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("RPUSH l a b c", ":3"),
            ("RPOPLPUSH l l", r#""c""#),
            ("LRANGE l 0 -1", r#"["c" "a" "b"]"#),
            ("LMOVE l l LEFT RIGHT", r#""c""#),
            ("LRANGE l 0 -1", r#"["a" "b" "c"]"#),
            ("LMOVE l l LEFT LEFT", r#""a""#),
            ("LMOVE l l RIGHT RIGHT", r#""c""#),
            ("LRANGE l 0 -1", r#"["a" "b" "c"]"#),
            ("LTRIM l 0 0", "+OK"),
            ("EXPIRE l 100", ":1"),
            ("RPOPLPUSH l l", r#""a""#),
            ("LRANGE l 0 -1", r#"["a"]"#),
            ("TTL l", ":100"),
        ],
    );
}

#[test]
fn lmpop_takes_from_the_first_list_that_exists() {
    const NUMKEYS: &str = "ERR numkeys should be greater than 0";
    const COUNT: &str = "ERR count should be greater than 0";
    let store = Store::new();
    expect(
        &store,
        &[
            ("LMPOP abc l LEFT", NUMKEYS),
            ("LMPOP 0 l LEFT", NUMKEYS),
            ("LMPOP -1 l LEFT", NUMKEYS),
            ("LMPOP 2 l LEFT", SYNTAX),
            ("LMPOP 9223372036854775807 l LEFT", SYNTAX),
            ("LMPOP 1 l junk", SYNTAX),
            ("LMPOP 1 l LEFT COUNT", SYNTAX),
            ("LMPOP 1 l LEFT COUNT 0", COUNT),
            ("LMPOP 1 l LEFT COUNT abc", COUNT),
            ("LMPOP 1 l LEFT COUNT 0 junk", COUNT),
            ("LMPOP 1 l LEFT COUNT 1 COUNT 1", SYNTAX),
            ("LMPOP 1 l LEFT junk 1", SYNTAX),
            ("LMPOP 2 l m LEFT", "nil"),
            ("RPUSH m a b c d", ":4"),
            ("SET s v", "+OK"),
            ("LMPOP 2 l m LEFT", r#"["m" ["a"]]"#),
            ("LMPOP 3 l m s RIGHT count 2", r#"["m" ["d" "c"]]"#),
            ("LMPOP 1 m RIGHT COUNT 9223372036854775807", r#"["m" ["b"]]"#),
            ("EXISTS m", ":0"),
        ],
    );
    let none: [&str; 0] = [];
    assert_eq!(store.lmpop(&none, ListSide::Left, 1).unwrap_err().to_string(), NUMKEYS);
    assert_eq!(store.lmpop(&["l"], ListSide::Left, 0).unwrap_err().to_string(), COUNT);
    assert_eq!(store.lmpop(&["l"], ListSide::Left, 1).unwrap(), None);
}

#[test]
fn lpos_counts_matches_from_the_end_that_the_rank_says() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("RPUSH l a b c a b c a b c 7", ":10"),
            ("LPOS l b", ":1"),
            ("LPOS l b RANK 2", ":4"),
            ("LPOS l b rank -1", ":7"),
            ("LPOS l b RANK 4", "nil"),
            ("LPOS l b COUNT 0", "[:1 :4 :7]"),
            ("LPOS l b COUNT 2 RANK -2", "[:4 :1]"),
            ("LPOS l b RANK 5 COUNT 0", "[]"),
            ("LPOS l b MAXLEN 1", "nil"),
            ("LPOS l b MAXLEN 2", ":1"),
            ("LPOS l b MAXLEN 5 COUNT 0", "[:1 :4]"),
            ("LPOS l b MAXLEN 3 RANK -1", ":7"),
            ("LPOS l b MAXLEN 2 RANK -1", "nil"),
            ("LPOS l b MAXLEN 0", ":1"),
            ("LPOS l 7", ":9"),
            ("LPOS l 07", "nil"),
            ("LPOS l none COUNT 1", "[]"),
            ("LPOS none a", "nil"),
            ("LPOS none a COUNT 1", "[]"),
            ("LPOS l b RANK 1 RANK 2", ":4"),
            ("LPOS l b RANK 9223372036854775807", "nil"),
            // Its opposite does not fit, so every match counts as past it.
            ("LPOS l b RANK -9223372036854775808", ":7"),
        ],
    );
}

#[test]
fn lpos_tells_bad_options_in_the_order_in_which_they_stand() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("LPOS l a RANK 0", RANK_ZERO),
            ("LPOS l a RANK abc", NOT_INTEGER),
            ("LPOS l a COUNT -1", "ERR COUNT can't be negative"),
            ("LPOS l a COUNT abc", "ERR COUNT can't be negative"),
            ("LPOS l a MAXLEN -1", "ERR MAXLEN can't be negative"),
            ("LPOS l a COUNT", SYNTAX),
            ("LPOS l a COUNT 1 RANK 0", RANK_ZERO),
            ("LPOS l a RANK 0 COUNT -1", RANK_ZERO),
            ("LPOS l a COUNT -1 RANK 0", "ERR COUNT can't be negative"),
            ("LPOS l a junk 1", SYNTAX),
        ],
    );
    let error = store.lpos_with("l", "a", LposOptions::new().rank(0)).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidArgument, RANK_ZERO));
}

#[test]
fn an_element_past_the_largest_size_is_refused_and_changes_nothing() {
    let store = Store::builder().max_string_len(10).build();
    store.rpush("l", &["short"]).unwrap();
    let long = "eleven byte";
    for result in [
        store.rpush("l", &["fits", long]).map(drop),
        store.lpushx("l", &[long]).map(drop),
        store.lset("l", 0, long),
        store.linsert("l", ListPosition::After, "short", long).map(drop),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::TooLarge);
    }
    assert_eq!(store.lrange("l", 0, -1).unwrap(), ["short"]);
}

#[test]
fn pushing_nothing_makes_no_list() {
    let store = Store::new();
    let nothing: [&str; 0] = [];
    assert_eq!(store.lpush("l", &nothing).unwrap(), 0);
    assert!(store.exists(&["l"]).unwrap() == 0);
    store.rpush("l", &["a"]).unwrap();
    assert_eq!(store.rpush("l", &nothing).unwrap(), 1);
    assert_eq!(store.rpop_count("l", 0).unwrap(), nothing);
    assert_eq!(store.llen("l").unwrap(), 1);
}

#[test]
fn a_transaction_that_fails_puts_lists_back() {
    let store = Store::new();
    let words: Vec<String> = (0..3000).map(|number| format!("word {number}")).collect();
    store.rpush("long", &words).unwrap();
    store.rpush("short", &["a", "b"]).unwrap();
    let failed = store.transaction(&["long", "short", "new"], |tx| {
        tx.execute(&["LPUSH", "long", "x", "y"])?;
        tx.execute(&["LREM", "long", "0", "word 1500"])?;
        tx.execute(&["LSET", "long", "-1", "z"])?;
        tx.execute(&["LTRIM", "long", "5", "100"])?;
        tx.execute(&["LPOP", "short", "5"])?;
        tx.execute(&["RPUSH", "new", "element"])?;
        Err::<(), _>(redmoon::Error::new("STOP"))
    });
    assert_eq!(failed.unwrap_err().code(), "STOP");
    assert_eq!(store.lrange("long", 0, -1).unwrap(), words);
    assert_eq!(store.lrange("short", 0, -1).unwrap(), ["a", "b"]);
    assert!(store.exists(&["new"]).unwrap() == 0);
}

#[test]
fn a_copy_of_a_long_list_is_a_list_of_its_own() {
    let store = Store::new();
    let words: Vec<String> = (0..3000).map(|number| format!("word {number}")).collect();
    store.rpush("l", &words).unwrap();
    expect(&store, &[("COPY l copy", ":1"), ("LPUSH l first", ":3001"), ("RPOP copy", r#""word 2999""#)]);
    assert_eq!(store.lrange("l", 1, -1).unwrap(), words);
    assert_eq!(store.lrange("copy", 0, -1).unwrap(), words[..2999]);
}
