//! How long what runs leave behind is kept.

use std::time::Duration;

use super::Meaning;
use crate::config::pipeline::Keep;
use crate::guard::spec::GuardSpec;
use crate::report::spec::{RejectsSpec, ReportSpec, ResultsSpec, StateSpec};

/// The shortest `state.keep`: what guards stopped can be approved for so long.
const STATE_AT_LEAST: Duration = Duration::from_secs(24 * 60 * 60);

impl Meaning<'_> {
    pub(super) fn keep(
        &mut self,
        (rejects, results): (&RejectsSpec, &ResultsSpec),
        (report, state): (&ReportSpec, &StateSpec),
        guard: &GuardSpec,
    ) -> Keep {
        let keep = Keep {
            rejects: rejects.keep,
            results: results.keep,
            reports: report.keep,
            state: state.keep,
        };
        for (path, span) in [
            ("rejects.keep", keep.rejects),
            ("results.keep", keep.results),
        ] {
            if span.is_some_and(|span| span.0.is_zero()) {
                self.problem(path, "expected a time above zero", "");
            }
        }
        if keep.reports == Some(0) {
            self.problem("report.keep", "expected at least 1", "");
        }
        if keep.results.is_some() && results.path.is_none() {
            let help = "name the file: `results: { path: results.csv }`";
            self.problem("results.keep", "there is no results file to keep", help);
        }
        if let Some(state) = keep.state {
            let window = guard.longest_window();
            if state.0 < STATE_AT_LEAST {
                self.problem("state.keep", "expected at least a day: `1d`", "");
            } else if window.is_some_and(|window| state < window) {
                let message = "a guard looks back further than this";
                let help = "keep the state at least as long as the longest `over` in `guard`";
                self.problem("state.keep", message, help);
            }
        }
        keep
    }
}
