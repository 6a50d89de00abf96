//! What a script may do, as it says in its first line or as the engine was told.
//!
//! Two forms are read: Redis's and Valkey's `#!lua flags=…`, and Dragonfly's `--!df flags=…`. Flags of both families may
//! stand in either, unless the engine's [`Dialect`] is one of theirs.

use crate::commands::{Args, Command, flag};
use crate::error::{Error, ScriptTexts};
use crate::store::Overdue;
use crate::vm::Server;

/// Something that a script may do, or promises not to do.
///
/// A script says it in its first line (`#!lua flags=no-writes,disable-atomicity`);
/// [`EngineBuilder::default_flags`](crate::EngineBuilder::default_flags) says it of scripts that do not, and
/// [`Engine::script_flags`](crate::Engine::script_flags) of a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScriptFlag {
    /// `no-writes`: the script only reads, and commands that write fail in it.
    NoWrites,
    /// `allow-oom`: the script may run when the memory limit is reached.
    AllowOom,
    /// `allow-stale`: kept for servers with replicas; it means nothing here.
    AllowStale,
    /// `no-cluster`: kept for servers in a cluster; it means nothing here.
    NoCluster,
    /// `allow-cross-slot-keys`: kept for servers in a cluster; it means nothing here.
    AllowCrossSlotKeys,
    /// `allow-undeclared-keys`: the script may touch keys that it was not called with.
    AllowUndeclaredKeys,
    /// `deny-undeclared-keys`: the script may not, and runs beside scripts with other keys.
    DenyUndeclaredKeys,
    /// `disable-atomicity`: each call of a command locks for itself, and other threads' commands run between them.
    DisableAtomicity,
    /// `rollback`: if the script fails, or is stopped, every key is put back as it was. Not beside `disable-atomicity`.
    Rollback,
}

impl ScriptFlag {
    pub(super) const ALL: [(ScriptFlag, &'static [u8]); 9] = [
        (ScriptFlag::NoWrites, b"no-writes"),
        (ScriptFlag::AllowOom, b"allow-oom"),
        (ScriptFlag::AllowStale, b"allow-stale"),
        (ScriptFlag::NoCluster, b"no-cluster"),
        (ScriptFlag::AllowCrossSlotKeys, b"allow-cross-slot-keys"),
        (ScriptFlag::AllowUndeclaredKeys, b"allow-undeclared-keys"),
        (ScriptFlag::DenyUndeclaredKeys, b"deny-undeclared-keys"),
        (ScriptFlag::DisableAtomicity, b"disable-atomicity"),
        (ScriptFlag::Rollback, b"rollback"),
    ];

    /// The flag of this name, which is case-sensitive.
    pub(super) fn named(name: &[u8]) -> Option<ScriptFlag> {
        ScriptFlag::ALL.iter().find(|(_, named)| *named == name).map(|&(flag, _)| flag)
    }

    /// Its name in a script's first line.
    pub(super) fn name(self) -> &'static [u8] {
        ScriptFlag::ALL.iter().find(|(flag, _)| *flag == self).map_or(b"", |(_, name)| name)
    }

    pub(super) fn is_of(self, dialect: Dialect) -> bool {
        let is_redis = matches!(
            self,
            ScriptFlag::NoWrites
                | ScriptFlag::AllowOom
                | ScriptFlag::AllowStale
                | ScriptFlag::NoCluster
                | ScriptFlag::AllowCrossSlotKeys
        );
        let is_dragonfly = matches!(
            self,
            ScriptFlag::NoWrites | ScriptFlag::AllowUndeclaredKeys | ScriptFlag::DisableAtomicity
        );
        match dialect {
            Dialect::Any => true,
            Dialect::Redis | Dialect::Valkey => is_redis,
            Dialect::Dragonfly => is_dragonfly,
        }
    }
}

/// Whose rules an engine follows where the servers disagree: which flags scripts may have, which names they see and
/// which errors they get.
///
/// The language is the one that the crate is built with in every dialect (5.1, where Dragonfly's own is 5.4), numbers become arguments as
/// [`NumberFormat`](crate::NumberFormat) says, time stands still while a script runs, there is `os.clock`, and no
/// command and no method of [`Engine`](crate::Engine) goes away but subcommands of SCRIPT by name.
///
/// # Examples
///
/// ```
/// use redmoon::{Dialect, Engine, NONE, Store};
///
/// let unknown = |dialect| {
///     let engine = Engine::builder(Store::new()).dialect(dialect).build();
///     engine.eval("return redis.pcall('NOSUCH')", NONE, NONE).unwrap_err().to_string()
/// };
/// assert_eq!(unknown(Dialect::Redis), "ERR Unknown Redis command called from script");
/// assert_eq!(unknown(Dialect::Valkey), "ERR Unknown command called from script");
/// assert_eq!(unknown(Dialect::Dragonfly), "ERR unknown command `NOSUCH`");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// All flags, forms and names are understood, `server` as another name of `redis` too; texts are those of Redis 7.0.
    #[default]
    Any,
    /// Redis's flags, names and texts, as 7.0 has them.
    Redis,
    /// Redis's flags; the names and texts of Valkey 8.0: the table is `server` in texts, `redis` is the same table, and it
    /// knows the version of Valkey.
    Valkey,
    /// Dragonfly's flags; its texts as far as they are documented, and the form that it gives to a script's error:
    /// `ERR Error running script (call to SHA): @user_script:LINE: …`, where lines count from 2. The table `redis` is without
    /// `setresp`, `set_repl`, `acl_check_cmd`, `breakpoint`, `debug` and the version. What only Dragonfly has
    /// (`redis.acall`, the table `dragonfly`) is not there.
    Dragonfly,
}

