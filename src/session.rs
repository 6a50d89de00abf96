//! [`Session`]: one caller's conversation with an engine: its database, its protocol, its commands in order.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::blob::Blob;
use crate::commands::{Args, Command, Handler, flag};
use crate::dispatch;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::keyspace::Turn;
use crate::protocol::{Protocol, REDIS_VERSION};
use crate::reply::ValueReply;
use crate::value::Value;

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
    id: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("database", &self.turn.db)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(engine: Engine) -> Session {
        let turn = engine.store().turn();
        static SESSIONS: AtomicU64 = AtomicU64::new(1);
        let id = SESSIONS.fetch_add(1, Ordering::Relaxed);
        engine.store().inner.space.stats.sessions.fetch_add(1, Ordering::Relaxed);
        Session { engine, turn, protocol: Protocol::Resp2, id }
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
    /// an `Err`.
    ///
    /// # Errors
    ///
    /// The error that the command replies.
    pub fn execute<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Value> {
        let args: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
        let args = Args::new(&args);
        let store = self.engine.store().clone();
        let command = match dispatch::look_up(&store, args) {
            Ok(command) => command,
            Err(error) => {
                if error.kind() == ErrorKind::UnknownCommand
                    && let Some(result) = self.engine.execute_defined(args, &mut self.turn)
                {
                    return result;
                }
                store.inner.space.stats.count_error(&error);
                return Err(error);
            }
        };
        if let Handler::Engine = command.spec.handler {
            return self.execute_in_engine(command, args);
        }
        let result = if let Handler::Session = command.spec.handler {
            dispatch::timed(&store, command, || self.hello(args))
        } else {
            let mut out = ValueReply::new(self.protocol);
            dispatch::run(&store, &mut self.turn, command, args, &mut out).map(|()| out.finish())
        };
        result.inspect_err(|error| store.inner.space.stats.count_error(error))
    }

    fn execute_in_engine(&mut self, command: Command, args: Args<'_>) -> Result<Value> {
        let store = self.engine.store();
        if !command.spec.is(flag::ALLOW_BUSY)
            && let Some(holder) = store.inner.overdue()
        {
            let error = holder.error();
            store.inner.space.stats.count_error(&error);
            return Err(error);
        }
        self.turn.begin();
        dispatch::timed(store, command, || self.engine.execute(command, args, &mut self.turn))
    }

    /// HELLO [protover [SETNAME name]].
    fn hello(&mut self, args: Args<'_>) -> Result<Value> {
        let mut protocol = self.protocol;
        if args.len() > 1 {
            let version = crate::num::parse_i64(args.at(1)).ok_or(Error::BAD_PROTOCOL_VERSION)?;
            protocol = match version {
                2 => Protocol::Resp2,
                3 => Protocol::Resp3,
                _ => return Err(Error::UNSUPPORTED_PROTOCOL),
            };
        }
        if let Some(option) = args.get(2) {
            return Err(Error::hello_option(option));
        }
        self.protocol = protocol;
        let text = |text: &str| Value::Bulk(Blob::from(text));
        Ok(Value::Map(vec![
            (text("server"), text("redis")),
            (text("version"), text(REDIS_VERSION)),
            (text("proto"), Value::Integer(if protocol == Protocol::Resp3 { 3 } else { 2 })),
            (text("id"), Value::Integer(self.id as i64)),
            (text("mode"), text("standalone")),
            (text("role"), text("master")),
            (text("modules"), Value::Array(Vec::new())),
        ]))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.engine.store().inner.space.stats.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
