//! The Lua states of an engine: one for each script that runs at the same time. A state takes some 50 microseconds
//! and 30 KB to make, so they are kept.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Inner;
use super::cache::Source;
use crate::error::{Error, Result};
use crate::keyspace::Tally;
use crate::vm::{Control, Function, Vm};

/// Compiled scripts that a state keeps; past that it forgets all, so that evicted ones do not pile up.
const MOST_FUNCTIONS: usize = 2_000;

#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<Vec<State>>,
    /// The kill switches of all states that exist.
    controls: Mutex<Vec<std::sync::Weak<Control>>>,
    /// Counts the flushes: a state from before one is dropped when its script ends.
    generation: AtomicU64,
}

/// A Lua state and what it has compiled.
pub(super) struct State {
    pub(super) vm: Vm,
    functions: HashMap<u64, Function, foldhash::fast::RandomState>,
    pub(super) control: Arc<Control>,
    pub(super) tally: Tally,
    generation: u64,
}

impl State {
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
            for (_, function) in self.functions.drain() {
                self.vm.forget(function);
            }
        }
        let function = self.vm.compile(script.text()).map_err(|message| Error::compile(&message))?;
        self.functions.insert(script.id, function);
        Ok(function)
    }
}

impl Pool {
    /// A state for one script; it goes back when the answer is dropped.
    pub(super) fn take(&self, engine: &Inner) -> Result<Taken<'_>> {
        let idle = self.idle.lock().pop();
        let state = match idle {
            Some(state) => state,
            None => self.make(engine)?,
        };
        Ok(Taken { pool: self, state: Some(state) })
    }

    #[cold]
    fn make(&self, engine: &Inner) -> Result<State> {
        let mut vm = Vm::new(engine.limits.memory)?;
        vm.set_numbers_as_g17(engine.numbers == super::NumberFormat::Digits17);
        let control = vm.control();
        let mut controls = self.controls.lock();
        controls.retain(|control| control.strong_count() > 0);
        controls.push(Arc::downgrade(&control));
        let generation = self.generation.load(Ordering::Acquire);
        Ok(State { vm, functions: HashMap::default(), control, tally: Tally::new(), generation })
    }

    /// Drops the idle states now, and the others when their scripts end.
    pub(super) fn clear(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }

    /// Kills every running script that has not written.
    pub(super) fn kill(&self) -> Result<()> {
        let controls: Vec<_> = self.controls.lock().iter().filter_map(std::sync::Weak::upgrade).collect();
        let mut answer = Err(Error::NOT_BUSY);
        for control in controls {
            match control.kill() {
                Ok(()) => answer = Ok(()),
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
    /// Filled until the drop.
    state: Option<State>,
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
            && !state.vm.is_bloated()
        {
            self.pool.idle.lock().push(state);
        }
    }
}
