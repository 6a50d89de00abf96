//! `cjson`, `cmsgpack`, `struct`, `bit` and `os.clock`: random values, texts and settings on both sides, and what a
//! script may do to them.

use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;
use redmoon::{Engine, Session, Store, Value};

use super::reply_of;
use crate::support::{Client, Oracle, Rng, number_from_env, show};

/// Spells a value with all digits, in the order in which its table has it.
const SHOW: &str = "\
local function show(v) local t=type(v) if t=='table' then local o={} for k,x in pairs(v) do \
o[#o+1]='['..show(k)..']='..show(x) end return '{'..table.concat(o,',')..'}#'..#v \
elseif t=='string' then return '\"'..v..'\"' elseif t=='number' then return string.format('%.17g',v) \
elseif t=='userdata' then return 'null' else return t..tostring(v) end end \
local function all(...) local o={} for i=1,select('#',...) do o[i]=show((select(i,...))) end return o end ";

/// The same scripts on a real server and on a session.
struct Both {
    oracle: Client,
    session: Session,
    compared: u64,
    failed: u64,
    differ: u64,
    report: String,
}

impl Both {
    fn new(oracle: &Oracle) -> Both {
        let engine = Engine::builder(Store::new()).time_limit(None).build();
        Both {
            oracle: oracle.connect(),
            session: engine.session(),
            compared: 0,
            failed: 0,
            differ: 0,
            report: String::new(),
        }
    }

    fn compare(&mut self, command: &[impl AsRef<[u8]>]) {
        let want = self.oracle.raw(command);
        let got = reply_of(&mut self.session, command);
        self.compared += 1;
        self.failed += u64::from(want.starts_with(b"-") || want.windows(9).any(|part| part == b"falseERR\r"));
        if want != got {
            self.differ += 1;
            if self.differ <= 10 {
                let words: Vec<String> = command.iter().map(|word| show(word.as_ref())).collect();
                let _ = writeln!(
                    self.report,
                    "{}\n    want {}\n    got  {}",
                    words.join(" "),
                    show(&want),
                    show(&got)
                );
            }
        }
    }

    /// Runs a body behind [`SHOW`].
    fn shown(&mut self, body: &str, args: &[&[u8]]) {
        let script = format!("{SHOW}{body}");
        let mut command: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), b"0"];
        command.extend_from_slice(args);
        self.compare(&command);
    }

    fn finish(self, seed: u64) {
        println!("{} replies compared, {} of them errors", self.compared, self.failed);
        assert!(self.report.is_empty(), "seed {seed}: {} replies differ:\n{}", self.differ, self.report);
    }
}

fn seed() -> u64 {
    number_from_env("REDMOON_LIBRARIES_SEED", 0x5EED_11B5)
}

/// How many of each kind.
fn rounds(usual: u64) -> u64 {
    usual * number_from_env("REDMOON_LIBRARIES", 1)
}

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "7",
    "31",
    "32",
    "-32",
    "-33",
    "127",
    "128",
    "-128",
    "-129",
    "255",
    "256",
    "65535",
    "65536",
    "-32768",
    "-32769",
    "2^31",
    "-2^31",
    "-2^31-1",
    "2^32-1",
    "2^32",
    "2^53",
    "-2^53",
    "2^53+2",
    "2^62",
    "2^63",
    "-2^63",
    "-2^63-2048",
    "2^64",
    "2^64-2048",
    "1e14",
    "99999999999999",
    "100000000000001",
    "1e15",
    "1e16",
    "1e21",
    "1e100",
    "-1e300",
    "1e308",
    "0.5",
    "-0.5",
    "1.5",
    "2.5",
    "3.5",
    "0.1",
    "1/3",
    "2/3",
    "-12.34",
    "1e-5",
    "0.0001",
    "123456789.125",
    "1234567890123.25",
    "1234567890123.75",
    "12345678901234.5",
    "12345678901235.5",
    "5e-324",
    "2.2250738585072014e-308",
    "0.99999999999999994",
    "9.99999999999995",
    "99999999999999.95",
    "3.14159265358979",
];
const STRANGE_NUMBERS: &[&str] = &["0/0", "-(0/0)", "1/0", "-1/0"];

/// A number as Lua source.
fn number(rng: &mut Rng, strange: bool) -> String {
    match rng.below(8) {
        0 if strange => rng.pick(STRANGE_NUMBERS).to_owned(),
        1 => {
            let number = f64::from_bits(rng.next());
            if number.is_finite() { format!("{number:e}") } else { "3".to_owned() }
        }
        2 => rng.between(-100_000, 100_000).to_string(),
        3 => format!("{}", rng.between(-10_000_000, 10_000_000) as f64 / 1000.0),
        4 => {
            // All digits that a precision may cut, with fives among them.
            let digits: String =
                (0..15 + rng.below(3)).map(|_| rng.pick(&['0', '4', '5', '9', '1'])).collect();
            format!("1{digits}e{}", rng.between(-30, 10))
        }
        _ => rng.pick(NUMBERS).to_owned(),
    }
}

