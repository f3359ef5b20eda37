use super::calendar::DateTime;
use super::parts::{Field, four, two};
use super::*;
use proptest::prelude::*;

fn read(format: &str, text: &str) -> Option<String> {
    let when = Format::compile(format).unwrap().parse(text)?;
    Some(format!(
        "{} {:02}:{:02}:{:02}",
        when.date, when.hour, when.minute, when.second
    ))
}

fn written(format: &Format, when: DateTime) -> String {
    let mut out = Vec::new();
    format.write(when, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn reads() {
    #[track_caller]
    fn check(format: &str, text: &str, expected: &str) {
        let expected = (!expected.is_empty()).then(|| match expected.len() {
            10 => format!("{expected} 00:00:00"),
            _ => expected.to_owned(),
        });
        assert_eq!(read(format, text), expected, "{format} {text:?}");
    }
    check("YYYY-MM-DD", "2024-02-29", "2024-02-29");
    check("YYYY-MM-DD", "2023-02-29", "");
    check("YYYY-MM-DD", "1900-02-29", "");
    check("YYYY-MM-DD", "2000-02-29", "2000-02-29");
    check("YYYY-MM-DD", "2024-04-31", "");
    check("YYYY-MM-DD", "2024-13-01", "");
    check("YYYY-MM-DD", "2024-00-01", "");
    check("YYYY-MM-DD", "2024-01-00", "");
    check("YYYY-MM-DD", "0000-01-01", "");
    check("YYYY-MM-DD", "0001-01-01", "0001-01-01");
    check("YYYY-MM-DD", "9999-12-31", "9999-12-31");
    check("YYYY-MM-DD", "2024-1-1", "");
    check("YYYY-MM-DD", "2024-01-01 ", "");
    check("YYYY-MM-DD", "2024/01/01", "");
    check("YYYY-MM-DD", "2024-01-0:", "");
    check("YYYY-MM-DD", "2024-01-0/", "");
    check("YYYY-MM-DD", "2024-01-é", "");
    check("YYYY-MM-DD", "", "");
    check("DD/MM/YYYY", "03/04/2021", "2021-04-03");
    check("MM/DD/YYYY", "03/04/2021", "2021-03-04");
    check("YYYYMMDD", "20210304", "2021-03-04");
    check("D/M/YYYY", "3/4/2021", "2021-04-03");
    check("D/M/YYYY", "03/04/2021", "2021-04-03");
    check("D/M/YYYY", "003/04/2021", "");
    check("D/M/YYYY", "/4/2021", "");
    check("D.M.YYYY", "31.12.1999", "1999-12-31");
    check("DD-MMM-YYYY", "03-jAn-2021", "2021-01-03");
    check("DD-MMM-YYYY", "03-Jän-2021", "");
    check("DMMMYYYY", "3Sep2021", "2021-09-03");
    check("D MMMM YYYY", "3 september 2021", "2021-09-03");
    check("D MMMM YYYY", "3 sept 2021", "");
    check("D [of] MMMM YYYY", "3 of May 2021", "2021-05-03");
    check("YYYY年MM月DD日", "2021年03月04日", "2021-03-04");
    check("YYYY年MM月DD日", "2021年03月04月", "");
    check(
        "YYYY-MM-DDTHH:mm:ssZ",
        "2021-03-04T23:59:58Z",
        "2021-03-04 23:59:58",
    );
    check("YYYY-MM-DD HH:mm", "2021-03-04 24:00", "");
    check("YYYY-MM-DD HH:mm", "2021-03-04 23:60", "");
    check("YYYY-MM-DDTHH:mm:ss", "2021-03-04T23:59:60", "");
    check(
        "YYYY-MM-DD HH:mm:ss.000",
        "2021-03-04 01:02:03.000",
        "2021-03-04 01:02:03",
    );
    check("M/D/YYYY H:mm", "3/4/2021 9:05", "2021-03-04 09:05:00");
}

#[test]
fn writes() {
    #[track_caller]
    fn check(format: &str, expected: &str) {
        let when = Format::compile("YYYY-MM-DD HH:mm:ss")
            .unwrap()
            .parse("0987-06-05 04:03:02")
            .unwrap();
        assert_eq!(written(&Format::compile(format).unwrap(), when), expected);
    }
    check("YYYY-MM-DD", "0987-06-05");
    check("DD/MM/YYYY HH:mm:ss", "05/06/0987 04:03:02");
    check("D/M/YYYY H:mm", "5/6/0987 4:03");
    check("D MMM YYYY", "5 Jun 0987");
    check("MMMM D, YYYY", "June 5, 0987");
    check("YYYY年M月D日", "0987年6月5日");
}

#[test]
fn refuses_formats() {
    #[track_caller]
    fn check(format: &str, expected: &str) {
        assert_eq!(Format::compile(format).unwrap_err(), expected);
    }
    check("", "date format `` has no year (YYYY)");
    check(
        "DD/MM/YY",
        "date format `DD/MM/YY` has `YY`: years are YYYY, two digits would be ambiguous",
    );
    check(
        "dd/MM/YYYY",
        "date format `dd/MM/YYYY` has `dd`: days are DD or D",
    );
    check(
        "yyyy-MM-DD",
        "date format `yyyy-MM-DD` has `yyyy`: years are YYYY",
    );
    check(
        "YYYY-mm-DD",
        "date format `YYYY-mm-DD` has no month (MM): `mm` is minutes",
    );
    check("YYYY-MM", "date format `YYYY-MM` has no day (DD)");
    check(
        "YYYY-MM-DD DD",
        "date format `YYYY-MM-DD DD` has the day twice",
    );
    check(
        "YYYY-MM-DD hh:mm",
        "date format `YYYY-MM-DD hh:mm` has `hh`: hours are HH or H, from 0 to 23",
    );
    check(
        "DMYYYY",
        "date format `DMYYYY` is ambiguous: after a field of one or two digits there must be something other than a digit",
    );
    check(
        "YYYY-MM-DD [at",
        "date format `YYYY-MM-DD [at` has a `[` without its `]`",
    );
    check(
        "YYYY-MM-DD week",
        "date format `YYYY-MM-DD week` has `w`; put words into brackets, as in `[week]`",
    );
    check(
        &"-".repeat(49),
        "a date format has at most 48 bytes, this one has 49",
    );
}

#[test]
fn iso() {
    assert_eq!(Date::parse_iso("2024-02-29"), Date::new(2024, 2, 29));
    for text in ["2023-02-29", "2024-2-29", "20240229", "today", ""] {
        assert_eq!(Date::parse_iso(text), None);
    }
}

/// The calendar as another crate has it.
fn reference(year: i64, month: i64, day: i64) -> bool {
    let small = |n: i64| i8::try_from(n).ok();
    (1..=9999).contains(&year)
        && match (small(month), small(day)) {
            (Some(m), Some(d)) => jiff::civil::Date::new(year as i16, m, d).is_ok(),
            _ => false,
        }
}

const FORMATS: [&str; 9] = [
    "YYYY-MM-DD HH:mm:ss",
    "DD/MM/YYYY HH:mm:ss",
    "MM/DD/YYYYTHH:mm:ssZ",
    "YYYYMMDDHHmmss",
    "ss mm HH DD MM YYYY",
    "D.M.YYYY H:mm:ss",
    "DMMMYYYY HH mm ss",
    "MMMM D, YYYY HH[h]mm[m]ss[s]",
    "YYYY年MM月DD日 HH:mm:ss",
];

proptest! {
    #[test]
    fn write_then_parse_is_the_identity(
        format in prop::sample::select(&FORMATS[..]),
        year in 1u16..=9999, month in 1u8..=12, day in 1u8..=31,
        hour in 0u8..24, minute in 0u8..60, second in 0u8..60,
    ) {
        let format = Format::compile(format).unwrap();
        if let Some(date) = Date::new(year, month, day) {
            let when = DateTime { date, hour, minute, second };
            prop_assert_eq!(format.parse(&written(&format, when)), Some(when));
        }
    }

    #[test]
    fn agrees_with_a_slow_reader(text in "[0-9]{4}-[0-3/][0-9:]-[0-3][0-9x]|[0-9é-]{8,11}") {
        let parts: Vec<_> = text.split('-').collect();
        let expected = match parts[..] {
            [y, m, d] if (y.len(), m.len(), d.len()) == (4, 2, 2) => {
                let n = |s: &str| s.parse().unwrap_or(-1);
                reference(n(y), n(m), n(d))
            }
            _ => false,
        };
        let format = Format::compile("YYYY-MM-DD").unwrap();
        prop_assert_eq!(format.parse(&text).is_some(), expected);
        prop_assert_eq!(format.interpret(text.as_bytes()), format.parse(&text));
        prop_assert_eq!(Date::parse_iso(&text), format.parse(&text).map(|t| t.date));
    }

    #[test]
    fn nothing_panics(format in "[YMDHms/\\-: T年\\[\\]é0x]{0,20}", text in "\\PC{0,24}") {
        if let Ok(format) = Format::compile(&format) {
            let _ = format.parse(&text);
        }
    }
}

#[test]
fn a_rewrite_is_reading_and_writing() {
    #[track_caller]
    fn check(from: &str, to: &str, text: &str) {
        let (from, to) = (Format::compile(from).unwrap(), Format::compile(to).unwrap());
        let expected = from.parse(text).map(|when| written(&to, when));
        let mut out = b"before".to_vec();
        let found = Rewrite::new(from, to).apply(text, &mut out);
        let found = found.map(|done| match done {
            Rewritten::AsItIs => text.to_owned(),
            Rewritten::Appended => String::from_utf8(out.split_off(6)).unwrap(),
        });
        assert_eq!(found, expected, "{text}");
        assert_eq!(out, b"before");
    }
    let formats = [
        ("DD/MM/YYYY", "YYYY-MM-DD"),
        ("YYYY-MM-DD", "YYYY-MM-DD"),
        ("MM/DD/YYYY", "DD/MM/YYYY"),
        ("YYYYMMDD", "YYYY年MM月DD日"),
        ("YYYY-MM-DD", "D MMM YYYY"),
    ];
    for (from, to) in formats {
        let source = Format::compile(from).unwrap();
        for year in [0, 1, 99, 100, 1900, 2000, 2023, 2024, 9999] {
            for (month, day) in (0..=13).flat_map(|m| (0..=32).map(move |d| (m, d))) {
                let mut text = source.fixed.as_ref().unwrap().template.to_vec();
                for (field, digits) in [
                    (Field::Year, &four(year)[..]),
                    (Field::Month, &two(month)),
                    (Field::Day, &two(day)),
                ] {
                    let at =
                        usize::from(source.fixed.as_ref().unwrap().at[field as usize].unwrap());
                    text[at..at + digits.len()].copy_from_slice(digits);
                }
                check(from, to, std::str::from_utf8(&text).unwrap());
            }
        }
    }
    let timed = "YYYY-MM-DD HH:mm:ss";
    for text in [
        "2024-02-29 23:59:59",
        "2023-02-29 23:59:59",
        "2024-02-28 24:00:00",
        "2024-02-28",
        "",
    ] {
        check(timed, "YYYY-MM-DD", text);
        check(timed, "DD.MM.YYYY HH:mm", text);
        check(timed, timed, text);
    }
    check("D MMM YYYY", "D MMM YYYY", "5 JUN 2021");
}

#[test]
fn the_fast_path_and_the_interpreter_agree_on_every_day() {
    let format = Format::compile("DD/MM/YYYY").unwrap();
    for year in [1, 4, 100, 400, 1900, 1999, 2000, 2023, 2024, 9999] {
        for month in 0..=13 {
            for day in 0..=32 {
                let text = format!("{day:02}/{month:02}/{year:04}");
                let fast = format.parse(&text);
                assert_eq!(fast, format.interpret(text.as_bytes()), "{text}");
                assert_eq!(fast.is_some(), reference(year, month, day), "{text}");
            }
        }
    }
}
