//! Writing CSV.

use crate::text::scan::Dialect;

/// Writes a cell piece by piece, in quotes where it must be. Where there are none, what would end the cell becomes a
/// blank.
#[inline]
pub(crate) fn cell(text: &[u8], dialect: Dialect, mut put: impl FnMut(&[u8])) {
    let Dialect {
        delimiter, quoting, ..
    } = dialect;
    let quote = quoting.quote.unwrap_or(delimiter);
    let escape = quoting.escape.unwrap_or(delimiter);
    if memchr::memchr3(quote, delimiter, b'\n', text).is_none()
        && memchr::memchr2(b'\r', escape, text).is_none()
    {
        return put(text);
    }
    if quoting.quote.is_none() || !quoting.multiline {
        return without_line_ends(text, dialect, put);
    }
    quoted(text, dialect, put);
}

/// Writes a cell in quotes.
pub(crate) fn quoted(text: &[u8], dialect: Dialect, mut put: impl FnMut(&[u8])) {
    let Some(quote) = dialect.quoting.quote else {
        return without_line_ends(text, dialect, put);
    };
    let escape = dialect.quoting.escape.unwrap_or(quote);
    put(&[quote]);
    let mut from = 0;
    for at in memchr::memchr2_iter(quote, escape, text) {
        // Itself once more takes the meaning from either.
        put(&text[from..=at]);
        put(&text[at..=at]);
        from = at + 1;
    }
    put(&text[from..]);
    put(&[quote]);
}

/// Writes a cell that no line end may stand in, nor, where nothing is quoted, a delimiter.
#[cold]
fn without_line_ends(text: &[u8], dialect: Dialect, mut put: impl FnMut(&[u8])) {
    let quotes = dialect.quoting.quote.is_some();
    let ends = |byte: u8| match byte {
        b'\n' => true,
        b'\r' => !quotes,
        byte => !quotes && byte == dialect.delimiter,
    };
    let text: Vec<u8> = text
        .iter()
        .map(|&b| if ends(b) { b' ' } else { b })
        .collect();
    match quotes {
        true => quoted(&text, dialect, put),
        false => put(&text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::csv::record::split;
    use crate::format::csv::record::tests::dialects;
    use crate::text::scan::Quoting;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            cells in proptest::collection::vec("[ab\"',;\\\\\r\n\t]{0,6}", 1..5),
            delimiter in prop_oneof![Just(b','), Just(b';'), Just(b'\t')],
            dialect in dialects(),
        ) {
            let dialect = Dialect { delimiter, ..dialect };
            let mut record = Vec::new();
            for (at, text) in cells.iter().enumerate() {
                if at > 0 {
                    record.push(delimiter);
                }
                cell(text.as_bytes(), dialect, |part| record.extend_from_slice(part));
            }
            // What can't be written has become a blank.
            let Quoting { quote, multiline, .. } = dialect.quoting;
            let can_be = |c: char| match c {
                '\n' => quote.is_some() && multiline,
                '\r' => quote.is_some(),
                c => quote.is_some() || c != char::from(delimiter),
            };
            let expected = cells.iter().map(|text| text.replace(|c| !can_be(c), " "));
            let record = String::from_utf8(record).unwrap();
            prop_assert_eq!(split(dialect, &record), expected.collect::<Vec<_>>());
        }
    }
}
