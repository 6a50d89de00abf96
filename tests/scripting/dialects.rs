//! Where the servers disagree: each dialect's texts, names and behaviours. The expected texts are those that Redis
//! 7.0.15, Valkey 8.0 and Dragonfly are documented to send.
//!
//! These differences have no test, because what they are about is not there yet; it comes with them:
//!
//! * XREAD and XREADGROUP with BLOCK in scripts (an error up to 7.2, nil from 7.4 on and in Valkey): no streams;
//! * what a script is told that its user may not do (`The user executing the script can't …`, from 7.2 on and in Valkey
//!   `ACL failure in script: …`): no users;
//! * tracking of keys that a script reads without having declared them (from 7.2 on): no tracking.

mod dragonfly;

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use redmoon::{Dialect, Engine, ErrorKind, NONE, NumberFormat, Store, Value};

use super::{reply_of, returned, sha, within};
use crate::support::{Oracle, show};

const ALL: [Dialect; 4] = [Dialect::Any, Dialect::Redis, Dialect::Valkey, Dialect::Dragonfly];
/// Those whose scripts see all that Redis's do.
const REDIS_LIKE: [Dialect; 3] = [Dialect::Any, Dialect::Redis, Dialect::Valkey];
const PATIENCE: Duration = Duration::from_secs(60);

fn engine(dialect: Dialect) -> Engine {
    Engine::builder(Store::new()).dialect(dialect).build()
}

fn error(dialect: Dialect, source: &str) -> String {
    engine(dialect).eval(source, NONE, NONE).expect_err(source).to_string()
}

/// The error that a script of one line gets when it raises this, as a command or a function of `redis` does.
fn raised(dialect: Dialect, source: &str, line: &str, from_command: bool) -> String {
    let sha = sha(source);
    match dialect {
        _ if cfg!(feature = "luajit") && source.starts_with("return redis.call") => format!("ERR {line}"),
        Dialect::Dragonfly => {
            let line = if from_command { format!("-ERR {line}") } else { line.to_owned() };
            format!("ERR Error running script (call to {sha}): @user_script:2: {line}")
        }
        _ => format!("ERR {line} script: {sha}, on @user_script:1."),
    }
}

/// The same of what a real server answers.
fn returned_reply(command: &[&str], reply: Vec<u8>) -> Vec<u8> {
    if command.iter().any(|word| word.starts_with("return redis.call")) && reply.starts_with(b"-") {
        let line = returned(String::from_utf8(reply).unwrap());
        return format!("{}\r\n", line.trim_end()).into_bytes();
    }
    reply
}

fn text(engine: &Engine, source: &str) -> String {
    engine.eval(source, NONE, NONE).expect(source).convert().expect(source)
}

#[test]
fn redis_is_what_a_real_server_says() {
    let Some(oracle) = Oracle::start() else { return };
    let mut client = oracle.connect();
    let mut session = engine(Dialect::Redis).session();
    let scripts = [
        "redis.call()",
        "return redis.pcall()",
        "redis.call('GET',nil)",
        "return redis.pcall('GET',{})",
        "redis.call('nosuch','x')",
        "return redis.pcall(1)",
        "redis.call('get')",
        "redis.call('EVAL','return 1',0)",
        "redis.log(1)",
        "redis.log(4,'x')",
        "redis.setresp()",
        "redis.set_repl()",
        "redis.acl_check_cmd('nosuch')",
        "return redis.error_reply('x')",
        "return server",
        "local f=function() x=1 end return server.call('PING')",
        "return __server__err__handler",
        "return type(rawget(_G,'server'))",
        "return {redis.REDIS_VERSION,redis.REDIS_VERSION_NUM,tostring(redis.SERVER_NAME)}",
        "x=1",
        "rawset(_G,'x',1)",
        "setmetatable(_G,{})",
        "#!lua flags=disable-atomicity\nreturn 1",
        "--!df flags=no-such\nreturn 1",
    ];
    let libraries = [
        "redis.register_function()",
        "redis.register_function(1)",
        "redis.register_function({},1)",
        "redis.register_function('f',1)",
        "redis.register_function{function_name={}}",
        "redis.register_function{description={}}",
        "redis.register_function{callback=1}",
        "redis.register_function{flags=1}",
        "redis.register_function{x=1}",
        "redis.register_function{[true]=1}",
        "redis.register_function{callback=function() end}",
        "redis.register_function{function_name='f'}",
        "server.register_function('f',function() end)",
        "redis.register_function{function_name='f',callback=function() end,flags={'disable-atomicity'}}",
    ];
    let libraries = libraries.map(|call| format!("#!lua name=l\n{call}"));
    let mut commands: Vec<Vec<&str>> = scripts.iter().map(|script| vec!["EVAL", script, "0"]).collect();
    commands.extend(libraries.iter().map(|code| vec!["FUNCTION", "LOAD", code]));
    commands.push(vec!["EVAL_RO", "return redis.call('SET',KEYS[1],'v')", "1", "k"]);
    commands.push(vec!["EVAL", "return 1", "-1"]);
    commands.push(vec!["EVAL", "return 1", "-0"]);
    for words in
        ["SHOW x", "FLAGS x no-writes", "LIST", "nosuch", "LOAD", "FLUSH more", "FLUSH more words", "KILL"]
    {
        let words = std::iter::once("SCRIPT").chain(words.split(' '));
        commands.push(words.collect());
    }
    for command in &commands {
        let theirs = returned_reply(command, client.raw(command));
        assert_eq!(show(&reply_of(&mut session, command)), show(&theirs), "{command:?}");
    }
}

