//! What is said of a rejected row, beside the row itself.

use super::{ADDED, RejectedRow};
use crate::batch::Fault;
use crate::format::PARSE;
use crate::format::added::{JOIN, RAGGED};

/// What is said of a row, in the order of [`ADDED`].
pub(super) struct Said {
    pub(super) texts: [String; ADDED.len()],
}

impl Said {
    /// Of a row that is too short, `missing` is the first column that it has nothing for: by that it is known again when
    /// it comes back.
    pub(super) fn of(row: &RejectedRow<'_>, missing: Option<&str>) -> Said {
        let several = row.faults.len() > 1;
        let joined = |of_fault: &dyn Fn(&mut String, &Fault)| {
            let mut text = String::new();
            for (i, fault) in row.faults.iter().enumerate() {
                if i > 0 {
                    text.push_str(JOIN);
                }
                of_fault(&mut text, fault);
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
                joined(&|text, fault| text.push_str(fault.stage)),
                joined(&|text, fault| text.push_str(&column(fault))),
                joined(&|text, fault| push_clean(text, &fault.code, several)),
                joined(&|text, fault| push_clean(text, &fault.message, several)),
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
