//! Takes rows of people out of the files that name them: the file is written anew without them, and all that stays in it
//! stays as it is, byte for byte.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::people::People;
use super::rejects::{ADDED, As, table, workbook};
use super::table::{READ, Records};
use super::traces::{Kind, NOT_AS_WRITTEN, Trace};
use crate::files::part::{self, Part};
use crate::format::PARSE;
use crate::format::added::STAGE;
use crate::format::csv::fed_back::own_columns;
use crate::format::csv::record::split;
use crate::format::json::fed_back::{COLUMNS, RAW};
use crate::text::encoded::{MARK, Written};
use crate::text::scan::{Dialect, Quoting};

/// What became of a file.
pub(crate) type Rows = Result<u64, &'static str>;

/// Takes the rows of these people out of a file: those with their key in one of the `columns`, or anywhere in the row
/// where it has none of these, or where it can't be told which cell is whose. Returns how many rows these were, or why
/// the file is not ours to change; nothing where there is no file.
///
/// # Errors
/// It can't be read or written: it is as it was.
pub(crate) fn forget(
    trace: &Trace,
    (quoting, written): (Quoting, Written),
    columns: &[String],
    people: &mut People,
) -> io::Result<Option<Rows>> {
    in_file(trace, |file, modified| {
        let (part, draft) = Part::create(&trace.path)?;
        let dialect = dialect(trace.kind, &file, quoting)?;
        let left = sifted(file, draft, (trace.kind, dialect, written), columns, people)?;
        let Some((taken, draft)) = left else {
            return Ok(Err(NOT_AS_WRITTEN));
        };
        if taken > 0 {
            // It is no younger than it was.
            draft.set_modified(modified)?;
            draft.sync_all()?;
            part.put()?;
        }
        Ok(Ok(taken))
    })
}

/// The same of a workbook of rejects: it is made anew of the rows that are left, as they stand in it. `read` writes the
/// rejects file that it was made of, and tells whether it is such a workbook.
///
/// # Errors
/// As of [`forget`].
pub(crate) fn forget_in_workbook(
    trace: &Trace,
    quoting: Quoting,
    columns: &[String],
    people: &mut People,
    read: impl FnOnce(File, &mut dyn Write) -> io::Result<bool>,
) -> io::Result<Option<Rows>> {
    in_file(trace, |file, modified| {
        // Neither takes a place.
        let (_whole, whole) = Part::create(&trace.path)?;
        let (_left, left) = Part::create(&trace.path)?;
        let mut out = BufWriter::new(&whole);
        if !read(file, &mut out)? {
            return Ok(Err(NOT_AS_WRITTEN));
        }
        out.flush()?;
        drop(out);
        let dialect = dialect(Kind::Rejects, &whole, quoting)?;
        let how = (Kind::Rejects, dialect, Written::Utf8);
        let Some((taken, left)) = sifted(whole, left, how, columns, people)? else {
            return Ok(Err(NOT_AS_WRITTEN));
        };
        if taken > 0 {
            let written = match dialect {
                Some(dialect) => As::Table {
                    dialect,
                    written: Written::Utf8,
                    called: &[],
                },
                None => As::Lines,
            };
            workbook::write(&left, written, (&trace.path, Some(modified)))?;
        }
        Ok(Ok(taken))
    })
}

/// Takes rows out of a file where it is there and ours, in a way that knows when it was written.
fn in_file(
    trace: &Trace,
    take_out: impl FnOnce(File, SystemTime) -> io::Result<Rows>,
) -> io::Result<Option<Rows>> {
    // Whoever was killed may have left the same rows under way.
    part::sweep(&trace.path);
    match trace.open()? {
        None => Ok(None),
        Some(Err(why)) => Ok(Some(Err(why))),
        Some(Ok(file)) => {
            let modified = file.metadata()?.modified()?;
            take_out(file, modified).map(Some)
        }
    }
}

