//! Signing a request as a sender does, to try a hook out: what [`Scheme::verify`] accepts.
//!
//! Limits: who verifies by a public key can't sign. Where the signature is in the body, the body has to be JSON or, for
//! Mailgun, an encoded form; it is written anew.

use bytes::Bytes;
use serde_json::{Value, json};

use super::algorithm::{Key, Rule};
use super::parts::{Headers, Source, TimestampPlace, Values, adyen_items};
use super::received::UnverifiedRequest;
use super::scheme::Scheme;
use super::template::Part;
use super::verify::Rejection;
use crate::base::id::{Id, random_bytes};
use crate::base::time::Timestamp;
use crate::content::FORM;

/// A POST request that is to be signed.
#[derive(Clone, Debug)]
pub struct UnsignedRequest<'a> {
    /// What comes before the path in the address that the hook's senders use.
    pub origin: &'a str,
    /// The path and the query.
    pub path: &'a str,
    pub content_type: &'a str,
    pub body: Bytes,
}

/// What has to be sent for the request to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    /// The path and the query.
    pub path: String,
    /// Those that are sent besides the content type.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// Why a request can't be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("requests to a `{0}` hook with a public key are signed with the private one, which only their sender has")]
    PrivateKey(String),
    #[error("the signature of a `{scheme}` request is in its body, which has to be {wanted} for that")]
    Body { scheme: String, wanted: &'static str },
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
            Source::Headers(headers) => self.sign_headers(headers, (rule, key), unsigned, now),
            Source::MailgunBody => self.sign_mailgun((rule, key), unsigned, now),
            Source::AdyenItems => self.sign_items((rule, key), unsigned),
        }
    }

    fn sign_headers(
        &self,
        headers: &Headers,
        (rule, key): (&Rule, &Key),
        unsigned: &UnsignedRequest<'_>,
        now: Timestamp,
    ) -> Result<SignedRequest, SignError> {
        let (id, timestamp) = (format!("msg_{}", Id::generate()), self.clock.unit.write(now));
        let path = self.with_digest(unsigned);
        let signature =
            self.signature((rule, key), &UnsignedRequest { path: &path, ..unsigned.clone() }, (&id, &timestamp))?;
        let signature = format!("{}{signature}", rule.signature_prefix);
        let mut sent = Vec::new();
        sent.extend(headers.id.first().map(|name| (name.clone(), id)));
        let value = match &headers.timestamp {
            TimestampPlace::Nowhere => signature,
            TimestampPlace::Headers(names) => {
                sent.extend(names.first().map(|name| (name.clone(), timestamp)));
                signature
            }
            TimestampPlace::Among(prefix) => {
                format!("{prefix}{timestamp}{}{signature}", headers.separator.unwrap_or(','))
            }
        };
        sent.extend(headers.signature.first().map(|name| (name.clone(), value)));
        Ok(SignedRequest { path, headers: sent, body: unsigned.body.clone() })
    }

    /// The path, with a digest of the body where the scheme signs no other body than a form.
    fn with_digest(&self, unsigned: &UnsignedRequest<'_>) -> String {
        use sha2::{Digest, Sha256};
        if !self.text.has(&Part::SortedForm) || unsigned.content_type == FORM || unsigned.body.is_empty() {
            return unsigned.path.to_owned();
        }
        let separator = if unsigned.path.contains('?') { '&' } else { '?' };
        format!("{}{separator}bodySHA256={}", unsigned.path, hex::encode(Sha256::digest(&unsigned.body)))
    }

    /// The signature as it is written, without what comes before it.
    fn signature(
        &self,
        (rule, key): (&Rule, &Key),
        unsigned: &UnsignedRequest<'_>,
        (id, timestamp): (&str, &str),
    ) -> Result<String, SignError> {
        let header = |name: &str| (name == "content-type").then_some(unsigned.content_type.as_bytes());
        let received = UnverifiedRequest::new("POST", (unsigned.origin, unsigned.path), &header, unsigned.body.clone());
        let values =
            Values { id: Some(id.as_bytes().into()), timestamp: Some(timestamp.as_bytes().into()), signatures: vec![] };
        let urls = self.urls(&received);
        let text = self.text.fill(&received, &values, &urls[0])?;
        let made = rule.sign(key, &text).ok_or_else(|| SignError::PrivateKey(self.name.clone()))?;
        Ok(self.encoding.write(&made))
    }

    fn sign_mailgun(
        &self,
        key: (&Rule, &Key),
        unsigned: &UnsignedRequest<'_>,
        now: Timestamp,
    ) -> Result<SignedRequest, SignError> {
        let (token, timestamp) = (hex::encode(random_bytes::<25>()), self.clock.unit.write(now));
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
        const WANTED: &str = "JSON with `notificationItems`";
        let mut body = self.object(unsigned, WANTED)?;
        let wrong = || SignError::Body { scheme: self.name.clone(), wanted: WANTED };
        let entries = body["notificationItems"].as_array_mut().ok_or_else(wrong)?;
        for entry in entries.iter_mut() {
            let item = entry["NotificationRequestItem"].as_object_mut().ok_or_else(wrong)?;
            let more = item.entry("additionalData").or_insert_with(|| json!({}));
            more.as_object_mut().ok_or_else(wrong)?.insert("hmacSignature".to_owned(), json!(""));
        }
        let items = adyen_items(body.to_string().as_bytes()).map_err(|_| wrong())?;
        for (index, item) in items.into_iter().enumerate() {
            let [text, _] = item.texts;
            let made = rule.sign(key, &[text.into_bytes().into()]);
            let made = made.ok_or_else(|| SignError::PrivateKey(self.name.clone()))?;
            body["notificationItems"][index]["NotificationRequestItem"]["additionalData"]["hmacSignature"] =
                json!(self.encoding.write(&made));
        }
        Ok(SignedRequest { path: unsigned.path.to_owned(), headers: Vec::new(), body: body.to_string().into() })
    }

    fn object(&self, unsigned: &UnsignedRequest<'_>, wanted: &'static str) -> Result<Value, SignError> {
        let body: Option<Value> = serde_json::from_slice(&unsigned.body).ok();
        let wrong = || SignError::Body { scheme: self.name.clone(), wanted };
        body.filter(Value::is_object).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{names, preset};

    /// A secret that is one of the scheme's.
    fn secret(scheme: &Scheme) -> Key {
        let secrets = ["whsec_MDEyMzQ1Njc4OWFiY2RlZg==", "44782DEF547AAA06", "user:password"];
        secrets.iter().find_map(|secret| scheme.key(secret).ok()).expect("one of them will do")
    }

    fn body(scheme: &str, form: bool) -> &'static str {
        match (scheme, form) {
            (_, true) => "b=2&a=1+x",
            ("adyen", _) => r#"{"notificationItems":[{"NotificationRequestItem":{"pspReference":"7914"}}]}"#,
            _ => r#"{"a":1}"#,
        }
    }

    #[test]
    fn what_is_signed_passes_and_with_another_key_it_does_not() {
        let now = Timestamp::now();
        for scheme in names().filter(|name| *name != "sendgrid").map(|name| preset(name).expect("it is one")) {
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
                    let place = (unsigned.origin, signed.path.as_str());
                    let received = UnverifiedRequest::new("POST", place, &header, signed.body.clone());
                    scheme.verify(&[key], received, now).map(|_| ())
                };
                assert_eq!(verify(key, &signed), Ok(()), "{} {form}", scheme.name);
                let other = scheme.key("abcdef12").or_else(|_| scheme.key("whsec_abcd")).expect("it is one");
                assert_eq!(verify(other, &signed), Err(Rejection::NoMatch), "{} {form}", scheme.name);
            }
        }
    }

    #[test]
    fn what_can_not_be_signed_says_why() {
        let unsigned = UnsignedRequest { origin: "", path: "", content_type: "text/plain", body: "a".into() };
        let why = |name: &str, secret: &str| {
            let scheme = preset(name).expect("it is one");
            let key = scheme.key(secret).expect("it can be used");
            scheme.sign(&key, &unsigned, Timestamp::now()).expect_err("it can't be signed").to_string()
        };
        let public = format!("whpk_{}", "A".repeat(43));
        assert_eq!(
            why("svix", &public),
            "requests to a `svix` hook with a public key are signed with the private one, which only their sender has"
        );
        assert_eq!(
            why("mailgun", "key"),
            "the signature of a `mailgun` request is in its body, which has to be a JSON object or an encoded form for that"
        );
        assert_eq!(
            why("adyen", "ab"),
            "the signature of a `adyen` request is in its body, which has to be JSON with `notificationItems` for that"
        );
    }
}
