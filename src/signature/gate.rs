//! What a request has to pass to get into a hook.

use super::algorithm::Key;
use super::received::{Proof, UnverifiedRequest, VerifiedRequest};
use super::scheme::Scheme;
use super::verify::Rejection;
use crate::base::time::Timestamp;

/// The rule of a hook.
#[derive(Debug)]
pub enum Gate {
    /// Nothing has to be proved.
    Open,
    /// Requests have to carry an API key.
    Key,
    /// Requests have to be signed with one of the keys; without a key, none passes.
    Signed { scheme: Box<Scheme>, keys: Vec<Key> },
    /// Requests have to be signed in a way that this process does not know.
    Closed,
}

impl Gate {
    /// The request as one whose body may be read; `is_key` says whether a text is an API key that may post to the hook.
    ///
    /// # Errors
    /// Which rule failed.
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

    /// Whether the text is one of the secrets; where nothing has to be proved, any will do.
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Gate::Open => true,
            Gate::Signed { keys, .. } => keys.iter().fold(false, |found, key| found | key.is(text.as_bytes())),
            Gate::Key | Gate::Closed => false,
        }
    }

    /// HMAC-SHA256 of a text with the secret that the request was signed with, or else the newest one; none if there is
    /// none. To be asked only for texts that can't be a request, since senders sign theirs in the same way.
    pub fn mac(&self, verified: Option<&VerifiedRequest>, text: &str) -> Option<Vec<u8>> {
        let Gate::Signed { keys, .. } = self else { return None };
        let key = match verified {
            Some(verified) => keys.get(verified.proof.key?),
            None => keys.last(),
        };
        key.map(|key| key.mac(text.as_bytes()))
    }

    /// The headers, in lower case, in which requests carry the secret itself.
    pub fn secret_headers(&self) -> &[String] {
        match self {
            Gate::Signed { scheme, .. } => scheme.secret_headers(),
            Gate::Open | Gate::Key | Gate::Closed => &[],
        }
    }

    /// Whether the signature is in the body.
    pub fn signs_in_body(&self) -> bool {
        matches!(self, Gate::Signed { scheme, .. } if scheme.signs_in_body())
    }
}
