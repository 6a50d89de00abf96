//! Scenes with several callers, played on a real server and here: who is answered what, and when.

use std::time::Duration;

use super::stage::Stage;
use crate::support::Oracle;

/// A scene: lines of a caller's letter and a command, or `later` and milliseconds.
fn play(oracle: &Oracle, scene: &str) {
    let lines: Vec<&str> = scene.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut stage = Stage::new(oracle, 4);
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] == "later" {
            stage.sleep(Duration::from_millis(words[1].parse().unwrap()));
            continue;
        }
        let caller = "abcd".find(words[0]).unwrap_or_else(|| panic!("no caller in {line:?}"));
        // A script stands between back quotes.
        let command: Vec<String> = match line.split('`').collect::<Vec<&str>>()[..] {
            [before, script, after] => {
                let before = before.split_whitespace().skip(1).map(str::to_owned);
                let after = after.split_whitespace().map(str::to_owned);
                before.chain([script.to_owned()]).chain(after).collect()
            }
            _ => words[1..].iter().map(|word| (*word).to_owned()).collect(),
        };
        stage.step(caller, &command);
    }
    stage.compare_keys(&["k", "k1", "k2", "k3", "l", "s", "d", "dst", "src"]);
}

fn play_all(scenes: &[&str]) {
    let Some(oracle) = Oracle::start() else { return };
    for scene in scenes {
        play(&oracle, scene);
    }
}

#[test]
fn callers_are_served_in_the_order_in_which_they_came() {
    play_all(&[
        "a BLPOP k 0
         c BRPOP k 0
         d BLPOP k 0
         b RPUSH k 1 2 3 4",
        "a BLPOP k 0
         c BLPOP k 0
         b RPUSH k 1
         b RPUSH k 2",
        "a BZPOPMAX k 0
         c BZPOPMIN k 0
         d BZMPOP 0 1 k MIN COUNT 2
         b ZADD k 1 a 2 b 3 c 4 d 5 e",
        "a BLMPOP 0 1 k LEFT COUNT 2
         c BLMPOP 0 1 k RIGHT COUNT 2
         b RPUSH k 1 2 3 4 5",
        "a BLPOP k k 0
         b RPUSH k 1 2
         a BLPOP k k 0
         a BLPOP k k 0
         b RPUSH k 3",
    ]);
}

#[test]
fn the_first_key_that_has_something_is_taken() {
    play_all(&[
        "b RPUSH k2 x
         a BLPOP k1 k2 k3 0
         a BLPOP k1 k2 k3 0
         b RPUSH k3 y
         b RPUSH k1 z",
        // Among keys that are written in one go, the one that was written first.
        "a BLPOP k1 k2 k3 0
         b MULTI
         b RPUSH k2 x
         b RPUSH k1 y
         b EXEC",
        "a BZPOPMIN k1 k2 0
         b EVAL `redis.call('zadd','k2',1,'x') redis.call('zadd','k1',1,'y')` 2 k1 k2",
        "a BLPOP k1 k2 0
         c BLPOP k2 k1 0
         b RPUSH k2 x
         b RPUSH k1 y",
    ]);
}

#[test]
fn what_multi_and_scripts_push_is_served_after_their_end() {
    play_all(&[
        "a BLPOP k 0
         b MULTI
         b RPUSH k 1
         b RPUSH k 2
         b LPUSH k 0
         b EXEC",
        "a BLPOP k1 0
         c BLPOP k2 0
         b MULTI
         b RPUSH k2 x
         b RPUSH k1 y
         b EXEC",
        "a BLPOP k 0
         b EVAL `redis.call('rpush',KEYS[1],1) return redis.call('lpop',KEYS[1])` 1 k
         b EVAL `redis.call('rpush',KEYS[1],2,3) return redis.call('lpop',KEYS[1])` 1 k",
        "a BLPOP k 0
         b MULTI
         b RPUSH k 1
         b DEL k
         b EXEC
         b MULTI
         b DEL k
         b RPUSH k 2
         b EXEC",
        "a BLPOP k 0
         b MULTI
         b EVAL `return redis.call('rpush',KEYS[1],1)` 1 k
         b RPUSH k 2
         b LPOP k
         b EXEC",
        // What came last decides the type.
        "a BZPOPMIN k 0
         c BLPOP k 0
         b MULTI
         b RPUSH k 1
         b DEL k
         b ZADD k 1 m
         b EXEC
         b RPUSH k 5",
        "a BLPOP k 0
         b MULTI
         b RPUSH k 1
         b FLUSHALL
         b EXEC
         b FLUSHALL
         b RPUSH k 2",
        "a BLPOP k 0
         b EVAL `redis.call('rpush',KEYS[1],1) return redis.error_reply('OOPS it ends')` 1 k",
        "a BLPOP k 0
         b EVAL `redis.call('rpush',KEYS[1],1) error('it ends')  ` 1 k",
    ]);
}

