//! Queries of a real PostgreSQL (Debian's `postgresql`), which each test starts for itself.
//!
//! These tests need it, and are asked for: `cargo test --features sql --test it stores::postgres:: -- --ignored`.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Ended, Rig, free_port, signal, wait_until};
use crate::tls::{ca, identity_pem};

const PASSWORD: &str = "CANARY:p@ss/w%rd";
const ENCODED: &str = "CANARY%3Ap%40ss%2Fw%25rd";

struct Postgres {
    rig: Rig,
    /// Who may run it, where the tests' own user may not.
    user: Option<(u32, u32)>,
    folder: tempfile::TempDir,
    child: Option<Child>,
    port: u16,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // At once, without its clients' leave.
            signal("QUIT", child.id());
            let _ = child.wait();
        }
    }
}

/// A program of the newest PostgreSQL here.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.unwrap().path().join("bin").join(name))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}

fn id(args: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(args).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .ok()
}

impl Postgres {
    /// Starts a server without TLS.
    fn start() -> Postgres {
        Postgres::start_with(&[])
    }

    fn start_with(settings: &[&str]) -> Postgres {
        // It does not run as root.
        let user = match id(&["-u"]) {
            Some(0) => Some((
                id(&["-u", "postgres"]).expect("postgresql is installed"),
                id(&["-g", "postgres"]).unwrap(),
            )),
            _ => None,
        };
        let folder = tempfile::tempdir().unwrap();
        let mut postgres = Postgres {
            rig: Rig::new(),
            user,
            folder,
            child: None,
            port: free_port(),
        };
        postgres.own("password", PASSWORD);
        let authority = ca("good");
        let (certificate, key) = identity_pem(&authority, "localhost");
        postgres.own("cert.pem", &certificate);
        postgres.own("key.pem", &key);
        postgres.rig.write("ca.pem", authority.pem());
        postgres.rig.write("other.pem", ca("other").pem());
        if let Some((uid, gid)) = user {
            chown(postgres.folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let made = postgres
            .command("initdb")
            .args([
                "-D",
                "data",
                "-U",
                "hr",
                "-A",
                "scram-sha-256",
                "--pwfile",
                "password",
            ])
            .args(["-E", "UTF8", "--locale", "C", "--no-sync"])
            .output()
            .expect("postgresql is installed");
        assert!(made.status.success(), "{made:?}");
        let port = postgres.port.to_string();
        let child = postgres
            .command("postgres")
            .args(["-D", "data", "-p", &port, "-c", "fsync=off"])
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
            ])
            .args(settings.iter().flat_map(|setting| ["-c", *setting]))
            .stdout(Stdio::null())
            .stderr(fs::File::create(postgres.rig.path("postgres.log")).unwrap())
            .spawn()
            .unwrap();
        postgres.child = Some(child);
        wait_until("PostgreSQL answers", || {
            postgres.psql("SELECT 1").status.success()
        });
        postgres
    }

