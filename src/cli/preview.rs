//! `rostream preview`: the first records before and after, side by side.

use std::fmt::Write;

use clap::Args;
use unicode_width::UnicodeWidthStr;

use super::work::{cores, runtime};
use super::{
    Exit, Failure, Globals, PipelineArgs, paint, put, put_painted, say, say_warning, stop,
};
use crate::config;
use crate::report::human;
use crate::run::preview::{Field, Preview, Record};
use crate::run::{self, RunError};
use crate::text::shown::{shown, shown_within};

/// Columns of a terminal that a name may take.
const NAME: usize = 28;

/// Columns of a terminal that a value may take.
const VALUE: usize = 36;

/// Arguments of `rostream preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// How many records.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(1..))]
    rows: u64,
    /// Begin with the first record on this line of the source, or after it.
    #[arg(long, value_name = "LINE", default_value_t = 1)]
    from: u64,
    /// Show long values whole.
    #[arg(long)]
    full: bool,
    /// Write one JSON object a record.
    #[arg(long)]
    json: bool,
}

/// How many records became what.
#[derive(Default)]
struct Counts {
    sent: u64,
    filtered: u64,
    rejected: u64,
}

impl Counts {
    fn total(&self) -> u64 {
        self.sent + self.filtered + self.rejected
    }
}

impl PreviewArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let pipeline = self.pipeline.load(globals)?;
        let problem = |problem| Failure::new(Exit::Usage, problem);
        (pipeline.unlock_source(&config::process_env)).map_err(problem)?;
        let keys = pipeline.stage_keys(&config::process_env).map_err(problem)?;
        let stopped = stop::watch()?.asked();
        let runtime = runtime()?;
        let ended = runtime.block_on(async {
            let work = async {
                let resources = run::resources(&pipeline, keys, pipeline.today(), cores())
                    .await
                    .map_err(Failure::of_run)?;
                let preview = Preview::open(&pipeline, &resources, self.from)
                    .await
                    .map_err(Failure::of_run)?;
                self.show(preview, globals).await
            };
            tokio::select! {
                biased;
                () = stopped => Err(Failure::of_run(RunError::Interrupted)),
                ended = work => ended,
            }
        });
        // Standard input may still be waited for by a thread; nobody waits for that.
        runtime.shutdown_background();
        ended.map(|()| Exit::Done)
    }

    async fn show(&self, mut preview: Preview, globals: &Globals) -> Result<(), Failure> {
        let mut counts = Counts::default();
        while counts.total() < self.rows {
            let left = usize::try_from(self.rows - counts.total()).unwrap_or(usize::MAX);
            let Some(records) = preview.next(left).await.map_err(Failure::of_run)? else {
                break;
            };
            let mut text = String::new();
            for record in &records {
                if self.json {
                    text.push_str(&serde_json::to_string(record).map_err(std::io::Error::from)?);
                    text.push('\n');
                } else {
                    if counts.total() > 0 {
                        text.push('\n');
                    }
                    let file = (preview.files() > 1).then_some(record.file.as_str());
                    block(record, file, self.full, &mut text);
                }
                let count = match record.word() {
                    "sent" => &mut counts.sent,
                    "filtered" => &mut counts.filtered,
                    _ => &mut counts.rejected,
                };
                *count += 1;
            }
            match self.json {
                true => put(text.as_bytes())?,
                false => put_painted(&text)?,
            }
        }
        if counts.total() == 0 {
            return Err(match self.from {
                0 | 1 => Failure::of_run(RunError::NoRecords(preview.names())),
                from => Failure::new(
                    Exit::Failed,
                    format!(
                        "{}: no record begins on line {from} or after it",
                        preview.names()
                    ),
                ),
            });
        }
        if !globals.quiet {
            for remark in preview.remarks() {
                say_warning(remark);
            }
            say(format_args!(
                "{}: {} would be sent, {} filtered, {} rejected",
                human::counted(counts.total(), "record"),
                human::count(counts.sent),
                human::count(counts.filtered),
                human::count(counts.rejected),
            ));
            let skipped = preview.skipped();
            if skipped > 0 {
                say(format_args!(
                    "skipped {} in the part of the source that was read: not records, but blank lines, comments, \
                     footers or repeated headers",
                    human::counted(skipped, "line"),
                ));
            }
            if let Some(what) = preview.not_shown() {
                say(format!(
                    "note: {what} only in the whole source; `rostream check` looks for it"
                ));
            }
        }
        Ok(())
    }
}

/// Name and value on both sides, and what lies between them: `>` a change, `-` nothing is sent, `+` nothing
/// was read.
struct Line {
    before: [String; 2],
    mark: char,
    after: [String; 2],
}

/// A record as a small block of text.
fn block(record: &Record, file: Option<&str>, full: bool, out: &mut String) {
    if let Some(file) = file {
        let _ = write!(out, "{} ", shown(file));
    }
    let word = match record.word() {
        word @ "sent" => word.to_owned(),
        word @ "filtered" => paint::warning(word),
        word => paint::error(word),
    };
    let _ = writeln!(out, "line {}  {word}", record.line);
    let width = |width| if full { usize::MAX } else { width };
    let cells = |field: Option<&Field>| match field {
        Some(field) => [
            shown_within(&field.name, width(NAME)),
            shown_within(&field.json, width(VALUE)),
        ],
        None => Default::default(),
    };
    let lines: Vec<Line> = record
        .pairs()
        .into_iter()
        .map(|(before, after)| Line {
            mark: match (before, after) {
                (Some(b), Some(a)) if b.name == a.name && b.json == a.json => ' ',
                (Some(_), Some(_)) => '>',
                (Some(_), None) => '-',
                (None, _) => '+',
            },
            before: cells(before),
            after: cells(after),
        })
        .collect();
    let widest = |text: fn(&Line) -> &str| {
        let widths = lines.iter().map(|line| text(line).width());
        widths.max().unwrap_or(0)
    };
    let widths = [
        widest(|line| &line.before[0]),
        widest(|line| &line.before[1]),
        widest(|line| &line.after[0]),
    ];
    for Line {
        before,
        mark,
        after,
    } in &lines
    {
        let mut line = String::from("  ");
        pad(&mut line, &before[0], widths[0]);
        line.push_str("  ");
        pad(&mut line, &before[1], widths[1]);
        let mut sent = String::new();
        pad(&mut sent, &after[0], widths[2]);
        sent.push_str("  ");
        sent.push_str(&after[1]);
        let sent = sent.trim_end();
        // What is as it was stays plain, so that what a stage did is seen.
        let _ = match mark {
            ' ' => writeln!(out, "{}", format!("{line}     {sent}").trim_end()),
            '-' => writeln!(out, "{line}  {}", paint::warning(mark)),
            _ => writeln!(out, "{line}  {}", paint::good(format!("{mark}  {sent}"))),
        };
    }
    let faults = record.faults.iter().map(|fault| (paint::error('!'), fault));
    let warnings = record
        .warnings
        .iter()
        .map(|fault| (paint::warning('~'), fault));
    for (mark, fault) in faults.chain(warnings) {
        let _ = write!(out, "  {mark} ");
        if !fault.column.is_empty() {
            let _ = write!(out, "{}: ", shown(&fault.column));
        }
        let message = shown(&fault.message);
        let code = shown(&fault.code);
        let _ = writeln!(out, "{message} ({} {code})", fault.stage);
    }
}

fn pad(line: &mut String, text: &str, width: usize) {
    line.push_str(text);
    for _ in text.width()..width {
        line.push(' ');
    }
}
