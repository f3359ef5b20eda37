//! Steps and requests, as the log hears of them.

use std::fmt;
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;

use super::trace::Request;
use crate::http::asked::REQUESTS;
use crate::report::progress::STEPS;

/// What was heard.
pub(super) enum Heard {
    Began(String),
    Ended { rows: u64, bytes: u64 },
    Asked(Request),
}

/// Hands on what it hears.
pub(super) struct Listener<F>(pub(super) F);

/// What of the log it hears.
pub(super) fn targets() -> Targets {
    let told = [REQUESTS, STEPS].map(|target| (target, LevelFilter::TRACE));
    Targets::new().with_targets(told)
}

impl<S: Subscriber, F: Fn(Heard) + 'static> Layer<S> for Listener<F> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = std::mem::take(&mut fields.message);
        self.0(match (event.metadata().target(), &*message) {
            (STEPS, "began") => Heard::Began(fields.text("step").unwrap_or_default()),
            (STEPS, _) => Heard::Ended {
                rows: fields.number("rows").unwrap_or_default(),
                bytes: fields.number("bytes").unwrap_or_default(),
            },
            _ => Heard::Asked(Request {
                word: fields.text("word").unwrap_or_default(),
                method: fields.text("method").unwrap_or_default(),
                host: fields.text("host").unwrap_or_default(),
                port: fields.number("port"),
                resends: fields.number("resends").unwrap_or_default(),
                status: fields.number("status"),
                failed: fields.text("failed"),
                took: Duration::from_micros(fields.number("micros").unwrap_or_default()),
            }),
        });
    }
}

/// A line of the log.
#[derive(Default)]
struct Fields {
    message: String,
    texts: Vec<(&'static str, String)>,
    numbers: Vec<(&'static str, u64)>,
}

impl Fields {
    fn text(&mut self, name: &str) -> Option<String> {
        let at = self.texts.iter().position(|(of, _)| *of == name)?;
        Some(self.texts.swap_remove(at).1)
    }

    fn number(&self, name: &str) -> Option<u64> {
        let found = self.numbers.iter().find(|(of, _)| *of == name);
        found.map(|(_, number)| *number)
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.texts.push((field.name(), value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.numbers.push((field.name(), value));
    }
}
