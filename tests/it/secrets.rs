//! Canaries: tokens, signatures and cell values, through runs that go well and runs that fail, with
//! everything logged. None may show anywhere but in the rejects file, and there the cells alone.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use rostream::internals::sandbox::Sandbox;
use rostream::internals::sandbox::options::{Property, PropertyKind, SandboxSettings, TokenState};

use crate::rostream;

const TOKEN: &str = "canary-token-Qx7.b5Jd-92";
/// The signature of addresses that a fake server hands out.
const SIGNATURE: &str = "c0ffeec0ffeecanary5157";
/// Every cell holds one of these: text, a date before and after its stage, a number before and after.
const CELLS: &[&str] = &[
    "Qcell7",
    "05/04/1937",
    "1937-04-05",
    "7,351,946.82",
    "7351946.82",
];

const CSV: &str = "\
employeeID,name,dob,salary,remote,dept,tags,grade
Qcell7-1,Qcell7 Ann,05/04/1937,\"7,351,946.82\",yes,Qcell7-D,Qcell7-a,Qcell7-g
Qcell7-2,Qcell7 Bob,Qcell7,\"7,351,946.82\",yes,Qcell7-D,Qcell7-a,Qcell7-g
Qcell7-3,Qcell7 Cid,05/04/1937,Qcell7,yes,Qcell7-D,Qcell7-a,Qcell7-g
Qcell7-4,Qcell7 Dan,05/04/1937,\"7,351,946.82\",Qcell7,Qcell7-D,Qcell7-a,Qcell7-g
Qcell7-5,Qcell7 Eve,05/04/1937,\"7,351,946.82\",no,Qcell7-X,Qcell7-a,Qcell7-g
Qcell7-6,Qcell7 Fay,05/04/1937,\"7,351,946.82\",no,Qcell7-D,Qcell7-a;Qcell7-b;Qcell7-c,Qcell7-g
Qcell7-7,Qcell7 Gus,05/04/1937,\"7,351,946.82\",no,Qcell7-D,Qcell7-a
Qcell7-1,Qcell7 Hal,05/04/1937,\"7,351,946.82\",no,Qcell7-D,Qcell7-a,Qcell7-g
Qcell7 9,Qcell7 Ida,05/04/1937,\"7,351,946.82\",no,Qcell7-D,Qcell7-a,Qcell7-h
Qcell7-10,,05/04/1937,\"7,351,946.82\",no,Qcell7-D,Qcell7-a,Qcell7-g
";

const STAGES: &str = "\
stages:
  - trim:
  - date: { columns: [dob], from: DD/MM/YYYY }
  - number: { columns: [salary], thousands: \",\" }
  - boolean: [remote]
  - lookup: { file: depts.csv, key: { column: dept, in: code }, take: { Name: deptName }, missing: reject }
  - split: { column: tags, by: ;, into: [tag1, tag2], extra: reject }
  - set: { shown: name + \" \" + grade }
  - hash: { columns: [grade], key: { env: HASH_KEY } }
";

const RULES: &str = "\
validate:
  key: employeeID
  columns:
    employeeID: { pattern: '^\\S+$' }
    name: { required: true }
    salary: { type: number }
  rows:
    - { assert: name != \"Qcell7 Hal\", code: no_hal }
";

/// Answers HTTP requests on loopback, each on a connection of its own; returns its address.
fn serve(answer: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let here = host.clone();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (answer, here) = (answer.clone(), here.clone());
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let request = request(&mut stream);
                let _ = stream.write_all(answer(&here, &request).as_bytes());
            });
        }
    });
    host
}

/// A request with its body, as far as it comes.
fn request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let got = stream.read(&mut buffer).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&buffer[..got]));
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = head
                .split_once("content-length: ")
                .map_or("0", |(_, rest)| rest);
            let length = length.lines().next().unwrap_or("0").parse().unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        if got == 0 {
            return text;
        }
    }
}

fn http(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Passes connections on to the sandbox and keeps what it answers. `first` is called before the first.
fn record(to: String, first: impl FnOnce() + Send + 'static) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let mut first = Some(first);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            if let Some(first) = first.take() {
                first();
            }
            let mut client = client.unwrap();
            let mut server = TcpStream::connect(&to).unwrap();
            let (mut from_client, mut to_server) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_server);
            });
            let keep = keep.clone();
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(got @ 1..) = server.read(&mut buffer) {
                    keep.lock().unwrap().extend_from_slice(&buffer[..got]);
                    if client.write_all(&buffer[..got]).is_err() {
                        return;
                    }
                }
                let _ = client.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    (host, kept)
}

