//! Which file of an archive is meant. However many files it has, few of their names are held.

use std::io::Read;

use super::directory::{Directory, File};
use super::{Refused, TOLD};
use crate::settings::entry::Entry;

/// The file that is meant: the one that matches, or the only one.
pub(super) fn find<R: Read>(
    directory: &Directory,
    from: impl Fn(u64) -> R,
    wanted: Option<&Entry>,
) -> Result<File, Refused> {
    let (mut all, mut meant) = (Named::default(), Named::default());
    let mut first = None;
    directory.entries(from, |entry| {
        if entry.name.ends_with(['/', '\\']) {
            return Ok(());
        }
        let counts = !is_aside(&entry.name);
        if counts {
            all.add(&entry.name);
        }
        if wanted.map_or(counts, |wanted| wanted.is(&entry.name)) {
            meant.add(&entry.name);
            first.get_or_insert(entry);
        }
        Ok(())
    })?;
    match (first, wanted) {
        (Some(entry), _) if meant.count == 1 => entry.file(),
        (None, None) => Err(Refused::Empty),
        (Some(_), None) => Err(Refused::Several {
            count: meant.count,
            names: meant.names,
        }),
        (Some(_), Some(entry)) => Err(Refused::Ambiguous {
            entry: entry.to_string(),
            count: meant.count,
            names: meant.names,
        }),
        (None, Some(_)) if all.count == 0 => Err(Refused::Empty),
        (None, Some(entry)) => Err(Refused::NoneMatches {
            entry: entry.to_string(),
            count: all.count,
            names: all.names,
        }),
    }
}

/// Some names, and how many there are.
#[derive(Default)]
struct Named {
    count: u64,
    names: Vec<String>,
}

impl Named {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < TOLD {
            self.names.push(name.to_owned());
        }
    }
}

/// Whether nobody put this file into the archive on purpose: what the Finder adds, and what is hidden.
fn is_aside(path: &str) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    path.starts_with("__MACOSX/") || name.starts_with('.')
}
