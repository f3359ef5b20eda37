//! The one rule by which texts are compared: keys, lookups, lists of values, names of columns.
//!
//! Two texts are the same if they look the same in any editor: [invisible characters](super::unseen) do not count,
//! letters and their accents are composed (NFC), and there is one kind of blank. Case counts, unless a setting says
//! that it does not; so do how many blanks there are, and where. What is compared so is never what is sent.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};

use super::unseen::{as_seen, belongs, is_plain_ascii, name};

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfc();

/// A text as it is compared. Nearly all are that already, and are not copied.
#[inline]
pub(crate) fn comparable(text: &str) -> Cow<'_, str> {
    match is_plain_ascii(text) {
        true => Cow::Borrowed(text),
        false => cleaned(text, |_, _, _| false),
    }
}

/// Whether a text is compared as it is.
#[inline]
pub(crate) fn is_comparable(text: &str) -> bool {
    is_plain_ascii(text) || matches!(comparable(text), Cow::Borrowed(_))
}

/// Looks a text up among texts that are as they are compared: mostly it is one of them, or has nothing to change.
#[inline]
pub(crate) fn look_up<T>(text: &str, find: impl Fn(&str) -> Option<T>) -> Option<T> {
    find(text).or_else(|| match is_plain_ascii(text) {
        true => None,
        false => find(&comparable(text)),
    })
}

/// Whether two texts are the same.
#[cfg(test)]
fn same(one: &str, other: &str) -> bool {
    comparable(one) == comparable(other)
}

/// Whether two names of columns are the same: blanks around them do not count either.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    comparable(one).trim() == comparable(other).trim()
}

/// A text as it should be written: as it is compared, with those invisible characters that
/// [belong](super::unseen::belongs) to it.
#[inline]
pub(crate) fn normal(text: &str) -> Cow<'_, str> {
    match is_plain_ascii(text) {
        true => Cow::Borrowed(text),
        false => cleaned(text, belongs),
    }
}

fn cleaned(text: &str, keeps: impl Fn(&str, char, Option<char>) -> bool) -> Cow<'_, str> {
    let unlike = |&(_, c): &(usize, char)| as_seen(c) != Some(c);
    let Some((at, _)) = text.char_indices().find(unlike) else {
        return NFC.normalize(text);
    };
    let (head, tail) = text.split_at(at);
    let mut clean = String::with_capacity(text.len());
    clean.push_str(head);
    let mut chars = tail.chars().peekable();
    while let Some(c) = chars.next() {
        match as_seen(c) {
            Some(c) => clean.push(c),
            None if keeps(&clean, c, chars.peek().copied()) => clean.push(c),
            None => {}
        }
    }
    if let Cow::Owned(composed) = NFC.normalize(&clean) {
        clean = composed;
    }
    match clean == text {
        true => Cow::Borrowed(text),
        false => Cow::Owned(clean),
    }
}

/// Puts a text as it is compared without regard to case into a buffer: Unicode's full case folding, by which `ß` is
/// `ss` and `ς` is `σ`. Turkish has a second `i`, without a dot, that stays one of its own.
pub(crate) fn fold_into(text: &str, folded: &mut String) {
    folded.clear();
    if is_plain_ascii(text) {
        folded.push_str(text);
        folded.make_ascii_lowercase();
        return;
    }
    for c in comparable(text).chars() {
        match c {
            'ı' => folded.push(c),
            _ => folded.extend(
                (c.to_lowercase().flat_map(char::to_uppercase)).flat_map(char::to_lowercase),
            ),
        }
    }
    if let Cow::Owned(composed) = NFC.normalize(folded) {
        *folded = composed;
    }
}

/// A text as it is compared with or without regard to case; without, it stands in the buffer.
#[inline]
pub(crate) fn compared<'a>(
    text: &'a str,
    ignore_case: bool,
    folded: &'a mut String,
) -> Cow<'a, str> {
    match ignore_case {
        true => {
            fold_into(text, folded);
            Cow::Borrowed(folded)
        }
        false => comparable(text),
    }
}

/// How a text is written otherwise than it is compared, without the text: so little that it can be kept of a million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spelling(u64);

impl Spelling {
    /// Bits of a character.
    const CHAR: u32 = 21;
    /// More characters than two are not as they are compared.
    const MORE: u64 = 1 << (2 * Self::CHAR);
    /// Letters and accents are not composed.
    const DECOMPOSED: u64 = Self::MORE << 1;

