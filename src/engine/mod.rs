//! Layer 7: Redis scripting on top of the Lua VM: the script cache, the commands, the limits.

mod builder;
mod cache;
mod commands;
mod debugger;
mod defined;
mod eval;
mod flags;
mod functions;
mod host;
mod libraries;
mod metrics;
mod noscript;
mod peers;
mod pipeline;
mod pool;
mod script;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::rng::Drand48;
use crate::store::Store;
use crate::value::Value;
use crate::vm::Sort;
use cache::{Cache, Sha, Source};
use defined::Definitions;
use eval::Call;
use flags::Flags;
use libraries::Libraries;
use pool::Pool;

pub(crate) use eval::{Caller, Mode, Scope};

pub use builder::{EngineBuilder, LogLevel, NumberFormat};
pub use debugger::{DebugMode, Debugger, StackFrame, Stop, StopReason};
pub use flags::{Dialect, ScriptFlag};
pub use functions::{FunctionInfo, FunctionLibrary, FunctionStats, RunningFunction};
pub use libraries::RestorePolicy;
pub use metrics::{DurationBucket, Durations, EngineMetrics};
pub use peers::{ScriptCache, ScriptPeers};
pub use pipeline::Pipeline;
pub use script::{Invocation, Script, ToArg};

/// No keys, or no arguments, for [`Engine::eval`] and its relatives.
pub const NONE: &[&str] = &[];

/// Runs Lua scripts on a [`Store`], each one alone on the keys that it may touch.
///
/// An `Engine` is a handle: clones share the script cache and the Lua states, and any number of threads may use
/// them. Several engines may work on one store.
///
/// # Examples
///
/// ```
/// use redmoon::{Engine, Store, Value};
///
/// let engine = Engine::new(Store::new());
/// let reply = engine.eval("return redis.call('INCRBY', KEYS[1], ARGV[1])", &["counter"], &["5"])?;
/// assert_eq!(reply, Value::Integer(5));
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

/// What all handles of an engine share.
pub(crate) struct Inner {
    pub(crate) store: Store,
    /// Other engines may have it too.
    pub(crate) cache: Arc<Cache>,
    definitions: Definitions,
    libraries: Libraries,
    pool: Pool,
    /// One stream for all scripts, as if there were one Lua state.
    random: Mutex<Drand48>,
    limits: EngineLimits,
    undeclared_keys: bool,
    /// Whether scripts that fail are taken back.
    rollback: bool,
    /// Flags of scripts that say nothing of themselves.
    default_flags: Flags,
    pub(crate) dialect: Dialect,
    numbers: NumberFormat,
    log: Option<builder::Log>,
    /// What scripts see as `host`.
    functions: Vec<builder::HostFunction>,
    tally: metrics::Tally,
    /// Whether each run is timed.
    times_all: bool,
    /// How many scripts and bytes of them this engine has told the store's statistics.
    published: (AtomicUsize, AtomicUsize),
}