// Numbers and time: the same in every dialect.

#[test]
fn numbers_become_arguments_as_7_4_and_valkey_spell_them_unless_17_digits_are_asked_for() {
    for dialect in ALL {
        for (number, newer, digits17) in [
            ("0.1", "0.1", "0.10000000000000001"),
            ("1e17", "100000000000000000", "1e+17"),
            ("-zero", "0", if cfg!(feature = "lua54") { "0" } else { "-0" }),
            ("1e-7", "1e-7", "9.9999999999999995e-08"),
            ("3", "3", "3"),
        ] {
            let source = format!("local zero=0 return redis.call('ECHO',{number})");
            assert_eq!(text(&engine(dialect), &source), newer, "{dialect:?}");
            let older =
                Engine::builder(Store::new()).dialect(dialect).number_format(NumberFormat::Digits17).build();
            assert_eq!(text(&older, &source), digits17, "{dialect:?}");
        }
    }
}

#[test]
fn a_double_is_replied_with_the_fewest_digits() {
    for dialect in ALL {
        let mut session = engine(dialect).session();
        for (number, digits) in [("0.1", "0.1"), ("1/3", "0.3333333333333333"), ("2^53", "9007199254740992")]
        {
            let reply = reply_of(&mut session, &["EVAL", &format!("return {{double={number}}}"), "0"]);
            assert_eq!(reply, format!("${}\r\n{digits}\r\n", digits.len()).as_bytes(), "{dialect:?}");
        }
    }
}

#[test]
fn time_stands_still_in_a_script() {
    let source = "local before=redis.call('TIME') for i=1,300000 do end local after=redis.call('TIME')
        return before[1]..before[2]==after[1]..after[2]";
    for dialect in ALL {
        assert_eq!(engine(dialect).eval(source, NONE, NONE).unwrap(), Value::Integer(1), "{dialect:?}");
    }
}

#[test]
fn of_os_there_is_the_clock() {
    for dialect in ALL {
        assert_eq!(text(&engine(dialect), "return type(os.clock())..type(os.time)"), "numbernil");
    }
}

// The script cache.

#[test]
fn five_hundred_scripts_that_came_by_eval_are_cached_and_script_load_makes_one_stay() {
    for dialect in ALL {
        let engine = engine(dialect);
        let source = |number: usize| format!("return {number}");
        engine.eval(source(0), NONE, NONE).unwrap();
        engine.eval(source(1), NONE, NONE).unwrap();
        let loaded = engine.script_load(source(1)).unwrap();
        for number in 2..=500 {
            engine.eval(source(number), NONE, NONE).unwrap();
        }
        let first = sha(&source(0));
        assert_eq!(engine.script_exists(&[&first, &loaded]), [true, true], "{dialect:?}");
        for number in 501..=502 {
            engine.eval(source(number), NONE, NONE).unwrap();
        }
        let second = sha(&source(2));
        assert_eq!(engine.script_exists(&[&first, &loaded, &second]), [false, true, false], "{dialect:?}");
        let info: String = engine.session().execute(&["INFO", "stats"]).unwrap().convert().unwrap();
        assert!(info.contains("evicted_scripts:2\r\n"), "{info}");
    }
}

