//! `rostream bench`: how fast a pipeline is on its own source, step by step and as a whole.

use std::fmt::Write;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::work::{cores, embedded, runtime};
use super::{Exit, Failure, Globals, PipelineArgs, put_findings, say, stop};
use crate::config;
use crate::report::human;
use crate::report::run::peak_memory;
use crate::run::advice::{Slow, slow};
use crate::run::bench::{self, Bench, Rows, Sent, Spread, Step, Steps};
use crate::run::{self, RunError};
use crate::sandbox::null::NullTarget;
use crate::settings::units::Size;

/// Arguments of `rostream bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Threads that process the data; one per core by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Fail if more memory than this was needed, such as 64MiB.
    #[arg(long, value_name = "SIZE")]
    max_memory: Option<Size>,
    /// How many times everything is measured; the table shows the medians.
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// Where the upload goes. Never to the pipeline's own target.
    #[arg(long, value_enum, default_value_t)]
    target: TargetArg,
    /// Write the findings to stdout as JSON.
    #[arg(long)]
    json: bool,
}

/// Where the upload goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TargetArg {
    /// A server in this process that reads the upload and throws it away.
    #[default]
    Null,
    /// The embedded sandbox; the memory is that of both together.
    Sandbox,
}

impl TargetArg {
    fn word(self) -> &'static str {
        match self {
            TargetArg::Null => "null",
            TargetArg::Sandbox => "sandbox",
        }
    }
}

/// What `--json` writes.
#[derive(Serialize)]
struct Findings {
    rostream_version: &'static str,
    pipeline: String,
    workers: usize,
    runs: u16,
    target: TargetArg,
    rows: Rows,
    /// Decoded text in bytes; all speeds are of this.
    text_bytes: u64,
    /// The upload in bytes; null where nothing is left to send.
    body_bytes: Option<u64>,
    /// One thread, step by step; the last is their sum.
    steps: Vec<StepLine>,
    /// The rules among them, one by one.
    rules: Vec<StepLine>,
    /// What is slow, and what to write instead.
    slow: Vec<Slow>,
    /// The engine as it runs.
    wholes: Vec<WholeLine>,
    peak_memory: Option<u64>,
    max_memory: Option<u64>,
}

#[derive(Serialize)]
struct StepLine {
    step: String,
    seconds: f64,
    /// Of the sum, from 0 to 1.
    share: f64,
    #[serde(flatten)]
    speed: Speed,
}

#[derive(Serialize)]
struct WholeLine {
    whole: String,
    seconds: Seconds,
    #[serde(flatten)]
    speed: Speed,
}

#[derive(Serialize)]
struct Seconds {
    median: f64,
    min: f64,
    max: f64,
}

#[derive(Serialize)]
struct Speed {
    /// Null where it took no time that could be measured.
    rows_per_second: Option<u64>,
    mb_per_second: Option<f64>,
}

impl BenchArgs {
    pub(super) fn run(self, globals: &Globals) -> Result<Exit, Failure> {
        let pipeline = self.pipeline.load(globals)?;
        let problem = |problem| Failure::new(Exit::Usage, problem);
        (pipeline.unlock_source(&config::process_env)).map_err(problem)?;
        let keys = pipeline.stage_keys(&config::process_env).map_err(problem)?;
        let workers = self.workers.map_or_else(cores, usize::from);
        let stopped = stop::watch()?.asked();
        let runtime = runtime()?;
        let ended = runtime.block_on(async {
            let work = async {
                if !bench::can_repeat(&pipeline)
                    .await
                    .map_err(Failure::of_run)?
                {
                    let message = "a bench reads the source many times, and a stream can be read only once; name a file";
                    return Err(problem(pipeline.problem("source.path", message)));
                }
                let resources = run::resources(&pipeline, keys, pipeline.today(), workers)
                    .await
                    .map_err(Failure::of_run)?;
                let bench = Bench::new(pipeline, resources, workers, crate::engine::blocks::BLOCK)
                    .map_err(|error| Failure::new(Exit::Failed, error))?;
                self.measure(bench, workers).await.map_err(Failure::of_run)
            };
            tokio::select! {
                biased;
                () = stopped => Err(Failure::of_run(RunError::Interrupted)),
                ended = work => ended,
            }
        });
        runtime.shutdown_background();
        let findings = ended?;
        if self.json {
            let mut text = serde_json::to_vec_pretty(&findings).map_err(std::io::Error::from)?;
            text.push(b'\n');
            put_findings(&text)?;
        } else {
            put_findings(findings.table().as_bytes())?;
        }
        if self.target == TargetArg::Sandbox && !globals.quiet {
            say("note: the sandbox runs in this process; its work and its memory are counted");
        }
        findings.judge()
    }

