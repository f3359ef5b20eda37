//! TLS and proxies, against servers with certificates of a CA made here. What can't be trusted ends the run at once;
//! nothing switches that off.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::{outcome, rostream};

pub type Ca = CertifiedIssuer<'static, KeyPair>;

pub fn ca(name: &str) -> Ca {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

pub type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A certificate for a name, changed before it is signed; by a CA, or by itself.
pub fn identity(
    by: Option<&Ca>,
    name: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> Identity {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = match by {
        Some(ca) => params.signed_by(&key, ca).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    (certificate.der().clone(), key)
}

/// A certificate for a name by a CA, and its key, as PEM.
pub fn identity_pem(by: &Ca, name: &str) -> (String, String) {
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// An API and a storage in one, over TLS.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Server {
    /// `etag` is what it says of every upload.
    fn start((certificate, key): Identity, etag: fn(&[u8]) -> String) -> Server {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, seen) = (
            Arc::<AtomicUsize>::default(),
            Arc::<Mutex<Vec<_>>>::default(),
        );
        let (count, log) = (connections.clone(), seen.clone());
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (acceptor, log) = (acceptor.clone(), log.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let (head, body) = request(&mut stream).await;
                    let answer = answer(port, &head, &body, etag);
                    log.lock().unwrap().push(head);
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Server {
            port,
            connections,
            seen,
            _runtime: runtime,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    fn imports(&self) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|head| head.contains("/items/import"))
            .count()
    }
}

/// A request's head and body.
pub async fn request(stream: &mut (impl AsyncReadExt + Unpin)) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return (String::new(), bytes);
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8(bytes).unwrap();
    let length = head.to_lowercase().lines().find_map(|line| {
        let length = line.strip_prefix("content-length: ")?;
        length.parse::<usize>().ok()
    });
    while body.len() < length.unwrap_or(0) {
        if stream.read_buf(&mut body).await.unwrap_or(0) == 0 {
            break;
        }
    }
    (head, body)
}

fn answer(port: u16, head: &str, body: &[u8], etag: fn(&[u8]) -> String) -> String {
    let url = |path: &str| format!("https://localhost:{port}/{path}?X-Amz-Signature=CANARY");
    let (extra, text) = if head.starts_with("POST ") {
        let (put, get) = (url("put"), url("get"));
        (String::new(), format!(r#"{{"put":"{put}","get":"{get}"}}"#))
    } else if head.starts_with("PUT /put") {
        (format!("ETag: {}\r\n", etag(body)), String::new())
    } else if head.starts_with("GET /results") {
        let result = r#"[{"_id":"1","_action":"create","_status":"success"}]"#;
        (String::new(), result.to_owned())
    } else {
        let (ticket, results) = (url("ticket"), url("results"));
        (
            String::new(),
            format!(
                r#"{{"jobStatus":"completed","_links":{{"self":{{"url":"{ticket}"}},"result":{{"url":"{results}"}}}}}}"#
            ),
        )
    };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{extra}Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}

fn md5_of(body: &[u8]) -> String {
    use md5::{Digest, Md5};
    let digits = Md5::digest(body)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect::<String>();
    format!("\"{digits}\"")
}

fn other_md5(_: &[u8]) -> String {
    "\"00000000000000000000000000000000\"".to_owned()
}

/// Runs a pipeline of one row against a port of this machine; `env` are further variables.
fn run(dir: &Path, base: &str, env: &[(&str, &str)]) -> (i32, String) {
    fs::write(dir.join("w.csv"), "employeeID,name\n00000001,Ann\n").unwrap();
    let pipeline = format!(
        "version: 1\nsource: {{ path: w.csv }}\nupload: {{ attempts: 2 }}\ntarget:\n  orgvue:\n    \
         base_url: {base}\n    tenant: ACME\n    dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2\n    \
         token: {{ env: TOKEN }}\n    action: create\n"
    );
    fs::write(dir.join("p.yaml"), pipeline).unwrap();
    let mut command = rostream(dir, &["run", "p.yaml", "-vvv"]);
    command
        .env("TOKEN", "eyJ.CANARY.x")
        .env("RUST_LOG", "trace");
    command.envs(env.iter().copied());
    let (code, stdout, stderr) = outcome(command.output().unwrap());
    for secret in ["CANARY", "X-Amz-Signature", "Ann"] {
        assert!(!stdout.contains(secret), "{secret} in {stdout}");
        assert!(!stderr.contains(secret), "{secret} in {stderr}");
    }
    (code, stderr)
}

/// The report that a run left.
fn report(dir: &Path) -> serde_json::Value {
    let mut entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let path = entries.find(|path| path.to_str().unwrap().ends_with(".report.json"));
    serde_json::from_slice(&fs::read(path.unwrap()).unwrap()).unwrap()
}

#[test]
fn a_ca_of_your_own() {
    let ca = ca("good");
    let server = Server::start(identity(Some(&ca), "localhost", |_| {}), md5_of);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    fs::write(&file, ca.pem()).unwrap();
    let base = format!("https://localhost:{}", server.port);
    let env = [("SSL_CERT_FILE", file.to_str().unwrap())];
    let (code, stderr) = run(dir.path(), &base, &env);
    assert_eq!(code, 0, "{stderr}");
    let upload = &report(dir.path())["upload"];
    assert_eq!(
        (&upload["verified"], &upload["attempts"]),
        (&true.into(), &1.into())
    );
    // The storage never saw the token.
    let seen = server.seen.lock().unwrap();
    for head in seen.iter() {
        let to_api = head.contains(" /api/v1/");
        assert_eq!(
            head.to_lowercase().contains("authorization:"),
            to_api,
            "{head}"
        );
    }
    assert!(seen.len() >= 4);
}

#[test]
fn what_is_changed_on_the_way_is_noticed_over_https_without_being_asked() {
    let ca = ca("good");
    let server = Server::start(identity(Some(&ca), "localhost", |_| {}), other_md5);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    fs::write(&file, ca.pem()).unwrap();
    let base = format!("https://localhost:{}", server.port);
    let env = [("SSL_CERT_FILE", file.to_str().unwrap())];
    let (code, stderr) = run(dir.path(), &base, &env);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("stored other bytes than were sent"),
        "{stderr}"
    );
    assert_eq!(report(dir.path())["upload"]["attempts"], 2);
    assert_eq!(server.imports(), 0);
}

#[test]
fn what_cannot_be_trusted() {
    let (ca, other) = (ca("good"), self::ca("other"));
    let check = |identity: Identity, reason: &str| {
        let server = Server::start(identity, md5_of);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        fs::write(&file, ca.pem()).unwrap();
        let base = format!("https://localhost:{}", server.port);
        let env = [("SSL_CERT_FILE", file.to_str().unwrap())];
        let (code, stderr) = run(dir.path(), &base, &env);
        assert_eq!(code, 1, "{stderr}");
        let last = stderr.lines().last().unwrap();
        let expected = format!(
            "error: cannot list the tenant's data sets: no trusted connection to localhost:{}: ",
            server.port
        );
        assert!(
            last.starts_with(&expected) && last.contains(reason),
            "{last}"
        );
        // Another try can't end differently.
        assert_eq!(server.connections(), 1, "{stderr}");
    };
    check(identity(Some(&other), "localhost", |_| {}), "UnknownIssuer");
    check(
        identity(Some(&ca), "orgvue.example", |_| {}),
        "not valid for name",
    );
    check(
        identity(Some(&ca), "localhost", |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }),
        "expired",
    );
    check(
        identity(None, "localhost", |_| {}),
        "invalid peer certificate",
    );
}

#[test]
fn an_api_that_cannot_be_reached() {
    let closed = crate::support::free_port();
    let resets = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let reset = resets.local_addr().unwrap().port();
    std::thread::spawn(move || {
        // Closed with the client's hello unread, which resets the connection.
        for stream in resets.incoming() {
            std::thread::sleep(std::time::Duration::from_millis(50));
            drop(stream);
        }
    });
    let check = |port: u16| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        fs::write(&file, ca("good").pem()).unwrap();
        let env = [("SSL_CERT_FILE", file.to_str().unwrap())];
        let (code, stderr) = run(dir.path(), &format!("https://localhost:{port}"), &env);
        assert_eq!(code, 1, "{stderr}");
        assert_eq!(stderr.matches("; trying again").count(), 3, "{stderr}");
        let last = stderr.lines().last().unwrap();
        assert!(
            last.starts_with("error: cannot list the tenant's data sets: "),
            "{last}"
        );
        assert!(last.contains(&format!("localhost:{port}")), "{last}");
    };
    std::thread::scope(|scope| {
        for port in [closed, reset] {
            scope.spawn(move || check(port));
        }
    });
}

#[test]
fn a_server_that_speaks_no_tls() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    fs::write(&file, ca("good").pem()).unwrap();
    let env = [("SSL_CERT_FILE", file.to_str().unwrap())];
    let (code, stderr) = run(dir.path(), &format!("https://localhost:{port}"), &env);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("no trusted connection to localhost"),
        "{stderr}"
    );
    served.join().unwrap();
}

