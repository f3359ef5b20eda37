//! How a file of a source is opened: from where it is to its text.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::bytes::count::Told;
use super::spec::Encoding;
use super::table::Terms;
use super::table::spec::Table;
use super::text::Unpacked;
use super::{Source, SourceError, Text};
use crate::text::foreign::{WEB_PAGE, is_web_page};

impl Source {
    /// Opens a file at its beginning.
    ///
    /// # Errors
    /// What the operating system says; a stream that is still being read.
    pub async fn open(&self, file: usize) -> Result<Text, SourceError> {
        self.begin(file, self.read.clone()).await
    }

    /// Opens a file for a look at its beginning before it is read in its turn. What is read so is not counted.
    ///
    /// # Errors
    /// What can be read only once; else as [`Source::open`].
    pub(crate) async fn peek(&self, file: usize) -> Result<Text, SourceError> {
        let origin = &self.origins[file];
        match origin.can_repeat() {
            true => self.begin(file, Arc::default()).await,
            false => Err(SourceError::NotBeforehand(origin.name.clone())),
        }
    }

    async fn begin(&self, file: usize, read: Arc<AtomicU64>) -> Result<Text, SourceError> {
        let origin = &self.origins[file];
        let opened = origin.open().await?;
        let told = Told {
            counters: [read, origin.counter()],
            hash: self.hashes.then(|| origin.hash()),
        };
        let name = origin.name.clone();
        let unpacked = Unpacked::open(name, opened, &self.wrapping, &self.limits, told).await?;
        let table = self.layout.table(unpacked.head());
        if table.is_some() && is_web_page(unpacked.head()) {
            return Err(SourceError::Table {
                place: format!("{}:1", unpacked.name()),
                message: WEB_PAGE.to_owned(),
                setting: false,
                choice: None,
            });
        }
        let remarks = origin.remarks();
        remarks.clear();
        let text = match &table {
            Some(table) if !table.is_text() => Text::of_bytes(unpacked),
            table => {
                let (encoding, remark) = self.encoding_of(table.as_ref(), &unpacked)?;
                remark.into_iter().for_each(|remark| remarks.add(remark));
                Text::decoded(unpacked, encoding, origin.utf8())?
            }
        };
        if let Some(kind) = text.compression() {
            origin.is_compressed(kind);
        }
        Ok(match table {
            Some(table) => {
                if table.is_closed() {
                    origin.is_closed();
                }
                let terms = Terms {
                    limits: self.limits,
                    remarks,
                    record: origin.found_record(),
                    rejects: Arc::default(),
                };
                table.read(text, terms)
            }
            None => text,
        })
    }

    /// The encoding of a file, which a table may say itself, and what may not have been meant in that.
    fn encoding_of(
        &self,
        table: Option<&Table>,
        unpacked: &Unpacked,
    ) -> Result<(Encoding, Option<String>), SourceError> {
        let Some(table) = table else {
            return Ok((self.encoding, None));
        };
        let encoding = table.encoding(self.encoding, unpacked.head());
        encoding.map_err(|message| SourceError::Contradicted {
            name: unpacked.name().to_owned(),
            message,
        })
    }
}
