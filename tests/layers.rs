//! The rules that Rust does not check inside one crate: imports point down, only `vm` and the bridge name `mlua`, only
//! the store, the engine and conversations take locks, and `unsafe` stands only where its file says why.
//!
//! The layers are read from the table in `src/lib.rs`, so the map that people read and the one that is enforced are
//! the same.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken harness must stop the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The number of the row of each top module in the table of layers; a path may only lead to a number not above its
/// own.
type Layers = BTreeMap<String, usize>;

struct Source {
    /// Below `src`, with `/`.
    path: String,
    text: String,
    /// The text with comments and literals blanked out, line by line as before.
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned(), code: blank(text) }
    }

    /// `keyspace` of `keyspace/ctx.rs`, `error` of `error.rs`.
    fn top_module(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// Whether the file is a module right below the crate's root.
    fn is_top(&self) -> bool {
        !self.path.contains('/') || self.path.matches('/').count() == 1 && self.path.ends_with("/mod.rs")
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| match place.strip_suffix('/') {
            Some(folder) => self.path.starts_with(place) || self.path == format!("{folder}.rs"),
            None => self.path == *place,
        })
    }

    /// The doc comment that the file opens with.
    fn head(&self) -> String {
        self.text.lines().take_while(|line| line.starts_with("//!")).collect()
    }

    fn line_of(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// Where `word` stands in the code, not as a part of a longer name.
    fn places_of<'s>(&'s self, word: &'s str) -> impl Iterator<Item = usize> + 's {
        let is_name =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let bytes = self.code.as_bytes();
        self.code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
            let starts = !is_name(word.as_bytes().first()) || at == 0 || !is_name(bytes.get(at - 1));
            starts && (!is_name(word.as_bytes().last()) || !is_name(bytes.get(at + word.len())))
        })
    }
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("the sources can be read") {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let source = |path: &PathBuf| {
        let below: Vec<_> =
            path.strip_prefix(&root).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
        Source::new(&below.join("/"), &std::fs::read_to_string(path).unwrap())
    };
    paths.iter().map(source).collect()
}

/// The table in the documentation of the crate: the rows whose first column is a number, from the ground up.
fn layers(lib: &str) -> Layers {
    let mut layers = Layers::new();
    let rows = lib
        .lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .filter(|row| row.starts_with(char::is_numeric));
    for (number, row) in rows.enumerate() {
        let modules = row.split('|').nth(1).expect("a row of the table has a column of modules");
        for module in modules.split_whitespace() {
            let module = module.trim_matches('`').to_owned();
            assert!(layers.insert(module.clone(), number).is_none(), "src/lib.rs: {module} is in two layers");
        }
    }
    layers
}

/// Everything that breaks a rule, one message for each place.
fn violations(source: &Source, all: &[Source], layers: &Layers) -> Vec<String> {
    let mut found = Vec::new();
    let mut report =
        |at: usize, what: String| found.push(format!("src/{}:{}: {what}", source.path, source.line_of(at)));
    if source.path != "lib.rs" {
        for (at, name) in root_paths(source) {
            match (layers.get(source.top_module()), layers.get(name)) {
                (None, _) => report(at, format!("{} is not in the table of layers", source.top_module())),
                (Some(own), Some(other)) if other <= own => {}
                (Some(_), Some(_)) => {
                    report(at, format!("{} is below {name} and must not name it", source.top_module()));
                }
                (Some(_), None) => {
                    report(at, format!("crate::{name} is no module; name the one that it is from"))
                }
            }
        }
    }
    for at in source.places_of("super::super") {
        report(at, "super::super; write the path from crate::".to_owned());
    }
    if !source.is_in(&["vm/", "engine/bridge.rs"]) {
        for at in source.places_of("mlua") {
            report(at, "only vm/ and engine/bridge.rs name mlua".to_owned());
        }
    }
    // A waiting caller's slot has a lock of its own, which nobody holds while he takes another.
    if !source.is_in(&["store/", "engine/", "resp/", "keyspace/wait/"]) {
        let mut signs =
            vec!["parking_lot", "Mutex", "RwLock", ".lock()", ".try_lock", ".try_read", ".try_write"];
        // Pointers have methods of these names too.
        if unsafe_allowance(source, all).is_none() {
            signs.extend([".read()", ".write()"]);
        }
        for sign in signs {
            for at in source.places_of(sign) {
                report(at, format!("{sign}: only store/, engine/ and resp/ take locks"));
            }
        }
    }
    for at in source.places_of("unsafe") {
        match unsafe_allowance(source, all) {
            None => report(at, "unsafe in a file that does not allow unsafe_code".to_owned()),
            Some(file) if !["unsafe", "sound"].iter().any(|word| file.head().contains(word)) => {
                report(at, format!("unsafe, and the head of src/{} does not say why", file.path));
            }
            Some(_) => {}
        }
    }
    found
}

