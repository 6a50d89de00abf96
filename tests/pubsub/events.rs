//! Events of keys for listeners. That the events are those of a real server is what `differential/events.rs` checks.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redmoon::{Cause, Engine, Error, KeyEvent, ManualClock, SetOptions, Store};

/// What a listener heard: key, name of the event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(String, &'static str)>>>);

impl Log {
    fn of(store: &Store) -> Log {
        let log = Log::default();
        let heard = log.clone();
        store.on_event(move |event| heard.note(event));
        log
    }

    fn note(&self, event: &KeyEvent) {
        self.0.lock().unwrap().push((event.key.to_string(), event.name()));
    }

    fn take(&self) -> Vec<(String, &'static str)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn is(&self, expected: &[(&str, &str)]) {
        let heard = self.take();
        let heard: Vec<(&str, &str)> = heard.iter().map(|(key, event)| (key.as_str(), *event)).collect();
        assert_eq!(heard, expected);
    }
}

#[test]
fn typed_methods_commands_and_scripts_are_heard_alike() {
    let engine = Engine::new(Store::new());
    let store = engine.store();
    let log = Log::of(store);
    store.rpush("l", &["a"]).unwrap();
    store.execute(&["RPUSH", "l", "b"]).unwrap();
    engine.session().execute(&["EVAL", "return redis.call('ltrim', KEYS[1], 5, 1)", "1", "l"]).unwrap();
    log.is(&[("l", "rpush"), ("l", "rpush"), ("l", "ltrim"), ("l", "del")]);
}

#[test]
fn an_event_says_its_database_and_cause() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    store.on_event(move |event| log.lock().unwrap().push((event.database, event.cause)));
    let other = store.database(3).unwrap();
    other.set_with("k", "v", SetOptions::new().ex(10)).unwrap();
    clock.advance(Duration::from_secs(11));
    assert_eq!(other.get("k").unwrap(), None);
    store.sadd("s", &["m"]).unwrap();
    store.rename("s", "t").unwrap();
    let expected = [
        (3, Cause::Set),
        (3, Cause::DeadlineSet),
        (3, Cause::Expired),
        (0, Cause::Changed),
        (0, Cause::MovedAway),
        (0, Cause::MovedHere),
    ];
    assert_eq!(*heard.lock().unwrap(), expected);
}

#[test]
fn a_key_past_its_time_expires_once_whoever_looks() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    let log = Log::of(&store);
    for number in 0..100 {
        store.set_with(format!("k{number}"), "v", SetOptions::new().ex(10)).unwrap();
    }
    log.take();
    clock.advance(Duration::from_secs(11));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..100 {
                    assert_eq!(store.get(format!("k{number}")).unwrap(), None);
                }
            });
        }
    });
    store.purge_expired().unwrap();
    let mut keys = log.take();
    assert!(keys.iter().all(|(_, event)| *event == "expired"));
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 100);
}

#[test]
fn the_purge_is_heard_without_a_reader() {
    let clock = ManualClock::new();
    let store = Store::builder().clock(clock.clone()).build();
    let log = Log::of(&store);
    store.set_with("k", "v", SetOptions::new().ex(1)).unwrap();
    clock.advance(Duration::from_secs(2));
    log.take();
    store.purge_expired().unwrap();
    log.is(&[("k", "expired")]);
}

#[test]
fn a_listener_may_use_the_store_and_is_not_called_within_itself() {
    let store = Store::new();
    let depth = Arc::new(AtomicUsize::new(0));
    let log = Log::default();
    let (handle, heard, inside) = (store.clone(), log.clone(), Arc::clone(&depth));
    let listener = store.on_event(move |event| {
        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "a listener within a listener");
        heard.note(event);
        // The key and any other may be read and written: no lock is held.
        let key = event.key.to_string();
        if let Some(left) = handle.get(&key).unwrap().and_then(|value| value.to_string().parse::<u32>().ok())
            && left > 0
        {
            handle.set(format!("{key}'"), (left - 1).to_string()).unwrap();
            assert!(handle.dbsize().unwrap() > 0);
        }
        inside.fetch_sub(1, Ordering::SeqCst);
    });
    store.set("k", "3").unwrap();
    log.is(&[("k", "set"), ("k'", "set"), ("k''", "set"), ("k'''", "set")]);
    listener.remove();
    store.set("k", "3").unwrap();
    log.is(&[]);
}

