//! The decoder of requests: however the bytes are cut, the outcome is the same.

use proptest::prelude::*;
use redmoon::resp::{Decoder, decode_command, encode_command};
use redmoon::{Blob, Error};

use crate::support::Rng;

/// The requests in order, and the error that ended them.
type Outcome = (Vec<Vec<Blob>>, Option<Error>);

fn drain(decoder: &mut Decoder, outcome: &mut Outcome) {
    while outcome.1.is_none() {
        match decoder.next_request() {
            Ok(Some(request)) => outcome.0.push(request.iter().map(Blob::from).collect()),
            Ok(None) => return,
            Err(error) => outcome.1 = Some(error),
        }
    }
}

/// In pieces of these lengths, over and over; by `feed` and by `space` in turns.
fn in_pieces(input: &[u8], lengths: &[usize]) -> Outcome {
    let mut decoder = Decoder::new();
    let mut outcome = Outcome::default();
    let mut rest = input;
    for (number, &length) in lengths.iter().cycle().enumerate() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(length.clamp(1, rest.len()));
        if number % 2 == 0 {
            decoder.feed(piece);
        } else {
            let mut piece = piece;
            while !piece.is_empty() {
                let space = decoder.space();
                let filled = piece.len().min(space.len());
                space[..filled].copy_from_slice(&piece[..filled]);
                decoder.filled(filled);
                piece = &piece[filled..];
            }
        }
        rest = after;
        drain(&mut decoder, &mut outcome);
    }
    outcome
}

/// By the function that begins anew each time.
fn at_once(input: &[u8]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut at = 0;
    loop {
        match decode_command(&input[at..]) {
            Ok(Some((args, used))) => {
                outcome.0.push(args);
                at += used;
            }
            Ok(None) => return outcome,
            Err(error) => {
                outcome.1 = Some(error);
                return outcome;
            }
        }
    }
}

