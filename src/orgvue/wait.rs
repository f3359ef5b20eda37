//! Waiting for the end of a job.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::http::retry::{Failure, pause};
use crate::orgvue::client::Client;
use crate::orgvue::error::OrgvueError;
use crate::orgvue::retry::{Step, again};
use crate::orgvue::ticket::{JobStatus, Ticket};
use crate::settings::secret::PresignedUrl;
use crate::text::chain;

/// Before the first look: a small job is done by then.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// Between looks: from a second ...
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// ... by half as much again each time, up to this.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// A ticket may not have been written yet for so long.
const YOUNG: Duration = Duration::from_secs(60);

/// The wait ended without a completed job.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The time is up; the job goes on at the server.
    #[error("the import job was still {} when the time to wait was up; it goes on at the server", last.status)]
    TimedOut {
        /// The ticket as last seen.
        last: Box<Ticket>,
    },
    /// The job failed.
    #[error("{}", failed(ticket))]
    Failed {
        /// The ticket with its errors.
        ticket: Box<Ticket>,
    },
    /// The ticket can no longer be read; the job may go on at the server.
    #[error("the import job cannot be watched any longer: how it ends is not known")]
    Other {
        /// The ticket as last seen.
        last: Box<Ticket>,
        source: Box<OrgvueError>,
    },
}

/// The most errors of a failed job that are shown.
const SHOWN: usize = 5;

fn failed(ticket: &Ticket) -> String {
    let mut text = "the import job failed at the server".to_owned();
    for error in ticket.errors.iter().take(SHOWN) {
        text.push_str(&format!("; {error}"));
        if let Some(advice) = error.advice() {
            text.push_str(&format!(" - {advice}"));
        }
    }
    if ticket.errors.len() > SHOWN {
        text.push_str("; and others");
    }
    if let Some(trace_id) = &ticket.trace_id {
        text.push_str(&format!(" (trace {trace_id})"));
    }
    text
}

impl Client {
    /// Waits until the job is completed, for `at_most` this long. `on_change` hears of every new state.
    ///
    /// A ticket that is not there in the first minute, failing servers and lost connections do not end the wait.
    pub async fn wait(
        &self,
        ticket: Ticket,
        at_most: Duration,
        on_change: impl FnMut(&Ticket),
    ) -> Result<Ticket, WaitError> {
        watch(ticket, at_most, on_change, async |url| {
            self.ticket_at(url).await
        })
        .await
    }
}

async fn watch(
    mut last: Ticket,
    at_most: Duration,
    mut on_change: impl FnMut(&Ticket),
    look: impl AsyncFn(&PresignedUrl) -> Result<Ticket, OrgvueError>,
) -> Result<Ticket, WaitError> {
    let begun = Instant::now();
    // A wait without end is one of a hundred years.
    let deadline = begun + at_most.min(Duration::from_secs(100 * 365 * 86_400));
    let mut pauses = ExponentialBuilder::new()
        .with_min_delay(MIN_PAUSE)
        .with_max_delay(MAX_PAUSE)
        .with_factor(1.5)
        .without_max_times()
        .build();
    let mut next = FIRST_LOOK;
    warn_if_unknown(&last.status);
    loop {
        match last.status {
            JobStatus::Completed => return Ok(last),
            JobStatus::Failed => {
                let ticket = Box::new(last);
                return Err(WaitError::Failed { ticket });
            }
            _ => {}
        }
        let Some(url) = last.self_url.clone() else {
            let source = Box::new(OrgvueError::NoTicketUrl);
            let last = Box::new(last);
            return Err(WaitError::Other { last, source });
        };
        let wake = Instant::now() + next;
        if wake >= deadline {
            sleep_until(deadline).await;
            let last = Box::new(last);
            return Err(WaitError::TimedOut { last });
        }
        sleep_until(wake).await;
        next = pauses.next().unwrap_or(MAX_PAUSE);
        match timeout_at(deadline, look(&url)).await {
            Err(_) => {
                let last = Box::new(last);
                return Err(WaitError::TimedOut { last });
            }
            Ok(Ok(now)) => {
                let changed = now.status != last.status;
                // What a later answer leaves out is still so.
                last = Ticket {
                    self_url: now.self_url.or(last.self_url),
                    result_url: now.result_url.or(last.result_url),
                    trace_id: last.trace_id.or(now.trace_id),
                    created_at: last.created_at.or(now.created_at),
                    status: now.status,
                    errors: now.errors,
                };
                if changed {
                    warn_if_unknown(&last.status);
                    on_change(&last);
                }
            }
            Ok(Err(error)) => {
                let young = begun.elapsed() < YOUNG;
                if !again(Step::Poll { young })(error.outcome()) {
                    let (last, source) = (Box::new(last), Box::new(error));
                    return Err(WaitError::Other { last, source });
                }
                tracing::debug!("{}; asking again", chain(&error));
                next = pause(next, &error);
            }
        }
    }
}

