//! What blocks become together: the bytes of a body, measured; and the second pass, which makes the same bytes again.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::EngineError;
use super::plan::{Plan, Processed};
use crate::format::encode::{Encoded, Encoder};
use crate::upload::body::BodyError;

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

/// What makes a body of processed blocks.
pub trait Body: Send {
    /// Why it can't be made.
    type Error: From<EngineError> + std::error::Error + Send;
    /// What stands before the first row.
    fn header(&mut self) -> Bytes;
    /// The part of the next block.
    ///
    /// # Errors
    /// What ends the run.
    fn absorb(&mut self, processed: Processed) -> Result<Bytes, Self::Error>;
    /// What stands after the last row, once everything has been found right.
    ///
    /// # Errors
    /// What was found wrong: the body then has no end, and nothing that was sent is kept.
    fn finish(&mut self) -> Result<Bytes, Self::Error>;
}

/// Makes the body of a surveyed source again.
pub struct Resend {
    assembly: Assembly,
    expected: Digest,
    dropped: Arc<[u32]>,
    next_dropped: usize,
    record: u64,
}

impl Resend {
    /// `expected` and `dropped` are what the survey found.
    pub fn new(plan: &Plan, expected: Digest, dropped: Arc<[u32]>) -> Resend {
        Resend {
            assembly: Assembly::new(plan.encoder()),
            expected,
            dropped,
            next_dropped: 0,
            record: 0,
        }
    }

    fn changed(&self) -> EngineError {
        EngineError::SourceChanged {
            first: self.expected.length,
            second: self.assembly.digest().length,
        }
    }
}

impl Body for Resend {
    type Error = EngineError;

    fn header(&mut self) -> Bytes {
        self.assembly.header()
    }

    fn absorb(&mut self, mut processed: Processed) -> Result<Bytes, EngineError> {
        let first = self.record;
        self.record += processed.batch.len() as u64;
        let dropped = &self.dropped[self.next_dropped..];
        let here = dropped
            .iter()
            .take_while(|&&d| u64::from(d) < self.record)
            .count();
        if here > 0 {
            let mut next = dropped[..here]
                .iter()
                .map(|&d| u64::from(d) - first)
                .peekable();
            let rows = processed.encoded.rows.clone();
            leave_out(&mut processed, |at| {
                next.next_if_eq(&u64::from(rows[at])).is_some()
            });
            self.next_dropped += here;
        }
        let piece = self.assembly.piece(processed.encoded, processed.hash);
        if self.assembly.digest().length > self.expected.length {
            return Err(self.changed());
        }
        Ok(piece)
    }

    fn finish(&mut self) -> Result<Bytes, EngineError> {
        let footer = self.assembly.footer();
        if self.assembly.digest() == self.expected {
            Ok(footer)
        } else {
            Err(self.changed())
        }
    }
}

/// Keeps the error that ended a body, which the HTTP client would only tell in its own words.
pub type Slot<E> = Arc<Mutex<Option<E>>>;

/// Takes the kept error.
pub fn taken<E>(slot: &Slot<E>) -> Option<E> {
    slot.lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .take()
}

/// The body as a stream for the HTTP client. Where it can't be made the error goes into `slot`, and the stream
/// ends in one.
pub fn stream<S, B>(
    processed: S,
    body: B,
    slot: Slot<B::Error>,
) -> impl Stream<Item = Result<Bytes, BodyError>> + Send
where
    S: Stream<Item = Result<Processed, EngineError>> + Send,
    B: Body,
{
    pieces(processed, body).map_err(move |error| {
        let shown = error.to_string();
        *slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(error);
        BodyError::Source(shown.into())
    })
}

/// The body as a stream.
pub(crate) fn pieces<S, B>(
    processed: S,
    body: B,
) -> impl Stream<Item = Result<Bytes, B::Error>> + Send
where
    S: Stream<Item = Result<Processed, EngineError>> + Send,
    B: Body,
{
    enum At {
        Header,
        Rows,
        Done,
    }
    stream::try_unfold(
        (Box::pin(processed), body, At::Header),
        |(mut processed, mut body, at)| async move {
            let (bytes, at) = match at {
                At::Header => (body.header(), At::Rows),
                At::Rows => match processed.try_next().await? {
                    Some(next) => (body.absorb(next)?, At::Rows),
                    None => (body.finish()?, At::Done),
                },
                At::Done => return Ok(None),
            };
            Ok(Some((bytes, (processed, body, at))))
        },
    )
}
