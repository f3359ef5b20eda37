//! What `source.sql` means.

use super::Meaning;
use crate::http::spec::TimeoutsSpec;
use crate::source::Input;
use crate::source::spec::{Compression, SourceFormat, SourceSpec, SqlSpec};

impl Meaning<'_> {
    /// A query. What it gives comes in one way: what else is said of it would go wrong later.
    pub(super) fn sql(
        &mut self,
        spec: &SqlSpec,
        source: &SourceSpec,
        timeouts: &TimeoutsSpec,
    ) -> Vec<Input> {
        self.secret("source.sql.url", &spec.url, "the address itself");
        self.query(spec);
        if let Some(span) = spec.timeout
            && !(1..=i32::MAX as u128).contains(&span.0.as_millis())
        {
            self.problem(
                "source.sql.timeout",
                "expected a time from 1ms to 24 days",
                "",
            );
        }
        let is_ndjson = matches!(source.format, SourceFormat::Auto | SourceFormat::Ndjson);
        let is_plain = matches!(source.compression, Compression::Auto | Compression::None);
        for (path, fits) in [
            ("format", is_ndjson),
            ("compression", is_plain),
            ("encoding", source.encoding.is_utf8()),
            ("json.path", source.json.path.is_none()),
        ] {
            if !fits {
                self.problem(
                    &format!("source.{path}"),
                    "the rows that a query gives are plain NDJSON",
                    "leave this setting out",
                );
            }
        }
        vec![Input::sql(spec, timeouts)]
    }

    fn query(&mut self, spec: &SqlSpec) {
        let (path, message) = match (&spec.query, &spec.query_file) {
            (None, None) => (
                "source.sql",
                "expected a statement that gives rows, in `query`, or in a file that `query_file` names",
            ),
            (Some(_), Some(_)) => (
                "source.sql.query_file",
                "`query` and `query_file` are both given; keep one",
            ),
            (Some(query), None) if query.trim().is_empty() || query.contains('\0') => (
                "source.sql.query",
                "expected a statement that gives rows, such as a SELECT",
            ),
            (None, Some(file)) if file.is_empty() || file.contains('\0') => {
                ("source.sql.query_file", "expected the path of a file")
            }
            _ => return,
        };
        self.problem(path, message, "");
    }
}
