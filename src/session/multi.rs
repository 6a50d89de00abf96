//! Transactions: MULTI, EXEC, DISCARD, WATCH and UNWATCH.
//!
//! EXEC locks the shards of all its commands at once, looks whether a watched key was changed, and runs the queue. A
//! watched key need not be on those shards: who changed it later than that look comes after the EXEC in every order
//! that anybody can see.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Session;
use crate::blob::Blob;
use crate::commands::{Args, Command, Handler};
use crate::dispatch;
use crate::engine::{Caller, Engine, Scope};
use crate::error::{Error, Result};
use crate::keyspace::{Ctx, Watch, audience};
use crate::reply::Reply;
use crate::store::{LockMode, ShardSet};

/// What a conversation has queued and what it watches.
#[derive(Default)]
pub(super) struct Transaction {
    queue: Option<Queue>,
    watches: Vec<Arc<Watch>>,
    /// Set when a watched key is changed.
    dirty: Arc<AtomicBool>,
}

#[derive(Default)]
struct Queue {
    /// Those that the application defined have no row.
    commands: Vec<(Option<Command>, Vec<Blob>)>,
    /// A command could not be queued.
    is_aborted: bool,
}

impl Transaction {
    pub(super) fn is_open(&self) -> bool {
        self.queue.is_some()
    }

    /// Whether a command is queued instead of run.
    #[inline]
    pub(super) fn queues(&self, command: Option<Command>) -> bool {
        const AT_ONCE: &[&str] = &["EXEC", "DISCARD", "MULTI", "WATCH", "QUIT", "RESET"];
        let is_at_once = |command: Command| command.parent.is_none() && AT_ONCE.contains(&command.spec.name);
        self.queue.is_some() && !command.is_some_and(is_at_once)
    }

    pub(super) fn queue(&mut self, command: Option<Command>, args: Args<'_>) {
        if let Some(queue) = &mut self.queue {
            queue.commands.push((command, args.all().iter().map(|arg| Blob::from(*arg)).collect()));
        }
    }

    /// The mark of a watched key that was changed.
    pub(super) fn dirty(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.dirty)
    }

    /// A command could not be queued.
    pub(super) fn abort(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.is_aborted = true;
        }
    }
}

impl Session {
    pub(super) fn multi(&mut self, out: &mut dyn Reply) -> Result<()> {
        if self.transaction.is_open() {
            return Err(Error::NESTED_MULTI);
        }
        self.transaction.queue = Some(Queue::default());
        out.ok();
        Ok(())
    }

    pub(super) fn discard(&mut self, out: &mut dyn Reply) -> Result<()> {
        self.transaction.queue.take().ok_or(Error::DISCARD_WITHOUT_MULTI)?;
        self.forget_watches();
        out.ok();
        Ok(())
    }

    pub(super) fn watch(&mut self, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        if self.transaction.is_open() {
            return Err(Error::WATCH_IN_MULTI);
        }
        let Session { engine, turn, transaction, .. } = self;
        let db = turn.db;
        for key in args.from(1) {
            let is_watched = |watch: &Arc<Watch>| watch.db == db && *watch.key == **key;
            if !transaction.watches.iter().any(is_watched) {
                let inner = &engine.store().inner;
                let set = ShardSet::one(inner.shard_of(key));
                let watch = |cx: &mut Ctx<'_>| Ok(cx.watch(key, &transaction.dirty));
                let watch = inner.with_set(set, LockMode::Write, turn, watch)?;
                transaction.watches.push(watch);
            }
        }
        out.ok();
        Ok(())
    }

    pub(super) fn unwatch(&mut self, out: &mut dyn Reply) -> Result<()> {
        self.forget_watches();
        out.ok();
        Ok(())
    }

    pub(super) fn forget_watches(&mut self) {
        let Session { engine, transaction, .. } = self;
        // A new mark: a writer may set the old one until the last watch is gone.
        transaction.dirty = Arc::default();
        for watch in transaction.watches.drain(..) {
            engine.store().inner.unwatch(watch);
        }
    }

    /// RESET: as if the conversation began.
    pub(super) fn forget_transaction(&mut self) {
        self.transaction.queue = None;
        self.forget_watches();
    }

    pub(super) fn exec(&mut self, out: &mut dyn Reply) -> Result<()> {
        let queue = self.transaction.queue.take().ok_or(Error::EXEC_WITHOUT_MULTI)?;
        let result = if queue.is_aborted { Err(Error::EXEC_ABORTED) } else { self.run_queue(&queue, out) };
        self.forget_watches();
        result
    }

    fn run_queue(&mut self, queue: &Queue, out: &mut dyn Reply) -> Result<()> {
        let slices: Vec<Vec<&[u8]>> =
            queue.commands.iter().map(|(_, args)| args.iter().map(|arg| &**arg).collect()).collect();
        let commands: Vec<(Option<Command>, Args<'_>)> = queue
            .commands
            .iter()
            .zip(&slices)
            .map(|((command, _), args)| (*command, Args::new(args)))
            .collect();
        // The scope borrows the engine while the session runs the commands.
        let engine = self.engine.clone();
        let mut scope = engine.scope(&commands)?;
        let now = engine.store().inner.space.clock.now_micros();
        if self.transaction.watches.iter().any(|watch| watch.is_dirty(now.div_euclid(1000))) {
            out.null_array();
            return Ok(());
        }
        self.turn.begin();
        self.turn.now = Some(now);
        out.array(commands.len());
        for (command, args) in commands {
            let is_observed = engine.store().inner.space.hears(audience::COMMANDS);
            if is_observed {
                self.observe_before(command, args);
            }
            if let Err(error) = self.run_queued(&engine, &mut scope, command, args, out) {
                out.error(error);
            }
            if is_observed {
                self.observe_after(command, args);
            }
        }
        if let Some(held) = scope.held.take() {
            held.release(&mut self.turn);
        }
        Ok(())
    }

    fn run_queued<'e>(
        &mut self,
        engine: &'e Engine,
        scope: &mut Scope<'e>,
        command: Option<Command>,
        args: Args<'_>,
        out: &mut dyn Reply,
    ) -> Result<()> {
        let store = engine.store();
        let Some(command) = command else {
            let caller = &mut Caller { turn: &mut self.turn, scope: Some(scope) };
            let result = engine.execute_defined(args, caller);
            out.value(result.unwrap_or_else(|| Err(Error::unknown_command(args.all())))?);
            return Ok(());
        };
        let result = dispatch::timed(store, command, (self.client.id, args), || match command.spec.handler {
            Handler::Engine => {
                let caller = &mut Caller { turn: &mut self.turn, scope: Some(scope) };
                engine.execute(command, args, caller).map(|value| out.value(value))
            }
            Handler::Session => self.converse(command, args, true, out),
            _ if self.ping_as_message(command, args, out) => Ok(()),
            _ => match &mut scope.held {
                Some(held) => dispatch::run_held(store, held, &mut self.turn, command, args, out),
                None => Err(Error::INTERNAL),
            },
        });
        match command.spec.handler {
            // It counts its errors itself.
            Handler::Engine => result,
            _ => result.map_err(|error| self.count(error)),
        }
    }
}
