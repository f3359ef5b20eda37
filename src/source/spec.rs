//! What the pipeline file says of its source.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use crate::drift::spec::DriftSpec;
pub(crate) use crate::format::csv::spec::CsvSpec;
pub use crate::format::csv::spec::Ragged;
pub(crate) use crate::format::json::{Arrays, Path};
pub use crate::settings::compression::Compression;
pub use crate::settings::encoding::Encoding;
pub(crate) use crate::settings::entry::Entry;
use crate::settings::pattern::Pattern;
use crate::settings::secret::TokenSpec;
use crate::settings::units::{Amount, Span};
pub(crate) use crate::source::place::bucket::spec::BucketSpec;
pub(crate) use crate::source::place::https::spec::{HeaderSpec, HttpsSpec};
use crate::source::place::sample;
pub(crate) use crate::source::place::sftp::spec::SftpSpec;
pub(crate) use crate::source::place::sql::spec::SqlSpec;
pub(crate) use crate::source::table::sheet_spec::{SheetSpec, XlsxSpec};
pub(crate) use crate::source::table::spec::{ElementPath, FixedSpec, HdlSpec, XmlSpec};

/// Where the records come from: a `path`, a `command`, a query (`sql`) or a `sample`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["path"] }, { "required": ["command"] }, { "required": ["sql"] }, { "required": ["sample"] }]))]
pub(crate) struct SourceSpec {
    /// A path, a glob, an address (`https://`, `sftp://`, `s3://`, `gs://`, `az://`), a list of these, or `-` for standard
    /// input.
    #[serde(default)]
    #[schemars(with = "OneOrMany")]
    pub path: Option<OneOrMany>,
    /// A program and its arguments instead of a file: it is started, what it writes is read, and that counts only if it
    /// ends with 0. There is no shell.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub command: Option<OneOrMany>,
    /// What a query gives instead of a file: the rows of a PostgreSQL database.
    #[serde(default)]
    #[schemars(with = "SqlSpec")]
    pub sql: Option<SqlSpec>,
    /// A made-up extract instead of a file, for trying; `rostream sample` writes the same bytes to a file.
    #[serde(default)]
    #[schemars(with = "SampleSpec")]
    pub sample: Option<SampleSpec>,
    /// Which of the files that a pattern matches are read.
    #[serde(default)]
    pub pick: Pick,
    /// How `https://` addresses are asked for.
    #[serde(default)]
    pub https: HttpsSpec,
    /// How servers of `sftp://` addresses are known, and how one is let in.
    #[serde(default)]
    pub sftp: SftpSpec,
    /// Where the buckets of `s3://`, `gs://` and `az://` are.
    #[serde(default)]
    pub bucket: BucketSpec,
    /// What it means that there is no file, or none with a record.
    #[serde(default)]
    pub nothing: Nothing,
    /// What a whole extract is; checked before anything is sent.
    #[serde(default)]
    pub expect: ExpectSpec,
    /// What follows where the source has changed since the last accepted run of the pipeline on its data set.
    #[serde(default)]
    pub drift: DriftSpec,
    /// How the bytes are to be read.
    #[serde(default)]
    pub format: SourceFormat,
    /// How the bytes are compressed; `auto` looks at the first bytes, not at the name.
    #[serde(default)]
    pub compression: Compression,
    /// Which file of a zip archive is read, where it has several: its name, or a pattern. Without a `/` it is the name of
    /// the file in whatever folder, and with one the whole path.
    #[serde(default)]
    pub entry: Option<Entry>,
    /// How the bytes are decrypted, before they are decompressed. What is read is never written to the disk in the
    /// clear.
    #[serde(default)]
    pub decrypt: Option<DecryptSpec>,
    /// How what can be read only once is kept until it has been read a second time. What a server has is asked for again
    /// then, where the server tells whether it is still the same; with this setting it is kept, too.
    #[serde(default)]
    pub keep: Option<Keep>,
    /// The character encoding, by a label of the WHATWG's Encoding Standard; `auto` is UTF-8 unless a byte order mark says
    /// UTF-16.
    #[serde(default)]
    pub encoding: Encoding,
    /// Settings of CSV and TSV.
    #[serde(default)]
    pub csv: CsvSpec,
    /// Settings of JSON and NDJSON.
    #[serde(default)]
    pub json: JsonSpec,
    /// Settings of `format: fixed`.
    #[serde(default)]
    pub fixed: FixedSpec,
    /// The element of XML that is a record, such as `wd:Report_Entry`: by its name, with its prefix or without, or by the
    /// names that lead to it, `Report_Data/Report_Entry`; with a `/` before them from the root on. Without it: the elements
    /// that come several times beside each other, as near to the root as there are any.
    #[serde(default)]
    #[schemars(with = "ElementPath")]
    pub record: Option<ElementPath>,
    /// Settings of XML.
    #[serde(default)]
    pub xml: XmlSpec,
    /// Settings of files of Oracle's HCM Data Loader.
    #[serde(default)]
    pub hdl: HdlSpec,
    /// The sheet of a workbook that is read: its name, or its number from 1. Without it: the only one that can be seen
    /// and has something in it.
    #[serde(default)]
    #[schemars(with = "SheetSpec")]
    pub sheet: Option<SheetSpec>,
    /// Settings of `format: xlsx`.
    #[serde(default)]
    pub xlsx: XlsxSpec,
}

