//! Rejects that come back: unmended they are rejected again for the same reason, mended they go out as they would have
//! from the source, whatever the source was.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::value::RawValue;

use crate::rejects_workbook::book::Saved;
use crate::support::{Rig, mode};

/// A row of people: what is right, what stands in the source instead, and what is said of that.
struct Row {
    good: [String; 4],
    wrong: Option<(Wrong, &'static str)>,
}

/// What is wrong with a row.
enum Wrong {
    /// Its cells.
    Cells(Vec<String>),
    /// A byte in the second cell that is no UTF-8.
    Byte,
}

const COLUMNS: [&str; 4] = ["id", "name", "dob", "pay"];

/// Every fault that a row of CSV can have by itself, and some that it has beside others.
fn people() -> Vec<Row> {
    let names = [
        "Fallow, Jens",
        "O'Hara; \"Bo\"",
        "Mü|ller\tA",
        "two\nlines",
        "",
        " x ",
    ];
    let mut rows = Vec::new();
    for n in 0..70u32 {
        let name = match names[n as usize % names.len()] {
            "" => format!("N{n}"),
            name => format!("{name}{n}"),
        };
        let good = [
            format!("{n:05}"),
            name,
            "01/02/2020".to_owned(),
            format!("{n}.50"),
        ];
        let change = |changes: &[(usize, &str)]| {
            let mut cells = good.to_vec();
            for (at, text) in changes {
                cells[*at] = (*text).to_owned();
            }
            Wrong::Cells(cells)
        };
        let wrong = match n % 10 {
            0 => None,
            1 => Some((change(&[(2, "31/02/2020")]), "date_format")),
            2 => Some((change(&[(1, "")]), "required")),
            3 => Some((change(&[(3, "much")]), "number_format")),
            4 => Some((
                Wrong::Cells(vec![
                    good[0].clone(),
                    good[1].clone() + " " + &good[2],
                    good[3].clone(),
                ]),
                "ragged",
            )),
            5 => Some((
                Wrong::Cells([&good[..], &["more, and more".to_owned()]].concat()),
                "ragged",
            )),
            6 => Some((Wrong::Byte, "not_utf8")),
            7 => Some((
                change(&[(1, ""), (2, "x"), (3, "-")]),
                "date_format; number_format; required",
            )),
            8 => Some((change(&[(0, "99999"), (2, "")]), "key_duplicate")),
            _ => Some((Wrong::Cells(vec![good[0].clone()]), "ragged")),
        };
        rows.push(Row { good, wrong });
    }
    rows
}

/// How a file is written.
#[derive(Clone, Copy)]
struct Dialect {
    file: &'static str,
    /// Lines before the header.
    before: &'static str,
    delimiter: char,
    quote: char,
    end: &'static str,
    /// Settings of the source.
    source: &'static str,
}

impl Dialect {
    fn cell(&self, text: &str) -> String {
        let Dialect {
            delimiter, quote, ..
        } = *self;
        if text.contains([delimiter, quote, '\n', '\r']) {
            let doubled = text.replace(quote, &format!("{quote}{quote}"));
            format!("{quote}{doubled}{quote}")
        } else {
            text.to_owned()
        }
    }

    fn record<'a>(&self, cells: impl IntoIterator<Item = &'a str>) -> String {
        let cells: Vec<String> = cells.into_iter().map(|cell| self.cell(cell)).collect();
        cells.join(&self.delimiter.to_string()) + self.end
    }

    fn table(&self, rows: &[Row], wrong: bool) -> Vec<u8> {
        let mut out = self.before.as_bytes().to_vec();
        out.extend(self.record(COLUMNS).bytes());
        for row in rows {
            let good = row.good.iter().map(String::as_str);
            match &row.wrong {
                Some((Wrong::Cells(cells), _)) if wrong => {
                    out.extend(self.record(cells.iter().map(String::as_str)).bytes());
                }
                Some((Wrong::Byte, _)) if wrong => {
                    let text = self.record(good).replacen(&row.good[1][..1], "\u{1}", 1);
                    out.extend(text.bytes().map(|b| if b == 1 { 0xfc } else { b }));
                }
                _ => out.extend(self.record(good).bytes()),
            }
        }
        out
    }

