//! Changing bytes at random.

use crate::support::Rng;

/// Bytes and small numbers at which formats tend to turn.
const BYTES: &[u8] =
    &[0, 1, 0x7f, 0x80, 0x81, 0xc0, 0xff, b'\n', b'\r', b' ', b'"', b'\\', b'%', b'-', b'0', b'9'];

/// Longer inputs are cut.
const LONGEST: usize = 4096;

/// An input of the corpus, most times mutated.
pub(super) fn mutated(rng: &mut Rng, corpus: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = corpus[rng.below(corpus.len())].clone();
    if rng.one_in(16) {
        return bytes;
    }
    // Few changes most times, so that much of the input still means something.
    let changes = if rng.one_in(2) { 1 } else { 1 + rng.below(4) * rng.below(4) };
    for _ in 0..changes {
        change(rng, &mut bytes, corpus, words);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(rng: &mut Rng, bytes: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&[u8]]) {
    let at = rng.below(bytes.len() + 1);
    let most = 1 + rng.below(32);
    let end = at + rng.below((bytes.len() - at + 1).min(most));
    match rng.below(12) {
        0 | 1 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
        2 if at < bytes.len() => bytes[at] = rng.next() as u8,
        3 if at < bytes.len() => bytes[at] = rng.pick(BYTES),
        4 => bytes.insert(at, rng.pick(BYTES)),
        5 => drop(bytes.drain(at..end)),
        // The same piece again, here or elsewhere.
        6 => {
            let piece = bytes[at..end].to_vec();
            let times = if rng.one_in(8) { 1 + rng.below(100) } else { 1 };
            let to = rng.below(bytes.len() + 1);
            let piece = piece.repeat(times);
            bytes.splice(to..to, piece.into_iter().take(LONGEST));
        }
        // A piece of another input.
        7 | 8 => {
            let other = &corpus[rng.below(corpus.len())];
            let from = rng.below(other.len() + 1);
            let to = from + rng.below(other.len() - from + 1);
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        // The end of another input.
        9 => {
            let other = &corpus[rng.below(corpus.len())];
            bytes.truncate(at);
            bytes.extend_from_slice(&other[rng.below(other.len() + 1)..]);
        }
        10 if rng.one_in(3) => bytes.truncate(at),
        _ if !words.is_empty() => {
            let word = rng.pick(words);
            bytes.splice(at..end, word.iter().copied());
        }
        _ => bytes.insert(at, rng.next() as u8),
    }
}

/// A number as text: one at which conversions turn, or any.
pub(super) fn number(rng: &mut Rng) -> Vec<u8> {
    const TURNS: &[&str] = &[
        "0",
        "-0",
        "1",
        "-1",
        "2",
        "3",
        "31",
        "32",
        "33",
        "64",
        "0.5",
        "-0.5",
        "1.5",
        "2.5",
        "1e15",
        "1e300",
        "-1e300",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "4294967295",
        "4294967296",
        "9007199254740992",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "inf",
        "-inf",
        "nan",
        "0x10",
        "1e-320",
        "",
    ];
    if rng.one_in(2) {
        return rng.pick(TURNS).into();
    }
    match rng.below(3) {
        0 => f64::from_bits(rng.next()).to_string().into_bytes(),
        1 => (rng.next() as i64 >> rng.below(64)).to_string().into_bytes(),
        _ => rng.between(-10, 40).to_string().into_bytes(),
    }
}
