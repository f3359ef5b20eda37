//! What the help says beside the options: the way of a new file, an example or two for every command, exit codes, and
//! the environment. A test runs the examples.

use std::fmt::Write;

use clap::Command;

use super::exit;

/// The heading of what every command takes.
pub(super) const GLOBAL: &str = "Global options";

/// A line of a shell, and what it does.
type Line = (&'static str, &'static str);

/// From a file that nobody knows to the first run.
const PATH: &[Line] = &[
    (
        "rostream infer export.csv -o export.yaml",
        "draft a pipeline for the file",
    ),
    (
        "rostream lint export.yaml",
        "check the pipeline file: no data is read",
    ),
    (
        "rostream preview export.yaml -n 5",
        "see the first records before and after",
    ),
    (
        "rostream check export.yaml",
        "all of the data, with rules and guards; nothing is sent",
    ),
    ("rostream run export.yaml", "upload and import"),
];

/// Examples of every command.
const EXAMPLES: &[(&str, &[Line])] = &[
    (
        "run",
        &[
            ("rostream run export.yaml", "the main job"),
            (
                "rostream run export.yaml --first 10",
                "ten rows first, and the others if those are accepted",
            ),
            (
                "rostream run export.yaml --set upload.rate=5MB/s --json",
                "one setting for this run, and the report on stdout",
            ),
        ],
    ),
    (
        "resume",
        &[(
            "rostream resume export.yaml",
            "take up the run of this pipeline that is not finished",
        )],
    ),
    (
        "results",
        &[(
            "rostream results RUN --pipeline export.yaml",
            "rejects and report of a run once more",
        )],
    ),
    (
        "retry",
        &[(
            "rostream retry RUN --pipeline export.yaml",
            "send again what was refused",
        )],
    ),
    (
        "test",
        &[(
            "rostream test pipelines/workday.yaml",
            "the cases that stand in the pipeline file, or beside it",
        )],
    ),
    (
        "check",
        &[
            (
                "rostream check export.yaml",
                "the whole data; nothing is sent",
            ),
            (
                "rostream check export.yaml --connect",
                "look at token, tenant and data set, too",
            ),
            (
                "rostream check export.yaml --shard 3/8",
                "for a process that sends an eighth of the rows",
            ),
        ],
    ),
    (
        "plan",
        &[(
            "rostream plan export.yaml -o plan.json",
            "what a run would do",
        )],
    ),
    (
        "apply",
        &[("rostream apply plan.json", "exactly that, once")],
    ),
    (
        "report",
        &[(
            "rostream report merge out -o plan.json",
            "the plan of all shards whose checks are in out",
        )],
    ),
    (
        "preview",
        &[
            (
                "rostream preview export.yaml -n 5",
                "the first five records",
            ),
            (
                "rostream preview export.yaml --from 3 --full",
                "from line 3 on, and long values whole",
            ),
        ],
    ),
    (
        "transform",
        &[
            (
                "rostream transform export.yaml --output ndjson > rows.ndjson",
                "the rows as stages and rules leave them; rejects beside",
            ),
            (
                "rostream transform export.yaml - < export.csv > rows.csv",
                "rows of standard input",
            ),
        ],
    ),
    (
        "bench",
        &[(
            "rostream bench export.yaml --runs 1",
            "seconds of every step",
        )],
    ),
    (
        "runs",
        &[("rostream runs export.yaml", "what ran, and how it ended")],
    ),
    (
        "generate",
        &[(
            "rostream generate export.yaml -o addresses.json",
            "two addresses, into a file of your own",
        )],
    ),
    (
        "upload",
        &[(
            "rostream upload export.yaml --to env:UPLOAD_URL",
            "to an address that stands in a variable",
        )],
    ),
    (
        "import",
        &[(
            "rostream import export.yaml --from env:DOWNLOAD_URL",
            "from an address that stands in a variable",
        )],
    ),
    (
        "datasets",
        &[(
            "rostream datasets export.yaml",
            "UUIDs for `dataset:` in the pipeline file",
        )],
    ),
    (
        "state",
        &[("rostream state init export.yaml", "make the state folder")],
    ),
    (
        "forget",
        &[(
            "rostream forget keys.txt --pipeline export.yaml",
            "the people whose keys stand in the file, one a line",
        )],
    ),
    (
        "infer",
        &[
            (
                "rostream infer export.csv -o export.yaml",
                "draft a pipeline for the file",
            ),
            ("rostream infer export.csv", "only show the draft"),
        ],
    ),
    (
        "describe",
        &[
            (
                "rostream describe export.csv",
                "what the columns hold, without values",
            ),
            (
                "rostream describe export.yaml --json",
                "of a pipeline's source, for machines",
            ),
        ],
    ),
    (
        "lint",
        &[
            ("rostream lint export.yaml", "every problem, with its place"),
            ("rostream lint export.yaml --json", "the same for machines"),
        ],
    ),
    (
        "sample",
        &[(
            "rostream sample --rows 1000 --errors 1% -o sample.csv",
            "a made-up extract, with faults",
        )],
    ),
    (
        "sandbox",
        &[(
            "rostream sandbox --port 8080",
            "an Orgvue on this machine, until Ctrl-C",
        )],
    ),
    (
        "docs",
        &[(
            "rostream docs > reference.md",
            "every key, command, exit code and error code",
        )],
    ),
    (
        "schema",
        &[(
            "rostream schema > rostream.schema.json",
            "for editors that complete and check",
        )],
    ),
    (
        "completions",
        &[(
            "rostream completions bash > rostream.bash",
            "to be sourced by the shell",
        )],
    ),
    (
        "man",
        &[(
            "rostream man man1",
            "a page for every command, into the folder man1",
        )],
    ),
];

