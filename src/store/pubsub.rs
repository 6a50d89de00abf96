//! Channels: who subscribes to which, and messages on their way.
//!
//! A message is one allocation, shared by the inboxes of all who get it. The locks of this file are taken while shards
//! may be locked and take nothing but an inbox's, so nobody waits here for a shard.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use parking_lot::{Mutex, RwLock};

use super::clients::Client;
use super::inbox::{Inbox, Note};
use super::{Inner, Message};
use crate::blob::Blob;
use crate::glob;
use crate::keyspace::{News, Receivers};

/// What a subscription is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Channel,
    Pattern,
    /// A channel of SPUBLISH: a name space of its own.
    Shard,
}

/// Who reads, by the address of the inbox.
type Readers = IndexMap<usize, Arc<Inbox>, RandomState>;
type Names = IndexMap<Blob, Readers, RandomState>;

/// How many channels may get messages at the same time.
const LANES: usize = 16;

#[derive(Default)]
pub(crate) struct Pubsub {
    registry: RwLock<Registry>,
    /// Two messages on one channel reach all readers in the same order: each channel has one of these.
    lanes: [Mutex<()>; LANES],
    hasher: RandomState,
    /// How many names somebody subscribes to, to see without a lock that there is nobody.
    names: AtomicUsize,
}

#[derive(Default)]
struct Registry {
    channels: Names,
    patterns: Names,
    shard_channels: Names,
}

impl Registry {
    fn of(&self, kind: Kind) -> &Names {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shard_channels,
        }
    }

    fn of_mut(&mut self, kind: Kind) -> &mut Names {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shard_channels,
        }
    }

    fn names(&self) -> usize {
        self.channels.len() + self.patterns.len() + self.shard_channels.len()
    }

    fn matching(&self, channel: &[u8]) -> impl Iterator<Item = (&Blob, &Readers)> {
        self.patterns.iter().filter(move |(pattern, _)| glob::matches(pattern, channel, false))
    }
}

fn address(inbox: &Arc<Inbox>) -> usize {
    Arc::as_ptr(inbox).addr()
}

impl Pubsub {
    pub(super) fn subscribe(&self, kind: Kind, name: &Blob, inbox: &Arc<Inbox>) {
        let mut registry = self.registry.write();
        let readers = registry.of_mut(kind).entry(name.clone()).or_default();
        readers.insert(address(inbox), Arc::clone(inbox));
        self.names.store(registry.names(), Ordering::Release);
    }

    pub(super) fn unsubscribe(&self, kind: Kind, name: &Blob, inbox: &Arc<Inbox>) {
        let mut registry = self.registry.write();
        let names = registry.of_mut(kind);
        if let Some(readers) = names.get_mut(name) {
            readers.swap_remove(&address(inbox));
            if readers.is_empty() {
                names.swap_remove(name);
            }
        }
        self.names.store(registry.names(), Ordering::Release);
    }

    /// Ends all that this inbox is subscribed to.
    pub(super) fn forget(&self, inbox: &Arc<Inbox>) {
        let mut registry = self.registry.write();
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            registry.of_mut(kind).retain(|_, readers| {
                readers.swap_remove(&address(inbox));
                !readers.is_empty()
            });
        }
        self.names.store(registry.names(), Ordering::Release);
    }

    /// Whether nobody subscribes to anything.
    pub(super) fn is_idle(&self) -> bool {
        self.names.load(Ordering::Acquire) == 0
    }

    /// Hands a message out.
    pub(super) fn send(&self, channel: &Blob, payload: &Blob, is_sharded: bool) {
        if self.is_idle() {
            return;
        }
        let registry = self.registry.read();
        let _lane = self.lanes[self.hasher.hash_one(&**channel) as usize % LANES].lock();
        let hand_out = |readers: &Readers, pattern: Option<&Blob>| {
            let message = Arc::new(Message::new(channel, payload, pattern, is_sharded));
            for inbox in readers.values() {
                inbox.push(Note::Message(Arc::clone(&message)));
            }
        };
        let kind = if is_sharded { Kind::Shard } else { Kind::Channel };
        if let Some(readers) = registry.of(kind).get(channel) {
            hand_out(readers, None);
        }
        if !is_sharded {
            registry.matching(channel).for_each(|(pattern, readers)| hand_out(readers, Some(pattern)));
        }
    }

    /// The channels that somebody subscribes to, those that fit the pattern.
    pub(crate) fn names(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Blob> {
        let registry = self.registry.read();
        let fits = |name: &&Blob| pattern.is_none_or(|pattern| glob::matches(pattern, name, false));
        registry.of(kind).keys().filter(fits).cloned().collect()
    }

    /// How many subscribe to this name.
    pub(crate) fn readers(&self, kind: Kind, name: &[u8]) -> usize {
        self.registry.read().of(kind).get(name).map_or(0, IndexMap::len)
    }

    /// How many patterns somebody subscribes to.
    pub(crate) fn patterns(&self) -> usize {
        self.registry.read().patterns.len()
    }
}

impl Receivers for Pubsub {
    fn count(&self, channel: &[u8], is_sharded: bool) -> usize {
        if self.is_idle() {
            return 0;
        }
        let registry = self.registry.read();
        if is_sharded {
            return registry.shard_channels.get(channel).map_or(0, IndexMap::len);
        }
        let direct = registry.channels.get(channel).map_or(0, IndexMap::len);
        direct + registry.matching(channel).map(|(_, readers)| readers.len()).sum::<usize>()
    }

    fn names(&self) -> [usize; 3] {
        let registry = self.registry.read();
        [&registry.channels, &registry.patterns, &registry.shard_channels].map(IndexMap::len)
    }
}

impl Inner {
    /// Ends a client. From now on nobody sees it, though its session may take a moment to notice.
    pub(crate) fn end_client(&self, client: &Client) {
        client.kill();
        self.clients.remove(client);
        if client.is_subscribed() {
            self.pubsub.forget(&client.inbox);
        }
    }

    /// Hands out what a turn has to tell, in its order. The turn's shards may be locked.
    pub(crate) fn deliver(&self, news: Vec<News>) {
        for item in news {
            match item {
                News::Message { channel, message, is_sharded } => {
                    self.pubsub.send(&channel, &message, is_sharded);
                }
                News::Event { db, key, event } => self.events.tell(&self.pubsub, db, key, event),
            }
        }
    }

    /// Calls the listeners for what was delivered; no shard is locked by the caller.
    pub(super) fn call_listeners(&self) {
        self.events.call_listeners();
    }
}
