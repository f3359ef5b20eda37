//! Text as bytes and as values: searching bytes, comparing, what nobody sees, dates, decimals, what is shown of it and
//! of errors.

pub(crate) mod charset;
pub(crate) mod compare;
pub(crate) mod dates;
pub(crate) mod decimal;
pub(crate) mod javascript;
pub(crate) mod scan;
pub(crate) mod shown;
pub(crate) mod unseen;

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
