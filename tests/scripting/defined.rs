//! Commands that an application defines, and pipelines.

use redmoon::{Engine, NONE, Store, Value};

use super::{reply_of, sha};

const INSERT: &str = "if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return -1 end
    return redis.call('PTTL', KEYS[1])";

#[test]
fn a_defined_command_works_wherever_a_name_does() {
    let engine = Engine::new(Store::new());
    engine.define_command("insert_if_missing", 1, INSERT).unwrap();
    assert_eq!(engine.command(&["insert_if_missing", "k", "v", "60000"]).unwrap(), Value::Integer(-1));
    let mut session = engine.session();
    let left = session.execute(&["Insert_If_Missing", "k", "w", "60000"]).unwrap();
    assert!((1..=60_000).contains(&left.convert::<i64>().unwrap()));
    let (left, value): (i64, String) = engine
        .pipeline()
        .command(&["insert_if_missing", "k", "x", "1"])
        .command(&["GET", "k"])
        .execute()
        .unwrap();
    assert!(left > 0);
    assert_eq!(value, "v");
    // After a flush it is evaluated again.
    engine.script_flush();
    assert_eq!(engine.command(&["insert_if_missing", "other", "v", "1000"]).unwrap(), Value::Integer(-1));
}

#[test]
fn without_a_number_of_keys_the_first_argument_says_it() {
    let engine = Engine::new(Store::new());
    engine.define_command("show", None, "return {#KEYS, #ARGV, KEYS[1], ARGV[1]}").unwrap();
    let mut session = engine.session();
    assert_eq!(reply_of(&mut session, &["show", "1", "a", "b"]), b"*4\r\n:1\r\n:1\r\n$1\r\na\r\n$1\r\nb\r\n");
    assert_eq!(
        reply_of(&mut session, &["show", "3", "a", "b"]),
        b"-ERR Number of keys can't be greater than number of args\r\n"
    );
    assert_eq!(reply_of(&mut session, &["show", "x"]), b"-ERR value is not an integer or out of range\r\n");
    assert_eq!(reply_of(&mut session, &["show"]), b"-ERR value is not an integer or out of range\r\n");
}

#[test]
fn too_few_arguments_a_taken_name_and_a_bad_script_are_refused() {
    let engine = Engine::new(Store::new());
    engine.define_command("two", 2, "return 1").unwrap();
    let error = engine.command(&["two", "a"]).unwrap_err();
    assert_eq!(error.to_string(), "ERR wrong number of arguments for 'two' command");
    assert!(engine.define_command("get", 1, "return 1").is_err());
    assert!(engine.define_command("bad", 1, "return return").is_err());
    assert!(engine.command(&["bad", "a"]).unwrap_err().to_string().starts_with("ERR unknown command"));
    engine.define_command("TWO", 0, "return 2").unwrap();
    assert_eq!(engine.command(&["two"]).unwrap(), Value::Integer(2));
}

#[test]
fn a_pipeline_loads_its_scripts_and_keeps_the_order() {
    let engine = Engine::new(Store::new());
    let push = engine.script("return redis.call('RPUSH', KEYS[1], ARGV[1])");
    let pipeline = engine
        .pipeline()
        .script(&push, &["l"], &["a"])
        .command(&["RPUSH", "l", "b"])
        .script(&push, &["l"], &["c"])
        .command(&["LRANGE", "l", "0", "-1"]);
    let (one, two, three, list): (i64, i64, i64, Vec<String>) = pipeline.execute().unwrap();
    assert_eq!((one, two, three), (1, 2, 3));
    assert_eq!(list, ["a", "b", "c"]);
    assert_eq!(engine.script_exists(&[sha("return redis.call('RPUSH', KEYS[1], ARGV[1])")]), [true]);
}

#[test]
fn a_step_that_fails_does_not_keep_the_others_from_running() {
    let engine = Engine::new(Store::new());
    let failing = engine.script("return redis.error_reply('MINE no')");
    let pipeline = engine
        .pipeline()
        .command(&["SET", "k", "x"])
        .command(&["INCR", "k"])
        .script(&failing, NONE, NONE)
        .command(&["GET", "k"]);
    let replies = pipeline.execute_each().unwrap();
    assert_eq!(replies[0], Ok(Value::ok()));
    assert_eq!(replies[1].as_ref().unwrap_err().to_string(), "ERR value is not an integer or out of range");
    assert_eq!(replies[2].as_ref().unwrap_err().code(), "MINE");
    assert_eq!(replies[3], Ok(Value::from("x")));
    assert_eq!(
        pipeline.execute::<Value>().unwrap_err().to_string(),
        "ERR value is not an integer or out of range"
    );
}

#[test]
fn a_script_object_runs_on_another_engine() {
    let [first, second] = [1, 2].map(|_| Engine::new(Store::new()));
    let script = first.script("return redis.call('INCR', KEYS[1])");
    assert_eq!(script.call(&["n"], NONE).unwrap(), Value::Integer(1));
    assert_eq!(script.call_on(&second, &["n"], NONE).unwrap(), Value::Integer(1));
    second.script_flush();
    assert_eq!(script.call_on(&second, &["n"], NONE).unwrap(), Value::Integer(2));
}
