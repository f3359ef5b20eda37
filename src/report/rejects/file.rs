//! The rejects file while it is being written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::name::remove_stale;
use super::row::Header;
use super::said::Page;
use super::{IMPORT_STAGE, Records, Rejected, RejectedRow, RowWriter, Tally, Told, workbook};
use crate::batch::Fault;
use crate::files::folder;
use crate::files::part::{self, Part};
use crate::text::encoded::Written;

/// How the rejects file is buffered: large enough that few writes happen, small beside a block.
const BUFFER: usize = 64 * 1024;

/// Why the rejects file can't be written.
#[derive(Debug, thiserror::Error)]
pub enum RejectsError {
    /// Its folder does not exist and can't be made.
    #[error("can't use the folder {}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    /// There is something at its path that must not be replaced.
    #[error("the rejects file {} is {what}; name a regular file or a path that does not exist", path.display())]
    NotAFile {
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// It would replace what the run reads.
    #[error("the rejects file {} is also a source; rename one of them, or the rows to be read would be lost", path.display())]
    IsSource { path: PathBuf },
    /// It can't be created.
    #[error("can't create the rejects file {}", path.display())]
    Create { path: PathBuf, source: io::Error },
    /// The disk is full.
    #[error("no space left on the disk for the rejects file {}", path.display())]
    Full { path: PathBuf },
    /// It can't be written.
    #[error("can't write the rejects file {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The rejects file while it is being written.
///
/// It takes its place when it is whole, and is always a new file: one of an earlier run stands there until then, and
/// can't be taken for this run's. Only its owner may read it. What the server refused comes later, into a copy that
/// takes the place of the file when that is whole in its turn. A run that ends early leaves what it has found: all that
/// is wrong with the rows that it read.
#[derive(Debug)]
pub struct RejectsFile {
    path: PathBuf,
    state: State,
    out: BufWriter<File>,
    writer: Arc<RowWriter>,
    /// Whether the next row is the first, and is to be written as that.
    at_first: bool,
    rejected: Tally,
    /// Rows that other shards write.
    elsewhere: Tally,
    refused: Tally,
    page: Page,
    held_back: bool,
    /// Whether a character had to be left out, which is told once.
    is_lossy: bool,
    /// Where the same rows stand in a workbook when this file is in its place.
    workbook: Option<PathBuf>,
    /// Where rejects of an earlier run are taken away when this file is in its place, and what must not be.
    stale: Option<(PathBuf, Vec<PathBuf>)>,
}

#[derive(Debug)]
enum State {
    UnderWay(Part),
    InPlace,
    /// It can't be written, and is gone: half of it would pass for the whole.
    Broken,
}

/// What a finished rejects file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejects {
    /// Rows that were never sent.
    pub rejected: Tally,
    /// Rows that were sent and that the server refused.
    pub refused: Tally,
}

impl RejectsFile {
    /// Begins the file with its header, and makes its folder where that is missing.
    ///
    /// `stated` is its path as the pipeline has it; the end of its name says what is in it, and follows the source.
    /// `sources` are the files that the run reads: none of them is ever replaced.
    pub fn create(
        stated: impl Into<PathBuf>,
        header: &Header,
        sources: &[PathBuf],
    ) -> Result<RejectsFile, RejectsError> {
        RejectsFile::create_with(&stated.into(), None, header, sources)
    }

    /// The same, and whenever the file is put in its place, its rows are written into a `workbook`. The file has all of
    /// them: where a workbook can't hold some, or can't be written, that is told and no more.
    ///
    /// # Errors
    /// As of [`RejectsFile::create`], of either of the two files.
    pub(crate) fn create_with(
        stated: &Path,
        workbook: Option<&Path>,
        header: &Header,
        sources: &[PathBuf],
    ) -> Result<RejectsFile, RejectsError> {
        let path = header.named(stated);
        for path in [&*path].into_iter().chain(workbook) {
            may_be_replaced(path, sources)?;
            make_folder(path)?;
        }
        part::sweep(&path);
        if let Some(workbook) = workbook {
            // Better now than when its rows are known.
            drop(Part::create(workbook).map_err(|e| create_error(workbook, e))?);
        }
        let writer = RowWriter::new(header);
        let (part, file) = Part::create(&path).map_err(|e| create_error(&path, e))?;
        let mut begun = RejectsFile::over(path, part, file, writer);
        begun.workbook = workbook.map(Path::to_owned);
        begun.stale = Some((header.other(stated), sources.to_vec()));
        begun.begin().map_err(|e| begun.broken(e))?;
        Ok(begun)
    }

    /// Writes what stands before the rows.
    fn begin(&mut self) -> io::Result<()> {
        let writer = self.writer.clone();
        self.out.write_all(writer.format.written().mark())?;
        self.encode(writer.format.header_line())
    }

