use proptest::prelude::*;

use super::*;
use crate::batch::{Columns, Row};

fn batch(cells: &[&[(&str, Kind)]]) -> Batch {
    let mut batch = Batch::new(String::new(), cells[0].len());
    for _ in cells {
        batch.push_row(Row {
            line: 0,
            start: 0,
            end: 0,
        });
    }
    for column in 0..cells[0].len() {
        let cells = cells
            .iter()
            .map(|row| batch.append(row[column].0, row[column].1))
            .collect();
        batch.put_column(column, cells);
    }
    batch
}

#[track_caller]
fn check(format: Format, empty: Option<&str>, missing: Option<&str>, expected: &str) {
    let batch = batch(&[
        &[
            ("create", Kind::Text),
            ("0\"1\n", Kind::Text),
            ("1.50", Kind::Number),
        ],
        &[("update", Kind::Text), ("", Kind::Text), ("", Kind::Null)],
        &[("delete", Kind::Text), ("7", Kind::Text), ("", Kind::Text)],
        &[
            ("update", Kind::Text),
            ("a,b", Kind::Text),
            ("", Kind::Missing),
        ],
    ]);
    let columns = Columns::from_header(["do", "id", "pay"]);
    let lead = Lead {
        name: "do",
        value: LeadValue::Column(0),
        bare: &["delete"],
    };
    let empties = Empties {
        empty: empty.map(Arc::from),
        missing: missing.map(Arc::from),
        keep_null: empty == Some(""),
    };
    let sent = columns.iter().skip(1);
    let encoder = Encoder::new(
        format,
        lead,
        sent.map(|(name, slot)| (name, slot, empties.clone())),
    );
    let mut encoded = encoder.encode(&batch);
    encoder.open_first(&mut encoded.bytes);
    let mut all = encoder.header();
    all.extend_from_slice(&encoded.bytes);
    all.extend(encoder.footer(true));
    assert_eq!(String::from_utf8(all).unwrap(), expected);
}

#[test]
fn json() {
    check(
        Format::Json,
        None,
        None,
        "[\n{\"do\":\"create\",\"id\":\"0\\\"1\\n\",\"pay\":1.50},\n{\"do\":\"update\"},\n{\"do\":\"delete\",\"id\":\"7\"},\n{\"do\":\"update\",\"id\":\"a,b\"}\n]\n",
    );
    check(
        Format::Json,
        Some("#c"),
        None,
        "[\n{\"do\":\"create\",\"id\":\"0\\\"1\\n\",\"pay\":1.50},\n{\"do\":\"update\",\"id\":\"#c\",\"pay\":\"#c\"},\n{\"do\":\"delete\",\"id\":\"7\"},\n{\"do\":\"update\",\"id\":\"a,b\"}\n]\n",
    );
}

#[test]
fn null_is_not_empty_where_both_are_kept() {
    check(
        Format::Json,
        Some(""),
        None,
        "[\n{\"do\":\"create\",\"id\":\"0\\\"1\\n\",\"pay\":1.50},\n{\"do\":\"update\",\"id\":\"\",\"pay\":null},\n{\"do\":\"delete\",\"id\":\"7\"},\n{\"do\":\"update\",\"id\":\"a,b\"}\n]\n",
    );
}

#[test]
fn csv() {
    check(
        Format::Csv,
        Some("-"),
        Some("?"),
        "do,id,pay\ncreate,\"0\"\"1\n\",1.50\nupdate,-,-\ndelete,7,\nupdate,\"a,b\",?\n",
    );
    check(
        Format::Csv,
        Some(""),
        None,
        "do,id,pay\ncreate,\"0\"\"1\n\",1.50\nupdate,,\ndelete,7,\nupdate,\"a,b\",\n",
    );
}

/// The columns of a survey's export are named by its questions, and nearly all of their cells are empty.
#[test]
fn room_is_made_for_what_is_written() {
    let (width, rows) = (300, 200);
    let name = |column| format!("{column} {}", "How satisfied are you? ".repeat(9));
    let columns = Columns::from_header((0..width).map(name));
    let mut batch = Batch::new(String::new(), width);
    for _ in 0..rows {
        batch.push_row(Row {
            line: 0,
            start: 0,
            end: 0,
        });
    }
    for column in 0..width {
        let text = if column < 3 { "often" } else { "" };
        let cells = vec![batch.append(text, Kind::Text); rows];
        batch.put_column(column, cells);
    }
    for format in [Format::Json, Format::Csv] {
        let lead = Lead {
            name: "do",
            value: LeadValue::Constant("createOrUpdate"),
            bare: &[],
        };
        let columns = columns.iter();
        let columns = columns.map(|(name, slot)| (name, slot, Empties::default()));
        let encoder = Encoder::new(format, lead, columns);
        let bytes = encoder.encode(&batch).bytes;
        assert!(
            bytes.room() <= bytes.len() * 3 / 2 + 1024,
            "{format:?}: {} for {}",
            bytes.room(),
            bytes.len()
        );
    }
}

