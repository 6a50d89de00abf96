//! The pipe in memory: order, bounds, ends.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use redmoon::resp::{pipe, pipe_with_capacity};

use crate::support::Rng;

#[test]
fn bytes_come_out_in_order_through_a_pipe_that_holds_few() {
    let (left, mut right) = pipe_with_capacity(7);
    let (_, mut writer) = left.split();
    let sent: Vec<u8> = (0..50_000u32).map(|number| (number % 253) as u8).collect();
    let expected = sent.clone();
    let writing = std::thread::spawn(move || {
        let mut rng = Rng::new(5);
        let mut rest = &sent[..];
        while !rest.is_empty() {
            let length = (1 + rng.below(20)).min(rest.len());
            writer.write_all(&rest[..length]).unwrap();
            rest = &rest[length..];
        }
    });
    let mut received = Vec::new();
    let mut rng = Rng::new(6);
    loop {
        let mut chunk = vec![0; 1 + rng.below(12)];
        let read = right.read(&mut chunk).unwrap();
        if read == 0 {
            break;
        }
        received.extend_from_slice(&chunk[..read]);
    }
    assert!(received == expected);
    writing.join().unwrap();
}

#[test]
fn the_directions_are_apart() {
    let (mut left, mut right) = pipe();
    left.write_all(b"there").unwrap();
    right.write_all(b"back").unwrap();
    let (mut there, mut back) = ([0; 5], [0; 4]);
    right.read_exact(&mut there).unwrap();
    left.read_exact(&mut back).unwrap();
    assert_eq!((&there, &back), (b"there", b"back"));
}

#[test]
fn the_end_comes_after_all_that_was_written() {
    let (mut left, mut right) = pipe();
    left.write_all(b"last words").unwrap();
    drop(left);
    let mut words = String::new();
    right.read_to_string(&mut words).unwrap();
    assert_eq!(words, "last words");
    assert_eq!(right.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn the_halves_end_their_own_direction() {
    let (left, mut right) = pipe();
    let (mut reader, writer) = left.split();
    drop(writer);
    assert_eq!(right.read(&mut [0]).unwrap(), 0);
    right.write_all(b"x").unwrap();
    let mut byte = [0];
    reader.read_exact(&mut byte).unwrap();
    drop(reader);
    assert_eq!(right.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_writer_that_waits_is_told_that_nobody_reads() {
    let (mut left, right) = pipe_with_capacity(3);
    let writing = std::thread::spawn(move || left.write_all(b"more than it holds").unwrap_err().kind());
    std::thread::sleep(Duration::from_millis(20));
    drop(right);
    assert_eq!(writing.join().unwrap(), ErrorKind::BrokenPipe);
}

#[test]
fn a_closer_ends_reads_and_writes_under_way() {
    let (mut left, mut right) = pipe_with_capacity(3);
    let closer = left.closer();
    let writing = std::thread::spawn(move || left.write_all(b"more than it holds").unwrap_err().kind());
    std::thread::sleep(Duration::from_millis(20));
    closer.close();
    assert_eq!(writing.join().unwrap(), ErrorKind::BrokenPipe);
    let mut rest = Vec::new();
    right.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"mor");
    assert_eq!(right.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_read_may_be_given_a_time() {
    let (mut left, mut right) = pipe();
    left.set_read_timeout(Some(Duration::from_millis(5)));
    assert_eq!(left.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    right.write_all(b"x").unwrap();
    assert_eq!(left.read(&mut [0, 0]).unwrap(), 1);
    assert_eq!(left.read(&mut []).unwrap(), 0);
}
