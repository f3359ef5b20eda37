//! What to do after a failure: one table for every request that is made here.
//!
//! Three questions decide. Did the request reach the server? Is it harmless to make it twice? Can another try
//! end differently? `again` stands for *retry*, and for the upload for *retry with a fresh pair of addresses*: a
//! used address may have expired, and a fresh one makes the repeat harmless, for it writes another file.
//!
//! | outcome | generate | put | import | poll | results |
//! |---|---|---|---|---|---|
//! | client, certificate, host or proxy refused | fail | fail | fail | fail | fail |
//! | our own body failed (source changed, disk) | - | fail | - | - | - |
//! | nothing was sent (name, connect) | again | again | again | again | again |
//! | sent, connection lost or answer late | again | again | **unknown** | again | again |
//! | 2xx, but not what was promised | fail | again | **unknown** | again | fail |
//! | 429 | again | again | again | again | again |
//! | 429 with the daily quota used up (42902) | fail | fail | fail | fail | fail |
//! | 408, 5xx (but 501, 505) | again | again | **unknown** | again | again |
//! | 400 of a stalled, cut or expired upload | - | again | - | - | - |
//! | 403 | fail | again, but for a wrong signature or account | fail | fail | fail |
//! | 404 | fail | fail | fail | again in the first minute | fail |
//! | 307, 409 | fail | again | fail | fail | fail |
//! | any other answer | fail | fail | fail | fail | fail |
//!
//! The import is the one request that must not be made twice: it is repeated only where it is certain that the
//! server did not begin it, which a refused connection and a 429 of the gateway are.

use crate::http::retry::Outcome;

/// The requests of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Asking for a pair of addresses.
    Generate,
    /// Uploading.
    Put,
    /// Starting the import.
    Import,
    /// Asking for the ticket. A `young` one may not have been written yet.
    Poll {
        /// Whether the job began less than a minute ago.
        young: bool,
    },
    /// Fetching the results.
    Results,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Make the same request again, after a pause.
    Retry,
    /// Ask for a fresh pair of addresses and upload again, after a pause.
    RetryFreshUrl,
    /// Give up.
    Fail,
    /// Whether the request had its effect cannot be known: do not repeat it, and say so.
    Unknown,
}

/// The table of this module.
pub(crate) fn verdict(step: Step, outcome: Outcome<'_>) -> Verdict {
    let again = match step {
        Step::Put => Verdict::RetryFreshUrl,
        _ => Verdict::Retry,
    };
    match (outcome, step) {
        (Outcome::Untrusted | Outcome::OwnBody, _) => Verdict::Fail,
        (Outcome::Unreachable, _) => again,
        (Outcome::Lost | Outcome::Malformed, Step::Import) => Verdict::Unknown,
        (Outcome::Lost, _) => again,
        (Outcome::Malformed, Step::Put | Step::Poll { .. }) => again,
        (Outcome::Malformed, _) => Verdict::Fail,
        (Outcome::Answered { status, code }, _) => match (status, step) {
            (429, _) if code == Some(QUOTA_EXCEEDED) => Verdict::Fail,
            (429, _) => again,
            (501 | 505, _) => Verdict::Fail,
            (408 | 500..=599, Step::Import) => Verdict::Unknown,
            (408 | 500..=599, _) => again,
            (404, Step::Poll { young: true }) => again,
            (307 | 409, Step::Put) => again,
            (400, Step::Put) => match code {
                Some(
                    "RequestTimeout" | "ExpiredToken" | "RequestExpired" | "IncompleteBody"
                    | "BadDigest",
                ) => again,
                _ => Verdict::Fail,
            },
            // Expiry is told by a message, if at all: a proxy's own page has no code.
            (403, Step::Put) => match code {
                None
                | Some(
                    "AccessDenied" | "RequestExpired" | "ExpiredToken" | "RequestTimeTooSkewed",
                ) => again,
                _ => Verdict::Fail,
            },
            _ => Verdict::Fail,
        },
    }
}

