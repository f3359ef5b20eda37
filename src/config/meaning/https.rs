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
            "expected `https://`, `s3://`, `gs://`, `az://`, a file, a pattern such as `exports/*.csv`, or `-`",
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
