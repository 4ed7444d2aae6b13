//! Deduplication: recognising a request that the sender repeats.
//!
//! Senders repeat a webhook if they received no response, with the same id. Vendors' schemes define where that id is;
//! an expression can define another key. hookflow never guesses a key from the body.
//!
//! A request without the id is never a duplicate. Neither is one whose key contains nothing of the request: a template
//! such as `{{shop}}/{{id}}` also evaluates to a text then, and all such requests would count as deduplication.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::context::{compile, text};
use crate::expr::{Expr, Scope};
use crate::objects::{Fields, Problem};
use crate::signature::Scheme;

/// The default window.
const WINDOW_DAYS_DEFAULT: i64 = 30;
/// The longest window.
const WINDOW_DAYS_MAX: i64 = 365;

/// The schemes that sign the id of a request. It is read from the signed part only: Mailgun signs just this and the
/// time, so anyone who has seen one request could send it again with another id elsewhere.
const SIGNED_IDS: [&str; 5] = ["standard_webhooks", "svix", "mailgun", "aws_sns", "paypal"];

/// The keys of other vendors' schemes. An id that changes with each attempt can't be a key, nor can one that two
/// webhooks may share: WooCommerce's is a hash of the second, so all orders within a second have the same id.
const KEYS: [(&str, &str); 20] = [
    ("stripe", "/#steps.1.attributes.data.id"),
    ("github", "/#steps.1.request.headers.x-github-delivery"),
    ("github_sha1", "/#steps.1.request.headers.x-github-delivery"),
    ("shopify", "{{steps.1.request.headers.x-shopify-webhook-id}}{{steps.1.request.headers.shopify-webhook-id}}"),
    ("slack", "/#steps.1.attributes.data.event_id"),
    ("twilio", "/#steps.1.request.headers.i-twilio-idempotency-token"),
    ("zendesk", "/#steps.1.request.headers.x-zendesk-webhook-invocation-id"),
    ("paddle", "/#steps.1.attributes.data.event_id"),
    ("iadvize", IADVIZE),
    ("square", "/#steps.1.attributes.data.event_id"),
    ("adyen", ADYEN),
    ("adyen_payload", ADYEN),
    ("gitlab", "/#steps.1.request.headers.idempotency-key"),
    ("vercel", "/#steps.1.attributes.data.id"),
    ("typeform", "/#steps.1.attributes.data.event_id"),
    ("box", "/#steps.1.request.headers.box-delivery-id"),
    ("google_pubsub", "/#steps.1.attributes.data.message.messageId"),
    ("kustomer", "/#steps.1.attributes.data.id"),
    ("persona", "/#steps.1.attributes.data.data.id"),
    ("wise", "/#steps.1.request.headers.x-delivery-id"),
];

/// The event's id and the correlation id are the same for all attempts; the delivery id is the last resort.
const IADVIZE: &str = "{{#if steps.1.attributes.data.eventId}}{{steps.1.attributes.data.eventId}}{{else}}\
                       {{#if steps.1.request.headers.x-iadvize-correlationid}}\
                       {{steps.1.request.headers.x-iadvize-correlationid}}{{else}}\
                       {{steps.1.request.headers.x-iadvize-delivery}}{{/if}}{{/if}}";

/// These three fields identify a notification.
const ADYEN: &str = "{{#with steps.1.attributes.data.notificationItems.0.NotificationRequestItem}}{{pspReference}} \
                     {{eventCode}} {{success}}{{/with}}";

/// How a hook recognises repeated requests.
#[derive(Clone, Debug)]
pub struct Deduplication {
    key: Key,
    /// How long a key is remembered, from the first request on.
    pub window: Duration,
}

/// What identifies a request.
#[derive(Clone, Debug)]
enum Key {
    /// The id that the signature covers.
    SignedId,
    Expression {
        expression: Expr,
        /// Its value without a request, which identifies nothing.
        blank: Option<String>,
    },
}

impl From<Expr> for Key {
    fn from(expression: Expr) -> Key {
        let blank = text(&expression, &Scope::new());
        Key::Expression { expression, blank }
    }
}

impl Deduplication {
    /// The default for a verification scheme.
    pub fn default_for(scheme: Option<&Scheme>) -> Option<Deduplication> {
        let scheme = scheme?.name();
        let key = if SIGNED_IDS.contains(&scheme) {
            Key::SignedId
        } else {
            let known = KEYS.iter().find(|(name, _)| *name == scheme)?.1;
            Expr::compile(&Value::from(known)).expect("a test compiles all keys").into()
        };
        Some(Deduplication { key, window: days(WINDOW_DAYS_DEFAULT) })
    }

