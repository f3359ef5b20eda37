//! Every file in `pipelines/`: without a warning, run as its first comment says, with exact counts.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::run;

/// The pipelines and their data, copied into a folder of their own, so that what a run writes does not
/// get in the way of another.
pub struct Copy(tempfile::TempDir);

impl Copy {
    pub fn new() -> Copy {
        let copy = Copy(tempfile::tempdir().unwrap());
        for folder in ["pipelines", "pipelines/data"] {
            std::fs::create_dir(copy.folder().join(folder)).unwrap();
            for file in files(&root().join(folder)) {
                let to = copy.folder().join(folder).join(file.file_name().unwrap());
                std::fs::copy(file, to).unwrap();
            }
        }
        copy
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Runs a pipeline and returns the exit code, what was said, and the report that it wrote into `out`.
    pub fn run(&self, args: &[&str]) -> (i32, String, Value) {
        let (code, stdout, stderr) = run(self.folder(), args);
        assert_eq!(stdout, "", "{stderr}");
        let reports: Vec<_> = files(&self.folder().join("out"))
            .into_iter()
            .filter(|path| path.to_string_lossy().ends_with(".report.json"))
            .collect();
        let [report] = reports.as_slice() else {
            panic!("{reports:?} {stderr}");
        };
        let text = std::fs::read_to_string(report).unwrap();
        std::fs::remove_file(report).unwrap();
        (code, stderr, serde_json::from_str(&text).unwrap())
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder().join(path)).unwrap()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect()
}

/// Read, filtered, rejected, sent, accepted, failed.
pub fn counts(report: &Value) -> [u64; 6] {
    ["read", "filtered", "rejected", "sent", "accepted", "failed"]
        .map(|name| report["counts"][name].as_u64().unwrap())
}

/// The rejects by code.
pub fn codes(report: &Value) -> Value {
    let by_code = report["rejects"]["by_code"].as_array().unwrap();
    by_code
        .iter()
        .map(|c| (c["code"].as_str().unwrap().to_owned(), c["faults"].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What `lint` says, without what a profile sets.
fn without_presets(stderr: &str) -> String {
    let told = |line: &&str| !line.contains("note: `profile: ") && !line.starts_with("  help: ");
    let lines = stderr.lines().filter(told);
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn each_opens_with_what_it_shows_and_is_without_a_warning() {
    let mut names = Vec::new();
    for path in files(&root().join("pipelines")) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let schema = "# yaml-language-server: $schema=rostream.schema.json\n# ";
        assert!(text.starts_with(schema), "{name}");
        assert!(
            text.contains("rostream") && text.contains("run pipelines/"),
            "{name}"
        );
        assert!(text.contains("To use it for real"), "{name}");
        let expected = (0, String::new(), format!("pipelines/{name}: ok\n"));
        let (code, stdout, stderr) = run(root(), &["lint", &format!("pipelines/{name}")]);
        assert_eq!((code, stdout, without_presets(&stderr)), expected);
        names.push(name);
    }
    names.sort();
    let expected = [
        "adp.yaml",
        "delta.yaml",
        "guarded.yaml",
        "job-history.yaml",
        "oracle-hcm.yaml",
        "oracle-rest.yaml",
        "positions.yaml",
        "quickstart.yaml",
        "recipe-csv.yaml",
        "recipe-json.yaml",
        "successfactors-odata.yaml",
        "successfactors.yaml",
        "workday-raas.yaml",
        "workday-xml.yaml",
        "workday.yaml",
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_targets_in_the_comments_are_good_too() {
    for name in [
        "adp",
        "delta",
        "guarded",
        "job-history",
        "oracle-hcm",
        "oracle-rest",
        "positions",
        "quickstart",
        "recipe-csv",
        "recipe-json",
        "successfactors",
        "successfactors-odata",
        "workday",
        "workday-raas",
        "workday-xml",
    ] {
        let copy = Copy::new();
        let file = copy.folder().join(format!("pipelines/{name}.yaml"));
        let text = std::fs::read_to_string(&file).unwrap();
        let (before, target) = text.split_once("\ntarget:\n").unwrap();
        let commented: Vec<&str> = target
            .lines()
            .filter_map(|l| l.strip_prefix("  # "))
            .collect();
        assert_eq!(commented[0], "orgvue:", "{name}");
        let real = format!("{before}\ntarget:\n  {}\n", commented.join("\n  "));
        std::fs::write(&file, real).unwrap();
        let expected = (0, String::new(), format!("pipelines/{name}.yaml: ok\n"));
        let (code, stdout, stderr) =
            run(copy.folder(), &["lint", &format!("pipelines/{name}.yaml")]);
        assert_eq!((code, stdout, without_presets(&stderr)), expected);
    }
}

#[test]
fn delta() {
    let copy = Copy::new();
    let (code, stderr, report) = copy.run(&["run", "pipelines/delta.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(counts(&report), [4, 1, 0, 3, 3, 0], "{stderr}");
    let empty =
        "the sandbox inside this program begins empty: everything is sent, and no store is kept";
    assert!(stderr.contains(empty), "{stderr}");
    assert!(!copy.folder().join("out/store").exists());
}

#[test]
fn the_schema_beside_them_is_current() {
    let (code, stdout, _) = run(root(), &["schema"]);
    assert_eq!(code, 0);
    let kept = std::fs::read_to_string(root().join("pipelines/rostream.schema.json")).unwrap();
    assert!(
        kept == stdout,
        "bring it up to date: cargo run -- schema > pipelines/rostream.schema.json"
    );
}

/// What the quickstart's counts are with 3,000 people.
const QUICKSTART_3000: [u64; 6] = [3000, 274, 33, 2693, 2693, 0];

/// The quickstart on fewer people, so that an unoptimised build is done in a moment. The whole of it is
/// checked, without the sandbox, in the tests of the docs.
#[test]
fn quickstart() {
    let copy = Copy::new();
    let args = [
        "run",
        "pipelines/quickstart.yaml",
        "--set",
        "source.sample.rows=3000",
    ];
    let (code, stderr, report) = copy.run(&args);
    assert_eq!(code, 3, "{stderr}");
    assert_eq!(counts(&report), QUICKSTART_3000, "{stderr}");
    assert_eq!(
        codes(&report),
        json!({
            "key_duplicate": 10,
            "ragged": 8,
            "number_format": 6,
            "one_of": 5,
            "required": 3,
            "date_format": 1,
        })
    );
    assert_eq!(report["target"], "sandbox");
    assert_eq!(report["import"]["parameters"], json!({ "autoId": "true" }));
    for line in [
        "from sample (3,000 rows, seed 7)\n",
        " to the sandbox inside this program, not to Orgvue\n",
        "\nrejects     out/rejects.csv, the rows as they were, with their faults\n",
        "\nreport      out/run-",
    ] {
        assert!(stderr.contains(line), "{line}{stderr}");
    }

    // Every reject is the physical line of the file that `rostream sample` writes.
    let sample = [
        "sample", "--rows", "3000", "--seed", "7", "--errors", "1%", "-o", "hris.csv",
    ];
    assert_eq!(run(copy.folder(), &sample).0, 0);
    let original = copy.read("hris.csv");
    let lines: Vec<&str> = original.split('\n').collect();
    let source = format!("\"{}\",", report["sources"][0]["path"].as_str().unwrap());
    let rejects = copy.read("out/rejects.csv");
    let mut seen = 0;
    for place in rejects.match_indices(&source) {
        let rest = &rejects[place.0 + source.len()..];
        let line: usize = rest.split(',').next().unwrap().parse().unwrap();
        let begins = rejects[..place.0].rfind(&lines[line - 1][..30]).unwrap();
        assert!(
            begins == 0 || rejects.as_bytes()[begins - 1] == b'\n',
            "{line}"
        );
        seen += 1;
    }
    assert_eq!(seen, QUICKSTART_3000[2]);
    assert_eq!(report["bytes"]["source"], original.len());
}

#[test]
fn recipe_csv() {
    let (code, stderr, report) = Copy::new().run(&["run", "pipelines/recipe-csv.yaml"]);
    assert_eq!((code, counts(&report)), (0, [9, 0, 0, 9, 9, 0]), "{stderr}");
    let parameters = json!({ "idKey": "employeeID", "noopToken": "#nochange" });
    assert_eq!(report["import"]["parameters"], parameters);
}

#[test]
fn recipe_json() {
    let (code, stderr, report) = Copy::new().run(&["run", "pipelines/recipe-json.yaml"]);
    assert_eq!((code, counts(&report)), (0, [6, 0, 0, 6, 6, 0]), "{stderr}");
    assert_eq!(
        report["import"]["parameters"],
        json!({ "idKey": "employeeID" })
    );
}

#[test]
fn guarded() {
    let (code, stderr, report) = Copy::new().run(&["run", "pipelines/guarded.yaml"]);
    assert_eq!((code, counts(&report)), (0, [8, 0, 0, 8, 8, 0]), "{stderr}");
    let guards = report["guards"].as_array().unwrap();
    assert!(
        guards.iter().all(|guard| guard["decision"] == "passed"),
        "{guards:?}"
    );
}

#[test]
fn job_history() {
    let copy = Copy::new();
    let (code, stderr, report) = copy.run(&["run", "pipelines/job-history.yaml"]);
    assert_eq!(
        (code, counts(&report)),
        (3, [16, 0, 4, 6, 6, 0]),
        "{stderr}"
    );
    assert_eq!(report["counts"]["superseded"], 6);
    assert_eq!(report["warnings"], json!([]));
    let told = &report["as_of"];
    let keys = ["keys", "in_force", "ahead", "leavers"].map(|name| told[name].as_u64().unwrap());
    assert_eq!(keys, [9, 4, 1, 1]);
    let rejects = "\
personIdExternal,userId,assignmentClass,startDate,endDate,seqNumber,emplStatus,jobTitle,managerId,fte,\
_file,_line,_stage,_column,_code,_message
100007,100007,ST,09/01/2023,12/31/9999,1,A,Engineer,100003,1,pipelines/data/job-history.csv,12,as_of,\
personIdExternal,as_of_tie,\"personIdExternal (employeeID): in force on 2026-11-26 together with the row of the same key on line 13, and nothing in \
`prefer` decides between them\"
100007,100007,ST,09/01/2023,12/31/9999,1,A,Senior Engineer,100003,1,pipelines/data/job-history.csv,13,as_of,\
personIdExternal,as_of_tie,\"personIdExternal (employeeID): in force on 2026-11-26 together with the row of the same key on line 12, and nothing in \
`prefer` decides between them\"
100008,100008,ST,03/01/2020,12/31/9999,1,A,Planner,100003,1,pipelines/data/job-history.csv,14,as_of,\
personIdExternal,as_of_doubtful,\"personIdExternal (employeeID): the row of the same key on line 15 can't be read, and may be in force on 2026-11-26 in \
place of this one\"
100008,100008,ST,31/03/2024,12/31/9999,1,A,Senior Planner,100003,1,pipelines/data/job-history.csv,15,date,startDate,\
date_format,expected a date as MM/DD/YYYY
";
    let found = copy
        .read("out/job-history.rejects.csv")
        .replace("\r\n", "\n");
    assert_eq!(found, rejects);
}

#[test]
fn workday() {
    let copy = Copy::new();
    let (code, stderr, report) = copy.run(&["run", "pipelines/workday.yaml"]);
    assert_eq!(
        (code, counts(&report)),
        (3, [12, 2, 2, 8, 8, 0]),
        "{stderr}"
    );
    let rejects = "\
Worker ID,Worker Type,Legal Name - First Name,Legal Name - Last Name,Email - Primary Work,Position ID,\
Business Title,Hire Date,Termination Date,Annual Base Pay,Currency,FTE %,Is People Manager,Manager ID,\
Cost Center - ID,Location,_file,_line,_stage,_column,_code,_message
00200007,Employee,Łukasz,Kowalski,lukasz.kowalski@example.com,P-10007,Engineer,2021-03-15-08:00,\
2020-12-31-08:00,\"61,750.00\",EUR,100,N,00200003,CC-2100,Kraków,pipelines/data/workday.csv,8,validate,\
\"Termination Date, Hire Date\",leaves_before_hired,\
\"Termination Date (terminationDate), Hire Date (hireDate): the termination date is before the hire date\"
00200008,Employee,Ana,,ana.silva@example.com,P-10008,HR Business Partner,2019-07-22-07:00,,TBC,GBP,60,N,\
00200001,CC-3199,London,pipelines/data/workday.csv,9,number; lookup; validate,\
Annual Base Pay; Cost Center - ID; Legal Name - Last Name,\
number_format; lookup_missing; required,\"Annual Base Pay (salary): expected a number such as 1,234.50; \
Cost Center - ID (costCentreID): `ID` in data/cost-centres.csv has no such value; \
Legal Name - Last Name (lastName): expected a value, found nothing\"
";
    let found = copy.read("out/workday.rejects.csv").replace("\r\n", "\n");
    assert_eq!(found, rejects);
}

#[test]
fn workday_in_xml() {
    let copy = Copy::new();
    let (code, stderr, report) = copy.run(&["run", "pipelines/workday-xml.yaml"]);
    assert_eq!((code, counts(&report)), (3, [4, 0, 1, 3, 3, 0]), "{stderr}");
    assert_eq!(report["sources"][0]["format"], "xml");
    let rejects = copy.read("out/workday-xml.rejects.ndjson");
    let row: Value = serde_json::from_str(rejects.trim()).unwrap();
    let said = ["_line", "_column", "_code"].map(|name| row[name].to_string());
    assert_eq!(
        said.join(" "),
        r#"25 "wd:Worker.wd:ID[Employee_ID]" "key_empty""#
    );
    assert_eq!(row["wd:Worker.@wd:Descriptor"], "Ana Silva");
}

#[test]
fn successfactors() {
    let copy = Copy::new();
    let (code, stderr, report) = copy.run(&["run", "pipelines/successfactors.yaml"]);
    assert_eq!(
        (code, counts(&report)),
        (3, [10, 1, 3, 6, 6, 0]),
        "{stderr}"
    );
    let rejects = "\
userId;firstName;lastName;preferredName;email;jobTitle;department;managerId;dateOfBirth;startDate;baseSalary;\
emplStatus;_file;_line;_stage;_column;_code;_message
0010003;José;García;Pepe;jose.garcia@example.com;Controller;Finance (FI200);0010002;07/19/1985;03/15/2012;\
EUR 71.250,00;A;pipelines/data/successfactors.csv;6;validate;userId;key_duplicate;userId (employeeID): the same key stands on line 11
0010005;Jürgen;Weiß;;juergen.weiss@example.com;Werkleiter;Operations (OP300);0010001;31/05/1970;02/01/2001;\
98.000,00;A;pipelines/data/successfactors.csv;8;date;dateOfBirth;date_format;expected a date as MM/DD/YYYY or [odata]
0010003;Rex;James;;rex.james@example.com;Technician;Operations (OP300);0010005;01/14/1996;08/29/2022;\
EUR 39.900,00;A;pipelines/data/successfactors.csv;11;validate;userId;key_duplicate;userId (employeeID): the same key stands on line 6
";
    let file = "out/successfactors.rejects.csv";
    let found = copy.read(file).replace("\r\n", "\n");
    assert_eq!(found, rejects);

    // The rows put right are fed back in: the file is UTF-8, without a title line, and with more columns.
    let fixed = found
        .replace("31/05/1970", "05/31/1970")
        .replace("\n0010003;Rex", "\n0010008;Rex");
    std::fs::write(copy.folder().join("out/fixed.csv"), fixed).unwrap();
    let again = [
        "run",
        "pipelines/successfactors.yaml",
        "--set",
        "source.path=../out/fixed.csv",
        "--set",
        "source.encoding=auto",
        "--set",
        "source.csv.skip_lines=0",
    ];
    let (code, stderr, report) = copy.run(&again);
    assert_eq!((code, counts(&report)), (0, [3, 0, 0, 3, 3, 0]), "{stderr}");
}

#[test]
fn positions() {
    let copy = Copy::new();
    let (code, stderr, report) = copy.run(&["run", "pipelines/positions.yaml"]);
    assert_eq!(code, 3, "{stderr}");
    assert_eq!(counts(&report), [14, 1, 3, 10, 10, 0], "{stderr}");
    assert_eq!(codes(&report), json!({ "manager_cycle": 3 }));
    let warnings: Vec<&str> = report["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning.as_str().unwrap())
        .collect();
    assert_eq!(
        warnings,
        [
            "hierarchy solid line: 2 rows name a parent that is not in the source (on line 12 and on line 13)",
            "hierarchy solid line: 1 of these differs only in case from one that is there: line 12 -> line 4",
            "hierarchy solid line: 1 row names a parent whose row was rejected (on line 11)",
            "hierarchy solid line: 1 row names a parent whose row was left out (on line 15)",
        ]
    );
    assert_eq!(
        report["hierarchies"][0]["depth"]["levels"],
        json!([1, 2, 1, 2])
    );
    assert_eq!(report["hierarchies"][1]["cycles"][0]["rows"][1]["line"], 4);
}
