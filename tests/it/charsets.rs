//! Encodings, as users meet them: stated, contradicted by the bytes, or not stated and wrong.

use crate::support::{Ended, Rig};

/// A run of a file of semicolons in this encoding.
fn run_of(bytes: &[u8], encoding: &str) -> (Rig, Ended) {
    let rig = Rig::new();
    rig.write("w.csv", bytes);
    rig.pipeline(
        &format!(
            "source: {{ path: w.csv, encoding: {encoding}, csv: {{ delimiter: \";\" }} }}\nrejects: {{ path: rejects.csv }}"
        ),
        "",
    );
    let ended = rig.run(&[]);
    (rig, ended)
}

#[test]
fn a_code_page_of_central_europe() {
    let text = "ID;Name;Location\n1;Łucja Żak;Łódź\n2;Jiří Dvořák;Plzeň\n";
    for label in ["windows-1250", "cp1250", "win1250", "x-cp1250"] {
        let (rig, ended) = run_of(&encoded(text, 1250), label);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let mut items = rig.items();
        items.sort_unstable();
        assert_eq!(
            items,
            [
                r#"{"ID":"1","Name":"Łucja Żak","Location":"Łódź"}"#,
                r#"{"ID":"2","Name":"Jiří Dvořák","Location":"Plzeň"}"#
            ]
        );
    }
}

/// The few letters that these tests have, in two code pages.
fn encoded(text: &str, page: u32) -> Vec<u8> {
    let byte = |c: char| match (c, page) {
        (c, _) if c.is_ascii() => c as u8,
        ('Ł', 1250) => 0xa3,
        ('Ż', 1250) => 0xaf,
        ('ó', 1250) => 0xf3,
        ('ź', 1250) => 0x9f,
        ('ř', 1250) => 0xf8,
        ('í', 1250) => 0xed,
        ('á', 1250) => 0xe1,
        ('ň', 1250) => 0xf2,
        (c, 1252) if (c as u32) < 0x100 => c as u8,
        (c, _) => panic!("{c}"),
    };
    text.chars().map(byte).collect()
}

#[test]
fn a_mark_that_says_otherwise() {
    let (rig, ended) = run_of("\u{feff}ID;Name\n1;Søren\n".as_bytes(), "windows-1252");
    assert_eq!(ended.code, 2);
    ended.says("begins with the byte order mark of UTF-8, and source.encoding is windows-1252");
    ended.says("set it to utf-8");
    assert_eq!(rig.taken(), (0, 0));
}

#[test]
fn sixteen_bits_without_a_mark() {
    let text = "ID;Name\r\n1;Zoë\r\n";
    for (order, name) in [
        (u16::to_le_bytes as fn(u16) -> [u8; 2], "utf-16le"),
        (u16::to_be_bytes, "utf-16be"),
    ] {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(order).collect();
        for stated in ["auto", "utf-8", "iso-8859-15"] {
            let (_, ended) = run_of(&bytes, stated);
            assert_eq!(ended.code, 2);
            ended.says(&format!("set it to {name}"));
        }
        let (rig, ended) = run_of(&bytes, name);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(rig.items(), [r#"{"ID":"1","Name":"Zoë"}"#]);
    }
}

#[test]
fn letters_that_have_gone_wrong() {
    let text = format!("ID;Name\n{}", "1;Søren Åkær\n2;Ann\n");
    let (_, ended) = run_of(text.as_bytes(), "windows-1252");
    assert_eq!(ended.code, 0);
    ended
        .says("source.encoding is windows-1252, and all 3 characters beyond ASCII are valid UTF-8");
    let (_, ended) = run_of(&encoded(&text, 1252), "windows-1252");
    assert_eq!(ended.code, 0);
    assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
}

#[test]
fn what_is_not_utf8_names_candidates() {
    let mut text = b"ID;Name\n".to_vec();
    text.extend(encoded("1;Łódź\n2;Ann\n", 1250));
    let (rig, ended) = run_of(&text, "auto");
    assert_eq!(ended.code, 3);
    let rejects = rig.path("rejects.csv");
    let rejects = String::from_utf8_lossy(&std::fs::read(rejects).unwrap()).into_owned();
    assert!(
        rejects.contains("set source.encoding (candidates: "),
        "{rejects}"
    );
    assert!(rejects.contains("windows-1250"), "{rejects}");
    // Where others are UTF-8, another encoding would spoil them.
    let mixed = "ID;Name\n1;Zoë\n2;Åsa\n3;M\n".as_bytes();
    let mixed: Vec<u8> = [&mixed[..mixed.len() - 1], b"\xfc\n"].concat();
    let (rig, ended) = run_of(&mixed, "auto");
    assert_eq!(ended.code, 3);
    let rejects = std::fs::read(rig.path("rejects.csv")).unwrap();
    let rejects = String::from_utf8_lossy(&rejects).into_owned();
    assert!(rejects.contains("though other records are"), "{rejects}");
}

#[test]
fn no_other_encoding_is_proposed_for_a_label() {
    let rig = Rig::new();
    rig.write("w.csv", "ID\n1\n");
    for label in ["windows-1259", "cp850", "ebcdic", "x-user-defined"] {
        rig.pipeline(&format!("source: {{ path: w.csv, encoding: {label} }}"), "");
        let (code, stderr) = rig.ask(&["lint", "pipeline.yaml"]);
        assert_eq!(code, 2);
        assert!(stderr.contains("pipeline.yaml:2:34: "), "{stderr}");
        assert!(!stderr.contains("did you mean"), "{stderr}");
    }
}

/// Frames to be skipped, as parallel compressors write them, come before the first one that is read.
#[test]
fn zstd_that_begins_with_a_frame_to_be_skipped() {
    // One raw block: no content size, no checksum.
    let text = b"ID;Name\n1;Ann\n";
    let mut bytes = b"\x5f\x2a\x4d\x18\x04\0\0\0skip\x28\xb5\x2f\xfd\0\x58".to_vec();
    bytes.extend(&(1 | (text.len() as u32) << 3).to_le_bytes()[..3]);
    bytes.extend(text);
    let (rig, ended) = run_of(&bytes, "auto");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(rig.items(), [r#"{"ID":"1","Name":"Ann"}"#]);
}

#[test]
fn a_lookup_file_is_read_as_a_source_is() {
    let rig = Rig::new();
    rig.write("w.csv", "ID,Cost Centre\n1,K1\n");
    rig.write(
        "centres.csv",
        encoded("Cost centres\nCode;Name\n'K1';'Bürodienste'\n", 1252),
    );
    let pipeline = |encoding: &str| {
        rig.pipeline(
            &format!(
                "source: {{ path: w.csv }}\nstages:\n  - lookup: {{ file: centres.csv, delimiter: \";\", quote: \"'\", \
                 skip_lines: 1{encoding}, key: {{ column: Cost Centre, in: Code }}, take: {{ Name: ccName }} }}"
            ),
            "",
        );
    };
    pipeline(", encoding: windows-1252");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        rig.items(),
        [r#"{"ID":"1","Cost Centre":"K1","ccName":"Bürodienste"}"#]
    );
    pipeline("");
    let (code, stderr) = rig.ask(&["check", "pipeline.yaml"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("line 3 is not UTF-8; if the file has another encoding, set `encoding` (candidates: windows-1252"),
        "{stderr}"
    );
}
