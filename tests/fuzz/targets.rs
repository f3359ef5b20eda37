//! What is fuzzed: each function takes any bytes and panics where a promise is broken. cargo-fuzz runs them on bytes
//! that it makes up, `cargo test` on the seeds.

#[path = "kept.rs"]
mod kept;
#[path = "plain.rs"]
pub mod plain;
#[path = "reading.rs"]
mod reading;
#[path = "sheets.rs"]
mod sheets;
#[path = "words.rs"]
mod words;

pub use kept::{ledger, store};
pub use reading::{arrow, as_of, fixed, hdl, infer, packed, parquet, rejects, source, text, xml};
pub use sheets::xlsx;
pub use words::{number, setting, token, unseen};

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use rostream::internals::batch::{Batch, Columns, Kind, Row, RowState};
use rostream::internals::config;
use rostream::internals::expr::{Expr, Use};
use rostream::internals::format::block::{Boundary, Cut, CutError};
use rostream::internals::format::csv::{self, OnRagged};
use rostream::internals::format::encode;
use rostream::internals::format::encode::{Empties, Encoder, Lead, LeadValue};
use rostream::internals::format::json::cut::Cutter;
use rostream::internals::format::json::{self, Arrays, Form, Layout, Path};
use rostream::internals::http::MAX_RETRY_AFTER;
use rostream::internals::http::spec::TimeoutsSpec;
use rostream::internals::http::text::{MAX_EXCERPT, MAX_MESSAGE, StorageError, excerpt};
use rostream::internals::orgvue::hosts::hosts;
use rostream::internals::orgvue::splitter::Splitter;
use rostream::internals::orgvue::{Client, Connection, ItemResult};
use rostream::internals::settings::secret::PresignedUrl;
use rostream::internals::source::place::https::{Paging, behind};
use rostream::internals::text::dates::{Date, Format, Rewrite, Rewritten, Settings, Tally};
use rostream::internals::text::decimal::{Decimal, Number, is_json_number};
use rostream::internals::text::scan::{Dialect, Quoting, count_lines};

/// The first byte chooses between cases; the rest is the text.
fn chosen(data: &[u8]) -> (u8, &[u8]) {
    match data.split_first() {
        Some((first, rest)) => (*first, rest),
        None => (0, data),
    }
}

/// Cuts a text into blocks as a run does: as much text as a block has, doubled until a record ends in it. Says of each
/// whether it is read, or passed over.
fn blocks(
    mut boundary: Boundary,
    text: &[u8],
    block: usize,
) -> Result<Vec<(&[u8], bool)>, CutError> {
    let mut blocks: Vec<(&[u8], bool)> = Vec::new();
    let mut rest = text;
    let mut target = block;
    loop {
        let view = &rest[..rest.len().min(target)];
        let (at, is_read) = match boundary.cut(view, view.len() == rest.len())? {
            Cut::At(0) if view.len() == rest.len() => {
                let cut: Vec<_> = blocks.iter().map(|(block, _)| *block).collect();
                assert_eq!(cut.concat(), text, "every byte is in a block");
                return Ok(blocks);
            }
            Cut::At(at) => (at, true),
            Cut::Skip(at) => (at, false),
            Cut::None { open } => {
                assert!(view.len() < rest.len(), "the end of a text was not cut");
                assert!(open.is_none_or(|at| at < view.len()));
                target *= 2;
                continue;
            }
        };
        assert!(at > 0 && at <= view.len(), "a cut that is no step forward");
        blocks.push((&rest[..at], is_read));
        rest = &rest[at..];
        target = block;
    }
}

/// One line for each row: its place, its state, its cells.
fn rows(batch: &Batch, line: u64) -> Vec<String> {
    let row = |r: usize| {
        let cells: Vec<_> = (0..batch.width())
            .map(|c| (batch.cell(r, c).kind(), batch.get(r, c)))
            .collect();
        let written = batch.raw_record(r).escape_ascii();
        let place = line + u64::from(batch.row(r).line);
        format!("{place} {:?} {cells:?} {written}", batch.state(r))
    };
    (0..batch.len()).map(row).collect()
}

