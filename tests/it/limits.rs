//! What is too long, too deep, too much: each met with a message that names the limit, in bounded memory.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use async_compression::tokio::write::GzipEncoder;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::{outcome, rostream, run};

/// A pipeline with these sections, in a folder of its own.
fn folder(sections: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("version: 1\ntarget: {{ sandbox: }}\n{sections}");
    fs::write(folder.path().join("p.yaml"), text).unwrap();
    folder
}

/// Exit code and stderr of `check`, with what the source holds.
fn check(sections: &str, source: &[u8]) -> (i32, String, tempfile::TempDir) {
    let folder = folder(&format!("source: {{ path: w }}\n{sections}"));
    fs::write(folder.path().join("w"), source).unwrap();
    let (code, _, stderr) = run(folder.path(), &["-q", "check", "p.yaml", "--report"]);
    (code, stderr, folder)
}

#[track_caller]
fn ends_with(sections: &str, source: &[u8], expected: &str) {
    let (code, stderr, _) = check(sections, source);
    assert_eq!((code, stderr.as_str()), (1, expected));
}

/// Line, column and code of each rejected row.
#[track_caller]
fn rejects(sections: &str, source: &[u8], expected: &[&str]) {
    let (code, stderr, folder) = check(sections, source);
    assert_eq!((code, stderr.as_str()), (3, ""));
    // What is said of a row, without the row, which may be long.
    let of_csv = |file: String| {
        let lines = file.lines().filter_map(|line| line.split_once(",w,"));
        let said = |said: &str| said.splitn(5, ',').take(4).collect::<Vec<_>>().join(" ");
        lines.map(|(_, added)| said(added)).collect()
    };
    let of_json = |file: String| {
        let said = |line: &str| {
            let said = line.split(",\"_message\"").next().unwrap().to_owned() + "}";
            let said: Value = serde_json::from_str(&said).unwrap();
            let text = |name: &str| said[name].as_str().unwrap().to_owned();
            format!(
                "{} {} {} {}",
                said["_line"],
                text("_stage"),
                text("_column"),
                text("_code")
            )
        };
        file.lines().map(said).collect()
    };
    let read = |name: &str| fs::read_to_string(folder.path().join(name));
    let found: Vec<String> = match read("rejects.check.csv") {
        Ok(file) => of_csv(file),
        Err(_) => of_json(read("rejects.check.ndjson").unwrap()),
    };
    assert_eq!(found, expected);
}

/// The peak of memory that the report tells of, in bytes.
fn peak(folder: &Path) -> u64 {
    let mut entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let report = entries
        .find(|path| path.to_string_lossy().ends_with(".report.json"))
        .expect("a report");
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    let peak = &report["peak_memory"];
    peak.as_u64().unwrap_or_else(|| panic!("a peak: {report}"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut gzip = GzipEncoder::new(Vec::new());
        gzip.write_all(bytes).await.unwrap();
        gzip.shutdown().await.unwrap();
        gzip.into_inner()
    })
}