/// A string that may be long, as Lua source.
fn text(rng: &mut Rng) -> String {
    let len = match rng.below(12) {
        0 => 30 + rng.below(4),
        1 => 254 + rng.below(4),
        _ => rng.below(20),
    };
    short_text(rng, len)
}

/// A string of so many bytes as Lua source. Keys have less than 32: the Lua of Redis hashes all bytes of longer
/// strings and stock Lua some of them, so that tables with such keys come in another order.
fn short_text(rng: &mut Rng, len: usize) -> String {
    let mut source = "'".to_owned();
    for _ in 0..len {
        let byte = match rng.below(4) {
            0 => rng.below(256) as u8,
            1 => rng.pick(b"\"\\/\0\x08\t\n\x0c\r\x1f \x7f\x80\xff'"),
            _ => b'a' + rng.below(26) as u8,
        };
        let _ = write!(source, "\\{byte:03}");
    }
    source + "'"
}

/// A value as Lua source.
fn value(rng: &mut Rng, depth: usize, strange: bool) -> String {
    match rng.below(if depth == 0 { 8 } else { 14 }) {
        0..3 => number(rng, strange),
        3..5 => text(rng),
        5 => rng.pick(&["true", "false", "cjson.null"]).to_owned(),
        6 if strange => rng
            .pick(&[
                "nil",
                "print",
                "tostring",
                "coroutine.create(show)",
                // One entry each: the order of such keys is that of addresses.
                "{[{}]=1}",
                "{[print]={}}",
                "{[cjson.null]=2}",
                "math",
                "setmetatable({1},{__index=error})",
            ])
            .replace("print", "show"),
        6 | 7 => rng.pick(&["{}", "''", "0", "1"]).to_owned(),
        8..11 => {
            let items: Vec<String> = (0..rng.below(18)).map(|_| value(rng, depth - 1, strange)).collect();
            format!("{{{}}}", items.join(","))
        }
        _ => {
            let mut source = "{".to_owned();
            for _ in 0..rng.below(8) {
                let key = match rng.below(10) {
                    0..5 => {
                        let len = rng.below(24);
                        short_text(rng, len)
                    }
                    5 | 6 => rng.between(1, 14).to_string(),
                    7 => rng
                        .pick(&["2^31", "2^31-1+1", "2^32", "1e10", "0", "-1", "1.5", "1e300", "2^53", "1/0"])
                        .to_owned(),
                    8 if strange => "true".to_owned(),
                    _ => rng.below(40).to_string(),
                };
                let _ = write!(source, "[{key}]={},", value(rng, depth - 1, strange));
            }
            source + "}"
        }
    }
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn random_values_are_encoded_and_packed_as_a_real_server_does() {
    let Some(oracle) = Oracle::start() else { return };
    let mut both = Both::new(&oracle);
    let mut rng = Rng::new(seed());
    for _ in 0..rounds(1_500) {
        let strange = rng.one_in(4);
        let value = value(&mut rng, 3, strange);
        let body = format!(
            "local v={value} local a={{pcall(cjson.encode,v)}} local b={{pcall(cmsgpack.pack,v,1,v)}} \
             local c=b[1] and all(cmsgpack.unpack(b[2])) or {{}} \
             local d=a[1] and all(pcall(cjson.decode,a[2])) or {{}} return {{a[2],b[2],c,d}}"
        );
        both.shown(&body, &[]);
        both.shown(&format!("return cjson.encode({value})"), &[]);
    }
    both.finish(seed());
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn numbers_are_written_with_every_precision_as_a_real_server_does() {
    let Some(oracle) = Oracle::start() else { return };
    let mut both = Both::new(&oracle);
    let mut rng = Rng::new(seed());
    for _ in 0..rounds(40) {
        let numbers: Vec<String> = (0..100).map(|_| number(&mut rng, false)).collect();
        let body = format!(
            "local v={{{}}} local r={{}} for p=1,14 do cjson.encode_number_precision(p) r[p]=cjson.encode(v) end return r",
            numbers.join(",")
        );
        both.shown(&body, &[]);
    }
    both.finish(seed());
}

/// A JSON text, nearly.
fn json(rng: &mut Rng, depth: usize, out: &mut Vec<u8>) {
    let blank = |rng: &mut Rng, out: &mut Vec<u8>| {
        if rng.one_in(6) {
            out.push(rng.pick(b" \t\n\r"));
        }
    };
    blank(rng, out);
    match rng.below(if depth == 0 { 8 } else { 12 }) {
        0 | 1 => out.extend_from_slice(
            rng.pick(&[
                "0",
                "-0",
                "12",
                "-7.25",
                "1e3",
                "1E-3",
                "1.5e+10",
                "123456789012345678901234567890",
                "0.1",
                "1e999",
                "1e-999",
                "2.2250738585072011e-308",
                "9007199254740993",
                "18446744073709551616",
                "0x1F",
                "-0x.8p4",
                "0x",
                "0x1p",
                "01",
                "+1",
                "1.",
                "-.5",
                ".5",
                "1e",
                "1e+",
                "-",
                "+",
                "inf",
                "-Infinity",
                "infinit",
                "nan",
                "-NaN",
                "nan(1_a)",
                "nan(",
                "NaN(x",
                "i",
                "n",
                "-i",
                "+n",
                "0.30000000000000004",
                "1.7976931348623159e308",
                "179769313486231570000000000000000000000",
                "4.35",
                "8.41e21",
                "9223372036854775807",
            ])
            .as_bytes(),
        ),
        2 => out.extend_from_slice(rng.between(-1_000_000_000, 1_000_000_000).to_string().as_bytes()),
        3 => {
            let number = f64::from_bits(rng.next());
            let text =
                if number.is_finite() { format!("{number:e}") } else { format!("{}", number.is_nan()) };
            out.extend_from_slice(text.as_bytes());
        }
        4 => out.extend_from_slice(rng.pick(&["true", "false", "null", "tru", "nul", "True"]).as_bytes()),
        5..8 => json_string(rng, 14, out),
        8 | 9 => {
            out.push(b'[');
            for at in 0..rng.below(7) {
                if at > 0 {
                    out.push(b',');
                }
                json(rng, depth - 1, out);
            }
            out.push(b']');
        }
        _ => {
            out.push(b'{');
            for at in 0..rng.below(6) {
                if at > 0 {
                    out.push(b',');
                }
                blank(rng, out);
                // Less than 32 bytes, see `short_text`.
                json_string(rng, 4, out);
                blank(rng, out);
                out.push(b':');
                json(rng, depth - 1, out);
            }
            out.push(b'}');
        }
    }
    blank(rng, out);
}

fn json_string(rng: &mut Rng, most: usize, out: &mut Vec<u8>) {
    out.push(b'"');
    for _ in 0..rng.below(most) {
        match rng.below(12) {
            0 => out.extend_from_slice(
                rng.pick(&[
                    "\\n",
                    "\\t",
                    "\\b",
                    "\\f",
                    "\\r",
                    "\\/",
                    "\\\\",
                    "\\\"",
                    "\\u0000",
                    "\\u00e9",
                    "\\uD83D\\uDE00",
                    "\\u20AC",
                    "\\uffff",
                    "\\ud800",
                    "\\udc00",
                    "\\ud800\\u0041",
                    "\\u12g4",
                    "\\u12",
                    "\\x",
                    "\\",
                ])
                .as_bytes(),
            ),
            1 => out.push(rng.below(256) as u8),
            2 => out.extend_from_slice("é€😀".as_bytes()),
            _ => out.push(b'a' + rng.below(26) as u8),
        }
    }
    out.push(b'"');
}

/// Changes some bytes.
fn spoil(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.below(3) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.below(bytes.len());
        match rng.below(4) {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, rng.pick(b"[]{},:\"\\0123-+.eEnNiItf \0\x0b")),
            2 => bytes[at] = rng.below(256) as u8,
            _ => bytes.truncate(at),
        }
    }
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn random_texts_are_decoded_as_a_real_server_does() {
    let Some(oracle) = Oracle::start() else { return };
    let mut both = Both::new(&oracle);
    let mut rng = Rng::new(seed());
    for _ in 0..rounds(4_000) {
        let mut text = Vec::new();
        json(&mut rng, 4, &mut text);
        if rng.one_in(2) {
            spoil(&mut rng, &mut text);
        }
        let lenient = rng.one_in(3);
        let body = format!(
            "cjson.decode_invalid_numbers({lenient}) local r=all(pcall(cjson.decode,ARGV[1])) \
             cjson.decode_max_depth(3) local s=all(pcall(cjson.decode,ARGV[1])) cjson.decode_max_depth(1000) return {{r,s}}"
        );
        both.shown(&body, &[&text]);
    }
    both.finish(seed());
}

/// A MessagePack value, nearly.
fn message(rng: &mut Rng, depth: usize, out: &mut Vec<u8>) {
    let size = |rng: &mut Rng| rng.below(5);
    match rng.below(if depth == 0 { 9 } else { 13 }) {
        0 => out.push(rng.below(256) as u8),
        1 => out.push(rng.below(128) as u8),
        2 => out.push(rng.pick(&[0xc0, 0xc2, 0xc3, 0xe0, 0xff])),
        3..6 => {
            let (mark, len) = rng.pick(&[
                (0xcc, 1),
                (0xcd, 2),
                (0xce, 4),
                (0xcf, 8),
                (0xd0, 1),
                (0xd1, 2),
                (0xd2, 4),
                (0xd3, 8),
                (0xca, 4),
                (0xcb, 8),
            ]);
            out.push(mark);
            for _ in 0..len {
                out.push(if rng.one_in(4) { rng.pick(&[0, 0xff, 0x80, 0x7f]) } else { rng.below(256) as u8 });
            }
        }
        6..9 => {
            let len = size(rng);
            match rng.below(4) {
                0 => out.extend_from_slice(&[0xd9, len as u8]),
                1 => out.extend_from_slice(&[0xda, 0, len as u8]),
                2 => out.extend_from_slice(&[0xdb, 0, 0, 0, len as u8]),
                _ => out.push(0xa0 | len as u8),
            }
            for _ in 0..len {
                out.push(rng.below(256) as u8);
            }
        }
        9 | 10 => {
            let len = size(rng);
            match rng.below(4) {
                0 => out.extend_from_slice(&[0xdc, 0, len as u8]),
                1 => out.extend_from_slice(&[0xdd, 0, 0, 0, len as u8]),
                _ => out.push(0x90 | len as u8),
            }
            for _ in 0..len {
                message(rng, depth - 1, out);
            }
        }
        _ => {
            let len = size(rng);
            match rng.below(4) {
                0 => out.extend_from_slice(&[0xde, 0, len as u8]),
                1 => out.extend_from_slice(&[0xdf, 0, 0, 0, len as u8]),
                _ => out.push(0x80 | len as u8),
            }
            for _ in 0..len {
                // Tables would be keys by their addresses.
                message(rng, 0, out);
                message(rng, depth - 1, out);
            }
        }
    }
}

/// `show` with the entries sorted: keys may be tables, whose order is that of addresses.
const SORTED: &str = "\
local function sorted(v) local t=type(v) if t=='table' then local o={} for k,x in pairs(v) do \
o[#o+1]='['..sorted(k)..']='..sorted(x) end table.sort(o) return '{'..table.concat(o,',')..'}' \
else return show(v) end end \
local function all(...) local o={} for i=1,select('#',...) do o[i]=sorted((select(i,...))) end return o end ";

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn random_messages_are_unpacked_as_a_real_server_does() {
    let Some(oracle) = Oracle::start() else { return };
    let mut both = Both::new(&oracle);
    let mut rng = Rng::new(seed());
    for _ in 0..rounds(4_000) {
        let mut bytes = Vec::new();
        for _ in 0..rng.below(5) {
            message(&mut rng, 3, &mut bytes);
        }
        if rng.one_in(3) {
            spoil(&mut rng, &mut bytes);
        }
        let (limit, offset) = (rng.between(-1, 4), rng.between(-1, bytes.len() as i64 + 1));
        let body = format!(
            "{SORTED}local s=ARGV[1] return {{all(pcall(cmsgpack.unpack,s)),all(pcall(cmsgpack.unpack_one,s)),\
             all(pcall(cmsgpack.unpack_one,s,{offset})),all(pcall(cmsgpack.unpack_limit,s,{limit})),\
             all(pcall(cmsgpack.unpack_limit,s,{limit},{offset}))}}"
        );
        both.shown(&body, &[&bytes]);
    }
    both.finish(seed());
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn random_structures_are_packed_and_unpacked_as_a_real_server_does() {
    let Some(oracle) = Oracle::start() else { return };
    let mut both = Both::new(&oracle);
    let mut rng = Rng::new(seed());
    for _ in 0..rounds(4_000) {
        let mut format = String::new();
        let mut args = Vec::new();
        for _ in 0..rng.below(7) {
            let option = rng.pick(&[
                "b",
                "B",
                "h",
                "H",
                "l",
                "L",
                "T",
                "i",
                "I",
                "i",
                "I",
                "x",
                "f",
                "d",
                "c",
                "s",
                "c0",
                ">",
                "<",
                "!",
                " ",
                "Bc0",
                "z",
                "?",
                "i99999999999",
                "é",
            ]);
            if option.len() > 3 && !rng.one_in(20) {
                continue;
            }
            format.push_str(option);
            if matches!(option, "i" | "I" | "c" | "!") && rng.one_in(2) {
                let _ = write!(format, "{}", rng.pick(&[0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 31, 32, 33]));
            }
            let is_text = matches!(option, "c" | "s" | "c0");
            if rng.one_in(40) {
                args.push(rng.pick(&["nil", "{}", "'x'", "'12'"]).to_owned());
            } else if is_text {
                args.push(text(&mut rng));
            } else if !matches!(option, "x" | ">" | "<" | "!" | " " | "z" | "?") {
                args.push(number(&mut rng, true));
                if option == "Bc0" {
                    args.push(text(&mut rng));
                }
            }
        }
        if args.len() > 1 && rng.one_in(10) {
            args.pop();
        }
        let args = if args.is_empty() { String::new() } else { format!(",{}", args.join(",")) };
        let mut data: Vec<u8> =
            (0..rng.below(60)).map(|_| rng.pick(&[0, 1, 2, 0x7f, 0x80, 0xff, b'a'])).collect();
        if rng.one_in(2) {
            data.extend_from_slice(&[0, 7, 0]);
        }
        let position = rng.pick(&["", "", ",1", ",2", ",5", ",0", ",-1", ",100"]);
        let body = format!(
            "local f='{format}' local p={{pcall(struct.pack,f{args})}} \
             return {{p[2],all(pcall(struct.size,f)),all(pcall(struct.unpack,f,ARGV[1]{position})),\
             p[1] and all(pcall(struct.unpack,f,p[2])) or 0}}"
        );
        both.shown(&body, &[&data]);
    }
    both.finish(seed());
}

#[test]
fn bits_are_as_a_real_server_has_them() {
    let Some(oracle) = Oracle::start() else { return };
    let mut both = Both::new(&oracle);
    let mut rng = Rng::new(seed());
    for _ in 0..rounds(300) {
        let (a, b, c) = (number(&mut rng, true), number(&mut rng, true), number(&mut rng, true));
        let b = if rng.one_in(2) { rng.between(-40, 40).to_string() } else { b };
        let a = if rng.one_in(30) { rng.pick(&["'12'", "'0x1f'", "'x'", "nil", "{}"]).to_owned() } else { a };
        let body = format!(
            "local a,b,c={a},{b},{c} local r={{}} \
             for _,name in ipairs({{'tobit','bnot','band','bor','bxor','lshift','rshift','arshift','rol','ror','bswap','tohex'}}) do \
             r[#r+1]=all(pcall(bit[name],a)) r[#r+1]=all(pcall(bit[name],a,b)) r[#r+1]=all(pcall(bit[name],a,b,c)) \
             r[#r+1]=all(pcall(bit[name])) r[#r+1]=all(pcall(bit[name],a,'x',{{}})) end return r"
        );
        both.shown(&body, &[]);
    }
    both.finish(seed());
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn settings_of_json_go_from_script_to_script_as_on_a_real_server() {
    let Some(oracle) = Oracle::start() else { return };
    let mut both = Both::new(&oracle);
    let mut rng = Rng::new(seed());
    let functions = [
        "encode_sparse_array",
        "encode_max_depth",
        "decode_max_depth",
        "encode_number_precision",
        "encode_keep_buffer",
        "encode_invalid_numbers",
        "decode_invalid_numbers",
    ];
    let values = [
        "true",
        "false",
        "nil",
        "'on'",
        "'off'",
        "'null'",
        "'x'",
        "'on\\0'",
        "0",
        "1",
        "2",
        "3",
        "14",
        "15",
        "-1",
        "1000",
        "2147483647",
        "2^31",
        "2^32+5",
        "1.7",
        "'3'",
        "{}",
        "cjson.null",
    ];
    for round in 0..rounds(1_500) {
        if round % 40 == 39 {
            both.compare(&["SCRIPT", "FLUSH"]);
        }
        let args: Vec<&str> =
            (0..rng.pick(&[0, 0, 1, 1, 1, 1, 2, 3, 4])).map(|_| rng.pick(&values)).collect();
        let function = rng.pick(&functions);
        let of = if rng.one_in(6) { "cjson.new()" } else { "cjson" };
        let body = format!(
            "local j={of} local r={{all(pcall(j.{function},{args}))}} \
             for _,name in ipairs({{'encode_sparse_array','encode_max_depth','decode_max_depth','encode_number_precision',\
             'encode_keep_buffer','encode_invalid_numbers','decode_invalid_numbers'}}) do r[#r+1]=all(j[name]()) end \
             for _,v in ipairs({{{{[40]=1}},{{0/0,-1/0}},{{{{{{{{1/3}}}}}}}},{{[12]=2,[3]=4}}}}) do r[#r+1]=all(pcall(j.encode,v)) end \
             for _,s in ipairs({{'[[[1]]]','[nan]','0x10'}}) do r[#r+1]=all(pcall(j.decode,s)) end return r",
            args = args.join(",")
        )
        .replace(",)", ")");
        both.shown(&body, &[]);
        both.shown(&format!("return {{cjson.{function}({})}}", args.join(",")), &[]);
    }
    both.finish(seed());
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn deep_nesting_ends_where_it_does_on_a_real_server() {
    let Some(oracle) = Oracle::start() else { return };
    let mut both = Both::new(&oracle);
    for body in [
        "local t={} t[1]=t return all(pcall(cjson.encode,t))",
        "local t={} t.a=t return all(pcall(cjson.encode,t))",
        "cjson.encode_max_depth(2147483647) cjson.decode_max_depth(2147483647) return 1",
        "local t={} t[1]=t return all(pcall(cjson.encode,t))",
        "local t={} t.a=t return all(pcall(cjson.encode,t))",
        "local t={} t.a={t} return all(pcall(cjson.encode,t))",
        "local t={} t.a={t} return cjson.encode(t)",
        "return all(pcall(cjson.decode,string.rep('[',9000)))",
        "return all(pcall(cjson.decode,string.rep('{\"a\":',9000)))",
        "return all(pcall(cjson.decode,string.rep('[{\"a\":',9000)))",
        "return cjson.decode(string.rep('[',9000))",
        "local n=7998 local s=string.rep('[',n)..string.rep(']',n) return cjson.encode(cjson.decode(s))==s and n or 0",
        "local n=7990 local s=string.rep('[',n)..string.rep(']',n) return #cjson.encode(cjson.decode(s))",
        "return all(pcall(cmsgpack.unpack,string.rep('\\145',9000)))",
        "return cmsgpack.unpack(string.rep('\\145',9000))",
        "for i=3980,8010 do local ok,e=pcall(cmsgpack.unpack,string.rep('\\145',i)..'\\1') if not ok then return {i,e} end end",
        "for i=3980,8010 do local ok,e=pcall(cmsgpack.unpack,string.rep('\\129\\1',i)..'\\1') if not ok then return {i,e} end end",
        "for i=3980,8010 do local ok,e=pcall(cmsgpack.unpack,string.rep('\\129\\1\\145',i)..'\\1') if not ok then return {i,e} end end",
        "for i=7900,8010 do local ok,e=pcall(cmsgpack.unpack,string.rep('\\1',i)) if not ok then return {i,e} end end",
        "for i=7900,8010 do local ok,e=pcall(cmsgpack.unpack_limit,string.rep('\\1',i),9000) if not ok then return {i,e} end end",
        "for i=7900,8010 do local ok,e=pcall(struct.unpack,string.rep('b',i),string.rep('b',i)) if not ok then return {i,e} end end",
        "for i=3900,8010 do local ok,e=pcall(cmsgpack.pack,unpack({},1,i)) if not ok then return {i,e} end end",
        "local t={} t[1]=t local u={} u.a=u return {cmsgpack.pack(t),cmsgpack.pack(u),cmsgpack.pack({[{}]=t})}",
    ] {
        both.shown(body, &[]);
    }
    both.finish(0);
}

#[test]
#[cfg_attr(not(feature = "lua51"), ignore = "the real server speaks Lua 5.1")]
fn the_tables_of_the_libraries_look_like_those_of_a_real_server() {
    let Some(oracle) = Oracle::start() else { return };
    let mut both = Both::new(&oracle);
    for name in ["bit", "cjson", "cmsgpack", "struct", "cjson.new()"] {
        both.shown(
            &format!("local r={{}} for k,v in pairs({name}) do r[#r+1]=k..'='..(type(v)=='function' and 'function' or tostring(v)) end return r"),
            &[],
        );
        for write in ["x=1", "rawset(j,'x',1)", "setmetatable(j,{})", "table.insert(j,1)", "j.x=1 return j.x"]
        {
            both.shown(
                &format!("local j={name} {}", write.replace("x=1", "j.x=1").replace("j.j.", "j.")),
                &[],
            );
        }
        both.shown(
            &format!("return {{tostring(getmetatable({name})),tostring({name}.nosuch),next({name})}}"),
            &[],
        );
        both.shown(&format!("return {{cmsgpack.pack({name}),pcall(cjson.encode,{name})}}"), &[]);
        both.shown(&format!("local v={name} return {{cmsgpack.pack(v),pcall(cjson.encode,v)}}"), &[]);
    }
    for body in [
        "return cjson.encode()",
        "return cjson.encode(1,2)",
        "return cjson.decode()",
        "return cjson.decode('1','2')",
        "return cjson.decode(nil)",
        "return cjson.decode({})",
        "return all(cjson.decode(12.5))",
        "return cmsgpack.pack()",
        "return cmsgpack.unpack()",
        "return cmsgpack.unpack(nil)",
        "return all(cmsgpack.unpack(1))",
        "return cmsgpack.unpack_one('x','y')",
        "return cmsgpack.unpack_limit('x')",
        "return cmsgpack.unpack('\\193')",
        "return cmsgpack.unpack('\\129\\192\\1')",
        "return cmsgpack.unpack('\\129\\203\\127\\248\\0\\0\\0\\0\\0\\0\\1')",
        "return all(cmsgpack.unpack('\\130\\1\\192\\2\\1'))",
        "return {all(cmsgpack.unpack_limit('\\1\\2\\3',0)),all(cmsgpack.unpack_limit('\\1\\2\\3',0,2)),all(cmsgpack.unpack(''))}",
        "return {all(cmsgpack.unpack('\\1\\2',5,6)),all(cmsgpack.unpack_one('\\1\\2',2^32+1,6))}",
        "return struct.pack()",
        "return struct.pack('i')",
        "return struct.pack('ii',1)",
        "return struct.pack('s')",
        "return struct.pack('c5','abc')",
        "return struct.pack('b',{})",
        "return struct.pack('z')",
        "return struct.pack('\\200')",
        "return struct.unpack('i')",
        "return struct.unpack('i','abc')",
        "return struct.unpack('i','abcd',0)",
        "return struct.unpack('i','abcd',2^53)",
        "return struct.unpack('c0','abcd')",
        "return struct.unpack('s','abcd')",
        "return struct.unpack('dc0','\\0\\0\\0\\0\\0\\0\\240\\191abcd')",
        "return struct.size('i\\0zzz')",
        "return struct.size(5)",
        "return struct.size('?')",
        "return bit.tohex(1,-2147483648)",
        "return bit.band(1,{},'x')",
        "return cjson.encode({[1]=1,[2147483647]=2})",
        "return cjson.encode({cjson.encode})",
        "local s='x' for i=1,9 do s=s..s end return {cjson.encode(s),cjson.decode('\"'..s..'\"')==s and 1,#cmsgpack.pack(s)}",
        "return cjson.encode(cjson.decode('{\"z\":1,\"y\":2,\"x\":[1,{\"q\":null}],\"w\":{}}'))",
        "local t={} for i=1,200 do t['k'..i]=i end local s=cjson.encode(t) return {s,cjson.encode(cjson.decode(s)),cmsgpack.pack(cjson.decode(s))}",
        "local t=cjson.decode('[1,2,3,4,5]') t[4]=nil local u=cmsgpack.unpack('\\149\\1\\2\\3\\4\\5') u[4]=nil return {#t,#u}",
        "local r={} for n=1,20 do for a=0,n do for b=a,n do local s=string.char(220,0,n) for i=1,n do s=s..((i==a or i==b) and '\\192' or '\\7') end local t=cmsgpack.unpack(s) local u=#t t[n]=nil r[#r+1]=u..' '..#t t[n+1]=1 r[#r+1]=#t end end end return r",
    ] {
        both.shown(body, &[]);
        both.compare(&["EVAL", body, "0"]);
    }
    both.finish(0);
}

fn engine() -> Engine {
    Engine::builder(Store::new()).memory_limit(8 << 20).time_limit(Some(Duration::from_millis(60))).build()
}

const NONE: &[&str] = &[];

#[test]
fn a_script_with_the_plain_environment_cannot_write_to_a_library() {
    let engine = engine();
    for name in ["bit", "cjson", "cmsgpack", "os", "struct"] {
        let write = format!("{name}.x = 1");
        let error = engine.eval(&write, NONE, NONE).unwrap_err().to_string();
        assert!(error.contains("Attempt to modify a readonly table"), "{error}");
        // What hands the table on, and then writes, does not get the real one.
        for write in [
            format!("local t = {name} t.x = 1"),
            format!("local t = assert({name}) rawset(t, 'x', 1)"),
            format!("local t = select(1, {name}) table.insert(t, 1)"),
            format!("local _, t = pcall(error, {name}) t.x = 1"),
            format!("local t = unpack({{{name}}}) setmetatable(t, {{}})"),
        ] {
            let error = engine.eval(&write, NONE, NONE).unwrap_err().to_string();
            assert!(error.contains("Attempt to modify a readonly table"), "{write}: {error}");
        }
        assert_eq!(engine.eval(format!("return {name}.x"), NONE, NONE).unwrap(), Value::Nil);
    }
}

#[test]
fn what_a_script_encodes_meets_the_memory_limit_and_the_next_has_room_again() {
    let engine = engine();
    for source in [
        "cjson.encode_sparse_array(true, 0, 0) return cjson.encode({[2147483647] = 1})",
        "local s = string.rep('\\1', 2000000) return cjson.encode({s, s, s, s})",
        "local s = string.rep('x', 3000000) return cmsgpack.pack(s, s, s, s)",
        "return struct.pack('!1073741824xi1073741824', 1)",
        "return struct.pack(string.rep('!1073741824bL', 20), unpack({}, 1, 40))",
        "return cjson.decode('[' .. string.rep('[],', 400000) .. '1]')",
        "return cmsgpack.unpack('\\221\\0\\15\\255\\255' .. string.rep('\\144', 1048575))",
        "local s = '\"' .. string.rep('\\\\n', 3000000) .. '\"' return cjson.decode(s)",
    ] {
        let error = engine.eval(source, NONE, NONE).unwrap_err().to_string();
        let is_right = ["not enough memory", "larger than limit", "number expected", "time limit"];
        assert!(is_right.iter().any(|text| error.contains(text)), "{source}: {error}");
        engine.script_flush();
        assert_eq!(
            engine.eval("return cjson.encode({1, 'a'})", NONE, NONE).unwrap(),
            Value::from("[1,\"a\"]")
        );
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the time that passes is what is looked at")]
fn a_long_call_of_a_library_meets_the_time_limit() {
    let engine = Engine::builder(Store::new())
        .memory_limit(4 << 30)
        .time_limit(Some(Duration::from_millis(20)))
        .build();
    for source in [
        "cjson.encode_sparse_array(true, 0, 0) return cjson.encode({[2147483647] = 1})",
        "local t = {} for i = 1, 1000 do t[i] = i end local u = {} for i = 1, 1000 do u[i] = t end \
         local v = {} for i = 1, 1000 do v[i] = u end return cjson.encode(v)",
        "local t = {} for i = 1, 1000 do t[i] = i end local u = {} for i = 1, 1000 do u[i] = t end \
         local v = {} for i = 1, 1000 do v[i] = u end return cmsgpack.pack(v)",
        "return cjson.decode('[' .. string.rep('1,', 20000000) .. '1]')",
        "return cmsgpack.unpack('\\221\\1\\255\\255\\255' .. string.rep('\\1', 40000000))",
        "return struct.size(string.rep('b', 100000000))",
        "local s = string.rep('[1,2,3],', 100000) while true do pcall(cjson.decode, s) end",
    ] {
        let started = std::time::Instant::now();
        let error = engine.eval(source, NONE, NONE).unwrap_err().to_string();
        assert!(error.contains("time limit"), "{source}: {error}");
        // Far from exact, for a machine that is busy and a build without optimisation.
        assert!(started.elapsed() < Duration::from_secs(3), "{source}: {:?}", started.elapsed());
    }
}

#[test]
fn settings_of_json_are_the_same_in_all_states_of_an_engine_and_gone_after_a_flush() {
    let engine = engine();
    engine.eval("cjson.encode_number_precision(3)", NONE, NONE).unwrap();
    let third = |engine: &Engine| engine.eval("return cjson.encode(1/3)", NONE, NONE).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..50).map(|_| third(&engine)).collect::<Vec<_>>())).collect();
        for thread in threads {
            assert!(thread.join().unwrap().iter().all(|reply| *reply == Value::from("0.333")));
        }
    });
    // A failed script's settings stay too, and two scripts change two settings.
    engine.eval("cjson.encode_invalid_numbers('null') error('x')", NONE, NONE).unwrap_err();
    let both = engine.eval("return cjson.encode({1/3, 0/0})", NONE, NONE).unwrap();
    assert_eq!(both, Value::from("[0.333,null]"));
    engine.script_flush();
    assert_eq!(third(&engine), Value::from("0.33333333333333"));
    // Another engine has its own.
    engine.eval("cjson.encode_number_precision(5)", NONE, NONE).unwrap();
    assert_eq!(third(&Engine::new(engine.store().clone())), Value::from("0.33333333333333"));
}

#[test]
fn a_library_of_its_own_keeps_settings_of_its_own() {
    let source = "local a, b = cjson.new(), cjson.new() a.encode_number_precision(3) b.encode_max_depth(1) \
        a.x = 1 return {a.encode(1/3), b.encode(1/3), cjson.encode(1/3), pcall(b.encode, {{}}) and 1 or 0, a.encode({{}}), a.x}";
    let third = || Value::from("0.33333333333333");
    let expected = vec![
        Value::from("0.333"),
        third(),
        third(),
        Value::Integer(0),
        Value::from("[{}]"),
        Value::Integer(1),
    ];
    assert_eq!(engine().eval(source, NONE, NONE).unwrap(), Value::Array(expected));
}

#[test]
fn the_clock_counts_seconds_of_processor_time_forward() {
    let source = "local a = os.clock() for i = 1, 100000 do end local b = os.clock() \
        local n = 0 for k in pairs(os) do n = n + 1 end \
        return {a > 0 and a < 100000 and 1 or 0, b > a and b - a < 60 and 1 or 0, n, tostring(os.time), type(a)}";
    let expected = vec![
        Value::Integer(1),
        Value::Integer(1),
        Value::Integer(1),
        Value::from("nil"),
        Value::from("number"),
    ];
    assert_eq!(engine().eval(source, NONE, NONE).unwrap(), Value::Array(expected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_bring_a_library_down(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        format in proptest::collection::vec(any::<u8>(), 0..24),
        likely in "[\\[\\]{},:\"\\\\0-9a-fnuxtrNI.+e -]{0,60}",
        options in "[bBhHlLTiIxfdcs<>! 0-9]{0,20}",
    ) {
        let engine = Engine::new(Store::new());
        let source = "local a, f, j, o = unpack(ARGV) local n = 0
            for _, s in ipairs({a, f, j, o}) do
              if pcall(cjson.decode, s) then n = n + 1 end
              if pcall(cmsgpack.unpack, s) then n = n + 1 end
              pcall(cmsgpack.unpack_limit, s, 3, 1)
              for _, format in ipairs({f, j, o}) do
                pcall(struct.unpack, format, s) pcall(struct.size, format) pcall(struct.pack, format, 1, s, 2, s, 3)
              end
              local again = cjson.encode({s, cmsgpack.pack(s)})
              if cmsgpack.unpack(cmsgpack.pack(s)) ~= s or cjson.decode(again)[1] ~= s then error('changed') end
            end
            return n";
        let args: [&[u8]; 4] = [&bytes, &format, likely.as_bytes(), options.as_bytes()];
        let reply = engine.eval(source, &[] as &[&str], &args);
        prop_assert!(matches!(reply, Ok(Value::Integer(_))), "{reply:?}");
    }
}
