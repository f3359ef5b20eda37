//! What is said of a rejected row, beside the row itself.

use super::{ADDED, RejectedRow};
use crate::batch::Fault;
use crate::format::PARSE;
use crate::format::added::{ABSENT, JOIN, RAGGED};

/// What is said of a column that the row's file does not have.
const IS_ABSENT: &str =
    "its file does not have this column, and while the cell is empty nothing is sent for it";

/// What is said of a row, in the order of [`ADDED`].
pub(super) struct Said {
    pub(super) texts: [String; ADDED.len()],
}

impl Said {
    /// Of a row that is too short, `missing` is the first column that it has nothing for; `absent` are those that its
    /// file does not have. By them it is known again when it comes back.
    pub(super) fn of(row: &RejectedRow<'_>, missing: Option<&str>, absent: &[&str]) -> Said {
        let several = row.faults.len() + absent.len() > 1;
        let joined = |of_fault: &dyn Fn(&mut String, &Fault),
                      of_absent: &dyn Fn(&str) -> String| {
            let mut text = String::new();
            for (i, fault) in row.faults.iter().enumerate() {
                if i > 0 {
                    text.push_str(JOIN);
                }
                of_fault(&mut text, fault);
            }
            for name in absent {
                text.push_str(JOIN);
                text.push_str(&of_absent(name));
            }
            text
        };
        let column = |fault: &Fault| match missing {
            Some(missing) if fault.stage == PARSE && fault.code == RAGGED => missing.to_owned(),
            _ => fault.source_column().to_string(),
        };
        Said {
            texts: [
                row.file.to_owned(),
                row.line.to_string(),
                joined(&|text, fault| text.push_str(fault.stage), &|_| {
                    PARSE.to_owned()
                }),
                joined(&|text, fault| text.push_str(&column(fault)), &str::to_owned),
                joined(
                    &|text, fault| push_clean(text, &fault.code, several),
                    &|_| ABSENT.to_owned(),
                ),
                joined(
                    &|text, fault| push_clean(text, &fault.message, several),
                    &|_| IS_ABSENT.to_owned(),
                ),
            ],
        }
    }
}

/// Appends a code or message. They may come from a server: control characters become spaces, so that
/// nobody's terminal is told what to do. Where several are joined, a semicolon would pass for the
/// join, and becomes a comma.
fn push_clean(out: &mut String, text: &str, several: bool) {
    out.extend(text.chars().map(|c| match c {
        c if c.is_control() => ' ',
        ';' if several => ',',
        c => c,
    }));
}
