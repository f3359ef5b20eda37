//! Tables as HR systems write them, with what goes wrong in them, and the ways of writing one down.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rostream::internals::source::spec::Ragged;

use super::{Empty, Format, Settings};

/// The header of the HR table.
pub const HEADER: [&str; 9] = [
    "Employee ID",
    "Full Name",
    "Annual Salary",
    "Hire Date",
    "Manager ID",
    "Worker Status",
    "Country",
    "Note",
    "Action",
];

/// Mostly one of these values, sometimes one of those.
fn mostly(good: &'static [&'static str], bad: &'static [&'static str]) -> BoxedStrategy<String> {
    prop_oneof![12 => select(good), 1 => select(bad)]
        .prop_map(str::to_owned)
        .boxed()
}

/// Text with everything in it that CSV and JSON give a meaning to.
fn nasty() -> BoxedStrategy<String> {
    let characters: &[&str] = &[
        "a",
        "b",
        " ",
        "\"",
        "\"\"",
        ",",
        "\n",
        "\r\n",
        "\r",
        "\\",
        "é",
        "\u{1d11e}",
        "\u{a0}",
        "\u{2028}",
        "\u{200b}",
        "\u{1}",
        "\t",
        "{",
        "]",
        ":",
        ";",
        "\u{7f}",
        "'",
    ];
    vec(select(characters), 0..9)
        .prop_map(|parts| parts.concat())
        .boxed()
}

fn value(column: usize) -> BoxedStrategy<String> {
    const NAMES: [&str; 16] = [
        "Zoë Łukasz",
        "O\"Brien, Jr",
        "two\nlines",
        "two\r\nlines",
        "\u{1d11e} clef",
        " spaced ",
        "\u{a0}no-break\u{a0}",
        "\u{ad}unseen\u{feff}\u{200b}",
        "5\" pipe",
        "\"quoted\"",
        "back\\slash",
        "Ann",
        "Bob",
        "李小龍",
        "e\u{301}",
        "tab\there",
    ];
    match column {
        0 => prop_oneof![
            12 => (select(&['A', 'B', 'C'][..]), 0..30u8).prop_map(|(letter, number)| format!("{letter}{number}")),
            1 => select(&["", " ", "A1 ", "7", "A\n1", "bad id", "\"A1\"", "é1"][..]).prop_map(str::to_owned),
        ]
        .boxed(),
        1 => prop_oneof![
            8 => select(&NAMES[..]).prop_map(str::to_owned),
            3 => nasty(),
        ]
        .boxed(),
        2 => mostly(
            &["1,234.50", "1200", "007", "1.", ".5", "", "+3", " 12 ", "0", "-0", "12,345,678.9", "12345678901234567890.10"],
            &["-5", "\u{2212}7", "abc", "0,123", "12,34", "1e5", "1 000", "#clear", "#noop", "1,2345", ".", "- 1", "٣"],
        ),
        3 => mostly(
            &["31/12/2024", "29/02/2024", "", "01/01/0001", " 01/07/2020"],
            &["29/02/2023", "1/2/2024", "2024-01-01", "31/12/0000", "32/01/2024", "01/13/2024", "#clear", "01/01/2024\n"],
        ),
        4 => mostly(&["NO_MANAGER", "A1", "B2", ""], &["#clear", "#noop", "no_manager", "NO_MANAGER\u{a0}"]),
        5 => mostly(&["Active", "Active", "On Leave", "Terminated", " Terminated "], &["", "terminated"]),
        6 => mostly(&["GB", "DE", "US", ""], &["gb", "FR", "NO"]),
        7 => prop_oneof![3 => Just(String::new()), 3 => nasty()].boxed(),
        _ => mostly(&["create", "update", "delete", "noop", "createOrUpdate"], &["", "Create", "drop"]),
    }
}

/// What is wrong with the shape of a record.
#[derive(Clone, Debug)]
enum Shape {
    Whole,
    Short(usize),
    Long(usize),
    /// A byte that is not UTF-8 in an unquoted cell.
    BadByte(usize),
}

#[derive(Clone, Debug)]
struct Row {
    values: Vec<String>,
    /// How each cell is written.
    styles: Vec<u8>,
    crlf: bool,
    /// Blank lines before the record.
    blank: u8,
    shape: Shape,
}

