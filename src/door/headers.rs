//! The headers and query of a request as they are stored: complete, with secrets masked.

use actix_web::http::header::HeaderMap;

use crate::secrets::sensitive::MASK;

/// Parts of names that indicate a secret value.
const SECRET_PARTS: [&str; 10] =
    ["auth", "cookie", "secret", "token", "password", "passwd", "credential", "api-key", "api_key", "apikey"];

/// Whether a header or query parameter of this name, in lower case, holds a secret.
fn is_secret(name: &str) -> bool {
    SECRET_PARTS.iter().any(|part| name.contains(part)) || name == "key" || name == "pwd"
}

/// The headers for storage: by lower-case name, with invalid UTF-8 replaced. `is_own_secret` tells which ones hold a
/// secret of this hook, whatever their names.
pub fn stored_headers(headers: &HeaderMap, is_own_secret: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    // actix-web has lower-cased the names.
    let value_of = |name: &str, value: &[u8]| match is_secret(name) || is_own_secret(name) {
        true => MASK.to_owned(),
        false => String::from_utf8_lossy(value).into_owned(),
    };
    let mut stored: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value_of(name.as_str(), value.as_bytes())))
        .collect();
    // A stable sort keeps the order of repeated headers.
    stored.sort_by(|left, right| left.0.cmp(&right.0));
    stored
}

/// A parameter's name with percent-encoding undone, since it could hide a secret.
fn decoded(name: &str) -> String {
    url::form_urlencoded::parse(name.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

/// The query for storage; `None` if there is none. `is_own_secret` as for [`stored_headers`].
pub fn stored_query(query: &str, is_own_secret: impl Fn(&str) -> bool) -> Option<String> {
    let is_masked = |name: &str| is_secret(name) || is_own_secret(name);
    let masked = |part: &str| match part.split_once('=') {
        Some((name, _)) if is_masked(&decoded(name).to_ascii_lowercase()) => format!("{name}={MASK}"),
        _ => part.to_owned(),
    };
    (!query.is_empty()).then(|| query.split('&').map(masked).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn secrets_are_masked_and_other_values_are_kept() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("authorization", "Bearer x"), ("x-shop", "a"), ("x-auth-token", "y"), ("cookie", "z"), ("x-pass", "v")]
        {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let stored = stored_headers(&headers, |name| name == "x-pass");
        let value = |name: &str| stored.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(value("authorization"), Some(MASK));
        assert_eq!(value("x-auth-token"), Some(MASK));
        assert_eq!(value("cookie"), Some(MASK));
        assert_eq!(value("x-pass"), Some(MASK));
        assert_eq!(value("x-shop"), Some("a"));
        let query = "a=1&access_token=s&b&api%5Fkey=x&X-%50ass=v";
        let masked = "a=1&access_token=•••&b&api%5Fkey=•••&X-%50ass=•••";
        assert_eq!(stored_query(query, |name| name == "x-pass"), Some(masked.into()));
        assert_eq!(stored_query("", |_| true), None);
    }
}
