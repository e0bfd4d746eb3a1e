//! Files and folders that nobody but their owner may read, whatever the umask says, and never through a link.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Makes a folder and those above it for their owner only; one that is there keeps its rights.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes a new file.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

/// Opens a file to read it and write at its end, and makes it when it is missing. What is not a plain file (a link, a
/// pipe) is refused: whoever could put it there would choose what is written to.
pub fn append_to_private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a plain file"))
    }
}

/// Whether anybody but its owner may read or change this file.
pub fn is_open_to_others(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.mode() & 0o077 != 0)
}

/// Takes a file that is there away from everybody but its owner; who does not own it leaves it as it is.
pub fn close_to_others(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Ok(file) if is_open_to_others(&file)? => {
            log::warn!("{} could be read by others; now it cannot", path.display());
            let closed = file.set_permissions(Permissions::from_mode(0o600));
            closed.or_else(|error| {
                let may_not = [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem];
                if may_not.contains(&error.kind()) {
                    Ok(())
                } else {
                    Err(error)
                }
            })
        }
        // What else is wrong with it, whoever opens it will be told.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether the file is still the one under this path.
pub fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_new_folder_is_closed_whatever_the_umask_and_an_old_one_keeps_its_rights() {
        let root = tempfile::tempdir().unwrap();
        let (old, new) = (root.path().join("old"), root.path().join("old/a/b"));
        DirBuilder::new().mode(0o750).create(&old).unwrap();

        make_private_folder(&new).unwrap();
        make_private_folder(&old).unwrap();

        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&new), mode(&root.path().join("old/a"))), (0o700, 0o700));
        assert_ne!(mode(&old), 0o700);
    }

    #[test]
    fn a_file_that_was_put_back_is_closed_again() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("database");
        fs::write(&path, "rows").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();

        close_to_others(&path).unwrap();
        close_to_others(&root.path().join("nowhere")).unwrap();

        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn nothing_is_written_through_a_link_or_into_a_folder() {
        let root = tempfile::tempdir().unwrap();
        let (target, link) = (root.path().join("target"), root.path().join("link"));
        fs::write(&target, "untouched").unwrap();
        symlink(&target, &link).unwrap();
        let dangling = root.path().join("dangling");
        symlink(root.path().join("nowhere"), &dangling).unwrap();

        for path in [&link, &dangling] {
            assert!(append_to_private_file(path).is_err(), "{}", path.display());
            assert!(create_private_file(path).is_err(), "{}", path.display());
        }
        assert!(append_to_private_file(root.path()).is_err());
        assert!(!root.path().join("nowhere").exists());
    }
}
