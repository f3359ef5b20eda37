//! The API's address, and what people take for it.

use url::Url;

use crate::settings::secret::is_loopback;

/// Domains in which every host that is the API's has its API at the top.
const ORGVUE: &[&str] = &["concentra.io", "orgvue.com"];

/// Hosts of Orgvue's that are there to be read.
const SITES: &[&str] = &[
    "orgvue.com",
    "www.orgvue.com",
    "docs.orgvue.com",
    "support.orgvue.com",
];

/// What is wrong with an address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct WrongUrl {
    /// Does not quote the address: it may hold a password.
    pub message: &'static str,
    /// What to do about it; may be nothing.
    pub help: &'static str,
    /// The address that is meant, where that is plain: it may be quoted where the other stands in the file.
    pub right: Option<String>,
}

const fn wrong(message: &'static str, help: &'static str) -> WrongUrl {
    WrongUrl {
        message,
        help,
        right: None,
    }
}

/// The API's address, with or without `https://`.
pub(super) fn base_url(written: &str) -> Result<Url, WrongUrl> {
    let written = written.trim();
    if written.is_empty() {
        return Err(wrong(
            "expected the API's host, found empty text",
            "for example orgvue.eu-west-1.concentra.io",
        ));
    }
    let url = match written.contains("://") {
        true => Url::parse(written),
        false => Url::parse(&format!("https://{written}")),
    };
    let not_a_url = wrong("not a URL", "for example orgvue.eu-west-1.concentra.io");
    let mut url = url.map_err(|_| not_a_url)?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err(wrong(
                "plain http would send the token unprotected",
                "write https, or no scheme at all",
            ));
        }
        _ => return Err(wrong("expected an https address", "")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "a URL with a user name or password is not allowed here",
            "the API takes nothing but a token: see `token`",
        ));
    }
    slip(&url)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("expected an address without `?` and `#`", ""));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{path}/"));
    Ok(url)
}

/// Whether it is an address that people have at hand, and not the one that is asked for: copied from a browser, or
/// from the documentation of a call.
fn slip(url: &Url) -> Result<(), WrongUrl> {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    if SITES.contains(&host) {
        return Err(wrong(
            "this is a site about Orgvue, and not its API",
            "the API has the host on which the token was made, such as orgvue.eu-west-1.concentra.io",
        ));
    }
    let segments: Vec<&str> = url.path().split('/').filter(|s| !s.is_empty()).collect();
    let is_orgvue = ORGVUE.iter().any(|domain| {
        host.strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
    });
    // A gateway may have its own folders before those of the API, of whatever names.
    let found = segments.iter().enumerate().find_map(|(at, segment)| {
        let next = segments.get(at + 1);
        let message = match (&*segment.to_lowercase(), next) {
            ("api", next) if next.is_none_or(|next| is_version(next)) => {
                "leave out `/api/v1` and what follows it"
            }
            ("tokens", None) => {
                "this is the page on which tokens are made; the API has its host, without `/tokens`"
            }
            ("app", next) if is_orgvue || next == Some(&"docs") => {
                "this is an address of Orgvue's own pages; the API has its host, without `/app`"
            }
            _ => return None,
        };
        Some((at, message))
    });
    let (at, message) = match found {
        Some(found) => found,
        None if !segments.is_empty() && is_orgvue => {
            (0, "the API is at the top of its host, without a path")
        }
        None => return Ok(()),
    };
    let mut right = url.clone();
    right.set_query(None);
    right.set_fragment(None);
    right.set_path(&segments[..at].join("/"));
    let right = right.as_str().trim_end_matches('/').to_owned();
    Err(WrongUrl {
        right: Some(right),
        ..wrong(message, "leave out the path")
    })
}

/// `v1`, as it stands behind `api`.
fn is_version(segment: &str) -> bool {
    let digits = segment.strip_prefix(['v', 'V']).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        let check = |written: &str, expected: &str| {
            let got = match base_url(written) {
                Ok(url) => url.to_string(),
                Err(wrong) => format!("! {}", wrong.message),
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

    #[test]
    fn slips() {
        let check = |written: &str, message: &str, right: &str| {
            let wrong = base_url(written).unwrap_err();
            assert!(wrong.message.contains(message), "{written}: {wrong:?}");
            let right = (!right.is_empty()).then(|| right.to_owned());
            assert_eq!(wrong.right, right, "{written}");
        };
        let host = "https://orgvue.eu-west-1.concentra.io";
        check(
            "https://orgvue.eu-west-1.concentra.io/tokens",
            "on which tokens are made",
            host,
        );
        check(
            "orgvue.eu-west-1.concentra.io/Tokens/?tab=1#new",
            "on which tokens are made",
            host,
        );
        check(
            "orgvue.eu-west-1.concentra.io/app/docs/1.0.0/api/",
            "Orgvue's own pages",
            host,
        );
        check(
            "orgvue.eu-west-1.concentra.io/api",
            "leave out `/api/v1`",
            host,
        );
        check(
            "orgvue.eu-west-1.concentra.io/api/v1/ACME/datasets",
            "leave out `/api/v1`",
            host,
        );
        check(
            "orgvue.eu-west-1.concentra.io/ACME",
            "at the top of its host",
            host,
        );
        check(
            "gateway.example.com:8443/orgvue/api/v1",
            "leave out `/api/v1`",
            "https://gateway.example.com:8443/orgvue",
        );
        check(
            "http://127.0.0.1:8080/tokens",
            "tokens",
            "http://127.0.0.1:8080",
        );
        check(
            "gateway.example.com/app/docs",
            "own pages",
            "https://gateway.example.com",
        );
        for fine in [
            "gateway.example.com/api/orgvue",
            "gateway.example.com/app/tokens/x",
        ] {
            assert!(base_url(fine).is_ok(), "{fine}");
        }
        check("docs.orgvue.com", "a site about Orgvue", "");
        check("https://www.orgvue.com/login", "a site about Orgvue", "");
    }
}