/// The signatures in what a server answered.
fn signatures(answers: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(answers);
    let found: Vec<String> = (text.split("X-Amz-Signature=").skip(1))
        .map(|rest| rest.chars().take_while(char::is_ascii_hexdigit).collect())
        .collect();
    assert!(
        found.iter().all(|signature| signature.len() == 64),
        "{text}"
    );
    found
}

fn pipeline(host: &str, source: &str, rest: &str) -> String {
    format!(
        "version: 1\nsource: {{ path: {source} }}\n{rest}target:\n  orgvue:\n    base_url: http://{host}\n    \
         tenant: SANDBOX\n    dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2\n    \
         token: {{ env: ORGVUE_TOKEN }}\n    identify_by: {{ id_key: employeeID }}\n"
    )
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).unwrap();
}

/// The rejects file by its two names.
const REJECTS: [&str; 2] = ["rejects.csv", "rejects.ndjson"];

/// What a run left.
struct Left {
    code: i32,
    shown: String,
    rejects: String,
}

/// Runs `p.yaml` with everything logged and looks for canaries in all that it says and writes.
fn run(dir: &Path, extra: &[&str], more: impl FnOnce() -> Vec<String>) -> Left {
    let mut args = vec!["-vvv", "run", "p.yaml"];
    args.extend(extra);
    let before: Vec<_> = listing(dir);
    let child = rostream(dir, &args)
        .env("ORGVUE_TOKEN", TOKEN)
        .env("HASH_KEY", "canary-key-0123456789")
        .env("RUST_LOG", "trace,hyper=trace,reqwest=trace,rustls=trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
    let output = child.wait_with_output().unwrap();
    let mut shown = String::from_utf8(output.stdout).unwrap();
    shown.push_str(&String::from_utf8(output.stderr).unwrap());
    shown.push_str(&String::from_utf8_lossy(&line));
    let mut reports = 0;
    for name in listing(dir) {
        if !REJECTS.contains(&&*name) && !before.contains(&name) {
            shown.push_str(&String::from_utf8_lossy(
                &fs::read(dir.join(&name)).unwrap(),
            ));
            reports += usize::from(name.ends_with(".report.json"));
        }
    }
    assert_eq!(reports, 1, "{shown}");
    let rejects = REJECTS.map(|name| fs::read_to_string(dir.join(name)).unwrap_or_default());
    let rejects = rejects.concat();
    let mut secrets = vec![TOKEN.to_owned(), "canary".to_owned(), SIGNATURE.to_owned()];
    secrets.extend(more());
    for secret in &secrets {
        assert!(!shown.contains(secret.as_str()), "{secret} in:\n{shown}");
        assert!(
            !rejects.contains(secret.as_str()),
            "{secret} in:\n{rejects}"
        );
    }
    for cell in CELLS {
        assert!(!shown.contains(cell), "{cell} in:\n{shown}");
    }
    for name in REJECTS {
        fs::remove_file(dir.join(name)).ok();
    }
    let code = output.status.code().unwrap();
    Left {
        code,
        shown,
        rejects,
    }
}

/// The files in a folder and in those below it.
fn listing(dir: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(
                listing(&entry.path())
                    .iter()
                    .map(|below| format!("{name}/{below}")),
            ),
            false => files.push(name),
        }
    }
    files
}

/// The ways to look at a run.
const WAYS: [&[&str]; 3] = [&[], &["--json"], &["--log-format", "json", "--json"]];

fn settings() -> SandboxSettings {
    SandboxSettings {
        token: Some(TOKEN.into()),
        ..SandboxSettings::default()
    }
}

fn accepting() -> SandboxSettings {
    SandboxSettings {
        unknown_property: rostream::internals::sandbox::options::UnknownProperty::Accept,
        ..settings()
    }
}

