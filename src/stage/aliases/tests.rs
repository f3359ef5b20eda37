use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::settings::limits::Limits;
use crate::stage::testing::{batch, print};

fn spec(settings: Value) -> AliasesSpec {
    let mut all = json!({ "path": "aliases.csv" });
    let (Value::Object(all), Value::Object(more)) = (&mut all, settings) else {
        panic!("settings are a map");
    };
    all.extend(more);
    serde_json::from_value(Value::Object(all.clone())).unwrap()
}

fn read(spec: &AliasesSpec, text: &str, ignore_case: bool) -> Result<Aliases, String> {
    let table = spec.table();
    let bytes = text.as_bytes().to_vec();
    let limits = Limits::default();
    let table = Table::parse(&spec.path, bytes, &table.written, &table.named, &limits, 1).unwrap();
    Aliases::new(spec, &table, ignore_case)
}

/// Key and manager of a table, after the stage, with what was replaced; `known` are ids that the target has.
#[track_caller]
fn check(
    (settings, text, ignore_case): (Value, &str, bool),
    known: &[&str],
    table: Value,
    expected: Value,
) {
    let aliases = read(&spec(settings), text, ignore_case).unwrap();
    let aliases = aliases.of(Some(0), vec![1, 0, 1]);
    let (columns, mut batch) = batch(&table);
    let stage = aliases.stage(|id| known.contains(&id));
    stage.apply(&mut batch);
    assert_eq!(print(&columns, &batch), expected);
    let Replaced { rows, references } = aliases.replaced();
    let differ = |column: usize| {
        let rows = table
            .as_array()
            .unwrap()
            .iter()
            .zip(expected.as_array().unwrap());
        rows.filter(|(before, after)| before[column] != after[column])
            .count() as u64
    };
    assert_eq!((rows, references), (differ(0), differ(1)));
    stage.forget();
    assert_eq!(aliases.replaced(), Replaced::default());
}

/// 1 became 2, and 2 became 3; a became b.
const CHAIN: &str = "old,new\n2,3\na,b\n1,2\n";

#[test]
fn one_id_of_each_person_goes_out() {
    let table = json!([
        ["id", "boss"],
        ["3", "b"],
        ["2", "1"],
        ["b", ""],
        ["9", "2"],
        [null, {}]
    ]);
    let oldest = json!([
        ["id", "boss"],
        ["1", "a"],
        ["1", "1"],
        ["a", ""],
        ["9", "1"],
        [null, {}]
    ]);
    let newest = json!([
        ["id", "boss"],
        ["3", "b"],
        ["3", "3"],
        ["b", ""],
        ["9", "3"],
        [null, {}]
    ]);
    let second = json!([
        ["id", "boss"],
        ["2", "b"],
        ["2", "2"],
        ["b", ""],
        ["9", "2"],
        [null, {}]
    ]);
    for (settings, known, expected) in [
        // Without a word of what the target knows, it knows the oldest.
        (json!({}), &[][..], &oldest),
        (json!({ "send": "old" }), &["3", "b"], &oldest),
        (json!({ "send": "new" }), &["1", "a"], &newest),
        (json!({}), &["2", "b", "9"], &second),
        // Of several that it knows, the newest is the one that is kept.
        (json!({}), &["1", "3", "b"], &newest),
    ] {
        check(
            (settings, CHAIN, false),
            known,
            table.clone(),
            expected.clone(),
        );
    }
}

#[test]
fn ids_are_compared_as_keys_are() {
    let file = "old,new\n Ab1,Xy2\n";
    check(
        (json!({}), file, false),
        &[],
        json!([["id", "boss"], ["Xy2\u{feff}", "xy2"]]),
        json!([["id", "boss"], [" Ab1", "xy2"]]),
    );
    check(
        (json!({}), file, true),
        &[],
        json!([["id", "boss"], ["XY2", "xy2"]]),
        json!([["id", "boss"], [" Ab1", " Ab1"]]),
    );
}

#[test]
fn a_number_stays_one_where_it_can() {
    check(
        (json!({}), "old,new\n7,8\n007,9\n", false),
        &[],
        json!([["id", "boss"], [8, 9], [{ "faulty": "8" }, "8"]]),
        json!([["id", "boss"], [7, "007"], [{ "faulty": "8" }, "7"]]),
    );
}

