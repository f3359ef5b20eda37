//! The section `source`: how the file is written.

use std::fmt::Write;

use crate::config::yaml::write::{flow, list, remark, scalar};
use crate::format::json::{Arrays, UNKNOWN_MEMBER};
use crate::infer::bytes::Bytes;
use crate::infer::form::{CsvForm, Header};
use crate::infer::json::JsonForm;
use crate::infer::{Chosen, Found, Written};
use crate::report::human::{count, counted};
use crate::text::closing;

pub(super) fn source(found: &Found, path: &str) -> String {
    let mut text = String::from("source:\n");
    let _ = writeln!(text, "  path: {}", scalar(path));
    if let Some(kind) = found.compression {
        remark(
            &mut text,
            "  ",
            &format!("Compressed with {kind}, which is found by its content."),
        );
    }
    chosen(&found.chosen, &mut text);
    for said in &found.remarks {
        remark(&mut text, "  ", said);
    }
    match &found.written {
        Written::Csv(form) => csv(found, form, &mut text),
        Written::Json(form) => json(found, form, &mut text),
        Written::Stated { format } => {
            let _ = writeln!(text, "  format: {format}");
        }
    }
    if let Some(record) = &found.record {
        let said = "The elements that come several times beside each other, as near to the root as there are any.";
        remark(&mut text, "  ", said);
        let _ = writeln!(text, "  record: {}", scalar(record));
    }
    text
}

/// What had to be chosen or was stated, and why: the settings of one section in one place.
fn chosen(all: &[Chosen], text: &mut String) {
    let mut sections: Vec<(&str, Vec<(&str, String)>)> = Vec::new();
    for chosen in all {
        remark(text, "  ", &why(chosen));
        let is_number = chosen.name.bytes().all(|b| b.is_ascii_digit());
        let value = match chosen.stated && is_number {
            true => chosen.name.clone(),
            false => scalar(&chosen.name),
        };
        let Some((section, setting)) = chosen.setting.split_once('.') else {
            let _ = writeln!(text, "  {}: {value}", chosen.setting);
            continue;
        };
        match sections.iter_mut().find(|(known, _)| *known == section) {
            Some((_, settings)) => settings.push((setting, value)),
            None => sections.push((section, vec![(setting, value)])),
        }
    }
    for (section, settings) in sections {
        let _ = writeln!(text, "  {section}: {}", flow(&settings));
    }
}

/// Why something had to be chosen.
fn why(chosen: &Chosen) -> String {
    if chosen.stated {
        return format!("Stated: {}.", chosen.setting);
    }
    let what = match chosen.setting {
        "xlsx.duplicate_names" => {
            return "Several columns have one name: the second and further ones are numbered."
                .to_owned();
        }
        "xlsx.footer" => {
            return "The last rows begin as totals and the like do, and are left out: if they are records, take `footer` out."
                .to_owned();
        }
        "xml.names_by" => {
            return "Elements of one name come several times, and this attribute tells what each of them is: the columns are \
                    named by it."
                .to_owned();
        }
        "entry" => "files in the archive",
        "sheet" => "sheets in the workbook that have something in them",
        _ => "components in the file",
    };
    let others = chosen.others.join(", ");
    format!("There are several {what}: one of them is read. The others: {others}.")
}

fn encoding(bytes: Option<&Bytes>, text: &mut String) {
    let Some(bytes) = bytes else {
        return;
    };
    if let Some(stated) = bytes.stated() {
        let said = match bytes.others {
            0 => "Every second byte is zero, as in UTF-16 without its mark.".to_owned(),
            others => format!(
                "Not UTF-8: {} beyond ASCII speak against it. Bytes don't prove which encoding it is: `rostream preview` \
                 shows whether the letters are right.",
                counted(others, "byte")
            ),
        };
        remark(text, "  ", &said);
        let _ = writeln!(text, "  encoding: {stated}");
    } else if bytes.others > 0 {
        let said = format!(
            "UTF-8, as {} show, and damaged: {} are not, and their rows are rejected.",
            counted(bytes.utf8, "character"),
            counted(bytes.others, "byte")
        );
        remark(text, "  ", &said);
    }
}

fn csv(found: &Found, form: &CsvForm, text: &mut String) {
    let _ = writeln!(text, "  format: csv");
    encoding(found.bytes.as_ref(), text);
    let mut settings: Vec<(&str, String)> = Vec::new();
    let mut said: Vec<String> = Vec::new();
    let quoting = form.dialect.quoting;
    if form.width > 1 {
        said.push(format!(
            "{} of the first {} have {} cells with this delimiter.",
            form.alike,
            counted(form.records as u64, "line"),
            form.width
        ));
    }
    if form.fixed_width {
        said.push(
            "All lines have as many characters: the columns may have a fixed width, and then they are not read so.".to_owned(),
        );
    }
    if form.width == 1 {
        said.push("One column: nothing stands between cells.".to_owned());
    }
    if form.quoted_whole {
        said.push(
            "Whole lines are in quotes, which makes each of them one cell: export the file without these quotes.".to_owned(),
        );
    }
    let delimiter = match form.dialect.delimiter {
        b'\t' => "tab".to_owned(),
        byte => scalar(&char::from(byte).to_string()),
    };
    settings.push(("delimiter", delimiter));
    match quoting.quote {
        None => settings.push(("quote", "none".to_owned())),
        Some(b'"') => {}
        Some(byte) => settings.push(("quote", scalar(&char::from(byte).to_string()))),
    }
    if let Some(escape) = quoting.escape {
        settings.push(("escape", scalar(&char::from(escape).to_string())));
    }
    if !quoting.multiline {
        said.push("A quote is never closed: cells are taken to end with their line.".to_owned());
        settings.push(("multiline", "false".to_owned()));
    }
    header(form, &mut settings, &mut said);
    if let Some(pattern) = closing::pattern(&form.footer) {
        said.push(format!(
            "Behind the records: {}.",
            counted(form.footer_lines as u64, "line")
        ));
        settings.push(("footer", scalar(&pattern)));
    }
    if form.odd > 0 {
        said.push(
            "The last line has another number of cells than the others: if it is not a record, state `footer`, or the file \
             is cut off."
                .to_owned(),
        );
    }
    counts(found, &mut said);
    said.iter().for_each(|said| remark(text, "  ", said));
    let _ = writeln!(text, "  csv: {}", flow(&settings));
}

