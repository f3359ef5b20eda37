//! Where secrets are found, and those that travel: pre-signed addresses.
//!
//! Whoever holds a pre-signed URL may read or write the file behind it, so its query is a password.
//! [`PresignedUrl`] shows itself without it, in `Display` and `Debug` alike, and wipes it on drop.

use std::fmt;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Host, Url};

/// Where a secret is found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenSpec {
    /// The name of an environment variable.
    Env(String),
    /// A file that holds it, white space at its ends apart.
    File(String),
}

impl TokenSpec {
    /// The word in the pipeline file.
    pub const fn word(&self) -> &'static str {
        match self {
            TokenSpec::Env(_) => "env",
            TokenSpec::File(_) => "file",
        }
    }
}

/// A URL that carries its own permission in its query.
#[derive(Clone)]
pub struct PresignedUrl {
    whole: SecretString,
    /// Scheme, host and path.
    shown: String,
    host: String,
    signed_at: Option<SystemTime>,
    life: Option<Duration>,
    signed_headers: Vec<String>,
}

/// Why a text is no acceptable pre-signed URL. Never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not an absolute URL with a host.
    #[error("the address is not an absolute URL")]
    NotAUrl,
    /// Neither https, nor http to this machine.
    #[error("the address is not https (plain http is accepted for this machine alone)")]
    NotHttps,
    /// `user:password@` before the host.
    #[error("the address carries a user name")]
    UserInfo,
}

impl PresignedUrl {
    /// Reads a URL: https, or plain http where the host is this machine; without user or password.
    pub fn parse(text: &str) -> Result<PresignedUrl, UrlError> {
        let url = Url::parse(text.trim()).map_err(|_| UrlError::NotAUrl)?;
        let host = url.host_str().ok_or(UrlError::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(UrlError::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::UserInfo);
        }
        let host = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let query = url.query().map_or("", |_| "?…");
        Ok(PresignedUrl {
            shown: format!("{}://{host}{}{query}", url.scheme(), url.path()),
            signed_at: signed_at(&url),
            life: life(&url),
            signed_headers: parameter(&url, "X-Amz-SignedHeaders")
                .map(|names| {
                    names
                        .split(';')
                        .map(|name| name.trim().to_ascii_lowercase())
                        .filter(|name| !name.is_empty())
                        .collect()
                })
                .unwrap_or_default(),
            host,
            // As it was written: whoever signed it may care about every character.
            whole: SecretString::from(text.trim()),
        })
    }

    /// The whole URL, query included: for the HTTP client alone.
    pub fn expose(&self) -> &str {
        self.whole.expose_secret()
    }

    /// The host, with its port where that is not the scheme's own.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// When the permission ends, as the URL says it: `X-Amz-Date` plus `X-Amz-Expires`. The clock is the
    /// signer's.
    pub fn expires(&self) -> Option<SystemTime> {
        self.signed_at?.checked_add(self.life?)
    }

    /// How long the permission lives from its signing (`X-Amz-Expires`).
    pub fn life(&self) -> Option<Duration> {
        self.life
    }

    /// Whether the way there is encrypted.
    pub fn is_https(&self) -> bool {
        self.shown.starts_with("https:")
    }

    /// The request headers that the signature covers, in lower case (`X-Amz-SignedHeaders`); empty where
    /// the URL does not say.
    pub fn signed_headers(&self) -> &[String] {
        &self.signed_headers
    }
}

impl fmt::Display for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresignedUrl({})", self.shown)
    }
}

/// Whether a URL's host is this machine: `localhost`, 127.0.0.0/8, `::1`. Names below `localhost` are not: they are
/// what the network's name server says.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The domains in which S3 is.
const AWS: &[&str] = &["amazonaws.com", "amazonaws.com.cn"];

/// Whether a host is AWS's S3, as `bucket.s3.eu-west-1.amazonaws.com` is. Other services of that domain are anybody's.
pub(crate) fn is_s3(host: &str) -> bool {
    AWS.iter().any(|domain| {
        host.strip_suffix(domain)
            .and_then(|host| host.strip_suffix('.'))
            .is_some_and(|labels| {
                labels
                    .split('.')
                    .any(|label| label == "s3" || label.starts_with("s3-"))
            })
    })
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.into_owned())
}

