//! [`EngineBuilder`]: the settings of an engine.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::cache::Cache;
use super::defined::Definitions;
use super::flags::{Dialect, Flags, ScriptFlag};
use super::peers::ScriptCache;
use super::pool::Pool;
use super::{Engine, EngineLimits, Inner};
use crate::error::Result;
use crate::rng::Drand48;
use crate::store::Store;
use crate::value::Value;

/// Scripts that came by EVAL and stay cached, as in Redis 7.4.
pub(super) const MOST_EVALUATED: usize = 500;

type Call = dyn Fn(&[Value]) -> Result<Value> + Send + Sync;

/// A function of the table `host`.
pub(super) struct HostFunction {
    pub(super) name: String,
    pub(super) call: Box<Call>,
}

pub(super) type Log = Box<dyn Fn(LogLevel, &[u8]) + Send + Sync>;

/// The level of a line that a script logs with `redis.log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LogLevel {
    /// `redis.LOG_DEBUG`
    Debug,
    /// `redis.LOG_VERBOSE`
    Verbose,
    /// `redis.LOG_NOTICE`
    Notice,
    /// `redis.LOG_WARNING`
    Warning,
}

/// How a Lua number becomes an argument of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NumberFormat {
    /// Integers as plain digits, others as the shortest digits that give the same number: Redis 7.4 and Valkey 8.
    #[default]
    Shortest,
    /// 17 significant digits, C's `%.17g`: Redis 7.0 and before.
    Digits17,
}

/// Settings of a new engine, from [`Engine::builder`].
///
/// # Examples
///
/// ```
/// use redmoon::{Engine, NONE, Store};
/// use std::time::Duration;
///
/// let engine = Engine::builder(Store::new()).time_limit(Duration::from_millis(20)).build();
/// let error = engine.eval("while true do end", NONE, NONE).unwrap_err();
/// assert_eq!(error.to_string(), "BUSY Script exceeded time limit");
/// ```
#[must_use]
pub struct EngineBuilder {
    store: Store,
    limits: EngineLimits,
    undeclared_keys: bool,
    rollback: bool,
    default_flags: Flags,
    dialect: Dialect,
    numbers: NumberFormat,
    most_evaluated: usize,
    cache: Option<ScriptCache>,
    seed: Option<i32>,
    log: Option<Log>,
    functions: Vec<HostFunction>,
    times_all: bool,
}

impl std::fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineBuilder")
            .field("time_limit", &self.limits.time)
            .field("memory_limit", &self.limits.memory)
            .field("reply_limit", &self.limits.reply)
            .field("allow_undeclared_keys", &self.undeclared_keys)
            .finish_non_exhaustive()
    }
}

impl EngineBuilder {
    pub(super) fn new(store: Store) -> EngineBuilder {
        EngineBuilder {
            store,
            limits: EngineLimits {
                time: Some(Duration::from_secs(5)),
                reply: 10 * 1024 * 1024,
                memory: 256 * 1024 * 1024,
            },
            undeclared_keys: true,
            rollback: false,
            default_flags: Flags::default(),
            dialect: Dialect::default(),
            numbers: NumberFormat::default(),
            most_evaluated: MOST_EVALUATED,
            cache: None,
            seed: None,
            log: None,
            functions: Vec::new(),
            times_all: false,
        }
    }

    /// How long a script may run: 5 seconds by default, `None` for no limit.
    ///
    /// A script that has not written is ended with `BUSY Script exceeded time limit`. One that has written goes on,
    /// and whoever waits for its keys gets `BUSY`.
    pub fn time_limit(mut self, limit: impl Into<Option<Duration>>) -> EngineBuilder {
        self.limits.time = limit.into();
        self
    }

    /// How large a script's reply may be, in bytes: 10 MiB by default. Strings count with their length, any other
    /// value with 8. A larger one is the error `ERR script output too large`.
    pub fn reply_limit(mut self, bytes: usize) -> EngineBuilder {
        self.limits.reply = bytes;
        self
    }

    /// How much memory one Lua state may take, in bytes: 256 MiB by default. Past it an allocation is the Lua error
    /// `not enough memory`. Garbage counts until it is collected: leave three times what scripts really need.
    pub fn memory_limit(mut self, bytes: usize) -> EngineBuilder {
        self.limits.memory = bytes;
        self
    }

    /// Whether scripts may touch keys that they were not called with: yes by default, as in Redis; a script then has
    /// the whole store to itself. If not, scripts on different keys run at the same time. A script's own flag
    /// (`#!lua flags=allow-undeclared-keys` or `deny-undeclared-keys`) goes first.
    pub fn allow_undeclared_keys(mut self, allow: bool) -> EngineBuilder {
        self.undeclared_keys = allow;
        self
    }

