//! Parquet: the footer says where everything is. Columns are read page by page, so that no more of a row group is held
//! than a page of each.

use std::io::{BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::schema::types::{BasicTypeInfo, SchemaDescriptor, Type, TypePtr};

use super::rows::Rows;
use crate::settings::limits::Limits;
use crate::settings::units::Size;
use crate::source::table::Wrong;
use crate::source::table::container::{Container, ENCRYPTED};
use crate::source::table::input::{Input, Seekable};
use crate::text::shown::shown;

/// Cells that are decoded at once.
const CELLS: usize = 1 << 18;

/// Rows that are decoded at once, at most.
const ROWS: usize = 8192;

/// The length of the footer, and what the file ends with.
const END: u64 = 8;

pub(super) fn write(input: Input, limits: &Limits, rows: &mut Rows<'_, '_>) -> Result<(), Wrong> {
    let bytes = input.seekable()?;
    is_parquet(&bytes)?;
    let file = File {
        bytes: Arc::new(bytes),
        most: limits.row_group,
        failed: Arc::default(),
    };
    let metadata = file.metadata()?;
    let places = rows.choose(metadata.schema())?;
    let mask = ProjectionMask::roots(metadata.parquet_schema(), places.iter().copied());
    let at_once = (CELLS / places.len()).clamp(1, ROWS);
    for (at, group) in metadata.metadata().row_groups().iter().enumerate() {
        let group = Group {
            number: at + 1,
            of: metadata.metadata().num_row_groups(),
            group,
        };
        group.is_small_enough(&mask, limits.row_group)?;
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone())
                .with_row_groups(vec![at])
                .with_projection(mask.clone())
                .with_batch_size(at_once)
                .build()
                .map_err(|error| file.wrong(&group, &error.to_string()))?;
        let before = rows.number();
        for batch in reader {
            let batch: Result<RecordBatch, ArrowError> = batch;
            rows.write(&batch.map_err(|error| file.wrong(&group, &error.to_string()))?)?;
        }
        group.is_complete(rows.number() - before)?;
    }
    Ok(())
}

/// Looks at both ends.
fn is_parquet(file: &Seekable) -> Result<(), Wrong> {
    let len = file.len();
    let mut head = Vec::new();
    file.rest(0).take(END).read_to_end(&mut head)?;
    if head.is_empty() {
        return Err(Wrong::data(0, "the file is empty"));
    }
    if head.starts_with(ENCRYPTED) {
        return Err(Wrong::data(
            0,
            "the Parquet file is encrypted, which rostream does not read",
        ));
    }
    if Container::of(&head) != Some(Container::Parquet) {
        return Err(Wrong::setting(
            0,
            "this is not a Parquet file; set source.format to what it is, or to auto",
        ));
    }
    let mut tail = Vec::new();
    file.rest(len.saturating_sub(4)).read_to_end(&mut tail)?;
    match len > END + 4 && tail == head[..4] {
        true => Ok(()),
        false => Err(Wrong::data(
            0,
            "the Parquet file is cut off: it does not end with its footer",
        )),
    }
}

/// A row group.
struct Group<'a> {
    /// From 1.
    number: usize,
    of: usize,
    group: &'a RowGroupMetaData,
}

impl Group<'_> {
    fn is_small_enough(&self, mask: &ProjectionMask, most: Size) -> Result<(), Wrong> {
        let columns = self.group.columns().iter().enumerate();
        let read = columns.filter(|(leaf, _)| mask.leaf_included(*leaf));
        let sizes = read.map(|(_, column)| u64::try_from(column.uncompressed_size()).unwrap_or(0));
        let size = Size(sizes.fold(0, u64::saturating_add));
        match size > most {
            false => Ok(()),
            true => Err(Wrong::setting(
                0,
                format!(
                    "row group {} of {} becomes {size}, more than {most} (limits.row_group); raise the limit, or have the file \
                     written with smaller row groups",
                    self.number, self.of
                ),
            )),
        }
    }

    /// What the footer says has to be there.
    fn is_complete(&self, read: u64) -> Result<(), Wrong> {
        let stated = self.group.num_rows();
        match u64::try_from(stated) == Ok(read) {
            true => Ok(()),
            false => Err(Wrong::data(
                0,
                format!(
                    "row group {} of {} has {read} rows, and the footer says {stated}: the file is damaged",
                    self.number, self.of
                ),
            )),
        }
    }
}

/// A file of which any place can be read.
#[derive(Clone)]
struct File {
    bytes: Arc<Seekable>,
    /// How much a page may become.
    most: Size,
    /// What could not be read, which errors of Parquet would hide.
    failed: Arc<Mutex<Option<Wrong>>>,
}

impl File {
    fn metadata(&self) -> Result<ArrowReaderMetadata, Wrong> {
        let failed = |error: ParquetError| {
            self.unless_failed(|| match error {
                ParquetError::NYI(what) => {
                    Wrong::data(0, format!("rostream does not read this: {}", shown(&what)))
                }
                error => Wrong::data(
                    0,
                    format!("the footer can't be read: {}", shown(&error.to_string())),
                ),
            })
        };
        let found = ArrowReaderMetadata::load(self, ArrowReaderOptions::new()).map_err(failed)?;
        let schema = as_views(found.schema(), found.parquet_schema());
        let bytes = as_bytes(found.parquet_schema().root_schema()).map_err(failed)?;
        let options = ArrowReaderOptions::new()
            .with_parquet_schema(Arc::new(SchemaDescriptor::new(bytes)))
            .with_schema(Arc::new(schema));
        ArrowReaderMetadata::load(self, options).map_err(failed)
    }

