//! Running a script: finding its compiled form, its locks, its result.

use std::sync::atomic::Ordering;

use super::Inner;
use super::cache::{Sha, Source};
use super::flags::Dialect;
use super::flags::Flags;
use super::host::Run;
use super::libraries::Homes;
use super::metrics::Sort;
use super::pool::{Known, Runner, State, Taken};
use crate::error::{Error, ErrorKind, Result, one_line};
use crate::keyspace::Turn;
use crate::store::{Held, LockMode, ShardSet};
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

/// Who runs a script.
pub(crate) struct Caller<'c, 'e> {
    pub(crate) turn: &'c mut Turn,
    /// What an EXEC around the script holds.
    pub(crate) scope: Option<&'c mut Scope<'e>>,
}

impl<'c> Caller<'c, '_> {
    /// A caller that holds nothing.
    #[inline]
    pub(crate) fn alone(turn: &'c mut Turn) -> Self {
        Caller { turn, scope: None }
    }
}

/// What an EXEC holds while its commands run.
pub(crate) struct Scope<'e> {
    /// Empty while a script has them.
    pub(crate) held: Option<Held<'e>>,
    /// The homes of the function libraries that the queue calls, by the library's number.
    pub(super) homes: Homes,
}

/// What a script or function may touch, as far as can be told before it runs.
pub(crate) enum Reach {
    Shards(ShardSet),
    Any,
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

    pub(super) fn error(&self) -> &Error {
        &self.error
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
    pub(super) fn eval<'e>(
        &'e self,
        source: &[u8],
        call: Call<'_>,
        caller: &mut Caller<'_, 'e>,
    ) -> Result<Value, Failed> {
        let sha = Sha::of(source);
        let mut state = self.take_state()?;
        if let Some(known) = state.find(&self.cache, sha) {
            let known = known.map_err(|error| self.failed(error))?;
            return self.run(&mut state.runner, Sort::Eval, &known, call, caller);
        }
        self.tally.misses.add(1);
        self.eval_new(&mut state, sha, source, call, caller, Sort::Eval)
    }

    /// Runs a source text that is not cached, caching it if it compiles.
    fn eval_new<'e>(
        &'e self,
        state: &mut State,
        sha: Sha,
        source: &[u8],
        call: Call<'_>,
        caller: &mut Caller<'_, 'e>,
        sort: Sort,
    ) -> Result<Value, Failed> {
        let script = Source::new(sha, source, self.dialect).map_err(|error| self.failed(error))?;
        let function = state.compile(&script).map_err(|error| self.failed(error))?;
        let (script, evicted) = self.cache.add_evaluated(script);
        if evicted {
            self.store.inner.space.stats.evicted_scripts.add(1);
            self.tally.evictions.add(1);
        }
        self.publish_figures();
        self.tally.unknown_runs.add(1);
        self.run(&mut state.runner, sort, &Known { script, function }, call, caller)
    }

    #[inline]
    fn take_state(&self) -> Result<Taken<'_>, Failed> {
        self.pool.take(self).map_err(|error| self.failed(error))
    }

    /// The error of a call that does not come to run.
    #[cold]
    fn failed(&self, error: Error) -> Failed {
        self.count_failure(&error);
        error.into()
    }

    /// Runs a cached script; `None` if it is not cached.
    #[inline]
    pub(super) fn eval_sha<'e>(
        &'e self,
        sha: Sha,
        call: Call<'_>,
        caller: &mut Caller<'_, 'e>,
    ) -> Option<Result<Value, Failed>> {
        self.eval_named(sha.as_bytes(), call, caller)
    }

    /// As [`eval_sha`](Inner::eval_sha), by a name that a caller gave. The script that ran last is found without a
    /// look at the cache.
    #[inline]
    pub(super) fn eval_named<'e>(
        &'e self,
        name: &[u8],
        call: Call<'_>,
        caller: &mut Caller<'_, 'e>,
    ) -> Option<Result<Value, Failed>> {
        let mut state = match self.take_state() {
            Ok(state) => state,
            Err(failed) => return Some(Err(failed)),
        };
        if !state.ran_last(&self.cache, name) {
            let sha = Sha::parse(name)?;
            match state.find(&self.cache, sha) {
                Some(Ok(known)) => state.last = Some((sha, known)),
                Some(Err(error)) => return Some(Err(self.failed(error))),
                None => {
                    // What the peers take time for is done without the state.
                    drop(state);
                    self.tally.misses.add(1);
                    let source = self.fetch(sha)?;
                    self.tally.peer_hits.add(1);
                    let mut state = match self.take_state() {
                        Ok(state) => state,
                        Err(failed) => return Some(Err(failed)),
                    };
                    return Some(self.eval_new(&mut state, sha, &source, call, caller, Sort::EvalSha));
                }
            }
        }
        let State { runner, last, .. } = &mut *state;
        let (_, known) = last.as_ref()?;
        Some(self.run(runner, Sort::EvalSha, known, call, caller))
    }

    /// Nanoseconds that a script may take.
    pub(super) fn time_limit(&self) -> Option<u64> {
        self.limits.time.map(|limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The source of a script that only a peer has.
    #[cold]
    fn fetch(&self, sha: Sha) -> Option<Vec<u8>> {
        let source = self.cache.peers()?.fetch(sha.as_str())?;
        // What a peer sends may be anything.
        (Sha::of(&source) == sha).then_some(source)
    }

    fn run<'e>(
        &'e self,
        Runner { vm, control, tally, meter }: &mut Runner,
        sort: Sort,
        Known { script, function }: &Known,
        call: Call<'_>,
        caller: &mut Caller<'_, 'e>,
    ) -> Result<Value, Failed> {
        let timing = meter.begin(sort, self.times_all || !script.is_timed.load(Ordering::Relaxed));
        let flags = script.flags(self.default_flags);
        if call.mode == Mode::ReadOnly && flags.strict && !flags.no_writes {
            return Err(self.failed(Error::WRITE_SCRIPT_WITH_RO));
        }
        let any_key = flags.disable_atomicity || flags.undeclared_keys.unwrap_or(self.undeclared_keys);
        let limits = Limits { time: self.time_limit(), reply: self.limits.reply };
        let lock =
            if call.mode == Mode::ReadOnly || flags.no_writes { LockMode::Read } else { LockMode::Write };
        let declared = if any_key { None } else { Some(call.keys) };
        let result = {
            let mut run = Run::new(self, caller, lock, declared, control, tally);
            if flags.disable_atomicity && caller.scope.is_none() {
                run.part();
            } else if flags.rollback || self.rollback {
                run.roll_back_on_failure();
            }
            if function.calls_once() && declared.is_none() && caller.scope.is_none() {
                run.call_once();
            }
            let result = vm.run(*function, call.keys, call.args, &mut run, limits);
            run.end(caller, matches!(&result, Ok(value) if !matches!(value, Value::Error(_))));
            self.end_timing(timing, run.slow_since(), Some(script));
            result
        };
        meter.note_memory(vm.memory());
        match result {
            Ok(Value::Error(error)) => Err(self.failed(error)),
            Ok(value) => Ok(value),
            Err(failure) => Err(self.failed_run(script.sha.as_str(), failure)),
        }
    }

    /// The error that the caller of a script or function of this name gets, counted.
    #[cold]
    fn failed_run(&self, name: &str, failure: Failure) -> Failed {
        let failed = describe(self.dialect, name, failure);
        self.count_failure(&failed.error);
        failed
    }
}

