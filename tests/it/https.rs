//! Sources at web servers: the real program against a server that cuts, refuses, moves and changes what it has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::pipelines::{Copy, counts};
use crate::support::{Ended, Rig, workers};
use crate::tls::{Identity, ca, identity};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// From 0.
    pub number: usize,
    pub path: String,
    headers: HashMap<String, String>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// An answer, of whose body so many bytes go out before the connection is cut, if it is.
pub struct Answer {
    status: &'static str,
    pub headers: Vec<String>,
    body: Vec<u8>,
    pub cut: Option<usize>,
    /// Whether its length is said.
    pub sized: bool,
}

pub fn says(status: &'static str, body: impl AsRef<[u8]>) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: body.as_ref().to_vec(),
        cut: None,
        sized: true,
    }
}

/// A file as servers have it that know ranges and conditions.
pub fn file(asked: &Asked, text: &[u8], tag: &str) -> Answer {
    let tag = format!("\"{tag}\"");
    let mut answer = says("200 OK", text);
    answer.headers.push(format!("ETag: {tag}"));
    if asked.header("if-match").is_some_and(|asked| asked != tag) {
        return says("412 Precondition Failed", "");
    }
    if asked.header("if-none-match") == Some(&tag) {
        return says("304 Not Modified", "");
    }
    if let Some(range) = asked.header("range") {
        let from: usize = range["bytes=".len()..range.len() - 1].parse().unwrap();
        let (last, size) = (text.len() - 1, text.len());
        let range = format!("Content-Range: bytes {from}-{last}/{size}");
        answer.headers.push(range);
        answer.status = "206 Partial Content";
        answer.body.drain(..from);
    }
    answer
}

/// A web server.
pub struct Web {
    pub address: String,
    seen: Arc<Mutex<Vec<Asked>>>,
    _runtime: Runtime,
}

impl Web {
    pub fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Web {
        Web::start_with(None, answer)
    }

    fn start_with(
        identity: Option<Identity>,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Web {
        let acceptor = identity.map(|(certificate, key)| {
            let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
                .unwrap();
            TlsAcceptor::from(Arc::new(config))
        });
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = match acceptor {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        let seen = Arc::<Mutex<Vec<Asked>>>::default();
        let (log, answer) = (seen.clone(), Arc::new(answer));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer, acceptor) = (log.clone(), answer.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, &log, &*answer).await;
                            }
                        }
                        None => serve(stream, &log, &*answer).await,
                    }
                });
            }
        });
        Web {
            address,
            seen,
            _runtime: runtime,
        }
    }

    pub fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    log: &Mutex<Vec<Asked>>,
    answer: &(impl Fn(&Asked) -> Answer + ?Sized),
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let asked = {
        let mut log = log.lock().unwrap();
        let number = log.len();
        log.push(Asked {
            number,
            path,
            headers,
        });
        log[number].clone()
    };
    let answer = answer(&asked);
    let mut out = format!("HTTP/1.1 {}\r\nConnection: close\r\n", answer.status);
    for header in &answer.headers {
        out.push_str(&format!("{header}\r\n"));
    }
    if answer.sized {
        out.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    out.push_str("\r\n");
    let end = answer.cut.unwrap_or(answer.body.len());
    let _ = stream.write_all(out.as_bytes()).await;
    let _ = stream.write_all(&answer.body[..end]).await;
    let _ = stream.flush().await;
    if answer.cut.is_none() {
        let _ = stream.shutdown().await;
    }
}

const ROWS: u32 = 20_000;

/// Writes a pipeline whose source is there.
fn pipeline(rig: &Rig, path: &str, more: &str) {
    rig.pipeline(
        &format!("source:\n  path: {path}\n{more}\nvalidate: {{ key: employeeID }}"),
        "identify_by: { id_key: employeeID }",
    );
}

fn counted(ended: &Ended) -> (u64, u64) {
    let count = |name: &str| ended.report["counts"][name].as_u64().unwrap();
    (count("read"), count("accepted"))
}

