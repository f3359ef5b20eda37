//! Scanning text: the bytes that structure it, 64 at a time, and how CSV uses them.

use wide::{u8x16, u8x32};

/// How CSV is written: what stands between cells and around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Between cells.
    pub delimiter: u8,
    /// How cells are quoted.
    pub quoting: Quoting,
    /// A line that begins with it, where a record may begin, is a remark.
    pub comment: Option<u8>,
    /// All names of the header are quoted: whoever wrote the file quotes text wherever it stands, so that a quote in an
    /// unquoted cell is damage.
    pub throughout: bool,
}

/// How cells of CSV are quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoting {
    /// Around cells, and doubled within them; without it, a quote is a character like any other.
    pub quote: Option<u8>,
    /// Before a quote, a delimiter, a line end or another of its kind, which then stand for themselves.
    pub escape: Option<u8>,
    /// Whether a quoted cell may span lines.
    pub multiline: bool,
}

impl Quoting {
    /// Cells in such quotes, which are doubled within them.
    pub const fn by(quote: u8) -> Quoting {
        Quoting {
            quote: Some(quote),
            escape: None,
            multiline: true,
        }
    }
}

impl Default for Quoting {
    fn default() -> Self {
        Quoting::by(b'"')
    }
}

impl Dialect {
    /// Cells with this between them.
    pub const fn new(delimiter: u8, quoting: Quoting) -> Dialect {
        Dialect {
            delimiter,
            quoting,
            comment: None,
            throughout: false,
        }
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Dialect::new(b',', Quoting::default())
    }
}

/// Whether a text stands in JSON as it is: no quote, no backslash, no control character.
#[inline]
pub(crate) fn is_plain(text: &[u8]) -> bool {
    // Without a way out in the middle, so that the compiler looks at many bytes at once.
    !text.iter().fold(false, |found, &b| {
        found | (b == b'"') | (b == b'\\') | (b < 0x20)
    })
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
}

/// The places of `needles` in 64 bytes, as the bits of a mask.
#[inline(always)]
fn places<const N: usize>(bytes: &[u8; 64], needles: [u8; N]) -> u64 {
    let mut mask = 0u64;
    for part in 0..4 {
        let lane: [u8; 16] = std::array::from_fn(|i| bytes[part * 16 + i]);
        let lane = u8x16::new(lane);
        let mut equal = u8x16::splat(0);
        for needle in needles {
            equal |= lane.simd_eq(u8x16::splat(needle));
        }
        mask |= u64::from(equal.to_bitmask()) << (part * 16);
    }
    mask
}

/// Whether none of these bytes is a bracket, a brace, a backslash or a line feed. Most of 64 are quotes and text.
#[inline(always)]
fn has_only_quotes(bytes: &[u8; 64]) -> bool {
    let mut found = u8x16::splat(0);
    for part in 0..4 {
        let lane: [u8; 16] = std::array::from_fn(|i| bytes[part * 16 + i]);
        let lane = u8x16::new(lane);
        // Brackets are braces without this bit.
        let braces = lane | u8x16::splat(0x20);
        found |= braces.simd_eq(u8x16::splat(b'{'))
            | braces.simd_eq(u8x16::splat(b'}'))
            | lane.simd_eq(u8x16::splat(b'\\'))
            | lane.simd_eq(u8x16::splat(b'\n'));
    }
    found.to_bitmask() == 0
}

/// Fewer than 64 bytes, and zeros behind them.
#[cold]
fn padded(tail: &[u8]) -> [u8; 64] {
    let mut padded = [0u8; 64];
    padded[..tail.len()].copy_from_slice(tail);
    padded
}

impl<const N: usize> Hits<'_, N> {
    /// The next place, if the byte there is wanted; otherwise it is still the next one.
    #[inline(always)]
    pub(crate) fn next_if(&mut self, wanted: impl FnOnce(u8) -> bool) -> Option<usize> {
        while self.mask == 0 {
            let rest = &self.text[self.next..];
            self.base = self.next;
            if let Some(bytes) = rest.first_chunk::<64>() {
                self.mask = places(bytes, self.needles);
                self.next += 64;
            } else if rest.is_empty() {
                return None;
            } else {
                self.mask = places(&padded(rest), self.needles) & ((1u64 << rest.len()) - 1);
                self.next = self.text.len();
            }
        }
        let at = self.base + self.mask.trailing_zeros() as usize;
        if !wanted(self.text[at]) {
            return None;
        }
        self.mask &= self.mask - 1;
        Some(at)
    }
}

impl<const N: usize> Iterator for Hits<'_, N> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        self.next_if(|_| true)
    }
}

