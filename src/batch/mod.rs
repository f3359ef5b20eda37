//! A batch: the records of one block as columns of spans over one buffer.
//!
//! A cell is eight bytes: where its text begins, how long it is, and what kind of value it is. The
//! text lies in one buffer, which begins with the block's own bytes; what a stage changes is appended
//! there, so that nothing is allocated per cell and whatever nobody changed is never copied. A row
//! that is out is marked, never moved.

mod arrangement;
mod columns;
mod faults;
pub(crate) mod kinds;
pub(crate) mod pool;
mod skipped;

use std::ops::Range;
use std::sync::Arc;

use crate::text::scan::is_plain;
use crate::text::unseen::hidden;
pub use arrangement::Arrangement;
pub use columns::Columns;
pub(crate) use columns::{JOINED, NoColumn, Renamed};
pub(crate) use faults::Wording;
pub(crate) use faults::{Fault, Faults, Found};
use pool::{Lease, Pool, Reuse};
pub(crate) use skipped::Skipped;

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Text as the source had it, or as a stage left it. May be empty.
    Text = 0,
    /// A number in JSON's grammar, with the exact digits of the source.
    Number = 1,
    /// `true` or `false`.
    Bool = 2,
    /// A JSON object or array, kept as its source text.
    Json = 3,
    /// JSON's `null`; its text is empty.
    Null = 4,
    /// The record has no such member; its text is empty. Sent as the no-change token, or not at all.
    Missing = 5,
    /// A stage or rule found fault with this cell. Later stages and rules leave it alone, so that
    /// one mistake is reported once.
    Faulty = 6,
}

/// Longest text of one cell in bytes: 28 bits of length stand beside 3 bits of kind and one that says
/// whether the text is plain.
pub(crate) const MAX_CELL: usize = (1 << 28) - 1;

/// Longest text of a batch in bytes: cells begin at a number of 32 bits.
const MAX_TEXT: usize = u32::MAX as usize;

/// Texts up to this length are looked at when they are written; a longer one is seldom plain.
const LOOKED_AT: usize = 64;

/// Faults of texts that are compared as they look, so that what nobody sees in them is not the cause.
const COMPARED: [&str; 4] = ["one_of", "not_one_of", "lookup_missing", "boolean_format"];

/// A span of a batch's text, its kind, and whether it is known to be plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    start: u32,
    packed: u32,
}

impl Cell {
    /// The absent cell.
    pub const MISSING: Cell = Cell::new(0, 0, Kind::Missing);

    const PLAIN: u32 = 1 << 28;

    /// A cell over `len` bytes of the batch's text, beginning at `start`.
    #[inline]
    pub const fn new(start: usize, len: usize, kind: Kind) -> Cell {
        debug_assert!(len <= MAX_CELL && start <= u32::MAX as usize);
        Cell {
            start: start as u32,
            packed: ((kind as u32) << 29) | len as u32,
        }
    }

    /// The same cell, known to be plain where `yes`: its text holds no quote, backslash or control
    /// character, so that it stands in JSON as it is. Most cells are, and whoever read them knows it for
    /// next to nothing; to find it out again for each would cost as much as all the rest of encoding.
    #[inline]
    pub const fn plain_if(self, yes: bool) -> Cell {
        Cell {
            start: self.start,
            packed: self.packed | if yes { Self::PLAIN } else { 0 },
        }
    }

    /// Whether the text is known to be plain. Where not, it may be plain all the same.
    #[inline]
    pub const fn is_plain(self) -> bool {
        self.packed & Self::PLAIN != 0
    }

    /// Whether it holds text that is known to be plain.
    #[inline(always)]
    pub const fn is_plain_text(self) -> bool {
        self.packed & !(MAX_CELL as u32) == Self::PLAIN | ((Kind::Text as u32) << 29)
    }

    /// What the cell holds.
    #[inline]
    pub const fn kind(self) -> Kind {
        match self.packed >> 29 {
            0 => Kind::Text,
            1 => Kind::Number,
            2 => Kind::Bool,
            3 => Kind::Json,
            4 => Kind::Null,
            5 => Kind::Missing,
            _ => Kind::Faulty,
        }
    }

    /// Length of its text in bytes.
    #[inline]
    pub const fn len(self) -> usize {
        (self.packed & MAX_CELL as u32) as usize
    }

    /// Whether there is no text: empty, null or missing.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Where its text lies in the batch's buffer.
    #[inline]
    pub const fn span(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len()
    }

