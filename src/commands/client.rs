//! CLIENT: who is connected, what they say of themselves, and how they are ended. What concerns the caller's own
//! conversation runs in the session.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use super::spec::{Group, flag::*};
use super::{Args, CommandSpec, reply_help, table};
use crate::error::{Error, Result};
use crate::num::parse_i64;
use crate::protocol::Protocol;
use crate::reply::Reply;
use crate::store::{Client, Store};

pub(super) const COMMANDS: &[CommandSpec] = &[CommandSpec::container("CLIENT", SUBCOMMANDS)
    .summary("Holds the commands about clients and their connections.")
    .since("2.4.0")
    .complexity("Depends on the subcommand.")
    .group(Group::Connection)];

const SUBCOMMANDS: &[CommandSpec] = &[
    own("CACHING")
        .summary("Says whether the keys of the next command are to be tracked.")
        .since("6.0.0")
        .syntax("<mode: YES | NO>")
        .arity(3),
    own("GETNAME").summary("Gives the name of the connection.").since("2.6.9").arity(2),
    own("GETREDIR")
        .summary("Gives the client to which messages of tracking go.")
        .since("6.0.0")
        .arity(2),
    CommandSpec::server("HELP", help_cmd)
        .summary("Shows the list of subcommands.")
        .since("5.0.0")
        .group(Group::Connection)
        .arity(2)
        .flags(LOADING | STALE),
    own("ID").summary("Gives the number of the connection.").since("5.0.0").arity(2),
    own("INFO")
        .summary("Describes the connection in one line.")
        .since("6.2.0")
        .arity(2)
        .tips(&["nondeterministic_output"]),
    own("KILL")
        .summary("Ends the connections that filters choose.")
        .since("2.4.0")
        .complexity("O(N), N being the number of connections.")
        .syntax(
            "<filter: ip:port:string | <new-format: [ID client-id:integer] | \
             [normal_master_slave_pubsub: TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | \
             [ADDR ip:port:string] | [LADDR ip:port:string] | [SKIPME yes/no:string] ...>>",
        )
        .arity(-3)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE),
    own("LIST")
        .summary("Describes the connections, a line each.")
        .since("2.4.0")
        .complexity("O(N), N being the number of connections.")
        .syntax(
            "[normal_master_replica_pubsub: TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] \
             [id: ID client-id:integer [client-id:integer ...]]",
        )
        .arity(-2)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE)
        .tips(&["nondeterministic_output"]),
    own("NO-EVICT")
        .summary("Marks the connection as one to be spared when memory is short: only the mark is kept.")
        .since("7.0.0")
        .syntax("<enabled: ON | OFF>")
        .arity(3)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE),
    own("NO-TOUCH")
        .summary("Marks the connection as one that should leave access times alone: only the mark is kept.")
        .since("7.2.0")
        .syntax("<enabled: ON | OFF>")
        .arity(3),
    CommandSpec::server("PAUSE", pause_cmd)
        .summary("Makes commands of all connections wait: not possible here.")
        .since("2.9.50")
        .group(Group::Connection)
        .syntax("timeout:integer [mode: WRITE | ALL]")
        .arity(-3)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE),
    own("REPLY")
        .summary("Says whether replies are sent.")
        .since("3.2.0")
        .syntax("<on_off_skip: ON | OFF | SKIP>")
        .arity(3),
    own("SETINFO")
        .summary("Names the client library and its version.")
        .since("7.2.0")
        .syntax("<attr: LIB-NAME libname | LIB-VER libver>")
        .arity(4),
    own("SETNAME")
        .summary("Gives the connection a name.")
        .since("2.6.9")
        .syntax("connection-name")
        .arity(3),
    CommandSpec::server("TRACKING", tracking_cmd)
        .summary("Switches client side caching: not possible here.")
        .since("6.0.0")
        .group(Group::Connection)
        .syntax(
            "<status: ON | OFF> [REDIRECT client-id:integer] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] \
             [OPTOUT] [NOLOOP]",
        )
        .arity(-3)
        .flags(NOSCRIPT | LOADING | STALE),
    CommandSpec::server("TRACKINGINFO", trackinginfo_cmd)
        .summary("Tells the state of client side caching.")
        .since("6.2.0")
        .group(Group::Connection)
        .arity(2)
        .flags(NOSCRIPT | LOADING | STALE),
    CommandSpec::server("UNBLOCK", unblock_cmd)
        .summary("Ends the wait of another connection.")
        .since("5.0.0")
        .complexity("O(log N), N being the number of connections.")
        .group(Group::Connection)
        .syntax("client-id:integer [timeout_error: TIMEOUT | ERROR]")
        .arity(-3)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE),
    CommandSpec::server("UNPAUSE", unpause_cmd)
        .summary("Ends a pause: there never is one.")
        .since("6.2.0")
        .complexity("O(N), N being the number of connections that wait.")
        .group(Group::Connection)
        .arity(2)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE),
];

