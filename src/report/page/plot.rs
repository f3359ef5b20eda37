//! Plots, drawn in the page itself. What they show stands beside them as text, or in their title.

use std::fmt::{self, Display, Write};

use askama::filters::HtmlSafe;

/// A drawing: markup of our own, in which numbers alone are put, and words that are escaped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Svg(String);

impl Display for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Svg {}

/// What a colour says. There is a class of this name in the style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Warning,
    Bad,
    Quiet,
    /// One of several that are told apart, and none better than another.
    Nth(usize),
}

impl Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tone::Plain => "plain",
            Tone::Good => "good",
            Tone::Warning => "warning",
            Tone::Bad => "bad",
            Tone::Quiet => "quiet",
            Tone::Nth(n) => ["nth-a", "nth-b", "nth-c", "nth-d", "nth-e"][n % 5],
        })
    }
}

impl HtmlSafe for Tone {}

/// The height of a bar, on which its width does not depend.
const BAR: &str = "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\">";

/// Part of a whole, in hundredths. What is not nothing is seen.
fn hundredths(part: f64, whole: f64) -> f64 {
    match part > 0.0 && whole > 0.0 {
        true => (part / whole * 100.0).clamp(0.5, 100.0),
        false => 0.0,
    }
}

/// A part of a whole, beside its number.
pub(crate) fn bar(part: u64, whole: u64, tone: Tone) -> Svg {
    part_of(part as f64, whole as f64, tone)
}

/// As [`bar`], of what is not counted but measured.
pub(crate) fn part_of(part: f64, whole: f64, tone: Tone) -> Svg {
    let width = hundredths(part, whole);
    Svg(format!(
        "{BAR}<rect class=\"back\" width=\"100\" height=\"8\"/><rect class=\"{tone}\" width=\"{width:.2}\" height=\"8\"/></svg>"
    ))
}

/// A count against its limit, which is marked.
pub(crate) fn against(count: u64, limit: u64, tone: Tone) -> Svg {
    /// Where the limit is.
    const MARK: f64 = 75.0;
    let width = match (count, limit) {
        (0, _) => 0.0,
        (_, 0) => 100.0,
        _ => (count as f64 / limit as f64 * MARK).clamp(0.5, 100.0),
    };
    let mark = if limit == 0 { 0.0 } else { MARK };
    Svg(format!(
        "{BAR}<rect class=\"back\" width=\"100\" height=\"8\"/><rect class=\"{tone}\" width=\"{width:.2}\" height=\"8\"/>\
         <rect class=\"mark\" x=\"{mark}\" width=\"1\" height=\"8\"/></svg>"
    ))
}

/// Parts of a whole in one bar. What they are is told elsewhere.
pub(crate) fn stack(parts: &[(u64, Tone)]) -> Svg {
    let whole: u128 = parts.iter().map(|(part, _)| u128::from(*part)).sum();
    let mut svg = BAR.replace("class=\"bar\"", "class=\"bar stack\"");
    let mut before = 0.0;
    for (part, tone) in parts.iter().filter(|(part, _)| *part > 0) {
        let width = hundredths(*part as f64, whole as f64);
        let _ = write!(
            svg,
            "<rect class=\"{tone}\" x=\"{before:.2}\" width=\"{width:.2}\" height=\"8\"/>"
        );
        before += width;
    }
    svg.push_str("</svg>");
    Svg(svg)
}

/// Counts as columns side by side, with a title for whoever does not see them; nothing where there are none.
pub(crate) fn columns(counts: &[u64], title: &str) -> Svg {
    let Some(most) = counts.iter().max().filter(|most| **most > 0) else {
        return Svg::default();
    };
    let width = counts.len().max(8) * 10;
    let mut svg = format!(
        "<svg class=\"columns\" viewBox=\"0 0 {width} 40\" preserveAspectRatio=\"none\" role=\"img\" focusable=\"false\"><title>"
    );
    escape(title, &mut svg);
    svg.push_str("</title>");
    for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        // One value among millions is seen, too.
        let height = (*count as f64 / *most as f64 * 40.0).max(1.0);
        let (x, y) = (at * 10, 40.0 - height);
        let _ = write!(
            svg,
            "<rect class=\"plain\" x=\"{x}\" y=\"{y:.1}\" width=\"8\" height=\"{height:.1}\"/>"
        );
    }
    svg.push_str("</svg>");
    Svg(svg)
}

