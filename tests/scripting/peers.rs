//! Script caches that several engines share, and caches that an application keeps in step over its own transport.

use std::sync::{Arc, Mutex, OnceLock};

use redmoon::{Engine, NONE, ScriptCache, ScriptPeers, Store, Value};

use super::sha;

/// A transport within the test: what one cache does reaches the other at once.
#[derive(Clone, Default)]
struct Wire {
    other: Arc<OnceLock<ScriptCache>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    fn note(&self, what: String) {
        self.seen.lock().unwrap().push(what);
    }
}

impl ScriptPeers for Wire {
    fn on_load(&self, sha: &str, source: &[u8]) {
        self.note(format!("load {sha}"));
        self.other.get().unwrap().receive(source).unwrap();
    }

    fn on_flush(&self) {
        self.note("flush".to_owned());
        self.other.get().unwrap().receive_flush();
    }

    fn fetch(&self, sha: &str) -> Option<Vec<u8>> {
        self.note(format!("fetch {sha}"));
        self.other.get().unwrap().source(sha)
    }
}

fn two() -> ([Engine; 2], [Wire; 2]) {
    let wires = [Wire::default(), Wire::default()];
    let caches = wires.clone().map(ScriptCache::with_peers);
    wires[0].other.set(caches[1].clone()).unwrap();
    wires[1].other.set(caches[0].clone()).unwrap();
    (caches.map(|cache| Engine::builder(Store::new()).script_cache(cache).build()), wires)
}

fn seen(wire: &Wire) -> Vec<String> {
    std::mem::take(&mut wire.seen.lock().unwrap())
}

#[test]
fn engines_on_different_stores_share_what_was_loaded_and_evaluated() {
    let cache = ScriptCache::new();
    let engines = [1, 2].map(|_| Engine::builder(Store::new()).script_cache(cache.clone()).build());
    let loaded = engines[0].script_load("return redis.call('INCR',KEYS[1])").unwrap();
    engines[0].eval("return 'evaluated'", NONE, NONE).unwrap();
    for engine in &engines {
        // Each on its own store.
        assert_eq!(engine.eval_sha(&loaded, &["n"], NONE).unwrap(), Value::Integer(1));
        assert_eq!(engine.eval_sha(sha("return 'evaluated'"), NONE, NONE).unwrap(), Value::from("evaluated"));
    }
    engines[1].script_flush();
    assert_eq!(engines[0].eval_sha(&loaded, &["n"], NONE).unwrap_err().code(), "NOSCRIPT");
}

#[test]
fn loads_and_flushes_reach_the_peers_once() {
    let ([first, second], [wire, back]) = two();
    let name = first.script_load("return 1").unwrap();
    assert_eq!(second.eval_sha(&name, NONE, NONE).unwrap(), Value::Integer(1));
    assert_eq!(seen(&wire), [format!("load {name}")]);
    second.script_flush();
    assert_eq!(seen(&back), ["flush"]);
    assert!(seen(&wire).is_empty(), "what came from a peer is not carried back");
    assert_eq!(first.script_exists(&[&name]), [false]);
}

#[test]
fn a_script_that_only_a_peer_knows_is_fetched_when_it_is_called() {
    let ([first, second], [wire, _]) = two();
    second.eval("return ARGV[1] .. '!'", NONE, &["x"]).unwrap();
    let name = sha("return ARGV[1] .. '!'");
    for _ in 0..2 {
        assert_eq!(first.eval_sha(&name, NONE, &["hello"]).unwrap(), Value::from("hello!"));
    }
    assert_eq!(seen(&wire), [format!("fetch {name}")], "the second call found it in the cache");
    assert_eq!(first.eval_sha(sha("nowhere"), NONE, NONE).unwrap_err().code(), "NOSCRIPT");
}

#[test]
fn what_a_peer_sends_under_a_wrong_name_is_not_run() {
    struct Liar;
    impl ScriptPeers for Liar {
        fn on_load(&self, _: &str, _: &[u8]) {}
        fn on_flush(&self) {}
        fn fetch(&self, _: &str) -> Option<Vec<u8>> {
            Some(b"return 'wrong'".to_vec())
        }
    }
    let engine = Engine::builder(Store::new()).script_cache(ScriptCache::with_peers(Liar)).build();
    assert_eq!(engine.eval_sha(sha("return 'right'"), NONE, NONE).unwrap_err().code(), "NOSCRIPT");
}
