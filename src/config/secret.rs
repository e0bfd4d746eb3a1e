//! The session secret and the AES key, in NocoBase's own order.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{ConfigError, Sources};
use crate::aes_key::AesKey;
use crate::entropy::Entropy;
use crate::files::{create_private_file, is_open_to_others, make_private_folder};
use crate::secret::SecretBytes;

/// Why NocoBase's secret cannot be shared.
#[derive(Debug, thiserror::Error)]
pub enum NotShared {
    /// There is neither a key nor a key file.
    #[error(
        "NocoBase's APP_KEY is not set and its storage has no apps/main/jwt_secret.dat; set APP_KEY in NocoBase's .env and restart NocoBase"
    )]
    Missing,
    /// The key is the one that NocoBase takes for none, and what NocoBase made in its place is not there.
    #[error(
        "APP_KEY is NocoBase's placeholder, and its storage has no apps/main/jwt_secret.dat, the secret that NocoBase makes in its place; start NocoBase once, let the sidecar read its storage (STORAGE_PATH), or set a random APP_KEY in NocoBase's .env and restart NocoBase"
    )]
    Placeholder,
    /// The key is one that everyone who has NocoBase knows.
    #[error(
        "APP_KEY is a placeholder that everyone knows; set a random one in NocoBase's .env and restart NocoBase"
    )]
    Known,
    /// The key can be guessed, and nothing else keeps it from being tried.
    #[error(
        "APP_KEY has fewer than 32 characters, and there is no AES key of NocoBase's beside it (apps/main/aes_key.dat in its storage); set a random APP_KEY of at least 32 characters in NocoBase's .env and restart NocoBase, or let the sidecar read that file"
    )]
    Short,
}

const KEY_BYTES: usize = 32;
/// Without NocoBase's AES key, a flow cookie lets whoever has one try secrets.
const SHORTEST: usize = 32;
/// NocoBase itself does not use these two, spelt exactly so, as a secret, but makes a random one.
const REPLACED: [&str; 2] = ["your-secret-key", "test-key"];
/// What examples and NocoBase's own command line (the first) give to everyone.
const KNOWN: [&str; 9] = [
    "test-jwt-secret",
    "your-secret-key",
    "test-key",
    "changeme",
    "change-me",
    "please-change-me",
    "secret",
    "password",
    "nocobase",
];

/// A secret that is no placeholder, whatever stands around it.
pub fn unknown(secret: &[u8]) -> Result<SecretBytes, NotShared> {
    let bare = secret.trim_ascii();
    if KNOWN
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(bare))
    {
        return Err(NotShared::Known);
    }
    Ok(Zeroizing::new(secret.to_vec()))
}

/// NocoBase's secret: the file wins over `APP_KEY`.
pub fn of_nocobase(sources: &Sources, has_aes_key: bool) -> Result<SecretBytes, ConfigError> {
    let app_key = sources.text("APP_KEY");
    let of_text = |key: &str| {
        let secret = unknown(key.as_bytes())?;
        if has_aes_key || key.chars().count() >= SHORTEST {
            Ok(secret)
        } else {
            Err(NotShared::Short)
        }
    };
    if sources.is_true("UNSAFE_USE_DEFAULT_JWT_SECRET") == Some(true) {
        return Ok(of_text(app_key.ok_or(NotShared::Missing)?)?);
    }
    if let Some(bytes) = read_key(&storage(sources).join("apps/main/jwt_secret.dat"))? {
        return Ok(bytes);
    }
    match app_key {
        Some(key) if REPLACED.contains(&key) => Err(NotShared::Placeholder.into()),
        Some(key) => Ok(of_text(key)?),
        None => Err(NotShared::Missing.into()),
    }
}

/// The secret of a sidecar that runs alone: made at the first start, then kept.
pub fn own(path: &Path) -> Result<SecretBytes, ConfigError> {
    if let Some(bytes) = read_own(path)? {
        return Ok(bytes);
    }
    let unusable = |source| ConfigError::KeyFile {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        make_private_folder(folder).map_err(unusable)?;
    }
    let bytes = Zeroizing::new(Entropy::secure().bytes::<KEY_BYTES>().to_vec());
    // Written whole under a name of its own first: another process that starts now must not read half of it.
    let draft = path.with_extension(Entropy::secure().text::<6>());
    let linked = write_key(&draft, &bytes).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match linked {
        Ok(()) => removed.map_err(unusable)?,
        // Another process was faster: its secret counts.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return read_own(path)?.ok_or_else(|| unusable(error));
        }
        Err(error) => return Err(unusable(error)),
    }
    Ok(bytes)
}

/// The secret of a sidecar that runs alone, if it has been made; else one that is thrown away.
pub fn own_or_none(path: &Path) -> Result<SecretBytes, ConfigError> {
    let thrown_away = || Zeroizing::new(Entropy::secure().bytes::<KEY_BYTES>().to_vec());
    Ok(read_own(path)?.unwrap_or_else(thrown_away))
}