/// What a whole extract is. Where it is not met, nothing is sent (exit code 4).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectSpec {
    /// So many records.
    pub rows: Option<u64>,
    /// So many records or more.
    pub at_least: Option<u64>,
    /// What the last line of every file looks like that is neither blank nor a part of `csv.footer`, with one group: the
    /// number of the file's records. The line is no record.
    pub trailer: Option<Pattern>,
    /// A file that is there when the extract is whole, and may hold the number of its records. `{file}` stands for a
    /// source file's own path, and `{stem}` for the same without its last ending; there is one for each file then.
    pub done_file: Option<String>,
    /// The files have not been changed for so long; the run waits as long as that takes.
    pub settled: Option<Span>,
}

/// A made-up HR extract. The same settings, the same bytes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SampleSpec {
    /// How many people.
    #[schemars(range(min = 1))]
    pub rows: u64,
    /// Another seed gives other people.
    #[serde(default = "seed")]
    pub seed: u64,
    /// The share of rows that are wrong on purpose, such as `1%`.
    #[serde(default = "no_errors")]
    pub errors: Amount,
}

fn seed() -> u64 {
    sample::DEFAULT_SEED
}

fn no_errors() -> Amount {
    Amount::Percent(0.0)
}

/// One value or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One.
    One(String),
    /// Several, in order.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them, in order.
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            OneOrMany::One(one) => std::slice::from_ref(one),
            OneOrMany::Many(many) => many,
        }
    }
}

// By hand, and not as an untagged enum, so that a wrong item of a list is reported in its own place
// and a name that looks like a number is taken as it is written.
impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<OneOrMany, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(text.to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(number.to_string()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<OneOrMany, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrMany::Many)
            }
        }

        d.deserialize_any(Either)
    }
}

/// How what can be read only once is kept until it has been read a second time: in a temporary file without a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// As it came.
    #[default]
    Plain,
    /// Encrypted, with a key that only this process has.
    Encrypted,
}

/// How the bytes are decrypted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecryptSpec {
    /// Messages of OpenPGP, as GnuPG writes them, that are encrypted to a key of yours; in a build with the feature `pgp`.
    Pgp(PgpSpec),
}

/// With what messages of OpenPGP are decrypted. The secret key is in a `file`, or in an environment variable (`env`).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["file"] }, { "required": ["env"] }]))]
pub(crate) struct PgpSpec {
    /// A file with the secret key, as `gpg --export-secret-keys` writes it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub file: Option<String>,
    /// The name of an environment variable that holds the secret key, as `gpg --export-secret-keys --armor` writes it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub env: Option<String>,
    /// Where the passphrase is found that protects the key, if one does. Never the passphrase itself.
    #[serde(default)]
    pub passphrase: Option<TokenSpec>,
    /// Who must have signed. What is not signed by them is not read.
    #[serde(default)]
    pub signed_by: Option<SignedBySpec>,
}

impl PgpSpec {
    /// Where the secret key is found.
    pub(crate) fn key(&self) -> Option<TokenSpec> {
        let file = self.file.clone().map(TokenSpec::File);
        file.or_else(|| self.env.clone().map(TokenSpec::Env))
    }
}

/// Who must have signed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedBySpec {
    /// A file with the public key, as `gpg --export` writes it; with several, one of them must have.
    pub file: String,
}

