//! Signing requests as senders do, to try hooks out: the result passes [`Scheme::verify`].
//!
//! Limits: a public key can't sign, and a list of signed headers and a secret within lists are left to the caller. If the signature is in the body, the body must be JSON or, for Mailgun, an encoded
//! form, and is rewritten.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Value, json};

use super::adyen::adyen_items;
use super::algorithm::Rule;
use super::jwt::{Jwt, TokenPlace};
use super::key::Key;
use super::parts::{Headers, SignatureParts, SignatureSource, SignedHeaders, TimestampSource};
use super::request::UnverifiedRequest;
use super::scheme::Scheme;
use super::secret_place::SecretPlace;
use super::template::Part;
use super::verify::Rejection;
use crate::base::id::{Id, random_bytes};
use crate::base::time::Timestamp;
use crate::content::FORM;

const CONTENT_TYPE: &str = "content-type";

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
            SignatureSource::BraintreeForm { public_key } => {
                self.sign_payload(public_key.as_deref().unwrap_or("public"), (rule, key), unsigned)
            }
            SignatureSource::Jwt(jwt) => self.sign_token(jwt, key, unsigned, now),
            SignatureSource::Secret(place) => self.add_secret(place, (rule, key), unsigned),
            SignatureSource::Sns(_) => Err(private()),
        }
    }

    /// A form with the body as the payload.
    fn sign_payload(
        &self,
        public_key: &str,
        (rule, key): (&Rule, &Key),
        unsigned: &UnsignedRequest<'_>,
    ) -> Result<SignedRequest, SignError> {
        if unsigned.content_type != FORM {
            return Err(SignError::Body { scheme: self.name.clone(), expected: "a form with `bt_payload`" });
        }
        let pairs = url::form_urlencoded::parse(&unsigned.body).find(|(name, _)| name == "bt_payload");
        let payload = pairs.map(|(_, payload)| payload.into_owned()).unwrap_or_default();
        let signature = self.signed_text((rule, key), &[payload.as_bytes().into()])?;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("bt_signature", &format!("{public_key}|{signature}")).append_pair("bt_payload", &payload);
        let path = unsigned.path.to_owned();
        Ok(SignedRequest { path, headers: Vec::new(), body: form.finish().into() })
    }

    fn sign_token(
        &self,
        jwt: &Jwt,
        key: &Key,
        unsigned: &UnsignedRequest<'_>,
        now: Timestamp,
    ) -> Result<SignedRequest, SignError> {
        let header = |_: &str, _: usize| Option::<&[u8]>::None;
        let received = UnverifiedRequest::new("POST", (unsigned.origin, unsigned.path), &header, unsigned.body.clone());
        let urls = self.urls(&received);
        let token = jwt.sign(key, ("POST", urls[0].as_ref()), &unsigned.body, now);
        let (place, token) = token.ok_or_else(|| SignError::PrivateKey(self.name.clone()))?;
        let mut signed =
            SignedRequest { path: unsigned.path.to_owned(), headers: Vec::new(), body: unsigned.body.clone() };
        match place {
            TokenPlace::Header(name, prefix) => signed.headers.push((name, format!("{prefix}{token}"))),
            TokenPlace::Query(name) => signed.path = with_parameter(unsigned.path, &name, &token),
        }
        Ok(signed)
    }

    fn add_secret(
        &self,
        place: &SecretPlace,
        (rule, key): (&Rule, &Key),
        unsigned: &UnsignedRequest<'_>,
    ) -> Result<SignedRequest, SignError> {
        let secret = self.signed_text((rule, key), &[])?;
        let (mut path, mut body) = (unsigned.path.to_owned(), unsigned.body.clone());
        match place {
            SecretPlace::Query(name) => path = with_parameter(unsigned.path, name, &secret),
            SecretPlace::Field(segments) => {
                let mut object = self.object(unsigned, "a JSON object with the field that contains the secret")?;
                place_secret(&mut object, segments, &secret);
                body = object.to_string().into();
            }
        }
        Ok(SignedRequest { path, headers: Vec::new(), body })
    }

    /// The encoded signature of a text.
    fn signed_text(&self, (rule, key): (&Rule, &Key), text: &[Cow<'_, [u8]>]) -> Result<String, SignError> {
        let signature = rule.algorithm.sign(key, text);
        let signature = signature.ok_or_else(|| SignError::PrivateKey(self.name.clone()))?;
        Ok(match self.source {
            SignatureSource::Secret(_) => String::from_utf8_lossy(&signature).into_owned(),
            _ => self.encoding.write(&signature),
        })
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
        signed.extend(headers.required.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let value = match &headers.timestamp {
            TimestampSource::None => signature,
            TimestampSource::Headers(names) => {
                signed.extend(names.first().map(|name| (name.clone(), timestamp)));
                signature
            }
            TimestampSource::SignatureItem(prefix) => {
                let separator = headers.separator.unwrap_or(',');
                let listed = match headers.signed {
                    SignedHeaders::Item(prefix) => format!("{prefix}{CONTENT_TYPE}{separator}"),
                    _ => String::new(),
                };
                format!("{prefix}{timestamp}{separator}{listed}{signature}")
            }
            TimestampSource::SignaturePosition(_) => {
                format!("{timestamp}{}{signature}", headers.separator.unwrap_or(','))
            }
        };
        if let SignedHeaders::Header(name) = headers.signed {
            signed.push((name.to_owned(), CONTENT_TYPE.to_owned()));
        }
        signed.extend(headers.signature.first().map(|name| (name.clone(), value)));
        Ok(SignedRequest { path, headers: signed, body: unsigned.body.clone() })
    }

    /// The path, with a digest of the body if the scheme signs bodies other than forms by digest.
    fn with_digest(&self, unsigned: &UnsignedRequest<'_>) -> String {
        use sha2::{Digest, Sha256};
        if !self.text.has(&Part::SortedForm) || unsigned.content_type == FORM || unsigned.body.is_empty() {
            return unsigned.path.to_owned();
        }
        with_parameter(unsigned.path, "bodySHA256", &hex::encode(Sha256::digest(&unsigned.body)))
    }

    /// The encoded signature, without its prefix.
    fn signature(
        &self,
        (rule, key): (&Rule, &Key),
        unsigned: &UnsignedRequest<'_>,
        (id, timestamp): (&str, &str),
    ) -> Result<String, SignError> {
        let header = |name: &str, position: usize| {
            (name == CONTENT_TYPE && position == 0).then_some(unsigned.content_type.as_bytes())
        };
        let received = UnverifiedRequest::new("POST", (unsigned.origin, unsigned.path), &header, unsigned.body.clone());
        let values = SignatureParts {
            id: Some(id.as_bytes().into()),
            timestamp: Some(timestamp.as_bytes().into()),
            signatures: vec![],
            signed_headers: Some(CONTENT_TYPE.as_bytes()),
        };
        let urls = self.urls(&received);
        let text = self.text.fill(&received, &values, &urls[0])?;
        self.signed_text((rule, key), &text)
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
            let signature = self.signed_text((rule, key), &[text.into_bytes().into()])?;
            body["notificationItems"][index]["NotificationRequestItem"]["additionalData"]["hmacSignature"] =
                json!(signature);
        }
        Ok(SignedRequest { path: unsigned.path.to_owned(), headers: Vec::new(), body: body.to_string().into() })
    }

    fn object(&self, unsigned: &UnsignedRequest<'_>, expected: &'static str) -> Result<Value, SignError> {
        let body: Option<Value> = serde_json::from_slice(&unsigned.body).ok();
        let invalid = || SignError::Body { scheme: self.name.clone(), expected };
        body.filter(Value::is_object).ok_or_else(invalid)
    }
}

