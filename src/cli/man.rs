//! `rostream man`: the manual pages, from the same source as the help.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};

use super::{Cli, Exit, Failure, put};

/// Arguments of `rostream man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder to write them to, one a command; without it, that of the program goes to standard output.
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl ManArgs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let mut command = Cli::command();
        // Gives every subcommand its whole name, and the options that all commands take.
        command.build();
        match &self.folder {
            None => put(&page(&command)?)?,
            Some(folder) => pages(&command, folder).map_err(|error| {
                let message = format!("{} cannot be written: {error}", folder.display());
                Failure::new(Exit::Failed, message)
            })?,
        }
        Ok(Exit::Done)
    }
}

/// Writes the pages of a command and of those below it: `rostream.1`, `rostream-run.1`.
fn pages(command: &clap::Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let name = command.get_display_name().unwrap_or(command.get_name());
    fs::write(folder.join(format!("{name}.1")), page(command)?)?;
    let below = command.get_subcommands();
    for command in below.filter(|command| command.get_name() != "help") {
        pages(command, folder)?;
    }
    Ok(())
}

fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}
