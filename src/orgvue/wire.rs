//! What rows must look like for Orgvue: the member `_action`, the texts that stand for "no change" and for
//! "clear the value", and what an empty cell sends.

use std::borrow::Cow;
use std::sync::Arc;

use super::nested::Nested;
use super::retyped::{Found, look};
use super::spec::{Action, ActionSpec, Empty, IdentifySpec, ImportSpec};
use crate::batch::{Batch, Columns, Fault, Kind, RowState};
use crate::format::encode::{Empties, Encoder, Format, Lead, LeadValue};
use crate::text::unseen;
use crate::upload::spec::UploadFormat;

/// The member that says what is to be done with an item.
pub(crate) const ACTION: &str = "_action";

/// Rows with these actions send what identifies their item. A token in place of an empty cell would say more than
/// is meant.
const BARE: &[&str] = &[Action::Delete.as_str(), Action::Noop.as_str()];

/// A column's name, and where it is in the batch.
type Slot = (Arc<str>, usize);

/// The target's demands on rows, bound to the columns after the last stage.
pub(crate) struct Wire {
    format: Format,
    lead: Lead,
    /// The column that gives the action, where it is not the same for every row. It is not sent under its own name.
    action: Option<Slot>,
    /// The column that tells whose row it is.
    identifier: Option<Slot>,
    /// Whether every row must tell that.
    must_tell: bool,
    /// The columns that are sent.
    sent: Vec<Slot>,
    empties: Empties,
    /// What the empty cells of these columns send, whatever those of others do.
    cleared: Vec<Slot>,
    clear_token: Option<Arc<str>>,
    tokens: Vec<String>,
    nested: Nested,
    /// No row may delete an item.
    no_deletes: bool,
}

impl Wire {
    /// Binds the import's settings to the columns.
    ///
    /// # Errors
    /// The setting, `action` or `identify_by`, and what is wrong with it.
    pub(crate) fn bind(
        import: &ImportSpec,
        format: UploadFormat,
        columns: &Columns,
    ) -> Result<Wire, (&'static str, String)> {
        let identifier = identifier(import, columns).map_err(|why| ("identify_by", why))?;
        let (value, action) = action(import, columns).map_err(|why| ("action", why))?;
        let sent = columns
            .iter()
            .filter(|(name, _)| action.as_ref().is_none_or(|(of, _)| of != *name))
            .map(|(name, slot)| (name.clone(), slot))
            .collect();
        let tokens = [&import.noop_token, &import.clear_token];
        let cleared = import.clear.iter().map(|name| columns.need(name));
        let cleared = cleared.collect::<Result<_, _>>();
        Ok(Wire {
            cleared: cleared.map_err(|why| ("clear", why.to_string()))?,
            clear_token: import.clear_token.as_deref().map(Arc::from),
            format: match format {
                UploadFormat::Json => Format::Json,
                UploadFormat::Csv => Format::Csv,
            },
            nested: Nested::default(),
            lead: Lead {
                name: ACTION,
                value,
                bare: BARE,
            },
            action,
            // The server deletes what the upload does not name, and a row without its identifier names nobody.
            must_tell: import.implicit_delete.is_on(),
            identifier,
            sent,
            empties: empties(import, format),
            no_deletes: import.no_deletes,
            tokens: tokens.into_iter().flatten().cloned().collect(),
        })
    }

    /// What writes the rows.
    pub(crate) fn encoder(&self) -> Encoder {
        Encoder::new(self.format, self.lead, self.columns())
    }

