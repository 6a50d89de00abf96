//! The limits of time, memory and reply size, and the kill switch: what ends, with which words, and that the engine
//! works on.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use redmoon::{Engine, ErrorKind, NONE, Store, Value};

use super::{returned, sha, within};

const BUSY: &str = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
const UNKILLABLE: &str = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can \
     either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";
const NOTBUSY: &str = "NOTBUSY No scripts in execution right now.";
const PATIENCE: Duration = Duration::from_secs(60);

/// Scripts that read, or do nothing, for ever.
const ENDLESS: &[&str] = &[
    "while true do end",
    "repeat until false",
    "for i=1,1/0 do end",
    "for k in function() return 1 end do end",
    "local function f() return f() end return f()",
    "local function f() error('x') end while true do pcall(f) end",
    "local function f() while true do end end while true do pcall(f) end",
    "while true do pcall(error) end",
    "pcall(function() while true do end end)\nwhile true do end",
    "local function f() while true do end end\nwhile true do\npcall(pcall,f)\nend",
    "coroutine.wrap(function() while true do end end)()",
    "local co=coroutine.create(function() while true do coroutine.yield() end end) while true do coroutine.resume(co) end",
    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "local function f() while true do end end while true do coroutine.resume(coroutine.create(function() while true do \
     pcall(f) end end)) end",
    "while true do redis.pcall('GET','k') end",
    "while true do redis.call('GET','k') end",
    "while true do redis.pcall('NOSUCH') end",
    "while true do redis.pcall() end",
    "while true do pcall(redis.call) end",
    "local s='' while true do s=s..'x' if #s>2000 then s='' end end",
    "while true do local s=('x'):rep(1000) end",
    "while true do local s=('x'):rep(1000):gsub('x','yy') end",
    "while true do local t={} for i=1,100 do t[i]='x'..i end table.concat(t) end",
    "loadstring('while true do end')()",
    "while true do loadstring('return 1')() end",
    "while true do xpcall(error,function() while true do end end) end",
    "xpcall(function() error('x') end,function() while true do end end)\nwhile true do end",
    "error(setmetatable({}, {__index=function() while true do end end}))",
    "return setmetatable({}, {__index=function() while true do end end}).x",
    "return setmetatable({}, {__add=function() while true do end end})+1",
    "return tostring(setmetatable({}, {__tostring=function() while true do end end}))",
    "table.sort({3,2,1}, function() while true do end end)",
    "while true do table.sort({3,2,1,5,4}) end",
    "('x'):gsub('x',function() while true do end end)",
    "table.foreach({1},function() while true do end end)",
    "while true do redis.sha1hex('x') end",
    "while true do redis.pcall({}) end",
    "while true do redis.call('PING') end",
    "repeat redis.pcall('GET', KEYS[1]) until false",
    // One call of a library function that takes for ever; Redis cannot end these.
    "return string.find(('a'):rep(40), ('a*'):rep(20)..'b')",
    "return ('a'):rep(40):match(('a*'):rep(20)..'b')",
    "while true do pcall(string.match, ('a'):rep(40), ('a*'):rep(20)..'b') end",
    "return (('a'):rep(40):gsub(('a*'):rep(20)..'b', ''))",
    "for _ in ('a'):rep(40):gmatch(('a*'):rep(20)..'b') do end",
    "return string.find(('a'):rep(1000000), ('a'):rep(500000)..'b', 1, true)",
    "local t={} for i=1,200000 do t[i]=i%7 end while true do table.sort(t, function(a,b) return a<b end) end",
    "while true do for w in ('a b c'):gmatch('%a') do end end",
    "while true do local t={unpack({1,2,3})} end",
    "local t={} for i=1,300000 do t[i]='x' end while true do table.concat(t) end",
    "while true do pcall(function() local t={} for i=1,1/0 do t[i]=i end end) end",
    "local s=('x'):rep(3000000) while true do redis.sha1hex(s:upper():reverse()) end",
    "local t={} for i=1,100000 do t[i]=i end while true do table.insert(t,1,table.remove(t,1)) end",
];