    async fn measure(&self, mut bench: Bench, workers: usize) -> Result<Findings, RunError> {
        let mut passes: Vec<Steps> = Vec::new();
        for _ in 0..self.runs {
            passes.push(bench.steps().await?);
        }
        let mut surveys = Vec::new();
        for _ in 0..self.runs {
            surveys.push(bench.survey().await?);
        }
        let mut sent: Vec<Sent> = Vec::new();
        for _ in 0..self.runs {
            // A new target every time, so that the last run finds what the first one found.
            let once = match self.target {
                TargetArg::Null => {
                    let target = NullTarget::start().await?;
                    bench.send(bench::connection(&target)?).await?
                }
                TargetArg::Sandbox => {
                    let target = embedded(bench.pipeline()).await?;
                    bench.send(target.connection()?).await?
                }
            };
            sent.extend(once);
        }
        let (rows, text) = passes
            .first()
            .map_or_else(Default::default, |p| (p.rows, p.text));
        let of_steps = medians(&passes, |pass| &pass.steps);
        let of_rules = medians(&passes, |pass| &pass.rules);
        let sum: Duration = of_steps.iter().map(|(_, time)| *time).sum();
        let speed = |time: Duration| Speed::of(rows.read, text, time);
        let step = |(step, time): (String, Duration)| StepLine {
            step,
            seconds: micros(time),
            share: match sum.is_zero() {
                true => 0.0,
                false => rounded(time.as_secs_f64() / sum.as_secs_f64(), 1e4),
            },
            speed: speed(time),
        };
        let whole = |whole: String, spread: Spread| WholeLine {
            whole,
            seconds: Seconds {
                median: micros(spread.median),
                min: micros(spread.min),
                max: micros(spread.max),
            },
            speed: speed(spread.median),
        };
        let mut wholes = vec![whole("survey".to_owned(), Spread::of(surveys))];
        if !sent.is_empty() {
            let uploads = Spread::of(sent.iter().map(|s| s.upload));
            let all = Spread::of(sent.iter().map(|s| s.whole));
            wholes.push(whole("send".to_owned(), uploads));
            wholes.push(whole("survey and send".to_owned(), all));
        }
        let one_thread = ("one thread".to_owned(), sum);
        let steps: Vec<StepLine> = of_steps.into_iter().chain([one_thread]).map(step).collect();
        let rules: Vec<StepLine> = of_rules.into_iter().map(step).collect();
        let shares = steps.iter().chain(&rules);
        let shares: Vec<_> = shares.map(|line| (line.step.clone(), line.share)).collect();
        Ok(Findings {
            rostream_version: env!("CARGO_PKG_VERSION"),
            pipeline: bench.pipeline().name.clone(),
            workers,
            runs: self.runs,
            target: self.target,
            rows,
            text_bytes: text,
            body_bytes: sent.first().map(|s| s.body),
            slow: slow(bench.pipeline(), rows.read, &shares),
            steps,
            rules,
            wholes,
            peak_memory: peak_memory(),
            max_memory: self.max_memory.map(|size| size.0),
        })
    }
}

/// The median times of steps of all passes.
fn medians(passes: &[Steps], steps: impl Fn(&Steps) -> &[Step]) -> Vec<(String, Duration)> {
    let count = passes.iter().map(|pass| steps(pass).len()).min();
    (0..count.unwrap_or(0))
        .map(|at| {
            let times = passes.iter().map(|pass| steps(pass)[at].time);
            (steps(&passes[0])[at].name.clone(), Spread::of(times).median)
        })
        .collect()
}

impl Speed {
    fn of(rows: u64, bytes: u64, time: Duration) -> Speed {
        let per_second = |n: u64| (!time.is_zero()).then(|| n as f64 / time.as_secs_f64());
        Speed {
            rows_per_second: per_second(rows).map(|n| n.round() as u64),
            mb_per_second: per_second(bytes).map(|n| rounded(n / 1e6, 1e1)),
        }
    }