/// Walks over the brackets and braces of a JSON text that stand in no string.
///
/// Which bytes stand in strings is found for 64 at a time: those behind an odd number of quotes. So the quotes,
/// of which there are many, need not be walked.
pub(crate) struct Brackets<'t> {
    text: &'t [u8],
    /// Offset of the 64 bytes that `mask` tells of.
    base: usize,
    mask: u64,
    /// Offset of the next 64 bytes to look at.
    next: usize,
    /// The text so far ends in a string: all bits, or none.
    within: u64,
    /// The next byte is escaped.
    escaped: bool,
    /// The last quote that opened or closed a string.
    quote: usize,
}

impl<'t> Brackets<'t> {
    /// The brackets of a text that begins in no string.
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Brackets {
            text,
            base: 0,
            mask: 0,
            next: 0,
            within: 0,
            escaped: false,
            quote: 0,
        }
    }

    /// Where the string was opened in which the text ends, when all of it was walked.
    pub(crate) fn open_string(&self) -> Option<usize> {
        (self.within != 0).then_some(self.quote)
    }

    #[inline(always)]
    fn look_at(&mut self, bytes: &[u8; 64]) {
        let mut quotes = places(bytes, [b'"']);
        if !self.escaped && has_only_quotes(bytes) {
            if quotes != 0 {
                self.quote = self.base + quotes.ilog2() as usize;
            }
            self.within ^= 0u64.wrapping_sub(u64::from(quotes.count_ones()) & 1);
            self.mask = 0;
            return;
        }
        let before = (self.within != 0, self.escaped);
        let slashes = places(bytes, [b'\\']);
        if slashes != 0 || self.escaped {
            quotes = self.unescaped(quotes, slashes);
        }
        if quotes != 0 {
            self.quote = self.base + quotes.ilog2() as usize;
        }
        let mut within = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            within ^= within << shift;
        }
        within ^= self.within;
        if within & places(bytes, [b'\n']) != 0 {
            return self.look_at_lines(bytes, before);
        }
        self.within = if within >> 63 == 1 { u64::MAX } else { 0 };
        self.mask = places(bytes, *b"{}[]") & !within;
    }

    /// Where a line ends in a string, one byte after the other. JSON lets none end there: a quote is missing, and the
    /// string is taken to end with its line, so that not everything behind it is turned inside out.
    #[cold]
    fn look_at_lines(&mut self, bytes: &[u8; 64], (mut within, mut escaped): (bool, bool)) {
        self.mask = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            let was_escaped = std::mem::take(&mut escaped);
            match byte {
                b'\n' => within = false,
                _ if was_escaped => {}
                b'"' => {
                    within = !within;
                    self.quote = self.base + at;
                }
                b'\\' => escaped = within,
                b'{' | b'}' | b'[' | b']' if !within => self.mask |= 1 << at,
                _ => {}
            }
        }
        self.within = if within { u64::MAX } else { 0 };
        self.escaped = escaped;
    }

    /// Those of the quotes that no backslash escapes. Outside strings a backslash is ill-formed and escapes nothing.
    #[cold]
    fn unescaped(&mut self, mut quotes: u64, slashes: u64) -> u64 {
        let mut hits = quotes | slashes;
        if std::mem::take(&mut self.escaped) {
            hits &= !1;
            quotes &= !1;
        }
        let mut within = self.within != 0;
        while hits != 0 {
            let hit = hits & hits.wrapping_neg();
            hits ^= hit;
            if quotes & hit != 0 {
                within = !within;
            } else if within {
                hits &= !(hit << 1);
                quotes &= !(hit << 1);
                self.escaped = hit << 1 == 0;
            }
        }
        quotes
    }
}

impl Iterator for Brackets<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            let rest = &self.text[self.next..];
            self.base = self.next;
            if let Some(bytes) = rest.first_chunk::<64>() {
                self.next += 64;
                self.look_at(bytes);
            } else if rest.is_empty() {
                return None;
            } else {
                self.next = self.text.len();
                self.look_at(&padded(rest));
            }
        }
        let at = self.base + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(at)
    }
}

/// A text that is expected at a place, mostly a short one, over and over.
///
/// Comparing 32 bytes at once costs less than a call, and a mask says how many of them count.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'t> {
    head: [u8; 32],
    mask: u32,
    text: &'t [u8],
}

