//! The requests and their errors were tried on Redis 7.0.15 over a raw socket.

use super::decode::MAX_DEPTH;
use super::*;
use crate::blob::Blob;
use crate::error::Error;
use crate::value::Value;

fn encoded(value: &Value, protocol: Protocol) -> String {
    let mut out = Vec::new();
    encode(value, protocol, &mut out);
    out.escape_ascii().to_string()
}

fn integers(numbers: &[i64]) -> Vec<Value> {
    numbers.iter().copied().map(Value::Integer).collect()
}

fn big(digits: &str) -> Value {
    Value::BigNumber(digits.into())
}

fn verbatim(text: &str) -> Value {
    Value::Verbatim { format: *b"txt", text: text.into() }
}

#[test]
fn each_value_has_its_form_in_either_protocol() {
    let forms: Vec<(Value, &str, &str)> = vec![
        (Value::Nil, r"$-1\r\n", r"_\r\n"),
        (Value::NilArray, r"*-1\r\n", r"_\r\n"),
        (Value::Integer(i64::MIN), r":-9223372036854775808\r\n", r":-9223372036854775808\r\n"),
        (Value::Double(1.5), r"$3\r\n1.5\r\n", r",1.5\r\n"),
        (Value::Double(-0.0), r"$2\r\n-0\r\n", r",-0\r\n"),
        (Value::Double(10.0), r"$2\r\n10\r\n", r",10\r\n"),
        (Value::Double(f64::INFINITY), r"$3\r\ninf\r\n", r",inf\r\n"),
        (Value::Double(f64::NEG_INFINITY), r"$4\r\n-inf\r\n", r",-inf\r\n"),
        (Value::Double(f64::NAN), r"$3\r\nnan\r\n", r",nan\r\n"),
        (Value::Boolean(true), r":1\r\n", r"#t\r\n"),
        (Value::Boolean(false), r":0\r\n", r"#f\r\n"),
        (Value::Bulk("a\r\nb".into()), r"$4\r\na\r\nb\r\n", r"$4\r\na\r\nb\r\n"),
        (Value::Bulk(Blob::new()), r"$0\r\n\r\n", r"$0\r\n\r\n"),
        (Value::Status("a\r\nb".into()), r"+a  b\r\n", r"+a  b\r\n"),
        (Value::Error(Error::new("ERR a\nb")), r"-ERR a b\r\n", r"-ERR a b\r\n"),
        (big("1\r\n2"), r"$4\r\n1  2\r\n", r"(1  2\r\n"),
        (verbatim("a\r\nb"), r"$4\r\na\r\nb\r\n", r"=8\r\ntxt:a\r\nb\r\n"),
        (Value::Array(vec![]), r"*0\r\n", r"*0\r\n"),
        (Value::Array(integers(&[1, 2])), r"*2\r\n:1\r\n:2\r\n", r"*2\r\n:1\r\n:2\r\n"),
        (Value::Set(integers(&[1])), r"*1\r\n:1\r\n", r"~1\r\n:1\r\n"),
        (Value::Push(integers(&[1])), r"*1\r\n:1\r\n", r">1\r\n:1\r\n"),
        (Value::Map(vec![]), r"*0\r\n", r"%0\r\n"),
        (Value::Map(vec![(1.into(), 2.into())]), r"*2\r\n:1\r\n:2\r\n", r"%1\r\n:1\r\n:2\r\n"),
    ];
    for (value, resp2, resp3) in forms {
        assert_eq!(encoded(&value, Protocol::Resp2), resp2, "{value:?}");
        assert_eq!(encoded(&value, Protocol::Resp3), resp3, "{value:?}");
    }
}

/// One of everything, nested.
fn sample() -> Value {
    Value::Array(vec![
        Value::Map(vec![
            (Value::Array(integers(&[1])), Value::Map(vec![("k".into(), Value::Set(integers(&[2, 3])))])),
            (Value::Array(vec![]), Value::Nil),
        ]),
        Value::Push(vec!["message".into(), verbatim("x")]),
        Value::Double(0.1),
        Value::Boolean(false),
        big("-12345678901234567890"),
        Value::Error(Error::new("WRONGTYPE no")),
        Value::ok(),
    ])
}

