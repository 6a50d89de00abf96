//! The Lua states of an engine: one for each script that runs at the same time. A state takes some 50 microseconds
//! and 30 KB to make, so they are kept.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;
use crossbeam_utils::atomic::AtomicCell;
use parking_lot::Mutex;

use super::Inner;
use super::cache::{Cache, Sha, Source};
use super::libraries::KnownLibraries;
use super::metrics::{Meter, Meters};
use crate::error::{Error, ErrorKind, Result};
use crate::keyspace::Tally;
use crate::vm::{Control, Function, JsonSettings, Sort, Vm};

/// Compiled scripts that a state keeps; past that it forgets all, so that evicted ones do not pile up.
const MOST_FUNCTIONS: usize = 2_000;

/// Places for an idle state that a thread looks at first.
const PLACES: usize = 16;

#[derive(Default)]
pub(super) struct Pool {
    /// A thread's own place, if no more threads than places run scripts: taking a state from it and putting it back is
    /// one instruction each.
    places: [CachePadded<AtomicCell<Option<Box<State>>>>; PLACES],
    /// States whose place was taken.
    #[expect(clippy::vec_box, reason = "states are boxed in their places, and move between them and here")]
    idle: Mutex<Vec<Box<State>>>,
    /// The kill switches of all states that exist.
    controls: Mutex<Vec<std::sync::Weak<Control>>>,
    pub(super) meters: Meters,
    /// The settings of `cjson` of all states since the last flush.
    json: Mutex<Arc<JsonSettings>>,
    /// Counts the flushes: a state from before one is dropped when its script ends.
    generation: AtomicU64,
}

/// A Lua state, its kill switch, and what counts its runs and their calls.
pub(super) struct Runner {
    pub(super) vm: Vm,
    pub(super) control: Arc<Control>,
    pub(super) tally: Tally,
    pub(super) meter: Arc<Meter>,
}

/// A Lua state and what it has compiled.
pub(super) struct State {
    pub(super) runner: Runner,
    functions: HashMap<u64, Function, foldhash::fast::RandomState>,
    /// Scripts that were cached when the cache had this generation.
    known: HashMap<Sha, Known, foldhash::fast::RandomState>,
    known_in: u64,
    /// The script that ran last.
    pub(super) last: Option<(Sha, Known)>,
    pub(super) libraries: KnownLibraries,
    generation: u64,
}

/// A cached script and its compiled form.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) script: Arc<Source>,
    pub(super) function: Function,
}

impl State {
    /// Whether the script of this SHA-1 ran last and is still cached. It counts as run now.
    #[inline]
    pub(super) fn ran_last(&self, cache: &Cache, sha: &[u8]) -> bool {
        match &self.last {
            Some((last, known)) if last.is(sha) && self.known_in == cache.generation() => {
                cache.stamp(&known.script);
                true
            }
            _ => false,
        }
    }

    /// A cached script by its SHA-1, which counts as run now. Found before in this state, it takes no lock.
    #[inline]
    pub(super) fn find(&mut self, cache: &Cache, sha: Sha) -> Option<Result<Known>> {
        let generation = cache.generation();
        if self.known_in == generation
            && let Some(known) = self.known.get(&sha)
        {
            cache.stamp(&known.script);
            return Some(Ok(known.clone()));
        }
        self.learn(cache, sha, generation)
    }

    #[cold]
    fn learn(&mut self, cache: &Cache, sha: Sha, generation: u64) -> Option<Result<Known>> {
        if self.known_in != generation || self.known.len() >= MOST_FUNCTIONS {
            self.known.clear();
            self.known_in = generation;
        }
        let script = cache.find(sha)?;
        Some(self.compile(&script).map(|function| {
            let known = Known { script, function };
            self.known.insert(sha, known.clone());
            known
        }))
    }

    /// The compiled form of a script.
    ///
    /// # Errors
    ///
    /// The compiler's message.
    #[inline]
    pub(super) fn compile(&mut self, script: &Source) -> Result<Function> {
        if let Some(function) = self.functions.get(&script.id) {
            return Ok(*function);
        }
        if self.functions.len() >= MOST_FUNCTIONS {
            self.known.clear();
            self.last = None;
            for (_, function) in self.functions.drain() {
                self.runner.vm.forget(function);
            }
        }
        let function = self.runner.vm.compile(script.text()).map_err(|message| Error::compile(&message))?;
        self.functions.insert(script.id, function);
        Ok(function)
    }
}

