//! How much is taken of what comes from elsewhere before it is refused.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::units::Size;

/// How much is taken of what comes from elsewhere before it is refused. The defaults are far above what HR
/// extracts have, and far below what would fill a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The longest cell of a source; a row that has a longer one is rejected.
    pub cell: Size,
    /// The longest record, its line end included, and the longest header; a longer one ends the run, for it has to
    /// be held whole.
    pub record: Size,
    /// The most columns of a source.
    #[schemars(range(min = 1))]
    pub columns: u32,
    /// The deepest nesting of objects and arrays in a JSON record, itself counted; a row that goes deeper is
    /// rejected. Also of the elements in XML, the root counted; a file that goes deeper is refused.
    #[schemars(range(min = 1))]
    pub json_depth: u32,
    /// How many times its size compressed data may become, once it is more than 1 MiB.
    #[schemars(range(min = 1))]
    pub expansion: u32,
    /// The most that one compressed file may become.
    pub decompressed: Size,
    /// The most memory that a frame of zstd data may ask for, rounded down to a power of two. Levels up to 19 ask for
    /// 8 MiB at most, `--long` for 128 MiB.
    pub zstd_window: Size,
    /// The most memory that xz data may ask for. Levels up to 9 ask for 65 MiB at most.
    pub xz_memory: Size,
    /// The most memory that the texts may take which a workbook's cells share.
    pub shared_strings: Size,
    /// The most that a row group of Parquet, or a batch of Arrow, may become when it is decompressed; a larger one ends
    /// the run, for it has to be held whole.
    pub row_group: Size,
    /// The longest result of one item that the server may send.
    pub result: Size,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // Long texts of people are some kibibytes; a picture that strayed in is more than this.
            cell: Size(1 << 20),
            record: Size(16 << 20),
            // As many as a spreadsheet of some hundred fields in ten languages.
            columns: 4096,
            // As deep as the usual JSON readers go, that of the server among them.
            json_depth: 128,
            // Extracts come to 10 to 50; a file of zeros to 1029, the most that gzip can.
            expansion: 200,
            decompressed: Size(64 << 30),
            // What RFC 8878 asks every decoder to support.
            zstd_window: Size(8 << 20),
            // What `xz -9` makes, and a little more.
            xz_memory: Size(80 << 20),
            // Some 40 million texts of identifiers and names.
            shared_strings: Size(1 << 30),
            // Writers make them of 64 to 512 MiB.
            row_group: Size(1 << 30),
            // A result repeats its item at most.
            result: Size(1 << 20),
        }
    }
}
