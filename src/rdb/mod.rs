//! Layer 3: the format of Redis's dumps, over [`Read`] and [`Write`] only.
//!
//! A *payload* is what DUMP and FUNCTION DUMP answer: records, the version of the format (2 bytes) and a checksum of
//! all before it (8 bytes), both little-endian. Inside, lengths take 1, 2, 5 or 9 bytes, and a string is its length and
//! its bytes, an integer of 1, 2 or 4 bytes, or compressed.

use std::io::{self, Read, Write};

mod crc64;
mod lzf;

/// The version that payloads are written in: that of Redis 7.0, which every later server reads too.
const VERSION: u16 = 10;
/// The newest version that is read: 12 is Redis 7.4's. A 7.0 server takes none above its own; what is read here did
/// not change since.
const NEWEST: u16 = 12;
/// Version and checksum.
const FOOTER: usize = 2 + 8;

/// The record that is the source of a library of functions.
pub(crate) const FUNCTION: u8 = 0xf5;

/// The first two bits of a length, in the place where they stand.
const SIX_BITS: u8 = 0;
const FOURTEEN_BITS: u8 = 0x40;
const LONGER: u8 = 0x80;
const SPECIAL: u8 = 0xc0;
/// What follows [`LONGER`]: 4 or 8 bytes, the highest first.
const FOUR_BYTES: u8 = 0x80;
const EIGHT_BYTES: u8 = 0x81;
/// What follows [`SPECIAL`]: integers, the lowest byte first, and compressed bytes.
const INTEGER_8: u8 = 0;
const INTEGER_16: u8 = 1;
const INTEGER_32: u8 = 2;
const COMPRESSED: u8 = 3;

/// Makes a payload of records.
pub(crate) fn seal(mut records: Vec<u8>) -> Vec<u8> {
    records.extend_from_slice(&VERSION.to_le_bytes());
    let sum = crc64::of(&records);
    records.extend_from_slice(&sum.to_le_bytes());
    records
}

/// The records of a payload; `None` if its checksum is wrong, or its version is not known.
pub(crate) fn unseal(payload: &[u8]) -> Option<&[u8]> {
    let (records, footer) = payload.split_at_checked(payload.len().checked_sub(FOOTER)?)?;
    let (version, sum) = footer.split_at_checked(2)?;
    let version = u16::from_le_bytes(version.try_into().ok()?);
    let sum = u64::from_le_bytes(sum.try_into().ok()?);
    (version <= NEWEST && sum == crc64::of(&payload[..payload.len() - 8])).then_some(records)
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// Writes a string as it is.
pub(crate) fn write_string(out: &mut impl Write, string: &[u8]) -> io::Result<()> {
    match string.len() {
        len @ 0..0x40 => out.write_all(&[SIX_BITS | len as u8])?,
        len @ 0x40..0x4000 => out.write_all(&[FOURTEEN_BITS | (len >> 8) as u8, len as u8])?,
        len => match u32::try_from(len) {
            Ok(len) => {
                out.write_all(&[FOUR_BYTES])?;
                out.write_all(&len.to_be_bytes())?;
            }
            Err(_) => {
                out.write_all(&[EIGHT_BYTES])?;
                out.write_all(&(len as u64).to_be_bytes())?;
            }
        },
    }
    out.write_all(string)
}

/// Reads a string in any of its forms.
///
/// # Errors
///
/// The input ends too early, or is no string.
pub(crate) fn read_string(input: &mut impl Read) -> io::Result<Vec<u8>> {
    match read_length(input)? {
        Length::Of(len) => read_bytes(input, len),
        Length::Special(INTEGER_8) => Ok(i8::from_le_bytes(read_array(input)?).to_string().into_bytes()),
        Length::Special(INTEGER_16) => Ok(i16::from_le_bytes(read_array(input)?).to_string().into_bytes()),
        Length::Special(INTEGER_32) => Ok(i32::from_le_bytes(read_array(input)?).to_string().into_bytes()),
        Length::Special(COMPRESSED) => {
            let (Length::Of(packed), Length::Of(len)) = (read_length(input)?, read_length(input)?) else {
                return Err(malformed());
            };
            let packed = read_bytes(input, packed)?;
            let len = usize::try_from(len).map_err(|_| malformed())?;
            lzf::unpack(&packed, len).ok_or_else(malformed)
        }
        Length::Special(_) => Err(malformed()),
    }
}

enum Length {
    Of(u64),
    /// Not a length: what kind of string follows.
    Special(u8),
}

fn read_length(input: &mut impl Read) -> io::Result<Length> {
    let [first] = read_array(input)?;
    Ok(Length::Of(match first & SPECIAL {
        SIX_BITS => (first & !SPECIAL).into(),
        FOURTEEN_BITS => {
            let [second] = read_array(input)?;
            u16::from_be_bytes([first & !SPECIAL, second]).into()
        }
        LONGER => match first {
            FOUR_BYTES => u32::from_be_bytes(read_array(input)?).into(),
            EIGHT_BYTES => u64::from_be_bytes(read_array(input)?),
            _ => return Err(malformed()),
        },
        _ => return Ok(Length::Special(first & !SPECIAL)),
    }))
}

fn read_array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A length that the input only claims reserves no memory.
fn read_bytes(input: &mut impl Read, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = input.by_ref().take(len).read_to_end(&mut bytes)?;
    if read as u64 == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests;
