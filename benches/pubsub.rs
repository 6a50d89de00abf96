//! PUBLISH to many subscribers, against redis-server over a Unix socket: its own time for the command, and the time
//! until every subscriber has every message.
//!
//! `cargo bench --bench pubsub [-- --quick]`

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken bench must stop")]

mod common;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Duration;

use common::{Arguments, ROUNDS, machine, per_operation, time};
use redmoon::{Engine, Store, Subscription};
use support::{Client, Oracle};

const SUBSCRIBERS: usize = 100;
const CHANNEL: &str = "channel";
/// How many messages are published before they are read.
const TURN: usize = 100;

/// Microseconds for each call of PUBLISH by the server's own count.
fn own_time(client: &mut Client) -> f64 {
    let stats = String::from_utf8_lossy(&client.raw(&["INFO", "commandstats"])).into_owned();
    let line = stats.lines().find(|line| line.starts_with("cmdstat_publish:")).expect("PUBLISH was called");
    let value = line.split("usec_per_call=").nth(1).and_then(|rest| rest.split(',').next());
    value.and_then(|number| number.parse().ok()).expect("a number")
}

fn drain(subscriptions: &mut [Subscription], messages: usize) {
    for subscription in subscriptions {
        for _ in 0..messages {
            assert!(subscription.try_next().unwrap().is_some());
        }
    }
}

fn main() {
    let arguments = Arguments::read();
    let messages = arguments.scaled(10_000).next_multiple_of(TURN);
    let payload = "x".repeat(arguments.number("--size", 20));
    println!("{}", machine());
    println!("PUBLISH of {} bytes to {SUBSCRIBERS} subscribers, microseconds a message", payload.len());

    let engine = Engine::new(Store::new());
    let store = engine.store().clone();
    let mut session = engine.session();
    let mut subscriptions: Vec<_> = (0..SUBSCRIBERS).map(|_| store.subscribe(&[CHANNEL])).collect();

    let Some(oracle) = Oracle::start() else { return };
    let mut publisher = oracle.connect();
    let mut subscribers: Vec<Client> = (0..SUBSCRIBERS).map(|_| oracle.connect()).collect();
    for subscriber in &mut subscribers {
        subscriber.raw(&["SUBSCRIBE", CHANNEL]);
    }
    let command = ["PUBLISH", CHANNEL, payload.as_str()];

    let micros = |elapsed| per_operation(elapsed, messages) / 1000.0;
    let mut ours_once = || {
        // In turns of so many, as readers that keep up would have it.
        let mut elapsed = [Duration::ZERO; 3];
        for _ in 0..messages / TURN {
            elapsed[0] += time(|| {
                for _ in 0..TURN {
                    assert_eq!(store.publish(CHANNEL, &payload).unwrap(), SUBSCRIBERS);
                }
            });
            drain(&mut subscriptions, TURN);
            elapsed[1] += time(|| (0..TURN).for_each(|_| drop(session.execute(&command).unwrap())));
            elapsed[2] += time(|| drain(&mut subscriptions, TURN));
        }
        let [typed, by_name, reading] = elapsed;
        [micros(typed), micros(by_name), micros(by_name + reading)]
    };
    let mut theirs_once = || {
        publisher.raw(&["CONFIG", "RESETSTAT"]);
        let commands = vec![command; TURN];
        let mut elapsed = [Duration::ZERO; 2];
        for _ in 0..messages / TURN {
            elapsed[0] += time(|| {
                publisher.send_many(&commands);
                publisher.discard_many(TURN);
            });
            elapsed[1] += time(|| subscribers.iter_mut().for_each(|reader| reader.discard_many(TURN)));
        }
        let [replies, reading] = elapsed;
        [own_time(&mut publisher), micros(replies), micros(replies + reading)]
    };

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(ours_once());
        theirs.push(theirs_once());
    }
    let median =
        |rounds: &[[f64; 3]], at: usize| common::median(rounds.iter().map(|round| round[at]).collect());
    let [own, wall, whole] = [0, 1, 2].map(|at| median(&theirs, at));
    let [typed, by_name, read] = [0, 1, 2].map(|at| median(&ours, at));
    println!("redis-server, its own time             {own:8.2}");
    println!("redis-server, to the reply (pipelined) {wall:8.2}");
    println!("redis-server, to the last reader       {whole:8.2}");
    println!("redmoon, publish                       {typed:8.2}   {:6.1}x its own time", own / typed);
    println!("redmoon, PUBLISH by name               {by_name:8.2}   {:6.1}x its own time", own / by_name);
    println!("redmoon, to the last reader            {read:8.2}   {:6.1}x", whole / read);
}
