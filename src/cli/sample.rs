//! `rostream sample`: writes a made-up HR extract.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::report::human;
use crate::settings::units::Amount;
use crate::source::place::sample::{DEFAULT_SEED, Format, Kind, Planted, Sample, per_million};

/// Writes a realistic HR extract; the same seed and rows, the same bytes.
#[derive(Clone, Debug, Args)]
pub struct SampleArgs {
    /// How many people
    #[arg(long, value_name = "N")]
    pub rows: u64,

    /// Another seed gives other people
    #[arg(long, value_name = "S", default_value_t = DEFAULT_SEED)]
    pub seed: u64,

    /// Share of rows with something wrong: a bad date, a missing name, a second use of an identifier
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = parse_share)]
    pub errors: Share,

    /// Format of the file; all have the same data
    #[arg(long, value_enum, default_value_t = FormatArg::Csv)]
    pub format: FormatArg,

    /// The file to write; without it, or with -, standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// A share in rows per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(pub u32);

/// Formats by the names that they have on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// Comma-separated, with a header
    Csv,
    /// One JSON object a line
    Ndjson,
    /// One JSON array
    Json,
}

fn parse_share(text: &str) -> Result<Share, String> {
    match text.parse() {
        Ok(Amount::Percent(percent)) => Ok(Share(per_million(percent))),
        _ => Err(format!(
            "expected a percentage from 0% to 100%, such as 1%, found `{text}`"
        )),
    }
}

/// Why the sample can't be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SampleError {
    /// The file can't be created.
    #[error("can't create {}", path.display())]
    Create { path: PathBuf, source: io::Error },
    /// Writing failed.
    #[error("can't write {to}")]
    Write {
        /// The file, or standard output.
        to: String,
        source: io::Error,
    },
}

/// Writes the sample, and says on standard error what is wrong in it on purpose.
pub(crate) fn run(args: &SampleArgs) -> Result<(), SampleError> {
    if let Some(text) = describe(&write(args)?) {
        super::say_lines(text);
    }
    Ok(())
}

fn write(args: &SampleArgs) -> Result<Planted, SampleError> {
    let sample = Sample {
        rows: args.rows,
        seed: args.seed,
        errors_per_million: args.errors.0,
        format: match args.format {
            FormatArg::Csv => Format::Csv,
            FormatArg::Ndjson => Format::Ndjson,
            FormatArg::Json => Format::Json,
        },
    };
    let file = args.output.as_ref().filter(|path| path.as_os_str() != "-");
    let written = match file {
        Some(path) => {
            let file = File::create(path).map_err(|source| SampleError::Create {
                path: path.clone(),
                source,
            })?;
            sample.write(file)
        }
        None => sample.write(super::stdout()),
    };
    match written {
        // Whoever reads our output has seen enough, as `head` does.
        Err(e) if file.is_none() && e.kind() == io::ErrorKind::BrokenPipe => Ok(Planted::default()),
        written => written.map_err(|source| SampleError::Write {
            to: match file {
                Some(path) => path.display().to_string(),
                None => "standard output".into(),
            },
            source,
        }),
    }
}

/// What was planted, in a line; nothing where nothing was.
fn describe(planted: &Planted) -> Option<String> {
    let kinds: Vec<String> = Kind::ALL
        .into_iter()
        .filter(|kind| planted.of(*kind) > 0)
        .map(|kind| format!("{} {}", kind.name(), human::count(planted.of(kind))))
        .collect();
    (!kinds.is_empty()).then(|| {
        format!(
            "{} wrong on purpose: {}",
            human::counted(planted.total(), "row"),
            kinds.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: SampleArgs,
    }

    fn parse(args: &[&str]) -> Result<SampleArgs, String> {
        Cli::try_parse_from(std::iter::once(&"sample").chain(args))
            .map(|cli| cli.args)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn arguments() {
        let args = parse(&["--rows", "10"]).unwrap();
        assert_eq!((args.rows, args.seed, args.errors), (10, 7, Share(0)));
        assert_eq!((args.format, args.output), (FormatArg::Csv, None));
        let args = parse(&["--rows=1", "--errors=0.25%", "--format=ndjson", "-o", "x"]).unwrap();
        assert_eq!(
            (args.errors, args.format),
            (Share(2_500), FormatArg::Ndjson)
        );
        for bad in ["1", "101%", "-1%", "x%", "NaN%", ""] {
            let error = parse(&["--rows=1", &format!("--errors={bad}")]).unwrap_err();
            assert!(error.contains("expected a percentage"), "{error}");
        }
    }

    #[test]
    fn it_writes_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hris.csv");
        let mut args = parse(&["--rows=20", "--errors=100%"]).unwrap();
        args.output = Some(path.clone());
        let planted = describe(&write(&args).unwrap()).unwrap();
        assert!(planted.starts_with("19 rows wrong on purpose: bad dates "));
        assert_eq!(describe(&Planted::default()), None);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("Employee ID,"));
        args.output = Some(dir.path().join("no/such/folder"));
        assert!(matches!(write(&args), Err(SampleError::Create { .. })));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let mut args = parse(&["--rows=20"]).unwrap();
        args.output = Some("/dev/full".into());
        assert_eq!(
            write(&args).unwrap_err().to_string(),
            "can't write /dev/full"
        );
    }
}