impl Pool {
    /// A state for one script; it goes back when the answer is dropped.
    #[inline]
    pub(super) fn take(&self, engine: &Inner) -> Result<Taken<'_>> {
        let place = place();
        let state = match self.places[place].take() {
            Some(state) => state,
            None => self.take_other(engine)?,
        };
        Ok(Taken { pool: self, place, state: Some(state) })
    }

    #[cold]
    fn take_other(&self, engine: &Inner) -> Result<Box<State>> {
        let idle = self.idle.lock().pop();
        match idle.or_else(|| self.places.iter().find_map(|place| place.take())) {
            Some(state) => Ok(state),
            None => self.make(engine).map(Box::new),
        }
    }

    fn make(&self, engine: &Inner) -> Result<State> {
        let generation = self.generation.load(Ordering::Acquire);
        let mut vm = Vm::new(engine.limits.memory, engine.dialect.server())?;
        vm.share_json_settings(self.json.lock().clone());
        vm.set_numbers_as_g17(engine.numbers == super::NumberFormat::Digits17);
        if !engine.functions.is_empty() {
            let names: Vec<&str> = engine.functions.iter().map(|function| &*function.name).collect();
            vm.add_host_functions(&names)?;
        }
        let meter = self.meters.take();
        meter.note_memory(vm.memory());
        let control = vm.control();
        let mut controls = self.controls.lock();
        controls.retain(|control| control.strong_count() > 0);
        controls.push(Arc::downgrade(&control));
        let tally = engine.store.inner.space.stats.tally();
        Ok(State {
            runner: Runner { vm, control, tally, meter },
            functions: HashMap::default(),
            known: HashMap::default(),
            known_in: 0,
            last: None,
            libraries: KnownLibraries::default(),
            generation,
        })
    }

    /// Drops the idle states now, and the others when their scripts end.
    pub(super) fn clear(&self) {
        // Before the count: a state that is made meanwhile with the old settings counts as from before.
        *self.json.lock() = Arc::default();
        self.generation.fetch_add(1, Ordering::AcqRel);
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
        for place in &self.places {
            drop(place.take());
        }
    }

    /// Kills every running script, or function, that has not written.
    pub(super) fn kill(&self, sort: Sort) -> Result<()> {
        let controls: Vec<_> = self.controls.lock().iter().filter_map(std::sync::Weak::upgrade).collect();
        let mut answer = Err(Error::NOT_BUSY);
        for control in controls {
            match control.kill(sort) {
                Ok(()) => answer = Ok(()),
                // The other sort runs: that is said if nothing is known that is more to the point.
                Err(error) if error.kind() == ErrorKind::Busy && answer == Err(Error::NOT_BUSY) => {
                    answer = Err(error);
                }
                Err(error) if answer.is_err() && error == Error::UNKILLABLE => answer = Err(error),
                Err(_) => {}
            }
        }
        answer
    }
}

/// A state that one script has to itself.
pub(super) struct Taken<'p> {
    pool: &'p Pool,
    place: usize,
    /// Filled until the drop.
    state: Option<Box<State>>,
}

impl Taken<'_> {
    /// Takes the state out of the pool for good; `None` never happens.
    pub(super) fn keep(mut self) -> Option<Box<State>> {
        self.state.take()
    }
}

/// The place that this thread looks at first.
#[inline]
fn place() -> usize {
    thread_local! {
        static PLACE: usize = {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            NEXT.fetch_add(1, Ordering::Relaxed) % PLACES
        };
    }
    // A thread that is being torn down has no place any more.
    PLACE.try_with(|place| *place).unwrap_or(0)
}

impl Deref for Taken<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        self.state.as_ref().unwrap_or_else(|| unreachable!("only the drop empties it"))
    }
}

impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.state.as_mut().unwrap_or_else(|| unreachable!("only the drop empties it"))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(state) = self.state.take()
            && state.generation == self.pool.generation.load(Ordering::Acquire)
            && !state.runner.vm.is_bloated()
        {
            // Another thread with this place may have put one there meanwhile.
            if let Some(other) = self.pool.places[self.place].swap(Some(state)) {
                self.pool.idle.lock().push(other);
            }
        }
    }
}