    /// The table's columns. Of a time that the table shows as zero it shows no speed, for that would be
    /// the speed of the clock.
    fn columns(&self, seconds: f64) -> String {
        let told = seconds >= 0.0005;
        let rows = self.rows_per_second.filter(|_| told);
        let rows = rows.map_or("-".to_owned(), human::count);
        let mb = self.mb_per_second.filter(|_| told);
        let mb = mb.map_or("-".to_owned(), |n| format!("{n:.1}"));
        format!("{rows:>15}  {mb:>9}")
    }
}

fn micros(time: Duration) -> f64 {
    rounded(time.as_secs_f64(), 1e6)
}

fn rounded(x: f64, parts: f64) -> f64 {
    (x * parts).round() / parts
}

impl Findings {
    fn table(&self) -> String {
        let mut out = String::new();
        let rows = &self.rows;
        let _ = writeln!(
            out,
            "{}: {} ({} filtered, {} rejected), {} of text",
            self.pipeline,
            human::counted(rows.read, "row"),
            human::count(rows.filtered),
            human::count(rows.rejected),
            human::bytes(self.text_bytes),
        );
        let widest = self.steps.iter().map(|s| s.step.len()).max().unwrap_or(0);
        let width = widest.max("survey and send".len());
        let _ = writeln!(
            out,
            "\n{:<width$}  {:>9}  {:>7}  {:>15}  {:>9}",
            "step, on one thread", "seconds", "share", "rows/s", "MB/s"
        );
        for line in &self.steps {
            let _ = writeln!(
                out,
                "{:<width$}  {:>9.3}  {:>6.1}%  {}",
                line.step,
                line.seconds,
                line.share * 100.0,
                line.speed.columns(line.seconds),
            );
        }
        self.tell_slow(&mut out);
        let workers = human::counted(self.workers as u64, "worker");
        let _ = writeln!(
            out,
            "\n{:<width$}  {:>9}  {:>7}  {:>7}  {:>15}  {:>9}",
            format!("whole, {workers}"),
            "seconds",
            "min",
            "max",
            "rows/s",
            "MB/s"
        );
        for line in &self.wholes {
            let Seconds { median, min, max } = line.seconds;
            let _ = writeln!(
                out,
                "{:<width$}  {median:>9.3}  {min:>7.3}  {max:>7.3}  {}",
                line.whole,
                line.speed.columns(median),
            );
        }
        let _ = match self.body_bytes {
            Some(body) => writeln!(
                out,
                "\nbody         {} to the {} target",
                human::bytes(body),
                self.target.word()
            ),
            None => writeln!(out, "\nbody         no row is left to send"),
        };
        if let Some(peak) = self.peak_memory {
            let _ = write!(out, "peak memory  {}", human::bytes(peak));
            let limit = self
                .max_memory
                .map(|max| format!(" of at most {}", human::bytes(max)));
            let _ = writeln!(out, "{}", limit.unwrap_or_default());
        }
        let _ = writeln!(
            out,
            "medians of {}",
            human::counted(u64::from(self.runs), "run")
        );
        out
    }

    /// The stages and rules that take much of the time, and what to do about them.
    fn tell_slow(&self, out: &mut String) {
        for (at, slow) in self.slow.iter().enumerate() {
            let _ = write!(
                out,
                "{}slow         {}: {:.0} % of the time",
                if at == 0 { "\n" } else { "" },
                slow.part,
                slow.share * 100.0
            );
            for instead in &slow.instead {
                let _ = write!(out, "; {instead}");
            }
            out.push('\n');
        }
    }

    /// Whether the run stayed within `--max-memory`.
    fn judge(&self) -> Result<Exit, Failure> {
        let Some(max) = self.max_memory else {
            return Ok(Exit::Done);
        };
        let message = match self.peak_memory {
            Some(peak) if peak <= max => return Ok(Exit::Done),
            Some(peak) => format!(
                "{} of memory were needed, more than --max-memory {} ({})",
                human::bytes(peak),
                Size(max),
                human::bytes(max)
            ),
            None => "this system does not report how much memory was needed, so --max-memory can't be judged".to_owned(),
        };
        Err(Failure::new(Exit::Failed, message))
    }
}
