//! Hooks, with all their settings.

use serde_json::{Map, Value, json};

use super::{meta, text};
use crate::hook::{self, HookKind};
use crate::signature;

pub(super) fn definition() -> Value {
    json!({
        "type": "object",
        "description": "An address that external systems post to.",
        "properties": {
            "name": { "type": "string", "pattern": "^[a-z0-9_-]{1,64}$" },
            "type": { "enum": HookKind::ALL },
            "title": text("Shown to people; the name if omitted."),
            "description": text("Shown to people."),
            "acceptsGet": { "type": ["boolean", "null"], "description": "Whether to accept GET requests, reading the query as a form." },
            "answer": answer(),
            "capture": { "type": ["boolean", "null"], "description": "Whether to only store requests, without starting workflows." },
            "allowedAddresses": {
                "type": ["array", "null"], "items": { "type": "string" }, "minItems": 1, "maxItems": 100,
                "description": "IP addresses and networks that may post, such as `203.0.113.0/24`; any if omitted.",
            },
            "limits": limits(),
            "captcha": captcha(),
            "challenge": {
                "enum": hook::Challenge::NAMES.map(|(word, _)| json!(word)).into_iter().chain([json!(false), Value::Null]).collect::<Vec<_>>(),
                "description": "The vendor whose setup challenges to answer; by default the one of the verification scheme.",
            },
            "cors": {
                "anyOf": [
                    { "const": false },
                    { "type": "null" },
                    {
                        "type": "object",
                        "properties": { "origins": { "type": "array", "items": { "type": "string" }, "minItems": 1, "examples": [["https://shop.example.com"], ["*"]] } },
                        "required": ["origins"],
                        "additionalProperties": false,
                    },
                ],
                "description": "Origins whose scripts may post and read the response; for form hooks any origin if omitted.",
            },
            "deduplicate": {
                "type": ["boolean", "object", "null"],
                "description": "How to recognize duplicates; a duplicate gets the same response as the original and starts nothing.",
                "properties": {
                    "key": { "type": "string", "description": "An expression for the id of a delivery, such as `/#steps.1.request.headers.x-delivery`." },
                    "windowDays": { "type": "integer", "minimum": 1, "description": "How long ids are remembered, in days; 30 if omitted." },
                },
                "additionalProperties": false,
            },
            "filter": { "anyOf": [{ "$ref": "#/$defs/condition" }, { "type": "null" }], "description": "The condition under which a request starts workflows; always if omitted." },
            "lists": {
                "type": ["array", "null"], "items": { "type": "string", "minLength": 1, "maxLength": 200 }, "maxItems": 50,
                "description": "Names of XML elements and form fields that are always lists in the payload, even if there is only one.",
            },
            "methods": {
                "type": ["array", "null"], "items": { "enum": hook::method_values() }, "minItems": 1,
                "description": "The methods with a body that the hook accepts; `POST` if omitted.",
            },
            "rawBody": { "type": ["boolean", "null"], "description": "Whether workflows see the body as it was sent, at `/#steps.1.request.rawBody`." },
            "unreadable": {
                "enum": ["keep", "refuse", null],
                "description": "What to do with a request whose body can't be read: keep it, to be mended and run, or refuse it; open form hooks refuse it by default, others keep it.",
            },
            "verification": verification(),
            "meta": meta(json!({})),
        },
        "required": ["name", "type"],
        "additionalProperties": false,
    })
}

/// Hooks over HTTP: their settings as they are shown, and what is sent to create and to change one.
pub(super) fn components() -> Vec<(String, Value)> {
    let mut definition = definition();
    let mut properties = definition["properties"].as_object_mut().map(std::mem::take).unwrap_or_default();
    properties.shift_remove("meta");
    let setting = |name: &str| (name.to_owned(), properties.get(name).cloned().unwrap_or_default());
    let shown: Map<String, Value> = hook::SETTING_NAMES.into_iter().map(setting).collect();
    let mut changes = shown.clone();
    changes.insert("title".into(), json!({ "type": "string", "minLength": 1, "maxLength": 256 }));
    changes.insert("description".into(), json!({ "type": ["string", "null"], "maxLength": 4_096 }));
    changes.insert("enabled".into(), json!({ "type": ["boolean", "null"] }));
    properties["title"] = json!({ "type": ["string", "null"], "maxLength": 256, "description": "The name if absent." });
    properties["description"] = changes["description"].clone();
    properties["type"] = json!({ "enum": [HookKind::Form, HookKind::Web, HookKind::Email, null], "default": "form" });
    vec![
        (
            "HookSettings".into(),
            json!({
                "type": "object", "required": hook::SETTING_NAMES, "properties": nullable(shown),
                "example": hook::SETTING_NAMES.into_iter().map(|name| (name.to_owned(), Value::Null)).collect::<Map<_, _>>(),
            }),
        ),
        ("NewHook".into(), sent(properties, &["name"])),
        ("HookChanges".into(), sent(changes, &[])),
    ]
}

