//! [`Subscription`], messages for a Rust program, and [`Subscriber`], which it shares with sessions: what one reader
//! subscribes to.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use event_listener::EventListener;
use foldhash::fast::RandomState;
use futures_core::Stream;
use indexmap::IndexSet;

use super::inbox::{Inbox, Note};
use super::pubsub::Kind;
use super::{Inner, Store};
use crate::blob::Blob;
use crate::error::Result;
use crate::value::Value;

/// A message that was published on a channel, as its subscribers get it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The channel on which it was published.
    pub channel: Blob,
    /// What was published.
    pub payload: Blob,
    /// The pattern that made it come, if the reader subscribed to one.
    pub pattern: Option<Blob>,
    /// Whether it came by SPUBLISH.
    pub is_sharded: bool,
}

impl Message {
    pub(super) fn new(channel: &Blob, payload: &Blob, pattern: Option<&Blob>, is_sharded: bool) -> Message {
        Message { channel: channel.clone(), payload: payload.clone(), pattern: pattern.cloned(), is_sharded }
    }

    /// The share of one reader's limit: what a server would keep for it.
    pub(super) fn bytes(&self) -> usize {
        64 + self.channel.len() + self.payload.len() + self.pattern.as_ref().map_or(0, |name| name.len())
    }

    /// As a server would send it.
    pub(super) fn to_value(&self) -> Value {
        let text = |text: &str| Value::Bulk(Blob::from(text));
        let (channel, payload) = (Value::Bulk(self.channel.clone()), Value::Bulk(self.payload.clone()));
        Value::Push(match &self.pattern {
            Some(pattern) => vec![text("pmessage"), Value::Bulk(pattern.clone()), channel, payload],
            None if self.is_sharded => vec![text("smessage"), channel, payload],
            None => vec![text("message"), channel, payload],
        })
    }
}

/// What one reader subscribes to. Nothing any more once it is dropped.
pub(crate) struct Subscriber {
    inner: Arc<Inner>,
    inbox: Arc<Inbox>,
    channels: IndexSet<Blob, RandomState>,
    patterns: IndexSet<Blob, RandomState>,
    shard_channels: IndexSet<Blob, RandomState>,
}

impl Subscriber {
    pub(crate) fn new(store: &Store, inbox: Arc<Inbox>) -> Subscriber {
        Subscriber {
            inner: Arc::clone(&store.inner),
            inbox,
            channels: IndexSet::default(),
            patterns: IndexSet::default(),
            shard_channels: IndexSet::default(),
        }
    }

    fn names_of(&mut self, kind: Kind) -> &mut IndexSet<Blob, RandomState> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shard_channels,
        }
    }

    pub(crate) fn subscribe(&mut self, kind: Kind, name: &[u8]) {
        let name = Blob::from(name);
        if self.names_of(kind).insert(name.clone()) {
            self.inner.pubsub.subscribe(kind, &name, &self.inbox);
        }
    }

    pub(crate) fn unsubscribe(&mut self, kind: Kind, name: &[u8]) {
        if let Some(name) = self.names_of(kind).swap_take(name) {
            self.inner.pubsub.unsubscribe(kind, &name, &self.inbox);
        }
    }

    /// All that it subscribes to.
    pub(crate) fn names(&mut self, kind: Kind) -> Vec<Blob> {
        self.names_of(kind).iter().cloned().collect()
    }

    /// The number that the replies to SUBSCRIBE and its relatives tell: channels and patterns are counted together.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Channel | Kind::Pattern => self.channels.len() + self.patterns.len(),
            Kind::Shard => self.shard_channels.len(),
        }
    }

    /// Channels, patterns and shard channels, each counted alone.
    pub(crate) fn counts(&self) -> [usize; 3] {
        [self.channels.len(), self.patterns.len(), self.shard_channels.len()]
    }

    /// Whether it subscribes to nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.count(Kind::Channel) + self.count(Kind::Shard) == 0
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            while let Some(name) = self.names_of(kind).pop() {
                self.inner.pubsub.unsubscribe(kind, &name, &self.inbox);
            }
        }
    }
}

/// Messages of the channels that a program subscribes to, in the order in which they were published.
///
/// It is an iterator that waits for the next message. [`next_timeout`](Subscription::next_timeout) waits for so long,
/// [`try_next`](Subscription::try_next) not at all; [`next_message`](Subscription::next_message) and
/// [`stream`](Subscription::stream) are for asynchronous programs, with any runtime.
///
/// A subscription holds up to 32 MiB of messages that were not read (see
/// [`StoreBuilder::reader_buffer`](crate::StoreBuilder::reader_buffer)). A program that lets it grow larger is cut off
/// there, as a server hangs up on a slow subscriber: it reads what it has, then an error, and nothing after that.
/// Publishers never wait. Dropping the subscription unsubscribes.
///
/// # Examples
///
/// ```
/// use redmoon::Store;
///
/// let store = Store::new();
/// let mut news = store.subscribe(&["news"]);
/// assert_eq!(store.publish("news", "the moon is red")?, 1);
/// let message = news.next().expect("a subscription has no end")?;
/// assert_eq!(message.channel, "news");
/// assert_eq!(message.payload, "the moon is red");
/// assert!(news.try_next()?.is_none());
/// # Ok::<(), redmoon::Error>(())
/// ```
#[must_use = "dropping a subscription unsubscribes"]
pub struct Subscription {
    subscriber: Subscriber,
    listener: Option<EventListener>,
    /// Whether the error at the end was given.
    is_over: bool,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Subscriber { channels, patterns, shard_channels, .. } = &self.subscriber;
        f.debug_struct("Subscription")
            .field("channels", channels)
            .field("patterns", patterns)
            .field("shard_channels", shard_channels)
            .finish_non_exhaustive()
    }
}

