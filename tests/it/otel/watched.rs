//! What a collector hears.

use std::io::Read;
use std::process::Output;

use flate2::read::GzDecoder;
use serde_json::Value;

use super::collector::{Attributes, Collector, Span, Values};
use crate::summary;
use crate::support::{Deed, Ended, Rig, workers};

/// Who starts the program: its trace, and its span in that.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// The key that lets one in at the collector.
const KEY: &str = "keyCANARYkey";

fn output(rig: &Rig, collector: &Collector, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = rig.command_of(args);
    let (name, address) = collector.endpoint();
    command.env(name, address).envs(env.iter().copied());
    command.output().unwrap()
}

/// A run, while the collector listens.
fn run(rig: &Rig, collector: &Collector, env: &[(&str, &str)]) -> Ended {
    let ended = rig.ended(output(rig, collector, &["run", "pipeline.yaml"], env));
    assert!(!ended.stderr.contains("OpenTelemetry"), "{}", ended.stderr);
    ended
}

/// Two hundred workers, of whom one is not whole; names in them are canaries.
fn rig(rig: Rig, more: &str) -> Rig {
    rig.write("workers.csv", workers(200) + "broken\n");
    std::fs::create_dir(rig.path("out")).unwrap();
    let sections = format!(
        "name: night\nsource: {{ path: workers.csv }}\nreport: {{ metrics: out/p.prom }}\n{more}"
    );
    rig.pipeline(&sections, "action: create");
    rig
}

/// The metrics that node_exporter would read, by names and labels.
fn in_the_file(rig: &Rig) -> Values {
    let told = summary::metrics(&rig.read("out/p.prom"));
    let read = |(of, value): (String, f64)| {
        let (name, labels) = of.strip_suffix('}').unwrap().split_once('{').unwrap();
        let labels = labels.split("\",").map(|label| {
            let (key, text) = label.split_once("=\"").unwrap();
            (key.to_owned(), text.trim_end_matches('"').to_owned())
        });
        ((name.to_owned(), labels.collect()), value)
    };
    told.into_iter().map(read).collect()
}

#[track_caller]
fn has(span: &Span, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        let found = span.attributes.get(*name).map(String::as_str);
        assert_eq!(found, Some(*value), "{name} of {span:?}");
    }
}

