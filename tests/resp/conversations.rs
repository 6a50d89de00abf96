//! What a client sees of a conversation, the same over every kind of stream.

use std::time::Duration;

use redmoon::{Engine, Store};

use super::peer::{Kind, Peer, over_each};

fn engine() -> Engine {
    Engine::new(Store::new())
}

/// Until a state that other threads bring about is there.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{what}: it never happened");
}

#[test]
fn requests_are_answered_in_order() {
    over_each(|kind| {
        let mut peer = Peer::new(kind, &engine());
        peer.send("SET k v\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nINCR n\r\nINCR n\r\nNOSUCH\r\nPI");
        peer.expect("+OK\r\n$1\r\nv\r\n:1\r\n:2\r\n");
        peer.expect("-ERR unknown command 'NOSUCH', with args beginning with: \r\n");
        peer.send("NG\r\n");
        peer.expect("+PONG\r\n");
        peer.hang_up();
        peer.result().unwrap();
    });
}

#[test]
fn a_reply_is_in_the_protocol_that_the_command_chose() {
    over_each(|kind| {
        let mut peer = Peer::new(kind, &engine());
        peer.send("HSET h f v\r\nHGETALL h\r\nHELLO 3\r\nHGETALL h\r\nGET x\r\n");
        peer.expect(":1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n");
        let mut rest = Vec::new();
        let end = b"*0\r\n%1\r\n$1\r\nf\r\n$1\r\nv\r\n_\r\n";
        while !rest.ends_with(end) {
            let more = peer.receive(1);
            assert_eq!(more.len(), 1, "{}", rest.escape_ascii());
            rest.extend(more);
        }
    });
}

#[test]
fn a_broken_request_is_told_and_ends_the_conversation() {
    over_each(|kind| {
        let mut peer = Peer::new(kind, &engine());
        peer.send("PING\r\n*1\r\nPING\r\nPING\r\n");
        peer.expect("+PONG\r\n-ERR Protocol error: expected '$', got 'P'\r\n");
        peer.expect_end();
        peer.result().unwrap();
    });
}

#[test]
fn quit_ends_the_conversation() {
    over_each(|kind| {
        let mut peer = Peer::new(kind, &engine());
        peer.send("PING\r\nQUIT\r\nPING\r\n");
        peer.expect("+PONG\r\n+OK\r\n");
        peer.expect_end();
        peer.result().unwrap();
    });
}

#[test]
fn a_browser_gets_no_answer() {
    over_each(|kind| {
        for request in ["POST / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\r\nhost: a\r\nSET k v\r\n"] {
            let engine = engine();
            let mut peer = Peer::new(kind, &engine);
            peer.send(request);
            peer.expect_end();
            assert_eq!(engine.store().get("k").unwrap(), None);
        }
    });
}

