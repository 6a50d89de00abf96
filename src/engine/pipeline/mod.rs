//! [`Pipeline`]: several commands and script calls that are put together first and run in one go.

mod commands;

use super::{Engine, Script, ToArg};
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::value::{FromValue, Value};

/// Commands and script calls in an order, from [`Engine::pipeline`].
///
/// Scripts are loaded just before the first step runs, so that each call goes by SHA-1. The steps run one after the
/// other; other threads' commands may run between them, unless the pipeline is [`atomic`](Pipeline::atomic).
///
/// # Examples
///
/// ```
/// use redmoon::{Engine, Store};
///
/// let engine = Engine::new(Store::new());
/// let double = engine.script("return redis.call('INCRBY', KEYS[1], redis.call('GET', KEYS[1]))");
/// let (set, doubled, value): (String, i64, String) = engine
///     .pipeline()
///     .command(&["SET", "n", "21"])
///     .script(&double, &["n"], redmoon::NONE)
///     .command(&["GET", "n"])
///     .execute()?;
/// assert_eq!((set.as_str(), doubled, value.as_str()), ("OK", 42, "42"));
/// # Ok::<(), redmoon::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Pipeline {
    engine: Engine,
    steps: Vec<Step>,
    is_atomic: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Command(Vec<Blob>),
    Script { script: Script, keys: Vec<Blob>, args: Vec<Blob> },
}

impl Engine {
    /// An empty pipeline.
    pub fn pipeline(&self) -> Pipeline {
        Pipeline { engine: self.clone(), steps: Vec::new(), is_atomic: false }
    }
}

fn blobs<A: ToArg>(args: &[A]) -> Vec<Blob> {
    args.iter().map(ToArg::to_arg).collect()
}

impl Pipeline {
    /// Adds a command by name: one of the store's, of the engine's, or one that was
    /// [defined](Engine::define_command).
    pub fn command<A: ToArg>(mut self, args: &[A]) -> Pipeline {
        self.steps.push(Step::Command(blobs(args)));
        self
    }

    /// Adds a call of a script.
    pub fn script<K: ToArg, A: ToArg>(mut self, script: &Script, keys: &[K], args: &[A]) -> Pipeline {
        self.steps.push(Step::Script { script: script.clone(), keys: blobs(keys), args: blobs(args) });
        self
    }

    /// Runs all steps as one, as MULTI and EXEC do: nobody sees the store between them. A step that fails does not undo
    /// the others.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// let (visits, last): (i64, Option<String>) =
    ///     engine.pipeline().atomic().incr("visits").getset("last", "you").execute()?;
    /// assert_eq!((visits, last), (1, None));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn atomic(mut self) -> Pipeline {
        self.is_atomic = true;
        self
    }

    /// How many steps there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there is no step.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Runs all steps and converts the array of their replies.
    ///
    /// # Errors
    ///
    /// The first error that a step gave, after all steps have run, and one of kind
    /// [`Conversion`](crate::ErrorKind::Conversion) if the replies do not fit `T`. An atomic pipeline with a step that is no
    /// command runs nothing: `EXECABORT`.
    pub fn execute<T: FromValue>(&self) -> Result<T> {
        let replies = self.execute_each()?.into_iter().collect::<Result<Vec<Value>>>()?;
        Value::Array(replies).convert()
    }

    /// Runs all steps and answers what each of them replied, in their order. A step that fails does not keep the
    /// later ones from running.
    ///
    /// # Errors
    ///
    /// `EXECABORT` if an atomic pipeline has a step that is no command: nothing has run then.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store, Value};
    ///
    /// let engine = Engine::new(Store::new());
    /// let replies = engine.pipeline().incr("n").command(&["NOSUCH"]).incr("n").execute_each()?;
    /// assert_eq!(replies[0], Ok(Value::Integer(1)));
    /// assert!(replies[1].is_err());
    /// assert_eq!(replies[2], Ok(Value::Integer(2)));
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn execute_each(&self) -> Result<Vec<Result<Value>>> {
        for step in &self.steps {
            if let Step::Script { script, .. } = step {
                // An error of the script itself is told by the step that calls it.
                let _ = script.load();
            }
        }
        let mut session = self.engine.session();
        if self.is_atomic {
            return self.execute_as_one(&mut session);
        }
        let run = |step: &Step| match step {
            Step::Command(args) => session.execute(args),
            Step::Script { script, keys, args } => script.call(keys, args),
        };
        Ok(self.steps.iter().map(run).collect())
    }

    fn execute_as_one(&self, session: &mut Session) -> Result<Vec<Result<Value>>> {
        session.execute(&["MULTI"])?;
        for step in &self.steps {
            // What cannot be queued makes EXEC fail.
            let _ = match step {
                Step::Command(args) => session.execute(args),
                // With its source: a flush may come between the loading and here.
                Step::Script { script, keys, args } => {
                    let (eval, count) = (Blob::from("EVAL"), Blob::from(keys.len().to_string().as_str()));
                    let head = [eval, Blob::from(&*script.source), count];
                    session.execute(&[&head, &**keys, &**args].concat())
                }
            };
        }
        match session.execute(&["EXEC"])? {
            Value::Array(replies) => Ok(replies.into_iter().map(of_reply).collect()),
            // Nothing is watched, so it is the replies.
            _ => Err(Error::INTERNAL),
        }
    }
}

/// An error within the array of replies is one again.
fn of_reply(reply: Value) -> Result<Value> {
    match reply {
        Value::Error(error) => Err(error),
        reply => Ok(reply),
    }
}