/// A table, and how it is written.
#[derive(Clone, Debug)]
pub struct Sheet {
    rows: Vec<Row>,
    mark: bool,
    last_line_ends: bool,
    header_crlf: bool,
}

/// A table. With `ragged`, some records have the wrong number of cells, and some are not UTF-8.
pub fn sheet(ragged: bool) -> impl Strategy<Value = Sheet> {
    let values: Vec<_> = (0..HEADER.len()).map(value).collect();
    let shape = match ragged {
        false => Just(Shape::Whole).boxed(),
        true => prop_oneof![
            14 => Just(Shape::Whole),
            1 => (1..HEADER.len()).prop_map(Shape::Short),
            1 => (1..7usize).prop_map(Shape::Long),
            1 => (0..HEADER.len()).prop_map(Shape::BadByte),
        ]
        .boxed(),
    };
    let style = prop_oneof![4 => Just(0u8), 4 => any::<u8>()];
    let blank = prop_oneof![9 => Just(0u8), 1 => 1..4u8];
    let row = (
        values,
        vec(style, HEADER.len()),
        any::<bool>(),
        blank,
        shape,
    )
        .prop_map(|(values, styles, crlf, blank, shape)| Row {
            values,
            styles,
            crlf,
            blank,
            shape,
        });
    (vec(row, 1..40), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(rows, mark, last_line_ends, header_crlf)| Sheet {
            rows,
            mark,
            last_line_ends,
            header_crlf,
        },
    )
}

fn csv_cell(text: &str, style: u8) -> String {
    // A quote in the middle of an unquoted cell is an ordinary character.
    let opens = text.trim_start_matches([' ', '\t']).starts_with('"');
    let plain = !text.contains([',', '\n', '\r']) && !opens && !text.ends_with('"');
    match style % 4 {
        0 | 1 if plain => text.to_owned(),
        _ => format!("\"{}\"", text.replace('"', "\"\"")),
    }
}

impl Sheet {
    pub fn csv(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.mark {
            out.extend_from_slice(b"\xef\xbb\xbf");
        }
        out.extend_from_slice(HEADER.join(",").as_bytes());
        out.extend_from_slice(if self.header_crlf { b"\r\n" } else { b"\n" });
        for row in &self.rows {
            let line_end: &[u8] = if row.crlf { b"\r\n" } else { b"\n" };
            for _ in 0..row.blank {
                out.extend_from_slice(line_end);
            }
            let mut cells: Vec<Vec<u8>> = row
                .values
                .iter()
                .zip(&row.styles)
                .map(|(v, s)| csv_cell(v, *s).into_bytes())
                .collect();
            match row.shape {
                Shape::Whole => {}
                Shape::Short(by) => cells.truncate(cells.len() - by),
                Shape::Long(by) => {
                    cells.extend((0..by).map(|i| csv_cell("more", i as u8).into_bytes()))
                }
                Shape::BadByte(at) => cells[at] = b"M\xfcller \xe2\x82".to_vec(),
            }
            out.extend_from_slice(&cells.join(&b','));
            out.extend_from_slice(line_end);
        }
        if !self.last_line_ends && out.pop_if(|b| *b == b'\n').is_some() && out.ends_with(b"\r") {
            out.pop();
        }
        out
    }

