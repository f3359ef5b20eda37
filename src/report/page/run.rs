//! A run report as a page: how it ended and what to do next, then what there is to see.

use askama::Template;
use serde_json::Value;

use super::parts::{Cell, Figure, Head, Section};

use super::plot::Tone;
use super::read::{Report, Source, Text, Upload};
use super::{course, decided, people, rows};
use crate::report::human;
use crate::report::run::Outcome;
use crate::text::shown::shell_word;

/// The page of a run.
#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    title: String,
    name: String,
    kind: &'static str,
    when: String,
    tone: Tone,
    ending: String,
    lead: String,
    /// What went wrong, in lines.
    error: Vec<String>,
    steps: Vec<Step>,
    figures: Vec<Figure>,
    sections: Vec<Section>,
    facts: Vec<(&'static str, Vec<String>)>,
}

/// Something to be done next.
struct Step {
    text: String,
    command: Option<String>,
}

impl Step {
    fn new(text: impl Into<String>, command: String) -> Step {
        Step {
            text: text.into(),
            command: Some(command),
        }
    }

    /// One without a command.
    fn of(text: &str) -> Step {
        Step {
            text: text.to_owned(),
            command: None,
        }
    }
}

/// The page of a run, from what its report says as JSON.
///
/// # Errors
/// It is not a run report.
pub(crate) fn page(report: Value) -> std::io::Result<String> {
    let report: Report = serde_json::from_value(report)?;
    let page = Page::of(&report);
    page.render().map_err(std::io::Error::other)
}

impl Page {
    fn of(report: &Report) -> Page {
        let ending = capital(&ending(report));
        let name = report.pipeline.name.to_string();
        let kind = match (&report.plan, report.counts.sent) {
            (Some(plan), 0) if plan.changes.is_some() => "plan",
            _ => "run",
        };
        let sections = [
            decided::plan(report),
            rows::went(report),
            rows::rejected(report),
            rows::refused(report),
            decided::guards(report),
            decided::delta(report),
            people::as_of(report),
            people::hierarchies(report),
            warnings(report),
            drift(report),
            course::speed(report),
        ];
        Page {
            title: format!("{name}: {ending}"),
            name,
            kind,
            when: when(report),
            tone: tone(report),
            lead: lead(report),
            error: (report.error.iter())
                .flat_map(|error| error.message.0.iter().cloned())
                .collect(),
            steps: steps(report),
            figures: figures(report),
            sections: sections.into_iter().flatten().collect(),
            facts: facts(report),
            ending,
        }
    }
}

fn ending(report: &Report) -> String {
    match (&report.ending, report.outcome) {
        (Some(ending), _) => ending.to_string(),
        (None, Some(outcome)) => outcome.describe().to_owned(),
        (None, None) => "how it ended is not known".to_owned(),
    }
}

fn tone(report: &Report) -> Tone {
    match report.outcome {
        Some(Outcome::Succeeded) => Tone::Good,
        Some(
            Outcome::SucceededWithRejects
            | Outcome::StillRunning
            | Outcome::Detached
            | Outcome::Interrupted,
        ) => Tone::Warning,
        Some(_) => Tone::Bad,
        None => Tone::Quiet,
    }
}

/// When it ran.
fn when(report: &Report) -> String {
    let began = report.started_at.map(|time| report.clock(time));
    let began = began.unwrap_or_default();
    match report.seconds.total {
        Some(total) => format!("{began}, took {}", course::span(total)),
        None => began,
    }
}

