//! Files at a server: found by their names or by a pattern, opened, and looked at again.

use std::time::SystemTime;

use super::address::{Address, Last, shown};
use super::packet::State;
use super::server::{Server, mark};
use crate::settings::units::Span;
use crate::source::error::SourceError;
use crate::source::place::glob;
use crate::source::place::remote::error::RemoteError;
use crate::source::place::remote::mark::Mark;
use crate::source::place::remote::resumed::Reply;
use crate::source::spec::Pick;

/// A file at a server.
#[derive(Clone, Debug)]
pub(in crate::source) struct File {
    server: Server,
    /// As the server is asked for it.
    path: Vec<u8>,
    /// Its full path, which it has but one of.
    real: Vec<u8>,
}

impl PartialEq for File {
    fn eq(&self, other: &File) -> bool {
        self.server == other.server && self.real == other.real
    }
}

impl Eq for File {}

impl File {
    /// As it is called in messages.
    pub(in crate::source) fn name(&self) -> String {
        shown(self.server.login(), &String::from_utf8_lossy(&self.path))
    }

    pub(in crate::source) fn stalled(&self) -> Span {
        self.server.stalled()
    }

    /// Opens it at an offset.
    pub(in crate::source) async fn open(&self, at: u64) -> Result<Reply, RemoteError> {
        self.server.open(&self.path, at).await
    }

    /// Its state now.
    pub(in crate::source) async fn look(&self) -> Result<Mark, RemoteError> {
        let (state, _) = self.server.stat(&self.path).await?;
        Ok(mark(&state))
    }
}

/// The files that an address stands for, in alphabetical order, or those of them that are picked.
///
/// # Errors
/// There is none, or it is a folder; more than may match; one of them looks unfinished; the server's word.
pub(in crate::source) async fn find(
    server: &Server,
    address: &Address,
    pick: Pick,
) -> Result<Vec<(File, Mark)>, SourceError> {
    let name = address.to_string();
    let folder = &address.folder;
    let failed = |source| SourceError::Remote {
        name: name.clone(),
        source,
    };
    match &address.last {
        Last::Name(file) => match server.stat(format!("{folder}{file}").as_bytes()).await {
            Ok((state, _)) if state.is_folder() => Err(SourceError::Directory(name)),
            Ok((state, real)) => {
                let path = format!("{folder}{file}").into_bytes();
                let server = server.clone();
                Ok(vec![(File { server, path, real }, mark(&state))])
            }
            Err(RemoteError::Gone) => Err(SourceError::NotFound(name)),
            Err(error) => Err(failed(error)),
        },
        Last::Pattern(pattern, _) => {
            let mut found = match matching(server, folder, pattern).await {
                Err(RemoteError::Gone) => return Err(SourceError::NoMatch(name)),
                found => found.map_err(failed)?,
            };
            found.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
            let modified =
                |(_, mark): &(File, Mark)| Ok(mark.modified.unwrap_or(SystemTime::UNIX_EPOCH));
            glob::picked(&name, found, pick, |(file, _)| file.name(), modified)
        }
    }
}

/// The files of a folder that match, links to files among them.
async fn matching(
    server: &Server,
    folder: &str,
    pattern: &::glob::Pattern,
) -> Result<Vec<(File, Mark)>, RemoteError> {
    let (entries, real_folder) = server.list(folder.as_bytes()).await?;
    let mut found = Vec::new();
    for entry in entries {
        let name = &*entry.name;
        let is_path = name.contains(&b'/');
        if is_path || !glob::is_named(pattern, &String::from_utf8_lossy(name)) {
            continue;
        }
        let path = [folder.as_bytes(), name].concat();
        let (state, real): (State, _) = match entry.state.is_link() {
            false => (entry.state, [&*real_folder, b"/", name].concat()),
            true => match server.stat(&path).await {
                Err(RemoteError::Gone) => continue,
                looked => looked?,
            },
        };
        if !state.is_folder() {
            let server = server.clone();
            found.push((File { server, path, real }, mark(&state)));
        }
    }
    Ok(found)
}
