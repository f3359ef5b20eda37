//! What blocks become together: the bytes of a body, measured; and the second pass, which makes the same bytes again.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::EngineError;
use super::process::{Engine, Processed};
use crate::format::encode::{Encoded, Encoder};
use crate::upload::body::BodyError;

/// What a body is known by: two passes that agree on it have made the same bytes, and left out the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Of what the workers made, before rows were left out for what only the whole file knows: XXH3-128 over the
    /// length and XXH3-128 of every piece, as workers hash pieces side by side.
    pub made: u128,
    /// Bytes of the body, without the rows that are left out.
    pub length: u64,
    /// Of the numbers of the records that are left out; 0 where there are none.
    pub verdicts: u128,
}

impl Digest {
    /// That of the same body without more rows: `dropped` are the numbers of all records that are left out then, in
    /// order, and `bytes` is the length of those that are left out now.
    pub(crate) fn without(self, dropped: &[u32], bytes: u64) -> Digest {
        let mut left_out = Xxh3::new();
        for &record in dropped {
            left_out.update(&u64::from(record).to_le_bytes());
        }
        Digest {
            length: self.length - bytes,
            verdicts: left_out.digest128(),
            ..self
        }
    }

    /// Both hashes as one, in lower-case hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        let hash = match self.verdicts {
            0 => self.made,
            verdicts => xxh3_128(&[self.made.to_le_bytes(), verdicts.to_le_bytes()].concat()),
        };
        format!("{hash:032x}")
    }
}

/// Joins encoded pieces into one body, and measures it.
pub struct Assembly {
    encoder: Encoder,
    any: bool,
    length: u64,
    made: Xxh3,
    left_out: Xxh3,
    any_left_out: bool,
    records: u64,
}

impl Assembly {
    /// An empty body.
    pub fn new(encoder: &Encoder) -> Assembly {
        Assembly {
            encoder: encoder.clone(),
            any: false,
            length: 0,
            made: Xxh3::new(),
            left_out: Xxh3::new(),
            any_left_out: false,
            records: 0,
        }
    }

    /// What stands before the first row.
    pub fn header(&mut self) -> Bytes {
        let header = self.encoder.header();
        self.length += header.len() as u64;
        header.into()
    }

    /// The next piece, without the rows of the batch that are left out, which are in order. `hash` is the hash of its
    /// bytes as encoded, and `records` how many it was made of.
    pub fn piece(
        &mut self,
        mut encoded: Encoded,
        hash: u128,
        records: usize,
        left_out: &[u32],
    ) -> Bytes {
        let first = self.records;
        self.records += records as u64;
        if encoded.bytes.is_empty() {
            return Bytes::new();
        }
        self.made
            .update(&(encoded.bytes.len() as u64).to_le_bytes());
        self.made.update(&hash.to_le_bytes());
        if !left_out.is_empty() {
            self.any_left_out = true;
            for &row in left_out {
                self.left_out
                    .update(&(first + u64::from(row)).to_le_bytes());
            }
            let mut next = left_out.iter().peekable();
            encoded.leave_out(|row| next.next_if_eq(&&row).is_some());
        }
        let mut bytes = encoded.bytes;
        if bytes.is_empty() {
            return Bytes::new();
        }
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

    /// Of all that was handed out.
    pub fn digest(&self) -> Digest {
        Digest {
            made: self.made.digest128(),
            length: self.length,
            verdicts: match self.any_left_out {
                true => self.left_out.digest128(),
                false => 0,
            },
        }
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
    pub fn new(engine: &Engine, expected: Digest, dropped: Arc<[u32]>) -> Resend {
        Resend {
            assembly: Assembly::new(engine.encoder()),
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

    fn absorb(&mut self, processed: Processed) -> Result<Bytes, EngineError> {
        let first = self.record;
        let records = processed.batch.len();
        self.record += records as u64;
        let dropped = &self.dropped[self.next_dropped..];
        let here = dropped.partition_point(|&record| u64::from(record) < self.record);
        let left_out: Vec<u32> = dropped[..here]
            .iter()
            .map(|&record| (u64::from(record) - first) as u32)
            .collect();
        self.next_dropped += here;
        let piece = self
            .assembly
            .piece(processed.encoded, processed.hash, records, &left_out);
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