/// A gigabyte behind a quote that is never closed comes through a pipe, and no more than a record of it is held.
#[test]
fn an_open_quote_before_a_gigabyte() {
    let folder = folder("source: { path: \"-\" }\n");
    let mut child = rostream(folder.path(), &["-q", "check", "p.yaml", "--report"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut sent = stdin.write(b"a,b\n1,2\n3,\"never\n").unwrap();
    let piece = b"one more line\n".repeat(1 << 16);
    while sent < 1 << 30 {
        match stdin.write(&piece) {
            Ok(written) => sent += written,
            // The program has read enough.
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
                break;
            }
        }
    }
    drop(stdin);
    assert!(sent < 64 << 20, "{sent} bytes were read");
    let (code, _, stderr) = outcome(child.wait_with_output().unwrap());
    assert_eq!(
        (code, stderr.as_str()),
        (
            1,
            "error: standard input:3:3: a quote that opens here is not closed within 16MiB, the longest record \
             (limits.record); is it meant as a quote?\n"
        )
    );
    let peak = peak(folder.path());
    assert!(peak < 96 << 20, "{peak} bytes of memory");
}

#[test]
fn records_that_are_too_long() {
    let long = "y".repeat(9000);
    let limit = "limits: { record: 8KiB }\n";
    ends_with(
        limit,
        format!("a,b\n1,{long}\n").as_bytes(),
        "error: w:2:1: a record that begins here is longer than 8KiB, the longest record (limits.record)\n",
    );
    ends_with(
        limit,
        format!("{long},b\n1,2\n").as_bytes(),
        "error: w:1: the header does not end within 8KiB, the longest record (limits.record)\n",
    );
    ends_with(
        limit,
        format!("[{{\"a\":1}},\n{{\"a\":\"{long}\"}}]").as_bytes(),
        "error: w:2:6: a quote that opens here is not closed within 8KiB, the longest record (limits.record); \
         is it meant as a quote?\n",
    );
    ends_with(
        limit,
        format!("{{\"a\":\"{long}\"}}\n").as_bytes(),
        "error: w:1:1: a record that begins here is longer than 8KiB, the longest record (limits.record)\n",
    );
    // One that is as long as it may be.
    let long = "y".repeat(8192 - 3);
    assert_eq!(
        check(limit, format!("a,b\n1,{long}\n2,3\n").as_bytes()).0,
        0
    );
}

#[test]
fn cells_that_are_too_long() {
    let long = "y".repeat(1025);
    let good = "y".repeat(1024);
    let limit = "limits: { cell: 1KiB }\n";
    rejects(
        limit,
        format!("a,b\n1,{good}\n2,{long}\n{long},\"{long}\"\n").as_bytes(),
        &[
            "3 parse b too_long",
            "4 parse; parse a; b too_long; too_long",
        ],
    );
    rejects(
        limit,
        format!("{{\"a\":\"1\"}}\n{{\"a\":\"{long}\"}}\n{{\"a\":\"{good}\"}}\n").as_bytes(),
        &["2 parse a too_long"],
    );
    let over = "y".repeat((1 << 20) + 1);
    let (code, stderr, folder) = check("", format!("a,b\n1,{over}\n2,3\n").as_bytes());
    assert_eq!((code, stderr.as_str()), (3, ""));
    let file = fs::read_to_string(folder.path().join("rejects.check.csv")).unwrap();
    let message = "the cell has 1048577 bytes, and limits.cell is 1MiB; is a quote not closed?";
    assert!(file.contains(message));
}

#[test]
fn cells_that_stages_make_too_long() {
    let with = "z".repeat(100_000);
    let stages = format!("stages: [replace: {{ columns: [b], pattern: y, with: {with} }}]\n");
    let most = (1 << 28) / with.len();
    let source = |count: usize| format!("a,b\n1,{}\n", "y".repeat(count)).into_bytes();
    assert_eq!(check(&stages, &source(most)).0, 0);
    ends_with(
        &stages,
        &source(most + 1),
        "error: w:2: from this line on, the stages make a cell of more than 256MiB or a block of more than 4GiB; \
         a `replace`, `set` or `concat` makes too much of it\n",
    );
}

#[test]
fn tables_that_are_too_wide() {
    let many = |n: usize| (0..n).map(|i| format!("c{i}")).collect::<Vec<_>>();
    let header = many(1_000_000).join(",");
    ends_with(
        "",
        format!("{header}\n1\n").as_bytes(),
        "error: w:1: there are 1000000 columns, and limits.columns is 4096\n",
    );
    let object = many(4097).join("\":1,\"");
    ends_with(
        "",
        format!("{{\"{object}\":1}}\n").as_bytes(),
        "error: w:1: there are 4097 columns, and limits.columns is 4096\n",
    );
    let header = many(11).join(",");
    ends_with(
        "limits: { columns: 10 }\n",
        format!("{header}\n1\n").as_bytes(),
        "error: w:1: there are 11 columns, and limits.columns is 10\n",
    );
}

/// Records of a byte in a table of thousands of columns are few to a block: what they lack fills no memory.
#[test]
fn short_records_of_a_wide_table() {
    let header = (0..4096).map(|i| format!("c{i}")).collect::<Vec<_>>();
    let csv = format!("{}\n{}", header.join(","), "x\n".repeat(20_000));
    let (code, stderr, folder) = check("rejects: { at_most: 100% }\n", csv.as_bytes());
    assert_eq!(code, 4, "{stderr}");
    let rows = fs::read_to_string(folder.path().join("rejects.check.csv")).unwrap();
    assert_eq!(rows.lines().count(), 20_001);
    let used = peak(folder.path());
    assert!(used < 256 << 20, "{used} bytes of memory");

    let object = header.join("\":1,\"");
    let array = format!("[{{\"{object}\":1}}{}]", ",{}".repeat(20_000));
    let (code, stderr, folder) = check("", array.as_bytes());
    assert_eq!((code, stderr.as_str()), (0, ""));
    let used = peak(folder.path());
    assert!(used < 256 << 20, "{used} bytes of memory");
}

#[test]
fn values_that_are_nested_too_deeply() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    for records in [
        format!("{{\"a\":1}}\n{{\"a\":{}}}\n", deep(100_000)),
        format!("[{{\"a\":1}},\n{{\"a\":{}}}]", deep(100_000)),
        format!("{{\"a\":1}}\n{{\"a\":{}}}\n", deep(128)),
    ] {
        rejects("", records.as_bytes(), &["2 parse  too_deep"]);
    }
    // Which is refused for being nested at all, and not for how deeply.
    let good = format!("{{\"a\":1}}\n{{\"a\":{}}}\n", deep(127));
    rejects("", good.as_bytes(), &["2 target a nested"]);
    let deeper = "limits: { json_depth: 2 }\n";
    rejects(
        deeper,
        b"{\"a\":1}\n{\"a\":[[1]]}\n",
        &["2 parse  too_deep"],
    );
}