/// Writes what is left of a file without these people into a draft. Returns how many rows were taken out; nothing where a
/// line is not an object.
fn sifted(
    file: File,
    draft: File,
    (kind, dialect, written): (Kind, Option<Dialect>, Written),
    columns: &[String],
    people: &mut People,
) -> io::Result<Option<(u64, File)>> {
    let mut out = BufWriter::new(draft);
    let taken = match dialect {
        Some(dialect) => {
            let mut sieve = Sieve {
                dialect,
                written,
                kind,
                columns,
                people,
            };
            Some(sieve.table(file, &mut out)?)
        }
        None => lines(file, &mut out, columns, people)?,
    };
    let draft = out.into_inner().map_err(|error| error.into_error())?;
    Ok(taken.map(|taken| (taken, draft)))
}

/// How a table is written; nothing where the file has one object a line.
fn dialect(kind: Kind, mut file: &File, quoting: Quoting) -> io::Result<Option<Dialect>> {
    file.seek(SeekFrom::Start(0))?;
    if kind != Kind::Rejects {
        return Ok(Some(Dialect::default()));
    }
    let mut beginning = Vec::new();
    file.take(READ).read_to_end(&mut beginning)?;
    file.seek(SeekFrom::Start(0))?;
    let found = table(&beginning);
    Ok(found.map(|found| Dialect::new(found.delimiter, quoting)))
}

/// What decides which records of a table stay.
struct Sieve<'a> {
    dialect: Dialect,
    /// What it is written in.
    written: Written,
    kind: Kind,
    columns: &'a [String],
    people: &'a mut People,
}

impl Sieve<'_> {
    fn table(&mut self, file: File, out: &mut impl Write) -> io::Result<u64> {
        let mut records = Records::new(file, self.dialect);
        let mut header = None;
        let mut taken = 0;
        while let Some(record) = records.next()? {
            let text = self
                .written
                .decode(record.strip_prefix(MARK).unwrap_or(record));
            let cells = split(self.dialect, text.trim_end_matches(['\r', '\n']));
            match &header {
                None => header = Some(Header::of(&cells, self.kind, self.columns)),
                Some(header) if header.names(&cells, self.people) => {
                    taken += 1;
                    continue;
                }
                Some(_) => {}
            }
            out.write_all(record)?;
        }
        Ok(taken)
    }
}

/// Where in a table's records the keys of people are.
struct Header {
    /// How many cells are the source's own.
    own: usize,
    /// Those that hold keys.
    keys: Vec<usize>,
    kind: Kind,
}

impl Header {
    fn of(names: &[String], kind: Kind, columns: &[String]) -> Header {
        if kind != Kind::Rejects {
            return Header {
                own: 1,
                keys: vec![0],
                kind,
            };
        }
        let own = own_columns(names, &ADDED).unwrap_or(names.len());
        let keys = (0..own).filter(|at| columns.contains(&names[*at]));
        Header {
            own,
            keys: keys.collect(),
            kind,
        }
    }

    fn names(&self, cells: &[String], people: &mut People) -> bool {
        let stage = cells.get(self.own + STAGE);
        let is_unsure = self.kind == Kind::Rejects && stage.is_some_and(|s| s.contains(PARSE));
        if is_unsure {
            let added = self.own..self.own + ADDED.len();
            let own = cells
                .iter()
                .enumerate()
                .filter(|(at, _)| !added.contains(at));
            // All of them are asked, so that each counts as found.
            return own.fold(false, |found, (_, cell)| people.is_within(cell) || found);
        }
        let mut cells: Box<dyn Iterator<Item = &String>> = match self.keys[..] {
            [] => Box::new(cells.iter().take(self.own)),
            _ => Box::new(self.keys.iter().filter_map(|at| cells.get(*at))),
        };
        cells.any(|cell| people.is_named(cell))
    }
}

/// The same of a file with one object a line; nothing where a line is not one.
fn lines(
    file: File,
    out: &mut impl Write,
    columns: &[String],
    people: &mut People,
) -> io::Result<Option<u64>> {
    let mut input = BufReader::new(file);
    let (mut line, mut taken) = (Vec::new(), 0);
    // What the first row tells of the columns goes on with the next one.
    let mut told: Option<Value> = None;
    while {
        line.clear();
        input.read_until(b'\n', &mut line)? > 0
    } {
        let Ok(Value::Object(row)) = serde_json::from_str(&String::from_utf8_lossy(&line)) else {
            return Ok(None);
        };
        if is_theirs(&row, columns, people) {
            taken += 1;
            told = told.or_else(|| row.get(COLUMNS).cloned());
            continue;
        }
        if let Some(told) = told.take().filter(|_| !row.contains_key(COLUMNS))
            && let Some(rest) = line.strip_prefix(b"{")
        {
            write!(out, "{{\"{COLUMNS}\":{told},")?;
            out.write_all(rest)?;
            continue;
        }
        out.write_all(&line)?;
    }
    Ok(Some(taken))
}