/// A stretch of a [`course`]: from where it begins, the ends of its steps and their heights.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub from: f64,
    pub steps: Vec<(f64, f64)>,
    pub tone: Tone,
}

/// How something went from 0 to `end`, in steps, up to a height of `top`.
pub(crate) fn course(stretches: &[Stretch], (end, top): (f64, f64), title: &str) -> Svg {
    let x = |at: f64| (at / end * 1_000.0).clamp(0.0, 1_000.0);
    let y = |height: f64| 200.0 - (height / top * 200.0).clamp(0.0, 200.0);
    let mut svg =
        "<svg class=\"course\" viewBox=\"0 0 1000 200\" preserveAspectRatio=\"none\" role=\"img\" \
                   focusable=\"false\"><title>"
            .to_owned();
    escape(title, &mut svg);
    svg.push_str("</title>");
    for line in [0, 50, 100, 150, 200] {
        let _ = write!(svg, "<path class=\"grid\" d=\"M0 {line}H1000\"/>");
    }
    for Stretch { from, steps, tone } in stretches {
        let mut path = String::new();
        for (at, height) in steps {
            let _ = write!(path, "V{:.1}H{:.1}", y(*height), x(*at));
        }
        let (from, path) = (x(*from), path.trim_start());
        let _ = write!(
            svg,
            "<path class=\"{tone} area\" d=\"M{from:.1} 200{path}V200Z\"/><path class=\"{tone} edge\" d=\"M{from:.1} 200{path}V200\"/>"
        );
    }
    svg.push_str("</svg>");
    Svg(svg)
}

/// The next number that is easy to read: 1, 2, 4, 5 or 10 times a power of ten.
pub(crate) fn round_up(number: f64) -> f64 {
    if !number.is_finite() || number <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(number.log10().floor());
    let steps = [1.0, 2.0, 4.0, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= number)
        .unwrap_or(number)
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_easy_to_read() {
        for (number, expected) in [
            (0.0, 1.0),
            (f64::NAN, 1.0),
            (f64::INFINITY, 1.0),
            (0.03, 0.04),
            (1.0, 1.0),
            (1.1, 2.0),
            (151_515.0, 200_000.0),
            (600_000.0, 1_000_000.0),
        ] {
            assert_eq!(round_up(number), expected, "{number}");
        }
    }

    #[test]
    fn what_is_not_nothing_is_seen() {
        let width = |svg: Svg| {
            let text = svg.to_string();
            let last = text.rsplit("width=\"").next().unwrap();
            last.split('"').next().unwrap().parse::<f64>().unwrap()
        };
        assert_eq!(width(bar(0, 0, Tone::Plain)), 0.0);
        assert_eq!(width(bar(0, 10, Tone::Plain)), 0.0);
        assert_eq!(width(bar(1, u64::MAX, Tone::Plain)), 0.5);
        assert_eq!(width(bar(5, 10, Tone::Plain)), 50.0);
        assert_eq!(width(bar(u64::MAX, 1, Tone::Plain)), 100.0);
    }

    #[test]
    fn a_title_holds_no_markup() {
        let svg = columns(&[1, 2], "<script>&").to_string();
        assert!(svg.contains("<title>&lt;script&gt;&amp;</title>"), "{svg}");
        assert_eq!(columns(&[0, 0], "t"), Svg::default());
        assert_eq!(columns(&[], "t"), Svg::default());
    }

    #[test]
    fn a_course_stays_in_its_frame() {
        let stretch = Stretch {
            from: 0.0,
            steps: vec![(1.0, 5.0), (9.0, 20.0)],
            tone: Tone::Nth(7),
        };
        let svg = course(&[stretch], (2.0, 10.0), "t").to_string();
        assert!(
            svg.contains("<path class=\"nth-c edge\" d=\"M0.0 200V100.0H500.0V0.0H1000.0V200\"/>"),
            "{svg}"
        );
    }
}
