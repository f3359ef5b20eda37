//! What a rejects file says of a row, beside the row itself.

/// The columns, or members, that a rejects file adds to those of the source, in their order. A reader leaves them out
/// where all six are there.
pub const ADDED: [&str; 6] = ["_file", "_line", "_stage", "_column", "_code", "_message"];

/// Which of them is the name of the row's file.
pub(crate) const FILE: usize = 0;

/// Which of them is the line that the row begins on.
pub(crate) const LINE: usize = 1;

/// Which of them is the stage of every fault.
pub(crate) const STAGE: usize = 2;

/// Which of them is the column of every fault.
pub(crate) const COLUMN: usize = 3;

/// Which of them is the code of every fault.
pub(crate) const CODE: usize = 4;

/// Between the faults of one row.
pub(crate) const JOIN: &str = "; ";

/// The code of a record that has too many cells or too few.
pub(crate) const RAGGED: &str = "ragged";

/// The code of a record whose quotes do not fit.
pub(crate) const QUOTE: &str = "quote";

/// The code of a record in which a carriage return stands outside quotes.
pub(crate) const CARRIAGE_RETURN: &str = "carriage_return";

/// The code of a cell that the row's file had no column for: not a fault, and told so that it is known again while it is
/// empty.
pub(crate) const ABSENT: &str = "absent";

/// The code of a record with a byte that is not UTF-8.
pub(crate) const NOT_UTF8: &str = "not_utf8";
