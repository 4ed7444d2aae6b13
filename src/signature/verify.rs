//! Verifying a request.

use std::borrow::Cow;

use super::adyen::adyen_items;
use super::algorithm::Algorithm;
use super::key::Key;
use super::parts::{SignatureParts, SignatureSource, braintree, mailgun};
use super::request::{Proof, UnverifiedRequest, VerifiedRequest};
use super::scheme::Scheme;
use super::secret_place::SecretPlace;
use super::sns::{Message, Sns};
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
    #[error("the header `{0}` must be `{1}`")]
    HeaderUnexpected(&'static str, &'static str),
    #[error("the request lists too many signed headers")]
    TooManySignedHeaders,
    #[error("the {0} with the secret is missing")]
    SecretMissing(String),
    #[error("the token is malformed")]
    TokenMalformed,
    #[error("the token's algorithm is not accepted")]
    TokenAlgorithm,
    #[error("the token has no valid claim `{0}`")]
    ClaimMissing(String),
    #[error("the token's claim `{0}` does not match")]
    ClaimUnexpected(String),
    #[error("the address of the certificate is not the vendor's")]
    CertificateUrl,
    #[error("the certificate has expired or is not valid yet")]
    CertificateExpired,
    #[error("the signature version is unknown")]
    SignatureVersion,
    #[error("the topic may not post to this hook")]
    Topic,
    #[error("the message was sent raw, without a signature; turn raw message delivery off")]
    RawDelivery,
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
        let candidates = match &self.source {
            SignatureSource::Headers(headers) => headers.read(received)?,
            SignatureSource::MailgunBody => vec![mailgun(received)?],
            SignatureSource::BraintreeForm { public_key } => braintree(public_key.as_deref(), received)?,
            SignatureSource::AdyenItems => return self.check_items(keys, received.body()),
            SignatureSource::Sns(sns) => return self.check_message(sns, keys, received, now),
            SignatureSource::Secret(place) => return check_secret(place, keys, received),
            SignatureSource::Jwt(jwt) => {
                let key = jwt.verify(keys, received, &self.urls(received), (self.tolerance, now))?;
                return Ok(Proof { key: Some(key), id: None });
            }
        };
        let mut rejection = Rejection::NoMatch;
        for values in candidates {
            match self.check_values(keys, received, values, now) {
                Ok(proof) => return Ok(proof),
                // Senders put the newest signature last.
                Err(error) => rejection = error,
            }
        }
        Err(rejection)
    }

    fn check_values(
        &self,
        keys: &[Key],
        received: &UnverifiedRequest<'_>,
        values: SignatureParts<'_>,
        now: Timestamp,
    ) -> Result<Proof, Rejection> {
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
            let algorithm = rule.algorithm;
            !signatures.is_empty() && texts.iter().any(|text| algorithm.matches(key, text, &signatures))
        };
        let key = keys.iter().position(is_key_used).ok_or(Rejection::NoMatch)?;
        check_certificate(&keys[key], now)?;
        let id = values.id.filter(|_| self.text.has(&Part::Id)).map(Cow::into_owned);
        Ok(Proof { key: Some(key), id })
    }

    fn check_message(
        &self,
        sns: &Sns,
        keys: &[Key],
        received: &UnverifiedRequest<'_>,
        now: Timestamp,
    ) -> Result<Proof, Rejection> {
        let message = Message::read(received)?;
        // With secrets instead of fetched keys, the address is not used, but a strange one shows a forgery.
        self.publisher.as_ref().map(|publisher| publisher.certificate(&message.certificate_url)).transpose()?;
        let algorithm = match message.version.as_str() {
            "1" => Algorithm::RsaSha1,
            "2" => Algorithm::RsaSha256,
            _ => return Err(Rejection::SignatureVersion),
        };
        if !sns.accepts(&message.topic) {
            return Err(Rejection::Topic);
        }
        self.tolerance.check(message.timestamp.as_bytes(), now)?;
        let text: [Cow<'_, [u8]>; 1] = [message.text()?.into()];
        let signatures: Vec<Vec<u8>> = self.encoding.signature(message.signature.as_bytes()).into_iter().collect();
        let is_key_used = |key: &Key| algorithm.matches(key, &text, &signatures);
        let key = keys.iter().position(is_key_used).ok_or(Rejection::NoMatch)?;
        check_certificate(&keys[key], now)?;
        Ok(Proof { key: Some(key), id: Some(message.id.into_bytes()) })
    }

    /// Verifies an Adyen notification: each item carries a signature, and all must match, each with any of the keys.
    fn check_items(&self, keys: &[Key], body: &[u8]) -> Result<Proof, Rejection> {
        for item in adyen_items(body)? {
            let signature = self.encoding.signature(item.signature.as_bytes()).ok_or(Rejection::NoMatch)?;
            let texts = item.texts.map(|text| [text.into_bytes().into()]);
            let signatures = [signature];
            let is_key_used = |key: &Key| {
                let rule = self.rules.get(key.rule);
                rule.is_some_and(|rule| texts.iter().any(|text| rule.algorithm.matches(key, text, &signatures)))
            };
            if !keys.iter().any(is_key_used) {
                return Err(Rejection::NoMatch);
            }
        }
        Ok(Proof::default())
    }
}

/// Verifies that all values at a place are the secret.
fn check_secret(place: &SecretPlace, keys: &[Key], received: &UnverifiedRequest<'_>) -> Result<Proof, Rejection> {
    let values = place.read(received)?;
    let key = keys.iter().position(|key| values.iter().fold(true, |all, value| all & key.is(value)));
    key.map(|key| Proof { key: Some(key), id: None }).ok_or(Rejection::NoMatch)
}

fn check_certificate(key: &Key, now: Timestamp) -> Result<(), Rejection> {
    let is_valid = key.public().is_none_or(|public| public.is_valid_at(now));
    is_valid.then_some(()).ok_or(Rejection::CertificateExpired)
}