/// Runs against a sandbox through a recording proxy, in every way.
fn against(
    settings: &SandboxSettings,
    source: (&str, &str),
    rest: &str,
    code: i32,
    wanted: &[&str],
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for way in WAYS {
        let sandbox = runtime.block_on(Sandbox::start(settings.clone())).unwrap();
        let to = sandbox.base_url().trim_start_matches("http://").to_owned();
        let (host, kept) = record(to, || {});
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "p.yaml", &pipeline(&host, source.0, rest));
        write(dir.path(), source.0, source.1);
        write(dir.path(), "depts.csv", "code,Name\nQcell7-D,Qcell7-N\n");
        let more = || signatures(&kept.lock().unwrap());
        let left = run(dir.path(), way, more);
        assert_eq!(left.code, code, "{}", left.shown);
        if code == 0 || code == 3 {
            assert!(signatures(&kept.lock().unwrap()).len() >= 2);
        }
        for word in wanted {
            let found = left.rejects.contains(word) || left.shown.contains(word);
            assert!(found, "{word} in:\n{}\n{}", left.rejects, left.shown);
        }
    }
}

#[test]
fn rows_that_every_stage_rejects() {
    let codes = [
        "date_format",
        "number_format",
        "boolean_format",
        "lookup",
        "split",
        "ragged",
        "no_hal",
        "pattern",
        "required",
    ];
    let rest = format!("{STAGES}{RULES}");
    // Nothing is left to send; then one row is.
    against(&accepting(), ("w.csv", CSV), &rest, 4, &codes);
    let good = "Qcell7-11,Qcell7 Joy,05/04/1937,\"7,351,946.82\",no,Qcell7-D,Qcell7-a,Qcell7-g\n";
    let with_good = format!("{CSV}{good}");
    against(&accepting(), ("w.csv", &with_good), &rest, 3, &codes);
    let again = "employeeID,name\nQcell7-1,Qcell7 a\nQcell7-1,Qcell7 b\n";
    against(
        &accepting(),
        ("w.csv", again),
        "validate: { key: { column: employeeID, keep: first } }\n",
        3,
        &["key_duplicate"],
    );
}

#[test]
fn rows_that_the_server_refuses() {
    let property = |key: &str, kind| Property {
        key: key.into(),
        kind,
    };
    let settings = SandboxSettings {
        properties: Some(vec![
            property("employeeID", PropertyKind::Text),
            property("name", PropertyKind::Number),
        ]),
        ..settings()
    };
    let rows = "employeeID,name\nQcell7-1,Qcell7\nQcell7-2,7351946.82\n";
    against(&settings, ("w.csv", rows), "", 3, &["import"]);
    let json = r#"[{"employeeID":"Qcell7-1","name":"Qcell7"},{"employeeID":"Qcell7-2","name":7351946.82}]"#;
    against(
        &settings,
        ("w.json", json),
        "validate: { key: employeeID }\n",
        3,
        &["import"],
    );
}

#[test]
fn data_that_ends_the_run() {
    let sandbox = accepting();
    for (source, text) in [
        ("w.csv", "employeeID,name\nQcell7-1,\"Qcell7 never closed\n"),
        (
            "w.json",
            "[{\"employeeID\":\"Qcell7-1\"},{\"employeeID\":\"Qcell7",
        ),
        ("w.json", "[{\"employeeID\":\"Qcell7-1\"} Qcell7]"),
        ("w.json", "[{\"employeeID\":\"Qcell7-1\"}] Qcell7"),
        ("w.json", "[\"Qcell7\"]"),
    ] {
        against(&sandbox, (source, text), "", 1, &["w."]);
    }
    let lines =
        "{\"employeeID\":\"Qcell7-1\"}\n{\"employeeID\" Qcell7}\n{\"employeeID\":{\"Qcell7\":1}}\n";
    against(&sandbox, ("w.json", lines), "", 3, &["json"]);
}

#[test]
fn refusals_of_the_api() {
    for (token_state, code) in [(TokenState::Expired, 2), (TokenState::SubnetViolation, 1)] {
        let settings = SandboxSettings {
            token_state,
            ..settings()
        };
        against(&settings, ("w.csv", CSV), "", code, &["403"]);
    }
    let settings = SandboxSettings {
        job_fails: Some("the job failed".into()),
        ..accepting()
    };
    against(&settings, ("w.csv", CSV), "", 5, &["the job failed"]);
}

