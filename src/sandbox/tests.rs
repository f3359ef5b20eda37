//! The sandbox over real sockets, and its data set without any.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::apply::Applier;
use super::dataset::Dataset;
use super::options::{Meaning, Property, ResultOrder, Throttle, TokenState, UnknownProperty};
use super::params::ImportParams;
use super::payload::{Format, Payload};
use super::{Sandbox, SandboxError, SandboxSettings};

// -- a small client --------------------------------------------------------------------------------

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The codes of an API error.
    fn codes(&self) -> Vec<String> {
        let json = self.json();
        let errors = json["errors"].as_array().expect("errors");
        for error in errors {
            assert!(error["name"].is_string() && error["message"].is_string());
        }
        errors
            .iter()
            .map(|e| e["code"].as_str().expect("a code").to_owned())
            .collect()
    }
}

async fn call(method: &str, url: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let url: Url = url.parse().expect("a URL");
    let host = format!(
        "{}:{}",
        url.host_str().expect("a host"),
        url.port().expect("a port")
    );
    let stream = TcpStream::connect(&host).await.expect("a connection");
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .expect("a handshake");
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = body.into();
    if method == "PUT" && axum::body::HttpBody::is_end_stream(&body) {
        // The client leaves it out for empty bodies, and the storage insists on it.
        request = request.header("content-length", 0);
    }
    let response = sender
        .send_request(request.body(body).expect("a request"))
        .await
        .expect("an answer");
    let (head, body) = response.into_parts();
    assert_eq!(head.headers["x-rostream-sandbox"], "1");
    let body = axum::body::to_bytes(Body::new(body), usize::MAX)
        .await
        .expect("a body");
    Answer {
        status: head.status,
        headers: head.headers,
        body: body.to_vec(),
    }
}

/// Sends bytes as they are and reads until the server closes, or says nothing more.
async fn raw(sandbox: &Sandbox, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(host(sandbox)).await.expect("connect");
    // The server may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn host(sandbox: &Sandbox) -> &str {
    sandbox.base_url().strip_prefix("http://").expect("http")
}

async fn start(change: impl FnOnce(&mut SandboxSettings)) -> Sandbox {
    let mut settings = SandboxSettings::default();
    change(&mut settings);
    Sandbox::start(settings).await.expect("a sandbox")
}

const JSON: (&str, &str) = ("content-type", "application/json; charset=UTF-8");

impl Sandbox {
    fn api(&self, path: &str) -> String {
        format!("{}/api/v1/{}/{path}", self.base_url(), self.tenant())
    }

    async fn api_call(&self, method: &str, path: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {}", self.token().expose_secret());
        let answer = call(
            method,
            &self.api(path),
            &[("authorization", &bearer), JSON],
            body.to_string(),
        )
        .await;
        let trace = answer.headers["x-amzn-trace-id"].to_str().expect("a trace");
        let shape: Vec<usize> = trace.split(['=', '-']).map(str::len).collect();
        assert_eq!(shape, [4, 1, 8, 24], "{trace}");
        answer
    }

    async fn generate(&self, kind: &str, encoding: &str) -> (String, String) {
        let answer = self
            .api_call(
                "POST",
                "files/generate",
                json!({"targetType": kind, "targetEncoding": encoding}),
            )
            .await;
        assert!(answer.status.is_success(), "{}", answer.text());
        let urls = answer.json();
        let url = |name: &str| urls[name].as_str().expect("a URL").to_owned();
        (url("get"), url("put"))
    }

