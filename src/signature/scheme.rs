//! A scheme: how a vendor signs requests.

use super::algorithm::{Algorithm, KeyPrefix, Rule};
use super::encoding::Encoding;
use super::key::{Key, KeyError};
use super::parts::{Headers, SignatureSource, TimestampSource};
use super::publisher::{KeyClient, KeyRequest, PublishedAt, Publisher, published_keys};
use super::request::UnverifiedRequest;
use super::secret_place::SecretPlace;
use super::sns::Message;
use super::template::{Part, Template};
use super::tolerance::{Tolerance, Unit};
use super::urls::UrlSpellings;
use super::verify::Rejection;

/// The header with the address of PayPal's certificate.
const PAYPAL_CERTIFICATE: &str = "paypal-cert-url";

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
    /// Where the sender publishes its keys, if it does. A hook with secrets of its own uses those instead.
    pub(super) publisher: Option<Publisher>,
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
            publisher: None,
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
        if let SignatureSource::Jwt(jwt) = &self.source {
            return jwt.key(secret).ok_or_else(|| self.malformed(jwt.expected_secret()));
        }
        // The strictest rule first: a prefixed public key would also pass as text.
        let rules = self.rules.iter().enumerate().rev();
        let key = rules.into_iter().find_map(|(index, rule)| rule.key(index, secret));
        key.ok_or_else(|| {
            let expected: Vec<String> = self.rules.iter().map(Rule::expected_secret).collect();
            self.malformed(expected.join(", or "))
        })
    }

    fn malformed(&self, expected: String) -> KeyError {
        KeyError::Malformed { scheme: self.name.clone(), expected }
    }

    /// The document with the keys that a request has to be verified with; `None` if the scheme has no published keys.
    ///
    /// # Errors
    /// If the request does not say which key it was signed with, or names an address that is not the sender's.
    pub fn key_request(&self, received: &UnverifiedRequest<'_>) -> Result<Option<KeyRequest>, Rejection> {
        let Some(publisher) = &self.publisher else { return Ok(None) };
        let id = match &self.source {
            SignatureSource::Jwt(jwt) => jwt.key_id(received)?,
            _ => None,
        };
        let url = || publisher.url.clone().unwrap_or_default();
        Ok(Some(match &publisher.source {
            PublishedAt::Sns => publisher.certificate(&Message::read(received)?.certificate_url)?,
            PublishedAt::PayPal => {
                let address = received.header(PAYPAL_CERTIFICATE).and_then(|value| std::str::from_utf8(value).ok());
                publisher
                    .certificate(address.ok_or_else(|| Rejection::HeaderMissing(PAYPAL_CERTIFICATE.to_owned()))?)?
            }
            PublishedAt::Url { id_headers } => {
                let header = id_headers.iter().find_map(|name| received.header(name));
                let header = header.map(|id| String::from_utf8_lossy(id).into_owned());
                KeyRequest { url: url(), key_id: id.or(header), client: None }
            }
            PublishedAt::Plaid { client_id, secret } => {
                let client = KeyClient { id: client_id.clone(), secret: secret.clone() };
                let id = id.ok_or(Rejection::TokenMalformed)?;
                KeyRequest { url: url(), key_id: Some(id), client: Some(client) }
            }
        }))
    }

    /// The keys in a published document.
    pub fn published_keys(document: &str) -> Vec<Key> {
        published_keys(document)
    }

    /// The address that confirms the subscription which a verified body asks for.
    pub fn confirmation_url(&self, body: &[u8]) -> Option<String> {
        let SignatureSource::Sns(sns) = &self.source else { return None };
        let publisher = self.publisher.as_ref()?;
        sns.confirmation_url(body).filter(|url| publisher.may_confirm(url))
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

    /// Whether a parameter of the query contains the secret itself, or a token.
    pub(super) fn is_secret_parameter(&self, name: &str) -> bool {
        match &self.source {
            SignatureSource::Jwt(jwt) => jwt.query_names().any(|known| known.eq_ignore_ascii_case(name)),
            SignatureSource::Secret(SecretPlace::Query(known)) => known.eq_ignore_ascii_case(name),
            _ => false,
        }
    }

    /// Whether requests carry the secret itself, and so prove who sends, but not what.
    fn has_plain_secret(&self) -> bool {
        !self.secret_headers().is_empty() || matches!(self.source, SignatureSource::Secret(_))
    }

    /// Whether requests carry the signature or the secret in the body.
    pub(super) fn has_signature_in_body(&self) -> bool {
        match &self.source {
            SignatureSource::Headers(_) | SignatureSource::Jwt(_) => false,
            SignatureSource::Secret(place) => matches!(place, SecretPlace::Field(_)),
            SignatureSource::MailgunBody
            | SignatureSource::AdyenItems
            | SignatureSource::Sns(_)
            | SignatureSource::BraintreeForm { .. } => true,
        }
    }

    /// Whether requests carry a timestamp.
    pub(super) fn has_timestamp(&self) -> bool {
        match &self.source {
            SignatureSource::Headers(headers) => headers.timestamp != TimestampSource::None,
            SignatureSource::MailgunBody | SignatureSource::Sns(_) | SignatureSource::Jwt(_) => true,
            SignatureSource::AdyenItems | SignatureSource::BraintreeForm { .. } | SignatureSource::Secret(_) => false,
        }
    }

    /// Whether the signature covers the timestamp.
    pub(super) fn signs_timestamp(&self) -> bool {
        match &self.source {
            SignatureSource::Sns(_) | SignatureSource::Jwt(_) => true,
            _ => self.text.has(&Part::Timestamp),
        }
    }

    /// Whether the signature covers the URL of the hook.
    pub(super) fn has_url(&self) -> bool {
        match &self.source {
            SignatureSource::Jwt(jwt) => jwt.has_url(),
            _ => self.text.has_url(),
        }
    }

    /// The public key of the account that signs, for a scheme whose signatures name it.
    pub fn public_key(&self) -> Option<&str> {
        match &self.source {
            SignatureSource::BraintreeForm { public_key } => public_key.as_deref(),
            _ => None,
        }
    }

    /// Whether bodies are JSON although their type is `text/plain`.
    pub fn has_json_as_text(&self) -> bool {
        matches!(self.source, SignatureSource::Sns(_))
    }

    /// Whether requests are verified with keys that the sender publishes, so that the hook needs no secret.
    pub fn has_published_keys(&self) -> bool {
        self.publisher.is_some()
    }

    /// Whether the signature covers the payload, which for a GET request is the query. If it does not, anyone who has
    /// seen one request could send another query with its signature.
    pub(super) fn covers_payload(&self, received: &UnverifiedRequest<'_>) -> bool {
        let query = UnverifiedRequest::query(received.path);
        if received.method != "GET" || query.is_empty() || self.has_plain_secret() {
            return true;
        }
        let signs_query = match &self.source {
            SignatureSource::Jwt(jwt) => jwt.query_hash,
            _ => self.text.has_query(),
        };
        // A configured URL with a query replaces the query that was received.
        let own_query = self.url.as_deref().map_or("", UnverifiedRequest::query);
        signs_query && (own_query.is_empty() || own_query == query)
    }
}