#[test]
fn events_of_many_threads_come_in_the_order_of_the_changes_of_each_key() {
    const KEYS: usize = 4;
    const CHANGES: usize = 2_000;
    let store = Store::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (log, handle) = (Arc::clone(&heard), store.clone());
    let listener = store.on_event(move |event| {
        // What the listener itself reads is no event.
        handle.exists(&[&event.key]).unwrap();
        log.lock().unwrap().push(event.clone());
    });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..CHANGES {
                    let key = format!("k{}", (number + thread) % KEYS);
                    // Two changes that only make sense in this order.
                    if number % 2 == 0 {
                        store.sadd(&key, &["m"]).unwrap();
                    } else {
                        store.srem(&key, &["m"]).unwrap();
                    }
                }
            });
        }
    });
    // A thread may have left its last events to another, which is done by now.
    listener.remove();
    let heard = heard.lock().unwrap();
    assert!(heard.len() > KEYS);
    for key in 0..KEYS {
        let key = format!("k{key}");
        let names: Vec<&str> = heard.iter().filter(|event| event.key == key).map(KeyEvent::name).collect();
        // Added, then removed and with it deleted, then added …
        for (at, name) in names.iter().enumerate() {
            assert_eq!(*name, ["sadd", "srem", "del"][at % 3], "{key}: event {at}");
        }
    }
}

#[test]
fn a_listener_that_panics_silences_nobody() {
    let store = Store::new();
    let log = Log::of(&store);
    let fails = Arc::new(AtomicBool::new(true));
    let armed = Arc::clone(&fails);
    store.on_event(move |_| assert!(!armed.swap(false, Ordering::SeqCst), "on purpose"));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.set("a", "1")));
    assert!(panicked.is_err());
    store.set("b", "2").unwrap();
    log.is(&[("a", "set"), ("b", "set")]);
    assert_eq!(store.get("a").unwrap().unwrap(), "1");
}

#[test]
fn a_roll_back_is_not_heard() {
    let store = Store::new();
    store.set("k", "old").unwrap();
    let log = Log::of(&store);
    let failed = store.transaction(&["k", "n"], |tx| {
        tx.set("k", "new")?;
        tx.rpush("n", &["a"])?;
        Err::<(), _>(Error::new("NO"))
    });
    assert!(failed.is_err());
    log.is(&[]);
    store.transaction(&["k"], |tx| tx.set("k", "new")).unwrap();
    log.is(&[("k", "set")]);
}

#[test]
fn classes_choose_what_is_heard() {
    let store = Store::new();
    let log = Log::default();
    let heard = log.clone();
    store.on_event_of("lmn", move |event| heard.note(event)).unwrap();
    store.set("k", "v").unwrap();
    store.rpush("l", &["a"]).unwrap();
    store.rpush("l", &["b"]).unwrap();
    assert_eq!(store.get("nothing").unwrap(), None);
    log.is(&[("k", "new"), ("l", "new"), ("l", "rpush"), ("l", "rpush"), ("nothing", "keymiss")]);
    let error = store.on_event_of("q", |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "ERR Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    assert!(store.set_notify_keyspace_events("KEB").is_err());
}

/// CONFIG GET of a real server after CONFIG SET.
#[test]
fn the_setting_is_shown_as_a_server_shows_it() {
    let store = Store::new();
    assert_eq!(store.notify_keyspace_events(), "");
    for (set, shown) in [
        ("KEA", "AKE"),
        ("g$lshzxetd", "A"),
        ("KEAmn", "AKEm"),
        ("gK", "gK"),
        ("Ex", "xE"),
        ("EKm", "KEm"),
        ("n", "n"),
        ("mn", "nm"),
        ("Kglx$", "g$lxK"),
        ("", ""),
    ] {
        store.set_notify_keyspace_events(set).unwrap();
        assert_eq!(store.notify_keyspace_events(), shown, "{set}");
    }
}

#[test]
fn only_the_classes_and_channels_that_are_on_are_published() {
    let store = Store::new();
    let mut all = store.psubscribe(&["__key*"]);
    let mut channels = || -> Vec<String> {
        std::iter::from_fn(|| all.try_next().unwrap()).map(|message| message.channel.to_string()).collect()
    };
    store.set("k", "v").unwrap();
    assert!(channels().is_empty());
    store.set_notify_keyspace_events("Kl").unwrap();
    store.set("k", "v").unwrap();
    store.rpush("l", &["a"]).unwrap();
    assert_eq!(channels(), ["__keyspace@0__:l"]);
    store.set_notify_keyspace_events("E$").unwrap();
    store.set("k", "v").unwrap();
    store.rpush("l", &["a"]).unwrap();
    assert_eq!(channels(), ["__keyevent@0__:set"]);
    store.set_notify_keyspace_events("KE").unwrap();
    store.set("k", "v").unwrap();
    assert!(channels().is_empty());
}
