//! Writes a compiled script anew, so that what cannot change while it runs is an upvalue and not looked up again and
//! again.
//!
//! `redis.call('GET', KEYS[1])` takes four look-ups in tables, a fifth of all that a call of GET takes. Three things
//! in it are constant as long as the script runs:
//!
//! * `redis.call` and `redis.pcall`: no script can change the table of functions, or what the name `redis` means;
//! * `KEYS[1]` and the like, where the script has the plain environment: nothing that it can name writes to a table;
//! * that the tables KEYS and ARGV, where they are used otherwise, have to be filled before the first instruction: the
//!   script does that itself, by a call of the function that fills them, which is cheaper than a protected call of
//!   its own.
//!
//! And a script that never says `...`, which is empty, is no variadic function: to call it is cheaper.
//!
//! Two instructions, GETGLOBAL and GETTABLE, become one GETUPVAL. The instructions behind move up, and with them jumps,
//! lines and the ranges of local variables.
//!
//! # Why nobody can tell
//!
//! 1. Only the main function is changed. A script has no name for it, so it runs once a run, and its upvalues are
//!    nobody else's.
//! 2. Both instructions go or none: where the second one is the target of a jump, they stay.
//! 3. Lua's messages name a value by the instruction that fetched it ("field 'call'"). So only values stay nameless
//!    here whose next use cannot fail on them: `redis.call` is called at once, after arguments without a jump, and an
//!    element is an argument, an element of a list, compared by `==`, returned, or becomes a local variable, which is
//!    named as such. Everything else, such as `KEYS[1] .. ':x'`, keeps its instructions.
//! 4. What Lua loads is checked by Lua as every chunk is (`luaG_checkcode`); if that fails, the script stays as it was
//!    compiled.

use super::loops::{
    ADD, C, C_SHIFT, CALL, CONCAT, CONSTANT, EQ, FORLOOP, FORPREP, JMP, JUMP_ZERO, LOADBOOL, LOADK, LOADNIL,
    MOVE, NOT, RETURN, SETLIST, TAILCALL,
};
use super::loops::{a, call_from, successors};
use super::{
    A_SHIFT, B_SHIFT, Environment, Found, GETGLOBAL, GETTABLE, GETUPVAL, HEADER, LEN, Needs, OPCODE,
    OPERAND_SHIFT, Outer, Reader, Use,
};

const NEWTABLE: u32 = 10;
const POW: u32 = 17;
const UNM: u32 = 18;
const VARARG: u32 = 37;

/// Elements of KEYS, and of ARGV, that can be upvalues: so many of the first ones.
pub(in crate::vm) const ELEMENTS: u8 = 8;

/// No chunk has more upvalues of ours: the function that fills the two tables, the two calls, and the elements.
pub(in crate::vm) const MOST_UPVALUES: usize = 3 + 2 * ELEMENTS as usize;

/// What an upvalue of a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::vm) enum Upvalue {
    /// The function that fills KEYS and ARGV.
    Prepare,
    Call,
    Pcall,
    /// An element of KEYS or ARGV, counted from 0.
    Element(Elements, u8),
}

/// KEYS or ARGV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::vm) enum Elements {
    Keys,
    Args,
}

impl Upvalue {
    fn name(self) -> &'static [u8] {
        match self {
            Upvalue::Prepare => b"prepare",
            Upvalue::Call => b"call",
            Upvalue::Pcall => b"pcall",
            Upvalue::Element(Elements::Keys, _) => b"KEYS",
            Upvalue::Element(Elements::Args, _) => b"ARGV",
        }
    }
}

/// A chunk as it was written anew.
pub(in crate::vm) struct Rewritten {
    pub(in crate::vm) dump: Vec<u8>,
    /// In rising order.
    pub(in crate::vm) upvalues: Vec<Upvalue>,
    /// What it still needs.
    pub(in crate::vm) needs: Needs,
}

