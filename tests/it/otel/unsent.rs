//! Collectors that are no good, and settings that lead nowhere: a run ends as it would have, and says so once.

use std::process::Stdio;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use super::collector::{Answer, Collector};
use crate::support::{Rig, signal, wait_until, workers};
use crate::tls::{ca, identity, request};

/// The key that lets one in at the collector.
const KEY: &str = "keyCANARYkey";

fn rig() -> Rig {
    let rig = Rig::new();
    rig.write("workers.csv", workers(20) + "broken\n");
    rig.pipeline(
        "source: { path: workers.csv }\nrejects: { at_most: 50% }",
        "action: create",
    );
    rig
}

/// The warnings of a run with these variables, which ends as any other.
#[track_caller]
fn warnings(rig: &Rig, env: &[(&str, &str)]) -> Vec<String> {
    let mut command = rig.command_of(&["run", "pipeline.yaml"]);
    command
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("api-key={KEY}"))
        .envs(env.iter().copied());
    let ended = rig.ended(command.output().unwrap());
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(ended.report["outcome"], "succeeded_with_rejects");
    assert_eq!(ended.count("accepted"), 20);
    assert_eq!(ended.report["warnings"], serde_json::json!([]));
    let told = ended.stderr.lines();
    let told = told.filter(|line| line.starts_with("warning: "));
    told.map(str::to_owned).collect()
}

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

#[test]
fn a_collector_that_is_no_good() {
    let rig = rig();
    let told = |collector: &Collector, env: &[(&str, &str)]| {
        let (name, address) = collector.endpoint();
        let endpoint = [(name, &*address)];
        warnings(&rig, &[&endpoint, env].concat())
    };
    let refusing = Collector::that(Answer::Status(500));
    let host = &refusing.host;
    let both = "warning: OpenTelemetry: traces and metrics were not sent";
    assert_eq!(
        told(&refusing, &[]),
        [format!("{both}: {host} answered 500")]
    );
    // What is wrong with a request is not put right by making it again.
    assert_eq!(refusing.sent().len(), 2);
    let locked = Collector::that(Answer::Status(401));
    let host = &locked.host;
    assert_eq!(
        told(&locked, &[]),
        [format!(
            "{both}: {host} answered 401; what lets it in stands in OTEL_EXPORTER_OTLP_HEADERS"
        )]
    );
    let silent = Collector::that(Answer::Silence);
    let host = &silent.host;
    assert_eq!(
        told(&silent, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "250")]),
        [format!("{both}: {host} did not answer within 250 ms")]
    );
    assert_eq!(silent.sent().len(), 2);
    // Its port is taken, and nobody listens.
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let host = deaf.local_addr().unwrap().to_string();
    let address = format!("http://{host}");
    let gone =
        format!("cannot connect to {host}: tcp connect error: Connection refused (os error 111)");
    assert_eq!(
        warnings(&rig, &[(ENDPOINT, &address)]),
        [format!("{both}: {gone}")]
    );
    // Each of the two is told of by itself.
    let good = Collector::new();
    let (name, elsewhere) = (
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        format!("{address}/m"),
    );
    assert_eq!(
        told(&good, &[(name, &elsewhere)]),
        [format!(
            "warning: OpenTelemetry: metrics were not sent: {gone}"
        )]
    );
    assert!(good.taken().0.is_some());
}

#[test]
fn settings_that_lead_nowhere() {
    let rig = rig();
    let check = |env: &[(&str, &str)], says: &str| {
        let both = "warning: OpenTelemetry: traces and metrics were not sent";
        assert_eq!(warnings(&rig, env), [format!("{both}: {says}")]);
    };
    let not_an_address =
        "OTEL_EXPORTER_OTLP_ENDPOINT is not an address such as http://localhost:4318";
    check(&[(ENDPOINT, "collector:4318")], not_an_address);
    check(&[(ENDPOINT, "ftp://u:CANARY@collector")], not_an_address);
    check(&[(ENDPOINT, "http://u:CANARY@coll ector")], not_an_address);
    check(
        &[
            (ENDPOINT, "http://localhost:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ],
        "OTEL_EXPORTER_OTLP_PROTOCOL asks for grpc; rostream speaks http/protobuf, for which collectors have a port of its \
         own, mostly 4318",
    );
    let certificate = "OTEL_EXPORTER_OTLP_CERTIFICATE";
    check(
        &[
            (ENDPOINT, "https://localhost:1"),
            (certificate, "workers.csv"),
        ],
        "OTEL_EXPORTER_OTLP_CERTIFICATE: there is no certificate in PEM in that file",
    );
}

/// A collector with a certificate of a CA that nobody knows.
#[test]
fn certificates_of_your_own() {
    let ca = ca("Collector CA");
    let (certificate, key) = identity(Some(&ca), "localhost", |_| {});
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let (head, _) = request(&mut stream).await;
                tell.send(head).unwrap();
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        }
    });
    let rig = rig();
    rig.write("ca.pem", ca.pem());
    let address = format!("https://localhost:{port}");
    let one = ("OTEL_METRICS_EXPORTER", "none");
    let trusted = [
        (ENDPOINT, &*address),
        one,
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem"),
    ];
    assert_eq!(warnings(&rig, &trusted), [""; 0]);
    let head = told.try_recv().unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
    assert!(head.contains(&format!("api-key: {KEY}")), "{head}");
    rig.write("other.pem", crate::tls::ca("Another CA").pem());
    let other = [
        (ENDPOINT, &*address),
        one,
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "other.pem"),
    ];
    let said = warnings(&rig, &other);
    let begins = format!(
        "warning: OpenTelemetry: traces were not sent: no trusted connection to localhost:{port}: "
    );
    assert!(said.len() == 1 && said[0].starts_with(&begins), "{said:?}");
    assert!(told.try_recv().is_err());
}

/// Whoever stops a command whose collector says nothing is not kept waiting, and the run stays as it ended.
#[test]
fn nobody_waits_who_has_stopped_it() {
    let (silent, rig) = (Collector::that(Answer::Silence), rig());
    let start = || {
        let mut command = rig.command_of(&["run", "pipeline.yaml"]);
        let (name, address) = silent.endpoint();
        command
            .env(name, address)
            .env("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")
            .stdin(Stdio::null());
        command.spawn().unwrap()
    };
    let child = start();
    wait_until("it is sent", || silent.sent().len() == 2);
    signal("INT", child.id());
    let ended = rig.ended(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(ended.report["outcome"], "succeeded_with_rejects");
    ended.says(
        "warning: OpenTelemetry: what is known of this command was not sent, as it was told to stop",
    );
    // A run that is stopped on its way ends soon, although an hour was given.
    let slow = "source: { path: workers.csv }\nupload: { rate: 1kB/s, chunk: 1KiB }";
    rig.write("workers.csv", workers(4_000));
    rig.pipeline(slow, "action: create");
    let child = start();
    wait_until("something arrives", || {
        rig.arriving().is_some_and(|bytes| bytes > 0)
    });
    signal("INT", child.id());
    let ended = rig.ended(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    let host = &silent.host;
    ended.says(&format!(
        "warning: OpenTelemetry: traces and metrics were not sent: {host} did not answer within 2.0 s"
    ));
}
