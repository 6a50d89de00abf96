//! Running a script: finding its compiled form, its locks, its result.

use std::sync::atomic::Ordering;

use super::Inner;
use super::cache::{Sha, Source};
use super::host::Run;
use super::pool::{Known, Taken};
use crate::error::{Error, ErrorKind, Result, one_line};
use crate::keyspace::Turn;
use crate::store::LockMode;
use crate::value::Value;
use crate::vm::{Failure, Limits, Place, Raised};

/// Whether a script may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    ReadWrite,
    ReadOnly,
}

/// What a script is called with.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) keys: &'a [&'a [u8]],
    pub(super) args: &'a [&'a [u8]],
    pub(super) mode: Mode,
}

/// A script's error, and whether the statistics counted it when one of its commands gave it.
pub(super) struct Failed {
    error: Error,
    counted: bool,
}

impl Failed {
    pub(super) fn into_error(self) -> Error {
        self.error
    }

    /// The error, counted once.
    pub(super) fn count(self, engine: &Inner) -> Error {
        if !self.counted {
            engine.store.inner.space.stats.count_error(&self.error);
        }
        self.error
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed { error, counted: false }
    }
}

impl Inner {
    /// Runs a source text, caching it if it compiles.
    pub(super) fn eval(&self, source: &[u8], call: Call<'_>, turn: &mut Turn) -> Result<Value, Failed> {
        let sha = Sha::of(source);
        let mut state = self.pool.take(self)?;
        if let Some(known) = state.find(&self.cache, sha) {
            return self.run(&mut state, &known?, call, turn);
        }
        let script = Source::new(sha, source, self.dialect)?;
        let function = state.compile(&script)?;
        let (script, evicted) = self.cache.add_evaluated(script);
        if evicted {
            self.store.inner.space.stats.evicted_scripts.add(1);
        }
        self.publish_figures();
        self.run(&mut state, &Known { script, function }, call, turn)
    }

    /// Runs a cached script; `None` if it is not cached.
    #[inline]
    pub(super) fn eval_sha(
        &self,
        sha: Sha,
        call: Call<'_>,
        turn: &mut Turn,
    ) -> Option<Result<Value, Failed>> {
        let mut state = match self.pool.take(self) {
            Ok(state) => state,
            Err(error) => return Some(Err(error.into())),
        };
        let known = match state.take_last(&self.cache, sha) {
            Some(known) => known,
            None => match state.find(&self.cache, sha) {
                Some(Ok(known)) => known,
                Some(Err(error)) => return Some(Err(error.into())),
                None => {
                    let source = self.fetch(sha)?;
                    drop(state);
                    return Some(self.eval(&source, call, turn));
                }
            },
        };
        let result = self.run(&mut state, &known, call, turn);
        state.last = Some((sha, known));
        Some(result)
    }

    /// The source of a script that only a peer has.
    #[cold]
    fn fetch(&self, sha: Sha) -> Option<Vec<u8>> {
        let source = self.cache.peers()?.fetch(sha.as_str())?;
        // What a peer sends may be anything.
        (Sha::of(&source) == sha).then_some(source)
    }

    fn run(
        &self,
        state: &mut Taken<'_>,
        Known { script, function }: &Known,
        call: Call<'_>,
        turn: &mut Turn,
    ) -> Result<Value, Failed> {
        let flags = script.flags(self.default_flags);
        if call.mode == Mode::ReadOnly && flags.strict && !flags.no_writes {
            return Err(Error::WRITE_SCRIPT_WITH_RO.into());
        }
        let any_key = flags.disable_atomicity || flags.undeclared_keys.unwrap_or(self.undeclared_keys);
        let state = &mut **state;
        let limits = Limits {
            time: self.limits.time.map(|limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)),
            reply: self.limits.reply,
        };
        let lock =
            if call.mode == Mode::ReadOnly || flags.no_writes { LockMode::Read } else { LockMode::Write };
        let declared = if any_key { None } else { Some(call.keys) };
        let mut run = Run::new(self, turn.db, lock, declared, &state.control, &mut state.tally);
        if flags.disable_atomicity {
            run.part();
        }
        let result = state.vm.run(*function, call.keys, call.args, &mut run, limits);
        turn.wrote |= run.turn.wrote;
        drop(run);
        self.store.inner.space.stats.add(&mut state.tally);
        match result {
            Ok(Value::Error(error)) => Err(error.into()),
            Ok(value) => Ok(value),
            Err(failure) => Err(describe(script.sha.as_str(), failure)),
        }
    }
}

/// The error that the caller of a script or function of this name gets.
#[cold]
pub(super) fn describe(name: &str, failure: Failure) -> Failed {
    match failure {
        Failure::OutOfTime => Failed { error: Error::SCRIPT_TIMED_OUT, counted: false },
        Failure::TooLarge => Failed { error: Error::SCRIPT_REPLY_TOO_LARGE, counted: false },
        Failure::InHandler => Failed { error: Error::error_in_handler(name), counted: false },
        Failure::Raised(raised) => {
            let Raised { mut line, place, counted } = *raised;
            let killed = line == crate::vm::KILLED;
            if let Some(end) = line.iter().position(|&byte| byte == 0) {
                line.truncate(end);
            }
            if let Some(place) = place {
                append_place(&mut line, name, &place);
            }
            let kind = match line.split(|&byte| byte == b' ').next() {
                _ if killed => ErrorKind::ScriptKilled,
                Some(b"WRONGTYPE") => ErrorKind::WrongType,
                Some(b"BUSY") => ErrorKind::Busy,
                _ => ErrorKind::ScriptRuntime,
            };
            Failed { error: Error::owned(kind, one_line(line)), counted }
        }
    }
}

fn append_place(line: &mut Vec<u8>, name: &str, place: &Place) {
    line.extend_from_slice(b" script: ");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b", on ");
    line.extend_from_slice(place.source());
    line.extend_from_slice(format!(":{}.", place.line).as_bytes());
}

impl Inner {
    /// Tells the store's statistics what the cache holds.
    pub(super) fn publish_figures(&self) {
        let (scripts, bytes) = self.cache.figures();
        self.publish(scripts, bytes);
    }

    /// Several engines may share a store: each takes back what it said before.
    pub(super) fn publish(&self, scripts: usize, bytes: usize) {
        let figures = &self.store.inner.space.stats.scripts;
        for (figure, share, now) in
            [(&figures.cached, &self.published.0, scripts), (&figures.memory, &self.published.1, bytes)]
        {
            let before = share.swap(now, Ordering::Relaxed);
            figure.fetch_add(now, Ordering::Relaxed);
            figure.fetch_sub(before, Ordering::Relaxed);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.publish(0, 0);
        self.publish_libraries([0; 3]);
    }
}
