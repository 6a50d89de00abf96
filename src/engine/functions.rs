//! FUNCTION and FCALL: as methods of [`Engine`] and by name; their rows are in `commands/functions.rs`. Where
//! libraries are kept is in `libraries.rs`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::commands::keys_and_args;
use super::eval::{Call, Caller, Failed, Mode};
use super::flags::ScriptFlag;
use super::libraries::{Library, RestorePolicy};
use super::{Engine, Inner, Slices};
use crate::blob::Blob;
use crate::clock::monotonic_nanos;
use crate::commands::Args;
use crate::error::{Error, Result};
use crate::glob;

use crate::value::Value;
use crate::vm::Sort;

/// A library of functions, from [`Engine::function_list`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionLibrary {
    /// Its name.
    pub name: String,
    /// Its functions, in the order in which they were registered.
    pub functions: Vec<FunctionInfo>,
    /// Its whole source.
    pub code: Blob,
}

/// A function of a [`FunctionLibrary`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionInfo {
    /// Its name as it was registered; it may be called in any case.
    pub name: String,
    /// What its library says that it does.
    pub description: Option<Blob>,
    /// What it may do.
    pub flags: Vec<ScriptFlag>,
}

/// What [`Engine::function_stats`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionStats {
    /// The function that has been running longest, if one has for more than a millisecond.
    pub running: Option<RunningFunction>,
    /// How many libraries there are.
    pub libraries: usize,
    /// How many functions they have together.
    pub functions: usize,
}

/// A function that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningFunction {
    /// Its name.
    pub name: String,
    /// The command that called it.
    pub command: Vec<Blob>,
    /// For how long it has been running.
    pub duration: Duration,
}

impl FunctionLibrary {
    fn of(library: &Library) -> FunctionLibrary {
        let info = |function: &super::libraries::Function| FunctionInfo {
            name: function.name.clone(),
            description: function.description.clone(),
            flags: function.flags.clone(),
        };
        FunctionLibrary {
            name: library.name.clone(),
            functions: library.functions.iter().map(info).collect(),
            code: library.code.clone(),
        }
    }

    fn matches(&self, pattern: &[u8]) -> bool {
        glob::matches(pattern, self.name.as_bytes(), true)
    }

    /// As FUNCTION LIST answers it.
    fn into_value(self, with_code: bool) -> Value {
        let function = |function: FunctionInfo| {
            let flags = function.flags.iter().map(|flag| Value::Status(Blob::from(flag.name())));
            Value::Map(vec![
                (text("name"), text(&function.name)),
                (text("description"), function.description.map_or(Value::Nil, Value::Bulk)),
                (text("flags"), Value::Set(flags.collect())),
            ])
        };
        let mut fields = vec![
            (text("library_name"), text(&self.name)),
            (text("engine"), text("LUA")),
            (text("functions"), Value::Array(self.functions.into_iter().map(function).collect())),
        ];
        if with_code {
            fields.push((text("library_code"), Value::Bulk(self.code)));
        }
        Value::Map(fields)
    }
}

fn text(text: &str) -> Value {
    Value::Bulk(Blob::from(text))
}

