//! Sessions that subscribe, against a real server: the same commands, the same replies and messages.

use std::time::Duration;

use redmoon::resp::encode_result;
use redmoon::{Engine, Session, Store, Value};

use crate::support::client::decode;
use crate::support::{Client, Oracle, show};

/// What a conversation is asked, by lines: a command of the subscriber, or one of another caller behind `>`.
const CONVERSATIONS: &[&str] = &[
    "SUBSCRIBE a; > PUBLISH a 1; > PUBLISH b 2; UNSUBSCRIBE a; > PUBLISH a 3; UNSUBSCRIBE; UNSUBSCRIBE nosuch",
    "SUBSCRIBE a b a; PSUBSCRIBE p*; > PUBLISH pq 1; > PUBLISH b 2; UNSUBSCRIBE a; UNSUBSCRIBE; PUNSUBSCRIBE nosuch p*; GET k",
    "SSUBSCRIBE s; > SPUBLISH s 1; > PUBLISH s 2; SUBSCRIBE s; > PUBLISH s 3; SUNSUBSCRIBE; UNSUBSCRIBE; SUNSUBSCRIBE; PUNSUBSCRIBE",
    "PSUBSCRIBE a*; > PUBLISH abc x; > PUBLISH cba x; > PUBSUB NUMPAT; > PUBSUB CHANNELS; PSUBSCRIBE a*; PUNSUBSCRIBE; > PUBSUB NUMPAT",
    "SUBSCRIBE a; GET k; SET k v; PING; PING hello; PING a b; CONFIG GET x; OBJECT HELP; MULTI; EXEC; nosuch; SUBSCRIBE; HELLO 3; PUBLISH a b; UNSUBSCRIBE a; GET k; PING",
    "SUBSCRIBE a; > PUBSUB CHANNELS; > PUBSUB CHANNELS b*; > PUBSUB NUMSUB a b; > PUBSUB SHARDNUMSUB a; > PUBSUB SHARDCHANNELS; > PUBSUB HELP; > PUBSUB NOSUCH; > PUBSUB CHANNELS a b; > PUBSUB NUMPAT x; > PUBSUB; > PUBSUB SHARDCHANNELS a b",
    "SSUBSCRIBE a; > PUBSUB CHANNELS; > PUBSUB SHARDNUMSUB a b; > PUBSUB SHARDCHANNELS; > PUBSUB SHARDCHANNELS b*; > PUBSUB SHARDNUMSUB",
    "MULTI; SUBSCRIBE a; GET z; EXEC; PING; > PUBLISH a x; UNSUBSCRIBE; GET z",
    "MULTI; SUBSCRIBE a; PING; EXEC",
    "MULTI; SSUBSCRIBE a b; UNSUBSCRIBE; SUNSUBSCRIBE x; MONITOR; EXEC; GET z",
    "EVAL redis.call('subscribe','x') 0; EVAL return(redis.call('publish','x','y')) 0; PUBLISH; PUBLISH a; SPUBLISH a b c; SUBSCRIBE; MONITOR x",
];

/// With RESP3 a subscriber may run anything; messages to itself come before the reply.
const IN_RESP3: &[&str] = &[
    "HELLO 3; SUBSCRIBE a; GET k; PING; PING x; > PUBLISH a 1; MULTI; SET k v; EXEC; PSUBSCRIBE a*; > PUBLISH a 2; UNSUBSCRIBE; PUNSUBSCRIBE",
    "HELLO 3; SSUBSCRIBE a; > SPUBLISH a 1; CONFIG NOSUCH; SUBSCRIBE; SUNSUBSCRIBE a",
];

/// How long a message that is not there is waited for.
const SILENCE: Duration = Duration::from_millis(2);

fn bytes_of(session: &mut Session, reply: &redmoon::Result<Value>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Several confirmations are an array here, and messages one after the other on a connection.
    match reply {
        Ok(Value::Array(items))
            if items.iter().all(|item| matches!(item, Value::Push(_))) && !items.is_empty() =>
        {
            for item in items {
                encode_result(&Ok(item.clone()), session.protocol(), &mut bytes);
            }
        }
        reply => encode_result(reply, session.protocol(), &mut bytes),
    }
    bytes
}

fn ours(session: &mut Session, command: &[&str]) -> Vec<u8> {
    let reply = session.execute(command);
    bytes_of(session, &reply)
}

fn messages(session: &mut Session) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(message) = session.wait_message(Some(SILENCE)).unwrap() {
        bytes.extend(bytes_of(session, &Ok(message)));
    }
    bytes
}

/// A reply that the server gives in several frames, by the number of channels.
fn frames(command: &[&str], subscribed: usize) -> usize {
    match command[0] {
        "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE" => (command.len() - 1).max(1),
        "UNSUBSCRIBE" | "PUNSUBSCRIBE" | "SUNSUBSCRIBE" if command.len() == 1 => subscribed.max(1),
        "UNSUBSCRIBE" | "PUNSUBSCRIBE" | "SUNSUBSCRIBE" => command.len() - 1,
        _ => 1,
    }
}