    /// The records' objects, all values text.
    fn objects(&self) -> Vec<String> {
        let object = |row: &Row| {
            let member = |((name, value), style): ((&&str, &String), &u8)| {
                let gap = [" ", "", "\t", ""][*style as usize / 64];
                format!("{}:{gap}{}", json_text(name, 0), json_text(value, *style))
            };
            let members = HEADER.iter().zip(&row.values).zip(&row.styles).map(member);
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        self.rows.iter().map(object).collect()
    }

    pub fn lines(&self) -> Vec<u8> {
        let lines = self.objects().into_iter().zip(&self.rows);
        written_lines(
            lines.map(|(object, row)| (object, row.blank, row.crlf)),
            self.mark,
            self.last_line_ends,
        )
    }

    pub fn array(&self) -> Vec<u8> {
        let elements = self.objects().into_iter().zip(&self.rows);
        written_array(
            elements.map(|(object, row)| (object, row.blank, row.crlf)),
            self.mark,
        )
    }

    /// Objects one after another, each of them over two lines, which stand beside each other.
    pub fn documents(&self) -> Vec<u8> {
        let objects = self.objects().into_iter();
        let texts: Vec<_> = objects.map(|o| o.replacen('{', "{\n", 1)).collect();
        texts.concat().into_bytes()
    }

    /// An array of objects, in an object.
    pub fn wrapper(&self) -> Vec<u8> {
        let records = self.objects().join(" ,");
        format!("{{\"n\":[{{\"rows\":[\"]\"]}}],\n\"d\":{{\"rows\":[{records}],\"next\":null}}}}\n")
            .into_bytes()
    }
}

fn written_lines(
    objects: impl Iterator<Item = (String, u8, bool)>,
    mark: bool,
    last_line_ends: bool,
) -> Vec<u8> {
    let mut out = if mark { "\u{feff}" } else { "" }.to_owned();
    for (object, blank, crlf) in objects {
        let line_end = if crlf { "\r\n" } else { "\n" };
        for _ in 0..blank {
            out.push_str("  ");
            out.push_str(line_end);
        }
        out.push_str(&object);
        out.push_str(line_end);
    }
    if !last_line_ends {
        out.truncate(out.trim_end().len());
    }
    out.into_bytes()
}

fn written_array(objects: impl Iterator<Item = (String, u8, bool)>, mark: bool) -> Vec<u8> {
    let mut out = if mark { "\u{feff}[" } else { "[" }.to_owned();
    for (at, (object, blank, crlf)) in objects.enumerate() {
        out.push_str(if crlf { "\r\n" } else { "" });
        if at > 0 {
            out.push(',');
        }
        for _ in 0..blank {
            out.push_str(" \n");
        }
        out.push_str(&object);
    }
    out.push_str("\n]\n");
    out.into_bytes()
}

/// Text in quotes: as it is but for what must be escaped, or with all but ASCII letters escaped.
fn json_text(text: &str, style: u8) -> String {
    if style % 3 != 1 {
        return serde_json::to_string(text).expect("text");
    }
    let mut out = "\"".to_owned();
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(b'/') => out.push_str("\\/"),
            Ok(letter) if letter.is_ascii_alphanumeric() => out.push(letter as char),
            _ => out.push_str(&format!("\\u{unit:04X}")),
        }
    }
    out.push('"');
    out
}

/// Objects with values of all kinds, and with what goes wrong in them.
#[derive(Clone, Debug)]
pub struct Objects {
    objects: Vec<(String, u8, bool)>,
    mark: bool,
    last_line_ends: bool,
}

/// Objects. With `broken`, some are none.
pub fn objects(broken: bool) -> impl Strategy<Value = Objects> {
    let other = select(
        &[
            "12",
            "-3.50",
            "1e5",
            "12345678901234567890123.10",
            "0",
            "true",
            "false",
            "null",
            "null",
            "{\"a\": [1, \"}\"]}",
            "[]",
            "[\"\\ud800\"]",
            "\"Zo\\ud800\"",
            "\"\\u0000\"",
            "\"\\ud834\\udd1e\"",
        ][..],
    );
    let member = |column: usize| {
        let text = (value(column), any::<u8>()).prop_map(|(text, style)| json_text(&text, style));
        let other = other.clone().prop_map(str::to_owned);
        // What an expression makes of other kinds than text is not the reference's concern.
        let other = if HEADER[column] == "Worker Status" {
            Just("\"Active\"".to_owned()).boxed()
        } else {
            other.boxed()
        };
        prop_oneof![12 => text.prop_map(Some), 1 => other.prop_map(Some), 1 => Just(None)]
    };
    let members: Vec<_> = (0..HEADER.len()).map(member).collect();
    let more = prop_oneof![
        20 => Just(""),
        1 => Just(",\"other\":1"),
        1 => Just(",\"Country\":\"GB\""),
        1 => Just(" , \"Note\" : null "),
    ];
    let bad = select(
        &[
            "not json",
            "{\"Note\":}",
            "[1]",
            "3",
            "{\"Note\":\"\\u12€\"}",
            "{} x",
            "{\"\\ud800\":1}",
        ][..],
    );
    let bad = prop_oneof![20 => Just(None), 1 => bad.prop_map(Some)];
    let bad = if broken {
        bad.boxed()
    } else {
        Just(None).boxed()
    };
    let object = (members, 0..HEADER.len(), more, bad).prop_map(|(values, turn, more, bad)| {
        if let Some(bad) = bad {
            return bad.to_owned();
        }
        let mut members: Vec<String> = values
            .iter()
            .zip(HEADER)
            .filter_map(|(value, name)| {
                value
                    .as_ref()
                    .map(|v| format!("{}: {v}", json_text(name, 0)))
            })
            .collect();
        let turn = turn.min(members.len());
        members.rotate_left(turn);
        let more = if members.is_empty() { "" } else { more };
        format!("{{ {}{more}}}", members.join(","))
    });
    let blank = prop_oneof![9 => Just(0u8), 1 => 1..4u8];
    (
        vec((object, blank, any::<bool>()), 1..30),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(objects, mark, last_line_ends)| Objects {
            objects,
            mark,
            last_line_ends,
        })
}

