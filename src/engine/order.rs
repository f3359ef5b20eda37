//! One pass over the source: blocks to ordered workers and back, and the bytes that come of it.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::EngineError;
use super::blocks::Blocks;
use super::plan::{BlockError, Plan, Processed};
use crate::format::block::Block;
use crate::format::encode::{Encoded, Encoder};
use crate::source::Source;

/// Runs `work` over every block on blocking threads and yields what comes of them in the order of the source.
/// This is all the concurrency, all the ordering and all the back-pressure of the engine: no more than
/// `2 * workers` blocks are under way at any time. Twice as many as workers, as one that is done early waits for
/// those before it.
pub(crate) fn in_order<T, F>(
    blocks: Blocks,
    source: Arc<Source>,
    workers: usize,
    work: F,
) -> impl Stream<Item = Result<T, EngineError>> + Send
where
    T: Send + 'static,
    F: Fn(Block) -> Result<T, BlockError> + Clone + Send + Sync + 'static,
{
    stream::try_unfold(blocks, |mut blocks| async move {
        Ok(blocks.next().await?.map(|block| (block, blocks)))
    })
    .map(move |block: Result<Block, EngineError>| {
        let work = work.clone();
        let source = source.clone();
        async move {
            let block = block?;
            match tokio::task::spawn_blocking(move || work(block)).await {
                Ok(done) => done.map_err(|e| EngineError::in_block(&source, e)),
                Err(died) => match died.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => Err(EngineError::Interrupted),
                },
            }
        }
    })
    .buffered(2 * workers)
}

/// The engine itself: every block through the plan.
pub fn process(
    blocks: Blocks,
    source: Arc<Source>,
    plan: Arc<Plan>,
    workers: usize,
) -> impl Stream<Item = Result<Processed, EngineError>> + Send {
    let blocks = blocks.with_texts(&plan.pools().texts);
    in_order(blocks, source, workers, move |block| plan.process(block))
}

/// Length and hash of a body: two passes that agree on both have made the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Bytes.
    pub length: u64,
    /// XXH3-128 over the length and XXH3-128 of every piece: workers hash pieces side by side.
    pub hash: u128,
}

impl Digest {
    /// The hash in lower-case hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        format!("{:032x}", self.hash)
    }
}

/// Joins encoded pieces into one body, and measures it.
pub struct Assembly {
    encoder: Encoder,
    any: bool,
    length: u64,
    hash: Xxh3,
}

impl Assembly {
    /// An empty body.
    pub fn new(encoder: &Encoder) -> Assembly {
        Assembly {
            encoder: encoder.clone(),
            any: false,
            length: 0,
            hash: Xxh3::new(),
        }
    }

    /// What stands before the first row.
    pub fn header(&mut self) -> Bytes {
        let header = self.encoder.header();
        self.length += header.len() as u64;
        header.into()
    }

    /// The next piece. `hash` is the hash of its bytes as encoded.
    pub fn piece(&mut self, encoded: Encoded, hash: u128) -> Bytes {
        let mut bytes = encoded.bytes;
        if bytes.is_empty() {
            return Bytes::new();
        }
        self.hash.update(&(bytes.len() as u64).to_le_bytes());
        self.hash.update(&hash.to_le_bytes());
        self.length += bytes.len() as u64;
        if !self.any {
            self.encoder.open_first(&mut bytes);
            self.any = true;
        }
        Bytes::from_owner(bytes)
    }

    /// What stands after the last row.
    pub fn footer(&mut self) -> Bytes {
        let footer = self.encoder.footer(self.any);
        self.length += footer.len() as u64;
        Bytes::from_static(footer)
    }

    /// Length and hash of all that was handed out.
    pub fn digest(&self) -> Digest {
        Digest {
            length: self.length,
            hash: self.hash.digest128(),
        }
    }
}

/// Leaves rows out of what a block became: `drop(i)` says whether the i-th encoded row goes. The hash
/// follows where anything went.
pub(crate) fn leave_out(processed: &mut Processed, drop: impl FnMut(usize) -> bool) {
    let before = processed.encoded.rows.len();
    processed.encoded.leave_out(drop);
    if processed.encoded.rows.len() != before {
        processed.hash = xxh3_128(&processed.encoded.bytes);
    }
}
