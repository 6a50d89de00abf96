//! What only Dragonfly does.

use redmoon::{Dialect, Engine, ErrorKind, NONE, Store, Value};

use super::{ALL, REDIS_LIKE, engine, error, raised, text};
use crate::scripting::sha;

#[test]
fn dragonfly_puts_the_place_first_and_counts_lines_from_two() {
    let dialect = Dialect::Dragonfly;
    for (source, line, told) in [
        ("error('x')", 2, "user_script:2: x"),
        ("\n\nerror('x',0)", 4, "x"),
        ("redis.call('INCRBY','k','x')", 2, "-ERR value is not an integer or out of range"),
        (
            "local function f()\nredis.call('GET',nil)\nend\nf()",
            3,
            "Lua redis() command arguments must be strings or integers",
        ),
    ] {
        let wanted =
            format!("ERR Error running script (call to {}): @user_script:{line}: {told}", sha(source));
        assert_eq!(error(dialect, source), wanted);
    }
    let engine = engine(dialect);
    engine.store().set("text", "x").unwrap();
    let source = "redis.call('LPUSH','text','y')";
    let error = engine.eval(source, NONE, NONE).unwrap_err();
    let wanted = format!(
        "ERR Error running script (call to {}): @user_script:2: -WRONGTYPE Operation against a key holding the \
         wrong kind of value",
        sha(source)
    );
    assert_eq!((error.to_string(), error.kind()), (wanted, ErrorKind::WrongType));
    // What is answered and not raised has no envelope.
    let error = engine.eval("return redis.pcall('LPUSH','text','y')", NONE, NONE).unwrap_err();
    assert_eq!(error.code(), "WRONGTYPE");
}

#[test]
fn dragonfly_tells_a_global_from_a_field_of_a_library() {
    let dialect = Dialect::Dragonfly;
    for (source, told) in [
        ("x=1", "Script attempted to create global variable 'x'"),
        ("function f() end", "Script attempted to create global variable 'f'"),
        ("_G.x=1", "Script attempted to create global variable 'x'"),
        ("return x", "Script attempted to access nonexistent global variable 'x'"),
        ("rawset(_G,'x',1)", "Script attempted to access rawset with global environment"),
        ("setmetatable(_G,{})", "Script attempted to set metatable of global environment"),
        ("getmetatable(_G)", "Script attempted to access metatable of global environment"),
    ] {
        let wanted = format!(
            "ERR Error running script (call to {}): @user_script:2: user_script:2: {told}",
            sha(source)
        );
        assert_eq!(error(dialect, source), wanted);
    }
    assert!(error(dialect, "string.x=1").contains("Attempt to modify a readonly table"));
    for dialect in REDIS_LIKE {
        for source in ["x=1", "rawset(_G,'x',1)", "setmetatable(_G,{})"] {
            assert!(error(dialect, source).contains("Attempt to modify a readonly table"), "{dialect:?}");
        }
        assert_eq!(text(&engine(dialect), "return type(getmetatable(_G).__index)"), "function");
    }
}

#[test]
fn dragonfly_lacks_functions_that_have_no_meaning_there() {
    let engine = engine(Dialect::Dragonfly);
    let names = ["setresp", "set_repl", "breakpoint", "debug", "acl_check_cmd", "REDIS_VERSION"];
    for name in names {
        assert_eq!(text(&engine, &format!("return type(redis.{name})")), "nil", "{name}");
        for dialect in REDIS_LIKE {
            assert_ne!(text(&super::engine(dialect), &format!("return type(redis.{name})")), "nil", "{name}");
        }
    }
    assert_eq!(engine.eval("return redis.replicate_commands()", NONE, NONE).unwrap(), Value::Integer(1));
}

#[test]
fn dragonfly_gives_an_error_reply_no_code() {
    assert_eq!(error(Dialect::Dragonfly, "return redis.error_reply('x')"), "x");
    for dialect in REDIS_LIKE {
        assert_eq!(error(dialect, "return redis.error_reply('x')"), "ERR x");
    }
}

#[test]
fn dragonfly_names_the_key_that_was_not_declared_and_refuses_to_leave_the_database() {
    let engine =
        Engine::builder(Store::new()).dialect(Dialect::Dragonfly).allow_undeclared_keys(false).build();
    for (call, told) in [
        ("'SET','other','x'", "script tried accessing undeclared key, key: other"),
        ("'FLUSHALL'", "This Redis command is not allowed from script"),
        ("'SELECT','1'", "SELECT is not allowed in regular EXEC/EVAL"),
    ] {
        let source = format!("return redis.call({call})");
        let error = engine.eval(&source, &["k"], NONE).unwrap_err().to_string();
        assert_eq!(error, raised(Dialect::Dragonfly, &source, told, true));
    }
    assert_eq!(engine.eval("return redis.call('SELECT','0')", &["k"], NONE).unwrap(), Value::ok());
    let any_key = super::engine(Dialect::Dragonfly);
    assert_eq!(any_key.eval("return redis.call('SELECT','1')", NONE, NONE).unwrap(), Value::ok());
}

#[test]
fn dragonfly_has_one_text_for_every_wrong_script_command() {
    let mut session = engine(Dialect::Dragonfly).session();
    let unknown = |name: &str| {
        format!("ERR Unknown subcommand or wrong number of arguments for '{name}'. Try SCRIPT HELP.")
    };
    for (command, name) in [
        (&["SCRIPT", "KILL"][..], "KILL"),
        (&["SCRIPT", "nosuch"], "NOSUCH"),
        (&["SCRIPT", "DEBUG", "YES"], "DEBUG"),
        (&["SCRIPT", "LOAD"], "LOAD"),
    ] {
        assert_eq!(session.execute(command).unwrap_err().to_string(), unknown(name), "{command:?}");
    }
    assert_eq!(session.execute(&["SCRIPT", "FLUSH", "more", "words"]).unwrap(), Value::ok());
    for dialect in REDIS_LIKE {
        let mut session = engine(dialect).session();
        let error = session.execute(&["SCRIPT", "nosuch"]).unwrap_err().to_string();
        assert_eq!(error, "ERR unknown subcommand 'nosuch'. Try SCRIPT HELP.");
        let error = session.execute(&["SCRIPT", "FLUSH", "more"]).unwrap_err().to_string();
        assert_eq!(error, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    }
}

#[test]
fn dragonfly_takes_a_negative_number_of_keys_for_no_number() {
    for dialect in ALL {
        let mut session = engine(dialect).session();
        let line = match dialect {
            Dialect::Dragonfly => "ERR value is not an integer or out of range",
            _ => "ERR Number of keys can't be negative",
        };
        for command in [["EVAL", "return 1", "-1"], ["EVALSHA", &sha("return 1"), "-1"]] {
            assert_eq!(session.execute(&command).unwrap_err().to_string(), line, "{dialect:?}");
        }
        let error = session.execute(&["EVAL", "return 1", "-0"]).unwrap_err().to_string();
        assert_eq!(error, "ERR value is not an integer or out of range", "{dialect:?}");
    }
}
