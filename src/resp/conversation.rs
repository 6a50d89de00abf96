//! [`Conversation`], the part of serving that touches no stream: from received bytes to bytes to send, in order.
//!
//! What the two forms of `serve` share. They read into the [`Decoder`], call [`Conversation::run`], write what is in
//! `out`, and do what the answer says.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use event_listener::EventListener;

use super::encode::{encode, push_line};
use super::reply::RespReply;
use super::request::Decoder;
use crate::commands::Args;
use crate::error::Error;
use crate::session::{Blocked, Inbox, Session, Step};
use crate::value::Value;

/// How many bytes of replies are gathered before they are sent although further requests are at hand.
const FULL: usize = 64 * 1024;
/// A larger buffer for replies is given back once they were sent.
const KEPT: usize = 256 * 1024;

/// What a conversation needs to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// More requests.
    Read,
    /// Room for replies: those in `out` are to be sent first.
    Write,
    /// The end of the command that waits.
    Wait,
    /// Nothing: what is in `out` is sent, and that was all.
    Close,
}

pub(super) struct Conversation {
    session: Session,
    inbox: Arc<Inbox>,
    pub(super) decoder: Decoder,
    /// Reused from request to request; empty in between.
    args: Vec<&'static [u8]>,
    /// Replies that were not sent.
    pub(super) out: Vec<u8>,
    /// Messages that go in front of a reply; empty in between.
    early: Vec<u8>,
    blocked: Option<Blocked>,
    waits: u64,
    /// Whether the session was ever told messages: before, nobody looks into the inbox.
    has_listened: bool,
    is_closing: bool,
}

impl Conversation {
    pub(super) fn new(session: Session) -> Conversation {
        let refusal = session.refusal();
        let mut conversation = Conversation {
            inbox: session.inbox(),
            session,
            decoder: Decoder::new(),
            args: Vec::new(),
            out: Vec::new(),
            early: Vec::new(),
            blocked: None,
            waits: 0,
            has_listened: false,
            is_closing: refusal.is_some(),
        };
        if let Some(error) = refusal {
            conversation.push_error(&error);
        }
        conversation
    }

    /// Answers the requests that have come, as far as that goes.
    pub(super) fn run(&mut self) -> Next {
        loop {
            if self.is_closing {
                return Next::Close;
            }
            if self.blocked.is_some() {
                return Next::Wait;
            }
            if self.out.len() >= FULL {
                return Next::Write;
            }
            self.decoder.set_limits(self.session.request_limits());
            match self.decoder.advance() {
                Ok(true) => self.answer(),
                Ok(false) => return Next::Read,
                Err(error) => {
                    self.push_error(&error);
                    self.is_closing = true;
                }
            }
        }
    }

    /// Whether messages may come that no request asks for, or a reply without a request. From then on somebody has
    /// to listen on both sides.
    pub(super) fn is_listening(&self) -> bool {
        self.blocked.is_some() || self.session.is_listening()
    }

    /// Whether the session was ended from outside (CLIENT KILL): nothing more is sent.
    pub(super) fn is_killed(&self) -> bool {
        self.inbox.is_closed()
    }

    /// Appends the messages that nobody asked for.
    pub(super) fn deliver(&mut self) {
        let protocol = self.session.protocol();
        while self.out.len() < FULL
            && let Some(message) = self.inbox.pop()
        {
            encode(&message, protocol, &mut self.out);
        }
    }

    /// Waits for a message or the end of the command that waits. Ready when there may be something to do; `listener`
    /// is kept from call to call.
    pub(super) fn poll(&mut self, listener: &mut Option<EventListener>, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_blocked(cx).is_ready() {
            return Poll::Ready(());
        }
        loop {
            if self.inbox.is_closed() || self.out.len() < FULL && !self.inbox.is_empty() {
                return Poll::Ready(());
            }
            match listener {
                // What came before there was a listener is seen in the next round.
                None => *listener = Some(self.inbox.listen()),
                Some(waiting) => {
                    if Pin::new(waiting).poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    *listener = None;
                }
            }
        }
    }

