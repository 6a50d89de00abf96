//! Random words: keys, values, numbers, patterns. Most are ordinary, the rest are those that break parsers.

use crate::support::Rng;

/// Few, so that commands meet on the same keys; some empty, binary, or alike but for their case. The last ones belong
/// to one family each, so that what it puts there lasts a while.
pub(crate) const KEYS: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b"key:1",
    b"key:2",
    b"K",
    b"k",
    b"",
    b"\0\r\n",
    b"bin\xff\x00ary",
    b"{tag}1",
    b"[a-c]*",
    b"hash:1",
    b"hash:2",
    b"list:1",
    b"list:2",
    b"set:1",
    b"set:2",
    b"set:3",
    b"zset:1",
    b"zset:2",
];

/// How many of the keys belong to no family; they come first.
const COMMON: usize = 12;

const INTEGERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "7",
    "9999",
    "10000",
    "4611686018427387904",
    "9223372036854775806",
    "9223372036854775807",
    "-9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "+1",
    "01",
    "-0",
    " 1",
    "1 ",
    "1.5",
    "1e3",
    "0x10",
    "",
    "abc",
    "1\x002",
];

const FLOATS: &[&str] = &[
    "0",
    "-0",
    "0.1",
    "0.2",
    "-0.3",
    "1.5",
    "3.0e2",
    "3.0000000000000001",
    "100000000000000000000",
    "123456789012345678.25",
    "0.30000000000000004",
    "1e-5",
    "1e-20",
    "5e-324",
    "1e22",
    "1e23",
    "1.7976931348623157e308",
    "1e400",
    "1e4931",
    "1e4932",
    "1e5000",
    "-1e5000",
    "1e-4950",
    "inf",
    "-inf",
    "Infinity",
    "nan",
    "0x1p3",
    "0x1.8p-2",
    "0xff",
    "0X.8P1",
    ".5",
    "5.",
    "1e",
    "1e+",
    "+1.5",
    " 1",
    "1 ",
    "",
    "abc",
    "1,5",
    "1.5x",
    "9007199254740993",
    "9223372036854775807",
];

const PATTERNS: &[&[u8]] = &[
    b"*",
    b"k*",
    b"?",
    b"[a-c]",
    b"[c-a]",
    b"[^a]*",
    b"[^a",
    b"\\*",
    b"*:[0-9]",
    b"",
    b"[",
    b"[a",
    b"key:?",
    b"**",
    b"*\xff*",
    b"\\",
    b"[\\a]",
    b"[a-]",
    b"\\[a-c]\\*",
    b"[",
    b"K",
    b"{*}?",
    b"*\0*",
    b"a*b",
];

impl Rng {
    pub(crate) fn key(&mut self) -> Vec<u8> {
        if self.one_in(8) { self.pick(KEYS).to_vec() } else { self.pick(&KEYS[..COMMON]).to_vec() }
    }

    /// Mostly a key of the family whose keys have this prefix, seldom any.
    pub(crate) fn key_of(&mut self, family: &str) -> Vec<u8> {
        let own = |key: &&&[u8]| key.starts_with(family.as_bytes());
        match KEYS.iter().filter(own).count() {
            0 => self.key(),
            _ if self.one_in(4) => self.key(),
            count => KEYS.iter().filter(own).nth(self.below(count)).expect("one of them").to_vec(),
        }
    }

    /// One to `most` keys, some of them twice.
    pub(crate) fn keys(&mut self, most: usize) -> Vec<Vec<u8>> {
        let count = 1 + self.below(most);
        (0..count).map(|_| self.key()).collect()
    }

    pub(crate) fn value(&mut self) -> Vec<u8> {
        match self.below(30) {
            0..8 => self.between(-100, 20_000).to_string().into_bytes(),
            8..12 => self.pick(INTEGERS).as_bytes().to_vec(),
            12..16 => self.pick(FLOATS).as_bytes().to_vec(),
            16..18 => b"binary\0with\r\nlines\xff\xfe".to_vec(),
            // Around the length at which a Redis string stops being stored with its header, and 22 of our own.
            18..22 => {
                let length = self.pick(&[1, 21, 22, 23, 43, 44, 45, 64]);
                self.text(length)
            }
            22 => self.text(1000),
            23..25 => Vec::new(),
            _ => {
                let length = self.below(12);
                self.text(length)
            }
        }
    }

