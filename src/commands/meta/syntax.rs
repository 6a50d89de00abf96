//! The tree of arguments that `COMMAND DOCS` gives, read from the line of syntax in a command's row; the notation is
//! explained at [`CommandSpec::syntax`].

use crate::commands::CommandSpec;
use crate::commands::spec::{FindKeys, KeySpec, access::NOT_KEY};

/// One argument, or a group of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Argument {
    pub(super) name: String,
    /// `key`, `integer`, `pure-token`, `oneof`, `block` …
    pub(super) kind: &'static str,
    /// The word before it, or the word that it is.
    pub(super) token: Option<&'static str>,
    pub(super) optional: bool,
    pub(super) multiple: bool,
    /// Whether the token stands before each, if there may be several.
    pub(super) repeats_token: bool,
    /// Which of the row's key specifications finds it.
    pub(super) key_spec: Option<usize>,
    /// The choices of a `oneof`, the members of a `block`.
    pub(super) parts: Vec<Argument>,
}

impl Argument {
    fn new(name: impl Into<String>, kind: &'static str) -> Argument {
        Argument {
            name: name.into(),
            kind,
            token: None,
            optional: false,
            multiple: false,
            repeats_token: false,
            key_spec: None,
            parts: Vec::new(),
        }
    }

    fn block(parts: Vec<Argument>) -> Argument {
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        Argument { parts: parts.clone(), ..Argument::new(names.join("_"), "block") }
    }
}

/// The arguments of a row, the first of them at position `first` behind the command's name.
pub(super) fn arguments(row: &CommandSpec, first: usize) -> Vec<Argument> {
    let mut words = Words { rest: row.syntax };
    let nodes = parse(&mut words).alternatives.swap_remove(0);
    Reader { keys: row.keys, at: Some(first) }.sequence(&nodes)
}

/// What a name means where the row's key specifications do not say it.
const KINDS: &[(&str, &[&str])] = &[
    (
        "integer",
        &[
            "integer",
            "seconds",
            "milliseconds",
            "increment",
            "decrement",
            "start",
            "end",
            "stop",
            "offset",
            "count",
            "cursor",
            "len",
            "min-match-len",
            "db",
            "destination-db",
            "index",
            "index1",
            "index2",
            "numkeys",
            "rank",
            "num-matches",
            "weight",
            "limit",
            "protover",
        ],
    ),
    ("unix-time", &["unix-time-seconds", "unix-time-milliseconds"]),
    ("pattern", &["pattern"]),
    ("double", &["double"]),
    ("key", &["key"]),
    ("string", &["string"]),
];

fn kind_of(name: &str) -> &'static str {
    KINDS.iter().find(|(_, names)| names.contains(&name)).map_or("string", |(kind, _)| kind)
}

/// What a choice is called after its first token.
const CHOICES: &[(&str, &str)] = &[("NX", "condition"), ("EX", "expiration")];

enum Node {
    Word(&'static str),
    Group(Group),
}

#[derive(Default)]
struct Group {
    name: Option<&'static str>,
    optional: bool,
    /// What stands in it may be given again and again.
    repeats: bool,
    alternatives: Vec<Vec<Node>>,
}

impl Group {
    fn begins_with(&self, token: &str) -> bool {
        let first = self.alternatives.first().and_then(|nodes| nodes.first());
        matches!(first, Some(Node::Word(word)) if *word == token)
    }
}

struct Words {
    rest: &'static str,
}

impl Iterator for Words {
    type Item = &'static str;
    fn next(&mut self) -> Option<&'static str> {
        const SIGNS: &[char] = &['[', ']', '<', '>', '|'];
        let rest = self.rest.trim_start();
        let end = match rest.chars().next()? {
            sign if SIGNS.contains(&sign) => 1,
            _ => rest.find(|sign: char| SIGNS.contains(&sign) || sign == ' ').unwrap_or(rest.len()),
        };
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        Some(word)
    }
}

/// Everything up to the sign that closes the group, or up to the end.
fn parse(words: &mut Words) -> Group {
    let mut group = Group { alternatives: vec![Vec::new()], ..Group::default() };
    while let Some(word) = words.next() {
        let node = match word {
            "]" | ">" => break,
            "|" => {
                group.alternatives.push(Vec::new());
                continue;
            }
            "..." => {
                group.repeats = true;
                continue;
            }
            "[" => Node::Group(Group { optional: true, ..parse(words) }),
            "<" => Node::Group(parse(words)),
            _ => match word.strip_suffix(':') {
                Some(name) => {
                    group.name = Some(name);
                    continue;
                }
                None => Node::Word(word),
            },
        };
        if let Some(last) = group.alternatives.last_mut() {
            last.push(node);
        }
    }
    group
}

fn is_token(word: &str) -> bool {
    word.chars().all(|sign| !sign.is_ascii_lowercase())
}

struct Reader {
    keys: &'static [KeySpec],
    /// The position of the next argument, while those before it are all required.
    at: Option<usize>,
}