fn any_cell() -> impl Strategy<Value = (String, Kind, bool)> {
    let text = prop_oneof![
        Just(String::new()),
        Just("null".to_owned()),
        Just("-".to_owned()),
        "[a-c1]{1,3}",
        "[a\"\\\\\u{1}\u{e9}\u{1F600}]{1,40}",
    ];
    let kind = prop_oneof![
        4 => Just(Kind::Text),
        1 => Just(Kind::Number),
        1 => Just(Kind::Null),
        1 => Just(Kind::Missing),
    ];
    (text, kind, any::<bool>()).prop_map(|(text, kind, plain)| {
        let text = match kind {
            Kind::Null | Kind::Missing => String::new(),
            _ => text,
        };
        let plain = plain && !text.contains(['"', '\\', '\u{1}']);
        (text, kind, plain)
    })
}

proptest! {
    /// What is measured is what would be written, and a fingerprint tells as much of a row as its bytes.
    #[test]
    fn measured_as_written(
        rows in proptest::collection::vec((0..2usize, proptest::collection::vec(any_cell(), 3), any::<bool>()), 1..12),
        constant in any::<bool>(),
        empty in proptest::option::of(prop_oneof![Just("-"), Just("a\"b"), Just("")]),
        missing in proptest::option::of(Just("null")),
        keep_null in any::<bool>(),
    ) {
        let mut batch = Batch::new(String::new(), 4);
        for _ in &rows {
            batch.push_row(Row { line: 0, start: 0, end: 0 });
        }
        let leads = ["create", "delete"];
        let cells = rows.iter().map(|(lead, ..)| batch.append(leads[*lead], Kind::Text)).collect();
        batch.put_column(0, cells);
        for column in 0..3 {
            let cells = rows.iter().map(|(_, cells, _)| {
                let (text, kind, plain) = &cells[column];
                batch.append(text, *kind).plain_if(*plain)
            });
            let cells = cells.collect();
            batch.put_column(column + 1, cells);
        }
        for (row, (_, _, is_in)) in rows.iter().enumerate() {
            if !is_in {
                batch.filter_out(row);
            }
        }
        let columns = Columns::from_header(["do", "a", "a name of more than thirty-two bytes", "c"]);
        let lead = Lead {
            name: "do",
            value: if constant { LeadValue::Constant("update") } else { LeadValue::Column(0) },
            bare: &["delete"],
        };
        let empties = Empties {
            empty: empty.map(Arc::from),
            missing: missing.map(Arc::from),
            keep_null: keep_null && empty.is_some(),
        };
        let sent = columns.iter().skip(1);
        let encoder = Encoder::new(
            Format::Json,
            lead,
            sent.map(|(name, slot)| (name, slot, empties.clone())),
        );
        let written = encoder.encode(&batch);
        let encoder = encoder.measuring();
        let measured = encoder.encode(&batch);
        prop_assert_eq!(&measured.rows, &written.rows);
        prop_assert_eq!(&measured.ends, &written.ends);
        prop_assert!(measured.bytes.is_empty());
        prop_assert!(measured.controls || !written.controls);
        let hashes = encoder.fingerprints(&batch, 7);
        let each: Vec<_> = written.each().collect();
        for (row, _, bytes) in &each {
            for (other, _, others) in &each {
                let same = hashes[*row as usize] == hashes[*other as usize];
                prop_assert_eq!(same, bytes == others, "{} and {}", row, other);
            }
        }
        prop_assert_eq!(hashes.iter().filter(|hash| **hash != 0).count(), each.len());

        let (mut written, mut measured) = (written, measured);
        let named = |encoder: &Encoder| encoder.naming(&batch, 1, "noop", &[0]);
        written.leave_out(|row| row % 2 == 0);
        measured.leave_out(|row| row % 2 == 0);
        prop_assert_eq!(&measured.ends, &written.ends);
        measured.take_in(&named(&encoder));
        written.take_in(&named(&Encoder { measures: false, ..encoder }));
        prop_assert_eq!(&measured.ends, &written.ends);
        prop_assert_eq!(written.len(), written.bytes.len());
    }
}
