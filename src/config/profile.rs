//! Presets of a known source: put under what the pipeline file says, as `--set` is put over it.
//!
//! A profile is a file of YAML in `profiles/`, each of its values with its source in a comment. What stands in the
//! pipeline file holds; a profile only fills up what is left open there, and it never switches anything on: there is no
//! `as_of` that the file does not ask for, no guard, and no stage. Of a stage it has the settings that one of this name
//! gets where it does not state them.
//!
//! Whatever a profile sets has the place of `profile:` in the pipeline file, and is told by `lint`.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::Findings;
use super::yaml::overrides::set_place;
use super::yaml::tree::{self, Key, Kind, Node};

/// A source whose extracts are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProfileSpec {
    /// Workday, by reports as a service (RaaS).
    Workday,
    /// SAP SuccessFactors, by its exports and by OData.
    Successfactors,
    /// Oracle HCM, as files of the HCM Data Loader and by REST.
    OracleHcm,
    /// ADP Workforce Now, by its API and its reports.
    Adp,
}

/// Each profile's word in the pipeline file, and its text.
const PROFILES: [(&str, &str); 4] = [
    ("workday", include_str!("profiles/workday.yaml")),
    (
        "successfactors",
        include_str!("profiles/successfactors.yaml"),
    ),
    ("oracle_hcm", include_str!("profiles/oracle_hcm.yaml")),
    ("adp", include_str!("profiles/adp.yaml")),
];

/// Puts the profile that the file names under what it says. One that is not known is left to whoever reads the settings.
pub(super) fn apply(root: &mut Node, findings: &mut Findings) {
    let Kind::Map(sections) = &root.kind else {
        return;
    };
    let Some((_, node)) = sections.iter().find(|(key, _)| key.text == "profile") else {
        return;
    };
    let Kind::Scalar(scalar) = &node.kind else {
        return;
    };
    let Some((name, text)) = PROFILES.iter().find(|(name, _)| *name == scalar.text) else {
        return;
    };
    let place = node.place.clone();
    let Some(mut presets) = tree::parse(text, findings) else {
        return;
    };
    set_place(&mut presets, &place);
    let mut filling = Filling {
        format: format(root).unwrap_or_default(),
        told: Vec::new(),
    };
    filling.fill(root, presets, "");
    for told in filling.told {
        let (message, help) = told.said(name);
        findings.note(place.clone(), message, &help);
    }
}

/// The format that the source is stated to have.
fn format(root: &mut Node) -> Option<String> {
    let path = ["source".to_owned(), "format".to_owned()];
    match &root.at_mut(&path)?.kind {
        Kind::Scalar(scalar) => Some(scalar.text.clone()),
        _ => None,
    }
}

/// What became of a preset.
enum Told {
    /// It was set: the path, and what to.
    Set(String, String),
    /// It is there for a section, or for a stage, that the file does not have.
    Unasked { what: String, how: String },
}

impl Told {
    fn said(self, profile: &str) -> (String, String) {
        match self {
            Told::Set(path, value) => (
                format!("`profile: {profile}` sets `{path}` to {value}"),
                String::new(),
            ),
            Told::Unasked { what, how } => (
                format!("`profile: {profile}` has presets for {what}, and there is none"),
                how,
            ),
        }
    }
}

/// A profile being put under a file.
struct Filling {
    /// The format that the source is stated to have.
    format: String,
    told: Vec<Told>,
}

impl Filling {
    /// Puts presets under a section.
    fn fill(&mut self, node: &mut Node, presets: Node, path: &str) {
        let Kind::Map(presets) = presets.kind else {
            return;
        };
        let Some(settings) = settings(node) else {
            return;
        };
        for (key, preset) in presets {
            let path = match path {
                "" => key.text.clone(),
                _ => format!("{path}.{}", key.text),
            };
            let stated = settings
                .iter_mut()
                .find(|(known, _)| known.text == key.text);
            match stated {
                Some((_, list)) if path == "stages" => self.stages(list, preset),
                Some((_, node)) => self.fill(node, preset, &path),
                None => self.add(settings, (key, preset), path),
            }
        }
    }

    /// Puts a preset in the place of a setting that is not there; told where it is one that the file must ask for.
    fn add(&mut self, settings: &mut Vec<(Key, Node)>, (key, preset): (Key, Node), path: String) {
        let how = match &*path {
            "stages" => return self.no_stages(preset),
            "source.csv" | "source.json" if self.format != key.text => return,
            // Records that are made to JSON are not within an object.
            "source.json.path" if !["", "auto", "json", "ndjson"].contains(&&*self.format) => {
                return;
            }
            "guard" => return self.unasked("guard.leavers"),
            "as_of" | "guard.leavers" => return self.unasked(&path),
            _ => flow(&preset),
        };
        self.told.push(Told::Set(path, how));
        settings.push((key, preset));
    }