    /// The cells of all records.
    fn read(&self, text: &[u8]) -> Vec<Vec<String>> {
        let text: String = text.iter().map(|b| char::from(*b)).collect();
        let mut records = vec![vec![String::new()]];
        let mut quoted = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let record = records.last_mut().unwrap();
            let cell = record.last_mut().unwrap();
            match c {
                c if c == self.quote && quoted && chars.peek() == Some(&c) => {
                    cell.extend(chars.next())
                }
                c if c == self.quote && (quoted || cell.is_empty()) => quoted = !quoted,
                c if quoted => cell.push(c),
                c if c == self.delimiter => record.push(String::new()),
                '\r' if chars.peek() == Some(&'\n') => {}
                '\n' => records.push(vec![String::new()]),
                c => cell.push(c),
            }
        }
        records.pop_if(|last| last.len() == 1 && last[0].is_empty());
        records
    }
}

const PLAIN: Dialect = Dialect {
    file: "people.csv",
    before: "",
    delimiter: ',',
    quote: '"',
    end: "\n",
    source: "",
};

const DIALECTS: [Dialect; 5] = [
    PLAIN,
    Dialect {
        before: "sep=;\r\n",
        delimiter: ';',
        end: "\r\n",
        ..PLAIN
    },
    Dialect {
        file: "people.tsv",
        delimiter: '\t',
        ..PLAIN
    },
    Dialect {
        delimiter: '|',
        quote: '\'',
        source: ", csv: { delimiter: \"|\", quote: \"'\" }",
        ..PLAIN
    },
    Dialect {
        before: "Report of people\n\n",
        delimiter: ';',
        source: ", csv: { delimiter: ;, skip_lines: 2 }",
        ..PLAIN
    },
];

const RULES: &str = "stages: [ date: { columns: [dob], from: DD/MM/YYYY }, number: [pay] ]\n\
                     validate: { key: id, columns: { name: { required: true } } }\n";

fn rig(source: &str, more: &str) -> Rig {
    let rig = Rig::with(|_| {});
    rig.pipeline(
        &format!(
            "source: {{ {source} }}\n{RULES}rejects: {{ at_most: 100%, workbook: rejects.xlsx }}\n{more}"
        ),
        "identify_by: { id_key: id }",
    );
    rig
}

