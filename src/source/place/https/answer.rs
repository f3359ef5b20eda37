//! What a web server's answers mean. A status of success alone says little: the range must be the one that was asked for,
//! and a page to log in at is no extract.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::stream::{self, TryStreamExt};
use reqwest::Response;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderMap,
    HeaderName, LAST_MODIFIED, LOCATION, TRANSFER_ENCODING,
};
use url::Url;

use super::Request;
use crate::http::text::excerpt;
use crate::http::{TransportError, host_of, read_small, retry_after};
use crate::source::place::remote::error::RemoteError;
use crate::source::place::remote::mark::Mark;
use crate::source::place::remote::resumed::{Pieces, Reply};

/// How long ago a file must have been changed for its time of change to tell it from what it becomes: times are in
/// seconds, and clocks differ (RFC 9110, 8.8.2.2).
const SETTLED: Duration = Duration::from_secs(60);

/// Blanks after which nobody looks any further for the beginning of a page.
const BLANKS: usize = 4096;

/// How long the reason of a refusal is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where an answer leads instead of being one.
///
/// # Errors
/// An address that can't be read.
pub(super) fn leads_to(answer: &Response, url: &Url) -> Result<Option<Url>, RemoteError> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = header(answer.headers(), LOCATION);
    let next = location.and_then(|location| url.join(location).ok());
    let Some(mut next) = next else {
        return Err(RemoteError::Unexpected(
            "the server redirects, and does not say where to".to_owned(),
        ));
    };
    // What stands before the host would go out as a user and a password.
    let _ = next.set_username("");
    let _ = next.set_password(None);
    next.set_fragment(None);
    Ok(Some(next))
}

