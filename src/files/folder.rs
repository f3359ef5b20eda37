//! Folders for what a run writes: made for their owner alone, and refused where anybody could exchange what is in
//! them.

use std::fs;
use std::io;
use std::path::Path;

/// The folder that a file is in.
pub(crate) fn of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a folder and those above it where they are missing, for their owner alone, and looks whether one that is
/// there may be written to.
///
/// # Errors
/// It can't be made, or everybody may rename and delete files of others in it: whoever does could put a file of their
/// own in the place of the one that is written.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            io::Error::new(error.kind(), "there is a file where a folder is needed")
        }
        _ => error,
    })?;
    #[cfg(unix)]
    {
        const STICKY: u32 = 0o1000;
        const OTHERS_WRITE: u32 = 0o002;
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path)?.permissions());
        if mode & (STICKY | OTHERS_WRITE) == OTHERS_WRITE {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "everyone can replace the files in it; run `chmod o-w` on it, or name another folder",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        make(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(path.parent().unwrap()), 0o700);

        for (mode, good) in [
            (0o777, false),
            (0o703, false),
            (0o1777, true),
            (0o775, true),
            (0o755, true),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(make(&path).is_ok(), good, "{mode:o}");
        }
    }

    #[test]
    fn a_file_is_no_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "").unwrap();
        for path in [&path, &path.join("b")] {
            let error = make(path).unwrap_err().to_string();
            assert_eq!(error, "there is a file where a folder is needed");
        }
    }
}