#[test]
fn tables_of_every_dialect() {
    let rows = people();
    let wrong: Vec<&Row> = rows.iter().filter(|row| row.wrong.is_some()).collect();
    for dialect in DIALECTS {
        let what = format!("{:?}{}", dialect.before, dialect.source);
        let rig = rig(&format!("path: {}{}", dialect.file, dialect.source), "");
        rig.write(dialect.file, dialect.table(&rows, true));
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{what}: {}", ended.stderr);
        assert_eq!(ended.count("rejected"), wrong.len() as u64, "{what}");
        let written = fs::read(rig.path("rejects.csv")).unwrap();
        let rejects = dialect.read(&written);
        for (reject, row) in rejects[1..].iter().zip(&wrong) {
            assert_eq!(
                reject[8],
                row.wrong.as_ref().unwrap().1,
                "{what}: {reject:?}"
            );
        }

        // By the command that loads what was put right, and as the source.
        let set = "source.path=rejects.csv";
        for args in [
            &["--mend", "rejects.csv"][..],
            &["--set", set, "--set", "rejects.path=rejects.mend.csv"],
            &["--mend", "rejects.xlsx"],
        ] {
            let ended = rig.run(args);
            assert_eq!(ended.code, 4, "{what}: {}", ended.stderr);
            assert_eq!(ended.count("rejected"), wrong.len() as u64, "{what}");
            let again = dialect.read(&fs::read(rig.path("rejects.mend.csv")).unwrap());
            assert_eq!(again.len(), rejects.len(), "{what}");
            for (before, after) in rejects.iter().zip(&again) {
                // Of a byte that is not UTF-8 a cell shows that it is one, and not which.
                let same = |cell: &String| cell.replace(['\u{fc}', '\u{ff}'], "?");
                let kept = |row: &[String]| -> Vec<String> {
                    let kept = [&row[..4], &row[6..9], &row[10..]].concat();
                    kept.iter().map(same).collect()
                };
                assert_eq!(kept(before), kept(after), "{what}");
            }
        }
        // And what comes of that is a rejects file like the first.
        rig.write("again.csv", fs::read(rig.path("rejects.mend.csv")).unwrap());
        let ended = rig.run(&["--mend", "again.csv"]);
        assert_eq!(ended.count("rejected"), wrong.len() as u64, "{what}");

        let mut mended = dialect.record(rejects[0].iter().map(String::as_str));
        for (reject, row) in rejects[1..].iter().zip(&wrong) {
            let cells = row.good.iter().chain(&reject[4..10]);
            mended += &dialect.record(cells.map(String::as_str));
        }
        rig.write("rejects.csv", mended);
        let mut book = Saved::open(&rig.path("rejects.xlsx"));
        for (cells, row) in book.rows[1..].iter_mut().zip(&wrong) {
            cells.truncate(10);
            for (cell, good) in cells[6..].iter_mut().zip(&row.good) {
                cell.text.clone_from(good);
            }
        }
        book.save(&rig.path("mended.xlsx"));
        let mut sent = Vec::new();
        for mended in ["rejects.csv", "mended.xlsx"] {
            let ended = rig.run(&["--mend", mended]);
            assert_eq!(
                (ended.code, ended.count("sent")),
                (0, wrong.len() as u64),
                "{what}: {}",
                ended.stderr
            );
            assert!(sent.is_empty() || sent == rig.uploaded(), "{what}");
            sent = rig.uploaded();
        }
        let only_wrong: Vec<Row> = people()
            .into_iter()
            .filter(|row| row.wrong.is_some())
            .collect();
        rig.write(dialect.file, dialect.table(&only_wrong, false));
        assert_eq!(rig.run(&[]).code, 0);
        assert!(sent == rig.uploaded(), "{what}");
    }
}

/// Objects as the source has them, each with what is wrong and as it should be.
const OBJECTS: &[(&str, &str, &str)] = &[
    (
        r#"{"id":"1","name":"Ada","dob":"31/02/2020","pay":41500.10,"full":true,"left":null}"#,
        "date_format",
        r#"{"id":"1","name":"Ada","dob":"01/02/2020","pay":41500.10,"full":true,"left":null}"#,
    ),
    (
        r#"{"id":"2","name":"","dob":"01/02/2020","pay":1e2,"full":false,"tags":{"a":[1, "}"]}}"#,
        "required; nested",
        r#"{"id":"2","name":"Bo","dob":"01/02/2020","pay":1e2,"full":false,"left":"x"}"#,
    ),
    (
        r#"{"id":"3","id":"33","name":"Cy","dob":"01/02/2020","pay":3}"#,
        "duplicate_member",
        r#"{"id":"33","name":"Cy","dob":"01/02/2020","pay":3}"#,
    ),
    (
        r#"{"id":"4","name":"Di","dob":"01/02/2020","pay":4,"nick":"D"}"#,
        "unknown_member",
        r#"{"id":"4","name":"Di","dob":"01/02/2020","pay":4}"#,
    ),
    (
        r#"{"id":"5","name":"\ud834","dob":"01/02/2020","pay":5}"#,
        "json_string",
        r#"{"id":"5","name":"\u00c9va","dob":"01/02/2020","pay":5.0}"#,
    ),
    (
        r#"{"id":"7","name":"Al","dob":"01/02/2020","pay":7}"#,
        "key_duplicate",
        r#"{"id":"8","name":"Al","dob":"01/02/2020","pay":7}"#,
    ),
    (
        r#"{"id":"7","name":"Jo","dob":"01/02/2020","pay":"much"}"#,
        "number_format; key_duplicate",
        r#"{"id":"9","name":"Jo","dob":"01/02/2020","pay":"7"}"#,
    ),
];

