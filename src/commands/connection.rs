//! The connection: PING, ECHO, SELECT, HELLO.

use super::spec::{Group, flag::*};
use super::{Args, CommandSpec};
use crate::error::{Error, Result};
use crate::keyspace::Ctx;
use crate::reply::Reply;

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::new("ECHO", echo_cmd)
        .summary("Gives its argument back.")
        .since("1.0.0")
        .group(Group::Connection)
        .syntax("message")
        .arity(2)
        .flags(LOADING | STALE | FAST),
    CommandSpec::new("PING", ping_cmd)
        .summary("Answers PONG, or its argument.")
        .since("1.0.0")
        .group(Group::Connection)
        .syntax("[message]")
        .arity(-1)
        .flags(FAST),
    CommandSpec::new("SELECT", select_cmd)
        .summary("Chooses the database of the commands that follow.")
        .since("1.0.0")
        .group(Group::Connection)
        .syntax("index")
        .arity(2)
        .flags(LOADING | STALE | FAST),
    CommandSpec::session("HELLO")
        .summary("Chooses the protocol version and tells about the server.")
        .since("6.0.0")
        .syntax("[protover [AUTH username password] [SETNAME clientname]]")
        .arity(-1)
        .flags(NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY),
];

fn echo_cmd(_: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.bulk(args.at(1));
    Ok(())
}

fn ping_cmd(_: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    match args.len() {
        1 => out.status("PONG"),
        2 => out.bulk(args.at(1)),
        _ => return Err(Error::wrong_arity("ping")),
    }
    Ok(())
}

fn select_cmd(cx: &mut Ctx<'_>, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let index = args.integer(1).and_then(|index| {
        let index = i32::try_from(index).map_err(|_| Error::NOT_INTEGER)?;
        usize::try_from(index).map_err(|_| Error::DB_OUT_OF_RANGE)
    })?;
    if index >= cx.space.databases {
        return Err(Error::DB_OUT_OF_RANGE);
    }
    cx.turn.db = index;
    out.ok();
    Ok(())
}