fn names(names: &[&str]) -> Arc<[Arc<str>]> {
    names.iter().map(|n| Arc::from(*n)).collect()
}

/// What is sent of a batch: as JSON it must be an array of objects for any reader.
fn is_sent(batch: &Batch, columns: &[&str]) {
    let columns = Columns::from_header(columns.iter());
    for format in [encode::Format::Json, encode::Format::Csv] {
        let json = format == encode::Format::Json;
        let lead = Lead {
            name: "_action",
            value: LeadValue::Constant("create"),
            bare: &[],
        };
        let empties = Empties {
            empty: Some("".into()),
            keep_null: true,
            missing: None,
        };
        let sent = columns.iter();
        let encoder = Encoder::new(
            format,
            lead,
            sent.map(|(name, slot)| (name, slot, empties.clone())),
        );
        let encoded = encoder.encode(batch);
        let mut body = encoder.header();
        let first = body.len();
        body.extend_from_slice(&encoded.bytes);
        encoder.open_first(&mut body[first..]);
        body.extend_from_slice(encoder.footer(!encoded.rows.is_empty()));
        let text = std::str::from_utf8(&body).expect("a body in UTF-8");
        if json {
            assert!(
                text.trim_start().starts_with('[') && is_json(text),
                "a body that is no JSON: {text}"
            );
        }
    }
}

/// Whether a text is JSON, by a reader that is not the one under test.
fn is_json(text: &str) -> bool {
    let mut splitter = Splitter::new(usize::MAX);
    splitter.push(text.as_bytes());
    loop {
        match splitter.next_element() {
            Ok(Some(element)) => {
                if ItemResult::parse(0, element, None).is_err() {
                    return false;
                }
            }
            Ok(None) => return splitter.finish().is_ok(),
            Err(_) => return false,
        }
    }
}

/// The dialect that a byte chooses.
fn dialect(choice: u8) -> Dialect {
    let quote = if choice & 4 == 0 { b'"' } else { b'\'' };
    let variant = choice >> 5;
    Dialect {
        delimiter: [b',', b';', b'\t', b'|'][usize::from(choice & 3)],
        quoting: Quoting {
            quote: (variant != 3).then_some(quote),
            escape: matches!(variant, 5 | 6).then_some(b'\\'),
            multiline: variant != 2,
        },
        comment: matches!(variant, 1 | 7).then_some(b'#'),
        throughout: matches!(variant, 4 | 6 | 7),
    }
}

/// CSV: the same records however the text is cut, and as the plainest reader has them.
pub fn csv(data: &[u8]) {
    let (choice, text) = chosen(data);
    let dialect = dialect(choice);
    let block = [1, 7, 64, 1024][usize::from(choice >> 3 & 3)];
    let parser = csv::Parser::new(dialect, names(&["a", "b", "c"]), 3, OnRagged::Pad);
    let cut = blocks(Boundary::Csv(dialect), text, block);
    let plain = plain::records(dialect, text);
    let Ok(cut) = cut else {
        assert!(
            plain.is_none(),
            "an open quote, and the plain reader saw none"
        );
        return;
    };
    let Some(plain) = plain else {
        panic!("an open quote that was not seen");
    };
    let (mut found, mut line) = (Vec::new(), 1);
    for (block, _) in cut {
        let batch = parser
            .parse(block.to_vec(), line)
            .expect("ragged records are padded");
        is_sent(&batch, &["a", "b", "c"]);
        found.extend(rows(&batch, line));
        line += count_lines(block);
        if std::str::from_utf8(text).is_ok() {
            for row in 0..batch.len() {
                is_as_plain(&batch, row, &plain[found.len() - batch.len() + row]);
            }
        }
    }
    assert_eq!(found.len(), plain.len(), "as many records");
    let whole = parser
        .parse(text.to_vec(), 1)
        .expect("ragged records are padded");
    assert_eq!(found, rows(&whole, 1));
}

