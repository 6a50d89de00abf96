//! The first line of a script: `#!lua flags=…`.

use crate::error::Error;

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
}

impl Flags {
    /// Reads the first line. Answers the flags and how many bytes of the source to leave out: the line's end stays,
    /// so that line numbers are right.
    ///
    /// # Errors
    ///
    /// What is wrong with the line.
    pub(crate) fn read(source: &[u8]) -> Result<(Flags, usize), Error> {
        if !source.starts_with(b"#!") {
            return Ok((Flags::default(), 0));
        }
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
                    flags.set(name)?;
                }
            }
        }
        Ok((flags, end))
    }

    fn set(&mut self, name: &[u8]) -> Result<(), Error> {
        match name {
            b"no-writes" => self.no_writes = true,
            b"allow-oom" => self.allow_oom = true,
            b"allow-stale" => self.allow_stale = true,
            b"no-cluster" => self.no_cluster = true,
            b"allow-cross-slot-keys" => self.allow_cross_slot_keys = true,
            b"allow-undeclared-keys" => self.undeclared_keys = Some(true),
            b"deny-undeclared-keys" => self.undeclared_keys = Some(false),
            _ => return Err(Error::shebang("Unexpected flag in script shebang", name)),
        }
        Ok(())
    }
}

/// Splits a line into words as Redis's command line does: double quotes with escapes, single quotes, a quoted part
/// must end its word. `None` for quotes that do not match.
fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
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
