//! Commands that an application defines by a script, and commands by name without a session.

use std::collections::HashMap;

use parking_lot::RwLock;

use super::Engine;
use super::cache::{Sha, Source};
use super::eval::{Call, Caller, Failed, Mode, Reach};
use crate::commands::{Args, table};
use crate::error::{Error, Result};
use crate::store::ShardSet;
use crate::value::Value;

/// The commands that were defined, by their names in small letters.
#[derive(Default)]
pub(super) struct Definitions(RwLock<HashMap<Vec<u8>, Definition>>);

#[derive(Clone)]
struct Definition {
    source: std::sync::Arc<[u8]>,
    sha: Sha,
    /// How many of the arguments are keys; `None` if the first argument says it.
    keys: Option<usize>,
}

/// # Commands of an application's own
impl Engine {
    /// Makes a script a command: its name works in [`Session::execute`](crate::Session::execute),
    /// [`command`](Engine::command) and pipelines, in any case. The first `number_of_keys` arguments are KEYS and the rest
    /// ARGV; with `None` the first argument is the number of keys, as for EVAL. A later definition of the same name
    /// takes the place of this one.
    ///
    /// # Errors
    ///
    /// The name is that of a command of the store's, or the script does not compile.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store, Value};
    ///
    /// let engine = Engine::new(Store::new());
    /// engine.define_command(
    ///     "insert_if_missing",
    ///     1,
    ///     "return redis.call('SET', KEYS[1], ARGV[1], 'NX') and 1 or 0",
    /// )?;
    /// assert_eq!(engine.command(&["insert_if_missing", "key", "first"])?, Value::Integer(1));
    /// assert_eq!(engine.session().execute(&["INSERT_IF_MISSING", "key", "second"])?, Value::Integer(0));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn define_command(
        &self,
        name: impl AsRef<[u8]>,
        number_of_keys: impl Into<Option<usize>>,
        source: impl AsRef<[u8]>,
    ) -> Result<()> {
        let name = name.as_ref();
        if table().find(name).is_some() {
            return Err(Error::defined_already(name));
        }
        let source = source.as_ref();
        self.inner.check(source)?;
        let definition =
            Definition { source: source.into(), sha: Sha::of(source), keys: number_of_keys.into() };
        self.inner.definitions.0.write().insert(name.to_ascii_lowercase(), definition);
        Ok(())
    }

    /// Runs any command by name, one that was defined included, as a client that had just connected would.
    ///
    /// # Errors
    ///
    /// The error that the command replies.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store, Value};
    ///
    /// let engine = Engine::new(Store::new());
    /// assert_eq!(engine.command(&["EVAL", "return ARGV[1] + 1", "0", "41"])?, Value::Integer(42));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn command<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<Value> {
        self.session().execute(args)
    }

    /// Whether the arguments call a command that was defined.
    pub(crate) fn defines(&self, args: Args<'_>) -> bool {
        self.inner.definitions.0.read().contains_key(&args.at(0).to_ascii_lowercase())
    }

    /// What a command that was defined may touch.
    pub(super) fn reach_of_defined(&self, args: Args<'_>) -> Reach {
        let definition = self.inner.definitions.0.read().get(&args.at(0).to_ascii_lowercase()).cloned();
        let Some(definition) = definition else { return Reach::Any };
        let nothing = Reach::Shards(ShardSet::default());
        let Ok((keys, _)) = split(&definition, args) else { return nothing };
        match Source::new(definition.sha, &definition.source, self.inner.dialect) {
            Ok(script) => self.inner.reach(script.flags(self.inner.default_flags), keys),
            Err(_) => nothing,
        }
    }

    /// Runs a command that was defined; `None` if there is none of this name.
    pub(crate) fn execute_defined<'e>(
        &'e self,
        args: Args<'_>,
        caller: &mut Caller<'_, 'e>,
    ) -> Option<Result<Value>> {
        let name = args.at(0).to_ascii_lowercase();
        let definition = self.inner.definitions.0.read().get(&name).cloned()?;
        let result = split(&definition, args).map_err(Failed::from).and_then(|(keys, rest)| {
            let call = Call { keys, args: rest, mode: Mode::ReadWrite };
            let inner = &self.inner;
            let cached = inner.eval_sha(definition.sha, call, caller);
            cached.unwrap_or_else(|| inner.eval(&definition.source, call, caller))
        });
        Some(result.map_err(|failed| failed.count(&self.inner)))
    }
}

type Slices<'a> = &'a [&'a [u8]];

/// The arguments behind the name, parted into keys and others.
fn split<'a>(definition: &Definition, args: Args<'a>) -> Result<(Slices<'a>, Slices<'a>)> {
    let rest = args.from(1);
    match definition.keys {
        Some(keys) => rest
            .split_at_checked(keys)
            .ok_or_else(|| Error::wrong_arity(&String::from_utf8_lossy(&args.at(0).to_ascii_lowercase()))),
        None => super::commands::keys_and_args(args, 1),
    }
}