#[test]
fn only_valkey_has_script_show_and_only_dragonfly_has_script_flags_and_list() {
    for dialect in ALL {
        let engine = engine(dialect);
        let sha = engine.script_load("return 1").unwrap();
        let mut session = engine.session();
        let show = session.execute(&["SCRIPT", "show", &sha]);
        match dialect {
            Dialect::Any | Dialect::Valkey => assert_eq!(show.unwrap(), Value::from("return 1")),
            Dialect::Redis => {
                assert_eq!(show.unwrap_err().to_string(), "ERR unknown subcommand 'show'. Try SCRIPT HELP.");
            }
            _ => assert_eq!(
                show.unwrap_err().to_string(),
                "ERR Unknown subcommand or wrong number of arguments for 'SHOW'. Try SCRIPT HELP."
            ),
        }
        for command in [&["SCRIPT", "FLAGS", &sha, "no-writes"][..], &["SCRIPT", "LIST"]] {
            let reply = session.execute(command);
            let unknown = format!("ERR unknown subcommand '{}'. Try SCRIPT HELP.", command[1]);
            match dialect {
                Dialect::Any | Dialect::Dragonfly => assert!(reply.is_ok(), "{dialect:?} {command:?}"),
                _ => assert_eq!(reply.unwrap_err().to_string(), unknown, "{dialect:?}"),
            }
        }
    }
}

#[test]
fn what_valkey_does_not_have_cached_it_cannot_show() {
    let mut session = engine(Dialect::Valkey).session();
    for name in [sha("nothing").as_str(), "short"] {
        let error = session.execute(&["SCRIPT", "SHOW", name]).unwrap_err();
        assert_eq!(error.to_string(), "NOSCRIPT No matching script. Please use EVAL.");
    }
}

// What a call is told.

#[test]
fn a_call_without_arguments_has_a_text_for_each_server() {
    for dialect in ALL {
        let line = match dialect {
            Dialect::Valkey | Dialect::Dragonfly => "Please specify at least one argument for this call",
            _ => "Please specify at least one argument for this redis lib call",
        };
        assert_eq!(error(dialect, "redis.call()"), raised(dialect, "redis.call()", line, false));
        assert_eq!(error(dialect, "return redis.pcall()"), format!("ERR {line}"), "{dialect:?}");
    }
}

#[test]
fn an_argument_of_a_wrong_type_has_a_text_for_each_server() {
    for dialect in ALL {
        let line = match dialect {
            Dialect::Valkey => "Command arguments must be strings or integers",
            Dialect::Dragonfly => "Lua redis() command arguments must be strings or integers",
            _ => "Lua redis lib command arguments must be strings or integers",
        };
        for argument in ["nil", "true", "{}", "redis.call"] {
            let source = format!("redis.call('GET',{argument})");
            assert_eq!(error(dialect, &source), raised(dialect, &source, line, false));
            let source = format!("return redis.pcall('GET',{argument})");
            assert_eq!(error(dialect, &source), format!("ERR {line}"), "{dialect:?}");
        }
    }
}

#[test]
fn an_unknown_command_has_a_text_for_each_server() {
    for dialect in ALL {
        for (call, name) in [("'nosuch','x'", "NOSUCH"), ("1", "1")] {
            let line = match dialect {
                Dialect::Valkey => "Unknown command called from script".to_owned(),
                Dialect::Dragonfly => format!("unknown command `{name}`"),
                _ => "Unknown Redis command called from script".to_owned(),
            };
            let source = format!("redis.call({call})");
            assert_eq!(error(dialect, &source), raised(dialect, &source, &line, true));
            let source = format!("return redis.pcall({call})");
            assert_eq!(error(dialect, &source), format!("ERR {line}"), "{dialect:?}");
        }
    }
}

