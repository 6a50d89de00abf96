//! Scripts as applications have them, on hashes, lists, sets and sorted sets: each with what it must answer, and the
//! whole conversation compared with a real server's.

use redmoon::{Engine, Session, Store};

use super::reply_of;
use crate::support::Oracle;

/// One call of a script, and the reply as a client reads it.
struct Call {
    script: &'static str,
    keys: &'static [&'static str],
    args: &'static [&'static str],
    reply: &'static str,
}

fn call(
    script: &'static str,
    keys: &'static [&'static str],
    args: &'static [&'static str],
    reply: &'static str,
) -> Call {
    Call { script, keys, args, reply }
}

fn session() -> Session {
    Engine::new(Store::new()).session()
}

/// Holds a conversation with a new session, and with a real server if there is one.
fn converse(calls: &[Call]) {
    let mut session = session();
    let oracle = Oracle::start();
    let mut server = oracle.as_ref().map(Oracle::connect);
    for Call { script, keys, args, reply } in calls {
        let count = keys.len().to_string();
        let command: Vec<&str> =
            ["EVAL", script, &count].into_iter().chain(keys.iter().chain(*args).copied()).collect();
        let ours = reply_of(&mut session, &command);
        assert_eq!(
            ours.escape_ascii().to_string(),
            reply.as_bytes().escape_ascii().to_string(),
            "{command:?}"
        );
        if let Some(server) = &mut server {
            assert_eq!(server.raw(&command).escape_ascii().to_string(), ours.escape_ascii().to_string());
        }
    }
}

/// Adds points to a player; answers the new score, the rank from the top, and the three best.
const SCORE: &str = "
    local score = redis.call('ZINCRBY', KEYS[1], ARGV[2], ARGV[1])
    local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
    return {score, rank, redis.call('ZREVRANGE', KEYS[1], 0, 2, 'WITHSCORES')}";

#[test]
fn a_leaderboard_knows_rank_and_top_after_each_point() {
    converse(&[
        call(SCORE, &["board"], &["ann", "10"], "*3\r\n$2\r\n10\r\n:0\r\n*2\r\n$3\r\nann\r\n$2\r\n10\r\n"),
        call(
            SCORE,
            &["board"],
            &["bob", "12.5"],
            "*3\r\n$4\r\n12.5\r\n:0\r\n*4\r\n$3\r\nbob\r\n$4\r\n12.5\r\n$3\r\nann\r\n$2\r\n10\r\n",
        ),
        call(
            SCORE,
            &["board"],
            &["cid", "11"],
            "*3\r\n$2\r\n11\r\n:1\r\n*6\r\n$3\r\nbob\r\n$4\r\n12.5\r\n$3\r\ncid\r\n$2\r\n11\r\n$3\r\nann\r\n$2\r\n10\r\n",
        ),
        call(
            SCORE,
            &["board"],
            &["ann", "2.5"],
            "*3\r\n$4\r\n12.5\r\n:1\r\n*6\r\n$3\r\nbob\r\n$4\r\n12.5\r\n$3\r\nann\r\n$4\r\n12.5\r\n$3\r\ncid\r\n$2\r\n11\r\n",
        ),
        call(
            SCORE,
            &["board"],
            &["dan", "-1"],
            "*3\r\n$2\r\n-1\r\n:3\r\n*6\r\n$3\r\nbob\r\n$4\r\n12.5\r\n$3\r\nann\r\n$4\r\n12.5\r\n$3\r\ncid\r\n$2\r\n11\r\n",
        ),
    ]);
}

/// At most ARGV[3] hits within ARGV[2] milliseconds, the hits being members of a sorted set by their time.
const WINDOW: &str = "
    local now, window, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. (now - window))
    local hits = redis.call('ZCARD', KEYS[1])
    if hits < limit then
      redis.call('ZADD', KEYS[1], now, now .. ':' .. hits)
      redis.call('PEXPIRE', KEYS[1], window)
      return {1, limit - hits - 1}
    end
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    return {0, oldest[2] + window - now}";

#[test]
fn a_sliding_window_lets_a_hit_in_when_an_old_one_has_left() {
    let hit = |now: &'static [&'static str], reply| call(WINDOW, &["limiter"], now, reply);
    converse(&[
        hit(&["1000", "500", "2"], "*2\r\n:1\r\n:1\r\n"),
        hit(&["1100", "500", "2"], "*2\r\n:1\r\n:0\r\n"),
        hit(&["1200", "500", "2"], "*2\r\n:0\r\n:300\r\n"),
        hit(&["1500", "500", "2"], "*2\r\n:0\r\n:0\r\n"),
        hit(&["1501", "500", "2"], "*2\r\n:1\r\n:0\r\n"),
        hit(&["1601", "500", "2"], "*2\r\n:1\r\n:0\r\n"),
        hit(&["1602", "500", "2"], "*2\r\n:0\r\n:399\r\n"),
    ]);
}

/// Moves a job to the list of those being worked on, and notes who has it.
const TAKE: &str = "
    local job = redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')
    if job then redis.call('HSET', KEYS[3], job, ARGV[1]) end
    return job";
const DONE: &str = "
    if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[1] then return redis.error_reply('NOTYOURS') end
    redis.call('HDEL', KEYS[2], ARGV[2])
    return redis.call('LREM', KEYS[1], 1, ARGV[2])";
