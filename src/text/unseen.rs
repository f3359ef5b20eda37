//! Characters that nobody sees: which they are, where the writing of a language needs them, what they are called.
//!
//! | characters | what they are here |
//! |---|---|
//! | format characters (Cf) and all that fonts leave out (Default_Ignorable_Code_Point): U+00AD, U+200B to U+200F, U+202A to U+202E, U+2060 to U+206F, U+FEFF, variation selectors, fillers, tags | invisible |
//! | signs of that category that are printed, such as U+0600, the Arabic number sign | letters like others |
//! | tab, U+00A0, U+2007, U+202F, U+3000 and all other kinds of space (Zs) | a blank |
//! | U+2028 and U+2029 | a line feed |
//! | U+0000 to U+001F but tab, line feed and carriage return, U+007F, U+0080 to U+009F | control characters |

use std::ops::Range;

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, EmojiModifier, ExtendedPictographic,
    GeneralCategory, GeneralCategoryGroup, PrependedConcatenationMark,
};
use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed,
};

type Set = CodePointSetDataBorrowed<'static>;

const IGNORABLE: Set = CodePointSetData::new::<DefaultIgnorableCodePoint>();
const PRINTED: Set = CodePointSetData::new::<PrependedConcatenationMark>();
const PICTURES: Set = CodePointSetData::new::<ExtendedPictographic>();
const MODIFIERS: Set = CodePointSetData::new::<EmojiModifier>();
const CATEGORY: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();
const COMBINING: CodePointMapDataBorrowed<'static, CanonicalCombiningClass> =
    CodePointMapData::new();

/// Behind this one, tags spell the flag of a part of a country.
const BLACK_FLAG: char = '\u{1f3f4}';

/// The longest code of such a part, with the tag that ends it.
const LONGEST_FLAG: usize = 7;

/// Whether a character leaves no mark and takes no room.
pub fn is_invisible(c: char) -> bool {
    match c {
        '\u{ad}' => true,
        // Latin letters, Han and Hangul need not be looked up.
        ..'\u{34f}' | '\u{3165}'..'\u{fe00}' => false,
        _ => {
            IGNORABLE.contains(c)
                || CATEGORY.get(c) == GeneralCategory::Format && !PRINTED.contains(c)
        }
    }
}

/// What a character counts as where kinds of blanks and of line breaks make no difference; none where it is invisible.
pub fn as_seen(c: char) -> Option<char> {
    match c {
        '\t' => Some(' '),
        ..'\u{a0}' => Some(c),
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Some(' ')
        }
        '\u{2028}' | '\u{2029}' => Some('\n'),
        c => (!is_invisible(c)).then_some(c),
    }
}

/// Whether all of it is as seen, as of nearly all texts in which another alphabet is not used.
#[inline]
pub fn is_plain_ascii(text: &str) -> bool {
    // Keys are short: eight bytes at a time, and without a way out in the middle.
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let plain = |plain, word: &[u8; 8]| plain & is_plain_word(u64::from_le_bytes(*word));
    words.iter().fold(true, plain) && rest.iter().all(|b| b.is_ascii() && *b != b'\t')
}

/// The same, of eight bytes.
#[inline]
pub(crate) fn is_plain_word(word: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // A tab becomes zero, and of zero alone comes the high bit.
    let tabs = word ^ (ONES * u64::from(b'\t'));
    (word | (tabs.wrapping_sub(ONES) & !tabs)) & HIGH == 0
}

/// Whether there is nothing to see in a text: it is empty, or has blanks and invisible characters alone.
#[inline]
pub fn is_blank(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(first) if first.is_ascii_graphic() => false,
        _ => text.chars().all(|c| c.is_whitespace() || is_invisible(c)),
    }
}

/// Whether a character does something instead of being text, and is not one of those that lay out text.
pub fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}

/// Whether a control character below the blank stands in a text, but for those that lay out text.
pub fn has_low_control(text: &[u8]) -> bool {
    let is = |b: u8| (b < 0x20) & (b != b'\t') & (b != b'\n') & (b != b'\r');
    text.iter().fold(false, |found, &b| found | is(b))
}