impl Reader {
    fn sequence(&mut self, nodes: &[Node]) -> Vec<Argument> {
        let mut arguments: Vec<Argument> = Vec::new();
        let mut nodes = nodes.iter();
        while let Some(node) = nodes.next() {
            match node {
                Node::Word(word) if is_token(word) => {
                    self.pass();
                    let argument = match nodes.as_slice().first() {
                        Some(Node::Word(next)) if !is_token(next) => Some(self.word(next)),
                        Some(Node::Group(group)) if !group.optional => {
                            let mut argument = self.group(group);
                            if group.name.is_none() && argument.kind == "oneof" {
                                argument.name = word.to_ascii_lowercase();
                            }
                            Some(argument)
                        }
                        _ => None,
                    };
                    arguments.push(match argument {
                        Some(argument) => {
                            nodes.next();
                            Argument { token: Some(word), ..argument }
                        }
                        None => Argument {
                            token: Some(word),
                            ..Argument::new(word.to_ascii_lowercase(), "pure-token")
                        },
                    });
                }
                Node::Word(word) => arguments.push(self.word(word)),
                Node::Group(group) => {
                    let argument = self.group(group);
                    if group.repeats {
                        repeat(&mut arguments, argument);
                    } else {
                        arguments.push(argument);
                    }
                    if group.optional {
                        self.at = None;
                    }
                }
            }
        }
        arguments
    }

    fn word(&mut self, word: &str) -> Argument {
        let (name, kind) = word.rsplit_once(':').unwrap_or((word, word));
        let mut argument = Argument::new(name, kind_of(kind));
        argument.key_spec = self.key_spec(name);
        let is_derived = |at: usize| matches!(self.keys[at].find, FindKeys::Derived { .. });
        if argument.key_spec.is_some_and(|at| !is_derived(at)) {
            argument.kind = "key";
        }
        self.pass();
        argument
    }

    fn group(&mut self, group: &Group) -> Argument {
        let mut argument = match group.alternatives.as_slice() {
            [only] => self.one(only),
            several => {
                let start = self.at;
                let mut parts = Vec::new();
                for alternative in several {
                    self.at = start;
                    parts.push(self.one(alternative));
                }
                // The choices may differ in length.
                self.at = None;
                let first = parts.first().cloned().unwrap_or_else(|| Argument::new("", "string"));
                let named = CHOICES.iter().find(|(token, _)| first.token == Some(*token));
                let name = named.map_or(first.name.as_str(), |(_, name)| name);
                Argument { parts, ..Argument::new(name, "oneof") }
            }
        };
        if let Some(name) = group.name {
            argument.name = name.to_owned();
        }
        argument.optional |= group.optional;
        argument
    }

    /// A sequence as one argument.
    fn one(&mut self, nodes: &[Node]) -> Argument {
        // The same token again is no other argument: `GET pattern [GET pattern ...]`.
        let is_other = |node: &&Node, token| !matches!(node, Node::Group(group) if group.begins_with(token));
        if let [Node::Word(token), rest @ ..] = nodes
            && is_token(token)
            && rest.iter().filter(|node| is_other(node, token)).count() > 1
        {
            self.pass();
            return Argument { token: Some(token), ..Argument::block(self.sequence(rest)) };
        }
        let mut arguments = self.sequence(nodes);
        match arguments.pop() {
            Some(only) if arguments.is_empty() => only,
            last => {
                arguments.extend(last);
                Argument::block(arguments)
            }
        }
    }

    fn pass(&mut self) {
        self.at = self.at.map(|at| at + 1);
    }

    /// The key specification that the argument at this position is the first find of, or one of its fixed ones, or
    /// that names it.
    fn key_spec(&self, name: &str) -> Option<usize> {
        self.keys.iter().position(|keys| match keys.find {
            _ if keys.access & NOT_KEY != 0 => false,
            FindKeys::Range { last, .. } => {
                let fixed = keys.first..=keys.first + last.max(0) as usize;
                self.at.is_some_and(|at| fixed.contains(&at))
            }
            FindKeys::Counted => self.at == Some(keys.first + 1),
            FindKeys::Found { argument, .. } | FindKeys::Derived { argument, .. } => argument == name,
        })
    }
}

/// Marks what was just read as repeatable, if the group that says so repeats it: `key value [key value ...]`.
fn repeat(arguments: &mut Vec<Argument>, again: Argument) {
    let wanted: Vec<&str> = match again.kind {
        "block" => again.parts.iter().map(|part| part.name.as_str()).collect(),
        _ => vec![again.name.as_str()],
    };
    let start = arguments.len().saturating_sub(wanted.len());
    if arguments[start..].iter().map(|argument| argument.name.as_str()).ne(wanted) {
        return arguments.push(Argument { multiple: true, ..again });
    }
    let mut first = arguments.split_off(start);
    let whole = if first.len() == 1 { first.swap_remove(0) } else { Argument::block(first) };
    arguments.push(Argument { multiple: true, repeats_token: again.token.is_some(), ..whole });
}

#[cfg(test)]
mod tests;
