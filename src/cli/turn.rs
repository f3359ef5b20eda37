//! Waiting for another run that has what this one needs: its pipeline, its data set, its rejects file.
//!
//! They are taken in this order by every command, so that no two of them ever wait for each other.

use std::time::Duration;

use clap::Args;

use super::stop::{self, Stop};
use super::{Globals, say};
use crate::run::RunError;
use crate::state::LedgerError;

/// Between two looks at whether the other run has ended.
const PAUSE: Duration = Duration::from_millis(200);

/// Whether a command waits.
#[derive(Debug, Args)]
pub(super) struct TurnArgs {
    /// If another run is using the pipeline, its data set or its rejects file, wait until it ends.
    #[arg(long)]
    wait_for_turn: bool,
}

/// A command that waits for its turn, or does not.
pub(super) struct Turn<'a> {
    wait: bool,
    globals: &'a Globals,
    stop: Stop,
}

impl TurnArgs {
    /// Watches for signals from here on.
    pub(super) fn begin<'a>(&self, globals: &'a Globals) -> std::io::Result<Turn<'a>> {
        Ok(Turn {
            wait: self.wait_for_turn,
            globals,
            stop: stop::watch()?,
        })
    }
}

impl<'a> Turn<'a> {
    /// Neither waits nor watches.
    pub(super) fn at_once(globals: &'a Globals) -> Turn<'a> {
        Turn {
            wait: false,
            globals,
            stop: stop::never(),
        }
    }

    /// Takes what only one run can have.
    ///
    /// # Errors
    /// Another run has it, and it is not waited for; a signal came; it can't be taken at all.
    pub(super) fn take<T>(
        &mut self,
        mut take: impl FnMut() -> Result<T, LedgerError>,
    ) -> Result<T, RunError> {
        let mut said = false;
        loop {
            match take() {
                Err(LedgerError::Busy { what, holds, .. }) if self.wait => {
                    if !said && !self.globals.quiet {
                        say(format_args!(
                            "{} ({holds}); waiting for its end",
                            what.words()
                        ));
                    }
                    said = true;
                }
                taken => return Ok(taken?),
            }
            if self.stop.asked_or_pause(PAUSE) {
                return Err(RunError::Interrupted);
            }
        }
    }

    /// The watch for signals meanwhile.
    pub(super) fn stop(&mut self) -> &mut Stop {
        &mut self.stop
    }

    /// The watch for signals, for the work that follows.
    pub(super) fn over(self) -> Stop {
        self.stop
    }
}
