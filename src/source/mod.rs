//! Sources: from an address to decoded text.
//!
//! A source is a list of origins: files, streams, what a command writes, a made-up sample. Each is opened as a [`Text`]: decompressed by
//! what its first bytes say, decoded to UTF-8. What can't be read twice is copied on the way into a private,
//! unlinked temporary file of its own, so that rows the server refuses can still be shown as they were. A sample is
//! made again each time, in a thread of its own.
//!
//! A new kind of place is a variant of [`Input`] and of `place::Place`, a file in `place/`, and a row in `conform`,
//! whose tests all places run.

mod bytes;
#[cfg(test)]
mod conform;
mod error;
mod origin;
mod piece;
pub(crate) mod place;
pub(crate) mod spec;
pub(crate) mod table;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use error::SourceError;
pub(crate) use origin::Origin;
pub use text::Text;
pub(crate) use text::may_end;

use self::bytes::count::Told;
pub(crate) use self::bytes::decrypt::{Decrypt, Keys, Unusable};
use ::bytes::Bytes;
use place::bucket::address::{Address, Service};
use place::bucket::spec::BucketSpec;
use place::bucket::{self, Bucket};
use place::command::Command;
use place::glob;
use place::https::Request;
use place::https::spec::HttpsSpec;
use place::remote::error::RemoteError;
use place::remote::{Found, Remote};
use place::sample::Sample;
use place::sftp::spec::SftpSpec;
use place::sftp::{self, Server};
use place::sql::spec::SqlSpec;
use place::sql::{Access, Query};
use reqwest::header::HeaderMap;
use secrecy::SecretString;
use spec::{Compression, Encoding, Entry, Keep, Pick};
use table::Terms;
use table::spec::{Layout, Table};
use text::Unpacked;

use crate::http::spec::TimeoutsSpec;
use crate::settings::limits::Limits;
use crate::settings::secret::PresignedUrl;

/// What the pipeline names as its source: one entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file, absolute.
    File(PathBuf),
    /// A pattern of files, absolute, and which of those that it matches are meant.
    Glob(String, Pick),
    /// What a command writes.
    Command(Command),
    /// A made-up extract.
    Sample(Sample),
    /// What stands in a bucket at an address, and which of the files are meant that a pattern matches.
    Bucket(Bucket, Address, Pick),
    /// What a query gives.
    Sql(Query),
    /// What a web server has.
    Https(Request),
    /// What an SFTP server has at an address, and which files are meant of those that a pattern matches.
    Sftp(Server, Box<sftp::address::Address>, Pick),
}

