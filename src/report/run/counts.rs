//! Rows and faults, counted.

use serde::{Deserialize, Serialize};

use crate::report::rejects::Tally;

/// Rows by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Records of the source.
    pub read: u64,
    /// Left out by a filter stage.
    pub filtered: u64,
    /// Found at fault and not sent.
    pub rejected: u64,
    /// Good, and held back because the run ended before an upload was complete (a dry run, a guard,
    /// an error).
    pub would_send: u64,
    /// In an upload that the storage took completely.
    pub sent: u64,
    /// Sent, and applied by the server.
    pub accepted: u64,
    /// Sent, and refused by the server.
    pub failed: u64,
    /// Sent, with no result known.
    pub unprocessed: u64,
}

impl RowCounts {
    /// Whether every row is accounted for: `read = sent + would_send + rejected + filtered` and
    /// `sent = accepted + failed + unprocessed`.
    pub fn check(&self) -> Result<(), Mismatch> {
        let sum = |parts: &[u64]| parts.iter().copied().map(u128::from).sum::<u128>();
        let parts = [self.sent, self.would_send, self.rejected, self.filtered];
        if sum(&parts) != u128::from(self.read) {
            let [sent, would_send, rejected, filtered] = parts;
            return Err(Mismatch::Read {
                read: self.read,
                sent,
                would_send,
                rejected,
                filtered,
            });
        }
        let parts = [self.accepted, self.failed, self.unprocessed];
        if sum(&parts) != u128::from(self.sent) {
            let [accepted, failed, unprocessed] = parts;
            return Err(Mismatch::Sent {
                sent: self.sent,
                accepted,
                failed,
                unprocessed,
            });
        }
        Ok(())
    }
}

/// Counts that don't add up: rows were lost or counted twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The rows read are not those accounted for.
    #[error(
        "the counts don't add up: {read} rows read, but {sent} sent + {would_send} held back \
         + {rejected} rejected + {filtered} filtered"
    )]
    Read {
        /// Records of the source.
        read: u64,
        /// Sent.
        sent: u64,
        /// Held back.
        would_send: u64,
        /// Rejected.
        rejected: u64,
        /// Filtered.
        filtered: u64,
    },
    /// The rows sent are not those that results account for.
    #[error(
        "the counts don't add up: {sent} rows sent, but {accepted} accepted + {failed} failed \
         + {unprocessed} unprocessed"
    )]
    Sent {
        /// Sent.
        sent: u64,
        /// Accepted.
        accepted: u64,
        /// Refused.
        failed: u64,
        /// Without a result.
        unprocessed: u64,
    },
}

/// Rows and faults by code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CodeCounts {
    /// Rows at fault.
    pub rows: u64,
    /// Their faults; a row may have several.
    pub faults: u64,
    /// Faults by code, the most frequent first.
    pub by_code: Vec<CodeCount>,
    /// Faults of codes beyond those listed.
    pub other_codes: u64,
}

/// A code and the number of its faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeCount {
    /// The code.
    pub code: String,
    /// How many faults have it.
    pub faults: u64,
}

impl From<&Tally> for CodeCounts {
    fn from(tally: &Tally) -> CodeCounts {
        let by_code = tally.by_code().into_iter();
        CodeCounts {
            rows: tally.rows(),
            faults: tally.faults(),
            by_code: by_code
                .map(|(code, faults)| CodeCount {
                    code: code.to_owned(),
                    faults,
                })
                .collect(),
            other_codes: tally.others(),
        }
    }
}