/// A proxy that opens tunnels; how many it was asked for, and with which heads. `cut` says which of them, from 0, it
/// cuts when the client has sent so many bytes.
struct Proxy {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Proxy {
    fn start(answer: &'static str, cut: Option<usize>) -> Proxy {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let log = heads.clone();
        runtime.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let log = log.clone();
                tokio::spawn(async move {
                    let (head, _) = request(&mut client).await;
                    let to = head
                        .split_whitespace()
                        .nth(1)
                        .unwrap_or_default()
                        .to_owned();
                    let before = {
                        let mut log = log.lock().unwrap();
                        log.push(head);
                        log.len() - 1
                    };
                    let _ = client.write_all(answer.as_bytes()).await;
                    if !answer.starts_with("HTTP/1.1 200") || cut == Some(before) {
                        return;
                    }
                    let to = to.replace("localhost", "127.0.0.1");
                    if let Ok(mut server) = TcpStream::connect(to).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Proxy {
            port,
            heads,
            _runtime: runtime,
        }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

const TUNNEL: &str = "HTTP/1.1 200 OK\r\n\r\n";

#[test]
fn through_a_proxy_and_past_it() {
    let ca = ca("good");
    let server = Server::start(identity(Some(&ca), "localhost", |_| {}), md5_of);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    fs::write(&file, ca.pem()).unwrap();
    let file = file.to_str().unwrap();
    let base = format!("https://localhost:{}", server.port);

    let proxy = Proxy::start(TUNNEL, None);
    let address = format!("http://user:CANARYPASSWORD@127.0.0.1:{}", proxy.port);
    let env = [("SSL_CERT_FILE", file), ("HTTPS_PROXY", &address)];
    let (code, stderr) = run(dir.path(), &base, &env);
    assert_eq!(code, 0, "{stderr}");
    let heads = proxy.heads();
    assert!(heads.len() >= 4, "{heads:?}");
    // Host and port are all that it sees of an address.
    for head in &heads {
        assert!(head.starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", server.port)));
        assert!(
            !head.contains("CANARY") && !head.contains("X-Amz"),
            "{head}"
        );
    }

    let env = [
        ("SSL_CERT_FILE", file),
        ("HTTPS_PROXY", &address),
        ("NO_PROXY", "localhost"),
    ];
    let (code, stderr) = run(dir.path(), &base, &env);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(proxy.heads().len(), heads.len());
}

#[test]
fn a_proxy_that_dies_in_the_upload() {
    let ca = ca("good");
    let server = Server::start(identity(Some(&ca), "localhost", |_| {}), md5_of);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    fs::write(&file, ca.pem()).unwrap();
    // datasets, generate, put, generate, put ...
    let proxy = Proxy::start(TUNNEL, Some(2));
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let env = [
        ("SSL_CERT_FILE", file.to_str().unwrap()),
        ("HTTPS_PROXY", &address),
    ];
    let base = format!("https://localhost:{}", server.port);
    let (code, stderr) = run(dir.path(), &base, &env);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(report(dir.path())["upload"]["attempts"], 2);
    assert_eq!(server.imports(), 1);
}

#[test]
fn a_proxy_that_wants_another_password() {
    let refused = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    let proxy = Proxy::start(refused, None);
    let address = format!("http://user:CANARYPASSWORD@127.0.0.1:{}", proxy.port);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    fs::write(&file, ca("good").pem()).unwrap();
    let env = [
        ("SSL_CERT_FILE", file.to_str().unwrap()),
        ("HTTPS_PROXY", &address),
    ];
    let (code, stderr) = run(dir.path(), "https://orgvue.example", &env);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("the proxy refuses to connect to orgvue.example"),
        "{stderr}"
    );
    assert_eq!(proxy.heads().len(), 1);
}