/// Commands that read no pipeline, and so nothing of the environment but the colours.
const APART: &[&str] = &[
    "sample",
    "sandbox",
    "docs",
    "schema",
    "completions",
    "man",
    "infer",
    "report",
];

/// Variables of the environment, and what they are for.
const ENVIRONMENT: &[Line] = &[
    (
        "ORGVUE_TOKEN",
        "the API token, where the pipeline says `token: { env: ORGVUE_TOKEN }`; any other name will do",
    ),
    ("NAME", "what `${NAME}` in the pipeline file stands for"),
    (
        "HTTPS_PROXY, NO_PROXY",
        "the proxy, and hosts that it is not for",
    ),
    (
        "SSL_CERT_FILE",
        "certificates to trust in the place of the system's",
    ),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "the OpenTelemetry collector, in builds with the feature `otel`; other variables of that kind hold, too",
    ),
    (
        "RUST_LOG",
        "what is logged, such as `info` or `debug`; `-v` is shorter",
    ),
    (
        "NO_COLOR",
        "if set, no colors; CLICOLOR_FORCE=1 for colors in a pipe",
    ),
];

/// What follows the list of commands.
pub(super) fn whole() -> String {
    let path = lines("A new file in five commands:", PATH);
    let more = "`rostream help COMMAND` has examples of each command, and the environment.";
    format!("{path}\n{}\n\n{more}", exit::help())
}

/// Gives a command its examples; with `--help` exit codes and environment as well.
pub(super) fn of_command(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let Some((_, examples)) = EXAMPLES.iter().find(|(of, _)| *of == name) else {
        return command;
    };
    let examples = lines("Examples:", examples);
    let environment = match APART.contains(&name.as_str()) {
        true => &ENVIRONMENT[ENVIRONMENT.len() - 1..],
        false => ENVIRONMENT,
    };
    let long = format!(
        "{examples}\n{}\n\n{}",
        exit::help(),
        lines("Environment:", environment).trim_end()
    );
    command
        .after_help(examples.trim_end().to_owned())
        .after_long_help(long)
}

/// Lines below a heading; what they are for stands below those that are long.
fn lines(heading: &str, lines: &[Line]) -> String {
    let mut text = format!("{heading}\n");
    for (line, does) in lines {
        let _ = writeln!(text, "  {line}\n      {does}");
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_has_an_example_of_its_own() {
        let command = Cli::command();
        let commands: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        let named: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
        for name in &commands {
            assert!(named.contains(name), "no example of {name}");
        }
        assert_eq!(named.len(), commands.len());
        for (name, examples) in EXAMPLES {
            for (line, _) in *examples {
                assert!(line.starts_with(&format!("rostream {name} ")), "{line}");
            }
        }
    }
}
