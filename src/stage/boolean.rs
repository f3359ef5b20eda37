//! `boolean`: stated words into true and false.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::date::check_columns;
use super::number::or_list;
use super::{hold, places};
use crate::batch::kinds::Kinds;
use crate::batch::{Batch, Columns, Kind, Wording};
use crate::stage::{BindError, Bound, Resources, Stage};
use crate::text::compare::{comparable, fold_into};

/// Stated words into true and false.
///
/// Short: `- boolean: [isManager]`. An empty cell stays empty, unless a list has the empty text.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, remote = "Self")]
#[schemars(transform = or_list)]
pub struct BooleanSpec {
    /// The columns, by their names at this point.
    pub columns: Vec<String>,
    /// The words for true; without them true, yes, y, t and 1.
    #[serde(rename = "true", default = "yes")]
    pub yes: Vec<String>,
    /// The words for false; without them false, no, n, f and 0.
    #[serde(rename = "false", default = "no")]
    pub no: Vec<String>,
    /// Whether upper and lower case matter.
    #[serde(default)]
    pub case: WordCase,
}

fn yes() -> Vec<String> {
    ["true", "yes", "y", "t", "1"].map(str::to_owned).into()
}

fn no() -> Vec<String> {
    ["false", "no", "n", "f", "0"].map(str::to_owned).into()
}

/// Whether upper and lower case matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WordCase {
    /// `Yes`, `YES` and `yes` are the same word.
    #[default]
    Insensitive,
    /// They are different words.
    Sensitive,
}

impl<'de> Deserialize<'de> for BooleanSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = BooleanSpec;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of columns, or a map with `columns`")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<BooleanSpec, A::Error> {
                Ok(BooleanSpec {
                    columns: Vec::deserialize(SeqAccessDeserializer::new(seq))?,
                    yes: yes(),
                    no: no(),
                    case: WordCase::Insensitive,
                })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BooleanSpec, A::Error> {
                BooleanSpec::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl BooleanSpec {
    /// What is wrong with it, header or not.
    pub(super) fn check(&self) -> Result<(), String> {
        check_columns(&self.columns)?;
        for (name, words) in [("true", &self.yes), ("false", &self.no)] {
            if words.is_empty() {
                return Err(format!("`{name}` has no words"));
            }
        }
        let compared = |word: &String| self.case.compared(word, &mut String::new()).to_owned();
        let both = |word: &&String| self.no.iter().any(|no| compared(word) == compared(no));
        match self.yes.iter().find(both) {
            Some(word) => Err(format!("`{word}` stands for both true and false")),
            None => Ok(()),
        }
    }

    pub(super) fn bind(&self, columns: &mut Columns, _resources: &Resources) -> Bound {
        self.check().map_err(BindError::Other)?;
        let quoted = |words: &[String]| {
            let words: Vec<_> = words.iter().map(|w| format!("`{w}`")).collect();
            words.join(", ")
        };
        let yes = self.yes.iter().map(|word| (word, true));
        let words = yes.chain(self.no.iter().map(|word| (word, false)));
        let words =
            words.map(|(word, is)| (self.case.compared(word, &mut String::new()).into(), is));
        let places = places(columns, &self.columns)?;
        hold(columns, places.iter().map(|p| p.1), |before| {
            before.made(Kinds::BOOL)
        });
        Ok(Some(Box::new(Boolean {
            columns: places,
            expected: format!(
                "expected one of {} for true or {} for false",
                quoted(&self.yes),
                quoted(&self.no)
            )
            .into(),
            words: words.collect(),
            case: self.case,
        })))
    }
}

impl WordCase {
    /// A word as it is compared, in a buffer to use.
    fn compared<'b>(self, word: &str, buffer: &'b mut String) -> &'b str {
        match self {
            WordCase::Sensitive => {
                buffer.clear();
                buffer.push_str(&comparable(word));
            }
            WordCase::Insensitive => fold_into(word, buffer),
        }
        buffer
    }
}

struct Boolean {
    columns: Vec<(Arc<str>, usize)>,
    /// The words for true, then those for false, as they are compared.
    words: Vec<(String, bool)>,
    case: WordCase,
    expected: Cow<'static, str>,
}