/// # Functions
impl Engine {
    /// Loads a library of functions, and answers its name (FUNCTION LOAD). The first line of its code is
    /// `#!lua name=NAME`; the rest calls `redis.register_function`.
    ///
    /// Functions belong to the engine, as scripts do, and stay until they are deleted.
    ///
    /// # Errors
    ///
    /// What is wrong with the code, or that a library or a function of the same name exists. Then nothing has changed.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store, Value};
    ///
    /// let engine = Engine::new(Store::new());
    /// let library = engine.function_load(
    ///     "#!lua name=counters
    ///      redis.register_function('add', function(keys, args)
    ///          return redis.call('INCRBY', keys[1], args[1])
    ///      end)",
    /// )?;
    /// assert_eq!(library, "counters");
    /// assert_eq!(engine.fcall("add", &["visits"], &["5"])?, Value::Integer(5));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn function_load(&self, code: impl AsRef<[u8]>) -> Result<String> {
        self.inner.load_library(code.as_ref(), false)
    }

    /// Loads a library in the place of the one that has its name, if there is one (FUNCTION LOAD REPLACE).
    ///
    /// # Errors
    ///
    /// As [`function_load`](Engine::function_load); the old library stays then.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store, Value};
    ///
    /// let engine = Engine::new(Store::new());
    /// for version in [1, 2] {
    ///     engine.function_load_replace(format!(
    ///         "#!lua name=library
    ///          redis.register_function('version', function() return {version} end)"
    ///     ))?;
    /// }
    /// assert_eq!(engine.fcall("version", NONE, NONE)?, Value::Integer(2));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn function_load_replace(&self, code: impl AsRef<[u8]>) -> Result<String> {
        self.inner.load_library(code.as_ref(), true)
    }

    /// The libraries, in the order of their names (FUNCTION LIST).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, ScriptFlag, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// engine.function_load(
    ///     "#!lua name=library
    ///      redis.register_function{
    ///          function_name = 'peek',
    ///          callback = function(keys) return redis.call('GET', keys[1]) end,
    ///          flags = {'no-writes'},
    ///      }",
    /// )?;
    /// let list = engine.function_list();
    /// assert_eq!(list[0].name, "library");
    /// assert_eq!(list[0].functions[0].name, "peek");
    /// assert_eq!(list[0].functions[0].flags, [ScriptFlag::NoWrites]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn function_list(&self) -> Vec<FunctionLibrary> {
        self.inner.libraries.all().iter().map(|library| FunctionLibrary::of(library)).collect()
    }

    /// The libraries whose names match a glob pattern, in any case (FUNCTION LIST LIBRARYNAME).
    ///
    /// # Examples
    ///
    /// ```
    /// let engine = redmoon::Engine::new(redmoon::Store::new());
    /// engine.function_load("#!lua name=library\nredis.register_function('f', function() end)")?;
    /// assert_eq!(engine.function_list_matching("LIB*").len(), 1);
    /// assert!(engine.function_list_matching("other").is_empty());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn function_list_matching(&self, pattern: impl AsRef<[u8]>) -> Vec<FunctionLibrary> {
        let mut all = self.function_list();
        all.retain(|library| library.matches(pattern.as_ref()));
        all
    }

    /// Deletes a library with all its functions (FUNCTION DELETE). Calls that run go on to their end.
    ///
    /// # Errors
    ///
    /// There is none of this name.
    ///
    /// # Examples
    ///
    /// ```
    /// let engine = redmoon::Engine::new(redmoon::Store::new());
    /// engine.function_load("#!lua name=library\nredis.register_function('f', function() end)")?;
    /// engine.function_delete("library")?;
    /// assert!(engine.function_delete("library").is_err());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn function_delete(&self, library: impl AsRef<[u8]>) -> Result<()> {
        self.inner.delete_library(library.as_ref())
    }

    /// All libraries as bytes that [`function_restore`](Engine::function_restore) takes, and a real server too
    /// (FUNCTION DUMP).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, RestorePolicy, Store, Value};
    ///
    /// let engine = Engine::new(Store::new());
    /// engine.function_load("#!lua name=library\nredis.register_function('one', function() return 1 end)")?;
    ///
    /// let other = Engine::new(Store::new());
    /// other.function_restore(engine.function_dump(), RestorePolicy::Append)?;
    /// assert_eq!(other.fcall("one", NONE, NONE)?, Value::Integer(1));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn function_dump(&self) -> Vec<u8> {
        self.inner.dump_libraries()
    }

    /// Loads the libraries of a payload from [`function_dump`](Engine::function_dump) or from a real server's
    /// FUNCTION DUMP: all of them or none (FUNCTION RESTORE).
    ///
    /// # Errors
    ///
    /// `ERR DUMP payload version or checksum are wrong`, or why a library cannot be loaded.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, RestorePolicy, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// engine.function_load("#!lua name=library\nredis.register_function('f', function() end)")?;
    /// let payload = engine.function_dump();
    /// assert!(engine.function_restore(&payload, RestorePolicy::Append).is_err());
    /// engine.function_restore(&payload, RestorePolicy::Replace)?;
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn function_restore(&self, payload: impl AsRef<[u8]>, policy: RestorePolicy) -> Result<()> {
        self.inner.restore_libraries(payload.as_ref(), policy)
    }

    /// Deletes all libraries (FUNCTION FLUSH).
    ///
    /// # Examples
    ///
    /// ```
    /// let engine = redmoon::Engine::new(redmoon::Store::new());
    /// engine.function_load("#!lua name=library\nredis.register_function('f', function() end)")?;
    /// engine.function_flush();
    /// assert!(engine.function_list().is_empty());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn function_flush(&self) {
        self.inner.flush_libraries();
    }

    /// How many libraries and functions there are, and which function runs (FUNCTION STATS).
    ///
    /// # Examples
    ///
    /// ```
    /// let engine = redmoon::Engine::new(redmoon::Store::new());
    /// engine.function_load("#!lua name=library\nredis.register_function('f', function() end)")?;
    /// let stats = engine.function_stats();
    /// assert_eq!((stats.libraries, stats.functions, stats.running), (1, 1, None));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    #[must_use]
    pub fn function_stats(&self) -> FunctionStats {
        let [libraries, functions, _] = self.inner.libraries.figures();
        FunctionStats { running: self.inner.libraries.running.longest(), libraries, functions }
    }

    /// Ends the running function, from another thread (FUNCTION KILL). Where several run at the same time, all are
    /// ended that have not written. Scripts are left to [`script_kill`](Engine::script_kill).
    ///
    /// # Errors
    ///
    /// `NOTBUSY` if nothing runs, `UNKILLABLE` if each function that runs has written, `BUSY` if what runs is a script.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, ErrorKind, NONE, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// engine.function_load(
    ///     "#!lua name=library
    ///      redis.register_function('endless', function() while true do end end)",
    /// )?;
    /// std::thread::scope(|threads| {
    ///     let endless = threads.spawn(|| engine.fcall("endless", NONE, NONE));
    ///     while engine.function_kill().is_err() {
    ///         std::thread::yield_now();
    ///     }
    ///     let error = endless.join().unwrap().unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::ScriptKilled);
    /// });
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn function_kill(&self) -> Result<()> {
        self.inner.pool.kill(Sort::Function).map_err(|error| self.inner.dialect.reword(error))
    }

    /// Calls a function by its name, in any case (FCALL). It gets `keys` and `args` as its two arguments.
    ///
    /// # Errors
    ///
    /// `ERR Function not found`; else as [`eval`](Engine::eval).
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// engine.function_load(
    ///     "#!lua name=library
    ///      redis.register_function('greet', function(keys, args) return 'Hello, ' .. args[1] end)",
    /// )?;
    /// let greeting: String = engine.fcall("greet", NONE, &["moon"])?.convert()?;
    /// assert_eq!(greeting, "Hello, moon");
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn fcall<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        function: impl AsRef<[u8]>,
        keys: &[K],
        args: &[A],
    ) -> Result<Value> {
        self.call_function(function.as_ref(), keys, args, Mode::ReadWrite)
    }

    /// Calls a function that has the flag `no-writes` (FCALL_RO).
    ///
    /// # Errors
    ///
    /// As [`fcall`](Engine::fcall); a function without the flag is refused.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// engine.function_load(
    ///     "#!lua name=library
    ///      redis.register_function('any', function() end)
    ///      redis.register_function{function_name='reads', callback=function() end, flags={'no-writes'}}",
    /// )?;
    /// assert!(engine.fcall_ro("reads", NONE, NONE).is_ok());
    /// assert!(engine.fcall_ro("any", NONE, NONE).is_err());
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn fcall_ro<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        function: impl AsRef<[u8]>,
        keys: &[K],
        args: &[A],
    ) -> Result<Value> {
        self.call_function(function.as_ref(), keys, args, Mode::ReadOnly)
    }

    fn call_function<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        function: &[u8],
        keys: &[K],
        args: &[A],
        mode: Mode,
    ) -> Result<Value> {
        let (keys, args) = (Slices::of(keys), Slices::of(args));
        let call = Call { keys: keys.get(), args: args.get(), mode };
        let command: &[u8] = if mode == Mode::ReadOnly { b"FCALL_RO" } else { b"FCALL" };
        let mut turn = self.inner.store.turn();
        let caller = &mut Caller::alone(&mut turn);
        self.inner.fcall(command, function, || Ok(call), caller).map_err(Failed::into_error)
    }
}

