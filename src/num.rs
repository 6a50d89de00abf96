//! Numbers as Redis reads and writes them.
//!
//! Each reader has its own idea of what a number is: [`parse_i64`] for integer arguments, [`parse_u64_prefixless`]
//! for SCAN cursors, [`parse_f64`] for scores and the like, [`parse_score_bound`] for the ends of a range of scores,
//! [`parse_weight`] for what SORT sorts by, and [`LongDouble::parse`] for INCRBYFLOAT. The writers are named after the rule that they follow. What is accepted
//! and what is written was asked of Redis 7.0.15 on x86-64, and the tests hold its answers.

use std::io::Write;

use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float, Round, Status};

/// The largest magnitude that is laid out as a plain integer.
const PLAIN_LIMIT: f64 = (1u64 << 62) as f64;

/// An integer argument in its one canonical spelling: no leading zero, no `+`, no `-0`, no space.
#[inline]
pub(crate) fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'0'] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    // Nineteen digits always fit in 64 bits without a sign, so the loop needs no check for overflow.
    if digits.len() > 19 || !matches!(digits, [b'1'..=b'9', ..]) {
        return None;
    }
    let mut magnitude = 0u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative {
        (magnitude <= 1 << 63).then(|| (magnitude as i64).wrapping_neg())
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// A SCAN cursor, read as C's `strtoul` does: a sign and leading zeros may stand, a negative number wraps around, a
/// NUL ends the text, and an empty text is 0. A space in front is refused, as is anything past the digits.
pub(crate) fn parse_u64_prefixless(text: &[u8]) -> Option<u64> {
    let text = until_nul(text);
    if text.is_empty() {
        return Some(0);
    }
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return None;
    }
    let mut magnitude = 0u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(if negative { magnitude.wrapping_neg() } else { magnitude })
}

/// A float argument such as a score: decimal, hexadecimal (`0x1p4`) or an infinity by name, with nothing around it.
/// Refused are NaN, numbers too large for a double, and numbers so small that a double would hold zero instead.
#[cfg_attr(
    not(feature = "resp"),
    allow(dead_code, reason = "RESP3 doubles are read with it, as scores will be")
)]
pub(crate) fn parse_f64(text: &[u8]) -> Option<f64> {
    let (number, in_range) = scan_f64(text)?;
    in_range.then_some(number)
}

/// The end of a range of scores (ZRANGEBYSCORE and its kin, after the parenthesis). Redis reads it more loosely than
/// a score: white space in front and any magnitude are accepted, a NUL ends the text, and an empty text is 0.
#[allow(dead_code, reason = "ranges of sorted sets are read with it")]
pub(crate) fn parse_score_bound(text: &[u8]) -> Option<f64> {
    let text = until_nul(text);
    if text.is_empty() {
        return Some(0.0);
    }
    scan_f64(without_blanks(text)).map(|(number, _)| number)
}

