//! [`Monitor`]: every command that is run by name, as MONITOR shows it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::inbox::{Inbox, Note};
use super::{Inner, Store};
use crate::blob::Blob;
use crate::error::Result;
use crate::keyspace::audience;

/// A command that somebody ran, from a [`Monitor`]. Shown as text it is the line that MONITOR sends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// When it ran, by the store's clock: microseconds since the epoch.
    pub micros: i64,
    /// The database that its caller has selected.
    pub database: usize,
    /// The caller's address; `None` is a script.
    pub address: Option<Arc<str>>,
    /// Its name and arguments. Passwords are left out.
    pub args: Vec<Blob>,
}

/// The address of a caller that has none.
pub(crate) const NO_ADDRESS: &str = "127.0.0.1:0";

impl Observed {
    pub(super) fn bytes(&self) -> usize {
        96 + self.args.iter().map(|arg| arg.len() + 8).sum::<usize>()
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.micros.div_euclid(1_000_000), self.micros.rem_euclid(1_000_000));
        let source = self.address.as_deref().unwrap_or("lua");
        write!(f, "{seconds}.{micros:06} [{} {source}]", self.database)?;
        for arg in &self.args {
            f.write_str(" \"")?;
            for &byte in arg.iter() {
                match byte {
                    b'\\' | b'"' => write!(f, "\\{}", char::from(byte))?,
                    b'\n' => f.write_str("\\n")?,
                    b'\r' => f.write_str("\\r")?,
                    b'\t' => f.write_str("\\t")?,
                    0x07 => f.write_str("\\a")?,
                    0x08 => f.write_str("\\b")?,
                    b' '..=b'~' => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\x{byte:02x}")?,
                }
            }
            f.write_str("\"")?;
        }
        Ok(())
    }
}

/// Who watches the commands.
#[derive(Default)]
pub(crate) struct Monitors(Mutex<Vec<Arc<Inbox>>>);

impl Inner {
    pub(crate) fn add_monitor(&self, inbox: &Arc<Inbox>) {
        let mut monitors = self.monitors.0.lock();
        monitors.push(Arc::clone(inbox));
        self.space.set_audience(audience::COMMANDS, true);
    }

    pub(crate) fn remove_monitor(&self, inbox: &Arc<Inbox>) {
        let mut monitors = self.monitors.0.lock();
        monitors.retain(|other| !Arc::ptr_eq(other, inbox));
        self.space.set_audience(audience::COMMANDS, !monitors.is_empty());
    }

    /// Shows a command to those who watch.
    #[cold]
    pub(crate) fn observe(&self, database: usize, address: Option<&str>, args: &[&[u8]]) {
        let mut args: Vec<Blob> = args.iter().map(|arg| Blob::from(*arg)).collect();
        hide_passwords(&mut args);
        let address = address.map(Arc::from);
        let monitors = self.monitors.0.lock();
        // Read under the lock, so that lines come in the order of their times.
        let micros = self.space.clock.now_micros();
        let observed = Arc::new(Observed { micros, database, address, args });
        monitors.iter().for_each(|inbox| inbox.push(Note::Command(Arc::clone(&observed))));
    }
}

/// AUTH's arguments, and the two behind AUTH in HELLO.
pub(super) fn hide_passwords(args: &mut [Blob]) {
    let is = |arg: &Blob, word: &str| arg.eq_ignore_ascii_case(word.as_bytes());
    let hidden = match args {
        [name, rest @ ..] if is(name, "AUTH") => rest,
        [name, rest @ ..] if is(name, "HELLO") => match rest.iter().position(|arg| is(arg, "AUTH")) {
            Some(at) => {
                let end = rest.len().min(at + 3);
                &mut rest[at + 1..end]
            }
            None => return,
        },
        _ => return,
    };
    hidden.fill(Blob::from("(redacted)"));
}

/// Every command that is run by its name, on any database: by sessions, by [`Store::execute`] and by scripts. Typed
/// methods are not commands with arguments and do not show. Administrative commands do not show either, as on a server.
///
/// It is an iterator that waits for the next command. A reader that lets more than 32 MiB gather is cut off, as
/// a [`Subscription`](crate::Subscription)'s. While there is a monitor every command takes longer.
///
/// # Examples
///
/// ```
/// use redmoon::Store;
///
/// let store = Store::new();
/// let mut monitor = store.monitor();
/// store.execute(&["SET", "key", "a value"])?;
/// let seen = monitor.next().expect("a monitor has no end")?;
/// assert_eq!(seen.args, ["SET", "key", "a value"]);
/// assert!(seen.to_string().ends_with(r#" [0 127.0.0.1:0] "SET" "key" "a value""#));
/// # Ok::<(), redmoon::Error>(())
/// ```
#[must_use = "dropping a monitor ends it"]
pub struct Monitor {
    inner: Arc<Inner>,
    inbox: Arc<Inbox>,
    is_over: bool,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").finish_non_exhaustive()
    }
}

impl Monitor {
    pub(crate) fn new(store: &Store) -> Monitor {
        let inbox = Arc::new(store.inner.new_inbox());
        store.inner.add_monitor(&inbox);
        Monitor { inner: Arc::clone(&store.inner), inbox, is_over: false }
    }

    /// The next command if it has come already.
    ///
    /// # Errors
    ///
    /// When the reader was too slow and was cut off.
    pub fn try_next(&mut self) -> Result<Option<Observed>> {
        self.inbox.try_next().map(|note| note.and_then(observed_of))
    }

    /// The next command, waiting for it so long at most.
    ///
    /// # Errors
    ///
    /// When the reader was too slow and was cut off.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Observed>> {
        self.inbox.wait(Some(timeout)).map(|note| note.and_then(observed_of))
    }
}

/// Nothing else comes into a monitor's inbox.
fn observed_of(note: Note) -> Option<Observed> {
    match note {
        Note::Command(observed) => Some(Arc::unwrap_or_clone(observed)),
        Note::Message(_) => None,
    }
}

impl Iterator for Monitor {
    type Item = Result<Observed>;

    /// Waits for the next command.
    fn next(&mut self) -> Option<Result<Observed>> {
        if self.is_over {
            return None;
        }
        match self.inbox.wait(None) {
            Ok(note) => note.and_then(observed_of).map(Ok),
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.inner.remove_monitor(&self.inbox);
    }
}
