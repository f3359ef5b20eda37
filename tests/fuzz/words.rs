//! Texts as people write them: numbers, settings, and what nobody sees in them.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rostream::internals::batch::{Batch, Columns, Kind, Row, RowState};
use rostream::internals::format::json::Path;
use rostream::internals::orgvue::token::{Claims, Reach, Standing};
use rostream::internals::settings::pattern::Pattern;
use rostream::internals::settings::units::{Amount, Rate, Size, Span};
use rostream::internals::source::spec::Encoding;
use rostream::internals::stage::{Resources, StageSpec};
use rostream::internals::text::charset;
use rostream::internals::text::dates::Format;
use rostream::internals::text::decimal::is_json_number;
use rostream::internals::text::javascript;
use rostream::internals::text::unseen;

use super::chosen;

/// How the numbers are written.
const STYLES: [&str; 8] = [
    r#"["a"]"#,
    r#"{"columns":["a"],"thousands":","}"#,
    r#"{"columns":["a"],"thousands":".","decimal":",","currency":["€","EUR"]}"#,
    r#"{"columns":["a"],"thousands":" ","decimal":",","trailing_minus":true}"#,
    r#"{"columns":["a"],"thousands":"'","parentheses":true,"exponent":"allow"}"#,
    r#"{"columns":["a"],"percent":"keep","currency":"$","trailing_minus":true,"parentheses":true}"#,
    r#"{"columns":["a"],"percent":"divide","decimal":",","trailing_minus":true}"#,
    r#"{"columns":["a"],"percent":"divide","thousands":",","exponent":"allow"}"#,
];

/// What the stage makes of a cell: its text, or none where it is rejected.
fn number_of(style: &str, text: &str) -> Option<String> {
    let spec: StageSpec = serde_json::from_str(&format!("{{\"number\":{style}}}")).expect(style);
    let mut columns = Columns::from_header(["a"]);
    let bound = spec
        .bind(&mut columns, &Resources::default())
        .expect("a column");
    let mut batch = Batch::new(String::new(), 1);
    batch.push_row(Row {
        line: 0,
        start: 0,
        end: 0,
    });
    let cell = batch.append(text, Kind::Text);
    batch.push_cell(0, cell);
    bound.expect("a stage").apply(&mut batch);
    (batch.state(0) == RowState::In).then(|| batch.get(0, 0).to_owned())
}

