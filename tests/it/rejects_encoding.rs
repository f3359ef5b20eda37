//! What the rejects file is written in, and that it is read again whatever that is.

use std::fs;

use crate::support::Rig;

/// A table of people in windows-1252, of which three have no date.
const SOURCE: &[u8] =
    b"Name;Stra\xdfe;Datum\nGarc\xeda;A;x\nZo\xeb;B;01.02.2020\nM\xfcller;C;\x80\n\xc3\xa4;D;z\n";

/// Those three, once their dates are right.
const SENT: [&str; 4] = [
    r#"{"Name":"García","Straße":"A","Datum":"2020-02-03"}"#,
    r#"{"Name":"Müller","Straße":"C","Datum":"2020-02-03"}"#,
    r#"{"Name":"Zoë","Straße":"B","Datum":"2020-02-01"}"#,
    r#"{"Name":"Ã¤","Straße":"D","Datum":"2020-02-03"}"#,
];

fn rig(encoding: &str) -> Rig {
    let rig = Rig::new();
    rig.write("people.csv", SOURCE);
    rig.pipeline(
        &format!(
            "source: {{ path: people.csv, encoding: windows-1252, csv: {{ delimiter: \";\" }} }}\n\
             stages: [ date: {{ columns: [Datum], from: DD.MM.YYYY }} ]\n\
             rejects: {{ at_most: 100%, encoding: {encoding} }}"
        ),
        "",
    );
    rig
}

/// The file with dates in place of what is wrong.
fn dated(mut text: Vec<u8>, euro: &[u8]) -> Vec<u8> {
    for wrong in [b"A;x", &[b"C;", euro].concat()[..], b"D;z"] {
        let mut places = text.windows(wrong.len());
        let at = places.position(|found| found == wrong).unwrap();
        text.splice(at + 2..at + wrong.len(), *b"03.02.2020");
    }
    text
}

fn comes_in(rig: &Rig, mended: Vec<u8>) {
    rig.write("rejects.csv", mended);
    let ended = rig.run(&["--mend", "rejects.csv"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut items = rig.items();
    items.sort_unstable();
    assert_eq!(items, SENT);
}

#[test]
fn rejects_of_each_encoding_come_back() {
    for (encoding, begins, euro) in [
        (
            "utf-8",
            "Name;Straße;Datum;_file".as_bytes(),
            "€".as_bytes(),
        ),
        (
            "utf-8-bom",
            "\u{feff}Name;Straße;Datum;_file".as_bytes(),
            "€".as_bytes(),
        ),
        ("source", b"Name;Stra\xdfe;Datum;_file", b"\x80"),
    ] {
        let rig = rig(encoding);
        let ended = rig.run(&[]);
        assert_eq!(
            (ended.code, ended.count("rejected")),
            (3, 3),
            "{encoding}: {}",
            ended.stderr
        );
        let written = fs::read(rig.path("rejects.csv")).unwrap();
        assert!(written.starts_with(begins), "{encoding}");

        // Unmended they are rejected again, and written in the same way.
        let ended = rig.run(&["--mend", "rejects.csv"]);
        assert_eq!(
            (ended.code, ended.count("rejected")),
            (4, 3),
            "{encoding}: {}",
            ended.stderr
        );
        let again = fs::read(rig.path("rejects.mend.csv")).unwrap();
        assert!(again.starts_with(begins), "{encoding}");

        comes_in(&rig, dated(written, euro));
    }
}

#[test]
fn a_file_that_was_saved_as_utf_8_says_so_by_its_mark() {
    let rig = rig("source");
    assert_eq!(rig.run(&[]).code, 3);
    let written = fs::read(rig.path("rejects.csv")).unwrap();
    let letter = |byte: &u8| {
        if *byte == 0x80 {
            '€'
        } else {
            char::from(*byte)
        }
    };
    let text: String = written.iter().map(letter).collect();
    comes_in(
        &rig,
        dated(format!("\u{feff}{text}").into_bytes(), "€".as_bytes()),
    );
}