fn engine(limit: u64) -> Engine {
    Engine::builder(Store::new()).time_limit(Duration::from_millis(limit)).build()
}

fn works(engine: &Engine) {
    assert_eq!(
        engine.eval("return redis.call('INCR',KEYS[1])", &["works"], NONE).unwrap(),
        Value::Integer(1)
    );
    engine.store().del(&["works"]).unwrap();
    assert_eq!(engine.script_kill().unwrap_err().to_string(), NOTBUSY);
}

#[test]
fn a_script_that_only_reads_is_ended_at_its_time_whatever_it_does() {
    for script in ENDLESS {
        println!("{script}");
        within(PATIENCE, move || {
            let engine = engine(50);
            for run in 0..2 {
                let result = if run == 0 {
                    engine.eval(script, NONE, NONE)
                } else {
                    engine.eval_ro(script, NONE, NONE)
                };
                let error = result.expect_err(script);
                assert_eq!(error.to_string(), "BUSY Script exceeded time limit", "{script}");
                assert_eq!(error.kind(), ErrorKind::ScriptLimit, "{script}");
                works(&engine);
            }
        });
    }
}

#[test]
fn the_time_limit_also_holds_where_undeclared_keys_are_denied_and_in_a_session() {
    within(PATIENCE, || {
        let engine = engine(50);
        let mut session = engine.session();
        let script = "#!lua flags=deny-undeclared-keys\nwhile true do redis.call('GET',KEYS[1]) end";
        let error = session.execute(&["EVAL", script, "1", "key"]).unwrap_err();
        assert_eq!(error.to_string(), "BUSY Script exceeded time limit");
        session.execute(&["SET", "key", "value"]).unwrap();
        works(&engine);
    });
}

/// Runs a script that writes, runs past its time, and then stands still until the first sender of the answer is
/// used. `meanwhile` runs once it is overdue.
fn with_an_overdue_writer(meanwhile: impl FnOnce(&Engine) + Send + 'static) {
    within(PATIENCE, move || {
        let (release, released): (Sender<()>, Receiver<()>) = channel();
        let (reach, reached) = channel();
        let gate = Mutex::new((reach, released));
        let engine = Engine::builder(Store::new())
            .time_limit(Duration::from_millis(20))
            .log(move |_, _| {
                let gate = gate.lock().unwrap();
                gate.0.send(()).unwrap();
                let _ = gate.1.recv_timeout(PATIENCE);
            })
            .build();
        let script = "redis.call('SET','held','by the script') for i=1,2e7 do end redis.log(3,'overdue') \
                      redis.call('SET','after',1) return redis.call('GET','held')";
        let writer = std::thread::spawn({
            let engine = engine.clone();
            move || engine.eval(script, NONE, NONE)
        });
        reached.recv_timeout(PATIENCE).expect("the script runs to its call of redis.log");
        meanwhile(&engine);
        release.send(()).unwrap();
        assert_eq!(writer.join().unwrap().unwrap(), Value::from("by the script"), "it was not ended");
        assert_eq!(engine.store().get("after").unwrap().unwrap(), "1");
        engine.store().set("held", "again").unwrap();
        let mut session = engine.session();
        assert_eq!(session.execute(&["GET", "held"]).unwrap(), Value::from("again"));
        works(&engine);
    });
}

#[test]
fn a_script_that_has_written_is_not_ended_and_others_get_busy() {
    with_an_overdue_writer(|engine| {
        let store = engine.store();
        let mut errors = vec![
            store.get("held").unwrap_err(),
            store.set("held", "x").unwrap_err(),
            store.incr("other").unwrap_err(),
            store.del(&["held"]).unwrap_err(),
            store.dbsize().unwrap_err(),
            store.mget(&["held", "other"]).unwrap_err(),
            store.transaction(&["held"], |_| Ok(())).unwrap_err(),
            engine.eval("return redis.call('GET','held')", NONE, NONE).unwrap_err(),
        ];
        let mut session = engine.session();
        for command in [
            &["GET", "held"][..],
            &["SET", "held", "x"],
            &["MGET", "a", "held"],
            &["KEYS", "*"],
            &["EVAL", "return 1", "0"],
        ] {
            errors.push(session.execute(command).unwrap_err());
        }
        for (index, error) in errors.iter().enumerate() {
            assert!(error.to_string().starts_with(BUSY), "{index}: {error}");
        }
        for error in &errors[..7] {
            assert_eq!((error.to_string().as_str(), error.kind()), (BUSY, ErrorKind::Busy));
        }
    });
}