#[test]
fn a_wrong_number_of_arguments_has_a_text_for_each_server() {
    for dialect in ALL {
        let line = match dialect {
            Dialect::Valkey => "Wrong number of args calling command from script",
            Dialect::Dragonfly => "wrong number of arguments for 'get' command",
            _ => "Wrong number of args calling Redis command from script",
        };
        assert_eq!(error(dialect, "redis.call('Get')"), raised(dialect, "redis.call('Get')", line, true));
        assert_eq!(error(dialect, "return redis.pcall('get')"), format!("ERR {line}"), "{dialect:?}");
    }
}

#[test]
fn a_command_that_scripts_may_not_call_has_the_same_text_for_all() {
    for dialect in ALL {
        let line = "This Redis command is not allowed from script";
        for call in ["'EVAL','return 1',0", "'SCRIPT','FLUSH'", "'SUBSCRIBE','x'"] {
            let source = format!("redis.call({call})");
            assert_eq!(error(dialect, &source), raised(dialect, &source, line, true));
        }
    }
}

#[test]
fn valkey_lets_scripts_call_what_waits_and_redis_two_of_it_and_nothing_waits() {
    let barred = [
        "'BLPOP','k',0",
        "'BRPOP','k',0",
        "'BRPOPLPUSH','k','other',0",
        "'BLMOVE','k','other','LEFT','LEFT',0",
        "'BZPOPMIN','z',0",
        "'BZPOPMAX','z',0",
    ];
    for dialect in ALL {
        for call in barred {
            let source = format!("return redis.call({call})");
            if dialect == Dialect::Valkey {
                assert!(engine(dialect).eval(&source, NONE, NONE).unwrap().is_nil(), "{call}");
            } else {
                let line = "This Redis command is not allowed from script";
                assert_eq!(error(dialect, &source), raised(dialect, &source, line, true));
            }
        }
        for call in ["'BLMPOP',0,1,'k','LEFT'", "'BZMPOP',0,1,'z','MIN'"] {
            let source = format!("return redis.call({call})");
            assert!(engine(dialect).eval(&source, NONE, NONE).unwrap().is_nil(), "{dialect:?}: {call}");
        }
    }
    let engine = engine(Dialect::Valkey);
    engine.eval("redis.call('RPUSH','k','x') redis.call('ZADD','z',1,'y')", NONE, NONE).unwrap();
    assert_eq!(text(&engine, "return table.concat(redis.call('BLPOP','k',0),' ')"), "k x");
    assert_eq!(text(&engine, "return table.concat(redis.call('BZPOPMIN','z',0),' ')"), "z y 1");
    // The checks that other commands that write are subject to are theirs too.
    let source = "return redis.call('BLPOP',KEYS[1],0)";
    let line = "Write commands are not allowed from read-only scripts.";
    let refused = engine.eval_ro(source, &["k"], NONE).unwrap_err().to_string();
    assert_eq!(refused, raised(Dialect::Valkey, source, line, true));
}

#[test]
fn a_write_in_a_script_that_may_not_has_a_full_stop_but_on_dragonfly() {
    for dialect in ALL {
        let line = match dialect {
            Dialect::Dragonfly => "Write commands are not allowed from read-only scripts",
            _ => "Write commands are not allowed from read-only scripts.",
        };
        let source = "return redis.call('SET','k','v')";
        let error = engine(dialect).eval_ro(source, &["k"], NONE).unwrap_err();
        assert_eq!(error.to_string(), raised(dialect, source, line, true));
    }
}

// Functions of the table `redis`.

#[test]
fn a_level_that_redis_log_does_not_know_is_a_debug_level_or_a_log_level() {
    for dialect in ALL {
        let line = match dialect {
            Dialect::Valkey => "Invalid log level.",
            _ => "Invalid debug level.",
        };
        for level in ["-1", "4"] {
            let source = format!("redis.log({level},'x')");
            assert_eq!(error(dialect, &source), raised(dialect, &source, line, false));
        }
    }
}

