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
        ("infer", targets::infer),
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

/// What files are made of, and what is easily taken for another thing.
const PARTS: [&str; 28] = [
    "id",
    "Name",
    "01/02/2021",
    "\"",
    ",",
    ";",
    "\t",
    "\n",
    "\r\n",
    "\n",
    "{\"a\":1}",
    "[",
    "]",
    "{",
    ":",
    "<a>",
    "</a>",
    "0012",
    "1.234,5",
    "=\"01\"",
    "N/A",
    "METADATA|W|a\n",
    "MERGE|W|1\n",
    "Total",
    "\u{feff}",
    "é",
    "sep=;\n",
    "${x}",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(150))]
    /// Whatever a file is, its draft is a pipeline.
    #[test]
    fn any_bytes_are_drafted_or_refused(
        parts in proptest::collection::vec(0..PARTS.len() + 1, 0..80),
        others in proptest::collection::vec(proptest::prelude::any::<u8>(), 8),
    ) {
        let of = |part: &usize| PARTS.get(*part).map_or(&others[..], |part| part.as_bytes()).to_vec();
        targets::infer(&parts.iter().flat_map(of).collect::<Vec<u8>>());
    }
}
