//! The trace of a command: the command, its steps within it, and what is asked of Orgvue within those.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, Key, KeyValue, Value};
use opentelemetry_sdk::trace::SdkTracer;

/// The most requests that have a span: a day's wait looks some thousand times at its ticket, and what comes of the
/// first of them tells as much.
const REQUESTS: u32 = 1000;

/// The spans of a command that are open.
pub(super) struct Trace {
    tracer: SdkTracer,
    root: Context,
    /// One of several pipelines.
    part: Option<Context>,
    step: Option<Step>,
    requests: u32,
    /// Requests that have no span.
    left_out: u64,
    /// What is known of a run, until its span ends: an attribute that is set again would stand there twice.
    told: BTreeMap<Key, Value>,
    /// What ended the last run.
    code: Option<&'static str>,
}

/// A step that goes on, or is over and waits for whether it ended well.
struct Step {
    span: Context,
    ended: Option<SystemTime>,
}

/// A request that is over.
pub(super) struct Request {
    pub(super) word: String,
    pub(super) method: String,
    pub(super) host: String,
    pub(super) port: Option<u64>,
    pub(super) resends: u64,
    pub(super) status: Option<u64>,
    /// Why there was no answer.
    pub(super) failed: Option<String>,
    pub(super) took: Duration,
}

impl Trace {
    /// The trace of a command that begins, within another one where `parent` has one.
    pub(super) fn begin(tracer: SdkTracer, command: &str, parent: &Context) -> Trace {
        let root = tracer.span_builder(format!("rostream {command}"));
        let root = root.with_kind(SpanKind::Internal);
        let root = parent.with_span(tracer.build_with_context(root, parent));
        Trace {
            tracer,
            root,
            part: None,
            step: None,
            requests: 0,
            left_out: 0,
            told: BTreeMap::new(),
            code: None,
        }
    }

    /// What is told of a run is told of this span: the command's, or that of one of several pipelines.
    fn whole(&self) -> &Context {
        self.part.as_ref().unwrap_or(&self.root)
    }

    fn open(&self, name: String, within: &Context) -> Context {
        let span = self.tracer.span_builder(name);
        let span = span.with_kind(SpanKind::Internal);
        within.with_span(self.tracer.build_with_context(span, within))
    }

    /// One of several pipelines begins.
    pub(super) fn begin_part(&mut self, pipeline: &str) {
        self.part = Some(self.open(format!("run {pipeline}"), &self.root));
        self.told.clear();
        self.code = None;
        self.tell([text("rostream.pipeline", pipeline.to_owned())]);
    }

    pub(super) fn end_part(&mut self, exit: u8, code: Option<&'static str>) {
        if let Some(part) = self.part.take() {
            self.seal(&part, exit, code);
        }
    }

    pub(super) fn begin_step(&mut self, name: &str) {
        self.close_step(Status::Unset);
        let span = self.open(name.to_owned(), self.whole());
        self.step = Some(Step { span, ended: None });
    }

    /// A step is over. Its span is closed when it is known whether it ended what goes on, too.
    pub(super) fn end_step(&mut self, rows: u64, bytes: u64) {
        if let Some(step) = &mut self.step {
            step.ended = Some(SystemTime::now());
            let counts = [("rostream.rows", rows), ("rostream.bytes", bytes)];
            (step.span.span()).set_attributes(counts.map(|(name, n)| count(name, n)));
        }
    }

    fn close_step(&mut self, status: Status) {
        if let Some(Step { span, ended }) = self.step.take() {
            span.span().set_status(status);
            span.span()
                .end_with_timestamp(ended.unwrap_or_else(SystemTime::now));
        }
    }

    /// A request to Orgvue or its storage, by the conventions for HTTP clients:
    /// <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>.
    pub(super) fn request(&mut self, request: Request) {
        if self.requests == REQUESTS {
            self.left_out += 1;
            return;
        }
        self.requests += 1;
        let is_open = |step: &&Step| step.ended.is_none();
        let step = self.step.as_ref().filter(is_open);
        let within = step.map_or_else(|| self.whole(), |step| &step.span);
        let ended = SystemTime::now();
        let failed = match request.status {
            Some(status) if status >= 400 => Some(status.to_string()),
            Some(_) => None,
            None => request.failed,
        };
        let port = request.port.map(|port| count("server.port", port));
        let status = request.status;
        let status = status.map(|status| count("http.response.status_code", status));
        let resends = Some(request.resends).filter(|resends| *resends > 0);
        let resends = resends.map(|resends| count("http.request.resend_count", resends));
        let why = failed.clone().map(|why| text("error.type", why));
        let name = format!("{} {}", request.method, request.word);
        let mut attributes = vec![
            text("http.request.method", request.method),
            text("server.address", request.host),
        ];
        attributes.extend([port, status, resends, why].into_iter().flatten());
        let span = self.tracer.span_builder(name);
        let span = span
            .with_kind(SpanKind::Client)
            .with_start_time(ended - request.took)
            .with_attributes(attributes);
        let span = within.with_span(self.tracer.build_with_context(span, within));
        if failed.is_some() {
            span.span().set_status(Status::error(""));
        }
        span.span().end_with_timestamp(ended);
    }

