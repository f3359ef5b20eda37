//! What the pipeline file says of rejects, reports and state.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::units::{Amount, Span};
use crate::stage::hash::KeySpec;

/// Where rejected rows go, and how many are too many.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RejectsSpec {
    /// The file, written with owner-only access. It is text, whatever its name ends with; for Excel there is `workbook`.
    /// `{run}` in it is the name of the run, and `{date}` its day in the time zone of the pipeline: each run, or each day,
    /// has a file of its own then.
    pub path: String,
    /// The same rows once more as a workbook (`out/rejects.xlsx`), for whoever puts them right in Excel: every cell is text,
    /// and those at fault are coloured. It is fed back in like the file.
    pub workbook: Option<String>,
    /// More than this stops the run before anything is sent: rows (`500`) or a share (`1%`). Without it, 5% of the
    /// rows, from 100 rows read on.
    pub at_most: Option<Amount>,
    /// Puts a `'` before cells that begin with `=`, `+`, `-`, `@`, a tab or a carriage return, which a spreadsheet would
    /// take for a formula. The cells are no longer those of the source then: such a file is for people to look at, and
    /// not to be fed back in.
    pub spreadsheet_safe: bool,
    /// What the file is written in, where it is a table. `utf-8-bom` begins with a byte order mark, by which spreadsheets
    /// know that accents are accents; `source` is the encoding that `source.encoding` states. A character that it lacks
    /// becomes a `?`, with a warning. The file is fed back in whatever it is written in.
    pub encoding: RejectsEncoding,
    /// How long rejects files are kept, and `withheld.csv` with them: older ones are removed at the end of a run. Without
    /// it, until another takes their place.
    pub keep: Option<Span>,
}

impl Default for RejectsSpec {
    fn default() -> Self {
        RejectsSpec {
            path: "rejects.csv".into(),
            workbook: None,
            at_most: None,
            spreadsheet_safe: false,
            encoding: RejectsEncoding::default(),
            keep: None,
        }
    }
}

/// What the rejects file is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RejectsEncoding {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-8 after a byte order mark.
    #[serde(rename = "utf-8-bom")]
    Utf8Bom,
    /// What `source.encoding` states; where that is nothing, or UTF-16, as `utf-8-bom`.
    Source,
}

/// Where the results of the import go.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ResultsSpec {
    /// The file, written with owner-only access: key, file, line, action, status, code and the server's id of every
    /// item. Without it, there is none. `{run}` and `{date}` in it are as those of `rejects.path`.
    pub path: Option<String>,
    /// How long the file is kept, as `rejects.keep`.
    pub keep: Option<Span>,
}

/// Where the run report goes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ReportSpec {
    /// The folder; without it, the current one.
    pub dir: Option<String>,
    /// Writes the report as a page as well, beside it: for people, in one file that needs nothing else.
    pub html: bool,
    /// A file that has what the last run came to, in the text format of Prometheus, for node_exporter's textfile
    /// collector. It has counts alone, and everybody may read it. A pipeline has a file of its own.
    pub metrics: Option<String>,
    /// How many reports of this pipeline are kept in the folder; older ones are removed at the end of a run, but never
    /// that of the newest run that succeeded. Without it, all.
    pub keep: Option<u32>,
}

/// Where a run writes down how far it came, so that it can be resumed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StateSpec {
    /// The folder, made with owner-only access.
    pub dir: String,
    /// Takes only a folder that `rostream state init` made: where its volume is not mounted, or another folder is
    /// meant, the run ends instead of beginning a new ledger that knows nothing of earlier runs.
    pub required: bool,
    /// Where the key is found that hashes in the state are made with, and what is sealed in it: at least 16 bytes. Without
    /// it, each store has one of its own beside it. Never the key itself.
    pub key: Option<KeySpec>,
    /// How long is kept what is written down of runs that have ended, at least a day; older ones are removed at the end of
    /// a run. What guards, `retry` and `resume` need stays, and so does the store of a difference. Without it, all.
    pub keep: Option<Span>,
}

impl Default for StateSpec {
    fn default() -> Self {
        StateSpec {
            dir: "state".into(),
            required: false,
            key: None,
            keep: None,
        }
    }
}
