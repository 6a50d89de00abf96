//! Libraries of functions: which there are, and in which Lua states they are loaded.
//!
//! Redis has one state for all functions. An engine has many, and this is how they look like one:
//!
//! * A library runs once when it is loaded, in some state, and what it logs is logged then. Another state that needs
//!   it runs its text again, silently; while a library loads it can read nothing that differs from time to time, so it
//!   registers the same functions.
//! * A library that *keeps* nothing from call to call (the VM finds out) is called in any state: calls run side by side.
//! * One that keeps something, a counter in a local variable or a table of any kind, has a *home*: the state in which
//!   it was loaded is taken out of the pool, and is called by one thread at a time. What it keeps lasts until the
//!   library is replaced, deleted, flushed or restored; SCRIPT FLUSH does not reach it.
//!
//! What can be told from Redis: functions share with scripts what a state has outside of libraries (the settings of the
//! garbage collector and of `cjson`), and a library that keeps something holds up other calls of its own functions even
//! when these may only read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{ArcMutexGuard, Mutex, RawMutex, RwLock};

use super::Inner;
use super::eval::{Call, Caller, Failed, Mode, Reach, describe};
use super::flags::{Flags, ScriptFlag, split};
use super::functions::{About, Running};
use super::host::Run;
use super::metrics::Sort;
use super::pool::State;
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::rdb;
use crate::reply::Reply;
use crate::store::LockMode;
use crate::value::Value;
use crate::vm::{Control, Host, LibraryFunction, Limits, LoadFailure, Pace, Registration};

/// How long a library's text may run when it is loaded.
const LOAD_TIME: Duration = Duration::from_millis(500);

/// How long a caller that waits for a library's home sleeps before it looks whether the call there is overdue.
const PATIENCE: Duration = Duration::from_millis(5);

/// Spellings of names that a state remembers: a function's name may be called in any case.
const MOST_SPELLINGS: usize = 1_000;

/// A library.
pub(super) struct Library {
    /// Never the same for two libraries of a process.
    id: u64,
    pub(super) name: String,
    /// The whole source, with its first line.
    pub(super) code: Blob,
    /// How many bytes of the code are the `#!` line.
    skip: usize,
    /// In the order in which they were registered.
    pub(super) functions: Vec<Function>,
    home: Option<Home>,
}

/// A function of a library.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) description: Option<Blob>,
    pub(super) flags: Vec<ScriptFlag>,
    held_to: Flags,
}

/// The state of a library that keeps something.
struct Home {
    control: Arc<Control>,
    inside: Arc<Mutex<Inside>>,
}

/// The state of a home that somebody is in.
type Entered = ArcMutexGuard<RawMutex, Inside>;

/// Homes that an EXEC has entered, by the library's number.
pub(super) type Homes = BTreeMap<u64, Entered>;

pub(super) struct Inside {
    state: Box<State>,
    functions: Vec<LibraryFunction>,
}

/// All libraries of an engine.
#[derive(Default)]
pub(super) struct Libraries {
    registry: RwLock<Registry>,
    /// Counts the changes.
    generation: AtomicU64,
    pub(super) running: Running,
    /// Libraries, functions and bytes that this engine has told the store's statistics.
    published: [AtomicUsize; 3],
}

#[derive(Clone, Default)]
struct Registry {
    libraries: BTreeMap<String, Arc<Library>>,
    /// By name in lower case: the library, and the function's place in it.
    functions: HashMap<Box<[u8]>, (Arc<Library>, usize), foldhash::fast::RandomState>,
}

