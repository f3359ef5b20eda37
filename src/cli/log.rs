//! The log, on stderr.

use std::fmt;

use clap::ValueEnum;
use serde_json::{Map, Value};
use tracing::Level;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, Registry};

use crate::config;
use crate::report::events;
use crate::report::progress::Progress;

use super::Globals;

/// The one target that is ever logged. The HTTP and TLS crates print headers and addresses, which hold
/// secrets, so that no setting turns them on.
const OWN: &str = env!("CARGO_CRATE_NAME");

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line, whatever it is.
    Json,
}

/// Starts the log, to which somebody else may listen, too; a second start, in tests, changes nothing.
pub(super) fn start(
    globals: &Globals,
    progress: &Progress,
    listener: Option<impl Layer<Registry> + Send + Sync>,
) {
    let filter = filter(globals, config::process_env("RUST_LOG").as_deref());
    let registry = tracing_subscriber::registry().with(listener);
    let _ = match globals.log_format {
        LogFormat::Text => {
            let writer = progress.log_writer();
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(move || writer.clone())
                .with_ansi(false)
                .log_internal_errors(false);
            registry.with(layer.with_filter(filter)).try_init()
        }
        LogFormat::Json => registry.with(Told.with_filter(filter)).try_init(),
    };
}

/// Whether a command line that is wrong asks for JSON all the same.
pub(super) fn is_json_asked_for() -> bool {
    let args: Vec<_> = std::env::args_os().collect();
    args.iter().any(|arg| arg == "--log-format=json")
        || (args.windows(2)).any(|pair| pair[0] == "--log-format" && pair[1] == "json")
}

/// Writes the log's lines as events.
struct Told;

impl<S: tracing::Subscriber> Layer<S> for Told {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        events::put(&events::Event::Log {
            target: event.metadata().target(),
            message: &fields.message,
            fields: &fields.others,
            level: match *event.metadata().level() {
                Level::TRACE => events::Level::Trace,
                Level::DEBUG => events::Level::Debug,
                Level::INFO => events::Level::Info,
                Level::WARN => events::Level::Warn,
                Level::ERROR => events::Level::Error,
            },
        });
    }
}

/// What a line of the log says, and its fields.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            _ => self.add(field, format!("{value:?}").into()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }
}

/// Flags before `RUST_LOG`, and of that only what names this crate's own modules, or no target.
fn filter(globals: &Globals, rust_log: Option<&str>) -> Targets {
    let level = match (globals.quiet, globals.verbose) {
        (true, _) => Level::ERROR,
        (_, 0) => Level::WARN,
        (_, 1) => Level::INFO,
        (_, 2) => Level::DEBUG,
        _ => Level::TRACE,
    };
    let flags = Targets::new().with_target(OWN, level);
    if globals.quiet || globals.verbose > 0 {
        return flags;
    }
    let Some(asked) = rust_log.and_then(|text| text.parse::<Targets>().ok()) else {
        return flags;
    };
    let base = asked.default_level().unwrap_or(LevelFilter::OFF);
    let own = asked.iter().filter(|(target, _)| is_own(target));
    let filter = Targets::new().with_targets(own);
    if base > LevelFilter::OFF {
        let all = filter
            .iter()
            .map(|(t, l)| (t.to_owned(), l))
            .collect::<Vec<_>>();
        return Targets::new().with_target(OWN, base).with_targets(all);
    }
    filter
}

fn is_own(target: &str) -> bool {
    target == OWN || target.starts_with(concat!(env!("CARGO_CRATE_NAME"), "::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globals(verbose: u8, quiet: bool) -> Globals {
        Globals {
            verbose,
            quiet,
            no_progress: false,
            log_format: LogFormat::Text,
            heartbeat: std::time::Duration::from_secs(10),
        }
    }

    #[test]
    fn nothing_but_this_crate_is_logged() {
        let check = |verbose, quiet, rust_log: Option<&str>, expected: Option<Level>| {
            let filter = filter(&globals(verbose, quiet), rust_log);
            let levels = [
                Level::TRACE,
                Level::DEBUG,
                Level::INFO,
                Level::WARN,
                Level::ERROR,
            ];
            let enabled = levels
                .iter()
                .find(|level| filter.would_enable("rostream::run", level));
            assert_eq!(enabled.copied(), expected, "{rust_log:?}");
            for other in ["hyper::client", "reqwest", "rustls"] {
                assert!(
                    !filter.would_enable(other, &Level::ERROR),
                    "{other} {rust_log:?}"
                );
            }
        };
        check(0, false, None, Some(Level::WARN));
        check(1, false, None, Some(Level::INFO));
        check(2, false, None, Some(Level::DEBUG));
        check(9, false, None, Some(Level::TRACE));
        check(0, true, None, Some(Level::ERROR));
        check(0, false, Some("debug"), Some(Level::DEBUG));
        check(
            0,
            false,
            Some("trace,hyper=trace,reqwest=trace"),
            Some(Level::TRACE),
        );
        check(0, false, Some("rostream=info"), Some(Level::INFO));
        check(0, false, Some("rostream::run=trace"), Some(Level::TRACE));
        check(0, false, Some("off"), None);
        check(0, false, Some("hyper=trace"), None);
        check(0, false, Some("rostream=loud"), Some(Level::WARN));
        check(1, false, Some("trace"), Some(Level::INFO));
    }
}
