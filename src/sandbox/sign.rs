//! Pre-signed URLs. They look like S3's, and as with S3 the signature binds method, path, host,
//! every query parameter and the headers that it lists; how it is calculated is the sandbox's own.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use sha2::Sha256;

use super::error::StorageError;

const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";
const SIGNATURE: &str = "&X-Amz-Signature=";

const MISMATCH: StorageError = StorageError::new(
    StatusCode::FORBIDDEN,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
);

/// Makes and checks URLs with a key that lives as long as the process.
pub(super) struct Signer {
    /// As long as SHA-256's block, HMAC's own key size.
    key: [u8; 64],
    /// `127.0.0.1:port`.
    host: String,
}

impl Signer {
    pub(crate) fn new(host: String) -> Signer {
        Signer {
            key: rand::random(),
            host,
        }
    }

    /// A URL for one method on one path. With `content_type` the request must carry exactly that.
    pub(crate) fn url(
        &self,
        method: &Method,
        path: &str,
        life: Duration,
        content_type: Option<&str>,
    ) -> String {
        let now = Timestamp::now();
        let headers = match content_type {
            Some(_) => "content-type%3Bhost",
            None => "host",
        };
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=SANDBOX%2F{}%2Flocal%2Fs3%2Faws4_request&X-Amz-Date={}&X-Amz-Expires={}&X-Amz-SignedHeaders={headers}",
            now.strftime("%Y%m%d"),
            now.strftime(DATE_FORMAT),
            life.as_secs(),
        );
        let tag = self
            .mac(
                method,
                path,
                &query,
                self.host.as_bytes(),
                content_type.map(str::as_bytes),
            )
            .finalize()
            .into_bytes();
        format!(
            "http://{}{path}?{query}{SIGNATURE}{}",
            self.host,
            hex(tag.as_ref())
        )
    }

    fn mac(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        host: &[u8],
        content_type: Option<&[u8]>,
    ) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new((&self.key).into());
        for part in [
            method.as_str().as_bytes(),
            path.as_bytes(),
            query.as_bytes(),
            host,
            content_type.unwrap_or_default(),
        ] {
            mac.update(part);
            mac.update(b"\n");
        }
        mac
    }

    /// Whether a request may pass: S3's checks in S3's words.
    pub(crate) fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), StorageError> {
        if headers.contains_key(header::AUTHORIZATION) {
            return Err(StorageError::new(
                StatusCode::BAD_REQUEST,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
            ));
        }
        let (query, signature) = uri
            .query()
            .and_then(|query| query.rsplit_once(SIGNATURE))
            .ok_or(StorageError::new(
                StatusCode::FORBIDDEN,
                "AccessDenied",
                "Access Denied",
            ))?;
        let parameter = |name: &str| {
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let signed = parameter("X-Amz-SignedHeaders").unwrap_or_default();
        let content_type = signed
            .split(';')
            .any(|name| name == "content-type")
            .then(|| {
                headers
                    .get(header::CONTENT_TYPE)
                    .map(|value| value.as_bytes())
                    .unwrap_or_default()
            });
        let host = headers
            .get(header::HOST)
            .map(|value| value.as_bytes())
            .unwrap_or_default();
        self.mac(method, uri.path(), query, host, content_type)
            .verify_slice(&unhex(signature).ok_or(MISMATCH)?)
            .map_err(|_| MISMATCH)?;

        let unsigned: Vec<&str> = headers
            .keys()
            .map(|name| name.as_str())
            .filter(|name| name.starts_with("x-amz-") && *name != "x-amz-content-sha256")
            .collect();
        if !unsigned.is_empty() {
            return Err(StorageError {
                extra: Some(("HeadersNotSigned", unsigned.join(", "))),
                ..StorageError::new(
                    StatusCode::FORBIDDEN,
                    "AccessDenied",
                    "There were headers present in the request which were not signed",
                )
            });
        }

        // Signed by us, so both parse; a fault here would only make the URL expired.
        let begins = parameter("X-Amz-Date")
            .and_then(|date| DateTime::strptime(DATE_FORMAT, date).ok())
            .and_then(|date| Offset::UTC.to_timestamp(date).ok())
            .map(|date| date.as_second())
            .unwrap_or(i64::MIN);
        let life = parameter("X-Amz-Expires")
            .and_then(|seconds| seconds.parse::<i64>().ok())
            .unwrap_or(0);
        if Timestamp::now().as_second() >= begins.saturating_add(life) {
            return Err(StorageError {
                extra: Some(("X-Amz-Expires", life.to_string())),
                ..StorageError::new(StatusCode::FORBIDDEN, "AccessDenied", "Request has expired")
            });
        }
        Ok(())
    }

    /// The path of a URL that this sandbox signed for `method` and that is still valid.
    pub(crate) fn own_path(&self, method: &Method, url: &str) -> Option<String> {
        let uri: Uri = url.parse().ok()?;
        if uri.scheme_str() != Some("http") || uri.authority()?.as_str() != self.host {
            return None;
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, self.host.parse().ok()?);
        // What the job itself sends to a result location.
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        self.check(method, &uri, &headers).ok()?;
        Some(uri.path().to_owned())
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok())
        .collect()
}
