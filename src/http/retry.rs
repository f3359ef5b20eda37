//! Trying again: how a request can end, how long to wait, how often. What may be tried again is said by whoever makes
//! the request.

use std::future::Future;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder, Retryable};

use crate::text::chain;

/// How a request ended, as far as it matters to another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Nothing was sent, and nothing ever will be: client, certificate, host, proxy.
    Untrusted,
    /// Nothing was sent.
    Unreachable,
    /// Something was sent, and no answer came.
    Lost,
    /// An answer that is no success.
    Answered {
        status: u16,
        /// The API's or the storage's error code.
        code: Option<&'a str>,
    },
    /// A success in name that does not hold what was promised.
    Malformed,
    /// Our own body ended in an error.
    OwnBody,
}

/// A failure of which can be said whether another try may help.
pub(crate) trait Failure {
    /// How the request ended.
    fn outcome(&self) -> Outcome<'_>;

    /// How long the server asked to be left alone.
    fn retry_after(&self) -> Option<Duration>;
}

/// Pauses between tries: half a second, doubled up to 15 s, each lengthened at random by up to as much again so
/// that many clients do not come back together. Endless; the caller counts.
pub(crate) fn pauses() -> impl Iterator<Item = Duration> + Send {
    backoff().without_max_times().build()
}

/// The longer of a pause and what the server asked for.
pub(crate) fn pause(planned: Duration, failure: &impl Failure) -> Duration {
    planned.max(failure.retry_after().unwrap_or_default())
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(15))
        .with_factor(2.0)
        .with_jitter()
}

/// How many times one of the small requests is made, the first included.
pub(crate) const ATTEMPTS: usize = 4;

/// Makes a request up to [`ATTEMPTS`] times, for as long as what came of it may be tried `again`.
pub(crate) async fn with_retries<T, E, F, Fut>(
    again: impl Fn(Outcome<'_>) -> bool,
    request: F,
) -> Result<T, E>
where
    E: Failure + std::error::Error,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    request
        .retry(backoff().with_max_times(ATTEMPTS - 1))
        .sleep(tokio::time::sleep)
        .when(|error| again(error.outcome()))
        .adjust(|error, planned| planned.map(|planned| pause(planned, error)))
        .notify(|error, after| tracing::warn!(?after, "{}; trying again", chain(error)))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Busy(Option<u64>);

    impl std::fmt::Display for Busy {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("busy")
        }
    }

    impl std::error::Error for Busy {}

    impl Failure for Busy {
        fn outcome(&self) -> Outcome<'_> {
            Outcome::Lost
        }
        fn retry_after(&self) -> Option<Duration> {
            self.0.map(Duration::from_secs)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tries_a_few_times_and_waits_as_asked() {
        let begun = tokio::time::Instant::now();
        let mut tries = 0;
        let result: Result<(), Busy> = with_retries(
            |_| true,
            || {
                tries += 1;
                std::future::ready(Err(Busy(Some(40))))
            },
        )
        .await;
        assert!(result.is_err());
        assert_eq!(tries, ATTEMPTS);
        assert_eq!(begun.elapsed().as_secs(), 120);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_their_limit() {
        let pauses: Vec<_> = pauses().take(12).collect();
        assert!(pauses[0] >= Duration::from_millis(500) && pauses[0] <= Duration::from_secs(1));
        assert!(pauses.iter().all(|p| *p <= Duration::from_secs(30)));
        assert!(pauses[11] >= Duration::from_secs(15));

        let mut tries = 0;
        let result = with_retries(
            |_| true,
            || {
                tries += 1;
                std::future::ready(if tries == 3 {
                    Ok(tries)
                } else {
                    Err(Busy(None))
                })
            },
        )
        .await;
        assert_eq!(result.unwrap(), 3);
    }
}