#[test]
fn what_is_encoded_to_resp3_decodes_to_the_same() {
    let mut out = Vec::new();
    encode(&sample(), Protocol::Resp3, &mut out);
    let len = out.len();
    out.extend_from_slice(b"+next");
    assert_eq!(decode(&out).unwrap(), Some((sample(), len)));
}

#[test]
fn a_reply_that_is_cut_off_anywhere_is_not_whole() {
    let mut out = Vec::new();
    encode(&sample(), Protocol::Resp3, &mut out);
    for end in 0..out.len() {
        assert_eq!(decode(&out[..end]).unwrap(), None, "{end}");
    }
}

#[test]
fn replies_of_either_protocol_are_decoded() {
    let replies: Vec<(&[u8], Value)> = vec![
        (b"$-1\r\n", Value::Nil),
        (b"*-1\r\n", Value::NilArray),
        (b"_\r\n", Value::Nil),
        (b":+5\r\n", Value::Integer(5)),
        (b",1\r\n", Value::Double(1.0)),
        (b",-1.5e-7\r\n", Value::Double(-1.5e-7)),
        (b",inf\r\n", Value::Double(f64::INFINITY)),
        (b"!5\r\nERR a\r\n", Value::Error(Error::new("ERR a"))),
        (b"=7\r\ntxt:a\r\n\r\n", verbatim("a\r\n")),
        (b"~0\r\n", Value::Set(vec![])),
        (b"+\r\n", Value::Status(Blob::new())),
        (b"*2\r\n*0\r\n%0\r\n", Value::Array(vec![Value::Array(vec![]), Value::Map(vec![])])),
    ];
    for (input, value) in replies {
        assert_eq!(decode(input).unwrap(), Some((value, input.len())), "{}", input.escape_ascii());
    }
    assert!(matches!(decode(b",-nan\r\n"), Ok(Some((Value::Double(number), 7))) if number.is_nan()));
}

#[test]
fn attributes_are_skipped_wherever_they_stand() {
    let input = b"|1\r\n+ttl\r\n*1\r\n:9\r\n*2\r\n:1\r\n|1\r\n+a\r\n|0\r\n+b\r\n:2\r\n";
    assert_eq!(decode(input).unwrap(), Some((Value::Array(integers(&[1, 2])), input.len())));
    assert_eq!(decode(b"|1\r\n+a\r\n+b\r\n").unwrap(), None);
}

#[test]
fn what_is_not_a_reply_is_an_error() {
    let wrong: [&[u8]; 19] = [
        b"x",
        b"\r\n",
        b":\r\n",
        b":1a\r\n",
        b":9223372036854775808\r\n",
        b",x\r\n",
        b"#x\r\n",
        b"_x\r\n",
        b"(\r\n",
        b"(1a\r\n",
        b"$-2\r\n",
        b"$?\r\n",
        b"*-2\r\n",
        b"%-1\r\n",
        b"$1\r\nabc",
        b"=3\r\nabc\r\n",
        b"+a\nb\r\n",
        b"+a\rb\r\n",
        b"%9223372036854775807\r\n%9223372036854775807\r\n%-5\r\n",
    ];
    for input in wrong {
        let error = decode(input).unwrap_err();
        assert!(error.as_bytes().starts_with(b"ERR Protocol error: "), "{} {error}", input.escape_ascii());
    }
}

#[test]
fn an_announced_length_allocates_nothing() {
    assert_eq!(decode(b"*9223372036854775807\r\n").unwrap(), None);
    assert_eq!(decode(b"$9223372036854775807\r\n").unwrap(), None);
    assert_eq!(decode(&b"*1000000000\r\n".repeat(1_000)).unwrap(), None);
    assert_eq!(decode_command(b"*2147483647\r\n").unwrap(), None);
    assert_eq!(decode_command(b"*1\r\n$536870912\r\n").unwrap(), None);
}

