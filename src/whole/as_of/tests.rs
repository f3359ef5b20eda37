//! When a row holds, which row goes, and that neither the order of the file nor the disk has a say in it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::choose::{EMPTY, UNREAD_NUMBER};
use super::period::{NO_END, Standing, UNREAD};
use super::spec::AsOfSpec;
use super::*;
use crate::batch::{Batch, Columns, Kind, RowState};
use crate::text::dates::Date;
use crate::whole::lines::Lines;

/// A batch of these records, with the columns of a header.
fn batch(records: &[&[&str]]) -> Batch {
    let mut batch = Batch::new(String::new(), records[0].len());
    for record in records {
        batch.push_row(crate::batch::Row {
            line: 0,
            start: 0,
            end: 0,
        });
        for (column, text) in record.iter().enumerate() {
            let cell = batch.append(text, Kind::Text);
            batch.push_cell(column, cell);
        }
    }
    batch
}

fn reader(spec: serde_json::Value, header: &[&str], today: &str) -> Reader {
    let spec: AsOfSpec = serde_json::from_value(spec).unwrap();
    let columns = Columns::from_header(header);
    let today = Date::parse_iso(today).unwrap();
    Reader::bind(&spec, &columns, None, today).unwrap()
}

/// How a row stands to a day, from what is written in its cells.
#[test]
fn periods() {
    let check = |ends: &str, from: &str, to: &str, at: &str, expected: Standing| {
        let spec = json!({ "key": "k", "from": "f", "to": "t", "ends": ends });
        let reader = reader(spec, &["k", "f", "t"], at);
        let batch = batch(&[&["1", from, to]]);
        let period = Period::of_bits(reader.periods(&batch)[0]);
        let found = period.standing(reader.rule.day);
        assert_eq!(found, expected, "{from} to {to}, {ends}, at {at}");
    };
    let (inclusive, exclusive) = ("inclusive", "exclusive");
    let (from, to) = ("2024-02-28", "2024-03-01");
    // 2024 has a 29th of February.
    for (at, closed, half_open) in [
        ("2024-02-26", Standing::Ahead(2), Standing::Ahead(2)),
        ("2024-02-27", Standing::Ahead(1), Standing::Ahead(1)),
        ("2024-02-28", Standing::InForce, Standing::InForce),
        ("2024-02-29", Standing::InForce, Standing::InForce),
        ("2024-03-01", Standing::InForce, Standing::Past(1)),
        ("2024-03-02", Standing::Past(1), Standing::Past(2)),
        ("2024-03-15", Standing::Past(14), Standing::Past(15)),
    ] {
        check(inclusive, from, to, at, closed);
        check(exclusive, from, to, at, half_open);
    }
    // 2023 has none.
    check(
        inclusive,
        "2023-01-01",
        "2023-02-28",
        "2023-03-01",
        Standing::Past(1),
    );
    check(
        exclusive,
        "2023-01-01",
        "2023-03-01",
        "2023-02-28",
        Standing::InForce,
    );
    for open in ["", " ", "9999-12-31", "9999-01-01", "4712-12-31"] {
        for ends in [inclusive, exclusive] {
            check(ends, "2020-01-01", open, "2026-11-26", Standing::InForce);
            check(ends, "2026-11-27", open, "2026-11-26", Standing::Ahead(1));
        }
    }
    check(
        inclusive,
        "2020-01-01",
        "4712-12-30",
        "4712-12-31",
        Standing::Past(1),
    );
    // One day, none, and an end before the beginning.
    check(inclusive, from, from, from, Standing::InForce);
    check(exclusive, from, from, from, Standing::Never);
    check(inclusive, from, "2024-02-27", from, Standing::Never);
    check(exclusive, from, "2023-01-01", "2022-01-01", Standing::Never);
}

