//! What the pipeline says of a whole extract, held against the source and the files beside it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::RunError;
use super::extent::{Extent, InFile};
use crate::config::Pipeline;
use crate::format::block::Trailer;
use crate::guard::Stop;
use crate::guard::expect::{By, Claim, NotWhole};
use crate::report::human;
use crate::settings::units::Span;
use crate::source::{Input, Source};
use crate::text::chain;

/// What is read of a file that may state a number.
const MOST: u64 = 4096;

/// What must be true before the source is read: nobody writes to its files any more, and the files that say so are
/// there. What a stream's producer leaves behind is there when the stream has ended.
///
/// # Errors
/// It is not.
pub(super) async fn before(pipeline: &Pipeline) -> Result<(), RunError> {
    let expect = &pipeline.source.expect;
    if expect.settled.is_none() && expect.done_file.is_none() {
        return Ok(());
    }
    // Whoever asks a server has its report made: once is enough, and what it leaves is there when it has ended.
    if pipeline.source.inputs.iter().all(Input::is_made) {
        return Ok(());
    }
    let source = super::source(pipeline).await?;
    if source.can_repeat() {
        for done in done_files(pipeline, &source) {
            done.read().map_err(stopped)?;
        }
    }
    match expect.settled {
        Some(settled) => settle(&source, settled).await,
        None => Ok(()),
    }
}

/// Waits until no file has been changed for so long.
async fn settle(source: &Source, settled: Span) -> Result<(), RunError> {
    let now = SystemTime::now();
    let left = |changed: SystemTime| {
        // A file of the future was changed just now, by another clock.
        let ago = now.duration_since(changed).unwrap_or_default();
        settled.0.saturating_sub(ago)
    };
    let files = source.origins().iter();
    let youngest = files.filter_map(|file| Some((left(file.modified()?), &file.name)));
    let Some((wait, name)) = youngest.max() else {
        return Ok(());
    };
    if wait > Duration::ZERO {
        tracing::warn!(
            "{name} was changed less than {settled} ago: waiting {} to see whether it is whole",
            human::time(wait)
        );
        tokio::time::sleep(wait).await;
    }
    source.is_unchanged().await.map_err(|error| {
        stopped(NotWhole::Unsettled {
            why: chain(&error),
            settled: settled.to_string(),
        })
    })
}

fn stopped(why: NotWhole) -> RunError {
    RunError::Stopped {
        why: Stop::NotWhole(why),
        begun: false,
        rejects: None,
    }
}

/// What is stated of the records that were read.
///
/// # Errors
/// Something that should state it does not.
pub(super) fn claims(
    pipeline: &Pipeline,
    source: &Source,
    extent: &Extent,
    read: u64,
) -> Result<Vec<Claim>, NotWhole> {
    let expect = &pipeline.source.expect;
    let claim = |by, stated, found| Claim { by, stated, found };
    let mut claims = Vec::new();
    claims.extend(expect.rows.map(|stated| claim(By::Rows, stated, read)));
    let least = expect.at_least;
    claims.extend(least.map(|stated| claim(By::AtLeast, stated, read)));
    if expect.trailer.is_some() {
        claims.extend(trailers(source, extent)?);
    }
    for done in done_files(pipeline, source) {
        if let Some(stated) = done.read()? {
            let found = done.of.map_or(read, |number| extent.file(number).read);
            let of = done.of.map(|number| source.origins()[number].name.clone());
            let done = human::path(&done.path);
            claims.push(claim(By::DoneFile { done, of }, stated, found));
        }
    }
    Ok(claims)
}

/// What the last lines of the files state.
///
/// # Errors
/// A file has none, or it states no number.
pub(super) fn trailers(source: &Source, extent: &Extent) -> Result<Vec<Claim>, NotWhole> {
    let of_file = |(number, file): (usize, String)| {
        let InFile { read, trailer } = extent.file(number);
        match trailer {
            None | Some(Trailer::Missing) => Err(NotWhole::NoTrailer { file }),
            Some(Trailer::Found { line, count: None }) => Err(NotWhole::NoNumber { file, line }),
            Some(Trailer::Found {
                line,
                count: Some(stated),
            }) => Ok(Claim {
                by: By::Trailer { file, line },
                stated,
                found: read,
            }),
        }
    };
    let files = source.origins().iter().map(|origin| origin.name.clone());
    files.enumerate().map(of_file).collect()
}

/// A file that says that the extract is complete.
struct DoneFile {
    path: PathBuf,
    /// The file of the source that it belongs to; without it, it belongs to all.
    of: Option<usize>,
}

impl DoneFile {
    /// Sees whether it is there, and which number of records it states, if any.
    fn read(&self) -> Result<Option<u64>, NotWhole> {
        let read = || {
            let mut text = Vec::new();
            File::open(&self.path)?.take(MOST).read_to_end(&mut text)?;
            Ok(text)
        };
        let text = read().map_err(|error: io::Error| {
            let done = human::path(&self.path);
            match error.kind() {
                io::ErrorKind::NotFound => NotWhole::NotDone { done },
                _ => NotWhole::Unread {
                    done,
                    why: error.to_string(),
                },
            }
        })?;
        let text = String::from_utf8_lossy(&text);
        Ok(text.trim_start_matches('\u{feff}').trim().parse().ok())
    }
}

/// The files that say that the extract is whole: one for all files of the source, or one for each.
fn done_files(pipeline: &Pipeline, source: &Source) -> Vec<DoneFile> {
    let Some(written) = &pipeline.source.expect.done_file else {
        return Vec::new();
    };
    let at = |written: &str| pipeline.folder.join(written);
    if !written.contains('{') {
        return vec![DoneFile {
            path: at(written),
            of: None,
        }];
    }
    let files = source.origins().iter().enumerate();
    files
        .filter_map(|(number, origin)| {
            let path = origin.path()?;
            Some(DoneFile {
                path: at(&beside(written, path)),
                of: Some(number),
            })
        })
        .collect()
}

/// The path that belongs to a file of the source: `{file}` is that file's own, `{stem}` the same without its last ending.
fn beside(written: &str, file: &Path) -> String {
    written
        .replace("{file}", &file.to_string_lossy())
        .replace("{stem}", &file.with_extension("").to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn done_files_by_name() {
        let check = |written, expected| {
            let file = Path::new("/in/w.1.csv");
            assert_eq!(beside(written, file), expected, "{written}");
        };
        check("{file}.done", "/in/w.1.csv.done");
        check("{stem}.ok", "/in/w.1.ok");
        check("done/x", "done/x");
    }
}
