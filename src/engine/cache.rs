//! The script cache: sources by SHA-1, shared by all states of an engine.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;

use super::flags::{Dialect, Flags, ScriptFlag};
use super::metrics::{Carried, Latency};
use super::peers::ScriptPeers;
use crate::error::Error;

/// A SHA-1 as 40 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sha([u8; 40]);

impl Sha {
    pub(crate) fn of(source: &[u8]) -> Sha {
        let mut hex = [0; 40];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(sha1_smol::Sha1::from(source).digest().bytes()) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        Sha(hex)
    }

    /// A name that a caller gave, in any case; `None` if its length is wrong.
    pub(crate) fn parse(name: &[u8]) -> Option<Sha> {
        let mut hex: [u8; 40] = name.try_into().ok()?;
        hex.make_ascii_lowercase();
        Some(Sha(hex))
    }

    /// Whether this is its name, in small letters.
    #[inline]
    pub(crate) fn is(&self, name: &[u8]) -> bool {
        self.0 == name
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        // A name that a caller gave may be anything; one that is found in the cache is hexadecimal.
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

/// A script that compiles.
pub(crate) struct Source {
    /// Never the same for two sources of a process: compiled functions are kept by it.
    pub(crate) id: u64,
    pub(crate) sha: Sha,
    pub(crate) body: Box<[u8]>,
    /// How many bytes of the body are the `#!` line.
    pub(crate) skip: usize,
    /// What it says of itself.
    flags: Option<Flags>,
    /// What else was said of it.
    said: Vec<ScriptFlag>,
    /// Whether SCRIPT LOAD put it there; otherwise it may be evicted.
    loaded: AtomicBool,
    last_run: AtomicU64,
    /// Whether a run was timed.
    pub(super) is_timed: AtomicBool,
    pub(super) latency: Arc<Latency>,
}

impl Source {
    /// Reads the script's first line; whether the rest compiles is for a state to say.
    pub(crate) fn new(sha: Sha, body: &[u8], dialect: Dialect) -> Result<Source, Error> {
        let (flags, skip) = Flags::read(body, dialect)?;
        Ok(Source::with(sha, body.into(), skip, flags, Vec::new()))
    }

    fn with(sha: Sha, body: Box<[u8]>, skip: usize, flags: Option<Flags>, said: Vec<ScriptFlag>) -> Source {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Source {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            sha,
            body,
            skip,
            flags,
            said,
            loaded: AtomicBool::new(false),
            last_run: AtomicU64::new(0),
            is_timed: AtomicBool::new(false),
            latency: Arc::default(),
        }
    }

    /// The same script with other things said of it.
    fn saying(&self, said: Vec<ScriptFlag>) -> Source {
        let mut other = Source::with(self.sha, self.body.clone(), self.skip, self.flags, said);
        other.latency = Arc::clone(&self.latency);
        other.is_timed.store(self.is_timed.load(Ordering::Relaxed), Ordering::Relaxed);
        other.loaded.store(self.loaded.load(Ordering::Relaxed), Ordering::Relaxed);
        other.last_run.store(self.last_run.load(Ordering::Relaxed), Ordering::Relaxed);
        other
    }

    /// The flags under which an engine with these default flags runs the script.
    #[inline]
    pub(crate) fn flags(&self, default: Flags) -> Flags {
        let mut flags = self.flags.unwrap_or(default);
        self.said.iter().for_each(|&flag| flags.set(flag));
        flags
    }

    /// What the compiler gets.
    pub(crate) fn text(&self) -> &[u8] {
        &self.body[self.skip..]
    }
}

pub(crate) struct Cache {
    scripts: RwLock<HashMap<Sha, Arc<Source>, foldhash::fast::RandomState>>,
    clock: AtomicU64,
    /// Counts what takes a script out of the cache.
    generation: AtomicU64,
    /// How many scripts that came by EVAL are kept.
    most_evaluated: usize,
    /// What was said of single scripts, cached or not.
    said: RwLock<HashMap<Sha, Vec<ScriptFlag>, foldhash::fast::RandomState>>,
    peers: Option<Box<dyn ScriptPeers>>,
    pub(super) carried: Carried,
}

impl Cache {
    pub(crate) fn new(most_evaluated: usize, peers: Option<Box<dyn ScriptPeers>>) -> Cache {
        Cache {
            scripts: RwLock::default(),
            clock: AtomicU64::new(1),
            generation: AtomicU64::new(0),
            most_evaluated,
            said: RwLock::default(),
            peers,
            carried: Carried::default(),
        }
    }

    pub(crate) fn peers(&self) -> Option<&dyn ScriptPeers> {
        self.peers.as_deref()
    }

    /// A script on its way in, with what was said of it before.
    fn informed(&self, script: Source) -> Source {
        match self.said.read().get(&script.sha) {
            Some(said) => script.saying(said.clone()),
            None => script,
        }
    }

    /// As long as this stays the same, what was in the cache is.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Counts a script as run now. Threads that do so at the same moment may get the same stamp.
    #[inline]
    pub(crate) fn stamp(&self, script: &Source) {
        if !script.loaded.load(Ordering::Relaxed) {
            let now = self.clock.load(Ordering::Relaxed) + 1;
            self.clock.store(now, Ordering::Relaxed);
            script.last_run.store(now, Ordering::Relaxed);
        }
    }

    /// A cached script, which counts as run now.
    #[inline]
    pub(crate) fn find(&self, sha: Sha) -> Option<Arc<Source>> {
        let scripts = self.scripts.read();
        let script = scripts.get(&sha)?;
        self.stamp(script);
        Some(Arc::clone(script))
    }

    /// Whether a script is cached, without counting as a run.
    pub(crate) fn get(&self, sha: Sha) -> Option<Arc<Source>> {
        self.scripts.read().get(&sha).cloned()
    }

    /// Adds a script that came by EVAL; answers it, or the one that another thread was faster with, and whether
    /// the one that ran longest ago was evicted for it.
    pub(crate) fn add_evaluated(&self, script: Source) -> (Arc<Source>, bool) {
        let script = self.informed(script);
        let mut scripts = self.scripts.write();
        self.stamp(&script);
        let added = Arc::clone(scripts.entry(script.sha).or_insert_with(|| Arc::new(script)));
        let evaluated = scripts.values().filter(|script| !script.loaded.load(Ordering::Relaxed));
        let (count, oldest) = evaluated.fold((0, None::<&Arc<Source>>), |(count, oldest), script| {
            let ran = |script: &Arc<Source>| script.last_run.load(Ordering::Relaxed);
            let oldest = oldest.filter(|oldest| ran(oldest) <= ran(script)).or(Some(script));
            (count + 1, oldest)
        });
        let evicted = if count > self.most_evaluated { oldest.map(|script| script.sha) } else { None };
        if let Some(sha) = evicted {
            scripts.remove(&sha);
            self.generation.fetch_add(1, Ordering::Release);
        }
        (added, evicted.is_some())
    }

    /// Adds a script that came by SCRIPT LOAD: it stays until a flush.
    pub(crate) fn add_loaded(&self, script: Source) {
        let script = self.informed(script);
        let mut scripts = self.scripts.write();
        let script = scripts.entry(script.sha).or_insert_with(|| Arc::new(script));
        script.loaded.store(true, Ordering::Relaxed);
    }

    /// Says flags of a script, cached or not.
    pub(crate) fn say(&self, sha: Sha, flags: &[ScriptFlag]) {
        let mut all = self.said.write();
        let said = all.entry(sha).or_default();
        said.extend(flags);
        if let Some(script) = self.scripts.write().get_mut(&sha) {
            *script = Arc::new(script.saying(said.clone()));
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// The cached scripts, by their SHA-1.
    pub(crate) fn list(&self) -> Vec<Arc<Source>> {
        let mut all: Vec<_> = self.scripts.read().values().cloned().collect();
        all.sort_by_key(|script| script.sha);
        all
    }

    pub(crate) fn clear(&self) {
        self.said.write().clear();
        self.scripts.write().clear();
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// How many scripts are cached, and the bytes of their sources.
    pub(crate) fn figures(&self) -> (usize, usize) {
        let scripts = self.scripts.read();
        (scripts.len(), scripts.values().map(|script| script.body.len()).sum())
    }
}