/// Rows of one key, as `from to isPrimary class sequence`, and which of them goes on 2026-11-26.
fn chosen(settings: serde_json::Value, rows: &[&str]) -> String {
    let header = ["k", "f", "t", "isPrimary", "class", "sequence"];
    let mut spec = json!({ "key": "k", "from": "f", "to": "t" });
    for (name, value) in settings.as_object().unwrap() {
        match value.is_null() {
            true => spec.as_object_mut().unwrap().remove(name),
            false => spec
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    let reader = reader(spec, &header, "2026-11-26");
    let rows: Vec<Vec<&str>> = rows
        .iter()
        .map(|row| {
            let cells = row
                .split(' ')
                .map(|cell| if cell == "-" { "" } else { cell });
            let mut row: Vec<&str> = ["1"].into_iter().chain(cells).collect();
            row.resize(header.len(), "");
            row
        })
        .collect();
    let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
    let batch = batch(&rows);
    let periods = reader.periods(&batch);
    let words: Vec<_> = (0..reader.ranks())
        .map(|word| reader.word(&batch, word))
        .collect();
    let ranks: Vec<Vec<u64>> = (0..rows.len())
        .map(|row| words.iter().map(|word| word[row]).collect())
        .collect();
    let candidates: Vec<_> = (0..rows.len())
        .map(|row| Candidate {
            record: row as u32,
            period: Period::of_bits(periods[row]),
            sent: row as u32 + 1,
            ranks: &ranks[row],
        })
        .collect();
    let choice = reader.rule.choose(&candidates);
    let mut text = match choice.why {
        None => "none".to_owned(),
        Some(why) => format!("{why:?} {:?}", choice.best),
    };
    if !choice.doubts.is_empty() {
        text += &format!(", in doubt for {:?}", choice.doubts);
    }
    text
}

#[test]
fn one_row_a_key() {
    let check = |settings: serde_json::Value, rows: &[&str], expected: &str| {
        let found = chosen(settings.clone(), rows);
        assert_eq!(found, expected, "{rows:?} by {settings}");
    };
    let plain = || json!({});
    let history = [
        "2019-04-01 2021-12-31",
        "2022-01-01 2026-11-26",
        "2026-11-27 -",
    ];
    check(plain(), &history, "InForce [1]");
    check(json!({ "ends": "exclusive" }), &history, "none");
    check(json!({ "at": "2021-12-31" }), &history, "InForce [0]");
    check(json!({ "at": "2019-03-31" }), &history, "none");
    // In force twice: what began last.
    check(
        plain(),
        &["2020-01-01 -", "2024-01-01 -", "2023-01-01 -"],
        "InForce [1]",
    );
    check(
        plain(),
        &["2020-01-01 -", "2020-01-01 9999-12-31"],
        "InForce [0, 1]",
    );
    check(plain(), &["2019-01-01 2020-01-01", "2027-01-01 -"], "none");

    // Without an end, a row holds until the next one begins.
    let open = |more: serde_json::Value| {
        let mut settings = json!({ "to": null });
        settings
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        settings
    };
    let sequence = [
        "2019-04-01 - - - 3",
        "2022-01-01 - - - 0",
        "2022-01-01 - - - 1",
        "2027-01-01 - - - 9",
    ];
    check(open(plain()), &sequence, "InForce [1, 2]");
    let highest = json!({ "prefer": [{ "highest": "sequence" }] });
    let lowest = json!({ "prefer": [{ "lowest": "sequence" }] });
    check(open(highest.clone()), &sequence, "InForce [2]");
    check(open(lowest.clone()), &sequence, "InForce [1]");
    check(
        open(json!({ "at": "2019-03-31", "ahead": "1d" })),
        &sequence,
        "Ahead [0]",
    );

    // Preferences, in their order, before the day on which a row began.
    let jobs = [
        "2020-01-01 - Y GA 10",
        "2021-01-01 - N ST 9",
        "2022-01-01 - N ST 2",
    ];
    check(
        json!({ "prefer": [{ "isPrimary": "Y" }] }),
        &jobs,
        "InForce [0]",
    );
    check(
        json!({ "prefer": [{ "isPrimary": "N" }] }),
        &jobs,
        "InForce [2]",
    );
    check(
        json!({ "prefer": [{ "class": ["ST", "GA"] }] }),
        &jobs,
        "InForce [2]",
    );
    check(
        json!({ "prefer": [{ "class": ["PT", "GA"] }] }),
        &jobs,
        "InForce [0]",
    );
    let both = json!({ "prefer": [{ "class": "ST" }, { "highest": "sequence" }] });
    check(both, &jobs, "InForce [1]");
    let both = json!({ "prefer": [{ "highest": "sequence" }, { "class": "ST" }] });
    check(both, &jobs, "InForce [0]");
    // An empty number comes last, either way.
    let rows = ["2020-01-01 - - - -", "2020-01-01 - - - -1.5"];
    check(highest.clone(), &rows, "InForce [1]");
    check(lowest, &rows, "InForce [1]");
    // Days and numbers are not compared, and nothing decides.
    let rows = ["2020-01-01 - - - 7", "2021-01-01 - - - 2020-01-01"];
    check(highest.clone(), &rows, "InForce [0, 1]");
    let rows = ["2020-01-01 - - - 2020-01-02", "2021-01-01 - - - 2020-01-01"];
    check(highest.clone(), &rows, "InForce [0]");

    // Windows, with their edges.
    let ahead = |days: &str| json!({ "ahead": days });
    for (days, expected) in [("29d", "none"), ("30d", "Ahead [1]"), ("0d", "none")] {
        let rows = ["2027-01-05 -", "2026-12-26 -", "2019-01-01 2020-01-01"];
        check(ahead(days), &rows, expected);
    }
    check(
        ahead("30d"),
        &["2026-12-01 -", "2026-11-26 2026-11-26"],
        "InForce [1]",
    );
    check(
        ahead("30d"),
        &["2026-12-01 - - - 1", "2026-12-01 - - - 2"],
        "Ahead [0, 1]",
    );
    let keep = |days: &str| json!({ "keep_leavers": days });
    for (days, expected) in [("13d", "none"), ("14d", "Leaver [1]")] {
        let rows = ["2019-01-01 2026-11-01", "2020-01-01 2026-11-12"];
        check(keep(days), &rows, expected);
    }
    let half_open = json!({ "keep_leavers": "14d", "ends": "exclusive" });
    check(half_open.clone(), &["2020-01-01 2026-11-13"], "Leaver [0]");
    check(half_open, &["2020-01-01 2026-11-12"], "none");
    // Who comes back goes as the one to come.
    let both = json!({ "ahead": "30d", "keep_leavers": "14d" });
    check(
        both,
        &["2020-01-01 2026-11-20", "2026-12-01 -"],
        "Ahead [1]",
    );
    let rows = [
        "2020-01-01 2026-11-20 N",
        "2021-01-01 2026-11-20 Y",
        "2022-01-01 2026-11-20 N",
    ];
    check(keep("14d"), &rows, "Leaver [2]");
    let primary = json!({ "keep_leavers": "14d", "prefer": [{ "isPrimary": "Y" }] });
    check(primary, &rows, "Leaver [1]");

    // What can't be read is in doubt where it may be in force, or in a window.
    check(
        plain(),
        &["2020-01-01 -", "x -"],
        "InForce [0], in doubt for [1]",
    );
    check(plain(), &["2020-01-01 -", "x 2026-11-25"], "InForce [0]");
    check(
        keep("1d"),
        &["2020-01-01 -", "x 2026-11-25"],
        "InForce [0], in doubt for [1]",
    );
    check(
        plain(),
        &["2020-01-01 -", "2019-01-01 x"],
        "InForce [0], in doubt for [1]",
    );
    check(plain(), &["2020-01-01 -", "2027-01-01 x"], "InForce [0]");
    check(
        plain(),
        &["2019-01-01 2020-01-01", "x -"],
        "none, in doubt for [1]",
    );
    check(
        highest.clone(),
        &["2020-01-01 - - - 1", "2020-01-01 - - - x"],
        "InForce [0], in doubt for [1]",
    );
    check(
        highest,
        &["2020-01-01 - - - 1", "2020-01-01 2021-01-01 - - x"],
        "InForce [0]",
    );
    check(
        open(plain()),
        &["2020-01-01", "x"],
        "InForce [0], in doubt for [1]",
    );
}

#[test]
fn rows_that_do_not_say_when_they_hold_are_rejected() {
    let spec = json!({
        "key": "k", "from": "f", "to": "t", "format": "DD.MM.YYYY", "prefer": [{ "highest": "n" }]
    });
    let reader = reader(spec, &["k", "f", "t", "n"], "2026-11-26");
    let mut batch = batch(&[
        &["1", "29.02.2024", "", "1"],
        &["1", "29.02.2023", "", "1"],
        &["1", "", "x", "1"],
        &["1", "01.01.2020", "31.12.9999", "many"],
        &[" ", "01.01.2020", "", ""],
    ]);
    reader.check(&mut batch);
    let mut faults: Vec<String> = (batch.faults().iter())
        .map(|f| format!("{} {} {}: {}", f.row, f.column, f.code, f.message))
        .collect();
    faults.sort();
    assert_eq!(
        faults,
        [
            "1 f as_of_date: expected a date as DD.MM.YYYY",
            "2 f as_of_date: expected the first day on which the row holds, found nothing",
            "2 t as_of_date: expected a date as DD.MM.YYYY",
            "3 n as_of_order: expected a number of at most 15 digits, or a day as YYYY-MM-DD, to compare with those of \
             other rows",
            "4 k key_empty: expected a key, found nothing",
        ]
    );
    assert_eq!(batch.state(0), RowState::In);
}

/// A record: key, first and last day, what it would send, its rank among values, that of a number.
type Record = (u64, i32, i32, u64, u64, u64);

const DAY: i32 = 20_000;

/// The verdicts on records, in blocks of so many.
fn verdicts(
    rule: &Setting,
    records: &[Record],
    block: usize,
    bound: usize,
) -> (AsOf, Vec<String>, Findings) {
    let mut spec = json!({
        "key": "k", "from": "f", "ahead": format!("{}d", rule.ahead),
        "prefer": [{ "v": [1, 2, 3] }, { "lowest": "n" }]
    });
    if rule.have_ends {
        spec["to"] = json!("t");
        spec["keep_leavers"] = json!(format!("{}d", rule.keep));
    }
    let day = Date::parse_iso("1970-01-01")
        .unwrap()
        .plus(DAY.into())
        .unwrap();
    let reader = reader(spec, &["k", "f", "t", "v", "n"], &day.to_string());
    let mut as_of = AsOf::bounded(Arc::new(reader), bound);
    let mut lines = Lines::default();
    let mut out = Verdicts::default();
    for records in records.chunks(block) {
        let first = lines.len() as u32;
        lines.push(0, 2 + u64::from(first), 0..records.len() as u32);
        let bits = |day: i32| u64::from(day.cast_unsigned());
        let columns = [
            records.iter().map(|r| r.0).collect::<Vec<_>>(),
            records
                .iter()
                .map(|r| bits(r.1) << 32 | bits(r.2))
                .collect(),
            records.iter().map(|r| r.3).collect(),
            records.iter().map(|r| r.4 << 56).collect(),
            records.iter().map(|r| r.5).collect(),
        ];
        let facts = Facts {
            first,
            records: records.len(),
            columns: &columns.map(Arc::new),
        };
        as_of.see(&facts, &mut out).unwrap();
    }
    let files = ["a.csv".to_owned()];
    let places = Places {
        lines: &lines,
        files: &files,
    };
    let fates = Fates::new(&[], places);
    let findings = as_of.end(&fates, &mut out).unwrap();
    assert!(out.now.is_empty());
    let mut words = vec!["goes".to_owned(); records.len()];
    for (record, verdict) in out.later {
        assert_eq!(words[record as usize], "goes", "two verdicts");
        words[record as usize] = match verdict {
            Verdict::LeaveOut | Verdict::Clear { .. } | Verdict::Withhold => {
                "superseded".to_owned()
            }
            Verdict::Reject { reason, .. } => as_of.fault(record, reason, &places).code.into(),
        };
    }
    (as_of, words, findings)
}

#[derive(Debug, Clone)]
struct Setting {
    have_ends: bool,
    ahead: i32,
    keep: i32,
}

/// The same, by going through all days and all pairs of rows.
fn slow(rule: &Setting, records: &[Record]) -> Vec<&'static str> {
    let mut keys: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        if record.0 != 0 {
            keys.entry(record.0).or_default().push(at);
        }
    }
    let mut words = vec!["goes"; records.len()];
    for places in keys.values() {
        let rows: Vec<Record> = places.iter().map(|at| records[*at]).collect();
        let fates = slow_key(rule, &rows);
        for (at, fate) in places.iter().zip(fates) {
            words[*at] = fate;
        }
    }
    words
}

