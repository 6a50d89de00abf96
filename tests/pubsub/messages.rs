//! Messages from publishers to the subscriptions of a Rust program.

#![allow(clippy::disallowed_methods, reason = "a time-out takes real time")]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures_core::Stream;
use redmoon::{Engine, Error, Message, Store, Subscription, Value};

const LONG: Duration = Duration::from_secs(20);

fn all(subscription: &mut Subscription) -> Vec<Message> {
    std::iter::from_fn(|| subscription.try_next().unwrap()).collect()
}

fn payloads(subscription: &mut Subscription) -> Vec<String> {
    all(subscription).iter().map(|message| message.payload.to_string()).collect()
}

#[test]
fn a_message_reaches_every_subscriber_of_its_channel_and_of_each_pattern_that_fits() {
    let store = Store::new();
    let mut news = store.subscribe(&["news", "news"]);
    let mut both = store.subscribe(&["news"]);
    both.psubscribe(&["n*", "?ews", "x*"]);
    let mut other = store.subscribe(&["sports"]);
    let mut sharded = store.ssubscribe(&["news"]);
    assert_eq!(store.publish("news", "1").unwrap(), 4);
    assert_eq!(store.spublish("news", "2").unwrap(), 1);
    assert_eq!(store.publish("nothing", "3").unwrap(), 1);
    assert_eq!(payloads(&mut news), ["1"]);
    let patterns: Vec<_> = all(&mut both).into_iter().map(|message| message.pattern).collect();
    let pattern = |name: &str| Some(redmoon::Blob::from(name));
    assert_eq!(patterns, [None, pattern("n*"), pattern("?ews"), pattern("n*")]);
    assert!(payloads(&mut other).is_empty());
    assert_eq!(payloads(&mut sharded), ["2"]);
}

#[test]
fn a_dropped_subscription_gets_and_costs_nothing() {
    let store = Store::new();
    let subscriptions: Vec<_> = (0..10).map(|_| store.psubscribe(&["a*", "b*"])).collect();
    assert_eq!(store.pubsub_numpat(), 2);
    assert_eq!(store.publish("abc", "x").unwrap(), 10);
    drop(subscriptions);
    assert_eq!(store.pubsub_numpat(), 0);
    assert_eq!(store.publish("abc", "x").unwrap(), 0);
    let mut changing = store.subscribe(&["one", "two"]);
    changing.unsubscribe(&["one", "three"]);
    assert_eq!(store.pubsub_channels(None::<&str>), ["two"]);
}

#[test]
fn messages_of_each_publisher_keep_their_order_and_all_readers_see_the_same_one() {
    const PUBLISHERS: usize = 4;
    const MESSAGES: usize = 2_000;
    let store = Store::new();
    let mut readers: Vec<_> = (0..3).map(|_| store.subscribe(&["c"])).collect();
    readers.push(store.psubscribe(&["c*"]));
    std::thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let store = &store;
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    assert_eq!(store.publish("c", format!("{publisher} {number}")).unwrap(), 4);
                }
            });
        }
    });
    let read: Vec<Vec<String>> = readers.iter_mut().map(payloads).collect();
    assert!(read.iter().all(|messages| *messages == read[0]), "two readers saw two orders");
    assert_eq!(read[0].len(), PUBLISHERS * MESSAGES);
    for publisher in 0..PUBLISHERS {
        let own = read[0].iter().filter_map(|message| message.strip_prefix(&format!("{publisher} ")));
        assert!(own.map(|number| number.parse::<usize>().unwrap()).eq(0..MESSAGES));
    }
}

#[test]
fn a_reader_that_is_too_slow_reads_what_came_and_then_an_error_and_never_less_in_silence() {
    let store = Store::builder().reader_buffer(10_000).build();
    let mut slow = store.subscribe(&["c"]);
    let mut quick = store.subscribe(&["c"]);
    for number in 0..1_000 {
        store.publish("c", number.to_string()).unwrap();
        assert_eq!(quick.try_next().unwrap().unwrap().payload, number.to_string());
    }
    let mut read = 0;
    let error = loop {
        match slow.next().unwrap() {
            Ok(message) => assert_eq!(message.payload, read.to_string()),
            Err(error) => break error,
        }
        read += 1;
    };
    assert!((10..1_000).contains(&read), "{read} messages were kept");
    assert!(error.to_string().contains("cut off"), "{error}");
    assert!(slow.next().is_none());
    assert!(slow.next_timeout(Duration::ZERO).is_err());
    assert!(quick.try_next().unwrap().is_none(), "the others go on");
}

