//! The script cache: what gets into it, what stays, and what SCRIPT's subcommands answer.

use redmoon::{Engine, NONE, Session, Store, Value};

use super::{reply_of, sha};

const NOSCRIPT: &[u8] = b"-NOSCRIPT No matching script. Please use EVAL.\r\n";

fn session() -> Session {
    Engine::new(Store::new()).session()
}

fn exists(session: &mut Session, script: &str) -> bool {
    session.execute(&["SCRIPT", "EXISTS", &sha(script)]).unwrap() == Value::Array(vec![Value::Integer(1)])
}

/// A figure of INFO, of which nothing else is known here.
fn figure(session: &mut Session, name: &str) -> u64 {
    let info: String = session.execute(&["INFO"]).unwrap().convert().unwrap();
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("INFO has {name}")).parse().unwrap()
}

#[test]
fn what_compiles_is_cached_even_if_it_fails_or_is_refused() {
    for script in ["return 1", "error('x')", "return redis.call('nosuch')", "return {err='x'}", ""] {
        for command in ["EVAL", "EVAL_RO"] {
            let mut session = session();
            assert!(!exists(&mut session, script));
            let _ = session.execute(&[command, script, "0"]);
            assert!(exists(&mut session, script), "{command} {script}");
        }
    }
    let mut session = session();
    let refused = "#!lua\nreturn 1";
    let error = session.execute(&["EVAL_RO", refused, "0"]).unwrap_err();
    assert_eq!(error.to_string(), "ERR Can not execute a script with write flag using *_ro command.");
    assert!(exists(&mut session, refused));
    let ended = "while true do end";
    let engine = Engine::builder(Store::new()).time_limit(std::time::Duration::from_millis(20)).build();
    assert!(engine.eval(ended, NONE, NONE).is_err());
    assert_eq!(engine.script_exists(&[sha(ended)]), [true]);
}

#[test]
fn what_does_not_compile_or_is_called_wrongly_is_not_cached() {
    for script in ["return 1 +", "return 'x", "#!lua flags=nosuch\nreturn 1", "#!python\nreturn 1", "#!lua"] {
        let mut session = session();
        session.execute(&["EVAL", script, "0"]).unwrap_err();
        session.execute(&["SCRIPT", "LOAD", script]).unwrap_err();
        assert!(!exists(&mut session, script), "{script}");
    }
    for keys in ["x", "-1", "1", "1.5"] {
        let mut session = session();
        session.execute(&["EVAL", "return 1", keys]).unwrap_err();
        assert!(!exists(&mut session, "return 1"), "{keys}");
    }
}

#[test]
fn evalsha_takes_the_name_in_any_case_and_its_errors_come_in_order() {
    let mut session = session();
    let name = sha("return ARGV[1]");
    assert_eq!(reply_of(&mut session, &["EVALSHA", &name, "0"]), NOSCRIPT);
    reply_of(&mut session, &["EVAL", "return ARGV[1]", "0"]);
    let mixed: String = name
        .chars()
        .enumerate()
        .map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c })
        .collect();
    for name in [name.clone(), name.to_uppercase(), mixed] {
        assert_eq!(reply_of(&mut session, &["EVALSHA", &name, "0", "x"]), b"$1\r\nx\r\n");
        assert_eq!(reply_of(&mut session, &["EVALSHA_RO", &name, "0", "y"]), b"$1\r\ny\r\n");
        assert_eq!(reply_of(&mut session, &["SCRIPT", "EXISTS", &name]), b"*1\r\n:1\r\n");
    }
    // The length first, then the number of keys, then whether it is there.
    assert_eq!(reply_of(&mut session, &["EVALSHA", "abc", "x"]), NOSCRIPT);
    assert_eq!(reply_of(&mut session, &["EVALSHA", "", "0"]), NOSCRIPT);
    let unknown = "f".repeat(40);
    assert_eq!(
        reply_of(&mut session, &["EVALSHA", &unknown, "x"]),
        b"-ERR value is not an integer or out of range\r\n"
    );
    assert_eq!(
        reply_of(&mut session, &["EVALSHA", &unknown, "-1"]),
        b"-ERR Number of keys can't be negative\r\n"
    );
    assert_eq!(reply_of(&mut session, &["EVALSHA", &unknown, "0"]), NOSCRIPT);
}

