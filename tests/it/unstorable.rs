//! Texts with the character U+0000, which PostgreSQL can't keep: refused on both databases, each at its place.

use serde_json::{Value, json};

use crate::support::{Server, errors};

const MESSAGE: &str = "contains the character U+0000, which can't be stored";

#[test]
fn a_text_that_can_not_be_stored_is_refused_at_its_place() {
    let server = Server::start();
    let ann = server.call("POST", "/v1/customers", json!({})).expect(201)["data"]["id"].take();
    let refused = |path: &str, document: Value, pointers: &[&str]| {
        let answer = server.call("POST", path, document).expect(422);
        let expected: Vec<_> = pointers.iter().map(|pointer| ("invalid", *pointer)).collect();
        assert_eq!(errors(&answer), expected, "{path}");
        assert!(answer["errors"].as_array().unwrap().iter().all(|error| error["detail"] == MESSAGE), "{answer:#}");
    };
    let customer = json!({
        "name": "\0", "externalId": "a\0", "emails": ["a\0@x.example"], "phones": ["030 1234\0"], "tags": ["\0"],
        "urls": ["https://x.example/\0"]
    });
    let places = ["/name", "/externalId", "/emails/0", "/phones/0", "/urls/0", "/tags/0"];
    refused("/v1/customers", customer, &places);
    let kobject = json!({ "title": "a\0b", "externalId": "\0", "icon": "\0" });
    refused("/v1/klasses/order", kobject, &["/title", "/externalId", "/icon"]);
    let klass = json!({ "name": "return", "displayName": "\0", "icon": "\0" });
    refused("/v1/klasses", klass, &["/displayName", "/icon"]);
    refused("/v1/hooks", json!({ "name": "x", "title": "\0", "description": "\0" }), &["/title", "/description"]);
    refused("/v1/companies", json!({ "name": "a\0", "emails": ["\0"] }), &["/name", "/emails/0"]);
    let conversation = json!({ "customer": ann, "externalId": "\0", "queue": "\0" });
    refused("/v1/conversations", conversation, &["/externalId", "/queue"]);
    refused("/v1/users", json!({ "email": "a\0@x.example" }), &["/email"]);
    refused("/v1/keys", json!({ "name": "a\0", "role": "org.read" }), &["/name"]);
    // Inside free-form data it is stored as it was sent.
    let kobject = json!({ "title": "Order", "data": { "a": "b\0" } });
    let made = server.call("POST", "/v1/klasses/order", kobject).expect(201);
    assert_eq!(made["data"]["attributes"]["data"], json!({ "a": "b\0" }));
    server.get("/v1/companies/externalId=%00").expect(404);
}