/// Whether a step is tried again by itself, by how it ended.
pub(crate) fn again(step: Step) -> impl Fn(Outcome<'_>) -> bool {
    move |outcome| verdict(step, outcome) == Verdict::Retry
}

/// The API's code for a quota that only the next day renews.
pub(crate) const QUOTA_EXCEEDED: &str = "42902";

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::*;

    /// generate, put, import, young poll, old poll, results
    const STEPS: [Step; 6] = [
        Step::Generate,
        Step::Put,
        Step::Import,
        Step::Poll { young: true },
        Step::Poll { young: false },
        Step::Results,
    ];

    fn answered(status: u16) -> Outcome<'static> {
        Outcome::Answered { status, code: None }
    }

    #[test]
    fn the_table() {
        #[track_caller]
        fn check(outcome: Outcome<'_>, expected: [Verdict; 6]) {
            let found = STEPS.map(|step| verdict(step, outcome));
            assert_eq!(found, expected, "{outcome:?}");
        }
        let everywhere = [Retry, RetryFreshUrl, Retry, Retry, Retry, Retry];
        let ambiguous = [Retry, RetryFreshUrl, Unknown, Retry, Retry, Retry];
        let never = [Fail; 6];

        check(Outcome::Untrusted, never);
        check(Outcome::OwnBody, never);
        check(Outcome::Unreachable, everywhere);
        check(Outcome::Lost, ambiguous);
        check(
            Outcome::Malformed,
            [Fail, RetryFreshUrl, Unknown, Retry, Retry, Fail],
        );
        check(answered(429), everywhere);
        for code in ["42901", "SlowDown"] {
            let code = Some(code);
            check(Outcome::Answered { status: 429, code }, everywhere);
        }
        check(
            Outcome::Answered {
                status: 429,
                code: Some("42902"),
            },
            never,
        );
        for status in [408, 500, 502, 503, 504, 520, 599] {
            check(answered(status), ambiguous);
        }
        for status in [
            100, 200, 204, 301, 302, 303, 304, 308, 400, 401, 402, 405, 406, 410, 411, 412, 413,
            415, 416, 422, 501, 505, 600,
        ] {
            check(answered(status), never);
        }
        check(answered(403), [Fail, RetryFreshUrl, Fail, Fail, Fail, Fail]);
        check(answered(404), [Fail, Fail, Fail, Retry, Fail, Fail]);
        check(answered(307), [Fail, RetryFreshUrl, Fail, Fail, Fail, Fail]);
        check(answered(409), [Fail, RetryFreshUrl, Fail, Fail, Fail, Fail]);
    }

    #[test]
    fn what_storages_say() {
        #[track_caller]
        fn check(status: u16, code: &str, expected: Verdict) {
            let code = Some(code);
            let outcome = Outcome::Answered { status, code };
            assert_eq!(verdict(Step::Put, outcome), expected);
            // Nowhere else does a storage's code change anything.
            assert_eq!(verdict(Step::Results, outcome), Fail);
        }
        check(400, "RequestTimeout", RetryFreshUrl);
        check(400, "ExpiredToken", RetryFreshUrl);
        check(400, "RequestExpired", RetryFreshUrl);
        check(400, "IncompleteBody", RetryFreshUrl);
        check(400, "BadDigest", RetryFreshUrl);
        check(400, "EntityTooLarge", Fail);
        check(400, "InvalidRequest", Fail);
        check(403, "AccessDenied", RetryFreshUrl);
        check(403, "RequestExpired", RetryFreshUrl);
        check(403, "SignatureDoesNotMatch", Fail);
        check(403, "HeadersNotSigned", Fail);
        check(403, "InvalidAccessKeyId", Fail);
        check(411, "MissingContentLength", Fail);
        check(501, "NotImplemented", Fail);
    }
}