fn signed_at(url: &Url) -> Option<SystemTime> {
    let signed = parameter(url, "X-Amz-Date")?;
    let signed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &signed).ok()?;
    let signed = jiff::tz::Offset::UTC.to_timestamp(signed).ok()?;
    let since = Duration::from_secs(u64::try_from(signed.as_second()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

fn life(url: &Url) -> Option<Duration> {
    let seconds: u32 = parameter(url, "X-Amz-Expires")?.parse().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "https://bucket.s3.eu-west-1.amazonaws.com/abc?X-Amz-Date=20240101T000000Z&X-Amz-Expires=900\
        &X-Amz-SignedHeaders=host%3BContent-Type&X-Amz-Signature=CANARY";

    #[test]
    fn shows_itself_without_its_query() {
        let url = PresignedUrl::parse(SIGNED).unwrap();
        let shown = "https://bucket.s3.eu-west-1.amazonaws.com/abc?…";
        assert_eq!(url.to_string(), shown);
        assert_eq!(format!("{url:?}"), format!("PresignedUrl({shown})"));
        assert_eq!(format!("{url:#?}"), format!("PresignedUrl({shown})"));
        assert_eq!(url.expose(), SIGNED);
        assert_eq!(url.host(), "bucket.s3.eu-west-1.amazonaws.com");
    }

    #[test]
    fn reads_what_the_signature_says() {
        let url = PresignedUrl::parse(SIGNED).unwrap();
        assert_eq!(
            url.expires().map(httpdate::fmt_http_date).as_deref(),
            Some("Mon, 01 Jan 2024 00:15:00 GMT")
        );
        assert_eq!(url.life(), Some(Duration::from_secs(900)));
        assert!(url.is_https());
        assert_eq!(url.signed_headers(), ["host", "content-type"]);

        for query in [
            "",
            "X-Amz-Date=20240101T000000Z",
            "X-Amz-Date=yesterday&X-Amz-Expires=900",
            "X-Amz-Date=20241301T000000Z&X-Amz-Expires=900",
            "X-Amz-Date=20240101T000000Z&X-Amz-Expires=-1",
            "X-Amz-Date=20240101T000000Z&X-Amz-Expires=99999999999999999999",
        ] {
            let url = PresignedUrl::parse(&format!("https://a.example/b?{query}")).unwrap();
            assert_eq!(url.expires(), None, "{query}");
        }
    }

    #[test]
    fn accepts_https_and_this_machine() {
        #[track_caller]
        fn check(text: &str, expected: Result<(), UrlError>) {
            assert_eq!(PresignedUrl::parse(text).map(drop), expected);
        }
        check("https://a.example/b?c", Ok(()));
        check("https://a.example:8443/b", Ok(()));
        check(" https://a.example/b\n", Ok(()));
        check("http://localhost:9000/b", Ok(()));
        check("http://127.0.0.1:9000/b", Ok(()));
        check("http://[::1]:9000/b", Ok(()));
        check("https://127.0.0.1/b", Ok(()));
        check("https://169.254.169.254/latest", Ok(()));
        check("https://[fe80::1]/b", Ok(()));
        check("https://[::ffff:127.0.0.1]/b", Ok(()));
        check("https://0.0.0.0/b", Ok(()));
        check("https://10.0.0.8/b", Ok(()));
        check("http://a.example/b", Err(UrlError::NotHttps));
        check("http://localhost.example/b", Err(UrlError::NotHttps));
        check("http://x.localhost/b", Err(UrlError::NotHttps));
        check("http://169.254.169.254/b", Err(UrlError::NotHttps));
        check("file:///etc/passwd", Err(UrlError::NotAUrl));
        check("ftp://a.example/b", Err(UrlError::NotHttps));
        check("https://user:pw@a.example/b", Err(UrlError::UserInfo));
        check("https://user@a.example/b", Err(UrlError::UserInfo));
        check("/b?c=d", Err(UrlError::NotAUrl));
        check("", Err(UrlError::NotAUrl));
    }
}
