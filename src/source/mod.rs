//! Sources: from an address to decoded text.
//!
//! A source is a list of files, standard input, or a made-up sample. Each is opened as a [`Text`]:
//! decompressed by what its first bytes say, decoded to UTF-8. What can't be read twice is copied on
//! the way into a private, unlinked temporary file, so that rows the server refuses can still be shown
//! as they were. A sample is made again each time, in a thread of its own.

mod bytes;
pub(crate) mod place;
pub(crate) mod spec;

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

pub(crate) use self::bytes::Text;
use ::bytes::Bytes;
use spec::{Compression, Encoding};
use tokio_util::io::StreamReader;

use crate::settings::limits::Limits;
use crate::settings::units::Size;
use crate::source::place::sample::Sample;

/// Why a source can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file isn't there.
    #[error("{0}: no such file")]
    NotFound(String),
    /// A folder was named.
    #[error("{0}: is a directory; name a file, or a pattern such as {0}/*.csv")]
    Directory(String),
    /// A pattern that can't be read.
    #[error("{pattern}: not a file pattern: {reason}")]
    BadPattern {
        /// As written.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A pattern that matches nothing.
    #[error("{0}: no file matches")]
    NoMatch(String),
    /// The operating system's word.
    #[error("{name}: can't be read")]
    Io {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The compressed data ends too early or is damaged.
    #[error("{name}: the {kind} data is cut off or damaged, nothing of it is sent")]
    Damaged {
        /// The file.
        name: String,
        /// The compression.
        kind: &'static str,
        /// What the decoder says.
        source: io::Error,
    },
    /// The compressed data becomes so much more than it is that nobody can have meant it.
    #[error(
        "{name}: the {kind} data becomes more than {limit} times its size (limits.expansion); \
         raise the limit if the file is what it should be"
    )]
    Expansion {
        /// The file.
        name: String,
        /// The compression.
        kind: &'static str,
        /// The limit.
        limit: u32,
    },
    /// The compressed data becomes too much.
    #[error(
        "{name}: the {kind} data becomes more than {limit} (limits.decompressed); \
         raise the limit if the file is what it should be"
    )]
    Decompressed {
        /// The file.
        name: String,
        /// The compression.
        kind: &'static str,
        /// The limit.
        limit: Size,
    },
    /// Bytes that the stated encoding doesn't have.
    #[error("{name}: not {encoding}: ill-formed near byte {at} of the decompressed text")]
    Encoding {
        /// The file.
        name: String,
        /// The encoding.
        encoding: &'static str,
        /// Offset, from 1.
        at: u64,
    },
    /// A file is not what it was when the run began.
    #[error("{0}: the file was changed while the run went on")]
    Changed(String),
    /// A stream was asked for a second time before its first reading ended.
    #[error("standard input can be read only once")]
    OnlyOnce,
}

/// What the pipeline names as its source: one entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file, absolute.
    File(PathBuf),
    /// A pattern of files, absolute.
    Glob(String),
    /// A made-up extract.
    Sample(Sample),
}

/// One file of a source, or a stream.
#[derive(Debug, Clone)]
pub struct Origin {
    /// As shown in messages, rejects and reports.
    pub name: String,
    path: Option<PathBuf>,
    /// Bytes as stored, where that is known.
    pub size: Option<u64>,
    stream: bool,
    modified: Option<SystemTime>,
    pieces: Option<Arc<[Bytes]>>,
    sample: Option<Sample>,
    compression: OnceLock<&'static str>,
    /// Bytes of it that its latest opening has read.
    read: Arc<AtomicU64>,
}

/// The files of a run, in order.
#[derive(Debug)]
pub struct Source {
    origins: Vec<Origin>,
    compression: Compression,
    encoding: Encoding,
    limits: Limits,
    /// A copy of what was streamed, once it has been read to its end.
    copy: Arc<Mutex<Option<File>>>,
    streamed: AtomicBool,
    /// Bytes read so far, as stored, over all openings.
    read: Arc<AtomicU64>,
}

