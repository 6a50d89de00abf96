//! The table was recorded from Redis 7.0.15: LCS a b, and LCS a b IDX MINMATCHLEN n WITHMATCHLEN.

use super::*;

/// Both ends of a run in either string, and its length.
type Run = (usize, usize, usize, usize, usize);

const CASES: &[(&str, &str, usize, &str, &[Run])] = &[
    ("ohmytext", "mynewtext", 0, "mytext", &[(4, 7, 5, 8, 4), (2, 3, 0, 1, 2)]),
    ("ohmytext", "mynewtext", 4, "mytext", &[(4, 7, 5, 8, 4)]),
    ("ohmytext", "mynewtext", 5, "mytext", &[]),
    ("", "abc", 0, "", &[]),
    ("abc", "", 0, "", &[]),
    ("abc", "abc", 0, "abc", &[(0, 2, 0, 2, 3)]),
    ("abc", "def", 0, "", &[]),
    ("abcd", "badc", 0, "bd", &[(3, 3, 2, 2, 1), (1, 1, 0, 0, 1)]),
    ("badc", "abcd", 0, "ac", &[(3, 3, 2, 2, 1), (1, 1, 0, 0, 1)]),
    ("aaa", "aa", 0, "aa", &[(1, 2, 0, 1, 2)]),
    ("aa", "aaa", 0, "aa", &[(0, 1, 1, 2, 2)]),
    ("abcbdab", "bdcaba", 0, "bdab", &[(5, 6, 3, 4, 2), (3, 4, 0, 1, 2)]),
    ("bdcaba", "abcbdab", 0, "bcba", &[(5, 5, 5, 5, 1), (4, 4, 3, 3, 1), (2, 2, 2, 2, 1), (0, 0, 1, 1, 1)]),
    ("xaxbxc", "abc", 2, "abc", &[]),
    ("cbbccaacbcc", "aabbaacccacbbc", 2, "bbccacbc", &[(6, 8, 9, 11, 3), (3, 4, 6, 7, 2), (1, 2, 2, 3, 2)]),
    ("cacacaaaaaca", "bbbcacacbbacab", 2, "cacacaca", &[(9, 11, 10, 12, 3), (0, 4, 3, 7, 5)]),
    ("bcacbbacba", "cababbaa", 2, "cababa", &[(5, 6, 2, 3, 2), (1, 2, 0, 1, 2)]),
    (
        "aaabbcbb",
        "ccacbbab",
        1,
        "acbb",
        &[(7, 7, 7, 7, 1), (6, 6, 5, 5, 1), (5, 5, 3, 3, 1), (2, 2, 2, 2, 1)],
    ),
    ("baaacaaa", "baccabcacab", 2, "bacaaa", &[(4, 5, 3, 4, 2)]),
    (
        "abbaabcbaaa",
        "cccaaaabbac",
        1,
        "aaabba",
        &[(10, 10, 9, 9, 1), (7, 7, 8, 8, 1), (3, 5, 5, 7, 3), (0, 0, 3, 3, 1)],
    ),
    ("bbaaaaccaacbbc", "acbcabacaba", 2, "accaacb", &[(9, 10, 6, 7, 2), (7, 8, 3, 4, 2), (5, 6, 0, 1, 2)]),
    ("caacccacb", "cabaaaacbac", 2, "caaacb", &[(6, 8, 6, 8, 3), (0, 1, 0, 1, 2)]),
];

#[test]
fn subsequence_and_runs_are_those_that_redis_reports() {
    for (a, b, least, text, runs) in CASES {
        let found = lcs(a.as_bytes(), b.as_bytes(), *least).unwrap();
        assert_eq!(found.text, text.as_bytes(), "{a} {b}");
        assert_eq!(found.length, text.len());
        let found: Vec<Run> =
            found.matches.iter().map(|run| (run.a.0, run.a.1, run.b.0, run.b.1, run.len)).collect();
        assert_eq!(found, *runs, "{a} {b} {least}");
    }
}

#[test]
fn the_length_alone_is_the_same() {
    for (a, b, _, text, _) in CASES {
        assert_eq!(lcs_length(a.as_bytes(), b.as_bytes()), text.len());
    }
}

#[test]
fn rows_longer_than_a_word_of_decisions_are_kept_apart() {
    // With all bytes distinct the subsequence is what both strings share.
    let a: Vec<u8> = (0..=255).collect();
    let b: Vec<u8> = (0..=255).filter(|byte| byte % 3 != 0).collect();
    let found = lcs(&a, &b, 0).unwrap();
    assert_eq!(found.text, b);
    let found = lcs(&b, &a, 3).unwrap();
    assert_eq!((found.text, found.matches), (b, vec![]));
}
