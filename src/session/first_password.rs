//! The password that was made for the first administrator: kept, for its owner only, until it has been used.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use crate::entropy::Entropy;
use crate::files::create_private_file;

const BYTES: usize = 12;

/// Its file, in the folder of the database it belongs to.
pub struct FirstPassword {
    path: PathBuf,
    /// As long as it was not used.
    kept: Mutex<Option<SecretString>>,
}

impl FirstPassword {
    /// What is kept in this folder.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        let path = folder.join("first-password");
        let kept = match fs::read_to_string(&path) {
            Ok(text) => Some(SecretString::from(text.trim_end())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            path,
            kept: Mutex::new(kept),
        })
    }

    /// The password, as long as it was not used.
    pub fn unused(&self) -> Option<SecretString> {
        self.lock().clone()
    }

    /// The password, made if there is none. It is kept before anybody has it: a start that fails after this goes on with
    /// the same one.
    pub fn unused_or_new(&self, entropy: &Entropy) -> io::Result<SecretString> {
        if let Some(password) = self.unused() {
            return Ok(password);
        }
        let password = SecretString::from(entropy.text::<BYTES>());
        let mut file = create_private_file(&self.path)?;
        writeln!(file, "{}", password.expose_secret())?;
        file.sync_all()?;
        *self.lock() = Some(password.clone());
        Ok(password)
    }

    /// Somebody's password was right. If it was this one, it is not shown any more.
    pub fn was_used(&self, password: &str) {
        let mut kept = self.lock();
        let is_it = |kept: &SecretString| kept.expose_secret().as_bytes().ct_eq(password.as_bytes()).into();
        if !kept.as_ref().is_some_and(is_it) {
            return;
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                log::warn!(
                    "the first password was used, but {} stays: {error}",
                    self.path.display()
                );
            }
            Ok(()) | Err(_) => *kept = None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<SecretString>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn shown(folder: &Path) -> Option<String> {
        let kept = FirstPassword::in_folder(folder).unwrap().unused();
        kept.map(|password| password.expose_secret().to_owned())
    }

    #[test]
    fn it_is_shown_until_it_is_used_and_to_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let first = FirstPassword::in_folder(folder.path()).unwrap();
        assert_eq!(shown(folder.path()), None);

        let made = first.unused_or_new(&Entropy::seeded(1)).unwrap();
        let made = made.expose_secret();
        first.was_used("another");

        assert_eq!(shown(folder.path()).as_deref(), Some(made));
        let again = first.unused_or_new(&Entropy::seeded(2)).unwrap();
        assert_eq!(again.expose_secret(), made);
        let rights = fs::metadata(folder.path().join("first-password"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(rights & 0o777, 0o600);

        first.was_used(made);

        assert_eq!(shown(folder.path()), None);
        assert!(first.unused().is_none());
    }
}