impl Registry {
    /// Adds libraries; those of the same names go if they are to be replaced.
    ///
    /// # Errors
    ///
    /// A name that is taken: by a library (the error is made by `taken`), or by a function of another library.
    fn add(&mut self, libraries: Vec<Arc<Library>>, replace: bool, taken: fn(&str) -> Error) -> Result<()> {
        for library in &libraries {
            if replace {
                self.remove(&library.name);
            } else if self.libraries.contains_key(&library.name) {
                return Err(taken(&library.name));
            }
        }
        for library in libraries {
            for (at, function) in library.functions.iter().enumerate() {
                let name = function.name.to_ascii_lowercase().into_bytes().into_boxed_slice();
                if self.functions.insert(name, (Arc::clone(&library), at)).is_some() {
                    return Err(Error::function_exists(&function.name));
                }
            }
            self.libraries.insert(library.name.clone(), library);
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Option<Arc<Library>> {
        let library = self.libraries.remove(name)?;
        self.functions.retain(|_, (other, _)| other.id != library.id);
        Some(library)
    }

    fn figures(&self) -> [usize; 3] {
        let code = self.libraries.values().map(|library| library.code.len()).sum();
        [self.libraries.len(), self.functions.len(), code]
    }
}

/// What to do with the libraries that there are when a payload is restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestorePolicy {
    /// They stay; a library or function of the same name is an error.
    #[default]
    Append,
    /// Those of the same names are replaced.
    Replace,
    /// All are deleted.
    Flush,
}

/// What a state knows of libraries.
#[derive(Default)]
pub(super) struct KnownLibraries {
    /// What follows was right at this count of changes.
    generation: u64,
    by_name: HashMap<Box<[u8]>, Found, foldhash::fast::RandomState>,
    /// The functions of libraries without a home that are loaded in this state, by the library's number.
    loaded: HashMap<u64, Vec<LibraryFunction>, foldhash::fast::RandomState>,
}

#[derive(Clone)]
struct Found {
    library: Arc<Library>,
    at: usize,
}

impl State {
    /// A function by its name in any case.
    fn find_function(&mut self, libraries: &Libraries, name: &[u8]) -> Option<Found> {
        let generation = libraries.generation.load(Ordering::Acquire);
        if self.libraries.generation == generation
            && let Some(found) = self.libraries.by_name.get(name)
        {
            return Some(found.clone());
        }
        self.learn_function(libraries, name, generation)
    }

    #[cold]
    fn learn_function(&mut self, libraries: &Libraries, name: &[u8], generation: u64) -> Option<Found> {
        let registry = libraries.registry.read();
        if self.libraries.generation != generation {
            self.libraries.generation = generation;
            self.libraries.by_name.clear();
            let (loaded, vm) = (&mut self.libraries.loaded, &mut self.runner.vm);
            loaded.retain(|id, functions| {
                let stays = registry.libraries.values().any(|library| library.id == *id);
                if !stays {
                    functions.drain(..).for_each(|function| vm.forget_function(function));
                }
                stays
            });
        }
        let (library, at) = registry.functions.get(name.to_ascii_lowercase().as_slice())?;
        let found = Found { library: Arc::clone(library), at: *at };
        if self.libraries.by_name.len() >= MOST_SPELLINGS {
            self.libraries.by_name.clear();
        }
        self.libraries.by_name.insert(name.into(), found.clone());
        Some(found)
    }

    /// The form that a function has in this state, for a library without a home.
    fn function(&mut self, engine: &Inner, found: &Found) -> Result<LibraryFunction> {
        let Found { library, at } = found;
        if let Some(function) = self.libraries.loaded.get(&library.id).and_then(|all| all.get(*at)) {
            return Ok(*function);
        }
        let text = &library.code[library.skip..];
        let host = &mut Loading { engine, is_first: false };
        let loaded = self.runner.vm.load_library(text, host, None).map_err(load_error)?;
        let functions: Vec<_> = loaded.functions.into_iter().map(|(_, function)| function).collect();
        let function = functions.get(*at).copied();
        self.libraries.loaded.insert(library.id, functions);
        function.ok_or(Error::INTERNAL)
    }
}

impl Home {
    /// Waits for the calls before.
    ///
    /// # Errors
    ///
    /// `BUSY` if the call that runs is past its time and cannot be stopped.
    fn enter(&self) -> Result<Entered> {
        loop {
            if let Some(inside) = self.inside.try_lock_arc_for(PATIENCE) {
                return Ok(inside);
            }
            if self.control.is_overdue() {
                return Err(Error::BUSY_FUNCTION);
            }
        }
    }
}

/// The first line of a library: `#!lua name=…`.
struct Header {
    name: String,
    /// Bytes of the line, without its end.
    skip: usize,
}

impl Header {
    fn read(code: &[u8]) -> Result<Header> {
        if !code.starts_with(b"#!") {
            return Err(Error::NO_LIBRARY_METADATA);
        }
        let end = code.iter().position(|&byte| matches!(byte, b'\n' | 0));
        let end = end.filter(|&end| code[end] == b'\n').ok_or(Error::INVALID_LIBRARY_METADATA)?;
        let words = split(&code[..end]).ok_or(Error::INVALID_LIBRARY_METADATA)?;
        let (engine, words) = words.split_first().ok_or(Error::INVALID_LIBRARY_METADATA)?;
        let mut name = None;
        for word in words {
            match word.split_at_checked(5) {
                Some((key, value)) if key.eq_ignore_ascii_case(b"name=") => {
                    if name.replace(value).is_some() {
                        return Err(Error::LIBRARY_NAME_TWICE);
                    }
                }
                _ => return Err(Error::invalid_metadata(word)),
            }
        }
        let name = name.ok_or(Error::NO_LIBRARY_NAME)?;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        if name.is_empty() || !name.iter().all(is_name) {
            return Err(Error::BAD_LIBRARY_NAME);
        }
        let engine = engine.strip_prefix(b"#!").unwrap_or(engine);
        if !engine.eq_ignore_ascii_case(b"lua") {
            return Err(Error::unknown_engine(engine));
        }
        Ok(Header { name: String::from_utf8_lossy(name).into_owned(), skip: end })
    }
}

/// What a library may ask of the world while it loads.
struct Loading<'e> {
    engine: &'e Inner,
    /// Later runs of the text, in other states, are not to be noticed.
    is_first: bool,
}