    /// Puts presets under the stages of a list.
    fn stages(&mut self, list: &mut Node, presets: Node) {
        let (Kind::Seq(stages), Kind::Map(presets)) = (&mut list.kind, presets.kind) else {
            return;
        };
        for (name, preset) in presets {
            let mut is_there = false;
            for (at, stage) in stages.iter_mut().enumerate() {
                let Kind::Map(stage) = &mut stage.kind else {
                    continue;
                };
                for (_, settings) in stage.iter_mut().filter(|(key, _)| key.text == name.text) {
                    is_there = true;
                    let path = format!("stages.{at}.{}", name.text);
                    self.fill(settings, preset.clone(), &path);
                }
            }
            if !is_there {
                self.no_stage(&name.text);
            }
        }
    }

    fn no_stages(&mut self, presets: Node) {
        if let Kind::Map(presets) = presets.kind {
            presets
                .iter()
                .for_each(|(name, _)| self.no_stage(&name.text));
        }
    }

    fn no_stage(&mut self, name: &str) {
        let what = format!("a stage `{name}`");
        let how = "add one where it belongs among the stages, without the settings that it gets from the profile".to_owned();
        self.told.push(Told::Unasked { what, how });
    }

    fn unasked(&mut self, section: &str) {
        let what = format!("a section `{section}`");
        let how = format!("write `{section}`, and it gets what it does not state");
        self.told.push(Told::Unasked { what, how });
    }
}

/// The settings of a section, which may be empty.
fn settings(node: &mut Node) -> Option<&mut Vec<(Key, Node)>> {
    if matches!(&node.kind, Kind::Scalar(scalar) if scalar.is_null()) {
        node.kind = Kind::Map(Vec::new());
    }
    match &mut node.kind {
        Kind::Map(settings) => Some(settings),
        _ => None,
    }
}