    fn own(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((uid, gid)) = self.user {
            chown(&path, Some(uid), Some(gid)).unwrap();
        }
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command.current_dir(self.folder.path());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn psql(&self, sql: &str) -> Output {
        Command::new(program("psql"))
            .env("PGPASSWORD", PASSWORD)
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-U",
                "hr",
                "-d",
                "postgres",
            ])
            .args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .output()
            .unwrap()
    }

    fn does(&self, sql: &str) {
        let output = self.psql(sql);
        assert!(output.status.success(), "{output:?}");
    }

    fn url(&self) -> String {
        format!("postgres://hr:{ENCODED}@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs a pipeline over a query.
    fn run(&self, url: &str, sql: &str, more: &str, args: &[&str]) -> Ended {
        self.rig.write("q.sql", sql);
        self.rig.pipeline(
            &format!("source:\n  sql: {{ url: {{ env: DB }}, query_file: q.sql }}\n{more}"),
            "identify_by: { id_key: id }",
        );
        let mut command = crate::rostream(self.rig.folder(), args);
        command.env("BASE_URL", self.rig.base_url()).env("DB", url);
        self.rig.ended(command.output().unwrap())
    }

    #[track_caller]
    fn fails(&self, url: &str, sql: &str, code: i32, expected: &str) {
        let ended = self.run(url, sql, "", &["run", "pipeline.yaml"]);
        assert_eq!(ended.code, code, "{sql}: {}", ended.stderr);
        ended.says(expected);
        assert_eq!(self.rig.taken(), (0, 0), "{sql}");
    }
}

#[test]
#[ignore = "needs PostgreSQL"]
fn rows_are_those_of_a_file() {
    let postgres = Postgres::start();
    postgres.does(
        "CREATE TABLE p (id text, born date, at timestamptz, salary numeric(20,2), n bigint, f float8, active bool, \
         grade text, tags text[], doc jsonb, raw bytea); \
         INSERT INTO p VALUES \
         ('00012', '1980-02-29', '2026-11-27 08:30:00.25+00', 1234567890123456.10, 9007199254740993, 0.1, true, '', \
          '{a,\"b c\"}', '{\"a\": 1}', '\\x00ff'), \
         (E'a\\t\"b\"\\\\\\nZoë', NULL, NULL, NULL, NULL, 'NaN', false, NULL, NULL, NULL, NULL); \
         ALTER DATABASE postgres SET DateStyle = 'German'; ALTER DATABASE postgres SET TimeZone = 'UTC'",
    );
    let ended = postgres.run(
        &postgres.url(),
        "SELECT * FROM p ORDER BY id; -- all\n",
        "",
        &["run", "pipeline.yaml"],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let name = format!("postgres://127.0.0.1:{}/postgres", postgres.port);
    assert_eq!(ended.report["sources"][0]["path"], name);
    let uploaded = postgres.rig.uploaded();

    let rig = Rig::new();
    rig.write(
        "p.ndjson",
        "{\"id\":\"00012\",\"born\":\"1980-02-29\",\"at\":\"2026-11-27 08:30:00.25+00\",\"salary\":1234567890123456.10,\
         \"n\":9007199254740993,\"f\":0.1,\"active\":true,\"grade\":\"\",\"tags\":\"{a,\\\"b c\\\"}\",\
         \"doc\":\"{\\\"a\\\": 1}\",\"raw\":\"\\\\x00ff\"}\n\
         {\"id\":\"a\\t\\\"b\\\"\\\\\\nZoë\",\"born\":null,\"at\":null,\"salary\":null,\"n\":null,\"f\":\"NaN\",\
         \"active\":false,\"grade\":null,\"tags\":null,\"doc\":null,\"raw\":null}\n",
    );
    rig.pipeline("source: { path: p.ndjson }", "identify_by: { id_key: id }");
    assert_eq!(rig.run(&[]).code, 0);
    assert_eq!(
        String::from_utf8(uploaded),
        String::from_utf8(rig.uploaded())
    );
}

/// Both passes see one state of the database, and the rejected row as it was.
#[test]
#[ignore = "needs PostgreSQL"]
fn many_rows_are_asked_for_once() {
    let postgres = Postgres::start_with(&["log_statement=all"]);
    let sql = "SELECT lpad(i::text, 8, '0') AS id, CASE WHEN i = 7 THEN 'bad' ELSE 'G1' END AS grade \
               FROM generate_series(1, 60000) AS i";
    let more = "  keep: encrypted\nvalidate: { key: id, columns: { grade: { one_of: [G1] } } }";
    let ended = postgres.run(&postgres.url(), sql, more, &["run", "pipeline.yaml"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert_eq!(
        (ended.count("read"), ended.count("accepted")),
        (60_000, 59_999)
    );
    let rejects = fs::read_dir(postgres.rig.folder()).unwrap();
    let rejects = rejects.map(|entry| entry.unwrap().path());
    let mut rejects = rejects.filter(|path| path.display().to_string().contains("/rejects."));
    let rejects = fs::read_to_string(rejects.next().unwrap()).unwrap();
    assert!(
        rejects.contains("00000007") && rejects.contains("bad"),
        "{rejects}"
    );
    let log = postgres.rig.read("postgres.log");
    // Asked once, and looked at once before.
    assert_eq!(log.matches("statement: SELECT lpad").count(), 1, "{log}");
    assert!(log.contains("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"));
}

#[test]
#[ignore = "needs PostgreSQL"]
fn what_cannot_be_asked_says_why() {
    let postgres = Postgres::start();
    postgres.does("CREATE TABLE p (id text); INSERT INTO p VALUES ('CANARY'); CREATE ROLE poor LOGIN PASSWORD 'x'");
    let url = postgres.url();
    for (sql, code, expected) in [
        (
            "SELECT id\n  FORM p",
            2,
            "line 2, column 8 of the query: syntax error at or near \"p\" (42601)",
        ),
        (
            "SELECT nme FROM p",
            2,
            "line 1, column 8 of the query: column \"nme\" does not exist (42703)",
        ),
        (
            "SELECT id, id FROM p",
            2,
            "the query gives two columns that are called `id`",
        ),
        ("SELECT FROM p", 2, "the query gives no columns"),
        (
            "SELECT 1 AS id; DROP TABLE p",
            2,
            "cannot insert multiple commands into a prepared statement",
        ),
        (
            "DELETE FROM p RETURNING id",
            2,
            "the query would change something, and it may only read (25006",
        ),
        (
            "SELECT $1 AS id",
            2,
            "the query has parameters such as `$1`",
        ),
        (
            "SELECT id::int AS id FROM p",
            1,
            "the server ended the query with an error: a value does not fit what the query does with it (22P02)",
        ),
        ("SELECT id FROM p WHERE false", 1, "the file is empty"),
    ] {
        postgres.fails(&url, sql, code, expected);
    }
    let with = |from: &str, to: &str| url.replace(from, to);
    for (url, expected) in [
        (
            with("CANARY", "WRONG"),
            "the server does not let us in (28P01: password authentication failed for user \"hr\")",
        ),
        (
            with("/postgres", "/none"),
            "the server does not let us in (3D000: database \"none\" does not exist)",
        ),
        (
            with(&format!("hr:{ENCODED}"), "poor:x"),
            "whoever asks has no right to read this (42501",
        ),
        (url.clone() + "?sslmode=require", "has no TLS"),
        (
            "CANARY".to_owned(),
            "the address of source.sql.url is not `postgres://user:password@host/database`",
        ),
    ] {
        postgres.fails(&url, "SELECT id FROM p", 2, expected);
    }
    let more = "nothing: ok";
    let ended = postgres.run(
        &url,
        "SELECT id FROM p WHERE false",
        &format!("  {more}"),
        &["run", "pipeline.yaml"],
    );
    assert_eq!(
        (ended.code, postgres.rig.taken()),
        (0, (0, 0)),
        "{}",
        ended.stderr
    );
}

/// Rows before a break are no extract.
#[test]
#[ignore = "needs PostgreSQL"]
fn a_query_that_breaks_off_sends_nothing() {
    let postgres = Postgres::start();
    let ends = "SELECT CASE WHEN i = 50000 THEN pg_terminate_backend(pg_backend_pid())::text ELSE i::text END AS id \
                FROM generate_series(1, 60000) AS i";
    postgres.fails(
        &postgres.url(),
        ends,
        1,
        "rows; a query can't be taken up where it broke, and nothing of it is used",
    );
    // A fault in the last row.
    let faulty = "SELECT i AS id, 1 / (60000 - i) AS n FROM generate_series(1, 60000) AS i";
    postgres.fails(&postgres.url(), faulty, 1, "(22012)");
    // A network that cuts the connection.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = postgres.port;
    std::thread::spawn(move || {
        for client in listener.incoming() {
            cut_off(client.unwrap(), server, 300_000);
        }
    });
    let url = postgres
        .url()
        .replace(&format!(":{server}/"), &format!(":{port}/"));
    let whole = "SELECT i AS id FROM generate_series(1, 200000) AS i";
    postgres.fails(
        &url,
        whole,
        1,
        "rows; a query can't be taken up where it broke, and nothing of it is used",
    );
    let ended = postgres.run(
        &postgres.url(),
        whole,
        "",
        &["check", "--report", "pipeline.yaml"],
    );
    assert_eq!(
        (ended.code, ended.count("read")),
        (0, 200_000),
        "{}",
        ended.stderr
    );
}

/// Passes on so many bytes of what the server says, and cuts both connections.
fn cut_off(client: TcpStream, server: u16, bytes: u64) {
    let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let mut room = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut room) {
            if to.write_all(&room[..read]).is_err() {
                break;
            }
        }
    });
    // Whoever has gone wants no more.
    let _ = std::io::copy(&mut (&server).take(bytes), &mut &client);
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = server.shutdown(std::net::Shutdown::Both);
}

#[test]
#[ignore = "needs PostgreSQL"]
fn a_query_takes_as_long_as_it_may() {
    let postgres = Postgres::start();
    postgres.rig.pipeline(
        "source:\n  sql: { url: { env: DB }, query: SELECT pg_sleep(60) AS id, timeout: 200ms }",
        "identify_by: { id_key: id }",
    );
    let ended = postgres
        .rig
        .tell_with(("DB", &postgres.url()), &["check", "pipeline.yaml"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.says("the query was ended by the server (57014); it may take 200ms (source.sql.timeout)");
}

/// The server sees that nobody waits any more.
#[test]
#[ignore = "needs PostgreSQL"]
fn a_run_that_is_stopped_stops_the_query() {
    let postgres = Postgres::start();
    postgres.rig.pipeline(
        "source:\n  sql: { url: { env: DB }, query: SELECT pg_sleep(600) AS id }",
        "identify_by: { id_key: id }",
    );
    let mut command = crate::rostream(
        postgres.rig.folder(),
        &["check", "--report", "pipeline.yaml"],
    );
    command
        .env("BASE_URL", postgres.rig.base_url())
        .env("DB", postgres.url());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    let sleeps = || postgres.psql(asleep).stdout;
    wait_until("the query runs", || sleeps() == b"1\n");
    signal("INT", child.id());
    child.wait().unwrap();
    wait_until("the query has ended", || sleeps() == b"0\n");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn servers_are_who_they_are_taken_for() {
    let postgres = Postgres::start_with(&[
        "ssl=on",
        "ssl_cert_file=../cert.pem",
        "ssl_key_file=../key.pem",
    ]);
    let root = |name: &str| postgres.rig.path(name).display().to_string();
    let (good, other) = (root("ca.pem"), root("other.pem"));
    let port = postgres.port;
    let check = |host: &str, query: &str| {
        let url = format!("postgres://hr:{ENCODED}@{host}:{port}/postgres?{query}");
        let sql = "SELECT ssl::text AS id FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        postgres.run(
            &url,
            sql,
            "validate: { columns: { id: { one_of: ['true'] } } }",
            &["check", "--report", "pipeline.yaml"],
        )
    };
    for (host, query) in [
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={good}"),
        ),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={good}")),
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", String::new()),
    ] {
        let ended = check(host, &query);
        assert_eq!(ended.code, 0, "{host} {query}: {}", ended.stderr);
    }
    for (host, query) in [
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={good}"),
        ),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={other}"),
        ),
        (
            "localhost",
            format!("sslmode=verify-ca&sslrootcert={other}"),
        ),
    ] {
        let ended = check(host, &query);
        assert_eq!(ended.code, 2, "{host} {query}: {}", ended.stderr);
        ended.says("is not trusted (invalid peer certificate: ");
    }
    let plain = check("127.0.0.1", "sslmode=disable");
    assert_eq!(plain.count("rejected"), 1, "{}", plain.stderr);
}