    /// Writes a text in the encoding of the file.
    fn encode(&mut self, text: &[u8]) -> io::Result<()> {
        let written = self.writer.format.written();
        let (bytes, is_lossy) = written.encode(text);
        if let (true, false, Written::Of(encoding)) = (is_lossy, self.is_lossy, written) {
            self.is_lossy = true;
            tracing::warn!(
                "{} has characters that {} lacks: they stand there as `?`; with `rejects.encoding: utf-8-bom` none is lost",
                self.path.display(),
                encoding.name()
            );
        }
        self.out.write_all(&bytes)
    }

    pub(super) fn over(path: PathBuf, part: Part, file: File, writer: RowWriter) -> RejectsFile {
        RejectsFile {
            path,
            state: State::UnderWay(part),
            out: BufWriter::with_capacity(BUFFER, file),
            at_first: writer.format.first_is_special(),
            writer: Arc::new(writer),
            rejected: Tally::default(),
            elsewhere: Tally::default(),
            refused: Tally::default(),
            page: Page::default(),
            held_back: false,
            is_lossy: false,
            workbook: None,
            stale: None,
        }
    }

    /// Where the file is, or will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its rows are in a workbook, or will be, where that is asked for.
    pub(crate) fn workbook(&self) -> Option<&Path> {
        self.workbook.as_deref()
    }

    /// Lets the file take its place only by [`RejectsFile::settle`] or [`RejectsFile::finish`], and not where the run
    /// ends early: for whoever has to find out first whether it belongs there.
    pub fn hold_back(&mut self) {
        self.held_back = true;
    }

    /// What writes its rows: workers need no more to do it.
    pub(crate) fn writer(&self) -> Arc<RowWriter> {
        self.writer.clone()
    }

    /// Writes a row and counts it: as refused where a fault is of [`IMPORT_STAGE`], else as rejected.
    pub(crate) fn write(&mut self, row: &RejectedRow<'_>) -> Result<(), RejectsError> {
        let faults = row.faults.iter().map(|told| told.fault);
        if row.faults.iter().any(|f| f.stage == IMPORT_STAGE) {
            self.refused.add(faults);
        } else {
            self.rejected.add(faults);
            self.rejected.take_along(row.taken_along());
        }
        let mut page = std::mem::take(&mut self.page);
        page.bytes.clear();
        self.writer.format.push_row(&mut page, row, self.at_first);
        let put = self.put(&page.bytes);
        self.page = page;
        put
    }

    /// Writes a row of a block as the source had it, and counts it.
    pub(crate) fn write_row_of(
        &mut self,
        of: &Records<'_>,
        row: usize,
        faults: &[Fault],
    ) -> Result<(), RejectsError> {
        let messages: Vec<_> = faults.iter().map(Fault::message_by_both_names).collect();
        let told = faults.iter().zip(&messages);
        let told: Vec<_> = told
            .map(|(fault, message)| Told { fault, message })
            .collect();
        of.row(row, &told, |row| self.write(row))
    }

    /// Writes the rejected rows of a block and counts them. A worker may have `written` them; of the `touched` rows, in
    /// order, other things are known by now.
    pub(crate) fn write_block(
        &mut self,
        of: &Records<'_>,
        written: Option<Rejected>,
        touched: &[u32],
    ) -> Result<(), RejectsError> {
        let writer = &self.writer;
        let written = match written {
            Some(_) if self.at_first => None,
            Some(written) if !touched.is_empty() => Some(writer.amend(of, &written, touched)),
            written => written,
        };
        let written = written.unwrap_or_else(|| writer.write_some(of, |_| true, self.at_first));
        self.put_written(&written, of)
    }

    /// As [`RejectsFile::write_block`], of a block of which these `others`, in order, are rows that other shards write:
    /// they are counted, and by themselves.
    pub(crate) fn write_block_of_shard(
        &mut self,
        of: &Records<'_>,
        written: Option<Rejected>,
        (touched, others): (&[u32], &[u32]),
    ) -> Result<(), RejectsError> {
        if others.is_empty() {
            return self.write_block(of, written, touched);
        }
        let own: Vec<u32> = (0..of.len())
            .filter(|row| others.binary_search(row).is_err())
            .collect();
        let theirs = self.writer.write_without(of, &own, false);
        theirs.count_in(&mut self.elsewhere, of.faults());
        let written = self.writer.write_without(of, others, self.at_first);
        self.put_written(&written, of)
    }

    /// Counts rows of a block, and puts what is written of them into the file.
    fn put_written(&mut self, written: &Rejected, of: &Records<'_>) -> Result<(), RejectsError> {
        if written.is_empty() {
            return Ok(());
        }
        // Where they can't be written, they are counted all the same: the report's counts add up.
        written.count_in(&mut self.rejected, of.faults());
        self.put(written.bytes())
    }

    /// Puts what is written of rows into the file.
    fn put(&mut self, bytes: &[u8]) -> Result<(), RejectsError> {
        match self.state {
            State::UnderWay(_) => {}
            State::InPlace => self.begin_again()?,
            State::Broken => return Ok(()),
        }
        self.at_first = false;
        self.encode(bytes).map_err(|e| self.broken(e))
    }

