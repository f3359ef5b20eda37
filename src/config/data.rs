//! Data in the place of a pipeline file: the slip of the first minute, which deserves a better answer than that a table
//! is not valid YAML. What is told is of what kind the file is, and never what it holds.

use std::path::Path;

use serde_json::Value;

use crate::text::shown::shell_word;

/// So much of a file is looked at.
const BEGINNING: usize = 64 << 10;

/// How files begin that are not text, and what they are.
const MAGIC: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"\x1f\x8b", "a compressed file"),
    (b"\x28\xb5\x2f\xfd", "a compressed file"),
    (b"BZh", "a compressed file"),
    (b"\xfd7zXZ\x00", "a compressed file"),
    (b"-----BEGIN PGP MESSAGE", "an encrypted file"),
];

/// Keys of a pipeline by one of which it can be told from a record.
const SECTIONS: &[&str] = &[
    "version", "source", "stages", "validate", "target", "profile",
];

/// What stands between the cells of a table.
const DELIMITERS: &[char] = &[',', ';', '\t', '|'];

/// What a file is that holds data; nothing where it may be a pipeline file, right or wrong.
pub(super) fn kind(bytes: &[u8]) -> Option<&'static str> {
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(kind);
    }
    let beginning = &bytes[..bytes.len().min(BEGINNING)];
    let text = encoding(beginning).decode(beginning).0;
    let text = text.trim_start();
    match text.as_bytes().first()? {
        b'<' => Some("XML"),
        b'{' => records(text).then_some("JSON records"),
        // A pipeline is not a list.
        b'[' => Some("JSON records"),
        _ => table(text).then_some("a table"),
    }
}

/// UTF-16 where a mark says so. Of everything else the letters of delimiters and keys are those of ASCII.
fn encoding(bytes: &[u8]) -> &'static encoding_rs::Encoding {
    encoding_rs::Encoding::for_bom(bytes).map_or(encoding_rs::WINDOWS_1252, |(found, _)| found)
}

/// Whether a text that begins with `{` is records and not a pipeline in JSON.
fn records(text: &str) -> bool {
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match documents.next() {
        Some(Ok(Value::Object(first))) => {
            documents.next().is_some() || !SECTIONS.iter().any(|key| first.contains_key(*key))
        }
        // Cut off, or YAML's own way to write a map.
        _ => match text[1..].trim_start().strip_prefix('"') {
            Some(key) => key
                .split_once('"')
                .is_some_and(|(key, _)| key != "name" && !SECTIONS.contains(&key)),
            None => false,
        },
    }
}

/// Whether the first line is cells and not YAML: a delimiter stands in it, and it is neither a key nor an item.
fn table(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end);
    let first =
        lines.find(|line| !line.is_empty() && !line.starts_with(['#', '%']) && *line != "---");
    let Some(first) = first else {
        return false;
    };
    let is_item = first == "-" || first.starts_with("- ");
    let key = first.split_once(": ").map(|(key, _)| key);
    let key = key.or_else(|| first.strip_suffix(':'));
    let is_key = key.is_some_and(|key| !key.contains(DELIMITERS));
    first.contains(DELIMITERS) && !is_item && !is_key
}

/// The command that drafts a pipeline for a file.
pub(super) fn draft(file: &str) -> String {
    let path = Path::new(file);
    let name = path.file_name().and_then(|name| name.to_str());
    let stem = name.and_then(|name| name.split('.').next());
    let stem = stem.filter(|stem| !stem.is_empty() && *stem != "-");
    let draft = format!("{}.yaml", stem.unwrap_or("pipeline"));
    // Never the file itself, which `infer` would not write over.
    let draft = if draft == file {
        "pipeline.yaml".to_owned()
    } else {
        draft
    };
    let (file, draft) = (shell_word(file), shell_word(&draft));
    format!("rostream infer {file} -o {draft}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_told_from_pipelines() {
        let check = |bytes: &[u8], expected| {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(kind(bytes), expected, "{shown}");
        };
        for table in [
            "Employee ID,Name\n1,Ann\n",
            "Name;Note: why\n1;Ann\n",
            "\u{feff}sep=;\nName;Salary\n",
            "id\tname\n",
            "# an export\nid|name\n",
            "\"Name, first\",\"Note: why\"\n",
        ] {
            check(table.as_bytes(), Some("a table"));
        }
        check(b"Name;W\xe4hrung\n1;EUR\n", Some("a table"));
        check(b"\xff\xfeN\0a\0;\0b\0\n\0", Some("a table"));
        check(b"PK\x03\x04...", Some("a workbook or a zip archive"));
        check(b"\x1f\x8b\x08", Some("a compressed file"));
        check(b"<?xml version=\"1.0\"?>", Some("XML"));
        check(b"[{\"id\": 1}]", Some("JSON records"));
        check(b"{\"id\": 1}\n{\"id\": 2}\n", Some("JSON records"));
        check(b"{\"name\": \"Ann\", \"id\": 1}\n", Some("JSON records"));
        check(
            b"{\"Report_Entry\": [{\"id\": 1}, {\"id\"",
            Some("JSON records"),
        );
        for pipeline in [
            "version: 1\nsource: { path: a.csv }\n",
            "# yaml-language-server: $schema=a,b\nversion: 1\n",
            "---\nname: x\n",
            "source:\n  path: a,b\n",
            "name: a, b\nversion: 1\n",
            "sorce: { path: a,b }\n",
            "{ version: 1, source: { path: a } }",
            "{\"version\": 1, \"source\": {\"path\": \"a\"}}",
            "- trim, x\n",
            "hello\n",
            "",
            "\n\n",
            "stages: [trim",
        ] {
            check(pipeline.as_bytes(), None);
        }
    }

    #[test]
    fn the_draft_has_the_name_of_the_data() {
        let check = |file, expected| assert_eq!(draft(file), expected);
        check("export.csv", "rostream infer export.csv -o export.yaml");
        check(
            "in/Jan 1.csv.gz",
            "rostream infer 'in/Jan 1.csv.gz' -o 'Jan 1.yaml'",
        );
        check("people.yaml", "rostream infer people.yaml -o pipeline.yaml");
        check("-", "rostream infer - -o pipeline.yaml");
        check(".csv", "rostream infer .csv -o pipeline.yaml");
    }
}
