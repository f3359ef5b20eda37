//! Lines that are no records.

/// The lines of a block that are no records and were passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// How many: blank lines, records without any value, remarks, headers that come again.
    pub lines: u64,
    /// Where the header comes again, in lines from the block's first (0).
    pub headers: Vec<u32>,
    /// Where it comes again for the first time with its columns in another order.
    pub reordered: Option<u32>,
}
