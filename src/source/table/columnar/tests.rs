//! Values of every type as JSON, and back.

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, MapBuilder, StringBuilder};
use arrow_array::types::{ArrowPrimitiveType, Float16Type, Int8Type, Int16Type, Int32Type};
use arrow_array::*;
use arrow_buffer::i256;
use arrow_schema::{DataType, Field};
use proptest::prelude::*;
use serde_json::Value;

use super::cells::{Column, Odd};

fn told(array: &dyn Array) -> (Vec<String>, Vec<Odd>) {
    let field = Field::new("a", array.data_type().clone(), true);
    told_of(array, &field)
}

fn told_of(array: &dyn Array, field: &Field) -> (Vec<String>, Vec<Odd>) {
    let column = Column::new(array, field).unwrap();
    let mut odd = Vec::new();
    let row = |row| {
        let mut out = Vec::new();
        odd.extend(column.write(row, &mut out).err());
        String::from_utf8(out).unwrap()
    };
    let rows = (0..array.len()).map(row).collect();
    (rows, odd)
}

#[track_caller]
fn check(array: impl Array, expected: &[&str]) {
    assert_eq!(told(&array).0, expected, "{}", array.data_type());
    // A part of an array begins somewhere in its values.
    let part = array.slice(1, array.len() - 1);
    assert_eq!(told(&part).0, &expected[1..], "{}", array.data_type());
}

fn half(number: f32) -> <Float16Type as ArrowPrimitiveType>::Native {
    <Float16Type as ArrowPrimitiveType>::Native::from_f32(number)
}

#[test]
fn values_of_one_type() {
    check(
        StringArray::from(vec![Some("a\"\n"), None, Some("")]),
        &["\"a\\\"\\n\"", "null", "\"\""],
    );
    check(LargeStringArray::from(vec!["é", "b"]), &["\"é\"", "\"b\""]);
    check(
        StringViewArray::from(vec!["short", "longer than twelve bytes"]),
        &["\"short\"", "\"longer than twelve bytes\""],
    );
    check(
        BinaryArray::from_vec(vec![b"x", b"\xc3\xa9"]),
        &["\"x\"", "\"é\""],
    );
    check(
        BinaryViewArray::from(vec![&b"x"[..], b"y"]),
        &["\"x\"", "\"y\""],
    );
    check(
        BooleanArray::from(vec![Some(true), Some(false), None]),
        &["true", "false", "null"],
    );
    check(Int8Array::from(vec![i8::MIN, 1]), &["-128", "1"]);
    check(
        UInt64Array::from(vec![u64::MAX, 0]),
        &["18446744073709551615", "0"],
    );
    check(
        Float16Array::from(vec![half(1.5), half(-2.0)]),
        &["1.5", "-2"],
    );
    check(Float32Array::from(vec![0.1, 1e10]), &["0.1", "10000000000"]);
    let decimal = Decimal128Array::from(vec![5_200_050, -5]).with_precision_and_scale(10, 2);
    check(decimal.unwrap(), &["52000.50", "-0.05"]);
    let decimal = Decimal256Array::from(vec![i256::from_i128(i128::MAX), i256::ZERO]);
    check(
        decimal.with_precision_and_scale(76, 3).unwrap(),
        &["170141183460469231731687303715884105.727", "0.000"],
    );
    check(
        Date32Array::from(vec![20_784, 0]),
        &["\"2026-11-27\"", "\"1970-01-01\""],
    );
    check(
        Date64Array::from(vec![86_400_000, -1]),
        &["\"1970-01-02\"", "\"1969-12-31\""],
    );
    check(
        TimestampMillisecondArray::from(vec![0, 1500]),
        &["\"1970-01-01T00:00:00\"", "\"1970-01-01T00:00:01.500\""],
    );
    check(
        TimestampSecondArray::from(vec![0, 1]).with_timezone("Europe/Berlin"),
        &["\"1970-01-01T00:00:00Z\"", "\"1970-01-01T00:00:01Z\""],
    );
    check(
        Time32SecondArray::from(vec![0, 30_600]),
        &["\"00:00:00\"", "\"08:30:00\""],
    );
    check(
        Time64NanosecondArray::from(vec![0, 1]),
        &["\"00:00:00\"", "\"00:00:00.000000001\""],
    );
    check(NullArray::new(2), &["null", "null"]);
    let dictionary: DictionaryArray<Int8Type> = vec![Some("a"), None, Some("b"), Some("a")]
        .into_iter()
        .collect();
    check(dictionary, &["\"a\"", "null", "\"b\"", "\"a\""]);
    let run: RunArray<Int16Type> = vec![Some("a"), Some("a"), None, Some("b")]
        .into_iter()
        .collect();
    check(run, &["\"a\"", "\"a\"", "null", "\"b\""]);
}

