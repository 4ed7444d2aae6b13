//! Signing requests as senders do, to try hooks out: the result passes [`Scheme::verify`].
//!
//! Limits: a public key can't sign. If the signature is in the body, the body must be JSON or, for Mailgun, an encoded
//! form, and is rewritten.

use bytes::Bytes;
use serde_json::{Value, json};

use super::algorithm::{Key, Rule};
use super::parts::{Headers, SignatureParts, SignatureSource, TimestampSource, adyen_items};
use super::request::UnverifiedRequest;
use super::scheme::Scheme;
use super::template::Part;
use super::verify::Rejection;
use crate::base::id::{Id, random_bytes};
use crate::base::time::Timestamp;
use crate::content::FORM;

/// A POST request to sign.
#[derive(Clone, Debug)]
pub struct UnsignedRequest<'a> {
    /// The scheme and authority of the URL that the hook's senders use.
    pub origin: &'a str,
    /// Path and query.
    pub path: &'a str,
    pub content_type: &'a str,
    pub body: Bytes,
}

/// A signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    /// Path and query.
    pub path: String,
    /// The headers to add to the content type.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// Why a request can't be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("a `{0}` hook with a public key can't sign requests: that takes the sender's private key")]
    PrivateKey(String),
    #[error("`{scheme}` puts the signature into the body, so the body must be {expected}")]
    Body { scheme: String, expected: &'static str },
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

impl Scheme {
    /// Signs a request with a key of this scheme.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, key: &Key, unsigned: &UnsignedRequest<'_>, now: Timestamp) -> Result<SignedRequest, SignError> {
        let private = || SignError::PrivateKey(self.name.clone());
        let rule = self.rules.get(key.rule).ok_or_else(private)?;
        match &self.source {
            SignatureSource::Headers(headers) => self.sign_headers(headers, (rule, key), unsigned, now),
            SignatureSource::MailgunBody => self.sign_mailgun((rule, key), unsigned, now),
            SignatureSource::AdyenItems => self.sign_items((rule, key), unsigned),
        }
    }

    fn sign_headers(
        &self,
        headers: &Headers,
        (rule, key): (&Rule, &Key),
        unsigned: &UnsignedRequest<'_>,
        now: Timestamp,
    ) -> Result<SignedRequest, SignError> {
        let (id, timestamp) = (format!("msg_{}", Id::generate()), self.tolerance.unit.write(now));
        let path = self.with_digest(unsigned);
        let signature =
            self.signature((rule, key), &UnsignedRequest { path: &path, ..unsigned.clone() }, (&id, &timestamp))?;
        let signature = format!("{}{signature}", rule.signature_prefix);
        let mut signed = Vec::new();
        signed.extend(headers.id.first().map(|name| (name.clone(), id)));
        let value = match &headers.timestamp {
            TimestampSource::None => signature,
            TimestampSource::Headers(names) => {
                signed.extend(names.first().map(|name| (name.clone(), timestamp)));
                signature
            }
            TimestampSource::SignatureItem(prefix) => {
                format!("{prefix}{timestamp}{}{signature}", headers.separator.unwrap_or(','))
            }
        };
        signed.extend(headers.signature.first().map(|name| (name.clone(), value)));
        Ok(SignedRequest { path, headers: signed, body: unsigned.body.clone() })
    }

    /// The path, with a digest of the body if the scheme signs bodies other than forms by digest.
    fn with_digest(&self, unsigned: &UnsignedRequest<'_>) -> String {
        use sha2::{Digest, Sha256};
        if !self.text.has(&Part::SortedForm) || unsigned.content_type == FORM || unsigned.body.is_empty() {
            return unsigned.path.to_owned();
        }
        let separator = if unsigned.path.contains('?') { '&' } else { '?' };
        format!("{}{separator}bodySHA256={}", unsigned.path, hex::encode(Sha256::digest(&unsigned.body)))
    }

    /// The encoded signature, without its prefix.
    fn signature(
        &self,
        (rule, key): (&Rule, &Key),
        unsigned: &UnsignedRequest<'_>,
        (id, timestamp): (&str, &str),
    ) -> Result<String, SignError> {
        let header = |name: &str| (name == "content-type").then_some(unsigned.content_type.as_bytes());
        let received = UnverifiedRequest::new("POST", (unsigned.origin, unsigned.path), &header, unsigned.body.clone());
        let values = SignatureParts {
            id: Some(id.as_bytes().into()),
            timestamp: Some(timestamp.as_bytes().into()),
            signatures: vec![],
        };
        let urls = self.urls(&received);
        let text = self.text.fill(&received, &values, &urls[0])?;
        let signature = rule.sign(key, &text).ok_or_else(|| SignError::PrivateKey(self.name.clone()))?;
        Ok(self.encoding.write(&signature))
    }

    fn sign_mailgun(
        &self,
        key: (&Rule, &Key),
        unsigned: &UnsignedRequest<'_>,
        now: Timestamp,
    ) -> Result<SignedRequest, SignError> {
        let (token, timestamp) = (hex::encode(random_bytes::<25>()), self.tolerance.unit.write(now));
        let signature = self.signature(key, unsigned, (&token, &timestamp))?;
        let body = if unsigned.content_type == FORM {
            let separator = if unsigned.body.is_empty() { "" } else { "&" };
            let fields = format!("{separator}timestamp={timestamp}&token={token}&signature={signature}");
            Bytes::from([&unsigned.body, fields.as_bytes()].concat())
        } else {
            let mut body = self.object(unsigned, "a JSON object or an encoded form")?;
            body["signature"] = json!({ "timestamp": timestamp, "token": token, "signature": signature });
            body.to_string().into()
        };
        Ok(SignedRequest { path: unsigned.path.to_owned(), headers: Vec::new(), body })
    }

    fn sign_items(
        &self,
        (rule, key): (&Rule, &Key),
        unsigned: &UnsignedRequest<'_>,
    ) -> Result<SignedRequest, SignError> {
        const EXPECTED: &str = "JSON with `notificationItems`";
        let mut body = self.object(unsigned, EXPECTED)?;
        let invalid = || SignError::Body { scheme: self.name.clone(), expected: EXPECTED };
        let entries = body["notificationItems"].as_array_mut().ok_or_else(invalid)?;
        for entry in entries.iter_mut() {
            let item = entry["NotificationRequestItem"].as_object_mut().ok_or_else(invalid)?;
            let more = item.entry("additionalData").or_insert_with(|| json!({}));
            more.as_object_mut().ok_or_else(invalid)?.insert("hmacSignature".to_owned(), json!(""));
        }
        let items = adyen_items(body.to_string().as_bytes()).map_err(|_| invalid())?;
        for (index, item) in items.into_iter().enumerate() {
            let [text, _] = item.texts;
            let signature = rule.sign(key, &[text.into_bytes().into()]);
            let signature = signature.ok_or_else(|| SignError::PrivateKey(self.name.clone()))?;
            body["notificationItems"][index]["NotificationRequestItem"]["additionalData"]["hmacSignature"] =
                json!(self.encoding.write(&signature));
        }
        Ok(SignedRequest { path: unsigned.path.to_owned(), headers: Vec::new(), body: body.to_string().into() })
    }

    fn object(&self, unsigned: &UnsignedRequest<'_>, expected: &'static str) -> Result<Value, SignError> {
        let body: Option<Value> = serde_json::from_slice(&unsigned.body).ok();
        let invalid = || SignError::Body { scheme: self.name.clone(), expected };
        body.filter(Value::is_object).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{names, preset};

    /// A key of the scheme.
    fn secret(scheme: &Scheme) -> Key {
        let secrets = ["whsec_MDEyMzQ1Njc4OWFiY2RlZg==", "44782DEF547AAA06", "user:password"];
        secrets.iter().find_map(|secret| scheme.key(secret).ok()).expect("one of them is valid")
    }

    fn body(scheme: &str, form: bool) -> &'static str {
        match (scheme, form) {
            (_, true) => "b=2&a=1+x",
            ("adyen", _) => r#"{"notificationItems":[{"NotificationRequestItem":{"pspReference":"7914"}}]}"#,
            _ => r#"{"a":1}"#,
        }
    }

    #[test]
    fn signed_requests_verify_with_the_same_key_only() {
        let now = Timestamp::now();
        for scheme in names().filter(|name| *name != "sendgrid").map(|name| preset(name).expect("a preset")) {
            let forms: &[bool] = if scheme.name == "adyen" { &[false] } else { &[false, true] };
            for form in forms {
                let unsigned = UnsignedRequest {
                    origin: "https://example.com",
                    path: "/v1/hooks/web/abc?x=1",
                    content_type: if *form { FORM } else { "application/json" },
                    body: body(&scheme.name, *form).into(),
                };
                let key = secret(&scheme);
                let signed = scheme.sign(&key, &unsigned, now).expect(&scheme.name);
                let verify = |key: Key, signed: &SignedRequest| {
                    let header = |name: &str| match name {
                        "content-type" => Some(unsigned.content_type.as_bytes()),
                        _ => signed.headers.iter().find(|sent| sent.0 == name).map(|sent| sent.1.as_bytes()),
                    };
                    let address = (unsigned.origin, signed.path.as_str());
                    let received = UnverifiedRequest::new("POST", address, &header, signed.body.clone());
                    scheme.verify(&[key], received, now).map(|_| ())
                };
                assert_eq!(verify(key, &signed), Ok(()), "{} {form}", scheme.name);
                let other = scheme.key("abcdef12").or_else(|_| scheme.key("whsec_abcd")).expect("a valid key");
                assert_eq!(verify(other, &signed), Err(Rejection::NoMatch), "{} {form}", scheme.name);
            }
        }
    }

    #[test]
    fn signing_errors_name_the_cause() {
        let unsigned = UnsignedRequest { origin: "", path: "", content_type: "text/plain", body: "a".into() };
        let error = |name: &str, secret: &str| {
            let scheme = preset(name).expect("a preset");
            let key = scheme.key(secret).expect("a valid key");
            scheme.sign(&key, &unsigned, Timestamp::now()).expect_err("signing fails").to_string()
        };
        let public = format!("whpk_{}", "A".repeat(43));
        assert_eq!(
            error("svix", &public),
            "a `svix` hook with a public key can't sign requests: that takes the sender's private key"
        );
        assert_eq!(
            error("mailgun", "key"),
            "`mailgun` puts the signature into the body, so the body must be a JSON object or an encoded form"
        );
        assert_eq!(
            error("adyen", "ab"),
            "`adyen` puts the signature into the body, so the body must be JSON with `notificationItems`"
        );
    }
}
