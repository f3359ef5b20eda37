use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::rule::ValidateSpec;
use crate::text::compare::loosen_into;
use crate::whole::Fate;
use crate::whole::lines::Lines;

/// A record: its name and that of its parent (0: none), what becomes of it, and whether the person has left.
#[derive(Debug, Clone, Copy)]
struct Record {
    name: u64,
    parent: u64,
    fate: Fate,
    left: bool,
}

/// What stands for the hash of a name; 0 is none.
fn hashed(name: u64) -> u64 {
    name.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn record(name: u64, parent: u64) -> Record {
    Record {
        name: hashed(name),
        parent: hashed(parent),
        fate: Fate::In,
        left: false,
    }
}

fn hierarchy(mut spec: Value) -> Hierarchy {
    spec["parent"] = json!("managerID");
    spec["id"] = json!("employeeID");
    let spec: ValidateSpec = serde_json::from_value(json!({ "hierarchy": spec })).unwrap();
    let columns = Columns::from_header(["employeeID", "managerID", "status"]);
    let tree = Tree::bind(&spec.hierarchy.all[0], None, &columns).unwrap();
    Hierarchy::new(tree, 0)
}

/// Ends a file of these records, in blocks of so many lines; the first stands on line 2.
fn ended(
    spec: Value,
    records: &[Record],
    block: usize,
) -> (Hierarchy, BTreeMap<u32, Verdict>, Lines) {
    let mut hierarchy = hierarchy(spec);
    let mut lines = Lines::default();
    let mut filtered = Bits::default();
    let mut out = Verdicts::default();
    for block in records.chunks(block) {
        let first = lines.len() as u32;
        lines.push(0, u64::from(first) + 2, 0..block.len() as u32);
        let aside = |r: &Record| r.fate == Fate::Filtered;
        let column = |f: &dyn Fn(&Record) -> u64| block.iter().map(f).collect::<Vec<u64>>();
        let mut columns = vec![
            column(&|r| if r.fate == Fate::In { r.parent } else { 0 }),
            column(&|r| if aside(r) { 0 } else { r.name }),
            column(&|r| if aside(r) { r.name } else { 0 }),
            column(&|r| u64::from(r.left)),
        ];
        columns.truncate(hierarchy.facts().len());
        for (r, at) in block.iter().zip(first..) {
            match r.fate {
                Fate::In => lines.mark_sent(at),
                Fate::Filtered => filtered.set(at),
                Fate::Rejected | Fate::LeftOut => {}
            }
        }
        let facts = Facts {
            first,
            records: block.len(),
            columns: &columns.into_iter().map(Arc::new).collect::<Vec<_>>(),
        };
        hierarchy.see(&facts, &mut out).unwrap();
    }
    let fates = Fates {
        before: &[],
        places: Places {
            lines: &lines,
            files: &["people.csv".to_owned()],
        },
        filtered: &filtered,
        unchanged: &Bits::default(),
        keys: None,
    };
    hierarchy.end(&fates, &mut out).unwrap();
    assert!(out.now.is_empty());
    let verdicts: BTreeMap<u32, Verdict> = out.later.iter().copied().collect();
    assert!(verdicts.len() <= out.later.len());
    (hierarchy, verdicts, lines)
}

/// The same by hand: slow, and with nothing in common with the other.
struct Slow<'a> {
    records: &'a [Record],
    spec: &'a HierarchySpec,
}

