//! What an engine counts: `Engine::metrics`, SCRIPT LATENCY, and the same through the `metrics` facade as a Prometheus
//! exporter shows it.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use redmoon::{Dialect, Engine, EngineMetrics, NONE, Protocol, ScriptCache, ScriptPeers, Store, Value};

use super::{sha, within};

fn timed() -> Engine {
    Engine::builder(Store::new()).time_every_run(true).build()
}

#[test]
fn a_fresh_engine_has_counted_nothing() {
    let metrics = Engine::new(Store::new()).metrics();
    assert_eq!((metrics.evals, metrics.evalshas, metrics.fcalls, metrics.errors), (0, 0, 0, 0));
    assert_eq!((metrics.cached_scripts, metrics.lua_states, metrics.lua_memory), (0, 0, 0));
    assert_eq!(
        (metrics.durations.count(), metrics.durations.mean(), metrics.durations.quantile(0.5)),
        (0, None, None)
    );
}

#[test]
fn every_way_to_run_a_script_is_counted_once() {
    let engine = Engine::new(Store::new());
    let mut session = engine.session();
    let sha = sha("return 1");
    engine.eval("return 1", NONE, NONE).unwrap();
    engine.eval_ro("return 1", NONE, NONE).unwrap();
    session.execute(&["EVAL", "return 1", "0"]).unwrap();
    engine.eval_sha(&sha, NONE, NONE).unwrap();
    engine.eval_sha_ro(&sha, NONE, NONE).unwrap();
    session.execute(&["EVALSHA", &sha, "0"]).unwrap();
    for command in [&["MULTI"][..], &["EVAL", "return 1", "0"], &["EVALSHA", &sha, "0"], &["EXEC"]] {
        session.execute(command).unwrap();
    }
    engine.function_load("#!lua name=l\nredis.register_function('f', function() return 1 end)").unwrap();
    engine.fcall("f", NONE, NONE).unwrap();
    session.execute(&["FCALL", "f", "0"]).unwrap();
    let metrics = engine.metrics();
    assert_eq!((metrics.evals, metrics.evalshas, metrics.fcalls, metrics.errors), (4, 4, 2, 0));
    assert_eq!((metrics.cache_hits, metrics.cache_misses), (7, 1));
    assert_eq!((metrics.cached_scripts, metrics.cached_bytes), (1, "return 1".len()));
    // Only in Lua 5.1 is it known that the function keeps nothing, so that any state will do.
    assert_eq!(metrics.lua_states, if cfg!(feature = "lua51") { 1 } else { 2 });
    assert!(metrics.lua_memory > 10_000, "{metrics:?}");
}

#[test]
fn a_script_object_that_loads_itself_misses_once() {
    let engine = Engine::new(Store::new());
    let script = engine.script("return 1");
    for _ in 0..3 {
        script.invoke::<i64>().unwrap();
    }
    let metrics = engine.metrics();
    assert_eq!((metrics.evals, metrics.evalshas, metrics.errors), (0, 3, 0));
    assert_eq!((metrics.cache_hits, metrics.cache_misses), (3, 1));
}

#[test]
fn errors_of_every_sort_are_counted_once() {
    let engine = Engine::new(Store::new());
    let mut session = engine.session();
    let unknown = sha("unknown");
    let mut expected = 0;
    let mut count = |failed: bool| {
        assert!(failed);
        expected += 1;
        assert_eq!(engine.metrics().errors, expected);
    };
    count(engine.eval("return nosuch", NONE, NONE).is_err());
    count(engine.eval("return {err='E answered'}", NONE, NONE).is_err());
    count(engine.eval("return redis.call('INCR')", NONE, NONE).is_err());
    count(engine.eval("return (", NONE, NONE).is_err());
    count(engine.eval("#!nonsense\nreturn 1", NONE, NONE).is_err());
    count(engine.eval_ro("#!lua\nreturn 1", NONE, NONE).is_err());
    count(engine.eval_sha(&unknown, NONE, NONE).is_err());
    count(session.execute(&["EVALSHA", &unknown, "0"]).is_err());
    count(session.execute(&["EVAL", "return nosuch", "0"]).is_err());
    count(engine.fcall("nosuch", NONE, NONE).is_err());
    engine.function_load("#!lua name=l\nredis.register_function('f', function() error('x') end)").unwrap();
    count(engine.fcall("f", NONE, NONE).is_err());
    count(engine.fcall_ro("f", NONE, NONE).is_err());
    engine.eval("return redis.pcall('INCR') and 1", NONE, NONE).unwrap();
    assert_eq!(engine.metrics().errors, expected, "an error that was caught is none");
    assert_eq!((engine.metrics().timeouts, engine.metrics().kills), (0, 0));
}

