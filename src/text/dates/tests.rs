use super::calendar::{DateTime, USUAL_YEARS};
use super::parts::{Field, four, two};
use super::*;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
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
        "date format `DD/MM/YY` has `YY`, a year of two digits: a `date` stage reads `YY` where the first of the \
         hundred years is stated, as in `century_from: 1927` for 1927 to 2026",
    );
    check(
        "DD-MON-RR",
        "date format `DD-MON-RR` has `O`: months are MM or M, their names MMM (Jan) or MMMM (January)",
    );
    check(
        "DD-MMM-RRRR",
        "date format `DD-MMM-RRRR` has `RRRR`: years are YYYY",
    );
    check(
        "dd/MM/YYYY",
        "date format `dd/MM/YYYY` has `dd`: days are DD or D, days of the week EEE or EEEE",
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
    for format in ["YYYY-MM-DD hh:mm", "YYYY-MM-DD HH:mm a", "YYYY-MM-DD A"] {
        check(
            format,
            &format!(
                "date format `{format}` has hours of half a day (hh or h) without AM or PM (a), or the other way round: \
                 hours from 0 to 23 are HH or H"
            ),
        );
    }
    check(
        "YYYY-MM-DD HH hh a",
        "date format `YYYY-MM-DD HH hh a` has the hour twice",
    );
    check(
        "YYYY-MM-DD MMM",
        "date format `YYYY-MM-DD MMM` has the month twice",
    );
    check(
        "YYYY-MM-DD HH:mm.SSS",
        "date format `YYYY-MM-DD HH:mm.SSS` has a fraction of a second (SSS) and no second (ss)",
    );
    check(
        "YYYY-MM-DD HH:mm:ss.SS",
        "date format `YYYY-MM-DD HH:mm:ss.SS` has `SS`: seconds are ss, fractions of a second SSS",
    );
    check(
        "YYYY-MM-DD HH:mm:ssXXX",
        "date format `YYYY-MM-DD HH:mm:ssXXX` has `XXX`: an offset from UTC is Z",
    );
    check(
        "EXCEL",
        "date format `EXCEL` is written `[excel]`, and in YAML within quotes: \"[excel]\"",
    );
    for format in [
        "DMYYYY",
        "YYYY-MM-DDTHH:mm:ss.SSS0",
        "YYYY-MM-DDZ:00",
        "HHZYYYY-MM-DD",
    ] {
        check(
            format,
            &format!(
                "date format `{format}` is ambiguous: after a field of one or two digits, a fraction or an offset there \
                 must be something other than a digit"
            ),
        );
    }
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

const FORMATS: [&str; 16] = [
    "YYYY-MM-DD HH:mm:ss",
    "DD/MM/YYYY HH:mm:ss",
    "MM/DD/YYYYTHH:mm:ssZ",
    "YYYYMMDDHHmmss",
    "ss mm HH DD MM YYYY",
    "D.M.YYYY H:mm:ss",
    "DMMMYYYY HH mm ss",
    "MMMM D, YYYY HH[h]mm[m]ss[s]",
    "YYYY年MM月DD日 HH:mm:ss",
    "YYYY-MM-DDTHH:mm:ss[Z]",
    "YYYY-MM-DDTHH:mm:ss.SSSZ",
    "hh:mm:ss a MM/DD/YYYY",
    "M/D/YYYY h:mm:ss A",
    "EEEE, D MMM YYYY HH:mm:ssZ",
    "[epoch_s]",
    "[odata]",
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
        prop_assert_eq!(format.interpret(&text), format.parse(&text));
        prop_assert_eq!(Date::parse_iso(&text), format.parse(&text).map(|t| t.date));
    }

    #[test]
    fn nothing_panics(format in "[YMDHhmsSaAEZ/\\-: T年\\[\\]é0x]{0,20}", text in "\\PC{0,24}") {
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
        let found = Rewrite::new(from, to).apply(text, &mut out, &mut Tally::default());
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
                let mut text = source.fixed().unwrap().template.to_vec();
                for (field, digits) in [
                    (Field::Year, &four(year)[..]),
                    (Field::Month, &two(month)),
                    (Field::Day, &two(day)),
                ] {
                    let at = usize::from(source.fixed().unwrap().at[field as usize].unwrap());
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
                assert_eq!(fast, format.interpret(&text), "{text}");
                assert_eq!(fast.is_some(), reference(year, month, day), "{text}");
            }
        }
    }
}

