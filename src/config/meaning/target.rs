//! What the section `target` means: where rows go, and what the import is told.

use url::Url;
use uuid::Uuid;

use super::{Meaning, Wrong};
use crate::config::pipeline::{Connection, Target};
use crate::config::problem::nearest;
use crate::guard::spec::{GuardSpec, MinRowsSpec};
use crate::orgvue::hosts::hosts;
use crate::orgvue::spec::{
    Action, ActionSpec, Empty, IdentifySpec, ImportSpec, TargetSpec, TokenSpec,
};
use crate::settings::is_tenant;
use crate::settings::secret::is_loopback;
use crate::upload::spec::UploadFormat;

/// The variables of a callback template that the API documents.
const CALLBACK_VARIABLES: &[&str] = &["jobStatus", "traceId", "tenantId"];

impl Meaning<'_> {
    /// The section's name, the target (unless something is wrong with it) and the import's settings.
    pub(super) fn target(
        &mut self,
        spec: TargetSpec,
    ) -> (&'static str, Option<Target>, ImportSpec) {
        let spec = match spec {
            TargetSpec::Sandbox(spec) => {
                return ("target.sandbox", Some(Target::Sandbox), spec.import);
            }
            TargetSpec::Orgvue(spec) => spec,
        };
        let base_url = base_url(&spec.base_url);
        if let Err((message, help)) = &base_url {
            self.problem("target.orgvue.base_url", *message, help);
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
        // The parser takes other forms too; the API asks for this one.
        if spec.dataset.len() != 36 || Uuid::try_parse(&spec.dataset).is_err() {
            self.problem(
                "target.orgvue.dataset",
                "expected the UUID of a data set, such as 6586F21B-AD4D-4D06-A309-712AF47184A2",
                "",
            );
        }
        match &spec.token {
            TokenSpec::Env(_) if self.places.is_filled("target.orgvue.token.env") => self.problem(
                "target.orgvue.token.env",
                "expected the name of an environment variable, not its value",
                "write the name alone, without `${}`",
            ),
            TokenSpec::Env(name) if !is_variable(name) => self.problem(
                "target.orgvue.token.env",
                "expected the name of an environment variable: letters, digits and `_`",
                "the token itself must not be written here",
            ),
            TokenSpec::File(path) if path.is_empty() => self.problem(
                "target.orgvue.token.file",
                "expected the path of a file",
                "",
            ),
            _ => {}
        }
        let target = base_url.ok().map(|base_url| {
            Target::Orgvue(Connection {
                hosts: hosts(&base_url, spec.storage_hosts, spec.private_hosts),
                base_url,
                tenant: spec.tenant,
                dataset: spec.dataset,
                token: spec.token,
            })
        });
        ("target.orgvue", target, spec.import)
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

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The API's address, with or without `https://`. No message quotes it: it may hold a password.
fn base_url(written: &str) -> Result<Url, Wrong> {
    let written = written.trim();
    if written.is_empty() {
        return Err((
            "expected the API's host, found empty text",
            "for example orgvue.eu-west-1.concentra.io",
        ));
    }
    let url = match written.contains("://") {
        true => Url::parse(written),
        false => Url::parse(&format!("https://{written}")),
    };
    let mut url = url.map_err(|_| ("not a URL", "for example orgvue.eu-west-1.concentra.io"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err((
                "plain http would send the token unprotected",
                "write https, or no scheme at all",
            ));
        }
        _ => return Err(("expected an https address", "")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err((
            "a URL with a user name or password is not allowed here",
            "the API takes nothing but a token: see `token`",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(("expected an address without `?` and `#`", ""));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if path.contains("/api/v") {
        return Err(("leave out `/api/v1` and what follows it", ""));
    }
    url.set_path(&format!("{path}/"));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        let check = |written: &str, expected: &str| {
            let got = match base_url(written) {
                Ok(url) => url.to_string(),
                Err((message, _)) => format!("! {message}"),
            };
            assert_eq!(got, expected, "{written}");
        };
        let host = "https://orgvue.eu-west-1.concentra.io/";
        check("orgvue.eu-west-1.concentra.io", host);
        check("https://orgvue.eu-west-1.concentra.io", host);
        check(" https://orgvue.eu-west-1.concentra.io// ", host);
        check(
            "gateway.example.com:8443/orgvue",
            "https://gateway.example.com:8443/orgvue/",
        );
        check("http://127.0.0.1:8080", "http://127.0.0.1:8080/");
        check("http://localhost", "http://localhost/");
        check("http://[::1]:1", "http://[::1]:1/");
        check(
            "http://example.com",
            "! plain http would send the token unprotected",
        );
        check(
            "http://x.localhost",
            "! plain http would send the token unprotected",
        );
        check(
            "http://localhost.example.com",
            "! plain http would send the token unprotected",
        );
        check(
            "http://127.0.0.1.example.com",
            "! plain http would send the token unprotected",
        );
        check("ftp://example.com", "! expected an https address");
        check(
            "https://a:b@example.com",
            "! a URL with a user name or password is not allowed here",
        );
        check(
            "https://example.com/?x=1",
            "! expected an address without `?` and `#`",
        );
        check(
            "https://example.com/api/v1",
            "! leave out `/api/v1` and what follows it",
        );
        check("https://", "! not a URL");
        check("a b", "! not a URL");
        check("", "! expected the API's host, found empty text");
    }
}
