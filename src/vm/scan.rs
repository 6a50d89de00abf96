//! What a compiled chunk does with globals, and with that, which environment it can have.
//!
//! A chunk whose environment is the proxy `_G` reads `redis.call` with six look-ups in tables and two steps through
//! metatables; one whose environment holds the real tables needs two look-ups. Proxies are there to refuse writes,
//! and a write is an instruction of its own. So a chunk
//!
//! * without SETGLOBAL can have the table of globals itself as its environment: nothing else writes to an
//!   environment, and a script has no name for its own;
//! * without SETTABLE as well, that names no global but a few that write to no table they are given, can have an
//!   environment in which even the libraries are the real ones.
//!
//! A chunk that names neither KEYS nor ARGV, nor anything by which they could be found, is spared making them. One
//! that has the plain environment and does nothing with KEYS but take elements of it, or its length, in the very next
//! instruction and into the same register, never has the table itself in its hands: it can be the same table for
//! every script.
//!
//! A chunk with the plain environment and no function of its own, in which every loop passes through `redis.call`, can
//! do without the hook that counts instructions: [`loops`] says how that is found out.
//!
//! A chunk with the plain environment that has no loop and a single `redis.call` needs the shards of one command.
//!
//! What a chunk looks up again and again although it cannot change becomes an upvalue: see [`rewrite`](mod@rewrite).
//!
//! The instructions are read from the chunk as `lua_dump` writes it: header, then functions within functions, as
//! Lua 5.1's reference implementation lays them out (`lundump.h`, `lopcodes.h`). Anything unexpected gets the proxy.

mod loops;
mod rewrite;

pub(super) use rewrite::{ELEMENTS, Elements, MOST_UPVALUES, Upvalue, rewrite};

/// Numbers of instructions, and the bits of an instruction that hold the number and the long operand.
const GETUPVAL: u32 = 4;
const GETGLOBAL: u32 = 5;
const GETTABLE: u32 = 6;
const SETGLOBAL: u32 = 7;
const SETUPVAL: u32 = 8;
const SETTABLE: u32 = 9;
const LEN: u32 = 20;
const CLOSURE: u32 = 36;
const OPCODE: u32 = 0x3f;
const OPERAND_SHIFT: u32 = 14;
/// The register that an instruction writes (8 bits), and its first operand (9 bits).
const A_SHIFT: u32 = 6;
const A: u32 = 0xff;
const B_SHIFT: u32 = 23;

/// Signature, version 5.1, format 0, little-endian, sizes of `int`, `size_t`, instruction and number, and that
/// numbers are floats.
const HEADER: &[u8] = b"\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00";

/// Functions nest no deeper than the compiler's limit on nested C calls.
const DEEPEST: usize = 200;

/// Globals that a chunk with the plain environment may name. None of them writes to a table that it is given, hands
/// one to code that does (as `error` hands its value to the error handler), or leads to other globals.
pub(super) const HARMLESS: &[&std::ffi::CStr] = &[
    c"assert",
    c"bit",
    c"cjson",
    c"cmsgpack",
    c"host",
    c"ipairs",
    c"math",
    c"os",
    c"pcall",
    c"redis",
    c"select",
    c"server",
    c"string",
    c"struct",
    c"tonumber",
    c"tostring",
    c"type",
    c"unpack",
];

/// Globals through which any other can be found.
const LEADING: &[&[u8]] = &[b"_G", b"load", b"loadstring"];

/// The environment that a chunk gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Environment {
    /// `_G`, which refuses writes.
    Proxy,
    /// The table of globals; libraries in it are proxies.
    Globals,
    /// A few globals, all real.
    Plain,
}

/// What a chunk does with KEYS, or with ARGV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    #[default]
    None,
    /// It takes elements, and has never the table in its hands.
    Elements,
    Any,
}

/// What a chunk needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) environment: Environment,
    pub(super) keys: Use,
    pub(super) args: Use,
    /// Whether Lua must count its instructions, so that the time limit is looked at.
    pub(super) counting: bool,
    /// Whether it certainly calls no more than one command, and nothing that may take long.
    pub(super) calls_once: bool,
}

