//! What blocks become together: the bytes of a body, measured; and the second pass, which makes the same bytes again.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::EngineError;
use super::process::{Engine, Processed};
use crate::batch::{Batch, Kind};
use crate::format::encode::{Encoded, Encoder};
use crate::orgvue::spec::Action;
use crate::upload::body::BodyError;

/// What a body is known by: two passes that agree on it have made the same bytes, and left out the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Of what the workers made, before rows were left out for what only the whole file knows: XXH3-128 over the
    /// length and XXH3-128 of every piece, as workers hash pieces side by side.
    pub made: u128,
    /// Bytes of the body, without the rows that are left out.
    pub length: u64,
    /// Of the numbers of the records that are left out, or sent with a cell empty, and of what others send whose items
    /// are merely named; 0 where there are none.
    pub verdicts: u128,
}

impl Digest {
    /// That of the same body without more rows: `amended` is all that is left out or cleared then, and `bytes` is the
    /// length of the rows that are left out now.
    pub(crate) fn without(self, amended: &Amended, bytes: u64) -> Digest {
        let mut told = Told::default();
        let dropped = amended.dropped.iter();
        dropped.for_each(|record| told.drop(u64::from(*record)));
        let cleared = amended.cleared.iter();
        cleared.for_each(|(record, slot)| told.clear(u64::from(*record), *slot));
        Digest {
            length: self.length - bytes,
            verdicts: told.hash(),
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

/// What only the whole file could say of the records that are sent, in their order.
#[derive(Debug, Clone, Default)]
pub struct Amended {
    /// Records that are left out.
    pub dropped: Vec<u32>,
    /// Records that are sent with a cell empty, and the physical column of that.
    pub cleared: Vec<(u32, u32)>,
    /// Records at fault whose items are named, and nothing more.
    pub carried: Vec<u32>,
}

/// The hash of what is [amended](Amended), which does not depend on where blocks end.
#[derive(Default)]
struct Told {
    dropped: Option<Xxh3>,
    cleared: Option<Xxh3>,
    /// The bytes of items that are merely named.
    named: Option<Xxh3>,
}

impl Told {
    fn name(&mut self, bytes: &[u8]) {
        self.named.get_or_insert_default().update(bytes);
    }

    fn drop(&mut self, record: u64) {
        let dropped = self.dropped.get_or_insert_default();
        dropped.update(&record.to_le_bytes());
    }

    fn clear(&mut self, record: u64, slot: u32) {
        let cleared = self.cleared.get_or_insert_default();
        cleared.update(&(record | (u64::from(slot) + 1) << u32::BITS).to_le_bytes());
    }

    /// 0 where nothing is.
    fn hash(&self) -> u128 {
        let hashes = [&self.dropped, &self.cleared].map(|told| told.as_ref().map(Xxh3::digest128));
        let amended = match hashes {
            [Some(dropped), Some(cleared)] => {
                xxh3_128(&[dropped.to_le_bytes(), cleared.to_le_bytes()].concat())
            }
            [dropped, cleared] => dropped.or(cleared).unwrap_or(0),
        };
        match &self.named {
            Some(named) => {
                xxh3_128(&[amended.to_le_bytes(), named.digest128().to_le_bytes()].concat())
            }
            None => amended,
        }
    }
}

/// Joins encoded pieces into one body, and measures it.
pub struct Assembly {
    encoder: Encoder,
    any: bool,
    length: u64,
    made: Xxh3,
    amended: Told,
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
            amended: Told::default(),
            records: 0,
        }
    }

    /// What stands before the first row.
    pub fn header(&mut self) -> Bytes {
        let header = self.encoder.header();
        self.length += header.len() as u64;
        header.into()
    }

    /// The next piece: what workers made of a block, as [amended](Amended) for what only the whole file knows. `left_out`
    /// are rows of the batch, in order, and `cleared` rows with the physical column of a cell.
    pub fn piece(
        &mut self,
        processed: Processed,
        left_out: &[u32],
        cleared: &[(u32, u32)],
    ) -> Bytes {
        self.piece_with(processed, left_out, cleared, None)
    }

    /// The same, with rows that were not encoded with the others: those whose items are merely named.
    pub(crate) fn piece_with(
        &mut self,
        processed: Processed,
        left_out: &[u32],
        cleared: &[(u32, u32)],
        named: Option<Encoded>,
    ) -> Bytes {
        let Processed {
            mut batch,
            mut encoded,
            hash,
            ..
        } = processed;
        let first = self.records;
        self.records += batch.len() as u64;
        // Where a block was only measured, its hash is that of what it was made of, and counts without a row, too.
        if encoded.len() > 0 || self.encoder.measures() {
            self.made.update(&(encoded.len() as u64).to_le_bytes());
            self.made.update(&hash.to_le_bytes());
            if !cleared.is_empty() {
                for &(row, slot) in cleared {
                    self.amended.clear(first + u64::from(row), slot);
                    batch.set_text(row as usize, slot as usize, "", Kind::Text);
                }
                encoded = self.encoder.encode(&batch);
            }
        }
        if !left_out.is_empty() {
            for &row in left_out {
                self.amended.drop(first + u64::from(row));
            }
            // Some of them may be gone since a cell was emptied and the block written anew.
            encoded.leave_out(|row| left_out.binary_search(&row).is_ok());
        }
        if let Some(named) = named {
            self.amended.name(&named.bytes);
            encoded.take_in(&named);
        }
        if encoded.len() == 0 {
            return Bytes::new();
        }
        self.length += encoded.len() as u64;
        let mut bytes = encoded.bytes;
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
            verdicts: self.amended.hash(),
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
    amended: Arc<Amended>,
    next_dropped: usize,
    next_cleared: usize,
    next_carried: usize,
    /// The column whose text names the items of the records that are carried.
    names_by: Option<usize>,
    record: u64,
}

/// The records of a list, from the `next` one on, that are in the batch of the records `first..end`: their rows.
fn here(list: &[u32], next: &mut usize, first: u64, end: u64) -> Vec<u32> {
    let rest = &list[*next..];
    let here = rest.partition_point(|&record| u64::from(record) < end);
    *next += here;
    let rows = rest[..here].iter();
    rows.map(|&record| (u64::from(record) - first) as u32)
        .collect()
}

/// Rows that name an item and ask for nothing, so that it is not taken for one that nobody names.
pub(crate) fn naming(
    encoder: &Encoder,
    batch: &Batch,
    slot: Option<usize>,
    rows: &[u32],
) -> Option<Encoded> {
    let slot = slot.filter(|_| !rows.is_empty())?;
    Some(encoder.naming(batch, slot, Action::Noop.as_str(), rows))
}

impl Resend {
    /// `expected` and `amended` are what the survey found.
    pub fn new(engine: &Engine, expected: Digest, amended: Arc<Amended>) -> Resend {
        Resend {
            assembly: Assembly::new(engine.encoder()),
            expected,
            amended,
            next_dropped: 0,
            next_cleared: 0,
            next_carried: 0,
            names_by: engine.names_rows_by().map(|(_, slot)| slot),
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
        self.record += processed.batch.len() as u64;
        let end = self.record;
        let left_out = here(&self.amended.dropped, &mut self.next_dropped, first, end);
        let carried = here(&self.amended.carried, &mut self.next_carried, first, end);
        let cleared = &self.amended.cleared[self.next_cleared..];
        let is_here = |(record, _): &(u32, u32)| u64::from(*record) < end;
        let cleared = &cleared[..cleared.partition_point(is_here)];
        self.next_cleared += cleared.len();
        let cleared: Vec<(u32, u32)> = cleared
            .iter()
            .map(|&(record, slot)| ((u64::from(record) - first) as u32, slot))
            .collect();
        let encoder = &self.assembly.encoder;
        let named = naming(encoder, &processed.batch, self.names_by, &carried);
        let assembly = &mut self.assembly;
        let piece = assembly.piece_with(processed, &left_out, &cleared, named);
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
