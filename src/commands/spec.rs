//! [`CommandSpec`]: one command's row. `COMMAND`, key extraction, locking, scripts' checks and the README's list all
//! read it.

use super::Args;
use crate::error::Result;
use crate::keyspace::{Ctx, Wait};
use crate::protocol::Protocol;
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
    /// Not one of Redis's: with `ALL_KEYS`, every shard alone, though the command is no writer by its other flags.
    pub(crate) const EXCLUSIVE: u32 = 1 << 30;
    /// Not one of Redis's: the command runs only where the store's builder allowed it.
    pub(crate) const PROTECTED: u32 = 1 << 29;

    /// In the order in which `COMMAND INFO` gives them.
    pub(crate) const NAMES: &[(u32, &str)] = &[
        (WRITE, "write"),
        (READONLY, "readonly"),
        (DENYOOM, "denyoom"),
        (ADMIN, "admin"),
        (PUBSUB, "pubsub"),
        (NOSCRIPT, "noscript"),
        (BLOCKING, "blocking"),
        (LOADING, "loading"),
        (STALE, "stale"),
        (SKIP_MONITOR, "skip_monitor"),
        (SKIP_SLOWLOG, "skip_slowlog"),
        (FAST, "fast"),
        (NO_AUTH, "no_auth"),
        (NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (NO_ASYNC_LOADING, "no_async_loading"),
        (NO_MULTI, "no_multi"),
        (MOVABLEKEYS, "movablekeys"),
        (ALLOW_BUSY, "allow_busy"),
    ];
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
    /// What happens to the key depends on the other arguments; the other bits are the most that it can be.
    pub(crate) const VARIABLE_FLAGS: u32 = 1 << 8;
    /// It is no key, but a cluster would send it where a key of this name is (a channel of SPUBLISH).
    pub(crate) const NOT_KEY: u32 = 1 << 9;

    pub(crate) const NAMES: &[(u32, &str)] = &[
        (RO, "RO"),
        (RW, "RW"),
        (OW, "OW"),
        (RM, "RM"),
        (ACCESS, "access"),
        (UPDATE, "update"),
        (INSERT, "insert"),
        (DELETE, "delete"),
        (VARIABLE_FLAGS, "variable_flags"),
        (NOT_KEY, "not_key"),
    ];
}

/// The categories of access control lists. Most follow from a row's flags and group
/// ([`CommandSpec::all_categories`]); a row states the others.
pub(crate) mod category {
    pub(crate) const KEYSPACE: u32 = 1;
    pub(crate) const READ: u32 = 1 << 1;
    pub(crate) const WRITE: u32 = 1 << 2;
    pub(crate) const STRING: u32 = 1 << 3;
    pub(crate) const PUBSUB: u32 = 1 << 4;
    pub(crate) const ADMIN: u32 = 1 << 5;
    pub(crate) const FAST: u32 = 1 << 6;
    pub(crate) const SLOW: u32 = 1 << 7;
    pub(crate) const BLOCKING: u32 = 1 << 8;
    pub(crate) const DANGEROUS: u32 = 1 << 9;
    pub(crate) const CONNECTION: u32 = 1 << 10;
    pub(crate) const SCRIPTING: u32 = 1 << 11;
    pub(crate) const LIST: u32 = 1 << 12;
    pub(crate) const SORTED_SET: u32 = 1 << 13;
    pub(crate) const HASH: u32 = 1 << 14;
    pub(crate) const SET: u32 = 1 << 15;
    pub(crate) const TRANSACTION: u32 = 1 << 16;

    /// With the sign that `COMMAND INFO` puts before them, and in its order.
    pub(crate) const NAMES: &[(u32, &str)] = &[
        (KEYSPACE, "@keyspace"),
        (READ, "@read"),
        (WRITE, "@write"),
        (SET, "@set"),
        (SORTED_SET, "@sortedset"),
        (LIST, "@list"),
        (HASH, "@hash"),
        (STRING, "@string"),
        (PUBSUB, "@pubsub"),
        (ADMIN, "@admin"),
        (FAST, "@fast"),
        (SLOW, "@slow"),
        (BLOCKING, "@blocking"),
        (DANGEROUS, "@dangerous"),
        (CONNECTION, "@connection"),
        (TRANSACTION, "@transaction"),
        (SCRIPTING, "@scripting"),
    ];
}

