//! A scheme: everything that is to know to verify a request.

use std::borrow::Cow;

use super::algorithm::{Algorithm, Key, KeyError, KeyPrefix, Rule};
use super::clock::{Clock, Unit};
use super::encoding::Encoding;
use super::parts::{Headers, Source, TimestampPlace};
use super::received::UnverifiedRequest;
use super::template::{Part, Template};

/// How requests of a vendor are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    pub(super) name: String,
    pub(super) source: Source,
    /// The text that was signed, unless the source says so itself.
    pub(super) text: Template,
    pub(super) urls: UrlSpellings,
    /// One for each kind of key.
    pub(super) rules: Vec<Rule>,
    /// How signatures are written.
    pub(super) encoding: Encoding,
    pub(super) clock: Clock,
    /// What the sender calls the hook, if that is not what the request says.
    pub(super) url: Option<String>,
}

/// Which spellings of a URL a sender may have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UrlSpellings {
    AsReceived,
    /// As it is, and with the port added or left out.
    Ports,
    /// With some characters unescaped, and as it is.
    Unescaped,
}

impl Scheme {
    /// A scheme with signatures in these headers: HMAC-SHA256 as hex, over the body, with the secret's text as the key.
    pub(super) fn new(name: &str, signature_headers: &[&str]) -> Scheme {
        let signature = signature_headers.iter().map(|&name| name.to_owned()).collect();
        Scheme {
            name: name.to_owned(),
            source: Source::Headers(Headers { signature, ..Headers::default() }),
            text: Template(vec![Part::Body]),
            urls: UrlSpellings::AsReceived,
            rules: vec![Rule {
                algorithm: Algorithm::HmacSha256,
                encoding: Encoding::Text,
                key_prefix: KeyPrefix::Nothing,
                signature_prefix: String::new(),
            }],
            encoding: Encoding::Hex,
            clock: Clock { unit: Unit::Seconds, past_s: None, future_s: None },
            url: None,
        }
    }

    /// What it is called in JSON.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The secret as a key of this scheme.
    ///
    /// # Errors
    /// What a secret of this scheme looks like.
    pub fn key(&self, secret: &str) -> Result<Key, KeyError> {
        if secret.is_empty() {
            return Err(KeyError::Empty);
        }
        // The pickiest rule first: a public key with its prefix is some text, too.
        let rules = self.rules.iter().enumerate().rev();
        let key = rules.into_iter().find_map(|(index, rule)| rule.key(index, secret));
        key.ok_or_else(|| {
            let wanted: Vec<String> = self.rules.iter().map(Rule::wanted).collect();
            KeyError::Unreadable { scheme: self.name.clone(), wanted: wanted.join(", or ") }
        })
    }

    /// The headers in which requests carry the secret itself.
    pub(super) fn secret_headers(&self) -> &[String] {
        match &self.source {
            Source::Headers(headers) if self.rules.iter().any(|rule| rule.algorithm == Algorithm::Token) => {
                &headers.signature
            }
            _ => &[],
        }
    }

    /// Whether the signature is in the body.
    pub(super) fn signs_in_body(&self) -> bool {
        matches!(self.source, Source::MailgunBody | Source::AdyenItems)
    }

    /// Whether requests carry a time.
    pub(super) fn has_timestamp(&self) -> bool {
        match &self.source {
            Source::Headers(headers) => headers.timestamp != TimestampPlace::Nowhere,
            Source::MailgunBody => true,
            Source::AdyenItems => false,
        }
    }

    /// Whether nobody but the sender can say what time it is.
    pub(super) fn signs_timestamp(&self) -> bool {
        self.text.has(&Part::Timestamp)
    }

    /// Whether the address of the hook is signed.
    pub(super) fn has_url(&self) -> bool {
        self.text.has(&Part::Url)
    }

    /// Whether nobody but the sender can say what the request says: of a GET request, that is the query. Otherwise whoever
    /// has seen one request could send another query with its body and its signature.
    pub(super) fn covers_payload(&self, received: &UnverifiedRequest<'_>) -> bool {
        let query = UnverifiedRequest::query(received.path);
        if received.method != "GET" || query.is_empty() || !self.secret_headers().is_empty() {
            return true;
        }
        let signs_query = [Part::Url, Part::Query, Part::BodyOrQuery].iter().any(|part| self.text.has(part));
        // An address that is set with a query of its own stands for the one that was received.
        let own_query = self.url.as_deref().map_or("", UnverifiedRequest::query);
        signs_query && (own_query.is_empty() || own_query == query)
    }

    /// The spellings of the request's address that the sender may have signed.
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

/// The URL without its port or, if it has none, with the usual one.
fn with_other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // Colons before these are of a user's name and password, or of an IPv6 address.
    let name = authority.rfind(['@', ']']).map_or(0, |end| end + 1);
    Some(match authority[name..].rfind(':') {
        Some(colon) => format!("{scheme}://{}{path}", &authority[..name + colon]),
        None => format!("{scheme}://{authority}:{}{path}", if scheme == "https" { 443 } else { 80 }),
    })
}

/// The URL with those characters unescaped that HubSpot says it does not escape.
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