impl Host for Loading<'_> {
    fn call(&mut self, _: &[&[u8]], _: &mut dyn Reply, _: &mut Pace) -> Result<()> {
        Err(Error::INTERNAL)
    }

    fn has_written(&self) -> bool {
        false
    }

    fn waited(&mut self) -> bool {
        false
    }

    fn overdue(&mut self) {}

    fn freeze_time(&mut self) {}

    fn log(&mut self, level: u8, message: &[u8]) {
        if self.is_first {
            self.engine.log_line(level, message);
        }
    }

    fn flag(&mut self, name: &[u8]) -> Option<u32> {
        let flag =
            ScriptFlag::named(&name.to_ascii_lowercase()).filter(|flag| flag.is_of(self.engine.dialect))?;
        Some(1 << ScriptFlag::ALL.iter().position(|(other, _)| *other == flag)?)
    }

    fn knows(&mut self, _: &[&[u8]]) -> bool {
        false
    }

    fn random(&mut self) -> i32 {
        0
    }

    fn seed(&mut self, _: i32) {}
}

fn load_error(failure: LoadFailure) -> Error {
    match failure {
        LoadFailure::Compile(message) => Error::compile_library(&message),
        LoadFailure::Raised(line) => Error::register_functions(&line),
        LoadFailure::OutOfTime => Error::register_functions(b"ERR FUNCTION LOAD timeout"),
        LoadFailure::Memory => Error::VM_MEMORY,
    }
}

fn function(registration: Registration) -> Function {
    let Registration { name, description, flags } = registration;
    let is_set = |at: &usize| flags >> at & 1 != 0;
    let flags = (0..ScriptFlag::ALL.len()).filter(is_set).map(|at| ScriptFlag::ALL[at].0).collect::<Vec<_>>();
    let held_to = Flags { strict: true, ..flags.iter().copied().collect() };
    // The VM took letters, digits and underscores only.
    let name = String::from_utf8_lossy(&name).into_owned();
    Function { name, description: description.map(Blob::from), flags, held_to }
}

impl Libraries {
    /// The libraries in the order of their names.
    pub(super) fn all(&self) -> Vec<Arc<Library>> {
        self.registry.read().libraries.values().cloned().collect()
    }

    /// Libraries, functions, bytes of source.
    pub(super) fn figures(&self) -> [usize; 3] {
        self.registry.read().figures()
    }
}

impl Inner {
    /// Changes the libraries, all or nothing.
    fn change_libraries(&self, change: impl FnOnce(&mut Registry) -> Result<()>) -> Result<()> {
        let mut registry = self.libraries.registry.write();
        let mut changed = registry.clone();
        let result = change(&mut changed);
        let old = match result {
            Ok(()) => std::mem::replace(&mut *registry, changed),
            Err(_) => changed,
        };
        // Also after a failure: states forget what they loaded for nothing.
        self.libraries.generation.fetch_add(1, Ordering::Release);
        let figures = registry.figures();
        self.publish_libraries(figures);
        drop(registry);
        // A state may go with the last user of its library, which takes a moment.
        drop(old);
        result
    }

    /// FUNCTION LOAD.
    pub(super) fn load_library(&self, code: &[u8], replace: bool) -> Result<String> {
        let header = Header::read(code)?;
        let taken = |name: &str| Error::library_exists(&format!("'{name}'"));
        if !replace && self.libraries.registry.read().libraries.contains_key(&header.name) {
            return Err(taken(&header.name));
        }
        let library = Arc::new(self.build_library(header, code)?);
        let name = library.name.clone();
        self.change_libraries(|registry| registry.add(vec![library], replace, taken))?;
        Ok(name)
    }