/// Whether there is a control character inside a string that JSON lets stand as it is: U+007F to U+009F.
pub fn has_high_control(text: &[u8]) -> bool {
    // In UTF-8 all but the first begin with this byte, and so do few others.
    memchr::memchr2_iter(0x7f, 0xc2, text)
        .any(|at| text[at] == 0x7f || text.get(at + 1).is_some_and(|b| *b < 0xa0))
}

/// What begins a text in UTF-8 without being a part of it.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The byte by which old systems end a text, and with which they fill its last piece.
pub(crate) const END_MARK: u8 = 0x1a;

/// The length of a file's text without the [marks](END_MARK) that end it.
pub(crate) fn without_end_marks(text: &[u8]) -> usize {
    let marks = text.iter().rev().take_while(|b| **b == END_MARK);
    text.len() - marks.count()
}

/// Whether an invisible character is a part of what is written where it stands, behind `before` and in front of
/// `after`.
///
/// - A joiner (U+200C, U+200D) between letters or pictures, or behind the sign that takes a vowel away: Persian and the
///   languages of India are written with it, families and professions are drawn with it. The alphabets of Europe know
///   none.
/// - A variation selector behind what it varies: old forms of Han, pictures in colour.
/// - The tags of a flag.
pub(crate) fn belongs(before: &str, c: char, after: Option<char>) -> bool {
    let last = before.chars().next_back();
    match c {
        '\u{200c}' | '\u{200d}' | '\u{180e}' => {
            let varied = before.strip_suffix(is_variation).unwrap_or(before);
            let joined = varied.chars().next_back().is_some_and(joins);
            last.is_some_and(takes_vowel) || joined && after.is_some_and(joins)
        }
        _ if is_variation(c) => {
            let varies = |c: char| !c.is_ascii() && !is_invisible(c) && !c.is_whitespace();
            last.is_some_and(varies) || last.is_some() && after == Some('\u{20e3}')
        }
        _ if is_tag(c) => {
            let mut flag = before.chars().rev().take(LONGEST_FLAG);
            flag.find(|c| !is_tag(*c)) == Some(BLACK_FLAG)
        }
        _ => false,
    }
}

fn is_variation(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{34f}')
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007f}')
}

fn takes_vowel(c: char) -> bool {
    COMBINING.get(c) == CanonicalCombiningClass::Virama
}

/// Whether a joiner can stand beside a character: letters of other alphabets than Europe's, and pictures.
fn joins(c: char) -> bool {
    let letter = || {
        let category = CATEGORY.get(c);
        GeneralCategoryGroup::Letter.contains(category)
            || GeneralCategoryGroup::Mark.contains(category)
    };
    match c {
        ..'\u{590}' | '\u{1e00}'..'\u{2190}' => false,
        _ => (letter() && !is_invisible(c)) || PICTURES.contains(c) || MODIFIERS.contains(c),
    }
}

/// Where the text is that is left without the blanks and invisible characters at both ends. Those that
/// [belong](belongs) to it stay.
pub fn trimmed(text: &str) -> Range<usize> {
    let mut rest = text.trim_start_matches(|c: char| c.is_whitespace() || is_invisible(c));
    let start = text.len() - rest.len();
    while let Some(c) = rest.chars().next_back() {
        let before = &rest[..rest.len() - c.len_utf8()];
        if !(c.is_whitespace() || is_invisible(c) && !belongs(before, c, None)) {
            break;
        }
        rest = before;
    }
    start..start + rest.len()
}

