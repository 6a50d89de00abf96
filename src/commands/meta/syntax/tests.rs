use super::*;
use crate::commands::spec::{counted_keys, key, keys};

/// The tree on one line: `name:type`, the token before it, `?` for optional, `*` for multiple, `#n` for a key.
fn tree(arguments: &[Argument]) -> String {
    let one = |argument: &Argument| {
        let token = argument.token.map(|token| format!("{token} ")).unwrap_or_default();
        let optional = if argument.optional { "?" } else { "" };
        let multiple = if argument.multiple { "*" } else { "" };
        let spec = argument.key_spec.map(|index| format!("#{index}")).unwrap_or_default();
        let parts =
            if argument.parts.is_empty() { String::new() } else { format!("({})", tree(&argument.parts)) };
        format!("{token}{}:{}{optional}{multiple}{spec}{parts}", argument.name, argument.kind)
    };
    arguments.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn read(syntax: &'static str, keys: &'static [KeySpec]) -> String {
    tree(&arguments(&CommandSpec::session("X").syntax(syntax).keys(keys), 1))
}

#[test]
fn plain_arguments() {
    assert_eq!(read("", &[]), "");
    assert_eq!(read("key seconds value", const { &[key(1, 0)] }), "key:key#0 seconds:integer value:string");
    assert_eq!(read("increment:double", &[]), "increment:double");
    assert_eq!(
        read("source destination", const { &[key(1, 0), key(2, 0)] }),
        "source:key#0 destination:key#1"
    );
}

#[test]
fn tokens() {
    assert_eq!(read("[KEEPTTL]", &[]), "KEEPTTL keepttl:pure-token?");
    assert_eq!(read("[MATCH pattern] [COUNT count]", &[]), "MATCH pattern:pattern? COUNT count:integer?");
    assert_eq!(read("[LIMIT offset count]", &[]), "LIMIT offset_count:block?(offset:integer count:integer)");
}

#[test]
fn choices() {
    assert_eq!(read("[NX | XX]", &[]), "condition:oneof?(NX nx:pure-token XX xx:pure-token)");
    assert_eq!(
        read("BY <RADIUS radius | pattern>", &[]),
        "BY by:oneof(RADIUS radius:string pattern:pattern)"
    );
    assert_eq!(read("[mode: FAST | SLOW]", &[]), "mode:oneof?(FAST fast:pure-token SLOW slow:pure-token)");
}

#[test]
fn repeats() {
    assert_eq!(read("key [key ...]", const { &[keys(1, -1, 1, 0)] }), "key:key*#0");
    assert_eq!(
        read("key value [key value ...]", const { &[keys(1, -1, 2, 0)] }),
        "key_value:block*(key:key#0 value:string)"
    );
    assert_eq!(read("[section ...]", &[]), "section:string?*");
    assert_eq!(
        read("script numkeys [key [key ...]] [arg [arg ...]]", const { &[counted_keys(2, 0)] }),
        "script:string numkeys:integer key:key?*#0 arg:string?*"
    );
    assert_eq!(read("[GET pattern [GET pattern ...]]", &[]), "GET pattern:pattern?*");
}
