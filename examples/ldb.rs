//! A debugger for scripts on the terminal, with the commands of `redis-cli --ldb`.
//!
//! ```sh
//! cargo run --release --example ldb -- --eval script.lua key1 key2 , arg1 arg2
//! cargo run --release --example ldb -- --load 'SET key1 10' --sync --eval script.lua key1
//! cargo run --release --example ldb -- --load-file data.txt --eval script.lua < commands.txt
//! ```
//!
//! The store is empty at first: `--load` runs a command before the script, `--load-file` one for each line of a file.
//! Changes of the script are taken back when it ends, unless `--sync` is given. After the script's end there is a
//! prompt for commands of the store, where `restart` runs the script again; the file is read anew each time.

mod terminal;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Write};
use std::ops::ControlFlow::{self, Break, Continue};
use std::path::PathBuf;
use std::process::ExitCode;

use redmoon::{DebugMode, Debugger, Engine, Session, Store, Value};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use terminal::{over_the_wire, print_pretty, split};

const USAGE: &str = "\
usage: ldb [--sync] [--load COMMAND] [--load-file FILE] --eval SCRIPT [key ...] [, arg ...]

  --sync             keep what the script changes
  --load COMMAND     run a command of the store first, such as 'SET key value'
  --load-file FILE   run the commands of a file first, one a line
  --eval SCRIPT      the script's file, its keys and, behind a comma, its arguments";

const BANNER: &str = "\
Lua debugging session started, please use:
quit    -- End the session.
restart -- Run the script's file again from its first line.
help    -- Show the commands of the debugger.
";

const HELP: &str = "\
restart   debug the script again, as its file is now
quit      end the program
Anything else is a command of the store, such as GET key.";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Some(options) = Options::read(std::env::args_os().skip(1))? else {
        eprintln!("{USAGE}");
        return Ok(ExitCode::FAILURE);
    };
    if let Err(error) = std::fs::read(&options.script) {
        return Err(format!("{}: {error}", options.script.display()).into());
    }
    let engine = Engine::new(Store::new());
    let mut session = engine.session();
    for command in &options.load {
        let args = split(command).ok_or("a command to load has quotes that do not match")?;
        if !args.is_empty() {
            let reply = session.execute(&args).unwrap_or_else(Value::Error);
            if let Value::Error(error) = reply {
                return Err(format!("{}: {error}", String::from_utf8_lossy(command)).into());
            }
        }
    }
    let is_colored = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut ldb = Ldb { engine, session, options, debugger: None, is_colored };
    ldb.start()?;
    if io::stdin().is_terminal() {
        ldb.converse()?
    } else {
        ldb.read(io::stdin().lock())?
    }
    Ok(ExitCode::SUCCESS)
}

/// What the command line says.
struct Options {
    mode: DebugMode,
    load: Vec<Vec<u8>>,
    script: PathBuf,
    keys: Vec<Vec<u8>>,
    args: Vec<Vec<u8>>,
}

