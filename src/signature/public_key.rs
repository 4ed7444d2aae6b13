//! Public keys in the forms in which vendors publish them: PEM, DER, certificates, JSON Web Keys, and bare.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::{PemObject, SectionKind};
use serde_json::Value;

use super::der::{self, Reader};
use super::encoding::Encoding;
use crate::base::time::Timestamp;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// A public key, as the cryptography library expects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    pub kind: KeyKind,
    /// The PKCS #1 structure of an RSA key, the uncompressed point of an ECDSA key, or the 32 bytes of an Ed25519 key.
    pub bytes: Vec<u8>,
    /// From when to when the certificate of the key is valid, if it has one.
    validity: Option<[Timestamp; 2]>,
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

impl PublicKey {
    /// A key in any form: PEM, a JSON Web Key, or DER or the bare key in this encoding.
    pub fn parse(text: &str, encoding: Encoding) -> Option<PublicKey> {
        let text = text.trim();
        if text.contains("-----BEGIN") {
            return PublicKey::from_pem(text);
        }
        if text.starts_with('{') {
            return PublicKey::from_jwk(&serde_json::from_str(text).ok()?);
        }
        // Some vendors show the base64 of a PEM document on several lines, without its frame.
        let joined: String = text.split_ascii_whitespace().collect();
        PublicKey::from_bytes(&encoding.key(&joined)?)
    }

    /// The first certificate or public key of a PEM document.
    pub fn from_pem(text: &str) -> Option<PublicKey> {
        let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes());
        match sections.next()?.ok()? {
            (SectionKind::Certificate, der) => PublicKey::from_certificate(&der),
            (SectionKind::PublicKey, der) => PublicKey::from_bytes(&der),
            _ => None,
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<PublicKey> {
        let bare = match bytes.len() {
            32 => Some(KeyKind::Ed25519),
            65 if bytes[0] == 4 => Some(KeyKind::P256),
            97 if bytes[0] == 4 => Some(KeyKind::P384),
            _ => None,
        };
        match bare {
            Some(kind) => Some(PublicKey::new(kind, bytes.to_vec())),
            None => {
                let info = || PublicKey::from_info(Reader::only_sequence(bytes)?);
                info().or_else(|| PublicKey::from_certificate(bytes)).or_else(|| PublicKey::from_pkcs1(bytes))
            }
        }
    }

    fn new(kind: KeyKind, bytes: Vec<u8>) -> PublicKey {
        PublicKey { kind, bytes, validity: None }
    }

    /// The content of a SubjectPublicKeyInfo (RFC 5280, 4.1).
    fn from_info(mut info: Reader<'_>) -> Option<PublicKey> {
        let mut algorithm = Reader(info.expect(der::SEQUENCE)?);
        let (&unused_bits, key) = info.expect(der::BIT_STRING)?.split_first()?;
        let kind = match (algorithm.expect(der::OID)?, algorithm.next()) {
            (RSA, _) => KeyKind::Rsa,
            (EC, Some((der::OID, P256))) => KeyKind::P256,
            (EC, Some((der::OID, P384))) => KeyKind::P384,
            (ED25519, None) => KeyKind::Ed25519,
            _ => return None,
        };
        let is_whole = match kind {
            KeyKind::Rsa => PublicKey::from_pkcs1(key).is_some(),
            KeyKind::P256 => key.len() == 65 && key[0] == 4,
            KeyKind::P384 => key.len() == 97 && key[0] == 4,
            KeyKind::Ed25519 => key.len() == 32,
        };
        (unused_bits == 0 && is_whole).then(|| PublicKey::new(kind, key.to_vec()))
    }

    fn from_pkcs1(der: &[u8]) -> Option<PublicKey> {
        let mut numbers = Reader::only_sequence(der)?;
        let (_, _) = (numbers.expect(der::INTEGER)?, numbers.expect(der::INTEGER)?);
        numbers.0.is_empty().then(|| PublicKey::new(KeyKind::Rsa, der.to_vec()))
    }

    /// The key of a certificate, and when it is valid. Whether the certificate is trusted depends on where it came from.
    fn from_certificate(der: &[u8]) -> Option<PublicKey> {
        let mut certificate = Reader(Reader::only_sequence(der)?.expect(der::SEQUENCE)?);
        let mut rest = certificate;
        if rest.expect(der::VERSION).is_some() {
            certificate = rest;
        }
        let (_serial, _algorithm) = (certificate.expect(der::INTEGER)?, certificate.expect(der::SEQUENCE)?);
        let _issuer = certificate.expect(der::SEQUENCE)?;
        let mut validity = Reader(certificate.expect(der::SEQUENCE)?);
        let validity = [time(validity.next()?)?, time(validity.next()?)?];
        let _subject = certificate.expect(der::SEQUENCE)?;
        let key = PublicKey::from_info(Reader(certificate.expect(der::SEQUENCE)?))?;
        Some(PublicKey { validity: Some(validity), ..key })
    }

    /// A JSON Web Key (RFC 7517) that may be used for signatures.
    pub fn from_jwk(jwk: &Value) -> Option<PublicKey> {
        if jwk.get("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
        let point = |kind, coordinate_bytes: usize| {
            let (x, y) = (number("x")?, number("y")?);
            let is_point = x.len() == coordinate_bytes && y.len() == coordinate_bytes;
            is_point.then(|| PublicKey::new(kind, [&[4], &x[..], &y].concat()))
        };
        match (jwk.get("kty")?.as_str()?, jwk.get("crv").and_then(Value::as_str)) {
            ("RSA", None) => {
                let numbers = [der::unsigned(&number("n")?), der::unsigned(&number("e")?)].concat();
                Some(PublicKey::new(KeyKind::Rsa, der::element(der::SEQUENCE, &numbers)))
            }
            ("EC", Some("P-256")) => point(KeyKind::P256, 32),
            ("EC", Some("P-384")) => point(KeyKind::P384, 48),
            ("OKP", Some("Ed25519")) => {
                number("x").filter(|key| key.len() == 32).map(|key| PublicKey::new(KeyKind::Ed25519, key))
            }
            _ => None,
        }
    }

    /// Whether the certificate of the key, if it has one, is valid at this time.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.validity.is_none_or(|[from, to]| from <= now && now <= to)
    }
}

/// The time in a certificate: `YYMMDDHHMMSSZ` for the years 1950 to 2049, otherwise `YYYYMMDDHHMMSSZ`.
fn time((tag, text): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    let text = match tag {
        der::UTC_TIME if text.len() == 13 => format!("{}{text}", if *text < *"50" { "20" } else { "19" }),
        der::GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let digits = text.strip_suffix('Z').filter(|digits| digits.len() == 14)?;
    let [date, clock] = [&digits[..8], &digits[8..]];
    Timestamp::parse(&format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &clock[..2],
        &clock[2..4],
        &clock[4..]
    ))
}
