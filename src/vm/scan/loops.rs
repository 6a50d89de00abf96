//! Whether every loop of a function passes through `redis.call`: then the bridge looks at the time limit often enough,
//! and Lua need not count instructions, which takes a twentieth of the time of a loop of calls.
//!
//! A function is a graph of instructions. Take out the calls of `redis.call` and `redis.pcall` that certainly are
//! that; if what is left has no cycle, every loop passes through one of them. A call is certain if it is spelled out,
//! as in `redis.call('GET', KEYS[1])`, with nothing in its arguments that jumps. What calls other functions is the
//! business of the caller of [`pass_through_calls`].

use super::{A, A_SHIFT, B_SHIFT, GETGLOBAL, GETTABLE, GETUPVAL, LEN, OPCODE, OPERAND_SHIFT};

pub(super) const MOVE: u32 = 0;
pub(super) const LOADK: u32 = 1;
pub(super) const LOADBOOL: u32 = 2;
pub(super) const LOADNIL: u32 = 3;
pub(super) const ADD: u32 = 12;
pub(super) const NOT: u32 = 19;
pub(super) const CONCAT: u32 = 21;
pub(super) const JMP: u32 = 22;
pub(super) const EQ: u32 = 23;
const TESTSET: u32 = 27;
pub(super) const CALL: u32 = 28;
pub(super) const TAILCALL: u32 = 29;
pub(super) const RETURN: u32 = 30;
pub(super) const FORLOOP: u32 = 31;
pub(super) const FORPREP: u32 = 32;
const TFORLOOP: u32 = 33;
pub(super) const SETLIST: u32 = 34;

/// The second operand, 9 bits; from 256 on it is a constant.
pub(super) const C_SHIFT: u32 = 14;
pub(super) const C: u32 = 0x1ff;
pub(super) const CONSTANT: u32 = 256;
/// Jumps are relative to the next instruction, and kept with this added.
pub(super) const JUMP_ZERO: i64 = 131_071;

pub(super) fn a(instruction: u32) -> u32 {
    instruction >> A_SHIFT & A
}

/// Where an instruction may lead: the next one or none, and another one or none.
pub(super) fn successors(code: &[u32], at: usize) -> [Option<usize>; 2] {
    let instruction = code[at];
    let jump = || {
        let target = at as i64 + 1 + i64::from(instruction >> OPERAND_SHIFT) - JUMP_ZERO;
        usize::try_from(target).ok()
    };
    let c = instruction >> C_SHIFT & C;
    match instruction & OPCODE {
        JMP | FORPREP => [None, jump()],
        FORLOOP => [Some(at + 1), jump()],
        EQ..=TESTSET | TFORLOOP => [Some(at + 1), Some(at + 2)],
        LOADBOOL if c != 0 => [None, Some(at + 2)],
        // The next word is a number and no instruction.
        SETLIST if c == 0 => [None, Some(at + 2)],
        RETURN => [None, None],
        _ => [Some(at + 1), None],
    }
}

/// The instruction that makes a call which begins with `redis.call` at `at`, if that is certain.
pub(super) fn call_from(code: &[u32], at: usize, is_named: &impl Fn(u32, &[&[u8]]) -> bool) -> Option<usize> {
    let (global, field) = (code[at], *code.get(at + 1)?);
    let function = a(global);
    let name = field >> C_SHIFT & C;
    let is_redis_call = global & OPCODE == GETGLOBAL
        && is_named(global >> OPERAND_SHIFT, &[b"redis", b"server"])
        && field & OPCODE == GETTABLE
        && a(field) == function
        && field >> B_SHIFT == function
        && name >= CONSTANT
        && is_named(name - CONSTANT, &[b"call", b"pcall"]);
    if !is_redis_call {
        return None;
    }
    for (at, &instruction) in code.iter().enumerate().skip(at + 2) {
        let opcode = instruction & OPCODE;
        if matches!(opcode, CALL | TAILCALL) && a(instruction) == function {
            return Some(at);
        }
        // Everything else prepares an argument: it goes on to the next instruction, and leaves the function alone.
        let prepares = match opcode {
            LOADBOOL => instruction >> C_SHIFT & C == 0,
            MOVE | LOADK | LOADNIL | GETUPVAL | GETGLOBAL | GETTABLE | ADD..=NOT | LEN | CONCAT | CALL => {
                true
            }
            _ => false,
        };
        if !prepares || a(instruction) <= function {
            return None;
        }
    }
    None
}

/// Whether every cycle passes through `redis.call`. `is_named` tells whether a constant is one of some strings.
pub(super) fn pass_through_calls(code: &[u32], is_named: impl Fn(u32, &[&[u8]]) -> bool) -> bool {
    // What a jump may hit inside of is not certain.
    let mut is_target = vec![false; code.len() + 2];
    let mut leads_back = false;
    for at in 0..code.len() {
        if let [_, Some(other)] = successors(code, at) {
            leads_back |= other <= at;
            match is_target.get_mut(other) {
                Some(target) => *target = true,
                None => return false,
            }
        }
    }
    if !leads_back {
        return true;
    }
    let mut is_call = vec![false; code.len()];
    for at in 0..code.len() {
        if let Some(call) = call_from(code, at, &is_named)
            && !is_target[at + 1..=call].contains(&true)
        {
            is_call[call] = true;
        }
    }
    is_acyclic(code, &is_call)
}

/// Whether a function that makes no other functions calls commands no more than once, and besides nothing but
/// functions that take no time: it has no loop, and one `redis.call` that is certain.
pub(super) fn call_once(code: &[u32], is_named: impl Fn(u32, &[&[u8]]) -> bool) -> bool {
    let (mut certain, mut uncertain, mut calls, mut quick) = (0, 0, 0, 0);
    for (at, instruction) in code.iter().enumerate() {
        if successors(code, at).iter().flatten().any(|&next| next <= at) {
            return false;
        }
        match instruction & OPCODE {
            GETGLOBAL if is_named(instruction >> OPERAND_SHIFT, &[b"redis", b"server"]) => {
                match call_from(code, at, &is_named) {
                    Some(_) => certain += 1,
                    None => uncertain += 1,
                }
            }
            GETGLOBAL if is_named(instruction >> OPERAND_SHIFT, &[b"tonumber", b"tostring", b"type"]) => {
                quick += 1;
            }
            CALL | TAILCALL => calls += 1,
            _ => {}
        }
    }
    certain == 1 && uncertain == 0 && calls <= 1 + quick
}

/// Whether there is no way from an instruction back to itself that avoids the ones taken out.
fn is_acyclic(code: &[u32], is_out: &[bool]) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        /// On the way that is being walked.
        Open,
        Done,
    }
    let mut seen = vec![Seen::No; code.len()];
    let mut way: Vec<(usize, usize)> = Vec::new();
    for start in 0..code.len() {
        if seen[start] != Seen::No || is_out[start] {
            continue;
        }
        seen[start] = Seen::Open;
        way.push((start, 0));
        while let Some((at, branch)) = way.last_mut() {
            let Some(successor) = successors(code, *at).get(*branch).copied() else {
                seen[*at] = Seen::Done;
                way.pop();
                continue;
            };
            *branch += 1;
            let Some(successor) = successor.filter(|&successor| successor < code.len() && !is_out[successor])
            else {
                continue;
            };
            match seen[successor] {
                Seen::Open => return false,
                Seen::Done => {}
                Seen::No => {
                    seen[successor] = Seen::Open;
                    way.push((successor, 0));
                }
            }
        }
    }
    true
}
