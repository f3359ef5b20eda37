//! What a service's refusals mean, and what mends them.

use std::error::Error;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::address::Service;
use crate::http::text::sanitise;
use crate::source::place::remote::error::RemoteError;

/// Characters of what the crate says that are shown.
const MAX_SAID: usize = 200;

/// Whose requests they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) service: Service,
    pub(super) bucket: String,
    /// Something in the environment says who asks.
    pub(super) is_known: bool,
}

/// A refusal, as far as it matters.
pub(super) struct Refusal {
    pub(super) host: String,
    pub(super) status: u16,
    /// The service's word for it, or nothing.
    pub(super) code: String,
    /// The status' own words.
    pub(super) reason: &'static str,
    /// The region in which the bucket is said to be.
    pub(super) region: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

impl Asker {
    /// What a refusal of the bucket itself means.
    pub(super) fn refused(&self, refusal: Refusal) -> RemoteError {
        let Refusal { status, code, .. } = &refusal;
        let bucket = &self.bucket;
        let setting = |message: String| RemoteError::Setting(message);
        match (*status, code.as_str()) {
            (404, "NoSuchBucket" | "ContainerNotFound") => {
                setting(format!("there is no bucket {bucket} ({code})"))
            }
            (404 | 410, _) => RemoteError::Gone,
            (304 | 412 | 416, _) => RemoteError::Changed,
            (_, "InvalidAccessKeyId") => setting(format!(
                "the server does not know the access key: check {} ({code})",
                self.service.who()
            )),
            (_, "SignatureDoesNotMatch") => setting(format!(
                "the secret does not belong to the access key: check {} ({code})",
                self.service.who()
            )),
            (_, "ExpiredToken" | "TokenRefreshRequired" | "InvalidToken") => setting(format!(
                "the permission has ended: get new credentials ({code})"
            )),
            (_, "RequestTimeTooSkewed") => setting(format!(
                "this machine's clock differs too much from the server's: set it ({code})"
            )),
            (301 | 307 | 308, _) | (_, "AuthorizationHeaderMalformed" | "PermanentRedirect") => {
                setting(self.elsewhere(&refusal))
            }
            (_, "InvalidObjectState" | "BlobArchived") => setting(format!(
                "it is in an archive, and must be restored before it can be read ({code})"
            )),
            (401 | 403 | 407, _) => setting(self.not_permitted(&refusal)),
            _ => RemoteError::Refused {
                status: *status,
                said: said(&refusal).to_owned(),
                retry_after: refusal.retry_after,
            },
        }
    }

    fn elsewhere(&self, refusal: &Refusal) -> String {
        let region = refusal.region.as_deref();
        let region = region.map_or(String::new(), |region| format!(", {region}"));
        match self.service {
            Service::S3 => format!(
                "the bucket is in another region{region}: set source.bucket.region, or AWS_REGION ({})",
                said(refusal)
            ),
            Service::Google | Service::Azure => format!(
                "the server redirects to another address: check source.bucket.endpoint ({})",
                said(refusal)
            ),
        }
    }

    fn not_permitted(&self, refusal: &Refusal) -> String {
        let (status, said) = (refusal.status, said(refusal));
        match self.is_known {
            true => format!(
                "the server does not permit this ({status} {said}): whoever asks needs the right to read the files of the \
                 bucket and, for a pattern, to list them; or check {}",
                self.service.who()
            ),
            false => format!(
                "the server does not permit this ({status} {said}), and nobody is named who asks: set {}",
                self.service.who()
            ),
        }
    }

    /// What a refusal of those means who say who asks.
    pub(super) fn not_known(&self, refusal: &Refusal) -> RemoteError {
        let (host, status, said) = (&refusal.host, refusal.status, said(refusal));
        match status {
            408 | 429 | 500..=599 => RemoteError::Refused {
                status,
                said: format!("{host}, which is asked for credentials: {said}"),
                retry_after: refusal.retry_after,
            },
            _ => RemoteError::Setting(format!(
                "credentials can't be had: {host} answered {status} ({said}); check {}",
                self.service.who()
            )),
        }
    }