impl Slow<'_> {
    fn nodes(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.records.len()).filter(|at| self.records[*at].fate == Fate::In)
    }

    fn named(&self, at: usize) -> Option<usize> {
        let parent = self.records[at].parent;
        let of = |fate: Fate| {
            let mut all = self.records.iter();
            all.position(|r| r.name == parent && r.fate == fate)
        };
        of(Fate::In).or(of(Fate::Rejected)).or(of(Fate::Filtered))
    }

    fn own(&self, at: usize) -> bool {
        self.records[at].parent != 0 && self.records[at].parent == self.records[at].name
    }

    /// Whom a node names, where that is another node.
    fn up(&self, at: usize) -> Option<usize> {
        let record = self.records[at];
        if record.parent == 0 || self.own(at) {
            return None;
        }
        self.named(at)
            .filter(|up| self.records[*up].fate == Fate::In)
    }

    /// All above a node, nearest first, until there are no more or one comes again.
    fn above(&self, at: usize) -> Vec<usize> {
        let mut above: Vec<usize> = Vec::new();
        let mut next = self.up(at);
        while let Some(up) = next.filter(|up| !above.contains(up)) {
            above.push(up);
            next = self.up(up);
        }
        above
    }

    fn in_circle(&self, at: usize) -> bool {
        self.above(at).contains(&at)
    }

    /// How many hang on a node, and on no circle before it.
    fn below(&self, at: usize) -> u32 {
        let hangs = |other: &usize| {
            let above = self.above(*other);
            let place = above.iter().position(|up| *up == at);
            let before = place.map(|place| &above[..place]);
            !self.in_circle(*other)
                && before.is_some_and(|before| !before.iter().any(|up| self.in_circle(*up)))
        };
        self.nodes().filter(hangs).count() as u32
    }

    fn roots(&self) -> Vec<usize> {
        let own = self.spec.own.otherwise() != Otherwise::Reject;
        let is_root = |at: &usize| self.records[*at].parent == 0 || own && self.own(*at);
        self.nodes().filter(is_root).collect()
    }

    /// What is found, given who is rejected here, with what is done about it.
    fn found(&self, rejected: &BTreeSet<usize>) -> BTreeSet<(u32, Finding, Otherwise)> {
        let mut found = BTreeSet::new();
        let roots = self.roots();
        let expected = self
            .spec
            .roots
            .filter(|expected| roots.len() as u64 > expected.expect);
        let of_roots = expected.map_or(Otherwise::Ignore, |expected| expected.otherwise);
        for at in roots {
            found.insert((at as u32, Finding::Root, of_roots));
        }
        for at in self.nodes() {
            let record = self.records[at];
            let orphans = self.spec.orphans;
            let finding = if record.parent == 0 {
                continue;
            } else if self.own(at) {
                (Finding::Own, self.spec.own.otherwise())
            } else if self.in_circle(at) {
                (Finding::Cycle, self.spec.cycles)
            } else {
                match self.named(at).map(|up| (up, self.records[up])) {
                    None => (Finding::Absent, orphans.absent),
                    Some((_, up)) if up.fate == Fate::Filtered => {
                        (Finding::Filtered, orphans.filtered)
                    }
                    Some((up, parent)) if parent.fate != Fate::In || rejected.contains(&up) => {
                        (Finding::Rejected, orphans.rejected)
                    }
                    Some((_, parent)) => match &self.spec.leavers {
                        Some(leavers) if parent.left => (Finding::Left, leavers.otherwise),
                        _ => continue,
                    },
                }
            };
            found.insert((at as u32, finding.0, finding.1));
        }
        found
    }

    /// The same when nothing more follows from who is rejected.
    fn all_found(&self) -> BTreeSet<(u32, Finding, Otherwise)> {
        let mut rejected = BTreeSet::new();
        loop {
            let found = self.found(&rejected);
            let now = found.iter().filter(|f| f.2 == Otherwise::Reject);
            let now: BTreeSet<usize> = now.map(|f| f.0 as usize).collect();
            if now == rejected {
                return found;
            }
            rejected = now;
        }
    }
}

fn action() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["reject", "warn", "ignore", "clear", "stop"])
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let fate = prop_oneof![
        6 => Just(Fate::In),
        1 => Just(Fate::Rejected),
        1 => Just(Fate::Filtered)
    ];
    let record =
        (0u64..14, 0u64..16, fate, any::<bool>()).prop_map(|(name, parent, fate, left)| Record {
            fate,
            left,
            // The names of the first are many, so that circles are, too.
            ..record(name, parent / 2 * 2 + u64::from(parent > 12))
        });
    prop::collection::vec(record, 0..24)
}