    pub(crate) fn text(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.pick(b"abcdxyz01 ")).collect()
    }

    pub(crate) fn integer(&mut self) -> Vec<u8> {
        match self.below(3) {
            0 => self.pick(INTEGERS).as_bytes().to_vec(),
            1 => self.next().cast_signed().to_string().into_bytes(),
            _ => self.between(-20, 20).to_string().into_bytes(),
        }
    }

    pub(crate) fn float(&mut self) -> Vec<u8> {
        match self.below(3) {
            0 => self.pick(FLOATS).as_bytes().to_vec(),
            1 => format!("{}.{}", self.between(-1000, 1000), self.below(1_000_000)).into_bytes(),
            _ => {
                let mantissa = self.below(1_000_000);
                format!("{mantissa}e{}", self.between(-30, 30)).into_bytes()
            }
        }
    }

    /// A place in a string, seldom far outside of it. SETRANGE makes strings that long, so it stays small.
    pub(crate) fn offset(&mut self) -> Vec<u8> {
        match self.below(8) {
            0 => self.pick(INTEGERS_THAT_ARE_NO_LARGE_OFFSET).as_bytes().to_vec(),
            1 => self.between(0, 2000).to_string().into_bytes(),
            _ => self.between(0, 30).to_string().into_bytes(),
        }
    }

    /// A database: three that exist and are used, seldom one that does not exist.
    pub(crate) fn database(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => self.pick(&["16", "-1", "99999999999", "x", "", "1.0", "01", "9223372036854775808"]).into(),
            _ => self.below(3).to_string().into_bytes(),
        }
    }

    pub(crate) fn pattern(&mut self) -> Vec<u8> {
        if self.one_in(2) {
            return self.pick(PATTERNS).to_vec();
        }
        let length = self.below(7);
        (0..length).map(|_| self.pick(b"*?[]^-\\abck:1K\xff")).collect()
    }

    // Times to live are either over at once or last longer than the whole test, so that it does not matter how fast
    // either side runs. They are spread wide: with two equal ones the milliseconds between the two servers would
    // decide what GT and LT say.

    pub(crate) fn seconds(&mut self) -> Vec<u8> {
        self.lifetime(1_000, 10_000_000)
    }

    pub(crate) fn millis(&mut self) -> Vec<u8> {
        self.lifetime(1_000_000, 10_000_000_000)
    }

    pub(crate) fn at_seconds(&mut self) -> Vec<u8> {
        self.lifetime(4_000_000_000, 4_100_000_000)
    }

    pub(crate) fn at_millis(&mut self) -> Vec<u8> {
        self.lifetime(4_000_000_000_000, 4_100_000_000_000)
    }

    fn lifetime(&mut self, low: i64, high: i64) -> Vec<u8> {
        match self.below(20) {
            0..14 => self.between(low, high).to_string().into_bytes(),
            14..16 => self.pick(&["0", "-1", "-1000"]).into(),
            16..18 => self.pick(OVERFLOWING_TIMES).into(),
            _ => self.pick(&["abc", "", "1.5", " 1", "+5000000", "05000000"]).into(),
        }
    }
}

const INTEGERS_THAT_ARE_NO_LARGE_OFFSET: &[&str] = &[
    "-1",
    "-9223372036854775808",
    "9223372036854775807",
    "9223372036854775808",
    "536870912",
    "4294967296",
    "abc",
    "",
    "1.5",
    "01",
];

const OVERFLOWING_TIMES: &[&str] = &[
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "9223372036854775",
    "9223372036854776",
    "-9223372036854776",
    "99999999999999999999",
];