    /// Writes the reply of the command that waits, if it was served or its time is over.
    fn poll_blocked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut blocked) = self.blocked.take() else { return Poll::Pending };
        let result = match Pin::new(&mut blocked).poll(cx) {
            Poll::Ready(result) => result,
            Poll::Pending if blocked.remaining() == Some(Duration::ZERO) => blocked.time_out(),
            Poll::Pending => {
                self.blocked = Some(blocked);
                return Poll::Pending;
            }
        };
        let mark = self.out.len();
        match self.session.finish(result) {
            Ok(value) => encode(&value, self.session.protocol(), &mut self.out),
            Err(error) => self.push_error(&error),
        }
        self.settle(mark, false);
        Poll::Ready(())
    }

    /// How many commands have waited.
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "only timers tell waits apart"))]
    pub(super) fn waits(&self) -> u64 {
        self.waits
    }

    /// How long the command that waits does so at most.
    pub(super) fn remaining(&self) -> Option<Duration> {
        self.blocked.as_ref().and_then(Blocked::remaining)
    }

    /// Ends the stream, if the program said how.
    pub(super) fn hang_up(&mut self) {
        self.session.hang_up();
    }

    /// The request that the decoder has whole.
    #[inline]
    fn answer(&mut self) {
        let mark = self.out.len();
        let mut args = recycle(std::mem::take(&mut self.args));
        args.extend(self.decoder.request().iter());
        let Some(name) = args.first() else {
            self.args = recycle(args);
            self.session.skip_request();
            return;
        };
        // A browser that was led here. Like Redis, this hangs up without another word.
        if name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"HOST:") {
            self.out.clear();
            self.is_closing = true;
            return;
        }
        let mut reply = RespReply::new(self.session.protocol(), &mut self.out);
        let step = self.session.start(Args::new(&args), &mut reply);
        self.has_listened |= self.session.is_listening();
        let subscribes = self.has_listened && is_subscription(&args);
        self.args = recycle(args);
        match step {
            Step::Done(Ok(())) => {}
            Step::Done(Err(error)) => {
                self.out.truncate(mark);
                self.push_error(&error);
            }
            Step::Blocked(blocked) => {
                self.out.truncate(mark);
                self.blocked = Some(blocked);
                self.waits += 1;
            }
        }
        self.settle(mark, subscribes);
    }

    /// What follows every reply, which stands behind `mark`.
    #[inline]
    fn settle(&mut self, mark: usize, subscribes: bool) {
        if !self.session.wants_reply() {
            self.out.truncate(mark);
        }
        if self.has_listened && !self.inbox.is_empty() {
            self.interleave(mark, subscribes);
        }
        self.is_closing |= self.session.is_closing();
    }

    /// Messages that a command sent to its own connection come before its reply, unless the reply is what tells that
    /// there will be messages.
    #[cold]
    fn interleave(&mut self, mark: usize, subscribes: bool) {
        let protocol = self.session.protocol();
        while let Some(message) = self.inbox.pop() {
            let is_late = subscribes || !matches!(message, Value::Push(_));
            encode(&message, protocol, if is_late { &mut self.out } else { &mut self.early });
        }
        self.out.splice(mark..mark, self.early.drain(..));
    }

    fn push_error(&mut self, error: &Error) {
        push_line(b'-', error.as_bytes(), &mut self.out);
    }

    /// Forgets the first `written` bytes of `out`.
    pub(super) fn sent(&mut self, written: usize) {
        if written < self.out.len() {
            self.out.drain(..written);
            return;
        }
        self.out.clear();
        if self.out.capacity() > KEPT {
            self.out = Vec::new();
        }
    }
}

/// The same vector, empty, for references of another lifetime: collecting keeps the allocation.
#[inline]
pub(super) fn recycle<'a>(mut args: Vec<&[u8]>) -> Vec<&'a [u8]> {
    args.clear();
    args.into_iter().map_while(|_| None).collect()
}

fn is_subscription(args: &[&[u8]]) -> bool {
    let names: [&[u8]; 4] = [b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE", b"MONITOR"];
    args.first().is_some_and(|name| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}