/// A number that SORT sorts by: read as loosely, but refused are numbers too large for a double, and those that it
/// would have to round to one of the least, which have fewer bits than others.
pub(crate) fn parse_weight(text: &[u8]) -> Option<f64> {
    let text = until_nul(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let text = without_blanks(text);
    let (number, in_range) = scan_f64(text)?;
    let is_exact = || match split_sign(text).1 {
        [b'0', b'x' | b'X', hex @ ..] => Binary::from_hex(hex).is_some_and(|exact| exact.is_double()),
        // Such a number in decimal that is not rounded has hundreds of digits.
        _ => false,
    };
    (in_range && (!number.is_subnormal() || is_exact())).then_some(number)
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    &text[blanks..]
}

/// A whole text as the nearest double, and whether it is in the range of doubles.
fn scan_f64(text: &[u8]) -> Option<(f64, bool)> {
    let (negative, body) = split_sign(text);
    if let Some(number) = few_digits(body) {
        return Some((if negative { -number } else { number }, true));
    }
    match body {
        [b'0', b'x' | b'X', hex @ ..] => {
            let exact = Binary::from_hex(hex)?;
            let number = exact.to_f64();
            let in_range = number.is_finite() && (number != 0.0 || exact.mantissa == 0);
            Some((if negative { -number } else { number }, in_range))
        }
        // `parse` knows more names than these two, and NaN is among them.
        [b'i' | b'I', ..] => Some((std::str::from_utf8(text).ok()?.parse().ok()?, true)),
        [b'0'..=b'9' | b'.', ..] => {
            let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            let mantissa = body.iter().take_while(|&byte| !matches!(byte, b'e' | b'E'));
            let is_zero = || mantissa.clone().all(|byte| matches!(byte, b'0' | b'.'));
            Some((number, number.is_finite() && (number != 0.0 || is_zero())))
        }
        _ => None,
    }
}

/// Up to 15 digits and nothing else: any such number is a double. Most scores are spelled so.
fn few_digits(text: &[u8]) -> Option<f64> {
    if text.is_empty() || text.len() > 15 {
        return None;
    }
    let mut number = 0_u64;
    for byte in text {
        number = number * 10 + u64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    Some(number as f64)
}

fn until_nul(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    &text[..end]
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

/// The digits at the front of a text, and what follows them.
fn split_digits(text: &[u8], is_digit: fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !is_digit(byte)).unwrap_or(text.len());
    text.split_at(end)
}

/// `integer [. fraction] [mark [sign] exponent]`, the whole text: the two runs of digits and the exponent.
fn split_float(text: &[u8], is_digit: fn(&u8) -> bool, mark: u8) -> Option<(&[u8], &[u8], i64)> {
    let (integer, rest) = split_digits(text, is_digit);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => split_digits(rest, is_digit),
        rest => (&[][..], rest),
    };
    if integer.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match rest {
        [] => 0,
        [first, rest @ ..] if first.to_ascii_lowercase() == mark => {
            let (negative, digits) = split_sign(rest);
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let add = |sum: i64, digit: &u8| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
            let magnitude = digits.iter().fold(0, add);
            if negative { -magnitude } else { magnitude }
        }
        _ => return None,
    };
    Some((integer, fraction, exponent))
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

/// `mantissa * 2^exponent`. When the text had more digits than fit, the lowest bit of the mantissa stands for all
/// that were left out, which is enough to round correctly.
struct Binary {
    mantissa: u128,
    exponent: i64,
}

impl Binary {
    /// What follows the `0x` of a hexadecimal float; the exponent may be missing.
    fn from_hex(text: &[u8]) -> Option<Binary> {
        let (integer, fraction, exponent) = split_float(text, u8::is_ascii_hexdigit, b'p')?;
        let mut binary = Binary { mantissa: 0, exponent };
        for (digits, after_point) in [(integer, false), (fraction, true)] {
            for &byte in digits {
                let digit = u128::from(char::from(byte).to_digit(16)?);
                let taken = binary.mantissa >> 120 == 0;
                if taken {
                    binary.mantissa = binary.mantissa << 4 | digit;
                } else {
                    binary.mantissa |= u128::from(digit != 0);
                }
                let shift = match (taken, after_point) {
                    (true, true) => -4,
                    (false, false) => 4,
                    _ => 0,
                };
                binary.exponent = binary.exponent.saturating_add(shift);
            }
        }
        Some(binary)
    }

    /// The bits of the mantissa, and how many of them are too many for a number of bits and an exponent that the last
    /// of them must not go below.
    fn bits(&self, precision: i64, least: i64) -> (i64, i64) {
        let bits = i64::from(u128::BITS - self.mantissa.leading_zeros());
        (bits, (bits - precision).max(least.saturating_sub(self.exponent)))
    }

    /// Whether a double holds it as it is.
    fn is_double(&self) -> bool {
        let (_, excess) = self.bits(53, -1074);
        excess <= i64::from(self.mantissa.trailing_zeros())
    }

    /// Rounds half to even, as [`bits`](Binary::bits) says.
    fn round(&self, precision: i64, least: i64) -> (u128, i64) {
        let (bits, excess) = self.bits(precision, least);
        if excess <= 0 {
            return (self.mantissa, self.exponent);
        }
        if excess > bits {
            return (0, 0);
        }
        let kept = self.mantissa.checked_shr(excess as u32).unwrap_or(0);
        let half = 1u128 << (excess - 1);
        let lost = self.mantissa & (half | (half - 1));
        let up = lost > half || (lost == half && kept & 1 == 1);
        (kept + u128::from(up), self.exponent + excess)
    }

    fn to_f64(&self) -> f64 {
        let power = |exponent: i64| f64::from_bits(((1023 + exponent) as u64) << 52);
        let (mantissa, exponent) = self.round(53, -1074);
        if mantissa == 0 {
            return 0.0;
        }
        // In two steps, because the least powers are not normal numbers; both steps are exact.
        let exponent = exponent.min(1100);
        mantissa as f64 * power(exponent / 2) * power(exponent - exponent / 2)
    }
}

/// The 80-bit float of x86, C's `long double`, in which INCRBYFLOAT and HINCRBYFLOAT reckon. Never NaN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LongDouble(X87DoubleExtended);

impl LongDouble {
    /// Redis copies the text to a buffer of this size, a final NUL included.
    const BUFFER: usize = 5 * 1024;
    /// The decimal point's places that the format has.
    const PLACES: usize = 17;
    /// The largest power of ten that the mantissa of 64 bits holds exactly.
    const EXACT_POWER: i64 = 27;

    /// What INCRBYFLOAT takes, as the stored value and as the increment: as [`parse_f64`], within the range of this
    /// type and at most 5,119 bytes long. An infinity is a number here; it is the sum that may not be one.
    pub(crate) fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() >= LongDouble::BUFFER {
            return None;
        }
        let (negative, body) = split_sign(text);
        let magnitude = match body {
            [b'0', b'x' | b'X', hex @ ..] => {
                let exact = Binary::from_hex(hex)?;
                // The mantissa has 64 bits, and the exponent of its last bit goes down to -16445.
                let (mantissa, exponent) = exact.round(64, -16445);
                let number = X87DoubleExtended::from_u128(mantissa)
                    .value
                    .scalbn(exponent.clamp(-20_000, 20_000) as i32);
                Self::in_range(number, exact.mantissa == 0)?
            }
            [b'i' | b'I', ..]
                if [&b"inf"[..], b"infinity"].iter().any(|name| body.eq_ignore_ascii_case(name)) =>
            {
                X87DoubleExtended::INFINITY
            }
            decimal => Self::decimal(decimal)?,
        };
        Some(LongDouble(if negative { -magnitude } else { magnitude }))
    }

    fn decimal(text: &[u8]) -> Option<X87DoubleExtended> {
        let (integer, fraction, exponent) = split_float(text, u8::is_ascii_digit, b'e')?;
        let exponent = exponent.saturating_sub(fraction.len() as i64);
        let integer = without_leading_zeros(integer);
        let fraction = if integer.is_empty() { without_leading_zeros(fraction) } else { fraction };
        if integer.is_empty() && fraction.is_empty() {
            return Some(X87DoubleExtended::ZERO);
        }
        if integer.len() + fraction.len() <= 19 && exponent.abs() <= Self::EXACT_POWER {
            // Both operands are exact, so the one operation rounds correctly.
            let add = |sum: u128, digit: &u8| sum * 10 + u128::from(digit - b'0');
            let digits = integer.iter().chain(fraction).fold(0, add);
            let digits = X87DoubleExtended::from_u128(digits).value;
            let power = X87DoubleExtended::from_u128(10u128.pow(exponent.unsigned_abs() as u32)).value;
            return Some(if exponent < 0 { (digits / power).value } else { (digits * power).value });
        }
        // With the digits that the buffer has room for, a larger exponent changes nothing.
        let exponent = exponent.clamp(-20_000, 20_000);
        let mut plain = String::with_capacity(text.len() + 8);
        plain.extend(integer.iter().chain(fraction).map(|&digit| char::from(digit)));
        plain.push_str(&format!("e{exponent}"));
        let number = X87DoubleExtended::from_str_r(&plain, Round::NearestTiesToEven).ok()?.value;
        Self::in_range(number, false)
    }

    fn in_range(number: X87DoubleExtended, zero: bool) -> Option<X87DoubleExtended> {
        (number.is_finite() && (zero || !number.is_zero())).then_some(number)
    }

    /// Whether this is not an infinity. (HINCRBYFLOAT refuses an infinite increment with a text of its own.)
    #[allow(dead_code, reason = "hashes refuse an infinite increment with it")]
    pub(crate) fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    /// A number of seconds in milliseconds, the next larger whole number of them; `None` when that is out of range.
    pub(crate) fn millis_rounded_up(self) -> Option<i64> {
        let thousand = X87DoubleExtended::from_u128(1000).value;
        let mut is_exact = true;
        let millis = (self.0 * thousand).value.to_i128_r(64, Round::TowardPositive, &mut is_exact);
        let is_valid = !millis.status.contains(Status::INVALID_OP);
        is_valid.then(|| i64::try_from(millis.value).ok()).flatten()
    }

    /// The sum; `None` when it is not a finite number.
    pub(crate) fn add(self, other: LongDouble) -> Option<LongDouble> {
        let sum = (self.0 + other.0).value;
        sum.is_finite().then_some(LongDouble(sum))
    }

    /// The text that INCRBYFLOAT stores and replies: 17 places after the point, less the zeros at the end (and so 0
    /// for what is smaller), and never an exponent.
    pub(crate) fn format(self) -> Vec<u8> {
        let bits = self.0.to_bits();
        let mut out = Vec::with_capacity(24);
        if bits >> 79 & 1 == 1 {
            out.push(b'-');
        }
        if !self.0.is_finite() {
            out.extend_from_slice(b"inf");
            return out;
        }
        let mantissa = bits & u128::from(u64::MAX);
        // The mantissa is an integer here, and zero as an exponent means the same as one.
        let exponent = ((bits >> 64 & 0x7fff) as i32).max(1) - 16383 - 63;
        if exponent >= 0 {
            push_shifted(mantissa as u64, exponent as u32, &mut out);
            return out;
        }
        const SCALE: u128 = 10u128.pow(LongDouble::PLACES as u32);
        let shift = exponent.unsigned_abs();
        let integer = mantissa.checked_shr(shift).unwrap_or(0);
        // Below 2^121, because the scale is below 2^57: past 127 places of shift nothing is left of it.
        let scaled = (mantissa - integer.checked_shl(shift).unwrap_or(0)) * SCALE;
        let places = if shift > 127 {
            0
        } else {
            let half = 1u128 << (shift - 1);
            let lost = scaled & (half | (half - 1));
            let kept = scaled >> shift;
            kept + u128::from(lost > half || (lost == half && kept & 1 == 1))
        };
        // The rounding may carry into the integer.
        let (integer, places) = (integer + places / SCALE, places % SCALE);
        if integer == 0 && places == 0 {
            return b"0".to_vec();
        }
        out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
        if places != 0 {
            let start = out.len() + 1;
            put(&mut out, format_args!(".{places:0width$}", width = LongDouble::PLACES));
            let zeros = out[start..].iter().rev().take_while(|&&digit| digit == b'0').count();
            out.truncate(out.len() - zeros);
        }
        out
    }
}

impl From<i64> for LongDouble {
    fn from(number: i64) -> LongDouble {
        LongDouble(X87DoubleExtended::from_i128(number.into()).value)
    }
}

/// The decimal digits of `mantissa * 2^shift`.
fn push_shifted(mantissa: u64, shift: u32, out: &mut Vec<u8>) {
    if shift <= 64 {
        out.extend_from_slice(itoa::Buffer::new().format(u128::from(mantissa) << shift).as_bytes());
        return;
    }
    const BASE: u64 = 1_000_000_000;
    // Nine digits each, the lowest first.
    let mut limbs = vec![mantissa % BASE, mantissa / BASE % BASE, mantissa / BASE / BASE];
    let mut left = shift;
    while left > 0 {
        let step = left.min(32);
        let mut carry = 0;
        for limb in &mut limbs {
            let shifted = (*limb << step) + carry;
            *limb = shifted % BASE;
            carry = shifted / BASE;
        }
        while carry > 0 {
            limbs.push(carry % BASE);
            carry /= BASE;
        }
        left -= step;
    }
    let mut limbs = limbs.iter().rev().skip_while(|&&limb| limb == 0);
    put(out, format_args!("{}", limbs.next().unwrap_or(&0)));
    for limb in limbs {
        put(out, format_args!("{limb:09}"));
    }
}

/// Writing to memory does not fail.
fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// A finite number as `0.d₁d₂d₃… * 10^point`, without zeros at either end of the digits. Zero has no digits.
struct Decimal {
    digits: [u8; 24],
    len: usize,
    point: i32,
}

impl Decimal {
    /// Reads what Rust's formatters and `zmij` write of a number that is not negative.
    fn read(text: &[u8]) -> Decimal {
        let mut decimal = Decimal { digits: [b'0'; 24], len: 0, point: 0 };
        let (mut after_point, mut exponent, mut zeros) = (false, 0, 0);
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                b'.' => after_point = true,
                b'e' => {
                    exponent =
                        parse_i64(text[at + 1..].strip_prefix(b"+").unwrap_or(&text[at + 1..])).unwrap_or(0);
                    break;
                }
                b'0' if decimal.len == 0 => decimal.point -= i32::from(after_point),
                digit => {
                    decimal.point += i32::from(!after_point);
                    if digit == b'0' {
                        zeros += 1;
                    } else {
                        decimal.len += zeros + 1;
                        zeros = 0;
                        if let Some(place) = decimal.digits.get_mut(decimal.len - 1) {
                            *place = digit;
                        }
                    }
                }
            }
        }
        decimal.point += exponent as i32;
        decimal
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.len.min(24)]
    }

    /// Rounds to so many digits; the middle goes up.
    fn round(&mut self, precision: usize) {
        if self.len <= precision {
            return;
        }
        let is_up = self.digits[precision] >= b'5';
        self.len = precision;
        while self.len > 0 && self.digits[self.len - 1] == if is_up { b'9' } else { b'0' } {
            self.len -= 1;
        }
        match self.len {
            0 if is_up => {
                (self.digits[0], self.len) = (b'1', 1);
                self.point += 1;
            }
            0 => {}
            len => self.digits[len - 1] += u8::from(is_up),
        }
    }

    fn push_plain(&self, out: &mut Vec<u8>) {
        let digits = self.digits();
        let (len, point) = (digits.len(), self.point);
        if point <= 0 {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + point.unsigned_abs() as usize, b'0');
            out.extend_from_slice(digits);
        } else if point as usize >= len {
            out.extend_from_slice(digits);
            out.resize(out.len() + point as usize - len, b'0');
        } else {
            let (integer, fraction) = digits.split_at(point as usize);
            out.extend_from_slice(integer);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    }

    fn push_scientific(&self, least_width: usize, out: &mut Vec<u8>) {
        if let [first, rest @ ..] = self.digits() {
            out.push(*first);
            if !rest.is_empty() {
                out.push(b'.');
                out.extend_from_slice(rest);
            }
        }
        let exponent = self.point - 1;
        let sign = if exponent < 0 { '-' } else { '+' };
        put(out, format_args!("e{sign}{:0least_width$}", exponent.unsigned_abs()));
    }
}