    /// The same span, read as another kind.
    #[inline]
    pub const fn with_kind(self, kind: Kind) -> Cell {
        Cell {
            start: self.start,
            packed: (self.packed & !(7 << 29)) | ((kind as u32) << 29),
        }
    }

    /// A part of this cell's text: `range` counts from the cell's beginning.
    #[inline]
    pub const fn part(self, range: Range<usize>) -> Cell {
        let part = Cell::new(
            self.start as usize + range.start,
            range.end - range.start,
            self.kind(),
        );
        part.plain_if(self.is_plain())
    }
}

/// Whether a row is still on its way to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowState {
    /// Will be sent.
    In,
    /// A `filter` stage left it out, on purpose.
    Filtered,
    /// A `filter` stage left it out, and its item stays at the target.
    Aside,
    /// The target has it as it is, so that it is not sent.
    Unchanged,
    /// At least one fault was found: it goes to the rejects file. Stages and rules go on looking at
    /// it, so that all of its faults are reported together.
    Rejected,
}

/// Where a row came from.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Physical line on which the record begins, counted from the block's first line (0).
    pub line: u32,
    /// The raw record in the block's bytes, without its line end.
    pub start: u32,
    /// End of the raw record.
    pub end: u32,
}

/// The records of one block.
#[derive(Default)]
pub struct Batch {
    text: String,
    /// The block's bytes as they were, where they are not UTF-8 (else the text begins with them).
    raw: Option<Vec<u8>>,
    tables: Lease<Tables>,
    faults: Faults,
    /// What is wrong with rows that go out all the same.
    warnings: Faults,
    /// Rules that are counted by themselves, each with a row that breaks it.
    broken: Vec<(u32, u32)>,
    /// Rows that are taken out when the stages and rules are through.
    aside: Vec<u32>,
    skipped: Skipped,
    overflows: bool,
    /// Whether a cell may hold an object or an array.
    nested: bool,
    /// Whether stages look at rows that are filtered out, too.
    sees_filtered: bool,
    arrangement: Option<Arc<Arrangement>>,
    /// Where the text's buffer goes when the batch is dropped.
    home: Option<Pool<Vec<u8>>>,
}

/// The buffers of a batch besides its text.
#[derive(Default, Debug)]
pub struct Tables {
    columns: Vec<Vec<Cell>>,
    /// Columns that are not in use, with the room they had.
    spare: Vec<Vec<Cell>>,
    rows: Vec<Row>,
    states: Vec<RowState>,
}

impl Reuse for Tables {
    fn clear(&mut self) {
        self.spare.append(&mut self.columns);
        self.spare.iter_mut().for_each(Vec::clear);
        self.rows.clear();
        self.states.clear();
    }

    fn room(&self) -> usize {
        let cells: usize = self
            .columns
            .iter()
            .chain(&self.spare)
            .map(Vec::capacity)
            .sum();
        cells * size_of::<Cell>() + self.rows.capacity() * size_of::<Row>() + self.states.capacity()
    }
}

impl Tables {
    fn column(&mut self) -> Vec<Cell> {
        self.spare.pop().unwrap_or_default()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.put(std::mem::take(&mut self.text).into_bytes());
        }
    }
}

impl Batch {
    /// An empty batch over a block's text, with `columns` physical columns.
    pub fn new(text: String, columns: usize) -> Batch {
        Batch::over(text, None, columns, Lease::default())
    }

    /// An empty batch over a block's text, in buffers that were used before. For a block that is not UTF-8,
    /// `text` has the same length with every bad byte replaced, and `raw` is the block as it was.
    pub fn over(
        text: String,
        raw: Option<Vec<u8>>,
        columns: usize,
        mut tables: Lease<Tables>,
    ) -> Batch {
        debug_assert!(raw.as_ref().is_none_or(|raw| raw.len() == text.len()));
        for _ in 0..columns {
            let column = tables.column();
            tables.columns.push(column);
        }
        Batch {
            text,
            raw,
            tables,
            faults: Faults::default(),
            warnings: Faults::default(),
            broken: Vec::new(),
            aside: Vec::new(),
            skipped: Skipped::default(),
            overflows: false,
            nested: false,
            sees_filtered: false,
            arrangement: None,
            home: None,
        }
    }

    /// Sends the text's buffer there when the batch is dropped.
    pub fn return_text_to(&mut self, home: &Pool<Vec<u8>>) {
        self.home = Some(home.clone());
    }