/// By name.
impl Engine {
    pub(super) fn function_command(&self, name: &str, args: Args<'_>) -> Result<Value> {
        match name {
            "LOAD" => {
                let options = &args.all()[2..args.len() - 1];
                if let Some(other) = options.iter().find(|option| !option.eq_ignore_ascii_case(b"REPLACE")) {
                    return Err(Error::unknown_option(other));
                }
                self.inner.load_library(args.at(args.len() - 1), !options.is_empty()).map(Value::from)
            }
            "LIST" => self.list_command(args),
            "DELETE" => self.function_delete(args.at(2)).map(|()| Value::ok()),
            "DUMP" => Ok(Value::from(self.function_dump())),
            "RESTORE" => {
                let policy = match args.get(3) {
                    _ if args.len() > 4 => return Err(Error::wrong_subcommand(args.at(1), "FUNCTION")),
                    None => RestorePolicy::Append,
                    Some(_) if args.is(3, "APPEND") => RestorePolicy::Append,
                    Some(_) if args.is(3, "REPLACE") => RestorePolicy::Replace,
                    Some(_) if args.is(3, "FLUSH") => RestorePolicy::Flush,
                    Some(_) => return Err(Error::RESTORE_POLICY),
                };
                self.function_restore(args.at(2), policy).map(|()| Value::ok())
            }
            "FLUSH" => {
                match args.get(2) {
                    _ if args.len() > 3 => return Err(Error::wrong_subcommand(args.at(1), "FUNCTION")),
                    Some(_) if !args.is(2, "SYNC") && !args.is(2, "ASYNC") => {
                        return Err(Error::FUNCTION_FLUSH_OPTION);
                    }
                    _ => self.function_flush(),
                }
                Ok(Value::ok())
            }
            "STATS" => self.stats_command(),
            "KILL" => self.function_kill().map(|()| Value::ok()),
            _ => Err(Error::unknown_subcommand(args.at(1), "FUNCTION")),
        }
    }

