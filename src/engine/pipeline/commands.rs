//! The commands that a [`Pipeline`] has methods for. They take what the command takes, in its order; what is not here, and
//! every option, goes by [`command`](Pipeline::command).

use super::{Pipeline, Step};
use crate::blob::Blob;
use crate::engine::ToArg;

macro_rules! steps {
    ($($name:ident $word:literal ($($fixed:ident),* $(; $rest:ident)?))*) => {$(
        #[doc = concat!("Adds a ", $word, ".")]
        #[allow(unused_mut, reason = "only what takes lists adds to it")]
        pub fn $name(mut self, $($fixed: impl ToArg,)* $($rest: &[impl ToArg])?) -> Pipeline {
            let mut args: Vec<Blob> = vec![Blob::from($word), $($fixed.to_arg()),*];
            $(args.extend($rest.iter().map(ToArg::to_arg));)?
            self.steps.push(Step::Command(args));
            self
        }
    )*};
}

/// # Steps
///
/// A key, field or value is anything that a script takes too: text, bytes, a number. Lists are slices.
impl Pipeline {
    steps! {
        append "APPEND" (key, value)
        copy "COPY" (source, destination)
        decr "DECR" (key)
        decrby "DECRBY" (key, by)
        del "DEL" (; keys)
        exists "EXISTS" (; keys)
        expire "EXPIRE" (key, seconds)
        get "GET" (key)
        getdel "GETDEL" (key)
        getrange "GETRANGE" (key, start, end)
        getset "GETSET" (key, value)
        hdel "HDEL" (key; fields)
        hexists "HEXISTS" (key, field)
        hget "HGET" (key, field)
        hgetall "HGETALL" (key)
        hincrby "HINCRBY" (key, field, by)
        hincrbyfloat "HINCRBYFLOAT" (key, field, by)
        hkeys "HKEYS" (key)
        hlen "HLEN" (key)
        hmget "HMGET" (key; fields)
        hset "HSET" (key, field, value)
        hsetnx "HSETNX" (key, field, value)
        hvals "HVALS" (key)
        incr "INCR" (key)
        incrby "INCRBY" (key, by)
        incrbyfloat "INCRBYFLOAT" (key, by)
        lindex "LINDEX" (key, index)
        llen "LLEN" (key)
        lpop "LPOP" (key)
        lpush "LPUSH" (key; elements)
        lrange "LRANGE" (key, start, stop)
        lrem "LREM" (key, count, element)
        lset "LSET" (key, index, element)
        ltrim "LTRIM" (key, start, stop)
        mget "MGET" (; keys)
        persist "PERSIST" (key)
        pexpire "PEXPIRE" (key, milliseconds)
        pttl "PTTL" (key)
        publish "PUBLISH" (channel, message)
        rename "RENAME" (key, new_key)
        rpop "RPOP" (key)
        rpush "RPUSH" (key; elements)
        sadd "SADD" (key; members)
        scard "SCARD" (key)
        set "SET" (key, value)
        setex "SETEX" (key, seconds, value)
        psetex "PSETEX" (key, milliseconds, value)
        setnx "SETNX" (key, value)
        setrange "SETRANGE" (key, offset, value)
        sinter "SINTER" (; keys)
        sismember "SISMEMBER" (key, member)
        smembers "SMEMBERS" (key)
        smismember "SMISMEMBER" (key; members)
        smove "SMOVE" (source, destination, member)
        spop "SPOP" (key)
        srem "SREM" (key; members)
        strlen "STRLEN" (key)
        sunion "SUNION" (; keys)
        ttl "TTL" (key)
        unlink "UNLINK" (; keys)
        zadd "ZADD" (key, score, member)
        zcard "ZCARD" (key)
        zcount "ZCOUNT" (key, min, max)
        zincrby "ZINCRBY" (key, by, member)
        zpopmax "ZPOPMAX" (key)
        zpopmin "ZPOPMIN" (key)
        zrange "ZRANGE" (key, start, stop)
        zrank "ZRANK" (key, member)
        zrem "ZREM" (key; members)
        zremrangebyscore "ZREMRANGEBYSCORE" (key, min, max)
        zrevrank "ZREVRANK" (key, member)
        zscore "ZSCORE" (key, member)
    }
}
