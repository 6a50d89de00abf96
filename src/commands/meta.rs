//! The table about itself: COMMAND and its subcommands, and the HELP of every container.
//!
//! Nothing here knows a command by name. All is read from the rows.

mod syntax;

use self::syntax::Argument;
use super::spec::{self, FindKeys, Group, KeySpec, access, category, flag, flag::*};
use super::{Args, Command, CommandSpec, reply_help, table};
use crate::error::{Error, Result};
use crate::glob;
use crate::reply::Reply;
use crate::store::Store;

pub(super) const COMMANDS: &[CommandSpec] = &[CommandSpec::server("COMMAND", command_cmd)
    .summary("Gives the details of all commands.")
    .since("2.8.13")
    .complexity("O(N), N being the number of commands.")
    .group(Group::Server)
    .arity(-1)
    .flags(LOADING | STALE)
    .categories(category::CONNECTION)
    .tips(&["nondeterministic_output_order"])
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[CommandSpec] = &[
    row("COUNT", count_cmd)
        .summary("Gives the number of commands.")
        .since("2.8.13")
        .complexity("O(1)")
        .arity(2),
    row("DOCS", docs_cmd)
        .summary("Gives the documentation of the commands named, or of all.")
        .since("7.0.0")
        .syntax("[command-name [command-name ...]]")
        .arity(-2)
        .tips(&["nondeterministic_output_order"]),
    row("GETKEYS", getkeys_cmd)
        .summary("Gives the keys among the arguments of a command.")
        .since("2.8.13")
        .complexity("O(N), N being the number of arguments.")
        .arity(-4),
    row("GETKEYSANDFLAGS", getkeysandflags_cmd)
        .summary("Gives the keys among the arguments of a command, and what it does with each.")
        .since("7.0.0")
        .complexity("O(N), N being the number of arguments.")
        .arity(-4),
    row("HELP", help_cmd).summary("Shows this list.").since("5.0.0").complexity("O(1)").arity(2),
    row("INFO", info_cmd)
        .summary("Gives the details of the commands named, or of all.")
        .since("2.8.13")
        .syntax("[command-name [command-name ...]]")
        .arity(-2)
        .tips(&["nondeterministic_output_order"]),
    row("LIST", list_cmd)
        .summary("Gives the names of all commands, or of those that a filter lets through.")
        .since("7.0.0")
        .syntax("[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]")
        .arity(-2)
        .tips(&["nondeterministic_output_order"]),
];

const fn row(name: &'static str, run: fn(&Store, Args<'_>, &mut dyn Reply) -> Result<()>) -> CommandSpec {
    CommandSpec::server(name, run)
        .complexity("O(N), N being the number of commands asked for.")
        .group(Group::Server)
        .flags(LOADING | STALE)
        .categories(category::CONNECTION)
}

/// The commands that are no subcommands.
fn top_level() -> impl Iterator<Item = Command> {
    table().commands().iter().filter(|command| command.parent.is_none()).copied()
}

/// A command by its full name, such as `get` or `object|encoding`.
fn named(name: &[u8]) -> Option<Command> {
    let mut words = name.split(|&byte| byte == b'|');
    let command = table().find(words.next()?)?;
    match (words.next(), words.next()) {
        (None, _) => Some(*command),
        (Some(subcommand), None) => table().find_subcommand(command, subcommand).copied(),
        (Some(_), Some(_)) => None,
    }
}

fn command_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    write_all_rows(out);
    Ok(())
}

fn count_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.length(top_level().count());
    Ok(())
}

fn info_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let names = args.from(2);
    if names.is_empty() {
        write_all_rows(out);
        return Ok(());
    }
    out.array(names.len());
    for name in names {
        match named(name) {
            Some(command) => write_row(command, out),
            None => out.null(),
        }
    }
    Ok(())
}

fn write_all_rows(out: &mut dyn Reply) {
    out.array(top_level().count());
    for command in top_level() {
        write_row(command, out);
    }
}