/// Gives everything back that a worker has, in its old order.
const GIVE_BACK: &str = "
    local given = {}
    for _, job in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
      if redis.call('HGET', KEYS[3], job) == ARGV[1] then given[#given + 1] = job end
    end
    for at = #given, 1, -1 do
      redis.call('LREM', KEYS[2], 1, given[at])
      redis.call('HDEL', KEYS[3], given[at])
      redis.call('LPUSH', KEYS[1], given[at])
    end
    return redis.call('LRANGE', KEYS[1], 0, -1)";

#[test]
fn a_work_queue_loses_no_job_when_a_worker_dies() {
    const ALL: &[&str] = &["waiting", "working", "owners"];
    converse(&[
        call(
            "return redis.call('RPUSH', KEYS[1], unpack(ARGV))",
            &["waiting"],
            &["a", "b", "c", "d"],
            ":4\r\n",
        ),
        call(TAKE, ALL, &["w1"], "$1\r\na\r\n"),
        call(TAKE, ALL, &["w2"], "$1\r\nb\r\n"),
        call(TAKE, ALL, &["w1"], "$1\r\nc\r\n"),
        call(DONE, &["working", "owners"], &["w2", "a"], "-ERR NOTYOURS\r\n"),
        call(DONE, &["working", "owners"], &["w2", "b"], ":1\r\n"),
        call(GIVE_BACK, ALL, &["w1"], "*3\r\n$1\r\na\r\n$1\r\nc\r\n$1\r\nd\r\n"),
        call(
            "return {redis.call('EXISTS', KEYS[1]), redis.call('EXISTS', KEYS[2])}",
            &["working", "owners"],
            &[],
            "*2\r\n:0\r\n:0\r\n",
        ),
        call(TAKE, ALL, &["w3"], "$1\r\na\r\n"),
    ]);
}

/// The script of the public documentation of EVAL. Up to 6.2 a server seeded the generator with 0 before each script, and
/// passed numbers on with 14 digits; both is spelled out here.
const RANDOM_PUSH: &str = "
    math.randomseed(0)
    local i = tonumber(ARGV[1])
    local res
    while (i > 0) do
        res = redis.call('LPUSH', KEYS[1], tostring(math.random()))
        i = i - 1
    end
    return res";

#[test]
fn random_push_pushes_the_documented_numbers_in_the_documented_order() {
    const DOCUMENTED: [&str; 10] = [
        "0.74509509873814",
        "0.87390407681181",
        "0.36876626981831",
        "0.6921941534114",
        "0.7857992587545",
        "0.57730350670279",
        "0.87046522734243",
        "0.09637165539729",
        "0.74990198051087",
        "0.17082803611217",
    ];
    let engine = Engine::new(Store::new());
    let pushed: i64 = engine.eval(RANDOM_PUSH, &["mylist"], &["10"]).unwrap().convert().unwrap();
    assert_eq!(pushed, 10);
    let list =
        engine.eval("return redis.call('LRANGE', KEYS[1], 0, -1)", &["mylist"], redmoon::NONE).unwrap();
    assert_eq!(list.convert::<Vec<String>>().unwrap(), DOCUMENTED);

    // As numbers, too: what a script passes on has all digits, of which these are the first.
    let engine = Engine::new(Store::new());
    let script = RANDOM_PUSH.replace("tostring(math.random())", "math.random()");
    engine.eval(script, &["mylist"], &["10"]).unwrap();
    let list =
        engine.eval("return redis.call('LRANGE', KEYS[1], 0, -1)", &["mylist"], redmoon::NONE).unwrap();
    for (number, documented) in list.convert::<Vec<f64>>().unwrap().into_iter().zip(DOCUMENTED) {
        assert!((number - documented.parse::<f64>().unwrap()).abs() < 1e-14);
    }
}

/// Adds a tag to an item, and keeps for each tag the items that have it.
const TAG: &str = "
    local added = 0
    for at = 2, #ARGV do
      added = added + redis.call('SADD', KEYS[1] .. ':' .. ARGV[1], ARGV[at])
      redis.call('SADD', KEYS[2] .. ':' .. ARGV[at], ARGV[1])
    end
    return added";
const WITH_ALL: &str = "
    local names = {}
    for at = 1, #ARGV do names[at] = KEYS[1] .. ':' .. ARGV[at] end
    local found = redis.call('SINTER', unpack(names))
    table.sort(found)
    return found";

#[test]
fn items_are_found_by_all_of_their_tags() {
    converse(&[
        call(TAG, &["item", "tag"], &["lamp", "red", "light"], ":2\r\n"),
        call(TAG, &["item", "tag"], &["rose", "red", "plant"], ":2\r\n"),
        call(TAG, &["item", "tag"], &["moon", "red", "light", "red"], ":2\r\n"),
        call(WITH_ALL, &["tag"], &["red", "light"], "*2\r\n$4\r\nlamp\r\n$4\r\nmoon\r\n"),
        call(WITH_ALL, &["tag"], &["red", "light", "plant"], "*0\r\n"),
        call(WITH_ALL, &["tag"], &["red"], "*3\r\n$4\r\nlamp\r\n$4\r\nmoon\r\n$4\r\nrose\r\n"),
    ]);
}