#[test]
fn timeouts_and_kills_are_told_apart() {
    let engine = Engine::builder(Store::new()).time_limit(Duration::from_millis(20)).build();
    assert!(engine.eval("while true do end", NONE, NONE).is_err());
    engine
        .function_load("#!lua name=l\nredis.register_function('f', function() while true do end end)")
        .unwrap();
    assert!(engine.fcall("f", NONE, NONE).is_err());
    let metrics = engine.metrics();
    assert_eq!((metrics.errors, metrics.timeouts, metrics.kills), (2, 2, 0));
    // They took long, so they are timed for certain.
    assert!(metrics.durations.sum() >= Duration::from_millis(40), "{metrics:?}");

    let engine = Engine::new(Store::new());
    let metrics = within(Duration::from_secs(60), move || {
        std::thread::scope(|threads| {
            let endless = threads.spawn(|| engine.eval("while true do end", NONE, NONE));
            while engine.script_kill().is_err() {
                std::thread::yield_now();
            }
            endless.join().unwrap().unwrap_err();
        });
        engine.metrics()
    });
    assert_eq!((metrics.errors, metrics.timeouts, metrics.kills), (1, 0, 1));
}

#[test]
fn no_run_of_many_threads_is_lost_and_meters_outlive_their_states() {
    const THREADS: u64 = 6;
    const RUNS: u64 = 2_000;
    let engine = timed();
    let sha = engine.script_load("return redis.call('INCR', KEYS[1])").unwrap();
    for round in 1..=2 {
        std::thread::scope(|threads| {
            for _ in 0..THREADS {
                threads.spawn(|| {
                    for _ in 0..RUNS {
                        engine.eval_sha(&sha, &["counter"], NONE).unwrap();
                    }
                });
            }
        });
        let metrics = engine.metrics();
        assert_eq!(metrics.evalshas, round * THREADS * RUNS);
        assert_eq!(metrics.durations.count(), round * THREADS * RUNS);
        assert!(metrics.lua_states >= 1 && metrics.lua_memory > 0);
        engine.script_flush();
        let metrics = engine.metrics();
        assert_eq!(metrics.evalshas, round * THREADS * RUNS);
        assert_eq!((metrics.lua_states, metrics.lua_memory), (0, 0), "the flush dropped the states");
        engine.script_load("return redis.call('INCR', KEYS[1])").unwrap();
    }
}

#[test]
fn lua_memory_follows_what_scripts_keep_alive() {
    let engine = Engine::new(Store::new());
    engine.eval("return 1", NONE, NONE).unwrap();
    let before = engine.metrics().lua_memory;
    engine.eval("local t = {} for i = 1, 50000 do t[i] = 'text ' .. i end return 1", NONE, NONE).unwrap();
    assert!(engine.metrics().lua_memory > before + 500_000);
    engine.eval("collectgarbage() collectgarbage() return 1", NONE, NONE).unwrap();
    assert!(engine.metrics().lua_memory < before + 100_000);
}

