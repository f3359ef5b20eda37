//! A batch: the records of one block as columns of spans over one buffer.
//!
//! A cell is eight bytes: where its text begins, how long it is, and what kind of value it is. The
//! text lies in one buffer, which begins with the block's own bytes; what a stage changes is appended
//! there, so that nothing is allocated per cell and whatever nobody changed is never copied. A row
//! that is out is marked, never moved.

pub(crate) mod kinds;
pub(crate) mod pool;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::text::scan::is_plain;
use crate::text::shown::shown;
use kinds::Kinds;
use pool::{Lease, Pool, Reuse};

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

/// A fault of one row: data, not an error. Never holds the cell's value in `message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Row of the batch.
    pub row: u32,
    /// The step that found it: `parse`, a stage's name, or `validate`.
    pub stage: &'static str,
    /// The column, by the name that it has at that step; empty where the fault is the whole row's.
    pub column: Arc<str>,
    /// The name that the column has in the source, where a stage had renamed it by then.
    pub source: Option<Arc<str>>,
    /// A short stable word for scripts: `date_format`, `required`, `leaves_before_hired`.
    pub code: Cow<'static, str>,
    /// What was expected, for people. No cell value.
    pub message: Cow<'static, str>,
}

impl Fault {
    /// The column by the source's own name, which is how whoever mends the file knows it; a column that a stage made
    /// by the name that the stage gave it.
    pub fn source_column(&self) -> &Arc<str> {
        self.source.as_ref().unwrap_or(&self.column)
    }
}

/// The records of one block.
#[derive(Default)]
pub struct Batch {
    text: String,
    /// The block's bytes as they were, where they are not UTF-8 (else the text begins with them).
    raw: Option<Vec<u8>>,
    tables: Lease<Tables>,
    faults: Vec<Fault>,
    overflows: bool,
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
            faults: Vec::new(),
            overflows: false,
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
            column.extend(cells.iter().skip(at).step_by(width).copied());
        }
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

    /// Whether stages and rules should look at a row: all but the filtered ones.
    #[inline]
    pub fn is_live(&self, row: usize) -> bool {
        self.tables.states[row] != RowState::Filtered
    }

    /// Leaves a row out on purpose. A rejected row stays rejected.
    pub fn filter_out(&mut self, row: usize) {
        if self.tables.states[row] == RowState::In {
            self.tables.states[row] = RowState::Filtered;
        }
    }

    /// Finds fault with a row; with `cell`, marks that column's cell [`Kind::Faulty`].
    pub fn reject(&mut self, fault: Fault, cell: Option<usize>) {
        let row = fault.row as usize;
        self.tables.states[row] = RowState::Rejected;
        if let Some(column) = cell {
            self.tables.columns[column][row] =
                self.tables.columns[column][row].with_kind(Kind::Faulty);
        }
        self.faults.push(fault);
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
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Tells the faults from the `from`th on what the source calls their columns, at a step where these columns had
    /// been `renamed`. Returns how many faults there are.
    pub fn name_sources(&mut self, from: usize, renamed: &[Renamed]) -> usize {
        if !renamed.is_empty() {
            for fault in &mut self.faults[from..] {
                let same = |renamed: &&Renamed| renamed.name == fault.column;
                if fault.source.is_none()
                    && let Some(found) = renamed.iter().find(same)
                {
                    fault.source = Some(found.source.clone());
                }
            }
        }
        self.faults.len()
    }
}

/// The columns at one point of the pipeline: names, and the physical column behind each.
///
/// Renaming, selecting and dropping change this list alone and cost nothing per row.
///
/// They also know which kinds of values each column can hold at that point: of a CSV source that is text,
/// until a stage makes something else of it.
#[derive(Clone, Debug)]
pub struct Columns {
    names: Vec<(Arc<str>, usize)>,
    /// By physical column.
    kinds: Vec<Kinds>,
    /// What the columns of the source can hold.
    source: Kinds,
    /// Whether the header is not known yet, so that a column that is not here may be there all the same.
    open: bool,
    /// The source's own names, which are those of the first physical columns.
    header: Arc<[Arc<str>]>,
    /// The names may be a person's record, and no message tells them.
    untold: bool,
    /// Collects the names that are looked for.
    asked: Option<Arc<Mutex<HashSet<String>>>>,
}

/// A column of the source to which a stage gave another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// Its name at this point.
    pub name: Arc<str>,
    /// Its name in the source.
    pub source: Arc<str>,
}

impl Default for Columns {
    fn default() -> Columns {
        Columns {
            names: Vec::new(),
            kinds: Vec::new(),
            source: Kinds::CELL,
            open: false,
            header: Arc::default(),
            untold: false,
            asked: None,
        }
    }
}

impl Columns {
    /// The columns of a header, in its order, with cells of any kind.
    pub fn from_header<S: AsRef<str>>(header: impl IntoIterator<Item = S>) -> Columns {
        Columns::of(header, Kinds::CELL)
    }

    /// The columns of a header, in its order, with cells of these kinds.
    pub(crate) fn of<S: AsRef<str>>(header: impl IntoIterator<Item = S>, source: Kinds) -> Columns {
        let header: Arc<[Arc<str>]> = header.into_iter().map(|n| n.as_ref().into()).collect();
        Columns {
            names: header.iter().cloned().zip(0..).collect(),
            kinds: vec![source; header.len()],
            source,
            header,
            ..Columns::default()
        }
    }