/// The path with another parameter.
fn with_parameter(path: &str, name: &str, value: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    let pair = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
    format!("{path}{separator}{pair}")
}

/// Puts the secret at a place, in every entry of the lists on the way.
fn place_secret(value: &mut Value, segments: &[String], secret: &str) {
    match segments.split_first() {
        None => *value = secret.into(),
        Some((segment, rest)) if segment == "*" => {
            value.as_array_mut().into_iter().flatten().for_each(|entry| place_secret(entry, rest, secret));
        }
        Some((segment, rest)) => {
            if let Some(object) = value.as_object_mut() {
                place_secret(object.entry(segment.clone()).or_insert(Value::Null), rest, secret);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{names, preset};

    /// A key of the scheme; `None` if it has public keys only.
    fn secret(scheme: &Scheme) -> Option<Key> {
        let secrets = ["whsec_MDEyMzQ1Njc4OWFiY2RlZg==", "44782DEF547AAA06", "user:password"];
        secrets.iter().find_map(|secret| scheme.key(secret).ok())
    }

    fn body(scheme: &str, form: bool) -> &'static str {
        match (scheme, form) {
            ("braintree", _) => "bt_payload=YQ%3D%3D%0A",
            ("microsoft_graph", _) => r#"{"value":[{},{}]}"#,
            (_, true) => "b=2&a=1+x",
            ("adyen", _) => r#"{"notificationItems":[{"NotificationRequestItem":{"pspReference":"7914"}}]}"#,
            _ => r#"{"a":1}"#,
        }
    }

    #[test]
    fn signed_requests_verify_with_the_same_key_only() {
        let now = Timestamp::now();
        for scheme in names().map(|name| preset(name).expect("a preset")) {
            let Some(key) = secret(&scheme) else { continue };
            let forms: &[bool] = match scheme.name.as_str() {
                "adyen" | "microsoft_graph" => &[false],
                "braintree" => &[true],
                _ => &[false, true],
            };
            for form in forms {
                let unsigned = UnsignedRequest {
                    origin: "https://example.com",
                    path: "/v1/hooks/web/abc?x=1",
                    content_type: if *form { FORM } else { "application/json" },
                    body: body(&scheme.name, *form).into(),
                };
                let signed = scheme.sign(&key, &unsigned, now).expect(&scheme.name);
                let verify = |key: Key, signed: &SignedRequest| {
                    let header = |name: &str, position: usize| match name {
                        _ if position > 0 => None,
                        "content-type" => Some(unsigned.content_type.as_bytes()),
                        _ => signed.headers.iter().find(|sent| sent.0 == name).map(|sent| sent.1.as_bytes()),
                    };
                    let address = (unsigned.origin, signed.path.as_str());
                    let received = UnverifiedRequest::new("POST", address, &header, signed.body.clone());
                    scheme.verify(&[key], received, now).map(|_| ())
                };
                assert_eq!(verify(key.clone(), &signed), Ok(()), "{} {form}", scheme.name);
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
