//! [`Reading`], who reads a conversation's requests when the caller of `serve` cannot: a second thread.
//!
//! The caller reads and answers alone as long as it can, without a hand-over. The second thread takes the reader from
//! it for good when
//!
//! * the conversation listens on both sides (a command waits, a channel is subscribed to), or
//! * a write is stuck: a client that sends many requests before it reads the first reply would wait for ever for a
//!   server that does not read on. The thread looks every few milliseconds, and only while there is traffic.
//!
//! What it reads is queued as it came, in buffers that go back and forth; nothing else is shared.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::request::Decoder;

/// A write that takes longer than this is stuck.
const STUCK: Duration = Duration::from_millis(20);
const CHUNK: usize = 16 * 1024;
/// How many buffers wait to be filled again.
const SPARE: usize = 4;
/// How much is read ahead of the replies, as Redis's `client-query-buffer-limit` has it by default.
pub(super) const READ_AHEAD: usize = 1024 * 1024 * 1024;

/// What the two threads share.
pub(super) struct Reading<R> {
    state: Mutex<State<R>>,
    /// For the second thread: there is something to do.
    changed: Condvar,
    /// For the caller: something was read.
    waker: Waker,
}

struct State<R> {
    order: Order,
    /// The reader, while the caller does not need it.
    reader: Option<R>,
    /// How many writes the caller has begun, and whether one is under way.
    writes: u64,
    is_writing: bool,
    /// Whether the second thread sleeps until it is called.
    is_asleep: bool,
    chunks: VecDeque<Chunk>,
    queued: usize,
    spare: Vec<Vec<u8>>,
    end: Option<io::Result<()>>,
}

struct Chunk {
    bytes: Vec<u8>,
    filled: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Look whether a write is stuck.
    Watch,
    Read,
    Stop,
}

impl<R: Read> Reading<R> {
    pub(super) fn new(waker: Waker) -> Reading<R> {
        let state = State {
            order: Order::Watch,
            reader: None,
            writes: 0,
            is_writing: false,
            is_asleep: false,
            chunks: VecDeque::new(),
            queued: 0,
            spare: Vec::new(),
            end: None,
        };
        Reading { state: Mutex::new(state), changed: Condvar::new(), waker }
    }

    /// The caller begins a write, and does not need the reader meanwhile.
    pub(super) fn lend(&self, reader: R) {
        let mut state = self.state.lock();
        state.reader = Some(reader);
        state.writes += 1;
        state.is_writing = true;
        if mem::take(&mut state.is_asleep) {
            self.changed.notify_one();
        }
    }

    /// The write is over. `None` when it was stuck so that the second thread has begun to read.
    pub(super) fn take_back(&self) -> Option<R> {
        let mut state = self.state.lock();
        state.is_writing = false;
        state.reader.take()
    }

    /// Leaves the reading to the second thread from now on.
    pub(super) fn hand_over(&self, reader: R) {
        let mut state = self.state.lock();
        state.reader = Some(reader);
        state.order = Order::Read;
        self.changed.notify_one();
    }

    /// The second thread ends as soon as its read does.
    pub(super) fn stop(&self) {
        let mut state = self.state.lock();
        state.order = Order::Stop;
        self.changed.notify_one();
    }

    /// Moves what was read into the decoder. The end of the stream is told once all before it was moved.
    pub(super) fn receive(&self, decoder: &mut Decoder) -> Option<io::Result<()>> {
        let (chunks, end) = {
            let mut state = self.state.lock();
            state.queued = 0;
            (mem::take(&mut state.chunks), state.end.take())
        };
        let mut spare = Vec::new();
        for Chunk { bytes, filled } in chunks {
            decoder.feed(&bytes[..filled]);
            if spare.len() < SPARE {
                spare.push(bytes);
            }
        }
        if !spare.is_empty() {
            let mut state = self.state.lock();
            let room = SPARE.saturating_sub(state.spare.len());
            state.spare.extend(spare.into_iter().take(room));
        }
        end
    }

    /// Whether [`receive`](Reading::receive) has something to give.
    pub(super) fn has_news(&self) -> bool {
        let state = self.state.lock();
        !state.chunks.is_empty() || state.end.is_some()
    }

    /// The second thread.
    pub(super) fn run(&self) {
        let Some(mut reader) = self.watch() else { return };
        loop {
            let mut bytes = self.state.lock().spare.pop().unwrap_or_else(|| vec![0; CHUNK]);
            let read = loop {
                match reader.read(&mut bytes) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            let mut state = self.state.lock();
            match read {
                Ok(filled) if filled > 0 && state.queued + filled <= READ_AHEAD => {
                    state.queued += filled;
                    state.chunks.push_back(Chunk { bytes, filled });
                }
                Ok(_) => state.end = Some(Ok(())),
                Err(error) => state.end = Some(Err(error)),
            }
            let is_over = state.end.is_some() || state.order == Order::Stop;
            drop(state);
            self.waker.wake_by_ref();
            if is_over {
                return;
            }
        }
    }

    /// Waits until the reader is the second thread's. `None` when it is not needed any more.
    fn watch(&self) -> Option<R> {
        let mut state = self.state.lock();
        loop {
            let seen = state.writes;
            match state.order {
                Order::Stop => return None,
                Order::Read => {
                    if let Some(reader) = state.reader.take() {
                        return Some(reader);
                    }
                    self.changed.wait(&mut state);
                }
                Order::Watch if state.is_writing => {
                    self.changed.wait_for(&mut state, STUCK);
                    if state.order == Order::Watch && state.is_writing && state.writes == seen {
                        state.order = Order::Read;
                    }
                }
                Order::Watch => {
                    // Between two writes it stays awake for a while: to be called costs the writer more.
                    self.changed.wait_for(&mut state, STUCK);
                    if state.order == Order::Watch && !state.is_writing && state.writes == seen {
                        state.is_asleep = true;
                        self.changed.wait(&mut state);
                        state.is_asleep = false;
                    }
                }
            }
        }
    }
}

/// Stops the second thread however the first one ends.
pub(super) struct StopOnDrop<'a, R: Read>(pub(super) &'a Reading<R>);

impl<R: Read> Drop for StopOnDrop<'_, R> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Wakes a thread that [parks](Parker::park).
pub(super) struct Parker {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Parker {
    pub(super) fn new() -> Arc<Parker> {
        Arc::new(Parker { thread: std::thread::current(), is_woken: AtomicBool::new(false) })
    }

    /// Sleeps until it is woken, at most for `timeout`. Only for the thread that made it.
    pub(super) fn park(&self, timeout: Option<Duration>) {
        if !self.is_woken.swap(false, Ordering::AcqRel) {
            match timeout {
                Some(timeout) => std::thread::park_timeout(timeout),
                None => std::thread::park(),
            }
            self.is_woken.swap(false, Ordering::AcqRel);
        }
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Parker>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Parker>) {
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}