proptest! {
    #[test]
    fn agrees_with_the_slow_one(
        records in records(),
        block in 1usize..9,
        own in prop::sample::select(vec!["root", "reject", "warn", "clear"]),
        actions in prop::array::uniform5(action()),
        roots in prop::sample::select(vec!["reject", "warn", "ignore"]),
    ) {
        let [cycles, absent, rejected, filtered, left] = actions;
        let spec = json!({
            "self": own,
            "cycles": cycles,
            "orphans": { "absent": absent, "rejected": rejected, "filtered": filtered },
            "leavers": { "column": "status", "values": ["Left"], "otherwise": left },
            "roots": { "expect": 1, "otherwise": roots },
        });
        let (hierarchy, verdicts, lines) = ended(spec, &records, block);
        let slow = Slow { records: &records, spec: &hierarchy.tree.spec };
        let expected = slow.all_found();
        let judged = &hierarchy.judged;

        let mut found = BTreeSet::new();
        for finding in Finding::ALL {
            for hit in judged.of(finding) {
                found.insert((hit.record, finding));
                prop_assert_eq!(hit.below, slow.below(hit.record as usize));
            }
        }
        let told: BTreeSet<_> = expected.iter().map(|(at, finding, _)| (*at, *finding)).collect();
        prop_assert_eq!(found, told);

        let of = |wanted: Otherwise| -> BTreeSet<u32> {
            expected.iter().filter(|f| f.2 == wanted).map(|f| f.0).collect()
        };
        let (rejected, cleared) = (of(Otherwise::Reject), of(Otherwise::Clear));
        let expected: BTreeSet<u32> = rejected.union(&cleared).copied().collect();
        prop_assert_eq!(verdicts.keys().copied().collect::<BTreeSet<_>>(), expected);

        let depth = |at: usize| -> Option<u32> {
            let mut at = at;
            let mut depth = 1;
            loop {
                if rejected.contains(&(at as u32)) {
                    return None;
                }
                if slow.records[at].parent == 0 || slow.own(at) || cleared.contains(&(at as u32)) {
                    // A leaver's report whose cell is cleared is a root, too.
                    return Some(depth);
                }
                if slow.in_circle(at) {
                    return None;
                }
                at = slow.up(at)?;
                depth += 1;
            }
        };
        let depths: Vec<u32> = slow.nodes().filter_map(depth).collect();
        prop_assert_eq!(judged.placed, depths.len() as u64);
        prop_assert_eq!(judged.depth, depths.iter().copied().max().unwrap_or(0));
        prop_assert_eq!(judged.levels.iter().sum::<u64>(), judged.placed);
        prop_assert_eq!(judged.people, slow.nodes().count() as u64);

        // Each circle goes round, and begins with its first row.
        for nth in 0..judged.loops.len() {
            let members = judged.loops.members(nth);
            prop_assert_eq!(members.iter().min(), members.first());
            for (at, member) in members.iter().enumerate() {
                let next = members[(at + 1) % members.len()];
                prop_assert_eq!(slow.up(*member as usize), Some(next as usize));
            }
        }

        // Whatever was found can be told.
        let places = Places { lines: &lines, files: &["people.csv".to_owned()] };
        let told = hierarchy.told(&places);
        prop_assert!(told.report.in_trees <= told.report.nodes);
        for (record, verdict) in &verdicts {
            if let Verdict::Reject { reason, .. } = verdict {
                prop_assert!(!hierarchy.fault(*record, *reason, &places).message.is_empty());
            }
        }
    }
}

fn told(spec: Value, records: &[Record]) -> (Told, Vec<String>) {
    let (hierarchy, verdicts, lines) = ended(spec, records, 4);
    let places = Places {
        lines: &lines,
        files: &["people.csv".to_owned()],
    };
    let faults = verdicts.iter().map(|(record, verdict)| match verdict {
        Verdict::Reject { reason, .. } => {
            let fault = hierarchy.fault(*record, *reason, &places);
            format!("{} {}: {}", record + 2, fault.code, fault.message)
        }
        _ => format!("{} cleared", record + 2),
    });
    let faults = faults.collect();
    (hierarchy.told(&places), faults)
}

#[test]
fn a_circle_is_told_whole_and_costs_nobody_below_it() {
    // 1 is the root; 2 -> 3 -> 4 -> 2; 5 and 6 hang on 3.
    let records = [
        record(1, 0),
        record(2, 3),
        record(3, 4),
        record(4, 2),
        record(5, 3),
        record(6, 5),
        record(7, 1),
    ];
    let (told, faults) = told(json!({}), &records);
    assert_eq!(
        faults,
        [
            "3 manager_cycle: 3 rows report to each other in a circle: this one to those on line 4 and on line 5, in this \
             order, and the last of them to this one",
            "4 manager_cycle: 3 rows report to each other in a circle: this one to those on line 5 and on line 3, in this \
             order, and the last of them to this one; 2 rows hang on it",
            "5 manager_cycle: 3 rows report to each other in a circle: this one to those on line 3 and on line 4, in this \
             order, and the last of them to this one",
        ]
    );
    assert_eq!(
        told.warnings,
        [
            "hierarchy managerID: 1 row names a parent whose row was rejected (on line 6); 1 row hangs on it"
        ]
    );
    let report = serde_json::to_value(&told.report).unwrap();
    let lines = |rows: &Value| -> Vec<Value> {
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["line"].clone())
            .collect()
    };
    assert_eq!(lines(&report["cycles"][0]["rows"]), [3, 4, 5]);
    assert_eq!(report["cycles"][0]["below"], 2);
    assert_eq!(report["findings"][0]["code"], "manager_cycle");
    assert_eq!(report["findings"][1]["listed"][0]["parent_line"], 4);
    assert_eq!(
        (report["nodes"].as_u64(), report["in_trees"].as_u64()),
        (Some(7), Some(2))
    );
    assert_eq!(
        report["depth"],
        json!({ "max": 2, "levels": [1, 1], "deeper": 0 })
    );
}

