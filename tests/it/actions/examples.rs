//! The examples in `docs/actions.md` about objects: each is executed, and gives what it says.
//!
//! An example is a step in a block of JSON, the word `gives`, and another block with the step's output. In that, `"…"`
//! stands for any value, and a member `"…": "…"` for any others.

use serde_json::{Value, json};

use super::Stage;
use crate::support::Server;

/// What actions on objects begin with.
pub const FAMILIES: [&str; 9] =
    ["customer", "kobject", "klass", "company", "conversation", "message", "note", "user", "org"];

/// What the examples are about, by the names that they refer to it by.
fn furnish(server: &Server) -> Value {
    let make = |path: &str, document: Value| server.create(path, document)["id"].take();
    let company = make("/v1/companies", json!({ "name": "Acme", "externalId": "acme" }));
    let user = make("/v1/users", json!({ "name": "Zoë", "email": "zoe@example.com" }));
    let customer = make(
        "/v1/customers",
        json!({ "name": "Ann", "externalId": "A-1", "emails": ["ann@example.com"], "phones": ["+49 30 1234"] }),
    );
    let other = make("/v1/customers", json!({ "name": "A.", "emails": ["a@example.com"], "tags": ["vip"] }));
    let conversation = make(
        "/v1/conversations",
        json!({ "customer": customer, "externalId": "c-1", "name": "Where is it?", "tags": ["new"] }),
    );
    let say = |body: &str| json!({ "conversation": conversation, "direction": "in", "body": body });
    let mut first = say("Where is my order?");
    first["externalId"] = json!("m-1");
    make("/v1/messages", first);
    let message = make("/v1/messages", say("It is number 1234."));
    let note = make("/v1/notes", json!({ "conversation": conversation, "body": "Called", "externalId": "n-1" }));
    let order =
        json!({ "title": "Order 1234", "customer": customer, "externalId": "1234", "custom": { "totalNum": 10.25 } });
    let order = make("/v1/klasses/order", order);
    let back = make("/v1/klasses/return", json!({ "title": "Return", "customer": customer }));
    json!({
        "company": company, "user": user, "customer": customer, "other": other, "conversation": conversation,
        "message": message, "note": note, "order": order, "return": back,
    })
}

/// Makes room for the next example: what belongs to the customers goes with them.
fn clear(server: &Server) {
    for path in ["/v1/customers", "/v1/companies", "/v1/users"] {
        for made in server.get(path).expect(200)["data"].as_array().unwrap() {
            server.call("DELETE", &crate::support::link(made), Value::Null);
        }
    }
}

/// The block of JSON that a text begins with.
pub fn block(text: &str) -> Value {
    let text = text.strip_prefix("```json\n").unwrap_or_else(|| panic!("a block of JSON, not {text}"));
    let (json, _) = text.split_once("\n```").expect("the block ends");
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error} in {json}"))
}

/// The examples in a section: steps and what they give.
fn examples(section: &str) -> Vec<(Value, Value)> {
    let example = |(at, _): (usize, &str)| {
        let begin = section[..at].rfind("```json\n").expect("a step stands before what it gives");
        (block(&section[begin..]), block(section[at..].trim_start_matches("\n```\n\ngives\n\n")))
    };
    section.match_indices("\n```\n\ngives\n\n").map(example).collect()
}

pub fn matches(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::String(any), _) if any == "…" => true,
        (Value::Object(expected), Value::Object(actual)) => {
            let is_open = expected.contains_key("…");
            let named: Vec<_> = expected.iter().filter(|(name, _)| *name != "…").collect();
            (is_open || named.len() == actual.len())
                && named.iter().all(|(name, value)| actual.get(*name).is_some_and(|actual| matches(value, actual)))
        }
        (Value::Array(expected), Value::Array(actual)) => {
            expected.len() == actual.len()
                && expected.iter().zip(actual).all(|(expected, actual)| matches(expected, actual))
        }
        (expected, actual) => expected == actual,
    }
}

#[test]
fn every_action_on_objects_has_an_example_with_its_real_output() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/actions.md")).unwrap();
    let stage = Stage::new();
    for (name, section) in docs.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')) {
        let family = name.split_once('.').map_or(name, |(family, _)| family);
        if !FAMILIES.contains(&family) {
            continue;
        }
        let examples = examples(section);
        assert!(!examples.is_empty(), "{name} has no example");
        for (step, expected) in examples {
            assert_eq!(step["action"], name);
            let inputs = furnish(&stage.server);
            let workflow = stage.workflow(vec![step]);
            let entry = stage.call(&workflow, &inputs).remove(0);
            assert_eq!(entry["status"], "completed", "{name}: {entry:#}");
            assert!(matches(&expected, &entry["output"]), "{name} gives {:#}", entry["output"]);
            clear(&stage.server);
        }
    }
}

#[test]
fn an_example_with_another_result_is_noticed() {
    let text = "Text.\n\n```json\n{ \"action\": \"a\" }\n```\n\ngives\n\n```json\n{ \"b\": 1, \"…\": \"…\" }\n```\n";
    assert_eq!(examples(text), [(json!({ "action": "a" }), json!({ "b": 1, "…": "…" }))]);
    let said = json!({ "id": "…", "list": [{ "n": 1, "…": "…" }] });
    assert!(matches(&said, &json!({ "id": "5", "list": [{ "n": 1, "m": 2 }] })));
    for other in [
        json!({ "id": "5", "list": [{ "n": 2 }] }),
        json!({ "id": "5", "list": [{ "n": 1 }], "more": 1 }),
        json!({ "list": [{ "n": 1 }] }),
        json!({ "id": "5", "list": [] }),
    ] {
        assert!(!matches(&said, &other), "{other}");
    }
}