/// Lines that are no objects.
const LINES: &[(&str, &str, &str)] = &[
    (
        r#"{"id":"20","name":"Ed","dob":1981-05-15}"#,
        "json_syntax",
        r#"{"id":"20","name":"Ed","dob":"15/05/1981"}"#,
    ),
    (
        r#"id,name,"dob""#,
        "json_syntax",
        r#"{"id":"21"  ,  "name":"Flo"}"#,
    ),
    (
        r#"["22",	"x"]"#,
        "not_an_object",
        r#"{"id":"22","name":"Gus"}"#,
    ),
];

/// What is said of the rows of a rejects file, each with the text of its line.
fn lines(rig: &Rig, file: &str) -> Vec<(BTreeMap<String, Box<RawValue>>, String)> {
    let text = rig.read(file);
    let said = |line: &str| {
        let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).unwrap();
        members.retain(|name, _| name.starts_with('_') && name != "_raw");
        (members, line.to_owned())
    };
    text.lines().map(said).collect()
}

fn ndjson<'a>(objects: impl IntoIterator<Item = &'a str>) -> String {
    objects
        .into_iter()
        .map(|object| object.to_owned() + "\n")
        .collect()
}

/// As one array, an object over several lines.
fn array<'a>(objects: impl IntoIterator<Item = &'a str>) -> String {
    let objects: Vec<String> = objects
        .into_iter()
        .map(|object| object.replace(",\"", ",\n  \""))
        .collect();
    format!("[{}]", objects.join(", "))
}