fn write_row(command: Command, out: &mut dyn Reply) {
    let row = command.spec;
    let (first, last, step) = row.key_range();
    out.array(10);
    out.bulk(command.full_name().as_bytes());
    out.integer(row.arity.into());
    write_names(row.flags, flag::NAMES, out);
    for number in [first, last, step] {
        out.integer(number);
    }
    write_names(row.all_categories(), category::NAMES, out);
    out.set(row.tips.len());
    for tip in row.tips {
        out.bulk(tip.as_bytes());
    }
    out.set(row.keys.len());
    for keys in row.keys {
        write_key_spec(keys, out);
    }
    out.set(row.subcommands.len());
    for subcommand in table().subcommands(command) {
        write_row(*subcommand, out);
    }
}

fn write_names(bits: u32, names: &[(u32, &'static str)], out: &mut dyn Reply) {
    let names = spec::names(bits, names);
    out.set(names.len());
    for name in names {
        out.status(name);
    }
}

fn write_key_spec(keys: &KeySpec, out: &mut dyn Reply) {
    out.map(3);
    out.bulk(b"flags");
    write_names(keys.access, access::NAMES, out);
    if let FindKeys::Found { .. } | FindKeys::Derived { .. } = keys.find {
        write_search("begin_search", "unknown", &[], out);
    } else {
        write_search("begin_search", "index", &[("index", keys.first as i64)], out);
    }
    match keys.find {
        FindKeys::Range { last, step } => {
            let parts = [("lastkey", last.into()), ("keystep", step.into()), ("limit", 0)];
            write_search("find_keys", "range", &parts, out);
        }
        FindKeys::Counted => {
            write_search("find_keys", "keynum", &[("keynumidx", 0), ("firstkey", 1), ("keystep", 1)], out);
        }
        FindKeys::Found { .. } | FindKeys::Derived { .. } => write_search("find_keys", "unknown", &[], out),
    }
}

/// One half of a key specification: a kind, and the numbers that this kind needs.
fn write_search(half: &str, kind: &str, parts: &[(&str, i64)], out: &mut dyn Reply) {
    out.bulk(half.as_bytes());
    out.map(2);
    out.bulk(b"type");
    out.bulk(kind.as_bytes());
    out.bulk(b"spec");
    out.map(parts.len());
    for (name, number) in parts {
        out.bulk(name.as_bytes());
        out.integer(*number);
    }
}

fn list_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let commands = table().commands().iter();
    let names: Vec<String> = match args.len() {
        2 => commands.map(|command| command.full_name()).collect(),
        5 if args.is(2, "FILTERBY") && args.is(3, "PATTERN") => {
            let names = commands.map(|command| command.full_name());
            names.filter(|name| glob::matches(args.at(4), name.as_bytes(), true)).collect()
        }
        5 if args.is(2, "FILTERBY") && args.is(3, "ACLCAT") => {
            let wanted = |name: &&(u32, &str)| name.1.as_bytes()[1..].eq_ignore_ascii_case(args.at(4));
            let bit = category::NAMES.iter().find(wanted).map_or(0, |(bit, _)| *bit);
            let in_category = commands.filter(|command| command.spec.all_categories() & bit != 0);
            in_category.map(|command| command.full_name()).collect()
        }
        // There are no modules, so no command is of one.
        5 if args.is(2, "FILTERBY") && args.is(3, "MODULE") => Vec::new(),
        _ => return Err(Error::SYNTAX),
    };
    out.array(names.len());
    for name in names {
        out.bulk(name.as_bytes());
    }
    Ok(())
}

/// The command that the arguments of GETKEYS are, and those arguments.
fn inner_command<'a>(args: Args<'a>) -> Result<(Command, Args<'a>)> {
    let args = Args::new(args.from(2));
    let Some(Ok(command)) = table().resolve(args) else { return Err(Error::BAD_COMMAND_NAME) };
    if command.spec.keys.is_empty() {
        Err(Error::NO_KEY_ARGUMENTS)
    } else if !command.spec.takes(args.len()) {
        Err(Error::BAD_KEY_ARITY)
    } else {
        Ok((*command, args))
    }
}

/// Each key among the arguments, with what the command does with it.
fn keys_of<'a>(command: Command, args: Args<'a>) -> Result<Vec<(&'a [u8], u32)>> {
    let mut found = Vec::new();
    for keys in command.spec.keys {
        let access = access_with(keys, args);
        let before = found.len();
        found.extend(keys.positions(args).into_iter().flatten().map(|at| (args.at(at), access)));
        // With a number of keys that makes no sense a destination in front of it counts for nothing.
        if matches!(keys.find, FindKeys::Counted) && found.len() == before {
            found.clear();
            break;
        }
    }
    if found.is_empty() && !command.spec.is(NO_MANDATORY_KEYS) {
        return Err(Error::BAD_KEY_ARGUMENTS);
    }
    Ok(found)
}