impl Source {
    /// Finds the files of a source. Patterns are expanded in alphabetical order.
    ///
    /// # Errors
    /// A file that isn't there or is a directory, a pattern that matches nothing.
    pub fn find(
        inputs: &[Input],
        compression: Compression,
        encoding: Encoding,
        limits: Limits,
    ) -> Result<Source, SourceError> {
        let mut origins = Vec::new();
        for input in inputs {
            match input {
                Input::Stdin => origins.push(Origin {
                    stream: true,
                    ..Origin::named("standard input".into())
                }),
                Input::Sample(sample) => origins.push(Origin {
                    sample: Some(*sample),
                    ..Origin::named(sample.to_string())
                }),
                Input::File(path) => origins.push(Origin::file(path)?),
                Input::Glob(pattern) => {
                    let before = origins.len();
                    let found = glob::glob(pattern).map_err(|e| SourceError::BadPattern {
                        pattern: shown(pattern),
                        reason: e.msg,
                    })?;
                    for entry in found {
                        let entry = entry.map_err(|e| SourceError::Io {
                            name: shown(&e.path().display().to_string()),
                            source: e.into(),
                        })?;
                        if entry.is_file() {
                            origins.push(Origin::file(&entry)?);
                        }
                    }
                    if origins.len() == before {
                        return Err(SourceError::NoMatch(shown(pattern)));
                    }
                }
            }
        }
        Ok(Source {
            compression,
            encoding,
            limits,
            ..Source::over(origins)
        })
    }

    fn over(origins: Vec<Origin>) -> Source {
        Source {
            origins,
            compression: Compression::Auto,
            encoding: Encoding::Auto,
            limits: Limits::default(),
            copy: Arc::default(),
            streamed: AtomicBool::new(false),
            read: Arc::default(),
        }
    }

    /// A source in memory, which hands out these pieces one by one: for embedding and for tests.
    pub fn of_pieces(name: &str, pieces: impl IntoIterator<Item = Bytes>) -> Source {
        let pieces: Arc<[Bytes]> = pieces.into_iter().collect();
        let size = pieces.iter().map(|p| p.len() as u64).sum();
        let origin = Origin {
            size: Some(size),
            pieces: Some(pieces),
            ..Origin::named(name.to_owned())
        };
        Source::over(vec![origin])
    }