    /// The columns that are sent, with their slots, and what their empty cells send.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&Arc<str>, usize, Empties)> {
        self.sent.iter().map(|(name, slot)| {
            let empties = match self.cleared.iter().any(|(_, cleared)| cleared == slot) {
                true => Empties {
                    empty: self.clear_token.clone(),
                    ..self.empties.clone()
                },
                false => self.empties.clone(),
            };
            (name, *slot, empties)
        })
    }

    /// Whether there may be rows that delete their items.
    pub(crate) fn may_delete(&self) -> bool {
        match (&self.action, self.lead.value) {
            (Some(_), _) => true,
            (None, LeadValue::Constant(action)) => action == Action::Delete.as_str(),
            (None, LeadValue::Column(_)) => false,
        }
    }

    /// Whether a row that is sent deletes its item.
    pub(crate) fn deletes(&self, batch: &Batch, row: usize) -> bool {
        match (&self.action, self.lead.value) {
            (Some((_, slot)), _) => batch.text(batch.cell(row, *slot)) == Action::Delete.as_str(),
            (None, LeadValue::Constant(action)) => action == Action::Delete.as_str(),
            (None, LeadValue::Column(_)) => false,
        }
    }

    /// The columns that are sent.
    pub(crate) fn sent(&self) -> impl Iterator<Item = &Arc<str>> {
        self.sent.iter().map(|(name, _)| name)
    }

    /// Where these stand.
    pub(crate) fn slots(&self) -> impl Iterator<Item = usize> {
        self.sent.iter().map(|(_, slot)| *slot)
    }

    /// The column that tells whose row it is, where one is stated.
    pub(crate) fn identifier(&self) -> Option<(&Arc<str>, usize)> {
        self.identifier.as_ref().map(|(name, slot)| (name, *slot))
    }

    /// Texts of the rows that are sent which the server may make something else of. Of JSON there are none.
    pub(crate) fn retyped(&self, batch: &Batch, rows: &[u32]) -> Vec<Found> {
        match self.format {
            Format::Json => Vec::new(),
            Format::Csv => look(batch, self.sent.iter().map(|(_, slot)| *slot), rows),
        }
    }

    /// Rejects the rows that Orgvue would refuse, or would take for something else than they say.
    pub(crate) fn check(&self, batch: &mut Batch) {
        if let Some((name, slot)) = &self.action {
            check_actions(batch, name, *slot, self.no_deletes);
        }
        if let Some((name, slot)) = self.identifier.as_ref().filter(|_| self.must_tell) {
            check_identifiers(batch, name, *slot);
        }
        if !self.tokens.is_empty() {
            self.check_tokens(batch);
        }
        if batch.is_nested() {
            self.nested.check(batch, &self.sent);
        }
        self.check_values(batch);
    }

    /// What may mend the faults so far, told once for all rows.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.nested.remarks()
    }

    /// An item without any value would be nobody, whatever is sent in the place of its empty cells.
    fn check_values(&self, batch: &mut Batch) {
        let mut columns = self.sent.iter().map(|(_, slot)| batch.column(*slot));
        let first = columns.next().unwrap_or_default();
        let others: Vec<_> = columns.collect();
        let is_empty = |row: &usize| {
            first.get(*row).is_none_or(|cell| cell.is_empty())
                && batch.state(*row) == RowState::In
                && others.iter().all(|cells| cells[*row].is_empty())
        };
        let found: Vec<usize> = (0..batch.len()).filter(is_empty).collect();
        for row in found {
            let message = "expected an item with a value, found every cell empty after the stages: nothing would be sent but \
                           its action";
            batch.reject(fault(row, Arc::from(""), "no_value", message), None);
        }
    }

    /// Control characters never go out: nobody means them, and who reads the value later may stumble over them. Looks
    /// at rows that are rejected for something else, and at the others where `all`.
    pub(crate) fn reject_controls(&self, batch: &mut Batch, all: bool) {
        let mut found = Vec::new();
        for row in 0..batch.len() {
            match batch.state(row) {
                RowState::Rejected => {}
                RowState::In if all => {}
                _ => continue,
            }
            for (name, slot) in &self.sent {
                let cell = batch.cell(row, *slot);
                if cell.kind() == Kind::Text
                    && let Some((c, place)) = unseen::place(batch.text(cell), unseen::is_control)
                {
                    found.push((row, *slot, name.clone(), control(c, &place)));
                }
            }
        }
        for (row, slot, column, message) in found {
            batch.reject(fault(row, column, "control_character", message), Some(slot));
        }
    }

    /// Text that the server would take for one of its tokens can't be sent as text.
    fn check_tokens(&self, batch: &mut Batch) {
        let is_token =
            |text: &[u8], tokens: &[String]| tokens.iter().any(|token| token.as_bytes() == text);
        let mut found = Vec::new();
        for (name, slot) in &self.sent {
            for (row, cell) in batch.column(*slot).iter().enumerate() {
                if !cell.is_empty()
                    && cell.kind() != Kind::Faulty
                    && is_token(batch.text(*cell).as_bytes(), &self.tokens)
                {
                    found.push((row, *slot, name.clone()));
                }
            }
        }
        for (row, slot, column) in found {
            if batch.is_live(row) {
                let message =
                    "the value is the same text as noop_token or clear_token; choose another token";
                batch.reject(fault(row, column, "value_is_token", message), Some(slot));
            }
        }
    }
}