impl Input {
    /// Whether a file at this path would be read.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        match self {
            Input::File(file) => file == path,
            Input::Glob(pattern, _) => glob::matches(pattern, path),
            Input::Stdin
            | Input::Sftp(..)
            | Input::Bucket(..)
            | Input::Command(_)
            | Input::Sample(_)
            | Input::Sql(_)
            | Input::Https(_) => false,
        }
    }

    /// What a program writes that runs in this folder with these arguments.
    pub(crate) fn command(program: &str, args: &[String], folder: &Path) -> Input {
        Input::Command(Command {
            program: program.to_owned(),
            args: args.to_vec(),
            folder: folder.to_owned(),
            withheld: Vec::new(),
        })
    }

    /// What a query gives.
    pub(crate) fn sql(spec: &SqlSpec, timeouts: &TimeoutsSpec) -> Input {
        Input::Sql(Query::new(spec, timeouts))
    }

    /// What the pipeline says of it, where it is a query.
    pub(crate) fn sql_spec(&self) -> Option<&SqlSpec> {
        match self {
            Input::Sql(query) => Some(query.spec()),
            _ => None,
        }
    }

    /// Tells a query what it is, and of whom it is asked.
    pub(crate) fn unlock_query(&self, url: SecretString, query: String) {
        if let Input::Sql(asked) = self {
            asked.unlock(Access { url, query });
        }
    }

    /// What stands in a bucket, where an address is one of those. What is wrong with it comes with what to do.
    pub(crate) fn bucket(
        written: &str,
        spec: &BucketSpec,
        timeouts: &TimeoutsSpec,
        pick: Pick,
    ) -> Option<Result<Input, (&'static str, &'static str)>> {
        let service = Service::of_scheme(written.split_once("://")?.0)?;
        let input = |address| Input::Bucket(Bucket::new(&address, spec, timeouts), address, pick);
        Some(Address::parse(service, written).map(input))
    }

    /// The service of the bucket that it stands in.
    pub(crate) fn service(&self) -> Option<Service> {
        match self {
            Input::Bucket(bucket, ..) => Some(bucket.service()),
            _ => None,
        }
    }

    /// Tells a bucket what the environment says of it.
    pub(crate) fn unlock_bucket(&self, access: Vec<(&'static str, String)>) {
        if let Input::Bucket(bucket, ..) = self {
            bucket.unlock(access);
        }
    }

    /// Whether it is a pattern, which stands for any number of files.
    pub(crate) fn is_pattern(&self) -> bool {
        match self {
            Input::Glob(..) => true,
            Input::Bucket(_, address, _) => address.pattern.is_some(),
            Input::Sftp(_, address, _) => address.is_pattern(),
            _ => false,
        }
    }

    /// What a web server has at an address. None where that can't be one.
    pub(crate) fn https(
        address: PresignedUrl,
        spec: &HttpsSpec,
        timeouts: &TimeoutsSpec,
    ) -> Option<Input> {
        Request::new(address, spec, timeouts).map(Input::Https)
    }

    /// How it is asked for, where it is at a web server.
    pub(crate) fn https_spec(&self) -> Option<&HttpsSpec> {
        match self {
            Input::Https(request) => Some(request.spec()),
            _ => None,
        }
    }

    /// Whether it may be made when it is asked for.
    pub(crate) fn is_made(&self) -> bool {
        matches!(self, Input::Https(_))
    }

    /// The host that it is asked of, with its port.
    pub(crate) fn host(&self) -> Option<&str> {
        match self {
            Input::Https(request) => Some(request.host()),
            _ => None,
        }
    }

    /// Tells a web server's source what says who asks.
    pub(crate) fn unlock(&self, headers: HeaderMap) {
        if let Input::Https(request) = self {
            request.unlock(headers);
        }
    }

    /// What an SFTP server has, where an address is of one. Those of one server share its connection. What is wrong with it
    /// comes with what to do.
    pub(crate) fn sftp(
        written: &str,
        spec: &SftpSpec,
        timeouts: &TimeoutsSpec,
        pick: Pick,
        others: &[Input],
    ) -> Option<Result<Input, (&'static str, &'static str)>> {
        if !sftp::address::is_address(written) {
            return None;
        }
        let address = match sftp::address::Address::read(written) {
            Ok(address) => address,
            Err(wrong) => return Some(Err(wrong)),
        };
        let mut known = others.iter().filter_map(Input::sftp_server);
        let known = known.find(|known| known.login() == address.login());
        let new = || Server::new(address.login().clone(), spec, timeouts);
        let server = known.cloned().unwrap_or_else(new);
        Some(Ok(Input::Sftp(server, Box::new(address), pick)))
    }

    /// The host of the SFTP server that it is at, as lists of known hosts name it.
    pub(crate) fn sftp_host(&self) -> Option<String> {
        self.sftp_server().map(|server| server.login().named())
    }

    /// The SFTP server that it is at.
    pub(crate) fn sftp_server(&self) -> Option<&Server> {
        match self {
            Input::Sftp(server, ..) => Some(server),
            _ => None,
        }
    }

    /// Keeps these environment variables from a command.
    pub(crate) fn withhold(&mut self, variables: &[String]) {
        if let Input::Command(command) = self {
            command.withheld = variables.to_vec();
        }
    }

    /// Whether it can be read once only.
    pub(crate) fn is_once(&self) -> bool {
        matches!(self, Input::Stdin | Input::Command(_))
    }
}

/// What is around the bytes of a source, and is taken off before they are text.
#[derive(Clone, Debug, Default)]
pub struct Wrapping {
    pub compression: Compression,
    /// The file of an archive that is meant; none where it has one alone.
    pub entry: Option<Entry>,
    /// With what the bytes are decrypted, before they are decompressed.
    pub(crate) decrypt: Option<Decrypt>,
    /// How copies of the bytes are kept, where that is stated.
    pub keep: Option<Keep>,
}

impl Wrapping {
    /// How copies are kept of what has been decrypted, and of what never was encrypted.
    fn keep_inner(&self) -> Keep {
        match self.decrypt {
            Some(_) => Keep::Encrypted,
            None => self.keep.unwrap_or_default(),
        }
    }
}

impl From<Compression> for Wrapping {
    fn from(compression: Compression) -> Wrapping {
        Wrapping {
            compression,
            ..Wrapping::default()
        }
    }
}

/// The origins of a run, in order.
#[derive(Debug)]
pub struct Source {
    origins: Vec<Origin>,
    wrapping: Wrapping,
    encoding: Encoding,
    layout: Layout,
    limits: Limits,
    /// Bytes read so far, as stored, over all openings.
    read: Arc<AtomicU64>,
    /// Whether the files are hashed as they are read.
    hashes: bool,
}

