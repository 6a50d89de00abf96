//! The commands of `redis-cli --ldb`, and what Redis's debugger prints for each.

use super::text::{Entry, one_row};
use super::worker::{Answer, Order};
use super::{Debugger, StackFrame, StopReason};
use crate::engine::Dialect;
use crate::num;

/// Breakpoints that can be set by command.
const MOST_BREAKPOINTS: usize = 64;

/// Lines around the one that is listed.
const CONTEXT: usize = 5;

const UNKNOWN: &str = "<error> Unknown Redis Lua debugger command or wrong number of arguments.";
const ENDED: &str = "<error> The script has ended.";

const HELP: &[&str] = &[
    "Commands, each also by its first letter:",
    "step, next           Run this line and stop at the next one.",
    "continue             Run to the next breakpoint.",
    "list [line] [n]      Show the lines around this one, or around another",
    "                     (0 is this one), n before and after it.",
    "whole                Show the whole script.",
    "print                Show the local variables.",
    "print <name>         Show one variable, or KEYS or ARGV.",
    "break                Show the breakpoints.",
    "break <line> ...     Set a breakpoint.",
    "break -<line>        Remove one.",
    "break 0              Remove all.",
    "trace                Show which functions called this one, and from where.",
    "eval <code>          Run Lua code. It does not see local variables.",
    "redis <command>      Run a command of the store.",
    "maxlen [n]           Show values up to n bytes, 0 for all of them.",
    "abort                End the script with an error. What it has changed stays",
    "                     where changes are kept.",
    "help                 Show this text.",
    "",
    "In a script:",
    "redis.debug(...)     Show values here.",
    "redis.breakpoint()   Stop at the next line.",
];

impl Debugger {
    /// Runs a command of `redis-cli --ldb`, given word by word, and answers the lines that Redis's debugger prints for
    /// it: `step next continue list whole print break trace eval redis maxlen abort help`, or their first letters.
    ///
    /// # Examples
    ///
    /// ```
    /// use redmoon::{Engine, NONE, Store};
    ///
    /// let engine = Engine::new(Store::new());
    /// let mut debugger = engine.debug("local a = {1, 'x'}\nreturn a", NONE, NONE)?;
    /// assert_eq!(debugger.report(), ["* Stopped at 1, stop reason = step over", "-> 1   local a = {1, 'x'}"]);
    /// assert_eq!(debugger.command(&["s"]), ["* Stopped at 2, stop reason = step over", "-> 2   return a"]);
    /// assert_eq!(debugger.command(&["print", "a"]), ["<value> {1; \"x\"}"]);
    /// # Ok::<(), redmoon::Error>(())
    /// ```
    pub fn command<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Vec<String> {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        let mut lines = Vec::new();
        let Some((name, args)) = words.split_first() else { return lines };
        let name = name.to_ascii_lowercase();
        if !matches!(name.as_slice(), b"h" | b"help") && self.stop.is_none() {
            return vec![ENDED.to_owned()];
        }
        match (name.as_slice(), args) {
            (b"h" | b"help", _) => lines.extend(HELP.iter().map(|&line| line.to_owned())),
            (b"s" | b"step" | b"n" | b"next", _) => {
                self.step();
                return self.report();
            }
            (b"c" | b"continue", _) => {
                self.continue_();
                return self.report();
            }
            (b"a" | b"abort", _) => {
                self.abort();
                return self.report();
            }
            (b"l" | b"list", _) => return self.list_by(args),
            (b"w" | b"whole", _) => return self.list(1, self.source.len()),
            (b"p" | b"print", [name]) => match self.ask(Order::Variable(name.to_vec())).pop() {
                Some(answer) => self.show(answer, "<value> ", &mut lines),
                None => lines.push("No such variable.".to_owned()),
            },
            (b"p" | b"print", _) => {
                for answer in self.ask(Order::Locals) {
                    self.show(answer, "<value> ", &mut lines);
                }
                if lines.is_empty() {
                    lines.push("No local variables in the current context.".to_owned());
                }
            }
            (b"b" | b"break", []) => self.show_breakpoints(&mut lines),
            (b"b" | b"break", _) => {
                for arg in args {
                    self.break_by(arg, &mut lines);
                }
            }
            (b"t" | b"trace", _) => {
                for (index, StackFrame { function, line }) in self.trace().into_iter().enumerate() {
                    let word = if index == 0 { "In" } else { "From" };
                    lines.push(format!("{word} {}:", function.as_deref().unwrap_or("top level")));
                    lines.push(self.source_line(line));
                }
            }
            (b"e" | b"eval", _) => {
                let answers = self.ask(Order::Eval(args.join(&b' ')));
                self.push_log(&mut lines);
                for answer in answers {
                    self.show(answer, "<retval> ", &mut lines);
                }
            }
            (b"r" | b"redis", [_, ..]) => {
                self.ask(Order::Redis(args.iter().map(|arg| arg.to_vec()).collect()));
                self.push_log(&mut lines);
            }
            (b"m" | b"maxlen", _) => {
                if let [length] = args {
                    self.trim.set(leading_number(length));
                }
                lines.push(self.trim.show());
            }
            _ => lines.push(UNKNOWN.to_owned()),
        }
        lines
    }

