//! What the benches share: the extract that they read and the pipeline that reads it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rostream::internals::config::{self, Override, Pipeline};
use rostream::internals::engine::blocks::{BLOCK, Blocks};
use rostream::internals::engine::process::Engine;
use rostream::internals::run::{bind, reading, source};
use rostream::internals::source::Source;
use rostream::internals::source::place::sample::{Format, Sample};
use rostream::internals::stage::Resources;
use rostream::internals::text::dates::Today;

/// An extract of so many rows, one in a hundred of them wrong.
pub fn sample(rows: u64, format: Format) -> Vec<u8> {
    let mut text = Vec::new();
    let sample = Sample {
        rows,
        seed: 7,
        errors_per_million: 10_000,
        format,
    };
    sample
        .write(&mut text)
        .expect("memory takes what it is given");
    text
}

/// A pipeline file of `benches/`, with another source.
pub fn pipeline(file: &str, source: &Path, more: &[&str]) -> Pipeline {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("benches")
        .join(file);
    let source = format!("source.path={}", source.display());
    let sets: Vec<Override> = [source.as_str()]
        .iter()
        .chain(more)
        .map(|set| set.parse().expect("a setting"))
        .collect();
    match config::load(&path.display().to_string(), &sets, &|_| None) {
        Ok(loaded) => loaded.pipeline,
        Err(found) => panic!("{found:?}"),
    }
}

/// A runtime like the program's own.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A source, opened, and the pipeline bound to it.
pub async fn open(pipeline: &Pipeline) -> (Arc<Source>, Blocks, Arc<Engine>) {
    let source = Arc::new(source(pipeline).await.expect("a source"));
    let blocks = Blocks::open(source.clone(), reading(pipeline, BLOCK)).await;
    let blocks = blocks.expect("a header");
    let engine = bind(
        pipeline,
        blocks.header(),
        &Resources {
            today: Today::utc(pipeline.today()),
            ..Resources::default()
        },
    )
    .expect("its columns");
    (source, blocks, Arc::new(engine))
}