#[test]
fn deep_replies_are_encoded_and_too_deep_ones_not_decoded() {
    let mut deep = Value::Nil;
    for _ in 0..8_000 {
        deep = Value::Array(vec![deep]);
    }
    let mut out = Vec::new();
    encode(&deep, Protocol::Resp3, &mut out);
    assert_eq!(out, [b"*1\r\n".repeat(8_000), b"_\r\n".to_vec()].concat());
    // Taken apart by hand: dropping so deep a value needs more stack than a test has.
    while let Value::Array(mut items) = deep {
        deep = items.pop().unwrap_or(Value::Nil);
    }
    let nested = |depth| [b"*1\r\n".repeat(depth), b":1\r\n".to_vec()].concat();
    assert!(decode(&nested(MAX_DEPTH)).unwrap().is_some());
    assert_eq!(
        decode(&nested(MAX_DEPTH + 1)).unwrap_err().to_string(),
        "ERR Protocol error: nested too deeply"
    );
    assert!(decode(&b"|1\r\n".repeat(1_000_000)).is_err());
}

#[test]
fn requests_are_arrays_of_bulk_strings_or_lines_of_words() {
    // The bytes, the arguments, and how many bytes are left.
    type Request<'a> = (&'a [u8], &'a [&'a [u8]], usize);
    let requests: &[Request<'_>] = &[
        (b"*1\r\n$4\r\nPING\r\n", &[b"PING"], 0),
        (b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n*1", &[b"ECHO", b""], 2),
        (b"*1\r\n$2\r\n\r\n\r\n", &[b"\r\n"], 0),
        // Neither the LF of a CR LF nor the end of an argument is looked at.
        (b"*1\rX$4\rXPINGXXPING\r\n", &[b"PING"], 6),
        (b"*0\r\nPING\r\n", &[], 6),
        (b"*-5\r\n", &[], 0),
        (b"\r\nPING\r\n", &[], 6),
        (b"   \n", &[], 0),
        (b"PING\r\n", &[b"PING"], 0),
        (b"PING\n", &[b"PING"], 0),
        (b"ping\r\r\n", &[b"ping"], 0),
        (b"\tPING\t\n", &[b"PING"], 0),
        (b"\x0bPING\x0c\n", &[b"PING\x0c"], 0),
        (b"PING a\rb\r\n", &[b"PING", b"a", b"b"], 0),
        (b"$4\r\nPING\r\n", &[b"$4"], 6),
        (b"PING \"a b\" 'c d'\n", &[b"PING", b"a b", b"c d"], 0),
        (b"PING \"a\\x41\\n\\r\\t\\b\\a\\q\\\"\\\\\"\n", &[b"PING", b"aA\n\r\t\x08\x07q\"\\"], 0),
        (b"PING 'a\\'b\\n'\n", &[b"PING", b"a'b\\n"], 0),
        (b"PING \"\" ''\n", &[b"PING", b"", b""], 0),
        (b"PING \"\\x4\" \"\\xzz\" \"\\xfF\"\n", &[b"PING", b"x4", b"xzz", b"\xff"], 0),
        (b"PING a\"b c\"\n", &[b"PING", b"ab c"], 0),
        (b"PING \"a\"\x0bb\n", &[b"PING", b"a", b"b"], 0),
        (b"PING \\x41\n", &[b"PING", b"\\x41"], 0),
        (b"PING \"a\rb\"\n", &[b"PING", b"a\rb"], 0),
        (b"PING a\xa0b\n", &[b"PING", b"a\xa0b"], 0),
    ];
    for (input, args, left) in requests {
        let shown = input.escape_ascii();
        let (found, used) = decode_command(input).unwrap().unwrap();
        assert_eq!(found, *args, "{shown}");
        assert_eq!(input.len() - used, *left, "{shown}");
    }
}

#[test]
fn requests_that_are_not_whole_wait_for_more() {
    let waiting: [&[u8]; 14] = [
        b"",
        b"*",
        b"*1",
        b"*1\r",
        b"*1\r\n",
        b"*1\r\n$",
        b"*1\r\n$4\r\nPIN",
        b"*1\r\n$4\r\nPING\r",
        b"*1\n",
        b"*1\r\n\n",
        b"PING",
        b"PING \"a\\", // A NUL hides the end of the line.
        b"PING a\0b\r\nPING\r\n",
        b"*1\r\n\0\r\n",
    ];
    for input in waiting {
        assert_eq!(decode_command(input).unwrap(), None, "{}", input.escape_ascii());
    }
}