    /// The columns of a source that has not been opened: none, and any that is [assumed](Columns::assume).
    pub(crate) fn unknown(source: Kinds) -> Columns {
        Columns {
            source,
            open: true,
            ..Columns::default()
        }
    }

    /// Whether [`Columns::assume`] took in a column that isn't here. It does so unless the columns are known.
    pub(crate) fn assume(&mut self, name: &str) -> bool {
        let unknown = self.open && self.find(name).is_none();
        if unknown {
            let slot = self.add(name);
            self.kinds[slot] = self.source;
        }
        unknown
    }

    /// Which kinds of values a physical column can hold.
    pub(crate) fn kinds(&self, slot: usize) -> Kinds {
        // One that is asked for and not there can hold anything.
        self.kinds.get(slot).copied().unwrap_or(self.source)
    }

    /// Says which kinds of values a physical column can hold from here on.
    pub(crate) fn hold(&mut self, slot: usize, kinds: Kinds) {
        if let Some(held) = self.kinds.get_mut(slot) {
            *held = kinds;
        }
    }

    /// What the columns of the source can hold.
    pub(crate) fn source(&self) -> Kinds {
        self.source
    }

    /// The columns of the source that have another name by now.
    pub fn renamed(&self) -> Vec<Renamed> {
        let renamed = self.names.iter().filter_map(|(name, slot)| {
            let source = self.header.get(*slot)?;
            (source != name).then(|| Renamed {
                name: name.clone(),
                source: source.clone(),
            })
        });
        renamed.collect()
    }

    /// The same columns, whose names no message tells.
    pub fn untold(self) -> Columns {
        Columns {
            untold: true,
            ..self
        }
    }

    /// The names that `bind` looks for. It is told that all of them are there.
    pub fn asked_for(bind: impl FnOnce(&mut Columns)) -> HashSet<String> {
        let asked = Arc::<Mutex<HashSet<String>>>::default();
        bind(&mut Columns {
            asked: Some(asked.clone()),
            ..Columns::default()
        });
        std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask(&self, name: &str) {
        if let Some(asked) = &self.asked {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.insert(name.to_owned());
        }
    }

    /// The name that is most like another, if one is much like it.
    fn near(&self, wanted: &str) -> Option<Arc<str>> {
        let wanted = wanted.to_lowercase();
        let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wanted);
        (self.names.iter())
            .map(|(name, _)| (likeness(name), name))
            .filter(|(score, _)| *score > 0.85 && !self.untold)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name.clone())
    }

    /// How many physical columns a batch needs by now.
    pub fn width(&self) -> usize {
        self.kinds.len()
    }

    /// Names and physical columns, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, usize)> + Clone {
        self.names.iter().map(|(name, slot)| (name, *slot))
    }

    /// How many columns have a name.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no column is left.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The physical column of a name, exactly as written.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.ask(name);
        self.names
            .iter()
            .find(|(n, _)| &**n == name)
            .map(|(_, slot)| *slot)
    }

    /// The physical column and shared name of a name, or what to say where there is none.
    pub fn need(&self, name: &str) -> Result<(Arc<str>, usize), NoColumn> {
        self.ask(name);
        match self.names.iter().find(|(n, _)| &**n == name) {
            Some((n, slot)) => Ok((n.clone(), *slot)),
            None if self.asked.is_some() => Ok((Arc::from(name), 0)),
            None => Err(NoColumn {
                wanted: name.to_owned(),
                near: self.near(name),
            }),
        }
    }

    /// Adds a column at the end, with a new physical column behind it, and returns that; for a name
    /// that exists, its physical column.
    pub fn add(&mut self, name: &str) -> usize {
        if let Some(slot) = self.find(name) {
            return slot;
        }
        let slot = self.width();
        self.names.push((Arc::from(name), slot));
        // Its cells are missing until a stage has filled them.
        self.kinds.push(Kinds::EMPTY);
        slot
    }

    /// Gives a column another name, in its place.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), NoColumn> {
        self.need(from)?;
        for (name, _) in &mut self.names {
            if &**name == from {
                *name = Arc::from(to);
            }
        }
        Ok(())
    }

    /// Leaves a column out from here on.
    pub fn remove(&mut self, name: &str) -> Result<(), NoColumn> {
        self.need(name)?;
        self.names.retain(|(n, _)| &**n != name);
        Ok(())
    }

    /// Keeps these columns alone, in this order.
    pub fn select<S: AsRef<str>>(&mut self, names: &[S]) -> Result<(), NoColumn> {
        self.names = names
            .iter()
            .map(|n| self.need(n.as_ref()))
            .collect::<Result<_, _>>()?;
        self.open = false;
        Ok(())
    }
}

/// A column was named that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoColumn {
    /// The name as written.
    pub wanted: String,
    /// One that is there and is much like it. What else there is may be a person's record, where the header is
    /// missing, and is not told.
    pub near: Option<Arc<str>>,
}

impl std::fmt::Display for NoColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no column `{}` here", self.wanted)?;
        match &self.near {
            Some(near) => write!(f, ", did you mean `{}`?", shown(near)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for NoColumn {}
