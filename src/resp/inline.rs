//! The words of an inline request, a line that somebody typed.

use std::ops::Range;

/// C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Appends the words to `text`, one behind the other, and where each stands to `spans`; `None` when a quote is not
/// closed, or is closed in the middle of a word.
pub(super) fn split_words(line: &[u8], text: &mut Vec<u8>, spans: &mut Vec<Range<usize>>) -> Option<()> {
    let mut rest = line;
    loop {
        rest = &rest[rest.iter().take_while(|&&byte| is_space(byte)).count()..];
        if rest.is_empty() {
            return Some(());
        }
        let start = text.len();
        loop {
            // Of the white space, these end a word; the others only stand between words.
            match rest {
                [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => break,
                [quote @ (b'"' | b'\''), quoted @ ..] => {
                    rest = unquote(quoted, *quote, text)?;
                    if rest.first().is_some_and(|&byte| !is_space(byte)) {
                        return None;
                    }
                    break;
                }
                [byte, after @ ..] => {
                    text.push(*byte);
                    rest = after;
                }
            }
        }
        spans.push(start..text.len());
    }
}

/// What follows the closing quote; what is before it is appended to the word.
fn unquote<'a>(mut rest: &'a [u8], quote: u8, word: &mut Vec<u8>) -> Option<&'a [u8]> {
    let hex = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
    loop {
        let byte;
        (byte, rest) = match rest {
            [] => return None,
            [end, after @ ..] if *end == quote => return Some(after),
            [b'\\', b'\'', after @ ..] if quote == b'\'' => (b'\'', after),
            [b'\\', b'x', high, low, after @ ..]
                if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex(*high)? << 4 | hex(*low)?, after)
            }
            [b'\\', escaped, after @ ..] if quote == b'"' => {
                let byte = match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                };
                (byte, after)
            }
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
    }
}
