//! Keys that the source writes otherwise than the server has them: an item keeps the spelling under which it was accepted.

use std::io;

use super::diff::Diff;
use super::judged::{Judged, NOWHERE};
use super::key::{BARE, TEXT};
use crate::batch::{Batch, Cell, Kind};

impl Diff {
    /// Puts the key as the server accepted it into a row where the source writes it otherwise: under another spelling
    /// the server has no such item. Returns the cell of the source. The key is opened only where the hash of its cell
    /// does not tell that the two are the same.
    pub(super) fn keep_spelling(
        &self,
        batch: &mut Batch,
        row: usize,
        found: u32,
    ) -> io::Result<Option<Cell>> {
        let Some(store) = self.store().filter(|_| self.sends && found != NOWHERE) else {
            return Ok(None);
        };
        let cell = batch.cell(row, self.key_slot());
        let identifier = self.identifier as usize;
        if self.comparable().is_some()
            && store.cell(found, identifier)? == self.cell(batch, &self.columns[identifier], cell)
        {
            return Ok(None);
        }
        let key = store.key(found, self.hashes())?;
        let accepted = key.as_deref().and_then(|key| {
            let (kind, text) = key.split_first()?;
            Some((*kind, std::str::from_utf8(text).ok()?))
        });
        let Some((kind, text)) = accepted else {
            return Ok(None);
        };
        if (kind, text) == (kind_of(cell), batch.text(cell)) {
            return Ok(None);
        }
        let kind = match kind {
            BARE => Kind::Number,
            _ => Kind::Text,
        };
        batch.set_text(row, self.key_slot(), text, kind);
        Ok(Some(cell))
    }
}

impl Judged {
    /// Puts the other spelling into the keys that have two: the one in which they go out, or the source's again.
    pub(crate) fn swap_spellings(&mut self, batch: &mut Batch, slot: usize) {
        for (row, other) in &mut self.spelled {
            let cell = batch.cell(*row as usize, slot);
            batch.set_cell(*row as usize, slot, std::mem::replace(other, cell));
        }
    }
}

/// How a key is written in JSON, as its seal tells it.
pub(super) fn kind_of(key: Cell) -> u8 {
    match key.kind() {
        Kind::Number => BARE,
        _ => TEXT,
    }
}
