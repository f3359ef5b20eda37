//! Files at servers: what all of them have in common.
//!
//! | file | what it is |
//! |---|---|
//! | `mark` | by what a file is told from what it was |
//! | `resumed` | a reading that goes on where a connection broke |
//! | `error` | why a file can't be read, and whether another try may help |
//!
//! A kind of server is a variant of [`Remote`] and a folder in `place/`, which can do two things: open a file at an
//! offset, and look whether it is what it was. It finds files as [`Found`].

pub(crate) mod error;
pub(in crate::source) mod mark;
pub(in crate::source) mod resumed;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures::FutureExt;

use super::{bucket, https, sftp};
use crate::settings::units::Span;
use crate::source::bytes::raw::Raw;
use error::RemoteError;
use mark::Mark;
use resumed::{Reply, Resumed};

/// How long the answer by which a file was found is kept to be read. A server that makes a report for each request is
/// asked once then; one that waits for a reader gives up after a while.
const FRESH: Duration = Duration::from_secs(30);

/// A file at a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) enum Remote {
    Bucket(bucket::Object),
    Https(https::Request),
    Sftp(sftp::File),
}

impl Remote {
    /// As it is called in messages, without what is secret in it.
    pub(in crate::source) fn name(&self) -> String {
        match self {
            Remote::Bucket(object) => object.name(),
            Remote::Https(request) => request.to_string(),
            Remote::Sftp(file) => file.name(),
        }
    }

    /// Opens it at an offset, in the state that it was in where that is known.
    async fn open(&self, at: u64, mark: &Mark) -> Result<Reply, RemoteError> {
        match self {
            Remote::Bucket(object) => object.open(at, mark).await,
            Remote::Https(request) => request.open(at, mark).await,
            Remote::Sftp(file) => file.open(at).await,
        }
    }

    /// Its state now.
    async fn look(&self, mark: &Mark) -> Result<Mark, RemoteError> {
        match self {
            Remote::Bucket(object) => object.look().await,
            Remote::Https(request) => request.look(mark).await,
            Remote::Sftp(file) => file.look().await,
        }
    }

    /// Whether what was cut off on its way would look as if it were whole. Buckets and SFTP servers say how long a file is.
    pub(in crate::source) fn may_be_cut(&self) -> bool {
        match self {
            Remote::Https(request) => request.may_be_cut(),
            Remote::Bucket(_) | Remote::Sftp(_) => false,
        }
    }

    /// How long a byte is waited for.
    fn stalled(&self) -> Span {
        match self {
            Remote::Bucket(object) => object.stalled(),
            Remote::Https(request) => request.stalled(),
            Remote::Sftp(file) => file.stalled(),
        }
    }
}

/// A file at a server, as it was found.
pub(in crate::source) struct Found {
    pub(in crate::source) remote: Remote,
    pub(in crate::source) mark: Mark,
    /// The answer by which it was found, and when.
    first: Mutex<Option<(Instant, Reply)>>,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("remote", &self.remote)
            .field("mark", &self.mark)
            .finish_non_exhaustive()
    }
}

impl Found {
    /// A file that was found by a look.
    pub(in crate::source) fn new(remote: Remote, mark: Mark) -> Found {
        Found {
            remote,
            mark,
            first: Mutex::default(),
        }
    }

    /// A file that was found by opening it.
    pub(in crate::source) fn opened(remote: Remote, reply: Reply) -> Found {
        let found = Found::new(remote, reply.mark.clone());
        Found {
            first: Mutex::new(Some((Instant::now(), reply))),
            ..found
        }
    }

    /// When it was changed last, to the second. A web server's word on that is good for telling two states apart, and no more.
    pub(in crate::source) fn modified(&self) -> Option<SystemTime> {
        match &self.remote {
            Remote::Bucket(_) => self.mark.modified,
            Remote::Https(_) => None,
            Remote::Sftp(_) => self.mark.modified,
        }
    }

    /// Reads it from its beginning.
    pub(in crate::source) fn read(self: &Arc<Found>) -> Raw {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let first = first.take().filter(|(at, _)| at.elapsed() < FRESH);
        let first = first.map(|(_, reply)| reply);
        if let Remote::Https(request) = &self.remote
            && let Some(paging) = request.paging()
        {
            return https::pages::read(request.clone(), paging, first);
        }
        let own = self.clone();
        let file = Resumed {
            name: self.remote.name(),
            mark: self.mark.clone(),
            stalled: self.remote.stalled(),
            open: Box::new(move |at| {
                let own = own.clone();
                async move { own.remote.open(at, &own.mark).await }.boxed()
            }),
        };
        file.read(first)
    }

    /// Whether it is what it was when it was found, as far as its server tells.
    ///
    /// # Errors
    /// It is not, or the server does not answer.
    pub(in crate::source) async fn is_unchanged(&self) -> Result<(), RemoteError> {
        if !self.mark.tells() {
            return Ok(());
        }
        let look = || self.remote.look(&self.mark);
        let now = crate::http::retry::with_retries(error::again, look).await?;
        match self.mark.is_still(&now) {
            true => Ok(()),
            false => Err(RemoteError::Changed),
        }
    }
}