#[test]
fn set_repl_without_its_argument_says_two_or_one() {
    for dialect in REDIS_LIKE {
        let line = match dialect {
            Dialect::Valkey => "server.set_repl() requires one argument.",
            _ => "redis.set_repl() requires two arguments.",
        };
        for source in ["redis.set_repl()", "redis.set_repl(1,2)"] {
            assert_eq!(error(dialect, source), raised(dialect, source, line, false));
        }
    }
}

#[test]
fn texts_about_log_setresp_and_acl_check_cmd_name_the_servers_own_table() {
    for dialect in REDIS_LIKE {
        let table = if dialect == Dialect::Valkey { "server" } else { "redis" };
        for (source, line) in [
            ("redis.log(1)", format!("{table}.log() requires two arguments or more.")),
            ("redis.setresp()", format!("{table}.setresp() requires one argument.")),
            ("redis.acl_check_cmd('nosuch')", format!("Invalid command passed to {table}.acl_check_cmd()")),
        ] {
            assert_eq!(error(dialect, source), raised(dialect, source, &line, false));
        }
    }
    let line = "redis.log() requires two arguments or more.";
    let dragonfly = Dialect::Dragonfly;
    assert_eq!(error(dragonfly, "redis.log(1)"), raised(dragonfly, "redis.log(1)", line, false));
}

#[test]
fn texts_about_register_function_name_the_servers_own_table() {
    for dialect in ALL {
        let table = if dialect == Dialect::Valkey { "server" } else { "redis" };
        let named = |arguments: &str| format!("redis.register_function{{{arguments}}}");
        for (call, line) in [
            (
                "redis.register_function()".to_owned(),
                format!("wrong number of arguments to {table}.register_function"),
            ),
            (
                "redis.register_function(1)".to_owned(),
                format!(
                    "calling {table}.register_function with a single argument is only applicable to Lua table \
                     (representing named arguments)."
                ),
            ),
            (
                "redis.register_function({},1)".to_owned(),
                format!("first argument to {table}.register_function must be a string"),
            ),
            (
                "redis.register_function('f',1)".to_owned(),
                format!("second argument to {table}.register_function must be a function"),
            ),
            (
                named("function_name={}"),
                format!("function_name argument given to {table}.register_function must be a string"),
            ),
            (
                named("description={}"),
                format!("description argument given to {table}.register_function must be a string"),
            ),
            (
                named("callback=1"),
                format!("callback argument given to {table}.register_function must be a function"),
            ),
            (
                named("flags=1"),
                format!(
                    "flags argument to {table}.register_function must be a table representing function flags"
                ),
            ),
            (named("x=1"), format!("unknown argument given to {table}.register_function")),
            (
                named("[true]=1"),
                format!("named argument key given to {table}.register_function is not a string"),
            ),
            (
                named("callback=function() end"),
                format!("{table}.register_function must get a function name argument"),
            ),
            (named("function_name='f'"), format!("{table}.register_function must get a callback argument")),
        ] {
            let error = engine(dialect).function_load(format!("#!lua name=l\n{call}")).unwrap_err();
            assert_eq!(error.to_string(), format!("ERR Error registering functions: ERR {line}"), "{call}");
        }
        let engine = engine(dialect);
        let keeper =
            "#!lua name=l\nlocal held=redis.register_function held('f',function() held('g',held) end)";
        engine.function_load(keeper).unwrap();
        let line = format!("ERR {table}.register_function can only be called on FUNCTION LOAD command");
        let error = engine.fcall("f", NONE, NONE).unwrap_err().to_string();
        assert!(error.contains(&line["ERR ".len()..]), "{dialect:?}: {error}");
    }
}

// A script that runs too long.