    /// Uploads and triggers; returns the ticket of the 202.
    async fn upload_and_import(&self, kind: &str, query: &str, body: impl Into<Body>) -> Value {
        let (get, put) = self.generate(kind, "identity").await;
        let answer = call("PUT", &put, &[], body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.trigger(
            query,
            json!({"importLocation": {"method": "GET", "url": get}}),
        )
        .await
    }

    async fn trigger(&self, query: &str, body: Value) -> Value {
        let path = format!("datasets/{}/items/import{query}", self.dataset());
        let answer = self.api_call("PUT", &path, body).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()
    }

    /// The ticket once its job has ended.
    async fn ended(&self, ticket: &Value) -> Value {
        let url = ticket["_links"]["self"]["url"].as_str().expect("a URL");
        loop {
            let answer = call("GET", url, &[], "").await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let ticket = answer.json();
            match ticket["jobStatus"].as_str() {
                Some("created" | "running") => tokio::task::yield_now().await,
                _ => return ticket,
            }
        }
    }

    async fn results(&self, ticket: &Value) -> Vec<Value> {
        assert_eq!(ticket["jobStatus"], "completed", "{ticket}");
        let url = ticket["_links"]["result"]["url"].as_str().expect("a URL");
        let answer = call("GET", url, &[], "").await;
        assert_eq!(answer.status, 200);
        answer.json().as_array().expect("an array").clone()
    }

    /// The whole way for one payload; returns its results.
    async fn import(&self, kind: &str, query: &str, body: impl Into<Body>) -> Vec<Value> {
        let ticket = self.upload_and_import(kind, query, body).await;
        let ticket = self.ended(&ticket).await;
        self.results(&ticket).await
    }

    /// All items, as they would be read back, sorted by the identifying property and then by `_id`.
    fn items(&self) -> Vec<serde_json::Value> {
        // Every text was written by the data set itself.
        self.item_texts()
            .iter()
            .filter_map(|text| serde_json::from_str(text).ok())
            .collect()
    }

    /// Items without their `_id`, which is random.
    fn texts(&self) -> Vec<String> {
        self.item_texts().iter().map(|t| without_id(t)).collect()
    }
}

fn without_id(text: &str) -> String {
    let rest = &text[r#"{"_id":"6586F21B-AD4D-4D06-A309-712AF47184A2""#.len()..];
    format!("{{{}", rest.strip_prefix(',').unwrap_or(rest))
}

// -- the API ---------------------------------------------------------------------------------------

#[tokio::test]
async fn the_api_refuses() {
    let sandbox = start(|_| {}).await;
    let good = format!("Bearer {}", sandbox.token().expose_secret());
    let set = sandbox.dataset();
    let body = r#"{"targetType":"json","targetEncoding":"identity"}"#;
    let other = "11111111-1111-4111-8111-111111111111";
    let own = format!("datasets/{set}/items/import");
    for (method, path, headers, body, status, codes) in [
        (
            "POST",
            "files/generate",
            vec![JSON],
            body,
            401,
            vec!["40101"],
        ),
        (
            "POST",
            "files/generate",
            vec![("authorization", ""), JSON],
            body,
            401,
            vec!["40101"],
        ),
        (
            "POST",
            "files/generate",
            vec![("authorization", "Bearer nonsense"), JSON],
            body,
            401,
            vec!["40102"],
        ),
        (
            "POST",
            "files/generate",
            vec![("authorization", "Basic abc"), JSON],
            body,
            401,
            vec!["40103"],
        ),
        (
            "POST",
            "files/generate",
            vec![("authorization", "Bearer: abc"), JSON],
            body,
            401,
            vec!["40103"],
        ),
        (
            "POST",
            "files/generate",
            vec![("authorization", &good)],
            body,
            415,
            vec!["415001"],
        ),
        (
            "POST",
            "files/generate",
            vec![("authorization", &good), ("content-type", "text/json")],
            body,
            415,
            vec!["415001"],
        ),
        (
            "POST",
            "files/generate",
            vec![("authorization", &good), JSON],
            "{",
            400,
            vec!["400931"],
        ),
        (
            "POST",
            "files/generate",
            vec![("authorization", &good), JSON],
            r#"{"targetType":"xml"}"#,
            400,
            vec!["400932"],
        ),
        (
            "POST",
            "files/generate",
            vec![("authorization", &good), JSON],
            r#"{"targetType":"csv","targetEncoding":"br"}"#,
            400,
            vec!["400933"],
        ),
        (
            "GET",
            "files/generate",
            vec![("authorization", &good)],
            "",
            405,
            vec!["405900"],
        ),
        (
            "GET",
            "nothing",
            vec![("authorization", &good)],
            "",
            404,
            vec!["404900"],
        ),
        ("GET", "nothing", vec![], "", 401, vec!["40101"]),
        // Several faults in one answer, as the documentation shows.
        (
            "PUT",
            "datasets/people/items/import",
            vec![("authorization", &good)],
            "{}",
            400,
            vec!["400603", "415001"],
        ),
        (
            "GET",
            "datasets/people/items",
            vec![("authorization", &good)],
            "",
            400,
            vec!["400603"],
        ),
        (
            "GET",
            &format!("datasets/{other}/items"),
            vec![("authorization", &good)],
            "",
            404,
            vec!["404902"],
        ),
        (
            "PUT",
            &own,
            vec![("authorization", &good), JSON],
            "{}",
            400,
            vec!["400931"],
        ),
        (
            "PUT",
            &format!("{own}?autoId=true&idKey=a"),
            vec![("authorization", &good), JSON],
            "{}",
            400,
            vec!["400914"],
        ),
        (
            "PUT",
            &format!("{own}?datefmt=x"),
            vec![("authorization", &good), JSON],
            "{}",
            400,
            vec!["400912"],
        ),
        (
            "PUT",
            &own,
            vec![("authorization", &good), JSON],
            r#"{"importLocation":{"method":"GET","url":"http://a"},"resultLocation":{"method":"PUT","url":"http://127.0.0.1:1/x"}}"#,
            400,
            vec!["400924"],
        ),
        (
            "PUT",
            &own,
            vec![("authorization", &good), JSON],
            r#"{"importLocation":{"method":"GET","url":"http://a"},"callback":{"method":"GET","urlTemplate":"http://example.com/?{{jobStatus}}"}}"#,
            400,
            vec!["400925"],
        ),
    ] {
        let answer = call(method, &sandbox.api(path), &headers, body.to_owned()).await;
        assert_eq!(answer.codes(), codes, "{method} {path} {headers:?} {body}");
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.headers.contains_key("x-amzn-trace-id"));
    }
    let elsewhere = format!("{}/api/v1/OTHER/datasets", sandbox.base_url());
    let answer = call("GET", &elsewhere, &[("authorization", &good)], "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.codes()),
        (404, vec!["404901".into()])
    );
    assert_eq!((sandbox.imports(), sandbox.uploads()), (0, 0));
}

#[tokio::test]
async fn tokens_that_are_refused() {
    for (state, code) in [
        (TokenState::NotYetActive, "40301"),
        (TokenState::Expired, "40302"),
        (TokenState::SubnetViolation, "40303"),
        (TokenState::TenantNotEnabled, "40345"),
    ] {
        let sandbox = start(|s| s.token_state = state).await;
        let answer = sandbox.api_call("GET", "datasets", Value::Null).await;
        assert_eq!(
            (answer.status.as_u16(), answer.codes()),
            (403, vec![code.into()])
        );
    }
}

#[tokio::test]
async fn every_second_call_is_throttled() {
    let sandbox = start(|s| {
        s.throttle = Some(Throttle {
            every: NonZeroU64::new(2).expect("not zero"),
            retry_after: Duration::from_secs(7),
        });
    })
    .await;
    for call in 1..=4 {
        let answer = sandbox.api_call("GET", "datasets", Value::Null).await;
        if call % 2 == 1 {
            assert_eq!(answer.status, 200);
        } else {
            assert_eq!(
                (answer.status.as_u16(), answer.codes()),
                (429, vec!["42901".into()])
            );
            assert_eq!(answer.headers["retry-after"], "7");
        }
    }
}

#[tokio::test]
async fn header_names_can_be_case_sensitive() {
    let sandbox = start(|s| s.strict_header_case = true).await;
    let request = |authorization: &str| {
        format!(
            "GET /api/v1/SANDBOX/datasets HTTP/1.1\r\nHost: {}\r\n{authorization}: Bearer {}\r\n\r\n",
            host(&sandbox),
            sandbox.token().expose_secret()
        )
    };
    let answer = raw(&sandbox, request("Authorization").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\nX-Amzn-Trace-Id: Root=1-"), "{answer}");
    let answer = raw(&sandbox, request("authorization").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(
        answer.contains("400930") && answer.contains("case-sensitive: authorization"),
        "{answer}"
    );
    // The storage is not the API.
    let (get, _) = sandbox.generate("json", "identity").await;
    let target = get.strip_prefix(sandbox.base_url()).expect("own URL");
    let answer = raw(
        &sandbox,
        format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", host(&sandbox)).as_bytes(),
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 404 ") && answer.contains("<Code>NoSuchKey</Code>"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_dataset_is_listed_and_read_back() {
    let sandbox = start(|_| {}).await;
    let list = sandbox
        .api_call("GET", "datasets", Value::Null)
        .await
        .json();
    assert_eq!(list[0]["datasetId"], "6586F21B-AD4D-4D06-A309-712AF47184A2");
    let empty = sandbox
        .api_call(
            "GET",
            &format!("datasets/{}/items", sandbox.dataset()),
            Value::Null,
        )
        .await;
    assert_eq!(empty.text(), "[]");
    let items: Vec<Value> = (0..1200)
        .map(|n| json!({"_action": "create", "employeeID": n}))
        .collect();
    sandbox
        .import("json", "", Value::from(items).to_string())
        .await;
    let back = sandbox
        .api_call(
            "GET",
            &format!("datasets/{}/items", sandbox.dataset()),
            Value::Null,
        )
        .await
        .json();
    let ids: Vec<_> = back
        .as_array()
        .expect("an array")
        .iter()
        .map(|i| i["employeeID"].as_u64())
        .collect();
    assert_eq!(ids, (0..1200).map(Some).collect::<Vec<_>>());
}

// -- the storage -----------------------------------------------------------------------------------

#[tokio::test]
async fn the_storage_refuses() {
    let sandbox = start(|s| s.max_object = 100).await;
    let (get, put) = sandbox.generate("json", "identity").await;
    let host = host(&sandbox);
    let target = |url: &str| url[sandbox.base_url().len()..].to_owned();
    let (g, p) = (target(&get), target(&put));
    let changed = p.replace("X-Amz-Expires=900", "X-Amz-Expires=9000");
    assert_ne!(changed, p);
    let other = format!(
        "/storage/files/{}{}",
        "0".repeat(32),
        &p[p.find('?').expect("a query")..]
    );
    let cut = &p[..p.len() - 2];
    let bad = format!("{cut}zz");
    let end = "Connection: close\r\n\r\n";
    for (request, status, code, message) in [
        (
            format!(
                "PUT {p} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n{end}2\r\n[]\r\n0\r\n\r\n"
            ),
            501,
            "NotImplemented",
            "<Header>Transfer-Encoding</Header>",
        ),
        (
            format!("PUT {p} HTTP/1.1\r\nHost: {host}\r\n{end}"),
            411,
            "MissingContentLength",
            "",
        ),
        (
            format!(
                "PUT {p} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nAuthorization: Bearer x\r\n{end}[]"
            ),
            400,
            "InvalidArgument",
            "Only one auth mechanism allowed",
        ),
        (
            format!("PUT {p} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 101\r\n{end}"),
            400,
            "EntityTooLarge",
            "",
        ),
        (
            format!(
                "PUT {p} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nx-amz-acl: private\r\n{end}[]"
            ),
            403,
            "AccessDenied",
            "<HeadersNotSigned>x-amz-acl</HeadersNotSigned>",
        ),
        (
            format!("PUT {p} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n{end}[]"),
            403,
            "SignatureDoesNotMatch",
            "",
        ),
        (
            format!("PUT {changed} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n{end}[]"),
            403,
            "SignatureDoesNotMatch",
            "",
        ),
        (
            format!("PUT {other} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n{end}[]"),
            403,
            "SignatureDoesNotMatch",
            "",
        ),
        (
            format!("PUT {cut} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n{end}[]"),
            403,
            "SignatureDoesNotMatch",
            "",
        ),
        (
            format!("PUT {bad} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n{end}[]"),
            403,
            "SignatureDoesNotMatch",
            "",
        ),
        (
            format!("PUT {g} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n{end}[]"),
            403,
            "SignatureDoesNotMatch",
            "",
        ),
        (
            format!("GET {p} HTTP/1.1\r\nHost: {host}\r\n{end}"),
            403,
            "SignatureDoesNotMatch",
            "",
        ),
        (
            format!("HEAD {g} HTTP/1.1\r\nHost: {host}\r\n{end}"),
            403,
            "",
            "",
        ),
        (
            format!(
                "PUT /storage/files/x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n{end}[]"
            ),
            403,
            "AccessDenied",
            "Access Denied",
        ),
        (
            format!("GET {g} HTTP/1.1\r\nHost: {host}\r\n{end}"),
            404,
            "NoSuchKey",
            "",
        ),
        (
            format!("GET /storage/x/y/z HTTP/1.1\r\nHost: {host}\r\n{end}"),
            404,
            "NoSuchKey",
            "",
        ),
    ] {
        let answer = raw(&sandbox, request.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}\n{answer}"
        );
        assert!(
            code.is_empty() || answer.contains(&format!("<Error><Code>{code}</Code>")),
            "{request}\n{answer}"
        );
        assert!(answer.contains(message), "{request}\n{answer}");
    }
    assert_eq!(sandbox.uploads(), 0);
}

#[tokio::test]
async fn an_upload_is_stored_and_read_back() {
    let sandbox = start(|settings| settings.md5_etag = true).await;
    let (get, put) = sandbox.generate("csv", "identity").await;
    let answer = call("PUT", &put, &[("content-type", "text/csv")], "hello").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.headers["etag"],
        "\"5d41402abc4b2a76b9719d911017c592\""
    );
    let answer = call("GET", &get, &[], "").await;
    assert_eq!(
        (answer.text().as_str(), &answer.headers["content-type"]),
        ("hello", &"text/csv".parse().expect("a value"))
    );
    // A second upload takes the first one's place.
    assert_eq!(call("PUT", &put, &[], "").await.status, 200);
    assert_eq!(call("GET", &get, &[], "").await.text(), "");
    assert_eq!(sandbox.uploads(), 2);
    let file = sandbox.last_upload().expect("an upload");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| {
            std::fs::metadata(path)
                .expect("metadata")
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().expect("a folder")), 0o700);
    }
    sandbox.shutdown().await;
    assert!(!file.parent().expect("a folder").exists());
}

