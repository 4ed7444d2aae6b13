//! When a delivery is one that came before.
//!
//! Senders repeat a delivery whose answer they did not get, and give it the same id. Where that id stands is known for the
//! vendors' schemes; an expression may say it for others, or say something else. It is never guessed from the body.
//!
//! A request without the id is never a duplicate. Neither is one of which nothing is in the key: a template such as
//! `{{shop}}/{{id}}` gives a text for that too, and all of them would be taken for one.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::context::{compile, text};
use crate::expr::{Expr, Scope};
use crate::objects::{Fields, Problem};
use crate::signature::Scheme;

/// How long a delivery is remembered if nothing is said.
const WINDOW_DAYS: i64 = 30;
/// How long it can be remembered at most.
const WINDOW_DAYS_MAX: i64 = 365;

/// The schemes that sign the id of a delivery. It is taken from there and nowhere else: Mailgun signs nothing but this and
/// the time, so who has seen one request could send others, and an id that is looked for in them could be any.
const SIGNED_IDS: [&str; 3] = ["standard_webhooks", "svix", "mailgun"];

/// Where the other vendors put the ids of deliveries, by scheme. An id that is made anew for each attempt is of no use, nor one
/// that two deliveries may share: WooCommerce's is a hash of the second, so all orders of a second have the same.
const KEYS: [(&str, &str); 15] = [
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
];

/// Each attempt has a delivery id of its own; the event's id and the correlation id stay the same.
const IADVIZE: &str = "{{#if steps.1.attributes.data.eventId}}{{steps.1.attributes.data.eventId}}{{else}}\
                       {{#if steps.1.request.headers.x-iadvize-correlationid}}\
                       {{steps.1.request.headers.x-iadvize-correlationid}}{{else}}\
                       {{steps.1.request.headers.x-iadvize-delivery}}{{/if}}{{/if}}";

/// A notification is the same if all three are.
const ADYEN: &str = "{{#with steps.1.attributes.data.notificationItems.0.NotificationRequestItem}}{{pspReference}} \
                     {{eventCode}} {{success}}{{/with}}";

/// How a hook tells that a delivery came before.
#[derive(Clone, Debug)]
pub struct Deduplication {
    key: Key,
    /// From the first delivery on; one that comes later is a new one.
    pub window: Duration,
}

/// What tells deliveries apart.
#[derive(Clone, Debug)]
enum Key {
    /// The id that a request's signature covers.
    SignedId,
    Expression {
        expression: Expr,
        /// What it gives without a request, which tells nothing apart.
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
    /// What holds for a hook that says nothing of it.
    pub fn of_scheme(scheme: Option<&Scheme>) -> Option<Deduplication> {
        let scheme = scheme?.name();
        let key = if SIGNED_IDS.contains(&scheme) {
            Key::SignedId
        } else {
            let known = KEYS.iter().find(|(name, _)| *name == scheme)?.1;
            Expr::compile(&Value::from(known)).expect("a test compiles all keys").into()
        };
        Some(Deduplication { key, window: days(WINDOW_DAYS) })
    }

    /// Reads `true`, `false` or `{"key": "/#steps.1.request.headers.x-id", "windowDays": 7}`.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into `value`.
    pub fn read(scheme: Option<&Scheme>, value: &Value) -> Result<Option<Deduplication>, Vec<Problem>> {
        let usual = Deduplication::of_scheme(scheme);
        let mut fields = match value {
            Value::Bool(false) => return Ok(None),
            Value::Bool(true) => Fields::new(Value::Object(Default::default())),
            other => Fields::new(other.clone()),
        };
        let key = fields.section("key", |key| compile("", key));
        let window_days = fields.whole("windowDays", 1..=WINDOW_DAYS_MAX).unwrap_or(WINDOW_DAYS);
        let key = key.map(Key::from).or(usual.map(|usual| usual.key));
        if key.is_none() && fields.is_sound("") && fields.is_sound("key") {
            let message = "nothing is known that tells deliveries of this hook apart; name it, such as \
                           `/#steps.1.request.headers.x-request-id`";
            fields.problem("/key", message);
        }
        let key = key.unwrap_or(Key::SignedId);
        fields.finish(Some(Deduplication { key, window: days(window_days) }))
    }

    /// The digest of what tells this request from others, in hex; none if it carries nothing that does.
    pub fn key_digest(&self, scope: &Scope, signed_id: Option<&[u8]>) -> Option<String> {
        let digest = |key: &[u8]| hex::encode(Sha256::digest(key));
        match &self.key {
            Key::SignedId => signed_id.filter(|id| !id.is_empty()).map(digest),
            Key::Expression { expression, blank } => {
                let key = text(expression, scope)?;
                let tells_apart = !key.trim().is_empty() && blank.as_ref() != Some(&key);
                tells_apart.then(|| digest(key.as_bytes()))
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
    fn every_key_compiles_and_is_of_a_scheme_that_there_is() {
        for (name, key) in KEYS {
            assert!(crate::signature::preset(name).is_some(), "{name}");
            assert!(Expr::compile(&Value::from(key)).is_ok(), "{key}");
        }
        assert!(SIGNED_IDS.iter().all(|name| crate::signature::preset(name).is_some()));
    }

    #[test]
    fn keys_find_what_tells_deliveries_apart() {
        let digest = |scheme: &str, headers: Vec<(&str, &[u8])>, data: Value| {
            let duplicates = Deduplication::of_scheme(crate::signature::preset(scheme).as_ref()).expect("it is known");
            let request = super::super::Request { method: "POST", headers, query: "", peer: None, signed_id: None };
            duplicates.key_digest(&request.scope(data), None)
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
        assert!(Deduplication::of_scheme(crate::signature::preset("woocommerce").as_ref()).is_none());
        assert_eq!(digest("stripe", vec![], json!({ "id": "evt_1" })), of("evt_1"));
        assert_eq!(digest("stripe", vec![], Value::Null), None);
        // Only what is signed counts.
        assert_eq!(digest("svix", vec![("svix-id", b"msg_2")], Value::Null), None);
        assert_eq!(digest("mailgun", vec![], json!({ "token": "t", "signature": { "token": "t" } })), None);
    }

    #[test]
    fn a_key_without_anything_of_the_request_tells_nothing_apart() {
        let digest = |key: &str, data: Value| {
            let duplicates = Deduplication::read(None, &json!({ "key": key })).expect(key).expect("it is set");
            let request =
                super::super::Request { method: "POST", headers: vec![], query: "", peer: None, signed_id: None };
            duplicates.key_digest(&request.scope(data), None)
        };
        let key = "{{steps.1.attributes.data.shop}}/{{steps.1.attributes.data.id}}";
        let of = |key: &str| Some(hex::encode(Sha256::digest(key)));
        assert_eq!(digest(key, json!({ "shop": "a", "id": 7 })), of("a/7"));
        assert_eq!(digest(key, json!({ "id": 7 })), of("/7"));
        assert_eq!(digest(key, json!({ "order": 7 })), None);
        assert_eq!(digest("orders", json!({ "id": 7 })), None);
    }
}
