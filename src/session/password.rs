//! NocoBase's password hash: scrypt over a hexadecimal salt.
//!
//! The stored text is 16 hexadecimal digits of salt and 48 of hash. The *text* of the salt is what
//! scrypt is given, not the bytes it spells.

use scrypt::Params;
use subtle::ConstantTimeEq as _;

use crate::entropy::Entropy;
use crate::nocobase::PasswordHash;

const SALT_BYTES: usize = 8;
const SALT_DIGITS: usize = SALT_BYTES * 2;
const HASH_BYTES: usize = 24;

/// A hash that no password has; verifying against it takes as long as against a real one.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Hashes a password as NocoBase does.
pub fn hash(password: &str, entropy: &Entropy) -> PasswordHash {
    let salt = hex::encode(entropy.bytes::<SALT_BYTES>());
    let digest = derive(password, &salt);
    PasswordHash(format!("{salt}{}", hex::encode(digest)))
}

/// Whether `password` has this hash. Without a hash the same work is done, and the answer is no.
pub fn verify(password: &str, stored: Option<&PasswordHash>) -> bool {
    let text = stored.map_or(NOBODY, |hash| hash.0.as_str());
    let (salt, digest) = text.split_at_checked(SALT_DIGITS).unwrap_or((NOBODY, ""));
    let computed = hex::encode(derive(password, salt));
    let equal: bool = computed.as_bytes().ct_eq(digest.as_bytes()).into();
    equal && stored.is_some()
}

/// Node's defaults for scrypt: N = 16384, r = 8, p = 1.
#[expect(clippy::expect_used, reason = "both lengths are constants that scrypt allows")]
fn derive(password: &str, salt: &str) -> [u8; HASH_BYTES] {
    let mut digest = [0_u8; HASH_BYTES];
    let params = Params::new(14, 8, 1).expect("Node's default cost is a valid cost");
    scrypt::scrypt(password.as_bytes(), salt.as_bytes(), &params, &mut digest)
        .expect("24 bytes is a valid length");
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognised_and_another_is_not() {
        let stored = hash("admin123", &Entropy::seeded(1));

        assert_eq!(stored.0.len(), 64);
        assert!(verify("admin123", Some(&stored)));
        assert!(!verify("admin124", Some(&stored)));
    }

    #[test]
    fn a_hash_that_nodes_scrypt_made_is_recognised() {
        // node -e 'console.log(require("crypto").scryptSync("admin123", "00112233445566ff", 24).toString("hex"))'
        let stored =
            PasswordHash("00112233445566ff".to_owned() + "26a0db375a9f00e2e49cde899d364cd3d6931924e6d5d120");

        assert!(verify("admin123", Some(&stored)));
    }

    #[test]
    fn nobody_signs_in_without_a_stored_password() {
        assert!(!verify("", None));
        assert!(!verify("anything", Some(&PasswordHash(String::new()))));
        assert!(!verify("anything", Some(&PasswordHash("é".repeat(20)))));
    }
}
