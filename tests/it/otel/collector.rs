//! A collector on loopback, and what it is sent, read by the numbers that OTLP's fields have:
//! <https://github.com/open-telemetry/opentelemetry-proto>.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::support::TOKEN;

/// One request that came.
#[derive(Clone)]
pub struct Sent {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// What it answers.
#[derive(Clone, Copy)]
pub enum Answer {
    Status(u16),
    /// Nothing, ever.
    Silence,
}

pub struct Collector {
    pub host: String,
    sent: Arc<Mutex<Vec<Sent>>>,
    _runtime: Runtime,
}

impl Collector {
    pub fn new() -> Collector {
        Collector::that(Answer::Status(200))
    }

    pub fn that(answers: Answer) -> Collector {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let sent = Arc::<Mutex<Vec<Sent>>>::default();
        let seen = sent.clone();
        let take = async move |request: Request| {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
            seen.lock().unwrap().push(Sent {
                path: head.uri.path().to_owned(),
                headers: head.headers,
                body,
            });
            match answers {
                Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
                Answer::Silence => std::future::pending().await,
            }
        };
        let app = axum::Router::new().fallback(take);
        runtime.spawn(async { axum::serve(listener, app).await });
        Collector {
            host,
            sent,
            _runtime: runtime,
        }
    }