#[derive(Clone, Copy)]
struct EngineLimits {
    time: Option<Duration>,
    reply: usize,
    memory: usize,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scripts, _) = self.inner.cache.figures();
        f.debug_struct("Engine").field("cached_scripts", &scripts).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine with the default settings: any key may be touched, 5 seconds, 256 MiB of Lua memory and 10 MiB of
    /// reply a script.
    #[must_use]
    pub fn new(store: Store) -> Engine {
        Engine::builder(store).build()
    }

    /// An engine with settings of your own.
    pub fn builder(store: Store) -> EngineBuilder {
        EngineBuilder::new(store)
    }

    /// The store that the scripts run on.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Runs a script and caches it (EVAL). KEYS and ARGV hold what `keys` and `args` do; [`NONE`] stands for none.
    ///
    /// # Errors
    ///
    /// The error that the script raised or answered; a compile error; `BUSY Script exceeded time limit` and the
    /// other limits. What the script wrote before it failed stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// let sum: i64 = engine.eval("return ARGV[1] + ARGV[2]", NONE, &["2", "3"])?.convert()?;
    /// assert_eq!(sum, 5);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn eval<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        script: impl AsRef<[u8]>,
        keys: &[K],
        args: &[A],
    ) -> Result<Value> {
        self.run_source(script.as_ref(), keys, args, Mode::ReadWrite)
    }

    /// Runs a script that may not write, and caches it (EVAL_RO).
    ///
    /// # Errors
    ///
    /// As [`eval`](Engine::eval); a command that writes fails in the script.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// assert!(engine.eval_ro("return redis.call('GET', KEYS[1])", &["key"], NONE)?.is_nil());
    /// assert!(engine.eval_ro("return redis.call('DEL', KEYS[1])", &["key"], NONE).is_err());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn eval_ro<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        script: impl AsRef<[u8]>,
        keys: &[K],
        args: &[A],
    ) -> Result<Value> {
        self.run_source(script.as_ref(), keys, args, Mode::ReadOnly)
    }

    /// Runs a cached script by its SHA-1, 40 hexadecimal digits in any case (EVALSHA).
    ///
    /// # Errors
    ///
    /// `NOSCRIPT` if the script is not cached; else as [`eval`](Engine::eval).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store, Value};
    ///
    /// let engine = Engine::new(Store::new());
    /// let sha = engine.script_load("return 'hello'")?;
    /// assert_eq!(engine.eval_sha(&sha, NONE, NONE)?, Value::from("hello"));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn eval_sha<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        sha: impl AsRef<[u8]>,
        keys: &[K],
        args: &[A],
    ) -> Result<Value> {
        self.run_sha(sha.as_ref(), keys, args, Mode::ReadWrite)
    }

    /// Runs a cached script that may not write (EVALSHA_RO).
    ///
    /// # Errors
    ///
    /// As [`eval_sha`](Engine::eval_sha) and [`eval_ro`](Engine::eval_ro).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store, Value};
    ///
    /// let engine = Engine::new(Store::new());
    /// let sha = engine.script_load("return redis.call('EXISTS', KEYS[1])")?;
    /// assert_eq!(engine.eval_sha_ro(&sha, &["key"], NONE)?, Value::Integer(0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn eval_sha_ro<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        sha: impl AsRef<[u8]>,
        keys: &[K],
        args: &[A],
    ) -> Result<Value> {
        self.run_sha(sha.as_ref(), keys, args, Mode::ReadOnly)
    }

    fn run_source<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        source: &[u8],
        keys: &[K],
        args: &[A],
        mode: Mode,
    ) -> Result<Value> {
        let (keys, args) = (Slices::of(keys), Slices::of(args));
        let call = Call { keys: keys.get(), args: args.get(), mode };
        self.inner
            .eval(source, call, &mut Caller::alone(&mut self.inner.store.turn()))
            .map_err(eval::Failed::into_error)
    }

    fn run_sha<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        sha: &[u8],
        keys: &[K],
        args: &[A],
        mode: Mode,
    ) -> Result<Value> {
        let (keys, args) = (Slices::of(keys), Slices::of(args));
        self.call_sha(sha, Call { keys: keys.get(), args: args.get(), mode })
    }

    fn call_sha(&self, sha: &[u8], call: Call<'_>) -> Result<Value> {
        let result = self.inner.eval_named(sha, call, &mut Caller::alone(&mut self.inner.store.turn()));
        result.ok_or_else(|| self.inner.no_script())?.map_err(eval::Failed::into_error)
    }

    /// Caches a script without running it, and answers its SHA-1 (SCRIPT LOAD). It stays until a flush.
    ///
    /// # Errors
    ///
    /// A compile error, or one in the script's `#!` line; nothing is cached then.
    ///
    /// # Examples
    ///
    /// ```
    /// let engine = redmoon::Engine::new(redmoon::Store::new());
    /// assert_eq!(engine.script_load("return 1")?, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn script_load(&self, source: impl AsRef<[u8]>) -> Result<String> {
        let sha = self.inner.load(source.as_ref())?;
        Ok(sha.as_str().to_owned())
    }

    /// Says for each SHA-1 whether its script is cached, in their order (SCRIPT EXISTS).
    ///
    /// # Examples
    ///
    /// ```
    /// let engine = redmoon::Engine::new(redmoon::Store::new());
    /// let sha = engine.script_load("return 1")?;
    /// assert_eq!(engine.script_exists(&[sha.as_str(), "unknown"]), [true, false]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn script_exists<S: AsRef<[u8]>>(&self, shas: &[S]) -> Vec<bool> {
        let exists =
            |sha: &S| Sha::parse(sha.as_ref()).is_some_and(|sha| self.inner.cache.get(sha).is_some());
        shas.iter().map(exists).collect()
    }

    /// The source of a cached script (SCRIPT SHOW).
    ///
    /// # Errors
    ///
    /// `NOSCRIPT` if it is not cached.
    ///
    /// # Examples
    ///
    /// ```
    /// let engine = redmoon::Engine::new(redmoon::Store::new());
    /// let sha = engine.script_load("return 1")?;
    /// assert_eq!(engine.script_show(&sha)?, b"return 1");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn script_show(&self, sha: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        self.inner.show(sha.as_ref()).map(|script| script.body.to_vec())
    }

    /// Says more of one script than its first line does (SCRIPT FLAGS), also before it is loaded; a run that has begun
    /// goes on as it is. A flush takes this back.
    ///
    /// # Errors
    ///
    /// `NOSCRIPT` if `sha` is not 40 characters long.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, ScriptFlag, Store};
    ///
    /// let engine = Engine::builder(Store::new()).allow_undeclared_keys(false).build();
    /// let sha = engine.script_load("return redis.call('INCR', 'counter')")?;
    /// assert!(engine.eval_sha(&sha, NONE, NONE).is_err());
    /// engine.script_flags(&sha, &[ScriptFlag::AllowUndeclaredKeys])?;
    /// assert!(engine.eval_sha(&sha, NONE, NONE).is_ok());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn script_flags(&self, sha: impl AsRef<[u8]>, flags: &[ScriptFlag]) -> Result<()> {
        let sha = Sha::parse(sha.as_ref()).ok_or(Error::NO_SCRIPT)?;
        self.inner.cache.say(sha, flags);
        Ok(())
    }

    /// The cached scripts, each as its SHA-1 and its source, by rising SHA-1 (SCRIPT LIST).
    ///
    /// # Examples
    ///
    /// ```
    /// let engine = redmoon::Engine::new(redmoon::Store::new());
    /// let sha = engine.script_load("return 1")?;
    /// assert_eq!(engine.script_list(), [(sha, b"return 1".to_vec())]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn script_list(&self) -> Vec<(String, Vec<u8>)> {
        let scripts = self.inner.cache.list();
        scripts.iter().map(|script| (script.sha.as_str().to_owned(), script.body.to_vec())).collect()
    }

    /// Empties the script cache and drops the Lua states that are not running a script (SCRIPT FLUSH).
    ///
    /// # Examples
    ///
    /// ```
    /// let engine = redmoon::Engine::new(redmoon::Store::new());
    /// let sha = engine.script_load("return 1")?;
    /// engine.script_flush();
    /// assert_eq!(engine.script_exists(&[sha]), [false]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn script_flush(&self) {
        self.inner.flush();
    }

    /// Ends the running script, from another thread (SCRIPT KILL). Where several run at the same time, all are ended
    /// that have not written.
    ///
    /// # Errors
    ///
    /// `NOTBUSY` if no script runs, `UNKILLABLE` if each that runs has written.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, ErrorKind, NONE, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// std::thread::scope(|threads| {
    ///     let endless = threads.spawn(|| engine.eval("while true do end", NONE, NONE));
    ///     while engine.script_kill().is_err() {
    ///         std::thread::yield_now();
    ///     }
    ///     let error = endless.join().unwrap().unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::ScriptKilled);
    /// });
    /// ```
    pub fn script_kill(&self) -> Result<()> {
        self.inner.pool.kill(Sort::Script).map_err(|error| self.inner.dialect.reword(error))
    }

    /// A script object: it knows its source, so that it can load itself again when the cache lost it.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// let multiply = engine.script("return redis.call('SET', KEYS[1], ARGV[1] * ARGV[2])");
    /// multiply.key("product").arg(6).arg(7).invoke::<()>()?;
    /// assert_eq!(engine.store().get("product")?.unwrap(), "42");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn script(&self, source: impl Into<Vec<u8>>) -> Script {
        Script::new(self.clone(), source.into())
    }

    /// A conversation of its own on the engine's store.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store, Value};
    ///
    /// let mut session = Engine::new(Store::new()).session();
    /// session.execute(&["SELECT", "3"])?;
    /// session.execute(&["SET", "key", "value"])?;
    /// assert_eq!(session.execute(&["EVAL", "return redis.call('GET', 'key')", "0"])?, Value::from("value"));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn session(&self) -> crate::session::Session {
        crate::session::Session::new(self.clone())
    }
}