    /// Nobody says who asks.
    pub(super) fn nobody(&self) -> RemoteError {
        let who = self.service.who();
        RemoteError::Setting(match self.service {
            Service::S3 => format!(
                "nothing says who asks: set {who}. Profiles of ~/.aws are not read: `aws configure export-credentials \
                 --format env` writes one as variables"
            ),
            Service::Google | Service::Azure => format!("nothing says who asks: set {who}"),
        })
    }
}

fn said(refusal: &Refusal) -> &str {
    match refusal.code.as_str() {
        "" => refusal.reason,
        code => code,
    }
}

/// An error of ours on its way through the crate.
#[derive(Debug)]
pub(super) struct Told(Mutex<Option<RemoteError>>);

impl Told {
    pub(super) fn new(error: RemoteError) -> Told {
        Told(Mutex::new(Some(error)))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request failed")
    }
}

impl Error for Told {}

/// What has come back of an error of ours, or what the crate itself says.
pub(super) fn told(error: object_store::Error) -> RemoteError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    let mut last = None;
    while let Some(error) = cause {
        if let Some(told) = error.downcast_ref::<Told>() {
            let mut told = told.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(told) = told.take() {
                return told;
            }
        }
        last = Some(error);
        cause = error.source();
    }
    let said = last.map(|last| sanitise(&last.to_string(), MAX_SAID));
    RemoteError::Unexpected(format!(
        "the server's answer can't be used: {}",
        said.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(is_known: bool) -> Asker {
        Asker {
            service: Service::S3,
            bucket: "hr".to_owned(),
            is_known,
        }
    }

    fn refusal(status: u16, code: &str) -> Refusal {
        Refusal {
            host: "s3.example".to_owned(),
            status,
            code: code.to_owned(),
            reason: "Reason",
            region: None,
            retry_after: None,
        }
    }

    #[test]
    fn refusals_say_what_to_do() {
        let check = |status, code: &str, expected: &str| {
            let error = asker(true).refused(refusal(status, code));
            assert_eq!(error.to_string(), expected, "{status} {code}");
            assert!(error.is_setting(), "{status} {code}");
        };
        check(404, "NoSuchBucket", "there is no bucket hr (NoSuchBucket)");
        check(
            403,
            "InvalidAccessKeyId",
            "the server does not know the access key: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (InvalidAccessKeyId)",
        );
        check(
            403,
            "SignatureDoesNotMatch",
            "the secret does not belong to the access key: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY \
             (SignatureDoesNotMatch)",
        );
        check(
            400,
            "ExpiredToken",
            "the permission has ended: get new credentials (ExpiredToken)",
        );
        check(
            403,
            "",
            "the server does not permit this (403 Reason): whoever asks needs the right to read the files of the bucket \
             and, for a pattern, to list them; or check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        );
        check(
            301,
            "PermanentRedirect",
            "the bucket is in another region: set source.bucket.region, or AWS_REGION (PermanentRedirect)",
        );
        let elsewhere = Refusal {
            region: Some("eu-west-1".to_owned()),
            ..refusal(400, "AuthorizationHeaderMalformed")
        };
        assert_eq!(
            asker(true).refused(elsewhere).to_string(),
            "the bucket is in another region, eu-west-1: set source.bucket.region, or AWS_REGION (AuthorizationHeaderMalformed)"
        );
        assert_eq!(
            asker(false)
                .refused(refusal(403, "AccessDenied"))
                .to_string(),
            "the server does not permit this (403 AccessDenied), and nobody is named who asks: set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY"
        );
        assert!(asker(true).not_known(&refusal(400, "")).is_setting());
    }

    #[test]
    fn what_is_gone_or_changed_is_no_setting() {
        let refused = |status, code| asker(true).refused(refusal(status, code));
        assert!(matches!(refused(404, "NoSuchKey"), RemoteError::Gone));
        assert!(matches!(refused(404, ""), RemoteError::Gone));
        assert!(matches!(refused(412, ""), RemoteError::Changed));
        assert!(matches!(refused(416, "InvalidRange"), RemoteError::Changed));
        assert_eq!(
            refused(503, "SlowDown").to_string(),
            "the server answered 503 (SlowDown)"
        );
        assert!(!asker(true).not_known(&refusal(503, "")).is_setting());
    }

    #[test]
    fn an_error_of_ours_comes_back() {
        let wrapped = object_store::Error::Generic {
            store: "S3",
            source: Box::new(Told::new(RemoteError::Gone)),
        };
        assert!(matches!(told(wrapped), RemoteError::Gone));
        let other = object_store::Error::Generic {
            store: "S3",
            source: "no such header".into(),
        };
        assert_eq!(
            told(other).to_string(),
            "the server's answer can't be used: no such header"
        );
    }
}
