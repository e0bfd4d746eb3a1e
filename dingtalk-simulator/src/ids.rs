//! Identifiers in the shapes DingTalk uses, so that a client meets the real alphabet and length.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Endless identifiers from one seed: hard to guess for a drawn seed, the same again for a given one.
#[derive(Debug)]
pub struct Ids {
    seed: [u8; 16],
    drawn: u64,
}

impl Ids {
    /// Begins a series.
    pub fn new(seed: [u8; 16]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// A code or token: 32 hexadecimal characters.
    pub fn token(&mut self) -> String {
        hex::encode(self.bytes())
    }

    /// A request id of the new API: an upper-case UUID.
    pub fn open_api_request(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.bytes())
            .into_uuid()
            .hyphenated()
            .encode_upper(&mut Uuid::encode_buffer())
            .to_owned()
    }

    /// A request id of the old API: 12 characters of base 36.
    pub fn old_api_request(&mut self) -> String {
        const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        self.bytes()
            .iter()
            .take(12)
            .map(|byte| char::from(ALPHABET[usize::from(*byte) % 36]))
            .collect()
    }

    /// What an app sees as the open id of a person: stable for the pair, different for each app.
    pub fn open_id(client_id: &str, union_id: &str) -> String {
        let digest = Sha256::new()
            .chain_update(client_id)
            .chain_update([0])
            .chain_update(union_id)
            .finalize();
        format!("{}iEiE", hex::encode(digest).split_at(22).0)
    }

    fn bytes(&mut self) -> [u8; 16] {
        self.drawn += 1;
        let digest = Sha256::new()
            .chain_update(self.seed)
            .chain_update(self.drawn.to_be_bytes())
            .finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    }
}
