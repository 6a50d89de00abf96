//! The connection and the clock: PING, ECHO, SELECT, HELLO, AUTH, RESET, QUIT, TIME.

use super::spec::{Group, flag::*};
use super::{Args, CommandSpec};
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::keyspace::Ctx;
use crate::reply::Reply;
use crate::store::Store;

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec::session("AUTH")
        .summary("Gives the password, where one is asked for.")
        .since("1.0.0")
        .complexity("O(N), N being the number of passwords of the user.")
        .syntax("[username] password")
        .arity(-2)
        .flags(NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY),
    CommandSpec::new("ECHO", echo_cmd)
        .summary("Gives its argument back.")
        .since("1.0.0")
        .group(Group::Connection)
        .syntax("message")
        .arity(2)
        .flags(LOADING | STALE | FAST),
    CommandSpec::session("HELLO")
        .summary("Chooses the protocol version and tells about the server.")
        .since("6.0.0")
        .syntax("[arguments: protover [AUTH username password] [SETNAME clientname]]")
        .arity(-1)
        .flags(NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY),
    CommandSpec::new("PING", ping_cmd)
        .summary("Answers PONG, or its argument.")
        .since("1.0.0")
        .group(Group::Connection)
        .syntax("[message]")
        .arity(-1)
        .flags(FAST)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    CommandSpec::session("QUIT")
        .summary("Ends the conversation.")
        .since("1.0.0")
        .arity(-1)
        .flags(NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY),
    CommandSpec::session("RESET")
        .summary("Makes the conversation begin anew.")
        .since("6.2.0")
        .flags(NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY),
    CommandSpec::new("SELECT", select_cmd)
        .summary("Chooses the database of the commands that follow.")
        .since("1.0.0")
        .group(Group::Connection)
        .syntax("index")
        .arity(2)
        .flags(LOADING | STALE | FAST),
    CommandSpec::new("TIME", time_cmd)
        .summary(
            "Tells the time of the store's clock: seconds since the epoch, and microseconds of the second.",
        )
        .since("2.6.0")
        .group(Group::Server)
        .arity(1)
        .flags(LOADING | STALE | FAST)
        .tips(&["nondeterministic_output"]),
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
    let (least, most) = (i32::MIN.into(), i32::MAX.into());
    let index = args.integer(1)?;
    if index < least || index > most {
        return Err(Error::not_in_range(least, most));
    }
    match usize::try_from(index) {
        Ok(index) if index < cx.space.databases => cx.turn.db = index,
        _ => return Err(Error::DB_OUT_OF_RANGE),
    }
    out.ok();
    Ok(())
}

fn time_cmd(cx: &mut Ctx<'_>, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (seconds, micros) = split_micros(cx.now_micros());
    out.array(2);
    out.bulk(itoa::Buffer::new().format(seconds).as_bytes());
    out.bulk(itoa::Buffer::new().format(micros).as_bytes());
    Ok(())
}

/// Whole seconds and the microseconds past them.
fn split_micros(micros: i64) -> (i64, i64) {
    (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000))
}

/// # Connection and clock
impl Store {
    /// Says whether the store takes commands (PING).
    ///
    /// # Errors
    ///
    /// `BUSY` while a script that ran out of time after it had written holds every key.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(redmoon::Store::new().ping().is_ok());
    /// ```
    pub fn ping(&self) -> Result<()> {
        self.inner.overdue().map_or(Ok(()), |holder| Err(holder.error()))
    }

    /// Gives the message back (ECHO).
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(redmoon::Store::new().echo("is there anybody?"), "is there anybody?");
    /// ```
    #[must_use]
    pub fn echo(&self, message: impl AsRef<[u8]>) -> Blob {
        Blob::from(message.as_ref())
    }

    /// The time of the store's clock (TIME): seconds since the Unix epoch, and microseconds of that second.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{ManualClock, Store};
    ///
    /// let store = Store::builder().clock(ManualClock::at_millis(1_500)).build();
    /// assert_eq!(store.time(), (1, 500_000));
    /// ```
    #[must_use]
    pub fn time(&self) -> (i64, i64) {
        split_micros(self.inner.space.clock.now_micros())
    }
}
