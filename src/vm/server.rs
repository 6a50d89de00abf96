//! [`Server`]: whose texts and tables a state has. It is chosen when the state is made and costs nothing later: tables
//! are built once, and texts are read where something went wrong.

use std::ffi::CStr;

use crate::error::ScriptTexts;

/// A server that a state can look like to its scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Server {
    /// Redis, with the names that Valkey added.
    #[default]
    Any,
    Redis,
    Valkey,
    Dragonfly,
}

impl Server {
    pub(crate) fn texts(self) -> &'static ScriptTexts {
        match self {
            Server::Any | Server::Redis => ScriptTexts::REDIS,
            Server::Valkey => ScriptTexts::VALKEY,
            Server::Dragonfly => ScriptTexts::DRAGONFLY,
        }
    }

    /// The global names of the table of functions.
    pub(super) fn tables(self) -> &'static [&'static CStr] {
        match self {
            Server::Any | Server::Valkey => &[c"redis", c"server"],
            Server::Redis | Server::Dragonfly => &[c"redis"],
        }
    }

    /// The global names of the error handler.
    pub(super) fn handlers(self) -> &'static [&'static CStr] {
        match self {
            Server::Any | Server::Valkey => &[c"__redis__err__handler", c"__server__err__handler"],
            Server::Redis | Server::Dragonfly => &[c"__redis__err__handler"],
        }
    }

    /// Fields of the table of functions that the server does not have.
    pub(super) fn lacks(self) -> &'static [&'static CStr] {
        match self {
            Server::Any | Server::Redis | Server::Valkey => &[],
            Server::Dragonfly => &[
                c"REDIS_VERSION",
                c"REDIS_VERSION_NUM",
                c"acl_check_cmd",
                c"breakpoint",
                c"debug",
                c"set_repl",
                c"setresp",
            ],
        }
    }

    /// Whether a write of a global is told from one of a library's field, as what reaches for `_G` is.
    pub(super) fn names_globals(self) -> bool {
        self == Server::Dragonfly
    }

    /// Whether `error_reply` gives a text of one word the code `ERR`.
    pub(super) fn adds_code(self) -> bool {
        self != Server::Dragonfly
    }

    /// What stands before a script when it is compiled: on Dragonfly it is the inside of a function that begins on the
    /// first line.
    pub(super) fn prologue(self) -> &'static [u8] {
        if self == Server::Dragonfly { b"\n" } else { b"" }
    }
}
