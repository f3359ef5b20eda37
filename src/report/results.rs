//! The results file: what became of every item, with the server's own id of it.
//!
//! Results are written down as they arrive, in a private file without a name, and become the results file once all of
//! them are known: only then is it certain which of them belong to which rows. It takes its place as a whole, and only
//! its owner may read it.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::folder;
use crate::files::part::{self, Part};
use crate::format::csv::write;
use crate::text::scan::Dialect;

/// The columns.
const HEADER: &str = "key,file,line,action,status,code,id\n";

/// Whether a text begins as a results file does.
pub(crate) fn begins_as_ours(text: &[u8]) -> bool {
    text.starts_with(HEADER.as_bytes())
}

/// What the server says of one item.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Item<'a> {
    /// The record that it is about.
    pub record: Option<u32>,
    /// Whether its place alone tells that.
    pub by_place: bool,
    pub key: Option<Cow<'a, str>>,
    pub action: Option<Cow<'a, str>>,
    pub status: Option<Cow<'a, str>>,
    pub code: Option<Cow<'a, str>>,
    pub id: Option<Cow<'a, str>>,
}

/// The items as they arrive.
#[derive(Debug)]
pub(crate) struct Draft {
    out: BufWriter<File>,
    /// What went wrong, which ends the file and not the results.
    broken: Option<io::Error>,
}

impl Draft {
    /// # Errors
    /// There is no place for temporary files.
    pub(crate) fn create() -> io::Result<Draft> {
        Ok(Draft {
            out: BufWriter::new(tempfile::tempfile()?),
            broken: None,
        })
    }

    /// Takes in the next item.
    pub(crate) fn push(&mut self, item: &Item<'_>) {
        if self.broken.is_some() {
            return;
        }
        let written = serde_json::to_writer(&mut self.out, item)
            .map_err(io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"));
        self.broken = written.err();
    }

    /// The items, in the order in which they came.
    ///
    /// # Errors
    /// They could not be written down, or can't be read back.
    pub(crate) fn items(self) -> io::Result<impl Iterator<Item = io::Result<Item<'static>>>> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let mut file = self.out.into_inner().map_err(|error| error.into_error())?;
        file.seek(SeekFrom::Start(0))?;
        let lines = BufReader::new(file).lines();
        Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
    }
}

/// Where a record stands: the name of its file, and its line.
pub(crate) type At<'a> = (&'a str, u64);

/// The results file while it is being written.
#[derive(Debug)]
pub(crate) struct ResultsFile {
    part: Part,
    out: BufWriter<File>,
    line: Vec<u8>,
}

impl ResultsFile {
    /// Begins the file that is to be at this path.
    ///
    /// # Errors
    /// Its folder can't be made or used; there is something at its path that is not a file.
    pub(crate) fn create(path: &Path) -> io::Result<ResultsFile> {
        if let Ok(found) = path.symlink_metadata()
            && !found.is_file()
        {
            let kind = io::ErrorKind::AlreadyExists;
            return Err(io::Error::new(
                kind,
                "there is something that is not a file",
            ));
        }
        folder::make(folder::of(path))?;
        part::sweep(path);
        let (part, file) = Part::create(path)?;
        let mut out = BufWriter::new(file);
        out.write_all(HEADER.as_bytes())?;
        Ok(ResultsFile {
            part,
            out,
            line: Vec::new(),
        })
    }

    /// Writes what became of an item.
    ///
    /// # Errors
    /// The disk is full, or as bad.
    pub(crate) fn write(&mut self, item: &Item<'_>, at: Option<At<'_>>) -> io::Result<()> {
        let (file, line) = at.unzip();
        let line = line.map(|line| line.to_string());
        let text = |cell: &Option<Cow<'_, str>>| cell.as_deref().unwrap_or_default().to_owned();
        let cells = [
            text(&item.key),
            file.unwrap_or_default().to_owned(),
            line.unwrap_or_default(),
            text(&item.action),
            text(&item.status),
            text(&item.code),
            text(&item.id),
        ];
        self.line.clear();
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                self.line.push(b',');
            }
            let out = &mut self.line;
            write::cell(cell.as_bytes(), Dialect::default(), |bytes| {
                out.extend_from_slice(bytes);
            });
        }
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }

    /// Puts the file in its place, once it is on the disk.
    ///
    /// # Errors
    /// It can't be written or renamed.
    pub(crate) fn put(mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_data()?;
        self.part.put()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_back_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out/results.csv");
        let item = |key: &'static str| Item {
            record: Some(3),
            by_place: true,
            key: Some(key.into()),
            action: Some("create".into()),
            status: Some("success".into()),
            code: None,
            id: Some("A,\"1\"".into()),
        };
        let mut draft = Draft::create().unwrap();
        for key in ["007", "a\nb", "ü"] {
            draft.push(&item(key));
        }
        let mut file = ResultsFile::create(&path).unwrap();
        for (n, item) in draft.items().unwrap().enumerate() {
            let at = (n != 1).then_some(("workers.csv", n as u64 + 2));
            file.write(&item.unwrap(), at).unwrap();
        }
        assert!(!path.exists());
        file.put().unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            format!(
                "{HEADER}007,workers.csv,2,create,success,,\"A,\"\"1\"\"\"\n\"a\nb\",,,create,success,,\"A,\"\"1\"\"\"\n\
                 ü,workers.csv,4,create,success,,\"A,\"\"1\"\"\"\n"
            )
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        assert!(ResultsFile::create(dir.path()).is_err());
    }
}
