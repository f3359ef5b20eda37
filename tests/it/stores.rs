//! Sources that are not files: buckets, against an imitation of S3, and what is said where a build has none of them.
//! Real servers are in `postgres` and `s3`; their tests are asked for.

#[cfg(feature = "sql")]
mod postgres;
#[cfg(feature = "buckets")]
mod s3;

use crate::support::Rig;

fn lint(source: &str) -> (i32, String) {
    let rig = Rig::new();
    rig.pipeline(
        &format!("source:\n{source}"),
        "identify_by: { auto_id: true }",
    );
    rig.ask(&["lint", "pipeline.yaml"])
}

#[test]
fn what_is_wrong_has_its_place() {
    for (source, expected) in [
        (
            "  path: s3://hr",
            "pipeline.yaml:3:9: the address names no file",
        ),
        (
            "  path: gs://key@hr/w.csv",
            "pipeline.yaml:3:9: the address carries who asks, or a port",
        ),
        (
            "  path: [az://hr/*/w.csv]",
            "pipeline.yaml:3:10: a pattern can stand only in the last part of the address",
        ),
        (
            "  path: ftp://hr/w.csv",
            "pipeline.yaml:3:9: addresses of this kind are not supported as a source",
        ),
        (
            "  path: s3://hr/w.csv\n  bucket: { endpoint: 'http://minio:9000' }",
            "pipeline.yaml:4:23: the address is not https",
        ),
        (
            "  path: s3://hr/w.csv\n  bucket: { region: 'eu west' }",
            "pipeline.yaml:4:21: expected the name of a region",
        ),
        (
            "  path: s3://hr/w.csv\n  bucket: { key: CANARY }",
            "pipeline.yaml:4:13: unknown key",
        ),
        (
            "  path: w.csv\n  bucket: { region: eu-west-1 }",
            "pipeline.yaml:4:3: warning: this setting has no effect",
        ),
        (
            "  sql: { url: 'postgres://u:p@h/d', query: SELECT 1 }",
            "pipeline.yaml:3:15: ",
        ),
        (
            "  sql: { url: { env: DB } }",
            "pipeline.yaml:3:3: expected a statement that gives rows",
        ),
        (
            "  sql: { url: { env: DB }, query: SELECT 1, query_file: q.sql }",
            "pipeline.yaml:3:57: `query` and `query_file` are both given; keep one",
        ),
        (
            "  sql: { url: { env: DB }, query: ' ' }",
            "pipeline.yaml:3:35: expected a statement that gives rows",
        ),
        (
            "  sql: { url: { env: DB }, query: SELECT 1, timeout: 0s }",
            "pipeline.yaml:3:54: expected a time from 1ms to 24 days",
        ),
        (
            "  sql: { url: { env: DB }, query: SELECT 1 }\n  format: csv",
            "pipeline.yaml:4:11: the rows that a query gives are plain NDJSON",
        ),
        (
            "  sql: { url: { env: DB }, query: SELECT 1 }\n  path: w.csv",
            "pipeline.yaml:3:3: `path` and `sql` are both given; keep one",
        ),
    ] {
        let (_, said) = lint(source);
        assert!(said.contains(expected), "{source}\n{said}");
    }
    let (code, said) =
        lint("  path: s3://hr/in/w-*.csv\n  pick: newest\n  bucket: { region: eu-west-1 }");
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("no effect"), "{said}");
}

/// A build without them knows the settings, and says how it is built with them.
#[test]
fn what_is_not_in_this_build_is_named() {
    let check = |source: &str| {
        let rig = Rig::new();
        rig.pipeline(
            &format!("source:\n{source}"),
            "identify_by: { auto_id: true }",
        );
        let mut command = crate::rostream(rig.folder(), &["check", "--report", "pipeline.yaml"]);
        command
            .env("BASE_URL", rig.base_url())
            .env("DB", "postgres://u:CANARY@127.0.0.1:1/d");
        rig.ended(command.output().unwrap())
    };
    if !cfg!(feature = "buckets") {
        let ended = check("  path: s3://hr/w.csv");
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        ended.says(
            "s3://hr/w.csv: can't be read: this build of rostream has no buckets: build it with `--features buckets`",
        );
    }
    if !cfg!(feature = "sql") {
        let ended = check("  sql: { url: { env: DB }, query: SELECT 1 }");
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        ended.says("this build of rostream has no SQL: build it with `--features sql`");
    }
}

