//! [`Inbox`]: messages for one reader that it did not ask for: of channels that it subscribed to, of MONITOR.
//!
//! Bounded: a reader that does not keep up is cut off, as a server hangs up on it, so that nothing is lost without
//! notice. Writers never wait. What came before the cut can still be read.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use event_listener::{Event, EventListener, Listener as _};
use parking_lot::Mutex;

use super::{Message, Observed};
use crate::clock::monotonic_nanos;
use crate::error::{Error, Result};
use crate::value::Value;

/// Bytes that may wait to be read, unless the store's settings say otherwise.
pub(crate) const MOST_BYTES: usize = 32 * 1024 * 1024;

pub(crate) struct Inbox {
    messages: Mutex<Messages>,
    event: Event,
    state: AtomicU8,
    most_bytes: usize,
    /// Told once that it is closed; it shuts down what the reader reads from.
    on_close: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[derive(Default)]
struct Messages {
    queue: VecDeque<Note>,
    bytes: usize,
    /// Whether somebody listens: a message to a reader that is busy wakes nobody.
    is_awaited: bool,
}

/// Something for a reader. What many readers get is shared.
#[derive(Clone)]
pub(crate) enum Note {
    Message(Arc<Message>),
    /// For MONITOR.
    Command(Arc<Observed>),
}

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
/// Closed because its reader was too slow.
const CUT_OFF: u8 = 2;

impl Note {
    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        match self {
            Note::Message(message) => message.bytes(),
            Note::Command(observed) => observed.bytes(),
        }
    }

    /// As a server would send it.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Note::Message(message) => message.to_value(),
            Note::Command(observed) => Value::Status(observed.to_string().into()),
        }
    }
}

impl Default for Inbox {
    fn default() -> Inbox {
        Inbox::new(MOST_BYTES)
    }
}

impl Inbox {
    pub(crate) fn new(most_bytes: usize) -> Inbox {
        Inbox {
            messages: Mutex::default(),
            event: Event::new(),
            state: AtomicU8::new(OPEN),
            most_bytes,
            on_close: Mutex::default(),
        }
    }

    /// Adds a message. A reader that has too many already is cut off.
    pub(crate) fn push(&self, note: Note) {
        let bytes = note.bytes();
        let mut messages = self.messages.lock();
        if self.is_closed() {
            return;
        }
        let is_too_much = messages.bytes + bytes > self.most_bytes;
        if !is_too_much {
            messages.bytes += bytes;
            messages.queue.push_back(note);
        }
        let is_awaited = std::mem::take(&mut messages.is_awaited);
        drop(messages);
        if is_too_much {
            self.end(CUT_OFF);
        } else if is_awaited {
            self.event.notify(usize::MAX);
        }
    }

    /// The next message as a server would send it: a [`Value::Push`], or the [`Value::Status`] of MONITOR.
    #[cfg(feature = "resp")]
    pub(crate) fn pop(&self) -> Option<Value> {
        self.take().map(Note::into_value)
    }

    pub(crate) fn take(&self) -> Option<Note> {
        let mut messages = self.messages.lock();
        let note = messages.queue.pop_front()?;
        messages.bytes -= note.bytes();
        Some(note)
    }

    /// A message as a server would send it.
    pub(crate) fn show(note: Note) -> Value {
        note.into_value()
    }

    /// How many messages wait to be read, and their bytes.
    pub(crate) fn unread(&self) -> (usize, usize) {
        let messages = self.messages.lock();
        (messages.queue.len(), messages.bytes)
    }

    #[cfg(feature = "resp")]
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.lock().queue.is_empty()
    }

    /// Is told when there is a message, or when the inbox is closed; what came before is to be looked for afterwards.
    pub(crate) fn listen(&self) -> EventListener {
        let listener = self.event.listen();
        self.messages.lock().is_awaited = true;
        listener
    }

    /// Ends it: nothing more comes, and the conversation is over.
    pub(crate) fn close(&self) {
        self.end(CLOSED);
    }

    fn end(&self, how: u8) {
        let _ = self.state.compare_exchange(OPEN, how, Ordering::AcqRel, Ordering::Acquire);
        self.event.notify(usize::MAX);
        let told = self.on_close.lock().take();
        if let Some(told) = told {
            told();
        }
    }

    /// What is called once when it is closed; at once if it is already.
    pub(crate) fn on_close(&self, told: Box<dyn FnOnce() + Send>) {
        *self.on_close.lock() = Some(told);
        if self.is_closed() {
            self.close();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) != OPEN
    }

    /// The next message if there is one.
    ///
    /// # Errors
    ///
    /// After the last message: that the reader was too slow, or that the inbox was closed.
    pub(crate) fn try_next(&self) -> Result<Option<Note>> {
        // The state first: what was pushed before the end is seen then.
        let state = self.state.load(Ordering::Acquire);
        match (self.take(), state) {
            (Some(note), _) => Ok(Some(note)),
            (None, OPEN) => Ok(None),
            (None, CUT_OFF) => Err(Error::READER_TOO_SLOW),
            (None, _) => Err(Error::READER_CLOSED),
        }
    }

    /// Parks the thread until there is a message, for `timeout` at most; `None` is for ever.
    ///
    /// # Errors
    ///
    /// As [`try_next`](Inbox::try_next).
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Result<Option<Note>> {
        let nanos = |timeout: Duration| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let mut deadline = None;
        loop {
            if let Some(note) = self.try_next()? {
                return Ok(Some(note));
            }
            let listener = self.listen();
            // It may have come before there was a listener.
            if let Some(note) = self.try_next()? {
                return Ok(Some(note));
            }
            let Some(timeout) = timeout else {
                listener.wait();
                continue;
            };
            let now = monotonic_nanos();
            let deadline = *deadline.get_or_insert(now.saturating_add(nanos(timeout)));
            if now >= deadline {
                return Ok(None);
            }
            listener.wait_timeout(Duration::from_nanos(deadline - now));
        }
    }

    /// The same for a task; `listener` is kept from call to call.
    pub(crate) fn poll_next(
        &self,
        listener: &mut Option<EventListener>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Note>> {
        loop {
            // Listens before it looks, so that no news is missed.
            let listening = listener.get_or_insert_with(|| self.listen());
            if let Some(note) = self.try_next().transpose() {
                *listener = None;
                return Poll::Ready(note);
            }
            match Pin::new(listening).poll(context) {
                Poll::Ready(()) => *listener = None,
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