/// Every path from the root of the crate, by the name that follows `crate::`.
fn root_paths(source: &Source) -> Vec<(usize, &str)> {
    let mut starts: Vec<usize> = source.places_of("crate::").map(|at| at + "crate::".len()).collect();
    if source.is_top() {
        starts.extend(source.places_of("super::").map(|at| at + "super::".len()));
    }
    let mut paths = Vec::new();
    for start in starts {
        let rest = &source.code[start..];
        let Some(group) = rest.trim_start().strip_prefix('{') else {
            paths.push((start, name_at(rest)));
            continue;
        };
        let mut depth = 1;
        let mut is_start = true;
        for (at, sign) in group.char_indices() {
            match sign {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => is_start = true,
                _ if depth == 1 && is_start && !sign.is_whitespace() => {
                    paths.push((start + (rest.len() - group.len()) + at, name_at(&group[at..])));
                    is_start = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    paths
}

fn name_at(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(text.len())]
}

/// The file whose `#![allow(unsafe_code)]` covers this one: itself, or the module that it is a part of.
fn unsafe_allowance<'s>(source: &'s Source, all: &'s [Source]) -> Option<&'s Source> {
    let parent = |path: &str| {
        let folder = path.strip_suffix("/mod.rs").or_else(|| path.strip_suffix(".rs"))?.rsplit_once('/')?.0;
        let is_parent = |other: &&Source| {
            other.path == format!("{folder}/mod.rs") || other.path == format!("{folder}.rs")
        };
        all.iter().find(is_parent)
    };
    let mut file = Some(source);
    while let Some(candidate) = file {
        if candidate.code.contains("#![allow(unsafe_code") {
            return Some(candidate);
        }
        file = parent(&candidate.path);
    }
    None
}

/// Blanks out comments, strings and character literals, and keeps every line where it was.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let is_name = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string(rest).filter(|_| !is_name) {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = rest.find('"').unwrap() + 1;
            rest[open..].find(&end).map_or(rest.len(), |close| open + close + end.len())
        } else if rest.starts_with('"') {
            literal(rest, b'"')
        } else if rest.starts_with('\'') && is_character(rest) {
            literal(rest, b'\'')
        } else {
            let sign = rest.chars().next().unwrap();
            code.push(if sign.is_ascii() { sign } else { '_' });
            at += sign.len_utf8();
            continue;
        };
        code.extend(rest[..len].chars().map(|sign| if sign == '\n' { '\n' } else { ' ' }));
        at += len;
    }
    code
}

/// The number of `#` of a raw string that starts here.
fn raw_string(text: &str) -> Option<usize> {
    let text = text.strip_prefix('b').unwrap_or(text).strip_prefix('r')?;
    let hashes = text.len() - text.trim_start_matches('#').len();
    text[hashes..].starts_with('"').then_some(hashes)
}

/// A character literal, not a lifetime: an escape, or one character and a quote.
fn is_character(text: &str) -> bool {
    let mut signs = text.chars().skip(1);
    signs.next().is_some_and(|sign| sign == '\\' || signs.next() == Some('\''))
}