impl Options {
    /// `None` if it says something else.
    fn read(mut words: impl Iterator<Item = OsString>) -> io::Result<Option<Options>> {
        let mut mode = DebugMode::RollBack;
        let mut load = Vec::new();
        while let Some(word) = words.next() {
            match (word.as_encoded_bytes(), word.to_str()) {
                (_, Some("--ldb")) => {}
                (_, Some("--sync" | "--ldb-sync-mode")) => mode = DebugMode::Keep,
                (_, Some("--load")) => match words.next() {
                    Some(command) => load.push(command.into_encoded_bytes()),
                    None => return Ok(None),
                },
                (_, Some("--load-file")) => match words.next() {
                    Some(file) => {
                        load.extend(std::fs::read(file)?.split(|&byte| byte == b'\n').map(<[u8]>::to_vec))
                    }
                    None => return Ok(None),
                },
                (_, Some("--eval")) => {
                    let Some(script) = words.next() else { return Ok(None) };
                    let mut keys: Vec<Vec<u8>> = words.map(OsString::into_encoded_bytes).collect();
                    let comma = keys.iter().position(|word| word == b",").unwrap_or(keys.len());
                    let args = keys.split_off(comma).into_iter().skip(1).collect();
                    return Ok(Some(Options { mode, load, script: script.into(), keys, args }));
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}

struct Ldb {
    engine: Engine,
    session: Session,
    options: Options,
    /// `None` when the script has ended.
    debugger: Option<Debugger>,
    is_colored: bool,
}

impl Ldb {
    /// Begins with the script as its file is now.
    fn start(&mut self) -> io::Result<()> {
        // The one before must let go of the keys first.
        self.debugger = None;
        let Options { script, keys, args, mode, .. } = &self.options;
        let text = match std::fs::read(script) {
            Ok(text) => text,
            Err(error) => {
                println!("{}: {error}", script.display());
                return Ok(());
            }
        };
        match self.engine.debug_with(text, keys, args, *mode) {
            Ok(mut debugger) => {
                println!("{BANNER}");
                let lines = debugger.report();
                self.debugger = Some(debugger);
                self.print(&lines);
                self.look_for_end()
            }
            Err(error) => {
                println!(
                    "The script does not start:\n(error) {error}\n\nrestart tries again with the file as it is then.\n"
                );
                Ok(())
            }
        }
    }

    /// Commands from a person.
    fn converse(&mut self) -> Result<(), Box<dyn Error>> {
        let mut editor = DefaultEditor::new()?;
        loop {
            let prompt = if self.debugger.is_some() { "lua debugger> " } else { "redmoon> " };
            match editor.readline(prompt) {
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

    /// Commands from a file or a pipe.
    fn read(&mut self, input: impl BufRead) -> io::Result<()> {
        for line in input.split(b'\n') {
            if self.take(&line?)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &[u8]) -> io::Result<ControlFlow<()>> {
        let words = match self.debugger {
            Some(_) => split_code(line).or_else(|| split(line)),
            None => split(line),
        };
        let Some(words) = words else {
            println!("Invalid argument(s)");
            return Ok(Continue(()));
        };
        let Some(name) = words.first() else { return Ok(Continue(())) };
        match (name.to_ascii_lowercase().as_slice(), &mut self.debugger) {
            (b"quit" | b"exit", _) => return Ok(Break(())),
            (b"restart", _) => {
                println!();
                self.start()?;
            }
            (_, Some(debugger)) => {
                let lines = debugger.command(&words);
                self.print(&lines);
                self.look_for_end()?;
            }
            (b"help", None) => println!("{HELP}"),
            (_, None) => self.run(&words)?,
        }
        Ok(Continue(()))
    }

    /// Says how the script ended, if it has.
    fn look_for_end(&mut self) -> io::Result<()> {
        let result = self.debugger.as_ref().and_then(Debugger::result);
        let Some(result) = result.cloned() else { return Ok(()) };
        self.debugger = None;
        println!();
        self.print_reply(&result.unwrap_or_else(Value::Error))?;
        let what = match self.options.mode {
            DebugMode::RollBack => " -- dataset changes rolled back",
            _ => "",
        };
        println!("\n(Lua debugging session ended{what})\n");
        Ok(())
    }

    /// A command of the store.
    fn run(&mut self, words: &[Vec<u8>]) -> io::Result<()> {
        let reply = self.session.execute(words).unwrap_or_else(Value::Error);
        self.print_reply(&reply)
    }

    fn print_reply(&self, reply: &Value) -> io::Result<()> {
        let reply = over_the_wire(reply, self.session.protocol()).map_err(io::Error::other)?;
        let mut out = io::stdout().lock();
        print_pretty(&reply, 0, &mut out)?;
        writeln!(out)
    }

    fn print(&self, lines: &[String]) {
        for line in lines {
            match color(line).filter(|_| self.is_colored) {
                Some(color) => println!("\x1b[{color}m{line}\x1b[0m"),
                None => println!("{line}"),
            }
        }
    }
}

/// Code for `eval` keeps its quotes and spaces.
fn split_code(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let line = line.trim_ascii();
    let space = line.iter().position(u8::is_ascii_whitespace)?;
    let (name, code) = line.split_at(space);
    let is_eval = name.eq_ignore_ascii_case(b"e") || name.eq_ignore_ascii_case(b"eval");
    is_eval.then(|| vec![name.to_vec(), code.trim_ascii().to_vec()])
}

/// The color in which redis-cli shows a line.
fn color(line: &str) -> Option<&'static str> {
    const MARKS: &[(&str, &str)] = &[
        ("<debug>", "1"),
        ("<hint>", "1"),
        ("<redis>", "32"),
        ("<reply>", "36"),
        ("<error>", "31"),
        ("<value>", "35"),
        ("<retval>", "35"),
        ("->", "33"),
        ("  #", "1"),
    ];
    MARKS.iter().find(|(mark, _)| line.starts_with(mark)).map(|&(_, color)| color)
}
