//! `rostream docs`: the reference of everything that a pipeline file and a command line may say, from the types that read
//! them.

use std::fmt::Write;

use clap::{Args, CommandFactory};

use crate::config;
use crate::report::codes::CODES;

use super::{Cli, Exit, Failure, put};

/// Arguments of `rostream docs`.
#[derive(Debug, Args)]
pub struct DocsArgs {}

impl DocsArgs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        put(page().as_bytes())?;
        Ok(Exit::Done)
    }
}

/// The whole page, in Markdown.
fn page() -> String {
    let mut page = String::from(
        "# Reference\n\nWhat `rostream docs` prints: every key of a pipeline file, every command with its options, every exit code and \
         error code. The guides say when to use which.\n\n",
    );
    page.push_str(&config::reference());
    page.push_str("## Commands\n\n");
    commands(&mut page);
    page.push_str("## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (exit, means) in Exit::TABLE {
        let _ = writeln!(page, "| {} | {means} |", exit as u8);
    }
    page.push_str("\n## Error codes\n\n| error | trying again helps | meaning |\n|---|---|---|\n");
    for (word, again, means) in CODES {
        let _ = writeln!(page, "| `{word}` | {again} | {means} |");
    }
    page
}

/// The options of every command but those that all of them take, which stand once.
fn commands(page: &mut String) {
    let mut program = Cli::command();
    program.build();
    for command in program.get_subcommands() {
        let about = command.get_about().map(ToString::to_string);
        let _ = write!(
            page,
            "### `{}`\n\n{}.\n\n",
            command.get_name(),
            about.unwrap_or_default().trim_end_matches('.')
        );
        let own = |option: &clap::Arg| !option.is_global_set() && option.get_id() != "help";
        options(command, own, page);
    }
    page.push_str("### Every command\n\n");
    options(&program, clap::Arg::is_global_set, page);
}

fn options(command: &clap::Command, wanted: impl Fn(&clap::Arg) -> bool, page: &mut String) {
    let mut rows = String::new();
    let options = command.get_arguments();
    for option in options.filter(|option| !option.is_hide_set() && wanted(option)) {
        let help = option.get_help().map(ToString::to_string);
        let help = help
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let _ = writeln!(
            rows,
            "| `{}` | {} |",
            option.to_string().replace('|', "\\|"),
            help.replace('|', "\\|")
        );
    }
    if !rows.is_empty() {
        let _ = writeln!(page, "| option | meaning |\n|---|---|\n{rows}");
    }
}
