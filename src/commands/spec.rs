//! [`CommandSpec`]: one command's row. `COMMAND`, key extraction, locking, scripts' checks and the README's list all
//! read it.

use super::Args;
use crate::error::Result;
use crate::keyspace::Ctx;
use crate::reply::Reply;

/// Flags of a command, as `COMMAND INFO` names them in lower case.
pub(crate) mod flag {
    pub(crate) const WRITE: u32 = 1;
    pub(crate) const READONLY: u32 = 1 << 1;
    pub(crate) const DENYOOM: u32 = 1 << 2;
    pub(crate) const ADMIN: u32 = 1 << 3;
    pub(crate) const PUBSUB: u32 = 1 << 4;
    pub(crate) const NOSCRIPT: u32 = 1 << 5;
    pub(crate) const BLOCKING: u32 = 1 << 6;
    pub(crate) const LOADING: u32 = 1 << 7;
    pub(crate) const STALE: u32 = 1 << 8;
    pub(crate) const SKIP_MONITOR: u32 = 1 << 9;
    pub(crate) const SKIP_SLOWLOG: u32 = 1 << 10;
    pub(crate) const FAST: u32 = 1 << 11;
    pub(crate) const NO_AUTH: u32 = 1 << 12;
    pub(crate) const MAY_REPLICATE: u32 = 1 << 13;
    pub(crate) const NO_MULTI: u32 = 1 << 14;
    pub(crate) const MOVABLEKEYS: u32 = 1 << 15;
    pub(crate) const ALLOW_BUSY: u32 = 1 << 16;
    pub(crate) const NO_ASYNC_LOADING: u32 = 1 << 17;
    pub(crate) const NO_MANDATORY_KEYS: u32 = 1 << 18;

    /// Not one of Redis's: the command looks at or changes the key space as a whole, so it needs every shard.
    pub(crate) const ALL_KEYS: u32 = 1 << 31;
}

/// What a command does with a key, as the key specifications of `COMMAND INFO` say it.
pub(crate) mod access {
    pub(crate) const RO: u32 = 1;
    pub(crate) const RW: u32 = 1 << 1;
    pub(crate) const OW: u32 = 1 << 2;
    pub(crate) const RM: u32 = 1 << 3;
    pub(crate) const ACCESS: u32 = 1 << 4;
    pub(crate) const UPDATE: u32 = 1 << 5;
    pub(crate) const INSERT: u32 = 1 << 6;
    pub(crate) const DELETE: u32 = 1 << 7;
    pub(crate) const VARIABLE_FLAGS: u32 = 1 << 8;
}

/// Where keys stand among the arguments, the command's name being argument 0.
#[derive(Clone, Copy)]
pub(crate) struct KeySpec {
    pub(crate) first: usize,
    pub(crate) find: FindKeys,
    pub(crate) access: u32,
}

#[derive(Clone, Copy)]
pub(crate) enum FindKeys {
    /// From the first to `last`, every `step`-th. `last` counts from the first key, or from the end when negative.
    Range { last: i8, step: u8 },
    /// The first position holds the number of keys, which begin at the next one.
    Counted,
}

/// The sort of a command, as `COMMAND DOCS` names it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Connection,
    Generic,
    Scripting,
    Server,
    String,
}

/// Who runs a command.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// The store itself.
    Store(fn(&mut Ctx<'_>, Args<'_>, &mut dyn Reply) -> Result<()>),
    /// The store, for what needs no key but looks at the store as a whole (INFO, COMMAND).
    Server(fn(&crate::store::Store, Args<'_>, &mut dyn Reply) -> Result<()>),
    /// The script engine; its operation is in `engine/commands.rs`.
    Engine,
    /// The session; its operation is in `session.rs`.
    Session,
    /// Only a name for its subcommands.
    Container,
}

/// One row of the command table.
#[derive(Clone, Copy)]
pub(crate) struct CommandSpec {
    /// In capitals; a subcommand's own word only.
    pub(crate) name: &'static str,
    pub(crate) handler: Handler,
    pub(crate) summary: &'static str,
    pub(crate) since: &'static str,
    pub(crate) complexity: &'static str,
    /// The arguments in the notation of the public documentation, without the command's name.
    pub(crate) syntax: &'static str,
    pub(crate) group: Group,
    /// The number of arguments with the name; a negative one means at least that many.
    pub(crate) arity: i8,
    pub(crate) flags: u32,
    pub(crate) keys: &'static [KeySpec],
    /// Hints for clients, as `COMMAND INFO` gives them.
    pub(crate) tips: &'static [&'static str],
    pub(crate) subcommands: &'static [CommandSpec],
}

