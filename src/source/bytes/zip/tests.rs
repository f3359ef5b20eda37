//! Archives as they are written, and as nobody would write them.

use std::io::Cursor;
use std::sync::Arc;

use flate2::Crc;
use tokio::io::AsyncReadExt;

use super::*;

/// A file to be put into an archive.
#[derive(Clone)]
struct Put {
    name: &'static str,
    text: Vec<u8>,
    method: u16,
    flags: u16,
    /// Whether its lengths stand behind its bytes, and not before.
    behind: bool,
    /// Whether its numbers are written in 64 bits.
    wide: bool,
}

fn put(name: &'static str, text: impl AsRef<[u8]>) -> Put {
    Put {
        name,
        text: text.as_ref().to_vec(),
        method: 8,
        flags: 0,
        behind: false,
        wide: false,
    }
}

fn deflated(text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// The numbers of a file's header and of its entry: from the flags to the lengths of the names.
fn numbers(put: &Put, crc: u32, compressed: u32, size: u32, extra: usize) -> Vec<u8> {
    let flags = put.flags | if put.behind { 8 } else { 0 };
    let mut bytes = Vec::new();
    for short in [20, flags, put.method, 0, 0x21] {
        bytes.extend(u16::to_le_bytes(short));
    }
    for long in [crc, compressed, size] {
        bytes.extend(long.to_le_bytes());
    }
    bytes.extend((put.name.len() as u16).to_le_bytes());
    bytes.extend((extra as u16).to_le_bytes());
    bytes
}

/// An archive of these files.
fn archive(files: &[Put]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for put in files {
        let header = bytes.len() as u64;
        let mut crc = Crc::new();
        crc.update(&put.text);
        let (crc, size) = (crc.sum(), put.text.len() as u64);
        let stored = match put.method {
            8 => deflated(&put.text),
            _ => put.text.clone(),
        };
        let compressed = stored.len() as u64;
        let numbers_of = |wide: bool, extra: usize| match wide {
            true => numbers(put, crc, u32::MAX, u32::MAX, extra),
            false => numbers(put, crc, compressed as u32, size as u32, extra),
        };
        bytes.extend(b"PK\x03\x04");
        bytes.extend(match put.behind {
            true => numbers(put, 0, 0, 0, 3),
            false => numbers_of(false, 3),
        });
        bytes.extend(put.name.as_bytes());
        // Other than that of the directory, as it often is.
        bytes.extend(b"???");
        bytes.extend(stored);
        if put.behind {
            bytes.extend(b"PK\x07\x08");
            bytes.extend(
                [crc, compressed as u32, size as u32]
                    .map(u32::to_le_bytes)
                    .concat(),
            );
        }
        let mut extra = b"\x99\x99\x01\0x".to_vec();
        if put.wide {
            extra.extend([1, 0, 24, 0]);
            extra.extend([size, compressed, header].map(u64::to_le_bytes).concat());
        }
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(numbers_of(put.wide, extra.len()));
        directory.extend(7u16.to_le_bytes());
        directory.extend([0; 8]);
        let at = if put.wide { u32::MAX } else { header as u32 };
        directory.extend(at.to_le_bytes());
        directory.extend(put.name.as_bytes());
        directory.extend(extra);
        directory.extend(b"comment");
    }
    let (at, len, count) = (
        bytes.len() as u64,
        directory.len() as u64,
        files.len() as u64,
    );
    bytes.extend(directory);
    let wide = files.iter().any(|put| put.wide);
    if wide {
        let end = bytes.len() as u64;
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44u64.to_le_bytes());
        bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([count, count, len, at].map(u64::to_le_bytes).concat());
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend(end.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
    }
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    let count = if wide { u16::MAX } else { count as u16 };
    bytes.extend([count, count].map(u16::to_le_bytes).concat());
    let [len, at] = [len, at].map(|n| if wide { u32::MAX } else { n as u32 });
    bytes.extend([len, at].map(u32::to_le_bytes).concat());
    // A comment that looks like an end.
    bytes.extend(30u16.to_le_bytes());
    bytes.extend(b"PK\x05\x06");
    bytes.extend([b'!'; 26]);
    bytes
}

async fn read(archive: &[u8], wanted: Option<&str>) -> Result<Vec<u8>, String> {
    use std::io::Write;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(archive).unwrap();
    let wanted = wanted.map(|wanted| wanted.parse().unwrap());
    let stored = Stored::File(Arc::new(file));
    let opened = open(&stored, wanted.as_ref(), |part| part).map_err(|why| why.to_string())?;
    let mut text = Vec::new();
    let mut reader = opened.text;
    reader
        .read_to_end(&mut text)
        .await
        .map_err(|e| e.to_string())?;
    Ok(text)
}

#[tokio::test]
async fn the_only_file_however_it_is_written() {
    let text = b"employee,name\n".repeat(20_000);
    for method in [0, 8] {
        for behind in [false, true] {
            for wide in [false, true] {
                let put = Put {
                    method,
                    behind,
                    wide,
                    ..put("out/w.csv", &text)
                };
                let others = [
                    "out/",
                    "__MACOSX/out/._w.csv",
                    ".DS_Store",
                    "out/.hidden",
                    "win\\",
                ];
                let mut files: Vec<_> = others.iter().map(|name| self::put(name, "x")).collect();
                files.insert(2, put);
                let read = read(&archive(&files), None).await;
                assert!(
                    read.as_ref() == Ok(&text),
                    "{method} {behind} {wide}: {:?}",
                    read.err()
                );
            }
        }
    }
    assert_eq!(
        read(&archive(&[put("empty.csv", "")]), None).await,
        Ok(Vec::new())
    );
}

/// Archives that unpack themselves begin with a program, of which some of their numbers know and others do not.
#[tokio::test]
async fn a_program_may_stand_before_it() {
    let text = b"employee,name\n".repeat(100);
    for method in [0, 8] {
        let put = Put {
            method,
            ..put("w.csv", &text)
        };
        let program = b"MZ PK\x01\x02 PK\x03\x04 ".repeat(30);
        let whole = [program, archive(&[put])].concat();
        assert_eq!(read(&whole, None).await.as_deref(), Ok(&text[..]));
    }
}

/// Info-ZIP that writes a large archive to a pipe: no wide record at its end, and nowhere where the directory is.
#[tokio::test]
async fn an_end_that_does_not_say_where_the_directory_is() {
    let mut streamed = archive(&[put("w.csv", "7\n")]);
    let end = streamed.len() - 30 - 22;
    streamed[end + 16..end + 20].fill(0xff);
    assert_eq!(read(&streamed, None).await.as_deref(), Ok(&b"7\n"[..]));
}

#[tokio::test]
async fn the_file_that_is_meant() {
    let names = ["a.csv", "in/b.csv", "in/c.txt", "d", "e", "f", ".g"];
    let several = archive(&names.map(|name| put(name, name)));
    let told = async |wanted| match read(&several, wanted).await {
        Ok(text) => String::from_utf8(text).unwrap(),
        Err(error) => error,
    };
    assert_eq!(
        told(None).await,
        "the zip archive has 6 files (a.csv, in/b.csv, in/c.txt, d, e and 1 more); set source.entry to the name of the one \
         that is meant, or to a pattern that it matches alone"
    );
    for (wanted, expected) in [
        ("a.csv", "a.csv"),
        ("b.csv", "in/b.csv"),
        ("*.txt", "in/c.txt"),
        ("in/b*", "in/b.csv"),
        (".g", ".g"),
    ] {
        assert_eq!(told(Some(wanted)).await, expected);
    }
    assert_eq!(
        told(Some("*.csv")).await,
        "source.entry is *.csv, which 2 files (a.csv, in/b.csv) of the zip archive match; name the one that is meant"
    );
    assert_eq!(
        told(Some("A.csv")).await,
        "source.entry is A.csv, and no file of the zip archive matches: it has 6 files (a.csv, in/b.csv, in/c.txt, d, e and \
         1 more)"
    );
    let none = archive(&[put("out/", "")]);
    for wanted in [None, Some("a")] {
        let empty = Err("the zip archive has no file in it".to_owned());
        assert_eq!(read(&none, wanted).await, empty);
    }
    let twice = archive(&[put("a\x1b[2J.csv", "1"), put("a\x1b[2J.csv", "2")]);
    let error = read(&twice, Some("a*")).await.unwrap_err();
    assert!(
        error.contains(r"2 files (a\x1b[2J.csv, a\x1b[2J.csv)"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_not_read() {
    let told = async |put: Put| read(&archive(&[put]), None).await.unwrap_err();
    for flags in [1, 1 | 64] {
        let put = Put {
            flags,
            ..put("w.csv", "x")
        };
        assert_eq!(
            told(put).await,
            "w.csv of the zip archive is encrypted with a password of the archive's own, which is not supported; let it be \
             written without one"
        );
    }
    let put = Put {
        method: 14,
        ..put("w.csv", "x")
    };
    assert!(
        told(put)
            .await
            .starts_with("w.csv of the zip archive is compressed with method 14, which")
    );
    let mut split = archive(&[self::put("w.csv", "x")]);
    let end = split.len() - 30 - 22;
    split[end + 4] = 1;
    assert!(
        read(&split, None)
            .await
            .unwrap_err()
            .contains("one part of several")
    );
}

/// Wherever it is cut off, and whatever byte of what counts is another, nothing passes for the whole.
#[tokio::test]
async fn whatever_is_cut_off_or_damaged_is_an_error() {
    let text = b"employee,name\n".repeat(30);
    for (method, wide) in [(0, false), (8, false), (8, true)] {
        let put = Put {
            method,
            wide,
            ..put("w.csv", &text)
        };
        let whole = archive(&[put]);
        for cut in 0..whole.len() {
            let read = read(&whole[..cut], None).await;
            assert!(read.is_err(), "cut at {cut}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            if let Ok(read) = read(&changed, None).await {
                assert!(read == text, "changed at {at}");
            }
        }
    }
}

#[tokio::test]
async fn lengths_and_hashes_are_those_of_the_text() {
    let text = |bytes: &'static [u8], size, crc| Text::new(Cursor::new(bytes), size, crc);
    let mut all = Vec::new();
    let crc = 0xcbf4_3926;
    for (size, crc, is_whole) in [
        (9, crc, true),
        (8, crc, false),
        (10, crc, false),
        (9, crc + 1, false),
    ] {
        let mut here = text(b"123456789", size, crc);
        let read = AsyncReadExt::read_to_end(&mut here, &mut all).await;
        assert_eq!(read.is_ok(), is_whole, "{size} {crc}");
        let mut on_a_thread = text(b"123456789", size, crc);
        let same = io::Read::read_to_end(&mut on_a_thread, &mut all);
        let kinds = (same.map_err(|e| e.kind()), read.map_err(|e| e.kind()));
        assert_eq!(kinds.0, kinds.1);
    }
}

/// What is held of a directory does not depend on how many files it names.
#[tokio::test]
async fn a_directory_of_many_files() {
    let file = Put {
        method: 0,
        ..put("n", "")
    };
    let files = vec![file; 70_000];
    let mut many = archive(&files);
    let error = read(&many, None).await.unwrap_err();
    assert!(
        error.starts_with("the zip archive has 70000 files (n, n, n, n, n and 69995 more)"),
        "{error}"
    );
    // One fewer than it says.
    let end = many.len() - 30 - 22;
    many[end + 10] ^= 1;
    let error = read(&many, None).await.unwrap_err();
    assert!(error.contains("fewer files than it says"), "{error}");
}

#[test]
fn workbooks_are_told_by_their_first_file() {
    for (name, expected) in [
        ("[Content_Types].xml", true),
        ("_rels/.rels", true),
        ("xl/worksheets/sheet1.xml", true),
        ("docProps/app.xml", true),
        (
            "mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            true,
        ),
        ("w.csv", false),
        ("mimetype", false),
        ("xlsx.csv", false),
    ] {
        let archive = archive(&[put(name, "x")]);
        assert!(is_archive(&archive));
        assert_eq!(looks_like_workbook(&archive), expected, "{name}");
    }
    assert!(!looks_like_workbook(b"PK\x03\x04"));
}

/// Some programs fill up what they write; what they fill up with is not looked at.
#[tokio::test]
async fn something_may_stand_behind_it() {
    let whole = archive(&[put("w.csv", "id\n1\n")]);
    let behind = |junk: &[u8]| [whole.as_slice(), junk].concat();
    for junk in [
        &b"\n"[..],
        b"\0\0\0\0",
        &[0; 512],
        &[b' '; 65_000],
        // The beginning of such a record, and one whose comment is not there.
        b"PK\x05\x06",
        &[b"PK\x05\x06".as_slice(), &[0xff; 40]].concat(),
    ] {
        let read = read(&behind(junk), None).await;
        assert_eq!(read.as_deref(), Ok(&b"id\n1\n"[..]), "{} bytes", junk.len());
    }
    // A program before it and something behind it: too much of what nobody knows.
    let both = [b"#!/bin/sh\n".as_slice(), &behind(b"\0")].concat();
    // An archive in an archive that is cut off behind it.
    let stored = Put {
        method: 0,
        ..put("inner.zip", &whole)
    };
    let outer = archive(&[stored, put("more.csv", "x")]);
    let inner = memchr::memmem::find(&outer, &whole).unwrap() + whole.len();
    for (bytes, said) in [
        (behind(&[0; 70_000]), "its end is missing"),
        (
            behind(&whole[..60]),
            "another archive begins behind its end",
        ),
        (both, "its end is missing"),
        (outer[..inner + 1].to_vec(), "its end is missing"),
    ] {
        let error = read(&bytes, None).await.unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}
