//! How a finished rejects file is read.

use crate::text::encoded::Written;
use crate::text::scan::Dialect;

/// How a rejects file is written, for whoever reads it.
pub(crate) enum As<'a> {
    #[cfg_attr(
        not(feature = "xlsx"),
        expect(dead_code, reason = "only workbooks need it")
    )]
    Table {
        dialect: Dialect,
        written: Written,
        /// What the source calls its columns, where that is known.
        called: &'a [String],
    },
    /// One object a line.
    Lines,
}
