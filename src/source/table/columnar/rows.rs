//! The rows of batches as records.

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};

use super::cells::{Column, Odd};
use crate::settings::limits::Limits;
use crate::settings::units::Size;
use crate::source::table::Wrong;
use crate::source::table::records::{Name, Records};
use crate::text::shown::shown;

/// Writes rows, each on the line of its number.
pub(super) struct Rows<'a, 'o> {
    wanted: Option<&'a [String]>,
    out: &'a mut Records<'o>,
    columns: Vec<Field>,
    names: Vec<Name>,
    /// Rows that were begun.
    number: u64,
    /// Bytes of JSON that were written, and how many there may be: a file of some bytes can say that it has a billion rows.
    written: u64,
    most: Size,
}

impl<'a, 'o> Rows<'a, 'o> {
    pub(super) fn new(
        wanted: Option<&'a [String]>,
        limits: &Limits,
        out: &'a mut Records<'o>,
    ) -> Rows<'a, 'o> {
        Rows {
            wanted,
            out,
            columns: Vec::new(),
            names: Vec::new(),
            number: 0,
            written: 0,
            most: limits.decompressed,
        }
    }

    /// The rows that were begun.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Takes in what columns there are. Returns the places of those that are read.
    ///
    /// # Errors
    /// There are none, several have one name, or values of their type can't be told as JSON.
    pub(super) fn choose(&mut self, schema: &Schema) -> Result<Vec<usize>, Wrong> {
        let fields = schema.fields();
        let mut names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        if names.is_empty() {
            return Err(Wrong::data(0, "the file has no columns"));
        }
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let name = shown(twice[0]);
            return Err(Wrong::data(
                0,
                format!(
                    "two columns are called `{name}`; have the file written with a name for each"
                ),
            ));
        }
        let is_read = |field: &Field| {
            self.wanted
                .is_none_or(|wanted| is_wanted(wanted, field.name()))
        };
        let mut places: Vec<usize> = (0..fields.len())
            .filter(|at| is_read(&fields[*at]))
            .collect();
        if places.is_empty() {
            places = (0..fields.len()).collect();
        }
        self.columns = places.iter().map(|at| (*fields[*at]).clone()).collect();
        self.names = self
            .columns
            .iter()
            .map(|field| Name::new(field.name()))
            .collect();
        for field in &self.columns {
            can_be_told(field)?;
        }
        Ok(places)
    }

    /// Writes the rows of a batch, which has the columns that were chosen.
    ///
    /// # Errors
    /// There are too many, or nobody wants more of them.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), Wrong> {
        let columns = batch.columns().iter().zip(&self.columns);
        let columns: Result<Vec<Column<'_>>, _> = columns
            .map(|(array, field)| Column::new(array, field))
            .collect();
        let columns = columns.map_err(|what| Wrong::data(self.number + 1, what))?;
        for row in 0..batch.num_rows() {
            self.number += 1;
            self.out.begin(self.number);
            let mut odd = None;
            for (at, (name, column)) in self.names.iter().zip(&columns).enumerate() {
                if let Err(found) = column.write(row, self.out.value(name)) {
                    odd.get_or_insert((at, found));
                }
            }
            if let Some((at, found)) = odd {
                let message = self.told(at, found);
                self.out.fault(&message, None);
            }
            self.written += self.out.len() as u64;
            if self.written > self.most.0 {
                let most = self.most;
                let message =
                    format!("the rows become more than {most} of text (limits.decompressed)");
                return Err(Wrong::data(self.number, message));
            }
            self.out.end()?;
        }
        Ok(())
    }

    /// What is wrong with a value, which is not shown.
    fn told(&self, at: usize, odd: Odd) -> String {
        format!(
            "column `{}`: {}",
            shown(self.columns[at].name()),
            odd.told()
        )
    }
}

/// Whether a column is one of those, or one of its members is.
fn is_wanted(wanted: &[String], name: &str) -> bool {
    let leads = |path: &String| {
        path.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    wanted.iter().any(leads)
}

fn can_be_told(field: &Field) -> Result<(), Wrong> {
    let none = arrow_array::new_empty_array(field.data_type());
    match Column::new(&none, field) {
        Ok(_) => Ok(()),
        Err(what) => Err(Wrong::setting(
            0,
            format!(
                "column `{}`: {what}; have it written as text or as a number, or leave it out: state the columns that are read \
                 in `json: {{ columns: [...], unknown: ignore }}`",
                shown(field.name())
            ),
        )),
    }
}