/// What is done with the keys given these arguments. The commands whose use of a key varies write it, and read it
/// only when an option, somewhere behind the value, is GET.
fn access_with(keys: &KeySpec, args: Args<'_>) -> u32 {
    if keys.access & access::VARIABLE_FLAGS == 0 {
        keys.access
    } else if (keys.first + 2..args.len()).any(|at| args.is(at, "GET")) {
        keys.access & !access::VARIABLE_FLAGS
    } else {
        access::OW | access::UPDATE
    }
}

fn getkeys_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (command, args) = inner_command(args)?;
    let keys = keys_of(command, args)?;
    out.array(keys.len());
    for (key, _) in keys {
        out.bulk(key);
    }
    Ok(())
}

fn getkeysandflags_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let (command, args) = inner_command(args)?;
    let keys = keys_of(command, args)?;
    out.array(keys.len());
    for (key, access) in keys {
        out.array(2);
        out.bulk(key);
        write_names(access, access::NAMES, out);
    }
    Ok(())
}

fn docs_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let names = args.from(2);
    let commands: Vec<Command> = if names.is_empty() {
        top_level().collect()
    } else {
        names.iter().filter_map(|name| named(name)).collect()
    };
    write_docs(&commands, out);
    Ok(())
}

fn write_docs(commands: &[Command], out: &mut dyn Reply) {
    out.map(commands.len());
    for &command in commands {
        let row = command.spec;
        out.bulk(command.full_name().as_bytes());
        let arguments = syntax::arguments(row, if command.parent.is_some() { 2 } else { 1 });
        out.map(4 + usize::from(!arguments.is_empty()) + usize::from(!row.subcommands.is_empty()));
        let texts = [
            ("summary", row.summary),
            ("since", row.since),
            ("group", row.group.name()),
            ("complexity", row.complexity),
        ];
        for (name, text) in texts {
            write_text(name, text, out);
        }
        if !arguments.is_empty() {
            write_arguments(&arguments, out);
        }
        if !row.subcommands.is_empty() {
            out.bulk(b"subcommands");
            write_docs(table().subcommands(command), out);
        }
    }
}

fn write_text(name: &str, text: &str, out: &mut dyn Reply) {
    out.bulk(name.as_bytes());
    out.bulk(text.as_bytes());
}

fn write_arguments(arguments: &[Argument], out: &mut dyn Reply) {
    out.bulk(b"arguments");
    out.array(arguments.len());
    for argument in arguments {
        let flags = [
            (argument.optional, "optional"),
            (argument.multiple, "multiple"),
            (argument.multiple && argument.repeats_token, "multiple_token"),
        ];
        let flags: Vec<&str> = flags.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
        let extras = [
            argument.key_spec.is_some(),
            argument.token.is_some(),
            !flags.is_empty(),
            !argument.parts.is_empty(),
        ];
        out.map(2 + extras.iter().filter(|is| **is).count());
        write_text("name", &argument.name, out);
        write_text("type", argument.kind, out);
        if let Some(index) = argument.key_spec {
            out.bulk(b"key_spec_index");
            out.length(index);
        }
        if let Some(token) = argument.token {
            write_text("token", token, out);
        }
        if !flags.is_empty() {
            out.bulk(b"flags");
            out.set(flags.len());
            for flag in flags {
                out.status(flag);
            }
        }
        if !argument.parts.is_empty() {
            write_arguments(&argument.parts, out);
        }
    }
}

/// What a 7.0 server answers, line for line.
const HELP: &[&str] = &[
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    Return details about all Redis commands.",
    "COUNT",
    "    Return the total number of commands in this Redis server.",
    "LIST",
    "    Return a list of all commands in this Redis server.",
    "INFO [<command-name> ...]",
    "    Return details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "GETKEYS <full-command>",
    "    Return the keys from a full Redis command.",
    "GETKEYSANDFLAGS <full-command>",
    "    Return the keys and the access flags from a full Redis command.",
    "HELP",
    "    Prints this help.",
];

fn help_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(HELP, out);
    Ok(())
}
