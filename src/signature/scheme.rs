//! A scheme: how a vendor signs requests.

use std::borrow::Cow;

use super::algorithm::{Algorithm, Key, KeyError, KeyPrefix, Rule};
use super::encoding::Encoding;
use super::parts::{Headers, SignatureSource, TimestampSource};
use super::request::UnverifiedRequest;
use super::template::{Part, Template};
use super::tolerance::{Tolerance, Unit};

/// How to verify and sign the requests of a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    pub(super) name: String,
    pub(super) source: SignatureSource,
    /// The signed text, unless the source defines it.
    pub(super) text: Template,
    pub(super) urls: UrlSpellings,
    /// One for each kind of key.
    pub(super) rules: Vec<Rule>,
    /// The encoding of signatures.
    pub(super) encoding: Encoding,
    pub(super) tolerance: Tolerance,
    /// The hook's URL as the sender knows it, if it differs from the request's.
    pub(super) url: Option<String>,
}

/// The spellings of a URL that a sender may have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UrlSpellings {
    AsReceived,
    /// As received, and with the port added or removed.
    Ports,
    /// As received, and with some characters unescaped.
    Unescaped,
}

impl Scheme {
    /// The default scheme, with signatures in these headers: HMAC-SHA256 in hex, over the body, with the text of the
    /// secret as the key.
    pub(super) fn new(name: &str, signature_headers: &[&str]) -> Scheme {
        let signature = signature_headers.iter().map(|&name| name.to_owned()).collect();
        Scheme {
            name: name.to_owned(),
            source: SignatureSource::Headers(Headers { signature, ..Headers::default() }),
            text: Template(vec![Part::Body]),
            urls: UrlSpellings::AsReceived,
            rules: vec![Rule {
                algorithm: Algorithm::HmacSha256,
                encoding: Encoding::Text,
                key_prefix: KeyPrefix::Nothing,
                signature_prefix: String::new(),
            }],
            encoding: Encoding::Hex,
            tolerance: Tolerance { unit: Unit::Seconds, past_s: None, future_s: None },
            url: None,
        }
    }

    /// The name in a hook's settings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Parses a secret as a key of this scheme.
    ///
    /// # Errors
    /// [`KeyError`], with the expected form.
    pub fn key(&self, secret: &str) -> Result<Key, KeyError> {
        if secret.is_empty() {
            return Err(KeyError::Empty);
        }
        // The strictest rule first: a prefixed public key would also pass as text.
        let rules = self.rules.iter().enumerate().rev();
        let key = rules.into_iter().find_map(|(index, rule)| rule.key(index, secret));
        key.ok_or_else(|| {
            let expected: Vec<String> = self.rules.iter().map(Rule::expected_secret).collect();
            KeyError::Malformed { scheme: self.name.clone(), expected: expected.join(", or ") }
        })
    }

    /// The headers in which requests carry the secret itself.
    pub(super) fn secret_headers(&self) -> &[String] {
        match &self.source {
            SignatureSource::Headers(headers) if self.rules.iter().any(|rule| rule.algorithm == Algorithm::Token) => {
                &headers.signature
            }
            _ => &[],
        }
    }

    /// Whether requests carry the signature in the body.
    pub(super) fn has_signature_in_body(&self) -> bool {
        matches!(self.source, SignatureSource::MailgunBody | SignatureSource::AdyenItems)
    }

    /// Whether requests carry a timestamp.
    pub(super) fn has_timestamp(&self) -> bool {
        match &self.source {
            SignatureSource::Headers(headers) => headers.timestamp != TimestampSource::None,
            SignatureSource::MailgunBody => true,
            SignatureSource::AdyenItems => false,
        }
    }

    /// Whether the signature covers the timestamp.
    pub(super) fn signs_timestamp(&self) -> bool {
        self.text.has(&Part::Timestamp)
    }

    /// Whether the signature covers the URL of the hook.
    pub(super) fn has_url(&self) -> bool {
        self.text.has(&Part::Url)
    }

    /// Whether the signature covers the payload, which for a GET request is the query. If it does not, anyone who has
    /// seen one request could send another query with its signature.
    pub(super) fn covers_payload(&self, received: &UnverifiedRequest<'_>) -> bool {
        let query = UnverifiedRequest::query(received.path);
        if received.method != "GET" || query.is_empty() || !self.secret_headers().is_empty() {
            return true;
        }
        let signs_query = [Part::Url, Part::Query, Part::BodyOrQuery].iter().any(|part| self.text.has(part));
        // A configured URL with a query replaces the query that was received.
        let own_query = self.url.as_deref().map_or("", UnverifiedRequest::query);
        signs_query && (own_query.is_empty() || own_query == query)
    }

    /// The spellings of the request's URL that the sender may have signed.
    pub(super) fn urls<'r>(&'r self, received: &'r UnverifiedRequest<'_>) -> Vec<Cow<'r, str>> {
        let query = UnverifiedRequest::query(received.path);
        let url: Cow<'r, str> = match &self.url {
            None => format!("{}{}", received.origin, received.path).into(),
            Some(url) if url.contains('?') || query.is_empty() => url.into(),
            Some(url) => format!("{url}?{query}").into(),
        };
        let other = match self.urls {
            UrlSpellings::AsReceived => None,
            UrlSpellings::Ports => with_other_port(&url),
            UrlSpellings::Unescaped => Some(unescaped(&url)).filter(|unescaped| *unescaped != url),
        };
        std::iter::once(url).chain(other.map(Cow::Owned)).collect()
    }
}

/// The URL without its port or, if it has none, with the default port.
fn with_other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // Colons before these belong to a user and password, or to an IPv6 address.
    let host_end = authority.rfind(['@', ']']).map_or(0, |end| end + 1);
    Some(match authority[host_end..].rfind(':') {
        Some(colon) => format!("{scheme}://{}{path}", &authority[..host_end + colon]),
        None => format!("{scheme}://{authority}:{}{path}", if scheme == "https" { 443 } else { 80 }),
    })
}

/// The URL with the characters unescaped that HubSpot does not escape.
fn unescaped(url: &str) -> String {
    const ESCAPES: [(&str, char); 12] = [
        ("3a", ':'),
        ("2f", '/'),
        ("3f", '?'),
        ("40", '@'),
        ("21", '!'),
        ("24", '$'),
        ("27", '\''),
        ("28", '('),
        ("29", ')'),
        ("2a", '*'),
        ("2c", ','),
        ("3b", ';'),
    ];
    let mut pieces = url.split('%');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_escape = |hex: &str| piece.get(..2).is_some_and(|digits| digits.eq_ignore_ascii_case(hex));
        match ESCAPES.iter().find(|(hex, _)| is_escape(hex)) {
            Some((_, character)) => {
                text.push(*character);
                text.push_str(&piece[2..]);
            }
            None => {
                text.push('%');
                text.push_str(piece);
            }
        }
    }
    text
}
