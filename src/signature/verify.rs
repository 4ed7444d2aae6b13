//! Verifying a request.

use std::borrow::Cow;

use super::algorithm::Key;
use super::parts::{Source, adyen_items, mailgun};
use super::received::{Proof, UnverifiedRequest, VerifiedRequest};
use super::scheme::Scheme;
use super::template::Part;
use crate::base::time::Timestamp;

/// How many signatures of a request are looked at.
pub const SIGNATURES_MAX: usize = 16;

/// Why a request does not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("the hook has no secret that requests could be verified with")]
    NoSecret,
    #[error("the hook's verification can't be read, so nothing passes it")]
    UnknownScheme,
    #[error("the request carries no API key; send `Authorization: Bearer <key>`")]
    KeyMissing,
    #[error("the API key is none that may post to this hook")]
    UnknownKey,
    #[error("the header `{0}` is missing or empty")]
    HeaderMissing(String),
    #[error("the signature's header holds no timestamp")]
    TimestampMissing,
    #[error("the timestamp can't be read")]
    TimestampUnreadable,
    #[error("the timestamp is too old")]
    Stale,
    #[error("the timestamp is too far in the future")]
    Early,
    #[error("the body can't be read for its signature")]
    BodyUnreadable,
    #[error("the signature does not cover the body")]
    BodyNotSigned,
    #[error("the signature does not cover the query, which is what a GET request says")]
    QueryNotSigned,
    #[error("no signature matches")]
    NoMatch,
}

impl Scheme {
    /// The request as verified, if it was signed with one of the keys of this scheme, and recently enough.
    ///
    /// # Errors
    /// Which rule failed.
    pub fn verify(
        &self,
        keys: &[Key],
        received: UnverifiedRequest<'_>,
        now: Timestamp,
    ) -> Result<VerifiedRequest, Rejection> {
        if keys.is_empty() {
            return Err(Rejection::NoSecret);
        }
        if !self.covers_payload(&received) {
            return Err(Rejection::QueryNotSigned);
        }
        let proof = self.check(keys, &received, now)?;
        Ok(VerifiedRequest::new(received, proof))
    }

    fn check(&self, keys: &[Key], received: &UnverifiedRequest<'_>, now: Timestamp) -> Result<Proof, Rejection> {
        let values = match &self.source {
            Source::Headers(headers) => headers.read(received)?,
            Source::MailgunBody => mailgun(received)?,
            Source::AdyenItems => return self.check_items(keys, received.body()),
        };
        if let Some(timestamp) = &values.timestamp {
            self.clock.check(timestamp, now)?;
        }
        let urls = self.urls(received);
        let texts = urls.iter().map(|url| self.text.fill(received, &values, url)).collect::<Result<Vec<_>, _>>()?;
        let is_key_used = |key: &Key| {
            let Some(rule) = self.rules.get(key.rule) else { return false };
            let signatures = values.signatures.iter().filter_map(|signature| rule.stripped(signature));
            let signatures = signatures.filter(|signature| !signature.is_empty()).take(SIGNATURES_MAX);
            let signatures: Vec<Vec<u8>> =
                signatures.filter_map(|signature| self.encoding.signature(signature)).collect();
            !signatures.is_empty() && texts.iter().any(|text| rule.holds(key, text, &signatures))
        };
        let key = keys.iter().position(is_key_used).ok_or(Rejection::NoMatch)?;
        let id = values.id.filter(|_| self.text.has(&Part::Id)).map(Cow::into_owned);
        Ok(Proof { key: Some(key), id })
    }

    /// Adyen's notifications: each item carries a signature, and all have to match. Each may be with another key.
    fn check_items(&self, keys: &[Key], body: &[u8]) -> Result<Proof, Rejection> {
        for item in adyen_items(body)? {
            let signature = self.encoding.signature(item.signature.as_bytes()).ok_or(Rejection::NoMatch)?;
            let texts = item.texts.map(|text| [text.into_bytes().into()]);
            let signatures = [signature];
            let is_key_used = |key: &Key| {
                let rule = self.rules.get(key.rule);
                rule.is_some_and(|rule| texts.iter().any(|text| rule.holds(key, text, &signatures)))
            };
            if !keys.iter().any(is_key_used) {
                return Err(Rejection::NoMatch);
            }
        }
        Ok(Proof::default())
    }
}
