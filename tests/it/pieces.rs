//! Texts of several blocks, which are read in pieces by several workers: whatever way the pieces come, and wherever they
//! end, the same rows are sent, and the others have the same lines.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::Rig;

/// Everybody's date; that of some is wrong.
fn date(n: u32) -> &'static str {
    match n % 97 {
        0 => "31/02/2020",
        _ => "28/02/2020",
    }
}

/// A megabyte of CSV. Cells with quotes, delimiters and lines of their own stand wherever a piece may end, and some of
/// these lines look like records.
fn csv() -> String {
    let mut text = String::from("id,name,since,note\n");
    for n in 0..12_000 {
        let note = match n % 5 {
            0 => "\"said \"\"no\"\",\n7,Zoë,28/02/2020,\n\"\"\nand left\"",
            1 => "\"\n\n\"\"\n\"",
            2 => "5\" pipe",
            _ => "",
        };
        text += &format!("{n},Zoë Ł. {n},{},{note}\n", date(n));
    }
    text
}

/// What is sent, and the rejects file.
fn sent(source: &str, file: &str, bytes: &[u8], workers: &str) -> (Vec<u8>, String) {
    let rig = Rig::new();
    rig.write(file, bytes);
    rig.pipeline(
        &format!(
            "source: {{ {source} }}\nstages: [ date: {{ columns: [since], from: DD/MM/YYYY }} ]\n\
             rejects: {{ at_most: 100% }}"
        ),
        "action: create",
    );
    let ended = match source.contains("path: \"-\"") {
        true => rig.run_with_stdin(&["--workers", workers], file),
        false => rig.run(&["--workers", workers]),
    };
    assert_eq!(ended.code, 3, "{source}: {}", ended.stderr);
    let kind = if source.contains("json") {
        "ndjson"
    } else {
        "csv"
    };
    let rejects = rig.read(&format!("rejects.{kind}"));
    (
        rig.uploaded(),
        rejects.replace(",standard input,", ",people,"),
    )
}

#[test]
fn however_a_text_comes() {
    let text = csv();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let utf16: Vec<u8> = (text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let plain = sent("path: people, format: csv", "people", text.as_bytes(), "1");
    assert_eq!(
        plain
            .1
            .lines()
            .filter(|line| line.contains(",date_"))
            .count(),
        124
    );
    for (source, bytes, workers) in [
        ("path: people, format: csv", text.as_bytes(), "2"),
        ("path: people, format: csv", text.as_bytes(), "7"),
        ("path: \"-\", format: csv", text.as_bytes(), "3"),
        ("path: people, format: csv", &gzip, "3"),
        ("path: \"-\", format: csv", &gzip, "2"),
        ("path: people, format: csv, encoding: utf-16le", &utf16, "3"),
        ("path: \"-\", format: csv, encoding: utf-16le", &utf16, "2"),
    ] {
        let found = sent(source, "people", bytes, workers);
        assert!(found == plain, "{source}, {} bytes", bytes.len());
    }
}

/// Objects within the records look like records, and texts like the ends of some.
#[test]
fn however_an_array_is_written() {
    let object = |n: u32| {
        let others = match n % 3 {
            0 => ",\"others\":[{\"id\":\"1\"},{\"id\":\"2\"},{\"id\":\"3\"}]",
            1 => ",\"others\":\"},{\\\"id\\\":\\\"}\\\\\"",
            _ => "",
        };
        format!(
            "{{\"id\":\"{n}\",\"name\":\"Zoë Ł. {n}\",\"since\":\"{}\"{others}}}",
            date(n)
        )
    };
    let objects: Vec<String> = (0..12_000).map(object).collect();
    let form = "json: { columns: [id, name, since], unknown: ignore }";
    let sent = |format: &str, text: String, workers| {
        let source = format!("path: people, format: {format}, {form}");
        sent(&source, "people", text.as_bytes(), workers)
    };
    let lines = sent("ndjson", objects.join("\n"), "1");
    // All that differs are the lines.
    let rows = |rejects: &str| -> String {
        let number = |c: char| c.is_ascii_digit();
        let parts = rejects.split("\"_line\":");
        let parts: Vec<&str> = parts.map(|part| part.trim_start_matches(number)).collect();
        parts.concat()
    };
    let numbers = sent("json", format!("[\n{}]", objects.join(",\n")), "2");
    assert!(numbers.0 == lines.0);
    assert!(rows(&numbers.1) == rows(&lines.1));
    assert!(numbers.1.contains("\"_line\":11933,"));
    for (text, workers) in [
        (format!("[{}]", objects.join(",")), "2"),
        (format!("[{}]", objects.join(",")), "3"),
        (objects.concat(), "2"),
        (
            format!("[{}]\n", objects[..7000].join(",")) + &objects[7000..].join("\n"),
            "3",
        ),
    ] {
        let found = sent("json", text, workers);
        assert!(found.0 == lines.0);
        assert!(rows(&found.1) == rows(&lines.1));
    }
}

/// A fault behind what was read ahead is found in its place, and so is one in the last piece.
#[test]
fn faults_in_the_middle_have_their_lines() {
    let check = |format: &str, text: String, code: i32, message: &str| {
        let rig = Rig::new();
        rig.write("people", text);
        rig.pipeline(
            &format!("source: {{ path: people, format: {format} }}"),
            "action: create",
        );
        let ended = rig.run(&["--workers", "3"]);
        assert_eq!(ended.code, code, "{}", ended.stderr);
        ended.says(message);
    };
    let objects = |n: usize| vec!["{\"id\":\"1\",\"name\":\"Ann Archer of Ashby\"}"; n].join(",\n");
    let text = format!(
        "[\n{},\n{{\"id\" \"2\"}}}},\n{}\n]",
        objects(30_000),
        objects(30_000)
    );
    check("json", text, 1, "people:30002:");
    check(
        "json",
        format!("[\n{}\n", objects(30_000)),
        1,
        "people:30002:1: the JSON array ends without `]`",
    );
    let rows = |n: usize| "1,Ann Archer of Ashby\n".repeat(n);
    let text = format!("id,name\n{}2,\"Bo\n{}", rows(30_000), rows(2));
    check(
        "csv",
        text,
        1,
        "people:30002:3: the quote opened here is never closed",
    );
    check(
        "csv",
        format!("id,name\n{}\"2,Bo\n", rows(30_000)),
        1,
        "people:30002:1:",
    );
}