fn warn_if_unknown(status: &JobStatus) {
    if let JobStatus::Other(word) = status {
        tracing::warn!(status = %word, "the ticket is in a state that the API's contract does not name; still waiting");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::*;
    use crate::orgvue::error::ApiError;

    fn ticket(status: &str) -> Ticket {
        Ticket {
            status: status.to_owned().into(),
            trace_id: Some("Root=1-2-3".into()),
            created_at: None,
            self_url: Some(PresignedUrl::parse("https://s.example/t?s=CANARY").unwrap()),
            result_url: None,
            errors: vec![],
        }
    }

    fn answered(status: u16, retry_after: Option<u64>) -> OrgvueError {
        OrgvueError::Unexpected {
            what: "read the ticket",
            status,
            problem: "the server refused",
            excerpt: String::new(),
            trace_id: None,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    /// Waits for 1000 s with these answers, the last of them for ever; the end, its second, and the states heard of.
    async fn run(
        first: &str,
        answers: Vec<Box<dyn Fn() -> Result<Ticket, OrgvueError>>>,
    ) -> (Result<Ticket, WaitError>, u64, String, Vec<u64>) {
        let begun = Instant::now();
        let mut answers = VecDeque::from(answers);
        let answers = RefCell::new(&mut answers);
        let looks = RefCell::new(Vec::new());
        let mut heard = Vec::new();
        let result = watch(
            ticket(first),
            Duration::from_secs(1000),
            |ticket| heard.push(ticket.status.to_string()),
            async |_| {
                looks.borrow_mut().push(begun.elapsed().as_millis() as u64);
                let answer = {
                    let mut answers = answers.borrow_mut();
                    match answers.len() {
                        0 | 1 => answers.front().map(|answer| answer()),
                        _ => answers.pop_front().map(|answer| answer()),
                    }
                };
                match answer {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                }
            },
        )
        .await;
        let looks = looks.into_inner();
        (result, begun.elapsed().as_secs(), heard.join(" "), looks)
    }

    macro_rules! answers {
        ($($answer:expr),* $(,)?) => { vec![$(Box::new(|| $answer)),*] };
    }

    #[tokio::test(start_paused = true)]
    async fn until_it_is_completed() {
        let (result, _, heard, looks) = run(
            "created",
            answers![
                Ok(ticket("created")),
                Ok(ticket("running")),
                Ok(ticket("queued")),
                Ok(ticket("Completed")),
            ],
        )
        .await;
        let last = result.unwrap();
        assert_eq!(heard, "running queued completed");
        assert_eq!(looks, [100, 1100, 2600, 4850]);
        assert!(last.self_url.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_stop_growing_and_the_time_is_kept() {
        let (result, seconds, heard, looks) = run("created", answers![Ok(ticket("running"))]).await;
        assert!(
            matches!(result, Err(WaitError::TimedOut { last }) if last.status == JobStatus::Running)
        );
        assert_eq!((seconds, &*heard), (1000, "running"));
        let gaps: Vec<_> = looks.windows(2).map(|w| w[1] - w[0]).collect();
        assert_eq!(gaps.iter().max(), Some(&15_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_without_end_ends_with_the_time() {
        let (result, seconds, ..) = run("created", vec![]).await;
        assert!(matches!(result, Err(WaitError::TimedOut { .. })));
        assert_eq!(seconds, 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_job_says_why() {
        let (result, ..) = run(
            "created",
            answers![Ok(Ticket {
                errors: vec![ApiError {
                    name: "PropertyUnknown".into(),
                    code: "400999".into(),
                    message: "No such property.".into(),
                    property: None,
                }],
                ..ticket("failed")
            })],
        )
        .await;
        assert_eq!(
            result.unwrap_err().to_string(),
            "the import job failed at the server; PropertyUnknown (400999): No such property (trace Root=1-2-3)"
        );
        let (result, seconds, ..) = run("failed", vec![]).await;
        assert!(matches!(result, Err(WaitError::Failed { .. })));
        assert_eq!(seconds, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_young_ticket_may_be_missing_and_an_old_one_not() {
        let (result, ..) = run(
            "created",
            answers![
                Err(answered(404, None)),
                Err(answered(404, None)),
                Ok(ticket("completed")),
            ],
        )
        .await;
        assert!(result.is_ok());

        let (result, seconds, ..) = run("created", answers![Err(answered(404, None))]).await;
        assert!(matches!(result, Err(WaitError::Other { .. })));
        assert!((60..76).contains(&seconds), "{seconds}");

        let (result, seconds, ..) = run("created", answers![Err(answered(403, None))]).await;
        assert!(matches!(result, Err(WaitError::Other { .. })));
        assert_eq!(seconds, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn failing_servers_do_not_end_the_wait() {
        let (result, seconds, ..) = run("running", answers![Err(answered(503, None))]).await;
        assert!(matches!(result, Err(WaitError::TimedOut { .. })));
        assert_eq!(seconds, 1000);

        let (result, _, _, looks) = run(
            "running",
            answers![
                Err(answered(503, Some(40))),
                Err(answered(200, None)),
                Ok(ticket("completed")),
            ],
        )
        .await;
        assert!(result.is_ok());
        assert_eq!(looks, [100, 40_100, 41_600]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_overrun_is_left_alone() {
        let (result, seconds, heard, looks) =
            run("running", answers![Err(answered(429, None))]).await;
        assert!(matches!(result, Err(WaitError::TimedOut { .. })));
        assert_eq!((seconds, &*heard), (1000, ""));
        assert!(looks.len() < 80, "{} looks", looks.len());
        let (.., looks) = run("running", answers![Err(answered(429, Some(60)))]).await;
        assert_eq!(looks.len(), 17);
    }

    #[tokio::test(start_paused = true)]
    async fn states_may_go_back() {
        let (result, _, heard, _) = run(
            "running",
            answers![
                Ok(ticket("created")),
                Ok(ticket("unheard of")),
                Ok(ticket("running")),
                Ok(ticket("completed")),
            ],
        )
        .await;
        assert!(result.is_ok());
        assert_eq!(heard, "created unheard of running completed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_without_an_address() {
        let homeless = Ticket {
            self_url: None,
            ..ticket("running")
        };
        let result = watch(homeless, Duration::MAX, |_| (), async |_| Ok(ticket("x"))).await;
        let error = result.unwrap_err();
        assert!(
            matches!(&error, WaitError::Other { source, .. } if matches!(**source, OrgvueError::NoTicketUrl))
        );
        assert!(!format!("{error:?}").contains("CANARY"));
    }
}