/// A row against what the plain reader has.
fn is_as_plain(batch: &Batch, row: usize, plain: &plain::Record) {
    assert_eq!(batch.raw_record(row), plain.written);
    let surplus = plain.cells.iter().skip(3).any(|cell| !cell.is_empty());
    let good = plain.fault.is_none() && !surplus;
    assert_eq!(batch.state(row) == RowState::In, good, "{plain:?}");
    if plain.fault.is_some() {
        let mut faults = batch.faults().iter();
        let fault = faults.find(|fault| fault.row as usize == row);
        assert_eq!(fault.as_ref().map(|fault| &*fault.code), plain.fault);
        return;
    }
    for column in 0..3 {
        let expected = plain.cells.get(column).map_or(&b""[..], |cell| cell);
        assert_eq!(batch.get(row, column).as_bytes(), expected, "{plain:?}");
    }
}

/// JSON: the same objects however the text is cut, and by the short way as by the general one.
pub fn json(data: &[u8]) {
    let (choice, data) = chosen(data);
    let (nested, text) = chosen(data);
    let path: Option<Path> = (nested & 1 != 0).then(|| "$.r.s".parse().expect("a path"));
    let form = Form {
        flatten: (nested & 2 != 0).then(|| ".".to_owned()),
        arrays: [Arrays::Reject, Arrays::Join, Arrays::First, Arrays::Json]
            [usize::from(nested >> 2 & 3)],
        join: ", ".to_owned(),
        path,
        ..Form::default()
    };
    let (layout, boundary) = match (choice & 1, &form.path) {
        (0, None) => (Layout::Lines, Boundary::Lines),
        (_, path) => (
            Layout::Documents,
            Boundary::Json(Cutter::new(path.as_ref())),
        ),
    };
    let block = [1, 7, 64, 1024][usize::from(choice >> 1 & 3)];
    let columns = ["a", "b", "ö", "c.a", "c.b.a"];
    let parser = json::Parser::new(layout, names(&columns), choice & 8 == 0).with_nested(&form);
    let general = parser.clone().without_short_way();
    json::discover(layout, &String::from_utf8_lossy(text), 1000, &form);
    if form.path.is_some() {
        return within_a_path(text, &parser, boundary, block);
    }
    let whole = parser.parse(text.to_vec());
    let slowly = general.parse(text.to_vec());
    match (&whole, &slowly) {
        (Ok(whole), Ok(slowly)) => assert_eq!(rows(whole, 1), rows(slowly, 1)),
        (Err(whole), Err(slowly)) => assert_eq!(whole, slowly),
        _ => panic!("one way reads it and the other does not"),
    }
    let Ok(cut) = blocks(boundary, text, block) else {
        return;
    };
    let (mut found, mut line) = (Vec::new(), 1);
    for (block, is_read) in cut {
        if is_read {
            let Ok(batch) = parser.parse(block.to_vec()) else {
                assert!(whole.is_err(), "a block is not read, and the whole is");
                return;
            };
            is_sent(&batch, &columns);
            found.extend(rows(&batch, line));
        }
        line += count_lines(block);
    }
    match whole {
        Ok(whole) => assert_eq!(found, rows(&whole, 1)),
        Err(_) => panic!("every block is read, and the whole is not"),
    }
    is_what_serde_reads(text, layout, &found);
}

/// Where a document is JSON for serde_json, too, the path leads to as many records as there.
fn within_a_path(text: &[u8], parser: &json::Parser, boundary: Boundary, block: usize) {
    let cut = blocks(boundary.clone(), text, block);
    let (mut found, mut failed, mut line) = (Vec::new(), cut.is_err(), 1);
    for (block, is_read) in cut.unwrap_or_default() {
        match parser.parse(block.to_vec()) {
            Ok(batch) if is_read => found.extend(rows(&batch, line)),
            Ok(_) => {}
            Err(_) => failed |= is_read,
        }
        line += count_lines(block);
    }
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(text) else {
        return;
    };
    if let Some(records) = document.pointer("/r/s").and_then(|found| found.as_array()) {
        // A member that comes twice is refused here, and the last one counts there.
        assert!(
            failed || could_be(found.len(), records.iter()),
            "{} records",
            found.len()
        );
    }
}