#[test]
fn a_script_that_has_written_cannot_be_killed() {
    with_an_overdue_writer(|engine| {
        let error = engine.script_kill().unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), (UNKILLABLE, ErrorKind::Unkillable));
        let error = engine.session().execute(&["SCRIPT", "KILL"]).unwrap_err();
        assert_eq!(error.to_string(), UNKILLABLE);
    });
}

/// SCRIPTING.md 6.1: what the session answers while a script is overdue.
#[test]
fn a_session_answers_wrong_commands_and_hello_while_a_script_is_overdue() {
    with_an_overdue_writer(|engine| {
        let mut session = engine.session();
        let unknown = session.execute(&["NOSUCH"]).unwrap_err();
        assert!(unknown.to_string().starts_with("ERR unknown command"), "{unknown}");
        let arity = session.execute(&["GET"]).unwrap_err();
        assert_eq!(arity.to_string(), "ERR wrong number of arguments for 'get' command");
        session.execute(&["HELLO", "3"]).unwrap();
        for command in [&["PING"][..], &["INFO"], &["SCRIPT", "EXISTS", "x"]] {
            let error = session.execute(command).expect_err(command[0]);
            assert_eq!(error.to_string(), BUSY, "{command:?}");
        }
    });
}

#[test]
fn a_write_that_changes_nothing_counts_as_one() {
    for write in
        ["redis.call('DEL','nosuch')", "redis.pcall('INCR','text')", "redis.call('SETNX','text','y')"]
    {
        within(PATIENCE, move || {
            let engine = engine(20);
            engine.store().set("text", "x").unwrap();
            let script = format!("{write} for i=1,5e6 do end return 'through'");
            assert_eq!(engine.eval(&script, NONE, NONE).unwrap(), Value::from("through"), "{write}");
            works(&engine);
        });
    }
    for none in ["redis.pcall('SET','text')", "redis.pcall('GET','text')", "redis.pcall('NOSUCH')"] {
        let error =
            within(PATIENCE, move || engine(20).eval(format!("{none} while true do end"), NONE, NONE));
        assert_eq!(error.unwrap_err().kind(), ErrorKind::ScriptLimit, "{none}");
    }
}

#[test]
fn an_endless_script_that_only_reads_can_be_killed() {
    for script in ENDLESS.iter().filter(|script| !script.contains('\n')) {
        println!("{script}");
        within(PATIENCE, move || {
            let engine = Engine::builder(Store::new()).time_limit(None).build();
            let runner = std::thread::spawn({
                let engine = engine.clone();
                move || engine.eval(script, NONE, NONE)
            });
            while !runner.is_finished() {
                let _ = engine.script_kill();
                std::thread::sleep(Duration::from_millis(1));
            }
            let result = runner.join().unwrap();
            // One pcall around the loop survives a kill, says SCRIPTING.md 6.1; a loop around it does not.
            let error = result.expect_err(script);
            let text = error.to_string();
            if script.starts_with("error(") {
                // Ended within the error handler, which reads the field; a real server does not survive it.
                assert!(text.ends_with(", error in error handling"), "{text}");
                works(&engine);
                return;
            }
            assert!(text.contains("Script killed by user with SCRIPT KILL..."), "{script}: {text}");
            if *script == "while true do end" {
                let location = format!(" script: {}, on @user_script:1.", sha(script));
                assert_eq!(text, format!("ERR Script killed by user with SCRIPT KILL...{location}"));
                assert_eq!(error.kind(), ErrorKind::ScriptKilled);
            }
            works(&engine);
        });
    }
}

