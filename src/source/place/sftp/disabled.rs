//! SFTP in a build without the feature `sftp`: it has the same face, and says why it does not connect.

use super::access::Access;
use super::address::{Address, Login};
use super::spec::SftpSpec;
use crate::http::spec::TimeoutsSpec;
use crate::settings::units::Span;
use crate::source::error::SourceError;
use crate::source::place::remote::error::RemoteError;
use crate::source::place::remote::mark::Mark;
use crate::source::place::remote::resumed::Reply;
use crate::source::spec::Pick;

/// A server that nobody can connect to.
#[derive(Clone, Debug)]
pub struct Server {
    login: Login,
    spec: SftpSpec,
}

impl PartialEq for Server {
    fn eq(&self, other: &Server) -> bool {
        self.login == other.login
    }
}

impl Eq for Server {}

impl Server {
    pub(in crate::source) fn new(login: Login, spec: &SftpSpec, _: &TimeoutsSpec) -> Server {
        Server {
            login,
            spec: spec.clone(),
        }
    }

    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    pub(crate) fn spec(&self) -> &SftpSpec {
        &self.spec
    }

    pub(crate) fn unlock(&self, _: Access) {}
}

/// A file, of which there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) enum File {}

impl File {
    pub(in crate::source) fn name(&self) -> String {
        match *self {}
    }

    pub(in crate::source) fn stalled(&self) -> Span {
        match *self {}
    }

    pub(in crate::source) async fn open(&self, _: u64) -> Result<Reply, RemoteError> {
        match *self {}
    }

    pub(in crate::source) async fn look(&self) -> Result<Mark, RemoteError> {
        match *self {}
    }
}

/// # Errors
/// Always: it is not in this build.
pub(in crate::source) async fn find(
    _: &Server,
    address: &Address,
    _: Pick,
) -> Result<Vec<(File, Mark)>, SourceError> {
    let why = "this build of rostream has no SFTP: build it with `--features sftp`";
    Err(SourceError::Remote {
        name: address.to_string(),
        source: RemoteError::Setting(why.to_owned()),
    })
}
