//! The conversation as a whole: HELLO, AUTH, RESET and QUIT.

use std::sync::atomic::Ordering::Relaxed;

use super::Session;
use super::client::Replies;
use crate::blob::Blob;
use crate::commands::Args;
use crate::error::{Error, Result};
use crate::protocol::{Protocol, REDIS_VERSION};
use crate::reply::Reply;
use crate::store::Store;
use crate::value::Value;

/// The one user there is.
const USER: &[u8] = b"default";

/// Compares in a time that does not tell how much of a password was right.
fn is_same(given: &[u8], wanted: &[u8]) -> bool {
    let difference =
        given.iter().zip(wanted).fold(given.len() ^ wanted.len(), |all, (a, b)| all | usize::from(a ^ b));
    difference == 0
}

/// Whether a session of the store has to give a password.
pub(super) fn needs_password(store: &Store) -> bool {
    !store.inner.settings.password().is_empty()
}

impl Session {
    /// Whether the caller may run commands: it gave the password, or there was none when it came, or there is none now.
    #[inline]
    pub(super) fn may_run(&self) -> bool {
        self.is_authenticated || !needs_password(self.engine.store())
    }

    /// How long an argument of the next request may be (`proto-max-bulk-len`), and whether the caller has yet to give
    /// the password.
    #[inline]
    #[cfg(feature = "resp")]
    pub(crate) fn request_limits(&self) -> (usize, bool) {
        (self.engine.store().inner.space.max_string.get(), !self.may_run())
    }

    /// Why the caller is not served: there are too many (`maxclients`).
    #[cfg(feature = "resp")]
    pub(crate) fn refusal(&self) -> Option<Error> {
        let space = &self.engine.store().inner.space;
        let sessions = space.stats.sessions.load(std::sync::atomic::Ordering::Relaxed);
        (sessions > space.tunables.max_clients.get()).then_some(Error::MAX_CLIENTS)
    }

    /// A request of no words, which counts as one for CLIENT REPLY SKIP.
    #[cfg(feature = "resp")]
    pub(crate) fn skip_request(&mut self) {
        self.replies.next();
    }

    /// AUTH [username] password.
    pub(super) fn auth(&mut self, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        let (user, password) = match args.len() {
            2 if !needs_password(self.engine.store()) => return Err(Error::NO_PASSWORD_SET),
            2 => (USER, args.at(1)),
            3 => (args.at(1), args.at(2)),
            _ => return Err(Error::SYNTAX),
        };
        self.authenticate(user, password)?;
        out.ok();
        Ok(())
    }

    fn authenticate(&mut self, user: &[u8], password: &[u8]) -> Result<()> {
        let wanted = self.engine.store().inner.settings.password();
        if user != USER || !(wanted.is_empty() || is_same(password, &wanted)) {
            return Err(Error::WRONG_PASS);
        }
        self.is_authenticated = true;
        Ok(())
    }

    /// HELLO [protover [AUTH username password] [SETNAME name]].
    pub(super) fn hello(&mut self, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        let mut protocol = self.protocol;
        if args.len() > 1 {
            let version = crate::num::parse_i64(args.at(1)).ok_or(Error::BAD_PROTOCOL_VERSION)?;
            protocol = match version {
                2 => Protocol::Resp2,
                3 => Protocol::Resp3,
                _ => return Err(Error::UNSUPPORTED_PROTOCOL),
            };
        }
        let (mut credentials, mut name) = (None, None);
        let mut at = 2;
        while let Some(option) = args.get(at) {
            if args.is(at, "AUTH") && at + 2 < args.len() {
                credentials = Some((args.at(at + 1), args.at(at + 2)));
                at += 3;
            } else if args.is(at, "SETNAME") && at + 1 < args.len() {
                name = Some(args.at(at + 1));
                at += 2;
            } else {
                return Err(Error::hello_option(option));
            }
        }
        if let Some((user, password)) = credentials {
            self.authenticate(user, password)?;
        }
        if !self.may_run() {
            return Err(Error::HELLO_NO_AUTH);
        }
        if let Some(name) = name {
            self.set_name(name)?;
        }
        self.protocol = protocol;
        out.speak(protocol);
        let text = |text: &str| Value::Bulk(Blob::from(text));
        out.value(Value::Map(vec![
            (text("server"), text("redis")),
            (text("version"), text(REDIS_VERSION)),
            (text("proto"), Value::Integer(if protocol == Protocol::Resp3 { 3 } else { 2 })),
            (text("id"), Value::Integer(self.client.id as i64)),
            (text("mode"), text("standalone")),
            (text("role"), text("master")),
            (text("modules"), Value::Array(Vec::new())),
        ]));
        Ok(())
    }

    /// RESET: as if the conversation began.
    pub(super) fn reset(&mut self, out: &mut dyn Reply) {
        self.forget_transaction();
        self.stop_listening();
        self.turn.db = 0;
        self.protocol = Protocol::Resp2;
        self.replies = Replies::On;
        self.is_authenticated = !needs_password(self.engine.store());
        self.client.change_texts(|texts| texts.name.clear());
        self.client.no_evict.store(false, Relaxed);
        self.client.no_touch.store(false, Relaxed);
        out.speak(Protocol::Resp2);
        out.status("RESET");
    }

    /// QUIT: the reply is the last.
    pub(super) fn quit(&mut self, out: &mut dyn Reply) {
        self.is_closing = true;
        out.ok();
    }
}
