//! What is expected here was recorded from Redis 7.0.15 or printed by C, never by this crate.

use super::*;

fn text(write: fn(f64, &mut Vec<u8>), number: f64) -> String {
    let mut out = Vec::new();
    write(number, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn integers_are_read_over_the_whole_range() {
    for number in [0, 1, -1, 9, 10, -10, 42, 1_000_000_007, i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1] {
        assert_eq!(parse_i64(number.to_string().as_bytes()), Some(number));
    }
}

#[test]
fn an_integer_has_one_spelling() {
    let refused = [
        "", "-", "+", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1a", "a", "1.0", "0x10", "--1", "1-",
        "1e3", "\0", "1\0",
    ];
    for text in refused {
        assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn an_integer_out_of_range_is_refused() {
    let refused = [
        "9223372036854775808",
        "-9223372036854775809",
        "9999999999999999999",
        "18446744073709551617",
        "10000000000000000000",
    ];
    for text in refused {
        assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn a_cursor_is_read_as_strtoul_does() {
    let read = [
        ("0", 0),
        ("", 0),
        ("+1", 1),
        ("01", 1),
        ("-0", 0),
        ("-1", u64::MAX),
        ("18446744073709551615", u64::MAX),
        ("-18446744073709551615", 1),
        ("1\0a", 1),
        ("\x001", 0),
    ];
    for (text, cursor) in read {
        assert_eq!(parse_u64_prefixless(text.as_bytes()), Some(cursor), "{text:?}");
    }
    assert_eq!(parse_u64_prefixless(&[&[b'0'; 200][..], b"7"].concat()), Some(7));
}

#[test]
fn a_cursor_with_anything_around_it_is_refused() {
    let refused = [
        " 1",
        "1 ",
        "\t1",
        "1a",
        "0x10",
        "1.0",
        "+",
        "-",
        "+-1",
        "abc",
        "18446744073709551616",
        "-18446744073709551616",
    ];
    for text in refused {
        assert_eq!(parse_u64_prefixless(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn floats_are_decimal_or_hexadecimal_or_infinite() {
    let read = [
        ("0", 0.0),
        ("+1", 1.0),
        ("01", 1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1E5", 1e5),
        ("1e+5", 1e5),
        ("1e0000000000000000000000000005", 1e5),
        ("0e99999999999999999999", 0.0),
        ("1e-320", 9.999_888_671_826_83e-321),
        ("2.5e-324", 5e-324),
        ("17976931348623158e292", f64::MAX),
        ("2.2250738585072011e-308", 2.225_073_858_507_201e-308),
        ("inf", f64::INFINITY),
        ("+INF", f64::INFINITY),
        ("iNf", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
        ("0x10", 16.0),
        ("0X1P4", 16.0),
        ("-0x1p4", -16.0),
        ("0x.8", 0.5),
        ("0x1.", 1.0),
        ("0x1.8p1", 3.0),
        ("0x1p1023", 8.988_465_674_311_58e307),
        ("0x1p-1074", 5e-324),
        ("0x1.8p-1075", 5e-324),
        ("0x1.fffffffffffff8p0", 2.0),
        ("0x1.00000000000008p0", 1.0),
        ("0x1.000000000000080000000000000000000000000000001p0", 1.000_000_000_000_000_2),
        ("0x1.fffffffffffff7p1023", f64::MAX),
    ];
    for (text, number) in read {
        assert_eq!(parse_f64(text.as_bytes()), Some(number), "{text}");
    }
    assert!(parse_f64(b"-0").is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
    assert_eq!(parse_f64(&[&[b'0'; 5000][..], b"1"].concat()), Some(1.0));
}

#[test]
fn what_is_not_a_float_is_refused() {
    let refused = [
        "",
        " 1",
        "1 ",
        "\t1",
        ".",
        "-",
        "+",
        "1e",
        "1e+",
        "e5",
        "1e5.5",
        "--1",
        "+-1",
        "1_0",
        "1,5",
        "1f",
        "0b1",
        "1\0",
        "1\x002",
        "infi",
        "infinit",
        "infinityx",
        "nan",
        "NaN",
        "-nan",
        "nan()",
        "0x",
        "0x.",
        "0x1p",
        "0x1p+",
        "0xp1",
        "0xg",
    ];
    for text in refused {
        assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        assert!(LongDouble::parse(text.as_bytes()).is_none(), "{text:?}");
    }
}

#[test]
fn a_float_out_of_range_is_refused() {
    let refused = [
        "1e400",
        "-1e400",
        "17976931348623159e292",
        "0x1p1024",
        "0x1.fffffffffffff8p1023",
        "0x1p99999",
        "1e99999999999999999999999",
        "1e-400",
        "2e-324",
        "0x1p-1075",
        "0x1p-99999",
        "1e-99999999999999999999999",
    ];
    for text in refused {
        assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn the_end_of_a_range_of_scores_is_read_loosely() {
    let read = [
        ("", 0.0),
        (" 1", 1.0),
        ("\t\x0b1", 1.0),
        ("1\0x", 1.0),
        ("1e400", f64::INFINITY),
        ("-1e400", f64::NEG_INFINITY),
        ("1e-400", 0.0),
    ];
    for (text, number) in read {
        assert_eq!(parse_score_bound(text.as_bytes()), Some(number), "{text:?}");
    }
    for text in ["1 ", " ", "nan", "x", "1e", "(1"] {
        assert_eq!(parse_score_bound(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn a_weight_is_read_loosely_but_not_rounded_to_the_least_doubles() {
    let read = [
        ("", 0.0),
        ("\0abc", 0.0),
        (" 5", 5.0),
        ("\t\n\x0b\x0c\r 4", 4.0),
        ("5\0abc", 5.0),
        ("0x10", 16.0),
        ("0X1P3", 8.0),
        ("  +0x1", 1.0),
        ("-.5e1", -5.0),
        ("0e999", 0.0),
        ("+inf", f64::INFINITY),
        ("-iNFinity", f64::NEG_INFINITY),
        ("2.2250738585072014e-308", f64::MIN_POSITIVE),
        ("0x1p-1074", 5e-324),
        ("0x0.0000000000001p-1022", 5e-324),
    ];
    for (text, number) in read {
        assert_eq!(parse_weight(text.as_bytes()), Some(number), "{text:?}");
    }
    let refused = [
        " ",
        "5 ",
        "x\0",
        "1e400",
        "-1e400",
        "1e-400",
        "1e-310",
        "5e-324",
        "2.2250738585072011e-308",
        "0x1p-1075",
        "0x1.8p-1074",
        "0x",
        "0x1p",
        "nan",
        "infx",
        ".",
        "+",
        "1e+",
    ];
    for text in refused {
        assert_eq!(parse_weight(text.as_bytes()), None, "{text:?}");
    }
}

fn incrbyfloat(stored: &str, increment: &str) -> Option<String> {
    let sum = LongDouble::parse(stored.as_bytes())?.add(LongDouble::parse(increment.as_bytes())?)?;
    Some(String::from_utf8(sum.format()).unwrap())
}

/// The stored value, the increment, and what INCRBYFLOAT replied.
const SUMS: &[(&str, &str, &str)] = &[
    ("0", "0", "0"),
    ("-0", "0", "0"),
    ("0", "-0", "0"),
    ("-0", "-0", "0"),
    ("3.0e3", "0", "3000"),
    ("0.1", "0.2", "0.3"),
    ("10.50", "0.1", "10.6"),
    ("10.6", "-5", "5.6"),
    ("5.0e3", "2.0e2", "5200"),
    ("5.0e-20", "0", "0"),
    ("-5.0e-20", "0", "0"),
    ("-1", "5.0e-20", "-1"),
    ("4.9e-18", "0", "0"),
    ("5e-18", "0", "0"),
    ("5.1e-18", "0", "0.00000000000000001"),
    ("-5.1e-18", "0", "-0.00000000000000001"),
    ("1e-17", "0", "0.00000000000000001"),
    ("1.5e-17", "0", "0.00000000000000002"),
    ("2.5e-17", "0", "0.00000000000000002"),
    ("1", "1e-17", "1.00000000000000001"),
    ("1", "1e-19", "1"),
    ("1", "1e-20", "1"),
    ("1e17", "0.5", "100000000000000000.5"),
    ("9223372036854775807", "1", "9223372036854775808"),
    ("-9223372036854775808", "-1", "-9223372036854775809"),
    ("18446744073709551615", "1", "18446744073709551616"),
    ("18446744073709551616", "0.5", "18446744073709551616"),
    ("18446744073709551615", "0.5", "18446744073709551616"),
    ("36893488147419103232", "1", "36893488147419103232"),
    ("1e27", "0", "1000000000000000000000000000"),
    ("1e28", "1e-28", "9999999999999999999731564544"),
    ("123456789012345678901234567890", "0", "123456789012345678899921813504"),
    ("3.14159265358979323846", "0", "3.14159265358979324"),
    ("2.71828182845904523536", "-3.14159265358979323846", "-0.423310825130748"),
    ("1.00000000000000001", "0", "1.00000000000000001"),
    ("1.000000000000000005", "0", "1"),
    ("0.99999999999999999", "0", "0.99999999999999999"),
    ("0.999999999999999999", "0", "1"),
    ("0.999999999999999999999", "0", "1"),
    ("9.999999999999999999", "0", "10"),
    ("1e-4940", "1", "1"),
    ("0x1p4", "0", "16"),
    ("0x1.8p1", ".5", "3.5"),
    ("0X.8", "-0X1P-1", "0"),
    ("0x1.fffffffffffffffep0", "0", "2"),
    ("0x1.ffffffffffffffffp0", "0", "2"),
    ("0x1p-17", "0", "0.00000762939453125"),
    ("0x1p-64", "0", "0"),
    ("1.", ".5", "1.5"),
    ("+1", "-1", "0"),
    ("007", "0.30", "7.3"),
    ("1E5", "1e+5", "200000"),
    ("100", "-0.0000001", "99.9999999"),
    ("0.000001", "0.0000001", "0.0000011"),
    ("1e40", "-1e40", "0"),
    ("1e40", "1", "9999999999999999999783686092270256259072"),
    ("99999999999999999999.5", "0", "100000000000000000000"),
    ("-12.5", "12.25", "-0.25"),
    ("1234567.891", "0.009", "1234567.89999999999997726"),
    ("1e60", "0", "999999999999999999999373423426722168652130621984886772203520"),
    ("2e22", "0", "20000000000000000000000"),
    ("0e99999999999999999999", "1", "1"),
    ("1e0000000000000000000000000005", "0", "100000"),
];

#[test]
fn sums_in_80_bits_are_those_of_incrbyfloat() {
    for (stored, increment, sum) in SUMS {
        assert_eq!(incrbyfloat(stored, increment).as_deref(), Some(*sum), "{stored} + {increment}");
    }
}

#[test]
fn huge_sums_are_written_in_full() {
    let huge = [
        ("1e300", 301, "100000000000000000000899732407", "187386105690089424915104006144"),
        ("-1e300", 302, "-10000000000000000000089973240", "187386105690089424915104006144"),
        ("1e4932", 4933, "100000000000000000000601894938", "163141086538418113791886622720"),
        (
            "1.18973149535723176502e4932",
            4933,
            "118973149535723176502126385303",
            "444156604419552086811989770240",
        ),
    ];
    for (number, length, start, end) in huge {
        let text = incrbyfloat(number, "1").unwrap();
        assert!(text.len() == length && text.starts_with(start) && text.ends_with(end), "{number}: {text}");
    }
}

#[test]
fn a_sum_that_is_not_finite_is_none() {
    for (stored, increment) in [("inf", "1"), ("1", "-Infinity"), ("inf", "-inf"), ("1.18e4932", "1.18e4932")]
    {
        assert_eq!(incrbyfloat(stored, increment), None);
    }
    assert!(!LongDouble::parse(b"+inf").unwrap().is_finite());
    assert!(LongDouble::parse(b"1e4932").unwrap().is_finite());
}

#[test]
fn the_range_of_80_bits_has_ends() {
    for text in ["1.18e4932", "0x1p16383", "1e-4940", "3.6e-4951", "0x1p-16445"] {
        assert!(LongDouble::parse(text.as_bytes()).is_some(), "{text}");
    }
    for text in
        ["1.2e4932", "1e5000", "0x1p16384", "0x1p-16446", "1e-4960", "1e-5000", "1e99999999999999999999999"]
    {
        assert!(LongDouble::parse(text.as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn a_long_double_has_at_most_5119_bytes() {
    let padded = |length: usize| [vec![b'0'; length - 1], b"1".to_vec()].concat();
    assert_eq!(LongDouble::parse(&padded(5119)).unwrap().format(), b"1");
    assert!(LongDouble::parse(&padded(5120)).is_none());
}

#[test]
fn an_integer_becomes_a_long_double_exactly() {
    for number in [0, 7, -7, i64::MAX, i64::MIN] {
        assert_eq!(LongDouble::from(number).format(), number.to_string().as_bytes());
    }
}

/// A number, what C prints of it by `%.17g`, and its shortest digits (Python's) laid out by Redis's rule.
const TEXTS: &[(f64, &str, &str)] = &[
    (0.0, "0", "0"),
    (-0.0, "-0", "-0"),
    (1.0, "1", "1"),
    (-1.0, "-1", "-1"),
    (10.0, "10", "10"),
    (0.1, "0.10000000000000001", "0.1"),
    (0.3333333333333333, "0.33333333333333331", "0.3333333333333333"),
    (100.0, "100", "100"),
    (1e9, "1000000000", "1e+9"),
    (1e15, "1000000000000000", "1e+15"),
    (123456789012345680.0, "1.2345678901234568e+17", "123456789012345680"),
    (1e16, "10000000000000000", "1e+16"),
    (1e17, "1e+17", "1e+17"),
    (1e21, "1e+21", "1e+21"),
    (1e22, "1e+22", "1e+22"),
    (1e23, "9.9999999999999992e+22", "1e+23"),
    (1e100, "1e+100", "1e+100"),
    (1.5e-9, "1.5e-09", "1.5e-9"),
    (1e-7, "9.9999999999999995e-08", "1e-7"),
    (1e-6, "9.9999999999999995e-07", "0.000001"),
    (1e-5, "1.0000000000000001e-05", "0.00001"),
    (0.0001, "0.0001", "0.0001"),
    (0.001, "0.001", "0.001"),
    (0.00012345, "0.00012344999999999999", "1.2345e-4"),
    (1.2345e-5, "1.2345e-05", "1.2345e-5"),
    (1.2345e-7, "1.2345000000000001e-07", "1.2345e-7"),
    (12345.678, "12345.678", "12345.678"),
    (3.0e3, "3000", "3000"),
    (123000000000.0, "123000000000", "1.23e+11"),
    (5e-324, "4.9406564584124654e-324", "5e-324"),
    (2.2250738585072014e-308, "2.2250738585072014e-308", "2.2250738585072014e-308"),
    (1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308"),
    (4611686018427387904.0, "4.6116860184273879e+18", "4611686018427388000"),
    (9007199254740993.0, "9007199254740992", "9007199254740992"),
    (0.30000000000000004, "0.30000000000000004", "0.30000000000000004"),
    (-2.5, "-2.5", "-2.5"),
    (-1e-7, "-9.9999999999999995e-08", "-1e-7"),
    (12300000000000000000.0, "1.23e+19", "1.23e+19"),
    (1234567e3, "1234567000", "1234567000"),
    (7e7, "70000000", "70000000"),
    (7e8, "700000000", "7e+8"),
    (99999999.0, "99999999", "99999999"),
    (1e-4, "0.0001", "0.0001"),
    (0.1234567890123456, "0.12345678901234559", "0.1234567890123456"),
    (1.2345678901234567e-3, "0.0012345678901234567", "0.0012345678901234567"),
    (1.2345678901234567e-4, "0.00012345678901234567", "1.2345678901234567e-4"),
    (-1.7976931348623157e308, "-1.7976931348623157e+308", "-1.7976931348623157e+308"),
];

#[test]
fn seventeen_digits_are_those_of_c() {
    for (number, seventeen, _) in TEXTS {
        assert_eq!(text(format_g17, *number), *seventeen);
    }
    assert_eq!(text(format_g17, f64::INFINITY), "inf");
    assert_eq!(text(format_g17, f64::NEG_INFINITY), "-inf");
    assert_eq!(text(format_g17, f64::NAN.copysign(1.0)), "nan");
    assert_eq!(text(format_g17, f64::NAN.copysign(-1.0)), "-nan");
}

#[test]
fn the_shortest_text_is_laid_out_as_redis_does() {
    for (number, _, shortest) in TEXTS {
        assert_eq!(text(format_shortest, *number), *shortest);
    }
    assert_eq!(text(format_shortest, f64::INFINITY), "inf");
    assert_eq!(text(format_shortest, f64::NEG_INFINITY), "-inf");
    assert_eq!(text(format_shortest, f64::NAN.copysign(-1.0)), "nan");
}

#[test]
fn a_lua_number_that_is_an_integer_is_written_as_one() {
    let numbers = [
        (0.0, "0"),
        (-0.0, "0"),
        (10.0, "10"),
        (-3.0, "-3"),
        (1e9, "1000000000"),
        (1e17, "100000000000000000"),
        (4611686018427387904.0, "4611686018427387904"),
        (-4611686018427387904.0, "-4611686018427387904"),
        (4611686018427388928.0, "4611686018427389000"),
        (1e19, "1e+19"),
        (0.1, "0.1"),
        (1.5, "1.5"),
        (1e-7, "1e-7"),
        (f64::INFINITY, "inf"),
        (f64::NAN, "nan"),
    ];
    for (number, expected) in numbers {
        assert_eq!(text(format_lua_number, number), expected);
    }
}

#[test]
fn a_double_in_a_reply_keeps_the_sign_of_zero() {
    assert_eq!(text(format_double_reply, -0.0), "-0");
    assert_eq!(text(format_double_reply, 0.0), "0");
    assert_eq!(text(format_double_reply, 1e17), "100000000000000000");
    assert_eq!(text(format_double_reply, 3.2), "3.2");
    assert_eq!(text(format_double_reply, f64::NAN.copysign(-1.0)), "nan");
}

#[test]
fn a_double_becomes_an_integer_towards_zero() {
    let numbers = [
        (1.9, 1),
        (-1.9, -1),
        (-0.5, 0),
        (4611686018427387904.0, 1 << 62),
        (1e18, 1_000_000_000_000_000_000),
    ];
    for (number, integer) in numbers {
        assert_eq!(f64_to_i64(number), integer);
    }
    for number in [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9223372036854775808.0,
        -9223372036854775808.0,
        1e300,
        -1e300,
    ] {
        assert_eq!(f64_to_i64(number), i64::MIN);
    }
}

#[test]
fn fewer_digits_are_rounded_as_c_rounds_them() {
    // %.1g, %.3g, %.14g and %.15g.
    for (number, one, three, fourteen, fifteen) in [
        (0.3333333333333333, "0.3", "0.333", "0.33333333333333", "0.333333333333333"),
        (0.6666666666666666, "0.7", "0.667", "0.66666666666667", "0.666666666666667"),
        (0.1, "0.1", "0.1", "0.1", "0.1"),
        (12.34, "1e+01", "12.3", "12.34", "12.34"),
        (100000000000000.0, "1e+14", "1e+14", "1e+14", "100000000000000"),
        (99999999999999.95, "1e+14", "1e+14", "1e+14", "100000000000000"),
        (1234567890123.25, "1e+12", "1.23e+12", "1234567890123.2", "1234567890123.25"),
        (1234567890123.75, "1e+12", "1.23e+12", "1234567890123.8", "1234567890123.75"),
        (12345678901234.5, "1e+13", "1.23e+13", "12345678901234", "12345678901234.5"),
        (12345678901235.5, "1e+13", "1.23e+13", "12345678901236", "12345678901235.5"),
        (5e-324, "5e-324", "4.94e-324", "4.9406564584125e-324", "4.94065645841247e-324"),
        (2.2250738585072014e-308, "2e-308", "2.23e-308", "2.2250738585072e-308", "2.2250738585072e-308"),
        (2.225073858507201e-308, "2e-308", "2.23e-308", "2.2250738585072e-308", "2.2250738585072e-308"),
        (1.7976931348623157e+308, "2e+308", "1.8e+308", "1.7976931348623e+308", "1.79769313486232e+308"),
        (9.99999999999995, "1e+01", "10", "10", "9.99999999999995"),
        (1e-05, "1e-05", "1e-05", "1e-05", "1e-05"),
        (0.0001, "0.0001", "0.0001", "0.0001", "0.0001"),
        (123456.5, "1e+05", "1.23e+05", "123456.5", "123456.5"),
        (0.5, "0.5", "0.5", "0.5", "0.5"),
        (2.5, "2", "2.5", "2.5", "2.5"),
        (-7.25, "-7", "-7.25", "-7.25", "-7.25"),
        (1000000000000000.0, "1e+15", "1e+15", "1e+15", "1e+15"),
        (999.5, "1e+03", "1e+03", "999.5", "999.5"),
    ] {
        for (precision, expected) in [(1, one), (3, three), (14, fourteen), (15, fifteen)] {
            let mut out = Vec::new();
            format_g(number, precision, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{number:e} with {precision} digits");
        }
    }
}
