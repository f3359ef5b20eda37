//! Rows of a block that another process sends.

use super::facts::not_told_apart;
use super::process::Engine;
use crate::batch::{Batch, Kind};
use crate::settings::shard::Shard;
use crate::text::compare::compared;
use crate::text::unseen::is_blank;

impl Engine {
    /// The same, for a process that sends the rows of a shard and no others.
    pub(crate) fn of_shard(mut self, shard: Option<Shard>) -> Engine {
        self.shard = shard;
        self
    }

    /// The rows of a block that are another shard's, in order: by their key, whatever becomes of them, so that all rows of
    /// a key are in one; those of which no key can be read, by their place.
    pub(super) fn others(&self, batch: &Batch, file: u32, line: u64) -> Vec<u32> {
        let (Some(shard), Some(key)) = (&self.shard, &self.key) else {
            return Vec::new();
        };
        let mut torn: Vec<usize> = not_told_apart(batch).collect();
        torn.sort_unstable();
        let mut folded = String::new();
        let mut others = Vec::new();
        for (row, cell) in batch.column(key.slot).iter().enumerate() {
            let text = match cell.kind() {
                Kind::Faulty => "",
                _ => batch.text(*cell),
            };
            let is_in = if is_blank(text) || torn.binary_search(&row).is_ok() {
                shard.has_line(file, line + u64::from(batch.row(row).line))
            } else {
                shard.has_key(&compared(text, key.ignore_case, &mut folded))
            };
            if !is_in {
                others.push(row as u32);
            }
        }
        others
    }
}