    /// What has been logged, and where the script stands, as Redis's debugger prints it whenever the script stops.
    pub fn report(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        self.push_log(&mut lines);
        if let Some(stop) = self.stop {
            let reason = match (stop.reason, self.dialect) {
                (StopReason::Called, Dialect::Valkey) => "server.breakpoint() called".to_owned(),
                (reason, _) => reason.to_string(),
            };
            lines.push(format!("* Stopped at {}, stop reason = {reason}", stop.line));
            lines.push(self.source_line(stop.line));
        }
        lines
    }

    fn push_log(&mut self, lines: &mut Vec<String>) {
        for entry in std::mem::take(&mut self.log) {
            self.trim.push(entry, lines);
        }
    }

    fn show(&mut self, answer: Answer, mark: &str, lines: &mut Vec<String>) {
        match answer {
            Answer::Value(value) => self.trim.push(Entry::trimmed(format!("{mark}{value}")), lines),
            Answer::Local(name, value) => {
                self.trim.push(Entry::trimmed(format!("{mark}{name} = {value}")), lines);
            }
            Answer::Failed(message) => {
                lines.push(one_row(&format!("<error> {}", String::from_utf8_lossy(&message))));
            }
            Answer::Frame(..) | Answer::Reply(_) => {}
        }
    }

    /// `list [line] [context]`.
    fn list_by(&self, args: &[&[u8]]) -> Vec<String> {
        let here = self.stop.map_or(1, |stop| stop.line);
        let around = match args.first().map_or(0, |line| leading_number(line)) {
            0 => here,
            line => line,
        };
        self.list(around, args.get(1).map_or(CONTEXT, |context| leading_number(context)))
    }

    fn show_breakpoints(&self, lines: &mut Vec<String>) {
        if self.breakpoints.is_empty() {
            return lines.push("No breakpoints set. Use 'b <line>' to add one.".to_owned());
        }
        lines.push(format!("{} breakpoints set:", self.breakpoints.len()));
        lines.extend(self.breakpoints.iter().map(|&line| self.source_line(line)));
    }

    /// One argument of `break`.
    fn break_by(&mut self, arg: &[u8], lines: &mut Vec<String>) {
        match num::parse_i64(arg) {
            None => lines.push(one_row(&format!("Invalid argument:'{}'", String::from_utf8_lossy(arg)))),
            Some(0) => {
                self.clear_breakpoints();
                lines.push("All breakpoints removed.".to_owned());
            }
            Some(line) if line < 0 => {
                let line = usize::try_from(line.unsigned_abs()).unwrap_or(usize::MAX);
                let text = if self.clear_breakpoint(line) {
                    "Breakpoint removed."
                } else {
                    "No breakpoint in the specified line."
                };
                lines.push(text.to_owned());
            }
            Some(_) if self.breakpoints.len() >= MOST_BREAKPOINTS => {
                lines.push("Too many breakpoints set.".to_owned());
            }
            Some(line) => {
                let line = usize::try_from(line).unwrap_or(usize::MAX);
                if self.break_at(line) {
                    lines.extend(self.list(line, 1));
                } else {
                    lines.push("Wrong line number.".to_owned());
                }
            }
        }
    }
}

/// The number that a text begins with, as C's `atoi` reads it; 0 if it is below 0 or there is none.
fn leading_number(text: &[u8]) -> usize {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0usize, |number, digit| number.saturating_mul(10).saturating_add(usize::from(digit - b'0')))
}