fn settings(century_from: Option<u16>, language: Option<Language>, zone: Option<&str>) -> Settings {
    Settings {
        century_from,
        language,
        zone: zone.map(|name| Zone::named(name).unwrap()),
    }
}

#[track_caller]
fn check_with(settings: &Settings, format: &str, text: &str, expected: &str) {
    let when = Format::with(format, settings).unwrap().parse(text);
    let day = when.map(|when| when.date.to_string());
    assert_eq!(day.unwrap_or_default(), expected, "{format} {text:?}");
}

#[test]
fn times_of_half_a_day() {
    #[track_caller]
    fn check(format: &str, text: &str, expected: &str) {
        let found = read(
            &format!("YYYY-MM-DD {format}"),
            &format!("2021-03-04 {text}"),
        );
        let time = found.map(|found| found["2021-03-04 ".len()..].to_owned());
        assert_eq!(time.unwrap_or_default(), expected, "{format} {text:?}");
    }
    check("hh:mm a", "12:00 AM", "00:00:00");
    check("hh:mm a", "12:30 am", "00:30:00");
    check("hh:mm a", "01:00 am", "01:00:00");
    check("hh:mm a", "11:59 AM", "11:59:00");
    check("hh:mm a", "12:00 PM", "12:00:00");
    check("hh:mm A", "01:00 pm", "13:00:00");
    check("hh:mm A", "11:59 p.m.", "23:59:00");
    check("h:mm:ss a", "9:05:07 A.M.", "09:05:07");
    check("h:mma", "9:05P", "");
    check("h:mma", "9:05p.m", "");
    check("h:mma", "9:05pm", "21:05:00");
    check("hh:mm a", "00:30 AM", "");
    check("hh:mm a", "13:00 PM", "");
    check("hh:mm a", "1:00 PM", "");
    check("h:mm a", "1:00", "");
}

#[test]
fn fractions_and_offsets() {
    #[track_caller]
    fn check(format: &str, text: &str, expected: &str) {
        check_with(&Settings::default(), format, text, expected);
    }
    let fraction = "YYYY-MM-DDTHH:mm:ss.SSSZ";
    for digits in ["0", "123", "1234567", "123456789012345678901234567890"] {
        check(
            fraction,
            &format!("2021-03-14T23:00:00.{digits}Z"),
            "2021-03-14",
        );
    }
    check(fraction, "2021-03-14T23:00:00.Z", "");
    check(fraction, "2021-03-14T23:00:00Z", "");
    check(fraction, "2021-03-14T23:00:00.1x", "");
    for offset in [
        "Z",
        "z",
        "+01:00",
        "-0800",
        "+01",
        "-00:00",
        "\u{2212}03:00",
        "+14:00",
    ] {
        check("YYYY-MM-DDZ", &format!("2021-03-15{offset}"), "2021-03-15");
    }
    for offset in [
        "",
        "UTC",
        "+1",
        "+1:00",
        "+01:",
        "+01:0",
        "+01:60",
        "+15:00",
        "+14:01",
        "+01:00:00",
        "01:00",
        "+é1",
    ] {
        check("YYYY-MM-DDZ", &format!("2021-03-15{offset}"), "");
    }
    check("YYYY-MM-DDTHH:mm:ss[Z]", "2021-03-14T23:00:00+01:00", "");
}

