//! Signature algorithms, their keys, and constant-time comparison.

use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::encoding::Encoding;

/// The DER prefix of a P-256 public key, before the 65 bytes of the point.
const P256_KEY_START: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P256_POINT_BYTES: usize = 65;
const ED25519_KEY_BYTES: usize = 32;

/// How a signature is computed from a key and a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    HmacSha1,
    HmacSha256,
    HmacSha384,
    HmacSha512,
    /// SHA-256 of the key followed by the text: HubSpot's old scheme.
    KeyAndTextSha256,
    /// The key is public.
    Ed25519,
    /// SHA-256, with DER signatures. The key is public.
    EcdsaP256,
    /// The sender sends the key itself.
    Token,
}

impl Algorithm {
    /// The names in a hook's settings.
    pub const NAMES: [(&'static str, Algorithm); 8] = [
        ("sha256", Algorithm::HmacSha256),
        ("sha1", Algorithm::HmacSha1),
        ("sha384", Algorithm::HmacSha384),
        ("sha512", Algorithm::HmacSha512),
        ("sha256-of-key-and-text", Algorithm::KeyAndTextSha256),
        ("ed25519", Algorithm::Ed25519),
        ("ecdsa-p256", Algorithm::EcdsaP256),
        ("token", Algorithm::Token),
    ];

    /// Whether the key is a public key, which is binary and needs an encoding.
    pub fn has_public_key(self) -> bool {
        matches!(self, Algorithm::Ed25519 | Algorithm::EcdsaP256)
    }
}

/// How a secret is parsed and used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    /// The prefix of the encoded key.
    pub key_prefix: KeyPrefix,
    /// The prefix of the signatures that this rule applies to.
    pub signature_prefix: String,
}

/// The prefix of an encoded key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyPrefix {
    Nothing,
    Optional(&'static str),
    Required(&'static str),
}

/// A parsed secret of a scheme.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    bytes: Vec<u8>,
    /// The index of the scheme's rule that it belongs to.
    pub(super) rule: usize,
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
    /// HMAC-SHA256 of a text with this key.
    pub(super) fn mac(&self, text: &[u8]) -> Vec<u8> {
        mac::<Hmac<Sha256>>(&self.bytes, &[text.into()])
    }

    /// Whether the key equals this text, compared in constant time.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        // Hashes all have the same length, so the comparison does not reveal the length of the secret.
        Sha256::digest(&self.bytes).ct_eq(&Sha256::digest(text)).into()
    }
}

impl Rule {
    /// Parses a secret as a key of this rule; `None` if it has another form.
    pub fn key(&self, index: usize, secret: &str) -> Option<Key> {
        let encoded = match self.key_prefix {
            KeyPrefix::Nothing => secret,
            KeyPrefix::Optional(prefix) => secret.strip_prefix(prefix).unwrap_or(secret),
            KeyPrefix::Required(prefix) => secret.strip_prefix(prefix)?,
        };
        let bytes = self.encoding.key(encoded)?;
        let bytes = match self.algorithm {
            Algorithm::Ed25519 => Some(bytes).filter(|bytes| bytes.len() == ED25519_KEY_BYTES),
            Algorithm::EcdsaP256 => {
                let point = bytes.strip_prefix(&P256_KEY_START).unwrap_or(&bytes);
                (point.len() == P256_POINT_BYTES).then(|| point.to_vec())
            }
            _ => Some(bytes).filter(|bytes| !bytes.is_empty()),
        };
        Some(Key { bytes: bytes?, rule: index })
    }

    /// The expected form of a secret, for error messages.
    pub fn expected_secret(&self) -> String {
        let key = match self.algorithm {
            Algorithm::Ed25519 => "a 32-byte Ed25519 public key",
            Algorithm::EcdsaP256 => "a P-256 public key (DER)",
            _ => "a key",
        };
        let form = match self.encoding {
            Encoding::Text => "text".to_owned(),
            Encoding::Hex => format!("{key} in hex"),
            Encoding::Base64 | Encoding::Base64Url => format!("{key} in base64"),
        };
        match self.key_prefix {
            KeyPrefix::Nothing => form,
            KeyPrefix::Optional(prefix) => format!("{form}, with an optional prefix `{prefix}`"),
            KeyPrefix::Required(prefix) => format!("{form}, with the prefix `{prefix}`"),
        }
    }

    /// The signature without its prefix; `None` if this rule does not apply to it.
    pub fn strip_prefix<'s>(&self, signature: &'s [u8]) -> Option<&'s [u8]> {
        let prefix = self.signature_prefix.as_bytes();
        let (start, rest) = signature.split_at_checked(prefix.len())?;
        let is_prefix = match self.algorithm {
            // Authentication schemes such as `Basic` are case-insensitive (RFC 9110, 11.1).
            Algorithm::Token => start.eq_ignore_ascii_case(prefix),
            _ => start == prefix,
        };
        is_prefix.then_some(rest)
    }

    /// Whether one of the signatures is valid for `text` and the key.
    pub fn matches(&self, key: &Key, text: &[Cow<'_, [u8]>], signatures: &[Vec<u8>]) -> bool {
        match self.algorithm {
            Algorithm::Ed25519 => is_signed(&ED25519, &key.bytes, &text.concat(), signatures),
            Algorithm::EcdsaP256 => is_signed(&ECDSA_P256_SHA256_ASN1, &key.bytes, &text.concat(), signatures),
            Algorithm::Token => signatures.iter().any(|token| key.is(token)),
            _ => self
                .sign(key, text)
                .is_some_and(|expected| signatures.iter().any(|signature| bool::from(expected.ct_eq(signature)))),
        }
    }

    /// Signs `text` as a sender does; `None` if that takes a private key.
    pub fn sign(&self, key: &Key, text: &[Cow<'_, [u8]>]) -> Option<Vec<u8>> {
        let key = &key.bytes;
        match self.algorithm {
            Algorithm::HmacSha1 => Some(mac::<Hmac<Sha1>>(key, text)),
            Algorithm::HmacSha256 => Some(mac::<Hmac<Sha256>>(key, text)),
            Algorithm::HmacSha384 => Some(mac::<Hmac<Sha384>>(key, text)),
            Algorithm::HmacSha512 => Some(mac::<Hmac<Sha512>>(key, text)),
            Algorithm::KeyAndTextSha256 => {
                let hash = text.iter().fold(Sha256::new_with_prefix(key), |hash, part| hash.chain_update(part));
                Some(hash.finalize().to_vec())
            }
            Algorithm::Token => Some(key.clone()),
            Algorithm::Ed25519 | Algorithm::EcdsaP256 => None,
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[Cow<'_, [u8]>]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("a key may have any length");
    text.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn is_signed(algorithm: &'static dyn VerificationAlgorithm, key: &[u8], text: &[u8], signatures: &[Vec<u8>]) -> bool {
    let key = UnparsedPublicKey::new(algorithm, key);
    signatures.iter().any(|signature| key.verify(text, signature).is_ok())
}