#[test]
fn the_subcommands_of_script_answer_as_in_redis() {
    let mut session = session();
    let name = sha("return 1");
    let loaded = format!("$40\r\n{name}\r\n");
    for _ in 0..2 {
        assert_eq!(reply_of(&mut session, &["SCRIPT", "LOAD", "return 1"]), loaded.as_bytes());
    }
    assert_eq!(
        reply_of(&mut session, &["SCRIPT", "LOAD", ""]),
        b"$40\r\nda39a3ee5e6b4b0d3255bfef95601890afd80709\r\n"
    );
    assert_eq!(
        reply_of(&mut session, &["SCRIPT", "EXISTS", &name, "x", "", &name]),
        b"*4\r\n:1\r\n:0\r\n:0\r\n:1\r\n"
    );
    assert_eq!(reply_of(&mut session, &["SCRIPT", "SHOW", &name.to_uppercase()]), b"$8\r\nreturn 1\r\n");
    for flush in [&["SCRIPT", "FLUSH"][..], &["script", "flush", "sync"], &["SCRIPT", "FLUSH", "ASYNC"]] {
        reply_of(&mut session, &["SCRIPT", "LOAD", "return 1"]);
        assert_eq!(reply_of(&mut session, flush), b"+OK\r\n");
        assert!(!exists(&mut session, "return 1"));
        assert_eq!(reply_of(&mut session, &["EVALSHA", &name, "0"]), NOSCRIPT);
        assert_eq!(reply_of(&mut session, &["SCRIPT", "SHOW", &name]), NOSCRIPT);
    }
    for (command, error) in [
        (&["SCRIPT"][..], "ERR wrong number of arguments for 'script' command"),
        (&["SCRIPT", "foo"], "ERR unknown subcommand 'foo'. Try SCRIPT HELP."),
        (&["SCRIPT", "LOAD"], "ERR wrong number of arguments for 'script|load' command"),
        (&["SCRIPT", "EXISTS"], "ERR wrong number of arguments for 'script|exists' command"),
        (&["SCRIPT", "KILL", "x"], "ERR wrong number of arguments for 'script|kill' command"),
        (&["SCRIPT", "HELP", "x"], "ERR wrong number of arguments for 'script|help' command"),
        (&["SCRIPT", "FLUSH", "x"], "ERR SCRIPT FLUSH only support SYNC|ASYNC option"),
        (&["SCRIPT", "FLUSH", "SYNC", "ASYNC"], "ERR SCRIPT FLUSH only support SYNC|ASYNC option"),
        (&["SCRIPT", "KILL"], "NOTBUSY No scripts in execution right now."),
        (&["SCRIPT", "SHOW", "abc"], "NOSCRIPT No matching script. Please use EVAL."),
        (
            &["SCRIPT", "LOAD", "return 1 +"],
            match cfg!(feature = "lua54") {
                true => {
                    "ERR Error compiling script (new function): user_script:1: unexpected symbol near <eof>"
                }
                false => {
                    "ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'"
                }
            },
        ),
    ] {
        assert_eq!(session.execute(command).unwrap_err().to_string(), error, "{command:?}");
    }
}

#[test]
fn five_hundred_evaluated_scripts_stay_and_the_one_run_longest_ago_goes_first() {
    let mut session = session();
    let script = |number: u32| format!("return {number}");
    let loaded = ["return 'loaded'", "return 'loaded too'"];
    for script in loaded {
        session.execute(&["SCRIPT", "LOAD", script]).unwrap();
    }
    for number in 0..500 {
        session.execute(&["EVAL", &script(number), "0"]).unwrap();
    }
    assert_eq!(
        (figure(&mut session, "evicted_scripts"), figure(&mut session, "number_of_cached_scripts")),
        (0, 502)
    );
    // 0 and 1 run again, one by its name; asking whether one exists is no run.
    session.execute(&["EVAL", &script(0), "0"]).unwrap();
    session.execute(&["EVALSHA", &sha(&script(1)), "0"]).unwrap();
    assert!(exists(&mut session, &script(2)));
    for number in 500..503 {
        session.execute(&["EVAL", &script(number), "0"]).unwrap();
    }
    for (number, stays) in [(0, true), (1, true), (2, false), (3, false), (4, false), (5, true), (502, true)]
    {
        assert_eq!(exists(&mut session, &script(number)), stays, "{number}");
    }
    assert_eq!(
        (figure(&mut session, "evicted_scripts"), figure(&mut session, "number_of_cached_scripts")),
        (3, 502)
    );
    assert_eq!(reply_of(&mut session, &["EVALSHA", &sha(&script(2)), "0"]), NOSCRIPT);
    for number in 503..1100 {
        session.execute(&["EVAL_RO", &script(number), "0"]).unwrap();
    }
    for script in loaded {
        assert!(exists(&mut session, script), "{script}");
    }
    assert_eq!(
        (figure(&mut session, "evicted_scripts"), figure(&mut session, "number_of_cached_scripts")),
        (600, 502)
    );
    session.execute(&["SCRIPT", "FLUSH"]).unwrap();
    assert_eq!(figure(&mut session, "number_of_cached_scripts"), 0);
}

#[test]
fn a_script_that_was_evaluated_and_then_loaded_stays() {
    let engine = Engine::builder(Store::new()).evaluated_scripts(3).build();
    engine.eval("return 'both'", NONE, NONE).unwrap();
    let name = engine.script_load("return 'both'").unwrap();
    assert_eq!(name, sha("return 'both'"));
    for number in 0..10 {
        engine.eval(format!("return {number}"), NONE, NONE).unwrap();
    }
    assert_eq!(
        engine.script_exists(&[&name, &sha("return 9"), &sha("return 7"), &sha("return 6")]),
        [true, true, true, false]
    );
    assert_eq!(engine.script_show(&name).unwrap(), b"return 'both'");
}

#[test]
fn random_numbers_go_on_over_scripts_and_a_flush() {
    let mut session = session();
    let mut next =
        || session.execute(&["EVAL", "return math.random(1000000)", "0"]).unwrap().convert::<i64>().unwrap();
    let numbers = [next(), next(), next()];
    let mut other = self::session();
    let script = "return {math.random(1000000),math.random(1000000)}";
    let two: Vec<i64> = other.execute(&["EVAL", script, "0"]).unwrap().convert().unwrap();
    other.execute(&["SCRIPT", "FLUSH"]).unwrap();
    let third =
        other.execute(&["EVAL", "return math.random(1000000)", "0"]).unwrap().convert::<i64>().unwrap();
    assert_eq!([two[0], two[1], third], numbers);
}
