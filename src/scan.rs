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

/// Walks over a text 64 bytes at a time and says for each of `N` bytes at which of them it stands: bit `i` of
/// its mask is byte `i` of the 64. For readers that want to know which byte it was that they found.
pub struct Masks<'t, const N: usize> {
    text: &'t [u8],
    needles: [u8; N],
    base: usize,
}

impl<'t, const N: usize> Masks<'t, N> {
    /// The masks of `needles` in `text`, in order.
    pub fn new(text: &'t [u8], needles: [u8; N]) -> Self {
        let base = 0;
        Masks {
            text,
            needles,
            base,
        }
    }

    #[inline(always)]
    fn compare(&self, bytes: &[u8; 64]) -> [u64; N] {
        let mut masks = [0u64; N];
        for part in 0..4 {
            let lane: [u8; 16] = std::array::from_fn(|i| bytes[part * 16 + i]);
            let lane = u8x16::new(lane);
            for (mask, needle) in masks.iter_mut().zip(self.needles) {
                let equal = lane.simd_eq(u8x16::splat(needle));
                *mask |= u64::from(equal.to_bitmask()) << (part * 16);
            }
        }
        masks
    }

    #[cold]
    fn compare_tail(&self, tail: &[u8]) -> [u64; N] {
        let mut padded = [0u8; 64];
        padded[..tail.len()].copy_from_slice(tail);
        (self.compare(&padded)).map(|mask| mask & ((1u64 << tail.len()) - 1))
    }
}

impl<const N: usize> Iterator for Masks<'_, N> {
    /// Offset of the 64 bytes, and a mask for each of the needles.
    type Item = (usize, [u64; N]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let base = self.base;
        let rest = self.text.get(base..)?;
        self.base += 64;
        match rest.first_chunk::<64>() {
            Some(bytes) => Some((base, self.compare(bytes))),
            None if rest.is_empty() => None,
            None => Some((base, self.compare_tail(rest))),
        }
    }
}

/// The bits that are set in a mask, from the lowest.
#[inline(always)]
pub fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let bit = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            bit
        })
    })
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
            prop_assert_eq!(&Hits::new(&text, [b',', b'\n', b'"']).collect::<Vec<_>>(), &slow);
            let mut found = Vec::new();
            for (base, masks) in Masks::new(&text, [b',', b'\n', b'"']) {
                for at in bits(masks[0] | masks[1] | masks[2]).map(|bit| base + bit) {
                    let mask = [b',', b'\n', b'"'].iter().position(|b| *b == text[at]);
                    prop_assert!(masks[mask.unwrap()] >> (at - base) & 1 == 1);
                    found.push(at);
                }
            }
            prop_assert_eq!(found, slow);
        }
    }
}
