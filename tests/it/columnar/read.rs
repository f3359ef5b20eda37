//! What is read where the build has them.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, DurationSecondArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterVersion};
use serde_json::Value;

use super::{PARQUET, STREAM};
use crate::support::{Ended, Rig};
use crate::{outcome, rostream};

const IMPORT: &str = "identify_by: { id_key: id }";

pub fn texts<'a>(cells: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    Arc::new(cells.into_iter().map(Some).collect::<StringArray>())
}

pub fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

pub fn parquet(batch: &RecordBatch, properties: Option<WriterProperties>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, batch.schema(), properties).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    out
}

fn arrow_file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

pub fn stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    let half = batch.num_rows() / 2;
    writer.write(&batch.slice(0, half)).unwrap();
    writer
        .write(&batch.slice(half, batch.num_rows() - half))
        .unwrap();
    writer.into_inner().unwrap()
}

fn run_of(bytes: &[u8], source: &str) -> (Rig, Ended) {
    let rig = Rig::new();
    rig.write("w", bytes);
    rig.pipeline(
        &format!(
            "source: {{ path: w, {source} }}\nrejects: {{ path: rejects.ndjson, at_most: 100% }}"
        ),
        IMPORT,
    );
    let ended = rig.run(&[]);
    (rig, ended)
}

fn rejected(rig: &Rig) -> Vec<(u64, String, String)> {
    let rejects = rig.read("rejects.ndjson");
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (
            row["_line"].as_u64().unwrap(),
            text("_code"),
            text("_message"),
        )
    };
    rejects.lines().map(row).collect()
}

#[test]
fn the_same_upload_as_of_csv() {
    let ids: Vec<String> = (1..=3000).map(|n| format!("{n:08}")).collect();
    let names: Vec<&str> = (0..3000)
        .map(|n| ["Zoë Müller", "O'Neil & <Co>", "line 1\nline 2", "\"q\"", ""][n % 5])
        .collect();
    let mut csv = "id,name\n".to_owned();
    for (id, name) in ids.iter().zip(&names) {
        csv += &format!("{id},\"{}\"\n", name.replace('"', "\"\""));
    }
    let people = batch(vec![
        ("id", texts(ids.iter().map(String::as_str))),
        ("name", texts(names)),
    ]);
    let (rig, ended) = run_of(csv.as_bytes(), "");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let expected = rig.uploaded();
    let properties = |compression, version, rows| {
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_writer_version(version)
            .set_dictionary_enabled(rows != 100)
            .set_max_row_group_row_count(Some(rows));
        Some(properties.build())
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&parquet(&people, None)).unwrap();
    for (bytes, source) in [
        (parquet(&people, None), ""),
        (
            parquet(
                &people,
                properties(Compression::SNAPPY, WriterVersion::PARQUET_1_0, 100),
            ),
            "format: parquet",
        ),
        (
            parquet(
                &people,
                properties(Compression::LZ4_RAW, WriterVersion::PARQUET_2_0, 1000),
            ),
            "",
        ),
        (gzip.finish().unwrap(), ""),
        (arrow_file(&people), ""),
        (arrow_file(&people), "format: arrow"),
        (stream(&people), ""),
        (stream(&people), "format: arrow"),
    ] {
        let (rig, ended) = run_of(&bytes, source);
        assert_eq!(ended.code, 0, "{source}: {}", ended.stderr);
        assert_eq!(ended.report["counts"]["skipped"], 0);
        assert!(rig.uploaded() == expected, "{source}");
        let rig = Rig::new();
        rig.write("w", &bytes);
        rig.pipeline("source: { path: \"-\" }", IMPORT);
        let ended = rig.run_with_stdin(&[], "w");
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(rig.uploaded() == expected, "{source}");
    }
}

