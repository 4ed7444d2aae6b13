//! Verifying a request.

use std::borrow::Cow;

use super::algorithm::Key;
use super::parts::{SignatureSource, adyen_items, mailgun};
use super::request::{Proof, UnverifiedRequest, VerifiedRequest};
use super::scheme::Scheme;
use super::template::Part;
use crate::base::time::Timestamp;

/// How many signatures of a request are checked.
pub const SIGNATURES_MAX: usize = 16;

/// Why a request is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("the hook has no secret to verify requests with")]
    NoSecret,
    #[error("the hook's verification scheme is unknown, so all requests are rejected")]
    UnknownScheme,
    #[error("the request has no API key; send `Authorization: Bearer <key>`")]
    KeyMissing,
    #[error("the API key is unknown, or may not post to this hook")]
    UnknownKey,
    #[error("the header `{0}` is missing or empty")]
    HeaderMissing(String),
    #[error("the signature header has no timestamp")]
    TimestampMissing,
    #[error("the timestamp is malformed")]
    TimestampMalformed,
    #[error("the timestamp is too old")]
    Stale,
    #[error("the timestamp is too far in the future")]
    Early,
    #[error("the body does not have the form that contains a signature")]
    BodyMalformed,
    #[error("the signature does not cover the body")]
    BodyNotSigned,
    #[error("the signature does not cover the query, which is the payload of a GET request")]
    QueryNotSigned,
    #[error("no signature matches")]
    NoMatch,
}

impl Scheme {
    /// Verifies that a request was signed with one of the keys, and recently enough.
    ///
    /// # Errors
    /// The rule that failed.
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
            SignatureSource::Headers(headers) => headers.read(received)?,
            SignatureSource::MailgunBody => mailgun(received)?,
            SignatureSource::AdyenItems => return self.check_items(keys, received.body()),
        };
        if let Some(timestamp) = &values.timestamp {
            self.tolerance.check(timestamp, now)?;
        }
        let urls = self.urls(received);
        let texts = urls.iter().map(|url| self.text.fill(received, &values, url)).collect::<Result<Vec<_>, _>>()?;
        let is_key_used = |key: &Key| {
            let Some(rule) = self.rules.get(key.rule) else { return false };
            let signatures = values.signatures.iter().filter_map(|signature| rule.strip_prefix(signature));
            let signatures = signatures.filter(|signature| !signature.is_empty()).take(SIGNATURES_MAX);
            let signatures: Vec<Vec<u8>> =
                signatures.filter_map(|signature| self.encoding.signature(signature)).collect();
            !signatures.is_empty() && texts.iter().any(|text| rule.matches(key, text, &signatures))
        };
        let key = keys.iter().position(is_key_used).ok_or(Rejection::NoMatch)?;
        let id = values.id.filter(|_| self.text.has(&Part::Id)).map(Cow::into_owned);
        Ok(Proof { key: Some(key), id })
    }

    /// Verifies an Adyen notification: each item carries a signature, and all must match, each with any of the keys.
    fn check_items(&self, keys: &[Key], body: &[u8]) -> Result<Proof, Rejection> {
        for item in adyen_items(body)? {
            let signature = self.encoding.signature(item.signature.as_bytes()).ok_or(Rejection::NoMatch)?;
            let texts = item.texts.map(|text| [text.into_bytes().into()]);
            let signatures = [signature];
            let is_key_used = |key: &Key| {
                let rule = self.rules.get(key.rule);
                rule.is_some_and(|rule| texts.iter().any(|text| rule.matches(key, text, &signatures)))
            };
            if !keys.iter().any(is_key_used) {
                return Err(Rejection::NoMatch);
            }
        }
        Ok(Proof::default())
    }
}