#[test]
fn a_long_argument_and_a_long_reply_come_through() {
    over_each(|kind| {
        let mut peer = Peer::new(kind, &engine());
        let long: Vec<u8> = (0..5_000_000u32).map(|number| (number % 251) as u8).collect();
        let bulk = [format!("${}\r\n", long.len()).as_bytes(), &long, b"\r\n"].concat();
        peer.send([b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n", &bulk[..]].concat());
        peer.expect("+OK\r\n");
        peer.send("GET k\r\n");
        peer.expect(&bulk);
    });
}

#[test]
fn a_client_may_send_all_before_it_reads_anything() {
    over_each(|kind| {
        let mut peer = Peer::new(kind, &engine());
        let (value, rounds) = (vec![b'v'; 2_000], 4_000);
        let set = [b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000\r\n", &value[..], b"\r\n"].concat();
        peer.send(&set);
        // Neither the requests nor the replies fit into what lies between the two.
        let request = [b"*2\r\n$4\r\nECHO\r\n$500\r\n", &value[..500], b"\r\nGET k\r\n"].concat();
        peer.send(request.repeat(rounds));
        let reply = [b"$500\r\n", &value[..500], b"\r\n$2000\r\n", &value[..], b"\r\n"].concat();
        peer.expect(["+OK\r\n".as_bytes(), &reply.repeat(rounds)].concat());
        peer.ask("PING", "+PONG\r\n");
    });
}

#[test]
fn a_command_that_waits_is_answered_when_there_is_something() {
    over_each(|kind| {
        let engine = engine();
        let mut waiting = Peer::new(kind, &engine);
        let mut other = Peer::new(kind, &engine);
        // What is behind the command waits, too.
        waiting.send("PING\r\nBLPOP l 0\r\nINCR n\r\n");
        waiting.expect("+PONG\r\n");
        std::thread::sleep(Duration::from_millis(30));
        other.ask("GET n", "$-1\r\n");
        other.ask("RPUSH l a b", ":2\r\n");
        waiting.expect("*2\r\n$1\r\nl\r\n$1\r\na\r\n:1\r\n");
        waiting.ask("LLEN l", ":1\r\n");
        waiting.ask("BLPOP l 0", "*2\r\n$1\r\nl\r\n$1\r\nb\r\n");
        waiting.ask("BLPOP l 0.05", "*-1\r\n");
        waiting.ask("PING", "+PONG\r\n");
    });
}

#[test]
fn who_hangs_up_while_waiting_takes_nothing() {
    over_each(|kind| {
        let engine = engine();
        let mut waiting = Peer::new(kind, &engine);
        waiting.send("BLPOP l 0\r\n");
        std::thread::sleep(Duration::from_millis(50));
        waiting.hang_up();
        waiting.result().unwrap();
        let mut other = Peer::new(kind, &engine);
        other.ask("RPUSH l a", ":1\r\n");
        other.ask("LLEN l", ":1\r\n");
    });
}

#[test]
fn messages_come_while_nobody_asks() {
    over_each(|kind| {
        let engine = engine();
        let mut subscriber = Peer::new(kind, &engine);
        let mut other = Peer::new(kind, &engine);
        subscriber.ask("SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
        for _ in 0..3 {
            other.ask("PUBLISH c hello", ":1\r\n");
            subscriber.expect("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n");
        }
        subscriber.hang_up();
        subscriber.result().unwrap();
    });
}

#[test]
fn a_message_to_oneself_comes_before_the_reply_and_the_subscription_before_both() {
    over_each(|kind| {
        let mut peer = Peer::new(kind, &engine());
        peer.send("HELLO 3\r\n");
        let mut hello = Vec::new();
        while !hello.ends_with(b"modules\r\n*0\r\n") {
            hello.extend(peer.receive(1));
        }
        let message = ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n";
        peer.send("SUBSCRIBE c\r\nPUBLISH c 1\r\nPING\r\n");
        peer.expect(format!(">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n{message}:1\r\n+PONG\r\n"));
        peer.ask("PUBLISH c 1", format!("{message}:1\r\n"));
    });
}

#[test]
fn many_messages_keep_their_order_beside_replies() {
    over_each(|kind| {
        let engine = engine();
        let mut subscriber = Peer::new(kind, &engine);
        subscriber.send("SUBSCRIBE c\r\n");
        subscriber.expect("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
        let publisher = std::thread::spawn(move || {
            let mut session = engine.session();
            for number in 1000..3000 {
                session.execute(&["PUBLISH", "c", &number.to_string()]).unwrap();
            }
        });
        let mut pongs = 0;
        let mut next = 1000;
        while next < 3000 || pongs < 20 {
            if next % 100 == 0 && pongs < 20 {
                subscriber.send("PING\r\n");
            }
            // To a subscriber in RESP2 PING answers as a message.
            match &subscriber.receive(11)[..] {
                b"*3\r\n$7\r\nmes" => {
                    subscriber.expect(format!("sage\r\n$1\r\nc\r\n$4\r\n{next}\r\n"));
                    next += 1;
                }
                b"*2\r\n$4\r\npon" => {
                    subscriber.expect("g\r\n$0\r\n\r\n");
                    pongs += 1;
                }
                other => panic!("{}", other.escape_ascii()),
            }
        }
        publisher.join().unwrap();
    });
}

#[test]
fn a_session_that_is_killed_ends_whatever_it_does() {
    over_each(|kind| {
        for doing in ["", "BLPOP l 0\r\n", "SUBSCRIBE c\r\n"] {
            let engine = engine();
            let mut victim = Peer::new(kind, &engine);
            let mut other = Peer::new(kind, &engine);
            victim.send("CLIENT ID\r\n");
            let id = victim.line().split_off(1);
            victim.send(doing);
            if doing.starts_with("SUB") {
                victim.expect("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
            }
            std::thread::sleep(Duration::from_millis(30));
            other.ask(&format!("CLIENT KILL ID {id}"), ":1\r\n");
            victim.expect_end();
            victim.result().unwrap();
        }
    });
}

#[test]
fn a_monitor_sees_commands_behind_its_own_replies() {
    over_each(|kind| {
        let engine = engine();
        let mut monitor = Peer::new(kind, &engine);
        let mut other = Peer::new(kind, &engine);
        monitor.send("MONITOR\r\nPING\r\n");
        monitor.expect("+OK\r\n+PONG\r\n+");
        assert!(monitor.line().ends_with("] \"PING\""));
        other.ask("SET k 'a b'", "+OK\r\n");
        let line = monitor.line();
        assert!(line.starts_with('+') && line.ends_with("] \"SET\" \"k\" \"a b\""), "{line}");
    });
}

#[test]
fn a_subscriber_that_never_reads_is_cut_off() {
    over_each(|kind| {
        let engine = engine();
        let mut subscriber = Peer::new(kind, &engine);
        subscriber.ask("SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
        let mut publisher = engine.session();
        let message = vec![b'm'; 1 << 20];
        until("the subscriber is gone", || {
            let reached = publisher.execute(&[&b"PUBLISH"[..], b"c", &message]).unwrap();
            reached == 0.into()
        });
        subscriber.result().unwrap();
    });
}

#[test]
fn a_wait_is_ended_by_client_unblock() {
    over_each(|kind| {
        let engine = engine();
        let mut waiting = Peer::new(kind, &engine);
        let mut other = Peer::new(kind, &engine);
        waiting.send("CLIENT ID\r\n");
        let id = waiting.line().split_off(1);
        for (how, reply) in
            [("TIMEOUT", "*-1\r\n"), ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")]
        {
            waiting.send("BLPOP l 0\r\nPING\r\n");
            until("it waits", || {
                other.send(format!("CLIENT UNBLOCK {id} {how}\r\n"));
                other.line() == ":1"
            });
            waiting.expect(reply);
            waiting.expect("+PONG\r\n");
        }
    });
}

#[test]
fn who_kills_itself_gets_the_reply_first() {
    over_each(|kind| {
        let mut peer = Peer::new(kind, &engine());
        peer.send("CLIENT KILL TYPE normal SKIPME no\r\nPING\r\n");
        peer.expect(":1\r\n");
        peer.expect_end();
        peer.result().unwrap();
    });
}

#[test]
fn quit_of_a_subscriber_ends_the_conversation() {
    over_each(|kind| {
        let mut peer = Peer::new(kind, &engine());
        peer.send("SUBSCRIBE c\r\nQUIT\r\n");
        peer.expect("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n+OK\r\n");
        peer.expect_end();
        peer.result().unwrap();
    });
}

#[test]
fn many_conversations_pass_elements_on() {
    let engine = engine();
    let workers: Vec<_> = (0..8)
        .map(|number| {
            let engine = engine.clone();
            std::thread::spawn(move || {
                let mut peer = Peer::new(if number % 2 == 0 { Kind::Pipe } else { Kind::Async }, &engine);
                for _ in 0..200 {
                    peer.send("BLPOP from 0\r\n");
                    peer.expect("*2\r\n$4\r\nfrom\r\n$1\r\nx\r\n");
                    peer.send("RPUSH to y\r\n");
                    assert!(peer.line().starts_with(':'));
                }
            })
        })
        .collect();
    let mut feeder = Peer::new(Kind::Socket, &engine);
    for _ in 0..1600 {
        feeder.send("RPUSH from x\r\n");
        assert!(feeder.line().starts_with(':'));
    }
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    until("all elements are passed on", || engine.store().llen("to").unwrap() == 1600);
}
