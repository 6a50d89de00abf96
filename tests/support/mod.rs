//! A real redis-server as the oracle: a process of the test's own on a Unix socket, and a small client for it.
//!
//! A test that needs it opens with `let Some(oracle) = Oracle::start() else { return };`. Without a redis-server on
//! the `PATH` the test is skipped, and says so; with `REDMOON_REQUIRE_REDIS=1` it fails instead, so that a build
//! machine that lost its server cannot look green.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test and each bench that includes this module uses a part of it"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken harness must stop the test")]
#![allow(clippy::disallowed_methods, reason = "waiting for a real process takes real time")]

pub(crate) mod client;
pub(crate) mod rng;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub(crate) use client::Client;
pub(crate) use rng::Rng;

const PROGRAM: &str = "redis-server";
/// How long a server may take to answer its first PING; a loaded machine needs a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running redis-server; it ends, and its directory goes, when this value is dropped.
pub(crate) struct Oracle {
    process: Child,
    directory: PathBuf,
}

impl Oracle {
    /// A fresh, empty server that saves nothing; `None` when the test is to be skipped.
    pub(crate) fn start() -> Option<Oracle> {
        Oracle::start_with(&[])
    }

    /// The same with more of redis-server's options, such as `["--lua-time-limit", "60000"]`.
    pub(crate) fn start_with(options: &[&str]) -> Option<Oracle> {
        let directory = new_directory();
        let spawned = Command::new(PROGRAM)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no"])
            .args(["--loglevel", "warning", "--logfile", "log"])
            .arg("--dir")
            .arg(&directory)
            .arg("--unixsocket")
            .arg(socket(&directory))
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match spawned {
            Ok(process) => {
                let mut oracle = Oracle { process, directory };
                oracle.wait_until_it_answers();
                Some(oracle)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let _ = std::fs::remove_dir_all(&directory);
                skip();
                None
            }
            Err(error) => panic!("{PROGRAM} is installed but does not start: {error}"),
        }
    }

    /// A new connection, in database 0 and RESP2.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(&socket(&self.directory)).expect("redis-server accepts a connection")
    }

    /// Where it listens, for a test with a client of its own.
    pub(crate) fn socket(&self) -> PathBuf {
        socket(&self.directory)
    }

    /// What the server calls its version, for messages.
    pub(crate) fn version(&self) -> String {
        let info = self.connect().raw(&["INFO", "server"]);
        let info = String::from_utf8_lossy(&info).into_owned();
        let line = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        line.unwrap_or("unknown").trim().to_owned()
    }

    /// The number of the server's process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    fn wait_until_it_answers(&mut self) {
        let started = Instant::now();
        loop {
            if let Ok(mut client) = Client::connect(&socket(&self.directory))
                && client.raw(&["PING"]) == b"+PONG\r\n"
            {
                return;
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                panic!("{PROGRAM} ended with {status} before it answered: {log}");
            }
            assert!(started.elapsed() < PATIENCE, "{PROGRAM} does not answer after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A directory that no other server has, not even one that a killed run left behind.
fn new_directory() -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("redmoon-oracle-{}-{number}", std::process::id()));
        match std::fs::create_dir(&directory) {
            Ok(()) => return directory,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => panic!("no temporary directory {}: {error}", directory.display()),
        }
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("socket")
}

fn skip() {
    assert!(
        std::env::var_os("REDMOON_REQUIRE_REDIS").is_none_or(|value| value != "1"),
        "REDMOON_REQUIRE_REDIS=1 is set, and there is no {PROGRAM} on PATH"
    );
    // Past the test runner, which would swallow what a passing test prints; in one piece, because tests run at once.
    let _ = std::io::stderr().write_all(format!("skipped: no {PROGRAM} on PATH\n").as_bytes());
}

/// A number from the environment, or the default; a value that is not a number stops the test.
pub(crate) fn number_from_env(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a whole number")),
        Err(_) => default,
    }
}

/// Bytes as a reader of a failure message wants them: printable, and not endless.
pub(crate) fn show(bytes: &[u8]) -> String {
    const SHOWN: usize = 400;
    let shown = bytes[..bytes.len().min(SHOWN)].escape_ascii();
    if bytes.len() > SHOWN { format!("{shown}… ({} bytes)", bytes.len()) } else { shown.to_string() }
}

/// A command as one line for a failure message.
pub(crate) fn show_command(args: &[impl AsRef<[u8]>]) -> String {
    let words: Vec<String> = args
        .iter()
        .map(|arg| {
            let arg = arg.as_ref();
            let bare = !arg.is_empty() && arg.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"');
            if bare { show(arg) } else { format!("\"{}\"", show(arg)) }
        })
        .collect();
    words.join(" ")
}