#[tokio::test]
async fn a_cut_upload_keeps_nothing() {
    let sandbox = start(|_| {}).await;
    let (get, put) = sandbox.generate("json", "identity").await;
    let target = put[sandbox.base_url().len()..].to_owned();
    let cut = format!(
        "PUT {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: 1000\r\n\r\n[{{\"half\"",
        host(&sandbox)
    );
    let send = || async {
        let mut stream = TcpStream::connect(host(&sandbox)).await.expect("connect");
        stream.write_all(cut.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("cut");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    };
    send().await;
    assert_eq!(call("GET", &get, &[], "").await.status, 404);
    assert_eq!(call("PUT", &put, &[], "[]").await.status, 200);
    send().await;
    assert_eq!(call("GET", &get, &[], "").await.text(), "[]");
    assert_eq!(sandbox.uploads(), 1);
    // Not even a draft stays. The writing thread may need a moment to see that it is over.
    let folder = sandbox
        .last_upload()
        .expect("an upload")
        .parent()
        .expect("a folder")
        .to_owned();
    while std::fs::read_dir(&folder).expect("the folder").count() > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_expired_url_is_refused() {
    let sandbox = start(|s| s.url_life = Duration::ZERO).await;
    let (get, put) = sandbox.generate("json", "identity").await;
    for (method, url) in [("PUT", &put), ("GET", &get)] {
        let answer = call(method, url, &[], "[]").await;
        assert_eq!(answer.status, 403);
        assert!(
            answer
                .text()
                .contains("<Code>AccessDenied</Code><Message>Request has expired</Message>"),
            "{}",
            answer.text()
        );
    }
    let ticket = sandbox
        .trigger("", json!({"importLocation": {"method": "GET", "url": get}}))
        .await;
    let ticket = sandbox.ended(&ticket).await;
    assert_eq!(
        (&ticket["jobStatus"], &ticket["errors"][0]["code"]),
        (&json!("failed"), &json!("400923"))
    );
}

#[tokio::test]
async fn files_are_deleted_after_their_life() {
    let sandbox = start(|s| s.file_life = Duration::ZERO).await;
    let (_, put) = sandbox.generate("json", "identity").await;
    let answer = call("PUT", &put, &[], "[]").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().contains("NoSuchKey")),
        (404, true)
    );
}

#[tokio::test]
async fn a_signed_content_type_is_bound() {
    let sandbox = start(|s| s.sign_content_type = true).await;
    for (kind, sent, status) in [
        ("csv", "text/csv", 200),
        ("csv", "text/csv; charset=utf-8", 403),
        ("csv", "application/json", 403),
        ("json", "application/json", 200),
    ] {
        let (_, put) = sandbox.generate(kind, "identity").await;
        assert!(
            put.contains("X-Amz-SignedHeaders=content-type%3Bhost&"),
            "{put}"
        );
        assert_eq!(
            call("PUT", &put, &[("content-type", sent)], "[]")
                .await
                .status,
            status,
            "{sent}"
        );
    }
}

#[tokio::test]
async fn chunked_uploads_can_be_allowed() {
    let sandbox = start(|s| s.accept_chunked = true).await;
    let (get, put) = sandbox.generate("json", "identity").await;
    let pieces = ["[", "{}", "]"].map(|piece| Ok::<_, std::io::Error>(bytes::Bytes::from(piece)));
    let answer = call(
        "PUT",
        &put,
        &[],
        Body::from_stream(futures::stream::iter(pieces)),
    )
    .await;
    assert_eq!(answer.status, 200);
    assert_eq!(call("GET", &get, &[], "").await.text(), "[{}]");
}

// -- imports over the wire -------------------------------------------------------------------------

const RECIPE_JSON: &str = r#"[
{
"_action": "create",
"employeeID": "1453878",
"fullName": "John Smith",
"positionTitle": "Software Engineer",
"grade": "G3",
"salary": 45000,
"dob": "1981-05-15",
"managerID": "5871235"
},
{
"_action": "update",
"employeeID": "3101881",
"salary": 65000
},
{
"_action": "delete",
"employeeID": "6758274"
}
]"#;