/// C's `%.17g`, with glibc's names for what is not a number.
pub(crate) fn format_g17(number: f64, out: &mut Vec<u8>) {
    if number.is_sign_negative() {
        out.push(b'-');
    }
    if !number.is_finite() {
        out.extend_from_slice(if number.is_nan() { b"nan" } else { b"inf" });
        return;
    }
    if number == 0.0 {
        out.push(b'0');
        return;
    }
    let mut buffer = [0u8; 32];
    let mut free = &mut buffer[..];
    let _ = write!(free, "{:.16e}", number.abs());
    let left = free.len();
    let decimal = Decimal::read(&buffer[..buffer.len() - left]);
    if (-3..=17).contains(&decimal.point) {
        decimal.push_plain(out);
    } else {
        decimal.push_scientific(2, out);
    }
}

/// C's `%.*g` with up to 15 digits, with glibc's names for what is not a number.
pub(crate) fn format_g(number: f64, precision: usize, out: &mut Vec<u8>) {
    let magnitude = number.abs();
    if !number.is_finite() || number == 0.0 {
        return format_g17(number, out);
    }
    if number.is_sign_negative() {
        out.push(b'-');
    }
    let precision = precision.clamp(1, 15);
    // The fewest digits that read back as the number: no more than asked for, they are the answer; of more, the
    // rounding of the number itself is on their side of the middle, unless they seem to be that middle. Among the
    // least numbers, which have fewer bits, the first does not hold.
    let mut decimal = Decimal::read(zmij::Buffer::new().format_finite(magnitude).as_bytes());
    if magnitude < f64::MIN_POSITIVE || decimal.digits().get(precision..) == Some(b"5") {
        let mut buffer = [0u8; 32];
        let mut free = &mut buffer[..];
        let _ = write!(free, "{magnitude:.*e}", precision - 1);
        let left = free.len();
        decimal = Decimal::read(&buffer[..buffer.len() - left]);
    } else {
        decimal.round(precision);
    }
    if (-3..=precision as i32).contains(&decimal.point) {
        decimal.push_plain(out);
    } else {
        decimal.push_scientific(2, out);
    }
}

