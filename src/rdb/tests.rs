use super::*;

fn read(mut bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let string = read_string(&mut bytes).ok()?;
    Some((string, bytes.len()))
}

#[test]
fn the_checksum_is_that_of_the_specification() {
    assert_eq!(crc64::of(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    assert_eq!(crc64::of(b""), 0);
}

#[test]
fn a_payload_of_a_real_server_is_opened() {
    let empty = b"\n\x00]\x9b\\@\x0f\x7f\xa2\xda";
    assert_eq!(unseal(empty), Some(&[][..]));
    assert_eq!(seal(Vec::new()), empty);
    for at in 0..empty.len() {
        let mut bad = *empty;
        bad[at] ^= 1;
        assert_eq!(unseal(&bad), None, "byte {at} matters");
    }
    for len in 0..empty.len() {
        assert_eq!(unseal(&empty[..len]), None);
    }
}

#[test]
fn versions_that_are_not_known_are_refused() {
    for (version, is_known) in [(0, true), (VERSION, true), (NEWEST, true), (NEWEST + 1, false)] {
        let mut payload = version.to_le_bytes().to_vec();
        let sum = crc64::of(&payload);
        payload.extend_from_slice(&sum.to_le_bytes());
        assert_eq!(unseal(&payload).is_some(), is_known, "version {version}");
    }
}

#[test]
fn strings_of_all_lengths_come_back() {
    for len in [0, 1, 63, 64, 16_383, 16_384, 70_000] {
        let string: Vec<u8> = (0..len).map(|at| at as u8).collect();
        let mut written = Vec::new();
        write_string(&mut written, &string).unwrap();
        assert_eq!(read(&written), Some((string, 0)), "{len}");
        for short in [written.len() - 1, 0] {
            assert_eq!(
                read(&written[..short]),
                if len == 0 && short == 1 { Some((vec![], 0)) } else { None }
            );
        }
    }
}

#[test]
fn integers_are_read_as_their_digits() {
    for (bytes, digits) in [
        (&b"\xc0\x05"[..], "5"),
        (b"\xc0\xff", "-1"),
        (b"\xc1\x00\x80", "-32768"),
        (b"\xc2\xff\xff\xff\x7f", "2147483647"),
    ] {
        assert_eq!(read(bytes), Some((digits.as_bytes().to_vec(), 0)));
    }
    assert_eq!(read(b"\xc4\x00"), None, "there is no fifth kind");
}

#[test]
fn compressed_strings_are_unpacked() {
    // One literal, then 20 bytes from one byte back.
    assert_eq!(read(b"\xc3\x05\x15\x00a\xe0\x0b\x00"), Some((vec![b'a'; 21], 0)));
    // Too short, too long, from before the beginning, cut off.
    for bad in [
        &b"\xc3\x05\x14\x00a\xe0\x0b\x00"[..],
        b"\xc3\x05\x16\x00a\xe0\x0b\x00",
        b"\xc3\x05\x15\x00a\xe0\x0b\x01",
        b"\xc3\x04\x15\x00a\xe0\x0b",
        b"\xc3\x01\x01\x05",
    ] {
        assert_eq!(read(bad), None, "{}", bad.escape_ascii());
    }
}

#[test]
fn a_length_that_is_only_claimed_takes_no_memory() {
    assert_eq!(read(b"\x81\x7f\xff\xff\xff\xff\xff\xff\xffabc"), None);
    assert_eq!(read(b"\xc3\x03\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x01ab"), None);
}
