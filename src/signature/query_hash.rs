//! The digest of a request's method, path and query that Atlassian puts into its tokens, as the claim `qsh`.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest, Sha256};

use super::request::{UnverifiedRequest, form_pairs};

/// Everything but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The digest in hex. `without` are the names of parameters that are left out: the token itself.
pub(super) fn query_hash(method: &str, url: &str, without: &[&str]) -> String {
    hex::encode(Sha256::digest(canonical_request(method, url, without)))
}

fn canonical_request(method: &str, url: &str, without: &[&str]) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |start| &rest[start..]).split('?').next().unwrap_or_default();
    let path = path.trim_end_matches('/').replace('&', "%26");
    let path = if path.is_empty() { "/" } else { &path };
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let encoded = |text: &[u8]| percent_encode(text, RESERVED).to_string();
    for (name, value) in form_pairs(UnverifiedRequest::query(url).as_bytes()) {
        if !without.iter().any(|token| token.as_bytes() == name) {
            parameters.entry(encoded(&name)).or_default().push(encoded(&value));
        }
    }
    let joined = parameters.into_iter().map(|(name, mut values)| {
        values.sort();
        format!("{name}={}", values.join(","))
    });
    format!("{}&{path}&{}", method.to_ascii_uppercase(), joined.collect::<Vec<_>>().join("&"))
}
