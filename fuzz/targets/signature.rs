//! No request passes a scheme whose secret its sender does not know, and none passes without a secret. The input is the name of
//! a vendor's scheme or one as JSON, the path, headers, a line each, an empty line, and the body.
#![no_main]

use bytes::Bytes;
use hookflow::signature::{Key, Received, Scheme};
use hookflow::base::time::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// Text, base64 and hex, and public keys for ed25519 and P-256: whatever a scheme wants, one of them is a key.
const SECRETS: [&str; 5] = [
    "whsec_kT3vQ9mWz1xN8aLpE5rYcB7uJdHf2sGo",
    "whpk_O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=",
    "9f2c4e8a1b7d3f60859eacb4d7135f9286adce0174b39f5d2e8c61a07b4f3d95",
    "kT3vQ9mWz1xN8aLpE5rYcB7uJdHf2sGo+/ab",
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==",
];

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let (name, path) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let rest = lines.next().unwrap_or_default();
    let (Ok(name), Ok(path)) = (std::str::from_utf8(name), std::str::from_utf8(path)) else { return };
    let written: Value = serde_json::from_str(name).unwrap_or_else(|_| json!({ "scheme": name }));
    let scheme = match Scheme::read(&written) {
        Ok(scheme) => scheme,
        Err(problems) => return assert!(!problems.is_empty()),
    };
    let end = rest.windows(2).position(|pair| pair == b"\n\n").unwrap_or(rest.len());
    let headers: Vec<(&[u8], &[u8])> = rest[..end]
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((&line[..colon], &line[colon + 1..]))
        })
        .collect();
    let header = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted.as_bytes()).map(|(_, value)| *value);
    let body = Bytes::copy_from_slice(rest.get(end + 2..).unwrap_or_default());
    let keys: Vec<Key> = SECRETS.iter().filter_map(|secret| scheme.key(secret).ok()).collect();
    for keys in [&keys[..], &[]] {
        let received = Received::new("POST", ("https://hooks.example.com", path), &header, body.clone());
        let rejection = scheme.verify(keys, received, Timestamp::now()).expect_err("nobody knows the secret");
        let told = rejection.to_string();
        assert!(!told.is_empty() && !SECRETS.iter().any(|secret| told.contains(secret)));
    }
});
