//! Layer 5: the commands. One file a family holds each command's row, its parser, its one operation and its typed
//! method.

use std::sync::OnceLock;

mod acl;
mod args;
mod blocking;
pub(crate) mod client;
mod cluster;
mod config;
mod connection;
mod debug;
mod expiry;
mod functions;
mod hashes;
mod info;
mod items;
mod keys;
mod lists;
mod memory;
mod meta;
mod multi_pop;
mod picks;
mod pubsub;
mod scripting;
mod server;
mod sets;
mod sort;
pub(crate) mod spec;
mod strings;
mod transactions;
mod walk;
mod zsets;

use crate::reply::Reply;
pub(crate) use args::Args;
pub(crate) use spec::{CommandSpec, Handler, StoreFn, flag};
use spec::{FindKeys, KeySpec};

pub use blocking::Pending;
pub use expiry::{ExpireCondition, ExpireTime, Ttl};
pub use hashes::expiry::{FieldExpiry, FieldPersistence, HsetexOptions};
pub use keys::CopyOptions;
pub use keys::database::ScanOptions;
pub use lists::ListPosition;
pub use lists::positions::LposOptions;
pub use picks::Picks;
pub use sort::SortOptions;
pub use strings::lcs::{LcsMatch, LcsMatches};
pub use strings::{GetexOption, SetCondition, SetOptions, SetOutcome};
pub use walk::WalkOptions;
pub use zsets::pop::ZsetEnd;
pub use zsets::query::{LexBound, LexRange, RankRange, ScoreBound, ScoreRange, ZrangeQuery};
pub use zsets::set_operations::Aggregate;
pub use zsets::{ZaddOptions, ZaddOutcome};

/// The HELP of a container: each line is a status.
fn reply_help(lines: &[&str], out: &mut dyn Reply) {
    out.array(lines.len());
    for line in lines {
        out.status(line);
    }
}

/// A row of the table with its number, which is also its place in the statistics.
#[derive(Clone, Copy)]
pub(crate) struct Command {
    pub(crate) id: usize,
    pub(crate) spec: &'static CommandSpec,
    /// The name of the container of a subcommand.
    pub(crate) parent: Option<&'static str>,
    /// For most commands: the little that a script's call needs to know of them.
    quick: Option<Quick>,
}

/// A command of the store with exactly one key, always at the same place.
#[derive(Clone, Copy)]
pub(crate) struct Quick {
    pub(crate) run: StoreFn,
    pub(crate) key: usize,
    flags: u32,
    /// Fewest arguments, and how many more there may be.
    least: usize,
    more: usize,
}

impl Quick {
    /// Whether it takes no longer on large data than on small. With many arguments no command is fast.
    #[inline(always)]
    pub(crate) fn is_fast(&self, arguments: usize) -> bool {
        self.flags & flag::FAST != 0 && arguments <= 16
    }
}

impl Command {
    fn new(id: usize, spec: &'static CommandSpec, parent: Option<&'static str>) -> Command {
        let arity = usize::from(spec.arity.unsigned_abs());
        let more = if spec.arity < 0 { usize::MAX - arity } else { 0 };
        let quick = match (spec.handler, spec.keys) {
            (Handler::Store(run), [KeySpec { first, find: FindKeys::Range { last: 0, .. }, access }])
                if !spec.is(flag::ALL_KEYS) && access & spec::access::NOT_KEY == 0 =>
            {
                Some(Quick { run, key: *first, flags: spec.flags, least: arity, more })
            }
            _ => None,
        };
        Command { id, spec, parent, quick }
    }

    /// The quick way, if there is one, the number of arguments fits, and the command has none of these flags.
    #[inline(always)]
    pub(crate) fn quick(&self, arguments: usize, without: u32) -> Option<Quick> {
        let fits =
            |quick: &Quick| arguments.wrapping_sub(quick.least) <= quick.more && quick.flags & without == 0;
        self.quick.filter(fits)
    }

    /// `get`, `object|encoding`: the name as statistics and error texts have it.
    pub(crate) fn full_name(self) -> String {
        let name = self.spec.name.to_ascii_lowercase();
        match self.parent {
            Some(parent) => format!("{}|{name}", parent.to_ascii_lowercase()),
            None => name,
        }
    }
}

/// The command table: all rows, found by name.
pub(crate) struct Table {
    commands: &'static [Command],
    /// Open addressing over the packed names.
    places: Box<[Place; PLACES]>,
}