/// A character's number, and its name where that is one that people may know: `U+200B (zero width space)`.
pub(crate) fn name(c: char) -> String {
    let known = match c {
        '\0' => "NUL",
        '\t' => "tab",
        '\u{1a}' => "Ctrl-Z",
        '\u{1b}' => "escape",
        '\u{7f}' => "delete",
        '\u{a0}' => "no-break space",
        '\u{ad}' => "soft hyphen",
        '\u{2007}' => "figure space",
        '\u{2009}' => "thin space",
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{200e}' => "left-to-right mark",
        '\u{200f}' => "right-to-left mark",
        '\u{2028}' => "line separator",
        '\u{2029}' => "paragraph separator",
        '\u{202a}'..='\u{202e}' => "direction of writing",
        '\u{202f}' => "narrow no-break space",
        '\u{2060}' => "word joiner",
        '\u{2066}'..='\u{2069}' => "direction of writing",
        '\u{3000}' => "ideographic space",
        '\u{feff}' => "byte order mark",
        c if is_variation(c) => "variation selector",
        c if is_tag(c) => "tag",
        _ => return format!("U+{:04X}", c as u32),
    };
    format!("U+{:04X} ({known})", c as u32)
}

/// What nobody sees in a text and may have made it wrong: `U+200B (zero width space) as character 3`, `a blank at its
/// end`. The first of what there is; none where everything is seen. Of a text that is [compared](super::compare) as it
/// looks, only blanks at its ends can.
pub fn hidden(text: &str, compared: bool) -> Option<String> {
    // Nearly all texts have nothing to hide.
    let is_shown = |b: Option<&u8>| b.is_some_and(u8::is_ascii_graphic);
    if is_plain_ascii(text) && is_shown(text.as_bytes().first()) && is_shown(text.as_bytes().last())
    {
        return None;
    }
    let unlike = |c: char| as_seen(c) != Some(c) && c != '\t';
    let found = match compared {
        true => None,
        false => place(text, unlike),
    };
    let ends = || match (
        text.starts_with(char::is_whitespace),
        text.ends_with(char::is_whitespace),
    ) {
        _ if is_blank(text) => None,
        (true, _) => Some("a blank at its beginning".to_owned()),
        (_, true) => Some("a blank at its end".to_owned()),
        _ => None,
    };
    found.map(|(_, place)| place).or_else(ends)
}