#[test]
fn what_is_said_of_each_kind() {
    let rejected = Record {
        fate: Fate::Rejected,
        ..record(3, 1)
    };
    let filtered = Record {
        fate: Fate::Filtered,
        ..record(4, 1)
    };
    let left = Record {
        left: true,
        ..record(5, 1)
    };
    let records = [
        record(1, 1),
        rejected,
        filtered,
        left,
        record(6, 3),
        record(7, 4),
        record(8, 5),
        record(9, 99),
        record(10, 9),
        record(11, 0),
    ];
    let all = |word: &str| {
        json!({
            "self": word, "orphans": { "absent": word, "rejected": word, "filtered": word },
            "leavers": { "column": "status", "values": ["Left"], "otherwise": word },
            "roots": { "expect": 1, "otherwise": "warn" },
        })
    };
    let (_, faults) = told(all("reject"), &records);
    assert_eq!(
        faults,
        [
            "2 manager_self: the row names itself by its `employeeID`; 2 rows hang on it",
            "5 manager_rejected: the row with this `employeeID` was rejected, it stands on line 2; 1 row hangs on it",
            "6 manager_rejected: the row with this `employeeID` was rejected, it stands on line 3",
            "7 manager_filtered: the row with this `employeeID` was left out, it stands on line 4",
            "8 manager_rejected: the row with this `employeeID` was rejected, it stands on line 5",
            "9 manager_absent: no row of the source has this `employeeID`; 1 row hangs on it",
            "10 manager_rejected: the row with this `employeeID` was rejected, it stands on line 9",
        ],
        "stated for the rejected, it goes down"
    );
    let (warned, faults) = told(all("warn"), &records);
    assert!(faults.is_empty());
    assert_eq!(
        warned.warnings,
        [
            "hierarchy managerID: 1 row names itself as its parent (on line 2); 2 rows hang on it",
            "hierarchy managerID: 1 row names a parent that is not in the source (on line 9); 1 row hangs on it",
            "hierarchy managerID: 1 row names a parent whose row was rejected (on line 6)",
            "hierarchy managerID: 1 row names a parent whose row was left out (on line 7)",
            "hierarchy managerID: 1 row names a parent who has left (on line 8)",
            "hierarchy managerID: 2 rows have no parent (on line 2 and on line 11), expected 1",
        ]
    );
    let (cleared, faults) = told(all("clear"), &records);
    let expected = [
        "2 cleared",
        "6 cleared",
        "7 cleared",
        "8 cleared",
        "9 cleared",
    ];
    assert_eq!(faults, expected);
    assert!(cleared.warnings[1].ends_with("; it is sent with an empty `managerID`"));
    let (stopped, _) = told(all("stop"), &records);
    let (why, rows) = stopped.stops.unwrap();
    assert!(why.contains("1 row names itself"), "{why}");
    assert_eq!(rows, 1);
    let (ignored, faults) = told(all("ignore"), &records);
    assert_eq!((ignored.warnings.len(), faults.len()), (1, 0));
    assert_eq!(ignored.report.findings.len(), 6);
}

#[test]
fn roots_that_are_too_many_are_rejected_and_too_few_are_told() {
    let roots = |expect: u32| json!({ "roots": { "expect": expect, "otherwise": "reject" } });
    let records = [record(1, 0), record(2, 0), record(3, 2)];
    let (_, faults) = told(roots(1), &records);
    assert_eq!(
        faults,
        [
            "2 roots: 2 rows without a parent, expected 1; the others stand on line 3",
            "3 roots: 2 rows without a parent, expected 1; the others stand on line 2",
        ]
    );
    let (few, faults) = told(roots(3), &records);
    assert!(faults.is_empty());
    assert_eq!(
        few.warnings,
        ["hierarchy managerID: 2 rows have no parent (on line 2 and on line 3), expected 3"]
    );
    let (none, _) = told(
        json!({ "roots": 1, "cycles": "warn" }),
        &[record(1, 2), record(2, 1)],
    );
    assert_eq!(
        none.warnings,
        [
            "hierarchy managerID: 2 rows report to each other in a circle (on line 2 and on line 3)",
            "hierarchy managerID: no row is without a parent, expected 1",
        ]
    );
}