#[test]
fn over_tls_through_a_cut_and_read_twice() {
    let authority = ca("good");
    let text = workers(ROWS);
    let served = text.clone();
    let web = Web::start_with(Some(identity(Some(&authority), "localhost", |_| {})), {
        move |asked| {
            let mut answer = file(asked, served.as_bytes(), "a");
            // In the first reading.
            answer.cut = (asked.number == 0).then_some(500_000);
            answer
        }
    });
    let rig = Rig::new();
    rig.write("ca.pem", authority.pem());
    rig.write("password", "CANARY pass wörd\n");
    pipeline(
        &rig,
        &format!("{}/w.csv?sig=CANARY", web.address),
        "  https: { basic: { user: ISU, password: { file: password } }, headers: { X-Api-Key: { env: KEY } } }",
    );
    let ca = rig.path("ca.pem");
    let mut command = crate::rostream(rig.folder(), &["run", "pipeline.yaml", "-vvv"]);
    command
        .env("BASE_URL", rig.base_url())
        .env("SSL_CERT_FILE", ca)
        .env("RUST_LOG", "trace")
        .env("KEY", "CANARYKEY");
    let ended = rig.ended(command.output().unwrap());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let rows = u64::from(ROWS);
    assert_eq!(counted(&ended), (rows, rows));
    assert!(
        ended.stderr.contains("going on at byte 5"),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.report["bytes"]["source"], text.len());
    let name = format!("{}/w.csv?…", web.address);
    assert_eq!(ended.report["sources"][0]["path"], name);
    let seen = web.seen();
    for asked in &seen {
        let basic = "Basic SVNVOkNBTkFSWSBwYXNzIHfDtnJk";
        assert_eq!(asked.header("authorization"), Some(basic));
        assert_eq!(asked.header("x-api-key"), Some("CANARYKEY"));
        assert_eq!(asked.path, "/w.csv?sig=CANARY");
    }
    // Found and read, taken up, looked at, and read again.
    assert!(seen[1].header("range").is_some());
    assert_eq!(seen[1].header("if-match"), Some("\"a\""));
    let looks = seen.iter().filter(|a| a.header("if-none-match").is_some());
    assert!(looks.count() >= 1);
    let again = seen[2..].iter().filter(|a| a.header("if-match").is_some());
    assert_eq!(again.count(), 1);
}

/// Where nothing says how long an answer is, TLS says that it has ended.
#[test]
fn an_answer_of_unknown_length() {
    for cut in [None, Some(1000)] {
        let authority = ca("good");
        let web = Web::start_with(Some(identity(Some(&authority), "localhost", |_| {})), {
            move |_| {
                let mut answer = says("200 OK", workers(100));
                (answer.sized, answer.cut) = (false, cut);
                answer
            }
        });
        let rig = Rig::new();
        rig.write("ca.pem", authority.pem());
        pipeline(&rig, &format!("{}/w.csv", web.address), "");
        let mut command = crate::rostream(rig.folder(), &["check", "--report", "pipeline.yaml"]);
        command.env("BASE_URL", rig.base_url());
        command.env("SSL_CERT_FILE", rig.path("ca.pem"));
        let ended = rig.ended(command.output().unwrap());
        let warning = "does not say how long its answer is";
        match cut {
            None => {
                assert!(ended.stderr.contains(warning), "{}", ended.stderr);
                assert_eq!((ended.code, counted(&ended).0), (0, 100));
            }
            Some(_) => {
                assert_eq!(ended.code, 1, "{}", ended.stderr);
                assert_eq!(ended.report["error"]["code"], "network");
                assert!(ended.stderr.contains("it broke off after 1000 bytes"));
            }
        }
    }
}

#[test]
fn changed_between_the_passes() {
    let web = Web::start(|asked| match asked.number {
        0 => file(asked, workers(100).as_bytes(), "a"),
        _ => file(asked, workers(99).as_bytes(), "b"),
    });
    let rig = Rig::new();
    pipeline(&rig, &format!("{}/w.csv", web.address), "");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(ended.report["error"]["code"], "source_changed");
    assert_eq!(rig.taken(), (0, 0));
}

/// A report that is made for every request is asked for once, and read twice.
#[test]
fn made_for_every_request() {
    let web = Web::start(|_| says("200 OK", workers(5000)));
    let rig = Rig::new();
    pipeline(&rig, &format!("{}/report?format=csv", web.address), "");
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, counted(&ended)),
        (0, (5000, 5000)),
        "{}",
        ended.stderr
    );
    assert_eq!(web.seen().len(), 1);
}