#[test]
fn a_moment_becomes_a_day_of_the_zone() {
    let berlin = settings(None, None, Some("Europe/Berlin"));
    let moment = "YYYY-MM-DDTHH:mm:ssZ";
    for (text, expected) in [
        ("2021-03-14T23:00:00Z", "2021-03-15"),
        ("2021-06-30T22:00:00Z", "2021-07-01"),
        ("2021-06-30T21:59:59Z", "2021-06-30"),
        ("2021-01-01T00:00:00Z", "2021-01-01"),
        ("2021-03-15T00:00:00+01:00", "2021-03-15"),
        ("2021-03-15T00:00:00+0530", "2021-03-14"),
        ("2021-03-14T20:00:00-03", "2021-03-15"),
        // Years that no date can have: the day stays as it is written.
        ("9999-12-31T23:59:59Z", "9999-12-31"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01"),
    ] {
        check_with(&berlin, moment, text, expected);
    }
    check_with(&berlin, "[epoch_ms]", "1615762800000", "2021-03-15");
    check_with(&berlin, "[epoch_s]", "1615762800", "2021-03-15");
    check_with(&berlin, "[odata]", "/Date(1615762800000)/", "2021-03-15");
    check_with(
        &Settings::default(),
        "[odata]",
        "/Date(1615762800000)/",
        "2021-03-14",
    );
    // A day with an offset is no moment, and a time without one is written by that clock.
    let honolulu = settings(None, None, Some("Pacific/Honolulu"));
    check_with(&honolulu, "YYYY-MM-DDZ", "2021-03-15-08:00", "2021-03-15");
    check_with(
        &honolulu,
        "YYYY-MM-DDTHH:mm:ss[Z]",
        "2021-03-15T00:00:00Z",
        "2021-03-15",
    );
    check_with(&honolulu, "[excel]", "44270.01", "2021-03-15");
    check_with(&honolulu, moment, "2021-03-15T00:00:00Z", "2021-03-14");
}

#[test]
fn zones_have_names() {
    for name in [
        "Europe/Berlin",
        "UTC",
        "Pacific/Kiritimati",
        "America/St_Johns",
    ] {
        assert_eq!(Zone::named(name).unwrap().to_string(), name);
        // Where the system has none, the program's own are used.
        assert!(TimeZoneDatabase::bundled().get(name).is_ok());
    }
    for name in ["", "Berlin", "Europe/Berln", "Etc/Unknown", "+01:00"] {
        assert_eq!(Zone::named(name), None, "{name}");
    }
    let today = Today {
        day: Date::MIN,
        zone: Zone::named("Asia/Tokyo").unwrap(),
    };
    assert_eq!(today.to_string(), "0001-01-01 in Asia/Tokyo");
}

#[test]
fn years_of_two_digits() {
    for first in [1, 1900, 1927, 1950, 1999, 2000, 9900] {
        let settings = settings(Some(first), None, None);
        for year in first..first + 100 {
            let text = format!("{:02}-01-02", year % 100);
            check_with(&settings, "YY-MM-DD", &text, &format!("{year:04}-01-02"));
        }
    }
    let from_1927 = settings(Some(1927), None, None);
    check_with(&from_1927, "DD-MMM-YY", "04-JUL-61", "1961-07-04");
    check_with(&from_1927, "DD-MMM-YY", "29-FEB-04", "2004-02-29");
    check_with(&from_1927, "DD-MMM-YY", "29-FEB-27", "");
    check_with(&from_1927, "DD-MMM-YY", "04-JUL-1961", "");
    // A hundred years that begin where a leap year is missing.
    check_with(&settings(Some(1900), None, None), "YYMMDD", "000229", "");
    check_with(
        &settings(Some(2000), None, None),
        "YYMMDD",
        "000229",
        "2000-02-29",
    );
}

#[test]
fn names_of_languages() {
    let read = |language, format, texts: &[(&str, &str)]| {
        for (text, expected) in texts {
            check_with(
                &settings(None, Some(language), None),
                format,
                text,
                expected,
            );
        }
    };
    read(
        Language::De,
        "D. MMM. YYYY",
        &[
            ("15. Mär. 2021", "2021-03-15"),
            ("15. März. 2021", "2021-03-15"),
            ("15. MRZ. 2021", "2021-03-15"),
            ("1. Okt. 2019", "2019-10-01"),
            ("24. Dez. 2020", "2020-12-24"),
            ("3. Mai 2018", ""),
            ("24. Dec. 2020", ""),
        ],
    );
    read(
        Language::De,
        "D. MMM YYYY",
        &[
            ("3. Mai 2018", "2018-05-03"),
            ("15. Mär. 2021", "2021-03-15"),
            ("15. mär 2021", "2021-03-15"),
            ("15. Mär.. 2021", ""),
        ],
    );
    read(
        Language::De,
        "EEEE, D. MMMM YYYY",
        &[
            ("Montag, 15. März 2021", "2021-03-15"),
            ("MONTAG, 15. MÄRZ 2021", "2021-03-15"),
            ("Montag, 15. MARZ 2021", "2021-03-15"),
            ("Dienstag, 15. März 2021", ""),
        ],
    );
    read(
        Language::De,
        "EEE DD.MM.YYYY",
        &[
            ("Mo. 15.03.2021", "2021-03-15"),
            ("Mo 15.03.2021", "2021-03-15"),
        ],
    );
    read(
        Language::Fr,
        "D MMM YYYY",
        &[
            ("1 AOÛT 2020", "2020-08-01"),
            ("1 aout 2020", "2020-08-01"),
            ("4 févr. 2020", "2020-02-04"),
            ("4 juil. 2020", "2020-07-04"),
            ("4 juin 2020", "2020-06-04"),
        ],
    );
    read(
        Language::Es,
        "D [de] MMMM [de] YYYY",
        &[
            ("3 de septiembre de 2021", "2021-09-03"),
            ("3 de Setiembre de 2021", "2021-09-03"),
        ],
    );
    read(
        Language::It,
        "D MMMM YYYY",
        &[("3 gennaio 2021", "2021-01-03")],
    );
    read(
        Language::Pt,
        "D/MMM/YYYY",
        &[("3/fev./2021", "2021-02-03"), ("3/MAR/2021", "2021-03-03")],
    );
    read(Language::Nl, "D MMM YYYY", &[("3 mrt. 2021", "2021-03-03")]);
    read(
        Language::Pl,
        "D MMMM YYYY",
        &[
            ("3 września 2021", "2021-09-03"),
            ("3 wrzesień 2021", "2021-09-03"),
            ("3 PAŹDZIERNIKA 2021", "2021-10-03"),
            ("3 maja 2021", "2021-05-03"),
        ],
    );
    read(
        Language::Sv,
        "D MMM YYYY",
        &[("3 maj 2021", "2021-05-03"), ("3 okt. 2021", "2021-10-03")],
    );
    read(
        Language::Da,
        "D. MMMM YYYY",
        &[("3. marts 2021", "2021-03-03")],
    );
    read(
        Language::Nb,
        "D. MMMM YYYY",
        &[("3. desember 2021", "2021-12-03")],
    );
    read(
        Language::Fi,
        "D. MMMM YYYY",
        &[
            ("3. tammikuuta 2021", "2021-01-03"),
            ("3. Kesäkuu 2021", "2021-06-03"),
        ],
    );
    read(
        Language::Cs,
        "D. MMMM YYYY",
        &[
            ("3. července 2021", "2021-07-03"),
            ("3. června 2021", "2021-06-03"),
            ("3. ŘÍJEN 2021", "2021-10-03"),
        ],
    );
}

#[test]
fn days_of_the_week_are_those_of_the_calendar() {
    let format = Format::compile("EEEE D MMMM YYYY").unwrap();
    for day in days_of(USUAL_YEARS) {
        let text = written(&format, DateTime::midnight(day));
        let weekday = jiff_date(day).weekday().to_sunday_zero_offset();
        assert_eq!(day.weekday(), weekday as u8);
        assert!(
            text.starts_with(["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][weekday as usize]),
            "{text}"
        );
    }
}

fn days_of(years: std::ops::RangeInclusive<u16>) -> impl Iterator<Item = Date> {
    let first = Date::new(*years.start(), 1, 1).unwrap();
    let days = (0..).map(move |n| first.plus(n).unwrap());
    days.take_while(move |day| day.year() <= *years.end())
}

fn jiff_date(day: Date) -> jiff::civil::Date {
    jiff::civil::date(day.year() as i16, day.month() as i8, day.day() as i8)
}

#[test]
fn every_day_is_what_is_written_in_every_format() {
    let from_1850 = settings(Some(1850), None, None);
    let formats = [
        "YYYY-MM-DD",
        "DD/MM/YYYY",
        "MM/DD/YYYY",
        "YYYYMMDD",
        "DDMMYYYY",
        "D.M.YYYY",
        "M/D/YYYY",
        "D MMM YYYY",
        "DD-MMM-YYYY",
        "MMMM D, YYYY",
        "EEE, DD MMM YYYY",
        "YYYY年M月D日",
        "YYYY-MM-DDZ",
        "YYYY-MM-DDTHH:mm:ss.SSSZ",
        "M/D/YYYY h:mm:ss a",
        "[excel1904]",
        "[excel]",
        "[epoch_s]",
        "[epoch_ms]",
        "[odata]",
        "DD-MMM-YY",
        "YYMMDD",
    ];
    let formats = formats.map(|format| Format::with(format, &from_1850).unwrap());
    let mut text = Vec::new();
    // The years of those who work today, and of day numbers' beginnings.
    for day in days_of(1896..=2060) {
        let when = DateTime::midnight(day);
        for format in &formats {
            let first = match format.source() {
                "[excel]" => 1900,
                "[excel1904]" => 1904,
                _ => 1850,
            };
            let last = if format.has_short_year() { 1949 } else { 2200 };
            if (first..=last).contains(&day.year()) {
                text.clear();
                format.write(when, &mut text);
                let read = format.parse(std::str::from_utf8(&text).unwrap());
                assert_eq!(read, Some(when), "{} {day}", format.source());
            }
        }
    }
}

#[test]
fn day_numbers_are_those_of_the_calendar() {
    let mut number = Date::MIN.number();
    let mut jiff = jiff::civil::date(1, 1, 1);
    for day in days_of(1..=9998).step_by(97) {
        assert_eq!(jiff_date(day), jiff);
        assert_eq!(
            (day.number(), Date::from_number(number)),
            (number, Some(day))
        );
        number += 97;
        jiff = jiff.checked_add(jiff::Span::new().days(97)).unwrap();
    }
    assert_eq!(Date::new(1970, 1, 1).unwrap().number(), 0);
    assert_eq!(Date::MIN.plus(-1), None);
    assert_eq!(Date::MIN.plus(i64::MAX), None);
    assert_eq!(Date::new(9999, 12, 31).unwrap().plus(1), None);
    assert_eq!(
        Date::new(2024, 2, 28).unwrap().plus(2),
        Date::new(2024, 3, 1)
    );
}

#[test]
fn formats_that_contradict_each_other() {
    #[track_caller]
    fn check(one: &str, other: &str, expected: &str) {
        let from_1927 = settings(Some(1927), None, None);
        let [one, other] = [one, other].map(|f| Format::with(f, &from_1927).unwrap());
        let found = conflict(&one, &other).map(|found| found.to_string());
        let sources = (one.source(), other.source());
        assert_eq!(found.unwrap_or_default(), expected, "{sources:?}");
        // Whichever stands first.
        assert_eq!(
            conflict(&other, &one).is_some(),
            !expected.is_empty(),
            "{sources:?}"
        );
    }
    check(
        "DD/MM/YYYY",
        "MM/DD/YYYY",
        "02/01/2021 is 2021-01-02 in the one and 2021-02-01 in the other",
    );
    check(
        "M/D/YYYY",
        "DD/MM/YYYY",
        "01/02/2021 is 2021-01-02 in the one and 2021-02-01 in the other",
    );
    check(
        "D.M.YYYY",
        "MM.D.YYYY",
        "02.1.2021 is 2021-01-02 in the one and 2021-02-01 in the other",
    );
    check(
        "YYYY-MM-DD",
        "YYYY-DD-MM",
        "2021-01-02 is 2021-01-02 in the one and 2021-02-01 in the other",
    );
    check(
        "YYYYMMDD",
        "DDMMYYYY",
        "19110101 is 1911-01-01 in the one and 0101-11-19 in the other",
    );
    check(
        "YYMMDD",
        "DDMMYY",
        "210101 is 2021-01-01 in the one and 2001-01-21 in the other",
    );
    check(
        "[excel]",
        "[excel1904]",
        "44197 is 2021-01-01 in the one and 2025-01-02 in the other",
    );
    check(
        "[epoch_s]",
        "[epoch_ms]",
        "1609459200 is 2021-01-01 in the one and 1970-01-19 in the other",
    );
    check(
        "[excel]",
        "[epoch_s]",
        "44197 is 2021-01-01 in the one and 1970-01-01 in the other",
    );
    check(
        "YYYYMMDD",
        "[epoch_s]",
        "20210101 is 2021-01-01 in the one and 1970-08-22 in the other",
    );
    check(
        "YYMMDD",
        "[excel]",
        "210101 is 2021-01-01 in the one and 2475-03-26 in the other",
    );
    check(
        "DD/MM/YYYY hh:mm a",
        "MM/DD/YYYY h:mm A",
        "02/01/2021 11:59 pm is 2021-01-02 in the one and 2021-02-01 in the other",
    );
    for (one, other) in [
        ("DD/MM/YYYY", "D MMM YYYY"),
        ("DD/MM/YYYY", "D/M/YYYY"),
        ("DD/MM/YYYY", "DD/MM/YY"),
        ("DD/MM/YYYY", "MM-DD-YYYY"),
        ("DD/MM/YYYY", "YYYY/MM/DD"),
        ("DD/MM/YYYY", "DD/MM/YYYY"),
        ("D. MMM YYYY", "D. MMM. YYYY"),
        ("D MMM YYYY", "D MMMM YYYY"),
        ("YYYY-MM-DD", "[excel]"),
        ("YYYYMMDD", "[excel]"),
        ("DDMMYYYY", "[excel]"),
        ("YYYY-MM-DDTHH:mm:ssZ", "YYYY-MM-DDTHH:mm:ss[Z]"),
        ("YYYY-MM-DDTHH:mm:ss.SSSZ", "YYYY-MM-DDTHH:mm:ssZ"),
        ("MM/DD/YYYY HH:mm", "MM/DD/YYYY hh:mm a"),
    ] {
        check(one, other, "");
    }
    // With a zone, the one is a moment and the other what is written.
    let berlin = settings(None, None, Some("Europe/Berlin"));
    let [one, other] = ["YYYY-MM-DDTHH:mm:ssZ", "YYYY-MM-DDTHH:mm:ss[Z]"]
        .map(|format| Format::with(format, &berlin).unwrap());
    let found = conflict(&one, &other).map(|found| found.text);
    assert_eq!(found.as_deref(), Some("2021-01-02T23:59:59Z"));
}

#[test]
fn what_may_not_have_been_meant_is_counted() {
    let tally = |from: &str, to: &str, texts: &[&str]| {
        let [from, to] = [from, to].map(|format| Format::compile(format).unwrap());
        let rewrite = Rewrite::new(from, to);
        let mut tally = Tally::default();
        for text in texts {
            assert!(
                rewrite.apply(text, &mut Vec::new(), &mut tally).is_some(),
                "{text}"
            );
        }
        let sentinels: Vec<_> = tally.sentinels().map(|day| day.to_string()).collect();
        (tally.times, tally.far, sentinels.join(" "))
    };
    let nothing = || (0, 0, String::new());
    let usual = ["1850-01-01", "1899-12-31", "2024-02-29", "2200-12-31"];
    assert_eq!(tally("YYYY-MM-DD", "YYYY-MM-DD", &usual), nothing());
    let far = [
        "1849-12-31",
        "2201-01-01",
        "9999-12-31",
        "9999-12-31",
        "0001-01-01",
        "1021-03-04",
    ];
    for to in ["YYYY-MM-DD", "DD/MM/YYYY", "D MMM YYYY"] {
        let expected = (0, 6, "0001-01-01 9999-12-31".to_owned());
        assert_eq!(tally("YYYY-MM-DD", to, &far), expected);
    }
    let timed = "YYYY-MM-DD HH:mm";
    let texts = ["2021-03-04 00:00", "2021-03-04 00:01", "9999-12-31 23:59"];
    assert_eq!(
        tally(timed, "YYYY-MM-DD", &texts),
        (2, 1, "9999-12-31".to_owned())
    );
    assert_eq!(
        tally(timed, "D.M.YYYY", &texts),
        (2, 1, "9999-12-31".to_owned())
    );
    assert_eq!(tally(timed, timed, &texts), (0, 1, "9999-12-31".to_owned()));
    assert_eq!(
        tally("[excel]", "YYYY-MM-DD", &["44270", "44270.5"]),
        (1, 0, String::new())
    );
}

#[test]
fn days_are_shown_as_a_format_has_them() {
    let last = Date::new(9999, 12, 31).unwrap();
    let shown = |format: &str| {
        Format::compile(format)
            .unwrap()
            .example(last)
            .unwrap_or_default()
    };
    assert_eq!(shown("DD.MM.YYYY"), "31.12.9999");
    assert_eq!(shown("[excel]"), "2958465");
    assert_eq!(shown("D MMM YYYY"), "");
    let short = Format::with("DD.MM.YY", &settings(Some(1927), None, None)).unwrap();
    assert_eq!(short.example(last), None);
}

proptest! {
    /// Whatever a text is, the quick ways of reading it agree with the slow one.
    #[test]
    fn any_text_is_read_as_piece_by_piece(
        format in prop::sample::select(&FORMATS[..14]), zone in any::<bool>(),
        text in "[0-9]{4}-[0-3][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-][0-9:]{2,6})?\
                 |[0-3]?[0-9][./ ][0-9A-Za-z]{1,9}[./ ][0-9]{4}[T ][0-9: ]{4,9}( ?[AaPp]\\.?[mM]\\.?)?|\\PC{0,24}",
    ) {
        let settings = settings(None, None, zone.then_some("Europe/Berlin"));
        let format = Format::with(format, &settings).unwrap();
        let read = format.parse(&text);
        prop_assert_eq!(read, format.interpret(&text), "{}", text);
        if let (Some(when), false) = (read, zone) {
            prop_assert_eq!(format.parse(&written(&format, when)), Some(when));
        }
    }

    /// Offsets and zones as another crate has them.
    #[test]
    fn a_zone_is_that_of_jiff(
        seconds in -62_000_000_000i64..253_000_000_000, minutes in -840i32..=840,
        name in prop::sample::select(&["Europe/Berlin", "Pacific/Auckland", "America/St_Johns", "Asia/Kolkata", "Africa/Monrovia", "UTC"][..]),
    ) {
        let at = Timestamp::from_second(seconds).unwrap();
        let offset = jiff::tz::Offset::from_seconds(minutes * 60).unwrap();
        let local = offset.to_datetime(at);
        let (sign, ahead) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
        let text = format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}{sign}{:02}:{:02}",
            local.year(), local.month(), local.day(), local.hour(), local.minute(), local.second(), ahead / 60, ahead % 60,
        );
        let settings = settings(None, None, Some(name));
        let expected = TimeZone::get(name).unwrap().to_datetime(at);
        for (format, text) in [
            ("YYYY-MM-DD HH:mm:ssZ", text),
            ("[epoch_s]", seconds.to_string()),
            ("[epoch_ms]", format!("{}", seconds * 1000 + 999)),
        ] {
            let read = Format::with(format, &settings).unwrap().parse(&text).unwrap();
            prop_assert_eq!(jiff_date(read.date), expected.date(), "{}", text);
            let time = jiff::civil::time(read.hour as i8, read.minute as i8, read.second as i8, 0);
            prop_assert_eq!(time, expected.time(), "{}", text);
        }
    }
}
