//! Whether an extract is whole: what something states of its records, beside what was read.

use super::Ruling;

/// A number of records that something states, and how many were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub by: By,
    pub stated: u64,
    pub found: u64,
}

/// What states a number of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// `source.expect.rows`.
    Rows,
    /// `source.expect.at_least`.
    AtLeast,
    /// The last line of a file.
    Trailer { file: String, line: u64 },
    /// A file beside the extract, of one file of it or of all.
    DoneFile { done: String, of: Option<String> },
}

/// What is said of an answer that has no length.
pub(crate) const UNPROVEN: &str =
    "the server does not say how long its answer is, so that one which was cut off looks whole";

/// Why an extract is not whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWhole {
    #[error("source.expect.rows says that the extract has {stated} records, and {found} were read")]
    Rows { stated: u64, found: u64 },
    #[error(
        "source.expect.at_least says that the extract has {stated} records or more, and {found} were read"
    )]
    AtLeast { stated: u64, found: u64 },
    #[error(
        "{file}: the last line is not the one that source.expect.trailer describes: the file may have been cut off"
    )]
    NoTrailer { file: String },
    #[error("{file}:{line}: the group of source.expect.trailer does not hold a number of records")]
    NoNumber { file: String, line: u64 },
    #[error("{file}:{line}: the last line states {stated} records, and {found} were read")]
    Trailer {
        file: String,
        line: u64,
        stated: u64,
        found: u64,
    },
    #[error("{done} is not there (source.expect.done_file): the extract is not complete yet")]
    NotDone { done: String },
    #[error("{done} (source.expect.done_file) can't be read: {why}")]
    Unread { done: String, why: String },
    #[error("{done} states {stated} records, and {found} were read{}", match of {
        Some(file) => format!(" from {file}"),
        None => String::new(),
    })]
    DoneFile {
        done: String,
        of: Option<String>,
        stated: u64,
        found: u64,
    },
    #[error(
        "{file}: {UNPROVEN}, and people who are missing from it would be deleted; say what a whole extract is (`source: {{ \
         expect: {{ rows: N }} }}`, or `at_least`, `trailer`, `done_file` with the number), or have it sent compressed, or as \
         a JSON array"
    )]
    Unproven { file: String },
    #[error("{why}; source.expect.settled is {settled}")]
    Unsettled { why: String, settled: String },
}

impl Claim {
    fn is_met(&self) -> bool {
        match self.by {
            By::AtLeast => self.found >= self.stated,
            _ => self.found == self.stated,
        }
    }

    fn ruling(&self) -> Ruling {
        let (guard, limit) = match self.by {
            By::Rows => ("expect_rows", "exactly"),
            By::AtLeast => ("expect_at_least", "at least"),
            By::Trailer { .. } => ("expect_trailer", "exactly"),
            By::DoneFile { .. } => ("expect_done_file", "exactly"),
        };
        let limit = format!("{limit} {}", self.stated);
        Ruling::new(guard, limit, (self.found, self.stated), !self.is_met())
    }

    fn refuted(self) -> NotWhole {
        let Claim { by, stated, found } = self;
        match by {
            By::Rows => NotWhole::Rows { stated, found },
            By::AtLeast => NotWhole::AtLeast { stated, found },
            By::Trailer { file, line } => NotWhole::Trailer {
                file,
                line,
                stated,
                found,
            },
            By::DoneFile { done, of } => NotWhole::DoneFile {
                done,
                of,
                stated,
                found,
            },
        }
    }
}

/// Holds what is stated against what was read: the rulings, and the first claim that is not met.
pub(crate) fn decide(claims: Vec<Claim>) -> (Vec<Ruling>, Option<NotWhole>) {
    let rulings = claims.iter().map(Claim::ruling).collect();
    let wrong = claims.into_iter().find(|claim| !claim.is_met());
    (rulings, wrong.map(Claim::refuted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Decision;

    #[test]
    fn what_is_stated_against_what_was_read() {
        let check = |by: By, found: u64, expected: Option<&str>| {
            let claim = Claim {
                by,
                stated: 5,
                found,
            };
            let (rulings, wrong) = decide(vec![claim]);
            assert_eq!(wrong.map(|w| w.to_string()).as_deref(), expected);
            assert_eq!(rulings[0].decision == Decision::Stopped, expected.is_some());
        };
        check(By::Rows, 5, None);
        check(
            By::Rows,
            6,
            Some("source.expect.rows says that the extract has 5 records, and 6 were read"),
        );
        check(By::AtLeast, 6, None);
        check(
            By::AtLeast,
            4,
            Some(
                "source.expect.at_least says that the extract has 5 records or more, and 4 were read",
            ),
        );
        let trailer = || By::Trailer {
            file: "in.csv".to_owned(),
            line: 9,
        };
        check(trailer(), 5, None);
        check(
            trailer(),
            4,
            Some("in.csv:9: the last line states 5 records, and 4 were read"),
        );
        let done = By::DoneFile {
            done: "in.done".to_owned(),
            of: Some("in.csv".to_owned()),
        };
        check(
            done,
            4,
            Some("in.done states 5 records, and 4 were read from in.csv"),
        );
        assert_eq!(decide(Vec::new()), (Vec::new(), None));
    }
}