impl Needs {
    pub(super) const ALL: Needs = Needs {
        environment: Environment::Proxy,
        keys: Use::Any,
        args: Use::Any,
        counting: true,
        calls_once: false,
    };

    /// Reads a dumped chunk.
    pub(super) fn of(dump: &[u8]) -> Needs {
        let Some(body) = dump.strip_prefix(HEADER) else { return Needs::ALL };
        let mut found = Found::default();
        if (Reader { rest: body }).function(0, Outer::None, &mut found).is_none() {
            return Needs::ALL;
        }
        found.needs()
    }
}

/// What the functions of a library do, taken together.
#[derive(Default)]
pub(super) struct Functions {
    found: Found,
    is_unknown: bool,
}

impl Functions {
    /// Adds a function as it is dumped; answers how many of its two arguments it can tell from nil.
    pub(super) fn add(&mut self, dump: &[u8]) -> u8 {
        let body = dump.strip_prefix(HEADER);
        let read = body.and_then(|body| (Reader { rest: body }).function(0, Outer::All, &mut self.found));
        match read {
            Some(Shape { parameters, is_variadic: false }) => parameters.min(2),
            Some(_) => 2,
            None => {
                self.is_unknown = true;
                2
            }
        }
    }

    pub(super) fn needs(&self) -> Needs {
        if self.is_unknown { Needs::ALL } else { self.found.needs() }
    }

    /// Whether some function writes to a variable that is there for the next call as well.
    pub(super) fn keeps(&self) -> bool {
        self.is_unknown || self.found.sets_kept
    }
}

impl Found {
    fn needs(&self) -> Needs {
        let found = self;
        if found.sets_global {
            return Needs::ALL;
        }
        let is_plain = !found.sets_table && !found.names_others;
        Needs {
            environment: if is_plain { Environment::Plain } else { Environment::Globals },
            keys: if found.names_leading { Use::Any } else { found.keys },
            args: if found.names_leading { Use::Any } else { found.args },
            counting: !is_plain || found.functions > 1 || found.loops_alone,
            calls_once: is_plain && found.functions == 1 && found.calls_once,
        }
    }
}

#[derive(Default)]
struct Found {
    /// An upvalue that outlives a call is written.
    sets_kept: bool,
    sets_global: bool,
    sets_table: bool,
    keys: Use,
    args: Use,
    names_leading: bool,
    /// A global that is not among the harmless ones.
    names_others: bool,
    functions: usize,
    /// A loop that need not pass through `redis.call`.
    loops_alone: bool,
    /// The function that was read last calls a command at most once ([`loops::call_once`]).
    calls_once: bool,
}

impl Found {
    /// Notes a global that is read, and how the value is used.
    fn name(&mut self, name: &[u8], used: Use) {
        match name {
            b"KEYS" => self.keys = self.keys.max(used),
            b"ARGV" => self.args = self.args.max(used),
            _ => {
                self.names_leading |= LEADING.contains(&name);
                self.names_others |= !HARMLESS.iter().any(|harmless| harmless.to_bytes() == name);
            }
        }
    }
}

/// How a function is called.
struct Shape {
    parameters: u8,
    is_variadic: bool,
}

/// Where the upvalues of a function come from.
#[derive(Clone, Copy)]
enum Outer<'c> {
    /// There are none, or they do not matter.
    None,
    /// From before the call: all of them outlive it.
    All,
    /// From the function around: its code, the number of this function in it, and which of its own upvalues outlive
    /// the call.
    Function { code: &'c [u32], number: usize, kept: &'c [bool] },
}

impl Outer<'_> {
    /// Which of so many upvalues outlive a call.
    fn kept(self, count: usize) -> Option<Vec<bool>> {
        let (code, number, kept) = match self {
            Outer::None => return Some(vec![false; count]),
            Outer::All => return Some(vec![true; count]),
            Outer::Function { code, number, kept } => (code, number, kept),
        };
        // Behind the instruction that makes the function stands one for each upvalue, which tells where it is from.
        let makes = |word: &u32| word & OPCODE == CLOSURE && (word >> OPERAND_SHIFT) as usize == number;
        let mut found = vec![false; count];
        for (at, _) in code.iter().enumerate().filter(|(_, word)| makes(word)) {
            let sources = code.get(at + 1..)?.get(..count)?;
            for (found, word) in found.iter_mut().zip(sources) {
                if word & OPCODE == GETUPVAL {
                    *found |= *kept.get((word >> B_SHIFT) as usize)?;
                }
            }
        }
        Some(found)
    }
}