/// Writes a dumped chunk anew; `None` if nothing would be gained, or the chunk is not as expected. `tables` are the
/// global names of the table of functions.
pub(in crate::vm) fn rewrite(dump: &[u8], needs: Needs, tables: &[&[u8]]) -> Option<Rewritten> {
    let chunk = Chunk::read(dump)?;
    let is_target = targets(&chunk.code)?;
    let mut upvalues = Vec::new();
    let mut needs = needs;
    let mut found = Vec::new();
    let mut left = [false; 2];
    for (at, &instruction) in chunk.code.iter().enumerate() {
        if instruction & OPCODE != GETGLOBAL {
            continue;
        }
        let constant = if is_target.get(at + 1) == Some(&false) {
            chunk.constant_at(at, needs, tables, &is_target)
        } else {
            None
        };
        match constant {
            Some(upvalue) => found.push((at, upvalue)),
            None => {
                let name = chunk.constants.get((instruction >> OPERAND_SHIFT) as usize)?;
                left[0] |= *name == Constant::String(b"KEYS");
                left[1] |= *name == Constant::String(b"ARGV");
            }
        }
    }
    upvalues.extend(found.iter().map(|(_, upvalue)| *upvalue));
    // A table of which all elements that are used are upvalues is not needed.
    for (used, left) in [(&mut needs.keys, left[0]), (&mut needs.args, left[1])] {
        if needs.environment == Environment::Plain && *used == Use::Elements && !left && chunk.is_alone {
            *used = Use::None;
        }
    }
    if needs.keys != Use::None || needs.args != Use::None {
        upvalues.push(Upvalue::Prepare);
    }
    if upvalues.is_empty() {
        return None;
    }
    upvalues.sort_unstable();
    upvalues.dedup();
    let mut code: Vec<Option<u32>> = chunk.code.iter().copied().map(Some).collect();
    for (at, upvalue) in found {
        let number = upvalues.binary_search(&upvalue).ok()?;
        code[at] = Some(get_upvalue(a(chunk.code[at]), number));
        code[at + 1] = None;
    }
    let dump = chunk.write(&code, &upvalues)?;
    Some(Rewritten { dump, upvalues, needs })
}

fn get_upvalue(register: u32, number: usize) -> u32 {
    GETUPVAL | register << A_SHIFT | (number as u32) << B_SHIFT
}

/// Which instructions are jumped to. `None` where a word among them is a number.
fn targets(code: &[u32]) -> Option<Vec<bool>> {
    let mut is_target = vec![false; code.len()];
    for (at, &instruction) in code.iter().enumerate() {
        if instruction & OPCODE == SETLIST && instruction >> C_SHIFT & C == 0 {
            return None;
        }
        if let [_, Some(other)] = successors(code, at) {
            *is_target.get_mut(other)? = true;
        }
    }
    Some(is_target)
}

#[derive(Clone, Copy, PartialEq)]
enum Constant<'d> {
    String(&'d [u8]),
    Number(f64),
    Other,
}

struct Local<'d> {
    name: &'d [u8],
    start: usize,
    end: usize,
}

/// The main function of a chunk, in the parts that are written again.
struct Chunk<'d> {
    /// From the name of the source to the number of upvalues, and from there to the code.
    head: &'d [u8],
    shape: &'d [u8],
    code: Vec<u32>,
    constants: Vec<Constant<'d>>,
    /// Constants and inner functions as they stand.
    middle: &'d [u8],
    /// Whether there are no inner functions.
    is_alone: bool,
    lines: Vec<[u8; 4]>,
    locals: Vec<Local<'d>>,
}

