//! CLIENT, as far as it is about the caller's own conversation.

use std::sync::atomic::Ordering::Relaxed;

use super::Session;
use crate::commands::{Args, client};
use crate::error::{Error, Result};
use crate::reply::Reply;

/// Which replies the caller wants (CLIENT REPLY).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Replies {
    #[default]
    On,
    Off,
    /// Not that to the present command, but to the next one.
    SkipNow,
    /// Neither that to the present command nor that to the next one.
    SkipNext,
}

impl Replies {
    /// For the command that begins.
    #[inline]
    pub(super) fn next(&mut self) {
        *self = match *self {
            Replies::SkipNext => Replies::SkipNow,
            Replies::SkipNow => Replies::On,
            same => same,
        };
    }
}

/// Names stand in lines that are parted by spaces.
fn is_printable(name: &[u8]) -> bool {
    name.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

/// ON or OFF.
fn switch(args: Args<'_>) -> Result<bool> {
    match (args.is(2, "ON"), args.is(2, "OFF")) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(Error::SYNTAX),
    }
}

impl Session {
    /// A number that no other session of the store has (CLIENT ID).
    #[must_use]
    pub fn id(&self) -> u64 {
        self.client.id
    }

    /// Says where the caller comes from and where it came to, for CLIENT LIST and CLIENT KILL: a program that takes
    /// connections knows. `127.0.0.1:0` unless it is said.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, Store};
    ///
    /// let store = Store::new();
    /// let session = Engine::new(store.clone()).session();
    /// session.set_address("192.0.2.7:50123", "192.0.2.1:6379");
    /// assert!(store.client_list().contains(" addr=192.0.2.7:50123 laddr=192.0.2.1:6379 "));
    /// ```
    pub fn set_address(&self, address: impl Into<String>, local_address: impl Into<String>) {
        let (address, local_address) = (address.into(), local_address.into());
        self.client.change_texts(|texts| {
            texts.address = address;
            texts.local_address = local_address;
        });
    }

    /// Whether the reply to the last command is to be sent (CLIENT REPLY).
    #[cfg(feature = "resp")]
    pub(crate) fn wants_reply(&self) -> bool {
        self.replies == Replies::On
    }

    /// Lets others see what a command of the conversation may have changed.
    pub(super) fn show(&self) {
        let client = &self.client;
        client.set_protocol(self.protocol);
        client.db.store(self.turn.db, Relaxed);
        // Between MULTI and EXEC it counts itself.
        let is_counting = client.queued.load(Relaxed) >= 0;
        if self.transaction.is_open() != is_counting {
            client.queued.store(if is_counting { -1 } else { 0 }, Relaxed);
            client.queued_bytes.store(0, Relaxed);
        }
        client.set_dirty_mark(self.transaction.dirty());
        let [channels, patterns, shard_channels] = self.listening.counts();
        client.channels.store(channels, Relaxed);
        client.patterns.store(patterns, Relaxed);
        client.shard_channels.store(shard_channels, Relaxed);
        client.is_monitor.store(self.listening.is_monitor(), Relaxed);
    }

    /// The subcommand of CLIENT with this name.
    pub(super) fn client(&mut self, name: &str, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        match name {
            "CACHING" => return Err(Error::NOT_TRACKING),
            "GETNAME" => match self.client.texts().name.as_slice() {
                b"" => out.null(),
                name => out.bulk(name),
            },
            "GETREDIR" => out.integer(-1),
            "ID" => out.integer(self.client.id as i64),
            "INFO" => {
                let mut text = String::new();
                let request = client::Request::new(self.client.id, args);
                client::describe(self.engine.store(), &self.client, Some(request), &mut text);
                out.verbatim(*b"txt", text.as_bytes());
            }
            "KILL" => return self.client_kill(args, out),
            "LIST" => {
                let filter = client::Filter::of_list(args)?;
                let request = client::Request::new(self.client.id, args);
                let text = client::list(self.engine.store(), &filter, Some(request));
                out.verbatim(*b"txt", text.as_bytes());
            }
            "NO-EVICT" => {
                self.client.no_evict.store(switch(args)?, Relaxed);
                out.ok();
            }
            "NO-TOUCH" => {
                self.client.no_touch.store(switch(args)?, Relaxed);
                out.ok();
            }
            "REPLY" => return self.client_reply(args, out),
            "SETINFO" => return self.client_setinfo(args, out),
            "SETNAME" => {
                self.set_name(args.at(2))?;
                out.ok();
            }
            _ => return Err(Error::unknown_subcommand(args.at(1), "CLIENT")),
        }
        Ok(())
    }

    pub(super) fn set_name(&self, name: &[u8]) -> Result<()> {
        if !is_printable(name) {
            return Err(Error::CLIENT_NAME);
        }
        self.client.change_texts(|texts| texts.name = name.to_vec());
        Ok(())
    }

    /// KILL address, or KILL filter value [filter value ...].
    fn client_kill(&mut self, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        let filter = client::Filter::of_kill(args)?;
        let (killed, own) = client::kill(self.engine.store(), &filter, Some(self.client.id));
        match args.len() {
            3 if killed == 0 => return Err(Error::NO_SUCH_CLIENT),
            3 => out.ok(),
            _ => out.length(killed),
        }
        // The caller gets this reply yet.
        self.is_closing |= own;
        Ok(())
    }

    fn client_reply(&mut self, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        if args.is(2, "ON") {
            self.replies = Replies::On;
            out.ok();
        } else if args.is(2, "OFF") {
            self.replies = Replies::Off;
        } else if args.is(2, "SKIP") {
            if self.replies != Replies::Off {
                self.replies = Replies::SkipNext;
            }
        } else {
            return Err(Error::SYNTAX);
        }
        Ok(())
    }

    /// SETINFO <LIB-NAME name | LIB-VER version>.
    fn client_setinfo(&mut self, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
        let value = args.at(3);
        let is_name = args.is(2, "LIB-NAME");
        if !is_name && !args.is(2, "LIB-VER") {
            return Err(Error::unrecognized_option(args.at(2)));
        }
        if !is_printable(value) {
            return Err(if is_name { Error::LIB_NAME } else { Error::LIB_VERSION });
        }
        self.client.change_texts(|texts| {
            *(if is_name { &mut texts.lib_name } else { &mut texts.lib_version }) = value.to_vec();
        });
        out.ok();
        Ok(())
    }
}
