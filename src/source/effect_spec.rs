//! Settings that belong to some formats, and have no effect on the others.

use SourceFormat::{Arrow, Auto, Csv, Fixed, Hdl, Json, Ndjson, Parquet, Tsv, Xlsx, Xml};

use super::spec::SourceFormat;

/// A setting, or a section of them, that belongs to some formats.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Own {
    /// Its path within the section `source`.
    pub(crate) key: &'static str,
    /// What it has an effect on. `auto` is among them where one of them can be found.
    formats: &'static [SourceFormat],
}

/// Sections stand before the settings in them.
const ALL: &[Own] = &[
    own("csv", &[Auto, Csv, Tsv]),
    own(
        "json",
        &[Auto, Json, Ndjson, Xml, Fixed, Hdl, Xlsx, Parquet, Arrow],
    ),
    own("json.path", &[Auto, Json, Ndjson]),
    own("json.flatten", &[Auto, Json, Ndjson, Parquet, Arrow]),
    own("json.arrays", &[Auto, Json, Ndjson, Xml, Parquet, Arrow]),
    own("json.join", &[Auto, Json, Ndjson, Xml, Parquet, Arrow]),
    own("fixed", &[Fixed]),
    own("hdl", &[Auto, Hdl]),
    own("record", &[Auto, Xml]),
    own("xml", &[Auto, Xml]),
    own("sheet", &[Auto, Xlsx]),
    own("xlsx", &[Auto, Xlsx]),
    own("encoding", &[Auto, Csv, Tsv, Json, Ndjson, Xml, Fixed, Hdl]),
];

const fn own(key: &'static str, formats: &'static [SourceFormat]) -> Own {
    Own { key, formats }
}

/// The settings among the stated ones that have no effect on a format: of a section, the section alone.
pub(crate) fn without(format: SourceFormat, is_stated: impl Fn(&str) -> bool) -> Vec<&'static Own> {
    let mut without: Vec<&Own> = Vec::new();
    for own in ALL {
        let section = own.key.split_once('.').map(|(section, _)| section);
        let is_told = without.iter().any(|told| Some(told.key) == section);
        if !is_told && !own.formats.contains(&format) && is_stated(own.key) {
            without.push(own);
        }
    }
    without
}

/// What is stated for a format that is found later, and may turn out to have no effect on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Awaiting(Vec<&'static str>);

impl Awaiting {
    /// Those of the settings that are stated.
    pub(crate) fn of(is_stated: impl Fn(&str) -> bool) -> Awaiting {
        let stated = ALL.iter().map(|own| own.key).filter(|key| is_stated(key));
        Awaiting(stated.collect())
    }

    /// Which of them have no effect on the format that a file turned out to have.
    pub(crate) fn remarks(&self, file: &str, found: &str) -> Vec<String> {
        let Some(format) = SourceFormat::named(found) else {
            return Vec::new();
        };
        let without = without(format, |key| self.0.contains(&key));
        let remark = |own: &Own| {
            let belongs = own.belongs();
            format!(
                "source.{} has no effect: {file} is {found}, and the setting is for {belongs}",
                own.key
            )
        };
        without.into_iter().map(remark).collect()
    }
}

impl Own {
    /// The formats that it belongs to, as the pipeline file calls them.
    pub(crate) fn belongs(&self) -> String {
        let names = self.formats.iter().filter(|format| **format != Auto);
        let names: Vec<&str> = names.map(|format| format.name()).collect();
        match names.split_last() {
            Some((last, others)) if !others.is_empty() => {
                format!("{} and {last}", others.join(", "))
            }
            _ => names.concat(),
        }
    }

    /// The format to state, where it belongs to one alone.
    pub(crate) fn only(&self) -> Option<&'static str> {
        let mut formats = self.formats.iter().filter(|format| **format != Auto);
        match (formats.next(), formats.next()) {
            (Some(only), None) => Some(only.name()),
            _ => None,
        }
    }

    /// Whether it is a section of several settings.
    pub(crate) fn is_section(&self) -> bool {
        ["csv", "json", "fixed", "hdl", "xml", "xlsx"].contains(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_other_formats() {
        let check = |format: SourceFormat, stated: &[&str], expected: &[&str]| {
            let is_stated = |key: &str| stated.contains(&key);
            let found: Vec<_> = without(format, is_stated)
                .iter()
                .map(|own| own.key)
                .collect();
            assert_eq!(found, expected, "{format:?} {stated:?}");
        };
        check(Csv, &["csv", "encoding"], &[]);
        check(Csv, &["json", "json.path", "sheet"], &["json", "sheet"]);
        check(Tsv, &["record", "xml", "hdl"], &["hdl", "record", "xml"]);
        check(Ndjson, &["csv", "json", "json.path", "encoding"], &["csv"]);
        check(Xml, &["json", "json.path", "json.arrays"], &["json.path"]);
        check(
            Hdl,
            &["json", "json.arrays", "json.join"],
            &["json.arrays", "json.join"],
        );
        check(Xlsx, &["csv", "encoding", "sheet"], &["csv", "encoding"]);
        check(
            Parquet,
            &["json", "json.flatten", "encoding"],
            &["encoding"],
        );
        check(
            Auto,
            &["csv", "json", "record", "sheet", "hdl", "encoding"],
            &[],
        );
        check(Auto, &["fixed"], &["fixed"]);
    }

    #[test]
    fn a_format_that_is_found_later() {
        let stated = ["json", "json.path", "sheet", "encoding"];
        let awaiting = Awaiting::of(|key| stated.contains(&key));
        let told = |found: &str| awaiting.remarks("w", found);
        assert_eq!(
            told("json"),
            ["source.sheet has no effect: w is json, and the setting is for xlsx"]
        );
        assert_eq!(
            told("xlsx"),
            [
                "source.json.path has no effect: w is xlsx, and the setting is for json and ndjson",
                "source.encoding has no effect: w is xlsx, and the setting is for csv, tsv, json, ndjson, xml, fixed and hdl",
            ]
        );
        assert_eq!(Awaiting::default().remarks("w", "csv"), [""; 0]);
    }
}
