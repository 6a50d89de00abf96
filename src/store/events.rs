//! Keyspace notifications, on channels and to listeners of a Rust program.
//!
//! The write door notes an event with the name that Redis has for it; here the name gets its class, and the event goes
//! to the channels whose classes are on, and into the queue of the listeners. The queue is filled under the locks of
//! whoever wrote, so its order is that of the changes. Listeners are called with no lock held, by one thread at a time:
//! what a listener's own writes cause is called when its turn comes, by the same loop.

use std::collections::VecDeque;
use std::fmt;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::pubsub::Pubsub;
use super::{Inner, Store};
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::keyspace::{Space, audience};

/// Classes of events, as `notify-keyspace-events` has a letter for each, and the two sorts of channels.
mod class {
    pub(super) const GENERIC: u32 = 1;
    pub(super) const STRING: u32 = 1 << 1;
    pub(super) const LIST: u32 = 1 << 2;
    pub(super) const SET: u32 = 1 << 3;
    pub(super) const HASH: u32 = 1 << 4;
    pub(super) const ZSET: u32 = 1 << 5;
    pub(super) const EXPIRED: u32 = 1 << 6;
    pub(super) const EVICTED: u32 = 1 << 7;
    pub(super) const STREAM: u32 = 1 << 8;
    pub(super) const MODULE: u32 = 1 << 9;
    pub(super) const NEW: u32 = 1 << 10;
    pub(super) const KEYSPACE: u32 = 1 << 11;
    pub(super) const KEYEVENT: u32 = 1 << 12;
    pub(super) const MISS: u32 = 1 << 13;

    /// What `A` stands for.
    pub(super) const ALL: u32 = NEW - 1;
    /// Everything that is an event, and no read.
    pub(super) const CHANGES: u32 = ALL | NEW;

    /// In the order in which CONFIG GET shows them.
    pub(super) const LETTERS: &[(u32, char)] = &[
        (GENERIC, 'g'),
        (STRING, '$'),
        (LIST, 'l'),
        (SET, 's'),
        (HASH, 'h'),
        (ZSET, 'z'),
        (EXPIRED, 'x'),
        (EVICTED, 'e'),
        (STREAM, 't'),
        (MODULE, 'd'),
        (NEW, 'n'),
        (KEYSPACE, 'K'),
        (KEYEVENT, 'E'),
        (MISS, 'm'),
    ];
}

/// A setting of `notify-keyspace-events`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Classes(u32);

impl Classes {
    pub(super) fn parse(letters: &str) -> Result<Classes> {
        let bit = |letter: char| match letter {
            'A' => Some(class::ALL),
            _ => class::LETTERS.iter().find(|(_, known)| *known == letter).map(|(bit, _)| *bit),
        };
        letters.chars().try_fold(Classes(0), |Classes(classes), letter| {
            bit(letter).map(|bit| Classes(classes | bit)).ok_or(Error::BAD_EVENT_CLASS)
        })
    }

    fn has(self, bits: u32) -> bool {
        self.0 & bits != 0
    }
}

impl fmt::Display for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0 & class::ALL == class::ALL;
        // A server does not show `n` beside `A`.
        let hidden = if all { class::ALL | class::NEW } else { 0 };
        if all {
            f.write_char('A')?;
        }
        let shown = class::LETTERS.iter().filter(|(bit, _)| self.has(bit & !hidden));
        shown.map(|(_, letter)| *letter).try_for_each(|letter| f.write_char(letter))
    }
}

/// The class of an event, by its name, and what it is to a listener.
fn sort(event: &str) -> (u32, Cause) {
    use Cause::*;
    let class = match event {
        "expired" => return (class::EXPIRED, Expired),
        "evicted" => return (class::EVICTED, Evicted),
        "keymiss" => return (class::MISS, Missed),
        "new" => return (class::NEW, Created),
        "del" => return (class::GENERIC, Deleted),
        "expire" => return (class::GENERIC, DeadlineSet),
        "persist" => return (class::GENERIC, DeadlineRemoved),
        "rename_from" | "move_from" => return (class::GENERIC, MovedAway),
        "rename_to" | "move_to" => return (class::GENERIC, MovedHere),
        "copy_to" => return (class::GENERIC, CopiedHere),
        "restore" => return (class::GENERIC, Restored),
        "set" => return (class::STRING, Set),
        "append" | "incrby" | "incrbyfloat" | "setbit" | "setrange" => class::STRING,
        "linsert" | "lpop" | "lpush" | "lrem" | "lset" | "ltrim" | "rpop" | "rpush" | "sortstore" => {
            class::LIST
        }
        "sadd" | "sdiffstore" | "sinterstore" | "spop" | "srem" | "sunionstore" => class::SET,
        _ if event.starts_with('h') => class::HASH,
        _ if event.starts_with('z') || event.starts_with("geo") => class::ZSET,
        _ if event.starts_with('x') => class::STREAM,
        _ => class::GENERIC,
    };
    (class, Changed)
}