impl Objects {
    pub fn lines(&self) -> Vec<u8> {
        written_lines(self.objects.iter().cloned(), self.mark, self.last_line_ends)
    }

    pub fn array(&self) -> Vec<u8> {
        written_array(self.objects.iter().cloned(), self.mark)
    }
}

/// CSV of two columns made of nothing but what matters in CSV. May leave a quote open.
pub fn soup() -> impl Strategy<Value = Vec<u8>> {
    let parts = select(
        &[
            "\"",
            "\"",
            ",",
            ",",
            "\n",
            "\n",
            "\r\n",
            "\r",
            "a",
            "b",
            "é",
            " ",
            "\"\"",
            "\",\"",
            "\"\n",
            "\"a\", \"b\"\n",
        ][..],
    );
    vec(parts, 0..60).prop_map(|parts| ["a,b\n", &parts.concat()].concat().into_bytes())
}

/// A JSON array with one piece taken away, doubled or replaced.
pub fn damaged_array() -> impl Strategy<Value = Vec<u8>> {
    let tokens = select(
        &[
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            "\"a\"",
            "\"b\"",
            "\"",
            "1",
            "01",
            "-",
            "null",
            "\"é\"",
            "\"\\u12€\"",
            "\\",
            " ",
            "\n",
            "x€",
        ][..],
    );
    let record = select(
        &[
            r#"{"a":"1","b":2}"#,
            r#"{"a":"[é]"}"#,
            "{}",
            r#"{"b":{"c":[1]},"a":"x\"y"}"#,
        ][..],
    );
    let gap = select(&[",", ",\n", " , "][..]);
    (vec((record, gap), 1..12), any::<Index>(), 0..4u8, tokens).prop_map(
        |(records, place, what, token)| {
            let mut text = "[".to_owned();
            for (at, (record, gap)) in records.iter().enumerate() {
                text.push_str(if at > 0 { gap } else { "\n" });
                text.push_str(record);
            }
            text.push_str("\n]\n");
            let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let at = starts[place.index(starts.len())];
            match what {
                0 => drop(text.remove(at)),
                1 => text.insert_str(at, token),
                2 => text.truncate(at),
                _ => {
                    text.remove(at);
                    text.insert_str(at, token);
                }
            }
            text.into_bytes()
        },
    )
}

pub fn settings() -> impl Strategy<Value = Settings> {
    let format = select(&[Format::Json, Format::Csv][..]);
    let empty = select(&[Empty::Omit, Empty::Noop, Empty::Clear, Empty::Keep][..]);
    let ragged = select(&[Ragged::Reject, Ragged::Pad][..]);
    let keep = select(&["none", "none", "first", "last"][..]);
    (format, empty, any::<bool>(), ragged, any::<bool>(), keep).prop_map(
        |(format, empty, action_column, ragged, ignore_unknown, keep)| Settings {
            hr: true,
            format,
            empty,
            action_column,
            ragged,
            ignore_unknown,
            keep,
        },
    )
}