#[test]
fn filtered_rows_are_left_alone() {
    let aliases = read(&spec(json!({})), CHAIN, false)
        .unwrap()
        .of(Some(0), Vec::new());
    let (columns, mut batch) = batch(&json!([["id", "boss"], ["3", "3"], ["3", "3"]]));
    batch.filter_out(0);
    aliases.stage(|_| false).apply(&mut batch);
    assert_eq!(
        print(&columns, &batch),
        json!([["id", "boss"], "filtered", ["1", "3"]])
    );
    assert_eq!(aliases.replaced().rows, 1);
}

#[test]
fn what_cannot_be_is_told_by_line() {
    for (text, expected) in [
        (
            "old,new\n1,2\n1,3\n",
            "aliases.csv: lines 2 and 3 have the same old id, and only one new id can have taken its place",
        ),
        (
            "old,new\n1,3\n2,3\n",
            "aliases.csv: lines 2 and 3 have the same new id: a person can go out as one item alone",
        ),
        (
            "old,new\n1,2\n3,\n",
            "aliases.csv: line 3: expected two ids, found one or none",
        ),
        (
            "old,new\n1,1\n",
            "aliases.csv: line 2: the two ids are the same",
        ),
        (
            "old,new\n7,8\n1,2\n2,3\n3,1\n",
            "aliases.csv: line 3: the ids go round in a circle: which one is the newest can't be told",
        ),
        ("from,to\n1,2\n", "aliases.csv: no column `old`"),
    ] {
        let told = read(&spec(json!({})), text, false).unwrap_err();
        assert!(told.starts_with(expected), "{told}");
    }
    let told = read(&spec(json!({})), "old,new\na,b\nB,c\nA,d\n", true).unwrap_err();
    assert!(
        told.starts_with("aliases.csv: lines 2 and 4 have the same old id"),
        "{told}"
    );
    // More columns than the two are nobody's business.
    let other = spec(json!({ "old": "was", "new": "is" }));
    assert_eq!(
        read(&other, "since,is,was\n2026-01-01,2,1\n", false)
            .unwrap()
            .len(),
        1
    );
}

proptest! {
    /// Whatever the order of the lines: every id of a person becomes one and the same, and nobody else's does.
    #[test]
    fn all_ids_of_a_person_become_one(
        lengths in prop::collection::vec(2..5usize, 1..6),
        seed in any::<u64>(),
        send in prop::option::of(prop::bool::ANY),
        known in prop::collection::btree_set(0..20usize, 0..6),
    ) {
        let mut people: Vec<Vec<String>> = Vec::new();
        let mut next = 0;
        for length in lengths {
            people.push((next..next + length).map(|id| format!("p{id}")).collect());
            next += length;
        }
        let mut lines: Vec<String> = people
            .iter()
            .flat_map(|ids| ids.windows(2).map(|pair| format!("{},{}\n", pair[0], pair[1])))
            .collect();
        lines.sort_by_key(|line| xxhash_rust::xxh3::xxh3_64_with_seed(line.as_bytes(), seed));
        let settings = match send {
            None => json!({}),
            Some(old) => json!({ "send": if old { "old" } else { "new" } }),
        };
        let known: BTreeSet<String> = known.into_iter().map(|id| format!("p{id}")).collect();
        let text = format!("old,new\n{}", lines.concat());
        let aliases = read(&spec(settings), &text, false).unwrap().of(Some(0), Vec::new());
        let ids: Vec<String> = (0..next + 2).map(|id| format!("p{id}")).collect();
        let mut table = vec![json!(["id"])];
        table.extend(ids.iter().map(|id| json!([id])));
        let (_, mut batch) = batch(&Value::Array(table));
        aliases.stage(|id| known.contains(id)).apply(&mut batch);
        let sent: BTreeMap<&String, String> =
            ids.iter().enumerate().map(|(row, id)| (id, batch.get(row, 0).to_owned())).collect();
        for person in &people {
            let newest_known = person.iter().rev().find(|id| known.contains(*id));
            let expected = match send {
                Some(true) => &person[0],
                Some(false) => person.last().unwrap(),
                None => newest_known.unwrap_or(&person[0]),
            };
            for id in person {
                prop_assert_eq!(&sent[id], expected);
            }
        }
        for id in &ids[next..] {
            prop_assert_eq!(&sent[id], id);
        }
    }
}