    /// Whether a script that fails, that runs into a limit or that is killed leaves every key as it was: no by default, as
    /// in Redis. An error that the script returns is a failure too. Nothing is published then, and who watches a key
    /// saw nothing. A script can be stopped then although it has written. A script's own flag (`#!lua flags=rollback`) says
    /// the same for one. Scripts with `disable-atomicity` cannot be taken back.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store};
    ///
    /// let engine = Engine::builder(Store::new()).rollback(true).build();
    /// let failed = engine.eval("redis.call('SET', KEYS[1], 'new') error('no')", &["key"], NONE);
    /// assert!(failed.is_err());
    /// assert_eq!(engine.store().get("key")?, None);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn rollback(mut self, rollback: bool) -> EngineBuilder {
        self.rollback = rollback;
        self
    }

    /// The flags of scripts that have no line of flags; a script's own take their place, they do not add up.
    pub fn default_flags(mut self, flags: impl IntoIterator<Item = ScriptFlag>) -> EngineBuilder {
        self.default_flags = flags.into_iter().collect();
        self
    }

    /// Whose rules the engine follows where the servers disagree.
    pub fn dialect(mut self, dialect: Dialect) -> EngineBuilder {
        self.dialect = dialect;
        self
    }

    /// How a Lua number becomes an argument of a command.
    pub fn number_format(mut self, format: NumberFormat) -> EngineBuilder {
        self.numbers = format;
        self
    }

    /// A script cache that other engines have too, whatever their stores; a cache of its own by default.
    pub fn script_cache(mut self, cache: ScriptCache) -> EngineBuilder {
        self.cache = Some(cache);
        self
    }

    /// How many scripts that came by EVAL stay cached: 500 by default. The one that ran longest ago goes first.
    /// Scripts that were loaded stay until a flush. A shared cache has its own number.
    pub fn evaluated_scripts(mut self, most: usize) -> EngineBuilder {
        self.most_evaluated = most;
        self
    }

    /// Seeds `math.random` as `math.randomseed` would. By default the sequence is that of a fresh Redis server,
    /// the same every time.
    pub fn random_seed(mut self, seed: i32) -> EngineBuilder {
        self.seed = Some(seed);
        self
    }

    /// Where `redis.log` goes; nowhere by default. The function must not use the store: the script holds its keys, and the
    /// call would wait for ever.
    pub fn log(mut self, log: impl Fn(LogLevel, &[u8]) + Send + Sync + 'static) -> EngineBuilder {
        self.log = Some(Box::new(log));
        self
    }

    /// Makes a Rust function callable from scripts as `host.name(...)`; one of the same name takes its place.
    ///
    /// Its arguments come as these values: nil, and `cjson.null`, as [`Nil`](Value::Nil), a boolean as
    /// [`Boolean`](Value::Boolean), a number as [`Integer`](Value::Integer) if it is one and as
    /// [`Double`](Value::Double) if not, a string as [`Bulk`](Value::Bulk). A table whose keys are 1 to n is an
    /// [`Array`](Value::Array), the empty one included, and any other a [`Map`](Value::Map) in no certain order.
    /// Functions and coroutines are refused, and so are tables more than 100 deep, and arguments larger than a
    /// [reply may be](EngineBuilder::reply_limit).
    ///
    /// What it answers goes the same way back: texts of all kinds are strings, numbers numbers (exact up to 2^53), arrays
    /// tables from 1 to n, maps tables by their keys, and sets tables whose keys are the members. An error is raised as
    /// `redis.call` raises one: `pcall` catches it, and the script's caller gets its line. A panic is such an error too.
    ///
    /// The function runs while the script has its keys: it must not use the store, or the call may wait for ever, and
    /// others wait for the script meanwhile. The time limit is looked at between two calls, not inside of one. What it
    /// does is not taken back when a script is. The names exist in functions (FCALL), too, but not while a library loads.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Error, NONE, Store, Value};
    ///
    /// let engine = Engine::builder(Store::new())
    ///     .function("price", |args| match args {
    ///         [Value::Bulk(fruit)] if *fruit == "apple" => Ok(3),
    ///         _ => Err(Error::new("NOFRUIT")),
    ///     })
    ///     .build();
    /// assert_eq!(engine.eval("return host.price('apple') * 2", NONE, NONE)?, Value::Integer(6));
    /// assert_eq!(engine.eval("return host.price('stone')", NONE, NONE).unwrap_err().code(), "NOFRUIT");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn function<R: Into<Value>>(
        mut self,
        name: impl Into<String>,
        function: impl Fn(&[Value]) -> Result<R> + Send + Sync + 'static,
    ) -> EngineBuilder {
        let name = name.into();
        self.functions.retain(|other| other.name != name);
        let call = Box::new(move |args: &[Value]| function(args).map(Into::into));
        self.functions.push(HostFunction { name, call });
        self
    }

    /// Whether each run is timed for [`Engine::metrics`] and [`Engine::script_latency`]: no by default; one in 64 is then,
    /// and those that take long. Two readings of the clock take some 50 nanoseconds.
    pub fn time_every_run(mut self, every: bool) -> EngineBuilder {
        self.times_all = every;
        self
    }

    /// Makes the engine.
    #[must_use]
    pub fn build(self) -> Engine {
        let mut random = Drand48::new();
        if let Some(seed) = self.seed {
            random.seed(seed);
        }
        Engine {
            inner: Arc::new(Inner {
                store: self.store,
                cache: match self.cache {
                    Some(ScriptCache(shared)) => shared,
                    None => Arc::new(Cache::new(self.most_evaluated, None)),
                },
                definitions: Definitions::default(),
                libraries: super::libraries::Libraries::default(),
                pool: Pool::default(),
                random: Mutex::new(random),
                limits: self.limits,
                undeclared_keys: self.undeclared_keys,
                rollback: self.rollback,
                default_flags: self.default_flags,
                dialect: self.dialect,
                numbers: self.numbers,
                log: self.log,
                functions: self.functions,
                tally: super::metrics::Tally::default(),
                times_all: self.times_all,
                published: Default::default(),
            }),
        }
    }
}
