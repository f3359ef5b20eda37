//! Writing CSV.

use crate::text::scan::Dialect;

/// Writes a cell piece by piece, in quotes where it must be.
#[inline]
pub(crate) fn cell(text: &[u8], dialect: Dialect, mut put: impl FnMut(&[u8])) {
    let Dialect {
        delimiter, quote, ..
    } = dialect;
    if memchr::memchr3(quote, delimiter, b'\n', text).is_none()
        && memchr::memchr(b'\r', text).is_none()
    {
        return put(text);
    }
    put(&[quote]);
    let mut from = 0;
    for at in memchr::memchr_iter(quote, text) {
        put(&text[from..=at]);
        put(&[quote]);
        from = at + 1;
    }
    put(&text[from..]);
    put(&[quote]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::csv::record::split;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            cells in proptest::collection::vec("[ab\"',;\r\n\t]{0,6}", 1..5),
            (delimiter, quote) in prop_oneof![Just((b',', b'"')), Just((b';', b'\'')), Just((b'\t', b'"'))],
        ) {
            let dialect = Dialect { delimiter, quote, ..Dialect::default() };
            let mut record = Vec::new();
            for (at, text) in cells.iter().enumerate() {
                if at > 0 {
                    record.push(delimiter);
                }
                cell(text.as_bytes(), dialect, |part| record.extend_from_slice(part));
            }
            let record = String::from_utf8(record).unwrap();
            prop_assert_eq!(split(dialect, &record), cells);
        }
    }
}
