//! [`serve`]: one conversation over a program's own stream, by blocking calls.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;

use super::conversation::{Conversation, Next};
use super::reading::{Parker, Reading, StopOnDrop};
use crate::session::Session;

/// How many bytes of replies are written before a second thread watches the writes: less than any stream holds, so
/// that none before could get stuck.
const UNWATCHED: usize = 16 * 1024;

/// Runs one conversation: reads requests until the reader ends, and writes a reply to each, in their order. Requests
/// that came together are answered together.
///
/// After a request that breaks the protocol its error is written and the conversation ends, as a server would hang
/// up; so it does after QUIT.
///
/// # Threads
///
/// The caller's thread reads and answers. A second one takes over the reading when the conversation first waits for
/// something else than requests (BLPOP, SUBSCRIBE, MONITOR …), or when the client does not read its replies: it
/// belongs to this call, and has ended when the call returns. For that it must be possible to end its read: a client
/// that is gone does, and so does what the program gave to [`Session::on_close`], which is to shut the stream down.
/// It is called when the session is ended from elsewhere (CLIENT KILL) and when the conversation ends while the second
/// thread reads. Without it the call returns when the client hangs up.
///
/// # Errors
///
/// What the reader or the writer answers.
///
/// # Examples
///
/// ```
/// use redmoon::{Engine, Store, resp};
///
/// let session = Engine::new(Store::new()).session();
/// let requests = b"SET greeting hello\r\n*2\r\n$3\r\nGET\r\n$8\r\ngreeting\r\n";
/// let mut replies = Vec::new();
/// resp::serve(session, requests.as_slice(), &mut replies)?;
/// assert_eq!(replies, b"+OK\r\n$5\r\nhello\r\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// A server on a socket of the program's own, a thread for each connection:
///
/// ```no_run
/// use std::net::{Shutdown, TcpListener};
///
/// use redmoon::{Engine, Store, resp};
///
/// let engine = Engine::new(Store::new());
/// for stream in TcpListener::bind("127.0.0.1:6379")?.incoming() {
///     let (stream, session) = (stream?, engine.session());
///     let closer = stream.try_clone()?;
///     session.on_close(move || drop(closer.shutdown(Shutdown::Both)));
///     std::thread::spawn(move || resp::serve(session, &stream, &stream));
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn serve<R: Read + Send, W: Write>(session: Session, reader: R, writer: W) -> io::Result<()> {
    let parker = Parker::new();
    let reading = Reading::new(Waker::from(Arc::clone(&parker)));
    let mut server = Server {
        conversation: Conversation::new(session),
        writer,
        written: 0,
        reading: &reading,
        is_watched: false,
    };
    thread::scope(|scope| {
        let stop = StopOnDrop(&reading);
        let result = server.serve(reader, &parker, &mut || {
            let builder = thread::Builder::new().name("redmoon-reader".to_owned());
            builder.spawn_scoped(scope, || reading.run()).map(drop)
        });
        drop(stop);
        let is_killed = server.conversation.is_killed();
        server.conversation.hang_up();
        if is_killed { Ok(()) } else { result }
    })
}

struct Server<'a, R, W> {
    conversation: Conversation,
    writer: W,
    /// Bytes that were written before there was a second thread.
    written: usize,
    reading: &'a Reading<R>,
    /// Whether there is a second thread.
    is_watched: bool,
}

type Spawn<'a> = &'a mut dyn FnMut() -> io::Result<()>;

impl<R: Read, W: Write> Server<'_, R, W> {
    fn serve(&mut self, reader: R, parker: &Arc<Parker>, spawn: Spawn<'_>) -> io::Result<()> {
        match self.alone(reader, spawn)? {
            None => Ok(()),
            Some(Left::Reader(reader)) => {
                self.watch(spawn)?;
                self.reading.hand_over(reader);
                self.listen(parker)
            }
            Some(Left::Taken) => self.listen(parker),
        }
    }

    /// Reads and answers on this thread, until the end (`None`) or until the second one has to read.
    fn alone(&mut self, mut reader: R, spawn: Spawn<'_>) -> io::Result<Option<Left<R>>> {
        loop {
            let next = self.conversation.run();
            if self.conversation.is_killed() {
                return Ok(None);
            }
            if self.conversation.is_listening() && next != Next::Close {
                return Ok(Some(Left::Reader(reader)));
            }
            if !self.conversation.out.is_empty() {
                self.written += self.conversation.out.len();
                if self.written > UNWATCHED {
                    // Where no thread can be had, a client that never reads gets stuck, and no other.
                    let _ = self.watch(spawn);
                }
                if self.is_watched {
                    self.reading.lend(reader);
                    let result = self.write();
                    match self.reading.take_back() {
                        Some(back) => reader = back,
                        None => return result.map(|()| Some(Left::Taken)),
                    }
                    result?;
                } else {
                    self.write()?;
                }
            }
            match next {
                Next::Close => return Ok(None),
                Next::Write | Next::Wait => {}
                Next::Read => match reader.read(self.conversation.decoder.space()) {
                    Ok(0) => return Ok(None),
                    Ok(read) => self.conversation.decoder.filled(read),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                },
            }
        }
    }

    /// Answers what the second thread reads, and sends what comes by itself.
    fn listen(&mut self, parker: &Arc<Parker>) -> io::Result<()> {
        let waker = Waker::from(Arc::clone(parker));
        let mut cx = Context::from_waker(&waker);
        let mut listener = None;
        let mut end = None;
        loop {
            if end.is_none() {
                end = self.reading.receive(&mut self.conversation.decoder);
            }
            let next = self.conversation.run();
            self.conversation.deliver();
            if self.conversation.is_killed() {
                return Ok(());
            }
            if !self.conversation.out.is_empty() {
                self.write()?;
                if next != Next::Close {
                    continue;
                }
            }
            match (next, end.take()) {
                (Next::Close, _) => return Ok(()),
                // The client is gone: so is what it waited for.
                (Next::Read | Next::Wait, Some(end)) => return end,
                (_, kept) => end = kept,
            }
            if next != Next::Write
                && self.conversation.poll(&mut listener, &mut cx).is_pending()
                && !self.reading.has_news()
            {
                parker.park(self.conversation.remaining());
            }
        }
    }

    fn watch(&mut self, spawn: Spawn<'_>) -> io::Result<()> {
        if !self.is_watched {
            spawn()?;
            self.is_watched = true;
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.conversation.out)?;
        self.writer.flush()?;
        let written = self.conversation.out.len();
        self.conversation.sent(written);
        Ok(())
    }
}

/// Why one thread is not enough.
enum Left<R> {
    /// The conversation listens on both sides; here is the reader.
    Reader(R),
    /// A write was stuck, and the second thread reads.
    Taken,
}
