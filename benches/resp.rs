//! How many commands a second does a client get through `resp::serve`, against a real redis-server?
//!
//! ```sh
//! cargo bench --bench resp
//! ```
//!
//! One client sends SET and GET in pipelines of 100 and waits for the replies of each: to `serve` over the crate's
//! pipe in memory, to `serve` over a pair of Unix sockets, and to redis-server over a Unix socket. The client's code
//! and the bytes are the same for all. The sides take turns; medians are printed, nothing is asserted.
//!
//! `-- --pipeline N` takes another number of commands at once, `-- --only pipe` (or `sockets`, `redis`) leaves the
//! others out, `-- --quick` does a twentieth of the work.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot run must stop")]
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

mod common;
#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

use common::{Arguments, ROUNDS, Table, in_turns, machine, nanos, per_operation, time, times};
use redmoon::{Engine, Store, resp};
use support::{Oracle, Rng};

const KEYS: usize = 100_000;
const VALUE: &[u8] = b"a value of thirty-two bytes, so.";

/// What is sent at once, and what has to come back.
struct Batch {
    requests: Vec<u8>,
    replies: Vec<u8>,
}

/// A client's end.
trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

fn batches(command: &str, pipeline: usize, rng: &mut Rng) -> Vec<Batch> {
    (0..64)
        .map(|_| {
            let mut batch = Batch { requests: Vec::new(), replies: Vec::new() };
            for number in 0..pipeline {
                let key = format!("key:{:012}", rng.below(KEYS));
                let sets = command == "SET" || command == "SET, GET" && number % 2 == 0;
                if sets {
                    support::client::encode(&[b"SET", key.as_bytes(), VALUE], &mut batch.requests);
                    batch.replies.extend_from_slice(b"+OK\r\n");
                } else {
                    support::client::encode(&[b"GET", key.as_bytes()], &mut batch.requests);
                    batch.replies.extend_from_slice(format!("${}\r\n", VALUE.len()).as_bytes());
                    batch.replies.extend_from_slice(VALUE);
                    batch.replies.extend_from_slice(b"\r\n");
                }
            }
            batch
        })
        .collect()
}

fn exchange(stream: &mut dyn Stream, batch: &Batch, received: &mut Vec<u8>) {
    stream.write_all(&batch.requests).expect("requests are taken");
    received.resize(batch.replies.len(), 0);
    stream.read_exact(received).expect("every request is answered");
    assert!(*received == batch.replies, "a wrong reply");
}

/// Nanoseconds a command.
fn measure(stream: &mut dyn Stream, batches: &[Batch], pipeline: usize, rounds: usize) -> f64 {
    let mut received = Vec::new();
    let elapsed = time(|| {
        for round in 0..rounds {
            exchange(stream, &batches[round % batches.len()], &mut received);
        }
    });
    per_operation(elapsed, rounds * pipeline)
}

fn fill(stream: &mut dyn Stream) {
    for start in (0..KEYS).step_by(100) {
        let mut batch = Batch { requests: Vec::new(), replies: b"+OK\r\n".repeat(100) };
        for key in start..start + 100 {
            let key = format!("key:{key:012}");
            support::client::encode(&[b"SET", key.as_bytes(), VALUE], &mut batch.requests);
        }
        exchange(stream, &batch, &mut Vec::new());
    }
}

fn served_over_a_pipe() -> (Box<dyn Stream>, JoinHandle<std::io::Result<()>>) {
    let (client, server) = resp::pipe();
    let session = Engine::new(Store::new()).session();
    let (reader, writer) = server.split();
    (Box::new(client), std::thread::spawn(move || resp::serve(session, reader, writer)))
}

fn served_over_sockets() -> (Box<dyn Stream>, JoinHandle<std::io::Result<()>>) {
    let (client, server) = UnixStream::pair().expect("a pair of sockets");
    let session = Engine::new(Store::new()).session();
    (Box::new(client), std::thread::spawn(move || resp::serve(session, &server, &server)))
}

fn main() {
    let arguments = Arguments::read();
    let pipeline = arguments.number("--pipeline", 100);
    let rounds = arguments.scaled(1_000_000) / pipeline.max(1);
    let only = arguments.value("--only");
    println!("{}", machine());

    let mut conversations = Vec::new();
    let mut streams: Vec<(&str, Box<dyn Stream>)> = Vec::new();
    for (name, start) in [
        ("pipe", served_over_a_pipe as fn() -> (Box<dyn Stream>, JoinHandle<std::io::Result<()>>)),
        ("sockets", served_over_sockets),
    ] {
        if only.is_none_or(|only| only == name) {
            let (stream, conversation) = start();
            streams.push((name, stream));
            conversations.push(conversation);
        }
    }
    let oracle = only.is_none_or(|only| only == "redis").then(Oracle::start).flatten();
    if let Some(oracle) = &oracle {
        println!("redis-server {}", oracle.version());
        streams.push(("redis", Box::new(UnixStream::connect(oracle.socket()).expect("a connection"))));
    }
    streams.iter_mut().for_each(|(_, stream)| fill(stream));

    let mut table = Table::new(
        format!("time a command, in pipelines of {pipeline}, {KEYS} keys, values of {} bytes", VALUE.len()),
        &["", "serve, pipe", "serve, sockets", "redis, socket", "pipe/redis", "sockets/redis"],
    );
    let mut rng = Rng::new(1);
    for command in ["SET", "GET", "SET, GET"] {
        let batches = batches(command, pipeline, &mut rng);
        let mut sides: Vec<_> =
            streams.iter_mut().map(|(_, stream)| || measure(stream, &batches, pipeline, rounds)).collect();
        let mut sides: Vec<&mut dyn FnMut() -> f64> =
            sides.iter_mut().map(|side| side as &mut dyn FnMut() -> f64).collect();
        let results = in_turns(ROUNDS, &mut sides);
        drop(sides);
        let of = |wanted: &str| {
            let place = streams.iter().position(|(name, _)| *name == wanted);
            place.map_or(f64::NAN, |place| results[place])
        };
        let (pipe, sockets, redis) = (of("pipe"), of("sockets"), of("redis"));
        let cells = [nanos(pipe), nanos(sockets), nanos(redis), times(redis / pipe), times(redis / sockets)];
        table.row(std::iter::once(command.to_owned()).chain(cells));
    }
    table.print();

    drop(streams);
    for conversation in conversations {
        conversation.join().unwrap().expect("the conversation ends well");
    }
}
