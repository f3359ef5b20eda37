//! Values of any type as JSON.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    Array, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, StringArray, StringViewArray,
};
use arrow_buffer::{ArrowNativeType, NullBuffer, RunEndBuffer, i256};
use arrow_schema::{DataType, Field, TimeUnit};

use super::moment::{push_day, push_moment, push_time};
use super::number::{push_decimal, push_float};
use crate::source::table::records::Name;

/// Why a value can't be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    Number,
    Text,
    Day,
    Time,
}

impl Odd {
    pub(super) fn told(self) -> &'static str {
        match self {
            Odd::Number => "the number is not a number (NaN) or is infinite, which no cell can be",
            Odd::Text => {
                "the bytes are not text in UTF-8; have them written as text, or leave the column out"
            }
            Odd::Day => "the day is not in the years 1 to 9999",
            Odd::Time => "the time is not one of a day",
        }
    }
}

/// A column of a batch, or what is nested in one.
pub(super) struct Column<'a> {
    nulls: Option<&'a NullBuffer>,
    cells: Cells<'a>,
}

/// The values by their type.
enum Cells<'a> {
    Null,
    Boolean(&'a BooleanArray),
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
    F16(&'a [<Float16Type as ArrowPrimitiveType>::Native]),
    F32(&'a [f32]),
    F64(&'a [f64]),
    Decimal32(&'a [i32], i8),
    Decimal64(&'a [i64], i8),
    Decimal128(&'a [i128], i8),
    Decimal256(&'a [i256], i8),
    Text(&'a StringArray),
    LargeText(&'a LargeStringArray),
    TextView(&'a StringViewArray),
    Bytes(&'a BinaryArray),
    LargeBytes(&'a LargeBinaryArray),
    BytesView(&'a BinaryViewArray),
    FixedBytes(&'a FixedSizeBinaryArray),
    Uuid(&'a FixedSizeBinaryArray),
    Day(&'a [i32]),
    /// Thousandths of a second, of whole days.
    DayOfMoments(&'a [i64]),
    /// How many a second has, and whether they are moments everywhere: those are told in UTC.
    Moment(&'a [i64], i64, bool),
    Time32(&'a [i32], i64),
    Time64(&'a [i64], i64),
    List(Ranges<'a>, Box<Column<'a>>),
    Object(Vec<(Name, Column<'a>)>),
    Map(Ranges<'a>, Box<Column<'a>>, Box<Column<'a>>),
    /// Which of the values each row has.
    Dictionary(Vec<usize>, Box<Column<'a>>),
    Run(Ends<'a>, Box<Column<'a>>),
}

/// Where the elements of each row stand.
enum Ranges<'a> {
    Offsets(&'a [i32]),
    LargeOffsets(&'a [i64]),
    View(&'a [i32], &'a [i32]),
    LargeView(&'a [i64], &'a [i64]),
    Fixed(usize),
}

impl Ranges<'_> {
    fn of(&self, row: usize) -> Range<usize> {
        match self {
            Ranges::Offsets(at) => at[row].as_usize()..at[row + 1].as_usize(),
            Ranges::LargeOffsets(at) => at[row].as_usize()..at[row + 1].as_usize(),
            Ranges::View(at, len) => at[row].as_usize()..(at[row] + len[row]).as_usize(),
            Ranges::LargeView(at, len) => at[row].as_usize()..(at[row] + len[row]).as_usize(),
            Ranges::Fixed(len) => row * len..(row + 1) * len,
        }
    }
}

/// Where the runs of equal values end.
enum Ends<'a> {
    I16(&'a RunEndBuffer<i16>),
    I32(&'a RunEndBuffer<i32>),
    I64(&'a RunEndBuffer<i64>),
}

impl Ends<'_> {
    fn run_of(&self, row: usize) -> usize {
        match self {
            Ends::I16(ends) => ends.get_physical_index(row),
            Ends::I32(ends) => ends.get_physical_index(row),
            Ends::I64(ends) => ends.get_physical_index(row),
        }
    }
}

/// What the values of a UUID's column are called where they are kept.
const UUID: &str = "arrow.uuid";

impl<'a> Column<'a> {
    /// # Errors
    /// There is no JSON for such values: says what they are.
    pub(super) fn new(array: &'a dyn Array, field: &Field) -> Result<Column<'a>, String> {
        let uuid = field.extension_type_name() == Some(UUID);
        Ok(Column {
            nulls: array.nulls(),
            cells: match uuid && array.data_type() == &DataType::FixedSizeBinary(16) {
                true => Cells::Uuid(array.as_fixed_size_binary()),
                false => Cells::new(array)?,
            },
        })
    }

    /// Values without a field of their own.
    fn unnamed(array: &'a dyn Array) -> Result<Box<Column<'a>>, String> {
        Ok(Box::new(Column {
            nulls: array.nulls(),
            cells: Cells::new(array)?,
        }))
    }

    fn boxed(array: &'a dyn Array, field: &Field) -> Result<Box<Column<'a>>, String> {
        Column::new(array, field).map(Box::new)
    }

    /// Appends the value of a row.
    ///
    /// # Errors
    /// It can't be told. Something that can stand in its place was appended.
    #[inline]
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Odd> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        self.cells.write(row, out)
    }
}

impl<'a> Cells<'a> {
    fn new(array: &'a dyn Array) -> Result<Cells<'a>, String> {
        Ok(match array.data_type() {
            DataType::Null => Cells::Null,
            DataType::Boolean => Cells::Boolean(array.as_boolean()),
            DataType::Int8 => Cells::I8(values::<Int8Type>(array)),
            DataType::Int16 => Cells::I16(values::<Int16Type>(array)),
            DataType::Int32 => Cells::I32(values::<Int32Type>(array)),
            DataType::Int64 => Cells::I64(values::<Int64Type>(array)),
            DataType::UInt8 => Cells::U8(values::<UInt8Type>(array)),
            DataType::UInt16 => Cells::U16(values::<UInt16Type>(array)),
            DataType::UInt32 => Cells::U32(values::<UInt32Type>(array)),
            DataType::UInt64 => Cells::U64(values::<UInt64Type>(array)),
            DataType::Float16 => Cells::F16(values::<Float16Type>(array)),
            DataType::Float32 => Cells::F32(values::<Float32Type>(array)),
            DataType::Float64 => Cells::F64(values::<Float64Type>(array)),
            DataType::Decimal32(_, scale) => {
                Cells::Decimal32(values::<Decimal32Type>(array), *scale)
            }
            DataType::Decimal64(_, scale) => {
                Cells::Decimal64(values::<Decimal64Type>(array), *scale)
            }
            DataType::Decimal128(_, scale) => {
                Cells::Decimal128(values::<Decimal128Type>(array), *scale)
            }
            DataType::Decimal256(_, scale) => {
                Cells::Decimal256(values::<Decimal256Type>(array), *scale)
            }
            DataType::Utf8 => Cells::Text(array.as_string()),
            DataType::LargeUtf8 => Cells::LargeText(array.as_string()),
            DataType::Utf8View => Cells::TextView(array.as_string_view()),
            DataType::Binary => Cells::Bytes(array.as_binary()),
            DataType::LargeBinary => Cells::LargeBytes(array.as_binary()),
            DataType::BinaryView => Cells::BytesView(array.as_binary_view()),
            DataType::FixedSizeBinary(_) => Cells::FixedBytes(array.as_fixed_size_binary()),
            DataType::Date32 => Cells::Day(values::<Date32Type>(array)),
            DataType::Date64 => Cells::DayOfMoments(values::<Date64Type>(array)),
            DataType::Timestamp(unit, zone) => {
                Cells::Moment(moments(array, *unit), in_second(*unit), zone.is_some())
            }
            DataType::Time32(unit) => Cells::Time32(
                match unit {
                    TimeUnit::Second => values::<Time32SecondType>(array),
                    _ => values::<Time32MillisecondType>(array),
                },
                in_second(*unit),
            ),
            DataType::Time64(unit) => Cells::Time64(
                match unit {
                    TimeUnit::Microsecond => values::<Time64MicrosecondType>(array),
                    _ => values::<Time64NanosecondType>(array),
                },
                in_second(*unit),
            ),
            _ => Cells::nested(array)?,
        })
    }

    /// Values that have others in them.
    fn nested(array: &'a dyn Array) -> Result<Cells<'a>, String> {
        Ok(match array.data_type() {
            DataType::List(field) => {
                let list = array.as_list::<i32>();
                let ranges = Ranges::Offsets(list.value_offsets());
                Cells::list(ranges, list.values(), field)?
            }
            DataType::LargeList(field) => {
                let list = array.as_list::<i64>();
                let ranges = Ranges::LargeOffsets(list.value_offsets());
                Cells::list(ranges, list.values(), field)?
            }
            DataType::ListView(field) => {
                let list = array.as_list_view::<i32>();
                let ranges = Ranges::View(list.value_offsets(), list.value_sizes());
                Cells::list(ranges, list.values(), field)?
            }
            DataType::LargeListView(field) => {
                let list = array.as_list_view::<i64>();
                let ranges = Ranges::LargeView(list.value_offsets(), list.value_sizes());
                Cells::list(ranges, list.values(), field)?
            }
            DataType::FixedSizeList(field, len) => {
                let ranges = Ranges::Fixed(len.as_usize());
                Cells::list(ranges, array.as_fixed_size_list().values(), field)?
            }
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns().iter().zip(fields);
                let members = columns.map(|(column, field)| {
                    let column = Column::new(column, field)?;
                    Ok((Name::new(field.name()), column))
                });
                Cells::Object(members.collect::<Result<_, String>>()?)
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let ranges = Ranges::Offsets(map.value_offsets());
                let (keys, entries) = (Column::unnamed(map.keys())?, map.entries());
                if matches!(
                    keys.cells,
                    Cells::List(..) | Cells::Object(_) | Cells::Map(..)
                ) {
                    return Err("a map whose keys are lists or objects".to_owned());
                }
                Cells::Map(
                    ranges,
                    keys,
                    Column::boxed(map.values(), &entries.fields()[1])?,
                )
            }
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                let values = Column::unnamed(dictionary.values())?;
                match dictionary.values().is_empty() {
                    true => Cells::Null,
                    false => Cells::Dictionary(dictionary.normalized_keys(), values),
                }
            }
            DataType::RunEndEncoded(ends, field) => {
                let (ends, values) = match ends.data_type() {
                    DataType::Int16 => {
                        let run = array.as_run::<Int16Type>();
                        (Ends::I16(run.run_ends()), run.values())
                    }
                    DataType::Int32 => {
                        let run = array.as_run::<Int32Type>();
                        (Ends::I32(run.run_ends()), run.values())
                    }
                    _ => {
                        let run = array.as_run::<Int64Type>();
                        (Ends::I64(run.run_ends()), run.values())
                    }
                };
                Cells::Run(ends, Column::boxed(values, field)?)
            }
            DataType::Duration(_) => return Err("durations, which no cell can be".to_owned()),
            DataType::Interval(_) => {
                return Err("intervals of time, which no cell can be".to_owned());
            }
            DataType::Union(..) => return Err("values of several types (a union)".to_owned()),
            other => return Err(format!("values of the type {other}")),
        })
    }

    fn list(ranges: Ranges<'a>, values: &'a dyn Array, field: &Field) -> Result<Cells<'a>, String> {
        Ok(Cells::List(ranges, Column::boxed(values, field)?))
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Odd> {
        match self {
            Cells::Null => out.extend_from_slice(b"null"),
            Cells::Boolean(values) => out.extend_from_slice(match values.value(row) {
                true => b"true",
                false => b"false",
            }),
            Cells::I8(values) => push_integer(values[row], out),
            Cells::I16(values) => push_integer(values[row], out),
            Cells::I32(values) => push_integer(values[row], out),
            Cells::I64(values) => push_integer(values[row], out),
            Cells::U8(values) => push_integer(values[row], out),
            Cells::U16(values) => push_integer(values[row], out),
            Cells::U32(values) => push_integer(values[row], out),
            Cells::U64(values) => push_integer(values[row], out),
            Cells::F16(values) => return told(push_float(values[row].to_f32(), out), Odd::Number),
            Cells::F32(values) => return told(push_float(values[row], out), Odd::Number),
            Cells::F64(values) => return told(push_float(values[row], out), Odd::Number),
            Cells::Decimal32(values, scale) => push_integer_scaled(values[row], *scale, out),
            Cells::Decimal64(values, scale) => push_integer_scaled(values[row], *scale, out),
            Cells::Decimal128(values, scale) => push_integer_scaled(values[row], *scale, out),
            Cells::Decimal256(values, scale) => {
                push_decimal(&values[row].to_string(), *scale, out);
            }
            Cells::Text(values) => json_escape_simd::escape_into(values.value(row), out),
            Cells::LargeText(values) => json_escape_simd::escape_into(values.value(row), out),
            Cells::TextView(values) => json_escape_simd::escape_into(values.value(row), out),
            Cells::Bytes(values) => return push_bytes(values.value(row), out),
            Cells::LargeBytes(values) => return push_bytes(values.value(row), out),
            Cells::BytesView(values) => return push_bytes(values.value(row), out),
            Cells::FixedBytes(values) => return push_bytes(values.value(row), out),
            Cells::Uuid(values) => push_uuid(values.value(row), out),
            Cells::Day(_)
            | Cells::DayOfMoments(_)
            | Cells::Moment(..)
            | Cells::Time32(..)
            | Cells::Time64(..) => return self.write_moment(row, out),
            Cells::List(ranges, values) => return write_list(ranges.of(row), values, out),
            Cells::Object(members) => return write_object(row, members, out),
            Cells::Map(ranges, keys, values) => {
                return write_map(ranges.of(row), keys, values, out);
            }
            Cells::Dictionary(keys, values) => return values.write(keys[row], out),
            Cells::Run(ends, values) => return values.write(ends.run_of(row), out),
        }
        Ok(())
    }

    fn write_moment(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Odd> {
        let start = out.len();
        out.push(b'"');
        let (written, odd) = match self {
            Cells::Day(values) => (push_day(values[row].into(), out), Odd::Day),
            Cells::DayOfMoments(values) => {
                (push_day(values[row].div_euclid(86_400_000), out), Odd::Day)
            }
            Cells::Moment(values, in_second, everywhere) => {
                let written = push_moment(values[row], *in_second, out);
                if *everywhere {
                    out.push(b'Z');
                }
                (written, Odd::Day)
            }
            Cells::Time32(values, in_second) => {
                (push_time(values[row].into(), *in_second, out), Odd::Time)
            }
            Cells::Time64(values, in_second) => {
                (push_time(values[row], *in_second, out), Odd::Time)
            }
            _ => (false, Odd::Day),
        };
        out.push(b'"');
        if !written {
            out.truncate(start);
            out.extend_from_slice(b"null");
        }
        told(written, odd)
    }
}

fn told(written: bool, odd: Odd) -> Result<(), Odd> {
    match written {
        true => Ok(()),
        false => Err(odd),
    }
}

fn values<T: ArrowPrimitiveType>(array: &dyn Array) -> &[T::Native] {
    array.as_primitive::<T>().values()
}

fn moments(array: &dyn Array, unit: TimeUnit) -> &[i64] {
    match unit {
        TimeUnit::Second => values::<TimestampSecondType>(array),
        TimeUnit::Millisecond => values::<TimestampMillisecondType>(array),
        TimeUnit::Microsecond => values::<TimestampMicrosecondType>(array),
        TimeUnit::Nanosecond => values::<TimestampNanosecondType>(array),
    }
}

fn in_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

#[inline]
fn push_integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn push_integer_scaled(number: impl itoa::Integer, scale: i8, out: &mut Vec<u8>) {
    push_decimal(itoa::Buffer::new().format(number), scale, out);
}

fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Odd> {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => {
            json_escape_simd::escape_into(text, out);
            Ok(())
        }
        Err(_) => {
            out.extend_from_slice(b"null");
            Err(Odd::Text)
        }
    }
}

fn push_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    let id = uuid::Uuid::from_slice(bytes).unwrap_or_default();
    out.push(b'"');
    let mut text = uuid::Uuid::encode_buffer();
    out.extend_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
    out.push(b'"');
}

/// Writes all, whatever is odd among it.
fn write_list(range: Range<usize>, values: &Column<'_>, out: &mut Vec<u8>) -> Result<(), Odd> {
    let mut all = Ok(());
    out.push(b'[');
    for (at, row) in range.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        all = all.and(values.write(row, out));
    }
    out.push(b']');
    all
}

fn write_object(row: usize, members: &[(Name, Column<'_>)], out: &mut Vec<u8>) -> Result<(), Odd> {
    let mut all = Ok(());
    out.push(b'{');
    for (at, (name, column)) in members.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        name.push(out);
        all = all.and(column.write(row, out));
    }
    out.push(b'}');
    all
}

fn write_map(
    range: Range<usize>,
    keys: &Column<'_>,
    values: &Column<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Odd> {
    let mut all = Ok(());
    out.push(b'{');
    for (at, row) in range.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let start = out.len();
        all = all.and(keys.write(row, out));
        // A number is a name, too.
        if out[start] != b'"' {
            out.insert(start, b'"');
            out.push(b'"');
        }
        out.push(b':');
        all = all.and(values.write(row, out));
    }
    out.push(b'}');
    all
}