#[test]
fn values_in_values() {
    let lists = vec![Some(vec![Some(1), None]), None, Some(vec![])];
    check(
        ListArray::from_iter_primitive::<Int32Type, _, _>(lists.clone()),
        &["[1,null]", "null", "[]"],
    );
    check(
        LargeListArray::from_iter_primitive::<Int32Type, _, _>(lists),
        &["[1,null]", "null", "[]"],
    );
    let fixed = vec![
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![None, Some(4)]),
    ];
    check(
        FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(fixed, 2),
        &["[1,2]", "null", "[null,4]"],
    );
    let first: ArrayRef = Arc::new(StringArray::from(vec![Some("Mara"), None]));
    let objects = StructArray::from(vec![(
        Arc::new(Field::new("first", DataType::Utf8, true)),
        first,
    )]);
    check(objects, &["{\"first\":\"Mara\"}", "{\"first\":null}"]);
    let mut maps = MapBuilder::new(None, Int32Builder::new(), StringBuilder::new());
    maps.keys().append_value(7);
    maps.values().append_value("x");
    maps.append(true).unwrap();
    maps.append(true).unwrap();
    check(maps.finish(), &["{\"7\":\"x\"}", "{}"]);
}

#[test]
fn what_no_cell_can_be() {
    let (rows, odd) = told(&Float64Array::from(vec![f64::NAN, 1.0]));
    assert_eq!(
        (rows[0].as_str(), &odd[..]),
        ("\"NaN\"", &[Odd::Number][..])
    );
    let (rows, odd) = told(&BinaryArray::from_vec(vec![b"\xff"]));
    assert_eq!((rows[0].as_str(), &odd[..]), ("null", &[Odd::Text][..]));
    let (rows, odd) = told(&Date32Array::from(vec![i32::MAX]));
    assert_eq!((rows[0].as_str(), &odd[..]), ("null", &[Odd::Day][..]));
    let (rows, odd) = told(&Time32SecondArray::from(vec![-1]));
    assert_eq!((rows[0].as_str(), &odd[..]), ("null", &[Odd::Time][..]));
    let durations = DurationSecondArray::from(vec![1]);
    let field = Field::new("a", durations.data_type().clone(), true);
    assert!(Column::new(&durations, &field).is_err());
}

#[test]
fn identifiers_of_sixteen_bytes() {
    let bytes = FixedSizeBinaryArray::try_from_iter([[0u8; 16]].into_iter()).unwrap();
    let field = Field::new("a", DataType::FixedSizeBinary(16), true);
    let field = field.with_metadata([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())]);
    assert_eq!(
        told_of(&bytes, &field).0,
        ["\"00000000-0000-0000-0000-000000000000\""]
    );
}

proptest! {
    #[test]
    fn texts_and_numbers_come_back(
        texts in proptest::collection::vec(proptest::option::of(".*"), 1..20),
        number: i64,
        float in proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL,
    ) {
        let back = |array: &dyn Array| -> Vec<Value> {
            told(array).0.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
        };
        let expected: Vec<Value> = texts.iter().cloned().map(Value::from).collect();
        prop_assert_eq!(back(&StringArray::from(texts.clone())), &expected[..]);
        prop_assert_eq!(back(&StringViewArray::from(texts)), expected);
        prop_assert_eq!(&back(&Int64Array::from(vec![number]))[0], &Value::from(number));
        let (rows, _) = told(&Float64Array::from(vec![float]));
        prop_assert!(!rows[0].contains(['e', 'E']));
        prop_assert_eq!(rows[0].parse::<f64>().unwrap(), float);
    }
}
