//! The tables were recorded from Redis 7.0.15: KEYS, and FUNCTION LIST LIBRARYNAME, which ignores case.

use super::*;

const CASES: &[(&[u8], &[u8], bool)] = &[
    (b"h?llo", b"hello", true),
    (b"h?llo", b"hllo", false),
    (b"h*llo", b"hllo", true),
    (b"h*llo", b"heeeello", true),
    (b"h[ae]llo", b"hello", true),
    (b"h[ae]llo", b"hillo", false),
    (b"h[^e]llo", b"hallo", true),
    (b"h[^e]llo", b"hello", false),
    (b"h[a-b]llo", b"hbllo", true),
    (b"h[b-a]llo", b"hallo", true),
    (b"*a*b*c", b"xaybzc", true),
    (b"*a*b*c", b"xaybzcd", false),
    (b"a**", b"a", true),
    (b"**", b"a", true),
    (b"a*", b"ba", false),
    (b"[abc", b"b", true),
    (b"[abc", b"d", false),
    (b"[", b"[", false),
    (b"[", b"a", false),
    (b"[]", b"]", false),
    (b"[]a]", b"a]", false),
    (b"[^]", b"a", true),
    (b"[^]", b"^", true),
    (b"[^", b"a", true),
    (b"[^]a]", b"xa]", true),
    (b"[a-]", b"-", false),
    (b"[a-]", b"^", true),
    (b"[a-]", b"b", false),
    (b"[a-]]", b"a]", false),
    (b"[a-]]", b"_", true),
    (b"[-a]", b"-", true),
    (b"[a-", b"-", true),
    (b"[a-", b"a", true),
    (b"[--a]", b".", true),
    (b"[a-c-e]", b"d", false),
    (b"[a-c-e]", b"-", true),
    (b"[\\]]", b"]", true),
    (b"[\\a-c]", b"b", false),
    (b"[\\a-c]", b"-", true),
    (b"[a-\\]", b"]", true),
    (b"[a-\\]", b"^", true),
    (b"[a-\\]]", b"^]", true),
    (b"[\\", b"\\", true),
    (b"[\\]", b"]", true),
    (b"[\\]", b"\\", false),
    (b"[a\\", b"\\", true),
    (b"[*]", b"*", true),
    (b"[*]", b"a", false),
    (b"[?]", b"a", false),
    (b"[[]", b"[", true),
    (b"[^\\]]", b"\\", true),
    (b"[a^]", b"^", true),
    (b"\\*", b"*", true),
    (b"\\*", b"a", false),
    (b"\\", b"\\", true),
    (b"a\\", b"a\\", true),
    (b"a\\", b"a", false),
    (b"\\\\", b"\\", true),
    (b"\\a", b"a", true),
    (b"\\[a]", b"[a]", true),
    (b"*\\", b"a\\", true),
    (b"*[", b"a[", false),
    (b"*[^", b"ab", true),
    (b"*?", b"a", true),
    (b"*??", b"a", false),
    (b"?", b"", false),
    (b"**", b"", false),
    (b"", b"", true),
    (b"", b"a", false),
    (b"H", b"h", false),
    (b"\xff?", b"\xff\x00", true),
    (b"[\x80-\xff]", b"\xa0", true),
    (b"[a-\xff]", b"5", true),
    (b"[a-\xff]", b"z", false),
    (b"[a-\xff]", b"\x80", false),
    (b"[\x80-a]", b"\xff", true),
    (b"[\x01-\x80]", b"5", false),
];

const CASES_IGNORING_CASE: &[(&[u8], &[u8], bool)] = &[
    (b"aB", b"Ab", true),
    (b"[A]b", b"Ab", true),
    (b"[a-b]?", b"Ab", true),
    (b"\\a\\B", b"Ab", true),
    (b"[\\a]b", b"Ab", false),
    (b"[\\A]b", b"Ab", true),
    (b"[Z-a]b", b"Ab", false),
    (b"[^a]b", b"Ab", false),
    (b"[Z-a]_", b"z_", false),
    (b"?[Z-a]", b"z_", false),
    (b"?[A-z]", b"z_", false),
    (b"Z_", b"z_", true),
];

fn check(cases: &[(&[u8], &[u8], bool)], ignore_case: bool) {
    for (pattern, text, fits) in cases {
        let (shown, of) = (pattern.escape_ascii(), text.escape_ascii());
        assert_eq!(matches(pattern, text, ignore_case), *fits, "{shown} of {of}");
    }
}

#[test]
fn patterns_fit_what_they_fit_in_redis() {
    check(CASES, false);
}

#[test]
fn case_is_ignored_as_redis_ignores_it() {
    check(CASES_IGNORING_CASE, true);
}

#[test]
fn no_star_fits_an_empty_text() {
    for pattern in [&b"*"[..], b"**", b"*?"] {
        assert!(!matches(pattern, b"", false));
    }
}

#[test]
fn many_stars_take_no_more_than_the_product_of_the_lengths() {
    let text = vec![b'a'; 5_000];
    let mut pattern = b"a*".repeat(2_000);
    assert!(matches(&pattern, &text, false));
    pattern.push(b'b');
    assert!(!matches(&pattern, &text, false));
}

#[test]
fn a_long_pattern_takes_no_stack() {
    let long = vec![b'?'; 1_000_000];
    assert!(matches(&long, &long, false));
    assert!(matches(&b"[^b]".repeat(1_000_000), &long, true));
}
