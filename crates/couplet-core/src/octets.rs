//! Searches bytes in few instructions.
//!
//! The loops have a form that compilers vectorise, without machine-specific instructions.

/// A set of bytes, as a look-up table.
pub(crate) struct Octets([bool; 256]);

impl Octets {
    pub(crate) const fn new(bytes: &[u8]) -> Self {
        Self([false; 256]).with(bytes)
    }

    pub(crate) const fn with(self, bytes: &[u8]) -> Self {
        let (mut table, mut rest) = (self.0, bytes);
        while let [first, others @ ..] = rest {
            if let Some((_, [slot, ..])) = table.split_at_mut_checked(*first as usize) {
                *slot = true;
            }
            rest = others;
        }
        Self(table)
    }

    /// Returns the set extended by all bytes that are not ASCII.
    pub(crate) const fn with_wide(self) -> Self {
        let mut table = self.0;
        let (_, mut rest) = table.split_at_mut(128);
        while let [first, others @ ..] = rest {
            *first = true;
            rest = others;
        }
        Self(table)
    }

    #[inline]
    pub(crate) fn has(&self, byte: u8) -> bool {
        matches!(self.0.get(usize::from(byte)), Some(true))
    }

    /// Returns the position of the first byte in the set, or the length if there is none.
    #[inline]
    pub(crate) fn find(&self, bytes: &[u8]) -> usize {
        bytes
            .iter()
            .position(|&byte| self.has(byte))
            .unwrap_or(bytes.len())
    }

    /// Returns the position of the first byte outside of the set, or the length if there is none.
    #[inline]
    pub(crate) fn find_other(&self, bytes: &[u8]) -> usize {
        bytes
            .iter()
            .position(|&byte| !self.has(byte))
            .unwrap_or(bytes.len())
    }
}

/// Returns the position of the first of these few bytes. For short texts: a vector search, as
/// memchr's, is faster only from about fifty bytes on.
#[inline]
pub(crate) fn find<const N: usize>(bytes: &[u8], of: [u8; N]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*word);
        // Subtracting one borrows from the top bit of a zero byte, and possibly of bytes above it.
        let zeros = of.iter().fold(0, |zeros, byte| {
            let differs = word ^ (ONES * u64::from(*byte));
            zeros | (differs.wrapping_sub(ONES) & !differs)
        }) & TOPS;
        if zeros != 0 {
            return Some(bytes.len() - rest.len() + zeros.trailing_zeros() as usize / 8);
        }
        rest = behind;
    }
    let found = rest.iter().position(|byte| of.contains(byte))?;
    Some(bytes.len() - rest.len() + found)
}

/// Returns whether `special` holds for any of the bytes. It must be branch-free: `|` instead of
/// `||`.
#[inline]
pub(crate) fn any(bytes: &[u8], special: impl Fn(u8) -> bool + Copy) -> bool {
    // With chunks of 32 bytes compilers use two vectors and no further unrolling.
    if let Some(last) = bytes.last_chunk::<32>() {
        // The last chunk overlaps the one before it, which avoids a loop over single bytes.
        let (chunks, _) = bytes.as_chunks::<32>();
        return chunks.iter().any(|chunk| any_of(chunk, special)) || any_of(last, special);
    }
    let Some(first) = bytes.first() else {
        return false;
    };
    // Fewer bytes are copied from both ends, overlapping.
    let mut padded = [*first; 32];
    if !copy_ends::<16>(bytes, &mut padded)
        && !copy_ends::<8>(bytes, &mut padded)
        && !copy_ends::<4>(bytes, &mut padded)
    {
        return bytes.iter().any(|byte| special(*byte));
    }
    any_of(&padded, special)
}

/// Copies the first `N` and the last `N` bytes, if there are as many and they are all.
#[inline]
fn copy_ends<const N: usize>(bytes: &[u8], into: &mut [u8; 32]) -> bool {
    let ends = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>());
    let ((Some(first), Some(last)), Some((start, rest))) = (ends, into.split_first_chunk_mut())
    else {
        return false;
    };
    *start = *first;
    if let Some(end) = rest.first_chunk_mut() {
        *end = *last;
    }
    true
}

#[inline]
fn any_of(chunk: &[u8; 32], special: impl Fn(u8) -> bool) -> bool {
    chunk.iter().fold(false, |any, &byte| any | special(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_byte_is_found_wherever_it_stands() {
        for length in 0..70 {
            let mut bytes = vec![b'a'; length];
            assert!(!any(&bytes, |byte| byte == b'<'));
            for at in 0..length {
                bytes[at] = b'<';
                assert!(any(&bytes, |byte| byte == b'<'), "{at} of {length}");
                bytes[at] = b'a';
            }
        }
    }

    #[test]
    fn the_first_of_some_bytes_is_found_whatever_stands_around_it() {
        for length in 0..24 {
            for around in 0..=255 {
                let mut bytes = vec![around; length];
                for at in (0..length).rev() {
                    bytes[at] = b'<';
                    let first = if matches!(around, b'<' | b'>') { 0 } else { at };
                    assert_eq!(find(&bytes, [b'<', b'>']), Some(first));
                }
                bytes.fill(b'x');
                assert_eq!(find(&bytes, [b'<', b'>']), None);
            }
        }
    }

    #[test]
    fn a_set_has_the_bytes_it_was_made_of_and_no_others() {
        let set = Octets::new(b"\0a\xFF");
        let of: Vec<u8> = (0..=255).filter(|byte| set.has(*byte)).collect();
        assert_eq!(of, b"\0a\xFF");
        assert_eq!((set.find(b"xya"), set.find(b"xy")), (2, 2));
        assert_eq!((set.find_other(b"aax"), set.find_other(b"aa")), (2, 2));
    }
}
