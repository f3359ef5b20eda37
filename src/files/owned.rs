//! Files for their owner alone, which nobody else can put a link in the place of.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Lets a file be made for its owner alone, and never opened through a link.
pub(crate) fn owned(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    }
    options
}

/// Replaces a file as a whole: afterwards it is the new one, and on the disk, or this is an error and it is the old
/// one. `draft` is where it is written first, in the same folder, and may not be there.
///
/// # Errors
/// It can't be written.
pub(crate) fn replace(path: &Path, draft: &Path, text: &[u8]) -> io::Result<()> {
    let written = (|| {
        let mut file = owned(OpenOptions::new().write(true).create_new(true)).open(draft)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(draft, path)?;
        // The name is in the folder, and the folder has to reach the disk, too.
        #[cfg(unix)]
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    })();
    if written.is_err() {
        let _ = fs::remove_file(draft);
    }
    written
}

/// Whether a file is this user's, and nobody else may read or write it.
pub(crate) fn is_private(found: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        is_own(found) && found.mode() & 0o077 == 0
    }
    #[cfg(not(unix))]
    is_own(found)
}

/// Whether a file or folder is this user's, and nobody else may write to it.
pub(crate) fn is_own(found: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0
    }
    #[cfg(not(unix))]
    {
        let _ = found;
        true
    }
}