/// What made a [`KeyEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The key got a string value by SET or one of its relatives.
    Set,
    /// A command changed the value or made a new one: [`KeyEvent::name`] says which.
    Changed,
    /// The key was deleted, or its last element was removed.
    Deleted,
    /// The key's time was over, and it was removed.
    Expired,
    /// The key was removed because memory was full.
    Evicted,
    /// The key got a time to live.
    DeadlineSet,
    /// The key's time to live was removed.
    DeadlineRemoved,
    /// The key was renamed, or moved to another database: this is its old place.
    MovedAway,
    /// The key was renamed, or moved to another database: this is its new place.
    MovedHere,
    /// The key is a copy.
    CopiedHere,
    /// The key came from a dump.
    Restored,
    /// The key did not exist before: comes before the event of the change (class `n`).
    Created,
    /// A command that reads did not find the key (class `m`).
    Missed,
}

/// Something that happened to a key, for [`Store::on_event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyEvent {
    /// The key.
    pub key: Blob,
    /// The database of the key.
    pub database: usize,
    /// What happened, in a word for a program.
    pub cause: Cause,
    name: &'static str,
}

impl KeyEvent {
    /// The name that Redis's keyspace notifications have for it: `set`, `lpush`, `expired` …
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

type Call = dyn Fn(&KeyEvent) + Send + Sync;

#[derive(Clone)]
struct Listening {
    id: usize,
    classes: Classes,
    call: Arc<Call>,
}

#[derive(Default)]
pub(crate) struct Events {
    /// What goes to channels.
    classes: AtomicU32,
    /// What some listener wants.
    heard: AtomicU32,
    listeners: Mutex<Vec<Listening>>,
    ids: AtomicUsize,
    queue: Mutex<Queue>,
    /// How many events are in the queue, to see without a lock that there are none.
    queued: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<(KeyEvent, u32)>,
    /// Whether some thread calls listeners.
    is_served: bool,
}

impl Events {
    fn classes(&self) -> Classes {
        Classes(self.classes.load(Ordering::Relaxed))
    }

    /// Has writers note what somebody wants to hear, and nothing else.
    fn call_for(&self, space: &Space) {
        let mut listeners = self.listeners.lock();
        self.call_for_locked(space, &mut listeners);
    }

    fn call_for_locked(&self, space: &Space, listeners: &mut [Listening]) {
        let heard = listeners.iter().fold(0, |all, listening| all | listening.classes.0);
        self.heard.store(heard, Ordering::Relaxed);
        let classes = self.classes();
        let sent = if classes.has(class::KEYSPACE | class::KEYEVENT) { classes.0 } else { 0 };
        space.set_audience(audience::EVENTS, (heard | sent) & class::CHANGES != 0);
        space.set_audience(audience::MISSES, (heard | sent) & class::MISS != 0);
    }

    /// Something happened. The key's shard may be locked.
    pub(super) fn tell(&self, pubsub: &Pubsub, database: usize, key: Blob, name: &'static str) {
        let (class, cause) = sort(name);
        let classes = self.classes();
        if classes.has(class) && !pubsub.is_idle() {
            let event = Blob::from(name);
            if classes.has(class::KEYSPACE) {
                let mut channel = format!("__keyspace@{database}__:").into_bytes();
                channel.extend_from_slice(&key);
                pubsub.send(&channel.into(), &event, false);
            }
            if classes.has(class::KEYEVENT) {
                pubsub.send(&format!("__keyevent@{database}__:{name}").into(), &key, false);
            }
        }
        if self.heard.load(Ordering::Relaxed) & class != 0 {
            let mut queue = self.queue.lock();
            queue.events.push_back((KeyEvent { key, database, cause, name }, class));
            self.queued.store(queue.events.len(), Ordering::Release);
        }
    }

    /// Calls the listeners for what is in the queue, unless some thread is about it: then that one goes on.
    pub(super) fn call_listeners(&self) {
        if self.queued.load(Ordering::Acquire) == 0 {
            return;
        }
        {
            let mut queue = self.queue.lock();
            if queue.is_served {
                return;
            }
            queue.is_served = true;
        }
        // A listener that panics must not silence the others for ever.
        let served = Served(self);
        while let Some((event, class)) = served.next() {
            let listeners = self.listeners.lock().clone();
            for listening in listeners.iter().filter(|listening| listening.classes.has(class)) {
                (listening.call)(&event);
            }
        }
    }
}

/// The one thread that calls listeners.
struct Served<'e>(&'e Events);

impl Served<'_> {
    fn next(&self) -> Option<(KeyEvent, u32)> {
        let Served(events) = self;
        let mut queue = events.queue.lock();
        let next = queue.events.pop_front();
        events.queued.store(queue.events.len(), Ordering::Release);
        // Under the same lock: who adds an event later finds nobody and serves it.
        queue.is_served = next.is_some();
        next
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.queue.lock().is_served = false;
        }
    }
}