/// The names of the bits that are set.
pub(crate) fn names(bits: u32, names: &[(u32, &'static str)]) -> Vec<&'static str> {
    names.iter().filter(|(bit, _)| bits & bit != 0).map(|&(_, name)| name).collect()
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
    /// At the position that the function finds, if there is such a key; `argument` is its name in the syntax.
    Found { position: fn(Args<'_>) -> Option<usize>, argument: &'static str },
    /// Not among the arguments: the names derive from what other keys hold. The function tells whether there may be
    /// any, which are then all keys; `argument` is the name in the syntax of what they derive from.
    Derived { any: fn(Args<'_>) -> bool, argument: &'static str },
}

/// The sort of a command, as `COMMAND DOCS` names it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Cluster,
    Connection,
    Generic,
    Hash,
    List,
    Pubsub,
    Scripting,
    Server,
    Set,
    SortedSet,
    String,
    Transactions,
}

impl Group {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Group::Cluster => "cluster",
            Group::Connection => "connection",
            Group::Generic => "generic",
            Group::Hash => "hash",
            Group::List => "list",
            Group::Pubsub => "pubsub",
            Group::Scripting => "scripting",
            Group::Server => "server",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::String => "string",
            Group::Transactions => "transactions",
        }
    }
}

/// Parses a command's arguments, runs its operation and writes its reply.
pub(crate) type StoreFn = fn(&mut Ctx<'_>, Args<'_>, &mut dyn Reply) -> Result<()>;

/// Reads the arguments of a command that may wait, for a caller of this protocol.
pub(crate) type WaitFn = fn(Args<'_>, Protocol) -> Result<Wait>;

/// Who runs a command.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// The store itself.
    Store(StoreFn),
    /// The store, for what needs neither keys nor the time (COMMAND, HELP). It takes no shard's lock, so it may run
    /// while its caller holds some.
    Server(fn(&crate::store::Store, Args<'_>, &mut dyn Reply) -> Result<()>),
    /// The store; the command may wait for its keys where its caller can wait.
    Waiting(WaitFn),
    /// The script engine; its operation is in `engine/commands.rs`.
    Engine,
    /// The session; its operation is in `session/`.
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
    /// The arguments, without the command's name, in the notation of the public documentation; `COMMAND DOCS` takes
    /// its tree of arguments from here.
    ///
    /// | written | means |
    /// |---|---|
    /// | `seconds` | an argument; its type follows from its position (a key) or its name |
    /// | `increment:double` | an argument of the type named |
    /// | `KEEPTTL` | a token, the word itself |
    /// | `EX seconds` | an argument behind a token |
    /// | `[…]`, `<…>` | optional, required |
    /// | `[NX or XX]`, with a bar for the word "or" | one of them |
    /// | `[AUTH username password]` | several arguments behind a token |
    /// | `key value [key value ...]` | as often as wanted, the first time included |
    /// | `[arguments: …]` | the group has this name; without it, one that its parts suggest |
    pub(crate) syntax: &'static str,
    pub(crate) group: Group,
    /// The number of arguments with the name; a negative one means at least that many.
    pub(crate) arity: i8,
    pub(crate) flags: u32,
    /// Categories of access control lists that do not follow from the flags and the group.
    pub(crate) categories: u32,
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
            categories: 0,
            keys: &[],
            tips: &[],
            subcommands: &[],
        }
    }

    pub(crate) const fn new(name: &'static str, run: StoreFn) -> CommandSpec {
        CommandSpec::with(name, Handler::Store(run))
    }

    pub(crate) const fn server(
        name: &'static str,
        run: fn(&crate::store::Store, Args<'_>, &mut dyn Reply) -> Result<()>,
    ) -> CommandSpec {
        CommandSpec::with(name, Handler::Server(run))
    }

    pub(crate) const fn waiting(name: &'static str, read: WaitFn) -> CommandSpec {
        CommandSpec::with(name, Handler::Waiting(read))
    }

    pub(crate) const fn engine(name: &'static str) -> CommandSpec {
        CommandSpec::with(name, Handler::Engine).group(Group::Scripting)
    }

    pub(crate) const fn session(name: &'static str) -> CommandSpec {
        CommandSpec::with(name, Handler::Session).group(Group::Connection)
    }

    pub(crate) const fn container(name: &'static str, subcommands: &'static [CommandSpec]) -> CommandSpec {
        CommandSpec::with(name, Handler::Container).subcommands(subcommands).arity(-2)
    }

    pub(crate) const fn subcommands(mut self, subcommands: &'static [CommandSpec]) -> CommandSpec {
        self.subcommands = subcommands;
        self
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

    pub(crate) const fn categories(mut self, categories: u32) -> CommandSpec {
        self.categories = categories;
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

    /// All categories of access control lists that the command is in.
    pub(crate) fn all_categories(&self) -> u32 {
        let mut all = self.categories;
        all |= match self.group {
            _ if matches!(self.handler, Handler::Container) => 0,
            Group::Connection => category::CONNECTION,
            // What works on values of some types is in their categories instead.
            Group::Generic
                if self.categories & (category::LIST | category::SET | category::CONNECTION) != 0 =>
            {
                0
            }
            Group::Generic => category::KEYSPACE,
            Group::Hash => category::HASH,
            Group::List => category::LIST,
            Group::Scripting => category::SCRIPTING,
            Group::Set => category::SET,
            Group::SortedSet => category::SORTED_SET,
            Group::String => category::STRING,
            Group::Transactions => category::TRANSACTION,
            Group::Cluster | Group::Pubsub | Group::Server => 0,
        };
        let implied = [
            (flag::WRITE, category::WRITE),
            (flag::ADMIN, category::ADMIN | category::DANGEROUS),
            (flag::PUBSUB, category::PUBSUB),
            (flag::BLOCKING, category::BLOCKING),
        ];
        all |= implied.iter().filter(|(flag, _)| self.is(*flag)).fold(0, |all, (_, implied)| all | implied);
        // What a read-only script reads is not known, so EVAL_RO is no plain reader.
        if self.is(flag::READONLY) && all & category::SCRIPTING == 0 {
            all |= category::READ;
        }
        all | if self.is(flag::FAST) { category::FAST } else { category::SLOW }
    }

    /// First key, last key and step, as `COMMAND` said it before there were key specifications: the ranges that
    /// follow one another without a gap as one; all 0 where that cannot tell the keys.
    pub(crate) fn key_range(&self) -> (i64, i64, i64) {
        let ranges = self.keys.iter().filter_map(|keys| match keys.find {
            FindKeys::Range { last, step } => {
                let first = keys.first as i64;
                let last = if last < 0 { i64::from(last) } else { first + i64::from(last) };
                Some((first, last, i64::from(step)))
            }
            FindKeys::Counted | FindKeys::Found { .. } | FindKeys::Derived { .. } => None,
        });
        let joined = ranges.reduce(|so_far, next| {
            if so_far.1 + 1 == next.0 && so_far.2 == 1 && next.2 == 1 {
                (so_far.0, next.1, 1)
            } else {
                so_far
            }
        });
        joined.unwrap_or_default()
    }

    /// Whether the command may touch keys that are not among its arguments.
    #[inline]
    pub(crate) fn reaches_all_keys(&self, args: Args<'_>) -> bool {
        let derives = |keys: &KeySpec| matches!(keys.find, FindKeys::Derived { any, .. } if any(args));
        self.is(flag::ALL_KEYS) || self.keys.iter().any(derives)
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

/// A key whose position depends on the other arguments.
pub(crate) const fn found_key(
    position: fn(Args<'_>) -> Option<usize>,
    argument: &'static str,
    access: u32,
) -> KeySpec {
    KeySpec { first: 0, find: FindKeys::Found { position, argument }, access }
}

/// Keys whose names derive from what other keys hold.
pub(crate) const fn derived_keys(any: fn(Args<'_>) -> bool, argument: &'static str, access: u32) -> KeySpec {
    KeySpec { first: 0, find: FindKeys::Derived { any, argument }, access }
}

impl KeySpec {
    /// The positions of the keys among `args`; `None` where a count is not a number or is past the end.
    pub(crate) fn positions(&self, args: Args<'_>) -> Option<impl Iterator<Item = usize> + use<>> {
        if self.access & access::NOT_KEY != 0 {
            return None;
        }
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
            FindKeys::Found { position, .. } => {
                let at = position(args)?;
                (at, at, 1)
            }
            FindKeys::Derived { .. } => return None,
        };
        (last < args.len()).then(|| (first..=last).step_by(step.max(1).into()))
    }
}
