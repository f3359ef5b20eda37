//! What goes out when a command is over: one request with its spans and one with its metrics, at the same time, and in no
//! more than the time that the environment gives them. Whatever comes of it, the command's end is not changed.

use std::collections::HashMap;
use std::fmt;
use std::future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{
    SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter as _, SpanProcessor,
};
use tokio::runtime::Builder;
use tokio::time::timeout;
use url::Url;

use super::settings::Signal;
use crate::cli::stop;
use crate::config::process_env;
use crate::http::spec::TimeoutsSpec;
use crate::http::{Clients, Transport, TransportError, builder, host_of, read_small};
use crate::report::human;
use crate::report::run::{Measure, MetricValue};
use crate::text::chain;

/// How long a collector is waited for unless stated, as the specification of OTLP's exporters has it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why something was not sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsent(pub(super) String);

/// Spans that are over, until the command is.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl Kept {
    /// Whose spans are kept here. What is sampled, and how many attributes a span has, is the environment's to say.
    pub(super) fn tracer(&self) -> SdkTracer {
        SdkTracerProvider::builder()
            .with_span_processor(self.clone())
            .with_resource(resource())
            .build()
            .tracer_with_scope(scope())
    }

    pub(super) fn spans(&self) -> Vec<SpanData> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            spans.push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The span of whoever started this process, as a scheduler hands it on:
