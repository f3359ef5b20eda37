//! What comes of an upload: the storage's answer, believed or not.

use std::time::{Duration, SystemTime};

use reqwest::Response;
use reqwest::header::{ETAG, HeaderMap};

use super::watch::Watch;
use crate::http::retry::{Failure, Outcome};
use crate::http::text::{StorageError, excerpt, sanitise};
use crate::http::{TransportError, read_small, retry_after};
use crate::settings::secret::PresignedUrl;
use crate::settings::units::Span;
use crate::upload::body::BodyError;

/// The largest body of one PUT to S3: 5 GiB, by its user guide. More takes an upload in parts, for which one
/// address is not enough.
pub(super) const MAX_S3: u64 = 5 << 30;

/// How long the rest of an error page may take.
const ERROR_PAGE: Duration = Duration::from_secs(10);

/// A body that the storage has taken whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub status: u16,
    /// The storage's name for the content, as it wrote it: often, but not always, the MD5 in quotes.
    pub etag: Option<String>,
    /// Bytes sent.
    pub bytes: u64,
    /// Whether the storage's MD5 was compared, and is that of the bytes sent.
    pub verified: bool,
}

/// The upload did not succeed. In every case the storage either keeps nothing or must not be believed: never
/// import from this address.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The storage said no.
    #[error("{}", refusal(*status, storage, signed_headers))]
    Refused {
        status: u16,
        /// What its error document says.
        storage: StorageError,
        /// The headers that the address was signed with.
        signed_headers: Vec<String>,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// It said yes before it had the whole body.
    #[error(
        "the storage answered {status} after {sent} bytes, before the end of the upload; this does not count as success"
    )]
    Early {
        status: u16,
        /// Bytes handed to the connection by then.
        sent: u64,
    },
    /// It says that it holds other bytes than were sent.
    #[error(
        "{host} stored other bytes than were sent: the MD5 in its answer's ETag is not theirs, so something on the way changed them"
    )]
    Damaged { host: String },
    /// More than S3 takes at once.
    #[error(
        "the upload has {length} bytes, and S3 takes {MAX_S3} (5 GiB) at once; nothing was sent: use `upload.encoding: gzip`, or split the source"
    )]
    TooLarge {
        /// Bytes in the body.
        length: u64,
    },
    /// The address was good for no longer.
    #[error("{}", match sent {
        0 => "the upload's address had expired before the first byte was sent".to_owned(),
        _ => format!("the upload was slower than its address lives: the address expired after {sent} bytes"),
    })]
    Expired {
        /// Bytes handed to the connection by then.
        sent: u64,
    },
    /// The body itself failed; the connection was cut.
    #[error("the upload was cut off, nothing is stored")]
    Body(#[source] BodyError),
    /// No byte went out for too long.
    #[error("the upload to {host} stood still for {} after {sent} bytes (`timeouts.stalled`)", Span(*after))]
    Stalled {
        host: String,
        /// How long.
        after: Duration,
        /// Bytes handed to the connection by then.
        sent: u64,
    },
    /// Everything was sent and no answer came for too long.
    #[error("{host} did not answer within {} after the upload's last byte (`timeouts.unanswered`)", Span(*after))]
    Unanswered {
        host: String,
        /// How long.
        after: Duration,
    },
    /// The connection failed, or never was.
    #[error("the upload failed after {sent} bytes")]
    Transport {
        /// Bytes handed to the connection by then.
        sent: u64,
        source: TransportError,
    },
}

fn refusal(status: u16, storage: &StorageError, signed: &[String]) -> String {
    let mut text = format!("the storage refused the upload with status {status}");
    for part in [&storage.code, &storage.message] {
        if !part.is_empty() {
            text.push_str(": ");
            text.push_str(part);
        }
    }
    if status == 403 && !signed.is_empty() && storage.code != "RequestExpired" {
        text.push_str(&format!(" (signed headers: {})", signed.join(", ")));
    }
    text
}

/// What is shown of an answer that is no storage's: of a page its beginning, of plain text the first line
/// alone, for the next ones may repeat the rows that were sent.
fn said(page: &[u8]) -> &[u8] {
    let page = page.trim_ascii_start();
    match page.first() {
        Some(b'<') => page,
        _ => page.split(|b| *b == b'\n').next().unwrap_or_default(),
    }
}

impl Failure for PutError {
    fn outcome(&self) -> Outcome<'_> {
        match self {
            PutError::Refused {
                status, storage, ..
            } => Outcome::Answered {
                status: *status,
                code: Some(&*storage.code).filter(|code| !code.is_empty()),
            },
            PutError::Early { .. } | PutError::Damaged { .. } => Outcome::Malformed,
            PutError::Body(_) | PutError::TooLarge { .. } => Outcome::OwnBody,
            PutError::Stalled { .. } | PutError::Unanswered { .. } | PutError::Expired { .. } => {
                Outcome::Lost
            }
            PutError::Transport { source, .. } => source.outcome(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            PutError::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// A success is one only where the storage had the whole body, and holds what was sent.
pub(super) fn taken(
    url: &PresignedUrl,
    answer: &Response,
    watch: &Watch,
    bytes: u64,
) -> Result<Receipt, PutError> {
    let status = answer.status().as_u16();
    if !watch.is_sent() {
        return Err(PutError::Early {
            status,
            sent: bytes,
        });
    }
    let verified = match (watch.take_md5(), stored_md5(answer.headers())) {
        (Some(sent), Some(stored)) if sent != stored => {
            let host = url.host().to_owned();
            return Err(PutError::Damaged { host });
        }
        (sent, stored) => sent.is_some() && stored.is_some(),
    };
    Ok(Receipt {
        status,
        etag: answer
            .headers()
            .get(ETAG)
            .map(|etag| sanitise(&String::from_utf8_lossy(etag.as_bytes()), 200)),
        bytes,
        verified,
    })
}

/// Reads why the storage said no, for `patience` at most.
pub(super) async fn refused(url: &PresignedUrl, answer: Response, patience: Duration) -> PutError {
    let status = answer.status().as_u16();
    let retry_after = retry_after(answer.headers(), SystemTime::now());
    // The status is known; a page that breaks off or drags on does not change it.
    let patience = ERROR_PAGE.min(patience);
    let page = tokio::time::timeout(patience, read_small(url.host(), answer)).await;
    let page = page
        .ok()
        .and_then(Result::ok)
        .map_or(vec![], |(page, _)| page);
    let mut storage = StorageError::parse(&page);
    if storage.code.is_empty() && storage.message.is_empty() {
        storage.message = excerpt(said(&page));
    }
    PutError::Refused {
        status,
        storage,
        signed_headers: url.signed_headers().to_vec(),
        retry_after,
    }
}

/// The MD5 of what the storage holds, where its ETag is one. It is 32 digits in quotes then; but so it is with S3's
/// encryption by KMS or by a key of the client's, where it stands for something else.
fn stored_md5(headers: &HeaderMap) -> Option<[u8; 16]> {
    let kms = headers
        .get("x-amz-server-side-encryption")
        .is_some_and(|by| by.as_bytes().starts_with(b"aws:kms"));
    if kms || headers.contains_key("x-amz-server-side-encryption-customer-algorithm") {
        return None;
    }
    let tag = headers.get(ETAG)?.to_str().ok()?;
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let is_hex = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u128::from_str_radix(is_hex.then_some(digits)?, 16).ok()?;
    Some(number.to_be_bytes())
}
