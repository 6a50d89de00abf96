//! Redis's glob patterns, as KEYS, SCAN MATCH, PSUBSCRIBE and CONFIG GET take them.
//!
//! `*` is any run of bytes, `?` any byte, `[abc]`, `[a-z]` and `[^a]` a byte of (or not of) a class, and a backslash
//! takes the byte after it literally. Every element but the star is exactly one byte wide, so it is enough to go back
//! to the last star seen: time is at most the product of the two lengths, with no recursion and no memory. (Patched
//! servers give up on patterns of more than a thousand stars, because theirs is recursive. This one need not.)

/// Whether the whole text fits the pattern. Only ASCII letters have a case to ignore.
///
/// By Redis's rule no star fits an empty text: PSUBSCRIBE `*` hears nothing from the channel without a name. KEYS and
/// the SCAN family return an empty name all the same, because there a lone `*` means that nothing is asked of names;
/// that shortcut is the caller's.
pub(crate) fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut rest, mut at) = (pattern, 0);
    // What follows the last star, and where in the text that was tried.
    let mut star: Option<(&[u8], usize)> = None;
    while at < text.len() {
        if let Some(after) = rest.strip_prefix(b"*") {
            rest = skip_stars(after);
            if rest.is_empty() {
                return true;
            }
            star = Some((rest, at));
        } else if let Some(after) = step(rest, text[at], ignore_case) {
            rest = after;
            at += 1;
        } else if let Some((after, tried)) = star {
            rest = after;
            at = tried + 1;
            star = Some((after, at));
        } else {
            return false;
        }
    }
    skip_stars(rest).is_empty()
}

fn skip_stars(mut pattern: &[u8]) -> &[u8] {
    while let Some(after) = pattern.strip_prefix(b"*") {
        pattern = after;
    }
    pattern
}

/// Holds one element that is not a star against one byte; what follows the element when they fit.
#[inline]
fn step(pattern: &[u8], byte: u8, ignore_case: bool) -> Option<&[u8]> {
    let (literal, rest) = match pattern {
        [] => return None,
        [b'?', rest @ ..] => return Some(rest),
        [b'[', class @ ..] => return step_class(class, byte, ignore_case),
        // A backslash at the very end stands for itself.
        [b'\\', escaped, rest @ ..] => (escaped, rest),
        [literal, rest @ ..] => (literal, rest),
    };
    (*literal == byte || (ignore_case && literal.eq_ignore_ascii_case(&byte))).then_some(rest)
}

/// A class that nothing closes ends with the pattern. Only `]` itself closes one: in `[a-]` it is the end of a range.
fn step_class(class: &[u8], byte: u8, ignore_case: bool) -> Option<&[u8]> {
    let fold = |byte: u8| if ignore_case { byte.to_ascii_lowercase() } else { byte };
    let (negated, mut class) = match class {
        [b'^', class @ ..] => (true, class),
        class => (false, class),
    };
    let mut found = false;
    let rest = loop {
        class = match class {
            [] => break class,
            [b']', rest @ ..] => break rest,
            // Redis compares an escaped member as it stands even when it ignores case.
            [b'\\', escaped, rest @ ..] => {
                found |= *escaped == byte;
                rest
            }
            // The ends are put in order before they are folded, and bytes past ASCII come before it: Redis compares
            // them as signed numbers.
            [from, b'-', to, rest @ ..] => {
                let (from, to) = (from.cast_signed(), to.cast_signed());
                let fold = |byte: i8| fold(byte.cast_unsigned()).cast_signed();
                found |= (fold(from.min(to))..=fold(from.max(to))).contains(&fold(byte.cast_signed()));
                rest
            }
            [member, rest @ ..] => {
                found |= fold(*member) == fold(byte);
                rest
            }
        };
    };
    (found != negated).then_some(rest)
}

#[cfg(test)]
#[path = "glob/tests.rs"]
mod tests;
