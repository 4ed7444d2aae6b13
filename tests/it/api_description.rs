//! The description of the HTTP interface: that it is valid and complete, and that the server is as described.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::Server;
use crate::support::description::validator_of;

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("there are paths") {
        let methods = item.as_object().expect("a path has methods").iter();
        operations.extend(methods.map(|(method, operation)| (path.clone(), method.to_uppercase(), operation)));
    }
    operations
}

#[test]
fn every_operation_has_what_a_client_needs() {
    let document = hookflow::api::document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().expect("an operation has an id");
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{id}");
        let tag = &operation["tags"][0];
        assert!(document["tags"].as_array().unwrap().iter().any(|described| described["name"] == *tag), "{id}: {tag}");
        let named = path.split('/').filter(|segment| segment.starts_with('{')).count();
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(parameters.iter().filter(|parameter| parameter["in"] == "path").count(), named, "{method} {path}");
        assert!(parameters.iter().all(|parameter| parameter["description"].is_string()), "{id}");
    }
    assert!(ids.len() > 70, "{}", ids.len());
}

#[test]
fn every_reference_leads_somewhere() {
    fn visit(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    let pointer = target.strip_prefix('#').expect("references stay within the document");
                    assert!(document.pointer(pointer).is_some(), "{target}");
                }
                members.values().for_each(|member| visit(member, document));
            }
            Value::Array(items) => items.iter().for_each(|item| visit(item, document)),
            _ => {}
        }
    }
    let document = hookflow::api::document();
    visit(&document, &document);
}

#[test]
fn the_examples_of_requests_are_as_described() {
    let document = hookflow::api::document();
    for (path, method, operation) in operations(&document) {
        let media = &operation["requestBody"]["content"]["application/json"];
        if media.is_null() {
            assert!(!matches!(method.as_str(), "PUT" | "PATCH"), "{method} {path} describes no body");
            continue;
        }
        let validator = validator_of(&media["schema"], &document["components"]);
        let problems: Vec<String> = validator.iter_errors(&media["example"]).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{method} {path}: {problems:?}");
    }
}

/// Requests that are described reach a handler, with or without a key.
#[test]
fn what_is_described_is_there() {
    let server = Server::start();
    let document = server.get_without_key("/openapi.json").expect(200);
    assert_eq!(document, hookflow::api::document());
    for (path, method, operation) in operations(&document) {
        if operation["security"].is_null() || operation["tags"][0] == "Door" {
            continue;
        }
        let path = path.replace("{id}", "6b03e07737db00a02c000001").replace(['{', '}'], "");
        let answer = crate::support::server::send(server.request(&method, &path));
        assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text);
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let server = Server::start();
    let page = server.get_without_key("/docs");
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let links: Vec<&str> =
        page.text.split(['"', '\'']).filter(|text| text.starts_with('/') || text.contains("://")).collect();
    assert_eq!(links.len(), 4, "{links:?}");
    for link in links {
        assert_eq!(server.get_without_key(link).status, 200, "{link}");
    }
    assert!(!page.text.contains("<script>"), "a script stands in the page");
}