    /// Gives the batch its rows, all of them in, and their cells: row by row, as many as there are columns.
    pub fn fill(&mut self, rows: &[Row], cells: &[Cell]) {
        let tables = &mut *self.tables;
        tables.rows.extend_from_slice(rows);
        tables.states.resize(rows.len(), RowState::In);
        let width = tables.columns.len();
        debug_assert_eq!(cells.len(), rows.len() * width);
        for (at, column) in tables.columns.iter_mut().enumerate() {
            column.extend(cells.chunks_exact(width).map(|row| row[at]));
        }
    }

    /// Turns the cells of the records, in their own order, into the columns.
    pub(crate) fn arrange(&mut self, arrangement: &Arc<Arrangement>) {
        let tables = &mut *self.tables;
        let mut own = std::mem::take(&mut tables.columns);
        for place in &arrangement.places {
            let column = match place {
                Some(place) => std::mem::take(&mut own[*place]),
                None => {
                    let mut column = tables.column();
                    column.resize(tables.rows.len(), Cell::MISSING);
                    column
                }
            };
            tables.columns.push(column);
        }
        own.iter_mut().for_each(Vec::clear);
        tables.spare.append(&mut own);
        self.arrangement = Some(arrangement.clone());
    }

    /// How the columns stand in the raw records, where that is not as they stand here.
    pub(crate) fn arrangement(&self) -> Option<&Arc<Arrangement>> {
        self.arrangement.as_ref()
    }

    /// Begins one more row, which is in; its cells follow by [`Batch::push_cell`], one per column.
    pub fn push_row(&mut self, row: Row) {
        self.tables.rows.push(row);
        self.tables.states.push(RowState::In);
    }

    /// Appends a cell to a column of the row begun last.
    pub fn push_cell(&mut self, column: usize, cell: Cell) {
        self.tables.columns[column].push(cell);
    }

    /// Says which lines of the block are no records.
    pub(crate) fn skip(&mut self, skipped: Skipped) {
        self.skipped = skipped;
    }

    /// The lines of the block that are no records.
    pub(crate) fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// Takes the text out, over which the cells lie, where no more is to be done to these.
    pub(crate) fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// How many rows, whatever their state.
    #[inline]
    pub fn len(&self) -> usize {
        self.tables.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.tables.rows.is_empty()
    }

    /// How many physical columns.
    pub fn width(&self) -> usize {
        self.tables.columns.len()
    }

    /// Length of the text in bytes: the block, and what stages wrote.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Appends a physical column of missing cells and says which it is.
    pub fn add_column(&mut self) -> usize {
        let mut column = self.tables.column();
        column.resize(self.len(), Cell::MISSING);
        self.tables.columns.push(column);
        self.width() - 1
    }

    /// Adds columns of missing cells until there are `width`.
    pub fn widen(&mut self, width: usize) {
        while self.tables.columns.len() < width {
            self.add_column();
        }
    }

    /// A column's cells, one per row.
    #[inline]
    pub fn column(&self, column: usize) -> &[Cell] {
        &self.tables.columns[column]
    }

    /// A column taken out for rewriting; put it back with [`Batch::put_column`].
    #[inline]
    pub fn take_column(&mut self, column: usize) -> Vec<Cell> {
        std::mem::take(&mut self.tables.columns[column])
    }