const fn own(name: &'static str) -> CommandSpec {
    CommandSpec::session(name).flags(NOSCRIPT | LOADING | STALE)
}

/// What clients of a real server read on their screens, line by line.
const HELP: &[&str] = &[
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Control server assisted client side caching.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "HELP",
    "    Prints this help.",
];

fn help_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(HELP, out);
    Ok(())
}

fn pause_cmd(_: &Store, args: Args<'_>, _: &mut dyn Reply) -> Result<()> {
    if args.len() > 4 {
        return Err(Error::wrong_subcommand(args.at(1), "CLIENT"));
    }
    if args.len() == 4 && !args.is(3, "WRITE") && !args.is(3, "ALL") {
        return Err(Error::PAUSE_MODE);
    }
    let timeout = parse_i64(args.at(2)).ok_or(Error::TIMEOUT_NOT_INTEGER)?;
    if timeout < 0 {
        return Err(Error::TIMEOUT_NEGATIVE);
    }
    Err(Error::NO_PAUSE)
}

fn unpause_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.ok();
    Ok(())
}

/// OFF is what it always is.
fn tracking_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let mut at = 3;
    while at < args.len() {
        at += match args.at(at).to_ascii_uppercase().as_slice() {
            b"BCAST" | b"OPTIN" | b"OPTOUT" | b"NOLOOP" => 1,
            b"REDIRECT" | b"PREFIX" if at + 1 < args.len() => 2,
            _ => return Err(Error::SYNTAX),
        };
    }
    if args.is(2, "OFF") {
        out.ok();
        Ok(())
    } else if args.is(2, "ON") {
        Err(Error::NO_TRACKING)
    } else {
        Err(Error::SYNTAX)
    }
}

fn trackinginfo_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.map(3);
    out.bulk(b"flags");
    out.set(1);
    out.bulk(b"off");
    out.bulk(b"redirect");
    out.integer(-1);
    out.bulk(b"prefixes");
    out.array(0);
    Ok(())
}

fn unblock_cmd(store: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    if args.len() > 4 {
        return Err(Error::wrong_subcommand(args.at(1), "CLIENT"));
    }
    let error = match args.len() {
        3 => None,
        _ if args.is(3, "TIMEOUT") => None,
        _ if args.is(3, "ERROR") => Some(Error::UNBLOCKED),
        _ => return Err(Error::UNBLOCK_REASON),
    };
    let id = args.integer(2)?;
    out.boolean_integer(unblock(store, id, error));
    Ok(())
}

fn unblock(store: &Store, id: i64, error: Option<Error>) -> bool {
    let client = u64::try_from(id).ok().and_then(|id| store.inner.clients.find(id));
    client.is_some_and(|client| client.unblock(error))
}

/// Which clients are meant; a filter that is not given lets all through.
#[derive(Default)]
pub(crate) struct Filter<'a> {
    pub(crate) ids: Option<Vec<u64>>,
    kind: Option<Kind>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    /// Whether the caller itself is not meant.
    skips_self: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Pubsub,
    /// Of replication, which there is none of.
    Other,
}

impl Kind {
    fn named(name: &[u8]) -> Result<Kind> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Kind::Normal),
            b"pubsub" => Ok(Kind::Pubsub),
            b"master" | b"slave" | b"replica" => Ok(Kind::Other),
            _ => Err(Error::unknown_client_type(name)),
        }
    }
}