#[test]
fn a_killed_script_or_function_is_told_so_in_the_servers_words() {
    for dialect in ALL {
        let (script, function) = match dialect {
            Dialect::Valkey => {
                ("Script killed by user with SCRIPT KILL.", "Script killed by user with FUNCTION KILL.")
            }
            _ => ("Script killed by user with SCRIPT KILL...", "Script killed by user with SCRIPT KILL..."),
        };
        within(PATIENCE, move || {
            let engine = Engine::builder(Store::new()).dialect(dialect).time_limit(None).build();
            engine
                .function_load(
                    "#!lua name=l\nredis.register_function('endless',function() while true do end end)",
                )
                .unwrap();
            let endless = "while true do end";
            let runner = std::thread::spawn({
                let engine = engine.clone();
                move || engine.eval(endless, NONE, NONE).unwrap_err()
            });
            while engine.script_kill().is_err() {
                std::thread::yield_now();
            }
            let error = runner.join().unwrap();
            assert_eq!(error.kind(), ErrorKind::ScriptKilled, "{dialect:?}");
            assert_eq!(error.to_string(), raised(dialect, endless, script, false));
            let runner = std::thread::spawn({
                let engine = engine.clone();
                move || engine.fcall("endless", NONE, NONE).unwrap_err()
            });
            while engine.function_kill().is_err() {
                std::thread::yield_now();
            }
            let error = runner.join().unwrap();
            assert_eq!(error.kind(), ErrorKind::ScriptKilled, "{dialect:?}");
            assert!(error.to_string().contains(function), "{error}");
        });
    }
}

/// Runs a script, or a function, that writes and runs past its time; `meanwhile` runs once it is overdue.
fn with_an_overdue_writer(
    dialect: Dialect,
    is_function: bool,
    meanwhile: impl FnOnce(&Engine) + Send + 'static,
) {
    within(PATIENCE, move || {
        let (release, released): (Sender<()>, Receiver<()>) = channel();
        let (reach, reached) = channel();
        let gate = Mutex::new((reach, released));
        let engine = Engine::builder(Store::new())
            .dialect(dialect)
            .time_limit(Duration::from_millis(20))
            .log(move |_, _| {
                let gate = gate.lock().unwrap();
                gate.0.send(()).unwrap();
                let _ = gate.1.recv_timeout(PATIENCE);
            })
            .build();
        let body = "redis.call('SET','held','x') for i=1,2e7 do end redis.log(3,'overdue')";
        engine
            .function_load(format!("#!lua name=l\nredis.register_function('write',function() {body} end)"))
            .unwrap();
        let writer = std::thread::spawn({
            let engine = engine.clone();
            move || {
                if is_function { engine.fcall("write", NONE, NONE) } else { engine.eval(body, NONE, NONE) }
            }
        });
        reached.recv_timeout(PATIENCE).expect("it runs to its call of redis.log");
        meanwhile(&engine);
        release.send(()).unwrap();
        writer.join().unwrap().unwrap();
    });
}

#[test]
fn who_is_kept_waiting_is_told_which_server_is_busy() {
    for dialect in ALL {
        for (is_function, command) in [(false, "SCRIPT KILL"), (true, "FUNCTION KILL")] {
            let name = if dialect == Dialect::Valkey { "Valkey" } else { "Redis" };
            let busy = format!(
                "BUSY {name} is busy running a script. You can only call {command} or SHUTDOWN NOSAVE."
            );
            with_an_overdue_writer(dialect, is_function, move |engine| {
                let error = engine.store().get("held").unwrap_err();
                assert_eq!((error.to_string(), error.kind()), (busy.clone(), ErrorKind::Busy));
                let mut session = engine.session();
                for command in [&["GET", "held"][..], &["PING"], &["EVAL", "return 1", "0"]] {
                    assert_eq!(session.execute(command).unwrap_err().to_string(), busy, "{command:?}");
                }
            });
        }
    }
}

#[test]
fn who_kills_the_other_sort_is_told_which_server_is_busy() {
    for dialect in ALL {
        let name = if dialect == Dialect::Valkey { "Valkey" } else { "Redis" };
        within(PATIENCE, move || {
            let engine = Engine::builder(Store::new()).dialect(dialect).time_limit(None).build();
            let runner = std::thread::spawn({
                let engine = engine.clone();
                move || engine.eval("while true do end", NONE, NONE)
            });
            let error = loop {
                match engine.function_kill() {
                    Err(error) if error.kind() == ErrorKind::Busy => break error,
                    Err(_) => std::thread::yield_now(),
                    Ok(()) => panic!("FUNCTION KILL ends no script"),
                }
            };
            let busy = format!(
                "BUSY {name} is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
            );
            assert_eq!(error.to_string(), busy);
            engine.script_kill().unwrap();
            runner.join().unwrap().unwrap_err();
        });
    }
}

// What scripts see.

