//! Sources at a real web server: nginx with TLS, ranges, conditions and a password, whose worker is killed in the middle.
//!
//! These tests need nginx, and are asked for: `cargo test --test it nginx:: -- --ignored`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::support::{Ended, Rig, free_port, signal, wait_until, workers};
use crate::tls::{ca, identity_pem};

/// Enough for some seconds at the rate of the slow folder.
const ROWS: u32 = 40_000;

struct Nginx {
    rig: Rig,
    child: Child,
    secure: u16,
    plain: u16,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it.
        signal("TERM", self.child.id());
        let _ = self.child.wait();
    }
}

impl Nginx {
    /// Starts it over a folder with `w.csv`.
    fn start() -> Nginx {
        let rig = Rig::new();
        let authority = ca("good");
        let (certificate, key) = identity_pem(&authority, "localhost");
        for folder in ["www", "nginx"] {
            fs::create_dir(rig.path(folder)).unwrap();
        }
        rig.write("ca.pem", authority.pem());
        rig.write("nginx/cert.pem", certificate);
        rig.write("nginx/key.pem", key);
        rig.write("nginx/users", "ISU_Orgvue@acme:{PLAIN}CANARY-42\n");
        // Of what was changed just now, the time of change tells nothing.
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        replace(&rig.path("www/w.csv"), &workers(ROWS), old);
        let (secure, plain) = (free_port(), free_port());
        let folder = rig.folder().display().to_string();
        let id = Command::new("id").arg("-u").output().unwrap();
        let user = match &*id.stdout {
            b"0\n" => "user root;",
            _ => "",
        };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|what| format!("{what}_temp_path {folder}/nginx/{what};\n"))
            .collect();
        rig.write(
            "nginx/nginx.conf",
            format!(
                "daemon off;\n{user}\nworker_processes 1;\npid {folder}/nginx/pid;\n\
                 error_log {folder}/nginx/error.log;\nevents {{}}\nhttp {{\n{temporary}\
                 log_format short '$request_method $uri $status $http_range';\n\
                 access_log {folder}/nginx/access.log short;\n\
                 server {{ listen 127.0.0.1:{plain}; location /status {{ stub_status; }} }}\n\
                 server {{\nlisten 127.0.0.1:{secure} ssl;\nserver_name localhost;\n\
                 ssl_certificate {folder}/nginx/cert.pem;\nssl_certificate_key {folder}/nginx/key.pem;\n\
                 default_type text/csv;\nroot {folder}/www;\n\
                 location /slow/ {{ alias {folder}/www/; limit_rate 700k; }}\n\
                 location /timed/ {{ alias {folder}/www/; etag off; }}\n\
                 location /whole/ {{ alias {folder}/www/; max_ranges 0; }}\n\
                 location /private/ {{ alias {folder}/www/; auth_basic HR; auth_basic_user_file {folder}/nginx/users; }}\n\
                 location /login {{ default_type text/html; return 200 '<html>log in</html>'; }}\n\
                 location /moved/ {{ return 302 /private/w.csv; }}\n}}\n}}\n"
            ),
        );
        let conf = rig.path("nginx/nginx.conf");
        let child = Command::new("nginx")
            .args(["-p", &folder, "-c"])
            .arg(conf)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let nginx = Nginx {
            rig,
            child,
            secure,
            plain,
        };
        wait_until("nginx answers", || nginx.writing().is_some());
        nginx
    }

    /// How many answers it is writing, that to this question included.
    fn writing(&self) -> Option<u32> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.plain)).ok()?;
        let asked = b"GET /status HTTP/1.0\r\n\r\n";
        stream.write_all(asked).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (_, rest) = answer.split_once("Writing: ")?;
        rest.split(' ').next()?.parse().ok()
    }

    /// Kills what answers; another one takes its place.
    fn kill_worker(&self) {
        let master = self.child.id();
        let children = format!("/proc/{master}/task/{master}/children");
        let children = fs::read_to_string(children).unwrap();
        for worker in children.split_whitespace() {
            signal("KILL", worker.parse().unwrap());
        }
    }

    /// Writes a pipeline whose source is at a path of the server.
    fn pipeline(&self, path: &str, more: &str) {
        let port = self.secure;
        self.rig.pipeline(
            &format!(
                "source:\n  path: https://localhost:{port}{path}\n{more}\nvalidate: {{ key: employeeID }}\nrejects: {{ at_most: 1% }}"
            ),
            "identify_by: { id_key: employeeID }",
        );
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = crate::rostream(self.rig.folder(), args);
        command
            .env("BASE_URL", self.rig.base_url())
            .env("SSL_CERT_FILE", self.rig.path("ca.pem"))
            .env("PASSWORD", "CANARY-42")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn ended(&self, args: &[&str]) -> Ended {
        self.rig.ended(self.command(args).output().unwrap())
    }

    /// The lines of its log: method, path, status, range.
    fn log(&self) -> String {
        self.rig.read("nginx/access.log")
    }
}

