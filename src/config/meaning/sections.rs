//! Sections that are there or not, and those whose settings stand for themselves.

use std::path::Path;

use super::Meaning;
use super::outputs::NOT_FILLED_IN;
use super::source::NO_PATH;
use crate::config::problem::nearest;
use crate::config::spec::PipelineSpec;
use crate::files::of_run::is_filled_in;
use crate::http::spec::TimeoutsSpec;
use crate::orgvue::spec::WaitSpec;
use crate::settings::limits::Limits;
use crate::settings::units::Size;
use crate::text::dates::Zone;

/// Smallest and largest `limits.record`: below, blocks are too small to be worth a worker's while; above, a cell's
/// length has no room beside its kind.
const RECORD: (Size, Size) = (Size(4 * 1024), Size(128 * 1024 * 1024));

/// Smallest and largest `limits.zstd_window`: what the decoder can be told of.
const WINDOW: (Size, Size) = (Size(1024), Size(1 << 30));

impl Meaning<'_> {
    pub(super) fn version(&mut self, version: Option<u32>) {
        match version {
            Some(1) => {}
            None if !self.is_whole("version") => {}
            None => self.problem("", "the key `version` is missing", "write `version: 1`"),
            Some(_) => self.problem("version", "this version is unknown", "write `version: 1`"),
        }
    }

    /// The sections that every pipeline has.
    pub(super) fn sections(&mut self, spec: &PipelineSpec) {
        for section in ["source", "target"] {
            if !self.places.contains(section) {
                let message = format!("the section `{section}` is missing");
                self.problem("", message, "");
            }
        }
        if spec.source.is_none() && self.places.contains("source") {
            self.problem("source", NO_PATH.0, NO_PATH.1);
        }
        if spec.target.is_none() && self.places.contains("target") {
            self.problem(
                "target",
                "expected `orgvue` or `sandbox`, found nothing",
                "",
            );
        }
    }

    /// What the pipeline and its source are called.
    pub(super) fn names(&mut self, spec: &PipelineSpec) {
        if self.places.contains("name") && spec.name.as_deref().is_none_or(str::is_empty) {
            self.problem("name", "expected a name, found nothing", "");
        }
        if self.places.contains("profile") && spec.profile.is_none() && self.is_whole("profile") {
            self.problem(
                "profile",
                "expected the name of a source, found nothing",
                "",
            );
        }
    }

    pub(super) fn time_zone(&mut self, name: Option<&str>) -> Option<Zone> {
        let name = name?;
        let zone = Zone::named(name);
        if zone.is_none() {
            let known = Zone::names();
            let near = nearest(name, known.iter().map(String::as_str));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "expected a name such as `Europe/London` or `UTC`".to_owned(),
            };
            self.problem("time_zone", "not a known time zone", &help);
        }
        zone
    }

    pub(super) fn waits(&mut self, wait: &WaitSpec, timeouts: &TimeoutsSpec) {
        if wait.at_most.0.is_zero() {
            self.problem("wait.at_most", "expected a time above zero", "");
        }
        for (name, span) in timeouts.each() {
            if span.0.is_zero() {
                let path = format!("timeouts.{name}");
                self.problem(&path, "expected a time above zero", "");
            }
        }
    }

    pub(super) fn folders(&mut self, spec: &PipelineSpec) {
        if spec.report.dir.as_deref() == Some("") {
            self.problem("report.dir", "expected a folder, found empty text", "");
        }
        let dir = spec.report.dir.as_deref().unwrap_or_default();
        if is_filled_in(Path::new(dir)) {
            let help =
                "the name of every report has its run in it; `report.keep` says how many stay";
            self.problem("report.dir", NOT_FILLED_IN, help);
        }
        if is_filled_in(Path::new(&spec.state.dir)) {
            let help = "what is known of earlier runs is in it: name one folder";
            self.problem("state.dir", NOT_FILLED_IN, help);
        }
        if spec.state.dir.is_empty() {
            self.problem("state.dir", "expected a folder, found empty text", "");
        }
    }

    pub(super) fn limits(&mut self, limits: &Limits) {
        let (least, most) = RECORD;
        if !(least..=most).contains(&limits.record) {
            let message = format!("expected a size from {least} to {most}");
            self.problem("limits.record", message, "");
        }
        let (least, most) = WINDOW;
        if !(least..=most).contains(&limits.zstd_window) {
            let message = format!("expected a size from {least} to {most}");
            self.problem("limits.zstd_window", message, "");
        }
        for (name, value) in [
            ("cell", limits.cell.0),
            ("columns", limits.columns.into()),
            ("json_depth", limits.json_depth.into()),
            ("expansion", limits.expansion.into()),
            ("decompressed", limits.decompressed.0),
            ("xz_memory", limits.xz_memory.0),
            ("result", limits.result.0),
        ] {
            if value == 0 {
                self.problem(&format!("limits.{name}"), "expected at least 1", "");
            }
        }
    }
}