fn slow_key(rule: &Setting, rows: &[Record]) -> Vec<&'static str> {
    let around = DAY - 30..DAY + 30;
    // 0 in force, 1 to come, 2 gone, 3 neither: for certain days.
    let class = |first: i32, last: i32| {
        let holds = |day: i32| first <= day && day <= last;
        let days = |mut days: std::ops::RangeInclusive<i32>| days.any(holds);
        if last < first {
            3
        } else if holds(DAY) {
            0
        } else if first > DAY && days(DAY + 1..=DAY + rule.ahead) && first - DAY <= rule.ahead {
            1
        } else if last < DAY && rule.have_ends && days(DAY - rule.keep..=DAY - 1) {
            2
        } else {
            3
        }
    };
    let next = |row: &Record| {
        let later = rows
            .iter()
            .map(|r| r.1)
            .filter(|first| *first > row.1 && *first <= DAY);
        match rule.have_ends {
            true => row.2,
            false => later.min().map_or(NO_END, |first| first - 1),
        }
    };
    let dated = |row: &Record| row.1 != UNREAD && row.2 != UNREAD;
    let read = |row: &Record| dated(row) && row.4 != 255 && row.5 != UNREAD_NUMBER;
    let best_class = |row: &Record| {
        if dated(row) {
            return class(row.1, next(row));
        }
        let firsts = around
            .clone()
            .filter(|first| row.1 == UNREAD || *first == row.1);
        let lasts = || around.clone().chain([NO_END]);
        let classes = firsts.flat_map(|first| {
            let lasts = lasts().filter(|last| row.2 == UNREAD || *last == row.2);
            lasts.map(move |last| (first, last))
        });
        classes
            .map(|(first, last)| class(first, last))
            .min()
            .unwrap_or(3)
    };
    let classes: Vec<i32> = rows.iter().map(best_class).collect();
    let doubts = (0..rows.len()).any(|at| !read(&rows[at]) && classes[at] < 3);
    let firm: Vec<usize> = (0..rows.len()).filter(|at| read(&rows[*at])).collect();
    let why = firm
        .iter()
        .map(|at| classes[*at])
        .filter(|class| *class < 3)
        .min();
    let going: Vec<usize> = firm
        .into_iter()
        .filter(|at| Some(classes[*at]) == why)
        .collect();
    let better = |a: &Record, b: &Record| {
        let ranks = |r: &Record| (r.4, r.5);
        match why {
            Some(0) => (ranks(a), -a.1) < (ranks(b), -b.1),
            Some(1) => (a.1, ranks(a)) < (b.1, ranks(b)),
            _ => (-a.2, ranks(a), -a.1) < (-b.2, ranks(b), -b.1),
        }
    };
    let best: Vec<usize> = going
        .iter()
        .copied()
        .filter(|at| !going.iter().any(|other| better(&rows[*other], &rows[*at])))
        .collect();
    let equal = best
        .iter()
        .all(|at| rows[*at].3 == rows[best[0]].3 && rows[*at].3 != 0);
    (0..rows.len())
        .map(|at| match best.contains(&at) {
            true if doubts => "as_of_doubtful",
            true if best.len() == 1 => "goes",
            true if equal && best[0] == at => "goes",
            true if equal => "superseded",
            true => "as_of_tie",
            // It is rejected for what can't be read.
            false if !dated(&rows[at]) => "goes",
            false if !read(&rows[at]) && classes[at] < 3 => "goes",
            false => "superseded",
        })
        .collect()
}