/// Messages that a server sent: those before the answer to a PING, which a subscriber may always ask.
fn pushed(client: &mut Client) -> Vec<u8> {
    client.queue(&["PING", "the end"]);
    client.flush();
    let mut all = Vec::new();
    loop {
        let frame = client.read_many(1).remove(0);
        if format!("{:?}", decode(&frame)).contains("the end") {
            return all;
        }
        all.extend(frame);
    }
}

#[test]
fn subscribers_get_the_bytes_of_a_real_server() {
    let Some(oracle) = Oracle::start() else { return };
    for conversation in CONVERSATIONS.iter().chain(IN_RESP3) {
        let (mut client, mut other) = (oracle.connect(), oracle.connect());
        let engine = Engine::new(Store::new());
        let (mut session, mut second) = (engine.session(), engine.session());
        let mut is_open = false;
        for command in conversation.split(';').map(str::trim) {
            let words: Vec<&str> = command.trim_start_matches("> ").split(' ').collect();
            let at = |what: &str| format!("{what} of {command} in: {conversation}");
            if command.starts_with('>') {
                let (theirs, ours) = (other.raw(&words), ours(&mut second, &words));
                assert_eq!(show(&ours), show(&theirs), "{}", at("reply"));
            } else {
                let mine = ours(&mut session, &words);
                let mut subscribed = 0;
                let mut rest = &mine[..];
                while let Ok(Some((_, length))) = redmoon::resp::decode(rest) {
                    subscribed += 1;
                    rest = &rest[length..];
                }
                client.queue(&words);
                client.flush();
                let count = if is_open { 1 } else { frames(&words, subscribed) };
                let theirs = client.read_many(count).concat();
                if words[0] == "HELLO" && !mine.starts_with(b"-") {
                    continue;
                }
                if words.len() == 1 && words[0].ends_with("UNSUBSCRIBE") && subscribed > 1 {
                    // A server goes through its channels in no order.
                    assert_eq!(mine.len(), theirs.len(), "{}", at("reply"));
                } else {
                    assert_eq!(show(&mine), show(&theirs), "{}", at("reply"));
                }
                is_open = match words[0] {
                    "MULTI" => mine == b"+OK\r\n",
                    "EXEC" => false,
                    _ => is_open,
                };
            }
            if !is_open {
                assert_eq!(show(&messages(&mut session)), show(&pushed(&mut client)), "{}", at("messages"));
            }
        }
    }
}

#[test]
fn several_confirmations_are_an_array_and_one_is_a_push() {
    let mut session = Engine::new(Store::new()).session();
    let push = |word: &str, channel: &str, count: i64| {
        Value::Push(vec![Value::from(word), Value::from(channel), Value::Integer(count)])
    };
    assert_eq!(session.execute(&["SUBSCRIBE", "a"]).unwrap(), push("subscribe", "a", 1));
    let several =
        Value::Array(vec![push("subscribe", "b", 2), push("subscribe", "c", 3), push("subscribe", "d", 4)]);
    assert_eq!(session.execute(&["SUBSCRIBE", "b", "c", "d"]).unwrap(), several);
}

#[test]
fn what_exec_published_before_a_change_of_subscriptions_goes_to_those_of_that_time() {
    let engine = Engine::new(Store::new());
    let mut session = engine.session();
    session.execute(&["HELLO", "3"]).unwrap();
    session.execute(&["SUBSCRIBE", "a"]).unwrap();
    for command in [&["MULTI"][..], &["PUBLISH", "a", "1"], &["UNSUBSCRIBE", "a"], &["PUBLISH", "a", "2"]] {
        session.execute(command).unwrap();
    }
    let Value::Array(replies) = session.execute(&["EXEC"]).unwrap() else { panic!("EXEC") };
    assert_eq!((&replies[0], &replies[2]), (&Value::Integer(1), &Value::Integer(0)));
    let heard: Vec<Value> = std::iter::from_fn(|| session.try_message().unwrap()).collect();
    assert_eq!(heard, [Value::Push(["message", "a", "1"].map(Value::from).to_vec())]);
}

#[test]
fn a_session_that_ends_subscribes_to_nothing_any_more() {
    let engine = Engine::new(Store::new());
    let mut session = engine.session();
    session.execute(&["SUBSCRIBE", "a", "b"]).unwrap();
    session.execute(&["PSUBSCRIBE", "p*"]).unwrap();
    session.execute(&["SSUBSCRIBE", "s"]).unwrap();
    let store = engine.store();
    assert_eq!(store.pubsub_numsub(&["a", "b"]), [1, 1]);
    drop(session);
    assert_eq!(store.pubsub_numsub(&["a", "b"]), [0, 0]);
    assert_eq!(store.pubsub_numpat() + store.pubsub_shardchannels(None::<&str>).len(), 0);
}

#[test]
fn a_session_waits_for_messages_until_one_comes() {
    let engine = Engine::new(Store::new());
    let mut session = engine.session();
    session.execute(&["SUBSCRIBE", "a"]).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| session.wait_message(Some(Duration::from_secs(20))).unwrap());
        std::thread::sleep(Duration::from_millis(20));
        engine.store().publish("a", "x").unwrap();
        assert!(matches!(reader.join().unwrap(), Some(Value::Push(_))));
    });
}
