//! [`ScriptCache`]: a script cache that several engines have, and [`ScriptPeers`], the hooks by which an application
//! carries scripts between caches over a transport of its own.

use std::sync::Arc;

use super::builder::MOST_EVALUATED;
use super::cache::{Cache, Sha, Source};
use super::flags::Dialect;
use crate::error::Result;

/// Where loads and flushes of a [`ScriptCache`] are carried to, and where a script that is not cached may be found.
///
/// The methods are called by the thread that loads, flushes or calls, with no lock held; they may be slow, and may use
/// any engine.
pub trait ScriptPeers: Send + Sync + 'static {
    /// A script was loaded here (SCRIPT LOAD). Its peers should get it by [`ScriptCache::receive`].
    fn on_load(&self, sha: &str, source: &[u8]);

    /// The cache was flushed here (SCRIPT FLUSH). Its peers should be flushed by [`ScriptCache::receive_flush`].
    fn on_flush(&self);

    /// The source of a script that is not cached here and that EVALSHA asked for. What does not have this SHA-1 is taken
    /// for nothing.
    fn fetch(&self, sha: &str) -> Option<Vec<u8>>;
}

/// A script cache for engines on different stores: what one loads the others can call.
///
/// It is a handle; clones are the same cache.
///
/// # Examples
///
/// ```
/// use redmoon::{Engine, NONE, ScriptCache, Store, Value};
///
/// let cache = ScriptCache::new();
/// let first = Engine::builder(Store::new()).script_cache(cache.clone()).build();
/// let second = Engine::builder(Store::new()).script_cache(cache).build();
/// let sha = first.script_load("return 1")?;
/// assert_eq!(second.eval_sha(&sha, NONE, NONE)?, Value::Integer(1));
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone)]
pub struct ScriptCache(pub(super) Arc<Cache>);

impl Default for ScriptCache {
    fn default() -> ScriptCache {
        ScriptCache::new()
    }
}

impl std::fmt::Debug for ScriptCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scripts, bytes) = self.0.figures();
        f.debug_struct("ScriptCache").field("scripts", &scripts).field("bytes", &bytes).finish()
    }
}

impl ScriptCache {
    /// An empty cache without peers, which keeps 500 scripts that came by EVAL.
    #[must_use]
    pub fn new() -> ScriptCache {
        ScriptCache(Arc::new(Cache::new(MOST_EVALUATED, None)))
    }

    /// An empty cache whose loads and flushes are carried to peers, and whose misses are looked up there.
    #[must_use]
    pub fn with_peers(peers: impl ScriptPeers) -> ScriptCache {
        ScriptCache(Arc::new(Cache::new(MOST_EVALUATED, Some(Box::new(peers)))))
    }

    /// Takes in a script that a peer loaded, and answers its SHA-1. The peers are not told again. Whether it compiles is
    /// seen when it is called.
    ///
    /// # Errors
    ///
    /// What is wrong with its `#!` line; nothing is cached then.
    pub fn receive(&self, source: impl AsRef<[u8]>) -> Result<String> {
        let sha = Sha::of(source.as_ref());
        self.0.add_loaded(Source::new(sha, source.as_ref(), Dialect::Any)?);
        self.0.carried.loads_received.add(1);
        Ok(sha.as_str().to_owned())
    }

    /// Empties the cache because a peer did. The peers are not told again.
    pub fn receive_flush(&self) {
        self.0.clear();
        self.0.carried.flushes_received.add(1);
    }

    /// The source of a cached script, for a peer that asks.
    ///
    /// # Examples
    ///
    /// ```
    /// let cache = redmoon::ScriptCache::new();
    /// let sha = cache.receive("return 1")?;
    /// assert_eq!(cache.source(&sha).as_deref(), Some(b"return 1".as_slice()));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn source(&self, sha: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        self.0.get(Sha::parse(sha.as_ref())?).map(|script| script.body.to_vec())
    }
}