#[test]
fn script_kill_in_a_session_answers_ok_or_notbusy() {
    within(PATIENCE, || {
        let engine = Engine::new(Store::new());
        let mut session = engine.session();
        assert_eq!(session.execute(&["SCRIPT", "KILL"]).unwrap_err().to_string(), NOTBUSY);
        assert_eq!(engine.script_kill().unwrap_err().kind(), ErrorKind::NotBusy);
        let runner = std::thread::spawn({
            let engine = engine.clone();
            move || engine.eval("while true do end", NONE, NONE)
        });
        let reply = loop {
            if let Ok(reply) = session.execute(&["SCRIPT", "KILL"]) {
                break reply;
            }
            std::thread::yield_now();
        };
        assert_eq!(reply, Value::ok());
        assert_eq!(runner.join().unwrap().unwrap_err().kind(), ErrorKind::ScriptKilled);
    });
}

#[test]
fn running_out_of_memory_is_a_lua_error_with_the_place() {
    let engine = Engine::builder(Store::new()).memory_limit(8 << 20).build();
    for script in [
        "local t={} while true do t[#t+1]=('x'):rep(1000)..#t end",
        "local s='x' while true do s=s..s end",
        "return ('x'):rep(1e9)",
        "\n\nlocal t={}\nfor i=1,1e9 do t[i]=i end",
    ] {
        let line = if script.starts_with('\n') { 4 } else { 1 };
        let error = engine.eval(script, NONE, NONE).unwrap_err();
        let want = format!("ERR not enough memory script: {}, on @user_script:{line}.", sha(script));
        let want = if script.starts_with("return") { returned(want) } else { want };
        assert_eq!(error.to_string(), want, "{script}");
        assert_eq!(error.kind(), ErrorKind::ScriptRuntime);
        works(&engine);
        let caught = format!("local ok,e=pcall(function() {script} end) return {{tostring(ok),e}}");
        let caught: (String, String) = engine.eval(&caught, NONE, NONE).unwrap().convert().unwrap();
        assert_eq!(caught, ("false".to_owned(), "not enough memory".to_owned()), "{script}");
        works(&engine);
    }
}

#[test]
fn garbage_does_not_count_for_ever() {
    let engine = Engine::builder(Store::new()).memory_limit(8 << 20).build();
    for _ in 0..20 {
        let script = "local n=0 for i=1,200 do n=n+#(('x'):rep(100000)..i) end return n>0";
        assert_eq!(engine.eval(script, NONE, NONE).unwrap(), Value::Integer(1));
    }
}

/// A string counts with its length, any other value with 8: the words of `EngineBuilder::reply_limit`.
#[test]
fn a_reply_may_be_as_large_as_its_limit_and_no_larger() {
    let engine = Engine::builder(Store::new()).reply_limit(1000).build();
    for largest in ["return ('x'):rep(ARGV[1])", "return redis.call('ECHO',('x'):rep(ARGV[1]))"] {
        assert!(engine.eval(largest, NONE, &["1000"]).is_ok(), "{largest}");
        let error = engine.eval(largest, NONE, &["1001"]).expect_err(largest);
        assert_eq!(error.to_string(), "ERR script output too large", "{largest}");
        assert_eq!(error.kind(), ErrorKind::ScriptLimit);
        works(&engine);
    }
    let numbers = "local t={} for i=1,ARGV[1] do t[i]=i end return t";
    let fits = (0..=125).rev().find(|count| engine.eval(numbers, NONE, &[count.to_string()]).is_ok());
    assert!(
        fits.is_some_and(|count| (124..=125).contains(&count)),
        "{fits:?} numbers of 8 bytes fit in 1000"
    );
    let endless = "local t={} t[1]=t t[2]=t return t";
    assert_eq!(engine.eval(endless, NONE, NONE).unwrap_err().to_string(), "ERR script output too large");
    works(&engine);
}

#[test]
fn without_a_time_limit_a_script_runs_on() {
    let engine = Engine::builder(Store::new()).time_limit(None).build();
    assert_eq!(engine.eval("for i=1,1e7 do end return 'done'", NONE, NONE).unwrap(), Value::from("done"));
    works(&engine);
}