    /// Runs a library's text for the first time.
    fn build_library(&self, header: Header, code: &[u8]) -> Result<Library> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut state = self.pool.take(self)?;
        let host = &mut Loading { engine: self, is_first: true };
        let time = u64::try_from(LOAD_TIME.as_nanos()).ok();
        let loaded = state.runner.vm.load_library(&code[header.skip..], host, time).map_err(load_error)?;
        let (registered, here): (Vec<_>, Vec<_>) = loaded.functions.into_iter().unzip();
        if registered.is_empty() {
            return Err(Error::NO_FUNCTIONS);
        }
        let home = if loaded.keeps {
            let state = state.keep().ok_or(Error::INTERNAL)?;
            let control = Arc::clone(&state.runner.control);
            Some(Home { control, inside: Arc::new(Mutex::new(Inside { state, functions: here })) })
        } else {
            state.libraries.loaded.insert(id, here);
            None
        };
        let functions = registered.into_iter().map(function).collect();
        Ok(Library { id, name: header.name, code: Blob::from(code), skip: header.skip, functions, home })
    }

    pub(super) fn delete_library(&self, name: &[u8]) -> Result<()> {
        let name = std::str::from_utf8(name).map_err(|_| Error::NO_SUCH_LIBRARY)?;
        self.change_libraries(|registry| registry.remove(name).map(drop).ok_or(Error::NO_SUCH_LIBRARY))
    }

    pub(super) fn flush_libraries(&self) {
        let _ = self.change_libraries(|registry| {
            *registry = Registry::default();
            Ok(())
        });
    }

    /// FUNCTION DUMP.
    pub(super) fn dump_libraries(&self) -> Vec<u8> {
        let mut records = Vec::new();
        for library in self.libraries.all() {
            records.push(rdb::FUNCTION);
            // A vector takes all that is written to it.
            let _ = rdb::write_string(&mut records, &library.code);
        }
        rdb::seal(records)
    }

    /// FUNCTION RESTORE.
    pub(super) fn restore_libraries(&self, payload: &[u8], policy: RestorePolicy) -> Result<()> {
        let mut records = rdb::unseal(payload).ok_or(Error::BAD_PAYLOAD)?;
        let mut restored = Registry::default();
        while let Some((&sort, rest)) = records.split_first() {
            if sort != rdb::FUNCTION {
                return Err(Error::NOT_A_FUNCTION);
            }
            records = rest;
            let code = rdb::read_string(&mut records).map_err(|_| Error::BAD_LIBRARY_PAYLOAD)?;
            let header = Header::read(&code)?;
            let taken = |name: &str| Error::library_exists(&format!("'{name}'"));
            if restored.libraries.contains_key(&header.name) {
                return Err(taken(&header.name));
            }
            let library = Arc::new(self.build_library(header, &code)?);
            restored.add(vec![library], false, taken)?;
        }
        self.change_libraries(|registry| {
            if policy == RestorePolicy::Flush {
                *registry = Registry::default();
            }
            let restored = restored.libraries.into_values().collect();
            registry.add(restored, policy == RestorePolicy::Replace, Error::library_exists)
        })
    }

    /// Calls a function. What it is called with is asked for once the function is found.
    pub(super) fn fcall<'a, 'e>(
        &'e self,
        command: &[u8],
        name: &[u8],
        call: impl FnOnce() -> Result<Call<'a>>,
        caller: &mut Caller<'_, 'e>,
    ) -> Result<Value, Failed> {
        let result = self.fcall_uncounted(command, name, call, caller);
        if let Err(failed) = &result {
            self.count_failure(failed.error());
        }
        result
    }

    fn fcall_uncounted<'a, 'e>(
        &'e self,
        command: &[u8],
        name: &[u8],
        call: impl FnOnce() -> Result<Call<'a>>,
        caller: &mut Caller<'_, 'e>,
    ) -> Result<Value, Failed> {
        let mut state = self.pool.take(self)?;
        let found = state.find_function(&self.libraries, name).ok_or(Error::NO_SUCH_FUNCTION)?;
        let call = call()?;
        let Found { library, at } = &found;
        let called = &library.functions[*at];
        if call.mode == Mode::ReadOnly && !called.held_to.no_writes {
            return Err(Error::WRITE_SCRIPT_WITH_RO.into());
        }
        match &library.home {
            None => {
                let function = state.function(self, &found)?;
                self.run_function(&mut state, function, called, (command, name), call, caller)
            }
            Some(home) => {
                drop(state);
                let mut inside = match &mut caller.scope {
                    // The queue's homes were entered before its shards were locked. One that came to be in the queue itself
                    // is not waited for: whoever is in it may wait for these shards.
                    Some(scope) => scope
                        .homes
                        .remove(&library.id)
                        .or_else(|| home.inside.try_lock_arc())
                        .ok_or(Error::BUSY_FUNCTION),
                    None => home.enter(),
                }
                .map_err(|error| self.dialect.reword(error))?;
                let function = inside.functions.get(*at).copied().ok_or(Error::INTERNAL)?;
                let result =
                    self.run_function(&mut inside.state, function, called, (command, name), call, caller);
                if let Some(scope) = &mut caller.scope {
                    scope.homes.insert(library.id, inside);
                }
                result
            }
        }
    }

    fn run_function<'e>(
        &'e self,
        state: &mut State,
        function: LibraryFunction,
        called: &Function,
        (command, name): (&[u8], &[u8]),
        call: Call<'_>,
        caller: &mut Caller<'_, 'e>,
    ) -> Result<Value, Failed> {
        let timing = state.runner.meter.begin(Sort::Fcall, self.times_all);
        let flags = called.held_to;
        let limits = Limits { time: self.time_limit(), reply: self.limits.reply };
        let reads = call.mode == Mode::ReadOnly || flags.no_writes;
        let lock = if reads { LockMode::Read } else { LockMode::Write };
        let any_key = flags.disable_atomicity || flags.undeclared_keys.unwrap_or(self.undeclared_keys);
        let declared = if any_key { None } else { Some(call.keys) };
        let result = {
            let mut run =
                Run::new(self, caller, lock, declared, &state.runner.control, &mut state.runner.tally);
            run.show_as(About { function: &called.name, name, command, call });
            if flags.disable_atomicity && caller.scope.is_none() {
                run.part();
            } else if flags.rollback || self.rollback {
                run.roll_back_on_failure();
            }
            let result = state.runner.vm.run_function(function, call.keys, call.args, &mut run, limits);
            run.end(caller, matches!(&result, Ok(value) if !matches!(value, Value::Error(_))));
            self.end_timing(timing, run.slow_since(), None);
            result
        };
        state.runner.meter.note_memory(state.runner.vm.memory());
        match result {
            Ok(Value::Error(error)) => Err(error.into()),
            Ok(value) => Ok(value),
            Err(failure) => Err(describe(self.dialect, &called.name, failure)),
        }
    }

    /// What a call of a function may touch.
    pub(super) fn reach_of_function(&self, name: &[u8], keys: &[&[u8]]) -> Reach {
        let registry = self.libraries.registry.read();
        let found = registry.functions.get(name.to_ascii_lowercase().as_slice());
        // One that is not there yet may be loaded before it is called.
        let Some((library, at)) = found else { return Reach::Any };
        self.reach(library.functions[*at].held_to, keys)
    }

    /// Enters the homes of the libraries of these functions, in the order of the libraries' numbers: two callers never
    /// wait for each other.
    ///
    /// # Errors
    ///
    /// `BUSY` if a call in one of them is past its time and cannot be stopped.
    pub(super) fn enter_homes<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Result<Homes> {
        let libraries: BTreeMap<u64, Arc<Library>> = {
            let registry = self.libraries.registry.read();
            let found = names.filter_map(|name| registry.functions.get(name.to_ascii_lowercase().as_slice()));
            found.map(|(library, _)| (library.id, Arc::clone(library))).collect()
        };
        let mut homes = Homes::new();
        for (id, library) in libraries {
            if let Some(home) = &library.home {
                homes.insert(id, home.enter()?);
            }
        }
        Ok(homes)
    }

    /// Several engines may share a store: each takes back what it said before.
    pub(super) fn publish_libraries(&self, now: [usize; 3]) {
        let stats = &self.store.inner.space.stats.scripts;
        let figures = [&stats.libraries, &stats.functions, &stats.library_memory];
        let shares = &self.libraries.published;
        for ((figure, share), now) in figures.into_iter().zip(shares).zip(now) {
            let before = share.swap(now, Ordering::Relaxed);
            figure.fetch_add(now, Ordering::Relaxed);
            figure.fetch_sub(before, Ordering::Relaxed);
        }
    }
}