#[test]
fn requests_that_are_wrong_get_the_errors_of_redis() {
    let wrong: &[(&[u8], &str)] = &[
        (b"*abc\r\n", "invalid multibulk length"),
        (b"*\r\n", "invalid multibulk length"),
        (b"*01\r\n", "invalid multibulk length"),
        (b"*+1\r\n", "invalid multibulk length"),
        (b"*1\n$4\r\nPING\r\n", "invalid multibulk length"),
        (b"*2147483648\r\n", "invalid multibulk length"),
        (b"*-99999999999999999999\r\n", "invalid multibulk length"),
        (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
        (b"*1\r\n:4\r\n", "expected '$', got ':'"),
        (b"*1\r\n\r\n", "expected '$', got ' '"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$\r\n", "invalid bulk length"),
        (b"*1\r\n$04\r\nPING\r\n", "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"PING \"a\r\n", "unbalanced quotes in request"),
        (b"PING 'a\r\n", "unbalanced quotes in request"),
        (b"PING \"a\"b\r\n", "unbalanced quotes in request"),
        (b"PING 'a'b\r\n", "unbalanced quotes in request"),
        (b"PING \"a\"\"b\"\r\n", "unbalanced quotes in request"),
        (b"PING \"a\\\"\r\n", "unbalanced quotes in request"),
        (b"PING \"a\\\n", "unbalanced quotes in request"),
    ];
    for (input, what) in wrong {
        let error = decode_command(input).unwrap_err();
        assert_eq!(error.to_string(), format!("ERR Protocol error: {what}"), "{}", input.escape_ascii());
    }
    let error = decode_command(b"*1\r\n\xff\r\n").unwrap_err();
    assert_eq!(error.as_bytes(), b"ERR Protocol error: expected '$', got '\xff'");
}

#[test]
fn a_line_without_an_end_is_too_big_past_64_kibibytes() {
    let heads: [(&[u8], &str); 3] = [
        (b"*", "too big mbulk count string"),
        (b"*1\r\n$", "too big bulk count string"),
        (b"a", "too big inline request"),
    ];
    for (head, what) in heads {
        let mut input = [head, &[b'1'; 65_535]].concat();
        assert_eq!(decode_command(&input).unwrap(), None);
        input.push(b'1');
        assert_eq!(decode_command(&input).unwrap_err().to_string(), format!("ERR Protocol error: {what}"));
    }
    // The outcome is not to depend on how the bytes come, so a longer line is refused although its end is there.
    let long = |length| [b"PING ", &vec![b'a'; length][..], b"\n"].concat();
    assert_eq!(decode_command(&long(65_531)).unwrap().unwrap().0[1].len(), 65_531);
    let error = decode_command(&long(65_532)).unwrap_err();
    assert_eq!(error.to_string(), "ERR Protocol error: too big inline request");
}

#[test]
fn a_command_that_is_encoded_is_a_request() {
    let mut out = Vec::new();
    encode_command(&[&b"SET"[..], b"\0\r\n", b""], &mut out);
    assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$3\r\n\0\r\n\r\n$0\r\n\r\n");
    let (args, used) = decode_command(&out).unwrap().unwrap();
    assert_eq!((args, used), (vec!["SET".into(), "\0\r\n".into(), Blob::new()], out.len()));
}

#[test]
fn an_err_is_an_error_reply() {
    let mut out = Vec::new();
    encode_result(&Err(Error::new("ERR a\r\nb")), Protocol::Resp3, &mut out);
    encode_result(&Ok(Value::Boolean(true)), Protocol::Resp3, &mut out);
    assert_eq!(out, b"-ERR a  b\r\n#t\r\n");
}

#[test]
fn the_vector_of_arguments_keeps_its_allocation() {
    let mut args: Vec<&[u8]> = Vec::with_capacity(40);
    args.extend([&b"SET"[..], b"k", b"v"]);
    let place = args.as_ptr() as usize;
    let args: Vec<&'static [u8]> = conversation::recycle(args);
    assert_eq!((args.len(), args.capacity(), args.as_ptr() as usize), (0, 40, place));
}