impl<'d> Chunk<'d> {
    fn read(dump: &'d [u8]) -> Option<Chunk<'d>> {
        let body = dump.strip_prefix(HEADER)?;
        let mut reader = Reader { rest: body };
        let since = |start: &'d [u8], reader: &Reader<'d>| &start[..start.len() - reader.rest.len()];
        reader.string()?;
        reader.take(4 + 4)?;
        let head = since(body, &reader);
        if reader.byte()? != 0 {
            return None;
        }
        let shape = reader.take(3)?;
        let code = (0..reader.int()?).map(|_| reader.word()).collect::<Option<Vec<u32>>>()?;
        let middle = reader.rest;
        let constants = reader.all_constants()?;
        let functions = reader.int()?;
        for _ in 0..functions {
            reader.function(1, Outer::None, &mut Found::default())?;
        }
        let middle = since(middle, &reader);
        let lines = (0..reader.int()?).map(|_| reader.take(4)?.try_into().ok()).collect::<Option<_>>()?;
        let locals = (0..reader.int()?)
            .map(|_| Some(Local { name: reader.string()?, start: reader.int()?, end: reader.int()? }))
            .collect::<Option<Vec<_>>>()?;
        let names = reader.int()?;
        let chunk = Chunk { head, shape, code, constants, middle, is_alone: functions == 0, lines, locals };
        let is_complete = names == 0 && reader.rest.is_empty() && chunk.lines.len() == chunk.code.len();
        is_complete.then_some(chunk)
    }

    fn is_named(&self, constant: u32, names: &[&[u8]]) -> bool {
        matches!(self.constants.get(constant as usize), Some(Constant::String(name)) if names.contains(name))
    }

    /// What the instruction at `at`, which reads a global, and the next one fetch, if that may be an upvalue.
    fn constant_at(&self, at: usize, needs: Needs, tables: &[&[u8]], is_target: &[bool]) -> Option<Upvalue> {
        let (global, field) = (self.code[at], *self.code.get(at + 1)?);
        let register = a(global);
        let key = field >> C_SHIFT & C;
        let is_pair = field & OPCODE == GETTABLE
            && a(field) == register
            && field >> B_SHIFT == register
            && key >= CONSTANT;
        let Constant::String(name) = *self.constants.get((global >> OPERAND_SHIFT) as usize)? else {
            return None;
        };
        if !is_pair {
            return None;
        }
        let key = *self.constants.get((key - CONSTANT) as usize)?;
        if tables.contains(&name) {
            let call = call_from(&self.code, at, &|constant, names| self.is_named(constant, names))?;
            if is_target[at + 1..=call].contains(&true) {
                return None;
            }
            return match key {
                Constant::String(b"call") => Some(Upvalue::Call),
                Constant::String(b"pcall") => Some(Upvalue::Pcall),
                _ => None,
            };
        }
        let (elements, used) = match name {
            b"KEYS" => (Elements::Keys, needs.keys),
            b"ARGV" => (Elements::Args, needs.args),
            _ => return None,
        };
        let Constant::Number(number) = key else { return None };
        let index = (1..=ELEMENTS).find(|&index| f64::from(index) == number)?;
        let is_constant = needs.environment == Environment::Plain && used != Use::None;
        (is_constant && self.is_used_safely(register, at + 2, is_target))
            .then_some(Upvalue::Element(elements, index - 1))
    }

    /// Whether the next use of what is in a register before `from` is one that cannot fail on it, or names it as a
    /// local variable.
    fn is_used_safely(&self, register: u32, from: usize, is_target: &[bool]) -> bool {
        for (at, (&instruction, &is_target)) in self.code.iter().zip(is_target).enumerate().skip(from) {
            if self.is_local(register, at) {
                return true;
            }
            if is_target {
                return false;
            }
            let first = a(instruction);
            let (b, c) = (instruction >> B_SHIFT, instruction >> C_SHIFT & C);
            let is_read = match instruction & OPCODE {
                // Elements of a list and arguments, up to the top where B is 0.
                SETLIST => return first < register && (b == 0 || register <= first + b),
                CALL | TAILCALL if first < register => return b == 0 || register < first + b,
                RETURN => return first <= register && (b == 0 || register < first + b - 1),
                EQ => return b == register || c == register,
                CALL | LOADK | LOADNIL | GETUPVAL | GETGLOBAL | NEWTABLE => false,
                LOADBOOL if c == 0 => false,
                MOVE | UNM | NOT | LEN => b == register,
                GETTABLE | ADD..=POW => b == register || c == register,
                CONCAT => (b..=c).contains(&register),
                _ => return false,
            };
            if is_read || first <= register {
                return false;
            }
        }
        false
    }

    /// Whether a register is a local variable at an instruction.
    fn is_local(&self, register: u32, at: usize) -> bool {
        let active = self.locals.iter().take_while(|local| local.start <= at).filter(|local| at < local.end);
        active.count() > register as usize
    }

    /// Writes the chunk with other instructions, of which some are gone.
    fn write(&self, code: &[Option<u32>], upvalues: &[Upvalue]) -> Option<Vec<u8>> {
        let prepares = upvalues.contains(&Upvalue::Prepare);
        let begin = if prepares { 2 } else { 0 };
        // Where each instruction is now; one that is gone is where the next one is.
        let mut moved = Vec::with_capacity(code.len() + 1);
        let mut next = begin;
        for word in code {
            moved.push(next);
            next += usize::from(word.is_some());
        }
        moved.push(next);
        let mut words = Vec::with_capacity(next);
        let mut lines = Vec::with_capacity(next);
        if prepares {
            words.extend([get_upvalue(0, 0), CALL | 1 << B_SHIFT | 1 << C_SHIFT]);
            lines.extend([*self.lines.first()?; 2]);
        }
        for (at, word) in code.iter().enumerate() {
            let Some(mut word) = *word else { continue };
            if let (JMP | FORPREP | FORLOOP, [_, Some(target)]) = (word & OPCODE, successors(&self.code, at))
            {
                let jump = *moved.get(target)? as i64 - (moved[at] as i64 + 1) + JUMP_ZERO;
                word = word & ((1 << OPERAND_SHIFT) - 1) | u32::try_from(jump).ok()? << OPERAND_SHIFT;
            }
            words.push(word);
            lines.push(self.lines[at]);
        }
        let mut out =
            Vec::with_capacity(HEADER.len() + self.head.len() + self.middle.len() + words.len() * 12);
        out.extend_from_slice(HEADER);
        out.extend_from_slice(self.head);
        out.push(u8::try_from(upvalues.len()).ok()?);
        let &[parameters, is_variadic, stack] = self.shape else { return None };
        let reads_rest = self.code.iter().any(|instruction| instruction & OPCODE == VARARG);
        out.extend_from_slice(&[parameters, if reads_rest { is_variadic } else { 0 }, stack]);
        int(&mut out, words.len())?;
        words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        out.extend_from_slice(self.middle);
        int(&mut out, lines.len())?;
        lines.iter().for_each(|line| out.extend_from_slice(line));
        int(&mut out, self.locals.len())?;
        for local in &self.locals {
            string(&mut out, local.name);
            int(&mut out, *moved.get(local.start)?)?;
            int(&mut out, *moved.get(local.end)?)?;
        }
        int(&mut out, upvalues.len())?;
        upvalues.iter().for_each(|upvalue| string(&mut out, upvalue.name()));
        Some(out)
    }
}

fn int(out: &mut Vec<u8>, value: usize) -> Option<()> {
    out.extend_from_slice(&i32::try_from(value).ok()?.to_le_bytes());
    Some(())
}

/// A string, with the zero that ends it.
fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64 + 1).to_le_bytes());
    out.extend_from_slice(bytes);
    out.push(0);
}

/// Beside the readers of the module above.
impl<'d> Reader<'d> {
    fn word(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// A function's constants.
    fn all_constants(&mut self) -> Option<Vec<Constant<'d>>> {
        (0..self.int()?)
            .map(|_| {
                Some(match self.byte()? {
                    0 => Constant::Other,
                    1 => {
                        self.byte()?;
                        Constant::Other
                    }
                    3 => Constant::Number(f64::from_le_bytes(self.take(8)?.try_into().ok()?)),
                    4 => Constant::String(self.string()?),
                    _ => return None,
                })
            })
            .collect()
    }
}

#[cfg(test)]
#[cfg(feature = "lua51")]
mod tests;
