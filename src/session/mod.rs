//! Layer 7: [`Session`]: one caller's conversation with an engine: its database, its protocol, its commands in order.
//!
//! # States
//!
//! ```text
//!                MULTI                         an error while queueing
//!   normal ----------------> queueing -----------------------------------> aborted
//!    ^ ^ ^                     |  |  EXEC (runs, or nil after a watched key     | |
//!    | | +---------------------+  |  changed), DISCARD, RESET                    | | EXEC (EXECABORT),
//!    | +--------------------------+                                             | | DISCARD, RESET
//!    | +------------------------------------------------------------------------+ |
//!    | SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE                                           |
//!    +------------------------------------> subscribed (in RESP2 nothing but      |
//!    ^                                        (P|S)[UN]SUBSCRIBE, PING, QUIT, RESET)
//!    +---- the last UNSUBSCRIBE, RESET --------+
//!
//!   WATCH marks keys in the normal state; EXEC, DISCARD, UNWATCH and RESET forget them.
//!   Any state: QUIT, CLIENT KILL, a reader that is too slow -> closed.
//! ```

mod blocking;
mod client;
mod connection;
mod multi;
mod subscribe;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::commands::{Args, Command, Handler, flag};
use crate::dispatch;
use crate::engine::{Caller, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::keyspace::{Turn, audience};
use crate::protocol::Protocol;
use crate::reply::{Reply, ValueReply};
pub(crate) use crate::store::{Blocked, Inbox};
use crate::store::{Client, Kind, Started};
use crate::value::Value;
pub use blocking::{Begun, WaitingCommand};
use client::Replies;
use multi::Transaction;
use subscribe::Listening;

/// One caller's conversation: what a connection to a server would be.
///
/// A session remembers what its commands choose: the database (SELECT) and the protocol (HELLO). Sessions of one
/// engine share everything else.
///
/// # Examples
///
/// ```
/// use redmoon::{Engine, Store, Value};
///
/// let engine = Engine::new(Store::new());
/// let mut session = engine.session();
/// session.execute(&["SELECT", "1"])?;
/// session.execute(&["SET", "greeting", "hello"])?;
/// assert_eq!(session.execute(&["GET", "greeting"])?, Value::from("hello"));
/// assert_eq!(engine.session().execute(&["GET", "greeting"])?, Value::Nil);
/// # Ok::<(), redmoon::Error>(())
/// ```
pub struct Session {
    engine: Engine,
    turn: Turn,
    protocol: Protocol,
    /// The session as others see it.
    client: Arc<Client>,
    /// Whether the caller gave the password, or came when there was none.
    is_authenticated: bool,
    /// Which replies the caller wants.
    replies: Replies,
    /// From MULTI to its end, and what is watched.
    transaction: Transaction,
    /// Messages that the caller did not ask for.
    inbox: Arc<Inbox>,
    /// What makes such messages come.
    listening: Listening,
    /// After QUIT: the reply is the last one.
    is_closing: bool,
}

/// How far a command came.
pub(crate) enum Step {
    /// Its reply was written, or is the error.
    Done(Result<()>),
    /// It waits, with its reply to come.
    Blocked(Blocked),
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.client.id)
            .field("database", &self.turn.db)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(engine: Engine) -> Session {
        let mut turn = engine.store().turn();
        engine.store().inner.space.stats.sessions.fetch_add(1, Ordering::Relaxed);
        engine.store().inner.stats.connections.add(1);
        let inbox = Arc::new(engine.store().inner.new_inbox());
        let now = engine.store().inner.space.clock.now_micros();
        let client = engine.store().inner.clients.add(&inbox, now.div_euclid(1000));
        turn.client = client.id;
        Session {
            is_authenticated: !connection::needs_password(engine.store()),
            engine,
            turn,
            protocol: Protocol::Resp2,
            client,
            replies: Replies::On,
            transaction: Transaction::default(),
            inbox,
            listening: Listening::default(),
            is_closing: false,
        }
    }

    /// The protocol that the caller chose with HELLO: RESP2 at first.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The database that the caller chose with SELECT.
    #[must_use]
    pub fn database(&self) -> usize {
        self.turn.db
    }

    /// Runs a command. An error that is part of a larger reply stands in the reply; one that is the whole reply is
    /// an `Err`. A command that waits (BLPOP …) parks the thread until it is served or its time is over.
    ///
    /// # Errors
    ///
    /// The error that the command replies.
    pub fn execute<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Value> {
        let args: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
        let mut out = ValueReply::new(self.protocol);
        match self.start(Args::new(&args), &mut out) {
            Step::Done(result) => result.map(|()| out.finish()),
            Step::Blocked(blocked) => {
                let reply = blocked.wait();
                self.finish(reply)
            }
        }
    }

    /// Has `told` called once when the session is ended from elsewhere (CLIENT KILL), or when a conversation that
    /// [serves](crate::resp::serve) it ends: it is to shut down the stream, so that a read under way ends. One is
    /// kept, the last. It may run under the locks of the store, so it must not call it.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store};
    ///
    /// let session = Engine::new(Store::new()).session();
    /// let (end, _) = std::os::unix::net::UnixStream::pair()?;
    /// session.on_close(move || drop(end.shutdown(std::net::Shutdown::Both)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_close(&self, told: impl FnOnce() + Send + 'static) {
        self.inbox.on_close(Box::new(told));
    }

    /// Messages that the caller did not ask for.
    #[cfg(feature = "resp")]
    pub(crate) fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    /// Whether the conversation is over with the reply to the last command: after QUIT, CLIENT KILL, or messages that
    /// were not read. A program that serves a connection closes it then.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing || self.inbox.is_closed()
    }

    /// The conversation is over.
    #[cfg(feature = "resp")]
    pub(crate) fn hang_up(&mut self) {
        self.is_closing = true;
        self.inbox.close();
        self.stop_listening();
        self.forget_transaction();
    }

    /// Begins a command: writes its reply to `out`, unless it has to wait.
    pub(crate) fn start(&mut self, args: Args<'_>, out: &mut dyn Reply) -> Step {
        self.replies.next();
        let command = match self.look_up(args).and_then(|command| self.admit(command).map(|()| command)) {
            Ok(command) => command,
            Err(error) => return Step::Done(self.refuse(args, error)),
        };
        if self.transaction.queues(command) {
            self.transaction.queue(command, args);
            self.client.queues(args.all());
            out.status("QUEUED");
            return Step::Done(Ok(()));
        }
        if !self.engine.store().inner.space.hears(audience::COMMANDS) {
            return self.run(command, args, out);
        }
        self.observe_before(command, args);
        let step = self.run(command, args, out);
        self.observe_after(command, args);
        step
    }

    fn run(&mut self, command: Option<Command>, args: Args<'_>, out: &mut dyn Reply) -> Step {
        let Some(command) = command else {
            return Step::Done(self.execute_defined(args, out));
        };
        if self.ping_as_message(command, args, out) {
            return Step::Done(Ok(()));
        }
        let Session { engine, turn, client, .. } = self;
        let store = engine.store();
        client.begins(command.id, store.inner.space.clock.coarse_millis());
        let result = match command.spec.handler {
            // The engine counts its errors itself.
            Handler::Engine => return Step::Done(self.execute_in_engine(command, args, out)),
            Handler::Session => {
                turn.begin();
                let (store, id) = (store.clone(), client.id);
                dispatch::timed(&store, command, (id, args), || self.converse(command, args, false, out))
            }
            Handler::Waiting(read) => {
                turn.begin();
                let start = || store.inner.start(read(args, out.protocol())?, turn);
                match dispatch::timed(store, command, (client.id, args), start) {
                    Ok(Started::Blocked(blocked)) => {
                        client.blocks(blocked.waiter());
                        return Step::Blocked(blocked);
                    }
                    Ok(Started::Done(reply)) => {
                        out.value(reply);
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            }
            _ => {
                let result = dispatch::run(store, turn, command, args, out);
                client.db.store(turn.db, Ordering::Relaxed);
                result
            }
        };
        Step::Done(result.map_err(|error| self.count(error)))
    }

    /// The end of a command that waited: its reply, counted if it is an error.
    pub(crate) fn finish(&mut self, reply: Result<Value>) -> Result<Value> {
        reply.map_err(|error| self.count(error))
    }

    fn count(&self, error: Error) -> Error {
        self.engine.store().inner.stats.count_error(&error);
        error
    }

    /// A command that is not even tried; within a transaction that is the end of it.
    #[cold]
    fn refuse(&mut self, args: Args<'_>, error: Error) -> Result<()> {
        self.transaction.abort();
        if args.is(0, "EXEC") {
            self.forget_transaction();
            return Err(self.count(Error::exec_refused(&error)));
        }
        Err(self.count(error))
    }

    /// The command that arguments call; `None` if it is one that the application defined.
    fn look_up(&self, args: Args<'_>) -> Result<Option<Command>> {
        match dispatch::look_up(self.engine.store(), args) {
            Ok(command) => Ok(Some(command)),
            Err(error) if error.kind() == ErrorKind::UnknownCommand && self.engine.defines(args) => Ok(None),
            Err(error) => Err(self.engine.inner.dialect.reword_look_up(args, error)),
        }
    }

    /// Whether the command may run in the state in which the conversation is.
    fn admit(&mut self, command: Option<Command>) -> Result<()> {
        if !self.is_authenticated {
            self.admit_stranger(command)?;
        }
        let Some(command) = command else { return Ok(()) };
        if command.spec.is(flag::PROTECTED) && !self.engine.store().inner.space.tunables.allows_debug() {
            return Err(Error::DEBUG_NOT_ALLOWED);
        }
        if self.transaction.is_open() && command.spec.is(flag::NO_MULTI) {
            return Err(Error::NOT_IN_MULTI);
        }
        if !command.spec.is(flag::ALLOW_BUSY)
            && let Some(holder) = self.engine.store().inner.overdue()
        {
            self.engine.store().inner.stats.of(command.id).rejected.add(1);
            return Err(holder.error());
        }
        if self.is_listening() {
            self.admit_listening(command)?;
        }
        Ok(())
    }

    /// The same for a caller that has not given the password.
    #[cold]
    fn admit_stranger(&self, command: Option<Command>) -> Result<()> {
        let is_open = command.is_some_and(|command| command.spec.is(flag::NO_AUTH));
        if is_open || self.may_run() { Ok(()) } else { Err(Error::NO_AUTH) }
    }

    fn execute_defined(&mut self, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        self.turn.begin();
        match self.engine.execute_defined(args, &mut Caller::alone(&mut self.turn)) {
            Some(Ok(value)) => {
                out.value(value);
                Ok(())
            }
            Some(Err(error)) => Err(error),
            None => Err(Error::unknown_command(args.all())),
        }
    }

    fn execute_in_engine(&mut self, command: Command, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        let Session { engine, turn, .. } = self;
        turn.begin();
        let id = turn.client;
        let run = || engine.execute(command, args, &mut Caller::alone(turn));
        out.value(dispatch::timed(engine.store(), command, (id, args), run)?);
        Ok(())
    }

    /// The commands of the conversation itself; `is_queued` within EXEC.
    fn converse(
        &mut self,
        command: Command,
        args: Args<'_>,
        is_queued: bool,
        out: &mut dyn Reply,
    ) -> Result<()> {
        let result = self.converse_about(command, args, is_queued, out);
        self.show();
        result
    }

    fn converse_about(
        &mut self,
        command: Command,
        args: Args<'_>,
        is_queued: bool,
        out: &mut dyn Reply,
    ) -> Result<()> {
        match (command.parent, command.spec.name) {
            (Some("CLIENT"), name) => self.client(name, args, out),
            (None, "HELLO") => self.hello(args, out),
            (None, "AUTH") => self.auth(args, out),
            (None, "RESET") => {
                self.reset(out);
                Ok(())
            }
            (None, "QUIT") => {
                self.quit(out);
                Ok(())
            }
            (None, "MULTI") => self.multi(out),
            (None, "EXEC") => self.exec(out),
            (None, "DISCARD") => self.discard(out),
            (None, "WATCH") => self.watch(args, out),
            // EXEC has looked at the watches, and forgets them when its shards are released.
            (None, "UNWATCH") if is_queued => {
                out.ok();
                Ok(())
            }
            (None, "UNWATCH") => self.unwatch(out),
            (None, "SUBSCRIBE") => self.subscribe(Kind::Channel, args, is_queued, out),
            (None, "PSUBSCRIBE") => self.subscribe(Kind::Pattern, args, is_queued, out),
            (None, "SSUBSCRIBE") => self.subscribe(Kind::Shard, args, is_queued, out),
            (None, "UNSUBSCRIBE") => self.unsubscribe(Kind::Channel, args, is_queued, out),
            (None, "PUNSUBSCRIBE") => self.unsubscribe(Kind::Pattern, args, is_queued, out),
            (None, "SUNSUBSCRIBE") => self.unsubscribe(Kind::Shard, args, is_queued, out),
            (None, "MONITOR") => self.monitor(is_queued, out),
            _ => Err(Error::unknown_command(args.all())),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop_listening();
        self.forget_watches();
        self.engine.store().inner.clients.remove(&self.client);
        self.engine.store().inner.space.stats.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