/// What a span says of rows is what the report says of them.
#[track_caller]
fn counts_are_those_of(report: &Value, span: &Span) {
    let counts = report["counts"].as_object().unwrap();
    let named = |name: &str| match name {
        "would_send" => "rostream.rows.held_back".to_owned(),
        name => format!("rostream.rows.{name}"),
    };
    let mut compared = 0;
    for (name, count) in counts {
        if let Some(told) = span.attributes.get(&named(name)) {
            assert_eq!(*told, count.to_string(), "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, 14, "{counts:?} {span:?}");
}

#[test]
fn a_run_is_a_trace() {
    let (collector, rig) = (Collector::new(), rig(Rig::new(), ""));
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let ended = run(
        &rig,
        &collector,
        &[
            ("TRACEPARENT", &parent),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                &format!("api-key={KEY},x-team=people%20data"),
            ),
            ("OTEL_SERVICE_NAME", "nightly"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=test,service.name=other",
            ),
        ],
    );
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let sent = collector.sent();
    assert_eq!(sent.len(), 2);
    for sent in &sent {
        let header = |name: &str| sent.headers[name].to_str().unwrap();
        assert_eq!(header("content-type"), "application/x-protobuf");
        assert_eq!((header("api-key"), header("x-team")), (KEY, "people data"));
        // Names of 38 digits, and numbers of 8: what a run says of itself has neither.
        let text = String::from_utf8_lossy(&sent.body);
        for cell in ["00000199", "0000000000000000199"] {
            assert!(!text.contains(cell), "{cell} in {}", sent.path);
        }
    }
    let (spans, values) = collector.taken();
    let spans = spans.unwrap();
    let resource = [
        ("service.name", "nightly"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("deployment.environment.name", "test"),
        ("telemetry.sdk.language", "rust"),
    ];
    for (name, value) in resource {
        assert_eq!(spans.resource[name], value);
    }
    let root = spans.named("rostream run");
    assert_eq!((&*root.trace, &*root.parent), (TRACE, PARENT));
    assert_eq!((root.kind, root.status), (1, 0));
    has(
        root,
        &[
            ("rostream.pipeline", "night"),
            ("rostream.run_id", ended.report["run_id"].as_str().unwrap()),
            ("rostream.target", "orgvue"),
            ("rostream.dataset", "6586F21B-AD4D-4D06-A309-712AF47184A2"),
            ("rostream.mode", "run"),
            ("rostream.outcome", "succeeded_with_rejects"),
            ("process.exit.code", "3"),
            ("rostream.warnings", "0"),
            ("rostream.upload.attempts", "1"),
            ("rostream.upload.length", "measured"),
            (
                "rostream.bytes.sent",
                &ended.report["bytes"]["sent"].to_string(),
            ),
            (
                "rostream.bytes.source",
                &ended.report["bytes"]["source"].to_string(),
            ),
        ],
    );
    assert!(!root.attributes.contains_key("error.type"));
    counts_are_those_of(&ended.report, root);
    assert!(spans.all.iter().all(|span| span.trace == TRACE));
    // What is looked up before anything else belongs to no step.
    let steps = ["GET datasets", "survey", "upload", "wait", "results"];
    assert_eq!(spans.names_within(root), steps);
    has(spans.named("survey"), &[("rostream.rows", "201")]);
    let inner = |step: &str| spans.names_within(spans.named(step));
    assert_eq!(inner("survey"), [""; 0]);
    assert_eq!(inner("upload"), ["POST generate", "PUT upload"]);
    assert_eq!(inner("results"), ["GET results"]);
    let waited = inner("wait");
    assert_eq!(waited[0], "PUT import");
    assert!(
        waited.len() > 1 && waited[1..].iter().all(|name| *name == "GET ticket"),
        "{waited:?}"
    );
    let asked = spans.all.iter().filter(|span| span.kind == 3);
    for span in asked.clone() {
        let host = rig.base_url().strip_prefix("http://").unwrap();
        let (address, port) = host.split_once(':').unwrap();
        has(
            span,
            &[
                ("http.request.method", span.name.split(' ').next().unwrap()),
                ("server.address", address),
                ("server.port", port),
            ],
        );
        let status = if span.name == "PUT import" {
            "202"
        } else {
            "200"
        };
        has(span, &[("http.response.status_code", status)]);
        assert_eq!((span.status, span.attributes.len()), (0, 4), "{span:?}");
    }
    for span in &spans.all {
        let within = spans.all.iter().find(|other| other.id == span.parent);
        let is_within = |outer: &Span| outer.began <= span.began && span.ended <= outer.ended;
        assert!(within.is_none_or(is_within), "{span:?} {within:?}");
        assert!(span.began <= span.ended && span.events.is_empty());
    }
    // What is sent as metrics is what the file has, name by name and value by value.
    assert_eq!(values.unwrap(), in_the_file(&rig));
}

#[test]
fn a_run_that_a_guard_stops() {
    let collector = Collector::new();
    let rig = rig(Rig::new(), "guard: { min_rows: 5000 }");
    let ended = run(&rig, &collector, &[]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let (spans, values) = collector.taken();
    let spans = spans.unwrap();
    let root = spans.named("rostream run");
    assert_eq!(root.parent, "");
    let code = ended.report["error"]["code"].as_str().unwrap();
    assert_eq!((root.status, &*root.status_text), (2, code));
    has(
        root,
        &[
            ("error.type", code),
            ("process.exit.code", "4"),
            ("rostream.outcome", "stopped_by_guard"),
            ("rostream.retryable", "false"),
        ],
    );
    counts_are_those_of(&ended.report, root);
    let guards = ended.report["guards"].as_array().unwrap();
    let stopped = guards.iter().filter(|guard| guard["decision"] == "stopped");
    let stopped: Vec<&Value> = stopped.collect();
    let [guard] = stopped[..] else {
        panic!("{guards:?}");
    };
    let told = |member: &str| match &guard[member] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let members = ["guard", "limit", "count", "exact", "of", "decision"];
    let members = members
        .into_iter()
        .filter(|member| !guard[*member].is_null());
    let expected: Attributes = members.map(|name| (name.to_owned(), told(name))).collect();
    assert_eq!(root.events, [("guard".to_owned(), expected)]);
    // The step that it was in is where it failed.
    let survey = spans.named("survey");
    assert_eq!((survey.status, &*survey.status_text), (2, code));
    assert_eq!(spans.names_within(root), ["GET datasets", "survey"]);
    assert_eq!(values.unwrap(), in_the_file(&rig));
}

#[test]
fn requests_that_fail_and_are_made_again() {
    let collector = Collector::new();
    let busy = |call: &crate::support::Call| match (call.step, call.before) {
        ("generate", 0) => Deed::Answer(503, "{}"),
        ("put", 0) => Deed::Lose,
        _ => Deed::Pass,
    };
    let rig = rig(Rig::new().behind(busy), "");
    let ended = run(&rig, &collector, &[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let spans = collector.taken().0.unwrap();
    let upload = spans.within(spans.named("upload"));
    let told: Vec<_> = (upload.iter())
        .map(|span| {
            let of = |name: &str| span.attributes.get(name).map_or("", String::as_str);
            (
                span.name.as_str(),
                of("http.response.status_code"),
                of("error.type"),
                of("http.request.resend_count"),
                span.status,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("POST generate", "503", "503", "", 2),
            ("POST generate", "200", "", "1", 0),
            ("PUT upload", "", "lost", "", 2),
            ("POST generate", "200", "", "", 0),
            ("PUT upload", "200", "", "1", 0),
        ]
    );
    // What went well in the end is no error of the run.
    let root = spans.named("rostream run");
    assert_eq!((root.status, spans.named("upload").status), (0, 0));
    has(root, &[("rostream.upload.attempts", "2")]);
}

/// A storage that takes nothing: the run ends where it was sent.
#[test]
fn a_run_that_fails_on_the_way() {
    let collector = Collector::new();
    let refusing = |call: &crate::support::Call| match call.step {
        "put" => Deed::Answer(400, "no"),
        _ => Deed::Pass,
    };
    let rig = rig(Rig::new().behind(refusing), "");
    let ended = run(&rig, &collector, &[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let spans = collector.taken().0.unwrap();
    let code = ended.report["error"]["code"].as_str().unwrap();
    for name in ["rostream run", "upload"] {
        let span = spans.named(name);
        assert_eq!((span.status, &*span.status_text), (2, code), "{name}");
    }
    assert_eq!(spans.named("survey").status, 0);
    let put = spans.named("PUT upload");
    assert_eq!(put.status, 2);
    has(
        put,
        &[("error.type", "400"), ("http.response.status_code", "400")],
    );
}

#[test]
fn several_pipelines_are_one_trace() {
    let (collector, rig) = (Collector::new(), rig(Rig::new(), ""));
    let first = rig.read("pipeline.yaml");
    let second = first
        .replace(
            "name: night",
            "name: late\nrejects: { path: late.csv }\nguard: { min_rows: 5000 }",
        )
        .replace("out/p.prom", "out/late.prom");
    rig.write("late.yaml", second);
    let args = ["run", "pipeline.yaml", "late.yaml"];
    let output = output(&rig, &collector, &args, &[]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let (spans, values) = collector.taken();
    let spans = spans.unwrap();
    let root = spans.named("rostream run");
    has(
        root,
        &[("process.exit.code", "4"), ("error.type", "too_few_rows")],
    );
    assert!(!root.attributes.contains_key("rostream.pipeline"));
    assert_eq!(spans.names_within(root), ["run night", "run late"]);
    let [night, late] = ["run night", "run late"].map(|name| spans.named(name));
    has(
        night,
        &[("rostream.pipeline", "night"), ("process.exit.code", "3")],
    );
    has(
        late,
        &[("rostream.pipeline", "late"), ("process.exit.code", "4")],
    );
    assert_eq!((night.status, late.status, root.status), (0, 2, 2));
    assert!(spans.names_within(night).contains(&"results"));
    assert_eq!(spans.names_within(late).last(), Some(&"survey"));
    let values = values.unwrap();
    let exit = |pipeline: &str| {
        let labels = Attributes::from([("pipeline".to_owned(), pipeline.to_owned())]);
        values[&("rostream_last_run_exit_code".to_owned(), labels)]
    };
    assert_eq!((exit("night"), exit("late")), (3.0, 4.0));
}

/// Commands that are no run have a trace, and no metrics of a last run.
#[test]
fn other_commands() {
    let (collector, rig) = (Collector::new(), rig(Rig::new(), ""));
    let told = |args: &[&str], code: i32| {
        let output = output(&rig, &collector, args, &[]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        rig.forget_reports();
        collector.taken()
    };
    let (spans, values) = told(&["check", "pipeline.yaml"], 3);
    let spans = spans.unwrap();
    let root = spans.named("rostream check");
    has(
        root,
        &[
            ("rostream.mode", "check"),
            ("rostream.rows.held_back", "200"),
        ],
    );
    assert_eq!(spans.names_within(root), ["survey"]);
    assert!(values.is_none());
    let (spans, values) = told(&["transform", "pipeline.yaml"], 3);
    let spans = spans.unwrap();
    let expected = [
        ("rostream.pipeline", "night"),
        ("rostream.rows.read", "201"),
        ("rostream.rows.written", "200"),
        ("rostream.rows.rejected", "1"),
        ("process.exit.code", "3"),
    ];
    has(spans.named("rostream transform"), &expected);
    assert_eq!((spans.all.len(), values), (1, None));
    // What is left is taken up by another process, in a trace of its own.
    told(&["run", "pipeline.yaml", "--detach"], 0);
    let (spans, values) = told(&["run", "pipeline.yaml"], 6);
    let spans = spans.unwrap();
    let open = [
        ("rostream.pipeline", "night"),
        ("error.type", "import_running"),
    ];
    has(spans.named("rostream run"), &open);
    assert!(values.is_none());
    let (spans, values) = told(&["resume"], 3);
    let spans = spans.unwrap();
    let root = spans.named("rostream resume");
    has(
        root,
        &[
            ("rostream.mode", "resume"),
            ("rostream.rows.accepted", "200"),
        ],
    );
    assert_eq!(values.unwrap(), in_the_file(&rig));
    // A command line that leads nowhere is heard of, too.
    let (spans, values) = told(&["run", "nowhere.yaml"], 2);
    let spans = spans.unwrap();
    let root = spans.named("rostream run");
    assert_eq!(
        (root.status, &*root.status_text, spans.all.len()),
        (2, "usage", 1)
    );
    assert!(values.is_none());
    // Of commands that touch no data, nobody hears.
    let (spans, values) = told(&["lint", "pipeline.yaml"], 0);
    assert!(spans.is_none() && values.is_none());
}

/// What is not wanted does not go out.
#[test]
fn only_what_is_asked_for() {
    let (collector, rig) = (Collector::new(), rig(Rig::new(), ""));
    let sent = |env: &[(&str, &str)]| {
        let ended = run(&rig, &collector, env);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        let (spans, values) = collector.taken();
        (spans.is_some(), values.is_some())
    };
    assert_eq!(sent(&[]), (true, true));
    assert_eq!(sent(&[("OTEL_SDK_DISABLED", "true")]), (false, false));
    assert_eq!(sent(&[("OTEL_TRACES_EXPORTER", "none")]), (false, true));
    assert_eq!(sent(&[("OTEL_METRICS_EXPORTER", "none")]), (true, false));
    // Whoever started it is not watched, so it is not, either.
    let unseen = format!("00-{TRACE}-{PARENT}-00");
    assert_eq!(sent(&[("TRACEPARENT", &unseen)]), (false, true));
    assert_eq!(
        sent(&[("OTEL_TRACES_SAMPLER", "always_off")]),
        (false, true)
    );
    let (other, elsewhere) = (Collector::new(), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let address = format!("http://{}/v1/traces", other.host);
    assert_eq!(sent(&[(elsewhere, &address)]), (false, true));
    assert!(other.taken().0.is_some());
}

#[test]
fn what_goes_out_may_be_compressed() {
    let (collector, rig) = (Collector::new(), rig(Rig::new(), ""));
    run(
        &rig,
        &collector,
        &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")],
    );
    let sent = collector.sent();
    assert_eq!(sent.len(), 2);
    for sent in sent {
        assert_eq!(sent.headers["content-encoding"], "gzip");
        let mut body = Vec::new();
        GzDecoder::new(&*sent.body).read_to_end(&mut body).unwrap();
        assert!(String::from_utf8_lossy(&body).contains("rostream"));
    }
}
