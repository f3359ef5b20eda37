//! Cells of a spreadsheet that hold an error. In JSON they are objects of their own, so that they are taken neither for
//! text nor for nothing, and rows that have one are rejected, also when they are fed back.

/// The errors that there are.
const ERRORS: [&str; 14] = [
    "#N/A",
    "#REF!",
    "#VALUE!",
    "#NAME?",
    "#DIV/0!",
    "#NUM!",
    "#NULL!",
    "#SPILL!",
    "#CALC!",
    "#FIELD!",
    "#BLOCKED!",
    "#CONNECT!",
    "#BUSY!",
    // Whatever comes next.
    "#ERROR!",
];

/// The object that stands for an error.
pub(crate) fn written(error: &str) -> String {
    let known = ERRORS.iter().find(|known| **known == error);
    format!("{{\"error\":\"{}\"}}", known.unwrap_or(&"#ERROR!"))
}

/// Whether a text is what a cell with an error shows.
#[cfg(feature = "xlsx")]
pub(crate) fn is_one(text: &str) -> bool {
    ERRORS.contains(&text)
}

/// The error that an object stands for.
pub(crate) fn read(object: &str) -> Option<&'static str> {
    let error = object.strip_prefix("{\"error\":\"")?.strip_suffix("\"}")?;
    ERRORS.into_iter().find(|known| *known == error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_again() {
        for error in ERRORS {
            assert_eq!(read(&written(error)), Some(error));
        }
        assert_eq!(read(&written("#UNHEARD!\"}")), Some("#ERROR!"));
        for other in [
            "{}",
            "{\"error\":\"x\"}",
            "{\"error\":1}",
            "{\"error\":\"#N/A\",\"x\":1}",
        ] {
            assert_eq!(read(other), None);
        }
    }
}
