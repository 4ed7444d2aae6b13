//! The check that a request must pass before a hook accepts it.

use super::algorithm::Key;
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
    /// Verifies a request. `is_key` returns whether a text is an API key that may post to the hook.
    ///
    /// # Errors
    /// The rule that failed.
    pub fn admit(
        &self,
        received: UnverifiedRequest<'_>,
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
        let Gate::Signed { keys, .. } = self else { return None };
        let key = match verified {
            Some(verified) => keys.get(verified.proof.key?),
            None => keys.last(),
        };
        key.map(|key| key.mac(text.as_bytes()))
    }

    /// The headers in which requests carry the secret itself, in lower case.
    pub fn secret_headers(&self) -> &[String] {
        match self {
            Gate::Signed { scheme, .. } => scheme.secret_headers(),
            Gate::Open | Gate::Key | Gate::Closed => &[],
        }
    }

    /// Whether requests carry the signature in the body.
    pub fn has_signature_in_body(&self) -> bool {
        matches!(self, Gate::Signed { scheme, .. } if scheme.has_signature_in_body())
    }
}
