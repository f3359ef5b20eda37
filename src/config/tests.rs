//! Whole pipeline files: what is reported, and what is made of them.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::*;
use crate::orgvue::spec::{Action, ActionSpec, Empty, IdentifySpec};
use crate::settings::units::{Amount, Rate, Size};
use crate::source::Input;
use crate::source::spec::Pick;
use crate::text::scan::Quoting;
use crate::upload::spec::Length;

/// Names everything but stages and rules, whose keys are tested beside them.
pub(super) const FULL: &str = r##"
version: 1
name: nightly
source:
  path: [exports/a.csv, "exports/w-*.csv.gz"]
  format: csv
  compression: auto
  encoding: windows-1252
  csv: { delimiter: tab, quote: "'", ragged: pad, skip_lines: 2 }
stages:
  - trim:
validate:
  key: employeeID
  columns:
    employeeID: { required: true }
  rows: []
rejects: { path: out/rejects.csv, at_most: 1% }
target:
  orgvue:
    base_url: ${HOST}
    tenant: ACME
    dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2
    token: { env: ORGVUE_TOKEN }
    action: { column: What }
    identify_by: { id_key: employeeID }
    empty: clear
    noop_token: "#same"
    clear_token: "#clear"
    date_format: DD/MM/YYYY
    implicit_delete: false
    on_item_access_denied: skip
    result_encoding: gzip
    callback: https://hooks.example.com/orgvue?status={{jobStatus}}&trace={{traceId}}
    match_results: key
upload: { format: csv, length: spooled, encoding: gzip, chunk: 64KiB, rate: 20MB/s, attempts: 5 }
wait: { at_most: 1h 15m }
report: { dir: out }
"##;

/// A good pipeline in few words, to put something wrong into.
const SHORT: &str = "version: 1\nsource: { path: a.csv }\ntarget: { sandbox: {} }\n";

const ORGVUE: &str = "version: 1
source: { path: a.csv }
target:
  orgvue:
    base_url: example.com
    tenant: ACME
    dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2
    token: { env: TOKEN }
";

fn env(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("https://orgvue.example.com".into()),
        "SECRET" => Some("canary-7f3a".into()),
        "FIVE" => Some("5".into()),
        "EMPTY" => Some(String::new()),
        "TOKEN" => Some("\u{feff} eyJhbGciOi.x.y \r\n".into()),
        "SPACED" => Some("eyJ x".into()),
        "BEARER" => Some("Bearer eyJ".into()),
        _ => None,
    }
}

fn parse_with(text: &str, sets: &[&str]) -> Result<Loaded, Problems> {
    let sets: Vec<Override> = sets.iter().map(|s| s.parse().unwrap()).collect();
    parse(text, "p.yaml", "/pipelines".into(), &sets, &env)
}

