//! Scripts: limits, kills, parallel runs, the cache, and replies compared with a real server's.

mod cache;
mod collections;
mod conversion;
mod debugger;
mod debugger_lines;
mod defined;
mod dialects;
mod flags;
mod functions;
mod host_functions;
mod kill_at_random;
mod languages;
mod libraries;
mod limits;
mod metrics;
mod money;
mod parallel;
mod peers;
mod random_scripts;
mod rollback;
mod script_object;

use std::sync::mpsc::channel;
use std::time::Duration;

use redmoon::{Session, resp};

/// What a client of this session would read.
fn reply_of(session: &mut Session, command: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let reply = session.execute(command);
    let mut bytes = Vec::new();
    resp::encode_result(&reply, session.protocol(), &mut bytes);
    bytes
}

/// The name that Redis gives to a script.
fn sha(source: &str) -> String {
    sha1_smol::Sha1::from(source).hexdigest()
}

/// The text of an error in a call that is all that a function returns: LuaJIT does not know any more where that was.
pub(crate) fn returned(text: String) -> String {
    match text.find(" script: ") {
        Some(place) if cfg!(feature = "luajit") => text[..place].to_owned(),
        _ => text,
    }
}

/// Runs `work` on a thread of its own, and fails if it does not end: then something holds a lock, or runs for ever.
fn within<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = channel();
    // Replies may be nested deeply, and a debug build needs much stack for them.
    let worker = std::thread::Builder::new().stack_size(8 << 20).spawn(move || {
        let result = work();
        let _ = done.send(());
        result
    });
    let worker = worker.unwrap();
    if ended.recv_timeout(patience).is_err() && !worker.is_finished() {
        panic!("it has not ended after {patience:?}");
    }
    match worker.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
