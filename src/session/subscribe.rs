//! Subscriptions and MONITOR: what makes messages come that the caller did not ask for, and how a Rust program reads
//! them.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use super::Session;
use crate::blob::Blob;
use crate::commands::{Args, Command, CommandSpec, Handler, flag};
use crate::error::{Error, Result};
use crate::protocol::Protocol;
use crate::reply::Reply;
use crate::store::{Inbox, Kind, Subscriber};
use crate::value::Value;

/// What a session listens to.
#[derive(Default)]
pub(super) struct Listening {
    /// From the first subscription to the last UNSUBSCRIBE.
    subscriber: Option<Box<Subscriber>>,
    is_monitor: bool,
}

/// Commands of a subscriber that speaks RESP2, whose messages could not be told from replies to others.
const OF_SUBSCRIBERS: &[&str] = &[
    "PING",
    "PSUBSCRIBE",
    "PUNSUBSCRIBE",
    "QUIT",
    "RESET",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "UNSUBSCRIBE",
];

impl Listening {
    /// How many channels, patterns and shard channels there are.
    pub(super) fn counts(&self) -> [usize; 3] {
        self.subscriber.as_ref().map_or([0; 3], |subscriber| subscriber.counts())
    }

    pub(super) fn is_monitor(&self) -> bool {
        self.is_monitor
    }
}

impl Session {
    /// Whether the session subscribes to anything.
    fn is_subscribed(&self) -> bool {
        self.listening.subscriber.is_some()
    }

    /// Whether messages may come that the caller does not ask for.
    pub(crate) fn is_listening(&self) -> bool {
        self.is_subscribed() || self.listening.is_monitor
    }

    /// Whether a command may run beside what the session listens to.
    pub(super) fn admit_listening(&self, command: Command) -> Result<()> {
        let CommandSpec { name, .. } = command.spec;
        let is_allowed = command.parent.is_none() && OF_SUBSCRIBERS.contains(name);
        if self.is_subscribed() && self.protocol == Protocol::Resp2 && !is_allowed {
            return Err(Error::subscribed_only(&command.full_name()));
        }
        if self.listening.is_monitor && command.spec.is(flag::WRITE | flag::READONLY | flag::MAY_REPLICATE) {
            return Err(Error::MONITOR_ONLY_WATCHES);
        }
        Ok(())
    }

    /// PING of a subscriber in RESP2, whose replies all are arrays; false if it is any other.
    pub(super) fn ping_as_message(&self, command: Command, args: Args<'_>, out: &mut dyn Reply) -> bool {
        let is_ping = command.parent.is_none() && command.spec.name == "PING" && args.len() <= 2;
        if !is_ping || !self.is_subscribed() || self.protocol != Protocol::Resp2 {
            return false;
        }
        out.array(2);
        out.bulk(b"pong");
        out.bulk(args.at(1));
        true
    }

    /// (P|S)SUBSCRIBE name [name ...]; `is_queued` within EXEC.
    pub(super) fn subscribe(
        &mut self,
        kind: Kind,
        args: Args<'_>,
        is_queued: bool,
        out: &mut dyn Reply,
    ) -> Result<()> {
        if is_queued && kind == Kind::Shard {
            return Err(Error::SSUBSCRIBE_DENIED);
        }
        self.deliver_so_far();
        let word = match kind {
            Kind::Channel => "subscribe",
            Kind::Pattern => "psubscribe",
            Kind::Shard => "ssubscribe",
        };
        let names = args.from(1);
        open_queued(names.len(), is_queued, out);
        let store = self.engine.store();
        let inbox = &self.inbox;
        let subscriber = self
            .listening
            .subscriber
            .get_or_insert_with(|| Box::new(Subscriber::new(store, Arc::clone(inbox))));
        for name in names {
            subscriber.subscribe(kind, name);
            out.value(confirmation(word, Some(name), subscriber.count(kind)));
        }
        Ok(())
    }

    /// (P|S)UNSUBSCRIBE [name ...].
    pub(super) fn unsubscribe(
        &mut self,
        kind: Kind,
        args: Args<'_>,
        is_queued: bool,
        out: &mut dyn Reply,
    ) -> Result<()> {
        self.deliver_so_far();
        let word = match kind {
            Kind::Channel => "unsubscribe",
            Kind::Pattern => "punsubscribe",
            Kind::Shard => "sunsubscribe",
        };
        let mut names: Vec<Blob> = args.from(1).iter().map(|name| Blob::from(*name)).collect();
        let subscriber = &mut self.listening.subscriber;
        if names.is_empty()
            && let Some(subscriber) = subscriber
        {
            names = subscriber.names(kind);
        }
        open_queued(names.len().max(1), is_queued, out);
        let count = |subscriber: &Option<Box<Subscriber>>| {
            subscriber.as_ref().map_or(0, |subscriber| subscriber.count(kind))
        };
        if names.is_empty() {
            out.value(confirmation(word, None, count(subscriber)));
        }
        for name in &names {
            if let Some(subscriber) = subscriber {
                subscriber.unsubscribe(kind, name);
            }
            out.value(confirmation(word, Some(name), count(subscriber)));
        }
        if subscriber.as_ref().is_some_and(|subscriber| subscriber.is_idle()) {
            *subscriber = None;
        }
        Ok(())
    }