/// Where every document is JSON for serde_json, too, there are as many records.
fn is_what_serde_reads(text: &[u8], layout: Layout, found: &[String]) {
    let documents = serde_json::Deserializer::from_slice(text).into_iter::<serde_json::Value>();
    let Ok(documents) = documents.collect::<Result<Vec<_>, _>>() else {
        return;
    };
    let records = documents.iter().flat_map(|document| match document {
        serde_json::Value::Array(records) => records.as_slice(),
        record => std::slice::from_ref(record),
    });
    if layout == Layout::Documents {
        assert!(could_be(found.len(), records), "{} records", found.len());
    }
}

/// Whether there can be so many records among these values: all of them, but for objects without anything to see, which
/// are passed over.
fn could_be<'v>(found: usize, records: impl Iterator<Item = &'v serde_json::Value>) -> bool {
    let is_seen = |value: &serde_json::Value| match value {
        serde_json::Value::Number(_) | serde_json::Value::Bool(_) => true,
        serde_json::Value::String(text) => text.contains(char::is_alphanumeric),
        _ => false,
    };
    let (mut all, mut seen) = (0, 0);
    for record in records {
        all += 1;
        seen += usize::from(match record {
            serde_json::Value::Object(members) => members.values().any(is_seen),
            other => is_seen(other),
        });
    }
    (seen..=all).contains(&found)
}

/// The pipeline file: problems, all of which can be shown, or a pipeline.
pub fn pipeline(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let env = |name: &str| (name == "SET").then(|| "a: [b, *c".to_owned());
    // A CR alone ends a line of YAML, too.
    let ends = |c: char| matches!(c, '\n' | '\r');
    let lines = text.matches(ends).count() as u32 + 1;
    match config::parse(text, "p.yaml", PathBuf::from("/nowhere"), &[], &env) {
        Ok(loaded) => drop(format!("{loaded:?}")),
        Err(found) => {
            assert!(!found.problems.is_empty(), "no pipeline, and no problem");
            for problem in &found.problems {
                assert!(!problem.to_string().is_empty());
                if let config::Place::At { line, .. } = problem.place {
                    assert!(line >= 1 && line <= lines, "line {line} of {lines}");
                }
            }
        }
    }
}

/// Results: the same items however they arrive, and never more than one of them in memory.
pub fn results(data: &[u8]) {
    let (choice, text) = chosen(data);
    let step = usize::from(choice % 16) + 1;
    let read = |step: usize| -> (Vec<String>, Option<String>) {
        let mut splitter = Splitter::new(256);
        let mut items = Vec::new();
        for piece in text.chunks(step) {
            splitter.push(piece);
            loop {
                match splitter.next_element() {
                    Ok(Some(element)) => {
                        assert!(element.len() <= 256);
                        let item = ItemResult::parse(items.len() as u64, element, Some("id"));
                        let item = item.map(|i| (i.ok, i.key.clone(), i.errors.clone()));
                        items.push(format!("{:?}", item.map_err(|e| e.to_string())));
                    }
                    Ok(None) => break,
                    Err(error) => return (items, Some(error.to_string())),
                }
            }
        }
        let error = splitter.finish().err();
        (items, error.map(|e| e.to_string()))
    };
    assert_eq!(
        read(step),
        read(text.len().max(1)),
        "pieces of {step} bytes"
    );
}

