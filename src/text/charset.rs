//! What encoding bytes are likely to be in: for advice, never to decide.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, WINDOWS_1250, WINDOWS_1252};

/// Bytes that a guess is made of, at most: more take long, and tell little more.
const LOOKED_AT: usize = 16 * 1024;

/// The encoding that bytes which are not UTF-8 are most likely in; none where all are ASCII.
pub(crate) fn likely(bytes: &[u8]) -> Option<&'static Encoding> {
    let from = bytes.iter().position(|byte| !byte.is_ascii())?;
    // With what stands before the first of them: an encoding is told by what stands beside it.
    let from = from.saturating_sub(LOOKED_AT / 2);
    let bytes = &bytes[from..bytes.len().min(from + LOOKED_AT)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    Some(detector.guess(None, Utf8Detection::Deny))
}

/// Fewer bytes beyond ASCII tell next to nothing: what most computers write comes first then.
const FEW: usize = 20;

/// The end of a sentence that says to set an encoding: those that come into question, the likeliest first.
pub fn proposal(bytes: &[u8]) -> String {
    let Some(found) = likely(bytes) else {
        return String::new();
    };
    let few = bytes.iter().filter(|byte| !byte.is_ascii()).count() < FEW;
    let common = [WINDOWS_1252, WINDOWS_1250];
    let order = match few {
        true => [common[0], common[1], found],
        false => [found, common[0], common[1]],
    };
    let is_read = |encoding: &&'static Encoding| !encoding.decode_without_bom_handling(bytes).1;
    let mut candidates: Vec<String> = Vec::new();
    for encoding in order.iter().filter(|encoding| is_read(encoding)) {
        let name = encoding.name().to_ascii_lowercase();
        if !candidates.contains(&name) {
            candidates.push(name);
        }
    }
    match candidates.is_empty() {
        true => String::new(),
        false => format!(
            " (candidates: {}; `rostream preview` shows with which the letters are right)",
            candidates.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_comes_first() {
        let check = |text: &str, encoding: &'static Encoding, expected: &str| {
            let (bytes, _, lossy) = encoding.encode(text);
            assert!(!lossy);
            let found = proposal(&bytes);
            assert!(
                found.starts_with(&format!(" (candidates: {expected}")),
                "{found}"
            );
        };
        let names = "Łucja Żak;Łódź\nZbigniew Wójcik;Kraków\nMałgorzata Żółtowska;Częstochowa\nŚwiętosława Bąk;Gdańsk\n";
        check(
            &names.repeat(3),
            WINDOWS_1250,
            "windows-1250, windows-1252;",
        );
        check(
            "Иванов;Пётр;Москва\nСмирнова;Анна;Казань\n",
            encoding_rs::WINDOWS_1251,
            "windows-1251, ",
        );
        check(
            "山田太郎,東京都\n佐藤花子,大阪府\n",
            encoding_rs::SHIFT_JIS,
            "shift_jis",
        );
        check("Müller", WINDOWS_1252, "windows-1252, windows-1250");
        assert_eq!(proposal(b"plain"), "");
    }
}