    /// The variable that has everything sent here.
    pub fn endpoint(&self) -> (&'static str, String) {
        let address = format!("http://{}", self.host);
        ("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    }

    /// What has come, in the order in which it did.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// What has come since the last time: spans and metrics, of which each has come once at most.
    pub fn taken(&self) -> (Option<Spans>, Option<Values>) {
        let (mut spans, mut values) = (None, None);
        for Sent { path, body, .. } in self.sent.lock().unwrap().drain(..) {
            let text = String::from_utf8_lossy(&body);
            for secret in [TOKEN, "CANARY", "X-Amz", "/storage/", "Bearer", "broken"] {
                assert!(!text.contains(secret), "{secret} at {path}: {text}");
            }
            match path.as_str() {
                "/v1/traces" => assert!(spans.replace(Spans::read(&body)).is_none()),
                "/v1/metrics" => assert!(values.replace(metrics(&body)).is_none()),
                path => panic!("{path}"),
            }
        }
        (spans, values)
    }
}

pub type Attributes = BTreeMap<String, String>;

/// Values of metrics by their names and sorted labels.
pub type Values = BTreeMap<(String, Attributes), f64>;

#[derive(Clone, Debug)]
pub struct Span {
    pub trace: String,
    pub id: String,
    /// Empty where there is none.
    pub parent: String,
    pub name: String,
    /// 1 within the program, 3 to somebody else.
    pub kind: u64,
    pub began: u64,
    pub ended: u64,
    pub attributes: Attributes,
    /// Names, and what they have.
    pub events: Vec<(String, Attributes)>,
    /// 2 of what failed.
    pub status: u64,
    pub status_text: String,
}

/// A trace, and who sent it.
pub struct Spans {
    pub resource: Attributes,
    pub all: Vec<Span>,
}

impl Spans {
    fn read(body: &[u8]) -> Spans {
        let mut all = Vec::new();
        let mut resource = Attributes::new();
        for of_resource in Message::read(body).inner(1) {
            resource.extend(of_resource.inner(1).iter().flat_map(|r| r.attributes(1)));
            for scope in of_resource.inner(2) {
                all.extend(scope.inner(2).iter().map(span));
            }
        }
        Spans { resource, all }
    }

    #[track_caller]
    pub fn named(&self, name: &str) -> &Span {
        let mut found = self.all.iter().filter(|span| span.name == name);
        let span = found.next().unwrap_or_else(|| panic!("no span {name}"));
        assert!(found.next().is_none(), "several spans {name}");
        span
    }

    /// The spans within one, in the order in which they began.
    pub fn within(&self, span: &Span) -> Vec<&Span> {
        let inner = self.all.iter().filter(|inner| inner.parent == span.id);
        let mut inner: Vec<&Span> = inner.collect();
        inner.sort_by_key(|span| span.began);
        inner
    }

    /// Their names.
    pub fn names_within(&self, span: &Span) -> Vec<&str> {
        let inner = self.within(span).into_iter();
        inner.map(|span| span.name.as_str()).collect()
    }
}

fn span(message: &Message) -> Span {
    let events = message.inner(11);
    let status = message.inner(15).into_iter().next().unwrap_or_default();
    Span {
        trace: message.hex(1),
        id: message.hex(2),
        parent: message.hex(4),
        name: message.text(5),
        kind: message.number(6),
        began: message.number(7),
        ended: message.number(8),
        attributes: message.attributes(9),
        events: events
            .iter()
            .map(|event| (event.text(2), event.attributes(3)))
            .collect(),
        status: status.number(3),
        status_text: status.text(2),
    }
}

/// Gauges, each value once.
fn metrics(body: &[u8]) -> Values {
    let mut values = Values::new();
    let resources = Message::read(body).inner(1);
    let scopes = resources.iter().flat_map(|resource| resource.inner(2));
    for metric in scopes.flat_map(|scope| scope.inner(2)) {
        let name = metric.text(1);
        let points: Vec<Message> = metric.inner(5).iter().flat_map(|g| g.inner(1)).collect();
        assert!(!points.is_empty(), "{name}");
        for point in points {
            let value = match point.fields.iter().any(|(field, _)| *field == 4) {
                true => f64::from_bits(point.number(4)),
                false => point.number(6).cast_signed() as f64,
            };
            let of = (name.clone(), point.attributes(7));
            assert!(values.insert(of, value).is_none(), "{name}");
        }
    }
    values
}

/// A message as it goes over the wire: numbers of fields, and what they hold.
#[derive(Clone, Debug, Default)]
struct Message {
    fields: Vec<(u64, Held)>,
}

#[derive(Clone, Debug)]
enum Held {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Message {
    fn read(mut bytes: &[u8]) -> Message {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let held = match key & 7 {
                0 => Held::Number(varint(&mut bytes)),
                1 => {
                    let eight = take(&mut bytes, 8);
                    Held::Number(u64::from_le_bytes(eight.try_into().unwrap()))
                }
                2 => {
                    let length = varint(&mut bytes) as usize;
                    Held::Bytes(take(&mut bytes, length).to_vec())
                }
                5 => {
                    let four = take(&mut bytes, 4);
                    Held::Number(u32::from_le_bytes(four.try_into().unwrap()).into())
                }
                kind => panic!("a field of the kind {kind}"),
            };
            fields.push((key >> 3, held));
        }
        Message { fields }
    }

    fn bytes(&self, field: u64) -> impl Iterator<Item = &[u8]> {
        let of = self
            .fields
            .iter()
            .filter(move |(number, _)| *number == field);
        of.map(move |(_, held)| match held {
            Held::Bytes(bytes) => bytes.as_slice(),
            Held::Number(number) => panic!("{field} is the number {number}"),
        })
    }

    fn inner(&self, field: u64) -> Vec<Message> {
        self.bytes(field).map(Message::read).collect()
    }

    fn text(&self, field: u64) -> String {
        let bytes = self.bytes(field).next().unwrap_or_default();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    fn hex(&self, field: u64) -> String {
        let bytes = self.bytes(field).next().unwrap_or_default();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn number(&self, field: u64) -> u64 {
        let held = self.fields.iter().find(|(number, _)| *number == field);
        match held {
            None => 0,
            Some((_, Held::Number(number))) => *number,
            Some((_, Held::Bytes(_))) => panic!("{field} is not a number"),
        }
    }

    /// Names and values, these as text.
    fn attributes(&self, field: u64) -> Attributes {
        let pairs = self.inner(field);
        let pair = |pair: &Message| {
            let value = pair.inner(2).remove(0);
            let (kind, _) = value.fields[0];
            let text = match kind {
                1 => value.text(1),
                2 => (value.number(2) == 1).to_string(),
                3 => value.number(3).cast_signed().to_string(),
                kind => panic!("a value of the kind {kind}"),
            };
            (pair.text(1), text)
        };
        let read: Attributes = pairs.iter().map(pair).collect();
        assert_eq!(read.len(), pairs.len(), "one stands there twice: {read:?}");
        read
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken
}

/// Seven bits a byte, the lowest first.
fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
