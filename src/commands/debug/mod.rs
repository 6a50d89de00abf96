//! DEBUG, for tests: off unless the store's builder allows it.
//!
//! It holds every shard alone, as a server does nothing else meanwhile. Of a server's subcommands those are here that
//! mean something for a store in a program.

mod digest;

use std::time::Duration;

use self::digest::Digest;
use super::spec::{Group, flag::*};
use super::{Args, CommandSpec, reply_help};
use crate::blob::Blob;
use crate::ds::List;
use crate::error::{Error, Result};
use crate::glob;
use crate::keyspace::{Content, Ctx, Entry, Text};
use crate::num::{parse_f64, parse_i64};
use crate::protocol::Protocol;
use crate::reply::Reply;
use crate::store::parse_memory;
use crate::value::Value;

pub(super) const COMMANDS: &[CommandSpec] = &[CommandSpec::new("DEBUG", debug_cmd)
    .summary("Holds commands for tests, where the store's builder allows them.")
    .since("1.0.0")
    .complexity("Depends on the subcommand.")
    .group(Group::Server)
    .arity(-2)
    .flags(ADMIN | NOSCRIPT | LOADING | STALE | ALL_KEYS | EXCLUSIVE | PROTECTED)];

const HELP: &[&str] = &[
    "DEBUG <subcommand> [<arg> ...]. Subcommands are:",
    "CHANGE-REPL-ID",
    "    Gives the store another replication ID.",
    "DIGEST",
    "    Gives a digest of all that the store holds.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Gives a digest of each value.",
    "ERROR <string>",
    "    Replies with this error.",
    "JMAP",
    "    Does nothing.",
    "LISTPACK <key>",
    "    Says how a packed value is kept.",
    "LOG <message>",
    "    Does nothing: there is no log.",
    "OBJECT <key>",
    "    Says how a value is kept.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Makes keys <prefix>:<number>, by default of the prefix key.",
    "PROTOCOL <type>",
    "    Replies with a value of the type: string, integer, double, bignum, null, array, set, map, attrib, push,",
    "    verbatim, true, false.",
    "QUICKLIST <key>",
    "    Says how a list is kept.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Does nothing: no list keeps long elements apart.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Says whether keys are removed that are past their time and that nobody asks for.",
    "SET-DISABLE-DENY-SCRIPTS <0|1>",
    "    Says whether scripts may call commands that are not for scripts.",
    "SLEEP <seconds>",
    "    Stops everybody for a while.",
    "STRINGMATCH-LEN <pattern> <string>",
    "    Says whether a string matches a glob-style pattern.",
    "HELP",
    "    Shows this list.",
];

fn debug_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    if !cx.space.tunables.allows_debug() {
        return Err(Error::DEBUG_NOT_ALLOWED);
    }
    match (args.at(1).to_ascii_uppercase().as_slice(), args.len()) {
        (b"CHANGE-REPL-ID", 2) => {
            cx.space.stats.change_replication_id();
            out.ok();
        }
        (b"DIGEST", 2) => out.status(&Digest::of_all(cx).hex()),
        (b"DIGEST-VALUE", _) => {
            let keys = args.from(2);
            out.array(keys.len());
            let now = cx.now();
            for key in keys {
                let entry = cx.find_untouched(cx.key(key));
                out.status(&entry.map_or_else(Digest::default, |entry| Digest::of_value(entry, now)).hex());
            }
        }
        (b"ERROR", 3) => return Err(Error::new(crate::error::one_line(args.at(2).to_vec()))),
        (b"HELP", 2) => reply_help(HELP, out),
        (b"LISTPACK", 3) => {
            let entry = existing(cx, args.at(2))?;
            if !matches!(entry.encoding(), "listpack") {
                return Err(Error::NOT_LISTPACK);
            }
            out.status(&format!("Kept packed, in {} bytes", entry.memory()));
        }
        (b"LOG", 3) => out.ok(),
        (b"OBJECT", 3) => object(cx, args.at(2), out)?,
        (b"POPULATE", 3..=5) => populate(cx, args, out)?,
        (b"PROTOCOL", 3) => protocol(args, out)?,
        (b"QUICKLIST", 3..=4) => {
            let entry = existing(cx, args.at(2))?;
            let list = entry.value::<List>().ok_or(Error::NOT_QUICKLIST)?;
            out.status(&format!("Kept as a list of {} elements, in {} bytes", list.len(), entry.memory()));
        }
        (b"QUICKLIST-PACKED-THRESHOLD", 3) => {
            let threshold = parse_memory(args.at(2)).filter(|bytes| *bytes <= 1 << 32);
            threshold.ok_or(Error::PACKED_THRESHOLD)?;
            out.ok();
        }
        (b"RELOAD", _) | (b"LOADAOF", 2) | (b"RESTART" | b"CRASH-AND-RECOVER", 2..=3) => {
            return Err(Error::NO_RELOAD);
        }
        (b"SET-ACTIVE-EXPIRE", 3) => {
            cx.space.tunables.set_expires_actively(parse_i64(args.at(2)).is_some_and(|on| on != 0));
            out.ok();
        }
        (b"SET-DISABLE-DENY-SCRIPTS", 3) => {
            cx.space.tunables.set_denies_scripts(parse_i64(args.at(2)).is_none_or(|off| off == 0));
            out.ok();
        }
        (b"STRINGMATCH-LEN", 4) => out.boolean_integer(glob::matches(args.at(2), args.at(3), false)),
        // There is no heap of another language to tell of.
        (b"JMAP", 2) => out.ok(),
        (b"SLEEP", 3) => {
            // A server takes what is no number for none.
            let seconds = parse_f64(args.at(2)).unwrap_or_default();
            std::thread::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default());
            out.ok();
        }
        _ => return Err(Error::wrong_subcommand(args.at(1), "DEBUG")),
    }
    Ok(())
}

