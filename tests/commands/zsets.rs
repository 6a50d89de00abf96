//! Sorted sets: members and scores, ranges, sets made of several, and members from the ends or by chance.

use redmoon::{
    Aggregate, Engine, ErrorKind, LexBound, LexRange, Picks, RankRange, ScoreBound, ScoreRange, Store, Value,
    WalkOptions, ZaddOptions, ZsetEnd,
};

use super::{expect, show};

const NOT_FLOAT: &str = "ERR value is not a valid float";
const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const NAN: &str = "ERR resulting score is not a number (NaN)";
const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const BAD_SCORES: &str = "ERR min or max is not a float";
const BAD_MEMBERS: &str = "ERR min or max not valid string range item";
const COMPARISONS: &str = "ERR GT, LT, and/or NX options at the same time are not compatible";

#[test]
fn zadd_checks_its_options_before_its_scores_and_its_scores_before_the_key() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET text x", "+OK"),
            ("ZADD z 1", "ERR wrong number of arguments for 'zadd' command"),
            ("ZADD z 1 a 2", "ERR syntax error"),
            ("ZADD z NX XX", "ERR syntax error"),
            ("ZADD z foo a bar", "ERR syntax error"),
            ("ZADD z NX XX 1 a", "ERR XX and NX options at the same time are not compatible"),
            ("ZADD z NX XX INCR 1 a 2 b", "ERR XX and NX options at the same time are not compatible"),
            ("ZADD z NX GT 1 a", COMPARISONS),
            ("ZADD z LT NX 1 a", COMPARISONS),
            ("ZADD z GT LT 1 a", COMPARISONS),
            ("ZADD z INCR 1 a 2 b", "ERR INCR option supports a single increment-element pair"),
            ("ZADD z 1 a foo b", NOT_FLOAT),
            ("ZADD z nan a", NOT_FLOAT),
            ("ZADD text NX XX 1 a", "ERR XX and NX options at the same time are not compatible"),
            ("ZADD text foo a", NOT_FLOAT),
            ("ZADD text 1 a", WRONG_TYPE),
            ("EXISTS z", ":0"),
        ],
    );
}

#[test]
fn zadd_counts_what_it_added_and_with_ch_what_it_changed() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("ZADD z 1 a 2 b", ":2"),
            ("ZADD z 1 a 3 b 4 c", ":1"),
            ("ZADD z CH 1 a 5 b 6 d", ":2"),
            ("ZADD z CH 2 a 3 a", ":2"),
            ("ZADD z CH ch CH 3 a", ":0"),
            ("ZADD z 1 same 1 same", ":1"),
            ("ZRANGE z 0 -1 WITHSCORES", r#"["same" "1" "a" "3" "c" "4" "b" "5" "d" "6"]"#),
        ],
    );
}

#[test]
fn zadd_with_conditions_leaves_the_other_members_alone() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("ZADD z XX 1 a", ":0"),
            ("EXISTS z", ":0"),
            ("ZADD z NX 1 a", ":1"),
            ("ZADD z NX CH 5 a 2 b", ":1"),
            ("ZADD z XX CH 5 a 3 c", ":1"),
            ("ZADD z GT CH 4 a 1 c", ":1"),
            ("ZADD z LT CH 4 a 2 c", ":1"),
            ("ZADD z XX GT CH 6 a 7 d", ":1"),
            ("ZRANGE z 0 -1 WITHSCORES", r#"["c" "1" "b" "2" "a" "6"]"#),
        ],
    );
}