/// Numbers: what is taken is a number with the digits and the sign that were written, and is read again as itself.
pub fn number(data: &[u8]) {
    let (choice, text) = chosen(data);
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let choice = usize::from(choice) % STYLES.len();
    let Some(number) = number_of(STYLES[choice], text) else {
        return;
    };
    if number.is_empty() || number == text && unseen::is_blank(text) {
        return assert!(unseen::is_blank(text), "{text:?} became empty");
    }
    assert!(is_json_number(&number), "{text:?} became {number:?}");
    // Zeros may go at the beginning, and come at both ends where hundredths are meant.
    let digits = |text: &str| -> String {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits.trim_matches('0').to_owned()
    };
    if !number.contains(['e', 'E']) {
        assert_eq!(digits(text), digits(&number), "{text:?} became {number:?}");
        let minus = text.contains(['-', '\u{2212}', '(']);
        assert_eq!(number.starts_with('-'), minus, "{text:?} became {number:?}");
    }
    if choice != 6 && choice != 7 {
        // Where the decimal is a comma, a point is not one.
        let again = number_of(r#"{"columns":["a"],"exponent":"allow"}"#, &number);
        assert_eq!(again.as_deref(), Some(&*number), "of {text:?}");
    }
}

/// A setting of this kind: what is read is shown, and read again as the same.
fn is_shown_as_read<T: FromStr<Err = String> + Display>(text: &str) {
    match text.parse::<T>() {
        Ok(read) => {
            let shown = read.to_string();
            let again = shown.parse::<T>().map(|again| again.to_string());
            assert_eq!(again.as_ref(), Ok(&shown), "of {text:?}");
        }
        Err(error) => assert!(!error.is_empty()),
    }
}

/// Settings of one text: sizes, times, shares, encodings, patterns, paths within JSON.
pub fn setting(data: &[u8]) {
    let (choice, text) = chosen(data);
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    match choice % 8 {
        0 => is_shown_as_read::<Size>(text),
        1 => is_shown_as_read::<Rate>(text),
        2 => is_shown_as_read::<Span>(text),
        3 => is_shown_as_read::<Amount>(text),
        4 => {
            is_shown_as_read::<Encoding>(text);
            let upper = text.to_ascii_uppercase().parse::<Encoding>().ok();
            assert_eq!(upper, text.parse().ok(), "{text:?}");
        }
        5 => {
            is_shown_as_read::<Pattern>(text);
            if let Err(error) = text.parse::<Pattern>() {
                assert!(text.contains('\n') || !error.contains('\n'), "{error}");
            }
        }
        6 => {
            // A name with something that nobody sees is shown so that it can be printed, and can't be read again.
            if !text.contains(|c: char| c.is_control() || unseen::is_invisible(c)) {
                is_path_as_read(text);
            }
        }
        _ => drop(Format::compile(text).map_err(|error| assert!(!error.to_string().is_empty()))),
    }
}

fn is_path_as_read(text: &str) {
    match text.parse::<Path>() {
        Ok(path) => {
            let shown = path.to_string();
            // In either kind of quotes such a name would end.
            if !(text.contains("\"]") && text.contains("']")) {
                assert_eq!(
                    shown.parse().as_ref(),
                    Ok(&path),
                    "{text:?} is shown as {shown}"
                );
            }
        }
        Err(error) => assert!(!error.is_empty()),
    }
}

/// What nobody sees: the quick ways come to what the slow ones do.
pub fn unseen(data: &[u8]) {
    let slow = |is: &dyn Fn(char) -> bool| data.utf8_chunks().any(|part| part.valid().contains(is));
    let low = |c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r');
    assert_eq!(unseen::has_low_control(data), slow(&low));
    propose(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let high = |c: char| matches!(c, '\u{7f}'..='\u{9f}');
    assert_eq!(unseen::has_high_control(data), text.contains(high));
    assert_eq!(
        text.contains(unseen::is_control),
        text.contains(|c| low(c) || high(c))
    );
    let is_nothing = |c: char| c.is_whitespace() || unseen::is_invisible(c);
    assert_eq!(unseen::is_blank(text), text.chars().all(is_nothing));
    let as_seen = |c: char| c.is_ascii() && unseen::as_seen(c) == Some(c);
    assert_eq!(unseen::is_plain_ascii(text), text.chars().all(as_seen));
    let trimmed = &text[unseen::trimmed(text)];
    assert_eq!(
        unseen::trimmed(trimmed),
        0..trimmed.len(),
        "{trimmed:?} is trimmed"
    );
    assert!(!trimmed.starts_with(is_nothing));
    let seen = |text: &str| text.chars().filter(|c| !is_nothing(*c)).count();
    assert_eq!(
        seen(text),
        seen(trimmed),
        "something that is seen was trimmed"
    );
    if let Some(hidden) = unseen::hidden(text, false) {
        assert!(!hidden.contains(|c| low(c) || high(c)), "{hidden:?}");
    }
    as_javascript(text);
}

/// What encoding to try: one that reads the bytes, by a name that a pipeline can have.
fn propose(data: &[u8]) {
    let said = charset::proposal(data);
    let candidates = said
        .split_once("candidates: ")
        .and_then(|(_, rest)| rest.split_once(';'));
    for name in candidates
        .into_iter()
        .flat_map(|(names, _)| names.split(", "))
    {
        let Ok(Encoding::Of(encoding)) = name.parse() else {
            panic!("{name} is proposed");
        };
        let read = encoding.decode_without_bom_handling_and_without_replacement(data);
        assert!(read.is_some(), "{name} does not read it");
    }
}

/// Numbers as JavaScript reads them: decimal ones as Rust does, and integers of few digits are themselves.
fn as_javascript(text: &str) {
    let text = javascript::trim(text);
    let number = javascript::number(text);
    let decimal = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    if decimal {
        assert_eq!(number, text.parse().ok(), "{text}");
    }
    if javascript::is_plain_integer(text) {
        let number = number.expect("an integer is a number");
        assert!(
            javascript::is_kept(text, number, &mut String::new()),
            "{text}"
        );
    }
}

/// A token's own words: any text is a token that says nothing, or one whose dates and networks are those that it says.
pub fn token(data: &[u8]) {
    let (choice, data) = chosen(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let is_raw = choice & 1 == 0;
    let token = match is_raw {
        true => text.to_owned(),
        false => format!("h.{}.s", URL_SAFE_NO_PAD.encode(text)),
    };
    let claims = Claims::of(&token.into());
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let json = json.filter(|_| !is_raw);
    if !is_raw {
        let is_object = json.as_ref().is_some_and(serde_json::Value::is_object);
        assert_eq!(claims.is_some(), is_object);
    }
    let Some(claims) = claims else { return };
    let now = Timestamp::from_second(1_780_000_000).expect("a moment");
    let needed = Duration::from_secs(u64::from(choice) << (choice >> 2));
    let standing = claims.standing(now, needed);
    let whole = |name: &str| json.as_ref()?.get(name)?.as_i64();
    let at = |name: &str| whole(name).and_then(|at| Timestamp::from_second(at).ok());
    if let Some(end) = at("exp") {
        let is_over = standing == Standing::Expired(end);
        assert_eq!(is_over, end <= now, "{standing:?}");
        // It may be used until then, and is over from then on.
        let over = claims.standing(end, Duration::ZERO);
        assert_eq!(over, Standing::Expired(end));
    }
    if let (Some(begin), false) = (at("nbf"), matches!(standing, Standing::Expired(_))) {
        let is_early = matches!(standing, Standing::NotBefore(_));
        assert_eq!(is_early, begin.as_second() > now.as_second() + 60);
    }
    let unknown = claims.reach(None);
    for own in [
        "8.8.8.8",
        "10.1.2.3",
        "::1",
        "2001:db8::1",
        "::ffff:8.8.8.8",
    ] {
        let reach = claims.reach(own.parse().ok());
        assert_eq!(reach == Reach::Anywhere, unknown == Reach::Anywhere);
        let known: String = format!("{{\"subnets\":[\"{own}\"]}}");
        let known = Claims::of(&format!("h.{}.s", URL_SAFE_NO_PAD.encode(known)).into());
        let known = known.expect("a token").reach(own.parse().ok());
        assert!(own.starts_with("::ffff") || known == Reach::Within, "{own}");
    }
}
