//! What the first pass leaves to those that follow, and to the report.

use super::compared::Compared;
use crate::batch::Arrangement;
use crate::delta::items::Writer;
use crate::delta::tally::Deletes;
use crate::engine::body::{Amended, Digest};
use crate::engine::written::WrittenRows;
use crate::report::rejects::RejectsFile;
use crate::report::run::{
    AliasesReport, AsOf, CodeCounts, HierarchyReport, RehiresReport, WarnedReport,
};
use crate::whole::lines::Lines;
use crate::whole::unique::Unique;

/// What a survey knows of rows and body.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Records of the source.
    pub read: u64,
    /// Lines that are no records.
    pub skipped: u64,
    /// Rows that a filter left out.
    pub filtered: u64,
    /// Rows that are part of the body.
    pub good: u64,
    /// Rows that are not sent as another one goes in their place.
    pub superseded: u64,
    /// Rows of which other shards say what becomes of them.
    pub other_shards: u64,
    /// Rows that are held back, as they would delete somebody.
    pub withheld: u64,
    /// Rows at fault whose items are named in the body, and nothing more.
    pub carried: u64,
    /// Rows that are not sent, as the server has them.
    pub unchanged: u64,
    /// What differs from what the server has, and why everything is sent, where that is asked for.
    pub changes: Option<Compared>,
    /// What the rows and the whole file told, and does not end the run.
    pub warnings: Vec<String>,
    /// What the rows of an effective-dated extract came to.
    pub as_of: Option<AsOf>,
    /// What became of ids that are others now.
    pub aliases: Option<AliasesReport>,
    /// Who may have another id.
    pub rehires: Option<RehiresReport>,
    /// What was found of the hierarchies.
    pub hierarchies: Vec<HierarchyReport>,
    /// Rows that break rules which do not reject.
    pub warned: WarnedReport,
    /// Rows that were rejected, and why.
    pub rejects: CodeCounts,
    /// Length and hash of the body.
    pub digest: Digest,
    /// The hash in words; nothing where the body was only measured.
    pub body_hash: Option<String>,
    /// Bytes of each file of the source, as stored.
    pub sources: Vec<u64>,
}

/// What the second pass and the results need of the first.
pub struct Surveyed {
    /// Where every record is, and which are part of the body.
    pub lines: Lines,
    /// Keys of the records, where there is a key rule.
    pub(crate) keys: Option<Unique>,
    /// Which rows were written; nothing where they are compared with what the server has.
    pub(crate) written: Option<WrittenRows>,
    /// What is not sent as it was made.
    pub amended: Amended,
    /// The rejects file, to be added to.
    pub rejects: RejectsFile,
    /// Length and hash of the body.
    pub digest: Digest,
    /// What is sent, to be written down, and who is in no row.
    pub(crate) differ: (Option<Writer>, Deletes),
}

impl Surveyed {
    /// Leaves out records that were sent already, whose rows have so many bytes.
    pub(super) fn leave_out(&mut self, records: &[u32], bytes: u64) {
        for &record in records {
            self.lines.mark_not_sent(record);
        }
        let dropped = &mut self.amended.dropped;
        dropped.extend_from_slice(records);
        dropped.sort_unstable();
        self.digest = self.digest.without(&self.amended, bytes);
    }
}

/// What to say of columns that a file's header has no name for; nothing where the pipeline means it so.
pub(super) fn without_names(file: &str, arrangement: &Arrangement) -> Option<String> {
    let columns: Vec<_> = (arrangement.nameless.iter())
        .map(|at| (at + 1).to_string())
        .collect();
    match &columns[..] {
        _ if arrangement.meant => None,
        [] => None,
        [only] => Some(format!(
            "{file}: column {only} has no name in the header and is left out; a row with a value in it is rejected"
        )),
        several => Some(format!(
            "{file}: columns {} have no name in the header and are left out; a row with a value in one is rejected",
            several.join(", ")
        )),
    }
}
