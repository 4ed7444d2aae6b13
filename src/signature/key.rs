//! Keys of a scheme: the hook's secrets, parsed, and the public keys that a vendor publishes.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::public_key::PublicKey;

/// A key of a scheme.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    pub(super) material: Material,
    /// The index of the scheme's rule that it belongs to.
    pub(super) rule: usize,
    /// The name of a published key.
    pub(super) id: Option<String>,
}

/// What a signature is verified with.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Material {
    Secret(Vec<u8>),
    Public(PublicKey),
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key")
    }
}

/// Why a secret can't be used. The message does not contain the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the secret is empty")]
    Empty,
    #[error("a secret of a `{scheme}` hook must be {expected}")]
    Malformed { scheme: String, expected: String },
}

impl Key {
    /// Whether the key equals this text, compared in constant time.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        let Material::Secret(secret) = &self.material else { return false };
        // Hashes all have the same length, so the comparison does not reveal the length of the secret.
        Sha256::digest(secret).ct_eq(&Sha256::digest(text)).into()
    }

    /// Whether this may be the published key with an id.
    pub fn may_be(&self, id: &str) -> bool {
        self.id.as_deref().is_none_or(|known| known == id)
    }

    /// The public key, unless the key is a shared secret.
    pub(super) fn public(&self) -> Option<&PublicKey> {
        match &self.material {
            Material::Public(key) => Some(key),
            Material::Secret(_) => None,
        }
    }
}