/// Whether a row of a rejects file is one of theirs.
fn is_theirs(row: &Map<String, Value>, columns: &[String], people: &mut People) -> bool {
    if let Some(Value::String(raw)) = row.get(RAW) {
        return people.is_within(raw);
    }
    let added = |name: &String| ADDED.contains(&&**name) || name == COLUMNS;
    let is_unsure = row.get(ADDED[STAGE]).and_then(Value::as_str);
    let is_unsure = is_unsure.is_some_and(|stage| stage.contains(PARSE));
    let keys: Vec<&Value> = columns
        .iter()
        .filter_map(|name| member(row, name))
        .collect();
    if keys.is_empty() || is_unsure {
        let own = row.iter().filter(|(name, _)| !added(name));
        return own.fold(false, |found, (_, value)| has(value, people) || found);
    }
    keys.into_iter().any(|value| has(value, people))
}

/// A member by its name, or by the names of those around it with dots between.
fn member<'v>(row: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    row.get(name).or_else(|| {
        let (outer, inner) = name.split_once('.')?;
        member(row.get(outer)?.as_object()?, inner)
    })
}

fn has(value: &Value, people: &mut People) -> bool {
    match value {
        Value::String(text) => people.is_named(text),
        Value::Number(number) => people.is_named(&number.to_string()),
        Value::Array(values) => values.iter().any(|value| has(value, people)),
        Value::Object(members) => members.values().any(|value| has(value, people)),
        Value::Null | Value::Bool(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    const ADD: &str = "_file,_line,_stage,_column,_code,_message";

    fn write(path: &Path, text: &str) {
        let _ = fs::remove_file(path);
        let mut options = fs::OpenOptions::new();
        let options = options.write(true).create_new(true);
        let mut file = crate::files::owned::owned(options).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[track_caller]
    fn check(kind: Kind, text: &str, who: &str, expected: Rows, left: &str) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write(&path, text);
        let columns = ["id", "boss"].map(str::to_owned);
        let mut people = People::read(who.as_bytes(), &columns).unwrap();
        let trace = Trace {
            path: path.clone(),
            kind,
        };
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        let found = forget(
            &trace,
            (Quoting::default(), Written::Utf8),
            &columns,
            &mut people,
        )
        .unwrap();
        assert_eq!(found, Some(expected));
        assert_eq!(fs::read_to_string(&path).unwrap(), left);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        // Whoever was taken out is not there a second time.
        let again = forget(
            &trace,
            (Quoting::default(), Written::Utf8),
            &columns,
            &mut people,
        )
        .unwrap();
        assert!(matches!(again, Some(Ok(0) | Err(_))));
    }

    #[test]
    fn rows_of_a_table_go_and_the_others_stay_as_they_are() {
        let header = format!("id;pay;boss;{}\n", ADD.replace(',', ";"));
        let said = "w.csv;2;validate;pay;x;m";
        let row = |own: &str| format!("{own};{said}\n");
        let check = |rows: &[&str], who: &str, left: &[usize]| {
            let text = |rows: &[&str]| {
                let rows: String = rows.iter().map(|own| row(own)).collect();
                format!("{header}{rows}")
            };
            let stay: Vec<&str> = left.iter().map(|at| rows[*at]).collect();
            let taken = (rows.len() - left.len()) as u64;
            check(Kind::Rejects, &text(rows), who, Ok(taken), &text(&stay));
        };
        check(&["007;1;", "8;7;", "9;1;7"], "7\n", &[1]);
        check(&["\"a\nb\";1;", "\"a;\";2;"], "id\n\"a;\"\n", &[0]);
        check(&["1;1;", "2;1;"], "3\n", &[0, 1]);
        check(&["1;1;"], "1\n", &[]);
        // Where the cells can't be told apart, the key may be in any of them.
        let ragged = "w.csv;2;parse;boss;ragged;m";
        let text = format!("{header}8;7;;{ragged}\n8;70;;{ragged}\n8;\"x,7\";;{ragged};7;\n");
        let left = format!("{header}8;70;;{ragged}\n");
        super::tests::check(Kind::Rejects, &text, "7", Ok(2), &left);
        // Nor where no column has a known name.
        let text = format!("a,b,{ADD}\n1,7,w,2,s,,x,m\n7,1,w,7,s,,x,m\n1,1,w,7,s,,x,m\n");
        let left = format!("a,b,{ADD}\n1,1,w,7,s,,x,m\n");
        super::tests::check(Kind::Rejects, &text, "7", Ok(2), &left);
    }

    #[test]
    fn rows_of_results_and_of_what_is_held_back() {
        let header = "key,file,line,action,status,code,id\n";
        let text = format!("{header}7,w.csv,8,update,success,,A\n8,w.csv,7,update,success,,B\n");
        let left = format!("{header}8,w.csv,7,update,success,,B\n");
        check(Kind::Results, &text, "7", Ok(1), &left);
        let header = "id,_file,_line,_reason\n";
        let text = format!("{header}7,w.csv,8,r\n8,w.csv,7,r\n");
        check(
            Kind::Withheld,
            &text,
            "7",
            Ok(1),
            &format!("{header}8,w.csv,7,r\n"),
        );
    }

    #[test]
    fn rows_of_json() {
        let row = |columns: &str, own: &str| {
            format!(
                "{{\"_file\":\"w\",\"_line\":7,\"_stage\":\"validate\",\"_column\":\"\",\"_code\":\"x\",\"_message\":\"m\"{columns}{own}}}\n"
            )
        };
        let columns = ",\"_columns\":[\"id\",\"pay\"]";
        let rows = [
            row(columns, ",\"id\":\"7\",\"pay\":1.50"),
            row("", ",\"id\":8,\"pay\":7.00"),
            row("", ",\"id\":7"),
            row("", ",\"_raw\":\"x, 7\""),
            row("", ",\"name\":{\"a\":[\"7\"]}"),
            row("", ",\"name\":\"8\""),
        ];
        let told = rows[1].replacen('{', "{\"_columns\":[\"id\",\"pay\"],", 1);
        check(
            Kind::Rejects,
            &rows.concat(),
            "7",
            Ok(4),
            &(told + &rows[5]),
        );
        let broken = rows[0].clone() + "{\"id\":\n7}\n";
        let why = Err("it is not as a run writes it");
        check(Kind::Rejects, &broken, "7", why, &broken);
    }

    #[test]
    fn records_longer_than_what_is_read_at_once() {
        let long = "x".repeat(3 * READ as usize);
        let said = "w.csv,2,validate,pay,x,m";
        let row = |id: u32| format!("{id},\"{long}\n{id}\",{said}\n");
        let header = format!("id,pay,{ADD}\n");
        let text = format!("{header}{}{}{}", row(1), row(2), row(3));
        let left = format!("{header}{}{}", row(1), row(3));
        check(Kind::Rejects, &text, "2", Ok(1), &left);
    }

    proptest! {
        /// Whatever the cells hold, rows with one of the keys go, and the text of all others stays.
        #[test]
        fn agrees_with_a_filter(
            rows in proptest::collection::vec(("[0-9]{1,2}", "[a-z\",;\n 0-9]{0,6}", "[0-9]?"), 0..30),
            who in proptest::collection::btree_set("[1-9][0-9]?", 1..5),
        ) {
            let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
            let text = |own: &(String, String, String)| {
                format!("{},{},{},w,2,validate,pay,x,m\n", own.0, quoted(&own.1), own.2)
            };
            let is_one = |key: &String| who.contains(key.trim_start_matches('0'));
            let header = format!("id,pay,boss,{ADD}\n");
            let stay = rows.iter().filter(|own| !is_one(&own.0) && !is_one(&own.2));
            let left: String = stay.map(text).collect();
            let taken = rows.iter().filter(|own| is_one(&own.0) || is_one(&own.2)).count();
            let all: String = rows.iter().map(text).collect();
            let keys: Vec<&str> = who.iter().map(String::as_str).collect();
            check(
                Kind::Rejects,
                &format!("{header}{all}"),
                &keys.join("\n"),
                Ok(taken as u64),
                &format!("{header}{left}"),
            );
        }
    }
}
