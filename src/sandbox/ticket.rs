//! Job tickets: what they show, and all of them by id.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::Method;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use super::error::ApiError;
use super::sign::Signer;

/// The words of `jobStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    Running,
    Completed,
    Failed,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Running => "running",
            Status::Completed => "completed",
            Status::Failed => "failed",
        }
    }
}

/// A job as its ticket shows it.
#[derive(Clone)]
pub(super) struct Ticket {
    pub status: Status,
    created: Timestamp,
    /// Before this the ticket is not there yet.
    visible: Instant,
    trace: String,
    /// The file with the results.
    pub result: Option<String>,
    pub errors: Vec<ApiError>,
}

impl Ticket {
    pub(super) fn new(trace: String, delay: Duration) -> Ticket {
        Ticket {
            status: Status::Created,
            created: Timestamp::now(),
            visible: Instant::now() + delay,
            trace,
            result: None,
            errors: Vec::new(),
        }
    }

    /// The ticket as JSON, with links that live as long as `life`.
    pub(super) fn document(&self, id: &str, signer: &Signer, life: Duration) -> serde_json::Value {
        let link = |path: &str| {
            json!({
                "url": signer.url(&Method::GET, path, life, None),
                "contentType": "application/json; charset=UTF-8",
                "type": "downloadLink",
            })
        };
        let mut document = json!({
            "_links": { "self": link(&format!("/storage/tickets/{id}")) },
            "jobStatus": self.status.as_str(),
            "_createdAt": self.created.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            "_createdBy": "sandbox@localhost",
            "X-Amzn-Trace-Id": self.trace,
        });
        if let Some(result) = &self.result {
            document["_links"]["result"] = link(&format!("/storage/files/{result}"));
        }
        if !self.errors.is_empty() {
            document["errors"] = json!(self.errors);
        }
        document
    }
}

/// All tickets, by id.
#[derive(Default)]
pub(super) struct Tickets(Mutex<HashMap<String, Ticket>>);

impl Tickets {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Ticket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, id: String, ticket: Ticket) {
        self.lock().insert(id, ticket);
    }

    /// A ticket that is there by now.
    pub(super) fn get(&self, id: &str) -> Option<Ticket> {
        self.lock()
            .get(id)
            .filter(|ticket| ticket.visible <= Instant::now())
            .cloned()
    }

    pub(super) fn change(&self, id: &str, change: impl FnOnce(&mut Ticket)) {
        if let Some(ticket) = self.lock().get_mut(id) {
            change(ticket);
        }
    }
}