#[test]
fn refused_in_words_that_say_what_to_do() {
    let check = |answer: fn(&Asked) -> Answer, https: &str, code: i32, error: &str, text: &str| {
        let web = Web::start(answer);
        let rig = Rig::new();
        pipeline(&rig, &format!("{}/w.csv", web.address), https);
        let ended = rig.tell_with(("TOKEN", "CANARY"), &["check", "pipeline.yaml"]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert_eq!(ended.report["error"]["code"], error);
        let expected = format!("error: {}/w.csv: {text}", web.address);
        assert_eq!(ended.stderr.lines().last(), Some(&*expected));
    };
    let bearer = "  https: { bearer: { env: TOKEN } }";
    check(
        |_| says("401 Unauthorized", "Mara Oduya"),
        bearer,
        2,
        "source_refused",
        "can't be read: the server does not accept who asks (401): check source.https.bearer",
    );
    check(
        |_| says("403 Forbidden", "Mara Oduya"),
        "",
        2,
        "source_refused",
        "can't be read: the server does not permit this (403): set source.https.basic, bearer or headers",
    );
    check(
        |_| says("404 Not Found", "Mara Oduya"),
        "",
        1,
        "source_missing",
        "no such file",
    );
    check(
        |_| says("500 Internal Server Error", "Mara Oduya"),
        "",
        1,
        "unavailable",
        "can't be read: the server answered 500 (Internal Server Error)",
    );
}

#[test]
fn a_secret_that_is_not_there() {
    let rig = Rig::new();
    pipeline(
        &rig,
        "https://127.0.0.1:1/w.csv",
        "  https: { basic: { user: a, password: { env: NONE } } }",
    );
    let (code, stderr) = rig.ask(&["check", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("pipeline.yaml:4:47: the environment variable NONE is not set"),
        "{stderr}"
    );
}

/// Pages as OData and Oracle have them.
fn page(asked: &Asked, paging: &str, pages: usize, rows: usize) -> Answer {
    let number: usize = match asked.path.split_once("skip=") {
        Some((_, number)) => number.parse().unwrap(),
        None => match asked.path.split_once("offset=") {
            Some((_, offset)) => offset.parse::<usize>().unwrap() / rows,
            None => 0,
        },
    };
    let rows: Vec<String> = (number * rows..(number + 1) * rows)
        .map(|id| {
            format!(r#"{{"employeeID":"{id:08}","fullName":"Zoë","links":[{{"rel":"next"}}]}}"#)
        })
        .collect();
    let rows = rows.join(",\n");
    let next = number + 1;
    let is_last = next == pages;
    let body = match (paging, is_last) {
        ("v2", true) => format!(r#"{{"d":{{"results":[{rows}]}}}}"#),
        ("v2", false) => format!(r#"{{"d":{{"results":[{rows}],"__next":"/u?skip={next}"}}}}"#),
        ("v4", true) => format!(r#"{{"value":[{rows}]}}"#),
        ("v4", false) => format!(r#"{{"@odata.nextLink":"u?skip={next}","value":[{rows}]}}"#),
        (_, is_last) => {
            let offset = number * 50;
            format!(
                r#"{{"items":[{rows}],"count":50,"hasMore":{},"limit":50,"offset":{offset}}}"#,
                !is_last
            )
        }
    };
    says("200 OK", body)
}

#[test]
fn pages_are_followed() {
    for (paging, setting, path) in [
        ("v2", "odata", "$.d.results"),
        ("v4", "odata", "$.value"),
        ("oracle", "oracle", "$.items"),
    ] {
        let web = Web::start(move |asked| {
            let mut answer = page(asked, paging, 4, 50);
            // A page that breaks off is asked for again.
            answer.cut = (asked.number == 1).then_some(100);
            answer
        });
        let rig = Rig::new();
        let json = format!(
            "  https: {{ paging: {setting} }}\n  json: {{ path: {path}, columns: [employeeID, fullName], unknown: ignore }}"
        );
        pipeline(&rig, &format!("{}/u?x=1", web.address), &json);
        let ended = rig.run(&[]);
        assert_eq!(
            (ended.code, counted(&ended)),
            (0, (200, 200)),
            "{}",
            ended.stderr
        );
        // Each page once, and the one that broke off twice; the second pass reads the copy.
        let seen = web.seen();
        assert_eq!(seen.len(), 5, "{seen:?}");
        assert_eq!(seen[0].header("accept"), Some("application/json"));
        assert_eq!(seen[1].path, seen[2].path);
    }
}

#[test]
fn pages_that_lead_nowhere() {
    let check = |answer: fn(&Asked) -> Answer, setting: &str, code: i32, text: &str| {
        let web = Web::start(answer);
        let rig = Rig::new();
        let json = format!("{setting}\n  json: {{ path: $.value, columns: [employeeID] }}");
        pipeline(&rig, &format!("{}/u", web.address), &json);
        let ended = rig.tell(&["check", "pipeline.yaml"]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        let last = ended.stderr.lines().last().unwrap();
        assert!(last.contains(text), "{last}");
    };
    let odata = "  https: { paging: odata }";
    check(
        |_| {
            says(
                "200 OK",
                r#"{"@odata.nextLink":"https://other.example/n","value":[{"employeeID":"1"}]}"#,
            )
        },
        odata,
        1,
        "page 1 of the extract can't be read: its link to the next page leads to another host",
    );
    check(
        |_| {
            says(
                "200 OK",
                r#"{"@odata.nextLink":"/u","value":[{"employeeID":"1"}]}"#,
            )
        },
        odata,
        1,
        "page 2 of the extract can't be read: the page before it leads to one that was read already",
    );
    check(
        |asked| match asked.number {
            0 => says(
                "200 OK",
                r#"{"@odata.nextLink":"/v","value":[{"employeeID":"1"}]}"#,
            ),
            _ => says("404 Not Found", ""),
        },
        odata,
        1,
        "page 2 of the extract can't be read: the server has no such file",
    );
    // Another sign than the one that is followed.
    check(
        |_| says("200 OK", r#"{"hasMore":true,"value":[{"employeeID":"1"}]}"#),
        odata,
        1,
        "the page says with its member `hasMore` that another page follows, but none does",
    );
    check(
        |_| {
            says(
                "200 OK",
                r#"{"@odata.nextLink":"/v","value":[{"employeeID":"1"}]}"#,
            )
        },
        "",
        1,
        "at a web server source.https.paging follows them",
    );
}

/// The pipelines that come with the program, against servers that answer as theirs do.
#[test]
fn the_examples() {
    let report = |_: &Asked| {
        says(
            "200 OK",
            r#"{"Report_Entry":[
                {"Worker_ID":"1","First_Name":"Ann","Last_Name":"Oh","Email":"a@x.example","Hire_Date":"2020-01-31-08:00"},
                {"Worker_ID":"2","First_Name":"Bo","Email":"b@x.example","Hire_Date":"2020-01-31","Manager_ID":"1"}]}"#,
        )
    };
    let odata = |asked: &Asked| match asked.path.contains("skiptoken") {
        false => says(
            "200 OK",
            r#"{"d":{"results":[{"__metadata":{"uri":"x"},"userId":"1","email":null,"hireDate":"/Date(1580428800000)/","manager":null}],
               "__next":"/odata/v2/User?$skiptoken=eyJ&x=1"}}"#,
        ),
        true => says(
            "200 OK",
            r#"{"d":{"results":[{"userId":"2","hireDate":"/Date(1580428800000+0000)/","manager":{"__metadata":{},"userId":"1"}}]}}"#,
        ),
    };
    let oracle = |asked: &Asked| match asked.path.ends_with("&offset=1") {
        false => says(
            "200 OK",
            r#"{"items":[{"PersonNumber":"1","FirstName":"Ann","HireDate":"2020-01-31"}],"count":1,"hasMore":true,"limit":1,"offset":0,"links":[]}"#,
        ),
        true => says(
            "200 OK",
            r#"{"items":[{"PersonNumber":"2","FirstName":"Bo","HireDate":"2020-01-31"}],"count":1,"hasMore":false,"limit":1,"offset":1}"#,
        ),
    };
    let check = |name: &str, web: Web, secret: &str| {
        let copy = Copy::new();
        let pipeline = format!("pipelines/{name}.yaml");
        let text = copy.read(&pipeline);
        let path = text
            .lines()
            .find_map(|line| line.strip_prefix("  path: https://"));
        let (_, path) = path.unwrap().split_once('/').unwrap();
        let at = format!("source.path={}/{path}", web.address);
        let args = ["run", &*pipeline, "--set", &*at];
        let output = crate::rostream(copy.folder(), &args)
            .env(secret, "CANARY")
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        let out = std::fs::read_dir(copy.folder().join("out")).unwrap();
        let report = out
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_str().unwrap().ends_with(".report.json"))
            .unwrap();
        let report: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
        assert_eq!(counts(&report), [2, 0, 0, 2, 2, 0], "{stderr}");
        for asked in web.seen() {
            assert!(asked.header("authorization").unwrap().starts_with("Basic "));
        }
    };
    check("workday-raas", Web::start(report), "WORKDAY_PASSWORD");
    check("successfactors-odata", Web::start(odata), "SF_PASSWORD");
    check("oracle-rest", Web::start(oracle), "ORACLE_PASSWORD");
}

/// Over a connection that nobody closes in words, an answer without a length that was cut off looks whole: nobody is deleted
/// for that, unless something else says that the extract is whole.
#[test]
fn nobody_is_deleted_for_an_answer_that_may_be_cut() {
    let run = |body: String, cut: Option<usize>, source: &str, deletes: bool| {
        let web = Web::start(move |_| {
            let mut answer = says("200 OK", &body);
            (answer.sized, answer.cut) = (false, cut);
            answer
        });
        let rig = Rig::new();
        let import = format!("identify_by: {{ id_key: employeeID }}\nimplicit_delete: {deletes}");
        rig.pipeline(
            &format!(
                "source: {{ path: {}/w, {source} }}\nvalidate: {{ key: employeeID }}\nguard: {{ min_rows: {{ first: 1 }} }}",
                web.address
            ),
            &import,
        );
        let ended = rig.run(&[]);
        (ended, rig.taken())
    };
    let whole = workers(100);
    let cut = whole.find("\n").unwrap() + 1 + whole.lines().nth(1).unwrap().len() + 1;
    let (ended, taken) = run(whole.clone(), Some(cut), "format: csv", true);
    assert_eq!((ended.code, taken), (4, (0, 0)), "{}", ended.stderr);
    let refused = "does not say how long its answer is";
    assert!(ended.error().contains(refused), "{}", ended.stderr);
    // Without deletion it is told, in the report, too.
    let (ended, _) = run(whole.clone(), Some(cut), "format: csv", false);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let warnings = ended.report["warnings"].to_string();
    assert!(warnings.contains(refused), "{warnings}");
    // What proves that it is whole.
    let stated = "format: csv, expect: { rows: 100 }";
    let json = r#"[{"employeeID":"1"},{"employeeID":"2"}]"#.to_owned();
    let xml =
        "<d><e><employeeID>1</employeeID></e><e><employeeID>2</employeeID></e></d>".to_owned();
    for (body, source) in [
        (whole, stated),
        (json, "format: json"),
        (xml, "format: xml"),
    ] {
        let (ended, _) = run(body, None, source, true);
        assert_eq!(ended.code, 0, "{source}: {}", ended.stderr);
        let warnings = ended.report["warnings"].to_string();
        assert!(!warnings.contains(refused), "{source}: {warnings}");
    }
}

/// Where a redirect leads out of https, nothing is sent.
#[test]
fn redirects_to_other_schemes() {
    for (to, told) in [
        ("file:///etc/passwd", "not https (file)"),
        (
            "http://example.invalid/w.csv",
            "not https (http at example.invalid)",
        ),
        (
            "ftp://example.invalid/w.csv",
            "not https (ftp at example.invalid)",
        ),
    ] {
        let web = Web::start(move |_| {
            let mut answer = says("302 Found", "");
            answer.headers.push(format!("Location: {to}"));
            answer
        });
        let rig = Rig::new();
        pipeline(&rig, &format!("{}/w.csv", web.address), "");
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(ended.error().contains(told), "{}", ended.stderr);
    }
}