    /// Reads `true`, `false` or `{"key": "/#steps.1.request.headers.x-id", "windowDays": 7}`.
    ///
    /// # Errors
    /// All problems, with pointers into `value`.
    pub fn read(scheme: Option<&Scheme>, value: &Value) -> Result<Option<Deduplication>, Vec<Problem>> {
        let default = Deduplication::default_for(scheme);
        let mut fields = match value {
            Value::Bool(false) => return Ok(None),
            Value::Bool(true) => Fields::new(Value::Object(Default::default())),
            other => Fields::new(other.clone()),
        };
        let key = fields.section("key", |key| compile("", key));
        let window_days = fields.integer("windowDays", 1..=WINDOW_DAYS_MAX).unwrap_or(WINDOW_DAYS_DEFAULT);
        let key = key.map(Key::from).or(default.map(|default| default.key));
        if key.is_none() && fields.is_valid("") && fields.is_valid("key") {
            let message = "required, because the verification scheme defines no id; for example \
                           `/#steps.1.request.headers.x-request-id`";
            fields.problem("/key", message);
        }
        let key = key.unwrap_or(Key::SignedId);
        fields.finish(Some(Deduplication { key, window: days(window_days) }))
    }

    /// The SHA-256 digest of the request's key, in hex; `None` if the request has no key.
    pub fn key_digest(&self, scope: &Scope, signed_id: Option<&[u8]>) -> Option<String> {
        let digest = |key: &[u8]| hex::encode(Sha256::digest(key));
        match &self.key {
            Key::SignedId => signed_id.filter(|id| !id.is_empty()).map(digest),
            Key::Expression { expression, blank } => {
                let key = text(expression, scope)?;
                let identifies = !key.trim().is_empty() && blank.as_ref() != Some(&key);
                identifies.then(|| digest(key.as_bytes()))
            }
        }
    }
}

fn days(days: i64) -> Duration {
    Duration::from_secs(days.unsigned_abs() * 86_400)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_key_compiles_and_belongs_to_a_preset() {
        for (name, key) in KEYS {
            assert!(crate::signature::preset(name).is_some(), "{name}");
            assert!(Expr::compile(&Value::from(key)).is_ok(), "{key}");
        }
        assert!(SIGNED_IDS.iter().all(|name| crate::signature::preset(name).is_some()));
    }

    #[test]
    fn keys_identify_requests() {
        let digest = |scheme: &str, headers: Vec<(&str, &[u8])>, data: Value| {
            let deduplication =
                Deduplication::default_for(crate::signature::preset(scheme).as_ref()).expect("a default");
            let request = super::super::Request {
                method: "POST",
                path: String::new(),
                headers,
                query: "",
                peer: None,
                signed_id: None,
            };
            deduplication.key_digest(&request.scope(data), None)
        };
        let item = |code: &str| {
            let item = json!({ "pspReference": "7914073381342284", "eventCode": code, "success": "true" });
            json!({ "notificationItems": [{ "NotificationRequestItem": item }] })
        };
        let of = |key: &str| Some(hex::encode(Sha256::digest(key)));
        assert_eq!(digest("adyen", vec![], item("CAPTURE")), of("7914073381342284 CAPTURE true"));
        assert_ne!(digest("adyen", vec![], item("REFUND")), digest("adyen", vec![], item("CAPTURE")));
        assert_eq!(digest("adyen", vec![], json!({ "notificationItems": [] })), None);
        let attempt: (&str, &[u8]) = ("x-iadvize-delivery", b"attempt");
        let correlated = vec![attempt, ("x-iadvize-correlationid", b"correlation")];
        assert_eq!(digest("iadvize", correlated.clone(), json!({ "eventId": "event" })), of("event"));
        assert_eq!(digest("iadvize", correlated, Value::Null), of("correlation"));
        assert_eq!(digest("iadvize", vec![attempt], Value::Null), of("attempt"));
        assert_eq!(digest("iadvize", vec![], Value::Null), None);
        assert!(Deduplication::default_for(crate::signature::preset("woocommerce").as_ref()).is_none());
        assert_eq!(digest("stripe", vec![], json!({ "id": "evt_1" })), of("evt_1"));
        assert_eq!(digest("stripe", vec![], Value::Null), None);
        // Only signed ids count.
        assert_eq!(digest("svix", vec![("svix-id", b"msg_2")], Value::Null), None);
        assert_eq!(digest("mailgun", vec![], json!({ "token": "t", "signature": { "token": "t" } })), None);
    }

    #[test]
    fn a_key_without_values_of_the_request_identifies_nothing() {
        let digest = |key: &str, data: Value| {
            let deduplication = Deduplication::read(None, &json!({ "key": key })).expect(key).expect("enabled");
            let request = super::super::Request {
                method: "POST",
                path: String::new(),
                headers: vec![],
                query: "",
                peer: None,
                signed_id: None,
            };
            deduplication.key_digest(&request.scope(data), None)
        };
        let key = "{{steps.1.attributes.data.shop}}/{{steps.1.attributes.data.id}}";
        let of = |key: &str| Some(hex::encode(Sha256::digest(key)));
        assert_eq!(digest(key, json!({ "shop": "a", "id": 7 })), of("a/7"));
        assert_eq!(digest(key, json!({ "id": 7 })), of("/7"));
        assert_eq!(digest(key, json!({ "order": 7 })), None);
        assert_eq!(digest("orders", json!({ "id": 7 })), None);
    }
}