fn is_done(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.report["counts"]["read"], ROWS);
}

#[test]
#[ignore = "needs nginx"]
fn every_way_to_a_file_makes_the_same_upload() {
    let nginx = Nginx::start();
    let who = "  https: { basic: { user: ISU_Orgvue@acme, password: { env: PASSWORD } } }";
    nginx.rig.pipeline(
        "source: { path: www/w.csv }\nvalidate: { key: employeeID }\nrejects: { at_most: 1% }",
        "identify_by: { id_key: employeeID }",
    );
    is_done(&nginx.ended(&["run", "pipeline.yaml"]));
    let expected = nginx.rig.uploaded();
    for (path, more) in [
        ("/w.csv", ""),
        ("/w.csv", "  keep: encrypted"),
        ("/timed/w.csv", ""),
        ("/whole/w.csv", ""),
        ("/private/w.csv", who),
        ("/moved/w.csv", who),
    ] {
        nginx.pipeline(path, more);
        is_done(&nginx.ended(&["run", "pipeline.yaml"]));
        assert!(nginx.rig.uploaded() == expected, "{path}");
    }
    // The file was looked at between the passes.
    assert!(nginx.log().contains("GET /w.csv 304 -"), "{}", nginx.log());
    assert!(nginx.log().contains("GET /timed/w.csv 304 -"));
}

#[test]
#[ignore = "needs nginx"]
fn a_worker_that_dies_in_the_middle() {
    let nginx = Nginx::start();
    nginx.pipeline("/slow/w.csv", "");
    let run = nginx
        .command(&["check", "--report", "pipeline.yaml"])
        .spawn()
        .unwrap();
    wait_until("the file is on its way", || nginx.writing() >= Some(2));
    nginx.kill_worker();
    let ended = nginx.rig.ended(run.wait_with_output().unwrap());
    is_done(&ended);
    assert!(
        ended.stderr.contains("; going on at byte "),
        "{}",
        ended.stderr
    );
    assert!(nginx.log().contains(" 206 bytes="), "{}", nginx.log());
}

#[test]
#[ignore = "needs nginx"]
fn a_file_that_is_replaced_while_it_is_read() {
    let nginx = Nginx::start();
    nginx.pipeline("/slow/w.csv", "");
    let run = nginx
        .command(&["check", "--report", "pipeline.yaml"])
        .spawn()
        .unwrap();
    wait_until("the file is on its way", || nginx.writing() >= Some(2));
    let other = workers(ROWS + 1);
    replace(&nginx.rig.path("www/w.csv"), &other, SystemTime::now());
    nginx.kill_worker();
    let ended = nginx.rig.ended(run.wait_with_output().unwrap());
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(ended.report["error"]["code"], "source_changed");
}

fn replace(path: &Path, text: &str, modified: SystemTime) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    let file = fs::File::options().write(true).open(&beside).unwrap();
    file.set_modified(modified).unwrap();
    fs::rename(beside, path).unwrap();
}

#[test]
#[ignore = "needs nginx"]
fn what_is_refused() {
    let nginx = Nginx::start();
    let check = |path: &str, code: i32, error: &str| {
        nginx.pipeline(path, "");
        let ended = nginx.ended(&["check", "--report", "pipeline.yaml"]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert_eq!(ended.report["error"]["code"], error, "{path}");
    };
    check("/private/w.csv", 2, "source_refused");
    check("/login", 2, "source_refused");
    check("/none.csv", 1, "source_missing");
}
