//! What a script may do, as it says in its first line or as the engine was told.
//!
//! Two forms are read: Redis's and Valkey's `#!lua flags=…`, and Dragonfly's `--!df flags=…`. Flags of both families may
//! stand in either, unless the engine's [`Dialect`] is one of theirs.

use crate::error::Error;

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
}

impl ScriptFlag {
    pub(super) const ALL: [(ScriptFlag, &'static [u8]); 8] = [
        (ScriptFlag::NoWrites, b"no-writes"),
        (ScriptFlag::AllowOom, b"allow-oom"),
        (ScriptFlag::AllowStale, b"allow-stale"),
        (ScriptFlag::NoCluster, b"no-cluster"),
        (ScriptFlag::AllowCrossSlotKeys, b"allow-cross-slot-keys"),
        (ScriptFlag::AllowUndeclaredKeys, b"allow-undeclared-keys"),
        (ScriptFlag::DenyUndeclaredKeys, b"deny-undeclared-keys"),
        (ScriptFlag::DisableAtomicity, b"disable-atomicity"),
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

/// Whose rules an engine follows where the servers disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// All flags and forms are understood; texts are Redis's.
    #[default]
    Any,
    /// Redis's flags only.
    Redis,
    /// Redis's flags only.
    Valkey,
    /// Dragonfly's flags only.
    Dragonfly,
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