/// Pieces of requests, whole and broken.
pub(super) fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        6 => prop::collection::vec(word, 0..5).prop_map(|args| {
            let mut out = Vec::new();
            encode_command(&args, &mut out);
            out
        }),
        2 => prop::sample::select(vec![
            &b"PING\r\n"[..], b"ECHO \"a\\x41\\n\"\n", b"ECHO 'it\\'s'\r\n", b"\r\n", b"*0\r\n", b"*-1\r\n",
            b"SET k v\r\n", b"  GET\tk \r\n",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::sample::select(vec![
            &b"*"[..], b"$", b"\r", b"\n", b"\r\n", b"\0", b"\"", b"'", b" ", b"*2\r\n", b"$3\r\n", b"*3\r", b"-",
            b"*2147483648\r\n", b"$536870913\r\n", b"*01\r\n", b":1\r\n", b"PING \"a\r\n", b"*1\r\n+", b"9",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

pub(super) fn input() -> impl Strategy<Value = Vec<u8>> {
    let mutation = (any::<prop::sample::Index>(), any::<u8>(), 0..3u8);
    let mutations = prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(mutation, 1..3)];
    (prop::collection::vec(fragment(), 0..12), mutations).prop_map(|(fragments, mutations)| {
        let mut input = fragments.concat();
        for (place, byte, how) in mutations {
            if input.is_empty() {
                break;
            }
            let place = place.index(input.len());
            match how {
                0 => input[place] = byte,
                1 => input.insert(place, byte),
                _ => drop(input.remove(place)),
            }
        }
        input
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn however_the_input_is_cut_the_requests_are_the_same(
        input in input(),
        lengths in prop::collection::vec(1..50usize, 1..8),
    ) {
        let whole = at_once(&input);
        prop_assert_eq!(&in_pieces(&input, &[usize::MAX]), &whole);
        prop_assert_eq!(&in_pieces(&input, &[1]), &whole);
        prop_assert_eq!(&in_pieces(&input, &lengths), &whole);
    }

    #[test]
    fn what_is_encoded_comes_out_again(
        commands in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6), 1..6),
        lengths in prop::collection::vec(1..200usize, 1..8),
    ) {
        let mut input = Vec::new();
        commands.iter().for_each(|args| encode_command(args, &mut input));
        let (found, error) = in_pieces(&input, &lengths);
        prop_assert_eq!(error, None);
        prop_assert_eq!(found, commands.iter().map(|args| args.iter().map(|arg| Blob::from(&arg[..])).collect())
            .collect::<Vec<Vec<Blob>>>());
    }
}

#[test]
fn long_arguments_and_many_of_them_come_whole() {
    let mut rng = Rng::new(11);
    let mut commands: Vec<Vec<Vec<u8>>> =
        vec![vec![b"SET".to_vec(), vec![b'x'; 3_000_000], vec![b'y'; 100_000]]];
    commands.push((0..50_000).map(|number| number.to_string().into_bytes()).collect());
    commands.push(vec![vec![0; 1 << 20]; 3]);
    commands.push(vec![b"PING".to_vec()]);
    let mut input = Vec::new();
    commands.iter().for_each(|args| encode_command(args, &mut input));
    let lengths: Vec<usize> = (0..50).map(|_| 1 + rng.below(60_000)).collect();
    let (found, error) = in_pieces(&input, &lengths);
    assert_eq!(error, None);
    assert_eq!(found.len(), commands.len());
    for (found, sent) in found.iter().zip(&commands) {
        assert!(found.iter().map(Blob::as_bytes).eq(sent.iter().map(Vec::as_slice)));
    }
}

#[test]
fn a_line_may_be_64_kibibytes_long_however_it_comes() {
    let heads: [(&[u8], &str); 3] = [
        (b"*", "too big mbulk count string"),
        (b"*1\r\n$", "too big bulk count string"),
        (b"a", "too big inline request"),
    ];
    for (head, what) in heads {
        let too_big = Error::new(format!("ERR Protocol error: {what}"));
        let line = head.len() - if head.len() > 1 { 4 } else { 0 };
        for (more, is_too_big) in [(0, false), (1, true)] {
            let filling = vec![b' '; 64 * 1024 - line + more];
            let input = [head, &filling, b"\r\n"].concat();
            // Of an inline request the CR belongs to the line.
            let input = if head == b"a" { [head, &filling[..], b"\n"].concat() } else { input };
            for lengths in [&[usize::MAX][..], &[65_536], &[65_537], &[1_000, 7]] {
                let (requests, error) = in_pieces(&input, lengths);
                let refused = error.as_ref().is_some_and(|error| error.as_bytes() == too_big.as_bytes());
                assert_eq!(refused, is_too_big, "{what} {more} {lengths:?}: {requests:?} {error:?}");
            }
        }
    }
}

#[test]
fn a_broken_decoder_stays_broken() {
    let mut decoder = Decoder::new();
    decoder.feed(b"*x\r\n");
    let error = decoder.next_request().unwrap_err();
    decoder.feed(b"PING\r\n");
    assert_eq!(decoder.next_request().unwrap_err(), error);
}

#[test]
fn the_longest_argument_can_be_chosen() {
    let mut decoder = Decoder::new().with_max_bulk(5);
    decoder.feed(b"*1\r\n$5\r\nhello\r\n*1\r\n$6\r\n");
    assert_eq!(&decoder.next_request().unwrap().unwrap()[0], b"hello");
    assert_eq!(decoder.next_request().unwrap_err().to_string(), "ERR Protocol error: invalid bulk length");
}

#[test]
fn what_is_not_handed_out_is_counted() {
    let mut decoder = Decoder::new();
    decoder.feed(b"PING\r\nPI");
    assert_eq!(decoder.buffered(), 8);
    assert!(decoder.next_request().unwrap().is_some());
    assert_eq!(decoder.buffered(), 2);
    assert!(decoder.next_request().unwrap().is_none());
    decoder.feed(b"NG\r\n");
    assert_eq!(decoder.next_request().unwrap().unwrap().len(), 1);
    assert_eq!(decoder.buffered(), 0);
}