fn sent(properties: Map<String, Value>, required: &[&str]) -> Value {
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

/// Each of these, or null.
fn nullable(properties: Map<String, Value>) -> Map<String, Value> {
    let or_null = |schema: Value| json!({ "anyOf": [schema, { "type": "null" }] });
    properties.into_iter().map(|(name, schema)| (name, or_null(schema))).collect()
}

fn answer() -> Value {
    let reply = [
        ("status", json!({ "type": ["integer", "string"], "description": "From 200 to 599, or an expression." })),
        ("headers", json!({ "type": "object", "description": "By name; values may be expressions." })),
        (
            "body",
            json!({ "description": "A string is sent verbatim, any other value as JSON; may contain expressions." }),
        ),
        ("redirect", json!({ "type": "string", "description": "URL to redirect to; may contain expressions." })),
    ];
    let reply: Map<String, Value> = reply.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let step = json!({ "type": "object", "properties": { "step": { "type": "string" } }, "required": ["step"], "additionalProperties": false });
    let mut properties = reply.clone();
    properties.extend([
        ("when".to_owned(), json!({ "anyOf": [{ "enum": ["accepted", "completed"] }, step], "description": "When to respond." })),
        ("workflow".to_owned(), text("The workflow whose run to wait for, if several listen.")),
        ("timeoutMs".to_owned(), json!({ "type": "integer", "minimum": 1, "maximum": hook::TIMEOUT_MS_MAX, "description": "How long to wait, in milliseconds; 5,000 if omitted." })),
        ("onError".to_owned(), json!({ "type": "object", "properties": reply, "additionalProperties": false, "description": "The response if the run fails." })),
    ]);
    json!({
        "type": ["object", "null"],
        "description": "The response to an accepted request; if omitted, the transaction's id, at once.",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn limits() -> Value {
    let number = |description: &str| json!({ "type": "integer", "minimum": 1, "description": description });
    json!({
        "type": ["object", "null"],
        "description": "Rate limits of the hook, per node; excess requests get a 429 response.",
        "properties": {
            "ratePerSecond": number("Requests per second; alternatively, `ratePerMinute`."),
            "ratePerMinute": number("Requests per minute."),
            "burst": number("Requests accepted at once after a pause; defaults to the rate."),
            "concurrent": number("Requests processed concurrently."),
        },
        "additionalProperties": false,
    })
}

fn captcha() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "Verifies the token of a CAPTCHA widget in the form; for form hooks.",
        "properties": {
            "provider": { "enum": hook::Captcha::providers().collect::<Vec<_>>(), "description": "The service, or the one whose interface `url` follows." },
            "url": { "type": "string", "description": "Verification URL of another service with the same interface." },
            "secret": { "type": "string", "description": "Name of the org variable that holds the service's secret." },
            "field": text("Form field or header that carries the token; defaults to the service's usual one."),
            "minimumScore": { "type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "The lowest accepted score; defaults to 0.5 for reCAPTCHA, if it returns a score." },
            "hostname": text("Required host of the page with the widget."),
            "action": text("Required action of the token."),
        },
        "required": ["secret"],
        "anyOf": [{ "required": ["provider"] }, { "required": ["url", "field"] }],
        "additionalProperties": false,
    })
}

fn verification() -> Value {
    let schemes: Vec<&str> = signature::names().chain(signature::CUSTOM).chain([hook::KEY]).collect();
    json!({
        "type": ["object", "null"],
        "description": "How to authenticate requests; by default web hooks require an API key, other hooks nothing.",
        "properties": {
            "scheme": { "enum": schemes, "description": "The signing vendor; `generic` for a scheme defined by the other fields, `jwt` for signed tokens, `basic`, `header` or `secret` for a shared secret, `key` for an API key." },
            "tolerance_s": { "type": ["integer", "null", "boolean"], "minimum": 1, "description": "Maximum age of a request, in seconds; null or false accepts any age." },
            "url": { "type": "string", "description": "The hook's URL as the sender knows it." },
            "keys_url": { "type": "string", "description": "Where the sender publishes its public keys, for schemes that fetch them." },
            "topic": { "type": ["string", "array"], "description": "For `aws_sns`: the ARNs of the topics that may post; the hook confirms their subscriptions." },
            "webhook_id": { "type": "string", "description": "For `paypal`: the id of the webhook." },
            "email": { "type": "string", "description": "For `google_pubsub`: the service account that signs." },
            "audience": { "type": "string", "description": "For `google_pubsub`: the token's audience; defaults to the hook's URL." },
        },
        "required": ["scheme"],
        "additionalProperties": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_schema() {
        let definition = definition();
        let missing: Vec<&str> =
            hook::SETTING_NAMES.into_iter().filter(|name| definition["properties"][name].is_null()).collect();
        assert_eq!(missing, [] as [&str; 0], "add their schemas to `definition`");
    }
}