fn existing<'c>(cx: &'c mut Ctx<'_>, key: &[u8]) -> Result<&'c Entry> {
    let key = cx.key(key);
    cx.find_untouched(key).ok_or(Error::NO_SUCH_KEY)
}

/// The line that clients of a server parse. What a server calls the serialized length is the value's size in memory
/// here.
fn object(cx: &mut Ctx<'_>, key: &[u8], out: &mut dyn Reply) -> Result<()> {
    let idle = cx.idle_seconds(cx.key(key)).unwrap_or_default();
    let seconds = cx.now().div_euclid(1000) - i64::from(idle);
    let entry = cx.peek_stale(cx.key(key)).ok_or(Error::NO_SUCH_KEY)?;
    let address = std::ptr::from_ref(entry).addr();
    let refcount = if let Ok(Text::Int(0..10_000)) = entry.text() { i32::MAX } else { 1 };
    out.status(&format!(
        "Value at:{address:#x} refcount:{refcount} encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{idle}",
        entry.encoding(),
        entry.memory(),
        seconds & 0xff_ffff,
    ));
    Ok(())
}

fn populate(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let count = |at: usize| args.integer(at).ok().filter(|count| *count >= 0).ok_or(Error::NOT_POSITIVE);
    let number = count(2)?;
    let prefix = args.get(3).unwrap_or(b"key");
    let size = args.get(4).map(|_| count(4)).transpose()?.and_then(|size| usize::try_from(size).ok());
    if size.is_some_and(|size| size > cx.space.max_string.get()) {
        return Err(Error::STRING_TOO_LARGE);
    }
    for nth in 0..number {
        let name = [prefix, format!(":{nth}").as_bytes()].concat();
        let key = cx.key(&name);
        if cx.peek(key).is_some() {
            continue;
        }
        let mut value = format!("value:{nth}").into_bytes();
        if let Some(size) = size.filter(|&size| size > 0) {
            value.resize(size, 0);
        }
        cx.put(key, Content::bytes(&value, false), None, "set");
    }
    out.ok();
    Ok(())
}

fn protocol(args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let integers = || (0..3).map(Value::Integer).collect::<Vec<_>>();
    let reply = match args.at(2).to_ascii_lowercase().as_slice() {
        b"string" => Value::Bulk(Blob::from("Hello World")),
        b"integer" => Value::Integer(12_345),
        b"double" => Value::Double(3141.0 / 1000.0),
        b"null" => Value::Nil,
        b"array" => Value::Array(integers()),
        b"set" => Value::Set(integers()),
        b"map" => Value::Map(integers().into_iter().zip([false, true, false].map(Value::Boolean)).collect()),
        b"attrib" => {
            if out.is_wire() {
                out.attribute(1);
                out.bulk(b"key-popularity");
                out.array(2);
                out.bulk(b"key:123");
                out.integer(90);
            }
            Value::Bulk(Blob::from("Some real reply following the attribute"))
        }
        b"push" if out.protocol() == Protocol::Resp2 => return Err(Error::NO_PUSH_IN_RESP2),
        b"push" => {
            if out.is_wire() {
                let usage = vec![Value::Bulk(Blob::from("server-cpu-usage")), Value::Integer(42)];
                out.value(Value::Push(usage));
            }
            Value::Bulk(Blob::from("Some real reply following the push reply"))
        }
        b"verbatim" => Value::Verbatim { format: *b"txt", text: Blob::from("This is a verbatim\nstring") },
        b"true" => Value::Boolean(true),
        b"false" => Value::Boolean(false),
        b"bignum" => Value::BigNumber(Blob::from("1234567999999999999999999999999999999")),
        _ => return Err(Error::PROTOCOL_TYPE),
    };
    out.value(reply);
    Ok(())
}