impl Stage for Boolean {
    fn apply(&self, batch: &mut Batch) {
        let (yes, no) = (
            batch.append("true", Kind::Bool),
            batch.append("false", Kind::Bool),
        );
        let mut buffer = String::new();
        for (name, slot) in &self.columns {
            let mut cells = batch.take_column(*slot);
            for (row, cell) in cells.iter_mut().enumerate() {
                if !batch.is_live(row) {
                    continue;
                }
                match cell.kind() {
                    Kind::Bool | Kind::Null | Kind::Missing | Kind::Faulty => continue,
                    Kind::Text | Kind::Number => {
                        let text = batch.text(*cell);
                        let word = self.case.compared(text, &mut buffer);
                        let word = self.words.iter().find(|(w, _)| w == word);
                        match word {
                            Some((_, true)) => *cell = yes,
                            Some((_, false)) => *cell = no,
                            None if text.is_empty() => {}
                            None => {
                                self.reject(batch, row, name);
                                *cell = cell.with_kind(Kind::Faulty);
                            }
                        }
                    }
                    Kind::Json => {
                        self.reject(batch, row, name);
                        *cell = cell.with_kind(Kind::Faulty);
                    }
                }
            }
            batch.put_column(*slot, cells);
        }
    }
}

impl Boolean {
    fn reject(&self, batch: &mut Batch, row: usize, column: &Arc<str>) {
        let told = Wording::of("boolean", column, "boolean_format", &self.expected);
        batch.reject_as(row, told, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::date::tests::run_column;

    fn spec(json: &str) -> BooleanSpec {
        serde_json::from_str(json).unwrap()
    }

    fn run(json: &str, cells: &[(&str, Kind)]) -> (Batch, Vec<String>) {
        let columns = &mut Columns::from_header(["b"]);
        run_column(spec(json).bind(columns, &Resources::default()), cells)
    }

    #[test]
    fn reads() {
        #[track_caller]
        fn check(json: &str, cell: (&str, Kind), expected: &str) {
            let (batch, seen) = run(json, &[cell]);
            let faults = batch.faults().list();
            let faults: Vec<_> = faults.iter().map(|f| &*f.code).collect();
            let seen = match faults[..] {
                [] => seen[0].clone(),
                _ => faults.join(" "),
            };
            assert_eq!(seen, expected, "{json} {cell:?}");
        }
        let plain = r#"["b"]"#;
        for (text, expected) in [
            ("Yes", "Bool true"),
            ("y", "Bool true"),
            ("1", "Bool true"),
            ("TRUE", "Bool true"),
            ("no", "Bool false"),
            ("0", "Bool false"),
            ("", "Text "),
            ("maybe", "boolean_format"),
            (" yes", "boolean_format"),
        ] {
            check(plain, (text, Kind::Text), expected);
        }
        check(plain, ("1", Kind::Number), "Bool true");
        check(plain, ("2", Kind::Number), "boolean_format");
        check(plain, ("false", Kind::Bool), "Bool false");
        check(plain, ("", Kind::Null), "Null ");
        check(plain, ("", Kind::Missing), "Missing ");
        check(plain, ("[]", Kind::Json), "boolean_format");
        check(plain, ("x", Kind::Faulty), "Faulty x");
        let german = r#"{"columns": ["b"], "true": ["Ja", "ÜBER"], "false": ["Nein", ""]}"#;
        for (text, expected) in [
            ("JA", "Bool true"),
            ("über", "Bool true"),
            ("", "Bool false"),
            ("yes", "boolean_format"),
        ] {
            check(german, (text, Kind::Text), expected);
        }
        let exact = r#"{"columns": ["b"], "true": ["X"], "false": ["x"], "case": "sensitive"}"#;
        check(exact, ("X", Kind::Text), "Bool true");
        check(exact, ("x", Kind::Text), "Bool false");
    }

    #[test]
    fn the_message_names_the_words() {
        let json = r#"{"columns": ["b"], "true": ["X"], "false": ["-"]}"#;
        let (batch, _) = run(json, &[("?", Kind::Text)]);
        assert_eq!(
            batch.faults().list()[0].message,
            "expected one of `X` for true or `-` for false"
        );
    }

    #[test]
    fn checks() {
        #[track_caller]
        fn check(json: &str, expected: &str) {
            assert_eq!(spec(json).check().unwrap_err(), expected);
        }
        check("[]", "no column is named");
        check(r#"{"columns": ["b"], "true": []}"#, "`true` has no words");
        check(
            r#"{"columns": ["b"], "true": ["NO"]}"#,
            "`NO` stands for both true and false",
        );
        assert_eq!(spec(r#"["b"]"#).check(), Ok(()));
    }
}
