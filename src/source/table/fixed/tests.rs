use proptest::prelude::*;

use super::*;
use crate::settings::limits::Limits;

const COLUMNS: [(&str, Option<u32>, u32); 3] =
    [("id", None, 5), ("name", None, 8), ("at", Some(15), 4)];

fn spec(columns: &[(&str, Option<u32>, u32)]) -> FixedSpec {
    let column = |(name, at, width): &(&str, Option<u32>, u32)| FixedColumn {
        name: (*name).to_owned(),
        at: *at,
        width: *width,
    };
    FixedSpec {
        columns: columns.iter().map(column).collect(),
        ..FixedSpec::default()
    }
}

fn written(spec: FixedSpec, trailer: Option<&str>, text: &[u8]) -> String {
    let trailer = trailer.map(|trailer| trailer.parse().unwrap());
    let mut out = Vec::new();
    let lines = Lines::new(text, &Limits::default());
    write(
        &Stated { spec, trailer },
        lines,
        &Remarks::default(),
        &mut Records::new(&mut out),
    )
    .unwrap();
    match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => error.into_bytes().escape_ascii().to_string(),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(
        written(spec(&COLUMNS), None, text.as_bytes()),
        expected,
        "{text:?}"
    );
}

#[test]
fn cells_stand_at_their_places() {
    check(
        "00001Ann      2020\n",
        r#"{"id":"00001","name":"Ann","at":"2020"}"#,
    );
    // A character between two columns is in neither, and characters are counted, not bytes.
    check(
        "00001Zoë Ωmeg.2020",
        r#"{"id":"00001","name":"Zoë Ωmeg","at":"2020"}"#,
    );
    // The last column may be shorter, or not there: blanks at the ends of lines are often left out.
    check(
        "00001Ann      20",
        r#"{"id":"00001","name":"Ann","at":"20"}"#,
    );
    check(
        "\n  \n00001Ann      ",
        "\n\n{\"id\":\"00001\",\"name\":\"Ann\",\"at\":\"\"}",
    );
    check(
        "00001Ann      2020   \r\n\x1a",
        r#"{"id":"00001","name":"Ann","at":"2020"}"#,
    );
}

#[test]
fn lines_that_end_before_their_last_column() {
    let short = |line: &str, whole: &str, place: &str| {
        let message = format!(
            "the line ends with character {}, {place}, and others follow; if blanks at the ends of lines are left out in this \
             file, set source.fixed.short_lines to pad",
            line.chars().count()
        );
        let whole = whole.strip_suffix('}').unwrap();
        check(line, &format!("{whole},\"_fault\":[\"{message}\"]}}"));
    };
    let ann = r#"{"id":"00001","name":"Ann","at":""}"#;
    short("00001Ann", ann, "within column `name`");
    short("00001Ann     ", ann, "before column `at`");
    let alone = r#"{"id":"00001","name":"","at":""}"#;
    short("00001", alone, "before column `name`");
    short("00001  Ω", &ann.replace("Ann", "Ω"), "within column `name`");
    let padded = FixedSpec {
        short_lines: ShortLines::Pad,
        ..spec(&COLUMNS)
    };
    assert_eq!(written(padded, None, b"00001Ann\n"), ann);
}

#[test]
fn a_last_line_that_was_cut_off() {
    let write_all = |text: &str| {
        let remarks = Remarks::default();
        let stated = Stated {
            spec: spec(&COLUMNS),
            trailer: None,
        };
        let lines = Lines::new(text.as_bytes(), &Limits::default());
        let mut out = Vec::new();
        let written = write(&stated, lines, &remarks, &mut Records::new(&mut out));
        (written.map_err(|wrong| format!("{wrong:?}")), remarks.all())
    };
    let whole = "00001Ann      2020";
    let (cut, _) = write_all(&format!("{whole}\n{whole}\n00002Bo       20"));
    let message = "its last line has 16 of 18 characters and no line end";
    assert!(cut.unwrap_err().contains(message));
    for (text, told) in [
        (format!("{whole}\n{whole}"), 0),
        (format!("{whole}\n00002Bo       20\n"), 0),
        // Others are shorter, too, or there are none.
        (format!("{whole}\n00002Bo       20\n00003Cy       2"), 1),
        ("00001Ann      20".to_owned(), 1),
    ] {
        let (written, remarks) = write_all(&text);
        written.unwrap();
        assert_eq!(remarks.len(), told, "{text:?}: {remarks:?}");
    }
}

