//! Text as bytes and as values: searching bytes, comparing, what nobody sees, dates, decimals, what closes a table, what
//! is shown of it and of errors.

pub(crate) mod charset;
pub(crate) mod closing;
pub(crate) mod compare;
pub(crate) mod dates;
pub(crate) mod decimal;
pub(crate) mod encoded;
pub(crate) mod foreign;
pub(crate) mod javascript;
pub(crate) mod last;
pub(crate) mod scan;
pub(crate) mod shown;
pub(crate) mod unseen;
pub(crate) mod written;

/// `1 row`, `5 rows`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// `2 of 5 rows were`, `the only row was`.
pub(crate) fn of_rows(part: u64, whole: u64) -> String {
    match (part, whole) {
        (1, 1) => "the only row was".to_owned(),
        (part, whole) => format!("{part} of {whole} rows were"),
    }
}

/// An error and its causes in one line. A cause that the text ends with already is not said twice.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
