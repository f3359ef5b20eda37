//! A stage of one's own: code that a program adds behind the stages of the pipeline file.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{Bound, Place, Resources, Stage, check_names, fault, places, rewrite};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind};

/// A stage of one's own. It is called once per block of rows, on any of the workers, and not once per cell.
///
/// A run goes through its source twice, and what it sends must be what it checked: the same rows must come to the same
/// cells every time, whatever the order and the thread. A stage that looks at a clock or at a random number is found out:
/// the upload is cut off, and nothing is imported.
pub trait OwnStage: Send + Sync + 'static {
    /// The word by which reports and rejects call it, such as `acme_grade`: small letters, digits and underscores. None of
    /// the stages of pipeline files may have it.
    fn name(&self) -> &'static str;

    /// The columns that it reads. A run ends with [`exit_code`](crate::RunError::exit_code) 2 where one of them is not there.
    fn reads(&self) -> Vec<String>;

    /// The columns that it writes. One that is not there is added behind the others, and its cells are missing until they
    /// are set: a missing cell leaves the target's value as it is.
    fn writes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Works on the rows of one block.
    fn apply(&self, rows: &mut Rows<'_>);
}

/// The rows of one block, as a stage of one's own sees them. Columns are counted from 0, in the order in which the stage
/// names them.
pub struct Rows<'a> {
    batch: &'a mut Batch,
    own: &'a Running,
}

impl Rows<'_> {
    /// The numbers of the rows that are still on their way: those that a filter left out are not among them.
    pub fn numbers(&self) -> Vec<usize> {
        let all = 0..self.batch.len();
        all.filter(|row| self.batch.is_live(*row)).collect()
    }

    /// The text of a cell: of [`OwnStage::reads`], column `read`. Numbers, `true` and JSON are as they are written. Nothing
    /// where the cell is `null` or missing, or where an earlier stage found fault with it.
    ///
    /// # Panics
    /// There is no such row or column.
    pub fn text(&self, row: usize, read: usize) -> Option<&str> {
        let cell = self.batch.cell(row, self.own.reads[read].1);
        let is_text = !matches!(cell.kind(), Kind::Null | Kind::Missing | Kind::Faulty);
        is_text.then(|| self.batch.text(cell))
    }

    /// Sets a cell to a text: of [`OwnStage::writes`], column `written`.
    ///
    /// # Panics
    /// There is no such row or column.
    pub fn set(&mut self, row: usize, written: usize, text: &str) {
        let slot = self.own.writes[written].1;
        self.batch.set_text(row, slot, text, Kind::Text);
    }

    /// Rewrites the text cells of [`OwnStage::writes`], column `written`. `change` is given the text and an empty buffer, and
    /// says whether what it wrote there takes the text's place.
    ///
    /// # Panics
    /// There is no such column.
    pub fn rewrite(&mut self, written: usize, change: impl FnMut(&str, &mut String) -> bool) {
        rewrite(self.batch, self.own.writes[written].1, change);
    }

    /// Rejects a row for what stands in [`OwnStage::reads`], column `read`. The code is a short word that stays, such as
    /// `acme_grade`. The message says what was expected, and never the value: reports and logs have it.
    ///
    /// # Panics
    /// There is no such row or column.
    pub fn reject(
        &mut self,
        row: usize,
        read: usize,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) {
        let (column, slot) = &self.own.reads[read];
        let fault = fault(row, self.own.stage.0.name(), column, code, message);
        self.batch.reject(fault, Some(*slot));
    }
}

/// A stage of one's own in the list of stages. No pipeline file can name it.
#[derive(Clone)]
pub struct Own(Arc<dyn OwnStage>);

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Own").field(&self.0.name()).finish()
    }
}

impl Own {
    pub(crate) fn new(stage: impl OwnStage) -> Own {
        Own(Arc::new(stage))
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.name()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let name = self.0.name();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(fits) {
            return Err("its name must be small letters, digits and underscores".to_owned());
        }
        if super::NAMES.contains(&name) || name == "parse" || name == "validate" {
            return Err(format!("`{name}` is the name of another step"));
        }
        check_names("reads", &self.0.reads())?;
        match self.0.writes() {
            writes if writes.is_empty() => Ok(()),
            writes => check_names("writes", &writes),
        }
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check()?;
        let reads = places(columns, &self.0.reads())?;
        let mut writes = Vec::new();
        for name in self.0.writes() {
            let slot = columns.add(&name);
            columns.hold(slot, columns.kinds(slot) | Kinds::TEXT);
            columns.derive(slot, reads.iter().map(|place| place.1));
            writes.push((Arc::from(name), slot));
        }
        Ok(Some(Box::new(Running {
            stage: self.clone(),
            reads,
            writes,
        })))
    }
}

struct Running {
    stage: Own,
    reads: Vec<Place>,
    writes: Vec<Place>,
}

impl Stage for Running {
    fn apply(&self, batch: &mut Batch) {
        self.stage.0.apply(&mut Rows { batch, own: self });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{batch, print};
    use super::*;

    /// Doubles `a` into `b`; without `a` the row is rejected.
    struct Twice(&'static str);

    impl OwnStage for Twice {
        fn name(&self) -> &'static str {
            self.0
        }

        fn reads(&self) -> Vec<String> {
            vec!["a".to_owned()]
        }

        fn writes(&self) -> Vec<String> {
            vec!["b".to_owned()]
        }

        fn apply(&self, rows: &mut Rows<'_>) {
            for row in rows.numbers() {
                match rows.text(row, 0).map(|text| text.repeat(2)) {
                    Some(text) if !text.is_empty() => rows.set(row, 0, &text),
                    Some(_) => rows.reject(row, 0, "no_a", "must not be empty"),
                    None => {}
                }
            }
        }
    }

    #[test]
    fn it_reads_writes_and_rejects() {
        let table = json!([["a"], ["x"], [""], [null], [12], [{"faulty": "y"}], ["z"]]);
        let (mut columns, mut rows) = batch(&table);
        rows.filter_out(5);
        let stage = Own::new(Twice("twice"));
        let running = stage.bind(&mut columns, &Resources::default());
        rows.widen(columns.width());
        running.unwrap().unwrap().apply(&mut rows);
        let found = print(&columns, &rows);
        assert_eq!(rows.get(0, 1), "xx");
        assert_eq!(rows.get(3, 1), "1212");
        for untouched in [1, 2, 4, 5] {
            assert_eq!(rows.cell(untouched, 1).kind(), Kind::Missing, "{found}");
        }
        let faults: Vec<_> = rows
            .faults()
            .iter()
            .map(|f| (f.row, f.code.to_string()))
            .collect();
        assert_eq!(faults.len(), 1, "{found}");
        assert_eq!((faults[0].0, &*faults[0].1), (1, "no_a"));
    }

    #[test]
    fn refusals() {
        let refused = |name| Own::new(Twice(name)).check().unwrap_err();
        assert_eq!(refused("trim"), "`trim` is the name of another step");
        assert_eq!(
            refused("validate"),
            "`validate` is the name of another step"
        );
        let letters = "its name must be small letters, digits and underscores";
        assert_eq!(refused(""), letters);
        assert_eq!(refused("Acme grade"), letters);
        assert_eq!(Own::new(Twice("twice_2")).check(), Ok(()));
        let mut columns = Columns::from_header(["c"]);
        let bound = Own::new(Twice("twice")).bind(&mut columns, &Resources::default());
        assert!(bound.is_err_and(|why| why.missing().is_some()));
    }
}