impl Dialect {
    /// What the Lua states look like.
    pub(super) fn server(self) -> Server {
        match self {
            Dialect::Any => Server::Any,
            Dialect::Redis => Server::Redis,
            Dialect::Valkey => Server::Valkey,
            Dialect::Dragonfly => Server::Dragonfly,
        }
    }

    pub(super) fn texts(self) -> &'static ScriptTexts {
        self.server().texts()
    }

    /// What a script that is past its time, or a function, is to those who wait for it.
    pub(super) fn overdue(self, is_function: bool) -> Overdue {
        match (self, is_function) {
            (Dialect::Valkey, false) => Overdue::ValkeyScript,
            (Dialect::Valkey, true) => Overdue::ValkeyFunction,
            (_, false) => Overdue::Script,
            (_, true) => Overdue::Function,
        }
    }

    /// An error of Redis's in the words of this dialect.
    #[cold]
    pub(super) fn reword(self, error: Error) -> Error {
        match self {
            Dialect::Valkey if error == Error::BUSY => Error::BUSY_VALKEY,
            Dialect::Valkey if error == Error::BUSY_FUNCTION => Error::BUSY_VALKEY_FUNCTION,
            Dialect::Dragonfly if error == Error::NEGATIVE_KEYS => Error::NOT_INTEGER,
            _ => error,
        }
    }

    /// The same for an error about a command that was not found, or has the wrong number of arguments.
    #[cold]
    pub(crate) fn reword_look_up(self, args: Args<'_>, error: Error) -> Error {
        if self == Dialect::Dragonfly && args.is(0, "SCRIPT") && args.len() > 1 {
            return self.unknown_script_command(args);
        }
        error
    }

    /// Whether there is such a subcommand of SCRIPT.
    pub(super) fn has_script_command(self, name: &str) -> bool {
        match self {
            Dialect::Any => true,
            Dialect::Redis => !matches!(name, "SHOW" | "FLAGS" | "LATENCY" | "LIST"),
            Dialect::Valkey => !matches!(name, "FLAGS" | "LATENCY" | "LIST"),
            Dialect::Dragonfly => !matches!(name, "SHOW" | "KILL"),
        }
    }

    pub(super) fn unknown_script_command(self, args: Args<'_>) -> Error {
        match self {
            Dialect::Dragonfly => Error::unknown_or_wrong_subcommand(args.at(1), "SCRIPT"),
            _ => Error::unknown_subcommand(args.at(1), "SCRIPT"),
        }
    }

    /// Whether scripts may not call a command. Valkey lets them call those that wait, and they do not wait then.
    pub(super) fn bars(self, command: &Command) -> bool {
        let is_let = self == Dialect::Valkey && command.spec.is(flag::BLOCKING);
        command.spec.is(flag::NOSCRIPT) && !is_let
    }

    /// Dragonfly lets a script that has locked its keys stay in its database only.
    ///
    /// # Errors
    ///
    /// The command leaves it.
    pub(super) fn check_select(self, command: &Command, args: Args<'_>, db: usize) -> Result<(), Error> {
        let leaves = self == Dialect::Dragonfly
            && command.spec.name == "SELECT"
            && args.integer(1).is_ok_and(|other| usize::try_from(other) != Ok(db));
        if leaves { Err(Error::SELECT_IN_SCRIPT) } else { Ok(()) }
    }
}

/// What a script says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// Whether there is a `#!` line at all: such a script is held to its flags.
    pub(crate) strict: bool,
    pub(crate) no_writes: bool,
    pub(crate) allow_oom: bool,
    pub(crate) allow_stale: bool,
    pub(crate) no_cluster: bool,
    pub(crate) allow_cross_slot_keys: bool,
    /// Whether the script may touch keys that it was not called with; the engine's setting where it does not say.
    pub(crate) undeclared_keys: Option<bool>,
    pub(crate) disable_atomicity: bool,
    pub(crate) rollback: bool,
}