impl Inner {
    /// What a script or function with these flags may touch, when it is called with these keys.
    pub(super) fn reach(&self, flags: Flags, keys: &[&[u8]]) -> Reach {
        let any_key = flags.disable_atomicity || flags.undeclared_keys.unwrap_or(self.undeclared_keys);
        if any_key {
            return Reach::Any;
        }
        Reach::Shards(keys.iter().map(|key| self.store.inner.shard_of(key)).collect())
    }
}

/// The error that the caller of a script or function of this name gets.
#[cold]
pub(super) fn describe(dialect: Dialect, name: &str, failure: Failure) -> Failed {
    match failure {
        Failure::OutOfTime => Failed { error: Error::SCRIPT_TIMED_OUT, counted: false },
        Failure::TooLarge => Failed { error: Error::SCRIPT_REPLY_TOO_LARGE, counted: false },
        Failure::InHandler => Failed { error: Error::error_in_handler(name), counted: false },
        Failure::Raised(raised) => {
            let Raised { mut line, place, counted } = *raised;
            let killed = dialect.texts().is_killed(&line);
            if let Some(end) = line.iter().position(|&byte| byte == 0) {
                line.truncate(end);
            }
            let kind = match line.split(|&byte| byte == b' ').next() {
                _ if killed => ErrorKind::ScriptKilled,
                Some(b"WRONGTYPE") => ErrorKind::WrongType,
                Some(b"BUSY") => ErrorKind::Busy,
                _ => ErrorKind::ScriptRuntime,
            };
            let error = match place {
                Some(place) if dialect == Dialect::Dragonfly => {
                    Error::of_running_script(kind, name, &spell(&place), &line, counted)
                }
                Some(place) => {
                    line = [&line, b" script: ".as_slice(), name.as_bytes(), b", on ", &spell(&place), b"."]
                        .concat();
                    Error::owned(kind, one_line(line))
                }
                None => Error::owned(kind, one_line(line)),
            };
            Failed { error, counted }
        }
    }
}

fn spell(place: &Place) -> Vec<u8> {
    [place.source(), format!(":{}", place.line).as_bytes()].concat()
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