/// Tickets: any body is a ticket, none, or an error, and no address in it is shown with its query.
pub fn ticket(data: &[u8]) {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        let base = url::Url::parse("https://api.example/").expect("a URL");
        let connection = Connection {
            result_location: None,
            hosts: hosts(&base, vec![], true),
            base,
            tenant: "ACME".into(),
            dataset: "d".into(),
            token: "CANARY-TOKEN".into(),
        };
        Client::new(connection, &TimeoutsSpec::default()).expect("a client")
    });
    match CLIENT.ticket_in(data) {
        Ok(Some(ticket)) => {
            for url in [ticket.self_url, ticket.result_url].into_iter().flatten() {
                is_shown_without_its_query(&url);
            }
            for error in &ticket.errors {
                assert!(error.message.chars().count() <= MAX_MESSAGE + 1);
            }
            assert!(!ticket.status.to_string().contains('\n'));
        }
        Ok(None) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn is_shown_without_its_query(url: &PresignedUrl) {
    let shown = url.to_string();
    assert_eq!(format!("{url:?}"), format!("PresignedUrl({shown})"));
    let query = url.expose().split_once('?').map_or("", |(_, query)| query);
    // Short ones may well stand in the path, too.
    if query.len() > 12 && !url.expose()[..url.expose().len() - query.len()].contains(query) {
        // What stands for the query may be how one ends.
        let shown = shown.strip_suffix("?…").unwrap_or(&shown);
        assert!(!shown.contains(query), "a query is shown");
    }
}

/// A storage's XML: a code and a message of bounded length that can be printed.
pub fn storage_error(data: &[u8]) {
    let error = StorageError::parse(data);
    assert!(error.code.chars().count() <= 101);
    assert!(error.message.chars().count() <= MAX_MESSAGE + 1);
    let shown = excerpt(data);
    assert!(shown.chars().count() <= MAX_EXCERPT + 1);
    let printable = |text: &str| !text.chars().any(char::is_control);
    assert!(printable(&error.code) && printable(&error.message) && printable(&shown));
}

/// `Retry-After`: a wait that is bounded, or none.
pub fn retry_after(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let headers = HeaderMap::from_iter([(RETRY_AFTER, value)]);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
    if let Some(wait) = rostream::internals::http::retry_after(&headers, now) {
        assert!(wait <= MAX_RETRY_AFTER);
    }
}

/// Pre-signed URLs: an expiry where it can be told, and never the query in what is shown.
pub fn presigned_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match PresignedUrl::parse(text) {
        Ok(url) => {
            is_shown_without_its_query(&url);
            assert!(!url.host().is_empty());
            assert!(url.signed_headers().iter().all(|name| !name.is_empty()));
            if let Some(expires) = url.expires() {
                drop(expires.duration_since(SystemTime::UNIX_EPOCH));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Pages of an extract: the next one is at the same host, or there is none, or an error with words.
pub fn next_page(data: &[u8]) {
    let (choice, page) = chosen(data);
    let paging = match choice % 2 {
        0 => Paging::Odata,
        _ => Paging::Oracle,
    };
    let url = Url::parse("https://hr.example:8443/a/b?limit=5&offset=10").expect("a URL");
    match behind(paging, page, &url) {
        Ok(Some(next)) => {
            assert_eq!(next.origin(), url.origin());
            assert!(next.username().is_empty() && next.password().is_none());
            assert!(next.fragment().is_none());
        }
        Ok(None) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// There is no SFTP in this build.
#[cfg(not(feature = "sftp"))]
pub fn sftp(_: &[u8]) {}

/// Packets of an SFTP server: the same answers however the bytes arrive, or an error with words.
#[cfg(feature = "sftp")]
pub fn sftp(data: &[u8]) {
    use bytes::BytesMut;
    use rostream::internals::source::place::sftp::{Answer, Malformed, answer};

    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut bytes = BytesMut::new();
        let mut got: Vec<(u32, Answer)> = Vec::new();
        for piece in pieces {
            bytes.extend_from_slice(piece);
            loop {
                match answer(&mut bytes) {
                    Ok(Some(one)) => got.push(one),
                    Ok(None) => break,
                    Err(error) => return (got, Err::<(), Malformed>(error)),
                }
            }
        }
        (got, Ok(()))
    };
    let (step, packets) = chosen(data);
    let whole = read(&mut std::iter::once(packets));
    let step = usize::from(step).max(1);
    assert_eq!(read(&mut packets.chunks(step)), whole);
    if let Err(error) = whole.1 {
        assert!(!error.to_string().is_empty());
    }
}

/// Expressions: compiled, bound and evaluated, or an error with words.
pub fn expression(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let expr = match Expr::compile(text) {
        Ok(expr) => expr,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let columns = Columns::from_header(["a", "b", "c d", "größe", "名前"]);
    let today = Date::new(2024, 2, 29).expect("a leap day");
    let bound = match expr.bind(&columns, Use::Value, today) {
        Ok(bound) => bound,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let mut batch = Batch::new(String::from("12"), 5);
    batch.push_row(Row {
        line: 0,
        start: 0,
        end: 2,
    });
    for (column, (text, kind)) in [
        ("2024-02-29", Kind::Text),
        ("12.50", Kind::Number),
        ("", Kind::Null),
        ("12345678901234567890", Kind::Number),
        ("", Kind::Text),
    ]
    .into_iter()
    .enumerate()
    {
        let cell = batch.append(text, kind);
        batch.push_cell(column, cell);
    }
    bound.watch(&batch);
    let mut out = String::new();
    if let Ok(Kind::Number) = bound.eval_text(&batch, 0, &mut out) {
        assert!(is_json_number(&out), "{out}");
    }
    out.clear();
    let text = bound.eval_text(&batch, 0, &mut out).map(|_| out.clone());
    let again = bound.eval_text(&batch, 0, &mut String::new()).is_ok();
    assert_eq!(text.is_ok(), again);
    drop(bound.eval_bool(&batch, 0));
}

/// Dates: what is read is written and read again as the same.
pub fn date(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (format, text) = text.split_once('\n').unwrap_or((text, "2024-02-29"));
    let Ok(format) = Format::with(format, &Settings::century(1927)) else {
        return;
    };
    let Some(when) = format.parse(text) else {
        return;
    };
    let written = |format: &Format| {
        let mut out = Vec::new();
        format.write(when, &mut out);
        String::from_utf8(out).expect("UTF-8")
    };
    let again = written(&format);
    // Day numbers are written without the time of day.
    assert_eq!(
        format.parse(&again).map(|again| again.date),
        Some(when.date),
        "{text:?} is written as {again:?}"
    );
    let iso = Format::compile("YYYY-MM-DDTHH:mm:ss").expect("a format");
    assert_eq!(iso.parse(&written(&iso)), Some(when));
    // Moved digits are read and written ones.
    let day = Format::compile("DD/MM/YYYY").expect("a format");
    let expected = written(&day).into_bytes();
    let (mut out, mut tally) = (Vec::new(), Tally::default());
    let rewritten = Rewrite::new(format, day).apply(text, &mut out, &mut tally);
    if rewritten == Some(Rewritten::Appended) {
        assert_eq!(out, expected);
    }
    assert!(tally.times <= 1 && tally.far <= 1);
}

/// Decimals: an order that is one, and the same number kept as read.
pub fn decimal(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (one, two) = text.split_once('\n').unwrap_or((text, "1e3"));
    let (Some(a), Some(b)) = (Number::parse(one), Number::parse(two)) else {
        return;
    };
    assert!(is_json_number(one) && is_json_number(two));
    assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
    assert_eq!(a.cmp(&a), std::cmp::Ordering::Equal);
    let kept = Decimal::parse(one).expect("it was read before");
    assert_eq!(kept.number().cmp(&a), std::cmp::Ordering::Equal);
    assert_eq!(kept.number().cmp(&b), a.cmp(&b));
    // Where floating point is exact, it is the judge.
    let exact = |text: &str| text.len() <= 15 && !text.contains(['e', 'E', '.']);
    if exact(one) && exact(two) {
        let value = |text: &str| text.parse::<i64>().expect("an integer");
        assert_eq!(a.cmp(&b), value(one).cmp(&value(two)));
    }
}