#[test]
fn json_that_is_none() {
    rejects(
        "",
        b"{\"a\":1e400}\n{\"a\":NaN}\n{\"a\":1,\"a\":2}\n{\"a\":\"\\ud800\"}\n{\"a\":9223372036854775808}\n{\"a\":1} x\n{\"a\":",
        &[
            "2 parse  json_syntax",
            "3 parse  duplicate_member",
            "4 parse a json_string",
            "6 parse  json_syntax",
            "7 parse  json_syntax",
        ],
    );
}

#[test]
fn compressed_data_that_becomes_too_much() {
    let mut bomb = b"a,b\n1,".to_vec();
    bomb.resize(8 << 20, b'0');
    let bomb = gzip(&bomb);
    assert!(bomb.len() < 10_000);
    ends_with(
        "",
        &bomb,
        "error: w: the gzip data becomes more than 200 times its size (limits.expansion); \
         raise the limit if the file is what it should be\n",
    );
    let (code, _, _) = check("limits: { expansion: 2000, cell: 8MiB }\n", &bomb);
    assert_eq!(code, 0);
    ends_with(
        "limits: { decompressed: 1MiB, expansion: 2000 }\n",
        &bomb,
        "error: w: the gzip data becomes more than 1MiB (limits.decompressed); \
         raise the limit if the file is what it should be\n",
    );
}

/// What a frame asks for is in its header, whatever comes of it.
#[test]
fn a_zstd_window_that_is_too_large() {
    // A window of 128 MiB, no content size, no checksum, one raw block that is the last.
    let frame = b"\x28\xb5\x2f\xfd\0\x88\x41\0\0a,b\n1,2\n";
    ends_with(
        "",
        frame,
        "error: w: the zstd data needs a window of more than 8MiB of memory (limits.zstd_window); \
         compress it without --long and --ultra, or raise the limit\n",
    );
    let (code, stderr, _) = check("limits: { zstd_window: 128MiB }\n", frame);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let (code, stderr, _) = check("limits: { zstd_window: 1B }\n", frame);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("expected a size from 1KiB to 1GiB"),
        "{stderr}"
    );
}

