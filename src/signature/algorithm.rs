//! Signature algorithms, their keys, and constant-time comparison.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::encoding::Encoding;
use super::key::{Key, Material};
use super::public_key::{KeyKind, PublicKey};

/// How a signature is computed from a key and a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// Weak: for vendors that offer nothing else.
    HmacMd5,
    HmacSha1,
    HmacSha256,
    HmacSha384,
    HmacSha512,
    /// HMAC-SHA1 with the SHA-1 of the key as the key: Braintree's scheme.
    HmacSha1OfHashedKey,
    /// SHA-256 of the key followed by the text: HubSpot's old scheme.
    KeyAndTextSha256,
    /// SHA-1 of the text followed by the key: Xsolla's scheme. Weak: for vendors that offer nothing else.
    TextAndKeySha1,
    /// The key is public, as are those of the following algorithms.
    Ed25519,
    /// SHA-256, with DER signatures.
    EcdsaP256,
    /// SHA-256, with signatures of 64 bytes.
    EcdsaP256Fixed,
    /// SHA-384, with signatures of 96 bytes.
    EcdsaP384Fixed,
    /// PKCS #1 v1.5, as are the following. Weak: for vendors that offer nothing else.
    RsaSha1,
    RsaSha256,
    RsaSha384,
    RsaSha512,
    /// The sender sends the key itself.
    Token,
}

impl Algorithm {
    /// The names in a hook's settings.
    pub const NAMES: [(&'static str, Algorithm); 15] = [
        ("sha256", Algorithm::HmacSha256),
        ("sha1", Algorithm::HmacSha1),
        ("sha384", Algorithm::HmacSha384),
        ("sha512", Algorithm::HmacSha512),
        ("md5", Algorithm::HmacMd5),
        ("sha256-of-key-and-text", Algorithm::KeyAndTextSha256),
        ("sha1-of-text-and-key", Algorithm::TextAndKeySha1),
        ("ed25519", Algorithm::Ed25519),
        ("ecdsa-p256", Algorithm::EcdsaP256),
        ("ecdsa-p256-fixed", Algorithm::EcdsaP256Fixed),
        ("rsa-sha1", Algorithm::RsaSha1),
        ("rsa-sha256", Algorithm::RsaSha256),
        ("rsa-sha384", Algorithm::RsaSha384),
        ("rsa-sha512", Algorithm::RsaSha512),
        ("token", Algorithm::Token),
    ];

    /// The kind of public key, and how its signatures are verified; `None` for algorithms with a shared secret.
    fn public(self) -> Option<(KeyKind, &'static dyn VerificationAlgorithm)> {
        Some(match self {
            Algorithm::Ed25519 => (KeyKind::Ed25519, &signature::ED25519),
            Algorithm::EcdsaP256 => (KeyKind::P256, &signature::ECDSA_P256_SHA256_ASN1),
            Algorithm::EcdsaP256Fixed => (KeyKind::P256, &signature::ECDSA_P256_SHA256_FIXED),
            Algorithm::EcdsaP384Fixed => (KeyKind::P384, &signature::ECDSA_P384_SHA384_FIXED),
            Algorithm::RsaSha1 => (KeyKind::Rsa, &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
            Algorithm::RsaSha256 => (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RsaSha384 => (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RsaSha512 => (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA512),
            _ => return None,
        })
    }

    /// The kind of public key; `None` for algorithms with a shared secret.
    pub fn key_kind(self) -> Option<KeyKind> {
        self.public().map(|(kind, _)| kind)
    }

    /// Whether one of the signatures is valid for `text` and the key, which must be of the algorithm's kind.
    pub fn matches(self, key: &Key, text: &[Cow<'_, [u8]>], signatures: &[Vec<u8>]) -> bool {
        match (self.public(), &key.material) {
            (Some((kind, algorithm)), Material::Public(public)) if public.kind == kind => {
                let (public, text) = (UnparsedPublicKey::new(algorithm, &public.bytes), text.concat());
                signatures.iter().any(|signature| public.verify(&text, signature).is_ok())
            }
            (None, Material::Secret(_)) if self == Algorithm::Token => signatures.iter().any(|token| key.is(token)),
            (None, Material::Secret(_)) => self
                .sign(key, text)
                .is_some_and(|expected| signatures.iter().any(|signature| bool::from(expected.ct_eq(signature)))),
            _ => false,
        }
    }

    /// Signs `text` as a sender does; `None` if that takes a private key.
    pub fn sign(self, key: &Key, text: &[Cow<'_, [u8]>]) -> Option<Vec<u8>> {
        let Material::Secret(key) = &key.material else { return None };
        match self {
            Algorithm::HmacMd5 => Some(mac::<Hmac<Md5>>(key, text)),
            Algorithm::HmacSha1 => Some(mac::<Hmac<Sha1>>(key, text)),
            Algorithm::HmacSha256 => Some(mac::<Hmac<Sha256>>(key, text)),
            Algorithm::HmacSha384 => Some(mac::<Hmac<Sha384>>(key, text)),
            Algorithm::HmacSha512 => Some(mac::<Hmac<Sha512>>(key, text)),
            Algorithm::HmacSha1OfHashedKey => Some(mac::<Hmac<Sha1>>(&Sha1::digest(key)[..], text)),
            Algorithm::KeyAndTextSha256 => {
                let hash = text.iter().fold(Sha256::new_with_prefix(key), |hash, part| hash.chain_update(part));
                Some(hash.finalize().to_vec())
            }
            Algorithm::TextAndKeySha1 => {
                let hash = text.iter().fold(Sha1::new(), |hash, part| hash.chain_update(part));
                Some(hash.chain_update(key).finalize().to_vec())
            }
            Algorithm::Token => Some(key.clone()),
            _ => None,
        }
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

impl Rule {
    /// Parses a secret as a key of this rule; `None` if it has another form.
    pub fn key(&self, index: usize, secret: &str) -> Option<Key> {
        let encoded = match self.key_prefix {
            KeyPrefix::Nothing => secret,
            KeyPrefix::Optional(prefix) => secret.strip_prefix(prefix).unwrap_or(secret),
            KeyPrefix::Required(prefix) => secret.strip_prefix(prefix)?,
        };
        let material = match self.algorithm.key_kind() {
            Some(kind) => {
                let key = PublicKey::parse(encoded, self.encoding)?;
                (key.kind == kind).then_some(Material::Public(key))?
            }
            None => Material::Secret(self.encoding.key(encoded).filter(|bytes| !bytes.is_empty())?),
        };
        Some(Key { material, rule: index, id: None })
    }

    /// The expected form of a secret, for error messages.
    pub fn expected_secret(&self) -> String {
        let encoding = match self.encoding {
            Encoding::Text => "text",
            Encoding::Hex => "hex",
            Encoding::Base64 | Encoding::Base64Url => "base64",
        };
        let form = match self.algorithm.key_kind() {
            Some(kind) => {
                let kind = match kind {
                    KeyKind::Rsa => "an RSA",
                    KeyKind::P256 => "a P-256",
                    KeyKind::P384 => "a P-384",
                    KeyKind::Ed25519 => "an Ed25519",
                };
                format!("{kind} public key or certificate as PEM, or the key's DER or bytes in {encoding}")
            }
            None if self.encoding == Encoding::Text => encoding.to_owned(),
            None => format!("a key in {encoding}"),
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
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[Cow<'_, [u8]>]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("a key may have any length");
    text.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}
