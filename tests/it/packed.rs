//! Sources that are compressed or in an archive, however they come.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use flate2::{Crc, write::DeflateEncoder};

use crate::support::{Ended, Rig};
use crate::{outcome, rostream, run};

const TEXT: &str = "employeeID,fullName\n00000001,Zoë\n00000002,Łukasz\n";

/// A ZIP archive of these files, as `zip` writes it.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let mut crc = Crc::new();
        crc.update(text);
        let mut deflated = DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        deflated.write_all(text).unwrap();
        let deflated = deflated.finish().unwrap();
        let mut numbers = b"\x14\0\0\x08\x08\0\0\0\x21\0".to_vec();
        for number in [crc.sum(), deflated.len() as u32, text.len() as u32] {
            numbers.extend(number.to_le_bytes());
        }
        numbers.extend((name.len() as u16).to_le_bytes());
        let at = archive.len() as u32;
        archive.extend(
            [
                b"PK\x03\x04",
                &numbers[..],
                b"\0\0",
                name.as_bytes(),
                &deflated,
            ]
            .concat(),
        );
        directory.extend([b"PK\x01\x02\x14\x03", &numbers[..], &[0; 12]].concat());
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, len, count) = (
        archive.len() as u32,
        directory.len() as u32,
        files.len() as u16,
    );
    archive.extend(directory);
    archive.extend(
        [
            b"PK\x05\x06\0\0\0\0",
            &[count, count].map(u16::to_le_bytes).concat()[..],
        ]
        .concat(),
    );
    archive.extend([len, at].map(u32::to_le_bytes).concat());
    archive.extend(b"\0\0");
    archive
}

/// Exit code and stderr of `check`, with what the source says and holds.
fn check(source: &str, name: &str, bytes: &[u8]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = format!("version: 1\ntarget: {{ sandbox: }}\nsource: {{ {source} }}\n");
    fs::write(folder.path().join("p.yaml"), pipeline).unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    let (code, _, stderr) = run(folder.path(), &["-q", "check", "p.yaml"]);
    (code, stderr)
}

/// The same body from a file and through a pipe, whose copy is read the second time, and by a plan, for which files are
/// hashed as well.
#[test]
fn the_same_upload_whatever_is_around_the_text() {
    let text = format!(
        "{TEXT}{}",
        crate::support::workers(20_000)
            .split_once('\n')
            .unwrap()
            .1
            .replace(",0", ",1")
    );
    let text = text
        .replacen("00000001,1", "00020001,1", 1)
        .replacen("00000002,1", "00020002,1", 1);
    let archive = zip(&[
        ("out/", b""),
        ("__MACOSX/._workers.csv", b"x"),
        ("out/workers.csv", text.as_bytes()),
    ]);
    let two = zip(&[("notes.txt", b"x"), ("workers.csv", text.as_bytes())]);
    let rig = Rig::new();
    rig.write("plain", &text);
    rig.write("zip", &archive);
    rig.write("two", &two);
    let uploaded = |source: &str, name: &str| {
        rig.pipeline(
            &format!("source: {{ {source}, format: csv }}"),
            "action: createOrUpdate",
        );
        let ended = match source.contains("\"-\"") {
            true => rig.run_with_stdin(&[], name),
            false => rig.run(&[]),
        };
        assert_eq!(ended.code, 0, "{source}: {}", ended.stderr);
        assert_eq!(ended.report["counts"]["read"], 20_002);
        let kind = if name == "plain" { "none" } else { "zip" };
        let file = &ended.report["sources"][0];
        assert_eq!(file["compression"], kind, "{file}");
        let stored = fs::metadata(rig.path(name)).unwrap().len();
        assert_eq!(file["bytes"], stored, "{file}");
        rig.uploaded()
    };
    let plain = uploaded("path: plain", "plain");
    for (source, name) in [
        ("path: \"-\", keep: encrypted", "plain"),
        ("path: zip", "zip"),
        ("path: \"-\"", "zip"),
        ("path: \"-\", keep: encrypted, compression: zip", "zip"),
        ("command: [cat, zip]", "zip"),
        ("path: two, entry: \"*.csv\"", "two"),
        ("path: \"-\", entry: workers.csv", "two"),
    ] {
        assert!(uploaded(source, name) == plain, "{source}");
    }
    rig.pipeline(
        "source: { path: zip, format: csv }",
        "action: createOrUpdate",
    );
    let planned = rig.tell(&["plan", "pipeline.yaml", "-o", "plan.json"]);
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    assert_eq!(planned.report["sources"][0]["bytes"], archive.len());
    let applied = rig.tell(&["apply", "plan.json"]);
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    assert!(rig.uploaded() == plain);
}

