use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::batch::Row as Place;
use crate::report::rejects::RejectsFile;
use crate::text::scan::Dialect;

/// A fault of a row: which of a few.
type Wrong = (u32, usize);

fn fault(row: u32, which: usize) -> Fault {
    const FAULTS: [(&str, &str, &str, &str); 6] = [
        ("parse", "", "quote", "the quotes; are wrong"),
        ("parse", "", "ragged", "expected 3 cells"),
        ("parse", "name", "unknown_member", "x"),
        ("date", "dob", "date_format", "expected \"DD\", no\tmore"),
        ("validate", "dob", "required", "expected a value"),
        ("validate", "name", "required", "expected a välue"),
    ];
    let (stage, column, code, message) = FAULTS[which];
    Fault {
        row,
        stage,
        column: Arc::from(column),
        source: (which == 4).then(|| Arc::from("Date of Birth")),
        code: code.into(),
        message: message.into(),
    }
}

fn batch(records: &[String], wrong: &[Wrong]) -> Batch {
    let mut batch = Batch::new(records.concat(), 0);
    let (mut start, mut line) = (0, 0);
    for record in records {
        let end = start + record.len() as u32;
        batch.push_row(Place { line, start, end });
        line += 1 + record.matches('\n').count() as u32;
        start = end;
    }
    for &(row, which) in wrong
        .iter()
        .filter(|(row, _)| (*row as usize) < records.len())
    {
        batch.reject(fault(row, which), None);
    }
    batch
}

fn file(folder: &tempfile::TempDir, name: &str, is_json: bool) -> RejectsFile {
    let header = match is_json {
        true => Header::columns(["id", "name", "dob"]),
        false => Header::raw(b"id,name,dob", Dialect::default(), false),
    };
    RejectsFile::create(folder.path().join(name), &header, &[]).unwrap()
}

fn told(mut file: RejectsFile) -> (String, Tally) {
    file.settle().unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    (text, file.finish().unwrap().rejected)
}

proptest! {
    /// What workers write and the whole file changes is what would be written of one row after the other, in bytes and
    /// in counts.
    #[test]
    fn blocks_are_written_as_their_rows_are(
        blocks in prop::collection::vec((
            prop::collection::vec("([a1,]|\"|\n|\\{\"id\":1\\}){0,6}", 1..6),
            prop::collection::vec((0u32..6, 0usize..6), 0..12),
            // Faults that the whole file tells, and rows that it pardons.
            prop::collection::vec((0u32..6, 0usize..6), 0..3),
            prop::collection::btree_set(0u32..6, 0..3),
        ), 1..4),
        is_json: bool,
        by_workers: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut by_block = file(&folder, "blocks", is_json);
        let mut by_row = file(&folder, "rows", is_json);
        for (records, wrong, late, pardoned) in &blocks {
            let mut batch = batch(records, wrong);
            let written = by_workers.then(|| by_block.writer().write(&Records::new(&batch, "w.csv", 7)));

            let pardoned: Vec<u32> = (pardoned.iter().copied())
                .filter(|row| (*row as usize) < records.len())
                .collect();
            let late = late.iter().filter(|(row, _)| (*row as usize) < records.len() && !pardoned.contains(row));
            batch.pardon(&pardoned);
            batch.begin_step();
            let mut touched = pardoned.clone();
            for &(row, which) in late {
                batch.reject(fault(row, which), None);
                touched.push(row);
            }
            touched.sort_unstable();
            touched.dedup();

            let records = Records::new(&batch, "w.csv", 7);
            by_block.write_block(&records, written, &touched).unwrap();
            for row in 0..batch.len() {
                let faults: Vec<Fault> = batch.faults().of(row).map(|found| found.to_fault()).collect();
                if !faults.is_empty() {
                    by_row.write_row_of(&records, row, &faults).unwrap();
                }
            }
        }
        let (text, tally) = told(by_block);
        let (expected, counts) = told(by_row);
        prop_assert_eq!(text, expected);
        prop_assert_eq!(tally, counts);
    }
}

#[test]
fn the_first_row_of_a_json_source_is_the_first_of_the_file_wherever_it_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = file(&folder, "first", true);
    let records = ["{\"id\":1}", "{\"id\":2}"].map(str::to_owned);
    let blocks: [&[Wrong]; 3] = [&[], &[(1, 4)], &[(0, 4)]];
    let write = |file: &mut RejectsFile| {
        for wrong in blocks {
            let batch = batch(&records, wrong);
            let records = Records::new(&batch, "w.json", 1);
            let written = file.writer().write(&records);
            file.write_block(&records, Some(written), &[]).unwrap();
        }
    };
    write(&mut file);
    file.restart().unwrap();
    write(&mut file);
    let (text, tally) = told(file);
    let told: Vec<bool> = text.lines().map(|line| line.contains("_columns")).collect();
    assert_eq!(told, [true, false]);
    assert_eq!(tally.rows(), 2);
}
