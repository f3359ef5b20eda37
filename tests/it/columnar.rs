//! Parquet and Arrow IPC as users meet them: the same upload as of CSV, what becomes of values, and what is said of files
//! that can't be read.

#[cfg(feature = "parquet")]
pub mod read;

use crate::support::Rig;

/// One of the files that other programs wrote.
const PARQUET: &[u8] = include_bytes!("columnar/pyarrow.parquet");
const STREAM: &[u8] = include_bytes!("columnar/pyarrow.arrows");

#[test]
#[cfg(not(feature = "parquet"))]
fn a_build_without_them_says_so() {
    for (bytes, source) in [
        (PARQUET, ""),
        (PARQUET, "format: parquet"),
        (STREAM, ""),
        (STREAM, "format: arrow"),
    ] {
        let rig = Rig::new();
        rig.write("w", bytes);
        rig.pipeline(&format!("source: {{ path: w, {source} }}"), "");
        let ended = rig.run(&[]);
        assert_eq!(ended.code, 2, "{source}: {}", ended.stderr);
        ended.says(
            "this build of rostream has no Parquet and Arrow: build it with --features parquet",
        );
    }
}

#[test]
fn settings_that_hold_for_them() {
    for (source, code, said) in [
        ("format: parquet", 0, ""),
        (
            "format: arrow, json: { flatten: \".\", arrays: join, columns: [id], unknown: ignore }",
            0,
            "",
        ),
        (
            "format: arrow, encoding: latin1",
            0,
            "this setting has no effect on this format",
        ),
        (
            "format: parquet, sheet: a",
            0,
            "this setting has no effect on this format",
        ),
        (
            "format: parquet, json: { path: a }",
            0,
            "this setting has no effect on this format",
        ),
        (
            "format: parquet, expect: { trailer: '(\\d+)' }",
            2,
            "this format has no last line that could state the number of its records",
        ),
    ] {
        let rig = Rig::new();
        rig.write("w", PARQUET);
        rig.write("s", STREAM);
        rig.pipeline(&format!("source: {{ path: w, {source} }}"), "");
        let output = rig.tool(&["lint", "pipeline.yaml"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{source}: {stderr}{stdout}"
        );
        assert!(
            format!("{stderr}{stdout}").contains(said),
            "{source}: {stderr}{stdout}"
        );
    }
}