#[test]
fn objects_of_every_layout() {
    let good =
        r#"{"id":"6","name":"Eve","dob":"01/02/2020","pay":6,"full":true,"left":null,"tags":"t"}"#;
    let columns = "json: { columns: [id, name, dob, pay, full, left, tags] }";
    let layouts = [
        ("people.ndjson", "", true),
        ("people.json", ", format: json", false),
        // The columns are those of the first thousand records, and the file of the rejects tells them.
        ("people.ndjson", ", format: ndjson", true),
    ];
    for (at, (file, source, is_lines)) in layouts.into_iter().enumerate() {
        let stated = if at < 2 {
            format!(", {columns}")
        } else {
            String::new()
        };
        let rig = rig(&format!("path: {file}{source}{stated}"), "");
        let wrong: Vec<_> = match is_lines {
            true => OBJECTS.iter().chain(LINES).collect(),
            false => OBJECTS.iter().collect(),
        };
        let filler: Vec<String> = (1000..2100)
            .map(|id| good.replace("\"6\"", &format!("\"{id}\"")))
            .collect();
        let before = filler.iter().map(String::as_str).chain([good]);
        let all = before.chain(wrong.iter().map(|(wrong, ..)| *wrong));
        rig.write(file, if is_lines { ndjson(all) } else { array(all) });
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 3, "{file}: {}", ended.stderr);
        assert!(!rig.path("rejects.csv").exists());
        assert_eq!(mode(&rig.path("rejects.ndjson")), 0o600);
        assert!(
            ended.report["rejects_file"]
                .as_str()
                .unwrap()
                .ends_with("rejects.ndjson")
        );
        ended.says("rejects.ndjson, the rows as they were");
        let rejects = lines(&rig, "rejects.ndjson");
        let codes = |rejects: &[(BTreeMap<String, Box<RawValue>>, String)]| {
            let code =
                |said: &BTreeMap<String, Box<RawValue>>| said["_code"].get().replace('"', "");
            rejects
                .iter()
                .map(|(said, _)| code(said))
                .collect::<Vec<_>>()
        };
        let expected: Vec<&str> = wrong.iter().map(|(_, code, _)| *code).collect();
        assert_eq!(codes(&rejects), expected);

        for args in [
            &["--mend", "rejects.ndjson"][..],
            &["--set", "source.path=rejects.ndjson"],
            &["--mend", "rejects.xlsx"],
        ] {
            let ended = rig.run(args);
            assert_eq!(ended.code, 4, "{file}: {}", ended.stderr);
            let again = lines(&rig, "rejects.mend.ndjson");
            assert_eq!(codes(&again), expected);
            let own = |line: &str| {
                let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).unwrap();
                let own = members
                    .into_iter()
                    .filter(|(name, _)| !name.starts_with('_') || name == "_raw");
                own.map(|(name, value)| format!("{name} {value}"))
                    .collect::<Vec<_>>()
            };
            for ((_, before), (_, after)) in rejects.iter().zip(&again) {
                assert_eq!(own(before), own(after));
            }
        }

        // What is said of the rows stays, wherever it stands.
        let mended = rejects.iter().zip(&wrong).map(|((said, _), (.., right))| {
            let said = serde_json::to_string(&said).unwrap();
            format!(
                "{},{}\n",
                right.strip_suffix('}').unwrap(),
                said.strip_prefix('{').unwrap()
            )
        });
        rig.write("mended.ndjson", mended.collect::<String>());
        let ended = rig.run(&["--mend", "mended.ndjson"]);
        assert_eq!(
            (ended.code, ended.count("sent")),
            (0, wrong.len() as u64),
            "{file}: {}",
            ended.stderr
        );
        let sent = rig.uploaded();
        let text = String::from_utf8(sent.clone()).unwrap();
        if is_lines {
            assert!(text.contains(r#""pay":41500.10,"full":true"#), "{text}");
        }
        let all = filler.iter().map(String::as_str).take(1);
        let all = all.chain(wrong.iter().map(|(.., right)| *right));
        rig.write(file, if is_lines { ndjson(all) } else { array(all) });
        assert_eq!(rig.run(&[]).code, 0);
        let from_source = String::from_utf8(rig.uploaded()).unwrap();
        let rest: Vec<&str> = from_source.lines().skip(2).collect();
        assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), rest, "{file}");
    }
}

