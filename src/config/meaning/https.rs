//! What `source.https` means, and what an address is that stands for a source.

use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName,
    HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    PROXY_AUTHORIZATION, RANGE, TE, TRANSFER_ENCODING, UPGRADE,
};

use super::{Meaning, Wrong};
use crate::http::spec::TimeoutsSpec;
use crate::settings::secret::{PresignedUrl, TokenSpec, UrlError};
use crate::source::Input;
use crate::source::spec::{HeaderSpec, HttpsSpec, SourceFormat};

/// Headers by which the connection and the reading itself are managed.
const OWN: &[HeaderName] = &[
    ACCEPT_ENCODING,
    CONNECTION,
    CONTENT_LENGTH,
    HOST,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Words in the names of headers whose values are secrets.
const SECRET: &[&str] = &["auth", "cookie", "key", "password", "secret", "token"];

/// What an address stands for.
pub(super) fn address(
    written: &str,
    spec: &HttpsSpec,
    timeouts: &TimeoutsSpec,
) -> Result<Input, Wrong> {
    let scheme = written.split("://").next().unwrap_or_default();
    if !["https", "http"]
        .iter()
        .any(|s| scheme.eq_ignore_ascii_case(s))
    {
        return Err((
            "addresses of this kind are not supported as a source",
            "expected `https://`, `sftp://`, `s3://`, `gs://`, `az://`, a file, a pattern such as `exports/*.csv`, or `-`",
        ));
    }
    let address = PresignedUrl::parse(written).map_err(|why| match why {
        UrlError::NotAUrl => ("this is not a complete address", "write `https://host/path`"),
        UrlError::NotHttps => (
            "the address is not https",
            "write `https://`; plain http is accepted for this machine alone",
        ),
        UrlError::UserInfo => (
            "the address carries a user name",
            "leave it out, and write `source: { https: { basic: { user: NAME, password: { env: NAME } } } }`",
        ),
    })?;
    Input::https(address, spec, timeouts).ok_or(("this is not a complete address", ""))
}

impl Meaning<'_> {
    /// How web servers are asked for the source.
    pub(super) fn https(&mut self, spec: &HttpsSpec, inputs: &[Input], format: SourceFormat) {
        if !self.places.contains("source.https") {
            return;
        }
        let at_servers = inputs.iter().filter(|input| input.https_spec().is_some());
        if at_servers.count() == 0 && !inputs.is_empty() {
            self.warning(
                "source.https",
                "this setting has no effect: `path` has no address that begins with `https://`",
                "",
            );
        }
        if spec.answer.0.is_zero() {
            self.problem("source.https.answer", "expected a time above zero", "");
        }
        let is_json = matches!(format, SourceFormat::Auto | SourceFormat::Json);
        if let Some(paging) = spec.paging.filter(|_| !is_json) {
            let message = format!("`paging: {}` is for pages of JSON", paging.word());
            self.problem("source.https.paging", message, "write `format: json`");
        }
        self.who_asks(spec, inputs);
        for (setting, found) in spec.secrets() {
            self.secret(
                &format!("source.https.{setting}"),
                found,
                "the secret itself",
            );
        }
        for (name, value) in &spec.headers {
            self.header(name, value, spec);
        }
    }

    fn who_asks(&mut self, spec: &HttpsSpec, inputs: &[Input]) {
        if spec.basic.is_some() && spec.bearer.is_some() {
            self.problem(
                "source.https.bearer",
                "`basic` and `bearer` are both given, and there is one header for them",
                "keep one",
            );
        }
        if let Some(basic) = &spec.basic
            && (basic.user.is_empty() || basic.user.contains([':', '\r', '\n', '\0']))
        {
            self.problem(
                "source.https.basic.user",
                "expected the name of a user, which has no colon",
                "",
            );
        }
        let hosts = inputs.iter().filter_map(Input::host);
        let first = hosts.clone().next();
        if !spec.who().is_empty() && hosts.into_iter().any(|host| Some(host) != first) {
            self.problem(
                "source.https",
                "the addresses of the source are at several hosts, and who asks would be told to all of them",
                "leave `basic`, `bearer` and `headers` out, or write a pipeline for each host",
            );
        }
    }

    fn header(&mut self, name: &str, value: &HeaderSpec, spec: &HttpsSpec) {
        let path = format!("source.https.headers.{name}");
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            self.problem(&path, "this cannot be the name of a header", "");
            return;
        };
        if OWN.contains(&header) {
            self.problem(&path, "rostream sets this header itself", "leave it out");
        }
        if header == AUTHORIZATION && (spec.basic.is_some() || spec.bearer.is_some()) {
            self.problem(
                &path,
                "`basic` and `bearer` are this header",
                "keep one of them",
            );
        }
        let HeaderSpec::Text(text) = value else {
            return;
        };
        let secret = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(&header)
            || SECRET.iter().any(|word| header.as_str().contains(word));
        if secret && !self.places.is_filled(&path) {
            self.problem(
                &path,
                "what stands in this header is a secret, and must not be written here",
                "write `{ env: NAME }` or `{ file: PATH }`",
            );
        } else if text.trim().is_empty() || HeaderValue::from_str(text).is_err() {
            self.problem(&path, "expected text that can stand in a header", "");
        }
    }

    /// Where a secret is found, which must not stand there itself; `itself` says what it is.
    pub(super) fn secret(&mut self, setting: &str, spec: &TokenSpec, itself: &str) {
        let path = format!("{setting}.{}", spec.word());
        match spec {
            TokenSpec::Env(_) if self.places.is_filled(&path) => self.problem(
                &path,
                "expected the name of an environment variable, not its value",
                "write the name alone, without `${}`",
            ),
            TokenSpec::Env(name) if !is_variable(name) => self.problem(
                &path,
                "expected the name of an environment variable: letters, digits and `_`",
                &format!("{itself} must not be written here"),
            ),
            TokenSpec::File(file) if file.is_empty() => {
                self.problem(&path, "expected the path of a file", "");
            }
            _ => {}
        }
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    /// What is reported of a source.
    fn told(source: &str) -> Vec<String> {
        let text = format!(
            "version: 1\nsource:\n  {source}\ntarget: {{ sandbox: {{}} }}\nrejects: {{ at_most: 1% }}\n"
        );
        let env = |name: &str| match name {
            "URL" => Some("https://h.example/x?sig=CANARY".to_owned()),
            "BAD" => Some("http://h.example/x?sig=CANARY".to_owned()),
            "SECRET" => Some("CANARY".to_owned()),
            _ => None,
        };
        let found = match parse(&text, "p.yaml", "/p".into(), &[], &env) {
            Ok(loaded) => loaded.warnings,
            Err(found) => found.problems,
        };
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(!found.concat().contains("CANARY"), "{found:?}");
        found
    }

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        assert_eq!(told(source), expected, "{source}");
    }

    #[test]
    fn addresses() {
        for good in [
            "path: https://h.example/a/b.csv?x=*&y=[1]",
            "path: HTTPS://h.example",
            "path: http://127.0.0.1:8080/a.csv",
            "path: ${URL}",
            "path: [https://a.example/1, https://b.example/2, c.csv]",
        ] {
            check(good, &[]);
        }
        check(
            "path: ${BAD}",
            &[
                "p.yaml:3:9: the address is not https\n  help: write `https://`; plain http is accepted for this machine alone",
            ],
        );
        check(
            "path: [a.csv, https://user:pw@h.example/a]",
            &[
                "p.yaml:3:17: the address carries a user name\n  help: leave it out, and write `source: { https: { basic: { \
                 user: NAME, password: { env: NAME } } } }`",
            ],
        );
        check(
            "path: https://",
            &["p.yaml:3:9: this is not a complete address\n  help: write `https://host/path`"],
        );
        check(
            "path: ftp://h/a",
            &[
                "p.yaml:3:9: addresses of this kind are not supported as a source\n  help: expected `https://`, `sftp://`, `s3://`, `gs://`, `az://`, a file, a \
                 pattern such as `exports/*.csv`, or `-`",
            ],
        );
    }

    #[test]
    fn who_asks() {
        let https = |settings: &str| format!("path: https://h.example/a\n  https: {settings}");
        for good in [
            "{ basic: { user: me@acme, password: { env: PW } } }",
            "{ bearer: { file: /run/secrets/t }, headers: { Accept: text/csv, X-Api-Key: { env: KEY } } }",
            "{ headers: { Authorization: \"${SECRET}\" }, answer: 30m, paging: oracle }",
        ] {
            check(&https(good), &[]);
        }
        // Behind `  https: `, at these words.
        let wrong = |settings: &str, at: &str, expected: &str| {
            let told = told(&https(settings));
            let [told] = told.as_slice() else {
                panic!("{told:?}");
            };
            let column = 10 + settings.find(at).unwrap();
            assert_eq!(
                told,
                &format!("p.yaml:4:{column}: {expected}"),
                "{settings}"
            );
        };
        wrong(
            "{ basic: { user: a, password: { env: P } }, bearer: { env: T } }",
            "bearer",
            "`basic` and `bearer` are both given, and there is one header for them\n  help: keep one",
        );
        wrong(
            "{ basic: { user: 'a:b', password: { env: P } } }",
            "'a:b",
            "expected the name of a user, which has no colon",
        );
        wrong(
            "{ bearer: { env: '${SECRET}' } }",
            "'${",
            "expected the name of an environment variable, not its value\n  help: write the name alone, without `${}`",
        );
        wrong(
            "{ headers: { Cookie: abc } }",
            "abc",
            "what stands in this header is a secret, and must not be written here\n  help: write `{ env: NAME }` or \
             `{ file: PATH }`",
        );
        wrong(
            "{ headers: { 'X Y': abc } }",
            "abc",
            "this cannot be the name of a header",
        );
        wrong(
            "{ headers: { Range: bytes=0- } }",
            "bytes",
            "rostream sets this header itself\n  help: leave it out",
        );
        wrong(
            "{ bearer: { env: T }, headers: { Authorization: { env: U } } }",
            "Authorization",
            "`basic` and `bearer` are this header\n  help: keep one of them",
        );
        wrong(
            r#"{ headers: { Accept: "a\nb" } }"#,
            "\"a",
            "expected text that can stand in a header",
        );
        wrong("{ answer: 0s }", "0s", "expected a time above zero");
        wrong(
            "{ paging: odata }\n  format: csv",
            "odata",
            "`paging: odata` is for pages of JSON\n  help: write `format: json`",
        );
        let [told] = &told("path: a.csv\n  https: { answer: 1m }")[..] else {
            panic!();
        };
        assert!(told.contains("has no address that begins with `https://`"));
        let [told] = &self::told(
            "path: [https://a.example/1, https://b.example/2]\n  https: { bearer: { env: T } }",
        )[..] else {
            panic!();
        };
        assert!(told.contains("at several hosts"), "{told}");
    }

    /// What stands where only the name of a place may stand is not repeated.
    #[test]
    fn secrets_in_the_file() {
        for settings in [
            "{ bearer: CANARY }",
            "{ basic: { user: a, password: CANARY } }",
            "{ bearer: { CANARY: x } }",
            "{ headers: { X-Key: { value: CANARY } } }",
            "{ bearer: { env: CANARY-x } }",
        ] {
            let told = told(&format!("path: https://h.example/a\n  https: {settings}"));
            assert!(!told.is_empty(), "{settings}");
        }
    }
}
