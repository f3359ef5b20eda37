//! What encoding bytes are likely to be in: for advice, never to decide.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

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

/// The same as the end of a sentence that says to set an encoding.
pub(crate) fn proposal(bytes: &[u8]) -> String {
    match likely(bytes) {
        Some(found) => format!(
            " (it may be {}; `rostream preview` shows whether the letters are right)",
            found.name().to_ascii_lowercase()
        ),
        None => String::new(),
    }
}
