//! Hooks, with all that can be set up about them.

use serde_json::{Map, Value, json};

use super::{meta, text};
use crate::hook::{self, HookKind};
use crate::signature;

pub(super) fn definition() -> Value {
    json!({
        "type": "object",
        "description": "An address that outsiders post to.",
        "properties": {
            "name": { "type": "string", "pattern": "^[a-z0-9_-]{1,64}$" },
            "type": { "enum": HookKind::ALL },
            "title": text("For people."),
            "description": text("For people."),
            "acceptsGet": { "type": ["boolean", "null"], "description": "Whether a GET request is taken, with its query as a form." },
            "answer": answer(),
            "capture": { "type": ["boolean", "null"], "description": "Whether what arrives is only stored, and starts no workflow." },
            "allowedAddresses": {
                "type": ["array", "null"], "items": { "type": "string" }, "minItems": 1, "maxItems": 100,
                "description": "The addresses and networks that may post, such as `203.0.113.0/24`; everybody if absent.",
            },
            "limits": limits(),
            "captcha": captcha(),
            "challenge": {
                "enum": hook::Challenge::NAMES.map(|(word, _)| json!(word)).into_iter().chain([json!(false), Value::Null]).collect::<Vec<_>>(),
                "description": "Whose set-up challenges are answered; if absent, those of the vendor whose scheme verifies.",
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
                "description": "From which web pages scripts may post and read the answer; form hooks: from any if absent.",
            },
            "deduplicate": {
                "type": ["boolean", "object", "null"],
                "description": "What tells deliveries apart; one that came before is answered like the first time and starts nothing.",
                "properties": {
                    "key": { "type": "string", "description": "An expression, such as `/#steps.1.request.headers.x-delivery`." },
                    "windowDays": { "type": "integer", "minimum": 1, "description": "How long a delivery is remembered; 30 days if absent." },
                },
                "additionalProperties": false,
            },
            "filter": { "anyOf": [{ "$ref": "#/$defs/condition" }, { "type": "null" }], "description": "Which requests start workflows; all if absent." },
            "verification": verification(),
            "meta": meta(json!({})),
        },
        "required": ["name", "type"],
        "additionalProperties": false,
    })
}

fn answer() -> Value {
    let reply = [
        ("status", json!({ "type": ["integer", "string"], "description": "From 200 to 599, or an expression." })),
        ("headers", json!({ "type": "object", "description": "By name; values may be expressions." })),
        ("body", json!({ "description": "A text is sent as it is, all else as JSON; may hold expressions." })),
        ("redirect", json!({ "type": "string", "description": "An address to go on to; may hold expressions." })),
    ];
    let reply: Map<String, Value> = reply.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let step = json!({ "type": "object", "properties": { "step": { "type": "string" } }, "required": ["step"], "additionalProperties": false });
    let mut properties = reply.clone();
    properties.extend([
        ("when".to_owned(), json!({ "anyOf": [{ "enum": ["accepted", "completed"] }, step], "description": "What to wait for." })),
        ("workflow".to_owned(), text("Whose run is waited for, if several workflows listen.")),
        ("timeoutMs".to_owned(), json!({ "type": "integer", "minimum": 1, "maximum": hook::TIMEOUT_MS_MAX, "description": "How long it is waited for; 5,000 if absent." })),
        ("onError".to_owned(), json!({ "type": "object", "properties": reply, "additionalProperties": false, "description": "The answer if the run failed." })),
    ]);
    json!({
        "type": ["object", "null"],
        "description": "What is answered to an accepted request; the transaction's id at once if absent.",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn limits() -> Value {
    let number = |description: &str| json!({ "type": "integer", "minimum": 1, "description": description });
    json!({
        "type": ["object", "null"],
        "description": "How many requests the hook takes, on each node; more are answered with 429.",
        "properties": {
            "ratePerSecond": number("Requests in a second; or `ratePerMinute`."),
            "ratePerMinute": number("Requests in a minute."),
            "burst": number("How many may come at once after a pause; as many as the rate says if absent."),
            "concurrent": number("Requests that are answered at a time."),
        },
        "additionalProperties": false,
    })
}

fn captcha() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "Asks a service whether a person posts, about the token that its widget put into the form; for form hooks.",
        "properties": {
            "provider": { "enum": hook::Captcha::providers().collect::<Vec<_>>(), "description": "The service, or the one that `url` is like." },
            "url": { "type": "string", "description": "Where to ask another service of the same interface." },
            "secret": { "type": "string", "description": "The variable of the org that holds the service's secret." },
            "field": text("The field of the form, or else the header, with the token; the service's usual one if absent."),
            "minimumScore": { "type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "The score that is asked for; of reCAPTCHA, if it gives one, 0.5 if absent." },
            "hostname": text("The host of the page that the token has to be from."),
            "action": text("What the token has to be for."),
        },
        "required": ["secret"],
        "anyOf": [{ "required": ["provider"] }, { "required": ["url", "field"] }],
        "additionalProperties": false,
    })
}

fn verification() -> Value {
    let schemes: Vec<&str> = signature::names().chain([signature::GENERIC, signature::HEADER, hook::KEY]).collect();
    json!({
        "type": ["object", "null"],
        "description": "How requests prove who sent them; without it, web hooks ask for an API key, and others for nothing.",
        "properties": {
            "scheme": { "enum": schemes, "description": "Who signs; `generic` for a scheme made of the other fields, `basic` and `header` for a secret that is sent, `key` for an API key." },
            "tolerance_s": { "type": "integer", "minimum": 1, "description": "How old a request may be, in seconds." },
            "url": { "type": "string", "description": "The hook's address as the sender knows it." },
        },
        "required": ["scheme"],
    })
}