#[test]
fn which_file_of_an_archive() {
    let several = zip(&[("a.csv", b"a\n1\n"), ("in/b.csv", b"a\n1\n")]);
    assert_eq!(
        check("path: w.zip", "w.zip", &several),
        (
            2,
            "error: w.zip: the zip archive has 2 files (a.csv, in/b.csv); set source.entry to the name of the one that is \
             meant, or to a pattern that it matches alone\n"
                .to_owned()
        )
    );
    assert_eq!(
        check("path: w.zip, entry: c.csv", "w.zip", &several),
        (
            2,
            "error: w.zip: source.entry is c.csv, and no file of the zip archive matches: it has 2 files (a.csv, in/b.csv)\n"
                .to_owned()
        )
    );
    assert_eq!(
        check("path: w.zip, entry: b.csv", "w.zip", &several),
        (0, String::new())
    );
    // The file's own name says that it has tabs.
    let tabs = zip(&[("w.tsv", b"a\tb\n1\t2\n")]);
    assert_eq!(check("path: w.zip", "w.zip", &tabs), (0, String::new()));
    let (code, stderr) = check(
        "path: w.zip",
        "w.zip",
        &zip(&[("w.xlsx", &zip(&[("xl/workbook.xml", b"")]))]),
    );
    assert_eq!(code, 1);
    assert!(
        stderr.contains("w.zip: the workbook has no sheet of cells"),
        "{stderr}"
    );
    let (code, stderr) = check("path: w.zip", "w.zip", &several[..several.len() - 5]);
    assert_eq!(code, 1);
    assert_eq!(
        stderr,
        "error: w.zip: the zip archive is cut off or damaged: its end is missing; nothing from it is sent\n"
    );
    let twice = zip(&[("w.csv.bz2", b"BZh91AY&SY....")]);
    let (code, stderr) = check("path: w.zip", "w.zip", &twice);
    assert_eq!(code, 1);
    assert!(
        stderr.contains("this is bzip2 data within compressed data"),
        "{stderr}"
    );
}