/// The text of a line that is no object can be put right in its place.
#[test]
fn the_text_of_a_line_is_mended_where_it_stands() {
    let rig = rig("path: people.ndjson", "");
    let good = "{\"id\":\"1\",\"name\":\"Ada\",\"dob\":\"01/02/2020\",\"pay\":1.50}\n";
    rig.write(
        "people.ndjson",
        format!(
            "{good}{}",
            good.replace("\"1\"", "2 0").replace("1.50", "2.50")
        ),
    );
    assert_eq!(rig.run(&[]).code, 3);
    let mended = rig.read("rejects.ndjson").replace("2 0", "\\\"2\\\"");
    rig.write("rejects.ndjson", mended);
    let ended = rig.run(&["--mend", "rejects.ndjson"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        String::from_utf8(rig.uploaded())
            .unwrap()
            .contains("\"id\":\"2\",\"name\":\"Ada\",\"dob\":\"2020-02-01\",\"pay\":2.50")
    );
}

#[test]
fn the_name_follows_the_source_and_no_stale_file_stays() {
    let rig = rig("path: people.ndjson", "");
    let wrong = "{\"id\":\"1\",\"name\":\"\",\"dob\":\"01/02/2020\",\"pay\":1}\n{\"id\":\"2\",\"name\":\"Bo\",\"dob\":\"01/02/2020\",\"pay\":1}\n";
    rig.write("people.ndjson", wrong);
    let ours = "id,_file,_line,_stage,_column,_code,_message\n1,x,1,s,c,c,m\n";
    rig.write("rejects.csv", ours);
    fs::set_permissions(rig.path("rejects.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    // What a check writes has a name of its own, too, and takes nothing away but its own.
    rig.write("rejects.check.csv", ours);
    assert_eq!(rig.tell(&["check", "pipeline.yaml", "--json"]).code, 3);
    assert!(rig.path("rejects.csv").exists());
    assert!(!rig.path("rejects.check.csv").exists());
    assert_eq!(mode(&rig.path("rejects.check.ndjson")), 0o600);
    assert_eq!(rig.run(&[]).code, 3);
    assert!(!rig.path("rejects.csv").exists());
    assert!(rig.read("rejects.ndjson").contains("\"_line\":1,"));
    // A file of that name that is somebody's own stays.
    rig.write("rejects.csv", "id,name\n1,x\n");
    fs::set_permissions(rig.path("rejects.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(rig.run(&[]).code, 3);
    assert_eq!(rig.read("rejects.csv"), "id,name\n1,x\n");
    fs::remove_file(rig.path("rejects.csv")).unwrap();

    rig.write(
        "people.csv",
        "id,name,dob,pay\n1,,01/02/2020,1\n2,Bo,01/02/2020,1\n",
    );
    assert_eq!(rig.run(&["--set", "source.path=people.csv"]).code, 3);
    assert!(rig.path("rejects.csv").exists() && !rig.path("rejects.ndjson").exists());

    let (code, stderr) = rig.ask(&[
        "lint",
        "pipeline.yaml",
        "--set",
        "source.format=ndjson",
        "--set",
        "rejects.path=out/r.csv",
    ]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("the rejects of this source are NDJSON: the file is `r.ndjson`"),
        "{stderr}"
    );
}

#[test]
fn rejects_are_not_a_source_that_deletes_the_others() {
    let rig = Rig::new();
    rig.pipeline(
        "source: { path: people.ndjson }\nvalidate: { key: id }\nguard: { min_rows: { first: 1 } }",
        "identify_by: { id_key: id }\nimplicit_delete: true",
    );
    let said = "\"_file\":\"w\",\"_line\":1,\"_stage\":\"s\",\"_column\":\"\",\"_code\":\"c\",\"_message\":\"m\"";
    // Mended by hand at its beginning, it is one all the same.
    rig.write(
        "people.ndjson",
        format!("{{\"id\":\"1\"}}\n{{\"id\":\"2\",{said}}}\n"),
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert_eq!(ended.report["error"]["code"], "rejects_as_source");
    let ended = rig.run(&["--mend", "people.ndjson"]);
    assert_eq!(
        (ended.code, ended.count("sent")),
        (0, 2),
        "{}",
        ended.stderr
    );
    let mut items = rig.items();
    items.sort_unstable();
    assert_eq!(items, ["{\"id\":\"1\"}", "{\"id\":\"2\"}"]);
}

/// What the server refuses is written as everything else is.
#[test]
fn what_the_server_refused_comes_back() {
    let rig = Rig::with(|s| {
        s.properties = Some(vec!["id".parse().unwrap(), "pay:number".parse().unwrap()])
    });
    rig.pipeline(
        "source: { path: people.json, format: json }\nvalidate: { key: id }",
        "identify_by: { id_key: id }",
    );
    rig.write(
        "people.json",
        "[{\"id\":\"1\",\n\"pay\":\"1_0\"},\n{\"id\":\"2\",\"pay\":2.50}]",
    );
    let ended = rig.run(&[]);
    assert_eq!(
        (ended.code, ended.count("failed")),
        (3, 1),
        "{}",
        ended.stderr
    );
    let text = rig.read("rejects.ndjson");
    assert!(text.contains("\"_line\":1,\"_stage\":\"import\""), "{text}");
    assert!(
        text.ends_with(",\"id\":\"1\", \"pay\":\"1_0\"}\n"),
        "{text}"
    );
    rig.write("rejects.ndjson", text.replace("\"1_0\"", "10"));
    assert_eq!(rig.run(&["--mend", "rejects.ndjson"]).code, 0);
    let mut items = rig.items();
    items.sort_unstable();
    assert_eq!(
        items,
        ["{\"id\":\"1\",\"pay\":10}", "{\"id\":\"2\",\"pay\":2.50}"]
    );
}

/// A spreadsheet gives every record as many cells as the longest one has.
#[test]
fn a_rejects_file_that_a_spreadsheet_saved() {
    let rig = rig("path: people.csv", "");
    rig.write("people.csv", "id,name,dob,pay\n1,Ada,01/02/2020,1,x\n2,Bo,31/02/2020,2\n3,Cy 01/02/2020,3\n4,Di,01/02/2020,4\n");
    assert_eq!(rig.run(&[]).code, 3);
    let padded: String = rig
        .read("rejects.csv")
        .lines()
        .map(|line| match line.contains("found 5") {
            true => line.to_owned() + "\r\n",
            false => line.to_owned() + ",\r\n",
        })
        .collect();
    let padded = padded
        .replace(',', ";")
        .replace("header; found", "header, found");
    rig.write("saved.csv", &padded);
    let ended = rig.run(&["--mend", "saved.csv"]);
    assert_eq!(
        (ended.code, ended.count("rejected")),
        (4, 3),
        "{}",
        ended.stderr
    );
    let ragged = &ended.report["rejects"]["by_code"][0];
    assert_eq!(
        (&ragged["code"], &ragged["faults"]),
        (&"ragged".into(), &2.into())
    );
    let mended = padded
        .replace(";x\r\n", ";\r\n")
        .replace("31/02", "01/02")
        .replace("Cy 01/02/2020;3;", "Cy;01/02/2020;3");
    rig.write("saved.csv", mended);
    let ended = rig.run(&["--mend", "saved.csv"]);
    assert_eq!(
        (ended.code, ended.count("sent")),
        (0, 3),
        "{}",
        ended.stderr
    );
}

/// The settings by which records are found and taken apart hold for rejects as they did for the source.
#[test]
fn records_of_a_wrapper_with_nested_members() {
    let rig = Rig::new();
    rig.pipeline(
        "source: { path: people.json, json: { path: $.Report_Entry, flatten: \".\" } }\n\
         validate: { key: id, columns: { name.last: { required: true } } }\nrejects: { at_most: 100% }",
        "identify_by: { id_key: id }",
    );
    rig.write(
        "people.json",
        "{\"Report_Entry\": [\n {\"id\":\"1\",\"name\":{\"first\":\"Ada\",\"last\":\"\"},\"full\":true},\n \
         {\"id\":\"2\",\"name\":{\"first\":\"Bo\",\"last\":\"Ek\"},\"pay\":1.50}\n]}",
    );
    assert_eq!(rig.run(&[]).code, 3);
    let ended = rig.run(&["--mend", "rejects.ndjson"]);
    assert_eq!(
        (ended.code, ended.count("rejected")),
        (4, 1),
        "{}",
        ended.stderr
    );
    let mended = rig
        .read("rejects.ndjson")
        .replace("\"last\":\"\"", "\"last\":\"Ek\"");
    rig.write("rejects.ndjson", mended);
    let ended = rig.run(&["--mend", "rejects.ndjson"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let sent = String::from_utf8(rig.uploaded()).unwrap();
    assert!(
        sent.contains("\"id\":\"1\",\"name.first\":\"Ada\",\"name.last\":\"Ek\",\"full\":true}"),
        "{sent}"
    );
}
