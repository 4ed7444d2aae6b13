//! Hashes, HMACs and random ids.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::expr::inputs::Inputs;
use crate::expr::operation::{Operation, OperationError, Output, Parameter, ValueType};
use crate::expr::report::brief;

type OperationResult<'a> = Result<Cow<'a, Value>, OperationError>;

/// A hash algorithm.
struct Algorithm {
    name: &'static str,
    hash: fn(&[u8]) -> Vec<u8>,
    /// HMAC of a key and a text.
    hmac: fn(&[u8], &[u8]) -> Vec<u8>,
}

macro_rules! algorithm {
    ($name:literal, $digest:ty) => {
        Algorithm {
            name: $name,
            hash: |text| <$digest>::digest(text).to_vec(),
            hmac: |key, text| {
                let mac = Hmac::<$digest>::new_from_slice(key).expect("a key may have any length");
                mac.chain_update(text).finalize().into_bytes().to_vec()
            },
        }
    };
}

static ALGORITHMS: [Algorithm; 4] =
    [algorithm!("sha256", Sha256), algorithm!("sha512", Sha512), algorithm!("sha1", Sha1), algorithm!("md5", Md5)];

const COST: usize = 10;

const ALGORITHM: Parameter = Parameter::required("algorithm", ValueType::Named("an algorithm name", check_algorithm));
const TEXT: Parameter = Parameter::required("text", ValueType::Text);
const ENCODING: Parameter = Parameter::optional("encoding", ValueType::Choice(&["hex", "base64", "base64url"]));

pub(super) const ROWS: &[Operation] = &[
    Operation::new("hash", &[ALGORITHM, TEXT, ENCODING], hash).output(Output::Raw).cost(COST),
    Operation::new("hmac", &[ALGORITHM, Parameter::required("key", ValueType::Text), TEXT, ENCODING], hmac)
        .output(Output::Raw)
        .cost(COST)
        .aliases(&["authHMAC", "authHmac", "HMAC"]),
    Operation::new("randomId", &[Parameter::optional("size", ValueType::Number)], random_id)
        .cost(COST)
        .aliases(&["randomID"]),
];

fn hash<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let text = inputs.text(1)?;
    encoded(inputs, (algorithm(&inputs.text(0)?)?.hash)(text.as_bytes()), 2)
}

fn hmac<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (key, text) = (inputs.text(1)?, inputs.text(2)?);
    encoded(inputs, (algorithm(&inputs.text(0)?)?.hmac)(key.as_bytes(), text.as_bytes()), 3)
}

fn encoded<'a>(inputs: &Inputs<'a, '_>, bytes: Vec<u8>, index: usize) -> OperationResult<'a> {
    let text = match &*inputs.text_or(index, "hex")? {
        "hex" => hex::encode(bytes),
        "base64" => STANDARD.encode(bytes),
        "base64url" => URL_SAFE_NO_PAD.encode(bytes),
        other => return Err(OperationError::NoValue(format!("unknown encoding `{}`", brief(other)))),
    };
    Ok(Cow::Owned(text.into()))
}

/// Letters and digits. Suitable for names, but not for passwords, because they are derived from the run and the step.
fn random_id<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const SIZE_MAX: i64 = 128;
    let size = inputs.whole_or(0, 10)?;
    if !(1..=SIZE_MAX).contains(&size) {
        return Err(OperationError::NoValue(format!("the size must be from 1 to {SIZE_MAX}, not {size}")));
    }
    let letter = |_| char::from(LETTERS[(inputs.scope.next_random() % LETTERS.len() as u64) as usize]);
    Ok(Cow::Owned((0..size).map(letter).collect::<String>().into()))
}

/// Finds an algorithm by name, ignoring case and dashes: `SHA-256` is `sha256`.
fn algorithm(name: &str) -> Result<&'static Algorithm, String> {
    let plain = name.to_ascii_lowercase().replace('-', "");
    let names = || ALGORITHMS.iter().map(|algorithm| algorithm.name).collect::<Vec<_>>().join(", ");
    let found = ALGORITHMS.iter().find(|algorithm| algorithm.name == plain);
    found.ok_or_else(|| format!("unknown algorithm `{}`; expected one of {}", brief(name), names()))
}

fn check_algorithm(name: &str) -> Result<(), String> {
    algorithm(name).map(drop)
}