/// A name and its command; `None` is an empty place.
type Place = (Packed, Option<&'static Command>);

const PLACES: usize = 1024;

/// The table, made at the first use.
#[inline]
pub(crate) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        Table::new(&[
            strings::COMMANDS,
            strings::counters::COMMANDS,
            strings::lcs::COMMANDS,
            strings::ranges::COMMANDS,
            hashes::COMMANDS,
            hashes::expiry::COMMANDS,
            hashes::scan::COMMANDS,
            lists::COMMANDS,
            lists::moves::COMMANDS,
            lists::positions::COMMANDS,
            blocking::COMMANDS,
            sets::COMMANDS,
            sets::combine::COMMANDS,
            sets::draw::COMMANDS,
            sort::COMMANDS,
            zsets::COMMANDS,
            zsets::pop::COMMANDS,
            zsets::range::COMMANDS,
            zsets::scan::COMMANDS,
            zsets::set_operations::COMMANDS,
            keys::COMMANDS,
            keys::database::COMMANDS,
            keys::object::COMMANDS,
            expiry::COMMANDS,
            connection::COMMANDS,
            client::COMMANDS,
            config::COMMANDS,
            server::COMMANDS,
            memory::COMMANDS,
            acl::COMMANDS,
            cluster::COMMANDS,
            debug::COMMANDS,
            meta::COMMANDS,
            pubsub::COMMANDS,
            info::COMMANDS,
            scripting::COMMANDS,
            functions::COMMANDS,
            transactions::COMMANDS,
        ])
    })
}

/// The first and the last 8 bytes of a name in capitals (of a shorter one all bytes), and its length: comparing
/// names of up to 16 bytes is then comparing numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Packed {
    first: u64,
    last: u64,
    len: usize,
}

/// Longer names are compared byte by byte too.
const EXACT: usize = 16;

/// Eight bytes with small letters made capitals, all at once.
#[inline]
fn capitals(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let seven = word & (0x7f * EACH);
    // Bit 7 of each byte says: at least `a`; past `z`.
    let from_a = seven + (0x80 - b'a' as u64) * EACH;
    let past_z = seven + (0x7f - b'z' as u64) * EACH;
    let is_small = (from_a ^ past_z) & !word & (0x80 * EACH);
    word ^ (is_small >> 2)
}

impl Packed {
    #[inline]
    fn of(name: &[u8]) -> Packed {
        let len = name.len();
        if let (Some(first), Some(last)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
            return Packed { first: capitals(first), last: capitals(last), len };
        }
        let first = match (name.first_chunk::<4>(), name.last_chunk::<4>(), name) {
            (Some(first), Some(last), _) => {
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
            }
            (.., &[a, b, c]) => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
            (.., &[a, b]) => u64::from(a) | u64::from(b) << 8,
            (.., &[a]) => u64::from(a),
            _ => 0,
        };
        Packed { first: capitals(first), last: 0, len }
    }

    #[inline]
    fn place(self) -> usize {
        let folded = self.first ^ self.last.rotate_left(29) ^ self.len as u64;
        (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
    }
}

impl Table {
    fn new(families: &[&'static [CommandSpec]]) -> Table {
        let mut commands = Vec::new();
        for spec in families.iter().flat_map(|family| family.iter()) {
            commands.push(Command::new(commands.len(), spec, None));
            for subcommand in spec.subcommands {
                commands.push(Command::new(commands.len(), subcommand, Some(spec.name)));
            }
        }
        // There is one table, which lasts as long as the program.
        let commands: &'static [Command] = commands.leak();
        let mut places = Box::new([(Packed::of(b""), None); PLACES]);
        for command in commands.iter().filter(|command| command.parent.is_none()) {
            let packed = Packed::of(command.spec.name.as_bytes());
            let mut at = packed.place();
            while places[at].1.is_some() {
                at = (at + 1) % PLACES;
            }
            places[at] = (packed, Some(command));
        }
        Table { commands, places }
    }

    /// The command or container of this name, in any case.
    #[inline(always)]
    pub(crate) fn find(&self, name: &[u8]) -> Option<&'static Command> {
        let packed = Packed::of(name);
        let mut at = packed.place();
        loop {
            let (found, command) = self.places[at % PLACES];
            let command = command?;
            if found == packed
                && (name.len() <= EXACT || name.eq_ignore_ascii_case(command.spec.name.as_bytes()))
            {
                return Some(command);
            }
            at += 1;
        }
    }

    /// The subcommand of a container.
    pub(crate) fn find_subcommand(&self, container: &Command, name: &[u8]) -> Option<&'static Command> {
        let named = |command: &&Command| name.eq_ignore_ascii_case(command.spec.name.as_bytes());
        self.subcommands(*container).iter().find(named)
    }

    /// The rows that follow a container's.
    pub(crate) fn subcommands(&self, container: Command) -> &'static [Command] {
        let subcommands = self.commands.get(container.id + 1..).unwrap_or_default();
        subcommands.get(..container.spec.subcommands.len()).unwrap_or_default()
    }

    /// The command that arguments call: a subcommand where the name is a container's.
    ///
    /// `Ok(Err(container))` is a container without a subcommand of that name.
    #[inline]
    pub(crate) fn resolve(&self, args: Args<'_>) -> Option<Result<&'static Command, &'static Command>> {
        let command = self.find(args.at(0))?;
        if command.spec.subcommands.is_empty() || args.len() < 2 {
            return Some(Ok(command));
        }
        Some(self.find_subcommand(command, args.at(1)).ok_or(command))
    }

    /// All rows: each container is followed by its subcommands.
    pub(crate) fn commands(&self) -> &'static [Command] {
        self.commands
    }
}
