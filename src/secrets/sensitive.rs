//! Recognises headers and query parameters that carry credentials, and redacts them.
//!
//! Everything that logs and error messages show of an external call goes through here. The rules look at names, because
//! the value of a token does not identify it: a header or parameter is sensitive if its name is known, or contains a
//! known word (`X-Shop-Token`, `client_secret`). The user and password of a URL are always sensitive.
//!
//! Limits: a secret under a harmless name, in a path or in a body is not recognised.

use std::borrow::Cow;

use serde_json::{Map, Value};
use url::Url;

/// Replaces a redacted value.
pub const MASK: &str = "•••";

/// The longest URL that is shown, in characters.
const URL_CHARACTERS_MAX: usize = 2_000;

/// Sensitive headers whose names contain no sensitive word.
const HEADERS: [&str; 2] = ["cookie", "set-cookie"];

/// Words that make a name sensitive.
const WORDS: [&str; 14] = [
    "token",
    "secret",
    "password",
    "passwd",
    "pwd",
    "apikey",
    "authorization",
    "auth",
    "credential",
    "credentials",
    "signature",
    "sig",
    "session",
    "jwt",
];

/// Pairs of words that make a name sensitive.
const PAIRS: [[&str; 2]; 5] =
    [["api", "key"], ["access", "key"], ["private", "key"], ["subscription", "key"], ["functions", "key"]];

/// Whether a header of this name carries credentials.
pub fn is_header(name: &str) -> bool {
    HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known)) || is_name(name)
}

/// Whether a query parameter, or a field of a form, of this name carries credentials.
pub fn is_parameter(name: &str) -> bool {
    // Signed URLs use these names for keys and signatures only.
    name.eq_ignore_ascii_case("key") || name.eq_ignore_ascii_case("code") || is_name(name)
}

fn is_name(name: &str) -> bool {
    let words = words(name);
    let is_pair = |pair: &[String]| PAIRS.iter().any(|[first, second]| pair[0] == *first && pair[1] == *second);
    words.iter().any(|word| WORDS.contains(&word.as_str())) || words.windows(2).any(is_pair)
}

/// Splits a name into words: `X-Api-Key`, `x_api_key` and `xApiKey` are x, api, key.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (character.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        if character.is_alphanumeric() {
            words.last_mut().expect("the list starts with a word").extend(character.to_lowercase());
        }
        after_lower = character.is_lowercase();
    }
    words
}

/// A URL without its user, its password, the values of its sensitive parameters and its fragment. If the text is not a
/// URL, everything from the `?` on is removed, and all of it if it may contain a user.
pub fn redact_url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        let start = &text[..text.find(['?', '#']).unwrap_or(text.len())];
        return if start.contains('@') { MASK.to_owned() } else { shortened(start) };
    };
    url.set_fragment(None);
    if !url.username().is_empty() || url.password().is_some() {
        // Fails only for URLs without a host, which have no user either.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    let query = url.query().map(redact_query);
    url.set_query(None);
    // Joined here because the library would percent-encode the mask.
    shortened(&query.map_or_else(|| url.to_string(), |query| format!("{url}?{query}")))
}

/// A query or an encoded form without the values of its sensitive parameters.
fn redact_query(query: &str) -> String {
    let redacted = query.split('&').map(|pair| {
        let (raw, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, _) = url::form_urlencoded::parse(raw.as_bytes()).next().unwrap_or_default();
        match is_parameter(&name) && !value.is_empty() {
            true => format!("{raw}={MASK}"),
            false => pair.to_owned(),
        }
    });
    redacted.collect::<Vec<_>>().join("&")
}

/// Masks the members of an object whose names `is_sensitive` accepts.
pub fn redact_members(members: &mut Map<String, Value>, is_sensitive: impl Fn(&str) -> bool) {
    for (name, value) in members {
        if is_sensitive(name) && !value.is_null() {
            *value = Value::String(MASK.to_owned());
        }
    }
}

/// The first `characters_max` characters of a text, with `…` if there are more.
pub fn excerpt(text: &str, characters_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters_max) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn shortened(text: &str) -> String {
    excerpt(text, URL_CHARACTERS_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_identify_credentials() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "Cookie",
            "Set-Cookie",
            "X-Api-Key",
            "apikey",
            "X-Auth-Token",
            "X-Shopify-Access-Token",
            "Ocp-Apim-Subscription-Key",
            "X-Hub-Signature-256",
            "clientSecret",
        ] {
            assert!(is_header(name), "{name}");
        }
        for name in ["Accept", "Content-Type", "X-Shop", "Idempotency-Key", "X-Keyword", "Author", "X-Request-Id"] {
            assert!(!is_header(name), "{name}");
        }
        for name in ["token", "access_token", "api_key", "apiKey", "key", "sig", "X-Amz-Signature", "code"] {
            assert!(is_parameter(name), "{name}");
        }
        for name in ["page", "orderId", "keyword", "country_code", "q"] {
            assert!(!is_parameter(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn redacted_urls_contain_no_secret(
            scheme in "(https?|ftp|)", user in "(hush)?", host in "[a-z.]{0,8}", path in "[a-z/:%@ ]{0,8}",
            name in "(token|api[_-]?key|client_secret|X-Amz-Signature|sig)", before in "[a-z=&?]{0,6}",
        ) {
            let text = format!("{scheme}://{user}:hush@{host}/{path}?{before}&{name}=hush#hush");
            prop_assert!(!redact_url(&text).contains("hush"), "{text} {}", redact_url(&text));
        }
    }

    #[test]
    fn urls_are_redacted() {
        for (text, redacted) in [
            ("https://u:p@example.com/a?token=x&page=2#y", "https://example.com/a?token=•••&page=2"),
            ("https://example.com/a", "https://example.com/a"),
            ("https://example.com/?%74oken=x&flag&key=", "https://example.com/?%74oken=•••&flag&key="),
            ("https://u@example.com", "https://example.com/"),
            ("orders?token=x", "orders"),
            ("//u:p@example.com", MASK),
        ] {
            assert_eq!(redact_url(text), redacted);
        }
        assert_eq!(
            redact_url(&format!("https://example.com/{}", "a".repeat(9_000))).chars().count(),
            URL_CHARACTERS_MAX + 1
        );
    }
}
