//! [`SlowLog`]: the commands that took long (SLOWLOG).

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::Inner;
use super::monitor::{NO_ADDRESS, hide_passwords};
use crate::blob::Blob;

/// A server keeps this much of a command: so many arguments, so many bytes of each.
const MOST_ARGUMENTS: usize = 32;
const MOST_BYTES: usize = 128;

/// A command that took long.
#[derive(Clone, Debug)]
pub(crate) struct SlowCommand {
    pub(crate) id: u64,
    /// When it had run, in seconds since the epoch.
    pub(crate) seconds: i64,
    pub(crate) micros: u64,
    pub(crate) args: Vec<Blob>,
    pub(crate) address: String,
    pub(crate) name: Vec<u8>,
}

/// The last commands that took long, the newest in front.
pub(crate) struct SlowLog(Mutex<Log>);

struct Log {
    commands: VecDeque<SlowCommand>,
    next: u64,
    most: usize,
}

impl Default for SlowLog {
    fn default() -> SlowLog {
        SlowLog(Mutex::new(Log { commands: VecDeque::new(), next: 0, most: 128 }))
    }
}

impl SlowLog {
    /// Notes a command, its number aside.
    pub(crate) fn note(&self, command: SlowCommand) {
        let mut log = self.0.lock();
        let id = log.next;
        log.next += 1;
        log.commands.push_front(SlowCommand { id, ..command });
        let most = log.most;
        log.commands.truncate(most);
    }

    pub(crate) fn newest(&self, count: usize) -> Vec<SlowCommand> {
        self.0.lock().commands.iter().take(count).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().commands.len()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().commands.clear();
    }

    pub(super) fn set_most(&self, most: usize) {
        let mut log = self.0.lock();
        log.most = most;
        log.commands.truncate(most);
    }
}

impl Inner {
    /// Notes a command that took long, of the session with this number.
    #[cold]
    pub(crate) fn note_slow(&self, client: u64, args: &[&[u8]], nanos: u64) {
        let texts = self.clients.find(client).map(|client| client.texts());
        let (address, name) =
            texts.map_or_else(|| (NO_ADDRESS.to_owned(), Vec::new()), |texts| (texts.address, texts.name));
        let seconds = self.space.clock.now_micros().div_euclid(1_000_000);
        let args = shortened(args);
        self.slow_log.note(SlowCommand { id: 0, seconds, micros: nanos / 1000, args, address, name });
    }
}

/// As much of a command as is kept.
fn shortened(args: &[&[u8]]) -> Vec<Blob> {
    let shown = if args.len() > MOST_ARGUMENTS { MOST_ARGUMENTS - 1 } else { args.len() };
    let mut kept: Vec<Blob> =
        args.iter().take(shown).map(|arg| Blob::from(shortened_argument(arg))).collect();
    hide_passwords(&mut kept);
    hide_setting(&mut kept);
    if args.len() > shown {
        kept.push(Blob::from(format!("... ({} more arguments)", args.len() - shown)));
    }
    kept
}

/// The password in CONFIG SET.
fn hide_setting(args: &mut [Blob]) {
    let is = |arg: &Blob, word: &str| arg.eq_ignore_ascii_case(word.as_bytes());
    let [name, subcommand, pairs @ ..] = args else { return };
    if is(name, "CONFIG") && is(subcommand, "SET") {
        for pair in pairs.chunks_exact_mut(2).filter(|pair| is(&pair[0], "requirepass")) {
            pair[1] = Blob::from("(redacted)");
        }
    }
}

fn shortened_argument(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= MOST_BYTES {
        return arg.to_vec();
    }
    let mut kept = arg[..MOST_BYTES].to_vec();
    kept.extend_from_slice(format!("... ({} more bytes)", arg.len() - MOST_BYTES).as_bytes());
    kept
}