/// A listener that [`Store::on_event`] began. Dropping it changes nothing; [`remove`](Listener::remove) ends it.
#[derive(Clone)]
pub struct Listener {
    inner: Weak<Inner>,
    id: usize,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Listener {
    /// Ends it: it is called for no event any more, unless a call is going on. It may be called from the listener.
    pub fn remove(&self) {
        if let Some(inner) = self.inner.upgrade() {
            let mut listeners = inner.events.listeners.lock();
            let at = listeners.iter().position(|listening| listening.id == self.id);
            let removed = at.map(|at| listeners.remove(at));
            inner.events.call_for_locked(&inner.space, &mut listeners);
            drop(listeners);
            // What the closure holds may be anything: it is dropped with no lock held.
            drop(removed);
        }
    }
}

/// # Events of keys
impl Store {
    /// Calls a function for every change of a key, on all databases: what Redis's keyspace notifications tell of, with
    /// no setting to turn on.
    ///
    /// Events come in the order of the changes, one at a time. The function is called after the change, without any
    /// lock, by a thread that writes to the store, before that thread's call returns; when two threads write at the same
    /// time, one of them may call for both. The function may use the store: what its own changes cause comes after
    /// what was waiting already. A roll-back drops its events. FLUSHALL, FLUSHDB and SWAPDB cause none, as in Redis.
    ///
    /// A function that holds a handle of the store keeps the store alive until the listener is
    /// [removed](Listener::remove).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Cause, Store};
    /// use std::sync::{Arc, Mutex};
    ///
    /// let store = Store::new();
    /// let log = Arc::new(Mutex::new(Vec::new()));
    /// let listener = store.on_event({
    ///     let log = log.clone();
    ///     move |event| log.lock().unwrap().push((event.key.to_string(), event.cause))
    /// });
    /// store.set("key", "value")?;
    /// store.del(&["key"])?;
    /// listener.remove();
    /// store.set("key", "unheard")?;
    /// assert_eq!(*log.lock().unwrap(), [("key".into(), Cause::Set), ("key".into(), Cause::Deleted)]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn on_event(&self, listen: impl Fn(&KeyEvent) + Send + Sync + 'static) -> Listener {
        self.listen(Classes(class::ALL), Arc::new(listen))
    }

    /// As [`on_event`](Store::on_event), for the classes of events whose letters are named: `g $ l s h z x e t d` or `A`
    /// for all of them, `n` for new keys and `m` for reads of keys that do not exist.
    ///
    /// # Errors
    ///
    /// `ERR Invalid event class character` …
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use std::sync::Arc;
    ///
    /// let store = Store::new();
    /// let misses = Arc::new(AtomicUsize::new(0));
    /// let counted = misses.clone();
    /// store.on_event_of("m", move |_| drop(counted.fetch_add(1, Ordering::Relaxed)))?;
    /// store.get("nothing")?;
    /// assert_eq!(misses.load(Ordering::Relaxed), 1);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn on_event_of(
        &self,
        classes: &str,
        listen: impl Fn(&KeyEvent) + Send + Sync + 'static,
    ) -> Result<Listener> {
        Ok(self.listen(Classes::parse(classes)?, Arc::new(listen)))
    }

    fn listen(&self, classes: Classes, call: Arc<Call>) -> Listener {
        let Inner { events, space, .. } = &*self.inner;
        let id = events.ids.fetch_add(1, Ordering::Relaxed);
        let mut listeners = events.listeners.lock();
        listeners.push(Listening { id, classes, call });
        events.call_for_locked(space, &mut listeners);
        Listener { inner: Arc::downgrade(&self.inner), id }
    }

    /// Chooses which events are published on the channels `__keyspace@<database>__:<key>` and
    /// `__keyevent@<database>__:<event>` (the setting `notify-keyspace-events`), by letters: `K` and `E` for the two
    /// sorts of channels, and the classes of [`on_event_of`](Store::on_event_of). None at first.
    ///
    /// # Errors
    ///
    /// `ERR Invalid event class character` …
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::Store;
    ///
    /// let store = Store::new();
    /// store.set_notify_keyspace_events("K$")?;
    /// let mut changes = store.subscribe(&["__keyspace@0__:key"]);
    /// store.set("key", "value")?;
    /// assert_eq!(changes.try_next()?.expect("a message").payload, "set");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn set_notify_keyspace_events(&self, classes: &str) -> Result<()> {
        self.inner.notify_events(Classes::parse(classes)?);
        Ok(())
    }

    /// Which events are published, in the form in which CONFIG GET shows it.
    ///
    /// # Examples
    ///
    /// ```
    /// let store = redmoon::Store::new();
    /// store.set_notify_keyspace_events("KEg$lshzxetd")?;
    /// assert_eq!(store.notify_keyspace_events(), "AKE");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn notify_keyspace_events(&self) -> String {
        self.inner.events.classes().to_string()
    }
}

impl Inner {
    pub(super) fn notify_events(&self, classes: Classes) {
        self.events.classes.store(classes.0, Ordering::Relaxed);
        self.events.call_for(&self.space);
    }
}