    /// Nothing, where a text is compared as it is.
    pub(crate) fn of(text: &str) -> Spelling {
        let mut unlike: Vec<char> = Vec::new();
        for c in text.chars().filter(|&c| as_seen(c) != Some(c)) {
            if !unlike.contains(&c) {
                unlike.push(c);
            }
            if unlike.len() > 2 {
                break;
            }
        }
        let seen: String = text.chars().filter_map(as_seen).collect();
        let mut bits = 0;
        for (at, &c) in (0..2).zip(&unlike) {
            bits |= u64::from(c) << (at * Self::CHAR);
        }
        if unlike.len() > 2 {
            bits |= Self::MORE;
        }
        if !NFC.is_normalized(&seen) {
            bits |= Self::DECOMPOSED;
        }
        Spelling(bits)
    }

    /// The same from and to what can be stored.
    pub(crate) const fn from_bits(bits: u64) -> Spelling {
        Spelling(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    fn chars(self) -> impl Iterator<Item = char> {
        let mask = (1 << Self::CHAR) - 1;
        let codes = [self.0 & mask, (self.0 >> Self::CHAR) & mask].into_iter();
        let chars = codes.filter(|code| *code != 0);
        chars.filter_map(|code| u32::try_from(code).ok().and_then(char::from_u32))
    }

    /// What keeps two texts that are the same from being equal: `U+00A0 (no-break space)`. None where they are equal.
    pub(crate) fn apart(self, other: Spelling) -> Option<String> {
        let differ = self.0 ^ other.0;
        if differ == 0 {
            return None;
        }
        let mut words: Vec<String> = self.chars().chain(other.chars()).map(name).collect();
        words.dedup();
        if differ & Self::MORE != 0 {
            words.push("other invisible characters".to_owned());
        }
        if differ & Self::DECOMPOSED != 0 {
            words.push("how accents are composed (NFC)".to_owned());
        }
        Some(words.join(", "))
    }
}

/// How a text is written, beside others that would be the same but for case, blanks, zeros before it and a `.0` behind
/// it: in 16 bits, of which those for case and blanks are hashes. The texts themselves need not be at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner(u16);

impl Manner {
    const ZEROS: u16 = 0x000f;
    const POINT_ZERO: u16 = 0x0010;
    const CASE: u16 = 0x03e0;
    const BLANKS: u16 = 0xfc00;

    pub(crate) const fn from_bits(bits: u16) -> Manner {
        Manner(bits)
    }

    pub(crate) const fn bits(self) -> u16 {
        self.0
    }

    /// In what two texts differ: `leading zeros and case`.
    pub(crate) fn apart(self, other: Manner) -> Cow<'static, str> {
        let kinds = [
            (Manner::ZEROS, "leading zeros"),
            (Manner::CASE, "case"),
            (Manner::BLANKS, "blanks"),
            (Manner::POINT_ZERO, "a `.0` at the end"),
        ];
        let differ = kinds
            .iter()
            .filter(|(mask, _)| (self.0 ^ other.0) & mask != 0);
        let words: Vec<&str> = differ.map(|(_, words)| *words).collect();
        match words[..] {
            [] => "how it is written".into(),
            [only] => only.into(),
            [ref rest @ .., last] => format!("{} and {last}", rest.join(", ")).into(),
        }
    }
}

/// Puts into a buffer what is left of a text when case, blanks, zeros before it and a `.0` behind it are left aside, and
/// says how it was written.
pub(crate) fn loosen_into(text: &str, loose: &mut String) -> Manner {
    let text = comparable(text);
    let mut blanks = 0u16;
    let mut bare = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_whitespace() {
            true => blanks = blanks.wrapping_mul(31).wrapping_add(bare.len() as u16 + 1),
            false => bare.push(c),
        }
    }
    let mut manner = (blanks % 0x3f + u16::from(blanks > 0)) << 10;
    let number = bare.strip_suffix(".0");
    let number = number.filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    if number.is_some() {
        manner |= Manner::POINT_ZERO;
    }
    let core = number.unwrap_or(&bare);
    let significant = core.trim_start_matches('0');
    // Of zeros alone one is kept.
    let significant = match significant.is_empty() && !core.is_empty() {
        true => "0",
        false => significant,
    };
    let zeros = core.len() - significant.len();
    manner |= (zeros as u16).min(Manner::ZEROS);
    fold_into(significant, loose);
    let cased = significant.chars().zip(loose.chars()).zip(1u16..);
    let unlike = cased.filter(|((c, folded), _)| c != folded);
    let case = unlike.fold(0u16, |case, (_, at)| case.wrapping_mul(37).wrapping_add(at));
    manner |= (case % 0x1f + u16::from(case > 0)) << 5 & Manner::CASE;
    Manner(manner)
}

