//! A whole organisation with planted faults: every one is found with its line, and nothing else.
//!
//! A small one is looked at every time. One of a million people, with the time and memory that it takes beside the same
//! check without a hierarchy, with parents named by the key and by another column:
//!
//! ```text
//! PEOPLE=1000000 cargo test --release --locked --test it organisation -- --ignored --nocapture
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::support::Rig;

/// Whom the people of the extract report to, and what is wrong on purpose.
struct Organisation {
    rows: Vec<Row>,
    random: u64,
}

struct Row {
    id: String,
    manager: String,
    pay: &'static str,
    status: &'static str,
    /// What is to be found of it, if anything.
    planted: Option<Planted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Planted {
    /// Rejected with this code.
    Rejected(&'static str),
    /// Sent, and listed in the report with this code.
    Listed(&'static str),
    /// The same, with a person there whose key is written nearly so.
    Near(&'static str),
}

impl Organisation {
    /// So many people in a tree of seven reports each, and so many faults of each kind.
    fn new(people: usize, faults: usize) -> Organisation {
        let mut all = Organisation {
            rows: Vec::new(),
            random: 7,
        };
        for nth in 0..people {
            let manager = match nth {
                0 => String::new(),
                nth => id((nth - 1) / 7),
            };
            all.row(id(nth), manager, None);
        }
        for nth in 0..faults {
            all.plant(nth, people);
        }
        // The top is one root, and there is an extra one for each fault: all of them are told.
        all.rows[0].planted = Some(Planted::Listed("roots"));
        all.shuffle();
        all
    }

    fn row(&mut self, id: String, manager: String, planted: Option<Planted>) {
        self.rows.push(Row {
            id,
            manager,
            pay: "100",
            status: "Active",
            planted,
        });
    }

    fn random(&mut self, below: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.random >> 33) as usize % below
    }

    /// One fault of each kind, each with people of its own.
    fn plant(&mut self, nth: usize, people: usize) {
        let new = |kind: &str| format!("{kind}{nth:06}");
        let someone = id(self.random(people));
        let length = 2 + nth % 49;
        for at in 0..length {
            let member = |at: usize| format!("{}-{at}", new("C"));
            let circle = Some(Planted::Rejected("manager_cycle"));
            self.row(member(at), member((at + 1) % length), circle);
        }
        let below = Some(Planted::Listed("manager_rejected"));
        self.row(new("CB"), format!("{}-0", new("C")), below);
        // Whoever reports to one who is sent is no orphan.
        self.row(new("CBB"), new("CB"), None);

        self.row(new("S"), new("S"), Some(Planted::Rejected("manager_self")));
        self.row(new("R"), String::new(), Some(Planted::Listed("roots")));
        self.row(
            new("A"),
            new("NOBODY"),
            Some(Planted::Listed("manager_absent")),
        );

        self.row(
            new("P"),
            someone.clone(),
            Some(Planted::Rejected("number_format")),
        );
        self.rows.last_mut().unwrap().pay = "x";
        self.row(new("PB"), new("P"), below);
        self.row(new("F"), someone.clone(), None);
        self.rows.last_mut().unwrap().status = "Left";
        self.row(
            new("FB"),
            new("F"),
            Some(Planted::Listed("manager_filtered")),
        );

        for manager in [&someone, &new("A")] {
            let duplicate = Some(Planted::Rejected("key_duplicate"));
            self.row(new("D"), manager.clone(), duplicate);
        }
        self.row(new("DB"), new("D"), below);

        // Keys that differ by case are two people, and a name in another case is nobody's.
        self.row(new("K"), someone.clone(), None);
        self.row(new("k"), someone.clone(), None);
        self.row(
            new("KB"),
            new("Q").to_lowercase(),
            Some(Planted::Near("case")),
        );
        self.row(new("Q"), someone.clone(), None);
        self.row(
            new("ZB"),
            format!("{:06}", nth + 1),
            Some(Planted::Near("leading zeros")),
        );
        self.row(format!("{}", nth + 1), someone, None);
    }

    fn shuffle(&mut self) {
        for at in (1..self.rows.len()).rev() {
            let other = self.random(at + 1);
            self.rows.swap(at, other);
        }
    }

    fn csv(&self) -> String {
        let mut text = "id,manager,pay,status,name,login\n".to_owned();
        for (row, nth) in self.rows.iter().zip(0..) {
            let Row {
                id,
                manager,
                pay,
                status,
                ..
            } = row;
            let _ = writeln!(text, "{id},{manager},{pay},{status},Person {nth},{id}");
        }
        text
    }

    /// The lines of what is planted, by what is found of it.
    fn planted(&self) -> BTreeMap<Planted, Vec<u64>> {
        let mut planted: BTreeMap<Planted, Vec<u64>> = BTreeMap::new();
        for (row, line) in self.rows.iter().zip(2..) {
            if let Some(what) = row.planted {
                planted.entry(what).or_default().push(line);
            }
            if let Some(Planted::Near(_)) = row.planted {
                planted
                    .entry(Planted::Listed("manager_absent"))
                    .or_default()
                    .push(line);
            }
        }
        planted.values_mut().for_each(|lines| lines.sort_unstable());
        planted
    }
}

fn id(nth: usize) -> String {
    format!("E{nth:08}")
}

fn lines(listed: &Value) -> Vec<u64> {
    let listed = listed.as_array().unwrap().iter();
    sorted(listed.map(|spot| spot["line"].as_u64().unwrap()).collect())
}

fn sorted(mut lines: Vec<u64>) -> Vec<u64> {
    lines.sort_unstable();
    lines
}

/// What was found: rejects by code, findings and near misses of the report.
fn found(rig: &Rig, report: &Value) -> BTreeMap<String, Vec<u64>> {
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for row in rig.read("rejects.check.csv").lines().skip(1) {
        let mut cells = row.split(',').skip(7);
        let line = cells.next().unwrap().parse().unwrap();
        let code = cells.nth(2).unwrap().to_owned();
        found
            .entry(format!("Rejected({code:?})"))
            .or_default()
            .push(line);
    }
    let tree = &report["hierarchies"][0];
    for finding in tree["findings"].as_array().unwrap() {
        assert_eq!(finding["not_listed"], 0);
        let code = finding["code"].as_str().unwrap();
        let kind = if finding["decision"] == "reject" {
            "Rejected"
        } else {
            "Listed"
        };
        let listed = match code {
            "manager_cycle" => tree["cycles"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|cycle| lines(&cycle["rows"]))
                .collect(),
            _ => lines(&finding["listed"]),
        };
        let listed: Vec<u64> = sorted(listed);
        let known = found
            .entry(format!("{kind}({code:?})"))
            .or_insert_with(|| listed.clone());
        known.sort_unstable();
        assert_eq!(*known, listed, "{code}");
    }
    for near in tree["near_misses"].as_array().unwrap() {
        let kind = format!("Near({})", near["differ_in"]);
        found.insert(kind, lines(&near["listed"]));
    }
    found
}

const VALIDATE: &str = "source: { path: people.csv }\nstages: [ filter: 'status != \"Left\"', number: { columns: [pay] } ]\n\
                        rejects: { at_most: 100% }\nvalidate:\n  key: id\n";

/// Checks an organisation, and returns time and memory of the check.
fn check(rig: &Rig, hierarchy: &str) -> (Value, f64, u64) {
    rig.pipeline(
        &format!("{VALIDATE}{hierarchy}"),
        "identify_by: { id_key: id }",
    );
    let (code, stderr) = rig.ask(&["check", "pipeline.yaml", "--report"]);
    assert_eq!(code, 3, "{stderr}");
    let path = rig.reports().remove(0);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    std::fs::remove_file(path).unwrap();
    let seconds = report["seconds"]["survey"].as_f64().unwrap();
    let memory = report["peak_memory"].as_u64().unwrap_or(0);
    (report, seconds, memory)
}

const HIERARCHY: &str = "  hierarchy: { parent: manager, self: reject, roots: 1 }\n";

fn everything_is_found(people: usize, faults: usize) -> (Rig, f64, u64) {
    let organisation = Organisation::new(people, faults);
    let rig = Rig::new();
    rig.write("people.csv", organisation.csv());
    let (report, seconds, memory) = check(&rig, HIERARCHY);
    let planted = organisation.planted();
    let expected: BTreeMap<String, Vec<u64>> = planted
        .into_iter()
        .map(|(what, lines)| (format!("{what:?}"), lines))
        .collect();
    let found = found(&rig, &report);
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (what, lines) in &expected {
        assert!(
            found[what] == *lines,
            "{what}: {} instead of {}",
            found[what].len(),
            lines.len()
        );
    }
    let tree = &report["hierarchies"][0];
    let cycles = tree["cycles"].as_array().unwrap();
    assert_eq!(cycles.len(), faults);
    let mut lengths: Vec<usize> = cycles
        .iter()
        .map(|c| c["rows"].as_array().unwrap().len())
        .collect();
    let mut planted: Vec<usize> = (0..faults).map(|nth| 2 + nth % 49).collect();
    lengths.sort_unstable();
    planted.sort_unstable();
    assert_eq!(lengths, planted);
    assert!(cycles.iter().all(|cycle| cycle["below"] == 2));
    (rig, seconds, memory)
}

#[test]
fn every_planted_fault_is_found_and_nothing_else() {
    everything_is_found(3_000, 60);
}

#[test]
#[ignore = "makes as many people as the environment variable PEOPLE says"]
fn every_fault_of_a_large_organisation() {
    let people: usize = std::env::var("PEOPLE").map_or(1_000_000, |n| n.parse().unwrap());
    let (rig, seconds, memory) = everything_is_found(people, people / 1000);
    let (_, without, memory_without) = check(&rig, "");
    let by_other = "  hierarchy: { parent: manager, parent_by: login }\n";
    let (_, by_other, memory_by_other) = check(&rig, by_other);
    let mib = |memory: u64| memory as f64 / f64::from(1 << 20);
    println!(
        "without a hierarchy      {without:6.2} s  {:7.1} MiB",
        mib(memory_without)
    );
    println!(
        "named by the key         {seconds:6.2} s  {:7.1} MiB",
        mib(memory)
    );
    println!(
        "named by another column  {by_other:6.2} s  {:7.1} MiB",
        mib(memory_by_other)
    );
    if people >= 1_000_000 {
        let most = mib(memory_without) + 32.0 * people as f64 / 1e6;
        assert!(mib(memory) <= most && mib(memory_by_other) <= most);
    }
}