struct Reader<'d> {
    rest: &'d [u8],
}

/// Every reader answers `None` if the dump is not as expected.
impl<'d> Reader<'d> {
    fn take(&mut self, count: usize) -> Option<&'d [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn int(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.try_into().ok()?;
        usize::try_from(i32::from_le_bytes(bytes)).ok()
    }

    /// The bytes of a string without the zero that ends them.
    fn string(&mut self) -> Option<&'d [u8]> {
        let bytes = self.take(8)?.try_into().ok()?;
        let len = usize::try_from(u64::from_le_bytes(bytes)).ok()?;
        let string = self.take(len)?;
        Some(string.strip_suffix(b"\0").unwrap_or(string))
    }

    fn function(&mut self, depth: usize, outer: Outer<'_>, found: &mut Found) -> Option<Shape> {
        if depth > DEEPEST {
            return None;
        }
        self.string()?;
        // First and last line.
        self.take(4 + 4)?;
        let kept = outer.kept(self.byte()?.into())?;
        let shape = Shape { parameters: self.byte()?, is_variadic: self.byte()? != 0 };
        // Stack size.
        self.byte()?;
        let instructions = self.int()?;
        let code = self.take(instructions.checked_mul(4)?)?;
        let constants = self.constants()?;
        let code: Vec<u32> = code
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect();
        let is_named = |constant: u32, names: &[&[u8]]| {
            constants.get(constant as usize).copied().flatten().is_some_and(|name| names.contains(&name))
        };
        found.functions += 1;
        found.loops_alone |= !loops::pass_through_calls(&code, is_named);
        found.calls_once = loops::call_once(&code, is_named);
        for (at, &instruction) in code.iter().enumerate() {
            let next = code.get(at + 1);
            match instruction & OPCODE {
                GETGLOBAL => {
                    let name = constants.get((instruction >> OPERAND_SHIFT) as usize)?;
                    let register = instruction >> A_SHIFT & A;
                    let takes_element = next.is_some_and(|next| {
                        matches!(next & OPCODE, GETTABLE | LEN)
                            && next >> A_SHIFT & A == register
                            && next >> B_SHIFT == register
                    });
                    found.name((*name)?, if takes_element { Use::Elements } else { Use::Any });
                }
                SETGLOBAL => found.sets_global = true,
                SETUPVAL => found.sets_kept |= *kept.get((instruction >> B_SHIFT) as usize)?,
                SETTABLE => found.sets_table = true,
                _ => {}
            }
        }
        for number in 0..self.int()? {
            self.function(depth + 1, Outer::Function { code: &code, number, kept: &kept }, found)?;
        }
        // What debuggers need: lines, names of locals and of upvalues.
        let lines = self.int()?;
        self.take(lines.checked_mul(4)?)?;
        for _ in 0..self.int()? {
            self.string()?;
            self.take(8)?;
        }
        for _ in 0..self.int()? {
            self.string()?;
        }
        Some(shape)
    }

    /// A function's constants, those that are strings.
    fn constants(&mut self) -> Option<Vec<Option<&'d [u8]>>> {
        let count = self.int()?;
        let mut constants = Vec::with_capacity(count.min(self.rest.len()));
        for _ in 0..count {
            constants.push(match self.byte()? {
                0 => None,
                1 => {
                    self.byte()?;
                    None
                }
                3 => {
                    self.take(8)?;
                    None
                }
                4 => Some(self.string()?),
                _ => return None,
            });
        }
        Some(constants)
    }
}

// Of what is read in other dialects nothing is believed.
#[cfg(test)]
#[cfg(feature = "lua51")]
mod tests;