#[test]
fn a_source_that_changes_between_the_passes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for way in WAYS {
        let sandbox = runtime.block_on(Sandbox::start(accepting())).unwrap();
        let to = sandbox.base_url().trim_start_matches("http://").to_owned();
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("w.csv");
        // More than one block, so that the second pass still reads when the source changes.
        let note = "x".repeat(2000);
        let rows = |name: &str| -> String {
            let row = |n| format!("Qcell7-{n},{name},{note}\n");
            let rows: String = (0..1500).map(row).collect();
            format!("employeeID,name,note\n{rows}")
        };
        let changed = rows("Qcell7 b");
        let change = move || fs::write(source, changed).unwrap();
        let (host, kept) = record(to, change);
        // The first request is the one between the passes.
        let text = pipeline(&host, "w.csv", "preflight: off\n");
        write(dir.path(), "p.yaml", &text);
        write(dir.path(), "w.csv", &rows("Qcell7 a"));
        let left = run(dir.path(), way, || signatures(&kept.lock().unwrap()));
        assert_eq!(left.code, 1, "{}", left.shown);
        assert!(left.shown.contains("the source changed"), "{}", left.shown);
        assert_eq!(sandbox.imports(), 0);
    }
}

/// Servers that say back what they were sent, in every way that is known of APIs, storages and proxies.
#[test]
fn answers_that_echo() {
    let errors = |text: &str| {
        let quoted = serde_json::to_string(text).unwrap();
        format!(r#"{{"errors":[{{"name":"Bad","code":"40399","message":{quoted}}}]}}"#)
    };
    let addresses = |here: &str| {
        let url = format!("http://{here}/file?X-Amz-Signature={SIGNATURE}");
        http(
            "200 OK",
            "application/json",
            &format!(r#"{{"put":"{url}","get":"{url}"}}"#),
        )
    };
    type Answer = Box<dyn Fn(&str, &str) -> String + Send + Sync>;
    let cases: Vec<(&str, Answer)> = vec![
        (
            "the API's error",
            Box::new(move |_, request| http("403 Forbidden", "application/json", &errors(request))),
        ),
        (
            "an error of no known form",
            Box::new(|_, request| http("403 Forbidden", "application/json", request)),
        ),
        (
            "a page of a proxy",
            Box::new(|_, request| {
                http(
                    "403 Forbidden",
                    "text/html",
                    &format!("<pre>{request}</pre>"),
                )
            }),
        ),
        ("no HTTP", Box::new(|_, request| request.to_owned())),
        (
            "addresses that are none",
            Box::new(|_, request| {
                let quoted = serde_json::to_string(request).unwrap();
                http(
                    "200 OK",
                    "application/json",
                    &format!(r#"{{"put":{quoted},"get":{quoted}}}"#),
                )
            }),
        ),
        (
            "the storage's XML",
            Box::new(
                move |here, request| match request.starts_with("PUT /file") {
                    true => http(
                        "403 Forbidden",
                        "application/xml",
                        &format!(
                            "<Error><Code>SignatureDoesNotMatch</Code><Message>No: http://{here}/file?X-Amz-Signature={SIGNATURE}</Message><StringToSign>{request}</StringToSign></Error>"
                        ),
                    ),
                    false => addresses(here),
                },
            ),
        ),
        (
            "the storage's plain text",
            Box::new(
                move |here, request| match request.starts_with("PUT /file") {
                    true => http("400 Bad Request", "text/plain", request),
                    false => addresses(here),
                },
            ),
        ),
        (
            "a redirect",
            Box::new(
                move |here, request| match request.starts_with("PUT /file") {
                    true => format!(
                        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{here}/file?X-Amz-Signature={SIGNATURE}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    ),
                    false => addresses(here),
                },
            ),
        ),
        (
            "an address elsewhere",
            Box::new(|_, _| {
                let url = format!("https://x.ex/file?X-Amz-Signature={SIGNATURE}");
                let body = format!(r#"{{"put":"{url}","get":"{url}"}}"#);
                http("200 OK", "application/json", &body)
            }),
        ),
        (
            "an address that has expired",
            Box::new(move |here, _| {
                let old = "file?X-Amz-Date=20200101T000000Z&X-Amz-Expires=900&";
                let url = format!("http://{here}/{old}X-Amz-Signature={SIGNATURE}");
                let body = format!(r#"{{"put":"{url}","get":"{url}"}}"#);
                let date = "application/json\r\nDate: Thu, 02 Jan 2020 00:00:00 GMT";
                http("200 OK", date, &body)
            }),
        ),
        (
            "an upload that was changed",
            Box::new(
                move |here, request| match request.starts_with("PUT /file") {
                    true => http(
                        "200 OK",
                        "text/plain\r\nETag: \"00000000000000000000000000000000\"",
                        request,
                    ),
                    false => addresses(here),
                },
            ),
        ),
        (
            "a ticket elsewhere",
            Box::new(move |here, request| {
                if request.starts_with("PUT /file") {
                    http("200 OK", "text/plain", "")
                } else if request.contains("/import") {
                    let url = format!("https://x.ex/t?X-Amz-Signature={SIGNATURE}");
                    let links = format!(r#"{{"self":{{"url":"{url}"}}}}"#);
                    let ticket = format!(r#"{{"jobStatus":"running","_links":{links}}}"#);
                    http("200 OK", "application/json", &ticket)
                } else {
                    addresses(here)
                }
            }),
        ),
        (
            "the import's error",
            Box::new(move |here, request| {
                if request.starts_with("PUT /file") {
                    http("200 OK", "text/plain", "")
                } else if request.contains("/import") {
                    http("400 Bad Request", "application/json", &errors(request))
                } else {
                    addresses(here)
                }
            }),
        ),
        (
            "a ticket of no known form",
            Box::new(move |here, request| {
                if request.starts_with("PUT /file") {
                    http("200 OK", "text/plain", "")
                } else if request.contains("/import") {
                    http("200 OK", "application/json", request)
                } else {
                    addresses(here)
                }
            }),
        ),
    ];
    for (name, answer) in cases {
        let host = serve(answer);
        for way in WAYS {
            let dir = tempfile::tempdir().unwrap();
            write(
                dir.path(),
                "p.yaml",
                &pipeline(&host, "w.csv", "upload: { attempts: 1, verify: md5 }\n"),
            );
            write(dir.path(), "w.csv", "employeeID,name\nQcell7-1,Qcell7\n");
            let left = run(dir.path(), way, Vec::new);
            assert!(
                matches!(left.code, 1 | 7),
                "{name}: {}\n{}",
                left.code,
                left.shown
            );
        }
    }
}

/// An address that is good for so many seconds, by the clock of the server that hands it out.
fn addresses_for(here: &str, seconds: u32) -> String {
    let life = format!("X-Amz-Date=20200102T000000Z&X-Amz-Expires={seconds}");
    let url = format!("http://{here}/file?{life}&X-Amz-Signature={SIGNATURE}");
    http(
        "200 OK",
        "application/json\r\nDate: Thu, 02 Jan 2020 00:00:00 GMT",
        &format!(r#"{{"put":"{url}","get":"{url}"}}"#),
    )
}

/// Uploads that stand still, are not answered, would take too long, or do: the errors with the most to tell.
#[test]
fn uploads_that_take_too_long() {
    // More than fits into the buffers on the way.
    let row = |n| format!("Qcell7-{n},Qcell7,{}\n", "x".repeat(4000));
    let large = (0..3_000).fold("employeeID,name,note\n".to_owned(), |text, n| {
        text + &row(n)
    });
    let small = "employeeID,name\nQcell7-1,Qcell7\n";
    for (life, settings, rows, expected) in [
        (
            900,
            "timeouts: { stalled: 1s }",
            &*large,
            // The system's clock of the connection runs beside ours.
            "stood still for 1s|did not answer in time",
        ),
        (
            900,
            "timeouts: { unanswered: 1s }",
            small,
            "did not answer within 1s",
        ),
        (
            60,
            "upload: { attempts: 1, rate: 1KB/s }",
            &*large,
            "its address lives",
        ),
        (
            1,
            "timeouts: { unanswered: 60s }",
            small,
            "slower than its address lives",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let here = host.clone();
        std::thread::spawn(move || {
            // Kept open, and not read any further.
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = [0; 5];
                stream.read_exact(&mut head).unwrap();
                if &head == b"POST " {
                    request(&mut stream);
                    let _ = stream.write_all(addresses_for(&here, life).as_bytes());
                } else {
                    silent.push(stream);
                }
            }
        });
        let dir = tempfile::tempdir().unwrap();
        let settings = match settings.starts_with("upload") {
            true => format!("{settings}\n"),
            false => format!("upload: {{ attempts: 1 }}\n{settings}\n"),
        };
        // What this server does not answer is the upload; a look at its data sets would wait for all that it is given.
        let settings = format!("preflight: off\n{settings}");
        write(dir.path(), "p.yaml", &pipeline(&host, "w.csv", &settings));
        write(dir.path(), "w.csv", rows);
        let left = run(dir.path(), &[], Vec::new);
        assert_eq!(left.code, 1, "{}", left.shown);
        assert!(
            expected.split('|').any(|text| left.shown.contains(text)),
            "{expected} in:\n{}",
            left.shown
        );
    }
}