/// Which of the files that a pattern matches are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pick {
    /// All of them, in alphabetical order.
    #[default]
    All,
    /// The only one: more are an error.
    One,
    /// The one that was changed last; of several, the last by name.
    Newest,
}

/// What it means that there is no file, or none with a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Nothing {
    /// The run fails.
    #[default]
    Error,
    /// There is nothing to do: the run sends nothing and succeeds.
    Ok,
}

/// Record formats of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceFormat {
    /// A workbook, Parquet and Arrow by their first bytes; else by the first characters that are not white space: `[` or `{` JSON (NDJSON where
    /// the first line is a whole object), a tag XML, METADATA or COMMENT Oracle's HCM Data Loader, else CSV, which has tabs
    /// where the file's name ends
    /// with `.tsv` or `.tab`, of an archive that of the file in it, before `.gz`, `.zst`, `.bz2`, `.xz` or `.zip` if need be.
    #[default]
    Auto,
    /// Comma-separated, or by `csv.delimiter`, or as a first line `sep=;` says.
    Csv,
    /// Tab-separated.
    Tsv,
    /// Arrays of objects, or objects, one after another and over any number of lines.
    Json,
    /// One object a line.
    Ndjson,
    /// Cells of fixed width, as `fixed.columns` says, a record a line.
    Fixed,
    /// Every element of one name is a record.
    Xml,
    /// Oracle's HCM Data Loader: the lines of one component.
    Hdl,
    /// A sheet of an Excel workbook.
    Xlsx,
    /// The columns of a Parquet file.
    Parquet,
    /// The columns of Arrow IPC: a file, or a stream.
    Arrow,
}

impl SourceFormat {
    /// What the pipeline file calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            SourceFormat::Auto => "auto",
            SourceFormat::Csv => "csv",
            SourceFormat::Tsv => "tsv",
            SourceFormat::Json => "json",
            SourceFormat::Ndjson => "ndjson",
            SourceFormat::Fixed => "fixed",
            SourceFormat::Xml => "xml",
            SourceFormat::Hdl => "hdl",
            SourceFormat::Xlsx => "xlsx",
            SourceFormat::Parquet => "parquet",
            SourceFormat::Arrow => "arrow",
        }
    }

    /// The format that the pipeline file calls so.
    pub(crate) fn named(name: &str) -> Option<SourceFormat> {
        let name = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name);
        SourceFormat::deserialize(name).ok()
    }

    /// Whether its records are objects, or are made to objects: those of JSON and of tables.
    pub(crate) fn has_objects(self) -> bool {
        match self {
            SourceFormat::Auto | SourceFormat::Csv | SourceFormat::Tsv => false,
            SourceFormat::Json | SourceFormat::Ndjson => true,
            table => table.is_table(),
        }
    }

    /// Whether its records are made to objects.
    pub(crate) fn is_table(self) -> bool {
        matches!(
            self,
            SourceFormat::Fixed
                | SourceFormat::Xml
                | SourceFormat::Hdl
                | SourceFormat::Xlsx
                | SourceFormat::Parquet
                | SourceFormat::Arrow
        )
    }
}

/// How JSON and NDJSON are read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JsonSpec {
    /// Where the records are, if they are an array within an object: the members that lead there, such as
    /// `$.Report_Entry` or `$.d.results`.
    pub path: Option<Path>,
    /// The members to read, in this order; those of an object within the record as `name.first`. Without it: those of
    /// the first 1,000 records.
    pub columns: Option<Vec<String>>,
    /// What to do with a record that has another member.
    pub unknown: Unknown,
    /// Makes columns of the members of objects within a record, and stands between the names: `.` makes `name.first` of
    /// `{"name": {"first": "Mara"}}`.
    pub flatten: Option<String>,
    /// What to do with arrays within a record.
    pub arrays: Arrays,
    /// What stands between elements that are joined.
    pub join: String,
}

impl Default for JsonSpec {
    fn default() -> JsonSpec {
        JsonSpec {
            path: None,
            columns: None,
            unknown: Unknown::default(),
            flatten: None,
            arrays: Arrays::default(),
            join: ", ".to_owned(),
        }
    }
}

/// What to do with a member that is not among the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// Reject the row.
    #[default]
    Reject,
    /// Leave the member out.
    Ignore,
}