#[test]
fn names_that_several_rows_have() {
    // Two people in one position report to one; two rows of another position do not.
    let records = [
        record(1, 0),
        record(2, 1),
        record(2, 1),
        record(3, 1),
        record(3, 2),
        record(4, 3),
        record(5, 2),
    ];
    let (told, _) = told(json!({}), &records);
    assert_eq!(
        told.warnings,
        [
            "hierarchy managerID: 1 row with a `employeeID` that an earlier row has, too, and with another parent (on line 5 \
          and on line 6); who is named by it is taken to be the earlier one"
        ]
    );
}

#[test]
fn span_and_depth() {
    let mut records = vec![record(1, 0)];
    records.extend((2..=6).map(|name| record(name, 1)));
    records.extend((7..=8).map(|name| record(name, 2)));
    records.extend((9..=100).map(|name| record(name, name - 1)));
    let (told, _) = told(json!({ "span": 4 }), &records);
    let report = serde_json::to_value(&told.report).unwrap();
    assert_eq!(report["span"]["max"], 5);
    assert_eq!(report["span"]["median"], 1);
    assert_eq!(report["span"]["wide"], 1);
    assert_eq!(report["span"]["widest"]["line"], 2);
    assert_eq!(report["span"]["managers"], 94);
    assert_eq!(report["depth"]["max"], 95);
    assert_eq!(report["depth"]["levels"].as_array().unwrap().len(), 64);
    assert_eq!(report["depth"]["deeper"], 31);
}

#[test]
fn near_misses_are_told_with_both_lines() {
    let names = ["00012", "ab", "cd", "E 7", "left"];
    let parents = ["", "12", "AB", "E7", "Cd"];
    let records: Vec<Record> = (0..5)
        .map(|n| record(n + 100, if n == 0 { 0 } else { n }))
        .collect();
    let (mut hierarchy, _, lines) = ended(json!({ "orphans": "reject" }), &records, 5);
    assert!(hierarchy.misses_somebody());
    let loose = |text: &str| {
        let mut buffer = String::new();
        let manner = loosen_into(text, &mut buffer);
        let hash = xxhash_rust::xxh3::xxh3_64(buffer.as_bytes());
        if text.is_empty() {
            Loose::NONE
        } else {
            Loose::new(hash, manner)
        }
    };
    let pairs: Vec<(Loose, Loose)> = names
        .iter()
        .zip(parents)
        .map(|(n, p)| (loose(n), loose(p)))
        .collect();
    hierarchy.look_again(0, &pairs[..2]);
    hierarchy.look_again(2, &pairs[2..]);
    hierarchy.looked_again();
    let places = Places {
        lines: &lines,
        files: &["people.csv".to_owned()],
    };
    let told = hierarchy.told(&places);
    assert_eq!(
        told.warnings,
        [
            "hierarchy managerID: 1 of these differs only in leading zeros from one that is there: line 3 -> line 2",
            "hierarchy managerID: 2 of these differ only in case from one that is there: line 4 -> line 3 and line 6 -> \
             line 4",
            "hierarchy managerID: 1 of these differs only in blanks from one that is there: line 5 -> line 5",
        ]
    );
    assert_eq!(
        hierarchy.fault(1, Finding::Absent as u32, &places).message,
        "no row of the source has this `employeeID`; it differs only in leading zeros from that of the row on line 2"
    );
}

#[test]
fn memory_stays_in_its_bounds() {
    let records: Vec<Record> = (1..=1_000_000u64).map(|n| record(n, n / 8)).collect();
    let mut hierarchy = hierarchy(json!({}));
    for (at, block) in records.chunks(1000).enumerate() {
        let names: Vec<u64> = block.iter().map(|r| r.name).collect();
        let parents: Vec<u64> = block.iter().map(|r| r.parent).collect();
        let facts = Facts {
            first: at as u32 * 1000,
            records: 1000,
            columns: &[parents, names, Vec::new()].map(Arc::new),
        };
        hierarchy.see(&facts, &mut Verdicts::default()).unwrap();
    }
    // Until the file ends; what is needed then is counted in the files that need it.
    let each = hierarchy.bytes() as f64 / records.len() as f64;
    assert!(each <= 21.0, "{each}");
}
