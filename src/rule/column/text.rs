//! `type`, where it is neither a number nor a date.

use uuid::Uuid;

use super::given::{Broken, Cells, Words};
use crate::batch::Kind;
use crate::rule::spec::ColumnType;

/// Longest e-mail address, and the longest part before its `@` (RFC 5321).
const EMAIL: (usize, usize) = (254, 64);

/// Longest part of a domain between its dots (RFC 1035).
const EMAIL_LABEL: usize = 63;

pub(super) struct Text {
    kind: ColumnType,
    words: Words,
}

pub(super) fn compile(kind: ColumnType) -> Text {
    let words = match kind {
        ColumnType::Boolean => Words::new("type_boolean", "expected true or false"),
        ColumnType::Uuid => Words::new("type_uuid", "expected a UUID"),
        ColumnType::Email => Words::new("type_email", "expected an e-mail address"),
        _ => Words::new("type_text", "expected text"),
    };
    Text { kind, words }
}

impl Text {
    pub(super) fn run<'r>(&'r self, cells: &Cells<'_>, broken: &mut Broken<'r>) {
        match self.kind {
            ColumnType::Boolean => {
                self.all(cells, broken, |_, text| text == "true" || text == "false")
            }
            ColumnType::Uuid => self.all(cells, broken, |_, text| {
                text.len() == 36 && Uuid::try_parse(text).is_ok()
            }),
            ColumnType::Email => self.all(cells, broken, |_, text| is_email(text)),
            _ => self.all(cells, broken, |kind, _| kind == Kind::Text),
        }
    }

    fn all<'r>(
        &'r self,
        cells: &Cells<'_>,
        broken: &mut Broken<'r>,
        fits: impl Fn(Kind, &str) -> bool,
    ) {
        cells.filled(|row, kind, text| {
            if !fits(kind, text) {
                broken.push((row, &self.words));
            }
        });
    }
}

/// Whether a text is an e-mail address of one mailbox, as HTML has it, with a dot in its domain.
/// Letters of all languages are taken, since such addresses exist.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let label = |label: &str| {
        (1..=EMAIL_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    text.len() <= EMAIL.0
        && (1..=EMAIL.1).contains(&local.len())
        && local
            .chars()
            .all(|c| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c))
        && domain.contains('.')
        && domain.split('.').all(label)
}