/// The fewest digits that read back as the same double, laid out as Redis 7.2 and later do.
pub(crate) fn format_shortest(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        out.extend_from_slice(b"nan");
        return;
    }
    if number.is_sign_negative() {
        out.push(b'-');
    }
    if number.is_infinite() {
        out.extend_from_slice(b"inf");
        return;
    }
    if number == 0.0 {
        out.push(b'0');
        return;
    }
    let decimal = Decimal::read(zmij::Buffer::new().format_finite(number.abs()).as_bytes());
    let len = decimal.len as i32;
    // The exponents of the last and of the first digit.
    let (last, first) = (decimal.point - len, decimal.point - 1);
    let plain = if last >= 0 { first.abs() < len + 7 } else { last > -7 || first.abs() < 4 };
    if plain {
        decimal.push_plain(out);
    } else {
        decimal.push_scientific(1, out);
    }
}

/// A Lua number as the argument of a command: integers up to 2^62 as such, the rest by [`format_shortest`].
#[inline]
pub(crate) fn format_lua_number(number: f64, out: &mut Vec<u8>) {
    let integer = number as i64;
    if number.abs() <= PLAIN_LIMIT && integer as f64 == number {
        out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
    } else {
        format_shortest(number, out);
    }
}

/// The text of a double in a reply: as [`format_lua_number`], but a negative zero keeps its sign.
pub(crate) fn format_double_reply(number: f64, out: &mut Vec<u8>) {
    if number == 0.0 && number.is_sign_negative() {
        out.extend_from_slice(b"-0");
    } else {
        format_lua_number(number, out);
    }
}

/// What a conversion in C does on x86-64: towards zero, and `i64::MIN` for all that does not fit.
#[inline]
pub(crate) fn f64_to_i64(number: f64) -> i64 {
    const TOP: f64 = (1u64 << 63) as f64;
    if number < TOP { number as i64 } else { i64::MIN }
}

#[cfg(test)]
#[path = "num/tests.rs"]
mod tests;