    fn list_command(&self, args: Args<'_>) -> Result<Value> {
        let (mut pattern, mut with_code) = (None, false);
        let mut at = 2;
        while let Some(word) = args.get(at) {
            if !with_code && args.is(at, "WITHCODE") {
                with_code = true;
            } else if pattern.is_none() && args.is(at, "LIBRARYNAME") {
                at += 1;
                pattern = Some(args.get(at).ok_or(Error::NO_LIBRARY_PATTERN)?);
            } else {
                return Err(Error::unknown_list_argument(word));
            }
            at += 1;
        }
        let list = self.function_list().into_iter();
        let chosen = list.filter(|library| pattern.is_none_or(|pattern| library.matches(pattern)));
        Ok(Value::Array(chosen.map(|library| library.into_value(with_code)).collect()))
    }

    fn stats_command(&self) -> Result<Value> {
        let stats = self.function_stats();
        let running = match stats.running {
            Some(running) => Value::Map(vec![
                (text("name"), text(&running.name)),
                (text("command"), Value::Array(running.command.into_iter().map(Value::Bulk).collect())),
                (text("duration_ms"), Value::Integer(running.duration.as_millis() as i64)),
            ]),
            // A real server answers so while a script is past its time.
            None => match self.inner.store.inner.overdue() {
                Some(holder) => return Err(holder.error()),
                None => Value::Nil,
            },
        };
        let counts = Value::Map(vec![
            (text("libraries_count"), Value::Integer(stats.libraries as i64)),
            (text("functions_count"), Value::Integer(stats.functions as i64)),
        ]);
        Ok(Value::Map(vec![
            (text("running_script"), running),
            (text("engines"), Value::Map(vec![(text("LUA"), counts)])),
        ]))
    }
}

impl Inner {
    pub(super) fn fcall_command<'e>(
        &'e self,
        args: Args<'_>,
        caller: &mut Caller<'_, 'e>,
        mode: Mode,
    ) -> Result<Value, Failed> {
        let call = || {
            args.integer(2).map_err(|_| Error::BAD_NUMBER_OF_KEYS)?;
            let (keys, args) = keys_and_args(args, 2)?;
            Ok(Call { keys, args, mode })
        };
        self.fcall(args.at(0), args.at(1), call, caller)
    }
}

/// The functions that run, as far as they have run long enough to be noticed.
#[derive(Default)]
pub(super) struct Running {
    next: AtomicU64,
    all: Mutex<Vec<Entry>>,
}

struct Entry {
    id: u64,
    name: String,
    command: Vec<Blob>,
    /// Of the monotonic clock, in nanoseconds.
    began: u64,
}

/// A call, as it is shown when it takes long.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    /// The function's name as it was registered, and as it was called.
    pub(super) function: &'a str,
    pub(super) name: &'a [u8],
    /// The command that called it, as it was written.
    pub(super) command: &'a [u8],
    pub(super) call: Call<'a>,
}

/// Shows a call until it is dropped.
pub(super) struct Shown<'e> {
    running: &'e Running,
    id: u64,
}

impl Running {
    /// Shows a call that has been running for so many nanoseconds.
    pub(super) fn show(&self, about: About<'_>, nanos: u64) -> Shown<'_> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let Call { keys, args, .. } = about.call;
        let mut words = vec![Blob::from(about.command), Blob::from(about.name)];
        words.push(Blob::from(keys.len().to_string()));
        words.extend(keys.iter().chain(args).map(|word| Blob::from(*word)));
        let began = monotonic_nanos().saturating_sub(nanos);
        self.all.lock().push(Entry { id, name: about.function.to_owned(), command: words, began });
        Shown { running: self, id }
    }

    fn longest(&self) -> Option<RunningFunction> {
        let all = self.all.lock();
        let entry = all.iter().min_by_key(|entry| entry.began)?;
        let duration = Duration::from_nanos(monotonic_nanos().saturating_sub(entry.began));
        Some(RunningFunction { name: entry.name.clone(), command: entry.command.clone(), duration })
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.running.all.lock().retain(|entry| entry.id != self.id);
    }
}