fn record() -> impl Strategy<Value = Record> {
    let day = || prop_oneof![9 => DAY - 6..DAY + 7, 1 => Just(UNREAD)];
    let last = prop_oneof![8 => DAY - 6..DAY + 7, 3 => Just(NO_END), 1 => Just(UNREAD)];
    let value = prop_oneof![9 => 0u64..3, 1 => Just(255)];
    let number = prop_oneof![8 => 0u64..2, 1 => Just(EMPTY), 1 => Just(UNREAD_NUMBER)];
    (0u64..8, day(), last, 0u64..3, value, number)
}

proptest! {
    /// Whatever the order of the file, the size of its blocks and what goes to disk.
    #[test]
    fn agrees_with_a_slow_model(
        records in proptest::collection::vec(record(), 0..60).prop_shuffle(),
        have_ends in any::<bool>(),
        ahead in 0i32..4,
        keep in 0i32..4,
        block in 1usize..20,
        bound in prop_oneof![Just(1usize), 40usize..400, Just(1 << 20)],
    ) {
        let rule = Setting { have_ends, ahead, keep };
        let records: Vec<Record> = records
            .into_iter()
            .map(|record| match have_ends {
                true => record,
                false => (record.0, record.1, NO_END, record.3, record.4, record.5),
            })
            .collect();
        let (_, found, findings) = verdicts(&rule, &records, block, bound);
        prop_assert_eq!(&found, &slow(&rule, &records));
        // The counts of keys add up.
        let told = findings.as_of.unwrap();
        let mut keys: Vec<u64> = records.iter().map(|r| r.0).filter(|key| *key != 0).collect();
        keys.sort_unstable();
        keys.dedup();
        prop_assert_eq!(told.keys, keys.len() as u64);
        let with = told.in_force + told.ahead + told.leavers;
        let without = told.none_in_force.count + told.ties.count + told.doubtful.count;
        prop_assert_eq!(told.keys, with + without);
        // Another order of the file: the same rows go, but for which of those that are equal.
        let mut turned = records.clone();
        turned.reverse();
        let (_, again, findings) = verdicts(&rule, &turned, block, bound);
        let sorted = |records: &[Record], words: &[String]| {
            let sent = records.iter().map(|record| (record.0, record.3));
            let mut all: Vec<_> = sent.zip(words.to_vec()).collect();
            all.sort();
            all
        };
        prop_assert_eq!(sorted(&records, &found), sorted(&turned, &again));
        let turned = findings.as_of.unwrap();
        prop_assert_eq!((turned.overlaps.count, turned.gaps.count), (told.overlaps.count, told.gaps.count));
    }
}