    /// What to say of a row group that can't be read. What the crate says may hold values.
    fn wrong(&self, group: &Group<'_>, error: &str) -> Wrong {
        let (number, of) = (group.number, group.of);
        let why = match error.to_lowercase() {
            said if said.contains("nyi")
                || said.contains("not supported")
                || said.contains("unsupported") =>
            {
                "its compression or encoding is one that rostream does not read"
            }
            _ => "the file is damaged",
        };
        self.unless_failed(|| {
            Wrong::data(
                0,
                format!("row group {number} of {of} can't be read: {why}"),
            )
        })
    }

    fn unless_failed(&self, wrong: impl FnOnce() -> Wrong) -> Wrong {
        let failed = self
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        failed.unwrap_or_else(wrong)
    }

    fn fail(&self, wrong: Wrong) -> ParquetError {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(wrong);
        ParquetError::General("see what failed".to_owned())
    }

    /// Looks at what may be the head of a page before it is read: a page is held whole, and says how much it becomes.
    fn look_at_page(&self, at: u64) -> Result<(), ParquetError> {
        let mut head = [0; 16];
        let read = self.bytes.rest(at).read(&mut head);
        let read = read.map_err(|error| self.fail(error.into()))?;
        let size = becomes(&head[..read]).map(Size);
        match size.filter(|size| *size > self.most && at < self.len() - END) {
            None => Ok(()),
            Some(size) => Err(self.fail(Wrong::setting(
                0,
                format!(
                    "a page of the file becomes {size}, more than {} (limits.row_group)",
                    self.most
                ),
            ))),
        }
    }
}

/// How much a page becomes whose head is this: the second field of Thrift's compact protocol.
fn becomes(head: &[u8]) -> Option<u64> {
    const INTEGER: u8 = 0x15;
    let mut bytes = head.iter().copied();
    let mut size = 0;
    for _ in 0..2 {
        if bytes.next()? != INTEGER {
            return None;
        }
        size = 0;
        for shift in (0..35).step_by(7) {
            let byte = bytes.next()?;
            size |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
    }
    Some(size / 2)
}

impl Length for File {
    fn len(&self) -> u64 {
        self.bytes.len()
    }
}

impl ChunkReader for File {
    type T = BufReader<Seekable>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        self.look_at_page(start)?;
        Ok(BufReader::with_capacity(1024, self.bytes.rest(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.len()) {
            return Err(ParquetError::EOF("behind the end of the file".to_owned()));
        }
        let mut bytes = vec![0; length];
        match self.bytes.rest(start).read_exact(&mut bytes) {
            Ok(()) => Ok(bytes.into()),
            Err(error) => Err(self.fail(error.into())),
        }
    }
}

/// The same columns, whose texts are bytes: the crate gives up a whole row group for one that is not UTF-8, and here it
/// costs its row.
fn as_bytes(field: &Type) -> Result<TypePtr, ParquetError> {
    let info = field.get_basic_info();
    let id = info.has_id().then(|| info.id());
    let same = match field {
        Type::GroupType { fields, .. } => {
            let fields: Result<_, _> = fields.iter().map(|field| as_bytes(field)).collect();
            let group = Type::group_type_builder(info.name())
                .with_converted_type(info.converted_type())
                .with_logical_type(info.logical_type_ref().cloned())
                .with_id(id)
                .with_fields(fields?);
            match info.has_repetition() {
                true => group.with_repetition(info.repetition()).build(),
                false => group.build(),
            }
        }
        Type::PrimitiveType { .. } if is_text(info) => {
            Type::primitive_type_builder(info.name(), PhysicalType::BYTE_ARRAY)
                .with_repetition(info.repetition())
                .with_id(id)
                .build()
        }
        other => Ok(other.clone()),
    };
    same.map(Arc::new)
}

fn is_text(info: &BasicTypeInfo) -> bool {
    match info.logical_type_ref() {
        Some(kind) => matches!(kind, LogicalType::String | LogicalType::Json),
        None => matches!(
            info.converted_type(),
            ConvertedType::UTF8 | ConvertedType::JSON
        ),
    }
}

/// The same columns, whose texts are read where they stand in their page, and are not copied for every row of a
/// dictionary; and the moments of old (INT96) in millionths of a second, in which the year 9999 has room.
fn as_views(schema: &Schema, parquet: &SchemaDescriptor) -> Schema {
    let mut leaf = 0;
    let fields = schema.fields().iter();
    let fields: Fields = fields
        .map(|field| as_view(field, parquet, &mut leaf))
        .collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

fn as_view(field: &FieldRef, parquet: &SchemaDescriptor, leaf: &mut usize) -> FieldRef {
    let mut inner = |field: &FieldRef| as_view(field, parquet, leaf);
    let kind = match field.data_type() {
        DataType::List(item) => DataType::List(inner(item)),
        DataType::LargeList(item) => DataType::LargeList(inner(item)),
        DataType::ListView(item) => DataType::ListView(inner(item)),
        DataType::LargeListView(item) => DataType::LargeListView(inner(item)),
        DataType::FixedSizeList(item, len) => DataType::FixedSizeList(inner(item), *len),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        plain => {
            let old = *leaf < parquet.num_columns()
                && parquet.column(*leaf).physical_type() == PhysicalType::INT96;
            *leaf += 1;
            plain_view(plain, old)
        }
    };
    Arc::new(Field::clone(field).with_data_type(kind))
}

fn plain_view(kind: &DataType, old: bool) -> DataType {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::BinaryView,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Dictionary(_, value) => plain_view(value, old),
        DataType::Timestamp(_, zone) if old => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        other => other.clone(),
    }
}