#[test]
fn settings_that_have_no_effect_or_no_meaning() {
    for (source, expected) in [
        (
            "path: w, entry: \"\"",
            "expected the name of a file, or a pattern, found empty text",
        ),
        (
            "path: w, entry: \"a[\"",
            "`a[` is not a pattern of file names",
        ),
        (
            "path: w, compression: gzip, entry: a",
            "this setting has no effect: it is for `compression: zip`",
        ),
        (
            "path: \"w*\", keep: encrypted",
            "this setting has no effect: the source can be read as often",
        ),
        ("path: w, keep: sealed", "expected one of: plain, encrypted"),
        (
            "path: w, compression: rar",
            "expected one of: auto, none, gzip, zstd, bzip2, xz, zip",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let pipeline = format!("version: 1\ntarget: {{ sandbox: }}\nsource: {{ {source} }}\n");
        fs::write(folder.path().join("p.yaml"), pipeline).unwrap();
        let (_, _, stderr) = run(folder.path(), &["lint", "p.yaml"]);
        assert!(stderr.contains(expected), "{source}: {stderr}");
    }
}

#[test]
fn a_lookup_table_in_an_archive() {
    let rig = Rig::new();
    rig.write("w.csv", "employeeID,unit\n1,A\n");
    rig.write(
        "units.zip",
        zip(&[("x.txt", b"x"), ("units.csv", b"code,label\nA,Alpha\n")]),
    );
    let pipeline = |more: &str| {
        rig.pipeline(
            &format!(
                "source: {{ path: w.csv }}\nstages:\n  - lookup: {{ file: units.zip, {more}key: {{ column: unit, in: code }}, \
                 take: {{ label: unit }} }}"
            ),
            "action: createOrUpdate",
        );
    };
    pipeline("");
    let Ended { code, stderr, .. } = rig.tell(&["check", "pipeline.yaml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("has 2 files (x.txt, units.csv); set `entry` to"),
        "{stderr}"
    );
    pipeline("entry: units.csv, ");
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        String::from_utf8(rig.uploaded())
            .unwrap()
            .contains("\"Alpha\"")
    );
}

/// What the tools write that everybody has.
#[test]
#[ignore = "needs bzip2, xz, zip and split"]
fn as_the_tools_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = crate::support::workers(50_000);
    fs::write(folder.path().join("w.csv"), &text).unwrap();
    let sh = |script: &str| {
        let done = Command::new("sh")
            .args(["-ec", script])
            .current_dir(folder.path())
            .status();
        assert!(done.unwrap().success(), "{script}");
    };
    for (made, source) in [
        ("bzip2 -k1 w.csv", "w.csv.bz2"),
        (
            "split -l 9000 w.csv p; for f in p??; do bzip2 -c $f; done > w2.bz2",
            "w2.bz2",
        ),
        ("xz -k w.csv", "w.csv.xz"),
        (
            "xz -9e -T0 --block-size=100000 -C sha256 -c w.csv > w9.xz",
            "w9.xz",
        ),
        ("for f in p??; do xz -C none -c $f; done > w2.xz", "w2.xz"),
        ("xz --x86 --lzma2 -c w.csv > wx.xz", "wx.xz"),
        ("zip -q w.zip w.csv", "w.zip"),
        ("zip -q0 w0.zip w.csv", "w0.zip"),
        ("zip -q - - < w.csv | cat > stream.zip", "stream.zip"),
        ("zip -q -fz wide.zip w.csv", "wide.zip"),
        ("zip -q - w.csv -fz | cat > streamed.zip", "streamed.zip"),
        ("mkdir d; cp w.csv d; zip -qr d.zip d", "d.zip"),
    ] {
        sh(made);
        let pipeline = format!(
            "version: 1\ntarget: {{ sandbox: }}\nsource: {{ path: {source}, format: csv, expect: {{ rows: 50000 }} }}\n"
        );
        fs::write(folder.path().join("p.yaml"), pipeline).unwrap();
        let (code, _, stderr) = run(folder.path(), &["-q", "check", "p.yaml"]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{made}");
        let bytes = fs::read(folder.path().join(source)).unwrap();
        fs::write(folder.path().join("cut"), &bytes[..bytes.len() - 20]).unwrap();
        let (code, _, stderr) = run(
            folder.path(),
            &["-q", "check", "p.yaml", "--set", "source.path=cut"],
        );
        assert_eq!(code, 1, "{made}: {stderr}");
        assert!(stderr.contains("cut off or damaged"), "{made}: {stderr}");
    }
    sh("zip -q -P secret e.zip w.csv");
    let mut child = rostream(
        folder.path(),
        &["-q", "check", "p.yaml", "--set", "source.path=-"],
    );
    let stdin = fs::File::open(folder.path().join("e.zip")).unwrap();
    let (code, _, stderr) = outcome(child.stdin(Stdio::from(stdin)).output().unwrap());
    assert_eq!(code, 1);
    assert!(
        stderr.contains("standard input: w.csv of the zip archive is encrypted"),
        "{stderr}"
    );
}
