//! [`Script`]: a script that keeps its source.

use std::sync::Arc;

use super::Engine;
use super::Slices;
use super::cache::Sha;
use super::eval::{Call, Caller, Failed, Mode};
use crate::blob::Blob;
use crate::error::Result;
use crate::value::{FromValue, Value};

/// A script that knows its source, from [`Engine::script`]. It is called by its SHA-1, and loads itself again when
/// the cache has lost it.
///
/// # Examples
///
/// ```
/// use redmoon::{Engine, Store};
///
/// let engine = Engine::new(Store::new());
/// let script = engine.script("return {KEYS[1], ARGV[1] * 2}");
/// let (key, double): (String, i64) = script.key("a").arg(21).invoke()?;
/// assert_eq!((key.as_str(), double), ("a", 42));
///
/// engine.script_flush();
/// assert!(script.key("a").arg(1).invoke::<()>().is_ok());
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone)]
pub struct Script {
    engine: Engine,
    pub(super) source: Arc<[u8]>,
    sha: Sha,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").field("sha", &self.sha()).finish_non_exhaustive()
    }
}

impl Script {
    pub(super) fn new(engine: Engine, source: Vec<u8>) -> Script {
        let sha = Sha::of(&source);
        Script { engine, source: source.into(), sha }
    }

    /// The script's SHA-1, 40 hexadecimal digits.
    #[must_use]
    pub fn sha(&self) -> &str {
        self.sha.as_str()
    }

    /// Begins a call with a first key.
    pub fn key(&self, key: impl ToArg) -> Invocation<'_> {
        self.prepare().key(key)
    }

    /// Begins a call with a first argument.
    pub fn arg(&self, arg: impl ToArg) -> Invocation<'_> {
        self.prepare().arg(arg)
    }

    /// Begins a call without keys and arguments.
    #[must_use]
    pub fn prepare(&self) -> Invocation<'_> {
        Invocation { script: self, keys: Vec::new(), args: Vec::new() }
    }

    /// Runs the script without keys and arguments.
    ///
    /// # Errors
    ///
    /// As [`Engine::eval`], and one of kind [`Conversion`](crate::ErrorKind::Conversion) if the reply does not fit `T`.
    pub fn invoke<T: FromValue>(&self) -> Result<T> {
        self.prepare().invoke()
    }

    /// Runs the script.
    ///
    /// # Errors
    ///
    /// As [`Engine::eval`].
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store, Value};
    ///
    /// let engine = Engine::new(Store::new());
    /// let script = engine.script("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    /// assert_eq!(script.call(&["counter"], &["5"])?, Value::Integer(5));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn call<K: AsRef<[u8]>, A: AsRef<[u8]>>(&self, keys: &[K], args: &[A]) -> Result<Value> {
        let (keys, args) = (Slices::of(keys), Slices::of(args));
        self.run(&self.engine, keys.get(), args.get())
    }

    /// As [`call`](Script::call), on another engine.
    ///
    /// # Errors
    ///
    /// As [`Engine::eval`].
    pub fn call_on<K: AsRef<[u8]>, A: AsRef<[u8]>>(
        &self,
        engine: &Engine,
        keys: &[K],
        args: &[A],
    ) -> Result<Value> {
        let (keys, args) = (Slices::of(keys), Slices::of(args));
        self.run(engine, keys.get(), args.get())
    }

    /// Loads the script into the engine's cache, if it is not there (SCRIPT LOAD).
    ///
    /// # Errors
    ///
    /// A compile error, or one in the script's `#!` line.
    pub fn load(&self) -> Result<()> {
        if self.engine.inner.cache.get(self.sha).is_none() {
            self.engine.inner.load(&self.source)?;
        }
        Ok(())
    }

    fn run(&self, engine: &Engine, keys: &[&[u8]], args: &[&[u8]]) -> Result<Value> {
        let inner = &engine.inner;
        let call = Call { keys, args, mode: Mode::ReadWrite };
        let mut turn = inner.store.turn();
        let caller = &mut Caller::alone(&mut turn);
        let result = match inner.eval_named(self.sha.as_bytes(), call, caller) {
            Some(result) => result,
            None => self.load_and_run(engine, call, caller),
        };
        result.map_err(Failed::into_error)
    }

    #[cold]
    fn load_and_run<'e>(
        &self,
        engine: &'e Engine,
        call: Call<'_>,
        caller: &mut Caller<'_, 'e>,
    ) -> Result<Value, Failed> {
        let inner = &engine.inner;
        inner.load(&self.source)?;
        // A flush between the two lines is as if it had come before the first.
        inner
            .eval_named(self.sha.as_bytes(), call, caller)
            .unwrap_or_else(|| inner.eval(&self.source, call, caller))
    }
}

/// One call of a [`Script`] as it is being put together.
///
/// # Examples
///
/// ```
/// use redmoon::{Engine, Store};
///
/// let engine = Engine::new(Store::new());
/// let script = engine.script("return #KEYS + #ARGV");
/// assert_eq!(script.key("a").key("b").arg(1).arg(2.5).arg("text").invoke::<i64>()?, 5);
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Invocation<'s> {
    script: &'s Script,
    keys: Vec<Blob>,
    args: Vec<Blob>,
}

impl Invocation<'_> {
    /// Adds a key.
    #[must_use]
    pub fn key(mut self, key: impl ToArg) -> Self {
        self.keys.push(key.to_arg());
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl ToArg) -> Self {
        self.args.push(arg.to_arg());
        self
    }

    /// Runs the script.
    ///
    /// # Errors
    ///
    /// As [`Engine::eval`], and one of kind [`Conversion`](crate::ErrorKind::Conversion) if the reply does not fit `T`.
    pub fn invoke<T: FromValue>(&self) -> Result<T> {
        let (keys, args) = (Slices::of(&self.keys), Slices::of(&self.args));
        self.script.run(&self.script.engine, keys.get(), args.get())?.convert()
    }
}

/// What can be a key or an argument of a script: byte strings as they are, numbers as their digits.
pub trait ToArg {
    /// The bytes.
    fn to_arg(&self) -> Blob;
}

macro_rules! bytes_to_arg {
    ($($type:ty),*) => {$(
        impl ToArg for $type {
            fn to_arg(&self) -> Blob {
                let bytes: &[u8] = self.as_ref();
                Blob::from(bytes)
            }
        }
    )*};
}
bytes_to_arg!(str, String, [u8], Vec<u8>);

impl ToArg for Blob {
    fn to_arg(&self) -> Blob {
        self.clone()
    }
}

impl<const N: usize> ToArg for [u8; N] {
    fn to_arg(&self) -> Blob {
        Blob::from(self.as_slice())
    }
}

impl<T: ToArg + ?Sized> ToArg for &T {
    fn to_arg(&self) -> Blob {
        (**self).to_arg()
    }
}

macro_rules! integer_to_arg {
    ($($type:ty),*) => {$(
        impl ToArg for $type {
            fn to_arg(&self) -> Blob {
                Blob::from(itoa::Buffer::new().format(*self))
            }
        }
    )*};
}
integer_to_arg!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

/// The shortest digits that give the same number.
impl ToArg for f64 {
    fn to_arg(&self) -> Blob {
        let mut digits = Vec::new();
        crate::num::format_lua_number(*self, &mut digits);
        Blob::from(digits)
    }
}

impl ToArg for f32 {
    fn to_arg(&self) -> Blob {
        Blob::from(self.to_string())
    }
}

/// 1 or 0.
impl ToArg for bool {
    fn to_arg(&self) -> Blob {
        Blob::from(if *self { "1" } else { "0" })
    }
}