/// The outcome in a sentence with its numbers.
fn lead(report: &Report) -> String {
    let c = &report.counts;
    if c.read == 0 {
        return String::new();
    }
    let read = human::counted(c.read, "row");
    let verb = if c.rejected == 1 { "was" } else { "were" };
    let rejected = match c.rejected {
        0 => "none was rejected".to_owned(),
        n => format!("{} {verb} rejected here", human::count(n)),
    };
    if c.sent == 0 {
        let would = human::count(c.would_send);
        return format!(
            "Of {read}, {would} are ready to be sent and {rejected}. Nothing was sent."
        );
    }
    let sent = human::count(c.sent);
    let (Some(accepted), Some(failed)) = (c.accepted, c.failed) else {
        return format!(
            "Of {read}, {rejected}; {sent} went out, and what became of them is told elsewhere."
        );
    };
    let failed = match failed {
        0 => "refused none".to_owned(),
        n => format!("refused {}", human::count(n)),
    };
    let accepted = human::count(accepted);
    let whom = match &*report.target {
        "sandbox" => "the sandbox inside this program, not Orgvue,",
        _ => "Orgvue",
    };
    format!(
        "Of {read}, {rejected}; {sent} went out, of which {whom} accepted {accepted} and {failed}."
    )
}

/// What to do next.
fn steps(report: &Report) -> Vec<Step> {
    let go_on = match (&report.next, report.outcome) {
        (None, _) => None,
        (Some(next), Some(Outcome::StoppedByGuard)) => {
            let text = "Look at what the guards counted. If it is meant, go on with:";
            Some(Step::new(text, next.to_string()))
        }
        (Some(next), _) => Some(Step::new("To go on:", next.to_string())),
    };
    let mut steps: Vec<Step> = go_on.into_iter().chain(at_fault(report)).collect();
    let c = &report.counts;
    let run = format!("rostream run {}", shell_word(&report.pipeline.file));
    let is_ready = c.sent == 0 && c.would_send > 0 && report.error.is_none();
    if is_ready && report.next.is_none() {
        steps.push(Step::new(
            "Nothing was sent so far. To send it:",
            run.clone(),
        ));
    }
    if steps.is_empty() {
        steps.push(match &report.error {
            Some(error) if error.retryable => {
                let text = "The cause may be gone the next time. To try again:";
                Step::new(text, run)
            }
            Some(_) => Step::of("Mend what is named above, and run the pipeline again."),
            None => Step::of("Nothing: all is done."),
        });
    }
    steps
}

/// What to do about rows that were rejected or refused.
fn at_fault(report: &Report) -> Vec<Step> {
    let failed = report.counts.failed.unwrap_or(0);
    let rows = report.counts.rejected.saturating_add(failed);
    let mut steps = Vec::new();
    if let Some(rejects) = report.rejects_file.as_ref().filter(|_| rows > 0) {
        let workbook = report.rejects_workbook.as_ref();
        let also = workbook.map(|workbook| format!(", and for Excel in {}", &**workbook));
        let text = format!(
            "{} at fault stand in {}{}, as they were, each with its reason. Mend them at the source, or in that file and \
             load it:",
            human::counted(rows, "row"),
            &**rejects,
            also.unwrap_or_default()
        );
        let rejects = workbook.unwrap_or(rejects);
        let [file, rejects] = [&report.pipeline.file, rejects].map(|file| shell_word(file));
        let command = format!("rostream run {file} --mend {rejects}");
        steps.push(Step::new(text, command));
    }
    if failed > 0 && report.next.is_none() {
        let refused = human::counted(failed, "row");
        let text = format!("To send the {refused} again that the server refused:");
        let command = format!("rostream retry {}", &*report.run_id);
        steps.push(Step::new(text, command));
    }
    steps
}

/// The numbers that matter most.
fn figures(report: &Report) -> Vec<Figure> {
    let c = &report.counts;
    if c.read == 0 {
        return Vec::new();
    }
    let figure = |name, number: u64, tone| Figure {
        name,
        number: human::count(number),
        tone: if number == 0 { Tone::Quiet } else { tone },
    };
    let mut figures = vec![figure("rows read", c.read, Tone::Plain)];
    match c.sent {
        0 => figures.push(figure("ready to send", c.would_send, Tone::Plain)),
        sent => figures.push(figure("sent", sent, Tone::Plain)),
    }
    figures.push(figure("rejected", c.rejected, Tone::Bad));
    if c.sent > 0 {
        figures.extend(c.accepted.map(|rows| figure("accepted", rows, Tone::Good)));
        figures.extend(c.failed.map(|rows| figure("refused", rows, Tone::Bad)));
    }
    let deleted = report
        .deletions
        .as_ref()
        .and_then(|deletions| deletions.told);
    figures.extend(deleted.map(|items| figure("deleted", items, Tone::Warning)));
    figures
}