/// The length of a literal with escapes.
fn literal(text: &str, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

#[test]
fn the_crate_keeps_its_layers() {
    let sources = sources();
    let lib = sources.iter().find(|source| source.path == "lib.rs").unwrap();
    let layers = layers(&lib.text);
    let found: Vec<String> =
        sources.iter().flat_map(|source| violations(source, &sources, &layers)).collect();
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

#[test]
fn the_table_of_layers_names_every_module() {
    let sources = sources();
    let lib = sources.iter().find(|source| source.path == "lib.rs").unwrap();
    let declared: BTreeSet<&str> = lib.places_of("mod").map(|at| name_at(&lib.code[at + 3..])).collect();
    let layers = layers(&lib.text);
    let mapped: BTreeSet<&str> = layers.keys().map(String::as_str).collect();
    // A layer may be drawn before it is built.
    let missing: Vec<_> = declared.difference(&mapped).collect();
    assert!(missing.is_empty(), "src/lib.rs: modules that are in no layer: {missing:?}");
    assert!(layers["error"] < layers["keyspace"] && layers["keyspace"] < layers["store"]);
    assert!(layers["store"] < layers["commands"] && layers["commands"] < layers["engine"]);
}

/// What the rules say of one file beside the real ones.
fn judge(path: &str, text: &str) -> Vec<String> {
    let mut sources = sources();
    let lib = sources.iter().find(|source| source.path == "lib.rs").unwrap();
    let layers = layers(&lib.text);
    sources.retain(|source| source.path != path);
    violations(&Source::new(path, text), &sources, &layers)
}

#[test]
fn bad_snippets_are_caught() {
    let bad = [
        ("ds/x.rs", "use crate::store::Store;", "ds is below store"),
        (
            "ds/x.rs",
            "use crate::{\n    error::Error,\n    store::{Store, lock},\n};",
            "x.rs:3: ds is below store",
        ),
        ("keyspace/x.rs", "fn f(s: &crate::commands::Args<'_>) {}", "keyspace is below commands"),
        ("error.rs", "use super::store;", "error is below store"),
        ("store/mod.rs", "use super::engine::Engine;", "store is below engine"),
        ("vm/x.rs", "use crate::keyspace::Ctx;", "vm is below keyspace"),
        ("commands/x.rs", "use crate::Store;", "crate::Store is no module"),
        ("attic/x.rs", "use crate::error::Error;", "attic is not in the table"),
        ("commands/meta/x.rs", "use super::super::Args;", "super::super"),
        ("engine/cache.rs", "use mlua::Lua;", "name mlua"),
        ("commands/x.rs", "use parking_lot::RwLock;", "parking_lot"),
        ("commands/x.rs", "fn f() {\n\n    s.inner.rng.lock().next();\n}", "x.rs:3: .lock()"),
        ("session.rs", "fn f() { shard.read().len(); }", ".read()"),
        ("ds/x.rs", "fn f() { unsafe { g() } }", "does not allow unsafe_code"),
        ("ds/x.rs", "//! Fast.\n#![allow(unsafe_code)]\nunsafe fn f() {}", "does not say why"),
    ];
    for (path, text, message) in bad {
        let found = judge(path, text);
        assert!(found.iter().any(|line| line.contains(message)), "{path}: {text:?} gives {found:?}");
    }
}

#[test]
fn good_snippets_pass() {
    let good = [
        ("store/x.rs", "use crate::{error::Error, keyspace::Ctx};\nfn f() { x.lock(); y.read(); }"),
        ("commands/x.rs", "// use crate::engine::Engine;\nconst A: &str = \"crate::engine mlua unsafe\";"),
        (
            "commands/x.rs",
            "/// [`crate::Session`], Mutex\nfn f<'a>(a: &'a str, quote: char) { g('\"', '\\'', a) }",
        ),
        ("commands/x.rs", "const A: &str = r#\"crate::engine \" unsafe\"#;\nuse crate::store::Store;"),
        ("engine/bridge.rs", "use mlua::ffi;"),
        ("ds/x.rs", "//! Why unsafe: speed.\n#![allow(unsafe_code)]\nfn f() { unsafe { p.read() } }"),
        ("keyspace/x.rs", "fn f() { hasher.write(key); file.read(&mut buffer); }"),
    ];
    for (path, text) in good {
        let found = judge(path, text);
        assert!(found.is_empty(), "{path}: {text:?} gives {found:?}");
    }
}