#[test]
fn zadd_with_incr_answers_the_score_or_nil_where_it_may_not() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("ZADD none XX INCR 1 a", "nil"),
            ("EXISTS none", ":0"),
            ("ZADD z INCR 1.5 a", r#""1.5""#),
            ("ZADD z INCR 1 a", r#""2.5""#),
            ("ZADD z NX INCR 1 a", "nil"),
            ("ZADD z GT INCR 0 a", "nil"),
            ("ZADD z GT INCR -1 a", "nil"),
            ("ZADD z LT INCR -1 a", r#""1.5""#),
            ("ZINCRBY z foo a", NOT_FLOAT),
            ("ZINCRBY z 1e400 a", NOT_FLOAT),
            ("ZINCRBY z -0.5 a", r#""1""#),
            ("ZADD z inf up -inf down", ":2"),
            ("ZADD z INCR -inf up", NAN),
            ("ZINCRBY z inf down", NAN),
            ("ZSCORE z up", r#""inf""#),
        ],
    );
}

#[test]
fn scores_are_written_with_17_digits_in_resp2() {
    let store = Store::new();
    for (score, text) in [
        ("0.1", "0.10000000000000001"),
        ("3.0", "3"),
        ("0x10", "16"),
        ("+inf", "inf"),
        ("-inf", "-inf"),
        ("1.0000000000000002", "1.0000000000000002"),
        ("1e16", "10000000000000000"),
        ("99999999999999984", "99999999999999984"),
        ("1e17", "1e+17"),
        ("-1e17", "-1e+17"),
        ("1e21", "1e+21"),
        ("1e-5", "1.0000000000000001e-05"),
        ("4611686018427387904", "4.6116860184273879e+18"),
        ("5e-324", "4.9406564584124654e-324"),
        ("-1.5", "-1.5"),
    ] {
        store.execute(&["ZADD", "z", score, "m"]).unwrap();
        assert_eq!(show(&store.execute(&["ZSCORE", "z", "m"])), format!("{text:?}"), "a score of {score}");
    }
}

#[test]
fn a_negative_zero_keeps_its_sign_in_a_large_set_only() {
    let small = Store::new();
    let large = Store::builder().zset_max_listpack_entries(0).build();
    for (store, text) in [(&small, r#""0""#), (&large, r#""-0""#)] {
        expect(store, &[("ZADD z -0 m", ":1"), ("ZSCORE z m", text), ("ZINCRBY z -0 m", text)]);
    }
    expect(
        &large,
        &[
            ("ZADD z CH 0 m", ":0"),
            ("ZSCORE z m", r#""-0""#),
            ("ZADD z INCR 0 m", r#""0""#),
            ("ZSCORE z m", r#""-0""#),
            ("ZADD z 0 a 0 z", ":2"),
            ("ZRANGE z 0 -1", r#"["a" "m" "z"]"#),
        ],
    );
}

#[test]
fn a_set_becomes_large_with_one_member_or_byte_more_than_its_limits() {
    let store = Store::builder().zset_max_listpack_entries(3).zset_max_listpack_value(5).build();
    expect(
        &store,
        &[
            ("ZADD z 1 a 2 b 3 fives", ":3"),
            ("OBJECT ENCODING z", r#""listpack""#),
            ("ZADD z 9 a 9 a 9 a", ":0"),
            ("OBJECT ENCODING z", r#""listpack""#),
            ("ZADD z XX 1 d", ":0"),
            ("OBJECT ENCODING z", r#""listpack""#),
            ("ZADD z 1 d", ":1"),
            ("OBJECT ENCODING z", r#""skiplist""#),
            ("ZREM z a b d", ":3"),
            ("OBJECT ENCODING z", r#""skiplist""#),
            ("ZUNIONSTORE new 1 z", ":1"),
            ("OBJECT ENCODING new", r#""listpack""#),
            ("ZADD new 1 sixsix", ":1"),
            ("OBJECT ENCODING new", r#""skiplist""#),
            ("ZRANGESTORE copy new 0 0", ":1"),
            ("OBJECT ENCODING copy", r#""skiplist""#),
            ("ZRANGESTORE copy new 1 1", ":1"),
            ("OBJECT ENCODING copy", r#""listpack""#),
        ],
    );
}

#[test]
fn a_set_goes_with_its_last_member() {
    let store = Store::new();
    for last in ["ZREM z a b", "ZPOPMIN z 9", "ZREMRANGEBYRANK z 0 -1", "ZMPOP 1 z MAX COUNT 2"] {
        expect(&store, &[("ZADD z 1 a 2 b", ":2")]);
        store.execute(&last.split(' ').collect::<Vec<_>>()).unwrap();
        expect(&store, &[("EXISTS z", ":0"), ("TYPE z", "+none")]);
    }
}

#[test]
fn ranks_count_from_either_end_and_come_with_scores() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("ZADD z 1 a 2 b 2 c", ":3"),
            ("ZRANK z b", ":1"),
            ("ZREVRANK z b", ":1"),
            ("ZREVRANK z c", ":0"),
            ("ZRANK z none", "nil"),
            ("ZRANK none a", "nil"),
            ("ZRANK z c withscore", r#"[:2 "2"]"#),
            ("ZREVRANK z c WITHSCORE", r#"[:0 "2"]"#),
            ("ZRANK z none WITHSCORE", "nil"),
            ("ZRANK z a foo", "ERR syntax error"),
            ("ZRANK z a WITHSCORE foo", "ERR wrong number of arguments for 'zrank' command"),
            ("ZMSCORE z c none a", r#"["2" nil "1"]"#),
            ("ZMSCORE none a b", "[nil nil]"),
        ],
    );
    let reply = store.execute(&["ZRANK", "z", "none", "WITHSCORE"]);
    assert_eq!(reply.unwrap(), Value::NilArray);
}

#[test]
fn zrange_reads_its_options_before_its_ends() {
    let store = Store::new();
    let limit = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
    let scores = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";
    expect(
        &store,
        &[
            ("ZADD z 1 a 2 b 3 c 4 d 5 e", ":5"),
            ("SET text x", "+OK"),
            ("ZRANGE z 0 -1 LIMIT 0 1", limit),
            ("ZRANGESTORE d z 0 1 LIMIT 0 1", limit),
            ("ZREVRANGE z 0 1 LIMIT 0 1", limit),
            // A limit of -1 is none.
            ("ZRANGE z 0 1 LIMIT 3 -1", r#"["a" "b"]"#),
            ("ZRANGE z 0 -1 LIMIT 0", "ERR syntax error"),
            ("ZRANGE z a b BYSCORE LIMIT x 0", NOT_INTEGER),
            ("ZRANGE z a b BYLEX WITHSCORES", scores),
            ("ZRANGEBYLEX z - + WITHSCORES", scores),
            ("ZRANGE z 1 2 BYSCORE BYLEX", "ERR syntax error"),
            ("ZRANGE z 1 2 REV REV", "ERR syntax error"),
            ("ZRANGE z 0 0 WITHSCORES withscores", r#"["a" "1"]"#),
            ("ZRANGEBYSCORE z 1 2 BYSCORE", "ERR syntax error"),
            ("ZREVRANGE z 0 1 REV", "ERR syntax error"),
            ("ZRANGESTORE d z 0 1 WITHSCORES", "ERR syntax error"),
            ("ZRANGE text a b BYSCORE", BAD_SCORES),
            ("ZRANGE none a b BYLEX", BAD_MEMBERS),
            ("ZRANGE text x 0", NOT_INTEGER),
            ("ZRANGE text 0 1", WRONG_TYPE),
            ("ZCOUNT text x 1", BAD_SCORES),
            ("ZLEXCOUNT text x y", BAD_MEMBERS),
            ("ZREMRANGEBYRANK text 0 x", NOT_INTEGER),
            ("ZREMRANGEBYSCORE text 1 2", WRONG_TYPE),
        ],
    );
}

#[test]
fn ranges_of_ranks_may_reach_past_either_end() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("ZADD z 1 a 2 b 3 c", ":3"),
            ("ZRANGE z -100 100", r#"["a" "b" "c"]"#),
            ("ZRANGE z -9223372036854775808 9223372036854775807", r#"["a" "b" "c"]"#),
            ("ZRANGE z 2 1", "[]"),
            ("ZRANGE z 3 9", "[]"),
            ("ZRANGE z 0 -4", "[]"),
            ("ZRANGE z -2 -1 REV", r#"["b" "a"]"#),
            ("ZREVRANGE z 0 0 WITHSCORES", r#"["c" "3"]"#),
            ("ZRANGE none 0 -1", "[]"),
            ("ZREMRANGEBYRANK z 5 9", ":0"),
            ("ZREMRANGEBYRANK z -1 9", ":1"),
            ("ZREMRANGEBYRANK z 0 -3", ":0"),
            ("ZRANGE z 0 -1", r#"["a" "b"]"#),
        ],
    );
}

#[test]
fn ends_of_ranges_of_scores_are_read_loosely() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("ZADD z 1 a 2 b 3 c inf up -inf down", ":5"),
            ("ZRANGEBYSCORE z (1 (3", r#"["b"]"#),
            ("ZRANGEBYSCORE z 3 1", "[]"),
            ("ZRANGE z 3 1 BYSCORE REV", r#"["c" "b" "a"]"#),
            ("ZREVRANGEBYSCORE z (3 (1", r#"["b"]"#),
            ("ZRANGEBYSCORE z -inf +inf", r#"["down" "a" "b" "c" "up"]"#),
            ("ZRANGEBYSCORE z (-inf (inf", r#"["a" "b" "c"]"#),
            ("ZRANGEBYSCORE z (inf +inf", "[]"),
            // An empty text is 0, and what is too large an infinity.
            ("ZCOUNT z '' 1", ":1"),
            ("ZCOUNT z ( 2", ":2"),
            ("ZCOUNT z -1e400 1e400", ":5"),
            ("ZCOUNT z nan 1", BAD_SCORES),
            ("ZCOUNT z 1 (nan", BAD_SCORES),
            ("ZCOUNT z [1 2", BAD_SCORES),
        ],
    );
    assert_eq!(show(&store.execute(&["ZCOUNT", "z", " 1", "2"])), ":2");
    assert_eq!(show(&store.execute(&["ZCOUNT", "z", "1 ", "2"])), BAD_SCORES);
    assert_eq!(show(&store.execute(&["ZCOUNT", "z", "( ", "2"])), BAD_SCORES);
}

#[test]
fn a_limit_with_a_negative_count_is_none_and_one_with_a_negative_offset_gives_nothing() {
    let store = Store::new();
    for kind in ["small", "large"] {
        if kind == "large" {
            // Longer than any member of a small set.
            store.zadd("z", &[(1e300, "x".repeat(100))]).unwrap();
        }
        expect(
            &store,
            &[
                ("ZADD z 1 a 2 b 3 c 4 d", if kind == "small" { ":4" } else { ":0" }),
                ("ZRANGEBYSCORE z 1 9 LIMIT 1 2", r#"["b" "c"]"#),
                ("ZRANGEBYSCORE z 1 9 LIMIT 2 -1", r#"["c" "d"]"#),
                ("ZRANGEBYSCORE z 1 9 LIMIT 2 -7", r#"["c" "d"]"#),
                ("ZRANGEBYSCORE z 1 9 LIMIT -1 2", "[]"),
                ("ZRANGEBYSCORE z 1 9 LIMIT 9 1", "[]"),
                ("ZRANGEBYSCORE z 1 9 LIMIT 1 0", "[]"),
                ("ZREVRANGEBYSCORE z 9 1 LIMIT 1 2", r#"["c" "b"]"#),
                ("ZRANGE z 9 2 BYSCORE REV LIMIT 1 9 WITHSCORES", r#"["c" "3" "b" "2"]"#),
                ("ZRANGEBYSCORE z 1 9 LIMIT 1 2 LIMIT 0 1", r#"["a"]"#),
                ("ZRANGEBYSCORE z 1 9 LIMIT 0 1 WITHSCORES", r#"["a" "1"]"#),
            ],
        );
    }
}

#[test]
fn ranges_of_members_compare_bytes() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("ZADD z 0 a 0 b 0 aa 0 B 0 c", ":5"),
            ("ZRANGEBYLEX z - +", r#"["B" "a" "aa" "b" "c"]"#),
            ("ZRANGEBYLEX z [a (b", r#"["a" "aa"]"#),
            ("ZRANGEBYLEX z (a [b", r#"["aa" "b"]"#),
            ("ZRANGEBYLEX z [ (a", r#"["B"]"#),
            ("ZRANGEBYLEX z + -", "[]"),
            ("ZREVRANGEBYLEX z + - LIMIT 1 2", r#"["b" "aa"]"#),
            ("ZRANGE z (b [a BYLEX REV", r#"["aa" "a"]"#),
            ("ZLEXCOUNT z (a +", ":3"),
            ("ZLEXCOUNT none - +", ":0"),
            ("ZRANGEBYLEX z a +", BAD_MEMBERS),
            ("ZRANGEBYLEX z - +a", BAD_MEMBERS),
            ("ZRANGEBYLEX z '' +", BAD_MEMBERS),
            ("ZREMRANGEBYLEX z [a (b", ":2"),
            ("ZRANGE z 0 -1", r#"["B" "b" "c"]"#),
        ],
    );
}

#[test]
fn zrangestore_replaces_what_the_key_holds_and_removes_it_for_nothing() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("ZADD z 1 a 2 b 3 c", ":3"),
            ("SET d x EX 100", "+OK"),
            ("ZRANGESTORE d d 0 -1", WRONG_TYPE),
            ("ZRANGESTORE d z 0 1 REV", ":2"),
            ("ZRANGE d 0 -1 WITHSCORES", r#"["b" "2" "c" "3"]"#),
            ("TTL d", ":-1"),
            ("ZRANGESTORE d z (1 3 BYSCORE LIMIT 0 1", ":1"),
            ("ZRANGE d 0 -1 WITHSCORES", r#"["b" "2"]"#),
            ("ZRANGESTORE z z 1 -1", ":2"),
            ("ZRANGE z 0 -1", r#"["b" "c"]"#),
            ("ZRANGESTORE d none 0 -1", ":0"),
            ("EXISTS d", ":0"),
        ],
    );
}

#[test]
fn operations_on_several_sets_check_their_keys_before_their_options() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET text x", "+OK"),
            ("ZADD z 1 a", ":1"),
            ("ZUNIONSTORE d 0 z", "ERR at least 1 input key is needed for 'zunionstore' command"),
            ("ZDIFF -1 z", "ERR at least 1 input key is needed for 'zdiff' command"),
            ("ZINTERCARD 0 z", "ERR at least 1 input key is needed for 'zintercard' command"),
            ("ZINTER x z", NOT_INTEGER),
            ("ZUNION 2 z", "ERR syntax error"),
            ("ZUNION 9223372036854775807 z", "ERR syntax error"),
            ("ZUNION 2 none text foo", WRONG_TYPE),
            ("ZINTER 1 text WEIGHTS x", WRONG_TYPE),
            ("ZINTERCARD 1 text LIMIT x", WRONG_TYPE),
            ("ZUNION 1 z WEIGHTS", "ERR syntax error"),
            ("ZUNION 1 z WEIGHTS x", "ERR weight value is not a float"),
            ("ZUNION 1 z WEIGHTS nan", "ERR weight value is not a float"),
            ("ZUNION 1 z WEIGHTS 1 2", "ERR syntax error"),
            ("ZUNION 1 z AGGREGATE avg", "ERR syntax error"),
            ("ZUNIONSTORE d 1 z WITHSCORES", "ERR syntax error"),
            ("ZDIFF 1 z WEIGHTS 1", "ERR syntax error"),
            ("ZINTERCARD 1 z LIMIT -1", "ERR LIMIT can't be negative"),
            ("ZINTERCARD 1 z LIMIT x", "ERR LIMIT can't be negative"),
            ("ZINTERCARD 1 z LIMIT", "ERR syntax error"),
            ("ZINTERCARD 1 z WITHSCORES", "ERR syntax error"),
            ("EXISTS d", ":0"),
        ],
    );
}

#[test]
fn unions_and_intersections_join_scores() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("ZADD x 1 a 2 b 3 c", ":3"),
            ("ZADD y 10 b 20 c 30 d", ":3"),
            ("ZUNION 2 x y WITHSCORES", r#"["a" "1" "b" "12" "c" "23" "d" "30"]"#),
            ("ZUNION 2 x y", r#"["a" "b" "c" "d"]"#),
            (
                "ZUNION 2 x y WEIGHTS 10 1 AGGREGATE MIN WITHSCORES",
                r#"["a" "10" "b" "10" "c" "20" "d" "30"]"#,
            ),
            ("ZINTER 2 x y WITHSCORES AGGREGATE MAX", r#"["b" "10" "c" "20"]"#),
            ("ZINTER 3 x y none", "[]"),
            ("ZINTER 2 x x WITHSCORES", r#"["a" "2" "b" "4" "c" "6"]"#),
            ("ZDIFF 2 x y WITHSCORES", r#"["a" "1"]"#),
            ("ZDIFF 3 none x y", "[]"),
            ("ZDIFF 2 x x", "[]"),
            ("ZINTERCARD 2 x y", ":2"),
            ("ZINTERCARD 2 x y LIMIT 1", ":1"),
            ("ZINTERCARD 2 x y LIMIT 0", ":2"),
            ("ZUNIONSTORE x 2 x y", ":4"),
            ("ZINTERSTORE y 2 x y WEIGHTS 0 1", ":3"),
            ("ZRANGE y 0 -1 WITHSCORES", r#"["b" "10" "c" "20" "d" "30"]"#),
            ("ZDIFFSTORE z 2 x y", ":1"),
            ("ZINTERSTORE z 2 x none", ":0"),
            ("EXISTS z", ":0"),
        ],
    );
}

#[test]
fn infinities_that_meet_make_zero() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("ZADD x inf up -inf down 1 a", ":3"),
            ("ZADD y -inf up inf down", ":2"),
            ("ZUNION 2 x y WITHSCORES", r#"["down" "0" "up" "0" "a" "1"]"#),
            ("ZUNION 1 x WEIGHTS 0 WITHSCORES", r#"["a" "0" "down" "0" "up" "0"]"#),
            ("ZINTER 2 y x WEIGHTS 0 1 WITHSCORES", r#"["down" "-inf" "up" "inf"]"#),
            ("ZINTER 2 y x WEIGHTS 1 0 WITHSCORES", r#"["down" "0" "up" "0"]"#),
            ("ZUNIONSTORE d 2 x y WEIGHTS -1 1", ":3"),
            ("ZRANGE d 0 -1 WITHSCORES", r#"["up" "-inf" "a" "-1" "down" "inf"]"#),
            // The sign of a zero is lost where the result is stored as a small set.
            ("ZUNION 1 x WEIGHTS -0 WITHSCORES", r#"["a" "-0" "down" "0" "up" "0"]"#),
            ("ZUNIONSTORE d 1 x WEIGHTS -0", ":3"),
            ("ZSCORE d a", r#""0""#),
        ],
    );
}

#[test]
fn pops_take_from_the_ends() {
    let store = Store::new();
    let positive = "ERR value is out of range, must be positive";
    expect(
        &store,
        &[
            ("SET text x", "+OK"),
            ("ZADD z 1 a 2 b 3 c 4 d 5 e", ":5"),
            ("ZPOPMIN z", r#"["a" "1"]"#),
            ("ZPOPMAX z 2", r#"["e" "5" "d" "4"]"#),
            ("ZPOPMIN z 0", "[]"),
            ("ZPOPMIN none", "[]"),
            ("ZPOPMIN none 3", "[]"),
            ("ZPOPMIN text 0", WRONG_TYPE),
            ("ZPOPMIN text x", positive),
            ("ZPOPMIN none -1", positive),
            ("ZPOPMIN z x y", "ERR syntax error"),
            ("ZPOPMIN z 9", r#"["b" "2" "c" "3"]"#),
            ("EXISTS z", ":0"),
        ],
    );
}

#[test]
fn zmpop_takes_from_the_first_set_that_exists() {
    let store = Store::new();
    let numkeys = "ERR numkeys should be greater than 0";
    let count = "ERR count should be greater than 0";
    expect(
        &store,
        &[
            ("SET text x", "+OK"),
            ("ZADD z 1 a 2 b 3 c", ":3"),
            ("ZMPOP 2 none z MAX COUNT 2", r#"["z" [["c" "3"] ["b" "2"]]]"#),
            ("ZMPOP 1 none MIN", "nil"),
            ("ZMPOP 2 text z MIN", WRONG_TYPE),
            ("ZMPOP 2 z text min", r#"["z" [["a" "1"]]]"#),
            ("ZMPOP 0 z MIN", numkeys),
            ("ZMPOP x z MIN", numkeys),
            ("ZMPOP 2 none z", "ERR syntax error"),
            ("ZMPOP 9223372036854775807 z MIN", "ERR syntax error"),
            ("ZMPOP 1 z FOO", "ERR syntax error"),
            ("ZMPOP 1 z MIN COUNT", "ERR syntax error"),
            ("ZMPOP 1 z MIN COUNT 0", count),
            ("ZMPOP 1 z MIN COUNT x y", count),
            ("ZMPOP 1 z MIN COUNT 1 COUNT 1", "ERR syntax error"),
        ],
    );
}

#[test]
fn zrandmember_draws_different_members_or_any_for_a_negative_count() {
    let store = Store::new();
    let range = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    expect(
        &store,
        &[
            ("SET text x", "+OK"),
            ("ZADD z 1 a 2 b 3 c", ":3"),
            ("ZRANDMEMBER z 3", r#"["c" "b" "a"]"#),
            ("ZRANDMEMBER z 9 WITHSCORES", r#"["c" "3" "b" "2" "a" "1"]"#),
            ("ZRANDMEMBER z 0", "[]"),
            ("ZRANDMEMBER none", "nil"),
            ("ZRANDMEMBER none 2", "[]"),
            ("ZRANDMEMBER text x", NOT_INTEGER),
            ("ZRANDMEMBER text 1 foo", "ERR syntax error"),
            ("ZRANDMEMBER text", WRONG_TYPE),
            ("ZRANDMEMBER z -9223372036854775808", range),
            ("ZRANDMEMBER z 9223372036854775807 WITHSCORES", "ERR value is out of range"),
            ("ZADD one 5 a", ":1"),
            ("ZRANDMEMBER one -3 WITHSCORES", r#"["a" "5" "a" "5" "a" "5"]"#),
        ],
    );
    // A real server would die of this.
    let reply = store.execute(&["ZRANDMEMBER", "z", "-9223372036854775807"]);
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::InvalidArgument);
    let two = store.zrandmember_with("z", Picks::Distinct(2)).unwrap();
    assert!(two.len() == 2 && two[0] != two[1]);
}

#[test]
fn every_member_is_drawn_about_as_often() {
    let store = Store::builder().seed(11).build();
    let members: Vec<(f64, String)> = (0..300).map(|n| (f64::from(n % 5), format!("m{n}"))).collect();
    store.zadd("z", &members).unwrap();
    let mut drawn = std::collections::BTreeMap::new();
    for _ in 0..200 {
        for member in store.zrandmember_with("z", Picks::Distinct(60)).unwrap() {
            *drawn.entry(member).or_insert(0) += 1;
        }
    }
    assert_eq!(drawn.len(), 300);
    let (least, most) = (drawn.values().min().unwrap(), drawn.values().max().unwrap());
    assert!(*least >= 15 && *most <= 75, "40 are expected of each, and there are {least} to {most}");
}

#[test]
fn zscan_looks_at_its_options_only_if_the_set_exists() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SET text x", "+OK"),
            ("ZSCAN none x", "ERR invalid cursor"),
            ("ZSCAN none 0 foo", r#"["0" []]"#),
            ("ZSCAN text 0 foo", WRONG_TYPE),
            ("ZADD z 0.1 a 1e17 b 2 aa", ":3"),
            // A small set has the texts that it keeps.
            ("ZSCAN z 0", r#"["0" ["a" "0.10000000000000001" "aa" "2" "b" "100000000000000000"]]"#),
            ("ZSCAN z 5 MATCH a? COUNT 1", r#"["0" ["aa" "2"]]"#),
            ("ZSCAN z 0 COUNT 0", "ERR syntax error"),
            ("ZSCAN z 0 TYPE zset", "ERR syntax error"),
            ("ZSCAN z 0 NOSCORES", "ERR syntax error"),
        ],
    );
}

#[test]
fn a_walk_finds_all_that_stays_while_others_come_and_go() {
    let store = Store::new();
    let members: Vec<(f64, String)> = (0..2000).map(|n| (f64::from(n), format!("stays:{n}"))).collect();
    store.zadd("z", &members).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let (mut cursor, mut step) = (0, 0);
    let options = WalkOptions::new().matching("stays:*").count(50);
    loop {
        let (next, found) = store.zscan("z", cursor, &options).unwrap();
        seen.extend(found.into_iter().map(|(member, _)| member));
        let come: Vec<(f64, String)> = (0..100).map(|n| (0.5, format!("goes:{step}:{n}"))).collect();
        store.zadd("z", &come).unwrap();
        if step % 3 == 0 {
            store.zremrangebyscore("z", 0.5, 0.5).unwrap();
        }
        (cursor, step) = (next, step + 1);
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), 2000);
}

#[test]
fn resp3_has_doubles_and_pairs() {
    let mut session = Engine::new(Store::new()).session();
    let mut run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        session.execute(&words).unwrap()
    };
    run("HELLO 3");
    run("ZADD z 1 a 2.5 b");
    let pair = |member: &str, score| Value::Array(vec![Value::Bulk(member.into()), Value::Double(score)]);
    assert_eq!(run("ZSCORE z b"), Value::Double(2.5));
    assert_eq!(run("ZINCRBY z 1 a"), Value::Double(2.0));
    assert_eq!(run("ZADD z INCR 1 a"), Value::Double(3.0));
    assert_eq!(run("ZMSCORE z b none"), Value::Array(vec![Value::Double(2.5), Value::Nil]));
    let both = Value::Array(vec![pair("b", 2.5), pair("a", 3.0)]);
    assert_eq!(run("ZRANGE z 0 -1 WITHSCORES"), both);
    assert_eq!(run("ZUNION 1 z WITHSCORES"), both);
    assert_eq!(run("ZRANK z a WITHSCORE"), Value::Array(vec![Value::Integer(1), Value::Double(3.0)]));
    assert_eq!(
        run("ZRANDMEMBER z 5 WITHSCORES"),
        Value::Array(vec![pair("a", 3.0), pair("b", 2.5)]),
        "all, from the last to the first"
    );
    // Without a count the member is not in an array of its own; ZSCAN has texts in either protocol.
    let Value::Array(scan) = run("ZSCAN z 0") else { panic!("an array") };
    let texts = ["b", "2.5", "a", "3"].map(|text| Value::Bulk(text.into()));
    assert_eq!(scan[1], Value::Array(texts.to_vec()));
    assert_eq!(run("ZPOPMIN z"), pair("b", 2.5));
    assert_eq!(run("ZPOPMIN z 1"), Value::Array(vec![pair("a", 3.0)]));
    assert_eq!(run("ZPOPMIN z"), Value::Array(Vec::new()));
}

#[test]
fn typed_options_of_which_two_contradict_take_the_later_one() {
    let store = Store::new();
    store.zadd("z", &[(1.0, "a")]).unwrap();
    let add = |options: ZaddOptions, score| {
        let outcome = store.zadd_with("z", options, &[(score, "a"), (score, "b")]).unwrap();
        store.zrem("z", &["b"]).unwrap();
        (outcome.added, outcome.updated)
    };
    assert_eq!(add(ZaddOptions::new().if_exists().if_missing(), 2.0), (1, 0));
    assert_eq!(add(ZaddOptions::new().if_missing().if_exists(), 2.0), (0, 1));
    assert_eq!(add(ZaddOptions::new().if_greater().if_less(), 3.0), (1, 0));
    assert_eq!(add(ZaddOptions::new().if_less().if_greater().if_exists(), 3.0), (0, 1));
    assert_eq!(add(ZaddOptions::new().if_missing().if_greater(), 2.0), (1, 0));
}

#[test]
fn typed_methods_refuse_what_is_not_a_number_and_change_nothing() {
    let store = Store::new();
    let refused = |error: redmoon::Error, text: &str| assert_eq!(error.to_string(), text);
    refused(store.zadd("z", &[(1.0, "a"), (f64::NAN, "b")]).unwrap_err(), NOT_FLOAT);
    refused(store.zincrby("z", f64::NAN, "a").unwrap_err(), NOT_FLOAT);
    assert_eq!(store.zcard("z").unwrap(), 0);
    refused(store.zcount("z", f64::NAN, 1.0).unwrap_err(), BAD_SCORES);
    refused(store.zremrangebyscore("z", 0.0, ScoreBound::Exclusive(f64::NAN)).unwrap_err(), BAD_SCORES);
    refused(store.zrange_with("z", ScoreRange::new(f64::NAN, 1.0)).unwrap_err(), BAD_SCORES);
    let weight = store.zunion_with(&[("z", f64::NAN)], Aggregate::Sum).unwrap_err();
    refused(weight, "ERR weight value is not a float");
    let none: [&str; 0] = [];
    refused(store.zinter(&none).unwrap_err(), "ERR at least 1 input key is needed for 'zinter' command");
    refused(store.zmpop(&none, ZsetEnd::Min, 1).unwrap_err(), "ERR numkeys should be greater than 0");
    refused(store.zmpop(&["z"], ZsetEnd::Min, 0).unwrap_err(), "ERR count should be greater than 0");
}

#[test]
fn typed_ranges_are_those_of_the_commands() {
    let store = Store::new();
    store.zadd("z", &[(1.0, "a"), (2.0, "b"), (3.0, "c"), (4.0, "d")]).unwrap();
    let members = |reply: Vec<redmoon::Blob>| reply.iter().map(|blob| blob[0] as char).collect::<String>();
    let range = |query: redmoon::ZrangeQuery| members(store.zrange_with("z", query).unwrap());
    assert_eq!(range(RankRange::new(1, -1).into()), "bcd");
    assert_eq!(range(RankRange::new(1, -1).reversed().into()), "cba");
    assert_eq!(range(ScoreRange::new(2.0, ScoreBound::Exclusive(4.0)).into()), "bc");
    assert_eq!(range(ScoreRange::new(ScoreBound::LOWEST, 3.0).reversed().limit(1, 5).into()), "ba");
    assert_eq!(range(ScoreRange::new(3.0, 2.0).into()), "");
    let all = LexRange::new(LexBound::Lowest, LexBound::Highest);
    assert_eq!(range(all.limit(1, 2).into()), "bc");
    assert_eq!(members(store.zrevrangebyscore("z", 3.0, 2.0).unwrap()), "cb");
    assert_eq!(store.zrange_with_scores("z", RankRange::new(0, 0)).unwrap(), [("a".into(), 1.0)]);
}

#[test]
fn a_transaction_that_fails_puts_a_large_set_back() {
    let store = Store::new();
    let members: Vec<(f64, String)> = (0..500).map(|n| (f64::from(n), format!("m{n}"))).collect();
    store.zadd("z", &members).unwrap();
    let failed = store.transaction(&["z"], |tx| {
        tx.execute(&["ZREMRANGEBYRANK", "z", "10", "-1"])?;
        tx.execute(&["ZADD", "z", "7", "m3", "0.5", "new"])?;
        Err::<(), _>(redmoon::Error::new("NO"))
    });
    assert!(failed.is_err());
    assert_eq!(store.zcard("z").unwrap(), 500);
    assert_eq!(store.zrank("z", "m3").unwrap(), Some(3));
    assert_eq!(store.zscore("z", "new").unwrap(), None);
}

#[test]
fn plain_sets_count_with_scores_of_one() {
    let store = Store::new();
    expect(
        &store,
        &[
            ("SADD s a b c q", ":4"),
            ("ZADD z 1 a 2 b 3 c 4 d 5 e", ":5"),
            ("ZINTER 2 z s WITHSCORES", r#"["a" "2" "b" "3" "c" "4"]"#),
            ("ZINTERSTORE d 2 z s WEIGHTS 1 10 AGGREGATE MAX", ":3"),
            ("ZRANGE d 0 -1 WITHSCORES", r#"["a" "10" "b" "10" "c" "10"]"#),
            ("ZDIFF 2 z s WITHSCORES", r#"["d" "4" "e" "5"]"#),
            ("ZDIFF 1 s WITHSCORES", r#"["a" "1" "b" "1" "c" "1" "q" "1"]"#),
            ("ZUNION 1 s", r#"["a" "b" "c" "q"]"#),
            ("ZINTERCARD 2 z s", ":3"),
            ("ZCARD s", WRONG_TYPE),
            ("ZADD s 1 a", WRONG_TYPE),
        ],
    );
}
