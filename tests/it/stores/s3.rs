//! Files in buckets of a real server: moto, which speaks S3 and is not ours (`pip install 'moto[server]'`).
//!
//! These tests need it, and are asked for: `cargo test --features buckets --test it stores::s3:: -- --ignored`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::support::{Ended, Rig, free_port, signal, wait_until, workers};

struct Moto {
    rig: Rig,
    child: Child,
    port: u16,
}

impl Drop for Moto {
    fn drop(&mut self) {
        // A shim of pyenv's may stand before it: the whole group.
        signal("KILL", self.child.id());
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args(["-s", "KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = self.child.wait();
    }
}

impl Moto {
    fn start() -> Moto {
        let port = free_port();
        let child = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("moto_server is installed (pip install 'moto[server]')");
        let moto = Moto {
            rig: Rig::new(),
            child,
            port,
        };
        wait_until("moto answers", || moto.ask("GET", "/", b"").is_some());
        assert_eq!(moto.ask("PUT", "/hr-extracts", b""), Some(200));
        moto
    }

    /// The status of an answer.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Option<u16> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer);
        answer.split(' ').nth(1)?.parse().ok()
    }

    fn put(&self, key: &str, body: impl AsRef<[u8]>) {
        let path = format!("/hr-extracts/{key}");
        assert_eq!(self.ask("PUT", &path, body.as_ref()), Some(200), "{key}");
    }

    fn run(&self, path: &str, args: &[&str]) -> Ended {
        self.rig.pipeline(
            &format!(
                "source:\n  path: {path}\n  bucket: {{ endpoint: 'http://127.0.0.1:{}', region: eu-central-1 }}\n\
                 validate: {{ key: employeeID }}",
                self.port
            ),
            "identify_by: { id_key: employeeID }",
        );
        let mut command = crate::rostream(self.rig.folder(), args);
        command
            .env("BASE_URL", self.rig.base_url())
            .env("AWS_ACCESS_KEY_ID", "AKIAMOTO")
            .env("AWS_SECRET_ACCESS_KEY", "CANARYSECRET");
        self.rig.ended(command.output().unwrap())
    }
}

#[test]
#[ignore = "needs moto_server"]
fn a_bucket_gives_what_a_file_gives() {
    let text = workers(50_000);
    let (first, second) = text.split_at(text.len() / 2 + 24);
    let cut = first.rfind('\n').unwrap() + 1;
    let (first, second) = (
        &text[..cut],
        format!("employeeID,fullName\n{}{second}", &first[cut..]),
    );
    let moto = Moto::start();
    moto.put("in/w-1.csv", first);
    moto.put("in/w-2%20b.csv", &second);
    moto.put("in/w-old/w-3.csv", "x");
    moto.put("in/other.csv", "x");
    let ended = moto.run("s3://hr-extracts/in/w-*.csv", &["run", "pipeline.yaml"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.count("accepted"), 50_000);
    assert_eq!(
        ended.report["sources"][1]["path"],
        "s3://hr-extracts/in/w-2 b.csv"
    );
    let uploaded = moto.rig.uploaded();

    let rig = Rig::new();
    rig.write("w.csv", &text);
    rig.pipeline(
        "source: { path: w.csv }\nvalidate: { key: employeeID }",
        "identify_by: { id_key: employeeID }",
    );
    assert_eq!(rig.run(&[]).code, 0);
    assert!(uploaded == rig.uploaded());
}

#[test]
#[ignore = "needs moto_server"]
fn one_file_packed_and_picked() {
    let moto = Moto::start();
    moto.put("a/w-1.csv", "employeeID\n1\n");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let packed = {
        let rig = &moto.rig;
        rig.write("w.csv", workers(1000));
        let gzip = Command::new("gzip")
            .args(["-c", "w.csv"])
            .current_dir(rig.folder())
            .output();
        gzip.unwrap().stdout
    };
    moto.put("a/w-0.csv.gz", packed);
    let ended = moto.run(
        "s3://hr-extracts/a/w-*\n  pick: newest",
        &["check", "--report", "pipeline.yaml"],
    );
    assert_eq!(
        (ended.code, ended.count("read")),
        (0, 1000),
        "{}",
        ended.stderr
    );
    let ended = moto.run(
        "s3://hr-extracts/a/w-1.csv",
        &["check", "--report", "pipeline.yaml"],
    );
    assert_eq!(
        (ended.code, ended.count("read")),
        (0, 1),
        "{}",
        ended.stderr
    );
}

#[test]
#[ignore = "needs moto_server"]
fn a_list_of_many_pages() {
    let moto = Moto::start();
    for id in 0..1005 {
        moto.put(&format!("many/{id:04}.csv"), format!("employeeID\n{id}\n"));
    }
    let ended = moto.run(
        "s3://hr-extracts/many/*.csv",
        &["check", "--report", "pipeline.yaml"],
    );
    assert_eq!(
        (ended.code, ended.count("read")),
        (0, 1005),
        "{}",
        ended.stderr
    );
}

#[test]
#[ignore = "needs moto_server"]
fn what_is_not_there() {
    let moto = Moto::start();
    for (path, code, expected) in [
        (
            "s3://hr-extracts/w.csv",
            1,
            "s3://hr-extracts/w.csv: no such file",
        ),
        (
            "s3://hr-extracts/in/*.csv",
            1,
            "s3://hr-extracts/in/*.csv: no file matches",
        ),
        (
            "s3://none/w.csv",
            2,
            "there is no bucket none (NoSuchBucket)",
        ),
        (
            "s3://none/*.csv",
            2,
            "there is no bucket none (NoSuchBucket)",
        ),
    ] {
        let ended = moto.run(path, &["check", "--report", "pipeline.yaml"]);
        assert_eq!(ended.code, code, "{path}: {}", ended.stderr);
        ended.says(expected);
    }
}