/// What to say of a control character.
fn control(c: char, place: &str) -> String {
    let code = c as u32;
    let hint = match c {
        '\u{80}'..='\u{9f}' => {
            "this is Windows-1252 text that a program has read as Latin-1; export the file again"
                .to_owned()
        }
        _ => format!("`replace: {{ pattern: '\\x{{{code:02X}}}', with: ... }}` takes it out"),
    };
    format!("expected text, found the control character {place}; {hint}")
}

/// What an empty cell sends, and what a member that was not there does. JSON leaves out what says nothing; in CSV,
/// where a cell can't be left out, the no-change token says so, where there is one.
fn empties(import: &ImportSpec, format: UploadFormat) -> Empties {
    let noop: Option<Arc<str>> = match format {
        UploadFormat::Json => None,
        UploadFormat::Csv => import.noop_token.as_deref().map(Arc::from),
    };
    let empty = match import.empty {
        Empty::Omit | Empty::UnchangedAtServer => noop.clone(),
        Empty::Clear => import.clear_token.as_deref().map(Arc::from),
        Empty::Keep => Some(Arc::from("")),
    };
    Empties {
        empty,
        keep_null: import.empty == Empty::Keep,
        missing: noop,
    }
}

/// The column that identifies items, where one does.
fn identifier(import: &ImportSpec, columns: &Columns) -> Result<Option<Slot>, String> {
    match &import.identify_by {
        Some(IdentifySpec::IdKey(name) | IdentifySpec::MergeKey(name)) => {
            columns.need(name).map(Some).map_err(|why| {
                format!("{why}: items are told apart by it, and the upload does not have it")
            })
        }
        _ => Ok(None),
    }
}

/// Where the action comes from: one for all rows, or a column.
fn action(import: &ImportSpec, columns: &Columns) -> Result<(LeadValue, Option<Slot>), String> {
    let has_action = columns.find(ACTION).is_some();
    match &import.action {
        ActionSpec::Constant(_) if has_action => Err(format!(
            "there is a column `{ACTION}` and a constant action; say `action: {{ column: {ACTION} }}`, or drop the column"
        )),
        ActionSpec::Constant(Action::Delete) if import.no_deletes => Err(
            "a file of corrected rows never deletes; to delete, run the pipeline on its source"
                .to_owned(),
        ),
        ActionSpec::Delta(_) if has_action => Err(format!(
            "there is a column `{ACTION}`, and the difference decides what is done; drop the column"
        )),
        ActionSpec::Constant(action) => Ok((LeadValue::Constant(action.as_str()), None)),
        // What the difference says of a row takes its place.
        ActionSpec::Delta(_) => Ok((LeadValue::Constant(Action::CreateOrUpdate.as_str()), None)),
        ActionSpec::Column { column } => {
            let found = columns.need(column).map_err(|e| e.to_string())?;
            if has_action && column != ACTION {
                return Err(format!(
                    "the action comes from `{column}`, and there is a column `{ACTION}` too, which would be sent under the same name; drop one of them"
                ));
            }
            Ok((LeadValue::Column(found.1), Some(found)))
        }
    }
}

