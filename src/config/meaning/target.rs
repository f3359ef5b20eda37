//! What the section `target` means: where rows go, and what the import is told.

use url::Url;

use super::Meaning;
use super::base_url::{WrongUrl, base_url};
use crate::config::pipeline::{Connection, Target};
use crate::config::problem::nearest;
use crate::guard::spec::{GuardSpec, MinRowsSpec};
use crate::orgvue::hosts::hosts;
use crate::orgvue::spec::{
    Action, ActionSpec, DatasetSpec, Empty, IdentifySpec, ImportSpec, PreflightSpec, TargetSpec,
};
use crate::settings::secret::is_loopback;
use crate::settings::{is_tenant, is_uuid};
use crate::upload::spec::UploadFormat;

/// The variables of a callback template that the API documents.
const CALLBACK_VARIABLES: &[&str] = &["jobStatus", "traceId", "tenantId"];

/// Where rows go.
pub(super) struct Aim {
    /// The path of the section.
    pub(super) section: &'static str,
    /// The target, unless something is wrong with it.
    pub(super) to: Option<Target>,
    pub(super) import: ImportSpec,
}

impl Meaning<'_> {
    /// The section, whatever is wrong with it.
    pub(super) fn target(&mut self, spec: TargetSpec, preflight: PreflightSpec) -> Aim {
        let spec = match spec {
            TargetSpec::Sandbox(spec) => {
                return Aim {
                    section: "target.sandbox",
                    to: Some(Target::Sandbox),
                    import: spec.import,
                };
            }
            TargetSpec::Orgvue(spec) => spec,
        };
        let base_url = base_url(&spec.base_url);
        if let Err(WrongUrl {
            message,
            help,
            right,
        }) = &base_url
        {
            let at = "target.orgvue.base_url";
            // What came from a variable is not quoted.
            let right = right.as_ref().filter(|_| !self.places.is_filled(at));
            let help = right.map_or((*help).to_owned(), |right| format!("write `{right}`"));
            self.problem(at, *message, &help);
        }
        if !is_tenant(&spec.tenant) {
            let upper = spec.tenant.to_uppercase();
            let help = match is_tenant(&upper) && !self.places.is_filled("target.orgvue.tenant") {
                true => format!("did you mean `{upper}`?"),
                false => String::new(),
            };
            self.problem(
                "target.orgvue.tenant",
                "not the name of a tenant: 1 to 30 capital letters, digits and `_`, beginning with a letter",
                &help,
            );
        }
        self.dataset(&spec.dataset, preflight);
        self.secret("target.orgvue.token", &spec.token, "the token itself");
        if let Some(location) = &spec.result_location {
            self.secret(
                "target.orgvue.result_location",
                location,
                "the address itself",
            );
        }
        let target = base_url.ok().map(|base_url| {
            Target::Orgvue(Box::new(Connection {
                hosts: hosts(&base_url, spec.storage_hosts, spec.private_hosts),
                base_url,
                tenant: spec.tenant,
                dataset: spec.dataset,
                token: spec.token,
                result_location: spec.result_location,
            }))
        });
        Aim {
            section: "target.orgvue",
            to: target,
            import: spec.import,
        }
    }

    fn dataset(&mut self, dataset: &DatasetSpec, preflight: PreflightSpec) {
        match dataset {
            DatasetSpec::Id(id) if !is_uuid(id) => self.problem(
                "target.orgvue.dataset",
                "expected the UUID of a data set, such as 6586F21B-AD4D-4D06-A309-712AF47184A2",
                "of a data set by its name, write `dataset: { name: People }`",
            ),
            DatasetSpec::Name { name } if name.trim().is_empty() => self.problem(
                "target.orgvue.dataset.name",
                "expected the name of a data set, found empty text",
                "",
            ),
            DatasetSpec::Name { .. } if preflight == PreflightSpec::Off => self.problem(
                "target.orgvue.dataset.name",
                "a data set's name is looked up by the preflight, which is off",
                "write the data set's UUID, or leave `preflight: off` out",
            ),
            _ => {}
        }
    }

    pub(super) fn import(
        &mut self,
        section: &str,
        import: &ImportSpec,
        guard: &GuardSpec,
        filters: &[usize],
        format: UploadFormat,
    ) {
        let at = |key: &str| format!("{section}.{key}");
        match &import.identify_by {
            Some(IdentifySpec::AutoId(false)) => self.problem(
                &at("identify_by.auto_id"),
                "`auto_id` can only be true",
                "leave `identify_by` out where items are told apart by the platform's own `_id`",
            ),
            Some(IdentifySpec::IdKey(key)) if key.is_empty() => {
                self.problem(
                    &at("identify_by.id_key"),
                    "expected a property, found empty text",
                    "",
                );
            }
            Some(IdentifySpec::MergeKey(key)) if key.is_empty() => {
                self.problem(
                    &at("identify_by.merge_key"),
                    "expected a property, found empty text",
                    "",
                );
            }
            _ => {}
        }
        if matches!(&import.action, ActionSpec::Column { column } if column.is_empty()) {
            self.problem(
                &at("action.column"),
                "expected a column, found empty text",
                "",
            );
        }
        self.empties(section, import, format);
        if let Some(template) = &import.callback {
            self.callback(&at("callback"), template);
        }
        if import.implicit_delete.is_on() {
            self.implicit_delete(section, import, guard, filters);
        }
    }

    /// What empty cells send, and the texts that stand for it.
    fn empties(&mut self, section: &str, import: &ImportSpec, format: UploadFormat) {
        let at = |key: &str| format!("{section}.{key}");
        let is_whole = self.is_whole(section);
        if let (Some(noop), Some(clear)) = (&import.noop_token, &import.clear_token)
            && noop == clear
        {
            self.problem(
                &at("clear_token"),
                "`clear_token` and `noop_token` are the same text: one clears a value, the other keeps it",
                "",
            );
        }
        match (import.empty, &import.noop_token, &import.clear_token) {
            (Empty::Clear, _, None) if is_whole => self.problem(
                &at("empty"),
                "`empty: clear` needs a `clear_token`, the text that stands for a cleared value",
                "",
            ),
            (Empty::UnchangedAtServer, Some(_), _) => self.problem(
                &at("empty"),
                "`empty: unchanged_at_server` sends empty cells, and `noop_token` is the text that is sent in their place",
                "write `empty: omit`, or leave `noop_token` out",
            ),
            (Empty::Omit, None, _) if format == UploadFormat::Csv && is_whole => {
                match import.action.may_update() {
                    true => self.problem(
                        &at("empty"),
                        "a cell of a CSV upload can't be left out: it goes out empty, and an update may clear what \
                         the server holds",
                        "set `noop_token`, or `upload.format: json`; or state `empty: unchanged_at_server` where the server \
                         is known to ignore empty cells, `empty: keep` where they are meant to be sent",
                    ),
                    false => self.warning(
                        &at("empty"),
                        "an empty cell of a CSV upload is sent as empty text, and what that does is not documented",
                        "set `noop_token`, and it is sent in empty cells",
                    ),
                }
            }
            _ => {}
        }
    }

    fn callback(&mut self, path: &str, template: &str) {
        let mut plain = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                self.problem(path, "`{{` is not closed by `}}`", "");
                return;
            };
            let name = name.trim();
            if !CALLBACK_VARIABLES.contains(&name) {
                let known = CALLBACK_VARIABLES.join(", ");
                let help = match nearest(name, CALLBACK_VARIABLES.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`? Documented are: {known}"),
                    None => format!("documented are: {known}"),
                };
                let message = match self.places.is_filled(path) {
                    true => "the template has a variable that is not documented".to_owned(),
                    false => format!("the variable `{name}` is not documented"),
                };
                self.warning(path, message, &help);
            }
            plain.push_str(before);
            plain.push('x');
            rest = after;
        }
        plain.push_str(rest);
        let wrong = match Url::parse(&plain) {
            Err(_) => Some("not a URL"),
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                Some("a URL with a user name or password is not allowed here")
            }
            Ok(url) => match url.scheme() {
                "https" => None,
                "http" if is_loopback(&url) => None,
                _ => Some("a callback must be https"),
            },
        };
        if let Some(message) = wrong {
            self.problem(path, message, "");
        }
    }

    fn implicit_delete(
        &mut self,
        section: &str,
        import: &ImportSpec,
        guard: &GuardSpec,
        filters: &[usize],
    ) {
        let path = format!("{section}.implicit_delete");
        if import.action == ActionSpec::Constant(Action::Delete) {
            self.problem(
                &path,
                "`implicit_delete` with `action: delete` would delete the whole data set",
                "",
            );
        }
        let first = match guard.min_rows {
            Some(MinRowsSpec::Relative(relative)) => relative.first,
            Some(MinRowsSpec::Rows(rows)) => Some(rows),
            None => None,
        };
        if first.is_none() && section == "target.orgvue" && self.is_whole("guard") {
            self.warning(
                &path,
                "with `implicit_delete` the first run is stopped, as there is none before it to compare it with",
                "state how many rows it must have at least: `guard: { min_rows: { first: 5000 } }`",
            );
        }
        if matches!(guard.min_rows, Some(MinRowsSpec::Rows(_))) {
            self.warning(
                "guard.min_rows",
                "this number holds in every run, and no run is compared with the one before it",
                "write `{ first: N }`: after the first run, 90% of the last accepted one is expected",
            );
        }
        for i in filters {
            self.warning(
                &format!("stages.{i}"),
                "with `implicit_delete` the server deletes the items of the rows that this filter leaves out",
                "",
            );
        }
    }
}
