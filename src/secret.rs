//! Bytes that nobody else may know.

/// A raw secret; wiped when dropped.
pub type SecretBytes = zeroize::Zeroizing<Vec<u8>>;