fn header(form: &CsvForm, settings: &mut Vec<(&str, String)>, said: &mut Vec<String>) {
    if form.skip_lines > 0 {
        said.push(format!(
            "In front of the header: {} of other text.",
            counted(u64::from(form.skip_lines), "line")
        ));
        if form.doubtful {
            said.push(
                "One of these lines has as many cells, and may be the header as well: what stands below it is named as \
                 columns commonly are."
                    .to_owned(),
            );
        }
        settings.push(("skip_lines", form.skip_lines.to_string()));
    }
    match &form.header {
        Header::None => {
            said.push(
                "The first line is a record like the others: `columns: [...]` gives the columns names.".to_owned(),
            );
            settings.push(("header", "none".to_owned()));
        }
        Header::Line { certain: true } => {}
        Header::Line { certain: false } => said.push(
            "The first line is taken for the header: none of its cells comes again below it. If it is a record, state `header: none`."
                .to_owned(),
        ),
        Header::Labels(names) => {
            said.push("The header has a second line, of labels: the names are those of the first.".to_owned());
            settings.push(("header", "2".to_owned()));
            settings.push(("columns", list(names)));
        }
        Header::Groups => {
            said.push("The header has two lines, which make the names together.".to_owned());
            settings.push(("header", "2".to_owned()));
        }
    }
    if form.may_be_labels {
        said.push(
            "The line below the header may be a second line of it, of labels: it has words where the others have digits. If \
             so, state `header: 2` and the names as `columns`."
                .to_owned(),
        );
    }
    if !form.same_names.is_empty() {
        said.push(format!(
            "Several columns have one name, and are numbered: {}.",
            form.same_names.join("; ")
        ));
        settings.push(("duplicate_names", "number".to_owned()));
    }
}

/// What is not a record, or not a whole one.
fn counts(found: &Found, said: &mut Vec<String>) {
    let facts = &found.facts;
    if facts.headers > 0 {
        said.push(format!(
            "The header comes again {}: these lines are passed over.",
            counted(facts.headers, "time")
        ));
    }
    for (code, n) in &facts.faults {
        let what = match code.as_str() {
            "ragged" => "with too many or too few cells",
            "quote" => "with a quote that does not close its cell",
            "not_utf8" => "not UTF-8",
            UNKNOWN_MEMBER => "with a member that is not a column",
            "carriage_return" => "with a carriage return outside quotes",
            _ => {
                said.push(format!(
                    "{} rejected with the code {code}.",
                    counted(*n, "row")
                ));
                continue;
            }
        };
        let records = counted(facts.records, "record");
        said.push(format!(
            "Of {records}, {} {what}: they are rejected.",
            count(*n)
        ));
    }
}

fn json(found: &Found, form: &JsonForm, text: &mut String) {
    let _ = writeln!(text, "  format: {}", form.format);
    encoding(found.bytes.as_ref(), text);
    let mut settings: Vec<(&str, String)> = Vec::new();
    let mut said: Vec<String> = Vec::new();
    if let Some(path) = &form.path {
        said.push("The file is one object, which has the records in it.".to_owned());
        settings.push(("path", scalar(&path.to_string())));
    }
    if !form.other_paths.is_empty() {
        let others: Vec<String> = form
            .other_paths
            .iter()
            .map(|path| format!("`path: {path}`"))
            .collect();
        said.push(format!(
            "It holds objects in several places: those that are the most are taken for the records. The others: {}.",
            others.join(", ")
        ));
    }
    if let Some(columns) = &form.columns {
        let late = found.facts.columns.iter().zip(found.names.iter());
        let late: Vec<String> = late
            .filter(|(column, _)| column.missing > 0)
            .map(|(column, name)| format!("{name} {}", count(column.missing)))
            .collect();
        said.push(format!(
            "Some members first come behind the first 1,000 records: these are all that the file has. So many records lack \
             them: {}.",
            late.join(", ")
        ));
        settings.push(("columns", list(columns)));
    }
    if form.flatten {
        said.push("Records have objects in them: their members become columns.".to_owned());
        settings.push(("flatten", scalar(".")));
    }
    match form.arrays {
        Some(Arrays::Join) => {
            said.push("Records have arrays in them, of single values: these are joined. Or is it the `first` that counts?".to_owned());
            settings.push(("arrays", "join".to_owned()));
        }
        Some(Arrays::First) => {
            said.push("Records have lists of values in them, of which the first counts here. Or are they to be joined?".to_owned());
            settings.push(("arrays", "first".to_owned()));
        }
        Some(_) => {
            said.push("Records have arrays of objects in them, which stay JSON. Or is it the `first` that counts?".to_owned());
            settings.push(("arrays", "json".to_owned()));
        }
        None => {}
    }
    counts(found, &mut said);
    said.iter().for_each(|said| remark(text, "  ", said));
    if !settings.is_empty() {
        let _ = writeln!(text, "  json: {}", flow(&settings));
    }
}