/// Our own key, which was for our eyes only: one that others can read may be theirs as well.
fn read_own(path: &Path) -> Result<Option<SecretBytes>, ConfigError> {
    match File::open(path).and_then(|file| is_open_to_others(&file)) {
        Ok(true) => Err(ConfigError::KeyMode {
            path: path.to_owned(),
        }),
        // What else is wrong with it, reading it says.
        Ok(false) | Err(_) => read_key(path),
    }
}

/// Writes a new file that nobody else can read.
fn write_key(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_private_file(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What a sidecar that runs alone encrypts its client secrets with, kept as its own secret is.
pub fn own_aes_key(
    path: &Path,
    own: fn(&Path) -> Result<SecretBytes, ConfigError>,
) -> Result<AesKey, ConfigError> {
    let bytes = own(path)?;
    AesKey::from_bytes(&bytes).map_err(|_| ConfigError::KeyLength {
        path: path.to_owned(),
    })
}

/// The key of NocoBase's secrets, where there is one.
pub fn aes_key(sources: &Sources) -> Result<Option<AesKey>, ConfigError> {
    let name = "APP_AES_SECRET_KEY";
    if let Some(text) = sources.text(name) {
        let expected = "it is 64 hexadecimal digits";
        return AesKey::from_hex(text)
            .map(Some)
            .map_err(|_| ConfigError::Invalid { name, expected });
    }
    let storage = storage(sources);
    // Where NocoBase is told a path, it looks nowhere else.
    let candidates = match sources.path("APP_AES_SECRET_KEY_PATH") {
        Some(path) => vec![path],
        None => vec![
            storage.join("apps/main/aes_key.dat"),
            storage.join("environment-variables/main/aes_key.dat"),
        ],
    };
    for path in candidates {
        if let Some(bytes) = read_key(&path)? {
            return AesKey::from_bytes(&bytes)
                .map(Some)
                .map_err(|_| ConfigError::KeyLength { path });
        }
    }
    Ok(None)
}

fn storage(sources: &Sources) -> PathBuf {
    sources
        .path("STORAGE_PATH")
        .unwrap_or_else(|| sources.beside_file("storage"))
}

/// A key file's 32 bytes; `None` when there is no such file.
fn read_key(path: &Path) -> Result<Option<SecretBytes>, ConfigError> {
    match fs::read(path).map(Zeroizing::new) {
        Ok(bytes) if bytes.len() == KEY_BYTES => Ok(Some(bytes)),
        Ok(_) => Err(ConfigError::KeyLength {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::KeyFile {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_that_others_can_read_signs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session-secret.key");
        fs::write(&path, [7; KEY_BYTES]).unwrap();
        for mode in [0o644, 0o640, 0o604, 0o620, 0o777] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();

            for read in [own, own_or_none] {
                let error = read(&path).unwrap_err();
                assert!(matches!(error, ConfigError::KeyMode { .. }), "{mode:o}: {error}");
            }
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert_eq!(*own(&path).unwrap(), [7; KEY_BYTES]);
    }

    #[test]
    fn the_folder_of_the_key_is_closed() {
        let folder = tempfile::tempdir().unwrap();

        own(&folder.path().join("data/session-secret.key")).unwrap();

        let mode = fs::metadata(folder.path().join("data"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn the_key_of_secret_variables_is_found_where_nocobase_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let in_storage = folder.path().join("apps/main");
        fs::create_dir_all(&in_storage).unwrap();
        fs::write(in_storage.join("aes_key.dat"), [7; KEY_BYTES]).unwrap();
        let found = |name: &str, value: &str| {
            let storage = folder.path().to_str().unwrap();
            let sources = Sources::of_pairs(&[("STORAGE_PATH", storage), (name, value)]);
            aes_key(&sources).map(|key| key.is_some())
        };
        let digits = "0f".repeat(KEY_BYTES);

        assert!(found("APP_AES_SECRET_KEY_PATH", "").unwrap());
        assert!(!found("APP_AES_SECRET_KEY_PATH", "/nonexistent/key").unwrap());
        assert!(found("APP_AES_SECRET_KEY", &digits).unwrap());
        assert!(found("APP_AES_SECRET_KEY", &format!("{digits}0 # old")).unwrap());
        assert!(found("APP_AES_SECRET_KEY", &digits[2..]).is_err());
        assert!(found("APP_AES_SECRET_KEY", &format!("{digits}00")).is_err());
    }

    #[test]
    fn processes_that_start_at_once_share_one_key_that_nobody_else_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/session-secret.key");

        let keys: Vec<SecretBytes> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..16).map(|_| scope.spawn(|| own(&path).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });

        assert!(keys.iter().all(|key| **key == *keys[0]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let files = fs::read_dir(folder.path().join("data")).unwrap().count();
        assert_eq!(files, 1, "drafts were left");
    }
}