/// A preset as it would be written on one line.
fn flow(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.plain => scalar.text.clone(),
        Kind::Scalar(scalar) => format!("'{}'", scalar.text),
        Kind::Seq(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Map(settings) => {
            let mut text = String::from("{");
            for (at, (key, value)) in settings.iter().enumerate() {
                let before = if at == 0 { " " } else { ", " };
                let _ = write!(text, "{before}{}: {}", key.text, flow(value));
            }
            text + " }"
        }
        Kind::Removed | Kind::Filler => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{Loaded, Override, Problems, parse};
    use super::*;

    fn load(text: &str, sets: &[&str]) -> Result<Loaded, Problems> {
        let sets: Vec<Override> = sets.iter().map(|set| set.parse().unwrap()).collect();
        parse(text, "p.yaml", PathBuf::from("/"), &sets, &|_| None)
    }

    /// A pipeline with these sections.
    fn with(sections: &str) -> String {
        format!("version: 1\n{sections}\ntarget: {{ sandbox: {{}} }}\nrejects: {{ at_most: 1% }}\n")
    }

    fn notes(text: &str) -> Vec<String> {
        let notes = load(text, &[]).unwrap().notes;
        notes.iter().map(|note| note.to_string()).collect()
    }

    /// Every profile, with everything that it can fill up, makes a pipeline without a problem: its formats, its columns,
    /// its words.
    #[test]
    fn all_of_them_are_good() {
        for (name, text) in PROFILES {
            let mut findings = Findings::new(name);
            let presets = tree::parse(text, &mut findings);
            assert!(findings.finish().problems.is_empty(), "{name}");
            assert!(matches!(presets.unwrap().kind, Kind::Map(_)), "{name}");
            let has_periods = text.contains("\nas_of:");
            let as_of = if has_periods {
                "as_of: { at: today }"
            } else {
                ""
            };
            for format in ["csv", "json", "ndjson", "auto"] {
                let sections = format!(
                    "profile: {name}\nsource: {{ path: a, format: {format} }}\n{as_of}\nvalidate: {{ key: id }}\n\
                     guard: {{ max_delete: 5, leavers: {{ column: s }} }}\n\
                     stages:\n  - date: {{ columns: [a] }}\n  - empty: {{ values: [x] }}"
                );
                let loaded = load(&with(&sections), &[]).unwrap();
                assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
                let pipeline = loaded.pipeline;
                assert!(!pipeline.guard.leavers.unwrap().values.is_empty());
                assert_eq!(pipeline.as_of.is_some(), has_periods);
                assert_eq!(
                    pipeline.source.json.path.is_some(),
                    format == "json",
                    "{name} {format}"
                );
            }
        }
    }

    /// The words are those of the setting.
    #[test]
    fn each_has_a_word() {
        let schema = serde_json::to_value(schemars::schema_for!(ProfileSpec)).unwrap();
        let words = schema["oneOf"].as_array().unwrap();
        let words: Vec<_> = words.iter().map(|w| w["const"].as_str().unwrap()).collect();
        assert_eq!(words, PROFILES.map(|(name, _)| name));
    }

    #[test]
    fn what_stands_in_the_file_holds() {
        let text = with(
            "profile: successfactors\nsource: { path: a.json, format: json, json: { path: $.value } }\nas_of:\n  key: id\n  \
             to: until\n  prefer: [{ highest: n }]\nstages:\n  - date: { columns: [a], from: DD.MM.YYYY }\n  - date:\n      \
             columns: [b]\n  - empty:\n",
        );
        let loaded = load(&text, &[]).unwrap();
        let pipeline = loaded.pipeline;
        assert_eq!(pipeline.source.json.path.unwrap().to_string(), "$.value");
        let as_of = pipeline.as_of.unwrap();
        assert_eq!(as_of.from.as_deref(), Some("startDate"));
        assert_eq!(as_of.to.as_deref(), Some("until"));
        assert_eq!(as_of.prefer.len(), 1);
        let stages = format!("{:?}", pipeline.stages);
        assert_eq!(stages.matches("DD.MM.YYYY").count(), 1);
        assert_eq!(stages.matches("MM/DD/YYYY").count(), 1);
        assert_eq!(stages.matches("NO_MANAGER").count(), 1);
        let told: Vec<String> = loaded.notes.iter().map(|note| note.to_string()).collect();
        let expected = [
            "p.yaml:2:10: `profile: successfactors` sets `stages.2.empty.values` to [NO_MANAGER, NO_HR, 12/31/9999, \
             9999-12-31]",
            "p.yaml:2:10: `profile: successfactors` sets `stages.1.date.from` to [MM/DD/YYYY, '[odata]']",
            "p.yaml:2:10: `profile: successfactors` sets `as_of.from` to startDate",
            "p.yaml:2:10: `profile: successfactors` sets `as_of.ends` to inclusive",
            "p.yaml:2:10: `profile: successfactors` has presets for a section `guard.leavers`, and there is none\n  help: \
             write `guard.leavers`, and it gets what it does not state",
        ];
        assert_eq!(told[..expected.len()], expected);
    }

    #[test]
    fn nothing_is_switched_on() {
        let text = with("profile: oracle_hcm\nsource: { path: a.dat }\nstages:\n  - trim:");
        let pipeline = load(&text, &[]).unwrap().pipeline;
        assert_eq!(pipeline.stages.len(), 1);
        assert!(pipeline.as_of.is_none() && pipeline.guard.leavers.is_none());
        assert_eq!(pipeline.source.csv.delimiter, None);
        assert_eq!(notes(&text).len(), 4);
        // A section without settings gets them all.
        let text = with(
            "profile: oracle_hcm\nsource: { path: a.dat, csv: }\nvalidate: { key: id }\nas_of:",
        );
        let pipeline = load(&text, &[]).unwrap().pipeline;
        assert_eq!(pipeline.source.csv.delimiter.as_deref(), Some("|"));
        assert!(pipeline.as_of.unwrap().to.is_some());
    }

    #[test]
    fn is_a_setting_like_any_other() {
        let text = with("source: { path: a.json, format: json }");
        let path = |sets: &[&str]| load(&text, sets).unwrap().pipeline.source.json.path;
        assert!(path(&[]).is_none());
        assert!(path(&["profile=workday"]).is_some());
        let loaded = load(&text, &["profile=adp", "source.json.path=$.people"]).unwrap();
        assert_eq!(
            loaded.pipeline.source.json.path.unwrap().to_string(),
            "$.people"
        );
        assert!(loaded.notes[0].to_string().starts_with("--set profile: "));
        for (profile, expected) in [
            (
                "wrokday",
                "p.yaml:2:10: unknown value `wrokday`\n  help: did you mean `workday`? Expected one of: workday, \
                 successfactors, oracle_hcm, adp",
            ),
            (
                "",
                "p.yaml:2:1: expected the name of a source, found nothing",
            ),
        ] {
            let text = with(&format!("profile: {profile}\nsource: {{ path: a.csv }}"));
            assert_eq!(load(&text, &[]).unwrap_err().to_string(), expected);
        }
    }

    /// What a profile says and the file contradicts is told at `profile:`.
    #[test]
    fn what_does_not_fit_is_told_in_the_file() {
        let text = with(
            "profile: successfactors\nsource: { path: a.csv }\nvalidate: { key: id }\nas_of: { to: }",
        );
        let told = load(&text, &[]).unwrap_err().to_string();
        assert!(
            told.contains("p.yaml:2:10: `ends` is about the end of a row"),
            "{told}"
        );
    }
}