/// A peer that has one script.
struct Peer(&'static str);

impl ScriptPeers for Peer {
    fn on_load(&self, _: &str, _: &[u8]) {}
    fn on_flush(&self) {}
    fn fetch(&self, name: &str) -> Option<Vec<u8>> {
        (name == sha(self.0)).then(|| self.0.into())
    }
}

#[test]
fn what_goes_between_peers_is_counted() {
    let cache = ScriptCache::with_peers(Peer("return 'theirs'"));
    let engine = Engine::builder(Store::new()).script_cache(cache.clone()).build();
    for _ in 0..2 {
        engine.eval_sha(sha("return 'theirs'"), NONE, NONE).unwrap();
    }
    assert!(engine.eval_sha(sha("nobody's"), NONE, NONE).is_err());
    let metrics = engine.metrics();
    assert_eq!((metrics.evals, metrics.evalshas, metrics.errors), (0, 2, 1));
    assert_eq!((metrics.cache_hits, metrics.cache_misses, metrics.peer_hits), (1, 2, 1));

    engine.script_load("return 1").unwrap();
    engine.script_load("return 2").unwrap();
    engine.script_flush();
    cache.receive("return 3").unwrap();
    assert!(cache.receive("#!nonsense\n").is_err());
    cache.receive_flush();
    cache.receive_flush();
    cache.receive_flush();
    let metrics = engine.metrics();
    assert_eq!((metrics.loads_sent, metrics.loads_received), (2, 1));
    assert_eq!((metrics.flushes_sent, metrics.flushes_received), (1, 3));

    let alone = Engine::new(Store::new());
    alone.script_load("return 1").unwrap();
    alone.script_flush();
    assert_eq!((alone.metrics().loads_sent, alone.metrics().flushes_sent), (0, 0));
}

#[test]
fn scripts_that_go_for_others_are_counted() {
    let engine = Engine::builder(Store::new()).evaluated_scripts(2).build();
    for number in 0..5 {
        engine.eval(format!("return {number}"), NONE, NONE).unwrap();
    }
    let metrics = engine.metrics();
    assert_eq!((metrics.evictions, metrics.cached_scripts), (3, 2));
}

#[test]
fn each_duration_is_in_the_bucket_that_holds_it() {
    let sleep = |args: &[Value]| {
        if let [Value::Integer(millis)] = args {
            std::thread::sleep(Duration::from_millis(millis.unsigned_abs()));
        }
        Ok(Value::Nil)
    };
    let engine = Engine::builder(Store::new()).time_every_run(true).function("sleep", sleep).build();
    for millis in ["30", "0", "130"] {
        engine.eval("host.sleep(tonumber(ARGV[1]))", NONE, &[millis]).unwrap();
    }
    let durations = engine.metrics().durations;
    assert_eq!(durations.count(), 3);
    assert!(durations.sum() >= Duration::from_millis(160));
    let mut last = Duration::ZERO;
    for bucket in durations.buckets() {
        let up_to = bucket.up_to.unwrap_or(Duration::MAX);
        assert!(up_to > last);
        if bucket.count > 0 {
            let mean = bucket.sum / u32::try_from(bucket.count).unwrap();
            assert!(mean > last && mean <= up_to, "{bucket:?}");
        }
        last = up_to;
    }
    assert!(durations.quantile(0.0).unwrap() < Duration::from_millis(30));
    assert!(durations.quantile(0.5).unwrap() >= Duration::from_millis(30));
    assert!(durations.quantile(1.0).unwrap() >= Duration::from_millis(130));
    assert_eq!(durations.mean().unwrap(), durations.sum() / 3);
}

#[test]
fn without_being_asked_a_sample_stands_for_all_runs() {
    let engine = Engine::new(Store::new());
    let sha = engine.script_load("return 1").unwrap();
    engine.eval_sha(&sha, NONE, NONE).unwrap();
    assert_eq!(engine.metrics().durations.count(), 1, "the first run of a script is timed");
    for _ in 0..64_000 {
        engine.eval_sha(&sha, NONE, NONE).unwrap();
    }
    assert_eq!(engine.metrics().durations.count(), 1 + 64_000);
    // A long one stands for itself wherever it comes.
    for _ in 0..2 {
        engine.eval("local n = 0 for i = 1, 2e6 do n = n + i end return n", NONE, NONE).unwrap();
    }
    let long: u64 = engine.metrics().durations.buckets()[12..].iter().map(|bucket| bucket.count).sum();
    assert!((2..=66).contains(&long), "{long} long runs, one of the short ones may have been held up");
}

#[test]
fn script_latency_shows_the_scripts_that_ran() {
    let engine = timed();
    let mut session = engine.session();
    assert_eq!(session.execute(&["SCRIPT", "LATENCY"]).unwrap(), Value::Array(vec![]));
    let idle = engine.script_load("return 'idle'").unwrap();
    let (one, two) = (sha("return 1"), sha("return nosuch"));
    for _ in 0..3 {
        session.execute(&["EVAL", "return 1", "0"]).unwrap();
        session.execute(&["EVALSHA", &one, "0"]).unwrap();
    }
    assert!(session.execute(&["EVAL", "return nosuch", "0"]).is_err());
    let Value::Array(shown) = session.execute(&["SCRIPT", "LATENCY"]).unwrap() else { panic!("no array") };
    let mut found = BTreeMap::new();
    for pair in shown {
        let Value::Array(pair) = pair else { panic!("no pair: {pair:?}") };
        let [Value::Bulk(sha), Value::Verbatim { format, text }] = &pair[..] else { panic!("{pair:?}") };
        assert_eq!(format, b"txt");
        let text = String::from_utf8(text.to_vec()).unwrap();
        found.insert(String::from_utf8(sha.to_vec()).unwrap(), text);
    }
    assert!(!found.contains_key(&idle));
    assert!(found[&one].starts_with("Count: 6 Average: "), "{}", found[&one]);
    assert!(found[&two].starts_with("Count: 1 Average: "), "{}", found[&two]);
    let shares = found[&one].lines().last().unwrap().to_owned();
    assert!(shares.ends_with(" 100.000%"), "{shares}");

    // What is said of a script does not make it another one; a flush does.
    engine.script_flags(&one, &[redmoon::ScriptFlag::NoWrites]).unwrap();
    assert_eq!(engine.script_latency().iter().find(|(name, _)| *name == one).unwrap().1.count(), 6);
    session.execute(&["SCRIPT", "FLUSH"]).unwrap();
    assert!(engine.script_latency().is_empty());

    session.execute(&["HELLO", "3"]).unwrap();
    assert_eq!(session.protocol(), Protocol::Resp3);
    session.execute(&["EVAL", "return 1", "0"]).unwrap();
    let reply = super::reply_of(&mut session, &["SCRIPT", "LATENCY"]);
    let begin = format!("*1\r\n*2\r\n$40\r\n{one}\r\n=");
    assert!(reply.starts_with(begin.as_bytes()), "{}", reply.escape_ascii());
}

#[test]
fn only_dragonfly_and_the_dialect_of_all_know_script_latency() {
    for (dialect, knows) in
        [(Dialect::Any, true), (Dialect::Dragonfly, true), (Dialect::Redis, false), (Dialect::Valkey, false)]
    {
        let engine = Engine::builder(Store::new()).dialect(dialect).build();
        assert_eq!(engine.command(&["SCRIPT", "LATENCY"]).is_ok(), knows, "{dialect:?}");
    }
}

/// The lines of an exporter's text that have a value, by their names with labels.
fn series(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

#[test]
fn a_prometheus_exporter_shows_what_metrics_says() {
    let cache = ScriptCache::with_peers(Peer("return 'theirs'"));
    let engine = Engine::builder(Store::new())
        .script_cache(cache.clone())
        .time_every_run(true)
        .time_limit(Duration::from_millis(20))
        .build();
    for _ in 0..5 {
        engine.eval("return 1", NONE, NONE).unwrap();
    }
    engine.eval_sha(sha("return 'theirs'"), NONE, NONE).unwrap();
    assert!(engine.eval_sha(sha("nobody's"), NONE, NONE).is_err());
    assert!(engine.eval("while true do end", NONE, NONE).is_err());
    engine.script_load("return 2").unwrap();
    cache.receive("return 3").unwrap();

    let recorder = PrometheusBuilder::new().build_recorder();
    let publish = || metrics::with_local_recorder(&recorder, || engine.publish_metrics());
    publish();
    let text = recorder.handle().render();
    assert!(text.contains("# TYPE redmoon_script_eval_total counter"), "{text}");
    assert!(text.contains("# HELP redmoon_script_eval_total Scripts that ran by their source."), "{text}");
    assert!(text.contains("# TYPE redmoon_lua_memory_bytes gauge"), "{text}");
    let shown = series(&text);
    let expected = |figures: &EngineMetrics| {
        [
            ("redmoon_script_eval_total", figures.evals),
            ("redmoon_script_evalsha_total", figures.evalshas),
            ("redmoon_script_fcall_total", figures.fcalls),
            ("redmoon_script_error_total", figures.errors),
            ("redmoon_script_timeout_total", figures.timeouts),
            ("redmoon_script_kill_total", figures.kills),
            ("redmoon_script_cache_hit_total", figures.cache_hits),
            ("redmoon_script_cache_miss_total", figures.cache_misses),
            ("redmoon_script_cache_peer_hit_total", figures.peer_hits),
            ("redmoon_script_cache_eviction_total", figures.evictions),
            ("redmoon_script_load_sent_total", figures.loads_sent),
            ("redmoon_script_load_received_total", figures.loads_received),
            ("redmoon_script_flush_sent_total", figures.flushes_sent),
            ("redmoon_script_flush_received_total", figures.flushes_received),
            ("redmoon_script_cache_scripts", figures.cached_scripts as u64),
            ("redmoon_script_cache_bytes", figures.cached_bytes as u64),
            ("redmoon_lua_states", figures.lua_states as u64),
            ("redmoon_lua_memory_bytes", figures.lua_memory as u64),
            ("redmoon_script_duration_seconds_count", figures.durations.count()),
        ]
    };
    for (name, figure) in expected(&engine.metrics()) {
        assert_eq!(shown[name], figure as f64, "{name}");
    }
    // Numbers that are known from what was done.
    for (name, figure) in [
        ("redmoon_script_eval_total", 6.0),
        ("redmoon_script_evalsha_total", 1.0),
        ("redmoon_script_error_total", 2.0),
        ("redmoon_script_timeout_total", 1.0),
        ("redmoon_script_cache_peer_hit_total", 1.0),
        ("redmoon_script_load_sent_total", 1.0),
        ("redmoon_script_load_received_total", 1.0),
        ("redmoon_script_cache_scripts", 5.0),
        ("redmoon_script_duration_seconds_bucket{le=\"+Inf\"}", 7.0),
        ("redmoon_script_duration_seconds_bucket{le=\"0.00000025\"}", 0.0),
    ] {
        assert_eq!(shown.get(name), Some(&figure), "{name} in\n{text}");
    }
    assert!(
        shown["redmoon_script_duration_seconds_bucket{le=\"0.005\"}"] <= 6.0,
        "the endless one took longer"
    );
    assert!(shown["redmoon_script_duration_seconds_sum"] >= 0.02);

    // The same again changes nothing, and counts go on.
    publish();
    assert_eq!(series(&recorder.handle().render()), shown);
    engine.eval("return 1", NONE, NONE).unwrap();
    publish();
    assert_eq!(series(&recorder.handle().render())["redmoon_script_eval_total"], 7.0);
}

#[test]
fn labels_tell_the_engines_of_a_program_apart() {
    let engines = [Engine::new(Store::new()), Engine::new(Store::new())];
    engines[1].eval("return 1", NONE, NONE).unwrap();
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        for (engine, name) in engines.iter().zip(["first", "second"]) {
            engine.publish_metrics_with(&[("engine", name)]);
        }
    });
    let shown = series(&recorder.handle().render());
    assert_eq!(shown["redmoon_script_eval_total{engine=\"first\"}"], 0.0);
    assert_eq!(shown["redmoon_script_eval_total{engine=\"second\"}"], 1.0);
}
