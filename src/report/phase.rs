//! The parts of a run that take their time, and what they have done so far.

/// Where steps are told, as the log names it: that one has `began`, and with its counts that it has `ended`.
pub(crate) const STEPS: &str = concat!(env!("CARGO_CRATE_NAME"), "::step");

/// The part of a run that is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The first pass over the source; its bytes are those read.
    Survey,
    /// Writing the body to a temporary file; its bytes are those read.
    Spool,
    /// Once more over the source, with the verdicts that only its end could give; its bytes are those read.
    Again,
    /// Sending the body; its bytes are those sent.
    Upload,
    /// Waiting for the import job. It has no bytes, but a note: the job's state.
    Wait,
    /// Reading the results; its bytes are those read.
    Results,
}

impl Phase {
    /// The word in front of its bar or line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Phase::Survey => "survey",
            Phase::Spool => "spool",
            Phase::Again => "again",
            Phase::Upload => "upload",
            Phase::Wait => "wait",
            Phase::Results => "results",
        }
    }

    /// What of the counts it goes by.
    pub(super) fn bytes(self, counts: &Counts) -> u64 {
        match self {
            Phase::Upload => counts.bytes_sent,
            _ => counts.bytes_in,
        }
    }
}

/// What a phase has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Rows processed.
    pub rows: u64,
    /// Bytes read: of the source as it is stored, or of the results.
    pub bytes_in: u64,
    /// Bytes of the body handed to the connection.
    pub bytes_sent: u64,
}
