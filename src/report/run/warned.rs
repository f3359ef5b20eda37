//! Rows that break a rule of `severity: warn`: they go out, and are counted.

use serde::Serialize;

use super::as_of::{Line, Seen};
use super::few::Told;
use crate::batch::JOINED;
use crate::report::human;
use crate::text::shown::shown;

/// Rows that break a rule which does not reject them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct WarnedReport {
    /// How many; something else may be wrong with some of them, which are rejected for that.
    pub rows: u64,
    /// How many break which rule, the most frequent first.
    pub by_column: Vec<WarnedCount>,
}

/// A column, a code, and the rows that have both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct WarnedCount {
    /// The column by the source's own name; empty where no column is named.
    pub column: String,
    /// The name that a stage had given it; `null` where it kept its own.
    pub renamed_to: Option<String>,
    pub code: String,
    pub rows: Told,
    /// Where the first of them stand.
    pub first: Vec<Line>,
}

impl WarnedReport {
    /// Without small counts of `sensitive` columns, and without the lines that would tell whose they are.
    pub(crate) fn without_few(mut self, sensitive: &[String]) -> WarnedReport {
        for count in &mut self.by_column {
            let renamed = count.renamed_to.iter();
            // A rule across columns may name several.
            let mut names = renamed
                .chain([&count.column])
                .flat_map(|names| names.split(JOINED));
            if names.any(|name| sensitive.iter().any(|sensitive| sensitive == name)) {
                count.rows = count.rows.unless_few();
                if count.rows.count().is_none() {
                    count.first.clear();
                }
            }
        }
        self
    }

    /// A line for every column and code, for people.
    pub(super) fn lines(&self) -> Vec<String> {
        self.by_column.iter().map(WarnedCount::line).collect()
    }
}

impl WarnedCount {
    fn line(&self) -> String {
        let column = match (&*self.column, &self.renamed_to) {
            ("", _) => "(row)".to_owned(),
            (column, None) => shown(column).into_owned(),
            (column, Some(name)) => format!("{} ({})", shown(column), shown(name)),
        };
        let rows = match self.rows {
            Told::Count(rows) => human::count(rows),
            few => few.to_string(),
        };
        let seen = Seen {
            count: self.rows.count().unwrap_or_default(),
            first: self.first.clone(),
        };
        let places = match self.first.is_empty() {
            true => String::new(),
            false => format!("  ({})", seen.places()),
        };
        format!("{column}  {}  {rows}{places}", shown(&self.code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_sensitive_column_neither_a_few_nor_their_lines_are_told() {
        let line = |line| Line {
            file: "a.csv".to_owned(),
            line,
        };
        let count = |column: &str, renamed: Option<&str>, rows| WarnedCount {
            column: column.to_owned(),
            renamed_to: renamed.map(str::to_owned),
            code: "one_of".to_owned(),
            rows: Told::Count(rows),
            first: vec![line(2)],
        };
        let report = WarnedReport {
            rows: 12,
            by_column: vec![
                count("Gender", Some("gender"), 3),
                count("a, gender", None, 4),
                count("gender", None, 5),
                count("grade", None, 1),
            ],
        };
        let told = report.without_few(&["gender".to_owned()]).lines();
        let expected = [
            "Gender (gender)  one_of  fewer than 5",
            "a, gender  one_of  fewer than 5",
            "gender  one_of  5  (a.csv:2, ...)",
            "grade  one_of  1  (a.csv:2)",
        ];
        assert_eq!(told, expected);
    }
}
