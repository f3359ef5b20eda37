//! Objects and arrays that are left over after the last stage: Orgvue's properties are text, numbers, dates, true and
//! false, and hold none.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::{Batch, Fault, Kind};
use crate::text::shown::shown;

/// The most columns that are told.
const MOST_TOLD: usize = 10;

/// Which columns held what.
#[derive(Default)]
pub(super) struct Nested {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    objects: BTreeSet<Arc<str>>,
    arrays: BTreeSet<Arc<str>>,
}

impl Nested {
    /// Rejects the rows that have one in a column that is `sent`.
    pub(super) fn check(&self, batch: &mut Batch, sent: &[(Arc<str>, usize)]) {
        for (name, slot) in sent {
            for row in 0..batch.len() {
                let cell = batch.cell(row, *slot);
                if cell.kind() != Kind::Json || !batch.is_live(row) {
                    continue;
                }
                let is_object = batch.text(cell).starts_with('{');
                self.note(name, is_object);
                let message = match is_object {
                    true => "the value is an object, which a property in Orgvue cannot hold",
                    false => "the value is an array, which a property in Orgvue cannot hold",
                };
                let fault = Fault {
                    row: row as u32,
                    stage: "target",
                    column: name.clone(),
                    source: None,
                    code: Cow::Borrowed("nested"),
                    message: Cow::Borrowed(message),
                };
                batch.reject(fault, Some(*slot));
            }
        }
    }

    fn note(&self, name: &Arc<str>, is_object: bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let columns = match is_object {
            true => &mut seen.objects,
            false => &mut seen.arrays,
        };
        if !columns.contains(name) {
            columns.insert(name.clone());
        }
    }

    /// What to do about them.
    pub(super) fn remarks(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut remarks = Vec::new();
        if !seen.objects.is_empty() {
            remarks.push(format!(
                "there are objects in {}: their members become columns with `json: {{ flatten: \".\" }}` in the source; or \
                 leave them out with `drop`",
                told(&seen.objects)
            ));
        }
        if !seen.arrays.is_empty() {
            remarks.push(format!(
                "there are arrays in {}: say in the source what becomes of them with `json: {{ arrays: join }}`, `first` or \
                 `json`; or leave them out with `drop`",
                told(&seen.arrays)
            ));
        }
        remarks
    }
}

fn told(columns: &BTreeSet<Arc<str>>) -> String {
    let names = columns
        .iter()
        .take(MOST_TOLD)
        .map(|name| format!("`{}`", shown(name)));
    let names: Vec<_> = names.collect();
    match columns.len().saturating_sub(MOST_TOLD) {
        0 => names.join(", "),
        more => format!("{} and {more} more columns", names.join(", ")),
    }
}