#[test]
fn findings() {
    let rule = Setting {
        have_ends: true,
        ahead: 0,
        keep: 0,
    };
    let records: Vec<Record> = vec![
        // A history without anything to say.
        (1, DAY - 20, DAY - 11, 1, 0, 0),
        (1, DAY - 10, NO_END, 2, 0, 0),
        // An overlap, and two primary jobs.
        (2, DAY - 20, NO_END, 3, 0, 0),
        (2, DAY - 10, NO_END, 4, 0, 0),
        // A second job beside the first is neither.
        (3, DAY - 20, NO_END, 5, 0, 0),
        (3, DAY - 10, NO_END, 6, 1, 0),
        // A gap, and nobody in it.
        (4, DAY - 20, DAY - 11, 7, 0, 0),
        (4, DAY + 5, DAY + 9, 8, 0, 0),
        // A sequence within a day.
        (5, DAY - 20, NO_END, 9, 0, 1),
        (5, DAY - 20, NO_END, 10, 0, 0),
        // Never in force, and at fault for something else.
        (6, DAY, DAY - 1, 0, 0, 0),
        // Nothing decides.
        (7, DAY, DAY, 11, 0, 0),
        (7, DAY, DAY, 0, 0, 0),
    ];
    let (as_of, _, findings) = verdicts(&rule, &records, 5, BOUND);
    let told = findings.as_of.unwrap();
    let lines = |seen: &crate::report::run::Seen| {
        let lines: Vec<u64> = seen.first.iter().map(|line| line.line).collect();
        assert_eq!(lines.len() as u64, seen.count);
        lines
    };
    assert_eq!(
        (told.keys, told.in_force, told.ahead, told.leavers),
        (7, 4, 0, 0)
    );
    assert_eq!(lines(&told.overlaps), [5]);
    assert_eq!(lines(&told.several_primary), [5]);
    assert_eq!(lines(&told.gaps), [9]);
    assert_eq!(lines(&told.future_rows), [9]);
    assert_eq!(lines(&told.none_in_force), [8, 12]);
    assert_eq!(lines(&told.never_rows), [12]);
    assert_eq!(lines(&told.faulty_rows), [12]);
    assert_eq!(lines(&told.ties), [13]);
    assert!(lines(&told.doubtful).is_empty());
    let mut places = Lines::default();
    places.push(0, 2, 0..13);
    let files = ["a.csv".to_owned()];
    let places = Places {
        lines: &places,
        files: &files,
    };
    assert_eq!(
        as_of.fault(12, 0, &places).message,
        "in force on 2024-10-04 together with the row of the same key on line 13, and nothing in `prefer` decides \
         between them"
    );
}

/// A million rows need what is written down, and no more than the bound whatever there is.
#[test]
fn memory_is_bounded() {
    let row = |record: u32| Row {
        key: u64::from(record).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        record,
        period: Period {
            first: 0,
            last: NO_END,
        },
        sent: 1,
    };
    let mut rows = Rows::new(1, BOUND);
    for record in 0..1_000_000 {
        rows.push(record, Some(row(record)), [7].into_iter())
            .unwrap();
    }
    assert_eq!((rows.bytes(), rows.runs()), (32_000_000, 0));
    let bound = 1 << 20;
    let mut rows = Rows::new(1, bound);
    for record in 0..200_000 {
        rows.push(record, Some(row(record)), [record.into()].into_iter())
            .unwrap();
        assert!(rows.bytes() <= bound + 64);
    }
    assert_eq!(rows.runs(), 6);
    let (mut seen, mut last) = (0, 0);
    let whole = rows.groups(|rows, ranks| {
        assert_eq!((rows.len(), ranks), (1, &[u64::from(rows[0].record)][..]));
        assert!(rows[0].key > last);
        last = rows[0].key;
        seen += 1;
    });
    whole.unwrap();
    assert_eq!(seen, 200_000);
}
