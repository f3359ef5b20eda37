//! The thin binary: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use rostream::{Cli, Exit};

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => cli.run().unwrap_or_else(|failure| failure.report()),
        Err(error) => {
            // Where nobody reads the message, the exit code still tells.
            let _ = error.print();
            match error.use_stderr() {
                true => Exit::Usage,
                false => Exit::Done,
            }
        }
    };
    exit.into()
}
