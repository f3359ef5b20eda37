//! Where the columns stand in the records of a file whose cells do not follow each other as the columns do.

use std::sync::Arc;

use crate::text::scan::Dialect;

/// The cells of a file's records, and the columns that they belong to. Most files need none: their first cell is the
/// first column, and so on to the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// The names of the file's own cells; one that has none is named by its place.
    pub names: Arc<[Arc<str>]>,
    /// Cells that a record has: these, and any that are not read.
    pub cells: usize,
    /// For every column, the cell that it stands in; none where the file lacks it.
    pub places: Vec<Option<usize>>,
    /// Cells that belong to no column, for nobody has given them a name.
    pub nameless: Vec<usize>,
    /// The pipeline itself leaves them out.
    pub meant: bool,
    /// The lines of the file's header, by which it is known where it stands again among the records.
    pub headers: Vec<String>,
    /// How the records are written.
    pub dialect: Dialect,
    /// For every cell of the first file's records, the cell that stands for it here; none where there is none. Nothing
    /// where the records are written as those of the first file are.
    pub as_first: Option<Vec<Option<usize>>>,
}

impl Arrangement {
    /// The cells of the first file's records that nothing stands for here.
    pub(crate) fn absent(&self) -> Vec<usize> {
        let cells = self.as_first.iter().flatten().enumerate();
        cells
            .filter(|(_, cell)| cell.is_none())
            .map(|(at, _)| at)
            .collect()
    }
}
