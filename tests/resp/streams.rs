//! What `serve` does with its reader and writer: few writes, no lost bytes, errors handed on.

use std::io::{self, Read, Write};
use std::time::Duration;

use proptest::prelude::*;
use redmoon::resp::{encode_command, serve, serve_async};
use redmoon::{Engine, Store};

use super::decoder::input;

/// Hands out pieces of these lengths, and is interrupted before each.
struct Pieces<'a> {
    rest: &'a [u8],
    lengths: Vec<usize>,
    reads: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads % 2 == 1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = self.lengths[self.reads / 2 % self.lengths.len()].min(into.len());
        self.rest.read(&mut into[..length])
    }
}

#[derive(Default)]
struct Writes {
    bytes: Vec<u8>,
    writes: usize,
    flushed: usize,
}

impl Write for &mut Writes {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        self.bytes.write(from)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.flushed = self.bytes.len();
        Ok(())
    }
}

fn engine() -> Engine {
    Engine::new(Store::new())
}

fn answers(input: &[u8], lengths: &[usize]) -> Vec<u8> {
    let mut written = Writes::default();
    let reader = Pieces { rest: input, lengths: lengths.to_vec(), reads: 0 };
    serve(engine().session(), reader, &mut written).unwrap();
    assert_eq!(written.flushed, written.bytes.len());
    written.bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn however_the_requests_come_the_replies_are_the_same(
        input in input(),
        lengths in prop::collection::vec(1..50usize, 1..8),
    ) {
        let whole = answers(&input, &[usize::MAX]);
        let cut = answers(&input, &lengths);
        prop_assert_eq!(cut.escape_ascii().to_string(), whole.escape_ascii().to_string());
    }
}

#[test]
fn requests_that_came_together_are_answered_in_one_write() {
    let mut input = Vec::new();
    for number in 0..100 {
        encode_command(&["SET", &format!("key:{number}"), "value"], &mut input);
    }
    let mut written = Writes::default();
    serve(engine().session(), &input[..], &mut written).unwrap();
    assert_eq!(written.bytes, b"+OK\r\n".repeat(100));
    assert_eq!(written.writes, 1);
}

#[test]
fn a_long_pipeline_takes_few_writes() {
    let mut input = Vec::new();
    (0..100_000).for_each(|_| encode_command(&["ECHO", "hello"], &mut input));
    let mut written = Writes::default();
    serve(engine().session(), &input[..], &mut written).unwrap();
    assert!(written.bytes == b"$5\r\nhello\r\n".repeat(100_000));
    assert!(written.writes <= input.len() / (16 * 1024) + 2, "{}", written.writes);
}

#[test]
fn a_reader_that_fails_ends_the_conversation_after_what_it_gave() {
    struct Fails(bool);
    impl Read for Fails {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("gone"));
            }
            into[..6].copy_from_slice(b"PING\r\n");
            Ok(6)
        }
    }
    let mut written = Vec::new();
    let error = serve(engine().session(), Fails(false), &mut written).unwrap_err();
    assert_eq!(error.to_string(), "gone");
    assert_eq!(written, b"+PONG\r\n");
}

#[test]
fn a_writer_that_fails_ends_the_conversation() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = serve(engine().session(), &b"PING\r\n"[..], Full).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn a_command_that_would_wait_at_the_end_of_the_input_ends_with_it() {
    let mut written = Vec::new();
    serve(engine().session(), &b"PING\r\nBLPOP l 0\r\nPING\r\n"[..], &mut written).unwrap();
    assert_eq!(written, b"+PONG\r\n");
}

#[test]
fn a_task_that_is_dropped_while_it_waits_takes_nothing() {
    use tokio::io::AsyncWriteExt;

    let engine = engine();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(1_000);
        let (reader, writer) = tokio::io::split(server);
        let task = tokio::spawn(serve_async(engine.session(), reader, writer));
        client.write_all(b"BLPOP l 0\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(!task.is_finished());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    engine.store().execute(&["RPUSH", "l", "a"]).unwrap();
    assert_eq!(engine.store().llen("l").unwrap(), 1);
}