#[test]
fn waiting_ends_with_a_message_or_with_its_time() {
    let store = Store::new();
    let mut subscription = store.subscribe(&["c"]);
    let started = Instant::now();
    assert!(subscription.next_timeout(Duration::from_millis(30)).unwrap().is_none());
    assert!(started.elapsed() >= Duration::from_millis(30));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| subscription.next_timeout(LONG).unwrap().unwrap().payload);
        std::thread::sleep(Duration::from_millis(20));
        store.publish("c", "woken").unwrap();
        assert_eq!(reader.join().unwrap(), "woken");
    });
    assert!(started.elapsed() < LONG);
}

/// Counts how often a task was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_stream_wakes_its_task_for_a_message_and_ends_after_the_error() {
    let store = Store::builder().reader_buffer(300).build();
    let mut subscription = store.subscribe(&["c"]);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    let mut stream = subscription.stream();
    let mut poll = |context: &mut Context<'_>| Pin::new(&mut stream).poll_next(context);
    assert!(poll(&mut context).is_pending());
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    store.publish("c", "one").unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(matches!(poll(&mut context), Poll::Ready(Some(Ok(message))) if message.payload == "one"));
    assert!(poll(&mut context).is_pending());
    for _ in 0..10 {
        store.publish("c", "too many").unwrap();
    }
    let mut messages = 0;
    while let Poll::Ready(Some(Ok(_))) = poll(&mut context) {
        messages += 1;
    }
    assert!((1..10).contains(&messages), "{messages}");
    assert!(matches!(poll(&mut context), Poll::Ready(None)));
}

#[test]
fn a_future_that_is_dropped_loses_no_message() {
    let store = Store::new();
    let mut subscription = store.subscribe(&["c"]);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        assert!(pin!(subscription.next_message()).poll(&mut context).is_pending());
    }
    store.publish("c", "kept").unwrap();
    let Poll::Ready(Ok(message)) = pin!(subscription.next_message()).poll(&mut context) else {
        panic!("no message");
    };
    assert_eq!(message.payload, "kept");
}

#[test]
fn a_script_publishes_in_order_when_it_ends_and_hears_how_many_will_get_it() {
    let engine = Engine::new(Store::new());
    let mut subscription = engine.store().subscribe(&["c"]);
    let script = "local a = redis.call('publish', 'c', '1') redis.call('set', 'k', 'v')
                  local b = redis.call('publish', 'c', '2') local d = redis.call('publish', 'none', '3')
                  return {a, b, d}";
    let reply = engine.session().execute(&["EVAL", script, "1", "k"]).unwrap();
    assert_eq!(reply, Value::Array([1, 1, 0].map(Value::Integer).to_vec()));
    assert_eq!(payloads(&mut subscription), ["1", "2"]);
    // Without roll-back an error takes nothing back.
    let failing = "redis.call('publish', 'c', 'before') error('x')";
    engine.session().execute(&["EVAL", failing, "0"]).unwrap_err();
    assert_eq!(payloads(&mut subscription), ["before"]);
    let read_only = engine.session().execute(&["EVAL_RO", "return redis.call('publish','c','x')", "0"]);
    assert!(read_only.unwrap_err().to_string().contains("not allowed from read-only scripts"));
    assert!(payloads(&mut subscription).is_empty());
}

#[test]
fn a_transaction_publishes_when_it_has_succeeded_and_nothing_when_it_has_not() {
    let store = Store::new();
    let mut subscription = store.subscribe(&["c"]);
    let failed = store.transaction(&["k"], |tx| {
        tx.publish("c", "unheard")?;
        tx.set("k", "v")?;
        Err::<(), _>(Error::new("NO"))
    });
    assert!(failed.is_err());
    assert!(payloads(&mut subscription).is_empty());
    let done = store.transaction(&["k"], |tx| {
        assert_eq!(tx.publish("c", "1")?, 1);
        tx.set("k", "v")?;
        tx.publish("c", "2")
    });
    assert_eq!(done.unwrap(), 1);
    assert_eq!(payloads(&mut subscription), ["1", "2"]);
}

#[test]
fn subscribing_while_others_publish_loses_and_doubles_nothing() {
    let store = Store::new();
    std::thread::scope(|scope| {
        let publisher =
            scope.spawn(|| (0..20_000).filter(|n| store.publish("c", n.to_string()).unwrap() > 0).count());
        while !publisher.is_finished() {
            let mut subscription = store.subscribe(&["c"]);
            subscription.subscribe(&["d"]);
            let numbers: Vec<u64> =
                payloads(&mut subscription).iter().map(|payload| payload.parse().unwrap()).collect();
            assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
        }
        publisher.join().unwrap();
    });
    assert!(store.pubsub_channels(None::<&str>).is_empty());
}
