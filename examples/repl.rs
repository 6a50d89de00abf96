//! A prompt like redis-cli's over a store in this process.
//!
//! ```sh
//! cargo run --release --example repl                        # a prompt, with line editing and history
//! cargo run --release --example repl -- EVAL "return 1" 0   # one command
//! cargo run --release --example repl < commands.txt         # a command a line
//! ```
//!
//! Replies look as redis-cli prints them: for a reader on a terminal, raw where the output goes into a file or a pipe.
//! `--no-raw` and `--raw` before the command choose by hand. The store ends with the program.

mod terminal;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Write};
use std::ops::ControlFlow::{self, Break, Continue};
use std::process::ExitCode;

use redmoon::{Engine, Session, Store, Value};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use terminal::{over_the_wire, print_pretty, print_raw, split};

const HELP: &str = "\
Type a command of the store, such as:

  SET greeting \"hello world\" EX 60
  GET greeting
  EVAL \"return redis.call('INCRBY', KEYS[1], ARGV[1])\" 1 counter 5
  COMMAND LIST                 all commands
  COMMAND DOCS GET             what one of them does
  HELLO 3                      replies as maps, sets, doubles and booleans

\"...\" knows the escapes \\n \\r \\t \\a \\b \\\\ \\\" and \\xHH; '...' knows \\' only.
help shows this text; quit, exit or Ctrl-D ends the program.";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args: Vec<Vec<u8>> = std::env::args_os().skip(1).map(OsString::into_encoded_bytes).collect();
    let chosen = match args.first().map(Vec::as_slice) {
        Some(b"--raw") => Some(true),
        Some(b"--no-raw") => Some(false),
        _ => None,
    };
    args.drain(..usize::from(chosen.is_some()));
    let raw = chosen.unwrap_or_else(|| !io::stdout().is_terminal());
    let mut repl = Repl { session: Engine::new(Store::new()).session(), raw };

    if !args.is_empty() {
        let failed = matches!(repl.run(&args)?, Value::Error(_));
        return Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    if io::stdin().is_terminal() {
        repl.converse()?
    } else {
        repl.read(io::stdin().lock())?
    }
    Ok(ExitCode::SUCCESS)
}

struct Repl {
    session: Session,
    raw: bool,
}

impl Repl {
    /// Commands from a person.
    fn converse(&mut self) -> Result<(), Box<dyn Error>> {
        let mut editor = DefaultEditor::new()?;
        loop {
            let prompt = match self.session.database() {
                0 => "redmoon> ".to_owned(),
                database => format!("redmoon[{database}]> "),
            };
            match editor.readline(&prompt) {
                Ok(line) => {
                    editor.add_history_entry(line.as_str())?;
                    if self.take(line.as_bytes())?.is_break() {
                        return Ok(());
                    }
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Commands from a file or a pipe, which need not be text.
    fn read(&mut self, input: impl BufRead) -> io::Result<()> {
        for line in input.split(b'\n') {
            if self.take(&line?)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &[u8]) -> io::Result<ControlFlow<()>> {
        let Some(args) = split(line) else {
            println!("Invalid argument(s)");
            return Ok(Continue(()));
        };
        let Some(name) = args.first() else { return Ok(Continue(())) };
        match name.to_ascii_lowercase().as_slice() {
            b"quit" | b"exit" => return Ok(Break(())),
            b"help" => println!("{HELP}"),
            _ => drop(self.run(&args)?),
        }
        Ok(Continue(()))
    }

    /// Runs a command and prints its reply.
    fn run(&mut self, args: &[Vec<u8>]) -> io::Result<Value> {
        let reply = self.session.execute(args).unwrap_or_else(Value::Error);
        let reply = over_the_wire(&reply, self.session.protocol()).map_err(io::Error::other)?;
        let mut out = io::stdout().lock();
        if self.raw {
            print_raw(&reply, &mut out)?;
            writeln!(out)?;
        } else if args[0].eq_ignore_ascii_case(b"info") {
            print_raw(&reply, &mut out)?;
        } else {
            print_pretty(&reply, 0, &mut out)?;
            writeln!(out)?;
        }
        out.flush()?;
        Ok(reply)
    }
}