#[test]
fn what_follows_the_end_of_gzip_data() {
    let text = b"a,b\n1,2\n";
    let mut two = gzip(text);
    two.extend(gzip(b"3,4\n"));
    assert_eq!(check("", &two).0, 0);
    let mut padded = two.clone();
    padded.resize(two.len() + 300_000, 0);
    assert_eq!(check("", &padded).0, 0);
    let damaged = "error: w: the gzip data is cut off or damaged; nothing from it is sent: \
                   something else follows the end of the compressed data\n";
    for more in [&b"more"[..], b"\0\0\0\0x", b"\0\x1f\x8b"] {
        let mut garbage = two.clone();
        garbage.extend(more);
        ends_with("", &garbage, damaged);
    }
    ends_with(
        "",
        &gzip(&gzip(text)),
        "error: w:1: this is gzip data within compressed data, not CSV or JSON; export it as CSV\n",
    );
}

/// A lookup table stays in the pipeline's folder, and is a file.
#[test]
fn lookup_tables_elsewhere() {
    let elsewhere = tempfile::tempdir().unwrap();
    let table = elsewhere.path().join("t.csv");
    fs::write(&table, "k,v\n1,x\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("p")).unwrap();
    fs::write(folder.path().join("t.csv"), "k,v\n1,x\n").unwrap();
    fs::write(folder.path().join("p/w"), "k\n1\n").unwrap();
    std::os::unix::fs::symlink(&table, folder.path().join("p/link.csv")).unwrap();
    let made = Command::new("mkfifo")
        .arg(folder.path().join("p/pipe"))
        .status();
    assert!(made.unwrap().success());

    let check = |file: &str, more: &str| {
        let text = format!(
            "version: 1\nsource: {{ path: w }}\ntarget: {{ sandbox: }}\n\
             stages: [lookup: {{ file: \"{file}\", key: {{ column: k }}, take: {{ v: v }}{more} }}]\n"
        );
        fs::write(folder.path().join("p/p.yaml"), text).unwrap();
        let (code, _, stderr) = run(
            &folder.path().join("p"),
            &["-q", "check", "p.yaml", "--report"],
        );
        (code, stderr)
    };
    let absolute = table.to_str().unwrap();
    for file in ["../t.csv", "link.csv", absolute, "../p/../t.csv"] {
        let expected = format!(
            "error: p.yaml:4:26: stage 1 (lookup): {file}: it is outside the folder of the pipeline file; \
             set `allow_outside: true` in the stage if that is intended\n"
        );
        assert_eq!(check(file, ""), (1, expected));
        assert_eq!(
            check(file, ", allow_outside: true"),
            (0, String::new()),
            "{file}"
        );
    }
    for file in ["pipe", "/dev/zero"] {
        let expected =
            format!("error: p.yaml:4:26: stage 1 (lookup): {file}: it is not a regular file\n");
        assert_eq!(check(file, ", allow_outside: true"), (1, expected));
    }
    assert_eq!(
        check("../p/w", "").0,
        2,
        "a column is missing, but the place is good"
    );
}

/// Pipeline files that are no pipeline files.
#[test]
fn pipeline_files_that_are_too_large() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.yaml");
    fs::write(&large, b"# far more than anybody writes\n".repeat(50 << 15)).unwrap();
    for file in [large.to_str().unwrap(), "/dev/zero"] {
        let (code, _, stderr) = run(folder.path(), &["lint", file]);
        let expected = format!("{file}: the file is larger than 1024 KiB\n");
        assert_eq!((code, stderr), (2, expected));
    }
}

/// The end of a stream is all that is seen of a producer that died: it is an error where it shows.
#[test]
fn streams_that_end_too_early() {
    let folder = folder("source: { path: \"-\" }\n");
    let check = |text: &str| {
        let mut child = rostream(folder.path(), &["-q", "check", "p.yaml", "--report"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        drop(stdin);
        let (code, _, stderr) = outcome(child.wait_with_output().unwrap());
        (code, stderr)
    };
    let error = |text: &str| (1, format!("error: standard input{text}\n"));
    assert_eq!(check(""), error(":1: the file is empty: expected a header"));
    assert_eq!(
        check("a,b\n"),
        error(": there are no records; nothing was sent")
    );
    assert_eq!(
        check("a,b\n1,2\n3,\"four"),
        error(":3:3: the quote opened here is never closed")
    );
    assert_eq!(check("a,b\n1,2\n3"), (3, String::new()));
    assert_eq!(
        check("[{\"a\":1},"),
        error(":1:10: the JSON array ends without `]`: the file is cut off")
    );
}
