//! Commands that wait, for callers that do not want to park a thread: [`Session::begin`] and
//! [`Session::execute_async`].

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Blocked, Session, Step};
use crate::commands::Args;
use crate::error::Result;
use crate::reply::ValueReply;
use crate::value::Value;

/// How far a command came that [`Session::begin`] began.
#[derive(Debug)]
#[non_exhaustive]
pub enum Begun<'s> {
    /// It is over: its reply.
    Done(Value),
    /// It waits.
    Waiting(WaitingCommand<'s>),
}

/// A command that waits (BLPOP and its relatives), from [`Session::begin`].
///
/// It is a future of no particular runtime that ends with the command's reply. It has no timer: the command's own
/// time-out is up to the caller, who knows from [`remaining`](WaitingCommand::remaining) when to call
/// [`time_out`](WaitingCommand::time_out).
///
/// The session does nothing else meanwhile. Dropping this ends the wait without a trace.
#[must_use = "a command that is dropped does not wait any longer"]
pub struct WaitingCommand<'s> {
    session: &'s mut Session,
    blocked: Option<Blocked>,
}

impl std::fmt::Debug for WaitingCommand<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitingCommand").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

impl Session {
    /// Begins a command, as [`execute`](Session::execute) without waiting: a command that has to wait is handed out.
    ///
    /// # Errors
    ///
    /// The error that the command replies.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Begun, Engine, Store, Value};
    ///
    /// let store = Store::new();
    /// let mut session = Engine::new(store.clone()).session();
    /// let Begun::Waiting(command) = session.begin(&["BRPOP", "jobs", "2.5"])? else { panic!("there is a job") };
    /// assert!(command.remaining().is_some_and(|left| left.as_millis() <= 2500));
    /// assert_eq!(command.time_out()?, Value::NilArray);
    ///
    /// let Begun::Waiting(command) = session.begin(&["BRPOP", "jobs", "0"])? else { panic!("there is a job") };
    /// assert_eq!(command.remaining(), None);
    /// store.rpush("jobs", &["sweep"])?;
    /// assert_eq!(command.time_out()?, Value::Array(vec!["jobs".into(), "sweep".into()]));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn begin<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Begun<'_>> {
        let args: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
        let mut out = ValueReply::new(self.protocol);
        match self.start(Args::new(&args), &mut out) {
            Step::Done(result) => result.map(|()| Begun::Done(out.finish())),
            Step::Blocked(blocked) => {
                Ok(Begun::Waiting(WaitingCommand { session: self, blocked: Some(blocked) }))
            }
        }
    }

    /// Runs a command as [`execute`](Session::execute) does, but a command that waits (BLPOP …) parks no thread. Any
    /// other command runs to its end when the future is polled first.
    ///
    /// The future needs no particular runtime, only a timer for the time-outs of commands: `sleep` makes a future that
    /// ends after a while, such as `tokio::time::sleep` or `smol::Timer::after`. It is called for a command that waits for
    /// a limited time.
    ///
    /// Dropping the future ends the wait without a trace.
    ///
    /// # Errors
    ///
    /// The error that the command replies.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store, Value};
    /// use std::time::Duration;
    ///
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    /// #         if let std::task::Poll::Ready(result) = future.as_mut().poll(context) {
    /// #             return result;
    /// #         }
    /// #     }
    /// # }
    /// # async fn sleep(_: Duration) {}
    /// # block_on(async {
    /// let mut session = Engine::new(Store::new()).session();
    /// session.execute_async(&["RPUSH", "jobs", "sweep"], sleep).await?;
    /// let job = session.execute_async(&["BLPOP", "jobs", "10"], sleep).await?;
    /// assert_eq!(job, Value::Array(vec!["jobs".into(), "sweep".into()]));
    /// assert_eq!(session.execute_async(&["BLPOP", "jobs", "0.01"], sleep).await?, Value::NilArray);
    /// # Ok::<(), redmoon::Error>(())
    /// # })?;
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub async fn execute_async<A: AsRef<[u8]>, S: Future>(
        &mut self,
        args: &[A],
        sleep: impl FnOnce(Duration) -> S,
    ) -> Result<Value> {
        let mut command = match self.begin(args)? {
            Begun::Done(reply) => return Ok(reply),
            Begun::Waiting(command) => command,
        };
        let Some(remaining) = command.remaining() else { return command.await };
        let mut sleep = pin!(sleep(remaining));
        let in_time = std::future::poll_fn(|context| match Pin::new(&mut command).poll(context) {
            Poll::Ready(reply) => Poll::Ready(Some(reply)),
            Poll::Pending => sleep.as_mut().poll(context).map(|_| None),
        });
        match in_time.await {
            Some(reply) => reply,
            None => command.time_out(),
        }
    }
}

impl WaitingCommand<'_> {
    /// How long the command still waits by its own time-out; `None` is for ever.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.blocked.as_ref().and_then(Blocked::remaining)
    }

    /// Parks the thread until the command is served or its time is over, and answers its reply.
    ///
    /// # Errors
    ///
    /// The error that the command replies.
    pub fn wait(self) -> Result<Value> {
        self.end(Blocked::wait)
    }

    /// Ends the wait: the reply of a command whose time is over, or what it was served with just before.
    ///
    /// # Errors
    ///
    /// The error that the command replies.
    pub fn time_out(self) -> Result<Value> {
        self.end(Blocked::time_out)
    }

    fn end(mut self, how: impl FnOnce(Blocked) -> Result<Value>) -> Result<Value> {
        // It is there until the future has answered.
        let reply = self.blocked.take().map_or(Ok(Value::Nil), how);
        self.session.finish(reply)
    }
}

impl Future for WaitingCommand<'_> {
    type Output = Result<Value>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Value>> {
        let Some(blocked) = &mut self.blocked else { return Poll::Pending };
        let Poll::Ready(reply) = Pin::new(blocked).poll(context) else { return Poll::Pending };
        self.blocked = None;
        Poll::Ready(self.session.finish(reply))
    }
}