impl Source {
    /// Finds the files of a source. Patterns are expanded in alphabetical order.
    ///
    /// # Errors
    /// A file that isn't there or is a directory, a pattern that matches nothing; [`SourceError::Nothing`] where
    /// there is nothing at all.
    pub async fn find(
        inputs: &[Input],
        wrapping: impl Into<Wrapping>,
        encoding: Encoding,
        limits: Limits,
    ) -> Result<Source, SourceError> {
        let wrapping = wrapping.into();
        let keep = wrapping.keep;
        let mut origins = Vec::new();
        let mut missing = None;
        for input in inputs {
            match find(input, keep).await {
                Ok(found) => origins.extend(found),
                Err(error @ (SourceError::NotFound(_) | SourceError::NoMatch(_))) => {
                    missing.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        for (at, origin) in origins.iter().enumerate() {
            if let Some(other) = origins[..at].iter().find(|other| other.is_same(origin)) {
                return Err(SourceError::Twice {
                    name: other.name.clone(),
                    other: origin.name.clone(),
                });
            }
        }
        match missing {
            None => Ok(Source {
                wrapping,
                encoding,
                limits,
                ..Source::over(origins)
            }),
            Some(error) if origins.is_empty() => Err(SourceError::Nothing(Box::new(error))),
            Some(error) => Err(error),
        }
    }

    fn over(origins: Vec<Origin>) -> Source {
        Source {
            origins,
            wrapping: Wrapping::default(),
            encoding: Encoding::Auto,
            layout: Layout::default(),
            limits: Limits::default(),
            read: Arc::default(),
            hashes: false,
        }
    }

    /// A source in memory, which hands out these pieces one by one: for embedding and for tests.
    pub fn of_pieces(name: &str, pieces: impl IntoIterator<Item = Bytes>) -> Source {
        let pieces = pieces.into_iter().collect();
        Source::over(vec![Origin::pieces(name.to_owned(), pieces)])
    }

    /// The same source, whose files are written so.
    pub fn written_in(self, wrapping: impl Into<Wrapping>, encoding: Encoding) -> Source {
        Source {
            wrapping: wrapping.into(),
            encoding,
            ..self
        }
    }

    /// The same source, of which no more is taken than this.
    #[cfg(test)]
    fn within(self, limits: Limits) -> Source {
        Source { limits, ..self }
    }

    /// The same source, whose records stand so.
    pub(crate) fn laid_out(self, layout: Layout) -> Source {
        Source { layout, ..self }
    }

    /// The same source, whose files are hashed as they are read, where that is `wanted`.
    pub(crate) fn hashed(self, wanted: bool) -> Source {
        Source {
            hashes: wanted,
            ..self
        }
    }

    /// The hash of each file as stored; nothing of one that was not read to its end.
    pub(crate) fn hashes(&self) -> Vec<Option<u128>> {
        let hash = |origin: &Origin| origin.hash().get().copied();
        self.origins.iter().map(hash).collect()
    }

    /// The same source, and behind its files those of another one.
    pub fn followed_by(mut self, other: Source) -> Source {
        self.origins.extend(other.origins);
        self
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

    /// Whether a part of it can be read once and never again, not even by another run.
    pub(crate) fn is_once(&self) -> bool {
        self.origins.iter().any(Origin::is_once)
    }

    /// Whether every file can be read as often as one likes.
    pub fn can_repeat(&self) -> bool {
        self.origins.iter().all(Origin::can_repeat)
    }

    /// Bytes to read, as stored, where that is known of every file.
    pub fn size(&self) -> Option<u64> {
        self.origins.iter().map(Origin::size).sum()
    }

    /// Counts the bytes read so far, as stored, over all openings.
    pub fn bytes_read(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }

    /// Whether every file has the size, the time of change and the identity that it had when it was found: one look
    /// at each, which is no proof, but all that can be had without reading everything.
    ///
    /// # Errors
    /// A file that was changed or replaced, or is gone.
    pub async fn is_unchanged(&self) -> Result<(), SourceError> {
        for origin in &self.origins {
            origin.is_unchanged().await?;
        }
        Ok(())
    }

    /// What may not have been meant, as far as the files that were read to their end tell.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let encoding = self.encoding;
        let of_table = |origin: &Origin| {
            let remarks = origin.remarks().all().into_iter();
            let name = origin.name.clone();
            remarks.map(move |remark| format!("{name}: {remark}"))
        };
        let remark = |origin: &Origin| match origin.utf8().load(Ordering::Relaxed) {
            0 => None,
            count if encoding == Encoding::Auto => Some(format!(
                "{}: the file declares another encoding than UTF-8, and all {count} characters beyond ASCII are valid \
                 UTF-8, which is next to impossible otherwise: letters will be garbled unless the declaration is mended",
                origin.name
            )),
            count => Some(format!(
                "{}: source.encoding is {encoding}, and all {count} characters beyond ASCII are valid UTF-8, which is \
                 next to impossible otherwise: letters will be garbled unless source.encoding is set to utf-8",
                origin.name
            )),
        };
        let of_text = self.origins.iter().filter_map(remark);
        of_text
            .chain(self.origins.iter().flat_map(of_table))
            .collect()
    }

    /// The first file that may have been cut off without anything that shows it, as far as the files were opened.
    pub(crate) fn may_be_cut(&self) -> Option<&str> {
        let mut origins = self.origins.iter();
        // What is encrypted has an end that is verified.
        let cut = origins.find(|origin| self.wrapping.decrypt.is_none() && origin.may_be_cut());
        cut.map(|origin| origin.name.as_str())
    }

    /// Ends the commands that still write. Where a source is read by threads, dropping it may come too late.
    pub(crate) fn stop(&self) {
        self.origins.iter().for_each(Origin::stop);
    }

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
        let text = match &table {
            Some(table) if !table.is_text() => Text::of_bytes(unpacked),
            table => {
                let encoding = self.encoding_of(table.as_ref(), &unpacked)?;
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
                let remarks = origin.remarks();
                remarks.clear();
                let limits = self.limits;
                table.read(text, Terms { limits, remarks })
            }
            None => text,
        })
    }

    /// The encoding of a file, which a table may say itself.
    fn encoding_of(
        &self,
        table: Option<&Table>,
        unpacked: &Unpacked,
    ) -> Result<Encoding, SourceError> {
        let Some(table) = table else {
            return Ok(self.encoding);
        };
        let encoding = table.encoding(self.encoding, unpacked.head());
        encoding.map_err(|message| SourceError::Contradicted {
            name: unpacked.name().to_owned(),
            message,
        })
    }
}

/// The origins that one entry of the list stands for.
async fn find(input: &Input, stated: Option<Keep>) -> Result<Vec<Origin>, SourceError> {
    let keep = stated.unwrap_or_default();
    match input.clone() {
        Input::Stdin => Ok(vec![Origin::stdin(keep)]),
        Input::Command(command) => Ok(vec![Origin::command(command, keep)]),
        Input::Sample(sample) => Ok(vec![Origin::sample(sample)]),
        Input::Sql(query) => Ok(vec![Origin::query(query, keep)]),
        Input::Https(request) => at_server(request, stated).await,
        Input::Sftp(server, address, pick) => {
            let found = sftp::find(&server, &address, pick).await?.into_iter();
            let found = found.map(|(file, mark)| Found::new(Remote::Sftp(file), mark));
            Ok(found.map(|found| Origin::remote(found, stated)).collect())
        }
        Input::Bucket(bucket, address, pick) => in_bucket(&bucket, &address, pick, stated).await,
        Input::File(path) => on_disk(move || Ok(vec![Origin::at(path, keep)?])).await,
        Input::Glob(pattern, pick) => {
            let files = move || {
                let files = glob::find(&pattern, pick)?.into_iter();
                files.map(|path| Origin::at(path, keep)).collect()
            };
            on_disk(files).await
        }
    }
}

/// What a web server has at an address.
async fn at_server(request: Request, keep: Option<Keep>) -> Result<Vec<Origin>, SourceError> {
    let name = request.to_string();
    match request.find().await {
        Ok(reply) => {
            let found = Found::opened(Remote::Https(request), reply);
            Ok(vec![Origin::remote(found, keep)])
        }
        Err(RemoteError::Gone) => Err(SourceError::NotFound(name)),
        Err(source) => Err(SourceError::Remote { name, source }),
    }
}

/// What stands in a bucket.
async fn in_bucket(
    bucket: &Bucket,
    address: &Address,
    pick: Pick,
    keep: Option<Keep>,
) -> Result<Vec<Origin>, SourceError> {
    let files = bucket::find(bucket, address, pick).await?.into_iter();
    let found = files.map(|(object, mark, reply)| match reply {
        Some(reply) => Found::opened(Remote::Bucket(object), reply),
        None => Found::new(Remote::Bucket(object), mark),
    });
    Ok(found.map(|found| Origin::remote(found, keep)).collect())
}

/// Looks at files in a thread of its own: a network drive that does not answer keeps nobody else waiting.
async fn on_disk<T: Send + 'static>(
    look: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let looked = tokio::task::spawn_blocking(look).await;
    looked.unwrap_or_else(|died| {
        Err(SourceError::Io {
            name: "the source".to_owned(),
            source: std::io::Error::other(died),
        })
    })
}