impl CommandSpec {
    const fn with(name: &'static str, handler: Handler) -> CommandSpec {
        CommandSpec {
            name,
            handler,
            summary: "",
            since: "",
            complexity: "O(1)",
            syntax: "",
            group: Group::Generic,
            arity: 1,
            flags: 0,
            keys: &[],
            tips: &[],
            subcommands: &[],
        }
    }

    pub(crate) const fn new(
        name: &'static str,
        run: fn(&mut Ctx<'_>, Args<'_>, &mut dyn Reply) -> Result<()>,
    ) -> CommandSpec {
        CommandSpec::with(name, Handler::Store(run))
    }

    pub(crate) const fn server(
        name: &'static str,
        run: fn(&crate::store::Store, Args<'_>, &mut dyn Reply) -> Result<()>,
    ) -> CommandSpec {
        CommandSpec::with(name, Handler::Server(run))
    }

    pub(crate) const fn engine(name: &'static str) -> CommandSpec {
        CommandSpec::with(name, Handler::Engine).group(Group::Scripting)
    }

    pub(crate) const fn session(name: &'static str) -> CommandSpec {
        CommandSpec::with(name, Handler::Session).group(Group::Connection)
    }

    pub(crate) const fn container(name: &'static str, subcommands: &'static [CommandSpec]) -> CommandSpec {
        let mut row = CommandSpec::with(name, Handler::Container);
        row.subcommands = subcommands;
        row.arity = -2;
        row
    }

    pub(crate) const fn summary(mut self, summary: &'static str) -> CommandSpec {
        self.summary = summary;
        self
    }

    pub(crate) const fn since(mut self, since: &'static str) -> CommandSpec {
        self.since = since;
        self
    }

    pub(crate) const fn complexity(mut self, complexity: &'static str) -> CommandSpec {
        self.complexity = complexity;
        self
    }

    pub(crate) const fn syntax(mut self, syntax: &'static str) -> CommandSpec {
        self.syntax = syntax;
        self
    }

    pub(crate) const fn group(mut self, group: Group) -> CommandSpec {
        self.group = group;
        self
    }

    pub(crate) const fn arity(mut self, arity: i8) -> CommandSpec {
        self.arity = arity;
        self
    }

    pub(crate) const fn flags(mut self, flags: u32) -> CommandSpec {
        self.flags = flags;
        self
    }

    pub(crate) const fn keys(mut self, keys: &'static [KeySpec]) -> CommandSpec {
        self.keys = keys;
        self
    }

    pub(crate) const fn tips(mut self, tips: &'static [&'static str]) -> CommandSpec {
        self.tips = tips;
        self
    }

    pub(crate) const fn is(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    /// Whether this many arguments, the name included, fit.
    #[inline]
    pub(crate) const fn takes(&self, arguments: usize) -> bool {
        if self.arity >= 0 {
            arguments == self.arity as usize
        } else {
            arguments >= self.arity.unsigned_abs() as usize
        }
    }
}

/// One key at `first`.
pub(crate) const fn key(first: usize, access: u32) -> KeySpec {
    KeySpec { first, find: FindKeys::Range { last: 0, step: 1 }, access }
}

/// Keys from `first` to `last` (from the end when negative), every `step`-th.
pub(crate) const fn keys(first: usize, last: i8, step: u8, access: u32) -> KeySpec {
    KeySpec { first, find: FindKeys::Range { last, step }, access }
}

/// A number of keys at `at`, and the keys behind it.
pub(crate) const fn counted_keys(at: usize, access: u32) -> KeySpec {
    KeySpec { first: at, find: FindKeys::Counted, access }
}

impl KeySpec {
    /// The positions of the keys among `args`; `None` where a count is not a number or is past the end.
    pub(crate) fn positions(&self, args: Args<'_>) -> Option<impl Iterator<Item = usize> + use<>> {
        let (first, last, step) = match self.find {
            FindKeys::Range { last, step } => {
                let last = if last >= 0 {
                    self.first + last.unsigned_abs() as usize
                } else {
                    args.len().checked_sub(last.unsigned_abs() as usize)?
                };
                (self.first, last, step)
            }
            FindKeys::Counted => {
                let count = usize::try_from(crate::num::parse_i64(args.get(self.first)?)?).ok()?;
                let last = self.first.checked_add(count)?;
                (self.first + 1, last, 1)
            }
        };
        (last < args.len()).then(|| (first..=last).step_by(step.max(1).into()))
    }
}
