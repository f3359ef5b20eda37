//! Scanning text: the bytes that structure it, 64 at a time, and how CSV uses them.

use wide::u8x16;

/// How CSV is written: what stands between cells and around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Between cells.
    pub delimiter: u8,
    /// Around cells; doubled within them.
    pub quote: u8,
}

impl Default for Dialect {
    fn default() -> Self {
        Dialect {
            delimiter: b',',
            quote: b'"',
        }
    }
}

/// Walks over the places in a text at which one of `N` bytes stands.
///
/// The text is compared 64 bytes at a time into a bit mask, and the mask is then walked. A search that
/// starts anew for every hit (as `memchr` does) costs about as much as the hit is far, which is much
/// for cells of eight bytes.
#[derive(Clone)]
pub struct Hits<'t, const N: usize> {
    text: &'t [u8],
    needles: [u8; N],
    /// Offset of the 64 bytes that `mask` tells of.
    base: usize,
    mask: u64,
    /// Offset of the next 64 bytes to compare.
    next: usize,
}

impl<'t, const N: usize> Hits<'t, N> {
    /// The places of `needles` in `text`, in order.
    pub fn new(text: &'t [u8], needles: [u8; N]) -> Self {
        Hits {
            text,
            needles,
            base: 0,
            mask: 0,
            next: 0,
        }
    }

    #[inline(always)]
    fn compare(&self, bytes: &[u8; 64]) -> u64 {
        let mut mask = 0u64;
        for part in 0..4 {
            let lane: [u8; 16] = std::array::from_fn(|i| bytes[part * 16 + i]);
            let lane = u8x16::new(lane);
            let mut equal = u8x16::splat(0);
            for needle in self.needles {
                equal |= lane.simd_eq(u8x16::splat(needle));
            }
            mask |= u64::from(equal.to_bitmask()) << (part * 16);
        }
        mask
    }

    #[cold]
    fn compare_tail(&self, tail: &[u8]) -> u64 {
        let mut padded = [0u8; 64];
        padded[..tail.len()].copy_from_slice(tail);
        self.compare(&padded) & ((1u64 << tail.len()) - 1)
    }
}

impl<const N: usize> Iterator for Hits<'_, N> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            let rest = &self.text[self.next..];
            self.base = self.next;
            if let Some(bytes) = rest.first_chunk::<64>() {
                self.mask = self.compare(bytes);
                self.next += 64;
            } else if rest.is_empty() {
                return None;
            } else {
                self.mask = self.compare_tail(rest);
                self.next = self.text.len();
            }
        }
        let at = self.base + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(at)
    }
}

/// How many line feeds a text has.
pub fn count_lines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_loop_finds(text in proptest::collection::vec(prop_oneof![Just(b','), Just(b'"'), Just(b'\n'), any::<u8>()], 0..400)) {
            let slow: Vec<usize> = (0..text.len()).filter(|&i| [b',', b'\n', b'"'].contains(&text[i])).collect();
            prop_assert_eq!(Hits::new(&text, [b',', b'\n', b'"']).collect::<Vec<_>>(), slow);
        }
    }
}