    /// What is known of a run, or of what else was done; what is told last holds.
    pub(super) fn tell(&mut self, attributes: impl IntoIterator<Item = KeyValue>) {
        let told = attributes.into_iter().map(|of| (of.key, of.value));
        self.told.extend(told);
    }

    /// Something that happened, such as that a guard stopped the run.
    pub(super) fn event(&self, name: &'static str, attributes: Vec<KeyValue>) {
        self.whole().span().add_event(name, attributes);
    }

    /// A run is over, and so is the step that it was in. Its span goes on until nothing is left to be done.
    pub(super) fn over(&mut self, code: Option<&'static str>) {
        self.close_step(code.map_or(Status::Unset, Status::error));
        self.code = code;
    }

    /// The command is over.
    pub(super) fn end(&mut self, exit: u8, code: Option<&'static str>) {
        if self.left_out > 0 {
            self.tell([count("rostream.requests.left_out", self.left_out)]);
        }
        let root = self.root.clone();
        self.seal(&root, exit, code);
    }

    /// Ends a span, with what is known of it; where it did not end well, with a code, of which its run may have known more.
    fn seal(&mut self, span: &Context, exit: u8, code: Option<&'static str>) {
        self.close_step(Status::Unset);
        let code = code.map(|code| self.code.unwrap_or(code));
        self.tell([count("process.exit.code", exit.into())]);
        self.tell(code.map(|code| text("error.type", code.to_owned())));
        let span = span.span();
        let told = std::mem::take(&mut self.told).into_iter();
        span.set_attributes(told.map(|(key, value)| KeyValue::new(key, value)));
        if let Some(code) = code {
            span.set_status(Status::error(code));
        }
        span.end();
    }
}

pub(super) fn text(name: &'static str, text: String) -> KeyValue {
    KeyValue::new(name, text)
}

/// A count, which is never so large that it is cut off.
pub(super) fn count(name: impl Into<Key>, count: u64) -> KeyValue {
    KeyValue::new(name, i64::try_from(count).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::otel::send::Kept;

    /// Names, whether it is marked as failed, and attributes.
    fn told(kept: &Kept) -> Vec<(String, bool, String)> {
        let spans = kept.spans().into_iter().map(|span| {
            let attributes = span.attributes.iter();
            let attributes = attributes.map(|of| format!("{} {}", of.key, of.value));
            let failed = matches!(span.status, Status::Error { .. });
            let attributes: Vec<String> = attributes.collect();
            (span.name.into_owned(), failed, attributes.join(", "))
        });
        spans.collect()
    }

    fn asked() -> Request {
        Request {
            word: "ticket".into(),
            method: "GET".into(),
            host: "localhost".into(),
            port: None,
            resends: 0,
            status: None,
            failed: Some("lost".into()),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn requests_are_told_up_to_a_number() {
        let kept = Kept::default();
        let mut trace = Trace::begin(kept.tracer(), "run", &Context::new());
        for _ in 0..REQUESTS + 7 {
            trace.request(asked());
        }
        trace.end(0, None);
        let mut told = told(&kept);
        let left_out = "process.exit.code 0, rostream.requests.left_out 7";
        assert_eq!(
            told.pop().unwrap(),
            ("rostream run".into(), false, left_out.into())
        );
        assert_eq!(told.len(), REQUESTS as usize);
        let is_request = |(name, failed, _): &(String, bool, _)| name == "GET ticket" && *failed;
        assert!(told.iter().all(is_request));
    }

    /// A step that is over when a run fails is where it failed; one before it is not.
    #[test]
    fn the_last_step_is_where_it_failed() {
        let kept = Kept::default();
        let mut trace = Trace::begin(kept.tracer(), "run", &Context::new());
        trace.begin_step("survey");
        trace.end_step(5, 60);
        trace.begin_step("upload");
        trace.end_step(0, 70);
        trace.request(asked());
        trace.over(Some("too_slow"));
        // What is not known beyond the exit code says less.
        trace.end(1, Some("failed"));
        let of_request = "http.request.method GET, server.address localhost, error.type lost";
        let expected = [
            ("survey", false, "rostream.rows 5, rostream.bytes 60"),
            ("GET ticket", true, of_request),
            ("upload", true, "rostream.rows 0, rostream.bytes 70"),
            (
                "rostream run",
                true,
                "error.type too_slow, process.exit.code 1",
            ),
        ];
        let expected = expected.map(|(name, failed, of)| (name.into(), failed, of.into()));
        assert_eq!(told(&kept), expected);
    }
}
