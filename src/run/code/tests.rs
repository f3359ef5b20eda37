//! The codes as they are explained, and which errors are worth another try.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use regex::Regex;

use super::*;
use crate::report::codes::CODES;
use crate::state::LedgerError;
use crate::state::error::Busy;

/// Every code, and its word on another try.
fn listed() -> BTreeMap<String, String> {
    let codes = CODES.iter();
    codes
        .map(|(word, again, _)| ((*word).to_owned(), (*again).to_owned()))
        .collect()
}

/// Codes are words that stay; whoever adds one writes its row.
#[test]
fn every_code_is_explained() {
    let sources = [
        include_str!("../code.rs"),
        include_str!("../../state/error.rs"),
        include_str!("../../cli/exit.rs"),
        include_str!("../../cli/merge.rs"),
        include_str!("../../cli/open.rs"),
        include_str!("../../cli/resume.rs"),
        include_str!("../../cli/retry.rs"),
    ];
    let one = Regex::new(
        r#"Code::(lasting|passing)\(\s*"([a-z_]+)"|word: "([a-z_]+)",|(?:Stop::.*|Some\(.*\)) => "([a-z_]+)""#,
    )
    .unwrap();
    let mut found = BTreeMap::<String, Vec<&str>>::new();
    for source in sources {
        for code in one.captures_iter(source) {
            let word = code.get(2).or(code.get(3)).or(code.get(4)).unwrap();
            let kind = code.get(1).map_or("lasting", |kind| kind.as_str());
            found.entry(word.as_str().into()).or_default().push(kind);
        }
    }
    let listed = listed();
    let words = |map: &BTreeMap<String, Vec<&str>>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(words(&found), listed.keys().cloned().collect::<Vec<_>>());
    for (word, kinds) in found {
        let expected = match (kinds.contains(&"lasting"), kinds.contains(&"passing")) {
            _ if listed[&word] == "depends" => continue,
            (true, false) => "no",
            _ => "yes",
        };
        assert_eq!(listed[&word], expected, "{word}");
    }
}

#[test]
fn errors_that_pass_and_errors_that_last() {
    let check = |error: RunError, word: &str, retryable: bool| {
        let code = error.code();
        assert_eq!((code.word, code.retryable), (word, retryable), "{error:?}");
    };
    let api = |status, code: &str| {
        let errors = vec![crate::orgvue::error::ApiError {
            code: code.into(),
            ..Default::default()
        }];
        RunError::Orgvue(OrgvueError::Api {
            what: "ask",
            status,
            errors,
            trace_id: None,
            retry_after: None,
        })
    };
    check(api(401, "40102"), "token", false);
    check(api(403, "40302"), "token", false);
    check(api(404, "1"), "refused", false);
    check(api(429, "42901"), "unavailable", true);
    check(api(429, QUOTA_EXCEEDED), "quota", false);
    check(api(503, "1"), "unavailable", true);
    check(RunError::Orgvue(OrgvueError::Token), "token", false);
    check(RunError::Interrupted, "interrupted", true);
    check(RunError::NoRecords("a.csv".into()), "no_records", false);
    let source = |error| RunError::from(error);
    check(
        source(SourceError::NotFound("a".into())),
        "source_missing",
        true,
    );
    check(
        source(SourceError::Directory("a".into())),
        "source_unreadable",
        false,
    );
    let busy = LedgerError::Busy {
        what: Busy::Dataset,
        holds: String::new(),
        path: PathBuf::new(),
    };
    check(busy.into(), "busy", true);
    let write = LedgerError::Write {
        path: PathBuf::new(),
        source: io::ErrorKind::StorageFull.into(),
    };
    check(write.into(), "state_folder", false);
    check(
        LedgerError::NotMade(PathBuf::new()).into(),
        "state_missing",
        false,
    );
    let lost = |error: OrgvueError| RunError::Import(ImportError::Unknown(Box::new(error)));
    check(lost(OrgvueError::NoTicketUrl), "import_unknown", false);
}