/// The rows before the first stage, as they were written.
fn preview(bytes: &[u8], source: &str, stages: &str) -> (i32, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("w"), bytes).unwrap();
    let pipeline =
        format!("version: 1\nsource: {{ path: w, {source} }}\n{stages}\ntarget: {{ sandbox: }}\n");
    std::fs::write(dir.path().join("p.yaml"), pipeline).unwrap();
    let output = rostream(dir.path(), &["preview", "p.yaml", "--json"]).output();
    let (code, stdout, stderr) = outcome(output.unwrap());
    (code, stdout + &stderr)
}

/// What pyarrow, Polars and DuckDB write (`made.py`): every value, digit by digit.
#[test]
fn files_of_three_programs() {
    let files: [(&str, &[u8]); 8] = [
        ("pyarrow.parquet", PARQUET),
        ("pyarrow_v2.parquet", include_bytes!("pyarrow_v2.parquet")),
        ("pyarrow.arrow", include_bytes!("pyarrow.arrow")),
        ("pyarrow.arrows", STREAM),
        ("polars.parquet", include_bytes!("polars.parquet")),
        ("polars.arrow", include_bytes!("polars.arrow")),
        ("polars.arrows", include_bytes!("polars.arrows")),
        ("duckdb.parquet", include_bytes!("duckdb.parquet")),
    ];
    let rows = [
        r#"{"id":"00012003","name":"Zoë \"Ng\"","grade":"G1","salary":52000.50,"share":0.1,"number":1099511627776,"active":true,"hired":"2026-11-27","seen":"2026-11-27T08:30:00","changed":"2026-11-27T08:30:00Z","skills":["SQL","Dutch"],"manager":{"id":"1"}}"#,
        r#"{"id":"00012004","name":"a\nb\\","grade":"G2","salary":0.05,"share":1,"number":-1,"active":false,"hired":"9999-12-31","seen":"9999-12-31T00:00:00","changed":"2026-01-01T00:00:00Z","skills":[],"manager":{"id":null}}"#,
        r#"{"id":"00012005","name":"","grade":"G1","salary":null,"share":null,"number":null,"active":null,"hired":null,"seen":null,"changed":null,"skills":null,"manager":null}"#,
    ];
    for (name, bytes) in files {
        let (_, said) = preview(bytes, "", "");
        for row in rows {
            assert!(
                said.contains(&format!("\"before\":{row}")),
                "{name}: {row}\n{said}"
            );
        }
    }
    // The moments of old, among them one that nanoseconds have no room for.
    let (_, said) = preview(include_bytes!("pyarrow_int96.parquet"), "", "");
    assert!(said.contains("\"seen\":\"9999-12-31T00:00:00\""), "{said}");
}