impl<'a> Filter<'a> {
    /// Of CLIENT LIST.
    pub(crate) fn of_list(args: Args<'a>) -> Result<Filter<'a>> {
        let mut filter = Filter::default();
        match args.len() {
            2 => {}
            4 if args.is(2, "TYPE") => filter.kind = Some(Kind::named(args.at(3))?),
            4.. if args.is(2, "ID") => {
                let id = |id: &&[u8]| {
                    let id = parse_i64(id).and_then(|id| u64::try_from(id).ok());
                    id.filter(|&id| id > 0).ok_or(Error::INVALID_CLIENT_ID)
                };
                filter.ids = Some(args.from(3).iter().map(id).collect::<Result<_>>()?);
            }
            _ => return Err(Error::SYNTAX),
        }
        Ok(filter)
    }

    /// Of CLIENT KILL.
    pub(crate) fn of_kill(args: Args<'a>) -> Result<Filter<'a>> {
        let mut filter = Filter { skips_self: true, ..Filter::default() };
        if args.len() == 3 {
            return Ok(Filter { address: Some(args.at(2)), skips_self: false, ..filter });
        }
        let mut at = 2;
        while at < args.len() {
            let Some(value) = args.get(at + 1) else { return Err(Error::SYNTAX) };
            match args.at(at).to_ascii_uppercase().as_slice() {
                b"ID" => {
                    let id = parse_i64(value).and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0);
                    filter.ids = Some(vec![id.ok_or(Error::CLIENT_ID_NOT_POSITIVE)?]);
                }
                b"TYPE" => filter.kind = Some(Kind::named(value)?),
                b"ADDR" => filter.address = Some(value),
                b"LADDR" => filter.local_address = Some(value),
                // There is one user, whom all clients are.
                b"USER" if value == b"default" => {}
                b"USER" => return Err(Error::no_such_user(value)),
                b"SKIPME" if args.is(at + 1, "YES") => filter.skips_self = true,
                b"SKIPME" if args.is(at + 1, "NO") => filter.skips_self = false,
                _ => return Err(Error::SYNTAX),
            }
            at += 2;
        }
        Ok(filter)
    }

    fn takes(&self, client: &Client, caller: Option<u64>) -> bool {
        let texts = client.texts();
        let kind = if client.is_subscribed() { Kind::Pubsub } else { Kind::Normal };
        self.ids.as_ref().is_none_or(|ids| ids.contains(&client.id))
            && self.kind.is_none_or(|wanted| wanted == kind)
            && self.address.is_none_or(|address| address == texts.address.as_bytes())
            && self.local_address.is_none_or(|address| address == texts.local_address.as_bytes())
            && !(self.skips_self && caller == Some(client.id))
    }
}

/// Ends the clients that a filter chooses, but the caller; says how many there were and whether the caller is one of
/// them.
pub(crate) fn kill(store: &Store, filter: &Filter<'_>, caller: Option<u64>) -> (usize, bool) {
    let (mut killed, mut own) = (0, false);
    for client in store.inner.clients.all() {
        if filter.takes(&client, caller) {
            killed += 1;
            if caller == Some(client.id) {
                own = true;
            } else {
                store.inner.end_client(&client);
            }
        }
    }
    (killed, own)
}

/// What the caller of CLIENT LIST has sent, which its own line shows.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) id: u64,
    /// Bytes of the request, and of its arguments alone.
    pub(crate) bytes: usize,
    pub(crate) arguments: usize,
}

impl Request {
    pub(crate) fn new(id: u64, args: Args<'_>) -> Request {
        let digits = |number: usize| number.checked_ilog10().unwrap_or(0) as usize + 1;
        let arguments: usize = args.all().iter().map(|arg| arg.len()).sum();
        let around: usize = args.all().iter().map(|arg| 5 + digits(arg.len())).sum();
        Request { id, bytes: 3 + digits(args.len()) + around + arguments, arguments }
    }
}

/// The lines of CLIENT LIST.
pub(crate) fn list(store: &Store, filter: &Filter<'_>, request: Option<Request>) -> String {
    let mut text = String::new();
    for client in store.inner.clients.all() {
        if filter.takes(&client, None) {
            describe(store, &client, request, &mut text);
        }
    }
    text
}

