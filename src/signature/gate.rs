//! The check that a request must pass before a hook accepts it.

use super::algorithm::Algorithm;
use super::key::Key;
use super::publisher::KeyRequest;
use super::request::{Proof, UnverifiedRequest, VerifiedRequest};
use super::scheme::Scheme;
use super::verify::Rejection;
use crate::base::time::Timestamp;

/// How a hook verifies requests.
#[derive(Debug)]
pub enum Gate {
    /// No verification.
    Open,
    /// Requests must carry an API key.
    Key,
    /// Requests must be signed with one of the keys. Without a key, none passes.
    Signed { scheme: Box<Scheme>, keys: Vec<Key> },
    /// Requests must be signed by a scheme that this process does not know, so none passes.
    Closed,
}

impl Gate {
    /// The document with the sender's keys that a request has to be verified with; `None` if it needs none.
    ///
    /// # Errors
    /// If the request does not name a key of the sender's.
    pub fn key_request(&self, received: &UnverifiedRequest<'_>) -> Result<Option<KeyRequest>, Rejection> {
        match self {
            Gate::Signed { scheme, keys } if keys.is_empty() => scheme.key_request(received),
            _ => Ok(None),
        }
    }

    /// The signature scheme, if signatures are required.
    pub fn scheme(&self) -> Option<&Scheme> {
        match self {
            Gate::Signed { scheme, .. } => Some(scheme),
            Gate::Open | Gate::Key | Gate::Closed => None,
        }
    }

    /// Whether every request is refused because the hook has no secret yet.
    pub fn lacks_secret(&self) -> bool {
        matches!(self, Gate::Signed { scheme, keys } if keys.is_empty() && !scheme.has_published_keys())
    }

    /// Verifies a request. `published` are the keys of the document that [`Gate::key_request`] names; `is_key` returns whether a text is an API key that may post to the hook.
    ///
    /// # Errors
    /// The rule that failed.
    pub fn admit(
        &self,
        received: UnverifiedRequest<'_>,
        published: &[Key],
        is_key: &dyn Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<VerifiedRequest, Rejection> {
        match self {
            Gate::Open => Ok(VerifiedRequest::new(received, Proof::default())),
            Gate::Key => match received.bearer() {
                Some(key) if is_key(key) => Ok(VerifiedRequest::new(received, Proof::default())),
                Some(_) => Err(Rejection::UnknownKey),
                None => Err(Rejection::KeyMissing),
            },
            Gate::Signed { scheme, keys } if keys.is_empty() => scheme.verify(published, received, now),
            Gate::Signed { scheme, keys } => scheme.verify(keys, received, now),
            Gate::Closed => Err(Rejection::UnknownScheme),
        }
    }

    /// Whether the text is one of the secrets. An open gate accepts any text.
    pub fn accepts_secret(&self, text: &str) -> bool {
        match self {
            Gate::Open => true,
            // No early exit, which would reveal which key matches.
            Gate::Signed { keys, .. } => keys.iter().fold(false, |found, key| found | key.is(text.as_bytes())),
            Gate::Key | Gate::Closed => false,
        }
    }

    /// HMAC-SHA256 of a text with the secret that the request was signed with, or else the newest one; `None` without a
    /// secret. Only call this with texts that can't be a request, because senders sign requests in the same way.
    pub fn mac(&self, verified: Option<&VerifiedRequest>, text: &str) -> Option<Vec<u8>> {
        self.sign(Algorithm::HmacSha256, verified, text)
    }

    /// The signature of Braintree's challenge, as [`Gate::mac`].
    pub fn braintree_mac(&self, text: &str) -> Option<Vec<u8>> {
        self.sign(Algorithm::HmacSha1OfHashedKey, None, text)
    }

    fn sign(&self, algorithm: Algorithm, verified: Option<&VerifiedRequest>, text: &str) -> Option<Vec<u8>> {
        let Gate::Signed { keys, .. } = self else { return None };
        let key = match verified {
            Some(verified) => keys.get(verified.proof.key?),
            None => keys.last(),
        };
        algorithm.sign(key?, &[text.as_bytes().into()])
    }

    /// The headers in which requests carry the secret itself, in lower case.
    pub fn secret_headers(&self) -> &[String] {
        self.scheme().map_or(&[], Scheme::secret_headers)
    }

    /// Whether a parameter of the query contains the secret itself, or a token.
    pub fn is_secret_parameter(&self, name: &str) -> bool {
        self.scheme().is_some_and(|scheme| scheme.is_secret_parameter(name))
    }

    /// Whether requests carry the signature in the body.
    pub fn has_signature_in_body(&self) -> bool {
        matches!(self, Gate::Signed { scheme, .. } if scheme.has_signature_in_body())
    }
}
