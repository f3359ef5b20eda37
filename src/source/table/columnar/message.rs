//! Messages of Arrow IPC, one after another: what each is, and its body.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{RecordBatchDecoder, read_dictionary};
use arrow_ipc::{Message, MessageHeader, RecordBatch as Encoded, root_as_message};
use arrow_schema::{ArrowError, Schema};

use crate::settings::limits::Limits;
use crate::settings::units::Size;
use crate::source::table::Wrong;
use crate::source::table::container::CONTINUES;
use crate::text::shown::shown;

/// What a message is found to be.
pub(super) enum Found {
    Schema(Schema),
    Batch(RecordBatch),
    Dictionary,
    /// The mark of the end.
    End,
    /// There is nothing more, and no mark either.
    Nothing,
}

/// What is known from the messages before.
pub(super) struct Messages {
    schema: Arc<Schema>,
    /// The columns that are read.
    places: Vec<usize>,
    dictionaries: HashMap<i64, ArrayRef>,
    most: Size,
    /// Batches that were read.
    batch: u64,
}

impl Messages {
    pub(super) fn new(limits: &Limits) -> Messages {
        Messages {
            schema: Arc::new(Schema::empty()),
            places: Vec::new(),
            dictionaries: HashMap::new(),
            most: limits.row_group,
            batch: 0,
        }
    }

    /// What columns there are, and which of them are read.
    pub(super) fn of(&mut self, schema: Schema, places: Vec<usize>) {
        self.schema = Arc::new(schema);
        self.places = places;
    }

    /// Reads the next message.
    ///
    /// # Errors
    /// It is cut off, larger than is allowed, or can't be understood.
    pub(super) fn next(&mut self, reader: &mut impl Read) -> Result<Found, Wrong> {
        let mut len = [0; 4];
        match fill(reader, &mut len)? {
            0 => return Ok(Found::Nothing),
            4 => {}
            _ => return Err(self.cut_off()),
        }
        // Streams of old have no such mark.
        if len == *CONTINUES && fill(reader, &mut len)? < 4 {
            return Err(self.cut_off());
        }
        if len == [0; 4] {
            return Ok(Found::End);
        }
        let head = self.read(reader, i32::from_le_bytes(len).into())?;
        let message = root_as_message(&head).map_err(|_| self.damaged())?;
        let body = self.read(reader, message.bodyLength())?;
        self.take(&message, &Buffer::from_vec(body))
    }

    /// Reads as much as a message says, making room as it comes.
    fn read(&self, reader: &mut impl Read, len: i64) -> Result<Vec<u8>, Wrong> {
        let len = u64::try_from(len).map_err(|_| self.damaged())?;
        self.is_small_enough(len)?;
        let mut bytes = Vec::with_capacity(len.min(1 << 20) as usize);
        match reader.take(len).read_to_end(&mut bytes)? as u64 == len {
            true => Ok(bytes),
            false => Err(self.cut_off()),
        }
    }

    fn take(&mut self, message: &Message<'_>, body: &Buffer) -> Result<Found, Wrong> {
        let version = message.version();
        match message.header_type() {
            MessageHeader::Schema => {
                let schema = message.header_as_schema().ok_or_else(|| self.damaged())?;
                schema_of(schema).map(Found::Schema)
            }
            MessageHeader::DictionaryBatch => {
                let batch = message
                    .header_as_dictionary_batch()
                    .ok_or_else(|| self.damaged())?;
                let data = batch.data().ok_or_else(|| self.damaged())?;
                self.looks_sound(data, body)?;
                read_dictionary(body, batch, &self.schema, &mut self.dictionaries, &version)
                    .map_err(|error| self.wrong(&error))?;
                Ok(Found::Dictionary)
            }
            MessageHeader::RecordBatch => {
                let batch = message
                    .header_as_record_batch()
                    .ok_or_else(|| self.damaged())?;
                self.looks_sound(batch, body)?;
                let schema = self.schema.clone();
                let decoder =
                    RecordBatchDecoder::try_new(body, batch, schema, &self.dictionaries, &version);
                let decoded = decoder.and_then(|decoder| {
                    decoder
                        .with_projection(Some(&self.places))
                        .read_record_batch()
                });
                let batch = decoded.map_err(|error| self.wrong(&error))?;
                self.batch += 1;
                Ok(Found::Batch(batch))
            }
            _ => Err(self.damaged()),
        }
    }

    /// Looks at where a batch says that its buffers stand, and at what they become, before any room is made.
    fn looks_sound(&self, batch: Encoded<'_>, body: &Buffer) -> Result<(), Wrong> {
        let compressed = batch.compression().is_some();
        let mut becomes = 0u64;
        for buffer in batch.buffers().into_iter().flatten() {
            let range = usize::try_from(buffer.offset())
                .ok()
                .zip(usize::try_from(buffer.length()).ok());
            let bytes = range.and_then(|(at, len)| body.get(at..at.checked_add(len)?));
            let bytes = bytes.ok_or_else(|| self.damaged())?;
            let size = match bytes.first_chunk::<8>() {
                // Where it would become less than nothing, it is not compressed.
                Some(size) if compressed => i64::from_le_bytes(*size).max(0) as u64,
                _ => bytes.len() as u64,
            };
            becomes = becomes.saturating_add(size);
        }
        if batch.length() < 0 {
            return Err(self.damaged());
        }
        self.is_small_enough(becomes)
    }

    fn is_small_enough(&self, len: u64) -> Result<(), Wrong> {
        match len > self.most.0 {
            false => Ok(()),
            true => Err(Wrong::setting(
                0,
                format!(
                    "{} becomes {}, more than {} (limits.row_group); raise the limit, or have smaller batches written",
                    self.place(),
                    Size(len),
                    self.most
                ),
            )),
        }
    }

    fn place(&self) -> String {
        match self.batch {
            0 => "the beginning".to_owned(),
            batch => format!("what stands behind batch {batch}"),
        }
    }

    /// What the crate says may hold values.
    fn wrong(&self, error: &ArrowError) -> Wrong {
        let said = error.to_string().to_lowercase();
        match said.contains("utf-8") || said.contains("utf8") {
            true => Wrong::data(0, format!("{}: a text is not UTF-8", self.place())),
            false => self.damaged(),
        }
    }

    fn damaged(&self) -> Wrong {
        Wrong::data(
            0,
            format!("the file is damaged: {} can't be read", self.place()),
        )
    }

    fn cut_off(&self) -> Wrong {
        Wrong::data(
            0,
            format!("the file is cut off: {} is not whole", self.place()),
        )
    }
}

/// The columns that a file or a stream says it has.
///
/// # Errors
/// They can't be read, or their numbers can't.
pub(super) fn schema_of(schema: arrow_ipc::Schema<'_>) -> Result<Schema, Wrong> {
    if !schema.endianness().equals_to_target_endianness() {
        return Err(Wrong::data(
            0,
            "the numbers are written with their first byte first (big endian), which rostream does not read",
        ));
    }
    try_fb_to_schema(schema).map_err(|error| {
        let error = error.to_string();
        Wrong::data(0, format!("the columns can't be read: {}", shown(&error)))
    })
}

/// Fills as much of the room as there is.
fn fill(reader: &mut impl Read, room: &mut [u8]) -> Result<usize, Wrong> {
    let mut filled = 0;
    while filled < room.len() {
        match reader.read(&mut room[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}