#[test]
fn valkey_has_its_table_under_two_names_and_redis_under_one() {
    for dialect in ALL {
        let engine = engine(dialect);
        let is_there = matches!(dialect, Dialect::Any | Dialect::Valkey);
        let found = "return type(rawget(_G,'server'))..type(rawget(_G,'__server__err__handler'))";
        let wanted = if is_there { "tablefunction" } else { "nilnil" };
        assert_eq!(text(&engine, found), wanted, "{dialect:?}");
        assert_eq!(text(&engine, "return type(__redis__err__handler)"), "function");
        // Both ways of looking: one of these chunks could be given the real tables, the other cannot.
        for source in ["return server.sha1hex('')", "local f=function() x=1 end return server.sha1hex('')"] {
            let result = engine.eval(source, NONE, NONE);
            if is_there {
                let digest = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
                assert_eq!(result.unwrap(), Value::from(digest), "{dialect:?}");
                assert_eq!(text(&engine, "return tostring(redis==server)"), "true", "{dialect:?}");
            } else {
                let line = "Script attempted to access nonexistent global variable 'server'";
                let error = result.unwrap_err().to_string();
                assert!(error.contains(line), "{dialect:?}: {error}");
            }
        }
    }
}

#[test]
fn functions_of_a_library_see_the_table_under_the_same_names_as_scripts() {
    for dialect in ALL {
        let engine = engine(dialect);
        let is_there = matches!(dialect, Dialect::Any | Dialect::Valkey);
        let library = "#!lua name=a\nserver.register_function('f',function() return 1 end)";
        assert_eq!(engine.function_load(library).is_ok(), is_there, "{dialect:?}");
        let library = "#!lua name=b\nredis.register_function('g',function() return server.sha1hex('') end)";
        engine.function_load(library).unwrap();
        let result = engine.fcall("g", NONE, NONE);
        if is_there {
            assert_eq!(result.unwrap(), Value::from("da39a3ee5e6b4b0d3255bfef95601890afd80709"));
        } else {
            let error = result.unwrap_err().to_string();
            let line = "Script attempted to access nonexistent global variable 'server'";
            assert!(error.contains(line), "{dialect:?}: {error}");
        }
    }
}

#[test]
fn valkey_says_its_name_and_version_and_the_redis_that_it_stands_for() {
    let engine = engine(Dialect::Valkey);
    for (field, wanted) in [
        ("SERVER_NAME", "valkey"),
        ("VALKEY_VERSION", "8.0.1"),
        ("VALKEY_VERSION_NUM", &0x0008_0001.to_string()),
        ("REDIS_VERSION", "7.2.4"),
        ("REDIS_VERSION_NUM", &0x0007_0204.to_string()),
    ] {
        for table in ["redis", "server"] {
            assert_eq!(
                text(&engine, &format!("return tostring({table}.{field})")),
                wanted,
                "{table}.{field}"
            );
        }
        let library = format!(
            "#!lua name=l\nlocal v=server.{field} redis.register_function('f',function() return tostring(v) end)"
        );
        engine.function_load_replace(library).unwrap();
        assert_eq!(engine.fcall("f", NONE, NONE).unwrap(), Value::from(wanted));
    }
    for dialect in [Dialect::Any, Dialect::Redis] {
        let engine = self::engine(dialect);
        let source = "return redis.REDIS_VERSION..redis.REDIS_VERSION_NUM..tostring(redis.SERVER_NAME)";
        assert_eq!(text(&engine, source), format!("7.0.15{}nil", 0x0007_000f), "{dialect:?}");
    }
}

#[test]
fn flags_of_another_family_are_refused_with_redis_words() {
    for dialect in [Dialect::Redis, Dialect::Valkey] {
        assert_eq!(
            error(dialect, "#!lua flags=allow-undeclared-keys\nreturn 1"),
            "ERR Unexpected flag in script shebang: allow-undeclared-keys"
        );
        assert_eq!(text(&engine(dialect), "--!df flags=anything\nreturn 'a comment'"), "a comment");
    }
    assert_eq!(error(Dialect::Dragonfly, "--!df flags=no-such\nreturn 1"), "ERR Invalid flag: no-such");
}