const RECIPE_CSV: &str =
    "_action,employeeID,fullName,positionTitle,grade,salary,dob,managerID,location
create,1453878,John Smith,Software Engineer,G3,65000,1981-05-15,5871235,London
create,1453974,Mary Jones,Consultant,H7,67500,1997-06-01,4451276,New York
create,2178493,Rex James,Graduate Engineer,C2,37500,2002-08-10,5871235,Sydney
update,3101881,,Senior Engineer,H7,75000,,,
update,3758954,,,,,,5542698,
delete,6758274,,,,,,,
";

const BEFORE: &str = r#"[
{"employeeID":"3101881","fullName":"Ann Lee","positionTitle":"Engineer","grade":"G5","salary":60000},
{"employeeID":"3758954","fullName":"Bob Ray","managerID":"1"},
{"employeeID":"6758274","fullName":"Cid Poe"}
]"#;

async fn start_with_items(items: &str) -> Sandbox {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("items.json");
    std::fs::write(&path, items).expect("written");
    start(|s| s.items = Some(path)).await
}

#[tokio::test]
async fn the_recipe_as_json() {
    let sandbox = start_with_items(BEFORE).await;
    let results = sandbox
        .import("json", "?idKey=employeeID", RECIPE_JSON)
        .await;
    let statuses: Vec<_> = results
        .iter()
        .map(|r| {
            (
                r["employeeID"].as_str(),
                r["_action"].as_str(),
                r["_status"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        statuses,
        [
            (Some("1453878"), Some("create"), Some("success")),
            (Some("3101881"), Some("update"), Some("success")),
            (Some("6758274"), Some("delete"), Some("success")),
        ]
    );
    assert!(
        results
            .iter()
            .all(|r| r["_id"].as_str().is_some_and(|id| id.len() == 36))
    );
    assert_eq!(
        sandbox.texts(),
        [
            r#"{"employeeID":"1453878","fullName":"John Smith","positionTitle":"Software Engineer","grade":"G3","salary":45000,"dob":"1981-05-15","managerID":"5871235"}"#,
            r#"{"employeeID":"3101881","fullName":"Ann Lee","positionTitle":"Engineer","grade":"G5","salary":65000}"#,
            r#"{"employeeID":"3758954","fullName":"Bob Ray","managerID":"1"}"#,
        ]
    );
    assert_eq!(
        (sandbox.imports(), sandbox.uploads(), sandbox.item_count()),
        (1, 1, 3)
    );
}

#[tokio::test]
async fn the_recipe_as_csv() {
    let sandbox = start_with_items(BEFORE).await;
    let results = sandbox.import("csv", "?autoId=true", RECIPE_CSV).await;
    assert!(
        results.len() == 6 && results.iter().all(|r| r["_status"] == "success"),
        "{results:?}"
    );
    assert_eq!(
        sandbox.texts(),
        [
            r#"{"employeeID":"1453878","fullName":"John Smith","positionTitle":"Software Engineer","grade":"G3","salary":"65000","dob":"1981-05-15","managerID":"5871235","location":"London"}"#,
            r#"{"employeeID":"1453974","fullName":"Mary Jones","positionTitle":"Consultant","grade":"H7","salary":"67500","dob":"1997-06-01","managerID":"4451276","location":"New York"}"#,
            r#"{"employeeID":"2178493","fullName":"Rex James","positionTitle":"Graduate Engineer","grade":"C2","salary":"37500","dob":"2002-08-10","managerID":"5871235","location":"Sydney"}"#,
            r#"{"employeeID":"3101881","fullName":"Ann Lee","positionTitle":"Senior Engineer","grade":"H7","salary":"75000"}"#,
            r#"{"employeeID":"3758954","fullName":"Bob Ray","managerID":"5542698"}"#,
        ]
    );
    assert_eq!(sandbox.items()[1]["location"], "New York");
}

#[tokio::test]
async fn fifty_thousand_rows_stream_through() {
    const ROWS: usize = 50_000;
    let sandbox = start(|s| s.accept_chunked = true).await;
    let pieces = (0..ROWS).step_by(1000).map(|from| {
        let rows: String = (from..from + 1000)
            .map(|n| {
                let start = if n == 0 { '[' } else { ',' };
                let end = if n + 1 == ROWS { "]" } else { "" };
                format!("{start}{{\"_action\":\"create\",\"employeeID\":\"{n:08}\",\"name\":\"Name {n}\",\"salary\":{n}.50}}{end}")
            })
            .collect();
        Ok::<_, std::io::Error>(bytes::Bytes::from(rows))
    });
    let body = Body::from_stream(futures::stream::iter(pieces));
    let results = sandbox.import("json", "?idKey=employeeID", body).await;
    assert_eq!((results.len(), sandbox.item_count()), (ROWS, ROWS));
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result["employeeID"], format!("{n:08}"));
        assert_eq!(result["_status"], "success");
    }
    let texts = sandbox.texts();
    assert_eq!(
        texts[49_999],
        r#"{"employeeID":"00049999","name":"Name 49999","salary":49999.50}"#
    );
}

#[tokio::test]
async fn the_ticket_lives() {
    // A job that is still at work after an hour.
    let sandbox = start(|s| s.job_time = Duration::from_secs(3600)).await;
    let ticket = sandbox.upload_and_import("json", "", "[]").await;
    assert_eq!(ticket["jobStatus"], "created");
    let created = ticket["_createdAt"].as_str().expect("a time");
    assert!(created.len() == 24 && created.ends_with('Z'), "{created}");
    assert_eq!(ticket["_links"]["self"]["type"], "downloadLink");
    assert_eq!(
        ticket["_links"]["self"]["contentType"],
        "application/json; charset=UTF-8"
    );
    assert!(
        ticket["X-Amzn-Trace-Id"]
            .as_str()
            .expect("a trace")
            .starts_with("Root=1-")
    );
    let url = ticket["_links"]["self"]["url"].as_str().expect("a URL");
    let again = loop {
        let again = call("GET", url, &[], "").await.json();
        if again["jobStatus"] != "created" {
            break again;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(again["jobStatus"], "running");
    assert!(again["_links"].get("result").is_none());
    assert_eq!(again["X-Amzn-Trace-Id"], ticket["X-Amzn-Trace-Id"]);
    // No token is needed here, and none is taken.
    assert_eq!(
        call("GET", url, &[("authorization", "Bearer x")], "")
            .await
            .status,
        400
    );
    assert_eq!(
        call("GET", &url.replace("tickets", "files"), &[], "")
            .await
            .status,
        403
    );

    let sandbox = start(|s| s.ticket_delay = Duration::from_secs(3600)).await;
    let ticket = sandbox.upload_and_import("json", "", "[]").await;
    let url = ticket["_links"]["self"]["url"].as_str().expect("a URL");
    assert_eq!(call("GET", url, &[], "").await.status, 404);
}

#[tokio::test]
async fn jobs_that_fail() {
    let sandbox = start(|_| {}).await;
    sandbox
        .import("json", "", r#"[{"_action":"create","a":1}]"#)
        .await;
    let before = sandbox.item_texts();
    for (kind, query, body, code) in [
        ("json", "", r#"[{"_action":"create","a":2},"#, "400920"),
        (
            "json",
            "",
            r#"[{"_action":"create","a":2}, {"_action":"create","dob":1981-05-15}]"#,
            "400920",
        ),
        ("json", "", "", "400920"),
        ("csv", "", "_action,a\ncreate,2\ncreate\n", "400920"),
        ("json", "?implicitDelete=true", "[]", "400922"),
        ("csv", "?implicitDelete=true", "_action,a\n", "400922"),
        (
            "json",
            "?onActionValidationFailure=fail",
            r#"[{"_action":"create","a":2},{"a":1}]"#,
            "400901",
        ),
    ] {
        let ticket = sandbox.upload_and_import(kind, query, body).await;
        let ticket = sandbox.ended(&ticket).await;
        assert_eq!(ticket["jobStatus"], "failed", "{body}");
        assert_eq!(ticket["errors"][0]["code"], code, "{body}");
        assert!(ticket["_links"].get("result").is_none());
        assert_eq!(sandbox.item_texts(), before, "{body}");
    }
    // Nothing uploaded; a place that is not ours.
    let (get, _) = sandbox.generate("json", "identity").await;
    let foreign = "https://example.com/x".to_owned();
    for (url, code) in [(get, "400921"), (foreign, "400923")] {
        let ticket = sandbox
            .trigger("", json!({"importLocation": {"method": "GET", "url": url}}))
            .await;
        assert_eq!(sandbox.ended(&ticket).await["errors"][0]["code"], code);
    }

    let sandbox = start(|s| s.job_fails = Some("Nobody knows why".into())).await;
    let ticket = sandbox
        .upload_and_import("json", "", r#"[{"_action":"create"}]"#)
        .await;
    let ticket = sandbox.ended(&ticket).await;
    assert_eq!(
        (&ticket["jobStatus"], &ticket["errors"][0]["message"]),
        (&json!("failed"), &json!("Nobody knows why"))
    );
    assert_eq!(sandbox.item_count(), 0);
}

#[tokio::test]
async fn compression_of_uploads_and_results() {
    use async_compression::tokio::write::{GzipDecoder, GzipEncoder};
    let sandbox = start(|_| {}).await;
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder
        .write_all(br#"[{"_action":"create","employeeID":"1"}]"#)
        .await
        .expect("written");
    encoder.shutdown().await.expect("ended");
    let packed = encoder.into_inner();

    let (get, put) = sandbox.generate("json", "gzip").await;
    assert_eq!(call("PUT", &put, &[], packed.clone()).await.status, 200);
    let ticket = sandbox
        .trigger(
            "?resultEncoding=gzip",
            json!({"importLocation": {"method": "GET", "url": get}}),
        )
        .await;
    let ticket = sandbox.ended(&ticket).await;
    assert_eq!(ticket["jobStatus"], "completed", "{ticket}");
    let answer = call(
        "GET",
        ticket["_links"]["result"]["url"].as_str().expect("a URL"),
        &[],
        "",
    )
    .await;
    assert_eq!(answer.headers["content-encoding"], "gzip");
    let mut decoder = GzipDecoder::new(Vec::new());
    decoder.write_all(&answer.body).await.expect("gzip");
    decoder.shutdown().await.expect("whole");
    let results: Value = serde_json::from_slice(&decoder.into_inner()).expect("JSON");
    assert_eq!(results[0]["_status"], "success");

    // Cut off inside the compression.
    let (get, put) = sandbox.generate("json", "gzip").await;
    assert_eq!(
        call("PUT", &put, &[], packed[..packed.len() - 9].to_vec())
            .await
            .status,
        200
    );
    let ticket = sandbox
        .trigger("", json!({"importLocation": {"method": "GET", "url": get}}))
        .await;
    assert_eq!(sandbox.ended(&ticket).await["errors"][0]["code"], "400920");
    assert_eq!(sandbox.item_count(), 1);

    let sandbox = start(|s| s.accept_gzip = false).await;
    let answer = sandbox
        .api_call(
            "POST",
            "files/generate",
            json!({"targetType": "json", "targetEncoding": "gzip"}),
        )
        .await;
    assert_eq!(answer.codes(), ["400933"]);
}

#[tokio::test]
async fn where_results_go() {
    let payload = r#"[{"_action":"create","employeeID":"1"}]"#;
    // Into the place of the upload.
    let sandbox = start(|s| s.result_in_place = true).await;
    let (get, put) = sandbox.generate("json", "identity").await;
    assert_eq!(call("PUT", &put, &[], payload).await.status, 200);
    let ticket = sandbox
        .trigger("", json!({"importLocation": {"method": "GET", "url": get}}))
        .await;
    sandbox.ended(&ticket).await;
    assert_eq!(
        call("GET", &get, &[], "").await.json()[0]["_status"],
        "success"
    );

    // Into a place that the caller chose.
    let sandbox = start(|_| {}).await;
    let (get, put) = sandbox.generate("json", "identity").await;
    let (result_get, result_put) = sandbox.generate("json", "identity").await;
    assert_eq!(call("PUT", &put, &[], payload).await.status, 200);
    let ticket = sandbox
        .trigger(
            "",
            json!({
                "importLocation": {"method": "GET", "url": get},
                "resultLocation": {"method": "PUT", "url": result_put},
            }),
        )
        .await;
    let ticket = sandbox.ended(&ticket).await;
    let results = sandbox.results(&ticket).await;
    assert_eq!(
        call("GET", &result_get, &[], "").await.json(),
        Value::from(results)
    );
    assert_eq!(call("GET", &get, &[], "").await.text(), payload);
}

#[tokio::test]
async fn results_can_be_shuffled() {
    let sandbox = start(|s| s.result_order = ResultOrder::Shuffled).await;
    let items: Vec<Value> = (0..100)
        .map(|n| json!({"_action": "create", "employeeID": n}))
        .collect();
    let results = sandbox
        .import("json", "?autoId=true", Value::from(items).to_string())
        .await;
    let mut ids: Vec<u64> = results
        .iter()
        .filter_map(|r| r["employeeID"].as_u64())
        .collect();
    assert_ne!(ids, (0..100).collect::<Vec<_>>());
    ids.sort_unstable();
    assert_eq!(ids, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_callback_is_called() {
    let sandbox = start(|_| {}).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (get, put) = sandbox.generate("json", "identity").await;
    assert_eq!(call("PUT", &put, &[], "[]").await.status, 200);
    let template = format!(
        "http://127.0.0.1:{port}/done?status={{{{jobStatus}}}}&traceId={{{{traceId}}}}&tenantId={{{{tenantId}}}}"
    );
    let ticket = sandbox
        .trigger(
            "",
            json!({
                "importLocation": {"method": "GET", "url": get},
                "callback": {"method": "GET", "urlTemplate": template},
            }),
        )
        .await;
    let (mut stream, _) = listener.accept().await.expect("a call");
    let mut head = vec![0; 1000];
    let n = stream.read(&mut head).await.expect("a head");
    let head = String::from_utf8_lossy(&head[..n]).into_owned();
    let trace = ticket["X-Amzn-Trace-Id"]
        .as_str()
        .expect("a trace")
        .replace('=', "%3D");
    assert!(
        head.starts_with(&format!(
            "GET /done?status=completed&traceId={trace}&tenantId=SANDBOX HTTP/1.1\r\n"
        )),
        "{head}"
    );
    assert_eq!(sandbox.ended(&ticket).await["jobStatus"], "completed");
}

#[tokio::test]
async fn no_secret_is_shown() {
    let sandbox = start(|s| s.token = Some("canary-token".into())).await;
    assert_eq!(sandbox.token().expose_secret(), "canary-token");
    let shown = format!(
        "{sandbox:?} {} {:?}",
        sandbox.about(),
        SandboxSettings {
            token: Some("canary-token".into()),
            ..Default::default()
        }
    );
    assert!(!shown.contains("canary"), "{shown}");
    let (one, two) = (start(|_| {}).await, start(|_| {}).await);
    assert_ne!(one.token().expose_secret(), two.token().expose_secret());
    assert_eq!(one.token().expose_secret().split('.').count(), 3);
}

#[tokio::test]
async fn settings_that_cannot_be() {
    let refuse = |change: fn(&mut SandboxSettings)| async move {
        let mut settings = SandboxSettings::default();
        change(&mut settings);
        Sandbox::start(settings)
            .await
            .expect_err("refused")
            .to_string()
    };
    assert_eq!(
        refuse(|s| s.tenant = "acme".into()).await,
        "the sandbox's tenant must be a capital letter and up to 29 capitals, digits and underscores"
    );
    assert_eq!(
        refuse(|s| s.token = Some("a b".into())).await,
        "the sandbox's token must be visible ASCII characters without blanks"
    );
    assert_eq!(
        refuse(|s| s.items = Some("/does/not/exist".into())).await,
        "the sandbox can't read its items from /does/not/exist"
    );
    let taken = start(|_| {}).await;
    let port = taken
        .base_url()
        .rsplit(':')
        .next()
        .expect("a port")
        .parse()
        .expect("a number");
    let again = Sandbox::start(SandboxSettings {
        port,
        ..Default::default()
    })
    .await;
    assert!(matches!(again, Err(SandboxError::Bind { .. })));
    taken.shutdown().await;
    assert!(
        Sandbox::start(SandboxSettings {
            port,
            ..Default::default()
        })
        .await
        .is_ok()
    );
}

// -- the data set ----------------------------------------------------------------------------------

/// Applies payloads one after the other, without any network. Returns what became of the last one's
/// items (`ok` or the error's code), and all items without their `_id`.
async fn apply(
    settings: SandboxSettings,
    payloads: &[(&str, Format, &str)],
) -> (Vec<String>, Vec<String>) {
    let settings = Arc::new(settings);
    let mut dataset = Dataset::default();
    let mut outcomes = Vec::new();
    for (query, format, text) in payloads {
        outcomes.clear();
        let params = ImportParams::parse(query).expect("a query");
        let implicit_delete = params.implicit_delete;
        let mut applier = Applier::new(settings.clone(), params, &mut dataset);
        let source = std::io::Cursor::new(text.as_bytes().to_vec());
        let mut payload = Payload::new(*format, Box::new(source));
        while payload
            .next_batch(&mut |row| {
                let result: Value =
                    serde_json::from_slice(&applier.apply(&mut dataset, row)).expect("JSON");
                outcomes.push(match result["_status"].as_str() {
                    Some("success") => "ok".to_owned(),
                    _ => result["errors"][0]["code"]
                        .as_str()
                        .expect("a code")
                        .to_owned(),
                });
            })
            .await
            .expect("a payload")
        {}
        if applier.is_transaction() && applier.failure.is_some() {
            applier.roll_back(&mut dataset);
        } else if implicit_delete {
            applier.delete_unnamed(&mut dataset);
        }
        dataset.tidy();
        assert_eq!(dataset.len(), dataset.iter().count());
    }
    let items = dataset
        .iter()
        .map(|item| {
            let mut text = Vec::new();
            item.write(&mut text);
            without_id(&String::from_utf8(text).expect("UTF-8"))
        })
        .collect();
    (outcomes, items)
}

#[tokio::test]
async fn actions() {
    use Format::Json;
    let before = (
        "idKey=k",
        Json,
        r#"[{"_action":"create","k":"1","a":"x","b":2},{"_action":"create","k":"2"}]"#,
    );
    for (payload, outcomes, items) in [
        (
            r#"[{"_action":"create","k":"3","z":1,"a":1.50}]"#,
            vec!["ok"],
            vec![
                r#"{"k":"1","a":"x","b":2}"#,
                r#"{"k":"2"}"#,
                r#"{"k":"3","z":1,"a":1.50}"#,
            ],
        ),
        (
            r#"[{"_action":"create","k":"1"}]"#,
            vec!["409901"],
            vec![r#"{"k":"1","a":"x","b":2}"#, r#"{"k":"2"}"#],
        ),
        (
            r#"[{"_action":"update","k":"1","c":[1, {"d":null}],"a":"y"}]"#,
            vec!["ok"],
            vec![
                r#"{"k":"1","a":"y","b":2,"c":[1, {"d":null}]}"#,
                r#"{"k":"2"}"#,
            ],
        ),
        (
            r#"[{"_action":"update","k":"9","a":"y"}]"#,
            vec!["404903"],
            vec![r#"{"k":"1","a":"x","b":2}"#, r#"{"k":"2"}"#],
        ),
        (
            r#"[{"_action":"replace","k":"1","c":true}]"#,
            vec!["ok"],
            vec![r#"{"k":"1","c":true}"#, r#"{"k":"2"}"#],
        ),
        (
            r#"[{"_action":"replace","k":"9"}]"#,
            vec!["404903"],
            vec![r#"{"k":"1","a":"x","b":2}"#, r#"{"k":"2"}"#],
        ),
        (
            r#"[{"_action":"delete","k":"1","a":"ignored"}]"#,
            vec!["ok"],
            vec![r#"{"k":"2"}"#],
        ),
        (
            r#"[{"_action":"delete","k":"9"}]"#,
            vec!["404903"],
            vec![r#"{"k":"1","a":"x","b":2}"#, r#"{"k":"2"}"#],
        ),
        (
            r#"[{"_action":"noop","k":"1","a":"y"},{"_action":"noop","k":"9"}]"#,
            vec!["ok", "ok"],
            vec![r#"{"k":"1","a":"x","b":2}"#, r#"{"k":"2"}"#],
        ),
        (
            r#"[{"_action":"createOrUpdate","k":"1","a":"y"},{"_action":"createOrUpdate","k":"3","a":"y"}]"#,
            vec!["ok", "ok"],
            vec![
                r#"{"k":"1","a":"y","b":2}"#,
                r#"{"k":"2"}"#,
                r#"{"k":"3","a":"y"}"#,
            ],
        ),
        (
            r#"[{"_action":"createOrReplace","k":"1","a":"y"},{"_action":"createOrReplace","k":"3","a":"y"}]"#,
            vec!["ok", "ok"],
            vec![
                r#"{"k":"1","a":"y"}"#,
                r#"{"k":"2"}"#,
                r#"{"k":"3","a":"y"}"#,
            ],
        ),
        // In the payload's order, the same item several times.
        (
            r#"[{"_action":"delete","k":"1"},{"_action":"create","k":"1","a":"n"},{"_action":"update","k":"1","b":1},{"_action":"create","k":"1"}]"#,
            vec!["ok", "ok", "ok", "409901"],
            vec![r#"{"k":"2"}"#, r#"{"k":"1","a":"n","b":1}"#],
        ),
        // Text and number are the same identifier, and the last one written is kept.
        (
            r#"[{"_action":"update","k":2,"a":"n"}]"#,
            vec!["ok"],
            vec![r#"{"k":"1","a":"x","b":2}"#, r#"{"k":2,"a":"n"}"#],
        ),
        // What an item must have.
        (
            r#"[{"k":"1"},{"_action":null,"k":"1"},{"_action":"","k":"1"},{"_action":"Update","k":"1"},{"_action":1,"k":"1"}]"#,
            vec!["400901", "400901", "400901", "400902", "400902"],
            vec![r#"{"k":"1","a":"x","b":2}"#, r#"{"k":"2"}"#],
        ),
        (
            r#"[{"_action":"create"},{"_action":"create","k":""},{"_action":"create","k":null},{"_action":"create","k":{}},{"_action":"update","a":1}]"#,
            vec!["400903"; 5],
            vec![r#"{"k":"1","a":"x","b":2}"#, r#"{"k":"2"}"#],
        ),
        (
            r#"[{"_action":"update","k":"1","_x":1},{"_action":"update","k":"1","_id":"x"},{"_action":"update","k":"1","a":1,"a":2}]"#,
            vec!["400905", "400905", "400906"],
            vec![r#"{"k":"1","a":"x","b":2}"#, r#"{"k":"2"}"#],
        ),
    ] {
        let (got, left) = apply(
            SandboxSettings::default(),
            &[before, ("idKey=k", Json, payload)],
        )
        .await;
        assert_eq!(
            (got, left),
            (
                outcomes.into_iter().map(String::from).collect(),
                items.into_iter().map(String::from).collect()
            ),
            "{payload}"
        );
    }
}

#[tokio::test]
async fn identifiers() {
    use Format::{Csv, Json};
    const ID: &str = "7918D0B4-24AC-8A3E-E21C-1302FAE4937E";
    let by_id = [
        format!(
            r#"[{{"_action":"create","_id":"{ID}","a":1}},{{"_action":"create","a":2}},{{"_action":"create","_id":"{ID}"}}]"#
        ),
        format!(
            r#"[{{"_action":"update","_id":"{}","a":3}},{{"_action":"update","a":4}},{{"_action":"update","_id":"7"}},{{"_action":"createOrUpdate","_id":"","a":5}}]"#,
            ID.to_lowercase()
        ),
    ];
    for (payloads, outcomes, items) in [
        (
            vec![("", Json, by_id[0].as_str())],
            "ok ok 409901",
            r#"{"a":1} {"a":2}"#,
        ),
        (
            vec![("", Json, by_id[0].as_str()), ("", Json, &by_id[1])],
            "ok 400903 400908 ok",
            r#"{"a":3} {"a":2} {"a":5}"#,
        ),
        // Another kind of identifier for each import.
        (
            vec![
                ("", Json, by_id[0].as_str()),
                ("idKey=a", Csv, "_action,a,b\nupdate,2,x\ndelete,1,\n"),
                (
                    "autoId=true",
                    Json,
                    r#"[{"_action":"create","employeeID":"7"}]"#,
                ),
            ],
            "ok",
            r#"{"a":"2","b":"x"} {"employeeID":"7"}"#,
        ),
        // Not unique: `idKey` refuses, `mergeKey` takes them all.
        (
            vec![
                (
                    "",
                    Json,
                    r#"[{"_action":"create","t":"A"},{"_action":"create","t":"A","n":1},{"_action":"create","t":"B"}]"#,
                ),
                (
                    "idKey=t",
                    Json,
                    r#"[{"_action":"update","t":"A","x":1},{"_action":"update","t":"B","x":1}]"#,
                ),
            ],
            "409902 ok",
            r#"{"t":"A"} {"t":"A","n":1} {"t":"B","x":1}"#,
        ),
        (
            vec![
                (
                    "",
                    Json,
                    r#"[{"_action":"create","t":"A"},{"_action":"create","t":"A","n":1},{"_action":"create","t":"B"}]"#,
                ),
                (
                    "mergeKey=t",
                    Json,
                    r#"[{"_action":"update","t":"A","x":1},{"_action":"create","t":"B"},{"_action":"createOrUpdate","t":"C"}]"#,
                ),
            ],
            "ok 409901 ok",
            r#"{"t":"A","x":1} {"t":"A","n":1,"x":1} {"t":"B"} {"t":"C"}"#,
        ),
        (
            vec![
                (
                    "",
                    Json,
                    r#"[{"_action":"create","t":"A"},{"_action":"create","t":"A","n":1},{"_action":"create","t":"B"}]"#,
                ),
                (
                    "mergeKey=t",
                    Json,
                    r#"[{"_action":"delete","t":"A"},{"_action":"delete","t":"A"}]"#,
                ),
            ],
            "ok 404903",
            r#"{"t":"B"}"#,
        ),
    ] {
        let (got, left) = apply(SandboxSettings::default(), &payloads).await;
        assert_eq!(
            (got.join(" "), left.join(" ")),
            (outcomes.into(), items.into()),
            "{payloads:?}"
        );
    }
}

#[tokio::test]
async fn implicit_delete() {
    use Format::Json;
    let before = (
        "idKey=k",
        Json,
        r#"[{"_action":"create","k":1},{"_action":"create","k":2},{"_action":"create","k":3},{"_action":"create","k":4}]"#,
    );
    for (query, payload, items) in [
        (
            "idKey=k&implicitDelete=true",
            r#"[{"_action":"createOrUpdate","k":2,"a":1},{"_action":"createOrUpdate","k":5}]"#,
            r#"{"k":2,"a":1} {"k":5}"#,
        ),
        (
            "idKey=k&implicitDelete=false",
            r#"[{"_action":"update","k":2,"a":1}]"#,
            r#"{"k":1} {"k":2,"a":1} {"k":3} {"k":4}"#,
        ),
        // Rows that fail or do nothing name their items all the same.
        (
            "idKey=k&implicitDelete=true",
            r#"[{"_action":"create","k":2},{"_action":"noop","k":3},{"k":4}]"#,
            r#"{"k":2} {"k":3} {"k":4}"#,
        ),
        ("idKey=k&implicitDelete=true", "[]", ""),
        // All or nothing.
        (
            "idKey=k&implicitDelete=true&onActionValidationFailure=fail",
            r#"[{"_action":"delete","k":1},{"_action":"update","k":2,"a":1},{"_action":"create","k":7},{"_action":"create","k":2}]"#,
            r#"{"k":1} {"k":2} {"k":3} {"k":4}"#,
        ),
        (
            "idKey=k&implicitDelete=true&onActionValidationFailure=fail",
            r#"[{"_action":"delete","k":1},{"_action":"update","k":2,"a":1}]"#,
            r#"{"k":2,"a":1}"#,
        ),
    ] {
        let (_, left) = apply(
            SandboxSettings::default(),
            &[before, (query, Json, payload)],
        )
        .await;
        assert_eq!(left.join(" "), items, "{query} {payload}");
    }
}

/// The other readings of what the documentation leaves open.
#[tokio::test]
async fn other_readings() {
    use Format::Json;
    let before = (
        "idKey=k",
        Json,
        r#"[{"_action":"create","k":1,"a":1},{"_action":"create","k":2,"a":1}]"#,
    );
    let named = r#"[{"_action":"noop","k":1},{"_action":"update","k":2,"_b":1},{"_action":"createOrUpdate","k":3}]"#;
    let unlike = r#"[{"_action":"create","k":1,"b":1},{"_action":"update","k":8,"a":2},{"_action":"delete","k":9}]"#;
    type Change = fn(&mut SandboxSettings);
    let (deleting, by_key) = ("idKey=k&implicitDelete=true", "idKey=k");
    let none: Change = |_| {};
    for (change, query, payload, outcomes, items) in [
        (none, deleting, named, "ok 400905 ok", "1 2 3"),
        (
            |s| s.noop_names = false,
            deleting,
            named,
            "ok 400905 ok",
            "2 3",
        ),
        (
            |s| s.failed_names = false,
            deleting,
            named,
            "ok 400905 ok",
            "1 3",
        ),
        (none, by_key, unlike, "409901 404903 404903", "1 2"),
        (
            |s| s.create_updates = true,
            by_key,
            unlike,
            "ok 404903 404903",
            "1b 2",
        ),
        (
            |s| s.update_creates = true,
            by_key,
            unlike,
            "409901 ok 404903",
            "1 2 8",
        ),
        (
            |s| s.delete_missing = true,
            by_key,
            unlike,
            "409901 404903 ok",
            "1 2",
        ),
    ] {
        let mut settings = SandboxSettings::default();
        change(&mut settings);
        let (told, left) = apply(settings, &[before, (query, Json, payload)]).await;
        let left = left.iter().map(|item| {
            let item: Value = serde_json::from_str(item).unwrap();
            let more = item.get("b").map_or("", |_| "b");
            format!("{}{more}", item["k"])
        });
        let left: Vec<String> = left.collect();
        assert_eq!((&*told.join(" "), &*left.join(" ")), (outcomes, items));
    }
}

#[tokio::test]
async fn absent_values_and_tokens() {
    use Format::{Csv, Json};
    let before = (
        "idKey=k",
        Json,
        r#"[{"_action":"create","k":"1","a":"x","b":"y"}]"#,
    );
    let settings = |change: fn(&mut SandboxSettings)| {
        let mut settings = SandboxSettings::default();
        change(&mut settings);
        settings
    };
    let csv = "_action,k,a,b\nupdate,1,,-\n";
    let json = r#"[{"_action":"update","k":"1","a":null,"b":"-"}]"#;
    for (settings, query, format, payload, item) in [
        (
            settings(|_| {}),
            "idKey=k",
            Csv,
            csv,
            r#"{"k":"1","a":"x","b":"-"}"#,
        ),
        (
            settings(|s| s.empty_cell = Meaning::Clear),
            "idKey=k",
            Csv,
            csv,
            r#"{"k":"1","b":"-"}"#,
        ),
        (
            settings(|s| s.empty_cell = Meaning::Keep),
            "idKey=k",
            Csv,
            csv,
            r#"{"k":"1","a":"","b":"-"}"#,
        ),
        (
            settings(|_| {}),
            "idKey=k&noopToken=-",
            Csv,
            csv,
            r#"{"k":"1","a":"x","b":"y"}"#,
        ),
        (
            settings(|_| {}),
            "idKey=k&clearToken=-",
            Csv,
            csv,
            r#"{"k":"1","a":"x"}"#,
        ),
        (
            settings(|_| {}),
            "idKey=k&clearToken=-&clearToken=",
            Csv,
            csv,
            r#"{"k":"1"}"#,
        ),
        (
            settings(|s| s.empty_cell = Meaning::Clear),
            "idKey=k&noopToken=",
            Csv,
            csv,
            r#"{"k":"1","a":"x","b":"-"}"#,
        ),
        (
            settings(|_| {}),
            "idKey=k",
            Json,
            json,
            r#"{"k":"1","b":"-"}"#,
        ),
        (
            settings(|s| s.json_null = Meaning::Keep),
            "idKey=k",
            Json,
            json,
            r#"{"k":"1","a":null,"b":"-"}"#,
        ),
        (
            settings(|s| s.json_null = Meaning::NoChange),
            "idKey=k&clearToken=-",
            Json,
            json,
            r#"{"k":"1","a":"x"}"#,
        ),
        (
            settings(|s| s.tokens_in_json = false),
            "idKey=k&clearToken=-",
            Json,
            json,
            r#"{"k":"1","b":"-"}"#,
        ),
        (
            settings(|_| {}),
            "idKey=k",
            Json,
            r#"[{"_action":"update","k":"1","a":""}]"#,
            r#"{"k":"1","a":"","b":"y"}"#,
        ),
        // A replaced item keeps what the token says, and loses the rest.
        (
            settings(|_| {}),
            "idKey=k&noopToken=-",
            Csv,
            "_action,k,b\nreplace,1,-\n",
            r#"{"k":"1","b":"y"}"#,
        ),
    ] {
        let (outcomes, left) = apply(settings, &[before, (query, format, payload)]).await;
        assert_eq!(
            (outcomes.join(" "), left.join(" ")),
            ("ok".into(), item.into()),
            "{query} {payload}"
        );
    }
}

#[tokio::test]
async fn stated_properties() {
    use Format::{Csv, Json};
    let settings = |unknown| SandboxSettings {
        properties: Some(
            ["k", "n:number", "d:date", "b:boolean"]
                .iter()
                .map(|p| p.parse::<Property>().expect("a property"))
                .collect(),
        ),
        unknown_property: unknown,
        ..Default::default()
    };
    for (query, format, payload, outcomes, items) in [
        (
            "idKey=k&dateFormat=DD/MM/YYYY",
            Csv,
            "_action,k,n,d,b\ncreate,007,12.50,15/05/1981,true\n",
            "ok",
            r#"{"k":"007","n":12.50,"d":"1981-05-15","b":true}"#,
        ),
        (
            "idKey=k",
            Json,
            r#"[{"_action":"create","k":1,"n":"1e3","d":"1981-05-15","b":"false"}]"#,
            "ok",
            r#"{"k":1,"n":1e3,"d":"1981-05-15","b":false}"#,
        ),
        (
            "idKey=k",
            Csv,
            "_action,k,n,d,b\ncreate,1,007,,\ncreate,2,\"1,000\",,\ncreate,3,,15/05/1981,\ncreate,4,,,yes\n",
            "400907 400907 400907 400907",
            "",
        ),
        (
            "idKey=k",
            Json,
            r#"[{"_action":"create","k":1,"n":true},{"_action":"create","k":2,"d":19810515}]"#,
            "400907 400907",
            "",
        ),
        (
            "idKey=k",
            Json,
            r#"[{"_action":"create","k":1,"x":1}]"#,
            "400904",
            "",
        ),
        (
            "idKey=x",
            Json,
            r#"[{"_action":"create","x":1}]"#,
            "400904",
            "",
        ),
    ] {
        let (got, left) = apply(settings(UnknownProperty::Fail), &[(query, format, payload)]).await;
        assert_eq!(
            (got.join(" "), left.join(" ")),
            (outcomes.into(), items.into()),
            "{payload}"
        );
    }
    let (got, left) = apply(
        settings(UnknownProperty::Accept),
        &[("", Json, r#"[{"_action":"create","x":"1"}]"#)],
    )
    .await;
    assert_eq!(
        (got.join(" "), left.join(" ")),
        ("ok".into(), r#"{"x":"1"}"#.into())
    );
}

proptest::proptest! {
    /// Whatever the order in which properties come, an item keeps it, and an update changes values in place.
    #[test]
    fn the_order_of_properties_is_stable(names in proptest::collection::hash_set("[a-z]{1,8}", 1..20), changed in 0usize..20) {
        let names: Vec<String> = names.into_iter().collect();
        let members = |value: &str| names.iter().map(|n| format!(",\"{n}\":{value}")).collect::<String>();
        let create = format!("[{{\"_action\":\"create\",\"KEY\":\"1\"{}}}]", members("1.0"));
        let name = &names[changed % names.len()];
        let update = format!("[{{\"_action\":\"update\",\"{name}\":2.0,\"KEY\":\"1\"}}]");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (_, items) = runtime.block_on(apply(
            SandboxSettings::default(),
            &[("idKey=KEY", Format::Json, &create), ("idKey=KEY", Format::Json, &update)],
        ));
        let expected = format!("{{\"KEY\":\"1\"{}}}", members("1.0")).replace(&format!("\"{name}\":1.0"), &format!("\"{name}\":2.0"));
        proptest::prop_assert_eq!(items, vec![expected]);
    }
}