    /// Goes on in a copy of what is in its place by now.
    fn begin_again(&mut self) -> Result<(), RejectsError> {
        let (part, mut copy) = Part::create(&self.path).map_err(|e| create_error(&self.path, e))?;
        let mut file = self.out.get_ref();
        let copied = file
            .rewind()
            .and_then(|()| io::copy(&mut file, &mut copy).map(drop));
        self.out = BufWriter::with_capacity(BUFFER, copy);
        self.state = State::UnderWay(part);
        copied.map_err(|e| self.broken(e))
    }

    /// Takes back all rows, to write them anew.
    pub fn restart(&mut self) -> Result<(), RejectsError> {
        let empty = |out: &mut BufWriter<File>| {
            out.flush()?;
            out.get_ref().set_len(0)?;
            out.rewind()
        };
        let emptied = empty(&mut self.out).and_then(|()| self.begin());
        emptied.map_err(|e| self.broken(e))?;
        self.at_first = self.writer.format.first_is_special();
        self.rejected = Tally::default();
        self.elsewhere = Tally::default();
        Ok(())
    }

    /// Rows written so far that were never sent.
    pub fn rejected(&self) -> &Tally {
        &self.rejected
    }

    /// Rows so far that were never sent, and that other shards write.
    pub(crate) fn elsewhere(&self) -> &Tally {
        &self.elsewhere
    }

    /// Writes the file down to the disk and puts it in its place. What is written after that goes into a copy.
    pub fn settle(&mut self) -> Result<(), RejectsError> {
        if !matches!(self.state, State::UnderWay(_)) {
            return Ok(());
        }
        let flushed = self.out.flush();
        let synced = flushed.and_then(|()| self.out.get_ref().sync_data());
        synced.map_err(|e| self.broken(e))?;
        refuse_what_is_no_file(&self.path)?;
        if let State::UnderWay(part) = std::mem::replace(&mut self.state, State::InPlace) {
            part.put().map_err(|e| {
                self.state = State::Broken;
                create_error(&self.path, e)
            })?;
        }
        let _ = self.out.get_ref().unlock();
        if let Some((path, sources)) = self.stale.take() {
            remove_stale(&path, &sources);
        }
        self.put_workbook();
        Ok(())
    }

    /// Writes the rows of the file that is in its place into the workbook.
    fn put_workbook(&self) {
        let Some(place) = &self.workbook else {
            return;
        };
        let written = self.writer.format.as_written();
        let (shown, all) = (place.display(), self.path.display());
        match workbook::write(self.out.get_ref(), written, (place, None)) {
            Ok(None) => {}
            Ok(Some(left)) => tracing::warn!("{shown}: {left}; {all} has all"),
            Err(error) => {
                // What stands there is of other rows.
                let _ = fs::remove_file(place);
                tracing::warn!(
                    "the workbook {shown} can't be written: {error}; the rejects are in {all} alone"
                );
            }
        }
    }

    fn broken(&mut self, source: io::Error) -> RejectsError {
        self.state = State::Broken;
        write_error(&self.path, source)
    }

    /// Puts the file in its place, and tells what it holds.
    pub fn finish(mut self) -> Result<Rejects, RejectsError> {
        self.settle()?;
        Ok(Rejects {
            rejected: std::mem::take(&mut self.rejected),
            refused: std::mem::take(&mut self.refused),
        })
    }
}

impl Drop for RejectsFile {
    /// The run has ended early.
    fn drop(&mut self) {
        if !self.held_back {
            // What ended the run matters more.
            let _ = self.settle();
        }
    }
}

/// Makes the folder of a file.
fn make_folder(path: &Path) -> Result<(), RejectsError> {
    let folder = folder::of(path);
    folder::make(folder).map_err(|source| RejectsError::Folder {
        path: folder.to_owned(),
        source,
    })
}

fn create_error(path: &Path, source: io::Error) -> RejectsError {
    let path = path.to_owned();
    RejectsError::Create { path, source }
}

fn write_error(path: &Path, source: io::Error) -> RejectsError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RejectsError::Full { path },
        _ => RejectsError::Write { path, source },
    }
}

/// Whether a rejects file may take the place of what stands at its path.
///
/// # Errors
/// What stands there is no regular file, or one of the `sources`.
pub(crate) fn may_be_replaced(path: &Path, sources: &[PathBuf]) -> Result<(), RejectsError> {
    refuse_what_is_no_file(path)?;
    let Ok(real) = fs::canonicalize(path) else {
        return Ok(());
    };
    let is_real = |source: &PathBuf| fs::canonicalize(source).is_ok_and(|source| source == real);
    match sources.iter().any(is_real) {
        true => Err(RejectsError::IsSource {
            path: path.to_owned(),
        }),
        false => Ok(()),
    }
}

/// A link may lead anywhere, and a device or pipe is not ours to replace.
fn refuse_what_is_no_file(path: &Path) -> Result<(), RejectsError> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else {
        "a device or a pipe"
    };
    Err(RejectsError::NotAFile {
        path: path.to_owned(),
        what,
    })
}
