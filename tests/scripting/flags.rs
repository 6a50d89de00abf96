//! What scripts may do: flags in the first line, defaults of the engine, and what is said of a single script.

use std::sync::Mutex;
use std::time::Duration;

use redmoon::{Dialect, Engine, NONE, ScriptFlag, Store, Value};

use super::{reply_of, returned, sha, within};

const DIALECTS: [Dialect; 4] = [Dialect::Any, Dialect::Redis, Dialect::Valkey, Dialect::Dragonfly];

fn engine(dialect: Dialect) -> Engine {
    Engine::builder(Store::new()).dialect(dialect).build()
}

fn error(engine: &Engine, source: &str) -> Option<String> {
    engine.eval(source, NONE, NONE).err().map(|error| error.to_string())
}

#[test]
fn each_dialect_takes_its_own_flags_and_the_default_takes_all() {
    let redis = ["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"];
    let dragonfly = ["no-writes", "allow-undeclared-keys", "disable-atomicity"];
    for dialect in DIALECTS {
        let engine = engine(dialect);
        for name in redis.iter().chain(&dragonfly) {
            let is_known = match dialect {
                Dialect::Redis | Dialect::Valkey => redis.contains(name),
                Dialect::Dragonfly => dragonfly.contains(name),
                _ => true,
            };
            let expected = (!is_known).then(|| format!("ERR Unexpected flag in script shebang: {name}"));
            assert_eq!(error(&engine, &format!("#!lua flags={name}\nreturn 1")), expected, "{dialect:?}");
        }
    }
    assert_eq!(error(&engine(Dialect::Any), "#!lua flags=no-writes,disable-atomicity\nreturn 1"), None);
}

#[test]
fn the_newer_form_of_dragonfly_is_a_comment_to_redis() {
    for dialect in DIALECTS {
        let engine = engine(dialect);
        let reads_it = matches!(dialect, Dialect::Any | Dialect::Dragonfly);
        let unknown = reads_it.then(|| "ERR Invalid flag: nonsense".to_owned());
        assert_eq!(error(&engine, "--!df flags=nonsense\nreturn 1"), unknown, "{dialect:?}");
        assert_eq!(error(&engine, "\n  --!df flags=disable-atomicity;allow-undeclared-keys\nreturn 1"), None);
    }
    let strict = Engine::builder(Store::new()).allow_undeclared_keys(false).build();
    assert_eq!(error(&strict, "--!df flags=allow-undeclared-keys\nreturn redis.call('INCR','k')"), None);
}

#[test]
fn a_key_that_was_not_declared_is_named_in_the_error() {
    let engine = Engine::builder(Store::new()).allow_undeclared_keys(false).build();
    let source = "return redis.call('SET','other','x')";
    let expected = format!(
        "ERR script tried accessing undeclared key, key: other script: {}, on @user_script:1.",
        sha(source)
    );
    assert_eq!(engine.eval(source, &["k"], NONE).unwrap_err().to_string(), returned(expected));
    assert!(!engine.store().execute(&["EXISTS", "other"]).unwrap().convert::<bool>().unwrap());
}

#[test]
fn default_flags_are_for_scripts_that_say_nothing() {
    let engine = Engine::builder(Store::new())
        .default_flags([ScriptFlag::DenyUndeclaredKeys, ScriptFlag::NoWrites])
        .build();
    assert!(error(&engine, "return redis.call('GET','k')").unwrap().contains("undeclared key"));
    assert!(engine.eval("return redis.call('SET',KEYS[1],1)", &["k"], NONE).is_err());
    // A line of its own takes the place of all of them.
    assert_eq!(error(&engine, "#!lua\nreturn redis.call('SET','k',1)"), None);
    assert_eq!(error(&engine, "--!df flags=allow-undeclared-keys\nreturn redis.call('SET','k',1)"), None);
}

#[test]
fn what_is_said_of_a_script_counts_before_and_after_it_is_loaded_until_a_flush() {
    let engine = Engine::builder(Store::new()).allow_undeclared_keys(false).build();
    let source = "return redis.call('INCR','counter')";
    let name = sha(source);
    engine.script_flags(&name, &[ScriptFlag::AllowUndeclaredKeys]).unwrap();
    assert_eq!(engine.eval_sha(&name, NONE, NONE).unwrap_err().code(), "NOSCRIPT");
    assert_eq!(engine.eval(source, NONE, NONE).unwrap(), Value::Integer(1));
    engine.script_flush();
    assert!(error(&engine, source).unwrap().contains("undeclared key"));
    engine.script_flags(&name, &[ScriptFlag::AllowUndeclaredKeys]).unwrap();
    assert_eq!(engine.eval_sha(&name, NONE, NONE).unwrap(), Value::Integer(2));
}

#[test]
fn script_flags_and_list_are_commands_too() {
    let engine = Engine::new(Store::new());
    let mut session = engine.session();
    let name = sha("return 1");
    assert_eq!(reply_of(&mut session, &["SCRIPT", "LIST"]), b"*0\r\n");
    assert_eq!(reply_of(&mut session, &["SCRIPT", "FLAGS", &name, "disable-atomicity"]), b"+OK\r\n");
    assert_eq!(reply_of(&mut session, &["SCRIPT", "FLAGS", "short", "no-writes"]), b"-ERR syntax error\r\n");
    assert_eq!(
        reply_of(&mut session, &["SCRIPT", "FLAGS", &name, "nonsense"]),
        b"-ERR Invalid flag: nonsense\r\n"
    );
    engine.script_load("return 1").unwrap();
    let list = format!("*1\r\n*2\r\n$40\r\n{name}\r\n$8\r\nreturn 1\r\n");
    assert_eq!(reply_of(&mut session, &["SCRIPT", "LIST"]), list.as_bytes());
}

/// Sets a key, waits in `redis.log` for another thread to set it too, and reads it.
#[test]
fn with_atomicity_disabled_others_commands_run_between_a_scripts_calls() {
    let read = within(Duration::from_secs(60), || {
        let store = Store::new();
        let other = Mutex::new(Some(store.clone()));
        let engine = Engine::builder(store)
            .log(move |_, _| {
                let store = other.lock().unwrap().take().unwrap();
                // From another thread: this one holds nothing, but that is what is to be shown.
                std::thread::spawn(move || store.set("key", "theirs").unwrap()).join().unwrap();
            })
            .build();
        let source = "#!lua flags=disable-atomicity
            redis.call('SET', 'key', 'mine')
            redis.log(redis.LOG_WARNING, 'now')
            return redis.call('GET', 'key')";
        engine.eval(source, NONE, NONE).unwrap().convert::<String>().unwrap()
    });
    assert_eq!(read, "theirs");
}
