//! LZF, the compression of strings in dumps. Only reading is needed: a string may be written as it is.
//!
//! A control byte below 32 is followed by that many literal bytes and one more. Any other one copies from what was
//! unpacked before: its upper 3 bits are the length less 2 (7: the next byte is added), its lower 5 bits and the next
//! byte the distance less 1.

/// Unpacks to exactly `len` bytes; `None` if the input is something else.
pub(super) fn unpack(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    // The length is only claimed: memory is taken as bytes come.
    let mut out: Vec<u8> = Vec::with_capacity(len.min(packed.len().saturating_mul(4)));
    let mut rest = packed;
    let take = |rest: &mut &[u8]| -> Option<u8> {
        let (&first, tail) = rest.split_first()?;
        *rest = tail;
        Some(first)
    };
    while !rest.is_empty() {
        let control = usize::from(take(&mut rest)?);
        if control < 32 {
            let (literal, tail) = rest.split_at_checked(control + 1)?;
            out.extend_from_slice(literal);
            rest = tail;
        } else {
            let mut count = (control >> 5) + 2;
            if count == 7 + 2 {
                count += usize::from(take(&mut rest)?);
            }
            let distance = ((control & 31) << 8 | usize::from(take(&mut rest)?)) + 1;
            let from = out.len().checked_sub(distance)?;
            if out.len() + count > len {
                return None;
            }
            // What is copied may be what was copied a moment ago.
            for at in from..from + count {
                out.push(out[at]);
            }
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}
