//! The fuzz targets on their seeds: known inputs, and what fuzzing has found.

#[path = "../fuzz/targets.rs"]
pub mod targets;

use std::path::Path;

type Target = (&'static str, fn(&[u8]));

#[test]
fn seeds_keep_every_promise() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    let all: &[Target] = &[
        ("csv", targets::csv),
        ("json", targets::json),
        ("pipeline", targets::pipeline),
        ("results", targets::results),
        ("ticket", targets::ticket),
        ("storage_error", targets::storage_error),
        ("retry_after", targets::retry_after),
        ("presigned_url", targets::presigned_url),
        ("next_page", targets::next_page),
        ("sftp", targets::sftp),
        ("expression", targets::expression),
        ("date", targets::date),
        ("decimal", targets::decimal),
        ("number", targets::number),
        ("setting", targets::setting),
        ("unseen", targets::unseen),
        ("source", targets::source),
        ("fixed", targets::fixed),
        ("xml", targets::xml),
        ("hdl", targets::hdl),
        ("rejects", targets::rejects),
        ("text", targets::text),
        ("packed", targets::packed),
        ("as_of", targets::as_of),
        ("store", targets::store),
        ("ledger", targets::ledger),
        ("token", targets::token),
        ("xlsx", targets::xlsx),
        // In a build without them, that they are not in it is all that comes of them.
        ("parquet", targets::parquet),
        ("arrow", targets::arrow),
    ];
    for (name, target) in all {
        let folder = seeds.join(name);
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            target(&std::fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{name} has no seeds");
    }
    let folders = std::fs::read_dir(&seeds).unwrap().count();
    assert_eq!(folders, all.len(), "a folder for every target");
}
