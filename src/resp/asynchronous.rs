//! [`serve_async`], one conversation over a program's own asynchronous stream.
//!
//! Nothing in here depends on a runtime but the timer of a command that waits for a limited time.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use event_listener::EventListener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::conversation::{Conversation, Next};
use super::reading::READ_AHEAD;
use crate::session::Session;

/// How many rounds a busy conversation makes before other tasks get their turn.
const ROUNDS: u32 = 32;

/// [`serve`](super::serve) for asynchronous streams: reads requests until the reader ends, and writes a reply to each,
/// in their order, and messages as they come.
///
/// A command that waits (BLPOP …) occupies no thread, and ends with its connection. Any other command runs on the
/// task's thread to its end; a program with long scripts gives its conversations a runtime of their own.
///
/// A conversation that is ended from elsewhere (CLIENT KILL) just returns: [`Session::on_close`] is not needed.
///
/// # Errors
///
/// What the reader or the writer answers.
///
/// # Panics
///
/// When a command waits for a limited time on a tokio runtime without a timer (`enable_time`).
///
/// # Examples
///
/// ```
/// use redmoon::{Engine, Store, resp};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # runtime.block_on(async {
/// let (mut client, server) = tokio::io::duplex(1024);
/// let session = Engine::new(Store::new()).session();
/// let conversation = tokio::spawn(async move {
///     let (reader, writer) = tokio::io::split(server);
///     resp::serve_async(session, reader, writer).await
/// });
///
/// client.write_all(b"INCR hits\r\n").await?;
/// let mut reply = [0; 4];
/// client.read_exact(&mut reply).await?;
/// assert_eq!(&reply, b":1\r\n");
///
/// drop(client);
/// conversation.await??;
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn serve_async<R, W>(session: Session, reader: R, writer: W) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut server = Server {
        conversation: Conversation::new(session),
        reader,
        writer,
        written: 0,
        needs_flush: false,
        has_ended: false,
        listener: None,
        timer: None,
    };
    poll_fn(|cx| server.poll(cx)).await
}

struct Server<R, W> {
    conversation: Conversation,
    reader: R,
    writer: W,
    /// How much of the conversation's `out` was written.
    written: usize,
    needs_flush: bool,
    /// Whether the reader has.
    has_ended: bool,
    listener: Option<EventListener>,
    /// For the command that waits.
    timer: Option<Timer>,
}

struct Timer {
    /// Which of the conversation's waits it is for.
    wait: u64,
    sleep: Pin<Box<Sleep>>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Server<R, W> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..ROUNDS {
            let next = self.conversation.run();
            self.conversation.deliver();
            if self.conversation.is_killed() {
                return Poll::Ready(Ok(()));
            }
            let sent = self.poll_write(cx)?;
            let is_over = match next {
                Next::Close => true,
                // The client is gone: so is what it waited for.
                Next::Read | Next::Wait => self.has_ended,
                Next::Write => false,
            };
            if is_over {
                return sent.map(Ok);
            }
            if next == Next::Write && sent.is_ready() {
                continue;
            }
            // It is read on while a write waits: the client may read its replies only after its last request.
            let read = self.poll_read(cx)?;
            let listened = self.conversation.poll(&mut self.listener, cx);
            let is_late = self.poll_timer(cx);
            if read.is_pending() && listened.is_pending() && is_late.is_pending() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sends what is in `out`.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.conversation.out.len() {
            let rest = &self.conversation.out[self.written..];
            let written = ready!(Pin::new(&mut self.writer).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.needs_flush = true;
        }
        if self.written > 0 {
            self.conversation.sent(self.written);
            self.written = 0;
        }
        if self.needs_flush {
            ready!(Pin::new(&mut self.writer).poll_flush(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when something was read, the end included.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.has_ended || self.conversation.decoder.buffered() > READ_AHEAD {
            return Poll::Pending;
        }
        let mut space = ReadBuf::new(self.conversation.decoder.space());
        ready!(Pin::new(&mut self.reader).poll_read(cx, &mut space))?;
        let read = space.filled().len();
        self.conversation.decoder.filled(read);
        self.has_ended = read == 0;
        Poll::Ready(Ok(()))
    }

    /// Ready when the time of the command that waits is over.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(remaining) = self.conversation.remaining() else {
            self.timer = None;
            return Poll::Pending;
        };
        let wait = self.conversation.waits();
        if self.timer.as_ref().is_some_and(|timer| timer.wait != wait) {
            self.timer = None;
        }
        let timer = self.timer.get_or_insert_with(|| Timer { wait, sleep: Box::pin(sleep(remaining)) });
        ready!(timer.sleep.as_mut().poll(cx));
        // Should it have been early, the next one is not.
        self.timer = None;
        Poll::Ready(())
    }
}