    /// MONITOR. A second one gets no reply, as on a server.
    pub(super) fn monitor(&mut self, is_queued: bool, out: &mut dyn Reply) -> Result<()> {
        if is_queued {
            return Err(Error::MONITOR_DENIED);
        }
        if !self.listening.is_monitor {
            self.listening.is_monitor = true;
            self.engine.store().inner.add_monitor(&self.inbox);
            out.ok();
        }
        Ok(())
    }

    /// RESET, and the end: nothing more comes.
    pub(super) fn stop_listening(&mut self) {
        self.listening.subscriber = None;
        if std::mem::take(&mut self.listening.is_monitor) {
            self.engine.store().inner.remove_monitor(&self.inbox);
        }
    }

    /// Within EXEC: what its commands published before a change of the subscriptions goes to those of that time.
    fn deliver_so_far(&mut self) {
        if let Some(effects) = &mut self.turn.effects {
            self.engine.store().inner.deliver(std::mem::take(&mut effects.news));
        }
    }

    /// Shows a command that runs a script to MONITOR, before the script's own calls.
    #[cold]
    pub(super) fn observe_before(&self, command: Option<Command>, args: Args<'_>) {
        if command.is_some_and(runs_script) {
            self.observe(args);
        }
    }

    /// Shows any other to MONITOR, once it has run.
    #[cold]
    pub(super) fn observe_after(&self, command: Option<Command>, args: Args<'_>) {
        if !command.is_some_and(|command| command.spec.is(flag::ADMIN | flag::SKIP_MONITOR)) {
            self.observe(args);
        }
    }

    fn observe(&self, args: Args<'_>) {
        let address = self.address();
        self.engine.store().inner.observe(self.turn.db, Some(&address), args.all());
    }

    fn address(&self) -> String {
        self.client.texts().address
    }
}

/// Messages that come without a command: of subscriptions, and of MONITOR.
impl Session {
    /// The next message if it has come already, in the form in which a server sends it: a [`Value::Push`], or a
    /// [`Value::Status`] if it is a line of MONITOR.
    ///
    /// # Errors
    ///
    /// When the session was closed (CLIENT KILL), or cut off because more messages came than its buffer holds (see
    /// [`StoreBuilder::reader_buffer`](crate::StoreBuilder::reader_buffer)), after the messages that came before.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store, Value};
    ///
    /// let engine = Engine::new(Store::new());
    /// let mut session = engine.session();
    /// session.execute(&["SUBSCRIBE", "news"])?;
    /// engine.store().publish("news", "hello")?;
    /// let message = ["message", "news", "hello"].map(Value::from).to_vec();
    /// assert_eq!(session.try_message()?, Some(Value::Push(message)));
    /// assert_eq!(session.try_message()?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn try_message(&mut self) -> Result<Option<Value>> {
        self.inbox.try_next().map(|note| note.map(Inbox::show))
    }

    /// As [`try_message`](Session::try_message), waiting for a message: so long at most, or for ever.
    ///
    /// # Errors
    ///
    /// As [`try_message`](Session::try_message).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store};
    /// use std::time::Duration;
    ///
    /// let mut session = Engine::new(Store::new()).session();
    /// session.execute(&["SUBSCRIBE", "silence"])?;
    /// assert_eq!(session.wait_message(Some(Duration::from_millis(10)))?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn wait_message(&mut self, timeout: Option<Duration>) -> Result<Option<Value>> {
        self.inbox.wait(timeout).map(|note| note.map(Inbox::show))
    }

    /// As [`try_message`](Session::try_message), for an asynchronous program. No message is lost when the future is
    /// dropped.
    ///
    /// # Errors
    ///
    /// As [`try_message`](Session::try_message).
    pub async fn next_message(&mut self) -> Result<Value> {
        let mut listener = None;
        poll_fn(|context| self.inbox.poll_next(&mut listener, context)).await.map(Inbox::show)
    }
}

fn runs_script(command: Command) -> bool {
    matches!(command.spec.handler, Handler::Engine) && command.spec.is(flag::SKIP_MONITOR)
}

fn confirmation(word: &str, name: Option<&[u8]>, count: usize) -> Value {
    let name = name.map_or(Value::Nil, |name| Value::Bulk(Blob::from(name)));
    let count = Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    Value::Push(vec![Value::Bulk(Blob::from(word)), name, count])
}

/// Within EXEC each command has one reply: several confirmations are an array. (A server sends them one after the other
/// there, so that the array of EXEC has more elements than it says.)
fn open_queued(confirmations: usize, is_queued: bool, out: &mut dyn Reply) {
    if is_queued && confirmations > 1 {
        out.array(confirmations);
    }
}