    /// The files, in order.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The names of its files, for messages.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.origins.iter().map(|o| o.name.as_str()).collect();
        names.join(", ")
    }

    /// Whether every file can be read as often as one likes.
    pub fn can_repeat(&self) -> bool {
        self.origins.iter().all(|o| !o.stream)
    }

    /// Bytes to read, as stored, where that is known of every file.
    pub fn size(&self) -> Option<u64> {
        self.origins.iter().map(|o| o.size).sum()
    }

    /// Counts the bytes read so far, as stored, over all openings.
    pub fn bytes_read(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }

    /// Whether every file has the size and the time that it had when it was found. That is no proof, but it
    /// is all that can be had without reading everything.
    ///
    /// # Errors
    /// A file that was changed, or is gone.
    pub fn is_unchanged(&self) -> Result<(), SourceError> {
        for origin in &self.origins {
            let (Some(path), Some(size)) = (&origin.path, origin.size) else {
                continue;
            };
            let now = Origin::file(path)?;
            if (now.size, now.modified) != (Some(size), origin.modified) {
                return Err(SourceError::Changed(origin.name.clone()));
            }
        }
        Ok(())
    }

    /// Opens a file at its beginning.
    ///
    /// # Errors
    /// What the operating system says; a stream that is still being read.
    pub async fn open(&self, file: usize) -> Result<Text, SourceError> {
        let origin = &self.origins[file];
        let io_error = |source| SourceError::Io {
            name: origin.name.clone(),
            source,
        };
        let raw: bytes::Raw = if let Some(pieces) = &origin.pieces {
            let pieces: Vec<io::Result<Bytes>> = pieces.iter().cloned().map(Ok).collect();
            Box::new(StreamReader::new(futures::stream::iter(pieces)))
        } else if let Some(sample) = origin.sample {
            place::generated::open(sample)
        } else if origin.stream {
            self.open_stream(origin)
                .await
                .map_err(io_error)?
                .ok_or(SourceError::OnlyOnce)?
        } else {
            let path = origin.path.as_deref().unwrap_or(Path::new(""));
            let file = File::open(path).map_err(io_error)?;
            Box::new(bytes::Local(file))
        };
        origin.read.store(0, Ordering::Relaxed);
        let text = Text::new(
            origin.name.clone(),
            raw,
            self.compression,
            self.encoding,
            &self.limits,
            [self.read.clone(), origin.read.clone()],
        )
        .await?;
        if let Some(kind) = text.compression() {
            origin.compression.get_or_init(|| kind);
        }
        Ok(text)
    }

    /// The stream itself at first, its copy afterwards.
    async fn open_stream(&self, origin: &Origin) -> io::Result<Option<bytes::Raw>> {
        if !self.streamed.swap(true, Ordering::Relaxed) {
            let input: bytes::Raw = match &origin.path {
                None => Box::new(tokio::io::stdin()),
                // A named pipe opens when somebody writes to it.
                Some(path) => Box::new(tokio::fs::File::open(path).await?),
            };
            let copy = tempfile::tempfile()?;
            return Ok(Some(Box::new(bytes::Copying::new(
                input,
                copy,
                self.copy.clone(),
            ))));
        }
        let guard = self
            .copy
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(copy) = guard.as_ref() else {
            return Ok(None);
        };
        let mut again = copy.try_clone()?;
        again.rewind()?;
        Ok(Some(Box::new(tokio::fs::File::from_std(again))))
    }
}

impl Origin {
    /// An origin of which nothing but the name is known.
    fn named(name: String) -> Origin {
        Origin {
            name,
            path: None,
            size: None,
            stream: false,
            modified: None,
            pieces: None,
            sample: None,
            compression: OnceLock::new(),
            read: Arc::default(),
        }
    }

    /// Its bytes as stored; where that is not known beforehand, as many as its latest reading has come
    /// to.
    pub fn bytes(&self) -> u64 {
        self.size
            .unwrap_or_else(|| self.read.load(Ordering::Relaxed))
    }

    /// The file's path; none for standard input and samples.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// When the file was changed last, as it was found.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Its compression, once it has been opened; none where it has none.
    pub fn compression(&self) -> Option<&'static str> {
        self.compression.get().copied()
    }

    fn file(path: &Path) -> Result<Origin, SourceError> {
        let name = shown(&path.display().to_string());
        let meta = std::fs::metadata(path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => SourceError::NotFound(name.clone()),
            _ => SourceError::Io {
                name: name.clone(),
                source: e,
            },
        })?;
        if meta.is_dir() {
            return Err(SourceError::Directory(
                name.trim_end_matches('/').to_owned(),
            ));
        }
        let stream = !meta.is_file();
        Ok(Origin {
            path: Some(path.to_owned()),
            size: (!stream).then_some(meta.len()),
            stream,
            modified: meta.modified().ok().filter(|_| !stream),
            ..Origin::named(name)
        })
    }
}

/// A path as people wrote it, as far as that can be told: relative where it is below the current folder.
fn shown(path: &str) -> String {
    let below = std::env::current_dir().ok().and_then(|here| {
        Path::new(path)
            .strip_prefix(here)
            .ok()
            .map(|below| below.display().to_string())
    });
    below
        .filter(|below| !below.is_empty())
        .unwrap_or_else(|| path.to_owned())
}
