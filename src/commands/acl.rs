//! ACL, as far as clients look at it: there is one user, `default`, who may do everything. Its password is the setting
//! `requirepass`.

use super::spec::{Group, category, flag::*};
use super::{Args, CommandSpec, reply_help, table};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::rng::Rng;
use crate::store::Store;

pub(super) const COMMANDS: &[CommandSpec] = &[CommandSpec::container("ACL", SUBCOMMANDS)
    .summary("Holds the commands about users and what they may do.")
    .since("6.0.0")
    .complexity("Depends on the subcommand.")
    .group(Group::Server)];

const SUBCOMMANDS: &[CommandSpec] = &[
    row("CAT", cat_cmd)
        .summary("Gives the categories of commands, or the commands of one.")
        .syntax("[categoryname]")
        .arity(-2)
        .flags(NOSCRIPT | LOADING | STALE),
    row("GENPASS", genpass_cmd)
        .summary("Makes a password up.")
        .syntax("[bits:integer]")
        .arity(-2)
        .flags(NOSCRIPT | LOADING | STALE),
    row("GETUSER", getuser_cmd).summary("Describes a user.").syntax("username").arity(3),
    row("HELP", help_cmd).summary("Shows the list of subcommands.").flags(LOADING | STALE),
    row("LIST", list_cmd).summary("Describes the users, a line each."),
    row("LOAD", no_file_cmd).summary("Reads users from a file: there is none."),
    row("LOG", log_cmd)
        .summary("Gives what users were refused: it is not noted.")
        .syntax("[operation: count:integer | RESET]")
        .arity(-2),
    row("SAVE", no_file_cmd).summary("Writes users into a file: there is none."),
    row("USERS", users_cmd).summary("Gives the names of the users."),
    row("WHOAMI", whoami_cmd)
        .summary("Gives the name of the caller's user.")
        .flags(NOSCRIPT | LOADING | STALE),
];

const fn row(name: &'static str, run: fn(&Store, Args<'_>, &mut dyn Reply) -> Result<()>) -> CommandSpec {
    CommandSpec::server(name, run)
        .since("6.0.0")
        .group(Group::Server)
        .arity(2)
        .flags(ADMIN | NOSCRIPT | LOADING | STALE)
}

/// What clients of a real server read on their screens, line by line.
const HELP: &[&str] = &[
    "ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CAT [<category>]",
    "    List all commands that belong to <category>, or all command categories",
    "    when no category is specified.",
    "DELUSER <username> [<username> ...]",
    "    Delete a list of users.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Returns whether the user can execute the given command without executing the command.",
    "GETUSER <username>",
    "    Get the user's details.",
    "GENPASS [<bits>]",
    "    Generate a secure 256-bit user password. The optional `bits` argument can",
    "    be used to specify a different size.",
    "LIST",
    "    Show users details in config file format.",
    "LOAD",
    "    Reload users from the ACL file.",
    "LOG [<count> | RESET]",
    "    Show the ACL log entries.",
    "SAVE",
    "    Save the current config to the ACL file.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Create or modify a user with the specified attributes.",
    "USERS",
    "    List all the registered usernames.",
    "WHOAMI",
    "    Return the current connection username.",
    "HELP",
    "    Prints this help.",
];

const USER: &str = "default";

fn cat_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let categories = category::NAMES.iter().map(|(bit, name)| (*bit, name.trim_start_matches('@')));
    match args.len() {
        2 => {
            out.array(category::NAMES.len());
            categories.for_each(|(_, name)| out.bulk(name.as_bytes()));
        }
        3 => {
            let mut categories = categories;
            let found = categories.find(|(_, name)| args.is(2, name));
            let (bit, _) = found.ok_or_else(|| Error::unknown_category(args.at(2)))?;
            let is_in = |command: &&super::Command| command.spec.all_categories() & bit != 0;
            let commands: Vec<_> = table().commands().iter().filter(is_in).collect();
            out.array(commands.len());
            commands.iter().for_each(|command| out.bulk(command.full_name().as_bytes()));
        }
        _ => return Err(Error::wrong_subcommand(args.at(1), "ACL")),
    }
    Ok(())
}

fn genpass_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let bits = match args.len() {
        2 => 256,
        3 => args.integer(2)?,
        _ => return Err(Error::wrong_subcommand(args.at(1), "ACL")),
    };
    let Some(digits) = usize::try_from(bits).ok().filter(|bits| (1..=4096).contains(bits)) else {
        return Err(Error::GENPASS_BITS);
    };
    let digits = digits.div_ceil(4);
    // Each word from the system's own randomness: a generator of ours would tell the next password by the last.
    let words = (0..digits.div_ceil(16)).map(|_| format!("{:016x}", Rng::from_entropy().next_u64()));
    let password: String = words.collect();
    out.bulk(&password.as_bytes()[..digits]);
    Ok(())
}

/// The SHA-256 of the password, which ACL LIST and GETUSER would show, is not computed here: only that there is one.
fn has_password(store: &Store) -> bool {
    !store.inner.settings.password().is_empty()
}

fn getuser_cmd(store: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    if args.at(2) != USER.as_bytes() {
        out.null();
        return Ok(());
    }
    let flags: &[&str] = if has_password(store) { &["on"] } else { &["on", "nopass"] };
    out.map(6);
    out.bulk(b"flags");
    out.set(flags.len());
    flags.iter().for_each(|flag| out.bulk(flag.as_bytes()));
    out.bulk(b"passwords");
    out.array(0);
    for (name, value) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
        out.bulk(name.as_bytes());
        out.bulk(value.as_bytes());
    }
    out.bulk(b"selectors");
    out.array(0);
    Ok(())
}

fn help_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    reply_help(HELP, out);
    Ok(())
}

fn list_cmd(store: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    let nopass = if has_password(store) { "" } else { " nopass" };
    out.array(1);
    out.bulk(format!("user {USER} on{nopass} ~* &* +@all").as_bytes());
    Ok(())
}

fn log_cmd(_: &Store, args: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    match args.len() {
        3 if args.is(2, "RESET") => {
            out.ok();
            return Ok(());
        }
        3 => drop(args.integer(2)?),
        2 => {}
        _ => return Err(Error::wrong_subcommand(args.at(1), "ACL")),
    }
    out.array(0);
    Ok(())
}

fn no_file_cmd(_: &Store, _: Args<'_>, _: &mut dyn Reply) -> Result<()> {
    Err(Error::NO_ACL_FILE)
}

fn users_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.array(1);
    out.bulk(USER.as_bytes());
    Ok(())
}

fn whoami_cmd(_: &Store, _: Args<'_>, out: &mut dyn Reply) -> Result<()> {
    out.bulk(USER.as_bytes());
    Ok(())
}