#[test]
fn stages_read_days_and_objects_become_columns() {
    let stages = "stages:\n  - date: { columns: [hired], from: YYYY-MM-DD, to: DD/MM/YYYY }\n  - date: { columns: [changed], from: \"YYYY-MM-DDTHH:mm:ssZ\", zone: Europe/Berlin }\n";
    let source = "json: { columns: [id, hired, changed, manager.id], unknown: ignore }";
    let (code, said) = preview(PARQUET, source, stages);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(r#""hired":"27/11/2026","changed":"2026-11-27","manager.id":"1""#),
        "{said}"
    );
    let (_, said) = preview(PARQUET, "json: { flatten: \".\", arrays: join }", "");
    assert!(
        said.contains(r#""skills":"SQL, Dutch","manager.id":"1""#),
        "{said}"
    );
}

#[test]
fn values_that_no_cell_can_be_cost_their_row_alone() {
    let rows = batch(vec![
        ("id", texts(["1", "2", "3", "4"])),
        (
            "pay",
            Arc::new(Float64Array::from(vec![1.5, f64::NAN, f64::INFINITY, 2.0])),
        ),
        (
            "photo",
            Arc::new(BinaryArray::from_vec(vec![
                b"text",
                b"a",
                b"b",
                b"\xff\xd8SECRET",
            ])),
        ),
    ]);
    let (rig, ended) = run_of(&parquet(&rows, None), "");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let told: Vec<_> = rejected(&rig);
    let lines: Vec<_> = told
        .iter()
        .map(|(line, code, _)| (*line, code.as_str()))
        .collect();
    assert_eq!(lines, [(2, "layout"), (3, "layout"), (4, "layout")]);
    assert!(
        told[0]
            .2
            .contains("column `pay`: the number is not a number"),
        "{told:?}"
    );
    assert!(
        told[2].2.contains("column `photo`: the bytes are not text"),
        "{told:?}"
    );
    assert!(!ended.stderr.contains("SECRET"));
    // What is not read is at no fault.
    let (_, ended) = run_of(&stream(&rows), "json: { columns: [id], unknown: ignore }");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn what_can_not_be_read() {
    let people = batch(vec![("id", texts(["1", "2"]))]);
    let durations = batch(vec![
        ("id", texts(["1"])),
        ("stay", Arc::new(DurationSecondArray::from(vec![1]))),
    ]);
    let twice = batch(vec![
        ("id", texts(["1"])),
        ("id", Arc::new(Int64Array::from(vec![1]))),
    ]);
    let whole = stream(&people);
    // The mark of the end is eight bytes.
    let unmarked = &whole[..whole.len() - 8];
    let joined = [&whole[..], &whole].concat();
    let file = arrow_file(&people);
    let mut encrypted = parquet(&people, None);
    encrypted[..4].copy_from_slice(b"PARE");
    for (bytes, source, code, said) in [
        (
            &PARQUET[..PARQUET.len() - 1],
            "",
            1,
            "the Parquet file is cut off",
        ),
        (b"PAR1", "", 1, "the Parquet file is cut off"),
        (&encrypted, "", 1, "the Parquet file is encrypted"),
        (b"", "format: parquet", 1, "the file is empty"),
        (b"", "format: arrow", 1, "the file is empty"),
        (
            b"id\n1\n",
            "format: parquet",
            2,
            "this is not a Parquet file; set source.format",
        ),
        (
            b"id,name\n1,a\n",
            "format: arrow",
            2,
            "this is not Arrow IPC; set source.format",
        ),
        (
            PARQUET,
            "format: arrow",
            2,
            "this is Parquet; set source.format to parquet",
        ),
        (&file, "format: parquet", 2, "this is not a Parquet file"),
        (&file[..file.len() - 1], "", 1, "the Arrow file is cut off"),
        (
            unmarked,
            "",
            1,
            "w:2: the stream ends behind this row without the mark of its end",
        ),
        (
            &unmarked[..unmarked.len() - 3],
            "",
            1,
            "the file is cut off: what stands behind batch 1 is not whole",
        ),
        (&joined, "", 1, "there is more behind the end of the stream"),
        (
            &stream(&durations),
            "",
            2,
            "column `stay`: durations, which no cell can be; have it written as text",
        ),
        (&stream(&twice), "", 1, "two columns are called `id`"),
    ] {
        let (rig, ended) = run_of(bytes, source);
        assert_eq!(ended.code, code, "{said}: {}", ended.stderr);
        assert_eq!(rig.taken(), (0, 0), "{said}");
        ended.says(said);
    }
}

#[test]
fn limits_of_what_is_held() {
    let many = batch(vec![(
        "id",
        texts((0..100_000).map(|_| "the same text again and again")),
    )]);
    let plain = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_compression(Compression::SNAPPY)
        .build();
    for (bytes, limit, said) in [
        (
            parquet(&many, Some(plain)),
            "row_group: 1MiB",
            "row group 1 of 1 becomes",
        ),
        (
            stream(&many),
            "row_group: 1MiB",
            "more than 1MiB (limits.row_group)",
        ),
        (
            parquet(&many, None),
            "decompressed: 1MiB",
            "the rows become more than 1MiB of text (limits.decompressed)",
        ),
    ] {
        let rig = Rig::new();
        rig.write("w", &bytes);
        rig.pipeline(
            &format!("source: {{ path: w }}\nlimits: {{ {limit} }}"),
            IMPORT,
        );
        let ended = rig.run(&[]);
        assert!([1, 2].contains(&ended.code), "{}", ended.stderr);
        assert_eq!(rig.taken(), (0, 0));
        ended.says(said);
    }
}