fn good(text: &str, sets: &[&str]) -> Loaded {
    parse_with(text, sets).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Checks all problems, or where there are none, all warnings.
#[track_caller]
fn check(text: &str, sets: &[&str], expected: &[&str]) {
    let found = match parse_with(text, sets) {
        Ok(loaded) => loaded.warnings,
        Err(found) => found.problems,
    };
    let found: Vec<String> = found.iter().map(|p| p.to_string()).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_full_pipeline_is_as_written() {
    let Loaded {
        pipeline, warnings, ..
    } = good(FULL, &[]);
    assert_eq!(warnings, []);
    assert_eq!(pipeline.name, "nightly");
    assert_eq!(
        pipeline.source.inputs,
        [
            Input::File("/pipelines/exports/a.csv".into()),
            Input::Glob("/pipelines/exports/w-*.csv.gz".into(), Pick::All)
        ]
    );
    assert_eq!(
        (
            pipeline.source.csv.delimiter(),
            pipeline.source.csv.quoting()
        ),
        (Some(b'\t'), Quoting::by(b'\''))
    );
    assert_eq!(pipeline.stages[0].value.name(), "trim");
    assert_eq!(
        pipeline.stages[0].place,
        Place::At {
            line: 11,
            column: 5
        }
    );
    assert_eq!(
        pipeline.rejects.path,
        Path::new("/pipelines/out/rejects.csv")
    );
    assert_eq!(pipeline.rejects.at_most, Some(Amount::Percent(1.0)));
    assert_eq!(pipeline.report_dir, Some(PathBuf::from("/pipelines/out")));
    assert_eq!(pipeline.length(), Length::Spooled);
    assert_eq!(pipeline.upload.rate, Some(Rate(20_000_000)));
    assert_eq!(pipeline.upload.chunk, Size(64 * 1024));
    assert_eq!(pipeline.import.empty, Empty::Clear);
    assert_eq!(
        pipeline.import.action,
        ActionSpec::Column {
            column: "What".into()
        }
    );
    assert!(
        matches!(&pipeline.import.identify_by, Some(IdentifySpec::IdKey(key)) if key == "employeeID")
    );
    let Target::Orgvue(connection) = &pipeline.target else {
        panic!("not orgvue");
    };
    assert_eq!(connection.base_url.as_str(), "https://orgvue.example.com/");
}

#[test]
fn what_is_left_out_has_its_default() {
    let Loaded {
        pipeline, warnings, ..
    } = good(SHORT, &[]);
    assert_eq!(warnings, []);
    assert_eq!(pipeline.name, "p");
    assert!(matches!(pipeline.target, Target::Sandbox));
    assert_eq!(pipeline.length(), Length::Measured);
    assert_eq!(
        pipeline.import.action,
        ActionSpec::Constant(Action::CreateOrUpdate)
    );
    assert_eq!(pipeline.report_dir, None);
    assert!(pipeline.token(&env).unwrap().is_none());
    for empty in [
        "stages:\nvalidate:\nupload:\nwait: ~\nreport: {}\nrejects:\n",
        "stages: []\n",
    ] {
        good(&format!("{SHORT}{empty}"), &[]);
    }
    good(
        "version: 1\nsource: { path: a.csv }\ntarget:\n  sandbox:\n",
        &[],
    );
    assert_eq!(
        good(SHORT, &["source.path=-"]).pipeline.length(),
        Length::Spooled
    );
    assert_eq!(
        good(SHORT, &["upload.encoding=gzip"]).pipeline.length(),
        Length::Spooled
    );
}

#[test]
fn text_keeps_its_digits() {
    let action = |value: &str| {
        let text = format!("{SHORT}validate: {{ key: {value} }}\n");
        good(&text, &[]).pipeline.validate.key.unwrap().column
    };
    for text in [
        "0123",
        "1.10",
        "NO",
        "0x1F",
        "1e5",
        "+5",
        "on",
        "2024-12-31",
        "12345678901234567890123",
    ] {
        assert_eq!(action(text), text);
    }
    let path = |value: &str| {
        good(SHORT, &[&format!("source.path={value}")])
            .pipeline
            .source
            .inputs
    };
    for text in ["2024", "007", "1.50", "0x1F", "NO"] {
        assert_eq!(
            path(text),
            [Input::File(Path::new("/pipelines").join(text))]
        );
    }
}

/// What can't be read at all is left out, and does not move what stands behind it.
#[test]
fn a_list_with_items_that_cannot_be_read() {
    check(
        "\
version: 1
source: { path: a.csv }
stages:
  - renam: { a: b }
  - date: { columns: [a], from: QQ }
  - drop: 5
  - filter: a ==
  - trim: { colums: [a] }
  - date: { columns: [c], from: XX }
validate:
  rows:
    - 7
    - { assert: a ==, code: x }
target: { sandbox: {} }
",
        &[],
        &[
            "p.yaml:4:5: unknown stage `renam`\n  help: did you mean `rename`? Expected one of: trim, normalize, rename, select, \
             drop, set, empty, map, case, replace, split, concat, coalesce, date, number, boolean, filter, lookup, hash",
            "p.yaml:5:33: stage 2 (date): date format `QQ` has `QQ`; put words into brackets, as in `[week]`",
            "p.yaml:6:11: expected a list, found a number",
            "p.yaml:7:13: stage 4 (filter): line 1, column 5 of the expression: the expression ends too early",
            "p.yaml:8:11: expected a list, found a map\n  help: begin every entry of the list with `- `",
            "p.yaml:9:33: stage 6 (date): date format `XX` has `XX`: an offset from UTC is Z",
            "p.yaml:12:7: expected a map, found a number\n  help: allowed keys: assert, code, message, columns, severity, at_most",
            "p.yaml:13:17: line 1, column 5 of the expression: the expression ends too early",
        ],
    );
}

#[test]
fn several_problems_are_reported_at_once() {
    check(
        "version: 1
source:
  path: a.csv
  csv: { delimter: ';', ragged: maybe }
stages:
  - trim:
  - renam: { a: b }
  - trim:
    drop: [x]
validate:
  columns:
    a:
    b: { required: yes }
  rows:
    - assert: a == b
rejects: { at_most: lots }
target:
  orgvue:
    base_url: http://example.com
    tenant: acme
    dataset: nope
    token: abc.def.ghi
    action: creat
upload: { rate: 20MB, attempts: -1 }
wate: 30m
",
        &[],
        &[
            "p.yaml:4:10: unknown key `delimter`\n  help: did you mean `delimiter`? Expected one of: delimiter, quote, escape, multiline, ragged, skip_lines, header, columns, duplicate_names, match, footer, comment",
            "p.yaml:4:33: unknown value `maybe`\n  help: expected one of: reject, pad, error",
            "p.yaml:7:5: unknown stage `renam`\n  help: did you mean `rename`? Expected one of: trim, normalize, rename, select, drop, set, empty, map, case, replace, split, concat, coalesce, date, number, boolean, filter, lookup, hash",
            "p.yaml:9:5: only one key is allowed here, found `drop` besides `trim`\n  help: begin every stage with its own `- `",
            "p.yaml:13:20: expected true or false, found text\n  help: only the words true and false are truth values",
            "p.yaml:15:7: the key `code` is missing",
            "p.yaml:16:21: expected a number of rows (500) or a percentage from 0% to 100% (1%), found `lots`",
            "p.yaml:19:15: plain http would send the token unprotected\n  help: write https, or no scheme at all",
            "p.yaml:20:13: not the name of a tenant: 1 to 30 capital letters, digits and `_`, beginning with a letter\n  help: did you mean `ACME`?",
            "p.yaml:21:14: expected the UUID of a data set, such as 6586F21B-AD4D-4D06-A309-712AF47184A2\n  help: of a data set by its name, write `dataset: { name: People }`",
            "p.yaml:22:12: a secret must not be written here\n  help: name the environment variable or the file that holds it: `{ env: NAME }` or `{ file: PATH }`",
            "p.yaml:23:13: unknown value `creat`\n  help: did you mean `create`? Expected one of: create, update, replace, delete, noop, createOrUpdate, createOrReplace",
            "p.yaml:24:17: expected a rate above zero with its unit, such as 20MB/s or 512KiB/s, found `20MB`",
            "p.yaml:24:33: expected a whole number, 0 or more, found a negative number",
            "p.yaml:25:1: unknown key `wate`\n  help: did you mean `wait`? Expected one of: version, name, profile, time_zone, source, stages, aliases, as_of, validate, rejects, guard, sensitive, refused, target, preflight, upload, wait, timeouts, limits, results, report, state, tests",
        ],
    );
}

#[test]
fn what_is_missing() {
    check("", &[], &["p.yaml: the file is empty"]);
    check("# only a comment\n", &[], &["p.yaml: the file is empty"]);
    check(
        "- a\n",
        &[],
        &[
            "p.yaml:1:1: expected a map, found a list\n  help: allowed keys: version, name, profile, time_zone, source, stages, aliases, as_of, validate, rejects, guard, sensitive, refused, target, preflight, upload, wait, timeouts, limits, results, report, state, tests",
        ],
    );
    check(
        "name: x\n",
        &[],
        &[
            "p.yaml: the key `version` is missing\n  help: write `version: 1`",
            "p.yaml: the section `source` is missing",
            "p.yaml: the section `target` is missing",
        ],
    );
    check(
        "version: 2\nsource:\ntarget: {}\n",
        &[],
        &[
            "p.yaml:1:10: this version is unknown\n  help: write `version: 1`",
            "p.yaml:2:1: the key `path` is missing\n  help: name a file, or write `sample: { rows: 100000 }` for a made-up extract",
            "p.yaml:3:1: expected one key, found an empty map\n  help: expected one of: orgvue, sandbox",
        ],
    );
    check(
        "version: 1\nsource: { format: csv }\ntarget: { orgvue: { tenent: acme, tokn: x } }\n",
        &[],
        &[
            "p.yaml:2:1: the key `path` is missing\n  help: name a file, or write `sample: { rows: 100000 }` for a made-up extract",
            "p.yaml:3:11: the key `base_url` is missing",
            "p.yaml:3:11: the key `dataset` is missing",
            "p.yaml:3:21: unknown key `tenent`\n  help: did you mean `tenant`? Expected one of: base_url, tenant, dataset, token, result_location, storage_hosts, private_hosts, action, identify_by, empty, clear, noop_token, clear_token, date_format, implicit_delete, on_property_access_denied, on_item_access_denied, on_action_validation_failure, result_encoding, callback, match_results",
            "p.yaml:3:35: unknown key `tokn`\n  help: did you mean `token`? Expected one of: base_url, tenant, dataset, token, result_location, storage_hosts, private_hosts, action, identify_by, empty, clear, noop_token, clear_token, date_format, implicit_delete, on_property_access_denied, on_item_access_denied, on_action_validation_failure, result_encoding, callback, match_results",
        ],
    );
    check(
        "version: 1\nsource: { path: a.csv }\ntarget: { orgvue: {}, sandbox: {} }\n",
        &[],
        &[
            "p.yaml:3:11: the key `base_url` is missing",
            "p.yaml:3:11: the key `tenant` is missing",
            "p.yaml:3:11: the key `dataset` is missing",
            "p.yaml:3:11: the key `token` is missing",
            "p.yaml:3:23: only one key is allowed here, found `sandbox` besides `orgvue`\n  help: keep one of: orgvue, sandbox",
        ],
    );
}

#[test]
fn wrong_types() {
    let with = |key: &str, value: &str, expected: &str| {
        let set = format!("{key}={value}");
        check(SHORT, &[&set], &[&format!("--set {key}: {expected}")]);
    };
    with(
        "upload.chunk",
        "256",
        "expected a size with its unit, such as 256KiB or 20MB, found `256`",
    );
    with(
        "upload.attempts",
        "2.5",
        "expected a whole number, 0 or more, found a number with decimals",
    );
    with(
        "upload.attempts",
        "[1]",
        "expected a whole number, 0 or more, found a list",
    );
    with(
        "upload.attempts",
        "99999999999",
        "expected a whole number, 0 or more, found a number",
    );
    with(
        "upload",
        "x",
        "expected a map, found text\n  help: allowed keys: format, length, encoding, chunk, rate, attempts, verify, expiry",
    );
    with(
        "wait",
        "30m",
        "expected a map, found text\n  help: write `{ at_most: ... }`; allowed keys: at_most",
    );
    with(
        "validate",
        "id",
        "expected a map, found text\n  help: write `{ key: ... }`; allowed keys: key, columns, rows, hierarchy, rehires",
    );
    with(
        "validate.columns",
        "[id]",
        "expected a map, found a list\n  help: write `name: value` on every line, without `- `",
    );
    with(
        "stages",
        "{trim: }",
        "expected a list, found a map\n  help: begin every entry of the list with `- `",
    );
    with(
        "time_zone",
        "Europe/Lundon",
        "not a known time zone\n  help: did you mean `Europe/London`?",
    );
    with(
        "time_zone",
        "nowhere",
        "not a known time zone\n  help: expected a name such as `Europe/London` or `UTC`",
    );
    with(
        "upload.format",
        "[json]",
        "expected one of json, csv, found a list",
    );
    with(
        "upload.format",
        "xml",
        "unknown value `xml`\n  help: expected one of: json, csv",
    );
    with(
        "wait.at_most",
        "30",
        "expected a time with its unit, such as 30s, 30m or 1h 15m, found `30`",
    );
    with(
        "source.path",
        "{a: 1}",
        "expected text or a list of texts, found a map",
    );
    with("source.path", "[a, [b]]", "expected text, found a list");
    with(
        "source.path",
        "[a, ~]",
        "expected text, found nothing\n  help: put it in quotes if you mean empty text or the word itself",
    );
    with(
        "target",
        "sandbox",
        "`sandbox` is a key here, not a value\n  help: write `sandbox:` and its settings, if any, below it",
    );
    with(
        "target.sandbox.action",
        "[create]",
        "expected an action, `{ column: NAME }` or `{ delta: PATH }`, found a list",
    );
    with(
        "target.sandbox.action",
        "{colum: x}",
        "unknown key `colum`\n  help: did you mean `column`? Expected one of: column, delta, full_every",
    );
    with(
        "target.sandbox.identify_by",
        "employeeID",
        "expected a map of one key, found text\n  help: for a property that is unique: `{ id_key: employeeID }`; expected one of: \
         auto_id, id_key, merge_key",
    );
    with(
        "target.sandbox.identify_by",
        "{auto_id: true, id_key: x}",
        "only one key is allowed here, found `id_key` besides `auto_id`\n  help: keep one of: auto_id, id_key, merge_key",
    );
    with(
        "target.sandbox.implicit_delete",
        "maybe",
        "expected true or false, or `{ on_reject: turn_off }`, found text",
    );
    with(
        "upload.rat",
        "1MB/s",
        "unknown key `rat`\n  help: did you mean `rate`? Expected one of: format, length, encoding, chunk, rate, attempts, verify, expiry",
    );
}

#[test]
fn variables() {
    let loaded = good(&format!("{SHORT}upload:\n  attempts: ${{FIVE}}\n"), &[]);
    assert_eq!(loaded.pipeline.upload.attempts, 5);
    let loaded = good(
        &format!("{SHORT}upload: {{ attempts: '${{FIVE}}' }}\n"),
        &[],
    );
    assert_eq!(loaded.pipeline.upload.attempts, 5);
    let loaded = good(
        &format!("{SHORT}upload: {{ rate: '${{NONE:-}}' }}\nname: x\n"),
        &["upload.rate="],
    );
    assert_eq!(loaded.pipeline.upload.rate, None);
    // What is overridden needs no variable, and a shell has filled in what comes by --set.
    let loaded = good(
        "version: 1\nsource: { path: '${NONE}' }\ntarget: { sandbox: }\n",
        &["source.path=$${x}"],
    );
    assert_eq!(
        loaded.pipeline.source.inputs,
        [Input::File("/pipelines/$${x}".into())]
    );

    check(
        "a: { b: ${FIVE} }\n",
        &[],
        &[
            "p.yaml:1:10: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'\n  help: put a text that holds `{...}` or `${...}` in quotes inside `{ }` and `[ ]`",
        ],
    );
    check(
        "version: 1\nsource:\n  path: ${NONE}\ntarget:\n  sandbox: { action: '${NONE:?say which}' }\n",
        &[],
        &[
            "p.yaml:3:9: the environment variable NONE is not set\n  help: set it, or give a default: ${NONE:-default}",
            "p.yaml:5:22: the environment variable NONE is not set or is empty: say which",
        ],
    );
}

#[test]
fn what_a_variable_holds_is_not_shown() {
    let text = ORGVUE.replace("{ env: TOKEN }", "${SECRET}")
        + "upload: { format: '${SECRET}', rate: '${SECRET}' }\n";
    check(
        &text,
        &[],
        &[
            "p.yaml:8:12: a secret must not be written here\n  help: name the environment variable or the file that holds it: `{ env: NAME }` or `{ file: PATH }`",
            "p.yaml:9:19: unknown value `${SECRET}`\n  help: expected one of: json, csv",
            "p.yaml:9:38: expected a rate above zero with its unit, such as 20MB/s or 512KiB/s, found `${SECRET}`",
        ],
    );
    for place in [
        "path",
        "format",
        "compression",
        "csv.quote",
        "csv.delimiter",
        "csv.skip_lines",
        "csv",
        "json.columns",
    ] {
        let key = format!("source.{place}");
        let (first, last) = key.rsplit_once('.').unwrap();
        let nested = match first.split_once('.') {
            Some((_, inner)) => format!("  {inner}: {{ {last}: '${{SECRET}}' }}\n"),
            None => format!("  {last}: '${{SECRET}}'\n"),
        };
        let path = if place == "path" {
            ""
        } else {
            "  path: '${SECRET}'\n"
        };
        let text = format!(
            "version: 1\nsource:\n{path}{nested}target: {{ sandbox: {{ action: '${{SECRET}}', callback: '${{SECRET}}{{{{${{SECRET}}}}}}' }} }}\n"
        );
        let found = parse_with(&text, &[]).unwrap_err();
        let shown = format!("{found} {:?}", found.warnings);
        assert!(!shown.contains("canary"), "{shown}");
    }
    for token in [
        "canary.x.y",
        "{ env: canary.x.y }",
        "{ env: '${SECRET}' }",
        "{ canary }",
        "[canary]",
        "{ canary: canary }",
    ] {
        let found = parse_with(&ORGVUE.replace("{ env: TOKEN }", token), &[]).unwrap_err();
        assert!(!found.to_string().contains("canary"), "{found}");
    }
    let found = parse_with(ORGVUE, &["target.orgvue.token=canary"]).unwrap_err();
    assert!(!found.to_string().contains("canary"), "{found}");
    let found = parse_with(ORGVUE, &["target.orgvue.base_url=https://u:canary@x"]).unwrap_err();
    assert!(!found.to_string().contains("canary"), "{found}");
}

#[test]
fn settings_that_exclude_each_other() {
    let with = |sets: &[&str], expected: &[&str]| check(SHORT, sets, expected);
    with(
        &["target.sandbox.empty=clear"],
        &[
            "--set target.sandbox.empty: `empty: clear` needs a `clear_token`, the text that stands for a cleared value",
        ],
    );
    with(
        &["target.sandbox.empty=clear", "target.sandbox.clear_token=x"],
        &[],
    );
    with(
        &[
            "target.sandbox.noop_token=x",
            "target.sandbox.clear_token=x",
        ],
        &[
            "--set target.sandbox.clear_token: `clear_token` and `noop_token` are the same text: one clears a value, the other keeps it",
        ],
    );
    with(
        &["target.sandbox.identify_by={auto_id: false}"],
        &[
            "--set target.sandbox.identify_by: `auto_id` can only be true\n  help: leave `identify_by` out where items are told apart by the platform's own `_id`",
        ],
    );
    with(
        &["upload.encoding=gzip", "upload.length=measured"],
        &[
            "--set upload.length: the length of a compressed body cannot be measured beforehand\n  help: write `length: spooled`, or leave `length` out",
        ],
    );
    with(
        &["source.path=-", "upload.length=measured"],
        &[
            "--set upload.length: `measured` reads the source twice, and standard input can be read only once\n  help: write `length: spooled`, or leave `length` out",
        ],
    );
    with(
        &["source.path=['-', a.csv, '-']"],
        &["--set source.path: standard input can be read only once\n  help: write `-` once"],
    );
    with(
        &["source.sample.rows=5"],
        &["--set source.sample.rows: `path` and `sample` are both given; keep one"],
    );
    with(
        &["source.path=[]"],
        &["--set source.path: expected at least one path"],
    );
    with(
        &["upload.length=chunked"],
        &[
            "--set upload.length: `chunked` sends the body as it is made, once: an upload that breaks is not tried again\n  help: write `attempts: 1` if that is intended, or `length: spooled`",
        ],
    );
    with(&["upload.length=chunked", "upload.attempts=1"], &[]);
    with(
        &["upload.chunk=1B"],
        &["--set upload.chunk: expected a size from 1KiB to 16MiB"],
    );
    with(
        &["upload.chunk=17MiB"],
        &["--set upload.chunk: expected a size from 1KiB to 16MiB"],
    );
    with(&["upload.chunk=16MiB"], &[]);
    with(
        &["upload.attempts=0"],
        &["--set upload.attempts: expected at least 1"],
    );
    with(
        &["wait.at_most=0s"],
        &["--set wait.at_most: expected a time above zero"],
    );
    with(
        &["rejects.path=a.csv"],
        &[
            "--set rejects.path: the rejects would be written over the source\n  help: to load corrected rejects, write `rostream run PIPELINE --mend FILE`",
        ],
    );
    with(
        &["rejects.path=p.yaml"],
        &["--set rejects.path: this is the pipeline file itself"],
    );
    with(
        &["source.path=*.csv"],
        &[
            "p.yaml: the pattern of the source matches this file: the next run would read it as well",
        ],
    );
    with(
        &["source.csv.delimiter=;;"],
        &["--set source.csv.delimiter: expected one ASCII character, or `tab`"],
    );
    with(&["source.csv.delimiter=;"], &[]);
    with(
        &["source.csv.quote=;", "source.csv.delimiter=;"],
        &["--set source.csv.delimiter: delimiter and quote are the same character"],
    );
    with(
        &["source.format=tsv", "source.csv.delimiter=;"],
        &[
            "--set source.csv.delimiter: `format: tsv` is separated by tabs\n  help: write `format: csv` for another delimiter",
        ],
    );
    with(
        &["source.format=json", "source.csv.skip_lines=1"],
        &[
            "--set source.csv.skip_lines: these settings have no effect on this format: they are for csv and tsv",
        ],
    );
    with(
        &["source.json.columns=[a, a]"],
        &["--set source.json.columns: this column is named twice"],
    );
    const CLEARS: &str = "p.yaml:3:11: a cell of a CSV upload can't be left out: it goes out empty, and an update may clear what the server holds\n  help: set `noop_token`, or `upload.format: json`; or state `empty: unchanged_at_server` where the server is known to ignore empty cells, `empty: keep` where they are meant to be sent";
    with(&["upload.format=csv"], &[CLEARS]);
    with(
        &["upload.format=csv", "target.sandbox.action=update"],
        &[CLEARS],
    );
    with(
        &["upload.format=csv", "target.sandbox.action={column: act}"],
        &[CLEARS],
    );
    with(
        &["upload.format=csv", "target.sandbox.empty=omit"],
        &[&CLEARS.replace("p.yaml:3:11", "--set target.sandbox.empty")],
    );
    with(
        &["upload.format=csv", "target.sandbox.action=create"],
        &[
            "p.yaml:3:11: an empty cell of a CSV upload is sent as empty text, and what that does is not documented\n  help: set `noop_token`, and it is sent in empty cells",
        ],
    );
    for stated in [
        "empty=keep",
        "empty=unchanged_at_server",
        "noop_token='#same'",
    ] {
        with(
            &["upload.format=csv", &format!("target.sandbox.{stated}")],
            &[],
        );
    }
    with(&["target.sandbox.empty=unchanged_at_server"], &[]);
    with(
        &[
            "target.sandbox.noop_token=x",
            "target.sandbox.empty=unchanged_at_server",
        ],
        &[
            "--set target.sandbox.empty: `empty: unchanged_at_server` sends empty cells, and `noop_token` is the text that is sent in their place\n  help: write `empty: omit`, or leave `noop_token` out",
        ],
    );
}

#[test]
fn implicit_delete_is_guarded() {
    let with = |sets: &[&str], expected: &[&str]| {
        let mut all = vec!["target.sandbox.implicit_delete=true"];
        all.extend_from_slice(sets);
        check(SHORT, &all, expected);
    };
    with(&["validate.key=id"], &[]);
    with(&["validate.key=id", "rejects.at_most=1%"], &[]);
    with(
        &[],
        &[
            "--set target.sandbox.implicit_delete: without `validate.key` a person who is listed twice counts twice, and guards count rows rather than people\n  help: name the column that identifies people: `validate: { key: employeeID }`",
        ],
    );
    with(
        &["rejects.at_most=0", "target.sandbox.action=delete"],
        &[
            "--set target.sandbox.implicit_delete: `implicit_delete` with `action: delete` would delete the whole data set",
        ],
    );
}

#[test]
fn a_first_run_that_deletes_says_how_many_rows_it_has() {
    let text = "version: 1\nsource: { path: a.csv }\ntarget:\n  orgvue:\n    base_url: orgvue.example.com\n    \
                tenant: ACME\n    dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2\n    token: { env: T }\n    \
                implicit_delete: true\nvalidate: { key: id }\n";
    let warning = "p.yaml:9:22: with `implicit_delete` the first run is stopped, as there is none before it to compare \
                   it with\n  help: state how many rows it must have at least: `guard: { min_rows: { first: 5000 } }`";
    check(text, &[], &[warning]);
    check(text, &["guard.min_rows.of_last=80%"], &[warning]);
    check(text, &["guard.min_rows.first=10"], &[]);
    check(
        text,
        &["guard.min_rows=10"],
        &[
            "--set guard.min_rows: this number holds in every run, and no run is compared with the one before it\n  help: write `{ first: N }`: after the first run, 90% of the last accepted one is expected",
        ],
    );
}

#[test]
fn what_is_not_stated_and_holds_is_a_note() {
    let notes = |sets: &[&str]| {
        let notes = good(SHORT, sets).notes.into_iter();
        notes.map(|note| note.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        notes(&[]),
        [
            "p.yaml: `rejects.at_most` is not stated: more than 5% of the rows, from 100 rows on, stop the run\n  help: \
             state what is normal for this source"
        ]
    );
    assert_eq!(notes(&["rejects.at_most=1%"]), [""; 0]);
}

#[test]
fn callbacks() {
    let with = |callback: &str, expected: &[&str]| {
        check(
            SHORT,
            &[&format!("target.sandbox.callback={callback}")],
            expected,
        );
    };
    with(
        "https://example.com/x?s={{jobStatus}}&t={{traceId}}&i={{tenantId}}",
        &[],
    );
    with("http://127.0.0.1:9/x?s={{jobStatus}}", &[]);
    with(
        "http://example.com/",
        &["--set target.sandbox.callback: a callback must be https"],
    );
    with("/relative", &["--set target.sandbox.callback: not a URL"]);
    with(
        "https://a:b@example.com/",
        &["--set target.sandbox.callback: a URL with a user name or password is not allowed here"],
    );
    with(
        "https://example.com/{{jobStatus",
        &["--set target.sandbox.callback: `{{` is not closed by `}}`"],
    );
    with(
        "https://example.com/{{jobstatus}}",
        &[
            "--set target.sandbox.callback: the variable `jobstatus` is not documented\n  help: did you mean `jobStatus`? Documented are: jobStatus, traceId, tenantId",
        ],
    );
}

#[test]
fn places_of_settings() {
    let pipeline = good(FULL, &["wait.at_most=1m"]).pipeline;
    let check = |path: &str, expected: &str| {
        assert_eq!(pipeline.problem(path, "x").to_string(), expected, "{path}");
    };
    check("validate.columns.employeeID", "p.yaml:15:5: x");
    check("validate.columns.employeeID.required", "p.yaml:15:29: x");
    check("validate.columns.other", "p.yaml:14:3: x");
    check("validate.key", "p.yaml:13:8: x");
    check("source.path.1", "p.yaml:5:25: x");
    check("stages.0.trim.columns", "p.yaml:11:5: x");
    check("wait.at_most", "--set wait.at_most: x");
    check("nothing", "p.yaml: x");
}

#[test]
fn tokens() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write("good", b"\xef\xbb\xbf eyJ.x.y\r\n");
    write("empty", b"\xef\xbb\xbf \n");
    write("latin", b"caf\xe9");
    write("large", &[b'x'; 70_000]);
    let check = |token: &str, expected: Result<&str, &str>| {
        let text = ORGVUE.replace("{ env: TOKEN }", token);
        let loaded = parse(&text, "p.yaml", dir.path().to_owned(), &[], &env).unwrap();
        let got = loaded
            .pipeline
            .token(&env)
            .map(|t| t.unwrap().expose_secret().to_owned());
        let got = got.map_err(|problem| problem.to_string());
        assert_eq!(
            got,
            expected.map(str::to_owned).map_err(str::to_owned),
            "{token}"
        );
    };
    check("{ env: TOKEN }", Ok("eyJhbGciOi.x.y"));
    check("{ file: good }", Ok("eyJ.x.y"));
    check(
        "{ env: NONE }",
        Err("p.yaml:8:19: the environment variable NONE is not set"),
    );
    check(
        "{ env: EMPTY }",
        Err("p.yaml:8:19: the environment variable EMPTY is empty: expected the token"),
    );
    check(
        "{ env: SPACED }",
        Err(
            "p.yaml:8:19: the environment variable SPACED holds white space or characters other than ASCII inside the token",
        ),
    );
    check(
        "{ env: BEARER }",
        Err(
            "p.yaml:8:19: the environment variable BEARER must hold the token alone, without the word Bearer",
        ),
    );
    check(
        "{ file: none }",
        Err("p.yaml:8:20: the file none cannot be read: there is no such file"),
    );
    check(
        "{ file: . }",
        Err("p.yaml:8:20: the file . cannot be read: it is a directory"),
    );
    check(
        "{ file: empty }",
        Err("p.yaml:8:20: the file empty is empty: expected the token"),
    );
    check(
        "{ file: latin }",
        Err("p.yaml:8:20: the file latin cannot be read: it is not UTF-8 text"),
    );
    check(
        "{ file: large }",
        Err("p.yaml:8:20: the file large is larger than 64 KiB"),
    );
}

#[test]
fn files() {
    let dir = tempfile::tempdir().unwrap();
    let fail = |file: &Path| {
        load(file.to_str().unwrap(), &[], &env)
            .unwrap_err()
            .to_string()
    };
    let none = dir.path().join("none.yaml");
    assert_eq!(
        fail(&none),
        format!("{}: cannot be read: there is no such file", none.display())
    );
    assert_eq!(
        fail(dir.path()),
        format!(
            "{}: cannot be read: it is a directory",
            dir.path().display()
        )
    );
    let latin = dir.path().join("latin.yaml");
    std::fs::write(&latin, b"a: 1\nb: \xe9\n").unwrap();
    assert_eq!(
        fail(&latin),
        format!("{}: not UTF-8 text (line 2)", latin.display())
    );
    let good = dir.path().join("good.yaml");
    std::fs::write(&good, SHORT).unwrap();
    let pipeline = load(good.to_str().unwrap(), &[], &env).unwrap().pipeline;
    assert_eq!(pipeline.folder, dir.path());
    assert_eq!(pipeline.name, "good");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[-a-z:{}\\[\\]'\"$&*#|>~ \t\n]{0,80}") {
        let _ = parse(&text, "p.yaml", "/pipelines".into(), &[], &env);
        let _ = parse(&format!("{SHORT}{text}"), "p.yaml", "/pipelines".into(), &[], &env);
    }
}

#[test]
fn a_sample_is_a_source() {
    let file = "version: 1\nsource: { sample: { rows: 1000, errors: 1% } }\ntarget: { sandbox: }\n";
    let sample = |sets: &[&str]| match good(file, sets).pipeline.source.inputs.as_slice() {
        [Input::Sample(sample)] => *sample,
        other => panic!("{other:?}"),
    };
    let plain = sample(&[]);
    assert_eq!((plain.rows, plain.seed), (1000, 7));
    assert_eq!(plain.errors_per_million, 10_000);
    assert_eq!(plain.format, crate::source::place::sample::Format::Csv);
    let other = sample(&["source.format=ndjson", "source.sample.seed=8"]);
    assert_eq!(
        (other.seed, other.format),
        (8, crate::source::place::sample::Format::Ndjson)
    );
    assert_eq!(good(file, &[]).pipeline.length(), Length::Measured);

    let plain =
        "a sample is plain UTF-8: comma-separated, JSON or NDJSON\n  help: leave this setting out";
    for (set, expected) in [
        ("source.sample.rows=0", "expected at least 1"),
        (
            "source.sample.errors=5",
            "expected a percentage, such as 1%",
        ),
        ("source.format=tsv", plain),
        ("source.compression=gzip", plain),
        ("source.encoding=utf-16", plain),
        ("source.csv.delimiter=;", plain),
        ("source.csv.skip_lines=1", plain),
    ] {
        let key = set.split('=').next().unwrap_or_default();
        check(file, &[set], &[&format!("--set {key}: {expected}")]);
    }
    check(
        "version: 1\nsource: { sample: { seed: 1 } }\ntarget: { sandbox: }\n",
        &[],
        &["p.yaml:2:11: the key `rows` is missing"],
    );
}

#[test]
fn hosts_and_timeouts() {
    let token = "token: { env: TOKEN }";
    let with = |more: &str| ORGVUE.replace(token, &format!("{token}\n    {more}"));
    let text =
        with("storage_hosts: [files.example.com, \"*.example.org\"]\n    private_hosts: true");
    let Target::Orgvue(connection) = good(&text, &[]).pipeline.target else {
        panic!()
    };
    for (url, expected) in [
        ("https://files.example.com/f", true),
        ("https://a.example.org/f", true),
        ("https://example.org/f", false),
    ] {
        let url = url::Url::parse(url).unwrap();
        assert_eq!(connection.hosts.check(&url).is_ok(), expected, "{url}");
    }
    check(
        &with("storage_hosts: [https://files.example.com]"),
        &[],
        &[
            "p.yaml:9:21: expected a host without scheme, port and path, such as files.example.com or *.example.com, found `https://files.example.com`",
        ],
    );
    let timeouts = good(SHORT, &["timeouts.stalled=2m"]).pipeline.timeouts;
    assert_eq!(timeouts.stalled.to_string(), "2m");
    assert_eq!(timeouts.connect.to_string(), "10s");
    check(
        SHORT,
        &["timeouts.answer=0s"],
        &["--set timeouts.answer: expected a time above zero"],
    );
}