/// The file from an offset on, which is what was asked for.
///
/// # Errors
/// The answer is something else.
pub(super) async fn opened(
    request: &Request,
    answer: Response,
    url: &Url,
    at: u64,
    mark: &Mark,
) -> Result<Reply, RemoteError> {
    let status = answer.status().as_u16();
    match status {
        200 | 203 => {
            let after = request.stalled();
            let opened = tokio::time::timeout(after.0, whole(request, answer, url, at, mark));
            opened.await.map_err(|_| RemoteError::Stalled { after })?
        }
        206 => part(answer, url, at),
        204 => Ok(Reply {
            mark: Mark {
                size: Some(0),
                ..Mark::default()
            },
            bytes: stream::empty().boxed(),
        }),
        // It broke at the very end, and there is nothing more.
        416 if at > 0 && ends_at(answer.headers(), at) => Ok(Reply {
            mark: mark.clone(),
            bytes: stream::empty().boxed(),
        }),
        412 | 416 => Err(RemoteError::Changed),
        404 | 410 => Err(RemoteError::Gone),
        401 | 403 | 407 => Err(RemoteError::Setting(not_allowed(request, status))),
        _ => Err(refused(answer, url).await),
    }
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// An answer with the whole file.
async fn whole(
    request: &Request,
    answer: Response,
    url: &Url,
    at: u64,
    mark: &Mark,
) -> Result<Reply, RemoteError> {
    let headers = answer.headers();
    encoded(headers)?;
    let is_page = header(headers, CONTENT_TYPE).is_some_and(is_html);
    let length = header(headers, CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let found = state(headers, length);
    if at > 0 && !(mark.tells() && mark.is_still(&found)) {
        return Err(RemoteError::Changed);
    }
    if length.is_none() && !headers.contains_key(TRANSFER_ENCODING) {
        request.0.unsized_answer.store(true, Ordering::Relaxed);
    }
    let mut bytes = pieces(answer, url);
    if is_page {
        bytes = no_page(bytes).await?;
    }
    Ok(Reply {
        mark: found,
        bytes: behind(bytes, at),
    })
}

/// An answer with a part of the file, which must be the rest from an offset on.
fn part(answer: Response, url: &Url, at: u64) -> Result<Reply, RemoteError> {
    let headers = answer.headers();
    encoded(headers)?;
    let range = header(headers, CONTENT_RANGE).and_then(range);
    let Some((first, last, size)) = range else {
        return Err(RemoteError::Unexpected(
            "the server answered with a part of the file (206), and does not say which".to_owned(),
        ));
    };
    let is_rest = size.is_none_or(|size| last.checked_add(1) == Some(size));
    if first != at || !is_rest {
        return Err(RemoteError::Unexpected(format!(
            "the server was asked for the file from byte {at} on, and sends another part of it"
        )));
    }
    Ok(Reply {
        mark: state(headers, size),
        bytes: pieces(answer, url),
    })
}

/// The parts of a `Content-Range`: first byte, last byte, size of the whole.
fn range(written: &str) -> Option<(u64, u64, Option<u64>)> {
    let (unit, rest) = written.split_once(' ')?;
    let (span, size) = rest.trim().split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let size = match size {
        "*" => None,
        size => Some(size.parse().ok()?),
    };
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (unit.eq_ignore_ascii_case("bytes") && first <= last).then_some((first, last, size))
}

/// Whether a range could not be had because the file ends where it begins.
fn ends_at(headers: &HeaderMap, at: u64) -> bool {
    let size = header(headers, CONTENT_RANGE).and_then(|range| range.strip_prefix("bytes */"));
    size.and_then(|size| size.parse().ok()) == Some(at)
}

/// The state that a file is in, as far as the headers of an answer tell.
fn state(headers: &HeaderMap, size: Option<u64>) -> Mark {
    let time = |name| httpdate::parse_http_date(header(headers, name)?).ok();
    let now = time(DATE).unwrap_or_else(SystemTime::now);
    let modified: Option<SystemTime> = time(LAST_MODIFIED);
    let is_settled = |time: &SystemTime| now.duration_since(*time).is_ok_and(|ago| ago >= SETTLED);
    let version = header(headers, ETAG);
    Mark {
        size,
        // A weak one stays what it is where the bytes differ.
        version: version
            .filter(|tag| tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'))
            .map(str::to_owned),
        modified: modified.filter(is_settled),
    }
}

/// Whether the bytes are those of the file, or a compression that is told by its content.
fn encoded(headers: &HeaderMap) -> Result<(), RemoteError> {
    let encoding = header(headers, CONTENT_ENCODING).unwrap_or("identity");
    let known = ["", "identity", "gzip", "x-gzip", "zstd"];
    match known
        .iter()
        .any(|known| encoding.eq_ignore_ascii_case(known))
    {
        true => Ok(()),
        false => Err(RemoteError::Unexpected(
            "the server sends the file in an encoding that was not asked for (Content-Encoding)"
                .to_owned(),
        )),
    }
}

fn pieces(answer: Response, url: &Url) -> Pieces {
    let host = host_of(url);
    answer
        .bytes_stream()
        .map_err(move |error| RemoteError::Transport(TransportError::new(&host, error)))
        .boxed()
}

/// What follows the first bytes.
fn behind(bytes: Pieces, mut skipped: u64) -> Pieces {
    if skipped == 0 {
        return bytes;
    }
    let rest = bytes.map_ok(move |mut piece: Bytes| {
        let passed = skipped.min(piece.len() as u64);
        piece.advance(passed as usize);
        skipped -= passed;
        piece
    });
    rest.boxed()
}

fn is_html(media_type: &str) -> bool {
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
}

/// The same bytes, unless they are a page for people.
async fn no_page(mut bytes: Pieces) -> Result<Pieces, RemoteError> {
    let (mut seen, mut blanks) = (Vec::new(), 0);
    while let Some(piece) = bytes.try_next().await? {
        let text = piece.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&piece);
        let first = text.trim_ascii_start().first().copied();
        blanks += piece.len();
        seen.push(Ok(piece));
        match first {
            None if blanks < BLANKS => {}
            None => break,
            Some(b'<') => {
                return Err(RemoteError::Setting(
                    "the server answered with a web page instead of data, as it does where a log-in is wanted: \
                     check the address, and who asks (source.https: basic, bearer or headers)"
                        .to_owned(),
                ));
            }
            Some(_) => break,
        }
    }
    Ok(stream::iter(seen).chain(bytes).boxed())
}

/// Why nobody gets the file who asks so.
fn not_allowed(request: &Request, status: u16) -> String {
    let what = match status {
        401 => "the server does not accept who asks (401)",
        403 => "the server does not permit this (403)",
        _ => "the proxy does not accept who asks (407)",
    };
    let who = request.spec().who();
    let advice = match (status, who.as_slice()) {
        (407, _) => "check the proxy's user and password".to_owned(),
        (_, []) if request.has_query() => {
            "the permission in the address may have ended; get a new address, or set source.https.basic, bearer or headers"
                .to_owned()
        }
        (_, []) => "set source.https.basic, bearer or headers".to_owned(),
        (_, who) => format!("check {}", who.join(" and ")),
    };
    format!("{what}: {advice}")
}

/// Another refusal, with its reason where it is short and no page.
async fn refused(answer: Response, url: &Url) -> RemoteError {
    let status = answer.status();
    let retry_after = retry_after(answer.headers(), SystemTime::now());
    let is_page = header(answer.headers(), CONTENT_TYPE).is_some_and(is_html);
    let read = tokio::time::timeout(PATIENCE, read_small(&host_of(url), answer)).await;
    let page = read.ok().and_then(Result::ok).map(|(page, _)| page);
    // What is wrong with the request is the asker's to mend; of what goes wrong at the server its status tells enough.
    let is_asker = status.is_client_error() && !matches!(status.as_u16(), 408 | 429);
    let is_told = |page: &Vec<u8>| is_asker && !is_page && !page.is_empty();
    let said = match page.filter(is_told) {
        Some(page) => excerpt(&page),
        None => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    RemoteError::Refused {
        status: status.as_u16(),
        said,
        retry_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("bytes 5-8/9"), Some((5, 8, Some(9))));
        assert_eq!(range("Bytes 0-0/*"), Some((0, 0, None)));
        for wrong in [
            "",
            "bytes",
            "bytes 5-8",
            "bytes 8-5/9",
            "bytes -5/9",
            "bytes */9",
            "items 5-8/9",
            "bytes 5-99999999999999999999/9",
        ] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_tells_the_state_of_a_file() {
        let of = |written: &[(HeaderName, &str)]| {
            let written = written.iter().cloned();
            let headers = written.map(|(name, value)| (name, value.parse().unwrap()));
            state(&HeaderMap::from_iter(headers), Some(7))
        };
        let now = (DATE, "Mon, 01 Jan 2024 00:01:00 GMT");
        let at = |time| of(&[now.clone(), (LAST_MODIFIED, time)]);
        assert!(at("Mon, 01 Jan 2024 00:00:00 GMT").tells());
        // It may be written to in the same second.
        assert!(!at("Mon, 01 Jan 2024 00:00:01 GMT").tells());
        assert!(!at("Mon, 01 Jan 2029 00:00:00 GMT").tells());
        assert!(!at("yesterday").tells());
        let tag = |tag| of(&[(ETAG, tag)]).version;
        assert_eq!(tag("\"a\"").as_deref(), Some("\"a\""));
        for weak in ["W/\"a\"", "a", "\"\"", ""] {
            assert_eq!(tag(weak), None, "{weak}");
        }
    }

    #[test]
    fn pages_for_people() {
        assert!(is_html("text/html") && is_html("Text/HTML; charset=utf-8"));
        assert!(is_html("application/xhtml+xml"));
        assert!(!is_html("text/csv") && !is_html("text/htmlx") && !is_html(""));
    }
}
