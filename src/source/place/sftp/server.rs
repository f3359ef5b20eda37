//! A server: its connection, and what is asked of it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use futures::{FutureExt, StreamExt, stream};
use russh::client::Handle;
use tokio::sync::Mutex;

use super::access::Access;
use super::address::Login;
use super::connection::{Channel, begin, connect};
use super::error::SftpError;
use super::guard::Guard;
use super::packet::{Entry, State};
use super::reading::Reading;
use super::session::Session;
use super::spec::SftpSpec;
use crate::http::retry::with_retries;
use crate::http::spec::TimeoutsSpec;
use crate::settings::units::Span;
use crate::source::place::remote::error::{RemoteError, again};
use crate::source::place::remote::mark::Mark;
use crate::source::place::remote::resumed::Reply;

/// A server and who comes. Clones share the connection.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    login: Login,
    spec: SftpSpec,
    timeouts: TimeoutsSpec,
    /// What lets one in, once it was looked up.
    access: OnceLock<Access>,
    connection: Mutex<Option<Arc<Handle<Guard>>>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.0.login).finish()
    }
}

impl PartialEq for Server {
    fn eq(&self, other: &Server) -> bool {
        self.0.login == other.0.login
    }
}

impl Eq for Server {}

impl Server {
    /// Nothing is connected yet.
    pub(in crate::source) fn new(login: Login, spec: &SftpSpec, timeouts: &TimeoutsSpec) -> Server {
        Server(Arc::new(Inner {
            login,
            spec: spec.clone(),
            timeouts: timeouts.clone(),
            access: OnceLock::new(),
            connection: Mutex::default(),
        }))
    }

    pub(crate) fn spec(&self) -> &SftpSpec {
        &self.0.spec
    }

    pub(crate) fn login(&self) -> &Login {
        &self.0.login
    }

    /// Is told what lets one in.
    pub(crate) fn unlock(&self, access: Access) {
        let _ = self.0.access.set(access);
    }

    /// How long a byte is waited for.
    pub(in crate::source) fn stalled(&self) -> Span {
        self.0.timeouts.stalled
    }

    /// SFTP on the connection that there is, or on a new one, which is returned to be kept for as long as it is used.
    async fn session(&self) -> Result<(Session<Channel>, Arc<Handle<Guard>>), SftpError> {
        let mut connection = self.0.connection.lock().await;
        if let Some(open) = connection.as_ref().filter(|open| !open.is_closed())
            && let Ok(session) = begin(open, self.stalled()).await
        {
            return Ok((session, open.clone()));
        }
        let access = self.0.access.get().cloned().unwrap_or_default();
        let new = connect(&self.0.login, &access, &self.0.timeouts).await?;
        let new = Arc::new(new);
        let session = begin(&new, self.stalled()).await?;
        *connection = Some(new.clone());
        Ok((session, new))
    }

    /// What is asked of a server again, should the connection break.
    async fn ask<T>(
        &self,
        question: impl AsyncFn(&mut Session<Channel>) -> Result<T, SftpError>,
    ) -> Result<T, RemoteError> {
        let asked = || async {
            let (mut session, _connection) = self.session().await?;
            Ok(question(&mut session).await?)
        };
        with_retries(again, asked).await
    }

    /// What is in a folder, and the folder's full path.
    pub(super) async fn list(&self, folder: &[u8]) -> Result<(Vec<Entry>, Vec<u8>), RemoteError> {
        let question = async |session: &mut Session<Channel>| {
            let entries = session.list(here(folder)).await?;
            Ok((entries, real_path(session, here(folder)).await))
        };
        self.ask(question).await
    }

    /// The state of what has this path, and its full path.
    pub(super) async fn stat(&self, path: &[u8]) -> Result<(State, Vec<u8>), RemoteError> {
        let question = async |session: &mut Session<Channel>| {
            let state = session.stat(path).await?;
            Ok((state, real_path(session, path).await))
        };
        self.ask(question).await
    }

    /// Opens a file at an offset.
    pub(super) async fn open(&self, path: &[u8], at: u64) -> Result<Reply, RemoteError> {
        let (session, connection) = self.session().await?;
        let reading = Reading::open(session, path, at).await?;
        let mark = mark(reading.state());
        let pieces = stream::try_unfold((reading, connection), |(mut reading, connection)| {
            async move {
                let piece = reading.next().await?;
                Ok(piece.map(|piece| (piece, (reading, connection))))
            }
            .boxed()
        });
        Ok(Reply {
            mark,
            bytes: pieces.boxed(),
        })
    }
}

/// The home folder, where no other is named.
fn here(folder: &[u8]) -> &[u8] {
    match folder {
        [] => b".",
        folder => folder,
    }
}

/// A full path by which files are told apart, or the path itself where the server doesn't tell.
async fn real_path(session: &mut Session<Channel>, path: &[u8]) -> Vec<u8> {
    let real = session.real_path(path).await;
    real.map_or_else(|_| path.to_vec(), |real| real.to_vec())
}

pub(super) fn mark(state: &State) -> Mark {
    Mark {
        size: state.size,
        version: None,
        modified: state.modified(),
    }
}