fn warnings(report: &Report) -> Option<Section> {
    let mut section = Section::new("warnings", "Warnings");
    section.items = report.warnings.iter().map(|text| capital(text)).collect();
    section.unless_empty()
}

/// What has changed in the source.
fn drift(report: &Report) -> Option<Section> {
    let drift = report.drift.as_ref()?;
    let mut section = Section::new("drift", "What has changed in the source");
    section.items = (drift.found.iter())
        .map(|found| {
            format!(
                "{} ({}): {}",
                &*found.column, &*found.follows, &*found.message
            )
        })
        .collect();
    let run = drift.compared_with.as_ref();
    if let Some(run) = run.filter(|_| !drift.found.is_empty()) {
        section.said.push(format!("Compared with run {}.", &**run));
    }
    section.unless_empty()
}

/// What support asks for.
fn facts(report: &Report) -> Vec<(&'static str, Vec<String>)> {
    let one = |text: Option<&Text>| text.iter().map(|text| text.to_string()).collect();
    let import = report.import.as_ref();
    let hash = report.body_hash.iter();
    let withheld = report.withheld.as_ref();
    let error = report.error.as_ref();
    let all: [(&str, Vec<String>); 16] = [
        ("run", vec![report.run_id.to_string()]),
        ("pipeline", vec![report.pipeline.file.to_string()]),
        ("sources", report.sources.iter().map(source).collect()),
        ("body", body(report).into_iter().collect()),
        (
            "hash of the body",
            hash.map(|hash| format!("{} {}", &*hash.kind, &*hash.hex))
                .collect(),
        ),
        ("upload", report.upload.iter().map(upload).collect()),
        (
            "import job",
            one(import.and_then(|import| import.ticket_status.as_ref())),
        ),
        (
            "trace ids",
            import
                .iter()
                .flat_map(|import| &import.trace_ids)
                .map(Text::to_string)
                .collect(),
        ),
        ("rejects", one(report.rejects_file.as_ref())),
        ("workbook", one(report.rejects_workbook.as_ref())),
        ("results", one(report.results_file.as_ref())),
        (
            "withheld",
            one(withheld.and_then(|withheld| withheld.file.as_ref())),
        ),
        ("error code", one(error.map(|error| &error.code))),
        (
            "exit code",
            report.exit_code.iter().map(u8::to_string).collect(),
        ),
        (
            "memory at most",
            report.peak_memory.into_iter().map(human::bytes).collect(),
        ),
        ("rostream", vec![report.rostream_version.to_string()]),
    ];
    let told = |lines: &[String]| lines.iter().any(|line| !line.is_empty());
    all.into_iter().filter(|(_, lines)| told(lines)).collect()
}

fn source(source: &Source) -> String {
    let (bytes, format) = (human::bytes(source.bytes), &*source.format);
    match &*source.compression {
        "none" | "" => format!("{} ({bytes}, {format})", &*source.path),
        kind => format!("{} ({bytes}, {format}, {kind})", &*source.path),
    }
}

fn body(report: &Report) -> Option<String> {
    let [body, sent] = [report.bytes.body, report.bytes.sent].map(human::bytes);
    (report.bytes.body.max(report.bytes.sent) > 0).then(|| format!("{body} made, {sent} sent"))
}

fn upload(upload: &Upload) -> String {
    let attempts = human::counted(upload.attempts.into(), "attempt");
    format!("{attempts}, encoding {}", &*upload.encoding)
}

/// A sentence begins with a capital letter, unless it begins with the name of something.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
