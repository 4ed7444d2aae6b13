//! Cross-origin resource sharing: the origins whose scripts may post to a hook and read its responses.
//!
//! Browsers enforce this; it does not restrict other clients. Requests never carry credentials of this server, because
//! it sets none.

use serde_json::Value;
use url::Url;

use super::HookKind;
use crate::objects::{Fields, Problem};

/// Allows every origin.
const ANY: &str = "*";

/// The allowed origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    Any,
    Listed(Vec<Origin>),
}

/// An origin, such as `https://shop.example.com`, or all subdomains of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `https://`
    scheme: String,
    /// The host, and the port unless it is the scheme's default.
    host: String,
    /// Whether this allows the subdomains of the host, but not the host itself.
    is_wildcard: bool,
}

impl Cors {
    /// The default for a kind of hook.
    pub fn default_for(kind: HookKind) -> Option<Cors> {
        (kind == HookKind::Form).then_some(Cors::Any)
    }

    /// Reads `{"origins": ["https://shop.example.com", "https://*.example.com"]}`, or `false`.
    ///
    /// # Errors
    /// All problems, with pointers into `value`.
    pub fn read(value: &Value) -> Result<Option<Cors>, Vec<Problem>> {
        if *value == Value::Bool(false) {
            return Ok(None);
        }
        if !value.is_object() {
            let message = "expected an object, such as {\"origins\": [\"https://shop.example.com\"]}, or `false`";
            return Err(vec![Problem::new("", message)]);
        }
        let mut fields = Fields::new(value.clone());
        let origins = fields.entries("origins", |entry| Origin::read(&entry)).unwrap_or_default();
        let is_empty = |origins: &Value| origins.is_null() || origins.as_array().is_some_and(Vec::is_empty);
        if value.get("origins").is_none_or(is_empty) {
            let message = "required: the origins that may post, such as `https://shop.example.com`, or `*`";
            fields.problem("/origins", message);
        }
        let listed: Option<Vec<Origin>> = origins.into_iter().collect();
        fields.finish(Some(listed.map_or(Cors::Any, Cors::Listed)))
    }

    /// The header `access-control-allow-origin` for a request from this origin; `None` if the origin is not allowed.
    pub fn allowed<'a>(&self, origin: &'a str) -> Option<&'a str> {
        match self {
            Cors::Any => Some(ANY),
            Cors::Listed(origins) => origins.iter().any(|listed| listed.is(origin)).then_some(origin),
        }
    }
}

impl Origin {
    /// Reads an entry of the list; `None` for `*`.
    fn read(entry: &Value) -> Result<Option<Origin>, String> {
        let expected = "expected an origin, such as `https://shop.example.com` or `https://*.example.com`, or `*`";
        let text = entry.as_str().ok_or(expected)?;
        if text == ANY {
            return Ok(None);
        }
        let (scheme, host) = text.split_once("://").ok_or(expected)?;
        let (host, is_wildcard) = host.strip_prefix("*.").map_or((host, false), |host| (host, true));
        let url = Url::parse(&format!("{scheme}://{host}")).map_err(|_| expected)?;
        let is_origin = matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && !host.contains(['?', '#', '@', '*'])
            // IP addresses have no subdomains.
            && (!is_wildcard || url.domain().is_some());
        let origin = url.origin().ascii_serialization();
        match origin.split_once("://").filter(|_| is_origin) {
            Some((scheme, host)) => {
                Ok(Some(Origin { scheme: format!("{scheme}://"), host: host.to_owned(), is_wildcard }))
            }
            None => Err(expected.to_owned()),
        }
    }

    fn is(&self, origin: &str) -> bool {
        let Some(host) = origin.strip_prefix(&self.scheme) else { return false };
        if !self.is_wildcard {
            return host == self.host;
        }
        let subdomain = host.strip_suffix(&self.host).and_then(|start| start.strip_suffix('.'));
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        subdomain.is_some_and(|subdomain| !subdomain.is_empty() && subdomain.bytes().all(is_allowed))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn origins_match_as_browsers_send_them() {
        let allows = |entry: &str, origin: &str| {
            let cors = Cors::read(&json!({ "origins": [entry] })).expect(entry).expect("enabled");
            cors.allowed(origin).is_some()
        };
        for (entry, origin) in [
            ("https://shop.example.com", "https://shop.example.com"),
            ("https://Shop.Example.com/", "https://shop.example.com"),
            ("https://shop.example.com:443", "https://shop.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://*.example.com", "https://a.example.com"),
            ("https://*.example.com", "https://a.b.example.com"),
            ("https://*.example.com:8443", "https://a.example.com:8443"),
            ("*", "null"),
        ] {
            assert!(allows(entry, origin), "{entry} {origin}");
        }
        for (entry, origin) in [
            ("https://shop.example.com", "http://shop.example.com"),
            ("https://shop.example.com", "https://shop.example.com:8443"),
            ("https://shop.example.com", "https://shop.example.com.evil.test"),
            ("https://shop.example.com", "https://ashop.example.com"),
            ("https://shop.example.com", "null"),
            ("https://*.example.com", "https://example.com"),
            ("https://*.example.com", "https://.example.com"),
            ("https://*.example.com", "https://evilexample.com"),
            ("https://*.example.com", "https://evil.test/.example.com"),
            ("https://*.example.com", "https://evil.test:1.example.com"),
            ("https://*.example.com", "http://a.example.com"),
            ("https://*.example.com", "https://a.example.com:8443"),
        ] {
            assert!(!allows(entry, origin), "{entry} {origin}");
        }
    }

    #[test]
    fn invalid_origins_are_reported() {
        for entry in [
            "example.com",
            "https://",
            "https://*",
            "https://*.",
            "https://a.*.com",
            "https://example.com/form",
            "https://me@example.com",
            "ftp://example.com",
            "https://*.10.0.0.1",
            "null",
            "https://example.com?x",
            "",
        ] {
            let problems = Cors::read(&json!({ "origins": [entry] })).expect_err(entry);
            assert_eq!(problems[0].pointer, "/origins/0", "{entry}");
            assert_eq!(problems.len(), 1, "{entry}");
        }
        for value in [json!({}), json!({ "origins": [] }), json!({ "origins": null })] {
            assert_eq!(Cors::read(&value).expect_err("no origins")[0].pointer, "/origins");
        }
        assert_eq!(Cors::read(&json!({ "origins": "*" })).expect_err("not a list").len(), 1);
        for value in [json!("*"), json!(true), json!(["https://shop.example.com"])] {
            let problems = Cors::read(&value).expect_err("not an object");
            assert_eq!(problems.len(), 1, "{value}");
            assert!(problems[0].message.contains("{\"origins\": "), "{}", problems[0].message);
        }
    }
}