/// <https://opentelemetry.io/docs/specs/otel/context/env-carriers/>.
pub(super) fn context() -> Context {
    let names = ["TRACEPARENT", "TRACESTATE"].into_iter();
    let carrier = names.filter_map(|name| Some((name.to_lowercase(), process_env(name)?)));
    let carrier: HashMap<String, String> = carrier.collect();
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

/// Who sends.
fn resource() -> Resource {
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", env!("CARGO_PKG_NAME")),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ])
        .with_detectors(&[
            Box::new(TelemetryResourceDetector),
            Box::new(EnvResourceDetector::new()),
        ]);
    let name = process_env("OTEL_SERVICE_NAME").filter(|name| !name.is_empty());
    match name {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// Sends spans and metrics, each where it is wanted, and gives the reason where one could not be sent. A signal ends it,
/// and so does `at_most`.
pub(super) fn send(
    spans: Option<Vec<SpanData>>,
    measures: Option<Vec<Measure>>,
    at_most: Option<Duration>,
) -> Option<Unsent> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Some(Unsent(format!("nothing can be sent: {error}"))),
    };
    let stop = stop::watch();
    let ended = runtime.block_on(async {
        let stopped = async {
            match stop {
                Ok(stop) => stop.asked().await,
                Err(_) => future::pending().await,
            }
        };
        let both = async { tokio::join!(traces(spans, at_most), metrics(measures, at_most)) };
        tokio::select! {
            biased;
            () = stopped => None,
            both = both => Some(both),
        }
    });
    // A name may still be looked up; nobody waits for that.
    runtime.shutdown_background();
    let words = |what: &str, why: &Unsent| format!("{what} were not sent: {}", why.0);
    let told = match ended {
        None => "what is known of this command was not sent, as it was told to stop".to_owned(),
        Some((Ok(()), Ok(()))) => return None,
        Some((Err(one), Err(other))) if one == other => words("traces and metrics", &one),
        Some((Err(one), Err(other))) => {
            format!("{}; {}", words("traces", &one), words("metrics", &other))
        }
        Some((Err(why), Ok(()))) => words("traces", &why),
        Some((Ok(()), Err(why))) => words("metrics", &why),
    };
    Some(Unsent(told))
}

async fn traces(spans: Option<Vec<SpanData>>, at_most: Option<Duration>) -> Result<(), Unsent> {
    let Some(spans) = spans.filter(|spans| !spans.is_empty()) else {
        return Ok(());
    };
    let to = Collector::of(Signal::Traces)?;
    let exporter = SpanExporter::builder().with_http();
    let exporter = exporter.with_protocol(Protocol::HttpBinary);
    let mut exporter = exporter
        .with_http_client(to.clone())
        .build()
        .map_err(unusable)?;
    exporter.set_resource(&resource());
    to.within(at_most, exporter.export(spans)).await
}

async fn metrics(measures: Option<Vec<Measure>>, at_most: Option<Duration>) -> Result<(), Unsent> {
    let Some(measures) = measures.filter(|measures| !measures.is_empty()) else {
        return Ok(());
    };
    let to = Collector::of(Signal::Metrics)?;
    let exporter = MetricExporter::builder().with_http();
    let exporter = exporter.with_protocol(Protocol::HttpBinary);
    let exporter = exporter
        .with_http_client(to.clone())
        .build()
        .map_err(unusable)?;
    let metrics = measured(measures).map_err(|error| Unsent(error.to_string()))?;
    to.within(at_most, exporter.export(&metrics)).await
}

/// Settings of which this program makes nothing itself.
fn unusable(error: ExporterBuildError) -> Unsent {
    Unsent(error.to_string())
}

/// Metrics as they are sent: a gauge each.
fn measured(measures: Vec<Measure>) -> Result<ResourceMetrics, OTelSdkError> {
    let reader = Read(Arc::default());
    let provider = SdkMeterProvider::builder()
        .with_reader(reader.clone())
        .with_resource(resource())
        .build();
    let meter = provider.meter_with_scope(scope());
    for Measure {
        name,
        help,
        unit,
        values,
    } in measures
    {
        let whole = meter.i64_gauge(name);
        let whole = whole.with_description(help).with_unit(unit).build();
        let parts = meter.f64_gauge(name);
        let parts = parts.with_description(help).with_unit(unit).build();
        for (labels, value) in values {
            let labels = labels
                .into_iter()
                .map(|(key, text)| KeyValue::new(key, text));
            let labels: Vec<KeyValue> = labels.collect();
            match value {
                MetricValue::Whole(value) => whole.record(value, &labels),
                MetricValue::Seconds(value) => parts.record(value, &labels),
            }
        }
    }
    let mut metrics = ResourceMetrics::default();
    reader.collect(&mut metrics)?;
    Ok(metrics)
}

/// A reader that is read after it was given away.
#[derive(Clone, Debug)]
struct Read(Arc<ManualReader>);

impl MetricReader for Read {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

/// Where a signal goes.
#[derive(Clone)]
struct Collector {
    clients: Arc<Clients>,
    host: String,
    patience: Duration,
    /// Why the last request came to nothing.
    why: Arc<Mutex<Option<String>>>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Collector {
    /// As the environment has it.
    ///
    /// # Errors
    /// It says what can't be.
    fn of(signal: Signal) -> Result<Collector, Unsent> {
        let (name, address) = signal.endpoint(process_env).unwrap_or_default();
        let is_address = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let is_uri = Request::post(&address).body(()).is_ok();
        let url = Url::parse(&address).ok();
        let Some(url) = url.filter(|url| is_address(url) && is_uri) else {
            let why = format!("{name} is not an address such as http://localhost:4318");
            return Err(Unsent(why));
        };
        if let Some((name, protocol)) = signal.setting("PROTOCOL", process_env)
            && protocol == "grpc"
        {
            return Err(Unsent(format!(
                "{name} asks for grpc; rostream speaks http/protobuf, for which collectors have a port of its own, mostly \
                 4318"
            )));
        }
        let stated = signal.setting("TIMEOUT", process_env);
        let stated = stated.and_then(|(_, millis)| millis.parse().ok());
        let stated = stated.map(Duration::from_millis);
        let certificates = certificates(signal)?;
        Ok(Collector {
            clients: Arc::new(Clients::new(move || {
                let client = builder(&TimeoutsSpec::default());
                match &certificates {
                    Some(certificates) => client.tls_certs_only(certificates.iter().cloned()),
                    None => client,
                }
            })),
            host: host_of(&url),
            patience: stated.filter(|time| !time.is_zero()).unwrap_or(PATIENCE),
            why: Arc::default(),
        })
    }

    /// Waits for what is sent there.
    async fn within(
        &self,
        at_most: Option<Duration>,
        sent: impl Future<Output = OTelSdkResult>,
    ) -> Result<(), Unsent> {
        let patience = at_most.map_or(self.patience, |most| most.min(self.patience));
        let ended = timeout(patience, sent).await;
        let why = self
            .why
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        Err(Unsent(match (ended, why) {
            (Ok(Ok(())), _) => return Ok(()),
            (_, Some(why)) => why,
            (Ok(Err(error)), None) => format!("{}: {error}", self.host),
            (Err(_), None) => {
                let after = human::time(patience);
                format!("{} did not answer within {after}", self.host)
            }
        }))
    }

    fn tell(&self, why: String) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    async fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let url = request.uri().to_string();
        let (head, body) = request.into_parts();
        let client = self.clients.for_url(&url)?;
        let request = client.request(head.method, url).headers(head.headers);
        let answer = request.body(body).send().await;
        let answer = answer.map_err(|error| TransportError::new(&self.host, error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let (body, _) = read_small(&self.host, answer).await?;
        let mut answer = Response::new(body.into());
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.post(request).await;
        match &answer {
            Err(error) if error.kind() == Transport::Client => {
                self.tell(format!("{}: {}", self.host, chain(error)));
            }
            Err(error) => self.tell(chain(error)),
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => {
                let status = answer.status().as_u16();
                let advice = match status {
                    401 | 403 => "; what lets it in stands in OTEL_EXPORTER_OTLP_HEADERS",
                    404 => "; what it does not take can be left out: OTEL_METRICS_EXPORTER=none",
                    _ => "",
                };
                self.tell(format!("{} answered {status}{advice}", self.host));
            }
        }
        Ok(answer?)
    }
}

/// The certificates to trust, where others than the system's are stated.
fn certificates(signal: Signal) -> Result<Option<Vec<reqwest::Certificate>>, Unsent> {
    let Some((name, file)) = signal.setting("CERTIFICATE", process_env) else {
        return Ok(None);
    };
    let read = std::fs::read(file).map_err(|error| Unsent(format!("{name}: {error}")))?;
    match reqwest::Certificate::from_pem_bundle(&read) {
        Ok(found) if !found.is_empty() => Ok(Some(found)),
        _ => Err(Unsent(format!(
            "{name}: there is no certificate in PEM in that file"
        ))),
    }
}