impl<'t> Expected<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Expected<'t> {
        let mut head = [0; 32];
        let short = text.len().min(32);
        head[..short].copy_from_slice(&text[..short]);
        let mask = u32::MAX >> ((32 - short) % 32);
        Expected { head, mask, text }
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether it stands there. An empty text stands nowhere.
    #[inline(always)]
    pub(crate) fn stands_at(&self, text: &[u8], at: usize) -> bool {
        let Some(found) = text.get(at..at + 32).and_then(|text| text.first_chunk()) else {
            return self.ends(text, at);
        };
        let equal = u8x32::new(*found).simd_eq(u8x32::new(self.head));
        // With all of the mask there may be more of it than the head.
        equal.to_bitmask() & self.mask == self.mask
            && (self.mask != u32::MAX || self.ends(text, at))
    }

    /// The same byte by byte: near the end of a text, and for what is long.
    #[cold]
    fn ends(&self, text: &[u8], at: usize) -> bool {
        let rest = text.get(at..).unwrap_or_default();
        !self.text.is_empty() && rest.starts_with(self.text)
    }
}

impl Default for Expected<'_> {
    /// The empty text.
    fn default() -> Self {
        Expected::new(&[])
    }
}

/// Where in `text`, from `start` on, the first byte stands that JSON does not let stand in a string as it is: a
/// quote, a backslash or a control character.
///
/// Most strings are short, so that the first 16 bytes have their end: no mask is kept for the next search.
#[inline(always)]
pub(crate) fn end_of_plain(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while let Some(bytes) = text.get(at..at + 16).and_then(|text| text.first_chunk()) {
        let lane: u8x16 = u8x16::new(*bytes);
        let found = lane.simd_eq(u8x16::splat(b'"'))
            | lane.simd_eq(u8x16::splat(b'\\'))
            | lane.simd_eq(lane.min(u8x16::splat(0x1f)));
        let mask = found.to_bitmask();
        if mask != 0 {
            return Some(at + mask.trailing_zeros() as usize);
        }
        at += 16;
    }
    end_near_the_end(text, at)
}

/// The same where fewer than 16 bytes are left.
#[cold]
fn end_near_the_end(text: &[u8], start: usize) -> Option<usize> {
    let not_plain = |b: &u8| matches!(b, b'"' | b'\\' | ..0x20);
    let more = text.get(start..)?.iter().position(not_plain)?;
    Some(start + more)
}

/// How deep the brackets and braces of a JSON text are nested.
pub(crate) fn depth(text: &[u8]) -> u32 {
    let (mut depth, mut deepest) = (0u32, 0);
    for at in Brackets::new(text) {
        depth = match text[at] {
            b'{' | b'[' => depth + 1,
            _ => depth.saturating_sub(1),
        };
        deepest = deepest.max(depth);
    }
    deepest
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

        #[test]
        fn passes_over_strings_as_a_plain_loop_does(text in "([^\"{}\\[\\]\\\\\n]{0,40}|[\"{}\\[\\]\\\\]{0,4}|\n?){0,20}") {
            let text = text.as_bytes();
            let (mut slow, mut open, mut skip) = (Vec::new(), None, false);
            for (at, byte) in text.iter().enumerate() {
                match (byte, open) {
                    (b'\n', _) => (open, skip) = (None, false),
                    _ if skip => skip = false,
                    (b'"', None) => open = Some(at),
                    (b'"', Some(_)) => open = None,
                    (b'\\', Some(_)) => skip = true,
                    (b'{' | b'}' | b'[' | b']', None) => slow.push(at),
                    _ => {}
                }
            }
            let mut brackets = Brackets::new(text);
            prop_assert_eq!(brackets.by_ref().collect::<Vec<_>>(), slow);
            prop_assert_eq!(brackets.open_string(), open);
        }

        #[test]
        fn compares_pieces(text in "[ab]{1,100}", expected in "[ab]{0,70}", at in 0usize..110, len in 0usize..100, own in any::<bool>()) {
            let text = text.as_bytes();
            let from = at.min(text.len());
            // Mostly what stands there.
            let expected = match own {
                true => &text[from..][..len.min(text.len() - from)],
                false => expected.as_bytes(),
            };
            let stands = !expected.is_empty() && text.get(at..).is_some_and(|rest| rest.starts_with(expected));
            prop_assert_eq!(Expected::new(expected).stands_at(text, at), stands);
        }

        #[test]
        fn finds_the_end_of_what_is_plain(text in proptest::collection::vec(prop_oneof![9 => b' '..=0xff, 1 => any::<u8>()], 0..80), start in 0usize..90) {
            let slow = (start..text.len()).find(|&i| !is_plain(&text[i..=i]));
            prop_assert_eq!(end_of_plain(&text, start), slow);
        }
    }
}