/// A fault that the target's wishes find in a row.
fn fault(
    row: usize,
    column: Arc<str>,
    code: &'static str,
    message: impl Into<Cow<'static, str>>,
) -> Fault {
    Fault {
        row: row as u32,
        stage: "target",
        column,
        source: None,
        code: Cow::Borrowed(code),
        message: message.into(),
    }
}

fn check_identifiers(batch: &mut Batch, name: &Arc<str>, slot: usize) {
    for row in 0..batch.len() {
        let cell = batch.cell(row, slot);
        if !batch.is_live(row) || cell.kind() == Kind::Faulty || !unseen::is_blank(batch.text(cell))
        {
            continue;
        }
        let message = "expected the identifier of an item, found nothing: the server would not know whose row it is";
        batch.reject(
            fault(row, name.clone(), "no_identifier", message),
            Some(slot),
        );
    }
}

fn check_actions(batch: &mut Batch, name: &Arc<str>, slot: usize, no_deletes: bool) {
    for row in 0..batch.len() {
        let cell = batch.cell(row, slot);
        if !batch.is_live(row) || cell.kind() == Kind::Faulty {
            continue;
        }
        let written = batch.text(cell);
        let (code, message) = if Action::ALL.iter().all(|action| action.as_str() != written) {
            let expected = "expected one of create, update, replace, delete, noop, createOrUpdate, createOrReplace";
            ("unknown_action", expected)
        } else if no_deletes && written == Action::Delete.as_str() {
            let expected =
                "expected an action that does not delete: a file of corrected rows never deletes";
            ("deletes", expected)
        } else {
            continue;
        };
        batch.reject(fault(row, name.clone(), code, message), Some(slot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Row;

    /// Cells of one row: `~` is a member that was not there.
    type Cells = &'static [&'static str];

    /// What is sent of these rows, and the faults of those that are not; or why nothing can be bound.
    #[track_caller]
    fn check(import: &ImportSpec, format: UploadFormat, table: &[Cells], expected: &str) {
        let columns = Columns::from_header(table[0]);
        let wire = match Wire::bind(import, format, &columns) {
            Ok(wire) => wire,
            Err((_, message)) => return assert_eq!(message, expected),
        };
        let mut batch = Batch::new(String::new(), table[0].len());
        for _ in &table[1..] {
            batch.push_row(Row {
                line: 0,
                start: 0,
                end: 0,
            });
        }
        for column in 0..table[0].len() {
            let cell = |row: &Cells| match row[column] {
                "~" => ("", Kind::Missing),
                text => (text, Kind::Text),
            };
            let cells = table[1..].iter().map(cell).collect::<Vec<_>>();
            let cells = cells.iter().map(|(text, kind)| batch.append(text, *kind));
            let cells = cells.collect();
            batch.put_column(column, cells);
        }
        wire.check(&mut batch);
        let encoder = wire.encoder();
        let mut got = String::from_utf8(encoder.header()).unwrap();
        got += std::str::from_utf8(&encoder.encode(&batch).bytes).unwrap();
        for fault in batch.faults().iter() {
            got += &format!("\n! {} {} {}", fault.row, fault.column, fault.code);
        }
        assert_eq!(got.trim_start_matches(",\n"), expected);
    }

    fn by_column(column: &str) -> ImportSpec {
        ImportSpec {
            action: ActionSpec::Column {
                column: column.into(),
            },
            ..ImportSpec::default()
        }
    }

    #[test]
    fn one_action_and_no_more_is_sent() {
        let table: &[Cells] = &[&["id", "_action", "act"], &["1", "delete", "update"]];
        check(
            &ImportSpec::default(),
            UploadFormat::Json,
            table,
            "there is a column `_action` and a constant action; say `action: { column: _action }`, or drop the column",
        );
        check(
            &by_column("none"),
            UploadFormat::Json,
            table,
            "no column `none` here",
        );
        check(
            &by_column("_action"),
            UploadFormat::Json,
            table,
            r#"{"_action":"delete","id":"1","act":"update"}"#,
        );
        check(
            &by_column("act"),
            UploadFormat::Json,
            table,
            "the action comes from `act`, and there is a column `_action` too, which would be sent under the same name; drop one of them",
        );
    }

    #[test]
    fn a_value_may_not_be_a_token_but_an_action_may() {
        let import = ImportSpec {
            noop_token: Some("noop".into()),
            ..by_column("act")
        };
        check(
            &import,
            UploadFormat::Json,
            &[
                &["act", "id"],
                &["noop", "1"],
                &["drop", "2"],
                &["update", "noop"],
            ],
            "{\"_action\":\"noop\",\"id\":\"1\"}\n! 1 act unknown_action\n! 2 id value_is_token",
        );
    }

    #[test]
    fn empty_cells_and_members_that_were_not_there() {
        let check = |empty, clear: Option<&str>, format, expected: &str| {
            let import = ImportSpec {
                empty,
                noop_token: Some("=".into()),
                clear_token: clear.map(str::to_owned),
                ..by_column("act")
            };
            let table: &[Cells] = &[
                &["act", "a", "b", "id"],
                &["update", "", "~", "1"],
                &["delete", "", "~", "2"],
            ];
            check(&import, format, table, expected);
        };
        use UploadFormat::{Csv, Json};
        let nothing =
            "{\"_action\":\"update\",\"id\":\"1\"},\n{\"_action\":\"delete\",\"id\":\"2\"}";
        check(Empty::Omit, None, Json, nothing);
        check(
            Empty::Clear,
            Some("#"),
            Json,
            "{\"_action\":\"update\",\"a\":\"#\",\"id\":\"1\"},\n{\"_action\":\"delete\",\"id\":\"2\"}",
        );
        check(
            Empty::Keep,
            None,
            Json,
            "{\"_action\":\"update\",\"a\":\"\",\"id\":\"1\"},\n{\"_action\":\"delete\",\"id\":\"2\"}",
        );
        check(
            Empty::Omit,
            None,
            Csv,
            "_action,a,b,id\nupdate,=,=,1\ndelete,,,2\n",
        );
        check(
            Empty::Clear,
            Some("#"),
            Csv,
            "_action,a,b,id\nupdate,#,=,1\ndelete,,,2\n",
        );
        check(
            Empty::Keep,
            None,
            Csv,
            "_action,a,b,id\nupdate,,=,1\ndelete,,,2\n",
        );
    }
    #[test]
    fn an_item_has_a_value() {
        let table: &[Cells] = &[
            &["act", "a", "b"],
            &["update", "", "~"],
            &["delete", "", ""],
            &["update", "", "1"],
            &["nothing", "", ""],
        ];
        for empty in [Empty::Omit, Empty::Keep] {
            let import = ImportSpec {
                empty,
                ..by_column("act")
            };
            check(
                &import,
                UploadFormat::Json,
                table,
                match empty {
                    Empty::Keep => {
                        "{\"_action\":\"update\",\"a\":\"\",\"b\":\"1\"}\n! 3 act unknown_action\n! 0  no_value\n! 1  no_value"
                    }
                    _ => {
                        "{\"_action\":\"update\",\"b\":\"1\"}\n! 3 act unknown_action\n! 0  no_value\n! 1  no_value"
                    }
                },
            );
        }
    }
}