    /// Puts a column back.
    #[inline]
    pub fn put_column(&mut self, column: usize, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.tables.rows.len());
        self.tables.columns[column] = cells;
    }

    #[inline]
    pub fn cell(&self, row: usize, column: usize) -> Cell {
        self.tables.columns[column][row]
    }

    #[inline]
    pub fn set_cell(&mut self, row: usize, column: usize, cell: Cell) {
        self.tables.columns[column][row] = cell;
    }

    /// The text of all cells: the block, and what stages wrote.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// A cell's text; empty for null and missing.
    #[inline]
    pub fn text(&self, cell: Cell) -> &str {
        &self.text[cell.span()]
    }

    /// A text of up to eight bytes as a number, with zeros behind it. Nothing where it is longer, or where the buffer
    /// ends too soon behind it.
    #[inline]
    pub(crate) fn word(&self, cell: Cell) -> Option<u64> {
        let (start, len) = (cell.span().start, cell.len());
        let unused = 8usize.checked_sub(len)?;
        let eight = self.bytes().get(start..)?.first_chunk::<8>()?;
        // Of no text at all, nothing stays.
        let mask = u64::MAX.checked_shr(unused as u32 * 8).unwrap_or(0);
        Some(u64::from_le_bytes(*eight) & mask)
    }

    /// The text of the cell at a row and column.
    #[inline]
    pub fn get(&self, row: usize, column: usize) -> &str {
        self.text(self.cell(row, column))
    }

    /// Appends text to the buffer and returns a cell over it. Where it does not fit, the batch
    /// [overflows](Batch::overflows), and the cell is faulty.
    #[inline]
    pub fn append(&mut self, text: &str, kind: Kind) -> Cell {
        let start = self.text.len();
        if text.len() > MAX_CELL || start + text.len() > MAX_TEXT {
            self.overflows = true;
            return Cell::new(0, 0, Kind::Faulty);
        }
        self.text.push_str(text);
        let plain = text.len() <= LOOKED_AT && is_plain(text.as_bytes());
        Cell::new(start, text.len(), kind).plain_if(plain)
    }

    /// Whether stages made more text than a batch can hold: a cell of more than [`MAX_CELL`] bytes, or 4 GiB in all.
    pub fn overflows(&self) -> bool {
        self.overflows
    }

    /// Says that a cell holds an object or an array. Stages make none, so that the parser alone says it.
    pub fn mark_nested(&mut self) {
        self.nested = true;
    }

    /// Whether a cell may hold an object or an array.
    pub fn is_nested(&self) -> bool {
        self.nested
    }

    /// Appends the text of many cells at once, the first of which begins at [`Batch::text_len`].
    pub fn append_text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Replaces one cell by new text.
    #[inline]
    pub fn set_text(&mut self, row: usize, column: usize, text: &str, kind: Kind) {
        let cell = self.append(text, kind);
        self.set_cell(row, column, cell);
    }

    /// State of a row.
    #[inline]
    pub fn state(&self, row: usize) -> RowState {
        self.tables.states[row]
    }

    /// Whether a `filter` stage left a row out.
    #[inline]
    pub(crate) fn is_filtered(&self, row: usize) -> bool {
        matches!(self.state(row), RowState::Filtered | RowState::Aside)
    }

    /// How many rows `filter` stages left out.
    pub(crate) fn filtered(&self) -> u64 {
        let filtered = (0..self.len()).filter(|row| self.is_filtered(*row));
        filtered.count() as u64
    }

    /// Whether stages and rules should look at a row: all but the filtered ones, unless those are to be
    /// [seen](Batch::see_filtered).
    #[inline]
    pub fn is_live(&self, row: usize) -> bool {
        self.tables.states[row] != RowState::Filtered || self.sees_filtered
    }

    /// Whether they should look at all of them.
    pub(crate) fn are_all_live(&self) -> bool {
        let states = &self.tables.states;
        self.sees_filtered || states.iter().all(|state| *state != RowState::Filtered)
    }

    /// Has stages look at rows that are filtered out, or not: where their names are asked for, these need the form that
    /// the other rows' get. What is found at fault with such a row is not told.
    pub(crate) fn see_filtered(&mut self, yes: bool) {
        self.sees_filtered = yes;
    }

    /// Leaves a row out on purpose. A rejected row stays rejected.
    pub fn filter_out(&mut self, row: usize) {
        if self.tables.states[row] == RowState::In {
            self.tables.states[row] = RowState::Filtered;
        }
    }

    /// Leaves a row out, whose item is to stay at the target. It goes on through the stages, for its key is known when
    /// they are through, and [`Batch::drop_aside`] is what takes it out.
    pub(crate) fn set_aside(&mut self, row: usize) {
        if self.tables.states[row] == RowState::In {
            self.aside.push(row as u32);
        }
    }

    /// Takes out the rows that were set aside, whatever was found at fault with them since.
    pub(crate) fn drop_aside(&mut self) {
        let aside = std::mem::take(&mut self.aside);
        if aside.is_empty() {
            return;
        }
        for &row in &aside {
            self.tables.states[row as usize] = RowState::Aside;
        }
        let states = std::mem::take(&mut self.tables.states);
        self.forgive(|row| states[row as usize] == RowState::Aside);
        self.tables.states = states;
    }

    /// Forgets what was found wrong with rows that are no longer looked at.
    fn forgive(&mut self, gone: impl Fn(u32) -> bool) {
        self.faults.retain(|row| !gone(row));
        self.warnings.retain(|row| !gone(row));
        self.broken.retain(|(_, row)| !gone(*row));
    }

    /// The rows that are in, or that the target has as they are.
    pub(crate) fn kept(&self) -> Vec<u32> {
        let kept = |row: &u32| {
            matches!(
                self.tables.states[*row as usize],
                RowState::In | RowState::Unchanged
            )
        };
        (0..self.len() as u32).filter(kept).collect()
    }

    /// Takes a row out that is known to be at fault, without a word of why.
    pub(crate) fn drop_row(&mut self, row: usize) {
        self.tables.states[row] = RowState::Rejected;
    }

    /// Says of a row that the target has it as it is.
    pub(crate) fn leave(&mut self, row: usize) {
        if self.tables.states[row] == RowState::In {
            self.tables.states[row] = RowState::Unchanged;
        }
    }

    /// Finds fault with a row; with `cell`, marks that column's cell [`Kind::Faulty`].
    pub fn reject(&mut self, fault: Fault, cell: Option<usize>) {
        if self.mark_rejected(fault.row as usize, cell) {
            self.faults.push(fault);
        }
    }

    /// The same, for whoever keeps the texts of what is told: nothing is copied where the row is not the first of which
    /// it is told.
    pub(crate) fn reject_as(&mut self, row: usize, told: Wording<'_>, cell: Option<usize>) {
        if self.mark_rejected(row, cell) {
            self.faults.tell(row, told);
        }
    }

    /// Finds a row wrong that goes out all the same.
    pub(crate) fn warn(&mut self, fault: Fault) {
        self.warnings.push(fault);
    }

    /// The same, for whoever keeps the texts of what is told.
    pub(crate) fn warn_as(&mut self, row: usize, told: Wording<'_>) {
        self.warnings.tell(row, told);
    }

    /// Counts a row for a rule that is counted by itself. Rows of a rule come in order, and each counts once.
    pub(crate) fn count_broken(&mut self, rule: u32, row: usize) {
        let broken = (rule, row as u32);
        if self.broken.last() != Some(&broken) {
            self.broken.push(broken);
        }
    }

    /// What is wrong with rows that go out all the same, if nothing else is.
    pub(crate) fn warnings(&self) -> &Faults {
        &self.warnings
    }

    /// For every row that breaks a rule which is counted by itself, the rule.
    pub(crate) fn broken(&self) -> impl Iterator<Item = u32> {
        self.broken.iter().map(|(rule, _)| *rule)
    }

    /// Whether what is found at fault with a row is told.
    fn mark_rejected(&mut self, row: usize, cell: Option<usize>) -> bool {
        if let Some(column) = cell {
            self.tables.columns[column][row] =
                self.tables.columns[column][row].with_kind(Kind::Faulty);
        }
        let told = self.tables.states[row] != RowState::Filtered;
        if told {
            self.tables.states[row] = RowState::Rejected;
        }
        told
    }

    /// Takes rows out of which others go in the place, and whose faults no longer matter. They are in order.
    pub(crate) fn pardon(&mut self, rows: &[u32]) {
        if rows.is_empty() {
            return;
        }
        self.forgive(|row| rows.binary_search(&row).is_ok());
        for &row in rows {
            let state = &mut self.tables.states[row as usize];
            if *state == RowState::Rejected {
                *state = RowState::Filtered;
            }
        }
    }

    /// Where a row came from.
    #[inline]
    pub fn row(&self, row: usize) -> Row {
        self.tables.rows[row]
    }

    /// The raw record as the source had it, without its line end.
    pub fn raw_record(&self, row: usize) -> &[u8] {
        let Row { start, end, .. } = self.tables.rows[row];
        let bytes = self.raw.as_deref().unwrap_or(self.text.as_bytes());
        &bytes[start as usize..end as usize]
    }

    /// The faults found so far, in the order in which they were found.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Begins a step, at which columns may have other names than before.
    pub(crate) fn begin_step(&mut self) {
        self.faults.begin_step();
        self.warnings.begin_step();
    }

    /// Says of the faults of this step what nobody sees in their cells, which is often the cause. `columns` are those at
    /// this step.
    pub(crate) fn tell_hidden(&mut self, columns: &Columns) {
        let mut faults = std::mem::take(&mut self.faults);
        faults.say_more(
            |fault| {
                let is_told = fault.code == "key_duplicate" || fault.message.contains("U+");
                let slot = columns.find(&fault.column).filter(|_| !is_told)?;
                Some((slot, COMPARED.contains(&&*fault.code)))
            },
            |row, &(slot, compared)| {
                let hidden = hidden(self.get(row as usize, slot), compared)?;
                Some(format!("the cell has {hidden}"))
            },
        );
        self.faults = faults;
    }

    /// Tells the faults of this step what the source calls their columns, where these had been `renamed`.
    pub(crate) fn name_sources(&mut self, renamed: &[Renamed]) {
        self.faults.name_sources(renamed);
        self.warnings.name_sources(renamed);
    }
}