#[test]
fn nothing_is_cut_in_silence() {
    check(
        "00001Ann      2020XY \n",
        r#"{"id":"00001","name":"Ann","at":"2020","_fault":["the line goes on behind its last column, which ends with character 18; state that column's width, or a column for what follows","XY"]}"#,
    );
    check(
        "00001é\tB      2020",
        "{\"id\":\"00001\",\"name\":\"é\\tB\",\"at\":\"2020\",\"_fault\":[\"character 7 is a tab, which stands for no certain number of characters; have the file written with blanks\"]}",
    );
}

#[test]
fn bytes_of_another_encoding_are_a_character_each() {
    let text = b"00001M\xfcller  .2020";
    assert_eq!(
        written(spec(&COLUMNS), None, text),
        r#"{\"id\":\"00001\",\"name\":\"M\xfcller\",\"at\":\"2020\"}"#
    );
}

#[test]
fn lines_of_other_kinds() {
    let spec = FixedSpec {
        skip_lines: 1,
        records: Some("^D".parse().unwrap()),
        ..spec(&[("kind", None, 1), ("id", None, 3)])
    };
    let text = b"D is not read\nH2020\nD001\nX\nD002\nT0002\n";
    assert_eq!(
        written(spec.clone(), None, text),
        "\n\n{\"kind\":\"D\",\"id\":\"001\"}\n\n{\"kind\":\"D\",\"id\":\"002\"}"
    );
    assert_eq!(
        written(spec, Some(r"^T(\d+)"), text),
        "\n\n{\"kind\":\"D\",\"id\":\"001\"}\n\n{\"kind\":\"D\",\"id\":\"002\"}\nT0002"
    );
}

#[test]
fn blanks_are_taken_off_where_it_is_said() {
    let check = |trim, expected: &str| {
        let spec = FixedSpec {
            trim,
            ..spec(&[("a", None, 5)])
        };
        assert_eq!(
            written(spec, None, b" x y "),
            format!("{{\"a\":\"{expected}\"}}")
        );
    };
    check(Trim::Both, "x y");
    check(Trim::End, " x y");
    check(Trim::None, " x y ");
}

proptest! {
    /// Whatever cells are written at whatever widths are read again.
    #[test]
    fn what_is_written_is_read(
        rows in prop::collection::vec(prop::collection::vec("[a-zé漢😀\"]([a-zé漢😀 \\\\]{0,8}[a-zé漢😀])?|", 3), 1..8),
        wider in prop::collection::vec(0usize..4, 3),
    ) {
        let width = |column: usize| {
            let widths = rows.iter().map(|row| row[column].chars().count());
            1 + wider[column] + widths.max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..3).map(width).collect();
        let names = ["a", "b", "c"];
        let columns: Vec<_> = names.iter().zip(&widths).map(|(name, width)| (*name, None, *width as u32)).collect();
        let mut text = String::new();
        let mut expected = Vec::new();
        for row in &rows {
            for (cell, width) in row.iter().zip(&widths) {
                let blanks = width - cell.chars().count();
                text += cell;
                text.extend(std::iter::repeat_n(' ', blanks));
            }
            text.push('\n');
            if row.iter().any(|cell| !cell.is_empty()) {
                expected.push(row.clone());
            }
        }
        let out = written(spec(&columns), None, text.as_bytes());
        let found: Vec<Vec<String>> = out.lines().filter(|line| !line.is_empty()).map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            names.iter().map(|name| record[name].as_str().unwrap().to_owned()).collect()
        }).collect();
        prop_assert_eq!(found, expected);
    }
}