impl Flags {
    /// Reads the first line. Answers the flags, `None` if the script says nothing, and how many bytes of the source to
    /// leave out: the line's end stays, so that line numbers are right.
    ///
    /// # Errors
    ///
    /// What is wrong with the line.
    pub(crate) fn read(source: &[u8], dialect: Dialect) -> Result<(Option<Flags>, usize), Error> {
        if source.starts_with(b"#!") {
            let (flags, skip) = Flags::read_shebang(source, dialect)?;
            if flags.rollback && flags.disable_atomicity {
                return Err(Error::ROLLBACK_IN_PARTS);
            }
            return Ok((Some(flags), skip));
        }
        if matches!(dialect, Dialect::Any | Dialect::Dragonfly)
            && let Some(list) = source.trim_ascii_start().strip_prefix(b"--!df flags=")
            && let Some(end) = list.iter().position(u8::is_ascii_whitespace)
        {
            let mut flags = Flags::default();
            let names = list[..end].split(|byte| matches!(byte, b',' | b';'));
            for name in names.filter(|name| !name.is_empty() && *name != b"legacy-float") {
                let flag = ScriptFlag::named(name).filter(|flag| flag.is_of(dialect));
                flags.set(flag.ok_or_else(|| Error::invalid_flag(name))?);
            }
            return Ok((Some(flags), 0));
        }
        Ok((None, 0))
    }

    fn read_shebang(source: &[u8], dialect: Dialect) -> Result<(Flags, usize), Error> {
        let end = source.iter().position(|&byte| matches!(byte, b'\n' | 0));
        let end = end.filter(|&end| source[end] == b'\n').ok_or(Error::INVALID_SHEBANG)?;
        let words = split(&source[..end]).ok_or(Error::INVALID_SHEBANG_ENGINE)?;
        let mut words = words.iter();
        match words.next() {
            Some(word) if word == b"#!lua" => {}
            word => {
                let word = word.map(Vec::as_slice).unwrap_or_default();
                return Err(Error::shebang("Unexpected engine in script shebang", word));
            }
        }
        let mut flags = Flags { strict: true, ..Flags::default() };
        for word in words {
            let Some(list) = word.strip_prefix(b"flags=") else {
                return Err(Error::shebang("Unknown lua shebang option", word));
            };
            if !list.is_empty() {
                for name in list.split(|&byte| byte == b',') {
                    let flag = ScriptFlag::named(name).filter(|flag| flag.is_of(dialect));
                    flags.set(flag.ok_or_else(|| Error::shebang("Unexpected flag in script shebang", name))?);
                }
            }
        }
        Ok((flags, end))
    }

    pub(super) fn set(&mut self, flag: ScriptFlag) {
        match flag {
            ScriptFlag::NoWrites => self.no_writes = true,
            ScriptFlag::AllowOom => self.allow_oom = true,
            ScriptFlag::AllowStale => self.allow_stale = true,
            ScriptFlag::NoCluster => self.no_cluster = true,
            ScriptFlag::AllowCrossSlotKeys => self.allow_cross_slot_keys = true,
            ScriptFlag::AllowUndeclaredKeys => self.undeclared_keys = Some(true),
            ScriptFlag::DenyUndeclaredKeys => self.undeclared_keys = Some(false),
            ScriptFlag::DisableAtomicity => self.disable_atomicity = true,
            ScriptFlag::Rollback => self.rollback = true,
        }
    }
}

impl FromIterator<ScriptFlag> for Flags {
    fn from_iter<I: IntoIterator<Item = ScriptFlag>>(flags: I) -> Flags {
        let mut all = Flags::default();
        flags.into_iter().for_each(|flag| all.set(flag));
        all
    }
}

/// Splits a line into words as Redis's command line does: double quotes with escapes, single quotes, a quoted part
/// must end its word. `None` for quotes that do not match.
pub(super) fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let start = rest.iter().position(|byte| !is_space(*byte));
        let Some(start) = start else { return Some(words) };
        rest = &rest[start..];
        let mut word = Vec::new();
        loop {
            match rest {
                [b'"', tail @ ..] => {
                    rest = double_quoted(tail, &mut word)?;
                    if rest.first().is_some_and(|&byte| !is_space(byte)) {
                        return None;
                    }
                }
                [b'\'', tail @ ..] => {
                    rest = single_quoted(tail, &mut word)?;
                    if rest.first().is_some_and(|&byte| !is_space(byte)) {
                        return None;
                    }
                }
                [byte, tail @ ..] if !is_space(*byte) => {
                    word.push(*byte);
                    rest = tail;
                }
                _ => break,
            }
        }
        words.push(word);
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

/// Takes up to the closing quote; answers what is behind it.
fn double_quoted<'l>(mut rest: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        rest = match rest {
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
                word.push(digit(*high) << 4 | digit(*low));
                tail
            }
            [b'\\', byte, tail @ ..] => {
                word.push(match byte {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    byte => *byte,
                });
                tail
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                tail
            }
            [] => return None,
        };
    }
}

/// As [`double_quoted`], with `\'` as the only escape.
fn single_quoted<'l>(mut rest: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        rest = match rest {
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                tail
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                tail
            }
            [] => return None,
        };
    }
}
