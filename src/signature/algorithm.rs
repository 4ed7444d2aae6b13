//! Algorithms, the keys that they take, and the comparison.

use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::encoding::Encoding;

/// What comes before the 65 bytes of the point in a P-256 public key as DER.
const P256_KEY_START: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P256_POINT_BYTES: usize = 65;
const ED25519_KEY_BYTES: usize = 32;

/// How a signature is made of a key and a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    HmacSha1,
    HmacSha256,
    HmacSha384,
    HmacSha512,
    /// SHA-256 of the key followed by the text, an old form of HubSpot's.
    KeyAndTextSha256,
    /// The key is the public one.
    Ed25519,
    /// With SHA-256 and signatures as DER; the key is the public one.
    EcdsaP256,
    /// The sender sends the key itself.
    Token,
}

impl Algorithm {
    /// How each is spelt.
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

    /// Whether the key is bytes that nobody could write down as they are.
    pub fn has_public_key(self) -> bool {
        matches!(self, Algorithm::Ed25519 | Algorithm::EcdsaP256)
    }
}

/// What a secret has to look like, and what is done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    /// What comes before the encoded key.
    pub key_prefix: KeyPrefix,
    /// What comes before a signature that this rule is for.
    pub signature_prefix: String,
}

/// What comes before an encoded key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyPrefix {
    Nothing,
    Optional(&'static str),
    Required(&'static str),
}

/// A secret that can be used with its scheme.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    bytes: Vec<u8>,
    /// Which of the scheme's rules it is for.
    pub(super) rule: usize,
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key")
    }
}

/// Why a secret can't be used. The secret itself is not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the secret is empty")]
    Empty,
    #[error("the secret of a `{scheme}` hook is {wanted}")]
    Unreadable { scheme: String, wanted: String },
}

impl Key {
    /// HMAC-SHA256 of a text with this key.
    pub(super) fn mac(&self, text: &[u8]) -> Vec<u8> {
        mac::<Hmac<Sha256>>(&self.bytes, &[text.into()])
    }

    /// Whether it is this text, in a time that does not tell.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        // Hashes have one length, so the comparison does not tell how long the secret is.
        Sha256::digest(&self.bytes).ct_eq(&Sha256::digest(text)).into()
    }
}

impl Rule {
    /// The secret as a key for this rule; `None` if it does not look like one.
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

    /// What a secret for this rule is, in words.
    pub fn wanted(&self) -> String {
        let key = match self.algorithm {
            Algorithm::Ed25519 => "a public key of 32 bytes",
            Algorithm::EcdsaP256 => "a P-256 public key (DER)",
            _ => "a key",
        };
        let what = match self.encoding {
            Encoding::Text => "a text".to_owned(),
            Encoding::Hex => format!("{key} in hexadecimal characters"),
            Encoding::Base64 | Encoding::Base64Url => format!("{key} in base64"),
        };
        match self.key_prefix {
            KeyPrefix::Nothing => what,
            KeyPrefix::Optional(prefix) => format!("{what}, with or without `{prefix}` before it"),
            KeyPrefix::Required(prefix) => format!("{what} after `{prefix}`"),
        }
    }

    /// What follows the prefix, of a signature that this rule is for.
    pub fn stripped<'s>(&self, signature: &'s [u8]) -> Option<&'s [u8]> {
        let prefix = self.signature_prefix.as_bytes();
        let (start, rest) = signature.split_at_checked(prefix.len())?;
        let is_prefix = match self.algorithm {
            // `Basic` and its like may be written in any case (RFC 9110, 11.1).
            Algorithm::Token => start.eq_ignore_ascii_case(prefix),
            _ => start == prefix,
        };
        is_prefix.then_some(rest)
    }

    /// Whether one of the signatures was made of `text` with the key.
    pub fn holds(&self, key: &Key, text: &[Cow<'_, [u8]>], signatures: &[Vec<u8>]) -> bool {
        match self.algorithm {
            Algorithm::Ed25519 => is_signed(&ED25519, &key.bytes, &text.concat(), signatures),
            Algorithm::EcdsaP256 => is_signed(&ECDSA_P256_SHA256_ASN1, &key.bytes, &text.concat(), signatures),
            Algorithm::Token => signatures.iter().any(|token| key.is(token)),
            _ => self
                .sign(key, text)
                .is_some_and(|expected| signatures.iter().any(|signature| bool::from(expected.ct_eq(signature)))),
        }
    }

    /// What a sender makes of `text` with the key; none if that takes a private key.
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
