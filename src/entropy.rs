//! Randomness, as a value that is handed in.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use uuid::Uuid;

/// The source of random values; clones draw from the same source.
#[derive(Clone, Debug)]
pub struct Entropy(RandomSource);

#[derive(Clone, Debug)]
enum RandomSource {
    /// `rand`'s generator for secrets: one for each thread, seeded by the operating system, and anew after 64 KiB. A system
    /// call for each value took 6 % of the time of a start.
    Secure,
    Seeded(Arc<Mutex<StdRng>>),
}

impl Entropy {
    /// Values that nobody can foretell.
    pub const fn secure() -> Self {
        Self(RandomSource::Secure)
    }

    /// A generator that repeats itself for one seed, for tests that compare whole answers.
    pub fn seeded(seed: u64) -> Self {
        Self(RandomSource::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(
            seed,
        )))))
    }

    /// `N` random bytes.
    ///
    /// # Panics
    ///
    /// When the operating system gives no randomness: nothing secure can go on then.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0_u8; N];
        match &self.0 {
            RandomSource::Secure => rand::rng().fill_bytes(&mut bytes),
            RandomSource::Seeded(rng) => rng
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill_bytes(&mut bytes),
        }
        bytes
    }

    /// `N` random bytes as text that may stand in a URL or a cookie.
    pub fn text<const N: usize>(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<N>())
    }

    /// A random UUID (version 4).
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }
}
