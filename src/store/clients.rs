//! [`Clients`]: the sessions of a store, for the commands that look at all of them (CLIENT LIST, KILL, UNBLOCK).
//!
//! A session writes what it does into its [`Client`] with plain atomic stores, so a command costs it next to nothing;
//! who lists the clients reads them one by one, so two figures of a line may be of two moments.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Inbox;
use crate::error::Error;
use crate::keyspace::Waiter;
use crate::protocol::Protocol;
use crate::value::Value;

/// A session as others see it.
pub(crate) struct Client {
    pub(crate) id: u64,
    /// The clock's reading when it began, in milliseconds.
    pub(crate) born: i64,
    pub(crate) inbox: Arc<Inbox>,
    /// The clock's reading at its last command, in milliseconds.
    pub(crate) last: AtomicI64,
    /// One more than the number of the last command in the table; 0 before the first.
    pub(crate) command: AtomicUsize,
    pub(crate) db: AtomicUsize,
    /// Commands queued since MULTI, or -1.
    pub(crate) queued: AtomicI64,
    /// Bytes of the arguments that are queued.
    pub(crate) queued_bytes: AtomicUsize,
    pub(crate) channels: AtomicUsize,
    pub(crate) patterns: AtomicUsize,
    pub(crate) shard_channels: AtomicUsize,
    pub(crate) is_monitor: AtomicBool,
    /// Set when a key that it watches is changed.
    dirty: Mutex<Arc<AtomicBool>>,
    pub(crate) no_evict: AtomicBool,
    pub(crate) no_touch: AtomicBool,
    speaks_resp3: AtomicBool,
    blocked: Mutex<Weak<Waiter>>,
    texts: Mutex<Texts>,
}

/// What a client says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    pub(crate) address: String,
    pub(crate) local_address: String,
    pub(crate) name: Vec<u8>,
    pub(crate) lib_name: Vec<u8>,
    pub(crate) lib_version: Vec<u8>,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts {
            address: "127.0.0.1:0".into(),
            local_address: "127.0.0.1:0".into(),
            name: Vec::new(),
            lib_name: Vec::new(),
            lib_version: Vec::new(),
        }
    }
}

impl Client {
    pub(crate) fn texts(&self) -> Texts {
        self.texts.lock().clone()
    }

    pub(crate) fn change_texts(&self, change: impl FnOnce(&mut Texts)) {
        change(&mut self.texts.lock());
    }

    pub(crate) fn protocol(&self) -> Protocol {
        if self.speaks_resp3.load(Relaxed) { Protocol::Resp3 } else { Protocol::Resp2 }
    }

    pub(crate) fn set_protocol(&self, protocol: Protocol) {
        self.speaks_resp3.store(protocol == Protocol::Resp3, Relaxed);
    }

    /// Whether a key that it watches was changed.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty.lock().load(Relaxed)
    }

    pub(crate) fn set_dirty_mark(&self, mark: Arc<AtomicBool>) {
        *self.dirty.lock() = mark;
    }

    /// A command of this number in the table begins.
    #[inline]
    pub(crate) fn begins(&self, command: usize, millis: i64) {
        self.command.store(command + 1, Relaxed);
        self.last.store(millis, Relaxed);
    }

    /// A command is queued.
    pub(crate) fn queues(&self, args: &[&[u8]]) {
        self.queued.fetch_add(1, Relaxed);
        self.queued_bytes.fetch_add(args.iter().map(|arg| arg.len()).sum(), Relaxed);
    }

    /// The command that it runs waits.
    pub(crate) fn blocks(&self, waiter: &Arc<Waiter>) {
        *self.blocked.lock() = Arc::downgrade(waiter);
    }

    /// What it waits for, if it does.
    pub(crate) fn waiter(&self) -> Option<Arc<Waiter>> {
        self.blocked.lock().upgrade().filter(|waiter| !waiter.is_done())
    }

    /// Ends its wait, with the reply of a time-out or with an error; says whether it waited.
    pub(crate) fn unblock(&self, error: Option<Error>) -> bool {
        let end = |waiter: Arc<Waiter>| match error {
            None => {
                let nothing: Value = waiter.wait.nothing.clone();
                waiter.end(Ok(nothing))
            }
            Some(error) => waiter.end(Err(error)),
        };
        self.waiter().is_some_and(end)
    }

    /// Ends the session.
    pub(crate) fn kill(&self) {
        self.inbox.close();
        self.unblock(Some(Error::CLIENT_KILLED));
    }

    pub(crate) fn is_subscribed(&self) -> bool {
        self.channels.load(Relaxed) + self.patterns.load(Relaxed) + self.shard_channels.load(Relaxed) > 0
    }
}

/// The sessions of a store that are open, by their numbers.
#[derive(Default)]
pub(crate) struct Clients {
    open: Mutex<BTreeMap<u64, Arc<Client>>>,
    last_id: AtomicU64,
}

impl Clients {
    /// A session begins.
    pub(crate) fn add(&self, inbox: &Arc<Inbox>, millis: i64) -> Arc<Client> {
        let client = Arc::new(Client {
            id: self.last_id.fetch_add(1, Relaxed) + 1,
            born: millis,
            inbox: Arc::clone(inbox),
            last: AtomicI64::new(millis),
            command: AtomicUsize::new(0),
            db: AtomicUsize::new(0),
            queued: AtomicI64::new(-1),
            queued_bytes: AtomicUsize::new(0),
            channels: AtomicUsize::new(0),
            patterns: AtomicUsize::new(0),
            shard_channels: AtomicUsize::new(0),
            is_monitor: AtomicBool::new(false),
            dirty: Mutex::default(),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            speaks_resp3: AtomicBool::new(false),
            blocked: Mutex::new(Weak::new()),
            texts: Mutex::default(),
        });
        self.open.lock().insert(client.id, Arc::clone(&client));
        client
    }

    /// A session is over.
    pub(crate) fn remove(&self, client: &Client) {
        self.open.lock().remove(&client.id);
    }

    pub(crate) fn find(&self, id: u64) -> Option<Arc<Client>> {
        self.open.lock().get(&id).cloned()
    }

    /// All that are open, the oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Client>> {
        self.open.lock().values().cloned().collect()
    }
}
