//! [`pipe`], two connected streams in memory: what a socket pair is, without a socket.
//!
//! Each direction is a bounded buffer under a lock of its own; no caller ever holds two.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// How much a direction holds before its writer waits.
const CAPACITY: usize = 64 * 1024;

/// How often a reader that finds nothing lets other threads go first before it sleeps. To put a thread to sleep and wake
/// it takes longer than a whole pipeline of commands: with it a hundred of them took 34 microseconds more.
const PATIENCE: u32 = 64;

/// Two connected streams: what is written to the one is read from the other.
///
/// A read waits for bytes, and answers the end of the stream when the other end is gone and all was read. A write
/// waits while 64 KiB are unread, and fails with [`io::ErrorKind::BrokenPipe`] when nobody can read it any more.
///
/// For asynchronous code there is `tokio::io::duplex`.
///
/// # Examples
///
/// A test talks to [`serve`](super::serve) as a client would:
///
/// ```
/// use std::io::{Read, Write};
///
/// use redmoon::{Engine, Store, resp};
///
/// let (mut client, server) = resp::pipe();
/// let session = Engine::new(Store::new()).session();
/// let conversation = std::thread::spawn(move || {
///     let (reader, writer) = server.split();
///     resp::serve(session, reader, writer)
/// });
///
/// client.write_all(b"INCR hits\r\n")?;
/// let mut reply = [0; 4];
/// client.read_exact(&mut reply)?;
/// assert_eq!(&reply, b":1\r\n");
///
/// drop(client);
/// conversation.join().unwrap()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn pipe() -> (PipeEnd, PipeEnd) {
    pipe_with_capacity(CAPACITY)
}

/// [`pipe`] with another number of bytes that each direction holds before its writer waits; at least one.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
///
/// let (mut left, mut right) = redmoon::resp::pipe_with_capacity(2);
/// assert_eq!(left.write(b"abc")?, 2);
/// let mut bytes = [0; 3];
/// assert_eq!(right.read(&mut bytes)?, 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn pipe_with_capacity(bytes: usize) -> (PipeEnd, PipeEnd) {
    let (there, back) = (Arc::new(Channel::new(bytes.max(1))), Arc::new(Channel::new(bytes.max(1))));
    let end = |read: &Arc<Channel>, written: &Arc<Channel>| PipeEnd {
        reader: PipeReader { channel: Arc::clone(read), timeout: None },
        writer: PipeWriter { channel: Arc::clone(written) },
    };
    (end(&back, &there), end(&there, &back))
}

/// One direction.
struct Channel {
    /// Whether a reader would find bytes or the end, as far as can be said without the lock.
    has_news: AtomicBool,
    state: Mutex<State>,
    readable: Condvar,
    writable: Condvar,
}

struct State {
    bytes: VecDeque<u8>,
    capacity: usize,
    has_reader: bool,
    has_writer: bool,
}

impl Channel {
    fn new(capacity: usize) -> Channel {
        let state = State { bytes: VecDeque::new(), capacity, has_reader: true, has_writer: true };
        Channel {
            has_news: AtomicBool::new(false),
            state: Mutex::new(state),
            readable: Condvar::new(),
            writable: Condvar::new(),
        }
    }

    /// Gives the other side a moment to write.
    fn linger(&self) {
        for _ in 0..PATIENCE {
            if self.has_news.load(Ordering::Acquire) {
                return;
            }
            thread::yield_now();
        }
    }

    fn read(&self, into: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        self.linger();
        let mut state = self.state.lock();
        while state.bytes.is_empty() && state.has_writer {
            match timeout {
                None => self.readable.wait(&mut state),
                Some(timeout) => {
                    if self.readable.wait_for(&mut state, timeout).timed_out() && state.bytes.is_empty() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
            }
        }
        let was_full = state.bytes.len() >= state.capacity;
        let read = state.bytes.read(into)?;
        self.has_news.store(!state.bytes.is_empty() || !state.has_writer, Ordering::Release);
        drop(state);
        if was_full {
            self.writable.notify_all();
        }
        Ok(read)
    }

    fn write(&self, from: &[u8]) -> io::Result<usize> {
        if from.is_empty() {
            return Ok(0);
        }
        let mut state = self.state.lock();
        while state.has_reader && state.has_writer && state.bytes.len() >= state.capacity {
            self.writable.wait(&mut state);
        }
        if !state.has_reader || !state.has_writer {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = state.capacity - state.bytes.len();
        let taken = &from[..from.len().min(room)];
        let was_empty = state.bytes.is_empty();
        state.bytes.extend(taken);
        self.has_news.store(true, Ordering::Release);
        drop(state);
        if was_empty {
            self.readable.notify_all();
        }
        Ok(taken.len())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.has_news.store(true, Ordering::Release);
        self.readable.notify_all();
        self.writable.notify_all();
    }
}

/// One end of a [`pipe`]: read and write it as it is, or [split](PipeEnd::split) it.
pub struct PipeEnd {
    reader: PipeReader,
    writer: PipeWriter,
}

/// The half of a [`PipeEnd`] that reads. When it is dropped, the other end's writes fail.
pub struct PipeReader {
    channel: Arc<Channel>,
    timeout: Option<Duration>,
}

/// The half of a [`PipeEnd`] that writes. When it is dropped, the other end reads to the end.
pub struct PipeWriter {
    channel: Arc<Channel>,
}

/// Shuts both directions of a [`pipe`] down while other threads are reading or writing.
#[derive(Clone)]
pub struct PipeCloser {
    directions: [Arc<Channel>; 2],
}

impl PipeEnd {
    /// The two halves, for two owners.
    #[must_use]
    pub fn split(self) -> (PipeReader, PipeWriter) {
        (self.reader, self.writer)
    }

    /// A handle that shuts the pipe down from anywhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    ///
    /// let (mut left, _right) = redmoon::resp::pipe();
    /// let closer = left.closer();
    /// let reading = std::thread::spawn(move || left.read(&mut [0]));
    /// closer.close();
    /// assert_eq!(reading.join().unwrap()?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn closer(&self) -> PipeCloser {
        PipeCloser { directions: [Arc::clone(&self.reader.channel), Arc::clone(&self.writer.channel)] }
    }

    /// How long a read waits for bytes before it fails with [`io::ErrorKind::TimedOut`]; `None` is for ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use std::time::Duration;
    ///
    /// let (mut left, _right) = redmoon::resp::pipe();
    /// left.set_read_timeout(Some(Duration::from_millis(1)));
    /// assert_eq!(left.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    /// ```
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.reader.set_timeout(timeout);
    }
}

impl PipeReader {
    /// As [`PipeEnd::set_read_timeout`].
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }
}

impl PipeCloser {
    /// Shuts both directions down: what was written can still be read, and then comes the end; writes fail.
    pub fn close(&self) {
        for direction in &self.directions {
            direction.change(|state| (state.has_reader, state.has_writer) = (false, false));
        }
    }
}

impl Read for PipeReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.channel.read(into, self.timeout)
    }
}

impl Write for PipeWriter {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.channel.write(from)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for PipeEnd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into)
    }
}

impl Write for PipeEnd {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.writer.write(from)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.channel.change(|state| {
            state.has_reader = false;
            state.bytes = VecDeque::new();
        });
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.channel.change(|state| state.has_writer = false);
    }
}

impl fmt::Debug for PipeEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeEnd").finish_non_exhaustive()
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeReader").finish_non_exhaustive()
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeWriter").finish_non_exhaustive()
    }
}

impl fmt::Debug for PipeCloser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeCloser").finish_non_exhaustive()
    }
}