/// The room that a server has for requests: a request takes some of it.
const QUERY_BUFFER: usize = 20_474;

/// One line of CLIENT LIST. There is no socket and no buffer for replies here, so their figures are 0 or -1.
pub(crate) fn describe(store: &Store, client: &Client, request: Option<Request>, text: &mut String) {
    let now = store.inner.space.clock.now_micros().div_euclid(1000);
    let seconds = |since: i64| now.saturating_sub(since).max(0) / 1000;
    let texts = client.texts();
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let request = request.filter(|request| request.id == client.id);
    let (query, arguments) = request.map_or((0, 0), |request| (request.bytes, request.arguments));
    let free = if request.is_some() { QUERY_BUFFER.saturating_sub(query) } else { 0 };
    let (messages, unread) = client.inbox.unread();
    let queued_bytes = client.queued_bytes.load(Relaxed);
    let command = client.command.load(Relaxed).checked_sub(1);
    let command = command.and_then(|id| table().commands().get(id)).map(|command| command.full_name());
    let total = size_of::<Client>() + query + free + arguments + queued_bytes + unread;
    let _ = writeln!(
        text,
        "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} \
         qbuf={query} qbuf-free={free} argv-mem={arguments} multi-mem={queued_bytes} rbs=0 rbp=0 obl=0 \
         oll={messages} omem={unread} tot-mem={total} events=r cmd={} user=default redir=-1 resp={} lib-name={} \
         lib-ver={}",
        client.id,
        texts.address,
        texts.local_address,
        lossy(&texts.name),
        seconds(client.born),
        seconds(client.last.load(Relaxed)),
        flags(client),
        client.db.load(Relaxed),
        client.channels.load(Relaxed),
        client.patterns.load(Relaxed),
        client.shard_channels.load(Relaxed),
        client.queued.load(Relaxed),
        command.as_deref().unwrap_or("NULL"),
        if client.protocol() == Protocol::Resp3 { 3 } else { 2 },
        lossy(&texts.lib_name),
        lossy(&texts.lib_version),
    );
}

fn flags(client: &Client) -> String {
    let flags = [
        (client.is_monitor.load(Relaxed), 'O'),
        (client.is_subscribed(), 'P'),
        (client.queued.load(Relaxed) >= 0, 'x'),
        (client.waiter().is_some(), 'b'),
        (client.is_dirty(), 'd'),
        (client.inbox.is_closed(), 'A'),
        (client.no_evict.load(Relaxed), 'e'),
        (client.no_touch.load(Relaxed), 'T'),
    ];
    let flags: String = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| *flag).collect();
    if flags.is_empty() { "N".into() } else { flags }
}

/// # Clients
impl Store {
    /// Describes the open sessions of the store's engines, a line each, as a server describes its clients (CLIENT LIST).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store};
    ///
    /// let store = Store::new();
    /// let mut session = Engine::new(store.clone()).session();
    /// session.execute(&["CLIENT", "SETNAME", "worker"])?;
    /// assert!(store.client_list().contains(" name=worker "));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn client_list(&self) -> String {
        list(self, &Filter::default(), None)
    }

    /// Ends the session of this number (CLIENT KILL ID); false if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store};
    ///
    /// let store = Store::new();
    /// let session = Engine::new(store.clone()).session();
    /// assert!(store.client_kill(session.id()));
    /// assert!(session.is_closing());
    /// ```
    pub fn client_kill(&self, id: u64) -> bool {
        let client = self.inner.clients.find(id);
        client.inspect(|client| self.inner.end_client(client)).is_some()
    }

    /// Ends the wait of the session of this number as if its time were over (CLIENT UNBLOCK); false if it does not wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store};
    ///
    /// let store = Store::new();
    /// let session = Engine::new(store.clone()).session();
    /// assert!(!store.client_unblock(session.id()));
    /// ```
    pub fn client_unblock(&self, id: u64) -> bool {
        self.inner.clients.find(id).is_some_and(|client| client.unblock(None))
    }
}