impl Subscription {
    pub(crate) fn new<N: AsRef<[u8]>>(store: &Store, kind: Kind, names: &[N]) -> Subscription {
        let subscriber = Subscriber::new(store, Arc::new(store.inner.new_inbox()));
        let mut subscription = Subscription { subscriber, listener: None, is_over: false };
        subscription.add(kind, names);
        subscription
    }

    fn add<N: AsRef<[u8]>>(&mut self, kind: Kind, names: &[N]) {
        names.iter().for_each(|name| self.subscriber.subscribe(kind, name.as_ref()));
    }

    fn remove<N: AsRef<[u8]>>(&mut self, kind: Kind, names: &[N]) {
        names.iter().for_each(|name| self.subscriber.unsubscribe(kind, name.as_ref()));
    }

    /// Subscribes to more channels (SUBSCRIBE).
    pub fn subscribe<N: AsRef<[u8]>>(&mut self, channels: &[N]) {
        self.add(Kind::Channel, channels);
    }

    /// Subscribes to the channels whose names fit patterns (PSUBSCRIBE). A channel that fits two of them, or that is
    /// subscribed to by its name as well, brings its messages more than once.
    pub fn psubscribe<N: AsRef<[u8]>>(&mut self, patterns: &[N]) {
        self.add(Kind::Pattern, patterns);
    }

    /// Subscribes to more channels of [`Store::spublish`] (SSUBSCRIBE).
    pub fn ssubscribe<N: AsRef<[u8]>>(&mut self, channels: &[N]) {
        self.add(Kind::Shard, channels);
    }

    /// Ends subscriptions to channels (UNSUBSCRIBE). Messages that have come already stay.
    pub fn unsubscribe<N: AsRef<[u8]>>(&mut self, channels: &[N]) {
        self.remove(Kind::Channel, channels);
    }

    /// Ends subscriptions to patterns (PUNSUBSCRIBE).
    pub fn punsubscribe<N: AsRef<[u8]>>(&mut self, patterns: &[N]) {
        self.remove(Kind::Pattern, patterns);
    }

    /// Ends subscriptions to channels of [`Store::spublish`] (SUNSUBSCRIBE).
    pub fn sunsubscribe<N: AsRef<[u8]>>(&mut self, channels: &[N]) {
        self.remove(Kind::Shard, channels);
    }

    /// The next message if it has come already.
    ///
    /// # Errors
    ///
    /// When the reader was too slow and was cut off, after the messages that had come before.
    pub fn try_next(&mut self) -> Result<Option<Message>> {
        self.subscriber.inbox.try_next().map(|note| note.and_then(message_of))
    }

    /// The next message, waiting for it so long at most.
    ///
    /// # Errors
    ///
    /// When the reader was too slow and was cut off, after the messages that had come before.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    /// use std::time::Duration;
    ///
    /// let mut silence = Store::new().subscribe(&["silence"]);
    /// assert!(silence.next_timeout(Duration::from_millis(10))?.is_none());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Message>> {
        self.subscriber.inbox.wait(Some(timeout)).map(|note| note.and_then(message_of))
    }

    /// The next message, for an asynchronous program. No message is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// When the reader was too slow and was cut off, after the messages that had come before.
    pub async fn next_message(&mut self) -> Result<Message> {
        poll_fn(|context| self.poll_message(context)).await
    }

    /// The messages as a stream. After an error it ends.
    pub fn stream(&mut self) -> Messages<'_> {
        Messages { subscription: self }
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Result<Message>> {
        let Subscription { subscriber, listener, .. } = self;
        loop {
            match subscriber.inbox.poll_next(listener, context) {
                Poll::Ready(Ok(note)) => {
                    if let Some(message) = message_of(note) {
                        return Poll::Ready(Ok(message));
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Nothing else comes into a subscription's inbox.
fn message_of(note: Note) -> Option<Message> {
    match note {
        Note::Message(message) => Some(Arc::unwrap_or_clone(message)),
        Note::Command(_) => None,
    }
}

impl Iterator for Subscription {
    type Item = Result<Message>;

    /// Waits for the next message.
    fn next(&mut self) -> Option<Result<Message>> {
        if self.is_over {
            return None;
        }
        match self.subscriber.inbox.wait(None) {
            Ok(note) => note.and_then(message_of).map(Ok),
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }
}

/// The messages of a [`Subscription`] as a [`Stream`], from [`Subscription::stream`].
#[derive(Debug)]
pub struct Messages<'s> {
    subscription: &'s mut Subscription,
}

impl Stream for Messages<'_> {
    type Item = Result<Message>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        let subscription = &mut *self.get_mut().subscription;
        if subscription.is_over {
            return Poll::Ready(None);
        }
        let polled = subscription.poll_message(context);
        subscription.is_over = matches!(polled, Poll::Ready(Err(_)));
        polled.map(Some)
    }
}
