//! Keys that come again in extracts of several blocks: whoever works and however the source is read, the same rows go,
//! the same are rejected on the same lines, and what the other lines are is told.

use std::collections::BTreeMap;

use crate::support::Rig;

const ROWS: usize = 7_000;

/// Rows of about 100 bytes, several blocks of them. Keys of every 50th row stand twice, far from each other: with the
/// same row, with another one, or with one that is at fault for something else.
fn people() -> Vec<(String, String)> {
    let row = |id: usize, salary: &str| {
        let note = "x".repeat(70 + id % 9);
        (format!("{id:06}"), format!("{salary},{note}"))
    };
    let all = (0..ROWS).map(|at| row(at, "100"));
    let again = (0..ROWS).step_by(50).map(|at| match at / 50 % 3 {
        0 => row(at, "100"),
        1 => row(at, "200"),
        _ => row(at, "much"),
    });
    all.chain(again).collect()
}

/// What is expected of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Sent,
    Superseded,
    Rejected,
}

/// By line, from 2.
fn fates(keep: &str, people: &[(String, String)]) -> Vec<Fate> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, (id, _)) in people.iter().enumerate() {
        groups.entry(id).or_default().push(at);
    }
    let is_good = |at: usize| !people[at].1.starts_with("much");
    let mut fates = vec![Fate::Rejected; people.len()];
    for group in groups.values() {
        let (first, last) = (group[0], group[group.len() - 1]);
        let same = |a: usize, b: usize| is_good(a) && is_good(b) && people[a].1 == people[b].1;
        let keeper = match keep {
            "first" => Some(first),
            "last" if same(first, last) => Some(first),
            "last" => Some(last),
            _ => (group.len() == 1 || same(first, last)).then_some(first),
        };
        for &at in group {
            fates[at] = match keeper {
                Some(keeper) if keeper == at && is_good(at) => Fate::Sent,
                Some(keeper) if keeper != at && same(keeper, at) => Fate::Superseded,
                _ => Fate::Rejected,
            };
        }
    }
    fates
}

#[test]
fn the_same_rows_go_whoever_works() {
    let people = people();
    let text: String = people
        .iter()
        .map(|(id, rest)| format!("{id},{rest}\n"))
        .collect();
    for keep in ["none", "first", "last"] {
        let fates = fates(keep, &people);
        let count = |fate| fates.iter().filter(|f| **f == fate).count() as u64;
        let mut before: Option<(Vec<u8>, String)> = None;
        for (workers, length) in [("1", "measured"), ("3", "measured"), ("2", "spooled")] {
            let rig = Rig::new();
            rig.write("people.csv", format!("id,salary,note\n{text}"));
            rig.pipeline(
                &format!(
                    "source: {{ path: people.csv }}\nstages: [ number: {{ columns: [salary] }} ]\n\
                     validate: {{ key: {{ column: id, keep: {keep} }} }}\nrejects: {{ at_most: 100% }}\n\
                     upload: {{ length: {length} }}"
                ),
                "action: createOrReplace\nidentify_by: { id_key: id }",
            );
            let ended = rig.run(&["--workers", workers]);
            assert_eq!(ended.code, 3, "{keep}: {}", ended.stderr);
            let found = ["sent", "superseded", "rejected"].map(|name| ended.count(name));
            let expected = [Fate::Sent, Fate::Superseded, Fate::Rejected].map(count);
            assert_eq!(found, expected, "{keep}, {workers} workers");
            let rejects = rig.read("rejects.csv");
            let lines = rejects.lines().skip(1).map(|line| {
                let (_, place) = line.split_once(",people.csv,").unwrap();
                place.split(',').next().unwrap().parse::<usize>().unwrap()
            });
            let mut lines: Vec<usize> = lines.collect();
            // A row with two faults has two lines.
            lines.dedup();
            let rejected = (0..fates.len()).filter(|at| fates[*at] == Fate::Rejected);
            assert!(
                lines.iter().copied().eq(rejected.map(|at| at + 2)),
                "{keep}"
            );
            let now = (rig.uploaded(), rejects);
            assert!(
                *before.get_or_insert_with(|| now.clone()) == now,
                "{keep}, {workers} workers"
            );
        }
    }
}

/// The other line is named in both rows of a key, and whether they are the same as they would be sent: how a row was
/// written makes no difference.
#[test]
fn rows_are_the_same_that_would_be_sent_equal() {
    let rig = Rig::new();
    rig.write(
        "people.csv",
        "id,salary,hired\n1,\"1,000\",01/02/2020\n2,7,01/02/2020\n1, 1000 ,1/2/2020\n2,8,01/02/2020\n3,9,01/02/2020\n",
    );
    rig.pipeline(
        "source: { path: people.csv }\n\
         stages:\n- trim:\n- number: { columns: [salary], thousands: \",\" }\n\
         - date: { columns: [hired], from: [DD/MM/YYYY, D/M/YYYY] }\n\
         validate: { key: id }\nrejects: { at_most: 100% }",
        "action: createOrReplace\nidentify_by: { id_key: id }",
    );
    let ended = rig.run(&[]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let counts = ["read", "sent", "superseded", "rejected"].map(|name| ended.count(name));
    assert_eq!(counts, [5, 2, 1, 2]);
    let rejects = rig.read("rejects.csv");
    let told = [
        "3,validate,id,key_duplicate,the same key stands on line 5",
        "5,validate,id,key_duplicate,the same key stands on line 3",
    ];
    for (line, told) in rejects.lines().skip(1).zip(told) {
        assert!(line.ends_with(told), "{line}");
    }
}
