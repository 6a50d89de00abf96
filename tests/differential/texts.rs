//! Every command with every number of junk arguments: errors in the real server's words, and nothing else changed.

use std::fmt::Write as _;

use super::Pair;
use crate::support::{Oracle, show, show_command};

/// The commands of the families that exist, by their own name and, for containers, by their subcommands.
const COMMANDS: &[&str] = &[
    "APPEND",
    "DECR",
    "DECRBY",
    "GET",
    "GETDEL",
    "GETEX",
    "GETRANGE",
    "GETSET",
    "INCR",
    "INCRBY",
    "INCRBYFLOAT",
    "LCS",
    "MGET",
    "MSET",
    "MSETNX",
    "PSETEX",
    "SET",
    "SETEX",
    "SETNX",
    "SETRANGE",
    "STRLEN",
    "SUBSTR",
    "HDEL",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HINCRBY",
    "HINCRBYFLOAT",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HMSET",
    "HRANDFIELD",
    "HSCAN",
    "HSET",
    "HSETNX",
    "HSTRLEN",
    "HVALS",
    "LINDEX",
    "LINSERT",
    "LLEN",
    "LMOVE",
    "LMPOP",
    "LPOP",
    "LPOS",
    "LPUSH",
    "LPUSHX",
    "LRANGE",
    "LREM",
    "LSET",
    "LTRIM",
    "RPOP",
    "RPOPLPUSH",
    "RPUSH",
    "RPUSHX",
    "SADD",
    "SCARD",
    "SDIFF",
    "SDIFFSTORE",
    "SINTER",
    "SINTERCARD",
    "SINTERSTORE",
    "SISMEMBER",
    "SMEMBERS",
    "SMISMEMBER",
    "SMOVE",
    "SORT",
    "SORT_RO",
    "SPOP",
    "SRANDMEMBER",
    "SREM",
    "SSCAN",
    "SUNION",
    "SUNIONSTORE",
    // ZRANK and ZREVRANK take more arguments here than the oracle does.
    "ZADD",
    "ZCARD",
    "ZCOUNT",
    "ZDIFF",
    "ZDIFFSTORE",
    "ZINCRBY",
    "ZINTER",
    "ZINTERCARD",
    "ZINTERSTORE",
    "ZLEXCOUNT",
    "ZMPOP",
    "ZMSCORE",
    "ZPOPMAX",
    "ZPOPMIN",
    "ZRANDMEMBER",
    "ZRANGE",
    "ZRANGEBYLEX",
    "ZRANGEBYSCORE",
    "ZRANGESTORE",
    "ZREM",
    "ZREMRANGEBYLEX",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "ZREVRANGE",
    "ZREVRANGEBYLEX",
    "ZREVRANGEBYSCORE",
    "ZSCAN",
    "ZSCORE",
    "ZUNION",
    "ZUNIONSTORE",
    "COPY",
    "DBSIZE",
    "DEL",
    "EXISTS",
    "FLUSHALL",
    "FLUSHDB",
    "KEYS",
    "MOVE",
    "OBJECT",
    "OBJECT ENCODING",
    "OBJECT FREQ",
    "OBJECT HELP",
    "OBJECT IDLETIME",
    "OBJECT REFCOUNT",
    "RANDOMKEY",
    "RENAME",
    "RENAMENX",
    "SCAN",
    "SELECT",
    "SWAPDB",
    "TOUCH",
    "TYPE",
    "UNLINK",
    "EXPIRE",
    "EXPIREAT",
    "EXPIRETIME",
    "PERSIST",
    "PEXPIRE",
    "PEXPIREAT",
    "PEXPIRETIME",
    "PTTL",
    "TTL",
    "ECHO",
    "HELLO",
    "INFO",
    "PING",
    "TIME",
    "COMMAND",
    "COMMAND COUNT",
    "COMMAND DOCS",
    "COMMAND GETKEYS",
    "COMMAND GETKEYSANDFLAGS",
    "COMMAND INFO",
    "COMMAND LIST",
    "EVAL",
    "EVALSHA",
    "EVALSHA_RO",
    "EVAL_RO",
    "SCRIPT",
    "SCRIPT EXISTS",
    "SCRIPT FLUSH",
    "SCRIPT KILL",
    "SCRIPT LOAD",
];

/// Without arguments these answer with what the server is, has or sees, which is not an error text.
const TELL_OF_THE_SERVER: &[&str] =
    &["COMMAND", "COMMAND COUNT", "COMMAND DOCS", "COMMAND INFO", "COMMAND LIST", "HELLO", "INFO", "TIME"];

const JUNK: &[&str] = &["junk", "1", "0", "-1", "", "9223372036854775808", "a\r\nb", "GET"];
const MOST_ARGUMENTS: usize = 6;

#[test]
#[cfg_attr(feature = "lua54", ignore = "the real server speaks Lua 5.1")]
fn junk_arguments_get_the_error_texts_of_a_real_server() {
    let Some(oracle) = Oracle::start() else { return };
    let mut pair = Pair::new(&oracle);
    let mut report = String::new();
    let mut calls = 0;
    for command in COMMANDS {
        for junk in JUNK {
            // A key that an earlier call left behind, perhaps with a short time to live, is none of the next one's
            // business.
            pair.both(&["SELECT", "0"]);
            pair.both(&["FLUSHALL"]);
            for count in 0..=MOST_ARGUMENTS {
                if count == 0 && TELL_OF_THE_SERVER.contains(command) {
                    continue;
                }
                // What a command does is said in this crate's own words.
                if (*command, *junk) == ("COMMAND DOCS", "GET") {
                    continue;
                }
                let mut args: Vec<&str> = command.split(' ').collect();
                args.extend(std::iter::repeat_n(*junk, count));
                let (theirs, ours) = pair.both(&args);
                calls += 1;
                if theirs != ours {
                    let command = show_command(&args);
                    let (theirs, ours) = (show(&theirs), show(&ours));
                    let _ = writeln!(report, "{command}\n    redis    {theirs}\n    redmoon  {ours}");
                }
            }
        }
    }
    eprintln!("error texts: {calls} calls compared");
    assert!(report.is_empty(), "replies differ:\n{report}");
}
