//! Why a source can't be read.

use std::io;

use super::bytes::decrypt::wrong::Wrong;
use super::bytes::zip;
use super::place::command::Failed;
use super::place::remote::error::RemoteError;
use crate::files::mark::Moved;
use crate::settings::units::Size;

/// What a setting of the source has to say before anything is read: mostly which of several things is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The setting, behind `source.`.
    pub setting: &'static str,
    /// What it may be; of many, the first.
    pub names: Vec<String>,
}

/// Why a source can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file that isn't there.
    #[error("{0}: no such file")]
    NotFound(String),
    /// A folder was named.
    #[error("{0}: is a directory; name a file, or a pattern such as {0}/*.csv")]
    Directory(String),
    /// A pattern that can't be read.
    #[error("{pattern}: not a file pattern: {reason}")]
    BadPattern {
        /// As written.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A pattern that matches nothing.
    #[error("{0}: no file matches")]
    NoMatch(String),
    /// None of the files and patterns is there; the first of them says how.
    #[error(transparent)]
    Nothing(Box<SourceError>),
    /// A pattern that was to match one file and matches more.
    #[error(
        "{pattern}: {count} files match, and source.pick is one: {names}; \
         move the others away, narrow the pattern, or set source.pick to newest or all"
    )]
    Several {
        /// As written.
        pattern: String,
        /// How many match.
        count: usize,
        /// Their names; of many, the first.
        names: String,
    },
    /// The same file is named in two ways.
    #[error(
        "{name} and {other} are the same file, and its rows would be read twice; leave one of them out of source.path"
    )]
    Twice {
        /// One of its names.
        name: String,
        other: String,
    },
    /// A pattern matches what looks like a file on its way.
    #[error(
        "{name}: its transfer looks unfinished (names that end with {ending}), and the pattern {pattern} matches it; \
         wait for it or remove it, write a pattern that leaves it out, or name the file itself"
    )]
    Unfinished {
        name: String,
        /// How its name ends.
        ending: &'static str,
        /// As written.
        pattern: String,
    },
    /// The operating system's word.
    #[error("{name}: can't be read")]
    Io { name: String, source: io::Error },
    /// A file at a server.
    #[error("{name}: can't be read")]
    Remote { name: String, source: RemoteError },
    /// A command that can't be started.
    #[error("{name}: the command of source.command can't be started")]
    NotStarted { name: String, source: io::Error },
    /// A command that did not end well.
    #[error(
        "{name}: the command of source.command failed ({why}), so its output is incomplete; nothing from it is imported"
    )]
    Command {
        name: String,
        /// How it ended.
        why: Failed,
    },
    /// The compressed data ends too early or is damaged.
    #[error("{name}: the {kind} data is cut off or damaged; nothing from it is sent")]
    Damaged {
        name: String,
        kind: &'static str,
        /// What the decoder says.
        source: io::Error,
    },
    /// The compressed data becomes so much more than it is that nobody can have meant it.
    #[error(
        "{name}: the {kind} data becomes more than {limit} times its size (limits.expansion); \
         raise the limit if the file is what it should be"
    )]
    Expansion {
        name: String,
        kind: &'static str,
        limit: u32,
    },
    /// The compressed data becomes too much.
    #[error(
        "{name}: the {kind} data becomes more than {limit} (limits.decompressed); \
         raise the limit if the file is what it should be"
    )]
    Decompressed {
        name: String,
        kind: &'static str,
        limit: Size,
    },
    /// The compressed data wants to be held in memory in pieces that are too large.
    #[error(
        "{name}: the zstd data needs a window of more than {limit} of memory (limits.zstd_window); \
         compress it without --long and --ultra, or raise the limit"
    )]
    Window { name: String, limit: Size },
    /// The same, of xz.
    #[error(
        "{name}: the xz data needs more than {limit} of memory (limits.xz_memory); \
         compress it with a level up to 9, or raise the limit"
    )]
    XzMemory { name: String, limit: Size },
    /// It can't be decrypted, or not be believed.
    #[error("{name}: {why}")]
    Undecrypted { name: String, why: Wrong },
    /// Nothing of an archive can be read, or it is not said what.
    #[error("{name}: {why}")]
    Archive {
        name: String,
        /// What is in the way.
        why: zip::Refused,
    },
    /// The records of a table can't be told.
    #[error("{place}: {message}")]
    Table {
        /// The file, and the line or row in it.
        place: String,
        message: String,
        /// Another setting mends it.
        setting: bool,
        /// What it may be set to.
        choice: Option<Choice>,
    },
    /// What has no records, whatever is stated.
    #[error(
        "{name}: this looks like {what}, and not like records; export them as CSV, JSON, XML or a workbook"
    )]
    Foreign { name: String, what: String },
    /// Bytes that the stated encoding doesn't have.
    #[error("{name}: not {encoding}: ill-formed near byte {at} of its text{hint}")]
    Encoding {
        name: String,
        encoding: &'static str,
        /// Offset, from 1.
        at: u64,
        /// Whether the pipeline states it.
        stated: bool,
        /// What it may be instead.
        hint: String,
    },
    /// The text's beginning is not in the stated encoding.
    #[error("{name}: {message}")]
    Contradicted {
        name: String,
        /// What it looks like, and what to set.
        message: String,
    },
    /// The bytes are wrapped in another way than is stated.
    #[error("{name}: {message}")]
    Wrapped {
        name: String,
        /// What they look like, and what to set.
        message: String,
    },
    /// A file is not what it was when the run began.
    #[error("{name}: {moved}")]
    Changed {
        name: String,
        /// How it differs.
        moved: Moved,
    },
    /// A stream was asked for a second time before its first reading ended.
    #[error("{0}: a stream can be read only once")]
    OnlyOnce(String),
    /// A stream whose beginning is asked for before it is read in its turn.
    #[error(
        "{0}: a stream can be read only once, and with source.csv.match: name the headers of all files are read beforehand; \
         name it before the others, or write it to a file"
    )]
    NotBeforehand(String),
}

impl SourceError {
    /// Of a file at a server that was found before.
    pub(super) fn of_remote(name: String, source: RemoteError) -> SourceError {
        match source {
            RemoteError::Gone => SourceError::Changed {
                name,
                moved: Moved::Gone,
            },
            RemoteError::Changed => SourceError::Changed {
                name,
                moved: Moved::AtServer,
            },
            source => SourceError::Remote { name, source },
        }
    }

    /// Which of several things has to be chosen, so that something is read at all.
    pub(crate) fn choice(&self) -> Option<Choice> {
        match self {
            SourceError::Table { choice, .. } => choice.clone(),
            SourceError::Archive {
                why: zip::Refused::Several { names, .. },
                ..
            } => Some(Choice {
                setting: "entry",
                names: names.clone(),
            }),
            _ => None,
        }
    }

    /// Whether another setting mends it: what was asked for is there, and is not what the setting says.
    pub fn is_setting(&self) -> bool {
        match self {
            SourceError::Remote { source, .. } => return source.is_setting(),
            SourceError::Archive { why, .. } => return why.is_setting(),
            SourceError::Undecrypted { why, .. } => return why.is_setting(),
            _ => {}
        }
        matches!(
            self,
            SourceError::BadPattern { .. }
                | SourceError::Several { .. }
                | SourceError::Twice { .. }
                | SourceError::Unfinished { .. }
                | SourceError::Encoding { stated: true, .. }
                | SourceError::Contradicted { .. }
                | SourceError::Wrapped { .. }
                | SourceError::Foreign { .. }
                | SourceError::Table { setting: true, .. }
                | SourceError::NotBeforehand(_)
        )
    }
}