impl Inner {
    /// Whether a source compiles.
    fn check(&self, source: &[u8]) -> Result<()> {
        let script = Source::new(Sha::of(source), source, self.dialect)?;
        self.pool.take(self)?.compile(&script).map(drop)
    }

    fn load(&self, source: &[u8]) -> Result<Sha> {
        let sha = Sha::of(source);
        let script = match self.cache.get(sha) {
            Some(_) => Source::new(sha, source, self.dialect)?,
            None => {
                let script = Source::new(sha, source, self.dialect)?;
                self.pool.take(self)?.compile(&script)?;
                script
            }
        };
        self.cache.add_loaded(script);
        self.publish_figures();
        if let Some(peers) = self.cache.peers() {
            self.cache.carried.loads_sent.add(1);
            peers.on_load(sha.as_str(), source);
        }
        Ok(sha)
    }

    fn show(&self, sha: &[u8]) -> Result<Arc<Source>> {
        Sha::parse(sha).and_then(|sha| self.cache.get(sha)).ok_or(Error::NO_SCRIPT)
    }

    fn flush(&self) {
        self.cache.clear();
        if let Some(peers) = self.cache.peers() {
            self.cache.carried.flushes_sent.add(1);
            peers.on_flush();
        }
        self.pool.clear();
        self.publish_figures();
    }
}

/// Byte strings of any kind as slices; a few need no vector.
enum Slices<'s> {
    None,
    One([&'s [u8]; 1]),
    Few([&'s [u8]; 4], usize),
    Many(Vec<&'s [u8]>),
}

impl<'s> Slices<'s> {
    #[inline]
    fn of<S: AsRef<[u8]>>(strings: &'s [S]) -> Slices<'s> {
        match strings {
            [] => return Slices::None,
            [string] => return Slices::One([string.as_ref()]),
            _ => {}
        }
        let mut few = [&[][..]; 4];
        if strings.len() > few.len() {
            return Slices::Many(strings.iter().map(AsRef::as_ref).collect());
        }
        for (place, string) in few.iter_mut().zip(strings) {
            *place = string.as_ref();
        }
        Slices::Few(few, strings.len())
    }

    #[inline]
    fn get(&self) -> &[&'s [u8]] {
        match self {
            Slices::None => &[],
            Slices::One(one) => one,
            Slices::Few(few, len) => &few[..*len],
            Slices::Many(all) => all,
        }
    }
}