#[test]
fn another_type_leaves_a_caller_waiting_unless_it_is_there_first() {
    play_all(&[
        "a BLPOP k 0
         b SET k v
         b DEL k
         b ZADD k 1 m
         b DEL k
         b RPUSH k 1",
        "b SET k v
         a BLPOP k 0
         a BLPOP k1 k 0
         b RPUSH k2 x
         a BLPOP k2 k 0
         a BZPOPMIN k 0
         a BLMPOP 0 2 k1 k LEFT
         a BZMPOP 0 2 k1 k MAX",
        "b RPUSH k 1
         a BZPOPMIN k 0
         a BZMPOP 0 1 k MIN",
        "a BZPOPMIN k 0
         c BLPOP k 0
         b RPUSH k 1
         b ZADD k 1 m",
    ]);
}

#[test]
fn a_destination_of_another_type_is_an_error_when_there_is_something_to_move() {
    play_all(&[
        "a SET dst x
         a BLMOVE src dst LEFT RIGHT 0
         b RPUSH src 1",
        "b SET dst x
         a BLMOVE src dst LEFT RIGHT 0
         c BLPOP src 0
         d BRPOPLPUSH src dst 0
         b RPUSH src 1
         b RPUSH src 2",
        "a SET dst x
         a BRPOPLPUSH src dst 0
         b DEL dst
         b RPUSH src e",
        "b RPUSH src 1
         b SET dst x
         a BLMOVE src dst RIGHT LEFT 0",
    ]);
}

#[test]
fn what_one_caller_moves_serves_the_next() {
    play_all(&[
        "a BLMOVE s d LEFT RIGHT 0
         c BLPOP d 0
         b RPUSH s 1 2",
        "c BLPOP d 0
         a BLMOVE s k LEFT RIGHT 0
         d BRPOPLPUSH k d 0
         b RPUSH s 1",
        "a BRPOPLPUSH l l 0
         c BRPOPLPUSH l l 0
         b RPUSH l 1 2",
        "a BLMOVE l l LEFT RIGHT 0
         b RPUSH l 1 2 3",
        "a BLMOVE s d LEFT LEFT 0
         c BLMOVE d s RIGHT RIGHT 0
         d BLPOP s 0
         b RPUSH s 1",
        "a BLMOVE s d LEFT RIGHT 0
         c BLMOVE d s LEFT RIGHT 0
         b MULTI
         b RPUSH s 1 2
         b RPUSH d 3 4
         b EXEC",
    ]);
}

#[test]
fn keys_that_come_by_other_ways_serve_too() {
    play_all(&[
        "a BLPOP d 0
         b RPUSH s 1
         b RENAME s d",
        "a BLPOP d 0
         b RPUSH s 1
         b RENAMENX s d",
        "a BLPOP d 0
         b RPUSH s 1
         b COPY s d",
        "a SELECT 1
         a BLPOP d 0
         b RPUSH d 1
         b MOVE d 1",
        "a SELECT 1
         a BLPOP d 0
         c BLPOP d 0
         b SELECT 2
         b RPUSH d 1
         b SWAPDB 2 1",
        "a SELECT 1
         a BLPOP d s 0
         c BLPOP s 0
         b RPUSH d 1
         b SWAPDB 0 1",
        "a BLPOP d 0
         b RPUSH s 3 1 2
         b SORT s STORE d",
        "a BZPOPMIN d 0
         b ZADD s 1 x
         b ZUNIONSTORE d 1 s",
        "a BZPOPMIN d 0
         b ZADD s 1 x
         b ZRANGESTORE d s 0 -1",
        "a BZPOPMIN d 0
         b ZINCRBY d 1.5 x",
        "a BLPOP d 0
         b LPUSHX d 1
         b LINSERT d BEFORE 1 2
         b RPUSH d 1",
        "a BLPOP k 0
         c SELECT 1
         c BLPOP k 0
         b SELECT 1
         b RPUSH k 1
         b SELECT 0
         b RPUSH k 2",
    ]);
}

