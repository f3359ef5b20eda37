//! The end of a file's name, by which people and programs know what is in it.

use std::path::{Path, PathBuf};

/// Ends that say that a file has one JSON object a line.
const OF_LINES: [&str; 3] = ["ndjson", "jsonl", "json"];

/// Ends that say that a file is a table, or text.
const OF_TABLES: [&str; 4] = ["csv", "tsv", "tab", "txt"];

/// A path for lines of JSON in the place of this one: `rejects.ndjson` for `rejects.csv`.
pub(crate) fn for_json(path: &Path) -> PathBuf {
    if ends_with(path, &OF_LINES) {
        path.to_owned()
    } else if ends_with(path, &OF_TABLES) {
        path.with_extension("ndjson")
    } else {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".ndjson");
        path.with_file_name(name)
    }
}

/// A path for a table in the place of this one: `rejects.csv` for `rejects.ndjson`.
pub(crate) fn for_csv(path: &Path) -> PathBuf {
    match ends_with(path, &OF_LINES) {
        true => path.with_extension("csv"),
        false => path.to_owned(),
    }
}

/// Another file beside this one, named after it: `rejects.check.csv` for `rejects.csv`.
pub(crate) fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name.push(word);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

fn ends_with(path: &Path, ends: &[&str]) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    end.is_some_and(|end| ends.iter().any(|known| end.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_name_says_what_the_file_is() {
        let check = |stated: &str, csv: &str, json: &str| {
            let stated = Path::new(stated);
            assert_eq!(
                (for_csv(stated), for_json(stated)),
                (csv.into(), json.into())
            );
        };
        check("out/rejects.csv", "out/rejects.csv", "out/rejects.ndjson");
        check("out/rejects.TSV", "out/rejects.TSV", "out/rejects.ndjson");
        check("r.2026.11", "r.2026.11", "r.2026.11.ndjson");
        check("rejects", "rejects", "rejects.ndjson");
        check(
            "out/rejects.ndjson",
            "out/rejects.csv",
            "out/rejects.ndjson",
        );
        check("rejects.jsonl", "rejects.csv", "rejects.jsonl");
    }
}
