//! The plugin packages that were asked for: each is made once. Making one takes a core for a while, and the address in it
//! is what the request says; so few are kept, and one is made at a time.

use std::sync::Arc;

use actix_web::web::Bytes;
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::plugin::{self, Contents, PackageError};

/// A sidecar has one or two addresses.
const KEPT: u64 = 4;

/// The packages of this process.
pub struct Packages {
    public_path: String,
    made: Cache<String, Bytes>,
    turn: Arc<Semaphore>,
}

impl Packages {
    /// Packages whose guides are below this path.
    pub fn new(public_path: &str) -> Self {
        Self {
            public_path: public_path.to_owned(),
            made: Cache::new(KEPT),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// The package with this address of the sidecar in it.
    pub async fn get(&self, address: &str) -> Result<Bytes, Arc<PackageError>> {
        self.made.try_get_with_by_ref(address, self.make(address)).await
    }

    async fn make(&self, address: &str) -> Result<Bytes, PackageError> {
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let (address, public_path) = (address.to_owned(), self.public_path.clone());
        let made = tokio::task::spawn_blocking(move || {
            let package = plugin::package(Contents::Remote(&address), &public_path);
            // Kept until here also when nobody waits for the package any more.
            drop(turn);
            package
        });
        let made = made
            .await
            .map_err(|stopped| PackageError::Write(stopped.into()))?;
        made.map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_package_is_not_packed_at_every_request() {
        let packages = Packages::new("/");

        let first = packages.get("http://127.0.0.1:13100").await.unwrap();
        let again = packages.get("http://127.0.0.1:13100").await.unwrap();
        let other = packages.get("http://127.0.0.1:13999").await.unwrap();

        assert_eq!(first.as_ptr(), again.as_ptr(), "the very same bytes");
        assert_ne!(first, other);
        assert!(packages.get("javascript:").await.is_err());
    }
}
