//! What was found as one page that needs nothing else: its plots are drawn in the page itself.

use std::fmt::Write;

use super::table::{about, percent};
use super::{Described, Description, Range, kind};
use crate::report::human::counted;
use crate::text::shown::shown;

/// The size of a plot.
const WIDTH: usize = 164;
const HEIGHT: usize = 36;

/// The most bars of a plot.
const BARS: usize = 40;

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2rem;color:#1d2733;background:#fff}\
h1{font-size:1.3rem}table{border-collapse:collapse;margin-top:1.5rem}\
th,td{text-align:left;vertical-align:top;padding:.4rem .9rem .4rem 0;border-bottom:1px solid #d8dee5}\
th{font-weight:600;white-space:nowrap}td.n{text-align:right;font-variant-numeric:tabular-nums}\
code{font-family:ui-monospace,monospace;font-size:.92em}svg{display:block}rect{fill:#3c78b4}rect.b{fill:#e4e9ef}\
small{color:#5b6875}@media(prefers-color-scheme:dark){body{color:#dde4ea;background:#14191f}\
th,td{border-color:#313a44}rect{fill:#6ba5dd}rect.b{fill:#2a333d}small{color:#93a0ac}}";

/// The page.
pub(crate) fn page(all: &Description<'_>) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{source}</title><style>{STYLE}</style></head><body>\n<h1>{source}</h1>\n<p>{records}, {columns}</p>\n<ul>\n",
        source = escaped(all.source),
        records = counted(all.records, "record"),
        columns = counted(all.columns.len() as u64, "column"),
    );
    for said in about(all) {
        let _ = writeln!(page, "<li>{}</li>", escaped(&said));
    }
    page.push_str("</ul>\n<table>\n<tr>");
    for head in [
        "column",
        "what it is",
        "filled",
        "different",
        "characters",
        "commonest values",
        "looks like",
        "reaches",
    ] {
        let _ = write!(page, "<th>{head}</th>");
    }
    page.push_str("</tr>\n");
    for column in &all.columns {
        row(&mut page, column, all.records);
    }
    page.push_str("</table>\n</body></html>\n");
    page
}

fn row(page: &mut String, column: &Described<'_>, records: u64) {
    let filled = percent(column.filled, records);
    let about = if column.distinct.exact { "" } else { "about " };
    let lengths = column.lengths.map_or(String::new(), |lengths| {
        let longer = if lengths.longer { "+" } else { "" };
        format!("{} to {}{longer}", lengths.least, lengths.most)
    });
    let shapes = match &column.shapes {
        None => "<small>many shapes</small>".to_owned(),
        Some(shapes) => {
            let each = shapes.iter().map(|shape| {
                let share = percent(shape.count, column.filled);
                format!(
                    "<code>{}</code> <small>{share}</small>",
                    escaped(shape.shape)
                )
            });
            each.collect::<Vec<_>>().join("<br>")
        }
    };
    let range = column.range.as_ref().map(Range::words).unwrap_or_default();
    let _ = writeln!(
        page,
        "<tr><th>{}</th><td>{}</td><td class=\"n\">{filled}{}</td><td class=\"n\">{about}{}</td><td>{}<small>{lengths}</small></td>\
         <td>{}</td><td>{shapes}</td><td>{}</td></tr>",
        escaped(column.name),
        escaped(&kind(column.decided)),
        share(column.filled, records),
        column.distinct.count,
        bars(column.histogram, "values by their number of characters"),
        bars(&column.often, "how often the commonest values are there"),
        escaped(&range),
    );
}

/// A share as a bar.
fn share(part: u64, whole: u64) -> String {
    let filled = (part as f64 / whole.max(1) as f64 * 80.0).round();
    format!(
        "<svg width=\"80\" height=\"6\" role=\"img\" aria-label=\"share of records\"><rect class=\"b\" width=\"80\" height=\"6\"/>\
         <rect width=\"{filled}\" height=\"6\"/></svg>"
    )
}

/// Counts as bars; nothing where there are none.
fn bars(counts: &[u64], label: &str) -> String {
    let counts = &counts[..counts.len().min(BARS + 1)];
    let Some(most) = counts.iter().max().filter(|most| **most > 0) else {
        return String::new();
    };
    let width = (WIDTH / counts.len().max(8)).max(2);
    let mut svg =
        format!("<svg width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{label}\">");
    for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        // One value among millions is seen, too.
        let height = ((*count as f64 / *most as f64) * HEIGHT as f64)
            .round()
            .max(1.0) as usize;
        let _ = write!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{height}\"/>",
            at * width,
            HEIGHT - height.min(HEIGHT),
            width.saturating_sub(1).max(1),
        );
    }
    svg + "</svg>"
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in shown(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