#[cfg(test)]
mod tests {
    use icu_normalizer::DecomposingNormalizer;
    use proptest::prelude::*;

    use super::*;

    fn folded(text: &str) -> String {
        let mut folded = "before".to_owned();
        fold_into(text, &mut folded);
        folded
    }

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (one, other) in [
            ("zoë.lindén", "zoe\u{308}.linde\u{301}n"),
            (
                "Nguyễn Thị Ánh",
                "Nguye\u{302}\u{303}n Thi\u{323} A\u{301}nh",
            ),
            ("한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"),
            ("10001", "\u{200b}10001\u{200f}"),
            ("10001", "10\u{ad}0\u{2060}01\u{feff}"),
            ("Full Time", "Full\u{a0}Time"),
            ("Full Time", "Full\tTime"),
            ("a b", "a\u{2007}b"),
            ("a\nb", "a\u{2028}b"),
            ("é", "e\u{200b}\u{301}"),
            ("Å", "\u{212b}"),
            ("葛", "葛\u{e0100}"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("", "\u{feff}"),
        ] {
            assert!(same(one, other) && same(other, one), "{one:?} {other:?}");
        }
    }

    #[test]
    fn what_looks_different_is_not_the_same() {
        for (one, other) in [
            ("a", "A"),
            ("a b", "a  b"),
            ("a", " a"),
            ("a\nb", "a b"),
            ("e", "é"),
            ("ﬁ", "fi"),
            ("Ａ", "A"),
            ("А", "A"),
            ("i", "ı"),
            ("ß", "ss"),
            ("١", "1"),
            ("a\0", "a"),
            ("x²", "x2"),
        ] {
            assert!(!same(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn case_can_be_left_aside() {
        for (one, other) in [
            ("AB-12", "ab-12"),
            ("Straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("ZOE\u{308}", "zoë"),
            ("ŒUVRE", "œuvre"),
            ("ДМИТРИЙ", "дмитрий"),
            ("ǅ", "ǆ"),
            ("ﬁ", "FI"),
            ("\u{212a}", "k"),
            ("A\u{200b}B", "ab"),
        ] {
            assert_eq!(folded(one), folded(other), "{one:?} {other:?}");
        }
        for (one, other) in [("ı", "i"), ("ı", "I"), ("İ", "I"), ("a", "á"), ("Ａ", "A")] {
            assert_ne!(folded(one), folded(other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn what_should_be_written() {
        for (text, expected) in [
            ("Zoe\u{308}\u{200b}", "Zoë"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("می\u{200c}\u{200c}خواهم\u{200c}", "می\u{200c}خواهم"),
            ("क्\u{200d}ष", "क्\u{200d}ष"),
            ("ab\u{200d}cd\u{200c}e", "abcde"),
            ("é\u{200d}é", "éé"),
            (
                "👩\u{200d}💻 🏳\u{fe0f}\u{200d}🌈 1\u{fe0f}\u{20e3}",
                "👩\u{200d}💻 🏳\u{fe0f}\u{200d}🌈 1\u{fe0f}\u{20e3}",
            ),
            ("葛\u{e0100}\u{e0101}城 5\u{fe0f}", "葛\u{e0100}城 5"),
            (
                "🏴\u{e0067}\u{e0062}\u{e007f}",
                "🏴\u{e0067}\u{e0062}\u{e007f}",
            ),
            ("a\u{e0067}\u{e0062}\u{e007f}", "a"),
            ("\u{202e}abc\u{202c}", "abc"),
            ("a\u{a0}\t\u{3000}b\r\n\u{2029}", "a   b\r\n\n"),
            ("a\0\u{92}", "a\0\u{92}"),
        ] {
            assert_eq!(normal(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_keeps_them_apart_is_told_without_them() {
        let apart = |one, other| Spelling::of(one).apart(Spelling::of(other));
        let check =
            |one, other, expected: &str| assert_eq!(apart(one, other).as_deref(), Some(expected));
        check("a b", "a\u{a0}b", "U+00A0 (no-break space)");
        check("zoë", "zoe\u{308}", "how accents are composed (NFC)");
        check(
            "a\u{200b}",
            "a\u{ad}",
            "U+200B (zero width space), U+00AD (soft hyphen)",
        );
        check(
            "a",
            "\u{200b}a\u{ad}\u{a0}",
            "U+200B (zero width space), U+00AD (soft hyphen), other invisible characters",
        );
        check(
            "é\tb",
            "e\u{301}\u{a0}b",
            "U+0009 (tab), U+00A0 (no-break space), how accents are composed (NFC)",
        );
        assert_eq!(apart("a", "a"), None);
        assert_eq!(Spelling::of("Zoë").bits(), 0);
        let kept = Spelling::of("e\u{301}\u{e01ef}");
        assert_eq!(Spelling::from_bits(kept.bits()), kept);
    }

    #[test]
    fn near_misses_are_told_apart_without_the_texts() {
        let loose = |text| {
            let mut loose = String::new();
            (loosen_into(text, &mut loose), loose)
        };
        for (one, other, expected) in [
            ("00012", "12", "leading zeros"),
            ("012", "00012", "leading zeros"),
            ("AB12", "ab12", "case"),
            ("Ab12", "aB12", "case"),
            (" 12", "12", "blanks"),
            ("1 2", "12 ", "blanks"),
            ("12.0", "12", "a `.0` at the end"),
            (
                "0012 .0",
                "12",
                "leading zeros, blanks and a `.0` at the end",
            ),
            ("00Ab", "ab", "leading zeros and case"),
            ("0", "000", "leading zeros"),
            ("12", "\u{200b}12", "how it is written"),
        ] {
            let ((one_is, one), (other_is, other)) = (loose(one), loose(other));
            assert_eq!(one, other);
            assert_eq!(one_is.apart(other_is), expected, "{one}");
            assert_eq!(Manner::from_bits(one_is.bits()), one_is);
        }
        for (one, other) in [
            ("120", "12"),
            ("1.0.0", "1"),
            ("0", ""),
            ("a", "b"),
            ("10", "1"),
        ] {
            assert_ne!(loose(one).1, loose(other).1, "{one} {other}");
        }
    }

    /// Letters, accents, blanks and what nobody sees, and now and then anything.
    fn texts() -> impl Strategy<Value = String> {
        "([a-c ]|[éëñạ\u{301}\u{308}\u{323}\u{345}ᾳ]|[\u{200b}\u{200c}\u{200d}\u{ad}\u{feff}\u{fe0f}\u{34f}]|[\\t\u{a0}\u{2000}\u{2028}]|[می한क्葛🏴]|\\PC|\\p{Cc}){0,12}"
    }

    proptest! {
        #[test]
        fn comparing_twice_is_comparing_once(text in texts()) {
            let once = comparable(&text).into_owned();
            prop_assert_eq!(comparable(&once), &*once);
            prop_assert!(is_comparable(&once));
            prop_assert!(same(&text, &once));
            prop_assert_eq!(Spelling::of(&text) == Spelling::default(), is_comparable(&text));
            let folded_once = folded(&text);
            prop_assert_eq!(folded(&folded_once), folded_once);
            let normal_once = normal(&text).into_owned();
            prop_assert_eq!(normal(&normal_once), &*normal_once);
            prop_assert!(same(&text, &normal_once));
        }

        #[test]
        fn canonical_equivalents_are_the_same(text in texts()) {
            let decomposed = DecomposingNormalizer::new_nfd().normalize(&text).into_owned();
            prop_assert!(same(&text, &decomposed));
            prop_assert!(same(&text, &NFC.normalize(&text)));
            prop_assert_eq!(folded(&text), folded(&decomposed));
        }

        #[test]
        fn plain_text_is_not_copied(text in "[ -~\\n\\r]{0,40}|[ -~À-ſ]{0,20}|[一-龥]{0,10}") {
            prop_assert!(is_comparable(&text));
            prop_assert!(matches!(normal(&text), Cow::Borrowed(_)));
        }

        #[test]
        fn case_makes_no_difference(text in "[a-zA-ZÀ-ÖØ-ÞŁŒΑ-ΡΣ-ΩА-Я]{0,12}") {
            prop_assert_eq!(folded(&text.to_lowercase()), folded(&text));
            prop_assert_eq!(folded(&text.to_uppercase()), folded(&text));
        }
    }
}