/// The first character of a kind in a text, with its place: `U+200B (zero width space) as character 3`.
pub(crate) fn place(text: &str, of: impl Fn(char) -> bool) -> Option<(char, String)> {
    let (at, c) = text.chars().enumerate().find(|(_, c)| of(*c))?;
    Some((c, format!("{} as character {}", name(c), at + 1)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn all(chars: impl IntoIterator<Item = char>, expected: fn(char) -> Option<char>) {
        for c in chars {
            assert_eq!(as_seen(c), expected(c), "{}", name(c));
        }
    }

    #[test]
    fn every_class_of_characters() {
        let format = ['\u{ad}', '\u{61c}', '\u{180e}', '\u{feff}', '\u{e0001}'];
        let marks = ('\u{200b}'..='\u{200f}')
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2060}'..='\u{206f}');
        let fillers = [
            '\u{34f}', '\u{115f}', '\u{1160}', '\u{17b4}', '\u{3164}', '\u{ffa0}',
        ];
        let selectors = ('\u{fe00}'..='\u{fe0f}')
            .chain('\u{e0100}'..='\u{e01ef}')
            .chain('\u{180b}'..='\u{180d}');
        let tags = '\u{e0020}'..='\u{e007f}';
        all(
            format
                .into_iter()
                .chain(marks)
                .chain(fillers)
                .chain(selectors)
                .chain(tags),
            |_| None,
        );
        let blanks = [
            '\t', ' ', '\u{a0}', '\u{1680}', '\u{202f}', '\u{205f}', '\u{3000}',
        ];
        all(blanks.into_iter().chain('\u{2000}'..='\u{200a}'), |_| {
            Some(' ')
        });
        all(['\n', '\u{2028}', '\u{2029}'], |_| Some('\n'));
        // Printed, though two of them are of the same category as the invisible ones.
        let seen = "a0\r\0\u{7f}\u{92}éß\u{301}Жאبक한美ｱ＄\u{600}\u{6dd}\u{2800}\u{fffd}👩\u{1f3fb}\u{e000}";
        all(seen.chars(), Some);
    }

    #[test]
    fn blanks_are_those_of_unicode() {
        let others = |c: &char| {
            c.is_whitespace()
                && !matches!(
                    c,
                    '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
                )
        };
        all(('\0'..=char::MAX).filter(others), |_| Some(' '));
    }

    #[test]
    fn control_characters_but_those_that_lay_out_text() {
        let controls: String = ('\0'..='\u{ff}').filter(|c| is_control(*c)).collect();
        let expected = ('\0'..='\u{8}')
            .chain(['\u{b}', '\u{c}'])
            .chain('\u{e}'..='\u{1f}')
            .chain('\u{7f}'..='\u{9f}');
        assert_eq!(controls, expected.collect::<String>());
    }

    #[test]
    fn what_is_taken_off_the_ends() {
        for (text, expected) in [
            ("", ""),
            ("a", "a"),
            (" a b\t", "a b"),
            ("\u{200b}10001", "10001"),
            ("10002\u{200f}", "10002"),
            ("10003\u{ad}\u{a0}\u{feff} ", "10003"),
            ("\u{feff}\u{feff}\u{200e}id\u{2060}", "id"),
            ("\u{200b}\u{200b}", ""),
            ("\u{200b} \u{3000}\u{ad}", ""),
            ("a\u{200b}b", "a\u{200b}b"),
            // In Malayalam a joiner behind the sign that takes the vowel away makes the last letter.
            ("കൃഷ്ണന്\u{200d}", "കൃഷ്ണന്\u{200d}"),
            ("می\u{200c}", "می"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("葛\u{e0100} ", "葛\u{e0100}"),
            ("a\u{fe0f}", "a"),
            ("\u{fe0f}a", "a"),
            (
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            ),
            ("a\u{e0067}\u{e007f}", "a"),
        ] {
            assert_eq!(&text[trimmed(text)], expected, "{text:?}");
        }
    }

    #[test]
    fn nothing_to_see() {
        for text in ["", " ", "\u{200b}", "\u{a0}\u{ad}\t\u{2028}", "\u{3164}"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", " a", "\u{200b}0", "\0", "\u{301}"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn characters_have_names() {
        assert_eq!(name('\u{200b}'), "U+200B (zero width space)");
        assert_eq!(name('\u{e0100}'), "U+E0100 (variation selector)");
        assert_eq!(name('\u{3}'), "U+0003");
        let found = place("é\u{a0}\u{200b}", is_invisible);
        assert_eq!(
            found,
            Some((
                '\u{200b}',
                "U+200B (zero width space) as character 3".into()
            ))
        );
        assert_eq!(place("é\u{a0}", is_invisible), None);
    }

    proptest! {
        #[test]
        fn the_quick_looks_find_what_the_slow_ones_do(text in "([ -~]|[\\t\\n\\r\u{a0}\u{a3}]|\\p{Cc}|\\PC){0,20}") {
            let low = |c: char| c < ' ' && is_control(c);
            let high = |c: char| c > '~' && is_control(c);
            prop_assert_eq!(has_low_control(text.as_bytes()), text.contains(low));
            prop_assert_eq!(has_high_control(text.as_bytes()), text.contains(high));
            let plain = text.is_ascii() && !text.contains('\t');
            prop_assert_eq!(is_plain_ascii(&text), plain);
            prop_assert_eq!(is_blank(&text), text.chars().all(|c| c.is_whitespace() || is_invisible(c)));
        }

        #[test]
        fn what_is_taken_off_is_not_seen(text in "[ a\u{200b}\u{200d}\u{ad}\u{fe0f}\u{94d}क\u{e0067}🏴]{0,8}") {
            let range = trimmed(&text);
            let off = [&text[..range.start], &text[range.end..]].concat();
            prop_assert!(is_blank(&off));
            let left = &text[range];
            prop_assert_eq!(trimmed(left), 0..left.len());
            prop_assert!(!left.starts_with(|c: char| c.is_whitespace() || is_invisible(c)));
        }

        #[test]
        fn marks_at_the_end(text in "[a\\n\x1a]{0,8}") {
            let left = &text[..without_end_marks(text.as_bytes())];
            prop_assert_eq!(left, text.trim_end_matches('\x1a'));
        }
    }
}