#[test]
fn the_address_of_a_database_is_looked_up_when_it_is_asked() {
    let rig = Rig::new();
    rig.pipeline(
        "source:\n  sql: { url: { env: DB }, query_file: q.sql }",
        "identify_by: { auto_id: true }",
    );
    let (code, said) = rig.ask(&["lint", "pipeline.yaml"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = rig.ask(&["check", "pipeline.yaml"]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("pipeline.yaml:3:22: the environment variable DB is not set"),
        "{said}"
    );
    let mut command = crate::rostream(rig.folder(), &["check", "--report", "pipeline.yaml"]);
    command.env("BASE_URL", rig.base_url()).env("DB", "CANARY");
    let (code, _, said) = crate::outcome(command.output().unwrap());
    assert_eq!(code, 2, "{said}");
    let expected = "pipeline.yaml:3:40: the file q.sql cannot be read";
    assert!(
        said.contains(expected) && !said.contains("CANARY"),
        "{said}"
    );
}

#[cfg(feature = "buckets")]
mod imitated {
    use crate::https::{Answer, Asked, Web, file, says};
    use crate::support::{Ended, Rig, workers};

    fn run(rig: &Rig, web: &Web, path: &str, args: &[&str]) -> Ended {
        rig.pipeline(
            &format!(
                "source:\n  path: {path}\n  bucket: {{ endpoint: '{}' }}\nvalidate: {{ key: employeeID }}",
                web.address
            ),
            "identify_by: { id_key: employeeID }",
        );
        let mut command = crate::rostream(rig.folder(), args);
        command
            .env("BASE_URL", rig.base_url())
            .env("AWS_ACCESS_KEY_ID", "AKIAIMITATED")
            .env("AWS_SECRET_ACCESS_KEY", "CANARYSECRET");
        rig.ended(command.output().unwrap())
    }

    /// A page of a list: keys with their times, and the token of the next one.
    fn list(files: &[(&str, &str)], next: Option<&str>) -> Answer {
        let mut xml = "<ListBucketResult>".to_owned();
        if let Some(token) = next {
            xml += &format!(
                "<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
            );
        }
        for (key, time) in files {
            let size = workers(100).len();
            xml += &format!(
                "<Contents><Key>{key}</Key><LastModified>{time}</LastModified><ETag>&quot;{key}&quot;</ETag>\
                 <Size>{size}</Size></Contents>"
            );
        }
        says(
            "200 OK",
            xml + "<CommonPrefixes><Prefix>in/w-old/</Prefix></CommonPrefixes></ListBucketResult>",
        )
    }

    fn bucket(asked: &Asked) -> Answer {
        let (early, late) = ("2026-11-26T05:00:00.000Z", "2026-11-27T05:00:00.250Z");
        match asked.path.split_once("?") {
            Some((_, query)) if query.contains("continuation-token=more") => {
                list(&[("in/w-1.csv", late), ("in/w-3.txt", early)], None)
            }
            Some(_) => list(&[("in/w-2.csv", early)], Some("more")),
            None => {
                let key = asked.path.strip_prefix("/hr/").unwrap();
                let text =
                    workers(100).replace("0000", if key.contains('1') { "0001" } else { "0002" });
                file(asked, text.as_bytes(), key)
            }
        }
    }

    #[test]
    fn what_a_pattern_matches_is_read_in_order() {
        let web = Web::start(bucket);
        let rig = Rig::new();
        let ended = run(&rig, &web, "s3://hr/in/w-*.csv", &["run", "pipeline.yaml"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.count("accepted"), 200);
        let names = |at: usize| {
            ended.report["sources"][at]["path"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            [names(0), names(1)],
            ["s3://hr/in/w-1.csv", "s3://hr/in/w-2.csv"]
        );
        let seen = web.seen();
        assert!(seen[0].path.ends_with("prefix=in%2Fw-"), "{}", seen[0].path);
        for asked in &seen {
            let signed = asked.header("authorization").unwrap();
            assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIAIMITATED/"));
        }
        // By the state that the list has told of.
        let reads = seen
            .iter()
            .filter(|asked| asked.header("if-match") == Some("\"in/w-1.csv\""));
        assert_eq!(reads.count(), 2);
    }

    #[test]
    fn one_is_picked() {
        let web = Web::start(bucket);
        let rig = Rig::new();
        let ended = run(
            &rig,
            &web,
            "s3://hr/in/w-*.csv\n  pick: newest",
            &["check", "--report", "pipeline.yaml"],
        );
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.report["sources"][0]["path"], "s3://hr/in/w-1.csv");
        let ended = run(
            &rig,
            &web,
            "s3://hr/in/w-*.csv\n  pick: one",
            &["check", "--report", "pipeline.yaml"],
        );
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        ended.says("s3://hr/in/w-*.csv: 2 files match, and source.pick is one: s3://hr/in/w-1.csv, s3://hr/in/w-2.csv");
        let ended = run(
            &rig,
            &web,
            "s3://hr/in/w-*.xml",
            &["check", "--report", "pipeline.yaml"],
        );
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        ended.says("s3://hr/in/w-*.xml: no file matches");
    }

    #[test]
    fn a_cut_connection_is_taken_up_and_another_file_is_not() {
        let text = workers(20_000);
        let rig = Rig::new();
        let served = text.clone();
        let web = Web::start(move |asked| {
            let mut answer = file(asked, served.as_bytes(), "a");
            answer.cut = (asked.number == 0).then_some(300_000);
            answer
        });
        let ended = run(&rig, &web, "s3://hr/w.csv", &["run", "pipeline.yaml"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.count("accepted"), 20_000);
        let seen = web.seen();
        let taken_up = &seen[1];
        assert!(taken_up.header("range").unwrap().starts_with("bytes="));
        assert_eq!(taken_up.header("if-match"), Some("\"a\""));

        let rig = Rig::new();
        let web = Web::start(move |asked| match asked.number {
            0 => {
                let mut answer = file(asked, text.as_bytes(), "a");
                answer.cut = Some(300_000);
                answer
            }
            _ => file(asked, text.as_bytes(), "b"),
        });
        let ended = run(&rig, &web, "s3://hr/w.csv", &["run", "pipeline.yaml"]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert_eq!(ended.report["error"]["code"], "source_changed");
        assert_eq!(rig.taken(), (0, 0));
    }

    #[test]
    fn refusals_say_what_to_set() {
        let xml =
            |code: &str| format!("<Error><Code>{code}</Code><Message>CANARY</Message></Error>");
        for (status, code, exit, expected) in [
            (
                "404 Not Found",
                "NoSuchKey",
                1,
                "s3://hr/w.csv: no such file",
            ),
            (
                "404 Not Found",
                "NoSuchBucket",
                2,
                "there is no bucket hr (NoSuchBucket)",
            ),
            (
                "403 Forbidden",
                "InvalidAccessKeyId",
                2,
                "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (InvalidAccessKeyId)",
            ),
            (
                "403 Forbidden",
                "AccessDenied",
                2,
                "the server does not permit this (403 AccessDenied)",
            ),
            (
                "400 Bad Request",
                "ExpiredToken",
                2,
                "the permission has ended: get new credentials",
            ),
            (
                "301 Moved Permanently",
                "PermanentRedirect",
                2,
                "the bucket is in another region, eu-west-1: set source.bucket.region, or AWS_REGION",
            ),
        ] {
            let web = Web::start(move |_| {
                let mut answer = says(status, xml(code));
                answer
                    .headers
                    .push("x-amz-bucket-region: eu-west-1".to_owned());
                answer
            });
            let rig = Rig::new();
            let ended = run(&rig, &web, "s3://hr/w.csv", &["check", "pipeline.yaml"]);
            assert_eq!(ended.code, exit, "{code}: {}", ended.stderr);
            ended.says(expected);
            assert_eq!(web.seen().len(), 1, "{code}");
        }
    }
}