#[test]
fn the_replies_have_the_shapes_of_the_protocol() {
    play_all(&[
        "a HELLO 3
         a BZPOPMIN d 0
         b ZADD d 1.5 x 2 y
         a BZPOPMIN d 0
         a BZMPOP 0 1 d MIN COUNT 2
         b ZADD d 3 x 4.25 y 5 z
         a BLPOP k 0.3
         later 700
         a BLMOVE k k1 LEFT LEFT 0.3
         later 700",
        "a BZPOPMAX d 0
         b ZADD d 3.25 x 1e30 y
         a BZMPOP 0 2 k d MIN COUNT 9",
        "a BLPOP k 0.3
         c BLMOVE k k1 LEFT LEFT 0.3
         d BRPOPLPUSH k k1 0.3
         later 700
         a BLMPOP 0.3 1 k LEFT
         c BZPOPMIN k 0.3
         d BZMPOP 0.3 1 k MIN
         later 700
         b RPUSH k 1",
    ]);
}

#[test]
fn a_time_limit_ends_one_wait_and_no_other() {
    play_all(&[
        "a BLPOP k 0.3
         c BLPOP k 0
         d BLPOP k 0.3
         later 700
         b RPUSH k 1 2",
        "a BLPOP k1 k2 0.3
         later 700
         b RPUSH k1 1
         b RPUSH k2 1
         a BLPOP k2 k1 0",
    ]);
}

#[test]
#[cfg_attr(feature = "luajit", ignore = "the real server speaks Lua 5.1, and knows the lines of errors")]
fn nothing_waits_in_multi_and_in_scripts() {
    play_all(&[
        "a MULTI
         a BLPOP k 0
         a BRPOP k 0
         a BLMOVE k k1 LEFT LEFT 0
         a BZMPOP 0 1 k MIN
         a BLMPOP 0 1 k LEFT
         a BZPOPMIN k 0
         a BRPOPLPUSH k k1 0
         a EXEC",
        "b RPUSH k 1 2 3
         a MULTI
         a BLPOP k1 k 0
         a BLMOVE k k1 LEFT LEFT 0
         a BLPOP k1 0
         a BLMPOP 0 1 k LEFT COUNT 5
         a EXEC",
        "a EVAL `return {redis.call('blmpop',0,1,'k','LEFT')}` 0
         a EVAL `return {redis.call('bzmpop',0,1,'k','MIN')}` 0
         a EVAL `return redis.call('blpop','k',0)` 0
         a EVAL `return redis.call('brpoplpush','k','d',0)` 0
         b ZADD k 1 x
         a EVAL `return redis.call('bzmpop',0,1,'k','MAX')` 0",
    ]);
}

#[test]
fn bad_arguments_are_told_at_once() {
    let mut scene = String::from("b RPUSH l 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20\n");
    let times = "abc -1 -0.1 -0.0001 1e400 inf -inf nan 9223372036854775807 9223372036854775 9223372036854776 \
                 99999999999999999999 0.0000001 0x10 1e3x 1e-400 -0 1e18 9.3e15 1e5000 1e-5000 + . 1. .5 5e 0x 0x1p2";
    for time in times.split_whitespace() {
        scene.push_str(&format!("a BLPOP l {time}\n"));
    }
    for line in [
        "BLPOP l",
        "BLPOP",
        "BLMOVE a b FOO LEFT abc",
        "BLMOVE a b LEFT FOO abc",
        "BLMOVE a b LEFT LEFT abc",
        "BLMOVE a b LEFT LEFT -1",
        "BRPOPLPUSH a b abc",
        "BRPOPLPUSH a b -1",
        "BLMPOP abc 1 q LEFT",
        "BLMPOP 0 0 q LEFT",
        "BLMPOP 0 x q LEFT",
        "BLMPOP 0 1 q FOO",
        "BLMPOP -1 1 q FOO",
        "BLMPOP -1 1 q LEFT",
        "BLMPOP 0 1 q LEFT COUNT 0",
        "BLMPOP 0 2 q LEFT",
        "BLMPOP 0 1 q LEFT COUNT 1 COUNT 2",
        "BLMPOP abc 0 q FOO",
        "BLMPOP 0 1 q LEFT COUNT -1 COUNT",
        "BLMPOP 0 99999999999 q LEFT",
        "BLMPOP abc 1 q LEFT COUNT 0",
        "BZMPOP abc 1 q MIN",
        "BZMPOP 0 1 q LEFT",
        "BZMPOP -1 1 q MAX",
        "BZMPOP 0 -1 q MAX",
        "BZPOPMIN q x",
        "BZPOPMAX q -1",
    ] {
        scene.push_str(&format!("a {line}\n"));
    }
    play_all(&[&scene]);
}

#[test]
fn a_watched_key_that_served_somebody_was_changed() {
    play_all(&[
        "b WATCH k
         a BLPOP k 0
         c RPUSH k 1
         b MULTI
         b PING
         b EXEC",
        "a BLMOVE s d LEFT LEFT 0
         b WATCH d
         c RPUSH s 1
         b MULTI
         b PING
         b EXEC",
    ]);
}
